/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job as a config.json. Pure: plan in, document out, so that `--dry-run` shows exactly what would
 * be run, and a test can read it back.
 *
 * What is the host's is read-only. What a program expects to write to is made anew and is gone
 * afterwards: /tmp, /var/tmp, /run, /dev/shm, each limited to a quarter of the memory so that a job
 * cannot fill the machine's by writing files.
 *
 * The scheduling class is not in the document: the runtime gives every secondary its own (idle by
 * its cgroup or task by task, whatever the host has).
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/launch.h"
#include "oci/documents.h"
#include "sched/secondary.h"

#define CPU_PERIOD_USEC 50000

/* Where a mount belongs: in every job, over the host's root, over one that has the directory (none
 * is made on the host). */
enum { ALWAYS, TTY_GROUP, NO_TTY_GROUP, OWN_NET, HOST_NET, GROUPED, HOST_ROOT, HAS_VAR_TMP };

static const struct {
	int when;
	const char *destination, *type, *source, *options;
} mounts[] = {
	{ALWAYS, "/proc", "proc", "proc", "nosuid,noexec,nodev"},
	{ALWAYS, "/dev", "tmpfs", "tmpfs", "nosuid,noexec,strictatime,mode=755,size=65536k"},
	{TTY_GROUP, "/dev/pts", "devpts", "devpts",
	 "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
	{NO_TTY_GROUP, "/dev/pts", "devpts", "devpts",
	 "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"},
	{ALWAYS, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=25%"},
	{ALWAYS, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
	{OWN_NET, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
	/* A fresh sysfs belongs to whoever owns the network namespace. */
	{HOST_NET, "/sys", "bind", "/sys", "rbind,rro,nosuid,noexec,nodev"},
	{GROUPED, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"},
	{HOST_ROOT, "/tmp", "tmpfs", "tmpfs", "nosuid,nodev,mode=1777,size=25%"},
	{HAS_VAR_TMP, "/var/tmp", "tmpfs", "tmpfs", "nosuid,nodev,mode=1777,size=25%"},
	{HOST_ROOT, "/run", "tmpfs", "tmpfs", "nosuid,nodev,mode=755,size=25%"},
};

static void write_strings(struct json_writer *w, const char *key, const char *const *list)
{
	json_w_array(w, key);
	for (; *list; list++)
		json_w_string(w, NULL, *list);
	json_w_end_array(w);
}

static int write_option(const char *option, size_t len, void *arg)
{
	char copy[32];

	(void)snprintf(copy, sizeof(copy), "%.*s", (int)len, option); /* ours, and short */
	json_w_string(arg, NULL, copy);
	return 0;
}

static void write_mount(struct json_writer *w, const char *destination, const char *type,
			const char *source, const char *options)
{
	json_w_object(w, NULL);
	json_w_string(w, "destination", destination);
	json_w_string(w, "type", type);
	json_w_string(w, "source", source);
	json_w_array(w, "options");
	(void)str_split(options, ',', write_option, w); /* always 0 */
	json_w_end_array(w);
	json_w_end_object(w);
}

static void write_mounts(struct json_writer *w, const struct launch_plan *p)
{
	const bool wanted[] = {
		[ALWAYS] = true,
		[TTY_GROUP] = p->has_tty_group,
		[NO_TTY_GROUP] = !p->has_tty_group,
		[OWN_NET] = !p->ordinary || !p->host_net,
		[HOST_NET] = p->ordinary && p->host_net,
		[GROUPED] = !p->ordinary,
		[HOST_ROOT] = streq(p->rootfs, "/"),
		[HAS_VAR_TMP] = streq(p->rootfs, "/") && p->has_var_tmp,
	};

	json_w_array(w, "mounts");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		if (wanted[mounts[i].when])
			write_mount(w, mounts[i].destination, mounts[i].type, mounts[i].source,
				    mounts[i].options);
	if (p->resolv_conf) /* /etc/resolv.conf leads to /run, which is fresh */
		write_mount(w, p->resolv_conf, "bind", p->resolv_conf, "bind,ro,nosuid,nodev");
	for (size_t i = 0; i < p->n_binds; i++)
		write_mount(w, p->binds[i].path, "bind", p->binds[i].path,
			    p->binds[i].read_only ? "rbind,rro,nosuid,nodev"
						  : "rbind,rw,nosuid,nodev");
	json_w_end_array(w);
}

static const char *const capability_sets[] = {"bounding", "effective", "permitted", NULL};

static void write_user(struct json_writer *w, const struct launch_plan *p)
{
	json_w_object(w, "user");
	json_w_u64(w, "uid", p->uid);
	json_w_u64(w, "gid", p->gid);
	json_w_u64(w, "umask", p->umask);
	json_w_array(w, "additionalGids");
	for (size_t i = 0; i < p->n_groups; i++)
		json_w_u64(w, NULL, p->groups[i]);
	json_w_end_array(w);
	json_w_end_object(w);
}

/* No rlimits: the caller's are inherited. */
static void write_process(struct json_writer *w, const struct launch_plan *p)
{
	json_w_object(w, "process");
	json_w_bool(w, "terminal", p->terminal);
	if (p->terminal && p->rows && p->columns) {
		json_w_object(w, "consoleSize");
		json_w_u64(w, "height", p->rows);
		json_w_u64(w, "width", p->columns);
		json_w_end_object(w);
	}
	write_user(w, p);
	write_strings(w, "args", (const char *const *)p->argv);
	write_strings(w, "env", p->env);
	json_w_string(w, "cwd", p->cwd);
	json_w_object(w, "capabilities");
	for (const char *const *set = capability_sets; *set; set++)
		write_strings(w, *set, p->capabilities);
	json_w_end_object(w);
	json_w_bool(w, "noNewPrivileges", true);
	json_w_i64(w, "oomScoreAdj", 1000);
	json_w_object(w, "ioPriority");
	json_w_string(w, "class", "IOPRIO_CLASS_IDLE");
	json_w_u64(w, "priority", 0);
	json_w_end_object(w);
	json_w_end_object(w);
}

static void write_resources(struct json_writer *w, const struct launch_plan *p)
{
	json_w_object(w, "resources");
	json_w_array(w, "devices"); /* none but those that every container gets */
	json_w_object(w, NULL);
	json_w_bool(w, "allow", false);
	json_w_string(w, "access", "rwm");
	json_w_end_object(w);
	json_w_end_array(w);
	if (p->cpus_milli && p->has_cpu) {
		json_w_object(w, "cpu");
		json_w_u64(w, "quota", p->cpus_milli * CPU_PERIOD_USEC / 1000);
		json_w_u64(w, "period", CPU_PERIOD_USEC);
		json_w_end_object(w);
	}
	if (p->memory_bytes) {
		json_w_object(w, "memory");
		json_w_u64(w, "limit", p->memory_bytes);
		json_w_end_object(w);
	}
	json_w_end_object(w);
}

static const char *const namespaces[] = {"pid", "ipc", "uts", "mount", "cgroup", "network", NULL};

static void write_namespace(struct json_writer *w, const char *type)
{
	json_w_object(w, NULL);
	json_w_string(w, "type", type);
	json_w_end_object(w);
}

static void write_mapping(struct json_writer *w, const char *key, uint32_t id)
{
	json_w_array(w, key);
	json_w_object(w, NULL);
	json_w_u64(w, "containerID", id);
	json_w_u64(w, "hostID", id);
	json_w_u64(w, "size", 1);
	json_w_end_object(w);
	json_w_end_array(w);
}

static void write_linux(struct json_writer *w, const struct launch_plan *p)
{
	json_w_object(w, "linux");
	if (p->ordinary) {
		write_mapping(w, "uidMappings", p->uid);
		write_mapping(w, "gidMappings", p->gid);
	} else {
		write_resources(w, p);
	}
	json_w_array(w, "namespaces");
	for (const char *const *n = namespaces; *n; n++) {
		if (p->host_net && streq(*n, "network"))
			continue;
		write_namespace(w, *n);
	}
	if (p->ordinary)
		write_namespace(w, "user");
	json_w_end_array(w);
	write_strings(w, "maskedPaths", doc_masked_paths);
	write_strings(w, "readonlyPaths", doc_readonly_paths);
	json_w_end_object(w);
}

/* Read by the scheduler, whichever process that is by then. */
static void write_annotations(struct json_writer *w, const struct launch_plan *p)
{
	char cpus[32];

	json_w_object(w, "annotations");
	json_w_string(w, ANNOTATION_ON_PRESSURE, p->kill_on_pressure ? "kill" : "freeze");
	if (p->cpus_milli) {
		(void)snprintf(cpus, sizeof(cpus), "%llu.%03llu",
			       (unsigned long long)p->cpus_milli / 1000,
			       (unsigned long long)p->cpus_milli % 1000); /* fits */
		json_w_string(w, ANNOTATION_CPUS, cpus);
	}
	json_w_end_object(w);
}

void launch_config_write(const struct launch_plan *p, struct json_writer *w)
{
	json_w_object(w, NULL);
	json_w_string(w, "ociVersion", OCI_VERSION);
	write_process(w, p);
	json_w_object(w, "root");
	json_w_string(w, "path", p->rootfs);
	json_w_bool(w, "readonly", streq(p->rootfs, "/"));
	json_w_end_object(w);
	write_mounts(w, p);
	write_annotations(w, p);
	write_linux(w, p);
	json_w_end_object(w);
}
