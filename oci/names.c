/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/names.h"

#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "oci/spec.h"

#define NAMES(list, ...)                                                                           \
	static const struct name_value list##_table[] = {__VA_ARGS__};                             \
	const struct oci_names list = {list##_table, ARRAY_SIZE(list##_table)}
/* clang-format off */
#define C(constant) {#constant, constant} /* under its own name */
/* The same, for one that the headers at hand may lack: `value` is the kernel's. */
#define V(constant, value) {#constant, value}
/* clang-format on */

NAMES(oci_namespaces, {"cgroup", NS_CGROUP}, {"ipc", NS_IPC}, {"mount", NS_MOUNT},
      {"network", NS_NETWORK}, {"pid", NS_PID}, {"time", NS_TIME}, {"user", NS_USER},
      {"uts", NS_UTS});

NAMES(oci_hooks, {"prestart", HOOK_PRESTART}, {"createRuntime", HOOK_CREATE_RUNTIME},
      {"createContainer", HOOK_CREATE_CONTAINER}, {"startContainer", HOOK_START_CONTAINER},
      {"poststart", HOOK_POSTSTART}, {"poststop", HOOK_POSTSTOP});

NAMES(oci_capabilities, C(CAP_CHOWN), C(CAP_DAC_OVERRIDE), C(CAP_DAC_READ_SEARCH), C(CAP_FOWNER),
      C(CAP_FSETID), C(CAP_KILL), C(CAP_SETGID), C(CAP_SETUID), C(CAP_SETPCAP),
      C(CAP_LINUX_IMMUTABLE), C(CAP_NET_BIND_SERVICE), C(CAP_NET_BROADCAST), C(CAP_NET_ADMIN),
      C(CAP_NET_RAW), C(CAP_IPC_LOCK), C(CAP_IPC_OWNER), C(CAP_SYS_MODULE), C(CAP_SYS_RAWIO),
      C(CAP_SYS_CHROOT), C(CAP_SYS_PTRACE), C(CAP_SYS_PACCT), C(CAP_SYS_ADMIN), C(CAP_SYS_BOOT),
      C(CAP_SYS_NICE), C(CAP_SYS_RESOURCE), C(CAP_SYS_TIME), C(CAP_SYS_TTY_CONFIG), C(CAP_MKNOD),
      C(CAP_LEASE), C(CAP_AUDIT_WRITE), C(CAP_AUDIT_CONTROL), C(CAP_SETFCAP), C(CAP_MAC_OVERRIDE),
      C(CAP_MAC_ADMIN), C(CAP_SYSLOG), C(CAP_WAKE_ALARM), C(CAP_BLOCK_SUSPEND), C(CAP_AUDIT_READ),
      V(CAP_PERFMON, 38), V(CAP_BPF, 39), V(CAP_CHECKPOINT_RESTORE, 40));

NAMES(oci_rlimits, C(RLIMIT_AS), C(RLIMIT_CORE), C(RLIMIT_CPU), C(RLIMIT_DATA), C(RLIMIT_FSIZE),
      C(RLIMIT_LOCKS), C(RLIMIT_MEMLOCK), C(RLIMIT_MSGQUEUE), C(RLIMIT_NICE), C(RLIMIT_NOFILE),
      C(RLIMIT_NPROC), C(RLIMIT_RSS), C(RLIMIT_RTPRIO), C(RLIMIT_RTTIME), C(RLIMIT_SIGPENDING),
      C(RLIMIT_STACK));

/* SCHED_ISO of the specification is not here: no Linux implements it. */
NAMES(oci_sched_policies, {"SCHED_OTHER", SCHED_NORMAL}, C(SCHED_FIFO), C(SCHED_RR), C(SCHED_BATCH),
      C(SCHED_IDLE), C(SCHED_DEADLINE));

NAMES(oci_sched_flags, C(SCHED_FLAG_RESET_ON_FORK), C(SCHED_FLAG_RECLAIM), C(SCHED_FLAG_DL_OVERRUN),
      C(SCHED_FLAG_KEEP_POLICY), C(SCHED_FLAG_KEEP_PARAMS), C(SCHED_FLAG_UTIL_CLAMP_MIN),
      C(SCHED_FLAG_UTIL_CLAMP_MAX));

/* linux/ioprio.h is not exported by every libc-dev. */
NAMES(oci_io_classes, V(IOPRIO_CLASS_RT, 1), V(IOPRIO_CLASS_BE, 2), V(IOPRIO_CLASS_IDLE, 3));

/* The specification has the plain four; every engine sends the recursive forms. */
NAMES(oci_propagations, {"private", MS_PRIVATE}, {"rprivate", MS_PRIVATE | MS_REC},
      {"shared", MS_SHARED}, {"rshared", MS_SHARED | MS_REC}, {"slave", MS_SLAVE},
      {"rslave", MS_SLAVE | MS_REC}, {"unbindable", MS_UNBINDABLE},
      {"runbindable", MS_UNBINDABLE | MS_REC});

NAMES(oci_personalities, {"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32});

NAMES(oci_memory_modes, C(MPOL_DEFAULT), C(MPOL_BIND), C(MPOL_INTERLEAVE),
      V(MPOL_WEIGHTED_INTERLEAVE, 6), C(MPOL_PREFERRED), V(MPOL_PREFERRED_MANY, 5), C(MPOL_LOCAL));

NAMES(oci_memory_flags, V(MPOL_F_NUMA_BALANCING, 1u << 13),
      {"MPOL_F_RELATIVE_NODES", OCI_MPOL_F_RELATIVE_NODES},
      {"MPOL_F_STATIC_NODES", OCI_MPOL_F_STATIC_NODES});

NAMES(oci_seccomp_actions, C(SCMP_ACT_ALLOW), {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
      C(SCMP_ACT_KILL), C(SCMP_ACT_KILL_PROCESS), C(SCMP_ACT_KILL_THREAD), C(SCMP_ACT_LOG),
      C(SCMP_ACT_NOTIFY), {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)}, C(SCMP_ACT_TRAP));

NAMES(oci_seccomp_operators, C(SCMP_CMP_EQ), C(SCMP_CMP_GE), C(SCMP_CMP_GT), C(SCMP_CMP_LE),
      C(SCMP_CMP_LT), C(SCMP_CMP_MASKED_EQ), C(SCMP_CMP_NE));

/* Those that libseccomp has: what it does not know cannot be filtered. */
static const struct name_value seccomp_archs[] = {
	C(SCMP_ARCH_X86_64),	  C(SCMP_ARCH_X86),	    C(SCMP_ARCH_X32),
	C(SCMP_ARCH_AARCH64),	  C(SCMP_ARCH_ARM),	    C(SCMP_ARCH_MIPS),
	C(SCMP_ARCH_MIPS64),	  C(SCMP_ARCH_MIPS64N32),   C(SCMP_ARCH_MIPSEL),
	C(SCMP_ARCH_MIPSEL64),	  C(SCMP_ARCH_MIPSEL64N32), C(SCMP_ARCH_PARISC),
	C(SCMP_ARCH_PARISC64),	  C(SCMP_ARCH_PPC),	    C(SCMP_ARCH_PPC64),
	C(SCMP_ARCH_PPC64LE),	  C(SCMP_ARCH_RISCV64),	    C(SCMP_ARCH_S390),
	C(SCMP_ARCH_S390X),
#ifdef SCMP_ARCH_LOONGARCH64
	C(SCMP_ARCH_LOONGARCH64),
#endif
#ifdef SCMP_ARCH_M68K
	C(SCMP_ARCH_M68K),
#endif
#ifdef SCMP_ARCH_SH
	C(SCMP_ARCH_SH),
#endif
#ifdef SCMP_ARCH_SHEB
	C(SCMP_ARCH_SHEB),
#endif
};
const struct oci_names oci_seccomp_archs = {seccomp_archs, ARRAY_SIZE(seccomp_archs)};

NAMES(oci_seccomp_flags, V(SECCOMP_FILTER_FLAG_TSYNC, 1u << 0), V(SECCOMP_FILTER_FLAG_LOG, 1u << 1),
      V(SECCOMP_FILTER_FLAG_SPEC_ALLOW, 1u << 2),
      V(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 1u << 5));
