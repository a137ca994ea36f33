/*
 * Coarse timers, in jiffies, on top of hrtimers; and waiting loops for devices.
 *
 * Mirrors Linux kernel/time/timer.c, which keeps them in a wheel for cheaper starting; here one tree serves both.
 * Exercised by the time suite.
 */
#include "arch/x86/barrier.h"
#include "arch/x86/tsc.h"
#include "kernel/time/internal.h"
#include "kernel/timer.h"

static enum hrtimer_restart call_timer_fn(struct hrtimer *hrtimer)
{
	struct timer_list *timer = container_of(hrtimer, struct timer_list, hrtimer);

	/* The function may ask jiffies, which the tick of this moment has perhaps not counted yet. */
	tick_do_update_jiffies64(ktime_get());
	timer->function(timer);
	return HRTIMER_NORESTART;
}

void timer_setup(struct timer_list *timer, void (*function)(struct timer_list *),
		 unsigned int flags)
{
	hrtimer_init(&timer->hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer->hrtimer.function = call_timer_fn;
	timer->function = function;
	timer->expires = 0;
	timer->flags = flags;
}

/* jiffies becomes @j at this time. */
static ktime_t jiffies_to_ktime(unsigned long j)
{
	return j >= KTIME_MAX / TICK_NSEC ? KTIME_MAX : (ktime_t)(j * TICK_NSEC);
}

int mod_timer(struct timer_list *timer, unsigned long expires)
{
	bool pending = timer_pending(timer);

	if (pending && timer->expires == expires)
		return 1;
	timer->expires = expires;
	hrtimer_start(&timer->hrtimer, jiffies_to_ktime(expires), HRTIMER_MODE_ABS);
	return pending;
}

void add_timer(struct timer_list *timer)
{
	hrtimer_start(&timer->hrtimer, jiffies_to_ktime(timer->expires), HRTIMER_MODE_ABS);
}

int del_timer(struct timer_list *timer)
{
	return hrtimer_try_to_cancel(&timer->hrtimer) == 1;
}

int del_timer_sync(struct timer_list *timer)
{
	return hrtimer_cancel(&timer->hrtimer);
}

/* ---- busy waits ---- */

void ndelay(unsigned long ns)
{
	u64 start = sched_clock();

	/* Before calibration the clock stands still: assume a fast TSC rather than not waiting. */
	if (!tsc_khz) {
		u64 tsc = rdtsc(), ticks = ns * 4;

		while (rdtsc() - tsc < ticks)
			cpu_relax();
		return;
	}
	while (sched_clock() - start < ns)
		cpu_relax();
}

void udelay(unsigned long us)
{
	ndelay(us * NSEC_PER_USEC);
}

void mdelay(unsigned long ms)
{
	ndelay(ms * NSEC_PER_MSEC);
}
