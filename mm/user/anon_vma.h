/*
 * anon_vma: from an anonymous page to the areas that may map it.
 *
 * A page says mapping = anon_vma | 1 and index = its place in the area it was made in (its linear page index, which mremap,
 * split and merge keep). The anon_vma has an interval tree of the areas; those that hold the index are all that can map the
 * page. Theory in anon_vma.c.
 *
 * Locks: anon_vma->root->rwsem for every tree of one family. Mirrors Linux include/linux/rmap.h.
 * Exercised by tests/user/rmap.c.
 */
#pragma once

#include "mm/user/mm.h"

/*
 * Legend: R root->rwsem; - constant; a atomic.
 */
struct anon_vma {
	struct anon_vma *root;	   /* - the oldest ancestor; itself for the first */
	struct rw_semaphore rwsem; /* the root's guards the trees of the whole family */
	atomic_t
		refcount; /* a users; one while the tree is not empty; the root's: one for each descendant */
	unsigned long num_children;    /* R anon_vmas whose parent this is; a root is its own */
	unsigned long num_active_vmas; /* R areas whose ->anon_vma this is */
	struct anon_vma *parent;       /* - */
	struct rb_root_cached rb_root; /* R anon_vma_chains by page index */
};

void anon_vma_init(void);

/*
 * Gives vma an anon_vma if it has none: a neighbour's if the two may become one area, else a fresh one. 0 or -ENOMEM.
 * => mmap_lock held, for reading is enough; may sleep
 */
int __anon_vma_prepare(struct vm_area_struct *vma);
static __always_inline int anon_vma_prepare(struct vm_area_struct *vma)
{
	return likely(READ_ONCE(vma->anon_vma) != NULL) ? 0 : __anon_vma_prepare(vma);
}

/*
 * dst, which is in no tree yet and has its final range, joins all trees that src is in (split, mremap, merge). dst->anon_vma
 * is set by the caller before; if it is NULL, fork asks, and an anon_vma that nobody uses any more may be reused for dst.
 * 0; -ENOMEM: dst is in no tree. => mmap_lock for writing; may sleep
 */
int anon_vma_clone(struct vm_area_struct *dst, struct vm_area_struct *src);
/* fork: vma, the child's copy of pvma, joins pvma's trees and gets an anon_vma for the pages it will make. 0, -ENOMEM */
int __anon_vma_fork(struct vm_area_struct *vma, struct vm_area_struct *pvma);
static inline int anon_vma_fork(struct vm_area_struct *vma, struct vm_area_struct *pvma)
{
	return pvma->anon_vma ? __anon_vma_fork(vma, pvma) : 0;
}
/* vma leaves all trees. => its entries are cleared; its tables still stand; may sleep */
void __unlink_anon_vmas(struct vm_area_struct *vma);
static inline void unlink_anon_vmas(struct vm_area_struct *vma)
{
	if (!list_empty(&vma->anon_vma_chain))
		__unlink_anon_vmas(vma);
}

/*
 * A merge of dst and src, which have the same kind and touch: may they be one area as far as their pages' anon_vmas go?
 * src NULL: a new area without pages. Yes if both have the same one, or only one has any and that one has no ancestors:
 * else areas of many generations would gather in one tree.
 */
bool anon_vma_mergeable(const struct vm_area_struct *dst, const struct vm_area_struct *src);
/* The merge happens: dst takes over src's trees if it has none. 0, -ENOMEM. => before the ranges change */
int anon_vma_merge(struct vm_area_struct *dst, struct vm_area_struct *src);

/*
 * Around a change of vm_start, vm_end or vm_pgoff of an area that is in trees: it is out of them in between. A scope:
 * what walks the trees waits. => mmap_lock for writing; i_mmap_rwsem, if wanted, is taken before
 */
void anon_vma_range_begin(struct vm_area_struct *vma);
void anon_vma_range_end(struct vm_area_struct *vma);

static inline void anon_vma_lock_write(struct anon_vma *anon_vma)
{
	down_write(&anon_vma->root->rwsem);
}
static inline void anon_vma_unlock_write(struct anon_vma *anon_vma)
{
	up_write(&anon_vma->root->rwsem);
}
static inline void anon_vma_lock_read(struct anon_vma *anon_vma)
{
	down_read(&anon_vma->root->rwsem);
}
static inline void anon_vma_unlock_read(struct anon_vma *anon_vma)
{
	up_read(&anon_vma->root->rwsem);
}

static inline void get_anon_vma(struct anon_vma *anon_vma)
{
	atomic_inc(&anon_vma->refcount);
}
void __put_anon_vma(struct anon_vma *anon_vma);
static inline void put_anon_vma(struct anon_vma *anon_vma)
{
	if (atomic_dec_and_test(&anon_vma->refcount))
		__put_anon_vma(anon_vma);
}

/* The anon_vma of a page that may be on its way out, with a reference; NULL: not anonymous, or not mapped any more. */
struct anon_vma *folio_get_anon_vma(struct folio *folio);

void anon_vma_interval_tree_insert(struct anon_vma_chain *avc, struct rb_root_cached *root);
void anon_vma_interval_tree_remove(struct anon_vma_chain *avc, struct rb_root_cached *root);
/* Areas that hold page indices [first, last], one after the other. => root's rwsem */
struct anon_vma_chain *anon_vma_interval_tree_iter_first(struct rb_root_cached *root,
							 unsigned long first, unsigned long last);
struct anon_vma_chain *anon_vma_interval_tree_iter_next(struct anon_vma_chain *avc,
							unsigned long first, unsigned long last);
#define anon_vma_interval_tree_foreach(avc, root, first, last)                          \
	for ((avc) = anon_vma_interval_tree_iter_first((root), (first), (last)); (avc); \
	     (avc) = anon_vma_interval_tree_iter_next((avc), (first), (last)))
