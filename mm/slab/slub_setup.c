/*
 * The shape of a cache: how large objects and slabs are, how many a CPU and a node keep, and the
 * first caches.
 *
 * 1. Object: the user's size, rounded up to 8 bytes and the alignment. A free object holds the link
 *    to the next one in its middle, where neither an overrun of its neighbour nor an underrun
 *    reaches first. Objects whose bytes matter while they are free (constructor,
 *    SLAB_TYPESAFE_BY_RCU) get the link behind them instead.
 * 2. Slab: as small as it can be without wasting much, see slab_order().
 * 3. Bootstrap: a cache needs a struct kmem_cache and a struct kmem_cache_node for each node, both
 *    of which come from caches. So these two caches are static, and the node structs of further
 *    nodes come from the first.
 *
 * Mirrors parts of Linux mm/slub.c. Exercised by the slab suite.
 */
#include "mm/slab/slab_internal.h"

#include "kernel/bug.h"
#include "lib/errno.h"
#include "mm/phys/buddy.h"
#include "mm/slab/percpu.h"

int slab_nr_nodes;
static int boot_node; /* - lowest node number: all slabs come from it until slab_up */

/*
 * The order of a slab: the smallest that holds min_objects (as far as the largest order allows) and
 * wastes at most 1/16 at its end; if there is none, 1/8, then 1/4, then whatever holds one object.
 * Machines with less than 1 GiB aim at 4 objects and order 1; larger ones at 16 and order 3, for
 * fewer trips to the buddy allocator.
 */
static unsigned int slab_order(unsigned int size)
{
	bool small = totalram_pages() < (1UL << (30 - PAGE_SHIFT));
	unsigned int max_order = small ? 1 : 3, min_objects = small ? 4 : 16;

	for (unsigned int fraction = 16; fraction >= 4; fraction /= 2) {
		unsigned long want = min_t(unsigned long, (unsigned long)min_objects *size,
					   PAGE_SIZE << max_order);

		for (unsigned int order = 0; order <= max_order; order++) {
			unsigned long bytes = PAGE_SIZE << order;

			if (bytes >= want && bytes >= size && bytes % size <= bytes / fraction)
				return order;
		}
	}
	return order_base_2(DIV_ROUND_UP(size, PAGE_SIZE));
}

/* align, size, offset and order from object_size, align, ctor and flags. */
static int calculate_sizes(struct kmem_cache *s)
{
	unsigned int align = max_t(unsigned int, s->align, ARCH_KMALLOC_MINALIGN);
	unsigned int size = ALIGN(s->object_size, sizeof(void *));

	if (s->flags & SLAB_HWCACHE_ALIGN) {
		unsigned int line = L1_CACHE_BYTES;

		while (line > sizeof(void *) && s->object_size <= line / 2)
			line /= 2;
		align = max(align, line);
	}
	s->inuse = size;
	/*
	 * A constructed object, or one that RCU readers may still see, keeps its bytes while it is
	 * free.
	 */
	if (s->ctor || (s->flags & SLAB_TYPESAFE_BY_RCU)) {
		s->offset = size;
		size += sizeof(void *);
	} else {
		s->offset = ALIGN_DOWN(s->object_size / 2, sizeof(void *));
	}
	s->align = align;
	s->size = ALIGN(size, align);
	s->order = slab_order(s->size);
	s->min_order = order_base_2(DIV_ROUND_UP(s->size, PAGE_SIZE));
	s->objects = (PAGE_SIZE << s->order) / s->size;
	return s->objects && s->objects < (1 << 15) ? 0 : -EINVAL;
}

/*
 * How much a node and a CPU may keep: more for small objects, next to nothing on a small machine.
 */
static void calculate_limits(struct kmem_cache *s)
{
	unsigned long mib = totalram_pages() >> (20 - PAGE_SHIFT);
	unsigned int objects;

	if (mib < 64) {
		s->min_partial = 1;
		s->cpu_partial = 1;
		return;
	}
	s->min_partial = 5;
	objects = s->size >= PAGE_SIZE ? 6 : s->size >= 1024 ? 24 : s->size >= 256 ? 52 : 120;
	s->cpu_partial = clamp_t(unsigned int, DIV_ROUND_UP(objects * 2, s->objects), 1,
				 mib < 1024 ? 4 : 30);
}

static void init_node(struct kmem_cache_node *n)
{
	spin_lock_init(&n->list_lock);
	n->nr_partial = 0;
	INIT_LIST_HEAD(&n->partial);
	atomic_long_set(&n->nr_slabs, 0);
	atomic_long_set(&n->total_objects, 0);
}

int __kmem_cache_setup(struct kmem_cache *s, unsigned long flags)
{
	int nid, err;

	s->flags = flags;
	err = calculate_sizes(s);
	if (err)
		return err;
	calculate_limits(s);
	s->allocflags = flags & SLAB_CACHE_DMA ? __GFP_DMA : 0;
	if (flags & SLAB_RECLAIM_ACCOUNT)
		s->allocflags |= __GFP_RECLAIMABLE;

	s->cpu_slab = alloc_percpu(struct kmem_cache_cpu);
	if (!s->cpu_slab)
		return -ENOMEM;
	for_each_node_state(nid, N_MEMORY) {
		struct kmem_cache_node *n;

		if (s->node[nid])
			continue;
		n = kmem_cache_alloc_node(&boot_kmem_cache_node,
					  GFP_KERNEL | (slab_up ? 0 : __GFP_THISNODE),
					  slab_up ? NUMA_NO_NODE : boot_node);
		if (!n)
			return -ENOMEM;
		init_node(n);
		s->node[nid] = n;
	}
	return 0;
}

void __kmem_cache_release(struct kmem_cache *s)
{
	free_percpu(s->cpu_slab);
	s->cpu_slab = NULL;
	for (int nid = 0; nid < slab_nr_nodes; nid++) {
		kmem_cache_free(&boot_kmem_cache_node, s->node[nid]);
		s->node[nid] = NULL;
	}
}

/*
 * The two caches that describe caches: static, with one static node each. That node alone can serve
 * until the node structs of the others, objects of the first cache, have been taken from its
 * memory.
 */
void __init slub_boot(void)
{
	static struct kmem_cache_node first[2];
	struct kmem_cache *boot[2] = { &boot_kmem_cache_node, &boot_kmem_cache };

	slab_nr_nodes = 64 - __builtin_clzl(node_states[N_MEMORY].bits);
	boot_node = __builtin_ctzl(node_states[N_MEMORY].bits);
	boot_kmem_cache.object_size =
		offsetof(struct kmem_cache, node) + slab_nr_nodes * sizeof(void *);
	for (int i = 0; i < 2; i++) {
		init_node(&first[i]);
		boot[i]->node[boot_node] = &first[i];
	}
	for (int i = 0; i < 2; i++)
		if (__kmem_cache_setup(boot[i], SLAB_HWCACHE_ALIGN))
			panic("slab: cannot set up %s", boot[i]->name);
}
