/*
 * Inside the scheduler: the run queue, and what core.c, fair.c, idle.c and syscalls.c share.
 *
 * Legend of struct rq: L rq->lock; o only its own CPU; r read without lock as a hint.
 * Mirrors Linux kernel/sched/sched.h. Exercised by the kthread suite and tests/user/sched.c.
 */
#pragma once

#include "kernel/cleanup.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/list.h"

#define SLICE_NS	(12 * NSEC_PER_MSEC) /* weighted ns that a task may use in an epoch */
#define WAKEUP_GRAN_NS	(2 * NSEC_PER_MSEC)  /* a woken task preempts if it has so much more left */
#define MAX_DEBT_NS	(128 * SLICE_NS)
#define RR_TIMESLICE_MS 100
extern int sched_rr_timeslice_ms; /* kernel.sched_rr_timeslice_ms, above 0 */
#define RR_TIMESLICE_NS (READ_ONCE(sched_rr_timeslice_ms) * (s64)NSEC_PER_MSEC)

struct rq {
	spinlock_t lock;
	unsigned int nr_running;   /* L r  current included, idle not */
	unsigned int nr_rt;	   /* L    of them real-time, current included */
	u32 epoch;		   /* L */
	struct list_head *active;  /* L    waiting tasks that have time left in this epoch */
	struct list_head *expired; /* L    waiting tasks that have not */
	struct list_head lists[2];
	struct list_head rt;	    /* L    waiting real-time tasks, most urgent first */
	u64 rt_time;		    /* L    ns that real-time tasks ran in this period */
	u64 rt_period_start;	    /* L    sched_clock() */
	bool rt_throttled;	    /* L    they have used up their share: others go first */
	struct task_struct *curr;   /* L r */
	struct task_struct *idle;   /* - */
	struct task_struct *push;   /* L o  leaves this CPU when the switch away from it is done */
	int cpu;		    /* - */
	bool online;		    /* r */
	unsigned int nr_iowait;	    /* L r */
	long nr_uninterruptible;    /* L r  may be negative: only the sum over CPUs counts */
	u64 nr_switches;	    /* L r */
	unsigned int balance_ticks; /* o */
};

DECLARE_PER_CPU_SHARED_ALIGNED(struct rq, runqueues);
#define cpu_rq(cpu) (&per_cpu(runqueues, cpu))
#define this_rq()   this_cpu_ptr(&runqueues)

extern bool sched_smp; /* more than one CPU is online: there is something to balance */
extern unsigned long idle_cpus_mask; /* atomic; CPUs that run their idle task */

/* The run queue that @p belongs to, locked. => interrupts off */
static __always_inline struct rq *__task_rq_lock(struct task_struct *p)
{
	for (;;) {
		int cpu = task_cpu(p);
		struct rq *rq = cpu_rq(cpu);

		spin_lock(&rq->lock);
		if (likely(task_cpu(p) == cpu))
			return rq;
		spin_unlock(&rq->lock);
	}
}

static __always_inline struct rq *task_rq_lock(struct task_struct *p, unsigned long *flags)
{
	local_irq_save(*flags);
	return __task_rq_lock(p);
}

static __always_inline void task_rq_unlock(struct rq *rq, unsigned long flags)
{
	spin_unlock_irqrestore(&rq->lock, flags);
}

/* ---- fair.c: the order in which tasks get the CPU; all => rq->lock held ---- */

extern const u32 sched_nice_to_scale[40];
u32 sched_scale(int policy, int nice);
void init_rq_lists(struct rq *rq);
/* Brings p's slice up to the queue's epoch: the slow part of se_refill(). */
void se_catch_up(struct rq *rq, struct sched_entity *se);
void rt_queue(struct rq *rq, struct task_struct *p, bool head);
/* The first task of an epoch that has time left: the part of rq_pick() that is not the rule. */
struct task_struct *rq_pick_slow(struct rq *rq);

static __always_inline void se_refill(struct rq *rq, struct sched_entity *se)
{
	if (unlikely(se->epoch != rq->epoch))
		se_catch_up(rq, se);
}

/* Puts a runnable task where it waits; head: before others of its kind. It is not counted here. */
static __always_inline void rq_queue(struct rq *rq, struct task_struct *p, bool head)
{
	struct list_head *list;

	if (unlikely(rt_task(p))) {
		rt_queue(rq, p, head);
		return;
	}
	se_refill(rq, &p->se);
	list = likely(p->se.time_slice > 0) ? rq->active : rq->expired;
	if (head)
		list_add(&p->se.run_list, list);
	else
		list_add_tail(&p->se.run_list, list);
}

/* The next task to run, out of its list; NULL if none waits. */
static __always_inline struct task_struct *rq_pick(struct rq *rq)
{
	struct list_head *first = rq->active->next;
	struct task_struct *p = list_entry(first, struct task_struct, se.run_list);

	if (unlikely(first == rq->active || !list_empty(&rq->rt) || p->se.epoch != rq->epoch))
		return rq_pick_slow(rq);
	__list_del_entry(first);
	return p;
}

/* Charges the running task until @now. */
static __always_inline void update_curr(struct rq *rq, struct task_struct *curr, u64 now)
{
	struct sched_entity *se = &curr->se;
	s64 delta = now - se->exec_start;

	if (unlikely(delta <= 0))
		return;
	se->exec_start = now;
	se->sum_exec_runtime += delta;
	if (unlikely(se->scale != 1024))
		delta = delta * se->scale >> 10;
	se->time_slice -= delta;
	if (unlikely(se->time_slice < -MAX_DEBT_NS))
		se->time_slice = -MAX_DEBT_NS;
}

/* Should @p, just woken, run before rq's current task? */
bool wakeup_preempts(struct rq *rq, struct task_struct *p);
/* End of a tick: true if the current task has to let others run. */
bool fair_tick(struct rq *rq, struct task_struct *curr);

static __always_inline bool rq_has_waiters(const struct rq *rq)
{
	return !list_empty(rq->active) || !list_empty(rq->expired) || !list_empty(&rq->rt);
}

static __always_inline bool rq_has_fair_waiters(const struct rq *rq)
{
	return !list_empty(rq->active) || !list_empty(rq->expired);
}

/* ---- rt.c ---- */

/* The tick's share, after update_curr(): true when real-time tasks were just throttled. => rq->lock held */
bool rt_tick(struct rq *rq, struct task_struct *curr, u64 now);
/* Says so in the log, once. => no lock */
void rt_say_throttled(void);

/* ---- balance.c: which CPU; SMP only ---- */

int select_task_rq(struct task_struct *p, int cpu, int wake_flags);
/*
 * @rq has nothing to run: takes a waiting task from the busiest CPU. True if it did. => rq->lock
 * held
 */
bool idle_pull(struct rq *rq);
/* Tick: evens out queues now and then. => interrupts off, no lock */
void balance_tick(struct rq *rq);
/* Any CPU @p may run on, preferring idle ones. */
int any_allowed_cpu(struct task_struct *p);

/* ---- syscalls.c ---- */

DEFINE_FREE(put_task, struct task_struct *, if (_T) put_task_struct(_T))
/* What sched_setscheduler(2) and its kind ask for. */
struct sched_request {
	int policy, priority, nice;
	bool reset_on_fork;
};
/* The thread @pid, current for 0, with a reference; NULL if there is none. */
struct task_struct *sched_get_target(pid_t pid);
/* 0; -EINVAL; -EPERM: current has not the right to it. */
int sched_set_checked(struct task_struct *p, const struct sched_request *r);

/* ---- core.c ---- */

/*
 * Marks what runs on @rq's CPU for rescheduling, and tells that CPU if it is another one. =>
 * rq->lock held
 */
void resched_curr(struct rq *rq);
/* Adds a task that is on no queue to @rq, and preempts if it is due. => rq->lock held */
void activate_task(struct rq *rq, struct task_struct *p, int wake_flags);
/*
 * Carries @p, in state TASK_WAKING and on no queue, from @rq to @cpu's queue and makes it runnable
 * there.
 * => rq->lock held; returns with the other one held instead
 */
struct rq *sched_move_waking(struct rq *rq, struct task_struct *p, int cpu);
