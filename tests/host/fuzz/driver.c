/*
 * main() for a target of this folder without libFuzzer: random inputs from a seed, KTAP for the result.
 *
 *	NAME_random [SEED [ROUNDS]]
 *
 * Half of the inputs are noise; the other half repeat small values and pieces of themselves, for noise alone seldom
 * says the same thing twice. An input lies in memory of exactly its size.
 */
#include "lib/random.h"
#include "lib/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
bool fuzz_summary(void);
void *malloc(size_t size);
void free(void *p);
int printf(const char *fmt, ...);
int setvbuf(void *stream, char *buf, int mode, size_t size);
extern void *stdout;
unsigned long strtoul(const char *s, char **end, int base);
long time(long *t);

#define MAX_INPUT 2048
#define ROUNDS	  4000

static struct rnd_state rnd;

static void fill(u8 *p, size_t n)
{
	bool calm = prandom_below(&rnd, 2);

	for (size_t i = 0; i < n; i++) {
		p[i] = prandom_u32_state(&rnd);
		if (calm && i > 32 && !prandom_below(&rnd, 3))
			p[i] = p[i - 1 - prandom_below(&rnd, 32)];
		else if (calm && prandom_below(&rnd, 2))
			p[i] &= 15;
	}
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoul(argv[1], NULL, 0) : (u64)time(NULL);
	long rounds = argc > 2 ? (long)strtoul(argv[2], NULL, 0) : ROUNDS;
	bool enough;

	setvbuf(stdout, NULL, 2, 0);
	prandom_seed_state(&rnd, seed);
	printf("KTAP version 1\n1..1\n# repeat with: %s %llu %ld\n", argv[0], seed, rounds);
	for (long i = 0; i < rounds; i++) {
		size_t size = 1 + prandom_below(&rnd, MAX_INPUT);
		u8 *data = malloc(size);

		fill(data, size);
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	enough = fuzz_summary();
	printf("%s 1 random_inputs_keep_to_the_model\n", enough ? "ok" : "not ok");
	return !enough;
}
