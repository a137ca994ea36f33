/*
 * What a process asks about itself and the system: numbers, groups and sessions, limits, usage, names.
 *
 * Locks: tasklist_lock for groups and sessions; rlim_lock for limits; siglock for sums. Mirrors Linux kernel/sys.c.
 * Exercised by tests/user/process.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/coredump.h"
#include "kernel/cred.h"
#include "kernel/exit.h"
#include "kernel/fork.h"
#include "kernel/pid.h"
#include "kernel/rlimit.h"
#include "kernel/rwsem.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/version.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/phys/deferred.h"
#include "mm/user/mm.h"

/* ---- numbers ---- */

static long sys_getpid(void)
{
	return current->tgid;
}
SYSCALL(39, getpid);

static long sys_gettid(void)
{
	return current->pid;
}
SYSCALL(186, gettid);

static long sys_getppid(void)
{
	return task_ppid_nr(current);
}
SYSCALL(110, getppid);

static long sys_set_tid_address(int __user *tidptr)
{
	current->clear_child_tid = tidptr;
	return current->pid;
}
SYSCALL(218, set_tid_address);

/* ---- groups and sessions ---- */

static long task_group_nr(pid_t nr, enum pid_type type)
{
	struct task_struct *p;
	struct pid *pid;

	guard(rcu)();
	p = nr ? find_task_by_vpid(nr) : current;
	pid = p ? task_pid_type(p, type) : NULL;
	/* Process 1 starts in group and session 0. */
	return pid ? pid_nr(pid) : -ESRCH;
}

static long sys_getpgid(pid_t nr)
{
	return task_group_nr(nr, PIDTYPE_PGID);
}
SYSCALL(121, getpgid);

static long sys_getpgrp(void)
{
	return task_group_nr(0, PIDTYPE_PGID);
}
SYSCALL(111, getpgrp);

static long sys_getsid(pid_t nr)
{
	return task_group_nr(nr, PIDTYPE_SID);
}
SYSCALL(124, getsid);

static long sys_setpgid(pid_t nr, pid_t pgid)
{
	struct task_struct *leader = current->group_leader, *p, *member;
	struct pid *pgrp;

	if (!nr)
		nr = task_pid_nr(leader);
	if (!pgid)
		pgid = nr;
	if (pgid < 0)
		return -EINVAL;
	guard(spinlock_irq)(&tasklist_lock);
	p = find_task_by_vpid(nr);
	if (!p)
		return -ESRCH;
	if (!thread_group_leader(p))
		return -EINVAL;
	if (same_thread_group(p->real_parent, leader)) {
		/* A child: of the same session, and not yet a program of its own. */
		if (task_session(p) != task_session(leader))
			return -EPERM;
		if (!(p->flags & PF_FORKNOEXEC))
			return -EACCES;
	} else if (p != leader) {
		return -ESRCH;
	}
	if (p->signal->leader)
		return -EPERM;
	pgrp = task_pid(p);
	if (pgid != nr) {
		pgrp = find_vpid(pgid);
		member = pid_task(pgrp, PIDTYPE_PGID);
		if (!member || task_session(member) != task_session(leader))
			return -EPERM;
	}
	if (task_pgrp(p) != pgrp)
		change_pid(p, PIDTYPE_PGID, pgrp);
	return 0;
}
SYSCALL(109, setpgid);

static void clear_controlling_tty(struct signal_struct *sig)
{
	struct tty_struct *tty;

	scoped_guard(spinlock, &current->sighand->siglock) {
		tty = sig->tty;
		sig->tty = NULL;
	}
	if (tty)
		signal_tty_ops->put(tty);
}

static long sys_setsid(void)
{
	struct task_struct *leader = current->group_leader;
	struct pid *sid = task_pid(leader);

	guard(spinlock_irq)(&tasklist_lock);
	/* Nobody may be in a group of this number already. */
	if (leader->signal->leader || pid_task(sid, PIDTYPE_PGID))
		return -EPERM;
	leader->signal->leader = 1;
	if (task_session(leader) != sid)
		change_pid(leader, PIDTYPE_SID, sid);
	if (task_pgrp(leader) != sid)
		change_pid(leader, PIDTYPE_PGID, sid);
	clear_controlling_tty(leader->signal);
	return pid_nr(sid);
}
SYSCALL(112, setsid);

/* ---- limits ---- */

int sysctl_nr_open = 1048576;

struct rlimit64 {
	unsigned long rlim_cur, rlim_max;
};

unsigned long rlimit(unsigned int limit)
{
	const struct task_struct *tsk = current;

	return tsk->flags & PF_KTHREAD ? RLIM_INFINITY
				       : READ_ONCE(tsk->signal->rlim[limit].rlim_cur);
}

static int do_prlimit(struct task_struct *tsk, unsigned int resource, const struct rlimit64 *new,
		      struct rlimit64 *old)
{
	struct signal_struct *sig = tsk->signal;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (new) {
		if (new->rlim_cur > new->rlim_max)
			return -EINVAL;
		if (resource == RLIMIT_NOFILE &&
		    new->rlim_max > (unsigned long)READ_ONCE(sysctl_nr_open))
			return -EPERM;
	}
	guard(spinlock)(&sig->rlim_lock);
	if (old) {
		old->rlim_cur = sig->rlim[resource].rlim_cur;
		old->rlim_max = sig->rlim[resource].rlim_max;
	}
	if (new) {
		if (new->rlim_max > sig->rlim[resource].rlim_max && !capable(CAP_SYS_RESOURCE))
			return -EPERM;
		sig->rlim[resource].rlim_cur = new->rlim_cur;
		sig->rlim[resource].rlim_max = new->rlim_max;
	}
	return 0;
}

static long sys_getrlimit(unsigned int resource, struct rlimit64 __user *urlim)
{
	struct rlimit64 old;
	int err = do_prlimit(current, resource, NULL, &old);

	return err ? err : copy_to_user(urlim, &old, sizeof(old)) ? -EFAULT : 0;
}
SYSCALL(97, getrlimit);

static long sys_setrlimit(unsigned int resource, const struct rlimit64 __user *urlim)
{
	struct rlimit64 new;

	if (copy_from_user(&new, urlim, sizeof(new)))
		return -EFAULT;
	return do_prlimit(current, resource, &new, NULL);
}
SYSCALL(160, setrlimit);

/* Limits of another process: the same user throughout, or root. => RCU held */
static bool may_prlimit(struct task_struct *t)
{
	const struct cred *c = current_cred(), *tc = rcu_dereference(t->cred);

	if (same_thread_group(current, t))
		return true;
	if (c->uid == tc->euid && c->uid == tc->suid && c->uid == tc->uid && c->gid == tc->egid &&
	    c->gid == tc->sgid && c->gid == tc->gid)
		return true;
	return capable(CAP_SYS_RESOURCE);
}

static long sys_prlimit64(pid_t nr, unsigned int resource, const struct rlimit64 __user *unew,
			  struct rlimit64 __user *uold)
{
	struct rlimit64 new, old;
	struct task_struct *t;
	int err = -ESRCH;

	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	rcu_read_lock();
	t = nr ? find_task_by_vpid(nr) : current;
	if (t) {
		err = may_prlimit(t) ? 0 : -EPERM;
		get_task_struct(t);
	}
	rcu_read_unlock();
	if (t) {
		if (!err)
			err = do_prlimit(t, resource, unew ? &new : NULL, uold ? &old : NULL);
		put_task_struct(t);
	}
	if (!err && uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return err;
}
SYSCALL(302, prlimit64);

/* ---- usage ---- */

static struct timeval ns_to_timeval(u64 ns)
{
	return (struct timeval){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / NSEC_PER_USEC };
}

static void add_thread_usage(const struct task_struct *t, struct rusage *r)
{
	r->ru_nvcsw += t->nvcsw;
	r->ru_nivcsw += t->nivcsw;
	r->ru_minflt += t->min_flt;
	r->ru_majflt += t->maj_flt;
}

static unsigned long task_maxrss(struct task_struct *p)
{
	unsigned long kib = p->signal->maxrss;
	struct mm_struct *mm = get_task_mm(p);

	if (mm) {
		kib = max(kib, max(mm->hiwater_rss, get_mm_rss(mm)) << (PAGE_SHIFT - 10));
		mmput(mm);
	}
	return kib;
}

void getrusage(struct task_struct *p, int who, struct rusage *r)
{
	struct signal_struct *sig = p->signal;
	u64 utime = 0, stime = 0, u, s;
	struct task_struct *t;

	memset(r, 0, sizeof(*r));
	if (who == RUSAGE_THREAD) {
		task_cputime_adjusted(p, &utime, &stime);
		add_thread_usage(p, r);
		r->ru_maxrss = task_maxrss(p);
	}
	if (who == RUSAGE_CHILDREN || who == RUSAGE_BOTH) {
		utime = sig->cutime;
		stime = sig->cstime;
		r->ru_nvcsw = sig->cnvcsw;
		r->ru_nivcsw = sig->cnivcsw;
		r->ru_minflt = sig->cmin_flt;
		r->ru_majflt = sig->cmaj_flt;
		r->ru_maxrss = sig->cmaxrss;
	}
	if (who == RUSAGE_SELF || who == RUSAGE_BOTH) {
		thread_group_cputime_adjusted(p, &u, &s);
		utime += u;
		stime += s;
		r->ru_nvcsw += sig->nvcsw;
		r->ru_nivcsw += sig->nivcsw;
		r->ru_minflt += sig->min_flt;
		r->ru_majflt += sig->maj_flt;
		r->ru_maxrss = max(r->ru_maxrss, (long)task_maxrss(p));
		scoped_guard(rcu)
			for_each_thread(p, t)
				add_thread_usage(t, r);
	}
	r->ru_utime = ns_to_timeval(utime);
	r->ru_stime = ns_to_timeval(stime);
}

static long sys_getrusage(int who, struct rusage __user *uru)
{
	struct rusage r;

	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
		return -EINVAL;
	getrusage(current, who, &r);
	return copy_to_user(uru, &r, sizeof(r)) ? -EFAULT : 0;
}
SYSCALL(98, getrusage);

struct user_sysinfo {
	long uptime;
	unsigned long loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u32 pad2;
	unsigned long totalhigh, freehigh;
	u32 mem_unit, pad3;
};
BUILD_BUG_ON(sizeof(struct user_sysinfo) != 112);
#define SI_LOAD_SHIFT 16

static long sys_sysinfo(struct user_sysinfo __user *uinfo)
{
	struct user_sysinfo info = { .mem_unit = 1 };
	struct sysinfo_pages pages;

	deferred_init_wait();
	si_meminfo(&pages);
	info.uptime = (ktime_get() + NSEC_PER_SEC - 1) / NSEC_PER_SEC;
	get_avenrun(info.loads, 0, SI_LOAD_SHIFT - FSHIFT);
	info.totalram = pages.totalram << PAGE_SHIFT;
	info.freeram = pages.freeram << PAGE_SHIFT;
	info.sharedram = pages.sharedram << PAGE_SHIFT;
	info.bufferram = pages.bufferram << PAGE_SHIFT;
	info.procs = min(nr_threads_total(), 0xffff);
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : 0;
}
SYSCALL(99, sysinfo);

/* ---- names ---- */

#define UTS_LEN UTS_NAME_LEN

struct new_utsname {
	char sysname[UTS_LEN + 1], nodename[UTS_LEN + 1], release[UTS_LEN + 1],
		version[UTS_LEN + 1];
	char machine[UTS_LEN + 1], domainname[UTS_LEN + 1];
};

static DECLARE_RWSEM(uts_sem); /* the names that can be set */
static struct new_utsname uts = {
	.sysname = UTS_SYSNAME,
	.nodename = UTS_NODENAME,
	.release = UTS_RELEASE,
	.version = UTS_VERSION,
	.machine = UTS_MACHINE,
	.domainname = "(none)",
};

static long sys_uname(struct new_utsname __user *name)
{
	struct new_utsname copy;

	down_read(&uts_sem);
	copy = uts;
	up_read(&uts_sem);
	return copy_to_user(name, &copy, sizeof(copy)) ? -EFAULT : 0;
}
SYSCALL(63, uname);

static char *uts_name(enum uts_field field)
{
	return field == UTS_FIELD_NODENAME ? uts.nodename : uts.domainname;
}

void uts_get(enum uts_field field, char name[UTS_NAME_LEN + 1])
{
	down_read(&uts_sem);
	memcpy(name, uts_name(field), UTS_LEN + 1);
	up_read(&uts_sem);
}

int uts_set(enum uts_field field, const char *name, unsigned long len)
{
	char copy[UTS_LEN + 1] = { 0 };

	if (len > UTS_LEN)
		return -EINVAL;
	memcpy(copy, name, len);
	down_write(&uts_sem);
	memcpy(uts_name(field), copy, sizeof(copy));
	up_write(&uts_sem);
	return 0;
}

static long set_name(enum uts_field field, const char __user *name, int len)
{
	char copy[UTS_LEN];

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > UTS_LEN)
		return -EINVAL;
	if (copy_from_user(copy, name, len))
		return -EFAULT;
	return uts_set(field, copy, len);
}

static long sys_sethostname(const char __user *name, int len)
{
	return set_name(UTS_FIELD_NODENAME, name, len);
}
SYSCALL(170, sethostname);

static long sys_setdomainname(const char __user *name, int len)
{
	return set_name(UTS_FIELD_DOMAINNAME, name, len);
}
SYSCALL(171, setdomainname);

/* ---- personality ---- */

static long sys_personality(unsigned int persona)
{
	unsigned int old = current->personality;

	if (persona != 0xffffffff)
		current->personality = persona;
	return old;
}
SYSCALL(135, personality);
