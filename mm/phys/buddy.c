/*
 * The buddy system: free blocks of 2^order pages, split and merged.
 *
 * 1. A block of order n is 2^n pages, and its first frame number is a multiple of 2^n. Cut in half it is two
 *    blocks of order n-1 whose frame numbers differ in bit n-1 only: they are each other's buddy. So the
 *    buddy of the block at pfn is at pfn ^ (1 << order), and the block that both make starts at the lower of the two.
 * 2. A free block is on the list of its order and migrate type; only its first page says so (PageBuddy,
 *    private = order). The other pages of it carry nothing: whoever looks at one of them cannot tell.
 * 3. Freeing looks whether the buddy is free as a whole: PageBuddy, same order, same zone. If so it leaves
 *    its list, and the search goes on one order up, until the buddy is busy or the block has MAX_PAGE_ORDER.
 *    At most 10 steps. Invariant: no two buddies of one order below the maximum are both free (unless the types of
 *    their pageblocks forbid the union).
 * 4. Allocating takes the first block of the smallest order that is large enough and puts back the upper
 *    halves. At most 10 steps.
 * 5. Struct pages exist for whole aligned blocks of MAX_PAGE_ORDER (sparse.c rounds), so a buddy can always be looked at,
 *    even if it is no RAM: then it is reserved and never PageBuddy.
 * 6. When the wanted migrate type has no block, one of another type is taken, the *largest*: few large
 *    thefts spoil fewer pageblocks than many small ones. If the theft is big, or the thief's pages would pollute the block
 *    for long (unmovable, reclaimable), all free pages of the pageblock change sides; if then at least half of the
 *    pageblock is free or agrees with the thief, so does its type from now on. A movable request that cannot claim a
 *    block takes the smallest piece instead: its page can be moved away later. A theft inside a pageblock also
 *    raises the watermarks for a while (boost): kswapd shall free more, before the next theft.
 * 7. The types from MIGRATE_HIGHATOMIC on are *special*: nobody steals from them. HIGHATOMIC blocks wait for large requests
 *    that cannot sleep (highatomic.c), CMA blocks lend their pages to movable requests only, ISOLATE blocks give
 *    nothing (page_isolation.c). Invariant: a free page in a special pageblock is on the list of exactly that type, and such
 *    a pageblock is part of a larger free block only together with others of its type. Ordinary pageblocks may have free
 *    pages on lists of another ordinary type: those of a theft that was too small to claim the block.
 *
 * Locking: zone->lock around everything here. Mirrors Linux mm/page_alloc.c (__free_one_page,
 * __rmqueue). Exercised by the buddy suite against a model, and by tests/host; seen in /proc/buddyinfo.
 */
#include "mm/phys/buddy.h"

#include "kernel/bug.h"
#include "kernel/trace/kmem.h"
#include "lib/list.h"
#include "mm/debug/shuffle.h"
#include "mm/phys/internal.h"
#include "mm/phys/wmark.h"

const char *const migratetype_names[MIGRATE_TYPES] = {
	[MIGRATE_UNMOVABLE] = "Unmovable",
	[MIGRATE_MOVABLE] = "Movable",
	[MIGRATE_RECLAIMABLE] = "Reclaimable",
	[MIGRATE_HIGHATOMIC] = "HighAtomic",
	[MIGRATE_CMA] = "CMA",
	[MIGRATE_ISOLATE] = "Isolate",
};

/* Where each type steals, in order. */
static const int fallbacks[MIGRATE_PCPTYPES][MIGRATE_PCPTYPES - 1] = {
	[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE },
	[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE },
	[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE },
};

/* Pages that nobody may take are not counted as free; of those with conditions there is a count of their own. */
static __always_inline void account_freepages(struct zone *zone, long nr, int migratetype)
{
	atomic_long_t *free = &zone->vm_stat[NR_FREE_PAGES];

	if (unlikely(migratetype >= MIGRATE_PCPTYPES)) {
		if (migratetype == MIGRATE_ISOLATE)
			return;
		if (migratetype == MIGRATE_CMA)
			atomic_long_add(nr, &zone->vm_stat[NR_FREE_CMA_PAGES]);
		else
			WRITE_ONCE(zone->nr_free_highatomic, zone->nr_free_highatomic + nr);
	}
	/* Written under zone->lock only: no locked instruction. */
	atomic_long_set(free, atomic_long_read(free) + nr);
}

static __always_inline void add_to_free_list(struct page *page, struct zone *zone,
					     unsigned int order, int migratetype)
{
	struct free_area *area = &zone->free_area[order];

	/* Opening, 7. */
	VM_BUG_ON(migratetype != get_pfnblock_migratetype(page_to_pfn(page)) &&
		  (migratetype >= MIGRATE_PCPTYPES ||
		   get_pfnblock_migratetype(page_to_pfn(page)) >= MIGRATE_PCPTYPES));
	list_add(&page->buddy_list, &area->free_list[migratetype]);
	area->nr_free++;
}

static __always_inline void del_from_free_list(struct page *page, struct zone *zone,
					       unsigned int order)
{
	__list_del_entry(&page->buddy_list);
	__ClearPageBuddy(page);
	page->private = 0;
	zone->free_area[order].nr_free--;
}

static __always_inline void set_buddy_order(struct page *page, unsigned int order)
{
	page->private = order;
	__SetPageBuddy(page);
}

/* Frame numbers of buddies differ in one bit (opening, 1), and so do the addresses of their struct pages. */
static __always_inline struct page *buddy_of(const struct page *page, unsigned int order)
{
	return (struct page *)((unsigned long)page ^ (sizeof(struct page) << order));
}
BUILD_BUG_ON(sizeof(struct page) & (sizeof(struct page) - 1));
BUILD_BUG_ON(VMEMMAP_START % (sizeof(struct page) << MAX_PAGE_ORDER));

/* Free, of this order, and in the same zone of the same node as page. */
static __always_inline bool page_is_buddy(const struct page *page, const struct page *buddy,
					  unsigned int order)
{
	return PageBuddy(buddy) && buddy->private == order &&
	       !((page->flags ^ buddy->flags) & ZONE_NODE_MASK);
}

/* Blocks of whole pageblocks unite only if both pageblocks are ordinary: isolation and CMA work by the block. */
static bool pageblocks_mergeable(unsigned long pfn, unsigned long buddy_pfn)
{
	int a = get_pfnblock_migratetype(pfn), b = get_pfnblock_migratetype(buddy_pfn);

	return a == b || (a < MIGRATE_PCPTYPES && b < MIGRATE_PCPTYPES);
}

void __free_one_page(struct zone *zone, unsigned long pfn, unsigned int order, int migratetype)
{
	struct page *page = pfn_to_page(pfn);

	VM_BUG_ON(pfn & (BIT(order) - 1));
	VM_BUG_ON(PageBuddy(page) || page_ref_count(page));
	account_freepages(zone, BIT(order), migratetype);
	while (order < MAX_PAGE_ORDER) {
		struct page *buddy = buddy_of(page, order);

		if (!page_is_buddy(page, buddy, order))
			break;
		if (unlikely(order >= pageblock_order) &&
		    !pageblocks_mergeable(page_to_pfn(page), page_to_pfn(buddy)))
			break;
		del_from_free_list(buddy, zone, order);
		page = min(page, buddy);
		order++;
	}
	set_buddy_order(page, order);
	add_to_free_list(page, zone, order, migratetype);
	if (unlikely(page_shuffle) && order == SHUFFLE_ORDER && shuffle_pick_tail())
		list_move_tail(&page->buddy_list, &zone->free_area[order].free_list[migratetype]);
}

void __free_range(struct zone *zone, unsigned long pfn, unsigned long end)
{
	while (pfn < end) {
		/* Not beyond the pageblock: the next one may have another type. */
		unsigned int order = __builtin_ctzl(pfn | pageblock_nr_pages);

		order = min_t(unsigned int, order, ilog2(end - pfn));
		__free_one_page(zone, pfn, order, get_pfnblock_migratetype(pfn));
		pfn += BIT(order);
	}
}

/* page is a block of order high, off its list: keeps 2^low pages of it and frees the rest, upper halves first. */
static __always_inline void expand(struct zone *zone, struct page *page, unsigned int low,
				   unsigned int high, int migratetype)
{
	while (high > low) {
		struct page *half;

		high--;
		half = page + BIT(high);
		set_buddy_order(half, high);
		add_to_free_list(half, zone, high, migratetype);
	}
}

struct page *__rmqueue_smallest(struct zone *zone, unsigned int order, int migratetype)
{
	for (unsigned int o = order; o < NR_PAGE_ORDERS; o++) {
		struct list_head *list = &zone->free_area[o].free_list[migratetype];
		struct page *page;

		if (list_empty(list))
			continue;
		page = list_first_entry(list, struct page, buddy_list);
		del_from_free_list(page, zone, o);
		expand(zone, page, order, o, migratetype);
		account_freepages(zone, -(long)BIT(order), migratetype);
		return page;
	}
	return NULL;
}

struct page *__rmqueue_run(struct zone *zone, unsigned int *order, unsigned int max,
			   int migratetype)
{
	for (unsigned int o = *order; o < NR_PAGE_ORDERS; o++) {
		if (list_empty(&zone->free_area[o].free_list[migratetype]))
			continue;
		*order = min(o, max);
		return __rmqueue_smallest(zone, *order, migratetype);
	}
	return NULL;
}

/* ---- pageblocks change their type ---- */

static void move_to_free_list(struct page *page, struct zone *zone, unsigned int order, int from,
			      int to)
{
	list_move_tail(&page->buddy_list, &zone->free_area[order].free_list[to]);
	if (unlikely(from >= MIGRATE_PCPTYPES || to >= MIGRATE_PCPTYPES)) {
		account_freepages(zone, -(long)BIT(order), from);
		account_freepages(zone, BIT(order), to);
	}
}

/* A page of another zone may share a block with ours; it is not ours to move. */
static bool page_of_zone(const struct page *page, const struct zone *zone)
{
	return page_zone(page) == zone;
}

/* If pfn's pageblock is part of a larger free block, that one is cut into pageblocks, each on the list of its type. */
static void cut_into_pageblocks(struct zone *zone, unsigned long pfn)
{
	struct page *page = pfn_to_page(ALIGN_DOWN(pfn, MAX_ORDER_NR_PAGES));
	unsigned int order = page->private;

	if (!PageBuddy(page) || order <= pageblock_order || !page_of_zone(page, zone))
		return;
	del_from_free_list(page, zone, order);
	for (unsigned long i = 0; i < BIT(order); i += pageblock_nr_pages) {
		set_buddy_order(page + i, pageblock_order);
		add_to_free_list(page + i, zone, pageblock_order,
				 get_pfnblock_migratetype(page_to_pfn(page + i)));
	}
}

unsigned long move_freepages_block(struct zone *zone, unsigned long pfn, int migratetype)
{
	unsigned long end = pageblock_end_pfn(pfn), moved = 0;
	int old = get_pfnblock_migratetype(pfn);

	cut_into_pageblocks(zone, pfn);
	for (pfn = pageblock_start_pfn(pfn); pfn < end;) {
		struct page *page = pfn_to_page(pfn);
		unsigned int order;

		if (!PageBuddy(page) || !page_of_zone(page, zone)) {
			pfn++;
			continue;
		}
		order = page->private;
		move_to_free_list(page, zone, order, old, migratetype);
		pfn += BIT(order);
		moved += BIT(order);
	}
	return moved;
}

unsigned long change_pageblock_type(struct zone *zone, unsigned long pfn, int migratetype)
{
	unsigned long moved = move_freepages_block(zone, pfn, migratetype);

	set_pfnblock_migratetype(pfn, migratetype);
	return moved;
}

void merge_pageblock(struct zone *zone, unsigned long pfn)
{
	struct page *page = pfn_to_page(pageblock_start_pfn(pfn));
	int migratetype = get_pfnblock_migratetype(pfn);

	if (!PageBuddy(page) || page->private != pageblock_order)
		return;
	del_from_free_list(page, zone, pageblock_order);
	account_freepages(zone, -(long)pageblock_nr_pages, migratetype);
	__free_one_page(zone, page_to_pfn(page), pageblock_order, migratetype);
}

/* ---- stealing from other types ---- */

/* Pages of the pageblock that somebody uses and that look movable (on an LRU list, or anonymous). */
static unsigned long movable_in_use(unsigned long pfn)
{
	unsigned long end = pageblock_end_pfn(pfn), n = 0;

	for (pfn = pageblock_start_pfn(pfn); pfn < end; pfn++) {
		struct page *page = pfn_to_page(pfn);

		if (PageBuddy(page))
			pfn += BIT(page->private) - 1;
		else if (PageLRU(page))
			n++;
	}
	return n;
}

/* May a request of this type claim the whole pageblock when it takes a block of this order? */
static bool can_steal_block(unsigned int order, int start_type)
{
	return order >= pageblock_order / 2 || start_type == MIGRATE_UNMOVABLE ||
	       start_type == MIGRATE_RECLAIMABLE;
}

/*
 * The zone is being mixed up: raise its watermarks by a pageblock, so that kswapd frees enough to make whole blocks again. It
 * also takes the boost back; where no kswapd runs nobody would, and there is none.
 */
static void boost_watermark(struct zone *zone, unsigned int alloc_flags)
{
	unsigned long max_boost;

	if (!watermark_boost_factor || !READ_ONCE(zone->zone_pgdat->kswapd) ||
	    zone_managed_pages(zone) < 4 * pageblock_nr_pages)
		return;
	max_boost = zone->_watermark[WMARK_HIGH] * watermark_boost_factor / 10000;
	if (!max_boost)
		return;
	zone->watermark_boost =
		min(zone->watermark_boost + pageblock_nr_pages, max(max_boost, pageblock_nr_pages));
	if (alloc_flags & ALLOC_KSWAPD)
		set_bit(ZONE_BOOSTED_WATERMARK, &zone->flags);
}

static void steal_block(struct zone *zone, struct page *page, unsigned int order, int from, int to,
			unsigned int alloc_flags)
{
	unsigned long pfn = page_to_pfn(page), free, alike;

	if (order >= pageblock_order) { /* whole pageblocks: take them, type and all */
		for (unsigned long p = pfn; p < pfn + BIT(order); p += pageblock_nr_pages)
			set_pfnblock_migratetype(p, to);
		move_to_free_list(page, zone, order, from, to);
		return;
	}
	boost_watermark(zone, alloc_flags);
	if (!can_steal_block(order, to)) {
		move_to_free_list(page, zone, order, from, to);
		return;
	}
	/* How much of the block would agree with its new owner? Used pages of it are movable, or not. */
	alike = movable_in_use(pfn);
	free = move_freepages_block(zone, pfn, to);
	if (to != MIGRATE_MOVABLE)
		alike = get_pfnblock_migratetype(pfn) == MIGRATE_MOVABLE
				? pageblock_nr_pages - min(pageblock_nr_pages, free + alike)
				: 0;
	if (free + alike >= pageblock_nr_pages / 2)
		set_pfnblock_migratetype(pfn, to);
}

/* First type, in fallback order, that has a block of this order; -1 if none. */
static int find_fallback(struct zone *zone, unsigned int order, int start_type)
{
	for (int i = 0; i < ARRAY_SIZE(fallbacks[0]); i++) {
		int type = fallbacks[start_type][i];

		if (!list_empty(&zone->free_area[order].free_list[type]))
			return type;
	}
	return -1;
}

/* Moves a block of another type over to start_type's list; false if there is none. */
static bool __rmqueue_fallback(struct zone *zone, unsigned int order, int start_type,
			       unsigned int alloc_flags)
{
	int o, type = -1, lowest = order;
	struct page *page;

	/* Rather from another zone than mixing up a pageblock of this one. */
	if (alloc_flags & ALLOC_NOFRAGMENT)
		lowest = max(lowest, (int)pageblock_order);
	for (o = MAX_PAGE_ORDER; o >= lowest; o--) {
		type = find_fallback(zone, o, start_type);
		if (type >= 0)
			break;
	}
	if (type < 0)
		return false;
	if (!can_steal_block(o, start_type)) {
		/* Nothing to claim: break the smallest piece, not the largest. */
		for (o = order; o < MAX_PAGE_ORDER; o++) {
			type = find_fallback(zone, o, start_type);
			if (type >= 0)
				break;
		}
		VM_BUG_ON(type < 0);
	}
	page = list_first_entry(&zone->free_area[o].free_list[type], struct page, buddy_list);
	steal_block(zone, page, o, type, start_type, alloc_flags);
	trace_mm_page_alloc_extfrag(page_to_pfn(page), order, o, start_type, type,
				    get_pfnblock_migratetype(page_to_pfn(page)) == start_type);
	return true;
}

struct page *__rmqueue(struct zone *zone, unsigned int order, int migratetype,
		       unsigned int alloc_flags)
{
	struct page *page;

	/* CMA pages must be used before movable requests have filled the rest, else they are all that is left for the others. */
	if ((alloc_flags & ALLOC_CMA) && unlikely(zone_page_state(zone, NR_FREE_CMA_PAGES) >
						  zone_page_state(zone, NR_FREE_PAGES) / 2)) {
		page = __rmqueue_smallest(zone, order, MIGRATE_CMA);
		if (page)
			return page;
	}
	do {
		page = __rmqueue_smallest(zone, order, migratetype);
		if (!page && (alloc_flags & ALLOC_CMA))
			page = __rmqueue_smallest(zone, order, MIGRATE_CMA);
	} while (!page && migratetype < MIGRATE_PCPTYPES &&
		 __rmqueue_fallback(zone, order, migratetype, alloc_flags));
	return page;
}
