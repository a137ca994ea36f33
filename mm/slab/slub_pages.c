/*
 * Where slabs come from and go to: blocks of the buddy allocator that become slabs and blocks again, and how many
 * there are.
 *
 * 1. A block becomes a slab when its head page gets PageSlab and an owner, its objects are linked through themselves and,
 *    if the cache has a constructor, constructed. It is born frozen: it belongs to whoever made it, on no list.
 * 2. The order that wastes least is asked for without insisting; the smallest one that holds an object with the caller's
 *    full rights.
 * 3. A slab that goes is empty and on no list. With SLAB_TYPESAFE_BY_RCU its pages wait for a grace period, for readers
 *    may still look at its objects.
 *
 * Locks: none for making and discarding (the counts are atomic); list_lock of each node for counting free objects.
 * Mirrors the middle of Linux mm/slub.c (allocate_slab, free_slab). Exercised by the slab suite (tests/kernel/slab.c).
 */
#include "mm/slab/slab_internal.h"

#include "kernel/bug.h"
#include "kernel/rcu.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

/* Zones whose pages have no address, or that other flags ask for. */
#define GFP_SLAB_BUG_MASK (__GFP_HIGHMEM | __GFP_DMA32)

static unsigned int slab_order_of(const struct slab *slab)
{
	return compound_order(slab_page(slab));
}

static void account_slab(struct kmem_cache *s, struct slab *slab, unsigned int order, int sign)
{
	struct kmem_cache_node *n = slab_node(s, slab);

	mod_node_page_state(page_pgdat(slab_page(slab)),
			    s->flags & SLAB_RECLAIM_ACCOUNT ? NR_SLAB_RECLAIMABLE
							    : NR_SLAB_UNRECLAIMABLE,
			    sign * (1L << order));
	if (sign > 0) {
		atomic_long_inc(&n->nr_slabs);
		atomic_long_add(slab->objects, &n->total_objects);
	} else {
		atomic_long_dec(&n->nr_slabs);
		atomic_long_sub(slab->objects, &n->total_objects);
	}
}

/* Links all objects into the free list, first object first, and constructs them. */
static void link_objects(struct kmem_cache *s, struct slab *slab)
{
	char *start = nth_object(s, slab, 0), *p = start;
	unsigned int size = s->size;

	if (unlikely(kmem_cache_debug(s)))
		debug_setup_slab(s, slab);
	kasan_poison_slab(s, slab);
	if (unlikely(s->ctor))
		for (unsigned int i = 0; i < slab->objects; i++) {
			kasan_unpoison_new_object(s, start + (size_t)i * size);
			s->ctor(start + (size_t)i * size);
			kasan_poison_new_object(s, start + (size_t)i * size);
		}
	for (unsigned int i = slab->objects - 1; i; i--, p += size)
		set_freepointer(s, p, p + size);
	set_freepointer(s, p, NULL);
	slab->freelist = start;
}

static struct page *slab_pages(struct kmem_cache *s, gfp_t gfp, int node, unsigned int order)
{
	if (node == NUMA_NO_NODE)
		return alloc_pages(gfp, order);
	return alloc_pages_node(node, gfp, order);
}

struct slab *new_slab(struct kmem_cache *s, gfp_t gfp, int node)
{
	unsigned int order = s->order;
	union slab_counters c = { 0 };
	struct page *page = NULL;
	struct slab *slab;

	if (unlikely(gfp & GFP_SLAB_BUG_MASK)) {
		WARN_ONCE(1, "slab %s: gfp %#x asks for pages that the kernel cannot use so\n",
			  s->name, gfp);
		gfp &= ~GFP_SLAB_BUG_MASK;
	}
	gfp = (gfp & ~(__GFP_ZERO | __GFP_MOVABLE)) | __GFP_COMP | s->allocflags;
	if (order > s->min_order) {
		page = slab_pages(s, (gfp | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL, node,
				  order);
		if (!page)
			order = s->min_order;
	}
	if (!page)
		page = slab_pages(s, gfp, node, order);
	if (unlikely(!page))
		return NULL;

	slab = page_slab(page);
	__SetPageSlab(page);
	slab->slab_cache = s;
	c.objects = order == s->order ? s->objects : (PAGE_SIZE << order) / s->size;
	c.frozen = 1;
	slab->counters = c.counters;
	link_objects(s, slab);
	account_slab(s, slab, order, 1);
	return slab;
}

static void free_slab_pages(struct slab *slab)
{
	struct page *page = slab_page(slab);
	unsigned int order = slab_order_of(slab);

	slab->slab_cache = NULL;
	slab->freelist = NULL;
	slab->counters = 0;
	page->mapping = NULL;
	__ClearPageSlab(page);
	__free_pages(page, order);
}

static void rcu_free_slab(struct rcu_head *head)
{
	free_slab_pages(container_of(head, struct slab, rcu_head));
}

void discard_slab(struct kmem_cache *s, struct slab *slab)
{
	if (unlikely(kmem_cache_debug(s)))
		debug_check_dying_slab(s, slab);
	account_slab(s, slab, slab_order_of(slab), -1);
	if (unlikely(s->flags & SLAB_TYPESAFE_BY_RCU))
		call_rcu(&slab->rcu_head, rcu_free_slab);
	else
		free_slab_pages(slab);
}
