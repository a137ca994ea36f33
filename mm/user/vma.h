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
/* The same also when the number of areas is at its limit: for munmap, which makes room. */
int __split_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr,
		struct vm_area_struct **upper);
/* The parts of vma_set_range(): the lock of the file's i_mmap (NULL: an area without a file), and what is done under it. */
struct address_space *vma_lock_file(struct vm_area_struct *vma);
void vma_unlock_file(struct address_space *mapping);
void vma_set_range_locked(struct vm_area_struct *vma, struct address_space *mapping,
			  unsigned long start, unsigned long end, pgoff_t pgoff);
void vma_unlink_file_locked(struct vm_area_struct *vma, struct address_space *mapping);
/* [start, end) of the tree becomes vma (NULL: nothing); -ENOMEM */
int vma_store(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
	      unsigned long end);

/* What is asked for, and what lies around it (vma_merge.c). */
struct vma_merge {
	struct mm_struct *mm;
	struct vm_area_struct *prev, *next; /* that touch the range, or NULL */
	unsigned long start, end;
	pgoff_t pgoff;
	unsigned long flags;
	struct file *file;
	const struct vm_operations_struct *ops;
	struct mempolicy *policy;
	struct anon_vma_name *anon_name;
	struct vm_area_struct *anon; /* whose private pages lie in it, or will; NULL: none */
	bool just_expand;	     /* prev may grow, nothing else */
};
/*
 * The hole [start, end) becomes part of a neighbour, or joins both: the area that holds it now, or NULL when nothing fits or
 * memory is short; the caller then links an area of its own. The reference on file stays the caller's.
 */
struct vm_area_struct *vma_merge_new_range(struct vma_merge *vmg);
/*
 * [start, end), which lies in vma, is to have these flags and this policy: the area that is just that range, for the caller to
 * change, or a neighbour that it became part of, which has these properties already. ERR_PTR(-ENOMEM): may be half cut.
 */
struct vm_area_struct *vma_modify(struct mm_struct *mm, struct vm_area_struct *vma,
				  unsigned long start, unsigned long end, unsigned long flags,
				  struct mempolicy *policy);
/* The same for a name (mm/user/anon_name.h). */
struct vm_area_struct *vma_modify_name(struct mm_struct *mm, struct vm_area_struct *vma,
				       unsigned long start, unsigned long end,
				       struct anon_vma_name *name);
static inline struct vm_area_struct *vma_modify_flags(struct mm_struct *mm,
						      struct vm_area_struct *vma,
						      unsigned long start, unsigned long end,
						      unsigned long flags)
{
	return vma_modify(mm, vma, start, end, flags, vma->vm_policy);
}
extern int sysctl_max_map_count;
extern int sysctl_mmap_min_addr; /* bytes */
struct vm_area_struct *vma_prev(struct mm_struct *mm,
				unsigned long addr); /* last one ending <= addr */

void vm_stat_account(struct mm_struct *mm, unsigned long vm_flags, long pages);
/* RLIMIT_AS and RLIMIT_DATA allow pages more of this kind. */
bool may_expand_vm(struct mm_struct *mm, unsigned long vm_flags, unsigned long pages);
/* -EAGAIN: the limit of locked memory does not allow len bytes more of this kind. */
int mlock_future_ok(const struct mm_struct *mm, unsigned long vm_flags, unsigned long len);
/* May current lock any memory at all? */
bool can_do_mlock(void);
/* [start, end) out of the tree and tables. => mmap_lock for writing; end page aligned. -ENOMEM, -EPERM (sealed) */
int do_vmi_munmap(struct mm_struct *mm, unsigned long start, unsigned long end);
