/*
 * anon_map.c - anonymous private and shared mappings: what is mapped, where, with which bytes.
 *
 * Proves zero filling, splitting and merging of ranges (seen in /proc/self/maps), MAP_FIXED and
 * NOREPLACE, mremap's moves, madvise and mincore's view, and runs a random arena of pages against a
 * model of what each page should allow and hold.
 */
#include "fault.h"
#include "memory.h"
#include <sys/resource.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Lines of /proc/self/maps that touch [start, end); first and last bounds through the pointers. */
static int maps_lines(uintptr_t start, uintptr_t end, uintptr_t *lo, uintptr_t *hi)
{
	char *text = read_text("/proc/self/maps");
	int lines = 0;

	ASSERT(text);
	for (char *p = text; *p;) {
		char *next;
		uintptr_t a = strtoul(p, &next, 16), b = strtoul(next + 1, NULL, 16);

		if (a < end && b > start) {
			if (!lines++ && lo)
				*lo = a;
			if (hi)
				*hi = b;
		}
		p = strchr(p, '\n');
		if (!p++)
			break;
	}
	return lines;
}

TEST(fresh_pages_are_zero_and_keep_what_is_written)
{
	char *p = map_pages(64);

	EXPECT_EQ((uintptr_t)p % PAGE, 0);
	EXPECT(all_equal(p, 64 * PAGE, 0));
	for (int i = 0; i < 64; i++)
		memset(p + i * PAGE, i, PAGE);
	for (int i = 0; i < 64; i++)
		EXPECT(all_equal(p + i * PAGE, PAGE, i));
	ASSERT_OK(munmap(p, 64 * PAGE));
	/* Frames that come back were somebody's; they must be clean again. */
	for (int round = 0; round < 8; round++) {
		p = map_pages(64);
		EXPECT(all_equal(p, 64 * PAGE, 0));
		memset(p, 0xee, 64 * PAGE);
		ASSERT_OK(munmap(p, 64 * PAGE));
	}
}

TEST(two_mappings_never_overlap)
{
	char *p[32];

	for (int i = 0; i < 32; i++) {
		p[i] = map_pages(3);
		memset(p[i], i, 3 * PAGE);
	}
	for (int i = 0; i < 32; i++)
		EXPECT(all_equal(p[i], 3 * PAGE, i));
}

TEST(a_free_hint_is_taken_and_a_used_one_is_not)
{
	char *area = map_pages(16);

	ASSERT_OK(munmap(area, 16 * PAGE));
	EXPECT_EQ(mmap(area + 4 * PAGE, PAGE, RW, ANON, -1, 0), area + 4 * PAGE);
	char *second = mmap(area + 4 * PAGE, PAGE, RW, ANON, -1, 0);

	EXPECT_NE(second, MAP_FAILED);
	EXPECT_NE(second, area + 4 * PAGE);
}

TEST(map_fixed_replaces_what_was_there)
{
	char *p = map_pages(8);

	memset(p, 'o', 8 * PAGE);
	ASSERT_EQ(mmap(p + 2 * PAGE, 3 * PAGE, RW, ANON | MAP_FIXED, -1, 0), p + 2 * PAGE);
	EXPECT(all_equal(p, 2 * PAGE, 'o'));
	EXPECT(all_equal(p + 2 * PAGE, 3 * PAGE, 0));
	EXPECT(all_equal(p + 5 * PAGE, 3 * PAGE, 'o'));
}

TEST(map_fixed_noreplace_refuses)
{
	char *p = map_pages(4);

	EXPECT_ERR(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	EXPECT_ERR(mmap(p - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_EQ(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), p + PAGE);
}

TEST(munmap_of_the_middle_splits)
{
	char *p = map_pages(9);

	catch_faults();
	memset(p, 's', 9 * PAGE);
	ASSERT_OK(munmap(p + 3 * PAGE, 3 * PAGE));
	EXPECT(all_equal(p, 3 * PAGE, 's'));
	EXPECT(all_equal(p + 6 * PAGE, 3 * PAGE, 's'));
	for (int i = 3; i < 6; i++)
		EXPECT_EQ(read_faults(p + i * PAGE), SIGSEGV);
	EXPECT_EQ(maps_lines((uintptr_t)p, (uintptr_t)p + 9 * PAGE, NULL, NULL), 2);
	/* A hole in the range is no error, and the length is rounded up. */
	EXPECT_OK(munmap(p, 8 * PAGE + 1));
	EXPECT_EQ(maps_lines((uintptr_t)p, (uintptr_t)p + 9 * PAGE, NULL, NULL), 0);
}

TEST(neighbours_with_the_same_rights_become_one)
{
	char *p = map_pages(6);
	uintptr_t a = (uintptr_t)p, lo = 0, hi = 0;

	ASSERT_OK(munmap(p + 2 * PAGE, 2 * PAGE));
	EXPECT_EQ(maps_lines(a, a + 6 * PAGE, NULL, NULL), 2);
	ASSERT_EQ(mmap(p + 2 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0), p + 2 * PAGE);
	EXPECT_EQ(maps_lines(a, a + 6 * PAGE, &lo, &hi), 1);
	EXPECT_LE(lo, a);
	EXPECT_GE(hi, a + 6 * PAGE);
	ASSERT_OK(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(maps_lines(a, a + 6 * PAGE, NULL, NULL), 3);
	ASSERT_OK(mprotect(p + 2 * PAGE, PAGE, RW));
	EXPECT_EQ(maps_lines(a, a + 6 * PAGE, NULL, NULL), 1);
}

TEST(reading_first_then_writing_keeps_both_right)
{
	volatile char *p = map_pages(32);
	int sum = 0;

	for (int i = 0; i < 32; i++)
		sum += p[i * PAGE + 5];
	EXPECT_EQ(sum, 0);
	for (int i = 0; i < 32; i += 2)
		p[i * PAGE] = 'w';
	for (int i = 0; i < 32; i++)
		EXPECT_EQ(p[i * PAGE], i % 2 ? 0 : 'w');
}

TEST(a_sparse_gigabyte_costs_only_what_is_touched)
{
	size_t size = 1UL << 30;
	volatile char *p = mmap(NULL, size, RW, ANON | MAP_NORESERVE, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	if (madvise((void *)p, size, MADV_NOHUGEPAGE) && errno != EINVAL)
		ASSERT_OK(-1);
	for (size_t at = 0; at < size; at += size / 16)
		p[at] = at / (size / 16) + 1;
	p[size - 1] = 99;
	for (size_t at = 0; at < size; at += size / 16) {
		EXPECT_EQ(p[at], at / (size / 16) + 1);
		EXPECT_EQ(p[at + PAGE], 0);
	}
	EXPECT_EQ(p[size - 1], 99);
	EXPECT_OK(munmap((void *)p, size));
}

TEST(populate_leaves_no_fault_to_the_first_touch)
{
	struct rusage a, b;
	char *p = mmap(NULL, 64 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	getrusage(RUSAGE_SELF, &a);
	for (int i = 0; i < 64; i++)
		*(volatile char *)(p + i * PAGE) = 1;
	getrusage(RUSAGE_SELF, &b);
	EXPECT_LE(b.ru_minflt - a.ru_minflt, 4);
}

TEST(dontneed_gives_zero_pages_back)
{
	char *p = map_pages(8);

	memset(p, 'd', 8 * PAGE);
	ASSERT_OK(madvise(p + 2 * PAGE, 4 * PAGE, MADV_DONTNEED));
	EXPECT(all_equal(p, 2 * PAGE, 'd'));
	EXPECT(all_equal(p + 2 * PAGE, 4 * PAGE, 0));
	EXPECT(all_equal(p + 6 * PAGE, 2 * PAGE, 'd'));
	memset(p, 'e', 8 * PAGE);
	EXPECT(all_equal(p, 8 * PAGE, 'e'));
}

TEST(mincore_tells_touched_pages)
{
	char *p = map_pages(8);
	unsigned char vec[8];

	if (madvise(p, 8 * PAGE, MADV_NOHUGEPAGE) && errno != EINVAL)
		ASSERT_OK(-1);
	ASSERT_OK(mincore(p, 8 * PAGE, vec));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(vec[i] & 1, 0);
	p[0] = p[3 * PAGE] = p[7 * PAGE] = 1;
	ASSERT_OK(mincore(p, 8 * PAGE, vec));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(vec[i] & 1, i == 0 || i == 3 || i == 7);
	ASSERT_OK(munmap(p + 4 * PAGE, PAGE));
	EXPECT_ERR(mincore(p, 8 * PAGE, vec), ENOMEM);
}

/* Of a range over several tables, some of them missing; and of the pages before a hole. */
TEST(mincore_tells_random_pages_of_many_tables)
{
	enum { N = 2000 };
	static unsigned char vec[N + 8], touched[N];
	char *p = mmap(NULL, N * PAGE, RW, ANON | MAP_NORESERVE, -1, 0);
	size_t gap = 600 + rnd_below(800);

	ASSERT_NE(p, MAP_FAILED);
	if (madvise(p, N * PAGE, MADV_NOHUGEPAGE) && errno != EINVAL)
		ASSERT_OK(-1);
	for (size_t i = 0; i < N; i++) {
		touched[i] = (i < gap || i > gap + 550) && !rnd_below(3);
		if (touched[i])
			p[i * PAGE] = 1;
	}
	for (int round = 0; round < 20; round++) {
		size_t from = round ? rnd_below(N) : 0, n = round ? rnd_below(N - from) : N;

		memset(vec, 0x77, sizeof(vec));
		ASSERT_OK(mincore(p + from * PAGE, n * PAGE, vec));
		for (size_t i = 0; i < n; i++)
			ASSERT_EQ(vec[i] & 1, touched[from + i]);
		ASSERT_EQ(vec[n], 0x77);
	}
	ASSERT_OK(munmap(p + 1500 * PAGE, PAGE));
	memset(vec, 0x77, sizeof(vec));
	EXPECT_ERR(mincore(p, N * PAGE, vec), ENOMEM);
	for (size_t i = 0; i < 1500; i++)
		ASSERT_EQ(vec[i] & 1, touched[i]);
	EXPECT_EQ(vec[1500], 0x77);
}

TEST(shared_anonymous_memory_is_one_for_both)
{
	int *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	EXPECT(all_equal((char *)p, 4 * PAGE, 0));
	pid_t a = test_fork();

	if (!a) {
		for (int i = 0; i < 10000; i++)
			__atomic_fetch_add(&p[0], 1, __ATOMIC_RELAXED);
		p[PAGE / 4 * 3] = 77; /* a page that nobody had touched before the fork */
		_exit(0);
	}
	for (int i = 0; i < 10000; i++)
		__atomic_fetch_add(&p[0], 1, __ATOMIC_RELAXED);
	EXPECT_EXIT(a, 0);
	EXPECT_EQ(p[0], 20000);
	EXPECT_EQ(p[PAGE / 4 * 3], 77);
}

TEST(mremap_grows_in_place_when_there_is_room)
{
	char *area = map_pages(16);

	ASSERT_OK(munmap(area + 4 * PAGE, 12 * PAGE));
	memset(area, 'g', 4 * PAGE);
	EXPECT_EQ(mremap(area, 4 * PAGE, 8 * PAGE, 0), area);
	EXPECT(all_equal(area, 4 * PAGE, 'g'));
	EXPECT(all_equal(area + 4 * PAGE, 4 * PAGE, 0));
	EXPECT_EQ(maps_lines((uintptr_t)area, (uintptr_t)area + 8 * PAGE, NULL, NULL), 1);
}

TEST(mremap_moves_the_bytes_when_there_is_none)
{
	char *area = map_pages(16);

	catch_faults();
	for (int i = 0; i < 4; i++)
		memset(area + i * PAGE, 'a' + i, PAGE);
	ASSERT_OK(mprotect(area + 4 * PAGE, PAGE, PROT_READ));
	EXPECT_ERR(mremap(area, 4 * PAGE, 64 * PAGE, 0), ENOMEM);
	char *moved = mremap(area, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);

	ASSERT_NE(moved, MAP_FAILED);
	EXPECT_NE(moved, area);
	for (int i = 0; i < 4; i++)
		EXPECT(all_equal(moved + i * PAGE, PAGE, 'a' + i));
	EXPECT(all_equal(moved + 4 * PAGE, 60 * PAGE, 0));
	EXPECT_EQ(read_faults(area), SIGSEGV);
	EXPECT_EQ(read_faults(area + 4 * PAGE), 0);
}

TEST(mremap_shrinks_and_moves_to_a_fixed_place)
{
	char *area = map_pages(16), *other = map_pages(16);

	catch_faults();
	memset(area, 'f', 16 * PAGE);
	memset(other, 'x', 16 * PAGE);
	EXPECT_EQ(mremap(area, 16 * PAGE, 8 * PAGE, 0), area);
	EXPECT_EQ(read_faults(area + 8 * PAGE), SIGSEGV);
	EXPECT_EQ(mremap(area, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other + 4 * PAGE),
		  other + 4 * PAGE);
	EXPECT(all_equal(other, 4 * PAGE, 'x'));
	EXPECT(all_equal(other + 4 * PAGE, 8 * PAGE, 'f'));
	EXPECT(all_equal(other + 12 * PAGE, 4 * PAGE, 'x'));
	EXPECT_EQ(read_faults(area), SIGSEGV);
}

TEST(mremap_after_fork_moves_the_copy_of_one)
{
	char *area = map_pages(8);

	memset(area, 'c', 8 * PAGE);
	pid_t pid = test_fork();

	if (!pid) {
		char *moved = mremap(area, 8 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);

		ASSERT_NE(moved, MAP_FAILED);
		EXPECT(all_equal(moved, 8 * PAGE, 'c'));
		memset(moved, 'd', 8 * PAGE);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT(all_equal(area, 8 * PAGE, 'c'));
}

TEST(rlimit_as_stops_mmap)
{
	struct rlimit r = { 64UL << 20, 64UL << 20 };

	ASSERT_OK(setrlimit(RLIMIT_AS, &r));
	EXPECT_ERR(mmap(NULL, 128UL << 20, RW, ANON, -1, 0), ENOMEM);
	void *p = mmap(NULL, 16UL << 20, RW, ANON, -1, 0);

	EXPECT_NE(p, MAP_FAILED);
}

/* ---- the model: an arena of pages, each unmapped or with rights and one value ---- */

#define ARENA 96

static struct {
	signed char prot;
	unsigned char value;
} want[ARENA]; /* prot -1: not mapped */
static char *arena;

static void arena_check(int i)
{
	char *p = arena + i * PAGE;
	int readable = want[i].prot >= 0 && (want[i].prot & PROT_READ);
	int sig = read_faults(p);

	if (readable != !sig) {
		check_failed(__FILE__, __LINE__, "page %d prot %d: read gives signal %d", i,
			     want[i].prot, sig);
		return;
	}
	if (sig)
		EXPECT_EQ(fault.code, want[i].prot < 0 ? SEGV_MAPERR : SEGV_ACCERR);
	else if (!all_equal(p, PAGE, want[i].value))
		check_failed(__FILE__, __LINE__, "page %d: %d, not %d", i, p[0], want[i].value);
}

TEST_LIMIT(random_map_unmap_protect_agree_with_a_model, 60)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW };

	catch_faults();
	arena = mmap(NULL, ARENA * PAGE, PROT_NONE, ANON, -1, 0);
	ASSERT_NE(arena, MAP_FAILED);
	ASSERT_OK(munmap(arena, ARENA * PAGE));
	for (int i = 0; i < ARENA; i++)
		want[i].prot = -1;
	for (int n = 0; n < 3000; n++) {
		int first = rnd_below(ARENA), count = 1 + rnd_below(12), last, whole = 1;
		int prot = prots[rnd_below(3)], value = 1 + rnd_below(255);

		if (first + count > ARENA)
			count = ARENA - first;
		last = first + count;
		char *p = arena + first * PAGE;

		for (int i = first; i < last; i++)
			whole &= want[i].prot >= 0;
		switch (rnd_below(6)) {
		case 0:
			ASSERT_EQ(mmap(p, count * PAGE, prot, ANON | MAP_FIXED, -1, 0), p);
			for (int i = first; i < last; i++) {
				want[i].prot = prot;
				want[i].value = 0;
			}
			break;
		case 1:
			ASSERT_OK(munmap(p, count * PAGE));
			for (int i = first; i < last; i++)
				want[i].prot = -1;
			break;
		case 2:
			if (!whole)
				break;
			ASSERT_OK(mprotect(p, count * PAGE, prot));
			for (int i = first; i < last; i++)
				want[i].prot = prot;
			break;
		case 3:
			if (!whole)
				break;
			ASSERT_OK(madvise(p, count * PAGE, MADV_DONTNEED));
			for (int i = first; i < last; i++)
				want[i].value = 0;
			break;
		default:
			for (int i = first; i < last; i++) {
				if (want[i].prot < 0 || !(want[i].prot & PROT_WRITE))
					continue;
				memset(arena + i * PAGE, value, PAGE);
				want[i].value = value;
			}
		}
		if (n % 16 == 0)
			for (int i = 0; i < ARENA; i++)
				arena_check(i);
		else
			arena_check(first);
	}
}
