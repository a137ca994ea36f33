/*
 * The xarray against a plain array: entries, values, marks, iteration, ids, and the shape
 * (xa_validate).
 *
 * Cells of the model stand for indices spread over all levels: dense at 0, sparse far up, and both
 * sides of ULONG_MAX.
 */
#include "lib/xarray.h"
#include "tests/kernel/lib_test.h"

#define XA_CELLS 512

static void *xa_model[XA_CELLS];
static u8 xa_marks[XA_CELLS];

/* Strictly rising, from 0 to ULONG_MAX. */
static unsigned long xa_index_of(unsigned int c)
{
	if (c < 256)
		return c;
	if (c < 384)
		return 256 + (c - 256) * 1000UL;
	if (c < 448)
		return (unsigned long)(c - 383) << 40;
	return ULONG_MAX - (XA_CELLS - 1 - c);
}

static void *xa_entry_for(struct rnd_state *rnd)
{
	u64 v = prandom_u64_state(rnd) >> 8;

	return v & 1 ? xa_mk_value(v) : (void *)((v | 0x1000) & ~3UL);
}

static void xa_compare(struct ktest *t, struct xarray *xa, bool ids)
{
	const char *err = xa_validate(xa);
	unsigned long index;
	unsigned int c = 0;
	void *entry;

	if (err)
		KTEST_FAIL(t, "invariant: %s", err);
	for (c = 0; c < XA_CELLS; c++) {
		KTEST_ASSERT_EQ(t, xa_load(xa, xa_index_of(c)), xa_model[c]);
		for (xa_mark_t m = ids; m < XA_MAX_MARKS; m++)
			KTEST_ASSERT_EQ(t, xa_get_mark(xa, xa_index_of(c), m),
					xa_marks[c] >> m & 1);
	}
	c = 0;
	xa_for_each(xa, index, entry) {
		while (c < XA_CELLS && !xa_model[c])
			c++;
		KTEST_ASSERT_LT(t, c, XA_CELLS);
		KTEST_ASSERT_EQ(t, index, xa_index_of(c));
		KTEST_ASSERT_EQ(t, entry, xa_model[c]);
		c++;
	}
	while (c < XA_CELLS && !xa_model[c])
		c++;
	KTEST_ASSERT_EQ(t, c, XA_CELLS);
	for (xa_mark_t m = ids; m < XA_MAX_MARKS; m++) {
		bool any = false;
		XA_STATE(xas, xa, 0);

		c = 0;
		xas_for_each_marked(&xas, entry, ULONG_MAX, m) {
			while (c < XA_CELLS && !(xa_marks[c] >> m & 1))
				c++;
			KTEST_ASSERT_LT(t, c, XA_CELLS);
			KTEST_ASSERT_EQ(t, xas.xa_index, xa_index_of(c));
			any = true;
			c++;
		}
		while (c < XA_CELLS && !(xa_marks[c] >> m & 1))
			c++;
		KTEST_ASSERT_EQ(t, c, XA_CELLS);
		KTEST_ASSERT_EQ(t, xa_marked(xa, m), any);
	}
}

static void xa_model_clear(void)
{
	for (unsigned int c = 0; c < XA_CELLS; c++) {
		xa_model[c] = NULL;
		xa_marks[c] = 0;
	}
}

static void xa_model_set(unsigned int c, void *entry)
{
	xa_model[c] = entry;
	if (!entry)
		xa_marks[c] = 0;
}

static void xarray_one_entry_needs_no_node(struct ktest *t)
{
	DEFINE_XARRAY(xa);
	int a, b;

	KTEST_EXPECT_NULL(t, xa_store(&xa, 0, &a, GFP_KERNEL));
	KTEST_EXPECT_EQ(t, xa.xa_head, &a);
	xa_set_mark(&xa, 0, XA_MARK_1);
	KTEST_EXPECT_NULL(t, xa_store(&xa, 100000, &b, GFP_KERNEL));
	KTEST_EXPECT_TRUE(t, xa_get_mark(&xa, 0, XA_MARK_1));
	KTEST_EXPECT_FALSE(t, xa_get_mark(&xa, 100000, XA_MARK_1));
	KTEST_EXPECT_EQ(t, xa_load(&xa, 100000), &b);
	KTEST_EXPECT_NULL(t, xa_load(&xa, ULONG_MAX));
	KTEST_EXPECT_EQ(t, xa_erase(&xa, 100000), &b);
	KTEST_EXPECT_EQ(t, xa.xa_head, &a);
	KTEST_EXPECT_TRUE(t, xa_get_mark(&xa, 0, XA_MARK_1));
	KTEST_EXPECT_EQ(t, xa_erase(&xa, 0), &a);
	KTEST_EXPECT_TRUE(t, xa_empty(&xa));
	KTEST_EXPECT_FALSE(t, xa_marked(&xa, XA_MARK_1));
}

static void xarray_conditional_stores(struct ktest *t)
{
	DEFINE_XARRAY(xa);
	int a, b;

	KTEST_EXPECT_EQ(t, xa_insert(&xa, 7, &a, GFP_KERNEL), 0);
	KTEST_EXPECT_EQ(t, xa_insert(&xa, 7, &b, GFP_KERNEL), -EBUSY);
	KTEST_EXPECT_EQ(t, xa_cmpxchg(&xa, 7, &b, NULL, GFP_KERNEL), &a);
	KTEST_EXPECT_EQ(t, xa_cmpxchg(&xa, 7, &a, &b, GFP_KERNEL), &a);
	KTEST_EXPECT_EQ(t, xa_load(&xa, 7), &b);
	KTEST_EXPECT_EQ(t, xa_reserve(&xa, 9, GFP_KERNEL), 0);
	KTEST_EXPECT_NULL(t, xa_load(&xa, 9));
	KTEST_EXPECT_EQ(t, xa_insert(&xa, 9, &a, GFP_KERNEL), -EBUSY);
	KTEST_EXPECT_NULL(t, xa_cmpxchg(&xa, 9, NULL, &a, GFP_KERNEL));
	xa_release(&xa, 9);
	KTEST_EXPECT_EQ(t, xa_load(&xa, 9), &a);
	KTEST_EXPECT_EQ(t, xa_erase_range(&xa, 0, 8), 1UL);
	KTEST_EXPECT_EQ(t, xa_load(&xa, 9), &a);
	xa_destroy(&xa);
	KTEST_EXPECT_TRUE(t, xa_empty(&xa));
}

static void xa_random_step(struct ktest *t, struct xarray *xa, struct rnd_state *rnd,
			   unsigned int fill)
{
	unsigned int c = prandom_below(rnd, XA_CELLS), d;
	void *entry = prandom_below(rnd, 16) < fill ? xa_entry_for(rnd) : NULL;
	unsigned long index = xa_index_of(c), n = 0;
	xa_mark_t mark = prandom_below(rnd, XA_MAX_MARKS);
	void *old;

	switch (prandom_below(rnd, 12)) {
	case 0:
	case 1:
		xa_set_mark(xa, index, mark);
		if (xa_model[c])
			xa_marks[c] |= BIT(mark);
		break;
	case 2:
		xa_clear_mark(xa, index, mark);
		xa_marks[c] &= ~BIT(mark);
		break;
	case 3:
		if (prandom_below(rnd, 20))
			break;
		d = min(c + prandom_below(rnd, 100), XA_CELLS - 1UL);
		for (unsigned int i = c; i <= d; i++) {
			n += xa_model[i] != NULL;
			xa_model_set(i, NULL);
		}
		KTEST_ASSERT_EQ(t, xa_erase_range(xa, index, xa_index_of(d)), n);
		break;
	case 4:
		KTEST_ASSERT_EQ(t, xa_erase(xa, index), xa_model[c]);
		xa_model_set(c, NULL);
		break;
	case 5: {
		XA_STATE(xas, xa, index);

		/* As page cache code does: allocate outside of the lock, try again. */
		do
			old = xas_store(&xas, entry);
		while (xas_nomem(&xas, GFP_KERNEL));
		if (xas_error(&xas))
			break;
		KTEST_ASSERT_EQ(t, old, xa_model[c]);
		xa_model_set(c, entry);
		break;
	}
	default:
		old = xa_store(xa, index, entry, GFP_KERNEL);
		if (xa_is_err(old)) {
			KTEST_ASSERT_EQ(t, xa_err(old), -ENOMEM);
			break;
		}
		KTEST_ASSERT_EQ(t, old, xa_model[c]);
		xa_model_set(c, entry);
	}
}

static void xa_run_random(struct ktest *t)
{
	DEFINE_XARRAY(xa);
	struct rnd_state rnd;
	unsigned int fill = 12;

	prandom_seed_state(&rnd, t->seed);
	xa_model_clear();
	for (int i = 0; i < LIB_TEST_ROUNDS && !t->failed; i++) {
		if (i % 700 == 0)
			fill = prandom_range(&rnd, 1, 14);
		xa_random_step(t, &xa, &rnd, fill);
		if (i % 64 == 0)
			xa_compare(t, &xa, false);
	}
	xa_compare(t, &xa, false);
	xa_destroy(&xa);
	xa_model_clear();
	xa_compare(t, &xa, false);
}

static void xarray_random_against_array(struct ktest *t)
{
	xa_run_random(t);
}

static void xarray_find_marked_after(struct ktest *t)
{
	DEFINE_XARRAY(xa);
	unsigned long index = 0, seen = 0;
	void *entry, *got[4];

	for (unsigned long i = 0; i < 1000; i++) {
		KTEST_ASSERT_NULL(t, xa_store(&xa, i * 3, xa_mk_value(i), GFP_KERNEL));
		if (i % 10 == 0)
			xa_set_mark(&xa, i * 3, XA_MARK_2);
	}
	xa_for_each_marked(&xa, index, entry, XA_MARK_2) {
		KTEST_ASSERT_EQ(t, index, seen * 30);
		KTEST_ASSERT_EQ(t, xa_to_value(entry), seen * 10);
		seen++;
	}
	KTEST_EXPECT_EQ(t, seen, 100UL);
	index = 31;
	KTEST_EXPECT_NULL(t, xa_find(&xa, &index, 59, XA_MARK_2));
	KTEST_EXPECT_EQ(t, xa_find(&xa, &index, 60, XA_MARK_2), xa_mk_value(20));
	KTEST_EXPECT_EQ(t, xa_extract(&xa, got, 4, ULONG_MAX, 4, XA_PRESENT), 4U);
	KTEST_EXPECT_EQ(t, got[0], xa_mk_value(2));
	KTEST_EXPECT_EQ(t, got[3], xa_mk_value(5));
	XA_STATE(xas, &xa, 62);
	KTEST_EXPECT_NULL(t, xas_next(&xas));
	KTEST_EXPECT_EQ(t, xas_next(&xas), xa_mk_value(21));
	KTEST_EXPECT_NULL(t, xas_next(&xas));
	KTEST_EXPECT_EQ(t, xas_prev(&xas), xa_mk_value(21));
	KTEST_EXPECT_NULL(t, xas_prev(&xas));
	xa_destroy(&xa);
}

/* Ids: always the lowest free one, whatever was erased between. */
static void xarray_alloc_gives_lowest_free(struct ktest *t)
{
	DEFINE_XARRAY_ALLOC(xa);
	DEFINE_XARRAY_ALLOC1(xa1);
	struct rnd_state rnd;
	u32 id, next = 0;

	prandom_seed_state(&rnd, t->seed);
	xa_model_clear();
	for (int i = 0; i < LIB_TEST_ROUNDS && !t->failed; i++) {
		if (prandom_below(&rnd, 100) < 55) {
			unsigned int lo = prandom_below(&rnd, 4) ? 0 : prandom_below(&rnd, 256),
				     c = lo;
			void *entry = xa_entry_for(&rnd);
			int err = xa_alloc(&xa, &id, entry, XA_LIMIT(lo, 255), GFP_KERNEL);

			while (c < 256 && xa_model[c])
				c++;
			if (err == -ENOMEM)
				continue;
			KTEST_ASSERT_EQ(t, err, c == 256 ? -EBUSY : 0);
			if (err)
				continue;
			KTEST_ASSERT_EQ(t, id, c);
			xa_model[c] = entry;
		} else {
			unsigned int c = prandom_below(&rnd, 256);

			KTEST_ASSERT_EQ(t, xa_erase(&xa, c), xa_model[c]);
			xa_model[c] = NULL;
		}
		if (i % 64 == 0)
			xa_compare(t, &xa, true);
	}
	xa_destroy(&xa);
	for (int i = 1; i <= 5; i++) {
		KTEST_EXPECT_EQ(
			t, xa_alloc_cyclic(&xa1, &id, &rnd, XA_LIMIT(0, 5), &next, GFP_KERNEL), 0);
		KTEST_EXPECT_EQ(t, id, i);
	}
	KTEST_EXPECT_EQ(t, xa_alloc_cyclic(&xa1, &id, &rnd, XA_LIMIT(0, 5), &next, GFP_KERNEL),
			-EBUSY);
	xa_erase(&xa1, 3);
	next = 5;
	KTEST_EXPECT_EQ(t, xa_alloc_cyclic(&xa1, &id, &rnd, XA_LIMIT(0, 5), &next, GFP_KERNEL), 1);
	KTEST_EXPECT_EQ(t, id, 3);
	xa_destroy(&xa1);
}

#ifdef QUIRE_HOSTED
static void xarray_failed_store_changes_nothing(struct ktest *t)
{
	long before = lib_test_nodes;

	lib_test_fail_one_in = 3;
	xa_run_random(t);
	lib_test_fail_one_in = 0;
	KTEST_EXPECT_EQ(t, lib_test_nodes, before);
}
#endif

static const struct ktest_case xarray_cases[] = {
	KTEST_CASE(xarray_one_entry_needs_no_node),
	KTEST_CASE(xarray_conditional_stores),
	KTEST_CASE(xarray_find_marked_after),
	KTEST_CASE(xarray_alloc_gives_lowest_free),
	KTEST_CASE(xarray_random_against_array),
#ifdef QUIRE_HOSTED
	KTEST_CASE(xarray_failed_store_changes_nothing),
#endif
	{},
};
KTEST_SUITE(xarray, xarray_cases);
