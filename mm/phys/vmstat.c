/*
 * Counters: sums over CPUs, and the names that /proc gives them.
 *
 * The sum of per-CPU copies is not a snapshot: CPUs go on counting while it is made. A state that is never negative may so
 * look negative for a moment; it is then reported as zero.
 *
 * Mirrors Linux mm/vmstat.c. Exercised by the buddy suite; seen in /proc/vmstat.
 */
#include "mm/phys/vmstat.h"

#include "arch/x86/tlb.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/phys/internal.h"

DEFINE_PER_CPU(struct vm_event_state, vm_event_states);

const char *const zone_stat_names[NR_VM_ZONE_STAT_ITEMS] = {
	"nr_free_pages",
	"nr_zone_inactive_anon",
	"nr_zone_active_anon",
	"nr_zone_inactive_file",
	"nr_zone_active_file",
	"nr_zone_unevictable",
	"nr_zone_write_pending",
	"nr_mlock",
	"nr_bounce",
	"nr_free_cma",
};

const char *const node_stat_names[NR_VM_NODE_STAT_ITEMS] = {
	"nr_inactive_anon",
	"nr_active_anon",
	"nr_inactive_file",
	"nr_active_file",
	"nr_unevictable",
	"nr_slab_reclaimable",
	"nr_slab_unreclaimable",
	"nr_isolated_anon",
	"nr_isolated_file",
	"workingset_nodes",
	"workingset_refault_anon",
	"workingset_refault_file",
	"workingset_activate_anon",
	"workingset_activate_file",
	"workingset_restore_anon",
	"workingset_restore_file",
	"workingset_nodereclaim",
	"nr_anon_pages",
	"nr_mapped",
	"nr_file_pages",
	"nr_dirty",
	"nr_writeback",
	"nr_shmem",
	"nr_shmem_hugepages",
	"nr_shmem_pmdmapped",
	"nr_file_hugepages",
	"nr_file_pmdmapped",
	"nr_anon_transparent_hugepages",
	"nr_vmscan_write",
	"nr_vmscan_immediate_reclaim",
	"nr_dirtied",
	"nr_written",
	"nr_throttled_written",
	"nr_kernel_misc_reclaimable",
	"nr_foll_pin_acquired",
	"nr_foll_pin_released",
	"nr_kernel_stack",
	"nr_page_table_pages",
	"nr_sec_page_table_pages",
	"nr_swapcached",
};

const char *const vm_event_names[NR_VM_EVENT_ITEMS] = {
	"pgpgin",
	"pgpgout",
	"pswpin",
	"pswpout",
	"pgalloc_dma",
	"pgalloc_dma32",
	"pgalloc_normal",
	"pgalloc_movable",
	"pgalloc_device",
	"allocstall_dma",
	"allocstall_dma32",
	"allocstall_normal",
	"allocstall_movable",
	"allocstall_device",
	"pgfree",
	"pgactivate",
	"pgdeactivate",
	"pglazyfree",
	"pgfault",
	"pgmajfault",
	"pglazyfreed",
	"pgrefill",
	"pgreuse",
	"pgsteal_kswapd",
	"pgsteal_direct",
	"pgscan_kswapd",
	"pgscan_direct",
	"pginodesteal",
	"slabs_scanned",
	"kswapd_inodesteal",
	"pageoutrun",
	"pgrotated",
	"drop_pagecache",
	"drop_slab",
	"oom_kill",
	"pgmigrate_success",
	"pgmigrate_fail",
	"unevictable_pgs_culled",
	"unevictable_pgs_scanned",
	"unevictable_pgs_rescued",
	"unevictable_pgs_mlocked",
	"unevictable_pgs_munlocked",
	"nr_tlb_remote_flush",
	"nr_tlb_remote_flush_received",
	"nr_tlb_local_flush_all",
	"nr_tlb_local_flush_one",
	"direct_map_level2_splits",
	"direct_map_level3_splits",
	"vma_lock_success",
	"vma_lock_abort",
	"vma_lock_retry",
	"vma_lock_miss",
};

const char *const numa_stat_names[NR_VM_NUMA_EVENT_ITEMS] = {
	"numa_hit", "numa_miss", "numa_foreign", "numa_interleave", "numa_local", "numa_other",
};

void all_vm_events(unsigned long *ret)
{
	int cpu;

	memset(ret, 0, NR_VM_EVENT_ITEMS * sizeof(*ret));
	for_each_possible_cpu(cpu) {
		struct vm_event_state *s = &per_cpu(vm_event_states, cpu);

		for (int i = 0; i < NR_VM_EVENT_ITEMS; i++)
			ret[i] += READ_ONCE(s->event[i]);
		for (int i = 0; i < NR_TLB_EVENTS; i++)
			ret[NR_TLB_REMOTE_FLUSH + i] += READ_ONCE(per_cpu(tlb_events, cpu)[i]);
	}
	/* What comes from and goes to per-CPU lists is counted there: one word that is in the cache anyway. */
	ret[PGFREE] += pcp_event_sums(&ret[PGALLOC_DMA]);
}

/*
 * Each block that a zone gives is counted once, in allocs[] of the CPU that gets it. That makes it local if the zone is on
 * that CPU's own node, else not; and a hit, unless another zone was wanted: then the difference stands in numa_event[].
 */
unsigned long zone_numa_event_state(struct zone *zone, enum numa_stat_item item)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);
		bool local = cpu_to_node(cpu) == zone->node;

		sum += READ_ONCE(pcp->numa_event[item]);
		if (item == NUMA_HIT || item == (local ? NUMA_LOCAL : NUMA_OTHER))
			for (int order = 0; order < NR_PAGE_ORDERS; order++)
				sum += READ_ONCE(pcp->allocs[order]);
	}
	return sum;
}

unsigned long sum_zone_numa_event_state(int node, enum numa_stat_item item)
{
	unsigned long sum = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		if (zone->node == node)
			sum += zone_numa_event_state(zone, item);
	return sum;
}

unsigned long global_numa_event_state(enum numa_stat_item item)
{
	unsigned long sum = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		sum += zone_numa_event_state(zone, item);
	return sum;
}

void zone_lock_events(struct zone *zone, struct zone_lock_events *ev)
{
	int cpu;

	*ev = (struct zone_lock_events){ 0 };
	for_each_possible_cpu(cpu) {
		struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);

		ev->refills += READ_ONCE(pcp->refills);
		ev->drains += READ_ONCE(pcp->drains);
		ev->direct += READ_ONCE(pcp->direct);
	}
}

unsigned long global_zone_page_state(enum zone_stat_item item)
{
	unsigned long sum = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		sum += zone_page_state(zone, item);
	return sum;
}

unsigned long node_page_state(struct pglist_data *pgdat, enum node_stat_item item)
{
	long sum = atomic_long_read(&pgdat->vm_stat[item]);
	int cpu;

	if (pgdat->per_cpu_nodestats)
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(per_cpu_ptr(pgdat->per_cpu_nodestats, cpu)->diff[item]);
	return sum < 0 ? 0 : sum;
}

unsigned long global_node_page_state(enum node_stat_item item)
{
	struct pglist_data *pgdat;
	long sum = 0;

	/* Pages are counted up on one node and down on another when they migrate: clip the whole, not the parts. */
	for_each_online_pgdat(pgdat)
		sum += node_page_state(pgdat, item);
	return sum;
}

void zone_free_blocks(struct zone *zone, unsigned long *nr)
{
	guard(spinlock_irqsave)(&zone->lock);
	for (int order = 0; order < NR_PAGE_ORDERS; order++)
		nr[order] = zone->free_area[order].nr_free;
}

unsigned long nr_free_pages(void)
{
	unsigned long sum = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		sum += zone_page_state(zone, NR_FREE_PAGES) + zone_pcp_pages(zone);
	return sum;
}

void si_meminfo(struct sysinfo_pages *val)
{
	*val = (struct sysinfo_pages){
		.totalram = totalram_pages(),
		.sharedram = global_node_page_state(NR_SHMEM),
		.freeram = nr_free_pages(),
	};
}

/* Free memory above the reserves, plus what could be dropped: half of the page cache at least is assumed to be needed. */
long si_mem_available(void)
{
	unsigned long low = 0, cache, slab;
	struct zone *zone;
	long available;

	for_each_populated_zone(zone)
		low += low_wmark_pages(zone);
	available = nr_free_pages() - totalreserve_pages;
	cache = global_node_page_state(NR_ACTIVE_FILE) + global_node_page_state(NR_INACTIVE_FILE);
	available += cache - min(cache / 2, low);
	slab = global_node_page_state(NR_SLAB_RECLAIMABLE);
	available += slab - min(slab / 2, low);
	return max(available, 0L);
}
