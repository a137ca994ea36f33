/*
 * When memory is short, clean pages of files on disks go: they can be read again.
 *
 * 1. Mappings of disks that have pages stand in one list. Each call takes the first one, looks at pages from where the last
 *    look at it ended, and moves it to the end of the list once all of it has been looked at: so every page gets its turn.
 * 2. What is mapped, dirty, locked or in anybody's hands stays: only a try at locks is made here, since the one who allocates may
 *    hold any of them. Dirty pages are the flusher's (kernel/fs/fs-writeback.c).
 * 3. Nothing keeps a mapping from going away but RCU: its inode is freed by it. A locked folio that is still in the mapping
 *    keeps it, too, since the inode's end takes out each folio under its lock.
 *
 * Locks: cached_lock, inside i_pages_lock, for the list and shrink_index. Stands where Linux has its LRU lists (mm/vmscan.c).
 * Exercised by tests/boot/test_disk.py.
 */
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "mm/cache/backing-dev.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/vmstat.h"

#define BATCH 15

static DEFINE_SPINLOCK(cached_lock);
static LIST_HEAD(cached_mappings);

void mapping_got_pages(struct address_space *mapping)
{
	spin_lock(&cached_lock);
	list_add_tail(&mapping->cached_list, &cached_mappings);
	spin_unlock(&cached_lock);
}

void mapping_lost_pages(struct address_space *mapping)
{
	spin_lock(&cached_lock);
	list_del_init(&mapping->cached_list);
	spin_unlock(&cached_lock);
}

/* Some folios of the list's first mapping, with references. 0: it has been seen to its end, the next one's turn; -1: no mapping. */
static int next_batch(struct folio **batch)
{
	struct address_space *mapping;
	unsigned long flags, index;
	struct folio *folio;
	int n = 0;

	guard(rcu)();
	spin_lock_irqsave(&cached_lock, flags);
	mapping = list_first_entry_or_null(&cached_mappings, struct address_space, cached_list);
	spin_unlock_irqrestore(&cached_lock, flags);
	if (!mapping)
		return -1;
	index = READ_ONCE(mapping->shrink_index);
	for (folio = xa_find(&mapping->i_pages, &index, ULONG_MAX, XA_PRESENT); folio;
	     folio = xa_find_after(&mapping->i_pages, &index, ULONG_MAX, XA_PRESENT)) {
		if (!xa_is_value(folio) && folio_try_get(folio))
			batch[n++] = folio;
		if (n == BATCH)
			break;
	}
	spin_lock_irqsave(&cached_lock, flags);
	mapping->shrink_index = n == BATCH ? index + 1 : 0;
	if (n < BATCH && !list_empty(&mapping->cached_list))
		list_move_tail(&mapping->cached_list, &cached_mappings);
	spin_unlock_irqrestore(&cached_lock, flags);
	return n;
}

static bool try_to_free(struct folio *folio)
{
	struct address_space *mapping;
	bool gone = false;

	if (folio_test_dirty(folio) || folio_test_writeback(folio) || folio_mapped(folio) ||
	    !folio_trylock(folio))
		return false;
	/* With its last folio goes what keeps the mapping from its end. */
	rcu_read_lock();
	mapping = folio->mapping;
	if (mapping && !folio_test_writeback(folio))
		gone = remove_mapping(mapping, folio);
	rcu_read_unlock();
	folio_unlock(folio);
	return gone;
}

unsigned long shrink_page_cache(unsigned long nr_to_scan)
{
	unsigned long scanned = 0, freed = 0;
	struct folio *batch[BATCH];
	int n, i, empty = 0;

	/* Files with a few pages each, or with none that can be had now, must not keep this going. */
	while (scanned < nr_to_scan && empty < BATCH && (n = next_batch(batch)) >= 0) {
		for (i = 0; i < n; i++) {
			freed += try_to_free(batch[i]);
			folio_put(batch[i]);
		}
		scanned += n;
		empty = n ? 0 : empty + 1;
		cond_resched();
	}
	count_vm_events(PGSCAN_DIRECT, scanned);
	count_vm_events(PGSTEAL_DIRECT, freed);
	return freed;
}
