/*
 * mseal: areas that stay as they are until the process ends.
 *
 * A sealed area (VM_SEALED) cannot be unmapped, moved, resized, replaced by a fixed mapping, or get other rights (EPERM), and
 * what could not be written cannot be thrown away by advice. There is no way back. So a program that was taken over cannot
 * make its own code writable. The range must be mapped without holes: else nothing is sealed.
 *
 * Locks: mmap_lock for writing. Mirrors Linux mm/mseal.c (6.10). Exercised by tests/user/mseal.c and vmfuzz.c.
 */
#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

static bool has_hole(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;

	for (; start < end; start = vma->vm_end) {
		vma = vma_lookup(mm, start);
		if (!vma)
			return true;
	}
	return false;
}

/* => mmap_lock for writing */
static int seal_range(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;

	if (has_hole(mm, start, end))
		return -ENOMEM;
	for (; start < end; start = vma->vm_end) {
		unsigned long flags;

		vma = vma_lookup(mm, start);
		flags = vma->vm_flags | VM_SEALED;
		if (flags == vma->vm_flags)
			continue;
		vma = vma_modify_flags(mm, vma, start, min(vma->vm_end, end), flags);
		if (IS_ERR(vma))
			return PTR_ERR(vma);
		vm_flags_reset(vma, flags);
		cond_resched();
	}
	return 0;
}

static long sys_mseal(unsigned long start, size_t len, unsigned long flags)
{
	struct mm_struct *mm = current->mm;
	unsigned long end = start + PAGE_ALIGN(len);
	int err;

	if (flags || (start & ~PAGE_MASK) || (len && !PAGE_ALIGN(len)) || end < start)
		return -EINVAL;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = seal_range(mm, start, end);
	mmap_write_unlock(mm);
	return err;
}
SYSCALL(462, mseal);
