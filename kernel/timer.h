/*
 * Timers: something to run at a moment.
 *
 * 1. An hrtimer has an expiry in ns of CLOCK_MONOTONIC. It sits in the red-black tree of the CPU that started it, and that
 *    CPU's clock event is programmed for the earliest of its tree. Start, cancel and expiry cost O(log n).
 * 2. A timer_list is the coarse kind: its expiry is in jiffies. It is an hrtimer inside.
 * 3. Functions run in interrupt context, interrupts off, without the base lock: they may start any timer, their own too.
 * 4. Lock: the base's lock, per CPU; nothing else is taken under it.
 *
 * Mirrors Linux include/linux/{hrtimer,timer}.h. Exercised by the time suite and tests/user/times.c.
 */
#pragma once

#include "kernel/time.h"
#include "lib/rbtree.h"
#include "lib/types.h"

struct hrtimer_cpu_base;

enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode {
	HRTIMER_MODE_ABS = 0,
	HRTIMER_MODE_REL = 1,
	HRTIMER_MODE_PINNED = 2,
	HRTIMER_MODE_ABS_PINNED = 2,
	HRTIMER_MODE_REL_PINNED = 3
};

struct hrtimer {
	struct rb_node node; /* base lock */
	ktime_t expires;     /* base lock; CLOCK_MONOTONIC */
	enum hrtimer_restart (*function)(struct hrtimer *);
	struct hrtimer_cpu_base *base; /* base lock of the old one to change */
	bool queued;		       /* base lock; read without it as a hint */
};

/* @clock is CLOCK_MONOTONIC or CLOCK_BOOTTIME (the same here). function is set by the caller. */
void hrtimer_init(struct hrtimer *timer, clockid_t clock, enum hrtimer_mode mode);
/* (Re)starts: moves it if it was queued. => any context; function set */
void hrtimer_start(struct hrtimer *timer, ktime_t time, enum hrtimer_mode mode);
#define hrtimer_start_range_ns(t, time, slack, mode) hrtimer_start(t, time, mode)
/* 1 was queued and is removed; 0 was not; -1 its function runs now. => any context */
int hrtimer_try_to_cancel(struct hrtimer *timer);
/* Also waits for a running function. 1 if it was queued. => not from the function itself, nor under a lock that it takes */
int hrtimer_cancel(struct hrtimer *timer);
/* Queued or running. */
bool hrtimer_active(const struct hrtimer *timer);
/* Moves the expiry on by whole @interval's past @now; how many. => from the function, or not queued */
u64 hrtimer_forward(struct hrtimer *timer, ktime_t now, ktime_t interval);
#define hrtimer_forward_now(t, interval) hrtimer_forward(t, ktime_get(), interval)
ktime_t hrtimer_get_remaining(const struct hrtimer *timer); /* ns, may be negative */
#define hrtimer_get_expires(t)	     ((t)->expires)
#define hrtimer_set_expires(t, time) ((t)->expires = (time))
#define hrtimer_cb_get_time(t)	     ktime_get()

/* A timer that wakes one task; .task becomes NULL when it fires. */
struct hrtimer_sleeper {
	struct hrtimer timer;
	struct task_struct *task;
};
void hrtimer_init_sleeper(struct hrtimer_sleeper *sl, clockid_t clock, enum hrtimer_mode mode);
void hrtimer_sleeper_start_expires(struct hrtimer_sleeper *sl, enum hrtimer_mode mode);

/*
 * Sleeps until *expires, a wake-up, or for ever if expires is NULL. => current's state set by the caller, as for schedule()
 * 0 the time came; -EINTR woken before.
 */
int schedule_hrtimeout(ktime_t *expires, enum hrtimer_mode mode);
/* @delta: slack in ns that the caller allows (not used yet). */
int schedule_hrtimeout_range(ktime_t *expires, u64 delta, enum hrtimer_mode mode);

/* ---- coarse timers ---- */

struct timer_list {
	struct hrtimer hrtimer;
	unsigned long expires; /* jiffies */
	void (*function)(struct timer_list *);
	unsigned int flags;
};
#define TIMER_DEFERRABLE 0x1
#define TIMER_PINNED	 0x2
#define TIMER_IRQSAFE	 0x4

void timer_setup(struct timer_list *timer, void (*function)(struct timer_list *),
		 unsigned int flags);
#define timer_setup_on_stack(t, f, fl)	       timer_setup(t, f, fl)
#define destroy_timer_on_stack(t)	       ((void)(t))
#define from_timer(var, callback_timer, field) container_of(callback_timer, __typeof__(*var), field)
int mod_timer(struct timer_list *timer,
	      unsigned long expires);	      /* 1 if it was pending; any context */
void add_timer(struct timer_list *timer);     /* at timer->expires; not pending */
int del_timer(struct timer_list *timer);      /* 1 if it was pending; any context */
int del_timer_sync(struct timer_list *timer); /* waits for a running function; see hrtimer_cancel */
#define timer_delete(t)	       del_timer(t)
#define timer_delete_sync(t)   del_timer_sync(t)
#define timer_shutdown_sync(t) del_timer_sync(t)
static inline bool timer_pending(const struct timer_list *timer)
{
	return READ_ONCE(timer->hrtimer.queued);
}

/* Boot and secondary CPUs: an empty base. => before interrupts are on */
void hrtimers_init_cpu(void);
/* The clock event fired: runs everything that is due. => hard interrupt */
void hrtimer_interrupt(void);
/* Expiry of this CPU's earliest timer, KTIME_MAX if none. */
ktime_t hrtimer_next_event(void);
