/*
 * Memory policy of areas and tasks: what faults ask, and what the system calls share.
 *
 * Mirrors Linux include/linux/mempolicy.h. Exercised by tests/user/mempolicy.c and tests/boot/test_mempolicy.py.
 */
#pragma once

#include "kernel/current.h"
#include "kernel/task.h"
#include "mm/cache/mempolicy.h"
#include "mm/phys/buddy.h"
#include "mm/user/mm.h"

/* mbind(2) and its relatives. */
#define MPOL_MF_STRICT	 (1 << 0)
#define MPOL_MF_MOVE	 (1 << 1)
#define MPOL_MF_MOVE_ALL (1 << 2)

/* One page for the private copy or the anonymous page at addr, where the policies want it. => mmap_lock held */
struct page *vma_alloc_page_mpol(gfp_t gfp, const struct vm_area_struct *vma, unsigned long addr);

static __always_inline struct page *vma_alloc_page(gfp_t gfp, const struct vm_area_struct *vma,
						   unsigned long addr)
{
	if (likely(!((unsigned long)vma->vm_policy | (unsigned long)current->mempolicy)))
		return alloc_page(gfp);
	return vma_alloc_page_mpol(gfp, vma, addr);
}

/* The policy of the area, or of the file it maps shared, at addr; with a reference, NULL: the task's. => mmap_lock held */
struct mempolicy *get_vma_policy(struct vm_area_struct *vma, unsigned long addr);
/* A task's own policy with a reference; NULL: the default. */
struct mempolicy *get_task_policy(struct task_struct *task);
/* The task ends: its policy goes. */
void mpol_put_task_policy(struct task_struct *task);

/*
 * The set of nodes that a program passes as maxnode - 1 bits. NULL is the empty set. -EINVAL: longer than a page of bits, or
 * a bit beyond MAX_NUMNODES; -EFAULT.
 */
int get_nodes(nodemask_t *nodes, const unsigned long __user *mask, unsigned long maxnode);
/* Takes the flags out of *mode; -EINVAL: unknown mode, or both flags. */
int sanitize_mpol_flags(int *mode, unsigned short *flags);
/* The node of the page at addr; -EFAULT: no area, the zero page or no page at all; -ENOENT: nothing there yet. => mmap_lock held */
int page_node_at(struct mm_struct *mm, unsigned long addr);
