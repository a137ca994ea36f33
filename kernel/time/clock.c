/*
 * The clocks as programs see them: clock_gettime and its relatives.
 *
 * MONOTONIC, MONOTONIC_RAW and BOOTTIME are one clock here (it is not slewed, and the machine does not suspend); TAI is the
 * wall clock (its offset is 0 until somebody sets it, as on Linux). The COARSE clocks give the last tick's time.
 * A negative clock id names the CPU time of a process or thread: ~pid << 3, bit 2 set for a thread.
 *
 * Mirrors Linux kernel/time/{time,posix-timers,posix-cpu-timers}.c. Exercised by tests/user/times.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/current.h"
#include "kernel/pid.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/time/internal.h"
#include "lib/errno.h"

struct timezone {
	int tz_minuteswest, tz_dsttime;
};
static struct timezone sys_tz; /* kept for who asks; the kernel counts UTC */

#define CPUCLOCK_WHICH 3 /* mask: 0 user and system, 1 user, 2 exact run time */

/* CPU time of a thread (or its whole group) in one of the three ways of counting. */
static u64 cpu_time_of(struct task_struct *t, bool thread, int which)
{
	u64 utime, stime;

	if (which == 2 && thread)
		return task_sched_runtime(t);
	if (thread)
		task_cputime_adjusted(t, &utime, &stime);
	else
		thread_group_cputime_adjusted(t, &utime, &stime);
	return which == 1 ? utime : utime + stime;
}

static int cpu_clock_get(clockid_t clock, ktime_t *ns)
{
	bool thread = clock & CPUCLOCK_PERTHREAD;
	int which = clock & CPUCLOCK_WHICH;
	pid_t pid = ~(u32)clock >> 3;
	struct task_struct *t;

	if (which == 3)
		return -EINVAL;
	guard(rcu)();
	t = pid ? find_task_by_vpid(pid) : current;
	/* A thread's clock is for its own group; a process is named by its leader. */
	if (!t || (thread ? t->tgid != current->tgid : (pid && t != t->group_leader)))
		return -EINVAL;
	*ns = cpu_time_of(t, thread, which);
	return 0;
}

int posix_clock_get(clockid_t clock, ktime_t *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ns = ktime_get_real();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = ktime_get();
		return 0;
	case CLOCK_REALTIME_COARSE:
		*ns = ktime_get_real();
		*ns -= *ns % TICK_NSEC;
		return 0;
	case CLOCK_MONOTONIC_COARSE:
		*ns = ktime_get();
		*ns -= *ns % TICK_NSEC;
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = cpu_time_of(current, false, 2);
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = cpu_time_of(current, true, 2);
		return 0;
	}
	return clock < 0 ? cpu_clock_get(clock, ns) : -EINVAL;
}

long sys_clock_gettime(clockid_t clock, struct timespec64 __user *tp);
long sys_clock_gettime(clockid_t clock, struct timespec64 __user *tp)
{
	struct timespec64 ts;
	ktime_t ns;
	int err = posix_clock_get(clock, &ns);

	if (err)
		return err;
	ts = ktime_to_timespec64(ns);
	return copy_to_user(tp, &ts, sizeof(ts)) ? -EFAULT : 0;
}
SYSCALL(228, clock_gettime);

long sys_clock_getres(clockid_t clock, struct timespec64 __user *tp);
long sys_clock_getres(clockid_t clock, struct timespec64 __user *tp)
{
	struct timespec64 ts = { 0, 1 };
	ktime_t ns;
	int err = posix_clock_get(clock, &ns);

	if (err)
		return err;
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		ts.tv_nsec = TICK_NSEC;
	return tp && copy_to_user(tp, &ts, sizeof(ts)) ? -EFAULT : 0;
}
SYSCALL(229, clock_getres);

static long set_wall_clock(const struct timespec64 *ts)
{
	if (!timespec64_valid(ts))
		return -EINVAL;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	return do_settimeofday_ns(timespec64_to_ktime(*ts));
}

long sys_clock_settime(clockid_t clock, const struct timespec64 __user *tp);
long sys_clock_settime(clockid_t clock, const struct timespec64 __user *tp)
{
	struct timespec64 ts;

	/* No other clock can be set. */
	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	if (copy_from_user(&ts, tp, sizeof(ts)))
		return -EFAULT;
	return set_wall_clock(&ts);
}
SYSCALL(227, clock_settime);

long sys_gettimeofday(struct timeval __user *tv, struct timezone __user *tz);
long sys_gettimeofday(struct timeval __user *tv, struct timezone __user *tz)
{
	if (tv) {
		ktime_t now = ktime_get_real();
		struct timeval v = { now / NSEC_PER_SEC, now % NSEC_PER_SEC / NSEC_PER_USEC };

		if (copy_to_user(tv, &v, sizeof(v)))
			return -EFAULT;
	}
	if (tz && copy_to_user(tz, &sys_tz, sizeof(sys_tz)))
		return -EFAULT;
	return 0;
}
SYSCALL(96, gettimeofday);

long sys_settimeofday(const struct timeval __user *tv, const struct timezone __user *tz);
long sys_settimeofday(const struct timeval __user *tv, const struct timezone __user *tz)
{
	struct timespec64 ts = { 0, 0 };
	struct timezone zone;

	if (tv) {
		struct timeval v;

		if (copy_from_user(&v, tv, sizeof(v)))
			return -EFAULT;
		if (v.tv_usec < 0 || v.tv_usec >= USEC_PER_SEC)
			return -EINVAL;
		ts = (struct timespec64){ v.tv_sec, v.tv_usec * NSEC_PER_USEC };
	}
	if (tz && copy_from_user(&zone, tz, sizeof(zone)))
		return -EFAULT;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if (tz) {
		if (zone.tz_minuteswest > 15 * 60 || zone.tz_minuteswest < -15 * 60)
			return -EINVAL;
		sys_tz = zone;
	}
	return tv ? set_wall_clock(&ts) : 0;
}
SYSCALL(164, settimeofday);

long sys_time(s64 __user *tloc);
long sys_time(s64 __user *tloc)
{
	s64 now = ktime_get_real_seconds();

	if (tloc && copy_to_user(tloc, &now, sizeof(now)))
		return -EFAULT;
	return now;
}
SYSCALL(201, time);
