/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as CRIU's answer, as its log, and as a string of descriptors.json. */
#include <stdlib.h>
#include <string.h>

#include "runtime/criu.h"
#include "runtime/external.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct criu_answer a = {0};
	char *text = malloc(size + 1), errors[64];

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)criu_answer_parse(data, size, &a);
	if (!memchr(a.note, '\0', sizeof(a.note)) || !memchr(a.message, '\0', sizeof(a.message)))
		abort();
	criu_log_errors(text, errors, sizeof(errors));
	if (!memchr(errors, '\0', sizeof(errors)) || strpbrk(errors, "\n\r\033"))
		abort();
	(void)external_is_key(text);
	free(text);
	return 0;
}
