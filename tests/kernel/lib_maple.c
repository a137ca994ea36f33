/*
 * The maple tree against a plain array.
 *
 * The array has one cell for each 2^54 indices, so that cells cover 0..ULONG_MAX without rest and
 * both ends are met. What a tree says (load, find, neighbours, gaps, dup) must be what the array
 * says; mt_validate() checks the shape.
 */
#include "lib/maple.h"
#include "lib/errno.h"
#include "tests/kernel/lib_test.h"

#define CELLS	   1024
#define CELL_SHIFT 54
#define FIRST(c)   ((unsigned long)(c) << CELL_SHIFT)
#define LAST(c)	   (FIRST((c) + 1) - 1)

static void *mt_model[CELLS];
static unsigned long mt_counter;

static void *mt_new_entry(void)
{
	return (void *)(++mt_counter << 4);
}

/* Every cell, one by one and by iteration. */
static void mt_compare(struct ktest *t, struct maple_tree *mt)
{
	const char *err = mt_validate(mt);
	unsigned int c = 0;
	void *entry;

	if (err)
		KTEST_FAIL(t, "invariant: %s", err);
	for (c = 0; c < CELLS; c++) {
		KTEST_ASSERT_EQ(t, mtree_load(mt, FIRST(c)), mt_model[c]);
		KTEST_ASSERT_EQ(t, mtree_load(mt, LAST(c)), mt_model[c]);
	}
	MA_STATE(mas, mt, 0, 0);

	c = 0;
	mas_for_each(&mas, entry, ULONG_MAX) {
		while (c < CELLS && !mt_model[c])
			c++;
		KTEST_ASSERT_LT(t, c, CELLS);
		KTEST_ASSERT_EQ(t, mas.index, FIRST(c));
		for (; c < CELLS && LAST(c) <= mas.last; c++)
			KTEST_ASSERT_EQ(t, mt_model[c], entry);
		KTEST_ASSERT_EQ(t, mas.last, FIRST(c) - 1);
	}
	while (c < CELLS && !mt_model[c])
		c++;
	KTEST_ASSERT_EQ(t, c, CELLS);
}

static void mt_model_clear(void)
{
	for (unsigned int c = 0; c < CELLS; c++)
		mt_model[c] = NULL;
}

static void maple_small_trees_by_hand(struct ktest *t)
{
	DEFINE_MTREE(mt);
	int a, b, c;
	unsigned long index = 0;

	KTEST_EXPECT_NULL(t, mtree_load(&mt, 0));
	KTEST_EXPECT_TRUE(t, mtree_empty(&mt));
	KTEST_EXPECT_EQ(t, mtree_store_range(&mt, 20, 10, &a, GFP_KERNEL), -EINVAL);
	KTEST_EXPECT_EQ(t, mtree_store_range(&mt, 10, 19, &a, GFP_KERNEL), 0);
	KTEST_EXPECT_EQ(t, mtree_insert_range(&mt, 19, 25, &b, GFP_KERNEL), -EEXIST);
	KTEST_EXPECT_EQ(t, mtree_insert_range(&mt, 0, 10, &b, GFP_KERNEL), -EEXIST);
	KTEST_EXPECT_EQ(t, mtree_insert_range(&mt, 20, 29, &b, GFP_KERNEL), 0);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, 9), NULL);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, 19), &a);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, 20), &b);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, 30), NULL);
	/* A hole in the middle cuts a in two. */
	KTEST_EXPECT_EQ(t, mtree_store_range(&mt, 13, 15, &c, GFP_KERNEL), 0);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, 12), &a);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, 13), &c);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, 16), &a);
	KTEST_EXPECT_EQ(t, mt_find(&mt, &index, 100), &a);
	KTEST_EXPECT_EQ(t, index, 13UL);
	KTEST_EXPECT_EQ(t, mt_find_after(&mt, &index, 100), &c);
	KTEST_EXPECT_EQ(t, mt_prev(&mt, 20, 0), &a);
	KTEST_EXPECT_EQ(t, mt_next(&mt, 14, 100), &a);
	KTEST_EXPECT_NULL(t, mt_next(&mt, 25, 100));
	KTEST_EXPECT_EQ(t, mtree_erase(&mt, 14), &c);
	KTEST_EXPECT_NULL(t, mtree_load(&mt, 14));
	KTEST_EXPECT_NULL(t, mt_validate(&mt));
	mtree_destroy(&mt);
	KTEST_EXPECT_TRUE(t, mtree_empty(&mt));
}

static void maple_whole_space_and_last_index(struct ktest *t)
{
	DEFINE_MTREE(mt);
	int a, b;
	unsigned long index = ULONG_MAX;

	KTEST_EXPECT_EQ(t, mtree_store_range(&mt, 0, ULONG_MAX, &a, GFP_KERNEL), 0);
	KTEST_EXPECT_EQ(t, mtree_store(&mt, ULONG_MAX, &b, GFP_KERNEL), 0);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, ULONG_MAX), &b);
	KTEST_EXPECT_EQ(t, mtree_load(&mt, ULONG_MAX - 1), &a);
	KTEST_EXPECT_EQ(t, mt_find(&mt, &index, ULONG_MAX), &b);
	KTEST_EXPECT_EQ(t, index, 0UL);
	KTEST_EXPECT_NULL(t, mt_find_after(&mt, &index, ULONG_MAX));
	KTEST_EXPECT_EQ(t, mtree_store_range(&mt, 0, ULONG_MAX, NULL, GFP_KERNEL), 0);
	KTEST_EXPECT_TRUE(t, mtree_empty(&mt));
	KTEST_EXPECT_EQ(t, mtree_store_range(&mt, 0, ULONG_MAX, &a, GFP_KERNEL), 0);
	KTEST_EXPECT_EQ(t, mtree_erase(&mt, 5), &a);
	KTEST_EXPECT_TRUE(t, mtree_empty(&mt));
}

/*
 * The neighbours of @c that the model has: first cell of the next run, last cell of the one
 * before.
 */
static void mt_check_neighbours(struct ktest *t, struct maple_tree *mt, unsigned int c)
{
	unsigned int up = c, run = c, down;
	MA_STATE(mas, mt, FIRST(c), FIRST(c));

	while (up < CELLS && !mt_model[up])
		up++;
	KTEST_ASSERT_EQ(t, mas_find(&mas, ULONG_MAX), up < CELLS ? mt_model[up] : NULL);
	mas_set(&mas, LAST(c));
	KTEST_ASSERT_EQ(t, mas_walk(&mas), mt_model[c]);
	KTEST_ASSERT_TRUE(t, mas.index <= FIRST(c) && mas.last >= LAST(c));
	for (run = mas.last >> CELL_SHIFT; run + 1 < CELLS && !mt_model[run + 1];)
		run++;
	KTEST_ASSERT_EQ(t, mas_next(&mas, ULONG_MAX), run + 1 < CELLS ? mt_model[run + 1] : NULL);
	mas_set(&mas, FIRST(c));
	mas_walk(&mas);
	down = mas.index >> CELL_SHIFT;
	while (down && !mt_model[down - 1])
		down--;
	KTEST_ASSERT_EQ(t, mas_prev(&mas, 0), down ? mt_model[down - 1] : NULL);
}

/* Gap searches against a scan of the cells. */
static void mt_check_gaps(struct ktest *t, struct maple_tree *mt, struct rnd_state *rnd)
{
	unsigned int lo = prandom_below(rnd, CELLS), hi = prandom_range(rnd, lo, CELLS - 1);
	unsigned int need = 1 + prandom_below(rnd, prandom_below(rnd, 4) ? 4 : hi - lo + 1),
		     run = 0;
	int low = -1, high = -1, err;
	MA_STATE(mas, mt, 0, 0);

	if (need > hi - lo + 1)
		return;
	for (unsigned int c = lo; c <= hi; c++) {
		run = mt_model[c] ? 0 : run + 1;
		if (run >= need) {
			high = c + 1 - need;
			if (low < 0)
				low = high;
		}
	}
	err = mas_empty_area(&mas, FIRST(lo), LAST(hi), FIRST(need));
	if (need == CELLS)
		return; /* 2^64 does not fit a size */
	KTEST_ASSERT_EQ(t, err, low < 0 ? -EBUSY : 0);
	if (!err)
		KTEST_ASSERT_EQ(t, mas.index, FIRST(low));
	err = mas_empty_area_rev(&mas, FIRST(lo), LAST(hi), FIRST(need));
	KTEST_ASSERT_EQ(t, err, low < 0 ? -EBUSY : 0);
	if (!err) {
		KTEST_ASSERT_EQ(t, mas.index, FIRST(high));
		KTEST_ASSERT_EQ(t, mas.last, LAST(high + need - 1));
	}
}

/* One random store into both; long ranges are rare, @fill of 16 stores are no erasures. */
static void mt_random_store(struct ktest *t, struct maple_tree *mt, struct rnd_state *rnd,
			    unsigned int fill)
{
	unsigned int width = prandom_below(rnd, 64) ? 4 : prandom_below(rnd, 8) ? 64 : CELLS;
	unsigned int a = prandom_below(rnd, CELLS);
	unsigned int b = min(a + prandom_below(rnd, width), CELLS - 1UL);
	void *entry = prandom_below(rnd, 16) < fill ? mt_new_entry() : NULL;
	bool busy = false;
	int err;

	/* Often the neighbour grows or shrinks: the stores of one word. */
	if (entry && a && mt_model[a - 1] && !prandom_below(rnd, 3))
		entry = mt_model[a - 1];
	else if (entry && b + 1 < CELLS && mt_model[b + 1] && !prandom_below(rnd, 3))
		entry = mt_model[b + 1];
	for (unsigned int c = a; c <= b; c++)
		busy |= mt_model[c] != NULL;
	switch (prandom_below(rnd, 4)) {
	case 0:
		if (!entry) {
			/* The whole range around goes. */
			MA_STATE(mas, mt, FIRST(a), FIRST(a));

			mas_walk(&mas);
			a = mas.index >> CELL_SHIFT;
			b = mas.last >> CELL_SHIFT;
			if (mt_model[a] && mtree_erase(mt, FIRST(a)) == NULL)
				return; /* no memory */
			break;
		}
		err = mtree_insert_range(mt, FIRST(a), LAST(b), entry, GFP_KERNEL);
		if (busy)
			KTEST_ASSERT_EQ(t, err, -EEXIST);
		if (err)
			return;
		break;
	case 1: {
		MA_STATE(mas, mt, FIRST(a), LAST(b));

		if (mas_preallocate(&mas, entry, GFP_KERNEL))
			return;
		mas_store_prealloc(&mas, entry);
		break;
	}
	default:
		err = mtree_store_range(mt, FIRST(a), LAST(b), entry, GFP_KERNEL);
		if (err) {
			KTEST_ASSERT_EQ(t, err, -ENOMEM);
			return;
		}
	}
	for (unsigned int c = a; c <= b; c++)
		mt_model[c] = entry;
}

static void mt_run_random(struct ktest *t, unsigned int flags)
{
	struct maple_tree mt = MTREE_INIT(mt, flags);
	struct rnd_state rnd;
	unsigned int fill = 14;

	prandom_seed_state(&rnd, t->seed + flags);
	mt_model_clear();
	for (int i = 0; i < LIB_TEST_ROUNDS && !t->failed; i++) {
		if (i % 500 == 0)
			fill = prandom_range(&rnd, 2, 15);
		mt_random_store(t, &mt, &rnd, fill);
		mt_check_neighbours(t, &mt, prandom_below(&rnd, CELLS));
		mt_check_gaps(t, &mt, &rnd);
		if (i % 64 == 0)
			mt_compare(t, &mt);
	}
	mt_compare(t, &mt);
	mtree_destroy(&mt);
	mt_model_clear();
	mt_compare(t, &mt);
}

static void maple_random_against_array(struct ktest *t)
{
	mt_run_random(t, 0);
}

static void maple_random_without_readers(struct ktest *t)
{
	mt_run_random(t, MT_FLAGS_EXCLUSIVE);
}

/*
 * As fork does: copy, then give each range of the copy another entry; the original keeps its own.
 */
static void maple_dup_is_independent(struct ktest *t)
{
	DEFINE_MTREE(mt);
	DEFINE_MTREE(copy);
	struct rnd_state rnd;
	void *entry;

	prandom_seed_state(&rnd, t->seed);
	mt_model_clear();
	for (int i = 0; i < 600; i++)
		mt_random_store(t, &mt, &rnd, 15);
	KTEST_ASSERT_EQ(t, mtree_dup(&mt, &copy, GFP_KERNEL), 0);
	mt_compare(t, &copy);
	KTEST_EXPECT_EQ(t, mtree_dup(&mt, &copy, GFP_KERNEL), -EINVAL);
	MA_STATE(mas, &copy, 0, 0);
	mas_for_each(&mas, entry, ULONG_MAX)
		KTEST_ASSERT_EQ(t, mas_store_gfp(&mas, (char *)entry + 1, GFP_KERNEL), 0);
	mt_compare(t, &mt);
	for (unsigned int c = 0; c < CELLS; c++)
		if (mt_model[c])
			mt_model[c] = (char *)mt_model[c] + 1;
	mt_compare(t, &copy);
	mtree_destroy(&mt);
	mt_compare(t, &copy);
	mtree_destroy(&copy);
}

/* A cursor may be kept over stores that replace its leaf. */
static void maple_cursor_survives_stores(struct ktest *t)
{
	DEFINE_MTREE(mt);
	unsigned long seen = 0;
	void *entry;

	for (unsigned long i = 0; i < 200; i++)
		KTEST_ASSERT_EQ(t,
				mtree_store_range(&mt, i * 10, i * 10 + 4, (void *)(i * 16 + 16),
						  GFP_KERNEL),
				0);
	MA_STATE(mas, &mt, 0, 0);
	mas_for_each(&mas, entry, ULONG_MAX) {
		KTEST_ASSERT_EQ(t, entry, (void *)(seen * 16 + 16));
		KTEST_ASSERT_EQ(t, mas.index, seen * 10);
		KTEST_ASSERT_EQ(t, mtree_store_range(&mt, mas.index, mas.last, NULL, GFP_KERNEL),
				0);
		seen++;
	}
	KTEST_EXPECT_EQ(t, seen, 200UL);
	KTEST_EXPECT_TRUE(t, mtree_empty(&mt));
}

#ifdef QUIRE_HOSTED
static void maple_failed_store_changes_nothing(struct ktest *t)
{
	long before = lib_test_nodes;

	lib_test_fail_one_in = 3;
	mt_run_random(t, 0);
	lib_test_fail_one_in = 0;
	KTEST_EXPECT_EQ(t, lib_test_nodes, before);
}
#endif

static const struct ktest_case maple_cases[] = {
	KTEST_CASE(maple_small_trees_by_hand),
	KTEST_CASE(maple_whole_space_and_last_index),
	KTEST_CASE(maple_cursor_survives_stores),
	KTEST_CASE(maple_dup_is_independent),
	KTEST_CASE(maple_random_against_array),
	KTEST_CASE(maple_random_without_readers),
#ifdef QUIRE_HOSTED
	KTEST_CASE(maple_failed_store_changes_nothing),
#endif
	{},
};
KTEST_SUITE(maple, maple_cases);
