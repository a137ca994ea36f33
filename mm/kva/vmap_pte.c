/*
 * Entries of the kernel's own page tables for vmalloc space: making, clearing, looking up.
 *
 * 1. All processes share the tables below the top level's upper half. The top-level entries of the
 *    ranges that this room uses exist from boot on, so a new mapping never has to be copied into
 *    any process.
 * 2. Tables are made on demand: at most one page for each 2 MiB of address space ever used. Making
 *    one is done under kernel_table_lock, entries are written by the area's owner.
 * 3. Consecutive frames (ioremap, large vmalloc areas) get a 2 MiB entry where address, frame and
 *    length allow. If small pages lived at these addresses before, an empty table stands in the
 *    way; the large entry takes its place.
 * 4. So a table can go away while somebody looks at it without a lock, the processor or a dump. It
 *    is freed after a flush of all TLBs, which also forget the tables they walked through, and after
 *    a grace period: who reads kernel tables that are not his own is an RCU reader.
 *
 * Mirrors parts of Linux mm/vmalloc.c. Exercised by the vmalloc suite.
 */
#include "mm/kva/kva_internal.h"

#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "kernel/rcu.h"
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

static void free_table_rcu(struct rcu_head *head)
{
	free_table(container_of((struct list_head *)head, struct page, lru));
}

/* A chain of tables that entries no longer point to, through their first words. */
struct old_tables {
	struct page *first;
};

static void push_old_table(struct old_tables *old, pmd_t pmd)
{
	struct page *page = pfn_to_page(pmd_pfn(pmd));

	page->lru.next = (struct list_head *)old->first;
	old->first = page;
}

void free_kernel_table(struct page *page)
{
	BUILD_BUG_ON(sizeof(struct rcu_head) > sizeof(page->lru));
	call_rcu((struct rcu_head *)&page->lru, free_table_rcu);
}

static noinline void free_old_tables(struct old_tables *old)
{
	flush_tlb_all();
	while (old->first) {
		struct page *page = old->first;

		old->first = (struct page *)page->lru.next;
		free_kernel_table(page);
	}
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

/* A PAT bit lies elsewhere in a large entry. */
static pgprot_t pgprot_4k_to_large(pgprot_t prot)
{
	u64 v = pgprot_val(prot);

	return __pgprot((v & ~_PAGE_PAT) | (v & _PAGE_PAT ? _PAGE_PAT_LARGE : 0));
}

/* One 2 MiB entry; what was there can only be an empty table. 0 or -ENOMEM. */
static int map_large(unsigned long addr, unsigned long pfn, pgprot_t prot, struct old_tables *old)
{
	pmd_t *pmd = pmd_alloc_kernel(addr), was;

	if (unlikely(!pmd))
		return -ENOMEM;
	was = *pmd;
	VM_BUG_ON(pmd_leaf(was));
	set_pmd(pmd, pfn_pmd_leaf(pfn, pgprot_4k_to_large(prot)));
	if (pmd_present(was))
		push_old_table(old, was);
	return 0;
}

/* The end of mapping [start, addr): frees the tables that large pages replaced; after an error nothing stays mapped. */
static int mapped(unsigned long start, unsigned long addr, struct old_tables *old, int err)
{
	if (unlikely(old->first))
		free_old_tables(old);
	if (unlikely(err))
		vunmap_range(start, addr);
	return err;
}

/* Do these 512 pages lie in a row, aligned as one large page? */
static bool is_large_block(struct page **pages)
{
	if (!IS_ALIGNED(page_to_pfn(pages[0]), PTRS_PER_TABLE))
		return false;
	for (unsigned int i = 1; i < PTRS_PER_TABLE; i++)
		if (pages[i] != pages[0] + i)
			return false;
	return true;
}

int __vmap_pages_range(unsigned long start, struct page **pages, unsigned int count, pgprot_t prot,
		       bool large)
{
	unsigned long addr = start, end = start + ((unsigned long)count << PAGE_SHIFT);
	struct old_tables old = {};
	int err = -ENOMEM;

	while (addr != end) {
		unsigned long next = pmd_addr_end(addr, end);
		pte_t *pte;

		if (large && next - addr == PMD_SIZE && is_large_block(pages)) {
			if (map_large(addr, page_to_pfn(*pages), prot, &old))
				goto out;
			pages += PTRS_PER_TABLE;
			addr = next;
			continue;
		}
		pte = pte_alloc_kernel(addr);
		if (unlikely(!pte))
			goto out;
		for (; addr != next; addr += PAGE_SIZE) {
			VM_BUG_ON(ptep_get(pte).pte);
			set_pte(pte++, pfn_pte(page_to_pfn(*pages++), prot));
		}
	}
	err = 0;
out:
	return mapped(start, addr, &old, err);
}

int vmap_pages_range(unsigned long start, struct page **pages, unsigned int count, pgprot_t prot)
{
	return __vmap_pages_range(start, pages, count, prot, false);
}

int vmap_page_range(unsigned long start, unsigned long end, phys_addr_t phys, pgprot_t prot)
{
	unsigned long addr = start, next;
	struct old_tables old = {};
	int err = -ENOMEM;

	for (; addr != end; phys += next - addr, addr = next) {
		phys_addr_t p = phys;
		pte_t *pte;

		next = pmd_addr_end(addr, end);
		if (next - addr == PMD_SIZE && IS_ALIGNED(phys, PMD_SIZE)) {
			if (map_large(addr, PHYS_PFN(phys), prot, &old))
				goto out;
			continue;
		}
		pte = pte_alloc_kernel(addr);
		if (unlikely(!pte))
			goto out;
		for (unsigned long a = addr; a != next; a += PAGE_SIZE, p += PAGE_SIZE)
			set_pte(pte++, pfn_pte(PHYS_PFN(p), prot));
	}
	err = 0;
out:
	return mapped(start, addr, &old, err);
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
