/*
 * debugfs: x86/pat_memtype_list, x86/cpa_stats, x86/tlb_single_page_flush_ceiling (arch/x86/tlb.h) and check_wx_pages.
 *
 * The first lists which physical ranges are mapped with which cache attribute, the second what changes
 * of permissions did to the large pages of the linear map: Linux's lines, and behind them how many
 * pages were split and made anew. Reading the third looks for writable and executable pages now, as
 * boot does: the result is SUCCESS or FAILED, the details go to the log.
 *
 * Locks: memtype_lock by the walk; the statistics are read without one. Mirrors Linux
 * arch/x86/mm/pat/memtype.c (pat_memtype_list_init), set_memory.c (cpastats_show), mm/ptdump.c (check_wx_show). Exercised by
 * tests/user/kvaviews.c.
 */
#include "arch/x86/tlb.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "mm/debug/fault_inject.h"
#include "mm/kva/memtype.h"
#include "mm/kva/ptdump.h"
#include "mm/kva/set_memory.h"

static int show_memtype(u64 start, u64 end, enum page_cache_mode mode, void *arg)
{
	seq_printf(arg, "PAT: [mem 0x%016llx-0x%016llx] %s\n", start, end, cattr_name(mode));
	return seq_has_overflowed(arg);
}

static int memtype_list_show(struct seq_file *m, void *v)
{
	seq_puts(m, "PAT memtype list:\n");
	memtype_for_each(show_memtype, m);
	return 0;
}

static void show_level(struct seq_file *m, const char *size, const struct cpa_level_stats *s)
{
	seq_printf(m, "%s pages checked:     %16lu\n", size, s->checked);
	seq_printf(m, "%s pages sameprot:    %16lu\n", size, s->sameprot);
	seq_printf(m, "%s pages preserved:   %16lu\n", size, s->preserved);
}

static void show_splits(struct seq_file *m, const char *size, const struct cpa_level_stats *s)
{
	seq_printf(m, "%s pages split:       %16lu\n", size, s->split);
	seq_printf(m, "%s pages merged:      %16lu\n", size, s->merged);
}

static int cpa_stats_show(struct seq_file *m, void *v)
{
	show_level(m, "1G", &cpa_stats.level[PG_LEVEL_1G]);
	show_level(m, "2M", &cpa_stats.level[PG_LEVEL_2M]);
	seq_printf(m, "4K pages set-checked: %16lu\n", cpa_stats.set_4k);
	show_splits(m, "1G", &cpa_stats.level[PG_LEVEL_1G]);
	show_splits(m, "2M", &cpa_stats.level[PG_LEVEL_2M]);
	return 0;
}

static int check_wx_show(struct seq_file *m, void *v)
{
	seq_puts(m, ptdump_check_wx() ? "FAILED\n" : "SUCCESS\n");
	return 0;
}

static int debugfs_kva_init(void)
{
	static const struct fault_value ceiling = { "tlb_single_page_flush_ceiling",
						    &tlb_single_page_flush_ceiling,
						    FAULT_ULONG,
						    0,
						    INT_MAX,
						    NULL };
	struct kernfs_node *dir = debugfs_create_dir("x86", NULL);

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	debugfs_create_single("check_wx_pages", 0400, NULL, NULL, check_wx_show);
	debugfs_create_single("pat_memtype_list", 0400, dir, NULL, memtype_list_show);
	fault_create_value(dir, &ceiling);
	debugfs_create_single("cpa_stats", 0400, dir, NULL, cpa_stats_show);
	return 0;
}
fs_initcall(debugfs_kva_init);
