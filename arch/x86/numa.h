/*
 * Nodes as firmware describes them: which memory and which CPUs belong together, and how far apart nodes are.
 *
 * acpi_boot_init() fills the table below from SRAT and SLIT, with node numbers made dense (firmware's proximity domains may
 * be any number). The memory manager reads it when it builds nodes (mm/phys/nodes.c); without SRAT numa_nr_memblks is 0
 * until it adds one node with everything. Nothing here changes after boot.
 *
 * Mirrors Linux arch/x86/mm/{numa,srat}.c. Exercised by boots with NODES=2.
 */
#pragma once

#include "kernel/percpu.h"
#include "lib/types.h"

#define NUMA_NO_NODE (-1)
#ifndef MAX_NUMNODES
#define MAX_NUMNODES 8
#endif
#define NR_NODE_MEMBLKS (MAX_NUMNODES * 8)
#define LOCAL_DISTANCE	10
#define REMOTE_DISTANCE 20

struct numa_memblk {
	phys_addr_t start, end; /* [start, end) */
	int nid;
	bool hotpluggable;
};

extern struct numa_memblk numa_memblks[NR_NODE_MEMBLKS];
extern unsigned int numa_nr_memblks;
extern unsigned int numa_nr_nodes; /* at least 1 */

extern bool numa_off; /* numa=off: what firmware says is not used */

/* Records; called while SRAT is read. -EINVAL: overlap with another node, or too many. */
int numa_add_memory(int nid, phys_addr_t base, phys_addr_t len, bool hotpluggable);
void numa_set_apicid_node(u32 apicid, int nid);

/* The table in the order of addresses. */
void numa_sort_memblks(void);
/* One node again: the firmware's description is wrong, or not wanted. */
void numa_forget(void);
/* For emulation: CPUs of node n now belong to node to[n]; a distance. => before numa_init_cpu_nodes() */
void numa_move_cpus(const int *to);
void numa_set_distance(int from, int to, u8 distance);

/* Node of a CPU: 0 unless SRAT says else. => after numa_init_cpu_nodes() */
extern u8 cpu_node_map[NR_CPUS];
#define cpu_to_node(cpu) ((int)cpu_node_map[cpu])
/* Node of this CPU, one instruction. => after smp_prepare_boot_cpu(); 0 before */
DECLARE_PER_CPU(int, numa_node);
#define numa_node_id() this_cpu_read(numa_node)
/* Fills cpu_node_map from cpu_apicid[]. => boot CPU, after prefill_possible_map() */
void numa_init_cpu_nodes(void);
/* SLIT's distance, 10 for the same node, 20 by default. */
int node_distance(int from, int to);
