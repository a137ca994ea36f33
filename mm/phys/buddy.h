/*
 * The page allocator's interface: pages and folios in blocks of 2^order.
 *
 * 1. alloc_pages() returns a block of 2^order pages, aligned to its size, with reference count 1 on the
 *    first page; or NULL. With __GFP_COMP (and always from folio_alloc) the block is one compound page;
 *    without it the other pages have no references of their own and only __free_pages() with the same
 *    order may give it back.
 * 2. Freeing is dropping a reference: put_page(), folio_put(), __free_pages(). The page goes back when
 *    the count reaches zero.
 * 3. With __GFP_DIRECT_RECLAIM the call may sleep; without it, it works in any context, interrupts included.
 *
 * Mirrors Linux include/linux/gfp.h and mm/internal.h. Exercised by the buddy suite.
 */
#pragma once

#include "mm/phys/gfp.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"

/* ---- allocate ---- */

/* A block of 2^order pages, from node nid first (NUMA_NO_NODE: this CPU's), only on nodemask's nodes
 * (NULL: all). NULL when there is none, with a report in the log unless __GFP_NOWARN. */
struct page *__alloc_pages(gfp_t gfp, unsigned int order, int nid, const nodemask_t *nodemask);

static __always_inline struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
	return __alloc_pages(gfp, order, nid, NULL);
}

/* From this CPU's node first, or where the task's memory policy says. */
struct page *alloc_pages(gfp_t gfp, unsigned int order);
/* Like alloc_pages(gfp, 0), which is most of all requests. */
struct page *alloc_page(gfp_t gfp);
/* Linear-map address of a block, 0 if none. */
unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
#define __get_free_page(gfp) __get_free_pages(gfp, 0)
static __always_inline unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

/*
 * nr single pages: appended to list (linked by page->lru), or, if that is NULL, into the NULL slots of array[nr]. nid
 * and nodemask as in __alloc_pages(). Returns the pages appended, or how many slots are filled from the start on; fewer
 * than nr when memory is short.
 */
unsigned long __alloc_pages_bulk(gfp_t gfp, int nid, const nodemask_t *nodemask, unsigned long nr,
				 struct list_head *list, struct page **array);

static __always_inline unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr,
						      struct page **array)
{
	return __alloc_pages_bulk(gfp, NUMA_NO_NODE, NULL, nr, NULL, array);
}

static __always_inline unsigned long alloc_pages_bulk_list(gfp_t gfp, unsigned long nr,
							   struct list_head *list)
{
	return __alloc_pages_bulk(gfp, NUMA_NO_NODE, NULL, nr, list, NULL);
}

/* Enough pages for size bytes, the rest of the power of two given back; free_pages_exact frees them. NULL if none. */
void *alloc_pages_exact(size_t size, gfp_t gfp);
void *alloc_pages_exact_nid(int nid, size_t size, gfp_t gfp);
void free_pages_exact(void *virt, size_t size);

/* A folio of 2^order pages, reference 1. NULL if none. */
struct folio *folio_alloc(gfp_t gfp, unsigned int order);
struct folio *__folio_alloc_node(gfp_t gfp, unsigned int order, int nid);

/* ---- free ---- */

/* Drops the one reference of a block got with this order; frees at zero. Any context. */
void __free_pages(struct page *page, unsigned int order);
void __free_page(struct page *page);			 /* order 0 */
void free_pages(unsigned long addr, unsigned int order); /* 0 is ignored */
#define free_page(addr) free_pages((addr), 0)
/* Gives back a block whose reference count is zero already. Any context. */
void free_unref_page(struct page *page, unsigned int order);
/* Drops the one reference of each of these single pages. Neighbours in the array that are neighbours in memory cost least. */
void free_pages_bulk(struct page **pages, unsigned long nr);

/* A non-compound block becomes 2^order independent pages, each with reference 1. */
void split_page(struct page *page, unsigned int order);
/* Makes the block one compound page. => nobody else knows it */
void prep_compound_page(struct page *page, unsigned int order);

/* ---- boot and memory from elsewhere ---- */

/* First gift of a block to the allocator: at boot, later memory hotplug. => pages initialised, count 0 */
void __free_pages_core(struct page *page, unsigned int order);
/* A page that boot had reserved joins the allocator; total RAM grows. */
void free_reserved_page(struct page *page);
/* The same for an address range in the linear map; poison 0..255 fills it first, -1 does not. Prints
 * "Freeing s memory: NK" if s. Returns pages. */
unsigned long free_reserved_area(void *start, void *end, int poison, const char *s);
void adjust_managed_page_count(struct page *page, long count);

/* ---- the core, for the suite, isolation and compaction: each works on one zone ---- */

/* Puts a block on its free list and merges it upward. => zone->lock held */
void __free_one_page(struct zone *zone, unsigned long pfn, unsigned int order, int migratetype);
/* The same for all pages from pfn to end, as the largest blocks that alignment allows, each of its pageblock's type. */
void __free_range(struct zone *zone, unsigned long pfn, unsigned long end);
/* Takes a block of exactly this order and type out, splitting a larger one. NULL if none.
 * => zone->lock held */
struct page *__rmqueue_smallest(struct zone *zone, unsigned int order, int migratetype);
/*
 * For who wants many blocks of this order: those that as many calls of __rmqueue_smallest() would find, as one block of up
 * to order max, its own order in *order. => max >= *order
 */
struct page *__rmqueue_run(struct zone *zone, unsigned int *order, unsigned int max,
			   int migratetype);
/* As __rmqueue_smallest(), and when the type has nothing takes from another type, perhaps with the whole pageblock. */
struct page *__rmqueue(struct zone *zone, unsigned int order, int migratetype,
		       unsigned int alloc_flags);
/* Moves the free pages of pfn's pageblock to another type's lists; pages moved. => zone->lock held */
unsigned long move_freepages_block(struct zone *zone, unsigned long pfn, int migratetype);
/* The same, and the pageblock has that type from now on. */
unsigned long change_pageblock_type(struct zone *zone, unsigned long pfn, int migratetype);
/* If pfn's pageblock is one free block: unites it with its buddy, if both may. => zone->lock held */
void merge_pageblock(struct zone *zone, unsigned long pfn);

/*
 * Takes pfn's pageblock out of service: its free pages and those that are freed from now on are not given out, and are not
 * counted as free. -EBUSY if it is isolated already, or has a page in use that could never be moved away. Pages
 * that wait on per-CPU lists follow at the next drain_all_pages(zone). Any context.
 */
int set_migratetype_isolate(unsigned long pfn);
/* Puts it back, with this type. Nothing happens if it is not isolated. Any context. */
void unset_migratetype_isolate(unsigned long pfn, int migratetype);
/* A page of the pageblock that is in use and cannot be moved; NULL if there is none. A guess, unless zone->lock is held. */
struct page *has_unmovable_pages(struct zone *zone, unsigned long pfn);

/* Empties this CPU's lists into the zones (all zones if NULL) / every CPU's. The second: irqs on. */
void drain_local_pages(struct zone *zone);
void drain_all_pages(struct zone *zone);

/* A tick found this CPU idle: its lists go back if they were idle too. True: ask again at the next tick. => irqs off */
bool pcp_idle_tick(void);

/* ---- watermarks ---- */

/* ALLOC_*: what an allocation may do beyond its GFP flags; the low two bits index _watermark[]. */
#define ALLOC_WMARK_MIN	    WMARK_MIN
#define ALLOC_WMARK_LOW	    WMARK_LOW
#define ALLOC_WMARK_HIGH    WMARK_HIGH
#define ALLOC_NO_WATERMARKS 0x04
#define ALLOC_WMARK_MASK    (ALLOC_NO_WATERMARKS - 1)
#define ALLOC_NON_BLOCK	    0x10  /* cannot sleep: a quarter deeper still than MIN_RESERVE */
#define ALLOC_MIN_RESERVE   0x20  /* __GFP_HIGH: half of min */
#define ALLOC_CMA	    0x80  /* movable: may use CMA pageblocks */
#define ALLOC_NOFRAGMENT    0x100 /* steal whole pageblocks or nothing */
#define ALLOC_HIGHATOMIC    0x200 /* may use the highatomic reserve */
#define ALLOC_KSWAPD	    0x800 /* __GFP_KSWAPD_RECLAIM: may wake kswapd */

/* Would an allocation of this order leave mark pages plus the lowmem reserve, and does a block exist? */
bool zone_watermark_ok(struct zone *zone, unsigned int order, unsigned long mark,
		       int highest_zoneidx, unsigned int alloc_flags);

/* ---- upward: mm/reclaim registers what the slow path can do beyond looking ---- */

struct alloc_context {
	struct zonelist *zonelist;
	const nodemask_t *nodemask;
	struct zoneref *preferred_zoneref;
	int migratetype;
	enum zone_type highest_zoneidx;
};

struct reclaim_ops {
	/* A zone of this allocation is below low: start background reclaim. Never sleeps. */
	void (*wake_kswapd)(struct zone *zone, gfp_t gfp, unsigned int order,
			    enum zone_type highest);
	/* Frees pages in this context; returns how many. May sleep. */
	unsigned long (*direct_reclaim)(gfp_t gfp, unsigned int order,
					const struct alloc_context *ac);
	/* Makes a block of this order by migration; true if it is worth trying again. May sleep. */
	bool (*compact)(gfp_t gfp, unsigned int order, const struct alloc_context *ac);
	/* Kills somebody; true if that was done and memory will come. May sleep. */
	bool (*oom)(gfp_t gfp, unsigned int order, const struct alloc_context *ac);
};

/* Members may be NULL, ops too. Returns what was registered before. */
const struct reclaim_ops *register_reclaim_ops(const struct reclaim_ops *ops);

/* Runs when the last reference of a folio with PG_lru or PG_mlocked goes, before its pages do: takes it off its list, uncounts it. Any context. */
struct folio_free_ops {
	void (*free_folio)(struct folio *folio);
};
void register_folio_free_ops(const struct folio_free_ops *ops);

/* ---- totals ---- */

/* Numbers of pages, as sysinfo(2) and /proc/meminfo give them. */
struct sysinfo_pages {
	unsigned long totalram, sharedram, freeram, bufferram, totalhigh, freehigh;
};
void si_meminfo(struct sysinfo_pages *val);

unsigned long totalram_pages(void);
void totalram_pages_add(long count);
/* Free pages: free lists plus per-CPU lists. */
unsigned long nr_free_pages(void);
/* What a new program could get without swapping: MemAvailable. */
long si_mem_available(void);
extern unsigned long totalreserve_pages;
/* The memory part of an allocation failure or an oops: zones, free lists, counters, on the console. */
void show_mem(void);
