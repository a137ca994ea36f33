/*
 * Emptying caches, and counting what is in them.
 *
 * 1. kmem_cache_shrink(): each CPU gives up its slabs, then each node its empty ones. What is left
 *    of a node's list is sorted, fullest first, so that the emptier slabs may drain.
 * 2. Counts: nr_slabs and total_objects of a node are always right. How many of the objects are
 *    free is known for the slabs on the partial list only; a slab that a CPU owns counts as full,
 *    as on Linux. Objects in use = total - free in partial slabs.
 *
 * Locks: list_lock of each node. Mirrors the end of Linux mm/slub.c (shrink, shutdown, sysfs).
 * Exercised by the slab suite (tests/kernel/slab.c).
 */
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/slab/slab_internal.h"

/*
 * Empty slabs of a node go; the fullest of the others come first, so that the emptier ones may
 * drain.
 */
static unsigned long shrink_node(struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct list_head bins[8], discard;
	struct slab *slab, *next;
	unsigned long irqflags;

	INIT_LIST_HEAD(&discard);
	for (int i = 0; i < ARRAY_SIZE(bins); i++)
		INIT_LIST_HEAD(&bins[i]);
	spin_lock_irqsave(&n->list_lock, irqflags);
	list_for_each_entry_safe(slab, next, &n->partial, slab_list) {
		unsigned int free = slab->objects - slab->inuse;

		if (free == slab->objects) {
			list_move(&slab->slab_list, &discard);
			n->nr_partial--;
		} else {
			list_move(&slab->slab_list, &bins[free * ARRAY_SIZE(bins) / slab->objects]);
		}
	}
	for (int i = 0; i < ARRAY_SIZE(bins); i++)
		list_splice_tail(&bins[i], &n->partial);
	spin_unlock_irqrestore(&n->list_lock, irqflags);
	list_for_each_entry_safe(slab, next, &discard, slab_list)
		discard_slab(s, slab);
	return atomic_long_read(&n->nr_slabs);
}

int kmem_cache_shrink(struct kmem_cache *s)
{
	unsigned long left = 0;

	kasan_quarantine_remove_cache(s);
	on_each_cpu(flush_cpu_slab, s, true);
	for (int nid = 0; nid < slab_nr_nodes; nid++)
		if (s->node[nid])
			left += shrink_node(s, s->node[nid]);
	return left != 0;
}

int __kmem_cache_shutdown(struct kmem_cache *s)
{
	int left = kmem_cache_shrink(s);

	if (left)
		__list_remaining_objects(s);
	return left;
}

void slab_count_node(struct kmem_cache *s, int nid, struct slab_counts *c)
{
	struct kmem_cache_node *n = s->node[nid];
	unsigned long irqflags;
	struct slab *slab;

	memset(c, 0, sizeof(*c));
	if (!n)
		return;
	c->slabs = atomic_long_read(&n->nr_slabs);
	c->total_objects = atomic_long_read(&n->total_objects);
	spin_lock_irqsave(&n->list_lock, irqflags);
	c->partial = n->nr_partial;
	list_for_each_entry(slab, &n->partial, slab_list) {
		c->partial_objects += slab->inuse;
		c->partial_free += slab->objects - slab->inuse;
	}
	spin_unlock_irqrestore(&n->list_lock, irqflags);
}

void get_slabinfo(struct kmem_cache *s, struct slabinfo *info)
{
	unsigned long free = 0;

	memset(info, 0, sizeof(*info));
	for (int nid = 0; nid < slab_nr_nodes; nid++) {
		struct slab_counts c;

		slab_count_node(s, nid, &c);
		info->num_slabs += c.slabs;
		info->num_objs += c.total_objects;
		free += c.partial_free;
	}
	info->active_objs = info->num_objs - min(free, info->num_objs);
	info->active_slabs = info->num_slabs;
	info->objsize = s->size;
	info->objects_per_slab = s->objects;
	info->pages_per_slab = 1U << s->order;
}
