/*
 * /proc/PID and /proc/PID/task/TID: a table of files per task.
 *
 * An inode here holds a struct pid (or the thread's, below task/): the task may end while a file
 * is open, and then reads answer ESRCH. Revalidation drops cached names of tasks that are gone.
 *
 * Locks: RCU to find tasks; task_lock for mm and files. Mirrors Linux fs/proc/base.c. Exercised by
 * tests/user/procfs.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/coredump.h"
#include "kernel/fork.h"
#include "kernel/fs/fdtable.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"

/* What an inode below /proc/PID knows. i_private of fixed entries is a proc_dir_entry instead. */
struct proc_pid_info {
	struct pid *pid;
	const struct pid_entry *entry;
	bool thread; /* below task/: the numbers are the thread's own */
};

struct pid_entry {
	const char *name;
	umode_t mode;
	const struct inode_operations *iops;
	const struct file_operations *fops;
	int (*show)(struct seq_file *m, struct task_struct *task);
	int (*link)(struct task_struct *task, struct path *path);
	bool leader_only; /* not below task/TID */
};

static const struct pid_entry pid_entries[];
static const struct inode_operations pid_dir_iops, task_dir_iops, pid_link_iops, pid_file_iops;
static const struct file_operations pid_dir_fops, task_dir_fops;

static struct proc_pid_info *info_of(const struct inode *inode)
{
	return inode->i_private;
}

struct pid *proc_pid(const struct inode *inode)
{
	return info_of(inode)->pid;
}

struct task_struct *get_proc_task(const struct inode *inode)
{
	return get_pid_task(info_of(inode)->pid, PIDTYPE_PID);
}

void proc_pid_evict(struct inode *inode)
{
	struct proc_pid_info *info = inode->i_private;

	/* Fixed entries have numbers from 0xf0000000 on, and 1. */
	if (inode->i_ino >= 0xf0000000 || inode->i_ino == 1)
		return;
	put_pid(info->pid);
	kfree(info);
}

struct inode *proc_pid_make_inode(struct super_block *sb, struct pid *pid, umode_t mode)
{
	struct proc_pid_info *info = kzalloc(sizeof(*info), GFP_KERNEL);
	struct inode *inode = info ? new_inode(sb) : NULL;
	struct task_struct *task;

	if (!inode) {
		kfree(info);
		return NULL;
	}
	inode->i_ino = 2 + (inode->i_ino & 0x7fffffff);
	info->pid = get_pid(pid);
	inode->i_private = info;
	inode->i_mode = mode;
	inode->i_blkbits = 10;
	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task && task->cred) {
		inode->i_uid = task->cred->euid;
		inode->i_gid = task->cred->egid;
	}
	rcu_read_unlock();
	return inode;
}

static int pid_revalidate(struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	int alive;

	if (!inode)
		return 0;
	rcu_read_lock();
	alive = pid_task(proc_pid(inode), PIDTYPE_PID) != NULL;
	rcu_read_unlock();
	return alive;
}

/* It would hold the pid, and be wrong as soon as the process is gone. */
int pid_delete_dentry(const struct dentry *dentry)
{
	return 1;
}

const struct dentry_operations pid_dentry_ops = { .d_revalidate = pid_revalidate,
						  .d_delete = pid_delete_dentry };

static struct dentry *pid_add(struct dentry *dentry, struct inode *inode)
{
	if (!inode)
		return ERR_PTR(-ENOMEM);
	dentry->d_op = &pid_dentry_ops;
	d_add(dentry, inode);
	return NULL;
}

/* A decimal number without leading zeroes, or -1. */
static pid_t name_to_pid(const struct qstr *name)
{
	unsigned long n = 0;
	unsigned int i;

	if (name->len > 9 || (name->len > 1 && name->name[0] == '0'))
		return -1;
	for (i = 0; i < name->len; i++) {
		if (name->name[i] < '0' || name->name[i] > '9')
			return -1;
		n = n * 10 + name->name[i] - '0';
	}
	return n;
}

/* --- self, thread-self --- */

static const char *self_link(struct dentry *dentry, struct inode *inode, char **buf)
{
	*buf = kasprintf(GFP_KERNEL, "%d", current->tgid);
	return *buf ? *buf : ERR_PTR(-ENOMEM);
}

static const char *thread_self_link(struct dentry *dentry, struct inode *inode, char **buf)
{
	*buf = kasprintf(GFP_KERNEL, "%d/task/%d", current->tgid, current->pid);
	return *buf ? *buf : ERR_PTR(-ENOMEM);
}

static const struct inode_operations self_iops = { .get_link = self_link };
static const struct inode_operations thread_self_iops = { .get_link = thread_self_link };

struct dentry *proc_pid_lookup(struct inode *dir, struct dentry *dentry)
{
	const struct qstr *name = &dentry->d_name;
	struct inode *inode;
	struct pid *pid;
	pid_t nr;
	bool self = name->len == 4 && !memcmp(name->name, "self", 4);

	if (self || (name->len == 11 && !memcmp(name->name, "thread-self", 11))) {
		inode = proc_pid_make_inode(dir->i_sb, task_pid(current), S_IFLNK | 0777);
		if (inode) {
			inode->i_uid = inode->i_gid = 0;
			inode->i_op = self ? &self_iops : &thread_self_iops;
		}
		return pid_add(dentry, inode);
	}
	nr = name_to_pid(name);
	pid = nr > 0 ? find_get_pid(nr) : NULL;
	if (!pid)
		return ERR_PTR(-ENOENT);
	inode = ERR_PTR(-ENOENT);
	rcu_read_lock();
	if (pid_task(pid, PIDTYPE_PID))
		inode = NULL;
	rcu_read_unlock();
	if (!inode) {
		inode = proc_pid_make_inode(dir->i_sb, pid, S_IFDIR | 0555);
		if (inode) {
			inode->i_op = &pid_dir_iops;
			inode->i_fop = &pid_dir_fops;
			inode->i_nlink = 4;
		}
	}
	put_pid(pid);
	return IS_ERR(inode) ? ERR_CAST(inode) : pid_add(dentry, inode);
}

int proc_pid_readdir(struct file *file, struct dir_context *ctx)
{
	pid_t nr;

	if (ctx->pos == FIRST_PID_POS) {
		if (!dir_emit(ctx, "self", 4, 2, DT_LNK))
			return 0;
		ctx->pos++;
	}
	if (ctx->pos == FIRST_PID_POS + 1) {
		if (!dir_emit(ctx, "thread-self", 11, 3, DT_LNK))
			return 0;
		ctx->pos++;
	}
	if (ctx->pos > FIRST_PID_POS + 1 + (loff_t)PID_MAX_DEFAULT)
		return 0;
	for (nr = ctx->pos - FIRST_PID_POS - 1;; nr++) {
		struct pid *pid;
		bool leader = false;
		char name[12];
		int len;

		rcu_read_lock();
		pid = find_ge_pid(nr);
		if (pid) {
			nr = pid_nr(pid);
			leader = pid_task(pid, PIDTYPE_TGID) != NULL;
		}
		rcu_read_unlock();
		if (!pid)
			break;
		if (!leader)
			continue;
		ctx->pos = FIRST_PID_POS + 1 + nr;
		len = snprintf(name, sizeof(name), "%d", nr);
		if (!dir_emit(ctx, name, len, nr + 100, DT_DIR))
			return 0;
		ctx->pos++;
	}
	ctx->pos = LLONG_MAX / 2;
	return 0;
}

/* --- the files --- */

static int pid_show(struct seq_file *m, void *v)
{
	struct inode *inode = m->private;
	struct task_struct *task = get_proc_task(inode);
	int ret;

	if (!task)
		return -ESRCH;
	ret = info_of(inode)->entry->show(m, task);
	put_task_struct(task);
	return ret;
}

static int pid_single_open(struct inode *inode, struct file *file)
{
	return single_open(file, pid_show, inode);
}

static const struct file_operations pid_single_fops = {
	.open = pid_single_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = single_release,
};

static int show_stat(struct seq_file *m, struct task_struct *task)
{
	return proc_pid_stat_show(m, task, !info_of(m->private)->thread);
}

static int show_io(struct seq_file *m, struct task_struct *task)
{
	return proc_pid_io_show(m, task, !info_of(m->private)->thread);
}

static int show_comm(struct seq_file *m, struct task_struct *task)
{
	char comm[TASK_COMM_LEN];

	seq_printf(m, "%s\n", get_task_comm(comm, task));
	return 0;
}

/* A thread of the process itself may give a thread another name, cut at 15 bytes. */
static ssize_t comm_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char comm[TASK_COMM_LEN] = { 0 };
	struct task_struct *task;
	ssize_t ret = -EINVAL;

	if (copy_from_user(comm, buf, min(count, sizeof(comm) - 1)))
		return -EFAULT;
	task = get_proc_task(file_inode(file));
	if (!task)
		return -ESRCH;
	if (same_thread_group(task, current)) {
		set_task_comm(task, comm);
		ret = count;
	}
	put_task_struct(task);
	return ret;
}

static const struct file_operations comm_fops = {
	.open = pid_single_open,
	.read = seq_read,
	.write = comm_write,
	.llseek = seq_lseek,
	.release = single_release,
};

bool proc_may_access(struct task_struct *task)
{
	u32 uid = current_fsuid();
	const struct cred *c;

	guard(rcu)();
	c = task->cred;
	return (c->uid == uid && c->euid == uid && c->suid == uid) || capable(CAP_SYS_PTRACE);
}

/* Bytes [start, end) of the task's memory, in pieces. */
static int show_mm_range(struct seq_file *m, struct task_struct *task, bool env)
{
	struct mm_struct *mm = get_task_mm(task);
	unsigned long addr, end;
	char *page;

	if (!mm)
		return 0;
	page = (char *)__get_free_page(GFP_KERNEL);
	if (!page) {
		mmput(mm);
		return -ENOMEM;
	}
	addr = env ? mm->env_start : mm->arg_start;
	end = env ? mm->env_end : mm->arg_end;
	while (addr < end) {
		int n = access_remote_vm(mm, addr, page, min(end - addr, PAGE_SIZE), 0);

		if (n <= 0)
			break;
		seq_write(m, page, n);
		addr += n;
	}
	free_page((unsigned long)page);
	mmput(mm);
	return 0;
}

static int show_cmdline(struct seq_file *m, struct task_struct *task)
{
	return show_mm_range(m, task, false);
}

static int show_environ(struct seq_file *m, struct task_struct *task)
{
	if (!proc_may_access(task))
		return -EACCES;
	return show_mm_range(m, task, true);
}

static int show_auxv(struct seq_file *m, struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);
	unsigned int n = 0;

	if (!mm)
		return 0;
	do {
		n += 2;
	} while (n < AT_VECTOR_SIZE && mm->saved_auxv[n - 2]);
	seq_write(m, mm->saved_auxv, n * sizeof(long));
	mmput(mm);
	return 0;
}

static unsigned long task_badness(struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);
	unsigned long pages, total = totalram_pages();
	long points;

	if (!mm)
		return 0;
	pages = get_mm_rss(mm) + (atomic_long_read(&mm->pgtables_bytes) >> PAGE_SHIFT);
	mmput(mm);
	/*
	 * Thousandths of memory, moved by the adjustment; shown as Linux does, 0..2000 scaled by
	 * 2/3.
	 */
	points = (long)(pages * 1000 / (total ? total : 1)) + task->signal->oom_score_adj;
	return clamp((1000 + points) * 2 / 3, 0L, 2000L);
}

static int show_oom_score(struct seq_file *m, struct task_struct *task)
{
	seq_printf(m, "%lu\n", task_badness(task));
	return 0;
}

static int show_oom_score_adj(struct seq_file *m, struct task_struct *task)
{
	seq_printf(m, "%d\n", task->signal->oom_score_adj);
	return 0;
}

static ssize_t oom_score_adj_write(struct file *file, const char __user *buf, size_t count,
				   loff_t *ppos)
{
	struct task_struct *task;
	char text[16];
	int v, err;

	if (!count || count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = 0;
	err = kstrtoint(strim(text), 0, &v);
	if (err)
		return err;
	if (v < -1000 || v > 1000)
		return -EINVAL;
	task = get_proc_task(file_inode(file));
	if (!task)
		return -ESRCH;
	err = -EACCES;
	if (v >= task->signal->oom_score_adj_min || capable(CAP_SYS_RESOURCE)) {
		task->signal->oom_score_adj = v;
		if (capable(CAP_SYS_RESOURCE))
			task->signal->oom_score_adj_min = v;
		err = 0;
	}
	put_task_struct(task);
	return err ? err : (ssize_t)count;
}

static const struct file_operations oom_score_adj_fops = {
	.open = pid_single_open,
	.read = seq_read,
	.write = oom_score_adj_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* Which kinds of memory go into a core dump. */
static int show_coredump_filter(struct seq_file *m, struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);

	if (!mm)
		return 0;
	seq_printf(m, "%08lx\n", (mm->flags & MMF_DUMP_FILTER_MASK) >> MMF_DUMP_FILTER_SHIFT);
	mmput(mm);
	return 0;
}

static ssize_t coredump_filter_write(struct file *file, const char __user *buf, size_t count,
				     loff_t *ppos)
{
	struct task_struct *task;
	struct mm_struct *mm;
	unsigned long filter;
	char text[24];
	int err;

	if (!count || count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = 0;
	err = kstrtoul(strim(text), 0, &filter);
	if (err)
		return err;
	task = get_proc_task(file_inode(file));
	if (!task)
		return -ESRCH;
	mm = get_task_mm(task);
	put_task_struct(task);
	if (!mm)
		return -ESRCH;
	filter = filter << MMF_DUMP_FILTER_SHIFT & MMF_DUMP_FILTER_MASK;
	__atomic_and_fetch(&mm->flags, ~MMF_DUMP_FILTER_MASK, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(&mm->flags, filter, __ATOMIC_SEQ_CST);
	mmput(mm);
	return count;
}

static const struct file_operations coredump_filter_fops = {
	.open = pid_single_open,
	.read = seq_read,
	.write = coredump_filter_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static const char *const limit_names[RLIM_NLIMITS][2] = {
	[RLIMIT_CPU] = { "Max cpu time", "seconds" },
	[RLIMIT_FSIZE] = { "Max file size", "bytes" },
	[RLIMIT_DATA] = { "Max data size", "bytes" },
	[RLIMIT_STACK] = { "Max stack size", "bytes" },
	[RLIMIT_CORE] = { "Max core file size", "bytes" },
	[RLIMIT_RSS] = { "Max resident set", "bytes" },
	[RLIMIT_NPROC] = { "Max processes", "processes" },
	[RLIMIT_NOFILE] = { "Max open files", "files" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
	[RLIMIT_AS] = { "Max address space", "bytes" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },
	[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
	[RLIMIT_NICE] = { "Max nice priority", "" },
	[RLIMIT_RTPRIO] = { "Max realtime priority", "" },
	[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
};

static void show_limit_value(struct seq_file *m, unsigned long v)
{
	if (v == RLIM_INFINITY)
		seq_printf(m, "%-20s ", "unlimited");
	else
		seq_printf(m, "%-20lu ", v);
}

static int show_limits(struct seq_file *m, struct task_struct *task)
{
	int i;

	seq_printf(m, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (i = 0; i < RLIM_NLIMITS; i++) {
		seq_printf(m, "%-25s ", limit_names[i][0]);
		show_limit_value(m, task->signal->rlim[i].rlim_cur);
		show_limit_value(m, task->signal->rlim[i].rlim_max);
		/* What has no unit has no column for it either. */
		if (limit_names[i][1][0])
			seq_printf(m, "%-10s", limit_names[i][1]);
		seq_putc(m, '\n');
	}
	return 0;
}

/* --- links --- */

static int link_exe(struct task_struct *task, struct path *path)
{
	struct mm_struct *mm = get_task_mm(task);
	int err = -ENOENT;

	if (!mm)
		return err;
	mmap_read_lock(mm);
	if (mm->exe_file) {
		*path = mm->exe_file->f_path;
		path_get(path);
		err = 0;
	}
	mmap_read_unlock(mm);
	mmput(mm);
	return err;
}

static int link_fs(struct task_struct *task, struct path *path, bool root)
{
	struct fs_struct *fs;
	int err = -ENOENT;

	task_lock(task);
	fs = task->fs;
	if (fs) {
		if (root)
			get_fs_root(fs, path);
		else
			get_fs_pwd(fs, path);
		err = 0;
	}
	task_unlock(task);
	return err;
}

static int link_cwd(struct task_struct *task, struct path *path)
{
	return link_fs(task, path, false);
}

static int link_root(struct task_struct *task, struct path *path)
{
	return link_fs(task, path, true);
}

static int pid_jump_link(struct dentry *dentry, struct inode *inode, struct path *path)
{
	struct task_struct *task = get_proc_task(inode);
	int err;

	if (!task)
		return -ENOENT;
	err = proc_may_access(task) ? info_of(inode)->entry->link(task, path) : -EACCES;
	put_task_struct(task);
	return err;
}

static const char *pid_get_link(struct dentry *dentry, struct inode *inode, char **buf)
{
	struct path path;
	char *page, *p;
	int err = pid_jump_link(dentry, inode, &path);

	if (err)
		return ERR_PTR(err);
	page = kmalloc(PATH_MAX, GFP_KERNEL);
	p = page ? d_path(&path, page, PATH_MAX) : ERR_PTR(-ENOMEM);
	path_put(&path);
	if (IS_ERR(p)) {
		kfree(page);
		return p;
	}
	memmove(page, p, strlen(p) + 1);
	*buf = page;
	return page;
}

static const struct inode_operations pid_link_iops = { .get_link = pid_get_link,
						       .jump_link = pid_jump_link };
static const struct inode_operations pid_file_iops = { 0 };

/* --- the tables and directories --- */

static const struct pid_entry pid_entries[] = {
	{ "task", S_IFDIR | 0555, .iops = &task_dir_iops, .fops = &task_dir_fops,
	  .leader_only = true },
	{ "fd", S_IFDIR | 0500, .iops = &proc_fd_iops, .fops = &proc_fd_fops },
	{ "fdinfo", S_IFDIR | 0555, .iops = &proc_fdinfo_iops, .fops = &proc_fdinfo_fops },
	{ "stat", S_IFREG | 0444, .show = show_stat },
	{ "statm", S_IFREG | 0444, .show = proc_pid_statm_show },
	{ "status", S_IFREG | 0444, .show = proc_pid_status_show },
	{ "cmdline", S_IFREG | 0444, .show = show_cmdline },
	{ "environ", S_IFREG | 0400, .show = show_environ },
	{ "auxv", S_IFREG | 0400, .show = show_auxv },
	{ "comm", S_IFREG | 0644, .fops = &comm_fops, .show = show_comm },
	{ "maps", S_IFREG | 0444, .fops = &proc_maps_fops },
	{ "smaps", S_IFREG | 0444, .fops = &proc_smaps_fops },
	{ "smaps_rollup", S_IFREG | 0444, .fops = &proc_smaps_rollup_fops },
	{ "clear_refs", S_IFREG | 0200, .fops = &proc_clear_refs_fops },
	{ "numa_maps", S_IFREG | 0444, .fops = &proc_numa_maps_fops },
	{ "mem", S_IFREG | 0600, .fops = &proc_mem_fops },
	{ "pagemap", S_IFREG | 0400, .fops = &proc_pagemap_fops },
	{ "mounts", S_IFREG | 0444, .fops = &proc_mounts_fops },
	{ "mountinfo", S_IFREG | 0444, .fops = &proc_mountinfo_fops },
	{ "limits", S_IFREG | 0444, .show = show_limits },
	{ "wchan", S_IFREG | 0444, .show = proc_pid_wchan_show },
	{ "stack", S_IFREG | 0400, .show = proc_pid_stack_show },
	{ "io", S_IFREG | 0400, .show = show_io },
	{ "exe", S_IFLNK | 0777, .link = link_exe },
	{ "cwd", S_IFLNK | 0777, .link = link_cwd },
	{ "root", S_IFLNK | 0777, .link = link_root },
	{ "oom_score", S_IFREG | 0444, .show = show_oom_score },
	{ "oom_score_adj", S_IFREG | 0644, .fops = &oom_score_adj_fops,
	  .show = show_oom_score_adj },
	{ "coredump_filter", S_IFREG | 0644, .fops = &coredump_filter_fops,
	  .show = show_coredump_filter },
	{ "make-it-fail", S_IFREG | 0644, .fops = &proc_make_it_fail_fops },
	{ "fail-nth", S_IFREG | 0644, .fops = &proc_fail_nth_fops },
};

static struct dentry *pid_dir_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	bool thread = info_of(dir)->thread;
	const struct pid_entry *e;
	struct inode *inode;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pid_entries); i++) {
		e = &pid_entries[i];
		if (strlen(e->name) != dentry->d_name.len ||
		    memcmp(e->name, dentry->d_name.name, dentry->d_name.len) ||
		    (thread && e->leader_only))
			continue;
		inode = proc_pid_make_inode(dir->i_sb, proc_pid(dir), e->mode);
		if (!inode)
			return ERR_PTR(-ENOMEM);
		info_of(inode)->entry = e;
		info_of(inode)->thread = thread;
		inode->i_op = e->iops ? e->iops : e->link ? &pid_link_iops : &pid_file_iops;
		inode->i_fop = e->fops ? e->fops : &pid_single_fops;
		if (S_ISDIR(e->mode))
			inode->i_nlink = 2;
		return pid_add(dentry, inode);
	}
	return ERR_PTR(-ENOENT);
}

static int pid_dir_iterate(struct file *file, struct dir_context *ctx)
{
	bool thread = info_of(file_inode(file))->thread;

	if (!dir_emit_dots(file, ctx))
		return 0;
	for (; ctx->pos - 2 < (loff_t)ARRAY_SIZE(pid_entries); ctx->pos++) {
		const struct pid_entry *e = &pid_entries[ctx->pos - 2];

		if (thread && e->leader_only)
			continue;
		if (!dir_emit(ctx, e->name, strlen(e->name), 100 + ctx->pos,
			      (e->mode & S_IFMT) >> 12))
			break;
	}
	return 0;
}

static const struct inode_operations pid_dir_iops = { .lookup = pid_dir_lookup };
static const struct file_operations pid_dir_fops = { .iterate_shared = pid_dir_iterate };

/* /proc/PID/task: the threads. */
static struct dentry *task_dir_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	pid_t nr = name_to_pid(&dentry->d_name);
	struct pid *pid = nr > 0 ? find_get_pid(nr) : NULL;
	struct task_struct *task, *leader;
	struct inode *inode = NULL;
	bool ok;

	if (!pid)
		return ERR_PTR(-ENOENT);
	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	leader = pid_task(proc_pid(dir), PIDTYPE_PID);
	ok = task && leader && same_thread_group(task, leader);
	rcu_read_unlock();
	if (ok) {
		inode = proc_pid_make_inode(dir->i_sb, pid, S_IFDIR | 0555);
		if (inode) {
			info_of(inode)->thread = true;
			inode->i_op = &pid_dir_iops;
			inode->i_fop = &pid_dir_fops;
		}
	}
	put_pid(pid);
	return ok ? pid_add(dentry, inode) : ERR_PTR(-ENOENT);
}

/* The pid of the first thread with number >= from, or 0. */
static pid_t next_tid(struct inode *dir, pid_t from)
{
	struct task_struct *leader, *t;
	pid_t best = 0;

	rcu_read_lock();
	leader = pid_task(proc_pid(dir), PIDTYPE_PID);
	if (leader) {
		for_each_thread(leader, t) {
			if (t->pid >= from && (!best || t->pid < best))
				best = t->pid;
		}
	}
	rcu_read_unlock();
	return best;
}

static int task_dir_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	pid_t tid;

	if (!dir_emit_dots(file, ctx))
		return 0;
	while ((tid = next_tid(dir, ctx->pos - 2)) != 0) {
		char name[12];
		int len = snprintf(name, sizeof(name), "%d", tid);

		ctx->pos = tid + 2;
		if (!dir_emit(ctx, name, len, tid + 100, DT_DIR))
			return 0;
		ctx->pos++;
	}
	return 0;
}

static const struct inode_operations task_dir_iops = { .lookup = task_dir_lookup };
static const struct file_operations task_dir_fops = { .iterate_shared = task_dir_iterate };
