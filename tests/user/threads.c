/*
 * threads.c - POSIX threads over clone and futex, with eight threads.
 *
 * Proves mutual exclusion, condition variables, join, thread-local storage, per-thread signal
 * masks, preemption, cancellation, and what threads do to an address space: faults of all threads
 * on the same fresh page, rights taken away under a running thread (TLB shootdown). How they end:
 * threadends.c. Builds with musl and with glibc.
 */
#include "fault.h"
#include "memory.h"
#include "threads.h"
#include <limits.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>

/* ---- the basics ---- */

static void *square(void *arg)
{
	long n = (long)arg;

	return (void *)(n * n);
}

TEST(join_returns_what_the_thread_returned)
{
	start_all(square);
	for (long i = 0; i < THREADS; i++) {
		void *value = NULL;

		ASSERT_EQ(pthread_join(threads[i], &value), 0);
		EXPECT_EQ(value, i * i);
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter, inside;

static void *count_up(void *arg unused)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mutex);
		if (inside++)
			test_fail();
		counter++;
		inside--;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(a_mutex_lets_one_thread_in_at_a_time)
{
	start_all(count_up);
	join_all();
	EXPECT_EQ(counter, THREADS * 5000);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *take_turns(void *arg)
{
	long me = (long)arg;

	for (int round = 0; round < 100; round++) {
		pthread_mutex_lock(&mutex);
		while (turn != me)
			pthread_cond_wait(&cond, &mutex);
		turn = (turn + 1) % THREADS;
		counter++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(a_condition_variable_passes_the_turn_round)
{
	start_all(take_turns);
	join_all();
	EXPECT_EQ(counter, THREADS * 100);
	EXPECT_EQ(turn, 0);
}

TEST(a_timed_wait_times_out)
{
	struct timespec until, now;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 50000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	EXPECT_EQ(pthread_cond_timedwait(&cond, &mutex, &until), ETIMEDOUT);
	clock_gettime(CLOCK_REALTIME, &now);
	EXPECT(now.tv_sec > until.tv_sec ||
	       (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
	pthread_mutex_unlock(&mutex);
}

static __thread long tls_value = 42;
static __thread char tls_block[3000];

static void *use_tls(void *arg)
{
	long me = (long)arg;

	if (tls_value != 42 || tls_block[2999])
		test_fail();
	tls_value = me;
	memset(tls_block, me, sizeof(tls_block));
	for (int i = 0; i < 200; i++) {
		sched_yield();
		if (tls_value != me || tls_block[0] != me || tls_block[2999] != me)
			test_fail();
	}
	return NULL;
}

TEST(thread_local_storage_is_private)
{
	start_all(use_tls);
	join_all();
	EXPECT_EQ(tls_value, 42);
	EXPECT_EQ(tls_block[0], 0);
}

static pid_t tids[THREADS];

static void *note_tid(void *arg)
{
	tids[(long)arg] = syscall(SYS_gettid);
	if (getpid() != (pid_t)syscall(SYS_getpid))
		test_fail();
	return NULL;
}

TEST(threads_share_the_pid_and_differ_in_tid)
{
	start_all(note_tid);
	join_all();
	EXPECT_EQ(syscall(SYS_gettid), getpid());
	for (int i = 0; i < THREADS; i++) {
		EXPECT_NE(tids[i], getpid());
		EXPECT_GT(tids[i], 0);
	}
}

static int pids_seen[THREADS];

static void *note_pid(void *arg)
{
	pids_seen[(long)arg] = getpid();
	return NULL;
}

TEST(getpid_is_the_same_everywhere)
{
	start_all(note_pid);
	join_all();
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(pids_seen[i], getpid());
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void once_only(void)
{
	__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	usleep(10000);
}

static void *call_once(void *arg unused)
{
	pthread_once(&once, once_only);
	if (counter != 1)
		test_fail();
	return NULL;
}

TEST(pthread_once_runs_once_and_others_wait_for_it)
{
	start_all(call_once);
	join_all();
	EXPECT_EQ(counter, 1);
}

static sem_t sem;
static pthread_barrier_t barrier;

static void *barrier_rounds(void *arg unused)
{
	for (int round = 1; round <= 50; round++) {
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&barrier);
		if (__atomic_load_n(&counter, __ATOMIC_SEQ_CST) != round * THREADS)
			test_fail();
		pthread_barrier_wait(&barrier);
	}
	sem_post(&sem);
	return NULL;
}

TEST(barriers_and_semaphores_meet)
{
	sem_init(&sem, 0, 0);
	pthread_barrier_init(&barrier, NULL, THREADS);
	start_all(barrier_rounds);
	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(sem_wait(&sem), 0);
	join_all();
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long pair[2];

static void *read_or_write(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		if ((long)arg < 2) {
			pthread_rwlock_wrlock(&rwlock);
			pair[0]++;
			pair[1]++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			if (pair[0] != pair[1])
				test_fail();
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

TEST(readers_never_see_half_of_a_write)
{
	start_all(read_or_write);
	join_all();
	EXPECT_EQ(pair[0], 2000);
}

/* ---- scheduling ---- */

TEST(spinning_threads_are_preempted)
{
	pthread_t t[2];
	struct timespec nap = { 0, 100000000 };

	for (long i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, spin, (void *)i), 0);
	for (int i = 0; i < 100 && !(spins[0] && spins[1]); i++)
		nanosleep(&nap, NULL);
	stop = 1;
	EXPECT_GT(spins[0], 0);
	EXPECT_GT(spins[1], 0);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
}

static void *create_and_join(void *arg unused)
{
	for (int i = 0; i < 40; i++) {
		pthread_t t;
		void *value;

		if (pthread_create(&t, NULL, square, (void *)7L) || pthread_join(t, &value) ||
		    value != (void *)49L)
			test_fail();
	}
	return NULL;
}

TEST(threads_make_threads)
{
	start_all(create_and_join);
	join_all();
}

static void *detached(void *arg unused)
{
	__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(detached_threads_free_themselves)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 200; i++) {
		pthread_t t;

		while (pthread_create(&t, &attr, detached, NULL))
			usleep(1000);
	}
	for (int i = 0; i < 1000 && __atomic_load_n(&counter, __ATOMIC_SEQ_CST) < 200; i++)
		usleep(10000);
	EXPECT_EQ(counter, 200);
}

TEST(cancellation_ends_a_sleeping_thread)
{
	void *value;

	start_all(sleep_long);
	usleep(10000);
	for (int i = 0; i < THREADS; i++) {
		EXPECT_EQ(pthread_cancel(threads[i]), 0);
		EXPECT_EQ(pthread_join(threads[i], &value), 0);
		EXPECT_EQ(value, PTHREAD_CANCELED);
	}
}

/* ---- signals ---- */

static volatile pid_t handled_by;

static void on_usr1(int sig unused)
{
	handled_by = syscall(SYS_gettid);
}

static void *wait_for_signal(void *arg unused)
{
	tids[0] = syscall(SYS_gettid);
	while (!handled_by)
		usleep(1000);
	return NULL;
}

TEST(pthread_kill_is_handled_by_that_thread)
{
	pthread_t t;

	signal(SIGUSR1, on_usr1);
	ASSERT_EQ(pthread_create(&t, NULL, wait_for_signal, NULL), 0);
	while (!__atomic_load_n(&tids[0], __ATOMIC_SEQ_CST))
		usleep(1000);
	EXPECT_EQ(pthread_kill(t, SIGUSR1), 0);
	pthread_join(t, NULL);
	EXPECT_EQ(handled_by, tids[0]);
}

TEST(a_process_signal_goes_to_a_thread_that_does_not_block_it)
{
	sigset_t set;
	pthread_t t;

	signal(SIGUSR1, on_usr1);
	ASSERT_EQ(pthread_create(&t, NULL, wait_for_signal, NULL), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (!__atomic_load_n(&tids[0], __ATOMIC_SEQ_CST))
		usleep(1000);
	ASSERT_OK(kill(getpid(), SIGUSR1));
	pthread_join(t, NULL);
	EXPECT_EQ(handled_by, tids[0]);
}

/* ---- the shared address space ---- */

static char *arena;
#define ARENA_PAGES 256

static void *add_everywhere(void *arg)
{
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ARENA_PAGES; i++) {
		int page = (long)arg & 1 ? ARENA_PAGES - 1 - i : i;

		__atomic_fetch_add((long *)(arena + page * PAGE), 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(eight_threads_fault_on_the_same_fresh_pages)
{
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int round = 0; round < 8; round++) {
		arena = map_pages(ARENA_PAGES);
		start_all(add_everywhere);
		join_all();
		for (int i = 0; i < ARENA_PAGES; i++)
			EXPECT_EQ(*(long *)(arena + i * PAGE), THREADS);
		munmap(arena, ARENA_PAGES * PAGE);
	}
}

static void *write_until_fault(void *arg unused)
{
	while (!write_faults(arena))
		__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
	return (void *)(long)fault.code;
}

TEST(rights_taken_away_reach_a_running_thread)
{
	pthread_t t;
	void *code = NULL;

	catch_faults();
	arena = map_pages(1);
	ASSERT_EQ(pthread_create(&t, NULL, write_until_fault, NULL), 0);
	while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < 1000)
		sched_yield();
	ASSERT_OK(mprotect(arena, PAGE, PROT_READ));
	ASSERT_EQ(pthread_join(t, &code), 0);
	EXPECT_EQ(code, SEGV_ACCERR);
	counter = 0;
	ASSERT_OK(mprotect(arena, PAGE, PROT_READ | PROT_WRITE));
	ASSERT_EQ(pthread_create(&t, NULL, write_until_fault, NULL), 0);
	while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < 1000)
		sched_yield();
	ASSERT_OK(munmap(arena, PAGE));
	ASSERT_EQ(pthread_join(t, &code), 0);
	EXPECT_EQ(code, SEGV_MAPERR);
}

static void *map_and_unmap(void *arg)
{
	for (int i = 0; i < 100; i++) {
		char *p = map_pages(4);

		for (int k = 0; k < 4; k++) {
			if (p[k * PAGE])
				test_fail();
			p[k * PAGE] = (long)arg + 1;
		}
		for (int k = 0; k < 4; k++)
			if (p[k * PAGE] != (char)((long)arg + 1))
				test_fail();
		munmap(p, 4 * PAGE);
	}
	return NULL;
}

TEST(eight_threads_map_and_unmap_at_once)
{
	start_all(map_and_unmap);
	join_all();
}

TEST(the_guard_page_of_a_thread_stack_faults)
{
	pthread_attr_t attr;
	size_t size;
	void *stack;
	pthread_t t;

	catch_faults();
	ASSERT_EQ(pthread_create(&t, NULL, sleep_long, NULL), 0);
	ASSERT_EQ(pthread_getattr_np(t, &attr), 0);
	ASSERT_EQ(pthread_attr_getstack(&attr, &stack, &size), 0);
	EXPECT_EQ(write_faults((char *)stack - 8), SIGSEGV);
	EXPECT_EQ(fault.code, SEGV_ACCERR);
}

TEST(proc_lists_each_thread)
{
	EXPECT_EQ(count_tasks(), 1);
	start_all(sleep_long);
	EXPECT_EQ(count_tasks(), 1 + THREADS);
}
