/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts OPERATION PATH ...	tries what is not a container's to do with its mounts; prints
 *				"OPERATION PATH ERRNO" or "... OK" for each
 *
 * umount, detach	umount2(2), the latter lazily
 * move, bind, rbind	to /at
 * lift			clears read-only, nosuid, nodev and noexec one by one, with mount(2) and
 *with mount_setattr(2) copylift		the latter on a clone writes		makes a file
 *there
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT "/at"

static const struct {
	const char *name;
	unsigned long flag;
	unsigned long long attr;
} kept[] = {
	{"ro", MS_RDONLY, MOUNT_ATTR_RDONLY},
	{"nosuid", MS_NOSUID, MOUNT_ATTR_NOSUID},
	{"nodev", MS_NODEV, MOUNT_ATTR_NODEV},
	{"noexec", MS_NOEXEC, MOUNT_ATTR_NOEXEC},
};
#define N_KEPT (sizeof(kept) / sizeof(kept[0]))

static void said(const char *what, const char *path, const char *how, int rc)
{
	printf("%s %s%s%s %s\n", what, path, *how ? " " : "", how,
	       rc < 0 ? strerrorname_np(errno) : "OK");
}

static int attach(const char *path, unsigned long flags)
{
	(void)mkdir(AT, 0755); /* may be there */
	return mount(path, AT, NULL, flags, NULL);
}

static int writes(const char *path)
{
	char name[256];
	int fd;

	(void)snprintf(name, sizeof(name), "%s/written", path);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : close(fd);
}

static void lift_by_mount(const char *path)
{
	for (size_t i = 0; i < N_KEPT; i++) {
		unsigned long flags = MS_REMOUNT | MS_BIND;
		char how[32];

		for (size_t j = 0; j < N_KEPT; j++)
			flags |= j == i ? 0 : kept[j].flag;
		(void)snprintf(how, sizeof(how), "remount,%s", kept[i].name);
		said("lift", path, how, mount(NULL, path, NULL, flags, NULL));
	}
}

static void lift_by_setattr(const char *what, const char *path, int fd)
{
	for (size_t i = 0; i < N_KEPT; i++) {
		struct mount_attr a = {.attr_clr = kept[i].attr};
		char how[32];

		(void)snprintf(how, sizeof(how), "setattr,%s", kept[i].name);
		said(what, path, how, mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a)));
	}
}

static int lift(const char *what, const char *path, unsigned flags)
{
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLOEXEC | flags);

	if (fd < 0)
		return -1;
	if (!flags)
		lift_by_mount(path);
	lift_by_setattr(what, path, fd);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		const char *what = argv[i], *path = argv[i + 1];

		if (strcmp(what, "umount") == 0)
			said(what, path, "", umount2(path, 0));
		else if (strcmp(what, "detach") == 0)
			said(what, path, "", umount2(path, MNT_DETACH));
		else if (strcmp(what, "move") == 0)
			said(what, path, "", attach(path, MS_MOVE));
		else if (strcmp(what, "bind") == 0)
			said(what, path, "", attach(path, MS_BIND));
		else if (strcmp(what, "rbind") == 0)
			said(what, path, "", attach(path, MS_BIND | MS_REC));
		else if (strcmp(what, "writes") == 0)
			said(what, path, "", writes(path));
		else if (strcmp(what, "lift") == 0 && lift(what, path, 0) == 0)
			continue;
		else if (strcmp(what, "copylift") == 0 &&
			 lift(what, path, OPEN_TREE_CLONE | AT_RECURSIVE) == 0)
			continue;
		else
			return 2;
	}
	return 0;
}
