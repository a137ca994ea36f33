/*
 * Spinlocks: the part that waits.
 *
 * Mirrors Linux kernel/locking/spinlock.c, lib/dec_and_lock.c. Exercised by the locks suite.
 */
#include "kernel/spinlock.h"

void spin_lock_slowpath(spinlock_t *lock)
{
	__atomic_add_fetch(&lock->waiters, 1, __ATOMIC_RELAXED);
	do {
		/* Reading leaves the holder its cache line. */
		while (READ_ONCE(lock->locked))
			cpu_relax();
	} while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE));
	__atomic_sub_fetch(&lock->waiters, 1, __ATOMIC_RELAXED);
}

bool _atomic_dec_and_lock(int *counter, spinlock_t *lock)
{
	int v = READ_ONCE(*counter);

	while (v > 1)
		if (__atomic_compare_exchange_n(counter, &v, v - 1, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return false;
	spin_lock(lock);
	if (__atomic_sub_fetch(counter, 1, __ATOMIC_SEQ_CST) == 0)
		return true;
	spin_unlock(lock);
	return false;
}
