/*
 * patience.c - calls that go over many pages, tables or areas do not hold a CPU: another task gets its turns in the middle of them.
 *
 * A watcher of the class SCHED_FIFO runs on the same CPU: it sleeps for some microseconds, counts one turn, and so on. A kernel
 * that is not preempted lets it run only where the call asks for it (cond_resched). A call without such points gives it one turn at
 * most, and the ways in and out of the call two more. So a number of turns within one call proves that there are points, however
 * slow the machine is; a call that was too short for them is made again, longer, and again: a machine with other work to do may
 * run a call to its end before it runs its own timers. The longest wait is printed, not judged.
 */
#include "test.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#define PAGES	  8192
#define TURNS	  6
#define NAP	  50000 /* ns */
#define ATTEMPTS  60
#define LONGEST	  5 /* from this round on calls do not get longer */
#define MAP_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static struct shared {
	volatile long turns;
	volatile long long longest; /* ns that a nap took */
	volatile int go;	    /* the child may end */
	volatile long at_exit;	    /* turns when the child began to end */
} * shared;

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void watch(void)
{
	struct timespec nap = { .tv_nsec = NAP };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		long long before = now(), took;

		nanosleep(&nap, NULL);
		took = now() - before;
		if (took > shared->longest)
			shared->longest = took;
		shared->turns++;
	}
}

static void pin(void)
{
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set)) {
			CPU_ZERO(&set);
			CPU_SET(cpu, &set);
			break;
		}
	ASSERT_OK(sched_setaffinity(0, sizeof(set), &set));
}

/* Both on one CPU; the watcher goes before. */
static pid_t start_watcher(void)
{
	struct sched_param fifo = { .sched_priority = 10 }, below = { .sched_priority = 1 };
	pid_t pid;

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(shared, MAP_FAILED);
	pin();
	pid = test_fork();
	if (pid == 0) {
		if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &fifo))
			_exit(77);
		watch();
	}
	while (!shared->turns && waitpid(pid, NULL, WNOHANG) == 0)
		sched_yield();
	if (!shared->turns)
		skip("SCHED_FIFO is not allowed here");
	/* So a child of fork waits until its parent has looked at the turns. */
	ASSERT_OK(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &below));
	return pid;
}

/* pages bytes of memory, one written in each. */
static char *touched(long pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_FLAGS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	for (long i = 0; i < pages; i++)
		p[i * PAGE] = 1;
	return p;
}

/* n areas of one page, with different rights by turns. */
static char *many_areas(long n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ, MAP_FLAGS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	for (long i = 0; i < n; i += 2)
		ASSERT_OK(mprotect(p + i * PAGE, PAGE, PROT_READ | PROT_WRITE));
	return p;
}

/* The turns of the watcher during one call; round 0, 1, ...: how often it has been too short. */
typedef long (*measured_call)(int round);

static void expect_turns(measured_call call)
{
	pid_t watcher = start_watcher();
	long turns = 0;

	for (int round = 0; round < ATTEMPTS && turns < TURNS; round++)
		turns = call(round < LONGEST ? round : LONGEST);
	EXPECT_GE(turns, TURNS);
	say("# %ld turns within a call; the longest nap of %d us took %lld us\n", turns, NAP / 1000,
	    shared->longest / 1000);
	kill(watcher, SIGKILL);
	test_wait(watcher);
}

#define TURNS_WITHIN(call)                    \
	({                                    \
		long before_ = shared->turns; \
		ASSERT_OK(call);              \
		shared->turns - before_;      \
	})

static long unmap_pages(int round)
{
	long n = PAGES * (1 + round);
	char *p = touched(n);

	return TURNS_WITHIN(munmap(p, n * PAGE));
}

TEST(munmap_of_many_pages_lets_others_run)
{
	expect_turns(unmap_pages);
}

static long unmap_areas(int round)
{
	long n = 5000 * (1 + round);
	char *p = many_areas(n);

	return TURNS_WITHIN(munmap(p, n * PAGE));
}

TEST(munmap_of_many_areas_lets_others_run)
{
	expect_turns(unmap_areas);
}

static long protect_pages(int round)
{
	long n = 2 * PAGES * (1 + round), turns;
	char *p = touched(n);

	turns = TURNS_WITHIN(mprotect(p, n * PAGE, PROT_READ));
	munmap(p, n * PAGE);
	return turns;
}

TEST(mprotect_of_many_pages_lets_others_run)
{
	expect_turns(protect_pages);
}

static long protect_areas(int round)
{
	long n = 5000 * (1 + round), turns;
	char *p = many_areas(n);

	turns = TURNS_WITHIN(mprotect(p, n * PAGE, PROT_READ | PROT_EXEC));
	munmap(p, n * PAGE);
	return turns;
}

TEST(mprotect_of_many_areas_lets_others_run)
{
	expect_turns(protect_areas);
}

static long drop_pages(int round)
{
	long n = PAGES * (1 + round), turns;
	char *p = touched(n);

	turns = TURNS_WITHIN(madvise(p, n * PAGE, MADV_DONTNEED));
	munmap(p, n * PAGE);
	return turns;
}

TEST(dropping_many_pages_lets_others_run)
{
	expect_turns(drop_pages);
}

/* What fork copies, and what exit gives back, in pages and in areas. */
static long fork_memory(int round, int in_exit)
{
	long n = PAGES * (1 + round), before;
	char *p = touched(n), *q = many_areas(2000 * (1 + round));
	pid_t pid;

	shared->go = 0;
	before = shared->turns;
	pid = fork();
	ASSERT_OK(pid);
	if (pid == 0) {
		struct timespec ms = { .tv_nsec = 1000000 };

		while (!shared->go)
			nanosleep(&ms, NULL);
		shared->at_exit = shared->turns;
		_exit(0);
	}
	before = shared->turns - before;
	shared->go = 1;
	test_wait(pid);
	if (in_exit)
		before = shared->turns - shared->at_exit;
	munmap(p, n * PAGE);
	munmap(q, 2000 * (1 + round) * PAGE);
	return before;
}

static long fork_large(int round)
{
	return fork_memory(round, 0);
}

TEST(fork_of_a_large_process_lets_others_run)
{
	expect_turns(fork_large);
}

static long exit_large(int round)
{
	return fork_memory(round, 1);
}

TEST(exit_of_a_large_process_lets_others_run)
{
	expect_turns(exit_large);
}
