/*
 * Pages for user page tables.
 *
 * 1. A table that is given back holds only clear entries: unmapping cleared them one by one. So it can
 *    serve as the next new table without being zeroed again, which is most of what a new table costs.
 * 2. Each CPU keeps a few such pages; the top tables separately, because their upper half holds the
 *    kernel's entries, which never change after boot and so are right already.
 * 3. Invariant: a page on the list is all zero (below 256 entries for a top table). Test kernels check it.
 *
 * Locks: none. The lists are this CPU's, used with interrupts on and never from an interrupt; the kernel
 * is not preempted. Mirrors Linux asm-generic/pgalloc.h. Exercised by tests/user/fork_cow.c.
 */
#include "mm/user/pgalloc.h"

#include "arch/x86/page.h"
#include "kernel/bug.h"
#include "kernel/percpu.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"
#include "mm/user/memory.h"

#define QUICKLIST_MAX 12

struct table_quicklist {
	unsigned int nr;
	struct page *pages[QUICKLIST_MAX];
};

static DEFINE_PER_CPU(struct table_quicklist, pte_quicklist);
static DEFINE_PER_CPU(struct table_quicklist, pgd_quicklist);

static struct page *quicklist_get(struct table_quicklist *q)
{
	return q->nr ? q->pages[--q->nr] : NULL;
}

static bool quicklist_put(struct table_quicklist *q, struct page *page)
{
	if (q->nr == QUICKLIST_MAX)
		return false;
	q->pages[q->nr++] = page;
	return true;
}

struct page *pgtable_alloc(struct mm_struct *mm)
{
	struct page *page = quicklist_get(this_cpu_ptr(&pte_quicklist));

	if (!page) {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!page)
			return NULL;
		__SetPageTable(page);
		spin_lock_init(&page->ptl);
		inc_node_page_state(page, NR_PAGETABLE);
	}
	atomic_long_add(PAGE_SIZE, &mm->pgtables_bytes);
	return page;
}

static void table_free_page(struct page *page)
{
	dec_node_page_state(page, NR_PAGETABLE);
	__ClearPageTable(page);
	__free_page(page);
}

void pgtable_free(struct mm_struct *mm, struct page *table)
{
	VM_BUG_ON(memchr_inv(page_address(table), 0, PAGE_SIZE));
	atomic_long_sub(PAGE_SIZE, &mm->pgtables_bytes);
	if (!quicklist_put(this_cpu_ptr(&pte_quicklist), table))
		table_free_page(table);
}

pgd_t *pgd_alloc(struct mm_struct *mm)
{
	struct page *page = quicklist_get(this_cpu_ptr(&pgd_quicklist));
	pgd_t *pgd;

	if (!page) {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!page)
			return NULL;
		__SetPageTable(page);
		inc_node_page_state(page, NR_PAGETABLE);
		pgd = page_address(page);
		memcpy(pgd + 256, swapper_pg_dir + 256, 256 * sizeof(pgd_t));
	}
	return page_address(page);
}

void pgd_free(struct mm_struct *mm, pgd_t *pgd)
{
	struct page *page = virt_to_page(pgd);

	VM_BUG_ON(memchr_inv(pgd, 0, PAGE_SIZE / 2));
	if (!quicklist_put(this_cpu_ptr(&pgd_quicklist), page))
		table_free_page(page);
}
