/*
 * Disks and their block_devices as the rest of the room and drivers see them. What they are: blkdev.h.
 *
 * Mirrors Linux include/linux/blkdev.h (gendisk). Exercised by the suite block.
 */
#pragma once

#include "kernel/block/blkdev.h"
#include "kernel/fs/fs.h"

#define BDEVNAME_SIZE	40
#define RAMDISK_MAJOR	1
#define LOOP_MAJOR	7
#define VIRTBLK_MAJOR	254
#define BLOCK_EXT_MAJOR 259 /* partitions whose disk has no minor left for them */

struct seq_file;

/* Claims a major number, for /proc/devices. 0, -EBUSY, -EINVAL. => may sleep */
int register_blkdev(unsigned int major, const char *name);
/*
 * A disk that nobody sees yet: disk_name and the capacity are to be set. ERR_PTR(-ENOMEM). put_disk() drops the maker's reference;
 * the last one frees it. => may sleep
 */
struct gendisk *alloc_disk(struct request_queue *q, const struct block_device_operations *fops,
			   int major, int first_minor);
void put_disk(struct gendisk *disk);
/* Its size in sectors, from now on. => may sleep */
void set_capacity(struct gendisk *disk, sector_t sectors);
/* Everybody sees it: /dev, /proc, /sys. 0, -EBUSY (its number is taken), -ENOMEM. => may sleep */
int add_disk(struct gendisk *disk);
/* The opposite, partitions included. -EBUSY: somebody has it open. => may sleep */
int del_gendisk(struct gendisk *disk);

/* The block device with this number, with a reference, or NULL. */
struct block_device *bdev_lookup(dev_t dev);
/* => may sleep */
void bdev_put(struct block_device *bdev);
/* "vda1" into buf, which is returned. */
char *bdev_name(const struct block_device *bdev, char *buf, size_t len);
/* The first one whose number is not below *dev, with a reference, and its number in *dev; NULL: there is none. => may sleep */
struct block_device *bdev_next(unsigned long *dev);
/* fn for each disk and partition, in order, until it returns something else than 0. => may sleep; fn must not add disks */
int for_each_bdev(int (*fn)(struct block_device *bdev, void *arg), void *arg);

/* A block_device of a disk, not visible yet; ERR_PTR(-ENOMEM, -ENOSPC: no number is left). bdev_put() frees it. */
struct block_device *bdev_alloc(struct gendisk *disk, unsigned int partno);
/* Makes it visible: 0 or -errno. */
int bdev_add(struct block_device *bdev);
/* Nobody finds it any more, and the tables' reference goes. => open_mutex held, not open */
void bdev_del(struct block_device *bdev);

void bdev_read_stats(struct block_device *bdev, struct disk_stats *sum);
/* The numbers of one line of /proc/diskstats. */
int bdev_format_stats(struct block_device *bdev, char *buf, size_t len);
int blkdev_show(struct seq_file *m); /* the block half of /proc/devices */

/* --- bdev.c: the inode behind a block_device --- */

struct inode *bdev_new_inode(struct block_device *bdev); /* NULL: no memory */
void bdev_free_inode(struct block_device *bdev);
void bdev_set_size(struct block_device *bdev); /* i_size from bd_nr_sectors */
struct block_device *I_BDEV(const struct inode *inode);

/*
 * Opens a block device for somebody in the kernel (a mount). holder: for himself alone, -EBUSY if another has it; NULL: shared.
 * mode: FMODE_READ | FMODE_WRITE. ERR_PTR(-ENXIO, -EBUSY, -EACCES: it is read only, ...). => may sleep
 */
struct block_device *blkdev_get_by_dev(dev_t dev, unsigned int mode, void *holder);
/* The last one that closes it writes its dirty pages, and the cache forgets them. => may sleep */
void blkdev_put(struct block_device *bdev, void *holder);
/*
 * For the length of a call: what blkdev_get_by_dev() does with a holder, for one who has bdev open already. -EBUSY.
 * => may sleep
 */
int bd_claim(struct block_device *bdev, void *holder);
void bd_release(struct block_device *bdev, void *holder);
/* All block devices' dirty pages: starts, or starts and waits. For sync(2). */
void sync_bdevs(bool wait);
/* Writes the device's dirty pages and flushes its cache. */
int sync_blockdev(struct block_device *bdev);
extern const struct file_operations def_blk_fops;
