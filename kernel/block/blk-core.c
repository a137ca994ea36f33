/*
 * submit_bio(): what a bio must fulfil before a driver sees it; plugs; the statistics.
 *
 * Mirrors Linux block/{blk-core,blk-lib,blk-flush}.c. Exercised by the suite block.
 */
#include "kernel/block/blkdev.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

/* ---- statistics: on the partition, and on its disk as well ---- */

static enum stat_group stat_group(unsigned int opf)
{
	switch (opf & REQ_OP_MASK) {
	case REQ_OP_READ:
		return STAT_READ;
	case REQ_OP_DISCARD:
		return STAT_DISCARD;
	case REQ_OP_FLUSH:
		return STAT_FLUSH;
	default:
		return STAT_WRITE;
	}
}

/* Time since the last look counts as busy if something was under way, which who ends a transfer knows (end). */
static void update_io_ticks(struct block_device *part, bool end)
{
	unsigned long now = jiffies, stamp = READ_ONCE(part->bd_stamp);

	if (now != stamp && cmpxchg(&part->bd_stamp, stamp, now) == stamp)
		this_cpu_add(part->bd_stats->io_ticks, end ? now - stamp : 1);
}

static void account_start(struct block_device *part, unsigned int opf)
{
	update_io_ticks(part, false);
	this_cpu_inc(part->bd_stats->in_flight[op_is_write(opf)]);
}

static void account_done(struct block_device *part, unsigned int opf, unsigned int sectors,
			 u64 nsecs)
{
	enum stat_group g = stat_group(opf);

	update_io_ticks(part, true);
	this_cpu_dec(part->bd_stats->in_flight[op_is_write(opf)]);
	this_cpu_inc(part->bd_stats->ios[g]);
	this_cpu_add(part->bd_stats->sectors[g], sectors);
	this_cpu_add(part->bd_stats->nsecs[g], nsecs);
}

void blk_account_io_start(struct block_device *part, unsigned int opf)
{
	account_start(part, opf);
	if (part->bd_partno)
		account_start(part->bd_disk->part0, opf);
}

void blk_account_io_done(struct block_device *part, unsigned int opf, unsigned int sectors,
			 u64 start_ns)
{
	u64 nsecs = ktime_get_ns() - start_ns;

	account_done(part, opf, sectors, nsecs);
	if (part->bd_partno)
		account_done(part->bd_disk->part0, opf, sectors, nsecs);
}

/* ---- submit_bio ---- */

static int beyond_end(const struct bio *bio)
{
	pr_err_ratelimited("%s: attempt to access beyond end of device: %u sectors at %lu of %lu\n",
			   bio->bi_bdev->bd_disk->disk_name, bio_sectors(bio),
			   bio->bi_iter.bi_sector, bdev_nr_sectors(bio->bi_bdev));
	return -EIO;
}

/* 0, or why the device cannot do it; 1: it has nothing to do. */
static int bio_check(const struct bio *bio)
{
	const struct queue_limits *lim = bdev_limits(bio->bi_bdev);
	sector_t size = bdev_nr_sectors(bio->bi_bdev);
	unsigned int mask = (lim->logical_block_size >> SECTOR_SHIFT) - 1;

	if (bio_op(bio) == REQ_OP_FLUSH)
		return !lim->write_cache;
	if (op_is_write(bio->bi_opf) && bdev_read_only(bio->bi_bdev))
		return -EROFS;
	if (bio_sectors(bio) > size || bio->bi_iter.bi_sector > size - bio_sectors(bio))
		return beyond_end(bio);
	if ((bio->bi_iter.bi_sector | bio_sectors(bio)) & mask ||
	    bio->bi_iter.bi_size & (SECTOR_SIZE - 1))
		return -EINVAL;
	if (bio_op(bio) == REQ_OP_DISCARD && !lim_whole_blocks(lim, lim->max_discard_sectors))
		return -EOPNOTSUPP;
	if (bio_op(bio) == REQ_OP_WRITE_ZEROES &&
	    !lim_whole_blocks(lim, lim->max_write_zeroes_sectors))
		return -EOPNOTSUPP;
	return !bio_sectors(bio);
}

void submit_bio(struct bio *bio)
{
	struct gendisk *disk = bio->bi_bdev->bd_disk;
	int ret = bio_check(bio);

	if (unlikely(ret)) {
		bio_io_error(bio, min(ret, 0));
		return;
	}
	if (bio_op(bio) == REQ_OP_READ)
		count_vm_events(PGPGIN, bio_sectors(bio));
	else if (bio_op(bio) == REQ_OP_WRITE)
		count_vm_events(PGPGOUT, bio_sectors(bio));
	bio->bi_iter.bi_sector += bio->bi_bdev->bd_start_sect;
	if (disk->fops->submit_bio)
		disk->fops->submit_bio(bio);
	else
		blk_mq_submit_bio(disk->queue, bio);
}

/* ---- operations without data ---- */

int blkdev_issue_flush(struct block_device *bdev)
{
	struct bio *bio = bio_alloc(bdev, 0, REQ_OP_FLUSH, GFP_NOIO);
	int err = submit_bio_wait(bio);

	bio_put(bio);
	return err;
}

/* An operation on a range, cut between blocks so that each bio's byte count fits. */
static int issue_range(struct block_device *bdev, unsigned int opf, sector_t sector, sector_t nr,
		       unsigned int most)
{
	most = lim_whole_blocks(bdev_limits(bdev), most);
	if (!most)
		return -EOPNOTSUPP;
	while (nr) {
		unsigned int n = min(nr, (sector_t)most);
		struct bio *bio = bio_alloc(bdev, 0, opf, GFP_NOIO);
		int err;

		bio->bi_iter.bi_sector = sector;
		bio->bi_iter.bi_size = n << SECTOR_SHIFT;
		err = submit_bio_wait(bio);
		bio_put(bio);
		if (err)
			return err;
		sector += n;
		nr -= n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

int blkdev_issue_discard(struct block_device *bdev, sector_t sector, sector_t nr)
{
	return issue_range(bdev, REQ_OP_DISCARD, sector, nr,
			   bdev_limits(bdev)->max_discard_sectors);
}

static int write_zero_pages(struct block_device *bdev, sector_t sector, sector_t nr)
{
	struct page *zero = alloc_page(GFP_NOIO | __GFP_ZERO);
	int err = 0;

	if (!zero)
		return -ENOMEM;
	while (nr && !err) {
		struct bio *bio = bio_alloc(bdev, BIO_MAX_VECS, REQ_OP_WRITE, GFP_NOIO);
		unsigned int n;

		bio->bi_iter.bi_sector = sector;
		while (nr) {
			n = min(nr, (sector_t)(PAGE_SIZE >> SECTOR_SHIFT));
			if (!bio_add_page(bio, zero, n << SECTOR_SHIFT, 0))
				break;
			nr -= n;
			sector += n;
		}
		err = submit_bio_wait(bio);
		bio_put(bio);
		if (fatal_signal_pending(current))
			err = err ? err : -EINTR;
		cond_resched();
	}
	__free_page(zero);
	return err;
}

int blkdev_issue_zeroout(struct block_device *bdev, sector_t sector, sector_t nr)
{
	int err = issue_range(bdev, REQ_OP_WRITE_ZEROES, sector, nr,
			      bdev_limits(bdev)->max_write_zeroes_sectors);

	/* A device may find out only now that what it stands on cannot. */
	return err == -EOPNOTSUPP ? write_zero_pages(bdev, sector, nr) : err;
}

/* ---- plugs ---- */

void blk_start_plug(struct blk_plug *plug)
{
	INIT_LIST_HEAD(&plug->mq_list);
	plug->nr = 0;
	if (!current->plug)
		current->plug = plug;
}

void blk_finish_plug(struct blk_plug *plug)
{
	if (current->plug != plug)
		return;
	current->plug = NULL;
	__blk_flush_plug(plug);
}
