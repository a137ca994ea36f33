/*
 * The maple tree, writing. The idea and the contracts are in maple.h.
 *
 * 1. A store is settled in the leaf when one word expresses it (store_in_place). One that concerns ranges of a single leaf,
 *    and leaves it neither too full nor too empty, makes that leaf anew, or in place in a tree without readers (store_in_leaf).
 * 2. Else two paths are noted, down to the first and to the last leaf concerned. All ranges of
 *    these leaves, with the new one between what is left of the first and of the last, make a list;
 *    the list is dealt out to new leaves.
 * 3. One level up the list is: children left of the first path, the new nodes, children right of
 *    the last path. So it goes on up to a level where both paths meet in one node and one new node
 *    is enough: that one pointer is stored. At the root the list becomes a new root, or two levels,
 *    or (a single child) one level less.
 * 4. A list too short for a good node takes in the node beside it under the same parent.
 * 5. New nodes are allocated on the way up and nothing old is touched before the pointer is stored,
 *    so a failure only has to free the new ones. Afterwards the old nodes go: those on the paths,
 *    those taken in, and whole subtrees between the paths.
 *
 * Mirrors Linux's lib/maple_tree.c (mas_wr_*). Exercised by tests/kernel/lib_maple.c.
 */
#include "lib/errno.h"
#include "lib/maple.h"
#include "lib/maple_node.h"
#include "lib/node.h"
#include "lib/string.h"

#define LEAF_MIN  5
#define INNER_MIN 4
#define LIST_MAX  32
#define FRESH_MAX (3 * MAPLE_HEIGHT_MAX + 2)

/* Nodes from the root (highest level) down to a leaf (level 0). */
struct path {
	struct maple_node *node[MAPLE_HEIGHT_MAX];
	unsigned long min[MAPLE_HEIGHT_MAX];
	u8 off[MAPLE_HEIGHT_MAX];
};

struct list {
	unsigned int n;
	unsigned long pivot[LIST_MAX];
	void *slot[LIST_MAX];
	unsigned long gap[LIST_MAX]; /* not used for leaves */
};

struct store {
	struct maple_tree *mt;
	struct ma_state *mas; /* NULL, or whose preallocated nodes may be taken */
	gfp_t gfp;
	unsigned long first, last;
	void *entry;
	unsigned int top; /* level of the root */
	struct path a, b;
	struct list list;
	unsigned long list_min; /* first index of the leaves' list */
	unsigned int nfresh, nold;
	struct maple_node *fresh[FRESH_MAX];
	struct maple_node *old[FRESH_MAX];
};

/* ---- nodes ---- */

static struct maple_node *node_alloc(struct store *s)
{
	struct maple_node *node = s->mas ? s->mas->alloc : NULL;

	if (node)
		s->mas->alloc = node->rcu[1];
	else
		node = lib_node_ops.alloc(sizeof(*node), s->gfp);
	if (node)
		s->fresh[s->nfresh++] = node;
	return node;
}

static void node_retire(struct maple_tree *mt, struct maple_node *node)
{
	if (mt->ma_flags & MT_FLAGS_EXCLUSIVE)
		lib_node_ops.free(node, sizeof(*node));
	else
		lib_node_ops.free_rcu(node, sizeof(*node));
}

static void tree_retire(struct maple_tree *mt, void *enode)
{
	struct maple_node *node = mt_to_node(enode);

	if (node->level)
		for (unsigned int i = 0; i < node->count; i++)
			tree_retire(mt, node->ma64.slot[i]);
	node_retire(mt, node);
}

/* The node at @level of the path, which has a parent, has now the gap @gap: tell the parents. */
static void gap_changed(struct store *s, unsigned int level, unsigned long gap)
{
	while (level++ < s->top) {
		struct maple_node *parent = s->a.node[level];

		if (parent->ma64.gap[s->a.off[level]] == gap)
			return;
		parent->ma64.gap[s->a.off[level]] = gap;
		gap = mt_inner_gap(parent);
	}
}

/* Readers' cursors learn of the change; after this, nodes taken out may be freed. */
static __always_inline void changed(struct maple_tree *mt)
{
	smp_store_release(&mt->ma_seq, mt->ma_seq + 1);
}

static void walk_path(struct store *s, struct path *p, unsigned long index)
{
	struct maple_node *node = mt_to_node(s->mt->ma_root);
	unsigned int level = node->level;
	unsigned long min = 0;

	s->top = level;
	for (; level; level--) {
		unsigned int i = mt_inner_search(node, index);

		p->node[level] = node;
		p->off[level] = i;
		p->min[level] = min;
		min = mt_range_first(node->ma64.pivot, i, min);
		node = mt_to_node(node->ma64.slot[i]);
	}
	p->node[0] = node;
	p->min[0] = min;
	p->off[0] = mt_leaf_search(node, index);
}

/* ---- stores of one word ---- */

/* An erased range grows over the free range that ends right before it, within the leaf. */
static void join_free_before(struct store *s)
{
	struct maple_node *leaf = s->a.node[0];
	unsigned int i = s->a.off[0];
	unsigned long lo = mt_range_first(leaf->mr64.pivot, i, s->a.min[0]);

	if (!leaf->mr64.slot[i]) {
		s->first = lo;
	} else if (s->first == lo && i && !leaf->mr64.slot[i - 1]) {
		s->a.off[0] = --i;
		s->first = mt_range_first(leaf->mr64.pivot, i, s->a.min[0]);
	}
}

/*
 * Returns true when the store is done. s->a is set; the neighbours' free ranges have not been
 * joined yet.
 */
static bool store_in_place(struct store *s)
{
	struct maple_node *leaf = s->a.node[0];
	unsigned long *pivot = leaf->mr64.pivot;
	void **slot = leaf->mr64.slot;
	unsigned int i = s->a.off[0], j = i, n = leaf->count;
	unsigned long lo = mt_range_first(pivot, i, s->a.min[0]), last = s->last;
	bool gap;

	if (last > pivot[n - 1])
		return false;
	while (last > pivot[j])
		j++;
	if (!s->entry) {
		if (!slot[j])
			last = pivot[j];
		else if (last == pivot[j] && j + 1 < n && !slot[j + 1])
			last = pivot[++j];
		else if (last == pivot[j] && j + 1 == n && last != ULONG_MAX)
			return false; /* a leaf in the middle must not end free */
	}
	if (j > i + 1)
		return false;
	gap = !slot[i] || !slot[j] || !s->entry;
	if (j == i && s->first == lo && last == pivot[i])
		smp_store_release(&slot[i], s->entry);
	else if (j == i + 1 && s->first > lo && last == pivot[j] && slot[j] == s->entry)
		WRITE_ONCE(pivot[i], s->first - 1);
	else if (j == i + 1 && s->first == lo && last < pivot[j] && slot[i] == s->entry)
		WRITE_ONCE(pivot[i], last);
	else
		return false;
	changed(s->mt);
	if (gap && s->top)
		gap_changed(s, 0, mt_leaf_gap(leaf, s->a.min[0]));
	return true;
}

/* ---- stores within one leaf ---- */

/* What a store makes of a leaf: ranges [0, head) stay, then the new one, then those from tail on. */
struct leaf_change {
	struct maple_node *leaf;
	unsigned int head, tail, count; /* count: afterwards */
	unsigned long last;
};

/* False: more than this leaf is concerned, or it would get too full or too empty. s->a is set. */
static bool plan_leaf(const struct store *s, struct leaf_change *c)
{
	const struct maple_node *leaf = s->a.node[0];
	const unsigned long *pivot = leaf->mr64.pivot;
	unsigned int i = s->a.off[0], j = i, n = leaf->count;
	unsigned long last = s->last;

	if (last > pivot[n - 1])
		return false;
	while (last > pivot[j])
		j++;
	if (!s->entry) {
		if (!leaf->mr64.slot[j])
			last = pivot[j];
		else if (last == pivot[j] && j + 1 < n && !leaf->mr64.slot[j + 1])
			last = pivot[++j];
		/* The next leaf may begin free. */
		if (last == pivot[n - 1] && last != ULONG_MAX)
			return false;
	}
	c->leaf = s->a.node[0];
	c->head = i + (s->first > mt_range_first(pivot, i, s->a.min[0]));
	c->tail = j + (pivot[j] == last);
	c->count = c->head + 1 + n - c->tail;
	c->last = last;
	if (c->count > MAPLE_RANGE64_SLOTS)
		return false;
	return s->top ? c->count >= LEAF_MIN : s->entry || c->count > 1;
}

/* @to gets what the leaf will hold; it may be the leaf itself. */
static void change_leaf(const struct store *s, const struct leaf_change *c, struct maple_node *to)
{
	const struct maple_node *from = c->leaf;
	unsigned int n = from->count, at = c->head + 1, k;

	/* A range that is cut in two is in both halves; the one behind is taken first. */
	if (at > c->tail) {
		for (k = c->count; k-- > at;) {
			to->mr64.pivot[k] = from->mr64.pivot[k - at + c->tail];
			to->mr64.slot[k] = from->mr64.slot[k - at + c->tail];
		}
	} else if (at < c->tail || to != from) {
		for (k = at; k < c->count; k++) {
			to->mr64.pivot[k] = from->mr64.pivot[k - at + c->tail];
			to->mr64.slot[k] = from->mr64.slot[k - at + c->tail];
		}
	}
	for (k = 0; to != from && k < c->head; k++) {
		to->mr64.pivot[k] = from->mr64.pivot[k];
		to->mr64.slot[k] = from->mr64.slot[k];
	}
	if (c->head)
		to->mr64.pivot[c->head - 1] = s->first - 1;
	to->mr64.pivot[c->head] = c->last;
	to->mr64.slot[c->head] = s->entry;
	for (k = c->count; k < (to == from ? n : MAPLE_RANGE64_SLOTS); k++)
		to->mr64.pivot[k] = ULONG_MAX;
	to->count = c->count;
	to->level = 0;
}

/* The leaf changes, or another one takes its place: 0, -ENOMEM; 1: not to be done like this. */
static int store_in_leaf(struct store *s)
{
	struct leaf_change c;
	struct maple_node *node;

	if (!plan_leaf(s, &c))
		return 1;
	node = s->mt->ma_flags & MT_FLAGS_EXCLUSIVE ? c.leaf : node_alloc(s);
	if (!node)
		return -ENOMEM;
	change_leaf(s, &c, node);
	if (s->top) {
		struct maple_node *parent = s->a.node[1];
		/* Erasing only makes a gap larger. */
		unsigned long gap = s->entry ? mt_leaf_gap(node, s->a.min[0])
					     : max(parent->ma64.gap[s->a.off[1]],
						   mt_range_size(s->first, c.last));
		if (node != c.leaf)
			smp_store_release(&parent->ma64.slot[s->a.off[1]], mt_mk_enode(node));
		gap_changed(s, 0, gap);
	} else if (node != c.leaf) {
		smp_store_release(&s->mt->ma_root, mt_mk_enode(node));
	}
	changed(s->mt);
	if (node != c.leaf)
		node_retire(s->mt, c.leaf);
	return 0;
}

/* ---- the list of a level ---- */

static void list_append(struct list *l, unsigned long pivot, void *slot, unsigned long gap)
{
	l->pivot[l->n] = pivot;
	l->slot[l->n] = slot;
	l->gap[l->n] = gap;
	l->n++;
}

/* Ranges or children [from, to) of @node. */
static void list_append_node(struct list *l, const struct maple_node *node, unsigned int from,
			     unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		if (node->level)
			list_append(l, node->ma64.pivot[i], node->ma64.slot[i], node->ma64.gap[i]);
		else
			list_append(l, node->mr64.pivot[i], node->mr64.slot[i], 0);
	}
}

/* Sets s->b, joins an erased range with free ones behind it, and lists the leaves' new ranges. */
static void list_leaves(struct store *s)
{
	struct maple_node *a = s->a.node[0], *b;
	unsigned int i = s->a.off[0], j;

	walk_path(s, &s->b, s->last);
	b = s->b.node[0];
	j = s->b.off[0];
	if (!s->entry) {
		if (!b->mr64.slot[j])
			s->last = b->mr64.pivot[j];
		if (s->last == b->mr64.pivot[j] && s->last != ULONG_MAX) {
			/* Perhaps the next leaf: then its first range may be free too. */
			walk_path(s, &s->b, s->last + 1);
			b = s->b.node[0];
			j = s->b.off[0];
			if (!b->mr64.slot[j])
				s->last = b->mr64.pivot[j];
		}
	}
	s->list.n = 0;
	s->list_min = s->a.min[0];
	list_append_node(&s->list, a, 0, i);
	if (s->first > mt_range_first(a->mr64.pivot, i, s->a.min[0]))
		list_append(&s->list, s->first - 1, a->mr64.slot[i], 0);
	list_append(&s->list, s->last, s->entry, 0);
	list_append_node(&s->list, b, b->mr64.pivot[j] > s->last ? j : j + 1, b->count);
}

/*
 * The list of @level is short: take in the node to the right, or to the left, under the same
 * parent. *@right and *@left tell the parent's level that one more child is replaced there. False
 * when there is none.
 */
static bool list_take_sibling(struct store *s, unsigned int level, unsigned int *left,
			      unsigned int *right)
{
	struct maple_node *pa = s->a.node[level + 1], *pb = s->b.node[level + 1], *sib;
	unsigned int oa = s->a.off[level + 1], ob = s->b.off[level + 1];
	struct list *l = &s->list;

	if (ob + 1 < pb->count) {
		sib = mt_to_node(pb->ma64.slot[ob + 1]);
		list_append_node(l, sib, 0, sib->count);
		*right = 1;
	} else if (oa) {
		sib = mt_to_node(pa->ma64.slot[oa - 1]);
		memmove(l->pivot + sib->count, l->pivot, l->n * sizeof(l->pivot[0]));
		memmove(l->slot + sib->count, l->slot, l->n * sizeof(l->slot[0]));
		memmove(l->gap + sib->count, l->gap, l->n * sizeof(l->gap[0]));
		unsigned int n = l->n;

		l->n = 0;
		list_append_node(l, sib, 0, sib->count);
		l->n += n;
		s->list_min = mt_range_first(pa->ma64.pivot, oa - 1, s->a.min[level + 1]);
		*left = 1;
	} else {
		return false;
	}
	s->old[s->nold++] = sib;
	return true;
}

/* @n elements of the list from @from on become the contents of @node. */
static void node_fill(struct maple_node *node, const struct list *l, unsigned int from,
		      unsigned int n, unsigned int level)
{
	unsigned int cap = level ? MAPLE_ARANGE64_SLOTS : MAPLE_RANGE64_SLOTS;
	unsigned long *pivot = level ? node->ma64.pivot : node->mr64.pivot;
	void **slot = level ? node->ma64.slot : node->mr64.slot;

	node->count = n;
	node->level = level;
	for (unsigned int i = 0; i < n; i++) {
		pivot[i] = l->pivot[from + i];
		slot[i] = l->slot[from + i];
		if (level)
			node->ma64.gap[i] = l->gap[from + i];
	}
	for (unsigned int i = n; i < cap; i++)
		pivot[i] = ULONG_MAX;
}

/* Deal the list out to new nodes; the list then holds these nodes. */
static int list_to_nodes(struct store *s, unsigned int level)
{
	struct list *l = &s->list;
	unsigned int n = l->n, cap = level ? MAPLE_ARANGE64_SLOTS : MAPLE_RANGE64_SLOTS;
	/* A leaf's share may grow by one, so that it does not end with a free range. */
	unsigned int nodes = n <= cap ? 1 : n <= 2 * cap - 2 ? 2 : 3, from = 0;
	unsigned long min = s->list_min;
	unsigned long pivot[3], gap[3];
	void *slot[3];

	if (nodes == 3 && level && n <= 2 * cap)
		nodes = 2;
	for (unsigned int k = 0; k < nodes; k++) {
		unsigned int share = (n - from) / (nodes - k);
		struct maple_node *node = node_alloc(s);

		if (!node)
			return -ENOMEM;
		if (!level && k + 1 < nodes && !l->slot[from + share - 1])
			share++;
		node_fill(node, l, from, share, level);
		pivot[k] = l->pivot[from + share - 1];
		slot[k] = mt_mk_enode(node);
		gap[k] = level ? mt_inner_gap(node) : mt_leaf_gap(node, min);
		min = pivot[k] + 1;
		from += share;
	}
	l->n = 0;
	for (unsigned int k = 0; k < nodes; k++)
		list_append(l, pivot[k], slot[k], gap[k]);
	return 0;
}

/* ---- putting it together ---- */

/* The list of the root's level becomes the tree. */
static int publish_root(struct store *s, unsigned int level)
{
	void *root = s->list.slot[0];
	int err;

	if (level == 0 && s->list.n == 1 && !s->entry) {
		root = NULL; /* one free range is all that is left */
	} else if (level == 0 || s->list.n > 1) {
		for (;;) {
			err = list_to_nodes(s, level);
			if (err)
				return err;
			root = s->list.slot[0];
			if (s->list.n == 1)
				break;
			if (++level == MAPLE_HEIGHT_MAX)
				return -ENOSPC;
		}
	}
	smp_store_release(&s->mt->ma_root, root);
	return 0;
}

/* The old nodes at @level of the paths, and the subtrees strictly between these. */
static void retire_level(struct store *s, unsigned int level)
{
	struct maple_node *a = s->a.node[level], *b = s->b.node[level];

	if (level) {
		unsigned int end = a == b ? s->b.off[level] : a->count;

		for (unsigned int i = s->a.off[level] + 1; i < end; i++)
			tree_retire(s->mt, a->ma64.slot[i]);
		for (unsigned int i = 0; a != b && i < s->b.off[level]; i++)
			tree_retire(s->mt, b->ma64.slot[i]);
	}
	node_retire(s->mt, a);
	if (b != a)
		node_retire(s->mt, b);
}

/* Paths and the leaves' list are set: rebuild upwards, switch over, free. */
static int store_rebuild(struct store *s)
{
	unsigned int level, cap = MAPLE_RANGE64_SLOTS, least = LEAF_MIN;
	int err = 0;

	for (level = 0;; level++) {
		struct maple_node *a = s->a.node[level], *b = s->b.node[level];
		unsigned int left = 0, right = 0, oa, ob;
		bool merged;

		if (level == s->top) {
			err = publish_root(s, level);
			break;
		}
		merged = s->list.n < least && list_take_sibling(s, level, &left, &right);
		if (a == b && !merged && s->list.n <= cap && !level &&
		    (s->mt->ma_flags & MT_FLAGS_EXCLUSIVE)) {
			node_fill(a, &s->list, 0, s->list.n, 0);
			changed(s->mt);
			gap_changed(s, 0, mt_leaf_gap(a, s->a.min[0]));
			return 0;
		}
		err = list_to_nodes(s, level);
		if (err)
			break;
		oa = s->a.off[level + 1];
		ob = s->b.off[level + 1];
		if (a == b && !merged && s->list.n == 1) {
			smp_store_release(&s->a.node[level + 1]->ma64.slot[oa], s->list.slot[0]);
			gap_changed(s, level, s->list.gap[0]);
			break;
		}
		/* The list of the next level. */
		struct list *l = &s->list;
		unsigned int n = l->n;
		unsigned long pivot[3] = { l->pivot[0], l->pivot[1], l->pivot[2] };
		unsigned long gap[3] = { l->gap[0], l->gap[1], l->gap[2] };
		void *slot[3] = { l->slot[0], l->slot[1], l->slot[2] };

		l->n = 0;
		list_append_node(l, s->a.node[level + 1], 0, oa - left);
		for (unsigned int k = 0; k < n; k++)
			list_append(l, pivot[k], slot[k], gap[k]);
		list_append_node(l, s->b.node[level + 1], ob + right + 1,
				 s->b.node[level + 1]->count);
		cap = MAPLE_ARANGE64_SLOTS;
		least = INNER_MIN;
	}
	if (err) {
		while (s->nfresh)
			lib_node_ops.free(s->fresh[--s->nfresh], sizeof(struct maple_node));
		return err;
	}
	changed(s->mt);
	for (unsigned int k = 0; k <= level; k++)
		retire_level(s, k);
	while (s->nold)
		node_retire(s->mt, s->old[--s->nold]);
	return 0;
}

/* The first entry of an empty tree. */
static int store_first(struct store *s)
{
	if (!s->entry)
		return 0;
	s->list.n = 0;
	s->list_min = 0;
	if (s->first)
		list_append(&s->list, s->first - 1, NULL, 0);
	list_append(&s->list, s->last, s->entry, 0);
	if (s->last != ULONG_MAX)
		list_append(&s->list, ULONG_MAX, NULL, 0);
	if (publish_root(s, 0))
		return -ENOMEM;
	changed(s->mt);
	return 0;
}

static int store_range(struct maple_tree *mt, struct ma_state *mas, unsigned long first,
		       unsigned long last, void *entry, gfp_t gfp)
{
	struct store s;
	int err;

	if (first > last)
		return -EINVAL;
	s.mt = mt;
	s.mas = mas;
	s.gfp = gfp;
	s.first = first;
	s.last = last;
	s.entry = entry;
	s.nfresh = s.nold = 0;
	if (!mt->ma_root)
		return store_first(&s);
	walk_path(&s, &s.a, first);
	if (!entry) {
		struct maple_node *leaf = s.a.node[0];

		if (!leaf->mr64.slot[s.a.off[0]] && last <= leaf->mr64.pivot[s.a.off[0]])
			return 0;
		join_free_before(&s);
	}
	/* One slot in a tree of one leaf that holds nothing else: the root goes instead. */
	if ((entry || s.top || s.first || last != ULONG_MAX) && store_in_place(&s)) {
		if (!entry && !s.top && s.a.node[0]->count == 1) {
			WRITE_ONCE(mt->ma_root, NULL);
			changed(mt);
			node_retire(mt, s.a.node[0]);
		}
		return 0;
	}
	err = store_in_leaf(&s);
	if (err <= 0)
		return err;
	list_leaves(&s);
	return store_rebuild(&s);
}

int mtree_store_range(struct maple_tree *mt, unsigned long first, unsigned long last, void *entry,
		      gfp_t gfp)
{
	return store_range(mt, NULL, first, last, entry, gfp);
}

int mtree_store(struct maple_tree *mt, unsigned long index, void *entry, gfp_t gfp)
{
	return store_range(mt, NULL, index, index, entry, gfp);
}

int mtree_insert_range(struct maple_tree *mt, unsigned long first, unsigned long last, void *entry,
		       gfp_t gfp)
{
	MA_STATE(mas, mt, first, last);

	return mas_insert(&mas, entry, gfp);
}

int mtree_insert(struct maple_tree *mt, unsigned long index, void *entry, gfp_t gfp)
{
	return mtree_insert_range(mt, index, index, entry, gfp);
}

int mtree_alloc_range(struct maple_tree *mt, unsigned long *startp, void *entry, unsigned long size,
		      unsigned long min, unsigned long max, gfp_t gfp)
{
	MA_STATE(mas, mt, 0, 0);
	int err = mas_empty_area(&mas, min, max, size);

	if (!err)
		err = mas_store_gfp(&mas, entry, gfp);
	if (!err)
		*startp = mas.index;
	return err;
}

int mtree_alloc_rrange(struct maple_tree *mt, unsigned long *startp, void *entry,
		       unsigned long size, unsigned long min, unsigned long max, gfp_t gfp)
{
	MA_STATE(mas, mt, 0, 0);
	int err = mas_empty_area_rev(&mas, min, max, size);

	if (!err)
		err = mas_store_gfp(&mas, entry, gfp);
	if (!err)
		*startp = mas.index;
	return err;
}

void *mtree_erase(struct maple_tree *mt, unsigned long index)
{
	MA_STATE(mas, mt, index, index);

	return mas_erase(&mas);
}

int mas_store_gfp(struct ma_state *mas, void *entry, gfp_t gfp)
{
	struct maple_node *leaf = mas->node;
	unsigned int i = mas->offset;
	int err;

	/*
	 * The cursor's own range gets another entry: what fork does to each VMA of the copied
	 * tree.
	 */
	if (entry && leaf && mas->seq == mas->tree->ma_seq && mas->last == leaf->mr64.pivot[i] &&
	    mas->index == mt_range_first(leaf->mr64.pivot, i, mas->min) && leaf->mr64.slot[i]) {
		smp_store_release(&leaf->mr64.slot[i], entry);
		changed(mas->tree);
		mas->seq = mas->tree->ma_seq;
		mas->status = ma_active;
		return 0;
	}
	err = store_range(mas->tree, mas, mas->index, mas->last, entry, gfp);
	if (!err)
		mas->status = ma_active;
	return err;
}

int mas_insert(struct ma_state *mas, void *entry, gfp_t gfp)
{
	unsigned long lo, hi;

	if (mas->index > mas->last)
		return -EINVAL;
	if (mas_locate(mas, mas->index, &lo, &hi) || hi < mas->last)
		return -EEXIST;
	return mas_store_gfp(mas, entry, gfp);
}

void *mas_erase(struct ma_state *mas)
{
	void *entry = mas_walk(mas);

	if (entry && mas_store_gfp(mas, NULL, 0))
		return NULL;
	return entry;
}

int mas_preallocate(struct ma_state *mas, void *entry, gfp_t gfp)
{
	void *root = mas->tree->ma_root;
	unsigned int height = root ? mt_to_node(root)->level + 1 : 1, have = 0;

	for (struct maple_node *n = mas->alloc; n; n = n->rcu[1])
		have++;
	/* Up to three nodes per level, and a new root. */
	for (; have < 3 * height + 1; have++) {
		struct maple_node *node = lib_node_ops.alloc(sizeof(*node), gfp);

		if (!node) {
			mas_destroy(mas);
			return -ENOMEM;
		}
		node->rcu[1] = mas->alloc;
		mas->alloc = node;
	}
	return 0;
}

void mas_store_prealloc(struct ma_state *mas, void *entry)
{
	mas_store_gfp(mas, entry, 0);
	mas_destroy(mas);
}

void mas_destroy(struct ma_state *mas)
{
	while (mas->alloc) {
		struct maple_node *node = mas->alloc;

		mas->alloc = node->rcu[1];
		lib_node_ops.free(node, sizeof(*node));
	}
}

/* ---- whole trees ---- */

void mtree_destroy(struct maple_tree *mt)
{
	void *root = mt->ma_root;

	if (!root)
		return;
	WRITE_ONCE(mt->ma_root, NULL);
	changed(mt);
	tree_retire(mt, root);
}

/* A copy of the node and everything below it, or NULL. */
static void *copy_below(void *enode, gfp_t gfp)
{
	struct maple_node *old = mt_to_node(enode), *node = lib_node_ops.alloc(sizeof(*node), gfp);

	if (!node)
		return NULL;
	memcpy(node, old, sizeof(*node));
	for (unsigned int i = 0; node->level && i < node->count; i++) {
		node->ma64.slot[i] = copy_below(old->ma64.slot[i], gfp);
		if (!node->ma64.slot[i]) {
			struct maple_tree unseen = MTREE_INIT(unseen, MT_FLAGS_EXCLUSIVE);

			node->count = i;
			tree_retire(&unseen, node);
			return NULL;
		}
	}
	return mt_mk_enode(node);
}

int mtree_dup(struct maple_tree *mt, struct maple_tree *new_mt, gfp_t gfp)
{
	void *root;

	if (new_mt->ma_root)
		return -EINVAL;
	if (!mt->ma_root)
		return 0;
	root = copy_below(mt->ma_root, gfp);
	if (!root)
		return -ENOMEM;
	smp_store_release(&new_mt->ma_root, root);
	changed(new_mt);
	return 0;
}
