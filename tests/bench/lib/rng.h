/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small seeded generator: the same seed gives the same run everywhere.
 */
#ifndef CEDE_TESTS_BENCH_RNG_H
#define CEDE_TESTS_BENCH_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[2];
};

/* splitmix64 (Steele, Lea, Flood 2014) spreads a small seed over the state. */
static inline uint64_t rng_splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline void rng_init(struct rng *r, uint64_t seed)
{
	r->s[0] = rng_splitmix(&seed);
	r->s[1] = rng_splitmix(&seed);
}

/* xorshift128+ (Vigna 2014): fast, and far better than a schedule needs. */
static inline uint64_t rng_u64(struct rng *r)
{
	uint64_t x = r->s[0], y = r->s[1];

	r->s[0] = y;
	x ^= x << 23;
	r->s[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
	return r->s[1] + y;
}

/* Uniform in (0, 1]. */
static inline double rng_uniform(struct rng *r)
{
	return (double)((rng_u64(r) >> 11) + 1) * 0x1p-53;
}

/* Uniform in [0, n), n > 0 and far below 2^32 (the bias is n / 2^64). */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(rng_u64(r) % n);
}

#endif
