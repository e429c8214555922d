/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any first line as cgroupsPath in systemd's form, the others in pairs as annotations
 * org.systemd.property.NAME and their values: an error with a message, or names that are units' and
 * nothing else, and properties that the helper reads as they were meant.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/unit_name.h"
#include "runtime/unit_props.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAIRS_MAX 16

static void require(bool truth)
{
	if (!truth)
		abort();
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n > m && strcmp(s + n - m, with) == 0;
}

static void check_name(const char *path)
{
	struct unit_name u = {.unit = ""};
	struct err e = ERR_INIT;

	if (unit_name_make(path, "x", &u, &e) < 0) {
		require(e.msg[0]);
		return;
	}
	require(strlen(u.unit) <= UNIT_NAME_MAX && ends(u.unit, ".scope") && !strchr(u.unit, '/'));
	require(ends(u.slice, ".slice") && !strchr(u.slice, '/'));
	require(!strstr(u.slice_path, "/../") && (!*u.slice_path || *u.slice_path == '/'));
}

static char *cut_line(char **rest)
{
	char *line = *rest, *end;

	if (!line)
		return NULL;
	end = strchr(line, '\n');
	*rest = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return line;
}

static void check_properties(const struct spec_pairs *annotations)
{
	struct arena a = ARENA_INIT;
	struct unit_props p = {.a = &a};
	struct strbuf text = STRBUF_INIT;
	struct err e = ERR_INIT;
	size_t words = 0, found = 0;

	if (unit_props_of_annotations(&p, annotations, &e) < 0) {
		require(e.msg[0]);
		p.n = 0;
	}
	for (size_t i = 0; i < p.n; i++) {
		require(p.v[i].name && p.v[i].sig && *p.v[i].sig);
		words += 3 + p.v[i].n;
	}
	unit_props_write(&p, &text);
	for (size_t i = 0; i < text.len; i++)
		found += !text.buf[i];
	require(text.oom || found == words);
	strbuf_free(&text);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text, *keys[PAIRS_MAX] = {NULL};
	struct spec_pair v[PAIRS_MAX];
	struct spec_pairs pairs = {.v = v};
	const char *key, *value;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_name(cut_line(&rest));
	while (pairs.n < PAIRS_MAX && (key = cut_line(&rest)) && (value = cut_line(&rest))) {
		size_t len = strlen(key) + sizeof(UNIT_ANNOTATION);
		char *full = malloc(len);

		if (!full)
			break;
		memcpy(full, UNIT_ANNOTATION, sizeof(UNIT_ANNOTATION) - 1);
		memcpy(full + sizeof(UNIT_ANNOTATION) - 1, key, strlen(key) + 1);
		keys[pairs.n] = full;
		v[pairs.n++] = (struct spec_pair){.key = full, .value = value};
	}
	check_properties(&pairs);
	for (size_t i = 0; i < PAIRS_MAX; i++)
		free(keys[i]);
	free(text);
	return 0;
}
