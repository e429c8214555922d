/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of a systemd unit, as they go to the helper: name, D-Bus signature and values as text.
 * Everything here is pure, but for memory.
 */
#ifndef CEDE_RUNTIME_UNIT_PROPS_H
#define CEDE_RUNTIME_UNIT_PROPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "oci/spec.h"
#include "runtime/cgroup_internal.h"

struct unit_prop {
	const char *name;
	const char *sig; /* a basic type ("t"), an array of one ("as"), "a(ss)", "a(st)" */
	const char **values;
	size_t n, cap;
	bool optional; /* left out if this systemd does not know it */
};

struct unit_props {
	struct arena *a;
	struct unit_prop *v;
	size_t n, cap;
};

/* Adds one value. A property of that name and signature that is there already gets one more if it
 * is an array, a new one if it is not; another signature replaces it. Strings are copied, except
 * name and sig. -ENOMEM. */
int unit_props_add(struct unit_props *p, const char *name, const char *sig, const char *value,
		   struct err *e);
/* An array's whole, also an empty one. */
struct unit_prop *unit_props_set(struct unit_props *p, const char *name, const char *sig,
				 struct err *e);
/* As the helper reads it (libexec/cede-systemd.c). */
void unit_props_write(const struct unit_props *p, struct strbuf *out);

/*
 * The limits of a plan for which systemd has a property: what it does not know of, its next reload
 * may take back. Those that a fresh group has anyway say "none" all the same: a fresh unit has what
 * its manager gives by default (systemd-system.conf(5), DefaultTasksMax). The kernel's files are
 * written afterwards as well (cg_plan_write): they are exact where systemd rounds, and cover what
 * it has no property for.
 */
int unit_props_of_plan(struct unit_props *p, const struct cg_plan *plan, struct err *e);

/*
 * Annotations org.systemd.property.NAME: a value in GVariant's text form, of the types that
 * properties of scopes have: booleans, numbers ("5", "uint64 5"), strings, and arrays of them,
 * bytes (b'\001') and pairs ([('/dev/null', 'rw')]). A NAME that ends with "Sec" and has a number,
 * which here may be one like 2.5, is systemd's NAME in microseconds, "USec". What cannot be read is
 * refused by name.
 */
#define UNIT_ANNOTATION "org.systemd.property."
int unit_props_of_annotations(struct unit_props *p, const struct spec_pairs *annotations,
			      struct err *e);

#endif
