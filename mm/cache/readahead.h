/*
 * Readahead: pages of a file are read before anybody asks for them.
 *
 * 1. Each open file remembers its last window in f_ra: pages [start, start + size) were read in one go, and the page
 *    async_size before their end carries a mark (PG_readahead). Who comes to the marked page starts the next window, so that
 *    it arrives while the rest of this one is still being used.
 * 2. A window is as large as the request asks for, times two or four when it is a first one; the next one is twice as large,
 *    up to ra_pages of the device (/sys/block/.../queue/read_ahead_kb).
 * 3. Reading is taken for sequential if it starts at the file's beginning, goes on where the last read ended, meets a mark, or
 *    stands behind a run of cached pages. All else is random: just what was asked is read.
 * 4. A fault on a page that is not there reads a window around it (mm/user/filemap_fault.c), until such faults have become many
 *    more than those that found their page. MADV_SEQUENTIAL makes faults into reads, MADV_RANDOM ends readahead.
 * 5. The file system gets the whole run as a readahead_control: new folios, locked and in the cache. It takes each with
 *    readahead_folio() and unlocks it when its contents have arrived, or without them if they have not.
 *
 * Locks: mapping->invalidate_lock for reading while folios are added and submitted; f_ra has none: who shares an open file may
 * spoil the other's guess, nothing else. Mirrors Linux mm/readahead.c, mm/fadvise.c, include/linux/pagemap.h.
 * Exercised by tests/user/readaheads.c.
 */
#pragma once

#include "mm/cache/pagemap.h"

/* One run of new folios. file and ra may be NULL. */
struct readahead_control {
	struct file *file;
	struct address_space *mapping;
	struct file_ra_state *ra;
	pgoff_t _index;		/* of the next folio to be taken */
	unsigned int _nr_pages; /* that are left */
};

static inline unsigned int readahead_count(const struct readahead_control *rac)
{
	return rac->_nr_pages;
}

static inline pgoff_t readahead_index(const struct readahead_control *rac)
{
	return rac->_index;
}

static inline loff_t readahead_pos(const struct readahead_control *rac)
{
	return (loff_t)rac->_index << PAGE_SHIFT;
}

static inline size_t readahead_length(const struct readahead_control *rac)
{
	return (size_t)rac->_nr_pages << PAGE_SHIFT;
}

/* For ->readahead: the next folio, locked, in the cache (which holds the reference); the caller unlocks it. NULL: that was all. */
struct folio *readahead_folio(struct readahead_control *rac);

/* A newly opened file, or one whose advice was taken back: the device's window. */
void file_ra_state_init(struct file_ra_state *ra, struct address_space *mapping);

/* --- who reads; all may sleep; ractl->_index is where; failures are silent: who needs the page reads it himself --- */

/* The page is not there; req_count pages are wanted from it on. */
void page_cache_sync_ra(struct readahead_control *rac, unsigned long req_count);
/* folio, which is there, carries the mark. */
void page_cache_async_ra(struct readahead_control *rac, struct folio *folio,
			 unsigned long req_count);
/* [index, index + nr) whatever was read before, at most the larger of the window and one request of the device. */
void force_page_cache_readahead(struct address_space *mapping, struct file *file, pgoff_t index,
				unsigned long nr);
/* nr pages from rac's index on, as far as the file goes, with the mark lookahead_size before their end (0: none). */
void do_page_cache_ra(struct readahead_control *rac, unsigned long nr,
		      unsigned long lookahead_size);
/* nr pages, with the mark lookahead_size before their end (0: none). The end of the file is not looked at. */
void page_cache_ra_unbounded(struct readahead_control *rac, unsigned long nr,
			     unsigned long lookahead_size);
/* --- advice --- */

#define POSIX_FADV_NORMAL     0
#define POSIX_FADV_RANDOM     1
#define POSIX_FADV_SEQUENTIAL 2
#define POSIX_FADV_WILLNEED   3
#define POSIX_FADV_DONTNEED   4
#define POSIX_FADV_NOREUSE    5

/* len 0: to the end. 0; -EINVAL: no such advice, or a negative length; -ESPIPE: a pipe. => may sleep */
int vfs_fadvise(struct file *file, loff_t offset, loff_t len, int advice);

/* --- what is there --- */

struct cachestat {
	u64 nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted; /* pages */
};

/* Adds up the pages [first, last]. => may sleep */
void filemap_cachestat(struct address_space *mapping, pgoff_t first, pgoff_t last,
		       struct cachestat *cs);
