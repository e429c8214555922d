/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill, delete, pause, resume, ps: operations on a container that exists.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/freezer.h"
#include "runtime/hooks.h"
#include "runtime/hurry.h"
#include "runtime/resctrl.h"
#include "runtime/state.h"

/* A freeze normally takes well under a millisecond; tasks in disk sleep take longer. */
#define FREEZE_WAIT_MS 10000
#define DESTROY_WAIT_MS 10000

static bool is_up(enum oci_status s)
{
	return s == OCI_CREATED || s == OCI_RUNNING || s == OCI_PAUSED;
}

static int open_with_status(const struct runtime *rt, const char *id, enum container_lock lock,
			    struct container **ret, enum oci_status *ret_status, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	int rc;

	rc = container_open(rt, id, lock, &c, e);
	if (rc == 0)
		rc = container_status(c, ret_status, e);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&c);
	return 0;
}

/* Opened first, then the start time is compared. */
int container_open_init(const struct container *c, struct err *e)
{
	_cleanup_fd_ int fd = pidfd_open(c->init_pid, 0);
	struct proc_stat st;

	if (fd < 0 || proc_stat_read(c->init_pid, &st, NULL) < 0 ||
	    st.start_ticks != c->init_start_ticks)
		return refuse(e, ESRCH, "container not running");
	return take_fd(&fd);
}

/* systemd removes a scope with its last process, and another container may have its group by now:
 * then there is nobody, which is what an engine asks for that makes sure of it after init's exit.
 */
static int signal_all(const struct container *c, bool up, int signal, struct err *e)
{
	struct cgroup cg;
	int rc;

	if (!c->cgroup && !up)
		return refuse(e, ESRCH, "container not running");
	if (!c->cgroup)
		return refuse(e, EOPNOTSUPP,
			      "container `%s` has no cgroup: only init can be signalled", c->id);
	rc = cgroup_open_own(c, &cg, e);
	if ((rc == -ENOENT || rc == -ESTALE) && !up) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	rc = cgroup_signal(&cg, signal, e);
	cgroup_close(&cg);
	return rc;
}

static bool is_first_in_namespace(pid_t pid)
{
	char text[4096];

	return proc_read(pid, "status", text, sizeof(text), NULL) > 0 && proc_status_is_first(text);
}

static int kill_init_now(const struct container *c, int pidfd)
{
	bool all = is_first_in_namespace(c->init_pid);
	struct cgroup cg;

	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0)
		return -errno;
	/* Help is welcome, and where it cannot be given they end all the same. The others of its
	 * pid namespace end with it, but only then: they are killed, too, before they are hurried,
	 * or their programs would run ahead of the incumbents until init gets there. */
	if (c->cgroup && cgroup_open_of(c, &cg, NULL) == 0) {
		if (all && !cg_has_groups_below(&cg))
			(void)cgroup_signal(&cg, SIGKILL, NULL);
		else
			hurry_dying_task(c->init_pid, cg.idle_by_group);
		cgroup_close(&cg);
	}
	return 0;
}

int container_kill(const struct runtime *rt, const char *id, int signal, bool all, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	_cleanup_fd_ int pidfd = -1;
	enum oci_status status;
	int rc;

	rc = open_with_status(rt, id, CONTAINER_NO_LOCK, &c, &status, e);
	if (rc < 0)
		return rc;
	/* Without a pid namespace of its own a container's processes outlive its init, and `--all`
	 * (which engines send after init's exit) is for them. */
	if (all)
		return signal_all(c, is_up(status), signal, e);
	if (!is_up(status))
		return refuse(e, ESRCH, "container not running");
	pidfd = container_open_init(c, e);
	if (pidfd < 0)
		return pidfd;
	if (signal == SIGKILL)
		rc = kill_init_now(c, pidfd);
	else
		rc = pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0;
	if (rc == -ESRCH)
		return refuse(e, ESRCH, "container not running");
	return rc < 0 ? fail(e, -rc, "send signal %d to container `%s`", signal, id) : 0;
}

int container_pause(const struct runtime *rt, const char *id, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	enum oci_status status;
	int rc;

	rc = open_with_status(rt, id, CONTAINER_LOCK_EXCLUSIVE, &c, &status, e);
	if (rc < 0)
		return rc;
	if (status == OCI_PAUSED)
		return refuse(e, EINVAL, "container `%s` is already paused", id);
	if (!is_up(status))
		return refuse(e, ESRCH, "container not running");
	return freezer_hold(c, FREEZE_USER, true, FREEZE_WAIT_MS, e);
}

int container_resume(const struct runtime *rt, const char *id, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	enum oci_status status;
	int rc;

	rc = open_with_status(rt, id, CONTAINER_LOCK_EXCLUSIVE, &c, &status, e);
	if (rc < 0)
		return rc;
	/* Frozen by a scheduler that died: nobody else will thaw it. */
	if (status != OCI_PAUSED && !(is_up(status) && freezer_is_stale(c)))
		return refuse(e, EINVAL, "container `%s` is not paused", id);
	return freezer_hold(c, FREEZE_USER, false, FREEZE_WAIT_MS, e);
}

int container_pids(const struct runtime *rt, const char *id, pid_t **ret, size_t *ret_n,
		   struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	struct cgroup cg;
	int rc;

	rc = container_open(rt, id, CONTAINER_NO_LOCK, &c, e);
	if (rc < 0)
		return rc;
	if (!c->cgroup)
		return refuse(e, EOPNOTSUPP,
			      "container `%s` has no cgroup: its processes are unknown", id);
	rc = cgroup_open_own(c, &cg, e);
	if (rc == -ENOENT || rc == -ESTALE)
		return refuse(e, ESRCH, "container not running");
	if (rc < 0)
		return rc;
	rc = cgroup_pids(&cg, ret, ret_n, e);
	cgroup_close(&cg);
	return rc;
}

/* Failures of poststop hooks are logged; the container is gone all the same (runtime.md). */
static void run_poststop(const struct container *c)
{
	_cleanup_spec_ struct spec *s = NULL;
	struct err e = ERR_INIT;
	struct oci_state state;

	if (!(c->hooks & (1u << HOOK_POSTSTOP)))
		return;
	if (spec_load(c->dirfd, STATE_CONFIG, &s, &e) < 0) {
		log_warn("poststop hooks of container `%s` not run: %s", c->id, e.msg);
		return;
	}
	container_state_doc(c, OCI_STOPPED, &state);
	state.extended = false;
	if (hooks_run(s, HOOK_POSTSTOP, &state, &e) < 0)
		log_warn("%s", e.msg);
}

/*
 * A directory without a readable state: its creator was killed before it wrote one (then nothing
 * else of the container exists yet), or is at work this very moment and holds the lock, or the file
 * was damaged: then the group is looked for where it is by default. What was removed and made anew
 * since we looked is none of ours: with the lock held, a state that can be read after all is left
 * alone (1).
 */
static int remove_unreadable(const struct runtime *rt, const char *id, struct err *e)
{
	_cleanup_fd_ int rootfd = open(rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int dirfd = -1, lock = -1;
	_cleanup_container_ struct container *c = NULL;
	char group[512];
	const struct container lost = {.rt = rt, .id = id, .cgroup = group, .cgroup_created = true};
	int rc = rootfd < 0 ? 0 : state_check_root(rt, rootfd, e);

	if (rc < 0)
		return rc;
	dirfd = rootfd < 0 ? -1 : openat(rootfd, id, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dirfd < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "open %s/%s", rt->root, id);
	lock = openat(dirfd, STATE_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (lock < 0 && errno == ENOENT) {
		/* At the very beginning or end of a container's life it is empty. */
		if (unlinkat(rootfd, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		lock = openat(dirfd, STATE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (lock < 0)
		return fail(e, errno, "open the lock of container `%s`", id);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return refuse(e, EBUSY, "container `%s` is being created by another process", id);
	if (!state_still_there(rootfd, id, dirfd))
		return 0;
	if (container_open(rt, id, CONTAINER_NO_LOCK, &c, NULL) == 0)
		return 1;
	rc = rt->cgroup_manager == CGROUP_MANAGER_DISABLED
		     ? 0
		     : cgroup_path(NULL, id, group, sizeof(group), e);
	if (rc == 0 && rt->cgroup_manager != CGROUP_MANAGER_DISABLED)
		rc = cgroup_end(&lost, DESTROY_WAIT_MS, e);
	return rc < 0 ? rc : state_remove_dir(rootfd, id, e);
}

/* For containers without a cgroup, and for an init that was moved out of its own; also for one that
 * counts as stopped because its creator is dead, and is about to hear of it. */
static int kill_init(const struct container *c, struct err *e)
{
	_cleanup_fd_ int pidfd = container_open_init(c, NULL);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	if (pidfd < 0 || (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno == ESRCH))
		return 0;
	if (poll(&p, 1, DESTROY_WAIT_MS) <= 0)
		return refuse(e, ETIMEDOUT, "container `%s`: init did not die within %d ms", c->id,
			      DESTROY_WAIT_MS);
	return 0;
}

static int destroy(struct container *c, struct err *e)
{
	int rc = cgroup_end(c, DESTROY_WAIT_MS, e);

	if (rc == 0)
		rc = kill_init(c, e);
	if (rc < 0)
		return rc;
	resctrl_leave_place(c);
	run_poststop(c);
	return state_remove(c, e);
}

int container_delete(const struct runtime *rt, const char *id, bool force, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	enum oci_status status;
	int rc, removed;

	rc = open_with_status(rt, id, CONTAINER_LOCK_EXCLUSIVE, &c, &status, e);
	if (rc < 0 && rc != -EBUSY && force && container_id_check(id, NULL) == 0) {
		removed = remove_unreadable(rt, id, e);
		return removed > 0 && rc == -ENOENT ? 0 : removed > 0 ? rc : removed;
	}
	if (rc < 0)
		return rc;
	if (is_up(status) && !force)
		return refuse(
			e, EBUSY,
			"cannot delete container `%s`: it is %s; stop it first or use --force", id,
			oci_status_name(status));
	return destroy(c, e);
}

int container_delete_same(const struct runtime *rt, const char *id, pid_t init_pid,
			  uint64_t init_start_ticks, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	enum oci_status status;
	int rc;

	rc = open_with_status(rt, id, CONTAINER_LOCK_EXCLUSIVE, &c, &status, e);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	if (c->init_pid != init_pid || c->init_start_ticks != init_start_ticks)
		return 0;
	return destroy(c, e);
}
