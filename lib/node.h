/*
 * Where the xarray and the maple tree get their nodes from.
 *
 * lib/ stands below the allocators, so the slab room registers three functions here once at boot,
 * before the first tree is filled; without them a store that needs a node gives -ENOMEM. Two sizes
 * are asked for: sizeof(struct xa_node) and sizeof(struct maple_node).
 *
 * free_rcu() must keep the node readable until all present RCU readers have left. It may use the
 * first 16 bytes of the node meanwhile (a struct rcu_head fits): readers never look at these.
 */
#ifndef LIB_NODE_H
#define LIB_NODE_H

#include "lib/types.h"

struct lib_node_ops {
	/*
	 * Memory aligned to 8 bytes, contents of any value, or NULL. @gfp is what the tree's user
	 * gave.
	 */
	void *(*alloc)(size_t size, gfp_t gfp);
	/* A node that no reader has seen. */
	void (*free)(void *p, size_t size);
	void (*free_rcu)(void *p, size_t size);
};

extern struct lib_node_ops lib_node_ops;

void lib_set_node_ops(const struct lib_node_ops *ops);

#endif /* LIB_NODE_H */
