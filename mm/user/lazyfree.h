/*
 * Lazily freed pages and locked pages: the two things that a page of a process can be beside ordinary.
 *
 * 1. Lazily freed (madvise(MADV_FREE)): anonymous, PG_swapbacked clear, PG_lru set, on its node's list of inactive file pages.
 *    Its entries were made clean; as long as they stay so, its contents may be thrown away. Who writes to it takes that
 *    back, without a fault: the dirty bit tells.
 * 2. Locked (mlock): PG_mlocked and PG_unevictable, on no list; folio->mlock_count, in the place of the list's pointer,
 *    is the number of entries of locked areas that map it: each such entry is set together with
 *    mlock_vma_folio() and cleared together with munlock_vma_folio(). Exact but for a race that mlock.c tells of.
 * 3. So /proc/meminfo: Inactive(file) counts the first kind, Unevictable and Mlocked the second. Other pages are on no list yet.
 *
 * Locks: the node's lru_lock, inside ptl, from interrupts too (a last reference may be dropped there): list, mlock_count and
 * these flags. Mirrors Linux mm/swap.c (folio_mark_lazyfree) and mm/mlock.c. Theory of taking back: lazyfree.c.
 * Exercised by the suites rmap and rmap_storm and by tests/user/mlock.c.
 */
#pragma once

#include "mm/phys/page.h"
#include "mm/user/mm.h"

/* An anonymous folio that only this entry maps, just made clean; nothing if it is locked or marked already. => ptl */
void folio_mark_lazyfree(struct folio *folio);
/* Back to an ordinary page: somebody wrote to it. Any context that may take lru_lock. */
void folio_unmark_lazyfree(struct folio *folio);
/* Migration: what src was, dst is. => both locked, nobody maps either */
void folio_migrate_lazyfree(struct folio *dst, struct folio *src);
/*
 * Reclaim: throws away up to nr lazily freed pages of the node that were not used lately (with force: or were). How many
 * went. => may sleep; the caller may hold any lock but a folio's, ptl and those that interrupts take
 */
unsigned long shrink_lazyfree(struct pglist_data *pgdat, unsigned long nr, bool force);
void lazyfree_init(void); /* once, at boot */

void __mlock_folio(struct folio *folio);
void __munlock_folio(struct folio *folio);
/* Freed although some entry of a locked area still counts. */
void folio_forget_mlock(struct folio *folio);

/* Pages of a device or of the kernel's (VM_SPECIAL) are not locked with their area. */
static __always_inline bool vma_locks_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_LOCKED | VM_SPECIAL)) == VM_LOCKED;
}

/* An entry of vma that maps the folio was set, or is about to be cleared. => its ptl */
static __always_inline void mlock_vma_folio(struct folio *folio, const struct vm_area_struct *vma)
{
	if (unlikely(vma_locks_pages(vma)))
		__mlock_folio(folio);
}
static __always_inline void munlock_vma_folio(struct folio *folio, const struct vm_area_struct *vma)
{
	if (unlikely(vma_locks_pages(vma)))
		__munlock_folio(folio);
}
