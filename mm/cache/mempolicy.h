/*
 * Memory policies as objects: made, counted, compared, printed; and the policies of a shmem file, by range.
 *
 * 1. mpol_new() checks what a program asks for and makes the policy, with one reference. Areas, tasks and files that have the
 *    same policy from one call share the object; the last reference frees it.
 * 2. A shmem file's policies belong to the file: set through one mapping with MAP_SHARED, they hold for every page that
 *    anybody brings in, by any mapping or by write(2), and go with the file. Private mappings have theirs in the area alone,
 *    as the manual says; Linux lets a private mapping of a tmpfs file change the file's policy for everybody.
 * 3. The ranges are a maple tree of struct sp_node, by page index. It is made with the first policy that is set.
 *
 * Locks: shared_policy.lock, a leaf but for memory allocation. Mirrors the objects of Linux mm/mempolicy.c.
 * Exercised by tests/user/mempolicy.c and tests/boot/test_mempolicy.py.
 */
#pragma once

#include "kernel/rwsem.h"
#include "lib/maple.h"
#include "mm/phys/mempolicy.h"

struct address_space;

void numa_policy_init(void); /* once, before the first process */

/*
 * A policy with one reference, NULL for MPOL_DEFAULT. nodes: as the program gave them. ERR_PTR(-EINVAL): a mode and a set that do
 * not go together, or no node of the set has memory; -ENOMEM. => may sleep
 */
struct mempolicy *mpol_new(unsigned short mode, unsigned short flags, nodemask_t nodes);
/* A copy with this home node; ERR_PTR(-ENOMEM). */
struct mempolicy *mpol_with_home(const struct mempolicy *pol, int home_node);
void __mpol_free(struct mempolicy *pol);

/* NULL is fine for all of these. */
static inline struct mempolicy *mpol_get(struct mempolicy *pol)
{
	if (pol)
		atomic_inc(&pol->refcnt);
	return pol;
}

static inline void mpol_put(struct mempolicy *pol)
{
	if (pol && atomic_dec_and_test(&pol->refcnt))
		__mpol_free(pol);
}

bool __mpol_equal(const struct mempolicy *a, const struct mempolicy *b);
/* Would no allocation be able to tell them apart? */
static inline bool mpol_equal(const struct mempolicy *a, const struct mempolicy *b)
{
	return likely(a == b) || (a && b && __mpol_equal(a, b));
}

/* "bind=static:0-1": as /proc/PID/numa_maps shows it; cut off at len. */
void mpol_to_str(char *buf, int len, const struct mempolicy *pol);

/* ---- the policies of a shmem file ---- */

struct shared_policy {
	struct rw_semaphore lock; /* the tree and what is in it */
	struct maple_tree tree;	  /* struct sp_node by page index */
};

/* The policy of page index with a reference; NULL: none. => may sleep */
struct mempolicy *mpol_shared_lookup(struct address_space *mapping, pgoff_t index);
/* Pages [first, last] get pol (NULL: none any more). 0, -ENOMEM: nothing changed. => may sleep */
int mpol_set_shared(struct address_space *mapping, pgoff_t first, pgoff_t last,
		    struct mempolicy *pol);
/* The file dies. => nobody else uses it */
void mpol_free_shared(struct address_space *mapping);
