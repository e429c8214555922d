/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out a mount plan in a process of its own, with real mounts: for tests that need root.
 * The test program works in a mount namespace of its own, so that not even a broken test leaves
 * something behind on the host.
 */
#ifndef CEDE_TESTS_UNIT_MOUNT_RUN_H
#define CEDE_TESTS_UNIT_MOUNT_RUN_H

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/mount_impl.h"
#include "runtime/mount_plan.h"

/* Inside the container: a failure is said on stderr and ends it with status 1. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			(void)fprintf(stderr, "%s:%d: in the container: %s (%m)\n", __FILE__,      \
				      __LINE__, #cond);                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP)

struct env {
	char tmp[64];	  /* holds all of it */
	char rootfs[96];  /* <tmp>/bundle/rootfs */
	char outside[96]; /* <tmp>/outside: must never be touched; holds "secret" */
	char *before;	  /* mountinfo */
};

/* Single quotes stand for double ones in the JSON texts. */
struct run {
	const char *root;	      /* NULL: 'path':'rootfs' */
	const char *mounts[12];	      /* objects, up to the first NULL */
	const char *linux_;	      /* members, or NULL */
	void (*check)(struct env *e); /* in the container, at the end */
	/* In the container's namespaces, behind mount_plan_execute. */
	void (*mounted)(struct env *e, struct mount_plan *p);
	const char *cgroup_path;
	unsigned long namespaces; /* 0: NAMESPACES */
	bool no_pivot;
	bool terminal;
	bool late_sources; /* opened in the container's namespaces, as without privileges */
};

static inline char *slurp(const char *path)
{
	char *text = NULL;
	size_t len;

	return file_read_alloc(AT_FDCWD, path, 1 << 22, &text, &len, NULL) < 0 ? NULL : text;
}

static inline void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || io_write(fd, text, strlen(text)) < 0)
		fail_msg("write %s: %m", path);
	fd_close(fd);
}

static inline bool can_mount(void)
{
	static int can = -1;

	if (can < 0) {
		can = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
		      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
		umask(022);
	}
	return can;
}

static inline int env_setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	*state = e;
	if (!can_mount())
		return 0;
	strcpy(e->tmp, "/tmp/cede-mount-XXXXXX");
	assert_non_null(mkdtemp(e->tmp));
	assert_int_equal(chmod(e->tmp, 0755), 0); /* user namespaces walk through it */
	(void)snprintf(e->rootfs, sizeof(e->rootfs), "%s/bundle/rootfs", e->tmp);
	(void)snprintf(e->outside, sizeof(e->outside), "%s/outside", e->tmp);
	assert_int_equal(dir_make_all(AT_FDCWD, e->rootfs, 0755, NULL), 0);
	assert_int_equal(mkdir(e->outside, 0755), 0);
	assert_int_equal(chdir(e->outside), 0);
	put("secret", "secret");
	assert_int_equal(chdir("/"), 0);
	e->before = slurp("/proc/self/mountinfo");
	return 0;
}

/* No mount of ours is left, in our namespace or in the one that started us. */
static inline void assert_no_mounts(struct env *e)
{
	_cleanup_free_ char *now = slurp("/proc/self/mountinfo");
	_cleanup_free_ char *host = NULL;
	char path[64];

	assert_non_null(now);
	assert_string_equal(now, e->before);
	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", getppid());
	host = slurp(path);
	assert_true(!host || !strstr(host, e->tmp));
}

static inline void assert_outside_untouched(struct env *e)
{
	_cleanup_free_ char *secret = NULL;
	char path[128];
	_cleanup_dir_ DIR *d = opendir(e->outside);
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	assert_int_equal(n, 3);
	(void)snprintf(path, sizeof(path), "%s/secret", e->outside);
	secret = slurp(path);
	assert_non_null(secret);
	assert_string_equal(secret, "secret");
}

static inline int env_teardown(void **state)
{
	struct env *e = *state;

	if (e->before) {
		assert_no_mounts(e);
		assert_outside_untouched(e);
		assert_int_equal(dir_remove_all(AT_FDCWD, e->tmp, NULL), 0);
	}
	free(e->before);
	free(e);
	return 0;
}

#define mount_test(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

/* First thing in each test. */
#define NEEDS_MOUNTS()                                                                             \
	do {                                                                                       \
		if (!can_mount()) {                                                                \
			print_message("skipped: needs root (CAP_SYS_ADMIN) to mount\n");           \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

/* Nothing but what was open before: sources and targets are closed, or are the container's to use.
 */
struct fd_set_seen {
	bool open[512];
};

static inline void see_fds(struct fd_set_seen *seen)
{
	for (int fd = 0; fd < (int)ARRAY_SIZE(seen->open); fd++)
		seen->open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static inline void check_no_fd_leaked(const struct fd_set_seen *before, const struct mount_plan *p)
{
	struct fd_set_seen now;

	see_fds(&now);
	for (int fd = 0; fd < (int)ARRAY_SIZE(now.open); fd++)
		CHECK(!now.open[fd] || before->open[fd] || fd == p->root_fd || fd == p->null_fd);
	for (size_t i = 0; i < p->n; i++)
		CHECK(p->ops[i].fd < 0);
}

static inline _Noreturn void in_container(const struct run *r, struct env *env,
					  struct mount_plan *p, const struct spec *s, int go,
					  int out)
{
	struct fd_set_seen before;
	struct err e = ERR_INIT;
	int rc = 0;
	char c;

	while (read(go, &c, 1) < 0 && errno == EINTR)
		;
	proc_forget();
	if (r->namespaces & CLONE_NEWUSER)
		CHECK(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
	see_fds(&before);
	if (r->late_sources)
		rc = mount_plan_open_sources(p, s, -1, &e);
	if (rc >= 0)
		rc = mount_plan_execute(p, s, -1, &e);
	if (rc >= 0 && r->mounted)
		r->mounted(env, p);
	if (rc >= 0)
		rc = mount_enter_root(p, r->no_pivot, &e);
	if (rc >= 0)
		rc = mount_plan_finish(p, &e);
	if (rc < 0) {
		(void)io_write(out, e.msg, strlen(e.msg)); /* the parent looks at the status */
		_exit(2);
	}
	fd_batch_close(&p->done); /* as init does with all descriptors */
	if (!r->mounted)
		check_no_fd_leaked(&before, p);
	if (r->check)
		r->check(env);
	_exit(0);
}

static inline void write_maps(pid_t pid, unsigned long namespaces)
{
	if (!(namespaces & CLONE_NEWUSER))
		return;
	assert_int_equal(proc_write(pid, "uid_map", "0 100000 65536\n", NULL), 0);
	assert_int_equal(proc_write(pid, "gid_map", "0 100000 65536\n", NULL), 0);
}

/* Status of the container's process; 3 when it did not come so far. *e: what went wrong. */
static inline int start(const struct run *r, struct env *env, struct mount_plan *p,
			const struct spec *s, struct err *e)
{
	struct clone_args args = {
		.flags = r->namespaces ? r->namespaces : NAMESPACES,
		.exit_signal = SIGCHLD,
	};
	int go[2], out[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = sys_clone3(&args);
	assert_true(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		close(out[0]);
		(void)alarm(60);
		in_container(r, env, p, s, go[0], out[1]);
	}
	close(go[0]);
	close(out[1]);
	write_maps(pid, args.flags);
	close(go[1]);
	n = io_read(out[0], e->msg, sizeof(e->msg) - 1);
	e->msg[n > 0 ? n : 0] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static inline void add_document(struct strbuf *sb, const struct run *r)
{
	strbuf_addf(sb,
		    "{'ociVersion':'1.3.0','process':{'cwd':'/','args':['x'],'terminal':%s},"
		    "'root':{%s},'mounts':[",
		    r->terminal ? "true" : "false", r->root ? r->root : "'path':'rootfs'");
	for (size_t i = 0; i < ARRAY_SIZE(r->mounts) && r->mounts[i]; i++)
		strbuf_addf(sb, "%s%s", i ? "," : "", r->mounts[i]);
	strbuf_addf(sb, "],'linux':{%s}}", r->linux_ ? r->linux_ : "");
	for (size_t i = 0; i < sb->len; i++)
		if (sb->buf[i] == '\'')
			sb->buf[i] = '"';
}

static inline int run(const struct run *r, struct env *env, struct err *e)
{
	_cleanup_spec_ struct spec *s = NULL;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct mount_plan p = {0};
	char bundle[96];
	int rc;

	add_document(&text, r);
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", env->tmp);
	err_clear(e);
	if (spec_parse(strbuf_str(&text), text.len, "config.json", &s, e) < 0)
		fail_msg("the test's own document: %s", e->msg);
	rc = mount_plan_make(s, bundle, &p, e);
	if (rc >= 0) {
		p.cgroup_path = r->cgroup_path;
		rc = r->late_sources ? 0 : mount_plan_open_sources(&p, s, -1, e);
	}
	rc = rc < 0 ? 3 : start(r, env, &p, s, e);
	mount_plan_free(&p);
	return rc;
}

static inline void assert_runs(const struct run *r, struct env *env)
{
	struct err e = ERR_INIT;
	int status = run(r, env, &e);

	if (status != 0)
		fail_msg("status %d: %s", status, e.msg);
}

/* It must fail, saying this. */
static inline void assert_refused(const struct run *r, struct env *env, const char *message)
{
	struct err e = ERR_INIT;
	int status = run(r, env, &e);

	assert_true(status == 2 || status == 3);
	if (!strstr(e.msg, message))
		fail_msg("got \"%s\", expected \"%s\"", e.msg, message);
}

/* --- looking around, in the container -----------------------------------------------------------
 */

/* Fields of the last mountinfo line with that mount point: "options", "- type source options". */
struct seen_mount {
	char root[256], options[256], tags[128], type[64], source[128], super[256];
};

static inline bool find_mount(const char *point, struct seen_mount *ret)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	bool found = false;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		char root[256], at[512], options[256], *dash = strstr(line, " - ");
		int end = 0;

		CHECK(dash);
		*dash = '\0';
		CHECK(sscanf(line, "%*d %*d %*s %255s %511s %255s%n", root, at, options, &end) ==
		      3);
		if (strcmp(at, point) != 0)
			continue;
		found = true;
		strcpy(ret->root, root);
		strcpy(ret->options, options);
		(void)snprintf(ret->tags, sizeof(ret->tags), "%s", line + end);
		CHECK(sscanf(dash + 3, "%63s %127s %255s", ret->type, ret->source, ret->super) ==
		      3);
	}
	(void)fclose(f);
	return found;
}

/* A word of a comma-separated list. */
static inline bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = list; (s = strstr(s, word)); s += n)
		if ((s == list || s[-1] == ',') && (s[n] == ',' || !s[n]))
			return true;
	return false;
}

static inline bool mount_is(const char *point, const char *type, const char *option)
{
	struct seen_mount m;

	return find_mount(point, &m) && (!type || streq(m.type, type)) &&
	       (!option || has_word(m.options, option));
}

static inline bool exists(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* errno of trying to make a file there; 0 if it could be made (it is removed again). */
static inline int try_write(const char *dir)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/.try", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	CHECK(unlink(path) == 0);
	return 0;
}

static inline bool is_device(const char *path, unsigned maj, unsigned min)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(maj, min);
}

static inline bool links_to(const char *path, const char *target)
{
	char buf[PATH_MAX];
	ssize_t n = readlink(path, buf, sizeof(buf));

	return n == (ssize_t)strlen(target) && memcmp(buf, target, (size_t)n) == 0;
}

#endif
