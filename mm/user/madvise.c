/*
 * madvise, msync and mincore: advice about a range, and questions about it.
 *
 * Advice that only sets a flag cuts and merges areas like mprotect; DONTNEED and FREE drop pages; the
 * POPULATE pair brings them in. Advice about mechanisms that do not exist yet answers EINVAL, as a
 * Linux without that configuration does.
 *
 * Locks: mmap_lock, for writing where areas change. Mirrors Linux mm/madvise.c, msync.c, mincore.c.
 * Exercised by tests/user/mmap_edge.c and anon_map.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/cache/pagemap.h"
#include "mm/user/fault.h"
#include "mm/user/memory.h"
#include "mm/user/mman.h"
#include "mm/user/vma.h"

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
	int err;

	if (newflags == vma->vm_flags)
		return 0;
	err = vma_isolate(mm, &vma, start, end);
	if (err)
		return err;
	vma->vm_flags = newflags;
	vma_merge_existing(mm, vma);
	return 0;
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

static int madvise_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
		       unsigned long end, int advice)
{
	unsigned long set, clear;

	if (madvise_flags(advice, &set, &clear)) {
		if (advice == MADV_DOFORK && (vma->vm_flags & VM_IO))
			return -EINVAL;
		if (advice == MADV_WIPEONFORK && (vma->vm_file || (vma->vm_flags & VM_SHARED)))
			return -EINVAL;
		if (advice == MADV_DODUMP && (vma->vm_flags & VM_SPECIAL))
			return -EINVAL;
		/* Advice may be repeated: ENOMEM is kept for holes in the range. */
		if (madvise_update_vma(mm, vma, start, end, (vma->vm_flags & ~clear) | set))
			return -EAGAIN;
		return 0;
	}
	switch (advice) {
	case MADV_REMOVE:
		return madvise_remove(mm, vma, start, end);
	case MADV_WILLNEED:
		return vma->vm_file ? 0 : -EBADF;
	case MADV_FREE:
		if (vma->vm_file || (vma->vm_flags & VM_SHARED))
			return -EINVAL;
		fallthrough;
	case MADV_DONTNEED:
		if (vma->vm_flags & (VM_LOCKED | VM_PFNMAP))
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
	       advice == MADV_POPULATE_WRITE || advice == MADV_REMOVE;
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
	}
	return hole;
}

static long sys_madvise(unsigned long start, size_t len, int advice)
{
	struct mm_struct *mm = current->mm;
	unsigned long set, clear, end;
	bool write = madvise_flags(advice, &set, &clear);
	int err;

	if (!madvise_valid(advice) || (start & ~PAGE_MASK))
		return -EINVAL;
	end = start + PAGE_ALIGN(len);
	if (end < start || (len && PAGE_ALIGN(len) == 0))
		return -EINVAL;
	if (end == start)
		return 0;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) {
		err = faultin_range(mm, start, end - start, advice == MADV_POPULATE_WRITE);
		return err;
	}
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
SYSCALL(28, madvise);

/* Pages of tmpfs need no writing out: the cache is the file. The file's own fsync does what there is. */
static long sys_msync(unsigned long start, size_t len, int flags)
{
	struct mm_struct *mm = current->mm;
	unsigned long end;
	int err = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & ~PAGE_MASK) ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	end = start + PAGE_ALIGN(len);
	if (end < start)
		return -ENOMEM;
	while (start < end && err != -EBUSY) {
		struct vm_area_struct *vma;
		struct file *file = NULL;

		mmap_read_lock(mm);
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start >= end) {
			mmap_read_unlock(mm);
			return -ENOMEM;
		}
		if (vma->vm_start > start)
			err = -ENOMEM;
		if ((flags & MS_INVALIDATE) && (vma->vm_flags & VM_LOCKED))
			err = -EBUSY;
		start = vma->vm_end;
		if ((flags & MS_SYNC) && vma->vm_file && (vma->vm_flags & VM_SHARED))
			file = get_file(vma->vm_file);
		mmap_read_unlock(mm);
		if (file) {
			if (file->f_op->fsync && file->f_op->fsync(file, 0, LLONG_MAX, 1))
				err = -EIO;
			fput(file);
		}
	}
	return err;
}
SYSCALL(26, msync);

/* 1 when a touch of addr would not have to bring the page in. => mmap_lock held */
static u8 mincore_page(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(mm, addr);

	if (pmd && pte_present(*pte_offset_kernel(pmd, addr)))
		return 1;
	if (!vma->vm_file)
		return 0;
	return filemap_has_page(vma->vm_file->f_mapping,
				vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT));
}

static long sys_mincore(unsigned long start, size_t len, u8 __user *vec)
{
	struct mm_struct *mm = current->mm;
	unsigned long pages = PAGE_ALIGN(len) >> PAGE_SHIFT, i, n;
	u8 buf[256];

	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (start > TASK_SIZE || len > TASK_SIZE - start)
		return -ENOMEM;
	if (!access_ok(vec, pages))
		return -EFAULT;
	for (; pages; pages -= n, vec += n) {
		n = min_t(unsigned long, pages, sizeof(buf));
		mmap_read_lock(mm);
		for (i = 0; i < n; i++, start += PAGE_SIZE) {
			struct vm_area_struct *vma = vma_lookup(mm, start);

			if (!vma) {
				mmap_read_unlock(mm);
				return -ENOMEM;
			}
			buf[i] = mincore_page(mm, vma, start);
		}
		mmap_read_unlock(mm);
		if (copy_to_user(vec, buf, n))
			return -EFAULT;
	}
	return 0;
}
SYSCALL(27, mincore);
