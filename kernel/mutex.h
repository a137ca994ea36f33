/*
 * Mutexes: mutual exclusion between tasks that may sleep.
 *
 * 1. One word: the owner's task pointer; bit 0 says that somebody waits, bit 1 that the lock is
 *    handed to the first waiter. Free and nobody waiting is 0, so lock and unlock without
 *    contention are one compare-and-exchange each, inline.
 * 2. Contended, a locker first spins while the owner runs on another CPU (it will be done soon),
 *    then queues. Who was woken and finds the lock stolen asks for it to be handed over: nobody
 *    starves.
 * 3. Only the owner unlocks; never from interrupts; not recursive.
 *
 * Lock order inside: wait_lock, then run-queue locks. All zero bytes are NOT a valid mutex:
 * mutex_init() or DEFINE_MUTEX.
 * Mirrors Linux include/linux/mutex.h. Exercised by the locks suite.
 */
#pragma once

#include "kernel/current.h"
#include "kernel/lockdep.h"
#include "kernel/spinlock.h"
#include "lib/list.h"
#include "lib/types.h"

struct mutex {
	unsigned long owner;
	spinlock_t wait_lock; /* protects wait_list and bits 0 and 1 of owner */
	u8 class;
	struct list_head wait_list;
};

#define MUTEX_FLAG_WAITERS 1UL
#define MUTEX_FLAG_HANDOFF 2UL
#define MUTEX_FLAGS	   3UL

#define __MUTEX_INITIALIZER(name)                                         \
	{                                                                 \
		.owner = 0, .wait_list = LIST_HEAD_INIT((name).wait_list) \
	}
#define DEFINE_MUTEX(name) struct mutex name = __MUTEX_INITIALIZER(name)
#ifdef CONFIG_DEBUG_LOCKS
#define mutex_init(m)                                           \
	do {                                                    \
		static struct lock_class_key __key;             \
		*(m) = (struct mutex)__MUTEX_INITIALIZER(*(m)); \
		(m)->class = lockdep_class(&__key, #m);         \
	} while (0)
#else
#define mutex_init(m) (*(m) = (struct mutex)__MUTEX_INITIALIZER(*(m)))
#endif
#define mutex_destroy(m) ((void)(m))

int __mutex_lock_slowpath(struct mutex *lock, unsigned int state);
void __mutex_unlock_slowpath(struct mutex *lock);

static __always_inline bool __mutex_trylock_fast(struct mutex *lock)
{
	unsigned long zero = 0;

	return __atomic_compare_exchange_n(&lock->owner, &zero, (unsigned long)current, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* => may sleep */
static __always_inline void mutex_lock(struct mutex *lock)
{
	might_sleep();
	lock_acquire(&lock->class, lock, NULL, 0, true, false);
	if (unlikely(!__mutex_trylock_fast(lock)))
		__mutex_lock_slowpath(lock, 2);
}

/* For a second mutex of the same kind, in an order the caller knows to be fixed. */
static __always_inline void mutex_lock_nested(struct mutex *lock, unsigned int subclass)
{
	might_sleep();
	lock_acquire(&lock->class, lock, NULL, subclass, true, false);
	if (unlikely(!__mutex_trylock_fast(lock)))
		__mutex_lock_slowpath(lock, 2);
}

/* 0, or -EINTR when a signal (killable: a fatal one) came first. */
static __always_inline int __must_check mutex_lock_interruptible(struct mutex *lock)
{
	int ret = 0;

	might_sleep();
	if (unlikely(!__mutex_trylock_fast(lock)))
		ret = __mutex_lock_slowpath(lock, 1);
	if (!ret)
		lock_acquire(&lock->class, lock, NULL, 0, true, true);
	return ret;
}

static __always_inline int __must_check mutex_lock_killable(struct mutex *lock)
{
	int ret = 0;

	might_sleep();
	if (unlikely(!__mutex_trylock_fast(lock)))
		ret = __mutex_lock_slowpath(lock, 0x102);
	if (!ret)
		lock_acquire(&lock->class, lock, NULL, 0, true, true);
	return ret;
}

/* True if taken. */
static __always_inline bool mutex_trylock(struct mutex *lock)
{
	if (!__mutex_trylock_fast(lock))
		return false;
	lock_acquire(&lock->class, lock, NULL, 0, true, true);
	return true;
}

static __always_inline void mutex_unlock(struct mutex *lock)
{
	unsigned long me = (unsigned long)current;

	lock_release(&lock->class, lock, true);
	if (unlikely(!__atomic_compare_exchange_n(&lock->owner, &me, 0UL, false, __ATOMIC_RELEASE,
						  __ATOMIC_RELAXED)))
		__mutex_unlock_slowpath(lock);
}

static __always_inline bool mutex_is_locked(const struct mutex *lock)
{
	return READ_ONCE(lock->owner) & ~MUTEX_FLAGS;
}

/* Takes the mutex when the count falls to 0, and returns true only then. */
bool _atomic_dec_and_mutex_lock(int *counter, struct mutex *lock);
#define atomic_dec_and_mutex_lock(atomic, lock) _atomic_dec_and_mutex_lock(&(atomic)->counter, lock)

DEFINE_GUARD(mutex, struct mutex *, mutex_lock(_T), mutex_unlock(_T))
