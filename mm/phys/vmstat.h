/*
 * Counters: how many pages are what (zone and node state), how often what happened (events).
 *
 * 1. State is a number of pages at this moment; events only ever grow. Both are changed on hot paths
 *    of every CPU, so each CPU adds to a copy of its own, in one instruction that needs no lock and that no
 *    interrupt can split. Whoever reads adds all copies up. A copy may be negative, the sum is not.
 * 2. The exception is a zone's NR_FREE_PAGES: watermarks need its exact value on every allocation from the
 *    zone, and who changes it holds zone->lock anyway. It is one plain number.
 *
 * Mirrors Linux include/linux/vmstat.h, mm/vmstat.c. Seen in /proc/vmstat, /proc/meminfo.
 */
#pragma once

#include "kernel/percpu.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"

/* The order is that of /proc/vmstat; vm_event_names[] follows it. */
enum vm_event_item {
	PGPGIN,
	PGPGOUT,
	PSWPIN,
	PSWPOUT,
	PGALLOC_DMA, /* pages, by zone: PGALLOC_DMA + zone index */
	PGALLOC_DMA32,
	PGALLOC_NORMAL,
	PGALLOC_MOVABLE,
	PGALLOC_DEVICE,
	ALLOCSTALL_DMA,
	ALLOCSTALL_DMA32,
	ALLOCSTALL_NORMAL,
	ALLOCSTALL_MOVABLE,
	ALLOCSTALL_DEVICE,
	PGFREE,
	PGACTIVATE,
	PGDEACTIVATE,
	PGLAZYFREE,
	PGFAULT,
	PGMAJFAULT,
	PGLAZYFREED,
	PGREFILL,
	PGREUSE,
	PGSTEAL_KSWAPD,
	PGSTEAL_DIRECT,
	PGSCAN_KSWAPD,
	PGSCAN_DIRECT,
	PGINODESTEAL,
	SLABS_SCANNED,
	KSWAPD_INODESTEAL,
	PAGEOUTRUN,
	PGROTATED,
	DROP_PAGECACHE,
	DROP_SLAB,
	OOM_KILL,
	PGMIGRATE_SUCCESS,
	PGMIGRATE_FAIL,
	UNEVICTABLE_PGCULLED,
	UNEVICTABLE_PGSCANNED,
	UNEVICTABLE_PGRESCUED,
	UNEVICTABLE_PGMLOCKED,
	UNEVICTABLE_PGMUNLOCKED,
	NR_TLB_REMOTE_FLUSH,
	NR_TLB_REMOTE_FLUSH_RECEIVED,
	NR_TLB_LOCAL_FLUSH_ALL,
	NR_TLB_LOCAL_FLUSH_ONE,
	DIRECT_MAP_LEVEL2_SPLIT, /* large pages of the linear map: 2 MiB */
	DIRECT_MAP_LEVEL3_SPLIT, /* 1 GiB */
	VMA_LOCK_SUCCESS,	 /* faults handled under the area's own lock */
	VMA_LOCK_ABORT, /* and those that went to mmap_lock: no area, or a writer is at it */
	VMA_LOCK_RETRY, /* the fault needed mmap_lock */
	VMA_LOCK_MISS,	/* the area changed between look-up and lock */
	NR_VM_EVENT_ITEMS,
};

struct vm_event_state {
	unsigned long event[NR_VM_EVENT_ITEMS];
};

DECLARE_PER_CPU(struct vm_event_state, vm_event_states);

extern const char *const zone_stat_names[NR_VM_ZONE_STAT_ITEMS];
extern const char *const node_stat_names[NR_VM_NODE_STAT_ITEMS];
extern const char *const vm_event_names[NR_VM_EVENT_ITEMS];

/* Any context, one instruction. */
static __always_inline void count_vm_event(enum vm_event_item item)
{
	this_cpu_add(vm_event_states.event[item], 1UL);
}

static __always_inline void count_vm_events(enum vm_event_item item, long delta)
{
	this_cpu_add(vm_event_states.event[item], (unsigned long)delta);
}

/* Sums over all CPUs into ret[NR_VM_EVENT_ITEMS]. */
void all_vm_events(unsigned long *ret);

/* ---- zones ---- */

static __always_inline void mod_zone_page_state(struct zone *zone, enum zone_stat_item item,
						long delta)
{
	atomic_long_add(delta, &zone->vm_stat[item]);
}

static __always_inline unsigned long zone_page_state(struct zone *zone, enum zone_stat_item item)
{
	long x = atomic_long_read(&zone->vm_stat[item]);

	return x < 0 ? 0 : (unsigned long)x;
}

unsigned long global_zone_page_state(enum zone_stat_item item);

/* ---- where allocations were served ---- */

/* Any context, one instruction; counted for this CPU. */
static __always_inline void count_numa_events(struct zone *zone, enum numa_stat_item item,
					      long delta)
{
	this_cpu_add(zone->per_cpu_pageset->numa_event[item], (unsigned long)delta);
}

static __always_inline void count_numa_event(struct zone *zone, enum numa_stat_item item)
{
	count_numa_events(zone, item, 1);
}

extern const char *const numa_stat_names[NR_VM_NUMA_EVENT_ITEMS];
/* Sums over all CPUs: of one zone, of a node's zones (as in numastat), of all zones (as in /proc/vmstat). */
unsigned long zone_numa_event_state(struct zone *zone, enum numa_stat_item item);
unsigned long sum_zone_numa_event_state(int node, enum numa_stat_item item);
unsigned long global_numa_event_state(enum numa_stat_item item);

/* How often the page allocator has taken zone->lock: to fill per-CPU lists, to empty them, and past them. */
struct zone_lock_events {
	unsigned long refills, drains, direct;
};
void zone_lock_events(struct zone *zone, struct zone_lock_events *ev);

/* Pages on the per-CPU lists of a zone, all CPUs; approximate while they run. */
unsigned long zone_pcp_pages(struct zone *zone);

/* ---- nodes ---- */

/* Any context; delta may be negative. */
static __always_inline void mod_node_page_state(struct pglist_data *pgdat, enum node_stat_item item,
						long delta)
{
	struct per_cpu_nodestat __percpu *stat = pgdat->per_cpu_nodestats;

	if (likely(stat))
		this_cpu_add(stat->diff[item], delta);
	else
		atomic_long_add(delta, &pgdat->vm_stat[item]);
}

static __always_inline void inc_node_page_state(struct page *page, enum node_stat_item item)
{
	mod_node_page_state(page_pgdat(page), item, 1);
}

static __always_inline void dec_node_page_state(struct page *page, enum node_stat_item item)
{
	mod_node_page_state(page_pgdat(page), item, -1);
}

static __always_inline void node_stat_mod_folio(struct folio *folio, enum node_stat_item item,
						long nr)
{
	mod_node_page_state(folio_pgdat(folio), item, nr);
}

static __always_inline void node_stat_add_folio(struct folio *folio, enum node_stat_item item)
{
	mod_node_page_state(folio_pgdat(folio), item, folio_nr_pages(folio));
}

static __always_inline void node_stat_sub_folio(struct folio *folio, enum node_stat_item item)
{
	mod_node_page_state(folio_pgdat(folio), item, -(long)folio_nr_pages(folio));
}

/* Kept in base pages, but /proc and /sys show whole huge pages. */
static __always_inline bool vmstat_item_print_in_thp(enum node_stat_item item)
{
	return item == NR_ANON_THPS || (item >= NR_SHMEM_THPS && item <= NR_FILE_PMDMAPPED);
}

unsigned long node_page_state(struct pglist_data *pgdat, enum node_stat_item item);
unsigned long global_node_page_state(enum node_stat_item item);

/* Free blocks per order at the moment, for /proc/buddyinfo: fills nr[NR_PAGE_ORDERS]. Takes zone->lock. */
void zone_free_blocks(struct zone *zone, unsigned long *nr);
