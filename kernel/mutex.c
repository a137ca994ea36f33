/*
 * Mutexes: the part that waits.
 *
 * 1. A free mutex may be taken by whoever comes, even while others wait: that keeps the lock busy.
 *    The first waiter, when it was woken in vain, sets HANDOFF; the next unlock then makes that
 *    waiter the owner instead of freeing the lock.
 * 2. Spinning: while the owner is on a CPU and nothing else should run here, waiting in place is
 *    cheaper than two switches. The owner's task_struct may be looked at because it is freed only
 *    after a grace period, and we do not sleep meanwhile.
 *
 * Mirrors Linux kernel/locking/mutex.c. Exercised by the locks suite.
 */
#include "kernel/mutex.h"

#include "arch/x86/atomic.h"
#include "kernel/sched.h"

struct mutex_waiter {
	struct list_head list;
	struct task_struct *task;
};

static struct task_struct *owner_task(unsigned long owner)
{
	return (struct task_struct *)(owner & ~MUTEX_FLAGS);
}

/*
 * Takes a free lock, or one that was handed to us. want_handoff: if neither, asks for the next one.
 */
static bool mutex_try(struct mutex *lock, bool want_handoff)
{
	unsigned long owner = READ_ONCE(lock->owner), next;

	for (;;) {
		if (owner_task(owner) == current)
			return true;
		if (!owner_task(owner))
			next = (unsigned long)current | (owner & MUTEX_FLAG_WAITERS);
		else if (want_handoff && !(owner & MUTEX_FLAG_HANDOFF))
			next = owner | MUTEX_FLAG_HANDOFF;
		else
			return false;
		if (try_cmpxchg(&lock->owner, &owner, next))
			return !owner_task(owner);
	}
}

/* True if the lock was taken while spinning. */
static bool mutex_spin(struct mutex *lock)
{
	for (;;) {
		unsigned long owner = READ_ONCE(lock->owner);
		struct task_struct *task = owner_task(owner);

		if (!task) {
			if (mutex_try(lock, false))
				return true;
			continue;
		}
		if ((owner & MUTEX_FLAG_HANDOFF) || !READ_ONCE(task->on_cpu) || need_resched() ||
		    task == current)
			return false;
		cpu_relax();
	}
}

int __mutex_lock_slowpath(struct mutex *lock, unsigned int state)
{
	struct mutex_waiter waiter = { .task = current };
	bool woken = false;
	int ret = 0;

	if (mutex_spin(lock))
		return 0;
	spin_lock(&lock->wait_lock);
	list_add_tail(&waiter.list, &lock->wait_list);
	__atomic_or_fetch(&lock->owner, MUTEX_FLAG_WAITERS, __ATOMIC_SEQ_CST);
	for (;;) {
		set_current_state(state);
		if (mutex_try(lock, woken && list_is_first(&waiter.list, &lock->wait_list)))
			break;
		if (signal_pending_state(state, current)) {
			ret = -EINTR;
			break;
		}
		spin_unlock(&lock->wait_lock);
		schedule();
		woken = true;
		spin_lock(&lock->wait_lock);
	}
	__set_current_state(TASK_RUNNING);
	list_del(&waiter.list);
	if (list_empty(&lock->wait_list))
		__atomic_and_fetch(&lock->owner, ~MUTEX_FLAGS, __ATOMIC_SEQ_CST);
	spin_unlock(&lock->wait_lock);
	return ret;
}

void __mutex_unlock_slowpath(struct mutex *lock)
{
	unsigned long owner = READ_ONCE(lock->owner);
	struct mutex_waiter *first;

	/*
	 * Without HANDOFF the lock is free before anyone is woken, so a spinner may take it
	 * meanwhile.
	 */
	while (!(owner & MUTEX_FLAG_HANDOFF))
		if (try_cmpxchg(&lock->owner, &owner, owner & MUTEX_FLAG_WAITERS))
			break;
	spin_lock(&lock->wait_lock);
	first = list_first_entry_or_null(&lock->wait_list, struct mutex_waiter, list);
	if (owner & MUTEX_FLAG_HANDOFF)
		__atomic_store_n(&lock->owner,
				 first ? (unsigned long)first->task | MUTEX_FLAG_WAITERS : 0,
				 __ATOMIC_SEQ_CST);
	if (first)
		wake_up_process(first->task);
	spin_unlock(&lock->wait_lock);
}

bool _atomic_dec_and_mutex_lock(int *counter, struct mutex *lock)
{
	int v = READ_ONCE(*counter);

	while (v > 1)
		if (try_cmpxchg(counter, &v, v - 1))
			return false;
	mutex_lock(lock);
	if (__atomic_sub_fetch(counter, 1, __ATOMIC_SEQ_CST) == 0)
		return true;
	mutex_unlock(lock);
	return false;
}
