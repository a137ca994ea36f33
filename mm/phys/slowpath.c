/*
 * The slow path: no zone is above its low watermark. What can be done about it, from cheap to dear.
 *
 * 1. Wake kswapd, which frees pages in the background, and try again at once down to the min watermark, deeper for callers
 *    with a reserve:
 *        may sleep                   min
 *        __GFP_HIGH (may sleep)      half of min
 *        __GFP_HIGH, no sleep        three eighths of min (GFP_ATOMIC), and the highatomic reserve
 *        __GFP_MEMALLOC, reclaim     everything
 * 2. A large request (costly: order > 3), or one for unmovable pages in a row: compaction first. There may be enough free
 *    pages, only not side by side, and then reclaim would throw out pages for nothing.
 * 3. Whoever cannot sleep, and whoever is himself freeing memory (PF_MEMALLOC), ends here.
 * 4. A round: reclaim directly, in the context of the one who asks; if still nothing, the pages on the per-CPU lists and
 *    one pageblock of the highatomic reserve come back; then compaction. Rounds repeat while they make progress, at most
 *    MAX_RECLAIM_RETRIES without; costly orders and __GFP_NORETRY get one round only (__GFP_RETRY_MAYFAIL: many).
 * 5. The OOM killer, when no round helps: for small orders, unless the caller said that failure is fine, or asks for memory
 *    that no process's death would bring (a low zone, one node only). Then again from 4.
 * 6. __GFP_NOFAIL: the caller has no way back. It may empty the reserves; after that it waits for a tick and begins anew.
 *    It must be able to sleep and ask for little, otherwise it is warned about. Every ten seconds of waiting are reported.
 * 7. Otherwise NULL, and a report in the log unless __GFP_NOWARN.
 *
 * What reclaim, compaction and the OOM killer do is not known here: mm/reclaim registers reclaim_ops, and a member that is
 * NULL makes no progress. Locks: none held while any of this runs. Mirrors Linux mm/page_alloc.c
 * (__alloc_pages_slowpath). Exercised by the buddy_path suite.
 */
#include "arch/x86/traps.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "mm/phys/internal.h"
#include "mm/phys/memalloc.h"

#define MAX_RECLAIM_RETRIES 16

static const struct reclaim_ops no_ops;
static const struct reclaim_ops *reclaim_ops = &no_ops;

const struct reclaim_ops *register_reclaim_ops(const struct reclaim_ops *ops)
{
	return __atomic_exchange_n(&reclaim_ops, ops ?: &no_ops, __ATOMIC_SEQ_CST);
}

/* One request on its way through the rounds. */
struct slowpath {
	gfp_t gfp;
	unsigned int order;
	unsigned int alloc_flags;
	struct alloc_context *ac;
	const struct reclaim_ops *ops;
	int no_progress; /* rounds in a row that freed nothing */
	bool drained;	 /* the per-CPU lists have been emptied for us */
	int waits;	 /* ticks that a request which cannot fail has slept */
};

/* ---- how deep ---- */

/* Who frees memory by getting some needs no watermark. */
static bool may_use_all(gfp_t gfp)
{
	if (gfp & __GFP_NOMEMALLOC)
		return false;
	return (gfp & __GFP_MEMALLOC) || (!in_interrupt() && (current->flags & PF_MEMALLOC));
}

static unsigned int gfp_to_alloc_flags(gfp_t gfp, unsigned int order)
{
	/* Both are the same bit in gfp and in alloc_flags. */
	unsigned int flags = ALLOC_WMARK_MIN | (gfp & (__GFP_HIGH | __GFP_KSWAPD_RECLAIM));

	if (!(gfp & __GFP_DIRECT_RECLAIM) && !(gfp & __GFP_NOMEMALLOC)) {
		flags |= ALLOC_NON_BLOCK;
		if (order)
			flags |= ALLOC_HIGHATOMIC;
	}
	if (gfp_migratetype(gfp) == MIGRATE_MOVABLE)
		flags |= ALLOC_CMA;
	if (may_use_all(gfp))
		flags |= ALLOC_NO_WATERMARKS;
	return flags;
}

static struct page *try_again(const struct slowpath *sp)
{
	return get_page_from_freelist(sp->gfp, sp->order, sp->alloc_flags, sp->ac);
}

/* ---- the measures ---- */

static void wake_all_kswapds(const struct slowpath *sp)
{
	const struct alloc_context *ac = sp->ac;
	struct pglist_data *last = NULL;
	struct zoneref *z;
	struct zone *zone;

	if (!sp->ops->wake_kswapd || !(sp->alloc_flags & ALLOC_KSWAPD))
		return;
	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask) {
		if (zone->zone_pgdat == last)
			continue;
		last = zone->zone_pgdat;
		sp->ops->wake_kswapd(zone, sp->gfp, sp->order, ac->highest_zoneidx);
	}
}

void wake_kswapd_boosted(struct zone *zone)
{
	const struct reclaim_ops *ops = READ_ONCE(reclaim_ops);

	if (ops->wake_kswapd)
		ops->wake_kswapd(zone, 0, 0, zone_idx(zone));
}

static struct page *__alloc_pages_direct_compact(struct slowpath *sp)
{
	if (!sp->order || !sp->ops->compact || !sp->ops->compact(sp->gfp, sp->order, sp->ac))
		return NULL;
	return try_again(sp);
}

static struct page *__alloc_pages_direct_reclaim(struct slowpath *sp, bool *progress)
{
	struct page *page = NULL;

	count_vm_event(ALLOCSTALL_DMA + zone_idx(sp->ac->preferred_zoneref->zone));
	if (sp->ops->direct_reclaim) {
		/* What reclaim itself allocates must not come here again. */
		unsigned int flags = memalloc_noreclaim_save();

		*progress = sp->ops->direct_reclaim(sp->gfp, sp->order, sp->ac) > 0;
		memalloc_noreclaim_restore(flags);
		if (*progress)
			page = try_again(sp);
	}
	if (!page && !sp->drained) {
		/* In sum they can be the last free memory, and they keep blocks from merging. */
		unreserve_highatomic_pageblock(sp->ac, false);
		drain_all_pages(NULL);
		sp->drained = true;
		page = try_again(sp);
	}
	return page;
}

/* Another round? True while rounds free something, and while what could still be freed might be enough. */
static bool should_reclaim_retry(struct slowpath *sp, bool progress)
{
	if (progress && sp->order <= PAGE_ALLOC_COSTLY_ORDER)
		sp->no_progress = 0;
	else
		sp->no_progress++;
	if (sp->no_progress > MAX_RECLAIM_RETRIES)
		return false;
	cond_resched();
	return progress;
}

/* May a failure of this request cost somebody his life? */
static bool may_oom(const struct slowpath *sp)
{
	return sp->order <= PAGE_ALLOC_COSTLY_ORDER &&
	       !(sp->gfp & (__GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_THISNODE)) &&
	       sp->ac->highest_zoneidx >= ZONE_NORMAL;
}

static struct page *__alloc_pages_may_oom(struct slowpath *sp, bool *progress)
{
	struct page *page;

	*progress = false;
	/* The last reserve that nobody dies for. */
	if (unreserve_highatomic_pageblock(sp->ac, true)) {
		*progress = true;
		return NULL;
	}
	if (!sp->ops->oom || !may_oom(sp))
		return NULL;
	/* Somebody else's victim may have brought a lot meanwhile: then do not kill another one. */
	page = get_page_from_freelist(sp->gfp, sp->order, ALLOC_WMARK_HIGH, sp->ac);
	if (!page)
		*progress = sp->ops->oom(sp->gfp, sp->order, sp->ac);
	return page;
}

/* ---- who cannot fail ---- */

/* Is this a request that can be promised success? */
static bool nofail_makes_sense(const struct slowpath *sp)
{
	/* Without sleeping there is nothing to wait for: such a caller gets NULL after all. */
	if (WARN_ON_ONCE(!(sp->gfp & __GFP_DIRECT_RECLAIM)))
		return false;
	WARN_ON_ONCE(current->flags & PF_MEMALLOC); /* nobody else will free for it */
	WARN_ON_ONCE(sp->order > 1);		    /* may well take for ever */
	return true;
}

static struct page *nofail_round(struct slowpath *sp)
{
	struct page *page = get_page_from_freelist(sp->gfp, sp->order, ALLOC_NO_WATERMARKS, sp->ac);

	if (!page) {
		/* It may be for ever: say so now and then. */
		if (++sp->waits % (10 * HZ) == 0)
			warn_alloc(sp->gfp & ~__GFP_NOWARN, sp->order, sp->ac->nodemask);
		schedule_timeout_uninterruptible(1);
		sp->drained = false;
		sp->no_progress = 0;
	}
	return page;
}

/* ---- all in order ---- */

/* Rounds until there is a page, or no more hope. => the caller may sleep */
static struct page *reclaim_rounds(struct slowpath *sp)
{
	bool costly = sp->order > PAGE_ALLOC_COSTLY_ORDER, progress;
	struct page *page;

	for (;;) {
		wake_all_kswapds(sp);
		progress = false;
		page = __alloc_pages_direct_reclaim(sp, &progress);
		if (!page)
			page = __alloc_pages_direct_compact(sp);
		if (page || (sp->gfp & __GFP_NORETRY))
			return page;
		if (costly && !(sp->gfp & (__GFP_RETRY_MAYFAIL | __GFP_NOFAIL)))
			return NULL;
		if (should_reclaim_retry(sp, progress))
			continue;
		page = __alloc_pages_may_oom(sp, &progress);
		if (!page && progress)
			page = try_again(sp);
		if (page)
			return page;
		if (progress) {
			sp->no_progress = 0;
			sp->drained = false;
			continue;
		}
		if (!(sp->gfp & __GFP_NOFAIL))
			return NULL;
		page = nofail_round(sp);
		if (page)
			return page;
	}
}

/* Who cannot wait and must not fail, or frees memory by it, is not held up by a memory policy. */
static void leave_nodemask(struct slowpath *sp)
{
	struct alloc_context *ac = sp->ac;
	bool urgent = (sp->alloc_flags & ALLOC_NON_BLOCK) && (sp->gfp & __GFP_HIGH);

	if (!ac->nodemask || !(urgent || (sp->alloc_flags & ALLOC_NO_WATERMARKS)))
		return;
	ac->nodemask = NULL;
	ac->preferred_zoneref =
		next_zones_zonelist(ac->zonelist->_zonerefs, ac->highest_zoneidx, NULL);
}

noinline struct page *__alloc_pages_slowpath(gfp_t gfp, unsigned int order,
					     struct alloc_context *ac)
{
	struct slowpath sp = {
		.gfp = gfp,
		.order = order,
		.alloc_flags = gfp_to_alloc_flags(gfp, order),
		.ac = ac,
		.ops = READ_ONCE(reclaim_ops),
	};
	bool nofail = (gfp & __GFP_NOFAIL) && nofail_makes_sense(&sp);
	struct page *page;

	if (!nofail)
		sp.gfp &= ~__GFP_NOFAIL;
	wake_all_kswapds(&sp);
	leave_nodemask(&sp);
	page = try_again(&sp);
	if (page || !(gfp & __GFP_DIRECT_RECLAIM))
		goto out;
	if (!may_use_all(gfp) &&
	    (order > PAGE_ALLOC_COSTLY_ORDER || (order && ac->migratetype != MIGRATE_MOVABLE)))
		page = __alloc_pages_direct_compact(&sp);
	if (!page && (nofail || !(current->flags & PF_MEMALLOC)))
		page = reclaim_rounds(&sp);
out:
	/* A task that is being killed for want of memory has had its line in the log. */
	if (!page && !fatal_signal_pending(current))
		warn_alloc(gfp, order, ac->nodemask);
	return page;
}
