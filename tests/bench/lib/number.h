/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with decimals out of JSON documents. The product has none of them (base/str.h parses
 * exact ones); a benchmark's figures are measurements, a double is right for them.
 */
#ifndef CEDE_TESTS_BENCH_NUMBER_H
#define CEDE_TESTS_BENCH_NUMBER_H

#include <stdlib.h>

#include "base/json.h"

static inline double json_number(const struct json *v, double fallback)
{
	char *end;
	double d;

	if (!v || v->type != JSON_NUMBER)
		return fallback;
	d = strtod(v->number, &end);
	return *end ? fallback : d;
}

static inline double json_get_number(const struct json *obj, const char *key, double fallback)
{
	return json_number(json_get(obj, key), fallback);
}

#endif
