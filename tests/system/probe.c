/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process finds itself to be, one "key value" a line, by system calls alone (it works
 * without /proc and without libraries in the container).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{"RLIMIT_AS", RLIMIT_AS},	  {"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},	  {"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},	  {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_NICE", RLIMIT_NICE},	  {"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},	  {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_STACK", RLIMIT_STACK},	  {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},	  {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME}, {"RLIMIT_RSS", RLIMIT_RSS},
};

static void print_limits(void)
{
	struct rlimit l;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (getrlimit(limits[i].resource, &l) == 0)
			printf("%s %lld %lld\n", limits[i].name, (long long)l.rlim_cur,
			       (long long)l.rlim_max);
}

static void print_fds(void)
{
	printf("fds");
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("\n");
}

static void print_signals(void)
{
	struct sigaction sa;
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	printf("signals_blocked");
	for (int s = 1; s < 65; s++)
		if (sigismember(&blocked, s) == 1)
			printf(" %d", s);
	printf("\nsignals_ignored");
	for (int s = 1; s < 65; s++)
		if (sigaction(s, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			printf(" %d", s);
	printf("\n");
}

int main(int argc, char **argv, char **envp)
{
	gid_t groups[256];
	int n = getgroups(256, groups);
	char cwd[4096] = "?";
	struct utsname u;
	mode_t mask = umask(0);

	printf("uid %d %d\ngid %d %d\ngroups", getuid(), geteuid(), getgid(), getegid());
	for (int i = 0; i < n; i++)
		printf(" %d", groups[i]);
	printf("\numask %04o\n", mask);
	printf("pid %d\nppid %d\nsid %d\npgid %d\n", getpid(), getppid(), getsid(0), getpgid(0));
	printf("cwd %s\n", syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0 ? cwd : strerror(errno));
	printf("sched %d\nnice %d\n", sched_getscheduler(0), getpriority(PRIO_PROCESS, 0));
	printf("ioprio %ld\n", syscall(SYS_ioprio_get, 1, 0));
	printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	printf("seccomp %d\n", prctl(PR_GET_SECCOMP));
	printf("keepcaps %d\nsecurebits %d\n", prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS));
	printf("personality %x\n", (unsigned)personality(0xffffffff));
	uname(&u);
	printf("hostname %s\ndomainname %s\n", u.nodename, u.domainname);
	printf("tty %d %d %d\n", isatty(0), isatty(1), isatty(2));
	print_fds();
	print_signals();
	print_limits();
	for (int i = 0; i < argc; i++)
		printf("arg %s\n", argv[i]);
	for (; *envp; envp++)
		printf("env %s\n", *envp);
	return 0;
}
