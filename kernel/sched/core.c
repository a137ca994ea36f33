/*
 * The scheduler: putting tasks to sleep, waking them, and switching between them.
 *
 * 1. A task is in one of these situations, and rq->lock of the queue of task->cpu protects the
 *    change from one to another:
 *      running   rq->curr == p, on_rq 1, in no list
 *      waiting   on_rq 1, in one of the lists of fair.c
 *      asleep    on_rq 0, state not TASK_RUNNING, in no list
 *      waking    on_rq 0, state TASK_WAKING: whoever set that carries it from one queue to another
 *      dead      on_rq 0, state TASK_DEAD, never again
 * 2. A running task whose state is not TASK_RUNNING is about to call schedule(). A wake-up that
 *    comes before just sets the state back.
 * 3. rq->lock is held, interrupts off, from the choice of the next task until the switch is
 *    complete; the next task releases it (finish_task_switch). So nobody ever sees a task asleep or
 *    waiting whose stack is still in use by a CPU.
 * 4. A task that may not stay on its CPU (affinity changed) is not queued when it is switched away
 *    from, but handed to another queue once the switch is complete (rq->push).
 * 5. Page tables: a kernel thread keeps the tables that are loaded (lazy TLB). They need no
 *    reference: whoever frees an address space first makes every CPU that still has it loaded leave
 *    it (destroy_context()).
 *
 * Mirrors Linux kernel/sched/core.c. Exercised by the kthread suite and tests/user/sched.c.
 */
#include "arch/x86/bitops.h"
#include "arch/x86/switch.h"
#include "arch/x86/tlb.h"
#include "arch/x86/uaccess.h"
#include "kernel/block/blkdev.h"
#include "kernel/bug.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "kernel/rseq.h"
#include "kernel/sched/sched.h"
#include "kernel/timer.h"
#include "kernel/trace/sched.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/kva/stack.h"
#include "mm/user/mm.h"

DEFINE_PER_CPU_SHARED_ALIGNED(struct rq, runqueues);

/* ---- rescheduling another CPU ---- */

void set_tsk_need_resched(struct task_struct *p)
{
	set_tsk_thread_flag(p, TIF_NEED_RESCHED);
}

void resched_curr(struct rq *rq)
{
	struct task_struct *curr = rq->curr;

	if (test_tsk_thread_flag(curr, TIF_NEED_RESCHED))
		return;
	set_tsk_need_resched(curr);
	if (rq->cpu != smp_processor_id())
		smp_send_reschedule(rq->cpu);
}

void resched_cpu(int cpu)
{
	struct rq *rq = cpu_rq(cpu);
	unsigned long flags;

	spin_lock_irqsave(&rq->lock, flags);
	resched_curr(rq);
	spin_unlock_irqrestore(&rq->lock, flags);
}

void kick_process(struct task_struct *p)
{
	int cpu = task_cpu(p);

	if (cpu != smp_processor_id() && READ_ONCE(cpu_rq(cpu)->curr) == p)
		smp_send_reschedule(cpu);
}

/* ---- waking ---- */

/* Asleep in a way that counts as load. */
static __always_inline bool counts_as_load(unsigned int state)
{
	return (state & (TASK_UNINTERRUPTIBLE | TASK_NOLOAD)) == TASK_UNINTERRUPTIBLE;
}

void activate_task(struct rq *rq, struct task_struct *p, int wake_flags)
{
	bool preempt;

	p->on_rq = 1;
	rq->nr_running++;
	rq->nr_rt += rt_task(p);
	se_refill(rq, &p->se);
	preempt = !(wake_flags & WF_SYNC) || rq->curr == rq->idle ? wakeup_preempts(rq, p) : false;
	rq_queue(rq, p, preempt);
	if (preempt)
		resched_curr(rq);
}

/*
 * Carries @p, in state TASK_WAKING and asleep on @rq, to the queue of @cpu. => rq->lock held;
 * returns with the new one held
 */
static struct rq *move_waking_task(struct rq *rq, struct task_struct *p, int cpu)
{
	struct rq *to = cpu_rq(cpu);
	u32 behind = rq->epoch - p->se.epoch;

	spin_unlock(&rq->lock);
	spin_lock(&to->lock);
	p->se.epoch = to->epoch - behind;
	WRITE_ONCE(p->cpu, cpu);
	return to;
}

int try_to_wake_up(struct task_struct *p, unsigned int state, int wake_flags)
{
	unsigned long flags;
	struct rq *rq = task_rq_lock(p, &flags);

	if (!(READ_ONCE(p->__state) & state)) {
		task_rq_unlock(rq, flags);
		return 0;
	}
	if (p->on_rq) {
		WRITE_ONCE(p->__state, TASK_RUNNING);
		task_rq_unlock(rq, flags);
		return 1;
	}
	if (counts_as_load(p->__state))
		rq->nr_uninterruptible--;
	if (unlikely(p->in_iowait))
		rq->nr_iowait--;
	if (sched_smp) {
		int cpu = select_task_rq(p, rq->cpu, wake_flags);

		if (cpu != rq->cpu) {
			WRITE_ONCE(p->__state, TASK_WAKING);
			rq = move_waking_task(rq, p, cpu);
		}
	}
	WRITE_ONCE(p->__state, TASK_RUNNING);
	activate_task(rq, p, wake_flags);
	trace_sched_wakeup(p, rq->cpu);
	task_rq_unlock(rq, flags);
	return 1;
}

int wake_up_process(struct task_struct *p)
{
	return try_to_wake_up(p, TASK_NORMAL, 0);
}

int wake_up_state(struct task_struct *p, unsigned int state)
{
	return try_to_wake_up(p, state, 0);
}

void wake_q_add(struct wake_q_head *head, struct task_struct *task)
{
	void *none = NULL;

	/* Whoever has it in his list already will wake it after this. */
	if (!__atomic_compare_exchange_n(&task->wake_q_next, &none, (void *)WAKE_Q_TAIL, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	get_task_struct(task);
	*head->lastp = task;
	head->lastp = (struct task_struct **)&task->wake_q_next;
}

void wake_up_q(struct wake_q_head *head)
{
	struct task_struct *t = head->first;

	while (t != WAKE_Q_TAIL) {
		struct task_struct *next = t->wake_q_next;

		smp_store_release(&t->wake_q_next, NULL);
		wake_up_process(t);
		put_task_struct(t);
		t = next;
	}
	head->first = WAKE_Q_TAIL;
	head->lastp = &head->first;
}

/* ---- the switch ---- */

struct rq *sched_move_waking(struct rq *rq, struct task_struct *p, int cpu)
{
	rq = move_waking_task(rq, p, cpu);
	WRITE_ONCE(p->__state, TASK_RUNNING);
	activate_task(rq, p, 0);
	return rq;
}

/* The task that was pushed off this CPU goes to one where it may run. => interrupts off, no lock */
static void push_task(struct task_struct *p)
{
	struct rq *rq = cpu_rq(task_cpu(p));
	unsigned long flags;

	spin_lock_irqsave(&rq->lock, flags);
	rq = sched_move_waking(rq, p, any_allowed_cpu(p));
	task_rq_unlock(rq, flags);
}

static noinline void bury_task(struct task_struct *prev)
{
	free_thread_stack(prev->stack);
	prev->stack = NULL;
	put_task_struct(prev);
}

/* First thing on the new task's stack: completes the switch away from @prev. */
static __always_inline void finish_task_switch(struct task_struct *prev)
{
	struct rq *rq = this_rq();
	struct task_struct *push = rq->push;
	bool dead = prev->__state == TASK_DEAD;

	WRITE_ONCE(prev->on_cpu, 0);
	rq->push = NULL;
	spin_unlock(&rq->lock);
	if (unlikely(push))
		push_task(push);
	local_irq_enable();
	if (unlikely(dead))
		bury_task(prev);
}

static __always_inline void switch_page_tables(struct task_struct *next)
{
	if (next->mm)
		switch_mm_irqs_off(NULL, &next->mm->context, next);
	else
		enter_lazy_tlb(NULL, next);
}

/* The running task goes to sleep or dies. => rq->lock held */
static __always_inline void deactivate_curr(struct rq *rq, struct task_struct *p,
					    unsigned int state)
{
	p->on_rq = 0;
	rq->nr_running--;
	rq->nr_rt -= rt_task(p);
	if (counts_as_load(state))
		rq->nr_uninterruptible++;
	if (unlikely(p->in_iowait))
		rq->nr_iowait++;
}

/* The running task stays runnable but gives up the CPU. => rq->lock held */
static __always_inline void requeue_curr(struct rq *rq, struct task_struct *p, bool yielded)
{
	if (unlikely(!(p->cpus_mask & BIT(rq->cpu))) &&
	    (p->cpus_mask & READ_ONCE(cpu_online_mask))) {
		p->on_rq = 0;
		rq->nr_running--;
		rq->nr_rt -= rt_task(p);
		WRITE_ONCE(p->__state, TASK_WAKING);
		rq->push = p;
		return;
	}
	/* A FIFO task that was preempted goes on before its equals; others take turns. */
	rq_queue(rq, p, p->se.policy == SCHED_FIFO && !yielded);
}

static noinline void note_idle(struct rq *rq, bool idle)
{
	if (idle)
		set_bit(rq->cpu, &idle_cpus_mask);
	else
		clear_bit(rq->cpu, &idle_cpus_mask);
}

static __always_inline struct task_struct *pick_next_task(struct rq *rq)
{
	struct task_struct *p = rq_pick(rq);

	if (likely(p))
		return p;
	if (sched_smp && idle_pull(rq)) {
		p = rq_pick(rq);
		if (p)
			return p;
	}
	return rq->idle;
}

/* => interrupts off; returns with interrupts on */
static void __schedule(bool yielded)
{
	struct rq *rq = this_rq();
	struct task_struct *prev = current, *next;
	unsigned int state;
	u64 now;

	spin_lock(&rq->lock);
	if (test_tsk_thread_flag(prev, TIF_NEED_RESCHED))
		clear_tsk_thread_flag(prev, TIF_NEED_RESCHED);
	rcu_note_context_switch();
	now = sched_clock();
	if (likely(prev != rq->idle)) {
		update_curr(rq, prev, now);
		state = prev->__state;
		if (state == TASK_RUNNING) {
			prev->nivcsw++;
			requeue_curr(rq, prev, yielded);
		} else if (unlikely(signal_pending_state(state, prev))) {
			WRITE_ONCE(prev->__state, TASK_RUNNING);
			requeue_curr(rq, prev, yielded);
		} else {
			prev->nvcsw++;
			deactivate_curr(rq, prev, state);
		}
	}
	next = pick_next_task(rq);
	if (next == prev) {
		spin_unlock_irq(&rq->lock);
		return;
	}
	if (sched_smp && (next == rq->idle || prev == rq->idle))
		note_idle(rq, next == rq->idle);
	rseq_preempt(prev);
	trace_sched_switch(prev, prev->__state | prev->exit_state, next);
	next->se.exec_start = now;
	next->on_cpu = 1;
	rq->curr = next;
	rq->nr_switches++;
	switch_page_tables(next);
	switch_to(prev, next, prev); /* current_task changes in there */
	finish_task_switch(prev);
}

void schedule(void)
{
	might_sleep();
	if (unlikely(current->plug))
		__blk_flush_plug(current->plug);
	local_irq_disable();
	__schedule(false);
}

void schedule_tail(struct task_struct *prev)
{
	finish_task_switch(prev);
	if (current->set_child_tid)
		(void)put_user(current->pid, current->set_child_tid);
}

void __cond_resched(void)
{
	schedule();
}

bool __cond_resched_lock(spinlock_t *lock)
{
	spin_unlock(lock);
	if (need_resched())
		schedule();
	else
		cpu_relax();
	spin_lock(lock);
	return true;
}

void yield(void)
{
	struct rq *rq;

	local_irq_disable();
	rq = this_rq();
	/* Nobody else wants this CPU. Without the lock somebody may come just now: the next call finds him. */
	if (READ_ONCE(rq->nr_running) == 1 && !need_resched() &&
	    likely(current->__state == TASK_RUNNING)) {
		rcu_note_context_switch();
		local_irq_enable();
		return;
	}
	/*
	 * Everyone else in this epoch is through: wait for the next one. Without the lock another CPU
	 * may just be queueing a task here; then this is a wait of one epoch too many or too few.
	 */
	if (unlikely(list_empty(rq->active)) && !list_empty(rq->expired) && !rt_task(current) &&
	    current->se.time_slice > 0)
		current->se.time_slice = 0;
	__schedule(true);
}

void io_schedule(void)
{
	unsigned int old = current->in_iowait;

	current->in_iowait = 1;
	schedule();
	current->in_iowait = old;
}

long io_schedule_timeout(long timeout)
{
	unsigned int old = current->in_iowait;

	current->in_iowait = 1;
	timeout = schedule_timeout(timeout);
	current->in_iowait = old;
	return timeout;
}

void do_task_dead(void)
{
	local_irq_disable();
	WRITE_ONCE(current->__state, TASK_DEAD);
	__schedule(false);
	BUG();
}

/* ---- timed sleeps ---- */

long schedule_timeout(long timeout)
{
	unsigned long end;
	ktime_t span;

	if (timeout == MAX_SCHEDULE_TIMEOUT) {
		schedule();
		return timeout;
	}
	if (timeout < 0) {
		__set_current_state(TASK_RUNNING);
		return 0;
	}
	end = jiffies + timeout;
	span = timeout > KTIME_MAX / TICK_NSEC / 2 ? KTIME_MAX / 2 : timeout * TICK_NSEC;
	if (!schedule_hrtimeout(&span, HRTIMER_MODE_REL))
		return 0;
	return max((long)(end - jiffies), 0L);
}

long schedule_timeout_interruptible(long timeout)
{
	__set_current_state(TASK_INTERRUPTIBLE);
	return schedule_timeout(timeout);
}

long schedule_timeout_killable(long timeout)
{
	__set_current_state(TASK_KILLABLE);
	return schedule_timeout(timeout);
}

long schedule_timeout_uninterruptible(long timeout)
{
	__set_current_state(TASK_UNINTERRUPTIBLE);
	return schedule_timeout(timeout);
}

long schedule_timeout_idle(long timeout)
{
	__set_current_state(TASK_IDLE);
	return schedule_timeout(timeout);
}

void msleep(unsigned int msecs)
{
	long left = msecs_to_jiffies(msecs);

	while (left)
		left = schedule_timeout_uninterruptible(left);
}

unsigned long msleep_interruptible(unsigned int msecs)
{
	long left = msecs_to_jiffies(msecs);

	while (left && !signal_pending(current))
		left = schedule_timeout_interruptible(left);
	return jiffies_to_msecs(left);
}

void usleep_range(unsigned long min, unsigned long max)
{
	ktime_t until = ktime_get() + (ktime_t)min * NSEC_PER_USEC;

	do {
		__set_current_state(TASK_UNINTERRUPTIBLE);
	} while (schedule_hrtimeout(&until, HRTIMER_MODE_ABS));
}

/* ---- birth ---- */

int sched_fork(unsigned long clone_flags, struct task_struct *p)
{
	struct sched_entity *se = &p->se;

	p->__state = TASK_NEW;
	p->on_rq = 0;
	p->on_cpu = 0;
	p->cpu = smp_processor_id();
	p->wake_q_next = NULL;
	p->in_iowait = 0;
	p->nvcsw = p->nivcsw = 0;
	p->rt_ran = p->rt_slept = 0;
	p->rcu_read_depth = 0;
	p->flags &= ~(PF_NO_SETAFFINITY | PF_IDLE);
	p->worker_private = NULL;
	clear_tsk_thread_flag(p, TIF_NEED_RESCHED);
	spin_lock_init(&p->pi_lock);
	INIT_LIST_HEAD(&p->held_locks);
	INIT_LIST_HEAD(&se->run_list);
	se->sum_exec_runtime = se->rt_charged = 0;
	se->exec_start = 0;
	if (se->reset_on_fork) {
		if (rt_task(p) || se->nice < 0)
			se->nice = 0;
		if (rt_task(p))
			se->policy = SCHED_NORMAL;
		se->rt_priority = 0;
		se->reset_on_fork = 0;
		se->scale = sched_scale(se->policy, se->nice);
		se->time_slice = min(se->time_slice, SLICE_NS);
	}
	if (is_idle_task(current))
		se->time_slice = SLICE_NS;
	if (is_idle_task(current))
		p->cpus_mask = cpu_possible_mask;
	p->nr_cpus_allowed = hweight_long(p->cpus_mask);
	return 0;
}

void wake_up_new_task(struct task_struct *p)
{
	unsigned long flags;
	struct rq *rq;

	local_irq_save(flags);
	if (sched_smp)
		WRITE_ONCE(p->cpu, select_task_rq(p, task_cpu(p), WF_FORK));
	rq = __task_rq_lock(p);
	/*
	 * The child is entitled to what its parent has left in this epoch, here or on another CPU.
	 */
	p->se.epoch = rq->epoch;
	WRITE_ONCE(p->__state, TASK_RUNNING);
	activate_task(rq, p, WF_SYNC);
	task_rq_unlock(rq, flags);
}

void init_idle(struct task_struct *idle, int cpu)
{
	struct rq *rq = cpu_rq(cpu);

	idle->flags |= PF_IDLE | PF_KTHREAD;
	idle->__state = TASK_RUNNING;
	idle->cpu = cpu;
	idle->cpus_mask = BIT(cpu);
	idle->nr_cpus_allowed = 1;
	idle->on_rq = 1;
	idle->on_cpu = 1;
	idle->se.scale = 1024;
	INIT_LIST_HEAD(&idle->se.run_list);
	INIT_LIST_HEAD(&idle->held_locks);
	spin_lock_init(&idle->pi_lock);
	scnprintf(idle->comm, sizeof(idle->comm), "swapper/%d", cpu);
	rq->idle = rq->curr = idle;
}

struct task_struct *idle_task(int cpu)
{
	return cpu_rq(cpu)->idle;
}

void __init sched_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct rq *rq = cpu_rq(cpu);

		spin_lock_init(&rq->lock);
		rq->cpu = cpu;
		init_rq_lists(rq);
	}
	this_cpu_write(current_task, &init_task);
	init_idle(&init_task, smp_processor_id());
	sched_cpu_online(smp_processor_id());
	wait_bit_init();
}

void sched_cpu_online(unsigned int cpu)
{
	cpu_rq(cpu)->online = true;
	if (num_online_cpus() > 1) {
		/* A CPU begins as idle; the flag of the others follows at their next switch. */
		set_bit(cpu, &idle_cpus_mask);
		WRITE_ONCE(sched_smp, true);
	}
}

void __init sched_init_smp(void)
{
	sched_smp = num_online_cpus() > 1;
}

/* ---- tick ---- */

void scheduler_tick(bool user)
{
	struct rq *rq = this_rq();
	struct task_struct *curr = current;
	bool throttled;
	u64 now;

	printk_wake_readers();
	if (curr == rq->idle)
		return;
	spin_lock(&rq->lock);
	now = sched_clock();
	update_curr(rq, curr, now);
	throttled = rt_tick(rq, curr, now);
	if (fair_tick(rq, curr))
		resched_curr(rq);
	spin_unlock(&rq->lock);
	if (unlikely(throttled))
		rt_say_throttled();
	if (sched_smp)
		balance_tick(rq);
}

/* ---- figures ---- */

unsigned int nr_running_cpu(int cpu)
{
	return READ_ONCE(cpu_rq(cpu)->nr_running);
}

unsigned int nr_running(void)
{
	unsigned int sum = 0;
	int cpu;

	for_each_online_cpu(cpu)
		sum += nr_running_cpu(cpu);
	return sum;
}

unsigned int nr_iowait_cpu(int cpu)
{
	return READ_ONCE(cpu_rq(cpu)->nr_iowait);
}

unsigned int nr_iowait(void)
{
	unsigned int sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += nr_iowait_cpu(cpu);
	return sum;
}

unsigned long nr_active(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(cpu_rq(cpu)->nr_running) +
		       READ_ONCE(cpu_rq(cpu)->nr_uninterruptible);
	return max(sum, 0L);
}

unsigned long long nr_context_switches(void)
{
	unsigned long long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(cpu_rq(cpu)->nr_switches);
	return sum;
}

struct task_struct *cpu_curr(int cpu)
{
	return READ_ONCE(cpu_rq(cpu)->curr);
}

bool idle_cpu(int cpu)
{
	struct rq *rq = cpu_rq(cpu);

	return READ_ONCE(rq->curr) == rq->idle && !READ_ONCE(rq->nr_running);
}

u64 task_sched_runtime(struct task_struct *p)
{
	unsigned long flags;
	struct rq *rq = task_rq_lock(p, &flags);
	u64 ns;

	if (rq->curr == p && p != rq->idle)
		update_curr(rq, p, sched_clock());
	ns = p->se.sum_exec_runtime;
	task_rq_unlock(rq, flags);
	return ns;
}
