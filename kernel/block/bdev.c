/*
 * Block devices as files: /dev/vda, /dev/ram0. Their page cache is the device's contents.
 *
 * 1. Each block_device has an inode of its own in the file system "bdev", which nobody can mount. All names of a device, in whatever
 *    file system, lead to this inode's mapping: one copy of each sector in the cache.
 * 2. Its extent function is the simplest there is: byte n of the file is byte n of the device.
 * 3. The last one to close it writes what is dirty. A mount opens it for itself alone (holder).
 *
 * Locks: the disk's open_mutex for openers and holder; the inode's i_rwsem for writes. Mirrors Linux block/{bdev,fops,ioctl}.c.
 * Exercised by tests/user/blockdev.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/block/genhd.h"
#include "kernel/block/partitions.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/iomap.h"
#include "kernel/fs/splice.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "mm/cache/backing-dev.h"
#include "mm/user/file_ops.h"

#define BDEVFS_MAGIC 0x62646576
#define CHANGE_TRIES 8 /* so often is what is dirtied anew written out again */

static struct mount *bdev_mnt;

static int bdev_iomap_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
			    struct iomap *iomap)
{
	loff_t size = READ_ONCE(inode->i_size);

	if (pos >= size)
		return -EIO;
	*iomap = (struct iomap){
		.addr = 0, .offset = 0, .length = size, .type = IOMAP_MAPPED, .bdev = I_BDEV(inode)
	};
	return 0;
}

static const struct iomap_ops bdev_iomap_ops = { .iomap_begin = bdev_iomap_begin };

static int bdev_read_folio(struct file *file, struct folio *folio)
{
	return iomap_read_folio(folio, &bdev_iomap_ops);
}

static void bdev_readahead(struct readahead_control *rac)
{
	iomap_readahead(rac, &bdev_iomap_ops);
}

static int bdev_write_begin(struct file *file, struct address_space *mapping, loff_t pos,
			    unsigned int len, struct folio **foliop)
{
	return iomap_write_begin(mapping->host, pos, len, foliop, &bdev_iomap_ops);
}

static int bdev_write_end(struct file *file, struct address_space *mapping, loff_t pos,
			  unsigned int len, unsigned int copied, struct folio *folio)
{
	int ret = iomap_write_end(mapping->host, pos, len, copied, folio);

	folio_unlock(folio);
	folio_put(folio);
	return ret;
}

static int bdev_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct block_device *bdev = I_BDEV(mapping->host);

	/* The file system may want its data on the disk before the metadata that lead to them. */
	if (READ_ONCE(bdev->bd_order)) {
		down_read(&bdev->bd_order_lock);
		if (bdev->bd_order)
			bdev->bd_order(bdev->bd_holder);
		up_read(&bdev->bd_order_lock);
	}
	return iomap_writepages(mapping, wbc, &bdev_iomap_ops);
}

static const struct address_space_operations bdev_aops = {
	.read_folio = bdev_read_folio,
	.readahead = bdev_readahead,
	.write_begin = bdev_write_begin,
	.write_end = bdev_write_end,
	.writepages = bdev_writepages,
	.dirty_folio = iomap_dirty_folio,
};

struct block_device *I_BDEV(const struct inode *inode)
{
	return inode->i_private;
}

struct inode *bdev_new_inode(struct block_device *bdev)
{
	struct inode *inode = new_inode(bdev_mnt->mnt_sb);

	if (!inode)
		return NULL;
	inode->i_mode = S_IFBLK;
	inode->i_rdev = bdev->bd_dev;
	inode->i_private = bdev;
	inode->i_data.a_ops = &bdev_aops;
	inode->i_data.bdi = bdev->bd_disk->bdi;
	inode->i_data.gfp_mask = GFP_USER;
	/* A class of its own: a file's lock is held while its file system reads a block of the device. */
	init_rwsem(&inode->i_data.invalidate_lock);
	return inode;
}

void bdev_free_inode(struct block_device *bdev)
{
	truncate_inode_pages_range(&bdev->bd_inode->i_data, 0, -1);
	iput(bdev->bd_inode);
}

/*
 * Not the size of the cache's blocks: pages that are there, and transfers that are under way, are counted in it. The last block may
 * be cut off by the device's end.
 */
void bdev_set_size(struct block_device *bdev)
{
	WRITE_ONCE(bdev->bd_inode->i_size, bdev_nr_sectors(bdev) << SECTOR_SHIFT);
}

/* Blocks of the cache are as large as the device's size allows, up to a page. => open_mutex held, nobody has it open */
static void choose_block_size(struct block_device *bdev)
{
	u64 size = bdev_nr_sectors(bdev) << SECTOR_SHIFT;
	unsigned int bits = PAGE_SHIFT;

	/* Whoever could make pages has it open, or reads partitions with the mutex; those pages may be there still. */
	if (bdev->bd_inode->i_data.nrpages)
		return;
	while (bits > SECTOR_SHIFT && size & ((1UL << bits) - 1))
		bits--;
	bdev->bd_inode->i_blkbits = bits;
}

/* ---- open and close ---- */

/* Whoever has a disk for himself has its partitions, too, and the other way round. => open_mutex held */
static bool may_claim(const struct block_device *bdev, const void *holder)
{
	const struct gendisk *disk = bdev->bd_disk;

	if (bdev->bd_holder)
		return bdev->bd_holder == holder;
	if (!bdev->bd_partno)
		return !disk->held_parts;
	return !disk->part0->bd_holder || disk->part0->bd_holder == holder;
}

static void hold(struct block_device *bdev, void *holder)
{
	bdev->bd_holder = holder;
	if (!bdev->bd_holders++ && bdev->bd_partno)
		bdev->bd_disk->held_parts++;
}

static void unhold(struct block_device *bdev, const void *holder)
{
	if (bdev->bd_holder != holder || --bdev->bd_holders)
		return;
	bdev->bd_holder = NULL;
	if (bdev->bd_partno)
		bdev->bd_disk->held_parts--;
}

int bd_claim(struct block_device *bdev, void *holder)
{
	guard(mutex)(&bdev->bd_disk->open_mutex);
	if (!may_claim(bdev, holder))
		return -EBUSY;
	hold(bdev, holder);
	return 0;
}

void bd_release(struct block_device *bdev, void *holder)
{
	guard(mutex)(&bdev->bd_disk->open_mutex);
	unhold(bdev, holder);
}

static int get_bdev(struct block_device *bdev, void *holder)
{
	const struct block_device_operations *ops = bdev->bd_disk->fops;
	int err = 0;

	guard(mutex)(&bdev->bd_disk->open_mutex);
	if (bdev->bd_gone)
		return -ENXIO;
	if (holder && !may_claim(bdev, holder))
		return -EBUSY;
	if (ops->open)
		err = ops->open(bdev->bd_disk);
	if (err)
		return err;
	if (!bdev->bd_openers++)
		choose_block_size(bdev);
	if (bdev->bd_partno)
		bdev->bd_disk->open_parts++;
	if (holder)
		hold(bdev, holder);
	return 0;
}

static struct block_device *open_by_dev(dev_t dev, void *holder)
{
	struct block_device *bdev = bdev_lookup(dev);
	int err;

	if (!bdev)
		return ERR_PTR(-ENXIO);
	err = get_bdev(bdev, holder);
	if (!err)
		return bdev;
	bdev_put(bdev);
	return ERR_PTR(err);
}

struct block_device *blkdev_get_by_dev(dev_t dev, unsigned int mode, void *holder)
{
	struct block_device *bdev = open_by_dev(dev, holder);

	if (!IS_ERR(bdev) && mode & FMODE_WRITE && bdev_read_only(bdev)) {
		blkdev_put(bdev, holder);
		return ERR_PTR(-EACCES);
	}
	return bdev;
}

void blkdev_put(struct block_device *bdev, void *holder)
{
	const struct block_device_operations *ops = bdev->bd_disk->fops;

	/* Without the mutex first: it may take long. */
	if (bdev->bd_openers == 1)
		sync_blockdev(bdev);
	mutex_lock(&bdev->bd_disk->open_mutex);
	if (holder)
		unhold(bdev, holder);
	if (bdev->bd_partno)
		bdev->bd_disk->open_parts--;
	if (!--bdev->bd_openers) {
		sync_blockdev(bdev);
		/* A disk and its partitions are cached apart: what is kept here could become old. */
		truncate_inode_pages_range(bdev->bd_inode->i_mapping, 0, -1);
	}
	mutex_unlock(&bdev->bd_disk->open_mutex);
	if (ops->release)
		ops->release(bdev->bd_disk);
	bdev_put(bdev);
}

int sync_blockdev(struct block_device *bdev)
{
	return filemap_write_and_wait(bdev->bd_inode->i_mapping);
}

static void sync_one(struct block_device *bdev, bool wait)
{
	struct address_space *mapping = bdev->bd_inode->i_mapping;

	if (!wait)
		filemap_fdatawrite_range(mapping, 0, LLONG_MAX);
	else if (!filemap_write_and_wait(mapping) && READ_ONCE(bdev->bd_openers))
		blkdev_issue_flush(bdev);
}

/* A device that does not answer keeps whoever waits for it, not those who look up another one. */
void sync_bdevs(bool wait)
{
	struct block_device *bdev;
	unsigned long dev = 0;

	while ((bdev = bdev_next(&dev))) {
		sync_one(bdev, wait);
		bdev_put(bdev);
		dev++;
	}
}

static int blkdev_open(struct inode *inode, struct file *file)
{
	void *holder = file->f_flags & O_EXCL ? file : NULL;
	/* A program may open a device that is only read for writing: its writes fail. */
	struct block_device *bdev = open_by_dev(inode->i_rdev, holder);

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	if (holder)
		file->f_mode |= FMODE_EXCL;
	file->private_data = bdev;
	file->f_mapping = bdev->bd_inode->i_mapping;
	file->f_wb_err = errseq_sample(&file->f_mapping->wb_err);
	return 0;
}

static int blkdev_release(struct inode *inode, struct file *file)
{
	blkdev_put(file->private_data, file->f_mode & FMODE_EXCL ? file : NULL);
	return 0;
}

/* ---- read, write ---- */

static ssize_t blkdev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	if (iocb->ki_flags & IOCB_DIRECT)
		return iomap_dio_read_iter(iocb, to, &bdev_iomap_ops);
	return generic_file_read_iter(iocb, to);
}

static ssize_t blkdev_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file->f_mapping->host;
	loff_t size = READ_ONCE(inode->i_size);
	ssize_t ret;

	if (bdev_read_only(I_BDEV(inode)))
		return -EPERM;
	if (!iov_iter_count(from))
		return 0;
	if (iocb->ki_pos < 0)
		return -EINVAL;
	if (iocb->ki_pos >= size)
		return -ENOSPC;
	if ((iocb->ki_flags & (IOCB_NOWAIT | IOCB_DIRECT)) == IOCB_NOWAIT)
		return -EOPNOTSUPP;
	iov_iter_truncate(from, size - iocb->ki_pos);
	if (!(iocb->ki_flags & IOCB_NOWAIT))
		down_write(&inode->i_rwsem);
	else if (!down_write_trylock(&inode->i_rwsem))
		return -EAGAIN;
	if (iocb->ki_flags & IOCB_DIRECT)
		ret = iomap_dio_write_iter(iocb, from, &bdev_iomap_ops);
	else
		ret = generic_perform_write(iocb, from);
	up_write(&inode->i_rwsem);
	return generic_write_sync(iocb, ret);
}

static int blkdev_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	int err = file_write_and_wait_range(file, start, end);

	return err ? err : blkdev_issue_flush(file->private_data);
}

/*
 * Lets the device change [start, end) by itself: what the cache has of it is old afterwards. It is written before the lock is taken,
 * since a mounted file system's data, which go first, may need it; pages in use stay, as somebody will have to read them again anyway.
 */
static int change_range(struct block_device *bdev, loff_t start, loff_t end,
			int (*issue)(struct block_device *bdev, sector_t sector, sector_t nr))
{
	struct address_space *mapping = bdev->bd_inode->i_mapping;
	pgoff_t first = start >> PAGE_SHIFT, last = (end - 1) >> PAGE_SHIFT;
	int tries, err;

	down_write(&bdev->bd_inode->i_rwsem);
	for (tries = 1;; tries++) {
		err = filemap_write_and_wait_range(mapping, start, end - 1);
		if (err)
			goto out;
		down_write(&mapping->invalidate_lock);
		if (!invalidate_inode_pages2_range(mapping, first, last) || tries == CHANGE_TRIES)
			break;
		up_write(&mapping->invalidate_lock);
	}
	err = issue(bdev, start >> SECTOR_SHIFT, (end - start) >> SECTOR_SHIFT);
	invalidate_inode_pages2_range(mapping, first, last);
	up_write(&mapping->invalidate_lock);
out:
	up_write(&bdev->bd_inode->i_rwsem);
	return err;
}

/*
 * A hole: zeroes that the device makes by itself, without being written; a range of zeroes: in any way. There is nothing else to
 * allocate. The range may go beyond the end only if the size need not change.
 */
static long blkdev_fallocate(struct file *file, int mode, loff_t start, loff_t len)
{
	struct block_device *bdev = file->private_data;
	struct inode *inode = bdev->bd_inode;
	loff_t size = READ_ONCE(inode->i_size), end = start + len;
	bool hole = mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);

	if (!hole && (mode & ~FALLOC_FL_KEEP_SIZE) != FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	if (start >= size)
		return -EINVAL;
	if (end > size) {
		if (!(mode & FALLOC_FL_KEEP_SIZE))
			return -EINVAL;
		end = size;
	}
	if ((start | end) & (bdev_limits(bdev)->logical_block_size - 1))
		return -EINVAL;
	if (bdev_read_only(bdev))
		return -EPERM;
	if (hole && !bdev_limits(bdev)->max_write_zeroes_sectors)
		return -EOPNOTSUPP;
	return change_range(bdev, start, end, blkdev_issue_zeroout);
}

/* ---- ioctl: linux/fs.h ---- */

#define BLKROSET      0x125d
#define BLKROGET      0x125e
#define BLKRRPART     0x125f
#define BLKGETSIZE    0x1260
#define BLKFLSBUF     0x1261
#define BLKRASET      0x1262
#define BLKRAGET      0x1263
#define BLKSECTGET    0x1267
#define BLKSSZGET     0x1268
#define BLKPG	      0x1269
#define BLKDISCARD    0x1277
#define BLKIOMIN      0x1278
#define BLKIOOPT      0x1279
#define BLKALIGNOFF   0x127a
#define BLKPBSZGET    0x127b
#define BLKROTATIONAL 0x127e
#define BLKZEROOUT    0x127f
#define BLKBSZGET     0x80081270
#define BLKGETSIZE64  0x80081272

/* BLKDISCARD, BLKZEROOUT: a range in bytes. */
static int range_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct block_device *bdev = file->private_data;
	u64 range[2], size = READ_ONCE(bdev->bd_inode->i_size);

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (copy_from_user(range, (void __user *)arg, sizeof(range)))
		return -EFAULT;
	if ((range[0] | range[1]) & (SECTOR_SIZE - 1) || range[0] > size ||
	    range[1] > size - range[0])
		return -EINVAL;
	if (!range[1])
		return 0;
	return change_range(bdev, range[0], range[0] + range[1],
			    cmd == BLKDISCARD ? blkdev_issue_discard : blkdev_issue_zeroout);
}

static int set_read_only(struct block_device *bdev, unsigned long arg)
{
	int ro;

	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	if (get_user(ro, (int __user *)arg))
		return -EFAULT;
	guard(mutex)(&bdev->bd_disk->open_mutex);
	bdev->bd_read_only = ro;
	return 0;
}

static int flush_buffers(struct block_device *bdev)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	sync_blockdev(bdev);
	invalidate_inode_pages2_range(bdev->bd_inode->i_mapping, 0, ULONG_MAX);
	return 0;
}

static long blkdev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct block_device *bdev = file->private_data;
	const struct queue_limits *lim = bdev_limits(bdev);
	struct backing_dev_info *bdi = bdev->bd_disk->bdi;
	u64 size = bdev_nr_sectors(bdev) << SECTOR_SHIFT;

	switch (cmd) {
	case BLKGETSIZE64:
		return put_user(size, (u64 __user *)arg);
	case BLKGETSIZE:
		return put_user(size >> SECTOR_SHIFT, (unsigned long __user *)arg);
	case BLKSSZGET:
		return put_user((int)lim->logical_block_size, (int __user *)arg);
	case BLKPBSZGET:
	case BLKIOMIN:
		return put_user(lim->physical_block_size, (unsigned int __user *)arg);
	case BLKIOOPT:
		return put_user(0U, (unsigned int __user *)arg);
	case BLKALIGNOFF:
		return put_user(0, (int __user *)arg);
	case BLKBSZGET:
		return put_user(1 << bdev->bd_inode->i_blkbits, (int __user *)arg);
	case BLKROGET:
		return put_user((int)bdev_read_only(bdev), (int __user *)arg);
	case BLKROSET:
		return set_read_only(bdev, arg);
	case BLKROTATIONAL:
		return put_user((unsigned short)lim->rotational, (unsigned short __user *)arg);
	case BLKSECTGET:
		return put_user((unsigned short)min(lim->max_sectors, 65535U),
				(unsigned short __user *)arg);
	case BLKRAGET:
		return put_user((long)(bdi->ra_pages * (PAGE_SIZE / SECTOR_SIZE)),
				(long __user *)arg);
	case BLKRASET:
		if (!capable(CAP_SYS_ADMIN))
			return -EACCES;
		if (arg > BLK_MAX_RA_KB * (1024 / SECTOR_SIZE))
			return -EINVAL;
		WRITE_ONCE(bdi->ra_pages, arg / (PAGE_SIZE / SECTOR_SIZE));
		return 0;
	case BLKRRPART:
		return blk_reread_partitions(bdev, file->f_mode & FMODE_EXCL);
	case BLKPG:
		return blkpg_ioctl(bdev, (void __user *)arg);
	case BLKFLSBUF:
		return flush_buffers(bdev);
	case BLKDISCARD:
	case BLKZEROOUT:
		return range_ioctl(file, cmd, arg);
	default:
		if (!bdev->bd_disk->fops->ioctl)
			return -ENOTTY;
		return bdev->bd_disk->fops->ioctl(bdev, file->f_mode, cmd, arg);
	}
}

const struct file_operations def_blk_fops = {
	.open = blkdev_open,
	.release = blkdev_release,
	.llseek = generic_file_llseek,
	.fop_flags = FOP_DIRECT | FOP_NOWAIT,
	.read_iter = blkdev_read_iter,
	.write_iter = blkdev_write_iter,
	.splice_read = filemap_splice_read,
	.mmap = generic_file_mmap,
	.fsync = blkdev_fsync,
	.fallocate = blkdev_fallocate,
	.unlocked_ioctl = blkdev_ioctl,
};

static struct super_block *bdev_mount(struct file_system_type *type, int flags, const char *dev,
				      char *data)
{
	return mount_pseudo(type, flags, BDEVFS_MAGIC);
}

static struct file_system_type bdev_fs_type = { .name = "bdev", .mount = bdev_mount };

static int __init bdev_init(void)
{
	register_filesystem(&bdev_fs_type);
	bdev_mnt = kern_mount(&bdev_fs_type);
	if (IS_ERR(bdev_mnt))
		panic("block: cannot set up the file system of block devices");
	return 0;
}
fs_initcall(bdev_init);
