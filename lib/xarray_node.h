/*
 * What xarray.c (storing) and xarray_walk.c (reading) share.
 *
 * Has no counterpart in Linux, where lib/xarray.c is one file. Exercised by
 * tests/kernel/lib_xarray.c.
 */
#ifndef LIB_XARRAY_NODE_H
#define LIB_XARRAY_NODE_H

#include "lib/xarray.h"

/*
 * A node pointer in xa_head or an inner slot carries the internal tag; small internal values are
 * no nodes.
 */
static __always_inline bool xa_is_node(const void *entry)
{
	return xa_is_internal(entry) && (unsigned long)entry > 4096;
}

static __always_inline struct xa_node *xa_to_node(const void *entry)
{
	return (struct xa_node *)((unsigned long)entry - 2);
}

static __always_inline void *xa_mk_node(const struct xa_node *node)
{
	return (void *)((unsigned long)node | 2);
}

static __always_inline unsigned int xa_slot(const struct xa_node *node, unsigned long index)
{
	return (index >> node->shift) & XA_CHUNK_MASK;
}

/* Does a root node @node reach as far as @index? */
static __always_inline bool xa_covers(const struct xa_node *node, unsigned long index)
{
	return index >> node->shift < XA_CHUNK_SIZE;
}

#endif /* LIB_XARRAY_NODE_H */
