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
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/overcommit.h"
#include "mm/debug/page_table_check.h"
#include "mm/phys/page.h"
#include "mm/user/fault.h"
#include "mm/user/memory.h"
#include "mm/user/mman.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

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

/*
 * A private area that becomes writable promises memory. When it becomes unwritable again its pages may be private already,
 * so the promise stays, unless the area never had any. *flags gets VM_ACCOUNT or loses it; -ENOMEM.
 */
static int mprotect_account(struct mm_struct *mm, const struct vm_area_struct *vma,
			    unsigned long pages, unsigned long *flags)
{
	unsigned long old = vma->vm_flags;

	if (*flags & VM_WRITE) {
		/* Only what becomes data can hit a limit that held it before. */
		if (!(old & (VM_WRITE | VM_SHARED | VM_STACK)) &&
		    !may_expand_vm(mm, *flags, pages) && may_expand_vm(mm, old, pages))
			return -ENOMEM;
		if (old & (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE))
			return 0;
		if (vm_enough_memory(mm->total_vm, pages))
			return -ENOMEM;
		*flags |= VM_ACCOUNT;
	} else if ((old & VM_ACCOUNT) && vma_is_anonymous(vma) && !vma->anon_vma) {
		*flags &= ~VM_ACCOUNT;
	}
	return 0;
}

/* The part [start, end) of vma gets these flags. *next: where what has them ends. */
static int mprotect_fixup(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, unsigned long newflags, unsigned long *next)
{
	unsigned long oldflags = vma->vm_flags, pages = (end - start) >> PAGE_SHIFT;
	int err;

	*next = end;
	if (oldflags & VM_SEALED)
		return -EPERM;
	if (newflags == oldflags)
		return 0;
	err = mprotect_account(mm, vma, pages, &newflags);
	if (err)
		return err;
	vma = vma_modify_flags(mm, vma, start, end, newflags);
	if (IS_ERR(vma)) {
		if ((newflags & VM_ACCOUNT) && !(oldflags & VM_ACCOUNT))
			vm_unacct_memory(pages);
		return PTR_ERR(vma);
	}
	vm_flags_reset(vma, newflags);
	vma->vm_page_prot = vm_get_page_prot(newflags);
	change_protection(vma, start, end);
	*next = vma->vm_end;
	if ((oldflags & VM_ACCOUNT) && !(newflags & VM_ACCOUNT))
		vm_unacct_memory(pages);
	vm_stat_account(mm, oldflags, -(long)pages);
	vm_stat_account(mm, newflags, pages);
	/* A locked area's copies are made now, not when they are written. */
	if ((oldflags & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED && (newflags & VM_WRITE))
		populate_vma_range(vma, start, end);
	return 0;
}

static int mprotect_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			  unsigned long prot)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	unsigned long rights = prot & (VM_READ | VM_WRITE | VM_EXEC), newflags;
	int err;

	if (!vma || vma->vm_start >= end)
		return -ENOMEM;
	if (prot & PROT_GROWSDOWN) {
		if (!(vma->vm_flags & VM_GROWSDOWN))
			return -EINVAL;
		start = vma->vm_start;
	} else if (vma->vm_start > start) {
		return -ENOMEM;
	} else if (prot & PROT_GROWSUP) {
		return -EINVAL;
	}
	for (;;) {
		newflags = (vma->vm_flags & ~VM_ACCESS_FLAGS) | rights;
		if (rights & ~(newflags >> 4))
			return -EACCES;
		err = mprotect_fixup(mm, vma, start, min(vma->vm_end, end), newflags, &start);
		if (err || start >= end)
			return err;
		vma = vma_lookup(mm, start);
		if (!vma)
			return -ENOMEM;
		cond_resched();
	}
}

/*
 * pkey: -1, or a protection key. Quire hands out none (pkey_alloc: -ENOSPC, as on a processor without them), so no other is good.
 */
static long do_mprotect_pkey(unsigned long start, size_t len, unsigned long prot, int pkey)
{
	struct mm_struct *mm = current->mm;
	unsigned long end;
	int err;

	if ((prot & PROT_GROWSDOWN) && (prot & PROT_GROWSUP))
		return -EINVAL;
	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (!len)
		return 0;
	end = start + PAGE_ALIGN(len);
	if (end <= start)
		return -ENOMEM;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = pkey == -1 ? mprotect_range(mm, start, end, prot) : -EINVAL;
	mmap_write_unlock(mm);
	return err;
}

static long sys_mprotect(unsigned long start, size_t len, unsigned long prot)
{
	return do_mprotect_pkey(start, len, prot, -1);
}
SYSCALL(10, mprotect);

static long sys_pkey_mprotect(unsigned long start, size_t len, unsigned long prot, int pkey)
{
	return do_mprotect_pkey(start, len, prot, pkey);
}
SYSCALL(329, pkey_mprotect);

static long sys_pkey_alloc(unsigned long flags, unsigned long init_val)
{
	/* PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE */
	return flags || (init_val & ~3UL) ? -EINVAL : -ENOSPC;
}
SYSCALL(330, pkey_alloc);

static long sys_pkey_free(int pkey)
{
	return -EINVAL;
}
SYSCALL(331, pkey_free);

int mprotect_fixup_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			 unsigned long prot)
{
	return mprotect_range(mm, start, end, prot);
}
