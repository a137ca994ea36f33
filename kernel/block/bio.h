/*
 * bio: one transfer between a block device and parts of pages.
 *
 * 1. A bio says: device, operation, first sector (512 bytes), and a list of page parts that belong to consecutive sectors. Its maker
 *    fills it with bio_add_page(), hands it over with submit_bio(), and is told by ->bi_end_io, in any context, how it ended.
 * 2. bi_iter is what is left of it. Layers below move it on: a partition adds its first sector, a bio that is larger than the
 *    device takes is cut in front (bio_split), the pieces count in bi_remaining of the first.
 * 3. Bios come from mempools, so that a bio that frees memory (writing dirty pages) can always be made, one at a time. Whoever
 *    needs two at once to make progress must not wait for the second: it submits the first before.
 *
 * Invariant: bi_iter.bi_size bytes are left, starting bi_bvec_done bytes into bi_io_vec[bi_idx]. A bio belongs to its maker before
 * submit_bio() and again from bi_end_io on; no locks. Mirrors Linux include/linux/{bio,blk_types,bvec}.h, block/bio.c.
 * Exercised by the suite block (tests/kernel/block.c).
 */
#pragma once

#include "arch/x86/atomic.h"
#include "lib/types.h"
#include "mm/cache/uio.h"
#include "mm/phys/page.h"

#define SECTOR_SHIFT 9
#define SECTOR_SIZE  (1U << SECTOR_SHIFT)
#define BIO_MAX_VECS 256U

struct bio;
struct block_device;

/* What is done. The low byte of bi_opf. */
enum req_op {
	REQ_OP_READ,
	REQ_OP_WRITE,
	REQ_OP_FLUSH,	     /* what was written and ended before is on the medium; no data */
	REQ_OP_DISCARD,	     /* the contents do not matter any more; no data, bi_size bytes */
	REQ_OP_WRITE_ZEROES, /* reads as zeroes afterwards; no data, bi_size bytes */
};

#define REQ_OP_MASK 0xffU
#define REQ_SYNC    BIT(8)  /* somebody waits */
#define REQ_META    BIT(9)  /* a file system's own data */
#define REQ_RAHEAD  BIT(10) /* may fail: nobody has asked for it yet */

typedef void (*bio_end_io_t)(struct bio *bio);

struct bvec_iter {
	sector_t bi_sector;	   /* on bi_bdev; after submit_bio() on its disk */
	unsigned int bi_size;	   /* bytes left */
	unsigned int bi_idx;	   /* current element */
	unsigned int bi_bvec_done; /* bytes of it that are done */
};

struct bio {
	struct bio *bi_next; /* of a request, or a list of its owner's */
	struct block_device *bi_bdev;
	unsigned int bi_opf; /* enum req_op | REQ_* */
	int bi_status;	     /* 0 or -errno, once it has ended; the first error of its pieces */
	atomic_t bi_remaining;
	struct bvec_iter bi_iter;
	bio_end_io_t bi_end_io;
	void *bi_private;
	unsigned short bi_vcnt, bi_max_vecs; /* elements used, and room for */
	u8 bi_pool;
	struct bio_vec *bi_io_vec;
	struct bio_vec bi_inline_vecs[];
};

static inline enum req_op bio_op(const struct bio *bio)
{
	return bio->bi_opf & REQ_OP_MASK;
}

static inline bool op_is_write(unsigned int opf)
{
	return (opf & REQ_OP_MASK) != REQ_OP_READ;
}

/* Does the operation come with pages? */
static inline bool bio_has_data(const struct bio *bio)
{
	return bio_op(bio) <= REQ_OP_WRITE;
}

static inline unsigned int bio_sectors(const struct bio *bio)
{
	return bio->bi_iter.bi_size >> SECTOR_SHIFT;
}

static inline sector_t bio_end_sector(const struct bio *bio)
{
	return bio->bi_iter.bi_sector + bio_sectors(bio);
}

/*
 * A bio with room for nr_vecs (at most BIO_MAX_VECS) page parts. With a gfp that may sleep never NULL. bi_end_io is NULL.
 * => may sleep as gfp says
 */
struct bio *bio_alloc(struct block_device *bdev, unsigned int nr_vecs, unsigned int opf, gfp_t gfp);
/* => ended, or never submitted; any context */
void bio_put(struct bio *bio);
/* Appends len bytes at offset of a page: true, or false: it is full (or larger than one bio may be). Neighbours become one element. */
bool bio_add_page(struct bio *bio, struct page *page, unsigned int len, unsigned int offset);
static inline bool bio_add_folio(struct bio *bio, struct folio *folio, size_t len, size_t offset)
{
	return bio_add_page(bio, &folio->page, len, offset);
}

/* Hands it to the device. Every error, too, comes by bi_end_io. => may sleep */
void submit_bio(struct bio *bio);
/* The same, and waits: bi_status. bi_end_io must be free to use. => may sleep */
int submit_bio_wait(struct bio *bio);
/* The device (or whoever refuses) is done with what was left. => any context */
void bio_endio(struct bio *bio);
static inline void bio_io_error(struct bio *bio, int err)
{
	bio->bi_status = err;
	bio_endio(bio);
}
/* Moves bi_iter on by bytes. */
void bio_advance(struct bio *bio, unsigned int bytes);
/* The first `sectors` of bio as a bio of their own; bio keeps the rest and ends when both have. => may sleep */
struct bio *bio_split(struct bio *bio, unsigned int sectors);

/* The piece of a page that the iterator stands on, within one page. */
static inline struct bio_vec bio_iter_iovec(const struct bio *bio, const struct bvec_iter *it)
{
	const struct bio_vec *bv = &bio->bi_io_vec[it->bi_idx];
	unsigned int off = bv->bv_offset + it->bi_bvec_done;

	return (struct bio_vec){
		.bv_page = bv->bv_page + off / PAGE_SIZE,
		.bv_offset = off % PAGE_SIZE,
		.bv_len = min3(it->bi_size, bv->bv_len - it->bi_bvec_done,
			       (unsigned int)(PAGE_SIZE - off % PAGE_SIZE)),
	};
}

static inline void bio_advance_iter(const struct bio *bio, struct bvec_iter *it, unsigned int bytes)
{
	it->bi_sector += bytes >> SECTOR_SHIFT;
	it->bi_size -= bytes;
	if (!bio_has_data(bio))
		return;
	it->bi_bvec_done += bytes;
	while (it->bi_bvec_done && it->bi_bvec_done >= bio->bi_io_vec[it->bi_idx].bv_len)
		it->bi_bvec_done -= bio->bi_io_vec[it->bi_idx++].bv_len;
}

/* Each piece of what is left, cut at pages. */
#define bio_for_each_segment(bv, bio, it)                                                   \
	for ((it) = (bio)->bi_iter; (it).bi_size && ((bv) = bio_iter_iovec(bio, &(it)), 1); \
	     bio_advance_iter(bio, &(it), (bv).bv_len))

/* The same without regard to where pages end, at most max bytes. */
static inline struct bio_vec bio_iter_bvec(const struct bio *bio, const struct bvec_iter *it,
					   unsigned int max)
{
	const struct bio_vec *bv = &bio->bi_io_vec[it->bi_idx];

	return (struct bio_vec){
		.bv_page = bv->bv_page,
		.bv_offset = bv->bv_offset + it->bi_bvec_done,
		.bv_len = min3(it->bi_size, bv->bv_len - it->bi_bvec_done, max),
	};
}

#define bio_for_each_bvec(bv, bio, it, max)                                                     \
	for ((it) = (bio)->bi_iter; (it).bi_size && ((bv) = bio_iter_bvec(bio, &(it), max), 1); \
	     bio_advance_iter(bio, &(it), (bv).bv_len))

/* Each element as it was added, for bi_end_io: what is left has been used up by then. */
#define bio_for_each_bvec_all(bv, bio, i) \
	for ((i) = 0; (i) < (bio)->bi_vcnt && ((bv) = &(bio)->bi_io_vec[i], 1); (i)++)
