/*
 * The nodes of lib/'s trees, from caches of their own.
 *
 * lib/ lies below this floor and asks for nodes through an ops table (lib/node.h). There are two
 * kinds, told apart by size: maple nodes (VMAs) and xarray nodes (page cache). A maple node starts
 * on a cache line.
 *
 * Has no counterpart in Linux, where maple_tree.c and xarray.c make their caches themselves.
 * Exercised by every suite that uses one of the trees.
 */
#include "kernel/bug.h"
#include "kernel/rcu.h"
#include "lib/maple.h"
#include "lib/node.h"
#include "lib/xarray.h"
#include "mm/slab/slab.h"

static struct kmem_cache *maple_node_cache, *xa_node_cache;

static __always_inline struct kmem_cache *cache_of(size_t size)
{
	return size == sizeof(struct maple_node) ? maple_node_cache : xa_node_cache;
}

static void *node_alloc(size_t size, gfp_t gfp)
{
	return kmem_cache_alloc(cache_of(size), gfp);
}

static void node_free(void *p, size_t size)
{
	kmem_cache_free(cache_of(size), p);
}

static void node_free_rcu(void *p, size_t size)
{
	call_rcu(p, kfree_rcu_callback);
}

void __init kmem_cache_init_late(void)
{
	static const struct lib_node_ops ops = { node_alloc, node_free, node_free_rcu };

	BUILD_BUG_ON(sizeof(struct maple_node) == sizeof(struct xa_node));
	maple_node_cache = kmem_cache_create("maple_node", sizeof(struct maple_node), 0,
					     SLAB_HWCACHE_ALIGN | SLAB_PANIC, NULL);
	xa_node_cache = kmem_cache_create("radix_tree_node", sizeof(struct xa_node), 0,
					  SLAB_PANIC | SLAB_RECLAIM_ACCOUNT, NULL);
	lib_set_node_ops(&ops);
}
