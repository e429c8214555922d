/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line and the host to the plan of a job. */
#include <ctype.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/launch.h"
#include "cli/process_options.h"
#include "oci/names.h"
#include "runtime/container.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define NAME_MAX_LEN 40
/* Two thousandths of a 50 ms period are below what the kernel takes for a quota. */
#define CPUS_MIN_MILLI 50
#define CPUS_MAX_MILLI 1000000
#define MEMORY_MIN (512 << 10)

static int no_memory(struct err *e)
{
	return fail(e, ENOMEM, "launch");
}

static const char *real_dir(struct arena *a, const char *option, const char *path, struct err *e)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	struct stat st;
	const char *copy;

	if (!real || stat(real, &st) < 0) {
		(void)fail(e, errno, "launch: --%s %s", option, path); /* NULL says it */
		return NULL;
	}
	if (!S_ISDIR(st.st_mode)) {
		(void)refuse(e, ENOTDIR, "launch: --%s %s: not a directory", option, path);
		return NULL;
	}
	copy = arena_strdup(a, real);
	if (!copy)
		(void)no_memory(e);
	return copy;
}

/* ---- names ------------------------------------------------------------------------------ */

int launch_plan_make_id(struct launch_plan *p, struct err *e)
{
	const char *slash = strrchr(p->argv[0], '/');
	const char *base = slash ? slash + 1 : p->argv[0];
	char name[NAME_MAX_LEN + 1];
	unsigned char random[2];
	size_t n = 0;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return fail(e, errno, "launch: random number for the name");
	for (; *base && n < NAME_MAX_LEN; base++) {
		unsigned char c = (unsigned char)*base;

		if (isascii(c) && (isalnum(c) || c == '_' || (n && strchr("+-.", c))))
			name[n++] = (char)c;
	}
	name[n] = '\0';
	p->id = arena_printf(&p->arena, "%s-%02x%02x", n ? name : "job", random[0], random[1]);
	p->id_is_made_up = true;
	return p->id ? 0 : no_memory(e);
}

/* ---- files ------------------------------------------------------------------------------ */

static bool is_below(const char *path, const char *dir)
{
	const char *rest = str_after(path, dir);

	return rest && (*rest == '\0' || *rest == '/');
}

/* The kernel's own trees are made anew for the container: nothing of the host's is bound there.
 * The whole root is not made writable either, wherever somebody stands when he calls. */
static bool is_kernels(const char *path)
{
	return streq(path, "/") || is_below(path, "/proc") || is_below(path, "/sys") ||
	       (is_below(path, "/dev") && !is_below(path, "/dev/shm"));
}

static int plan_files(struct launch_plan *p, const struct launch_opts *o,
		      const struct launch_host *h, struct err *e)
{
	p->binds = arena_array(&p->arena, o->writable.n + 1, sizeof(*p->binds));
	if (!p->binds)
		return no_memory(e);
	p->rootfs = o->rootfs ? real_dir(&p->arena, "rootfs", o->rootfs, e) : "/";
	if (!p->rootfs)
		return -e->code;
	if (!streq(p->rootfs, "/")) {
		p->cwd = o->workdir ? o->workdir : "/";
		if (*p->cwd != '/')
			return refuse(e, EINVAL,
				      "launch: --workdir %s: with --rootfs an absolute path inside "
				      "it is expected",
				      p->cwd);
	} else {
		p->cwd = o->workdir ? real_dir(&p->arena, "workdir", o->workdir, e) : h->cwd;
		if (!p->cwd)
			return -e->code;
		if (!is_kernels(p->cwd))
			p->binds[p->n_binds++] = (struct launch_bind){p->cwd, o->read_only_workdir};
	}
	for (size_t i = 0; i < o->writable.n; i++) {
		const char *dir = real_dir(&p->arena, "writable", o->writable.v[i], e);

		if (!dir)
			return -e->code;
		if (is_kernels(dir))
			return refuse(e, EINVAL,
				      "launch: --writable %s: not possible for /, /proc, "
				      "/sys and /dev",
				      dir);
		p->binds[p->n_binds++] = (struct launch_bind){dir, false};
	}
	return 0;
}

/* ---- environment ------------------------------------------------------------------------ */

/* What a program needs to find its files and its terminal; the rest of the caller's environment may
 * hold secrets that are none of the job's business. */
static const char *const kept[] = {"PATH", "HOME",     "USER", "LOGNAME", "SHELL",
				   "LANG", "LANGUAGE", "TERM", "TZ"};

static size_t key_length(const char *entry)
{
	return strcspn(entry, "=");
}

/* What is no NAME=VALUE is none (execve(2) takes anything). */
static const char *find_env(char **environ, const char *key, size_t len)
{
	for (; *environ; environ++)
		if ((*environ)[key_length(*environ)] && key_length(*environ) == len &&
		    memcmp(*environ, key, len) == 0)
			return *environ;
	return NULL;
}

static void set_env(struct launch_plan *p, size_t *n, const char *entry)
{
	for (size_t i = 0; i < *n; i++)
		if (key_length(p->env[i]) == key_length(entry) &&
		    memcmp(p->env[i], entry, key_length(entry)) == 0) {
			p->env[i] = entry;
			return;
		}
	p->env[(*n)++] = entry;
}

static int plan_env(struct launch_plan *p, const struct launch_opts *o, const struct launch_host *h,
		    struct err *e)
{
	size_t n = 0, n_caller = 0;
	const char *pwd = arena_printf(&p->arena, "PWD=%s", p->cwd);

	while (h->environ[n_caller])
		n_caller++;
	/* kept[], LC_*, PATH by default, PWD, --env, NULL */
	p->env =
		arena_array(&p->arena, ARRAY_SIZE(kept) + n_caller + o->env.n + 3, sizeof(*p->env));
	if (!p->env || !pwd)
		return no_memory(e);
	set_env(p, &n, "PATH=" DEFAULT_PATH);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		const char *entry = find_env(h->environ, kept[i], strlen(kept[i]));

		if (entry)
			set_env(p, &n, entry);
	}
	for (size_t i = 0; i < n_caller; i++)
		if (str_after(h->environ[i], "LC_") && strchr(h->environ[i], '='))
			set_env(p, &n, h->environ[i]);
	set_env(p, &n, pwd);
	for (size_t i = 0; i < o->env.n; i++) {
		const char *entry = o->env.v[i];
		size_t len = key_length(entry);

		if (len == 0)
			return refuse(e, EINVAL, "launch: --env %s: expected NAME or NAME=VALUE",
				      entry);
		if (!entry[len])
			entry = find_env(h->environ, entry, len);
		if (entry) /* NAME that the caller does not have: neither has the job */
			set_env(p, &n, entry);
	}
	return 0;
}

/* ---- limits, user, network -------------------------------------------------------------- */

static int bad_value(const char *option, const char *value, const char *want, struct err *e)
{
	return refuse(e, EINVAL, "launch: --%s: expected %s, found \"%s\"", option, want, value);
}

static int plan_limits(struct launch_plan *p, const struct launch_opts *o,
		       const struct launch_host *h, struct err *e)
{
	if (o->cpus) {
		if (parse_milli(o->cpus, &p->cpus_milli) < 0 || p->cpus_milli < CPUS_MIN_MILLI ||
		    p->cpus_milli > CPUS_MAX_MILLI)
			return bad_value("cpus", o->cpus, "a number of CPUs from 0.05 to 1000", e);
		if (!h->has_cgroup)
			return refuse(e, EOPNOTSUPP,
				      "launch: --cpus: this host has no cgroup v2 to limit with");
	}
	if (o->memory) {
		if (parse_bytes(o->memory, &p->memory_bytes) < 0 || p->memory_bytes < MEMORY_MIN ||
		    p->memory_bytes > INT64_MAX)
			return bad_value("memory", o->memory, "a size from 512k, like 2G", e);
		if (!h->has_memory)
			return refuse(e, EOPNOTSUPP,
				      "launch: --memory: this host has no memory controller in "
				      "cgroup v2, so the limit could not be kept");
	}
	p->has_cpu = h->has_cpu;
	p->has_var_tmp = h->has_var_tmp;
	return 0;
}

static int plan_user(struct launch_plan *p, const struct launch_opts *o,
		     const struct launch_host *h, struct err *e)
{
	struct spec_user user = {0};

	p->uid = h->uid;
	p->gid = h->gid;
	p->groups = h->groups;
	p->n_groups = h->n_groups;
	p->umask = h->umask;
	if (!o->user)
		return 0;
	if (process_user_parse(o->user, &user) < 0)
		return bad_value("user", o->user, "UID[:GID] in numbers", e);
	p->uid = user.uid;
	p->gid = strchr(o->user, ':') ? user.gid : user.uid;
	p->n_groups = 0;
	return 0;
}

static int plan_capabilities(struct launch_plan *p, const struct launch_opts *o, struct err *e)
{
	p->capabilities = arena_array(&p->arena, o->capabilities.n + 1, sizeof(*p->capabilities));
	if (!p->capabilities)
		return no_memory(e);
	for (size_t i = 0; i < o->capabilities.n; i++) {
		const char *given = o->capabilities.v[i];
		char *name = arena_printf(&p->arena, "%s%s",
					  strncasecmp(given, "CAP_", 4) ? "CAP_" : "", given);

		if (!name)
			return no_memory(e);
		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		if (!oci_find(&oci_capabilities, name))
			return bad_value("cap", given, "the name of a capability", e);
		p->capabilities[i] = name;
	}
	return 0;
}

static int plan_choices(struct launch_plan *p, const struct launch_opts *o, struct err *e)
{
	if (o->net && !streq(o->net, "none") && !streq(o->net, "host"))
		return bad_value("net", o->net, "none or host", e);
	p->host_net = o->net && streq(o->net, "host");
	if (o->on_pressure && !streq(o->on_pressure, "freeze") && !streq(o->on_pressure, "kill"))
		return bad_value("on-pressure", o->on_pressure, "freeze or kill", e);
	p->kill_on_pressure = o->on_pressure && streq(o->on_pressure, "kill");
	if (o->tty && (o->detach || o->no_tty))
		return refuse(e, EINVAL, "launch: --tty and --%s exclude each other",
			      o->detach ? "detach" : "no-tty");
	if (o->output && !o->detach)
		return refuse(e, EINVAL,
			      "launch: --output is for --detach: here the job writes to "
			      "where you see it");
	if (!*o->argv[0])
		return refuse(e, EINVAL, "launch: the command is empty");
	p->terminal = o->tty;
	p->id = o->name;
	return o->name ? container_id_check(o->name, e) : 0;
}

/* What an ordinary user's job cannot have, and why. */
static int check_ordinary(const struct launch_plan *p, const struct launch_opts *o,
			  const struct launch_host *h, struct err *e)
{
	const struct {
		const char *option, *given, *why;
	} missing[] = {
		{"cpus", o->cpus, "his job has no cgroup to limit"},
		{"memory", o->memory, "his job has no cgroup to limit"},
		{"on-pressure", o->on_pressure, "his job has no scheduler, only the idle class"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		if (missing[i].given)
			return refuse(e, EPERM, "launch: --%s: not for an ordinary user: %s",
				      missing[i].option, missing[i].why);
	if (p->uid != h->uid || p->gid != h->gid)
		return refuse(e, EPERM, "launch: --user %s: an ordinary user's job runs as himself",
			      o->user);
	if (o->detach && !o->output)
		return refuse(e, EINVAL,
			      "launch: --detach: an ordinary user names a file with --output");
	return 0;
}

int launch_plan_make(const struct launch_opts *o, const struct launch_host *h,
		     struct launch_plan *ret, struct err *e)
{
	struct launch_plan p = {.argv = o->argv, .rows = h->rows, .columns = h->columns};
	int rc = plan_choices(&p, o, e);

	if (rc == 0)
		rc = plan_files(&p, o, h, e);
	if (rc == 0)
		rc = plan_env(&p, o, h, e);
	if (rc == 0)
		rc = plan_limits(&p, o, h, e);
	if (rc == 0)
		rc = plan_user(&p, o, h, e);
	p.ordinary = h->ordinary;
	p.has_tty_group = h->has_tty_group && !p.ordinary;
	if (rc == 0 && p.ordinary)
		rc = check_ordinary(&p, o, h, e);
	if (p.ordinary)
		p.n_groups = 0; /* those of the caller stay: he may set none */
	if (rc == 0)
		rc = plan_capabilities(&p, o, e);
	if (rc == 0 && !p.id)
		rc = launch_plan_make_id(&p, e);
	if (rc < 0) {
		arena_free(&p.arena);
		return rc;
	}
	if (p.host_net && streq(p.rootfs, "/"))
		p.resolv_conf = h->resolv_conf;
	*ret = p;
	return 0;
}

void launch_plan_free(struct launch_plan *p)
{
	arena_free(&p->arena);
}
