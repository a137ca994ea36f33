/*
 * The tick: HZ times a second on every CPU that has work, not at all on idle ones.
 *
 * 1. Each CPU's tick is an hrtimer of its own base, at multiples of TICK_NSEC. It counts jiffies, charges CPU time,
 *    and lets the scheduler end a time slice.
 * 2. Idle: the tick that finds its CPU idle does not start again. So going idle and coming back at once costs two flags; a
 *    long sleep costs one last tick, and afterwards only real timers wake the CPU. If pages moved through the CPU's page
 *    lists shortly before there is one tick more, which gives them back (pcp_idle_tick).
 * 3. jiffies is time divided by TICK_NSEC. Any CPU may bring it up to date with compare-and-swap; it never goes back.
 *
 * struct tick_sched is only touched by its own CPU with interrupts off.
 * Mirrors Linux kernel/time/tick-sched.c. Exercised by the time suite.
 */
#include "arch/x86/apic.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/traps.h"
#include "arch/x86/tsc.h"
#include "boot/bootinfo.h"
#include "kernel/init.h"
#include "kernel/percpu.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time/internal.h"
#include "kernel/timer.h"
#include "mm/phys/buddy.h"

struct tick_sched {
	struct hrtimer timer;
	ktime_t last; /* time is charged until here */
	bool in_idle;
	bool stopped; /* timer not queued, since `last` */
};

static DEFINE_PER_CPU(struct tick_sched, tick_scheds);

volatile unsigned long jiffies_64;

void tick_do_update_jiffies64(ktime_t now)
{
	unsigned long due = (u64)now / TICK_NSEC, seen = jiffies_64;

	if (due <= seen)
		return;
	while (!__atomic_compare_exchange_n(&jiffies_64, &seen, due, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		if (due <= seen)
			return;
	calc_global_load(due);
}

static enum hrtimer_restart tick_fn(struct hrtimer *timer)
{
	struct tick_sched *ts = container_of(timer, struct tick_sched, timer);
	const struct pt_regs *regs = get_irq_regs();
	ktime_t now = ktime_get();
	u64 delta = now - ts->last;
	bool user = regs && user_mode(regs);

	tick_do_update_jiffies64(now);
	ts->last = now;
	if (ts->in_idle) {
		account_idle_ns(delta);
		if (pcp_idle_tick()) {
			hrtimer_forward(timer, now, TICK_NSEC);
			return HRTIMER_RESTART;
		}
		ts->stopped = true;
		return HRTIMER_NORESTART;
	}
	account_tick(user, delta);
	rcu_sched_clock_irq(user);
	scheduler_tick(user);
	hrtimer_forward(timer, now, TICK_NSEC);
	return HRTIMER_RESTART;
}

static void tick_start(struct tick_sched *ts, ktime_t now)
{
	ts->stopped = false;
	hrtimer_start(&ts->timer, ((u64)now / TICK_NSEC + 1) * TICK_NSEC, HRTIMER_MODE_ABS_PINNED);
}

void tick_nohz_idle_enter(void)
{
	this_cpu_write(tick_scheds.in_idle, true);
}

void tick_nohz_idle_exit(void)
{
	struct tick_sched *ts;
	ktime_t now;

	this_cpu_write(tick_scheds.in_idle, false);
	if (!this_cpu_read(tick_scheds.stopped))
		return;
	ts = this_cpu_ptr(&tick_scheds);
	now = ktime_get();
	tick_do_update_jiffies64(now);
	account_idle_ns(now - ts->last);
	ts->last = now;
	tick_start(ts, now);
}

void tick_irq_enter(void)
{
	if (this_cpu_read(tick_scheds.stopped))
		tick_do_update_jiffies64(ktime_get());
}

void setup_secondary_clock(void)
{
	struct tick_sched *ts = this_cpu_ptr(&tick_scheds);
	ktime_t now = ktime_get();

	hrtimers_init_cpu();
	if (!apic_present)
		return;
	apic_timer_setup();
	hrtimer_init(&ts->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED);
	ts->timer.function = tick_fn;
	ts->last = now;
	tick_start(ts, now);
}

static struct hrtimer refine_timer;

static enum hrtimer_restart refine_fn(struct hrtimer *timer)
{
	tsc_refine_calibration();
	return HRTIMER_NORESTART;
}

void __init time_init(void)
{
	read_persistent_clock();
	setup_secondary_clock();
	hrtimer_init(&refine_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	refine_timer.function = refine_fn;
	hrtimer_start(&refine_timer, NSEC_PER_SEC, HRTIMER_MODE_REL_PINNED);
	pr_info("clocksource: tsc: %u kHz; tick %d HZ%s\n", tsc_khz, HZ,
		apic_present ? "" : ", without interrupts");
	pr_info("tsc: the kernel was entered at cycle %llu\n", boot_entry_tsc);
}
