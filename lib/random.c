/*
 * xoshiro256** seeded through splitmix64, both of the public-domain algorithms of Blackman and
 * Vigna.
 *
 * Plays the part of Linux's lib/random32.c. Exercised by every randomised suite.
 */
#include "lib/random.h"
#include "lib/string.h"

static u64 splitmix64(u64 *x)
{
	u64 z = *x += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static u64 rotl(u64 x, int n)
{
	return x << n | x >> (64 - n);
}

void prandom_seed_state(struct rnd_state *state, u64 seed)
{
	for (int i = 0; i < 4; i++)
		state->s[i] = splitmix64(&seed);
}

u64 prandom_u64_state(struct rnd_state *state)
{
	u64 *s = state->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

u64 prandom_below(struct rnd_state *state, u64 ceil)
{
	return (u64)((unsigned __int128)prandom_u64_state(state) * ceil >> 64);
}

void prandom_bytes_state(struct rnd_state *state, void *buf, size_t n)
{
	u8 *p = buf;

	while (n) {
		u64 v = prandom_u64_state(state);
		size_t chunk = min(n, sizeof(v));

		memcpy(p, &v, chunk);
		p += chunk;
		n -= chunk;
	}
}
