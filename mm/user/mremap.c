/*
 * mremap: an area changes its size or its place. Moving moves page-table entries, never pages.
 *
 * 1. Shrinking is munmap of the tail. Growing in place needs a hole behind the area: the area is
 *    extended like mmap would extend it.
 * 2. Otherwise a copy of the VMA is linked at the new place, the entries are moved table by table
 *    (cleared on the old side, flushed, set on the new), and the old range is unmapped, now empty.
 *
 * Locks: mmap_lock for writing; the file's i_mmap_rwsem while pages move; both tables' locks, the new one first.
 * Mirrors Linux mm/mremap.c. Exercised by tests/user/{mmap_edge,anon_map,vmstress}.c.
 */
#include "arch/x86/tlb.h"
#include "kernel/current.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/debug/page_table_check.h"
#include "mm/user/anon_vma.h"
#include "mm/user/memory.h"
#include "mm/user/mman.h"
#include "mm/user/vma.h"

/*
 * Moves the entries of [old, old + len), which lies in one table, to new; -ENOMEM. A walk from a private page to its entries
 * goes from area to area as truncate does, so it waits.
 */
static int move_ptes(struct vm_area_struct *vma, unsigned long old, unsigned long new,
		     unsigned long len)
{
	struct mm_struct *mm = vma->vm_mm;
	pmd_t *old_pmd = mm_find_pmd(mm, old), *new_pmd;
	spinlock_t *old_ptl, *new_ptl;
	pte_t *src, *dst;
	unsigned long i;

	if (!old_pmd)
		return 0;
	new_pmd = mm_alloc_pmd(mm, new);
	if (!new_pmd || pte_alloc(mm, new_pmd))
		return -ENOMEM;
	if (vma->anon_vma)
		anon_vma_lock_write(vma->anon_vma);
	/* mmap_lock is held for writing: nobody else takes two table locks of this mm. */
	new_ptl = pte_lockptr(*new_pmd);
	old_ptl = pte_lockptr(*old_pmd);
	spin_lock(new_ptl);
	if (old_ptl != new_ptl)
		spin_lock_nested(old_ptl, 1);
	dst = pte_offset_kernel(new_pmd, new);
	src = pte_offset_kernel(old_pmd, old);
	for (i = 0; i < len >> PAGE_SHIFT; i++)
		if (!pte_none(src[i]))
			set_user_pte(&dst[i], user_ptep_get_and_clear(&src[i]));
	flush_tlb_mm_range(&mm->context, old, old + len, PAGE_SHIFT, false);
	if (old_ptl != new_ptl)
		spin_unlock(old_ptl);
	spin_unlock(new_ptl);
	if (vma->anon_vma)
		anon_vma_unlock_write(vma->anon_vma);
	return 0;
}

/* => old and new do not overlap; vma is the area at old */
static int move_page_tables(struct vm_area_struct *vma, unsigned long old, unsigned long new,
			    unsigned long len)
{
	struct address_space *mapping = vma->vm_file ? vma->vm_file->f_mapping : NULL;
	unsigned long at = old, next, step;
	int err = 0;

	/* Truncate goes from area to area: no page may slip from one still to be seen to one already seen. */
	if (mapping)
		down_write(&mapping->i_mmap_rwsem);
	for (; !err && mm_next_pmd(vma->vm_mm, &at, old + len, &next); at += step) {
		unsigned long to = new + (at - old);

		step = min(next - at, PMD_SIZE - (to & ~PMD_MASK));
		err = move_ptes(vma, at, to, step);
		cond_resched();
	}

	if (mapping)
		up_write(&mapping->i_mmap_rwsem);
	return err;
}

/* A second area like vma from address from on, new_len bytes at new; NULL: no memory. */
static struct vm_area_struct *copy_vma(struct mm_struct *mm, struct vm_area_struct *vma,
				       unsigned long from, unsigned long new, unsigned long new_len)
{
	struct vm_area_struct *copy = vm_area_dup(vma);

	if (!copy)
		return NULL;
	copy->vm_start = new;
	copy->vm_end = new + new_len;
	copy->vm_pgoff += (from - vma->vm_start) >> PAGE_SHIFT;
	/* The pages that will move over are found from the anon_vmas they have. */
	if (anon_vma_clone(copy, vma)) {
		vm_area_free(copy);
		return NULL;
	}
	if (copy->vm_file)
		get_file(copy->vm_file);
	if (copy->vm_ops && copy->vm_ops->open)
		copy->vm_ops->open(copy);
	if (vma_link(mm, copy)) {
		unlink_anon_vmas(copy);
		remove_vma(copy);
		return NULL;
	}
	vm_stat_account(mm, copy->vm_flags, new_len >> PAGE_SHIFT);
	if (copy->vm_flags & VM_LOCKED)
		mm->locked_vm += new_len >> PAGE_SHIFT;
	return copy;
}

/* The area [old, old + old_len), now a VMA of its own, moves to new with new_len bytes. */
static unsigned long move_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long new,
			      unsigned long new_len, bool dontunmap)
{
	unsigned long old = vma->vm_start, old_len = vma->vm_end - old,
		      move = min(old_len, new_len);
	struct vm_area_struct *copy = copy_vma(mm, vma, old, new, new_len);

	if (!copy)
		return -ENOMEM;
	if (move_page_tables(vma, old, new, move)) {
		/* Bring back what moved: those tables exist, so this cannot fail. */
		move_page_tables(copy, new, old, move);
		do_vmi_munmap(mm, new, new + new_len);
		return -ENOMEM;
	}
	/* Without memory for the tree's node the old area stays, empty: the move itself is done. */
	if (!dontunmap)
		do_vmi_munmap(mm, old, old + old_len);
	return new;
}

/* Only the part named moves: it becomes a VMA of its own first. */
static int isolate_part(struct mm_struct *mm, unsigned long addr, unsigned long len,
			struct vm_area_struct **res)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	if (!vma || vma->vm_end < addr + len)
		return -EFAULT;
	*res = vma;
	return vma_isolate(mm, res, addr, addr + len);
}

static unsigned long mremap_to_place(struct mm_struct *mm, unsigned long addr,
				     unsigned long old_len, unsigned long new_addr,
				     unsigned long new_len, unsigned long flags)
{
	struct vm_area_struct *vma;
	int err;

	if (mm->map_count + 3 >= DEFAULT_MAX_MAP_COUNT)
		return -ENOMEM;
	if (flags & MREMAP_FIXED) {
		if ((new_addr & ~PAGE_MASK) || new_len > TASK_SIZE ||
		    new_addr > TASK_SIZE - new_len)
			return -EINVAL;
		if (addr + old_len > new_addr && new_addr + new_len > addr)
			return -EINVAL;
		new_addr = get_unmapped_area(NULL, new_addr, new_len, 0, MAP_FIXED);
	} else {
		new_addr = get_unmapped_area(NULL, 0, new_len, 0, 0);
	}
	if (IS_ERR_VALUE(new_addr))
		return new_addr;
	err = do_vmi_munmap(mm, new_addr, new_addr + new_len);
	if (err)
		return err;
	if (old_len > new_len) {
		err = do_vmi_munmap(mm, addr + new_len, addr + old_len);
		if (err)
			return err;
		old_len = new_len;
	}
	if (!old_len) {
		/* The old way to map a shared area twice: nothing moves. */
		vma = vma_lookup(mm, addr);
		return vma && copy_vma(mm, vma, addr, new_addr, new_len) ? new_addr : -ENOMEM;
	}
	err = isolate_part(mm, addr, old_len, &vma);
	return err ? err : move_vma(mm, vma, new_addr, new_len, flags & MREMAP_DONTUNMAP);
}

static unsigned long grow_in_place(struct mm_struct *mm, struct vm_area_struct *vma,
				   unsigned long addr, unsigned long old_len, unsigned long new_len)
{
	unsigned long end = addr + new_len;
	struct vm_area_struct *next = find_vma(mm, vma->vm_end);

	if (vma->vm_end != addr + old_len || end < addr || end > TASK_SIZE ||
	    (next && vm_start_gap(next) < end) ||
	    mtree_store_range(&mm->mm_mt, vma->vm_start, end - 1, vma, GFP_KERNEL))
		return -ENOMEM;
	vma_set_range(vma, vma->vm_start, end, vma->vm_pgoff);
	vm_stat_account(mm, vma->vm_flags, (new_len - old_len) >> PAGE_SHIFT);
	if (vma->vm_flags & VM_LOCKED)
		mm->locked_vm += (new_len - old_len) >> PAGE_SHIFT;
	vma_merge_existing(mm, vma);
	return addr;
}

static unsigned long do_mremap(struct mm_struct *mm, unsigned long addr, unsigned long old_len,
			       unsigned long new_len, unsigned long flags, unsigned long new_addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);
	unsigned long ret;

	if (!vma)
		return -EFAULT;
	if (!old_len && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP)))
		return -EINVAL;
	if (old_len > vma->vm_end - addr)
		return -EFAULT;
	if (new_len > old_len) {
		pgoff_t pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);

		if (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
			return -EFAULT;
		if (pgoff + (new_len >> PAGE_SHIFT) < pgoff)
			return -EINVAL;
		if ((vma->vm_flags & VM_LOCKED) &&
		    ((mm->locked_vm << PAGE_SHIFT) + new_len - old_len > rlimit(RLIMIT_MEMLOCK)))
			return -EAGAIN;
		if (!may_expand_vm(mm, vma->vm_flags, (new_len - old_len) >> PAGE_SHIFT))
			return -ENOMEM;
	}
	if ((flags & MREMAP_DONTUNMAP) && !may_expand_vm(mm, vma->vm_flags, new_len >> PAGE_SHIFT))
		return -ENOMEM;
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return mremap_to_place(mm, addr, old_len, new_addr, new_len, flags);
	if (new_len <= old_len) {
		int err = new_len < old_len ? do_vmi_munmap(mm, addr + new_len, addr + old_len) : 0;

		return err ? err : addr;
	}
	ret = grow_in_place(mm, vma, addr, old_len, new_len);
	if (!IS_ERR_VALUE(ret) || !(flags & MREMAP_MAYMOVE))
		return ret;
	return mremap_to_place(mm, addr, old_len, 0, new_len, flags);
}

static long sys_mremap(unsigned long addr, unsigned long old_len, unsigned long new_len,
		       unsigned long flags, unsigned long new_addr)
{
	struct mm_struct *mm = current->mm;
	unsigned long ret;

	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	old_len = PAGE_ALIGN(old_len);
	new_len = PAGE_ALIGN(new_len);
	if ((addr & ~PAGE_MASK) || !new_len)
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && old_len != new_len)
		return -EINVAL;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	ret = do_mremap(mm, addr, old_len, new_len, flags, new_addr);
	mmap_write_unlock(mm);
	return ret;
}
SYSCALL(25, mremap);
