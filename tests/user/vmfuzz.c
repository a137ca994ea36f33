/*
 * vmfuzz - differential fuzz of address spaces: a random program of memory calls (vmfuzz.h) must leave the same traces on
 * Linux and on Quire, step by step.
 *
 * Here two short runs are compared with the hashes of their traces, which Linux 6.18 gave. Older kernels have other rules: since 6.16
 * an area with private pages merges with one without from both sides, since 6.17 mremap moves several areas at once, mseal came in
 * 6.10; there the runs are skipped. tools/vmfuzz.py compares long runs line by line with the Linux it runs on:
 *
 *	make vmfuzz			four seeds, 100000 steps each
 *	build/usertest/vmfuzz --helper raw SEED STEPS EVERY FROM TO	the trace itself (VMFUZZ_MAPS=1: and the last maps)
 */
#include "tests/user/test.h"
#include "tests/user/vmfuzz.h"

#include <sys/utsname.h>

HELPER(raw)
{
	unsigned long arg[5] = { 1, 1000, 1, 0, ~0UL };

	for (int i = 0; i + 3 < argc && i < 5; i++)
		arg[i] = strtoul(argv[i + 3], NULL, 0);
	uint64_t h = fuzz_seed(arg[0], arg[1], arg[2], arg[3], arg[4]);

	if (getenv("VMFUZZ_MAPS"))
		hash_maps(1);
	say("hash %016llx\n", (unsigned long long)h);
	return 0;
}

/* The trace of a seed is known of Linux from 6.17 on, and of a Quire whose version is newer or not. */
static void run_seed(uint64_t seed, unsigned long steps, uint64_t want)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	if (!uname(&u) && !strcmp(u.sysname, "Linux") && !on_quire() &&
	    sscanf(u.release, "%u.%u", &major, &minor) == 2 && major * 1000 + minor < 6017)
		skip("this Linux merges by older rules");
	if (geteuid())
		skip("needs root: locked memory is limited");
	uint64_t got = fuzz_seed(seed, steps, 8, ~0UL, 0);

	if (got != want)
		say("# compare with Linux: tools/vmfuzz.py --seed %llu --steps %lu\n",
		    (unsigned long long)seed, steps);
	EXPECT_EQ(got, want);
}

TEST_LIMIT(trace_of_seed_1_is_that_of_linux, 60)
{
	run_seed(1, 20000, 0x1b376f5d5f65b682);
}

TEST_LIMIT(trace_of_seed_2_is_that_of_linux, 60)
{
	run_seed(2, 20000, 0x9047389a9487fc59);
}
