/*
 * Block devices: disks, their partitions, their queues of requests.
 *
 * 1. A gendisk is a device with sectors; part0 is all of it, part_tbl has its partitions. Each is a block_device: a range of sectors, a
 *    device number, and an inode whose page cache holds the device's contents (kernel/block/bdev.c).
 * 2. submit_bio() checks a bio against its block_device, moves it by the partition's start, and gives it to the driver: as it is,
 *    if the driver has submit_bio (a RAM disk), else as a request in the queue.
 * 3. A request is one transfer of consecutive sectors, made of one or more bios. While a task has a plug (blk_start_plug), its
 *    requests wait there, and a bio that continues one of them is merged into it. The plug ends with blk_finish_plug(), or when
 *    the task sleeps.
 * 4. A queue has one hardware queue or several, each with its own tags: tag and request are one, made at the start, so issuing
 *    needs no memory. CPU n uses hardware queue n modulo their number. Who finds no free tag sleeps until a request ends.
 * 5. The driver's queue_rq starts the transfer; its interrupt calls blk_mq_end_request(), which ends the bios.
 *
 * Locks: hctx->lock (i) for requests that the driver had no room for; open_mutex of a disk for opening, closing and partitions.
 * Mirrors Linux include/linux/{blkdev,blk-mq}.h, block/. Exercised by the suite block (tests/kernel/block.c) and
 * tests/boot/test_disk.py.
 */
#pragma once

#include "kernel/block/bio.h"
#include "kernel/mutex.h"
#include "kernel/percpu.h"
#include "kernel/wait.h"
#include "kernel/workqueue.h"
#include "lib/list.h"
#include "lib/xarray.h"

#define DISK_NAME_LEN 32
#define DISK_MAX_PARTS \
	16 /* minors of a disk: itself and 15 partitions; further ones get numbers of BLOCK_EXT_MAJOR */
#define DISK_MAX_PARTNO	  255 /* the largest number of a partition */
#define BLK_MAX_HW_QUEUES 16
#define BLK_PLUG_MAX	  32	      /* requests that wait in a plug */
#define BLK_MAX_RA_KB	  (1UL << 20) /* the most that may be read ahead: 1 GiB */
#define BLK_MERGE_LOOK	  4	      /* so many of its last ones are tried for a merge */

struct backing_dev_info;
struct blk_mq_hw_ctx;
struct gendisk;
struct inode;
struct kernfs_node;
struct request_queue;
struct super_block;

/* Kinds of transfers in the statistics. */
enum stat_group { STAT_READ, STAT_WRITE, STAT_DISCARD, STAT_FLUSH, NR_STAT_GROUPS };

struct disk_stats {
	u64 nsecs[NR_STAT_GROUPS];
	unsigned long ios[NR_STAT_GROUPS], merges[NR_STAT_GROUPS], sectors[NR_STAT_GROUPS];
	unsigned long io_ticks; /* jiffies with something under way */
	int in_flight[2];	/* reads, writes; may be negative on one CPU */
};

/* A disk or a part of it. Legend: - constant once visible; O the disk's open_mutex. */
struct block_device {
	atomic_t
		bd_count; /* references: the tables' one, look-ups, opens; on a disk also one for each partition */
	sector_t bd_start_sect;	 /* - */
	sector_t bd_nr_sectors;	 /* O written; read with READ_ONCE */
	struct gendisk *bd_disk; /* - */
	struct inode *bd_inode;	 /* - holds the page cache */
	dev_t bd_dev;		 /* - */
	u8 bd_partno;		 /* - 0: the disk */
	bool bd_read_only;	 /* O as BLKROSET says; bdev_read_only() is what counts */
	bool bd_gone;		 /* O deleted: cannot be opened any more */
	int bd_openers;		 /* O */
	int bd_holders;		 /* O opens by bd_holder */
	/* bd_order_lock: a mounted file system's, called before pages of the cache are written; NULL. */
	void (*bd_order)(struct super_block *sb);
	struct rw_semaphore bd_order_lock;
	void *bd_holder;	/* O who has it for himself (a mount); NULL */
	unsigned long bd_stamp; /* jiffies: io_ticks are counted up to here */
	struct disk_stats __percpu *bd_stats;
};

struct block_device_operations {
	/* Instead of requests: takes the bio and ends it. */
	void (*submit_bio)(struct bio *bio);
	/* One more has it, or a partition of it, open. => open_mutex held */
	int (*open)(struct gendisk *disk);
	/* One less. => open_mutex not held: it may let go of what the device consists of */
	void (*release)(struct gendisk *disk);
	/* mode: FMODE_* of the open file. -ENOTTY: unknown. */
	int (*ioctl)(struct block_device *bdev, unsigned int mode, unsigned int cmd,
		     unsigned long arg);
	/* The last reference to a disk has gone: frees the driver's part and the queue. NULL: nothing to free */
	void (*free_disk)(struct gendisk *disk);
	/* Adds the driver's own attributes to the disk's directory in /sys, with data for blk_sysfs_bdev(). NULL: none */
	void (*sysfs_attrs)(struct kernfs_node *dir, void *data);
};

/* What a device can do. Sizes in bytes unless they say sectors; 0 sectors: not at all. */
struct queue_limits {
	unsigned int logical_block_size, physical_block_size;
	unsigned int max_sectors;    /* of one request */
	unsigned short max_segments; /* page parts of one request */
	unsigned int max_segment_size;
	unsigned int max_discard_sectors, discard_granularity, max_write_zeroes_sectors;
	bool write_cache; /* a write that has ended may be lost until a flush */
	bool rotational;
};

struct request {
	struct request_queue *q;
	struct blk_mq_hw_ctx *hctx;
	struct list_head queuelist; /* in a plug or hctx->dispatch */
	unsigned int cmd_flags;	    /* enum req_op | REQ_* */
	unsigned int data_len;	    /* bytes */
	sector_t sector;
	struct bio *bio, *biotail;
	unsigned short nr_segments;
	int tag;
	u64 start_ns;
	struct block_device *part; /* for the statistics */
	u64 pdu[];		   /* the driver's: cmd_size bytes */
};

struct blk_mq_ops {
	/*
	 * Starts rq; last: no other follows at once. 0, or -EBUSY: no room, it is given again; another errno ends it.
	 * => may be in interrupt context; not called at once by two for one hctx's own lock's sake: the driver locks itself
	 */
	int (*queue_rq)(struct blk_mq_hw_ctx *hctx, struct request *rq, bool last);
	/* No further one comes after all, though the last said so. NULL: nothing to do. */
	void (*commit_rqs)(struct blk_mq_hw_ctx *hctx);
};

struct blk_mq_hw_ctx {
	struct request_queue *q;
	unsigned int queue_num;
	void *driver_data;
	unsigned long *tags;	    /* bit set: taken; atomic */
	void *requests;		    /* struct request with the driver's part, by tag */
	wait_queue_head_t tag_wait; /* for a free tag */
	spinlock_t lock;	    /* i */
	struct list_head dispatch;  /* lock: requests that the driver had no room for */
	struct delayed_work retry;
};

struct request_queue {
	const struct blk_mq_ops *mq_ops;
	struct queue_limits limits;
	unsigned int max_hw_sectors; /* what max_sectors may be set to */
	bool has_write_cache;	     /* limits.write_cache may be set */
	unsigned int nr_hw_queues, depth, rq_size;
	struct blk_mq_hw_ctx hctx[BLK_MAX_HW_QUEUES];
};

struct gendisk {
	int major, first_minor;
	int minors; /* - so many numbers from first_minor on are its own; before add_disk() */
	bool no_part_scan; /* O partitions only come by BLKPG */
	bool read_only; /* the driver's: it cannot be written, whatever BLKROSET says. READ_ONCE */
	int open_parts; /* O opens of partitions */
	int held_parts; /* O partitions with a holder */
	char disk_name[DISK_NAME_LEN];
	const struct block_device_operations *fops;
	struct request_queue *queue; /* never NULL: limits stand there */
	void *private_data;
	struct block_device *part0;
	struct xarray part_tbl; /* O and disks_mutex; by number, part0 included */
	struct mutex open_mutex;
	struct list_head list;	      /* disks_mutex */
	struct backing_dev_info *bdi; /* - readahead from it, writeback to it */
};

/* Requests that wait for their neighbours. On the stack of whoever submits several bios. */
struct blk_plug {
	struct list_head mq_list;
	unsigned int nr;
};

/* --- for whoever reads and writes --- */

/* A plug inside another one's time does nothing. => process context, same task for both */
void blk_start_plug(struct blk_plug *plug);
void blk_finish_plug(struct blk_plug *plug);
/* Issues what waits; the task goes on with the same plug. => process context */
void __blk_flush_plug(struct blk_plug *plug);

/* Makes what has been written so far safe from a power cut: 0 or -errno. => may sleep */
int blkdev_issue_flush(struct block_device *bdev);
/* Sectors whose contents do not matter any more. -EOPNOTSUPP. => may sleep */
int blkdev_issue_discard(struct block_device *bdev, sector_t sector, sector_t nr);
/* Sectors become zeroes, by the device or by writing them. => may sleep */
int blkdev_issue_zeroout(struct block_device *bdev, sector_t sector, sector_t nr);

static inline sector_t bdev_nr_sectors(const struct block_device *bdev)
{
	return READ_ONCE(bdev->bd_nr_sectors);
}

/* Itself or its disk, by wish or because it cannot be written. */
static inline bool bdev_read_only(const struct block_device *bdev)
{
	const struct gendisk *disk = bdev->bd_disk;

	return READ_ONCE(bdev->bd_read_only) || READ_ONCE(disk->part0->bd_read_only) ||
	       READ_ONCE(disk->read_only);
}

static inline const struct queue_limits *bdev_limits(const struct block_device *bdev)
{
	return &bdev->bd_disk->queue->limits;
}

/* So many sectors, of which one transfer may have `most`, end with a block. 0: no block fits. */
static inline unsigned int lim_whole_blocks(const struct queue_limits *lim, unsigned int most)
{
	most = min(most, UINT_MAX >> SECTOR_SHIFT);
	return most - most % (lim->logical_block_size >> SECTOR_SHIFT);
}

/* --- for drivers --- */

/*
 * Queues for a driver of requests: nr hardware queues with depth tags each, and cmd_size bytes of the driver's in each request.
 * ERR_PTR(-ENOMEM, -EINVAL). => may sleep
 */
struct request_queue *blk_mq_alloc_queue(const struct blk_mq_ops *ops,
					 const struct queue_limits *lim, unsigned int nr,
					 unsigned int depth, unsigned int cmd_size);
/* Limits alone, for a driver with submit_bio. */
struct request_queue *blk_alloc_queue(const struct queue_limits *lim);
/* => nothing is under way */
void blk_free_queue(struct request_queue *q);
/* The request has ended, err 0 or -errno; the driver does not touch it any more. => any context */
void blk_mq_end_request(struct request *rq, int err);
/* The request with this tag. */
static inline struct request *blk_mq_tag_to_rq(struct blk_mq_hw_ctx *hctx, unsigned int tag)
{
	return hctx->requests + tag * hctx->q->rq_size;
}

static inline void *blk_mq_rq_to_pdu(struct request *rq)
{
	return rq->pdu;
}

static inline enum req_op req_op(const struct request *rq)
{
	return rq->cmd_flags & REQ_OP_MASK;
}

/* Each page part of a request, cut at pages. it: struct bvec_iter; b: struct bio *. */
#define rq_for_each_segment(bv, rq, b, it)             \
	for ((b) = (rq)->bio; (b); (b) = (b)->bi_next) \
	bio_for_each_segment(bv, b, it)

/* Each page part as the bio has it, over several pages where they are neighbours, cut at max bytes. */
#define rq_for_each_bvec(bv, rq, b, it, max)           \
	for ((b) = (rq)->bio; (b); (b) = (b)->bi_next) \
	bio_for_each_bvec(bv, b, it, max)

/* --- inside the room --- */
void blk_account_io_start(struct block_device *part, unsigned int opf);
void blk_account_io_done(struct block_device *part, unsigned int opf, unsigned int sectors,
			 u64 start_ns);
void blk_mq_submit_bio(struct request_queue *q, struct bio *bio);
