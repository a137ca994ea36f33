/*
 * The maple tree's invariants, checked node by node for tests. They are stated in maple.h.
 *
 * Plays the part of mt_validate() in Linux's lib/maple_tree.c. Exercised by
 * tests/kernel/lib_maple.c.
 */
#include "lib/maple.h"
#include "lib/maple_node.h"

static const char *validate_leaf(const struct maple_node *node, unsigned long min,
				 unsigned long max)
{
	const unsigned long *pivot = node->mr64.pivot;

	if (!node->count || node->count > MAPLE_RANGE64_SLOTS)
		return "leaf count out of bounds";
	for (unsigned int i = 0; i < node->count; i++) {
		if (pivot[i] < min || (i && pivot[i] <= pivot[i - 1]))
			return "leaf pivots do not rise";
		if (i && !node->mr64.slot[i] && !node->mr64.slot[i - 1])
			return "two free ranges side by side";
	}
	if (pivot[node->count - 1] != max)
		return "leaf does not end where its parent says";
	if (!node->mr64.slot[node->count - 1] && max != ULONG_MAX)
		return "a leaf in the middle ends with a free range";
	for (unsigned int i = node->count; i < MAPLE_RANGE64_SLOTS; i++)
		if (pivot[i] != ULONG_MAX)
			return "unused leaf pivot is not ULONG_MAX";
	return NULL;
}

static const char *validate_below(void *enode, unsigned int level, unsigned long min,
				  unsigned long max)
{
	const struct maple_node *node = mt_to_node(enode);
	const unsigned long *pivot = node->ma64.pivot;

	if (node->level != level || mt_is_leaf(enode) != !level)
		return "node at a wrong level";
	if (!level)
		return validate_leaf(node, min, max);
	if (!node->count || node->count > MAPLE_ARANGE64_SLOTS)
		return "inner count out of bounds";
	if (pivot[node->count - 1] != max)
		return "inner node does not end where its parent says";
	for (unsigned int i = 0; i < node->count; i++) {
		void *child = node->ma64.slot[i];
		unsigned long lo = mt_range_first(pivot, i, min);
		const char *err;

		if (pivot[i] < lo)
			return "inner pivots do not rise";
		err = validate_below(child, level - 1, lo, pivot[i]);
		if (err)
			return err;
		if (node->ma64.gap[i] != (level > 1 ? mt_inner_gap(mt_to_node(child))
						    : mt_leaf_gap(mt_to_node(child), lo)))
			return "a stored gap is wrong";
	}
	for (unsigned int i = node->count; i < MAPLE_ARANGE64_SLOTS; i++)
		if (pivot[i] != ULONG_MAX)
			return "unused inner pivot is not ULONG_MAX";
	return NULL;
}

const char *mt_validate(struct maple_tree *mt)
{
	void *root = mt->ma_root;

	if (!root)
		return NULL;
	if (mt_is_leaf(root) && mt_to_node(root)->count == 1 && !mt_to_node(root)->mr64.slot[0])
		return "an empty tree has a root";
	return validate_below(root, mt_to_node(root)->level, 0, ULONG_MAX);
}
