/*
 * The node allocator of the trees in lib/, and its state before the slab room has registered one:
 * no memory.
 *
 * Has no counterpart in Linux, where lib/ calls the slab allocator by name. Exercised by
 * tests/kernel/lib_maple.c.
 */
#include "lib/node.h"

static void *no_alloc(size_t size, gfp_t gfp)
{
	return NULL;
}

static void no_free(void *p, size_t size)
{
}

struct lib_node_ops lib_node_ops = { .alloc = no_alloc, .free = no_free, .free_rcu = no_free };

void lib_set_node_ops(const struct lib_node_ops *ops)
{
	lib_node_ops = *ops;
}
