/*
 * Dirty pages of files, and their way to the disk.
 *
 * 1. A folio is dirty when the cache is newer than the disk; its index then has the DIRTY mark in the mapping's tree, so dirty
 *    ones are found without looking at the others.
 * 2. To write it: lock, wait for an earlier write, folio_clear_dirty_for_io() (which also write-protects it in every page table,
 *    so the next store is noticed), folio_start_writeback(), unlock, I/O, folio_end_writeback(). It may be read, mapped and made
 *    dirty again while it is being written.
 * 3. Data integrity (fsync) first marks what is dirty now as TOWRITE and writes only that: pages that are made dirty
 *    meanwhile cannot keep it busy for ever.
 * 4. A failed write leaves its error in mapping->wb_err, where each open file hears of it once (lib/errseq.h).
 * 5. A mapping whose pages have no disk (tmpfs) has no dirty_folio operation: the flag is set and nothing counted.
 *
 * Invariant: the DIRTY mark is set if the folio is dirty and in the cache, unless it is locked and on its way to writeback;
 * the WRITEBACK mark goes with PG_writeback. Locks: the folio's around 2; i_pages_lock, interrupts off, for the marks.
 * Mirrors Linux include/linux/writeback.h, mm/page-writeback.c. Exercised by the suite writeback (tests/kernel/writeback.c).
 */
#pragma once

#include "mm/cache/file.h"
#include "mm/phys/page.h"

#define PAGECACHE_TAG_DIRTY	XA_MARK_0
#define PAGECACHE_TAG_WRITEBACK XA_MARK_1
#define PAGECACHE_TAG_TOWRITE	XA_MARK_2

enum writeback_sync_modes {
	WB_SYNC_NONE, /* pass over what is locked in writeback already */
	WB_SYNC_ALL,  /* everything that is dirty now */
};

/* What one pass over a mapping shall write. */
struct writeback_control {
	long nr_to_write;	       /* pages; counted down */
	loff_t range_start, range_end; /* bytes, the last one included */
	enum writeback_sync_modes sync_mode;
	/* Who asks. kupdate: because of its age; background: too much is dirty; sync: somebody waits for all of the file system. */
	bool for_kupdate, for_background, for_sync;
	bool tagged_writepages; /* what is dirty now, though nobody waits: else writers could keep it busy for ever */
	bool range_cyclic; /* all of the file, from where the last such pass has stopped */
};

/* --- one folio --- */

/* Dirty now; true if it was not. The state of its blocks is the caller's. => locked, or mapped under the ptl; any context else */
bool folio_mark_dirty(struct folio *folio);
/* ->dirty_folio for mappings with a disk. */
bool filemap_dirty_folio(struct address_space *mapping, struct folio *folio);
/* Takes the dirty state for writing: false if it is clean. => locked */
bool folio_clear_dirty_for_io(struct folio *folio);
/* It leaves the cache, its contents do not matter any more. => locked */
void folio_cancel_dirty(struct folio *folio);
/* => locked, not in writeback */
void folio_start_writeback(struct folio *folio);
/* => in writeback; any context, interrupts too */
void folio_end_writeback(struct folio *folio);
/* => may sleep; a reference or the folio's lock held */
void folio_wait_writeback(struct folio *folio);

/* --- a mapping; ranges are bytes, the last one included; 0 or -errno; may sleep --- */

typedef int (*writepage_t)(struct folio *folio, struct writeback_control *wbc, void *data);
/*
 * Hands each dirty folio of wbc's range, locked and taken for writing, to writepage, which starts the writeback and unlocks. The
 * first error; with WB_SYNC_ALL the others are tried all the same.
 */
int write_cache_pages(struct address_space *mapping, struct writeback_control *wbc,
		      writepage_t writepage, void *data);
/* Starts writing what is dirty. */
int filemap_fdatawrite_range(struct address_space *mapping, loff_t start, loff_t end);
/* The same without waiting for anything: what is being written already, or is locked, is passed over. */
int filemap_fdatawrite_range_kick(struct address_space *mapping, loff_t start, loff_t end);
/* Waits for what is being written. Errors are in wb_err. */
void filemap_fdatawait_range(struct address_space *mapping, loff_t start, loff_t end);
/* The error that this open file has not heard of yet, or 0. */
int file_check_and_advance_wb_err(struct file *file);
/* Both, and the error that this open file has not heard of yet. For ->fsync. */
int file_write_and_wait_range(struct file *file, loff_t start, loff_t end);
/* Both, and whether there was an error since; for those without an open file. */
int filemap_write_and_wait_range(struct address_space *mapping, loff_t start, loff_t end);
static inline int filemap_write_and_wait(struct address_space *mapping)
{
	return filemap_write_and_wait_range(mapping, 0, LLONG_MAX);
}

/* A write of its pages has failed, unless err is 0: all who have the file, or another of its file system, open hear of it. => any context */
void mapping_set_error(struct address_space *mapping, int err);

/* Writes what wbc says; 0 if nothing is dirty. */
int do_writepages(struct address_space *mapping, struct writeback_control *wbc);

static inline bool mapping_tagged(const struct address_space *mapping, xa_mark_t tag)
{
	return xa_marked(&mapping->i_pages, tag);
}
