/*
 * Making, cutting and ending bios. See bio.h.
 *
 * Mirrors Linux block/bio.c, block/blk-merge.c (bio_split). Exercised by the suite block.
 */
#include "kernel/block/bio.h"

#include "kernel/bug.h"
#include "kernel/completion.h"
#include "kernel/init.h"
#include "lib/errno.h"
#include "mm/slab/mempool.h"
#include "mm/slab/slab.h"

/* A bio has one size of four: most are small, large ones are rare. */
static struct bio_pool {
	const char *name;
	unsigned int nr_vecs;
	mempool_t *pool;
} bio_pools[] = { { "bio-4", 4, NULL },
		  { "bio-16", 16, NULL },
		  { "bio-64", 64, NULL },
		  { "biovec-max", BIO_MAX_VECS, NULL } };

#define BIO_RESERVE 2

struct bio *bio_alloc(struct block_device *bdev, unsigned int nr_vecs, unsigned int opf, gfp_t gfp)
{
	struct bio_pool *p = bio_pools;
	struct bio *bio;

	while (p->nr_vecs < nr_vecs && p < bio_pools + ARRAY_SIZE(bio_pools) - 1)
		p++;
	VM_BUG_ON(nr_vecs > BIO_MAX_VECS);
	bio = mempool_alloc(p->pool, gfp);
	if (unlikely(!bio))
		return NULL;
	*bio = (struct bio){ .bi_bdev = bdev,
			     .bi_opf = opf,
			     .bi_remaining = ATOMIC_INIT(1),
			     .bi_max_vecs = p->nr_vecs,
			     .bi_pool = p - bio_pools };
	bio->bi_io_vec = bio->bi_inline_vecs;
	return bio;
}

void bio_put(struct bio *bio)
{
	mempool_free(bio, bio_pools[bio->bi_pool].pool);
}

bool bio_add_page(struct bio *bio, struct page *page, unsigned int len, unsigned int offset)
{
	struct bio_vec *last = bio->bi_vcnt ? &bio->bi_io_vec[bio->bi_vcnt - 1] : NULL;

	if (unlikely(bio->bi_iter.bi_size > UINT_MAX - len))
		return false;
	if (last && page_to_phys(last->bv_page) + last->bv_offset + last->bv_len ==
			    page_to_phys(page) + offset) {
		last->bv_len += len;
	} else {
		if (bio->bi_vcnt == bio->bi_max_vecs)
			return false;
		bio->bi_io_vec[bio->bi_vcnt++] =
			(struct bio_vec){ .bv_page = page, .bv_len = len, .bv_offset = offset };
	}
	bio->bi_iter.bi_size += len;
	return true;
}

void bio_advance(struct bio *bio, unsigned int bytes)
{
	bio_advance_iter(bio, &bio->bi_iter, bytes);
}

void bio_endio(struct bio *bio)
{
	if (!atomic_dec_and_test(&bio->bi_remaining))
		return;
	if (bio->bi_end_io)
		bio->bi_end_io(bio);
}

static void piece_end_io(struct bio *piece)
{
	struct bio *bio = piece->bi_private;
	int none = 0;

	if (piece->bi_status)
		__atomic_compare_exchange_n(&bio->bi_status, &none, piece->bi_status, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	bio_put(piece);
	bio_endio(bio);
}

struct bio *bio_split(struct bio *bio, unsigned int sectors)
{
	struct bio *piece = bio_alloc(bio->bi_bdev, 0, bio->bi_opf, GFP_NOIO);

	/* It shares the elements, which live as long as bio: until both have ended. */
	piece->bi_io_vec = bio->bi_io_vec;
	piece->bi_vcnt = bio->bi_vcnt;
	piece->bi_iter = bio->bi_iter;
	piece->bi_iter.bi_size = sectors << SECTOR_SHIFT;
	piece->bi_end_io = piece_end_io;
	piece->bi_private = bio;
	atomic_inc(&bio->bi_remaining);
	bio_advance(bio, sectors << SECTOR_SHIFT);
	return piece;
}

static void wait_end_io(struct bio *bio)
{
	complete(bio->bi_private);
}

int submit_bio_wait(struct bio *bio)
{
	DECLARE_COMPLETION_ONSTACK(done);

	bio->bi_private = &done;
	bio->bi_end_io = wait_end_io;
	bio->bi_opf |= REQ_SYNC;
	submit_bio(bio);
	wait_for_completion_io(&done);
	return bio->bi_status;
}

static int __init bio_init(void)
{
	struct bio_pool *p;

	for (p = bio_pools; p < bio_pools + ARRAY_SIZE(bio_pools); p++) {
		size_t size = sizeof(struct bio) + p->nr_vecs * sizeof(struct bio_vec);
		struct kmem_cache *cache =
			kmem_cache_create(p->name, size, 0, SLAB_HWCACHE_ALIGN | SLAB_PANIC, NULL);

		p->pool = mempool_create_slab_pool(BIO_RESERVE, cache);
		if (!p->pool)
			panic("block: no memory for %s", p->name);
	}
	return 0;
}
core_initcall(bio_init);
