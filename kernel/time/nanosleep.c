/*
 * Sleeping: nanosleep and clock_nanosleep.
 *
 * 1. A relative sleep is turned into a moment of CLOCK_MONOTONIC at once: setting the wall clock does not change it. When a
 *    signal without a handler interrupts it (stop and continue), restart_syscall() sleeps on until the same moment.
 * 2. An absolute sleep on CLOCK_REALTIME has to follow the wall clock: the sleeper also waits on clock_set_wait, which
 *    clock_was_set() wakes, and computes its moment again.
 * 3. The CPU time of a process grows at most as fast as all CPUs together run it: the sleeper sleeps for what is left divided by
 *    their number, and looks again. Nothing is counted for it while the process runs.
 *
 * Mirrors Linux kernel/time/{hrtimer,posix-timers}.c. Exercised by tests/user/times.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/fs/timerfd.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/time/internal.h"
#include "kernel/timer.h"
#include "kernel/wait.h"
#include "lib/errno.h"

static DECLARE_WAIT_QUEUE_HEAD(clock_set_wait);

void clock_was_set(void)
{
	wake_up_all(&clock_set_wait);
	timerfd_clock_was_set();
}

/* Sleeps until @until, CLOCK_MONOTONIC. 0, or -EINTR for a signal. */
static int sleep_until(ktime_t until)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (signal_pending(current)) {
			__set_current_state(TASK_RUNNING);
			return ktime_get() >= until ? 0 : -EINTR;
		}
		if (!schedule_hrtimeout(&until, HRTIMER_MODE_ABS))
			return 0;
	}
}

/* The same on the wall clock, which may be set meanwhile. */
static int sleep_until_real(ktime_t until)
{
	DEFINE_WAIT(wait);
	int ret = 0;

	for (;;) {
		ktime_t now, mono;

		prepare_to_wait(&clock_set_wait, &wait, TASK_INTERRUPTIBLE);
		now = ktime_get_real();
		if (now >= until)
			break;
		if (signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		mono = ktime_add_safe(ktime_get(), until - now);
		schedule_hrtimeout(&mono, HRTIMER_MODE_ABS);
	}
	finish_wait(&clock_set_wait, &wait);
	return ret;
}

/* Until the CPU-time clock @clock shows @until. A clock whose process is gone has nothing to wait for. */
static int sleep_until_cpu(clockid_t clock, ktime_t until)
{
	ktime_t now, span;

	while (!posix_clock_get(clock, &now) && now < until) {
		if (signal_pending(current))
			return -EINTR;
		span = max_t(ktime_t, (until - now) / num_online_cpus(), TICK_NSEC);
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_hrtimeout(&span, HRTIMER_MODE_REL);
	}
	return 0;
}

static long nanosleep_until(clockid_t clock, ktime_t until, struct timespec64 __user *rmtp);

static long nanosleep_restart(struct restart_block *restart)
{
	return nanosleep_until((clockid_t)restart->arg[2], restart->arg[0],
			       (struct timespec64 __user *)restart->arg[1]);
}

/* @clock: CLOCK_MONOTONIC or one of CPU time. */
static long nanosleep_until(clockid_t clock, ktime_t until, struct timespec64 __user *rmtp)
{
	struct restart_block *restart = &current->restart_block;

	if (!(clock == CLOCK_MONOTONIC ? sleep_until(until) : sleep_until_cpu(clock, until)))
		return 0;
	if (rmtp) {
		struct timespec64 ts;
		ktime_t now, left;

		if (posix_clock_get(clock, &now))
			return 0;
		left = until - now;
		if (left <= 0)
			return 0;
		ts = ktime_to_timespec64(left);
		if (copy_to_user(rmtp, &ts, sizeof(ts)))
			return -EFAULT;
	}
	restart->fn = nanosleep_restart;
	restart->arg[0] = until;
	restart->arg[1] = (u64)rmtp;
	restart->arg[2] = clock;
	return -ERESTART_RESTARTBLOCK;
}

static long get_timespec(struct timespec64 *ts, const struct timespec64 __user *uts)
{
	if (copy_from_user(ts, uts, sizeof(*ts)))
		return -EFAULT;
	return timespec64_valid(ts) ? 0 : -EINVAL;
}

static long nanosleep_rel(const struct timespec64 *ts, struct timespec64 __user *rmtp)
{
	return nanosleep_until(CLOCK_MONOTONIC,
			       ktime_add_safe(ktime_get(), timespec64_to_ktime(*ts)), rmtp);
}

long sys_nanosleep(const struct timespec64 __user *rqtp, struct timespec64 __user *rmtp);
long sys_nanosleep(const struct timespec64 __user *rqtp, struct timespec64 __user *rmtp)
{
	struct timespec64 ts;
	long err = get_timespec(&ts, rqtp);

	return err ? err : nanosleep_rel(&ts, rmtp);
}
SYSCALL(35, nanosleep);

/* Sleeps on the CPU time of a process, or of another thread: one's own stands still while one sleeps. */
static long cpu_nanosleep(clockid_t clock, int flags, const struct timespec64 *ts,
			  struct timespec64 __user *rmtp)
{
	pid_t pid = ~(u32)clock >> 3;
	ktime_t now, until = timespec64_to_ktime(*ts);

	if (clock < 0 && (clock & CPUCLOCK_PERTHREAD) && (!pid || pid == current->pid))
		return -EINVAL;
	if (posix_clock_get(clock, &now))
		return -EINVAL;
	if (flags & TIMER_ABSTIME)
		return sleep_until_cpu(clock, until) ? -ERESTARTNOHAND : 0;
	return nanosleep_until(clock, ktime_add_safe(now, until), rmtp);
}

long sys_clock_nanosleep(clockid_t clock, int flags, const struct timespec64 __user *rqtp,
			 struct timespec64 __user *rmtp);
long sys_clock_nanosleep(clockid_t clock, int flags, const struct timespec64 __user *rqtp,
			 struct timespec64 __user *rmtp)
{
	struct timespec64 ts;
	int ret;
	long err;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_TAI:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		break;
	case CLOCK_PROCESS_CPUTIME_ID:
		break;
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	/* These two wake a suspended machine, and there is no clock here that could. */
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return -EOPNOTSUPP;
	default:
		if (clock >= 0)
			return -EINVAL;
	}
	err = get_timespec(&ts, rqtp);
	if (err)
		return err;
	if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID)
		return cpu_nanosleep(clock, flags, &ts, rmtp);
	if (!(flags & TIMER_ABSTIME))
		return nanosleep_rel(&ts, rmtp);
	ret = clock == CLOCK_REALTIME || clock == CLOCK_TAI
		      ? sleep_until_real(timespec64_to_ktime(ts))
		      : sleep_until(timespec64_to_ktime(ts));
	/* A handler interrupts it for good; otherwise the call is made again as it was. */
	return ret ? -ERESTARTNOHAND : 0;
}
SYSCALL(230, clock_nanosleep);
