/*
 * Entries of the kernel's own page tables for vmalloc space: making, clearing, looking up.
 *
 * 1. All processes share the tables below the top level's upper half. The top-level entries of the
 *    ranges that this room uses exist from boot on, so a new mapping never has to be copied into
 *    any process.
 * 2. Tables are made on demand and never freed: at most one page for each 2 MiB of address space
 *    ever used. So a walk needs no lock. Making one is done under kernel_table_lock, entries are
 *    written by the area's owner.
 * 3. A mapping of consecutive frames (ioremap) uses a 2 MiB entry where address, frame and length
 *    allow and no table was ever made for these addresses.
 *
 * Mirrors parts of Linux mm/vmalloc.c. Exercised by the vmalloc suite.
 */
#include "mm/kva/kva_internal.h"

#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "lib/err.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

static DEFINE_SPINLOCK(kernel_table_lock); /* an empty entry gets its table once */

/* A zeroed page for a table, counted. NULL when out of memory. => may sleep */
static struct page *alloc_table(void)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 0);

	if (page) {
		__SetPageTable(page);
		inc_node_page_state(page, NR_PAGETABLE);
	}
	return page;
}

static void free_table(struct page *page)
{
	dec_node_page_state(page, NR_PAGETABLE);
	__ClearPageTable(page);
	__free_page(page);
}

/* Puts a fresh table behind an absent entry (any level: they all look alike); 0, or -ENOMEM. */
static noinline int populate(u64 *entry)
{
	struct page *page = alloc_table();

	if (!page)
		return -ENOMEM;
	spin_lock(&kernel_table_lock);
	if (!(READ_ONCE(*entry) & _PAGE_PRESENT)) {
		smp_store_release(entry, (u64)page_to_phys(page) | _KERNPG_TABLE);
		page = NULL;
	}
	spin_unlock(&kernel_table_lock);
	if (page)
		free_table(page); /* another CPU was faster */
	return 0;
}

/* The PMD entry of a kernel address, its table made if need be; NULL when out of memory. */
static pmd_t *pmd_alloc_kernel(unsigned long addr)
{
	pgd_t *pgd = pgd_offset_pgd(swapper_pg_dir, addr);
	pud_t *pud;

	if (unlikely(!pgd_present(*pgd)) && populate(&pgd->pgd))
		return NULL;
	pud = pud_offset(pgd, addr);
	if (unlikely(!pud_present(*pud)) && populate(&pud->pud))
		return NULL;
	return pmd_offset(pud, addr);
}

static pte_t *pte_alloc_kernel(unsigned long addr)
{
	pmd_t *pmd = pmd_alloc_kernel(addr);

	if (!pmd || (unlikely(!pmd_present(*pmd)) && populate(&pmd->pmd)))
		return NULL;
	VM_BUG_ON(pmd_leaf(*pmd));
	return pte_offset_kernel(pmd, addr);
}

/* The PMD entry of addr, or NULL if no table leads to it. */
static pmd_t *pmd_find_kernel(unsigned long addr)
{
	pgd_t *pgd = pgd_offset_pgd(swapper_pg_dir, addr);
	pud_t *pud;

	if (!pgd_present(*pgd))
		return NULL;
	pud = pud_offset(pgd, addr);
	if (!pud_present(*pud) || pud_leaf(*pud))
		return NULL;
	return pmd_offset(pud, addr);
}

int vmap_pages_range(unsigned long start, struct page **pages, unsigned int count, pgprot_t prot)
{
	unsigned long addr = start, end = start + ((unsigned long)count << PAGE_SHIFT);

	while (addr != end) {
		unsigned long next = pmd_addr_end(addr, end);
		pte_t *pte = pte_alloc_kernel(addr);

		if (unlikely(!pte)) {
			vunmap_range(start, addr);
			return -ENOMEM;
		}
		for (; addr != next; addr += PAGE_SIZE) {
			VM_BUG_ON(ptep_get(pte).pte);
			set_pte(pte++, pfn_pte(page_to_pfn(*pages++), prot));
		}
	}
	return 0;
}

/* A PAT bit lies elsewhere in a large entry. */
static pgprot_t pgprot_4k_to_large(pgprot_t prot)
{
	u64 v = pgprot_val(prot);

	return __pgprot((v & ~_PAGE_PAT) | (v & _PAGE_PAT ? _PAGE_PAT_LARGE : 0));
}

int vmap_page_range(unsigned long start, unsigned long end, phys_addr_t phys, pgprot_t prot)
{
	unsigned long addr = start, next;

	for (; addr != end; phys += next - addr, addr = next) {
		pmd_t *pmd = pmd_alloc_kernel(addr);
		phys_addr_t p = phys;
		pte_t *pte;

		next = pmd_addr_end(addr, end);
		if (unlikely(!pmd))
			goto nomem;
		if (next - addr == PMD_SIZE && IS_ALIGNED(phys, PMD_SIZE) && !pmd_present(*pmd)) {
			set_pmd(pmd, pfn_pmd_leaf(PHYS_PFN(phys), pgprot_4k_to_large(prot)));
			continue;
		}
		pte = pte_alloc_kernel(addr);
		if (unlikely(!pte))
			goto nomem;
		for (unsigned long a = addr; a != next; a += PAGE_SIZE, p += PAGE_SIZE)
			set_pte(pte++, pfn_pte(PHYS_PFN(p), prot));
	}
	return 0;
nomem:
	vunmap_range(start, addr);
	return -ENOMEM;
}

void vunmap_range_noflush(unsigned long start, unsigned long end)
{
	unsigned long addr = start, next;

	for (; addr != end; addr = next) {
		pmd_t *pmd = pmd_find_kernel(addr);
		pte_t *pte;

		next = pmd_addr_end(addr, end);
		if (!pmd || !pmd_present(*pmd))
			continue;
		if (pmd_leaf(*pmd)) {
			VM_BUG_ON(next - addr != PMD_SIZE);
			set_pmd(pmd, __pmd(0));
			continue;
		}
		pte = pte_offset_kernel(pmd, addr);
		for (unsigned long a = addr; a != next; a += PAGE_SIZE)
			pte_clear(pte++);
	}
}

void vunmap_range(unsigned long start, unsigned long end)
{
	if (start == end)
		return;
	vunmap_range_noflush(start, end);
	flush_tlb_kernel_range(start, end);
}

unsigned long vmalloc_to_pfn(const void *addr)
{
	unsigned long a = (unsigned long)addr;
	pmd_t *pmd = pmd_find_kernel(a);
	pte_t pte;

	if (!pmd || !pmd_present(*pmd))
		return 0;
	if (pmd_leaf(*pmd))
		return (pmd_pfn(*pmd) & ~(PTRS_PER_TABLE - 1)) + pte_index(a);
	pte = ptep_get(pte_offset_kernel(pmd, a));
	return pte_present(pte) ? pte_pfn(pte) : 0;
}

struct page *vmalloc_to_page(const void *addr)
{
	unsigned long pfn = vmalloc_to_pfn(addr);

	return pfn && pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

/* The top-level entries that vmalloc and execmem space need, for good. */
void __init vmap_preallocate_tables(void)
{
	pgd_t *pgd = pgd_offset_pgd(swapper_pg_dir, VMALLOC_START);

	BUILD_BUG_ON(VMALLOC_START % PGDIR_SIZE);
	if (!pgd_present(*pgd) && populate(&pgd->pgd))
		panic("vmalloc: no memory for its first table");
	pgd = pgd_offset_pgd(swapper_pg_dir, EXECMEM_START);
	if (!pgd_present(*pgd) && populate(&pgd->pgd))
		panic("execmem: no memory for its first table");
}
