/*
 * Suite buddy: the allocator's core on a zone of its own, then the real one from the outside.
 *
 * The arena is one 4 MiB block borrowed from the machine and put into a private struct zone: split, merge, stealing and
 * exhaustion are then exactly predictable, and the randomised case can compare with a model that knows every page.
 */
#include "arch/x86/irqflags.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

#define ARENA_PAGES MAX_ORDER_NR_PAGES

static struct page *arena;
static unsigned long arena_pfn;
static struct zone zone;
static u8 saved_types[ARENA_PAGES >> 9];

static void each_block_type(int migratetype)
{
	for (unsigned long i = 0; i < ARENA_PAGES; i += pageblock_nr_pages)
		set_pfnblock_migratetype(arena_pfn + i, migratetype);
}

/* One free block of the highest order, all of it movable. => arena borrowed, its pages all off the lists */
static void arena_reset(void)
{
	struct pglist_data *pgdat = page_pgdat(arena);

	memset(&zone, 0, sizeof(zone));
	zone.name = "arena";
	zone.zone_pgdat = pgdat;
	zone.node = pgdat->node_id;
	zone.zone_start_pfn = arena_pfn;
	zone.spanned_pages = zone.present_pages = ARENA_PAGES;
	spin_lock_init(&zone.lock);
	for (int order = 0; order < NR_PAGE_ORDERS; order++)
		for (int mt = 0; mt < MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&zone.free_area[order].free_list[mt]);
	each_block_type(MIGRATE_MOVABLE);
	for (unsigned long i = 0; i < ARENA_PAGES; i++) {
		arena[i].page_type = ~0U;
		arena[i].private = 0;
		set_page_count(arena + i, 0);
	}
	__free_one_page(&zone, arena_pfn, MAX_PAGE_ORDER, MIGRATE_MOVABLE);
}

static int suite_init(void)
{
	arena = alloc_pages(GFP_KERNEL | __GFP_NOWARN, MAX_PAGE_ORDER);
	if (!arena)
		return 0; /* a small machine: the cases that need it are skipped */
	arena_pfn = page_to_pfn(arena);
	for (int i = 0; i < ARRAY_SIZE(saved_types); i++)
		saved_types[i] = get_pfnblock_migratetype(arena_pfn + i * pageblock_nr_pages);
	return 0;
}

static void suite_exit(void)
{
	if (!arena)
		return;
	for (unsigned long i = 0; i < ARENA_PAGES; i++) {
		arena[i].page_type = ~0U;
		arena[i].private = 0;
		set_page_count(arena + i, 0);
	}
	for (int i = 0; i < ARRAY_SIZE(saved_types); i++)
		set_pfnblock_migratetype(arena_pfn + i * pageblock_nr_pages, saved_types[i]);
	set_page_count(arena, 1);
	__free_pages(arena, MAX_PAGE_ORDER);
}

#define NEED_ARENA(t)                                                \
	do {                                                         \
		if (!arena)                                          \
			return ktest_skip(t, "no free 4 MiB block"); \
		arena_reset();                                       \
	} while (0)

static unsigned long nr_free(int order)
{
	return zone.free_area[order].nr_free;
}

static unsigned long free_count(void)
{
	return zone_page_state(&zone, NR_FREE_PAGES);
}

static struct page *take(unsigned int order, int mt)
{
	struct page *page = __rmqueue(&zone, order, mt, 0);

	if (page)
		set_page_count(page, 1);
	return page;
}

static void give(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);

	set_page_count(page, 0);
	__free_one_page(&zone, pfn, order, get_pfnblock_migratetype(pfn));
}

/* Every list entry is what its list says, is counted, aligned, and has no free buddy below the highest order. */
static bool lists_are_sane(struct ktest *t)
{
	unsigned long pages = 0;

	for (int order = 0; order < NR_PAGE_ORDERS; order++) {
		unsigned long n = 0;

		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			struct page *page;

			list_for_each_entry(page, &zone.free_area[order].free_list[mt],
					    buddy_list) {
				unsigned long pfn = page_to_pfn(page), buddy = pfn ^ BIT(order);
				struct page *b = pfn_to_page(buddy);

				n++;
				if (!PageBuddy(page) || page->private != order ||
				    pfn % BIT(order) || page_ref_count(page)) {
					KTEST_FAIL(t, "pfn %lx on list %d", pfn, order);
					return false;
				}
				if (order < MAX_PAGE_ORDER && PageBuddy(b) && b->private == order) {
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
	if (pages != free_count()) {
		KTEST_FAIL(t, "%lu pages on lists, NR_FREE_PAGES %lu", pages, free_count());
		return false;
	}
	return true;
}

static void split_leaves_one_block_of_each_order(struct ktest *t)
{
	NEED_ARENA(t);
	struct page *page = take(0, MIGRATE_MOVABLE);

	KTEST_ASSERT_NOT_NULL(t, page);
	for (int order = 0; order < MAX_PAGE_ORDER; order++)
		KTEST_EXPECT_EQ(t, nr_free(order), 1UL);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 0UL);
	KTEST_EXPECT_EQ(t, free_count(), ARENA_PAGES - 1);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void merge_restores_the_largest_block(struct ktest *t)
{
	NEED_ARENA(t);
	struct page *page = take(0, MIGRATE_MOVABLE);

	give(page, 0);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 1UL);
	KTEST_EXPECT_EQ(t, free_count(), (unsigned long)ARENA_PAGES);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void merge_waits_for_the_last_buddy(struct ktest *t)
{
	NEED_ARENA(t);
	struct page *a = take(0, MIGRATE_MOVABLE), *b = take(0, MIGRATE_MOVABLE);

	KTEST_EXPECT_EQ(t, page_to_pfn(a) ^ page_to_pfn(b), 1UL);
	give(a, 0);
	KTEST_EXPECT_EQ(t, nr_free(0), 1UL); /* not with the larger blocks around it */
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 0UL);
	give(b, 0);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 1UL);
}

static void exhaustion_gives_every_page_once(struct ktest *t)
{
	NEED_ARENA(t);
	unsigned long n = 0, i;
	struct page *page;

	while ((page = take(0, MIGRATE_MOVABLE))) {
		KTEST_ASSERT_TRUE(t, page >= arena && page < arena + ARENA_PAGES);
		KTEST_ASSERT_EQ(t, page->index == 0xb0d1, false);
		page->index = 0xb0d1;
		n++;
	}
	KTEST_EXPECT_EQ(t, n, (unsigned long)ARENA_PAGES);
	KTEST_EXPECT_EQ(t, free_count(), 0UL);
	/* Back in another order: a stride that is odd reaches every page once. */
	for (i = 0; i < ARENA_PAGES; i++) {
		page = arena + (i * 389) % ARENA_PAGES;
		page->index = 0;
		give(page, 0);
	}
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 1UL);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void stealing_takes_the_whole_pageblock(struct ktest *t)
{
	NEED_ARENA(t);
	struct page *page = take(0, MIGRATE_UNMOVABLE);

	KTEST_ASSERT_NOT_NULL(t, page);
	KTEST_EXPECT_EQ(t, get_pfnblock_migratetype(page_to_pfn(page)), (int)MIGRATE_UNMOVABLE);
	/* The next request of the thief is served from what it has. */
	for (int order = 0; order < (int)pageblock_order; order++)
		KTEST_EXPECT_FALSE(t,
				   list_empty(&zone.free_area[order].free_list[MIGRATE_UNMOVABLE]));
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
	give(page, 0);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 1UL);
}

static void movable_thief_takes_the_smallest_piece(struct ktest *t)
{
	NEED_ARENA(t);
	struct page *block, *small, *page;

	/* Nothing left but one unmovable block of order 3 and one of order 1. */
	each_block_type(MIGRATE_UNMOVABLE);
	block = take(MAX_PAGE_ORDER, MIGRATE_MOVABLE);
	KTEST_ASSERT_NOT_NULL(t, block);
	each_block_type(MIGRATE_UNMOVABLE);
	set_page_count(block, 0);
	__free_one_page(&zone, arena_pfn, 3, MIGRATE_UNMOVABLE);
	small = block + 512;
	__free_one_page(&zone, page_to_pfn(small), 1, MIGRATE_UNMOVABLE);

	page = take(0, MIGRATE_MOVABLE);
	KTEST_EXPECT_TRUE(t, page == small || page == small + 1);
	KTEST_EXPECT_EQ(t, get_pfnblock_migratetype(page_to_pfn(page)), (int)MIGRATE_UNMOVABLE);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void isolated_pageblock_does_not_merge_and_is_not_counted(struct ktest *t)
{
	NEED_ARENA(t);
	struct page *block = take(MAX_PAGE_ORDER, MIGRATE_MOVABLE);

	set_pfnblock_migratetype(arena_pfn + pageblock_nr_pages, MIGRATE_ISOLATE);
	give(block, pageblock_order);
	give(block + pageblock_nr_pages, pageblock_order);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 0UL);
	KTEST_EXPECT_EQ(t, nr_free(pageblock_order), 2UL);
	KTEST_EXPECT_EQ(t, free_count(), pageblock_nr_pages);
	KTEST_EXPECT_NOT_NULL(t, take(pageblock_order, MIGRATE_MOVABLE));
	KTEST_EXPECT_NULL(t, take(0, MIGRATE_UNMOVABLE));
}

/*
 * Random requests beside a model: owner[] says for each page which allocation has it. Blocks must be aligned, free
 * before, and whole; and when all is back the arena must look as in the beginning.
 */
#define MAX_LIVE 300
static u16 owner[ARENA_PAGES];
static struct {
	struct page *page;
	unsigned int order;
} live[MAX_LIVE];

static void model_take(struct ktest *t, int slot, struct page *page, unsigned int order)
{
	unsigned long first = page - arena;

	KTEST_ASSERT_LT(t, first, (unsigned long)ARENA_PAGES);
	KTEST_ASSERT_EQ(t, first % BIT(order), 0UL);
	for (unsigned long i = first; i < first + BIT(order); i++) {
		KTEST_ASSERT_EQ(t, owner[i], 0);
		owner[i] = slot + 1;
	}
	live[slot].page = page;
	live[slot].order = order;
}

static void model_give(int slot)
{
	unsigned long first = live[slot].page - arena;

	for (unsigned long i = first; i < first + BIT(live[slot].order); i++)
		owner[i] = 0;
	give(live[slot].page, live[slot].order);
	live[slot].page = NULL;
}

static void random_requests_match_model(struct ktest *t)
{
	NEED_ARENA(t);
	unsigned long used = 0, failures = 0;

	memset(owner, 0, sizeof(owner));
	memset(live, 0, sizeof(live));
	for (int op = 0; op < 20000 && !t->failed; op++) {
		int slot = ktest_random_below(t, MAX_LIVE);
		/* Mostly small ones, sometimes all sizes. */
		unsigned int order = ktest_random_below(t, op % 4 ? 4 : NR_PAGE_ORDERS);
		struct page *page;

		if (live[slot].page) {
			used -= BIT(live[slot].order);
			model_give(slot);
			continue;
		}
		page = take(order, ktest_random_below(t, MIGRATE_PCPTYPES));
		if (!page) {
			failures++;
			/* Only if the model has no such block either. */
			for (unsigned long i = 0; i < ARENA_PAGES; i += BIT(order)) {
				unsigned long n = 0;

				while (n < BIT(order) && !owner[i + n])
					n++;
				KTEST_ASSERT_LT(t, n, BIT(order));
			}
			continue;
		}
		model_take(t, slot, page, order);
		used += BIT(order);
		KTEST_EXPECT_EQ(t, free_count(), ARENA_PAGES - used);
		if (op % 64 == 0 && !lists_are_sane(t))
			break;
	}
	for (int slot = 0; slot < MAX_LIVE; slot++)
		if (live[slot].page)
			model_give(slot);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 1UL);
	KTEST_EXPECT_EQ(t, free_count(), (unsigned long)ARENA_PAGES);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
	ktest_info(t, "%lu requests failed for want of a block", failures);
}

/* ---- the real allocator ---- */

static void blocks_are_aligned_and_come_back(struct ktest *t)
{
	unsigned long before;

	drain_all_pages(NULL);
	before = nr_free_pages();
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);

		if (!page) {
			KTEST_EXPECT_GT(t, order, (unsigned int)PAGE_ALLOC_COSTLY_ORDER);
			continue;
		}
		KTEST_EXPECT_EQ(t, page_to_pfn(page) % BIT(order), 0UL);
		KTEST_EXPECT_EQ(t, page_ref_count(page), 1);
		KTEST_EXPECT_FALSE(t, PageBuddy(page) || PageCompound(page));
		KTEST_EXPECT_TRUE(t, virt_to_page(page_address(page)) == page);
		__free_pages(page, order);
	}
	drain_all_pages(NULL);
	KTEST_EXPECT_EQ(t, nr_free_pages(), before);
}

static void folio_knows_its_pages(struct ktest *t)
{
	for (unsigned int order = 0; order <= 5; order++) {
		struct folio *folio = folio_alloc(GFP_HIGHUSER_MOVABLE, order);
		struct page *page;

		KTEST_ASSERT_NOT_NULL(t, folio);
		page = &folio->page;
		KTEST_EXPECT_EQ(t, folio_order(folio), order);
		KTEST_EXPECT_EQ(t, folio_nr_pages(folio), BIT(order));
		KTEST_EXPECT_EQ(t, folio_mapcount(folio), 0);
		for (unsigned long i = 0; i < BIT(order); i++) {
			KTEST_EXPECT_TRUE(t, page_folio(page + i) == folio);
			KTEST_EXPECT_EQ(t, (int)PageTail(page + i), (int)(i > 0));
		}
		get_page(page + BIT(order) - 1); /* of any page: it is the folio's */
		KTEST_EXPECT_EQ(t, folio_ref_count(folio), 2);
		put_page(page);
		folio_put(folio);
		for (unsigned long i = 0; i < BIT(order); i++)
			KTEST_EXPECT_EQ(t, page[i].flags & ~ZONE_NODE_MASK, 0UL);
	}
}

static void speculative_reference_never_revives(struct ktest *t)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 0);

	KTEST_ASSERT_NOT_NULL(t, folio);
	KTEST_EXPECT_TRUE(t, folio_try_get(folio));
	folio_put(folio);
	KTEST_EXPECT_TRUE(t, folio_ref_freeze(folio, 1));
	KTEST_EXPECT_FALSE(t, folio_try_get(folio));
	folio_ref_unfreeze(folio, 1);
	folio_put(folio);
}

static void zeroed_means_zeroed(struct ktest *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	KTEST_ASSERT_NOT_NULL(t, page);
	memset(page_address(page), 0xa5, 4 * PAGE_SIZE);
	__free_pages(page, 2);
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2); /* most likely the same one */
	KTEST_ASSERT_NOT_NULL(t, page);
	KTEST_EXPECT_NULL(t, memchr_inv(page_address(page), 0, 4 * PAGE_SIZE));
	__free_pages(page, 2);
}

static void split_pages_live_alone(struct ktest *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);

	KTEST_ASSERT_NOT_NULL(t, page);
	split_page(page, 3);
	for (int i = 7; i >= 0; i--) {
		KTEST_EXPECT_EQ(t, page_ref_count(page + i), 1);
		__free_page(page + i);
	}
}

static void exact_gives_the_rest_back(struct ktest *t)
{
	unsigned long before = nr_free_pages();
	char *p = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_EQ(t, before - nr_free_pages(), 5UL);
	memset(p, 1, 5 * PAGE_SIZE);
	free_pages_exact(p, 5 * PAGE_SIZE);
	KTEST_EXPECT_EQ(t, nr_free_pages(), before);
}

static void extra_reference_outlives_free(struct ktest *t)
{
	unsigned long before = nr_free_pages();
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	KTEST_ASSERT_NOT_NULL(t, page);
	get_page(page);
	__free_pages(page, 2); /* frees three of four: the first one is held */
	KTEST_EXPECT_EQ(t, before - nr_free_pages(), 1UL);
	put_page(page);
	KTEST_EXPECT_EQ(t, nr_free_pages(), before);
}

#define BULK 1024
static struct page *bulk[BULK];

static void bulk_pages_are_distinct(struct ktest *t)
{
	unsigned long n;

	if (nr_free_pages() < 4 * BULK)
		return ktest_skip(t, "too little free memory");
	memset(bulk, 0, sizeof(bulk));
	n = alloc_pages_bulk(GFP_KERNEL, BULK, bulk);
	KTEST_EXPECT_EQ(t, n, (unsigned long)BULK);
	for (unsigned long i = 0; i < n; i++) {
		KTEST_ASSERT_EQ(t, page_ref_count(bulk[i]), 1);
		KTEST_ASSERT_EQ(t, bulk[i]->private, 0UL);
		bulk[i]->private = i + 1;
	}
	for (unsigned long i = 0; i < n; i++) {
		KTEST_ASSERT_EQ(t, bulk[i]->private, i + 1);
	}
	free_pages_bulk(bulk, n);
}

static void list_of_this_cpu_takes_the_lock_once_a_batch(struct ktest *t)
{
	struct page *pages[256];
	struct per_cpu_pages *pcp;
	unsigned long locks, n = ARRAY_SIZE(pages);
	struct page *probe = alloc_page(GFP_KERNEL);
	struct zone *z;

	KTEST_ASSERT_NOT_NULL(t, probe);
	z = page_zone(probe);
	__free_page(probe);
	if (zone_page_state(z, NR_FREE_PAGES) < low_wmark_pages(z) + 1024)
		return ktest_skip(t, "too little free memory");
	local_irq_disable(); /* stay on this CPU, alone */
	pcp = this_cpu_ptr(z->per_cpu_pageset);
	locks = pcp->refills + pcp->drains;
	for (unsigned long i = 0; i < n; i++)
		pages[i] = alloc_page(GFP_ATOMIC);
	for (unsigned long i = 0; i < n; i++)
		if (pages[i])
			__free_page(pages[i]);
	locks = pcp->refills + pcp->drains - locks;
	local_irq_enable();
	KTEST_EXPECT_LE(t, locks, 2 * (n / pcp->batch + 1));
	ktest_info(t, "%lu pairs, %lu times the zone lock, batch %d", n, locks, pcp->batch);
}

static void interrupt_inside_the_list_uses_the_zone(struct ktest *t)
{
	struct page *page, *probe = alloc_page(GFP_KERNEL);
	struct per_cpu_pages *pcp;
	int count;

	KTEST_ASSERT_NOT_NULL(t, probe);
	local_irq_disable();
	pcp = this_cpu_ptr(page_zone(probe)->per_cpu_pageset);
	pcp->busy = 1; /* as if we had interrupted somebody in there */
	count = pcp->count;
	page = alloc_page(GFP_ATOMIC);
	if (page)
		__free_page(page);
	__free_page(probe);
	KTEST_EXPECT_EQ(t, pcp->count, count);
	pcp->busy = 0;
	local_irq_enable();
	KTEST_EXPECT_NOT_NULL(t, page);
}

/*
 * Takes all memory that may be taken without sleeping, and returns it. Blocks are chained through their first page's
 * private and index fields.
 */
static void all_memory_can_be_taken_and_returned(struct ktest *t)
{
	unsigned long before, taken = 0, left, high = 0, chain = 0;
	struct zone *z;

	drain_all_pages(NULL);
	before = nr_free_pages();
	for (int order = MAX_PAGE_ORDER; order >= 0; order--) {
		struct page *page;

		while ((page = alloc_pages(GFP_NOWAIT, order))) {
			page->index = chain;
			page->private = order;
			chain = (unsigned long)page;
			taken += BIT(order);
		}
	}
	left = nr_free_pages();
	for_each_populated_zone(z) {
		long reserve = 0;

		for (int i = 0; i < MAX_NR_ZONES; i++)
			reserve = max(reserve, z->lowmem_reserve[i]);
		high += high_wmark_pages(z) + reserve;
	}
	/* Somebody with a reserve still gets a page. */
	struct page *urgent = alloc_page(GFP_ATOMIC | __GFP_NOWARN);

	while (chain) {
		struct page *page = (struct page *)chain;

		chain = page->index;
		__free_pages(page, page->private);
	}
	KTEST_EXPECT_NOT_NULL(t, urgent);
	if (urgent)
		__free_page(urgent);
	drain_all_pages(NULL);
	KTEST_EXPECT_GE(t, taken + high, before);
	KTEST_EXPECT_LE(t, left, high);
	KTEST_EXPECT_LE(t, before, nr_free_pages() + 64); /* other tasks may allocate meanwhile */
	ktest_info(t, "%lu of %lu free pages taken", taken, before);
}

static void counters_agree(struct ktest *t)
{
	unsigned long managed = 0, blocks[NR_PAGE_ORDERS];
	struct zone *z;

	for_each_populated_zone(z) {
		unsigned long pages = 0;

		managed += zone_managed_pages(z);
		KTEST_EXPECT_LE(t, zone_managed_pages(z), z->present_pages);
		KTEST_EXPECT_LE(t, z->present_pages, z->spanned_pages);
		local_irq_disable();
		zone_free_blocks(z, blocks);
		for (int order = 0; order < NR_PAGE_ORDERS; order++)
			pages += blocks[order] << order;
		KTEST_EXPECT_LE(t, pages, zone_managed_pages(z));
		local_irq_enable();
		KTEST_EXPECT_LE(t, z->_watermark[WMARK_MIN], z->_watermark[WMARK_LOW]);
		KTEST_EXPECT_LE(t, z->_watermark[WMARK_LOW], z->_watermark[WMARK_HIGH]);
	}
	KTEST_EXPECT_EQ(t, managed, totalram_pages());
}

static const struct ktest_case cases[] = {
	KTEST_CASE(split_leaves_one_block_of_each_order),
	KTEST_CASE(merge_restores_the_largest_block),
	KTEST_CASE(merge_waits_for_the_last_buddy),
	KTEST_CASE(exhaustion_gives_every_page_once),
	KTEST_CASE(stealing_takes_the_whole_pageblock),
	KTEST_CASE(movable_thief_takes_the_smallest_piece),
	KTEST_CASE(isolated_pageblock_does_not_merge_and_is_not_counted),
	KTEST_CASE(random_requests_match_model),
	KTEST_CASE(blocks_are_aligned_and_come_back),
	KTEST_CASE(folio_knows_its_pages),
	KTEST_CASE(speculative_reference_never_revives),
	KTEST_CASE(zeroed_means_zeroed),
	KTEST_CASE(split_pages_live_alone),
	KTEST_CASE(exact_gives_the_rest_back),
	KTEST_CASE(extra_reference_outlives_free),
	KTEST_CASE(bulk_pages_are_distinct),
	KTEST_CASE(list_of_this_cpu_takes_the_lock_once_a_batch),
	KTEST_CASE(interrupt_inside_the_list_uses_the_zone),
	KTEST_CASE(all_memory_can_be_taken_and_returned),
	KTEST_CASE(counters_agree),
	{},
};
KTEST_SUITE_FULL(buddy, cases, suite_init, suite_exit);
