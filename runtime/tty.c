/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tty.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/rootfs.h"
#include "runtime/handover.h"

/* Documentation/admin-guide/devices.txt: 5:2 is the multiplexer of the devpts it is in. */
#define PTMX_MAJOR 5
#define PTMX_MINOR 2

static int open_master(int rootfd, struct err *e)
{
	_cleanup_fd_ int fd =
		root_open(rootfd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, 0, e);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return err_context(e, fd, "config.json: process.terminal");
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "config.json: process.terminal: stat /dev/pts/ptmx");
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(PTMX_MAJOR, PTMX_MINOR))
		return refuse(
			e, ENODEV,
			"config.json: process.terminal: /dev/pts/ptmx of the container is not "
			"that of a devpts filesystem");
	return take_fd(&fd);
}

static int set_size(const struct spec_process *p, int master, struct err *e)
{
	struct winsize w = {.ws_row = p->console_height, .ws_col = p->console_width};

	/* Before the program's first instruction: who attaches at the other end may come too late.
	 */
	if (!w.ws_row && !w.ws_col) {
		tty_copy_size(master);
		return 0;
	}
	if (ioctl(master, TIOCSWINSZ, &w) < 0)
		return fail(e, errno, "config.json: process.consoleSize");
	return 0;
}

int tty_make(const struct spec_process *p, int rootfd, int *ret_master, int *ret_slave,
	     struct err *e)
{
	_cleanup_fd_ int master = open_master(rootfd, e), slave = -1;
	int unlocked = 0, rc;

	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return fail(e, errno, "unlock the container's terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return fail(e, errno, "open the container's terminal");
	rc = set_size(p, master, e);
	if (rc < 0)
		return rc;
	/* As login does: its user may open it again by name. */
	if (p->user.uid != 0 && fchown(slave, p->user.uid, (gid_t)-1) < 0)
		return fail(e, errno, "give the container's terminal to user %u", p->user.uid);
	*ret_master = take_fd(&master);
	*ret_slave = take_fd(&slave);
	return 0;
}

int tty_attach(int slave, struct err *e)
{
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return fail(e, errno, "make the container's terminal the controlling one");
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(slave, fd) < 0)
			return fail(e, errno, "dup the container's terminal");
	return 0;
}

int tty_hand_over(int console_socket, int master, struct err *e)
{
	char name[32];
	int number;

	if (ioctl(master, TIOCGPTN, &number) < 0)
		return fail(e, errno, "name the container's terminal");
	(void)snprintf(name, sizeof(name), "/dev/pts/%d", number); /* fits */
	return handover_send(console_socket, master, name, e);
}

int tty_raw(struct tty_mode *m, struct err *e)
{
	struct termios t;

	if (!isatty(0))
		return 0;
	if (tcgetattr(0, &t) < 0)
		return fail(e, errno, "read the mode of the terminal");
	m->before = t;
	cfmakeraw(&t);
	if (tcsetattr(0, TCSADRAIN, &t) < 0)
		return fail(e, errno, "set the terminal to raw mode");
	m->saved = true;
	return 0;
}

void tty_restore(struct tty_mode *m)
{
	if (m->saved)
		(void)tcsetattr(0, TCSADRAIN, &m->before); /* it may be gone: nothing to restore */
	m->saved = false;
}

void tty_copy_size(int master)
{
	struct winsize w;

	/* Either side may not be a terminal any more: then there is no size to keep. */
	if (ioctl(0, TIOCGWINSZ, &w) == 0)
		(void)ioctl(master, TIOCSWINSZ, &w);
}
