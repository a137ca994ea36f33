/*
 * The kernel's page tables as text, and the search for pages that can be written and executed.
 *
 * The walker hands over entries one by one, in address order, holes too. Neighbours with the same
 * bits, level and region become one run; a run is passed on when the next entry differs. Only what
 * counts for a reader is compared: accessed and dirty bits are not.
 *
 * No lock but RCU, which keeps the tables; an entry that changes meanwhile shows either value.
 * Mirrors Linux arch/x86/mm/dump_pagetables.c, mm/ptdump.c. Exercised by the pgperm suite and by
 * every boot.
 */
#include "mm/debug/kasan.h"
#include "mm/kva/ptdump.h"

#include "arch/x86/pgtable.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "lib/printf.h"
#include "mm/boot/fixmap.h"
#include "mm/phys/pagewalk.h"

#define PTDUMP_BITS                                                                     \
	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_PWT | _PAGE_PCD | _PAGE_GLOBAL | \
	 _PAGE_PAT | _PAGE_NX)
#define KERNEL_HALF 0xffff800000000000UL

static const struct {
	unsigned long start;
	const char *name;
} regions[] = {
	{ 0, "User Space" },
	{ KERNEL_HALF, "Kernel Space" },
	{ PAGE_OFFSET, "Low Kernel Mapping" },
	{ VMALLOC_START, "vmalloc() Area" },
	{ VMEMMAP_START, "Vmemmap" },
	{ KASAN_SHADOW_START, "KASAN shadow" },
	{ 0xfffffc0000000000UL, "CPU entry Area" },
	{ KERNEL_MAP_BASE, "High Kernel Mapping" },
	{ EXECMEM_START, "Modules" },
	{ EXECMEM_END, "End Modules" },
	{ FIXADDR_START, "Fixmap Area" },
};

struct ptdump {
	struct ptdump_run run;
	int (*fn)(const struct ptdump_run *run, void *arg);
	void *arg;
};

static const char *region_of(unsigned long addr)
{
	const char *name = regions[0].name;

	for (int i = 0; i < ARRAY_SIZE(regions) && regions[i].start <= addr; i++)
		name = regions[i].name;
	return name;
}

static int flush_run(struct ptdump *d)
{
	return d->run.region ? d->fn(&d->run, d->arg) : 0;
}

static int note(struct ptdump *d, unsigned long addr, unsigned long next, u64 prot, int level)
{
	const char *region = region_of(addr);
	int ret = 0;

	prot &= PTDUMP_BITS;
	if (d->run.prot == prot && d->run.level == level && d->run.end == addr &&
	    d->run.region == region) {
		d->run.end = next;
		return 0;
	}
	ret = flush_run(d);
	d->run = (struct ptdump_run){
		.start = addr, .end = next, .prot = prot, .level = level, .region = region
	};
	return ret;
}

/* Large entries keep PAT elsewhere, and PSE where PAT is in a small one. */
static u64 large_prot(u64 v)
{
	return (v & ~_PAGE_PAT) | (v & _PAGE_PAT_LARGE ? _PAGE_PAT : 0);
}

static int dump_pud(pud_t *pud, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	return pud_leaf(*pud) ? note(walk->private, addr, next, large_prot(pud->pud), 3) : 0;
}

static int dump_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	return pmd_leaf(*pmd) ? note(walk->private, addr, next, large_prot(pmd->pmd), 2) : 0;
}

static int dump_pte(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	return note(walk->private, addr, next, ptep_get(pte).pte, 1);
}

static int dump_hole(unsigned long addr, unsigned long next, int depth, struct pgwalk *walk)
{
	return note(walk->private, addr, next, 0, 4 - depth);
}

static const struct pgwalk_ops ptdump_ops = {
	.pud_entry = dump_pud,
	.pmd_entry = dump_pmd,
	.pte_entry = dump_pte,
	.pte_hole = dump_hole,
};

int ptdump_walk_kernel(int (*fn)(const struct ptdump_run *run, void *arg), void *arg)
{
	struct ptdump d = { .fn = fn, .arg = arg };
	int ret;

	rcu_read_lock();
	/* The kernel's own tables have nothing in the lower half. */
	ret = note(&d, 0, KERNEL_HALF, 0, 4);
	/* A KASAN kernel's shadow: 16 TiB of mostly one page, which would take a day. Left out, as if it were not there. */
	if (!ret && IS_KASAN) {
		ret = walk_pgd_range(swapper_pg_dir, KERNEL_HALF, KASAN_SHADOW_START, &ptdump_ops,
				     &d);
		if (!ret)
			ret = note(&d, KASAN_SHADOW_START, KASAN_SHADOW_END, 0, 4);
		if (!ret)
			ret = walk_pgd_range(swapper_pg_dir, KASAN_SHADOW_END, 0, &ptdump_ops, &d);
	} else if (!ret) {
		ret = walk_pgd_range(swapper_pg_dir, KERNEL_HALF, 0, &ptdump_ops, &d);
	}
	if (!ret)
		ret = flush_run(&d);
	rcu_read_unlock();
	return ret;
}

static int format_prot(char *buf, size_t size, u64 prot, int level)
{
	if (!(prot & _PAGE_PRESENT))
		return scnprintf(buf, size, "%30s", "");
	return scnprintf(buf, size, "%s%s%s%s%s%s%s%s", prot & _PAGE_USER ? "USR " : "    ",
			 prot & _PAGE_RW ? "RW " : "ro ", prot & _PAGE_PWT ? "PWT " : "    ",
			 prot & _PAGE_PCD ? "PCD " : "    ", level > 1 ? "PSE " : "    ",
			 prot & _PAGE_PAT ? "PAT " : "    ", prot & _PAGE_GLOBAL ? "GLB " : "    ",
			 prot & _PAGE_NX ? "NX " : "x  ");
}

int ptdump_format_run(char *buf, size_t size, const struct ptdump_run *run)
{
	static const char *const level_names[] = { "", "pte", "pmd", "pud", "pgd" };
	unsigned long len = run->end - run->start;
	const char *unit = "BKMGTPE";
	int n;

	while (!(len & 1023) && unit[1]) {
		len >>= 10;
		unit++;
	}
	n = scnprintf(buf, size, "0x%016lx-0x%016lx   %9lu%c ", run->start, run->end, len, *unit);
	n += format_prot(buf + n, size - n, run->prot, run->level);
	return n + scnprintf(buf + n, size - n, "%s", level_names[run->level]);
}

static int count_wx(const struct ptdump_run *run, void *arg)
{
	unsigned long *pages = arg, n = (run->end - run->start) >> PAGE_SHIFT;

	if ((run->prot & (_PAGE_PRESENT | _PAGE_RW | _PAGE_NX)) != (_PAGE_PRESENT | _PAGE_RW))
		return 0;
	if (!*pages)
		pr_warn("x86/mm: Found insecure W+X mapping at 0x%016lx-0x%016lx (%s)\n",
			run->start, run->end, run->region);
	*pages += n;
	return 0;
}

/*
 * Only below top entries that let code be executed: the linear map, which is the largest part by far and grows with
 * memory, forbids it at the top.
 */
static void walk_executable(int (*fn)(const struct ptdump_run *run, void *arg), void *arg)
{
	for (unsigned long i = pgd_index(KERNEL_HALF); i < 512; i++) {
		unsigned long start = KERNEL_HALF + (i - pgd_index(KERNEL_HALF)) * PGDIR_SIZE;
		struct ptdump d = { .fn = fn, .arg = arg };

		if (pgd_none(swapper_pg_dir[i]) || (pgd_val(swapper_pg_dir[i]) & _PAGE_NX))
			continue;
		rcu_read_lock();
		if (!walk_pgd_range(swapper_pg_dir, start, start + PGDIR_SIZE, &ptdump_ops, &d))
			flush_run(&d);
		rcu_read_unlock();
	}
}

unsigned long ptdump_check_wx(void)
{
	unsigned long pages = 0;

	if (!(__supported_pte_mask & _PAGE_NX)) {
		pr_info("x86/mm: Checked W+X mappings: skipped, the CPU has no NX.\n");
		return 0;
	}
	walk_executable(count_wx, &pages);
	if (pages)
		pr_warn("x86/mm: Checked W+X mappings: FAILED, %lu W+X pages found.\n", pages);
	else
		pr_info("x86/mm: Checked W+X mappings: passed, no W+X pages found.\n");
	return pages;
}
