/*
 * Terminals and sessions: who owns a terminal, which group is in the foreground, and what happens
 * to the others.
 *
 * 1. A session leader without terminal gets one by opening it (without O_NOCTTY) or by TIOCSCTTY;
 *    its session then owns the terminal. Processes inherit it through fork and lose it by setsid()
 *    or TIOCNOTTY.
 * 2. A process in the background that reads, or changes settings, stops: its whole group gets
 *    SIGTTIN or SIGTTOU. If nobody could continue it, or it ignores the signal, the call fails
 *    instead.
 * 3. When the leader exits or the line hangs up, the foreground group gets SIGHUP and SIGCONT and
 *    the session loses the terminal.
 *
 * Locks: tty_mutex for changes of ownership; signal->tty under siglock; tty->session and pgrp under
 * ctrl_lock.
 * Mirrors Linux drivers/tty/tty_jobctrl.c. Exercised by tests/user/{tty,pty}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/dev/chrdev.h"
#include "kernel/dev/tty.h"
#include "kernel/exit.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/signal.h"

static struct pid *ctrl_get(struct tty_struct *tty, struct pid **what)
{
	guard(spinlock_irqsave)(&tty->ctrl_lock);
	return get_pid(*what);
}

/* Takes the references on session and pgrp over; NULL: the terminal is free. */
static void ctrl_set(struct tty_struct *tty, struct pid *session, struct pid *pgrp)
{
	scoped_guard(spinlock_irqsave, &tty->ctrl_lock) {
		swap(tty->session, session);
		swap(tty->pgrp, pgrp);
	}
	put_pid(session);
	put_pid(pgrp);
}

struct pid *tty_get_pgrp(struct tty_struct *tty)
{
	return ctrl_get(tty, &tty->pgrp);
}

void tty_signal_pgrp(struct tty_struct *tty, int sig)
{
	struct pid *pgrp = tty_get_pgrp(tty);

	if (pgrp)
		kill_pgrp(pgrp, sig, 1);
	put_pid(pgrp);
}

struct tty_struct *get_current_tty(void)
{
	guard(spinlock_irqsave)(&current->sighand->siglock);
	return tty_kref_get(current->signal->tty);
}

int __tty_check_change(struct tty_struct *tty, int sig)
{
	struct pid *pgrp = task_pgrp(current), *fg;
	int ret = 0;

	if (current->signal->tty != tty)
		return 0;
	fg = tty_get_pgrp(tty);
	if (fg && fg != pgrp) {
		if (is_ignored_or_blocked(sig)) {
			ret = sig == SIGTTIN ? -EIO : 0;
		} else if (is_current_pgrp_orphaned()) {
			ret = -EIO;
		} else {
			kill_pgrp(pgrp, sig, 1);
			set_tsk_thread_flag(current, TIF_SIGPENDING);
			ret = -ERESTARTSYS;
		}
	}
	put_pid(fg);
	return ret;
}

/* ---- getting one ---- */

static void proc_set_tty(struct tty_struct *tty)
{
	struct signal_struct *sig = current->signal;
	struct tty_struct *old;
	struct pid *old_pgrp;

	ctrl_set(tty, get_pid(task_session(current)), get_pid(task_pgrp(current)));
	scoped_guard(spinlock_irqsave, &current->sighand->siglock) {
		old = sig->tty;
		old_pgrp = sig->tty_old_pgrp;
		sig->tty = tty_kref_get(tty);
		sig->tty_old_pgrp = NULL;
	}
	tty_kref_put(old);
	put_pid(old_pgrp);
}

void tty_open_proc_set_tty(struct file *file, struct tty_struct *tty)
{
	if (current->signal->leader && !current->signal->tty && !tty->session &&
	    (file->f_mode & FMODE_READ))
		proc_set_tty(tty);
}

/* Everyone in the session forgets its terminal. => tasklist_lock held */
static void session_clear_tty(struct pid *session)
{
	struct task_struct *p;

	do_each_pid_task(session, PIDTYPE_SID, p)
	{
		struct sighand_struct *sighand;
		struct tty_struct *tty = NULL;
		unsigned long flags;

		sighand = lock_task_sighand(p, &flags);
		if (!sighand)
			continue;
		swap(p->signal->tty, tty);
		unlock_task_sighand(p, &flags);
		tty_kref_put(tty);
	}
	while_each_pid_task(session, PIDTYPE_SID, p);
}

void tty_leave_session(struct tty_struct *tty)
{
	struct pid *session = ctrl_get(tty, &tty->session);

	if (session) {
		scoped_guard(spinlock_irq, &tasklist_lock)
			session_clear_tty(session);
		ctrl_set(tty, NULL, NULL);
	}
	put_pid(session);
}

static long tiocsctty(struct tty_struct *tty, struct file *file, unsigned long arg)
{
	struct signal_struct *sig = current->signal;

	guard(mutex)(&tty_mutex);
	if (sig->leader && tty->session == task_session(current))
		return 0;
	if (!sig->leader || sig->tty)
		return -EPERM;
	if (tty->session) {
		/* Root may take it away from another session. */
		if (arg != 1 || !capable(CAP_SYS_ADMIN))
			return -EPERM;
		tty_leave_session(tty);
	}
	if (!(file->f_mode & FMODE_READ) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	proc_set_tty(tty);
	return 0;
}

/* ---- losing it ---- */

/* => tasklist_lock and p's siglock held */
static void hangup_member(struct tty_struct *tty, struct task_struct *p, struct pid *fg)
{
	p->signal->tty = NULL;
	if (!p->signal->leader)
		return;
	send_signal_locked(SIGHUP, SEND_SIG_PRIV, p, PIDTYPE_TGID);
	send_signal_locked(SIGCONT, SEND_SIG_PRIV, p, PIDTYPE_TGID);
	put_pid(p->signal->tty_old_pgrp);
	p->signal->tty_old_pgrp = get_pid(fg);
}

void tty_signal_session_leader(struct tty_struct *tty, bool exit_session)
{
	struct pid *session = ctrl_get(tty, &tty->session), *fg = tty_get_pgrp(tty);
	struct task_struct *p;
	unsigned int refs = 0;

	scoped_guard(spinlock_irq, &tasklist_lock) {
		do_each_pid_task(session, PIDTYPE_SID, p)
		{
			struct sighand_struct *sighand;
			unsigned long flags;

			sighand = lock_task_sighand(p, &flags);
			if (!sighand)
				continue;
			if (p->signal->tty == tty) {
				hangup_member(tty, p, fg);
				refs++;
			}
			unlock_task_sighand(p, &flags);
		}
		while_each_pid_task(session, PIDTYPE_SID, p);
	}
	if (fg && exit_session)
		kill_pgrp(fg, SIGHUP, 1);
	ctrl_set(tty, NULL, NULL);
	put_pid(fg);
	put_pid(session);
	while (refs--)
		tty_kref_put(tty);
}

/*
 * A leader exits that lost its terminal before: the group that was in the foreground then is told
 * now.
 */
static void hangup_old_pgrp(void)
{
	struct pid *pgrp = NULL;

	scoped_guard(spinlock_irqsave, &current->sighand->siglock)
		swap(current->signal->tty_old_pgrp, pgrp);
	if (pgrp) {
		kill_pgrp(pgrp, SIGHUP, 1);
		kill_pgrp(pgrp, SIGCONT, 1);
	}
	put_pid(pgrp);
}

static void disassociate_ctty(int on_exit)
{
	struct tty_struct *tty;
	struct pid *fg;

	if (!current->signal->leader)
		return;
	tty = get_current_tty();
	if (!tty) {
		if (on_exit)
			hangup_old_pgrp();
		return;
	}
	mutex_lock(&tty_mutex);
	if (on_exit && MAJOR(tty->device) != UNIX98_PTY_SLAVE_MAJOR) {
		__tty_hangup(tty, true);
	} else {
		fg = tty_get_pgrp(tty);
		if (fg) {
			kill_pgrp(fg, SIGHUP, on_exit);
			if (!on_exit)
				kill_pgrp(fg, SIGCONT, on_exit);
		}
		put_pid(fg);
		tty_leave_session(tty);
	}
	mutex_unlock(&tty_mutex);
	tty_kref_put(tty);
}

static long tiocnotty(struct tty_struct *tty)
{
	if (current->signal->tty != tty)
		return -ENOTTY;
	if (current->signal->leader) {
		disassociate_ctty(0);
		return 0;
	}
	scoped_guard(spinlock_irqsave, &current->sighand->siglock) {
		tty = current->signal->tty;
		current->signal->tty = NULL;
	}
	tty_kref_put(tty);
	return 0;
}

static const struct signal_tty_ops tty_signal_ops = {
	.get = tty_kref_get,
	.put = tty_kref_put,
	.disassociate_ctty = disassociate_ctty,
};

/* ---- the foreground group ---- */

static long tiocspgrp(struct tty_struct *tty, int __user *p)
{
	struct task_struct *member;
	struct pid *pgrp;
	pid_t nr;
	int ret = tty_check_change(tty);

	if (ret)
		return ret == -EIO ? -ENOTTY : ret;
	if (current->signal->tty != tty || tty->session != task_session(current))
		return -ENOTTY;
	if (get_user(nr, p))
		return -EFAULT;
	if (nr < 0)
		return -EINVAL;
	scoped_guard(spinlock_irq, &tasklist_lock) {
		pgrp = find_vpid(nr);
		member = pgrp ? pid_task(pgrp, PIDTYPE_PGID) : NULL;
		if (!pgrp)
			ret = -ESRCH;
		else if (!member || task_session(member) != task_session(current))
			ret = -EPERM;
		else
			get_pid(pgrp);
	}
	if (ret)
		return ret;
	scoped_guard(spinlock_irqsave, &tty->ctrl_lock)
		swap(tty->pgrp, pgrp);
	put_pid(pgrp);
	return 0;
}

static long put_pid_number(struct tty_struct *tty, struct pid **what, int __user *p, bool required)
{
	struct pid *pid = ctrl_get(tty, what);
	pid_t nr = pid_nr(pid);

	put_pid(pid);
	return required && !pid ? -ENOTTY : put_user(nr, p);
}

long tty_jobctrl_ioctl(struct tty_struct *tty, struct file *file, unsigned int cmd,
		       unsigned long arg, bool from_master)
{
	int __user *p = (int __user *)arg;
	bool own = from_master || current->signal->tty == tty;

	switch (cmd) {
	case TIOCSCTTY:
		return tiocsctty(tty, file, arg);
	case TIOCNOTTY:
		return tiocnotty(tty);
	case TIOCGPGRP:
		return own ? put_pid_number(tty, &tty->pgrp, p, false) : -ENOTTY;
	case TIOCSPGRP:
		return tiocspgrp(tty, p);
	case TIOCGSID:
		return own ? put_pid_number(tty, &tty->session, p, true) : -ENOTTY;
	}
	return -ENOIOCTLCMD;
}

/* ---- /proc/PID/stat ---- */

static void tty_numbers(struct task_struct *task, int *nr, int *pgrp)
{
	struct tty_struct *tty = NULL;
	unsigned int minor;
	unsigned long flags;
	struct pid *fg;

	if (lock_task_sighand(task, &flags)) {
		tty = tty_kref_get(task->signal->tty);
		unlock_task_sighand(task, &flags);
	}
	if (!tty)
		return;
	minor = MINOR(tty->device);
	*nr = (minor & 0xff) | MAJOR(tty->device) << 8 | (minor & ~0xffU) << 12;
	fg = tty_get_pgrp(tty);
	*pgrp = fg ? pid_nr(fg) : -1;
	put_pid(fg);
	tty_kref_put(tty);
}

static int __init tty_jobctrl_init(void)
{
	signal_tty_ops = &tty_signal_ops;
	proc_tty_numbers = tty_numbers;
	return 0;
}
fs_initcall(tty_jobctrl_init);
