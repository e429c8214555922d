/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cgroup modules share: the plan of writes (cgroup_knobs.c), the walk down the tree
 * (cgroup_fs.c), and what a secondary is born with (cgroup_birth.c).
 */
#ifndef CEDE_RUNTIME_CGROUP_INTERNAL_H
#define CEDE_RUNTIME_CGROUP_INTERNAL_H

#include "base/arena.h"
#include "runtime/cgroup.h"

/* cpu.idle=1: the kernel makes all of it idle. */
bool cg_slice_is_idle(const struct cg_host *h);

/* One write to one file of the group. */
struct cg_write {
	const char *json; /* below linux.resources: "memory.limit" */
	const char *file; /* "memory.max" */
	const char
		*value; /* several lines are written one by one (cgroup-v2.rst: one key a write) */
	unsigned controller; /* enum cg_controller bit, 0: none */
	/* What a fresh group has anyway ("max"): nothing to do there, and nothing is missing where
	 * the controller is. */
	bool neutral;
	bool optional;	 /* a missing file is fine */
	bool keep_quota; /* cpu.max with a period alone: `value` is the period */
	const char
		*other; /* file to take when `file` is not there or not in charge of the device */
	const char *other_value;
	const char *hint; /* what the kernel accepts, for its EINVAL and ERANGE; may be NULL */
};

struct cg_plan {
	struct cg_write *v;
	size_t n, cap;
	unsigned needed;       /* controllers without which the plan cannot be carried out */
	int idle;	       /* cpu.idle: 0, 1, or -1: not asked */
	uint64_t check_before; /* refuse if more memory (bytes) than this is in use; 0: no check */
};

/* Pure: linux.resources -> writes. -EINVAL for values that make no sense, -EOPNOTSUPP for what
 * cgroup v2 has no equivalent of. Texts begin with "linux.resources.". */
int cg_plan_make(struct arena *a, const struct spec_resources *r, struct cg_plan *ret,
		 struct err *e);
/* `have`: controllers of the group; `fresh`: just made, all its files have their defaults. If one
 * write to a group that is not fails, those before it are taken back; if that fails too, the error
 * names the files. */
int cg_plan_write(int cgfd, const struct cg_plan *p, unsigned have, bool fresh, struct err *e);

/* Line by line (cgroup-v2.rst: one key a write); an empty value is written as an empty line. 0 or a
 * negative errno. */
int cg_write_lines(int cgfd, const char *file, const char *value);

/* runtime/cgroup_undo.c */
#define CG_UNDO_MAX 256
struct cg_old {
	const char *file;
	const char *text; /* what to write to have it as it was; NULL: cannot be read */
	bool done;
};
struct cg_undo {
	struct cg_old v[CG_UNDO_MAX];
	size_t n;
};
/* Before `value` is written to `file`. */
int cg_undo_remember(struct cg_undo *u, struct arena *a, int cgfd, const char *file,
		     const char *value, struct err *e);
/* Takes back what was written; returns rc, with what remains added to its error. */
int cg_undo(struct cg_undo *u, int cgfd, int rc, struct err *e);

/* What a manager makes a group for. */
struct cg_request {
	const struct runtime *rt;
	const struct spec *spec;
	const char *id;
	const struct cg_plan *plan;
};

#define CG_DEPTH_MAX 32

struct cg_level {
	int fd;
	char name[256];
	bool created;
	bool known;	  /* `enabled` is up to date */
	unsigned enabled; /* cgroup.subtree_control */
	bool written;	  /* by us, just now */
};

/* The way from the mount (level 0) to the group (level n). */
struct cg_walk {
	const struct cg_host *host;
	const char *path;
	struct cg_level level[CG_DEPTH_MAX + 1];
	size_t n;
	int enable_errno; /* the last controller that could not be enabled, and where */
	size_t enable_level;
};

/* Opens the levels; with `make`, creates the missing ones. */
int cg_walk_init(struct cg_walk *w, const struct cg_host *h, const char *path, bool make,
		 struct err *e);
/* Enables controllers from the top down to the group; returns those the group now has. Never
 * fails: what is missing is for the caller to judge (cg_walk_explain). */
unsigned cg_walk_enable(struct cg_walk *w, unsigned want);
/* Says why `json` cannot be honoured: no controller, or not enabled and where. -EOPNOTSUPP. */
int cg_walk_explain(const struct cg_walk *w, unsigned controller, const char *json, struct err *e);
/* 0 if nothing that the plan needs is missing in `have`. */
int cg_check_needed(const struct cg_walk *w, const struct cg_plan *p, unsigned have, struct err *e);
/* Removes the levels made by this walk, deepest first. */
void cg_walk_undo(struct cg_walk *w);
void cg_walk_close(struct cg_walk *w);

/* One spelling: leading slash, no doubled or trailing one, no "."; "" for the root. `buf` has at
 * least strlen(path) + 2 bytes. Returns the length. */
size_t cg_normalise(const char *path, char *buf);

/* Below the slice (not the slice itself). */
bool cg_in_slice(const char *path);
/* Controllers that the birth settings of a group in the slice use. */
unsigned cg_birth_controllers(const struct cg_host *h);
/* The slice: cpu.idle=1, the soft memory ceiling, the lowest I/O weight. `have` is what
 * cg_walk_enable returned. True in *ret_idle when the kernel holds the slice idle. */
int cg_birth_slice(const struct cg_walk *w, unsigned have, bool *ret_idle, struct err *e);
/* The slice's soft memory ceiling, in bytes. */
int cg_slice_memory_high(uint64_t *ret, struct err *e);
/* The container's own group. */
int cg_birth_group(int cgfd, unsigned have, struct err *e);

/* runtime/cgroup_others.c */
/* Not the group that the container is recorded with. */
bool cg_is_another(const struct container *c, uint64_t inode);
bool cg_is_others(const struct cgroup *cg, uint64_t inode);
/* 1: another container of the state root has the scope's name by now. */
int cg_unit_is_others(const struct container *c, struct err *e);

/* runtime/cgroup_systemd.c */
int cg_create_systemd(const struct cg_request *r, struct cgroup *cg, struct err *e);
/* Tells systemd about a plan that has been written to the kernel's files. */
int cg_apply_systemd(const struct cgroup *cg, struct arena *a, const struct cg_plan *plan,
		     struct err *e);
/* cpu.max with one half alone keeps the other half that is in force, which systemd does not know:
 * the plan's writes get both. Before anything is written: systemd has rules of its own for periods.
 */
int cg_complete_quotas(int cgfd, struct arena *a, struct cg_plan *plan, struct err *e);
/* The slice as a unit of systemd's, so that no reload and no other unit's coming or going takes its
 * idle class or its children's controllers away. */
int cg_slice_ensure(const struct cg_host *h, enum systemd_manager m, struct err *e);

/* config-linux.md, "Cgroup ownership". */
int cg_owner_apply(int cgfd, const struct spec *s, struct err *e);

#endif
