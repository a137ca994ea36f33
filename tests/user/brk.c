/*
 * brk.c - the program break: grows with zero pages, shrinks for good, stays out of the way.
 *
 * The system call is used directly; it returns the new break, or the old one when it refuses.
 */
#include "fault.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static char *set_brk(void *to)
{
	return (char *)syscall(SYS_brk, to);
}

static char *now(void)
{
	return set_brk(NULL);
}

static char *page_up(char *p)
{
	return (char *)(((uintptr_t)p + PAGE - 1) & ~(PAGE - 1));
}

TEST(zero_asks_for_the_break)
{
	char *b = now();

	EXPECT_NE(b, NULL);
	EXPECT_EQ(now(), b);
	EXPECT_EQ(set_brk((void *)1), b); /* below the start: refused, unchanged */
	EXPECT_EQ(set_brk(b), b);
}

TEST(growth_gives_zero_pages_and_keeps_bytes)
{
	char *b = page_up(now());

	ASSERT_EQ(set_brk(b + 16 * PAGE), b + 16 * PAGE);
	for (size_t i = 0; i < 16 * PAGE; i++)
		if (b[i])
			ASSERT_EQ(b[i], 0);
	memset(b, 'b', 16 * PAGE);
	ASSERT_EQ(set_brk(b + 64 * PAGE), b + 64 * PAGE);
	EXPECT_EQ(b[0], 'b');
	EXPECT_EQ(b[16 * PAGE - 1], 'b');
	EXPECT_EQ(b[16 * PAGE], 0);
}

TEST(what_was_cut_off_faults_and_comes_back_as_zero)
{
	char *b = page_up(now());

	catch_faults();
	ASSERT_EQ(set_brk(b + 8 * PAGE), b + 8 * PAGE);
	memset(b, 'c', 8 * PAGE);
	ASSERT_EQ(set_brk(b + 2 * PAGE), b + 2 * PAGE);
	EXPECT_EQ(read_faults(b + 2 * PAGE - 1), 0);
	EXPECT_EQ(read_faults(b + 2 * PAGE), SIGSEGV);
	EXPECT_EQ(fault.code, SEGV_MAPERR);
	ASSERT_EQ(set_brk(b + 8 * PAGE), b + 8 * PAGE);
	EXPECT_EQ(b[2 * PAGE - 1], 'c');
	for (size_t i = 2 * PAGE; i < 8 * PAGE; i++)
		if (b[i])
			ASSERT_EQ(b[i], 0);
}

TEST(the_break_counts_bytes_and_maps_pages)
{
	char *b = page_up(now());

	catch_faults();
	ASSERT_EQ(set_brk(b + 1), b + 1);
	EXPECT_EQ(now(), b + 1);
	EXPECT_EQ(write_faults(b + PAGE - 1), 0);
	EXPECT_EQ(write_faults(b + PAGE), SIGSEGV);
	ASSERT_EQ(set_brk(b + 100), b + 100);
	EXPECT_EQ(b[PAGE - 1], 0x5a); /* the same page, not a new one */
}

TEST(the_heap_is_named_in_maps)
{
	char want[64], *b = page_up(now());

	ASSERT_EQ(set_brk(b + 4 * PAGE), b + 4 * PAGE);
	char *text = read_text("/proc/self/maps"), *tag = strstr(text, "[heap]");

	ASSERT(tag);
	while (tag > text && tag[-1] != '\n')
		tag--;
	char *dash = strchr(tag, '-');

	snprintf(want, sizeof(want), "-%08lx rw-p 00000000 00:00 0", (long)b + 4 * PAGE);
	EXPECT(!strncmp(dash, want, strlen(want)));
}

TEST(a_mapping_in_the_way_stops_it)
{
	char *b = page_up(now());

	ASSERT_EQ(set_brk(b), b);
	char *wall = mmap(b + 16 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			  -1, 0);

	ASSERT_EQ(wall, b + 16 * PAGE);
	EXPECT_EQ(set_brk(b + 64 * PAGE), b);
	EXPECT_EQ(now(), b);
	EXPECT_EQ(set_brk(b + 8 * PAGE), b + 8 * PAGE);
}

TEST(rlimit_data_stops_it)
{
	struct rlimit r = { 1 << 20, 1 << 20 };
	char *b = now();

	ASSERT_OK(setrlimit(RLIMIT_DATA, &r));
	EXPECT_EQ(set_brk(b + (64 << 20)), b);
	EXPECT_EQ(now(), b);
}

TEST(impossible_breaks_are_refused)
{
	char *b = now();

	EXPECT_EQ(set_brk((void *)0x00007ffffffff000), b);
	EXPECT_EQ(set_brk((void *)0xffff888000000000), b);
	EXPECT_EQ(set_brk((void *)-1), b);
	EXPECT_EQ(now(), b);
}

TEST(parent_and_child_have_a_break_each)
{
	char *b = page_up(now());

	ASSERT_EQ(set_brk(b + 4 * PAGE), b + 4 * PAGE);
	memset(b, 'p', 4 * PAGE);
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(now(), b + 4 * PAGE);
		memset(b, 'c', 4 * PAGE);
		EXPECT_EQ(set_brk(b + 32 * PAGE), b + 32 * PAGE);
		EXPECT_EQ(set_brk(b), b);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(now(), b + 4 * PAGE);
	EXPECT_EQ(b[4 * PAGE - 1], 'p');
}

TEST(random_growing_and_shrinking_keeps_the_bytes_below)
{
	char *base = page_up(now());
	size_t size = 0;
	static unsigned char model[64 * 4096];

	for (int n = 0; n < 400; n++) {
		size_t to = rnd_below(sizeof(model));
		unsigned char value = rnd();

		ASSERT_EQ(set_brk(base + to), base + to);
		/* What lies in whole pages above the break is gone; the rest of its page stays. */
		size_t kept = page_up((char *)to) - (char *)0;

		if (kept < size)
			memset(model + kept, 0, size - kept);
		size = kept;
		EXPECT(!memcmp(base, model, to));
		if (to) {
			size_t at = rnd_below(to);

			base[at] = model[at] = value;
		}
	}
}
