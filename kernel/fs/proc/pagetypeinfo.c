/*
 * /proc/pagetypeinfo: free blocks by order and migrate type, and how many pageblocks have which type. For root.
 *
 * 1. A row of the first table is one row of buddyinfo, divided by the lists that the blocks stand on. A list is counted by
 *    walking it, at most 100000 blocks ("> 100000" says so), with zone->lock dropped between lists: a large machine's
 *    allocator must not wait for a reader.
 * 2. The second table counts pageblocks of 2 MiB. Free pages of one type in blocks of another are what fallback left.
 *
 * Locks: zone->lock for each list; nothing for the block types, which are single bytes. Mirrors Linux mm/vmstat.c
 * (pagetypeinfo_show). Exercised by tests/user/physviews.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/sched.h"
#include "kernel/spinlock.h"
#include "mm/phys/deferred.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"

#define COUNT_LIMIT 100000

static unsigned long count_list(struct zone *zone, unsigned int order, int mt)
{
	struct list_head *list = &zone->free_area[order].free_list[mt], *p;
	unsigned long n = 0;

	guard(spinlock_irqsave)(&zone->lock);
	list_for_each(p, list) {
		if (++n >= COUNT_LIMIT)
			break;
	}
	return n;
}

static void show_free_counts(struct seq_file *m)
{
	struct zone *zone;

	seq_printf(m, "%-43s ", "Free pages count per migrate type at order");
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
		seq_printf(m, "%6u ", order);
	seq_putc(m, '\n');
	for_each_populated_zone(zone) {
		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			seq_printf(m, "Node %4d, zone %8s, type %12s ", zone->node, zone->name,
				   migratetype_names[mt]);
			for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
				unsigned long n = count_list(zone, order, mt);

				seq_printf(m, "%s%6lu ", n >= COUNT_LIMIT ? ">" : "", n);
				cond_resched();
			}
			seq_putc(m, '\n');
		}
	}
}

static void count_blocks(struct zone *zone, unsigned long *nr)
{
	unsigned long pfn = zone->zone_start_pfn, end = zone_end_pfn(zone);

	for (; pfn < end; pfn = pageblock_end_pfn(pfn)) {
		/* A zone of another node may lie in between. */
		if (pfn_valid(pfn) && page_zone(pfn_to_page(pfn)) == zone)
			nr[get_pfnblock_migratetype(pfn)]++;
	}
}

static void show_block_counts(struct seq_file *m)
{
	struct zone *zone;

	seq_printf(m, "\n%-23s", "Number of blocks type ");
	for (int mt = 0; mt < MIGRATE_TYPES; mt++)
		seq_printf(m, "%12s ", migratetype_names[mt]);
	seq_putc(m, '\n');
	for_each_populated_zone(zone) {
		unsigned long nr[MIGRATE_TYPES] = { 0 };

		count_blocks(zone, nr);
		seq_printf(m, "Node %d, zone %8s ", zone->node, zone->name);
		for (int mt = 0; mt < MIGRATE_TYPES; mt++)
			seq_printf(m, "%12lu ", nr[mt]);
		seq_putc(m, '\n');
	}
}

static int pagetypeinfo_show(struct seq_file *m, void *v)
{
	deferred_init_wait();
	seq_printf(m, "Page block order: %d\n", pageblock_order);
	seq_printf(m, "Pages per block:  %lu\n\n", pageblock_nr_pages);
	show_free_counts(m);
	show_block_counts(m);
	return 0;
}

static int proc_pagetypeinfo_init(void)
{
	return proc_create_single("pagetypeinfo", 0400, NULL, pagetypeinfo_show) ? 0 : -ENOMEM;
}
fs_initcall(proc_pagetypeinfo_init);
