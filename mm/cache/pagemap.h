/*
 * The page cache: folios of files, found by (address_space, page index).
 *
 * 1. A folio in the cache holds one reference for being there. Whoever looks it up takes another.
 * 2. The folio lock (PG_locked) guards its contents being brought in and its membership: with it held,
 *    folio->mapping does not change. It is a sleeping lock.
 * 3. PG_uptodate means the contents are the file's. Only then may it be read or mapped.
 *
 * Mirrors Linux include/linux/pagemap.h. Exercised by tests/user/{files,file_map}.c.
 */
#pragma once

#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/phys/page.h"

struct iov_iter;
struct kiocb;
struct mm_struct;
struct vm_fault;

void address_space_init(struct address_space *mapping, struct inode *host, gfp_t gfp_mask);

/* --- the folio lock; lock may sleep --- */
void __folio_lock(struct folio *folio);
void __folio_wake(struct folio *folio);
void __folio_wait_locked(struct folio *folio);
/* The folio's writeback has just ended. => any context */
void folio_wake_writeback(struct folio *folio);

static __always_inline bool folio_trylock(struct folio *folio)
{
	return !test_and_set_bit(PG_locked, &folio->flags);
}

static __always_inline void folio_lock(struct folio *folio)
{
	if (unlikely(!folio_trylock(folio)))
		__folio_lock(folio);
}

static __always_inline void folio_unlock(struct folio *folio)
{
	/* A full barrier: the waiter sets PG_waiters before it looks at PG_locked again. */
	unsigned long old = __atomic_fetch_and(&folio->flags, ~BIT(PG_locked), __ATOMIC_SEQ_CST);

	if (unlikely(old & BIT(PG_waiters)))
		__folio_wake(folio);
}

/* Until it is unlocked once; somebody may lock it again at once. => may sleep, a reference held */
static __always_inline void folio_wait_locked(struct folio *folio)
{
	if (unlikely(folio_test_locked(folio)))
		__folio_wait_locked(folio);
}

#define lock_page(page)	  folio_lock(page_folio(page))
#define unlock_page(page) folio_unlock(page_folio(page))

/*
 * Drops ptl and sleeps until the folio, which is locked or was a moment ago, is unlocked. Takes no reference: what proves
 * that the folio is still there is whatever ptl protects, and it is not looked at any more afterwards.
 */
void folio_wait_locked_unlock(struct folio *folio, spinlock_t *ptl);

/* --- look-up --- */

/* The folio at index with a reference, or NULL. Any context that may hold rcu_read_lock. */
struct folio *filemap_get_folio(struct address_space *mapping, pgoff_t index);
/* The same, locked; sleeps for the lock. */
struct folio *filemap_lock_folio(struct address_space *mapping, pgoff_t index);
/* Adds a new folio, locked and with a cache reference. -EEXIST, -ENOMEM leave it untouched. May sleep. */
int filemap_add_folio(struct address_space *mapping, struct folio *folio, pgoff_t index, gfp_t gfp);
/* Takes a locked folio out; drops the cache's reference. */
void filemap_remove_folio(struct folio *folio);
/*
 * Takes a locked folio out if it is clean and nobody but the cache and the caller has a reference (a page table has one for each
 * entry): true, and the caller's reference is the last one.
 */
bool remove_mapping(struct address_space *mapping, struct folio *folio);
/* An uptodate folio at index with a reference, read in if need be; ERR_PTR. May sleep. */
struct folio *read_mapping_folio(struct address_space *mapping, pgoff_t index, struct file *file);
/*
 * The file's pages from index on that a read up to page last can copy, with a reference each, read ahead if need be: how many, at most
 * FILEMAP_BATCH; 0: a hole of a file without a disk; AOP_TRUNCATED_PAGE; or -errno (-EAGAIN with IOCB_NOWAIT). May sleep.
 */
#define FILEMAP_BATCH	   15
#define AOP_TRUNCATED_PAGE 0x80001 /* it left the cache before it was uptodate: once more */
int filemap_get_pages(struct kiocb *iocb, pgoff_t index, pgoff_t last, struct folio **batch);
bool filemap_has_page(struct address_space *mapping, pgoff_t index);

/* --- file operations built on the cache; bytes or negative errno; they move ki_pos and the iterator; may sleep --- */
ssize_t generic_file_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t generic_file_write_iter(struct kiocb *iocb, struct iov_iter *from);
/*
 * The two halves of the latter. The limits of a write at ki_pos: append, RLIMIT_FSIZE, the largest file; cuts the iterator and
 * returns what is left of it. Then the copy. => i_rwsem held for writing
 */
ssize_t generic_write_checks(struct kiocb *iocb, struct iov_iter *from);
ssize_t generic_perform_write(struct kiocb *iocb, struct iov_iter *from);
/* After a write that has moved ki_pos on by count bytes, or failed: what O_SYNC and O_DSYNC ask for. count, or -errno. => no lock held */
ssize_t generic_write_sync(struct kiocb *iocb, ssize_t count);

unsigned int filemap_fault(struct vm_fault *vmf);
unsigned int filemap_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end);
/* ->mmap for files whose pages live in the cache. */
int generic_file_mmap(struct file *file, struct vm_area_struct *vma);

/* --- truncation; => inode->i_rwsem held for writing; may sleep --- */

/* Folios wholly inside [lstart, lend] (bytes; lend -1: to the end) leave; partial ones are zeroed there. */
void truncate_inode_pages_range(struct address_space *mapping, loff_t lstart, loff_t lend);
/*
 * Clean folios [first, last] leave the cache, unmapped everywhere: what is on the disk is newer. -EBUSY: some were dirty, and stay.
 * => may sleep
 */
int invalidate_inode_pages2_range(struct address_space *mapping, pgoff_t first, pgoff_t last);
/*
 * Clean folios [first, last] that nobody uses leave the cache: how many. Of a mapping with a disk, or what was in them is lost.
 * => may sleep, needs no lock
 */
unsigned long invalidate_mapping_pages(struct address_space *mapping, pgoff_t first, pgoff_t last);
/*
 * Memory is short: looks at so many pages of disks and frees what is clean and not in use; pages freed. => any locks, may sleep;
 * both others: the first page has come, the last one has gone, under i_pages_lock
 */
unsigned long shrink_page_cache(unsigned long nr_to_scan);
void mapping_got_pages(struct address_space *mapping);
void mapping_lost_pages(struct address_space *mapping);
/* The file now ends at newsize (i_size is set already): unmaps and drops what is behind it. */
void truncate_pagecache(struct inode *inode, loff_t newsize);

/* Unmapping belongs to the floor above: mm/user registers it. */
struct mapping_ops {
	void (*unmap_pages)(struct address_space *mapping, pgoff_t first, pgoff_t nr,
			    bool even_cows);
	/* Write-protects the folio in all page tables; true if it was dirty in one. => locked */
	int (*mkclean)(struct folio *folio);
};
extern const struct mapping_ops *mapping_ops;
/* A write went past RLIMIT_FSIZE: the VFS sends SIGXFSZ to current. */
extern void (*fsize_limit_hook)(void);
/* Calls it; answers -EFBIG. */
static inline int fsize_exceeded(void)
{
	fsize_limit_hook();
	return -EFBIG;
}
void filemap_init(void); /* once, before the first file */
