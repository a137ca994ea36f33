/*
 * How threads and processes end.
 *
 * 1. do_exit() releases what current holds: memory, files, directory, terminal. It keeps what its reaper wants to read: the
 *    task_struct, exit code, times, and the number.
 * 2. exit_notify() finds new parents for the children, wakes the parent, and decides whether current becomes a zombie or vanishes.
 * 3. release_task() is the last step, done by the reaper (or by itself when nobody waits): out of all lists, number freed.
 * 4. do_task_dead() switches away for ever; the next task frees the stack.
 *
 * Locks: tasklist_lock > siglock. Mirrors the first half of Linux kernel/exit.c. Exercised by tests/user/{process,threadends}.c.
 */
#include "kernel/exit.h"
#include "kernel/coredump.h"

#include "arch/x86/tlb.h"
#include "arch/x86/traps.h"
#include "kernel/bug.h"
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/printk.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/trace/sched.h"
#include "lib/errno.h"
#include "mm/user/mempolicy.h"
#include "mm/user/mm.h"

/* ---- out of the lists ---- */

static void delayed_put_task(struct rcu_head *head)
{
	put_task_struct(container_of((void **)head, struct task_struct, rcu_next[0]));
}

static void unhash_process(struct task_struct *p, bool group_dead)
{
	p->signal->nr_threads--;
	forget_thread();
	detach_pid(p, PIDTYPE_PID);
	if (group_dead) {
		detach_pid(p, PIDTYPE_TGID);
		detach_pid(p, PIDTYPE_PGID);
		detach_pid(p, PIDTYPE_SID);
		list_del_rcu(&p->tasks);
		list_del_init(&p->sibling);
	}
	list_del_rcu(&p->thread_node);
}

/* What the thread used goes into the sums of its process. => siglock held */
static void add_thread_times(struct signal_struct *sig, struct task_struct *tsk)
{
	sig->utime += tsk->utime;
	sig->stime += tsk->stime;
	sig->sum_sched_runtime += tsk->se.sum_exec_runtime;
	sig->min_flt += tsk->min_flt;
	sig->maj_flt += tsk->maj_flt;
	task_io_add(&sig->ioac, &tsk->ioac);
	sig->nvcsw += tsk->nvcsw;
	sig->nivcsw += tsk->nivcsw;
}

/* => tasklist_lock held, interrupts off */
static void exit_signal_struct(struct task_struct *tsk)
{
	bool group_dead = thread_group_leader(tsk);
	struct sighand_struct *sighand = tsk->sighand;
	struct signal_struct *sig = tsk->signal;
	struct tty_struct *tty = NULL;

	spin_lock(&sighand->siglock);
	if (group_dead) {
		tty = sig->tty;
		sig->tty = NULL;
	} else {
		/* The thread in exec waits until all others are gone. */
		if (sig->notify_count > 0 && !--sig->notify_count)
			wake_up_process(sig->group_exec_task);
		if (tsk == sig->curr_target)
			sig->curr_target = NULL;
	}
	add_thread_times(sig, tsk);
	unhash_process(tsk, group_dead);
	flush_sigqueue(&tsk->pending);
	if (group_dead)
		flush_sigqueue(&sig->shared_pending);
	WRITE_ONCE(tsk->sighand, NULL);
	spin_unlock(&sighand->siglock);
	__cleanup_sighand(sighand);
	clear_tsk_thread_flag(tsk, TIF_SIGPENDING);
	if (tty)
		signal_tty_ops->put(tty);
}

void release_task(struct task_struct *p)
{
	struct task_struct *leader;
	bool zap_leader;

	do {
		zap_leader = false;
		spin_lock_irq(&tasklist_lock);
		leader = p->group_leader;
		exit_signal_struct(p);
		/* The last thread takes a leader with it that is dead and that nobody wants. */
		if (leader != p && thread_group_empty(leader) &&
		    leader->exit_state == EXIT_ZOMBIE) {
			zap_leader = do_notify_parent(leader, leader->exit_signal);
			if (zap_leader)
				leader->exit_state = EXIT_DEAD;
		}
		spin_unlock_irq(&tasklist_lock);
		umount_dead();
		call_rcu((struct rcu_head *)p->rcu_next, delayed_put_task);
		p = leader;
	} while (zap_leader);
}

/* ---- orphaned process groups ---- */

/* Is there a member, not @ignored, whose parent is of the same session but another group? => tasklist_lock held */
static bool will_become_orphaned_pgrp(struct pid *pgrp, struct task_struct *ignored)
{
	struct task_struct *p;

	do_each_pid_task(pgrp, PIDTYPE_PGID, p)
	{
		if (p == ignored || (p->exit_state && thread_group_empty(p)) ||
		    p->real_parent->tgid == 1)
			continue;
		if (task_pgrp(p->real_parent) != pgrp &&
		    task_session(p->real_parent) == task_session(p))
			return false;
	}
	while_each_pid_task(pgrp, PIDTYPE_PGID, p);
	return true;
}

bool is_current_pgrp_orphaned(void)
{
	guard(spinlock_irq)(&tasklist_lock);
	return will_become_orphaned_pgrp(task_pgrp(current), NULL);
}

static bool has_stopped_jobs(struct pid *pgrp)
{
	struct task_struct *p;

	do_each_pid_task(pgrp, PIDTYPE_PGID, p)
	{
		if (p->signal->flags & SIGNAL_STOP_STOPPED)
			return true;
	}
	while_each_pid_task(pgrp, PIDTYPE_PGID, p);
	return false;
}

/*
 * The tie between @tsk and its parent is about to end (@parent NULL: tsk exits; else: parent exits): if it was the last one of
 * tsk's group to the rest of the session, stopped members are woken to their end. => tasklist_lock held
 */
static void kill_orphaned_pgrp(struct task_struct *tsk, struct task_struct *parent)
{
	struct pid *pgrp = task_pgrp(tsk);
	struct task_struct *ignored = parent ? NULL : tsk;

	if (!parent)
		parent = tsk->real_parent;
	if (task_pgrp(parent) == pgrp || task_session(parent) != task_session(tsk))
		return;
	if (will_become_orphaned_pgrp(pgrp, ignored) && has_stopped_jobs(pgrp)) {
		__kill_pgrp_info(SIGHUP, SEND_SIG_PRIV, pgrp);
		__kill_pgrp_info(SIGCONT, SEND_SIG_PRIV, pgrp);
	}
}

/* ---- new parents ---- */

static struct task_struct *find_alive_thread(struct task_struct *p)
{
	struct task_struct *t;

	for_each_thread(p, t)
		if (!(t->flags & PF_EXITING))
			return t;
	return NULL;
}

/* Who gets the children of @father: a thread of his, the nearest living subreaper, process 1. */
static struct task_struct *find_new_reaper(struct task_struct *father)
{
	struct task_struct *reaper, *thread = find_alive_thread(father);

	if (thread)
		return thread;
	if (father->signal->has_child_subreaper) {
		for (reaper = father->real_parent; !same_thread_group(reaper, child_reaper);
		     reaper = reaper->real_parent) {
			if (reaper == &init_task)
				break;
			if (!reaper->signal->is_child_subreaper)
				continue;
			thread = find_alive_thread(reaper);
			if (thread)
				return thread;
		}
	}
	return child_reaper;
}

/* The new parent learns of a child that is dead already. => tasklist_lock held */
static void reparent_leader(struct task_struct *father, struct task_struct *p,
			    struct list_head *dead)
{
	if (unlikely(p->exit_state == EXIT_DEAD))
		return;
	p->exit_signal = SIGCHLD;
	if (p->exit_state == EXIT_ZOMBIE && thread_group_empty(p) &&
	    do_notify_parent(p, p->exit_signal)) {
		p->exit_state = EXIT_DEAD;
		list_add(&p->dead_entry, dead);
	}
	kill_orphaned_pgrp(p, father);
}

static void forget_original_parent(struct task_struct *father, struct list_head *dead)
{
	struct task_struct *reaper, *p, *t;

	if (list_empty(&father->children))
		return;
	reaper = find_new_reaper(father);
	list_for_each_entry(p, &father->children, sibling) {
		for_each_thread(p, t) {
			t->real_parent = t->parent = reaper;
			if (t->pdeath_signal)
				group_send_sig_info(t->pdeath_signal, SEND_SIG_NOINFO, t,
						    PIDTYPE_TGID);
		}
		if (!same_thread_group(reaper, father))
			reparent_leader(father, p, dead);
	}
	list_splice_tail_init(&father->children, &reaper->children);
}

/* ---- do_exit ---- */

static void exit_notify(struct task_struct *tsk, bool group_dead)
{
	struct task_struct *p, *next;
	bool autoreap = true;
	LIST_HEAD(dead);

	spin_lock_irq(&tasklist_lock);
	forget_original_parent(tsk, &dead);
	if (group_dead)
		kill_orphaned_pgrp(tsk->group_leader, NULL);
	tsk->exit_state = EXIT_ZOMBIE;
	if (thread_group_leader(tsk))
		autoreap = thread_group_empty(tsk) && do_notify_parent(tsk, tsk->exit_signal);
	/* Nobody waits for kernel threads. */
	if (autoreap || (tsk->flags & PF_KTHREAD)) {
		tsk->exit_state = EXIT_DEAD;
		list_add(&tsk->dead_entry, &dead);
	}
	/* exec in another thread waits for this leader to be a zombie. */
	if (unlikely(tsk->signal->notify_count < 0))
		wake_up_process(tsk->signal->group_exec_task);
	spin_unlock_irq(&tasklist_lock);
	list_for_each_entry_safe(p, next, &dead, dead_entry) {
		list_del_init(&p->dead_entry);
		release_task(p);
	}
}

void note_maxrss(struct signal_struct *sig, struct mm_struct *mm)
{
	unsigned long kib = max(mm->hiwater_rss, get_mm_rss(mm)) << (PAGE_SHIFT - 10);

	if (sig->maxrss < kib)
		sig->maxrss = kib;
}

static void exit_mm(struct task_struct *tsk)
{
	struct mm_struct *mm = tsk->mm;

	if (!mm)
		return;
	exit_mm_release(tsk, mm);
	task_lock(tsk);
	local_irq_disable();
	tsk->mm = tsk->active_mm = NULL;
	enter_lazy_tlb(&mm->context, tsk);
	local_irq_enable();
	task_unlock(tsk);
	mmput(mm);
}

void do_exit(long code)
{
	struct task_struct *tsk = current;
	bool group_dead;

	WARN_ON(irqs_disabled());
	if (unlikely(in_interrupt()))
		panic("Aiee, killing interrupt handler!");
	if (unlikely(!tsk->pid))
		panic("Attempted to kill the idle task!");
	/* A fault on the way out ends here again: nothing more can be released safely. */
	if (unlikely(tsk->flags & PF_EXITING)) {
		pr_alert("Fixing recursive fault but reboot is needed!\n");
		do_task_dead();
	}
	trace_sched_process_exit(tsk);
	coredump_task_exit(tsk);
	exit_signals(tsk);
	group_dead = __atomic_sub_fetch(&tsk->signal->live, 1, __ATOMIC_SEQ_CST) == 0;
	if (group_dead) {
		if (unlikely(tsk->tgid == 1))
			panic("Attempted to kill init! exitcode=0x%08x\n",
			      tsk->signal->group_exit_code ? tsk->signal->group_exit_code
							   : (int)code);
		exit_itimers(tsk->signal);
		if (tsk->mm)
			note_maxrss(tsk->signal, tsk->mm);
	}
	tsk->exit_code = code;
	exit_mm(tsk);
	exit_files(tsk);
	exit_fs(tsk);
	mpol_put_task_policy(tsk);
	if (group_dead && tsk->signal->leader && signal_tty_ops)
		signal_tty_ops->disassociate_ctty(1);
	exit_notify(tsk, group_dead);
	do_task_dead();
}

void make_task_dead(int signr)
{
	do_exit(signr);
}

void do_group_exit(int exit_code)
{
	struct signal_struct *sig = current->signal;

	if (sig->flags & SIGNAL_GROUP_EXIT) {
		exit_code = sig->group_exit_code;
	} else if (sig->group_exec_task) {
		exit_code = 0;
	} else {
		guard(spinlock_irq)(&current->sighand->siglock);
		if (sig->flags & SIGNAL_GROUP_EXIT) {
			exit_code = sig->group_exit_code;
		} else if (sig->group_exec_task) {
			exit_code = 0;
		} else {
			sig->group_exit_code = exit_code;
			sig->flags = SIGNAL_GROUP_EXIT;
			zap_other_threads(current);
		}
	}
	do_exit(exit_code);
}

static long sys_exit(int code)
{
	do_exit((code & 0xff) << 8);
}
SYSCALL(60, exit);

static long sys_exit_group(int code)
{
	do_group_exit((code & 0xff) << 8);
}
SYSCALL(231, exit_group);
