/*
 * Suite buddy: the allocator's core on a zone of its own (arena.h).
 *
 * Split, merge, stealing and exhaustion are exactly predictable there, and the randomised case compares with a model that
 * knows every page.
 */
#include "tests/kernel/arena.h"

#define ARENA_PAGES BLOCK_PAGES
#define arena_pfn   page_to_pfn(arena.blocks[0])

static int suite_init(void)
{
	return arena_init(1);
}

static void split_leaves_one_block_of_each_order(struct ktest *t)
{
	NEED_ARENA(t, 1);
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
	NEED_ARENA(t, 1);
	struct page *page = take(0, MIGRATE_MOVABLE);

	give(page, 0);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 1UL);
	KTEST_EXPECT_EQ(t, free_count(), (unsigned long)ARENA_PAGES);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void merge_waits_for_the_last_buddy(struct ktest *t)
{
	NEED_ARENA(t, 1);
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
	NEED_ARENA(t, 1);
	unsigned long n = 0, i;
	struct page *page;

	while ((page = take(0, MIGRATE_MOVABLE))) {
		KTEST_ASSERT_TRUE(t,
				  page >= arena.blocks[0] && page < arena.blocks[0] + ARENA_PAGES);
		KTEST_ASSERT_EQ(t, page->index == 0xb0d1, false);
		page->index = 0xb0d1;
		n++;
	}
	KTEST_EXPECT_EQ(t, n, (unsigned long)ARENA_PAGES);
	KTEST_EXPECT_EQ(t, free_count(), 0UL);
	/* Back in another order: a stride that is odd reaches every page once. */
	for (i = 0; i < ARENA_PAGES; i++) {
		page = arena.blocks[0] + (i * 389) % ARENA_PAGES;
		page->index = 0;
		give(page, 0);
	}
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 1UL);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void stealing_takes_the_whole_pageblock(struct ktest *t)
{
	NEED_ARENA(t, 1);
	struct page *page = take(0, MIGRATE_UNMOVABLE);

	KTEST_ASSERT_NOT_NULL(t, page);
	KTEST_EXPECT_EQ(t, get_pfnblock_migratetype(page_to_pfn(page)), (int)MIGRATE_UNMOVABLE);
	/* The next request of the thief is served from what it has. */
	for (int order = 0; order < (int)pageblock_order; order++)
		KTEST_EXPECT_FALSE(
			t, list_empty(&arena.zone->free_area[order].free_list[MIGRATE_UNMOVABLE]));
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
	give(page, 0);
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), 1UL);
}

static void movable_thief_takes_the_smallest_piece(struct ktest *t)
{
	NEED_ARENA(t, 1);
	struct page *block, *small, *page;

	/* Nothing left but one unmovable block of order 3 and one of order 1. */
	arena_block_types(MIGRATE_UNMOVABLE);
	block = take(MAX_PAGE_ORDER, MIGRATE_MOVABLE);
	KTEST_ASSERT_NOT_NULL(t, block);
	arena_block_types(MIGRATE_UNMOVABLE);
	set_page_count(block, 0);
	__free_one_page(arena.zone, arena_pfn, 3, MIGRATE_UNMOVABLE);
	small = block + 512;
	__free_one_page(arena.zone, page_to_pfn(small), 1, MIGRATE_UNMOVABLE);

	page = take(0, MIGRATE_MOVABLE);
	KTEST_EXPECT_TRUE(t, page == small || page == small + 1);
	KTEST_EXPECT_EQ(t, get_pfnblock_migratetype(page_to_pfn(page)), (int)MIGRATE_UNMOVABLE);
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
}

static void isolated_pageblock_does_not_merge_and_is_not_counted(struct ktest *t)
{
	NEED_ARENA(t, 1);
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
	unsigned long first = page - arena.blocks[0];

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
	unsigned long first = live[slot].page - arena.blocks[0];

	for (unsigned long i = first; i < first + BIT(live[slot].order); i++)
		owner[i] = 0;
	give(live[slot].page, live[slot].order);
	live[slot].page = NULL;
}

static void random_requests_match_model(struct ktest *t)
{
	NEED_ARENA(t, 1);
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

static const struct ktest_case cases[] = {
	KTEST_CASE(split_leaves_one_block_of_each_order),
	KTEST_CASE(merge_restores_the_largest_block),
	KTEST_CASE(merge_waits_for_the_last_buddy),
	KTEST_CASE(exhaustion_gives_every_page_once),
	KTEST_CASE(stealing_takes_the_whole_pageblock),
	KTEST_CASE(movable_thief_takes_the_smallest_piece),
	KTEST_CASE(isolated_pageblock_does_not_merge_and_is_not_counted),
	KTEST_CASE(random_requests_match_model),
	{},
};
KTEST_SUITE_FULL(buddy, cases, suite_init, arena_exit);
