/*
 * Nodes: the memory ranges and CPUs that SRAT assigns to each, and SLIT's distances.
 *
 * Written during acpi_boot_init() on the boot CPU, constant after, so nothing is locked.
 * Mirrors Linux arch/x86/mm/{numa,srat}.c. Exercised by boots with NODES=2.
 */
#include "arch/x86/numa.h"

#include "arch/x86/apic.h"
#include "arch/x86/numa_tables.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "lib/errno.h"
#include "lib/string.h"

struct numa_memblk numa_memblks[NR_NODE_MEMBLKS];
unsigned int numa_nr_memblks;
unsigned int numa_nr_nodes = 1;
bool numa_off;

u8 cpu_node_map[NR_CPUS];
DEFINE_PER_CPU_READ_MOSTLY(int, numa_node);

static struct {
	u32 apicid;
	int nid;
} apicid_node[NR_CPUS];
static unsigned int nr_apicid_node;
static int default_node; /* of CPUs that SRAT does not name */

static u32 pxm_of_node[MAX_NUMNODES];
static unsigned int nr_pxm;
static u8 distances[MAX_NUMNODES][MAX_NUMNODES];

/* Node number of a proximity domain, a new one if it was not met before; NUMA_NO_NODE when all are used. */
int acpi_map_pxm_to_node(u32 pxm)
{
	for (unsigned int n = 0; n < nr_pxm; n++)
		if (pxm_of_node[n] == pxm)
			return n;
	if (nr_pxm == MAX_NUMNODES)
		return NUMA_NO_NODE;
	pxm_of_node[nr_pxm] = pxm;
	numa_nr_nodes = nr_pxm + 1;
	return nr_pxm++;
}

int pxm_to_node(u32 pxm)
{
	for (unsigned int n = 0; n < nr_pxm; n++)
		if (pxm_of_node[n] == pxm)
			return n;
	return NUMA_NO_NODE;
}

void numa_forget(void)
{
	numa_nr_memblks = 0;
	numa_nr_nodes = 1;
	nr_apicid_node = 0;
	nr_pxm = 0;
	memset(distances, 0, sizeof(distances));
}

void __init numa_sort_memblks(void)
{
	for (unsigned int i = 1; i < numa_nr_memblks; i++)
		for (unsigned int j = i; j && numa_memblks[j].start < numa_memblks[j - 1].start;
		     j--)
			swap(numa_memblks[j], numa_memblks[j - 1]);
}

void __init numa_move_cpus(const int *to)
{
	for (unsigned int i = 0; i < nr_apicid_node; i++)
		apicid_node[i].nid = to[apicid_node[i].nid];
	default_node = to[0];
}

int numa_add_memory(int nid, phys_addr_t base, phys_addr_t len, bool hotpluggable)
{
	phys_addr_t end = base + len;

	if (!len)
		return 0;
	if (end < base || nid < 0 || nid >= MAX_NUMNODES || numa_nr_memblks == NR_NODE_MEMBLKS)
		return -EINVAL;
	for (unsigned int i = 0; i < numa_nr_memblks; i++) {
		struct numa_memblk *b = &numa_memblks[i];

		if (base < b->end && b->start < end && b->nid != nid)
			return -EINVAL;
	}
	numa_memblks[numa_nr_memblks++] = (struct numa_memblk){ base, end, nid, hotpluggable };
	return 0;
}

void numa_set_apicid_node(u32 apicid, int nid)
{
	if (nr_apicid_node < NR_CPUS && nid >= 0) {
		apicid_node[nr_apicid_node].apicid = apicid;
		apicid_node[nr_apicid_node++].nid = nid;
	}
}

void numa_set_distance(int from, int to, u8 distance)
{
	if (from >= 0 && to >= 0 && from < MAX_NUMNODES && to < MAX_NUMNODES)
		distances[from][to] = distance;
}

void __init numa_init_cpu_nodes(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		cpu_node_map[cpu] = default_node;
		for (unsigned int i = 0; i < nr_apicid_node; i++)
			if (apicid_node[i].apicid == cpu_apicid[cpu])
				cpu_node_map[cpu] = apicid_node[i].nid;
	}
}

int node_distance(int from, int to)
{
	if (from >= 0 && to >= 0 && from < MAX_NUMNODES && to < MAX_NUMNODES && distances[from][to])
		return distances[from][to];
	return from == to ? LOCAL_DISTANCE : REMOTE_DISTANCE;
}
