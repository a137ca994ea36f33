/*
 * Reverse mapping: counting who maps a page, and finding all of them.
 *
 * 1. _mapcount of a page (from -1) is the number of page-table entries that map it, exactly: each entry is set together with
 *    one of the folio_add_*_rmap calls and cleared together with folio_remove_rmap_pte(). A large folio also counts the
 *    entries of all its pages together (_large_mapcount). Migration entries do not count.
 * 2. A page counts once in its node's AnonPages and Mapped however many entries map it: only the first mapping and the last
 *    unmapping touch them.
 * 3. An anonymous page is exclusive (PageAnonExclusive) while one process alone can map it; then a write needs no copy. It
 *    is born so, and fork takes it away, except from a page that is pinned (gup.h), of which it makes a copy; pinned pages do
 *    not migrate either.
 *    Invariants: an exclusive page has one mapping at most; a writable entry of a private area maps an exclusive page.
 * 4. The other direction, from a page to its entries, is rmap_walk(): theory in rmap.c.
 *
 * Locks: counting: the page-table lock of the entry. Walking: the folio lock, which also keeps folio->mapping.
 * Mirrors Linux include/linux/rmap.h. Exercised by tests/user/{rmap,procsys}.c (meminfo adds up).
 */
#pragma once

#include "mm/phys/page.h"
#include "mm/phys/vmstat.h"
#include "mm/user/anon_vma.h"
#include "mm/user/mm.h"

typedef unsigned int rmap_t;
#define RMAP_NONE      0u
#define RMAP_EXCLUSIVE BIT(0) /* nobody else can map the page */

/* ---- pins ---- */

/* A pin of a small folio is this many references, so that pins can be told from other users. */
#define GUP_PIN_COUNTING_BIAS 1024

/* May somebody have pinned the folio for direct access? Never wrong when it says no. */
static __always_inline bool folio_maybe_dma_pinned(const struct folio *folio)
{
	if (unlikely(folio_test_large(folio)))
		return atomic_read(&folio->_pincount) > 0;
	return (unsigned int)folio_ref_count(folio) >= GUP_PIN_COUNTING_BIAS;
}

/* ---- counting: each call for one entry, with its table's lock held ---- */

static __always_inline struct anon_vma *folio_anon_vma(const struct folio *folio)
{
	unsigned long mapping = (unsigned long)folio->mapping;

	if ((mapping & PAGE_MAPPING_FLAGS) != PAGE_MAPPING_ANON)
		return NULL;
	return (struct anon_vma *)(mapping - PAGE_MAPPING_ANON);
}

/* Place of address in vma's pages, in the numbers that page->index uses. */
static __always_inline pgoff_t linear_page_index(const struct vm_area_struct *vma,
						 unsigned long address)
{
	return ((address - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff;
}

static __always_inline void __folio_set_anon(struct folio *folio, struct vm_area_struct *vma,
					     unsigned long address)
{
	VM_BUG_ON(!vma->anon_vma || address < vma->vm_start || address >= vma->vm_end);
	folio->index = linear_page_index(vma, address);
	WRITE_ONCE(folio->mapping,
		   (struct address_space *)((unsigned long)vma->anon_vma | PAGE_MAPPING_ANON));
}

/*
 * A fresh folio of one page, which nobody else has seen, becomes vma's anonymous page: swap-backed, uptodate, exclusive, mapped
 * once. => vma->anon_vma is there
 */
static __always_inline void folio_add_new_anon_rmap(struct folio *folio, struct vm_area_struct *vma,
						    unsigned long address)
{
	VM_BUG_ON(folio_test_large(folio));
	__folio_set_anon(folio, vma, address);
	folio->flags |= BIT(PG_uptodate) | BIT(PG_swapbacked) | BIT(PG_anon_exclusive);
	atomic_set(&folio->_mapcount, 0);
	node_stat_mod_folio(folio, NR_ANON_MAPPED, 1);
}

/* One entry more; true if it is the page's first. */
static __always_inline bool __page_inc_mapcount(struct folio *folio, struct page *page)
{
	if (unlikely(folio_test_large(folio)))
		atomic_inc(&folio->_large_mapcount);
	return atomic_inc_return(&page->_mapcount) == 0;
}

/* One more entry for a page that is anonymous already: swapped in, or at the end of a migration. */
static __always_inline void folio_add_anon_rmap_pte(struct folio *folio, struct page *page,
						    rmap_t flags)
{
	VM_BUG_ON(!folio_test_anon(folio));
	if (__page_inc_mapcount(folio, page))
		node_stat_mod_folio(folio, NR_ANON_MAPPED, 1);
	if (flags & RMAP_EXCLUSIVE)
		SetPageAnonExclusive(page);
	VM_BUG_ON(PageAnonExclusive(page) && page_mapcount(page) > 1);
}

static __always_inline void folio_add_file_rmap_pte(struct folio *folio, struct page *page)
{
	VM_BUG_ON(folio_test_anon(folio));
	if (__page_inc_mapcount(folio, page))
		node_stat_mod_folio(folio, NR_FILE_MAPPED, 1);
}

/* One more entry for a page that some entry maps already (fork). */
static __always_inline void folio_dup_file_rmap_pte(struct folio *folio, struct page *page)
{
	__page_inc_mapcount(folio, page);
}

/*
 * The same for an anonymous page, which stops being exclusive. Not 0: it is exclusive and may be pinned (has_pins says that
 * the process has pins): the device would write where one of the two owners no longer looks, so the child must get a
 * copy now.
 */
static __always_inline int folio_try_dup_anon_rmap_pte(struct folio *folio, struct page *page,
						       bool has_pins)
{
	if (PageAnonExclusive(page)) {
		if (unlikely(has_pins) && folio_maybe_dma_pinned(folio))
			return -1;
		ClearPageAnonExclusive(page);
	}
	__page_inc_mapcount(folio, page);
	return 0;
}

/* One entry less; true if it was the page's last. The caller counts it in the node's numbers. */
static __always_inline bool __folio_remove_rmap_pte(struct folio *folio, struct page *page)
{
	VM_BUG_ON(page_mapcount(page) < 1);
	if (unlikely(folio_test_large(folio)))
		atomic_dec(&folio->_large_mapcount);
	return atomic_dec_return(&page->_mapcount) < 0;
}

static __always_inline void folio_remove_rmap_pte(struct folio *folio, struct page *page)
{
	if (__folio_remove_rmap_pte(folio, page))
		node_stat_mod_folio(folio, folio_test_anon(folio) ? NR_ANON_MAPPED : NR_FILE_MAPPED,
				    -1);
}

/*
 * Of a folio that turned out to have one owner left, vma's: it and what it maps are found through vma's anon_vma alone from
 * now on. => folio locked (a walk holds that), entry's table locked
 */
static __always_inline void folio_move_anon_rmap(struct folio *folio, struct vm_area_struct *vma)
{
	VM_BUG_ON(!folio_test_locked(folio) || !vma->anon_vma);
	WRITE_ONCE(folio->mapping,
		   (struct address_space *)((unsigned long)vma->anon_vma | PAGE_MAPPING_ANON));
}

/* ---- walking: rmap.c ---- */

/*
 * What rmap_walk() does with each place (area, address) where a page of the folio may be mapped.
 */
struct rmap_walk_control {
	void *arg;
	/* The caller has a reference of the anon_vma: the walk also finds what a folio without any mapping left behind. */
	bool anon_vma_held;
	/* The caller may hold such locks already: the walk does not wait for the tree's, and finds nothing then. */
	bool try_lock;
	/* False ends the walk. May sleep. */
	bool (*rmap_one)(struct folio *folio, struct vm_area_struct *vma, unsigned long address,
			 void *arg);
	bool (*done)(struct folio *folio); /* asked after each place; NULL: never */
	bool (*invalid_vma)(struct vm_area_struct *vma, void *arg); /* not this area; NULL: all */
};

/* => folio locked and referenced; may sleep */
void rmap_walk(struct folio *folio, const struct rmap_walk_control *rwc);

/*
 * How many entries were used since the last call, which forgets it. *vm_flags: all flags of the areas that map the folio;
 * with VM_LOCKED the count is not complete. Areas that are read once from front to back do not count.
 * => folio locked and referenced; may sleep
 */
int folio_referenced(struct folio *folio, unsigned long *vm_flags);
/* The same for reclaim, which does not wait for a tree's lock; 1 if it had to. */
int folio_referenced_try(struct folio *folio, unsigned long *vm_flags);
/* Write-protects and cleans the shared mappings of a file's folio: the number of entries changed. => as above */
int folio_mkclean(struct folio *folio);

enum ttu_flags {
	TTU_IGNORE_MLOCK = BIT(0), /* from locked areas, too */
	TTU_TRYLOCK = BIT(1),	   /* do not wait for the tree's lock */
};
/*
 * Takes a file's folio out of all page tables; dirty entries make it dirty. False: some mapping is left, as of a locked area.
 * Of anonymous folios only lazily freed ones go, with their contents, if nobody wrote to them since: else they are ordinary
 * again. There is no swap for the others. => folio locked and referenced, once by the caller; may sleep
 */
bool try_to_unmap(struct folio *folio, enum ttu_flags flags);
/*
 * Puts a migration entry in the place of each entry. False: a mapping is left, or the folio is pinned: then
 * remove_migration_ptes(folio, folio) undoes it. => as above, and a reference of the anon_vma
 */
bool try_to_migrate(struct folio *folio);
/* Makes the entries that try_to_migrate(src) left map dst. => both locked; dst has src's mapping and index */
void remove_migration_ptes(struct folio *src, struct folio *dst);
