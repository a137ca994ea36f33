/*
 * Memory policy: on which node the memory of a task, an area or a shared file is to be.
 *
 * 1. A policy is a mode and a set of nodes. PREFERRED: that node first, then the nearest others. PREFERRED_MANY: the set
 *    first, then the others. BIND: the set and nothing else. INTERLEAVE: each page the next node of the set. LOCAL: the
 *    node of the CPU that asks. No policy at all (NULL, MPOL_DEFAULT) is LOCAL, too.
 * 2. Who has one: an area of an address space (vm_policy), a range of a shmem file (mm/cache/mempolicy.h), a task. The first
 *    of these that exists decides: an allocation for an area asks the area, then the task; any other allocation in process
 *    context, the kernel's own included, asks the task. Interrupts work for nobody and ask nobody.
 * 3. A policy never changes once others can see it; a change is a new policy in its place. So who holds a reference reads
 *    it without a lock, and areas, fork and files share one object. Nothing rebinds policies to other nodes: there are
 *    no cpusets, and nodes do not come or go.
 * 4. current reads its own task policy without a reference, for only current replaces it; others take task_lock().
 *
 * Legend: A atomic; all else constant once published.
 * Mirrors Linux include/linux/mempolicy.h and the allocating half of mm/mempolicy.c.
 * Exercised by tests/user/mempolicy.c, on several nodes by tests/boot/test_mempolicy.py.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "arch/x86/traps.h"
#include "kernel/current.h"
#include "kernel/task.h"
#include "mm/phys/gfp.h"
#include "mm/phys/mmzone.h"

struct page;

/* Values as programs pass them. Linux's 6, weighted interleave, is not one of them: EINVAL. */
enum {
	MPOL_DEFAULT,
	MPOL_PREFERRED,
	MPOL_BIND,
	MPOL_INTERLEAVE,
	MPOL_LOCAL,
	MPOL_PREFERRED_MANY,
	MPOL_MAX,
};

/*
 * Or-ed to the mode. They say what the node numbers mean when the allowed nodes are not all nodes: STATIC: themselves;
 * RELATIVE: the n-th of those allowed. MPOL_F_NUMA_BALANCING (1 << 13) is refused like any unknown flag.
 */
#define MPOL_F_STATIC_NODES   (1 << 15)
#define MPOL_F_RELATIVE_NODES (1 << 14)
#define MPOL_MODE_FLAGS	      (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)

struct mempolicy {
	atomic_t refcnt;     /* A */
	unsigned short mode; /* never MPOL_DEFAULT: that is NULL */
	unsigned short flags;
	int home_node; /* BIND, PREFERRED_MANY: where to begin; NUMA_NO_NODE: at the CPU's node */
	enum zone_type zone;	  /* BIND: the lowest gfp_zone() that it concerns */
	nodemask_t nodes;	  /* at least one, all with memory; LOCAL: none */
	nodemask_t user_nodemask; /* as the program gave them */
};

/* No index for interleaving: the task's own counter decides. */
#define NO_INTERLEAVE_INDEX (-1UL)

/* The policy that an allocation outside of any area follows; NULL: the default. No reference is taken. => any context */
static __always_inline struct mempolicy *mpol_task_policy(gfp_t gfp)
{
	struct mempolicy *pol = current->mempolicy;

	return unlikely(pol) && !in_interrupt() && !(gfp & __GFP_THISNODE) ? pol : NULL;
}

/*
 * A block of 2^order pages where pol (NULL: the default) wants it. ilx: page index for interleaving, or
 * NO_INTERLEAVE_INDEX; nid: the node to begin with when the policy does not say. NULL when there is none.
 */
struct page *alloc_pages_mpol(gfp_t gfp, unsigned int order, const struct mempolicy *pol,
			      unsigned long ilx, int nid);
/* The node after the one that the task's counter names, in the set, round and round. => set not empty */
int mpol_next_node_in(int node, nodemask_t nodes);
/* What BIND's ->zone is for these nodes. */
enum zone_type mpol_lowest_zone(nodemask_t nodes);
