/*
 * Read-copy-update: readers without locks; what they may still look at is freed only after a grace
 * period.
 *
 * 1. Kernel code is not preempted, so a reader is any stretch of code between two context switches.
 *    rcu_read_lock() costs nothing; it is there for the reader of the code (and is checked in debug
 *    kernels). A reader must not sleep.
 * 2. A CPU is quiescent when it switches context, runs user code at a tick, or idles. A grace
 *    period is over when each online CPU was quiescent once since it began.
 * 3. call_rcu() pushes a callback on this CPU's list: one locked exchange. The thread rcu_sched
 *    takes all lists, waits for one grace period and runs the callbacks, in process context,
 *    interrupts on. It is woken by ticks and by CPUs that are about to idle, so call_rcu() itself
 *    never wakes anything. A CPU that does not come by on its own is asked to reschedule.
 * 4. With one CPU online a grace period is one context switch, and synchronize_rcu() returns at
 *    once.
 *
 * Mirrors Linux include/linux/rcupdate.h, kernel/rcu/. Exercised by the rcu suite.
 */
#pragma once

#include "kernel/cleanup.h"
#include "kernel/lockdep.h"
#include "kernel/percpu.h"
#include "lib/types.h"

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};
#define callback_head rcu_head
typedef void (*rcu_callback_t)(struct rcu_head *head);

#ifdef CONFIG_DEBUG_LOCKS
void __rcu_read_lock(void);
void __rcu_read_unlock(void);
bool rcu_read_lock_held(void);
#define rcu_read_lock()	  __rcu_read_lock()
#define rcu_read_unlock() __rcu_read_unlock()
#else
#define rcu_read_lock()	     barrier()
#define rcu_read_unlock()    barrier()
#define rcu_read_lock_held() true
#endif

#define rcu_dereference(p)                         \
	({                                         \
		__typeof__(p) __rd = READ_ONCE(p); \
		__rd;                              \
	})
#define rcu_dereference_raw(p)		   rcu_dereference(p)
#define rcu_dereference_check(p, cond)	   rcu_dereference(p)
#define rcu_dereference_protected(p, cond) (p)
#define rcu_access_pointer(p)		   READ_ONCE(p)
/* Everything written to *v before is seen by whoever dereferences p. */
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
#define RCU_INIT_POINTER(p, v)	 WRITE_ONCE(p, v)
#define rcu_replace_pointer(p, v, cond)   \
	({                                \
		__typeof__(p) __rp = (p); \
		rcu_assign_pointer(p, v); \
		__rp;                     \
	})

/*
 * func(head) after a grace period, in process context: it may take any lock but should not sleep
 * long. => any context
 */
void call_rcu(struct rcu_head *head, rcu_callback_t func);
/* Returns after a grace period. => may sleep */
void synchronize_rcu(void);
#define synchronize_rcu_expedited() synchronize_rcu()
/* Returns when every callback queued before has run. => may sleep */
void rcu_barrier(void);

/* ---- for the scheduler, the tick and the idle loop ---- */

DECLARE_PER_CPU(unsigned long, rcu_qs_count); /* quiescent states this CPU passed; only it writes */
#define rcu_note_context_switch() this_cpu_inc(rcu_qs_count)
/* Tick: @quiescent: it interrupted user mode or idle. */
void rcu_sched_clock_irq(bool quiescent);
/*
 * This CPU is about to halt: passes on callbacks that wait. True if that made a task runnable here.
 * => interrupts off
 */
bool rcu_idle_check(void);
void rcu_init(void); /* early; call_rcu() works before it */
unsigned long rcu_pending_callbacks(void);

DEFINE_LOCK_GUARD_0(rcu, rcu_read_lock(), rcu_read_unlock())
