/*
 * overcommit - what is promised is counted, to the page: Committed_AS follows what a process maps, and comes back. The modes
 * of vm.overcommit_memory are changed in Quire only: on a host they concern everybody.
 */
#include "tests/user/test.h"
#include "tests/user/vmfuzz.h"

#define MIB	(1UL << 20)
#define SIZE	(64 * MIB)
#define PROT_RW (PROT_READ | PROT_WRITE)

/* A line of /proc/meminfo in KiB. */
static long meminfo(const char *name)
{
	char line[128];
	long kb = -1;
	size_t n = strlen(name);
	FILE *f = fopen("/proc/meminfo", "r");

	ASSERT(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && line[n] == ':')
			kb = atol(line + n + 1);
	fclose(f);
	return kb;
}

static long setting(const char *name)
{
	char path[64];
	long v = -1;

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	FILE *f = fopen(path, "r");

	ASSERT(f);
	ASSERT_EQ(fscanf(f, "%ld", &v), 1);
	fclose(f);
	return v;
}

static void set(const char *name, long v)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	FILE *f = fopen(path, "w");

	ASSERT(f);
	ASSERT_GT(fprintf(f, "%ld\n", v), 0);
	ASSERT_OK(fclose(f));
}

static void *map(unsigned long len, int prot, int flags)
{
	return mmap(NULL, len, prot, MAP_ANONYMOUS | flags, -1, 0);
}

/* Committed_AS rose by want bytes since before, which others on a Linux host may blur by a few MiB. */
#define EXPECT_ROSE(before, want)                                  \
	do {                                                       \
		long slack = on_quire() ? 512 : 24 << 10, rose;    \
		int tries = 0;                                     \
		do                                                 \
			rose = meminfo("Committed_AS") - (before); \
		while ((rose < (long)((want) >> 10) - slack ||     \
			rose > (long)((want) >> 10) + slack) &&    \
		       ++tries < 50 && !usleep(20000));            \
		EXPECT_GE(rose, (long)((want) >> 10) - slack);     \
		EXPECT_LE(rose, (long)((want) >> 10) + slack);     \
	} while (0)

TEST(private_writable_memory_is_promised)
{
	long before = meminfo("Committed_AS");
	char *p = map(SIZE, PROT_RW, MAP_PRIVATE);

	ASSERT_NE(p, MAP_FAILED);
	EXPECT_ROSE(before, SIZE);
	ASSERT_OK(munmap(p + SIZE / 4, SIZE / 2));
	EXPECT_ROSE(before, SIZE / 2);
	ASSERT_OK(munmap(p, SIZE));
	EXPECT_ROSE(before, 0);
}

TEST(what_cannot_be_written_is_not)
{
	long before = meminfo("Committed_AS");
	char *p = map(SIZE, PROT_READ, MAP_PRIVATE),
	     *q = map(SIZE, PROT_RW, MAP_PRIVATE | MAP_NORESERVE);

	if (setting("overcommit_memory") == 2)
		skip("everything is counted here");
	EXPECT_ROSE(before, 0);
	/* Until it can be. */
	ASSERT_OK(mprotect(p, SIZE / 2, PROT_RW));
	EXPECT_ROSE(before, SIZE / 2);
	/* Nothing was written: the promise is given back. (Older kernels keep it.) */
	if (on_quire()) {
		ASSERT_OK(mprotect(p, SIZE / 2, PROT_READ));
		EXPECT_ROSE(before, 0);
		ASSERT_OK(mprotect(p, SIZE / 2, PROT_RW));
	}
	*p = 1;
	ASSERT_OK(mprotect(p, SIZE / 2, PROT_READ));
	EXPECT_ROSE(before, SIZE / 2);
	ASSERT_OK(munmap(p, SIZE));
	ASSERT_OK(munmap(q, SIZE));
	EXPECT_ROSE(before, 0);
}

TEST(shared_memory_is_promised_once)
{
	long before = meminfo("Committed_AS");
	char *p = map(SIZE, PROT_READ, MAP_SHARED);
	pid_t pid;

	ASSERT_NE(p, MAP_FAILED);
	EXPECT_ROSE(before, SIZE);
	pid = test_fork();
	if (!pid) {
		EXPECT_LT(meminfo("Committed_AS") - before, (long)(SIZE + 24 * MIB) >> 10);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	ASSERT_OK(munmap(p, SIZE));
	EXPECT_ROSE(before, 0);
}

TEST(fork_promises_again_and_exit_takes_back)
{
	char *p = map(SIZE, PROT_RW, MAP_PRIVATE), c;
	long before = meminfo("Committed_AS");
	int ready[2], go[2];
	pid_t pid;

	ASSERT_NE(p, MAP_FAILED);
	ASSERT_OK(pipe(ready));
	ASSERT_OK(pipe(go));
	pid = test_fork();
	if (!pid) {
		close(go[1]);
		_exit(write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 0);
	}
	close(go[0]);
	ASSERT_EQ(read(ready[0], &c, 1), 1);
	EXPECT_ROSE(before, SIZE + MIB / 4);
	close(go[1]);
	EXPECT_EXIT(pid, 0);
	EXPECT_ROSE(before, 0);
}

TEST(a_move_keeps_the_count)
{
	long before = meminfo("Committed_AS");
	char *p = map(SIZE, PROT_RW, MAP_PRIVATE), *q;

	ASSERT_NE(p, MAP_FAILED);
	p[0] = 1;
	/* The middle goes elsewhere, then grows. */
	q = mremap(p + SIZE / 4, SIZE / 4, SIZE / 2, MREMAP_MAYMOVE);
	ASSERT_NE(q, MAP_FAILED);
	EXPECT_ROSE(before, SIZE + SIZE / 4);
	ASSERT_OK(munmap(p, SIZE));
	EXPECT_ROSE(before, SIZE / 2);
	ASSERT_OK(munmap(q, SIZE / 2));
	EXPECT_ROSE(before, 0);
}

/* Whatever a process does, when it is gone its promises are gone, to the page. */
TEST_LIMIT(random_calls_leave_nothing_behind, 60)
{
	long before, after;
	int tries = 0;

	if (!on_quire())
		skip("others change the count");
	do {
		before = meminfo("Committed_AS");
		pid_t pid = test_fork();

		if (!pid) {
			alarm(60);
			/* tmpfs pages count as long as the files live: this process's descriptors. */
			_exit(!fuzz_seed(rnd(), 1500, 64, ~0UL, 0));
		}
		EXPECT_EXIT(pid, 0);
		after = meminfo("Committed_AS");
	} while (after != before && ++tries < 5);
	EXPECT_EQ(after, before);
}

TEST(more_than_all_memory_is_refused)
{
	if (setting("overcommit_memory") != 0)
		skip("not in mode 0");
	EXPECT(map(1UL << 45, PROT_RW, MAP_PRIVATE) == MAP_FAILED && errno == ENOMEM);
	char *p = map(1UL << 45, PROT_RW, MAP_PRIVATE | MAP_NORESERVE);

	EXPECT_NE(p, MAP_FAILED);
	EXPECT_ERR(mprotect(map(1UL << 45, PROT_READ, MAP_PRIVATE), 1UL << 45, PROT_RW), ENOMEM);
}

TEST(mode_1_refuses_nothing)
{
	if (!on_quire())
		skip("concerns everybody");
	set("overcommit_memory", 1);
	char *p = map(1UL << 45, PROT_RW, MAP_PRIVATE);

	set("overcommit_memory", 0);
	EXPECT_NE(p, MAP_FAILED);
}

TEST(mode_2_keeps_the_limit)
{
	long total = meminfo("MemTotal"), limit, room;

	if (!on_quire())
		skip("concerns everybody");
	set("overcommit_ratio", 80);
	EXPECT_EQ(setting("overcommit_kbytes"), 0);
	limit = meminfo("CommitLimit");
	EXPECT_LE(labs(limit - total / 4 * 80 / 100 * 4), 4);
	room = limit - meminfo("Committed_AS");
	set("overcommit_memory", 2);
	EXPECT(map((room + 4096) * 1024UL, PROT_RW, MAP_PRIVATE) == MAP_FAILED && errno == ENOMEM);
	/* Here nobody is exempt. */
	EXPECT(map((room + 4096) * 1024UL, PROT_RW, MAP_PRIVATE | MAP_NORESERVE) == MAP_FAILED &&
	       errno == ENOMEM);
	EXPECT(map((room + 4096) * 1024UL, PROT_READ, MAP_SHARED) == MAP_FAILED && errno == ENOMEM);
	char *p = map(room / 2 * 1024UL, PROT_RW, MAP_PRIVATE);

	EXPECT_NE(p, MAP_FAILED);
	set("overcommit_memory", 0);
	set("overcommit_kbytes", 123456);
	EXPECT_EQ(meminfo("CommitLimit"), 123456);
	EXPECT_EQ(setting("overcommit_ratio"), 0);
	set("overcommit_ratio", 50);
}

TEST(bad_settings_change_nothing)
{
	FILE *f;

	if (!on_quire())
		skip("concerns everybody");
	f = fopen("/proc/sys/vm/overcommit_memory", "w");
	ASSERT(f);
	fprintf(f, "3\n");
	EXPECT(fclose(f) && errno == EINVAL);
	EXPECT_EQ(setting("overcommit_memory"), 0);
}

TEST(the_number_of_areas_is_a_setting)
{
	long old = setting("max_map_count");
	char *p = map(400 * PAGE, PROT_READ, MAP_PRIVATE);
	int i;

	if (!on_quire())
		skip("concerns everybody");
	set("max_map_count", 100);
	for (i = 0; i < 200 && !mprotect(p + 2 * i * PAGE, PAGE, PROT_NONE); i++)
		;
	EXPECT_EQ(errno, ENOMEM);
	EXPECT_GT(i, 20);
	EXPECT_LT(i, 60);
	/* munmap of an end makes no area more; of a middle it does. */
	EXPECT_OK(munmap(p + 399 * PAGE, PAGE));
	set("max_map_count", old);
}

/* Where mmap finds room: top down below the stack, or with the old layout bottom up. */
TEST(the_old_layout_grows_upwards)
{
	if (!on_quire())
		skip("needs a program started anew");
	set("legacy_va_layout", 1);
	pid_t pid = test_fork();

	if (!pid) {
		exec_helper("layout", "up");
		_exit(2);
	}
	EXPECT_EXIT(pid, 0);
	set("legacy_va_layout", 0);
	pid = test_fork();
	if (!pid) {
		exec_helper("layout", "down");
		_exit(2);
	}
	EXPECT_EXIT(pid, 0);
}

HELPER(layout)
{
	char *a = map(PAGE, PROT_READ, MAP_PRIVATE), *b = map(2 * PAGE, PROT_RW, MAP_PRIVATE);
	int up = argc > 3 && !strcmp(argv[3], "up");

	if (up)
		return !(a < b && (unsigned long)a < 0x600000000000UL);
	return !(a > b && (unsigned long)a > 0x700000000000UL);
}
