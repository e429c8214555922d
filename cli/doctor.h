/* SPDX-License-Identifier: Apache-2.0 */
/* How `cede doctor` shows its facts. */
#ifndef CEDE_CLI_DOCTOR_H
#define CEDE_CLI_DOCTOR_H

#include "base/str.h"
#include "metrics/host.h"

/* An aligned table in lines of at most `width` columns (a word that is longer stands alone), and
 * the overall verdict as its last line. Both append to or replace *sb; look at sb->oom. */
void doctor_table(const struct host *h, size_t width, struct strbuf *sb);
/* {"usable": bool, "service": "full|reduced|none", "facts": [{name, verdict, value, costs}]} */
void doctor_json(const struct host *h, struct strbuf *sb);

#endif
