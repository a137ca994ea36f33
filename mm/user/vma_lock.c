/*
 * The lock of one area: finding and locking it without mmap_lock, and waiting. The idea is in vma_lock.h.
 *
 * A writer that waits sleeps on one of a few queues, chosen by the area's address. They are no part of the area or its mm:
 * the reader that wakes the writer has let go of the area by then, and both may be gone.
 *
 * Mirrors Linux mm/mmap_lock.c. Exercised by tests/kernel/vma_lock.c and tests/user/vmalock.c.
 */
#include "mm/user/vma_lock.h"

#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/wait.h"

#define WAIT_QUEUES 16
#define SPINS	    200

#ifdef CONFIG_DEBUG_LOCKS
u8 vma_lock_class;
#endif

static wait_queue_head_t queues[WAIT_QUEUES];

static wait_queue_head_t *queue_of(const struct vm_area_struct *vma)
{
	return &queues[((unsigned long)vma >> 6) % WAIT_QUEUES];
}

void __init vma_lock_init(void)
{
	for (int i = 0; i < WAIT_QUEUES; i++)
		init_waitqueue_head(&queues[i]);
}

void __vma_end_read_slow(const struct vm_area_struct *vma)
{
	wake_up_all(queue_of(vma));
}

struct vm_area_struct *__lock_vma_failed(struct vm_area_struct *vma, enum vm_event_item why)
{
	count_vm_event(why);
	vma_end_read(vma);
	return NULL;
}

static void wait_for_readers(struct vm_area_struct *vma)
{
	/* Mostly it is a fault on another CPU, which takes less than going to sleep. */
	for (int i = 0; i < SPINS && READ_ONCE(vma->vm_refcnt) > 1 && !need_resched(); i++)
		cpu_relax();
	if (READ_ONCE(vma->vm_refcnt) <= 1)
		return;
	__atomic_or_fetch(&vma->vm_refcnt, VMA_LOCK_OFFSET, __ATOMIC_SEQ_CST);
	wait_event(*queue_of(vma), READ_ONCE(vma->vm_refcnt) == VMA_LOCK_OFFSET + 1);
	__atomic_and_fetch(&vma->vm_refcnt, ~VMA_LOCK_OFFSET, __ATOMIC_SEQ_CST);
}

void __vma_start_write(struct vm_area_struct *vma)
{
	might_sleep();
	VM_BUG_ON(!rwsem_is_write_locked(&vma->vm_mm->mmap_lock));
	lock_acquire(&vma_lock_class, vma, "vma_lock", 0, true, false);
	/* With a full barrier: the mark before the look at the count. */
	__atomic_exchange_n(&vma->vm_lock_seq, vma->vm_mm->mm_lock_seq, __ATOMIC_SEQ_CST);
	if (unlikely(READ_ONCE(vma->vm_refcnt) > 1))
		wait_for_readers(vma);
	lock_release(&vma_lock_class, vma, true);
}
