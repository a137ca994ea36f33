/*
 * /sys/devices/system/node: the memory nodes, what each has, and which CPUs are close to it.
 *
 * numactl and numastat read these. meminfo has the lines of /proc/meminfo that make sense for a part of memory; vmstat
 * those of /proc/vmstat; numastat counts allocations, not pages. The links to memory blocks are made by memory.c.
 *
 * Locks: none, the counters are read one after the other. Mirrors Linux drivers/base/node.c. Exercised by
 * tests/user/sysfs.c and memnodes.c.
 */
#include "arch/x86/numa.h"
#include "kernel/fs/sysfs/cpu.h"
#include "kernel/fs/sysfs/node.h"
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/init.h"
#include "kernel/smp.h"
#include "lib/printf.h"
#include "mm/phys/deferred.h"
#include "mm/phys/vmstat.h"

struct kernfs_node *sysfs_node_dirs[MAX_NUMNODES];

static ssize_t node_list_show(char *buf, void *data)
{
	const nodemask_t *mask = data;

	return sysfs_emit(buf, "%*pbl\n", MAX_NUMNODES, &mask->bits);
}

/* Nodes with memory in Normal or below: all that there are until Movable-only nodes exist. */
static ssize_t normal_memory_show(char *buf, void *data)
{
	unsigned long mask = 0;
	struct zone *zone;

	for_each_populated_zone(zone) {
		if (zone_idx(zone) <= ZONE_NORMAL)
			mask |= BIT(zone->node);
	}
	return sysfs_emit(buf, "%*pbl\n", MAX_NUMNODES, &mask);
}

static cpumask_t node_cpus(int nid)
{
	cpumask_t mask = 0;
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		if (cpu_to_node(cpu) == nid)
			mask |= BIT(cpu);
	}
	return mask;
}

static ssize_t has_cpu_show(char *buf, void *data)
{
	unsigned long mask = 0;
	unsigned int cpu;

	for_each_online_cpu(cpu)
		mask |= BIT(cpu_to_node(cpu));
	return sysfs_emit(buf, "%*pbl\n", MAX_NUMNODES, &mask);
}

/* --- nodeN --- */

static int nid_of(void *data)
{
	return (long)data;
}

static ssize_t cpumap_show(char *buf, void *data)
{
	cpumask_t mask = node_cpus(nid_of(data));

	return sysfs_emit(buf, "%*pb\n", (int)nr_cpu_ids, &mask);
}

static ssize_t cpulist_show(char *buf, void *data)
{
	cpumask_t mask = node_cpus(nid_of(data));

	return sysfs_emit(buf, "%*pbl\n", (int)nr_cpu_ids, &mask);
}

static ssize_t distance_show(char *buf, void *data)
{
	int at = 0, nid;

	for_each_online_node(nid)
		at += sysfs_emit_at(buf, at, "%s%d", at ? " " : "",
				    node_distance(nid_of(data), nid));
	return at + sysfs_emit_at(buf, at, "\n");
}

static unsigned long zones_sum(pg_data_t *pgdat, unsigned long (*value)(struct zone *zone))
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		sum += populated_zone(&pgdat->node_zones[i]) ? value(&pgdat->node_zones[i]) : 0;
	return sum;
}

static unsigned long managed(struct zone *zone)
{
	return zone_managed_pages(zone);
}

static unsigned long free_pages_of(struct zone *zone)
{
	return zone_page_state(zone, NR_FREE_PAGES) + zone_pcp_pages(zone);
}

static unsigned long mlocked(struct zone *zone)
{
	return zone_page_state(zone, NR_MLOCK);
}

static unsigned long bounce(struct zone *zone)
{
	return zone_page_state(zone, NR_BOUNCE);
}

static int emit_kb(char *buf, int at, int nid, const char *name, unsigned long kb)
{
	return sysfs_emit_at(buf, at, "Node %d %-15s %8lu kB\n", nid, name, kb);
}

struct meminfo_line {
	const char *name;
	int item, second; /* node counters; the sum of two, or second is -1 */
};

/* item -1: nothing here is of that kind, as Linux prints it. KernelStack alone is kept in KiB. */
static int emit_lines(char *buf, int at, int nid, const struct meminfo_line *lines, unsigned int n)
{
	pg_data_t *pgdat = NODE_DATA(nid);
	int start = at;

	for (unsigned int i = 0; i < n; i++) {
		unsigned long v = 0;

		if (lines[i].item >= 0)
			v += node_page_state(pgdat, lines[i].item);
		if (lines[i].second >= 0)
			v += node_page_state(pgdat, lines[i].second);
		if (lines[i].item != NR_KERNEL_STACK_KB)
			v <<= PAGE_SHIFT - 10;
		at += emit_kb(buf, at, nid, lines[i].name, v);
	}
	return at - start;
}

static const struct meminfo_line lru_lines[] = {
	{ "SwapCached:", NR_SWAPCACHE, -1 },
	{ "Active:", NR_ACTIVE_ANON, NR_ACTIVE_FILE },
	{ "Inactive:", NR_INACTIVE_ANON, NR_INACTIVE_FILE },
	{ "Active(anon):", NR_ACTIVE_ANON, -1 },
	{ "Inactive(anon):", NR_INACTIVE_ANON, -1 },
	{ "Active(file):", NR_ACTIVE_FILE, -1 },
	{ "Inactive(file):", NR_INACTIVE_FILE, -1 },
	{ "Unevictable:", NR_UNEVICTABLE, -1 },
};

static const struct meminfo_line use_lines[] = {
	{ "Dirty:", NR_FILE_DIRTY, -1 },
	{ "Writeback:", NR_WRITEBACK, -1 },
	{ "FilePages:", NR_FILE_PAGES, -1 },
	{ "Mapped:", NR_FILE_MAPPED, -1 },
	{ "AnonPages:", NR_ANON_MAPPED, -1 },
	{ "Shmem:", NR_SHMEM, -1 },
	{ "KernelStack:", NR_KERNEL_STACK_KB, -1 },
	{ "PageTables:", NR_PAGETABLE, -1 },
	{ "SecPageTables:", NR_SECONDARY_PAGETABLE, -1 },
	{ "NFS_Unstable:", -1, -1 },
};

static const struct meminfo_line slab_lines[] = {
	{ "WritebackTmp:", -1, -1 },
	{ "KReclaimable:", NR_SLAB_RECLAIMABLE, NR_KERNEL_MISC_RECLAIMABLE },
	{ "Slab:", NR_SLAB_RECLAIMABLE, NR_SLAB_UNRECLAIMABLE },
	{ "SReclaimable:", NR_SLAB_RECLAIMABLE, -1 },
	{ "SUnreclaim:", NR_SLAB_UNRECLAIMABLE, -1 },
	{ "AnonHugePages:", NR_ANON_THPS, -1 },
	{ "ShmemHugePages:", NR_SHMEM_THPS, -1 },
	{ "ShmemPmdMapped:", NR_SHMEM_PMDMAPPED, -1 },
	{ "FileHugePages:", NR_FILE_THPS, -1 },
	{ "FilePmdMapped:", NR_FILE_PMDMAPPED, -1 },
};

static ssize_t meminfo_show(char *buf, void *data)
{
	int nid = nid_of(data), at = 0;
	pg_data_t *pgdat = NODE_DATA(nid);
	const unsigned int shift = PAGE_SHIFT - 10;
	unsigned long total, free;

	deferred_init_wait();
	total = zones_sum(pgdat, managed);
	free = zones_sum(pgdat, free_pages_of);
	at += emit_kb(buf, at, nid, "MemTotal:", total << shift);
	at += emit_kb(buf, at, nid, "MemFree:", free << shift);
	at += emit_kb(buf, at, nid, "MemUsed:", (total - min(free, total)) << shift);
	at += emit_lines(buf, at, nid, lru_lines, ARRAY_SIZE(lru_lines));
	at += emit_kb(buf, at, nid, "Mlocked:", zones_sum(pgdat, mlocked) << shift);
	at += emit_lines(buf, at, nid, use_lines, ARRAY_SIZE(use_lines));
	at += emit_kb(buf, at, nid, "Bounce:", zones_sum(pgdat, bounce) << shift);
	at += emit_lines(buf, at, nid, slab_lines, ARRAY_SIZE(slab_lines));
	return at;
}

static ssize_t numastat_show(char *buf, void *data)
{
	/* The names that numastat(8) knows, older than those of vmstat. */
	static const char *const names[NR_VM_NUMA_EVENT_ITEMS] = {
		"numa_hit",	  "numa_miss",	"numa_foreign",
		"interleave_hit", "local_node", "other_node",
	};
	int at = 0;

	for (int i = 0; i < NR_VM_NUMA_EVENT_ITEMS; i++)
		at += sysfs_emit_at(buf, at, "%s %lu\n", names[i],
				    sum_zone_numa_event_state(nid_of(data), i));
	return at;
}

static ssize_t node_vmstat_show(char *buf, void *data)
{
	pg_data_t *pgdat = NODE_DATA(nid_of(data));
	int at = 0, i, z;

	deferred_init_wait();
	for (i = 0; i < NR_VM_ZONE_STAT_ITEMS; i++) {
		unsigned long sum = 0;

		for (z = 0; z < MAX_NR_ZONES; z++)
			sum += zone_page_state(&pgdat->node_zones[z], i);
		at += sysfs_emit_at(buf, at, "%s %lu\n", zone_stat_names[i], sum);
	}
	for (i = 0; i < NR_VM_NUMA_EVENT_ITEMS; i++)
		at += sysfs_emit_at(buf, at, "%s %lu\n", numa_stat_names[i],
				    sum_zone_numa_event_state(nid_of(data), i));
	for (i = 0; i < NR_VM_NODE_STAT_ITEMS; i++) {
		unsigned long pages = node_page_state(pgdat, i);

		if (vmstat_item_print_in_thp(i))
			pages >>= pageblock_order;
		at += sysfs_emit_at(buf, at, "%s %lu\n", node_stat_names[i], pages);
	}
	return at;
}

static void add_node(struct kernfs_node *nodes, long nid)
{
	static const struct {
		const char *name;
		sysfs_show_t show;
	} files[] = {
		{ "cpumap", cpumap_show },	{ "cpulist", cpulist_show },
		{ "meminfo", meminfo_show },	{ "distance", distance_show },
		{ "vmstat", node_vmstat_show }, { "numastat", numastat_show },
	};
	struct kernfs_node *dir;
	unsigned int i, cpu;
	char name[16];

	snprintf(name, sizeof(name), "node%ld", nid);
	dir = sysfs_create_dir(nodes, name);
	if (IS_ERR(dir))
		return;
	sysfs_node_dirs[nid] = dir;
	for (i = 0; i < ARRAY_SIZE(files); i++)
		sysfs_create_file(dir, files[i].name, 0444, files[i].show, NULL, (void *)nid);
	for_each_cpu(cpu, node_cpus(nid)) {
		char link[16];

		if (!sysfs_cpu_dirs[cpu])
			continue;
		snprintf(link, sizeof(link), "cpu%u", cpu);
		sysfs_create_link(dir, link, sysfs_cpu_dirs[cpu]);
		sysfs_create_link(sysfs_cpu_dirs[cpu], name, dir);
	}
}

static int node_dev_init(void)
{
	struct kernfs_node *dir = sysfs_create_dir(sysfs_devices_system, "node");
	int nid;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	sysfs_create_file(dir, "online", 0444, node_list_show, NULL, &node_online_map);
	sysfs_create_file(dir, "possible", 0444, node_list_show, NULL, &node_online_map);
	sysfs_create_file(dir, "has_memory", 0444, node_list_show, NULL, &node_online_map);
	sysfs_create_file(dir, "has_normal_memory", 0444, normal_memory_show, NULL, NULL);
	sysfs_create_file(dir, "has_cpu", 0444, has_cpu_show, NULL, NULL);
	for_each_online_node(nid)
		add_node(dir, nid);
	return 0;
}
fs_initcall(node_dev_init);
