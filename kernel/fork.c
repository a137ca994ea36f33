/*
 * Making threads and processes.
 *
 * copy_process() builds the child out of sight, part by part; each copy_X() either shares with the parent (one more reference) or
 * copies, as the CLONE_ flag says. The last step, publish_task(), is the only one under tasklist_lock: number, family, lists.
 *
 * What makes it cheap: struct task_struct, signal_struct and sighand_struct come from slab caches, the stack from the
 * CPU's two spare ones, the table of actions copies only entries in use, and the grace period before a task_struct is freed is
 * one list push.
 *
 * Locks: tasklist_lock > siglock in publish_task(). Mirrors Linux kernel/fork.c. Exercised by
 * tests/user/{process,threads,threadends}.c.
 */
#include "kernel/fork.h"

#include "arch/x86/switch.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/completion.h"
#include "kernel/cred.h"
#include "kernel/fs/fdtable.h"
#include "kernel/fs/fs.h"
#include "kernel/futex.h"
#include "kernel/kthread.h"
#include "kernel/pidfd.h"
#include "kernel/rseq.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/trace/sched.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/cache/mempolicy.h"
#include "mm/kva/stack.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"

#define CLONE_NAMESPACES                                                               \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

static struct kmem_cache *task_struct_cachep, *signal_cachep;
static int nr_threads;	       /* tasklist_lock to write */
static unsigned long nr_forks; /* tasklist_lock to write */
int max_threads;
struct task_struct *child_reaper = &init_task;

int nr_threads_total(void)
{
	return READ_ONCE(nr_threads);
}

unsigned long total_forks(void)
{
	return READ_ONCE(nr_forks);
}

void forget_thread(void)
{
	nr_threads--;
}

void __init fork_init(void)
{
	unsigned long limit = totalram_pages() / (THREAD_SIZE / PAGE_SIZE * 8);

	task_struct_cachep = kmem_cache_create("task_struct", sizeof(struct task_struct), 64,
					       SLAB_PANIC | SLAB_ACCOUNT, NULL);
	signal_cachep = kmem_cache_create("signal_cache", sizeof(struct signal_struct), 0,
					  SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT, NULL);
	max_threads = clamp(limit, 20UL, (unsigned long)PID_MAX_DEFAULT);
	init_signals.rlim[RLIMIT_NPROC].rlim_cur = init_signals.rlim[RLIMIT_NPROC].rlim_max =
		max_threads / 2;
	init_signals.rlim[RLIMIT_SIGPENDING] = init_signals.rlim[RLIMIT_NPROC];
}

/* ---- the end of the structs ---- */

void put_signal_struct(struct signal_struct *sig)
{
	if (__atomic_sub_fetch(&sig->sigcnt, 1, __ATOMIC_SEQ_CST))
		return;
	put_pid(sig->tty_old_pgrp);
	kmem_cache_free(signal_cachep, sig);
}

void __put_task_struct(struct task_struct *t)
{
	exit_thread(t);
	if (t->flags & PF_KTHREAD)
		free_kthread_struct(t);
	put_cred(t->cred);
	put_signal_struct(t->signal);
	kmem_cache_free(task_struct_cachep, t);
}

/* ---- letting go of an address space ---- */

static void complete_vfork_done(struct task_struct *tsk)
{
	task_lock(tsk);
	if (tsk->vfork_done) {
		complete(tsk->vfork_done);
		tsk->vfork_done = NULL;
	}
	task_unlock(tsk);
}

static void mm_release(struct task_struct *tsk, struct mm_struct *mm)
{
	futex_exit_release(tsk);
	if (tsk->clear_child_tid) {
		/* Only if somebody is left to see it: pthread_join() waits on this word. */
		if (atomic_read(&mm->mm_users) > 1 && !put_user(0, tsk->clear_child_tid))
			futex_wake((u32 __user *)tsk->clear_child_tid, true, 1,
				   FUTEX_BITSET_MATCH_ANY);
		tsk->clear_child_tid = NULL;
	}
	if (tsk->vfork_done)
		complete_vfork_done(tsk);
}

void exit_mm_release(struct task_struct *tsk, struct mm_struct *mm)
{
	mm_release(tsk, mm);
}

void exec_mm_release(struct task_struct *tsk, struct mm_struct *mm)
{
	mm_release(tsk, mm);
	tsk->robust_list = NULL;
	tsk->rseq = NULL;
}

/* ---- the parts ---- */

void set_task_comm(struct task_struct *tsk, const char *name)
{
	task_lock(tsk);
	strscpy_pad(tsk->comm, name, sizeof(tsk->comm));
	task_unlock(tsk);
}

char *get_task_comm(char buf[TASK_COMM_LEN], struct task_struct *tsk)
{
	task_lock(tsk);
	memcpy(buf, tsk->comm, TASK_COMM_LEN);
	task_unlock(tsk);
	return buf;
}

/* A copy of current with a stack of its own and nothing that belongs to current alone. */
static struct task_struct *dup_task_struct(struct kernel_clone_args *args)
{
	struct task_struct *tsk = kmem_cache_alloc(task_struct_cachep, GFP_KERNEL);
	void *stack;

	if (!tsk)
		return NULL;
	stack = alloc_thread_stack(-1);
	if (!stack) {
		kmem_cache_free(task_struct_cachep, tsk);
		return NULL;
	}
	*tsk = *current;
	tsk->stack = stack;
	tsk->thread.fpu = NULL;
	tsk->flags_ti = 0;
	tsk->usage = 2;
	tsk->flags &= ~(PF_SIGNALED | PF_EXITING | PF_MEMALLOC | PF_KTHREAD | PF_IDLE);
	tsk->flags |= PF_FORKNOEXEC | (args->fn ? PF_KTHREAD : 0);
	tsk->worker_private = NULL;
	tsk->fail_nth = 0;
	tsk->exit_state = 0;
	tsk->exit_code = 0;
	tsk->pdeath_signal = 0;
	tsk->vfork_done = NULL;
	tsk->set_child_tid = args->flags & CLONE_CHILD_SETTID ? args->child_tid : NULL;
	tsk->clear_child_tid = args->flags & CLONE_CHILD_CLEARTID ? args->child_tid : NULL;
	tsk->robust_list = NULL;
	tsk->utime = tsk->stime = tsk->acct_tsc = 0;
	tsk->start_time = ktime_get_ns();
	tsk->min_flt = tsk->maj_flt = 0;
	tsk->ioac = (struct task_io){ 0 };
	tsk->jobctl = 0;
	tsk->real_blocked = 0;
	tsk->restart_block.fn = do_no_restart_syscall;
	tsk->link_count = 0;
	tsk->journal_info = NULL;
	tsk->uaccess_private = NULL;
	spin_lock_init(&tsk->alloc_lock);
	init_sigpending(&tsk->pending);
	INIT_LIST_HEAD(&tsk->children);
	INIT_LIST_HEAD(&tsk->sibling);
	if ((args->flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM) {
		tsk->sas_ss_sp = tsk->sas_ss_size = 0;
		tsk->sas_ss_flags = SS_DISABLE;
	}
	rseq_fork(tsk, args->flags & CLONE_VM);
	if (args->name)
		strscpy_pad(tsk->comm, args->name, sizeof(tsk->comm));
	get_cred(tsk->cred);
	mpol_get(tsk->mempolicy);
	return tsk;
}

static void free_task(struct task_struct *tsk)
{
	exit_thread(tsk);
	free_thread_stack(tsk->stack);
	put_cred(tsk->cred);
	mpol_put(tsk->mempolicy);
	kmem_cache_free(task_struct_cachep, tsk);
}

static int copy_files(u64 flags, struct task_struct *tsk)
{
	struct files_struct *old = current->files;
	int err = 0;

	if (!old)
		return 0;
	if (flags & CLONE_FILES) {
		atomic_inc(&old->count);
		return 0;
	}
	tsk->files = dup_fd(old, &err);
	return tsk->files ? 0 : err;
}

static int copy_fs(u64 flags, struct task_struct *tsk)
{
	struct fs_struct *fs = current->fs;

	if (!fs)
		return 0;
	if (flags & CLONE_FS) {
		spin_lock(&fs->lock);
		fs->users++;
		spin_unlock(&fs->lock);
		return 0;
	}
	tsk->fs = copy_fs_struct(fs);
	return tsk->fs ? 0 : -ENOMEM;
}

static int copy_sighand(u64 flags, struct task_struct *tsk)
{
	if (flags & CLONE_SIGHAND) {
		__atomic_add_fetch(&current->sighand->count, 1, __ATOMIC_SEQ_CST);
		return 0;
	}
	tsk->sighand = alloc_sighand(current->sighand);
	if (!tsk->sighand)
		return -ENOMEM;
	if (flags & CLONE_CLEAR_SIGHAND)
		flush_signal_handlers(tsk->sighand);
	return 0;
}

static int copy_signal(u64 flags, struct task_struct *tsk)
{
	struct signal_struct *sig, *old = current->signal;

	if (flags & CLONE_THREAD)
		return 0;
	sig = kmem_cache_zalloc(signal_cachep, GFP_KERNEL);
	if (!sig)
		return -ENOMEM;
	tsk->signal = sig;
	sig->sigcnt = sig->live = sig->nr_threads = 1;
	INIT_LIST_HEAD(&sig->thread_head);
	list_add(&tsk->thread_node, &sig->thread_head);
	init_waitqueue_head(&sig->wait_chldexit);
	init_sigpending(&sig->shared_pending);
	spin_lock_init(&sig->rlim_lock);
	spin_lock(&old->rlim_lock);
	memcpy(sig->rlim, old->rlim, sizeof(sig->rlim));
	spin_unlock(&old->rlim_lock);
	sig->oom_score_adj = old->oom_score_adj;
	sig->oom_score_adj_min = old->oom_score_adj_min;
	return 0;
}

static int copy_mm(u64 flags, struct task_struct *tsk)
{
	struct mm_struct *mm = current->mm;

	tsk->mm = tsk->active_mm = NULL;
	if (!mm || (tsk->flags & PF_KTHREAD))
		return 0;
	if (flags & CLONE_VM) {
		mm_tree_shared(mm);
		mmget(mm);
	} else {
		mm = dup_mm(mm);
	}
	tsk->mm = tsk->active_mm = mm;
	return mm ? 0 : -ENOMEM;
}

static void cleanup_signal(struct task_struct *tsk, u64 flags)
{
	if (!(flags & CLONE_THREAD))
		put_signal_struct(tsk->signal);
}

/* ---- birth ---- */

/* A stop that is under way includes the newborn. => siglock held */
static void task_join_group_stop(struct task_struct *tsk)
{
	unsigned long mask = current->jobctl & JOBCTL_STOP_SIGMASK;
	struct signal_struct *sig = current->signal;

	if (sig->group_stop_count) {
		sig->group_stop_count++;
		mask |= JOBCTL_STOP_CONSUME;
	} else if (!(sig->flags & SIGNAL_STOP_STOPPED)) {
		return;
	}
	tsk->jobctl |= mask | JOBCTL_STOP_PENDING;
	set_tsk_thread_flag(tsk, TIF_SIGPENDING);
}

static void publish_leader(struct task_struct *p, struct pid *pid)
{
	struct signal_struct *sig = p->signal, *old = current->signal;

	sig->pids[PIDTYPE_TGID] = pid;
	sig->pids[PIDTYPE_PGID] = task_pgrp(current);
	sig->pids[PIDTYPE_SID] = task_session(current);
	if (unlikely(pid_nr(pid) == 1)) {
		child_reaper = p;
		sig->flags |= SIGNAL_UNKILLABLE;
	}
	if (old->tty && signal_tty_ops)
		sig->tty = signal_tty_ops->get(old->tty);
	sig->has_child_subreaper = p->real_parent->signal->has_child_subreaper ||
				   p->real_parent->signal->is_child_subreaper;
	list_add_tail(&p->sibling, &p->real_parent->children);
	list_add_tail_rcu(&p->tasks, &init_task.tasks);
	attach_pid(p, PIDTYPE_TGID);
	attach_pid(p, PIDTYPE_PGID);
	attach_pid(p, PIDTYPE_SID);
}

static void publish_thread(struct task_struct *p)
{
	struct signal_struct *sig = p->signal;

	sig->nr_threads++;
	__atomic_add_fetch(&sig->live, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&sig->sigcnt, 1, __ATOMIC_SEQ_CST);
	task_join_group_stop(p);
	list_add_tail_rcu(&p->thread_node, &sig->thread_head);
}

/* Everybody can see the child from here on. 0; -ERESTARTNOINTR: a signal for both came before the child was there. */
static int publish_task(struct task_struct *p, struct pid *pid, struct kernel_clone_args *args)
{
	guard(spinlock_irq)(&tasklist_lock);
	p->real_parent = args->flags & (CLONE_PARENT | CLONE_THREAD) ? current->real_parent
								     : current;
	if (args->flags & CLONE_THREAD)
		p->exit_signal = -1;
	else
		p->exit_signal = args->flags & CLONE_PARENT ? current->group_leader->exit_signal
							    : args->exit_signal;
	p->parent = p->real_parent;
	guard(spinlock)(&current->sighand->siglock);
	if (!args->fn) {
		recalc_sigpending();
		if (signal_pending(current))
			return -ERESTARTNOINTR;
	}
	p->thread_pid = pid;
	if (args->flags & CLONE_THREAD)
		publish_thread(p);
	else
		publish_leader(p, pid);
	attach_pid(p, PIDTYPE_PID);
	nr_threads++;
	nr_forks++;
	return 0;
}

static int check_clone_flags(const struct kernel_clone_args *args)
{
	u64 flags = args->flags;

	if (flags & (CLONE_NAMESPACES | CLONE_NEWTIME))
		return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
	if (flags & CLONE_INTO_CGROUP)
		return -EINVAL;
	/* A descriptor stands for a process; and the two answers must not go to one place. */
	if ((flags & CLONE_PIDFD) && (flags & (CLONE_THREAD | CLONE_DETACHED)))
		return -EINVAL;
	if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID) &&
	    args->pidfd == args->parent_tid)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	/* Children of process 1's own kind could not be reaped. */
	if ((flags & CLONE_PARENT) && (current->signal->flags & SIGNAL_UNKILLABLE))
		return -EINVAL;
	return 0;
}

/* RLIMIT_NPROC counts threads of the real user; root is exempt. */
static bool too_many_threads(void)
{
	unsigned long limit = rlimit(RLIMIT_NPROC), count = 0;
	struct task_struct *p, *t;

	if (READ_ONCE(nr_threads) >= max_threads)
		return true;
	if (likely(capable(CAP_SYS_RESOURCE)) || limit == RLIM_INFINITY || !current_uid())
		return false;
	guard(rcu)();
	for_each_process_thread(p, t)
		count += rcu_dereference(t->cred)->uid == current_uid();
	return count >= limit;
}

/* The parts that are shared or copied, in order; on error those that were made are undone. */
static int copy_parts(struct task_struct *p, struct kernel_clone_args *args)
{
	u64 flags = args->flags;
	int err = sched_fork(flags, p);

	if (err)
		return err;
	err = copy_files(flags, p);
	if (err)
		return err;
	err = copy_fs(flags, p);
	if (err)
		goto undo_files;
	err = copy_sighand(flags, p);
	if (err)
		goto undo_fs;
	err = copy_signal(flags, p);
	if (err)
		goto undo_sighand;
	err = copy_mm(flags, p);
	if (err)
		goto undo_signal;
	err = copy_thread(p, flags, args->stack, args->fn, args->fn_arg, args->tls);
	if (!err)
		return 0;
	if (p->mm)
		mmput(p->mm);
undo_signal:
	cleanup_signal(p, flags);
undo_sighand:
	__cleanup_sighand(p->sighand);
undo_fs:
	exit_fs(p);
undo_files:
	exit_files(p);
	return err;
}

static void undo_parts(struct task_struct *p, u64 flags)
{
	if (p->mm)
		mmput(p->mm);
	cleanup_signal(p, flags);
	__cleanup_sighand(p->sighand);
	exit_fs(p);
	exit_files(p);
}

/* CLONE_PIDFD: the descriptor's number goes to the parent's memory before the child is there. fd, or -errno */
static int make_pidfd(struct pid *pid, const struct kernel_clone_args *args, struct file **file)
{
	int fd = pidfd_prepare(pid, 0, file);

	if (fd >= 0 && put_user(fd, args->pidfd)) {
		fput(*file);
		put_unused_fd(fd);
		return -EFAULT;
	}
	return fd;
}

static struct task_struct *copy_process(struct kernel_clone_args *args)
{
	struct file *pidfile = NULL;
	int pidfd = -1;
	struct task_struct *p;
	struct pid *pid;
	int err = check_clone_flags(args);

	if (err)
		return ERR_PTR(err);
	/* What is pending now would have to be seen by the child, too: handle it first. */
	if (!args->fn && signal_pending(current))
		return ERR_PTR(-ERESTARTNOINTR);
	if (too_many_threads())
		return ERR_PTR(-EAGAIN);
	p = dup_task_struct(args);
	if (!p)
		return ERR_PTR(-ENOMEM);
	err = copy_parts(p, args);
	if (err)
		goto out_task;
	pid = args->idle ? &init_struct_pid : alloc_pid(args->set_tid);
	if (IS_ERR(pid)) {
		err = PTR_ERR(pid);
		goto out_parts;
	}
	p->pid = pid_nr(pid);
	p->tgid = args->flags & CLONE_THREAD ? current->tgid : p->pid;
	p->group_leader = args->flags & CLONE_THREAD ? current->group_leader : p;
	if (args->idle) {
		p->thread_pid = pid;
		p->signal->pids[PIDTYPE_TGID] = p->signal->pids[PIDTYPE_PGID] =
			p->signal->pids[PIDTYPE_SID] = pid;
		p->real_parent = p->parent = &init_task;
		return p;
	}
	if (args->flags & CLONE_PIDFD) {
		err = pidfd = make_pidfd(pid, args, &pidfile);
		if (pidfd < 0)
			goto out_pid;
	}
	err = publish_task(p, pid, args);
	if (!err) {
		if (unlikely(pidfd >= 0))
			fd_install(pidfd, pidfile);
		return p;
	}
	if (pidfd >= 0) {
		fput(pidfile);
		put_unused_fd(pidfd);
	}
out_pid:
	free_pid(pid);
out_parts:
	undo_parts(p, args->flags);
out_task:
	free_task(p);
	return ERR_PTR(err);
}

/* The parent of vfork() sleeps until the child has its own program, or is dead. */
static void wait_for_vfork_done(struct task_struct *child, struct completion *vfork)
{
	if (wait_for_completion_killable(vfork)) {
		task_lock(child);
		child->vfork_done = NULL;
		task_unlock(child);
	}
	put_task_struct(child);
}

pid_t kernel_clone(struct kernel_clone_args *args)
{
	struct completion vfork;
	struct task_struct *p;
	pid_t nr;

	p = copy_process(args);
	if (IS_ERR(p))
		return PTR_ERR(p);
	nr = p->pid;
	/* A bad address does not undo the child. */
	if (args->flags & CLONE_PARENT_SETTID)
		(void)put_user(nr, args->parent_tid);
	if (args->flags & CLONE_VFORK) {
		init_completion(&vfork);
		p->vfork_done = &vfork;
		get_task_struct(p);
	}
	trace_sched_process_fork(current, p);
	wake_up_new_task(p);
	if (args->flags & CLONE_VFORK)
		wait_for_vfork_done(p, &vfork);
	return nr;
}

/* ---- kernel threads ---- */

pid_t kernel_thread(int (*fn)(void *), void *arg, const char *name, unsigned long flags)
{
	struct kernel_clone_args args = {
		.flags = (flags & ~CSIGNAL) | CLONE_VM | CLONE_UNTRACED,
		.exit_signal = SIGCHLD,
		.fn = fn,
		.fn_arg = arg,
		.name = name,
	};

	return kernel_clone(&args);
}

pid_t user_mode_thread(int (*fn)(void *), void *arg, unsigned long flags)
{
	return kernel_thread(fn, arg, NULL, flags);
}

static int idle_never_starts_here(void *unused)
{
	BUG();
	return 0;
}

struct task_struct *fork_idle(int cpu)
{
	struct kernel_clone_args args = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES,
		.fn = idle_never_starts_here,
		.idle = true,
	};
	struct task_struct *p = copy_process(&args);

	if (!IS_ERR(p))
		init_idle(p, cpu);
	return p;
}

/* ---- system calls ---- */

static long sys_fork(void)
{
	struct kernel_clone_args args = { .exit_signal = SIGCHLD };

	return kernel_clone(&args);
}
SYSCALL(57, fork);

static long sys_vfork(void)
{
	struct kernel_clone_args args = { .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD };

	return kernel_clone(&args);
}
SYSCALL(58, vfork);

static long sys_clone(unsigned long flags, unsigned long newsp, int __user *parent_tid,
		      int __user *child_tid, unsigned long tls)
{
	struct kernel_clone_args args = {
		.flags = (u32)flags & ~CSIGNAL,
		.exit_signal = flags & CSIGNAL,
		.stack = newsp,
		.parent_tid = parent_tid,
		.pidfd = parent_tid,
		.child_tid = child_tid,
		.tls = tls,
	};

	return kernel_clone(&args);
}
SYSCALL(56, clone);

/* As user programs know it. */
struct clone_args {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};
#define CLONE_ARGS_SIZE_VER0 64
#define MAX_PID_NS_LEVEL     32

static int clone3_args_ok(const struct clone_args *a)
{
	const u64 known = 0xffffffffULL | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;

	if ((a->flags & ~known) || (a->flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))))
		return false;
	if ((a->flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) ==
	    (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND))
		return false;
	if ((a->flags & (CLONE_THREAD | CLONE_PARENT)) && a->exit_signal)
		return false;
	if ((a->exit_signal & ~CSIGNAL) || !valid_signal(a->exit_signal))
		return false;
	if (!a->set_tid != !a->set_tid_size || a->set_tid_size > MAX_PID_NS_LEVEL)
		return false;
	if (!a->stack)
		return !a->stack_size;
	return a->stack_size && access_ok(a->stack, a->stack_size);
}

/* The number that the child shall have, from set_tid[], which has one for each PID namespace: there is one. 0: any. */
static int clone3_set_tid(const struct clone_args *a, pid_t *want)
{
	*want = 0;
	if (!a->set_tid)
		return 0;
	if (a->set_tid_size > 1)
		return -EINVAL;
	if (copy_from_user(want, (const void __user *)a->set_tid, sizeof(*want)))
		return -EFAULT;
	if (*want < 1 || *want >= pid_max || *want >= PID_MAX_DEFAULT)
		return -EINVAL;
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static long sys_clone3(const struct clone_args __user *uargs, size_t size)
{
	struct kernel_clone_args args = { 0 };
	struct clone_args a;
	int err;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	err = copy_struct_from_user(&a, sizeof(a), uargs, size);
	if (err)
		return err;
	if (!clone3_args_ok(&a))
		return -EINVAL;
	err = clone3_set_tid(&a, &args.set_tid);
	if (err)
		return err;
	args.flags = a.flags;
	args.child_tid = (int __user *)a.child_tid;
	args.parent_tid = (int __user *)a.parent_tid;
	args.pidfd = (int __user *)a.pidfd;
	args.exit_signal = a.exit_signal;
	args.stack = a.stack ? a.stack + a.stack_size : 0;
	args.tls = a.tls;
	return kernel_clone(&args);
}
SYSCALL(435, clone3);
