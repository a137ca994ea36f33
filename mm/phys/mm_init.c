/*
 * From memblock to zones: how the page allocator comes to be.
 *
 * 1. initmem_init() gives every RAM range a node: from SRAT, or node 0.
 * 2. free_area_init() computes zones by address, makes the struct pages exist (sparse.c) and fills them:
 *    one template a zone, copied with wide moves, since this is the largest loop of the whole boot. A
 *    fresh struct page says: free to be given away, count 0, zone and node known. Pages of the map's holes say reserved.
 * 3. build_all_zonelists() writes each node's order of preference: own zones from the highest to the lowest, then the
 *    other nodes' by distance. From it follows preferred_zone[], the hot path's table.
 * 4. mem_init() is the handover: reserved ranges are marked, everything else goes from memblock to the buddy lists in
 *    the largest aligned blocks; then watermarks and per-CPU lists, which need the number of managed pages.
 * 5. free_initmem() gives back .init, at the very end of boot.
 *
 * Boot CPU only, no locks, except watermarks, which a sysctl may change later.
 * Mirrors Linux mm/mm_init.c, mm/page_alloc.c. Exercised by every boot; the buddy suite checks the sums.
 */
#include "arch/x86/page_ops.h"
#include "arch/x86/numa.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/boot/paging.h"
#include "mm/phys/internal.h"
#include "mm/phys/wmark.h"

extern char _text[], _etext[], __start_rodata[], __end_rodata[], _sdata[], _edata[], __init_begin[],
	__init_end[], __bss_start[], __bss_stop[], __per_cpu_start[], __per_cpu_end[];

pg_data_t *node_data[MAX_NUMNODES];
nodemask_t node_states[NR_NODE_STATES];
struct zone *zone_table[MAX_NUMNODES << ZONES_SHIFT];
DEFINE_PER_CPU(pg_data_t *, local_pgdat);
static DEFINE_PER_CPU(struct per_cpu_nodestat[MAX_NUMNODES], node_stats);

unsigned long max_pfn, max_low_pfn, min_low_pfn, highest_memmap_pfn;
static atomic_long_t _totalram_pages;

static const char *const zone_names[MAX_NR_ZONES] = { "DMA", "DMA32", "Normal", "Movable",
						      "Device" };

unsigned long totalram_pages(void)
{
	return atomic_long_read(&_totalram_pages);
}

void totalram_pages_add(long count)
{
	atomic_long_add(count, &_totalram_pages);
}

/* ---- nodes ---- */

struct pglist_data *first_online_pgdat(void)
{
	return NODE_DATA(__builtin_ctzl(node_online_map.bits));
}

struct pglist_data *next_online_pgdat(struct pglist_data *pgdat)
{
	unsigned long rest = node_online_map.bits & (~0UL << pgdat->node_id << 1);

	return rest ? NODE_DATA(__builtin_ctzl(rest)) : NULL;
}

struct zone *next_zone(struct zone *zone)
{
	pg_data_t *pgdat = zone->zone_pgdat;

	if (zone < pgdat->node_zones + MAX_NR_ZONES - 1)
		return zone + 1;
	pgdat = next_online_pgdat(pgdat);
	return pgdat ? pgdat->node_zones : NULL;
}

void __init initmem_init(void)
{
	unsigned long start, end;
	int i, nid;

	min_low_pfn = PFN_UP(memblock_start_of_DRAM());
	max_pfn = max_low_pfn = PFN_DOWN(memblock_end_of_DRAM());

	memblock_set_node(0, ~(phys_addr_t)0, 0);
	for (unsigned int n = 0; n < numa_nr_memblks; n++) {
		struct numa_memblk *b = &numa_memblks[n];

		memblock_set_node(b->start, b->end - b->start, b->nid);
		if (b->hotpluggable)
			memblock_mark_hotplug(b->start, b->end - b->start);
	}
	if (!numa_nr_memblks) {
		pr_info("No NUMA configuration found\n");
		pr_info("Faking a node at [mem %#018lx-%#018lx]\n", 0UL, PFN_PHYS(max_pfn) - 1);
	}
	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &nid)
		for (int state = 0; state < NR_NODE_STATES; state++)
			node_set(nid, node_states[state]);
	for_each_online_node(nid) {
		pg_data_t *pgdat = memblock_alloc_node(sizeof(*pgdat), 64, nid);

		if (!pgdat)
			panic("Out of memory for node %d's data\n", nid);
		pgdat->node_id = nid;
		node_data[nid] = pgdat;
		pr_info("NODE_DATA(%d) allocated [mem %#018lx-%#018lx]\n", nid, __pa(pgdat),
			__pa(pgdat) + sizeof(*pgdat) - 1);
	}
}

/* ---- zones ---- */

/* Frames [start, end) that a zone type covers, on any node. */
static unsigned long __init zone_low(int zid)
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

static unsigned long __init zone_high(int zid)
{
	return zid < ZONE_NORMAL ? zone_low(zid + 1) : max_pfn;
}

static int __init pfn_zone(unsigned long pfn)
{
	return pfn < PHYS_PFN(SZ_16M) ? ZONE_DMA : pfn < PHYS_PFN(SZ_4G) ? ZONE_DMA32 : ZONE_NORMAL;
}

static void __init print_ranges(void)
{
	unsigned long start, end;
	int i, nid;

	pr_info("Zone ranges:\n");
	for (int zid = 0; zid < MAX_NR_ZONES; zid++) {
		if (zid == ZONE_MOVABLE)
			continue;
		if (zone_low(zid) >= zone_high(zid))
			pr_info("  %-8s empty\n", zone_names[zid]);
		else
			pr_info("  %-8s [mem %#018lx-%#018lx]\n", zone_names[zid],
				PFN_PHYS(zone_low(zid)), PFN_PHYS(zone_high(zid)) - 1);
	}
	pr_info("Movable zone start for each node\n");
	pr_info("Early memory node ranges\n");
	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &nid)
		pr_info("  node %3d: [mem %#018lx-%#018lx]\n", nid, PFN_PHYS(start),
			PFN_PHYS(end) - 1);
}

static void __init init_zone(pg_data_t *pgdat, int zid, unsigned long node_end)
{
	struct zone *zone = &pgdat->node_zones[zid];
	unsigned long low = max(zone_low(zid), pgdat->node_start_pfn);
	unsigned long high = min(zone_high(zid), node_end), start, end;
	int i;

	zone->name = zone_names[zid];
	zone->zone_pgdat = pgdat;
	zone->node = pgdat->node_id;
	zone->per_cpu_pageset = &boot_pageset;
	spin_lock_init(&zone->lock);
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
		for (int mt = 0; mt < MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&zone->free_area[order].free_list[mt]);
	zone_table[(pgdat->node_id << ZONES_SHIFT) | zid] = zone;
	if (low >= high)
		return;

	zone->zone_start_pfn = low;
	zone->spanned_pages = high - low;
	for_each_mem_pfn_range(i, pgdat->node_id, &start, &end, NULL) {
		start = max(start, low);
		end = min(end, high);
		if (start < end)
			zone->present_pages += end - start;
	}
	/* An estimate until mem_init() knows. */
	if (zone->present_pages)
		pgdat->nr_zones = zid + 1;
	pgdat->node_present_pages += zone->present_pages;
}

static void __init init_node(pg_data_t *pgdat)
{
	unsigned long start, end, low = ~0UL, high = 0;
	int i;

	for_each_mem_pfn_range(i, pgdat->node_id, &start, &end, NULL) {
		low = min(low, start);
		high = max(high, end);
	}
	pgdat->node_start_pfn = low;
	pgdat->node_spanned_pages = high - low;
	pgdat->per_cpu_nodestats = &node_stats[pgdat->node_id];
	spin_lock_init(&pgdat->__lruvec.lru_lock);
	for (int lru = 0; lru < NR_LRU_LISTS; lru++)
		INIT_LIST_HEAD(&pgdat->__lruvec.lists[lru]);
	pr_info("Initmem setup node %d [mem %#018lx-%#018lx]\n", pgdat->node_id, PFN_PHYS(low),
		PFN_PHYS(high) - 1);
	for (int zid = 0; zid < MAX_NR_ZONES; zid++)
		init_zone(pgdat, zid, high);
}

/* ---- struct pages ---- */

/* Writes the struct pages [start, end) of one zone; reserved: not RAM, nobody will ever get them. */
static void __init fill_pages(unsigned long start, unsigned long end, int nid, int zid,
			      bool reserved)
{
	struct page template = {
		.flags = ((unsigned long)nid << NODES_PGSHIFT) |
			 ((unsigned long)zid << ZONES_PGSHIFT),
		.page_type = ~0U,
	};

	if (reserved) {
		template.flags |= BIT(PG_reserved);
		init_page_count(&template);
	}
	fill_blocks64(pfn_to_page(start), &template, end - start);
	highest_memmap_pfn = max(highest_memmap_pfn, end - 1);
}

/* The same over zone borders. */
static void __init fill_range(unsigned long start, unsigned long end, int nid, bool reserved)
{
	while (start < end) {
		int zid = pfn_zone(start);
		unsigned long border = zid == ZONE_DMA	   ? PHYS_PFN(SZ_16M)
				       : zid == ZONE_DMA32 ? PHYS_PFN(SZ_4G)
							   : ~0UL;
		unsigned long stop = min(end, border);

		fill_pages(start, stop, nid, zid, reserved);
		start = stop;
	}
}

/*
 * All struct pages that exist, in order: RAM as the ranges say, and between them what shares a granule of
 * MAX_ORDER_NR_PAGES with RAM.
 */
static void __init init_struct_pages(void)
{
	unsigned long start, end, done = 0, unavailable = 0;
	int i, nid, last_nid = 0;

	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &nid) {
		unsigned long tail = min(ALIGN(done, MAX_ORDER_NR_PAGES), start);
		unsigned long head = max(ALIGN_DOWN(start, MAX_ORDER_NR_PAGES), tail);

		fill_range(done, tail, last_nid, true);
		fill_range(head, start, nid, true);
		unavailable += tail - done + start - head;
		fill_range(start, end, nid, false);
		done = end;
		last_nid = nid;
	}
	fill_range(done, ALIGN(done, MAX_ORDER_NR_PAGES), last_nid, true);
	unavailable += ALIGN(done, MAX_ORDER_NR_PAGES) - done;
	pr_info("%lu pages in unavailable ranges\n", unavailable);
}

void __init free_area_init(void)
{
	int nid;

	print_ranges();
	sparse_init();
	for_each_online_node(nid)
		init_node(NODE_DATA(nid));
	init_struct_pages();
}

/* ---- zonelists ---- */

/* The populated zones of a node, from the highest down, appended at n; the new n. */
static int __init add_zones(struct zoneref *refs, int n, pg_data_t *pgdat)
{
	for (int zid = MAX_NR_ZONES - 1; zid >= 0; zid--) {
		struct zone *zone = &pgdat->node_zones[zid];

		if (populated_zone(zone) && zid != ZONE_DEVICE)
			refs[n++] = (struct zoneref){ zone, zid };
	}
	return n;
}

/* The nearest node that is not in used yet; -1 when all are. */
static int __init next_best_node(int from, nodemask_t used)
{
	int best = -1, nid;

	for_each_online_node(nid)
		if (!node_isset(nid, used) &&
		    (best < 0 || node_distance(from, nid) < node_distance(from, best)))
			best = nid;
	return best;
}

static void __init build_zonelists(pg_data_t *pgdat)
{
	int max_refs = num_online_nodes() * MAX_NR_ZONES + 1, n, nid;
	struct zoneref *all = memblock_alloc_or_panic(max_refs * sizeof(*all), 0);
	struct zoneref *own = memblock_alloc_or_panic((MAX_NR_ZONES + 1) * sizeof(*own), 0);
	nodemask_t used = { 0 };

	pr_info("Fallback order for Node %d:", pgdat->node_id);
	n = 0;
	while ((nid = next_best_node(pgdat->node_id, used)) >= 0) {
		node_set(nid, used);
		n = add_zones(all, n, NODE_DATA(nid));
		pr_cont(" %d", nid);
	}
	pr_cont("\n");
	add_zones(own, 0, pgdat);
	pgdat->node_zonelists[ZONELIST_FALLBACK]._zonerefs = all;
	pgdat->node_zonelists[ZONELIST_NOFALLBACK]._zonerefs = own;

	for (gfp_t gfp = 0; gfp <= GFP_ZONEMASK; gfp++) {
		struct zoneref *z = next_zones_zonelist(all, gfp_zone(gfp), NULL);

		/* Without any zone below the limit the request fails; the table still points somewhere, at a zone
		 * whose per-CPU lists are always busy. */
		pgdat->preferred_zone[gfp] = z->zone ?: &pgdat->node_zones[ZONE_DEVICE];
	}
}

void __init build_all_zonelists(void)
{
	unsigned long pages = 0;
	struct zone *zone;
	int nid, cpu;

	for_each_online_node(nid)
		build_zonelists(NODE_DATA(nid));
	for_each_possible_cpu(cpu) {
		int node = cpu_to_node(cpu);

		if (!node_online(node))
			node = next_best_node(node, (nodemask_t){ 0 });
		per_cpu(local_pgdat, cpu) = NODE_DATA(node);
	}
	for_each_populated_zone(zone)
		pages += zone->present_pages;
	pr_info("Built %u zonelists, mobility grouping on.  Total pages: %lu\n",
		(unsigned int)num_online_nodes(), pages);
}

/* ---- handover ---- */

void adjust_managed_page_count(struct page *page, long count)
{
	atomic_long_add(count, &page_zone(page)->managed_pages);
	totalram_pages_add(count);
}

/* => count zero, state fresh */
void __init __free_pages_core(struct page *page, unsigned int order)
{
	adjust_managed_page_count(page, BIT(order));
	free_one_page(page_zone(page), page, order);
}

void free_reserved_page(struct page *page)
{
	__ClearPageReserved(page);
	init_page_count(page);
	adjust_managed_page_count(page, 1);
	__free_page(page);
}

unsigned long free_reserved_area(void *start, void *end, int poison, const char *s)
{
	unsigned long pages = 0;
	char *p;

	start = (void *)PAGE_ALIGN(start);
	end = (void *)((unsigned long)end & PAGE_MASK);
	for (p = start; p < (char *)end; p += PAGE_SIZE, pages++) {
		/* Through the linear map: the image's own mapping may be read-only or gone. */
		struct page *page = virt_to_page(p);

		if (poison >= 0)
			memset(page_address(page), poison, PAGE_SIZE);
		free_reserved_page(page);
	}
	if (pages && s)
		pr_info("Freeing %s memory: %luK\n", s, pages << (PAGE_SHIFT - 10));
	return pages;
}

/* Splits [start, end) into blocks that are aligned to their size. */
static void __init free_pfn_range(unsigned long start, unsigned long end)
{
	while (start < end) {
		unsigned int order =
			min_t(unsigned int, MAX_PAGE_ORDER, __builtin_ctzl(start | BIT(63)));

		while (start + BIT(order) > end)
			order--;
		__free_pages_core(pfn_to_page(start), order);
		start += BIT(order);
	}
}

void __init memblock_free_all(void)
{
	struct memblock_region *rgn;
	phys_addr_t start, end;
	u64 i;

	/* A page that is reserved in part is reserved. Not all of a range need be RAM. */
	for_each_reserved_mem_region(rgn) {
		unsigned long pfn = PFN_DOWN(rgn->base), stop = PFN_UP(rgn->base + rgn->size);

		for (; pfn < stop; pfn++) {
			if (!pfn_valid(pfn))
				continue;
			__SetPageReserved(pfn_to_page(pfn));
			init_page_count(pfn_to_page(pfn));
		}
	}
	for_each_free_mem_range(i, NUMA_NO_NODE, &start, &end, NULL)
		free_pfn_range(PFN_UP(start), PFN_DOWN(end));
}

void __init memblock_discard(void)
{
	struct memblock_type *types[] = { &memblock.reserved, &memblock.memory };

	for (int t = 0; t < ARRAY_SIZE(types); t++) {
		struct memblock_type *type = types[t];
		phys_addr_t phys = type->array_phys, size = type->max * sizeof(*type->regions);

		if (!phys)
			continue;
		/* A debugger finds an empty list rather than a dangling one. */
		*type = (struct memblock_type){ .name = type->name };
		free_reserved_area(__va(phys), __va(phys + size), -1, NULL);
	}
}

static unsigned long __init kbytes(const char *start, const char *end)
{
	return (end - start) >> 10;
}

void __init mem_init(void)
{
	unsigned long present = 0;
	struct zone *zone;

	memblock_free_all();
	memblock_set_current_limit(0); /* who still asks memblock gets nothing */
	init_per_zone_wmark_min();
	setup_zone_pagesets();

	for_each_populated_zone(zone)
		present += zone->present_pages;
	pr_info("Memory: %luK/%luK available (%luK kernel code, %luK rwdata, %luK rodata, %luK "
		"init, %luK bss, %luK reserved, 0K cma-reserved)\n",
		nr_free_pages() << (PAGE_SHIFT - 10), present << (PAGE_SHIFT - 10),
		kbytes(_text, _etext),
		kbytes(_sdata, _edata) + kbytes(__per_cpu_start, __per_cpu_end),
		kbytes(__start_rodata, __end_rodata), kbytes(__init_begin, __init_end),
		kbytes(__bss_start, __bss_stop), (present - totalram_pages()) << (PAGE_SHIFT - 10));
	if (!memblock_debug)
		memblock_discard();
}

void free_initmem(void)
{
	paging_release_init();
	free_reserved_area(__init_begin, __init_end, 0xcc, "unused kernel image (initmem)");
}
