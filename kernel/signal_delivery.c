/*
 * Receiving signals: what a thread does with them on its way back to user mode, and what parents hear.
 *
 * 1. get_signal() loops: tell the parent of a continuation, take part in a stop, take the next signal, do what its default
 *    action says; until one has a handler, or none is left.
 * 2. Of several pending signals the lowest number comes first, but faults come before all others, so that the frame of a fault's
 *    handler still belongs to the instruction that caused it.
 * 3. A group stop: the thread that dequeues the stop signal sets JOBCTL_STOP_PENDING for all; each stops in do_signal_stop(), the
 *    last one tells the parent. SIGCONT clears the flags and wakes them.
 *
 * Locks: siglock; tasklist_lock around what goes to the parent. Mirrors the second half of Linux kernel/signal.c.
 * Exercised by tests/user/signals.c.
 */
#include "arch/x86/traps.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/coredump.h"
#include "kernel/cred.h"
#include "kernel/exit.h"
#include "kernel/fs/fs.h"
#include "kernel/printk.h"
#include "kernel/rseq.h"
#include "kernel/signal_internal.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/user/mm.h"

/* ---- taking one out of a set ---- */

static int next_signal(const struct sigpending *pending, u64 mask)
{
	u64 set = pending->signal & ~mask;

	if (set & SYNCHRONOUS_MASK)
		set &= SYNCHRONOUS_MASK;
	return set ? __builtin_ctzll(set) + 1 : 0;
}

/* Moves the first queue entry of @sig to @info; the set keeps it if there is a second one. */
static void collect_signal(int sig, struct sigpending *pending, struct kernel_siginfo *info)
{
	struct sigqueue *q, *first = NULL;
	bool more = false;

	list_for_each_entry(q, &pending->list, list) {
		if (q->info.si_signo != sig)
			continue;
		if (first) {
			more = true;
			break;
		}
		first = q;
	}
	if (!more)
		pending->signal &= ~sigmask(sig);
	if (!first) {
		/* There was no memory for its details. */
		clear_siginfo(info);
		info->si_signo = sig;
		info->si_code = SI_USER;
		return;
	}
	list_del(&first->list);
	*info = first->info;
	sigqueue_free(first);
}

int dequeue_signal(u64 mask, struct kernel_siginfo *info)
{
	struct task_struct *tsk = current;
	struct sigpending *pending = &tsk->pending;
	int sig = next_signal(pending, mask);

	if (!sig) {
		pending = &tsk->signal->shared_pending;
		sig = next_signal(pending, mask);
	}
	if (sig)
		collect_signal(sig, pending, info);
	recalc_sigpending();
	/* SIGCONT between now and the stop takes the flag back, and then there is no stop. */
	if (sig && (sigmask(sig) & SIG_KERNEL_STOP))
		tsk->jobctl |= JOBCTL_STOP_DEQUEUED;
	return sig;
}

/* ---- the parent ---- */

void __wake_up_parent(struct task_struct *p, struct task_struct *parent)
{
	wait_queue_head_t *wq = &parent->signal->wait_chldexit;

	if (wq_has_sleeper(wq))
		__wake_up(wq, TASK_INTERRUPTIBLE, 0, p);
}

static void fill_sigchld(struct kernel_siginfo *info, struct task_struct *tsk, int sig)
{
	u64 utime, stime;

	clear_siginfo(info);
	info->si_signo = sig;
	info->si_pid = tsk->pid;
	info->si_uid = tsk->cred->uid;
	utime = tsk->utime + tsk->signal->utime;
	stime = tsk->stime + tsk->signal->stime;
	info->si_utime = nsec_to_clock_t(utime);
	info->si_stime = nsec_to_clock_t(stime);
}

bool do_notify_parent(struct task_struct *tsk, int sig)
{
	struct task_struct *parent = tsk->parent;
	struct kernel_siginfo info;
	const struct k_sigaction *act;
	bool autoreap = false;
	unsigned long flags;

	/* exit_state is set, so pollers of a pidfd see it. */
	wake_up_all(&task_pid(tsk)->wait_pidfd);
	fill_sigchld(&info, tsk, sig);
	info.si_status = tsk->exit_code & 0x7f;
	if (tsk->exit_code & 0x80) {
		info.si_code = CLD_DUMPED;
	} else if (tsk->exit_code & 0x7f) {
		info.si_code = CLD_KILLED;
	} else {
		info.si_code = CLD_EXITED;
		info.si_status = tsk->exit_code >> 8;
	}
	spin_lock_irqsave(&parent->sighand->siglock, flags);
	act = &parent->sighand->action[SIGCHLD - 1];
	if (sig == SIGCHLD && (act->sa_handler == SIG_IGN || (act->sa_flags & SA_NOCLDWAIT))) {
		/* POSIX leaves open whether SA_NOCLDWAIT suppresses the signal: it does not. */
		autoreap = true;
		if (act->sa_handler == SIG_IGN)
			sig = 0;
	}
	/* clone() takes any byte for the exit signal. */
	if (sig && valid_signal(sig))
		send_signal_locked(sig, &info, parent, PIDTYPE_TGID);
	__wake_up_parent(tsk, parent);
	spin_unlock_irqrestore(&parent->sighand->siglock, flags);
	return autoreap;
}

void do_notify_parent_cldstop(struct task_struct *tsk, int why)
{
	struct task_struct *parent;
	struct kernel_siginfo info;
	const struct k_sigaction *act;
	unsigned long flags;

	tsk = tsk->group_leader;
	parent = tsk->real_parent;
	fill_sigchld(&info, tsk, SIGCHLD);
	info.si_code = why;
	info.si_status = why == CLD_CONTINUED ? SIGCONT : tsk->signal->group_exit_code & 0x7f;
	spin_lock_irqsave(&parent->sighand->siglock, flags);
	act = &parent->sighand->action[SIGCHLD - 1];
	if (act->sa_handler != SIG_IGN && !(act->sa_flags & SA_NOCLDSTOP))
		send_signal_locked(SIGCHLD, &info, parent, PIDTYPE_TGID);
	/* Even when it does not want the signal it may sit in wait4(). */
	__wake_up_parent(tsk, parent);
	spin_unlock_irqrestore(&parent->sighand->siglock, flags);
}

/* ---- stopping ---- */

/* @task takes its part in the group stop. True: it was the last, the parent is to be told. => siglock held */
bool task_participate_group_stop(struct task_struct *task)
{
	struct signal_struct *sig = task->signal;
	bool consume = task->jobctl & JOBCTL_STOP_CONSUME;

	task_clear_jobctl_pending(task, JOBCTL_STOP_PENDING);
	if (!consume)
		return false;
	if (sig->group_stop_count)
		sig->group_stop_count--;
	if (sig->group_stop_count || (sig->flags & SIGNAL_STOP_STOPPED))
		return false;
	sig->flags &= ~(SIGNAL_CLD_MASK | SIGNAL_STOP_CONTINUED);
	sig->flags |= SIGNAL_STOP_STOPPED;
	return true;
}

/* Asks every thread to stop. False: SIGCONT or the end came first. => siglock held */
static bool begin_group_stop(int signr)
{
	unsigned long gstop = JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME | signr;
	struct signal_struct *sig = current->signal;
	struct task_struct *t;

	if (!(current->jobctl & JOBCTL_STOP_DEQUEUED) || (sig->flags & SIGNAL_GROUP_EXIT) ||
	    sig->group_exec_task)
		return false;
	if (!(sig->flags & SIGNAL_STOP_STOPPED))
		sig->group_exit_code = signr;
	sig->group_stop_count = 0;
	for_each_thread(current, t) {
		if (task_is_stopped(t) || !task_set_jobctl_pending(t, gstop))
			continue;
		sig->group_stop_count++;
		if (t != current)
			signal_wake_up(t, false);
	}
	return true;
}

/* Stops current until SIGCONT or SIGKILL. False: there was no stop. => siglock held; dropped when true */
static bool do_signal_stop(int signr)
{
	bool last;

	if (!(current->jobctl & JOBCTL_STOP_PENDING) && !begin_group_stop(signr))
		return false;
	last = task_participate_group_stop(current);
	set_current_state(TASK_STOPPED);
	spin_unlock_irq(&current->sighand->siglock);
	if (last) {
		guard(spinlock_irq)(&tasklist_lock);
		do_notify_parent_cldstop(current, CLD_STOPPED);
	}
	schedule();
	return true;
}

/* ---- the loop ---- */

/* A continuation that the parent has not heard of. => siglock held, dropped when true */
static bool report_cldstop(struct signal_struct *signal)
{
	int why;

	if (likely(!(signal->flags & SIGNAL_CLD_MASK)))
		return false;
	why = signal->flags & SIGNAL_CLD_CONTINUED ? CLD_CONTINUED : CLD_STOPPED;
	signal->flags &= ~SIGNAL_CLD_MASK;
	spin_unlock_irq(&current->sighand->siglock);
	guard(spinlock_irq)(&tasklist_lock);
	do_notify_parent_cldstop(current, why);
	return true;
}

/* An exception of current raised it, and current->thread tells which. */
static bool from_exception(const struct kernel_siginfo *info)
{
	unsigned long trap = current->thread.trap_nr;

	if (!(sigmask(info->si_signo) & SYNCHRONOUS_MASK) || info->si_signo == SIGTRAP ||
	    info->si_code <= 0)
		return false;
	/* Without an address it is a protection fault, or no exception at all: the kernel gave up on a frame or an exec. */
	return info->si_code != SI_KERNEL || trap == X86_TRAP_GP || trap == X86_TRAP_SS ||
	       trap == X86_TRAP_NP;
}

/* " in NAME[start+length]" for the file that is mapped at @ip, else nothing. */
static void describe_mapping(char *buf, size_t size, unsigned long ip)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	buf[0] = 0;
	mmap_read_lock(mm);
	vma = vma_lookup(mm, ip);
	if (vma && vma->vm_file)
		scnprintf(buf, size, " in %s[%lx+%lx]", vma->vm_file->f_path.dentry->d_name.name,
			  vma->vm_start, vma->vm_end - vma->vm_start);
	mmap_read_unlock(mm);
}

/* One line in the log for a program that its own fault ends. */
static void log_fatal_fault(const struct kernel_siginfo *info)
{
	const struct thread_struct *t = &current->thread;
	const struct pt_regs *regs = current_pt_regs();
	char where[64];

	if (t->trap_nr != X86_TRAP_PF) {
		show_unhandled_signal(info->si_signo, regs);
		return;
	}
	describe_mapping(where, sizeof(where), regs->ip);
	pr_info_ratelimited("%s[%d]: %s at %lx ip %016lx sp %016lx error %lx%s\n", current->comm,
			    current->pid, info->si_signo == SIGBUS ? "bus error" : "segfault",
			    t->cr2, regs->ip, regs->sp, t->error_code, where);
}

/* The default action of these ends the process. => siglock not held */
static void __noreturn die_of_signal(int sig, const struct kernel_siginfo *info)
{
	current->flags |= PF_SIGNALED;
	if (info && from_exception(info))
		log_fatal_fault(info);
	if (info && (sigmask(sig) & SIG_KERNEL_COREDUMP))
		do_coredump(info);
	do_group_exit(sig);
}

/* What get_signal() does next. */
enum step { STEP_AGAIN, STEP_NEXT, STEP_HANDLE };

/* The default action of @sig, if it does not end the process. => siglock held, dropped for STEP_AGAIN */
static enum step default_action(int sig)
{
	struct signal_struct *signal = current->signal;

	if (sigmask(sig) & SIG_KERNEL_IGNORE)
		return STEP_NEXT;
	if (unlikely(signal->flags & SIGNAL_UNKILLABLE) && !(sigmask(sig) & SIG_KERNEL_ONLY))
		return STEP_NEXT;
	if (!(sigmask(sig) & SIG_KERNEL_STOP))
		return STEP_HANDLE;
	if (sig != SIGSTOP) {
		/* A stop from the terminal means nothing where nobody could continue it. */
		spin_unlock_irq(&current->sighand->siglock);
		if (is_current_pgrp_orphaned())
			return STEP_AGAIN;
		spin_lock_irq(&current->sighand->siglock);
	}
	return do_signal_stop(sig) ? STEP_AGAIN : STEP_NEXT;
}

/* One signal. => siglock held, dropped for STEP_AGAIN; STEP_HANDLE: ks is filled if ks->sig, else nothing is left */
static enum step take_signal(struct ksignal *ks)
{
	struct kernel_siginfo *info = (struct kernel_siginfo *)ks->info;
	struct sighand_struct *sighand = current->sighand;
	struct k_sigaction *ka;
	enum step step;
	int sig;

	if ((current->jobctl & JOBCTL_STOP_PENDING) && do_signal_stop(0))
		return STEP_AGAIN;
	ks->sig = sig = dequeue_signal(current->blocked, info);
	if (!sig)
		return STEP_HANDLE;
	ka = &sighand->action[sig - 1];
	if (ka->sa_handler == SIG_IGN)
		return STEP_NEXT;
	if (ka->sa_handler != SIG_DFL) {
		ks->sa_handler = ka->sa_handler;
		ks->sa_flags = ka->sa_flags;
		ks->sa_restorer = ka->sa_restorer;
		ks->sa_mask = ka->sa_mask;
		if (ka->sa_flags & SA_RESETHAND)
			ka->sa_handler = SIG_DFL;
		return STEP_HANDLE;
	}
	step = default_action(sig);
	if (step == STEP_HANDLE) {
		spin_unlock_irq(&sighand->siglock);
		die_of_signal(sig, info);
	}
	return step;
}

bool get_signal(struct ksignal *ks)
{
	struct sighand_struct *sighand = current->sighand;
	struct signal_struct *signal = current->signal;
	enum step step;

	do {
		spin_lock_irq(&sighand->siglock);
		if (report_cldstop(signal)) {
			step = STEP_AGAIN;
			continue;
		}
		do {
			if (unlikely((signal->flags & SIGNAL_GROUP_EXIT) ||
				     signal->group_exec_task)) {
				current->pending.signal &= ~sigmask(SIGKILL);
				recalc_sigpending();
				spin_unlock_irq(&sighand->siglock);
				die_of_signal(SIGKILL, NULL);
			}
			step = take_signal(ks);
		} while (step == STEP_NEXT);
	} while (step == STEP_AGAIN);
	spin_unlock_irq(&sighand->siglock);
	if (!ks->sig)
		return false;
	memset(ks->info + sizeof(struct kernel_siginfo), 0,
	       SIGINFO_SIZE - sizeof(struct kernel_siginfo));
	return true;
}

/* ---- for arch/x86/signal.c ---- */

static void signal_setup_done(struct ksignal *ks, bool failed)
{
	u64 blocked;

	if (failed) {
		force_sigsegv(ks->sig);
		return;
	}
	/* A restart block belongs to the call that this handler interrupts, which is over. */
	current->restart_block.fn = do_no_restart_syscall;
	/* The mask of sigsuspend() and its kind was saved in the frame. */
	if (test_tsk_thread_flag(current, TIF_RESTORE_SIGMASK))
		clear_tsk_thread_flag(current, TIF_RESTORE_SIGMASK);
	blocked = current->blocked | ks->sa_mask;
	if (!(ks->sa_flags & SA_NODEFER))
		blocked |= sigmask(ks->sig);
	set_current_blocked(blocked);
}

static void restore_saved_sigmask(void)
{
	if (!test_tsk_thread_flag(current, TIF_RESTORE_SIGMASK))
		return;
	clear_tsk_thread_flag(current, TIF_RESTORE_SIGMASK);
	set_current_blocked(current->saved_sigmask);
}

static void force_sigsegv_from_arch(void)
{
	force_sig(SIGSEGV);
}

static const struct signal_ops delivery_ops = {
	.get_signal = get_signal,
	.setup_done = signal_setup_done,
	.set_current_blocked = set_current_blocked,
	.restore_saved_sigmask = restore_saved_sigmask,
	.rseq_notify_resume = rseq_notify_resume,
	.force_sigsegv = force_sigsegv_from_arch,
};

void __init signal_delivery_init(void)
{
	signal_ops = &delivery_ops;
}

/* ---- masks for the length of a call ---- */

int set_user_sigmask(const u64 __user *umask, size_t sigsetsize)
{
	u64 mask;

	if (!umask)
		return 0;
	if (sigsetsize != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, umask, sizeof(mask)))
		return -EFAULT;
	current->saved_sigmask = current->blocked;
	set_tsk_thread_flag(current, TIF_RESTORE_SIGMASK);
	set_current_blocked(mask);
	return 0;
}

void restore_saved_sigmask_unless(bool interrupted)
{
	if (!interrupted)
		restore_saved_sigmask();
}

int copy_siginfo_to_user(void __user *to, const struct kernel_siginfo *from)
{
	if (copy_to_user(to, from, sizeof(*from)))
		return -EFAULT;
	return clear_user((char __user *)to + sizeof(*from), SIGINFO_SIZE - sizeof(*from)) ? -EFAULT
											   : 0;
}

/* ---- the end of a thread ---- */

int zap_other_threads(struct task_struct *p)
{
	struct task_struct *t;
	int count = 0;

	p->signal->group_stop_count = 0;
	for_each_thread(p, t) {
		if (t == p)
			continue;
		task_clear_jobctl_pending(t, JOBCTL_STOP_PENDING);
		count++;
		if (t->exit_state)
			continue;
		t->pending.signal |= sigmask(SIGKILL);
		signal_wake_up(t, true);
	}
	return count;
}

void exit_signals(struct task_struct *tsk)
{
	bool last = false;

	if (thread_group_empty(tsk) || (tsk->signal->flags & SIGNAL_GROUP_EXIT)) {
		tsk->flags |= PF_EXITING;
		return;
	}
	spin_lock_irq(&tsk->sighand->siglock);
	/* From here on nobody gives it shared signals. */
	tsk->flags |= PF_EXITING;
	if (test_tsk_thread_flag(tsk, TIF_SIGPENDING)) {
		retarget_shared_pending(tsk, ~tsk->blocked);
		if (tsk->jobctl & JOBCTL_STOP_PENDING)
			last = task_participate_group_stop(tsk);
	}
	spin_unlock_irq(&tsk->sighand->siglock);
	if (last) {
		guard(spinlock_irq)(&tasklist_lock);
		do_notify_parent_cldstop(tsk, CLD_STOPPED);
	}
}
