/*
 * From a memory policy to a block of pages.
 *
 * 1. A policy becomes two arguments of __alloc_pages(): the node whose zonelist is walked, and a mask of nodes that may
 *    not be left. PREFERRED and LOCAL are a node without a mask, BIND a mask, INTERLEAVE a node of its own for each
 *    page. PREFERRED_MANY is two attempts: within the mask without effort, then anywhere.
 * 2. Interleaving counts. For a page of an area or a file the count is the page's offset, so that the pattern is the same
 *    in whatever order pages are touched; for everything else a counter of the task (il_prev) goes round.
 * 3. BIND concerns only requests that may use the zone most memory is in: a device that needs the lowest 16 MiB gets them
 *    from the node that has them. Where all nodes of the set have only movable memory, the kernel's own requests
 *    are free as well: otherwise a task that is bound there could not even have page tables.
 *
 * Locks: none; policies are constant. Mirrors Linux mm/mempolicy.c (alloc_pages_mpol).
 * Exercised by tests/boot/test_mempolicy.py.
 */
#include "mm/phys/mempolicy.h"

#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

int mpol_next_node_in(int node, nodemask_t nodes)
{
	unsigned long after = nodes.bits & (~1UL << node);

	return __ffs(after ? after : nodes.bits);
}

enum zone_type mpol_lowest_zone(nodemask_t nodes)
{
	enum zone_type common = ZONE_DMA;
	bool for_kernel = false;
	struct zone *zone;

	for_each_populated_zone(zone) {
		if (zone_idx(zone) >= ZONE_MOVABLE)
			continue;
		common = max_t(enum zone_type, common, zone_idx(zone));
		for_kernel |= node_isset(zone->node, nodes);
	}
	return for_kernel ? common : ZONE_MOVABLE;
}

static int interleave_by_task(const struct mempolicy *pol)
{
	current->il_prev = mpol_next_node_in(current->il_prev, pol->nodes);
	return current->il_prev;
}

static int interleave_by_index(const struct mempolicy *pol, unsigned long ilx)
{
	unsigned long nodes = pol->nodes.bits;

	for (ilx %= nodes_weight(pol->nodes); ilx; ilx--)
		nodes &= nodes - 1;
	return __ffs(nodes);
}

static struct page *alloc_interleaved(gfp_t gfp, unsigned int order, const struct mempolicy *pol,
				      unsigned long ilx)
{
	int nid = ilx == NO_INTERLEAVE_INDEX ? interleave_by_task(pol)
					     : interleave_by_index(pol, ilx);
	struct page *page = __alloc_pages(gfp, order, nid, NULL);

	if (page && page_to_nid(page) == nid)
		count_numa_event(page_zone(page), NUMA_INTERLEAVE_HIT);
	return page;
}

static struct page *alloc_preferred_many(gfp_t gfp, unsigned int order, const struct mempolicy *pol,
					 int nid)
{
	/* Before memory is reclaimed here, the other nodes shall be asked. */
	gfp_t light = (gfp | __GFP_NOWARN) & ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL);
	struct page *page = __alloc_pages(light, order, nid, &pol->nodes);

	return page ? page : __alloc_pages(gfp, order, nid, NULL);
}

struct page *alloc_pages_mpol(gfp_t gfp, unsigned int order, const struct mempolicy *pol,
			      unsigned long ilx, int nid)
{
	int home = pol && pol->home_node != NUMA_NO_NODE ? pol->home_node : nid;

	switch (pol ? pol->mode : MPOL_LOCAL) {
	case MPOL_PREFERRED:
		nid = __ffs(pol->nodes.bits);
		break;
	case MPOL_BIND:
		if (gfp_zone(gfp) >= pol->zone)
			return __alloc_pages(gfp, order, home, &pol->nodes);
		break;
	case MPOL_INTERLEAVE:
		return alloc_interleaved(gfp, order, pol, ilx);
	case MPOL_PREFERRED_MANY:
		return alloc_preferred_many(gfp, order, pol, home);
	}
	return __alloc_pages(gfp, order, nid, NULL);
}
