/*
 * rw_semaphore: many readers or one writer; waiters sleep.
 *
 * 1. count: bit 0 a writer holds it, bit 1 somebody waits, from bit 8 up the number of readers. A
 *    reader adds 256 and looks at the result: one locked operation. A writer replaces 0 by 1.
 * 2. While somebody waits nobody overtakes: the queue is first come, first served, a run of readers
 *    at its head enters together, and the lock is handed over by whoever lets go last. So neither
 *    side starves.
 * 3. A reader that came too late takes its 256 back under wait_lock; until then the count may show
 *    one reader too many.
 *
 * All zero bytes are NOT valid: init_rwsem() or DECLARE_RWSEM.
 * Mirrors Linux include/linux/rwsem.h. Exercised by the locks suite.
 */
#pragma once

#include "kernel/current.h"
#include "kernel/lockdep.h"
#include "kernel/spinlock.h"
#include "lib/list.h"
#include "lib/types.h"

struct rw_semaphore {
	long count;
	spinlock_t wait_lock; /* protects wait_list and the hand-over */
	u8 class;
	struct list_head wait_list;
	struct task_struct *owner; /* the writer, for reports; NULL otherwise */
};

#define RWSEM_WRITER	  1L
#define RWSEM_WAITERS	  2L
#define RWSEM_READER	  256L
#define RWSEM_READ_FAILED (RWSEM_WRITER | RWSEM_WAITERS)

#define __RWSEM_INITIALIZER(name)                                         \
	{                                                                 \
		.count = 0, .wait_list = LIST_HEAD_INIT((name).wait_list) \
	}
#define DECLARE_RWSEM(name) struct rw_semaphore name = __RWSEM_INITIALIZER(name)
#ifdef CONFIG_DEBUG_LOCKS
#define init_rwsem(s)                                                  \
	do {                                                           \
		static struct lock_class_key __key;                    \
		*(s) = (struct rw_semaphore)__RWSEM_INITIALIZER(*(s)); \
		(s)->class = lockdep_class(&__key, #s);                \
	} while (0)
#else
#define init_rwsem(s) (*(s) = (struct rw_semaphore)__RWSEM_INITIALIZER(*(s)))
#endif

int rwsem_down_read_slowpath(struct rw_semaphore *sem, unsigned int state);
int rwsem_down_write_slowpath(struct rw_semaphore *sem, unsigned int state);
void rwsem_wake(struct rw_semaphore *sem);

static __always_inline int __down_read_common(struct rw_semaphore *sem, unsigned int state)
{
	long count = __atomic_add_fetch(&sem->count, RWSEM_READER, __ATOMIC_ACQUIRE);

	return unlikely(count & RWSEM_READ_FAILED) ? rwsem_down_read_slowpath(sem, state) : 0;
}

static __always_inline int __down_write_common(struct rw_semaphore *sem, unsigned int state)
{
	long zero = 0;

	if (unlikely(!__atomic_compare_exchange_n(&sem->count, &zero, RWSEM_WRITER, false,
						  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
		int ret = rwsem_down_write_slowpath(sem, state);

		if (ret)
			return ret;
	}
	sem->owner = current;
	return 0;
}

/* => may sleep */
static __always_inline void down_read(struct rw_semaphore *sem)
{
	might_sleep();
	lock_acquire(&sem->class, sem, NULL, 0, true, false);
	__down_read_common(sem, 2);
}

static __always_inline void down_read_nested(struct rw_semaphore *sem, int subclass)
{
	might_sleep();
	lock_acquire(&sem->class, sem, NULL, subclass, true, false);
	__down_read_common(sem, 2);
}

/* 0, or -EINTR when a signal (killable: a fatal one) came first. */
static __always_inline int __must_check down_read_killable(struct rw_semaphore *sem)
{
	int ret = __down_read_common(sem, 0x102);

	if (!ret)
		lock_acquire(&sem->class, sem, NULL, 0, true, true);
	return ret;
}

static __always_inline int __must_check down_read_interruptible(struct rw_semaphore *sem)
{
	int ret = __down_read_common(sem, 1);

	if (!ret)
		lock_acquire(&sem->class, sem, NULL, 0, true, true);
	return ret;
}

/*
 * True if taken; never waits. => any context that may not be inside a down_write() of the same lock
 */
static __always_inline bool down_read_trylock(struct rw_semaphore *sem)
{
	long c = READ_ONCE(sem->count);

	do {
		if (c & RWSEM_READ_FAILED)
			return false;
	} while (!__atomic_compare_exchange_n(&sem->count, &c, c + RWSEM_READER, false,
					      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	lock_acquire(&sem->class, sem, NULL, 0, true, true);
	return true;
}

static __always_inline void up_read(struct rw_semaphore *sem)
{
	long c;

	lock_release(&sem->class, sem, true);
	c = __atomic_sub_fetch(&sem->count, RWSEM_READER, __ATOMIC_RELEASE);
	if (unlikely((c & (RWSEM_WAITERS | ~(RWSEM_READER - 1))) == RWSEM_WAITERS))
		rwsem_wake(sem);
}

static __always_inline void down_write(struct rw_semaphore *sem)
{
	might_sleep();
	lock_acquire(&sem->class, sem, NULL, 0, true, false);
	__down_write_common(sem, 2);
}

static __always_inline void down_write_nested(struct rw_semaphore *sem, int subclass)
{
	might_sleep();
	lock_acquire(&sem->class, sem, NULL, subclass, true, false);
	__down_write_common(sem, 2);
}

static __always_inline int __must_check down_write_killable(struct rw_semaphore *sem)
{
	int ret = __down_write_common(sem, 0x102);

	if (!ret)
		lock_acquire(&sem->class, sem, NULL, 0, true, true);
	return ret;
}

static __always_inline bool down_write_trylock(struct rw_semaphore *sem)
{
	long zero = 0;

	if (!__atomic_compare_exchange_n(&sem->count, &zero, RWSEM_WRITER, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	sem->owner = current;
	lock_acquire(&sem->class, sem, NULL, 0, true, true);
	return true;
}

static __always_inline void up_write(struct rw_semaphore *sem)
{
	long c;

	lock_release(&sem->class, sem, true);
	sem->owner = NULL;
	c = __atomic_sub_fetch(&sem->count, RWSEM_WRITER, __ATOMIC_RELEASE);
	if (unlikely(c & RWSEM_WAITERS))
		rwsem_wake(sem);
}

/* The writer becomes a reader without letting another writer in. */
static __always_inline void downgrade_write(struct rw_semaphore *sem)
{
	long c;

	sem->owner = NULL;
	c = __atomic_add_fetch(&sem->count, RWSEM_READER - RWSEM_WRITER, __ATOMIC_RELEASE);
	if (unlikely(c & RWSEM_WAITERS))
		rwsem_wake(sem);
}

static inline bool rwsem_is_locked(const struct rw_semaphore *sem)
{
	return READ_ONCE(sem->count) & ~RWSEM_WAITERS;
}

static inline bool rwsem_is_write_locked(const struct rw_semaphore *sem)
{
	return READ_ONCE(sem->count) & RWSEM_WRITER;
}

static inline bool rwsem_is_contended(const struct rw_semaphore *sem)
{
	return READ_ONCE(sem->count) & RWSEM_WAITERS;
}

#define rwsem_assert_held(s)	   lockdep_assert(rwsem_is_locked(s))
#define rwsem_assert_held_write(s) lockdep_assert(rwsem_is_write_locked(s))

DEFINE_GUARD(rwsem_read, struct rw_semaphore *, down_read(_T), up_read(_T))
DEFINE_GUARD(rwsem_write, struct rw_semaphore *, down_write(_T), up_write(_T))
