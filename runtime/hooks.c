/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hooks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/spawn.h"

/* How much of a failed hook's output goes into the error. */
#define HOOK_OUTPUT_MAX 400

unsigned hooks_present(const struct spec *s)
{
	unsigned set = 0;

	for (int k = 0; k < HOOK_KINDS; k++)
		if (s->hooks[k].n)
			set |= 1u << k;
	return set;
}

static int timeout_ms(const struct spec_hook *h)
{
	if (h->timeout_sec <= 0)
		return HOOK_DEFAULT_TIMEOUT_MS;
	return h->timeout_sec > INT32_MAX / 1000 ? INT32_MAX : h->timeout_sec * 1000;
}

int hooks_timeout_ms(const struct spec *s, enum spec_hook_kind kind)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->hooks[kind].n; i++)
		sum += timeout_ms(&s->hooks[kind].v[i]);
	return (int)MIN(sum, (int64_t)INT32_MAX / 2);
}

/* One line, without blanks at the end: it becomes the tail of an error message. */
static char *tidy(char *text)
{
	size_t len;

	if (!text)
		return NULL;
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	for (len = strlen(text); len && text[len - 1] == ' '; len--)
		;
	text[len] = '\0';
	return text;
}

static int enter_bundle(void *arg)
{
	(void)!chdir(arg); /* a courtesy: in the container's namespaces it may be out of reach */
	return 0;
}

static int run_one(const struct spec_hook *h, const char *bundle, const struct strbuf *state,
		   int cancel_fd, struct err *e)
{
	char *plain_argv[] = {(char *)(uintptr_t)h->path, NULL};
	struct spawn_result r;
	struct spawn s = {
		.path = h->path,
		.argv = h->args.n ? h->args.v : plain_argv,
		.envp = h->env.v,
		.stdin_data = strbuf_str(state),
		.stdin_len = state->len,
		.output_limit = HOOK_OUTPUT_MAX,
		.cancel_fd = cancel_fd,
		.timeout_ms = timeout_ms(h),
		.in_child = bundle ? enter_bundle : NULL,
		.arg = (void *)(uintptr_t)bundle,
	};
	int rc = spawn_run(&s, &r, e);
	const char *said = tidy(r.output);

	if (rc == 0 && r.status != 0)
		rc = refuse(e, ECANCELED, "%s ended with status %d%s%s", h->path, r.status,
			    said && *said ? ": " : "", said ? said : "");
	free(r.output);
	return rc;
}

int hooks_run_cancel(const struct spec *s, enum spec_hook_kind kind, const struct oci_state *state,
		     int cancel_fd, struct err *e)
{
	const char *bundle = kind == HOOK_START_CONTAINER ? NULL : state->bundle;
	struct json_writer w = {0};
	int first = 0;

	if (!s->hooks[kind].n)
		return 0;
	doc_state_write(&w, NULL, state);
	if (w.sb.oom)
		first = fail(e, ENOMEM, "%s hooks", spec_hook_name(kind));
	for (size_t i = 0; i < s->hooks[kind].n && (first == 0 || kind == HOOK_POSTSTOP); i++) {
		struct err own = ERR_INIT;
		int rc = run_one(&s->hooks[kind].v[i], bundle, &w.sb, cancel_fd, &own);

		if (rc < 0 && first == 0) {
			first = err_context(&own, rc, "hooks.%s[%zu]", spec_hook_name(kind), i);
			if (e)
				*e = own;
		}
	}
	strbuf_free(&w.sb);
	return first;
}

int hooks_run(const struct spec *s, enum spec_hook_kind kind, const struct oci_state *state,
	      struct err *e)
{
	return hooks_run_cancel(s, kind, state, -1, e);
}
