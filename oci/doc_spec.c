/* SPDX-License-Identifier: Apache-2.0 */
/* The default config.json: good for `cede run` on a root filesystem in "rootfs". */
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/documents.h"

/* A mount is in the document of root, of a rootless user, or of both. */
enum { ROOT = 1, ROOTLESS = 2, BOTH = ROOT | ROOTLESS };

static const struct {
	int whose;
	const char *destination, *type, *source, *options;
} mounts[] = {
	{BOTH, "/proc", "proc", "proc", NULL},
	{BOTH, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
	/* Group 5 is tty; where a single id is mapped there is no such group. */
	{ROOT, "/dev/pts", "devpts", "devpts",
	 "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
	{ROOTLESS, "/dev/pts", "devpts", "devpts",
	 "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"},
	{BOTH, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"},
	{BOTH, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
	{ROOT, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
	/* A fresh sysfs needs a network namespace of one's own. */
	{ROOTLESS, "/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro,rro"},
	{ROOT, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"},
};

static const char *const args[] = {"sh", NULL};
static const char *const env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", NULL};
static const char *const capabilities[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE",
					   NULL};
/* An inheritable set would hand capabilities to programs with file capabilities, and an ambient one
 * to any program (CVE-2022-24769 and its family): neither is given. */
static const char *const capability_sets[] = {"bounding", "effective", "permitted", NULL};
static const char *const namespaces[] = {"pid", "network", "ipc", "uts", "mount", "cgroup", NULL};
static const char *const rootless_namespaces[] = {"pid",    "ipc",  "uts", "mount",
						  "cgroup", "user", NULL};
const char *const doc_masked_paths[] = {"/proc/acpi",
					"/proc/asound",
					"/proc/interrupts",
					"/proc/kcore",
					"/proc/keys",
					"/proc/latency_stats",
					"/proc/sched_debug",
					"/proc/scsi",
					"/proc/timer_list",
					"/proc/timer_stats",
					"/sys/devices/virtual/powercap",
					"/sys/firmware",
					NULL};
const char *const doc_readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL};

static void write_strings(struct json_writer *w, const char *key, const char *const *list)
{
	json_w_array(w, key);
	for (; *list; list++)
		json_w_string(w, NULL, *list);
	json_w_end_array(w);
}

static void write_process(struct json_writer *w)
{
	json_w_object(w, "process");
	json_w_bool(w, "terminal", true);
	json_w_object(w, "user");
	json_w_u64(w, "uid", 0);
	json_w_u64(w, "gid", 0);
	json_w_end_object(w);
	write_strings(w, "args", args);
	write_strings(w, "env", env);
	json_w_string(w, "cwd", "/");
	json_w_object(w, "capabilities");
	for (const char *const *set = capability_sets; *set; set++)
		write_strings(w, *set, capabilities);
	json_w_end_object(w);
	json_w_array(w, "rlimits");
	json_w_object(w, NULL);
	json_w_string(w, "type", "RLIMIT_NOFILE");
	json_w_u64(w, "hard", 1024);
	json_w_u64(w, "soft", 1024);
	json_w_end_object(w);
	json_w_end_array(w);
	json_w_bool(w, "noNewPrivileges", true);
	json_w_end_object(w);
}

static int write_option(const char *option, size_t len, void *arg)
{
	char copy[32];

	(void)snprintf(copy, sizeof(copy), "%.*s", (int)len, option); /* ours, and short */
	json_w_string(arg, NULL, copy);
	return 0;
}

static void write_mounts(struct json_writer *w, int whose)
{
	json_w_array(w, "mounts");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		if (!(mounts[i].whose & whose))
			continue;
		json_w_object(w, NULL);
		json_w_string(w, "destination", mounts[i].destination);
		json_w_string(w, "type", mounts[i].type);
		json_w_string(w, "source", mounts[i].source);
		if (mounts[i].options) {
			json_w_array(w, "options");
			(void)str_split(mounts[i].options, ',', write_option, w); /* always 0 */
			json_w_end_array(w);
		}
		json_w_end_object(w);
	}
	json_w_end_array(w);
}

static void write_mapping(struct json_writer *w, const char *key, uint32_t host_id)
{
	json_w_array(w, key);
	json_w_object(w, NULL);
	json_w_u64(w, "containerID", 0);
	json_w_u64(w, "hostID", host_id);
	json_w_u64(w, "size", 1);
	json_w_end_object(w);
	json_w_end_array(w);
}

/* No device but those that every container gets. */
static void write_resources(struct json_writer *w)
{
	json_w_object(w, "resources");
	json_w_array(w, "devices");
	json_w_object(w, NULL);
	json_w_bool(w, "allow", false);
	json_w_string(w, "access", "rwm");
	json_w_end_object(w);
	json_w_end_array(w);
	json_w_end_object(w);
}

static void write_linux(struct json_writer *w, bool rootless)
{
	const char *const *ns = rootless ? rootless_namespaces : namespaces;

	json_w_object(w, "linux");
	if (rootless) {
		write_mapping(w, "uidMappings", geteuid());
		write_mapping(w, "gidMappings", getegid());
	} else {
		write_resources(w);
	}
	json_w_array(w, "namespaces");
	for (; *ns; ns++) {
		json_w_object(w, NULL);
		json_w_string(w, "type", *ns);
		json_w_end_object(w);
	}
	json_w_end_array(w);
	write_strings(w, "maskedPaths", doc_masked_paths);
	write_strings(w, "readonlyPaths", doc_readonly_paths);
	json_w_end_object(w);
}

void doc_spec_write(struct json_writer *w, bool rootless)
{
	json_w_object(w, NULL);
	json_w_string(w, "ociVersion", OCI_VERSION);
	write_process(w);
	json_w_object(w, "root");
	json_w_string(w, "path", "rootfs");
	json_w_bool(w, "readonly", true);
	json_w_end_object(w);
	json_w_string(w, "hostname", "cede");
	write_mounts(w, rootless ? ROOTLESS : ROOT);
	write_linux(w, rootless);
	json_w_end_object(w);
}
