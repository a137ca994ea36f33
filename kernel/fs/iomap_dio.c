/*
 * Direct I/O: between user memory and the disk, without the page cache in between. O_DIRECT of any file that has iomap_ops.
 *
 * 1. The caller's pages are pinned, a batch at a time, and become the page parts of bios: the device reads or writes them itself. So
 *    position, length and addresses must be multiples of the device's logical block, else -EINVAL.
 * 2. Cache and disk stay one file. Before a read what is dirty in its range is written out. Around a write the mapping's
 *    invalidate_lock is held: what is cached of the range is written out and leaves the cache, and no fault or read brings it back
 *    before the new contents are on the disk. (Linux does not exclude them and looks a second time afterwards.)
 * 3. Pages are pinned before the lock is taken, since the user's buffer may itself be a mapping of the same file.
 * 4. A write never changes which blocks a file has, nor its size: at a hole, at the end of the file, or where somebody keeps
 *    dirtying the cache, it stops, and the rest goes through the cache and to the disk at once (direct_write_fallback).
 *
 * Locks: i_rwsem (write, the caller's) > invalidate_lock > folio lock. Nothing is locked while pages are pinned but i_rwsem.
 * Mirrors Linux fs/iomap/direct-io.c. Exercised by tests/user/{directio,coherence}.c.
 */
#include "kernel/block/blkdev.h"
#include "kernel/block/genhd.h"
#include "kernel/bug.h"
#include "kernel/completion.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/iomap.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab/slab.h"
#include "mm/user/gup.h"

#define BATCH_PARTS 512 /* page parts that are pinned at once */
#define PIN_AT_ONCE 16
#define FLUSH_TRIES 8 /* so often is a page that is dirtied anew written out again */

/* One call. */
struct dio {
	struct inode *inode;
	const struct iomap_ops *ops;
	struct iov_iter *iter;
	bool write;
	unsigned int lbs;     /* the device's logical block, bytes */
	struct bio_vec *part; /* the batch: pinned, if user_backed_iter */
	unsigned int nr, max;
	size_t bytes; /* in the batch */
	struct iomap map;
	/* The batch's transfers. */
	atomic_t pending;
	int error; /* of the first that failed */
	struct completion done;
};

/* ---- pages of the caller ---- */

static void add_part(struct dio *d, struct page *page, unsigned int off, unsigned int len)
{
	d->part[d->nr++] = (struct bio_vec){ .bv_page = page, .bv_offset = off, .bv_len = len };
	d->bytes += len;
}

/* Pins pages of [addr, addr + len), as many as there is room for: bytes, or the error of the first. */
static ssize_t pin_range(struct dio *d, unsigned long addr, size_t len)
{
	struct page *pages[PIN_AT_ONCE];
	size_t done = 0;

	while (done < len && d->nr < d->max) {
		unsigned int off = (addr + done) % PAGE_SIZE;
		int want = min3(DIV_ROUND_UP(off + (len - done), PAGE_SIZE),
				(size_t)(d->max - d->nr), (size_t)PIN_AT_ONCE);
		int got = pin_user_pages_fast((addr + done) & PAGE_MASK, want,
					      d->write ? 0 : FOLL_WRITE, pages);

		if (got <= 0)
			return done ? done : got;
		for (int i = 0; i < got; i++) {
			size_t n = min(len - done, PAGE_SIZE - off);

			add_part(d, pages[i], off, n);
			done += n;
			off = 0;
		}
	}
	return done;
}

/* Parts of pages that the kernel brought itself. */
static ssize_t take_bvec(struct dio *d, const struct iov_iter *i, size_t len)
{
	size_t at = i->bvec->bv_offset + i->iov_offset, done = 0;

	while (done < len && d->nr < d->max) {
		size_t n = min(len - done, PAGE_SIZE - at % PAGE_SIZE);

		add_part(d, i->bvec->bv_page + at / PAGE_SIZE, at % PAGE_SIZE, n);
		at += n;
		done += n;
	}
	return done;
}

/* The next batch, up to most bytes, whole logical blocks. 0, or why there is nothing. */
static int gather(struct dio *d, size_t most)
{
	struct iov_iter i = *d->iter;
	ssize_t got = 0;

	d->nr = 0;
	d->bytes = 0;
	while (d->bytes < most && d->nr < d->max) {
		unsigned long addr;
		size_t n = min(iov_iter_element(&i, &addr), most - d->bytes);

		if (!n)
			break;
		got = i.iter_type == ITER_BVEC ? take_bvec(d, &i, n) : pin_range(d, addr, n);
		if (got < 0)
			break;
		iov_iter_advance(&i, got);
		if ((size_t)got < n)
			break;
	}
	d->bytes -= d->bytes % d->lbs;
	return d->bytes ? 0 : got < 0 ? got : -EFAULT;
}

/* What a read has put into user pages makes them dirty. => no lock held that a folio lock may not follow */
static void release(struct dio *d)
{
	unsigned int i;

	if (!user_backed_iter(d->iter))
		return;
	for (i = 0; i < d->nr; i++)
		unpin_user_pages_dirty_lock(&d->part[i].bv_page, 1, !d->write);
}

/* ---- transfers ---- */

static void dio_done(struct dio *d)
{
	if (atomic_dec_and_test(&d->pending))
		complete(&d->done);
}

static void dio_end_io(struct bio *bio)
{
	struct dio *d = bio->bi_private;
	int none = 0;

	if (unlikely(bio->bi_status))
		__atomic_compare_exchange_n(&d->error, &none, bio->bi_status, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	bio_put(bio);
	dio_done(d);
}

/* Where in the batch we stand. */
struct dio_cursor {
	unsigned int part, off;
};

/* Sends len bytes of the batch to, or gets them from, sector on. */
static void submit_extent(struct dio *d, struct dio_cursor *c, sector_t sector, size_t len)
{
	struct bio *bio = NULL;

	while (len) {
		struct bio_vec *bv = &d->part[c->part];
		unsigned int n = min(len, (size_t)(bv->bv_len - c->off));

		if (!bio) {
			bio = bio_alloc(d->map.bdev, min(d->nr - c->part, BIO_MAX_VECS),
					(d->write ? REQ_OP_WRITE : REQ_OP_READ) | REQ_SYNC,
					GFP_NOIO);
			bio->bi_iter.bi_sector = sector;
			bio->bi_end_io = dio_end_io;
			bio->bi_private = d;
			atomic_inc(&d->pending);
		}
		if (!bio_add_page(bio, bv->bv_page, n, bv->bv_offset + c->off)) {
			submit_bio(bio);
			bio = NULL;
			continue;
		}
		sector += n >> SECTOR_SHIFT;
		len -= n;
		c->off += n;
		if (c->off == bv->bv_len) {
			c->part++;
			c->off = 0;
		}
	}
	if (bio)
		submit_bio(bio);
}

static void zero_extent(struct dio *d, struct dio_cursor *c, size_t len)
{
	while (len) {
		struct bio_vec *bv = &d->part[c->part];
		unsigned int n = min(len, (size_t)(bv->bv_len - c->off));

		memset(page_address(bv->bv_page) + bv->bv_offset + c->off, 0, n);
		len -= n;
		c->off += n;
		if (c->off == bv->bv_len) {
			c->part++;
			c->off = 0;
		}
	}
}

static int map_extent(struct dio *d, loff_t pos, size_t len)
{
	int err = d->ops->iomap_begin(d->inode, pos, len, IOMAP_DIRECT, &d->map);

	if (err)
		return err;
	if (d->map.offset > pos || (u64)pos >= d->map.offset + d->map.length ||
	    (d->map.offset | d->map.length | (d->map.type == IOMAP_HOLE ? 0 : d->map.addr)) &
		    (d->lbs - 1))
		return -EUCLEAN;
	return 0;
}

/* The batch, at pos. Bytes; fewer: a write met a hole; or -errno. => invalidate_lock held */
static ssize_t transfer(struct dio *d, loff_t pos)
{
	struct dio_cursor c = { 0, 0 };
	struct blk_plug plug;
	size_t done = 0;
	int err = 0;

	atomic_set(&d->pending, 1);
	init_completion(&d->done);
	d->error = 0;
	blk_start_plug(&plug);
	while (done < d->bytes) {
		size_t n;

		err = map_extent(d, pos + done, d->bytes - done);
		if (err)
			break;
		n = min((u64)(d->bytes - done), d->map.offset + d->map.length - (pos + done));
		if (d->map.type == IOMAP_MAPPED)
			submit_extent(d, &c,
				      (d->map.addr + (pos + done - d->map.offset)) >> SECTOR_SHIFT,
				      n);
		else if (d->write)
			break;
		else
			zero_extent(d, &c, n);
		done += n;
	}
	blk_finish_plug(&plug);
	if (!atomic_dec_and_test(&d->pending))
		wait_for_completion_io(&d->done);
	if (d->error)
		return d->error;
	return done || !err ? done : err;
}

/* ---- the cache ---- */

static bool range_is_cached(struct address_space *mapping, loff_t pos, size_t len)
{
	unsigned long index = pos >> PAGE_SHIFT;
	bool found;

	rcu_read_lock();
	found = xa_find(&mapping->i_pages, &index, (pos + len - 1) >> PAGE_SHIFT, XA_PRESENT);
	rcu_read_unlock();
	return found;
}

static int write_out(struct address_space *mapping, loff_t pos, loff_t end)
{
	return READ_ONCE(mapping->nrpages) ? filemap_write_and_wait_range(mapping, pos, end) : 0;
}

/*
 * What is cached goes to the disk before the lock is taken, since that may need the lock itself (a file system under a device
 * writes its data first); what has become dirty in between makes it begin again.
 */
static ssize_t write_batch(struct dio *d, loff_t pos)
{
	struct address_space *mapping = d->inode->i_mapping;
	loff_t end = pos + d->bytes - 1;
	int tries, err;

	for (tries = 0; tries < FLUSH_TRIES; tries++) {
		err = write_out(mapping, pos, end);
		if (err)
			return err;
		down_write(&mapping->invalidate_lock);
		err = invalidate_inode_pages2_range(mapping, pos >> PAGE_SHIFT, end >> PAGE_SHIFT);
		if (!err) {
			ssize_t ret = transfer(d, pos);

			up_write(&mapping->invalidate_lock);
			return ret;
		}
		up_write(&mapping->invalidate_lock);
		if (err != -EBUSY)
			return err;
	}
	return -ENOTBLK;
}

static ssize_t read_batch(struct dio *d, loff_t pos)
{
	struct address_space *mapping = d->inode->i_mapping;
	ssize_t ret = write_out(mapping, pos, pos + d->bytes - 1);

	if (ret)
		return ret;
	/* Blocks do not leave the file, and so come to another one, while they are being read. */
	down_read(&mapping->invalidate_lock);
	ret = transfer(d, pos);
	up_read(&mapping->invalidate_lock);
	return ret;
}

/* ---- the call ---- */

struct block_device *inode_dio_bdev(const struct inode *inode)
{
	return S_ISBLK(inode->i_mode) ? I_BDEV(inode) : inode->i_sb->s_bdev;
}

/* Batch after batch: bytes, or -errno if there are none. */
static ssize_t dio_loop(struct dio *d, struct kiocb *iocb, size_t left)
{
	ssize_t done = 0, ret = 0;

	while (left) {
		ret = gather(d, left);
		if (ret) {
			release(d);
			break;
		}
		ret = d->write ? write_batch(d, iocb->ki_pos) : read_batch(d, iocb->ki_pos);
		release(d);
		if (ret < 0)
			break;
		iocb->ki_pos += ret;
		iov_iter_advance(d->iter, ret);
		done += ret;
		left -= ret;
		if ((size_t)ret < d->bytes)
			break;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	return done ? done : ret;
}

ssize_t iomap_dio_rw(struct kiocb *iocb, struct iov_iter *iter, const struct iomap_ops *ops)
{
	struct inode *inode = iocb->ki_filp->f_mapping->host;
	struct dio d = { .inode = inode, .ops = ops, .iter = iter, .write = iter->data_source };
	loff_t pos = iocb->ki_pos, size = READ_ONCE(inode->i_size);
	size_t count = iov_iter_count(iter), parts;
	ssize_t ret;

	if (!count)
		return 0;
	d.lbs = bdev_limits(inode_dio_bdev(inode))->logical_block_size;
	if ((pos | iov_iter_alignment(iter)) & (d.lbs - 1))
		return -EINVAL;
	if (iter->iter_type == ITER_KVEC)
		return -ENOTBLK;
	if (pos >= size)
		return d.write ? -ENOTBLK : 0;
	if (d.write)
		count = min((u64)count, (u64)(size - pos) & ~(u64)(d.lbs - 1));
	else
		count = min((u64)count, ALIGN((u64)(size - pos), (u64)d.lbs));
	if (!count)
		return -ENOTBLK;
	if ((iocb->ki_flags & IOCB_NOWAIT) && range_is_cached(inode->i_mapping, pos, count))
		return -EAGAIN;
	parts = DIV_ROUND_UP(count, PAGE_SIZE) + iter->nr_segs;
	d.max = min(parts, (size_t)BATCH_PARTS);
	d.part = kmalloc_array(d.max, sizeof(*d.part), GFP_KERNEL);
	if (!d.part)
		return -ENOMEM;
	ret = dio_loop(&d, iocb, count);
	kfree(d.part);
	/* The last block was read whole: what is behind the end of the file was not asked for. */
	if (ret > 0 && !d.write && iocb->ki_pos > size) {
		size_t behind = iocb->ki_pos - size;

		iov_iter_revert(iter, behind);
		iocb->ki_pos -= behind;
		ret -= behind;
	}
	return ret;
}

ssize_t iomap_dio_read_iter(struct kiocb *iocb, struct iov_iter *to, const struct iomap_ops *ops)
{
	ssize_t ret = iomap_dio_rw(iocb, to, ops);

	if (ret != -ENOTBLK)
		return ret;
	iocb->ki_flags &= ~IOCB_DIRECT;
	return generic_file_read_iter(iocb, to);
}

/* What a direct write could not do itself: through the cache, and out of it again. */
static ssize_t direct_write_fallback(struct kiocb *iocb, struct iov_iter *from)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	ssize_t ret;
	int err;

	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	ret = generic_perform_write(iocb, from);
	if (ret <= 0)
		return ret;
	err = filemap_write_and_wait_range(mapping, iocb->ki_pos - ret, iocb->ki_pos - 1);
	if (err)
		return err;
	/* A page that stays is no harm: it is the file. */
	invalidate_inode_pages2_range(mapping, (iocb->ki_pos - ret) >> PAGE_SHIFT,
				      (iocb->ki_pos - 1) >> PAGE_SHIFT);
	return ret;
}

ssize_t iomap_dio_write_iter(struct kiocb *iocb, struct iov_iter *from, const struct iomap_ops *ops)
{
	ssize_t done = iomap_dio_rw(iocb, from, ops), rest;

	if (done == -ENOTBLK)
		done = 0;
	if (done < 0 || !iov_iter_count(from))
		return done;
	/* Short because of the caller's memory: that would fail again. */
	rest = direct_write_fallback(iocb, from);
	if (rest < 0)
		return done ? done : rest;
	return done + rest;
}
