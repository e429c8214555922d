/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first instructions of the program: self_protect (see runtime/self.h) before the C library has
 * been started.
 *
 * The library's start asks the processor some forty times what it is (CPUID), and under a
 * hypervisor each answer costs up to 20 us: on such a machine it is most of the time that a small
 * program takes. A command that executes itself again would pay that twice. So the entry point is
 * cede_start (Makefile), which does the execution at once, and goes on to the library's _start
 * where there is nothing to do, or where anything is not as expected: self_protect comes again
 * later and knows all cases.
 *
 * Nothing of the library may be called here, nor what the compiler makes calls of (memcpy): neither
 * relocations nor thread-local storage are there yet. The Makefile looks at the object: _start is
 * all that it may want from outside.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "runtime/self.h"

#if defined(__x86_64__)

/* rdx is the library's (a function for atexit, if there is a dynamic linker). */
__asm__(".pushsection .text.cede_start,\"ax\",@progbits\n"
	".globl cede_start\n"
	".type cede_start, @function\n"
	"cede_start:\n"
	"	endbr64\n"
	"	movq %rsp, %rdi\n"
	"	pushq %rdx\n"
	"	subq $8, %rsp\n"
	"	call self_entry\n"
	"	addq $8, %rsp\n"
	"	popq %rdx\n"
	"	jmp _start\n"
	".size cede_start, . - cede_start\n"
	".popsection\n");

bool self_read_only;

static long call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Whether one of the words may be a command that enters a container. One too many costs little. */
static bool may_enter(char *const *argv)
{
	for (; *argv; argv++)
		if (same(*argv, "run") || same(*argv, "create") || same(*argv, "exec") ||
		    same(*argv, "launch"))
			return true;
	return false;
}

/* `stack` as the kernel left it: argc, argv, NULL, environment, NULL. */
void self_entry(const uintptr_t *stack);
void self_entry(const uintptr_t *stack)
{
	static const char exe[] = "/proc/self/exe", empty[] = "";
	static const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	char *const *argv = (char *const *)(stack + 1);
	char *const *envp = argv + stack[0] + 1;
	struct statfs fs;
	long fd;

	if (!may_enter(argv))
		return;
	if (call(SYS_statfs, (long)exe, (long)&fs, 0, 0, 0) < 0)
		return;
	self_read_only = fs.f_flags & ST_RDONLY;
	if (self_read_only)
		return;
	fd = call(SYS_open_tree, AT_FDCWD, (long)exe, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
	if (fd < 0)
		return;
	if (call(SYS_mount_setattr, fd, (long)empty, AT_EMPTY_PATH, (long)&read_only,
		 sizeof(read_only)) == 0)
		(void)call(SYS_execveat, fd, (long)empty, (long)argv, (long)envp, AT_EMPTY_PATH);
	(void)call(SYS_close, fd, 0, 0, 0, 0); /* self_protect says what went wrong */
}

#endif
