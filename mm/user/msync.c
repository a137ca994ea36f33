/*
 * msync: what was written through a shared mapping goes to the file's store.
 *
 * Pages of tmpfs need no writing out: the cache is the file. The file's own fsync does what there is. A hole in the range is
 * told at the end (ENOMEM), after the rest was done; with MS_ASYNC, which does nothing, at once.
 *
 * Locks: mmap_lock for reading, let go around fsync. Mirrors Linux mm/msync.c. Exercised by tests/user/mmap_edge.c, vmfuzz.c.
 */
#include "kernel/current.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/user/mman.h"
#include "mm/user/mm.h"

/* The next area at or after *start; *start moves behind it. 0: there may be more; 1: that was all; or an errno. */
static int msync_area(struct mm_struct *mm, unsigned long *start, unsigned long end, int flags,
		      int *hole, struct file **file)
{
	struct vm_area_struct *vma = find_vma(mm, *start);

	if (!vma)
		return -ENOMEM;
	if (vma->vm_start > *start) {
		if (flags == MS_ASYNC || vma->vm_start >= end)
			return -ENOMEM;
		*hole = -ENOMEM;
	}
	if ((flags & MS_INVALIDATE) && (vma->vm_flags & VM_LOCKED))
		return -EBUSY;
	*start = vma->vm_end;
	if ((flags & MS_SYNC) && vma->vm_file && (vma->vm_flags & VM_SHARED))
		*file = get_file(vma->vm_file);
	return *start >= end;
}

static long sys_msync(unsigned long start, size_t len, int flags)
{
	struct mm_struct *mm = current->mm;
	unsigned long end = start + PAGE_ALIGN(len);
	int ret = 0, hole = 0, err;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & ~PAGE_MASK) ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	if (end < start)
		return -ENOMEM;
	while (start < end && !ret) {
		struct file *file = NULL;

		mmap_read_lock(mm);
		ret = msync_area(mm, &start, end, flags, &hole, &file);
		mmap_read_unlock(mm);
		if (!file)
			continue;
		err = file->f_op->fsync ? file->f_op->fsync(file, 0, LLONG_MAX, 1) : 0;
		fput(file);
		if (err)
			return err;
	}
	return ret < 0 ? ret : hole;
}
SYSCALL(26, msync);
