/*
 * /proc/buddyinfo, zoneinfo and vmstat: the page allocator's books.
 *
 * 1. buddyinfo counts free blocks by order, without what the CPUs keep on their own lists: those are in zoneinfo's
 *    pagesets, and MemFree is the sum of both.
 * 2. vmstat is one name and one number a line: zones' counters, NUMA's, nodes', events. zoneinfo has the same by zone.
 * 3. Linux counts huge pages in base pages and shows them here in whole ones; so do we.
 *
 * Lines that Linux has for what does not exist here (thresholds of the counters) are not printed, as on
 * a Linux built without. Locks: zone->lock, taken per zone while its free lists are counted. Mirrors the /proc half of
 * Linux mm/vmstat.c. Exercised by tests/user/physviews.c and procsys.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/smp.h"
#include "mm/cache/dirty-throttle.h"
#include "mm/phys/deferred.h"
#include "mm/phys/vmstat.h"

static int buddyinfo_show(struct seq_file *m, void *v)
{
	unsigned long nr[NR_PAGE_ORDERS];
	struct zone *zone;
	int order;

	deferred_init_wait();
	for_each_populated_zone(zone) {
		zone_free_blocks(zone, nr);
		seq_printf(m, "Node %d, zone %8s ", zone->node, zone->name);
		for (order = 0; order < NR_PAGE_ORDERS; order++)
			seq_printf(m, "%6lu ", nr[order]);
		seq_putc(m, '\n');
	}
	return 0;
}

static unsigned long shown_node_state(struct pglist_data *pgdat, enum node_stat_item item)
{
	unsigned long pages = pgdat ? node_page_state(pgdat, item) : global_node_page_state(item);

	return vmstat_item_print_in_thp(item) ? pages >> pageblock_order : pages;
}

static void show_pagesets(struct seq_file *m, struct zone *zone)
{
	unsigned int cpu;

	seq_puts(m, "\n  pagesets");
	for_each_online_cpu(cpu) {
		struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);

		seq_printf(m,
			   "\n    cpu: %u\n              count: %d\n              high:  %d\n      "
			   "        batch: %d",
			   cpu, READ_ONCE(pcp->count), pcp->high_min, pcp->batch);
	}
}

static void show_zone_sizes(struct seq_file *m, struct zone *zone)
{
	int i;

	seq_printf(m,
		   "\n  pages free     %lu\n        boost    %lu\n        min      %lu\n        "
		   "low      %lu\n        high     %lu\n        promo    %lu",
		   zone_page_state(zone, NR_FREE_PAGES), zone->watermark_boost,
		   min_wmark_pages(zone), low_wmark_pages(zone), high_wmark_pages(zone),
		   wmark_pages(zone, WMARK_PROMO));
	seq_printf(m,
		   "\n        spanned  %lu\n        present  %lu\n        managed  %lu\n        "
		   "cma      0",
		   zone->spanned_pages, zone->present_pages, zone_managed_pages(zone));
	seq_printf(m, "\n        protection: (%ld", zone->lowmem_reserve[0]);
	for (i = 1; i < MAX_NR_ZONES; i++)
		seq_printf(m, ", %ld", zone->lowmem_reserve[i]);
	seq_putc(m, ')');
}

static void show_zone(struct seq_file *m, struct zone *zone, bool first)
{
	int i;

	seq_printf(m, "Node %d, zone %8s", zone->node, zone->name);
	if (first) {
		seq_puts(m, "\n  per-node stats");
		for (i = 0; i < NR_VM_NODE_STAT_ITEMS; i++)
			seq_printf(m, "\n      %-12s %lu", node_stat_names[i],
				   shown_node_state(zone->zone_pgdat, i));
	}
	show_zone_sizes(m, zone);
	/* Zones without memory have no counters worth reading. */
	if (populated_zone(zone)) {
		for (i = 0; i < NR_VM_ZONE_STAT_ITEMS; i++)
			seq_printf(m, "\n      %-12s %lu", zone_stat_names[i],
				   zone_page_state(zone, i));
		for (i = 0; i < NR_VM_NUMA_EVENT_ITEMS; i++)
			seq_printf(m, "\n      %-12s %lu", numa_stat_names[i],
				   zone_numa_event_state(zone, i));
		show_pagesets(m, zone);
		/* Nobody has tried to reclaim in vain: that is counted by kswapd, once it exists. */
		seq_printf(m, "\n  node_unreclaimable:  %u\n  start_pfn:           %lu", 0U,
			   zone->zone_start_pfn);
	}
	seq_putc(m, '\n');
}

static int zoneinfo_show(struct seq_file *m, void *v)
{
	struct pglist_data *last = NULL;
	struct zone *zone;

	deferred_init_wait();
	for_each_zone(zone) {
		bool first = populated_zone(zone) && zone->zone_pgdat != last;

		show_zone(m, zone, first);
		if (first)
			last = zone->zone_pgdat;
	}
	return 0;
}

static int vmstat_show(struct seq_file *m, void *v)
{
	unsigned long event[NR_VM_EVENT_ITEMS], background, thresh;
	int i;

	deferred_init_wait();
	for (i = 0; i < NR_VM_ZONE_STAT_ITEMS; i++)
		seq_printf(m, "%s %lu\n", zone_stat_names[i], global_zone_page_state(i));
	for (i = 0; i < NR_VM_NUMA_EVENT_ITEMS; i++)
		seq_printf(m, "%s %lu\n", numa_stat_names[i], global_numa_event_state(i));
	for (i = 0; i < NR_VM_NODE_STAT_ITEMS; i++)
		seq_printf(m, "%s %lu\n", node_stat_names[i], shown_node_state(NULL, i));
	global_dirty_limits(&background, &thresh);
	seq_printf(m, "nr_dirty_threshold %lu\nnr_dirty_background_threshold %lu\n", thresh,
		   background);
	/* Struct pages: those that came later, by hotplug (none), and boot's. */
	seq_printf(m, "nr_memmap_pages 0\nnr_memmap_boot_pages %lu\n", nr_memmap_boot_pages);
	all_vm_events(event);
	for (i = 0; i < NR_VM_EVENT_ITEMS; i++)
		seq_printf(m, "%s %lu\n", vm_event_names[i], event[i]);
	/* Linux keeps the name of a counter it no longer has, since programs look for it. */
	seq_puts(m, "nr_unstable 0\n");
	return 0;
}

static int proc_vmstat_init(void)
{
	proc_create_single("buddyinfo", 0444, NULL, buddyinfo_show);
	proc_create_single("zoneinfo", 0444, NULL, zoneinfo_show);
	proc_create_single("vmstat", 0444, NULL, vmstat_show);
	return 0;
}
fs_initcall(proc_vmstat_init);
