/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any line as a list of CPUs or nodes ("0-3,7"), and behind an empty line any text as a schemata of
 * resctrl that is asked about it. The two parsers of lists agree but for blanks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "runtime/affinity.h"
#include "runtime/mempolicy.h"
#include "runtime/resctrl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

_Static_assert(CPU_SETSIZE == MEMPOLICY_NODES_MAX, "the lists have the same bound");

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void list(const char *text)
{
	struct mempolicy_nodes nodes = {0};
	cpu_set_t cpus;
	int rc = affinity_parse(text, &cpus), other = mempolicy_nodes_parse(text, &nodes);

	require((rc == 0 || rc == -EINVAL) && (other == 0 || other == -EINVAL));
	/* Nodes may have blanks around them. */
	require(strchr(text, ' ') ? rc < 0 : rc == other);
	for (size_t i = 0; rc == 0 && i < CPU_SETSIZE; i++)
		require(!!CPU_ISSET(i, &cpus) ==
			!!(nodes.bits[i / MEMPOLICY_BITS] >> i % MEMPOLICY_BITS & 1));
	if (rc == 0)
		require(CPU_COUNT(&cpus) > 0 && !text[strspn(text, "0123456789-,")]);
}

static int count(const char *part, size_t len, void *arg)
{
	require(!memchr(part, ',', len));
	++*(size_t *)arg;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *schemata;
	size_t parts = 0, commas = 0;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	schemata = strstr(text, "\n\n");
	if (schemata) {
		*schemata = '\0';
		schemata += 2;
	}
	list(text);
	if (schemata && resctrl_has_line(schemata, text))
		require(strchr(text, ':') && strchr(schemata, ':'));
	for (const char *s = text; *s; s++)
		commas += *s == ',';
	require(str_split(text, ',', count, &parts) == 0 && parts == commas + 1);
	free(text);
	return 0;
}
