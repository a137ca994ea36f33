/*
 * Watermarks and reserves: how much of each zone is not for everybody.
 *
 * 1. Those who free memory need some to do it, and interrupts cannot wait for anybody. So min_free_kbytes of all memory
 *    stay free, shared out to the zones by size: a zone's *min* watermark. It grows with the square root of memory, 16
 *    MiB 512k, 512 MiB 2896k, 16 GiB 16384k: the reserve has to last while pages are being freed, which takes longer on
 *    larger machines, but not in proportion.
 * 2. Above min stand low (below it kswapd is woken), high (at it kswapd stops) and promo, at equal distances: a
 *    quarter of min, or watermark_scale_factor/10000 of the zone if that is more.
 * 3. Pages of ZONE_MOVABLE do not serve the kernel itself, so the zone needs no share of min_free_kbytes: its min is a
 *    token, 32..128 pages. The other zones share all of it.
 * 4. A request that could be served by a high zone and asks a lower one only because the high one is short must leave
 *    lowmem_reserve[high] pages there: the managed pages of all zones above it on its node, up to the one that the
 *    request named, divided by the lower zone's lowmem_reserve_ratio. Otherwise programs would eat the 16 MiB that
 *    only old devices need.
 * 5. totalreserve_pages, high watermark plus largest reserve of each zone, is what user space never gets; overcommit
 *    and MemAvailable subtract it.
 *
 * A watermark is one word, read without a lock by each allocation; wmark_lock makes recomputing one at a time.
 * Mirrors Linux mm/page_alloc.c. Exercised by the zones suite against the formulas; seen in /proc/zoneinfo.
 */
#include "mm/phys/wmark.h"

#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/spinlock.h"
#include "mm/phys/buddy.h"
#include "mm/phys/internal.h"

#define MIN_FREE_KBYTES_LEAST 128
#define MIN_FREE_KBYTES_MOST  262144
#define MOVABLE_MIN_LEAST     32 /* pages; as many as reclaim takes off a list at once */
#define MOVABLE_MIN_MOST      128

int min_free_kbytes = 1024;
int user_min_free_kbytes = -1;
int watermark_scale_factor = 10;
int watermark_boost_factor = 15000;
int percpu_pagelist_high_fraction;
int sysctl_lowmem_reserve_ratio[MAX_NR_ZONES] = {
	[ZONE_DMA] = 256,
	[ZONE_DMA32] = 256,
	[ZONE_NORMAL] = 32,
};

unsigned long totalreserve_pages;

/* Protects: the order of recomputations. Taken before zone->lock. */
static DEFINE_SPINLOCK(wmark_lock);

/* => wmark_lock */
static void calculate_totalreserve_pages(void)
{
	unsigned long total = 0;
	pg_data_t *pgdat;

	for_each_online_pgdat(pgdat) {
		unsigned long node = 0;

		for (int i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &pgdat->node_zones[i];
			long reserve = 0;

			for (int j = i; j < MAX_NR_ZONES; j++)
				reserve = max(reserve, zone->lowmem_reserve[j]);
			node += min(reserve + high_wmark_pages(zone), zone_managed_pages(zone));
		}
		pgdat->totalreserve_pages = node;
		total += node;
	}
	totalreserve_pages = total;
}

void setup_per_zone_lowmem_reserve(void)
{
	pg_data_t *pgdat;

	guard(spinlock_irqsave)(&wmark_lock);
	for_each_online_pgdat(pgdat) {
		for (int i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &pgdat->node_zones[i];
			int ratio = managed_zone(zone) ? sysctl_lowmem_reserve_ratio[i] : 0;
			unsigned long above = 0;

			for (int j = i + 1; j < MAX_NR_ZONES; j++) {
				above += zone_managed_pages(&pgdat->node_zones[j]);
				zone->lowmem_reserve[j] = ratio ? above / ratio : 0;
			}
		}
	}
	calculate_totalreserve_pages();
}

/* a * num / den without overflow of the product, for den < 2^32. */
static unsigned long mult_frac(unsigned long a, unsigned long num, unsigned long den)
{
	return a / den * num + a % den * num / den;
}

/* Managed pages that kernel allocations can use. */
static unsigned long lowmem_pages(void)
{
	unsigned long pages = 0;
	struct zone *zone;

	for_each_zone(zone)
		if (zone_idx(zone) < ZONE_MOVABLE)
			pages += zone_managed_pages(zone);
	return pages;
}

static void set_watermarks(struct zone *zone, unsigned long lowmem)
{
	unsigned long pages_min = (unsigned long)min_free_kbytes >> (PAGE_SHIFT - 10);
	unsigned long managed = zone_managed_pages(zone);
	unsigned long share = mult_frac(pages_min, managed, max(lowmem, 1UL));
	unsigned long gap =
		max(share / 4, mult_frac(managed, (unsigned int)watermark_scale_factor, 10000));
	unsigned long min_pages = share, flags;

	if (zone_idx(zone) == ZONE_MOVABLE)
		min_pages =
			clamp_t(unsigned long, managed / 1024, MOVABLE_MIN_LEAST, MOVABLE_MIN_MOST);
	/* Boot comes by before it turns interrupts on. */
	spin_lock_irqsave(&zone->lock, flags);
	zone->watermark_boost = 0;
	for (int i = 0; i < NR_WMARK; i++)
		zone->_watermark[i] = min_pages + i * gap;
	spin_unlock_irqrestore(&zone->lock, flags);
}

void setup_per_zone_wmarks(void)
{
	unsigned long lowmem = lowmem_pages();
	struct zone *zone;

	guard(spinlock_irqsave)(&wmark_lock);
	for_each_populated_zone(zone) {
		set_watermarks(zone, lowmem);
		zone_pcp_update(zone);
	}
	calculate_totalreserve_pages();
}

/* The largest r with r * r <= x. */
static unsigned long int_sqrt(unsigned long x)
{
	unsigned long r = 0;

	for (unsigned long bit = 1UL << 31; bit; bit >>= 1)
		if ((r + bit) * (r + bit) <= x)
			r += bit;
	return r;
}

void calculate_min_free_kbytes(void)
{
	unsigned long kbytes = lowmem_pages() << (PAGE_SHIFT - 10);
	int chosen = int_sqrt(kbytes * 16);

	if (chosen > user_min_free_kbytes)
		min_free_kbytes = clamp(chosen, MIN_FREE_KBYTES_LEAST, MIN_FREE_KBYTES_MOST);
	else
		pr_warn("min_free_kbytes is not updated to %d because user defined value %d is "
			"preferred\n",
			chosen, user_min_free_kbytes);
}

void init_per_zone_wmark_min(void)
{
	calculate_min_free_kbytes();
	setup_per_zone_lowmem_reserve();
	setup_per_zone_wmarks();
}
