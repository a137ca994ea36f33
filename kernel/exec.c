/*
 * execve: from the system call to the point where a format has loaded its image.
 *
 * 1. do_execve() opens the file, makes a new mm with a one-page stack, and pushes the strings: file name, environment, arguments,
 *    each from the last to the first, so that they lie in order.
 * 2. begin_new_exec() is the point of no return: the other threads die, the mm is exchanged, what must not
 *    survive goes. The format then maps its segments into current->mm, the new one.
 * 3. Addresses are random unless norandmaps or personality(2) says no: stack top, mmap_base, image base, brk.
 *
 * The file of a running program cannot be written: the open file that exec got denies it as long as it lives, and mm->exe_file
 * and the mappings hold it.
 *
 * Locks: mmap_lock of the new mm; siglock and tasklist_lock in de_thread(). Mirrors Linux fs/exec.c.
 * Exercised by tests/user/{exec,badelf}.c.
 */
#include "kernel/exec.h"

#include "arch/x86/fpu.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/switch.h"
#include "arch/x86/tlb.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/coredump.h"
#include "kernel/cred.h"
#include "kernel/exit.h"
#include "kernel/fork.h"
#include "kernel/fs/fdtable.h"
#include "kernel/fs/fs.h"
#include "kernel/init.h"
#include "kernel/random.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/trace/sched.h"
#include "lib/err.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"
#include "mm/user/mman.h"

#define ADDR_NO_RANDOMIZE   0x0040000
#define ADDR_COMPAT_LAYOUT  0x0200000
#define ARG_MAX		    131072UL
#define STACK_LIMIT_DEFAULT (8UL << 20)
#define STACK_EXPAND	    (128UL << 10)
#define STACK_RND_PAGES	    0x3fffffUL /* 16 GiB */
#define MMAP_RND_BITS	    28
#define MIN_GAP		    (128UL << 20)
#define MAX_GAP		    (TASK_SIZE / 6 * 5)
#define MAX_INTERPRETERS    5

int randomize_va_space = 2;
int sysctl_legacy_va_layout;

static int __init disable_randmaps(char *value)
{
	randomize_va_space = 0;
	return 0;
}
early_param("norandmaps", disable_randmaps);

/* ---- address layout ---- */

bool exec_randomize(void)
{
	return randomize_va_space && !(current->personality & ADDR_NO_RANDOMIZE);
}

unsigned long arch_mmap_rnd(void)
{
	return exec_randomize() ? (get_random_long() & (BIT(MMAP_RND_BITS) - 1)) << PAGE_SHIFT : 0;
}

static unsigned long stack_top(void)
{
	return TASK_SIZE -
	       (exec_randomize() ? (get_random_long() & STACK_RND_PAGES) << PAGE_SHIFT : 0);
}

/* What the program will have: rlimit() knows none for the kernel thread that becomes process 1. */
static unsigned long stack_limit(void)
{
	return READ_ONCE(current->signal->rlim[RLIMIT_STACK].rlim_cur);
}

/* Mappings grow down from here; above is room for the stack to grow to its limit. */
static unsigned long mmap_base(void)
{
	unsigned long gap = stack_limit(), pad = STACK_GUARD_GAP;

	if (exec_randomize())
		pad += STACK_RND_PAGES << PAGE_SHIFT;
	if (gap + pad > gap)
		gap += pad;
	return PAGE_ALIGN(TASK_SIZE - clamp(gap, MIN_GAP, MAX_GAP) - arch_mmap_rnd());
}

/* Where mmap finds room: below the stack and down, or as old programs expect it, from a third of the space and up. */
static void pick_mmap_layout(struct mm_struct *mm)
{
	mm->mmap_legacy = sysctl_legacy_va_layout || (current->personality & ADDR_COMPAT_LAYOUT);
	mm->mmap_base = mm->mmap_legacy ? PAGE_ALIGN(TASK_SIZE / 3) + arch_mmap_rnd() : mmap_base();
}

/* ---- bprm ---- */

/* How far down the strings may reach: a quarter of the stack limit, at most 6 MiB, less the pointers to them. */
static int set_stack_limits(struct linux_binprm *bprm)
{
	unsigned long limit = min(stack_limit() / 4, STACK_LIMIT_DEFAULT / 4 * 3), pointers;

	limit = max(limit, ARG_MAX);
	pointers = ((unsigned long)max(bprm->argc, 1) + bprm->envc) * sizeof(void *);
	if (limit <= pointers)
		return -E2BIG;
	bprm->argmin = bprm->p - (limit - pointers);
	return 0;
}

static void free_bprm(struct linux_binprm *bprm)
{
	bprm_drop_page(bprm);
	if (bprm->mm && !bprm->point_of_no_return)
		mmput(bprm->mm);
	if (bprm->file)
		fput(bprm->file);
	if (bprm->interpreter)
		fput(bprm->interpreter);
	if (bprm->interp_alloced)
		kfree(bprm->interp);
	kfree(bprm->fdpath);
}

/* "/dev/fd/N" or "/dev/fd/N/name": what a script's interpreter gets as its argument. */
static int name_by_fd(struct linux_binprm *bprm, int fd, const char *name)
{
	bprm->fdpath = name[0] ? kasprintf(GFP_KERNEL, "/dev/fd/%d/%s", fd, name)
			       : kasprintf(GFP_KERNEL, "/dev/fd/%d", fd);
	if (!bprm->fdpath)
		return -ENOMEM;
	bprm->filename = bprm->fdpath;
	bprm->path_inaccessible = get_close_on_exec(fd);
	return 0;
}

static int bprm_mm_init(struct linux_binprm *bprm)
{
	unsigned long top = stack_top();
	int err;

	bprm->mm = mm_alloc();
	if (!bprm->mm)
		return -ENOMEM;
	pick_mmap_layout(bprm->mm);
	err = setup_new_stack(bprm->mm, top, 0);
	if (err)
		return err;
	bprm->vma = find_vma(bprm->mm, top - 1);
	bprm->p = top - sizeof(void *);
	return 0;
}

/* File, name and mm; the caller calls free_bprm() in any case. */
static int init_bprm(struct linux_binprm *bprm, int fd, const char *name, int flags)
{
	int err;

	memset(bprm, 0, offsetof(struct linux_binprm, buf));
	bprm->page_addr = ~0UL;
	bprm->filename = name;
	bprm->file = do_open_execat(fd, name, flags);
	if (IS_ERR(bprm->file)) {
		err = PTR_ERR(bprm->file);
		bprm->file = NULL;
		return err;
	}
	if (fd != AT_FDCWD && name[0] != '/') {
		err = name_by_fd(bprm, fd, name);
		if (err)
			return err;
	}
	bprm->interp = bprm->filename;
	return bprm_mm_init(bprm);
}

int bprm_change_interp(const char *interp, struct linux_binprm *bprm)
{
	char *copy = kstrdup(interp, GFP_KERNEL);

	if (!copy)
		return -ENOMEM;
	if (bprm->interp_alloced)
		kfree(bprm->interp);
	bprm->interp = copy;
	bprm->interp_alloced = true;
	return 0;
}

/* ---- the other threads ---- */

static void exchange_tids(struct task_struct *a, struct task_struct *b)
{
	hlist_del_rcu(&a->pid_links[PIDTYPE_PID]);
	hlist_del_rcu(&b->pid_links[PIDTYPE_PID]);
	swap(a->thread_pid, b->thread_pid);
	swap(a->pid, b->pid);
	attach_pid(a, PIDTYPE_PID);
	attach_pid(b, PIDTYPE_PID);
}

/* current, which is alone but for the dead leader, becomes the leader and takes its number. => tasklist_lock held */
static void become_leader(struct task_struct *tsk, struct task_struct *leader)
{
	tsk->start_time = leader->start_time;
	exchange_tids(tsk, leader);
	transfer_pid(leader, tsk, PIDTYPE_TGID);
	transfer_pid(leader, tsk, PIDTYPE_PGID);
	transfer_pid(leader, tsk, PIDTYPE_SID);
	list_replace_rcu(&leader->tasks, &tsk->tasks);
	list_replace_init(&leader->sibling, &tsk->sibling);
	tsk->group_leader = leader->group_leader = tsk;
	if (child_reaper == leader)
		child_reaper = tsk;
	tsk->exit_signal = SIGCHLD;
	leader->exit_signal = -1;
	leader->exit_state = EXIT_DEAD;
}

/* Sleeps until sig->notify_count is 0 or the leader is a zombie. False: killed. */
static bool wait_for_threads(struct task_struct *tsk)
{
	struct signal_struct *sig = tsk->signal;

	spin_lock_irq(&tsk->sighand->siglock);
	while (sig->notify_count > 0) {
		__set_current_state(TASK_KILLABLE);
		spin_unlock_irq(&tsk->sighand->siglock);
		schedule();
		if (fatal_signal_pending(tsk))
			return false;
		spin_lock_irq(&tsk->sighand->siglock);
	}
	spin_unlock_irq(&tsk->sighand->siglock);
	return true;
}

static bool replace_leader(struct task_struct *tsk)
{
	struct task_struct *leader = tsk->group_leader;
	struct signal_struct *sig = tsk->signal;

	for (;;) {
		spin_lock_irq(&tasklist_lock);
		/* exit_notify() of the leader wakes us. */
		sig->notify_count = -1;
		if (leader->exit_state)
			break;
		__set_current_state(TASK_KILLABLE);
		spin_unlock_irq(&tasklist_lock);
		schedule();
		if (fatal_signal_pending(tsk))
			return false;
	}
	become_leader(tsk, leader);
	spin_unlock_irq(&tasklist_lock);
	release_task(leader);
	return true;
}

/* Leaves current as the only thread of its process. 0; -EAGAIN: somebody else ends the process. */
static int de_thread(struct task_struct *tsk)
{
	struct signal_struct *sig = tsk->signal;
	bool ok;

	if (likely(thread_group_empty(tsk))) {
		tsk->exit_signal = SIGCHLD;
		return 0;
	}
	scoped_guard(spinlock_irq, &tsk->sighand->siglock) {
		if ((sig->flags & SIGNAL_GROUP_EXIT) || sig->group_exec_task)
			return -EAGAIN;
		sig->group_exec_task = tsk;
		sig->notify_count = zap_other_threads(tsk);
		/* The leader stays until we have taken its place. */
		if (!thread_group_leader(tsk))
			sig->notify_count--;
	}
	ok = wait_for_threads(tsk) && (thread_group_leader(tsk) || replace_leader(tsk));
	spin_lock_irq(&tasklist_lock);
	sig->group_exec_task = NULL;
	sig->notify_count = 0;
	spin_unlock_irq(&tasklist_lock);
	return ok ? 0 : -EAGAIN;
}

/* clone(CLONE_SIGHAND) without CLONE_THREAD shares the table with another process: from now on not. */
static int unshare_sighand(struct task_struct *me)
{
	struct sighand_struct *old = me->sighand, *new;

	if (likely(READ_ONCE(old->count) == 1))
		return 0;
	new = alloc_sighand(old);
	if (!new)
		return -ENOMEM;
	spin_lock_irq(&tasklist_lock);
	spin_lock(&old->siglock);
	rcu_assign_pointer(me->sighand, new);
	spin_unlock(&old->siglock);
	spin_unlock_irq(&tasklist_lock);
	__cleanup_sighand(old);
	return 0;
}

/* ---- the point of no return ---- */

static void exec_mmap(struct mm_struct *mm)
{
	struct task_struct *tsk = current;
	struct mm_struct *old = tsk->mm;

	if (old)
		exec_mm_release(tsk, old);
	mm->owner = tsk;
	mm_tree_exclusive(mm);
	task_lock(tsk);
	local_irq_disable();
	tsk->mm = tsk->active_mm = mm;
	switch_mm_irqs_off(old ? &old->context : NULL, &mm->context, tsk);
	local_irq_enable();
	task_unlock(tsk);
	if (old) {
		note_maxrss(tsk->signal, old);
		mmput(old);
	}
}

/* Set-user-ID and set-group-ID bits of the file that is really loaded. */
static void creds_from_file(struct linux_binprm *bprm)
{
	struct inode *inode = file_inode(bprm->file);
	umode_t mode = inode->i_mode;

	bprm->euid = current_euid();
	bprm->egid = current_egid();
	if (unlikely(mode & (S_ISUID | S_ISGID)) && !current->no_new_privs &&
	    !(bprm->file->f_path.mnt->mnt_flags & MS_NOSUID)) {
		if (mode & S_ISUID)
			bprm->euid = inode->i_uid;
		/* Without group execute the bit means mandatory locking. */
		if ((mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
			bprm->egid = inode->i_gid;
	}
	bprm->secureexec = bprm->euid != current_uid() || bprm->egid != current_gid();
}

static int install_creds(const struct linux_binprm *bprm)
{
	const struct cred *old = current_cred();
	const bool root = !old->uid || !bprm->euid;
	struct cred *new;

	/* Root that has its privileges, or anyone without any, and no bit on the file: nothing changes. */
	if (likely(old->cap_permitted == (root ? CAP_FULL_SET : 0) &&
		   old->cap_effective == (bprm->euid ? 0 : CAP_FULL_SET) &&
		   old->euid == bprm->euid && old->suid == bprm->euid && old->fsuid == bprm->euid &&
		   old->egid == bprm->egid && old->sgid == bprm->egid && old->fsgid == bprm->egid))
		return 0;
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	new->euid = new->suid = new->fsuid = bprm->euid;
	new->egid = new->sgid = new->fsgid = bprm->egid;
	cap_follow_exec(new, old, current->no_new_privs);
	commit_creds(new);
	return 0;
}

/* What belonged to the old program and not to the process. => after the mm was exchanged */
static void forget_old_program(struct linux_binprm *bprm)
{
	struct task_struct *me = current;

	me->flags &= ~(PF_FORKNOEXEC | PF_KTHREAD);
	if (bprm->secureexec) {
		me->personality &= ~(ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT);
		me->pdeath_signal = 0;
	}
	me->sas_ss_sp = me->sas_ss_size = 0;
	me->sas_ss_flags = SS_DISABLE;
	do_close_on_exec(me->files);
	set_task_comm(me, kbasename(bprm->filename));
	flush_signal_handlers(me->sighand);
	me->mm->flags = bprm->kept_flags |
			(bprm->secureexec ? (unsigned long)suid_dumpable : SUID_DUMP_USER);
}

int begin_new_exec(struct linux_binprm *bprm)
{
	struct task_struct *me = current;
	int err;

	creds_from_file(bprm);
	err = de_thread(me);
	if (err)
		return err;
	err = unshare_files();
	if (err)
		return err;
	bprm->mm->exe_file = get_file(bprm->file);
	bprm->point_of_no_return = true;
	bprm->kept_flags = me->mm ? me->mm->flags & MMF_INIT_MASK : MMF_DUMP_FILTER_DEFAULT;
	exec_mmap(bprm->mm);
	err = unshare_sighand(me);
	if (!err)
		err = flush_thread();
	if (err)
		return err;
	forget_old_program(bprm);
	return install_creds(bprm);
}

/* Room below the arguments, as far as the limit allows: usual programs never make their stack grow. */
static int give_stack_room(struct vm_area_struct *vma)
{
	unsigned long size = vma->vm_end - vma->vm_start + STACK_EXPAND;

	return expand_stack(vma, vma->vm_end - min(size, stack_limit() & PAGE_MASK));
}

int setup_arg_pages(struct linux_binprm *bprm, int executable_stack)
{
	struct mm_struct *mm = bprm->mm;
	int err = 0;

	mmap_write_lock(mm);
	if (executable_stack == EXSTACK_ENABLE_X)
		err = mprotect_fixup_range(mm, bprm->vma->vm_start, bprm->vma->vm_end,
					   PROT_READ | PROT_WRITE | PROT_EXEC);
	bprm->vma = find_vma(mm, bprm->p);
	if (!err)
		err = give_stack_room(bprm->vma);
	mmap_write_unlock(mm);
	return err;
}

/* ---- formats ---- */

/* The file's first bytes; a short file is padded with zeroes. */
static int prepare_binprm(struct linux_binprm *bprm)
{
	loff_t pos = 0;
	ssize_t n = kernel_read(bprm->file, bprm->buf, BINPRM_BUF_SIZE, &pos);

	if (n < 0)
		return n;
	bprm->buf_len = n;
	memset(bprm->buf + n, 0, BINPRM_BUF_SIZE - n);
	return 0;
}

static int search_binary_handler(struct linux_binprm *bprm)
{
	static const struct linux_binfmt *const formats[] = { &elf_format, &script_format };
	int err = prepare_binprm(bprm);

	if (err)
		return err;
	for (int i = 0; i < (int)ARRAY_SIZE(formats); i++) {
		err = formats[i]->load_binary(bprm);
		if (err != -ENOEXEC || bprm->point_of_no_return)
			return err;
	}
	return -ENOEXEC;
}

static int exec_binprm(struct linux_binprm *bprm)
{
	for (int depth = 0; depth <= MAX_INTERPRETERS; depth++) {
		int err = search_binary_handler(bprm);

		if (err || !bprm->interpreter)
			return err;
		fput(bprm->file);
		bprm->file = bprm->interpreter;
		bprm->interpreter = NULL;
	}
	return -ELOOP;
}

/* Strings in the order in which they lie from high to low. */
static int push_arguments(struct linux_binprm *bprm, const struct arg_list *argv,
			  const struct arg_list *envp)
{
	int err;

	bprm->argc = bprm_count_args(argv);
	if (bprm->argc < 0)
		return bprm->argc;
	bprm->envc = bprm_count_args(envp);
	if (bprm->envc < 0)
		return bprm->envc;
	err = set_stack_limits(bprm);
	if (err)
		return err;
	err = copy_string_kernel(bprm->filename, bprm);
	if (err)
		return err;
	bprm->exec = bprm->p;
	err = bprm_copy_strings(bprm->envc, envp, bprm);
	if (err)
		return err;
	err = bprm_copy_strings(bprm->argc, argv, bprm);
	if (err)
		return err;
	/* Programs take argv[0] for granted. */
	if (!bprm->argc) {
		err = copy_string_kernel("", bprm);
		bprm->argc = 1;
	}
	return err;
}

static int do_execve(int fd, const char *name, const struct arg_list *argv,
		     const struct arg_list *envp, int flags)
{
	struct linux_binprm bprm;
	int err = init_bprm(&bprm, fd, name, flags);

	if (!err)
		err = push_arguments(&bprm, argv, envp);
	if (!err)
		err = exec_binprm(&bprm);
	if (!err)
		trace_sched_process_exec(current, current->pid, bprm.filename);
	/* The old program is gone: there is nothing to return an error to. */
	if (err && bprm.point_of_no_return && !fatal_signal_pending(current))
		force_fatal_sig(SIGSEGV);
	free_bprm(&bprm);
	return err;
}

int kernel_execve(const char *path, const char *const *argv, const char *const *envp)
{
	struct arg_list args = { .kern = argv }, env = { .kern = envp };

	return do_execve(AT_FDCWD, path, &args, &env, 0);
}

static long do_sys_execve(int fd, struct filename *name, const char __user *const __user *argv,
			  const char __user *const __user *envp, int flags)
{
	struct arg_list args = { .user = argv }, env = { .user = envp };
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = do_execve(fd, name->name, &args, &env, flags);
	putname(name);
	return err;
}

static long sys_execve(const char __user *name, const char __user *const __user *argv,
		       const char __user *const __user *envp)
{
	return do_sys_execve(AT_FDCWD, getname(name), argv, envp, 0);
}
SYSCALL(59, execve);

static long sys_execveat(int fd, const char __user *name, const char __user *const __user *argv,
			 const char __user *const __user *envp, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return do_sys_execve(fd, getname_flags(name, flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
			     argv, envp, flags);
}
SYSCALL(322, execveat);
