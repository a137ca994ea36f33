/*
 * Bitmaps against bools: searches and range operations at every alignment, lists out and in.
 */
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/kernel/lib_test.h"

#define BM_BITS 200

static bool bm_model[BM_BITS];

static void bm_compare(struct ktest *t, const unsigned long *map, unsigned int bits)
{
	unsigned int last = bits, weight = 0, first;

	for (unsigned int from = 0; from <= bits; from++) {
		unsigned int set = from, clear = from;

		while (set < bits && !bm_model[set])
			set++;
		while (clear < bits && bm_model[clear])
			clear++;
		KTEST_ASSERT_EQ(t, find_next_bit(map, bits, from), set);
		KTEST_ASSERT_EQ(t, find_next_zero_bit(map, bits, from), clear);
	}
	for (unsigned int i = 0; i < bits; i++) {
		KTEST_ASSERT_EQ(t, !!test_bit(i, map), bm_model[i]);
		weight += bm_model[i];
		if (bm_model[i])
			last = i;
	}
	first = find_first_bit(map, bits);
	KTEST_ASSERT_EQ(t, find_last_bit(map, bits), last);
	KTEST_ASSERT_EQ(t, bitmap_weight(map, bits), weight);
	KTEST_ASSERT_EQ(t, bitmap_empty(map, bits), first == bits);
	KTEST_ASSERT_EQ(t, bitmap_full(map, bits), weight == bits);
}

static void bitmap_random_ranges_against_bools(struct ktest *t)
{
	DECLARE_BITMAP(map, BM_BITS);
	DECLARE_BITMAP(back, BM_BITS);
	struct rnd_state rnd;
	char text[800];

	prandom_seed_state(&rnd, t->seed);
	bitmap_zero(map, BM_BITS);
	memset(bm_model, 0, sizeof(bm_model));
	for (int i = 0; i < LIB_TEST_ROUNDS / 20 && !t->failed; i++) {
		unsigned int a = prandom_below(&rnd, BM_BITS),
			     len = prandom_below(&rnd, BM_BITS - a + 1);
		bool on = prandom_below(&rnd, 2);

		if (!prandom_below(&rnd, 3))
			len = min(len, 1U);
		if (on)
			bitmap_set(map, a, len);
		else
			bitmap_clear(map, a, len);
		memset(bm_model + a, on, len);
		bm_compare(t, map, 1 + prandom_below(&rnd, BM_BITS));
		bitmap_print_list(text, sizeof(text), map, BM_BITS);
		KTEST_ASSERT_EQ(t, bitmap_parselist(text, back, BM_BITS), 0);
		KTEST_ASSERT_TRUE(t, bitmap_equal(map, back, BM_BITS));
	}
}

static void bitmap_lists_in_and_out(struct ktest *t)
{
	DECLARE_BITMAP(map, 100);
	char text[80];

	KTEST_EXPECT_EQ(t, bitmap_parselist("0-3,7, 90-99\n", map, 100), 0);
	bitmap_print_list(text, sizeof(text), map, 100);
	KTEST_EXPECT_STREQ(t, text, "0-3,7,90-99");
	KTEST_EXPECT_EQ(t, bitmap_parselist("0-15:2/8", map, 100), 0);
	bitmap_print_list(text, sizeof(text), map, 100);
	KTEST_EXPECT_STREQ(t, text, "0-1,8-9");
	bitmap_print_hex(text, sizeof(text), map, 40);
	KTEST_EXPECT_STREQ(t, text, "00,00000303");
	KTEST_EXPECT_EQ(t, bitmap_parselist("97-N", map, 100), 0);
	KTEST_EXPECT_EQ(t, bitmap_weight(map, 100), 3U);
	KTEST_EXPECT_EQ(t, bitmap_parselist("", map, 100), 0);
	KTEST_EXPECT_TRUE(t, bitmap_empty(map, 100));
	KTEST_EXPECT_EQ(t, bitmap_parselist("3-1", map, 100), -ERANGE);
	KTEST_EXPECT_EQ(t, bitmap_parselist("100", map, 100), -ERANGE);
	KTEST_EXPECT_EQ(t, bitmap_parselist("x", map, 100), -EINVAL);
	KTEST_EXPECT_EQ(t, bitmap_parselist("1-", map, 100), -EINVAL);
	KTEST_EXPECT_EQ(t, bitmap_parselist("1;2", map, 100), -EINVAL);
}

static void bitmap_logic_and_areas(struct ktest *t)
{
	DECLARE_BITMAP(a, 130);
	DECLARE_BITMAP(b, 130);
	DECLARE_BITMAP(c, 130);

	bitmap_zero(a, 130);
	bitmap_zero(b, 130);
	bitmap_set(a, 10, 110);
	bitmap_set(b, 60, 70);
	KTEST_EXPECT_TRUE(t, bitmap_and(c, a, b, 130));
	KTEST_EXPECT_EQ(t, bitmap_weight(c, 130), 60U);
	KTEST_EXPECT_TRUE(t, bitmap_andnot(c, a, b, 130));
	KTEST_EXPECT_EQ(t, bitmap_weight(c, 130), 50U);
	KTEST_EXPECT_FALSE(t, bitmap_intersects(c, b, 130));
	KTEST_EXPECT_TRUE(t, bitmap_subset(c, a, 130));
	KTEST_EXPECT_FALSE(t, bitmap_subset(a, c, 130));
	bitmap_or(c, a, b, 130);
	KTEST_EXPECT_EQ(t, bitmap_weight(c, 130), 120U);
	bitmap_complement(c, c, 130);
	KTEST_EXPECT_EQ(t, bitmap_weight(c, 130), 10U);
	KTEST_EXPECT_EQ(t, find_next_and_bit(a, b, 130, 0), 60UL);
	KTEST_EXPECT_EQ(t, bitmap_find_next_zero_area(a, 130, 0, 10, 0), 0UL);
	KTEST_EXPECT_EQ(t, bitmap_find_next_zero_area(a, 130, 1, 10, 0), 120UL);
	KTEST_EXPECT_EQ(t, bitmap_find_next_zero_area(a, 130, 1, 1, 15), 128UL);
	KTEST_EXPECT_GT(t, bitmap_find_next_zero_area(a, 130, 1, 11, 0) + 11, 130UL);
}

static void bit_searches_in_a_word(struct ktest *t)
{
	for (unsigned int i = 0; i < 64; i++) {
		KTEST_ASSERT_EQ(t, __ffs(~0UL << i), i);
		KTEST_ASSERT_EQ(t, __fls(~0UL >> i), 63 - i);
		KTEST_ASSERT_EQ(t, fls64(1ULL << i), (int)i + 1);
		KTEST_ASSERT_EQ(t, hweight_long(~0UL >> i), 64 - i);
		KTEST_ASSERT_EQ(t, (int)ilog2(1UL << i), (int)i);
		KTEST_ASSERT_EQ(t, roundup_pow_of_two(1UL << i), 1UL << i);
	}
	KTEST_EXPECT_EQ(t, fls(0), 0);
	KTEST_EXPECT_EQ(t, ffs(0x50), 5);
	KTEST_EXPECT_EQ(t, ffz(0xffUL), 8U);
	KTEST_EXPECT_EQ(t, roundup_pow_of_two(5UL), 8UL);
	KTEST_EXPECT_EQ(t, rol32(0x80000001U, 4), 0x18U);
}

static const struct ktest_case bitmap_cases[] = {
	KTEST_CASE(bit_searches_in_a_word),
	KTEST_CASE(bitmap_random_ranges_against_bools),
	KTEST_CASE(bitmap_lists_in_and_out),
	KTEST_CASE(bitmap_logic_and_areas),
	{},
};
KTEST_SUITE(bitmap, bitmap_cases);
