/*
 * Isolation: a pageblock that gives out no page any more.
 *
 * 1. Who wants to empty a stretch of memory (memory hotplug, a contiguous area for CMA) must first see to it that pages
 *    freed there are not given to the next one who asks. So each of its pageblocks gets the type MIGRATE_ISOLATE: no
 *    request has that type and no fallback leads to it.
 * 2. Free pages of an isolated block stay in the buddy lists, of their own type, and merge there; but they are no free memory:
 *    they leave NR_FREE_PAGES and come back with unset_migratetype_isolate().
 * 3. A freed page looks at its block's type when it goes to the zone. One that is on a per-CPU list at the moment
 *    of isolation may still be given out from there; whoever needs certainty calls drain_all_pages(zone) afterwards.
 * 4. It makes no sense to isolate what can never be emptied: a page in use that is neither on an LRU list nor movable
 *    by its owner is a reason to refuse. A page whose count is zero is on its way to the free lists.
 *
 * Locking: zone->lock. Mirrors Linux mm/page_isolation.c. Exercised by the buddy_types suite.
 */
#include "kernel/spinlock.h"
#include "lib/errno.h"
#include "mm/phys/internal.h"

struct page *has_unmovable_pages(struct zone *zone, unsigned long pfn)
{
	unsigned long end = pageblock_end_pfn(pfn);

	/* CMA promises that whoever has its pages can be moved away. */
	if (get_pfnblock_migratetype(pfn) == MIGRATE_CMA)
		return NULL;
	for (pfn = pageblock_start_pfn(pfn); pfn < end; pfn++) {
		struct page *page = pfn_to_page(pfn);

		if (PageReserved(page))
			return page;
		/* What lies in ZONE_MOVABLE was asked for as movable. */
		if (zone_idx(zone) == ZONE_MOVABLE || PageHWPoison(page) || PageOffline(page))
			continue;
		if (PageBuddy(page)) {
			pfn += BIT(min_t(unsigned long, page->private, pageblock_order)) - 1;
			continue;
		}
		if (page_count(page) && !PageLRU(compound_head(page)) &&
		    !((unsigned long)compound_head(page)->mapping & PAGE_MAPPING_MOVABLE))
			return page;
	}
	return NULL;
}

int set_migratetype_isolate(unsigned long pfn)
{
	struct zone *zone = page_zone(pfn_to_page(pfn));

	guard(zone_lock)(zone);
	if (get_pfnblock_migratetype(pfn) == MIGRATE_ISOLATE || has_unmovable_pages(zone, pfn))
		return -EBUSY;
	if (get_pfnblock_migratetype(pfn) == MIGRATE_HIGHATOMIC)
		zone->nr_reserved_highatomic -= pageblock_nr_pages;
	change_pageblock_type(zone, pfn, MIGRATE_ISOLATE);
	return 0;
}

void unset_migratetype_isolate(unsigned long pfn, int migratetype)
{
	struct zone *zone = page_zone(pfn_to_page(pfn));

	guard(zone_lock)(zone);
	if (get_pfnblock_migratetype(pfn) != MIGRATE_ISOLATE)
		return;
	change_pageblock_type(zone, pfn, migratetype);
	if (migratetype == MIGRATE_HIGHATOMIC)
		zone->nr_reserved_highatomic += pageblock_nr_pages;
	/* Its neighbour could not join while the types differed. */
	merge_pageblock(zone, pfn);
}
