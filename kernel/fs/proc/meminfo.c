/*
 * /proc/meminfo: where the memory is.
 *
 * Lines in Linux's order. Every line is a count kept by its owner; kinds of pages that nobody can make yet (swap, huge
 * pages) are zero, and so are those that Linux itself prints as zero for old readers (NFS_Unstable, WritebackTmp,
 * VmallocChunk). Whole subjects that are absent have no lines, as on a Linux built without them: hugetlb, zswap, poisoned
 * memory.
 *
 * Locks: none, the counters are read one after the other. Mirrors Linux fs/proc/meminfo.c.
 * Exercised by tests/user/procfs.c and physviews.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "mm/cache/overcommit.h"
#include "mm/kva/set_memory.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/phys/deferred.h"
#include "mm/phys/vmstat.h"
#include "mm/slab/percpu.h"

static void show_pages(struct seq_file *m, const char *name, unsigned long pages)
{
	seq_put_kb(m, name, pages << (PAGE_SHIFT - 10));
}

static void show_node_item(struct seq_file *m, const char *name, enum node_stat_item item)
{
	show_pages(m, name, global_node_page_state(item));
}

static void show_lru(struct seq_file *m)
{
	unsigned long pages[NR_LRU_LISTS];
	int lru;

	for (lru = 0; lru < NR_LRU_LISTS; lru++)
		pages[lru] = global_node_page_state(NR_INACTIVE_ANON + lru);
	show_pages(m, "Active:", pages[LRU_ACTIVE_ANON] + pages[LRU_ACTIVE_FILE]);
	show_pages(m, "Inactive:", pages[LRU_INACTIVE_ANON] + pages[LRU_INACTIVE_FILE]);
	show_pages(m, "Active(anon):", pages[LRU_ACTIVE_ANON]);
	show_pages(m, "Inactive(anon):", pages[LRU_INACTIVE_ANON]);
	show_pages(m, "Active(file):", pages[LRU_ACTIVE_FILE]);
	show_pages(m, "Inactive(file):", pages[LRU_INACTIVE_FILE]);
	show_pages(m, "Unevictable:", pages[LRU_UNEVICTABLE]);
	show_pages(m, "Mlocked:", global_zone_page_state(NR_MLOCK));
}

static void show_page_uses(struct seq_file *m)
{
	unsigned long reclaimable = global_node_page_state(NR_SLAB_RECLAIMABLE);
	unsigned long unreclaimable = global_node_page_state(NR_SLAB_UNRECLAIMABLE);

	show_node_item(m, "Dirty:", NR_FILE_DIRTY);
	show_node_item(m, "Writeback:", NR_WRITEBACK);
	show_node_item(m, "AnonPages:", NR_ANON_MAPPED);
	show_node_item(m, "Mapped:", NR_FILE_MAPPED);
	show_node_item(m, "Shmem:", NR_SHMEM);
	show_pages(m, "KReclaimable:",
		   reclaimable + global_node_page_state(NR_KERNEL_MISC_RECLAIMABLE));
	show_pages(m, "Slab:", reclaimable + unreclaimable);
	show_pages(m, "SReclaimable:", reclaimable);
	show_pages(m, "SUnreclaim:", unreclaimable);
	seq_put_kb(m, "KernelStack:", global_node_page_state(NR_KERNEL_STACK_KB));
	show_node_item(m, "PageTables:", NR_PAGETABLE);
	show_node_item(m, "SecPageTables:", NR_SECONDARY_PAGETABLE);
	seq_put_kb(m, "NFS_Unstable:", 0);
	show_pages(m, "Bounce:", global_zone_page_state(NR_BOUNCE));
	seq_put_kb(m, "WritebackTmp:", 0);
	show_pages(m, "CommitLimit:", vm_commit_limit());
	show_pages(m, "Committed_AS:", vm_memory_committed());
}

static void show_kernel_space(struct seq_file *m)
{
	unsigned long direct[PG_LEVEL_NUM];

	seq_put_kb(m, "VmallocTotal:", VMALLOC_TOTAL >> 10);
	show_pages(m, "VmallocUsed:", vmalloc_nr_pages());
	seq_put_kb(m, "VmallocChunk:", 0);
	show_pages(m, "Percpu:", pcpu_nr_pages());
	show_node_item(m, "AnonHugePages:", NR_ANON_THPS);
	show_node_item(m, "ShmemHugePages:", NR_SHMEM_THPS);
	show_node_item(m, "ShmemPmdMapped:", NR_SHMEM_PMDMAPPED);
	show_node_item(m, "FileHugePages:", NR_FILE_THPS);
	show_node_item(m, "FilePmdMapped:", NR_FILE_PMDMAPPED);
	show_pages(m, "CmaTotal:", 0);
	show_pages(m, "CmaFree:", global_zone_page_state(NR_FREE_CMA_PAGES));
	direct_map_bytes(direct);
	seq_put_kb(m, "DirectMap4k:", direct[PG_LEVEL_4K] >> 10);
	seq_put_kb(m, "DirectMap2M:", direct[PG_LEVEL_2M] >> 10);
	seq_put_kb(m, "DirectMap1G:", direct[PG_LEVEL_1G] >> 10);
}

static int meminfo_show(struct seq_file *m, void *v)
{
	unsigned long swapcache = global_node_page_state(NR_SWAPCACHE), file, other;
	struct sysinfo_pages si;
	long available;

	deferred_init_wait();
	available = si_mem_available();
	si_meminfo(&si);
	show_pages(m, "MemTotal:", si.totalram);
	show_pages(m, "MemFree:", si.freeram);
	show_pages(m, "MemAvailable:", max(available, 0L));
	show_pages(m, "Buffers:", si.bufferram);
	file = global_node_page_state(NR_FILE_PAGES);
	other = swapcache + si.bufferram;
	show_pages(m, "Cached:", file > other ? file - other : 0);
	show_pages(m, "SwapCached:", swapcache);
	show_lru(m);
	seq_put_kb(m, "SwapTotal:", 0);
	seq_put_kb(m, "SwapFree:", 0);
	show_page_uses(m);
	show_kernel_space(m);
	return 0;
}

static int proc_meminfo_init(void)
{
	return proc_create_single("meminfo", 0444, NULL, meminfo_show) ? 0 : -ENOMEM;
}
fs_initcall(proc_meminfo_init);
