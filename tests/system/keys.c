/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys put NAME VALUE COMMAND [ARG...]	runs COMMAND with a session keyring that holds this key
 * keys open KEYRING NAME VALUE COMMAND [ARG...]	the same with one of that name, which
 * everybody may use
 * keys get NAME			prints what the session keyring has under the name, or why
 * not
 *
 * Exit status 77: this kernel has no keys.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVERYBODY_MAY_ALL 0x3f3f3f3f

static int put(const char *keyring, char **argv)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, keyring) < 0)
		return errno == ENOSYS ? 77 : 1;
	if (keyring &&
	    syscall(SYS_keyctl, KEYCTL_SETPERM, KEY_SPEC_SESSION_KEYRING, EVERYBODY_MAY_ALL) < 0)
		return 1;
	if (syscall(SYS_add_key, "user", argv[2], argv[3], strlen(argv[3]),
		    KEY_SPEC_SESSION_KEYRING) < 0)
		return 1;
	execvp(argv[4], argv + 4);
	return 127;
}

static int get(const char *name)
{
	char value[256];
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", name, 0);
	long n = key < 0 ? -1 : syscall(SYS_keyctl, KEYCTL_READ, key, value, sizeof(value));

	if (n < 0)
		puts(strerror(errno));
	else
		printf("%.*s\n", (int)n, value);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 4 && strcmp(argv[1], "put") == 0)
		return put(NULL, argv);
	if (argc > 5 && strcmp(argv[1], "open") == 0)
		return put(argv[2], argv + 1);
	if (argc == 3 && strcmp(argv[1], "get") == 0)
		return get(argv[2]);
	return 2;
}
