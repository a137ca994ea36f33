/*
 * mincore: which pages of a range are in memory.
 *
 * A page is when its entry is there, or when the file's cache has it. What is said may be old when it is read. Tables are
 * read a run at a time, and what is known of the areas before a hole is told although the call fails.
 *
 * Locks: mmap_lock for reading, let go before the answer is copied. Mirrors Linux mm/mincore.c.
 * Exercised by tests/user/mmap_edge.c and vmfuzz.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/file.h"
#include "mm/cache/pagemap.h"
#include "mm/user/memory.h"

/* Pages that one look covers: what is known is copied out in between, without the lock. */
#define MINCORE_STEP 512

/* Nothing in the table: the file's cache may have the pages of [addr, end). */
static void mincore_unmapped(const struct vm_area_struct *vma, unsigned long addr,
			     unsigned long end, u8 *vec)
{
	pgoff_t pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);

	if (!vma->vm_file) {
		memset(vec, 0, (end - addr) >> PAGE_SHIFT);
		return;
	}
	for (; addr < end; addr += PAGE_SIZE)
		*vec++ = filemap_has_page(vma->vm_file->f_mapping, pgoff++);
}

/* A byte for each page of [addr, end), which lies in vma: 1 when a touch would not have to bring it in. => mmap_lock held */
static void mincore_range(struct vm_area_struct *vma, unsigned long addr, unsigned long end,
			  u8 *vec)
{
	unsigned long at = addr, next, n;
	pmd_t *pmd;

	for (; (pmd = mm_next_pmd(vma->vm_mm, &at, end, &next)) != NULL; addr = at = next) {
		pte_t *pte = pte_offset_kernel(pmd, at);

		if (addr < at)
			mincore_unmapped(vma, addr, at, vec);
		vec += (at - addr) >> PAGE_SHIFT;
		n = (next - at) >> PAGE_SHIFT;
		for (unsigned long i = 0; i < n; i++)
			vec[i] = !pte_none(ptep_get(&pte[i]));
		for (unsigned long i = 0; vma->vm_file && i < n; i++)
			if (!vec[i])
				mincore_unmapped(vma, at + i * PAGE_SIZE, at + (i + 1) * PAGE_SIZE,
						 &vec[i]);
		vec += n;
	}
	if (addr < end)
		mincore_unmapped(vma, addr, end, vec);
}

static long sys_mincore(unsigned long start, size_t len, u8 __user *vec)
{
	struct mm_struct *mm = current->mm;
	unsigned long pages = PAGE_ALIGN(len) >> PAGE_SHIFT, n;
	struct vm_area_struct *vma;
	u8 buf[MINCORE_STEP];

	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (start > TASK_SIZE || len > TASK_SIZE - start)
		return -ENOMEM;
	if (!access_ok(vec, pages))
		return -EFAULT;
	for (; pages; pages -= n, vec += n, start += n << PAGE_SHIFT) {
		mmap_read_lock(mm);
		vma = vma_lookup(mm, start);
		if (!vma) {
			mmap_read_unlock(mm);
			return -ENOMEM;
		}
		n = min3(pages, (vma->vm_end - start) >> PAGE_SHIFT, (unsigned long)MINCORE_STEP);
		mincore_range(vma, start, start + (n << PAGE_SHIFT), buf);
		mmap_read_unlock(mm);
		if (copy_to_user(vec, buf, n))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}
SYSCALL(27, mincore);
