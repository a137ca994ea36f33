/*
 * Suite page_alloc: the page allocator from the outside, on the machine's own zones: what its callers rely on.
 *
 * The core alone is the subject of buddy.c, pageblock types that of buddy_types.c, the slow path that of buddy_path.c.
 */
#include "arch/x86/irqflags.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

/*
 * Free pages are the whole machine's: an ended thread's stack or a slab of an earlier suite may come back while a case
 * counts. So a case counts again, after a pause, until nothing disturbed it; what it loses itself is missing each time.
 */
static void count_undisturbed(struct ktest *t, bool (*balanced)(struct ktest *t))
{
	for (int tries = 0; tries < 100; tries++) {
		if (balanced(t) || t->failed)
			return;
		msleep(10);
	}
	ktest_fail(t, __FILE__, __LINE__, "the number of free pages was wrong 100 times");
}

static bool each_order_comes_back(struct ktest *t)
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
	return nr_free_pages() == before;
}

static void blocks_are_aligned_and_come_back(struct ktest *t)
{
	count_undisturbed(t, each_order_comes_back);
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

static bool five_of_eight(struct ktest *t)
{
	unsigned long before = nr_free_pages(), taken;
	char *p = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);

	if (!p) {
		ktest_fail(t, __FILE__, __LINE__, "no memory");
		return false;
	}
	taken = before - nr_free_pages();
	memset(p, 1, 5 * PAGE_SIZE);
	free_pages_exact(p, 5 * PAGE_SIZE);
	return taken == 5 && nr_free_pages() == before;
}

static void exact_gives_the_rest_back(struct ktest *t)
{
	count_undisturbed(t, five_of_eight);
}

/* Of four pages freed three come back: the first one is held. */
static bool held_page_stays(struct ktest *t)
{
	unsigned long before = nr_free_pages(), missing;
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	if (!page) {
		ktest_fail(t, __FILE__, __LINE__, "no memory");
		return false;
	}
	get_page(page);
	__free_pages(page, 2);
	missing = before - nr_free_pages();
	put_page(page);
	return missing == 1 && nr_free_pages() == before;
}

static void extra_reference_outlives_free(struct ktest *t)
{
	count_undisturbed(t, held_page_stays);
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
KTEST_SUITE(page_alloc, cases);
