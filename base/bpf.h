/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF programs, written instruction by instruction: what their writers share. Kernel:
 * include/uapi/linux/bpf.h, Documentation/bpf/standardization/instruction-set.rst.
 */
#ifndef CEDE_BASE_BPF_H
#define CEDE_BASE_BPF_H

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BPF_INSN(c, d, s, o, i)                                                                    \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

/* -1 and errno, or what the command returns; descriptors are always close-on-exec. All of *attr
 * must have been zeroed, not only its members: the kernel looks at the padding. */
static inline int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

#endif
