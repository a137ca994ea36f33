/*
 * The page allocator: from GFP flags to a block, and back.
 *
 * 1. The hot path, alloc_page(): this CPU's node, its preferred zone for these flags (a table), this CPU's list of
 *    that zone and type; if a page is there it is ours. No lock, no watermark: those were looked at when the
 *    page came onto the list.
 * 2. The fast path, get_page_from_freelist(): along the zonelist, the first zone that would stay above its low
 *    watermark. There the per-CPU list is filled with a batch (orders 0..3), or a block is taken under the lock.
 * 3. The slow path, when no zone is above low: wake kswapd; try again down to the min watermark, deeper for callers with
 *    __GFP_HIGH or that cannot sleep, without limit for those that free memory. If the caller may sleep: compact,
 *    reclaim, empty the per-CPU lists, and as the last resort the OOM killer; between them try again. What each
 *    of these does is not known here: mm/reclaim registers reclaim_ops. While nobody has, the request fails.
 * 4. Freeing: when the last reference is dropped the page is stripped of its state, and goes onto this CPU's list.
 *    In debug kernels a page that still shows signs of life (mapped, on the LRU, locked, owned) is reported and never used
 *    again: a leak instead of two owners.
 * 5. A page belongs to exactly one of: a free list (PageBuddy), a per-CPU list, an owner. _refcount is 0 in the
 *    first two states and at least 1 in the third.
 *
 * Mirrors Linux mm/page_alloc.c. Exercised by the buddy suite.
 */
#include "arch/x86/page_ops.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/lockdep.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/spinlock.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/phys/internal.h"

static const struct reclaim_ops *reclaim_ops;
static const struct folio_free_ops *folio_free_ops;

void register_reclaim_ops(const struct reclaim_ops *ops)
{
	WRITE_ONCE(reclaim_ops, ops);
}

void register_folio_free_ops(const struct folio_free_ops *ops)
{
	WRITE_ONCE(folio_free_ops, ops);
}

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

#ifdef CONFIG_DEBUG_VM
static const char *page_bad_reason(const struct page *page, unsigned long flags)
{
	if (page->page_type != ~0U)
		return "nonzero mapcount or a page type";
	if (page->mapping)
		return "non-NULL mapping";
	if (page_ref_count(page))
		return "nonzero _refcount";
	if (page->flags & flags)
		return "a flag that must be clear";
	return NULL;
}

static bool page_is_bad(struct page *page, unsigned long flags)
{
	const char *reason = page_bad_reason(page, flags);

	if (likely(!reason))
		return false;
	bad_page(page, reason);
	return true;
}
#else
static __always_inline bool page_is_bad(struct page *page, unsigned long flags)
{
	return false;
}
#endif

static noinline void free_tail_pages(struct page *head, unsigned int order)
{
	struct folio *folio = (struct folio *)head;

	head->flags &= ~BIT(PG_head);
	/* What the first tail held for the folio lies over its mapping and index. */
	folio->_folio_order = 0;
	folio->_folio_nr_pages = 0;
	atomic_set(&folio->_nr_pages_mapped, 0);
	atomic_set(&folio->_pincount, 0);
	for (unsigned long i = 1; i < BIT(order); i++) {
		VM_BUG_ON(compound_head(head + i) != head);
		head[i].compound_head = 0;
		head[i].flags &= ZONE_NODE_MASK;
	}
}

/* Strips a block of its last owner's state; false if it is not fit to be used again. */
static __always_inline bool free_pages_prepare(struct page *page, unsigned int order)
{
	if (unlikely(page->flags & BIT(PG_head)))
		free_tail_pages(page, order);
#ifdef CONFIG_DEBUG_VM
	if (PAGE_MAPPING_ANON & (unsigned long)page->mapping)
		page->mapping = NULL; /* anonymous pages take their mapping to the grave */
#endif
	if (page_is_bad(page, PAGE_FLAGS_CHECK_AT_FREE))
		return false;
	page->mapping = NULL;
	page->flags &= ZONE_NODE_MASK;
	return true;
}

/* Zeroes, makes compound: what most callers do not ask for. Returns page. */
static noinline struct page *prep_special(struct page *page, unsigned int order, gfp_t gfp)
{
	if (gfp & __GFP_ZERO)
		for (unsigned long i = 0; i < BIT(order); i++)
			clear_page(page_address(page + i));
	if (order && (gfp & __GFP_COMP))
		prep_compound_page(page, order);
	return page;
}

/* A block from a free list becomes its owner's. Returns page. */
static __always_inline struct page *prep_new_page(struct page *page, unsigned int order, gfp_t gfp)
{
	VM_BUG_ON(PageBuddy(page));
	page->private = 0;
	set_page_count(page, 1);
	if (gfp & (__GFP_ZERO | __GFP_COMP))
		return prep_special(page, order, gfp);
	return page;
}

/* ---- free ---- */

void free_one_page(struct zone *zone, struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);

	guard(spinlock_irqsave)(&zone->lock);
	__free_one_page(zone, pfn, order, get_pfnblock_migratetype(pfn));
}

static noinline void free_to_zone(struct zone *zone, struct page *page, unsigned int order)
{
	count_vm_events(PGFREE, BIT(order));
	free_one_page(zone, page, order);
}

/* => prepared, count zero, order < NR_PCP_ORDERS */
static __always_inline void free_to_pcp(struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);
	int mt = get_pfnblock_migratetype(page_to_pfn(page));
	struct per_cpu_pages *pcp;

	if (unlikely(mt >= MIGRATE_PCPTYPES)) {
		/* Isolated pages must not be given out again; those of the other special types may be. */
		if (mt == MIGRATE_ISOLATE)
			return free_to_zone(zone, page, order);
		mt = MIGRATE_MOVABLE;
	}
	if (unlikely(!pcp_trylock(zone, &pcp)))
		return free_to_zone(zone, page, order);
	list_add(&page->pcp_list, pcp_list(pcp, order, mt));
	pcp->frees += 1UL << order;
	pcp->count += 1 << order;
	if (unlikely(pcp->count > pcp->high))
		pcp_drain(zone, pcp, pcp->batch);
	pcp_unlock(pcp);
}

static noinline void free_large(struct page *page, unsigned int order)
{
	if (order < NR_PCP_ORDERS)
		free_to_pcp(page, order);
	else
		free_to_zone(page_zone(page), page, order);
}

void free_unref_page(struct page *page, unsigned int order)
{
	if (!free_pages_prepare(page, order))
		return;
	if (likely(!order))
		free_to_pcp(page, 0);
	else
		free_large(page, order);
}

void free_unref_pages(struct page **pages, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		free_unref_page(pages[i], 0);
}

void free_unref_folios(struct folio **folios, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		free_unref_page(&folios[i]->page, folio_order(folios[i]));
}

/* Somebody holds a speculative reference to the first page of a block and will free that one. The others are ours. */
static noinline void free_all_but_first(struct page *page, unsigned int order)
{
	while (order-- > 0)
		free_unref_page(page + BIT(order), order);
}

void __free_pages(struct page *page, unsigned int order)
{
	bool head = PageHead(page); /* asked before it may be gone */

	if (likely(put_page_testzero(page)))
		free_unref_page(page, order);
	else if (!head)
		free_all_but_first(page, order);
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(virt_to_page(addr), order);
}

void __folio_put(struct folio *folio)
{
	const struct folio_free_ops *ops = READ_ONCE(folio_free_ops);

	if (ops)
		ops->free_folio(folio);
	free_unref_page(&folio->page, folio_order(folio));
}

void split_page(struct page *page, unsigned int order)
{
	VM_BUG_ON(PageCompound(page) || page_ref_count(page) != 1);
	for (unsigned long i = 1; i < BIT(order); i++)
		set_page_count(page + i, 1);
}

/* ---- watermarks ---- */

bool zone_watermark_ok(struct zone *zone, unsigned int order, unsigned long mark,
		       int highest_zoneidx, unsigned int alloc_flags)
{
	long free = zone_page_state(zone, NR_FREE_PAGES) - (BIT(order) - 1), min = mark;

	if (!(alloc_flags & ALLOC_HIGHATOMIC))
		free -= zone->nr_reserved_highatomic;
	if (alloc_flags & ALLOC_MIN_RESERVE)
		min -= min / 2;
	if (alloc_flags & ALLOC_NON_BLOCK)
		min -= min / 4;
	if (free <= min + zone->lowmem_reserve[highest_zoneidx])
		return false;
	if (!order)
		return true;
	/* Enough pages; is there a block? */
	for (unsigned int o = order; o < NR_PAGE_ORDERS; o++) {
		struct free_area *area = &zone->free_area[o];

		if (!area->nr_free)
			continue;
		for (int mt = 0; mt < MIGRATE_PCPTYPES; mt++)
			if (!list_empty(&area->free_list[mt]))
				return true;
	}
	return false;
}

/* ---- the fast path ---- */

static struct page *rmqueue_buddy(struct zone *zone, unsigned int order, int migratetype)
{
	struct page *page;

	scoped_guard(spinlock_irqsave, &zone->lock)
		page = __rmqueue(zone, order, migratetype);
	if (page)
		count_vm_events(PGALLOC_DMA + zone_idx(zone), BIT(order));
	return page;
}

/* A block of this zone: through the per-CPU list, filling it, or straight from the free lists. */
static struct page *rmqueue(struct zone *zone, unsigned int order, int migratetype)
{
	struct per_cpu_pages *pcp;
	struct page *page = NULL;
	struct list_head *list;

	if (order >= NR_PCP_ORDERS || !pcp_trylock(zone, &pcp))
		return rmqueue_buddy(zone, order, migratetype);
	list = pcp_list(pcp, order, migratetype);
	if (list_empty(list))
		pcp_refill(zone, pcp, order, migratetype);
	if (!list_empty(list))
		page = pcp_take(pcp, list, order);
	pcp_unlock(pcp);
	return page;
}

static struct page *get_page_from_freelist(gfp_t gfp, unsigned int order, unsigned int alloc_flags,
					   const struct alloc_context *ac)
{
	struct zoneref *z = ac->preferred_zoneref;
	struct zone *zone;

	for (zone = z->zone; zone;
	     z = next_zones_zonelist(z + 1, ac->highest_zoneidx, ac->nodemask), zone = z->zone) {
		struct page *page;

		if (!(alloc_flags & ALLOC_NO_WATERMARKS) &&
		    !zone_watermark_ok(zone, order,
				       wmark_pages(zone, alloc_flags & ALLOC_WMARK_MASK),
				       ac->highest_zoneidx, alloc_flags))
			continue;
		page = rmqueue(zone, order, ac->migratetype);
		if (page)
			return prep_new_page(page, order, gfp);
	}
	return NULL;
}

/* ---- the slow path ---- */

#define MAX_RECLAIM_RETRIES 16

/* How deep into the reserves this caller may go. */
static unsigned int gfp_to_alloc_flags(gfp_t gfp)
{
	unsigned int flags = ALLOC_WMARK_MIN;

	if (!(gfp & __GFP_NOMEMALLOC) && ((gfp & __GFP_MEMALLOC) || (current->flags & PF_MEMALLOC)))
		return ALLOC_NO_WATERMARKS;
	if (gfp & __GFP_HIGH)
		flags |= ALLOC_MIN_RESERVE;
	if (!(gfp & __GFP_DIRECT_RECLAIM) && !(gfp & __GFP_NOMEMALLOC))
		flags |= ALLOC_NON_BLOCK;
	return flags;
}

static void wake_all_kswapds(const struct reclaim_ops *ops, gfp_t gfp, unsigned int order,
			     const struct alloc_context *ac)
{
	struct pglist_data *last = NULL;
	struct zoneref *z;
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask) {
		if (zone->zone_pgdat == last)
			continue;
		last = zone->zone_pgdat;
		ops->wake_kswapd(zone, gfp, order, ac->highest_zoneidx);
	}
}

/* May a failure of this request cost somebody his life? */
static bool may_oom(gfp_t gfp, unsigned int order, const struct alloc_context *ac)
{
	return order <= PAGE_ALLOC_COSTLY_ORDER && !(gfp & (__GFP_NORETRY | __GFP_RETRY_MAYFAIL)) &&
	       ac->highest_zoneidx >= ZONE_NORMAL && !(gfp & __GFP_THISNODE);
}

static noinline struct page *__alloc_pages_slowpath(gfp_t gfp, unsigned int order,
						    struct alloc_context *ac)
{
	const struct reclaim_ops *ops = READ_ONCE(reclaim_ops);
	unsigned int alloc_flags = gfp_to_alloc_flags(gfp);
	int no_progress = 0;
	struct page *page;

	if (ops && ops->wake_kswapd && (gfp & __GFP_KSWAPD_RECLAIM))
		wake_all_kswapds(ops, gfp, order, ac);
	page = get_page_from_freelist(gfp, order, alloc_flags, ac);
	if (page || !(gfp & __GFP_DIRECT_RECLAIM) || (current->flags & PF_MEMALLOC))
		goto out;

	/* Other CPUs' lists: in sum they can be the last free memory, and they keep blocks from merging. */
	count_vm_event(ALLOCSTALL_DMA + zone_idx(ac->preferred_zoneref->zone));
	drain_all_pages(NULL);
	page = get_page_from_freelist(gfp, order, alloc_flags, ac);

	while (!page && ops) {
		bool progress = false;

		if (order && ops->compact)
			progress |= ops->compact(gfp, order, ac);
		if (ops->direct_reclaim)
			progress |= ops->direct_reclaim(gfp, order, ac) > 0;
		page = get_page_from_freelist(gfp, order, alloc_flags, ac);
		if (page)
			break;
		if (gfp & __GFP_NORETRY)
			break;
		no_progress = progress && order <= PAGE_ALLOC_COSTLY_ORDER ? 0 : no_progress + 1;
		if (no_progress <= MAX_RECLAIM_RETRIES && progress)
			continue;
		if (ops->oom && may_oom(gfp, order, ac) && ops->oom(gfp, order, ac)) {
			no_progress = 0;
			page = get_page_from_freelist(gfp, order, alloc_flags, ac);
			continue;
		}
		if (!(gfp & __GFP_NOFAIL))
			break;
		/* The caller cannot live without it: the last reserves. */
		page = get_page_from_freelist(gfp, order, ALLOC_NO_WATERMARKS, ac);
	}
	if (!page && (gfp & __GFP_NOFAIL)) {
		page = get_page_from_freelist(gfp, order, ALLOC_NO_WATERMARKS, ac);
		if (!page)
			panic("Out of memory: a caller that cannot fail asked for order %u\n",
			      order);
	}
out:
	/* A task that is being killed for want of memory has had its line in the log. */
	if (!page && !fatal_signal_pending(current))
		warn_alloc(gfp, order, ac->nodemask);
	return page;
}

/* ---- the interface ---- */

/* Everything but the hot path. */
static noinline struct page *alloc_pages_any(gfp_t gfp, unsigned int order, int nid,
					     const nodemask_t *nodemask)
{
	struct alloc_context ac;
	struct page *page;

	might_sleep_if(gfp & __GFP_DIRECT_RECLAIM);
	if (WARN_ON_ONCE(order > MAX_PAGE_ORDER))
		return NULL;
	if (nid == NUMA_NO_NODE || !NODE_DATA(nid))
		nid = numa_mem_id();
	ac.zonelist = node_zonelist(nid, gfp);
	ac.nodemask = nodemask;
	ac.migratetype = gfp_migratetype(gfp);
	ac.highest_zoneidx = gfp_zone(gfp);
	ac.preferred_zoneref =
		next_zones_zonelist(ac.zonelist->_zonerefs, ac.highest_zoneidx, nodemask);
	VM_BUG_ON(ac.migratetype >= MIGRATE_PCPTYPES);
	if (unlikely(!ac.preferred_zoneref->zone))
		return NULL;

	page = get_page_from_freelist(gfp, order, ALLOC_WMARK_LOW, &ac);
	if (likely(page))
		return page;
	return __alloc_pages_slowpath(gfp, order, &ac);
}

/* The hot path: this CPU's list of the preferred zone, if there is something on it. => order < NR_PCP_ORDERS */
static __always_inline struct page *alloc_from_pcp(gfp_t gfp, unsigned int order)
{
	struct zone *zone = this_cpu_read(local_pgdat)->preferred_zone[gfp & GFP_ZONEMASK];
	struct per_cpu_pages *pcp;
	struct list_head *list;
	struct page *page;

	/* The preferred zone may be another node's. */
	if (unlikely(gfp & __GFP_THISNODE) || unlikely(!pcp_trylock(zone, &pcp)))
		return alloc_pages_any(gfp, order, NUMA_NO_NODE, NULL);
	list = pcp_list(pcp, order, gfp_migratetype(gfp));
	if (unlikely(list_empty(list))) {
		pcp_unlock(pcp);
		return alloc_pages_any(gfp, order, NUMA_NO_NODE, NULL);
	}
	page = pcp_take(pcp, list, order);
	pcp_unlock(pcp);
	return prep_new_page(page, order, gfp);
}

struct page *alloc_page(gfp_t gfp)
{
	might_sleep_if(gfp & __GFP_DIRECT_RECLAIM);
	return alloc_from_pcp(gfp, 0);
}

struct page *__alloc_pages(gfp_t gfp, unsigned int order, int nid, const nodemask_t *nodemask)
{
	if (order < NR_PCP_ORDERS && nid == NUMA_NO_NODE && !nodemask)
		return alloc_from_pcp(gfp, order);
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

/*
 * Many single pages: what the per-CPU list has, then whole blocks out of the zone, taken under one lock and
 * cut into pages outside of it. Memory that is short is left to the one-page path and its watermarks.
 */
unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **array)
{
	struct zone *zone = this_cpu_read(local_pgdat)->preferred_zone[gfp & GFP_ZONEMASK];
	int mt = gfp_migratetype(gfp);
	unsigned long n = 0;

	while (n < nr && array[n])
		n++;
	while (n < nr) {
		unsigned int order = min_t(unsigned long, ilog2(nr - n), MAX_PAGE_ORDER);
		struct page *page = NULL;

		/* Filled slots further on, or a small rest: one by one. */
		if (order >= NR_PCP_ORDERS && !memchr_inv(&array[n], 0, sizeof(*array) << order) &&
		    !(gfp & __GFP_THISNODE) &&
		    zone_watermark_ok(zone, order, low_wmark_pages(zone), gfp_zone(gfp), 0))
			page = rmqueue_buddy(zone, order, mt);
		if (!page) {
			array[n] = alloc_page(gfp);
			if (!array[n])
				return n;
			while (n < nr && array[n])
				n++;
			continue;
		}
		for (unsigned long i = 0; i < BIT(order); i++) {
			prep_new_page(page + i, 0, gfp);
			array[n++] = page + i;
		}
		while (n < nr && array[n])
			n++;
	}
	return n;
}

void *alloc_pages_exact(size_t size, gfp_t gfp)
{
	unsigned long nr = PFN_UP(size);
	unsigned int order = order_base_2(nr);
	struct page *page;

	if (!size || (gfp & __GFP_COMP))
		return NULL;
	page = alloc_pages(gfp, order);
	if (!page)
		return NULL;
	split_page(page, order);
	for (unsigned long i = nr; i < BIT(order); i++)
		__free_page(page + i);
	return page_address(page);
}

void free_pages_exact(void *virt, size_t size)
{
	struct page *page = virt_to_page(virt);

	for (unsigned long i = 0; i < PFN_UP(size); i++)
		__free_page(page + i);
}
