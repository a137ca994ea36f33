/*
 * Suite buddy_types: pageblocks and their types, on the arena: theft, the highatomic reserve, CMA, isolation, boost.
 */
#include "kernel/current.h"
#include "lib/errno.h"
#include "mm/phys/wmark.h"
#include "tests/kernel/arena.h"

static int suite_init(void)
{
	return arena_init(2);
}

/* Pageblocks of the arena that have this type: what pagetypeinfo's second table counts. */
static unsigned long blocks_of_type(int mt)
{
	unsigned long n = 0;

	for (int b = 0; b < arena.nr_blocks; b++)
		for (unsigned long i = 0; i < BLOCK_PAGES; i += pageblock_nr_pages)
			n += get_pfnblock_migratetype(page_to_pfn(arena.blocks[b] + i)) == mt;
	return n;
}

/* Leaves the arena with exactly these free: everything taken, then two blocks of order o given back. */
static struct page *take_everything(struct ktest *t)
{
	struct page *last = NULL, *page;

	while ((page = take(MAX_PAGE_ORDER, MIGRATE_MOVABLE)))
		last = page;
	KTEST_EXPECT_EQ(t, free_count(), 0UL);
	return last;
}

static void give_free(struct page *page, unsigned int order, int mt)
{
	set_page_count(page, 0);
	guard(zone_lock)(arena.zone);
	__free_one_page(arena.zone, page_to_pfn(page), order, mt);
}

static void each_type_falls_back_in_linux_order(struct ktest *t)
{
	static const int order[MIGRATE_PCPTYPES][2] = {
		[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE },
		[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE },
		[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE },
	};

	for (int type = 0; type < MIGRATE_PCPTYPES; type++) {
		struct page *block, *first, *second;

		NEED_ARENA(t, 1);
		block = take_everything(t);
		KTEST_ASSERT_NOT_NULL(t, block);
		/* One pageblock of each other type with a free block of equal size. */
		set_pfnblock_migratetype(page_to_pfn(block), order[type][0]);
		set_pfnblock_migratetype(page_to_pfn(block) + pageblock_nr_pages, order[type][1]);
		give_free(block, 5, order[type][0]);
		give_free(block + pageblock_nr_pages, 5, order[type][1]);
		first = take(5, type);
		second = take(5, type);
		KTEST_EXPECT_TRUE(t, first == block);
		KTEST_EXPECT_TRUE(t, second == block + pageblock_nr_pages);
	}
}

static void theft_claims_a_block_when_half_of_it_is_free(struct ktest *t)
{
	for (int free_half = 0; free_half <= 1; free_half++) {
		struct page *block;
		/* Of 512 pages 256, or 128, are free when somebody steals one. */
		unsigned int order = free_half ? 8 : 7;

		NEED_ARENA(t, 1);
		block = take_everything(t);
		arena_block_types(MIGRATE_RECLAIMABLE);
		give_free(block, order, MIGRATE_RECLAIMABLE);
		KTEST_EXPECT_EQ(t, blocks_of_type(MIGRATE_UNMOVABLE), 0UL);
		KTEST_EXPECT_NOT_NULL(t, take(0, MIGRATE_UNMOVABLE));
		KTEST_EXPECT_EQ(t, blocks_of_type(MIGRATE_UNMOVABLE), (unsigned long)free_half);
		/* The free pages change sides in any case. */
		KTEST_EXPECT_EQ(t, free_of_type(MIGRATE_UNMOVABLE), BIT(order) - 1);
		KTEST_EXPECT_EQ(t, free_of_type(MIGRATE_RECLAIMABLE), 0UL);
		KTEST_EXPECT_TRUE(t, lists_are_sane(t));
	}
}

static void no_theft_inside_a_block_with_nofragment(struct ktest *t)
{
	struct page *block, *page;

	NEED_ARENA(t, 1);
	block = take_everything(t);
	give_free(block, pageblock_order - 1, MIGRATE_MOVABLE);
	scoped_guard(zone_lock, arena.zone)
		page = __rmqueue(arena.zone, 0, MIGRATE_UNMOVABLE, ALLOC_NOFRAGMENT);
	KTEST_EXPECT_NULL(t, page);
	give_free(block + pageblock_nr_pages, pageblock_order, MIGRATE_MOVABLE);
	scoped_guard(zone_lock, arena.zone)
		page = __rmqueue(arena.zone, 0, MIGRATE_UNMOVABLE, ALLOC_NOFRAGMENT);
	KTEST_EXPECT_TRUE(t, page == block + pageblock_nr_pages);
	KTEST_EXPECT_EQ(t, blocks_of_type(MIGRATE_UNMOVABLE), 1UL);
}

static void no_boost_where_no_kswapd_would_take_it_back(struct ktest *t)
{
	struct page *block;

	NEED_ARENA(t, 2);
	if (arena.zone->zone_pgdat->kswapd)
		return ktest_skip(t, "kswapd runs");
	arena.zone->_watermark[WMARK_HIGH] = 1000;
	block = take_everything(t);
	give_free(block, 3, MIGRATE_MOVABLE);
	KTEST_EXPECT_NOT_NULL(t, take(3, MIGRATE_UNMOVABLE));
	KTEST_EXPECT_EQ(t, arena.zone->watermark_boost, 0UL);
}

static void boost_grows_by_a_pageblock_up_to_its_limit(struct ktest *t)
{
	struct pglist_data *pgdat;
	struct task_struct *kswapd;
	unsigned long limit;

	NEED_ARENA(t, 2);
	pgdat = arena.zone->zone_pgdat;
	kswapd = pgdat->kswapd;
	limit = 1000UL * watermark_boost_factor / 10000;
	for (int step = 1; step <= 4; step++) {
		struct page *block = take_everything(t);
		unsigned long boost = arena.zone->watermark_boost;

		KTEST_ASSERT_NOT_NULL(t, block);
		arena.zone->_watermark[WMARK_HIGH] = 1000;
		give_free(block, 3, MIGRATE_MOVABLE);
		WRITE_ONCE(pgdat->kswapd, current);
		scoped_guard(zone_lock, arena.zone)
			KTEST_EXPECT_NOT_NULL(t, __rmqueue(arena.zone, 3, MIGRATE_UNMOVABLE,
							   ALLOC_KSWAPD));
		WRITE_ONCE(pgdat->kswapd, kswapd);
		KTEST_EXPECT_EQ(t, arena.zone->watermark_boost,
				watermark_boost_factor ? min(boost + pageblock_nr_pages,
							     max(limit, pageblock_nr_pages))
						       : 0UL);
		KTEST_EXPECT_EQ(t, test_bit(ZONE_BOOSTED_WATERMARK, &arena.zone->flags),
				watermark_boost_factor > 0);
		boost = arena.zone->watermark_boost;
		arena_reset();
		arena.zone->watermark_boost = boost;
	}
	arena.zone->watermark_boost = 0;
}

/* ---- watermarks ---- */

/* The highest mark that lets a request pass, found by trying. */
static long highest_mark(unsigned int order, unsigned int alloc_flags)
{
	long mark = 0;

	while (zone_watermark_ok(arena.zone, order, mark, ZONE_DEVICE, alloc_flags))
		mark++;
	return mark - 1;
}

static void watermark_leaves_what_it_promises(struct ktest *t)
{
	struct zone *zone;
	long free, mark;

	NEED_ARENA(t, 1);
	zone = arena.zone;
	free = free_count();
	KTEST_EXPECT_EQ(t, highest_mark(0, 0), free - 1);
	/* All but one page of a block do not help. */
	KTEST_EXPECT_EQ(t, highest_mark(4, 0), free - 1 - 15);
	zone->lowmem_reserve[ZONE_DEVICE] = 100;
	KTEST_EXPECT_EQ(t, highest_mark(0, 0), free - 1 - 100);
	zone->lowmem_reserve[ZONE_DEVICE] = 0;
	/* With a reserve the mark itself shrinks, to a half and to three eighths. */
	mark = highest_mark(0, ALLOC_MIN_RESERVE);
	KTEST_EXPECT_EQ(t, mark - mark / 2, free - 1);
	mark = highest_mark(0, ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK);
	KTEST_EXPECT_EQ(t, mark - mark / 2 - (mark - mark / 2) / 4, free - 1);
	/* Not being able to sleep is no reserve by itself. */
	KTEST_EXPECT_EQ(t, highest_mark(0, ALLOC_NON_BLOCK), free - 1);
	/* Enough pages, but no block. */
	while (take(MAX_PAGE_ORDER, MIGRATE_MOVABLE))
		;
	give_free(arena.blocks[0], 3, MIGRATE_MOVABLE);
	give_free(arena.blocks[0] + 16, 3, MIGRATE_MOVABLE);
	KTEST_EXPECT_TRUE(t, zone_watermark_ok(zone, 3, 0, ZONE_DEVICE, 0));
	KTEST_EXPECT_FALSE(t, zone_watermark_ok(zone, 4, 0, ZONE_DEVICE, 0));
}

/* ---- the highatomic reserve ---- */

#define ATOMIC_FLAGS (ALLOC_WMARK_MIN | ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK | ALLOC_HIGHATOMIC)

static void atomic_success_reserves_its_pageblock(struct ktest *t)
{
	struct page *page;

	NEED_ARENA(t, 2);
	/* A hundredth of it must be a pageblock at least. */
	page = arena_alloc(GFP_ATOMIC, 3, ATOMIC_FLAGS);
	KTEST_ASSERT_NOT_NULL(t, page);
	KTEST_EXPECT_EQ(t, arena.zone->nr_reserved_highatomic, 0UL);
	__free_pages(page, 3);

	atomic_long_set(&arena.zone->managed_pages, 100 * pageblock_nr_pages);
	page = arena_alloc(GFP_ATOMIC, 3, ATOMIC_FLAGS);
	KTEST_ASSERT_NOT_NULL(t, page);
	KTEST_EXPECT_EQ(t, arena.zone->nr_reserved_highatomic, pageblock_nr_pages);
	KTEST_EXPECT_EQ(t, blocks_of_type(MIGRATE_HIGHATOMIC), 1UL);
	KTEST_EXPECT_EQ(t, get_pfnblock_migratetype(page_to_pfn(page)), (int)MIGRATE_HIGHATOMIC);
	/* At most a hundredth: the next one reserves no more. */
	KTEST_EXPECT_NOT_NULL(t, arena_alloc(GFP_ATOMIC, 9, ATOMIC_FLAGS));
	KTEST_EXPECT_EQ(t, arena.zone->nr_reserved_highatomic, pageblock_nr_pages);
	drain_all_pages(arena.zone);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void reserve_is_left_out_for_others(struct ktest *t)
{
	struct zone *zone;
	struct page *page;
	unsigned long left;

	NEED_ARENA(t, 1);
	zone = arena.zone;
	atomic_long_set(&zone->managed_pages, 100 * pageblock_nr_pages);
	page = arena_alloc(GFP_ATOMIC, 4, ATOMIC_FLAGS);
	KTEST_ASSERT_NOT_NULL(t, page);
	/* Others take all they can. */
	for (int order = MAX_PAGE_ORDER; order >= 0; order--)
		while (arena_alloc(GFP_NOWAIT, order, ALLOC_WMARK_MIN))
			;
	drain_all_pages(zone);
	left = free_count();
	KTEST_EXPECT_EQ(t, left, pageblock_nr_pages - 16);
	KTEST_EXPECT_EQ(t, left, zone->nr_free_highatomic);
	KTEST_EXPECT_FALSE(t, zone_watermark_ok(zone, 0, 0, ZONE_DEVICE, 0));
	KTEST_EXPECT_TRUE(t, zone_watermark_ok(zone, 4, 0, ZONE_DEVICE, ALLOC_HIGHATOMIC));
	KTEST_EXPECT_NOT_NULL(t, arena_alloc(GFP_ATOMIC, 4, ATOMIC_FLAGS));
	/* And a small request that cannot wait, when nothing else is left. */
	KTEST_EXPECT_NOT_NULL(t, arena_alloc(GFP_ATOMIC, 0, ALLOC_NO_WATERMARKS | ALLOC_NON_BLOCK));
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void reserve_comes_back_under_pressure(struct ktest *t)
{
	struct alloc_context ac;

	NEED_ARENA(t, 1);
	ac = (struct alloc_context){ .zonelist = &arena.zonelist,
				     .preferred_zoneref = arena.refs,
				     .migratetype = MIGRATE_UNMOVABLE,
				     .highest_zoneidx = ZONE_DEVICE };
	atomic_long_set(&arena.zone->managed_pages, 100 * pageblock_nr_pages);
	KTEST_ASSERT_NOT_NULL(t, arena_alloc(GFP_ATOMIC, 4, ATOMIC_FLAGS));
	KTEST_EXPECT_EQ(t, blocks_of_type(MIGRATE_HIGHATOMIC), 1UL);
	/* The last block stays, unless it is that or a life. */
	KTEST_EXPECT_FALSE(t, unreserve_highatomic_pageblock(&ac, false));
	KTEST_EXPECT_TRUE(t, unreserve_highatomic_pageblock(&ac, true));
	KTEST_EXPECT_EQ(t, arena.zone->nr_reserved_highatomic, 0UL);
	KTEST_EXPECT_EQ(t, arena.zone->nr_free_highatomic, 0UL);
	KTEST_EXPECT_EQ(t, blocks_of_type(MIGRATE_HIGHATOMIC), 0UL);
	KTEST_EXPECT_EQ(t, blocks_of_type(MIGRATE_UNMOVABLE),
			BLOCK_PAGES / pageblock_nr_pages); /* the theft took both */
	KTEST_EXPECT_FALSE(t, unreserve_highatomic_pageblock(&ac, true));
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

/* ---- CMA ---- */

static void cma_pages_are_for_movable_requests_only(struct ktest *t)
{
	struct zone *zone;
	unsigned long taken = 0;

	NEED_ARENA(t, 1);
	zone = arena.zone;
	/* One pageblock of the first block becomes CMA. */
	scoped_guard(zone_lock, zone)
		change_pageblock_type(zone, page_to_pfn(arena.blocks[0]), MIGRATE_CMA);
	KTEST_EXPECT_EQ(t, zone_page_state(zone, NR_FREE_CMA_PAGES), pageblock_nr_pages);
	KTEST_EXPECT_EQ(t, free_count(), arena_pages());
	while (arena_alloc(GFP_NOWAIT, 0, ALLOC_NO_WATERMARKS))
		taken++;
	drain_all_pages(zone);
	KTEST_EXPECT_EQ(t, taken, arena_pages() - pageblock_nr_pages);
	KTEST_EXPECT_EQ(t, free_count(), pageblock_nr_pages);
	KTEST_EXPECT_FALSE(t, zone_watermark_ok(zone, 0, 0, ZONE_DEVICE, 0));
	KTEST_EXPECT_TRUE(t, zone_watermark_ok(zone, 0, 0, ZONE_DEVICE, ALLOC_CMA));
	/* A movable request may have them. */
	KTEST_EXPECT_NOT_NULL(t, arena_alloc(GFP_NOWAIT | __GFP_MOVABLE, 0,
					     ALLOC_WMARK_MIN | ALLOC_CMA));
	drain_all_pages(zone);
	KTEST_EXPECT_EQ(t, zone_page_state(zone, NR_FREE_CMA_PAGES), pageblock_nr_pages - 1);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void movable_uses_cma_first_when_it_is_most_of_what_is_free(struct ktest *t)
{
	struct zone *zone;
	struct page *page;

	NEED_ARENA(t, 1);
	zone = arena.zone;
	scoped_guard(zone_lock, zone) {
		change_pageblock_type(zone, page_to_pfn(arena.blocks[0]), MIGRATE_CMA);
		page = __rmqueue(zone, 0, MIGRATE_MOVABLE, ALLOC_CMA);
	}
	/* Not more than half: ordinary pages first. */
	KTEST_ASSERT_NOT_NULL(t, page);
	if (arena.nr_blocks > 1)
		KTEST_EXPECT_EQ(t, get_pfnblock_migratetype(page_to_pfn(page)),
				(int)MIGRATE_MOVABLE);
	set_page_count(page, 1);
	give(page, 0);
	scoped_guard(zone_lock, zone) {
		for (int b = 0; b < arena.nr_blocks; b++)
			for (unsigned long i = 0; i < BLOCK_PAGES; i += pageblock_nr_pages)
				if (b || i)
					change_pageblock_type(zone,
							      page_to_pfn(arena.blocks[b] + i),
							      MIGRATE_CMA);
		change_pageblock_type(zone, page_to_pfn(arena.blocks[0]), MIGRATE_MOVABLE);
		page = __rmqueue(zone, 0, MIGRATE_MOVABLE, ALLOC_CMA);
	}
	KTEST_ASSERT_NOT_NULL(t, page);
	KTEST_EXPECT_EQ(t, get_pfnblock_migratetype(page_to_pfn(page)),
			arena_pages() > 2 * pageblock_nr_pages ? (int)MIGRATE_CMA
							       : (int)MIGRATE_MOVABLE);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

/* ---- isolation ---- */

static void isolated_pages_leave_and_come_back(struct ktest *t)
{
	struct page *used;
	unsigned long pfn, free;

	NEED_ARENA(t, 1);
	used = take(0, MIGRATE_MOVABLE);
	KTEST_ASSERT_NOT_NULL(t, used);
	pfn = page_to_pfn(used);
	/* In use, and nobody could move it. */
	KTEST_EXPECT_EQ(t, set_migratetype_isolate(pfn), -EBUSY);
	__SetPageLRU(used);
	free = free_count();
	KTEST_EXPECT_EQ(t, set_migratetype_isolate(pfn), 0);
	KTEST_EXPECT_EQ(t, set_migratetype_isolate(pfn), -EBUSY);
	KTEST_EXPECT_EQ(t, free_count(), free - (pageblock_nr_pages - 1));
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
	/* The page that was in use is freed: there, and not counted. */
	__ClearPageLRU(used);
	free = free_count();
	__free_page(used);
	KTEST_EXPECT_EQ(t, free_count(), free);
	KTEST_EXPECT_EQ(t, free_of_type(MIGRATE_ISOLATE), pageblock_nr_pages);
	/* Nobody gets any of it. */
	for (int type = 0; type < MIGRATE_PCPTYPES; type++) {
		struct page *page;

		while ((page = take(0, type)))
			KTEST_ASSERT_NE(t, page_to_pfn(page) >> pageblock_order,
					pfn >> pageblock_order);
	}
	KTEST_EXPECT_EQ(t, free_count(), 0UL);
	unset_migratetype_isolate(pfn, MIGRATE_MOVABLE);
	KTEST_EXPECT_EQ(t, free_count(), pageblock_nr_pages);
	KTEST_EXPECT_NOT_NULL(t, take(pageblock_order, MIGRATE_MOVABLE));
}

static void isolation_cuts_and_joins_the_largest_blocks(struct ktest *t)
{
	unsigned long pfn;

	NEED_ARENA(t, 1);
	pfn = page_to_pfn(arena.blocks[0]);
	KTEST_EXPECT_EQ(t, set_migratetype_isolate(pfn + pageblock_nr_pages), 0);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), (unsigned long)arena.nr_blocks - 1);
	KTEST_EXPECT_EQ(t, free_count(), arena_pages() - pageblock_nr_pages);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
	unset_migratetype_isolate(pfn + pageblock_nr_pages, MIGRATE_MOVABLE);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), (unsigned long)arena.nr_blocks);
	KTEST_EXPECT_EQ(t, free_count(), arena_pages());
	unset_migratetype_isolate(pfn, MIGRATE_UNMOVABLE); /* is not isolated: nothing happens */
	KTEST_EXPECT_EQ(t, get_pfnblock_migratetype(pfn), (int)MIGRATE_MOVABLE);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static const struct ktest_case cases[] = {
	KTEST_CASE(each_type_falls_back_in_linux_order),
	KTEST_CASE(theft_claims_a_block_when_half_of_it_is_free),
	KTEST_CASE(no_theft_inside_a_block_with_nofragment),
	KTEST_CASE(no_boost_where_no_kswapd_would_take_it_back),
	KTEST_CASE(boost_grows_by_a_pageblock_up_to_its_limit),
	KTEST_CASE(watermark_leaves_what_it_promises),
	KTEST_CASE(atomic_success_reserves_its_pageblock),
	KTEST_CASE(reserve_is_left_out_for_others),
	KTEST_CASE(reserve_comes_back_under_pressure),
	KTEST_CASE(cma_pages_are_for_movable_requests_only),
	KTEST_CASE(movable_uses_cma_first_when_it_is_most_of_what_is_free),
	KTEST_CASE(isolated_pages_leave_and_come_back),
	KTEST_CASE(isolation_cuts_and_joins_the_largest_blocks),
	{},
};
KTEST_SUITE_FULL(buddy_types, cases, suite_init, arena_exit);
