/*
 * Truncation: pages leave the cache because the file no longer has them.
 *
 * The order keeps faults out: i_size is lowered first (a fault beyond it gives SIGBUS), then the pages are
 * unmapped from every process, then taken out one by one under their locks, then unmapped once more for
 * faults that were under way meanwhile. The page that the new end cuts is zeroed behind it.
 *
 * Locks: inode->i_rwsem for writing, folio locks; i_mmap_rwsem inside the unmapping. Mirrors Linux
 * mm/truncate.c. Exercised by tests/user/{files,file_map,vfs,vmstress}.c.
 */
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/writeback.h"

static void zero_partial(struct address_space *mapping, pgoff_t index, size_t from, size_t to)
{
	struct folio *folio = filemap_lock_folio(mapping, index);

	if (!folio)
		return;
	folio_wait_writeback(folio);
	memset((char *)folio_address(folio) + from, 0, to - from);
	folio_unlock(folio);
	folio_put(folio);
}

/* The next folio at or after *index with a reference, up to last; NULL at the end. */
static struct folio *next_folio(struct address_space *mapping, unsigned long *index, pgoff_t last)
{
	struct folio *folio;

	rcu_read_lock();
	do
		folio = xa_find(&mapping->i_pages, index, last, XA_PRESENT);
	while (folio && !folio_try_get(folio));
	rcu_read_unlock();
	return folio;
}

/* The next folio at or after *index, locked, up to last; NULL at the end. */
static struct folio *next_locked(struct address_space *mapping, unsigned long *index, pgoff_t last)
{
	while (*index <= last) {
		struct folio *folio;

		rcu_read_lock();
		folio = xa_find(&mapping->i_pages, index, last, XA_PRESENT);
		rcu_read_unlock();
		if (!folio)
			return NULL;
		folio = filemap_lock_folio(mapping, *index);
		if (folio)
			return folio;
		if ((*index)++ == last)
			return NULL;
	}
	return NULL;
}

void truncate_inode_pages_range(struct address_space *mapping, loff_t lstart, loff_t lend)
{
	pgoff_t first = ((u64)lstart + PAGE_SIZE - 1) >> PAGE_SHIFT;
	pgoff_t end = lend == -1 ? ULONG_MAX
				 : ((u64)lend + 1) >> PAGE_SHIFT; /* first page that stays */
	size_t head = lstart & ~PAGE_MASK, tail = lend == -1 ? 0 : (lend + 1) & ~PAGE_MASK;
	unsigned long index = first;
	struct folio *folio;

	if (head && lend != -1 && (pgoff_t)(lstart >> PAGE_SHIFT) == end) {
		zero_partial(mapping, end, head, tail);
		return;
	}
	if (head)
		zero_partial(mapping, lstart >> PAGE_SHIFT, head, PAGE_SIZE);
	if (tail)
		zero_partial(mapping, end, 0, tail);
	if (end <= first)
		return;
	while ((folio = next_locked(mapping, &index, end - 1))) {
		folio_wait_writeback(folio);
		/* What an entry knows of dirt goes with it, while it still counts. */
		if (folio_mapped(folio))
			mapping_ops->unmap_pages(mapping, index, 1, false);
		filemap_remove_folio(folio);
		folio_unlock(folio);
		folio_put(folio);
		cond_resched();
	}
}

unsigned long invalidate_mapping_pages(struct address_space *mapping, pgoff_t first, pgoff_t last)
{
	unsigned long index = first, gone = 0;
	struct folio *folio;

	while ((folio = next_folio(mapping, &index, last))) {
		if (folio_trylock(folio)) {
			if (folio->mapping == mapping && !folio_test_writeback(folio))
				gone += remove_mapping(mapping, folio);
			folio_unlock(folio);
		}
		folio_put(folio);
		if (index++ == last)
			break;
		cond_resched();
	}
	return gone;
}

/*
 * Takes it out. Not while a mounted file system has it (AS_METADATA), who would change what nobody writes any more; it comes by
 * references alone, so they are frozen. => locked, not mapped, one reference ours
 */
static bool leave_cache(struct address_space *mapping, struct folio *folio)
{
	if (test_bit(AS_METADATA, &mapping->flags))
		return remove_mapping(mapping, folio);
	filemap_remove_folio(folio);
	return true;
}

int invalidate_inode_pages2_range(struct address_space *mapping, pgoff_t first, pgoff_t last)
{
	unsigned long index = first;
	struct folio *folio;
	int err = 0;

	while ((folio = next_locked(mapping, &index, last))) {
		folio_wait_writeback(folio);
		if (folio_mapped(folio))
			mapping_ops->unmap_pages(mapping, index, 1, false);
		if (folio_test_dirty(folio) || !leave_cache(mapping, folio))
			err = -EBUSY;
		else
			/* A fault that saw it in the cache may be mapping it just now; afterwards none can any more. */
			mapping_ops->unmap_pages(mapping, index, 1, false);
		folio_unlock(folio);
		folio_put(folio);
		if (index++ == last)
			break;
		cond_resched();
	}
	return err;
}

void truncate_pagecache(struct inode *inode, loff_t newsize)
{
	struct address_space *mapping = inode->i_mapping;
	pgoff_t hole = ((u64)newsize + PAGE_SIZE - 1) >> PAGE_SHIFT;

	mapping_ops->unmap_pages(mapping, hole, 0, true);
	truncate_inode_pages_range(mapping, newsize, -1);
	mapping_ops->unmap_pages(mapping, hole, 0, true);
}
