/*
 * RCU: grace periods and callbacks.
 *
 * 1. rcu_qs_count of a CPU counts its quiescent states. A grace period takes a snapshot of all
 *    counts and waits until each has moved. A CPU that idles, or stays in the kernel for long, is
 *    asked to reschedule, which counts.
 * 2. Callbacks hang in a lock-free list for each CPU, newest first. The thread takes whole lists by
 *    exchange, turns them round, waits for a grace period and runs them: those of one CPU in the
 *    order they came.
 * 3. The thread sleeps until a tick or an idle loop finds a list that is not empty. Whoever waits
 *    for a grace period kicks it at once.
 *
 * Mirrors Linux kernel/rcu/tree.c in purpose, kernel/rcu/tiny.c in size. Exercised by the locks
 * suite.
 */
#include "kernel/rcu.h"

#include "arch/x86/atomic.h"
#include "kernel/bug.h"
#include "kernel/completion.h"
#include "kernel/init.h"
#include "kernel/kthread.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "mm/debug/kasan.h"

DEFINE_PER_CPU(unsigned long, rcu_qs_count);
static DEFINE_PER_CPU(struct rcu_head *, rcu_list);
static struct task_struct *rcu_task;
static bool rcu_kicked;

void call_rcu(struct rcu_head *head, rcu_callback_t func)
{
	struct rcu_head **list = this_cpu_ptr(&rcu_list), *old = READ_ONCE(*list);

	kasan_record_aux_stack(head);
	head->func = func;
	do {
		head->next = old;
	} while (!try_cmpxchg(list, &old, head));
}

static void rcu_kick(void)
{
	if (!rcu_task || READ_ONCE(rcu_kicked))
		return;
	WRITE_ONCE(rcu_kicked, true);
	wake_up_process(rcu_task);
}

void rcu_sched_clock_irq(bool quiescent)
{
	if (quiescent)
		this_cpu_inc(rcu_qs_count);
	if (this_cpu_read(rcu_list))
		rcu_kick();
}

bool rcu_idle_check(void)
{
	if (unlikely(this_cpu_read(rcu_list)))
		rcu_kick();
	return need_resched();
}

/* All callbacks of all CPUs, oldest of each CPU first. */
static struct rcu_head *take_callbacks(void)
{
	struct rcu_head *all = NULL;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct rcu_head *p = READ_ONCE(per_cpu(rcu_list, cpu));

		if (p)
			p = xchg(&per_cpu(rcu_list, cpu), NULL);
		while (p) {
			struct rcu_head *next = p->next;

			p->next = all;
			all = p;
			p = next;
		}
	}
	return all;
}

static void run_callbacks(struct rcu_head *p)
{
	unsigned int n = 0;

	while (p) {
		struct rcu_head *next = p->next;

		p->func(p);
		p = next;
		if (!(++n & 31))
			cond_resched();
	}
}

/* Waits until each CPU but this one passed a quiescent state; running here, this one just did. */
static void wait_for_grace_period(void)
{
	static unsigned long snap[NR_CPUS];
	unsigned long waiting;
	int cpu, tries = 0;

	smp_mb();
	waiting = READ_ONCE(cpu_online_mask) & ~BIT(smp_processor_id());
	for_each_cpu(cpu, waiting)
		snap[cpu] = READ_ONCE(per_cpu(rcu_qs_count, cpu));
	while (waiting) {
		unsigned long left = 0;

		for_each_cpu(cpu, waiting) {
			if (READ_ONCE(per_cpu(rcu_qs_count, cpu)) != snap[cpu])
				continue;
			left |= BIT(cpu);
			if (idle_cpu(cpu) || tries > 1)
				resched_cpu(cpu);
		}
		waiting = left;
		if (waiting)
			schedule_timeout_idle(1);
		tries++;
	}
	smp_mb();
}

static int rcu_thread(void *unused)
{
	for (;;) {
		struct rcu_head *list;

		set_current_state(TASK_IDLE);
		if (!READ_ONCE(rcu_kicked)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		WRITE_ONCE(rcu_kicked, false);
		smp_mb();
		list = take_callbacks();
		if (!list)
			continue;
		wait_for_grace_period();
		run_callbacks(list);
	}
	return 0;
}

struct rcu_waiter {
	struct rcu_head head;
	struct completion done;
};

static void wake_waiter(struct rcu_head *head)
{
	complete(&container_of(head, struct rcu_waiter, head)->done);
}

void synchronize_rcu(void)
{
	struct rcu_waiter w;

	might_sleep();
	/* The only CPU runs us, outside any reader; nobody else can be in the middle of one. */
	if (num_online_cpus() == 1 || !rcu_task) {
		smp_mb();
		return;
	}
	init_completion(&w.done);
	call_rcu(&w.head, wake_waiter);
	rcu_kick();
	wait_for_completion(&w.done);
}

static void barrier_callback(struct rcu_head *head)
{
	wake_waiter(head);
}

void rcu_barrier(void)
{
	struct rcu_waiter w;
	int cpu;

	might_sleep();
	if (!rcu_task) {
		run_callbacks(take_callbacks());
		return;
	}
	/* One list after the other; each callback runs after those that were in front of it. */
	for_each_possible_cpu(cpu) {
		struct rcu_head **list = &per_cpu(rcu_list, cpu), *old = READ_ONCE(*list);

		init_completion(&w.done);
		w.head.func = barrier_callback;
		do {
			w.head.next = old;
		} while (!try_cmpxchg(list, &old, &w.head));
		rcu_kick();
		wait_for_completion(&w.done);
	}
}

unsigned long rcu_pending_callbacks(void)
{
	unsigned long n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu(rcu_list, cpu)) != NULL;
	return n;
}

#ifdef CONFIG_DEBUG_LOCKS
void __rcu_read_lock(void)
{
	current->rcu_read_depth++;
	barrier();
}

void __rcu_read_unlock(void)
{
	barrier();
	WARN_ON_ONCE(!current->rcu_read_depth);
	current->rcu_read_depth--;
}

bool rcu_read_lock_held(void)
{
	return current->rcu_read_depth;
}
#endif

void __init rcu_init(void)
{
	pr_info("rcu: quiescent-state based, %u CPUs possible\n", num_possible_cpus());
}

static int __init rcu_spawn(void)
{
	struct task_struct *t = kthread_run(rcu_thread, NULL, "rcu_sched");

	if (IS_ERR(t))
		return PTR_ERR(t);
	WRITE_ONCE(rcu_task, t);
	return 0;
}
core_initcall(rcu_spawn);
