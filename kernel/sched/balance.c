/*
 * Several run queues: where a task wakes, and how idle CPUs get work.
 *
 * 1. A waking task goes, in this order: to the waker's CPU if the waker is about to sleep and
 *    nothing else runs there; to the CPU where it ran last if that is idle; to any idle CPU; else
 *    where it ran last.
 * 2. A CPU that runs out of work takes a waiting task from the CPU with the most. A CPU that has
 *    work waiting at a tick, while another one is idle, wakes that one, which then takes.
 * 3. Every BALANCE_TICKS ticks a busy CPU compares itself with the busiest and takes a task if that
 *    has at least two more.
 * 4. Only tasks in a waiting list move. The queue that is taken from is only tried to be locked,
 *    under the own queue's lock: no order of locks is needed, and a failed try is no loss.
 *
 * Mirrors the load-balancing half of Linux kernel/sched/fair.c. Exercised by the kthread suite on
 * several CPUs.
 */
#include "arch/x86/bitops.h"
#include "kernel/sched/sched.h"

#define BALANCE_TICKS 8

bool sched_smp;
unsigned long idle_cpus_mask;

int any_allowed_cpu(struct task_struct *p)
{
	unsigned long mask = p->cpus_mask & READ_ONCE(cpu_online_mask);
	unsigned long idle = mask & READ_ONCE(idle_cpus_mask);

	if (!mask)
		return task_cpu(p);
	return __builtin_ctzl(idle ? idle : mask);
}

int select_task_rq(struct task_struct *p, int cpu, int wake_flags)
{
	unsigned long mask = p->cpus_mask & READ_ONCE(cpu_online_mask);
	unsigned long idle = mask & READ_ONCE(idle_cpus_mask);
	int this = smp_processor_id();

	if (unlikely(!(mask & BIT(cpu))))
		return any_allowed_cpu(p);
	if ((wake_flags & WF_SYNC) && (mask & BIT(this)) &&
	    READ_ONCE(cpu_rq(this)->nr_running) == 1)
		return this;
	if (idle & BIT(cpu))
		return cpu;
	return idle ? __builtin_ctzl(idle) : cpu;
}

/* Takes a waiting task of @src that may run on @rq's CPU out of its list. => both locks held */
static struct task_struct *detach_task(struct rq *src, struct rq *rq)
{
	struct list_head *lists[3] = { &src->rt, src->active, src->expired };
	struct task_struct *p;

	for (int i = 0; i < 3; i++) {
		list_for_each_entry(p, lists[i], se.run_list) {
			if (!(p->cpus_mask & BIT(rq->cpu)))
				continue;
			list_del(&p->se.run_list);
			src->nr_running--;
			src->nr_rt -= rt_task(p);
			/* What it has used of its slice counts here as it did there. */
			p->se.epoch = rq->epoch - (src->epoch - p->se.epoch);
			WRITE_ONCE(p->cpu, rq->cpu);
			return p;
		}
	}
	return NULL;
}

static struct rq *busiest_rq(struct rq *rq, unsigned int at_least)
{
	struct rq *best = NULL;
	int cpu;

	for_each_online_cpu(cpu) {
		struct rq *src = cpu_rq(cpu);
		unsigned int n = READ_ONCE(src->nr_running);

		if (src == rq || n < at_least || !src->online)
			continue;
		at_least = n + 1;
		best = src;
	}
	return best;
}

/* => rq->lock held */
static bool pull_from(struct rq *rq, struct rq *src)
{
	struct task_struct *p;

	if (!src || !spin_trylock(&src->lock))
		return false;
	p = detach_task(src, rq);
	spin_unlock(&src->lock);
	if (!p)
		return false;
	rq->nr_running++;
	rq->nr_rt += rt_task(p);
	rq_queue(rq, p, false);
	return true;
}

bool idle_pull(struct rq *rq)
{
	return pull_from(rq, busiest_rq(rq, 2));
}

static void kick_idle_cpu(struct rq *rq)
{
	unsigned long idle = READ_ONCE(idle_cpus_mask) & READ_ONCE(cpu_online_mask) & ~BIT(rq->cpu);
	int cpu;

	if (!idle)
		return;
	cpu = __builtin_ctzl(idle);
	if (test_tsk_thread_flag(cpu_rq(cpu)->idle, TIF_NEED_RESCHED))
		return;
	set_tsk_need_resched(cpu_rq(cpu)->idle);
	smp_send_reschedule(cpu);
}

void balance_tick(struct rq *rq)
{
	struct rq *src;

	if (rq->nr_running > 1)
		kick_idle_cpu(rq);
	if (++rq->balance_ticks < BALANCE_TICKS)
		return;
	rq->balance_ticks = 0;
	src = busiest_rq(rq, READ_ONCE(rq->nr_running) + 2);
	if (!src)
		return;
	spin_lock(&rq->lock);
	if (pull_from(rq, src) && rq->curr == rq->idle)
		resched_curr(rq);
	spin_unlock(&rq->lock);
}
