/*
 * debug_pagealloc=on: a free page is not in the linear map, so that who touches it faults at once.
 *
 * 1. The linear map is then made of 4 KiB pages only (init_mem_mapping() asks debug_pagealloc_enabled()), because
 *    each page must be able to vanish alone, in any context, without memory for a split.
 * 2. Freeing clears PRESENT in the entry of each page, allocating sets it again. GLOBAL goes and comes with it: in an
 *    absent entry that bit would mean PROTNONE.
 * 3. Only this CPU's TLB is flushed: a message to the others could deadlock, as pages are freed with interrupts
 *    off. Another CPU may so reach a freed page for a while through a stale translation: to the same frame, so
 *    nothing breaks, only that one fault is missed. Making an entry present needs no flush at all.
 * 4. A fault on such a page is an oops, and debug_pagealloc_explain() adds to it what the page is and, with
 *    page_owner=on, who had it and who freed it.
 *
 * No locks: the entries belong to who has the page. Mirrors Linux mm/debug_page_alloc.c, arch/x86/mm/pat/set_memory.c
 * (__kernel_map_pages). Exercised by tests/boot/test_pagedebug.py.
 */
#include "mm/debug/debug_pagealloc.h"

#include "arch/x86/dumpstack.h"
#include "arch/x86/pgtable.h"
#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "mm/debug/debug_internal.h"
#include "mm/phys/page.h"

static int __init param_debug_pagealloc(char *value)
{
	page_debug_set(PAGE_DEBUG_UNMAP, debug_param_bool("debug_pagealloc", value));
	die_explain_address = debug_pagealloc_explain;
	return 0;
}
early_param("debug_pagealloc", param_debug_pagealloc);

pte_t *linear_pte(unsigned long addr)
{
	pgd_t *pgd = pgd_offset_pgd(swapper_pg_dir, addr);
	pud_t *pud;
	pmd_t *pmd;

	if (!pgd_present(*pgd))
		return NULL;
	pud = pud_offset(pgd, addr);
	if (!pud_present(*pud) || pud_leaf(*pud))
		return NULL;
	pmd = pmd_offset(pud, addr);
	if (!pmd_present(*pmd) || pmd_leaf(*pmd))
		return NULL;
	return pte_offset_kernel(pmd, addr);
}

void debug_pagealloc_map(struct page *page, unsigned int order, bool present)
{
	const u64 bits = _PAGE_PRESENT | (__supported_pte_mask & _PAGE_GLOBAL);
	unsigned long addr = (unsigned long)page_address(page), end = addr + (PAGE_SIZE << order);

	for (; addr < end; addr += PAGE_SIZE) {
		pte_t *pte = linear_pte(addr), old;

		if (WARN_ON_ONCE(!pte))
			return;
		old = ptep_get(pte);
		set_pte(pte, present ? __pte(old.pte | bits) : __pte(old.pte & ~bits));
		if (!present)
			flush_tlb_one_kernel(addr);
	}
}

bool debug_pagealloc_explain(unsigned long addr)
{
	pte_t *pte;

	if (!page_debug_has(PAGE_DEBUG_UNMAP) || !virt_addr_valid(addr))
		return false;
	pte = linear_pte(addr);
	if (!pte || pte_present(ptep_get(pte)))
		return false;
	pr_alert("debug_pagealloc: the page at this address is free: used after it was freed\n");
	dump_page(virt_to_page(addr), "access to a freed page");
	return true;
}
