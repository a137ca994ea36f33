/*
 * The system calls of signals: rt_sig*, kill and its kin, sigaltstack, pause, restart_syscall.
 *
 * Locks: siglock for actions and masks; kill(-1) and kill(-pgrp) hold tasklist_lock.
 * Mirrors the last third of Linux kernel/signal.c. Exercised by tests/user/{signals,sigwait}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/signal_internal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/timer.h"
#include "lib/errno.h"

#define SA_KNOWN_FLAGS                                                                      \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_RESTART | \
	 SA_NODEFER | SA_RESETHAND)

/* ---- actions and masks ---- */

static int do_sigaction(int sig, struct k_sigaction *act, struct k_sigaction *oact)
{
	struct task_struct *p = current, *t;
	bool ignore;

	if (sig < 1 || !valid_signal(sig) || (act && (sigmask(sig) & SIG_KERNEL_ONLY)))
		return -EINVAL;
	guard(spinlock_irq)(&p->sighand->siglock);
	if (oact)
		*oact = p->sighand->action[sig - 1];
	if (!act)
		return 0;
	act->sa_mask &= ~SIG_KERNEL_ONLY;
	act->sa_flags &= SA_KNOWN_FLAGS;
	set_action(p->sighand, sig, act);
	/* POSIX: setting "ignore" discards what is pending, blocked or not. */
	ignore = act->sa_handler == SIG_IGN ||
		 (act->sa_handler == SIG_DFL && (sigmask(sig) & SIG_KERNEL_IGNORE));
	if (ignore) {
		flush_sigqueue_mask(sigmask(sig), &p->signal->shared_pending);
		for_each_thread(p, t)
			flush_sigqueue_mask(sigmask(sig), &t->pending);
	}
	return 0;
}

static long sys_rt_sigaction(int sig, const struct k_sigaction __user *uact,
			     struct k_sigaction __user *uoact, size_t sigsetsize)
{
	struct k_sigaction act, oact;
	int ret;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (uact && copy_from_user(&act, uact, sizeof(act)))
		return -EFAULT;
	ret = do_sigaction(sig, uact ? &act : NULL, uoact ? &oact : NULL);
	if (!ret && uoact && copy_to_user(uoact, &oact, sizeof(oact)))
		return -EFAULT;
	return ret;
}
SYSCALL(13, rt_sigaction);

static long sys_rt_sigprocmask(int how, const u64 __user *uset, u64 __user *uoset,
			       size_t sigsetsize)
{
	u64 old = current->blocked, new;
	int err;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (uset) {
		if (get_user(new, uset))
			return -EFAULT;
		err = sigprocmask(how, &new, NULL);
		if (err)
			return err;
	}
	return uoset && put_user(old, uoset) ? -EFAULT : 0;
}
SYSCALL(14, rt_sigprocmask);

static long sys_rt_sigpending(u64 __user *uset, size_t sigsetsize)
{
	u64 set;

	if (sigsetsize > sizeof(set))
		return -EINVAL;
	spin_lock_irq(&current->sighand->siglock);
	set = (current->pending.signal | current->signal->shared_pending.signal) & current->blocked;
	spin_unlock_irq(&current->sighand->siglock);
	return copy_to_user(uset, &set, sigsetsize) ? -EFAULT : 0;
}
SYSCALL(127, rt_sigpending);

static void wait_for_signal(void)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (signal_pending(current))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static long sys_rt_sigsuspend(const u64 __user *uset, size_t sigsetsize)
{
	u64 set;

	if (sigsetsize != sizeof(set))
		return -EINVAL;
	if (get_user(set, uset))
		return -EFAULT;
	current->saved_sigmask = current->blocked;
	set_current_blocked(set);
	wait_for_signal();
	/* The old mask comes back when the handler's frame has been written, or when there was none. */
	set_tsk_thread_flag(current, TIF_RESTORE_SIGMASK);
	return -ERESTARTNOHAND;
}
SYSCALL(130, rt_sigsuspend);

static long sys_pause(void)
{
	wait_for_signal();
	return -ERESTARTNOHAND;
}
SYSCALL(34, pause);

/* Takes a signal of @which, waiting until @timeout (NULL: for ever). */
static int do_sigtimedwait(u64 which, struct kernel_siginfo *info, const struct timespec64 *ts)
{
	ktime_t timeout = ts ? timespec64_to_ktime(*ts) : KTIME_MAX;
	struct task_struct *tsk = current;
	u64 mask = ~(which & ~SIG_KERNEL_ONLY);
	int sig, ret = 0;

	spin_lock_irq(&tsk->sighand->siglock);
	sig = dequeue_signal(mask, info);
	if (!sig && timeout) {
		/* Unblocked for the sleep, so that they wake; real_blocked keeps them from being acted on. */
		tsk->real_blocked = tsk->blocked;
		tsk->blocked &= mask;
		recalc_sigpending();
		spin_unlock_irq(&tsk->sighand->siglock);
		__set_current_state(TASK_INTERRUPTIBLE);
		ret = schedule_hrtimeout(ts ? &timeout : NULL, HRTIMER_MODE_REL);
		spin_lock_irq(&tsk->sighand->siglock);
		__set_task_blocked(tsk, tsk->real_blocked);
		tsk->real_blocked = 0;
		sig = dequeue_signal(mask, info);
	}
	spin_unlock_irq(&tsk->sighand->siglock);
	if (sig)
		return sig;
	return ret ? -EINTR : -EAGAIN;
}

static long sys_rt_sigtimedwait(const u64 __user *uthese, void __user *uinfo,
				const struct timespec64 __user *uts, size_t sigsetsize)
{
	struct kernel_siginfo info;
	struct timespec64 ts;
	u64 these;
	int ret;

	if (sigsetsize != sizeof(these))
		return -EINVAL;
	if (get_user(these, uthese))
		return -EFAULT;
	if (uts) {
		if (copy_from_user(&ts, uts, sizeof(ts)))
			return -EFAULT;
		if (!timespec64_valid(&ts))
			return -EINVAL;
	}
	ret = do_sigtimedwait(these, &info, uts ? &ts : NULL);
	if (ret > 0 && uinfo && copy_siginfo_to_user(uinfo, &info))
		return -EFAULT;
	return ret;
}
SYSCALL(128, rt_sigtimedwait);

/* ---- sending ---- */

static struct kernel_siginfo sent_by_current(int sig, int code)
{
	struct kernel_siginfo info = { .si_signo = sig, .si_code = code };

	info.si_pid = task_tgid_nr(current);
	info.si_uid = current_uid();
	return info;
}

/* Everyone whom current may signal, but process 1 and itself. => tasklist_lock held */
static int kill_everyone(int sig, struct kernel_siginfo *info)
{
	struct task_struct *p;
	int ret = 0, count = 0;

	for_each_process(p) {
		int err;

		if (task_pid_nr(p) <= 1 || same_thread_group(p, current))
			continue;
		err = group_send_sig_info(sig, info, p, PIDTYPE_TGID);
		count++;
		if (err != -EPERM)
			ret = err;
	}
	return count ? ret : -ESRCH;
}

static long sys_kill(pid_t nr, int sig)
{
	struct kernel_siginfo info = sent_by_current(sig, SI_USER);
	struct pid *pid;
	int ret;

	if (nr > 0) {
		pid = find_get_pid(nr);
		ret = pid ? kill_pid_info(sig, &info, pid) : -ESRCH;
		put_pid(pid);
		return ret;
	}
	if (nr == INT_MIN)
		return -ESRCH;
	guard(spinlock_irq)(&tasklist_lock);
	if (nr == -1)
		return kill_everyone(sig, &info);
	return __kill_pgrp_info(sig, &info, nr ? find_vpid(-nr) : task_pgrp(current));
}
SYSCALL(62, kill);

/* To one thread; tgid 0: of whatever process. */
static int send_specific(pid_t tgid, pid_t nr, int sig, struct kernel_siginfo *info)
{
	struct task_struct *p;
	int ret = -ESRCH;

	guard(rcu)();
	p = find_task_by_vpid(nr);
	if (!p || (tgid > 0 && task_tgid_nr(p) != tgid))
		return -ESRCH;
	ret = check_kill_permission(sig, info, p);
	if (!ret && sig) {
		ret = do_send_sig_info(sig, info, p, PIDTYPE_PID);
		/* It exits: POSIX counts it as there as long as its number is. */
		if (ret == -ESRCH)
			ret = 0;
	}
	return ret;
}

static long sys_tgkill(pid_t tgid, pid_t nr, int sig)
{
	struct kernel_siginfo info = sent_by_current(sig, SI_TKILL);

	return nr <= 0 || tgid <= 0 ? -EINVAL : send_specific(tgid, nr, sig, &info);
}
SYSCALL(234, tgkill);

static long sys_tkill(pid_t nr, int sig)
{
	struct kernel_siginfo info = sent_by_current(sig, SI_TKILL);

	return nr <= 0 ? -EINVAL : send_specific(0, nr, sig, &info);
}
SYSCALL(200, tkill);

/* A program may not pretend to be the kernel, or kill(), towards others. */
static int get_queued_info(struct kernel_siginfo *info, const void __user *uinfo, int sig,
			   pid_t target)
{
	if (copy_from_user(info, uinfo, sizeof(*info)))
		return -EFAULT;
	info->si_signo = sig;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && task_pid_nr(current) != target)
		return -EPERM;
	return 0;
}

static long sys_rt_sigqueueinfo(pid_t nr, int sig, const void __user *uinfo)
{
	struct kernel_siginfo info;
	int ret = get_queued_info(&info, uinfo, sig, nr);
	struct pid *pid;

	if (ret)
		return ret;
	pid = find_get_pid(nr);
	ret = pid ? kill_pid_info(sig, &info, pid) : -ESRCH;
	put_pid(pid);
	return ret;
}
SYSCALL(129, rt_sigqueueinfo);

static long sys_rt_tgsigqueueinfo(pid_t tgid, pid_t nr, int sig, const void __user *uinfo)
{
	struct kernel_siginfo info;
	int ret;

	if (nr <= 0 || tgid <= 0)
		return -EINVAL;
	ret = get_queued_info(&info, uinfo, sig, nr);
	return ret ? ret : send_specific(tgid, nr, sig, &info);
}
SYSCALL(297, rt_tgsigqueueinfo);

/* ---- the alternate stack ---- */

static int set_altstack(const struct user_stack *ss, unsigned long sp)
{
	struct task_struct *t = current;
	int mode = ss->ss_flags & ~SS_AUTODISARM;

	if (on_sig_stack(sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		t->sas_ss_sp = 0;
		t->sas_ss_size = 0;
	} else {
		if (ss->ss_size < MINSIGSTKSZ)
			return -ENOMEM;
		t->sas_ss_sp = ss->ss_sp;
		t->sas_ss_size = ss->ss_size;
	}
	t->sas_ss_flags = ss->ss_flags;
	return 0;
}

static long sys_sigaltstack(const struct user_stack __user *uss, struct user_stack __user *uoss)
{
	unsigned long sp = current_pt_regs()->sp;
	struct user_stack old = { 0 }, new;
	int err;

	old.ss_sp = current->sas_ss_sp;
	old.ss_size = current->sas_ss_size;
	old.ss_flags = !current->sas_ss_size ? SS_DISABLE : on_sig_stack(sp) ? SS_ONSTACK : 0;
	old.ss_flags |= current->sas_ss_flags & SS_AUTODISARM;
	if (uss) {
		if (copy_from_user(&new, uss, sizeof(new)))
			return -EFAULT;
		err = set_altstack(&new, sp);
		if (err)
			return err;
	}
	return uoss && copy_to_user(uoss, &old, sizeof(old)) ? -EFAULT : 0;
}
SYSCALL(131, sigaltstack);

/* ---- restart ---- */

long do_no_restart_syscall(struct restart_block *param)
{
	return -EINTR;
}

static long sys_restart_syscall(void)
{
	struct restart_block *restart = &current->restart_block;

	return restart->fn(restart);
}
SYSCALL(219, restart_syscall);
