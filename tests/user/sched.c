/*
 * sched.c - who gets the CPU: affinity, nice levels, policies, preemption.
 *
 * Shares of CPU time are measured with each process's own CPU clock over some hundred milliseconds on
 * one CPU, and judged with wide margins: the proof is that levels differ as they should, not
 * by how much exactly.  Real-time cases are skipped where the caller may not use those policies.
 */
#include "test.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define RESET_ON_FORK 0x40000000

/* musl's own sched_* wrappers only say ENOSYS: ask the kernel. */
static int set_policy(pid_t pid, int policy, int prio)
{
	struct {
		int prio;
	} param = { prio };

	return syscall(SYS_sched_setscheduler, pid, policy, &param);
}

static int get_policy(pid_t pid)
{
	return syscall(SYS_sched_getscheduler, pid);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Binds the caller, and so its children, to one CPU that it may use. */
static int bind_to_one(void)
{
	cpu_set_t set;
	int cpu;

	ASSERT_OK(sched_getaffinity(0, sizeof(set), &set));
	for (cpu = 0; cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &set); cpu++)
		;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT_OK(sched_setaffinity(0, sizeof(set), &set));
	return cpu;
}

static int64_t *shared_numbers(void)
{
	int64_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(p != MAP_FAILED);
	return p;
}

/* ---- affinity ---- */

TEST(affinity_moves_the_caller)
{
	cpu_set_t all, one, got;
	unsigned int cpu, node;

	ASSERT_OK(sched_getaffinity(0, sizeof(all), &all));
	ASSERT(CPU_COUNT(&all) > 0);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		ASSERT_OK(sched_setaffinity(0, sizeof(one), &one));
		ASSERT_OK(syscall(SYS_getcpu, &cpu, &node, NULL));
		EXPECT_EQ(cpu, (unsigned int)i);
		ASSERT_OK(sched_getaffinity(0, sizeof(got), &got));
		EXPECT(CPU_EQUAL(&one, &got));
	}
	ASSERT_OK(sched_setaffinity(0, sizeof(all), &all));
}

TEST(affinity_is_inherited)
{
	int cpu = bind_to_one();
	pid_t pid = test_fork();

	if (!pid) {
		unsigned int on;

		ASSERT_OK(syscall(SYS_getcpu, &on, NULL, NULL));
		_exit(on == (unsigned int)cpu ? 7 : 8);
	}
	EXPECT_EXIT(pid, 7);
}

TEST(affinity_of_another_process)
{
	cpu_set_t all, one;
	int64_t *n = shared_numbers();
	pid_t pid;
	int cpu;

	ASSERT_OK(sched_getaffinity(0, sizeof(all), &all));
	if (CPU_COUNT(&all) < 2)
		skip("needs two CPUs");
	pid = test_fork();
	if (!pid) {
		unsigned int on;

		for (;;) {
			syscall(SYS_getcpu, &on, NULL, NULL);
			__atomic_store_n(n, on, __ATOMIC_SEQ_CST);
		}
	}
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		ASSERT_OK(sched_setaffinity(pid, sizeof(one), &one));
		for (int i = 0; i < 500 && __atomic_load_n(n, __ATOMIC_SEQ_CST) != cpu; i++)
			usleep(1000);
		EXPECT_EQ(__atomic_load_n(n, __ATOMIC_SEQ_CST), (int64_t)cpu);
	}
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(affinity_errors)
{
	unsigned long mask = 0;
	char small[4];

	EXPECT_ERR(syscall(SYS_sched_setaffinity, 0, sizeof(mask), &mask), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, sizeof(small), small), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setaffinity, 0, sizeof(mask), (void *)8), EFAULT);
	mask = 1;
	EXPECT_ERR(syscall(SYS_sched_setaffinity, 0x7ffffff0, sizeof(mask), &mask), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0x7ffffff0, 128, &mask), ESRCH);
}

/* ---- nice levels ---- */

TEST(nice_is_set_and_inherited)
{
	int before = getpriority(PRIO_PROCESS, 0);

	ASSERT_OK(setpriority(PRIO_PROCESS, 0, before + 3));
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before + 3);
	pid_t pid = test_fork();

	if (!pid)
		_exit(getpriority(PRIO_PROCESS, 0) == before + 3 ? 0 : 1);
	EXPECT_EXIT(pid, 0);
	ASSERT_OK(setpriority(PRIO_PROCESS, 0, 100));
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 19);
	EXPECT_ERR(setpriority(PRIO_PROCESS, 0x7ffffff0, 0), ESRCH);
	EXPECT_ERR(setpriority(77, 0, 0), EINVAL);
}

TEST(nice_of_a_group)
{
	pid_t pid;
	int fd[2];
	char c;

	ASSERT_OK(pipe(fd));
	pid = test_fork();
	if (!pid) {
		ASSERT_OK(setpgid(0, 0));
		ASSERT_EQ(write(fd[1], "x", 1), 1);
		pause();
		_exit(0);
	}
	ASSERT_EQ(read(fd[0], &c, 1), 1);
	ASSERT_OK(setpriority(PRIO_PGRP, pid, 11));
	EXPECT_EQ(getpriority(PRIO_PROCESS, pid), 11);
	EXPECT_EQ(getpriority(PRIO_PGRP, pid), 11);
	EXPECT_NE(getpriority(PRIO_PROCESS, 0), 11);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(nice_may_only_be_lowered_by_the_privileged)
{
	struct rlimit none = { 0, 0 };

	ASSERT_OK(setrlimit(RLIMIT_NICE, &none));
	if (geteuid() == 0 && setresuid(65534, 65534, 65534))
		skip("cannot give up root here");
	ASSERT_OK(setpriority(PRIO_PROCESS, 0, 5));
	EXPECT_ERR(setpriority(PRIO_PROCESS, 0, 4), EACCES);
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 5);
	EXPECT_ERR(setpriority(PRIO_PROCESS, 1, 10), EPERM);
}

/* Burns CPU until *stop; leaves its CPU time in *used. */
static void hog(volatile int64_t *stop, int64_t *used)
{
	while (!*stop)
		;
	*used = cpu_ns();
	_exit(0);
}

TEST(nice_levels_share_one_cpu)
{
	int64_t *n = shared_numbers();
	pid_t pid[3];

	bind_to_one();
	for (int i = 0; i < 3; i++) {
		pid[i] = test_fork();
		if (!pid[i]) {
			ASSERT_OK(setpriority(PRIO_PROCESS, 0, i * 5));
			hog(&n[0], &n[1 + i]);
		}
	}
	usleep(900000);
	n[0] = 1;
	for (int i = 0; i < 3; i++)
		EXPECT_EXIT(pid[i], 0);
	say("# nice 0, 5, 10: %lld, %lld, %lld us\n", (long long)n[1] / 1000,
	    (long long)n[2] / 1000, (long long)n[3] / 1000);
	/* Five levels are a factor of three. */
	EXPECT_GT(n[1], n[2] * 3 / 2);
	EXPECT_LT(n[1], n[2] * 6);
	EXPECT_GT(n[2], n[3] * 3 / 2);
	EXPECT_GT(n[3], 0);
}

/* ---- preemption ---- */

TEST(equals_share_one_cpu)
{
	int64_t *n = shared_numbers();
	pid_t pid[4];
	int64_t least = INT64_MAX, most = 0;

	bind_to_one();
	for (int i = 0; i < 4; i++) {
		pid[i] = test_fork();
		if (!pid[i])
			hog(&n[0], &n[1 + i]);
	}
	usleep(600000);
	n[0] = 1;
	for (int i = 0; i < 4; i++) {
		EXPECT_EXIT(pid[i], 0);
		if (n[1 + i] < least)
			least = n[1 + i];
		if (n[1 + i] > most)
			most = n[1 + i];
	}
	EXPECT_GT(least, 0);
	EXPECT_LT(most, least * 2);
}

/* Burns CPU until *stop, and notes when a turn of one of its kind began after a turn of another. */
static void hog_with_turns(volatile int64_t *stop, volatile int64_t *whose, volatile int64_t *began,
			   int me)
{
	while (!*stop)
		if (*whose != me) {
			*began = now_ns();
			*whose = me;
		}
	_exit(0);
}

/*
 * Whose time came while hogs run has the CPU next. Without preemption at the wake-up it would wait for a turn of each: so it
 * asks whether another hog's turn began after its own time had come. That does not depend on how fast the machine is.
 */
TEST(sleeper_runs_beside_hogs)
{
	enum { STOP, WHOSE, BEGAN };
	volatile int64_t *n = shared_numbers();
	pid_t pid[3];
	int overtaken = 0;

	bind_to_one();
	for (int i = 0; i < 3; i++) {
		pid[i] = test_fork();
		if (!pid[i])
			hog_with_turns(&n[STOP], &n[WHOSE], &n[BEGAN], 1 + i);
	}
	for (int i = 0; i < 41; i++) {
		int64_t due = now_ns() + 3000000;

		usleep(3000);
		overtaken += n[BEGAN] > due + 1000000; /* timers may be a tick late */
	}
	n[STOP] = 1;
	for (int i = 0; i < 3; i++)
		EXPECT_EXIT(pid[i], 0);
	say("# overtaken by a hog: %d of 41\n", overtaken);
	EXPECT_LT(overtaken, 21);
}

TEST(yield_lets_the_other_run)
{
	volatile int64_t *n = shared_numbers();
	pid_t pid;

	bind_to_one();
	pid = test_fork();
	if (!pid) {
		for (int i = 0; i < 200; i++) {
			while (!(n[0] & 1))
				sched_yield();
			n[0]++;
		}
		_exit(0);
	}
	int64_t begin = now_ns();

	for (int i = 0; i < 200; i++) {
		while (n[0] & 1)
			sched_yield();
		n[0]++;
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(n[0], (int64_t)400);
	/* 400 hand-overs that each waited for a tick would take over a second. */
	EXPECT_LT(now_ns() - begin, 1000000000LL);
}

/* ---- policies ---- */

TEST(policies_have_their_ranges)
{
	EXPECT_EQ(syscall(SYS_sched_get_priority_max, SCHED_OTHER), 0);
	EXPECT_EQ(syscall(SYS_sched_get_priority_min, SCHED_OTHER), 0);
	EXPECT_EQ(syscall(SYS_sched_get_priority_max, SCHED_FIFO), 99);
	EXPECT_EQ(syscall(SYS_sched_get_priority_min, SCHED_RR), 1);
	EXPECT_ERR(syscall(SYS_sched_get_priority_max, 77), EINVAL);
	EXPECT_EQ(get_policy(0), SCHED_OTHER);
	EXPECT_ERR(get_policy(-1), EINVAL);
	EXPECT_ERR(get_policy(0x7ffffff0), ESRCH);
	EXPECT_ERR(set_policy(0, SCHED_OTHER, 1), EINVAL);
	EXPECT_ERR(set_policy(0, SCHED_FIFO, 0), EINVAL);
	EXPECT_ERR(set_policy(0, SCHED_FIFO, 100), EINVAL);
	EXPECT_ERR(set_policy(0, 77, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL), EINVAL);
}

TEST(idle_and_batch_are_for_everyone)
{
	ASSERT_OK(set_policy(0, SCHED_BATCH, 0));
	EXPECT_EQ(get_policy(0), SCHED_BATCH);
	ASSERT_OK(set_policy(0, SCHED_IDLE | RESET_ON_FORK, 0));
	EXPECT_EQ(get_policy(0), SCHED_IDLE | RESET_ON_FORK);
	pid_t pid = test_fork();

	/* Only real-time policies are reset; the flag itself is not inherited. */
	if (!pid)
		_exit(get_policy(0) == SCHED_IDLE ? 0 : 1);
	EXPECT_EXIT(pid, 0);
}

TEST(rr_interval)
{
	struct timespec t = { -1, -1 };

	ASSERT_OK(syscall(SYS_sched_rr_get_interval, 0, &t));
	EXPECT_EQ(t.tv_sec, 0);
	EXPECT_GE(t.tv_nsec, 0);
	EXPECT_ERR(syscall(SYS_sched_rr_get_interval, -1, &t), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_rr_get_interval, 0, (void *)8), EFAULT);
}

TEST_LIMIT(a_runaway_real_time_task_leaves_something, 60)
{
	int64_t *n = shared_numbers(), begin;
	pid_t hog, other;

	if (set_policy(0, SCHED_FIFO, 10))
		skip("real-time policies are not allowed here");
	ASSERT_OK(set_policy(0, SCHED_OTHER, 0));
	bind_to_one();
	other = test_fork();
	if (!other) {
		for (;;)
			__atomic_store_n(n, cpu_ns(), __ATOMIC_SEQ_CST);
	}
	hog = test_fork();
	if (!hog) {
		ASSERT_OK(set_policy(0, SCHED_FIFO, 10));
		begin = now_ns();
		while (now_ns() - begin < 2500000000)
			;
		_exit(0);
	}
	usleep(100000);
	int64_t before = __atomic_load_n(n, __ATOMIC_SEQ_CST);

	EXPECT_EXIT(hog, 0);
	EXPECT(read_text("/proc/sys/kernel/sched_rt_runtime_us") != NULL);
	/* In 2.4 seconds there are at least two ends of a period. */
	EXPECT_GT(__atomic_load_n(n, __ATOMIC_SEQ_CST) - before, 10000000);
	kill(other, SIGKILL);
	EXPECT_KILLED(other, SIGKILL);
}

TEST_LIMIT(real_time_without_a_sleep_is_limited, 60)
{
	struct rlimit r = { 200000, RLIM_INFINITY };
	int64_t begin;
	pid_t pid;

	if (set_policy(0, SCHED_FIFO, 10))
		skip("real-time policies are not allowed here");
	/* It may run for long if it sleeps now and then. */
	pid = test_fork();
	if (!pid) {
		ASSERT_OK(setrlimit(RLIMIT_RTTIME, &r));
		for (int i = 0; i < 5; i++) {
			begin = cpu_ns();
			while (cpu_ns() - begin < 100000000)
				;
			usleep(1000);
		}
		signal(SIGXCPU, SIG_DFL);
		for (;;)
			;
	}
	EXPECT_KILLED(pid, SIGXCPU);
	pid = test_fork();
	if (!pid) {
		r.rlim_max = r.rlim_cur;
		ASSERT_OK(setrlimit(RLIMIT_RTTIME, &r));
		for (;;)
			;
	}
	EXPECT_KILLED(pid, SIGKILL);
}

/* Two of one priority on one CPU: after each call it is the other's turn. */
TEST(fifo_tasks_yield_to_their_equals)
{
	int64_t *n = shared_numbers();
	int twice = 0;
	pid_t pid;

	if (set_policy(0, SCHED_FIFO, 10))
		skip("real-time policies are not allowed here");
	bind_to_one();
	pid = test_fork();
	if (!pid) {
		while (!__atomic_load_n(&n[1], __ATOMIC_SEQ_CST)) {
			__atomic_store_n(&n[0], 2, __ATOMIC_SEQ_CST);
			sched_yield();
		}
		_exit(0);
	}
	sched_yield(); /* the child begins */
	for (int i = 0; i < 100; i++) {
		twice += __atomic_exchange_n(&n[0], 1, __ATOMIC_SEQ_CST) == 1;
		sched_yield();
	}
	__atomic_store_n(&n[1], 1, __ATOMIC_SEQ_CST);
	EXPECT_EXIT(pid, 0);
	/* Once, should real-time tasks just be throttled. */
	EXPECT_LT(twice, 3);
}

TEST(fifo_goes_before_others)
{
	int64_t *n = shared_numbers(), begin;
	pid_t pid;

	if (set_policy(0, SCHED_FIFO, 10))
		skip("real-time policies are not allowed here");
	ASSERT_OK(set_policy(0, SCHED_OTHER, 0));
	bind_to_one();
	pid = test_fork();
	if (!pid) {
		for (;;)
			__atomic_store_n(n, cpu_ns(), __ATOMIC_SEQ_CST);
	}
	usleep(50000);
	ASSERT_OK(set_policy(0, SCHED_FIFO | RESET_ON_FORK, 10));
	EXPECT_EQ(get_policy(0), SCHED_FIFO | RESET_ON_FORK);
	pid_t child = test_fork();

	if (!child)
		_exit(get_policy(0) == SCHED_OTHER ? 0 : 1);
	int64_t before = __atomic_load_n(n, __ATOMIC_SEQ_CST);

	begin = now_ns();
	while (now_ns() - begin < 100000000)
		;
	/* It had the CPU alone for 100 ms. */
	EXPECT_LT(__atomic_load_n(n, __ATOMIC_SEQ_CST) - before, 20000000);
	ASSERT_OK(set_policy(0, SCHED_OTHER, 0));
	EXPECT_EXIT(child, 0);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}
