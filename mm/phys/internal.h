/*
 * Between the files of mm/phys: not for other rooms.
 *
 * The page allocator's files, from the inside out: buddy.c (split, merge, steal), highatomic.c and page_isolation.c
 * (pageblocks with a special type), pcp.c (per-CPU lists), page_free.c (a page comes back), page_alloc.c (the way to a
 * block), slowpath.c (when that finds none), bulk.c (many at once), page_check.c (the rules in debug kernels), dump_page.c
 * and show_mem.c (reports).
 */
#pragma once

#include "mm/debug/page_debug.h"
#include "mm/phys/buddy.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"
#include "mm/phys/vmstat.h"

/* guard(zone_lock)(zone): zone->lock with interrupts off, past the per-CPU lists, and counted (zone_lock_events). */
DEFINE_LOCK_GUARD_1(zone_lock, struct zone, ({
			    spin_lock_irqsave(&_T->lock->lock, _T->flags);
			    this_cpu_add(_T->lock->per_cpu_pageset->direct, 1UL);
		    }),
		    spin_unlock_irqrestore(&_T->lock->lock, _T->flags))

/* ---- pcp.c ---- */

/* Blocks from the zone onto one list, at least a batch. => inside */
void pcp_refill(struct per_cpu_pages *pcp, unsigned int order, int migratetype,
		unsigned int alloc_flags);
/* More than pcp->high pages: gives some back to the zone. => inside; then no more */
void pcp_overflow(struct per_cpu_pages *pcp);
DECLARE_PER_CPU(struct per_cpu_pages, boot_pageset);
/* Empty lists, batch and high for every possible CPU. => managed pages and watermarks known */
void __init setup_zone_pagesets(void);
/* batch and high anew, after watermarks changed. */
void zone_pcp_update(struct zone *zone);
/* Sums what the lists of all CPUs counted: allocations per zone type into alloc[], frees returned. */
unsigned long pcp_event_sums(unsigned long *alloc);

static __always_inline struct list_head *pcp_list(struct per_cpu_pages *pcp, unsigned int order,
						  unsigned int mt)
{
	return &pcp->lists[order * MIGRATE_PCPTYPES + mt];
}

/*
 * This CPU's lists, found in one instruction. What has none of its own points to boot_pageset, which is always busy: a zone
 * too many, zone flags that nothing on this node satisfies.
 */
struct pcp_table {
	struct per_cpu_pages *wanted[GFP_ZONEMASK + 1]; /* I by the zone flags of a request */
	struct per_cpu_pages *of_zone[MAX_NUMNODES << ZONES_SHIFT]; /* I by page_zone_id() */
};
DECLARE_PER_CPU(struct pcp_table, pcp_table);
/* All CPUs' tables anew, after a zone got another per_cpu_pageset. */
void pcp_table_update(void);

/*
 * Inside, this CPU's lists are ours until pcp_leave(). Nobody may be inside already: we could be an interrupt that came in
 * the middle of somebody's work. (`busy` needs no READ_ONCE: whoever interrupts us has left again when we go on.)
 */
static __always_inline void pcp_enter(struct per_cpu_pages *pcp)
{
	VM_BUG_ON(pcp->busy);
	WRITE_ONCE(pcp->busy, 1);
	barrier();
}

static __always_inline void pcp_leave(struct per_cpu_pages *pcp)
{
	barrier();
	WRITE_ONCE(pcp->busy, 0);
}

/* This CPU's lists of a zone, and we are inside; NULL if somebody else is. */
static __always_inline struct per_cpu_pages *pcp_try_enter(struct zone *zone)
{
	struct per_cpu_pages *pcp = this_cpu_ptr(zone->per_cpu_pageset);

	if (unlikely(pcp->busy))
		return NULL;
	pcp_enter(pcp);
	return pcp;
}

/* list_empty() where nobody else can be: what is read once need not be read again. => inside */
static __always_inline bool pcp_list_empty(const struct list_head *list)
{
	return list->next == list;
}

/* The first block of a list. => inside, not empty */
static __always_inline struct page *pcp_take(struct per_cpu_pages *pcp, struct list_head *list,
					     unsigned int order)
{
	struct list_head *first = list->next;

	__list_del(list, first->next);
	pcp->count -= 1 << order;
	pcp->allocs[order]++;
	return list_entry(first, struct page, pcp_list);
}

/* ---- page_check.c: only debug kernels look ---- */

#ifdef CONFIG_DEBUG_VM
#define pages_are_checked true
/* False, after a report, if the block is not fit to enter a free list (it is leaked); it loses what may be lost. */
bool page_free_ok(struct page *page, unsigned int order);
/* True, after a report, if a block from a free list has been touched there; it is leaked. */
bool check_new_pages(struct page *page, unsigned int order);
#else
#define pages_are_checked false
static __always_inline bool page_free_ok(struct page *page, unsigned int order)
{
	return true;
}
static __always_inline bool check_new_pages(struct page *page, unsigned int order)
{
	return false;
}
#endif

/* ---- page_free.c ---- */

/* A block that is on no list goes to its zone, under the lock. Count zero, prepared. */
void free_one_page(struct zone *zone, struct page *page, unsigned int order);

/* ---- page_alloc.c ---- */

/* Fills in *ac and *alloc_flags for a request; false: it cannot be served, or fault injection says so. */
bool prepare_alloc_pages(gfp_t gfp, unsigned int order, int nid, const nodemask_t *nodemask,
			 struct alloc_context *ac, unsigned int *alloc_flags);
/* The first block along the zonelist whose zone may give it; NULL if there is none. */
struct page *get_page_from_freelist(gfp_t gfp, unsigned int order, unsigned int alloc_flags,
				    const struct alloc_context *ac);
/*
 * The quick form of zone_watermark_ok() for one attempt of an allocation: whether there is a block of that order, the
 * attempt will tell.
 */
bool zone_watermark_fast(struct zone *zone, unsigned int order, unsigned long mark,
			 int highest_zoneidx, unsigned int alloc_flags);
/* Counts nr blocks that zone gave past its lists to somebody who wanted preferred first. */
void count_allocs(struct zone *preferred, struct zone *zone, unsigned int order, long nr);
/* Zeroes, makes compound: what most callers do not ask for. Returns page. */
struct page *prep_special(struct page *page, unsigned int order, gfp_t gfp);

/* A block from a free list becomes its owner's. Returns page. */
static __always_inline struct page *prep_new_page(struct page *page, unsigned int order, gfp_t gfp)
{
	VM_BUG_ON(PageBuddy(page));
	page->private = 0;
	set_page_count(page, 1);
	if (unlikely(page_debug))
		page_debug_alloc(page, order, gfp);
	if (gfp & (__GFP_ZERO | __GFP_COMP))
		return prep_special(page, order, gfp);
	return page;
}

/* ---- slowpath.c ---- */

/* No zone has enough above its low watermark: everything that can be done about it. NULL only if all failed. */
struct page *__alloc_pages_slowpath(gfp_t gfp, unsigned int order, struct alloc_context *ac);
/* Somebody boosted the watermarks of this zone (buddy.c, 6). Any context. */
void wake_kswapd_boosted(struct zone *zone);

/* ---- highatomic.c ---- */

/* The pageblock of a page that such a request just got joins the reserve, if that is small enough. */
void reserve_highatomic_pageblock(struct zone *zone, struct page *page);
/* Gives one pageblock of the reserve back; force: the last one too. True if that freed something for ac. */
bool unreserve_highatomic_pageblock(const struct alloc_context *ac, bool force);

/* ---- dump_page.c, show_mem.c ---- */

/* "page allocation failure", rate-limited. nodemask may be NULL */
void warn_alloc(gfp_t gfp, unsigned int order, const nodemask_t *nodemask);
/* "Bad page state", with what is wrong. The page must not be used again. */
void bad_page(struct page *page, const char *reason);
