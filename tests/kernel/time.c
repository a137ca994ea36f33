/*
 * Suite "time": clocks never go back, timers fire once, in order, not early, and not at all once cancelled.
 *
 * No case asks that something is fast: a loaded host may delay a timer by any amount. Late means five seconds here.
 */
#include "arch/x86/barrier.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/tsc.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/timer.h"
#include "lib/errno.h"

#define LATE (5 * NSEC_PER_SEC)

/* Waits until *flag is @want or it is late. */
static bool comes_true(const int *flag, int want)
{
	ktime_t end = ktime_get() + LATE;

	while (READ_ONCE(*flag) != want) {
		if (ktime_get() > end)
			return false;
		cpu_relax();
	}
	return true;
}

static void clock_never_goes_back(struct ktest *t)
{
	ktime_t last = ktime_get();

	for (int i = 0; i < 10000; i++) {
		ktime_t now = ktime_get();

		KTEST_ASSERT_GE(t, now, last);
		last = now;
	}
}

static void read_clock(void *arg)
{
	*(ktime_t *)arg = ktime_get();
}

/* A clock read on another CPU lies between two reads here, one before the call and one after it. */
static void clocks_of_all_cpus_agree(struct ktest *t)
{
	int cpu;

	for_each_online_cpu(cpu) {
		for (int i = 0; i < 100; i++) {
			ktime_t before = ktime_get(), there = 0, after;

			KTEST_ASSERT_EQ(t, smp_call_function_single(cpu, read_clock, &there, true),
					0);
			after = ktime_get();
			KTEST_ASSERT_LE(t, before, there);
			KTEST_ASSERT_LE(t, there, after);
		}
	}
}

/* This CPU is busy, so its tick runs; the last one may be a period ago, or more where the machine itself was kept waiting. */
static void jiffies_follow_the_clock(struct ktest *t)
{
	ktime_t begin = ktime_get(), end = begin + 10 * TICK_NSEC, before;
	unsigned long j;

	do {
		before = ktime_get();
		j = READ_ONCE(jiffies);
		KTEST_ASSERT_LE(t, j, (unsigned long)(ktime_get() / TICK_NSEC));
		if (before > begin + 20 * NSEC_PER_SEC)
			return KTEST_FAIL(t, "jiffies %lu at %llu ns", j, before);
	} while (before < end || j + 2 < before / TICK_NSEC);
}

static void wall_clock_can_be_set(struct ktest *t)
{
	ktime_t before = ktime_get_real(), mono = ktime_get();

	KTEST_ASSERT_EQ(t, do_settimeofday_ns(1000000000 * NSEC_PER_SEC), 0);
	KTEST_EXPECT_EQ(t, ktime_get_real_seconds() / 60, 1000000000 / 60);
	KTEST_EXPECT_EQ(t, do_settimeofday_ns(-1), -EINVAL);
	KTEST_EXPECT_EQ(t, do_settimeofday_ns(KTIME_MAX), -EINVAL);
	do_settimeofday_ns(before + (ktime_get() - mono));
	KTEST_EXPECT_GE(t, ktime_get_real(), before);
}

struct probe {
	struct hrtimer timer;
	int fired, rearm;
	ktime_t at;
	int order;
};
static int order_counter;

static enum hrtimer_restart probe_fn(struct hrtimer *timer)
{
	struct probe *p = container_of(timer, struct probe, timer);

	p->at = ktime_get();
	p->order = order_counter++;
	if (p->rearm-- > 0) {
		hrtimer_forward_now(timer, NSEC_PER_MSEC);
		WRITE_ONCE(p->fired, p->fired + 1);
		return HRTIMER_RESTART;
	}
	WRITE_ONCE(p->fired, p->fired + 1);
	return HRTIMER_NORESTART;
}

static void probe_init(struct probe *p)
{
	*p = (struct probe){ .fired = 0 };
	hrtimer_init(&p->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	p->timer.function = probe_fn;
}

static void hrtimer_fires_once_and_not_early(struct ktest *t)
{
	struct probe p;
	ktime_t due = ktime_get() + 2 * NSEC_PER_MSEC;

	probe_init(&p);
	hrtimer_start(&p.timer, due, HRTIMER_MODE_ABS);
	KTEST_EXPECT_TRUE(t, hrtimer_active(&p.timer));
	KTEST_EXPECT_TRUE(t, comes_true(&p.fired, 1));
	hrtimer_cancel(&p.timer);
	KTEST_EXPECT_GE(t, p.at, due);
	KTEST_EXPECT_FALSE(t, hrtimer_active(&p.timer));
	KTEST_EXPECT_EQ(t, p.fired, 1);
}

static void hrtimer_in_the_past_fires_at_once(struct ktest *t)
{
	struct probe p;

	probe_init(&p);
	hrtimer_start(&p.timer, 1, HRTIMER_MODE_ABS);
	KTEST_EXPECT_TRUE(t, comes_true(&p.fired, 1));
	hrtimer_cancel(&p.timer);
}

static void hrtimer_restart_is_periodic(struct ktest *t)
{
	struct probe p;

	probe_init(&p);
	p.rearm = 4;
	hrtimer_start(&p.timer, NSEC_PER_MSEC, HRTIMER_MODE_REL);
	KTEST_EXPECT_TRUE(t, comes_true(&p.fired, 5));
	hrtimer_cancel(&p.timer);
	KTEST_EXPECT_EQ(t, p.fired, 5);
}

static void hrtimer_cancelled_never_fires(struct ktest *t)
{
	struct probe p, later;

	probe_init(&p);
	probe_init(&later);
	hrtimer_start(&p.timer, 3 * NSEC_PER_MSEC, HRTIMER_MODE_REL);
	hrtimer_start(&later.timer, 5 * NSEC_PER_MSEC, HRTIMER_MODE_REL);
	KTEST_EXPECT_EQ(t, hrtimer_cancel(&p.timer), 1);
	KTEST_EXPECT_EQ(t, hrtimer_cancel(&p.timer), 0);
	KTEST_EXPECT_TRUE(t, comes_true(&later.fired, 1));
	hrtimer_cancel(&later.timer);
	KTEST_EXPECT_EQ(t, p.fired, 0);
}

#define NR_PROBES 64
static struct probe probes[NR_PROBES];

/* Random expiries, some moved, some cancelled: the others fire once each, in the order of their final expiries. */
static void hrtimers_fire_in_order_of_expiry(struct ktest *t)
{
	bool cancelled[NR_PROBES] = { false };
	ktime_t base, expires[NR_PROBES];
	unsigned long flags;

	order_counter = 0;
	local_irq_save(flags);
	base = ktime_get() + 2 * NSEC_PER_MSEC;
	for (int i = 0; i < NR_PROBES; i++) {
		probe_init(&probes[i]);
		expires[i] = base + ktest_random_below(t, 2 * NSEC_PER_MSEC);
		hrtimer_start(&probes[i].timer, expires[i], HRTIMER_MODE_ABS);
	}
	for (int i = 0; i < NR_PROBES; i += 3) {
		expires[i] = base + ktest_random_below(t, 2 * NSEC_PER_MSEC);
		hrtimer_start(&probes[i].timer, expires[i], HRTIMER_MODE_ABS);
	}
	for (int i = 1; i < NR_PROBES; i += 5)
		cancelled[i] = hrtimer_cancel(&probes[i].timer);
	local_irq_restore(flags);
	for (int i = 0; i < NR_PROBES; i++) {
		if (!cancelled[i])
			KTEST_EXPECT_TRUE(t, comes_true(&probes[i].fired, 1));
		hrtimer_cancel(&probes[i].timer);
	}
	for (int i = 0; i < NR_PROBES; i++) {
		KTEST_EXPECT_EQ(t, probes[i].fired, cancelled[i] ? 0 : 1);
		for (int j = 0; j < NR_PROBES; j++)
			if (!cancelled[i] && !cancelled[j] && expires[i] < expires[j])
				KTEST_ASSERT_LT(t, probes[i].order, probes[j].order);
	}
}

static void start_here(void *arg)
{
	hrtimer_start(arg, NSEC_PER_MSEC, HRTIMER_MODE_REL);
}

/* A timer follows its starter from CPU to CPU and can be cancelled from any. */
static void hrtimer_moves_between_cpus(struct ktest *t)
{
	struct probe p;
	int cpu, expected = 0;

	probe_init(&p);
	for_each_online_cpu(cpu) {
		smp_call_function_single(cpu, start_here, &p.timer, true);
		KTEST_EXPECT_TRUE(t, comes_true(&p.fired, ++expected));
		hrtimer_cancel(&p.timer);
	}
	for_each_online_cpu(cpu) {
		hrtimer_start(&p.timer, NSEC_PER_SEC * 1000, HRTIMER_MODE_REL);
		smp_call_function_single(cpu, start_here, &p.timer, true);
		KTEST_EXPECT_TRUE(t, comes_true(&p.fired, ++expected));
		hrtimer_cancel(&p.timer);
	}
	KTEST_EXPECT_EQ(t, p.fired, expected);
}

static void schedule_hrtimeout_sleeps_long_enough(struct ktest *t)
{
	ktime_t before = ktime_get(), span = 3 * NSEC_PER_MSEC, due;

	set_current_state(TASK_UNINTERRUPTIBLE);
	KTEST_EXPECT_EQ(t, schedule_hrtimeout(&span, HRTIMER_MODE_REL), 0);
	KTEST_EXPECT_GE(t, ktime_get() - before, span);
	due = ktime_get() + 2 * NSEC_PER_MSEC;
	set_current_state(TASK_UNINTERRUPTIBLE);
	KTEST_EXPECT_EQ(t, schedule_hrtimeout(&due, HRTIMER_MODE_ABS), 0);
	KTEST_EXPECT_GE(t, ktime_get(), due);
}

/* All CPUs idle meanwhile: their ticks are stopped, but jiffies must not stand still. */
static void idle_catches_up_with_jiffies(struct ktest *t)
{
	ktime_t span = 40 * TICK_NSEC;
	unsigned long before = jiffies;

	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_hrtimeout(&span, HRTIMER_MODE_REL);
	KTEST_EXPECT_GE(t, jiffies - before, 39UL);
}

struct coarse {
	struct timer_list timer;
	int fired;
	unsigned long at;
};

static void coarse_fn(struct timer_list *timer)
{
	struct coarse *c = from_timer(c, timer, timer);

	c->at = jiffies;
	WRITE_ONCE(c->fired, c->fired + 1);
}

static void timer_list_runs_at_its_jiffy(struct ktest *t)
{
	struct coarse c = { .fired = 0 };
	unsigned long due = jiffies + 3;

	timer_setup(&c.timer, coarse_fn, 0);
	KTEST_EXPECT_FALSE(t, timer_pending(&c.timer));
	KTEST_EXPECT_EQ(t, mod_timer(&c.timer, due + 1000), 0);
	KTEST_EXPECT_EQ(t, mod_timer(&c.timer, due), 1);
	KTEST_EXPECT_TRUE(t, timer_pending(&c.timer));
	KTEST_EXPECT_TRUE(t, comes_true(&c.fired, 1));
	KTEST_EXPECT_EQ(t, del_timer_sync(&c.timer), 0);
	KTEST_EXPECT_GE(t, c.at, due);
	mod_timer(&c.timer, jiffies + 1000);
	KTEST_EXPECT_EQ(t, del_timer_sync(&c.timer), 1);
	KTEST_EXPECT_EQ(t, c.fired, 1);
}

static void conversions_round_up_and_saturate(struct ktest *t)
{
	struct timespec64 far = { S64_MAX, 999999999 };

	KTEST_EXPECT_EQ(t, msecs_to_jiffies(1), 1UL);
	KTEST_EXPECT_EQ(t, msecs_to_jiffies(4), 1UL);
	KTEST_EXPECT_EQ(t, msecs_to_jiffies(5), 2UL);
	KTEST_EXPECT_EQ(t, timespec64_to_ktime(far), KTIME_MAX);
	KTEST_EXPECT_EQ(t, ktime_add_safe(KTIME_MAX, KTIME_MAX), KTIME_MAX);
	KTEST_EXPECT_EQ(t, ktime_add_safe(KTIME_MAX - 5, 5), KTIME_MAX);
	KTEST_EXPECT_TRUE(t, time_before(~0UL, 1UL));
}

static void tsc_conversion_is_its_own_inverse(struct ktest *t)
{
	for (int i = 0; i < 100; i++) {
		u64 ns = ktime_get() + ktest_random_below(t, 1000 * NSEC_PER_SEC);
		const struct tsc_clock *c = tsc_clock;
		u64 back = c->base_ns +
			   (u64)(((unsigned __int128)(ns_to_tsc(ns) - c->base) * c->mult) >> 32);

		/* Within one TSC tick, and one part in 10^9 of what mult rounds. */
		KTEST_ASSERT_LE(t, ns > back ? ns - back : back - ns,
				2 + 1000000 / tsc_khz + ns / 1000000000);
	}
}

static const struct ktest_case time_cases[] = {
	KTEST_CASE(clock_never_goes_back),
	KTEST_CASE(clocks_of_all_cpus_agree),
	KTEST_CASE(jiffies_follow_the_clock),
	KTEST_CASE(wall_clock_can_be_set),
	KTEST_CASE(hrtimer_fires_once_and_not_early),
	KTEST_CASE(hrtimer_in_the_past_fires_at_once),
	KTEST_CASE(hrtimer_restart_is_periodic),
	KTEST_CASE(hrtimer_cancelled_never_fires),
	KTEST_CASE(hrtimers_fire_in_order_of_expiry),
	KTEST_CASE(hrtimer_moves_between_cpus),
	KTEST_CASE(schedule_hrtimeout_sleeps_long_enough),
	KTEST_CASE(idle_catches_up_with_jiffies),
	KTEST_CASE(timer_list_runs_at_its_jiffy),
	KTEST_CASE(conversions_round_up_and_saturate),
	KTEST_CASE(tsc_conversion_is_its_own_inverse),
	{},
};
KTEST_SUITE(time, time_cases);
