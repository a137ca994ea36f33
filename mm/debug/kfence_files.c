/*
 * KFENCE's files: /sys/kernel/debug/kfence/{stats,objects} and /sys/module/kfence/parameters.
 *
 * Locks: each object's while it is printed. Mirrors the debugfs part of Linux mm/kfence/core.c. Exercised by
 * tests/boot/test_kfence.py.
 */
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/init.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/debug/kfence_internal.h"

static const char *const counter_names[KFENCE_COUNTER_COUNT] = {
	[KFENCE_COUNTER_ALLOCATED] = "currently allocated",
	[KFENCE_COUNTER_ALLOCS] = "total allocations",
	[KFENCE_COUNTER_FREES] = "total frees",
	[KFENCE_COUNTER_ZOMBIES] = "zombie allocations",
	[KFENCE_COUNTER_BUGS] = "total bugs",
	[KFENCE_COUNTER_SKIP_INCOMPAT] = "skipped allocations (incompatible)",
	[KFENCE_COUNTER_SKIP_CAPACITY] = "skipped allocations (capacity)",
	[KFENCE_COUNTER_SKIP_COVERED] = "skipped allocations (covered)",
};

static int stats_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "enabled: %d\n", kfence_metadata && kfence_get_sample_interval());
	for (int i = 0; i < KFENCE_COUNTER_COUNT; i++)
		seq_printf(m, "%s: %ld\n", counter_names[i], atomic_long_read(&kfence_counters[i]));
	return 0;
}

/* ---- objects ---- */

/* Positions count from 1: NULL is the end. */
static void *objects_start(struct seq_file *m, loff_t *pos)
{
	return kfence_metadata && *pos < kfence_num_objects ? (void *)((long)*pos + 1) : NULL;
}

static void objects_stop(struct seq_file *m, void *v)
{
}

static void *objects_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return objects_start(m, pos);
}

static int objects_show(struct seq_file *m, void *v)
{
	struct kfence_metadata *meta = &kfence_metadata[(long)v - 1];
	unsigned long flags;

	spin_lock_irqsave(&meta->lock, flags);
	kfence_print_object(m, meta);
	spin_unlock_irqrestore(&meta->lock, flags);
	seq_puts(m, "---------------------------------\n");
	return 0;
}

static const struct seq_operations objects_sops = {
	.start = objects_start,
	.next = objects_next,
	.stop = objects_stop,
	.show = objects_show,
};

static int objects_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &objects_sops);
}

static const struct file_operations objects_fops = {
	.open = objects_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release,
};

static int kfence_debugfs_init(void)
{
	struct kernfs_node *dir = debugfs_create_dir("kfence", NULL), *kn;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	kn = debugfs_create_single("stats", 0444, dir, NULL, stats_show);
	if (IS_ERR(kn))
		return PTR_ERR(kn);
	return PTR_ERR_OR_ZERO(debugfs_create_file("objects", 0400, dir, NULL, &objects_fops));
}
late_initcall(kfence_debugfs_init);

/* ---- parameters ---- */

static ssize_t number_show(char *buf, void *data)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(*(unsigned int *)data));
}

static ssize_t bool_show(char *buf, void *data)
{
	return sysfs_emit(buf, "%c\n", *(bool *)data ? 'Y' : 'N');
}

static ssize_t interval_store(const char *buf, size_t len, void *data)
{
	unsigned int ms;
	int err = kstrtouint(buf, 0, &ms);

	if (!err && ms > 3600 * 1000)
		err = -EINVAL;
	if (!err)
		err = kfence_set_sample_interval(ms);
	return err ? err : (ssize_t)len;
}

static ssize_t thresh_store(const char *buf, size_t len, void *data)
{
	unsigned int percent;
	int err = kstrtouint(buf, 0, &percent);

	if (err || percent > 100)
		return err ? err : -EINVAL;
	WRITE_ONCE(kfence_skip_covered_thresh, percent);
	return len;
}

static int kfence_parameters_init(void)
{
	static const struct {
		const char *name;
		umode_t mode;
		sysfs_show_t show;
		sysfs_store_t store;
		void *data;
	} files[] = {
		{ "sample_interval", 0600, number_show, interval_store, &kfence_sample_interval },
		{ "skip_covered_thresh", 0644, number_show, thresh_store,
		  &kfence_skip_covered_thresh },
		{ "num_objects", 0444, number_show, NULL, &kfence_num_objects },
		{ "deferrable", 0444, bool_show, NULL, &kfence_deferrable },
	};
	struct kernfs_node *dir = sysfs_module_parameters("kfence"), *kn;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	for (int i = 0; i < ARRAY_SIZE(files); i++) {
		kn = sysfs_create_file(dir, files[i].name, files[i].mode, files[i].show,
				       files[i].store, files[i].data);
		if (IS_ERR(kn))
			return PTR_ERR(kn);
	}
	return 0;
}
device_initcall(kfence_parameters_init);
