/*
 * VMA operations for mm/user itself: allocate, link, split, merge, and the flags they share.
 *
 * Every function here is called with mmap_lock held for writing. Mirrors Linux mm/vma.h.
 * Exercised by tests/user/{anon_map,mmap_edge,mprotect}.c.
 */
#pragma once

#include "mm/user/mm.h"

void vma_cache_init(void);
/* A zeroed VMA of mm; NULL: no memory. */
struct vm_area_struct *vm_area_alloc(struct mm_struct *mm);
/* A copy of orig that is linked nowhere; with its memory policy, but no reference on the file. NULL: no memory. */
struct vm_area_struct *vm_area_dup(const struct vm_area_struct *orig);
void vm_area_free(struct vm_area_struct *vma);
/* Drops what the VMA holds (->close, file) and frees it; already out of the tree and i_mmap. */
void remove_vma(struct vm_area_struct *vma);
/* Puts vma into the tree and the file's i_mmap; -ENOMEM leaves everything as it was. */
int vma_link(struct mm_struct *mm, struct vm_area_struct *vma);
void vma_link_file(struct vm_area_struct *vma);
void unlink_file_vma(struct vm_area_struct *vma);
/* A new start or end, with the i_mmap position that depends on it; the caller stored it in the tree. */
void vma_set_range(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		   pgoff_t pgoff);
/* Cuts vma at addr (page aligned, strictly inside). vma keeps the lower part; returns the upper in *upper. */
int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr,
	      struct vm_area_struct **upper);
/* Makes [start, end), which lies in *vma, a VMA of its own, and *vma that one. 0, or -ENOMEM: may be half cut. */
static __always_inline int vma_isolate(struct mm_struct *mm, struct vm_area_struct **vma,
				       unsigned long start, unsigned long end)
{
	struct vm_area_struct *v = *vma;

	if (v->vm_start < start) {
		int err = split_vma(mm, v, start, &v);

		if (err)
			return err;
		*vma = v;
	}
	return v->vm_end > end ? split_vma(mm, v, end, NULL) : 0;
}
/*
 * Tries to extend a neighbour (or join both) over the hole [start, end) with these properties and no memory policy.
 * Returns the grown VMA or NULL when nothing fits or memory is short: the caller then links a new one.
 */
struct vm_area_struct *vma_merge_new(struct mm_struct *mm, unsigned long start, unsigned long end,
				     unsigned long vm_flags, struct file *file, pgoff_t pgoff,
				     const struct vm_operations_struct *ops);
/* Joins vma with equal neighbours after its properties changed; returns the VMA that holds it now. */
struct vm_area_struct *vma_merge_existing(struct mm_struct *mm, struct vm_area_struct *vma);
struct vm_area_struct *vma_prev(struct mm_struct *mm,
				unsigned long addr); /* last one ending <= addr */

void vm_stat_account(struct mm_struct *mm, unsigned long vm_flags, long pages);
/* RLIMIT_AS and RLIMIT_DATA allow pages more of this kind. */
bool may_expand_vm(struct mm_struct *mm, unsigned long vm_flags, unsigned long pages);
/* [start, end) out of the tree and tables. => mmap_lock for writing; end page aligned. -ENOMEM, -EINVAL */
int do_vmi_munmap(struct mm_struct *mm, unsigned long start, unsigned long end);
