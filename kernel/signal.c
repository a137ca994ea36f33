/*
 * Sending signals: from the decision whether a signal is ignored to the wake-up of the thread that takes it.
 *
 * 1. prepare_signal() does what happens at the moment of sending: SIGCONT and stop signals cancel each other, SIGCONT wakes. It
 *    also drops what the target ignores.
 * 2. __send_signal() enters the signal in the private or the shared set, with a queue entry that holds the siginfo.
 * 3. complete_signal() picks a thread that wants it. A signal that will kill the process for sure becomes a SIGKILL for each
 *    thread at once, so that none runs on.
 *
 * The table of actions is kept sparse: sighand->used says which entries are not all zero, so fork, exec and exit touch only
 * those. A free sighand_struct in its cache is all zero, with its lock initialised.
 *
 * Locks: siglock, interrupts off; tasklist_lock outside it. Mirrors the first half of Linux kernel/signal.c.
 * Exercised by tests/user/{signals,sigwait}.c.
 */
#include "kernel/signal_internal.h"

#include "arch/x86/traps.h"
#include "kernel/bug.h"
#include "kernel/cred.h"
#include "kernel/fs/signalfd.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

static struct kmem_cache *sigqueue_cachep, *sighand_cachep;
static int
	nr_sigqueues; /* atomic: queue entries of the whole system, bounded by RLIMIT_SIGPENDING of the sender */
const struct signal_tty_ops *signal_tty_ops;

/* ---- tables of actions ---- */

void set_action(struct sighand_struct *sighand, int sig, const struct k_sigaction *act)
{
	sighand->action[sig - 1] = *act;
	if (act->sa_handler | act->sa_flags | act->sa_restorer | act->sa_mask)
		sighand->used |= sigmask(sig);
	else
		sighand->used &= ~sigmask(sig);
}

#define for_each_sig(sig, mask) \
	for (u64 __m = (mask); __m && ((sig) = __builtin_ctzll(__m) + 1); __m &= __m - 1)

struct sighand_struct *alloc_sighand(struct sighand_struct *from)
{
	struct sighand_struct *new = kmem_cache_alloc(sighand_cachep, GFP_KERNEL);
	int sig;

	if (!new)
		return NULL;
	new->count = 1;
	spin_lock_irq(&from->siglock);
	new->used = from->used;
	for_each_sig(sig, from->used)
		new->action[sig - 1] = from->action[sig - 1];
	spin_unlock_irq(&from->siglock);
	return new;
}

void __cleanup_sighand(struct sighand_struct *sighand)
{
	static const struct k_sigaction none;
	int sig;

	if (__atomic_sub_fetch(&sighand->count, 1, __ATOMIC_SEQ_CST))
		return;
	signalfd_cleanup(sighand);
	for_each_sig(sig, sighand->used)
		sighand->action[sig - 1] = none;
	sighand->used = 0;
	kmem_cache_free(sighand_cachep, sighand);
}

void flush_signal_handlers(struct sighand_struct *sighand)
{
	int sig;

	for_each_sig(sig, sighand->used) {
		struct k_sigaction act = { .sa_handler = sighand->action[sig - 1].sa_handler };

		if (act.sa_handler != SIG_IGN)
			act.sa_handler = SIG_DFL;
		set_action(sighand, sig, &act);
	}
}

void ignore_signals(struct task_struct *t)
{
	static const struct k_sigaction ignore = { .sa_handler = SIG_IGN };

	for (int sig = 1; sig <= _NSIG; sig++)
		set_action(t->sighand, sig, &ignore);
	flush_signals(t);
}

struct sighand_struct *lock_task_sighand(struct task_struct *task, unsigned long *flags)
{
	struct sighand_struct *sighand;

	rcu_read_lock();
	for (;;) {
		sighand = rcu_dereference(task->sighand);
		if (!sighand)
			break;
		/* The cache is type-safe under RCU: what was a sighand still is one, perhaps another's. */
		spin_lock_irqsave(&sighand->siglock, *flags);
		if (likely(sighand == READ_ONCE(task->sighand)))
			break;
		spin_unlock_irqrestore(&sighand->siglock, *flags);
	}
	rcu_read_unlock();
	return sighand;
}

static void sighand_ctor(void *object)
{
	struct sighand_struct *sighand = object;

	memset(sighand, 0, sizeof(*sighand));
	spin_lock_init(&sighand->siglock);
	init_waitqueue_head(&sighand->signalfd_wqh);
}

/* ---- queues ---- */

static struct sigqueue *sigqueue_alloc(bool must_fit)
{
	struct sigqueue *q = NULL;

	if (__atomic_add_fetch(&nr_sigqueues, 1, __ATOMIC_RELAXED) <= rlimit(RLIMIT_SIGPENDING) ||
	    must_fit)
		q = kmem_cache_alloc(sigqueue_cachep, GFP_ATOMIC);
	if (!q)
		__atomic_sub_fetch(&nr_sigqueues, 1, __ATOMIC_RELAXED);
	return q;
}

unsigned int nr_queued_signals(void)
{
	return __atomic_load_n(&nr_sigqueues, __ATOMIC_RELAXED);
}

void sigqueue_free(struct sigqueue *q)
{
	__atomic_sub_fetch(&nr_sigqueues, 1, __ATOMIC_RELAXED);
	kmem_cache_free(sigqueue_cachep, q);
}

void flush_sigqueue_mask(u64 mask, struct sigpending *pending)
{
	struct sigqueue *q, *next;

	if (!(pending->signal & mask))
		return;
	pending->signal &= ~mask;
	list_for_each_entry_safe(q, next, &pending->list, list) {
		if (mask & sigmask(q->info.si_signo)) {
			list_del(&q->list);
			sigqueue_free(q);
		}
	}
}

void flush_sigqueue(struct sigpending *pending)
{
	struct sigqueue *q, *next;

	pending->signal = 0;
	list_for_each_entry_safe(q, next, &pending->list, list) {
		list_del(&q->list);
		sigqueue_free(q);
	}
}

void flush_signals(struct task_struct *t)
{
	unsigned long flags;

	spin_lock_irqsave(&t->sighand->siglock, flags);
	clear_tsk_thread_flag(t, TIF_SIGPENDING);
	flush_sigqueue(&t->pending);
	flush_sigqueue(&t->signal->shared_pending);
	spin_unlock_irqrestore(&t->sighand->siglock, flags);
}

/* ---- what is pending for whom ---- */

static bool has_pending(const struct task_struct *t)
{
	return ((t->pending.signal | t->signal->shared_pending.signal) & ~t->blocked) ||
	       (t->jobctl & JOBCTL_STOP_PENDING);
}

bool recalc_sigpending_tsk(struct task_struct *t)
{
	if (!has_pending(t))
		return false;
	set_tsk_thread_flag(t, TIF_SIGPENDING);
	return true;
}

void recalc_sigpending_and_wake(struct task_struct *t)
{
	if (recalc_sigpending_tsk(t))
		signal_wake_up(t, false);
}

void recalc_sigpending(void)
{
	if (!recalc_sigpending_tsk(current) && test_tsk_thread_flag(current, TIF_SIGPENDING))
		clear_tsk_thread_flag(current, TIF_SIGPENDING);
}

void signal_wake_up_state(struct task_struct *t, unsigned int state)
{
	set_tsk_thread_flag(t, TIF_SIGPENDING);
	if (!wake_up_state(t, state | TASK_INTERRUPTIBLE))
		kick_process(t);
}

bool task_set_jobctl_pending(struct task_struct *task, unsigned long mask)
{
	if (fatal_signal_pending(task) || (task->flags & PF_EXITING))
		return false;
	if (mask & JOBCTL_STOP_SIGMASK)
		task->jobctl &= ~JOBCTL_STOP_SIGMASK;
	task->jobctl |= mask;
	return true;
}

void task_clear_jobctl_pending(struct task_struct *task, unsigned long mask)
{
	if (mask & JOBCTL_STOP_PENDING)
		mask |= JOBCTL_STOP_CONSUME | JOBCTL_STOP_DEQUEUED;
	task->jobctl &= ~mask;
}

/* ---- is it ignored? ---- */

static unsigned long sig_handler(const struct task_struct *t, int sig)
{
	return t->sighand->action[sig - 1].sa_handler;
}

static bool handler_ignored(unsigned long handler, int sig)
{
	return handler == SIG_IGN || (handler == SIG_DFL && (sigmask(sig) & SIG_KERNEL_IGNORE));
}

/* Would @t drop @sig at once? A blocked signal is kept: its action may change before it is unblocked. */
static bool sig_ignored(struct task_struct *t, int sig, bool force)
{
	unsigned long handler = sig_handler(t, sig);

	if ((t->blocked | t->real_blocked) & sigmask(sig))
		return false;
	if (unlikely(t->signal->flags & SIGNAL_UNKILLABLE) && handler == SIG_DFL &&
	    !(force && (sigmask(sig) & SIG_KERNEL_ONLY)))
		return true;
	return handler_ignored(handler, sig);
}

bool is_ignored_or_blocked(int sig)
{
	return (current->blocked & sigmask(sig)) || sig_handler(current, sig) == SIG_IGN;
}

bool unhandled_signal(struct task_struct *tsk, int sig)
{
	unsigned long handler = sig_handler(tsk, sig);

	return tsk->tgid == 1 || handler == SIG_IGN || handler == SIG_DFL;
}

/* ---- sending ---- */

static void sigcont_sent(struct task_struct *p)
{
	struct signal_struct *signal = p->signal;
	unsigned int why = 0;
	struct task_struct *t;

	flush_sigqueue_mask(SIG_KERNEL_STOP, &signal->shared_pending);
	for_each_thread(p, t) {
		flush_sigqueue_mask(SIG_KERNEL_STOP, &t->pending);
		task_clear_jobctl_pending(t, JOBCTL_STOP_PENDING);
		wake_up_state(t, __TASK_STOPPED);
	}
	/* The thread that runs next tells the parent; a stop that was not complete is reported as well. */
	if (signal->flags & SIGNAL_STOP_STOPPED)
		why = SIGNAL_CLD_CONTINUED;
	else if (signal->group_stop_count)
		why = SIGNAL_CLD_STOPPED;
	if (why) {
		signal->flags &= ~(SIGNAL_CLD_MASK | SIGNAL_STOP_STOPPED | SIGNAL_STOP_CONTINUED);
		signal->flags |= why | SIGNAL_STOP_CONTINUED;
		signal->group_stop_count = 0;
		signal->group_exit_code = 0;
	}
}

/* What sending does at once. False: the signal need not be entered. => siglock held */
static bool prepare_signal(int sig, struct task_struct *p, bool force)
{
	struct task_struct *t;

	/* What ends a dump is all that can still be sent to a process that ends. */
	if (unlikely(p->signal->flags & SIGNAL_GROUP_EXIT))
		return p->signal->core_state && sig == SIGKILL;
	if (sigmask(sig) & SIG_KERNEL_STOP) {
		flush_sigqueue_mask(sigmask(SIGCONT), &p->signal->shared_pending);
		for_each_thread(p, t)
			flush_sigqueue_mask(sigmask(SIGCONT), &t->pending);
	} else if (sig == SIGCONT) {
		sigcont_sent(p);
	}
	return !sig_ignored(p, sig, force);
}

static bool wants_signal(int sig, struct task_struct *p)
{
	if ((p->blocked & sigmask(sig)) || (p->flags & PF_EXITING))
		return false;
	if (sig == SIGKILL)
		return true;
	if (task_is_stopped(p) || task_is_traced(p))
		return false;
	return READ_ONCE(p->on_cpu) || !test_tsk_thread_flag(p, TIF_SIGPENDING);
}

static struct task_struct *next_thread(struct task_struct *p)
{
	struct list_head *next = p->thread_node.next;

	if (next == &p->signal->thread_head)
		next = next->next;
	return list_entry(next, struct task_struct, thread_node);
}

/* The thread that shall take a shared signal, beginning with @p; NULL: nobody wants it now. */
static struct task_struct *choose_thread(int sig, struct task_struct *p, enum pid_type type)
{
	struct signal_struct *signal = p->signal;
	struct task_struct *t;

	if (wants_signal(sig, p))
		return p;
	if (type == PIDTYPE_PID || thread_group_empty(p))
		return NULL;
	if (!signal->curr_target)
		signal->curr_target = p;
	t = signal->curr_target;
	while (!wants_signal(sig, t)) {
		t = next_thread(t);
		if (t == signal->curr_target)
			return NULL;
	}
	signal->curr_target = t;
	return t;
}

static bool sig_fatal(struct task_struct *t, int sig)
{
	return !(sigmask(sig) & (SIG_KERNEL_IGNORE | SIG_KERNEL_STOP)) &&
	       sig_handler(t, sig) == SIG_DFL;
}

static void complete_signal(int sig, struct task_struct *p, enum pid_type type)
{
	struct signal_struct *signal = p->signal;
	struct task_struct *t = choose_thread(sig, p, type);

	if (!t)
		return;
	if (sig_fatal(p, sig) && (signal->core_state || !(signal->flags & SIGNAL_GROUP_EXIT)) &&
	    !(t->real_blocked & sigmask(sig)) && !(sigmask(sig) & SIG_KERNEL_COREDUMP)) {
		signal->flags = SIGNAL_GROUP_EXIT;
		signal->group_exit_code = sig;
		signal->group_stop_count = 0;
		for_each_thread(p, t) {
			task_clear_jobctl_pending(t, JOBCTL_STOP_PENDING);
			t->pending.signal |= sigmask(SIGKILL);
			signal_wake_up(t, true);
		}
		return;
	}
	signal_wake_up(t, sig == SIGKILL);
}

static void fill_siginfo(struct kernel_siginfo *to, const struct kernel_siginfo *info, int sig)
{
	if (!is_si_special(info)) {
		*to = *info;
		return;
	}
	clear_siginfo(to);
	to->si_signo = sig;
	if (info == SEND_SIG_PRIV) {
		to->si_code = SI_KERNEL;
		return;
	}
	to->si_code = SI_USER;
	to->si_pid = task_tgid_nr(current);
	to->si_uid = current_uid();
}

int send_signal_locked(int sig, struct kernel_siginfo *info, struct task_struct *p,
		       enum pid_type type)
{
	struct sigpending *pending = type == PIDTYPE_PID ? &p->pending : &p->signal->shared_pending;
	bool kernel = info == SEND_SIG_PRIV || (!is_si_special(info) && info->si_code > 0);

	if (!prepare_signal(sig, p, kernel))
		return 0;
	if (sig < SIGRTMIN && (pending->signal & sigmask(sig)))
		return 0;
	/* Nobody looks at the details of these. */
	if (sig != SIGKILL && !(p->flags & PF_KTHREAD)) {
		struct sigqueue *q = sigqueue_alloc(sig < SIGRTMIN &&
						    (is_si_special(info) || info->si_code >= 0));

		if (q) {
			fill_siginfo(&q->info, info, sig);
			list_add_tail(&q->list, &pending->list);
		} else if (!is_si_special(info) && sig >= SIGRTMIN && info->si_code != SI_USER) {
			return -EAGAIN;
		}
	}
	signalfd_notify(p);
	pending->signal |= sigmask(sig);
	complete_signal(sig, p, type);
	return 0;
}

int do_send_sig_info(int sig, struct kernel_siginfo *info, struct task_struct *p,
		     enum pid_type type)
{
	unsigned long flags;
	int ret = -ESRCH;

	if (lock_task_sighand(p, &flags)) {
		ret = send_signal_locked(sig, info, p, type);
		unlock_task_sighand(p, &flags);
	}
	return ret;
}

int send_sig_info(int sig, struct kernel_siginfo *info, struct task_struct *p)
{
	return valid_signal(sig) ? do_send_sig_info(sig, info, p, PIDTYPE_PID) : -EINVAL;
}

int send_sig(int sig, struct task_struct *p, int priv)
{
	if (!valid_signal(sig))
		return -EINVAL;
	return do_send_sig_info(sig, priv ? SEND_SIG_PRIV : SEND_SIG_NOINFO, p, PIDTYPE_TGID);
}

/* ---- permission ---- */

static bool kill_ok_by_cred(struct task_struct *t)
{
	const struct cred *cred = current_cred(), *target = rcu_dereference(t->cred);

	return cred->euid == target->suid || cred->euid == target->uid ||
	       cred->uid == target->suid || cred->uid == target->uid || capable(CAP_KILL);
}

int check_kill_permission(int sig, struct kernel_siginfo *info, struct task_struct *t)
{
	if (!valid_signal(sig))
		return -EINVAL;
	if (!si_fromuser(info) || same_thread_group(current, t) || kill_ok_by_cred(t))
		return 0;
	/* A shell may continue what it started, whoever that has become. */
	if (sig == SIGCONT && task_session(t) == task_session(current))
		return 0;
	return -EPERM;
}

int group_send_sig_info(int sig, struct kernel_siginfo *info, struct task_struct *p,
			enum pid_type type)
{
	int ret;

	rcu_read_lock();
	ret = check_kill_permission(sig, info, p);
	rcu_read_unlock();
	if (!ret && sig)
		ret = do_send_sig_info(sig, info, p, type);
	return ret;
}

int __kill_pgrp_info(int sig, struct kernel_siginfo *info, struct pid *pgrp)
{
	struct task_struct *p;
	int ret = -ESRCH;
	bool sent = false;

	do_each_pid_task(pgrp, PIDTYPE_PGID, p)
	{
		int err = group_send_sig_info(sig, info, p, PIDTYPE_PGID);

		sent |= !err;
		/* The most telling error, if nobody could be reached. */
		if (err != -ESRCH || ret == -ESRCH)
			ret = err;
	}
	while_each_pid_task(pgrp, PIDTYPE_PGID, p);
	return sent ? 0 : ret;
}

int kill_pgrp(struct pid *pid, int sig, int priv)
{
	guard(spinlock_irqsave)(&tasklist_lock);
	return __kill_pgrp_info(sig, priv ? SEND_SIG_PRIV : SEND_SIG_NOINFO, pid);
}

int kill_pid_info(int sig, struct kernel_siginfo *info, struct pid *pid)
{
	struct task_struct *p;
	int ret;

	for (;;) {
		rcu_read_lock();
		p = pid_task(pid, PIDTYPE_PID);
		ret = p ? group_send_sig_info(sig, info, p, PIDTYPE_TGID) : -ESRCH;
		rcu_read_unlock();
		/* exec in a thread may have given the number to another task meanwhile. */
		if (ret != -ESRCH || !p || p == pid_task(pid, PIDTYPE_PID))
			return ret;
	}
}

int kill_pid(struct pid *pid, int sig, int priv)
{
	return kill_pid_info(sig, priv ? SEND_SIG_PRIV : SEND_SIG_NOINFO, pid);
}

/* ---- to current, without escape ---- */

static int force_sig_info_to_current(struct kernel_siginfo *info, bool fatal)
{
	static const struct k_sigaction none;
	struct task_struct *t = current;
	int sig = info->si_signo, ret;
	bool blocked, ignored;
	unsigned long flags;

	spin_lock_irqsave(&t->sighand->siglock, flags);
	ignored = sig_handler(t, sig) == SIG_IGN;
	blocked = t->blocked & sigmask(sig);
	if (blocked || ignored || fatal) {
		set_action(t->sighand, sig, &none);
		t->blocked &= ~sigmask(sig);
	}
	/* Process 1 has no protection from its own faults. */
	if (sig_handler(t, sig) == SIG_DFL)
		t->signal->flags &= ~SIGNAL_UNKILLABLE;
	ret = send_signal_locked(sig, info, t, PIDTYPE_PID);
	if (blocked)
		recalc_sigpending();
	spin_unlock_irqrestore(&t->sighand->siglock, flags);
	return ret;
}

int force_sig_info(struct kernel_siginfo *info)
{
	return force_sig_info_to_current(info, false);
}

static struct kernel_siginfo kernel_sent(int sig)
{
	return (struct kernel_siginfo){ .si_signo = sig, .si_code = SI_KERNEL };
}

void force_sig(int sig)
{
	struct kernel_siginfo info = kernel_sent(sig);

	force_sig_info_to_current(&info, false);
}

void force_fatal_sig(int sig)
{
	struct kernel_siginfo info = kernel_sent(sig);

	force_sig_info_to_current(&info, true);
}

void force_sigsegv(int sig)
{
	/* The frame for the handler of SIGSEGV itself could not be written: it must not be tried again. */
	if (sig == SIGSEGV)
		force_fatal_sig(SIGSEGV);
	else
		force_sig(SIGSEGV);
}

int force_sig_fault(int sig, int code, void __user *addr)
{
	struct kernel_siginfo info = { .si_signo = sig, .si_code = code };

	info.si_addr = addr;
	return force_sig_info_to_current(&info, false);
}

static void force_sig_fault_from_trap(int sig, int code, void __user *addr)
{
	force_sig_fault(sig, code, addr);
}

/* ---- masks ---- */

void retarget_shared_pending(struct task_struct *tsk, u64 which)
{
	u64 retarget = tsk->signal->shared_pending.signal & which;
	struct task_struct *t = tsk;

	if (!retarget)
		return;
	while ((t = next_thread(t)) != tsk) {
		if ((t->flags & PF_EXITING) || !(retarget & ~t->blocked))
			continue;
		retarget &= t->blocked;
		if (!test_tsk_thread_flag(t, TIF_SIGPENDING))
			signal_wake_up(t, false);
		if (!retarget)
			break;
	}
}

void __set_task_blocked(struct task_struct *tsk, u64 mask)
{
	if (test_tsk_thread_flag(tsk, TIF_SIGPENDING) && !thread_group_empty(tsk))
		retarget_shared_pending(tsk, mask & ~tsk->blocked);
	tsk->blocked = mask;
	recalc_sigpending();
}

void set_current_blocked(u64 mask)
{
	struct task_struct *tsk = current;

	mask &= ~SIG_KERNEL_ONLY;
	if (tsk->blocked == mask)
		return;
	spin_lock_irq(&tsk->sighand->siglock);
	__set_task_blocked(tsk, mask);
	spin_unlock_irq(&tsk->sighand->siglock);
}

int sigprocmask(int how, const u64 *set, u64 *oldset)
{
	u64 old = current->blocked;

	if (oldset)
		*oldset = old;
	switch (how) {
	case SIG_BLOCK:
		set_current_blocked(old | *set);
		return 0;
	case SIG_UNBLOCK:
		set_current_blocked(old & ~*set);
		return 0;
	case SIG_SETMASK:
		set_current_blocked(*set);
		return 0;
	}
	return -EINVAL;
}

/* ---- start ---- */

void __init signals_init(void)
{
	sigqueue_cachep = KMEM_CACHE(sigqueue, SLAB_PANIC | SLAB_ACCOUNT);
	sighand_cachep = kmem_cache_create("sighand_cache", sizeof(struct sighand_struct), 0,
					   SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_TYPESAFE_BY_RCU |
						   SLAB_ACCOUNT,
					   sighand_ctor);
	signal_delivery_init();
	force_sig_fault_hook = force_sig_fault_from_trap;
}
