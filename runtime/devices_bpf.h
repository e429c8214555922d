/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program behind cgroup_devices_guard (runtime/cgroup.h), exported for its test.
 */
#ifndef CEDE_RUNTIME_DEVICES_BPF_H
#define CEDE_RUNTIME_DEVICES_BPF_H

#include <linux/bpf.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/spec.h"

/* Makes the program of the rules and cede's default devices; the caller frees *ret. NULL and 0
 * instructions if the rules allow everything (privileged containers): then none is needed. */
int devices_program(const struct spec_device_rule *rules, size_t n, struct bpf_insn **ret,
		    size_t *ret_n, struct err *e);
/* Attaches it in place of an earlier one of ours. */
int cgroup_devices_apply(int cgfd, const struct spec_device_rule *rules, size_t n, struct err *e);

#endif
