/*
 * /proc/PID/make-it-fail and /proc/PID/fail-nth: which task fault injection hits.
 *
 * make-it-fail: 1 marks the task for capabilities whose task-filter is set; children inherit it. fail-nth: a task writes
 * N, and the N-th of its calls that can fail does; then the file holds 0, before that what is left.
 *
 * Mirrors Linux fs/proc/base.c (proc_fault_inject_operations, proc_fail_nth_operations). Exercised by
 * tests/boot/test_pagedebug.py.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/current.h"
#include "kernel/fork.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/pid.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/fault_inject.h"

static int read_number(const char __user *buf, size_t count, unsigned int *n)
{
	char text[16];

	if (!count || count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	return kstrtouint(strim(text), 0, n) ? -EINVAL : 0;
}

static int make_it_fail_show(struct seq_file *m, void *v)
{
	struct task_struct *task = get_proc_task(m->private);

	if (!task)
		return -ESRCH;
	seq_printf(m, "%u\n", task->make_it_fail);
	put_task_struct(task);
	return 0;
}

static int make_it_fail_open(struct inode *inode, struct file *file)
{
	return single_open(file, make_it_fail_show, inode);
}

static ssize_t make_it_fail_write(struct file *file, const char __user *buf, size_t count,
				  loff_t *ppos)
{
	struct task_struct *task;
	unsigned int n;
	int err;

	if (!capable(CAP_SYS_RESOURCE))
		return -EPERM;
	err = read_number(buf, count, &n);
	if (err)
		return err;
	if (n > 1)
		return -EINVAL;
	task = get_proc_task(file_inode(file));
	if (!task)
		return -ESRCH;
	WRITE_ONCE(task->make_it_fail, n);
	put_task_struct(task);
	return count;
}

const struct file_operations proc_make_it_fail_fops = {
	.open = make_it_fail_open,
	.read = seq_read,
	.write = make_it_fail_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int fail_nth_show(struct seq_file *m, void *v)
{
	struct task_struct *task = get_proc_task(m->private);

	if (!task)
		return -ESRCH;
	seq_printf(m, "%u\n", READ_ONCE(task->fail_nth));
	put_task_struct(task);
	return 0;
}

static int fail_nth_open(struct inode *inode, struct file *file)
{
	return single_open(file, fail_nth_show, inode);
}

static ssize_t fail_nth_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	struct task_struct *task;
	unsigned int n;
	int err = read_number(buf, count, &n);

	if (err)
		return err;
	task = get_proc_task(file_inode(file));
	if (!task)
		return -ESRCH;
	if (n)
		fault_inject_nth_used();
	WRITE_ONCE(task->fail_nth, n);
	put_task_struct(task);
	return count;
}

const struct file_operations proc_fail_nth_fops = {
	.open = fail_nth_open,
	.read = seq_read,
	.write = fail_nth_write,
	.llseek = seq_lseek,
	.release = single_release,
};
