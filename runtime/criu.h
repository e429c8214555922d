/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation with CRIU.
 *
 * CRIU runs as a program of its own, `criu swrk FD`, and speaks its RPC over a SOCK_SEQPACKET pair:
 * one packet, one message (criu.org/RPC; the messages are in CRIU's rpc.proto, which
 * distributions install with it). libcriu is a wrapper of just this, and one that lags behind: that
 *of CRIU 3.17 has no call for lazy pages, the status descriptor, empty namespaces or a
 *configuration file, waits without bound, and would have to be linked. So the messages are written
 *here, and cede stays one static program without it.
 *
 *	cede				criu swrk
 *	VERSION, FEATURE_CHECK	->
 *				<-	answer
 *	DUMP, RESTORE ...	->
 *				<-	NOTIFY "what comes next" [pid] [+ descriptor]
 *	NOTIFY success		->	  or not: CRIU gives up and undoes what it did
 *				<-	answer
 *
 * Descriptors in a request (images_dir_fd ...) are numbers of the process that made the socket
 * pair; CRIU opens them through its /proc/<pid>/fd. Those of inherit_fd are numbers of CRIU itself.
 *
 * Either side sees the other's death as the end of the stream: a CRIU without us undoes a dump
 * that it has not finished.
 */
#ifndef CEDE_RUNTIME_CRIU_H
#define CEDE_RUNTIME_CRIU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* rpc.proto, criu_req_type */
enum criu_request {
	CRIU_REQ_DUMP = 1,
	CRIU_REQ_RESTORE = 2,
	CRIU_REQ_NOTIFY = 6,
	CRIU_REQ_FEATURE_CHECK = 9,
	CRIU_REQ_VERSION = 10,
	CRIU_REQ_PRE_DUMP = 13, /* SINGLE_PRE_DUMP */
};

/* rpc.proto, criu_opts: the fields that are used here. */
enum criu_field {
	CRIU_IMAGES_DIR_FD = 1,
	CRIU_PID = 2,
	CRIU_LEAVE_RUNNING = 3,
	CRIU_EXT_UNIX_SK = 4,
	CRIU_TCP_ESTABLISHED = 5,
	CRIU_SHELL_JOB = 7,
	CRIU_FILE_LOCKS = 8,
	CRIU_LOG_LEVEL = 9,
	CRIU_LOG_FILE = 10,
	CRIU_PAGE_SERVER = 11, /* address = 1, port = 2 */
	CRIU_NOTIFY_SCRIPTS = 12,
	CRIU_ROOT = 13,
	CRIU_PARENT_IMG = 14,
	CRIU_TRACK_MEM = 15,
	CRIU_AUTO_DEDUP = 16,
	CRIU_WORK_DIR_FD = 17,
	CRIU_LINK_REMAP = 18,
	CRIU_EXT_MNT = 23, /* key = 1, value = 2 */
	CRIU_CG_ROOT = 25, /* controller = 1, path = 2 */
	CRIU_RST_SIBLING = 26,
	CRIU_INHERIT_FD = 27, /* key = 1, descriptor = 2 */
	CRIU_EXT_SHARING = 29,
	CRIU_EXT_MASTERS = 30,
	CRIU_MANAGE_CGROUPS_MODE = 34,
	CRIU_EXTERNAL = 37,
	CRIU_EMPTY_NS = 38,
	CRIU_JOIN_NS = 39, /* namespace = 1, file = 2 */
	CRIU_FREEZE_CGROUP = 44,
	CRIU_TCP_SKIP_IN_FLIGHT = 46,
	CRIU_LAZY_PAGES = 48,
	CRIU_STATUS_FD = 49,
	CRIU_ORPHAN_PTS_MASTER = 50,
	CRIU_CONFIG_FILE = 51,
	CRIU_TCP_CLOSE = 52,
	CRIU_LSM_PROFILE = 53,
	CRIU_CGROUP_YARD = 60,
	CRIU_LSM_MOUNT_CONTEXT = 63,
	CRIU_NETWORK_LOCK = 64,
};

/* 3.17.1 -> 31701 */
#define CRIU_VERSION(major, minor, sub) ((major)*10000 + (minor)*100 + (sub))
/* The oldest that is spoken to: the freezer of cgroup v2 came with 3.14, notifications that cede
 * relies on are older. */
#define CRIU_OLDEST CRIU_VERSION(3, 14, 0)

#define CRIU_KEEP_MAX 16

struct criu_start {
	const char *log; /* "dump.log" or "restore.log", in the work directory */
	int work_fd;	 /* borrowed until criu_end */
	int cancel_fd;	 /* readable: give up; or -1 */
	int timeout_ms;	 /* for all of it */
	/* Stay open in CRIU, under the same numbers (inherit_fd). */
	int keep[CRIU_KEEP_MAX];
	size_t n_keep;
	bool stdio; /* CRIU gets our 0, 1 and 2 (shell jobs) */
	/* Not in our process group: what is typed at our terminal is not for it. */
	bool apart;
	/* Writing to a peer that is gone, or beyond a limit on file size, is an error that it
	 * reports and undoes, and does not kill it. Not for a restore: what it ignores the
	 * container would. */
	bool ignores;
	/* The page server that it is to write to; NULL: none. */
	const char *peer;
	int peer_port;
	/* Runs in the child before exec; an error ends it and is handed out by the next call. */
	int (*in_child)(void *arg, struct err *e);
	void *arg;
};

struct criu {
	struct criu_start how;
	pid_t pid;
	int pidfd, sock, words; /* `words`: what CRIU said on its standard error */
	uint64_t deadline_ns;
	unsigned version;
};

struct criu_note {
	const char *what; /* "setup-namespaces", "post-restore", ... (criu(8), --action-script) */
	pid_t pid;	  /* of the container's init, where CRIU says it; else 0 */
	int *fd;	  /* a descriptor that came along, or -1; the receiver may take it */
};

/* An error makes CRIU give up, and is what criu_call hands out. */
typedef int (*criu_listener)(const struct criu_note *n, void *arg, struct err *e);

#define CRIU_INIT                                                                                  \
	{                                                                                          \
		.pidfd = -1, .sock = -1, .words = -1                                               \
	}

/* Finds `criu`, starts it, asks for its version (-EOPNOTSUPP: too old). -ENOENT with a message that
 * says how to get it. */
int criu_begin(struct criu *c, const struct criu_start *how, struct err *e);
/* What CRIU and the kernel can do together (rpc.proto, criu_features). */
int criu_features(struct criu *c, bool *ret_mem_track, bool *ret_lazy_pages, struct err *e);
/* Refuses `option` by name if this CRIU is too old for it. */
int criu_needs(const struct criu *c, unsigned version, const char *option, struct err *e);
/*
 * One request with its options (criu_opts, encoded), and the notifications up to its answer.
 * *ret_pid (restore; may be NULL): init. On failure the last errors of CRIU's log are the message.
 */
int criu_call(struct criu *c, enum criu_request type, const struct strbuf *opts,
	      criu_listener listen, void *arg, pid_t *ret_pid, struct err *e);
/* Closes the socket and waits for CRIU's end; kills it if it takes too long. Fine at any time. */
void criu_end(struct criu *c);

/* A message from CRIU (criu_resp). What it does not say is 0 or "". Pure; -EBADMSG. */
struct criu_answer {
	uint64_t type, success, pid, note_pid, mem_track, lazy_pages;
	uint64_t major, minor, sub;
	char note[64], message[256];
	int fd; /* came along */
};
int criu_answer_parse(const unsigned char *text, size_t len, struct criu_answer *ret);

/* The last errors in the text of a CRIU log, joined to one line: "" if there are none. Pure. */
void criu_log_errors(const char *log, char *buf, size_t size);

#endif
