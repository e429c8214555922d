/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/rootfs.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/lsm.h"
#include "runtime/mempolicy.h"
#include "runtime/seccomp_listener.h"
#include "runtime/rootless.h"

/* A passwd file that is longer is read up to here. */
#define PASSWD_MAX 65536
#define MAX_KEEP_FDS 1024
#define DEFAULT_UMASK 022

/* --- in the runtime ------------------------------------------------------------------------------
 */

/* Inherited descriptors lack FD_CLOEXEC (they came through exec), all of ours have it. */
static int check_preserved(int n, struct err *e)
{
	for (int fd = 3; fd < 3 + n; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0 || flags & FD_CLOEXEC)
			return refuse(e, EBADF,
				      "--preserve-fds: descriptor %d of %d..%d is not open", fd, 3,
				      2 + n);
	}
	return 0;
}

/* sd_listen_fds(3). LISTEN_PID names us, or whoever our caller wrapped; engines do not renumber. */
static int count_listen_fds(struct err *e)
{
	const char *text = getenv("LISTEN_FDS");
	int n = 0;

	if (!text || !*text)
		return 0;
	if (parse_int(text, 10, &n) < 0 || n < 0 || n > MAX_KEEP_FDS)
		return refuse(e, EINVAL, "LISTEN_FDS=%s in the environment: expected 0 to %d", text,
			      MAX_KEEP_FDS);
	return n;
}

/* Ours, as it is, text and all. A copy: see self_hide. It is there until we end. */
static char *own_names(void)
{
	for (char **v = environ; *v; v++)
		if (str_after(*v, "LISTEN_FDNAMES="))
			return strdup(*v);
	return NULL;
}

int process_prepare(struct process *p, const struct spec_process *spec, bool in_userns,
		    int preserve_fds, struct err *e)
{
	struct proc_status own;
	int rc;

	*p = (struct process){
		.spec = spec,
		.in_userns = in_userns,
		.own_userns = !rootless_in_initial_userns(),
		.label_fd = -1,
		.seccomp_listener = -1,
	};
	if (preserve_fds < 0 || preserve_fds > MAX_KEEP_FDS)
		return refuse(e, EINVAL, "--preserve-fds %d: expected 0 to %d", preserve_fds,
			      MAX_KEEP_FDS);
	rc = count_listen_fds(e);
	if (rc < 0)
		return rc;
	p->listen_fds = rc;
	p->names = own_names();
	p->keep_fds = p->listen_fds + preserve_fds;
	rc = check_preserved(p->keep_fds, e);
	if (rc == 0)
		rc = proc_status_read(PROC_SELF, &own, e);
	if (rc < 0)
		return rc;
	/* Dispositions other than "ignore" do not survive exec, and exec does not undo "ignore": a
	 * Go or Python parent leaves SIGPIPE so, nohup SIGHUP. One read, not 64 sigaction calls. */
	p->ignored = own.sig_ignored;
	caps_resolve(spec->capabilities, in_userns ? NULL : &own, &p->caps);
	return 0;
}

void process_of_container(struct process *p, const struct spec *s)
{
	const char *keep = spec_annotation(s, ANNOTATION_KEEP_GROUPS);

	p->linux_ = &s->linux_;
	p->keep_groups = keep && (streq(keep, "1") || streq(keep, "true"));
}

/* --- in the container ----------------------------------------------------------------------------
 */

/* user_namespaces(7): "deny" is the price of a gid_map without privilege. */
void process_look_at_setgroups(struct process *p, pid_t pid)
{
	char text[16];

	if (p->spec->user.n_additional_gids && (p->in_userns || p->own_userns))
		p->setgroups_denied = proc_read(pid, "setgroups", text, sizeof(text), NULL) >= 0 &&
				      str_after(text, "deny");
}

int process_open_label(struct process *p, bool apply, struct err *e)
{
	int rc = lsm_open(p->spec, &p->label_fd, e);

	return rc < 0 || !apply ? rc : lsm_apply(p->spec, &p->label_fd, e);
}

int process_close_fds(const struct process *p, const int *keep, size_t n, struct err *e)
{
	int low = 3 + p->keep_fds;

	for (;;) {
		int next = p->label_fd >= low ? p->label_fd : -1;

		for (size_t i = 0; i < n; i++)
			if (keep[i] >= low && (next < 0 || keep[i] < next))
				next = keep[i];
		if (next != low &&
		    close_range((unsigned)low, next < 0 ? ~0U : (unsigned)next - 1, 0) < 0)
			return fail(e, errno, "close_range");
		if (next < 0)
			return 0;
		low = next + 1;
	}
}

int process_join_keyring(struct err *e)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return fail(e, errno, "make a session keyring (--no-new-keyring does without)");
	return 0;
}

int process_new_keyring(const struct process *p, struct err *e)
{
	int rc = lsm_label_keys(p->spec, true, e);

	if (rc == 0)
		rc = process_join_keyring(e);
	return rc < 0 ? rc : lsm_label_keys(p->spec, false, e);
}

static void reset_signals(uint64_t ignored)
{
	sigset_t none;

	for (int s = 1; ignored; s++, ignored >>= 1)
		if (ignored & 1)
			(void)sys_signal_default(s); /* KILL and STOP cannot be ignored */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with this argument */
}

bool passwd_home(const char *text, uint32_t uid, const char **ret, size_t *ret_len)
{
	/* name:password:uid:gid:gecos:home:shell */
	enum { UID = 2, HOME = 5, FIELDS = 7 };

	while (*text) {
		const char *line = text, *field[FIELDS + 1];
		size_t n = 0, line_len = strcspn(line, "\n");
		char number[16];
		uint32_t found;

		text += line_len + (text[line_len] ? 1 : 0);
		field[n++] = line;
		for (const char *c = line; c < line + line_len && n < FIELDS; c++)
			if (*c == ':')
				field[n++] = c + 1;
		if (n <= HOME)
			continue;
		field[n] = n < FIELDS ? line + line_len + 1 : field[n];
		if (!str_part(number, sizeof(number), field[UID],
			      (size_t)(field[UID + 1] - field[UID] - 1)) ||
		    parse_u32(number, 10, &found) < 0 || found != uid)
			continue;
		*ret = field[HOME];
		*ret_len = strcspn(field[HOME], ":\n");
		return *ret_len > 0;
	}
	return false;
}

/* The container's own passwd file; it may be missing, or anything at all. */
static void find_home(uint32_t uid, char *buf, size_t size)
{
	static char text[PASSWD_MAX];
	const char *home;
	ssize_t n = -1;
	size_t len;
	_cleanup_fd_ int fd =
		root_open(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = io_read(fd, text, sizeof(text) - 1);
	text[MAX(n, 0)] = '\0';
	if (!passwd_home(text, uid, &home, &len) || len >= size - strlen("HOME=")) {
		home = "/";
		len = 1;
	}
	(void)snprintf(buf, size, "HOME=%.*s", (int)len, home); /* fits, see above */
}

static bool is_listen(const char *entry)
{
	return str_after(entry, "LISTEN_FDS=") || str_after(entry, "LISTEN_PID=") ||
	       str_after(entry, "LISTEN_FDNAMES=");
}

void process_name_pid(struct process *p)
{
	/* Bounded by the width of its number. */
	(void)snprintf(p->listen_pid, sizeof(p->listen_pid), "LISTEN_PID=%d", getpid());
}

/* The document's environment, HOME if that is missing, and what socket activation wants. */
static int make_env(struct process *p, struct err *e)
{
	static char home[PATH_MAX], listen_fds[32];
	const struct strv *env = &p->spec->env;
	char **out = calloc(env->n + 5, sizeof(*out));
	size_t n = 0;

	if (!out)
		return fail(e, ENOMEM, "environment of the process");
	for (size_t i = 0; i < env->n; i++) {
		if (p->listen_fds && is_listen(env->v[i]))
			continue;
		out[n++] = env->v[i];
	}
	if (!env_get(env->v, "HOME")) {
		find_home(p->spec->user.uid, home, sizeof(home));
		out[n++] = home;
	}
	if (p->listen_fds) {
		/* Bounded by the width of its number. */
		(void)snprintf(listen_fds, sizeof(listen_fds), "LISTEN_FDS=%d", p->listen_fds);
		process_name_pid(p);
		out[n++] = listen_fds;
		out[n++] = p->listen_pid;
		if (p->names)
			out[n++] = p->names;
	}
	p->env = out;
	return 0;
}

/* A program that is not root reopens /dev/stdout: the pipe must then be its own. Only pipes: a log
 * file that a shell redirected to belongs to whoever named it. */
static void give_stdio(uint32_t uid)
{
	struct stat st;

	for (int fd = 0; uid != 0 && fd <= 2; fd++)
		if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid != uid)
			(void)!fchown(fd, uid, (gid_t)-1); /* a courtesy */
}

int process_load_filter(struct process *p, struct err *e)
{
	int rc;

	if (!p->seccomp)
		return 0;
	rc = p->seccomp->wants_listener ? seccomp_load_listened(p, e)
					: seccomp_install(p->seccomp, &p->seccomp_listener, e);
	p->seccomp = NULL; /* once */
	return rc;
}

/* The process will be in it all the same. What is not mapped shows as the overflow id, which says
 * nothing (DEFAULT_OVERFLOWGID, linux/highuid.h). */
static bool is_in_group(const struct spec_user *u, gid_t gid)
{
	static gid_t present[NGROUPS_MAX];
	const gid_t overflow = 65534;
	int n = getgroups(ARRAY_SIZE(present), present);

	if (gid == u->gid)
		return true;
	for (int i = 0; i < n && gid != overflow; i++)
		if (present[i] == gid)
			return true;
	return false;
}

/* Where the groups of the caller stay, nothing is missing as long as these are among them. */
static int check_groups(const struct spec_user *u, struct err *e)
{
	for (size_t i = 0; i < u->n_additional_gids; i++)
		if (!is_in_group(u, u->additional_gids[i]))
			return refuse(e, EPERM,
				      "config.json: process.user.additionalGids: group %u cannot "
				      "be set: this user namespace denies setgroups",
				      u->additional_gids[i]);
	return 0;
}

/* setresuid(2) and the like: EINVAL is for ids that are not mapped, and nothing else. */
static int id_failed(const char *key, const char *what, uint32_t id, struct err *e)
{
	if (errno == EINVAL)
		return refuse(e, EINVAL,
			      "config.json: process.user.%s: %u is not mapped in the user "
			      "namespace",
			      key, id);
	return fail(e, errno, "config.json: process.user.%s: set %s id %u", key, what, id);
}

static int set_groups(const struct process *p, struct err *e)
{
	const struct spec_user *u = &p->spec->user;

	if (p->keep_groups)
		return 0;
	if (sys_setgroups(u->n_additional_gids, u->additional_gids) == 0)
		return 0;
	/* The groups of the caller stay then; there is nothing to be done about it. */
	if (errno == EPERM &&
	    (p->setgroups_denied || (!u->n_additional_gids && (p->in_userns || p->own_userns))))
		return check_groups(u, e);
	for (size_t i = 0; errno == EINVAL && i < u->n_additional_gids; i++)
		if (sys_setgroups(1, &u->additional_gids[i]) < 0 && errno == EINVAL)
			return id_failed("additionalGids", "group", u->additional_gids[i], e);
	return fail(e, errno, "config.json: process.user.additionalGids: setgroups");
}

/*
 * Without no_new_privs a filter needs CAP_SYS_ADMIN, so it is loaded while that is there, and what
 * follows must be allowed by it; with no_new_privs it is loaded last (process_exec).
 */
static int set_credentials(struct process *p, struct err *e)
{
	const struct spec_user *u = &p->spec->user;
	int rc = caps_prepare(&p->caps, p->spec->user.uid, e);

	if (rc < 0)
		return rc;
	if (p->spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(e, errno, "config.json: process.noNewPrivileges");
	if (!p->spec->no_new_privileges) {
		rc = process_load_filter(p, e);
		if (rc < 0)
			return rc;
	}
	rc = set_groups(p, e);
	if (rc < 0)
		return rc;
	if (sys_setresgid(u->gid, u->gid, u->gid) < 0)
		return id_failed("gid", "group", u->gid, e);
	if (sys_setresuid(u->uid, u->uid, u->uid) < 0)
		return id_failed("uid", "user", u->uid, e);
	rc = caps_finish(&p->caps, p->spec->user.uid, e);
	if (rc < 0)
		return rc;
	/* Always succeeds. Our caller's is not the container's. */
	(void)umask(u->umask.set ? (mode_t)u->umask.val : DEFAULT_UMASK);
	return 0;
}

/* A directory that leads out of the container shows as "(unreachable)", which getcwd(3) refuses
 * (CVE-2024-21626). */
static int check_cwd(const char *cwd, struct err *e)
{
	char now[PATH_MAX];

	if (!getcwd(now, sizeof(now)) || now[0] != '/')
		return refuse(e, EPERM,
			      "config.json: process.cwd: %s leads out of the container's root",
			      cwd);
	return 0;
}

/* Which machine it sees itself on. */
static int set_host_view(const struct spec_linux *l, struct err *e)
{
	if (l->personality.set && personality((unsigned long)l->personality.domain) < 0)
		return fail(e, errno, "config.json: linux.personality");
	return mempolicy_set(l, e);
}

int process_become(struct process *p, struct err *e)
{
	const char *cwd = p->spec->cwd;
	int rc, cwd_errno;

	reset_signals(p->ignored);
	rc = make_env(p, e);
	if (rc < 0)
		return rc;
	rc = p->linux_ ? set_host_view(p->linux_, e) : 0;
	if (rc < 0)
		return rc;
	give_stdio(p->spec->user.uid);
	/* As root of the container first, who may go everywhere; where root may not (a share that
	 * maps root away), as the user. */
	cwd_errno = chdir(cwd) < 0 ? errno : 0;
	/* Before the filter, which may not allow it, and with all privileges. */
	rc = process_limits(p, e);
	if (rc == 0)
		rc = set_credentials(p, e);
	if (rc < 0)
		return rc;
	if (cwd_errno == EACCES || cwd_errno == EPERM)
		cwd_errno = chdir(cwd) < 0 ? errno : 0;
	if (cwd_errno)
		return fail(e, cwd_errno, "config.json: process.cwd: enter %s", cwd);
	return check_cwd(cwd, e);
}

int process_find(struct process *p, struct err *e)
{
	int rc;

	if (!p->spec->args.n)
		return 0;
	rc = exec_find(p->spec->args.v[0], env_get(p->env, "PATH"), p->file, sizeof(p->file));
	return rc < 0 ? process_exec_error(p->spec->args.v[0], -rc, e) : 0;
}

int process_exec_error(const char *name, int errnum, struct err *e)
{
	static const struct {
		int errnum, status;
		const char *text;
	} known[] = {
		{ENOENT, 127, "no such file or directory"},
		{ENOTDIR, 127, "not a directory"},
		{EACCES, 126, "permission denied"},
		{EPERM, 126, "operation not permitted"},
		/* The kernel says EACCES; Docker 20 knows 126 by that text only. */
		{EISDIR, 126, "is a directory: permission denied"},
		{ENOEXEC, 126, "exec format error"},
	};

	if (errnum == ENOENT && !strchr(name, '/'))
		return err_exit_status(
			e,
			refuse(e, ENOENT, "exec: \"%s\": executable file not found in $PATH", name),
			127);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].errnum == errnum)
			return err_exit_status(
				e, refuse(e, errnum, "exec: \"%s\": %s", name, known[i].text),
				known[i].status);
	return err_exit_status(e, fail(e, errnum, "exec: \"%s\"", name), 126);
}

int process_missing(struct err *e)
{
	return refuse(e, EINVAL, "config.json: process: required to start, but not given");
}

int process_exec(struct process *p, struct err *e)
{
	int rc;

	if (!p->spec->args.n)
		return process_missing(e);
	rc = lsm_apply(p->spec, &p->label_fd, e);
	if (rc < 0)
		return rc;
	if (p->spec->no_new_privileges) {
		rc = process_load_filter(p, e);
		if (rc < 0)
			return rc;
	}
	(void)execve(p->file, p->spec->args.v, p->env);
	/* The file is there: what is missing may be a script's interpreter. */
	return process_exec_error(p->file, errno, e);
}
