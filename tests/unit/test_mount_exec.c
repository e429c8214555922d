/* SPDX-License-Identifier: Apache-2.0 */
/* The mount plan, carried out: what a container sees. */
#include "tests/unit/mount_run.h"

#include <sys/ioctl.h>
#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/cgfs.h"
#include "base/rootfs.h"

#define PROC "{'destination':'/proc','type':'proc','source':'proc'}"
#define DEV                                                                                        \
	"{'destination':'/dev','type':'tmpfs','source':'tmpfs',"                                   \
	"'options':['nosuid','strictatime','mode=755','size=65536k']}"
#define PTS                                                                                        \
	"{'destination':'/dev/pts','type':'devpts','source':'devpts',"                             \
	"'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620']}"
#define BIND(dest, source, options)                                                                \
	"{'destination':'" dest "','source':'" source "','options':[" options "]}"

/* What `spec` writes, with masks. The paths: what each kernel has, and what none has. */
static const struct run usual = {
	.root = "'path':'rootfs','readonly':true",
	.mounts =
		{
			PROC,
			DEV,
			PTS,
			"{'destination':'/dev/shm','type':'tmpfs','source':'shm',"
			"'options':['nosuid','noexec','nodev','mode=1777','size=65536k']}",
			"{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue',"
			"'options':['nosuid','noexec','nodev']}",
			"{'destination':'/sys','type':'sysfs','source':'sysfs',"
			"'options':['nosuid','noexec','nodev','ro']}",
			"{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup',"
			"'options':['nosuid','noexec','nodev','relatime','ro']}",
		},
	.linux_ = "'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},"
		  "{'type':'uts'},{'type':'mount'},{'type':'cgroup'}],"
		  "'maskedPaths':['/proc/version','/proc/cmdline','/proc/fs','/proc/no/such/path',"
		  "'/sys/class','/proc/gone','/proc/uptime/below-a-file'],"
		  "'readonlyPaths':['/proc/sys','/proc/gone','/proc/loadavg']",
};

static void check_devices(void)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} devices[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
		       {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		CHECK(is_device(devices[i].path, devices[i].major, devices[i].minor));
	CHECK(links_to("/dev/fd", "/proc/self/fd"));
	CHECK(links_to("/dev/stdin", "/proc/self/fd/0"));
	CHECK(links_to("/dev/stdout", "/proc/self/fd/1"));
	CHECK(links_to("/dev/stderr", "/proc/self/fd/2"));
	CHECK(links_to("/dev/ptmx", "pts/ptmx"));
	CHECK(links_to("/dev/core", "/proc/kcore"));
	CHECK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0);
}

static void check_usual_mounts(void)
{
	struct seen_mount m;

	CHECK(mount_is("/", NULL, "ro"));
	CHECK(mount_is("/proc", "proc", "rw"));
	CHECK(find_mount("/dev", &m) && streq(m.type, "tmpfs") && has_word(m.options, "nosuid"));
	CHECK(has_word(m.super, "mode=755") && has_word(m.super, "size=65536k"));
	CHECK(!has_word(m.options, "relatime") && !has_word(m.options, "noexec"));
	CHECK(mount_is("/dev/pts", "devpts", "noexec") && mount_is("/dev/pts", "devpts", "nosuid"));
	CHECK(find_mount("/dev/shm", &m) && streq(m.source, "shm") && has_word(m.options, "nodev"));
	CHECK(mount_is("/dev/mqueue", "mqueue", "noexec"));
	CHECK(find_mount("/sys", &m) && has_word(m.options, "ro") && has_word(m.options, "nodev"));
	CHECK(find_mount("/sys/fs/cgroup", &m) && streq(m.type, "cgroup2"));
	CHECK(has_word(m.options, "ro") && has_word(m.options, "relatime") && streq(m.root, "/"));
}

static void check_masks(void)
{
	struct seen_mount m;
	char c;
	int fd = open("/proc/version", O_RDONLY | O_CLOEXEC);

	CHECK(is_device("/proc/version", 1, 3) && is_device("/proc/cmdline", 1, 3));
	CHECK(fd >= 0 && read(fd, &c, 1) == 0);
	/* The mask is the host's node: nobody may change its mode from here. */
	CHECK(chmod("/proc/version", 0666) < 0 && errno == EROFS); /* its mode anyway */
	CHECK(find_mount("/proc/fs", &m) && streq(m.type, "tmpfs") && has_word(m.options, "ro"));
	CHECK(mount_is("/sys/class", "tmpfs", "ro"));
	CHECK(dir_is_empty(AT_FDCWD, "/sys/class") && dir_is_empty(AT_FDCWD, "/proc/fs"));
	CHECK(mount_is("/proc/sys", "proc", "ro") && mount_is("/proc/loadavg", "proc", "ro"));
	fd = open("/proc/sys/kernel/hostname", O_WRONLY | O_CLOEXEC);
	CHECK(fd < 0 && errno == EROFS);
}

static void check_usual(struct env *e)
{
	char cwd[PATH_MAX];
	FILE *f;
	int lines = 0, c;

	CHECK(getcwd(cwd, sizeof(cwd)) && streq(cwd, "/"));
	check_devices();
	check_usual_mounts();
	check_masks();
	CHECK(try_write("/") == EROFS && try_write("/dev") == 0 && try_write("/dev/shm") == 0);
	/* Nothing of the host is left below, or above. */
	CHECK(!exists(e->tmp) && !exists("/etc"));
	CHECK(chdir("..") == 0 && exists("proc/self") && exists("marker"));
	f = fopen("/proc/self/mountinfo", "re");
	CHECK(f);
	while ((c = fgetc(f)) != EOF)
		lines += c == '\n';
	CHECK(lines == 8 + 4 + 2); /* mounts and root; masks that exist; read-only paths that do */
}

static void test_usual(void **state)
{
	struct env *e = *state;
	struct run r = usual;
	char path[PATH_MAX];

	NEEDS_MOUNTS();
	r.check = check_usual;
	(void)snprintf(path, sizeof(path), "%s/marker", e->rootfs);
	put(path, "");
	/* The mount points are missing: they are made although the root is read-only. */
	assert_runs(&r, e);
	(void)snprintf(path, sizeof(path), "%s/sys", e->rootfs);
	assert_true(exists(path));
	/* And now that they are there. */
	assert_runs(&r, e);
}

static void check_no_pivot(struct env *e)
{
	CHECK(exists("/proc/self") && exists("/dev/null") && !exists(e->tmp));
	CHECK(chdir("/") == 0 && chdir("../../..") == 0 && exists("dev/null"));
	CHECK(mount_is("/", NULL, "ro") && mount_is("/dev", "tmpfs", NULL));
}

static void test_no_pivot(void **state)
{
	struct run r = usual;

	NEEDS_MOUNTS();
	r.check = check_no_pivot;
	r.no_pivot = true;
	assert_runs(&r, *state);
}

/* --- binds --------------------------------------------------------------------------------------
 */

static void check_binds(struct env *e)
{
	char text[64];
	struct stat st;

	(void)e;
	CHECK(try_write("/data/rw") == 0);
	CHECK(try_write("/data/rw/sub") == 0);
	CHECK(try_write("/ro") == EROFS && try_write("/ro/sub") == 0);
	CHECK(try_write("/rro") == EROFS && try_write("/rro/sub") == EROFS);
	CHECK(!exists("/alone/sub/inner"));
	CHECK(file_read(AT_FDCWD, "/etc/conf", text, sizeof(text), NULL) == 7);
	CHECK(streq(text, "content"));
	CHECK(mount_is("/etc/conf", NULL, "noexec"));
	/* What the host's mount forbids, "rw" and "dev" in the options do not allow. */
	CHECK(mount_is("/locked", NULL, "ro") && mount_is("/locked", NULL, "nodev"));
	CHECK(mount_is("/unlocked", NULL, "rw"));
	CHECK(stat("/data", &st) == 0 && (st.st_mode & 07777) == 0755);
}

static void bind_tmpfs(const char *path, unsigned long flags)
{
	assert_int_equal(dir_make_all(AT_FDCWD, path, 0755, NULL), 0);
	assert_int_equal(mount("tmpfs", path, "tmpfs", flags, NULL), 0);
}

static void test_binds(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts =
			{
				PROC,
				BIND("/data/rw", "../vol", "'rbind'"),
				BIND("/ro", "../vol", "'rbind','ro'"),
				BIND("/rro", "../vol", "'rbind','rro'"),
				BIND("/alone", "../vol", "'bind'"),
				BIND("/etc/conf", "../vol/file", "'bind','noexec'"),
				BIND("/locked", "../locked", "'rbind','rw','dev'"),
				BIND("/unlocked", "../locked", "'rbind','rrw'"),
			},
		.check = check_binds,
	};
	char path[PATH_MAX];

	NEEDS_MOUNTS();
	(void)snprintf(path, sizeof(path), "%s/vol/sub", e->tmp);
	bind_tmpfs(path, 0);
	strcat(path, "/inner");
	put(path, "");
	(void)snprintf(path, sizeof(path), "%s/vol/file", e->tmp);
	put(path, "content");
	(void)snprintf(path, sizeof(path), "%s/locked", e->tmp);
	bind_tmpfs(path, MS_RDONLY | MS_NODEV);
	assert_runs(&r, e);
	assert_int_equal(umount(path), 0);
	(void)snprintf(path, sizeof(path), "%s/vol/sub", e->tmp);
	assert_int_equal(umount(path), 0);
}

/* What a container mounts must not reach the host, unless the document asks for it twice. */
static void mount_inside(struct env *e)
{
	(void)e;
	CHECK(mount("tmpfs", "/vol/sub", "tmpfs", 0, NULL) == 0);
}

static bool reaches_host(struct env *e, const char *options, const char *propagation)
{
	_cleanup_strbuf_ struct strbuf bind = STRBUF_INIT, linux_ = STRBUF_INIT;
	struct run r = {.check = mount_inside};
	char vol[128], sub[160];
	bool reached;

	strbuf_addf(&bind, BIND("/vol", "../vol", "'rbind'%s"), options);
	strbuf_addf(&linux_, "'rootfsPropagation':'%s'", propagation);
	(void)snprintf(vol, sizeof(vol), "%s/vol", e->tmp);
	(void)snprintf(sub, sizeof(sub), "%s/sub", vol);
	bind_tmpfs(vol, 0);
	assert_int_equal(mount(NULL, vol, NULL, MS_SHARED, NULL), 0);
	assert_int_equal(mkdir(sub, 0755), 0);
	r.mounts[0] = strbuf_str(&bind);
	r.linux_ = strbuf_str(&linux_);
	assert_runs(&r, e);
	reached = umount(sub) == 0;
	assert_int_equal(umount(vol), 0);
	return reached;
}

static void test_propagation_of_binds(void **state)
{
	struct env *e = *state;

	NEEDS_MOUNTS();
	assert_false(reaches_host(e, "", "slave"));
	assert_false(reaches_host(e, "", "rshared"));
	assert_false(reaches_host(e, ",'rprivate'", "rshared"));
	assert_false(reaches_host(e, ",'rslave'", "rshared"));
	assert_false(reaches_host(e, ",'rshared'", "rslave"));
	assert_true(reaches_host(e, ",'rshared'", "rshared"));
	assert_true(reaches_host(e, ",'shared'", "shared"));
}

static void check_shared(struct env *e)
{
	struct seen_mount m;

	(void)e;
	CHECK(find_mount("/", &m) && strstr(m.tags, "shared:"));
	CHECK(find_mount("/proc", &m) && !strstr(m.tags, "shared:"));
}

static void check_rshared(struct env *e)
{
	struct seen_mount m;

	(void)e;
	CHECK(find_mount("/proc", &m) && strstr(m.tags, "shared:"));
}

static void check_unbindable(struct env *e)
{
	struct seen_mount m;

	(void)e;
	CHECK(find_mount("/", &m) && strstr(m.tags, "unbindable"));
}

static void check_private(struct env *e)
{
	struct seen_mount m;

	(void)e;
	CHECK(find_mount("/", &m) && !*m.tags);
}

static void test_root_propagation(void **state)
{
	static const struct {
		const char *name;
		void (*check)(struct env *e);
	} cases[] = {{"shared", check_shared},
		     {"rshared", check_rshared},
		     {"unbindable", check_unbindable},
		     {"private", check_private},
		     {"rslave", check_private}};
	struct env *e = *state;

	NEEDS_MOUNTS();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf linux_ = STRBUF_INIT;
		struct run r = {.mounts = {PROC}, .check = cases[i].check};

		strbuf_addf(&linux_, "'rootfsPropagation':'%s'", cases[i].name);
		r.linux_ = strbuf_str(&linux_);
		assert_runs(&r, e);
	}
}

/* --- the host's root ----------------------------------------------------------------------------
 */

static void check_host_root(struct env *e)
{
	char work[128], cwd[PATH_MAX];

	(void)snprintf(work, sizeof(work), "%s/work", e->tmp);
	CHECK(getcwd(cwd, sizeof(cwd)) && streq(cwd, "/"));
	CHECK(try_write("/") == EROFS && try_write("/etc") == EROFS);
	CHECK(try_write(e->tmp) == EROFS && try_write(work) == 0);
	CHECK(try_write("/dev/shm") != 0); /* a mount of the host below the root, or not there */
	CHECK(exists("/usr/bin") && exists("/proc/1") && is_device("/dev/null", 1, 3));
	CHECK(try_write("/dev") == 0 && mount_is("/dev", "tmpfs", "nosuid"));
	CHECK(getpid() == 1 && links_to("/proc/self", "1"));
}

static void test_host_root(void **state)
{
	struct env *e = *state;
	_cleanup_strbuf_ struct strbuf bind = STRBUF_INIT, missing = STRBUF_INIT;
	struct run r = {
		.root = "'path':'/','readonly':true",
		.mounts = {PROC, DEV},
		.check = check_host_root,
	};
	char path[128];

	NEEDS_MOUNTS();
	(void)snprintf(path, sizeof(path), "%s/work", e->tmp);
	assert_int_equal(mkdir(path, 0755), 0);
	strbuf_addf(&bind, BIND("%s", "%s", "'rbind','rw'"), path, path);
	r.mounts[2] = strbuf_str(&bind);
	assert_runs(&r, e);
	r.no_pivot = true;
	assert_runs(&r, e);
	/* No mount point is made on the host for it. */
	(void)snprintf(path, sizeof(path), "%s/missing", e->tmp);
	strbuf_addf(&missing, "{'destination':'%s','type':'tmpfs'}", path);
	r.mounts[2] = strbuf_str(&missing);
	assert_refused(&r, e, "Read-only file system");
	assert_false(exists(path));
}

/* --- filesystems --------------------------------------------------------------------------------
 */

static void check_nested(struct env *e)
{
	struct stat st;

	(void)e;
	CHECK(mount_is("/mem", "tmpfs", "ro") && try_write("/mem") == EROFS);
	CHECK(try_write("/mem/a/b") == 0 && try_write("/mem/a") == EROFS);
	CHECK(stat("/mem/file", &st) == 0 && S_ISREG(st.st_mode));
	/* Without a mode of its own: what the directory below has, else tmpfs' default. */
	CHECK(stat("/run", &st) == 0 && (st.st_mode & 07777) == 0711);
	CHECK(stat("/new", &st) == 0 && (st.st_mode & 07777) == 01777);
	CHECK(stat("/mode", &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(mount_is("/run", "tmpfs", "noatime") && mount_is("/run", "tmpfs", "nosymfollow"));
	CHECK(mount_is("/run", "tmpfs", "nosuid"));
}

static void test_tmpfs(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts =
			{
				PROC,
				"{'destination':'/mem','type':'tmpfs','options':['ro']}",
				"{'destination':'/mem/a','type':'tmpfs','options':['ro']}",
				"{'destination':'/mem/a/b','type':'tmpfs'}",
				BIND("/mem/file", "../outside/secret", "'bind'"),
				"{'destination':'/run','type':'tmpfs',"
				"'options':['noatime','nosymfollow']}",
				"{'destination':'/run','options':['remount','bind','nosuid']}",
				"{'destination':'/new','type':'tmpfs'}",
				"{'destination':'/mode','type':'tmpfs','options':['mode=0700']}",
			},
		.check = check_nested,
	};
	char path[PATH_MAX];

	NEEDS_MOUNTS();
	(void)snprintf(path, sizeof(path), "%s/run", e->rootfs);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chmod(path, 0711), 0);
	assert_runs(&r, e);
}

static void check_superblocks(struct env *e)
{
	struct seen_mount m;

	(void)e;
	CHECK(find_mount("/sync", &m) && has_word(m.super, "sync") && has_word(m.super, "dirsync"));
	CHECK(has_word(m.super, "lazytime") && has_word(m.options, "ro"));
	CHECK(find_mount("/grown", &m) && has_word(m.super, "size=2048k"));
	CHECK(find_mount("/lower", &m) && has_word(m.super, "rw") && has_word(m.options, "ro"));
}

static void test_superblocks(void **state)
{
	const struct run r = {
		.mounts =
			{
				PROC,
				"{'destination':'/sync','type':'tmpfs','options':['sync','dirsync',"
				"'lazytime','mand','iversion','silent','defaults','rro']}",
				"{'destination':'/grown','type':'tmpfs','options':['size=1m']}",
				"{'destination':'/grown','type':'tmpfs',"
				"'options':['remount','size=2m']}",
				/* `ro` is the mount's alone: others may share the superblock. */
				"{'destination':'/lower','type':'tmpfs'}",
				"{'destination':'/lower','options':['remount','ro']}",
			},
		.check = check_superblocks,
	};

	NEEDS_MOUNTS();
	assert_runs(&r, *state);
}

static void check_overlay(struct env *e)
{
	char text[64];

	(void)e;
	CHECK(mount_is("/merged", "overlay", "rw") && exists("/merged/a") && exists("/merged/b:c"));
	CHECK(file_read(AT_FDCWD, "/merged/both", text, sizeof(text), NULL) == 5);
	CHECK(try_write("/merged") == EROFS);
}

/* Since when overlayfs takes layers one by one. */
static bool kernel_takes_layers(void)
{
	struct utsname u;
	unsigned major_, minor_;

	return uname(&u) == 0 && sscanf(u.release, "%u.%u", &major_, &minor_) == 2 &&
	       (major_ > 6 || (major_ == 6 && minor_ >= 7));
}

/* More layers than fit into one fsconfig string, and a name with the separator in it. */
static void test_overlay(void **state)
{
	struct env *e = *state;
	_cleanup_strbuf_ struct strbuf mount = STRBUF_INIT;
	_cleanup_free_ char *known = NULL;
	struct run r = {.mounts = {PROC}, .check = check_overlay};
	char name[200];

	NEEDS_MOUNTS();
	known = slurp("/proc/filesystems");
	if (!known || !strstr(known, "\toverlay\n") || !kernel_takes_layers()) {
		print_message("skipped: needs an overlay filesystem, Linux 6.7 or later\n");
		skip();
	}
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(chdir(e->tmp), 0);
	assert_int_equal(mkdir(name, 0755), 0);
	assert_int_equal(mkdir("two:", 0755), 0);
	assert_int_equal(chdir(name), 0);
	put("a", "");
	put("both", "first");
	assert_int_equal(chdir("../two:"), 0);
	put("b:c", "");
	put("both", "second");
	assert_int_equal(chdir("/"), 0);
	strbuf_addf(&mount,
		    "{'destination':'/merged','type':'overlay','options':["
		    "'lowerdir=%s/%s:%s/two\\\\::%s']}",
		    e->tmp, name, e->tmp, e->outside);
	r.mounts[1] = strbuf_str(&mount);
	assert_runs(&r, e);
}

#define MANY 100

static void check_many(struct env *e)
{
	char path[64];

	(void)e;
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(path, sizeof(path), "/many/mem%d", i);
		CHECK(mount_is(path, "tmpfs", "nodev"));
		(void)snprintf(path, sizeof(path), "/many/bind%d", i);
		CHECK(mount_is(path, NULL, "noexec"));
	}
}

static void test_many(void **state)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
	struct run r = {.mounts = {PROC}, .check = check_many};

	NEEDS_MOUNTS();
	for (int i = 0; i < MANY; i++)
		strbuf_addf(
			&list,
			"%s{'destination':'/many/mem%d','type':'tmpfs','options':['nodev']}," BIND(
				"/many/bind%d", "../outside", "'bind','noexec'"),
			i ? "," : "", i, i);
	r.mounts[1] = strbuf_str(&list);
	assert_runs(&r, *state);
}

static void test_errors(void **state)
{
	static const struct {
		const char *mount, *message;
	} cases[] = {
		{"{'destination':'/a','type':'tmpfs','options':['nonsense=1']}",
		 "mount /a: tmpfs: option nonsense: tmpfs: Unknown parameter 'nonsense'"},
		{"{'destination':'/a','type':'tmpfs','options':['size=much']}",
		 "mount /a: tmpfs: option size: "},
		{"{'destination':'/a','type':'nosuchfs'}",
		 "mount /a: filesystem type nosuchfs is not known to this kernel"},
		{BIND("/a", "../gone", "'bind'"), "/gone: No such file or directory"},
		{BIND("/dir/file", "../outside", "'bind'"),
		 "mount /dir/file: the source is a directory, the destination is not"},
		{BIND("/dir", "../outside/secret", "'bind'"),
		 "mount /dir: the source is not a directory, the destination is one"},
		{BIND("/dir/file/x", "../outside", "'bind'"), "Not a directory"},
		{BIND("/proc", "../outside", "'bind'"),
		 "is not a procfs: it may not be bound on /proc"},
		{"{'destination':'/dir','options':['remount','ro']}",
		 "mount /dir: remount: nothing is mounted here"},
		{"{'destination':'/dir','options':['remount','bind']}",
		 "mount /dir: remount: nothing is mounted here"},
		{"{'destination':'/gone','options':['remount','ro']}",
		 "mount /gone: open /gone in the root filesystem: No such file or directory"},
	};
	struct env *e = *state;
	char path[PATH_MAX];

	NEEDS_MOUNTS();
	(void)snprintf(path, sizeof(path), "%s/dir", e->rootfs);
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/file");
	put(path, "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(&(struct run){.mounts = {cases[i].mount}}, e, cases[i].message);
	assert_refused(&(struct run){.root = "'path':'nowhere'"}, e,
		       "/bundle/nowhere: No such file or directory");
	assert_refused(&(struct run){.root = "'path':'../outside/secret'"}, e,
		       "/outside/secret: Not a directory");
}

/* --- tmpcopyup, copy-symlink --------------------------------------------------------------------
 */

static void check_copied(struct env *e)
{
	char text[64];
	struct stat st;

	(void)e;
	CHECK(mount_is("/var", "tmpfs", "nosuid"));
	CHECK(stat("/var", &st) == 0 && (st.st_mode & 07777) == 0750 && st.st_uid == 7);
	CHECK(file_read(AT_FDCWD, "/var/lib/deep/file", text, sizeof(text), NULL) == 5);
	CHECK(stat("/var/lib/deep/file", &st) == 0 && (st.st_mode & 07777) == 04711);
	CHECK(st.st_uid == 11 && st.st_gid == 12 && st.st_mtim.tv_sec == 1000000);
	CHECK(links_to("/var/link", "/outside") && links_to("/var/lib/up", "../../../outside"));
	CHECK(lstat("/var/pipe", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(try_write("/var/lib") == 0);
	CHECK(links_to("/etc/localtime", "/usr/share/zone") &&
	      !mount_is("/etc/localtime", NULL, NULL));
	CHECK(file_read(AT_FDCWD, "/etc/plain", text, sizeof(text), NULL) == 6);
}

static void test_copies(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts =
			{
				PROC,
				"{'destination':'/var','type':'tmpfs',"
				"'options':['tmpcopyup','nosuid']}",
				BIND("/etc/localtime", "../zonelink", "'bind','copy-symlink'"),
				BIND("/etc/plain", "../outside/secret",
				     "'bind','ro','copy-symlink'"),
			},
		.check = check_copied,
	};
	const struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};

	NEEDS_MOUNTS();
	assert_int_equal(chdir(e->rootfs), 0);
	assert_int_equal(dir_make_all(AT_FDCWD, "var/lib/deep", 0755, NULL), 0);
	assert_int_equal(chmod("var", 0750), 0);
	assert_int_equal(chown("var", 7, 7), 0);
	put("var/lib/deep/file", "12345");
	assert_int_equal(chown("var/lib/deep/file", 11, 12), 0);
	assert_int_equal(chmod("var/lib/deep/file", 04711), 0);
	assert_int_equal(utimensat(AT_FDCWD, "var/lib/deep/file", times, 0), 0);
	assert_int_equal(symlink("/outside", "var/link"), 0);
	assert_int_equal(symlink("../../../outside", "var/lib/up"), 0);
	assert_int_equal(mkfifo("var/pipe", 0600), 0);
	assert_int_equal(symlink("/usr/share/zone", "../../zonelink"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_runs(&r, e);
}

static void test_copy_bounds(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts = {"{'destination':'/var','type':'tmpfs',"
			   "'options':['tmpcopyup','size=1m']}"},
	};
	char path[PATH_MAX] = "var";

	NEEDS_MOUNTS();
	assert_int_equal(chdir(e->rootfs), 0);
	assert_int_equal(mkdir("var", 0755), 0);
	put("var/big", "");
	assert_int_equal(truncate("var/big", 2 << 20), 0);
	assert_refused(&r, e, "mount /var: tmpcopyup: copy big: No space left on device");
	assert_int_equal(unlink("var/big"), 0);
	for (int i = 0; i < 40; i++)
		strcat(path, "/d");
	assert_int_equal(dir_make_all(AT_FDCWD, path, 0755, NULL), 0);
	assert_int_equal(chdir("/"), 0);
	assert_refused(&r, e, "more than 32 directories deep");
}

/* --- users, ids, devices ------------------------------------------------------------------------
 */

static void check_idmapped(struct env *e)
{
	struct stat st;

	(void)e;
	CHECK(stat("/own/file", &st) == 0 && st.st_uid == 5001 && st.st_gid == 6001);
	CHECK(stat("/plain/file", &st) == 0 && st.st_uid == 1 && st.st_gid == 1);
}

/* ext4 can for as long as kernels can at all; tmpfs since Linux 6.3, and others not at all. */
static void assert_runs_idmapped(const struct run *r, struct env *e)
{
	struct err err = ERR_INIT;
	struct statfs fs;
	int status = run(r, e, &err);

	assert_int_equal(statfs(e->tmp, &fs), 0);
	if (status == 3 && fs.f_type != EXT4_SUPER_MAGIC &&
	    strstr(err.msg, "cannot be id-mapped")) {
		print_message("skipped: %s\n", err.msg);
		skip();
	}
	if (status != 0)
		fail_msg("status %d: %s", status, err.msg);
}

static void test_idmap(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts =
			{
				PROC,
				"{'destination':'/own','source':'../"
				"vol','options':['bind','idmap'],"
				"'uidMappings':[{'containerID':0,'hostID':5000,'size':10}],"
				"'gidMappings':[{'containerID':0,'hostID':6000,'size':10}]}",
				BIND("/plain", "../vol", "'bind'"),
			},
		.check = check_idmapped,
	};

	NEEDS_MOUNTS();
	assert_int_equal(chdir(e->tmp), 0);
	assert_int_equal(mkdir("vol", 0755), 0);
	put("vol/file", "");
	assert_int_equal(chown("vol/file", 1, 1), 0);
	assert_int_equal(chdir("/"), 0);
	assert_runs_idmapped(&r, e);
}

static void check_userns(struct env *e)
{
	struct stat st;

	(void)e;
	check_devices();
	CHECK(mount_is("/dev/null", NULL, NULL)); /* a bind, not a node of our own */
	CHECK(open("/dev/null", O_RDWR | O_CLOEXEC) >= 0);
	CHECK(chmod("/dev/null", 0666) < 0);
	CHECK(is_device("/proc/version", 1, 3) && mount_is("/sys", "sysfs", "ro"));
	CHECK(stat("/plain/file", &st) == 0 && st.st_uid == 65534);
}

static void test_user_namespace(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts =
			{
				PROC,
				DEV,
				PTS,
				"{'destination':'/sys','type':'sysfs','options':['ro']}",
				BIND("/plain", "../vol", "'bind'"),
			},
		.linux_ = "'namespaces':[{'type':'user'}],"
			  "'maskedPaths':['/proc/version','/proc/fs'],"
			  "'readonlyPaths':['/proc/sys'],"
			  "'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"
			  "'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}]",
		.check = check_userns,
		.namespaces = NAMESPACES | CLONE_NEWUSER,
	};

	NEEDS_MOUNTS();
	assert_int_equal(chown(e->rootfs, 100000, 100000), 0);
	assert_int_equal(chdir(e->tmp), 0);
	assert_int_equal(mkdir("vol", 0755), 0);
	put("vol/file", "");
	assert_int_equal(chdir("/"), 0);
	assert_runs(&r, e);
}

static void check_mapped_like_us(struct env *e)
{
	struct stat st;

	(void)e;
	CHECK(stat("/vol/file", &st) == 0 && st.st_uid == 0 && st.st_gid == 0);
}

/* idmap without mappings: those of the container. */
static void test_idmap_of_container(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts = {PROC, BIND("/vol", "../vol", "'bind','idmap'"), DEV},
		.linux_ = "'namespaces':[{'type':'user'}],"
			  "'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"
			  "'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}]",
		.check = check_mapped_like_us,
		.namespaces = NAMESPACES | CLONE_NEWUSER,
	};

	NEEDS_MOUNTS();
	assert_int_equal(chown(e->rootfs, 100000, 100000), 0);
	assert_int_equal(chdir(e->tmp), 0);
	assert_int_equal(mkdir("vol", 0755), 0);
	put("vol/file", "");
	assert_int_equal(chdir("/"), 0);
	assert_runs_idmapped(&r, e);
}

static void check_inside(struct env *e)
{
	(void)e;
	check_devices();
	CHECK(is_device("/proc/version", 1, 3) && dir_is_empty(AT_FDCWD, "/proc/fs"));
	CHECK(try_write("/vol") == EROFS && try_write("/") == EROFS);
}

/* Without privileges the sources, too, are opened inside. */
static void test_sources_inside(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.root = "'path':'rootfs','readonly':true",
		.mounts = {PROC, DEV, PTS, BIND("/vol", "../vol", "'rbind','ro'")},
		.linux_ = "'namespaces':[{'type':'user'}],"
			  "'maskedPaths':['/proc/version','/proc/fs'],"
			  "'readonlyPaths':['/proc/sys'],"
			  "'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"
			  "'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}]",
		.check = check_inside,
		.namespaces = NAMESPACES | CLONE_NEWUSER,
		.late_sources = true,
	};
	char path[128];

	NEEDS_MOUNTS();
	assert_int_equal(chown(e->rootfs, 100000, 100000), 0);
	(void)snprintf(path, sizeof(path), "%s/vol", e->tmp);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_runs(&r, e);
}

static void check_own_devices(struct env *e)
{
	struct stat st;

	(void)e;
	CHECK(is_device("/dev/fuse", 10, 229) && lstat("/dev/fuse", &st) == 0);
	CHECK((st.st_mode & 07777) == 0640 && st.st_uid == 3 && st.st_gid == 4);
	CHECK(lstat("/run/pipe", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(is_device("/dev/full", 1, 7)); /* was there before */
}

static void test_devices(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.linux_ = "'devices':[{'path':'/dev/fuse','type':'c','major':10,'minor':229,"
			  "'fileMode':416,'uid':3,'gid':4},{'path':'/run/pipe','type':'p'}]",
		.check = check_own_devices,
	};

	NEEDS_MOUNTS();
	assert_int_equal(chdir(e->rootfs), 0);
	assert_int_equal(mkdir("dev", 02775), 0); /* new entries take its group */
	assert_int_equal(chown("dev", 9, 9), 0);
	assert_int_equal(chmod("dev", 02775), 0);
	assert_int_equal(mknod("dev/full", S_IFCHR | 0666, makedev(1, 7)), 0);
	assert_runs(&r, e);
	assert_runs(&r, e); /* all of them are there now */
	assert_int_equal(unlink("dev/zero"), 0);
	put("dev/zero", "");
	assert_int_equal(chdir("/"), 0);
	assert_refused(&r, e, "mount /dev/zero: existing file: /dev/zero is not the device c 1:5");
}

static void bind_console(struct env *e, struct mount_plan *p)
{
	int master = root_open(p->root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0, NULL);
	int unlock = 0, slave, other = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)e;
	CHECK(master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0);
	CHECK(mount_plan_console(p, other, &err) == -ENOTTY);
	CHECK(mount_plan_console(p, slave, &err) == 0);
}

static void check_console(struct env *e)
{
	struct stat console, pts;

	(void)e;
	CHECK(stat("/dev/console", &console) == 0 && stat("/dev/pts/0", &pts) == 0);
	CHECK(S_ISCHR(console.st_mode) && console.st_rdev == pts.st_rdev);
	CHECK(mount_is("/dev/console", "devpts", NULL));
}

static void test_console(void **state)
{
	const struct run r = {
		.mounts = {PROC, DEV, PTS},
		.mounted = bind_console,
		.check = check_console,
		.terminal = true,
	};

	NEEDS_MOUNTS();
	assert_runs(&r, *state);
}

/* --- cgroup -------------------------------------------------------------------------------------
 */

static void check_own_group(struct env *e)
{
	(void)e;
	CHECK(mount_is("/sys/fs/cgroup", "cgroup2", "rw"));
	CHECK(exists("/sys/fs/cgroup/cgroup.procs"));
}

static void check_host_groups(struct env *e)
{
	(void)e;
	CHECK(mount_is("/sys/fs/cgroup", "cgroup2", "ro"));
	CHECK(exists("/sys/fs/cgroup/cgroup.procs"));
}

static void test_cgroup_bind(void **state)
{
	struct run r = {
		.mounts = {PROC, "{'destination':'/sys/fs/cgroup','type':'cgroup'}"},
		.check = check_host_groups,
		.namespaces = NAMESPACES & ~(unsigned long)CLONE_NEWCGROUP,
	};
	struct cg_host host;

	NEEDS_MOUNTS();
	assert_int_equal(cg_host_locate(&host, NULL), 0);
	if (host.layout == CG_LAYOUT_NONE) {
		print_message("skipped: this host has no cgroup2 hierarchy\n");
		skip();
	}
	/* No group of its own: read-only, whatever is asked. */
	assert_runs(&r, *state);
	r.cgroup_path = host.mount;
	r.check = check_own_group;
	assert_runs(&r, *state);
	cg_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		mount_test(test_usual),
		mount_test(test_no_pivot),
		mount_test(test_binds),
		mount_test(test_propagation_of_binds),
		mount_test(test_root_propagation),
		mount_test(test_host_root),
		mount_test(test_tmpfs),
		mount_test(test_superblocks),
		mount_test(test_overlay),
		mount_test(test_many),
		mount_test(test_errors),
		mount_test(test_copies),
		mount_test(test_copy_bounds),
		mount_test(test_idmap),
		mount_test(test_idmap_of_container),
		mount_test(test_user_namespace),
		mount_test(test_sources_inside),
		mount_test(test_devices),
		mount_test(test_console),
		mount_test(test_cgroup_bind),
	};

	return cmocka_run_group_tests_name("mount_exec", tests, NULL, NULL);
}
