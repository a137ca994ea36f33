/*
 * The fragmentation indices: on free lists made by hand, and against their definition on random ones.
 */
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/phys/extfrag.h"

static void of(const unsigned long *nr, unsigned int order, unsigned int *unusable, int *index)
{
	struct contig_page_info info;

	fill_contig_page_info(nr, order, &info);
	*unusable = unusable_free_index(order, &info);
	*index = fragmentation_index(order, &info);
}

static void nothing_free_is_all_unusable_but_not_fragmented(struct ktest *t)
{
	unsigned long nr[NR_PAGE_ORDERS] = { 0 };
	unsigned int unusable;
	int index;

	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		of(nr, order, &unusable, &index);
		KTEST_EXPECT_EQ(t, unusable, 1000U);
		KTEST_EXPECT_EQ(t, index, 0);
	}
}

static void single_pages_are_fragmentation_a_single_block_is_not(struct ktest *t)
{
	unsigned long pages[NR_PAGE_ORDERS] = { [0] = 4096 }, block[NR_PAGE_ORDERS] = { [9] = 1 };
	unsigned int unusable;
	int index;

	of(pages, 0, &unusable, &index);
	KTEST_EXPECT_EQ(t, unusable, 0U);
	KTEST_EXPECT_EQ(t, index, -1000);
	of(pages, 9, &unusable, &index);
	KTEST_EXPECT_EQ(t, unusable, 1000U);
	KTEST_EXPECT_EQ(t, index, 998); /* 1 - (1 + 8) / 4096 */
	of(block, 9, &unusable, &index);
	KTEST_EXPECT_EQ(t, unusable, 0U);
	KTEST_EXPECT_EQ(t, index, -1000);
	/* Half of what is wanted, in one piece: memory is what is missing. */
	of(block, 10, &unusable, &index);
	KTEST_EXPECT_EQ(t, unusable, 1000U);
	KTEST_EXPECT_EQ(t, index, -500);
}

static void no_block_is_of_an_order_beyond_the_largest(struct ktest *t)
{
	struct contig_page_info info = { .free_pages = 1024, .free_blocks_total = 1 };

	KTEST_EXPECT_EQ(t, fragmentation_index(MAX_PAGE_ORDER + 1, &info), 0);
}

/* Cut every block down to the wanted order, and count. */
static void random_lists_follow_the_definition(struct ktest *t)
{
	for (int round = 0; round < 500; round++) {
		unsigned long nr[NR_PAGE_ORDERS], free = 0, usable = 0, blocks = 0;
		unsigned int order = ktest_random_below(t, NR_PAGE_ORDERS), unusable;
		int index;

		for (unsigned int o = 0; o < NR_PAGE_ORDERS; o++) {
			nr[o] = ktest_random_below(t, 4) ? ktest_random_below(t, 1000) : 0;
			free += nr[o] << o;
			blocks += nr[o];
			usable += o >= order ? nr[o] << o : 0;
		}
		of(nr, order, &unusable, &index);
		KTEST_EXPECT_EQ(t, (unsigned long)unusable,
				free ? (free - usable) * 1000 / free : 1000);
		if (usable)
			KTEST_EXPECT_EQ(t, index, -1000);
		else if (blocks)
			KTEST_EXPECT_EQ(t, (long)index,
					1000L - (long)((1000 + free * 1000 / BIT(order)) / blocks));
		else
			KTEST_EXPECT_EQ(t, index, 0);
	}
}

static const struct ktest_case extfrag_cases[] = {
	KTEST_CASE(nothing_free_is_all_unusable_but_not_fragmented),
	KTEST_CASE(single_pages_are_fragmentation_a_single_block_is_not),
	KTEST_CASE(no_block_is_of_an_order_beyond_the_largest),
	KTEST_CASE(random_lists_follow_the_definition),
	{},
};
KTEST_SUITE(extfrag, extfrag_cases);
