/*
 * The maple tree, reading: lookup, the cursor, and the search for gaps. The idea and the contracts
 * are in maple.h.
 *
 * A reader needs only pivots and slots. It stops at the first pivot not below its index, so it
 * never looks at a count, and meets either the old or the new state of whatever a writer is doing.
 *
 * Mirrors Linux's lib/maple_tree.c. Exercised by tests/kernel/lib_maple.c.
 */
#include "lib/maple.h"
#include "lib/errno.h"
#include "lib/maple_node.h"

void *mtree_load(struct maple_tree *mt, unsigned long index)
{
	void *enode = READ_ONCE(mt->ma_root);
	struct maple_node *node;

	if (!enode)
		return NULL;
	while (!mt_is_leaf(enode)) {
		node = enode;
		enode = READ_ONCE(*(void **)(mt_inner_pivot(node, index) + MAPLE_ARANGE64_SLOTS));
	}
	node = mt_to_node(enode);
	return READ_ONCE(*(void **)(mt_leaf_pivot(node, index) + MAPLE_RANGE64_SLOTS));
}

/* Down from the root to the leaf that holds @index. */
static bool mas_descend(struct ma_state *mas, unsigned long index)
{
	unsigned long min = 0, max = ULONG_MAX;
	void *enode;

	/*
	 * The number first: a change after this makes the cursor walk again, at worst once too
	 * often.
	 */
	mas->seq = smp_load_acquire(&mas->tree->ma_seq);
	enode = READ_ONCE(mas->tree->ma_root);
	mas->min = min;
	mas->max = max;
	mas->offset = 0;
	mas->node = NULL;
	if (!enode)
		return false;
	while (!mt_is_leaf(enode)) {
		struct maple_node *node = enode;
		unsigned int i = mt_inner_search(node, index);

		min = mt_range_first(node->ma64.pivot, i, min);
		max = READ_ONCE(node->ma64.pivot[i]);
		enode = READ_ONCE(node->ma64.slot[i]);
	}
	mas->node = mt_to_node(enode);
	mas->min = min;
	mas->max = max;
	return true;
}

void *mas_locate(struct ma_state *mas, unsigned long index, unsigned long *lo, unsigned long *hi)
{
	struct maple_node *node = mas->node;
	unsigned int i;

	if (node && mas->seq == READ_ONCE(mas->tree->ma_seq) && index >= mas->min &&
	    index <= mas->max) {
		/* Steps forward are the common case: the range that follows. */
		i = mas->offset;
		if (index > READ_ONCE(node->mr64.pivot[i])) {
			do
				i++;
			while (index > READ_ONCE(node->mr64.pivot[i]));
		} else if (i && index <= READ_ONCE(node->mr64.pivot[i - 1])) {
			i = mt_leaf_search(node, index);
		}
	} else {
		if (!mas_descend(mas, index)) {
			*lo = 0;
			*hi = ULONG_MAX;
			return NULL;
		}
		node = mas->node;
		i = mt_leaf_search(node, index);
	}
	mas->offset = i;
	*lo = mt_range_first(node->mr64.pivot, i, mas->min);
	*hi = READ_ONCE(node->mr64.pivot[i]);
	return READ_ONCE(node->mr64.slot[i]);
}

void *mas_walk(struct ma_state *mas)
{
	void *entry = mas_locate(mas, mas->index, &mas->index, &mas->last);

	mas->status = ma_active;
	return entry;
}

/* First entry at or after @from, up to @max; the cursor goes there, or to @max. */
static void *find_up(struct ma_state *mas, unsigned long from, unsigned long max)
{
	unsigned long lo, hi;
	void *entry = mas_locate(mas, from, &lo, &hi);

	mas->status = ma_active;
	while (!entry && hi < max) {
		/* The range that follows, most often in the same leaf. */
		lo = hi + 1;
		if (mas->node && hi < mas->max) {
			unsigned int i = ++mas->offset;

			hi = READ_ONCE(mas->node->mr64.pivot[i]);
			entry = READ_ONCE(mas->node->mr64.slot[i]);
		} else {
			entry = mas_locate(mas, lo, &lo, &hi);
		}
	}
	mas->index = entry ? lo : max;
	mas->last = entry ? hi : max;
	return entry;
}

static void *find_down(struct ma_state *mas, unsigned long from, unsigned long min)
{
	unsigned long lo, hi;

	mas->status = ma_active;
	for (;; from = lo - 1) {
		void *entry = mas_locate(mas, from, &lo, &hi);

		if (entry) {
			mas->index = lo;
			mas->last = hi;
			return entry;
		}
		if (lo <= min)
			break;
	}
	mas->index = mas->last = min;
	return NULL;
}

void *mas_find(struct ma_state *mas, unsigned long max)
{
	if (mas->status == ma_start) {
		if (mas->index > max)
			return NULL;
		return find_up(mas, mas->index, max);
	}
	if (mas->last >= max)
		return NULL;
	return find_up(mas, mas->last + 1, max);
}

void *mas_find_rev(struct ma_state *mas, unsigned long min)
{
	if (mas->status == ma_start) {
		if (mas->index < min)
			return NULL;
		return find_down(mas, mas->index, min);
	}
	if (mas->index <= min)
		return NULL;
	return find_down(mas, mas->index - 1, min);
}

/* A cursor that has not walked yet stands on the range around its index. */
static void settle(struct ma_state *mas)
{
	if (mas->status == ma_start)
		mas_walk(mas);
}

void *mas_next(struct ma_state *mas, unsigned long max)
{
	settle(mas);
	return mas_find(mas, max);
}

void *mas_prev(struct ma_state *mas, unsigned long min)
{
	settle(mas);
	return mas_find_rev(mas, min);
}

void *mas_next_range(struct ma_state *mas, unsigned long max)
{
	settle(mas);
	if (mas->last >= max)
		return NULL;
	return mas_locate(mas, mas->last + 1, &mas->index, &mas->last);
}

void *mas_prev_range(struct ma_state *mas, unsigned long min)
{
	settle(mas);
	if (mas->index <= min)
		return NULL;
	return mas_locate(mas, mas->index - 1, &mas->index, &mas->last);
}

void *mt_find(struct maple_tree *mt, unsigned long *index, unsigned long max)
{
	MA_STATE(mas, mt, *index, *index);
	void *entry = mas_find(&mas, max);

	if (entry)
		*index = mas.last + 1;
	return entry;
}

void *mt_find_after(struct maple_tree *mt, unsigned long *index, unsigned long max)
{
	return *index ? mt_find(mt, index, max) : NULL;
}

void *mt_next(struct maple_tree *mt, unsigned long index, unsigned long max)
{
	MA_STATE(mas, mt, index, index);

	return mas_next(&mas, max);
}

void *mt_prev(struct maple_tree *mt, unsigned long index, unsigned long min)
{
	MA_STATE(mas, mt, index, index);

	return mas_prev(&mas, min);
}

/* ---- gaps ---- */

struct gap_request {
	unsigned long min, max, size;
	bool top_down;
	unsigned long found; /* the part of a gap inside [min, max] that is large enough */
	unsigned long found_last;
};

static bool gap_in_leaf(const struct maple_node *node, unsigned long min, struct gap_request *r)
{
	for (unsigned int k = 0; k < node->count; k++) {
		unsigned int i = r->top_down ? node->count - 1 - k : k;
		unsigned long lo = max(mt_range_first(node->mr64.pivot, i, min), r->min);
		unsigned long hi = min(node->mr64.pivot[i], r->max);

		if (!node->mr64.slot[i] && lo <= hi && hi - lo >= r->size - 1) {
			r->found = lo;
			r->found_last = hi;
			return true;
		}
	}
	return false;
}

/* Only children whose largest gap suffices are entered. Recursion is as deep as the tree. */
static bool gap_below(void *enode, unsigned long min, struct gap_request *r)
{
	const struct maple_node *node = mt_to_node(enode);

	if (mt_is_leaf(enode))
		return gap_in_leaf(node, min, r);
	for (unsigned int k = 0; k < node->count; k++) {
		unsigned int i = r->top_down ? node->count - 1 - k : k;
		unsigned long lo = mt_range_first(node->ma64.pivot, i, min);

		if (node->ma64.gap[i] >= r->size && lo <= r->max && node->ma64.pivot[i] >= r->min &&
		    gap_below(node->ma64.slot[i], lo, r))
			return true;
	}
	return false;
}

static int empty_area(struct ma_state *mas, struct gap_request *r)
{
	void *root = mas->tree->ma_root;

	if (r->min > r->max || !r->size || r->max - r->min < r->size - 1)
		return -EINVAL;
	r->found = r->min;
	r->found_last = r->max;
	if (root && !gap_below(root, 0, r))
		return -EBUSY;
	if (r->top_down) {
		mas->last = r->found_last;
		mas->index = mas->last - (r->size - 1);
	} else {
		mas->index = r->found;
		mas->last = mas->index + (r->size - 1);
	}
	mas->status = ma_active;
	return 0;
}

int mas_empty_area(struct ma_state *mas, unsigned long min, unsigned long max, unsigned long size)
{
	struct gap_request r = { .min = min, .max = max, .size = size };

	return empty_area(mas, &r);
}

int mas_empty_area_rev(struct ma_state *mas, unsigned long min, unsigned long max,
		       unsigned long size)
{
	struct gap_request r = { .min = min, .max = max, .size = size, .top_down = true };

	return empty_area(mas, &r);
}
