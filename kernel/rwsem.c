/*
 * rw_semaphore: the part that waits.
 *
 * All who cannot have the lock queue up under wait_lock and set RWSEM_WAITERS, which keeps
 * newcomers out of the fast path. The lock is then only ever given by rwsem_grant(), which runs
 * under wait_lock whenever the count may have become low enough: by whoever lets go last, and by
 * whoever queued or left the queue. The one it gives the lock to need not do anything but wake up.
 *
 * Mirrors Linux kernel/locking/rwsem.c. Exercised by the locks suite.
 */
#include "kernel/rwsem.h"

#include "arch/x86/atomic.h"
#include "kernel/sched.h"

struct rwsem_waiter {
	struct list_head list;
	struct task_struct *task; /* NULL: has the lock; then the waiter may vanish */
	bool writer;
};

static void grant_one(struct rwsem_waiter *w)
{
	struct task_struct *task = get_task_struct(w->task);

	list_del(&w->list);
	smp_store_release(&w->task, NULL);
	wake_up_process(task);
	put_task_struct(task);
}

/* Gives the lock to whom the head of the queue says, if it is to be had. => wait_lock held */
static void rwsem_grant(struct rw_semaphore *sem)
{
	struct rwsem_waiter *w, *next;
	long readers = 0, count = READ_ONCE(sem->count);

	if (list_empty(&sem->wait_list)) {
		__atomic_and_fetch(&sem->count, ~RWSEM_WAITERS, __ATOMIC_SEQ_CST);
		return;
	}
	if (count & RWSEM_WRITER)
		return;
	w = list_first_entry(&sem->wait_list, struct rwsem_waiter, list);
	if (w->writer) {
		long want = list_is_singular(&sem->wait_list) ? RWSEM_WRITER
							      : RWSEM_WRITER | RWSEM_WAITERS;

		/* Any reader left, or one that is just taking its 256 back: he will call again. */
		count = RWSEM_WAITERS;
		if (try_cmpxchg(&sem->count, &count, want))
			grant_one(w);
		return;
	}
	list_for_each_entry(w, &sem->wait_list, list) {
		if (w->writer)
			break;
		readers++;
	}
	__atomic_add_fetch(&sem->count, readers * RWSEM_READER, __ATOMIC_SEQ_CST);
	list_for_each_entry_safe(w, next, &sem->wait_list, list) {
		if (!readers--)
			break;
		grant_one(w);
	}
	if (list_empty(&sem->wait_list))
		__atomic_and_fetch(&sem->count, ~RWSEM_WAITERS, __ATOMIC_SEQ_CST);
}

void rwsem_wake(struct rw_semaphore *sem)
{
	guard(spinlock_irqsave)(&sem->wait_lock);
	rwsem_grant(sem);
}

/* Queues and waits until the lock was given. @bias: what the fast path added in vain. */
static int rwsem_wait(struct rw_semaphore *sem, unsigned int state, bool writer, long bias)
{
	struct rwsem_waiter waiter = { .task = current, .writer = writer };
	int ret = 0;

	spin_lock_irq(&sem->wait_lock);
	list_add_tail(&waiter.list, &sem->wait_list);
	__atomic_or_fetch(&sem->count, RWSEM_WAITERS, __ATOMIC_SEQ_CST);
	if (bias)
		__atomic_sub_fetch(&sem->count, bias, __ATOMIC_SEQ_CST);
	rwsem_grant(sem);
	spin_unlock_irq(&sem->wait_lock);
	for (;;) {
		set_current_state(state);
		if (!smp_load_acquire(&waiter.task))
			break;
		if (signal_pending_state(state, current)) {
			spin_lock_irq(&sem->wait_lock);
			if (waiter.task) {
				list_del(&waiter.list);
				rwsem_grant(sem);
				ret = -EINTR;
			}
			spin_unlock_irq(&sem->wait_lock);
			break;
		}
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return ret;
}

int rwsem_down_read_slowpath(struct rw_semaphore *sem, unsigned int state)
{
	return rwsem_wait(sem, state, false, RWSEM_READER);
}

int rwsem_down_write_slowpath(struct rw_semaphore *sem, unsigned int state)
{
	struct task_struct *owner;
	long zero = 0;

	/* The writer that holds it runs: it will be done soon. */
	while ((owner = READ_ONCE(sem->owner)) && READ_ONCE(owner->on_cpu) && !need_resched() &&
	       owner != current && !(READ_ONCE(sem->count) & RWSEM_WAITERS))
		cpu_relax();
	if (try_cmpxchg(&sem->count, &zero, RWSEM_WRITER))
		return 0;
	return rwsem_wait(sem, state, true, 0);
}
