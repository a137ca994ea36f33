/*
 * Faults on file pages: from the page cache into the page table.
 *
 * map_pages serves the common case without sleeping: it puts every page around the fault that the cache
 * has, uptodate, into the empty entries of one table, so a program's text costs one fault per sixteen
 * pages. fault() brings a missing page in, with those around it (mm/cache/readahead.h), and returns it locked.
 *
 * Locks: mmap_lock for reading (held by the caller); ptl; invalidate_lock while reading in.
 * Mirrors Linux mm/filemap.c (filemap_fault, filemap_map_pages). Exercised by tests/user/file_map.c.
 */
#include "kernel/bug.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/readahead.h"
#include "mm/cache/writeback.h"
#include "mm/debug/page_table_check.h"
#include "mm/phys/vmstat.h"
#include "mm/user/lazyfree.h"
#include "mm/user/memory.h"
#include "mm/user/rmap.h"

/* A store through a shared mapping, of files that need no room for it: the page is dirty from now on. */
static unsigned int filemap_page_mkwrite(struct vm_fault *vmf)
{
	struct folio *folio = page_folio(vmf->page);

	folio_lock(folio);
	if (folio->mapping != vmf->vma->vm_file->f_mapping) {
		folio_unlock(folio);
		return VM_FAULT_NOPAGE;
	}
	folio_mark_dirty(folio);
	return VM_FAULT_LOCKED;
}

static const struct vm_operations_struct generic_file_vm_ops = {
	.fault = filemap_fault,
	.map_pages = filemap_map_pages,
	.page_mkwrite = filemap_page_mkwrite,
};

int generic_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &generic_file_vm_ops;
	return 0;
}

/* ---- readahead ---- */

#define MMAP_LOTSAMISS 100 /* faults in vain: reading around them does not help */

static struct readahead_control fault_rac(const struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;

	return (struct readahead_control){
		.file = file, .mapping = file->f_mapping, .ra = &file->f_ra, ._index = vmf->pgoff
	};
}

/* The page is not there: it and those around it. */
static void do_sync_mmap_readahead(struct vm_fault *vmf)
{
	struct readahead_control rac = fault_rac(vmf);
	struct file_ra_state *ra = rac.ra;
	unsigned long ra_pages = READ_ONCE(ra->ra_pages);
	int miss;

	if ((vmf->vma->vm_flags & VM_RAND_READ) || !ra_pages || !rac.mapping->a_ops->read_folio)
		return;
	if (vmf->vma->vm_flags & VM_SEQ_READ) {
		page_cache_sync_ra(&rac, ra_pages);
		return;
	}
	miss = READ_ONCE(ra->mmap_miss);
	if (miss < MMAP_LOTSAMISS * 10)
		WRITE_ONCE(ra->mmap_miss, ++miss);
	if (miss > MMAP_LOTSAMISS)
		return;
	ra->start = vmf->pgoff > ra_pages / 2 ? vmf->pgoff - ra_pages / 2 : 0;
	ra->size = ra_pages;
	ra->async_size = ra_pages / 4;
	rac._index = ra->start;
	do_page_cache_ra(&rac, ra->size, ra->async_size);
}

/* The page is there: so reading around pays, and the mark of a window may be on it. */
static void do_async_mmap_readahead(struct vm_fault *vmf, struct folio *folio)
{
	struct readahead_control rac = fault_rac(vmf);
	int miss = READ_ONCE(rac.ra->mmap_miss);

	if ((vmf->vma->vm_flags & VM_RAND_READ) || !rac.ra->ra_pages)
		return;
	if (miss > 0)
		WRITE_ONCE(rac.ra->mmap_miss, miss - 1);
	if (folio_test_readahead(folio))
		page_cache_async_ra(&rac, folio, rac.ra->ra_pages);
}

/* Readahead for the fault; VM_FAULT_MAJOR if it must wait for the disk. */
static unsigned int fault_readahead(struct vm_fault *vmf, struct address_space *mapping)
{
	struct folio *folio = filemap_get_folio(mapping, vmf->pgoff);

	if (!folio) {
		do_sync_mmap_readahead(vmf);
		return VM_FAULT_MAJOR;
	}
	do_async_mmap_readahead(vmf, folio);
	folio_put(folio);
	return 0;
}

unsigned int filemap_fault(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct address_space *mapping = file->f_mapping;
	loff_t size = READ_ONCE(mapping->host->i_size);
	struct folio *folio;
	unsigned int major;

	if (vmf->pgoff >= (pgoff_t)(((u64)size + PAGE_SIZE - 1) >> PAGE_SHIFT))
		return VM_FAULT_SIGBUS;
	major = fault_readahead(vmf, mapping);
	for (;;) {
		folio = read_mapping_folio(mapping, vmf->pgoff, file);
		if (IS_ERR(folio))
			return PTR_ERR(folio) == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
		if (!folio)
			return VM_FAULT_SIGBUS;
		folio_lock(folio);
		if (likely(folio->mapping == mapping))
			break;
		folio_unlock(folio);
		folio_put(folio);
	}
	/* Truncate lowers the size first and takes this folio out later: it must not be mapped any more. */
	size = READ_ONCE(mapping->host->i_size);
	if (unlikely(vmf->pgoff >= (pgoff_t)(((u64)size + PAGE_SIZE - 1) >> PAGE_SHIFT))) {
		folio_unlock(folio);
		folio_put(folio);
		return VM_FAULT_SIGBUS;
	}
	vmf->page = &folio->page;
	return VM_FAULT_LOCKED | major;
}

/* Cached pages [start, end] that fall into the fault's area and table. */
static void clamp_around(struct vm_fault *vmf, pgoff_t *start, pgoff_t *end)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long table = vmf->address & PMD_MASK;
	pgoff_t area_first = vma->vm_pgoff, area_last = vma->vm_pgoff + vma_pages(vma) - 1;
	loff_t size = READ_ONCE(vma->vm_file->f_mapping->host->i_size);
	pgoff_t last = size ? (size - 1) >> PAGE_SHIFT : 0;

	if (table > vma->vm_start)
		area_first += (table - vma->vm_start) >> PAGE_SHIFT;
	if (table + PMD_SIZE < vma->vm_end)
		area_last = vma->vm_pgoff + ((table + PMD_SIZE - vma->vm_start) >> PAGE_SHIFT) - 1;
	*start = max(*start, area_first);
	*end = min3(*end, area_last, last);
}

unsigned int filemap_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	struct vm_area_struct *vma = vmf->vma;
	struct address_space *mapping = vma->vm_file->f_mapping;
	unsigned int ret = 0;
	long mapped = 0, shmem = 0;
	pte_t *base;
	int miss;
	pgoff_t i;

	clamp_around(vmf, &start, &end);
	if (vmf->pgoff < start || vmf->pgoff > end)
		return 0;
	vmf->ptl = pte_lockptr(*vmf->pmd);
	spin_lock(vmf->ptl);
	base = pte_offset_kernel(vmf->pmd, vmf->address) - vmf->pgoff;
	for (i = start; i <= end; i++) {
		struct folio *folio;
		pte_t pte;

		if (!pte_none(base[i])) {
			if (i == vmf->pgoff)
				ret = VM_FAULT_NOPAGE;
			continue;
		}
		folio = filemap_get_folio(mapping, i);
		if (!folio)
			continue;
		/*
		 * Truncation takes the folio out and unmaps afterwards, which needs our ptl: an entry set
		 * after this look at ->mapping is still found by it. A mark wants a fault of its own.
		 */
		if (!folio_test_uptodate(folio) || folio_test_readahead(folio) ||
		    READ_ONCE(folio->mapping) != mapping) {
			folio_put(folio);
			continue;
		}
		pte = pfn_pte(folio_pfn(folio), vma->vm_page_prot);
		if (vma->vm_flags & VM_SHARED)
			pte = pte_wrprotect(pte);
		folio_add_file_rmap_pte(folio, &folio->page);
		mlock_vma_folio(folio, vma);
		mapped++;
		shmem += folio_test_swapbacked(folio);
		set_user_pte(&base[i], pte);
		if (i == vmf->pgoff)
			ret = VM_FAULT_NOPAGE;
	}
	miss = READ_ONCE(vma->vm_file->f_ra.mmap_miss);
	if (unlikely(miss > 0))
		WRITE_ONCE(vma->vm_file->f_ra.mmap_miss, max(miss - (int)mapped, 0));
	add_mm_counter(vma->vm_mm, MM_SHMEMPAGES, shmem);
	add_mm_counter(vma->vm_mm, MM_FILEPAGES, mapped - shmem);
	spin_unlock(vmf->ptl);
	return ret;
}
