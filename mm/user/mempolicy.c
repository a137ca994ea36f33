/*
 * Memory policy of areas and tasks: set_mempolicy, get_mempolicy, and which policy an allocation for an area follows.
 *
 * 1. A task's policy is changed by itself alone, under task_lock() for those who look at it from outside (numa_maps).
 *    fork hands the reference on, exec keeps it, exit drops it.
 * 2. An area's policy is read under mmap_lock and changed under mmap_lock for writing: mbind.c.
 * 3. get_mempolicy answers with what was set, not with what the machine made of it: with MPOL_F_STATIC_NODES and RELATIVE
 *    the nodes of the program, with PREFERRED and no node LOCAL.
 *
 * Locks: mmap_lock, task_lock. Mirrors Linux mm/mempolicy.c.
 * Exercised by tests/user/mempolicy.c and tests/boot/test_mempolicy.py.
 */
#include "mm/user/mempolicy.h"

#include "arch/x86/uaccess.h"
#include "kernel/syscall.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/user/memory.h"

#define MPOL_F_NODE	    (1 << 0)
#define MPOL_F_ADDR	    (1 << 1)
#define MPOL_F_MEMS_ALLOWED (1 << 2)

/* Numbers of nodes are below it: what a program's mask must have room for. */
static unsigned int nr_node_ids(void)
{
	return max_t(unsigned int, numa_nr_nodes, fls_long(node_online_map.bits));
}

/* ---- allocation ---- */

struct page *vma_alloc_page_mpol(gfp_t gfp, const struct vm_area_struct *vma, unsigned long addr)
{
	const struct mempolicy *pol = vma->vm_policy ? vma->vm_policy : current->mempolicy;

	return alloc_pages_mpol(gfp, 0, pol, vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT),
				numa_mem_id());
}

struct mempolicy *get_vma_policy(struct vm_area_struct *vma, unsigned long addr)
{
	if ((vma->vm_flags & VM_MAYSHARE) && vma->vm_ops && vma->vm_ops->get_policy)
		return vma->vm_ops->get_policy(vma, addr);
	return mpol_get(vma->vm_policy);
}

struct mempolicy *get_task_policy(struct task_struct *task)
{
	struct mempolicy *pol;

	task_lock(task);
	pol = mpol_get(task->mempolicy);
	task_unlock(task);
	return pol;
}

static void replace_task_policy(struct task_struct *task, struct mempolicy *pol)
{
	struct mempolicy *old;

	task_lock(task);
	old = task->mempolicy;
	task->mempolicy = pol;
	task->il_prev = MAX_NUMNODES - 1;
	task_unlock(task);
	mpol_put(old);
}

void mpol_put_task_policy(struct task_struct *task)
{
	if (unlikely(task->mempolicy))
		replace_task_policy(task, NULL);
}

/* ---- what programs pass ---- */

/* Bits [from, to) of a program's mask, within one word; beyond `to` there may be anything. */
static int get_mask_word(const unsigned long __user *mask, unsigned long from, unsigned long to,
			 unsigned long *word)
{
	if (copy_from_user(word, &mask[from / BITS_PER_LONG], sizeof(*word)))
		return -EFAULT;
	if (to - from < BITS_PER_LONG)
		*word &= BIT(to - from) - 1;
	return 0;
}

int get_nodes(nodemask_t *nodes, const unsigned long __user *mask, unsigned long maxnode)
{
	unsigned long bits = maxnode - 1, word;

	nodes->bits = 0;
	if (!bits || !mask)
		return 0;
	if (bits > PAGE_SIZE * 8)
		return -EINVAL;
	for (unsigned long at = 0; at < bits; at += BITS_PER_LONG) {
		int err = get_mask_word(mask, at, bits, &word);

		if (err)
			return err;
		if (at ? word : word >> MAX_NUMNODES)
			return -EINVAL;
		nodes->bits |= word;
	}
	return 0;
}

int sanitize_mpol_flags(int *mode, unsigned short *flags)
{
	*flags = *mode & MPOL_MODE_FLAGS;
	*mode &= ~MPOL_MODE_FLAGS;
	return (unsigned int)*mode >= MPOL_MAX || *flags == MPOL_MODE_FLAGS ? -EINVAL : 0;
}

static int put_nodes(unsigned long __user *mask, unsigned long maxnode, nodemask_t nodes)
{
	unsigned long bytes = ALIGN(maxnode - 1, BITS_PER_LONG) / 8;

	if (bytes > PAGE_SIZE)
		return -EINVAL;
	if (bytes > sizeof(nodes)) {
		if (clear_user(mask + 1, bytes - sizeof(nodes)))
			return -EFAULT;
		bytes = sizeof(nodes);
	}
	return copy_to_user(mask, &nodes, bytes) ? -EFAULT : 0;
}

/* ---- where is a page ---- */

static struct page *present_page(struct mm_struct *mm, unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(mm, addr);
	struct page *page = NULL;
	spinlock_t *ptl;
	pte_t pte;

	if (!pmd)
		return NULL;
	ptl = pte_lockptr(*pmd);
	spin_lock(ptl);
	pte = *pte_offset_kernel(pmd, addr);
	if (pte_present(pte) && !pte_special(pte))
		page = pfn_to_page(pte_pfn(pte));
	else if (!pte_none(pte))
		page = ERR_PTR(pte_pfn(pte) == zero_pfn ? -EADDRNOTAVAIL : -EFAULT);
	spin_unlock(ptl);
	/* No reference: only its number is wanted, and that a struct page never changes. */
	return page;
}

int page_node_at(struct mm_struct *mm, unsigned long addr)
{
	struct page *page;

	if (!vma_lookup(mm, addr))
		return -EFAULT;
	page = present_page(mm, addr);
	if (IS_ERR(page))
		return -EFAULT;
	return page ? page_to_nid(page) : -ENOENT;
}

/* The node of the page at addr, which is brought in as for a read if need be. */
static int lookup_node(struct mm_struct *mm, unsigned long addr)
{
	int err = 0;

	mmap_read_lock(mm);
	for (int tries = 0; !err && tries < 4; tries++) {
		struct page *page = present_page(mm, addr);

		if (page == ERR_PTR(-EADDRNOTAVAIL))
			page = pfn_to_page(zero_pfn);
		if (!IS_ERR_OR_NULL(page)) {
			mmap_read_unlock(mm);
			return page_to_nid(page);
		}
		err = page ? PTR_ERR(page) : fixup_user_fault(mm, addr, false);
	}
	mmap_read_unlock(mm);
	return err ? err : -EFAULT;
}

/* ---- system calls ---- */

static long sys_set_mempolicy(int mode, const unsigned long __user *nmask, unsigned long maxnode)
{
	struct mempolicy *pol;
	unsigned short flags;
	nodemask_t nodes;
	int err = sanitize_mpol_flags(&mode, &flags);

	if (!err)
		err = get_nodes(&nodes, nmask, maxnode);
	if (err)
		return err;
	pol = mpol_new(mode, flags, nodes);
	if (IS_ERR(pol))
		return PTR_ERR(pol);
	replace_task_policy(current, pol);
	return 0;
}
SYSCALL(238, set_mempolicy);

/* The policy that is asked for, with a reference; NULL: the default. */
static struct mempolicy *policy_asked_for(unsigned long addr, unsigned long flags)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	struct mempolicy *pol;

	if (!(flags & MPOL_F_ADDR))
		return addr ? ERR_PTR(-EINVAL) : mpol_get(current->mempolicy);
	mmap_read_lock(mm);
	vma = vma_lookup(mm, addr);
	pol = vma ? get_vma_policy(vma, addr) : ERR_PTR(-EFAULT);
	mmap_read_unlock(mm);
	return pol;
}

/* The first answer: a mode, or with MPOL_F_NODE a node. */
static int mode_or_node(const struct mempolicy *pol, unsigned long addr, unsigned long flags)
{
	if (!(flags & MPOL_F_NODE))
		return pol ? pol->mode | pol->flags : MPOL_DEFAULT;
	if (flags & MPOL_F_ADDR)
		return lookup_node(current->mm, addr & PAGE_MASK);
	/* Where the next page of the task would go: only interleaving knows. */
	if (!pol || pol->mode != MPOL_INTERLEAVE)
		return -EINVAL;
	return mpol_next_node_in(current->il_prev, pol->nodes);
}

static long do_get_mempolicy(int *answer, nodemask_t *nodes, unsigned long addr,
			     unsigned long flags)
{
	struct mempolicy *pol;

	*answer = 0;
	*nodes = node_online_map;
	if (flags & ~(unsigned long)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED)
		return flags & (MPOL_F_NODE | MPOL_F_ADDR) ? -EINVAL : 0;
	pol = policy_asked_for(addr, flags);
	if (IS_ERR(pol))
		return PTR_ERR(pol);
	*answer = mode_or_node(pol, addr, flags);
	nodes->bits = !pol ? 0 : pol->flags ? pol->user_nodemask.bits : pol->nodes.bits;
	mpol_put(pol);
	return *answer < 0 ? *answer : 0;
}

static long sys_get_mempolicy(int __user *mode, unsigned long __user *nmask, unsigned long maxnode,
			      unsigned long addr, unsigned long flags)
{
	nodemask_t nodes;
	int answer;
	long err;

	if (nmask && maxnode < nr_node_ids())
		return -EINVAL;
	err = do_get_mempolicy(&answer, &nodes, addr, flags);
	if (err)
		return err;
	if (mode && put_user(answer, mode))
		return -EFAULT;
	return nmask ? put_nodes(nmask, maxnode, nodes) : 0;
}
SYSCALL(239, get_mempolicy);
