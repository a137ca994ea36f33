/*
 * mremap.c - large moves: spans that hold whole page tables, which move as tables, beside those that do not.
 *
 * Every page carries its own number. Proves that all of them arrive and nothing stays behind, whatever the two places have in
 * common; that a file's and a parent's view of the pages follow (truncate, fork); and that another CPU which writes
 * all the time stops reaching a page by the old place when the call returns. Runs on Linux, too.
 */
#include "fault.h"
#include "memory.h"
#include "threads.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define TABLE (512 * PAGE) /* what one page table maps */

/* So many tables' worth of address space for us alone, starting where a table does. */
static char *hole(size_t tables)
{
	char *p = mmap(NULL, (tables + 1) * TABLE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	return (char *)(((uintptr_t)p + TABLE - 1) & ~(TABLE - 1));
}

static char *map_at(char *at, size_t len, int flags, int fd)
{
	char *p = mmap(at, len, RW, flags | MAP_FIXED, fd, 0);

	ASSERT_EQ(p, at);
	if (madvise(p, len, MADV_NOHUGEPAGE) && errno != EINVAL)
		ASSERT_OK(-1);
	return p;
}

static char *move(char *from, char *to, size_t len)
{
	char *p = mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	ASSERT_EQ(p, to);
	return p;
}

static void number_pages(char *p, size_t n, size_t every)
{
	for (size_t i = 0; i < n; i += every)
		*(size_t *)(p + i * PAGE) = i + 1;
}

/* Every page holds its number, or zero where none was written. */
static int numbered(const char *p, size_t n, size_t every)
{
	for (size_t i = 0; i < n; i++)
		if (*(const size_t *)(p + i * PAGE) != (i % every ? 0 : i + 1))
			return 0;
	return 1;
}

TEST(aligned_tables_move_with_all_their_pages)
{
	char *a = hole(8), *b = a + 4 * TABLE;

	catch_faults();
	map_at(a, 3 * TABLE, ANON, -1);
	number_pages(a, 3 * 512, 7);
	move(a, b, 3 * TABLE);
	EXPECT(numbered(b, 3 * 512, 7));
	EXPECT_EQ(read_faults(a), SIGSEGV);
	EXPECT_EQ(fault.code, SEGV_MAPERR);
	EXPECT_EQ(read_faults(a + 3 * TABLE - 1), SIGSEGV);
	move(b, a, 3 * TABLE);
	EXPECT(numbered(a, 3 * 512, 7));
	EXPECT_EQ(read_faults(b), SIGSEGV);
}

/* What stays beside the moved tables keeps its pages, and the old place can be mapped again. */
TEST(neighbours_of_moved_tables_stay)
{
	char *a = hole(8), *b = a + 4 * TABLE;

	map_at(a, 3 * TABLE, ANON, -1);
	number_pages(a, 3 * 512, 1);
	move(a + TABLE, b, TABLE);
	EXPECT(numbered(a, 512, 1));
	for (size_t i = 0; i < 512; i++) {
		EXPECT_EQ(*(size_t *)(b + i * PAGE), 513 + i);
		EXPECT_EQ(*(size_t *)(a + 2 * TABLE + i * PAGE), 1025 + i);
	}
	map_at(a + TABLE, TABLE, ANON, -1);
	EXPECT(all_equal(a + TABLE, TABLE, 0));
}

TEST(random_moves_keep_the_numbers)
{
	char *arena = hole(16), *at = arena;
	size_t n = 3 * 512 + 100, every = 1 + rnd_below(5);

	map_at(at, n * PAGE, ANON, -1);
	number_pages(at, n, every);
	for (int i = 0; i < 60; i++) {
		char *to = arena + rnd_below(12) * TABLE + (rnd() & 1 ? rnd_below(512) * PAGE : 0);

		if (to < at + n * PAGE && to + n * PAGE > at)
			continue;
		/* Whole, or in two pieces that meet again. */
		size_t cut = rnd() & 1 ? rnd_below(n) : 0;

		if (cut)
			move(at, to, cut * PAGE);
		move(at + cut * PAGE, to + cut * PAGE, (n - cut) * PAGE);
		at = to;
		if (!rnd_below(8)) {
			pid_t child = test_fork();

			if (!child) {
				number_pages(at, n, 1);
				_exit(!numbered(at, n, 1));
			}
			EXPECT_EXIT(child, 0);
		}
		ASSERT(numbered(at, n, every));
	}
}

/* The file finds the pages at their new place: truncate takes them, a private copy of one too. */
TEST(truncate_reaches_pages_that_moved)
{
	char *a = hole(12), *b = a + 4 * TABLE, *c = a + 8 * TABLE;
	int fd = memfd_create("moved", 0);

	ASSERT(fd >= 0);
	ASSERT_OK(ftruncate(fd, 2 * TABLE));
	catch_faults();
	map_at(a, 2 * TABLE, MAP_SHARED, fd);
	number_pages(a, 1024, 1);
	move(a, b, 2 * TABLE);
	map_at(a, 2 * TABLE, MAP_PRIVATE, fd);
	EXPECT(numbered(a, 1024, 1));
	a[700 * PAGE + 8] = 9;
	move(a, c, 2 * TABLE);
	EXPECT_EQ(c[700 * PAGE + 8], 9);
	EXPECT(numbered(b, 1024, 1));
	ASSERT_OK(ftruncate(fd, TABLE));
	EXPECT_EQ(read_faults(b + TABLE), SIGBUS);
	EXPECT_EQ(read_faults(b + 2 * TABLE - PAGE), SIGBUS);
	EXPECT_EQ(read_faults(c + 700 * PAGE), SIGBUS);
	EXPECT(numbered(b, 512, 1));
	EXPECT(numbered(c, 512, 1));
	close(fd);
}

static volatile size_t *volatile target;
static volatile size_t writes;

static void *write_all_the_time(void *arg)
{
	while (!stop) {
		*target = (size_t)arg;
		writes = writes + 1;
	}
	return NULL;
}

static void wait_for_writes(size_t more)
{
	for (size_t from = writes; writes < from + more;)
		usleep(100);
}

/* DONTUNMAP leaves the old place mapped, so the writer needs no fault handler: it has a fresh page there from now on. */
TEST(other_cpu_leaves_a_page_that_moved)
{
	char *a = hole(8), *b = a + 4 * TABLE;
	pthread_t writer;

	target = (size_t *)(a + TABLE);
	map_at(a, 2 * TABLE, ANON, -1);
	number_pages(a, 1024, 1);
	ASSERT_EQ(pthread_create(&writer, NULL, write_all_the_time, (void *)0x77), 0);
	for (int i = 0; i < 50; i++) {
		volatile size_t *moved;
		size_t off = i & 1 ? PAGE : 0;

		wait_for_writes(1);
		if (mremap(a, 2 * TABLE, 2 * TABLE,
			   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, b + off) != b + off) {
			ASSERT_EQ(errno, EINVAL);
			stop = 1;
			pthread_join(writer, NULL);
			skip("no MREMAP_DONTUNMAP");
		}
		moved = (size_t *)(b + off + TABLE);
		*moved = 1;
		wait_for_writes(2);
		EXPECT_EQ(*moved, 1);
		ASSERT_OK(munmap(b + off, 2 * TABLE));
	}
	stop = 1;
	ASSERT_EQ(pthread_join(writer, NULL), 0);
	EXPECT_EQ(*target, 0x77);
}
