/*
 * page_vma_mapped_walk: the entries of one area that map pages of a folio, one after the other.
 *
 * Mirrors the walk of Linux include/linux/rmap.h. Theory in page_vma_mapped.c.
 */
#pragma once

#include "mm/user/memory.h"

#define PVMW_MIGRATION BIT(0) /* look for migration entries instead of present ones */

struct page_vma_mapped_walk {
	unsigned long pfn; /* frames [pfn, pfn + nr_pages) are looked for */
	unsigned long nr_pages;
	struct vm_area_struct *vma;
	unsigned long address, end; /* where the walk is, and where it ends */
	unsigned int flags;	    /* PVMW_* */
	pmd_t *pmd;
	pte_t *pte;	 /* the entry found; NULL before the first step */
	spinlock_t *ptl; /* held while pte is set */
};

/* Where the first of pages [pgoff, pgoff + nr) that lies in vma would be mapped, or -EFAULT. */
unsigned long vma_address(const struct vm_area_struct *vma, pgoff_t pgoff, unsigned long nr);
/* A walk over folio's pages in vma from address, as rmap_walk() gave it. */
void page_vma_mapped_init(struct page_vma_mapped_walk *pvmw, struct folio *folio,
			  struct vm_area_struct *vma, unsigned long address, unsigned int flags);
/*
 * The next entry: true, with ->pte, ->address and its lock held; false at the end, without a lock.
 * => the tree's lock that led to vma keeps it and its tables, or mmap_lock does
 */
bool page_vma_mapped_walk(struct page_vma_mapped_walk *pvmw);
/* Ends a walk early. */
static inline void page_vma_mapped_walk_done(struct page_vma_mapped_walk *pvmw)
{
	if (pvmw->pte)
		spin_unlock(pvmw->ptl);
	pvmw->pte = NULL;
}
