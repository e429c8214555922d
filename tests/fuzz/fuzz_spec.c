/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as config.json, as a process and as resources: an error of one printable line that
 * names the document, or structs that keep what oci/spec.h promises. */
#include <stdlib.h>

#include "base/json.h"
#include "oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void check_error(int rc, const struct err *e)
{
	require(rc == -e->code && str_after(e->msg, "config.json: "));
	for (const char *s = e->msg; *s; s++)
		require((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_strings(const struct strv *list)
{
	require(list->n == 0 || list->v);
	for (size_t i = 0; i < list->n; i++)
		require(list->v[i] != NULL);
	require(!list->v || !list->v[list->n]);
}

static void check_process(const struct spec_process *p)
{
	require(p->cwd && p->cwd[0] == '/' && p->args.n > 0);
	check_strings(&p->args);
	check_strings(&p->env);
	for (size_t i = 0; i < p->n_rlimits; i++)
		require(p->rlimits[i].soft <= p->rlimits[i].hard);
}

static void check_resources(const struct spec_resources *r)
{
	for (size_t i = 0; i < r->unified.n; i++)
		require(!strchr(r->unified.v[i].key, '/') && !streq(r->unified.v[i].key, ".."));
	for (size_t i = 0; i < r->n_hugepages; i++)
		require(r->hugepages[i].page_size != NULL);
	for (size_t i = 0; i < r->n_devices; i++)
		require(strchr("abc", r->devices[i].type) != NULL);
}

static void check_spec(const struct spec *s)
{
	require(s->oci_version && s->root_path && *s->root_path);
	for (size_t i = 0; i < s->n_mounts; i++) {
		require(s->mounts[i].destination && *s->mounts[i].destination);
		check_strings(&s->mounts[i].options);
	}
	for (int k = 0; k < HOOK_KINDS; k++)
		for (size_t i = 0; i < s->hooks[k].n; i++)
			require(s->hooks[k].v[i].path[0] == '/' &&
				s->hooks[k].v[i].timeout_sec >= 0);
	if (s->process)
		check_process(s->process);
	for (size_t i = 0; i < s->linux_.n_devices; i++)
		require(s->linux_.devices[i].path[0] == '/' && s->linux_.devices[i].major >= 0);
	check_resources(&s->linux_.resources);
	if (s->linux_.seccomp)
		require(strlen(s->linux_.seccomp->text) == s->linux_.seccomp->text_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct arena a = ARENA_INIT;
	struct spec_process *p = NULL;
	struct spec_resources r = {0};
	struct spec *s = NULL;
	struct err e = ERR_INIT;
	int rc;

	rc = spec_parse(text, size, "config.json", &s, &e);
	if (rc < 0)
		check_error(rc, &e);
	else
		check_spec(s);
	spec_free(s);
	rc = spec_process_parse(&a, text, size, "config.json", &p, &e);
	if (rc < 0)
		check_error(rc, &e);
	else
		check_process(p);
	rc = spec_resources_parse(&a, text, size, "config.json", &r, &e);
	if (rc < 0)
		check_error(rc, &e);
	else
		check_resources(&r);
	arena_free(&a);
	return 0;
}
