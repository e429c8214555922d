/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The specification as tables: one row for each key of an object, saying what it must look like and
 * where it goes. Private to oci/spec*.c.
 *
 * Where a value stands in the document is a chain of struct spec_at on the stack; it becomes text
 * only when an error is made: "config.json: process.rlimits[2].hard: expected integer, found
 * string". A null counts as absent and an unknown key is ignored, as the specification and Go's
 * decoder have it.
 */
#ifndef CEDE_OCI_SPEC_READ_H
#define CEDE_OCI_SPEC_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "oci/names.h"
#include "oci/spec.h"

struct spec_reader {
	struct arena *a;  /* where the result lives */
	const char *what; /* the document, in errors */
	struct err *e;
};

struct spec_at {
	const struct spec_at *up;
	const char *key; /* NULL: an element of an array */
	size_t index;
};

enum spec_shape {
	SHAPE_STRING,
	SHAPE_BOOL,
	SHAPE_INTEGER,
	SHAPE_OBJECT,
	SHAPE_STRINGS,
	SHAPE_INTEGERS,
	SHAPE_OBJECTS,
};

struct spec_field;

/* Reads `v`, whose outer shape has been checked, into the field of `obj`. */
typedef int spec_read_fn(struct spec_reader *r, const struct spec_at *at,
			 const struct spec_field *f, const struct json *v, void *obj);

struct spec_field {
	const char *key;
	enum spec_shape shape;
	spec_read_fn *read;
	size_t offset; /* of the value in the object's struct */
	size_t count;  /* of an array's length */
	bool required;
	const char *only_with;		  /* ignored unless this boolean beside it is true */
	bool zero_unset;		  /* opt_*: 0 is what engines send for "not set" */
	const struct spec_object *object; /* of the value, or of its elements */
	const struct oci_names *names;	  /* the values it can have */
	int64_t min;			  /* both 0: whatever the type holds */
	uint64_t max;
};

struct spec_object {
	const struct spec_field *fields;
	size_t n;
	size_t size; /* of the struct */
	/* Rules between the fields, after all of them were read; may be NULL. */
	int (*check)(struct spec_reader *r, const struct spec_at *at, void *obj);
};

/* One row; then what else it needs: AT(member), REQUIRED, RANGE(0, 7), ... Files define AT and
 * COUNT for the struct at hand. ROW has a reader of the file's own, FIELD one of those below. */
#define ROW(key_, shape_, reader, ...)                                                             \
	{                                                                                          \
		.key = (key_), .shape = SHAPE_##shape_, .read = (reader), __VA_ARGS__              \
	}
#define FIELD(key_, shape_, read_, ...) ROW(key_, shape_, spec_read_##read_, __VA_ARGS__)
#define REQUIRED .required = true
#define ONLY_WITH(key_) .only_with = (key_)
#define ZERO_UNSET .zero_unset = true
#define RANGE(lo, hi) .min = (lo), .max = (hi)
/* Users and groups: the highest number is -1, which setresuid(2) and fchownat(2) take for "leave it
 * as it is": the runtime's own. */
#define SPEC_ID_RANGE RANGE(0, UINT32_MAX - 1)
#define OBJECT(o) .object = &(o)
#define NAMED(n) .names = &(n)
#define OBJECT_INIT(table, type, check_)                                                           \
	{                                                                                          \
		.fields = (table), .n = ARRAY_SIZE(table), .size = sizeof(type), .check = (check_) \
	}

#define SPEC_PTR(type, obj, off) ((type *)((char *)(obj) + (off)))

int spec_read_whole(struct spec_reader *r, const struct spec_at *at, const struct spec_object *o,
		    const struct json *v, void *obj);

/* Readers by the type of the struct member. An empty optional string is one not given: NULL. */
spec_read_fn spec_read_string; /* const char * */
spec_read_fn spec_read_path;   /* const char *, absolute */
spec_read_fn spec_read_cpus;   /* const char *, a list of numbers and ranges: "0-3,7" */
spec_read_fn spec_read_bool;
spec_read_fn spec_read_opt_bool;
spec_read_fn spec_read_u16, spec_read_u32, spec_read_u64, spec_read_i32, spec_read_i64;
spec_read_fn spec_read_opt_u64, spec_read_opt_i64;
spec_read_fn spec_read_strings; /* struct strv */
spec_read_fn spec_read_paths;	/* struct strv, all absolute */
spec_read_fn spec_read_u32s;	/* uint32_t *, and size_t at `count` */
spec_read_fn spec_read_pairs;	/* struct spec_pairs from an object of strings */
spec_read_fn spec_read_name;	/* int, by `names` */
spec_read_fn spec_read_name_u32, spec_read_name_u64; /* uint32_t, uint64_t, the same */
spec_read_fn spec_read_flags;			     /* uint64_t: strings, by `names`, ored */
spec_read_fn spec_read_object;			     /* the struct is in obj, at offset */
spec_read_fn spec_read_pointer;			     /* a pointer to a fresh struct */
spec_read_fn spec_read_array;  /* a pointer to fresh structs, and size_t at `count` */
spec_read_fn spec_read_idmaps; /* struct spec_idmaps */

/* Makes the error of a bad value at `at`. Returns -EINVAL. */
int spec_bad(struct spec_reader *r, const struct spec_at *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));
/* "expected <expected>, found <type of v>" */
int spec_wrong(struct spec_reader *r, const struct spec_at *at, const char *expected,
	       const struct json *v) __attribute__((cold));
/* The number behind the name that v, a string, must be. */
int spec_lookup(struct spec_reader *r, const struct spec_at *at, const struct oci_names *names,
		const struct json *v, uint64_t *ret);
int spec_no_memory(struct spec_reader *r) __attribute__((cold));

/* "x" in quotes for an error: printable, and cut if it is long. */
struct spec_quoted {
	char text[96];
};
struct spec_quoted spec_quote(const char *s);
#define QUOTE(s) (spec_quote(s).text)

/* Fresh, zeroed memory of the result; NULL after making the error. */
void *spec_alloc(struct spec_reader *r, size_t n, size_t size);

static inline struct spec_at spec_at_key(const struct spec_at *up, const char *key)
{
	return (struct spec_at){.up = up, .key = key};
}
static inline struct spec_at spec_at_index(const struct spec_at *up, size_t index)
{
	return (struct spec_at){.up = up, .index = index};
}

/* The objects of the specification, one file each. */
extern const struct spec_object spec_process_object;   /* spec_process.c */
extern const struct spec_object spec_mount_object;     /* spec_mounts.c */
extern const struct spec_object spec_hooks_object;     /* spec_hooks.c: struct spec */
extern const struct spec_object spec_linux_object;     /* spec_linux.c */
extern const struct spec_object spec_resources_object; /* spec_resources.c */
extern const struct spec_object spec_seccomp_object;   /* spec_seccomp.c */

/* Rules between objects (spec_check.c). */
int spec_check(struct spec_reader *r, const struct spec *s);

#endif
