/*
 * Requests: made of bios, merged, issued to the driver, ended. See blkdev.h.
 *
 * 1. A bio larger than one request may be is cut in front until the rest fits.
 * 2. A merge appends a bio to a request of the same plug that ends where the bio begins, or puts it in front of one that begins where
 *    the bio ends. Only the plug's owner sees these requests, so no lock is needed.
 * 3. If the driver has no room, the request and those behind it wait in hctx->dispatch. They are given again when a request ends, and
 *    after a while in any case, because the last one may have ended before they were put there.
 *
 * Mirrors Linux block/{blk-mq,blk-mq-tag,blk-merge}.c. Exercised by the suite block.
 */
#include "arch/x86/bitops.h"
#include "kernel/block/blkdev.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define RETRY_JIFFIES 1

/* ---- tags ---- */

static int try_get_tag(struct blk_mq_hw_ctx *hctx)
{
	unsigned int depth = hctx->q->depth, tag;

	for (;;) {
		tag = find_first_zero_bit(hctx->tags, depth);
		if (tag >= depth)
			return -1;
		if (!test_and_set_bit(tag, hctx->tags))
			return tag;
	}
}

static int get_tag(struct blk_mq_hw_ctx *hctx)
{
	int tag = try_get_tag(hctx);

	if (likely(tag >= 0))
		return tag;
	/* What the own plug keeps may be all there is. */
	if (current->plug)
		__blk_flush_plug(current->plug);
	io_wait_event(hctx->tag_wait, (tag = try_get_tag(hctx)) >= 0);
	return tag;
}

static void put_tag(struct blk_mq_hw_ctx *hctx, int tag)
{
	clear_bit(tag, hctx->tags);
	smp_mb();
	if (waitqueue_active(&hctx->tag_wait))
		wake_up_all(&hctx->tag_wait);
}

/* ---- issuing ---- */

static void wait_for_room(struct blk_mq_hw_ctx *hctx, struct list_head *rest)
{
	unsigned long flags;

	spin_lock_irqsave(&hctx->lock, flags);
	list_splice_tail_init(rest, &hctx->dispatch);
	spin_unlock_irqrestore(&hctx->lock, flags);
	schedule_delayed_work(&hctx->retry, RETRY_JIFFIES);
}

/* All requests of the list, which belong to this hctx. => any context */
static void issue_list(struct blk_mq_hw_ctx *hctx, struct list_head *list)
{
	const struct blk_mq_ops *ops = hctx->q->mq_ops;

	if (unlikely(!list_empty(&hctx->dispatch))) {
		wait_for_room(hctx, list);
		return;
	}
	while (!list_empty(list)) {
		struct request *rq = list_first_entry(list, struct request, queuelist);
		int err;

		list_del_init(&rq->queuelist);
		err = ops->queue_rq(hctx, rq, list_empty(list));
		if (likely(!err))
			continue;
		if (err != -EBUSY) {
			blk_mq_end_request(rq, err);
			if (list_empty(list) && ops->commit_rqs)
				ops->commit_rqs(hctx);
			continue;
		}
		list_add(&rq->queuelist, list);
		if (ops->commit_rqs)
			ops->commit_rqs(hctx);
		wait_for_room(hctx, list);
	}
}

static void run_dispatch(struct blk_mq_hw_ctx *hctx)
{
	unsigned long flags;
	LIST_HEAD(list);

	spin_lock_irqsave(&hctx->lock, flags);
	list_splice_init(&hctx->dispatch, &list);
	spin_unlock_irqrestore(&hctx->lock, flags);
	if (!list_empty(&list))
		issue_list(hctx, &list);
}

static void retry_work(struct work_struct *work)
{
	run_dispatch(container_of(to_delayed_work(work), struct blk_mq_hw_ctx, retry));
}

void __blk_flush_plug(struct blk_plug *plug)
{
	LIST_HEAD(all);

	/* Issuing may sleep or come here again: it finds an empty plug. */
	list_splice_init(&plug->mq_list, &all);
	plug->nr = 0;
	while (!list_empty(&all)) {
		struct request *first = list_first_entry(&all, struct request, queuelist), *rq, *n;
		LIST_HEAD(same);

		list_for_each_entry_safe(rq, n, &all, queuelist)
			if (rq->hctx == first->hctx)
				list_move_tail(&rq->queuelist, &same);
		issue_list(first->hctx, &same);
	}
}

/* ---- from bios to requests ---- */

/* How many sectors of bio fit into one request, and in how many page parts. */
static unsigned int fits(const struct queue_limits *lim, const struct bio *bio,
			 unsigned int *nr_segments)
{
	unsigned int bytes = 0, most = lim->max_sectors << SECTOR_SHIFT, segs = 0;
	unsigned int block = lim->logical_block_size;
	unsigned int done = bio->bi_iter.bi_bvec_done, i = bio->bi_iter.bi_idx;

	*nr_segments = 0;
	if (!bio_has_data(bio)) {
		most = bio_op(bio) == REQ_OP_DISCARD ? lim->max_discard_sectors
						     : lim->max_write_zeroes_sectors;
		/* submit_bio() has seen that a block fits. */
		return bio_op(bio) == REQ_OP_FLUSH
			       ? 0
			       : min(bio_sectors(bio), lim_whole_blocks(lim, most));
	}
	for (; bytes < bio->bi_iter.bi_size && bytes < most && segs < lim->max_segments;
	     i++, segs++) {
		unsigned int n = bio->bi_io_vec[i].bv_len - done;

		n = min(n, bio->bi_iter.bi_size - bytes);
		if (n > lim->max_segment_size) {
			n = lim->max_segment_size;
			i--;
			done += n;
		} else {
			done = 0;
		}
		bytes += min(n, most - bytes);
	}
	*nr_segments = segs;
	/* A cut must not go through a block of the device. */
	if (bytes < bio->bi_iter.bi_size)
		bytes -= bytes % block;
	return bytes >> SECTOR_SHIFT;
}

static bool mergeable(const struct request *rq, const struct request_queue *q,
		      const struct bio *bio, unsigned int segments)
{
	const struct queue_limits *lim = &q->limits;

	return rq->q == q && rq->cmd_flags == bio->bi_opf && rq->part == bio->bi_bdev &&
	       rq->nr_segments + segments <= lim->max_segments &&
	       (rq->data_len >> SECTOR_SHIFT) + bio_sectors(bio) <= lim->max_sectors;
}

/* Makes bio a part of a request that waits in the plug. */
static bool plug_merge(struct blk_plug *plug, struct request_queue *q, struct bio *bio,
		       unsigned int segments)
{
	struct request *rq;
	unsigned int looked = 0;

	list_for_each_entry_reverse(rq, &plug->mq_list, queuelist) {
		if (looked++ == BLK_MERGE_LOOK)
			break;
		if (!mergeable(rq, q, bio, segments))
			continue;
		if (rq->sector + (rq->data_len >> SECTOR_SHIFT) == bio->bi_iter.bi_sector) {
			rq->biotail->bi_next = bio;
			rq->biotail = bio;
		} else if (bio_end_sector(bio) == rq->sector) {
			bio->bi_next = rq->bio;
			rq->bio = bio;
			rq->sector = bio->bi_iter.bi_sector;
		} else {
			continue;
		}
		rq->data_len += bio->bi_iter.bi_size;
		rq->nr_segments += segments;
		this_cpu_inc(rq->part->bd_stats->merges[op_is_write(rq->cmd_flags)]);
		if (rq->part->bd_partno)
			this_cpu_inc(rq->part->bd_disk->part0->bd_stats
					     ->merges[op_is_write(rq->cmd_flags)]);
		return true;
	}
	return false;
}

static struct request *make_request(struct request_queue *q, struct bio *bio, unsigned int segments)
{
	struct blk_mq_hw_ctx *hctx = &q->hctx[smp_processor_id() % q->nr_hw_queues];
	int tag = get_tag(hctx);
	struct request *rq = blk_mq_tag_to_rq(hctx, tag);

	rq->cmd_flags = bio->bi_opf;
	rq->data_len = bio->bi_iter.bi_size;
	rq->sector = bio->bi_iter.bi_sector;
	rq->bio = rq->biotail = bio;
	rq->nr_segments = segments;
	rq->part = bio->bi_bdev;
	rq->start_ns = ktime_get_ns();
	blk_account_io_start(rq->part, rq->cmd_flags);
	return rq;
}

static void submit_one(struct request_queue *q, struct bio *bio, unsigned int segments)
{
	struct blk_plug *plug = current->plug;
	struct request *rq;
	LIST_HEAD(alone);

	bio->bi_next = NULL;
	if (plug && bio_has_data(bio) && plug_merge(plug, q, bio, segments))
		return;
	rq = make_request(q, bio, segments);
	if (plug) {
		list_add_tail(&rq->queuelist, &plug->mq_list);
		if (++plug->nr >= BLK_PLUG_MAX)
			__blk_flush_plug(plug);
		return;
	}
	list_add(&rq->queuelist, &alone);
	issue_list(rq->hctx, &alone);
}

void blk_mq_submit_bio(struct request_queue *q, struct bio *bio)
{
	unsigned int segments, n;

	for (;;) {
		n = fits(&q->limits, bio, &segments);
		if (n == bio_sectors(bio))
			break;
		/* As many parts as the device takes do not make one block of it. */
		if (unlikely(!n)) {
			bio_io_error(bio, -EINVAL);
			return;
		}
		submit_one(q, bio_split(bio, n), segments);
	}
	submit_one(q, bio, segments);
}

/* ---- ending ---- */

static void report(const struct request *rq, int err)
{
	static const char *const names[] = { "READ", "WRITE", "FLUSH", "DISCARD", "WRITE_ZEROES" };

	if (err != -EOPNOTSUPP && !(rq->cmd_flags & REQ_RAHEAD))
		pr_err_ratelimited("I/O error %d, dev %s, sector %lu op %s, %u sectors\n", err,
				   rq->part->bd_disk->disk_name, rq->sector, names[req_op(rq)],
				   rq->data_len >> SECTOR_SHIFT);
}

void blk_mq_end_request(struct request *rq, int err)
{
	struct blk_mq_hw_ctx *hctx = rq->hctx;
	struct bio *bio = rq->bio;
	int tag = rq->tag;

	if (unlikely(err))
		report(rq, err);
	blk_account_io_done(rq->part, rq->cmd_flags, rq->data_len >> SECTOR_SHIFT, rq->start_ns);
	put_tag(hctx, tag);
	while (bio) {
		struct bio *next = bio->bi_next;

		bio->bi_next = NULL;
		if (unlikely(err))
			bio->bi_status = err;
		bio_endio(bio);
		bio = next;
	}
	if (unlikely(!list_empty(&hctx->dispatch)))
		run_dispatch(hctx);
}

/* ---- queues ---- */

struct request_queue *blk_alloc_queue(const struct queue_limits *lim)
{
	struct request_queue *q = kzalloc(sizeof(*q), GFP_KERNEL);

	if (!q)
		return ERR_PTR(-ENOMEM);
	q->limits = *lim;
	q->max_hw_sectors = lim->max_sectors;
	q->has_write_cache = lim->write_cache;
	return q;
}

static int init_hctx(struct request_queue *q, unsigned int n)
{
	struct blk_mq_hw_ctx *hctx = &q->hctx[n];
	unsigned int tag;

	hctx->q = q;
	hctx->queue_num = n;
	init_waitqueue_head(&hctx->tag_wait);
	spin_lock_init(&hctx->lock);
	INIT_LIST_HEAD(&hctx->dispatch);
	INIT_DELAYED_WORK(&hctx->retry, retry_work);
	hctx->tags = kcalloc(BITS_TO_LONGS(q->depth), sizeof(long), GFP_KERNEL);
	hctx->requests = kvcalloc(q->depth, q->rq_size, GFP_KERNEL);
	if (!hctx->tags || !hctx->requests)
		return -ENOMEM;
	for (tag = 0; tag < q->depth; tag++) {
		struct request *rq = blk_mq_tag_to_rq(hctx, tag);

		rq->q = q;
		rq->hctx = hctx;
		rq->tag = tag;
	}
	return 0;
}

void blk_free_queue(struct request_queue *q)
{
	unsigned int n;

	for (n = 0; n < q->nr_hw_queues; n++) {
		if (q->hctx[n].q)
			cancel_delayed_work_sync(&q->hctx[n].retry);
		kfree(q->hctx[n].tags);
		kvfree(q->hctx[n].requests);
	}
	kfree(q);
}

struct request_queue *blk_mq_alloc_queue(const struct blk_mq_ops *ops,
					 const struct queue_limits *lim, unsigned int nr,
					 unsigned int depth, unsigned int cmd_size)
{
	struct request_queue *q;
	unsigned int n;

	if (!nr || !depth)
		return ERR_PTR(-EINVAL);
	q = blk_alloc_queue(lim);
	if (IS_ERR(q))
		return q;
	q->mq_ops = ops;
	q->nr_hw_queues = min(nr, (unsigned int)BLK_MAX_HW_QUEUES);
	q->depth = depth;
	q->rq_size = ALIGN(sizeof(struct request) + cmd_size, 64);
	for (n = 0; n < q->nr_hw_queues; n++) {
		if (init_hctx(q, n)) {
			blk_free_queue(q);
			return ERR_PTR(-ENOMEM);
		}
	}
	return q;
}
