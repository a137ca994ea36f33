/*
 * debugfs: what the memory manager shows of itself: memblock, kernel_page_tables, extfrag.
 *
 * memblock/{memory,reserved} are the boot allocator's arrays as they were at the handover: which frames are RAM, and which
 * of them boot kept. extfrag has for each zone and order how badly the free memory is cut up (mm/phys/extfrag.c).
 *
 * Locks: none for memblock, which does not change any more; zone->lock per zone for extfrag. Mirrors Linux mm/memblock.c
 * (memblock_debug_show), mm/vmstat.c (extfrag_debug_init), arch/x86/mm/debug_pagetables.c. Exercised by tests/user/sysfs.c
 * and physviews.c.
 */
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "mm/boot/memblock.h"
#include "mm/kva/ptdump.h"
#include "mm/phys/deferred.h"
#include "mm/phys/extfrag.h"
#include "mm/phys/vmstat.h"

/* --- memblock/memory, memblock/reserved --- */

/* Linux names one flag, the lowest. */
static const char *flag_name(enum memblock_flags flags)
{
	if (flags & MEMBLOCK_HOTPLUG)
		return "HOTPLUG";
	if (flags & MEMBLOCK_MIRROR)
		return "MIRROR";
	return flags & MEMBLOCK_NOMAP ? "NOMAP" : "NONE";
}

static int memblock_show(struct seq_file *m, void *v)
{
	const struct memblock_type *type = m->private;
	const struct memblock_region *rgn;
	unsigned long i;

	for_each_memblock_type(i, type, rgn) {
		seq_printf(m, "%4lu: 0x%016llx..0x%016llx ", i, (u64)rgn->base,
			   (u64)(rgn->base + rgn->size - 1));
		if (rgn->nid == NUMA_NO_NODE)
			seq_printf(m, "%4c ", 'x');
		else
			seq_printf(m, "%4d ", rgn->nid);
		seq_printf(m, "%s\n", flag_name(rgn->flags));
	}
	return 0;
}

/* --- extfrag/unusable_index, extfrag/extfrag_index --- */

/* Prints one number of a row. */
typedef void (*show_index_t)(struct seq_file *m, unsigned int order,
			     const struct contig_page_info *info);

static void show_unusable(struct seq_file *m, unsigned int order,
			  const struct contig_page_info *info)
{
	unsigned int index = unusable_free_index(order, info);

	seq_printf(m, "%u.%03u ", index / 1000, index % 1000);
}

/* As Linux prints it: quotient and remainder, each with its own sign (-500 is "0.-500"). */
static void show_extfrag(struct seq_file *m, unsigned int order,
			 const struct contig_page_info *info)
{
	int index = fragmentation_index(order, info);

	seq_printf(m, "%2d.%03d ", index / 1000, index % 1000);
}

static int extfrag_show(struct seq_file *m, void *v)
{
	const show_index_t *show = m->private;
	struct zone *zone;

	deferred_init_wait();
	for_each_populated_zone(zone) {
		unsigned long nr[NR_PAGE_ORDERS];

		zone_free_blocks(zone, nr);
		seq_printf(m, "Node %d, zone %8s ", zone->node, zone->name);
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			struct contig_page_info info;

			fill_contig_page_info(nr, order, &info);
			(*show)(m, order, &info);
		}
		seq_putc(m, '\n');
	}
	return 0;
}

/* --- kernel_page_tables --- */

struct dump_state {
	struct seq_file *m;
	const char *region;
};

static int dump_run(const struct ptdump_run *run, void *arg)
{
	struct dump_state *st = arg;
	char line[160];

	if (run->region != st->region)
		seq_printf(st->m, "---[ %s ]---\n", run->region);
	st->region = run->region;
	ptdump_format_run(line, sizeof(line), run);
	seq_printf(st->m, "%s\n", line);
	return seq_has_overflowed(st->m); /* it will be walked again, with a larger buffer */
}

static int page_tables_show(struct seq_file *m, void *v)
{
	struct dump_state st = { .m = m };

	ptdump_walk_kernel(dump_run, &st);
	return 0;
}

static int debugfs_mm_init(void)
{
	static const show_index_t unusable = show_unusable, extfrag = show_extfrag;
	struct kernfs_node *dir = debugfs_create_dir("memblock", NULL);

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	debugfs_create_single("memory", 0444, dir, &memblock.memory, memblock_show);
	debugfs_create_single("reserved", 0444, dir, &memblock.reserved, memblock_show);
	dir = debugfs_create_dir("extfrag", NULL);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	debugfs_create_single("unusable_index", 0444, dir, (void *)&unusable, extfrag_show);
	debugfs_create_single("extfrag_index", 0444, dir, (void *)&extfrag, extfrag_show);
	debugfs_create_single("kernel_page_tables", 0400, NULL, NULL, page_tables_show);
	return 0;
}
fs_initcall(debugfs_mm_init);
