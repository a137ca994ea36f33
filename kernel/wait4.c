/*
 * Waiting for children: wait4, waitid.
 *
 * 1. The waiter enters signal->wait_chldexit first and looks then, so a child that ends meanwhile wakes it.
 * 2. One pass looks at each child that the caller asks for and sorts it: to be reaped, stopped, continued, still running
 *    (worth sleeping for), or not eligible. If no child is eligible at all the answer is -ECHILD.
 * 3. Every thread of a process may wait for the children of all its threads.
 *
 * Locks: tasklist_lock during the pass; a zombie is claimed by changing its exit_state before the lock is dropped.
 * Mirrors the second half of Linux kernel/exit.c. Exercised by tests/user/process.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/exit.h"
#include "kernel/pidfd.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/string.h"

/* What waitid() puts into siginfo. */
struct waitid_info {
	pid_t pid;
	u32 uid;
	int status, cause;
};

struct wait_opts {
	enum pid_type type; /* PIDTYPE_MAX: any child */
	struct pid *pid;
	int flags;
	struct waitid_info *info;
	int stat; /* wait4's status */
	struct rusage *rusage;
	bool nonblock;	  /* EAGAIN rather than nothing */
	int notask_error; /* 0: some child is worth waiting for */
};

/* A pass answers: */
#define WAIT_MORE 0 /* nothing found here, the lock is still held */
/* else: the child's number or -errno, and the lock is dropped */

static bool eligible_child(struct wait_opts *wo, struct task_struct *p)
{
	if (wo->type != PIDTYPE_MAX && task_pid_type(p, wo->type) != wo->pid)
		return false;
	/* Children that do not send SIGCHLD are "clone children". */
	if (wo->flags & __WALL)
		return true;
	return (p->exit_signal != SIGCHLD) == !!(wo->flags & __WCLONE);
}

static void fill_info(struct wait_opts *wo, struct task_struct *p, int cause, int status)
{
	if (!wo->info)
		return;
	wo->info->pid = task_pid_nr(p);
	wo->info->uid = p->cred->uid;
	wo->info->cause = cause;
	wo->info->status = status;
}

/* Cause and status of an exit code. */
static void fill_exit_info(struct wait_opts *wo, struct task_struct *p, int code)
{
	if (code & 0x7f)
		fill_info(wo, p, code & 0x80 ? CLD_DUMPED : CLD_KILLED, code & 0x7f);
	else
		fill_info(wo, p, CLD_EXITED, code >> 8);
}

/* The child's sums, and those of its children, go to current. */
static void add_child_times(struct task_struct *p)
{
	struct signal_struct *psig = current->signal, *sig = p->signal;
	u64 utime, stime;

	thread_group_cputime_adjusted(p, &utime, &stime);
	guard(spinlock_irq)(&current->sighand->siglock);
	psig->cutime += utime + sig->cutime;
	psig->cstime += stime + sig->cstime;
	psig->cmin_flt += p->min_flt + sig->min_flt + sig->cmin_flt;
	psig->cmaj_flt += p->maj_flt + sig->maj_flt + sig->cmaj_flt;
	psig->cnvcsw += p->nvcsw + sig->nvcsw + sig->cnvcsw;
	psig->cnivcsw += p->nivcsw + sig->nivcsw + sig->cnivcsw;
	psig->cmaxrss = max3(psig->cmaxrss, sig->maxrss, sig->cmaxrss);
}

/* Reports p and leaves it as it is. => tasklist_lock held, dropped */
static long report_only(struct wait_opts *wo, struct task_struct *p)
{
	pid_t pid = task_pid_nr(p);

	get_task_struct(p);
	spin_unlock_irq(&tasklist_lock);
	if (wo->rusage)
		getrusage(p, RUSAGE_BOTH, wo->rusage);
	put_task_struct(p);
	return pid;
}

/* => tasklist_lock held */
static long wait_task_zombie(struct wait_opts *wo, struct task_struct *p)
{
	pid_t pid = task_pid_nr(p);
	int status;

	if (!(wo->flags & WEXITED))
		return WAIT_MORE;
	status = p->signal->flags & SIGNAL_GROUP_EXIT ? p->signal->group_exit_code : p->exit_code;
	fill_exit_info(wo, p, status);
	wo->stat = status;
	if (wo->flags & WNOWAIT)
		return report_only(wo, p);
	/* Ours from here on: no other thread finds a zombie. */
	p->exit_state = EXIT_DEAD;
	spin_unlock_irq(&tasklist_lock);
	add_child_times(p);
	if (wo->rusage)
		getrusage(p, RUSAGE_BOTH, wo->rusage);
	release_task(p);
	return pid;
}

/* Reports what was found in a living child. => tasklist_lock held, dropped */
static long report_living(struct wait_opts *wo, struct task_struct *p, int cause, int status,
			  int stat)
{
	fill_info(wo, p, cause, status);
	wo->stat = stat;
	return report_only(wo, p);
}

static long wait_task_stopped(struct wait_opts *wo, struct task_struct *p)
{
	int code = 0;

	if (!(wo->flags & WUNTRACED))
		return WAIT_MORE;
	scoped_guard(spinlock, &p->sighand->siglock) {
		if (p->signal->flags & SIGNAL_STOP_STOPPED) {
			code = p->signal->group_exit_code;
			if (!(wo->flags & WNOWAIT))
				p->signal->group_exit_code = 0;
		}
	}
	return code ? report_living(wo, p, CLD_STOPPED, code, code << 8 | 0x7f) : WAIT_MORE;
}

static long wait_task_continued(struct wait_opts *wo, struct task_struct *p)
{
	bool continued;

	if (!(wo->flags & WCONTINUED) || !(p->signal->flags & SIGNAL_STOP_CONTINUED))
		return WAIT_MORE;
	scoped_guard(spinlock, &p->sighand->siglock) {
		continued = p->signal->flags & SIGNAL_STOP_CONTINUED;
		if (continued && !(wo->flags & WNOWAIT))
			p->signal->flags &= ~SIGNAL_STOP_CONTINUED;
	}
	return continued ? report_living(wo, p, CLD_CONTINUED, SIGCONT, 0xffff) : WAIT_MORE;
}

/* => tasklist_lock held */
static long wait_consider_task(struct wait_opts *wo, struct task_struct *p)
{
	long ret;

	if (p->exit_state == EXIT_DEAD || !eligible_child(wo, p))
		return WAIT_MORE;
	/* A dead leader counts as alive while other threads of its process run. */
	if (p->exit_state == EXIT_ZOMBIE && thread_group_empty(p))
		return wait_task_zombie(wo, p);
	wo->notask_error = 0;
	ret = wait_task_stopped(wo, p);
	return ret ? ret : wait_task_continued(wo, p);
}

/* The children of all threads of current. => tasklist_lock held */
static long wait_any_child(struct wait_opts *wo)
{
	struct task_struct *t, *p;

	for_each_thread(current, t) {
		if ((wo->flags & __WNOTHREAD) && t != current)
			continue;
		list_for_each_entry(p, &t->children, sibling) {
			long ret = wait_consider_task(wo, p);

			if (ret)
				return ret;
		}
	}
	return WAIT_MORE;
}

/* One process by number needs no search. => tasklist_lock held */
static long wait_one_child(struct wait_opts *wo)
{
	struct task_struct *p = pid_task(wo->pid, PIDTYPE_TGID);
	bool mine;

	if (!p)
		return WAIT_MORE;
	mine = wo->flags & __WNOTHREAD ? p->real_parent == current
				       : same_thread_group(p->real_parent, current);
	return mine ? wait_consider_task(wo, p) : WAIT_MORE;
}

/* One pass: the answer, or WAIT_MORE if one may sleep. */
static long do_wait_pass(struct wait_opts *wo)
{
	long ret;

	wo->notask_error = -ECHILD;
	if (wo->type < PIDTYPE_MAX && (!wo->pid || hlist_empty(&wo->pid->tasks[wo->type])))
		return -ECHILD;
	spin_lock_irq(&tasklist_lock);
	ret = wo->type == PIDTYPE_TGID ? wait_one_child(wo) : wait_any_child(wo);
	if (ret)
		return ret;
	spin_unlock_irq(&tasklist_lock);
	return wo->notask_error;
}

static long do_wait(struct wait_opts *wo)
{
	DECLARE_WAITQUEUE(wait, current);
	long ret;

	/* The usual case without entering the queue: the child is dead already. */
	ret = do_wait_pass(wo);
	if (ret || (wo->flags & WNOHANG))
		return ret;
	add_wait_queue(&current->signal->wait_chldexit, &wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		ret = do_wait_pass(wo);
		if (ret)
			break;
		ret = -ERESTARTSYS;
		if (signal_pending(current))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	remove_wait_queue(&current->signal->wait_chldexit, &wait);
	return ret;
}

long kernel_wait4(pid_t upid, int *stat, int options, struct rusage *ru)
{
	struct wait_opts wo = { .type = PIDTYPE_MAX, .flags = options | WEXITED, .rusage = ru };
	long ret;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (upid == INT_MIN)
		return -ESRCH;
	if (upid < -1) {
		wo.type = PIDTYPE_PGID;
		wo.pid = find_get_pid(-upid);
	} else if (upid == 0) {
		wo.type = PIDTYPE_PGID;
		wo.pid = get_task_pid(current, PIDTYPE_PGID);
	} else if (upid > 0) {
		wo.type = PIDTYPE_TGID;
		wo.pid = find_get_pid(upid);
	}
	ret = do_wait(&wo);
	put_pid(wo.pid);
	if (ret > 0 && stat)
		*stat = wo.stat;
	return ret;
}

static long sys_wait4(pid_t upid, int __user *ustat, int options, struct rusage __user *uru)
{
	struct rusage r;
	int stat;
	long ret = kernel_wait4(upid, &stat, options, uru ? &r : NULL);

	if (ret > 0) {
		if (ustat && put_user(stat, ustat))
			return -EFAULT;
		if (uru && copy_to_user(uru, &r, sizeof(r)))
			return -EFAULT;
	}
	return ret;
}
SYSCALL(61, wait4);

/* The process behind a descriptor; one that is O_NONBLOCK does not let its waiters sleep. */
static int waitid_pidfd(struct wait_opts *wo, int fd)
{
	struct fd f = fdget(fd);
	struct pid *pid;

	if (!f.file)
		return -EBADF;
	pid = pidfd_pid(f.file);
	wo->nonblock = f.file->f_flags & O_NONBLOCK && !(wo->flags & WNOHANG);
	if (wo->nonblock)
		wo->flags |= WNOHANG;
	wo->pid = get_pid(pid);
	fdput(f);
	return pid ? 0 : -EBADF;
}

/* Which children waitid() means. */
static int waitid_target(struct wait_opts *wo, int which, pid_t upid)
{
	switch (which) {
	case P_ALL:
		wo->type = PIDTYPE_MAX;
		return 0;
	case P_PID:
		wo->type = PIDTYPE_TGID;
		if (upid <= 0)
			return -EINVAL;
		wo->pid = find_get_pid(upid);
		return 0;
	case P_PGID:
		wo->type = PIDTYPE_PGID;
		if (upid < 0)
			return -EINVAL;
		wo->pid = upid ? find_get_pid(upid) : get_task_pid(current, PIDTYPE_PGID);
		return 0;
	case P_PIDFD:
		wo->type = PIDTYPE_TGID;
		return upid < 0 ? -EINVAL : waitid_pidfd(wo, upid);
	}
	return -EINVAL;
}

static long sys_waitid(int which, pid_t upid, void __user *uinfo, int options,
		       struct rusage __user *uru)
{
	struct waitid_info info = { 0 };
	struct kernel_siginfo si = { 0 };
	struct rusage r;
	struct wait_opts wo = { .flags = options, .info = &info, .rusage = uru ? &r : NULL };
	long ret;

	if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			__WCLONE | __WALL))
		return -EINVAL;
	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	ret = waitid_target(&wo, which, upid);
	if (ret)
		return ret;
	ret = do_wait(&wo);
	put_pid(wo.pid);
	if (!ret && wo.nonblock)
		return -EAGAIN;
	if (ret > 0) {
		si.si_signo = SIGCHLD;
		if (uru && copy_to_user(uru, &r, sizeof(r)))
			return -EFAULT;
		ret = 0;
	} else if (ret < 0) {
		return ret;
	}
	si.si_code = info.cause;
	si.si_pid = info.pid;
	si.si_uid = info.uid;
	si.si_status = info.status;
	/* Only the fields that POSIX names are written. */
	return uinfo && copy_to_user(uinfo, &si,
				     offsetof(struct kernel_siginfo, si_status) + sizeof(int))
		       ? -EFAULT
		       : 0;
}
SYSCALL(247, waitid);
