/* SPDX-License-Identifier: Apache-2.0 */
/* Any id mappings: an id has the host's id of the mapping it is in, or none, and what is written
 * for the kernel has a line for each. Input: twelve bytes a mapping. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/idmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAPS_MAX 64

static void check_id(const struct spec_idmaps *m, uint32_t id)
{
	uint32_t host = 0;
	bool found = idmap_to_host(m, id, &host), in = false;

	for (size_t i = 0; i < m->n; i++) {
		uint64_t first = m->v[i].container_id, offset = id - first;

		if (id < first || offset >= m->v[i].size)
			continue;
		in = true;
		if (found && host == (uint32_t)(m->v[i].host_id + offset))
			return;
	}
	if (found || in)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec_idmap v[MAPS_MAX] = {0};
	struct spec_idmaps m = {.v = v};
	struct strbuf text = STRBUF_INIT;
	size_t lines = 0;

	for (; m.n < MAPS_MAX && size >= 12; m.n++, data += 12, size -= 12) {
		memcpy(&v[m.n].container_id, data, 4);
		memcpy(&v[m.n].host_id, data + 4, 4);
		memcpy(&v[m.n].size, data + 8, 4);
	}
	for (size_t i = 0; i < m.n; i++) {
		check_id(&m, v[i].container_id);
		check_id(&m, v[i].container_id - 1);
		check_id(&m, v[i].container_id + v[i].size);
		check_id(&m, v[i].container_id + v[i].size - 1);
	}
	idmap_print(&m, &text);
	for (const char *s = strbuf_str(&text); *s; s++)
		lines += *s == '\n';
	if (lines != m.n)
		abort();
	strbuf_free(&text);
	return 0;
}
