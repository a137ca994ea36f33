/*
 * Nodes, zones, sections, free lists: how physical memory is divided.
 *
 * 1. Memory is divided three times. By distance: a node (pg_data_t) is the memory next to a group of
 *    CPUs. By what can use it: a zone is the part of a node that some addressing limit or mobility rule
 *    singles out: DMA (below 16 MiB, old devices), DMA32 (below 4 GiB), NORMAL, MOVABLE (only pages
 *    that can be migrated away), DEVICE (has struct pages, is never allocated). By presence: a section
 *    is 128 MiB of physical address space, and the only places with struct pages are sections with RAM.
 * 2. A zone counts its pages three ways. spanned: end minus start, holes included. present: RAM.
 *    managed: what the buddy allocator was given, present minus what boot reserved.
 * 3. Free pages of a zone stand in free_area[order].free_list[migratetype]. A *migrate type* is a
 *    property of the 2 MiB pageblock: keeping unmovable pages together in few blocks leaves the other
 *    blocks whole, or at least emptiable. It is an aim, not a rule: when a type runs out it takes from
 *    another one (buddy.c).
 * 4. Each CPU keeps a short list of free pages per zone (struct per_cpu_pages): the hot path takes no lock.
 *    A kernel without preemption has one other user of a CPU's list, an interrupt, and that one ends
 *    before the interrupted code goes on. So a plain flag, `busy`, is the whole lock: who finds it set
 *    goes to the zone instead.
 * 5. Watermarks (min, low, high) say when a zone is short: below low kswapd is woken, below min only
 *    callers with reserves are served, at high kswapd stops. lowmem_reserve[i] is what an allocation
 *    that could have used the higher zone i must leave here, so that cheap requests do not eat scarce memory.
 * 6. A zonelist is a node's order of preference among all zones: own zones from high to low, then
 *    those of other nodes.
 *
 * Legend of protection:
 *   Z  zone->lock (irqs off)
 *   C  the CPU that owns it, with pcp->busy set
 *   A  atomic
 *   I  set at boot (or memory hotplug, once that exists), constant after
 *   L  lruvec->lru_lock
 *
 * Mirrors Linux include/linux/mmzone.h. Exercised by the buddy suite; seen in /proc/zoneinfo and buddyinfo.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "arch/x86/numa.h"
#include "arch/x86/page.h"
#include "kernel/percpu.h"
#include "kernel/spinlock.h"
#include "lib/bitmap.h"
#include "lib/list.h"
#include "mm/phys/gfp.h"

struct page;
struct task_struct;

/* ---- orders, migrate types ---- */

#define MAX_PAGE_ORDER		10 /* the largest block: 4 MiB */
#define NR_PAGE_ORDERS		(MAX_PAGE_ORDER + 1)
#define MAX_ORDER_NR_PAGES	(1UL << MAX_PAGE_ORDER)
#define PAGE_ALLOC_COSTLY_ORDER 3 /* up to here an allocation is expected to succeed in the end */

enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_PCPTYPES, /* the types above have per-CPU lists */
	MIGRATE_HIGHATOMIC = MIGRATE_PCPTYPES,
	MIGRATE_CMA,
	MIGRATE_ISOLATE, /* free, but not to be given out */
	MIGRATE_TYPES,
};

extern const char *const migratetype_names[MIGRATE_TYPES];

#define pageblock_order		 9U
#define pageblock_nr_pages	 (1UL << pageblock_order)
#define pageblock_start_pfn(pfn) ALIGN_DOWN((pfn), pageblock_nr_pages)
#define pageblock_end_pfn(pfn)	 ALIGN((pfn) + 1, pageblock_nr_pages)

struct free_area {
	struct list_head free_list[MIGRATE_TYPES]; /* Z */
	unsigned long nr_free;			   /* Z blocks on all the lists */
};

/* ---- counters ---- */

enum zone_stat_item {
	NR_FREE_PAGES, /* in the free lists; pages on per-CPU lists are not in it */
	NR_ZONE_INACTIVE_ANON,
	NR_ZONE_ACTIVE_ANON,
	NR_ZONE_INACTIVE_FILE,
	NR_ZONE_ACTIVE_FILE,
	NR_ZONE_UNEVICTABLE,
	NR_ZONE_WRITE_PENDING,
	NR_MLOCK,
	NR_BOUNCE,
	NR_FREE_CMA_PAGES,
	NR_VM_ZONE_STAT_ITEMS,
};

/* Units are pages unless said otherwise. The order is that of /proc/vmstat. */
enum node_stat_item {
	NR_INACTIVE_ANON, /* the five LRU lists, in the order of enum lru_list */
	NR_ACTIVE_ANON,
	NR_INACTIVE_FILE,
	NR_ACTIVE_FILE,
	NR_UNEVICTABLE,
	NR_SLAB_RECLAIMABLE,
	NR_SLAB_UNRECLAIMABLE,
	NR_ISOLATED_ANON,
	NR_ISOLATED_FILE,
	WORKINGSET_NODES,
	WORKINGSET_REFAULT_ANON,
	WORKINGSET_REFAULT_FILE,
	WORKINGSET_ACTIVATE_ANON,
	WORKINGSET_ACTIVATE_FILE,
	WORKINGSET_RESTORE_ANON,
	WORKINGSET_RESTORE_FILE,
	WORKINGSET_NODERECLAIM,
	NR_ANON_MAPPED, /* mapped anonymous pages */
	NR_FILE_MAPPED, /* mapped page-cache pages */
	NR_FILE_PAGES,	/* page cache, shmem and swap cache included */
	NR_FILE_DIRTY,
	NR_WRITEBACK,
	NR_SHMEM,
	NR_SHMEM_THPS,
	NR_SHMEM_PMDMAPPED,
	NR_FILE_THPS,
	NR_FILE_PMDMAPPED,
	NR_ANON_THPS,
	NR_VMSCAN_WRITE,
	NR_VMSCAN_IMMEDIATE,
	NR_DIRTIED,
	NR_WRITTEN,
	NR_THROTTLED_WRITTEN,
	NR_KERNEL_MISC_RECLAIMABLE,
	NR_FOLL_PIN_ACQUIRED,
	NR_FOLL_PIN_RELEASED,
	NR_KERNEL_STACK_KB,	/* KiB */
	NR_PAGETABLE,		/* user and kernel page tables */
	NR_SECONDARY_PAGETABLE, /* of devices and guests: there are none */
	NR_SWAPCACHE,
	NR_VM_NODE_STAT_ITEMS,
};

/* Where allocations were served, in calls, not pages. Counted for the zone that gave, FOREIGN for the one that was wanted. */
enum numa_stat_item {
	NUMA_HIT,	     /* from the node that was wanted */
	NUMA_MISS,	     /* another node was wanted, and had nothing */
	NUMA_FOREIGN,	     /* was wanted here, and came from elsewhere */
	NUMA_INTERLEAVE_HIT, /* from the node that interleaving wanted */
	NUMA_LOCAL,	     /* to a CPU of the same node */
	NUMA_OTHER,	     /* to a CPU of another node */
	NR_VM_NUMA_EVENT_ITEMS,
};

enum lru_list {
	LRU_INACTIVE_ANON,
	LRU_ACTIVE_ANON,
	LRU_INACTIVE_FILE,
	LRU_ACTIVE_FILE,
	LRU_UNEVICTABLE,
	NR_LRU_LISTS,
};

struct lruvec {
	struct list_head lists[NR_LRU_LISTS]; /* L */
	spinlock_t lru_lock;
};

/* ---- per-CPU lists ---- */

#define NR_PCP_ORDERS (PAGE_ALLOC_COSTLY_ORDER + 1)
#define NR_PCP_LISTS  (MIGRATE_PCPTYPES * NR_PCP_ORDERS)

struct per_cpu_pages {
	/* C [order * MIGRATE_PCPTYPES + migratetype]; first, so that the address of a list is no sum of three. */
	struct list_head lists[NR_PCP_LISTS];
	/* Every allocation and every free: one cache line, and that of the list. */
	long busy;	     /* C the owner is inside: interrupts keep out */
	int count;	     /* C pages on all lists, in base pages */
	int high;	     /* C above it pages go back to the zone; high_min..high_max */
	int batch;	     /* I pages moved to or from the zone at a time, at least */
	unsigned long frees; /* C pages put on the lists: pgfree */
	/* Blocks that the zone gave to this CPU, by order; those beyond NR_PCP_ORDERS past the lists: pgalloc_*, numa_* */
	unsigned long allocs[NR_PAGE_ORDERS];

	/* When a list is empty, or all are too long. */
	struct zone *zone;	 /* I */
	int high_min, high_max;	 /* I */
	u8 alloc_factor;	 /* C the next refill brings batch << this */
	u8 free_factor;		 /* C the next drain takes batch << this */
	unsigned int next_drain; /* C the list that the next drain begins with */
	unsigned long idle_seen; /* C what had gone through at the last idle tick */
	/* C how often zone->lock was taken to fill a list, to empty some; and by this CPU past its lists */
	unsigned long refills, drains, direct;
	unsigned long
		numa_event[NR_VM_NUMA_EVENT_ITEMS]; /* what allocs[] does not tell (vmstat.c) */
};

struct per_cpu_nodestat {
	/* Changed by this CPU in one instruction each; only the sum over CPUs means something. */
	long diff[NR_VM_NODE_STAT_ITEMS];
};

/* ---- zones ---- */

enum zone_type {
	ZONE_DMA,
	ZONE_DMA32,
	ZONE_NORMAL,
	ZONE_MOVABLE,
	ZONE_DEVICE,
	MAX_NR_ZONES,
};

enum zone_watermarks {
	WMARK_MIN,
	WMARK_LOW,
	WMARK_HIGH,
	WMARK_PROMO,
	NR_WMARK,
};

enum zone_flags {
	ZONE_BOOSTED_WATERMARK, /* just boosted: the next allocation wakes kswapd */
};

struct zone {
	/* Read by every allocation. */
	unsigned long _watermark[NR_WMARK];		/* I pages; changed by min_free_kbytes */
	unsigned long watermark_boost;			/* Z */
	unsigned long nr_reserved_highatomic;		/* Z pages of MIGRATE_HIGHATOMIC blocks */
	unsigned long nr_free_highatomic;		/* Z of those, the free ones */
	long lowmem_reserve[MAX_NR_ZONES];		/* I */
	int node;					/* I */
	struct pglist_data *zone_pgdat;			/* I */
	struct per_cpu_pages __percpu *per_cpu_pageset; /* I */
	unsigned long zone_start_pfn;			/* I */
	atomic_long_t managed_pages;			/* A */
	unsigned long spanned_pages;			/* I */
	unsigned long present_pages;			/* I */
	const char *name;				/* I */
	unsigned long flags;				/* A ZONE_* bits */
	atomic_long_t deferred_left; /* A chunks without struct pages (deferred.c) */
	unsigned long deferred_pfn;  /* where to look for the next of them */

	/* Written by the allocator. */
	spinlock_t lock ____cacheline_aligned;
	struct free_area free_area[NR_PAGE_ORDERS];   /* Z */
	atomic_long_t vm_stat[NR_VM_ZONE_STAT_ITEMS]; /* A; NR_FREE_PAGES is written under Z */
} ____cacheline_aligned;

#define min_wmark_pages(z)  ((z)->_watermark[WMARK_MIN] + (z)->watermark_boost)
#define low_wmark_pages(z)  ((z)->_watermark[WMARK_LOW] + (z)->watermark_boost)
#define high_wmark_pages(z) ((z)->_watermark[WMARK_HIGH] + (z)->watermark_boost)
#define wmark_pages(z, i)   ((z)->_watermark[i] + (z)->watermark_boost)

static __always_inline unsigned long zone_managed_pages(const struct zone *zone)
{
	return (unsigned long)atomic_long_read(&zone->managed_pages);
}

static __always_inline unsigned long zone_end_pfn(const struct zone *zone)
{
	return zone->zone_start_pfn + zone->spanned_pages;
}

static __always_inline bool zone_spans_pfn(const struct zone *zone, unsigned long pfn)
{
	return pfn - zone->zone_start_pfn < zone->spanned_pages;
}

static __always_inline bool populated_zone(const struct zone *zone)
{
	return zone->present_pages;
}

static __always_inline bool managed_zone(const struct zone *zone)
{
	return zone_managed_pages(zone);
}

/* ---- nodes ---- */

#define NODES_SHIFT 3 /* MAX_NUMNODES is 8: arch/x86/numa.h */
#define ZONES_SHIFT 3
BUILD_BUG_ON(MAX_NUMNODES != 1 << NODES_SHIFT);

/* One bit a node. */
typedef struct {
	unsigned long bits;
} nodemask_t;

#define node_isset(n, mask) (((mask).bits >> (n)) & 1)
#define node_set(n, mask)   ((mask).bits |= BIT(n))
#define node_clear(n, mask) ((mask).bits &= ~BIT(n))
#define nodes_empty(mask)   (!(mask).bits)
#define nodes_weight(mask)  hweight_long((mask).bits)

#define MAX_ZONES_PER_ZONELIST (MAX_NUMNODES * MAX_NR_ZONES)

struct zoneref {
	struct zone *zone; /* NULL ends the list */
	int zone_idx;
};

enum {
	ZONELIST_FALLBACK,   /* all nodes, own node first */
	ZONELIST_NOFALLBACK, /* own node only: __GFP_THISNODE */
	MAX_ZONELISTS,
};

struct zonelist {
	struct zoneref *_zonerefs; /* I ends with a NULL zone */
};

typedef struct pglist_data {
	struct zone node_zones[MAX_NR_ZONES];
	struct zonelist node_zonelists[MAX_ZONELISTS]; /* I */
	/* The zone that an allocation on this node tries first, by its four zone flags. */
	struct zone *preferred_zone[GFP_ZONEMASK + 1]; /* I */
	int nr_zones;				       /* I highest populated zone + 1 */
	int node_id;				       /* I */
	unsigned long node_start_pfn;		       /* I */
	unsigned long node_present_pages;	       /* I without holes */
	unsigned long node_spanned_pages;	       /* I with holes */
	unsigned long totalreserve_pages; /* I not for user space: watermarks and reserves */
	struct task_struct *kswapd;	  /* I NULL until mm/reclaim starts it */
	struct lruvec __lruvec;
	struct per_cpu_nodestat __percpu *per_cpu_nodestats; /* I */
	atomic_long_t vm_stat[NR_VM_NODE_STAT_ITEMS];	     /* A base of the sum */
} pg_data_t;

extern pg_data_t *node_data[MAX_NUMNODES];
/* The nearest node with memory; set by build_all_zonelists(). */
DECLARE_PER_CPU(pg_data_t *, local_pgdat);
/* Sets of nodes by what they have. */
enum node_states {
	N_POSSIBLE, /* could come into being: those of SRAT, or node 0 */
	N_ONLINE,   /* have a pg_data_t: memory or CPUs; without memory all its zones are empty */
	N_NORMAL_MEMORY, /* have memory that kernel allocations can use */
	N_MEMORY,	 /* have memory, perhaps only in ZONE_MOVABLE */
	N_CPU,		 /* have CPUs */
	NR_NODE_STATES,
};
extern nodemask_t node_states[NR_NODE_STATES]; /* I */
#define node_online_map	       node_states[N_ONLINE]
#define node_state(nid, state) node_isset(nid, node_states[state])
#define for_each_node_state(nid, state)                \
	for ((nid) = 0; (nid) < MAX_NUMNODES; (nid)++) \
		if (!node_state(nid, state)) {         \
		} else
extern struct zone *zone_table[MAX_NUMNODES << ZONES_SHIFT]; /* by the top bits of page->flags */

#define NODE_DATA(nid)	   (node_data[nid])
#define num_online_nodes() nodes_weight(node_online_map)
#define node_online(n)	   node_isset(n, node_online_map)

#define for_each_online_node(n)                  \
	for ((n) = 0; (n) < MAX_NUMNODES; (n)++) \
		if (!node_online(n)) {           \
		} else
/* The node that this CPU allocates from first. */
#define numa_mem_id() (this_cpu_read(local_pgdat)->node_id)

struct pglist_data *first_online_pgdat(void);
struct pglist_data *next_online_pgdat(struct pglist_data *pgdat);
/* The next zone, in node and zone order, populated or not; NULL at the end. */
struct zone *next_zone(struct zone *zone);

#define for_each_online_pgdat(pgdat) \
	for (pgdat = first_online_pgdat(); pgdat; pgdat = next_online_pgdat(pgdat))
#define for_each_zone(zone) \
	for (zone = first_online_pgdat()->node_zones; zone; zone = next_zone(zone))
#define for_each_populated_zone(zone)        \
	for_each_zone(zone)                  \
		if (!populated_zone(zone)) { \
		} else

static __always_inline int zone_idx(const struct zone *zone)
{
	return zone - zone->zone_pgdat->node_zones;
}

/* The highest zone that an allocation with these flags may use. Mirrors the table in Linux gfp.h. */
static __always_inline enum zone_type gfp_zone(gfp_t gfp)
{
	if (gfp & __GFP_DMA)
		return ZONE_DMA;
	if (gfp & __GFP_DMA32)
		return ZONE_DMA32;
	if ((gfp & (__GFP_HIGHMEM | __GFP_MOVABLE)) == (__GFP_HIGHMEM | __GFP_MOVABLE))
		return ZONE_MOVABLE;
	return ZONE_NORMAL;
}

static __always_inline struct zonelist *node_zonelist(int nid, gfp_t gfp)
{
	return &NODE_DATA(nid)->node_zonelists[gfp & __GFP_THISNODE ? ZONELIST_NOFALLBACK
								    : ZONELIST_FALLBACK];
}

/* First entry at or after z with zone index <= highest, on a node of nodes (NULL: any); its zone is NULL at the end. */
static __always_inline struct zoneref *next_zones_zonelist(struct zoneref *z, int highest,
							   const nodemask_t *nodes)
{
	while (z->zone && (z->zone_idx > highest || (nodes && !node_isset(z->zone->node, *nodes))))
		z++;
	return z;
}

#define for_each_zone_zonelist_nodemask(zone, z, zlist, highidx, nodemask)                     \
	for (z = next_zones_zonelist((zlist)->_zonerefs, highidx, nodemask), zone = (z)->zone; \
	     zone; z = next_zones_zonelist((z) + 1, highidx, nodemask), zone = (z)->zone)

/* ---- sections ---- */

#define SECTION_SIZE_BITS	27
#define PFN_SECTION_SHIFT	(SECTION_SIZE_BITS - PAGE_SHIFT)
#define PAGES_PER_SECTION	(1UL << PFN_SECTION_SHIFT)
#define NR_MEM_SECTIONS		(1UL << (MAX_PHYSMEM_BITS - SECTION_SIZE_BITS))
#define SUBSECTION_SHIFT	21 /* presence of struct pages is known to 2 MiB */
#define PAGES_PER_SUBSECTION	(1UL << (SUBSECTION_SHIFT - PAGE_SHIFT))
#define SUBSECTIONS_PER_SECTION (1UL << (SECTION_SIZE_BITS - SUBSECTION_SHIFT))
#define PAGEBLOCKS_PER_SECTION	(PAGES_PER_SECTION >> pageblock_order)
#define pfn_to_section_nr(pfn)	((unsigned long)(pfn) >> PFN_SECTION_SHIFT)
#define section_nr_to_pfn(nr)	((unsigned long)(nr) << PFN_SECTION_SHIFT)

#define SECTION_MARKED_PRESENT BIT(0) /* holds RAM */
#define SECTION_HAS_MEM_MAP    BIT(1) /* struct pages exist */
#define SECTION_IS_ONLINE      BIT(2) /* given to the buddy allocator */

struct mem_section {
	unsigned long flags;	      /* I SECTION_* */
	unsigned long subsection_map; /* A bit n: struct pages of 2 MiB number n are written */
	unsigned long memmap_map;     /* I bit n: they have memory behind them */
	unsigned long deferred;	      /* A chunks that wait to be written (deferred.c) */
	int nid;		      /* I */
	/* Z migrate type of each 2 MiB block */
	u8 pageblock_type[PAGEBLOCKS_PER_SECTION] __aligned(64);
} __aligned(128);

extern struct mem_section *mem_sections; /* by section number, nr_mem_sections of them */
extern unsigned long nr_mem_sections;
extern unsigned long nr_memmap_boot_pages; /* I: of struct pages */

/* Is there memory for this frame's struct page, written or not yet? Any context. */
static __always_inline bool pfn_has_memmap(unsigned long pfn)
{
	unsigned long nr = pfn_to_section_nr(pfn);

	return nr < nr_mem_sections &&
	       ((mem_sections[nr].memmap_map >>
		 ((pfn >> (SUBSECTION_SHIFT - PAGE_SHIFT)) & (SUBSECTIONS_PER_SECTION - 1))) &
		1);
}

/* Is there a struct page for this frame? While deferred.c works, not yet for all RAM. Says nothing about whether it is RAM, or free. Any context. */
static __always_inline bool pfn_valid(unsigned long pfn)
{
	unsigned long nr = pfn_to_section_nr(pfn);

	if (nr >= nr_mem_sections)
		return false;
	return (mem_sections[nr].subsection_map >>
		((pfn >> (SUBSECTION_SHIFT - PAGE_SHIFT)) & (SUBSECTIONS_PER_SECTION - 1))) &
	       1;
}

/* => pfn_valid(pfn) */
static __always_inline int get_pfnblock_migratetype(unsigned long pfn)
{
	return mem_sections[pfn_to_section_nr(pfn)]
		.pageblock_type[(pfn >> pageblock_order) & (PAGEBLOCKS_PER_SECTION - 1)];
}

/* => pfn_valid(pfn), zone->lock held or boot */
static __always_inline void set_pfnblock_migratetype(unsigned long pfn, int migratetype)
{
	mem_sections[pfn_to_section_nr(pfn)]
		.pageblock_type[(pfn >> pageblock_order) & (PAGEBLOCKS_PER_SECTION - 1)] =
		migratetype;
}

void __init sparse_init(void);
/* Boot: makes the struct pages of [start_pfn, end_pfn) exist; ends are rounded out to 2 MiB. */
void __init sparse_init_range(int nid, unsigned long start_pfn, unsigned long end_pfn);

/* ---- set-up, in the order in which start_kernel() calls it (nodes.c, zones.c, zonelist.c, mem_init.c) ---- */

/* Nodes: from SRAT ranges in memblock, or one node that holds everything. => memblock complete */
void __init initmem_init(void);
/* Zones and sections; struct pages have memory, but are not written. => linear map final, memblock the allocator */
void __init free_area_init(void);
/* Zonelists of all nodes, watermark-independent. */
void __init build_all_zonelists(void);
/* Hands all free memory from memblock to the buddy allocator and prints the Memory: line. */
void __init mem_init(void);
/* What mem_init() does with memblock: all free ranges to the allocator, now or deferred. Its arrays stay as they are. */
void __init memblock_free_all(void);
/* mm/phys/wmark.h has all about these two. */
void setup_per_zone_wmarks(void);
/* Returns .init to the allocator. Nothing marked __init may run or be read after it. */
void free_initmem(void);

extern int min_free_kbytes;
/* Last frame of RAM + 1 (twice: there is no high memory), and the first. */
extern unsigned long max_pfn, max_low_pfn, min_low_pfn;
