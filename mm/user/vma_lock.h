/*
 * The lock of one area: what lets the faults of threads go on while another thread changes other areas.
 *
 * 1. A fault needs its area to stay, not the whole set. So it takes this area for reading: it finds it in the maple tree under
 *    RCU alone and counts itself in vm_refcnt (lock_vma_under_rcu). mmap_lock is not touched, and threads that fault in
 *    different areas write no common word.
 * 2. A writer holds mmap_lock for writing and marks each area that it is going to change: vm_lock_seq = mm_lock_seq
 *    (vma_start_write). All marks end at once when mmap_lock is released, because that raises mm_lock_seq.
 * 3. They meet like this: the reader counts himself, then looks at the mark; the writer sets the mark, then looks at the count; with a
 *    full barrier between on both sides. So one of the two sees the other. A reader that sees a mark takes himself back and
 *    goes to mmap_lock. A writer that sees readers waits for them (VMA_LOCK_OFFSET keeps further ones out).
 * 4. vm_refcnt is 0 for an area that is in no tree (detached), else 1 and the readers. Areas come from a SLAB_TYPESAFE_BY_RCU
 *    cache: one that was found under RCU may be freed and used again by anybody, but its count is a count, and 0 is never
 *    raised. So the reader counts himself first, and then checks that the area is of his mm, not marked, and has the address.
 *    One that is in another mm by then gets an extra reader for some instructions; who detaches it waits for that.
 * 5. The tree's nodes go through RCU too, once anybody but the process's only thread may be looking: mm_tree_shared().
 * 6. The fault under this lock may not look at other areas. An area's first anon_vma may be a neighbour's, so that takes mmap_lock,
 *    by a try, or the fault starts again (VM_FAULT_RETRY) with mmap_lock.
 *
 * Order: inside mmap_lock; outside of all that a fault takes. A reader never waits for mmap_lock.
 * Invariant: who changes a field of an attached area (vm_start, vm_end, vm_pgoff, vm_flags, vm_page_prot, vm_policy), or moves,
 * copies or frees its entries as a whole (fork, mremap, munmap), has marked it.
 * Mirrors Linux include/linux/mmap_lock.h and mm/mmap_lock.c (6.15). Exercised by tests/kernel/vma_lock.c and
 * tests/user/vmalock.c.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "kernel/bug.h"
#include "kernel/lockdep.h"
#include "kernel/rcu.h"
#include "mm/phys/vmstat.h"
#include "mm/user/mm.h"

#define VMA_LOCK_OFFSET \
	INT_MIN /* in vm_refcnt, which is negative then: a writer waits for the readers */

#ifdef CONFIG_DEBUG_LOCKS
extern u8 vma_lock_class;
#endif

void vma_lock_init(void);

void __vma_end_read_slow(const struct vm_area_struct *vma);
static __always_inline void vma_end_read(struct vm_area_struct *vma)
{
	lock_release(&vma_lock_class, vma, true);
	/* After this vma may be anything: only its address is used. */
	if (unlikely(__atomic_sub_fetch(&vma->vm_refcnt, 1, __ATOMIC_RELEASE) < 0))
		__vma_end_read_slow(vma);
}

/* Counts a reader, unless vma is detached or a writer waits. */
static __always_inline bool vma_get(struct vm_area_struct *vma)
{
	int count = READ_ONCE(vma->vm_refcnt);

	do {
		if (unlikely(count <= 0))
			return false;
	} while (unlikely(!try_cmpxchg(&vma->vm_refcnt, &count, count + 1)));
	lock_acquire(&vma_lock_class, vma, "vma_lock", 0, true, true);
	return true;
}

/* vma was counted for nothing. */
struct vm_area_struct *__lock_vma_failed(struct vm_area_struct *vma, enum vm_event_item why);

/*
 * The area that holds address, locked for reading; NULL: there is none, a writer is at it, or it just changed: then ask again
 * under mmap_lock. Counted in VMA_LOCK_ABORT, VMA_LOCK_MISS. vma_end_read() it. => mm is current's; mmap_lock not held
 */
static __always_inline struct vm_area_struct *lock_vma_under_rcu(struct mm_struct *mm,
								 unsigned long address)
{
	struct vm_area_struct *vma;
	u32 seq;

	rcu_read_lock();
	vma = mtree_load(&mm->mm_mt, address);
	if (unlikely(!vma || !vma_get(vma))) {
		count_vm_event(VMA_LOCK_ABORT);
		rcu_read_unlock();
		return NULL;
	}
	rcu_read_unlock();
	if (unlikely(vma->vm_mm != mm))
		return __lock_vma_failed(vma, VMA_LOCK_MISS);
	/* What the last writer did is seen by whoever sees that he let go. */
	seq = READ_ONCE(vma->vm_lock_seq);
	if (unlikely(seq == smp_load_acquire(&mm->mm_lock_seq)))
		return __lock_vma_failed(vma, VMA_LOCK_ABORT);
	if (unlikely(address < vma->vm_start || address >= vma->vm_end))
		return __lock_vma_failed(vma, VMA_LOCK_MISS);
	return vma;
}

static inline bool vma_is_write_locked(const struct vm_area_struct *vma)
{
	return vma->vm_lock_seq == vma->vm_mm->mm_lock_seq;
}

/* An area in no tree yet is its maker's alone. */
#define vma_assert_write_locked(vma) VM_BUG_ON((vma)->vm_refcnt && !vma_is_write_locked(vma))
#define vma_assert_locked(vma) \
	VM_BUG_ON((vma)->vm_refcnt < 2 && !rwsem_is_locked(&(vma)->vm_mm->mmap_lock))

void __vma_start_write(struct vm_area_struct *vma);
/* No fault runs in vma from now on until mmap_lock is released. => mmap_lock for writing; may sleep */
static inline void vma_start_write(struct vm_area_struct *vma)
{
	if (!vma_is_write_locked(vma))
		__vma_start_write(vma);
}

/* vma has been stored in its mm's tree, and is marked. => mmap_lock for writing, or a mm nobody sees */
static inline void vma_mark_attached(struct vm_area_struct *vma)
{
	VM_BUG_ON(vma->vm_refcnt);
	vma->vm_lock_seq = vma->vm_mm->mm_lock_seq;
	smp_store_release(&vma->vm_refcnt, 1);
}

/* vma is out of its tree. => marked, or nobody runs in its mm any more */
static inline void vma_mark_detached(struct vm_area_struct *vma)
{
	int one = 1;

	/* More than one: a reader who took it for another area is about to notice. */
	while (unlikely(!try_cmpxchg(&vma->vm_refcnt, &one, 0))) {
		cpu_relax();
		one = 1;
	}
}

/* The only ways to change the flags of an area that faults may be looking at. => marked */
static inline void vm_flags_reset(struct vm_area_struct *vma, unsigned long flags)
{
	vma_assert_write_locked(vma);
	WRITE_ONCE(vma->vm_flags, flags);
}
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vm_flags_reset(vma, vma->vm_flags | flags);
}
static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vm_flags_reset(vma, vma->vm_flags & ~flags);
}
