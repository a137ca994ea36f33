/*
 * /sys/kernel/debug/percpu_stats: the per-CPU allocator's numbers, in Linux's form.
 *
 * Mirrors Linux mm/percpu-stats.c. Exercised by tests/user/caches.c.
 */
#include "arch/x86/page.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "kernel/percpu.h"
#include "kernel/smp.h"
#include "lib/err.h"
#include "mm/slab/percpu.h"

#define RULE "----------------------------------------\n"

static void row(struct seq_file *m, const char *name, unsigned long value)
{
	seq_printf(m, "  %-20s: %12lu\n", name, value);
}

static int show_chunk(const struct pcpu_chunk_stats *st, void *arg)
{
	struct seq_file *m = arg;

	seq_puts(m, st->first ? "Chunk: <- First Chunk\n" : "Chunk:\n");
	row(m, "nr_alloc", st->nr_alloc);
	row(m, "max_alloc_size", st->max_alloc_size);
	row(m, "empty_pop_pages", st->empty_pop_pages);
	row(m, "first_bit", st->first_bit);
	row(m, "free_bytes", st->free_bytes);
	row(m, "contig_bytes", st->contig_bytes);
	row(m, "sum_frag", st->sum_frag);
	row(m, "max_frag", st->max_frag);
	row(m, "cur_min_alloc", st->cur_min_alloc);
	row(m, "cur_med_alloc", st->cur_med_alloc);
	row(m, "cur_max_alloc", st->cur_max_alloc);
	seq_putc(m, '\n');
	return 0;
}

/* One area for each CPU: the units are not put together in larger blocks, and modules have no reserve. */
static void show_layout(struct seq_file *m)
{
	seq_puts(m, "Percpu Memory Statistics\nAllocation Info:\n" RULE);
	row(m, "unit_size", pcpu_unit_size);
	row(m, "static_size", __per_cpu_end - __per_cpu_start);
	row(m, "reserved_size", 0);
	row(m, "dyn_size", PERCPU_DYNAMIC_RESERVE);
	row(m, "atom_size", PAGE_SIZE);
	row(m, "alloc_size", pcpu_unit_size);
	seq_putc(m, '\n');
}

static int percpu_stats_show(struct seq_file *m, void *v)
{
	struct pcpu_stats st;

	pcpu_get_stats(&st);
	show_layout(m);
	seq_puts(m, "Global Stats:\n" RULE);
	row(m, "nr_alloc", st.nr_alloc);
	row(m, "nr_dealloc", st.nr_dealloc);
	row(m, "nr_cur_alloc", st.nr_cur_alloc);
	row(m, "nr_max_alloc", st.nr_max_alloc);
	row(m, "nr_chunks", st.nr_chunks);
	row(m, "nr_max_chunks", st.nr_max_chunks);
	row(m, "min_alloc_size", st.min_alloc_size);
	row(m, "max_alloc_size", st.max_alloc_size);
	row(m, "empty_pop_pages", st.empty_pop_pages);
	seq_puts(m, "\nPer Chunk Stats:\n" RULE);
	return pcpu_for_each_chunk(show_chunk, m);
}

static int debugfs_percpu_init(void)
{
	return PTR_ERR_OR_ZERO(
		debugfs_create_single("percpu_stats", 0444, NULL, NULL, percpu_stats_show));
}
late_initcall(debugfs_percpu_init);
