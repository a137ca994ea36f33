/*
 * Between the files of mm/phys: not for other rooms.
 */
#pragma once

#include "mm/phys/buddy.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"
#include "mm/phys/vmstat.h"

/* ---- pcp.c ---- */

/* Blocks from the zone onto one list, a batch; => pcp->busy set by us. */
void pcp_refill(struct zone *zone, struct per_cpu_pages *pcp, unsigned int order, int migratetype);
/* Gives nr pages or a little more back to the zone. => pcp->busy set by us */
void pcp_drain(struct zone *zone, struct per_cpu_pages *pcp, int nr);
DECLARE_PER_CPU(struct per_cpu_pages, boot_pageset);
/* Empty lists, batch and high for every possible CPU. => managed pages and watermarks known */
void __init setup_zone_pagesets(void);
/* batch and high anew, after watermarks changed. */
void zone_pcp_update(struct zone *zone);
/* Sums what the lists of all CPUs counted: allocations per zone type into alloc[], frees returned. */
unsigned long pcp_event_sums(unsigned long *alloc);

static __always_inline struct list_head *pcp_list(struct per_cpu_pages *pcp, unsigned int order,
						  int mt)
{
	return &pcp->lists[order * MIGRATE_PCPTYPES + mt];
}

/*
 * Takes this CPU's lists of a zone. False if we are an interrupt that came in the middle of somebody's work on them;
 * also if the zone has none: it then points to boot_pageset, which is always busy.
 */
static __always_inline bool pcp_trylock(struct zone *zone, struct per_cpu_pages **p)
{
	struct per_cpu_pages *pcp = this_cpu_ptr(zone->per_cpu_pageset);

	*p = pcp;
	if (unlikely(READ_ONCE(pcp->busy)))
		return false;
	WRITE_ONCE(pcp->busy, 1);
	barrier();
	return true;
}

static __always_inline void pcp_unlock(struct per_cpu_pages *pcp)
{
	barrier();
	WRITE_ONCE(pcp->busy, 0);
}

/* The first block of a list that is not empty. => held */
static __always_inline struct page *pcp_take(struct per_cpu_pages *pcp, struct list_head *list,
					     unsigned int order)
{
	struct page *page = list_first_entry(list, struct page, pcp_list);

	__list_del_entry(&page->pcp_list);
	pcp->count -= 1 << order;
	pcp->allocs[order]++;
	return page;
}

/* ---- show_mem.c ---- */

void warn_alloc(gfp_t gfp, unsigned int order, const nodemask_t *nodemask);
void bad_page(struct page *page, const char *reason);

/* ---- page_alloc.c ---- */

/* A block that is on no list goes to its zone, under the lock. Count zero, prepared. */
void free_one_page(struct zone *zone, struct page *page, unsigned int order);
