/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu.shares -> cpu.weight, in whole numbers: the math library would be linked for this alone.
 * The unit test compares every value with the formula in floating point.
 */
#include "runtime/cgroup.h"

/* log2(x) for x in [2, 2^18], 40 bits behind the point: square, and note when it passes 2. */
static uint64_t log2_q40(uint64_t x)
{
	unsigned whole = 63 - (unsigned)__builtin_clzll(x);
	uint64_t m = x << (63 - whole), frac = 0; /* m: 63 bits behind the point, in [1, 2) */

	for (int i = 0; i < 40; i++) {
		unsigned __int128 square = (unsigned __int128)m * m;
		unsigned carry = (unsigned)(square >> 127);

		m = (uint64_t)(square >> (63 + carry));
		frac = frac << 1 | carry;
	}
	return (uint64_t)whole << 40 | frac;
}

/* e^x for x in [0, 1), both with 60 bits behind the point: the power series. */
static uint64_t exp_q60(uint64_t x)
{
	unsigned __int128 term = (unsigned __int128)1 << 60, sum = term;

	for (unsigned n = 1; n <= 24; n++) {
		term = ((term * x) >> 60) / n;
		sum += term;
	}
	return (uint64_t)sum;
}

uint64_t cgroup_shares_to_weight(uint64_t shares)
{
	static const uint64_t log2_of_10_q40 = 3652498566965; /* log2(10) * 2^40 */
	static const uint64_t ln_2_q60 = 799144290325165979;  /* ln(2) * 2^60 */
	/* Rounding errors must not lift an exact result (1024 -> 100) to the next number. */
	static const unsigned __int128 tolerance = (unsigned __int128)1 << 34;
	unsigned __int128 l, e, weight;
	uint64_t x;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log2_q40(shares);
	/* (l^2 + 125 l) / 612 - 7/34 = (l^2 + 125 l - 126) / 612 */
	e = (l * l >> 20) + ((125 * l) << 20) - ((unsigned __int128)126 << 60); /* q60 */
	e = (e * log2_of_10_q40 >> 40) / 612;					/* q60, base 2 */
	x = (uint64_t)(((e & (((unsigned __int128)1 << 60) - 1)) * ln_2_q60) >> 60);
	weight = (unsigned __int128)exp_q60(x) << (unsigned)(e >> 60);
	return (uint64_t)((weight - tolerance + (((unsigned __int128)1 << 60) - 1)) >> 60);
}
