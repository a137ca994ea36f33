/*
 * madvise: advice about a range.
 *
 * Advice that only sets a flag cuts and merges areas like mprotect; DONTNEED drops pages; FREE lets reclaim
 * drop them (lazyfree.c); COLD and PAGEOUT make them look unused; the POPULATE pair brings them in. Advice about mechanisms that do not exist yet answers EINVAL, as a
 * Linux without that configuration does.
 *
 * Locks: mmap_lock, for writing where areas change. Mirrors Linux mm/madvise.c.
 * Exercised by tests/user/{mmap_edge,anon_map,vmfuzz}.c.
 */
#include "arch/x86/tlb.h"
#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/readahead.h"
#include "mm/cache/file.h"
#include "mm/cache/pagemap.h"
#include "mm/debug/page_table_check.h"
#include "mm/user/fault.h"
#include "mm/user/lazyfree.h"
#include "mm/user/memory.h"
#include "mm/user/rmap.h"
#include "mm/user/mman.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

/* The flags that advice turns on and off; false when it is not about flags. */
static bool madvise_flags(int advice, unsigned long *set, unsigned long *clear)
{
	*set = *clear = 0;
	switch (advice) {
	case MADV_NORMAL:
		*clear = VM_RAND_READ | VM_SEQ_READ;
		return true;
	case MADV_SEQUENTIAL:
		*set = VM_SEQ_READ;
		*clear = VM_RAND_READ;
		return true;
	case MADV_RANDOM:
		*set = VM_RAND_READ;
		*clear = VM_SEQ_READ;
		return true;
	case MADV_DONTFORK:
		*set = VM_DONTCOPY;
		return true;
	case MADV_DOFORK:
		*clear = VM_DONTCOPY;
		return true;
	case MADV_WIPEONFORK:
		*set = VM_WIPEONFORK;
		return true;
	case MADV_KEEPONFORK:
		*clear = VM_WIPEONFORK;
		return true;
	case MADV_DONTDUMP:
		*set = VM_DONTDUMP;
		return true;
	case MADV_DODUMP:
		*clear = VM_DONTDUMP;
		return true;
	}
	return false;
}

static int madvise_update_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
			      unsigned long end, unsigned long newflags)
{
	if (newflags == vma->vm_flags)
		return 0;
	vma = vma_modify_flags(mm, vma, start, end, newflags);
	if (IS_ERR(vma))
		return PTR_ERR(vma);
	vm_flags_reset(vma, newflags);
	return 0;
}

/* Pages of [start, end) look as if nobody had used them for long. */
static void madvise_cold(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	unsigned long next;
	pmd_t *pmd;

	for (; (pmd = mm_next_pmd(vma->vm_mm, &start, end, &next)) != NULL; start = next) {
		spinlock_t *ptl = pte_lockptr(*pmd);
		pte_t *pte = pte_offset_kernel(pmd, start);

		spin_lock(ptl);
		for (; start < next; start += PAGE_SIZE, pte++) {
			if (!pte_present(*pte) || pte_special(*pte))
				continue;
			if (pte_young(*pte))
				ptep_test_and_clear_young(pte);
			ClearPageReferenced(pfn_to_page(pte_pfn(*pte)));
		}
		spin_unlock(ptl);
		cond_resched();
	}
}

/* Only pages of this process alone: what others share, they may still need. => ptl */
static void free_lazily(pte_t *pte)
{
	struct folio *folio = page_folio(pfn_to_page(pte_pfn(*pte)));

	if (!folio_test_anon(folio) || folio_test_large(folio) || folio_mapcount(folio) != 1 ||
	    !folio_trylock(folio))
		return;
	/* A copy that fork's other side made may have left it to us just now, but none comes: that needs an entry. */
	if (folio_mapcount(folio) == 1) {
		folio_clear_dirty(folio);
		if (pte_young(*pte) || pte_dirty(*pte))
			set_user_pte(pte, pte_mkold(pte_mkclean(user_ptep_get_and_clear(pte))));
		folio_mark_lazyfree(folio);
	}
	folio_unlock(folio);
}

/*
 * The contents may go whenever memory is short, until the page is written again. From the flush on a write is seen; one that
 * another thread does meanwhile may be lost, as its own luck.
 */
static void madvise_free(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	unsigned long addr = start, next;
	pmd_t *pmd;

	for (; (pmd = mm_next_pmd(vma->vm_mm, &addr, end, &next)) != NULL; addr = next) {
		spinlock_t *ptl = pte_lockptr(*pmd);
		pte_t *pte = pte_offset_kernel(pmd, addr);

		spin_lock(ptl);
		for (; addr < next; addr += PAGE_SIZE, pte++)
			if (pte_present(*pte) && !pte_special(*pte))
				free_lazily(pte);
		spin_unlock(ptl);
		cond_resched();
	}
	flush_tlb_mm_range(&vma->vm_mm->context, start, end, PAGE_SHIFT, false);
}

/*
 * The file loses these pages: a hole that reads as zeroes. The file system takes its inode's lock, which comes
 * before mmap_lock, so that is let go meanwhile; returns with it held again, but vma may be gone.
 */
static int madvise_remove(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
			  unsigned long end)
{
	struct file *file = vma->vm_file;
	loff_t at = start - vma->vm_start + ((loff_t)vma->vm_pgoff << PAGE_SHIFT);
	int err;

	if ((vma->vm_flags & VM_LOCKED) || !file || !file->f_op->fallocate)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED) || !(vma->vm_flags & VM_MAYWRITE))
		return -EACCES;
	get_file(file);
	mmap_read_unlock(mm);
	err = file->f_op->fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
				    end - start);
	fput(file);
	mmap_read_lock(mm);
	return err;
}

/* Of a sealed area nobody may throw away what he could not overwrite. */
static bool sealed_may_advise(const struct vm_area_struct *vma, int advice)
{
	switch (advice) {
	case MADV_FREE:
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_WIPEONFORK:
		return !vma_is_anonymous(vma) || (vma->vm_flags & VM_WRITE);
	}
	return true;
}

static int madvise_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
		       unsigned long end, int advice)
{
	unsigned long set, clear;
	int err;

	if (unlikely(vma->vm_flags & VM_SEALED) && !sealed_may_advise(vma, advice))
		return -EPERM;
	if (madvise_flags(advice, &set, &clear)) {
		if (advice == MADV_DOFORK && (vma->vm_flags & VM_IO))
			return -EINVAL;
		if (advice == MADV_WIPEONFORK && (vma->vm_file || (vma->vm_flags & VM_SHARED)))
			return -EINVAL;
		if (advice == MADV_DODUMP && (vma->vm_flags & VM_SPECIAL))
			return -EINVAL;
		/* Advice may be repeated: ENOMEM is kept for holes in the range. */
		err = madvise_update_vma(mm, vma, start, end, (vma->vm_flags & ~clear) | set);
		return err == -ENOMEM ? -EAGAIN : err;
	}
	switch (advice) {
	case MADV_REMOVE:
		return madvise_remove(mm, vma, start, end);
	case MADV_WILLNEED:
		/* There is no swap to read from. */
		if (vma->vm_file)
			vfs_fadvise(vma->vm_file,
				    ((loff_t)vma->vm_pgoff << PAGE_SHIFT) + start - vma->vm_start,
				    end - start, POSIX_FADV_WILLNEED);
		return 0;
	case MADV_COLD:
	case MADV_PAGEOUT:
		if (vma->vm_flags & (VM_LOCKED | VM_PFNMAP))
			return -EINVAL;
		madvise_cold(vma, start, end);
		return 0;
	case MADV_FREE:
		if ((vma->vm_flags & (VM_LOCKED | VM_PFNMAP)) || !vma_is_anonymous(vma))
			return -EINVAL;
		madvise_free(vma, start, end);
		return 0;
	case MADV_DONTNEED:
		if (vma->vm_flags & VM_LOCKED)
			return -EINVAL;
		fallthrough;
	case MADV_DONTNEED_LOCKED:
		if (vma->vm_flags & VM_PFNMAP)
			return -EINVAL;
		zap_page_range_single(vma, start, end - start);
		return 0;
	}
	return -EINVAL;
}

/* Every advice that exists here; anything else is EINVAL before the range is looked at. */
static bool madvise_valid(int advice)
{
	unsigned long set, clear;

	return madvise_flags(advice, &set, &clear) || advice == MADV_WILLNEED ||
	       advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_POPULATE_READ ||
	       advice == MADV_POPULATE_WRITE || advice == MADV_REMOVE || advice == MADV_COLD ||
	       advice == MADV_PAGEOUT || advice == MADV_DONTNEED_LOCKED;
}

/* Advice applies to all areas of the range; holes give -ENOMEM at the end, as on Linux. */
static int madvise_walk(struct mm_struct *mm, unsigned long start, unsigned long end, int advice)
{
	int hole = 0, err;

	while (start < end) {
		struct vm_area_struct *vma = find_vma(mm, start);
		unsigned long next;

		if (!vma || vma->vm_start >= end)
			return -ENOMEM;
		if (vma->vm_start > start) {
			hole = -ENOMEM;
			start = vma->vm_start;
		}
		next = min(vma->vm_end, end);
		err = madvise_vma(mm, vma, start, next, advice);
		if (err)
			return err;
		start = next;
		cond_resched();
	}
	return hole;
}

int do_madvise(struct mm_struct *mm, unsigned long start, size_t len, int advice)
{
	unsigned long set, clear, end = start + PAGE_ALIGN(len);
	bool write = madvise_flags(advice, &set, &clear);
	int err;

	if (!madvise_valid(advice) || (start & ~PAGE_MASK) || end < start ||
	    (len && PAGE_ALIGN(len) == 0))
		return -EINVAL;
	if (end == start)
		return 0;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return faultin_range(mm, start, end - start, advice == MADV_POPULATE_WRITE);
	if (write && mmap_write_lock_killable(mm))
		return -EINTR;
	if (!write)
		mmap_read_lock(mm);
	err = madvise_walk(mm, start, end, advice);
	if (write)
		mmap_write_unlock(mm);
	else
		mmap_read_unlock(mm);
	return err;
}

static long sys_madvise(unsigned long start, size_t len, int advice)
{
	return do_madvise(current->mm, start, len, advice);
}
SYSCALL(28, madvise);
