/*
 * The tasks' side of the OOM killer: who may be killed, and killing him.
 *
 * Locks: RCU around the list of processes, task_lock for a task's mm. Mirrors the task half of Linux mm/oom_kill.c.
 * Exercised by tests/user/oom.c (tests/boot/test_oom.py).
 */
#include "kernel/init.h"
#include "kernel/pid.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "mm/reclaim/oom_kill.h"

/* The leader may be gone while threads go on: any thread's mm is the process's. */
static void visit_process(struct task_struct *p,
			  void (*fn)(const struct oom_candidate *c, void *arg), void *arg)
{
	struct oom_candidate c = { .task = p, .score_adj = p->signal->oom_score_adj };
	struct task_struct *t;

	for_each_thread(p, t) {
		task_lock(t);
		c.mm = t->mm;
		if (c.mm)
			mmgrab(c.mm);
		task_unlock(t);
		if (!c.mm)
			continue;
		c.dying = (p->signal->flags & SIGNAL_GROUP_EXIT) || fatal_signal_pending(t);
		fn(&c, arg);
		mmdrop(c.mm);
		return;
	}
}

static void oom_for_each(void (*fn)(const struct oom_candidate *c, void *arg), void *arg)
{
	struct task_struct *p;

	rcu_read_lock();
	for_each_process(p) {
		if (p->tgid != 1 && !(p->flags & PF_KTHREAD))
			visit_process(p, fn, arg);
	}
	rcu_read_unlock();
}

static void oom_kill_task(struct task_struct *task)
{
	do_send_sig_info(SIGKILL, SEND_SIG_PRIV, task, PIDTYPE_TGID);
}

static void oom_get(struct task_struct *task)
{
	get_task_struct(task);
}

static void oom_put(struct task_struct *task)
{
	put_task_struct(task);
}

static int oom_register(void)
{
	static const struct oom_task_ops ops = {
		.for_each = oom_for_each,
		.kill = oom_kill_task,
		.get = oom_get,
		.put = oom_put,
	};

	oom_init(&ops);
	return 0;
}
late_initcall(oom_register);
