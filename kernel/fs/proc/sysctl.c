/*
 * /proc/sys: the kernel's settings as files. Numbers that mean something here, and nothing else.
 *
 * Integers go through proc_create_int(); the rest are small files of their own. Other rooms add
 * theirs with proc_sys_dir() and proc_create_int(); the memory manager's are in sysctl_vm.c.
 *
 * Mirrors Linux kernel/sysctl.c, drivers/char/random.c (the random directory). Exercised by
 * tests/user/procfs.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/exec.h"
#include "kernel/fork.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/random.h"
#include "kernel/rlimit.h"
#include "kernel/version.h"
#include "lib/string.h"

#define LAST_CAP    40
#define NGROUPS_MAX 65536

/* --- names --- */

static int text_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s\n", (const char *)m->private);
	return 0;
}

static int number_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%ld\n", (long)m->private);
	return 0;
}

static int utsname_show(struct seq_file *m, void *v)
{
	char name[UTS_NAME_LEN + 1];

	uts_get((unsigned long)m->private, name);
	seq_printf(m, "%s\n", name);
	return 0;
}

static int utsname_open(struct inode *inode, struct file *file)
{
	return single_open(file, utsname_show, pde_data(inode));
}

static ssize_t utsname_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char name[UTS_NAME_LEN + 2];
	size_t len = min(count, sizeof(name) - 1);

	if (copy_from_user(name, buf, len))
		return -EFAULT;
	name[len] = 0;
	name[strcspn(name, "\n")] = 0;
	if (uts_set((unsigned long)pde_data(file_inode(file)), name, strlen(name)))
		return -EINVAL;
	return count;
}

static const struct file_operations utsname_fops = {
	.open = utsname_open,
	.read = seq_read,
	.write = utsname_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* --- random --- */

static void make_uuid(u8 uuid[16])
{
	get_random_bytes(uuid, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x40; /* version 4: random */
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

static int uuid_show(struct seq_file *m, void *v)
{
	u8 uuid[16];

	make_uuid(uuid);
	seq_printf(m, "%pU\n", uuid);
	return 0;
}

static u8 boot_id[16];

static int boot_id_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%pU\n", boot_id);
	return 0;
}

/* --- kernel.printk: console level, default level, least, the console level at boot --- */

static int printk_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%d\t%d\t%d\t%d\n", console_loglevel, LOGLEVEL_WARNING, 1,
		   console_printk_default);
	return 0;
}

static int printk_open(struct inode *inode, struct file *file)
{
	return single_open(file, printk_show, NULL);
}

static ssize_t printk_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char text[32];
	int level, n = min(count, sizeof(text) - 1);

	if (copy_from_user(text, buf, n))
		return -EFAULT;
	text[n] = 0;
	if (sscanf(text, "%d", &level) != 1 || level < 1 || level > 15)
		return -EINVAL;
	console_loglevel = level;
	return count;
}

static const struct file_operations printk_fops = {
	.open = printk_open,
	.read = seq_read,
	.write = printk_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* --- kernel.tainted: bits may be added, never taken away --- */

static int tainted_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%lu\n", get_taint());
	return 0;
}

static int tainted_open(struct inode *inode, struct file *file)
{
	return single_open(file, tainted_show, NULL);
}

static ssize_t tainted_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	unsigned long bits;
	char text[24];
	int err;

	if (!count || count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = 0;
	err = kstrtoul(strim(text), 10, &bits);
	if (err)
		return err;
	/* Flags that mean nothing are left out, as on Linux. */
	for (unsigned int i = 0; i < NR_TAINT_FLAGS; i++)
		if (bits & BIT(i))
			add_taint(i);
	return count;
}

static const struct file_operations tainted_fops = {
	.open = tainted_open,
	.read = seq_read,
	.write = tainted_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static struct proc_dir_entry *add_value(const char *name, struct proc_dir_entry *dir,
					int (*show)(struct seq_file *, void *), const void *value)
{
	struct proc_dir_entry *pde = proc_create_single(name, 0444, dir, show);

	if (pde)
		pde->data = (void *)value;
	return pde;
}

static int kernel_table_init(void)
{
	struct proc_dir_entry *dir = proc_sys_dir("kernel"), *random, *fs;

	if (!dir)
		return -ENOMEM;
	add_value("ostype", dir, text_show, UTS_SYSNAME);
	add_value("osrelease", dir, text_show, UTS_RELEASE);
	add_value("version", dir, text_show, UTS_VERSION);
	proc_create_data("hostname", 0644, dir, &utsname_fops, (void *)UTS_FIELD_NODENAME);
	proc_create_data("domainname", 0644, dir, &utsname_fops, (void *)UTS_FIELD_DOMAINNAME);
	add_value("cap_last_cap", dir, number_show, (void *)LAST_CAP);
	add_value("ngroups_max", dir, number_show, (void *)NGROUPS_MAX);
	proc_create_int("pid_max", 0644, dir, &pid_max, RESERVED_PIDS + 1, PID_MAX_DEFAULT);
	proc_create_int("threads-max", 0644, dir, &max_threads, 20, PID_MAX_DEFAULT);
	proc_create_int("randomize_va_space", 0644, dir, &randomize_va_space, 0, 2);
	proc_create_int("panic", 0644, dir, &panic_timeout, -INT_MAX, INT_MAX);
	proc_create_int("panic_on_oops", 0644, dir, &panic_on_oops, 0, 1);
	proc_create_data("tainted", 0644, dir, &tainted_fops, NULL);
	proc_create_data("printk", 0644, dir, &printk_fops, NULL);
	fs = proc_sys_dir("fs");
	if (fs)
		proc_create_int("nr_open", 0644, fs, &sysctl_nr_open, BITS_PER_LONG,
				INT_MAX & ~(BITS_PER_LONG - 1));
	random = proc_mkdir("random", dir);
	if (!random)
		return -ENOMEM;
	make_uuid(boot_id);
	proc_create_single("boot_id", 0444, random, boot_id_show);
	proc_create_single("uuid", 0444, random, uuid_show);
	return 0;
}

fs_initcall(kernel_table_init);
