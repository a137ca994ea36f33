/*
 * Direct reclaim: who finds no memory frees some himself, in the context of his own allocation.
 *
 * 1. Rounds of rising pressure, priority 12 down to 0, over the nodes the allocation may use, until a good
 *    handful is free: a cache that gives one object must not end the search, since one object is no page.
 *    Then the allocator tries again, and comes back if it must.
 * 2. What there is to free today are clean pages of files on disks (mm/cache/shrink.c), pages that their process gave up (madvise(MADV_FREE), mm/user/lazyfree.c), those not
 *    used since first, and the caches behind shrinkers. Their objects mostly die after an RCU
 *    grace period, so a round that freed something ends by waiting for it: only then are there pages, and
 *    without the wait the OOM killer would be asked while memory is on its way.
 *
 * Locks: none held; it may sleep. Mirrors Linux mm/vmscan.c (try_to_free_pages). Exercised by the shrinker
 * suite (tests/kernel/shrinker.c).
 */
#include "mm/reclaim/vmscan.h"

#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "mm/cache/pagemap.h"
#include "mm/slab/shrinker.h"
#include "mm/user/lazyfree.h"

#define CALLBACK_TICKS	 5
#define SWAP_CLUSTER_MAX 32UL  /* objects that are enough for once */
#define CACHE_CLUSTER	 256UL /* pages of files that are looked at in a first round */

static unsigned long shrink_nodes(gfp_t gfp, const struct alloc_context *ac, int priority)
{
	struct pglist_data *last = NULL;
	unsigned long freed = 0;
	struct zoneref *z;
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask) {
		if (zone->zone_pgdat == last)
			continue;
		last = zone->zone_pgdat;
		freed += shrink_lazyfree(last, SWAP_CLUSTER_MAX << (DEF_PRIORITY - priority),
					 !priority);
		freed += shrink_slab(gfp, last->node_id, priority);
	}
	return freed;
}

/*
 * Not rcu_barrier(): a callback may wait for a lock that the one who allocates holds, so this must not wait for all
 * of them without end.
 */
static void wait_for_callbacks(void)
{
	synchronize_rcu();
	for (int i = 0; i < CALLBACK_TICKS && rcu_pending_callbacks(); i++)
		schedule_timeout_uninterruptible(1);
}

unsigned long try_to_free_pages(gfp_t gfp, unsigned int order, const struct alloc_context *ac)
{
	unsigned long freed = 0, pages = 0, enough = max(SWAP_CLUSTER_MAX, 1UL << order);

	for (int priority = DEF_PRIORITY; priority >= 0 && freed + pages < enough; priority--) {
		pages += shrink_page_cache(CACHE_CLUSTER << (DEF_PRIORITY - priority));
		freed += shrink_nodes(gfp, ac, priority);
	}
	/* Pages of the cache are free at once. */
	if (freed && pages < enough)
		wait_for_callbacks();
	return freed + pages;
}
