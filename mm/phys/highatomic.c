/*
 * The highatomic reserve: whole pageblocks for large requests that cannot wait.
 *
 * 1. A network card that needs four pages in a row, now, in its interrupt, cannot wait for compaction. The min watermark
 *    keeps pages for it, but single ones. So when a request of order > 0 that may not sleep had to go below the low
 *    watermark and succeeded, the pageblock that served it becomes MIGRATE_HIGHATOMIC: what is free in it is from then on for
 *    requests of that kind only. The reserve grows where it is used.
 * 2. At most about a hundredth of a zone, in whole pageblocks; zones smaller than a hundred blocks reserve nothing.
 * 3. It is given back block by block when somebody else finds no memory after all (slowpath.c): better a failing
 *    network packet than a killed process.
 * 4. nr_reserved_highatomic counts the pages of the reserved blocks, nr_free_highatomic those of them that are free: what
 *    a watermark must leave out for everybody else.
 *
 * Locking: zone->lock. Mirrors Linux mm/page_alloc.c (reserve_highatomic_pageblock). Exercised by the buddy_types suite.
 */
#include "kernel/spinlock.h"
#include "mm/phys/internal.h"

void reserve_highatomic_pageblock(struct zone *zone, struct page *page)
{
	unsigned long max = zone_managed_pages(zone) / 100, pfn = page_to_pfn(page);

	if (max < pageblock_nr_pages)
		return;
	max = ALIGN(max, pageblock_nr_pages);
	/* The usual case, without the lock: enough is reserved. */
	if (READ_ONCE(zone->nr_reserved_highatomic) >= max)
		return;
	guard(zone_lock)(zone);
	if (zone->nr_reserved_highatomic >= max ||
	    get_pfnblock_migratetype(pfn) >= MIGRATE_PCPTYPES)
		return;
	/* A request of two pageblocks reserves the first: the second finds its way at the next request. */
	change_pageblock_type(zone, pfn, MIGRATE_HIGHATOMIC);
	zone->nr_reserved_highatomic += pageblock_nr_pages;
}

/* Gives back one block that has something free; pages freed for everybody. => zone->lock held */
static unsigned long unreserve_one(struct zone *zone, int migratetype)
{
	for (int order = 0; order < NR_PAGE_ORDERS; order++) {
		struct list_head *list = &zone->free_area[order].free_list[MIGRATE_HIGHATOMIC];
		struct page *page;

		if (list_empty(list))
			continue;
		page = list_first_entry(list, struct page, buddy_list);
		zone->nr_reserved_highatomic -=
			min(pageblock_nr_pages, zone->nr_reserved_highatomic);
		return change_pageblock_type(zone, page_to_pfn(page), migratetype);
	}
	return 0;
}

bool unreserve_highatomic_pageblock(const struct alloc_context *ac, bool force)
{
	struct zoneref *z;
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask) {
		/* The last block goes only when somebody would be killed for memory otherwise. */
		if (!force && READ_ONCE(zone->nr_reserved_highatomic) <= pageblock_nr_pages)
			continue;
		guard(zone_lock)(zone);
		if (unreserve_one(zone, ac->migratetype))
			return true;
	}
	return false;
}
