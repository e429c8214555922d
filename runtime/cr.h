/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What checkpoint and restore share: options, directories, and their words for CRIU.
 */
#ifndef CEDE_RUNTIME_CR_H
#define CEDE_RUNTIME_CR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "oci/spec.h"
#include "runtime/container.h"
#include "runtime/criu.h"

/* Where the images are if nobody says, below the current directory. */
#define CR_IMAGE_PATH "checkpoint"
/* A CRIU that takes longer has lost something it waits for (100 GB at 100 MB/s take 17 minutes). */
#define CR_TIMEOUT_MS 1800000

/* Pointers are borrowed; NULL: not given. */
struct cr_opts {
	const char *image_path;	 /* CR_IMAGE_PATH */
	const char *work_path;	 /* of the log; the images' */
	const char *parent_path; /* of an earlier (pre-)dump, relative to image_path, or absolute */
	bool tcp_established, tcp_skip_in_flight, tcp_close;
	bool link_remap, ext_unix_sk, shell_job, file_locks, lazy_pages, auto_dedup;
	const char *cgroups_mode;    /* soft, full, strict, ignore */
	const char *network_lock;    /* iptables, nftables, skip */
	const char *const *empty_ns; /* NULL-terminated names of namespaces */
	const char *lsm_profile;     /* TYPE:NAME */
	const char *lsm_mount_context;
	bool status_fd_set;
	int status_fd;		 /* CRIU writes a byte there when its page server listens */
	const char *page_server; /* ADDRESS:PORT */
	int timeout_ms;		 /* 0: CR_TIMEOUT_MS */
};

struct cr_dirs {
	int image, work;      /* -1: not open */
	char *parent;	      /* of parent_path, relative to image; NULL: none */
	struct strbuf before; /* names of what was in image, each with its NUL */
	mode_t mode;	      /* of image, to be put back; 0: not touched */
};
#define CR_DIRS_INIT                                                                               \
	{                                                                                          \
		.image = -1, .work = -1                                                            \
	}

/* Everything that can be found wrong with the options alone. */
int cr_check(const struct cr_opts *o, struct err *e);
/* Opens both; `make`: missing ones are made. CRIU gets these descriptors and never a path. */
int cr_dirs_open(const struct cr_opts *o, bool make, struct cr_dirs *ret, struct err *e);
void cr_dirs_close(struct cr_dirs *d);

/*
 * CRIU keeps a link "parent" that it finds, whatever it was told, and then goes by it: the memory
 * of another checkpoint would be restored. Before a dump, a link is removed; afterwards there must
 * be the one that was asked for, or none.
 */
int cr_parent_clear(const struct cr_dirs *d, struct err *e);
int cr_parent_check(const struct cr_dirs *d, struct err *e);
/* The way from one absolute path without links to another; NULL: no memory. The caller frees. Pure.
 */
char *cr_relative(const char *from, const char *to);

/*
 * Images of a container with a user namespace are ours, and may be read by the group of its root:
 * those that this dump has made, that is which were not there at cr_images_note. For a restore that
 * group must be able to pass through their directory, too: until cr_dirs_close.
 */
int cr_images_note(struct cr_dirs *d, struct err *e);
int cr_images_give(const struct cr_dirs *d, const struct spec *s, struct err *e);
int cr_images_admit(struct cr_dirs *d, const struct spec *s, struct err *e);

/* Appends all but what only one of the two knows. `annotations`: see cr_config_file. */
int cr_encode(struct strbuf *opts, const struct cr_opts *o, const struct criu *c,
	      const struct cr_dirs *d, const struct spec_pairs *annotations, struct err *e);
/* Asks CRIU and the kernel for what the options need beyond CRIU's version. */
int cr_check_features(struct criu *c, const struct cr_opts *o, bool pre_dump, struct err *e);

/* rpc.proto, criu_cg_mode. -EINVAL for an unknown name; NULL: `fallback`. */
enum { CR_CG_IGNORE = 0, CR_CG_SOFT = 3, CR_CG_FULL = 4, CR_CG_STRICT = 5 };
int cr_cgroups_mode(const char *name, int fallback, struct err *e);
/* What is done if nobody says. A cgroup namespace that belongs to a user namespace is one that CRIU
 * must make itself, and it does so only where it manages cgroups. */
int cr_cgroups_default(const struct spec *s);

/* For every mode but CR_CG_IGNORE: where CRIU finds the hierarchy. Below the state directory. */
int cr_yard_make(struct strbuf *opts, const struct container *c, struct err *e);
void cr_yard_remove(const struct container *c);

/* "10.0.0.1:7000", "[::1]:7000" -> address (cut off in buf) and port. Pure. */
int cr_page_server(const char *text, char *buf, size_t size, int *ret_port, struct err *e);

/*
 * A file of CRIU options (criu(8), CONFIGURATION FILES) on top of all of the above: the one that
 * the annotation org.criu.config names (absolute, must exist; "" for none), else CR_CONFIG_FILE if
 * there is one. CRIU itself reads /etc/criu/default.conf before.
 */
#define CR_CONFIG_FILE "/etc/criu/cede.conf"
#define CR_CONFIG_ANNOTATION "org.criu.config"
int cr_config_file(const struct spec_pairs *annotations, const char **ret, struct err *e);

#endif
