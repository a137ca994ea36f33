/*
 * Reports: the state of memory on the console, one page in words, an allocation that failed.
 *
 * All of it may run in any context, also under zone->lock of another CPU: counters are read without locks, and
 * the free lists' lengths too (nr_free), so a report is approximate while others allocate.
 *
 * Mirrors Linux mm/show_mem.c, mm/debug.c, mm/page_alloc.c (warn_alloc, bad_page). Exercised by the buddy suite.
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

static void show_node(pg_data_t *pgdat)
{
	printk("Node %d active_anon:%lukB inactive_anon:%lukB active_file:%lukB "
	       "inactive_file:%lukB unevictable:%lukB mapped:%lukB dirty:%lukB writeback:%lukB "
	       "shmem:%lukB kernel_stack:%lukB pagetables:%lukB\n",
	       pgdat->node_id, K(node_page_state(pgdat, NR_ACTIVE_ANON)),
	       K(node_page_state(pgdat, NR_INACTIVE_ANON)),
	       K(node_page_state(pgdat, NR_ACTIVE_FILE)),
	       K(node_page_state(pgdat, NR_INACTIVE_FILE)),
	       K(node_page_state(pgdat, NR_UNEVICTABLE)), K(node_page_state(pgdat, NR_FILE_MAPPED)),
	       K(node_page_state(pgdat, NR_FILE_DIRTY)), K(node_page_state(pgdat, NR_WRITEBACK)),
	       K(node_page_state(pgdat, NR_SHMEM)), node_page_state(pgdat, NR_KERNEL_STACK_KB),
	       K(node_page_state(pgdat, NR_PAGETABLE)));
}

static void show_zone(struct zone *zone)
{
	struct per_cpu_pages *pcp = this_cpu_ptr(zone->per_cpu_pageset);

	printk("Node %d %s free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB "
	       "reserved_highatomic:%luKB present:%lukB managed:%lukB mlocked:%lukB bounce:%lukB "
	       "free_pcp:%lukB local_pcp:%ukB free_cma:%lukB\n",
	       zone->node, zone->name, K(zone_page_state(zone, NR_FREE_PAGES)),
	       K(zone->watermark_boost), K(min_wmark_pages(zone)), K(low_wmark_pages(zone)),
	       K(high_wmark_pages(zone)), K(zone->nr_reserved_highatomic), K(zone->present_pages),
	       K(zone_managed_pages(zone)), K(zone_page_state(zone, NR_MLOCK)),
	       K(zone_page_state(zone, NR_BOUNCE)), K(zone_pcp_pages(zone)),
	       K((unsigned int)pcp->count), K(zone_page_state(zone, NR_FREE_CMA_PAGES)));
	printk("lowmem_reserve[]:");
	for (int i = 0; i < MAX_NR_ZONES; i++)
		pr_cont(" %ld", zone->lowmem_reserve[i]);
	pr_cont("\n");
}

/* "5*4kB (UM) ...": for each order the number of blocks and the types that have some. */
static void show_free_lists(struct zone *zone)
{
	static const char letters[MIGRATE_TYPES] = { 'U', 'M', 'E', 'H', 'C', 'I' };
	unsigned long total = 0;

	printk("Node %d %s: ", zone->node, zone->name);
	for (int order = 0; order < NR_PAGE_ORDERS; order++) {
		struct free_area *area = &zone->free_area[order];
		unsigned long nr = READ_ONCE(area->nr_free);
		char types[MIGRATE_TYPES + 4], *p = types;

		total += nr << order;
		*p = '\0';
		for (int mt = 0; nr && mt < MIGRATE_TYPES; mt++)
			if (!list_empty(&area->free_list[mt])) {
				if (p == types)
					*p++ = '(';
				*p++ = letters[mt];
			}
		if (p != types)
			strcpy(p, ") ");
		pr_cont("%lu*%lukB %s", nr, K(1UL) << order, types);
	}
	pr_cont("= %lukB\n", K(total));
}

void show_mem(void)
{
	unsigned long present = 0;
	pg_data_t *pgdat;
	struct zone *zone;

	printk("Mem-Info:\n");
	printk("active_anon:%lu inactive_anon:%lu isolated_anon:%lu\n",
	       global_node_page_state(NR_ACTIVE_ANON), global_node_page_state(NR_INACTIVE_ANON),
	       global_node_page_state(NR_ISOLATED_ANON));
	printk(" active_file:%lu inactive_file:%lu isolated_file:%lu\n",
	       global_node_page_state(NR_ACTIVE_FILE), global_node_page_state(NR_INACTIVE_FILE),
	       global_node_page_state(NR_ISOLATED_FILE));
	printk(" unevictable:%lu dirty:%lu writeback:%lu\n", global_node_page_state(NR_UNEVICTABLE),
	       global_node_page_state(NR_FILE_DIRTY), global_node_page_state(NR_WRITEBACK));
	printk(" slab_reclaimable:%lu slab_unreclaimable:%lu\n",
	       global_node_page_state(NR_SLAB_RECLAIMABLE),
	       global_node_page_state(NR_SLAB_UNRECLAIMABLE));
	printk(" mapped:%lu shmem:%lu pagetables:%lu\n", global_node_page_state(NR_FILE_MAPPED),
	       global_node_page_state(NR_SHMEM), global_node_page_state(NR_PAGETABLE));
	printk(" free:%lu free_pcp:%lu free_cma:%lu\n", global_zone_page_state(NR_FREE_PAGES),
	       nr_free_pages() - global_zone_page_state(NR_FREE_PAGES),
	       global_zone_page_state(NR_FREE_CMA_PAGES));
	for_each_online_pgdat(pgdat)
		show_node(pgdat);
	for_each_populated_zone(zone) {
		show_zone(zone);
		present += zone->present_pages;
	}
	for_each_populated_zone(zone)
		show_free_lists(zone);
	printk("%lu total pagecache pages\n", global_node_page_state(NR_FILE_PAGES));
	printk("%lu pages RAM\n", present);
	printk("0 pages HighMem/MovableOnly\n");
	printk("%lu pages reserved\n", present - totalram_pages());
}

/* ---- one page ---- */

static const char *const page_flag_names[__NR_PAGEFLAGS] = {
	"locked",      "writeback", "referenced", "uptodate",	"dirty",	"lru",
	"head",	       "waiters",   "active",	  "workingset", "owner_priv_1", "owner_2",
	"arch_1",      "reserved",  "private",	  "private_2",	"reclaim",	"swapbacked",
	"unevictable", "mlocked",   "hwpoison",	  "young",	"idle",
};

char *page_flags_string(unsigned long flags, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; i < __NR_PAGEFLAGS; i++)
		if (flags & BIT(i))
			n += scnprintf(buf + n, len - n, "%s%s", n ? "|" : "", page_flag_names[i]);
	return buf;
}

void dump_page(const struct page *page, const char *reason)
{
	const struct page *head = compound_head(page);
	char flags[128];

	pr_warn("page: refcount:%d mapcount:%d mapping:%px index:%#lx pfn:%#lx\n",
		page_ref_count(head), page_mapcount(page), head->mapping, head->index,
		page_to_pfn(page));
	if (PageHead(head))
		pr_warn("head: order:%u entire_mapcount:%d pincount:%d\n",
			compound_order((struct page *)head),
			atomic_read(&((struct folio *)head)->_entire_mapcount) + 1,
			atomic_read(&((struct folio *)head)->_pincount));
	pr_warn("flags: %#lx(%s|node=%d|zone=%d)\n", head->flags,
		page_flags_string(head->flags, flags, sizeof(flags)), page_to_nid(head),
		page_zonenum(head));
	pr_warn("page_type: %#x private: %#lx lru: %px %px\n", head->page_type, head->private,
		head->lru.next, head->lru.prev);
	if (reason)
		pr_warn("page dumped because: %s\n", reason);
}

/* A page whose state contradicts what is being done with it. It is not used again. */
void bad_page(struct page *page, const char *reason)
{
	pr_alert("BUG: Bad page state in process %s  pfn:%05lx\n", current->comm,
		 page_to_pfn(page));
	dump_page(page, reason);
	dump_stack();
	page_mapcount_reset(page);
}

/* ---- a failed allocation ---- */

static const struct {
	gfp_t bits;
	const char *name;
} gfp_names[] = {
	{ GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE" },
	{ GFP_HIGHUSER, "GFP_HIGHUSER" },
	{ GFP_USER, "GFP_USER" },
	{ GFP_KERNEL_ACCOUNT, "GFP_KERNEL_ACCOUNT" },
	{ GFP_KERNEL, "GFP_KERNEL" },
	{ GFP_NOFS, "GFP_NOFS" },
	{ GFP_ATOMIC, "GFP_ATOMIC" },
	{ GFP_NOIO, "GFP_NOIO" },
	{ GFP_NOWAIT, "GFP_NOWAIT" },
	{ __GFP_DMA, "GFP_DMA" },
	{ __GFP_HIGHMEM, "__GFP_HIGHMEM" },
	{ __GFP_DMA32, "GFP_DMA32" },
	{ __GFP_MOVABLE, "__GFP_MOVABLE" },
	{ __GFP_RECLAIMABLE, "__GFP_RECLAIMABLE" },
	{ __GFP_HIGH, "__GFP_HIGH" },
	{ __GFP_IO, "__GFP_IO" },
	{ __GFP_FS, "__GFP_FS" },
	{ __GFP_ZERO, "__GFP_ZERO" },
	{ __GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM" },
	{ __GFP_KSWAPD_RECLAIM, "__GFP_KSWAPD_RECLAIM" },
	{ __GFP_WRITE, "__GFP_WRITE" },
	{ __GFP_NOWARN, "__GFP_NOWARN" },
	{ __GFP_RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL" },
	{ __GFP_NOFAIL, "__GFP_NOFAIL" },
	{ __GFP_NORETRY, "__GFP_NORETRY" },
	{ __GFP_MEMALLOC, "__GFP_MEMALLOC" },
	{ __GFP_COMP, "__GFP_COMP" },
	{ __GFP_NOMEMALLOC, "__GFP_NOMEMALLOC" },
	{ __GFP_HARDWALL, "__GFP_HARDWALL" },
	{ __GFP_THISNODE, "__GFP_THISNODE" },
	{ __GFP_ACCOUNT, "__GFP_ACCOUNT" },
};

/* Combinations first, then what single bits are left. */
static char *gfp_string(gfp_t gfp, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; i < ARRAY_SIZE(gfp_names); i++) {
		if ((gfp & gfp_names[i].bits) != gfp_names[i].bits)
			continue;
		n += scnprintf(buf + n, len - n, "%s%s", n ? "|" : "", gfp_names[i].name);
		gfp &= ~gfp_names[i].bits;
	}
	if (gfp)
		scnprintf(buf + n, len - n, "%s%#x", n ? "|" : "", gfp);
	return buf;
}

void warn_alloc(gfp_t gfp, unsigned int order, const nodemask_t *nodemask)
{
	static struct ratelimit_state limit;
	char names[160];

	if ((gfp & __GFP_NOWARN) || !___ratelimit(&limit, __func__))
		return;
	pr_warn("%s: page allocation failure: order:%u, mode:%#x(%s), nodemask=", current->comm,
		order, gfp, gfp_string(gfp, names, sizeof(names)));
	if (nodemask)
		pr_cont("%#lx\n", nodemask->bits);
	else
		pr_cont("(null)\n");
	dump_stack();
	show_mem();
}
