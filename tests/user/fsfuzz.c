/*
 * fsfuzz - differential fuzz of file operations: a random program of them (fsfuzz.h) must leave the same traces on Linux
 * and on Quire, step by step.
 *
 * Here two short runs in a fresh tmpfs are compared with the hashes of their traces, which Linux 6.18 gave. tools/fsfuzz.py compares long
 * runs line by line with the Linux it runs on, in tmpfs and on images of ext2:
 *
 *	make fsfuzz
 *	build/usertest/fsfuzz --helper raw DIR SEED STEPS EVERY LETTERS		the trace (FSFUZZ_TREE=1: and the last tree)
 */
#include "tests/user/test.h"
#include "tests/user/fsfuzz.h"

#include <sys/mount.h>

HELPER(raw)
{
	unsigned long arg[3] = { 1, 1000, 64 };

	if (argc < 4)
		return 2;
	for (int i = 0; i + 4 < argc && i < 3; i++)
		arg[i] = strtoul(argv[i + 4], NULL, 0);
	uint64_t h = fs_run(argv[3], arg[0], arg[1], arg[2] ? arg[2] : 1, argc > 7 ? argv[7] : "",
			    1, getenv("FSFUZZ_TREE") != NULL);

	say("hash %016llx\n", (unsigned long long)h);
	return h ? 0 : 1;
}

/* The hash of a tree that is there: what one kernel wrote, seen by another. */
HELPER(tree)
{
	if (argc < 4 || chdir(argv[3]) || chroot("."))
		return 2;
	fs.drop_fd = -1;
	say("tree %016llx\n", (unsigned long long)fs_tree(getenv("FSFUZZ_TREE") != NULL));
	return 0;
}

/* The trace of a seed in a tmpfs of its own, which is gone again afterwards. */
static void run_seed(uint64_t seed, unsigned long steps, uint64_t want)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;
	uint64_t got = 0;
	int result[2];

	if (geteuid())
		skip("needs root: mount and chroot");
	if (!uname(&u) && !on_quire() && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	    major * 1000 + minor < 6017)
		skip("which error comes first changed over time");
	const char *dir = test_dir();

	if (mount("fsfuzz", dir, "tmpfs", 0, "size=128m,mode=755"))
		skip("no tmpfs can be mounted here");
	ASSERT_OK(pipe(result));
	pid_t pid = test_fork();

	if (!pid) {
		alarm(90 * test_time_scale());
		got = fs_run(dir, seed, steps, 100, "hc", 0, 0);
		_exit(write(result[1], &got, sizeof(got)) != sizeof(got));
	}
	EXPECT_EXIT(pid, 0);
	close(result[1]);
	EXPECT_EQ(read(result[0], &got, sizeof(got)), sizeof(got));
	ASSERT_OK(chdir("/"));
	EXPECT_OK(umount(dir));
	if (got != want)
		say("# compare with Linux: tools/fsfuzz.py --fs tmpfs --seed %llu --steps %lu\n",
		    (unsigned long long)seed, steps);
	EXPECT_EQ(got, want);
}

TEST_LIMIT(trace_of_seed_1_is_that_of_linux, 90)
{
	run_seed(1, 3000, 0x8dbb412e31fc68fc);
}

TEST_LIMIT(trace_of_seed_2_is_that_of_linux, 90)
{
	run_seed(2, 3000, 0xa31cd540a2815c84);
}
