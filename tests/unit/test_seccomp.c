/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/seccomp: what a loaded filter does to a process, and the cache of compiled ones. */
#include "tests/unit/capture_log.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/str.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_cache.h"

struct ctx {
	struct fake_tree t;
	struct runtime rt;
};

static int setup(void **state)
{
	struct ctx *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	fake_tree_make(&c->t);
	c->rt.root = c->t.root;
	capture_log_start(&c->t);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct ctx *c = *state;

	capture_log_stop();
	fake_tree_remove(&c->t);
	free(c);
	return 0;
}

#define NAMES(...)                                                                                 \
	{                                                                                          \
		(char *[]){__VA_ARGS__}, sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)          \
	}
#define N(name) ((char *)(uintptr_t)(name))
#define SET(x)                                                                                     \
	{                                                                                          \
		true, (x)                                                                          \
	}

/* Every test has its own text, so that none meets another one's filter. */
static struct spec_seccomp profile(uint32_t action, struct spec_seccomp_rule *rules, size_t n,
				   const char *text)
{
	return (struct spec_seccomp){.default_action = action,
				     .rules = rules,
				     .n_rules = n,
				     .text = text,
				     .text_len = strlen(text)};
}

/* The profile is in force in a child; fn's result is its exit status. Returns the wait status. */
static int run_with(const struct ctx *c, const struct spec_seccomp *s, int (*fn)(void))
{
	struct seccomp_program p;
	struct err e = ERR_INIT;
	int status;
	pid_t pid;

	if (seccomp_prepare(&c->rt, s, &p, &e) < 0)
		fail_msg("%s", e.msg);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int listener = 0;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			_exit(98);
		if (seccomp_install(&p, &listener, &e) < 0) {
			print_error("%s\n", e.msg);
			_exit(99);
		}
		/* Not _exit: a sanitizer would look for leaks there, which the filter denies. */
		(void)syscall(SYS_exit_group, listener == -1 ? fn() : 97);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	seccomp_program_free(&p);
	assert_null(p.insns);
	return status;
}

static int fails_with(long rc, int errnum)
{
	return rc == -1 && errno == errnum;
}

/* --- rules --- */

static int check_errno(void)
{
	struct utsname uts;

	if (!fails_with(syscall(SYS_getppid), EPERM)) /* no errnoRet: EPERM */
		return 1;
	if (!fails_with(syscall(SYS_getpgid, 0), ENOSYS) || !fails_with(uname(&uts), ENOSYS))
		return 2;
	return syscall(SYS_getpid) > 0 ? 0 : 3;
}

static void test_errno(void **state)
{
	struct spec_seccomp_rule rules[] = {
		{.names = NAMES(N("getppid"), N("no_such_call"), N("arm_fadvise64_64")),
		 .action = SCMP_ACT_ERRNO(0)},
		{.names = NAMES(N("getpgid"), N("uname")),
		 .action = SCMP_ACT_ERRNO(0),
		 .errno_ret = SET(ENOSYS)},
		{.names = NAMES(N("read")), .action = SCMP_ACT_ALLOW}, /* as the default */
	};
	struct ctx *c = *state;
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, rules, 3, "errno");

	assert_int_equal(run_with(c, &s, check_errno), 0);
	assert_true(logged(&c->t, "system call no_such_call unknown to libseccomp"));
}

static int check_default_errno(void)
{
	/* All but exit_group, write (a failing check prints) and getpid. */
	if (!fails_with(syscall(SYS_getppid), ENOTTY))
		return 1;
	return syscall(SYS_getpid) > 0 ? 0 : 2;
}

static void test_default_errno(void **state)
{
	struct spec_seccomp_rule rules[] = {
		{.names = NAMES(N("exit_group"), N("write"), N("getpid")),
		 .action = SCMP_ACT_ALLOW},
	};
	struct spec_seccomp s = profile(SCMP_ACT_ERRNO(0), rules, 1, "default errno");

	s.default_errno_ret = (struct opt_u64)SET(ENOTTY);
	assert_int_equal(run_with(*state, &s, check_default_errno), 0);
}

#define ANY_PERSONALITY 0xffffffff

/* personality(2): the values Docker's profile allows; the rest is denied. */
static int check_args(void)
{
	if (personality(ANY_PERSONALITY) < 0 || personality(PER_LINUX) < 0 ||
	    personality(ADDR_NO_RANDOMIZE) < 0)
		return 1;
	if (!fails_with(personality(ADDR_COMPAT_LAYOUT), EPERM))
		return 2;
	/* unshare: any namespace bit is denied. */
	if (!fails_with(unshare(CLONE_NEWUTS), EPERM) ||
	    !fails_with(unshare(CLONE_NEWUTS | CLONE_FS), EPERM) || unshare(CLONE_FS) != 0)
		return 3;
	return 0;
}

static int check_deny_args(void)
{
	/* Both conditions of one entry must hold. */
	if (!fails_with(lseek(-1, 5, SEEK_END), EXDEV) ||
	    !fails_with(lseek(-1, 5, SEEK_SET), EBADF) ||
	    !fails_with(lseek(-1, 4, SEEK_END), EBADF))
		return 1;
	/* One argument named twice: either is enough. */
	if (!fails_with(syscall(SYS_dup3, -1, 0, 1), EXDEV) ||
	    !fails_with(syscall(SYS_dup3, -1, 0, 100), EXDEV) ||
	    !fails_with(syscall(SYS_dup3, -1, 0, 50), EINVAL))
		return 2;
	return 0;
}

static void test_args(void **state)
{
	struct spec_seccomp_arg is0[] = {{0, 0, 0, SCMP_CMP_EQ}};
	struct spec_seccomp_arg is_random[] = {{0, ADDR_NO_RANDOMIZE, 0, SCMP_CMP_EQ}};
	struct spec_seccomp_arg is_query[] = {{0, ANY_PERSONALITY, 0, SCMP_CMP_EQ}};
	struct spec_seccomp_arg seek[] = {{1, 5, 0, SCMP_CMP_EQ}, {2, SEEK_END, 0, SCMP_CMP_EQ}};
	struct spec_seccomp_arg no_ns[] = {
		{0, CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWPID, 0, SCMP_CMP_MASKED_EQ}};
	struct spec_seccomp_arg twice[] = {{2, 10, 0, SCMP_CMP_LT}, {2, 90, 0, SCMP_CMP_GT}};
	struct spec_seccomp_rule rules[] = {
		{.names = NAMES(N("personality")),
		 .action = SCMP_ACT_ALLOW,
		 .args = is0,
		 .n_args = 1},
		{.names = NAMES(N("personality")),
		 .action = SCMP_ACT_ALLOW,
		 .args = is_random,
		 .n_args = 1},
		{.names = NAMES(N("personality")),
		 .action = SCMP_ACT_ALLOW,
		 .args = is_query,
		 .n_args = 1},
		{.names = NAMES(N("unshare")),
		 .action = SCMP_ACT_ALLOW,
		 .args = no_ns,
		 .n_args = 1},
		{.names = NAMES(N("exit_group"), N("write")), .action = SCMP_ACT_ALLOW},
		{.names = NAMES(N("lseek")),
		 .action = SCMP_ACT_ERRNO(0),
		 .args = seek,
		 .n_args = 2,
		 .errno_ret = SET(EXDEV)},
		{.names = NAMES(N("dup3")),
		 .action = SCMP_ACT_ERRNO(0),
		 .args = twice,
		 .n_args = 2,
		 .errno_ret = SET(EXDEV)},
	};
	struct spec_seccomp allow_few = profile(SCMP_ACT_ERRNO(0), rules, 5, "args 1");
	struct spec_seccomp deny_few = profile(SCMP_ACT_ALLOW, rules + 5, 2, "args 2");
	struct ctx *c = *state;

	assert_int_equal(run_with(c, &deny_few, check_deny_args), 0);
	assert_int_equal(run_with(c, &allow_few, check_args), 0);
}

static int call_getppid(void)
{
	(void)signal(SIGSYS, SIG_DFL); /* cmocka has a handler */
	(void)syscall(SYS_getppid);    /* does not come back */
	return 0;
}

static void test_kill(void **state)
{
	struct spec_seccomp_rule process[] = {
		{.names = NAMES(N("getppid")), .action = SCMP_ACT_KILL_PROCESS}};
	struct spec_seccomp_rule trap[] = {{.names = NAMES(N("getppid")), .action = SCMP_ACT_TRAP}};
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, process, 1, "kill");
	int status = run_with(*state, &s, call_getppid);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	s = profile(SCMP_ACT_ALLOW, trap, 1, "trap");
	status = run_with(*state, &s, call_getppid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static int check_flags(void)
{
	return fails_with(syscall(SYS_getppid), EPERM) ? 0 : 1;
}

static void test_flags_and_archs(void **state)
{
	struct spec_seccomp_rule rules[] = {
		{.names = NAMES(N("getppid")), .action = SCMP_ACT_ERRNO(0)}};
	/* Twice the same, the sub-architectures, and one of the other byte order. */
	uint32_t archs[] = {seccomp_arch_native(), SCMP_ARCH_X86, SCMP_ARCH_X32,
			    SCMP_ARCH_X86,	   SCMP_ARCH_PPC, SCMP_ARCH_S390X};
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, rules, 1, "flags");
	struct spec_seccomp native = profile(SCMP_ACT_ALLOW, rules, 1, "native");
	struct seccomp_program p, q;
	struct ctx *c = *state;

	s.architectures = archs;
	s.n_architectures = ARRAY_SIZE(archs);
	s.flags = (struct strv)NAMES(N("SECCOMP_FILTER_FLAG_TSYNC"), N("SECCOMP_FILTER_FLAG_LOG"),
				     N("SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
				     N("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
	assert_int_equal(run_with(c, &s, check_flags), 0);
	assert_int_equal(seccomp_prepare(&c->rt, &s, &p, NULL), 0);
	/* Without a listener WAIT_KILLABLE_RECV has no meaning, and the kernel would refuse it. */
	assert_int_equal(p.load_flags, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
					       SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_int_equal(seccomp_prepare(&c->rt, &native, &q, NULL), 0);
	assert_true(p.n > q.n); /* more architectures, more instructions */
	assert_int_equal(q.load_flags, 0);
	seccomp_program_free(&p);
	seccomp_program_free(&q);
	assert_true(logged(&c->t, "not this machine's"));
}

static void test_refused(void **state)
{
	struct spec_seccomp_arg far[] = {{6, 0, 0, SCMP_CMP_EQ}};
	struct spec_seccomp_arg huge[] = {{UINT32_MAX, 0, 0, SCMP_CMP_EQ}};
	struct spec_seccomp_rule rule = {.names = NAMES(N("getppid"))};
	static const struct {
		uint32_t def, action;
		struct opt_u64 def_ret, ret;
		const char *flag, *text;
		int arg; /* 0: none, 1: far, 2: huge */
	} cases[] = {
		{SCMP_ACT_ALLOW, SCMP_ACT_KILL, {0}, SET(1), NULL, "syscalls[0].errnoRet", 0},
		{SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(0), {0}, SET(4096), NULL, "at most 4095", 0},
		{SCMP_ACT_ALLOW, SCMP_ACT_TRACE(0), {0}, SET(65536), NULL, "at most 65535", 0},
		{SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(0), SET(1), {0}, NULL, "defaultErrnoRet", 0},
		{SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(0), {0}, {0}, "TSYNC", "flags[0]: unknown flag", 0},
		{SCMP_ACT_NOTIFY, SCMP_ACT_ALLOW, {0}, {0}, NULL, "defaultAction", 0},
		{SCMP_ACT_ALLOW, SCMP_ACT_NOTIFY, {0}, {0}, NULL, "listenerPath", 0},
		{SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(0), {0}, {0}, NULL, "syscalls[0].args[0].index", 1},
		{SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(0), {0}, {0}, NULL, "syscalls[0].args[0].index", 2},
	};
	struct ctx *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct spec_seccomp s = profile(cases[i].def, &rule, 1, "refused");
		struct seccomp_program p = {.n = 7};
		struct err e = ERR_INIT;
		char *flag = N(cases[i].flag);

		s.default_errno_ret = cases[i].def_ret;
		s.flags = (struct strv){&flag, flag ? 1 : 0};
		rule.action = cases[i].action;
		rule.errno_ret = cases[i].ret;
		rule.n_args = cases[i].arg ? 1 : 0;
		rule.args = cases[i].arg == 2 ? huge : far;
		assert_int_equal(seccomp_prepare(&c->rt, &s, &p, &e), -EINVAL);
		if (!str_after(e.msg, "config.json: linux.seccomp.") ||
		    !strstr(e.msg, cases[i].text))
			fail_msg("case %zu: %s", i, e.msg);
		assert_int_equal(p.n, 7); /* untouched */
	}
}

/* Without no_new_privs and without CAP_SYS_ADMIN. */
static void test_not_permitted(void **state)
{
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, NULL, 0, "allow");
	struct seccomp_program p;
	struct ctx *c = *state;
	int status;
	pid_t pid;

	assert_int_equal(seccomp_prepare(&c->rt, &s, &p, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = ERR_INIT;
		int listener;

		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(99);
		_exit(seccomp_install(&p, &listener, &e) == -EACCES &&
				      strstr(e.msg, "process.noNewPrivileges")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	seccomp_program_free(&p);
}

/* --- the listener --- */

/* An agent on `path`: takes one message, hands back text and descriptor. */
static int agent_listen(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int agent_receive(int sock, char *text, size_t size)
{
	_cleanup_fd_ int conn = accept(sock, NULL, NULL);
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec io = {text, size - 1};
	struct msghdr msg = {.msg_iov = &io,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg;
	ssize_t n;
	int fd;

	assert_true(conn >= 0);
	n = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC);
	assert_true(n > 0);
	cmsg = CMSG_FIRSTHDR(&msg);
	assert_non_null(cmsg);
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	n += io_read(conn, text + n, size - 1 - (size_t)n);
	text[n] = '\0';
	return fd;
}

/* The child's getppid is answered by us with 4711. */
static void test_listener(void **state)
{
	struct spec_seccomp_rule rules[] = {
		{.names = NAMES(N("getppid")), .action = SCMP_ACT_NOTIFY}};
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, rules, 1, "notify");
	struct seccomp_notif req = {0};
	struct seccomp_notif_resp resp = {.val = 4711};
	struct ctx *c = *state;
	struct seccomp_program p;
	char path[128], text[65536], *state_json = malloc(60000);
	int sock, notify, status;
	struct pollfd poll_in = {.events = POLLIN};
	pid_t pid;

	s.listener_path = fake_path(&c->t, "agent.sock", path, sizeof(path));
	s.flags = (struct strv)NAMES(N("SECCOMP_FILTER_FLAG_TSYNC"));
	assert_int_equal(seccomp_prepare(&c->rt, &s, &p, NULL), 0);
	assert_true(p.wants_listener);
	sock = agent_listen(path);
	assert_non_null(state_json);
	memset(state_json, ' ', 59999); /* more than one packet's worth */
	memcpy(state_json, "{}", 2);
	state_json[59999] = '\0';
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = ERR_INIT;
		int listener = -1;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    seccomp_install(&p, &listener, &e) < 0 ||
		    !(fcntl(listener, F_GETFD) & FD_CLOEXEC) ||
		    seccomp_send_listener(&s, listener, state_json, &e) < 0) {
			print_error("%s\n", e.msg);
			_exit(1);
		}
		_exit(syscall(SYS_getppid) == 4711 ? 0 : 2);
	}
	notify = agent_receive(sock, text, sizeof(text));
	assert_string_equal(text, state_json);
	poll_in.fd = notify;
	assert_int_equal(poll(&poll_in, 1, 10000), 1);
	assert_int_equal(ioctl(notify, SECCOMP_IOCTL_NOTIF_RECV, &req), 0);
	assert_int_equal(req.pid, pid);
	resp.id = req.id;
	assert_int_equal(ioctl(notify, SECCOMP_IOCTL_NOTIF_SEND, &resp), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd_close(notify);
	fd_close(sock);
	free(state_json);
	seccomp_program_free(&p);
}

static void test_listener_errors(void **state)
{
	struct ctx *c = *state;
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, NULL, 0, "x");
	struct err e = ERR_INIT;
	char path[128], far[200];

	s.listener_path = fake_path(&c->t, "nobody.sock", path, sizeof(path));
	assert_int_equal(seccomp_send_listener(&s, 0, "{}", &e), -ENOENT);
	assert_non_null(strstr(e.msg, "nobody.sock"));
	memset(far, 'x', sizeof(far) - 1);
	far[0] = '/';
	far[sizeof(far) - 1] = '\0';
	s.listener_path = far;
	assert_int_equal(seccomp_send_listener(&s, 0, "{}", &e), -ENAMETOOLONG);
	assert_non_null(strstr(e.msg, "listenerPath"));
}

/* --- the cache --- */

static struct spec_seccomp_rule cached_rules[] = {
	{.names = NAMES(N("getppid"), N("uname"), N("mount")), .action = SCMP_ACT_ERRNO(0)}};

/* The one file in the cache, below the tree. */
static void cache_file(const struct ctx *c, char *buf, size_t size)
{
	char path[128];
	DIR *dir = opendir(fake_path(&c->t, ".cache/seccomp", path, sizeof(path)));
	struct dirent *d;
	int n = 0;

	assert_non_null(dir);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.') {
			assert_true((size_t)snprintf(buf, size, ".cache/seccomp/%s", d->d_name) <
				    size);
			n++;
		}
	closedir(dir);
	assert_int_equal(n, 1);
}

static void test_cache_hit(void **state)
{
	struct ctx *c = *state;
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, cached_rules, 1, "cached");
	struct seccomp_program first, second;
	struct stat st;
	char file[512];

	assert_int_equal(seccomp_prepare(&c->rt, &s, &first, NULL), 0);
	cache_file(c, file, sizeof(file));
	assert_int_equal(fstatat(c->t.fd, file, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(c->t.fd, ".cache/seccomp", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* Same key: these rules are not even looked at. */
	s.rules = NULL;
	s.n_rules = 0;
	assert_int_equal(seccomp_prepare(&c->rt, &s, &second, NULL), 0);
	assert_int_equal(first.n, second.n);
	assert_memory_equal(first.insns, second.insns, first.n * sizeof(*first.insns));
	seccomp_program_free(&second);
	/* Another key: they are. */
	s.text = "cacheX";
	assert_int_equal(seccomp_prepare(&c->rt, &s, &second, NULL), 0);
	assert_true(second.n < first.n);
	seccomp_program_free(&first);
	seccomp_program_free(&second);
}

/* True if the file's filter is taken. */
static bool is_hit(const struct ctx *c)
{
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, NULL, 0, "cached");
	struct sock_filter *insns;
	unsigned short n;

	if (!seccomp_cache_get(c->rt.root, s.text, s.text_len, &insns, &n))
		return false;
	free(insns);
	return true;
}

static void test_cache_hostile(void **state)
{
	struct ctx *c = *state;
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, cached_rules, 1, "cached");
	_cleanup_free_ char *good = NULL;
	struct seccomp_program fresh, p;
	char file[512];
	size_t len;
	int fd;

	assert_int_equal(seccomp_prepare(&c->rt, &s, &fresh, NULL), 0);
	cache_file(c, file, sizeof(file));
	assert_int_equal(file_read_alloc(c->t.fd, file, 1 << 20, &good, &len, NULL), 0);
	assert_true(is_hit(c));

	/* Cut anywhere, or longer. */
	for (size_t cut = 0; cut < len; cut += 5) {
		assert_int_equal(file_write_atomic(c->t.fd, file, good, cut, 0600, NULL), 0);
		if (is_hit(c))
			fail_msg("taken when cut to %zu of %zu bytes", cut, len);
	}
	fd = openat(c->t.fd, file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(io_write(fd, good, len), 0);
	assert_int_equal(io_write(fd, good, 8), 0);
	fd_close(fd);
	assert_false(is_hit(c));
	/* Any byte changed. */
	for (size_t i = 0; i < len; i++) {
		good[i] ^= 1;
		assert_int_equal(file_write_atomic(c->t.fd, file, good, len, 0600, NULL), 0);
		if (is_hit(c))
			fail_msg("taken with byte %zu of %zu changed", i, len);
		good[i] ^= 1;
	}
	/* Writable by others, or not a file. */
	assert_int_equal(file_write_atomic(c->t.fd, file, good, len, 0600, NULL), 0);
	assert_true(is_hit(c));
	assert_int_equal(fchmodat(c->t.fd, file, 0620, 0), 0);
	assert_false(is_hit(c));
	assert_int_equal(fchmodat(c->t.fd, file, 0600, 0), 0);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(c->t.fd, file, 65534, 65534, 0), 0);
		assert_false(is_hit(c));
	}
	fake_remove(&c->t, file);
	assert_int_equal(mkfifoat(c->t.fd, file, 0600), 0);
	assert_false(is_hit(c)); /* and does not hang */
	fake_remove(&c->t, file);
	fake_file(&c->t, "elsewhere", "%s", "");
	assert_int_equal(file_write_atomic(c->t.fd, "elsewhere", good, len, 0600, NULL), 0);
	assert_int_equal(symlinkat("../../elsewhere", c->t.fd, file), 0);
	assert_false(is_hit(c));
	/* All the same the filter comes out right, and the cache is mended. */
	assert_int_equal(seccomp_prepare(&c->rt, &s, &p, NULL), 0);
	assert_int_equal(p.n, fresh.n);
	assert_memory_equal(p.insns, fresh.insns, p.n * sizeof(*p.insns));
	assert_true(is_hit(c));
	seccomp_program_free(&p);
	seccomp_program_free(&fresh);
}

/* Where nothing can be stored the filter is made all the same. */
static void test_cache_unusable(void **state)
{
	struct ctx *c = *state;
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, cached_rules, 1, "cached");
	struct runtime nowhere = {.root = "/nonexistent/root"};
	struct seccomp_program p;

	assert_int_equal(seccomp_prepare(&nowhere, &s, &p, NULL), 0);
	assert_true(p.n > 0);
	seccomp_program_free(&p);
	assert_true(logged(&c->t, "/nonexistent/root/.cache/seccomp cannot be used"));
	fake_file(&c->t, ".cache", "%s", ""); /* a file in the way */
	assert_int_equal(seccomp_prepare(&c->rt, &s, &p, NULL), 0);
	seccomp_program_free(&p);
	fake_remove(&c->t, ".cache");
	assert_int_equal(mkdirat(c->t.fd, ".cache", 0700), 0);
	assert_int_equal(fchmodat(c->t.fd, ".cache", 0777, 0), 0); /* anybody's */
	assert_int_equal(seccomp_prepare(&c->rt, &s, &p, NULL), 0);
	seccomp_program_free(&p);
	assert_int_equal(faccessat(c->t.fd, ".cache/seccomp", F_OK, 0), -1);
	s.text = NULL;
	s.text_len = 0;
	assert_int_equal(seccomp_prepare(&c->rt, &s, &p, NULL), 0);
	seccomp_program_free(&p);
}

static void test_cache_bounded(void **state)
{
	struct ctx *c = *state;
	const struct sock_filter insn = {.code = 6};
	struct sock_filter *insns;
	unsigned short n;
	char text[32] = "", path[128];
	DIR *dir;
	int entries = 0;

	for (int i = 0; i < SECCOMP_CACHE_MAX + 10; i++) {
		(void)snprintf(text, sizeof(text), "filter %d", i);
		seccomp_cache_put(c->rt.root, text, strlen(text), &insn, 1);
		usleep(100); /* so that the clock's grain does not make them the same age */
	}
	dir = opendir(fake_path(&c->t, ".cache/seccomp", path, sizeof(path)));
	assert_non_null(dir);
	while (readdir(dir))
		entries++;
	closedir(dir);
	assert_in_range(entries - 2, SECCOMP_CACHE_MAX / 2, SECCOMP_CACHE_MAX);
	/* The newest is there. */
	assert_true(seccomp_cache_get(c->rt.root, text, strlen(text), &insns, &n));
	assert_int_equal(n, 1);
	free(insns);
	assert_false(seccomp_cache_get(c->rt.root, "filter 0", 8, &insns, &n));
}

/* What is worked out beforehand is what the kernel does: each call is tried under the filter. */
static void test_allows(void **state)
{
	struct ctx *c = *state;
	struct spec_seccomp_arg masked = {
		.index = 0, .op = SCMP_CMP_MASKED_EQ, .value = 4, .value_two = 4};
	struct spec_seccomp_rule rules[] = {
		{.names = NAMES(N("getppid"), N("setsid")),
		 .action = SCMP_ACT_ERRNO(0),
		 .errno_ret = SET(EXDEV)},
		{.names = NAMES(N("umask")),
		 .action = SCMP_ACT_ERRNO(0),
		 .errno_ret = SET(EXDEV),
		 .args = &masked,
		 .n_args = 1},
		{.names = NAMES(N("getpid")), .action = SCMP_ACT_LOG},
	};
	static const struct {
		int number;
		unsigned long first;
	} calls[] = {{SYS_getppid, 0}, {SYS_setsid, 0}, {SYS_umask, 0},	 {SYS_umask, 4},
		     {SYS_umask, 6},   {SYS_umask, 2},	{SYS_getpid, 0}, {SYS_getuid, 0}};
	struct spec_seccomp s = profile(SCMP_ACT_ALLOW, rules, 3, "allows");
	struct seccomp_program p = {0};
	struct err e = ERR_INIT;

	assert_int_equal(seccomp_prepare(&c->rt, &s, &p, &e), 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		pid_t pid = fork();
		int status, listener;

		if (pid == 0) {
			if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			    seccomp_install(&p, &listener, NULL) < 0)
				_exit(2);
			errno = 0;
			(void)syscall(calls[i].number, calls[i].first);
			_exit(errno == EXDEV);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		assert_int_equal(seccomp_allows(&p, calls[i].number, calls[i].first, 0),
				 WEXITSTATUS(status) == 0);
	}
	seccomp_program_free(&p);
	/* What is not understood is not allowed. */
	p.insns = calloc(1, sizeof(*p.insns));
	assert_non_null(p.insns);
	p.n = 1;
	*p.insns = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
	assert_false(seccomp_allows(&p, SYS_getuid, 0, 0));
	*p.insns = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0xfffffff0);
	assert_false(seccomp_allows(&p, SYS_getuid, 0, 0));
	*p.insns = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff);
	assert_false(seccomp_allows(&p, SYS_getuid, 0, 0));
	seccomp_program_free(&p);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_errno),	  TEST(test_default_errno),   TEST(test_args),
		TEST(test_kill),	  TEST(test_flags_and_archs), TEST(test_refused),
		TEST(test_not_permitted), TEST(test_listener),	      TEST(test_listener_errors),
		TEST(test_cache_hit),	  TEST(test_cache_hostile),   TEST(test_cache_unusable),
		TEST(test_cache_bounded), TEST(test_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
