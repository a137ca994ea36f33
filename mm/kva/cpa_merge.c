/*
 * The linear map in large pages: merging what was split, and counting.
 *
 * 1. A guard page or a read-only page splits a large page of the linear map for as long as it is one.
 *    Afterwards 512 entries say what one could say, and each costs a TLB entry. So every change of the
 *    linear map that was flushed looks at the tables it touched.
 * 2. A table can go if its 512 entries are present leaves of consecutive frames, properly aligned, that
 *    differ in nothing but accessed and dirty. First 2 MiB, then the 1 GiB around it, if the CPU has
 *    such pages. Not if somebody asked for small pages for good (set_memory_4k), nor with
 *    debug_pagealloc, which changes entries without asking.
 * 3. The large entry maps the same frames with the same bits, so it may replace the table while it is
 *    in use. All TLBs are flushed before anything else changes: a CPU must not hold both forms when they
 *    come to differ. Then the table is freed, after a grace period.
 *
 * Lock: cpa_lock, held by the caller. Mirrors Linux arch/x86/mm/pat/set_memory.c (cpa_collapse_large_pages,
 * update_page_count). Exercised by the pgperm suite.
 */
#include "mm/kva/cpa.h"

#include "arch/x86/cpufeature.h"
#include "arch/x86/tlb.h"
#include "kernel/rcu.h"
#include "mm/debug/debug_pagealloc.h"
#include "mm/kva/kva_internal.h"
#include "mm/kva/set_memory.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"

#define NO_MATTER (_PAGE_ACCESSED | _PAGE_DIRTY)

/*
 * Unites the table behind *entry, whose leaves are step bytes each, into one leaf. Its page, or NULL if
 * that cannot be.
 */
static struct page *merge_table(u64 *entry, unsigned long step)
{
	const u64 *table = __va(*entry & PTE_PFN_MASK);
	u64 first = table[0], dirty = 0, phys = first & PTE_PFN_MASK;
	struct page *page = pfn_to_page(PHYS_PFN(*entry & PTE_PFN_MASK));

	if (step != PAGE_SIZE) {
		if (!(first & _PAGE_PSE))
			return NULL;
		phys &= ~_PAGE_PAT_LARGE;
	}
	/* A table that boot made is not ours to free. */
	if (!PageTable(page) || !(first & _PAGE_PRESENT) || (first & CPA_KEEP_4K) ||
	    phys & (step * PTRS_PER_TABLE - 1))
		return NULL;
	for (unsigned long i = 0; i < PTRS_PER_TABLE; i++) {
		if ((table[i] ^ (first + i * step)) & ~NO_MATTER)
			return NULL;
		dirty |= table[i] & NO_MATTER;
	}
	WRITE_ONCE(*entry, (step == PAGE_SIZE ? cpa_to_large(first) : first) | dirty);
	cpa_stats.level[step == PAGE_SIZE ? PG_LEVEL_2M : PG_LEVEL_1G].merged++;
	return page;
}

/* The tables that one 1 GiB of addresses can lose: chained by the first word of lru. */
static void take(struct page **list, struct page *page)
{
	if (page) {
		page->lru.next = (struct list_head *)*list;
		*list = page;
	}
}

/* [addr, end) lies in one GiB. */
static void merge_in_pud(unsigned long addr, unsigned long end, struct page **list)
{
	pgd_t *pgd = pgd_offset_pgd(swapper_pg_dir, addr);
	pud_t *pud;

	if (!pgd_present(*pgd))
		return;
	pud = pud_offset(pgd, addr);
	if (!pud_present(*pud) || pud_leaf(*pud))
		return;
	for (unsigned long a = addr & PMD_MASK; a < end; a += PMD_SIZE) {
		pmd_t *pmd = pmd_offset(pud, a);

		if (pmd_present(*pmd) && !pmd_leaf(*pmd))
			take(list, merge_table(&pmd->pmd, PAGE_SIZE));
	}
	if (boot_cpu_has(X86_FEATURE_GBPAGES))
		take(list, merge_table(&pud->pud, PMD_SIZE));
}

bool cpa_merge(unsigned long addr, unsigned long end)
{
	struct page *list = NULL;
	unsigned long next;

	if (debug_pagealloc_enabled())
		return false;
	for (; addr != end; addr = next) {
		next = pud_addr_end(addr, end);
		merge_in_pud(addr, next, &list);
	}
	if (!list)
		return false;
	flush_tlb_all();
	while (list) {
		struct page *page = list;

		list = (struct page *)page->lru.next;
		free_kernel_table(page);
	}
	return true;
}

/* ---- DirectMap counters ---- */

static int count_pud(pud_t *pud, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	if (pud_leaf(*pud))
		((unsigned long *)walk->private)[PG_LEVEL_1G] += next - addr;
	return 0;
}

static int count_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	if (pmd_leaf(*pmd))
		((unsigned long *)walk->private)[PG_LEVEL_2M] += next - addr;
	return 0;
}

static int count_pte(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	((unsigned long *)walk->private)[PG_LEVEL_4K] += next - addr;
	return 0;
}

void direct_map_bytes(unsigned long bytes[PG_LEVEL_NUM])
{
	static const struct pgwalk_ops ops = { .pud_entry = count_pud,
					       .pmd_entry = count_pmd,
					       .pte_entry = count_pte };

	for (int i = 0; i < PG_LEVEL_NUM; i++)
		bytes[i] = 0;
	rcu_read_lock();
	walk_pgd_range(swapper_pg_dir, PAGE_OFFSET, PAGE_OFFSET + PFN_PHYS(max_pfn), &ops, bytes);
	rcu_read_unlock();
}
