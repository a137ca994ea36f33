/*
 * futex.c - the futex call itself: wait, wake, timeouts, requeue, bitsets, robust lists.
 *
 * Threads come from the C library; the futex words are ours, so nothing here depends on how the
 * library implements its locks.  A waiter is known to sleep when FUTEX_WAKE reports that it woke
 * somebody: each test wakes in a loop until the count is right, so no timing is assumed.
 */
#include "test.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define FUTEX_WAIT	     0
#define FUTEX_WAKE	     1
#define FUTEX_REQUEUE	     3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP	     5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_OWNER_DIED     0x40000000
#define FUTEX_WAITERS	     0x80000000

static long futex(volatile uint32_t *word, int op, uint32_t val, const void *timeout,
		  volatile uint32_t *word2, uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static volatile uint32_t word, word2;
static int flags = FUTEX_PRIVATE_FLAG;
static volatile int woken, ready;

static void *waiter(void *arg unused)
{
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	if (futex(&word, FUTEX_WAIT | flags, 0, NULL, NULL, 0) && errno != EAGAIN)
		test_fail();
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void start_waiters(pthread_t *t, int n)
{
	for (int i = 0; i < n; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, waiter, NULL), 0);
	while (ready < n)
		sched_yield();
	usleep(50000);
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

TEST(a_wrong_value_returns_eagain_at_once)
{
	word = 5;
	EXPECT_ERR(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	EXPECT_ERR(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 4, NULL, NULL, 0), EAGAIN);
}

TEST(waking_nobody_returns_zero)
{
	EXPECT_EQ(futex(&word, FUTEX_WAKE, 100, NULL, NULL, 0), 0);
}

TEST(bad_arguments)
{
	struct timespec bad = { 0, 1000000000 }, negative = { -1, 0 };
	uint32_t *unaligned = (uint32_t *)((char *)&word + 1);
	char *hole = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_ERR(futex(unaligned, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
	EXPECT_ERR(futex(unaligned, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	EXPECT_ERR(futex((void *)hole, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	EXPECT_ERR(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	EXPECT_ERR(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
	EXPECT_ERR(futex(&word, FUTEX_WAIT, 0, &negative, NULL, 0), EINVAL);
	EXPECT_ERR(futex(&word, FUTEX_WAIT, 0, (void *)8, NULL, 0), EFAULT);
	EXPECT_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	EXPECT_ERR(futex(&word, 100, 0, NULL, NULL, 0), ENOSYS);
}

static void wake_counts(void)
{
	pthread_t t[6];
	int total = 0;

	start_waiters(t, 6);
	for (int want = 1; want <= 3; want++) { /* 1 + 2 + 3 */
		long n = futex(&word, FUTEX_WAKE | flags, want, NULL, NULL, 0);

		EXPECT_EQ(n, want);
		total += n;
		for (int i = 0; i < 500 && woken < total; i++)
			usleep(1000);
		EXPECT_EQ(woken, total);
	}
	word = 1;
	futex(&word, FUTEX_WAKE | flags, 100, NULL, NULL, 0);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
}

TEST(wake_wakes_as_many_as_asked)
{
	wake_counts();
}

TEST(a_shared_futex_of_private_memory_works_too)
{
	flags = 0;
	wake_counts();
}

TEST(a_relative_timeout_waits_that_long)
{
	struct timespec t = { 0, 60000000 };
	int64_t start = now_ns(CLOCK_MONOTONIC);

	EXPECT_ERR(futex(&word, FUTEX_WAIT | flags, 0, &t, NULL, 0), ETIMEDOUT);
	EXPECT_GE(now_ns(CLOCK_MONOTONIC) - start, 60000000);
	t.tv_nsec = 0;
	EXPECT_ERR(futex(&word, FUTEX_WAIT | flags, 0, &t, NULL, 0), ETIMEDOUT);
}

static void absolute(clockid_t clock, int extra)
{
	int64_t until = now_ns(clock) + 60000000;
	struct timespec t = { until / 1000000000, until % 1000000000 };

	EXPECT_ERR(futex(&word, FUTEX_WAIT_BITSET | extra, 0, &t, NULL, ~0U), ETIMEDOUT);
	EXPECT_GE(now_ns(clock), until);
	EXPECT_ERR(futex(&word, FUTEX_WAIT_BITSET | extra, 0, &t, NULL, ~0U), ETIMEDOUT);
}

TEST(a_bitset_timeout_is_absolute)
{
	absolute(CLOCK_MONOTONIC, flags);
	absolute(CLOCK_REALTIME, flags | FUTEX_CLOCK_REALTIME);
}

static void *bitset_waiter(void *arg)
{
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	futex(&word, FUTEX_WAIT_BITSET | flags, 0, NULL, NULL, (uint32_t)(long)arg);
	__atomic_fetch_or(&woken, (int)(long)arg, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(a_bitset_wake_chooses_its_waiters)
{
	pthread_t t[3];

	for (long i = 0; i < 3; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, bitset_waiter, (void *)(1L << i)), 0);
	while (ready < 3)
		sched_yield();
	usleep(50000);
	EXPECT_EQ(futex(&word, FUTEX_WAKE_BITSET | flags, 100, NULL, NULL, 8), 0);
	EXPECT_EQ(futex(&word, FUTEX_WAKE_BITSET | flags, 100, NULL, NULL, 2), 1);
	pthread_join(t[1], NULL);
	EXPECT_EQ(woken, 2);
	EXPECT_EQ(futex(&word, FUTEX_WAKE_BITSET | flags, 100, NULL, NULL, 5), 2);
	pthread_join(t[0], NULL);
	pthread_join(t[2], NULL);
}

TEST(requeue_moves_waiters_to_the_other_word)
{
	pthread_t t[5];

	start_waiters(t, 5);
	EXPECT_ERR(futex(&word, FUTEX_CMP_REQUEUE | flags, 1, (void *)100, &word2, 77), EAGAIN);
	/* One is woken, three are moved, one stays. */
	EXPECT_EQ(futex(&word, FUTEX_CMP_REQUEUE | flags, 1, (void *)3, &word2, 0), 4);
	for (int i = 0; i < 500 && woken < 1; i++)
		usleep(1000);
	EXPECT_EQ(woken, 1);
	EXPECT_EQ(futex(&word2, FUTEX_WAKE | flags, 100, NULL, NULL, 0), 3);
	EXPECT_EQ(futex(&word, FUTEX_WAKE | flags, 100, NULL, NULL, 0), 1);
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(woken, 5);
}

/* The manual page says "woken"; Linux counts the moved ones as well. */
TEST(plain_requeue_returns_the_number_woken_and_moved)
{
	pthread_t t[3];

	start_waiters(t, 3);
	EXPECT_EQ(futex(&word, FUTEX_REQUEUE | flags, 1, (void *)100, &word2, 0), 3);
	EXPECT_EQ(futex(&word2, FUTEX_WAKE | flags, 100, NULL, NULL, 0), 2);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

TEST(wake_op_changes_the_second_word)
{
	pthread_t t[2];

	start_waiters(t, 2);
	word2 = 10;
	/* *word2 += 5; wake one on word; wake one on word2 if the old value was over 20 */
	uint32_t op = 1U << 28 | 4U << 24 | 5 << 12 | 20;

	EXPECT_EQ(futex(&word, FUTEX_WAKE_OP | flags, 1, (void *)1, &word2, op), 1);
	EXPECT_EQ(word2, 15);
	word = 1;
	futex(&word, FUTEX_WAKE | flags, 10, NULL, NULL, 0);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
}

static void nothing(int sig unused)
{
}

TEST(a_signal_interrupts_a_wait)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct timespec t = { 10, 0 };

	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	EXPECT_ERR(futex(&word, FUTEX_WAIT | flags, 0, &t, NULL, 0), EINTR);
}

TEST(sa_restart_resumes_a_wait_without_timeout)
{
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	pid_t pid = getpid(), child;
	int status;

	volatile uint32_t *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(shared, MAP_FAILED);
	sigaction(SIGUSR1, &sa, NULL);
	child = test_fork();
	if (!child) {
		usleep(50000);
		kill(pid, SIGUSR1);
		usleep(50000);
		*shared = 1;
		while (futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0) != 1)
			usleep(1000);
		_exit(0);
	}
	EXPECT_EQ(futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
	EXPECT_EQ(*shared, 1);
	waitpid(child, &status, 0);
}

TEST(a_futex_in_shared_memory_joins_two_processes)
{
	volatile uint32_t *p =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	pid_t pid = test_fork();

	if (!pid) {
		for (uint32_t i = 0; i < 200; i += 2) {
			uint32_t seen;

			/* One look decides and is what to wait on: a second could see i itself. */
			while ((seen = p[0]) != i)
				futex(&p[0], FUTEX_WAIT, seen, NULL, NULL, 0);
			p[0] = i + 1;
			futex(&p[0], FUTEX_WAKE, 1, NULL, NULL, 0);
		}
		_exit(0);
	}
	for (uint32_t i = 1; i < 200; i += 2) {
		uint32_t seen;

		while ((seen = p[0]) != i)
			futex(&p[0], FUTEX_WAIT, seen, NULL, NULL, 0);
		p[0] = i + 1;
		futex(&p[0], FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(p[0], 200);
}

TEST(private_waiters_are_not_woken_by_another_process)
{
	pthread_t t[1];

	start_waiters(t, 1);
	pid_t pid = test_fork();

	if (!pid)
		_exit(futex(&word, FUTEX_WAKE | flags, 10, NULL, NULL, 0));
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(futex(&word, FUTEX_WAKE | flags, 10, NULL, NULL, 0), 1);
	pthread_join(t[0], NULL);
}

/* The page decides what a shared word is, not the address or the rights of the mapping. */
static volatile uint32_t *reader;
static int reader_op;

static void *wait_at_reader(void *arg unused)
{
	if (futex(reader, reader_op, 0, NULL, NULL, 0) && errno != EAGAIN)
		test_fail();
	return NULL;
}

/* Does a wake of @word by @op reach who waits at reader? The waiter is woken in any case. */
static int reaches(volatile uint32_t *w, int op, int tries)
{
	struct timespec ms = { 0, 1000000 };
	int n = 0;

	for (int i = 0; i < tries && !n; i++, nanosleep(&ms, NULL))
		n = futex(w, op, 1, NULL, NULL, 0);
	return n;
}

TEST(the_page_of_a_shared_word_says_who_meets)
{
	int fd = memfd_create("word", 0);
	volatile uint32_t *p, *copy;
	pthread_t t;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, 2 * PAGE));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	reader = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	copy = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT(p != MAP_FAILED && reader != MAP_FAILED && copy != MAP_FAILED);
	reader_op = FUTEX_WAIT;
	ASSERT_EQ(pthread_create(&t, NULL, wait_at_reader, NULL), 0);
	/* Neither a private copy of the page, nor the other page, nor a private wake. */
	EXPECT_EQ(reaches(copy + PAGE / 4, FUTEX_WAKE, 20), 0);
	EXPECT_EQ(reaches(p, FUTEX_WAKE, 20), 0);
	EXPECT_EQ(reaches(reader, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 20), 0);
	EXPECT_EQ(reaches(p + PAGE / 4, FUTEX_WAKE, 20000), 1);
	pthread_join(t, NULL);
	/* A page that may only be read can be waited for, but nothing can be stored there on behalf of a waker. */
	EXPECT_ERR(futex(p, FUTEX_WAKE_OP, 1, (void *)1, reader, 0), EFAULT);
}

TEST(a_private_and_a_shared_wait_on_private_memory_do_not_meet)
{
	pthread_t t;

	reader = &word;
	reader_op = FUTEX_WAIT | FUTEX_PRIVATE_FLAG;
	ASSERT_EQ(pthread_create(&t, NULL, wait_at_reader, NULL), 0);
	EXPECT_EQ(reaches(&word, FUTEX_WAKE, 20), 0);
	EXPECT_EQ(reaches(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 20000), 1);
	pthread_join(t, NULL);
}

/* ---- what exit does for others ---- */

TEST(clear_child_tid_is_zeroed_and_woken_at_exit)
{
	volatile uint32_t *p =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	p[0] = 1;
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(syscall(SYS_set_tid_address, p), syscall(SYS_gettid));
		/* The word is cleared only for memory that somebody else still uses. */
		usleep(50000);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	/* The address space was not shared, so Linux leaves the word alone. */
	EXPECT_EQ(p[0], 1);
}

struct robust_entry {
	struct robust_entry *next;
	uint32_t word, pad;
};

struct robust_head {
	struct robust_entry *next;
	long offset;
	struct robust_entry *pending;
};

/* A process dies with three locks held: each is marked, and a waiter is woken. */
TEST(a_robust_list_marks_the_locks_of_the_dead)
{
	struct shared {
		struct robust_head head;
		struct robust_entry lock[3];
		volatile int held;
	} *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(s, MAP_FAILED);
	pid_t pid = test_fork();

	if (!pid) {
		uint32_t tid = syscall(SYS_gettid);

		s->head.offset = offsetof(struct robust_entry, word);
		s->head.next = &s->lock[0];
		s->lock[0].next = &s->lock[1];
		s->lock[1].next = (struct robust_entry *)&s->head;
		s->head.pending = &s->lock[2];
		for (int i = 0; i < 3; i++)
			s->lock[i].word = tid;
		ASSERT_OK(syscall(SYS_set_robust_list, &s->head, sizeof(s->head)));
		s->held = 1;
		usleep(50000);
		raise(SIGKILL);
	}
	while (!s->held)
		usleep(1000);
	uint32_t owner = s->lock[0].word;

	__atomic_fetch_or(&s->lock[0].word, FUTEX_WAITERS, __ATOMIC_SEQ_CST);
	struct timespec limit = { 10, 0 };
	long r = futex(&s->lock[0].word, FUTEX_WAIT, owner | FUTEX_WAITERS, &limit, NULL, 0);

	EXPECT(r == 0 || errno == EAGAIN);
	EXPECT_KILLED(pid, SIGKILL);
	EXPECT_EQ(s->lock[0].word, FUTEX_WAITERS | FUTEX_OWNER_DIED);
	EXPECT_EQ(s->lock[1].word, FUTEX_OWNER_DIED);
	EXPECT_EQ(s->lock[2].word, FUTEX_OWNER_DIED);
}

TEST(a_broken_robust_list_hurts_nobody)
{
	struct robust_head *head =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_ERR(syscall(SYS_set_robust_list, head, 7), EINVAL);
	for (int kind = 0; kind < 4; kind++) {
		pid_t pid = test_fork();

		if (!pid) {
			head->offset = kind == 2 ? -8 : 8;
			head->next = kind == 0	 ? (void *)8
				     : kind == 1 ? (void *)-4096L
				     : kind == 2 ? (void *)head + 64
						 : (void *)head + 128;
			/* kind 3: an entry that points to itself, a list without end */
			((struct robust_entry *)((char *)head + 128))->next = (void *)head + 128;
			syscall(SYS_set_robust_list, head, sizeof(*head));
			_exit(5);
		}
		EXPECT_EXIT(pid, 5);
	}
}

/* ---- a lock built on it, under load ---- */

static long total;

static void lock(volatile uint32_t *w)
{
	uint32_t c = 0;

	if (__atomic_compare_exchange_n(w, &c, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(w, 2, __ATOMIC_ACQUIRE))
		futex(w, FUTEX_WAIT | flags, 2, NULL, NULL, 0);
}

static void unlock(volatile uint32_t *w)
{
	if (__atomic_exchange_n(w, 0, __ATOMIC_RELEASE) == 2)
		futex(w, FUTEX_WAKE | flags, 1, NULL, NULL, 0);
}

static void *lock_often(void *arg unused)
{
	for (int i = 0; i < 3000; i++) {
		lock(&word);
		total++;
		if (i % 64 == 0)
			sched_yield();
		unlock(&word);
	}
	return NULL;
}

TEST(a_lock_made_of_it_holds_under_eight_threads)
{
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, lock_often, NULL), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(total, 8 * 3000);
}
