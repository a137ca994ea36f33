/*
 * Buffered I/O through extents. See iomap.h.
 *
 * The state word of a folio: bits 0-7 which blocks are uptodate, 8-15 which are dirty, 16-31 how many are being read, 32-47 how
 * many are being written; 48-55 which were allocated for the write that has begun and are not filled yet. While reads (or writes) of a folio are still being issued its number is one too high, so that it does
 * not reach 0 before the last one is on its way.
 *
 * Mirrors Linux fs/iomap/buffered-io.c. Exercised by tests/user/blockdev.c.
 */
#include "kernel/fs/iomap.h"

#include "kernel/block/blkdev.h"
#include "kernel/bug.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/readahead.h"
#include "mm/phys/buddy.h"
#include "mm/user/mm.h"

#define MAX_BLOCKS    8 /* of a page: blocks have at least 512 bytes */
#define BLOCKS_MASK   ((1UL << MAX_BLOCKS) - 1)
#define DIRTY_SHIFT   8
#define READ_SHIFT    16
#define WRITE_SHIFT   32
#define NEW_SHIFT     48
#define PENDING_MASK  0xffffUL
#define MAX_BIO_BYTES (1U << 20)

/* Pages that lie together on the device, gathered for one bio. */
struct iomap_gather {
	struct bio *bio;
	struct iomap map; /* the last extent; length 0: none */
};

static unsigned long *state_of(struct folio *folio)
{
	return (unsigned long *)&folio->private;
}

/* Bits of the blocks that [off, off + len) touches. */
static unsigned long block_bits(const struct inode *inode, size_t off, size_t len)
{
	unsigned int first = off >> inode->i_blkbits, last = (off + len - 1) >> inode->i_blkbits;

	return GENMASK(last, first);
}

static unsigned long nr_blocks(const struct inode *inode, size_t len)
{
	return (len + (1UL << inode->i_blkbits) - 1) >> inode->i_blkbits;
}

static void set_uptodate(struct folio *folio, const struct inode *inode, size_t off, size_t len)
{
	unsigned long all = block_bits(inode, 0, PAGE_SIZE), bits = block_bits(inode, off, len);
	unsigned long old = __atomic_or_fetch(state_of(folio), bits, __ATOMIC_SEQ_CST);

	if ((old & all) == all)
		folio_set_uptodate(folio);
}

static bool range_uptodate(struct folio *folio, const struct inode *inode, size_t off, size_t len)
{
	unsigned long bits = block_bits(inode, off, len);

	return folio_test_uptodate(folio) || (READ_ONCE(*state_of(folio)) & bits) == bits;
}

/* n blocks fewer are under way: true for whoever ended the last one. */
static bool pending_done(struct folio *folio, unsigned int shift, unsigned long n)
{
	unsigned long now = __atomic_sub_fetch(state_of(folio), n << shift, __ATOMIC_SEQ_CST);

	return !(now >> shift & PENDING_MASK);
}

static void pending_add(struct folio *folio, unsigned int shift, unsigned long n)
{
	__atomic_fetch_add(state_of(folio), n << shift, __ATOMIC_SEQ_CST);
}

/* fn for each page that a bio's elements touch. */
static void for_each_page_part(struct bio *bio,
			       void (*fn)(struct folio *folio, size_t off, size_t len, int err))
{
	struct bio_vec *bv;
	unsigned int i;

	bio_for_each_bvec_all(bv, bio, i)
	{
		size_t off = bv->bv_offset, left = bv->bv_len;

		while (left) {
			size_t in = off % PAGE_SIZE, n = min(left, PAGE_SIZE - in);

			fn(page_folio(bv->bv_page + off / PAGE_SIZE), in, n, bio->bi_status);
			off += n;
			left -= n;
		}
	}
}

/* ---- extents and bios ---- */

/* The extent at pos, from memory if the last one covers it. */
static int map_at(struct inode *inode, loff_t pos, size_t len, unsigned int flags,
		  const struct iomap_ops *ops, struct iomap *map)
{
	int err;

	if (map->length && pos >= map->offset && (u64)pos < map->offset + map->length)
		return 0;
	map->length = 0;
	err = ops->iomap_begin(inode, pos, len, flags, map);
	if (!err && (map->offset > pos || (u64)pos >= map->offset + map->length)) {
		map->length = 0;
		err = -EUCLEAN;
	}
	return err;
}

/* How much of the block at pos there is: a device's last one may be cut off by its end. */
static size_t block_len(const struct iomap *map, loff_t pos, size_t block)
{
	return min((u64)block, map->offset + map->length - pos);
}

static void gather_submit(struct iomap_gather *g)
{
	if (g->bio)
		submit_bio(g->bio);
	g->bio = NULL;
}

/* nr_vecs: how many parts are expected to come, this one included. */
static void gather_add(struct iomap_gather *g, struct folio *folio, size_t off, size_t len,
		       loff_t pos, unsigned int opf, bio_end_io_t end_io, unsigned int nr_vecs)
{
	sector_t sector = (g->map.addr + (pos - g->map.offset)) >> SECTOR_SHIFT;

	if (g->bio && bio_end_sector(g->bio) == sector && g->bio->bi_bdev == g->map.bdev &&
	    g->bio->bi_iter.bi_size < MAX_BIO_BYTES && bio_add_folio(g->bio, folio, len, off))
		return;
	gather_submit(g);
	g->bio = bio_alloc(g->map.bdev, clamp(nr_vecs, 1U, (unsigned int)BIO_MAX_VECS), opf,
			   GFP_NOFS);
	g->bio->bi_iter.bi_sector = sector;
	g->bio->bi_end_io = end_io;
	bio_add_folio(g->bio, folio, len, off);
}

/* ---- reading ---- */

static void read_part_done(struct folio *folio, size_t off, size_t len, int err)
{
	const struct inode *inode = folio->mapping->host;

	if (!err)
		set_uptodate(folio, inode, off, len);
	if (pending_done(folio, READ_SHIFT, nr_blocks(inode, len)))
		folio_unlock(folio);
}

static void read_end_io(struct bio *bio)
{
	for_each_page_part(bio, read_part_done);
	bio_put(bio);
}

/* Brings the blocks that are missing on their way; the folio is unlocked when all have arrived. 0, or why some cannot be had. */
static int read_folio_blocks(struct folio *folio, const struct iomap_ops *ops,
			     struct iomap_gather *g, unsigned int nr_vecs)
{
	struct inode *inode = folio->mapping->host;
	loff_t start = (loff_t)folio->index << PAGE_SHIFT, size = READ_ONCE(inode->i_size);
	size_t block = 1UL << inode->i_blkbits, off, n;
	int err = 0;

	pending_add(folio, READ_SHIFT, 1);
	for (off = 0; off < PAGE_SIZE && !err; off += block) {
		loff_t pos = start + off;

		if (range_uptodate(folio, inode, off, block))
			continue;
		err = pos < size ? map_at(inode, pos, PAGE_SIZE - off, 0, ops, &g->map) : 0;
		if (err)
			break;
		if (pos >= size || g->map.type == IOMAP_HOLE) {
			memset(folio_address(folio) + off, 0, block);
			set_uptodate(folio, inode, off, block);
			continue;
		}
		n = block_len(&g->map, pos, block);
		memset(folio_address(folio) + off + n, 0, block - n);
		pending_add(folio, READ_SHIFT, 1);
		gather_add(g, folio, off, n, pos, REQ_OP_READ, read_end_io, nr_vecs);
	}
	if (pending_done(folio, READ_SHIFT, 1))
		folio_unlock(folio);
	return err;
}

int iomap_read_folio(struct folio *folio, const struct iomap_ops *ops)
{
	struct iomap_gather g = { .bio = NULL };
	int err;

	folio_get(folio);
	err = read_folio_blocks(folio, ops, &g, MAX_BLOCKS);
	gather_submit(&g);
	/* The caller waits for it in any case. */
	folio_lock(folio);
	if (!err && !folio_test_uptodate(folio))
		err = -EIO;
	folio_unlock(folio);
	folio_put(folio);
	return err;
}

/* A new page that lies in one extent, within the file: all its blocks at once. False: it has to be looked at block by block. */
static bool read_whole_folio(struct folio *folio, struct iomap_gather *g, loff_t size,
			     unsigned int nr_vecs)
{
	struct inode *inode = folio->mapping->host;
	loff_t pos = (loff_t)folio->index << PAGE_SHIFT;
	const struct iomap *map = &g->map;

	if (!map->length || pos < map->offset || (u64)pos + PAGE_SIZE > map->offset + map->length ||
	    pos + (loff_t)PAGE_SIZE > size)
		return false;
	if (map->type == IOMAP_HOLE) {
		memset(folio_address(folio), 0, PAGE_SIZE);
		set_uptodate(folio, inode, 0, PAGE_SIZE);
		folio_unlock(folio);
		return true;
	}
	*state_of(folio) = nr_blocks(inode, PAGE_SIZE) << READ_SHIFT;
	gather_add(g, folio, 0, PAGE_SIZE, pos, REQ_OP_READ | REQ_RAHEAD, read_end_io, nr_vecs);
	return true;
}

void iomap_readahead(struct readahead_control *rac, const struct iomap_ops *ops)
{
	struct inode *inode = rac->mapping->host;
	loff_t size = READ_ONCE(inode->i_size);
	struct iomap_gather g = { .bio = NULL };
	struct blk_plug plug;
	int err;

	blk_start_plug(&plug);
	while (readahead_count(rac)) {
		unsigned int left = readahead_count(rac);
		struct folio *folio;

		/* Of an error hears who reads the page himself; what is left is dropped. */
		if (readahead_pos(rac) < size &&
		    map_at(inode, readahead_pos(rac), readahead_length(rac), 0, ops, &g.map))
			break;
		folio = readahead_folio(rac);
		if (read_whole_folio(folio, &g, size, left))
			continue;
		err = read_folio_blocks(folio, ops, &g, left);
		if (err)
			break;
	}
	gather_submit(&g);
	blk_finish_plug(&plug);
}

/* One block, now. => folio locked */
static int read_block_sync(struct folio *folio, size_t off, size_t block, loff_t pos,
			   const struct iomap *map)
{
	struct bio *bio = bio_alloc(map->bdev, 1, REQ_OP_READ, GFP_NOFS);
	size_t len = block_len(map, pos, block);
	int err;

	memset(folio_address(folio) + off + len, 0, block - len);
	bio->bi_iter.bi_sector = (map->addr + (pos - map->offset)) >> SECTOR_SHIFT;
	bio_add_folio(bio, folio, len, off);
	err = submit_bio_wait(bio);
	bio_put(bio);
	return err;
}

/* ---- writing into the cache ---- */

/* A block of which [from, to) will be overwritten: what else is in it must be right. */
static int prepare_block(struct inode *inode, struct folio *folio, size_t off, size_t from,
			 size_t to, const struct iomap *map)
{
	size_t block = 1UL << inode->i_blkbits;
	loff_t pos = ((loff_t)folio->index << PAGE_SHIFT) + off;
	u8 *at = folio_address(folio) + off;

	if (range_uptodate(folio, inode, off, block) || (!from && to == block))
		return 0;
	if (map->type == IOMAP_MAPPED && !(map->flags & IOMAP_F_NEW) &&
	    pos < READ_ONCE(inode->i_size))
		return read_block_sync(folio, off, block, pos, map);
	memset(at, 0, from);
	memset(at + to, 0, block - to);
	return 0;
}

/* The folio, locked, with a reference; made if it is not there. */
static struct folio *grab_folio(struct address_space *mapping, pgoff_t index)
{
	for (;;) {
		struct folio *folio = filemap_lock_folio(mapping, index);
		int err;

		if (folio)
			return folio;
		folio = folio_alloc(mapping->gfp_mask, 0);
		if (!folio)
			return ERR_PTR(-ENOMEM);
		folio->private = NULL;
		err = filemap_add_folio(mapping, folio, index, mapping->gfp_mask);
		if (!err)
			return folio;
		folio_put(folio);
		if (err != -EEXIST)
			return ERR_PTR(err);
	}
}

void iomap_dirty_range(struct address_space *mapping, struct folio *folio, size_t off, size_t len)
{
	__atomic_fetch_or(state_of(folio), block_bits(mapping->host, off, len) << DIRTY_SHIFT,
			  __ATOMIC_SEQ_CST);
	filemap_dirty_folio(mapping, folio);
}

/*
 * A write that does not come to its end leaves zeroes in what was allocated for it: not what the disk has there. A block may be
 * uptodate all the same, if it was read as a hole: then its zeroes are written too.
 */
static void zero_new_blocks(struct inode *inode, struct folio *folio)
{
	size_t block = 1UL << inode->i_blkbits, off;
	unsigned long fresh = READ_ONCE(*state_of(folio)) >> NEW_SHIFT & BLOCKS_MASK;

	for (off = 0; fresh && off < PAGE_SIZE; off += block) {
		if (!(fresh & block_bits(inode, off, block)))
			continue;
		if (!range_uptodate(folio, inode, off, block)) {
			memset(folio_address(folio) + off, 0, block);
			set_uptodate(folio, inode, off, block);
		}
		iomap_dirty_range(inode->i_mapping, folio, off, block);
	}
	__atomic_fetch_and(state_of(folio), ~(BLOCKS_MASK << NEW_SHIFT), __ATOMIC_SEQ_CST);
}

int iomap_write_begin(struct inode *inode, loff_t pos, unsigned int len, struct folio **foliop,
		      const struct iomap_ops *ops)
{
	size_t block = 1UL << inode->i_blkbits, in = pos & ~PAGE_MASK, off;
	struct folio *folio = grab_folio(inode->i_mapping, pos >> PAGE_SHIFT);
	struct iomap map = { .length = 0 };
	int err = 0;

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	for (off = in & ~(block - 1); off < in + len && !err; off += block) {
		size_t from = max(in, off) - off, to = min(in + len, off + block) - off;

		err = map_at(inode, pos - in + off, in + len - off, IOMAP_WRITE, ops, &map);
		if (!err && map.flags & IOMAP_F_NEW)
			__atomic_fetch_or(state_of(folio),
					  block_bits(inode, off, block) << NEW_SHIFT,
					  __ATOMIC_SEQ_CST);
		if (!err)
			err = prepare_block(inode, folio, off, from, to, &map);
	}
	if (err) {
		zero_new_blocks(inode, folio);
		folio_unlock(folio);
		folio_put(folio);
		return err;
	}
	*foliop = folio;
	return 0;
}

bool iomap_has_new(struct folio *folio)
{
	return READ_ONCE(*state_of(folio)) >> NEW_SHIFT & BLOCKS_MASK;
}

int iomap_write_end(struct inode *inode, loff_t pos, unsigned int len, unsigned int copied,
		    struct folio *folio)
{
	size_t off = pos & ~PAGE_MASK;

	/* What was not copied of a block that was not read is nobody's contents. */
	if (copied < len) {
		if (!range_uptodate(folio, inode, off, len))
			copied = 0;
		zero_new_blocks(inode, folio);
	}
	if (copied) {
		if (READ_ONCE(*state_of(folio)) >> NEW_SHIFT)
			__atomic_fetch_and(state_of(folio), ~(BLOCKS_MASK << NEW_SHIFT),
					   __ATOMIC_SEQ_CST);
		set_uptodate(folio, inode, off, copied);
		iomap_dirty_range(inode->i_mapping, folio, off, copied);
	}
	return copied;
}

void iomap_clean_range(struct folio *folio, size_t off, size_t len)
{
	__atomic_fetch_and(state_of(folio),
			   ~(block_bits(folio->mapping->host, off, len) << DIRTY_SHIFT),
			   __ATOMIC_SEQ_CST);
}

bool iomap_dirty_folio(struct address_space *mapping, struct folio *folio)
{
	/* Through a mapping any block may have been changed. */
	__atomic_fetch_or(state_of(folio), block_bits(mapping->host, 0, PAGE_SIZE) << DIRTY_SHIFT,
			  __ATOMIC_SEQ_CST);
	return filemap_dirty_folio(mapping, folio);
}

unsigned int iomap_page_mkwrite(struct vm_fault *vmf, const struct iomap_ops *ops)
{
	struct folio *folio = page_folio(vmf->page);
	struct inode *inode = vmf->vma->vm_file->f_mapping->host;
	loff_t pos = (loff_t)folio->index << PAGE_SHIFT, size;
	struct iomap map = { .length = 0 };
	size_t block = 1UL << inode->i_blkbits, off, end;
	bool fresh = false;
	int err = 0;

	folio_lock(folio);
	size = READ_ONCE(inode->i_size);
	if (folio->mapping != inode->i_mapping || pos >= size) {
		folio_unlock(folio);
		return VM_FAULT_NOPAGE;
	}
	/* Nothing behind the end of the file: it would not be written, and be the file's when that grows. */
	end = min((u64)(size - pos), (u64)PAGE_SIZE);
	for (off = 0; off < end && !err; off += block) {
		err = map_at(inode, pos + off, end - off, IOMAP_WRITE, ops, &map);
		fresh |= !err && map.flags & IOMAP_F_NEW;
	}
	if (err) {
		/* The page has what shall be at the blocks that were to be had. */
		if (fresh)
			folio_mark_dirty(folio);
		folio_unlock(folio);
		return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	}
	folio_mark_dirty(folio);
	return VM_FAULT_LOCKED;
}

/* ---- writing to the disk ---- */

static void write_part_done(struct folio *folio, size_t off, size_t len, int err)
{
	struct address_space *mapping = folio->mapping;

	mapping_set_error(mapping, err);
	if (pending_done(folio, WRITE_SHIFT, nr_blocks(mapping->host, len)))
		folio_end_writeback(folio);
}

static void write_end_io(struct bio *bio)
{
	for_each_page_part(bio, write_part_done);
	bio_put(bio);
}

struct iomap_writer {
	struct iomap_gather g;
	const struct iomap_ops *ops;
};

/* Issues the dirty blocks of a folio in writeback. */
static int write_blocks(struct folio *folio, struct inode *inode, size_t end, unsigned long dirty,
			struct iomap_writer *w)
{
	loff_t start = (loff_t)folio->index << PAGE_SHIFT;
	size_t block = 1UL << inode->i_blkbits, off;
	int err = 0, one;

	for (off = 0; off < end; off += block) {
		if (!(dirty & block_bits(inode, off, block)))
			continue;
		one = map_at(inode, start + off, end - off, 0, w->ops, &w->g.map);
		/*
		 * A dirty block was allocated when it became dirty; but of a page that was stored to through a mapping those behind the
		 * end of the file were not, and the file may have grown since. They are zeroes, as the hole is.
		 */
		if (!one && w->g.map.type != IOMAP_MAPPED)
			continue;
		if (one) {
			err = one;
			continue;
		}
		pending_add(folio, WRITE_SHIFT, 1);
		gather_add(&w->g, folio, off, block_len(&w->g.map, start + off, block), start + off,
			   REQ_OP_WRITE, write_end_io, 16);
	}
	return err;
}

static int iomap_writepage(struct folio *folio, struct writeback_control *wbc, void *data)
{
	struct address_space *mapping = folio->mapping;
	struct inode *inode = mapping->host;
	loff_t start = (loff_t)folio->index << PAGE_SHIFT, size = READ_ONCE(inode->i_size);
	unsigned long dirty;
	size_t end;
	int err;

	dirty = __atomic_fetch_and(state_of(folio), ~(BLOCKS_MASK << DIRTY_SHIFT),
				   __ATOMIC_SEQ_CST) >>
			DIRTY_SHIFT &
		BLOCKS_MASK;
	end = start < size ? min((u64)(size - start), (u64)PAGE_SIZE) : 0;
	/* Behind the end of the file a mapping may have left anything. */
	if (end && end < PAGE_SIZE)
		memset(folio_address(folio) + end, 0, PAGE_SIZE - end);
	pending_add(folio, WRITE_SHIFT, 1);
	folio_start_writeback(folio);
	err = write_blocks(folio, inode, end, dirty, data);
	mapping_set_error(mapping, err);
	folio_unlock(folio);
	if (pending_done(folio, WRITE_SHIFT, 1))
		folio_end_writeback(folio);
	return err;
}

int iomap_writepages(struct address_space *mapping, struct writeback_control *wbc,
		     const struct iomap_ops *ops)
{
	struct iomap_writer w = { .ops = ops };
	struct blk_plug plug;
	int err;

	blk_start_plug(&plug);
	err = write_cache_pages(mapping, wbc, iomap_writepage, &w);
	gather_submit(&w.g);
	blk_finish_plug(&plug);
	return err;
}
