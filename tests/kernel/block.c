/*
 * Suite block: bios and requests against a played disk that ends requests late, in any order, refuses some for lack of room, and
 * fails on demand; and RAM disks (brd) at the level of bios.
 *
 * The played disk checks in queue_rq that no request breaks its limits. Its contents are an array; each thread of the storm has
 * sectors of its own and knows what must be there.
 */
#include "kernel/block/genhd.h"
#include "kernel/completion.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/random.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "tests/kernel/crew.h"

#define PLAY_SECTORS  8192U
#define PLAY_DEPTH    8
#define PLAY_MAX_SEC  24
#define PLAY_MAX_SEGS 5
#define PLAY_SEG_SIZE 6144
#define BAD_SECTOR    8000U /* requests that touch it fail */

static struct play {
	struct gendisk *disk;
	struct request_queue *q;
	u8 *contents;
	spinlock_t lock; /* pending, rnd */
	struct list_head pending;
	struct rnd_state rnd;
	struct task_struct *thread;
	bool busy_sometimes, at_once;
	atomic_t requests, broken; /* broken: a limit */
} play;

static void play_check(struct request *rq)
{
	struct bvec_iter it;
	struct bio_vec bv;
	struct bio *bio;
	unsigned int bytes = 0;

	rq_for_each_segment(bv, rq, bio, it) bytes += bv.bv_len;
	if (bytes != rq->data_len || rq->data_len > PLAY_MAX_SEC << SECTOR_SHIFT ||
	    rq->nr_segments > PLAY_MAX_SEGS ||
	    rq->sector + (rq->data_len >> SECTOR_SHIFT) > PLAY_SECTORS)
		atomic_inc(&play.broken);
}

static int play_transfer(struct request *rq)
{
	u8 *at = play.contents + (rq->sector << SECTOR_SHIFT);
	struct bvec_iter it;
	struct bio_vec bv;
	struct bio *bio;

	if (rq->sector <= BAD_SECTOR && rq->sector + (rq->data_len >> SECTOR_SHIFT) > BAD_SECTOR)
		return -EIO;
	rq_for_each_segment(bv, rq, bio, it)
	{
		u8 *mem = page_address(bv.bv_page) + bv.bv_offset;

		if (req_op(rq) == REQ_OP_WRITE)
			memcpy(at, mem, bv.bv_len);
		else
			memcpy(mem, at, bv.bv_len);
		at += bv.bv_len;
	}
	return 0;
}

static int play_queue_rq(struct blk_mq_hw_ctx *hctx, struct request *rq, bool last)
{
	unsigned long flags;

	play_check(rq);
	spin_lock_irqsave(&play.lock, flags);
	if (play.busy_sometimes && !prandom_below(&play.rnd, 8)) {
		spin_unlock_irqrestore(&play.lock, flags);
		return -EBUSY;
	}
	atomic_inc(&play.requests);
	if (!play.at_once) {
		if (prandom_below(&play.rnd, 2))
			list_add(&rq->queuelist, &play.pending);
		else
			list_add_tail(&rq->queuelist, &play.pending);
	}
	spin_unlock_irqrestore(&play.lock, flags);
	if (play.at_once)
		blk_mq_end_request(rq, play_transfer(rq));
	return 0;
}

static const struct blk_mq_ops play_mq_ops = { .queue_rq = play_queue_rq };
static const struct block_device_operations play_fops;

static int play_thread(void *arg)
{
	while (!kthread_should_stop()) {
		struct request *rq;

		spin_lock_irq(&play.lock);
		rq = list_first_entry_or_null(&play.pending, struct request, queuelist);
		if (rq)
			list_del_init(&rq->queuelist);
		spin_unlock_irq(&play.lock);
		if (rq)
			blk_mq_end_request(rq, play_transfer(rq));
		else
			msleep(1);
	}
	return 0;
}

static bool play_start(struct ktest *t, bool at_once, bool busy)
{
	static const struct queue_limits limits = {
		.logical_block_size = SECTOR_SIZE,
		.physical_block_size = SECTOR_SIZE,
		.max_sectors = PLAY_MAX_SEC,
		.max_segments = PLAY_MAX_SEGS,
		.max_segment_size = PLAY_SEG_SIZE,
		.write_cache = true,
	};

	memset(&play, 0, sizeof(play));
	spin_lock_init(&play.lock);
	INIT_LIST_HEAD(&play.pending);
	prandom_seed_state(&play.rnd, t->seed);
	play.at_once = at_once;
	play.busy_sometimes = busy;
	play.contents = kvzalloc(PLAY_SECTORS << SECTOR_SHIFT, GFP_KERNEL);
	play.q = blk_mq_alloc_queue(&play_mq_ops, &limits, 2, PLAY_DEPTH, 0);
	KTEST_EXPECT_NOT_NULL(t, play.contents);
	KTEST_EXPECT_FALSE(t, IS_ERR(play.q));
	if (t->failed)
		return false;
	play.disk = alloc_disk(play.q, &play_fops, 240, 0);
	KTEST_EXPECT_FALSE(t, IS_ERR(play.disk));
	if (t->failed)
		return false;
	snprintf(play.disk->disk_name, DISK_NAME_LEN, "play");
	set_capacity(play.disk, PLAY_SECTORS);
	play.thread = kthread_run(play_thread, NULL, "play_disk");
	KTEST_EXPECT_FALSE(t, IS_ERR(play.thread));
	return !t->failed;
}

static void play_stop(struct ktest *t)
{
	struct disk_stats s;

	kthread_stop(play.thread);
	KTEST_EXPECT_EQ(t, atomic_read(&play.broken), 0);
	bdev_read_stats(play.disk->part0, &s);
	KTEST_EXPECT_EQ(t, s.in_flight[0], 0);
	KTEST_EXPECT_EQ(t, s.in_flight[1], 0);
	put_disk(play.disk);
	blk_free_queue(play.q);
	kvfree(play.contents);
}

/* ---- one thread of the storm: sectors [base, base + STORM_SECTORS) are its own ---- */

#define STORM_SECTORS 512U
#define STORM_PAGES   16U
#define STORM_THREADS 8

static struct page *storm_pages[STORM_THREADS];

/* A transfer of n sectors from or to consecutive memory, in page parts that need not begin where a page does. */
static int storm_io(unsigned int me, unsigned int opf, sector_t sector, unsigned int n,
		    struct rnd_state *rnd)
{
	struct bio *bio = bio_alloc(play.disk->part0, 64, opf, GFP_KERNEL);
	size_t off = 0, bytes = n << SECTOR_SHIFT;
	int err;

	bio->bi_iter.bi_sector = sector;
	while (off < bytes) {
		size_t len = min3(bytes - off, (1 + prandom_below(rnd, 16)) * 512UL,
				  PAGE_SIZE - off % PAGE_SIZE);

		if (!bio_add_page(bio, storm_pages[me] + off / PAGE_SIZE, len, off % PAGE_SIZE))
			break;
		off += len;
	}
	err = submit_bio_wait(bio);
	bio_put(bio);
	return off < bytes ? -EINVAL : err;
}

static int storm(struct crew *c, int me)
{
	sector_t base = me * STORM_SECTORS;
	u64 *mem = page_address(storm_pages[me]);
	struct rnd_state rnd;
	u32 *want = kvzalloc(STORM_SECTORS * sizeof(*want), GFP_KERNEL);
	unsigned int i, j;

	KTEST_EXPECT_NOT_NULL(c->t, want);
	if (!want)
		return 0;
	prandom_seed_state(&rnd, c->t->seed + me);
	for (i = 0; i < 300 && !c->t->failed; i++) {
		unsigned int n = 1 + prandom_below(&rnd, STORM_PAGES * 8);
		unsigned int at = prandom_below(&rnd, STORM_SECTORS - n);
		bool write = prandom_below(&rnd, 2);

		for (j = 0; write && j < n; j++) {
			want[at + j] = prandom_below(&rnd, UINT_MAX);
			mem[j * 64] = mem[j * 64 + 63] = want[at + j];
		}
		KTEST_EXPECT_EQ(
			c->t, storm_io(me, write ? REQ_OP_WRITE : REQ_OP_READ, base + at, n, &rnd),
			0);
		for (j = 0; !write && j < n; j++) {
			KTEST_EXPECT_EQ(c->t, mem[j * 64], (u64)want[at + j]);
			KTEST_EXPECT_EQ(c->t, mem[j * 64 + 63], (u64)want[at + j]);
		}
	}
	kvfree(want);
	return 0;
}

static void storm_on_a_moody_disk(struct ktest *t)
{
	unsigned int i;

	if (!play_start(t, false, true))
		return;
	for (i = 0; i < STORM_THREADS; i++) {
		storm_pages[i] = alloc_pages(GFP_KERNEL, 4);
		KTEST_EXPECT_NOT_NULL(t, storm_pages[i]);
	}
	if (!t->failed)
		run_crew_of(t, STORM_THREADS, storm);
	for (i = 0; i < STORM_THREADS; i++)
		if (storm_pages[i])
			__free_pages(storm_pages[i], 4);
	play_stop(t);
}

/* ---- plugs ---- */

static atomic_t left;
static DECLARE_COMPLETION(all_done);

static void count_end_io(struct bio *bio)
{
	bio_put(bio);
	if (atomic_dec_and_test(&left))
		complete(&all_done);
}

static void submit_sector(struct page *page, sector_t sector, unsigned int opf)
{
	struct bio *bio = bio_alloc(play.disk->part0, 1, opf, GFP_KERNEL);

	bio->bi_iter.bi_sector = sector;
	bio->bi_end_io = count_end_io;
	bio_add_page(bio, page, SECTOR_SIZE, 0);
	submit_bio(bio);
}

static void plugged_neighbours_become_one_request(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct blk_plug plug;
	unsigned int i;

	if (!page || !play_start(t, true, false))
		return;
	atomic_set(&left, 12);
	reinit_completion(&all_done);
	blk_start_plug(&plug);
	for (i = 0; i < 4; i++)
		submit_sector(page, 100 + i, REQ_OP_WRITE); /* behind each other */
	for (i = 0; i < 4; i++)
		submit_sector(page, 203 - i, REQ_OP_WRITE); /* each in front */
	for (i = 0; i < 4; i++)
		submit_sector(page, 300 + 2 * i, REQ_OP_WRITE); /* apart */
	KTEST_EXPECT_EQ(t, atomic_read(&play.requests), 0);
	blk_finish_plug(&plug);
	wait_for_completion(&all_done);
	KTEST_EXPECT_EQ(t, atomic_read(&play.requests), 6);
	/* Who sleeps for his own bio does not wait for ever, plug or not. */
	blk_start_plug(&plug);
	atomic_set(&left, 1);
	submit_sector(page, 1, REQ_OP_READ);
	wait_for_completion(&all_done);
	blk_finish_plug(&plug);
	play_stop(t);
	__free_page(page);
}

/* ---- errors ---- */

static int one_bio(unsigned int opf, sector_t sector, unsigned int bytes, struct page *page)
{
	struct bio *bio = bio_alloc(play.disk->part0, 1, opf, GFP_KERNEL);
	int err;

	bio->bi_iter.bi_sector = sector;
	if (page)
		bio_add_page(bio, page, bytes, 0);
	else
		bio->bi_iter.bi_size = bytes;
	err = submit_bio_wait(bio);
	bio_put(bio);
	return err;
}

static void errors_reach_the_submitter(struct ktest *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);

	if (!page || !play_start(t, false, false))
		return;
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_READ, BAD_SECTOR, 512, page), -EIO);
	/* Cut into several requests, one of which fails. */
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_WRITE, BAD_SECTOR - 40, 32768, page), -EIO);
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_WRITE, BAD_SECTOR + 1, 32768, page), 0);
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_READ, PLAY_SECTORS - 1, 1024, page), -EIO);
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_READ, ~0UL >> 9, 512, page), -EIO);
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_READ, 0, 100, page), -EINVAL);
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_DISCARD, 0, 512, NULL), -EOPNOTSUPP);
	KTEST_EXPECT_EQ(t, blkdev_issue_discard(play.disk->part0, 0, 8), -EOPNOTSUPP);
	KTEST_EXPECT_EQ(t, blkdev_issue_flush(play.disk->part0), 0);
	memset(play.contents, 0xff, 4096);
	KTEST_EXPECT_EQ(t, blkdev_issue_zeroout(play.disk->part0, 1, 6), 0);
	KTEST_EXPECT_EQ(t, (int)play.contents[511], 0xff);
	KTEST_EXPECT_NULL(t, memchr_inv(play.contents + 512, 0, 3072));
	KTEST_EXPECT_EQ(t, (int)play.contents[3584], 0xff);
	play.disk->part0->bd_read_only = true;
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_WRITE, 0, 512, page), -EROFS);
	KTEST_EXPECT_EQ(t, one_bio(REQ_OP_READ, 0, 512, page), 0);
	play_stop(t);
	__free_pages(page, 3);
}

static const struct ktest_case block_cases[] = {
	KTEST_CASE(storm_on_a_moody_disk),
	KTEST_CASE(plugged_neighbours_become_one_request),
	KTEST_CASE(errors_reach_the_submitter),
	{},
};
KTEST_SUITE(block, block_cases);
