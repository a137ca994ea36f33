/*
 * stack.c - the main stack grows by faulting, stops at RLIMIT_STACK and keeps its guard gap.
 *
 * Every overflow here happens in a child, seen either as death by SIGSEGV or, with an alternate
 * signal stack, as a siginfo whose address tells how far the stack had grown.
 */
#include "fault.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define MIB (1UL << 20)

static char alt_stack[16384];

static void use_alt_stack(void)
{
	stack_t ss = { .ss_sp = alt_stack, .ss_size = sizeof(alt_stack) };

	ASSERT_OK(sigaltstack(&ss, NULL));
	catch_faults();
}

static void stack_range(uintptr_t *lo, uintptr_t *hi)
{
	char *text = read_text("/proc/self/maps");
	char *tag = text ? strstr(text, "[stack]") : NULL;

	ASSERT(tag);
	while (tag > text && tag[-1] != '\n')
		tag--;
	*lo = strtoul(tag, &tag, 16);
	*hi = strtoul(tag + 1, NULL, 16);
}

/* Use `pages` pages of stack, a page a call, with a pattern that is checked on the way back. */
static int __attribute__((noinline)) dive(int pages)
{
	volatile char here[PAGE];

	for (size_t i = 0; i < PAGE; i += 256)
		here[i] = pages;
	int below = pages > 1 ? dive(pages - 1) : 0;

	for (size_t i = 0; i < PAGE; i += 256)
		if (here[i] != (char)pages)
			return -1;
	return below < 0 ? -1 : below + 1;
}

static volatile int bottom = -1;

static int __attribute__((noinline)) dive_forever(int depth)
{
	volatile char here[PAGE];

	here[0] = depth;
	if (depth == bottom)
		return 0;
	return dive_forever(depth + 1) + here[0];
}

/* How far below the top of the stack the fault came, under this soft limit. */
static size_t overflow_depth(size_t limit)
{
	struct rlimit r;
	uintptr_t lo, hi;

	ASSERT_OK(getrlimit(RLIMIT_STACK, &r));
	r.rlim_cur = limit;
	ASSERT_OK(setrlimit(RLIMIT_STACK, &r));
	use_alt_stack();
	stack_range(&lo, &hi);
	fault.sig = 0;
	if (!sigsetjmp(fault_return, 1))
		dive_forever(0);
	EXPECT_EQ(fault.sig, SIGSEGV);
	EXPECT_EQ(fault.code, SEGV_MAPERR);
	return hi - (uintptr_t)fault.addr;
}

TEST(four_mebibytes_of_stack_work)
{
	EXPECT_EQ(dive(1000), 1000);
	EXPECT_EQ(dive(1000), 1000);
}

TEST(growth_shows_in_maps)
{
	uintptr_t lo, hi, lo2, hi2;

	stack_range(&lo, &hi);
	EXPECT_LT(lo, (uintptr_t)&lo);
	EXPECT_GT(hi, (uintptr_t)&lo);
	EXPECT_EQ(dive(256), 256);
	stack_range(&lo2, &hi2);
	EXPECT_EQ(hi2, hi);
	EXPECT_LE(lo2, hi - 256 * PAGE);
}

TEST(new_stack_pages_are_zero)
{
	uintptr_t lo, hi;

	stack_range(&lo, &hi);
	volatile char *p = (char *)lo - 64 * PAGE;

	for (size_t i = 0; i < 64 * PAGE; i++)
		if (p[i]) {
			check_failed(__FILE__, __LINE__, "byte %zu is %d", i, p[i]);
			return;
		}
}

TEST(a_jump_over_many_pages_grows_at_once)
{
	uintptr_t lo, hi, lo2;

	stack_range(&lo, &hi);
	*(volatile char *)(hi - 4 * MIB) = 1;
	stack_range(&lo2, &hi);
	EXPECT_LE(lo2, hi - 4 * MIB);
	EXPECT_GT(lo2, hi - 5 * MIB);
}

TEST(overflow_without_a_handler_kills)
{
	pid_t pid = test_fork();

	if (!pid) {
		dive_forever(0);
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGSEGV);
}

TEST(overflow_with_a_handler_but_no_other_stack_kills)
{
	pid_t pid = test_fork();

	if (!pid) {
		struct sigaction sa = { .sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO };

		sigaction(SIGSEGV, &sa, NULL);
		dive_forever(0);
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGSEGV);
}

TEST(the_stack_stops_at_rlimit_stack)
{
	size_t small = overflow_depth(1 * MIB);

	EXPECT_GE(small, 1 * MIB);
	EXPECT_LE(small, 1 * MIB + 2 * PAGE);
	size_t larger = overflow_depth(3 * MIB);

	EXPECT_GE(larger, 3 * MIB);
	EXPECT_LE(larger, 3 * MIB + 2 * PAGE);
}

TEST(an_access_below_the_limit_faults_at_once)
{
	uintptr_t lo, hi;
	struct rlimit r;

	ASSERT_OK(getrlimit(RLIMIT_STACK, &r));
	r.rlim_cur = 2 * MIB;
	ASSERT_OK(setrlimit(RLIMIT_STACK, &r));
	catch_faults();
	stack_range(&lo, &hi);
	EXPECT_EQ(write_faults((char *)hi - 2 * MIB - PAGE), SIGSEGV);
	EXPECT_EQ(fault.code, SEGV_MAPERR);
	EXPECT_EQ(write_faults((char *)hi - 2 * MIB + PAGE), 0);
}

/* 256 pages stay free between the stack and an accessible mapping below it (stack_guard_gap). */
TEST(growth_keeps_the_guard_gap)
{
	uintptr_t lo, hi;

	catch_faults();
	stack_range(&lo, &hi);
	char *low = (char *)lo - 300 * PAGE;

	ASSERT_EQ(mmap(low, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		       -1, 0),
		  low);
	EXPECT_EQ(write_faults((char *)lo - 10 * PAGE), 0);
	EXPECT_EQ(write_faults((char *)lo - 60 * PAGE), SIGSEGV);
	EXPECT_EQ(write_faults(low), 0);
	ASSERT_OK(munmap(low, PAGE));
	EXPECT_EQ(write_faults((char *)lo - 60 * PAGE), 0);
}

TEST(mmap_does_not_land_in_the_stacks_room)
{
	uintptr_t lo, hi;
	struct rlimit r;

	ASSERT_OK(getrlimit(RLIMIT_STACK, &r));
	size_t room = r.rlim_cur == RLIM_INFINITY || r.rlim_cur > 8 * MIB ? 8 * MIB : r.rlim_cur;

	stack_range(&lo, &hi);
	for (int i = 0; i < 64; i++) {
		char *p = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ASSERT_NE(p, MAP_FAILED);
		EXPECT((uintptr_t)p < hi - room || (uintptr_t)p >= hi);
	}
}

TEST(the_stacks_of_parent_and_child_grow_apart)
{
	int fd[2];
	char c;

	ASSERT_OK(pipe(fd));
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(dive(800), 800);
		close(fd[0]);
		ASSERT_EQ(write(fd[1], "x", 1), 1);
		_exit(0);
	}
	EXPECT_EQ(dive(400), 400);
	ASSERT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(dive(900), 900);
}

TEST(a_growsdown_mapping_grows)
{
	char *area = mmap(NULL, 1024 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(area, MAP_FAILED);
	ASSERT_OK(munmap(area, 1024 * PAGE));
	char *p = mmap(area + 1000 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);

	ASSERT_EQ(p, area + 1000 * PAGE);
	catch_faults();
	EXPECT_EQ(write_faults(p), 0);
	EXPECT_EQ(write_faults(p - 1), 0);
	EXPECT_EQ(write_faults(p - 20 * PAGE), 0);
}

/* The limit at exec time decides how much argument text fits: a quarter of it. */
HELPER(report_stack_limit)
{
	struct rlimit r;

	getrlimit(RLIMIT_STACK, &r);
	return r.rlim_cur == 512 * 1024 && dive(100) == 100 ? 42 : 1;
}

TEST(the_limit_survives_exec)
{
	struct rlimit r;
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(getrlimit(RLIMIT_STACK, &r));
		r.rlim_cur = 512 * 1024;
		ASSERT_OK(setrlimit(RLIMIT_STACK, &r));
		exec_helper("report_stack_limit", NULL);
		_exit(1);
	}
	EXPECT_EXIT(pid, 42);
}
