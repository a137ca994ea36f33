/*
 * Disks by number: add_disk() gives a disk its device numbers, its node in /dev and its place in the lists.
 *
 * 1. Minor first_minor is the disk, the ones behind it its partitions, as far as the disk has minors; further partitions get numbers
 *    of BLOCK_EXT_MAJOR. All block_devices are found by their number in one xarray.
 * 2. Disks and partitions that were added stay until del_gendisk(), which needs that nobody has them open. The last reference
 *    frees: a look-up that came just before finds a device that cannot be opened any more (bd_gone).
 *
 * Locks: disks_mutex for the list and the xarray's writers; readers of the xarray use RCU. Mirrors Linux block/genhd.c.
 * Exercised by the suite block and tests/user/blockdev.c.
 */
#include "kernel/block/genhd.h"

#include "kernel/block/partitions.h"
#include "kernel/bug.h"
#include "kernel/dev/chrdev.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/seq_file.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/cache/backing-dev.h"
#include "mm/slab/percpu.h"
#include "mm/slab/slab.h"

#define MAX_IO_SECTORS 2560U /* of a request for readahead: 1280 KiB */

#define MAX_MAJORS 512

static DEFINE_MUTEX(disks_mutex);
static LIST_HEAD(disks);
static DEFINE_XARRAY(bdevs);	  /* block_device by device number */
static DEFINE_XARRAY(ext_minors); /* disks_mutex: the minors of BLOCK_EXT_MAJOR in use */
static const char *major_names[MAX_MAJORS];

int register_blkdev(unsigned int major, const char *name)
{
	if (major >= MAX_MAJORS)
		return -EINVAL;
	guard(mutex)(&disks_mutex);
	if (major_names[major])
		return -EBUSY;
	major_names[major] = name;
	return 0;
}

int blkdev_show(struct seq_file *m)
{
	unsigned int i;

	seq_puts(m, "\nBlock devices:\n");
	guard(mutex)(&disks_mutex);
	for (i = 0; i < MAX_MAJORS; i++)
		if (major_names[i])
			seq_printf(m, "%3u %s\n", i, major_names[i]);
	return 0;
}

struct block_device *bdev_lookup(dev_t dev)
{
	struct block_device *bdev;

	rcu_read_lock();
	bdev = xa_load(&bdevs, dev);
	if (bdev && !atomic_add_unless(&bdev->bd_count, 1, 0))
		bdev = NULL;
	rcu_read_unlock();
	return bdev;
}

char *bdev_name(const struct block_device *bdev, char *buf, size_t len)
{
	const char *disk = bdev->bd_disk->disk_name;

	if (!bdev->bd_partno)
		snprintf(buf, len, "%s", disk);
	else /* "nvme0n1p1", but "vda1" */
		snprintf(buf, len, "%s%s%u", disk, isdigit(disk[strlen(disk) - 1]) ? "p" : "",
			 bdev->bd_partno);
	return buf;
}

/* Its device number: 0 or -errno. */
static int get_devt(struct block_device *bdev)
{
	struct gendisk *disk = bdev->bd_disk;
	u32 minor;
	int err;

	if (bdev->bd_partno < disk->minors || !bdev->bd_partno) {
		bdev->bd_dev = MKDEV(disk->major, disk->first_minor + bdev->bd_partno);
		return 0;
	}
	mutex_lock(&disks_mutex);
	err = xa_alloc(&ext_minors, &minor, bdev, XA_LIMIT(0, (1 << 20) - 1), GFP_KERNEL);
	mutex_unlock(&disks_mutex);
	bdev->bd_dev = MKDEV(BLOCK_EXT_MAJOR, minor);
	return err == -EBUSY ? -ENOSPC : err;
}

static void put_devt(struct block_device *bdev)
{
	guard(mutex)(&disks_mutex);
	if (xa_load(&ext_minors, MINOR(bdev->bd_dev)) == bdev)
		xa_erase(&ext_minors, MINOR(bdev->bd_dev));
}

struct block_device *bdev_alloc(struct gendisk *disk, unsigned int partno)
{
	struct block_device *bdev = kzalloc(sizeof(*bdev), GFP_KERNEL);
	int err = -ENOMEM;

	if (!bdev)
		return ERR_PTR(-ENOMEM);
	atomic_set(&bdev->bd_count, 1);
	bdev->bd_disk = disk;
	init_rwsem(&bdev->bd_order_lock);
	bdev->bd_partno = partno;
	bdev->bd_stamp = jiffies;
	bdev->bd_stats = alloc_percpu(struct disk_stats);
	if (bdev->bd_stats)
		err = get_devt(bdev);
	if (!err) {
		bdev->bd_inode = bdev_new_inode(bdev);
		if (bdev->bd_inode) {
			if (partno)
				atomic_inc(&disk->part0->bd_count);
			return bdev;
		}
		err = -ENOMEM;
		put_devt(bdev);
	}
	free_percpu(bdev->bd_stats);
	kfree(bdev);
	return ERR_PTR(err);
}

void bdev_put(struct block_device *bdev)
{
	struct gendisk *disk = bdev->bd_disk;
	bool whole = !bdev->bd_partno;

	if (!atomic_dec_and_test(&bdev->bd_count))
		return;
	/* Look-ups under RCU may be looking at bd_count still. */
	synchronize_rcu();
	put_devt(bdev);
	bdev_free_inode(bdev);
	free_percpu(bdev->bd_stats);
	kfree(bdev);
	if (!whole) {
		bdev_put(disk->part0);
		return;
	}
	if (disk->fops->free_disk)
		disk->fops->free_disk(disk);
	bdi_free(disk->bdi);
	kfree(disk);
}

int bdev_add(struct block_device *bdev)
{
	char name[BDEVNAME_SIZE];
	int err;

	mutex_lock(&disks_mutex);
	err = xa_insert(&bdevs, bdev->bd_dev, bdev, GFP_KERNEL);
	if (!err) {
		err = xa_insert(&bdev->bd_disk->part_tbl, bdev->bd_partno, bdev, GFP_KERNEL);
		if (err)
			xa_erase(&bdevs, bdev->bd_dev);
	}
	mutex_unlock(&disks_mutex);
	if (err)
		return err;
	if (!bdev->bd_partno)
		atomic_inc(&bdev->bd_count);
	device_add_node(bdev_name(bdev, name, sizeof(name)), S_IFBLK | 0660, bdev->bd_dev);
	return 0;
}

void bdev_del(struct block_device *bdev)
{
	char name[BDEVNAME_SIZE];

	bdev->bd_gone = true;
	mutex_lock(&disks_mutex);
	xa_erase(&bdev->bd_disk->part_tbl, bdev->bd_partno);
	xa_erase(&bdevs, bdev->bd_dev);
	mutex_unlock(&disks_mutex);
	device_del_node(bdev_name(bdev, name, sizeof(name)), bdev->bd_dev);
	bdev_put(bdev);
}

struct gendisk *alloc_disk(struct request_queue *q, const struct block_device_operations *fops,
			   int major, int first_minor)
{
	struct gendisk *disk = kzalloc(sizeof(*disk), GFP_KERNEL);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	disk->queue = q;
	disk->fops = fops;
	disk->major = major;
	disk->first_minor = first_minor;
	disk->minors = DISK_MAX_PARTS;
	mutex_init(&disk->open_mutex);
	xa_init(&disk->part_tbl);
	disk->bdi = bdi_alloc();
	disk->part0 = disk->bdi ? bdev_alloc(disk, 0) : ERR_PTR(-ENOMEM);
	if (IS_ERR(disk->part0)) {
		int err = PTR_ERR(disk->part0);

		bdi_free(disk->bdi);
		kfree(disk);
		return ERR_PTR(err);
	}
	return disk;
}

void put_disk(struct gendisk *disk)
{
	bdev_put(disk->part0);
}

void set_capacity(struct gendisk *disk, sector_t sectors)
{
	WRITE_ONCE(disk->part0->bd_nr_sectors, sectors);
	bdev_set_size(disk->part0);
}

int add_disk(struct gendisk *disk)
{
	int err = bdev_add(disk->part0);

	if (err) {
		pr_err("%s: cannot add the disk: error %d\n", disk->disk_name, err);
		return err;
	}
	disk->bdi->io_pages =
		min(disk->queue->limits.max_sectors, MAX_IO_SECTORS) / (PAGE_SIZE / SECTOR_SIZE);
	bdi_register(disk->bdi, disk->major, disk->first_minor);
	bdi_sysfs_add(disk->bdi);
	mutex_lock(&disks_mutex);
	list_add_tail(&disk->list, &disks);
	mutex_unlock(&disks_mutex);
	if (!disk->no_part_scan)
		disk_scan_partitions(disk);
	return 0;
}

int del_gendisk(struct gendisk *disk)
{
	struct block_device *bdev;
	unsigned long i;

	guard(mutex)(&disk->open_mutex);
	if (disk->part0->bd_openers || disk->open_parts)
		return -EBUSY;
	mutex_lock(&disks_mutex);
	list_del(&disk->list);
	mutex_unlock(&disks_mutex);
	/* The maker's reference on part0 is not the tables': bdev_add() took one. */
	xa_for_each(&disk->part_tbl, i, bdev)
		bdev_del(bdev);
	return 0;
}

struct block_device *bdev_next(unsigned long *dev)
{
	struct block_device *bdev;

	/* What the tables have has their reference. */
	guard(mutex)(&disks_mutex);
	bdev = xa_find(&bdevs, dev, ULONG_MAX, XA_PRESENT);
	if (bdev)
		atomic_inc(&bdev->bd_count);
	return bdev;
}

int for_each_bdev(int (*fn)(struct block_device *bdev, void *arg), void *arg)
{
	struct block_device *bdev;
	struct gendisk *disk;
	unsigned long i;
	int ret = 0;

	guard(mutex)(&disks_mutex);
	list_for_each_entry(disk, &disks, list) {
		xa_for_each(&disk->part_tbl, i, bdev) {
			ret = fn(bdev, arg);
			if (ret)
				return ret;
		}
	}
	return ret;
}

/* ---- /proc ---- */

static int partition_line(struct block_device *bdev, void *arg)
{
	char name[BDEVNAME_SIZE];

	if (bdev_nr_sectors(bdev))
		seq_printf(arg, "%4u  %7u %10lu %s\n", MAJOR(bdev->bd_dev), MINOR(bdev->bd_dev),
			   bdev_nr_sectors(bdev) >> 1, bdev_name(bdev, name, sizeof(name)));
	return 0;
}

static int partitions_show(struct seq_file *m, void *v)
{
	seq_puts(m, "major minor  #blocks  name\n\n");
	return for_each_bdev(partition_line, m);
}

void bdev_read_stats(struct block_device *bdev, struct disk_stats *sum)
{
	unsigned int cpu, g;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct disk_stats *s = per_cpu_ptr(bdev->bd_stats, cpu);

		for (g = 0; g < NR_STAT_GROUPS; g++) {
			sum->nsecs[g] += s->nsecs[g];
			sum->ios[g] += s->ios[g];
			sum->merges[g] += s->merges[g];
			sum->sectors[g] += s->sectors[g];
		}
		sum->io_ticks += s->io_ticks;
		sum->in_flight[0] += s->in_flight[0];
		sum->in_flight[1] += s->in_flight[1];
	}
}

/* Seventeen numbers, as Documentation/admin-guide/iostats.rst of Linux describes them; times in milliseconds. */
int bdev_format_stats(struct block_device *bdev, char *buf, size_t len)
{
	struct disk_stats s;
	u64 ms[NR_STAT_GROUPS], all = 0;
	unsigned int g;

	bdev_read_stats(bdev, &s);
	for (g = 0; g < NR_STAT_GROUPS; g++) {
		ms[g] = s.nsecs[g] / 1000000;
		all += ms[g];
	}
	return scnprintf(buf, len,
			 "%lu %lu %lu %llu %lu %lu %lu %llu %d %u %llu %lu %lu %lu %llu %lu %llu",
			 s.ios[STAT_READ], s.merges[STAT_READ], s.sectors[STAT_READ], ms[STAT_READ],
			 s.ios[STAT_WRITE], s.merges[STAT_WRITE], s.sectors[STAT_WRITE],
			 ms[STAT_WRITE], max(s.in_flight[0] + s.in_flight[1], 0),
			 jiffies_to_msecs(s.io_ticks), all, s.ios[STAT_DISCARD],
			 s.merges[STAT_DISCARD], s.sectors[STAT_DISCARD], ms[STAT_DISCARD],
			 s.ios[STAT_FLUSH], ms[STAT_FLUSH]);
}

static int diskstats_line(struct block_device *bdev, void *arg)
{
	char name[BDEVNAME_SIZE], stats[256];

	if (!bdev_nr_sectors(bdev))
		return 0;
	bdev_format_stats(bdev, stats, sizeof(stats));
	seq_printf(arg, "%4u %7u %s %s\n", MAJOR(bdev->bd_dev), MINOR(bdev->bd_dev),
		   bdev_name(bdev, name, sizeof(name)), stats);
	return 0;
}

static int diskstats_show(struct seq_file *m, void *v)
{
	return for_each_bdev(diskstats_line, m);
}

static int __init genhd_proc_init(void)
{
	if (!proc_create_single("partitions", 0444, NULL, partitions_show) ||
	    !proc_create_single("diskstats", 0444, NULL, diskstats_show))
		return -ENOMEM;
	return 0;
}
fs_initcall(genhd_proc_init);
