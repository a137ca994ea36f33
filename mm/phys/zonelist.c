/*
 * Zonelists: where an allocation looks, in which order.
 *
 * 1. Each node has a list of all zones of all nodes: its own first, then those of the other nodes by distance; within
 *    a node from the highest zone down, because what fits anywhere should not take what only DMA can use. An
 *    allocation starts at the first entry that its flags allow (gfp_zone) and goes down the list.
 * 2. Of two nodes at one distance each neighbour prefers another one. If node 0 fell back to 2 and node 1 to 2 as well,
 *    2 would carry twice the load; so a node that was chosen gets a penalty when the next node's list is made, and a
 *    full round of choices evens out.
 * 3. Before distance decides, a node without CPUs is preferred among equals: nobody there will miss its memory.
 * 4. The second list, own node only, serves __GFP_THISNODE.
 * 5. preferred_zone[] is the first list's first entry for each combination of the four zone flags: the hot path finds
 *    its zone with one load.
 *
 * Boot CPU only, constant after. Mirrors Linux mm/page_alloc.c (build_zonelists, find_next_best_node). Exercised by the
 * zones suite and tests/boot/test_numa.py.
 */
#include "arch/x86/numa.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "mm/boot/memblock.h"
#include "mm/phys/boot.h"
#include "mm/phys/internal.h"

/* How often a node was somebody's next choice, weighted so that it counts less than a step of distance. */
static int node_load[MAX_NUMNODES] __initdata;

/* The populated zones of a node, from the highest down, appended at n; the new n. */
static int __init add_zones(struct zoneref *refs, int n, pg_data_t *pgdat)
{
	for (int zid = MAX_NR_ZONES - 1; zid >= 0; zid--) {
		struct zone *zone = &pgdat->node_zones[zid];

		if (populated_zone(zone) && zid != ZONE_DEVICE)
			refs[n++] = (struct zoneref){ zone, zid };
	}
	return n;
}

/* What speaks against taking memory of `to` for CPUs of `from`; the distance weighs most. */
static int __init fallback_cost(int from, int to)
{
	int cost = node_distance(from, to);

	/* Of equals the next higher number, round the circle. */
	cost += to < from;
	if (node_state(to, N_CPU))
		cost++;
	return cost * MAX_NUMNODES + node_load[to];
}

/* The best node with memory that is not in used yet: itself first. NUMA_NO_NODE when all are. */
static int __init find_next_best_node(int from, nodemask_t used)
{
	int best = NUMA_NO_NODE, nid;

	if (!node_isset(from, used) && node_state(from, N_MEMORY))
		return from;
	for_each_node_state(nid, N_MEMORY) if (!node_isset(nid, used) &&
					       (best == NUMA_NO_NODE ||
						fallback_cost(from, nid) <
							fallback_cost(from, best))) best = nid;
	return best;
}

static struct zoneref *__init alloc_refs(int n, int nid)
{
	struct zoneref *refs = memblock_alloc_node(n * sizeof(*refs), 64, nearest_memory_node(nid));

	if (!refs)
		panic("Out of memory for node %d's zonelists\n", nid);
	return refs;
}

static void __init build_zonelists(pg_data_t *pgdat)
{
	int self = pgdat->node_id, prev = self, n = 0, nid;
	struct zoneref *all = alloc_refs(MAX_ZONES_PER_ZONELIST + 1, self);
	struct zoneref *own = alloc_refs(MAX_NR_ZONES + 1, self);
	nodemask_t used = { 0 };

	pr_info("Fallback order for Node %d:", self);
	while ((nid = find_next_best_node(self, used)) != NUMA_NO_NODE) {
		/* Only the first of a group of equal distance is burdened. */
		if (node_distance(self, nid) != node_distance(self, prev))
			node_load[nid]++;
		node_set(nid, used);
		n = add_zones(all, n, NODE_DATA(nid));
		prev = nid;
		pr_cont(" %d", nid);
	}
	pr_cont("\n");
	add_zones(own, 0, pgdat);
	pgdat->node_zonelists[ZONELIST_FALLBACK]._zonerefs = all;
	pgdat->node_zonelists[ZONELIST_NOFALLBACK]._zonerefs = own;

	for (gfp_t gfp = 0; gfp <= GFP_ZONEMASK; gfp++) {
		struct zoneref *z = next_zones_zonelist(all, gfp_zone(gfp), NULL);

		/* Without any zone below the limit the request fails; the table still points somewhere, at a zone
		 * whose per-CPU lists are always busy. */
		pgdat->preferred_zone[gfp] = z->zone ?: &pgdat->node_zones[ZONE_DEVICE];
	}
}

void __init build_all_zonelists(void)
{
	unsigned long pages = 0;
	struct zone *zone;
	int nid, cpu;

	for_each_online_node(nid)
		build_zonelists(NODE_DATA(nid));
	for_each_possible_cpu(cpu)
		per_cpu(local_pgdat, cpu) = NODE_DATA(nearest_memory_node(cpu_to_node(cpu)));
	for_each_populated_zone(zone)
		pages += zone->present_pages;
	pr_info("Built %u zonelists, mobility grouping on.  Total pages: %lu\n",
		(unsigned int)num_online_nodes(), pages);
}
