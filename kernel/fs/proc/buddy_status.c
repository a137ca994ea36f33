/*
 * /proc/buddy_status: each zone's free memory in words, for who learns the buddy allocator.
 *
 * Says what buddyinfo says, with its consequences: the largest block that can be had, and how fragmented the zone is. The two
 * columns behind each order are Linux's measures, which depend on what is asked for (mm/phys/extfrag.c). The last line is
 * the first of them for the largest order, in percent: the share of the free pages that is in no block of 4 MiB. 0% is a
 * zone whose free memory is as whole as the allocator can know. docs/memory.md explains the fields.
 *
 * Not a file of Linux. Locks: zone->lock, taken per zone while its free lists are counted. Exercised by
 * tests/user/physviews.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "mm/phys/deferred.h"
#include "mm/phys/extfrag.h"
#include "mm/phys/vmstat.h"

/* -1000..1000 thousandths, as "-1.000" or " 0.250". */
static void show_thousandths(struct seq_file *m, const char *name, int value)
{
	int abs = value < 0 ? -value : value;

	seq_printf(m, ", %s %s%d.%03d", name, value < 0 ? "-" : "", abs / 1000, abs % 1000);
}

static void show_order(struct seq_file *m, const unsigned long *nr, unsigned int order)
{
	struct contig_page_info info;

	fill_contig_page_info(nr, order, &info);
	seq_printf(m, "  Order %u: %lu blocks", order, nr[order]);
	show_thousandths(m, "unusable", unusable_free_index(order, &info));
	show_thousandths(m, "fragmentation", fragmentation_index(order, &info));
	seq_putc(m, '\n');
}

static void show_zone(struct seq_file *m, struct zone *zone)
{
	unsigned long nr[NR_PAGE_ORDERS];
	struct contig_page_info info;
	int largest = -1;

	zone_free_blocks(zone, nr);
	for (int order = 0; order < NR_PAGE_ORDERS; order++) {
		if (nr[order])
			largest = order;
	}
	fill_contig_page_info(nr, MAX_PAGE_ORDER, &info);
	seq_printf(m, "\nZone: %s\n  Node: %d\n  Free pages: %lu\n  Per-CPU pages: %lu\n",
		   zone->name, zone->node, info.free_pages, zone_pcp_pages(zone));
	for (int order = 0; order < NR_PAGE_ORDERS; order++)
		show_order(m, nr, order);
	if (largest < 0)
		seq_puts(m, "  Largest free block: none\n");
	else
		seq_printf(m, "  Largest free block: order %d (%lu pages, %lu kB)\n", largest,
			   BIT(largest), BIT(largest) << (PAGE_SHIFT - 10));
	seq_printf(m, "  Fragmentation index: %u%%\n",
		   info.free_pages ? unusable_free_index(MAX_PAGE_ORDER, &info) / 10 : 0);
}

static int buddy_status_show(struct seq_file *m, void *v)
{
	struct zone *zone;

	deferred_init_wait();
	seq_puts(m, "Buddy Allocator Status\n");
	for_each_populated_zone(zone)
		show_zone(m, zone);
	return 0;
}

static int proc_buddy_status_init(void)
{
	return proc_create_single("buddy_status", 0444, NULL, buddy_status_show) ? 0 : -ENOMEM;
}
fs_initcall(proc_buddy_status_init);
