/*
 * Nodes: memory by distance.
 *
 * 1. A node is memory with the CPUs next to it. SRAT names them (arch/x86/numa.c), `numa=fake=` cuts them out of what is
 *    there (mm/boot/numa_emulation.c), and without either everything is node 0. initmem_init() writes each RAM range's
 *    node into memblock; from then on memblock is where a frame's node is looked up.
 * 2. A node has a pg_data_t if it has memory or CPUs. One without memory has empty zones and a zonelist that starts
 *    at its nearest neighbour, so asking it for a page needs no special case. node_states[] says who has what.
 * 3. A pg_data_t lies in its own node's memory, if that has any: its CPUs read it at every allocation.
 * 4. A node's frames need not be in a row. node_spanned_pages counts from the first to the last, and another node's
 *    memory may lie in between: who walks a span asks each page for its node.
 * 5. local_pgdat is what a CPU allocates from first: its node, or if that is empty the nearest one with memory.
 *
 * Boot CPU only, constant after. Mirrors Linux mm/mm_init.c, mm/numa.c, arch/x86/mm/numa.c. Exercised by the zones suite
 * and tests/boot/test_numa.py; seen in /sys/devices/system/node.
 */
#include "arch/x86/numa.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "mm/boot/memblock.h"
#include "mm/boot/numa_emulation.h"
#include "mm/phys/boot.h"
#include "mm/phys/internal.h"

pg_data_t *node_data[MAX_NUMNODES];
nodemask_t node_states[NR_NODE_STATES];
struct zone *zone_table[MAX_NUMNODES << ZONES_SHIFT];
DEFINE_PER_CPU(pg_data_t *, local_pgdat);
static DEFINE_PER_CPU(struct per_cpu_nodestat[MAX_NUMNODES], node_stats);

unsigned long max_pfn, max_low_pfn, min_low_pfn;

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

int nearest_memory_node(int nid)
{
	int best = NUMA_NO_NODE, n;

	for_each_node_state(n, N_MEMORY) if (best == NUMA_NO_NODE ||
					     node_distance(nid, n) < node_distance(nid, best))
		best = n;
	return best;
}

/* ---- which RAM belongs to which node ---- */

/* Bytes of RAM that no range of the table covers. */
static phys_addr_t __init uncovered_ram(void)
{
	phys_addr_t left = 0, start, end;
	unsigned long i;

	for_each_mem_range(i, &start, &end) {
		left += end - start;
		for (unsigned int n = 0; n < numa_nr_memblks; n++) {
			phys_addr_t from = max(start, numa_memblks[n].start);
			phys_addr_t to = min(end, numa_memblks[n].end);

			if (from < to)
				left -= to - from;
		}
	}
	return left;
}

/* One node with everything, if the firmware has no description or none that fits its own memory map. */
static void __init check_firmware_nodes(void)
{
	phys_addr_t left = numa_nr_memblks ? uncovered_ram() : 0;

	if (left > SZ_1M)
		pr_warn("NUMA: nodes leave out %lu MiB of %lu MiB RAM. Not used.\n",
			(unsigned long)left >> 20, (unsigned long)memblock_phys_mem_size() >> 20);
	if (numa_off || left > SZ_1M)
		numa_forget();
	if (numa_nr_memblks)
		return;
	pr_info("%s\n", numa_off ? "NUMA turned off" : "No NUMA configuration found");
	pr_info("Faking a node at [mem %#018lx-%#018lx]\n", 0UL, PFN_PHYS(max_pfn) - 1);
	numa_add_memory(0, 0, PFN_PHYS(max_pfn), false);
}

static void __init give_ranges_to_nodes(void)
{
	/* A few KiB that the table leaves out go to its first node. */
	memblock_set_node(0, ~(phys_addr_t)0, numa_memblks[0].nid);
	for (unsigned int n = 0; n < numa_nr_memblks; n++) {
		struct numa_memblk *b = &numa_memblks[n];

		memblock_set_node(b->start, b->end - b->start, b->nid);
		if (b->hotpluggable)
			memblock_mark_hotplug(b->start, b->end - b->start);
		node_set(b->nid, node_states[N_POSSIBLE]);
	}
}

/*
 * What boot has allocated before this cannot be moved, so the nodes on which it lies cannot be unplugged. From here on boot
 * allocates on others, if it was told to keep some movable.
 */
static void __init keep_hotplug_free(void)
{
	struct memblock_region *taken, *ram;
	nodemask_t kernel_nodes = { 0 };

	for_each_reserved_mem_region(taken)
		for_each_mem_region(ram)
			if (taken->base < memblock_region_end(ram) &&
			    ram->base < memblock_region_end(taken))
				node_set(ram->nid, kernel_nodes);
	for (unsigned int n = 0; n < numa_nr_memblks; n++)
		if (node_isset(numa_memblks[n].nid, kernel_nodes))
			memblock_clear_hotplug(numa_memblks[n].start,
					       numa_memblks[n].end - numa_memblks[n].start);
	memblock_set_bottom_up(false);
	if (movable_node_enabled)
		memblock_set_avoid(MEMBLOCK_HOTPLUG);
}

/* ---- their data ---- */

static void __init find_node_states(void)
{
	unsigned long start, end;
	unsigned int cpu;
	int i, nid;

	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &nid)
		node_set(nid, node_states[N_MEMORY]);
	for_each_possible_cpu(cpu)
		node_set(cpu_to_node(cpu), node_states[N_CPU]);
	node_online_map.bits = node_states[N_MEMORY].bits | node_states[N_CPU].bits;
	node_states[N_POSSIBLE].bits |= node_online_map.bits;
}

static void __init alloc_node_data(int nid)
{
	pg_data_t *pgdat = memblock_alloc_node(sizeof(*pgdat), 64, nearest_memory_node(nid));
	phys_addr_t phys;

	if (!pgdat)
		panic("Out of memory for node %d's data\n", nid);
	phys = __pa(pgdat);
	pgdat->node_id = nid;
	pgdat->per_cpu_nodestats = &node_stats[nid];
	spin_lock_init(&pgdat->__lruvec.lru_lock);
	for (int lru = 0; lru < NR_LRU_LISTS; lru++)
		INIT_LIST_HEAD(&pgdat->__lruvec.lists[lru]);
	node_data[nid] = pgdat;
	pr_info("NODE_DATA(%d) allocated [mem %#018lx-%#018lx]%s\n", nid, phys,
		phys + sizeof(*pgdat) - 1,
		node_state(nid, N_MEMORY) ? "" : " on another node: this one has no memory");
}

void __init initmem_init(void)
{
	int nid;

	min_low_pfn = PFN_UP(memblock_start_of_DRAM());
	max_pfn = max_low_pfn = PFN_DOWN(memblock_end_of_DRAM());
	check_firmware_nodes();
	numa_emulation();
	numa_init_cpu_nodes();
	give_ranges_to_nodes();
	keep_hotplug_free();
	find_node_states();
	for_each_online_node(nid)
		alloc_node_data(nid);
}
