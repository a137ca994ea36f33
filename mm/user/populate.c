/*
 * Populating: pages that are brought in before they are touched. MAP_POPULATE, mlock, MADV_POPULATE_READ and _WRITE.
 *
 * Each page is a fault that nobody took. mmap_lock is let go every few pages, so that a large range keeps neither writers nor
 * the CPU; only mprotect of a locked area holds it throughout.
 *
 * Locks: mmap_lock for reading, in pieces. Mirrors the populate_* part of Linux mm/gup.c.
 * Exercised by tests/user/{mlock,mmap_edge,vmfuzz,patience}.c.
 */
#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/user/fault.h"
#include "mm/user/secretmem.h"

/* Populating brings in what the area's usual access will want: a private writable page is made at once. */
static bool populate_write(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
}

int faultin_range(struct mm_struct *mm, unsigned long start, unsigned long len, int write)
{
	unsigned long addr;
	int ret = 0;

	mmap_read_lock(mm);
	for (addr = start; addr < start + len && !ret; addr += PAGE_SIZE) {
		struct vm_area_struct *vma = vma_lookup(mm, addr);

		if (!vma || (vma->vm_flags & (VM_IO | VM_PFNMAP)) || vma_is_secretmem(vma)) {
			ret = vma ? -EINVAL : -ENOMEM;
			break;
		}
		if (write >= 0 && !(vma->vm_flags & (write ? VM_WRITE : VM_READ))) {
			ret = -EINVAL;
			break;
		}
		ret = fixup_user_fault(mm, addr, write < 0 ? populate_write(vma) : write);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (need_resched()) {
			mmap_read_unlock(mm);
			cond_resched();
			mmap_read_lock(mm);
		}
	}
	mmap_read_unlock(mm);
	return ret;
}

int populate_vma_range(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	bool write = populate_write(vma);
	int ret = 0;

	if (vma->vm_flags & (VM_LOCKONFAULT | VM_IO | VM_PFNMAP))
		return 0;
	/* Also what may only be written or executed; what may not be touched at all is refused. */
	if (!(vma->vm_flags & VM_ACCESS_FLAGS) || vma_is_secretmem(vma))
		return -EFAULT;
	for (; start < end && !ret; start += PAGE_SIZE) {
		ret = fixup_user_fault(vma->vm_mm, start, write);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

/* As many pages as are brought in under one hold of mmap_lock. */
#define POPULATE_STEP (64 * PAGE_SIZE)

int __mm_populate(struct mm_struct *mm, unsigned long start, unsigned long len, bool ignore_errors)
{
	unsigned long end = start + len, next;
	int ret = 0;

	for (; start < end; start = next) {
		struct vm_area_struct *vma;

		cond_resched();
		mmap_read_lock(mm);
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start >= end) {
			mmap_read_unlock(mm);
			break;
		}
		start = max(start, vma->vm_start);
		next = min3(end, vma->vm_end, start + POPULATE_STEP);
		ret = populate_vma_range(vma, start, next);
		/* The rest of an area whose page cannot be had is left alone, not the next area. */
		if (ret)
			next = min(end, vma->vm_end);
		mmap_read_unlock(mm);
		if (ret && (!ignore_errors || ret == -EINTR))
			return ret;
	}
	return 0;
}

void mm_populate(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	__mm_populate(mm, start, len, true);
}
