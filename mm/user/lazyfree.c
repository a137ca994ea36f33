/*
 * Lazily freed pages: the list, and how reclaim takes them.
 *
 * 1. madvise(MADV_FREE) says: the contents are of no use any more. Taking the pages at once would cost a fault and a cleared
 *    page for each one that is used again, as memory allocators do; so they stay until somebody needs memory.
 * 2. The dirty bit of the entry decides. MADV_FREE clears it; a write sets it again, and no fault is needed. try_to_unmap
 *    clears the entry, flushes, and then looks: clean, nobody else has a reference: gone, and the next access finds a page
 *    of zeroes. Dirty: the entry comes back and the page is an ordinary one.
 * 3. Reclaim takes pages off the list into an array, not another list: mlock uses the list's pointers as soon as PG_lru is
 *    clear. What could not be taken goes back to the list's young end.
 * 4. It runs inside allocations, so under locks of whoever allocates: folio and anon_vma are only tried.
 *
 * Locks: lru_lock; folio lock and anon_vma's rwsem tried; then those of rmap.c. Mirrors Linux mm/swap.c (lru_lazyfree) and the
 * lazyfree part of mm/vmscan.c (shrink_folio_list). Exercised by the suites rmap and rmap_storm.
 */
#include "mm/user/lazyfree.h"

#include "kernel/sched.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"
#include "mm/user/rmap.h"

#define ISOLATE_BATCH 32

static struct lruvec *folio_lruvec(const struct folio *folio)
{
	return &page_pgdat(&folio->page)->__lruvec;
}

static void count_inactive(struct folio *folio, long nr)
{
	node_stat_mod_folio(folio, NR_INACTIVE_FILE, nr);
	mod_zone_page_state(page_zone(&folio->page), NR_ZONE_INACTIVE_FILE, nr);
}

/* => lru_lock */
static void list_in(struct folio *folio)
{
	folio_set_lru(folio);
	list_add(&folio->lru, &folio_lruvec(folio)->lists[LRU_INACTIVE_FILE]);
	count_inactive(folio, (long)folio_nr_pages(folio));
}

/* => lru_lock, PG_lru set */
static void list_out(struct folio *folio)
{
	list_del(&folio->lru);
	folio_clear_lru(folio);
	count_inactive(folio, -(long)folio_nr_pages(folio));
}

void folio_mark_lazyfree(struct folio *folio)
{
	guard(spinlock_irqsave)(&folio_lruvec(folio)->lru_lock);
	if (!folio_test_swapbacked(folio) || folio_test_mlocked(folio) || folio_test_lru(folio))
		return;
	folio_clear_referenced(folio);
	folio_clear_swapbacked(folio);
	list_in(folio);
	count_vm_events(PGLAZYFREE, folio_nr_pages(folio));
}

void folio_unmark_lazyfree(struct folio *folio)
{
	guard(spinlock_irqsave)(&folio_lruvec(folio)->lru_lock);
	if (folio_test_lru(folio))
		list_out(folio);
	folio_set_swapbacked(folio);
}

void folio_migrate_lazyfree(struct folio *dst, struct folio *src)
{
	if (likely(folio_test_swapbacked(src)))
		return;
	guard(spinlock_irqsave)(&folio_lruvec(dst)->lru_lock);
	list_in(dst);
}

/* The last reference is gone. */
static void free_lru_folio(struct folio *folio)
{
	if (folio_test_mlocked(folio))
		folio_forget_mlock(folio);
	guard(spinlock_irqsave)(&folio_lruvec(folio)->lru_lock);
	if (folio_test_lru(folio))
		list_out(folio);
}

/* ---- reclaim ---- */

/* The oldest pages of the list, off it and with a reference each. */
static unsigned int isolate(struct lruvec *lruvec, struct folio **batch, unsigned long max)
{
	struct list_head *list = &lruvec->lists[LRU_INACTIVE_FILE], *at, *prev;
	unsigned int nr = 0;

	guard(spinlock_irqsave)(&lruvec->lru_lock);
	for (at = list->prev; at != list && nr < max; at = prev) {
		struct folio *folio = list_entry(at, struct folio, lru);

		prev = at->prev;
		/* Zero: its last owner waits for the lock to take it out. */
		if (!folio_try_get(folio))
			continue;
		list_out(folio);
		batch[nr++] = folio;
	}
	return nr;
}

static void putback(struct folio *folio)
{
	guard(spinlock_irqsave)(&folio_lruvec(folio)->lru_lock);
	if (!folio_test_swapbacked(folio) && !folio_test_mlocked(folio) && !folio_test_lru(folio))
		list_in(folio);
}

/* Takes the page from all its processes: true. False: it is in use, or is none of the kind any more. => reference */
static bool discard(struct folio *folio, bool force)
{
	unsigned long vm_flags;
	bool gone = false;

	if (!folio_trylock(folio))
		return false;
	if (force || !folio_referenced_try(folio, &vm_flags))
		gone = folio_mapped(folio) && try_to_unmap(folio, TTU_TRYLOCK);
	folio_unlock(folio);
	return gone;
}

unsigned long shrink_lazyfree(struct pglist_data *pgdat, unsigned long nr, bool force)
{
	struct folio *batch[ISOLATE_BATCH];
	/* What goes back to the list's other end has had its turn. */
	unsigned long left = min(nr, node_page_state(pgdat, NR_INACTIVE_FILE)), freed = 0;
	unsigned int i, n;

	while (left && (n = isolate(&pgdat->__lruvec, batch, min(left, ISOLATE_BATCH + 0UL)))) {
		count_vm_events(PGSCAN_DIRECT, n);
		for (i = 0; i < n; i++) {
			if (discard(batch[i], force))
				freed++;
			else
				putback(batch[i]);
			folio_put(batch[i]);
		}
		left -= n;
		cond_resched();
	}
	count_vm_events(PGLAZYFREED, freed);
	count_vm_events(PGSTEAL_DIRECT, freed);
	return freed;
}

static const struct folio_free_ops lru_free_ops = { .free_folio = free_lru_folio };

void lazyfree_init(void)
{
	register_folio_free_ops(&lru_free_ops);
}
