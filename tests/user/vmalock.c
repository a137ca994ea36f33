/*
 * vmalock.c - the lock of one area (mm/user/vma_lock.h): faults of threads beside changes of the set of areas.
 *
 * 1. That a fault does without mmap_lock is seen in /proc/vmstat, and in that a faulting thread does not go to sleep for one
 *    that maps and unmaps all the time.
 * 2. That a change waits for the faults in its area is seen in the bytes: each page belongs to one thread, which knows what
 *    must be in it, while neighbours in the same area cut, protect, move and drop theirs, fork takes copies, and others
 *    touch everything. A fault that is let in too early puts a page where none belongs, or one that fork did not share:
 *    then a value comes back, gets lost, or changes in the child.
 *
 * A change that begins while a fault waits can only be met by chance; so there are threads on all CPUs, and seeds. Run it in
 * the kernel with KASAN too.
 */
#include "test.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define CHANGERS 3
#define PAGES	 24 /* of each of them */
#define STEPS	 500

typedef volatile unsigned long word;

static char *arena;
static volatile int stop;
static __thread sigjmp_buf back;
static __thread volatile int expecting;

static void on_fault(int sig unused)
{
	if (!expecting)
		_exit(1);
	siglongjmp(back, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* The first word of a page that may not be there; -1: it is not. */
static unsigned long peek(const char *page)
{
	unsigned long seen = -1UL;

	expecting = 1;
	if (!sigsetjmp(back, 0))
		seen = *(word *)page;
	expecting = 0;
	return seen;
}

static unsigned long next_random(unsigned long *x)
{
	*x = *x * 6364136223846793005UL + 1442695040888963407UL;
	return *x >> 33;
}

static char *map_at(void *at, unsigned long pages, int flags)
{
	char *p = mmap(at, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	return p;
}

/* A counter of /proc/vmstat; -1: this kernel does not have it. */
static long vmstat(const char *name)
{
	char line[64];
	long v = -1, n;
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && v < 0 && fscanf(f, "%63s %ld", line, &n) == 2)
		if (!strcmp(line, name))
			v = n;
	if (f)
		fclose(f);
	return v;
}

static long gone_to_mmap_lock(void)
{
	return vmstat("vma_lock_abort") + vmstat("vma_lock_retry") + vmstat("vma_lock_miss");
}

/* ---- without mmap_lock ---- */

TEST(a_fault_locks_its_area_only)
{
	char *p = map_at(NULL, 256, 0);
	long before = vmstat("vma_lock_success");

	if (before < 0)
		skip("this kernel does not count vma_lock_success");
	for (int i = 0; i < 256; i++)
		p[i * PAGE] = 1;
	EXPECT_GE(vmstat("vma_lock_success"), before + 256);
}

TEST(what_an_area_cannot_answer_goes_to_mmap_lock)
{
	char *hole = map_at(NULL, 1, 0);
	long before = gone_to_mmap_lock();

	if (before < 0)
		skip("this kernel does not count vma_lock_abort");
	catch_faults();
	ASSERT_OK(munmap(hole, PAGE));
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(peek(hole), -1UL);
	EXPECT_GE(gone_to_mmap_lock(), before + 10);
}

static void *map_all_the_time(void *arg unused)
{
	while (!stop) {
		char *p = map_at(NULL, 8, MAP_POPULATE);

		mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ);
		munmap(p, 8 * PAGE);
	}
	return NULL;
}

TEST(a_fault_does_not_wait_for_changes_elsewhere)
{
	struct rusage a, b;
	pthread_t t[2];
	long before = gone_to_mmap_lock();

	if (before < 0)
		skip("this kernel does not count vma_lock_abort");
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, map_all_the_time, NULL), 0);
	/* A read-only area between: it never merges with what the others map. */
	char *p = map_at(NULL, 2048, MAP_NORESERVE);

	ASSERT_OK(madvise(p, 2048 * PAGE, MADV_DONTFORK));
	p[0] = 1;
	before = gone_to_mmap_lock();
	getrusage(RUSAGE_THREAD, &a);
	for (int i = 1; i < 2048; i++)
		p[i * PAGE] = 1;
	getrusage(RUSAGE_THREAD, &b);
	/* Each wait for mmap_lock comes after a counted failure to do without it. */
	EXPECT_LE(b.ru_nvcsw - a.ru_nvcsw, gone_to_mmap_lock() - before);
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

/* ---- threads change and touch one arena ---- */

/* What a changer knows of its pages: not there, or the value, and whether it may be written. */
struct model {
	char *base;
	unsigned long value[PAGES], seed;
	char there[PAGES], writable[PAGES];
};

static struct model models[CHANGERS];

static void check_page(const struct model *m, int i)
{
	unsigned long seen = peek(m->base + i * PAGE);

	EXPECT_EQ(seen, m->there[i] ? m->value[i] : -1UL);
}

static void write_page(struct model *m, int i)
{
	if (!m->there[i] || !m->writable[i])
		return;
	m->value[i] = next_random(&m->seed) | 1;
	*(word *)(m->base + i * PAGE) = m->value[i];
}

/* What was mapped at from is at to now, n pages; where it was there is nothing. The two do not overlap. */
static void move_pages(struct model *m, int from, int to, int n)
{
	ASSERT_NE(mremap(m->base + from * PAGE, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 m->base + to * PAGE),
		  MAP_FAILED);
	for (int i = 0; i < n; i++) {
		m->value[to + i] = m->value[from + i];
		m->writable[to + i] = m->writable[from + i];
		m->there[to + i] = 1;
		m->there[from + i] = 0;
	}
}

static int all_alike(const struct model *m, int at, int n)
{
	for (int i = 0; i < n; i++)
		if (!m->there[at + i] || m->writable[at + i] != m->writable[at])
			return 0;
	return 1;
}

static void change(struct model *m, int at, int n)
{
	char *p = m->base + at * PAGE;
	int rights, other = (at + PAGES / 2) % PAGES;

	switch (next_random(&m->seed) % 6) {
	case 0:
		ASSERT_OK(munmap(p, n * PAGE));
		memset(&m->there[at], 0, n);
		break;
	case 1:
	case 2:
		map_at(p, n, MAP_FIXED);
		memset(&m->there[at], 1, n);
		memset(&m->writable[at], 1, n);
		memset(&m->value[at], 0, n * sizeof(m->value[0]));
		break;
	case 3:
		if (!all_alike(m, at, n))
			break;
		rights = next_random(&m->seed) & 1;
		ASSERT_OK(mprotect(p, n * PAGE, rights ? PROT_READ | PROT_WRITE : PROT_READ));
		memset(&m->writable[at], rights, n);
		break;
	case 4:
		if (!all_alike(m, at, n))
			break;
		ASSERT_OK(madvise(p, n * PAGE, MADV_DONTNEED));
		memset(&m->value[at], 0, n * sizeof(m->value[0]));
		break;
	case 5:
		if (all_alike(m, at, n) && other + n <= PAGES)
			move_pages(m, at, other, n);
		break;
	}
}

static void *changer(void *arg)
{
	struct model *m = arg;

	for (int step = 0; step < STEPS; step++) {
		int n = 1 + next_random(&m->seed) % 6, at = next_random(&m->seed) % (PAGES - n);

		change(m, at, n);
		for (int i = 0; i < n; i++) {
			check_page(m, at + i);
			write_page(m, at + i);
		}
		if (step % 16 == 0)
			for (int i = 0; i < PAGES; i++)
				check_page(m, i);
	}
	return NULL;
}

static void *toucher(void *arg)
{
	unsigned long seed = (unsigned long)arg;

	while (!stop)
		peek(arena + next_random(&seed) % (CHANGERS * PAGES) * PAGE);
	return NULL;
}

TEST_LIMIT(threads_fault_map_and_unmap_at_once, 60)
{
	pthread_t t[CHANGERS + 1];

	catch_faults();
	/* One area at the beginning, and what is alike merges again, over the borders between threads. */
	arena = map_at(NULL, CHANGERS * PAGES, 0);
	for (long i = 0; i < CHANGERS; i++) {
		models[i].base = arena + i * PAGES * PAGE;
		models[i].seed = rnd();
		memset(models[i].there, 1, PAGES);
		memset(models[i].writable, 1, PAGES);
	}
	ASSERT_EQ(pthread_create(&t[CHANGERS], NULL, toucher, (void *)rnd()), 0);
	/* A stack that is mapped into a hole would be no hole: all threads are there before the first change. */
	for (long i = 1; i < CHANGERS; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, changer, &models[i]), 0);
	changer(&models[0]);
	for (long i = 1; i < CHANGERS; i++)
		pthread_join(t[i], NULL);
	stop = 1;
	pthread_join(t[CHANGERS], NULL);
}

/* ---- fork ---- */

static volatile unsigned long rounds[CHANGERS];

/* Writes its pages one round after the other, and finds in them what it wrote before; every few rounds they are dropped. */
static void *writer(void *arg)
{
	long me = (long)arg;
	char *base = arena + me * PAGES * PAGE;

	while (!stop) {
		unsigned long round = ++rounds[me];

		if (round % 4 == 0)
			ASSERT_OK(madvise(base, PAGES * PAGE, MADV_DONTNEED));
		for (int i = 0; i < PAGES; i++) {
			word *p = (word *)(base + i * PAGE);

			EXPECT_EQ(*p, round % 4 == 0 || round == 1 ? 0 : round - 1);
			*p = round;
		}
	}
	return NULL;
}

/* Nobody but this child writes here: what it has seen stays, and what it writes the parent never sees. */
static void child_of_fork(void)
{
	unsigned long seen[CHANGERS * PAGES];

	for (int i = 0; i < CHANGERS * PAGES; i++)
		seen[i] = *(word *)(arena + i * PAGE);
	for (int i = 0; i < 4; i++)
		sched_yield();
	for (int i = 0; i < CHANGERS * PAGES; i++) {
		word *p = (word *)(arena + i * PAGE);

		EXPECT_EQ(*p, seen[i]);
		*p = 0xbadbadbad;
	}
	_exit(test_failed);
}

TEST_LIMIT(fork_beside_faults_takes_a_copy_that_stays, 60)
{
	pthread_t t[CHANGERS];

	arena = map_at(NULL, CHANGERS * PAGES, 0);
	for (long i = 0; i < CHANGERS; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, writer, (void *)i), 0);
	for (int i = 0; i < 40; i++) {
		pid_t pid = test_fork();

		if (pid == 0)
			child_of_fork();
		EXPECT_EXIT(pid, 0);
	}
	stop = 1;
	for (int i = 0; i < CHANGERS; i++)
		pthread_join(t[i], NULL);
}

/* ---- one thread becomes many ---- */

static void *touch_fresh(void *arg)
{
	unsigned long seed = (unsigned long)arg;

	for (int i = 0; i < 300; i++) {
		int n = 1 + next_random(&seed) % 4;
		char *p = map_at(NULL, n, 0);

		for (int k = 0; k < n; k++)
			p[k * PAGE] = k + 1;
		for (int k = 0; k < n; k++)
			EXPECT_EQ(p[k * PAGE], k + 1);
		munmap(p, n * PAGE);
	}
	return NULL;
}

TEST(threads_come_and_go_while_areas_do)
{
	for (int round = 0; round < 3; round++) {
		pthread_t t[4];

		for (int i = 0; i < 4; i++)
			ASSERT_EQ(pthread_create(&t[i], NULL, touch_fresh, (void *)rnd()), 0);
		touch_fresh((void *)rnd());
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
}
