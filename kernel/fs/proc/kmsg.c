/*
 * /proc/kmsg and kallsyms: the log, and the names of the kernel's functions. Both are for root.
 *
 * Reading kmsg takes records away from the next reader and waits for new ones: it is syslog(2) as
 * a file.
 * Mirrors Linux fs/proc/kmsg.c and kernel/kallsyms.c. Exercised by tests/user/procfs.c.
 */
#include "kernel/fs/poll.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/kallsyms.h"
#include "kernel/printk.h"
#include "lib/string.h"

/* Types of syslog(2). */
#define SYSLOG_READ	   2
#define SYSLOG_SIZE_UNREAD 9

static ssize_t kmsg_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	if ((file->f_flags & O_NONBLOCK) && !do_syslog(SYSLOG_SIZE_UNREAD, NULL, 0))
		return -EAGAIN;
	return do_syslog(SYSLOG_READ, buf, min(count, (size_t)INT_MAX));
}

static unsigned int kmsg_poll(struct file *file, struct poll_table *wait)
{
	poll_wait(file, &log_wait, wait);
	return do_syslog(SYSLOG_SIZE_UNREAD, NULL, 0) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations kmsg_fops = {
	.read = kmsg_read,
	.poll = kmsg_poll,
	.llseek = generic_file_llseek,
};

/* The table does not tell local from global names: all are shown as local. */
static int show_symbol(void *arg, const char *name, unsigned long addr)
{
	struct seq_file *m = arg;

	seq_printf(m, "%016lx t %s\n", addr, name);
	return seq_has_overflowed(m); /* it will be shown again, into a larger buffer */
}

static int kallsyms_show(struct seq_file *m, void *v)
{
	kallsyms_on_each_symbol(show_symbol, m);
	return 0;
}

static int proc_kmsg_init(void)
{
	proc_create_data("kmsg", 0400, NULL, &kmsg_fops, NULL);
	proc_create_single("kallsyms", 0400, NULL, kallsyms_show);
	return 0;
}
fs_initcall(proc_kmsg_init);
