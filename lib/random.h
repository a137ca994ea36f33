/*
 * A small pseudo-random generator for tests: the same seed gives the same run on every machine. Not
 * for secrets.
 *
 * Plays the part of Linux's lib/random32.c (prandom). Exercised by every randomised suite.
 */
#ifndef LIB_RANDOM_H
#define LIB_RANDOM_H

#include "lib/types.h"

struct rnd_state {
	u64 s[4];
};

void prandom_seed_state(struct rnd_state *state, u64 seed);
u64 prandom_u64_state(struct rnd_state *state);
static inline u32 prandom_u32_state(struct rnd_state *state)
{
	return prandom_u64_state(state) >> 32;
}
/* Below @ceil, which must not be 0; the bias is below ceil / 2^64. */
u64 prandom_below(struct rnd_state *state, u64 ceil);
/* In [lo, hi], both included. */
static inline u64 prandom_range(struct rnd_state *state, u64 lo, u64 hi)
{
	return hi - lo == U64_MAX ? prandom_u64_state(state)
				  : lo + prandom_below(state, hi - lo + 1);
}
void prandom_bytes_state(struct rnd_state *state, void *buf, size_t n);

#endif /* LIB_RANDOM_H */
