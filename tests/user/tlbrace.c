/*
 * tlbrace.c - translations are gone when the system call that took them away returns, on every CPU.
 *
 * Threads unmap, protect and map pages of one address space while all of them touch these pages. Each slot has a version,
 * even while it is settled: who finds the same even version before and after an access must have seen what the slot is
 * said to be: a fault where nothing is mapped, a fault on a write where it is read-only, the last value otherwise. Prints the
 * seed. Then: a large munmap interrupts other CPUs once, not once a batch, and the file that sets the ceiling of range flushes.
 */
#include "memory.h"
#include "test.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>

#define RACERS 4
#define SLOTS  24
#define STEPS  1500

enum state { GONE, READ_ONLY, WRITABLE };

static struct slot {
	atomic_ulong ver;
	enum state state;
	unsigned long value;
} slots[SLOTS];

static char *area;
static pthread_barrier_t all_there; /* nobody maps a stack into a hole */
static __thread sigjmp_buf back;
static __thread volatile int expecting;

static void on_fault(int sig unused)
{
	if (!expecting)
		_exit(1);
	siglongjmp(back, 1);
}

/* The first word of the page, or that the access faulted. Reads, or writes the second word. */
static int touch(volatile unsigned long *p, int write, unsigned long *seen)
{
	int faulted = 1;

	expecting = 1;
	if (!sigsetjmp(back, 0)) {
		if (write)
			p[1] = 1;
		*seen = p[0];
		faulted = 0;
	}
	expecting = 0;
	return faulted;
}

static unsigned long next_random(unsigned long *x)
{
	*x = *x * 6364136223846793005UL + 1442695040888963407UL;
	return *x >> 33;
}

static void check(int i, unsigned long *rnd)
{
	struct slot *s = &slots[i];
	unsigned long ver = atomic_load(&s->ver), value = s->value, seen = 0;
	enum state state = s->state;
	int write = next_random(rnd) & 1;
	int faulted = touch((unsigned long *)(area + i * PAGE), write, &seen);

	if ((ver & 1) || atomic_load(&s->ver) != ver)
		return;
	if (faulted != (state == GONE || (write && state == READ_ONLY)) ||
	    (!faulted && seen != value)) {
		say("# slot %d state %d write %d: %s, saw %lu, value %lu\n", i, state, write,
		    faulted ? "fault" : "no fault", seen, value);
		test_fail();
	}
}

static void change(int i, unsigned long *rnd)
{
	struct slot *s = &slots[i];
	char *p = area + i * PAGE;

	atomic_fetch_add(&s->ver, 1);
	if (s->state == GONE) {
		ASSERT(mmap(p, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
		s->value = next_random(rnd) | 1;
		*(volatile unsigned long *)p = s->value;
		s->state = WRITABLE;
	} else if (s->state == WRITABLE && (next_random(rnd) & 1)) {
		ASSERT_OK(mprotect(p, PAGE, PROT_READ));
		s->state = READ_ONLY;
	} else {
		ASSERT_OK(munmap(p, PAGE));
		s->state = GONE;
	}
	atomic_fetch_add(&s->ver, 1);
}

static void *race(void *arg)
{
	long me = (long)arg;
	unsigned long rnd = test_seed + me;

	pthread_barrier_wait(&all_there);
	for (int step = 0; step < STEPS && !test_failed; step++) {
		for (int i = 0; i < SLOTS; i++)
			check(i, &rnd);
		change(next_random(&rnd) % (SLOTS / RACERS) * RACERS + me, &rnd);
	}
	return NULL;
}

TEST_LIMIT(no_thread_sees_what_was_unmapped, 60)
{
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	pthread_t threads[RACERS];

	ASSERT_OK(sigaction(SIGSEGV, &sa, NULL));
	area = mmap(NULL, SLOTS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT(area != MAP_FAILED);
	pthread_barrier_init(&all_there, NULL, RACERS);
	for (long i = 1; i < RACERS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, race, (void *)i), 0);
	race((void *)0);
	for (int i = 1; i < RACERS; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
}

/* A line of /proc/vmstat; -1: Linux has it only with CONFIG_DEBUG_TLBFLUSH. */
static long vmstat(const char *name)
{
	static char text[65536];
	int fd = open("/proc/vmstat", O_RDONLY), n = 0, got;
	char *p;

	ASSERT_OK(fd);
	while ((got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += got;
	text[n] = '\0';
	close(fd);
	p = strstr(text, name);
	return p ? atol(p + strlen(name)) : -1;
}

static atomic_int stop_spinning;
static atomic_long spins;

static void *spin_in_user_mode(void *arg unused)
{
	while (!atomic_load(&stop_spinning))
		atomic_fetch_add(&spins, 1);
	return NULL;
}

TEST(a_large_munmap_is_one_shootdown)
{
	size_t size = 1024 * PAGE;
	pthread_t spinner;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long before, after, seen;

	ASSERT(p != MAP_FAILED);
	ASSERT_EQ(pthread_create(&spinner, NULL, spin_in_user_mode, NULL), 0);
	for (size_t i = 0; i < size; i += PAGE)
		p[i] = 1;
	while (!atomic_load(&spins))
		sched_yield();
	before = vmstat("nr_tlb_remote_flush ");
	ASSERT_OK(munmap(p, size));
	after = vmstat("nr_tlb_remote_flush ");
	seen = atomic_load(&spins);
	while (atomic_load(&spins) == seen)
		sched_yield();
	atomic_store(&stop_spinning, 1);
	pthread_join(spinner, NULL);
	if (before < 0)
		say("# no counters here\n");
	else
		EXPECT_LE(after - before, 3); /* its own, and a neighbour's */
	EXPECT_EQ(before < 0, vmstat("nr_tlb_local_flush_one ") < 0);
}

/* Its tables go with it, and a table maps more than any range flush covers; but nothing else of it was there. */
TEST(a_page_alone_in_its_table_is_flushed_alone)
{
	size_t table = 512 * PAGE;
	char *hole = mmap(NULL, 4 * table, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;
	long before, more = 0;

	ASSERT(hole != MAP_FAILED);
	ASSERT_OK(munmap(hole, 4 * table));
	p = (char *)(((uintptr_t)hole + 2 * table) & -table) + 300 * PAGE;
	/* Other processes flush, too: one quiet run is enough. */
	for (int run = 0; run < 20; run++) {
		before = vmstat("nr_tlb_local_flush_all ");
		for (int i = 0; i < 200; i++) {
			ASSERT_EQ(mmap(p, PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
				  p);
			*p = 1;
			ASSERT_OK(munmap(p, PAGE));
		}
		more = vmstat("nr_tlb_local_flush_all ") - before;
		if (before < 0 || more < 100)
			break;
	}
	if (before < 0)
		say("# no counters here\n");
	else
		EXPECT_LT(more, 100);
}

#define CEILING "/sys/kernel/debug/x86/tlb_single_page_flush_ceiling"

TEST(the_ceiling_refuses_what_is_no_number)
{
	static const char *const bad[] = { "-1", "x", "33x", "99999999999999999999" };
	char was[32] = "";
	int fd = open(CEILING, O_RDWR), n;

	if (fd < 0) {
		say("# no %s here\n", CEILING);
		return;
	}
	ASSERT_OK(n = read(fd, was, sizeof(was) - 1));
	EXPECT(atol(was) >= 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		int w = open(CEILING, O_WRONLY);

		EXPECT_ERR(write(w, bad[i], strlen(bad[i])), EINVAL);
		close(w);
	}
	close(fd);
	fd = open(CEILING, O_RDWR);
	EXPECT_EQ(write(fd, was, n), n); /* what it was; a host's is not ours to change */
	close(fd);
}
