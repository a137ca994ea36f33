/*
 * times.c - clocks that move forward, sleeps that last, and the clock calls' errors.
 *
 * Only lower bounds are checked (a sleep is never too short, a clock never goes back); upper bounds
 * would make the test depend on how busy the machine is.
 */
#include "test.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#ifndef CLOCK_BOOTTIME
#define CLOCK_BOOTTIME 7
#endif

static int64_t ns(clockid_t clock)
{
	struct timespec t = { 0, -1 };

	ASSERT_OK(clock_gettime(clock, &t));
	EXPECT(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static volatile int count;

static void note(int sig unused)
{
	count++;
}

TEST(monotonic_never_goes_back)
{
	int64_t last = ns(CLOCK_MONOTONIC);

	for (int i = 0; i < 20000; i++) {
		int64_t now = ns(CLOCK_MONOTONIC);

		if (now < last)
			ASSERT_GE(now, last);
		last = now;
	}
}

TEST(monotonic_agrees_between_processes)
{
	int fd[2];
	int64_t t;

	ASSERT_OK(pipe(fd));
	for (int i = 0; i < 50; i++) {
		int64_t before = ns(CLOCK_MONOTONIC);
		pid_t pid = test_fork();

		if (!pid) {
			t = ns(CLOCK_MONOTONIC);
			ASSERT_EQ(write(fd[1], &t, 8), 8);
			_exit(0);
		}
		ASSERT_EQ(read(fd[0], &t, 8), 8);
		EXPECT_GE(t, before);
		EXPECT_LE(t, ns(CLOCK_MONOTONIC));
		test_wait(pid);
	}
}

TEST(the_clocks_exist_and_have_a_resolution)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,
	};
	struct timespec t;

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		EXPECT_OK(syscall(SYS_clock_gettime, clocks[i], &t));
		EXPECT_OK(syscall(SYS_clock_getres, clocks[i], &t));
		EXPECT(t.tv_sec == 0 && t.tv_nsec >= 1);
		EXPECT_OK(syscall(SYS_clock_getres, clocks[i], NULL));
	}
	EXPECT_ERR(syscall(SYS_clock_gettime, 99, &t), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_getres, 99, &t), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8L), EFAULT);
}

TEST(the_calls_for_real_time_agree)
{
	struct timeval tv;
	time_t t = 0, r;
	int64_t before = ns(CLOCK_REALTIME);

	ASSERT_OK(syscall(SYS_gettimeofday, &tv, NULL));
	int64_t middle = tv.tv_sec * 1000000000LL + tv.tv_usec * 1000LL;

	r = syscall(SYS_time, &t);
	int64_t after = ns(CLOCK_REALTIME);

	EXPECT_GE(middle, before - 1000);
	EXPECT_LE(middle, after);
	EXPECT_EQ(r, t);
	EXPECT_GE(t, before / 1000000000 - 1);
	EXPECT_LE(t, after / 1000000000);
	EXPECT_GT(t, 1577836800); /* after 2020: the machine's clock was read */
	EXPECT_ERR(syscall(SYS_gettimeofday, 8L, NULL), EFAULT);
}

TEST(nanosleep_sleeps_at_least_that_long)
{
	static const long naps[] = { 0, 1, 1000, 100000, 3000000, 50000000 };

	for (size_t i = 0; i < ARRAY_SIZE(naps); i++) {
		struct timespec t = { 0, naps[i] };
		int64_t start = ns(CLOCK_MONOTONIC);

		EXPECT_OK(syscall(SYS_nanosleep, &t, NULL));
		EXPECT_GE(ns(CLOCK_MONOTONIC) - start, naps[i]);
	}
}

TEST(short_naps_do_not_take_ticks)
{
	struct timespec t = { 0, 1000000 };
	int64_t start = ns(CLOCK_MONOTONIC);

	for (int i = 0; i < 50; i++)
		nanosleep(&t, NULL);
	int64_t took = ns(CLOCK_MONOTONIC) - start;

	EXPECT_GE(took, 50000000);
	EXPECT_LE(took, 5000000000);
}

TEST(bad_sleeps)
{
	struct timespec bad = { 0, 1000000000 }, negative = { -1, 0 }, minus = { 0, -1 };

	EXPECT_ERR(syscall(SYS_nanosleep, &bad, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_nanosleep, &negative, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_nanosleep, &minus, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_nanosleep, 8L, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_clock_nanosleep, 99, 0, &minus, NULL), EINVAL);
	/* Clocks one cannot sleep by. */
	minus.tv_nsec = 1;
	EXPECT_ERR(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &minus, NULL),
		   EOPNOTSUPP);
	EXPECT_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &minus, NULL), EOPNOTSUPP);
	EXPECT_ERR(syscall(SYS_clock_nanosleep, (int)(~0u << 3 | 6), 0, &minus, NULL),
		   EINVAL); /* my thread's */
	EXPECT_ERR(syscall(SYS_clock_nanosleep, (int)(~99999999u << 3 | 2), 0, &minus, NULL),
		   EINVAL);
}

static void *spin_for_ever(void *arg)
{
	for (;;)
		asm volatile("" ::: "memory");
	return arg;
}

TEST(a_sleep_may_be_measured_in_cpu_time)
{
	struct sigaction sa = { .sa_handler = note };
	struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct timespec nap = { 0, 100000000 }, rest = { 9, 9 };
	pthread_t thread;
	int64_t before;

	/* Nobody runs: the time stands still, and a signal ends the sleep. */
	sigaction(SIGALRM, &sa, NULL);
	ASSERT_OK(setitimer(ITIMER_REAL, &soon, NULL));
	EXPECT_ERR(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &nap, &rest), EINTR);
	EXPECT_EQ(rest.tv_sec, 0);
	EXPECT_GT(rest.tv_nsec, 10000000);
	EXPECT_LE(rest.tv_nsec, 100000000);
	/* What has passed already is not waited for. */
	rest = (struct timespec){ 0, 1 };
	EXPECT_OK(
		syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &rest, NULL));
	ASSERT_EQ(pthread_create(&thread, NULL, spin_for_ever, NULL), 0);
	before = ns(CLOCK_PROCESS_CPUTIME_ID);
	EXPECT_OK(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &nap, NULL));
	EXPECT_GE(ns(CLOCK_PROCESS_CPUTIME_ID) - before, 100000000);
}

TEST(an_interrupted_sleep_tells_the_rest)
{
	struct sigaction sa = { .sa_handler = note };
	struct itimerval it = { { 0, 0 }, { 0, 50000 } };
	struct timespec t = { 5, 0 }, left = { 0, 0 };

	sigaction(SIGALRM, &sa, NULL);
	alarm(0);
	ASSERT_OK(setitimer(ITIMER_REAL, &it, NULL));
	EXPECT_ERR(syscall(SYS_nanosleep, &t, &left), EINTR);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(left.tv_sec, 4);
}

TEST(an_absolute_sleep_ends_at_that_time)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };

	for (int i = 0; i < 2; i++) {
		int64_t until = ns(clocks[i]) + 60000000;
		struct timespec t = { until / 1000000000, until % 1000000000 };

		EXPECT_OK(syscall(SYS_clock_nanosleep, clocks[i], TIMER_ABSTIME, &t, NULL));
		EXPECT_GE(ns(clocks[i]), until);
		/* That time is past now, so again costs nothing. */
		EXPECT_OK(syscall(SYS_clock_nanosleep, clocks[i], TIMER_ABSTIME, &t, NULL));
	}
}

TEST(sleepers_wake_in_order_of_their_times)
{
	int fd[2];
	char order[8];
	pid_t pids[4];

	ASSERT_OK(pipe(fd));
	int64_t start = ns(CLOCK_MONOTONIC) + 300000000;

	for (int i = 0; i < 4; i++) {
		pids[i] = test_fork();
		if (!pids[i]) {
			int64_t until = start + (3 - i) * 100000000LL;
			struct timespec t = { until / 1000000000, until % 1000000000 };
			char c = '0' + i;

			syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
			ASSERT_EQ(write(fd[1], &c, 1), 1);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EXIT(pids[i], 0);
	ASSERT_EQ(read(fd[0], order, 8), 4);
	EXPECT(!memcmp(order, "3210", 4));
}

TEST(cpu_time_counts_work_and_not_sleep)
{
	int64_t a = ns(CLOCK_PROCESS_CPUTIME_ID), b;

	usleep(200000);
	b = ns(CLOCK_PROCESS_CPUTIME_ID);
	EXPECT_LT(b - a, 150000000);
	int64_t start = ns(CLOCK_MONOTONIC);

	while (ns(CLOCK_PROCESS_CPUTIME_ID) - b < 50000000)
		ASSERT_LT(ns(CLOCK_MONOTONIC) - start, 15000000000);
	EXPECT_GE(ns(CLOCK_THREAD_CPUTIME_ID), 50000000);
}

TEST(times_counts_children_after_wait)
{
	struct tms t;

	EXPECT_NE(times(&t), -1);
	EXPECT_EQ(t.tms_cutime + t.tms_cstime, 0);
	pid_t pid = test_fork();

	if (!pid) {
		while (ns(CLOCK_PROCESS_CPUTIME_ID) < 100000000)
			;
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	clock_t a = times(&t);

	EXPECT_GE(t.tms_cutime + t.tms_cstime, 8); /* in hundredths of a second */
	usleep(50000);
	EXPECT_GE(times(&t) - a, 4);
}

TEST(a_timer_shows_what_is_left)
{
	struct itimerval it = { { 0, 0 }, { 100, 0 } }, now;

	alarm(0);
	ASSERT_OK(setitimer(ITIMER_REAL, &it, NULL));
	ASSERT_OK(getitimer(ITIMER_REAL, &now));
	EXPECT(now.it_value.tv_sec == 99 || (now.it_value.tv_sec == 100 && !now.it_value.tv_usec));
	usleep(20000);
	ASSERT_OK(getitimer(ITIMER_REAL, &now));
	EXPECT_EQ(now.it_value.tv_sec, 99);
	EXPECT_LE(now.it_value.tv_usec, 980000);
	EXPECT_EQ(alarm(0), 100); /* rounded to the nearest second */
	EXPECT_ERR(getitimer(3, &now), EINVAL);
	EXPECT_ERR(syscall(SYS_getitimer, ITIMER_REAL, 8L), EFAULT);
}

TEST(a_virtual_timer_counts_only_running_time)
{
	struct itimerval it = { { 0, 0 }, { 0, 50000 } };
	struct sigaction sa = { .sa_handler = note };

	sigaction(SIGVTALRM, &sa, NULL);
	ASSERT_OK(setitimer(ITIMER_VIRTUAL, &it, NULL));
	usleep(150000);
	EXPECT_EQ(count, 0);
	int64_t start = ns(CLOCK_MONOTONIC);

	while (!count)
		ASSERT_LT(ns(CLOCK_MONOTONIC) - start, 15000000000);
	EXPECT_EQ(count, 1);
}

TEST(poll_waits_its_time)
{
	int64_t start = ns(CLOCK_MONOTONIC);
	struct timespec t = { 0, 30000000 };

	EXPECT_EQ(syscall(SYS_poll, NULL, 0, 40), 0);
	EXPECT_GE(ns(CLOCK_MONOTONIC) - start, 40000000);
	start = ns(CLOCK_MONOTONIC);
	EXPECT_EQ(syscall(SYS_ppoll, NULL, 0, &t, NULL, 8), 0);
	EXPECT_GE(ns(CLOCK_MONOTONIC) - start, 30000000);
	start = ns(CLOCK_MONOTONIC);
	t = (struct timespec){ 0, 30000000 };
	EXPECT_EQ(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &t, NULL), 0);
	EXPECT_GE(ns(CLOCK_MONOTONIC) - start, 30000000);
}
