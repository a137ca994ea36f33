/*
 * Real-time throttling: a real-time task that never sleeps must not take a CPU away from everybody else for ever.
 *
 * 1. In each period (sched_rt_period_us, one second) real-time tasks may run for sched_rt_runtime_us (950 ms) on a CPU. Each
 *    tick charges all that the task it finds has run since it was charged last, at most this period.
 * 2. When that is used up the queue is throttled: until the period ends the others go first. A real-time task still runs when
 *    nobody else wants to, so no time is wasted.
 * 3. A runtime of -1, or one not below the period, switches the limit off.
 *
 * All under rq->lock. Mirrors Linux kernel/sched/rt.c. Exercised by tests/user/sched.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/sched/sched.h"

static int sched_rt_period_us = 1000000;
static int sched_rt_runtime_us = 950000;

static bool used_up(const struct rq *rq, u64 period)
{
	s64 runtime = (s64)READ_ONCE(sched_rt_runtime_us) * NSEC_PER_USEC;

	return runtime >= 0 && (u64)runtime < period && rq->rt_time > (u64)runtime;
}

bool rt_tick(struct rq *rq, struct task_struct *curr, u64 now)
{
	u64 period = (u64)READ_ONCE(sched_rt_period_us) * NSEC_PER_USEC;
	bool was = rq->rt_throttled;

	if (now - rq->rt_period_start >= period) {
		rq->rt_period_start = now;
		rq->rt_time = 0;
		rq->rt_throttled = false;
		if (was && !rt_task(curr) && !list_empty(&rq->rt))
			resched_curr(rq);
	}
	if (likely(!rt_task(curr)))
		return false;
	rq->rt_time +=
		min(curr->se.sum_exec_runtime - curr->se.rt_charged, now - rq->rt_period_start);
	curr->se.rt_charged = curr->se.sum_exec_runtime;
	rq->rt_throttled = used_up(rq, period);
	if (rq->rt_throttled && rq_has_fair_waiters(rq))
		resched_curr(rq);
	return rq->rt_throttled && !was;
}

void rt_say_throttled(void)
{
	static bool said;

	if (!__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		pr_info("sched: RT throttling activated\n");
}

int sched_rr_timeslice_ms = RR_TIMESLICE_MS;

/* 0 and less ask for the default. */
static void rr_timeslice_changed(void)
{
	if (READ_ONCE(sched_rr_timeslice_ms) <= 0)
		WRITE_ONCE(sched_rr_timeslice_ms, RR_TIMESLICE_MS);
}

static int __init rt_sysctl_init(void)
{
	struct proc_dir_entry *dir = proc_sys_dir("kernel"), *rr;

	if (!dir)
		return -ENOMEM;
	proc_create_int("sched_rt_period_us", 0644, dir, &sched_rt_period_us, 1, INT_MAX);
	rr = proc_create_int("sched_rr_timeslice_ms", 0644, dir, &sched_rr_timeslice_ms, INT_MIN,
			     INT_MAX);
	if (rr)
		((struct proc_int *)rr->data)->changed = rr_timeslice_changed;
	proc_create_int("sched_rt_runtime_us", 0644, dir, &sched_rt_runtime_us, -1, INT_MAX);
	return 0;
}
late_initcall(rt_sysctl_init);
