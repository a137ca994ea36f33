/*
 * mbind and set_mempolicy_home_node: a range of an address space gets a memory policy.
 *
 * 1. Like mprotect, mbind cuts areas at the borders of the range, gives those inside the policy, and merges what has become
 *    equal. Pages that are there already stay where they are, unless MOVE is asked for. An area that maps a
 *    shmem file shared hands the policy on to the file (mm/cache/mempolicy.h).
 * 2. MPOL_MF_STRICT looks before anything changes: a page on a node outside of the given set is EIO. The set is the one that
 *    the program passed, which makes LOCAL with STRICT fail for every present page; so it is in Linux.
 * 3. MPOL_MF_MOVE and MOVE_ALL move such pages, to the nodes of the set in turn (migrate.c): those that only this process maps,
 *    or all. With STRICT, EIO says that some could not be moved; the policy is set all the same.
 * 4. The home node is a part of the policy. Since policies do not change, it is set by another policy in each area.
 *
 * Locks: mmap_lock for writing; a table's lock while its pages are looked at. Mirrors Linux mm/mempolicy.c (do_mbind).
 * Exercised by tests/user/mempolicy.c and tests/boot/test_mempolicy.py.
 */
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/user/file_ops.h"
#include "mm/user/memory.h"
#include "mm/user/mempolicy.h"
#include "mm/user/migrate.h"
#include "mm/user/vma.h"

#define MPOL_MF_VALID (MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)

/* ---- what is there already ---- */

static bool pte_misplaced(pte_t pte, nodemask_t nodes)
{
	struct page *page;

	if (!pte_present(pte) || pte_special(pte))
		return false;
	page = pfn_to_page(pte_pfn(pte));
	return !PageReserved(page) && !node_isset(page_to_nid(page), nodes);
}

static bool range_misplaced(struct mm_struct *mm, unsigned long addr, unsigned long end,
			    nodemask_t nodes)
{
	unsigned long next;
	bool found = false;
	pmd_t *pmd;

	for (; !found && (pmd = mm_next_pmd(mm, &addr, end, &next)) != NULL; addr = next) {
		spinlock_t *ptl = pte_lockptr(*pmd);
		pte_t *pte = pte_offset_kernel(pmd, addr);

		spin_lock(ptl);
		for (; !found && addr < next; addr += PAGE_SIZE, pte++)
			found = pte_misplaced(*pte, nodes);
		spin_unlock(ptl);
		cond_resched();
	}
	return found;
}

/* -EFAULT: a hole in [start, end); with holes_ok: nothing but a hole. */
static int check_holes(struct mm_struct *mm, unsigned long start, unsigned long end, bool holes_ok)
{
	struct vm_area_struct *vma = find_vma(mm, start);

	if (!vma || vma->vm_start >= end)
		return -EFAULT;
	for (; !holes_ok && start < end; start = vma->vm_end) {
		vma = vma_lookup(mm, start);
		if (!vma)
			return -EFAULT;
	}
	return 0;
}

/* ---- areas ---- */

/* The part [start, end) of vma gets pol; *vma becomes the area that holds it. => mmap_lock for writing */
static int vma_set_policy(struct mm_struct *mm, struct vm_area_struct **vma, unsigned long start,
			  unsigned long end, struct mempolicy *pol)
{
	struct vm_area_struct *v;
	struct mempolicy *old;
	int err = 0;

	if (mpol_equal((*vma)->vm_policy, pol))
		return 0;
	v = vma_modify(mm, *vma, start, end, (*vma)->vm_flags, pol);
	if (IS_ERR(v))
		return PTR_ERR(v);
	*vma = v;
	if ((v->vm_flags & VM_MAYSHARE) && v->vm_ops && v->vm_ops->set_policy)
		err = v->vm_ops->set_policy(v, pol);
	if (!err) {
		old = v->vm_policy;
		v->vm_policy = mpol_get(pol);
		mpol_put(old);
	}
	return err;
}

/* => mmap_lock for writing */
static int mbind_range(struct mm_struct *mm, unsigned long start, unsigned long end,
		       struct mempolicy *pol)
{
	struct vm_area_struct *vma;
	int err = 0;

	/* An area may have grown over the end by a merge. */
	while (!err && start < end && (vma = find_vma(mm, start)) && vma->vm_start < end) {
		unsigned long last = min(vma->vm_end, end);

		err = vma_set_policy(mm, &vma, max(vma->vm_start, start), last, pol);
		start = last;
	}
	return err;
}

/* ---- system calls ---- */

/* Rounds the range; 1: there is something to do, 0: it is empty, -EINVAL. */
static int policy_range(unsigned long start, unsigned long len, unsigned long *end)
{
	if (start & ~PAGE_MASK)
		return -EINVAL;
	*end = start + PAGE_ALIGN(len);
	if (*end < start)
		return -EINVAL;
	return *end > start;
}

struct bind_target {
	nodemask_t nodes; /* pages there are where they belong */
	int next;	  /* interleaving: round and round */
};

/* A node for a page that is not on one of the policy's. */
static int bound_node(struct page *page, void *arg)
{
	struct bind_target *to = arg;

	if (node_isset(page_to_nid(page), to->nodes))
		return NUMA_NO_NODE;
	do {
		to->next = (to->next + 1) % MAX_NUMNODES;
	} while (!node_isset(to->next, to->nodes));
	return to->next;
}

/* Moves what is misplaced; the number of pages that stayed, or -ENOMEM, -EINTR. LOCAL names no nodes: nothing moves. */
static long mbind_move(struct mm_struct *mm, unsigned long start, unsigned long end,
		       nodemask_t nodes, bool all)
{
	struct bind_target bind = { .nodes = nodes, .next = MAX_NUMNODES - 1 };
	const struct migrate_target to = { .node_of = bound_node, .arg = &bind, .all = all };

	bind.nodes.bits &= node_states[N_MEMORY].bits;
	return nodes_empty(bind.nodes) ? 0 : migrate_range(mm, start, end, &to);
}

/* => mmap_lock for writing */
static int mbind_locked(struct mm_struct *mm, unsigned long start, unsigned long end,
			struct mempolicy *pol, nodemask_t nodes, unsigned int flags)
{
	int err = check_holes(mm, start, end, !pol);
	long left;

	if (err)
		return err;
	if (flags == MPOL_MF_STRICT && range_misplaced(mm, start, end, nodes))
		return -EIO;
	err = mbind_range(mm, start, end, pol);
	if (err || !(flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)))
		return err;
	left = mbind_move(mm, start, end, nodes, flags & MPOL_MF_MOVE_ALL);
	if (left < 0)
		return (int)left;
	return left && (flags & MPOL_MF_STRICT) ? -EIO : 0;
}

static long sys_mbind(unsigned long start, unsigned long len, unsigned long umode,
		      const unsigned long __user *nmask, unsigned long maxnode, unsigned int flags)
{
	struct mm_struct *mm = current->mm;
	unsigned short mode_flags;
	struct mempolicy *pol;
	unsigned long end;
	nodemask_t nodes;
	int mode = umode, err = sanitize_mpol_flags(&mode, &mode_flags), todo;

	if (!err)
		err = get_nodes(&nodes, nmask, maxnode);
	if (err)
		return err;
	if (flags & ~MPOL_MF_VALID)
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !mm_file_ops->capable_sys_nice())
		return -EPERM;
	todo = policy_range(start, len, &end);
	if (todo <= 0)
		return todo;
	/* No policy is kept by a page wherever it is. */
	if (mode == MPOL_DEFAULT)
		flags = 0;
	pol = mpol_new(mode, mode_flags, nodes);
	if (IS_ERR(pol))
		return PTR_ERR(pol);
	if (mmap_write_lock_killable(mm)) {
		err = -EINTR;
	} else {
		err = mbind_locked(mm, start, end, pol, nodes, flags);
		mmap_write_unlock(mm);
	}
	mpol_put(pol);
	return err;
}
SYSCALL(237, mbind);

/* vma's part of [start, end), where there is a policy: the same with another home. -EOPNOTSUPP: one that has no home. */
static int set_home(struct mm_struct *mm, struct vm_area_struct **vma, unsigned long start,
		    unsigned long end, int home_node)
{
	struct mempolicy *pol, *old = (*vma)->vm_policy;
	int err;

	if (old->mode != MPOL_BIND && old->mode != MPOL_PREFERRED_MANY)
		return -EOPNOTSUPP;
	pol = mpol_with_home(old, home_node);
	if (IS_ERR(pol))
		return PTR_ERR(pol);
	err = vma_set_policy(mm, vma, start, end, pol);
	mpol_put(pol);
	return err;
}

static int set_home_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			  int home_node)
{
	struct vm_area_struct *vma;
	int err = -ENOENT;

	while (start < end && (vma = find_vma(mm, start)) && vma->vm_start < end) {
		unsigned long first = max(vma->vm_start, start), last = min(vma->vm_end, end);

		start = last;
		if (!vma->vm_policy)
			continue;
		err = set_home(mm, &vma, first, last, home_node);
		if (err)
			break;
	}
	return err;
}

static long sys_set_mempolicy_home_node(unsigned long start, unsigned long len,
					unsigned long home_node, unsigned long flags)
{
	struct mm_struct *mm = current->mm;
	unsigned long end;
	int err = -EINVAL;

	if ((start & ~PAGE_MASK) || flags || home_node >= MAX_NUMNODES || !node_online(home_node))
		return err;
	err = policy_range(start, len, &end);
	if (err <= 0)
		return err;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = set_home_range(mm, start, end, home_node);
	mmap_write_unlock(mm);
	return err;
}
SYSCALL(450, set_mempolicy_home_node);
