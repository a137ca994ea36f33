/*
 * Interval timers: setitimer, getitimer, alarm. Each process has three.
 *
 * 1. REAL is an hrtimer in the signal_struct. Its function sends SIGALRM and moves itself on by the interval; it is never due
 *    again sooner than MIN_PERIOD, or a period of a microsecond would leave no time to run programs.
 * 2. VIRTUAL (user time) and PROF (user and system time) are compared with the tick's samples, in the tick of the running thread.
 * 3. The same tick looks after RLIMIT_CPU and RLIMIT_RTTIME: SIGXCPU each second past the soft limit, SIGKILL at the hard one.
 * 4. A value of 0 is "off"; the time left of a timer that runs is at least a microsecond.
 *
 * Locks: siglock for the fields. The REAL timer's function takes siglock when it sends, so whoever holds siglock must not
 * wait for it: setitimer tries, lets go of the lock, and tries again.
 * Mirrors Linux kernel/time/itimer.c and posix-cpu-timers.c. Exercised by tests/user/{sigwait,times}.c.
 */
#include "arch/x86/atomic.h"
#include "arch/x86/barrier.h"
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/pid.h"
#include "kernel/rcu.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/time/internal.h"
#include "kernel/timer.h"
#include "lib/errno.h"

#define MIN_PERIOD (20 * NSEC_PER_USEC)
#define IT_PROF	   0
#define IT_VIRTUAL 1

/* A timer's setting: time left and interval, ns. */
struct itimer {
	ktime_t value, interval;
};

/* ---- CPU time of a process ---- */

struct cpu_sums {
	u64 utime, stime, runtime; /* the first two are the tick's samples */
};

static void group_sums(struct signal_struct *sig, struct cpu_sums *sums, bool exact)
{
	struct task_struct *t;

	sums->utime = sig->utime;
	sums->stime = sig->stime;
	sums->runtime = sig->sum_sched_runtime;
	guard(rcu)();
	list_for_each_entry_rcu(t, &sig->thread_head, thread_node) {
		sums->utime += READ_ONCE(t->utime);
		sums->stime += READ_ONCE(t->stime);
		if (exact)
			sums->runtime += task_sched_runtime(t);
	}
}

void thread_group_cputime_adjusted(struct task_struct *task, u64 *utime, u64 *stime)
{
	struct cpu_sums sums;

	group_sums(task->signal, &sums, true);
	*utime = sums.utime;
	*stime = sums.stime;
	split_cputime(sums.runtime, utime, stime);
}

long sys_times(struct tms __user *tbuf);
long sys_times(struct tms __user *tbuf)
{
	u64 utime, stime;

	if (tbuf) {
		struct signal_struct *sig = current->signal;
		struct tms tms;

		thread_group_cputime_adjusted(current, &utime, &stime);
		tms = (struct tms){ nsec_to_clock_t(utime), nsec_to_clock_t(stime),
				    nsec_to_clock_t(sig->cutime), nsec_to_clock_t(sig->cstime) };
		if (copy_to_user(tbuf, &tms, sizeof(tms)))
			return -EFAULT;
	}
	return nsec_to_clock_t(ktime_get());
}
SYSCALL(100, times);

/* ---- REAL ---- */

static enum hrtimer_restart it_real_fn(struct hrtimer *timer)
{
	struct signal_struct *sig = container_of(timer, struct signal_struct, real_timer);
	ktime_t interval = READ_ONCE(sig->it_real_incr);

	kill_pid_info(SIGALRM, SEND_SIG_PRIV, sig->pids[PIDTYPE_TGID]);
	if (!interval)
		return HRTIMER_NORESTART;
	hrtimer_forward(timer, ktime_get() + MIN_PERIOD, interval);
	return HRTIMER_RESTART;
}

static void get_real(struct signal_struct *sig, struct itimer *it)
{
	it->value = 0;
	/* A timer that nobody ever set is all zero and has no base. */
	if (sig->real_timer.function && hrtimer_active(&sig->real_timer))
		it->value = max(hrtimer_get_remaining(&sig->real_timer), (ktime_t)NSEC_PER_USEC);
	it->interval = sig->it_real_incr;
}

static void set_real(struct signal_struct *sig, const struct itimer *new, struct itimer *old)
{
	spinlock_t *siglock = &current->sighand->siglock;

	for (;;) {
		spin_lock_irq(siglock);
		if (!sig->real_timer.function) {
			hrtimer_init(&sig->real_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
			sig->real_timer.function = it_real_fn;
		}
		get_real(sig, old);
		if (hrtimer_try_to_cancel(&sig->real_timer) >= 0)
			break;
		spin_unlock_irq(siglock);
		cpu_relax();
	}
	WRITE_ONCE(sig->it_real_incr, new->value ? new->interval : 0);
	if (new->value)
		hrtimer_start(&sig->real_timer, new->value, HRTIMER_MODE_REL);
	spin_unlock_irq(siglock);
}

void exit_itimers(struct signal_struct *sig)
{
	if (sig->real_timer.function)
		hrtimer_cancel(&sig->real_timer);
	sig->it_real_incr = 0;
	sig->it[IT_PROF].expires = sig->it[IT_VIRTUAL].expires = 0;
}

/* ---- VIRTUAL and PROF ---- */

static u64 itimer_now(struct signal_struct *sig, int which)
{
	struct cpu_sums sums;

	group_sums(sig, &sums, false);
	return which == IT_VIRTUAL ? sums.utime : sums.utime + sums.stime;
}

static void get_cpu_itimer(struct signal_struct *sig, int which, struct itimer *it)
{
	u64 expires = sig->it[which].expires, now;

	it->value = 0;
	it->interval = sig->it[which].incr;
	if (!expires)
		return;
	now = itimer_now(sig, which);
	it->value = expires > now ? (ktime_t)(expires - now) : TICK_NSEC;
}

static void set_cpu_itimer(struct signal_struct *sig, int which, const struct itimer *new,
			   struct itimer *old)
{
	guard(spinlock_irq)(&current->sighand->siglock);
	get_cpu_itimer(sig, which, old);
	/* One tick more: the current one has begun already. */
	sig->it[which].expires = new->value ? itimer_now(sig, which) + new->value + TICK_NSEC : 0;
	sig->it[which].incr = new->value ? new->interval : 0;
}

/* => siglock held */
static void check_cpu_itimer(struct signal_struct *sig, int which, int signo)
{
	struct cpu_itimer *it = &sig->it[which];
	u64 now;

	if (!it->expires)
		return;
	now = itimer_now(sig, which);
	if (now < it->expires)
		return;
	if (it->incr)
		it->expires += it->incr * ((now - it->expires) / it->incr + 1);
	else
		it->expires = 0;
	send_signal_locked(signo, SEND_SIG_PRIV, current, PIDTYPE_TGID);
}

/* ---- limits of CPU time ---- */

/*
 * @used of a limit on time that counts in units of @unit ns: the hard limit kills, the soft one warns and moves on by @step
 * units. => siglock held
 */
static void check_time_limit(struct signal_struct *sig, int limit, u64 used, u64 unit,
			     unsigned long step)
{
	unsigned long soft = READ_ONCE(sig->rlim[limit].rlim_cur);
	unsigned long hard = READ_ONCE(sig->rlim[limit].rlim_max);

	used /= unit;
	if (hard != RLIM_INFINITY && used >= hard) {
		send_signal_locked(SIGKILL, SEND_SIG_PRIV, current, PIDTYPE_TGID);
	} else if (soft != RLIM_INFINITY && used >= soft) {
		send_signal_locked(SIGXCPU, SEND_SIG_PRIV, current, PIDTYPE_TGID);
		/* Whoever sets another limit at this moment prevails. */
		(void)try_cmpxchg(&sig->rlim[limit].rlim_cur, &soft, soft + step);
	}
}

/* A real-time task may run RLIMIT_RTTIME microseconds without a sleep. */
static void check_rt_time(struct signal_struct *sig, u64 delta_ns)
{
	struct task_struct *me = current;

	if (me->rt_slept != me->nvcsw) {
		me->rt_slept = me->nvcsw;
		me->rt_ran = 0;
	}
	me->rt_ran += delta_ns;
	check_time_limit(sig, RLIMIT_RTTIME, me->rt_ran, NSEC_PER_USEC, USEC_PER_SEC);
}

static bool limited(const struct signal_struct *sig, int limit)
{
	return READ_ONCE(sig->rlim[limit].rlim_cur) != RLIM_INFINITY;
}

void run_itimers(bool user, u64 delta_ns)
{
	struct signal_struct *sig = current->signal;
	bool rt_limit, cpu_limit;
	unsigned long flags;

	if (!sig)
		return;
	rt_limit = unlikely(rt_task(current)) && limited(sig, RLIMIT_RTTIME);
	cpu_limit = limited(sig, RLIMIT_CPU);
	if (likely(!READ_ONCE(sig->it[0].expires) && !READ_ONCE(sig->it[1].expires) && !cpu_limit &&
		   !rt_limit))
		return;
	if (!lock_task_sighand(current, &flags))
		return;
	if (cpu_limit)
		check_time_limit(sig, RLIMIT_CPU, itimer_now(sig, IT_PROF), NSEC_PER_SEC, 1);
	if (rt_limit)
		check_rt_time(sig, delta_ns);
	check_cpu_itimer(sig, IT_PROF, SIGPROF);
	if (user)
		check_cpu_itimer(sig, IT_VIRTUAL, SIGVTALRM);
	unlock_task_sighand(current, &flags);
}

/* ---- system calls ---- */

static struct timeval ns_to_timeval(ktime_t ns)
{
	return (struct timeval){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / NSEC_PER_USEC };
}

static int timeval_to_ns(const struct timeval *tv, ktime_t *ns)
{
	if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= USEC_PER_SEC)
		return -EINVAL;
	*ns = ktime_set(tv->tv_sec, tv->tv_usec * NSEC_PER_USEC);
	return 0;
}

static int itimer_get(int which, struct itimer *it)
{
	struct signal_struct *sig = current->signal;

	guard(spinlock_irq)(&current->sighand->siglock);
	switch (which) {
	case ITIMER_REAL:
		get_real(sig, it);
		return 0;
	case ITIMER_VIRTUAL:
		get_cpu_itimer(sig, IT_VIRTUAL, it);
		return 0;
	case ITIMER_PROF:
		get_cpu_itimer(sig, IT_PROF, it);
		return 0;
	}
	return -EINVAL;
}

static int itimer_set(int which, const struct itimer *new, struct itimer *old)
{
	struct signal_struct *sig = current->signal;

	switch (which) {
	case ITIMER_REAL:
		set_real(sig, new, old);
		return 0;
	case ITIMER_VIRTUAL:
		set_cpu_itimer(sig, IT_VIRTUAL, new, old);
		return 0;
	case ITIMER_PROF:
		set_cpu_itimer(sig, IT_PROF, new, old);
		return 0;
	}
	return -EINVAL;
}

static int put_itimer(struct __kernel_old_itimerval __user *value, const struct itimer *it)
{
	struct __kernel_old_itimerval v = { ns_to_timeval(it->interval), ns_to_timeval(it->value) };

	return copy_to_user(value, &v, sizeof(v)) ? -EFAULT : 0;
}

long sys_getitimer(int which, struct __kernel_old_itimerval __user *value);
long sys_getitimer(int which, struct __kernel_old_itimerval __user *value)
{
	struct itimer it;
	int err = itimer_get(which, &it);

	return err ? err : put_itimer(value, &it);
}
SYSCALL(36, getitimer);

long sys_setitimer(int which, const struct __kernel_old_itimerval __user *value,
		   struct __kernel_old_itimerval __user *ovalue);
long sys_setitimer(int which, const struct __kernel_old_itimerval __user *value,
		   struct __kernel_old_itimerval __user *ovalue)
{
	struct __kernel_old_itimerval v = { { 0, 0 }, { 0, 0 } };
	struct itimer new, old;
	int err;

	/* Without a value the timer is switched off, as Linux has always done it. */
	if (value && copy_from_user(&v, value, sizeof(v)))
		return -EFAULT;
	err = timeval_to_ns(&v.it_value, &new.value);
	if (!err)
		err = timeval_to_ns(&v.it_interval, &new.interval);
	if (!err)
		err = itimer_set(which, &new, &old);
	if (err || !ovalue)
		return err;
	return put_itimer(ovalue, &old);
}
SYSCALL(38, setitimer);

long sys_alarm(unsigned int seconds);
long sys_alarm(unsigned int seconds)
{
	struct itimer new = { seconds * NSEC_PER_SEC, 0 }, old;
	ktime_t rest;

	itimer_set(ITIMER_REAL, &new, &old);
	/* To the nearest second, but 0 only if none was set. */
	rest = old.value % NSEC_PER_SEC;
	return old.value / NSEC_PER_SEC +
	       (rest >= NSEC_PER_SEC / 2 || (rest && old.value < NSEC_PER_SEC));
}
SYSCALL(37, alarm);
