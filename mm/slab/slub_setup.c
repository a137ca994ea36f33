/*
 * The shape of a cache: how large objects and slabs are, how many a CPU and a node keep, and the
 * first caches.
 *
 * 1. Object: the user's size, rounded up to 8 bytes and the alignment. A free object holds the link
 *    to the next one in its middle, where neither an overrun of its neighbour nor an underrun
 *    reaches first. Objects whose bytes matter while they are free (constructor,
 *    SLAB_TYPESAFE_BY_RCU, poison) get the link behind them instead. Debugging adds more:
 *    slab_check.c.
 * 2. Slab: as small as it can be without wasting much, see slab_order().
 * 3. Bootstrap: a cache needs a struct kmem_cache and a struct kmem_cache_node for each node, both
 *    of which come from caches. So these two caches are static, and the node structs of further
 *    nodes come from the first.
 *
 * Mirrors parts of Linux mm/slub.c. Exercised by the slab suite.
 */
#include "mm/slab/slab_internal.h"

#include "kernel/bug.h"
#include "kernel/random.h"
#include "lib/errno.h"
#include "mm/phys/buddy.h"
#include "mm/slab/percpu.h"

int slab_nr_nodes;
static int boot_node; /* - lowest node number: all slabs come from it until slab_up */

#define MAX_OBJS_PER_PAGE 32767 /* struct slab counts in 15 bits */

/*
 * The order of a slab: the smallest from slub_min_order on that holds slub_min_objects (as far as
 * slub_max_order allows) and wastes at most 1/16 at its end; if there is none, 1/8, then 1/4, then
 * whatever holds one object.
 */
static unsigned int slab_order(unsigned int size)
{
	unsigned int max_order = slub_max_order, min_order = slub_min_order;

	while (max_order && (PAGE_SIZE << max_order) / size > MAX_OBJS_PER_PAGE)
		max_order--;
	min_order = min(min_order, max_order);
	for (unsigned int fraction = 16; fraction >= 4; fraction /= 2) {
		unsigned long want = min_t(unsigned long, (unsigned long)slub_min_objects *size,
					   PAGE_SIZE << max_order);

		for (unsigned int order = min_order; order <= max_order; order++) {
			unsigned long bytes = PAGE_SIZE << order;

			if (bytes >= want && bytes >= size && bytes % size <= bytes / fraction)
				return order;
		}
	}
	return max(min_order, (unsigned int)order_base_2(DIV_ROUND_UP(size, PAGE_SIZE)));
}

unsigned int calculate_alignment(unsigned long flags, unsigned int align, unsigned int size)
{
	align = max_t(unsigned int, align, ARCH_KMALLOC_MINALIGN);
	if (flags & SLAB_HWCACHE_ALIGN) {
		unsigned int line = L1_CACHE_BYTES;

		while (line > sizeof(void *) && size <= line / 2)
			line /= 2;
		align = max(align, line);
	}
	return align;
}

/* Everything that slab_check.c lists, in its order. */
static void lay_out_object(struct kmem_cache *s, unsigned int align)
{
	unsigned int size = ALIGN(s->object_size, sizeof(void *));
	bool keeps_bytes = s->ctor || (s->flags & SLAB_TYPESAFE_BY_RCU);

	s->flags &= ~__OBJECT_POISON;
	if ((s->flags & SLAB_POISON) && !keeps_bytes)
		s->flags |= __OBJECT_POISON;
	s->red_left_pad = 0;
	if ((s->flags & SLAB_RED_ZONE) && size == s->object_size)
		size += sizeof(void *);
	s->inuse = size;
	/*
	 * A constructed object, one that RCU readers may still see, and one whose bytes are verified
	 * keeps its bytes while it is free. So does one that is smaller than the link.
	 */
	if (keeps_bytes || (s->flags & SLAB_POISON) ||
	    ((s->flags & SLAB_RED_ZONE) && s->object_size < sizeof(void *))) {
		s->offset = size;
		size += sizeof(void *);
	} else {
		s->offset = ALIGN_DOWN(s->object_size / 2, sizeof(void *));
	}
	if (s->flags & SLAB_STORE_USER)
		size += 2 * sizeof(struct track);
	size = kasan_lay_out(s, size);
	if (s->flags & SLAB_RED_ZONE) {
		size += sizeof(void *); /* padding, so that a long overrun is seen for what it is */
		s->red_left_pad = ALIGN(sizeof(void *), align);
		size += s->red_left_pad;
	}
	s->size = ALIGN(size, align);
}

/* align, size, offset and order from object_size, align, ctor and flags. */
static int calculate_sizes(struct kmem_cache *s)
{
	unsigned int align = calculate_alignment(s->flags, s->align, s->object_size);

	s->align = align;
	lay_out_object(s, align);
	if (slub_debug_no_higher_order && (s->flags & SLAB_METADATA_FLAGS) &&
	    PFN_UP(s->size) > PFN_UP(s->object_size)) {
		s->flags &= ~SLAB_METADATA_FLAGS;
		lay_out_object(s, align);
	}
	s->order = slab_order(s->size);
	s->min_order = order_base_2(DIV_ROUND_UP(s->size, PAGE_SIZE));
	s->objects = (PAGE_SIZE << s->order) / s->size;
	return s->objects && s->objects <= MAX_OBJS_PER_PAGE ? 0 : -EINVAL;
}

void set_cpu_partial(struct kmem_cache *s, unsigned int objects)
{
	s->cpu_partial = objects;
	s->cpu_partial_slabs = objects ? max(DIV_ROUND_UP(objects * 2, s->objects), 1U) : 0;
}

/*
 * How much a node and a CPU may keep: more for small objects, next to nothing on a small machine.
 */
static void calculate_limits(struct kmem_cache *s)
{
	unsigned long mib = totalram_pages() >> (20 - PAGE_SHIFT);
	unsigned int objects;

	s->remote_node_defrag_ratio = 1000;
	s->min_partial = mib < 64 ? 1 : 5;
	objects = s->size >= PAGE_SIZE ? 6 : s->size >= 1024 ? 24 : s->size >= 256 ? 52 : 120;
	if (mib < 64)
		objects = 1;
	else if (mib < 1024)
		objects = min(objects, 2 * s->objects);
	set_cpu_partial(s, kmem_cache_debug(s) ? 0 : objects);
}

static void init_node(struct kmem_cache_node *n)
{
	spin_lock_init(&n->list_lock);
	n->nr_partial = 0;
	INIT_LIST_HEAD(&n->partial);
	INIT_LIST_HEAD(&n->full);
	atomic_long_set(&n->nr_slabs, 0);
	atomic_long_set(&n->total_objects, 0);
}

int __kmem_cache_setup(struct kmem_cache *s, unsigned long flags)
{
	int nid, err;

	s->flags = kmem_cache_flags(s->name, flags);
	s->random = get_random_long();
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
	for_each_node_state(nid, N_MEMORY)
	{
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
