/*
 * Names of anonymous areas: prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME).
 *
 * A name is a property of an area like its flags: areas with different names do not merge, and /proc/PID/maps shows
 * "[anon:NAME]", or "[anon_shmem:NAME]" for shared memory. Pieces of a split area, and a child's copies, share one text
 * that is counted.
 *
 * Mirrors Linux include/linux/mm_inline.h (anon_vma_name), mm/madvise.c. Exercised by tests/user/prctls.c.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "lib/string.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"

#define ANON_VMA_NAME_MAX_LEN 80 /* with the final zero */

struct anon_vma_name {
	atomic_t count;
	char name[];
};

static __always_inline struct anon_vma_name *anon_vma_name_get(struct anon_vma_name *n)
{
	if (unlikely(n))
		atomic_inc(&n->count);
	return n;
}

static __always_inline void anon_vma_name_put(struct anon_vma_name *n)
{
	if (unlikely(n) && atomic_dec_and_test(&n->count))
		kfree(n);
}

static __always_inline bool anon_vma_name_eq(const struct anon_vma_name *a,
					     const struct anon_vma_name *b)
{
	return a == b || (a && b && !strcmp(a->name, b->name));
}

/*
 * Gives [start, start + len) this name; NULL: takes it away. 0; -EINVAL: not page aligned; -ENOMEM: a hole, after the rest was
 * named; -EBADF: a file is mapped there; -EINTR. => may sleep, takes mmap_lock
 */
int set_anon_vma_name(struct mm_struct *mm, unsigned long start, unsigned long len,
		      struct anon_vma_name *name);
