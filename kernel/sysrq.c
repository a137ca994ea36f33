/*
 * /proc/sysrq-trigger: root writes a letter, and the kernel does something drastic, or tells something, at once.
 *
 *   b  restart without writing anything back      h  what there is
 *   c  crash: a store through a NULL pointer inside this write(2), so that the report of a real bug can be seen and tested
 *   t  every task, its state and what it waits in
 *
 * Of each write only the first letter counts, as on Linux; there is no key for it on a serial line. No locks.
 * Mirrors Linux drivers/tty/sysrq.c. Exercised by tests/boot/test_oops.py.
 */
#include "arch/x86/reboot.h"
#include "arch/x86/uaccess.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "lib/errno.h"

/* The address comes from memory, or the compiler would make a trap of it. */
static int *volatile nowhere;

static noinline void sysrq_crash(void)
{
	pr_info("sysrq: Trigger a crash\n");
	*nowhere = 1;
}

static void handle_sysrq(char key)
{
	switch (key) {
	case 'b':
		pr_info("sysrq: Resetting\n");
		machine_restart();
	case 'c':
		sysrq_crash();
		break;
	case 't':
		pr_info("sysrq: Show State\n");
		show_state();
		break;
	default:
		pr_info("sysrq: HELP : reboot(b) crash(c) show-task-states(t)\n");
		break;
	}
}

static ssize_t sysrq_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char key;

	if (!count)
		return 0;
	if (get_user(key, buf))
		return -EFAULT;
	handle_sysrq(key);
	return count;
}

static const struct file_operations sysrq_fops = { .write = sysrq_write };

static int __init sysrq_init(void)
{
	return proc_create_data("sysrq-trigger", 0200, NULL, &sysrq_fops, NULL) ? 0 : -ENOMEM;
}
fs_initcall(sysrq_init);
