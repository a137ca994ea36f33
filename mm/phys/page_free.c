/*
 * Pages come back.
 *
 * 1. When the last reference is dropped the block is stripped of its last owner's state (free_pages_prepare), and goes onto
 *    this CPU's list; large blocks, and pages of isolated pageblocks, go straight to the zone.
 * 2. A block is freed as a whole. A compound page knows its size; of another block only the first page has a
 *    reference, and whoever frees it must know the order. If a stranger holds a reference to that first page for a moment
 *    (a speculative look-up), he will free one page: the rest is freed at once by the one who knew (free_all_but_first).
 * 3. Pages freed many at a time are mostly neighbours: they were allocated so. A run of them goes back as whole
 *    blocks under one lock instead of one by one through the lists.
 * 4. In debug kernels a page that still shows signs of life (mapped, on the LRU, locked, owned) is reported and never used
 *    again (page_check.c): a leak instead of two owners.
 *
 * Locks: zone->lock in free_one_page() and free_run(). Mirrors Linux mm/page_alloc.c (free_pages_prepare,
 * free_unref_page), mm/swap.c (__folio_put). Exercised by the buddy suites.
 */
#include "kernel/bug.h"
#include "kernel/spinlock.h"
#include "mm/phys/internal.h"

static const struct folio_free_ops *folio_free_ops;

void register_folio_free_ops(const struct folio_free_ops *ops)
{
	WRITE_ONCE(folio_free_ops, ops);
}

/* ---- a page loses its state ---- */

static noinline void free_tail_pages(struct page *head, unsigned int order)
{
	struct folio *folio = (struct folio *)head;

	head->flags &= ~BIT(PG_head);
	/* What the first tail held for the folio lies over its mapping and index. */
	folio->_folio_order = 0;
	folio->_folio_nr_pages = 0;
	atomic_set(&folio->_nr_pages_mapped, 0);
	atomic_set(&folio->_pincount, 0);
	for (unsigned long i = 1; i < BIT(order); i++) {
		head[i].compound_head = 0;
		head[i].flags &= ZONE_NODE_MASK;
	}
}

/* Strips a block of its last owner's state; false if it is not fit to be used again. */
static __always_inline bool free_pages_prepare(struct page *page, unsigned int order)
{
	if (!page_free_ok(page, order))
		return false;
	if (unlikely(page->flags & BIT(PG_head)))
		free_tail_pages(page, order);
	page->mapping = NULL;
	page->flags &= ZONE_NODE_MASK;
	if (unlikely(page_debug))
		page_debug_free(page, order);
	return true;
}

/* ---- to the zone, to this CPU's list ---- */

void free_one_page(struct zone *zone, struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);

	guard(zone_lock)(zone);
	/* One of its two pageblocks may have become special (isolated) while it was in use. */
	if (order > pageblock_order &&
	    get_pfnblock_migratetype(pfn) != get_pfnblock_migratetype(pfn + pageblock_nr_pages)) {
		order = pageblock_order;
		__free_one_page(zone, pfn + pageblock_nr_pages, order,
				get_pfnblock_migratetype(pfn + pageblock_nr_pages));
	}
	__free_one_page(zone, pfn, order, get_pfnblock_migratetype(pfn));
}

static noinline void free_to_zone(struct zone *zone, struct page *page, unsigned int order)
{
	count_vm_events(PGFREE, BIT(order));
	free_one_page(zone, page, order);
}

/* => prepared, count zero, order < NR_PCP_ORDERS */
static __always_inline void free_to_pcp(struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);
	int mt = get_pfnblock_migratetype(page_to_pfn(page));
	struct per_cpu_pages *pcp;

	if (unlikely(mt >= MIGRATE_PCPTYPES)) {
		/* Isolated pages must not be given out again; those of the other special types may be. */
		if (mt == MIGRATE_ISOLATE)
			return free_to_zone(zone, page, order);
		mt = MIGRATE_MOVABLE;
	}
	if (unlikely(!pcp_trylock(zone, &pcp)))
		return free_to_zone(zone, page, order);
	list_add(&page->pcp_list, pcp_list(pcp, order, mt));
	pcp->frees += 1UL << order;
	pcp->count += 1 << order;
	if (unlikely(pcp->count > pcp->high))
		pcp_drain(zone, pcp, pcp->batch);
	pcp_unlock(pcp);
}

static noinline void free_large(struct page *page, unsigned int order)
{
	if (order < NR_PCP_ORDERS)
		free_to_pcp(page, order);
	else
		free_to_zone(page_zone(page), page, order);
}

void free_unref_page(struct page *page, unsigned int order)
{
	if (!free_pages_prepare(page, order))
		return;
	if (likely(!order))
		free_to_pcp(page, 0);
	else
		free_large(page, order);
}

/* ---- the interface ---- */

/* Somebody holds a speculative reference to the first page of a block and will free that one. The others are ours. */
static noinline void free_all_but_first(struct page *page, unsigned int order)
{
	while (order-- > 0)
		free_unref_page(page + BIT(order), order);
}

void __free_pages(struct page *page, unsigned int order)
{
	bool head = PageHead(page); /* asked before it may be gone */

	if (unlikely(!put_page_testzero(page))) {
		if (!head && order)
			free_all_but_first(page, order);
		return;
	}
	if (likely(!order)) {
		if (free_pages_prepare(page, 0))
			free_to_pcp(page, 0);
		return;
	}
	free_unref_page(page, order);
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(virt_to_page(addr), order);
}

void __folio_put(struct folio *folio)
{
	const struct folio_free_ops *ops = READ_ONCE(folio_free_ops);

	if (ops)
		ops->free_folio(folio);
	free_unref_page(&folio->page, folio_order(folio));
}

void split_page(struct page *page, unsigned int order)
{
	VM_BUG_ON(PageCompound(page) || page_ref_count(page) != 1);
	for (unsigned long i = 1; i < BIT(order); i++)
		set_page_count(page + i, 1);
	if (unlikely(page_debug))
		page_debug_split(page, order);
}

/* ---- many at once ---- */

/* nr neighbours of one zone, prepared. */
static noinline void free_run(struct page *page, unsigned long nr)
{
	struct zone *zone = page_zone(page);
	unsigned long pfn = page_to_pfn(page);

	count_vm_events(PGFREE, nr);
	guard(zone_lock)(zone);
	__free_range(zone, pfn, pfn + nr);
}

void free_pages_bulk(struct page **pages, unsigned long nr)
{
	unsigned long i = 0;

	while (i < nr) {
		struct page *first = pages[i], *page;
		unsigned long run = 0;

		/* As far as neighbours follow each other, and nobody else holds one of them. */
		do {
			page = pages[i++];
			if (!put_page_testzero(page) || !free_pages_prepare(page, 0))
				break;
			run++;
		} while (i < nr && pages[i] == page + 1 &&
			 !((pages[i]->flags ^ page->flags) & ZONE_NODE_MASK));
		if (run && run >= raw_cpu_ptr(page_zone(first)->per_cpu_pageset)->batch)
			free_run(first, run);
		else
			for (page = first; page < first + run; page++)
				free_to_pcp(page, 0);
	}
}
