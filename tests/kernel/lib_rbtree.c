/*
 * Red-black trees against an array of flags, with their colour rules; interval trees against a scan
 * of all intervals.
 */
#include "lib/interval_tree.h"
#include "lib/rbtree.h"
#include "tests/kernel/lib_test.h"

#define RB_ITEMS 256

struct rb_item {
	struct rb_node rb;
	int key;
	bool in;
};

static struct rb_item rb_items[RB_ITEMS];
static struct interval_tree_node it_items[RB_ITEMS];
static bool it_in[RB_ITEMS];

static bool rb_item_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct rb_item, rb)->key < rb_entry(b, struct rb_item, rb)->key;
}

static int rb_item_cmp(const void *key, const struct rb_node *n)
{
	return *(const int *)key - rb_entry(n, struct rb_item, rb)->key;
}

/* Black height below @n, or -1 when a rule is broken. */
static int rb_black_height(const struct rb_node *n)
{
	bool red = n && !(n->__rb_parent_color & 1);
	int l, r;

	if (!n)
		return 0;
	for (int i = 0; i < 2; i++) {
		const struct rb_node *c = i ? n->rb_left : n->rb_right;

		if (c && (rb_parent(c) != n || (red && !(c->__rb_parent_color & 1))))
			return -1;
	}
	l = rb_black_height(n->rb_left);
	r = rb_black_height(n->rb_right);
	return l < 0 || l != r ? -1 : l + !red;
}

static void rb_compare(struct ktest *t, struct rb_root_cached *root)
{
	struct rb_node *n = rb_first(&root->rb_root);
	unsigned int count = 0, post = 0;
	struct rb_item *p, *next;

	KTEST_ASSERT_EQ(t, n, rb_first_cached(root));
	KTEST_ASSERT_TRUE(t,
			  !root->rb_root.rb_node || root->rb_root.rb_node->__rb_parent_color == 1);
	KTEST_ASSERT_GE(t, rb_black_height(root->rb_root.rb_node), 0);
	for (int i = 0; i < RB_ITEMS; i++) {
		KTEST_ASSERT_EQ(t, rb_find(&i, &root->rb_root, rb_item_cmp),
				rb_items[i].in ? &rb_items[i].rb : NULL);
		if (!rb_items[i].in)
			continue;
		KTEST_ASSERT_EQ(t, n, &rb_items[i].rb);
		n = rb_next(n);
		count++;
	}
	KTEST_ASSERT_NULL(t, n);
	n = rb_last(&root->rb_root);
	for (int i = RB_ITEMS - 1; i >= 0; i--) {
		if (!rb_items[i].in)
			continue;
		KTEST_ASSERT_EQ(t, n, &rb_items[i].rb);
		n = rb_prev(n);
	}
	rbtree_postorder_for_each_entry_safe(p, next, &root->rb_root, rb)
		post++;
	KTEST_ASSERT_EQ(t, post, count);
}

static void rbtree_random_against_flags(struct ktest *t)
{
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct rnd_state rnd;
	unsigned int fill = 50;

	prandom_seed_state(&rnd, t->seed);
	for (int i = 0; i < RB_ITEMS; i++)
		rb_items[i] = (struct rb_item){ .key = i };
	for (int i = 0; i < LIB_TEST_ROUNDS && !t->failed; i++) {
		struct rb_item *p = &rb_items[prandom_below(&rnd, RB_ITEMS)];
		bool add = prandom_below(&rnd, 100) < fill;

		if (i % 400 == 0)
			fill = prandom_range(&rnd, 10, 90);
		if (p->in && !add)
			rb_erase_cached(&p->rb, &root);
		else if (!p->in && add)
			rb_add_cached(&p->rb, &root, rb_item_less);
		p->in = add;
		if (p->in && !prandom_below(&rnd, 50)) {
			struct rb_node moved = p->rb;

			/* Out to a stand-in and back: whatever points at the node must follow. */
			rb_replace_node_cached(&p->rb, &moved, &root);
			rb_replace_node_cached(&moved, &p->rb, &root);
		}
		if (i % 32 == 0)
			rb_compare(t, &root);
	}
	rb_compare(t, &root);
}

static void it_compare(struct ktest *t, struct rb_root_cached *root, unsigned long a,
		       unsigned long b)
{
	struct interval_tree_node *n;
	unsigned int want = 0, got = 0;
	unsigned long before = 0;

	for (int i = 0; i < RB_ITEMS; i++)
		want += it_in[i] && it_items[i].start <= b && it_items[i].last >= a;
	for (n = interval_tree_iter_first(root, a, b); n; n = interval_tree_iter_next(n, a, b)) {
		KTEST_ASSERT_TRUE(t, it_in[n - it_items]);
		KTEST_ASSERT_TRUE(t, n->start <= b && n->last >= a);
		KTEST_ASSERT_GE(t, n->start, before);
		before = n->start;
		got++;
	}
	KTEST_ASSERT_EQ(t, got, want);
}

static void interval_tree_random_against_scan(struct ktest *t)
{
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, t->seed);
	for (int i = 0; i < RB_ITEMS; i++)
		it_in[i] = false;
	for (int i = 0; i < LIB_TEST_ROUNDS / 2 && !t->failed; i++) {
		unsigned int k = prandom_below(&rnd, RB_ITEMS);
		unsigned long a = prandom_below(&rnd, 1000);

		if (it_in[k]) {
			interval_tree_remove(&it_items[k], &root);
		} else {
			it_items[k].start = prandom_below(&rnd, 1000);
			it_items[k].last = it_items[k].start +
					   prandom_below(&rnd, prandom_below(&rnd, 5) ? 20 : 600);
			interval_tree_insert(&it_items[k], &root);
		}
		it_in[k] = !it_in[k];
		it_compare(t, &root, a, a + prandom_below(&rnd, 50));
	}
	it_compare(t, &root, 0, ULONG_MAX);
	it_compare(t, &root, ULONG_MAX, ULONG_MAX);
}

static const struct ktest_case rbtree_cases[] = {
	KTEST_CASE(rbtree_random_against_flags),
	KTEST_CASE(interval_tree_random_against_scan),
	{},
};
KTEST_SUITE(rbtree, rbtree_cases);
