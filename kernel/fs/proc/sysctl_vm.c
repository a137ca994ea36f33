/*
 * /proc/sys/vm: the memory manager's settings.
 *
 * 1. A setting is one or more integers in a row, parted by white space. A write replaces as many as it names, from the first
 *    on. All of it is read and checked before anything changes: a bad number changes nothing (EINVAL).
 * 2. What follows from a setting (watermarks, reserves, list sizes) is recomputed before the write returns. Writers come
 *    one after the other, so what is computed belongs to what is stored.
 * 3. A number counts at the start of the file only; a write further on, as a shell does that comes back with the rest of
 *    a line, is taken and ignored. Numbers may be hexadecimal or octal.
 *
 * Only settings that mean something here. Locks: vm_sysctl_mutex around each write; readers take values as they are. Mirrors
 * Linux kernel/sysctl.c (proc_dointvec_minmax) and the tables of mm/page_alloc.c, mm/vmstat.c. Exercised by
 * tests/user/vmsettings.c and procsys.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/exec.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/mutex.h"
#include "kernel/printk.h"
#include "lib/string.h"
#include "mm/cache/dirty-throttle.h"
#include "mm/cache/overcommit.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"
#include "mm/phys/wmark.h"
#include "mm/user/vma.h"

#define MAX_VALUES MAX_NR_ZONES
#define MAX_TEXT   256

struct vm_setting {
	const char *name;
	int *value; /* vm_sysctl_mutex for writing */
	int nr;	    /* numbers in it, at most MAX_VALUES */
	int min, max;
	bool (*ok)(int value); /* more to check of one number; NULL: nothing */
	void (*changed)(void); /* what follows from it; NULL: nothing */
};

static DEFINE_MUTEX(vm_sysctl_mutex);

/* Below 8 the lists of the CPUs could hold more than an eighth of a zone. */
static bool fraction_ok(int value)
{
	return !value || value >= 8;
}

/* A ratio and a number of KiB exclude each other: the one written last holds. */
static void ratio_written(void)
{
	sysctl_overcommit_kbytes = 0;
}

static void kbytes_written(void)
{
	sysctl_overcommit_ratio = 0;
}

static void dirty_ratio_written(void)
{
	vm_dirty_bytes = 0;
	writeback_set_ratelimit();
}

static void dirty_background_ratio_written(void)
{
	dirty_background_bytes = 0;
}

static struct vm_setting settings[] = {
	{ "min_free_kbytes", &min_free_kbytes, 1, 0, INT_MAX, NULL, setup_per_zone_wmarks },
	{ "watermark_scale_factor", &watermark_scale_factor, 1, 1, 3000, NULL,
	  setup_per_zone_wmarks },
	{ "watermark_boost_factor", &watermark_boost_factor, 1, 0, INT_MAX, NULL, NULL },
	{ "lowmem_reserve_ratio", sysctl_lowmem_reserve_ratio, MAX_NR_ZONES, INT_MIN, INT_MAX, NULL,
	  setup_per_zone_lowmem_reserve },
	{ "percpu_pagelist_high_fraction", &percpu_pagelist_high_fraction, 1, 0, INT_MAX,
	  fraction_ok, setup_per_zone_wmarks },
	{ "overcommit_memory", &sysctl_overcommit_memory, 1, OVERCOMMIT_GUESS, OVERCOMMIT_NEVER,
	  NULL, NULL },
	{ "overcommit_ratio", &sysctl_overcommit_ratio, 1, 0, INT_MAX, NULL, ratio_written },
	{ "overcommit_kbytes", &sysctl_overcommit_kbytes, 1, 0, INT_MAX, NULL, kbytes_written },
	{ "user_reserve_kbytes", &sysctl_user_reserve_kbytes, 1, 0, INT_MAX, NULL, NULL },
	{ "admin_reserve_kbytes", &sysctl_admin_reserve_kbytes, 1, 0, INT_MAX, NULL, NULL },
	{ "dirty_ratio", &vm_dirty_ratio, 1, 0, 100, NULL, dirty_ratio_written },
	{ "dirty_background_ratio", &dirty_background_ratio, 1, 0, 100, NULL,
	  dirty_background_ratio_written },
	{ "dirty_writeback_centisecs", (int *)&dirty_writeback_interval, 1, 0, INT_MAX, NULL,
	  wakeup_dirty_flushers },
	{ "dirty_expire_centisecs", (int *)&dirty_expire_interval, 1, 0, INT_MAX, NULL, NULL },
	{ "dirtytime_expire_seconds", (int *)&dirtytime_expire_interval, 1, 0, INT_MAX, NULL,
	  wakeup_dirty_flushers },
	{ "max_map_count", &sysctl_max_map_count, 1, 0, INT_MAX, NULL, NULL },
	{ "mmap_min_addr", &sysctl_mmap_min_addr, 1, 0, INT_MAX, NULL, NULL },
	{ "legacy_va_layout", &sysctl_legacy_va_layout, 1, 0, 1, NULL, NULL },
};

static int setting_show(struct seq_file *m, void *v)
{
	const struct vm_setting *s = m->private;

	for (int i = 0; i < s->nr; i++)
		seq_printf(m, "%s%d", i ? "\t" : "", READ_ONCE(s->value[i]));
	seq_putc(m, '\n');
	return 0;
}

/* Unlike other files that seq_file prints, a setting may be written at a position. */
static int open_setting(struct file *file, int (*show)(struct seq_file *, void *), void *data)
{
	int err = single_open(file, show, data);

	if (!err)
		file->f_mode |= FMODE_PWRITE;
	return err;
}

static int setting_open(struct inode *inode, struct file *file)
{
	return open_setting(file, setting_show, pde_data(inode));
}

/* The next number of *text into *value: 1, 0 at the end of the text, or -EINVAL. *text moves past it. */
static int next_number(char **text, int *value)
{
	char *p = skip_spaces(*text), *end, c;
	int err;

	if (!*p)
		return 0;
	end = p + strcspn(p, " \t\n\v\f\r");
	c = *end;
	*end = 0;
	err = kstrtoint(p, 0, value);
	*end = c;
	*text = end;
	return err ? -EINVAL : 1;
}

/* text is one write: the numbers of it go to v[], their count is returned. Or -EINVAL. */
static int parse_setting(const struct vm_setting *s, char *text, int *v)
{
	int n = 0, got = 1;

	while (n < s->nr && (got = next_number(&text, &v[n])) > 0) {
		if (v[n] < s->min || v[n] > s->max || (s->ok && !s->ok(v[n])))
			return -EINVAL;
		n++;
	}
	return got < 0 || !n ? -EINVAL : n;
}

static ssize_t setting_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	const struct vm_setting *s = pde_data(file_inode(file));
	int v[MAX_VALUES], n;
	char text[MAX_TEXT];

	if (*ppos || !count)
		goto out;
	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = 0;
	n = parse_setting(s, text, v);
	if (n < 0)
		return n;
	scoped_guard(mutex, &vm_sysctl_mutex) {
		/* Only the reserve's ratios may be negative, and then mean none. */
		for (int i = 0; i < n; i++)
			WRITE_ONCE(s->value[i], max(v[i], 0));
		if (s->changed)
			s->changed();
	}
out:
	*ppos += count;
	return count;
}

static const struct file_operations setting_fops = {
	.open = setting_open,
	.read = seq_read,
	.write = setting_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* --- dirty_bytes, dirty_background_bytes: too large for an int --- */

struct dirty_bytes {
	const char *name;
	unsigned long *bytes, min;
	int *ratio; /* set to 0 by a write */
};

static struct dirty_bytes dirty_bytes[] = {
	{ "dirty_bytes", &vm_dirty_bytes, 2 * PAGE_SIZE, &vm_dirty_ratio },
	{ "dirty_background_bytes", &dirty_background_bytes, 1, &dirty_background_ratio },
};

static int dirty_bytes_show(struct seq_file *m, void *v)
{
	const struct dirty_bytes *d = m->private;

	seq_printf(m, "%lu\n", READ_ONCE(*d->bytes));
	return 0;
}

static int dirty_bytes_open(struct inode *inode, struct file *file)
{
	return open_setting(file, dirty_bytes_show, pde_data(inode));
}

static ssize_t dirty_bytes_write(struct file *file, const char __user *buf, size_t count,
				 loff_t *ppos)
{
	struct dirty_bytes *d = pde_data(file_inode(file));
	unsigned long bytes;
	char text[32];

	if (!*ppos && count) {
		if (count >= sizeof(text))
			return -EINVAL;
		if (copy_from_user(text, buf, count))
			return -EFAULT;
		text[count] = 0;
		if (kstrtoul(strim(text), 0, &bytes) < 0 || bytes < d->min)
			return -EINVAL;
		guard(mutex)(&vm_sysctl_mutex);
		WRITE_ONCE(*d->bytes, bytes);
		WRITE_ONCE(*d->ratio, 0);
		writeback_set_ratelimit();
	}
	*ppos += count;
	return count;
}

static const struct file_operations dirty_bytes_fops = {
	.open = dirty_bytes_open,
	.read = seq_read,
	.write = dirty_bytes_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* --- numa_zonelist_order: there is one order, and its name may be written --- */

static int zonelist_order_show(struct seq_file *m, void *v)
{
	seq_puts(m, "Node\n");
	return 0;
}

static int zonelist_order_open(struct inode *inode, struct file *file)
{
	return open_setting(file, zonelist_order_show, NULL);
}

static ssize_t zonelist_order_write(struct file *file, const char __user *buf, size_t count,
				    loff_t *ppos)
{
	char c = 0;

	if (count && copy_from_user(&c, buf, 1))
		return -EFAULT;
	if (!c || !strchr("dDnN", c)) {
		pr_warn("Ignoring a numa_zonelist_order other than Node\n");
		return -EINVAL;
	}
	*ppos += count;
	return count;
}

static const struct file_operations zonelist_order_fops = {
	.open = zonelist_order_open,
	.read = seq_read,
	.write = zonelist_order_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* --- stat_refresh: sums are always fresh; what is left is to look for sums that cannot be --- */

static void refresh_vm_stats(void)
{
	struct zone *zone;

	for (int i = 0; i < NR_VM_ZONE_STAT_ITEMS; i++) {
		long sum = 0;

		for_each_populated_zone(zone)
			sum += atomic_long_read(&zone->vm_stat[i]);
		if (sum < 0)
			pr_warn("vmstat_refresh: %s %ld\n", zone_stat_names[i], sum);
	}
}

static ssize_t stat_refresh_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	refresh_vm_stats();
	return 0;
}

static ssize_t stat_refresh_write(struct file *file, const char __user *buf, size_t count,
				  loff_t *ppos)
{
	refresh_vm_stats();
	*ppos += count;
	return count;
}

static const struct file_operations stat_refresh_fops = { .read = stat_refresh_read,
							  .write = stat_refresh_write,
							  .llseek = seq_lseek };

static int vm_table_init(void)
{
	struct proc_dir_entry *dir = proc_sys_dir("vm");

	if (!dir)
		return -ENOMEM;
	/* More than half of memory as a reserve would leave nothing to run in. */
	settings[0].max = min(totalram_pages() << (PAGE_SHIFT - 11), (unsigned long)INT_MAX);
	for (unsigned int i = 0; i < ARRAY_SIZE(settings); i++) {
		if (!proc_create_data(settings[i].name, 0644, dir, &setting_fops, &settings[i]))
			return -ENOMEM;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(dirty_bytes); i++)
		proc_create_data(dirty_bytes[i].name, 0644, dir, &dirty_bytes_fops,
				 &dirty_bytes[i]);
	writeback_set_ratelimit();
	proc_create_data("numa_zonelist_order", 0644, dir, &zonelist_order_fops, NULL);
	proc_create_data("stat_refresh", 0600, dir, &stat_refresh_fops, NULL);
	return 0;
}
fs_initcall(vm_table_init);
