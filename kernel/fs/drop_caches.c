/*
 * /proc/sys/vm/drop_caches, vfs_cache_pressure, and what the VFS keeps: /proc/sys/fs/{dentry-state,inode-nr,inode-state}.
 *
 * 1. What is written to drop_caches says what goes: 1 the page cache, 2 what shrinkers give, 3 both; 4 ends the line in
 *    the log that each of these leaves. Anything else is EINVAL. Only what nobody uses can go.
 * 2. Of the page cache, clean pages go that no process maps and nobody is using: those of block devices, and of files on file
 *    systems with a disk, whose inodes are hashed. The pages of tmpfs are the only copy of their file, and stay.
 *
 * Locks: none. Mirrors Linux fs/drop_caches.c, fs/dcache.c (dentry-state), fs/inode.c. Exercised by
 * tests/user/caches.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/block/genhd.h"
#include "kernel/current.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/cache/backing-dev.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/vmstat.h"
#include "mm/slab/shrinker.h"

#define DROP_PAGES 1
#define DROP_SLABS 2
#define DROP_QUIET 4

static bool quiet;

static void drop_pages(struct inode *inode, void *arg)
{
	invalidate_mapping_pages(&inode->i_data, 0, ULONG_MAX);
}

static int drop_bdev_pages(struct block_device *bdev, void *arg)
{
	drop_pages(bdev->bd_inode, NULL);
	return 0;
}

static bool has_pages(const struct inode *inode)
{
	return READ_ONCE(inode->i_data.nrpages);
}

static void drop_sb_pages(struct super_block *sb, void *arg)
{
	if (bdi_can_writeback(sb->s_bdi))
		iterate_inodes(sb, has_pages, drop_pages, NULL);
}

static void drop_caches(int what)
{
	if (what & DROP_PAGES) {
		for_each_bdev(drop_bdev_pages, NULL);
		iterate_supers(drop_sb_pages, NULL);
		count_vm_event(DROP_PAGECACHE);
	}
	if (what & DROP_SLABS)
		drop_slab();
	if (!quiet)
		pr_info("%s (%d): drop_caches: %d\n", current->comm, current->pid, what);
	quiet |= what & DROP_QUIET;
}

/* Written only, by root as by anybody. */
static int drop_caches_open(struct inode *inode, struct file *file)
{
	return file->f_mode & FMODE_READ ? -EACCES : 0;
}

static ssize_t drop_caches_write(struct file *file, const char __user *buf, size_t count,
				 loff_t *ppos)
{
	char text[32];
	int what;

	if (!*ppos && count) {
		if (count >= sizeof(text))
			return -EINVAL;
		if (copy_from_user(text, buf, count))
			return -EFAULT;
		text[count] = 0;
		if (kstrtoint(strim(text), 0, &what) || what < DROP_PAGES || what > DROP_QUIET)
			return -EINVAL;
		drop_caches(what);
	}
	*ppos += count;
	return count;
}

static const struct file_operations drop_caches_fops = { .open = drop_caches_open,
							 .write = drop_caches_write,
							 .llseek = seq_lseek };

/* All, unused, the age in seconds and the number that reclaim would want (nobody sets them), negative ones, 0. */
static int dentry_state_show(struct seq_file *m, void *v)
{
	unsigned long nr, unused;

	get_dentry_stat(&nr, &unused);
	seq_printf(m, "%lu\t%lu\t45\t0\t0\t0\n", nr, unused);
	return 0;
}

static int inode_nr_show(struct seq_file *m, void *v)
{
	unsigned long nr, unused;

	get_inode_stat(&nr, &unused);
	seq_printf(m, "%lu\t%lu\n", nr, unused);
	return 0;
}

static int inode_state_show(struct seq_file *m, void *v)
{
	unsigned long nr, unused;

	get_inode_stat(&nr, &unused);
	seq_printf(m, "%lu\t%lu\t0\t0\t0\t0\t0\n", nr, unused);
	return 0;
}

static int drop_caches_init(void)
{
	struct proc_dir_entry *vm = proc_sys_dir("vm"), *fs = proc_sys_dir("fs");

	if (!vm || !fs)
		return -ENOMEM;
	proc_create_data("drop_caches", 0200, vm, &drop_caches_fops, NULL);
	proc_create_int("vfs_cache_pressure", 0644, vm, &sysctl_vfs_cache_pressure, 0, INT_MAX);
	proc_create_single("dentry-state", 0444, fs, dentry_state_show);
	proc_create_single("inode-nr", 0444, fs, inode_nr_show);
	proc_create_single("inode-state", 0444, fs, inode_state_show);
	return 0;
}
fs_initcall(drop_caches_init);
