/*
 * page_vma_mapped_walk: from (folio, area) to page-table entries.
 *
 * 1. The folio's place in the area follows from its index, so there is nothing to search: at most one entry for each of its
 *    pages, at consecutive addresses. Each is compared with the frames that are looked for, because an area that could map
 *    a page need not: it was never touched there, or holds a private copy.
 * 2. One table's lock is taken when the walk enters its span and kept until it leaves it, so the caller changes entries
 *    between two steps without locking.
 * 3. A large folio's pages may lie in two tables, and its range may stick out of the area on both sides.
 *
 * Locks: ptl, inside the lock of the tree (i_mmap_rwsem or anon_vma) that led to the area. Mirrors Linux
 * mm/page_vma_mapped.c. Exercised by the suite rmap, tests/user/{rmap,migrate}.c.
 */
#include "mm/user/page_vma_mapped.h"

#include "lib/errno.h"
#include "mm/user/leafops.h"

unsigned long vma_address(const struct vm_area_struct *vma, pgoff_t pgoff, unsigned long nr)
{
	if (pgoff >= vma->vm_pgoff) {
		pgoff -= vma->vm_pgoff;
		return pgoff < vma_pages(vma) ? vma->vm_start + (pgoff << PAGE_SHIFT) : -EFAULT;
	}
	return pgoff + nr > vma->vm_pgoff ? vma->vm_start : -EFAULT;
}

void page_vma_mapped_init(struct page_vma_mapped_walk *pvmw, struct folio *folio,
			  struct vm_area_struct *vma, unsigned long address, unsigned int flags)
{
	pgoff_t last = folio->index + folio_nr_pages(folio) - vma->vm_pgoff;

	pvmw->pfn = folio_pfn(folio);
	pvmw->nr_pages = folio_nr_pages(folio);
	pvmw->vma = vma;
	pvmw->address = address;
	pvmw->end = min(vma->vm_end, vma->vm_start + (last << PAGE_SHIFT));
	pvmw->flags = flags;
	pvmw->pmd = NULL;
	pvmw->pte = NULL;
	pvmw->ptl = NULL;
}

static bool entry_matches(const struct page_vma_mapped_walk *pvmw)
{
	pte_t pte = ptep_get(pvmw->pte);
	unsigned long pfn;

	if (pvmw->flags & PVMW_MIGRATION) {
		if (!pte_is_migration(pte))
			return false;
		pfn = softleaf_to_pfn(softleaf_from_pte(pte));
	} else {
		if (!pte_present(pte) || pte_special(pte))
			return false;
		pfn = pte_pfn(pte);
	}
	return pfn - pvmw->pfn < pvmw->nr_pages;
}

static void next_address(struct page_vma_mapped_walk *pvmw)
{
	pvmw->address += PAGE_SIZE;
	pvmw->pte++;
	if (!(pvmw->address & ~PMD_MASK))
		page_vma_mapped_walk_done(pvmw);
}

bool page_vma_mapped_walk(struct page_vma_mapped_walk *pvmw)
{
	if (pvmw->pte)
		next_address(pvmw);
	while (pvmw->address < pvmw->end) {
		if (!pvmw->pte) {
			pvmw->pmd = mm_find_pmd(pvmw->vma->vm_mm, pvmw->address);
			if (!pvmw->pmd) {
				pvmw->address = (pvmw->address & PMD_MASK) + PMD_SIZE;
				continue;
			}
			pvmw->ptl = pte_lockptr(*pvmw->pmd);
			spin_lock(pvmw->ptl);
			pvmw->pte = pte_offset_kernel(pvmw->pmd, pvmw->address);
		}
		if (entry_matches(pvmw))
			return true;
		next_address(pvmw);
	}
	page_vma_mapped_walk_done(pvmw);
	return false;
}
