/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/systemd_bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/spawn.h"
#include "runtime/helper.h"
#include "runtime/rootless.h"
#include "runtime/unit_props.h"

#define HELPER "cede-systemd"
/* What systemd may take: on a machine that is busy or booting its jobs queue up. */
#define REQUEST_TIMEOUT_MS 60000
#define ANSWER_MAX 4096

bool systemd_has_helper(void)
{
	char path[PATH_MAX];

	return helper_find(HELPER, path, NULL) == 0;
}

bool systemd_is_there(void)
{
	return access("/run/systemd/system", F_OK) == 0 && systemd_has_helper();
}

/* The helper's environment: where the user's manager listens, and nothing else. */
struct environment {
	char *v[4];
	char runtime_dir[300], bus[600];
};

static char *const *make_environment(struct environment *env, enum systemd_manager m)
{
	const char *dir = getenv("XDG_RUNTIME_DIR"), *bus = getenv("DBUS_SESSION_BUS_ADDRESS");
	size_t n = 0;

	*env = (struct environment){0};
	if (m == SYSTEMD_SYSTEM)
		return env->v;
	if (dir && *dir == '/')
		(void)snprintf(env->runtime_dir, sizeof(env->runtime_dir), "XDG_RUNTIME_DIR=%s",
			       dir); /* cut: nobody listens there */
	else
		(void)snprintf(env->runtime_dir, sizeof(env->runtime_dir),
			       "XDG_RUNTIME_DIR=/run/user/%u", rootless_uid());
	env->v[n++] = env->runtime_dir;
	if (bus && (size_t)snprintf(env->bus, sizeof(env->bus), "DBUS_SESSION_BUS_ADDRESS=%s",
				    bus) < sizeof(env->bus))
		env->v[n++] = env->bus;
	return env->v;
}

/* The helper's last line is what there is to say: in front of it may be what the linker has. */
static int refused(int status, char *said, const char *unit, struct err *e)
{
	size_t len = strlen(said);
	const char *line;

	while (len && said[len - 1] == '\n')
		said[--len] = '\0';
	line = strrchr(said, '\n');
	line = line ? line + 1 : said;
	if (status >= 126 || !*line)
		return refuse(e, EIO, "helper program " HELPER ", unit %s: exit status %d%s%s",
			      unit, status, *line ? ": " : "", line);
	return refuse(e, status, "systemd: %s", line);
}

static int request(enum systemd_manager m, const char *command, const char *unit,
		   const struct unit_props *props, char *group, size_t size, struct err *e)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *said = NULL;
	char path[PATH_MAX], timeout[16];
	char *argv[] = {(char *)HELPER, (char *)(m == SYSTEMD_USER ? "user" : "system"),
			timeout,	(char *)command,
			(char *)unit,	NULL};
	struct environment env;
	struct spawn_result r = {0};
	struct spawn s = {
		.path = path,
		.argv = argv,
		.output_limit = ANSWER_MAX,
		/* Its own limit is the one with an explanation. */
		.timeout_ms = REQUEST_TIMEOUT_MS + 5000,
	};
	uint64_t began = now_ns();
	int rc = helper_find(HELPER, path, e);

	if (rc < 0)
		return rc;
	if (props)
		unit_props_write(props, &text);
	if (text.oom)
		return fail(e, ENOMEM, "systemd: %s unit %s", command, unit);
	s.stdin_data = text.buf ? text.buf : "";
	s.stdin_len = text.len;
	s.envp = make_environment(&env, m);
	(void)snprintf(timeout, sizeof(timeout), "%d", REQUEST_TIMEOUT_MS); /* fits */
	rc = spawn_run(&s, &r, e);
	said = r.output;
	if (rc == 0 && !said)
		rc = fail(e, ENOMEM, "helper program " HELPER);
	if (rc < 0)
		return err_context(e, rc, "systemd: %s unit %s", command, unit);
	log_debug("systemd: %s unit %s: %llu us", command, unit,
		  (unsigned long long)((now_ns() - began) / NSEC_PER_USEC));
	if (r.status)
		return refused(r.status, said, unit, e);
	if (!group)
		return 0;
	said[strcspn(said, "\n")] = '\0';
	if (said[0] != '/' || (size_t)snprintf(group, size, "%s", said) >= size)
		return refuse(e, EPROTO, "systemd: unit %s has no cgroup that can be used: \"%s\"",
			      unit, said);
	return 0;
}

int systemd_start_scope(enum systemd_manager m, const char *unit, const struct unit_props *props,
			char *group, size_t size, struct err *e)
{
	return request(m, "start", unit, props, group, size, e);
}

int systemd_start_slice(enum systemd_manager m, const char *unit, const struct unit_props *props,
			char *group, size_t size, struct err *e)
{
	return request(m, "slice", unit, props, group, size, e);
}

int systemd_attach(enum systemd_manager m, const char *unit, const char *below, pid_t pid,
		   struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct unit_props props = {.a = &arena};
	int rc = unit_props_add(&props, "Subcgroup", "s", below, e);

	if (rc == 0)
		rc = unit_props_add(&props, "PIDs", "au", arena_printf(&arena, "%d", pid), e);
	return rc < 0 ? rc : request(m, "attach", unit, &props, NULL, 0, e);
}

int systemd_stop(enum systemd_manager m, const char *unit, struct err *e)
{
	return request(m, "stop", unit, NULL, NULL, 0, e);
}

int systemd_set(enum systemd_manager m, const char *unit, const struct unit_props *props,
		struct err *e)
{
	return request(m, "set", unit, props, NULL, 0, e);
}
