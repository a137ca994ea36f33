/*
 * A zone of its own for the page allocator's suites.
 *
 * 1. A few blocks of the highest order are borrowed from the machine and put into ZONE_DEVICE of their node, which nobody
 *    else uses: the pages' flags name that zone, so freeing finds it, and per-CPU lists, watermarks and counters work as in
 *    any zone. Nobody else allocates there, so what a case sees is exactly predictable.
 * 2. arena_reset() makes it one free block of the highest order for each borrowed block, all movable.
 * 3. The core is called directly (take, give), the whole path with arena_alloc(): a zonelist with only this zone.
 *
 * => suites run one after the other, and each calls arena_init() and arena_exit() in its own.
 */
#pragma once

#include "kernel/ktest.h"
#include "kernel/smp.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/phys/internal.h"
#include "mm/slab/percpu.h"

#define ARENA_BLOCKS 4
#define BLOCK_PAGES  MAX_ORDER_NR_PAGES

struct arena {
	struct zone *zone; /* NULL: no memory to borrow */
	struct zone saved;
	struct zone *saved_entry;
	struct page *blocks[ARENA_BLOCKS];
	u8 types[ARENA_BLOCKS][BLOCK_PAGES >> pageblock_order];
	unsigned long flags; /* of the pages, outside */
	int nr_blocks;
	struct zoneref refs[2];
	struct zonelist zonelist;
};

static struct arena arena;

static inline unsigned long arena_pages(void)
{
	return arena.nr_blocks * BLOCK_PAGES;
}

/* The struct pages of a block as those of pages that nobody has, with these zone bits. */
static inline void arena_fresh_pages(struct page *block, unsigned long flags)
{
	for (unsigned long i = 0; i < BLOCK_PAGES; i++) {
		struct page *page = block + i;

		page->flags = flags;
		page->page_type = ~0U;
		page->private = 0;
		page->mapping = NULL;
		page->lru.next = page->lru.prev = NULL;
		set_page_count(page, 0);
	}
}

static inline void arena_block_types(int migratetype)
{
	for (int b = 0; b < arena.nr_blocks; b++)
		for (unsigned long i = 0; i < BLOCK_PAGES; i += pageblock_nr_pages)
			set_pfnblock_migratetype(page_to_pfn(arena.blocks[b] + i), migratetype);
}

/* Everything as on the first day. => no page of it is anywhere that matters */
static inline void arena_reset(void)
{
	struct zone *zone = arena.zone;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);

		memset(pcp, 0, sizeof(*pcp));
		for (int i = 0; i < NR_PCP_LISTS; i++)
			INIT_LIST_HEAD(&pcp->lists[i]);
		pcp->zone = zone;
		pcp->batch = 15;
		pcp->high = pcp->high_min = pcp->high_max = 60;
	}
	for (int order = 0; order < NR_PAGE_ORDERS; order++) {
		zone->free_area[order].nr_free = 0;
		for (int mt = 0; mt < MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&zone->free_area[order].free_list[mt]);
	}
	memset(zone->vm_stat, 0, sizeof(zone->vm_stat));
	memset(zone->_watermark, 0, sizeof(zone->_watermark));
	memset(zone->lowmem_reserve, 0, sizeof(zone->lowmem_reserve));
	zone->watermark_boost = zone->nr_reserved_highatomic = zone->nr_free_highatomic = 0;
	zone->flags = 0;
	atomic_long_set(&zone->managed_pages, arena_pages());
	zone->present_pages = arena_pages();
	arena_block_types(MIGRATE_MOVABLE);
	for (int b = 0; b < arena.nr_blocks; b++) {
		arena_fresh_pages(arena.blocks[b],
				  (arena.flags & ~((BIT(ZONES_SHIFT) - 1) << ZONES_PGSHIFT)) |
					  ((unsigned long)ZONE_DEVICE << ZONES_PGSHIFT));
		__free_one_page(zone, page_to_pfn(arena.blocks[b]), MAX_PAGE_ORDER,
				MIGRATE_MOVABLE);
	}
}

static inline int arena_init(int blocks)
{
	struct pglist_data *pgdat;
	unsigned long low = ~0UL, high = 0;

	memset(&arena, 0, sizeof(arena));
	for (int b = 0; b < blocks; b++) {
		struct page *page =
			alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, MAX_PAGE_ORDER);

		/* All of one zone: their flags are alike. */
		if (page && b && (page->flags ^ arena.blocks[0]->flags) & ZONE_NODE_MASK) {
			__free_pages(page, MAX_PAGE_ORDER);
			break;
		}
		if (!page)
			break;
		arena.blocks[arena.nr_blocks++] = page;
		for (int i = 0; i < ARRAY_SIZE(arena.types[0]); i++)
			arena.types[b][i] = get_pfnblock_migratetype(page_to_pfn(page) +
								     i * pageblock_nr_pages);
		low = min(low, page_to_pfn(page));
		high = max(high, page_to_pfn(page) + BLOCK_PAGES);
	}
	if (!arena.nr_blocks)
		return 0; /* a small machine: the cases that need it are skipped */
	arena.flags = arena.blocks[0]->flags & ZONE_NODE_MASK;
	pgdat = page_pgdat(arena.blocks[0]);
	arena.zone = &pgdat->node_zones[ZONE_DEVICE];
	arena.saved = *arena.zone;
	arena.saved_entry = zone_table[(pgdat->node_id << ZONES_SHIFT) | ZONE_DEVICE];
	zone_table[(pgdat->node_id << ZONES_SHIFT) | ZONE_DEVICE] = arena.zone;
	spin_lock_init(&arena.zone->lock);
	arena.zone->name = "Arena";
	arena.zone->zone_pgdat = pgdat;
	arena.zone->node = pgdat->node_id;
	arena.zone->zone_start_pfn = low;
	arena.zone->spanned_pages = high - low;
	arena.zone->per_cpu_pageset = alloc_percpu(struct per_cpu_pages);
	arena.refs[0] = (struct zoneref){ arena.zone, ZONE_DEVICE };
	arena.zonelist._zonerefs = arena.refs;
	if (!arena.zone->per_cpu_pageset)
		return -ENOMEM;
	arena_reset();
	pcp_table_update();
	return 0;
}

static inline void arena_exit(void)
{
	struct pglist_data *pgdat;
	void __percpu *lists;

	if (!arena.nr_blocks)
		return;
	pgdat = arena.zone->zone_pgdat;
	lists = arena.zone->per_cpu_pageset;
	/* First out of sight of whoever walks the zones. */
	WRITE_ONCE(arena.zone->present_pages, 0);
	on_each_cpu((smp_call_func_t)drain_local_pages, arena.zone, true);
	for (int b = 0; b < arena.nr_blocks; b++)
		arena_fresh_pages(arena.blocks[b], arena.flags);
	zone_table[(pgdat->node_id << ZONES_SHIFT) | ZONE_DEVICE] = arena.saved_entry;
	*arena.zone = arena.saved;
	pcp_table_update();
	for (int b = 0; b < arena.nr_blocks; b++) {
		unsigned long pfn = page_to_pfn(arena.blocks[b]);

		for (int i = 0; i < ARRAY_SIZE(arena.types[0]); i++)
			set_pfnblock_migratetype(pfn + i * pageblock_nr_pages, arena.types[b][i]);
		set_page_count(arena.blocks[b], 1);
		__free_pages(arena.blocks[b], MAX_PAGE_ORDER);
	}
	free_percpu(lists);
}

#define NEED_ARENA(t, blocks)                                                           \
	do {                                                                            \
		if (arena.nr_blocks < (blocks))                                         \
			return ktest_skip(t, "no %d free blocks of 4M", (int)(blocks)); \
		arena_reset();                                                          \
	} while (0)

/* ---- the core, under the lock ---- */

static inline struct page *take(unsigned int order, int mt)
{
	struct page *page;

	scoped_guard(zone_lock, arena.zone)
		page = __rmqueue(arena.zone, order, mt, 0);
	if (page)
		set_page_count(page, 1);
	return page;
}

static inline void give(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);

	set_page_count(page, 0);
	guard(zone_lock)(arena.zone);
	__free_one_page(arena.zone, pfn, order, get_pfnblock_migratetype(pfn));
}

/* ---- the whole path ---- */

/* As an allocation whose zonelist is the arena alone, at this watermark; __free_pages() gives it back. Any context. */
static inline struct page *arena_alloc(gfp_t gfp, unsigned int order, unsigned int alloc_flags)
{
	struct alloc_context ac = {
		.zonelist = &arena.zonelist,
		.preferred_zoneref = arena.refs,
		.migratetype = gfp_migratetype(gfp),
		.highest_zoneidx = ZONE_DEVICE,
	};

	return get_page_from_freelist(gfp, order, alloc_flags, &ac);
}

static inline unsigned long nr_free(int order)
{
	return arena.zone->free_area[order].nr_free;
}

static inline unsigned long free_count(void)
{
	return zone_page_state(arena.zone, NR_FREE_PAGES);
}

/* Free pages on the lists of one type. */
static inline unsigned long free_of_type(int mt)
{
	unsigned long pages = 0;
	struct page *page;

	for (int order = 0; order < NR_PAGE_ORDERS; order++)
		list_for_each_entry(page, &arena.zone->free_area[order].free_list[mt], buddy_list)
			pages += BIT(order);
	return pages;
}

/* Every list entry is what its list says, is counted, aligned, and has no free buddy that it could have joined. */
static inline bool lists_are_sane(struct ktest *t)
{
	unsigned long pages = 0, of_type[MIGRATE_TYPES] = {};
	struct zone *zone = arena.zone;

	for (int order = 0; order < NR_PAGE_ORDERS; order++) {
		unsigned long n = 0;

		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			struct page *page;

			list_for_each_entry(page, &zone->free_area[order].free_list[mt],
					    buddy_list) {
				unsigned long pfn = page_to_pfn(page), buddy = pfn ^ BIT(order);
				struct page *b = pfn_to_page(buddy);
				int type = get_pfnblock_migratetype(pfn);

				n++;
				of_type[mt] += BIT(order);
				if (!PageBuddy(page) || page->private != order ||
				    pfn % BIT(order) || page_ref_count(page)) {
					KTEST_FAIL(t, "pfn %lx on list %d", pfn, order);
					return false;
				}
				if (type != mt &&
				    (type >= MIGRATE_PCPTYPES || mt >= MIGRATE_PCPTYPES)) {
					KTEST_FAIL(t, "pfn %lx of type %d on list of type %d", pfn,
						   type, mt);
					return false;
				}
				if (order < (int)pageblock_order && PageBuddy(b) &&
				    b->private == order) {
					KTEST_FAIL(t, "pfn %lx and its buddy both free at %d", pfn,
						   order);
					return false;
				}
			}
		}
		if (n != nr_free(order)) {
			KTEST_FAIL(t, "order %d: %lu blocks, nr_free %lu", order, n,
				   nr_free(order));
			return false;
		}
		pages += n << order;
	}
	KTEST_EXPECT_EQ(t, pages - of_type[MIGRATE_ISOLATE], free_count());
	KTEST_EXPECT_EQ(t, of_type[MIGRATE_HIGHATOMIC], zone->nr_free_highatomic);
	KTEST_EXPECT_EQ(t, of_type[MIGRATE_CMA], zone_page_state(zone, NR_FREE_CMA_PAGES));
	return !t->failed;
}
