/*
 * Page tables of user address spaces: making, copying, emptying and freeing them.
 *
 * Mirrors the table half of Linux mm/memory.c. Exercised by tests/user/{fork_cow,anon_map,file_map}.c.
 */
#pragma once

#include "mm/user/mm.h"

struct mmu_gather;

extern unsigned long zero_pfn; /* frame of the shared page of zeroes */

/* The lock of the table that a PMD entry points to: it lives in the table's struct page. */
static inline spinlock_t *pte_lockptr(pmd_t pmd)
{
	return &pfn_to_page(pmd_pfn(pmd))->ptl;
}

/* The counter of the mm in which a mapping of the folio counts. */
static inline int mm_counter_of(const struct folio *folio)
{
	if (folio_test_anon(folio))
		return MM_ANONPAGES;
	return folio_test_swapbacked(folio) ? MM_SHMEMPAGES : MM_FILEPAGES;
}

/* The top table, upper half filled with the kernel's entries; NULL: no memory. */
pgd_t *pgd_alloc(struct mm_struct *mm);
void pgd_free(struct mm_struct *mm, pgd_t *pgd);

/*
 * The PMD entry that covers addr, with the upper levels made as needed; NULL: no memory. Its PTE table
 * may still be missing. => mmap_lock held
 */
pmd_t *mm_alloc_pmd(struct mm_struct *mm, unsigned long addr);
/* Gives *pmd a PTE table if it has none; 0 or -ENOMEM. => mmap_lock held, no table lock */
int pte_alloc(struct mm_struct *mm, pmd_t *pmd);
/* The PMD entry that covers addr if it has a PTE table, else NULL. => mmap_lock held */
pmd_t *mm_find_pmd(struct mm_struct *mm, unsigned long addr);
/*
 * The next PMD entry with a PTE table in [*addr, end); its part of the range is [*addr, *next). NULL: there is none
 * left. Absent upper tables are stepped over whole, so an empty range of any size costs little.
 */
pmd_t *mm_next_pmd(struct mm_struct *mm, unsigned long *addr, unsigned long end,
		   unsigned long *next);
/* Locks and returns the entry of addr, making tables; NULL: no memory. Unlock *ptl. */
pte_t *get_locked_pte(struct mm_struct *mm, unsigned long addr, spinlock_t **ptl);

/* fork: gives dst_vma (the copy) the pages of src_vma, private ones write-protected on both sides. -ENOMEM */
int copy_page_range(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma);
/* Takes the pages of [start, end) out of vma's tables; entries are gathered in tlb. */
void unmap_page_range(struct mmu_gather *tlb, struct vm_area_struct *vma, unsigned long start,
		      unsigned long end);
/* munmap: pages of the chained VMAs, then the tables that nothing else uses in [start, end). */
void unmap_region(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
		  unsigned long end);
/* exit: everything. => mm_users is 0 */
void unmap_all(struct mm_struct *mm);
/* madvise(MADV_DONTNEED): pages go, areas stay. => mmap_lock held */
void zap_page_range_single(struct vm_area_struct *vma, unsigned long start, unsigned long size);

struct address_space;
/* Truncate: unmaps pages [first, first + nr) of a file from every process; nr 0: to the end. */
void unmap_mapping_pages(struct address_space *mapping, pgoff_t first, pgoff_t nr, bool even_cows);
/* A device's or kernel memory frames into vma, marked special; -EINVAL, -ENOMEM. => mmap_lock for writing */
int remap_pfn_range(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn,
		    unsigned long size, pgprot_t prot);
/*
 * One page of the kernel's into an empty entry of vma, with the vma's rights; the mapping has a reference of its own. 0, -EINVAL
 * (outside, or an anonymous or slab page), -EBUSY (there is an entry), -ENOMEM. => mmap_lock for writing
 */
int vm_insert_page(struct vm_area_struct *vma, unsigned long addr, struct page *page);
/*
 * An area of vmalloc_user() (VM_USERMAP) into vma: from page pgoff of it on as many pages as vma has, or size bytes at uaddr.
 * 0, -EINVAL (no such area, not for user space, more than it has), -EBUSY, -ENOMEM: what is mapped by then goes with the vma.
 * => mmap_lock for writing
 */
int remap_vmalloc_range(struct vm_area_struct *vma, void *addr, unsigned long pgoff);
int remap_vmalloc_range_partial(struct vm_area_struct *vma, unsigned long uaddr, void *kaddr,
				unsigned long pgoff, unsigned long size);
void user_pgtable_init(void);
extern const struct mapping_ops user_mapping_ops; /* what truncate calls */
