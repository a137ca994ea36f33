/*
 * What all tasks do just now, for the log.
 *
 * A task that sleeps cannot wake while its run queue is locked, so its stack is still there and does not change while it is
 * walked; printing comes after. Mirrors Linux kernel/sched/core.c (sched_show_task). Exercised by tests/boot/test_oops.py.
 */
#include "arch/x86/stacktrace.h"
#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "kernel/sched/sched.h"
#include "kernel/signal.h"

#define MAX_FRAMES 24

static char state_letter(const struct task_struct *p, unsigned int state)
{
	if (p->exit_state)
		return 'Z';
	if (state & __TASK_STOPPED)
		return 'T';
	if (state & TASK_NOLOAD)
		return 'I';
	if (state & TASK_UNINTERRUPTIBLE)
		return 'D';
	return state & TASK_INTERRUPTIBLE ? 'S' : 'R';
}

unsigned int sched_sleeper_stack(struct task_struct *p, unsigned long *entries, unsigned int max)
{
	unsigned long flags;
	struct rq *rq = task_rq_lock(p, &flags);
	unsigned int n = 0;

	if (!p->on_rq && !p->on_cpu && !(p->__state & (TASK_DEAD | TASK_NEW)))
		n = stack_trace_save_tsk(p, entries, max);
	task_rq_unlock(rq, flags);
	return n;
}

static void show_task(struct task_struct *p)
{
	unsigned long entries[MAX_FRAMES];
	unsigned int n = sched_sleeper_stack(p, entries, MAX_FRAMES), state = p->__state;

	printk(KERN_INFO "task:%-15.15s state:%c pid:%-5d ppid:%-5d flags:0x%08x\n", p->comm,
	       state_letter(p, state), p->pid, task_ppid_nr(p), p->flags);
	for (unsigned int i = 0; i < n; i++)
		printk(KERN_INFO " %pB\n", (void *)entries[i]);
}

void show_state(void)
{
	struct task_struct *p, *t;

	guard(rcu)();
	for_each_process_thread(p, t)
		show_task(t);
}
