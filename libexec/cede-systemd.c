/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cede-systemd: one request to systemd over D-Bus, in a program of its own so that `cede` itself
 * neither links nor starts a bus library. Started by runtime/systemd_bus.c only:
 *
 *	cede-systemd system|user TIMEOUT_MS start|slice|attach|stop|set UNIT <PROPERTIES
 *
 *	start	StartTransientUnit, waits for the job; prints the unit's cgroup
 *	slice	the same, and fine if the unit is there already (then it is only started)
 *	attach	AttachProcessesToUnit: those of PIDs, to Subcgroup in the unit's cgroup
 *	stop	StopUnit, waits for the job; a unit that is not there is fine
 *	set	SetUnitProperties, until the next boot
 *
 * PROPERTIES on stdin: for each NAME, SIGNATURE, COUNT and COUNT values, every one ended by a NUL.
 * A NAME that begins with '?' is left out if systemd does not take the request with it (older ones
 * know fewer properties). Signatures: a basic type, an array of one, a(ss) or a(st).
 *
 * Exit status: 0, or the errno of what went wrong, which is one line on stderr. The whole takes at
 * most TIMEOUT_MS. systemd's private socket is tried first: no broker in between (it works before
 * the broker runs, and a hundred containers at once do not queue up in it); else the bus.
 *
 * When systemd executes itself anew (daemon-reexec, with every upgrade of it) connections are cut
 * and refused for a while: then the request is made again until the time is up. Each may be made
 * twice; what `start` finds is its own if the process is there that it is to hold.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"
#include "libexec/properties.h"

#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER DESTINATION ".Manager"
#define INPUT_MAX (1u << 20)
#define PAUSE_MAX_MS 200

struct request {
	const char *unit;
	struct property *props;
	size_t n_props;
	uint64_t deadline; /* now_ns() */
};

struct manager {
	sd_bus *bus;
	/* The job that is waited for, and how it ended; NULL while it runs. */
	char job[128], result[32];
	unsigned cuts; /* of the connection, so far */
};

static uint64_t usec_left(const struct request *r)
{
	uint64_t now = now_ns();

	return now >= r->deadline ? 1 : (r->deadline - now) / 1000 + 1;
}

/* --- the properties ------------------------------------------------------------------------------
 */

/* Freed by the end of the process. */
static int read_properties(struct request *r, struct err *e)
{
	char *text = malloc(INPUT_MAX);
	ssize_t len = text ? io_read(STDIN_FILENO, text, INPUT_MAX) : -ENOMEM;

	if (len < 0)
		return fail(e, (int)-len, "read the properties");
	return properties_parse(text, (size_t)len, &r->props, &r->n_props, e);
}

static const struct property *find_property(const struct request *r, const char *name,
					    const char *sig)
{
	for (size_t i = 0; i < r->n_props; i++)
		if (streq(r->props[i].name, name) && streq(r->props[i].sig, sig))
			return &r->props[i];
	return NULL;
}

/* --- to D-Bus ------------------------------------------------------------------------------------
 */

static int append_basic(sd_bus_message *m, char type, const char *text)
{
	uint64_t u = 0;
	int64_t i = 0;
	int rc;

	switch (type) {
	case 's':
	case 'o':
	case 'g':
		return sd_bus_message_append_basic(m, type, text);
	case 'n':
	case 'i':
	case 'x':
		rc = parse_i64(text, 10, &i);
		break;
	case 'b':
	case 'y':
	case 'q':
	case 'u':
	case 't':
		rc = parse_u64(text, 10, &u);
		break;
	default:
		return -EINVAL;
	}
	if (rc < 0)
		return rc;
	/* sd_bus_message_append() takes what C's varargs make of each type. */
	switch (type) {
	case 'n':
		return i < INT16_MIN || i > INT16_MAX ? -ERANGE
						      : sd_bus_message_append(m, "n", (int)i);
	case 'i':
		return i < INT32_MIN || i > INT32_MAX ? -ERANGE
						      : sd_bus_message_append(m, "i", (int)i);
	case 'x':
		return sd_bus_message_append(m, "x", i);
	case 'b':
		return u > 1 ? -ERANGE : sd_bus_message_append(m, "b", (int)u);
	case 'y':
		return u > UINT8_MAX ? -ERANGE : sd_bus_message_append(m, "y", (int)u);
	case 'q':
		return u > UINT16_MAX ? -ERANGE : sd_bus_message_append(m, "q", (int)u);
	case 'u':
		return u > UINT32_MAX ? -ERANGE : sd_bus_message_append(m, "u", (uint32_t)u);
	default:
		return sd_bus_message_append(m, "t", u);
	}
}

static int append_array(sd_bus_message *m, const struct property *p)
{
	bool pairs = streq(p->sig, "a(st)") || streq(p->sig, "a(ss)");
	int rc;

	if (!pairs && strlen(p->sig) != 2)
		return -EINVAL;
	if (pairs && p->n % 2)
		return -EBADMSG;
	rc = sd_bus_message_open_container(m, 'a', p->sig + 1);
	for (size_t i = 0; rc >= 0 && i < p->n; i += pairs ? 2 : 1) {
		if (!pairs) {
			rc = append_basic(m, p->sig[1], p->values[i]);
			continue;
		}
		rc = sd_bus_message_open_container(m, 'r', p->sig[3] == 't' ? "st" : "ss");
		if (rc >= 0)
			rc = append_basic(m, 's', p->values[i]);
		if (rc >= 0)
			rc = append_basic(m, p->sig[3], p->values[i + 1]);
		if (rc >= 0)
			rc = sd_bus_message_close_container(m);
	}
	return rc < 0 ? rc : sd_bus_message_close_container(m);
}

static int append_property(sd_bus_message *m, const struct property *p)
{
	int rc = sd_bus_message_open_container(m, 'r', "sv");

	if (rc >= 0)
		rc = sd_bus_message_append_basic(m, 's', p->name);
	if (rc >= 0)
		rc = sd_bus_message_open_container(m, 'v', p->sig);
	if (rc >= 0 && p->sig[0] == 'a')
		rc = append_array(m, p);
	else if (rc >= 0)
		rc = p->sig[1] || p->n != 1 ? -EINVAL : append_basic(m, p->sig[0], p->values[0]);
	if (rc >= 0)
		rc = sd_bus_message_close_container(m);
	return rc < 0 ? rc : sd_bus_message_close_container(m);
}

static int append_properties(sd_bus_message *m, const struct request *r, bool with_optional,
			     struct err *e)
{
	int rc = sd_bus_message_open_container(m, 'a', "(sv)");

	for (size_t i = 0; rc >= 0 && i < r->n_props; i++) {
		if (r->props[i].optional && !with_optional)
			continue;
		rc = append_property(m, &r->props[i]);
		if (rc < 0)
			return fail(e, -rc, "unit property %s, type %s", r->props[i].name,
				    r->props[i].sig);
	}
	if (rc >= 0)
		rc = sd_bus_message_close_container(m);
	return rc < 0 ? fail(e, -rc, "make the request") : 0;
}

/* --- talking -------------------------------------------------------------------------------------
 */

static int open_private(bool user, sd_bus **ret)
{
	_cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
	const char *dir = getenv("XDG_RUNTIME_DIR");
	char path[256], address[300];
	int rc;

	if (user && (!dir || *dir != '/'))
		return -ENOENT;
	if (!user && geteuid() != 0)
		return -EACCES;
	if (snprintf(path, sizeof(path), "%s/systemd/private", user ? dir : "/run") >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	/* Characters with a meaning in D-Bus addresses: the broker will do. */
	if (strpbrk(path, ",;%"))
		return -EINVAL;
	(void)snprintf(address, sizeof(address), "unix:path=%s", path); /* fits */
	rc = access(path, F_OK) < 0 ? -errno : sd_bus_new(&bus);
	if (rc >= 0)
		rc = sd_bus_set_address(bus, address);
	if (rc >= 0)
		rc = sd_bus_start(bus);
	if (rc >= 0)
		*ret = take_ptr(&bus);
	return rc;
}

static int connect_bus(bool user, const struct request *r, sd_bus **ret, struct err *e)
{
	int rc = open_private(user, ret);

	if (rc < 0)
		rc = user ? sd_bus_open_user(ret) : sd_bus_open_system(ret);
	if (rc < 0 && user)
		return fail(e, -rc,
			    "connect to the user's systemd (it runs in a login session, or after "
			    "'loginctl enable-linger'; XDG_RUNTIME_DIR says where)");
	if (rc < 0)
		return fail(e, -rc, "connect to systemd");
	rc = sd_bus_set_method_call_timeout(*ret, usec_left(r));
	return rc < 0 ? fail(e, -rc, "connect to systemd") : 0;
}

static bool is_cut(int rc)
{
	return rc == -ECONNREFUSED || rc == -ECONNRESET || rc == -ENOTCONN || rc == -EPIPE;
}

/* Whether systemd has judged the request, and not taken it as it is. */
static bool is_verdict(int rc, const sd_bus_error *error)
{
	return rc < 0 && sd_bus_error_is_set(error) && rc != -ETIMEDOUT && !is_cut(rc);
}

/* What the broker says while systemd is not connected to it. */
static const char *const away_errors[] = {
	"org.freedesktop.DBus.Error.NameHasNoOwner",
	"org.freedesktop.DBus.Error.Spawn.ChildExited",
	"org.freedesktop.DBus.Error.Spawn.Failed",
};

/* NoReply, with the same number as a time-out, is also the end of the connection, ours or the
 * broker's: then it comes before our time is up. */
static bool is_away(const struct request *r, const sd_bus_error *error, int code)
{
	if (code == ETIMEDOUT && now_ns() < r->deadline)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(away_errors); i++)
		if (sd_bus_error_has_name(error, away_errors[i]))
			return true;
	return false;
}

static int call_error(const sd_bus_error *error, int rc, const char *what, const struct request *r,
		      struct err *e)
{
	int code = sd_bus_error_is_set(error) ? sd_bus_error_get_errno(error) : -rc;

	if (is_away(r, error, code))
		return refuse(e, ECONNRESET, "%s %s: systemd closed the connection", what, r->unit);
	if (code == ETIMEDOUT)
		return refuse(e, ETIMEDOUT, "%s %s: systemd did not answer in time", what, r->unit);
	return refuse(e, code, "%s %s: %s", what, r->unit,
		      sd_bus_error_is_set(error) && error->message ? error->message
								   : strerror(code));
}

static int on_job_removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct manager *mgr = arg;
	const char *job, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0 || !streq(job, mgr->job))
		return 0;
	(void)snprintf(mgr->result, sizeof(mgr->result), "%s", result); /* a short word */
	return 0;
}

static int wait_for_job(struct manager *mgr, const struct request *r, const char *what,
			struct err *e)
{
	while (!*mgr->result) {
		int rc = sd_bus_process(mgr->bus, NULL);

		if (rc == 0)
			rc = sd_bus_wait(mgr->bus, usec_left(r));
		if (rc < 0)
			return fail(e, -rc, "%s %s: wait for systemd", what, r->unit);
		if (!*mgr->result && now_ns() >= r->deadline)
			return refuse(e, ETIMEDOUT, "%s %s: systemd did not finish the job in time",
				      what, r->unit);
	}
	if (!streq(mgr->result, "done"))
		return refuse(e, EIO, "%s %s: systemd says that the job ended with \"%s\"", what,
			      r->unit, mgr->result);
	return 0;
}

/* The reply of what queues a job is the job's path. Signals that came in before are still queued
 * for on_job_removed: they are dispatched by sd_bus_process only. */
static int job_of(struct manager *mgr, sd_bus_message *reply)
{
	const char *job;
	int rc = sd_bus_message_read(reply, "o", &job);

	*mgr->result = '\0';
	if (rc >= 0 && (size_t)snprintf(mgr->job, sizeof(mgr->job), "%s", job) >= sizeof(mgr->job))
		rc = -ENAMETOOLONG;
	return rc;
}

static int watch_jobs(struct manager *mgr, const struct request *r, struct err *e)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	int rc = sd_bus_match_signal(mgr->bus, NULL, NULL, MANAGER_PATH, MANAGER, "JobRemoved",
				     on_job_removed, mgr);

	if (rc >= 0)
		rc = sd_bus_call_method(mgr->bus, DESTINATION, MANAGER_PATH, MANAGER, "Subscribe",
					&error, NULL, NULL);
	return rc < 0 ? call_error(&error, rc, "subscribe to systemd's jobs for unit", r, e) : 0;
}

/* A method of the manager that takes the unit (and a mode) and queues a job. */
static int run_job(struct manager *mgr, const struct request *r, const char *method,
		   const char *mode, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int rc = sd_bus_call_method(mgr->bus, DESTINATION, MANAGER_PATH, MANAGER, method, error,
				    &reply, "ss", r->unit, mode);

	return rc < 0 ? rc : job_of(mgr, reply);
}

static int call_transient(struct manager *mgr, const struct request *r, bool with_optional,
			  sd_bus_error *error, struct err *e)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
	int rc = sd_bus_message_new_method_call(mgr->bus, &m, DESTINATION, MANAGER_PATH, MANAGER,
						"StartTransientUnit");

	if (rc >= 0)
		rc = sd_bus_message_append(m, "ss", r->unit, "fail");
	if (rc < 0)
		return fail(e, -rc, "make the request");
	rc = append_properties(m, r, with_optional, e);
	if (rc < 0)
		return rc;
	rc = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (rc >= 0)
		rc = sd_bus_call(mgr->bus, m, 0, error, &reply);
	if (rc >= 0)
		rc = job_of(mgr, reply);
	return rc < 0 ? call_error(error, rc, "start unit", r, e) : 0;
}

static void reset_failed(struct manager *mgr, const struct request *r)
{
	/* Not failed, or not there: nothing to reset. */
	(void)sd_bus_call_method(mgr->bus, DESTINATION, MANAGER_PATH, MANAGER, "ResetFailedUnit",
				 NULL, NULL, "s", r->unit);
}

static bool has_optional(const struct request *r)
{
	for (size_t i = 0; i < r->n_props; i++)
		if (r->props[i].optional)
			return true;
	return false;
}

static bool exists_already(const sd_bus_error *error)
{
	return sd_bus_error_has_name(error, DESTINATION ".UnitExists");
}

/* One retry for each reason: without the optional properties; after a failed unit of this name has
 * been forgotten (those of today collect themselves, see CollectMode; older ones may stand). */
static int start_transient(struct manager *mgr, const struct request *r, sd_bus_error *error,
			   struct err *e)
{
	bool optional = true, reset = false;

	for (;;) {
		int rc;

		sd_bus_error_free(error);
		rc = call_transient(mgr, r, optional, error, e);
		if (!is_verdict(rc, error))
			return rc;
		if (exists_already(error)) {
			if (reset)
				return rc;
			reset_failed(mgr, r);
			reset = true;
		} else {
			if (!optional || !has_optional(r))
				return rc;
			optional = false;
		}
	}
}

/* --- the requests --------------------------------------------------------------------------------
 */

/* The unit's object path, from its name. */
static int print_cgroup(struct manager *mgr, const struct request *r, const char *iface,
			struct err *e)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_free_ char *path = NULL, *group = NULL;
	int rc = sd_bus_path_encode(MANAGER_PATH "/unit", r->unit, &path);

	if (rc >= 0)
		rc = sd_bus_get_property_string(mgr->bus, DESTINATION, path, iface, "ControlGroup",
						&error, &group);
	if (rc < 0)
		return call_error(&error, rc, "ask for the cgroup of", r, e);
	if (printf("%s\n", group) < 0 || fflush(stdout) != 0)
		return fail(e, errno, "answer");
	return 0;
}

/* Joins the start of a unit that is there, if it is not over. */
static int start_again(struct manager *mgr, const struct request *r, sd_bus_error *error,
		       struct err *e)
{
	int rc;

	sd_bus_error_free(error);
	rc = run_job(mgr, r, "StartUnit", "fail", error);
	return rc < 0 ? call_error(error, rc, "start unit", r, e) : 0;
}

static int exists_error(const struct request *r, struct err *e)
{
	return refuse(e, EEXIST,
		      "unit %s exists already: something runs in it, or an administrator made it",
		      r->unit);
}

/* The request may have been heard before the connection was cut: whoever else made a unit of this
 * name did not put our process into it. */
static int check_ours(const struct request *r, struct err *e)
{
	const struct property *pids = find_property(r, "PIDs", "au");
	char path[1024] = "";
	const char *name;
	uint32_t pid;

	if (pids && pids->n == 1 && parse_u32(pids->values[0], 10, &pid) == 0)
		(void)cg_path_of((pid_t)pid, path, sizeof(path), NULL); /* then it is not there */
	name = strrchr(path, '/');
	return name && streq(name + 1, r->unit) ? 0 : exists_error(r, e);
}

static int do_start(struct manager *mgr, const struct request *r, struct err *e)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	int rc = watch_jobs(mgr, r, e);
	bool exists = false;

	if (rc == 0)
		rc = start_transient(mgr, r, &error, e);
	if (rc < 0 && exists_already(&error)) {
		exists = true;
		rc = mgr->cuts ? start_again(mgr, r, &error, e) : exists_error(r, e);
	}
	if (rc == 0)
		rc = wait_for_job(mgr, r, "start unit", e);
	if (rc == 0 && exists)
		rc = check_ours(r, e);
	return rc < 0 ? rc : print_cgroup(mgr, r, DESTINATION ".Scope", e);
}

static int do_slice(struct manager *mgr, const struct request *r, struct err *e)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	int rc = watch_jobs(mgr, r, e);

	if (rc == 0)
		rc = start_transient(mgr, r, &error, e);
	if (rc < 0 && exists_already(&error))
		rc = start_again(mgr, r, &error, e);
	if (rc == 0)
		rc = wait_for_job(mgr, r, "start unit", e);
	return rc < 0 ? rc : print_cgroup(mgr, r, DESTINATION ".Slice", e);
}

static int do_attach(struct manager *mgr, const struct request *r, struct err *e)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	const struct property *pids = find_property(r, "PIDs", "au");
	const struct property *below = find_property(r, "Subcgroup", "s");
	int rc;

	if (!pids || !below || below->n != 1)
		return refuse(e, EINVAL, "attach to unit %s: no PIDs, or no Subcgroup", r->unit);
	rc = sd_bus_message_new_method_call(mgr->bus, &m, DESTINATION, MANAGER_PATH, MANAGER,
					    "AttachProcessesToUnit");
	if (rc >= 0)
		rc = sd_bus_message_append(m, "ss", r->unit, below->values[0]);
	if (rc >= 0)
		rc = append_array(m, pids);
	if (rc < 0)
		return fail(e, -rc, "make the request");
	rc = sd_bus_call(mgr->bus, m, 0, &error, NULL);
	return rc < 0 ? call_error(&error, rc, "attach to unit", r, e) : 0;
}

static int do_stop(struct manager *mgr, const struct request *r, struct err *e)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	int rc = watch_jobs(mgr, r, e);

	if (rc < 0)
		return rc;
	rc = run_job(mgr, r, "StopUnit", "replace", &error);
	if (rc < 0 && sd_bus_error_has_name(&error, DESTINATION ".NoSuchUnit"))
		return 0;
	if (rc < 0)
		return call_error(&error, rc, "stop unit", r, e);
	rc = wait_for_job(mgr, r, "stop unit", e);
	reset_failed(mgr, r);
	return rc;
}

static int call_set(struct manager *mgr, const struct request *r, bool with_optional,
		    sd_bus_error *error, struct err *e)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int rc = sd_bus_message_new_method_call(mgr->bus, &m, DESTINATION, MANAGER_PATH, MANAGER,
						"SetUnitProperties");

	if (rc >= 0)
		rc = sd_bus_message_append(m, "sb", r->unit, 1);
	if (rc < 0)
		return fail(e, -rc, "make the request");
	rc = append_properties(m, r, with_optional, e);
	if (rc < 0)
		return rc;
	rc = sd_bus_call(mgr->bus, m, 0, error, NULL);
	return rc < 0 ? call_error(error, rc, "set properties of unit", r, e) : 0;
}

static int do_set(struct manager *mgr, const struct request *r, struct err *e)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	int rc = call_set(mgr, r, true, &error, e);

	if (!has_optional(r) || !is_verdict(rc, &error))
		return rc;
	sd_bus_error_free(&error);
	return call_set(mgr, r, false, &error, e);
}

static const struct {
	const char *name;
	int (*run)(struct manager *mgr, const struct request *r, struct err *e);
} commands[] = {{"start", do_start},
		{"slice", do_slice},
		{"attach", do_attach},
		{"stop", do_stop},
		{"set", do_set}};

typedef int (*command_fn)(struct manager *mgr, const struct request *r, struct err *e);

static int attempt(bool user, command_fn command, struct manager *mgr, const struct request *r,
		   struct err *e)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int rc = connect_bus(user, r, &bus, e);

	mgr->bus = bus;
	return rc < 0 ? rc : command(mgr, r, e);
}

static int until_heard(bool user, command_fn command, const struct request *r, struct err *e)
{
	struct manager mgr = {0};
	int pause_ms = 5;

	for (;;) {
		int rc = attempt(user, command, &mgr, r, e);

		if (!is_cut(rc))
			return rc;
		if (now_ns() >= r->deadline)
			return err_context(e, rc, "systemd did not come back in time");
		mgr.cuts++;
		err_clear(e);
		(void)poll(NULL, 0, pause_ms); /* nobody says when it is back */
		pause_ms = MIN(pause_ms * 2, PAUSE_MAX_MS);
	}
}

static int run(int argc, char **argv, struct err *e)
{
	struct request r = {0};
	uint64_t timeout_ms;
	int rc;

	if (argc != 5 || (!streq(argv[1], "system") && !streq(argv[1], "user")) ||
	    parse_u64(argv[2], 10, &timeout_ms) < 0 || timeout_ms > 3600000)
		return refuse(e, EINVAL,
			      "usage: cede-systemd system|user TIMEOUT_MS "
			      "start|slice|attach|stop|set UNIT <PROPERTIES (cede calls it)");
	r.unit = argv[4];
	r.deadline = now_ns() + timeout_ms * NSEC_PER_MSEC;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!streq(commands[i].name, argv[3]))
			continue;
		rc = read_properties(&r, e);
		return rc < 0 ? rc : until_heard(streq(argv[1], "user"), commands[i].run, &r, e);
	}
	return refuse(e, EINVAL, "unknown request \"%s\"", argv[3]);
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;

	if (run(argc, argv, &e) == 0)
		return 0;
	(void)fprintf(stderr, "%s\n", e.msg); /* nobody else to tell */
	return e.code > 0 && e.code < 126 ? e.code : EIO;
}
