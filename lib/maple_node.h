/*
 * What maple.c (reading), maple_store.c (writing) and maple_check.c share: node pointers with their
 * tag, and the search in a node.
 *
 * Has no counterpart in Linux, where lib/maple_tree.c is one file. Exercised by
 * tests/kernel/lib_maple.c.
 */
#ifndef LIB_MAPLE_NODE_H
#define LIB_MAPLE_NODE_H

#include "lib/maple.h"

/* Bit 1 of a node pointer in ma_root and in inner slots: it leads to a leaf. */
#define MT_LEAF 2UL

static __always_inline bool mt_is_leaf(const void *enode)
{
	return (unsigned long)enode & MT_LEAF;
}

static __always_inline struct maple_node *mt_to_node(const void *enode)
{
	return (struct maple_node *)((unsigned long)enode & ~MT_LEAF);
}

static __always_inline void *mt_mk_enode(struct maple_node *node)
{
	return (void *)((unsigned long)node | (node->level ? 0 : MT_LEAF));
}

/*
 * The pivot of the range that holds @index, which must lie in the node; its slot stands as many
 * words behind as the node has pivots. A few comparisons halve the search; the node's own last
 * pivot, or the ULONG_MAX behind it, ends it. Each pivot is compared once and not kept, so a border
 * that a writer moves meanwhile is met before or after.
 */
static __always_inline const unsigned long *mt_leaf_pivot(const struct maple_node *node,
							  unsigned long index)
{
	const unsigned long *p = node->mr64.pivot;

	if (index > p[7])
		p += 8;
	if (index > p[3])
		p += 4;
	while (index > *p)
		p++;
	return p;
}

static __always_inline const unsigned long *mt_inner_pivot(const struct maple_node *node,
							   unsigned long index)
{
	const unsigned long *p = node->ma64.pivot;

	if (index > p[4])
		p += 5;
	while (index > *p)
		p++;
	return p;
}

static __always_inline unsigned int mt_leaf_search(const struct maple_node *node,
						   unsigned long index)
{
	return mt_leaf_pivot(node, index) - node->mr64.pivot;
}

static __always_inline unsigned int mt_inner_search(const struct maple_node *node,
						    unsigned long index)
{
	return mt_inner_pivot(node, index) - node->ma64.pivot;
}

/* First index of range @i of a node that begins at @min. */
static __always_inline unsigned long mt_range_first(const unsigned long *pivot, unsigned int i,
						    unsigned long min)
{
	return i ? READ_ONCE(pivot[i - 1]) + 1 : min;
}

/* Number of indices in [lo, hi]; all 2^64 of them count as one less. */
static __always_inline unsigned long mt_range_size(unsigned long lo, unsigned long hi)
{
	unsigned long n = hi - lo + 1;

	return n ? n : ULONG_MAX;
}

/* The largest free run in a leaf that begins at @min, and below an inner node. For writers. */
static inline unsigned long mt_leaf_gap(const struct maple_node *node, unsigned long min)
{
	unsigned long gap = 0;

	for (unsigned int i = 0; i < node->count; i++)
		if (!node->mr64.slot[i])
			gap = max(gap, mt_range_size(mt_range_first(node->mr64.pivot, i, min),
						     node->mr64.pivot[i]));
	return gap;
}

static inline unsigned long mt_inner_gap(const struct maple_node *node)
{
	unsigned long gap = 0;

	for (unsigned int i = 0; i < node->count; i++)
		gap = max(gap, node->ma64.gap[i]);
	return gap;
}

/*
 * Sets a cursor's leaf and offset to @index, and *@lo and *@hi to the range there; returns its
 * entry.
 */
void *mas_locate(struct ma_state *mas, unsigned long index, unsigned long *lo, unsigned long *hi);

#endif /* LIB_MAPLE_NODE_H */
