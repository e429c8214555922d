/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a member of one of the running kernel's structures is: BTF, the kernel's description of its
 * own types (/sys/kernel/btf/vmlinux; Documentation/bpf/btf.rst). It has some 5 MB, of which next
 * to nothing is wanted: it is read twice, in pieces, and nothing of it is kept.
 */
#ifndef CEDE_BASE_BTF_H
#define CEDE_BASE_BTF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define BTF_KERNEL "/sys/kernel/btf/vmlinux"
#define BTF_QUERIES_MAX 32

struct btf_query {
	const char *type, *member; /* of a struct: not of one that is nested without a name */
	int32_t offset;		   /* out: bytes; -1: there is none, or it is a bit field */
};

/* fd: BTF of this machine's byte order, seekable. 0, or -EBADMSG when it is not BTF or its parts
 * reach past its end. A query without an answer is no error. */
int btf_find(int fd, struct btf_query *q, size_t n, struct err *e);

#endif
