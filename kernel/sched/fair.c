/*
 * Who runs next: epochs and slices.
 *
 * 1. The time of a run queue is cut into epochs. In each, every runnable task may use SLICE_NS of
 *    weighted time: real time multiplied by se->scale / 1024, which is 1 for nice 0 and 1.25 times
 *    more for each nice level up. So over an epoch tasks get real time in proportion to 1 / scale,
 *    and nice -5 gets three times what nice 0 gets.
 * 2. Tasks with time left wait in the active list, the others in the expired one. When active is
 *    empty the lists change places and a new epoch begins. No list is ever sorted or searched: each
 *    operation is a few instructions.
 * 3. A slice belongs to an epoch (se->epoch). When a task is next queued or picked in a later one
 *    it gets one SLICE_NS for each epoch that passed, but never holds more than one: time cannot be
 *    saved up. Overdraft (a tick is long, a nice 19 task burns its slice in 0.2 ms) stays as debt:
 *    the task sits out as many epochs as it owes.
 * 4. Inside an epoch active tasks take turns at each tick, so that a long slice of one is no long
 *    wait for the others.
 * 5. Who sleeps keeps what is left of its slice, and when it wakes in a later epoch has a full one.
 *    If that is clearly more than what the running task has left, it preempts. So a task that
 *    sleeps more than it works runs at once, and one that works more cannot claim to be the other
 *    kind for longer than one slice.
 * 6. A task alone on its CPU starts an epoch of its own whenever its slice is used up.
 * 7. Real-time tasks wait in a list of their own by priority and go first, up to their share (rt.c).
 *
 * Mirrors in purpose Linux kernel/sched/fair.c and rt.c, in shape the O(1) scheduler before it.
 * Exercised by tests/user/sched.c.
 */
#include "kernel/sched/sched.h"

/* 1024 * 1.25^nice, nice -20 first. */
const u32 sched_nice_to_scale[40] = {
	12,   15,   18,	  23,	 29,	36,    45,    56,    70,    88,	   110,	  137,	 172,  215,
	268,  336,  419,  524,	 655,	819,   1024,  1280,  1600,  2000,  2500,  3125,	 3906, 4883,
	6104, 7629, 9537, 11921, 14901, 18626, 23283, 29104, 36380, 45475, 56843, 71054,
};

u32 sched_scale(int policy, int nice)
{
	return policy == SCHED_IDLE ? 5 * 71054 : sched_nice_to_scale[nice - MIN_NICE];
}

void init_rq_lists(struct rq *rq)
{
	INIT_LIST_HEAD(&rq->lists[0]);
	INIT_LIST_HEAD(&rq->lists[1]);
	INIT_LIST_HEAD(&rq->rt);
	rq->active = &rq->lists[0];
	rq->expired = &rq->lists[1];
}

void se_catch_up(struct rq *rq, struct sched_entity *se)
{
	u32 passed = rq->epoch - se->epoch;

	se->epoch = rq->epoch;
	/* More than the largest debt: spares the multiplication its overflow. */
	if (passed > 128)
		passed = 129;
	se->time_slice += passed * SLICE_NS;
	if (se->time_slice > SLICE_NS)
		se->time_slice = SLICE_NS;
}

void rt_queue(struct rq *rq, struct task_struct *p, bool head)
{
	struct task_struct *q;

	list_for_each_entry(q, &rq->rt, se.run_list)
		if (q->se.rt_priority < p->se.rt_priority ||
		    (head && q->se.rt_priority == p->se.rt_priority))
			break;
	list_add_tail(&p->se.run_list, &q->se.run_list);
}

struct task_struct *rq_pick_slow(struct rq *rq)
{
	struct task_struct *p;

	if (!list_empty(&rq->rt) && (likely(!rq->rt_throttled) || !rq_has_fair_waiters(rq))) {
		p = list_first_entry(&rq->rt, struct task_struct, se.run_list);
		__list_del_entry(&p->se.run_list);
		return p;
	}
	for (;;) {
		if (list_empty(rq->active)) {
			if (list_empty(rq->expired))
				return NULL;
			swap(rq->active, rq->expired);
			rq->epoch++;
		}
		p = list_first_entry(rq->active, struct task_struct, se.run_list);
		se_refill(rq, &p->se);
		__list_del_entry(&p->se.run_list);
		if (likely(p->se.time_slice > 0))
			return p;
		list_add_tail(&p->se.run_list, rq->expired);
	}
}

bool wakeup_preempts(struct rq *rq, struct task_struct *p)
{
	struct task_struct *curr = rq->curr;

	if (curr == rq->idle)
		return true;
	if (unlikely(rq->rt_throttled) && rt_task(p) != rt_task(curr))
		return rt_task(curr);
	if (unlikely(p->se.rt_priority || curr->se.rt_priority))
		return p->se.rt_priority > curr->se.rt_priority;
	if (unlikely(curr->se.policy == SCHED_IDLE))
		return p->se.policy != SCHED_IDLE;
	if (unlikely(p->se.policy != SCHED_NORMAL))
		return false;
	/* curr's slice is up to a tick old: not worth reading the clock for. */
	return p->se.time_slice > curr->se.time_slice + WAKEUP_GRAN_NS;
}

bool fair_tick(struct rq *rq, struct task_struct *curr)
{
	struct sched_entity *se = &curr->se;

	if (unlikely(rt_task(curr))) {
		if (se->policy != SCHED_RR || se->time_slice > 0)
			return false;
		se->time_slice = RR_TIMESLICE_NS;
		return !list_empty(&rq->rt);
	}
	if (!rq_has_waiters(rq)) {
		if (se->time_slice <= 0) {
			rq->epoch++;
			se->epoch = rq->epoch;
			se->time_slice = SLICE_NS;
		}
		return false;
	}
	return se->time_slice <= 0 || !list_empty(rq->active);
}
