/*
 * Per-CPU page lists: the allocator's front, without locks.
 *
 * 1. Most requests are for one page, and most pages come back soon. Each CPU therefore keeps free blocks of order 0..3 for
 *    each zone and type. Taking and giving back are list operations on memory that only this CPU writes.
 * 2. The lists touch the zone in batches: when one is empty it gets `batch` pages under one zone->lock; when the CPU
 *    has more than `high` pages in all, it gives a batch back, the coldest ones, neighbours as one block. So the lock is
 *    taken at most once per batch.
 * 3. Pages on a list are neither in the buddy lists nor counted in NR_FREE_PAGES: the watermarks were checked when
 *    they left the zone. They cannot merge, so whoever needs large blocks drains the lists first.
 * 4. Who may touch a list: its CPU, with pcp->busy set. The kernel is not preempted, so the only rival is an
 *    interrupt on the same CPU, which runs to its end before the interrupted code goes on. An interrupt that finds busy
 *    set uses the zone directly. Other CPUs never touch it: drain_all_pages() asks each CPU to do it itself; one that is
 *    interrupted inside its list keeps its pages until the next time.
 * 5. batch is about a thousandth of the zone, at most 63 pages, and doubles each time that the same is needed again: refills
 *    without a drain in between, or drains without a refill. It is what CPUs that all allocate, or all free, stand in each
 *    other's way with.
 * 6. high is at first such that all CPUs together keep no more than the low watermark. Each refill raises it by what it
 *    brings: pages that are used here will also be freed here, and needed again. At most all CPUs together keep an eighth
 *    of the zone; if the zone is short, or the CPU idle, high falls back. percpu_pagelist_high_fraction=N fixes it at 1/N.
 * 7. A CPU that has nothing to do does not need its pages, but nobody else can take them. So a tick that finds its CPU idle
 *    looks whether pages have moved through its lists since the last such tick; if not they go back to the zones, and the
 *    tick stops. A CPU that only pauses between two pieces of work pays nothing.
 *
 * Mirrors Linux mm/page_alloc.c (rmqueue_bulk, free_pcppages_bulk). Exercised by the buddy suite;
 * seen in /proc/zoneinfo.
 */
#include "kernel/percpu.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "kernel/trace/kmem.h"
#include "lib/list.h"
#include "mm/phys/internal.h"
#include "mm/phys/wmark.h"

/* One set for each populated zone, in zone order; zones beyond work without lists. */
#define MAX_PAGESETS 20
/* Pages that a drain of everything gives back under one lock. */
#define DRAIN_PIECE 512
/* batch << this, at most, in one go. */
#define BATCH_SCALE_MAX 4
/* All CPUs together may keep 1/this of a zone. */
#define MIN_HIGH_FRACTION 8
static DEFINE_PER_CPU_ALIGNED(struct per_cpu_pages[MAX_PAGESETS], zone_pagesets);
/* For zones without: nobody gets in. */
DEFINE_PER_CPU(struct per_cpu_pages, boot_pageset) = { .busy = 1 };
/* Before setup_zone_pagesets() there is only that one. */
DEFINE_PER_CPU_READ_MOSTLY(struct pcp_table, pcp_table) = {
	.wanted = { [0 ... GFP_ZONEMASK] = &boot_pageset },
	.of_zone = { [0 ... ARRAY_SIZE(pcp_table.of_zone) - 1] = &boot_pageset },
};

/* Has the zone this many pages to spare, beyond the mark at which kswapd rests? */
static bool zone_has_spare(struct zone *zone, long nr)
{
	return (long)zone_page_state(zone, NR_FREE_PAGES) - nr > (long)high_wmark_pages(zone);
}

/* Pages for the next refill (opening, 5 and 6). => inside */
static int refill_pages(struct per_cpu_pages *pcp)
{
	int nr = pcp->batch << pcp->alloc_factor;

	pcp->free_factor = 0;
	if (unlikely(!zone_has_spare(pcp->zone, nr))) {
		pcp->alloc_factor = 0;
		pcp->high = pcp->high_min;
		return pcp->batch;
	}
	if (pcp->alloc_factor < BATCH_SCALE_MAX)
		pcp->alloc_factor++;
	pcp->high = min(pcp->high + nr, pcp->high_max);
	/* Not so many that the next page that is freed is one too many. */
	return max(min(nr, pcp->high - pcp->count - pcp->batch), pcp->batch);
}

/* Pages that have to go. => inside, count > high */
static int drain_pages(struct per_cpu_pages *pcp)
{
	int nr = pcp->batch << pcp->free_factor;

	pcp->alloc_factor = 0;
	if (pcp->free_factor < BATCH_SCALE_MAX)
		pcp->free_factor++;
	if (unlikely(!zone_has_spare(pcp->zone, 0)))
		pcp->high = pcp->high_min;
	/* Half of what may stay does stay, for the next request. (If high has fallen, the next page drains again.) */
	return max(min(nr, pcp->high / 2), pcp->batch);
}

static noinline void trace_refilled(unsigned long pfn, unsigned long nr, unsigned int order,
				    int migratetype)
{
	for (unsigned long end = pfn + nr; pfn < end; pfn += BIT(order))
		trace_mm_page_alloc_zone_locked(pfn, order, migratetype, 1);
}

void pcp_refill(struct per_cpu_pages *pcp, unsigned int order, int migratetype,
		unsigned int alloc_flags)
{
	struct list_head *list = pcp_list(pcp, order, migratetype);
	struct zone *zone = pcp->zone;
	int left = max(refill_pages(pcp) >> order, 1) << order;

	guard(spinlock_irqsave)(&zone->lock);
	pcp->refills++;
	/* Asked once, not for every block: most machines have none. */
	if (!zone_page_state(zone, NR_FREE_CMA_PAGES))
		alloc_flags &= ~ALLOC_CMA;
	while (left > 0) {
		unsigned int run = order;
		struct page *page = NULL, *end;

		if (!(alloc_flags & ALLOC_CMA))
			page = __rmqueue_run(zone, &run, ilog2(left), migratetype);
		if (!page)
			page = __rmqueue(zone, order, migratetype, alloc_flags);
		if (!page)
			return;
		if (unlikely(trace_mm_page_alloc_zone_locked_enabled()))
			trace_refilled(page_to_pfn(page), BIT(run), order, migratetype);
		/* At the tail: pages come in the order of their addresses, and are used in that order. */
		for (end = page + BIT(run); page < end; page += BIT(order))
			list_add_tail(&page->pcp_list, list);
		pcp->count += 1 << run;
		left -= 1 << run;
	}
}

/*
 * Takes the coldest block of a list, and as many of the next ones as lie beside it: pages are freed in a row more often than
 * not, and then they go back as one large block. Pages taken; they are [*pfn, *pfn + that). => list not empty
 */
static unsigned long take_coldest_run(struct list_head *list, unsigned int order, unsigned long max,
				      unsigned long *pfn)
{
	struct page *low = list_last_entry(list, struct page, pcp_list), *high = low;
	struct list_head *pos = low->pcp_list.prev;
	unsigned long step = BIT(order), run = step;

	for (; pos != list && run < max; pos = pos->prev, run += step) {
		struct page *page = list_entry(pos, struct page, pcp_list);

		if (page == high + step)
			high = page;
		else if (page == low - step)
			low = page;
		else
			break;
	}
	/* pos stays, and is the last one now. */
	pos->next = list;
	list->prev = pos;
	*pfn = page_to_pfn(low);
	return run;
}

static noinline void trace_drained(unsigned long pfn, unsigned long nr, unsigned int order,
				   int migratetype)
{
	for (unsigned long end = pfn + nr; pfn < end; pfn += BIT(order))
		trace_mm_page_pcpu_drain(pfn, order, migratetype);
}

/* Gives nr pages or a little more back to the zone. => inside */
static void pcp_drain(struct per_cpu_pages *pcp, int nr)
{
	struct zone *zone = pcp->zone;
	long left = min(nr, pcp->count);

	guard(spinlock_irqsave)(&zone->lock);
	pcp->drains++;
	/* Of one list the coldest blocks; the next drain goes on with the next list. */
	while (left > 0) {
		unsigned int list = pcp->next_drain, order = list / MIGRATE_PCPTYPES;

		while (left > 0 && !list_empty(&pcp->lists[list])) {
			unsigned long pfn,
				run = take_coldest_run(&pcp->lists[list], order, left, &pfn);

			pcp->count -= run;
			left -= run;
			if (unlikely(trace_mm_page_pcpu_drain_enabled()))
				trace_drained(pfn, run, order, list % MIGRATE_PCPTYPES);
			/* Not the list's type but the pageblocks', which may have changed meanwhile. */
			__free_range(zone, pfn, pfn + run);
		}
		pcp->next_drain = list + 1 < NR_PCP_LISTS ? list + 1 : 0;
	}
}

void pcp_overflow(struct per_cpu_pages *pcp)
{
	pcp_drain(pcp, drain_pages(pcp));
	pcp_leave(pcp);
}

/* In pieces, so that others get the lock in between. */
static void drain_all_lists(struct per_cpu_pages *pcp)
{
	while (pcp->count)
		pcp_drain(pcp, max(pcp->batch, DRAIN_PIECE));
	pcp->high = pcp->high_min;
	pcp->alloc_factor = pcp->free_factor = 0;
}

void drain_local_pages(struct zone *only)
{
	struct zone *zone;

	for_each_populated_zone(zone) {
		struct per_cpu_pages *pcp;

		if (only && zone != only)
			continue;
		pcp = pcp_try_enter(zone);
		if (!pcp)
			continue;
		drain_all_lists(pcp);
		pcp_leave(pcp);
	}
}

static void drain_here(void *zone)
{
	drain_local_pages(zone);
}

void drain_all_pages(struct zone *zone)
{
	on_each_cpu(drain_here, zone, true);
}

bool pcp_idle_tick(void)
{
	bool again = false;
	struct zone *zone;

	for_each_populated_zone(zone) {
		struct per_cpu_pages *pcp = pcp_try_enter(zone);
		unsigned long seen = 0;

		if (!pcp)
			continue;
		for (int order = 0; order < NR_PCP_ORDERS; order++)
			seen += pcp->allocs[order];
		seen += pcp->frees;
		if (seen == pcp->idle_seen)
			drain_all_lists(pcp);
		else
			again |= pcp->count != 0;
		pcp->idle_seen = seen;
		pcp_leave(pcp);
	}
	return again;
}

unsigned long zone_pcp_pages(struct zone *zone)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(zone->per_cpu_pageset, cpu)->count);
	return sum;
}

unsigned long pcp_event_sums(unsigned long *alloc)
{
	unsigned long frees = 0;
	struct zone *zone;
	int cpu;

	for_each_populated_zone(zone) {
		for_each_possible_cpu(cpu) {
			struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);

			for (int order = 0; order < NR_PAGE_ORDERS; order++)
				alloc[zone_idx(zone)] += READ_ONCE(pcp->allocs[order]) << order;
			frees += READ_ONCE(pcp->frees);
		}
	}
	return frees;
}

static int zone_batchsize(struct zone *zone)
{
	unsigned long batch = min(zone_managed_pages(zone) / 1024, SZ_1M / PAGE_SIZE) / 4;

	/* One less than a power of two: lists of different CPUs then do not fall into step. */
	batch = max(batch, 1UL);
	return rounddown_pow_of_two(batch + batch / 2) - 1 ?: 1;
}

void zone_pcp_update(struct zone *zone)
{
	int fraction = READ_ONCE(percpu_pagelist_high_fraction), batch, low, high, cpu;

	if (zone->per_cpu_pageset == &boot_pageset)
		return;
	batch = zone_batchsize(zone);
	low = zone->_watermark[WMARK_LOW] / num_possible_cpus();
	high = zone_managed_pages(zone) / (fraction ?: MIN_HIGH_FRACTION) / num_possible_cpus();
	high = max(high, 4 * batch);
	low = fraction ? high : clamp(low, 4 * batch, high);
	for_each_possible_cpu(cpu) {
		struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);

		WRITE_ONCE(pcp->batch, batch);
		WRITE_ONCE(pcp->high_min, low);
		WRITE_ONCE(pcp->high_max, high);
		WRITE_ONCE(pcp->high, low);
	}
}

static void __init init_pageset(struct zone *zone, struct per_cpu_pages *pcp)
{
	pcp->zone = zone;
	for (int i = 0; i < NR_PCP_LISTS; i++)
		INIT_LIST_HEAD(&pcp->lists[i]);
}

/* The lists of a zone for a CPU of some node; a request for the zone must not get another node's pages from them. */
static void fill_pcp_table(int cpu)
{
	struct pcp_table *table = &per_cpu(pcp_table, cpu);
	pg_data_t *local = per_cpu(local_pgdat, cpu);
	struct zone *zone;

	for (int i = 0; i < ARRAY_SIZE(table->of_zone); i++) {
		zone = zone_table[i];
		table->of_zone[i] = per_cpu_ptr(zone ? zone->per_cpu_pageset : &boot_pageset, cpu);
	}
	for (gfp_t gfp = 0; gfp <= GFP_ZONEMASK; gfp++) {
		zone = local->preferred_zone[gfp];
		table->wanted[gfp] = per_cpu_ptr(
			zone->node == local->node_id ? zone->per_cpu_pageset : &boot_pageset, cpu);
	}
}

void pcp_table_update(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		fill_pcp_table(cpu);
}

void __init setup_zone_pagesets(void)
{
	struct zone *zone;
	int n = 0, cpu;

	for_each_populated_zone(zone) {
		if (n == MAX_PAGESETS)
			break;
		for_each_possible_cpu(cpu)
			init_pageset(zone, per_cpu_ptr(&zone_pagesets[n], cpu));
		zone->per_cpu_pageset = &zone_pagesets[n++];
		zone_pcp_update(zone);
	}
	pcp_table_update();
}
