/*
 * /sys/devices/system/memory: physical memory in blocks, as memory hotplug would add and remove it.
 *
 * 1. A block is a fixed number of sections, 128 MiB, and on machines from 64 GiB on as much as divides the end of memory, at
 *    most 2 GiB: so their number stays small. lsmem(1) reads these files. A block is listed if any of its sections
 *    holds RAM; it keeps no state, everything shown follows from zones and memblock.
 * 2. A block belongs to a node if memory of the node lies in it; at a border it can be two. valid_zones names its zone, or
 *    none when it reaches into several.
 * 3. There is no hotplug yet: nothing is removable. Asking for offline is refused with EOPNOTSUPP, asking for what already
 *    is (online) with EINVAL, as Linux does.
 *
 * 4. A machine may have hundreds of blocks, so their directories are made when somebody first looks for them, here or in a
 *    node's directory.
 *
 * Locks: none, nothing changes after boot. Mirrors Linux drivers/base/memory.c, arch/x86/mm/init_64.c
 * (probe_memory_block_size). Exercised by tests/user/memnodes.c and tests/boot/test_views.py.
 */
#include "kernel/fs/sysfs/node.h"
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/init.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/phys/mmzone.h"

#define LARGE_MEMORY	PHYS_PFN(64UL * SZ_1G)
#define MAX_BLOCK_PAGES PHYS_PFN(2UL * SZ_1G)

static unsigned long block_pages; /* set once, before any file exists */
static struct kernfs_node *memory_dir;

static unsigned long memory_block_pages(void)
{
	unsigned long pages = MAX_BLOCK_PAGES;

	if (max_pfn < LARGE_MEMORY)
		return PAGES_PER_SECTION;
	while (pages > PAGES_PER_SECTION && max_pfn % pages)
		pages /= 2;
	return pages;
}

static unsigned long block_start(void *data)
{
	return (unsigned long)data * block_pages;
}

static ssize_t block_size_bytes_show(char *buf, void *data)
{
	return sysfs_emit(buf, "%lx\n", block_pages << PAGE_SHIFT);
}

static ssize_t phys_index_show(char *buf, void *data)
{
	return sysfs_emit(buf, "%08lx\n", (unsigned long)data);
}

static ssize_t zero_show(char *buf, void *data)
{
	return sysfs_emit(buf, "0\n");
}

static ssize_t valid_zones_show(char *buf, void *data)
{
	unsigned long start = block_start(data), end = start + block_pages;
	struct zone *zone, *only = NULL;

	for_each_populated_zone(zone) {
		if (zone->zone_start_pfn >= end || zone_end_pfn(zone) <= start)
			continue;
		if (only)
			return sysfs_emit(buf, "none\n");
		only = zone;
	}
	return sysfs_emit(buf, "%s\n", only ? only->name : "none");
}

static ssize_t state_show(char *buf, void *data)
{
	return sysfs_emit(buf, "online\n");
}

static ssize_t state_store(const char *buf, size_t len, void *data)
{
	return sysfs_streq(buf, "offline") ? -EOPNOTSUPP : -EINVAL;
}

static ssize_t online_show(char *buf, void *data)
{
	return sysfs_emit(buf, "1\n");
}

static ssize_t online_store(const char *buf, size_t len, void *data)
{
	bool online;

	if (kstrtobool(buf, &online))
		return -EINVAL;
	return online ? (ssize_t)len : -EOPNOTSUPP;
}

static void add_block(struct kernfs_node *dir, unsigned long nr, nodemask_t nodes)
{
	static const struct {
		const char *name;
		sysfs_show_t show;
		sysfs_store_t store;
	} files[] = {
		{ "phys_index", phys_index_show, NULL },   { "state", state_show, state_store },
		{ "phys_device", zero_show, NULL },	   { "removable", zero_show, NULL },
		{ "valid_zones", valid_zones_show, NULL }, { "online", online_show, online_store },
	};
	struct kernfs_node *block;
	char name[24], node[16];

	snprintf(name, sizeof(name), "memory%lu", nr);
	block = sysfs_create_dir(dir, name);
	if (IS_ERR(block))
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++)
		sysfs_create_file(block, files[i].name, files[i].store ? 0644 : 0444, files[i].show,
				  files[i].store, (void *)nr);
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		if (!node_isset(nid, nodes) || !sysfs_node_dirs[nid])
			continue;
		snprintf(node, sizeof(node), "node%d", nid);
		sysfs_create_link(block, node, sysfs_node_dirs[nid]);
		sysfs_create_link(sysfs_node_dirs[nid], name, block);
	}
}

/* For our directory and those of the nodes: whichever comes first makes the blocks of all. Ranges come sorted: a block is
 * complete when one comes that begins behind it. => one at a time (kernfs) */
static void add_blocks(struct kernfs_node *unused)
{
	unsigned long start, end, nr = 0;
	nodemask_t nodes = { 0 };
	static bool done;
	int i, nid;

	if (done)
		return;
	done = true;
	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &nid) {
		unsigned long last = (end - 1) / block_pages;

		for (unsigned long b = start / block_pages; b <= last; b++) {
			if (b != nr && !nodes_empty(nodes)) {
				add_block(memory_dir, nr, nodes);
				nodes = (nodemask_t){ 0 };
			}
			nr = b;
			node_set(nid, nodes);
		}
	}
	if (!nodes_empty(nodes))
		add_block(memory_dir, nr, nodes);
}

static int memory_dev_init(void)
{
	struct kernfs_node *dir = sysfs_create_dir(sysfs_devices_system, "memory");

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	memory_dir = dir;
	block_pages = memory_block_pages();
	sysfs_create_file(dir, "block_size_bytes", 0444, block_size_bytes_show, NULL, NULL);
	kernfs_set_populate(dir, add_blocks);
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		if (sysfs_node_dirs[nid])
			kernfs_set_populate(sysfs_node_dirs[nid], add_blocks);
	}
	return 0;
}
device_initcall(memory_dev_init);
