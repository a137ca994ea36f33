/*
 * Spinlocks: mutual exclusion between CPUs for short sections that do not sleep.
 *
 * 1. A byte that is 1 while somebody holds the lock. Taking it is one exchange, giving it back one
 *    plain store; all zero bytes are an unlocked lock. Waiters read until it is 0 and try again, and
 *    whoever comes first gets it. A queue (ticket lock) would be fair, but this kernel mostly runs
 *    on virtual CPUs: the next in line may not be running at all, and then everybody waits for the
 *    host. Sections are short; fairness over long times is the mutex's and the rw_semaphore's job.
 * 2. The kernel is not preempted, so a plain spin_lock() needs nothing else. A lock that an
 *    interrupt handler takes too must be taken with interrupts off everywhere: spin_lock_irq(), or
 *    _irqsave() where they may be off already.
 * 3. There are no soft interrupts, hence no _bh variants; rwlocks are not needed: RCU and
 *    rw_semaphore do their work.
 * 4. sizeof(spinlock_t) is 4 in every build.
 *
 * Mirrors Linux include/linux/spinlock.h. Exercised by the locks suite.
 */
#pragma once

#include "arch/x86/barrier.h"
#include "arch/x86/irqflags.h"
#include "kernel/cleanup.h"
#include "kernel/lockdep.h"
#include "lib/types.h"

typedef struct spinlock {
	u8 locked;
	u8 waiters; /* CPUs in the slow path */
	u8 class;   /* lock-order checker */
	u8 unused;
} spinlock_t;

#define __SPIN_LOCK_UNLOCKED(name) \
	{                          \
		.locked = 0        \
	}
#define DEFINE_SPINLOCK(x) spinlock_t x = __SPIN_LOCK_UNLOCKED(x)

#ifdef CONFIG_DEBUG_LOCKS
#define spin_lock_init(l)                                   \
	do {                                                \
		static struct lock_class_key __key;         \
		*(l) = (spinlock_t)__SPIN_LOCK_UNLOCKED(l); \
		(l)->class = lockdep_class(&__key, #l);     \
	} while (0)
#else
#define spin_lock_init(l) (*(l) = (spinlock_t)__SPIN_LOCK_UNLOCKED(l))
#endif

void spin_lock_slowpath(spinlock_t *lock) __cold;

static __always_inline void __raw_spin_lock(spinlock_t *lock)
{
	if (unlikely(__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE)))
		spin_lock_slowpath(lock);
}

static __always_inline bool __raw_spin_trylock(spinlock_t *lock)
{
	return !READ_ONCE(lock->locked) && !__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE);
}

static __always_inline void __raw_spin_unlock(spinlock_t *lock)
{
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

/* => never sleeps inside; not from an interrupt handler that may have interrupted a holder */
static __always_inline void spin_lock(spinlock_t *lock)
{
	lock_acquire(&lock->class, lock, NULL, 0, false, false);
	__raw_spin_lock(lock);
}

/*
 * For a second lock of the same kind, taken in an order that the caller knows to be fixed (by
 * address, parent first).
 */
static __always_inline void spin_lock_nested(spinlock_t *lock, int subclass)
{
	lock_acquire(&lock->class, lock, NULL, subclass, false, false);
	__raw_spin_lock(lock);
}

/* True if taken. */
static __always_inline bool spin_trylock(spinlock_t *lock)
{
	if (!__raw_spin_trylock(lock))
		return false;
	lock_acquire(&lock->class, lock, NULL, 0, false, true);
	return true;
}

static __always_inline void spin_unlock(spinlock_t *lock)
{
	lock_release(&lock->class, lock, false);
	__raw_spin_unlock(lock);
}

static __always_inline bool spin_is_locked(const spinlock_t *lock)
{
	return READ_ONCE(lock->locked);
}

/* Someone waits for it: a long section may want to let go. */
static __always_inline bool spin_is_contended(const spinlock_t *lock)
{
	return READ_ONCE(lock->waiters);
}

#define assert_spin_locked(l) lockdep_assert_held(l)

static __always_inline void spin_lock_irq(spinlock_t *lock)
{
	local_irq_disable();
	spin_lock(lock);
}

static __always_inline void spin_unlock_irq(spinlock_t *lock)
{
	spin_unlock(lock);
	local_irq_enable();
}

static __always_inline unsigned long __spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	local_irq_save(flags);
	spin_lock(lock);
	return flags;
}

#define spin_lock_irqsave(lock, flags) ((flags) = __spin_lock_irqsave(lock))

static __always_inline void spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock(lock);
	local_irq_restore(flags);
}

static __always_inline bool __spin_trylock_irqsave(spinlock_t *lock, unsigned long *flags)
{
	local_irq_save(*flags);
	if (spin_trylock(lock))
		return true;
	local_irq_restore(*flags);
	return false;
}

#define spin_trylock_irqsave(lock, flags) __spin_trylock_irqsave(lock, &(flags))

static __always_inline bool spin_trylock_irq(spinlock_t *lock)
{
	local_irq_disable();
	if (spin_trylock(lock))
		return true;
	local_irq_enable();
	return false;
}

/* Linux's raw spinlocks are the same here. */
typedef spinlock_t raw_spinlock_t;
#define DEFINE_RAW_SPINLOCK(x)		 DEFINE_SPINLOCK(x)
#define raw_spin_lock_init(l)		 spin_lock_init(l)
#define raw_spin_lock(l)		 spin_lock(l)
#define raw_spin_unlock(l)		 spin_unlock(l)
#define raw_spin_lock_irqsave(l, f)	 spin_lock_irqsave(l, f)
#define raw_spin_unlock_irqrestore(l, f) spin_unlock_irqrestore(l, f)

/* Drops a count; when it falls to 0 returns true with @lock held, and only then takes it. */
bool _atomic_dec_and_lock(int *counter, spinlock_t *lock);
#define atomic_dec_and_lock(atomic, lock) _atomic_dec_and_lock(&(atomic)->counter, lock)
#define refcount_dec_and_lock(r, lock)	  _atomic_dec_and_lock(&(r)->refs.counter, lock)

DEFINE_GUARD(spinlock, spinlock_t *, spin_lock(_T), spin_unlock(_T))
DEFINE_GUARD(spinlock_irq, spinlock_t *, spin_lock_irq(_T), spin_unlock_irq(_T))
DEFINE_LOCK_GUARD_1(spinlock_irqsave, spinlock_t, spin_lock_irqsave(_T->lock, _T->flags),
		    spin_unlock_irqrestore(_T->lock, _T->flags))
DEFINE_LOCK_GUARD_0(irq, local_irq_disable(), local_irq_enable())
DEFINE_LOCK_GUARD_0(irqsave, local_irq_save(_T->flags), local_irq_restore(_T->flags))
