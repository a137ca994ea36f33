/*
 * Transfers of a loop device: requests become reads and writes of the backing file.
 *
 * 1. queue_rq only puts the request into a list: it may be called in interrupt context, and the file is read and written by whoever may
 *    sleep. That is a worker of the device's own: a loop device whose file lies on another loop device waits for the other's worker,
 *    never for itself.
 * 2. The bio's pages are where the file's bytes go to or come from (ITER_BVEC): one call for each bio, one copy.
 * 3. A discarded range becomes a hole in the file, a flush an fsync of it.
 * 4. Memory that the worker takes must not wait for writing to the device that it serves: it allocates without I/O.
 *
 * Locks: lo->lock for the list; io_mutex while a request is served, so that file and offset do not change under it. Mirrors
 * Linux drivers/block/loop.c. Exercised by tests/user/loopdev.c.
 */
#include "kernel/dev/loop_internal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/uio.h"
#include "mm/phys/memalloc.h"

/* Where the pages of a bio are. */
static void bio_to_iter(struct iov_iter *iter, struct bio *bio, unsigned int dir)
{
	const struct bvec_iter *it = &bio->bi_iter;

	iov_iter_bvec(iter, dir, &bio->bi_io_vec[it->bi_idx], bio->bi_vcnt - it->bi_idx,
		      it->bi_size);
	iter->iov_offset = it->bi_bvec_done;
}

static int transfer_bio(struct loop_device *lo, struct bio *bio, bool write)
{
	struct file *file = lo->backing_file;
	struct kiocb iocb = { .ki_filp = file,
			      .ki_pos = lo->offset +
					((loff_t)bio->bi_iter.bi_sector << SECTOR_SHIFT) };
	struct iov_iter iter;
	ssize_t n;

	bio_to_iter(&iter, bio, write ? ITER_SOURCE : ITER_DEST);
	while (iov_iter_count(&iter)) {
		n = write ? file->f_op->write_iter(&iocb, &iter)
			  : file->f_op->read_iter(&iocb, &iter);
		if (n < 0)
			return n;
		if (n)
			continue;
		/* The file ends earlier than it did when it was bound. */
		if (write)
			return -EIO;
		iov_iter_zero(iov_iter_count(&iter), &iter);
	}
	return 0;
}

static int punch_hole(struct loop_device *lo, struct request *rq)
{
	struct file *file = lo->backing_file;
	int err;

	if (!file->f_op->fallocate)
		return -EOPNOTSUPP;
	err = file->f_op->fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    lo->offset + ((loff_t)rq->sector << SECTOR_SHIFT),
				    rq->data_len);
	return err == -EINVAL ? -EOPNOTSUPP : err;
}

static int flush_file(struct loop_device *lo)
{
	struct file *file = lo->backing_file;

	return file->f_op->fsync ? file->f_op->fsync(file, 0, LLONG_MAX, 0) : 0;
}

static int serve(struct loop_device *lo, struct request *rq)
{
	struct bio *bio;
	int err = 0;

	switch (req_op(rq)) {
	case REQ_OP_READ:
	case REQ_OP_WRITE:
		for (bio = rq->bio; bio && !err; bio = bio->bi_next)
			err = transfer_bio(lo, bio, req_op(rq) == REQ_OP_WRITE);
		break;
	case REQ_OP_FLUSH:
		err = flush_file(lo);
		break;
	default:
		err = punch_hole(lo, rq);
	}
	/* Why the file could not take it (no room, its own limit) says nothing about this device. */
	return err && err != -EOPNOTSUPP ? -EIO : err;
}

static struct request *next_request(struct loop_device *lo)
{
	struct request *rq;
	unsigned long flags;

	spin_lock_irqsave(&lo->lock, flags);
	rq = list_first_entry_or_null(&lo->pending, struct request, queuelist);
	if (rq)
		list_del_init(&rq->queuelist);
	spin_unlock_irqrestore(&lo->lock, flags);
	return rq;
}

static void loop_work(struct work_struct *work)
{
	struct loop_device *lo = container_of(work, struct loop_device, work);
	unsigned int noio = memalloc_noio_save();
	struct request *rq;
	int err;

	while ((rq = next_request(lo))) {
		mutex_lock(&lo->io_mutex);
		err = serve(lo, rq);
		mutex_unlock(&lo->io_mutex);
		blk_mq_end_request(rq, err);
	}
	memalloc_noio_restore(noio);
}

static int loop_queue_rq(struct blk_mq_hw_ctx *hctx, struct request *rq, bool last)
{
	struct loop_device *lo = hctx->driver_data;
	unsigned long flags;
	bool accepting;

	spin_lock_irqsave(&lo->lock, flags);
	accepting = lo->accepting;
	if (accepting) {
		list_add_tail(&rq->queuelist, &lo->pending);
		queue_work(lo->wq, &lo->work);
	}
	spin_unlock_irqrestore(&lo->lock, flags);
	return accepting ? 0 : -EIO;
}

const struct blk_mq_ops loop_mq_ops = { .queue_rq = loop_queue_rq };

void loop_init_io(struct loop_device *lo)
{
	mutex_init(&lo->io_mutex);
	spin_lock_init(&lo->lock);
	INIT_LIST_HEAD(&lo->pending);
	INIT_WORK(&lo->work, loop_work);
}

int loop_start_io(struct loop_device *lo)
{
	struct workqueue_struct *wq = alloc_ordered_workqueue("loop", WQ_MEM_RECLAIM);
	unsigned long flags;

	if (!wq)
		return -ENOMEM;
	spin_lock_irqsave(&lo->lock, flags);
	lo->wq = wq;
	lo->accepting = true;
	spin_unlock_irqrestore(&lo->lock, flags);
	return 0;
}

void loop_stop_io(struct loop_device *lo)
{
	unsigned long flags;

	spin_lock_irqsave(&lo->lock, flags);
	lo->accepting = false;
	spin_unlock_irqrestore(&lo->lock, flags);
	destroy_workqueue(lo->wq);
	lo->wq = NULL;
}
