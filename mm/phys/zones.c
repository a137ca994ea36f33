/*
 * Zones: memory by what can use it.
 *
 * 1. DMA ends at 16 MiB (24 address bits of old devices), DMA32 at 4 GiB, Normal has the rest; a zone is that range cut to
 *    one node. ZONE_MOVABLE takes the upper part of the highest of them, if the command line asks (movable_zone.c).
 *    ZONE_DEVICE exists by name only.
 * 2. A zone *spans* everything between its limits on its node, holes and other nodes' memory included. *Present* is
 *    the RAM in it. *Managed* is what the buddy allocator gets: RAM that boot did not keep. spanned >= present >= managed.
 *    All three are known before the first struct page is written: the first two here, the third in mem_init.c.
 * 3. Pages "in unavailable ranges" are no RAM, but have struct pages because RAM is near (sparse.c): reserved for ever.
 * 4. A zone without present pages is not populated: no zonelist contains it.
 *
 * Boot CPU only, constant after. Mirrors Linux mm/mm_init.c (free_area_init). Exercised by the zones suite; seen in
 * /proc/zoneinfo.
 */
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/phys/boot.h"
#include "mm/phys/internal.h"

const char *const zone_names[MAX_NR_ZONES] = { "DMA", "DMA32", "Normal", "Movable", "Device" };

unsigned long zone_low(int zid)
{
	switch (zid) {
	case ZONE_DMA:
		return min_low_pfn;
	case ZONE_DMA32:
		return min(max_pfn, PHYS_PFN(SZ_16M));
	case ZONE_NORMAL:
		return min(max_pfn, PHYS_PFN(SZ_4G));
	default:
		return max_pfn;
	}
}

unsigned long zone_high(int zid)
{
	return zid < ZONE_NORMAL ? zone_low(zid + 1) : max_pfn;
}

enum zone_type pfn_zone(int nid, unsigned long pfn, bool mirrored, unsigned long *end)
{
	unsigned long movable = mirrored_kernelcore && mirrored ? 0 : zone_movable_pfn[nid];
	enum zone_type zid;

	*end = ~0UL;
	if (movable && pfn >= movable)
		return ZONE_MOVABLE;
	if (pfn < PHYS_PFN(SZ_16M)) {
		zid = ZONE_DMA;
		*end = PHYS_PFN(SZ_16M);
	} else if (pfn < PHYS_PFN(SZ_4G)) {
		zid = ZONE_DMA32;
		*end = PHYS_PFN(SZ_4G);
	} else {
		zid = ZONE_NORMAL;
	}
	if (movable)
		*end = min(*end, movable);
	return zid;
}

static void __init print_ranges(void)
{
	unsigned long start, end;
	int i, nid;

	pr_info("Zone ranges:\n");
	for (int zid = 0; zid < ZONE_MOVABLE; zid++) {
		if (zone_low(zid) >= zone_high(zid))
			pr_info("  %-8s empty\n", zone_names[zid]);
		else
			pr_info("  %-8s [mem %#018lx-%#018lx]\n", zone_names[zid],
				PFN_PHYS(zone_low(zid)), PFN_PHYS(zone_high(zid)) - 1);
	}
	pr_info("Movable zone start for each node\n");
	for (nid = 0; nid < MAX_NUMNODES; nid++)
		if (zone_movable_pfn[nid])
			pr_info("  Node %d: %#018lx\n", nid, PFN_PHYS(zone_movable_pfn[nid]));
	pr_info("Early memory node ranges\n");
	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &nid)
		pr_info("  node %3d: [mem %#018lx-%#018lx]\n", nid, PFN_PHYS(start),
			PFN_PHYS(end) - 1);
}

/* The node's part of a zone: [*low, *high), empty if low >= high. */
static void __init zone_limits(const pg_data_t *pgdat, int zid, unsigned long *low,
			       unsigned long *high)
{
	unsigned long movable = zone_movable_pfn[pgdat->node_id];

	*low = max(zone_low(zid), pgdat->node_start_pfn);
	*high = min(zone_high(zid), pgdat->node_start_pfn + pgdat->node_spanned_pages);
	if (zid == ZONE_MOVABLE) {
		*low = movable;
		*high = movable ? pgdat->node_start_pfn + pgdat->node_spanned_pages : 0;
	} else if (movable && !mirrored_kernelcore) {
		*high = min(*high, movable);
	}
}

static void __init init_zone(pg_data_t *pgdat, int zid)
{
	struct zone *zone = &pgdat->node_zones[zid];
	unsigned long low, high;

	zone->name = zone_names[zid];
	zone->zone_pgdat = pgdat;
	zone->node = pgdat->node_id;
	zone->per_cpu_pageset = &boot_pageset;
	spin_lock_init(&zone->lock);
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
		for (int mt = 0; mt < MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&zone->free_area[order].free_list[mt]);
	zone_table[(pgdat->node_id << ZONES_SHIFT) | zid] = zone;
	zone_limits(pgdat, zid, &low, &high);
	if (low < high) {
		zone->zone_start_pfn = low;
		zone->spanned_pages = high - low;
	}
}

static void __init init_node(pg_data_t *pgdat)
{
	unsigned long start, end, low = ~0UL, high = 0;
	int i;

	for_each_mem_pfn_range(i, pgdat->node_id, &start, &end, NULL) {
		low = min(low, start);
		high = max(high, end);
	}
	if (high) {
		pgdat->node_start_pfn = low;
		pgdat->node_spanned_pages = high - low;
		pr_info("Initmem setup node %d [mem %#018lx-%#018lx]\n", pgdat->node_id,
			PFN_PHYS(low), PFN_PHYS(high) - 1);
	} else {
		pr_info("Initmem setup node %d as memoryless\n", pgdat->node_id);
	}
	for (int zid = 0; zid < MAX_NR_ZONES; zid++)
		init_zone(pgdat, zid);
}

/* Counts what is present, and says what is not although it has struct pages. */
static void __init count_pages(void)
{
	unsigned long unavailable[MAX_NUMNODES][MAX_NR_ZONES] = {};
	struct memmap_segment seg;
	pg_data_t *pgdat;

	for_each_memmap_segment(&seg, 0, ~0UL)
	{
		unsigned long pages = seg.end - seg.start;

		pgdat = NODE_DATA(seg.nid);
		if (!seg.ram) {
			unavailable[seg.nid][seg.zid] += pages;
			continue;
		}
		pgdat->node_zones[seg.zid].present_pages += pages;
		pgdat->node_present_pages += pages;
		pgdat->nr_zones = max(pgdat->nr_zones, (int)seg.zid + 1);
		if (seg.zid <= ZONE_NORMAL)
			node_set(seg.nid, node_states[N_NORMAL_MEMORY]);
	}
	for_each_online_pgdat(pgdat)
		for (int zid = 0; zid < MAX_NR_ZONES; zid++)
			if (unavailable[pgdat->node_id][zid])
				pr_info("On node %d, zone %s: %lu pages in unavailable ranges\n",
					pgdat->node_id, zone_names[zid],
					unavailable[pgdat->node_id][zid]);
}

void __init free_area_init(void)
{
	int nid;

	find_zone_movable_pfns();
	print_ranges();
	sparse_init();
	for_each_online_node(nid)
		init_node(NODE_DATA(nid));
	count_pages();
}
