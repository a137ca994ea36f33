/*
 * Scheduling as programs set it: nice levels, policies, affinity.
 *
 * Changing what is in a run queue: the task is taken out of its list, changed, and put back, all
 * under its queue's lock.
 *
 * Facts: sched(7) and the calls' manual pages. Mirrors Linux kernel/sched/syscalls.c. Exercised by
 * tests/user/sched.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/pid.h"
#include "kernel/rlimit.h"
#include "kernel/sched/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "lib/errno.h"

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2

/* Takes a waiting task out of its list for a change: true if it was in one. => rq->lock held */
static bool unqueue(struct rq *rq, struct task_struct *p)
{
	if (!p->on_rq)
		return false;
	rq->nr_rt -= rt_task(p);
	if (rq->curr == p)
		return false;
	list_del(&p->se.run_list);
	return true;
}

static void requeue(struct rq *rq, struct task_struct *p, bool queued)
{
	if (!p->on_rq)
		return;
	rq->nr_rt += rt_task(p);
	if (queued)
		rq_queue(rq, p, false);
	resched_curr(rq);
}

static void change_sched(struct task_struct *p, int policy, int nice, int rt_priority)
{
	unsigned long flags;
	struct rq *rq = task_rq_lock(p, &flags);
	bool queued;

	if (rq->curr == p)
		update_curr(rq, p, sched_clock());
	queued = unqueue(rq, p);
	if ((policy == SCHED_RR || rt_task(p)) && p->se.policy != policy)
		p->se.time_slice = policy == SCHED_RR ? RR_TIMESLICE_NS : SLICE_NS;
	p->se.policy = policy;
	/* What ran until now was not a real-time task's. */
	if (!rt_task(p))
		p->se.rt_charged = p->se.sum_exec_runtime;
	p->se.nice = nice;
	p->se.rt_priority = rt_priority;
	p->se.scale = rt_priority ? 1024 : sched_scale(policy, nice);
	requeue(rq, p, queued);
	task_rq_unlock(rq, flags);
}

void set_user_nice(struct task_struct *p, int nice)
{
	change_sched(p, p->se.policy, clamp(nice, MIN_NICE, MAX_NICE), p->se.rt_priority);
}

int sched_setscheduler_nocheck(struct task_struct *p, int policy, int priority)
{
	bool rt = policy == SCHED_FIFO || policy == SCHED_RR;

	if (!rt && policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE)
		return -EINVAL;
	if (rt ? priority < 1 || priority >= MAX_RT_PRIO : priority != 0)
		return -EINVAL;
	change_sched(p, policy, p->se.nice, priority);
	return 0;
}

void sched_set_fifo(struct task_struct *p)
{
	sched_setscheduler_nocheck(p, SCHED_FIFO, MAX_RT_PRIO / 2);
}

void sched_set_normal(struct task_struct *p, int nice)
{
	change_sched(p, SCHED_NORMAL, nice, 0);
}

/* ---- affinity ---- */

int set_cpus_allowed_ptr(struct task_struct *p, unsigned long mask)
{
	unsigned long flags;
	struct rq *rq;

	if (!(mask & cpu_online_mask))
		return -EINVAL;
	rq = task_rq_lock(p, &flags);
	if ((p->flags & PF_NO_SETAFFINITY) && mask != p->cpus_mask) {
		task_rq_unlock(rq, flags);
		return -EINVAL;
	}
	p->cpus_mask = mask;
	p->nr_cpus_allowed = hweight_long(mask);
	if ((mask & BIT(rq->cpu)) || !p->on_rq) {
		task_rq_unlock(rq, flags);
		return 0;
	}
	if (rq->curr != p) {
		/* Waiting: carried over here and now. */
		list_del(&p->se.run_list);
		p->on_rq = 0;
		rq->nr_running--;
		rq->nr_rt -= rt_task(p);
		WRITE_ONCE(p->__state, TASK_WAKING);
		rq = sched_move_waking(rq, p, any_allowed_cpu(p));
		task_rq_unlock(rq, flags);
		return 0;
	}
	resched_curr(rq);
	task_rq_unlock(rq, flags);
	/* Running: it leaves at its next switch (rq->push); for ourselves that is now. */
	if (p == current) {
		schedule();
		return 0;
	}
	while (p->on_cpu && !(READ_ONCE(p->cpus_mask) & BIT(task_cpu(p))))
		schedule_timeout_uninterruptible(1);
	return 0;
}

/* ---- system calls ---- */

struct task_struct *sched_get_target(pid_t pid)
{
	return pid ? find_get_task_by_vpid(pid) : get_task_struct(current);
}

static bool same_owner(struct task_struct *p)
{
	u32 euid = current_euid();
	const struct cred *c;

	guard(rcu)();
	c = rcu_dereference(p->cred);
	return euid == c->euid || euid == c->uid;
}

/* May current give this nice level without privilege? RLIMIT_NICE counts from 1 (level 19) to 40 (-20). */
static bool can_nice(int nice)
{
	return 20 - nice <= (long)min(rlimit(RLIMIT_NICE), 40UL);
}

static long sys_sched_yield(void)
{
	yield();
	return 0;
}
SYSCALL(24, sched_yield);

int sched_set_checked(struct task_struct *p, const struct sched_request *r)
{
	bool rt = r->policy == SCHED_FIFO || r->policy == SCHED_RR;
	int err;

	if (!capable(CAP_SYS_NICE)) {
		if (!same_owner(p))
			return -EPERM;
		if (rt && r->priority > (int)p->se.rt_priority &&
		    (unsigned long)r->priority > rlimit(RLIMIT_RTPRIO))
			return -EPERM;
		if (!rt && r->nice < p->se.nice && !can_nice(r->nice))
			return -EPERM;
		if (p->se.reset_on_fork && !r->reset_on_fork)
			return -EPERM;
	}
	err = sched_setscheduler_nocheck(p, r->policy, r->priority);
	if (err)
		return err;
	if (!rt && r->nice != p->se.nice)
		set_user_nice(p, r->nice);
	p->se.reset_on_fork = r->reset_on_fork;
	return 0;
}

static long do_setscheduler(pid_t pid, int policy, struct sched_param __user *uparam)
{
	struct task_struct *p __free(put_task) = NULL;
	struct sched_request r = { .policy = policy };
	struct sched_param param;

	if (pid < 0 || !uparam)
		return -EINVAL;
	if (copy_from_user(&param, uparam, sizeof(param)))
		return -EFAULT;
	p = sched_get_target(pid);
	if (!p)
		return -ESRCH;
	if (policy < 0) {
		r.policy = p->se.policy;
		r.reset_on_fork = p->se.reset_on_fork;
	} else if (policy & SCHED_RESET_ON_FORK) {
		r.policy &= ~SCHED_RESET_ON_FORK;
		r.reset_on_fork = true;
	}
	r.priority = param.sched_priority;
	r.nice = p->se.nice;
	return sched_set_checked(p, &r);
}

static long sys_sched_setscheduler(pid_t pid, int policy, struct sched_param __user *param)
{
	return policy < 0 ? -EINVAL : do_setscheduler(pid, policy, param);
}
SYSCALL(144, sched_setscheduler);

static long sys_sched_setparam(pid_t pid, struct sched_param __user *param)
{
	return do_setscheduler(pid, -1, param);
}
SYSCALL(142, sched_setparam);

static long sys_sched_getscheduler(pid_t pid)
{
	struct task_struct *p __free(put_task) = NULL;

	if (pid < 0)
		return -EINVAL;
	p = sched_get_target(pid);
	if (!p)
		return -ESRCH;
	return p->se.policy | (p->se.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}
SYSCALL(145, sched_getscheduler);

static long sys_sched_getparam(pid_t pid, struct sched_param __user *uparam)
{
	struct task_struct *p __free(put_task) = NULL;
	struct sched_param param;

	if (pid < 0 || !uparam)
		return -EINVAL;
	p = sched_get_target(pid);
	if (!p)
		return -ESRCH;
	param.sched_priority = p->se.rt_priority;
	return copy_to_user(uparam, &param, sizeof(param)) ? -EFAULT : 0;
}
SYSCALL(143, sched_getparam);

static long sys_sched_get_priority_max(int policy)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return MAX_RT_PRIO - 1;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
		return 0;
	}
	return -EINVAL;
}
SYSCALL(146, sched_get_priority_max);

static long sys_sched_get_priority_min(int policy)
{
	long max = sys_sched_get_priority_max(policy);

	return max > 0 ? 1 : max;
}
SYSCALL(147, sched_get_priority_min);

static long sys_sched_rr_get_interval(pid_t pid, struct timespec64 __user *uts)
{
	struct task_struct *p __free(put_task) = NULL;
	struct timespec64 ts = { 0, 0 };

	if (pid < 0)
		return -EINVAL;
	p = sched_get_target(pid);
	if (!p)
		return -ESRCH;
	if (p->se.policy == SCHED_RR)
		ts = ktime_to_timespec64(RR_TIMESLICE_NS);
	else if (p->se.policy != SCHED_FIFO)
		ts.tv_nsec = TICK_NSEC;
	return copy_to_user(uts, &ts, sizeof(ts)) ? -EFAULT : 0;
}
SYSCALL(148, sched_rr_get_interval);

static long sys_sched_setaffinity(pid_t pid, unsigned int len, unsigned long __user *umask)
{
	struct task_struct *p __free(put_task) = NULL;
	unsigned long mask = 0;

	if (copy_from_user(&mask, umask, min_t(unsigned int, len, sizeof(mask))))
		return -EFAULT;
	p = sched_get_target(pid);
	if (!p)
		return -ESRCH;
	if (!same_owner(p) && !capable(CAP_SYS_NICE))
		return -EPERM;
	return set_cpus_allowed_ptr(p, mask & cpu_possible_mask);
}
SYSCALL(203, sched_setaffinity);

static long sys_sched_getaffinity(pid_t pid, unsigned int len, unsigned long __user *umask)
{
	struct task_struct *p __free(put_task) = NULL;
	unsigned long mask;

	if (len < sizeof(mask) || (len & (sizeof(mask) - 1)))
		return -EINVAL;
	p = sched_get_target(pid);
	if (!p)
		return -ESRCH;
	mask = p->cpus_mask & cpu_online_mask;
	return copy_to_user(umask, &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}
SYSCALL(204, sched_getaffinity);

/* 0, -EPERM, -EACCES. */
static long set_one_nice(struct task_struct *p, int nice)
{
	if (!same_owner(p) && !capable(CAP_SYS_NICE))
		return -EPERM;
	if (nice < p->se.nice && !capable(CAP_SYS_NICE) && !can_nice(nice))
		return -EACCES;
	set_user_nice(p, nice);
	return 0;
}

typedef long (*nice_fn)(struct task_struct *p, int arg, long so_far);

static long apply_nice(struct task_struct *p, int nice, long so_far)
{
	long err = set_one_nice(p, nice);

	return err ? err : so_far == -ESRCH ? 0 : so_far;
}

static long collect_nice(struct task_struct *p, int unused, long so_far)
{
	return max(so_far, 20L - p->se.nice);
}

/* Calls @fn for everyone whom (which, who) names; starts with -ESRCH. */
static long for_each_named(int which, int who, nice_fn fn, int arg)
{
	struct task_struct *p, *t;
	struct pid *pgrp;
	long ret = -ESRCH;
	u32 uid = who ? (u32)who : current_uid();

	guard(rcu)();
	switch (which) {
	case PRIO_PROCESS:
		p = who ? find_task_by_vpid(who) : current;
		return p ? fn(p, arg, ret) : ret;
	case PRIO_PGRP:
		pgrp = who ? find_vpid(who) : task_pgrp(current);
		if (!pgrp)
			return ret;
		hlist_for_each_entry_rcu(p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
			for_each_thread(p, t)
				ret = fn(t, arg, ret);
		return ret;
	case PRIO_USER:
		for_each_process_thread(p, t)
			if (rcu_dereference(t->cred)->uid == uid)
				ret = fn(t, arg, ret);
		return ret;
	}
	return -EINVAL;
}

static long sys_setpriority(int which, int who, int nice)
{
	return for_each_named(which, who, apply_nice, clamp(nice, MIN_NICE, MAX_NICE));
}
SYSCALL(141, setpriority);

static long sys_getpriority(int which, int who)
{
	return for_each_named(which, who, collect_nice, 0);
}
SYSCALL(140, getpriority);
