/*
 * The state of memory on the console, and the report of an allocation that failed.
 *
 * Both may run in any context, also while another CPU holds a zone->lock: counters are read without locks, and
 * the free lists' lengths too (nr_free), so a report is approximate while others allocate. Its lines are Linux's, which
 * people and tools know how to read.
 *
 * Mirrors Linux mm/show_mem.c, mm/page_alloc.c (warn_alloc). Exercised by the buddy_path suite.
 */
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/phys/internal.h"

#define K(pages) ((pages) << (PAGE_SHIFT - 10))
#define G(item)	 global_node_page_state(item)
#define Z(item)	 global_zone_page_state(item)

static void show_global(void)
{
	printk("Mem-Info:\n");
	printk("active_anon:%lu inactive_anon:%lu isolated_anon:%lu\n"
	       " active_file:%lu inactive_file:%lu isolated_file:%lu\n"
	       " unevictable:%lu dirty:%lu writeback:%lu\n"
	       " slab_reclaimable:%lu slab_unreclaimable:%lu\n"
	       " mapped:%lu shmem:%lu pagetables:%lu\n"
	       " sec_pagetables:%lu bounce:%lu\n"
	       " kernel_misc_reclaimable:%lu\n"
	       " free:%lu free_pcp:%lu free_cma:%lu\n",
	       G(NR_ACTIVE_ANON), G(NR_INACTIVE_ANON), G(NR_ISOLATED_ANON), G(NR_ACTIVE_FILE),
	       G(NR_INACTIVE_FILE), G(NR_ISOLATED_FILE), G(NR_UNEVICTABLE), G(NR_FILE_DIRTY),
	       G(NR_WRITEBACK), G(NR_SLAB_RECLAIMABLE), G(NR_SLAB_UNRECLAIMABLE), G(NR_FILE_MAPPED),
	       G(NR_SHMEM), G(NR_PAGETABLE), G(NR_SECONDARY_PAGETABLE), Z(NR_BOUNCE),
	       G(NR_KERNEL_MISC_RECLAIMABLE), Z(NR_FREE_PAGES), nr_free_pages() - Z(NR_FREE_PAGES),
	       Z(NR_FREE_CMA_PAGES));
}

static void show_node(pg_data_t *pgdat)
{
#define N(item) K(node_page_state(pgdat, item))
	printk("Node %d active_anon:%lukB inactive_anon:%lukB active_file:%lukB "
	       "inactive_file:%lukB unevictable:%lukB isolated(anon):%lukB isolated(file):%lukB "
	       "mapped:%lukB dirty:%lukB writeback:%lukB shmem:%lukB writeback_tmp:0kB "
	       "kernel_stack:%lukB pagetables:%lukB sec_pagetables:%lukB all_unreclaimable? no\n",
	       pgdat->node_id, N(NR_ACTIVE_ANON), N(NR_INACTIVE_ANON), N(NR_ACTIVE_FILE),
	       N(NR_INACTIVE_FILE), N(NR_UNEVICTABLE), N(NR_ISOLATED_ANON), N(NR_ISOLATED_FILE),
	       N(NR_FILE_MAPPED), N(NR_FILE_DIRTY), N(NR_WRITEBACK), N(NR_SHMEM),
	       node_page_state(pgdat, NR_KERNEL_STACK_KB), N(NR_PAGETABLE),
	       N(NR_SECONDARY_PAGETABLE));
#undef N
}

static void show_zone(struct zone *zone)
{
	struct per_cpu_pages *pcp = this_cpu_ptr(zone->per_cpu_pageset);

#define ZS(item) K(zone_page_state(zone, item))
	printk("Node %d %s free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB "
	       "reserved_highatomic:%luKB free_highatomic:%luKB active_anon:%lukB "
	       "inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB "
	       "writepending:%lukB present:%lukB managed:%lukB mlocked:%lukB bounce:%lukB "
	       "free_pcp:%lukB local_pcp:%ukB free_cma:%lukB\n",
	       zone->node, zone->name, ZS(NR_FREE_PAGES), K(zone->watermark_boost),
	       K(min_wmark_pages(zone)), K(low_wmark_pages(zone)), K(high_wmark_pages(zone)),
	       K(zone->nr_reserved_highatomic), K(zone->nr_free_highatomic),
	       ZS(NR_ZONE_ACTIVE_ANON), ZS(NR_ZONE_INACTIVE_ANON), ZS(NR_ZONE_ACTIVE_FILE),
	       ZS(NR_ZONE_INACTIVE_FILE), ZS(NR_ZONE_UNEVICTABLE), ZS(NR_ZONE_WRITE_PENDING),
	       K(zone->present_pages), K(zone_managed_pages(zone)), ZS(NR_MLOCK), ZS(NR_BOUNCE),
	       K(zone_pcp_pages(zone)), K((unsigned int)pcp->count), ZS(NR_FREE_CMA_PAGES));
#undef ZS
	printk("lowmem_reserve[]:");
	for (int i = 0; i < MAX_NR_ZONES; i++)
		pr_cont(" %ld", zone->lowmem_reserve[i]);
	pr_cont("\n");
}

/* "(UM) ": which types have a block of this order. */
static void show_migration_types(const struct free_area *area)
{
	static const char letters[MIGRATE_TYPES] = {
		[MIGRATE_UNMOVABLE] = 'U',  [MIGRATE_MOVABLE] = 'M', [MIGRATE_RECLAIMABLE] = 'E',
		[MIGRATE_HIGHATOMIC] = 'H', [MIGRATE_CMA] = 'C',     [MIGRATE_ISOLATE] = 'I',
	};
	char types[MIGRATE_TYPES + 1], *p = types;

	for (int mt = 0; mt < MIGRATE_TYPES; mt++)
		if (!list_empty(&area->free_list[mt]))
			*p++ = letters[mt];
	*p = '\0';
	pr_cont("(%s) ", types);
}

/* "5*4kB (UM) ... = 20kB": for each order the number of blocks. */
static void show_free_lists(struct zone *zone)
{
	unsigned long total = 0;

	printk("Node %d %s: ", zone->node, zone->name);
	for (int order = 0; order < NR_PAGE_ORDERS; order++) {
		unsigned long nr = READ_ONCE(zone->free_area[order].nr_free);

		total += nr << order;
		pr_cont("%lu*%lukB ", nr, K(1UL) << order);
		if (nr)
			show_migration_types(&zone->free_area[order]);
	}
	pr_cont("= %lukB\n", K(total));
}

void show_mem(void)
{
	unsigned long present = 0, highmem = 0, reserved = 0;
	pg_data_t *pgdat;
	struct zone *zone;

	show_global();
	for_each_online_pgdat(pgdat)
		show_node(pgdat);
	for_each_populated_zone(zone)
		show_zone(zone);
	for_each_populated_zone(zone)
		show_free_lists(zone);
	for_each_populated_zone(zone) {
		present += zone->present_pages;
		reserved += zone->present_pages - zone_managed_pages(zone);
		if (zone_idx(zone) == ZONE_MOVABLE)
			highmem += zone->present_pages;
	}
	printk("%lu total pagecache pages\n", G(NR_FILE_PAGES));
	printk("%lu pages in swap cache\n", G(NR_SWAPCACHE));
	printk("%lu pages RAM\n", present);
	printk("%lu pages HighMem/MovableOnly\n", highmem);
	printk("%lu pages reserved\n", reserved);
	printk("%lu pages cma reserved\n", 0UL);
}

/* ---- a failed allocation ---- */

/* "0-2,5", or "(null)" for no mask at all. */
static void print_nodemask(const nodemask_t *mask)
{
	const char *comma = "";

	if (!mask) {
		pr_cont("(null)\n");
		return;
	}
	for (int n = 0, end; n < MAX_NUMNODES; n = end + 1) {
		for (end = n; end < MAX_NUMNODES && node_isset(end, *mask);)
			end++;
		if (end - n > 1)
			pr_cont("%s%d-%d", comma, n, end - 1);
		else if (end > n)
			pr_cont("%s%d", comma, n);
		if (end > n)
			comma = ",";
	}
	pr_cont("\n");
}

void warn_alloc(gfp_t gfp, unsigned int order, const nodemask_t *nodemask)
{
	static struct ratelimit_state limit;
	char names[160];

	if ((gfp & __GFP_NOWARN) || !___ratelimit(&limit, __func__))
		return;
	pr_warn("%s: page allocation failure: order:%u, mode:%#x(%s), nodemask=", current->comm,
		order, gfp, gfp_flags_string(gfp, names, sizeof(names)));
	print_nodemask(nodemask);
	dump_stack();
	show_mem();
}
