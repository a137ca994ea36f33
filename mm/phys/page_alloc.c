/*
 * The page allocator: from GFP flags to a block.
 *
 * 1. The hot path, alloc_page(): this CPU's lists of the zone that these flags prefer (a table), the list of the wanted
 *    type; if a page is there it is ours. No lock, no watermark: those were looked at when the page came onto the list.
 *    Whatever could make a request special is one word or-ed together, and one branch.
 * 2. The fast path: prepare_alloc_pages() says where to look (alloc_context: zonelist, nodes, type, highest zone), and
 *    get_page_from_freelist() takes the first zone along the zonelist that would stay above its low watermark. There the
 *    per-CPU list is filled with a batch (orders 0..3), or a block is taken under the lock.
 * 3. A watermark is a question about a zone: after this request, would the free pages that *this kind* of request can use
 *    still be more than the mark, plus what is reserved for those who can use no higher zone? And for order > 0, is
 *    there a block? Kinds with reserves (ALLOC_MIN_RESERVE, ALLOC_NON_BLOCK) lower the mark for themselves.
 * 4. Pages whose struct page is not written yet (deferred.c) are no reason to fail: the zone grows, then is asked again.
 * 5. If no zone gives anything: the slow path (slowpath.c).
 * 6. A page belongs to exactly one of: a free list (PageBuddy), a per-CPU list, an owner. _refcount is 0 in the
 *    first two states and at least 1 in the third.
 *
 * Locks: none here; zone->lock below, in rmqueue_buddy() and pcp_refill(). Mirrors Linux mm/page_alloc.c. Exercised by the
 * buddy suites.
 */
#include "arch/x86/page_ops.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/lockdep.h"
#include "kernel/task.h"
#include "kernel/smp.h"
#include "mm/phys/deferred.h"
#include "mm/phys/internal.h"
#include "mm/phys/memalloc.h"
#include "mm/phys/mempolicy.h"

/* ---- a page changes hands ---- */

void prep_compound_page(struct page *page, unsigned int order)
{
	struct folio *folio = (struct folio *)page;

	__SetPageHead(page);
	for (unsigned long i = 1; i < BIT(order); i++)
		set_compound_head(page + i, page);
	folio->_folio_order = order;
	folio->_folio_nr_pages = BIT(order);
	atomic_set(&folio->_large_mapcount, -1);
	atomic_set(&folio->_entire_mapcount, -1);
	atomic_set(&folio->_nr_pages_mapped, 0);
	atomic_set(&folio->_pincount, 0);
}

static noinline struct page *prep_block(struct page *page, unsigned int order, gfp_t gfp)
{
	if (gfp & __GFP_ZERO)
		for (unsigned long i = 0; i < BIT(order); i++)
			clear_page(page_address(page + i));
	if (gfp & __GFP_COMP)
		prep_compound_page(page, order);
	return page;
}

/* On its own, the page of every anonymous fault needs few registers; and it is never compound. */
noinline struct page *prep_special(struct page *page, unsigned int order, gfp_t gfp)
{
	if (order)
		return prep_block(page, order, gfp);
	if (gfp & __GFP_ZERO)
		clear_page(page_address(page));
	return page;
}

/* ---- watermarks ---- */

/* Free pages that this kind of request could not take if it wanted. */
static __always_inline long unusable_free(struct zone *zone, unsigned int order,
					  unsigned int alloc_flags)
{
	long unusable = BIT(order) - 1; /* however many single pages there are */

	if (!(alloc_flags & ALLOC_HIGHATOMIC))
		unusable += READ_ONCE(zone->nr_free_highatomic);
	if (!(alloc_flags & ALLOC_CMA))
		unusable += atomic_long_read(&zone->vm_stat[NR_FREE_CMA_PAGES]);
	return unusable;
}

/* Would enough pages be left, in blocks of whatever order? */
static __always_inline bool above_mark(struct zone *zone, unsigned int order, long min,
				       int highest_zoneidx, unsigned int alloc_flags)
{
	long free = atomic_long_read(&zone->vm_stat[NR_FREE_PAGES]);

	free -= unusable_free(zone, order, alloc_flags);
	if (unlikely(alloc_flags & ALLOC_MIN_RESERVE)) {
		min -= min / 2;
		if (alloc_flags & ALLOC_NON_BLOCK)
			min -= min / 4;
	}
	return free > min + zone->lowmem_reserve[highest_zoneidx];
}

/* Is there a block of at least this order on a list that the request may take from? */
static bool zone_has_block(struct zone *zone, unsigned int order, unsigned int alloc_flags)
{
	for (unsigned int o = order; o < NR_PAGE_ORDERS; o++) {
		struct free_area *area = &zone->free_area[o];

		if (!area->nr_free)
			continue;
		for (int mt = 0; mt < MIGRATE_PCPTYPES; mt++)
			if (!list_empty(&area->free_list[mt]))
				return true;
		if ((alloc_flags & ALLOC_CMA) && !list_empty(&area->free_list[MIGRATE_CMA]))
			return true;
		if ((alloc_flags & ALLOC_HIGHATOMIC) &&
		    !list_empty(&area->free_list[MIGRATE_HIGHATOMIC]))
			return true;
	}
	return false;
}

bool zone_watermark_ok(struct zone *zone, unsigned int order, unsigned long mark,
		       int highest_zoneidx, unsigned int alloc_flags)
{
	return above_mark(zone, order, mark, highest_zoneidx, alloc_flags) &&
	       (!order || zone_has_block(zone, order, alloc_flags));
}

bool zone_watermark_fast(struct zone *zone, unsigned int order, unsigned long mark,
			 int highest_zoneidx, unsigned int alloc_flags)
{
	if (likely(above_mark(zone, order, mark, highest_zoneidx, alloc_flags)))
		return true;
	if (alloc_flags & ALLOC_NO_WATERMARKS)
		return true;
	/* A boost makes kswapd work; it is no reason to refuse a single page to somebody with a reserve. */
	return !order && (alloc_flags & ALLOC_MIN_RESERVE) && READ_ONCE(zone->watermark_boost) &&
	       (alloc_flags & ALLOC_WMARK_MASK) == ALLOC_WMARK_MIN &&
	       above_mark(zone, order, zone->_watermark[WMARK_MIN], highest_zoneidx, alloc_flags);
}

/* ---- a block of one zone ---- */

/* allocs[] counts as if each had been wanted from this zone (vmstat.c). */
static __always_inline void count_misplaced(struct zone *preferred, struct zone *zone, long nr)
{
	if (likely(zone->node == preferred->node))
		return;
	count_numa_events(zone, NUMA_HIT, -nr);
	count_numa_events(zone, NUMA_MISS, nr);
	count_numa_events(preferred, NUMA_FOREIGN, nr);
}

void count_allocs(struct zone *preferred, struct zone *zone, unsigned int order, long nr)
{
	this_cpu_add(zone->per_cpu_pageset->allocs[order], (unsigned long)nr);
	count_misplaced(preferred, zone, nr);
}

static struct page *rmqueue_buddy(struct zone *zone, unsigned int order, unsigned int alloc_flags,
				  const struct alloc_context *ac)
{
	struct page *page = NULL;

	scoped_guard(zone_lock, zone) {
		if (unlikely(alloc_flags & ALLOC_HIGHATOMIC))
			page = __rmqueue_smallest(zone, order, MIGRATE_HIGHATOMIC);
		if (likely(!page))
			page = __rmqueue(zone, order, ac->migratetype, alloc_flags);
		/* Rather the reserve for large requests than nothing for one that cannot wait. */
		if (unlikely(!page) && (alloc_flags & ALLOC_NON_BLOCK))
			page = __rmqueue_smallest(zone, order, MIGRATE_HIGHATOMIC);
	}
	if (likely(page))
		count_allocs(ac->preferred_zoneref->zone, zone, order, 1);
	return page;
}

/* Through this CPU's list, filling it. NULL if it is busy or there is nothing. */
static struct page *rmqueue_pcplist(struct zone *zone, unsigned int order, unsigned int alloc_flags,
				    const struct alloc_context *ac)
{
	struct per_cpu_pages *pcp = pcp_try_enter(zone);
	struct page *page = NULL;
	struct list_head *list;

	if (!pcp)
		return NULL;
	list = pcp_list(pcp, order, ac->migratetype);
	if (list_empty(list))
		pcp_refill(pcp, order, ac->migratetype, alloc_flags);
	if (!list_empty(list))
		page = pcp_take(pcp, list, order);
	pcp_leave(pcp);
	if (page)
		count_misplaced(ac->preferred_zoneref->zone, zone, 1);
	return page;
}

static struct page *rmqueue(struct zone *zone, unsigned int order, unsigned int alloc_flags,
			    const struct alloc_context *ac)
{
	struct page *page = NULL;

	if (order < NR_PCP_ORDERS)
		page = rmqueue_pcplist(zone, order, alloc_flags, ac);
	if (!page)
		page = rmqueue_buddy(zone, order, alloc_flags, ac);
	if ((alloc_flags & ALLOC_KSWAPD) &&
	    unlikely(test_bit(ZONE_BOOSTED_WATERMARK, &zone->flags))) {
		clear_bit(ZONE_BOOSTED_WATERMARK, &zone->flags);
		wake_kswapd_boosted(zone);
	}
	return page;
}

/* ---- along the zonelist ---- */

/*
 * Before pageblocks of the wanted zone are mixed up, rather take from the lower zone of the same node: if there is one,
 * the first round steals whole pageblocks or nothing.
 */
static unsigned int alloc_flags_nofragment(const struct zone *preferred, gfp_t gfp)
{
	unsigned int flags = gfp & __GFP_KSWAPD_RECLAIM; /* the same bit as ALLOC_KSWAPD */

	if (zone_idx(preferred) == ZONE_NORMAL &&
	    populated_zone(&preferred->zone_pgdat->node_zones[ZONE_DMA32]))
		flags |= ALLOC_NOFRAGMENT;
	return flags;
}

BUILD_BUG_ON(ALLOC_KSWAPD != __GFP_KSWAPD_RECLAIM);
BUILD_BUG_ON(ALLOC_MIN_RESERVE != __GFP_HIGH);

/* A block of this zone, if its watermark allows; the zone grows by deferred pages as long as that helps. */
static struct page *try_zone(struct zone *zone, unsigned int order, unsigned int alloc_flags,
			     const struct alloc_context *ac)
{
	struct page *page;

	do {
		unsigned long mark = wmark_pages(zone, alloc_flags & ALLOC_WMARK_MASK);

		if (!zone_watermark_fast(zone, order, mark, ac->highest_zoneidx, alloc_flags))
			continue;
		do {
			page = rmqueue(zone, order, alloc_flags, ac);
		} while (page && check_new_pages(page, order));
		if (page)
			return page;
	} while (deferred_grow_zone(zone, order));
	return NULL;
}

struct page *get_page_from_freelist(gfp_t gfp, unsigned int order, unsigned int alloc_flags,
				    const struct alloc_context *ac)
{
	struct zone *zone, *preferred = ac->preferred_zoneref->zone;
	struct zoneref *z;

again:
	for (z = ac->preferred_zoneref, zone = z->zone; zone;
	     z = next_zones_zonelist(z + 1, ac->highest_zoneidx, ac->nodemask), zone = z->zone) {
		struct page *page;

		/* Another node is farther away than a mixed-up pageblock is bad. */
		if ((alloc_flags & ALLOC_NOFRAGMENT) && zone->node != preferred->node)
			break;
		page = try_zone(zone, order, alloc_flags, ac);
		if (!page)
			continue;
		if (unlikely(alloc_flags & ALLOC_HIGHATOMIC) && order)
			reserve_highatomic_pageblock(zone, page);
		return prep_new_page(page, order, gfp);
	}
	if (alloc_flags & ALLOC_NOFRAGMENT) {
		alloc_flags &= ~ALLOC_NOFRAGMENT;
		goto again;
	}
	return NULL;
}

bool prepare_alloc_pages(gfp_t gfp, unsigned int order, int nid, const nodemask_t *nodemask,
			 struct alloc_context *ac, unsigned int *alloc_flags)
{
	might_sleep_if(gfp & __GFP_DIRECT_RECLAIM);
	if (unlikely(page_debug) && page_debug_should_fail(gfp, order))
		return false;
	if (nid == NUMA_NO_NODE || !NODE_DATA(nid))
		nid = numa_mem_id();
	ac->zonelist = node_zonelist(nid, gfp);
	ac->nodemask = nodemask;
	ac->migratetype = gfp_migratetype(gfp);
	ac->highest_zoneidx = gfp_zone(gfp);
	ac->preferred_zoneref =
		next_zones_zonelist(ac->zonelist->_zonerefs, ac->highest_zoneidx, nodemask);
	VM_BUG_ON(ac->migratetype >= MIGRATE_PCPTYPES);
	if (unlikely(!ac->preferred_zoneref->zone))
		return false;
	*alloc_flags = ALLOC_WMARK_LOW | alloc_flags_nofragment(ac->preferred_zoneref->zone, gfp);
	if (ac->migratetype == MIGRATE_MOVABLE)
		*alloc_flags |= ALLOC_CMA;
	return true;
}

/* ---- the interface ---- */

/* Everything but the hot path. */
static noinline struct page *alloc_pages_any(gfp_t gfp, unsigned int order, int nid,
					     const nodemask_t *nodemask)
{
	struct alloc_context ac;
	unsigned int alloc_flags;
	struct page *page;

	if (WARN_ON_ONCE(order > MAX_PAGE_ORDER))
		return NULL;
	gfp = current_gfp_context(gfp);
	if (!prepare_alloc_pages(gfp, order, nid, nodemask, &ac, &alloc_flags))
		return NULL;
	page = get_page_from_freelist(gfp, order, alloc_flags, &ac);
	if (likely(page))
		return page;
	return __alloc_pages_slowpath(gfp, order, &ac);
}

/* Where the task's memory policy says, if it has one (an interrupt on top of it has not), or from this CPU's node first. */
static noinline struct page *alloc_pages_task(gfp_t gfp, unsigned int order)
{
	const struct mempolicy *pol = mpol_task_policy(gfp);

	if (unlikely(pol))
		return alloc_pages_mpol(gfp, order, pol, NO_INTERLEAVE_INDEX, numa_mem_id());
	return alloc_pages_any(gfp, order, NUMA_NO_NODE, NULL);
}

/* The hot path: this CPU's list of the preferred zone, if there is something on it. => order < NR_PCP_ORDERS */
static __always_inline struct page *alloc_from_pcp(gfp_t gfp, unsigned int order)
{
	struct per_cpu_pages *pcp = this_cpu_read(pcp_table.wanted[gfp & GFP_ZONEMASK]);
	struct list_head *list = pcp_list(pcp, order, gfp_migratetype(gfp));
	struct page *page;

	/* Debugging tools want to be asked first. */
	if (unlikely((unsigned long)current->mempolicy | page_debug | pcp->busy))
		return alloc_pages_task(gfp, order);
	pcp_enter(pcp);
	if (unlikely(pcp_list_empty(list))) {
		pcp_leave(pcp);
		return alloc_pages_task(gfp, order);
	}
	page = pcp_take(pcp, list, order);
	pcp_leave(pcp);
	if (unlikely(check_new_pages(page, order)))
		return alloc_pages_task(gfp, order);
	page->private = 0;
	set_page_count(page, 1);
	if (gfp & (__GFP_ZERO | __GFP_COMP))
		return prep_special(page, order, gfp);
	return page;
}

struct page *alloc_page(gfp_t gfp)
{
	might_sleep_if(gfp & __GFP_DIRECT_RECLAIM);
	return alloc_from_pcp(gfp, 0);
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	might_sleep_if(gfp & __GFP_DIRECT_RECLAIM);
	if (order < NR_PCP_ORDERS)
		return alloc_from_pcp(gfp, order);
	return alloc_pages_task(gfp, order);
}

struct page *__alloc_pages(gfp_t gfp, unsigned int order, int nid, const nodemask_t *nodemask)
{
	if (nid == NUMA_NO_NODE && !nodemask)
		return alloc_pages(gfp, order);
	return alloc_pages_any(gfp, order, nid, nodemask);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = order ? alloc_pages(gfp, order) : alloc_page(gfp);

	return page ? (unsigned long)page_address(page) : 0;
}

struct folio *folio_alloc(gfp_t gfp, unsigned int order)
{
	if (!order)
		return (struct folio *)alloc_page(gfp);
	return (struct folio *)alloc_pages(gfp | __GFP_COMP, order);
}

struct folio *__folio_alloc_node(gfp_t gfp, unsigned int order, int nid)
{
	return (struct folio *)__alloc_pages(gfp | __GFP_COMP, order, nid, NULL);
}
