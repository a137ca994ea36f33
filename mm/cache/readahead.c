/*
 * Readahead on demand. readahead.h has the idea.
 *
 * The window's arithmetic is Linux's, so that what is measured there holds here: with 32 pages (128 KiB) at most, reading a file
 * page by page reads 4, 8, 16, 32, 32... pages.
 *
 * Mirrors Linux mm/readahead.c. Exercised by tests/user/readaheads.c.
 */
#include "mm/cache/readahead.h"

#include "kernel/bug.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "mm/cache/backing-dev.h"
#include "mm/phys/buddy.h"
#include "lib/bitmap.h"

#define FORCED_CHUNK (2UL << 20 >> PAGE_SHIFT) /* pages that are pinned down at once */

void file_ra_state_init(struct file_ra_state *ra, struct address_space *mapping)
{
	ra->ra_pages = READ_ONCE(mapping->bdi->ra_pages);
	ra->prev_pos = -1;
}

/* ---- a run of folios ---- */

struct folio *readahead_folio(struct readahead_control *rac)
{
	struct folio *folio;

	if (!rac->_nr_pages)
		return NULL;
	/* It is locked, so it is still there, and nobody takes it out. */
	rcu_read_lock();
	folio = xa_load(&rac->mapping->i_pages, rac->_index);
	rcu_read_unlock();
	VM_BUG_ON(!folio || !folio_test_locked(folio));
	rac->_index++;
	rac->_nr_pages--;
	return folio;
}

/* Gives the folios gathered so far to the file system; those that it does not want leave. */
static void read_pages(struct readahead_control *rac)
{
	const struct address_space_operations *aops = rac->mapping->a_ops;
	struct folio *folio;

	if (!rac->_nr_pages)
		return;
	if (aops->readahead) {
		aops->readahead(rac);
		while ((folio = readahead_folio(rac))) {
			folio_get(folio);
			filemap_remove_folio(folio);
			folio_unlock(folio);
			folio_put(folio);
		}
	} else {
		while ((folio = readahead_folio(rac)))
			aops->read_folio(rac->file, folio);
	}
}

/* A new folio at index joins the run. 0; -EEXIST: there is one already; -ENOMEM */
static int add_one(struct readahead_control *rac, pgoff_t index, gfp_t gfp, bool mark)
{
	struct folio *folio = folio_alloc(gfp, 0);
	int err;

	if (!folio)
		return -ENOMEM;
	if (mark)
		__folio_set_readahead(folio);
	err = filemap_add_folio(rac->mapping, folio, index, gfp);
	/* In the cache and locked it needs no reference of ours. */
	folio_put(folio);
	if (err)
		return err;
	if (!rac->_nr_pages++)
		rac->_index = index;
	return 0;
}

static bool page_is_cached(struct address_space *mapping, pgoff_t index)
{
	bool there;

	rcu_read_lock();
	there = xa_load(&mapping->i_pages, index);
	rcu_read_unlock();
	return there;
}

void page_cache_ra_unbounded(struct readahead_control *rac, unsigned long nr,
			     unsigned long lookahead_size)
{
	struct address_space *mapping = rac->mapping;
	pgoff_t index = rac->_index;
	gfp_t gfp = (mapping->gfp_mask & ~__GFP_FS) | __GFP_NORETRY | __GFP_NOWARN;
	unsigned long i;

	down_read(&mapping->invalidate_lock);
	for (i = 0; i < nr; i++) {
		int err = -EEXIST;

		if (!page_is_cached(mapping, index + i))
			err = add_one(rac, index + i, gfp, i == nr - lookahead_size);
		if (!err)
			continue;
		/* A run has no gaps. */
		read_pages(rac);
		if (err != -EEXIST)
			break;
	}
	read_pages(rac);
	up_read(&mapping->invalidate_lock);
}

void do_page_cache_ra(struct readahead_control *rac, unsigned long nr, unsigned long lookahead_size)
{
	loff_t size = READ_ONCE(rac->mapping->host->i_size);
	pgoff_t last;

	if (size <= 0)
		return;
	last = (size - 1) >> PAGE_SHIFT;
	if (rac->_index > last)
		return;
	if (nr > last - rac->_index + 1) {
		/* The mark stays where it is: behind the end nobody comes to it. */
		unsigned long cut = nr - (last - rac->_index + 1);

		lookahead_size = lookahead_size > cut ? lookahead_size - cut : 0;
		nr -= cut;
	}
	page_cache_ra_unbounded(rac, nr, lookahead_size);
}

void force_page_cache_readahead(struct address_space *mapping, struct file *file, pgoff_t index,
				unsigned long nr)
{
	unsigned long max_pages = READ_ONCE(mapping->bdi->io_pages);

	if (!mapping->a_ops->readahead && !mapping->a_ops->read_folio)
		return;
	max_pages = max(max_pages, file ? file->f_ra.ra_pages : READ_ONCE(mapping->bdi->ra_pages));
	nr = min(nr, max_pages);
	while (nr) {
		unsigned long n = min(nr, FORCED_CHUNK);
		struct readahead_control rac = { .file = file,
						 .mapping = mapping,
						 ._index = index };

		do_page_cache_ra(&rac, n, 0);
		index += n;
		nr -= n;
		cond_resched();
	}
}

/* ---- the window ---- */

static unsigned long get_init_ra_size(unsigned long size, unsigned long max_pages)
{
	unsigned long newsize = roundup_pow_of_two(size);

	if (newsize <= max_pages / 32)
		return newsize * 4;
	if (newsize <= max_pages / 4)
		return newsize * 2;
	return max_pages;
}

static unsigned long get_next_ra_size(const struct file_ra_state *ra, unsigned long max_pages)
{
	unsigned long cur = ra->size;

	if (cur < max_pages / 16)
		return cur * 4;
	if (cur <= max_pages / 2)
		return cur * 2;
	return max_pages;
}

/* The first page at or behind index that is not cached; index + max at most. */
static pgoff_t next_miss(struct address_space *mapping, pgoff_t index, unsigned long max)
{
	XA_STATE(xas, &mapping->i_pages, index);
	unsigned long n = 0;

	rcu_read_lock();
	while (n < max && xas_next(&xas))
		n++;
	rcu_read_unlock();
	return index + n;
}

/* How many pages before index are cached without a gap, up to max. */
static unsigned long count_history(struct address_space *mapping, pgoff_t index, unsigned long max)
{
	unsigned long n = 0;

	rcu_read_lock();
	while (n < max && n < index && xa_load(&mapping->i_pages, index - 1 - n))
		n++;
	rcu_read_unlock();
	return n;
}

static void read_window(struct readahead_control *rac, unsigned long max_pages)
{
	struct file_ra_state *ra = rac->ra;

	/* The reader meets the mark at once: the window behind it can come along. */
	if (rac->_index == ra->start && ra->size == ra->async_size) {
		unsigned long more = get_next_ra_size(ra, max_pages);

		if (ra->size + more <= max_pages) {
			ra->async_size = more;
			ra->size += more;
		} else {
			ra->size = max_pages;
			ra->async_size = max_pages / 2;
		}
	}
	rac->_index = ra->start;
	do_page_cache_ra(rac, ra->size, ra->async_size);
}

/* Reading begins here. */
static void initial_readahead(struct readahead_control *rac, unsigned long req,
			      unsigned long max_pages)
{
	struct file_ra_state *ra = rac->ra;

	ra->start = rac->_index;
	ra->size = get_init_ra_size(req, max_pages);
	ra->async_size = ra->size > req ? ra->size - req : ra->size;
	read_window(rac, max_pages);
}

/* Several read one open file in turns, or it was read by another one: what is cached tells of a stream. */
static bool context_readahead(struct readahead_control *rac, unsigned long req,
			      unsigned long max_pages)
{
	struct file_ra_state *ra = rac->ra;
	unsigned long size = count_history(rac->mapping, rac->_index, max_pages);

	/* Not more than this request: it may well be random. */
	if (size <= req)
		return false;
	/* All of the file up to here: surely a long stream. */
	if (size >= rac->_index)
		size *= 2;
	ra->start = rac->_index;
	ra->size = min(size + req, max_pages);
	ra->async_size = 1;
	read_window(rac, max_pages);
	return true;
}

/* marked: there is a page, with a mark that is not ours: its window is read by someone else, the next one by us. */
static void interleaved_readahead(struct readahead_control *rac, unsigned long req,
				  unsigned long max_pages)
{
	struct file_ra_state *ra = rac->ra;
	pgoff_t start = next_miss(rac->mapping, rac->_index + 1, max_pages);

	if (start - rac->_index > max_pages)
		return;
	ra->start = start;
	ra->size = start - rac->_index + req;
	ra->size = get_next_ra_size(ra, max_pages);
	ra->async_size = ra->size;
	read_window(rac, max_pages);
}

static void ondemand_readahead(struct readahead_control *rac, bool marked, unsigned long req)
{
	struct file_ra_state *ra = rac->ra;
	unsigned long max_pages = ra->ra_pages, io_pages = READ_ONCE(rac->mapping->bdi->io_pages);
	pgoff_t index = rac->_index, prev = (u64)ra->prev_pos >> PAGE_SHIFT;

	/* A large read in one call may be as large as the device takes. */
	if (req > max_pages && io_pages > max_pages)
		max_pages = min(req, io_pages);
	if (index &&
	    (index == ra->start + ra->size - ra->async_size || index == ra->start + ra->size)) {
		ra->start += ra->size;
		ra->size = get_next_ra_size(ra, max_pages);
		ra->async_size = ra->size;
		read_window(rac, max_pages);
	} else if (index && marked) {
		interleaved_readahead(rac, req, max_pages);
	} else if (!index || req > max_pages || index - prev <= 1) {
		initial_readahead(rac, req, max_pages);
	} else if (!context_readahead(rac, req, max_pages)) {
		/* A small read anywhere: nothing is remembered, so a stream beside it goes on. */
		do_page_cache_ra(rac, req, 0);
	}
}

void page_cache_sync_ra(struct readahead_control *rac, unsigned long req_count)
{
	bool forced = rac->file && (rac->file->f_mode & FMODE_RANDOM);

	if (!rac->ra->ra_pages) {
		if (!rac->file)
			return;
		req_count = 1;
		forced = true;
	}
	if (forced)
		force_page_cache_readahead(rac->mapping, rac->file, rac->_index, req_count);
	else
		ondemand_readahead(rac, false, req_count);
}

void page_cache_async_ra(struct readahead_control *rac, struct folio *folio,
			 unsigned long req_count)
{
	/* The bit means something else while it is being written. */
	if (!rac->ra->ra_pages || folio_test_writeback(folio))
		return;
	folio_clear_readahead(folio);
	ondemand_readahead(rac, true, req_count);
}
