/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp filters: compiled by libseccomp once (binary tree), cached as BPF, loaded by init.
 */
#ifndef CEDE_RUNTIME_SECCOMP_H
#define CEDE_RUNTIME_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/spec.h"
#include "runtime/container.h"

struct seccomp_program {
	struct sock_filter *insns; /* owned */
	unsigned short n;
	unsigned long load_flags; /* SECCOMP_FILTER_FLAG_* for seccomp(2) */
	bool wants_listener;
};

/* Errors name the place in config.json. System calls that libseccomp does not know are left out
 * (profiles name those of all machines); an architecture of the other byte order too.
 * From the cache below <root>/.cache/seccomp (0700; key material compared in full) or compiled. */
int seccomp_prepare(const struct runtime *rt, const struct spec_seccomp *s,
		    struct seccomp_program *ret, struct err *e);
/* seccomp(2). In init, last before exec (or before capabilities are dropped when no_new_privs is
 * off). *ret_listener: the notify descriptor or -1. */
int seccomp_install(const struct seccomp_program *p, int *ret_listener, struct err *e);
/* What the filter says to a call of this machine, with these arguments and all others 0: is it
 * allowed? Pure. */
bool seccomp_allows(const struct seccomp_program *p, int number, uint64_t first, uint64_t second);
/* Sends the listener with ContainerProcessState to listenerPath (config-linux.md). Waits at most
 * 10 s for the agent. The caller closes the listener. */
int seccomp_send_listener(const struct spec_seccomp *s, int listener, const char *state_json,
			  struct err *e);
void seccomp_program_free(struct seccomp_program *p);

#endif
