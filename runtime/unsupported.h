/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the specification has and cede cannot do (yet), and combinations that make no sense: refused
 * with the place in the document, never dropped silently (config.md: "MUST generate an error").
 */
#ifndef CEDE_RUNTIME_UNSUPPORTED_H
#define CEDE_RUNTIME_UNSUPPORTED_H

#include "base/err.h"
#include "oci/spec.h"

int unsupported_check(const struct spec *s, struct err *e);

#endif
