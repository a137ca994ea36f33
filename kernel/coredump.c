/*
 * Who gets a core file, under which name, and how the other threads stand still for it. kernel/coredump.h has the theory.
 *
 * Locks: siglock; pattern_lock for the text of core_pattern. Mirrors Linux fs/coredump.c.
 * Exercised by tests/user/coredumps.c.
 */
#include "kernel/coredump.h"

#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/mutex.h"
#include "kernel/printk.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "kernel/version.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"

#define CORENAME_MAX_SIZE 128

int suid_dumpable;
static int core_uses_pid;
static DEFINE_MUTEX(pattern_lock);
static char core_pattern[CORENAME_MAX_SIZE] = "core";

void set_dumpable(struct mm_struct *mm, unsigned int value)
{
	unsigned long old = READ_ONCE(mm->flags);

	while (!__atomic_compare_exchange_n(&mm->flags, &old, (old & ~MMF_DUMPABLE_MASK) | value,
					    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

/* ---- the other threads ---- */

/* Ends them all. How many have to come to coredump_task_exit(); -1: the process ends already. */
static int zap_threads(struct core_state *state, int exit_code)
{
	struct signal_struct *sig = current->signal;
	struct task_struct *t;

	guard(spinlock_irq)(&current->sighand->siglock);
	if ((sig->flags & SIGNAL_GROUP_EXIT) || sig->group_exec_task)
		return -1;
	sig->core_state = state;
	sig->flags = SIGNAL_GROUP_EXIT;
	sig->group_exit_code = exit_code;
	sig->group_stop_count = 0;
	for_each_thread(current, t) {
		task_clear_jobctl_pending(t, JOBCTL_STOP_PENDING);
		if (t == current || (t->flags & PF_POSTCOREDUMP))
			continue;
		t->pending.signal |= sigmask(SIGKILL);
		signal_wake_up(t, true);
		state->missing++;
	}
	/* Writing the file must not be interrupted by what was pending. */
	clear_tsk_thread_flag(current, TIF_SIGPENDING);
	return state->missing;
}

void coredump_task_exit(struct task_struct *tsk)
{
	struct core_thread self = { .task = tsk };
	struct core_state *state;

	/* The last thread: nobody is left who could be dumping. */
	if (likely(thread_group_empty(tsk)))
		return;
	spin_lock_irq(&tsk->sighand->siglock);
	tsk->flags |= PF_POSTCOREDUMP;
	state = tsk->signal->core_state;
	if (likely(!state)) {
		spin_unlock_irq(&tsk->sighand->siglock);
		return;
	}
	/* Who ends by exit(2) has no registers to show, but must not let go of memory either. */
	list_add_tail(&self.node, &state->threads);
	if (!--state->missing)
		complete(&state->startup);
	spin_unlock_irq(&tsk->sighand->siglock);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (!smp_load_acquire(&self.task))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/* They may die now. => no locks */
static void release_threads(struct core_state *state, bool dumped)
{
	struct core_thread *c, *next;

	scoped_guard(spinlock_irq, &current->sighand->siglock) {
		if (dumped && !fatal_signal_pending(current))
			current->signal->group_exit_code |= 0x80;
		current->signal->core_state = NULL;
	}
	list_for_each_entry_safe(c, next, &state->threads, node) {
		struct task_struct *task = c->task;

		/* Its stack, with *c on it, may go as soon as task is NULL. */
		get_task_struct(task);
		smp_store_release(&c->task, NULL);
		wake_up_process(task);
		put_task_struct(task);
	}
}

/* ---- the name ---- */

struct core_name {
	char text[PATH_MAX];
	unsigned int len;
	bool overflow;
};

static __printf(2, 3) void cn_printf(struct core_name *cn, const char *fmt, ...)
{
	size_t room = sizeof(cn->text) - cn->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(cn->text + cn->len, room, fmt, ap);
	va_end(ap);
	if ((size_t)n >= room)
		cn->overflow = true;
	else
		cn->len += n;
}

/* A text that the program chose: it must not lead to another directory. */
static void cn_escaped(struct core_name *cn, const char *text)
{
	unsigned int from = cn->len;

	if (!text[0] || !strcmp(text, ".") || !strcmp(text, ".."))
		cn_printf(cn, "!%s", text[0] ? text + 1 : "");
	else
		cn_printf(cn, "%s", text);
	for (; from < cn->len; from++)
		if (cn->text[from] == '/')
			cn->text[from] = '!';
}

static void cn_exe(struct core_name *cn, bool name_only)
{
	struct file *exe = current->mm->exe_file;
	char *buf = exe ? kmalloc(PATH_MAX, GFP_KERNEL) : NULL, *path;

	path = buf ? d_path(&exe->f_path, buf, PATH_MAX) : ERR_PTR(-ENOENT);
	cn_escaped(cn, IS_ERR(path) ? current->comm : name_only ? kbasename(path) : path);
	kfree(buf);
}

static void cn_specifier(struct core_name *cn, char c, const struct coredump_params *cprm)
{
	char node[UTS_NAME_LEN + 1];

	switch (c) {
	case '%':
		return cn_printf(cn, "%%");
	case 'p':
	case 'P':
		return cn_printf(cn, "%d", current->tgid);
	case 'i':
	case 'I':
		return cn_printf(cn, "%d", current->pid);
	case 'u':
		return cn_printf(cn, "%u", current_uid());
	case 'g':
		return cn_printf(cn, "%u", current_gid());
	case 'd':
		return cn_printf(cn, "%u", get_dumpable(cprm->mm_flags));
	case 's':
		return cn_printf(cn, "%d", cprm->siginfo->si_signo);
	case 't':
		return cn_printf(cn, "%lld", (s64)ktime_get_real_seconds());
	case 'h':
		uts_get(UTS_FIELD_NODENAME, node);
		return cn_escaped(cn, node);
	case 'e':
		return cn_escaped(cn, current->comm);
	case 'f':
		return cn_exe(cn, true);
	case 'E':
		return cn_exe(cn, false);
	case 'c':
		return cn_printf(cn, "%lu", rlimit(RLIMIT_CORE));
	case 'C':
		return cn_printf(cn, "%d", smp_processor_id());
	}
	/* Any other letter disappears, as on Linux. */
}

/* -ENAMETOOLONG */
static int format_corename(struct core_name *cn, const struct coredump_params *cprm)
{
	char pattern[CORENAME_MAX_SIZE];
	bool pid_in_pattern = false;

	scoped_guard(mutex, &pattern_lock)
		memcpy(pattern, core_pattern, sizeof(pattern));
	for (const char *p = pattern; *p; p++) {
		if (*p != '%') {
			cn_printf(cn, "%c", *p);
			continue;
		}
		if (!*++p)
			break;
		pid_in_pattern |= *p == 'p';
		cn_specifier(cn, *p, cprm);
	}
	if (!pid_in_pattern && core_uses_pid)
		cn_printf(cn, ".%d", current->tgid);
	return cn->overflow ? -ENAMETOOLONG : 0;
}

/* ---- the file ---- */

/* What was there is overwritten only if it is a plain file of the program's own user. NULL: none */
static struct file *open_core(const char *name, bool for_root)
{
	struct file *file;
	struct inode *inode;

	/* In a directory of the user's choice a core for root could be made to land anywhere. */
	if (for_root && name[0] != '/') {
		pr_info_ratelimited("%s[%d]: no core for root: core_pattern names no full path\n",
				    current->comm, current->pid);
		return NULL;
	}
	file = filp_open(
		name, O_CREAT | O_RDWR | O_NOFOLLOW | O_LARGEFILE | (for_root ? O_EXCL : 0), 0600);
	if (IS_ERR(file))
		return NULL;
	inode = file_inode(file);
	if (S_ISREG(inode->i_mode) && inode->i_nlink == 1 && inode->i_uid == current_fsuid() &&
	    !do_truncate(file->f_path.dentry, 0))
		return file;
	fput(file);
	return NULL;
}

bool dump_emit(struct coredump_params *cprm, const void *data, size_t len)
{
	ssize_t n;

	if (len > cprm->limit - cprm->written || fatal_signal_pending(current))
		return false;
	n = kernel_write(cprm->file, data, len, &cprm->pos);
	if (n > 0) {
		cprm->written += n;
		cprm->hole = false;
	}
	return n == (ssize_t)len;
}

bool dump_skip(struct coredump_params *cprm, size_t len)
{
	cprm->pos += len;
	cprm->hole |= len != 0;
	return !fatal_signal_pending(current);
}

/* True: the file is whole. */
static bool write_core(struct coredump_params *cprm)
{
	bool for_root = get_dumpable(cprm->mm_flags) == SUID_DUMP_ROOT, ok = false;
	struct core_name *cn = kvzalloc(sizeof(*cn), GFP_KERNEL);

	if (cn && !format_corename(cn, cprm))
		cprm->file = open_core(cn->text, for_root);
	kvfree(cn);
	if (!cprm->file)
		return false;
	ok = elf_core_dump(cprm);
	/* The end may be a hole. */
	if (ok && cprm->hole)
		ok = !do_truncate(cprm->file->f_path.dentry, cprm->pos);
	fput(cprm->file);
	return ok;
}

/* As whom the file is made: root if only root may read it. NULL: no memory; with a reference */
static const struct cred *core_cred(bool for_root)
{
	struct cred *cred;

	if (!for_root)
		return get_cred(current_cred());
	cred = prepare_creds();
	if (cred)
		cred->fsuid = cred->fsgid = 0;
	return cred;
}

void do_coredump(const struct kernel_siginfo *info)
{
	struct core_state state = { .threads = LIST_HEAD_INIT(state.threads) };
	struct coredump_params cprm = { .siginfo = info,
					.state = &state,
					.limit = rlimit(RLIMIT_CORE) };
	const struct cred *cred, *old = current_cred();
	bool dumped;
	int others;

	if (!current->mm)
		return;
	cprm.mm_flags = READ_ONCE(current->mm->flags);
	if (get_dumpable(cprm.mm_flags) == SUID_DUMP_DISABLE || cprm.limit < PAGE_SIZE)
		return;
	cred = core_cred(get_dumpable(cprm.mm_flags) == SUID_DUMP_ROOT);
	if (!cred)
		return;
	init_completion(&state.startup);
	others = zap_threads(&state, info->si_signo);
	if (others >= 0) {
		if (others)
			wait_for_completion(&state.startup);
		rcu_assign_pointer(current->cred, cred);
		dumped = write_core(&cprm);
		rcu_assign_pointer(current->cred, old);
		release_threads(&state, dumped);
	}
	put_cred(cred);
}

/* ---- /proc/sys/kernel/core_pattern, core_uses_pid, fs/suid_dumpable ---- */

static int pattern_show(struct seq_file *m, void *v)
{
	guard(mutex)(&pattern_lock);
	seq_printf(m, "%s\n", core_pattern);
	return 0;
}

static int pattern_open(struct inode *inode, struct file *file)
{
	return single_open(file, pattern_show, NULL);
}

static ssize_t pattern_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char text[CORENAME_MAX_SIZE] = { 0 };

	/* More than fits is cut, as on Linux. */
	if (copy_from_user(text, buf, min(count, sizeof(text) - 1)))
		return -EFAULT;
	text[strcspn(text, "\n")] = 0;
	if (text[0] == '|' || text[0] == '@') {
		pr_warn("core_pattern: programs and sockets are not supported, only files\n");
		return -EINVAL;
	}
	guard(mutex)(&pattern_lock);
	memcpy(core_pattern, text, sizeof(text));
	*ppos += count;
	return count;
}

static const struct file_operations pattern_fops = {
	.open = pattern_open,
	.read = seq_read,
	.write = pattern_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int coredump_init(void)
{
	struct proc_dir_entry *kernel = proc_sys_dir("kernel"), *fs = proc_sys_dir("fs");

	if (!kernel || !fs)
		return -ENOMEM;
	proc_create_data("core_pattern", 0644, kernel, &pattern_fops, NULL);
	proc_create_int("core_uses_pid", 0644, kernel, &core_uses_pid, 0, 1);
	proc_create_int("suid_dumpable", 0644, fs, &suid_dumpable, 0, 2);
	return 0;
}
fs_initcall(coredump_init);
