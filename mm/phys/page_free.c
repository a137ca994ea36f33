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
#include "kernel/trace/kmem.h"
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

/* Nothing of a single page's last owner stays but where it lies. */
static __always_inline void strip_page(struct page *page)
{
	page->mapping = NULL;
	page->flags &= ZONE_NODE_MASK;
}

/* Strips a block of its last owner's state; false if it is not fit to be used again. */
static bool free_pages_prepare(struct page *page, unsigned int order)
{
	if (!page_free_ok(page, order))
		return false;
	if (page->flags & BIT(PG_head))
		free_tail_pages(page, order);
	strip_page(page);
	if (unlikely(page_debug))
		page_debug_free(page, order);
	return true;
}

/* ---- to the zone, to this CPU's list: all of a block that is prepared and has count zero ---- */

void free_one_page(struct zone *zone, struct page *page, unsigned int order)
{
	unsigned int mt;

	guard(zone_lock)(zone);
	/* Not before: a block changes its type, and moves its free pages to that type's lists, under the lock. */
	mt = get_pageblock_migratetype(page);
	/* One of its two pageblocks may have become special (isolated) while it was in use. */
	if (unlikely(order > pageblock_order)) {
		struct page *second = page + pageblock_nr_pages;
		unsigned int mt2 = get_pageblock_migratetype(second);

		if (mt != mt2) {
			order = pageblock_order;
			__free_one_page(zone, page_to_pfn(second), order, mt2);
		}
	}
	__free_one_page(zone, page_to_pfn(page), order, mt);
}

static noinline void free_to_zone(struct page *page, unsigned int order)
{
	count_vm_events(PGFREE, BIT(order));
	free_one_page(page_zone(page), page, order);
}

static __always_inline void free_to_list(struct page *page, unsigned int order, unsigned int mt)
{
	struct per_cpu_pages *pcp = this_cpu_read(pcp_table.of_zone[page_zone_id(page)]);

	if (unlikely(pcp->busy))
		return free_to_zone(page, order);
	pcp_enter(pcp);
	list_add(&page->pcp_list, pcp_list(pcp, order, mt));
	pcp->frees += 1UL << order;
	pcp->count += 1 << order;
	if (unlikely(pcp->count > pcp->high))
		return pcp_overflow(pcp);
	pcp_leave(pcp);
}

/* Isolated pages must not be given out again; those of the other special types may be, and may move. */
static noinline void free_special_type(struct page *page, unsigned int order, unsigned int mt)
{
	if (mt == MIGRATE_ISOLATE)
		free_to_zone(page, order);
	else
		free_to_list(page, order, MIGRATE_MOVABLE);
}

static __always_inline void put_block(struct page *page, unsigned int order)
{
	unsigned int mt;

	if (order >= NR_PCP_ORDERS)
		return free_to_zone(page, order);
	mt = get_pageblock_migratetype(page);
	if (unlikely(mt >= MIGRATE_PCPTYPES))
		return free_special_type(page, order, mt);
	free_to_list(page, order, mt);
}

/* A block with tails, or with somebody who watches. */
static noinline void free_carefully(struct page *page, unsigned int order)
{
	if (free_pages_prepare(page, order))
		put_block(page, order);
}

/* Every way out of here is a jump: the hot path has nothing to keep over a call. */
static __always_inline void free_block(struct page *page, unsigned int order)
{
	if (unlikely((page->flags & BIT(PG_head)) | page_debug) || pages_are_checked)
		return free_carefully(page, order);
	strip_page(page);
	put_block(page, order);
}

void free_unref_page(struct page *page, unsigned int order)
{
	free_block(page, order);
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

	if (likely(put_page_testzero(page)))
		return free_block(page, order);
	if (!head && order)
		free_all_but_first(page, order);
}

void __free_page(struct page *page)
{
	if (likely(put_page_testzero(page)))
		free_block(page, 0);
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(virt_to_page(addr), order);
}

void __folio_put(struct folio *folio)
{
	if (unlikely(folio->flags & (BIT(PG_lru) | BIT(PG_mlocked))))
		READ_ONCE(folio_free_ops)->free_folio(folio);
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

static noinline void trace_batch(struct page **pages, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		if (page_ref_count(pages[i]) == 1)
			trace_mm_page_free_batched(page_to_pfn(pages[i]));
}

void free_pages_bulk(struct page **pages, unsigned long nr)
{
	unsigned long i = 0;

	if (unlikely(trace_mm_page_free_batched_enabled()))
		trace_batch(pages, nr);
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
				put_block(page, 0);
	}
}
