/*
 * Lists against an array of numbers in the order they should have; and sort, list_sort and bsearch.
 */
#include "lib/list.h"
#include "lib/sort.h"
#include "tests/kernel/lib_test.h"

struct list_item {
	int key, order;
	struct list_head link;
	struct hlist_node hash;
};

#define LIST_ITEMS 64
static struct list_item list_items[LIST_ITEMS];

/* @head holds just these keys, read in both directions. */
static void list_expect(struct ktest *t, struct list_head *head, const int *keys, int n)
{
	struct list_item *p;
	int i = 0;

	list_for_each_entry(p, head, link) {
		KTEST_ASSERT_LT(t, i, n);
		KTEST_ASSERT_EQ(t, p->key, keys[i]);
		i++;
	}
	KTEST_ASSERT_EQ(t, i, n);
	list_for_each_entry_reverse(p, head, link)
		KTEST_ASSERT_EQ(t, p->key, keys[--i]);
	KTEST_ASSERT_EQ(t, i, 0);
	KTEST_ASSERT_EQ(t, list_count_nodes(head), (size_t)n);
}

#define LIST_EXPECT(t, head, ...)                          \
	list_expect(t, head, (const int[]){ __VA_ARGS__ }, \
		    ARRAY_SIZE(((const int[]){ __VA_ARGS__ })))

static void list_init_items(void)
{
	for (int i = 0; i < LIST_ITEMS; i++) {
		list_items[i] = (struct list_item){ .key = i };
		INIT_LIST_HEAD(&list_items[i].link);
	}
}

static void list_operations_keep_order(struct ktest *t)
{
	LIST_HEAD(a);
	LIST_HEAD(b);
	struct list_item *it = list_items, *p, *n;

	list_init_items();
	KTEST_EXPECT_TRUE(t, list_empty(&a));
	KTEST_EXPECT_NULL(t, list_first_entry_or_null(&a, struct list_item, link));
	for (int i = 0; i < 4; i++)
		list_add_tail(&it[i].link, &a);
	list_add(&it[4].link, &a);
	LIST_EXPECT(t, &a, 4, 0, 1, 2, 3);
	list_move(&it[3].link, &b);
	list_move_tail(&it[4].link, &b);
	LIST_EXPECT(t, &a, 0, 1, 2);
	LIST_EXPECT(t, &b, 3, 4);
	list_splice_init(&b, &a);
	KTEST_EXPECT_TRUE(t, list_empty(&b));
	LIST_EXPECT(t, &a, 3, 4, 0, 1, 2);
	list_cut_position(&b, &a, &it[0].link);
	LIST_EXPECT(t, &b, 3, 4, 0);
	LIST_EXPECT(t, &a, 1, 2);
	list_splice_tail_init(&b, &a);
	LIST_EXPECT(t, &a, 1, 2, 3, 4, 0);
	list_cut_before(&b, &a, &it[2].link);
	LIST_EXPECT(t, &b, 1);
	KTEST_EXPECT_TRUE(t, list_is_singular(&b));
	list_rotate_left(&a);
	LIST_EXPECT(t, &a, 3, 4, 0, 2);
	list_swap(&it[3].link, &it[2].link);
	LIST_EXPECT(t, &a, 2, 4, 0, 3);
	list_swap(&it[2].link, &it[4].link);
	LIST_EXPECT(t, &a, 4, 2, 0, 3);
	list_replace_init(&it[0].link, &it[9].link);
	LIST_EXPECT(t, &a, 4, 2, 9, 3);
	list_bulk_move_tail(&b, &it[2].link, &it[9].link);
	LIST_EXPECT(t, &b, 1, 2, 9);
	LIST_EXPECT(t, &a, 4, 3);
	list_for_each_entry_safe(p, n, &b, link)
		if (p->key != 2)
			list_del_init(&p->link);
	LIST_EXPECT(t, &b, 2);
	list_del(&it[2].link);
	KTEST_EXPECT_TRUE(t, list_empty(&b));
	KTEST_EXPECT_EQ(t, (void *)it[2].link.next, LIST_POISON1);
}

static void hlist_operations_keep_order(struct ktest *t)
{
	HLIST_HEAD(h);
	HLIST_HEAD(g);
	struct list_item *it = list_items, *p;
	struct hlist_node *n;
	int sum = 0;

	list_init_items();
	KTEST_EXPECT_TRUE(t, hlist_empty(&h));
	KTEST_EXPECT_TRUE(t, hlist_unhashed(&it[0].hash));
	hlist_add_head(&it[1].hash, &h);
	hlist_add_head(&it[0].hash, &h);
	hlist_add_behind(&it[3].hash, &it[1].hash);
	hlist_add_before(&it[2].hash, &it[3].hash);
	hlist_for_each_entry(p, &h, hash)
		KTEST_ASSERT_EQ(t, p->key, sum++);
	KTEST_EXPECT_EQ(t, sum, 4);
	hlist_del_init(&it[0].hash);
	hlist_del_init(&it[2].hash);
	hlist_del_init(&it[2].hash);
	hlist_move_list(&h, &g);
	KTEST_EXPECT_TRUE(t, hlist_empty(&h));
	sum = 0;
	hlist_for_each_entry_safe(p, n, &g, hash) {
		sum = sum * 10 + p->key;
		hlist_del(&p->hash);
	}
	KTEST_EXPECT_EQ(t, sum, 13);
	KTEST_EXPECT_TRUE(t, hlist_empty(&g));
}

static int list_cmp_int(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static int list_cmp_item(void *priv, const struct list_head *a, const struct list_head *b)
{
	return list_entry(a, struct list_item, link)->key -
	       list_entry(b, struct list_item, link)->key;
}

static void sort_random_arrays_and_lists(struct ktest *t)
{
	static int v[200];
	struct rnd_state rnd;
	LIST_HEAD(head);
	struct list_item *p;

	prandom_seed_state(&rnd, t->seed);
	for (int round = 0; round < 50; round++) {
		int n = prandom_below(&rnd, ARRAY_SIZE(v) + 1), last = INT_MIN, order = -1;
		long sum = 0;

		for (int i = 0; i < n; i++)
			sum += v[i] = prandom_below(&rnd, 100);
		sort(v, n, sizeof(v[0]), list_cmp_int, NULL);
		for (int i = 0; i < n; i++) {
			KTEST_ASSERT_GE(t, v[i], i ? v[i - 1] : v[i]);
			sum -= v[i];
		}
		KTEST_ASSERT_EQ(t, sum, 0L);
		for (int key = -1; key <= 100; key++) {
			int *hit = bsearch(&key, v, n, sizeof(v[0]), list_cmp_int);
			bool there = false;

			for (int i = 0; i < n; i++)
				there |= v[i] == key;
			KTEST_ASSERT_EQ(t, hit != NULL, there);
			KTEST_ASSERT_TRUE(t, !hit || *hit == key);
		}
		INIT_LIST_HEAD(&head);
		n = prandom_below(&rnd, LIST_ITEMS + 1);
		for (int i = 0; i < n; i++) {
			list_items[i].key = prandom_below(&rnd, 10);
			list_items[i].order = i;
			list_add_tail(&list_items[i].link, &head);
		}
		list_sort(NULL, &head, list_cmp_item);
		KTEST_ASSERT_EQ(t, list_count_nodes(&head), (size_t)n);
		list_for_each_entry(p, &head, link) {
			KTEST_ASSERT_GE(t, p->key, last);
			if (p->key == last)
				KTEST_ASSERT_GT(t, p->order, order);
			KTEST_ASSERT_EQ(t, p->link.next->prev, &p->link);
			last = p->key;
			order = p->order;
		}
	}
}

static const struct ktest_case list_cases[] = {
	KTEST_CASE(list_operations_keep_order),
	KTEST_CASE(hlist_operations_keep_order),
	KTEST_CASE(sort_random_arrays_and_lists),
	{},
};
KTEST_SUITE(list, list_cases);
