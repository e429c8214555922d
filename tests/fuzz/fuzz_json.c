/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: an error, or a tree that is written and read back as itself. */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *written(const struct json *v, bool indent)
{
	struct json_writer w = {.indent = indent};

	json_w_value(&w, NULL, v);
	return strbuf_take(&w.sb);
}

static void read_back(const struct json *first, bool indent)
{
	struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	struct json *second;
	char *text = written(first, indent), *again;

	if (!text || json_parse(&a, text, strlen(text), "again", &second, &e) < 0)
		abort();
	again = written(second, indent);
	if (!again || !streq(text, again))
		abort();
	free(again);
	free(text);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	struct json *v = NULL;
	int rc = json_parse(&a, (const char *)data, size, "doc", &v, &e);

	if ((rc < 0) != !v || (rc < 0 && (e.code != -rc || !str_after(e.msg, "doc: "))))
		abort();
	if (v) {
		read_back(v, false);
		read_back(v, true);
	}
	arena_free(&a);
	return 0;
}
