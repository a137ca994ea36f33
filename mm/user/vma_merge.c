/*
 * Merging: what makes one area of several.
 *
 * 1. A change asks for a range [start, end) with certain properties. It touches the area before it (prev), the one behind
 *    it (next), and lies in one that has other properties so far (middle), or in none (a new range). Each side merges when it
 *    touches, is alike, continues the file's or the memory's offset, and has private pages of the same anon_vma or none.
 * 2. The cases, P prev, N next, M middle, . the range:
 *
 *      new range      PPPP....NNNN -> PPPPPPPPPPPP  both        middle   PPPPMMMMNNNN -> PPPPPPPPPPPP  all of M, both
 *                     PPPP....     -> PPPPPPPP      prev                 PPPPMMMM     -> PPPPPPPP      all of M, prev
 *                         ....NNNN -> NNNNNNNN      next                 PPPP..MM     -> PPPPPPMM      M's beginning
 *                                                                        MMMMNNNN     -> NNNNNNNN      all of M, next
 *                                                                        MM..NNNN     -> MMNNNNNN      M's end
 *
 *    In each of them one area, the target, grows over the range, and the others vanish, or shrink, or move their start.
 * 3. An area whose ->close has something to do may grow, but not vanish. Areas that map devices merge with nothing.
 * 4. The store into the tree comes first: it is the only step that can fail, and then nothing has changed. The target grows
 *    before the others shrink, so that whoever looks for a page from the file's or the anon_vma's side finds it at any time.
 *
 * Locks: mmap_lock for writing, in it the file's i_mmap_rwsem. Mirrors Linux mm/vma.c (vma_merge_new_range,
 * vma_merge_existing_range, vma_modify). Exercised by tests/user/{vmfuzz,mmap_edge,vmstress}.c.
 */
#include "kernel/bug.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/cache/mempolicy.h"
#include "mm/user/anon_name.h"
#include "mm/user/anon_vma.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

static bool is_mergeable_vma(const struct vma_merge *vmg, const struct vm_area_struct *vma)
{
	return vma->vm_flags == vmg->flags && vma->vm_file == vmg->file &&
	       vma->vm_ops == vmg->ops && !vma->vm_private_data &&
	       mpol_equal(vma->vm_policy, vmg->policy) &&
	       anon_vma_name_eq(vma->anon_name, vmg->anon_name) &&
	       anon_vma_mergeable(vma, vmg->anon);
}

static bool can_merge_left(const struct vma_merge *vmg)
{
	const struct vm_area_struct *prev = vmg->prev;

	return prev && prev->vm_pgoff + vma_pages(prev) == vmg->pgoff &&
	       is_mergeable_vma(vmg, prev);
}

/* That both sides fit the range does not mean that they fit each other. */
static bool can_merge_right(const struct vma_merge *vmg, bool left)
{
	const struct vm_area_struct *prev = vmg->prev, *next = vmg->next;

	if (!next || vmg->pgoff + ((vmg->end - vmg->start) >> PAGE_SHIFT) != next->vm_pgoff ||
	    !is_mergeable_vma(vmg, next))
		return false;
	return !left || !prev->anon_vma || !next->anon_vma || prev->anon_vma == next->anon_vma;
}

static bool can_remove(const struct vm_area_struct *vma)
{
	return !(vma->vm_ops && vma->vm_ops->close);
}

/* The target takes over the trees of the area whose private pages it gets. */
static int take_anon_vma(struct vm_area_struct *target, struct vm_area_struct *from)
{
	return from && from->anon_vma && !target->anon_vma ? anon_vma_merge(target, from) : 0;
}

static void drop_merged(struct mm_struct *mm, struct vm_area_struct *vma)
{
	if (!vma)
		return;
	vma_mark_detached(vma);
	unlink_anon_vmas(vma);
	mm->map_count--;
	if (vma->vm_file)
		fput(vma->vm_file);
	vm_area_free(vma);
}

/* What is to happen to the areas; NULL: nothing. */
struct merge_plan {
	struct vm_area_struct *target;	  /* becomes [start, end) */
	struct vm_area_struct *shrink;	  /* loses what of it lies in there */
	struct vm_area_struct *remove[2]; /* go */
};

static struct vm_area_struct *commit_merge(struct mm_struct *mm, const struct merge_plan *plan,
					   unsigned long start, unsigned long end, pgoff_t pgoff)
{
	struct vm_area_struct *shrink = plan->shrink;
	struct address_space *mapping;

	vma_start_write(plan->target);
	if (shrink)
		vma_start_write(shrink);
	for (int i = 0; i < 2; i++)
		if (plan->remove[i])
			vma_start_write(plan->remove[i]);
	if (vma_store(mm, plan->target, start, end))
		return NULL;
	mapping = vma_lock_file(plan->target);
	vma_set_range_locked(plan->target, mapping, start, end, pgoff);
	if (shrink && shrink->vm_start < start)
		vma_set_range_locked(shrink, mapping, shrink->vm_start, start, shrink->vm_pgoff);
	else if (shrink)
		vma_set_range_locked(shrink, mapping, end, shrink->vm_end,
				     shrink->vm_pgoff + ((end - shrink->vm_start) >> PAGE_SHIFT));
	for (int i = 0; i < 2; i++)
		if (plan->remove[i])
			vma_unlink_file_locked(plan->remove[i], mapping);
	vma_unlock_file(mapping);
	drop_merged(mm, plan->remove[0]);
	drop_merged(mm, plan->remove[1]);
	return plan->target;
}

struct vm_area_struct *vma_merge_new_range(struct vma_merge *vmg)
{
	struct merge_plan plan = {};
	bool left, right;

	if (vmg->flags & VM_SPECIAL)
		return NULL;
	left = can_merge_left(vmg);
	right = !vmg->just_expand && can_merge_right(vmg, left);
	if (left && right && !can_remove(vmg->next))
		right = false;
	if (!left && !right)
		return NULL;
	plan.target = left ? vmg->prev : vmg->next;
	if (left && right) {
		plan.remove[0] = vmg->next;
		if (take_anon_vma(plan.target, vmg->next))
			return NULL;
	}
	/* mremap: the pages that are about to come. */
	if (take_anon_vma(plan.target, vmg->anon))
		return NULL;
	return commit_merge(vmg->mm, &plan, left ? vmg->prev->vm_start : vmg->start,
			    right ? vmg->next->vm_end : vmg->end,
			    left ? vmg->prev->vm_pgoff : vmg->pgoff);
}

/* Which of the cases with a middle it is; false: none. */
static bool plan_existing(const struct vma_merge *vmg, struct vm_area_struct *middle, bool *left,
			  bool *right)
{
	bool whole = vmg->start == middle->vm_start && vmg->end == middle->vm_end;

	*left = can_merge_left(vmg);
	*right = can_merge_right(vmg, *left);
	if (!*left && !*right)
		return false;
	if (whole && !can_remove(middle))
		return false;
	if (*left && *right && !can_remove(vmg->next))
		*right = false;
	return true;
}

static struct vm_area_struct *vma_merge_existing_range(struct vma_merge *vmg,
						       struct vm_area_struct *middle)
{
	struct merge_plan plan = {};
	bool left, right, whole = vmg->start == middle->vm_start && vmg->end == middle->vm_end;

	if (!plan_existing(vmg, middle, &left, &right))
		return NULL;
	plan.target = left ? vmg->prev : vmg->next;
	if (left && right)
		plan.remove[1] = vmg->next;
	if (whole)
		plan.remove[0] = middle;
	else
		plan.shrink = middle;
	if (take_anon_vma(plan.target, plan.remove[1]) || take_anon_vma(plan.target, middle))
		return NULL;
	return commit_merge(vmg->mm, &plan, left ? vmg->prev->vm_start : vmg->start,
			    right ? vmg->next->vm_end : vmg->end,
			    left ? vmg->prev->vm_pgoff : vmg->pgoff);
}

/* [start, end), a part of vma that is to have these flags, becomes part of a neighbour: that one, or NULL. */
static struct vm_area_struct *try_merge(struct mm_struct *mm, struct vm_area_struct *vma,
					struct vm_area_struct *prev, struct vm_area_struct *next,
					unsigned long start, unsigned long end, unsigned long flags,
					struct mempolicy *policy, struct anon_vma_name *name)
{
	struct vma_merge vmg = {
		.mm = mm,
		.prev = prev,
		.next = next,
		.start = start,
		.end = end,
		.pgoff = vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT),
		.flags = flags,
		.file = vma->vm_file,
		.ops = vma->vm_ops,
		.policy = policy,
		.anon_name = name,
		.anon = vma,
	};

	if ((flags & VM_SPECIAL) || vma->vm_private_data)
		return NULL;
	return vma_merge_existing_range(&vmg, vma);
}

static struct vm_area_struct *modify(struct mm_struct *mm, struct vm_area_struct *vma,
				     unsigned long start, unsigned long end, unsigned long flags,
				     struct mempolicy *policy, struct anon_vma_name *name)
{
	struct vm_area_struct *prev = NULL, *next = NULL, *merged;
	int err = 0;

	if (start == vma->vm_start && start)
		prev = vma_lookup(mm, start - 1);
	if (end == vma->vm_end)
		next = vma_lookup(mm, end);
	/* Mostly neither neighbour has the flags. */
	if ((prev && prev->vm_flags == flags) || (next && next->vm_flags == flags)) {
		merged = try_merge(mm, vma, prev, next, start, end, flags, policy, name);
		if (merged)
			return merged;
	}
	if (vma->vm_start < start)
		err = split_vma(mm, vma, start, &vma);
	if (!err && vma->vm_end > end)
		err = split_vma(mm, vma, end, NULL);
	if (err)
		return ERR_PTR(err);
	vma_start_write(vma);
	return vma;
}

struct vm_area_struct *vma_modify(struct mm_struct *mm, struct vm_area_struct *vma,
				  unsigned long start, unsigned long end, unsigned long flags,
				  struct mempolicy *policy)
{
	return modify(mm, vma, start, end, flags, policy, vma->anon_name);
}

struct vm_area_struct *vma_modify_name(struct mm_struct *mm, struct vm_area_struct *vma,
				       unsigned long start, unsigned long end,
				       struct anon_vma_name *name)
{
	return modify(mm, vma, start, end, vma->vm_flags, vma->vm_policy, name);
}
