/*
 * Fixmap: the page tables of addresses that are known at compile time.
 *
 * 1. Two last-level tables, side by side below FIXADDR_TOP: the upper one for permanent slots (APIC, I/O APIC, HPET),
 *    the lower one for early_ioremap. With the PMD table above them they are static: no allocation can fail.
 * 2. early_fixmap_init() hangs the PMD table into whatever tables CR3 points to; init_mem_mapping() into the final
 *    ones. The slots keep what they map across the switch.
 * 3. Slot n is the page n + 1 below the top, so entries are filled from the end of a table downward.
 *
 * Mirrors Linux arch/x86/mm/pgtable.c (__native_set_fixmap). Exercised by the pgtable suite.
 */
#include "mm/boot/fixmap.h"

#include "arch/x86/cpu.h"
#include "arch/x86/tlb.h"
#include "kernel/bug.h"

#define FIXMAP_TABLES 2

/* The PMD table covers the 1 GiB that holds FIXADDR_TOP - 1; the two tables the 4 MiB below FIXADDR_TOP. */
static pmd_t fixmap_pmd[512] __aligned(PAGE_SIZE) __section(".bss..page_aligned");
static pte_t fixmap_pte[FIXMAP_TABLES][512] __aligned(PAGE_SIZE) __section(".bss..page_aligned");

BUILD_BUG_ON(FIXADDR_TOP &(PMD_SIZE - 1));
BUILD_BUG_ON(__end_of_permanent_fixed_addresses > FIX_BTMAP_END);
BUILD_BUG_ON(__end_of_fixed_addresses > FIXMAP_TABLES * 512);

phys_addr_t fixmap_pmd_phys(void)
{
	return __pa_symbol(fixmap_pmd);
}

void early_fixmap_init(void)
{
	unsigned long addr = FIXADDR_TOP - PMD_SIZE;
	pgd_t *pgd = (pgd_t *)__va(read_cr3() & PTE_PFN_MASK) + pgd_index(addr);
	pud_t *pud = pud_offset(pgd, addr);

	/* Table 0 is the one at the top. */
	for (int i = 0; i < FIXMAP_TABLES; i++, addr -= PMD_SIZE)
		set_pmd(&fixmap_pmd[pmd_index(addr)],
			__pmd(__pa_symbol(fixmap_pte[i]) | _KERNPG_TABLE));
	set_pud(pud, __pud(__pa_symbol(fixmap_pmd) | _KERNPG_TABLE));
}

void __set_fixmap(enum fixed_addresses idx, phys_addr_t phys, pgprot_t prot)
{
	unsigned long addr = fix_to_virt(idx);
	pte_t *pte = &fixmap_pte[(FIXADDR_TOP - 1 - addr) >> PMD_SHIFT][pte_index(addr)];

	BUG_ON(idx <= FIX_HOLE || idx >= __end_of_fixed_addresses);
	if (pgprot_val(prot))
		set_pte(pte, pfn_pte(PHYS_PFN(phys), prot));
	else
		pte_clear(pte);
	flush_tlb_one_kernel(addr);
}
