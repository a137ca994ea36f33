/*
 * mremap: an area changes its size or its place. Moving moves page-table entries, never pages.
 *
 * 1. Shrinking is munmap of the tail. Growing in place needs a hole behind the area: the area is
 *    extended like mmap would extend it.
 * 2. Otherwise a copy of the VMA is linked at the new place, the entries are moved table by table
 *    (cleared on the old side, flushed, set on the new), and the old range is unmapped, now empty.
 *
 * Locks: mmap_lock for writing; both tables' locks, lower address first, while entries move.
 * Mirrors Linux mm/mremap.c. Exercised by tests/user/{mmap_edge,anon_map}.c.
 */
#include "arch/x86/tlb.h"
#include "kernel/current.h"
#include "kernel/rlimit.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/user/memory.h"
#include "mm/user/mman.h"
#include "mm/user/vma.h"

/* Moves the entries of [old, old + len), which lies in one table, to new; -ENOMEM. */
static int move_ptes(struct mm_struct *mm, unsigned long old, unsigned long new, unsigned long len)
{
	pmd_t *old_pmd = mm_find_pmd(mm, old);
	spinlock_t *old_ptl, *new_ptl;
	pte_t *src, *dst;
	unsigned long i;

	if (!old_pmd)
		return 0;
	/* mmap_lock is held for writing: nobody else takes two table locks of this mm. */
	dst = get_locked_pte(mm, new, &new_ptl);
	if (!dst)
		return -ENOMEM;
	old_ptl = pte_lockptr(*old_pmd);
	if (old_ptl != new_ptl)
		spin_lock_nested(old_ptl, 1);
	src = pte_offset_kernel(old_pmd, old);
	for (i = 0; i < len >> PAGE_SHIFT; i++)
		if (!pte_none(src[i]))
			set_pte(&dst[i], ptep_get_and_clear(&src[i]));
	flush_tlb_mm_range(&mm->context, old, old + len);
	if (old_ptl != new_ptl)
		spin_unlock(old_ptl);
	spin_unlock(new_ptl);
	return 0;
}

static int move_page_tables(struct mm_struct *mm, unsigned long old, unsigned long new,
			    unsigned long len)
{
	unsigned long done, step;

	for (done = 0; done < len; done += step) {
		unsigned long to_old = PMD_SIZE - ((old + done) & ~PMD_MASK);
		unsigned long to_new = PMD_SIZE - ((new + done) & ~PMD_MASK);

		step = min3(to_old, to_new, len - done);
		if (move_ptes(mm, old + done, new + done, step))
			return -ENOMEM;
	}
	return 0;
}

/* The area [old, old + old_len), now a VMA of its own, moves to new with new_len bytes. */
static unsigned long move_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long new,
			      unsigned long new_len, bool dontunmap)
{
	unsigned long old = vma->vm_start, old_len = vma->vm_end - old,
		      move = min(old_len, new_len);
	struct vm_area_struct *copy = vm_area_dup(vma);
	int err;

	if (!copy)
		return -ENOMEM;
	copy->vm_start = new;
	copy->vm_end = new + new_len;
	if (copy->vm_file)
		get_file(copy->vm_file);
	if (copy->vm_ops && copy->vm_ops->open)
		copy->vm_ops->open(copy);
	err = vma_link(mm, copy);
	if (err) {
		remove_vma(copy);
		return err;
	}
	vm_stat_account(mm, copy->vm_flags, new_len >> PAGE_SHIFT);
	if (copy->vm_flags & VM_LOCKED)
		mm->locked_vm += new_len >> PAGE_SHIFT;
	if (move_page_tables(mm, old, new, move)) {
		/* Bring back what moved: those tables exist, so this cannot fail. */
		move_page_tables(mm, new, old, move);
		do_vmi_munmap(mm, new, new + new_len);
		return -ENOMEM;
	}
	if (dontunmap)
		return new;
	err = do_vmi_munmap(mm, old, old + old_len);
	return err ? err : new;
}

static unsigned long mremap_to_place(struct mm_struct *mm, unsigned long addr,
				     unsigned long old_len, unsigned long new_addr,
				     unsigned long new_len, unsigned long flags)
{
	struct vm_area_struct *vma;
	int err;

	if (flags & MREMAP_FIXED) {
		if ((new_addr & ~PAGE_MASK) || new_len > TASK_SIZE ||
		    new_addr > TASK_SIZE - new_len)
			return -EINVAL;
		if (addr + old_len > new_addr && new_addr + new_len > addr)
			return -EINVAL;
		if (mm->map_count + 2 >= DEFAULT_MAX_MAP_COUNT)
			return -ENOMEM;
		err = do_vmi_munmap(mm, new_addr, new_addr + new_len);
		if (err)
			return err;
	} else {
		new_addr = get_unmapped_area(NULL, 0, new_len, 0, 0);
		if (IS_ERR_VALUE(new_addr))
			return new_addr;
	}
	/* Only the part named moves: it becomes a VMA of its own first. */
	if (old_len > new_len) {
		err = do_vmi_munmap(mm, addr + new_len, addr + old_len);
		if (err)
			return err;
		old_len = new_len;
	}
	vma = vma_lookup(mm, addr);
	if (!vma || vma->vm_end < addr + old_len)
		return -EFAULT;
	if (vma->vm_start < addr) {
		err = split_vma(mm, vma, addr, &vma);
		if (err)
			return err;
	}
	if (vma->vm_end > addr + old_len) {
		err = split_vma(mm, vma, addr + old_len, NULL);
		if (err)
			return err;
	}
	return move_vma(mm, vma, new_addr, new_len, flags & MREMAP_DONTUNMAP);
}

static unsigned long grow_in_place(struct mm_struct *mm, struct vm_area_struct *vma,
				   unsigned long addr, unsigned long old_len, unsigned long new_len)
{
	unsigned long end = addr + new_len;
	struct vm_area_struct *next = find_vma(mm, vma->vm_end);

	if (vma->vm_end != addr + old_len || end < addr || end > TASK_SIZE ||
	    (next && next->vm_start < end) ||
	    mtree_store_range(&mm->mm_mt, vma->vm_start, end - 1, vma, GFP_KERNEL))
		return -ENOMEM;
	unlink_file_vma(vma);
	vma->vm_end = end;
	vma_link_file(vma);
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
		if (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
			return -EFAULT;
		if ((vma->vm_flags & VM_LOCKED) &&
		    ((mm->locked_vm << PAGE_SHIFT) + new_len - old_len > rlimit(RLIMIT_MEMLOCK)))
			return -EAGAIN;
		if (!may_expand_vm(mm, vma->vm_flags, (new_len - old_len) >> PAGE_SHIFT))
			return -ENOMEM;
	}
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
