/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What maple.c (reading) and maple_store.c (writing) share: node pointers with their tag, and the search in a node.
 *
 * Has no counterpart in Linux, where lib/maple_tree.c is one file. Exercised by tests/kernel/lib_maple.c.
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
 * The range that holds @index, which must lie in the node. One comparison halves the search; the node's own last
 * pivot, or the ULONG_MAX behind it, ends it.
 */
static __always_inline unsigned int mt_leaf_search(const struct maple_node *node, unsigned long index)
{
	const unsigned long *p = node->mr64.pivot;
	unsigned int i = index > READ_ONCE(p[7]) ? 8 : 0;

	while (index > READ_ONCE(p[i]))
		i++;
	return i;
}

static __always_inline unsigned int mt_inner_search(const struct maple_node *node, unsigned long index)
{
	const unsigned long *p = node->ma64.pivot;
	unsigned int i = index > READ_ONCE(p[4]) ? 5 : 0;

	while (index > READ_ONCE(p[i]))
		i++;
	return i;
}

/* First index of range @i of a node that begins at @min. */
static __always_inline unsigned long mt_range_first(const unsigned long *pivot, unsigned int i, unsigned long min)
{
	return i ? READ_ONCE(pivot[i - 1]) + 1 : min;
}

/* Number of indices in [lo, hi]; all 2^64 of them count as one less. */
static __always_inline unsigned long mt_range_size(unsigned long lo, unsigned long hi)
{
	unsigned long n = hi - lo + 1;

	return n ? n : ULONG_MAX;
}

/* Sets a cursor's leaf and offset to @index, and *@lo and *@hi to the range there; returns its entry. */
void *mas_locate(struct ma_state *mas, unsigned long index, unsigned long *lo, unsigned long *hi);

#endif /* LIB_MAPLE_NODE_H */
