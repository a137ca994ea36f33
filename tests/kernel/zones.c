/*
 * Suite zones: memory as nodes, zones and sections, compared with memblock, which stays after boot.
 *
 * It proves that spans, present and managed pages and every struct page agree with the memory map, that pfn_valid() is
 * right at the borders of every hole, that data lies on its own node, that zonelists go by distance, and that watermarks
 * follow their formulas. On any machine; odd maps come from tests/boot/test_numa.py.
 */
#include "arch/x86/numa.h"
#include "arch/x86/pgtable.h"
#include "kernel/ktest.h"
#include "kernel/percpu.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/boot/early_ioremap.h"
#include "mm/boot/memblock.h"
#include "mm/boot/memtest.h"
#include "mm/boot/paging.h"
#include "mm/phys/boot.h"
#include "mm/phys/buddy.h"
#include "mm/phys/deferred.h"
#include "mm/phys/pagewalk.h"
#include "mm/phys/wmark.h"

/* ---- struct pages against memblock ---- */

struct zone_count {
	unsigned long present, managed;
};
static struct zone_count counted[MAX_NUMNODES][MAX_NR_ZONES];

/* The zone that limits alone give: without kernelcore=mirror, which the boot tests look at. */
static int model_zone(int nid, unsigned long pfn)
{
	if (zone_movable_pfn[nid] && pfn >= zone_movable_pfn[nid])
		return ZONE_MOVABLE;
	return pfn < SZ_16M >> PAGE_SHIFT  ? ZONE_DMA
	       : pfn < SZ_4G >> PAGE_SHIFT ? ZONE_DMA32
					   : ZONE_NORMAL;
}

static bool check_page(struct ktest *t, unsigned long pfn, int nid)
{
	struct page *page = pfn_to_page(pfn);
	struct zone *zone;

	if (!pfn_valid(pfn)) {
		KTEST_FAIL(t, "pfn %#lx is RAM, but has no struct page", pfn);
		return false;
	}
	zone = page_zone(page);
	if (page_to_nid(page) != nid || zone->zone_pgdat != NODE_DATA(nid) ||
	    !zone_spans_pfn(zone, pfn) ||
	    (!mirrored_kernelcore && zone_idx(zone) != model_zone(nid, pfn))) {
		KTEST_FAIL(t, "pfn %#lx of node %d is in zone %s of node %d", pfn, nid, zone->name,
			   page_to_nid(page));
		return false;
	}
	counted[nid][zone_idx(zone)].present++;
	if (!PageReserved(page))
		counted[nid][zone_idx(zone)].managed++;
	return true;
}

static void every_page_of_ram_is_in_its_zone(struct ktest *t)
{
	unsigned long start, end, total = 0;
	struct zone *zone;
	int i, nid;

	deferred_init_wait();
	memset(counted, 0, sizeof(counted));
	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &nid) {
		for (unsigned long pfn = start; pfn < end; pfn++) {
			if (!check_page(t, pfn, nid))
				return;
			if (pfn % 32768 == 0)
				cond_resched();
		}
	}
	for_each_zone(zone) {
		struct zone_count *c = &counted[zone->node][zone_idx(zone)];

		KTEST_EXPECT_EQ(t, zone->present_pages, c->present);
		KTEST_EXPECT_EQ(t, zone_managed_pages(zone), c->managed);
		KTEST_EXPECT_GE(t, zone->spanned_pages, zone->present_pages);
		KTEST_EXPECT_GE(t, zone->present_pages, zone_managed_pages(zone));
		total += c->managed;
	}
	KTEST_EXPECT_EQ(t, totalram_pages(), total);
}

/* A frame has a struct page exactly if RAM lies in its granule. */
static bool model_valid(unsigned long pfn)
{
	phys_addr_t start = PFN_PHYS(ALIGN_DOWN(pfn, MAX_ORDER_NR_PAGES));
	phys_addr_t end = start + PFN_PHYS(MAX_ORDER_NR_PAGES);
	struct memblock_region *rgn;

	for_each_mem_region(rgn)
		if (rgn->base < end && rgn->base + rgn->size > start)
			return true;
	return false;
}

static void pfn_valid_is_right_at_every_border(struct ktest *t)
{
	static const long around[] = { -2048, -1025, -1024, -512, -1, 0, 1, 511, 1023, 1024, 2048 };
	struct memblock_region *rgn;

	deferred_init_wait();
	for_each_mem_region(rgn) {
		for (int i = 0; i < 2 * ARRAY_SIZE(around); i++) {
			unsigned long pfn =
				PHYS_PFN(rgn->base + (i % 2 ? rgn->size : 0)) + around[i / 2];

			if ((long)pfn >= 0 && pfn_valid(pfn) != model_valid(pfn))
				KTEST_FAIL(t, "pfn_valid(%#lx) is %d", pfn, pfn_valid(pfn));
		}
	}
	for (int i = 0; i < 2000; i++) {
		unsigned long pfn = ktest_random_below(t, 2 * max_pfn);

		if (pfn_valid(pfn) != model_valid(pfn))
			KTEST_FAIL(t, "pfn_valid(%#lx) is %d", pfn, pfn_valid(pfn));
		KTEST_EXPECT_EQ(t, page_to_pfn(pfn_to_page(pfn)), pfn);
	}
	KTEST_EXPECT_FALSE(t, pfn_valid(~0UL >> PAGE_SHIFT));
}

static void pages_of_holes_are_never_free(struct ktest *t)
{
	struct memmap_segment seg;

	deferred_init_wait();
	for_each_memmap_segment(&seg, 0, ~0UL)
	{
		for (unsigned long pfn = seg.start; !seg.ram && pfn < seg.end; pfn++) {
			struct page *page = pfn_to_page(pfn);

			KTEST_ASSERT_FALSE(t, memblock_is_memory(PFN_PHYS(pfn)));
			KTEST_ASSERT_TRUE(t, PageReserved(page) && page_ref_count(page) == 1);
		}
	}
}

static void nothing_stays_deferred(struct ktest *t)
{
	struct zone *zone;

	deferred_init_wait();
	for_each_zone(zone) {
		KTEST_EXPECT_EQ(t, atomic_long_read(&zone->deferred_left), 0L);
		KTEST_EXPECT_FALSE(t, deferred_grow_zone(zone, 0));
	}
	for (unsigned long nr = 0; nr < nr_mem_sections; nr++) {
		KTEST_EXPECT_EQ(t, mem_sections[nr].subsection_map, mem_sections[nr].memmap_map);
		KTEST_EXPECT_EQ(t, mem_sections[nr].deferred, 0UL);
	}
}

/* ---- nodes ---- */

static int node_of_address(const void *virt)
{
	int level;
	u64 entry = lookup_address_in_pgd(swapper_pg_dir, (unsigned long)virt, &level);

	return page_to_nid(pfn_to_page((entry & PTE_PFN_MASK) >> PAGE_SHIFT));
}

/* With movable_node boot keeps its data off hot-pluggable nodes. */
static bool node_takes_data(int nid)
{
	struct memblock_region *rgn;

	for_each_mem_region(rgn)
		if (rgn->nid == nid && !(rgn->flags & memblock.avoid))
			return true;
	return false;
}

static void data_of_a_node_lies_on_it(struct ktest *t)
{
	struct memmap_segment seg;
	int nid, cpu;

	deferred_init_wait();
	for_each_node_state(nid, N_MEMORY)
	{
		bool here = node_takes_data(nid);

		KTEST_EXPECT_EQ(t, page_to_nid(virt_to_page(NODE_DATA(nid))) == nid, here);
		for (int i = 0; i < MAX_ZONELISTS; i++)
			KTEST_EXPECT_EQ(t,
					page_to_nid(virt_to_page(
						NODE_DATA(nid)->node_zonelists[i]._zonerefs)) ==
						nid,
					here);
	}
	/* A large page of vmemmap holds struct pages of one section, which may belong to two nodes. */
	for_each_memmap_segment(&seg, 0, ~0UL)
	{
		unsigned long mid = (seg.start + seg.end) / 2;

		if (seg.ram && seg.end - seg.start >= 2 * PAGES_PER_SECTION)
			KTEST_EXPECT_EQ(t, node_of_address(pfn_to_page(mid)) == seg.nid,
					node_takes_data(seg.nid));
	}
	for_each_possible_cpu(cpu)
		if (node_state(cpu_to_node(cpu), N_MEMORY))
			KTEST_EXPECT_EQ(t,
					page_to_nid(virt_to_page((void *)per_cpu_ptr(
						&this_cpu_off, cpu))) == cpu_to_node(cpu),
					node_takes_data(cpu_to_node(cpu)));
}

static void cpus_allocate_from_the_nearest_memory(struct ktest *t)
{
	int cpu, nid;

	for_each_possible_cpu(cpu) {
		int local = per_cpu(local_pgdat, cpu)->node_id;

		KTEST_EXPECT_TRUE(t, node_state(local, N_MEMORY));
		for_each_node_state(nid, N_MEMORY)
			KTEST_EXPECT_LE(t, node_distance(cpu_to_node(cpu), local),
					node_distance(cpu_to_node(cpu), nid));
	}
}

static void zonelists_go_by_distance(struct ktest *t)
{
	int nid;

	for_each_online_node(nid) {
		struct zonelist *list = &NODE_DATA(nid)->node_zonelists[ZONELIST_FALLBACK];
		int prev = nid, entries = 0, populated = 0;
		struct zoneref *z;
		struct zone *zone;

		for (z = list->_zonerefs; z->zone; z++, entries++) {
			int n = z->zone->node;

			KTEST_EXPECT_EQ(t, z->zone_idx, (int)zone_idx(z->zone));
			KTEST_EXPECT_LE(t, node_distance(nid, prev), node_distance(nid, n));
			if (z > list->_zonerefs && z[-1].zone->node == n)
				KTEST_EXPECT_GT(t, z[-1].zone_idx, z->zone_idx);
			prev = n;
		}
		for_each_populated_zone(zone)
			populated++;
		KTEST_EXPECT_EQ(t, entries, populated);
		if (node_state(nid, N_MEMORY))
			KTEST_EXPECT_EQ(t, list->_zonerefs[0].zone->node, nid);
		z = NODE_DATA(nid)->node_zonelists[ZONELIST_NOFALLBACK]._zonerefs;
		for (; z->zone; z++)
			KTEST_EXPECT_EQ(t, z->zone->node, nid);
	}
}

static void a_page_comes_from_the_node_asked(struct ktest *t)
{
	int nid;

	for_each_node_state(nid, N_NORMAL_MEMORY)
	{
		struct page *page = __alloc_pages(GFP_KERNEL | __GFP_THISNODE, 0, nid, NULL);

		KTEST_ASSERT_NOT_NULL(t, page);
		KTEST_EXPECT_EQ(t, page_to_nid(page), nid);
		__free_page(page);
	}
}

/* ---- watermarks ---- */

static void expect_watermarks(struct ktest *t)
{
	unsigned long lowmem = 0;
	struct zone *zone;

	for_each_zone(zone)
		if (zone_idx(zone) < ZONE_MOVABLE)
			lowmem += zone_managed_pages(zone);
	for_each_populated_zone(zone) {
		unsigned long managed = zone_managed_pages(zone);
		unsigned long share = (min_free_kbytes / 4UL) * managed / lowmem;
		unsigned long gap = max(share / 4, managed * watermark_scale_factor / 10000);
		unsigned long low =
			zone_idx(zone) == ZONE_MOVABLE ? clamp(managed / 1024, 32UL, 128UL) : share;

		for (int i = 0; i < NR_WMARK; i++)
			KTEST_EXPECT_EQ(t, zone->_watermark[i], low + i * gap);
	}
}

static void watermarks_follow_their_formula(struct ktest *t)
{
	int kbytes = min_free_kbytes, factor = watermark_scale_factor;

	expect_watermarks(t); /* as the end of boot left them, which gave back .init */
	min_free_kbytes = 2 * kbytes;
	watermark_scale_factor = 200;
	setup_per_zone_wmarks();
	expect_watermarks(t);
	min_free_kbytes = kbytes;
	watermark_scale_factor = factor;
	setup_per_zone_wmarks();
	expect_watermarks(t);
}

static void expect_reserves(struct ktest *t)
{
	pg_data_t *pgdat;

	for_each_online_pgdat(pgdat) {
		for (int i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &pgdat->node_zones[i];
			int ratio = sysctl_lowmem_reserve_ratio[i];
			unsigned long above = 0;

			KTEST_EXPECT_EQ(t, zone->lowmem_reserve[i], 0L);
			for (int j = i + 1; j < MAX_NR_ZONES; j++) {
				above += zone_managed_pages(&pgdat->node_zones[j]);
				KTEST_EXPECT_EQ(t, zone->lowmem_reserve[j],
						ratio && zone_managed_pages(zone)
							? (long)(above / ratio)
							: 0L);
			}
		}
	}
}

static void lowmem_reserve_follows_its_formula(struct ktest *t)
{
	int old[MAX_NR_ZONES];
	unsigned long total;

	setup_per_zone_lowmem_reserve();
	total = totalreserve_pages;
	expect_reserves(t);
	memcpy(old, sysctl_lowmem_reserve_ratio, sizeof(old));
	sysctl_lowmem_reserve_ratio[ZONE_DMA] = 0;
	sysctl_lowmem_reserve_ratio[ZONE_DMA32] = 16;
	setup_per_zone_lowmem_reserve();
	expect_reserves(t);
	memcpy(sysctl_lowmem_reserve_ratio, old, sizeof(old));
	setup_per_zone_lowmem_reserve();
	expect_reserves(t);
	KTEST_EXPECT_EQ(t, totalreserve_pages, total);
}

/* ---- boot's tools ---- */

static void memtest_finds_a_stuck_bit(struct ktest *t)
{
	u64 *words = (u64 *)__get_free_page(GFP_KERNEL);
	size_t n = PAGE_SIZE / sizeof(u64), bad = ktest_random_below(t, n);
	u64 bit = BIT(ktest_random_below(t, 64));
	int found = 0;

	KTEST_ASSERT_NOT_NULL(t, words);
	for (unsigned int i = 0; i < MEMTEST_PATTERNS; i++) {
		memtest_fill(words, n, memtest_pattern(i));
		KTEST_EXPECT_EQ(t, memtest_check(words, 0, n, memtest_pattern(i)), n);
		words[bad] |= bit; /* a line that is always high */
		if (memtest_check(words, 0, n, memtest_pattern(i)) == bad) {
			found++;
			KTEST_EXPECT_EQ(t, memtest_check(words, bad + 1, n, memtest_pattern(i)), n);
		}
	}
	KTEST_EXPECT_GE(t, found, 2);
	free_page((unsigned long)words);
}

static void no_early_mapping_is_left(struct ktest *t)
{
	KTEST_EXPECT_EQ(t, early_ioremap_check_leaks(), 0);
}

static const struct ktest_case cases[] = {
	KTEST_CASE(every_page_of_ram_is_in_its_zone),
	KTEST_CASE(pfn_valid_is_right_at_every_border),
	KTEST_CASE(pages_of_holes_are_never_free),
	KTEST_CASE(nothing_stays_deferred),
	KTEST_CASE(data_of_a_node_lies_on_it),
	KTEST_CASE(cpus_allocate_from_the_nearest_memory),
	KTEST_CASE(zonelists_go_by_distance),
	KTEST_CASE(a_page_comes_from_the_node_asked),
	KTEST_CASE(watermarks_follow_their_formula),
	KTEST_CASE(lowmem_reserve_follows_its_formula),
	KTEST_CASE(memtest_finds_a_stuck_bit),
	KTEST_CASE(no_early_mapping_is_left),
	{},
};
KTEST_SUITE(zones, cases);
