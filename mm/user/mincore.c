/*
 * mincore: which pages of a range are in memory.
 *
 * A page is when its entry is there, or when the file's cache has it. What is said may be old when it is read.
 *
 * Locks: mmap_lock for reading, let go before the answer is copied. Mirrors Linux mm/mincore.c.
 * Exercised by tests/user/mmap_edge.c and vmfuzz.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/cache/pagemap.h"
#include "mm/user/memory.h"

/* 1 when a touch of addr would not have to bring the page in. => mmap_lock held */
static u8 mincore_page(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(mm, addr);

	if (pmd && !pte_none(*pte_offset_kernel(pmd, addr)))
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
