/*
 * anon_vma: which areas may map an anonymous page, when fork, split, merge and mremap keep changing them.
 *
 * 1. An area gets an anon_vma at its first anonymous page (anon_vma_prepare), and each page it makes points to that. Splitting
 *    gives the second half the same anon_vma, so a page needs no change when its area does. A neighbour's anon_vma is
 *    taken where the two areas may merge later: areas with different ones cannot.
 * 2. fork. The child maps the parent's pages, so the child's area must be found from the parent's anon_vma: it joins every
 *    tree that the parent's area is in. Pages the child makes later belong to the child alone, so it gets an anon_vma of
 *    its own below the parent's. A look-up for a page of the child then visits only the child and its descendants.
 * 3. An area is thus in many trees and a tree holds many areas. An anon_vma_chain is one such pair: same_vma links
 *    the pairs of one area (the newest anon_vma first), rb is its place in one tree. The first pair of an area lies inside
 *    the area itself: most areas have no second one, and fork saves an allocation for each.
 * 4. Degree. A process that forks, whose parent exits, and so on for ever, would be in one more tree each time. So when fork
 *    clones, an anon_vma that no area uses as its own and that has at most one child is used again for the child. Hence
 *    the number of anon_vmas is at most twice that of areas.
 * 5. A root is its own parent, and counts itself as a child: it is never reused while it has pages of its own line and a
 *    child. num_children goes down when a child's tree is empty.
 * 6. One lock for a family: the root's. Else fork would take a chain of locks, and a walk could not be sure that an area
 *    is not moving between two trees.
 * 7. Life. The areas in the tree hold one reference together; a walk takes one for its time; a descendant holds one of the
 *    root's, for the lock. The memory is SLAB_TYPESAFE_BY_RCU: whoever read page->mapping under RCU may try for a
 *    reference, and looks afterwards whether the page is still mapped. If it is, its anon_vma cannot have gone.
 *
 * Invariants: an area's chain is empty exactly if its anon_vma is NULL; a tree's key is the area's present range, so every
 * change of a range is between anon_vma_range_begin and _end.
 *
 * Locks: mmap_lock; i_mmap_rwsem; root->rwsem; page_table_lock (who sets vma->anon_vma first). Mirrors the first part of
 * Linux mm/rmap.c and mm/interval_tree.c. Exercised by tests/user/rmap.c.
 */
#include "mm/user/anon_vma.h"

#include "kernel/bug.h"
#include "kernel/rcu.h"
#include "lib/errno.h"
#include "lib/interval_tree.h"
#include "mm/cache/mempolicy.h"
#include "mm/slab/slab.h"
#include "mm/user/vma.h"

static struct kmem_cache *anon_vma_cachep, *anon_vma_chain_cachep;

static inline unsigned long avc_start(const struct anon_vma_chain *avc)
{
	return avc->vma->vm_pgoff;
}

static inline unsigned long avc_last(const struct anon_vma_chain *avc)
{
	return avc->vma->vm_pgoff + vma_pages(avc->vma) - 1;
}

INTERVAL_TREE_DEFINE(struct anon_vma_chain, rb, unsigned long, rb_subtree_last, avc_start, avc_last,
		     , anon_vma_interval_tree)

/* Once for each object of the cache: a look-up may touch one that is just being reused. */
static void anon_vma_ctor(void *object)
{
	struct anon_vma *anon_vma = object;

	init_rwsem(&anon_vma->rwsem);
	atomic_set(&anon_vma->refcount, 0);
	anon_vma->rb_root = RB_ROOT_CACHED;
}

void anon_vma_init(void)
{
	anon_vma_cachep = kmem_cache_create("anon_vma", sizeof(struct anon_vma), 0,
					    SLAB_TYPESAFE_BY_RCU | SLAB_PANIC | SLAB_ACCOUNT,
					    anon_vma_ctor);
	anon_vma_chain_cachep = kmem_cache_create("anon_vma_chain", sizeof(struct anon_vma_chain),
						  0, SLAB_PANIC | SLAB_ACCOUNT, NULL);
}

/* A root without areas, one reference. */
static struct anon_vma *anon_vma_alloc(void)
{
	struct anon_vma *anon_vma = kmem_cache_alloc(anon_vma_cachep, GFP_KERNEL);

	if (!anon_vma)
		return NULL;
	anon_vma->root = anon_vma;
	anon_vma->parent = anon_vma;
	anon_vma->num_children = 0;
	anon_vma->num_active_vmas = 0;
	/* Last: from here on a look-up that came late may take a reference. */
	smp_store_release(&anon_vma->refcount.counter, 1);
	return anon_vma;
}

void __put_anon_vma(struct anon_vma *anon_vma)
{
	struct anon_vma *root = anon_vma->root;

	VM_BUG_ON(!RB_EMPTY_ROOT(&anon_vma->rb_root.rb_root));
	kmem_cache_free(anon_vma_cachep, anon_vma);
	if (root != anon_vma)
		put_anon_vma(root);
}

/* ---- pairs ---- */

static inline bool avc_is_inner(const struct anon_vma_chain *avc)
{
	return avc == &avc->vma->first_avc;
}

/* A pair for vma: its own if it is free. */
static struct anon_vma_chain *avc_alloc(struct vm_area_struct *vma, gfp_t gfp)
{
	if (!vma->first_avc.anon_vma)
		return &vma->first_avc;
	return kmem_cache_alloc(anon_vma_chain_cachep, gfp);
}

/* => root's rwsem for writing, and whatever keeps the area's chain: mmap_lock for writing, or page_table_lock */
static void avc_link(struct vm_area_struct *vma, struct anon_vma_chain *avc,
		     struct anon_vma *anon_vma)
{
	avc->vma = vma;
	avc->anon_vma = anon_vma;
	list_add(&avc->same_vma, &vma->anon_vma_chain);
	anon_vma_interval_tree_insert(avc, &anon_vma->rb_root);
}

static void avc_free(struct anon_vma_chain *avc)
{
	list_del(&avc->same_vma);
	if (avc_is_inner(avc))
		avc->anon_vma = NULL;
	else
		kmem_cache_free(anon_vma_chain_cachep, avc);
}

/* The pairs of one area lie in trees of one family: the lock is taken at the first. */
static struct anon_vma *lock_root(struct anon_vma *root, struct anon_vma *anon_vma)
{
	if (!root)
		down_write(&anon_vma->root->rwsem);
	VM_BUG_ON(root && root != anon_vma->root);
	return anon_vma->root;
}

static void unlock_root(struct anon_vma *root)
{
	if (root)
		up_write(&root->rwsem);
}

/* ---- an area's first ---- */

/* Could a and b, in this order, be one area if somebody made their rights equal? */
static bool may_merge_later(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	return a->vm_end == b->vm_start && mpol_equal(a->vm_policy, b->vm_policy) &&
	       a->vm_file == b->vm_file && !((a->vm_flags ^ b->vm_flags) & ~VM_ACCESS_FLAGS) &&
	       b->vm_pgoff == a->vm_pgoff + vma_pages(a);
}

/* old's, if old has no ancestors' trees to drag along. Another thread may be giving old one right now. */
static struct anon_vma *reusable(const struct vm_area_struct *old)
{
	struct anon_vma *anon_vma = READ_ONCE(old->anon_vma);

	return anon_vma && list_is_singular(&old->anon_vma_chain) ? anon_vma : NULL;
}

static struct anon_vma *find_mergeable_anon_vma(struct vm_area_struct *vma)
{
	struct vm_area_struct *near = vma_lookup(vma->vm_mm, vma->vm_end);
	struct anon_vma *anon_vma = NULL;

	if (near && may_merge_later(vma, near))
		anon_vma = reusable(near);
	if (anon_vma || !vma->vm_start)
		return anon_vma;
	near = vma_lookup(vma->vm_mm, vma->vm_start - 1);
	return near && may_merge_later(near, vma) ? reusable(near) : NULL;
}

int __anon_vma_prepare(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	struct anon_vma *anon_vma = find_mergeable_anon_vma(vma), *fresh = NULL;

	if (!anon_vma) {
		anon_vma = fresh = anon_vma_alloc();
		if (!anon_vma)
			return -ENOMEM;
		anon_vma->num_children = 1; /* its own parent */
	}
	anon_vma_lock_write(anon_vma);
	spin_lock(&mm->page_table_lock);
	if (likely(!vma->anon_vma)) {
		avc_link(vma, &vma->first_avc, anon_vma);
		anon_vma->num_active_vmas++;
		WRITE_ONCE(vma->anon_vma, anon_vma);
		fresh = NULL;
	}
	spin_unlock(&mm->page_table_lock);
	anon_vma_unlock_write(anon_vma);
	if (fresh)
		put_anon_vma(fresh);
	return 0;
}

/* ---- joining and leaving ---- */

int anon_vma_clone(struct vm_area_struct *dst, struct vm_area_struct *src)
{
	struct anon_vma *root = NULL, *anon_vma;
	struct anon_vma_chain *avc, *pavc;

	list_for_each_entry_reverse(pavc, &src->anon_vma_chain, same_vma) {
		avc = avc_alloc(dst, GFP_NOWAIT);
		if (unlikely(!avc)) {
			/* Reclaim walks trees: no lock of one is held while it may run. */
			unlock_root(root);
			root = NULL;
			avc = avc_alloc(dst, GFP_KERNEL);
			if (!avc)
				goto enomem;
		}
		anon_vma = pavc->anon_vma;
		root = lock_root(root, anon_vma);
		avc_link(dst, avc, anon_vma);
		if (!dst->anon_vma && anon_vma->num_children < 2 && !anon_vma->num_active_vmas)
			dst->anon_vma = anon_vma;
	}
	if (dst->anon_vma)
		dst->anon_vma->num_active_vmas++;
	unlock_root(root);
	return 0;
enomem:
	/* Not counted as a user yet. */
	dst->anon_vma = NULL;
	unlink_anon_vmas(dst);
	return -ENOMEM;
}

int __anon_vma_fork(struct vm_area_struct *vma, struct vm_area_struct *pvma)
{
	struct anon_vma *anon_vma, *parent = pvma->anon_vma;
	struct anon_vma_chain *avc;

	vma->anon_vma = NULL;
	if (anon_vma_clone(vma, pvma))
		return -ENOMEM;
	if (vma->anon_vma)
		return 0;
	anon_vma = anon_vma_alloc();
	avc = anon_vma ? avc_alloc(vma, GFP_KERNEL) : NULL;
	if (!avc) {
		if (anon_vma)
			put_anon_vma(anon_vma);
		unlink_anon_vmas(vma);
		return -ENOMEM;
	}
	anon_vma->root = parent->root;
	anon_vma->parent = parent;
	get_anon_vma(anon_vma->root);
	anon_vma->num_active_vmas = 1;
	vma->anon_vma = anon_vma;
	anon_vma_lock_write(anon_vma);
	avc_link(vma, avc, anon_vma);
	parent->num_children++;
	anon_vma_unlock_write(anon_vma);
	return 0;
}

void __unlink_anon_vmas(struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc, *next;
	struct anon_vma *root = NULL;

	/* From the newest to the oldest: a child is done before its parent, whose count it changes. */
	list_for_each_entry_safe(avc, next, &vma->anon_vma_chain, same_vma) {
		struct anon_vma *anon_vma = avc->anon_vma;

		root = lock_root(root, anon_vma);
		anon_vma_interval_tree_remove(avc, &anon_vma->rb_root);
		/* The last area: its reference is dropped outside the lock, which may go with it. */
		if (RB_EMPTY_ROOT(&anon_vma->rb_root.rb_root))
			anon_vma->parent->num_children--;
		else
			avc_free(avc);
	}
	if (vma->anon_vma)
		vma->anon_vma->num_active_vmas--;
	vma->anon_vma = NULL;
	unlock_root(root);
	list_for_each_entry_safe(avc, next, &vma->anon_vma_chain, same_vma) {
		struct anon_vma *anon_vma = avc->anon_vma;

		VM_BUG_ON(anon_vma->num_children || anon_vma->num_active_vmas);
		avc_free(avc);
		put_anon_vma(anon_vma);
	}
}

/* ---- merging, and ranges ---- */

bool anon_vma_mergeable(const struct vm_area_struct *dst, const struct vm_area_struct *src)
{
	const struct anon_vma *a = dst->anon_vma, *b = src ? src->anon_vma : NULL;

	if (a == b)
		return true;
	if (a && b)
		return false;
	return list_is_singular(a ? &dst->anon_vma_chain : &src->anon_vma_chain);
}

int anon_vma_merge(struct vm_area_struct *dst, struct vm_area_struct *src)
{
	if (dst->anon_vma || !src->anon_vma)
		return 0;
	dst->anon_vma = src->anon_vma;
	return anon_vma_clone(dst, src);
}

void anon_vma_range_begin(struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc;

	if (!vma->anon_vma)
		return;
	anon_vma_lock_write(vma->anon_vma);
	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
		anon_vma_interval_tree_remove(avc, &avc->anon_vma->rb_root);
}

void anon_vma_range_end(struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc;

	if (!vma->anon_vma)
		return;
	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
		anon_vma_interval_tree_insert(avc, &avc->anon_vma->rb_root);
	anon_vma_unlock_write(vma->anon_vma);
}

struct anon_vma *folio_get_anon_vma(struct folio *folio)
{
	struct anon_vma *anon_vma = NULL;
	unsigned long mapping;

	rcu_read_lock();
	mapping = (unsigned long)READ_ONCE(folio->mapping);
	if ((mapping & PAGE_MAPPING_FLAGS) == PAGE_MAPPING_ANON && folio_mapped(folio)) {
		anon_vma = (struct anon_vma *)(mapping - PAGE_MAPPING_ANON);
		if (!atomic_inc_not_zero(&anon_vma->refcount))
			anon_vma = NULL;
	}
	/* Unmapped meanwhile: the object may be another family's by now. */
	if (anon_vma && !folio_mapped(folio)) {
		rcu_read_unlock();
		put_anon_vma(anon_vma);
		return NULL;
	}
	rcu_read_unlock();
	return anon_vma;
}
