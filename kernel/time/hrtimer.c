/*
 * High-resolution timers: a red-black tree for each CPU, ordered by expiry.
 *
 * 1. A timer is queued in the tree of one CPU's base. hrtimer_start() queues it on the CPU that calls, except while its
 *    function runs on another one: then there, so that the function never runs on two CPUs at once.
 * 2. base->next_event is what the clock event is programmed for. It may be earlier than the first timer (that was
 *    cancelled), which costs one interrupt for nothing; it is never later.
 * 3. hrtimer_interrupt() takes due timers out one by one and runs their functions without the lock. base->running names
 *    the one that runs, for hrtimer_cancel() to wait on.
 *
 * Locks: base->lock with interrupts off protects the tree and the fields of the timers in it. No two bases are locked
 * at once: a timer moves by being taken out of one before it is put into the other.
 * Mirrors Linux kernel/time/hrtimer.c. Exercised by the time suite and tests/user/times.c.
 */
#include "arch/x86/apic.h"
#include "arch/x86/barrier.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/percpu.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "lib/errno.h"

struct hrtimer_cpu_base {
	spinlock_t lock;
	struct rb_root_cached timers;
	struct hrtimer *running; /* its function is being called now */
	ktime_t next_event;	 /* programmed; KTIME_MAX: nothing */
	bool in_interrupt;	 /* the interrupt programs the next event when it is through */
};

static DEFINE_PER_CPU_SHARED_ALIGNED(struct hrtimer_cpu_base, hrtimer_bases);

void hrtimers_init_cpu(void)
{
	struct hrtimer_cpu_base *base = this_cpu_ptr(&hrtimer_bases);

	spin_lock_init(&base->lock);
	base->timers = RB_ROOT_CACHED;
	base->next_event = KTIME_MAX;
}

void hrtimer_init(struct hrtimer *timer, clockid_t clock, enum hrtimer_mode mode)
{
	*timer = (struct hrtimer){ .base = this_cpu_ptr(&hrtimer_bases) };
	RB_CLEAR_NODE(&timer->node);
}

/* ---- the tree; => base->lock held ---- */

static struct hrtimer *first_timer(const struct hrtimer_cpu_base *base)
{
	struct rb_node *node = rb_first_cached(&base->timers);

	return node ? container_of(node, struct hrtimer, node) : NULL;
}

/* True if the timer is now the earliest. Equal expiries keep the order of starting. */
static bool enqueue(struct hrtimer_cpu_base *base, struct hrtimer *timer)
{
	struct rb_node **link = &base->timers.rb_root.rb_node, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (timer->expires < container_of(parent, struct hrtimer, node)->expires) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			leftmost = false;
		}
	}
	rb_link_node(&timer->node, parent, link);
	rb_insert_color_cached(&timer->node, &base->timers, leftmost);
	timer->base = base;
	WRITE_ONCE(timer->queued, true);
	return leftmost;
}

static void dequeue(struct hrtimer_cpu_base *base, struct hrtimer *timer)
{
	rb_erase_cached(&timer->node, &base->timers);
	WRITE_ONCE(timer->queued, false);
}

/* This CPU's clock event at @when, if it is not set for earlier anyway. */
static void program_event(struct hrtimer_cpu_base *base, ktime_t when)
{
	if (base->in_interrupt || when >= base->next_event)
		return;
	base->next_event = when;
	if (apic_present)
		apic_timer_next_event(when);
}

/* Locks the base that the timer belongs to, which may change until the lock is held. => interrupts off */
static struct hrtimer_cpu_base *lock_base(const struct hrtimer *timer)
{
	for (;;) {
		struct hrtimer_cpu_base *base = READ_ONCE(timer->base);

		spin_lock(&base->lock);
		if (likely(base == timer->base))
			return base;
		spin_unlock(&base->lock);
	}
}

/* ---- starting and stopping ---- */

void hrtimer_start(struct hrtimer *timer, ktime_t time, enum hrtimer_mode mode)
{
	struct hrtimer_cpu_base *base, *here;
	unsigned long flags;

	if (mode & HRTIMER_MODE_REL)
		time = ktime_add_safe(ktime_get(), max(time, (ktime_t)0));
	local_irq_save(flags);
	here = this_cpu_ptr(&hrtimer_bases);
	for (;;) {
		base = lock_base(timer);
		if (timer->queued)
			dequeue(base, timer);
		if (likely(base == here) || base->running == timer)
			break;
		/* It moves here; should somebody else start it before we have our lock, it moves again. */
		WRITE_ONCE(timer->base, here);
		spin_unlock(&base->lock);
	}
	timer->expires = time;
	if (enqueue(base, timer) && base == here)
		program_event(base, time);
	spin_unlock(&base->lock);
	local_irq_restore(flags);
}

int hrtimer_try_to_cancel(struct hrtimer *timer)
{
	struct hrtimer_cpu_base *base;
	unsigned long flags;
	int ret = 0;

	if (!hrtimer_active(timer))
		return 0;
	local_irq_save(flags);
	base = lock_base(timer);
	if (base->running == timer) {
		ret = -1;
	} else if (timer->queued) {
		dequeue(base, timer);
		ret = 1;
	}
	spin_unlock(&base->lock);
	local_irq_restore(flags);
	return ret;
}

int hrtimer_cancel(struct hrtimer *timer)
{
	int ret;

	while ((ret = hrtimer_try_to_cancel(timer)) < 0)
		cpu_relax();
	return ret;
}

bool hrtimer_active(const struct hrtimer *timer)
{
	const struct hrtimer_cpu_base *base;
	bool active;

	/* Between being taken out and being marked as running, the base lock is held: looking twice at base is enough. */
	do {
		base = READ_ONCE(timer->base);
		active = READ_ONCE(timer->queued) || READ_ONCE(base->running) == timer;
		if (active)
			return true;
		smp_rmb();
	} while (base != READ_ONCE(timer->base));
	return READ_ONCE(timer->queued);
}

u64 hrtimer_forward(struct hrtimer *timer, ktime_t now, ktime_t interval)
{
	ktime_t late = now - timer->expires;
	u64 periods;

	if (late < 0 || interval <= 0)
		return 0;
	periods = (u64)late / (u64)interval + 1;
	timer->expires = ktime_add_safe(timer->expires, (ktime_t)(periods * (u64)interval));
	return periods;
}

ktime_t hrtimer_get_remaining(const struct hrtimer *timer)
{
	return READ_ONCE(timer->expires) - ktime_get();
}

ktime_t hrtimer_next_event(void)
{
	struct hrtimer_cpu_base *base = this_cpu_ptr(&hrtimer_bases);
	struct hrtimer *first;

	guard(spinlock_irqsave)(&base->lock);
	first = first_timer(base);
	return first ? first->expires : KTIME_MAX;
}

/* ---- expiry ---- */

static void run_timer(struct hrtimer_cpu_base *base, struct hrtimer *timer)
{
	enum hrtimer_restart restart;

	WRITE_ONCE(base->running, timer);
	dequeue(base, timer);
	spin_unlock(&base->lock);
	restart = timer->function(timer);
	spin_lock(&base->lock);
	/* Whoever started it again meanwhile has set a new expiry: that one counts. */
	if (restart == HRTIMER_RESTART && !timer->queued)
		enqueue(base, timer);
	WRITE_ONCE(base->running, NULL);
}

void hrtimer_interrupt(void)
{
	struct hrtimer_cpu_base *base = this_cpu_ptr(&hrtimer_bases);
	struct hrtimer *first;
	ktime_t now;

	spin_lock(&base->lock);
	base->in_interrupt = true;
	base->next_event = KTIME_MAX;
	now = ktime_get();
	while ((first = first_timer(base))) {
		if (first->expires > now) {
			now = ktime_get();
			if (first->expires > now)
				break;
		}
		run_timer(base, first);
	}
	base->in_interrupt = false;
	if (first)
		program_event(base, first->expires);
	spin_unlock(&base->lock);
}

/* ---- sleeping ---- */

static enum hrtimer_restart hrtimer_wakeup(struct hrtimer *timer)
{
	struct hrtimer_sleeper *sl = container_of(timer, struct hrtimer_sleeper, timer);
	struct task_struct *task = sl->task;

	WRITE_ONCE(sl->task, NULL);
	if (task)
		wake_up_process(task);
	return HRTIMER_NORESTART;
}

void hrtimer_init_sleeper(struct hrtimer_sleeper *sl, clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(&sl->timer, clock, mode);
	sl->timer.function = hrtimer_wakeup;
	sl->task = current;
}

void hrtimer_sleeper_start_expires(struct hrtimer_sleeper *sl, enum hrtimer_mode mode)
{
	hrtimer_start(&sl->timer, sl->timer.expires, mode);
}

int schedule_hrtimeout_range(ktime_t *expires, u64 delta, enum hrtimer_mode mode)
{
	struct hrtimer_sleeper sl;

	if (expires && *expires <= 0 && (mode & HRTIMER_MODE_REL)) {
		__set_current_state(TASK_RUNNING);
		return 0;
	}
	if (!expires || *expires == KTIME_MAX) {
		schedule();
		return -EINTR;
	}
	if (!(mode & HRTIMER_MODE_REL) && *expires <= ktime_get()) {
		__set_current_state(TASK_RUNNING);
		return 0;
	}
	hrtimer_init_sleeper(&sl, CLOCK_MONOTONIC, mode);
	hrtimer_start(&sl.timer, *expires, mode);
	if (likely(sl.task))
		schedule();
	hrtimer_cancel(&sl.timer);
	__set_current_state(TASK_RUNNING);
	return READ_ONCE(sl.task) ? -EINTR : 0;
}

int schedule_hrtimeout(ktime_t *expires, enum hrtimer_mode mode)
{
	return schedule_hrtimeout_range(expires, 0, mode);
}
