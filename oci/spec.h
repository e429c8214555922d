/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json (OCI runtime specification 1.3) as structs.
 *
 * Shapes follow config.md and config-linux.md name by name. Everything a spec_* struct points to
 * lives in the spec's arena. Strings are NULL and arrays empty where the document says nothing; a
 * scalar whose absence means something else than zero is an opt_*.
 */
#ifndef CEDE_OCI_SPEC_H
#define CEDE_OCI_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define OCI_VERSION "1.3.0"
#define OCI_VERSION_MIN "1.0.0"

struct opt_bool {
	bool set, val;
};
struct opt_i64 {
	bool set;
	int64_t val;
};
struct opt_u64 {
	bool set;
	uint64_t val;
};

/* NULL-terminated, usable as argv; v is NULL when n is 0 and the key was absent. */
struct strv {
	char **v;
	size_t n;
};

/* annotations, sysctl, unified, netDevices' names: in document order */
struct spec_pair {
	const char *key, *value;
};
struct spec_pairs {
	struct spec_pair *v;
	size_t n;
};

struct spec_idmap {
	uint32_t container_id, host_id, size;
};
struct spec_idmaps {
	struct spec_idmap *v;
	size_t n;
};

struct spec_mount {
	const char *destination; /* required */
	const char *type;	 /* may be NULL */
	const char *source;	 /* may be NULL */
	struct strv options;
	struct spec_idmaps uid_mappings, gid_mappings;
};

struct spec_rlimit {
	int resource; /* RLIMIT_* */
	const char *type;
	uint64_t soft, hard;
};

struct spec_user {
	uint32_t uid, gid;
	struct opt_u64 umask;
	uint32_t *additional_gids;
	size_t n_additional_gids;
};

/* Bit n is capability n (capability.h). Names the kernel does not know are kept in `unknown`, to be
 * logged as a warning (config.md, capabilities). */
struct spec_capabilities {
	uint64_t bounding, effective, inheritable, permitted, ambient;
	struct strv unknown;
};

struct spec_scheduler {
	int policy; /* SCHED_* */
	int32_t nice, priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime, deadline, period;
};

struct spec_process {
	bool terminal;
	uint16_t console_height, console_width; /* 0: not given */
	struct spec_user user;
	struct strv args, env;
	const char *cwd;			/* required, absolute */
	struct spec_capabilities *capabilities; /* NULL: not given */
	struct spec_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	const char *apparmor_profile, *selinux_label;
	struct opt_i64 oom_score_adj;
	struct spec_scheduler *scheduler;     /* NULL: not given */
	struct opt_i64 io_class, io_priority; /* IOPRIO_CLASS_* and 0..7 */
	const char *exec_cpu_initial, *exec_cpu_final;
};

struct spec_hook {
	const char *path; /* absolute */
	struct strv args, env;
	int timeout_sec; /* 0: none given */
};
struct spec_hooks {
	struct spec_hook *v;
	size_t n;
};

enum spec_hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_KINDS,
};

enum spec_ns_kind {
	NS_USER, /* in the order in which they are entered */
	NS_CGROUP,
	NS_IPC,
	NS_UTS,
	NS_NETWORK,
	NS_PID,
	NS_MOUNT,
	NS_TIME,
	NS_KINDS,
};

struct spec_namespace {
	bool wanted;
	const char *path; /* NULL: a new one; else join this one */
};

struct spec_device {
	char type; /* 'c' 'b' 'p'; 'u' is stored as 'c' */
	const char *path;
	int64_t major, minor;
	uint32_t mode; /* permission bits; default 0666 */
	uint32_t uid, gid;
	bool mode_given, uid_given, gid_given; /* in the document: also for a file that exists */
};

struct spec_device_rule {
	bool allow;
	char type;		     /* 'a' 'c' 'b' */
	struct opt_i64 major, minor; /* not set (or -1 in the document): any */
	bool read, write, mknod;
};

struct spec_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	int op; /* enum scmp_compare */
};

struct spec_seccomp_rule {
	struct strv names;
	uint32_t action; /* SCMP_ACT_* without the errno */
	struct opt_u64 errno_ret;
	struct spec_seccomp_arg *args;
	size_t n_args;
};

struct spec_seccomp {
	uint32_t default_action;
	struct opt_u64 default_errno_ret;
	uint32_t *architectures; /* SCMP_ARCH_* tokens */
	size_t n_architectures;
	struct strv flags; /* "SECCOMP_FILTER_FLAG_*" as in the document; validated */
	const char *listener_path, *listener_metadata;
	struct spec_seccomp_rule *rules;
	size_t n_rules;
	/* All that makes the filter (no listener, no unknown keys), in one spelling: the key of
	 * the filter cache. NUL-terminated. */
	const char *text;
	size_t text_len;
};

struct spec_weight_device {
	int64_t major, minor;
	struct opt_u64 weight, leaf_weight;
};
struct spec_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};
struct spec_throttle {
	struct spec_throttle_device *v;
	size_t n;
};

struct spec_hugepage {
	const char *page_size; /* "2MB": [1-9][0-9]*[KMG]B */
	uint64_t limit;	       /* bytes */
};
struct spec_net_priority {
	const char *name;
	uint32_t priority;
};
struct spec_rdma {
	const char *device;
	struct opt_u64 hca_handles, hca_objects; /* at least one is set */
};

/*
 * Zero means "not set" to every engine where the kernel has no use for it: memory limits, cpu
 * shares, quota and period, block I/O weights. Those are not set here either. pids.limit 0 stays.
 */
struct spec_resources {
	struct spec_device_rule *devices;
	size_t n_devices;
	struct {
		struct opt_i64 limit, reservation, swap, kernel, kernel_tcp; /* bytes; -1: none */
		struct opt_u64 swappiness;
		struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
	} memory;
	struct {
		struct opt_u64 shares, period, burst, realtime_period; /* microseconds */
		struct opt_i64 quota, realtime_runtime, idle;	       /* quota -1: none */
		const char *cpus, *mems; /* validated lists: "0-3,7" */
	} cpu;
	struct opt_i64 pids_limit; /* -1: none */
	struct {
		struct opt_u64 weight, leaf_weight;
		struct spec_weight_device *weight_devices;
		size_t n_weight_devices;
		struct spec_throttle read_bps, write_bps, read_iops, write_iops;
	} block_io;
	struct spec_hugepage *hugepages;
	size_t n_hugepages;
	struct opt_u64 net_class_id;
	struct spec_net_priority *net_priorities;
	size_t n_net_priorities;
	struct spec_rdma *rdma;
	size_t n_rdma;
	struct spec_pairs unified; /* keys: one path component, none of those that act at once */
};

struct spec_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};

struct spec_net_device {
	const char *host_name; /* the key */
	const char *name;      /* in the container; NULL: the same */
};

struct spec_linux {
	struct spec_namespace namespaces[NS_KINDS];
	struct spec_idmaps uid_mappings, gid_mappings;
	struct spec_time_offset offset_monotonic, offset_boottime;
	struct spec_device *devices;
	size_t n_devices;
	struct spec_net_device *net_devices;
	size_t n_net_devices;
	const char *cgroups_path;
	struct spec_resources resources;
	const char *rootfs_propagation; /* validated name ("rslave"), or NULL */
	struct spec_seccomp *seccomp;	/* NULL: none */
	struct spec_pairs sysctl;
	struct strv masked_paths, readonly_paths;
	const char *mount_label;
	struct {
		bool set;
		const char *clos_id, *l3_cache_schema, *mem_bw_schema;
		struct strv schemata;
		bool enable_monitoring;
	} intel_rdt;
	struct {
		bool set;
		uint32_t mode; /* MPOL_* */
		uint32_t flags;
		const char *nodes;
	} memory_policy;
	struct {
		bool set;
		uint64_t domain;
		struct strv flags;
	} personality;
};

struct spec {
	struct arena arena;
	const char *oci_version;
	const char *root_path; /* as in the document */
	bool root_readonly;
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_process *process; /* NULL: not given (create is fine, start is not) */
	const char *hostname, *domainname;
	struct spec_hooks hooks[HOOK_KINDS];
	struct spec_pairs annotations;
	struct spec_linux linux_;
	const struct json *json; /* the whole document */
};

/*
 * Reads `file` ("config.json") below the bundle's descriptor, checks it, and hands out a fresh
 * spec, to be freed with spec_free. Errors name the place, what was found and what was expected:
 * "config.json: process.rlimits[2].hard: expected integer, found string" (-EINVAL), or
 * "config.json: line 3, column 7: ..." (-EBADMSG), or the open/read error.
 */
int spec_load(int bundle_fd, const char *file, struct spec **ret, struct err *e);

/* The same from text. `what` names it in errors. */
int spec_parse(const char *text, size_t len, const char *what, struct spec **ret, struct err *e);

/* A process object alone (`exec --process FILE`); the result lives in `a`. */
int spec_process_parse(struct arena *a, const char *text, size_t len, const char *what,
		       struct spec_process **ret, struct err *e);

/* A linux.resources object alone (`update --resources`); the result lives in `a`. */
int spec_resources_parse(struct arena *a, const char *text, size_t len, const char *what,
			 struct spec_resources *ret, struct err *e);

void spec_free(struct spec *s);

static inline void cleanup_spec(struct spec **s)
{
	spec_free(*s);
}
#define _cleanup_spec_ __attribute__((cleanup(cleanup_spec)))

const char *spec_annotation(const struct spec *s, const char *key);

/* Names of the specification, by kind ("network", "createRuntime"). */
const char *spec_ns_name(enum spec_ns_kind k);
/* CLONE_NEW* */
int spec_ns_clone_flag(enum spec_ns_kind k);
/* "user", "pid", "net", ...: the file below /proc/<pid>/ns/ */
const char *spec_ns_proc_name(enum spec_ns_kind k);
const char *spec_hook_name(enum spec_hook_kind k);

/* A key of linux.sysctl, in either spelling: its path below /proc/sys, and the namespace that keeps
 * the parameter to itself. -EINVAL: not a name. -EPERM: the whole machine's. Pure. */
int spec_sysctl(const char *key, char *buf, size_t size, enum spec_ns_kind *ret_ns);
/* MS_* of mount(2) for a rootfs_propagation, 0 for NULL. */
unsigned long spec_propagation_flags(const char *name);

#endif
