/*
 * Naming a range: the walk over its areas. mm/user/anon_name.h has the theory.
 *
 * Locks: mmap_lock for writing. Mirrors Linux mm/madvise.c (madvise_set_anon_name). Exercised by tests/user/prctls.c.
 */
#include "mm/user/anon_name.h"

#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/user/vma.h"

/* Memory without a name of its own: private, or shared without a file of the program's. */
static bool may_have_name(const struct vm_area_struct *vma)
{
	return !vma->vm_file || test_bit(AS_ANON_SHMEM, &vma->vm_file->f_mapping->flags);
}

static int name_one(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
		    unsigned long end, struct anon_vma_name *name)
{
	if (!may_have_name(vma))
		return -EBADF;
	if (anon_vma_name_eq(vma->anon_name, name))
		return 0;
	vma = vma_modify_name(mm, vma, start, end, name);
	if (IS_ERR(vma))
		return PTR_ERR(vma) == -ENOMEM ? -EAGAIN : PTR_ERR(vma);
	if (!anon_vma_name_eq(vma->anon_name, name)) {
		anon_vma_name_put(vma->anon_name);
		vma->anon_name = anon_vma_name_get(name);
	}
	return 0;
}

int set_anon_vma_name(struct mm_struct *mm, unsigned long start, unsigned long len,
		      struct anon_vma_name *name)
{
	unsigned long end = start + PAGE_ALIGN(len), next;
	struct vm_area_struct *vma;
	int hole = 0, err = 0;

	if ((start & ~PAGE_MASK) || end < start || (len && !PAGE_ALIGN(len)))
		return -EINVAL;
	if (end == start)
		return 0;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	while (!err && start < end) {
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start > start)
			hole = -ENOMEM;
		if (!vma || vma->vm_start >= end)
			break;
		start = max(start, vma->vm_start);
		next = min(end, vma->vm_end);
		err = name_one(mm, vma, start, next, name);
		start = next;
	}
	mmap_write_unlock(mm);
	return err ? err : hole;
}
