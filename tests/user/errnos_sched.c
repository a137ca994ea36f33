/*
 * errnos_sched.c - each errno that the calls of sched(7), getpriority(2), setpriority(2) and prctl(2) name.
 *
 * Rows that are not here, and why:
 *   sched_setattr EBUSY: Quire has no SCHED_DEADLINE; EPERM of a thread that may not use all CPUs: of the same class.
 *   sched_rr_get_interval ENOSYS: of old kernels.
 *   prctl of seccomp (EACCES, EFAULT, EINVAL), MPX, MCE, PAC, SVE, tagged addresses, FP modes, speculation control, syscall user
 *     dispatch, PR_SET_PTRACER and transparent huge pages: depend on the processor or on what Quire does not have (EINVAL there).
 *   prctl PR_SET_MM: EBUSY, EACCES and EBADF of the exe file need a second program: what is here is the right and the arguments.
 *   prctl PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_SECUREBITS: what needs file capabilities is not here.
 */
#include "errnos.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#define SYS_SETATTR 314
#define SYS_GETATTR 315
enum { NORMAL, FIFO, RR, BATCH, IDLE = 5 };

struct sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static long set_policy(pid_t pid, int policy, const void *param)
{
	return syscall(SYS_sched_setscheduler, pid, policy, param);
}

TEST(sched_policy_rows)
{
	int zero = 0, one = 1, hundred = 100;
	struct timespec t;
	pid_t pid = sleeper(), no_more = dead();

	EXPECT_ERR(set_policy(-1, NORMAL, &zero), EINVAL);
	EXPECT_ERR(set_policy(0, NORMAL, NULL), EINVAL);
	EXPECT_ERR(set_policy(0, NORMAL, NOWHERE), EFAULT);
	EXPECT_ERR(set_policy(0, 99, &zero), EINVAL);
	EXPECT_ERR(set_policy(0, -1, &zero), EINVAL);
	EXPECT_ERR(set_policy(0, NORMAL, &one), EINVAL);
	EXPECT_ERR(set_policy(0, FIFO, &zero), EINVAL);
	EXPECT_ERR(set_policy(0, RR, &hundred), EINVAL);
	EXPECT_ERR(set_policy(no_more, NORMAL, &zero), ESRCH);
	EXPECT_ERR(set_policy(NO_PID, NORMAL, &zero), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_getscheduler, -1), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getscheduler, no_more), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_setparam, -1, &zero), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setparam, 0, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setparam, 0, &one), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setparam, no_more, &zero), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_getparam, -1, &zero), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getparam, 0, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getparam, no_more, &zero), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_get_priority_max, 99), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_get_priority_min, -1), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_rr_get_interval, -1, &t), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_rr_get_interval, no_more, &t), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_rr_get_interval, 0, NOWHERE), EFAULT);
	if (as_nobody()) {
		EXPECT_ERR(set_policy(0, FIFO, &one), EPERM);
		EXPECT_ERR(set_policy(pid, BATCH, &zero), EPERM);
		EXPECT_ERR(syscall(SYS_sched_setparam, pid, &zero), EPERM);
		_exit(0);
	}
	end_of(pid);
}

TEST(sched_affinity_rows)
{
	unsigned long all[128], none[128] = { 0 };
	pid_t pid = sleeper(), no_more = dead();

	memset(all, 255, sizeof(all));
	EXPECT_ERR(syscall(SYS_sched_setaffinity, 0, sizeof(all), NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, sizeof(all), NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_sched_setaffinity, 0, sizeof(none), none), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, 0, all), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, 9, all), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_setaffinity, no_more, sizeof(all), all), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, no_more, sizeof(all), all), ESRCH);
	if (as_nobody()) {
		EXPECT_ERR(syscall(SYS_sched_setaffinity, pid, sizeof(all), all), EPERM);
		_exit(0);
	}
	end_of(pid);
}

static long set_attr(pid_t pid, struct sched_attr a, unsigned int flags)
{
	return syscall(SYS_SETATTR, pid, &a, flags);
}

TEST(sched_attr_rows)
{
	struct sched_attr a = { .size = 48 }, got;
	struct {
		struct sched_attr a;
		uint64_t beyond;
	} large = { { .size = sizeof(large) }, 1 };
	pid_t pid, no_more = dead();

	if (syscall(SYS_GETATTR, 0, &got, sizeof(got), 0) && errno == ENOSYS)
		skip("no sched_getattr here");
	EXPECT_OK(set_attr(0, a, 0));
	EXPECT_ERR(syscall(SYS_SETATTR, 0, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_SETATTR, 0, NOWHERE, 0), EFAULT);
	EXPECT_ERR(set_attr(-1, a, 0), EINVAL);
	EXPECT_ERR(set_attr(0, a, 1), EINVAL);
	EXPECT_ERR(set_attr(no_more, a, 0), ESRCH);
	EXPECT_ERR(syscall(SYS_SETATTR, 0, &large, 0), E2BIG);
	a.size = 47;
	EXPECT_ERR(set_attr(0, a, 0), E2BIG);
	a.size = PAGE + 1;
	EXPECT_ERR(set_attr(0, a, 0), E2BIG);
	a.size = 48;
	a.policy = 99;
	EXPECT_ERR(set_attr(0, a, 0), EINVAL);
	a.policy = FIFO;
	a.priority = 100;
	EXPECT_ERR(set_attr(0, a, 0), EINVAL);
	a.priority = 0;
	a.policy = NORMAL;
	a.flags = 1UL << 40;
	EXPECT_ERR(set_attr(0, a, 0), EINVAL);
	a.flags = 0;
	EXPECT_ERR(syscall(SYS_GETATTR, 0, NULL, 48, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_GETATTR, 0, NOWHERE, 48, 0), EFAULT);
	EXPECT_ERR(syscall(SYS_GETATTR, -1, &got, 48, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_GETATTR, 0, &got, 48, 1), EINVAL);
	EXPECT_ERR(syscall(SYS_GETATTR, 0, &got, 47, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_GETATTR, 0, &got, PAGE + 1, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_GETATTR, no_more, &got, 48, 0), ESRCH);
	pid = sleeper();
	if (as_nobody()) {
		EXPECT_ERR(set_attr(pid, a, 0), EPERM);
		a.policy = FIFO;
		a.priority = 1;
		EXPECT_ERR(set_attr(0, a, 0), EPERM);
		_exit(0);
	}
	end_of(pid);
}

TEST(priority_rows)
{
	pid_t pid = sleeper(), no_more = dead();

	EXPECT_ERR(syscall(SYS_getpriority, 3, 0), EINVAL);
	EXPECT_ERR(setpriority(-1, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_getpriority, PRIO_PROCESS, no_more), ESRCH);
	EXPECT_ERR(setpriority(PRIO_PROCESS, no_more, 0), ESRCH);
	EXPECT_ERR(setpriority(PRIO_PGRP, no_more, 0), ESRCH);
	if (as_nobody()) {
		EXPECT_ERR(setpriority(PRIO_PROCESS, pid, 5), EPERM);
		ASSERT_OK(setpriority(PRIO_PROCESS, 0, 5));
		limit(RLIMIT_NICE, 0);
		EXPECT_ERR(setpriority(PRIO_PROCESS, 0, 0), EACCES);
		_exit(0);
	}
	end_of(pid);
}

static long ctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return syscall(SYS_prctl, option, a, b, c, d);
}

TEST(prctl_rows)
{
	char *p = map_pages(1);
	unsigned long bad = (unsigned long)NOWHERE;

	EXPECT_ERR(ctl(12345, 0, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_PDEATHSIG, 65, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_GET_PDEATHSIG, bad, 0, 0, 0), EFAULT);
	EXPECT_ERR(ctl(PR_SET_DUMPABLE, 2, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_DUMPABLE, -1, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_NAME, bad, 0, 0, 0), EFAULT);
	EXPECT_ERR(ctl(PR_GET_NAME, bad, 0, 0, 0), EFAULT);
	EXPECT_ERR(ctl(PR_SET_TIMING, 1, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1), EINVAL);
	EXPECT_ERR(ctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_GET_CHILD_SUBREAPER, bad, 0, 0, 0), EFAULT);
	EXPECT_ERR(ctl(PR_SET_KEEPCAPS, 2, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_CAPBSET_READ, 99, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_CAPBSET_DROP, 99, 0, 0, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_MM, PR_SET_MM_START_CODE, (unsigned long)p, 1, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_MM, PR_SET_MM_START_CODE, (unsigned long)p, 0, 1), EINVAL);
	/* Root of a container has not the right (CAP_SYS_RESOURCE). */
	if (ctl(PR_SET_MM, 99, (unsigned long)p, 0, 0) == -1 && errno != EPERM) {
		EXPECT_ERR(ctl(PR_SET_MM, 99, (unsigned long)p, 0, 0), EINVAL);
		EXPECT_ERR(ctl(PR_SET_MM, PR_SET_MM_BRK, TOP + PAGE, 0, 0), EINVAL);
	}
	EXPECT_ERR(ctl(PR_SET_VMA, 1, (unsigned long)p, PAGE, 0), EINVAL);
	EXPECT_ERR(ctl(PR_SET_VMA, 0, (unsigned long)p + 1, PAGE, 0), EINVAL);
	if (as_nobody()) {
		EXPECT_ERR(ctl(PR_SET_MM, PR_SET_MM_BRK, (unsigned long)p, 0, 0), EPERM);
		EXPECT_ERR(ctl(PR_CAPBSET_DROP, 0, 0, 0, 0), EPERM);
		EXPECT_ERR(ctl(PR_SET_SECUREBITS, 1, 0, 0, 0), EPERM);
		_exit(0);
	}
}
