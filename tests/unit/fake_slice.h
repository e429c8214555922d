/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup2 tree and a state root made of ordinary files, for the scheduler's tests: what is
 * written can be read back, nothing is frozen.
 */
#ifndef CEDE_TESTS_FAKE_SLICE_H
#define CEDE_TESTS_FAKE_SLICE_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/str.h"
#include "runtime/state.h"

struct fake {
	char dir[64], root[80];
	struct runtime rt;
};

static void put(const struct fake *f, const char *path, const char *text)
{
	char full[256];
	int fd;

	(void)snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
}

/* First line; "-" if there is no such file. */
static const char *get(const struct fake *f, const char *path)
{
	static char text[4096];
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	if (file_read(AT_FDCWD, full, text, sizeof(text), NULL) < 0)
		return "-";
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void make_dir(const struct fake *f, const char *path)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	assert_int_equal(mkdir(full, 0700), 0);
}

static void fake_group(const struct fake *f, const char *path)
{
	static const struct {
		const char *name, *text;
	} files[] = {
		{"cgroup.freeze", "0\n"},	{"cgroup.procs", ""},
		{"cgroup.threads", ""},		{"cgroup.kill", ""},
		{"cpu.stat", "usage_usec 0\n"}, {"cgroup.events", "populated 1\nfrozen 0\n"},
	};

	make_dir(f, path);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char file[200];

		(void)snprintf(file, sizeof(file), "%s/%s", path, files[i].name);
		put(f, file, files[i].text);
	}
}

static void fake_init(struct fake *f)
{
	char mount[80];

	memset(f, 0, sizeof(*f));
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/cede-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->root, sizeof(f->root), "%s/root", f->dir);
	(void)snprintf(mount, sizeof(mount), "%s/unified", f->dir);
	f->rt.root = f->root;
	make_dir(f, "root");
	make_dir(f, "unified");
	put(f, "unified/cgroup.controllers", "\n");
	fake_group(f, "unified/cede.slice");
	assert_int_equal(setenv("CEDE_CGROUP_MOUNT", mount, 1), 0);
}

static void fake_end(struct fake *f)
{
	assert_int_equal(dir_remove_all(AT_FDCWD, f->dir, NULL), 0);
}

/* A container that is nothing but a waiting process. */
static pid_t fake_container(const struct fake *f, const char *id, const char *key,
			    const char *value)
{
	struct spec_pair pair = {key, value};
	struct container *c;
	struct proc_stat st;
	struct err e = ERR_INIT;
	char group[128];
	pid_t pid = fork();

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	assert_true(pid > 0);
	(void)snprintf(group, sizeof(group), "unified/cede.slice/%s", id);
	fake_group(f, group);
	assert_int_equal(proc_stat_read(pid, &st, &e), 0);
	assert_int_equal(state_create(&f->rt, id, &c, &e), 0);
	c->bundle = c->rootfs = "/";
	c->created = "2026-01-01T00:00:00Z";
	c->cgroup = arena_printf(&c->arena, "/cede.slice/%s", id);
	c->init_pid = pid;
	c->init_start_ticks = st.start_ticks;
	if (key) {
		c->annotations.v = &pair;
		c->annotations.n = 1;
	}
	assert_int_equal(state_save(c, &e), 0);
	container_close(c);
	return pid;
}

static void fake_container_end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#endif
