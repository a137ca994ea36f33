/*
 * Lock-order checker: finds a possible deadlock the first time two locks are taken in both orders,
 * deadlock or not.
 *
 * 1. Locks fall into classes: all locks that one spin_lock_init() (or mutex_init...) line made, or
 *    one statically defined lock. A class is a small number kept in the lock; 0 means not
 *    classified yet, LOCKDEP_NONE not checked.
 * 2. Each CPU (spinlocks) and each task (sleeping locks) has a stack of the classes it holds.
 *    Taking B while holding A records the edge A -> B. If B -> ... -> A is known already, the
 *    checker reports both and switches itself off.
 * 3. Taking a sleeping lock under a spinlock or with interrupts off is reported too.
 *
 * Only in debug kernels (CONFIG_DEBUG_VM); otherwise everything here is empty.
 * Mirrors Linux include/linux/lockdep.h. Exercised by the locks suite.
 */
#pragma once

#include "lib/types.h"

#if defined(CONFIG_DEBUG_VM) && !defined(CONFIG_DEBUG_LOCKS)
#define CONFIG_DEBUG_LOCKS 1
#endif

#define LOCKDEP_NONE 255

#ifdef CONFIG_DEBUG_LOCKS
/* One for each line that initialises locks. */
struct lock_class_key {
	u8 id;
};
u8 lockdep_class(struct lock_class_key *key, const char *name);
/*
 * @class: where the lock keeps its class. sleeping: mutex, rwsem. subclass: 0, or nesting level for
 * locks of the same class.
 */
void lock_acquire(u8 *class, const void *lock, const char *name, int subclass, bool sleeping,
		  bool trylock);
void lock_release(u8 *class, const void *lock, bool sleeping);
bool lock_is_held(const void *lock);
/* Reports if this context may not sleep. */
void __might_sleep(const char *file, int line);
void lockdep_report(const char *what, const char *file, int line);
extern bool lockdep_off;
/* For the checker's own test: what it finds is counted and not printed, and it goes on. */
extern bool lockdep_testing;
extern unsigned int lockdep_caught;
#define might_sleep() __might_sleep(__FILE__, __LINE__)
#define lockdep_assert(cond)                                       \
	do {                                                       \
		if (unlikely(!lockdep_off && !(cond)))             \
			lockdep_report(#cond, __FILE__, __LINE__); \
	} while (0)
#define lockdep_assert_held(l)	       lockdep_assert(lock_is_held(l))
#define lockdep_assert_held_write(l)   lockdep_assert_held(l)
#define lockdep_assert_held_read(l)    lockdep_assert_held(l)
#define lockdep_assert_irqs_disabled() lockdep_assert(irqs_disabled())
#else
struct lock_class_key {
};
#define lockdep_class(key, name)	0
#define lock_acquire(c, l, n, s, sl, t) ((void)0)
#define lock_release(c, l, sl)		((void)0)
#define might_sleep()			((void)0)
#define lockdep_assert(cond)		((void)0)
#define lockdep_assert_held(l)		((void)0)
#define lockdep_assert_held_write(l)	((void)0)
#define lockdep_assert_held_read(l)	((void)0)
#define lockdep_assert_irqs_disabled()	((void)0)
#endif
#define might_sleep_if(cond)           \
	do {                           \
		if (cond)              \
			might_sleep(); \
	} while (0)
