/*
 * mprotect: new rights for a range.
 *
 * 1. The areas are cut at the borders, get their flags, and merge again with what they became equal to.
 * 2. Present entries take the new protection at once, but a private page never becomes writable here:
 *    its write bit comes back through a fault, which decides between reuse and copy.
 * 3. Taking rights away ends with a TLB flush of the range; giving rights does not need one, but the
 *    entries change in both directions at once, so there is one flush for all.
 *
 * Locks: mmap_lock for writing, ptl per table. Mirrors Linux mm/mprotect.c.
 * Exercised by tests/user/mprotect.c and mmap_edge.c.
 */
#include "arch/x86/tlb.h"
#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/debug/page_table_check.h"
#include "mm/phys/page.h"
#include "mm/user/memory.h"
#include "mm/user/mman.h"
#include "mm/user/vma.h"

static void change_pte_range(struct vm_area_struct *vma, pmd_t *pmd, unsigned long addr,
			     unsigned long end)
{
	spinlock_t *ptl = pte_lockptr(*pmd);
	pte_t *pte = pte_offset_kernel(pmd, addr);

	spin_lock(ptl);
	for (; addr < end; addr += PAGE_SIZE, pte++) {
		pte_t old, new;

		if (!pte_present(*pte))
			continue;
		/* Cleared meanwhile, so that the processor's dirty bit cannot be lost. */
		old = user_ptep_get_and_clear(pte);
		new = pte_modify(old, vma->vm_page_prot);
		if (vma->vm_flags & VM_SHARED && !pte_special(old) && !pte_dirty(old))
			new = pte_wrprotect(new);
		else if (pte_write(old) && (vma->vm_flags & VM_WRITE))
			new = pte_mkwrite(new);
		set_user_pte(pte, new);
	}
	spin_unlock(ptl);
}

static void change_protection(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long addr = start, next;
	pmd_t *pmd;

	for (; (pmd = mm_next_pmd(mm, &addr, end, &next)) != NULL; addr = next) {
		change_pte_range(vma, pmd, addr, next);
		cond_resched();
	}
	flush_tlb_mm_range(&mm->context, start, end, PAGE_SHIFT, false);
}

static int mprotect_fixup(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, unsigned long newflags)
{
	int err;

	if (newflags == vma->vm_flags)
		return 0;
	if ((newflags & VM_WRITE) && !(vma->vm_flags & (VM_WRITE | VM_SHARED)) &&
	    !may_expand_vm(mm, newflags, (end - start) >> PAGE_SHIFT))
		return -ENOMEM;
	err = vma_isolate(mm, &vma, start, end);
	if (err)
		return err;
	vm_stat_account(mm, vma->vm_flags, -(long)vma_pages(vma));
	vma->vm_flags = newflags;
	vm_stat_account(mm, vma->vm_flags, vma_pages(vma));
	vma->vm_page_prot = vm_get_page_prot(newflags);
	change_protection(vma, start, end);
	vma_merge_existing(mm, vma);
	return 0;
}

static int mprotect_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			  unsigned long prot)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	unsigned long rights = prot & (VM_READ | VM_WRITE | VM_EXEC), newflags, next;
	int err;

	if (!vma)
		return -ENOMEM;
	if (prot & PROT_GROWSDOWN) {
		if (vma->vm_start >= end || !(vma->vm_flags & VM_GROWSDOWN))
			return -EINVAL;
		start = vma->vm_start;
	} else if (vma->vm_start > start) {
		return -ENOMEM;
	}
	while (start < end) {
		vma = vma_lookup(mm, start);
		if (!vma)
			return -ENOMEM;
		next = min(vma->vm_end, end);
		newflags = (vma->vm_flags & ~VM_ACCESS_FLAGS) | rights;
		if (rights & ~(newflags >> 4))
			return -EACCES;
		err = mprotect_fixup(mm, vma, start, next, newflags);
		if (err)
			return err;
		start = next;
	}
	return 0;
}

static long sys_mprotect(unsigned long start, size_t len, unsigned long prot)
{
	struct mm_struct *mm = current->mm;
	unsigned long end;
	int err;

	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	if ((prot & PROT_GROWSUP) || (start & ~PAGE_MASK))
		return -EINVAL;
	if (!len)
		return 0;
	end = start + PAGE_ALIGN(len);
	if (end <= start)
		return -ENOMEM;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = mprotect_range(mm, start, end, prot);
	mmap_write_unlock(mm);
	return err;
}
SYSCALL(10, mprotect);

int mprotect_fixup_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			 unsigned long prot)
{
	return mprotect_range(mm, start, end, prot);
}
