/*
 * Wait queues: tasks (or callbacks) that wait for something to happen.
 *
 * 1. A waiter puts an entry into the queue's list, sets its own state, looks at the condition once
 *    more, and only then calls schedule(). A waker makes the condition true and then wakes the
 *    queue: one of the two always sees the other.
 * 2. A wake-up calls entry->func for each entry in order; the default one wakes the task. Entries
 *    with WQ_FLAG_EXCLUSIVE stand at the tail, and a wake-up stops after the nr-th of them that it
 *    really woke.
 * 3. Own functions make poll: they are called with the queue's lock held and interrupts off, and
 *    must not sleep.
 * 4. wait_event*(wq, condition): the condition is evaluated without locks, in task state
 *    TASK_RUNNING or not, any number of times.
 * 5. Wait by address: a table of hashed queues for the millions of things that are seldom waited
 *    for (folio bits, inode states): wait_on_bit(), wake_up_bit(), wait_var_event(), wake_up_var().
 *
 * Lock: wait_queue_head.lock, taken with interrupts off; run-queue locks are taken under it.
 * Mirrors Linux include/linux/{wait,wait_bit}.h. Exercised by the locks suite.
 */
#pragma once

#include "kernel/current.h"
#include "kernel/spinlock.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/types.h"

struct task_struct;

typedef struct wait_queue_head {
	spinlock_t lock;
	struct list_head head;
} wait_queue_head_t;

typedef struct wait_queue_entry wait_queue_entry_t;
/* Nonzero: it woke something. A negative number ends the walk. */
typedef int (*wait_queue_func_t)(wait_queue_entry_t *wq_entry, unsigned int mode, int flags,
				 void *key);

struct wait_queue_entry {
	unsigned int flags;
	void *private; /* the task, for the functions below */
	wait_queue_func_t func;
	struct list_head entry;
};

#define WQ_FLAG_EXCLUSIVE 0x01
#define WQ_FLAG_WOKEN	  0x02
#define WQ_FLAG_PRIORITY  0x10

#define __WAIT_QUEUE_HEAD_INITIALIZER(name)                                                  \
	{                                                                                    \
		.lock = __SPIN_LOCK_UNLOCKED(name.lock), .head = LIST_HEAD_INIT((name).head) \
	}
#define DECLARE_WAIT_QUEUE_HEAD(name)	      wait_queue_head_t name = __WAIT_QUEUE_HEAD_INITIALIZER(name)
#define DECLARE_WAIT_QUEUE_HEAD_ONSTACK(name) DECLARE_WAIT_QUEUE_HEAD(name)
#define init_waitqueue_head(wq)              \
	do {                                 \
		spin_lock_init(&(wq)->lock); \
		INIT_LIST_HEAD(&(wq)->head); \
	} while (0)

/* Wakes entry->private if its state is in @mode. */
int default_wake_function(wait_queue_entry_t *wq_entry, unsigned int mode, int flags, void *key);
/* The same, and takes the entry out of the queue when it woke. */
int autoremove_wake_function(wait_queue_entry_t *wq_entry, unsigned int mode, int flags, void *key);

#define DECLARE_WAITQUEUE(name, task) \
	wait_queue_entry_t name = { .private = (task), .func = default_wake_function }
#define DEFINE_WAIT_FUNC(name, function)                \
	wait_queue_entry_t name = { .private = current, \
				    .func = (function), \
				    .entry = LIST_HEAD_INIT((name).entry) }
#define DEFINE_WAIT(name) DEFINE_WAIT_FUNC(name, autoremove_wake_function)

static inline void init_waitqueue_entry(wait_queue_entry_t *e, struct task_struct *p)
{
	e->flags = 0;
	e->private = p;
	e->func = default_wake_function;
}

static inline void init_waitqueue_func_entry(wait_queue_entry_t *e, wait_queue_func_t func)
{
	e->flags = 0;
	e->private = NULL;
	e->func = func;
}

static inline void init_wait_entry(wait_queue_entry_t *e, int flags)
{
	e->flags = flags;
	e->private = current;
	e->func = autoremove_wake_function;
	INIT_LIST_HEAD(&e->entry);
}

/*
 * A hint: someone waits. The waker must order it after its change of the condition:
 * wq_has_sleeper() does.
 */
static __always_inline int waitqueue_active(const wait_queue_head_t *wq)
{
	return !list_empty(&wq->head);
}

static __always_inline bool wq_has_sleeper(const wait_queue_head_t *wq)
{
	smp_mb();
	return waitqueue_active(wq);
}

/* With wq->lock held: for users that take it themselves. */
static inline void __add_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *e)
{
	list_add(&e->entry, &wq->head);
}

static inline void __add_wait_queue_entry_tail(wait_queue_head_t *wq, wait_queue_entry_t *e)
{
	list_add_tail(&e->entry, &wq->head);
}

static inline void __add_wait_queue_entry_tail_exclusive(wait_queue_head_t *wq,
							 wait_queue_entry_t *e)
{
	e->flags |= WQ_FLAG_EXCLUSIVE;
	list_add_tail(&e->entry, &wq->head);
}

static inline void __remove_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *e)
{
	list_del(&e->entry);
}

/* => any context */
void add_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *e);
void add_wait_queue_exclusive(wait_queue_head_t *wq, wait_queue_entry_t *e);
void remove_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *e);

/* Queue (if not queued) and set current's state; @state goes to schedule(). */
void prepare_to_wait(wait_queue_head_t *wq, wait_queue_entry_t *e, int state);
/* At the tail, exclusive; true if the queue was empty. */
bool prepare_to_wait_exclusive(wait_queue_head_t *wq, wait_queue_entry_t *e, int state);
/*
 * The same for wait_event: -ERESTARTSYS if a signal is pending that @state lets through; then @e is
 * not queued.
 */
long prepare_to_wait_event(wait_queue_head_t *wq, wait_queue_entry_t *e, int state);
/* State running again, entry out of the queue. */
void finish_wait(wait_queue_head_t *wq, wait_queue_entry_t *e);

/* ---- wake-ups. => any context; a full barrier before the first look at a task's state ---- */

/* nr: how many exclusive waiters, 0 for all. key goes to the functions. */
int __wake_up(wait_queue_head_t *wq, unsigned int mode, int nr, void *key);
/* The waker is about to sleep: the woken task may as well run on this CPU. */
int __wake_up_sync_key(wait_queue_head_t *wq, unsigned int mode, void *key);
void __wake_up_locked(wait_queue_head_t *wq, unsigned int mode, int nr);
void __wake_up_locked_key(wait_queue_head_t *wq, unsigned int mode, void *key);

#define __WAIT_INTERRUPTIBLE		 0x1
#define __WAIT_NORMAL			 0x3
#define wake_up(wq)			 __wake_up(wq, __WAIT_NORMAL, 1, NULL)
#define wake_up_nr(wq, nr)		 __wake_up(wq, __WAIT_NORMAL, nr, NULL)
#define wake_up_all(wq)			 __wake_up(wq, __WAIT_NORMAL, 0, NULL)
#define wake_up_sync(wq)		 __wake_up_sync_key(wq, __WAIT_NORMAL, NULL)
#define wake_up_interruptible(wq)	 __wake_up(wq, __WAIT_INTERRUPTIBLE, 1, NULL)
#define wake_up_interruptible_nr(wq, nr) __wake_up(wq, __WAIT_INTERRUPTIBLE, nr, NULL)
#define wake_up_interruptible_all(wq)	 __wake_up(wq, __WAIT_INTERRUPTIBLE, 0, NULL)
#define wake_up_interruptible_sync(wq)	 __wake_up_sync_key(wq, __WAIT_INTERRUPTIBLE, NULL)
#define wake_up_locked(wq)		 __wake_up_locked(wq, __WAIT_NORMAL, 1)
#define wake_up_all_locked(wq)		 __wake_up_locked(wq, __WAIT_NORMAL, 0)
/* For poll: key is the mask of EPOLL* events that happened. */
#define poll_to_key(m)			  ((void *)(unsigned long)(m))
#define key_to_poll(k)			  ((unsigned int)(unsigned long)(k))
#define wake_up_poll(wq, m)		  __wake_up(wq, __WAIT_NORMAL, 1, poll_to_key(m))
#define wake_up_interruptible_poll(wq, m) __wake_up(wq, __WAIT_INTERRUPTIBLE, 1, poll_to_key(m))
#define wake_up_interruptible_sync_poll(wq, m) \
	__wake_up_sync_key(wq, __WAIT_INTERRUPTIBLE, poll_to_key(m))

/* ---- waiting for a condition ---- */

void schedule(void);
void io_schedule(void);
long schedule_timeout(long timeout);

#define ___wait_event(wq, condition, state, exclusive, ret, cmd)                                \
	({                                                                                      \
		wait_queue_entry_t __we;                                                        \
		long __wr = (ret);                                                              \
		init_wait_entry(&__we, (exclusive) ? WQ_FLAG_EXCLUSIVE : 0);                    \
		for (;;) {                                                                      \
			long __wint = prepare_to_wait_event(&(wq), &__we, (state));             \
			if (condition)                                                          \
				break;                                                          \
			if (__wint) {                                                           \
				__wr = __wint;                                                  \
				break;                                                          \
			}                                                                       \
			cmd;                                                                    \
			/* Mostly it was woken for good: no need to queue again to find out. */ \
			if (condition)                                                          \
				break;                                                          \
		}                                                                               \
		finish_wait(&(wq), &__we);                                                      \
		__wr;                                                                           \
	})

#define wait_event(wq, condition)                                                \
	do {                                                                     \
		if (!(condition))                                                \
			(void)___wait_event(wq, condition, 2, 0, 0, schedule()); \
	} while (0)
#define io_wait_event(wq, condition)                                                \
	do {                                                                        \
		if (!(condition))                                                   \
			(void)___wait_event(wq, condition, 2, 0, 0, io_schedule()); \
	} while (0)
#define wait_event_exclusive_cmd_state(wq, condition, state, excl) \
	((condition) ? 0 : ___wait_event(wq, condition, state, excl, 0, schedule()))
/* 0, or -ERESTARTSYS on a signal (for killable: a fatal one). */
#define wait_event_interruptible(wq, condition) wait_event_exclusive_cmd_state(wq, condition, 1, 0)
#define wait_event_interruptible_exclusive(wq, condition) \
	wait_event_exclusive_cmd_state(wq, condition, 1, 1)
#define wait_event_killable(wq, condition) wait_event_exclusive_cmd_state(wq, condition, 0x102, 0)
#define wait_event_killable_exclusive(wq, condition) \
	wait_event_exclusive_cmd_state(wq, condition, 0x102, 1)
/* Not counted in the load average. */
#define wait_event_idle(wq, condition) \
	((void)wait_event_exclusive_cmd_state(wq, condition, 0x402, 0))
#define wait_event_idle_exclusive(wq, condition) \
	((void)wait_event_exclusive_cmd_state(wq, condition, 0x402, 1))
#define wait_event_freezable(wq, condition) wait_event_interruptible(wq, condition)

/* True with at least one jiffy left if the condition came true just as the time ran out. */
#define ___wait_cond_timeout(condition, left) \
	({                                    \
		bool __wc = (condition);      \
		if (__wc && !(left))          \
			(left) = 1;           \
		__wc || !(left);              \
	})
#define ___wait_event_timeout(wq, condition, timeout, state)                                   \
	({                                                                                     \
		long __wl = (timeout);                                                         \
		if (!___wait_cond_timeout(condition, __wl)) {                                  \
			long __ws = ___wait_event(wq, ___wait_cond_timeout(condition, __wl),   \
						  state, 0, 0, __wl = schedule_timeout(__wl)); \
			if (__ws < 0)                                                          \
				__wl = __ws;                                                   \
		}                                                                              \
		__wl;                                                                          \
	})
/*
 * Timeouts in jiffies. Result: 0 the time ran out; otherwise what is left, at least 1;
 * interruptible: or -ERESTARTSYS.
 */
#define wait_event_timeout(wq, condition, timeout) ___wait_event_timeout(wq, condition, timeout, 2)
#define wait_event_interruptible_timeout(wq, condition, timeout) \
	___wait_event_timeout(wq, condition, timeout, 1)
#define wait_event_killable_timeout(wq, condition, timeout) \
	___wait_event_timeout(wq, condition, timeout, 0x102)
#define wait_event_idle_timeout(wq, condition, timeout) \
	___wait_event_timeout(wq, condition, timeout, 0x402)

/* The condition is looked at under @lock, which is dropped while sleeping. */
#define wait_event_lock_irq(wq, condition, lock)                                              \
	do {                                                                                  \
		if (!(condition))                                                             \
			(void)___wait_event(wq, condition, 2, 0, 0, spin_unlock_irq(&(lock)); \
					    schedule(); spin_lock_irq(&(lock)));              \
	} while (0)
#define wait_event_interruptible_lock_irq(wq, condition, lock)                                     \
	((condition) ? 0                                                                           \
		     : ___wait_event(wq, condition, 1, 0, 0, spin_unlock_irq(&(lock)); schedule(); \
				     spin_lock_irq(&(lock))))

/*
 * The same where the lock is the queue's own, which wakers hold too. => wq.lock held, interrupts off; dropped while it sleeps, held
 * again on return. 0, or -ERESTARTSYS on a signal. wait_locked_irq() is one sleep of it.
 */
int wait_locked_irq(wait_queue_head_t *wq);
#define wait_event_interruptible_locked_irq(wq, condition) \
	({                                                 \
		int __wr = 0;                              \
		while (!(condition) && !__wr)              \
			__wr = wait_locked_irq(&(wq));     \
		__wr;                                      \
	})

/*
 * For conditions that may themselves sleep: add_wait_queue() with woken_wake_function, then loop
 * over the condition and wait_woken(). wait_woken: jiffies left.
 */
int woken_wake_function(wait_queue_entry_t *wq_entry, unsigned int mode, int flags, void *key);
long wait_woken(wait_queue_entry_t *wq_entry, unsigned int mode, long timeout);

/* ---- waiting by address ---- */

struct wait_bit_key {
	void *flags;
	int bit_nr; /* -1: a variable, not a bit */
};
struct wait_bit_queue_entry {
	struct wait_bit_key key;
	wait_queue_entry_t wq_entry;
};

wait_queue_head_t *bit_waitqueue(void *word, int bit);
void wait_bit_init(void);
/* Out of line parts; 0 or what action gave (-EINTR on a signal in mode). */
int out_of_line_wait_on_bit(void *word, int bit, unsigned int mode, bool io, long timeout);
int out_of_line_wait_on_bit_lock(void *word, int bit, unsigned int mode, bool io);
/* => after the bit was cleared with release order */
void wake_up_bit(void *word, int bit);
void wake_up_var(void *var);

#define __test_bit_acquire(word, bit) \
	(smp_load_acquire((unsigned long *)(word) + (bit) / 64) >> ((bit)&63) & 1)
/* Waits until @bit of *@word is clear. => may sleep */
static __always_inline int wait_on_bit(unsigned long *word, int bit, unsigned int mode)
{
	return __test_bit_acquire(word, bit)
		       ? out_of_line_wait_on_bit(word, bit, mode, false, LONG_MAX)
		       : 0;
}
static __always_inline int wait_on_bit_io(unsigned long *word, int bit, unsigned int mode)
{
	return __test_bit_acquire(word, bit)
		       ? out_of_line_wait_on_bit(word, bit, mode, true, LONG_MAX)
		       : 0;
}
/* -EAGAIN when the jiffies ran out. */
static __always_inline int wait_on_bit_timeout(unsigned long *word, int bit, unsigned int mode,
					       long timeout)
{
	return __test_bit_acquire(word, bit)
		       ? out_of_line_wait_on_bit(word, bit, mode, false, timeout)
		       : 0;
}
/* Waits until it could set the bit itself. */
static __always_inline int wait_on_bit_lock(unsigned long *word, int bit, unsigned int mode)
{
	if (!(__atomic_fetch_or(word + bit / 64, BIT(bit & 63), __ATOMIC_ACQUIRE) >> (bit & 63) &
	      1))
		return 0;
	return out_of_line_wait_on_bit_lock(word, bit, mode, false);
}
static __always_inline void clear_and_wake_up_bit(int bit, unsigned long *word)
{
	__atomic_fetch_and(word + bit / 64, ~BIT(bit & 63), __ATOMIC_SEQ_CST);
	wake_up_bit(word, bit);
}

/* The queue that wait_var_event() uses for @var; other addresses share it. */
#define __var_waitqueue(var)	       bit_waitqueue(var, -1)
#define wait_var_event(var, condition) wait_event(*__var_waitqueue(var), condition)
#define wait_var_event_killable(var, condition) \
	wait_event_killable(*__var_waitqueue(var), condition)
