/*
 * Loop devices: a file as a disk, /dev/loop0 and so on.
 *
 * 1. A device is unbound (size 0) until a program gives it a file (LOOP_CONFIGURE, LOOP_SET_FD). It then shows the file's bytes from
 *    `offset` on, `sizelimit` of them at most, in whole sectors; transfers are loop_io.c's.
 * 2. LOOP_CLR_FD lets go of the file: at once if the caller alone has the device open, else when the last one closes it, as
 *    LO_FLAGS_AUTOCLEAR says from the start. Letting go writes the device's cache into the file, ends the worker, and
 *    drops the partitions. Meanwhile (LO_RUNDOWN) the device cannot be opened.
 * 3. The file may be another loop device, or lie on one, but a device never stands on itself: binding follows the chain.
 * 4. /dev/loop-control adds and removes devices and finds one that is free. Eight are there at the start (max_loop= on the command
 *    line says how many).
 *
 * Locks: loop_ctl_mutex for the state of all devices; taken inside a disk's open_mutex by open, so that whoever holds it does not
 * take an open_mutex: partitions are read after it. Mirrors Linux drivers/block/loop.c.
 * Exercised by tests/user/{loopdev,partitions}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/block/partitions.h"
#include "kernel/current.h"
#include "kernel/dev/chrdev.h"
#include "kernel/dev/loop_internal.h"
#include "kernel/init.h"
#include "kernel/params.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/writeback.h"
#include "mm/slab/slab.h"

#define LOOP_DEPTH	64
#define LOOP_DEFAULT	8
#define LOOP_MAX_BOOT	256
#define LOOP_MAX	(1U << 20) /* minors */
#define LOOP_CTRL_MINOR 237
#define MISC_MAJOR	10

DEFINE_MUTEX(loop_ctl_mutex);
static DEFINE_XARRAY(loops);	     /* C struct loop_device by number */
#define LOOP_RESERVED xa_mk_value(1) /* there is going to be one, or was one */

/* ---- how large a device is ---- */

static sector_t file_sectors(const struct file *file, u64 offset, u64 sizelimit)
{
	u64 size = READ_ONCE(file->f_mapping->host->i_size);

	if (offset >= size)
		return 0;
	size -= offset;
	if (sizelimit && sizelimit < size)
		size = sizelimit;
	return size >> SECTOR_SHIFT;
}

static void set_size(struct loop_device *lo)
{
	set_capacity(lo->disk, file_sectors(lo->backing_file, lo->offset, lo->sizelimit));
}

/* Nothing of the old contents in the cache: 0, -EAGAIN (somebody makes pages dirty just now), -EIO. */
static int drop_cache(struct loop_device *lo)
{
	struct block_device *bdev = lo->disk->part0;
	int err = sync_blockdev(bdev);

	if (!err && invalidate_inode_pages2_range(bdev->bd_inode->i_mapping, 0, ULONG_MAX))
		err = -EAGAIN;
	return err;
}

/* ---- binding ---- */

static bool is_loop(const struct file *file)
{
	const struct inode *inode = file->f_mapping->host;

	return S_ISBLK(inode->i_mode) && MAJOR(inode->i_rdev) == LOOP_MAJOR;
}

/* May lo stand on this file? -EBADF: it would stand on itself; -EINVAL: nothing to stand on. => C */
static int validate_file(const struct loop_device *lo, const struct file *file)
{
	const struct inode *inode = file->f_mapping->host;

	while (is_loop(file)) {
		const struct loop_device *below =
			I_BDEV(file->f_mapping->host)->bd_disk->private_data;

		if (below == lo)
			return -EBADF;
		if (below->state != LO_BOUND)
			return -EINVAL;
		file = below->backing_file;
	}
	if (!S_ISREG(inode->i_mode) && !S_ISBLK(inode->i_mode))
		return -EINVAL;
	if (!file->f_op->read_iter)
		return -EINVAL;
	return 0;
}

/* What LOOP_SET_STATUS and LOOP_CONFIGURE say, but for the flags. => C; nothing under way if bound */
static int set_from_info(struct loop_device *lo, const struct loop_info64 *info)
{
	if (info->lo_encrypt_type)
		return -EINVAL;
	if (info->lo_offset > LLONG_MAX || info->lo_sizelimit > LLONG_MAX)
		return -EOVERFLOW;
	lo->offset = info->lo_offset;
	lo->sizelimit = info->lo_sizelimit;
	memcpy(lo->file_name, info->lo_file_name, LO_NAME_SIZE);
	lo->file_name[LO_NAME_SIZE - 1] = 0;
	return 0;
}

static void set_limits(struct loop_device *lo, unsigned int block_size)
{
	struct queue_limits *lim = &lo->disk->queue->limits;
	bool holes = lo->backing_file->f_op->fallocate && !(lo->flags & LO_FLAGS_READ_ONLY);

	lim->logical_block_size = lim->physical_block_size = block_size;
	lim->write_cache = lo->backing_file->f_op->fsync && !(lo->flags & LO_FLAGS_READ_ONLY);
	lim->max_discard_sectors = holes ? UINT_MAX >> SECTOR_SHIFT : 0;
	lim->max_write_zeroes_sectors = lim->max_discard_sectors;
	lim->discard_granularity = holes ? PAGE_SIZE : 0;
}

static bool valid_block_size(unsigned long size)
{
	return size >= SECTOR_SIZE && size <= PAGE_SIZE && !(size & (size - 1));
}

/* => C; the file's reference is taken over if it succeeds */
static int bind(struct loop_device *lo, unsigned int mode, struct file *file,
		const struct loop_config *config)
{
	int err;

	if (lo->state != LO_UNBOUND)
		return -EBUSY;
	err = validate_file(lo, file);
	if (!err)
		err = set_from_info(lo, &config->info);
	if (!err)
		err = loop_start_io(lo);
	if (err)
		return err;
	lo->flags = config->info.lo_flags & ~LO_FLAGS_DIRECT_IO;
	if (!(mode & FMODE_WRITE) || !(file->f_mode & FMODE_WRITE) || !file->f_op->write_iter)
		lo->flags |= LO_FLAGS_READ_ONLY;
	lo->backing_file = file;
	WRITE_ONCE(lo->disk->read_only, lo->flags & LO_FLAGS_READ_ONLY);
	lo->disk->no_part_scan = !(lo->flags & LO_FLAGS_PARTSCAN);
	set_limits(lo, config->block_size ?: SECTOR_SIZE);
	set_size(lo);
	lo->state = LO_BOUND;
	return 0;
}

static int loop_configure(struct loop_device *lo, unsigned int mode, struct block_device *bdev,
			  const struct loop_config *config)
{
	struct file *file;
	int err = 0;

	if (config->info.lo_flags & ~LOOP_CONFIGURE_SETTABLE_FLAGS ||
	    (config->block_size && !valid_block_size(config->block_size)))
		return -EINVAL;
	file = fget(config->fd);
	if (!file)
		return -EBADF;
	/* Not under somebody who has mounted it. */
	if (!(mode & FMODE_EXCL))
		err = bd_claim(bdev, loop_configure);
	if (!err) {
		mutex_lock(&loop_ctl_mutex);
		err = bind(lo, mode, file, config);
		mutex_unlock(&loop_ctl_mutex);
		if (!err && config->info.lo_flags & LO_FLAGS_PARTSCAN)
			disk_scan_partitions(lo->disk);
		if (!(mode & FMODE_EXCL))
			bd_release(bdev, loop_configure);
	}
	if (err)
		fput(file);
	return err;
}

/* ---- letting go ---- */

/* => state LO_RUNDOWN, which keeps everybody else out; no lock held */
static void loop_rundown(struct loop_device *lo)
{
	struct block_device *bdev = lo->disk->part0;
	struct file *file = lo->backing_file;

	sync_blockdev(bdev);
	disk_del_partitions(lo->disk);
	loop_stop_io(lo);
	truncate_inode_pages_range(bdev->bd_inode->i_mapping, 0, -1);
	mutex_lock(&loop_ctl_mutex);
	set_capacity(lo->disk, 0);
	lo->disk->queue->limits.logical_block_size = SECTOR_SIZE;
	bdev->bd_read_only = false;
	WRITE_ONCE(lo->disk->read_only, false);
	lo->disk->no_part_scan = true;
	lo->backing_file = NULL;
	lo->offset = lo->sizelimit = 0;
	lo->flags = 0;
	memset(lo->file_name, 0, sizeof(lo->file_name));
	lo->state = LO_UNBOUND;
	mutex_unlock(&loop_ctl_mutex);
	fput(file);
}

/* Asked through a partition, it is in use as well: the partition could not go. */
static int loop_clr_fd(struct loop_device *lo, bool partition)
{
	mutex_lock(&loop_ctl_mutex);
	if (lo->state != LO_BOUND) {
		mutex_unlock(&loop_ctl_mutex);
		return -ENXIO;
	}
	if (lo->refcnt > 1 || partition) {
		lo->flags |= LO_FLAGS_AUTOCLEAR;
		mutex_unlock(&loop_ctl_mutex);
		return 0;
	}
	lo->state = LO_RUNDOWN;
	mutex_unlock(&loop_ctl_mutex);
	loop_rundown(lo);
	return 0;
}

static int loop_open(struct gendisk *disk)
{
	struct loop_device *lo = disk->private_data;

	guard(mutex)(&loop_ctl_mutex);
	if (lo->state == LO_RUNDOWN || lo->state == LO_DELETING)
		return -ENXIO;
	lo->refcnt++;
	return 0;
}

static void loop_release(struct gendisk *disk)
{
	struct loop_device *lo = disk->private_data;
	bool last;

	mutex_lock(&loop_ctl_mutex);
	last = !--lo->refcnt && lo->state == LO_BOUND && lo->flags & LO_FLAGS_AUTOCLEAR;
	if (last)
		lo->state = LO_RUNDOWN;
	mutex_unlock(&loop_ctl_mutex);
	if (last)
		loop_rundown(lo);
}

/* ---- status ---- */

static int get_status(struct loop_device *lo, struct loop_info64 *info)
{
	struct kstat stat;
	struct path path;
	int err;

	memset(info, 0, sizeof(*info));
	mutex_lock(&loop_ctl_mutex);
	if (lo->state != LO_BOUND) {
		mutex_unlock(&loop_ctl_mutex);
		return -ENXIO;
	}
	info->lo_number = lo->number;
	info->lo_offset = lo->offset;
	info->lo_sizelimit = lo->sizelimit;
	info->lo_flags = lo->flags;
	memcpy(info->lo_file_name, lo->file_name, LO_NAME_SIZE);
	path = lo->backing_file->f_path;
	path_get(&path);
	mutex_unlock(&loop_ctl_mutex);
	/* It may sleep for what the file's own file system holds. */
	err = vfs_getattr(&path, &stat);
	if (!err) {
		info->lo_device = stat.dev;
		info->lo_inode = stat.ino;
		info->lo_rdevice = stat.rdev;
	}
	path_put(&path);
	return err;
}

static int set_status(struct loop_device *lo, const struct loop_info64 *info)
{
	bool scan = false, moved;
	int err = 0;

	mutex_lock(&loop_ctl_mutex);
	if (lo->state != LO_BOUND)
		err = -ENXIO;
	moved = lo->offset != info->lo_offset || lo->sizelimit != info->lo_sizelimit;
	if (!err && moved)
		err = drop_cache(lo);
	if (!err) {
		mutex_lock(&lo->io_mutex);
		err = set_from_info(lo, info);
		mutex_unlock(&lo->io_mutex);
	}
	if (!err) {
		unsigned int keep = lo->flags & ~LOOP_SET_STATUS_CLEARABLE_FLAGS;

		scan = info->lo_flags & ~lo->flags & LO_FLAGS_PARTSCAN;
		lo->flags = keep | (info->lo_flags & LOOP_SET_STATUS_SETTABLE_FLAGS);
		lo->disk->no_part_scan = !(lo->flags & LO_FLAGS_PARTSCAN);
		if (moved)
			set_size(lo);
	}
	mutex_unlock(&loop_ctl_mutex);
	if (scan)
		disk_scan_partitions(lo->disk);
	return err;
}

static int get_status64(struct loop_device *lo, void __user *arg)
{
	struct loop_info64 info;
	int err = get_status(lo, &info);

	if (!err && copy_to_user(arg, &info, sizeof(info)))
		err = -EFAULT;
	return err;
}

static int get_status_old(struct loop_device *lo, void __user *arg)
{
	struct loop_info64 info;
	struct loop_info old = {};
	int err = get_status(lo, &info);

	if (err)
		return err;
	old.lo_number = info.lo_number;
	old.lo_device = info.lo_device;
	old.lo_inode = info.lo_inode;
	old.lo_rdevice = info.lo_rdevice;
	old.lo_offset = info.lo_offset;
	old.lo_flags = info.lo_flags;
	memcpy(old.lo_name, info.lo_file_name, LO_NAME_SIZE);
	if ((u64)old.lo_offset != info.lo_offset)
		return -EOVERFLOW;
	return copy_to_user(arg, &old, sizeof(old)) ? -EFAULT : 0;
}

static int set_status64(struct loop_device *lo, void __user *arg)
{
	struct loop_info64 info;

	return copy_from_user(&info, arg, sizeof(info)) ? -EFAULT : set_status(lo, &info);
}

static int set_status_old(struct loop_device *lo, void __user *arg)
{
	struct loop_info64 info = {};
	struct loop_info old;

	if (copy_from_user(&old, arg, sizeof(old)))
		return -EFAULT;
	info.lo_offset = old.lo_offset;
	info.lo_encrypt_type = old.lo_encrypt_type;
	info.lo_flags = old.lo_flags;
	memcpy(info.lo_file_name, old.lo_name, LO_NAME_SIZE);
	return set_status(lo, &info);
}

/* ---- changes of a bound device ---- */

/* Another file of the same size, for a device that is only read. */
static int change_fd(struct loop_device *lo, unsigned long fd)
{
	struct file *file = fget(fd), *old = NULL;
	int err = 0;

	if (!file)
		return -EBADF;
	mutex_lock(&loop_ctl_mutex);
	if (lo->state != LO_BOUND)
		err = -ENXIO;
	else if (!(lo->flags & LO_FLAGS_READ_ONLY))
		err = -EINVAL;
	else
		err = validate_file(lo, file);
	if (!err &&
	    file_sectors(file, lo->offset, lo->sizelimit) != bdev_nr_sectors(lo->disk->part0))
		err = -EINVAL;
	if (!err) {
		mutex_lock(&lo->io_mutex);
		old = lo->backing_file;
		lo->backing_file = file;
		mutex_unlock(&lo->io_mutex);
		invalidate_inode_pages2_range(lo->disk->part0->bd_inode->i_mapping, 0, ULONG_MAX);
	}
	mutex_unlock(&loop_ctl_mutex);
	fput(err ? file : old);
	if (!err)
		disk_scan_partitions(lo->disk);
	return err;
}

/* LOOP_SET_CAPACITY, _DIRECT_IO, _BLOCK_SIZE. */
static int simple_change(struct loop_device *lo, unsigned int cmd, unsigned long arg)
{
	int err = 0;

	guard(mutex)(&loop_ctl_mutex);
	if (lo->state != LO_BOUND)
		return -ENXIO;
	switch (cmd) {
	case LOOP_SET_CAPACITY:
		set_size(lo);
		return 0;
	case LOOP_SET_DIRECT_IO:
		return arg ? -EINVAL : 0;
	default:
		if (!valid_block_size(arg))
			return -EINVAL;
		if (lo->disk->queue->limits.logical_block_size == arg)
			return 0;
		err = drop_cache(lo);
		if (!err)
			set_limits(lo, arg);
		return err;
	}
}

static int loop_ioctl(struct block_device *bdev, unsigned int mode, unsigned int cmd,
		      unsigned long arg)
{
	struct loop_device *lo = bdev->bd_disk->private_data;
	void __user *uarg = (void __user *)arg;
	struct loop_config config = {};

	switch (cmd) {
	case LOOP_SET_FD:
		config.fd = arg;
		return loop_configure(lo, mode, bdev, &config);
	case LOOP_CONFIGURE:
		if (copy_from_user(&config, uarg, sizeof(config)))
			return -EFAULT;
		return loop_configure(lo, mode, bdev, &config);
	case LOOP_CLR_FD:
		return loop_clr_fd(lo, bdev->bd_partno);
	case LOOP_CHANGE_FD:
		return change_fd(lo, arg);
	case LOOP_GET_STATUS:
		return get_status_old(lo, uarg);
	case LOOP_GET_STATUS64:
		return get_status64(lo, uarg);
	case LOOP_SET_STATUS:
	case LOOP_SET_STATUS64:
	case LOOP_SET_CAPACITY:
	case LOOP_SET_DIRECT_IO:
	case LOOP_SET_BLOCK_SIZE:
		if (!(mode & FMODE_WRITE) && !capable(CAP_SYS_ADMIN))
			return -EPERM;
		if (cmd == LOOP_SET_STATUS)
			return set_status_old(lo, uarg);
		if (cmd == LOOP_SET_STATUS64)
			return set_status64(lo, uarg);
		return simple_change(lo, cmd, arg);
	default:
		return -ENOTTY;
	}
}

/* ---- devices come and go ---- */

static void loop_free_disk(struct gendisk *disk)
{
	blk_free_queue(disk->queue);
	kfree(disk->private_data);
}

static const struct block_device_operations loop_fops = {
	.open = loop_open,
	.release = loop_release,
	.ioctl = loop_ioctl,
	.free_disk = loop_free_disk,
};

static struct loop_device *alloc_loop(u32 number)
{
	static const struct queue_limits limits = {
		.logical_block_size = SECTOR_SIZE,
		.physical_block_size = SECTOR_SIZE,
		.max_sectors = 2560,
		.max_segments = USHRT_MAX,
		.max_segment_size = UINT_MAX,
	};
	struct loop_device *lo = kzalloc(sizeof(*lo), GFP_KERNEL);
	struct request_queue *q;

	if (!lo)
		return NULL;
	q = blk_mq_alloc_queue(&loop_mq_ops, &limits, 1, LOOP_DEPTH, 0);
	if (!IS_ERR(q)) {
		lo->disk = alloc_disk(q, &loop_fops, LOOP_MAJOR, number);
		if (!IS_ERR(lo->disk)) {
			q->hctx[0].driver_data = lo;
			return lo;
		}
		blk_free_queue(q);
	}
	kfree(lo);
	return NULL;
}

/* wanted < 0: any number. The number or -EEXIST, -ENOMEM, -EINVAL. => C not held */
static int loop_add(long wanted)
{
	struct loop_device *lo;
	u32 number = wanted;
	int err;

	if (wanted >= LOOP_MAX)
		return -EINVAL;
	mutex_lock(&loop_ctl_mutex);
	if (wanted < 0)
		err = xa_alloc(&loops, &number, LOOP_RESERVED, XA_LIMIT(0, LOOP_MAX - 1),
			       GFP_KERNEL);
	else
		err = xa_insert(&loops, number, LOOP_RESERVED, GFP_KERNEL);
	mutex_unlock(&loop_ctl_mutex);
	if (err)
		return err == -EBUSY && wanted >= 0 ? -EEXIST : err;
	lo = alloc_loop(number);
	err = lo ? 0 : -ENOMEM;
	if (lo) {
		lo->number = number;
		loop_init_io(lo);
		lo->disk->minors = 1;
		lo->disk->no_part_scan = true;
		lo->disk->private_data = lo;
		snprintf(lo->disk->disk_name, DISK_NAME_LEN, "loop%u", number);
		err = add_disk(lo->disk);
		if (err)
			put_disk(lo->disk);
	}
	mutex_lock(&loop_ctl_mutex);
	if (err)
		xa_erase(&loops, number);
	else
		xa_store(&loops, number, lo, GFP_KERNEL);
	mutex_unlock(&loop_ctl_mutex);
	return err ? err : (int)number;
}

static int loop_remove(long number)
{
	struct loop_device *lo;
	int err = 0;

	if (number < 0)
		return -EINVAL;
	mutex_lock(&loop_ctl_mutex);
	lo = xa_load(&loops, number);
	if (!lo || xa_is_value(lo))
		err = -ENODEV;
	else if (lo->state != LO_UNBOUND || lo->refcnt)
		err = -EBUSY;
	else
		lo->state = LO_DELETING;
	mutex_unlock(&loop_ctl_mutex);
	if (err)
		return err;
	del_gendisk(lo->disk);
	mutex_lock(&loop_ctl_mutex);
	xa_erase(&loops, number);
	mutex_unlock(&loop_ctl_mutex);
	put_disk(lo->disk);
	return 0;
}

static int loop_get_free(void)
{
	struct loop_device *lo;
	unsigned long i;

	scoped_guard(mutex, &loop_ctl_mutex) {
		xa_for_each(&loops, i, lo)
			if (!xa_is_value(lo) && lo->state == LO_UNBOUND)
				return i;
	}
	return loop_add(-1);
}

static long loop_control_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case LOOP_CTL_ADD:
		return loop_add((int)arg);
	case LOOP_CTL_REMOVE:
		return loop_remove((int)arg);
	case LOOP_CTL_GET_FREE:
		return loop_get_free();
	default:
		return -ENOSYS;
	}
}

static const struct file_operations loop_control_fops = {
	.open = nonseekable_open,
	.llseek = noop_llseek,
	.unlocked_ioctl = loop_control_ioctl,
};

static int __init loop_init(void)
{
	unsigned long nr = cmdline_get_ulong("max_loop", LOOP_DEFAULT), i;

	if (nr > LOOP_MAX_BOOT) {
		pr_warn("loop: max_loop=%lu: at most %u\n", nr, LOOP_MAX_BOOT);
		nr = LOOP_MAX_BOOT;
	}
	register_blkdev(LOOP_MAJOR, "loop");
	register_chrdev(MISC_MAJOR, LOOP_CTRL_MINOR, 1, "misc", &loop_control_fops);
	device_add_node("loop-control", S_IFCHR | 0660, MKDEV(MISC_MAJOR, LOOP_CTRL_MINOR));
	for (i = 0; i < nr; i++) {
		int err = loop_add(i);

		if (err < 0) {
			pr_err("loop: cannot make loop%lu: error %d\n", i, err);
			return err;
		}
	}
	return 0;
}
device_initcall(loop_init);
