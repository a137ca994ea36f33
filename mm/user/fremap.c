/*
 * remap_file_pages: another piece of the same file at a place of a shared mapping, kept for old programs.
 *
 * Once one area could show pages of a file in any order. Now each piece is an area of its own: the call is a fixed mmap of the
 * area's file with the area's rights.
 *
 * Locks: mmap_lock for writing. Mirrors the system call of Linux mm/mmap.c. Exercised by tests/user/vmfuzz.c.
 */
#include "kernel/current.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/user/fault.h"
#include "mm/user/mman.h"
#include "mm/user/mm.h"

/* From vma on to end without a hole, all of the same file and with the same flags? */
static bool same_up_to(struct mm_struct *mm, const struct vm_area_struct *vma, unsigned long end)
{
	const struct vm_area_struct *next = vma;

	while (next->vm_end < end) {
		next = vma_lookup(mm, next->vm_end);
		if (!next || next->vm_file != vma->vm_file || next->vm_flags != vma->vm_flags)
			return false;
	}
	return true;
}

/* => mmap_lock for writing */
static unsigned long remap_locked(struct mm_struct *mm, unsigned long start, unsigned long size,
				  unsigned long pgoff, unsigned long flags, bool *populate)
{
	struct vm_area_struct *vma = vma_lookup(mm, start);
	struct file *file;
	unsigned long ret;

	if (!vma || !(vma->vm_flags & VM_SHARED) || !same_up_to(mm, vma, start + size))
		return -EINVAL;
	flags = (flags & MAP_NONBLOCK) | MAP_SHARED | MAP_FIXED | MAP_POPULATE;
	if (vma->vm_flags & VM_LOCKED)
		flags |= MAP_LOCKED;
	*populate = (flags & MAP_LOCKED) || !(flags & MAP_NONBLOCK);
	file = get_file(vma->vm_file);
	ret = do_mmap(file, start, size, vma->vm_flags & VM_ACCESS_FLAGS, flags, 0, pgoff);
	fput(file);
	return ret;
}

static long sys_remap_file_pages(unsigned long start, unsigned long size, unsigned long prot,
				 unsigned long pgoff, unsigned long flags)
{
	struct mm_struct *mm = current->mm;
	bool populate = false;
	unsigned long ret;

	start &= PAGE_MASK;
	size &= PAGE_MASK;
	if (prot || start + size <= start || pgoff + (size >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	ret = remap_locked(mm, start, size, pgoff, flags, &populate);
	mmap_write_unlock(mm);
	if (IS_ERR_VALUE(ret))
		return ret;
	if (populate)
		mm_populate(mm, start, size);
	return 0;
}
SYSCALL(216, remap_file_pages);
