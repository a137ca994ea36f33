/*
 * Many pages at once, and numbers of pages that are no power of two.
 *
 * 1. Whoever needs a thousand single pages (vmalloc, a network ring) should not knock a thousand times. alloc_pages_bulk()
 *    takes whole blocks out of the zone, the largest that fit, cuts them into pages that live alone, and takes the lock once
 *    for at least a batch of pages.
 * 2. It only takes what is plentiful: the zone must stay above its low watermark after the whole request, and it
 *    looks at zones of one node only. What is missing then is allocated page by page, with all that belongs to it.
 * 3. alloc_pages_exact() takes the next power of two and gives the surplus back: neighbouring pages without waste.
 *
 * Locks: zone->lock in take_blocks(). Mirrors Linux mm/page_alloc.c (__alloc_pages_bulk, alloc_pages_exact). Exercised by
 * the buddy suites.
 */
#include "kernel/bug.h"
#include "kernel/spinlock.h"
#include "lib/bitmap.h"
#include "mm/phys/internal.h"
#include "mm/phys/memalloc.h"
#include "mm/phys/mempolicy.h"

/* Blocks taken under one lock: also when memory is all single pages, they are a batch. */
#define MAX_BLOCKS 64

/* Up to want pages in blocks, each with its order in page->private, in order of their sizes; pages taken. */
static unsigned long take_blocks(struct zone *zone, int migratetype, unsigned int alloc_flags,
				 unsigned long want, struct list_head *blocks)
{
	unsigned long taken = 0;
	int order = MAX_PAGE_ORDER;

	guard(zone_lock)(zone);
	for (int n = 0; n < MAX_BLOCKS && taken < want; n++) {
		struct page *page;

		order = min_t(int, order, ilog2(want - taken));
		while (!(page = __rmqueue_smallest(zone, order, migratetype)) && order)
			order--;
		if (!page) {
			/* Nothing of our type: what is stolen comes in larger pieces again. */
			page = __rmqueue(zone, 0, migratetype, alloc_flags);
			if (!page)
				break;
			order = MAX_PAGE_ORDER;
			page->private = 0;
			taken++;
		} else {
			page->private = order;
			taken += BIT(order);
		}
		list_add_tail(&page->lru, blocks);
	}
	return taken;
}

/* The first zone of the preferred node that can spare nr pages; NULL if none. */
static struct zone *zone_with_plenty(const struct alloc_context *ac, unsigned long nr,
				     unsigned int alloc_flags)
{
	struct zoneref *z = ac->preferred_zoneref;
	int nid = z->zone->node;

	for (; z->zone && z->zone->node == nid;
	     z = next_zones_zonelist(z + 1, ac->highest_zoneidx, ac->nodemask))
		if (zone_watermark_fast(z->zone, 0, low_wmark_pages(z->zone) + nr,
					ac->highest_zoneidx, alloc_flags))
			return z->zone;
	return NULL;
}

/* Where the pages go: onto a list, or into the NULL slots of an array. */
struct bulk {
	struct list_head *list;
	struct page **array;
	unsigned long nr, filled; /* slots wanted; filled from the start on */
};

static __always_inline void skip_filled(struct bulk *b)
{
	if (b->array)
		while (b->filled < b->nr && b->array[b->filled])
			b->filled++;
}

static __always_inline void put_page_in_slot(struct bulk *b, struct page *page)
{
	if (b->list)
		list_add_tail(&page->lru, b->list);
	else
		b->array[b->filled] = page;
	b->filled++;
	skip_filled(b);
}

static unsigned long empty_slots(const struct bulk *b)
{
	unsigned long n = b->nr - b->filled;

	for (unsigned long i = b->filled; b->array && i < b->nr; i++)
		if (b->array[i])
			n--;
	return n;
}

/* As much as one zone has to spare; false: nothing. */
static bool fill_from_zone(struct bulk *b, gfp_t gfp, const struct alloc_context *ac,
			   unsigned int alloc_flags)
{
	unsigned long want = empty_slots(b), got;
	struct zone *zone = zone_with_plenty(ac, want, alloc_flags);
	struct page *page, *next;
	LIST_HEAD(blocks);

	if (!zone)
		return false;
	got = take_blocks(zone, ac->migratetype, alloc_flags, want, &blocks);
	if (!got)
		return false;
	count_allocs(ac->preferred_zoneref->zone, zone, 0, got);
	list_for_each_entry_safe(page, next, &blocks, lru) {
		unsigned int order = page->private;

		if (check_new_pages(page, order))
			continue;
		for (unsigned long i = 0; i < BIT(order); i++) {
			prep_new_page(page + i, 0, gfp);
			put_page_in_slot(b, page + i);
		}
	}
	return true;
}

unsigned long __alloc_pages_bulk(gfp_t gfp, int nid, const nodemask_t *nodemask, unsigned long nr,
				 struct list_head *list, struct page **array)
{
	struct bulk b = { .list = list, .array = array, .nr = nr };
	struct alloc_context ac;
	unsigned int alloc_flags;

	skip_filled(&b);
	gfp = current_gfp_context(gfp) & ~__GFP_COMP;
	/* A small rest is what the per-CPU lists are for; a memory policy may want every page elsewhere. */
	while (b.nr - b.filled >= BIT(NR_PCP_ORDERS)) {
		if (nid == NUMA_NO_NODE && !nodemask && mpol_task_policy(gfp))
			break;
		if (!prepare_alloc_pages(gfp, 0, nid, nodemask, &ac, &alloc_flags) ||
		    !fill_from_zone(&b, gfp, &ac, alloc_flags))
			break;
	}
	while (b.filled < b.nr) {
		struct page *page = __alloc_pages(gfp, 0, nid, nodemask);

		if (!page)
			break;
		put_page_in_slot(&b, page);
	}
	return b.filled;
}

/* ---- exact sizes ---- */

static void *make_alloc_exact(struct page *page, unsigned int order, unsigned long nr)
{
	if (!page)
		return NULL;
	split_page(page, order);
	for (unsigned long i = nr; i < BIT(order); i++)
		__free_page(page + i);
	return page_address(page);
}

void *alloc_pages_exact_nid(int nid, size_t size, gfp_t gfp)
{
	unsigned long nr = PFN_UP(size);
	unsigned int order = order_base_2(nr);

	/* A compound page cannot be cut. */
	if (!size || WARN_ON_ONCE(gfp & __GFP_COMP))
		return NULL;
	return make_alloc_exact(alloc_pages_node(nid, gfp, order), order, nr);
}

void *alloc_pages_exact(size_t size, gfp_t gfp)
{
	return alloc_pages_exact_nid(NUMA_NO_NODE, size, gfp);
}

void free_pages_exact(void *virt, size_t size)
{
	struct page *page = virt_to_page(virt);

	for (unsigned long i = 0; i < PFN_UP(size); i++)
		__free_page(page + i);
}
