/*
 * How fast the TSC and the APIC timer count.
 *
 * 1. A measurement is two samples of (TSC, reference clock, APIC timer) and the quotient of the differences. A sample is
 *    taken when the reference has just changed, so that its coarse step costs no accuracy.
 * 2. The window starts at 100 microseconds and doubles until two measurements in a row agree within 0.2 %. That is good enough
 *    to run on; a second later tsc_refine_calibration() divides over the whole time that passed, without spinning.
 * 3. QEMU's -icount gives exactly 1 GHz; a result next to it is taken for it.
 *
 * Mirrors Linux arch/x86/kernel/tsc.c. Exercised by the time suite.
 */
#include "arch/x86/tsc.h"

#include "arch/x86/apic.h"
#include "arch/x86/barrier.h"
#include "arch/x86/clocksource.h"
#include "arch/x86/cpu.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/time.h"

#define FIRST_WINDOW_US 100
#define LAST_WINDOW_US	25600
#define SPIN_LIMIT	50000000 /* polls before a clock counts as stopped */

struct sample {
	u64 tsc, ref;
	u32 apic;
};

unsigned int tsc_khz;
unsigned int lapic_timer_khz;

static struct tsc_clock clocks[2]; /* [0] from boot, [1] the refined one */
const struct tsc_clock *tsc_clock = &clocks[0];

static const struct ref_clock *ref;
static struct sample boot_sample;
static bool rate_is_exact; /* CPUID told it */

/* a * b / c, where the result fits in 64 bits. */
static u64 mul_div(u64 a, u64 b, u64 c)
{
	u64 quotient, high;

	__asm__("mulq %3\n\tdivq %4"
		: "=a"(quotient), "=&d"(high)
		: "0"(a), "rm"(b), "r"(c)
		: "cc");
	return quotient;
}

u64 ns_to_tsc(u64 ns)
{
	const struct tsc_clock *c = READ_ONCE(tsc_clock);

	if (ns <= c->base_ns || !c->mult)
		return c->base;
	/* KTIME_MAX and its like: as far as the quotient stays in range. */
	ns = min(ns - c->base_ns, (u64)1 << 61);
	return c->base + mul_div(ns, (u64)1 << 32, c->mult);
}

/* Waits for the reference to step. False if it never does. */
static bool take_sample(struct sample *s)
{
	u64 start = ref->read(), now;

	for (unsigned int i = 0; i < SPIN_LIMIT; i++) {
		now = ref->read();
		if (now != start) {
			s->tsc = rdtsc_ordered();
			s->ref = now;
			s->apic = apic_present ? apic_timer_current() : 0;
			return true;
		}
	}
	return false;
}

static u64 khz_between(u64 counts, const struct sample *a, const struct sample *b)
{
	return mul_div(counts, ref->khz_num, ((b->ref - a->ref) & ref->mask) * ref->khz_den);
}

struct rates {
	u64 tsc, apic; /* kHz */
};

static bool __init measure_with_ref(unsigned int us, struct rates *r)
{
	struct sample a, b;
	u64 ticks = mul_div(us, ref->khz_num, ref->khz_den * 1000), now;

	if (!take_sample(&a))
		return false;
	do {
		now = ref->read();
		cpu_relax();
	} while (((now - a.ref) & ref->mask) < ticks);
	if (!take_sample(&b))
		return false;
	r->tsc = khz_between(b.tsc - a.tsc, &a, &b);
	r->apic = khz_between((u32)(a.apic - b.apic), &a, &b);
	if (!boot_sample.tsc)
		boot_sample = a;
	return true;
}

static bool __init measure_with_pit(unsigned int us, struct rates *r)
{
	u64 t0, t1;
	u32 a0, a1;
	unsigned int polls = 0;

	pit_start_oneshot(us);
	t0 = rdtsc_ordered();
	a0 = apic_present ? apic_timer_current() : 0;
	while (!pit_done())
		if (++polls > SPIN_LIMIT / 10)
			return false;
	t1 = rdtsc_ordered();
	a1 = apic_present ? apic_timer_current() : 0;
	r->tsc = (t1 - t0) * 1000 / us;
	r->apic = (u64)(u32)(a0 - a1) * 1000 / us;
	/* Over at once: there is no PIT. */
	return polls > 2;
}

static bool __init measure(unsigned int us, struct rates *r)
{
	return ref ? measure_with_ref(us, r) : measure_with_pit(us, r);
}

static u64 __init snap(u64 khz)
{
	return khz > 998000 && khz < 1002000 ? 1000000 : khz;
}

static bool __init agree(u64 a, u64 b)
{
	return (a > b ? a - b : b - a) <= a / 500;
}

static bool __init calibrate(struct rates *r)
{
	struct rates prev = { 0, 0 };
	unsigned int us = ref ? FIRST_WINDOW_US : 1000;

	for (; us <= LAST_WINDOW_US; us *= 2) {
		/* Twice with the first window; afterwards each is compared with the one before. */
		if (!prev.tsc && !measure(us, &prev))
			return false;
		if (!measure(us, r))
			return false;
		if (r->tsc && agree(prev.tsc, r->tsc) && agree(prev.apic, r->apic))
			return true;
		prev = *r;
	}
	pr_warn("tsc: measurements do not agree: the clock may be inaccurate\n");
	return r->tsc != 0;
}

/* What CPUID knows: TSC rate, and the APIC timer's if a hypervisor tells. kHz, 0: nothing. */
static void __init rates_from_cpuid(struct rates *r)
{
	u32 a, b, c, d, max_leaf;

	cpuid_count(0, 0, &max_leaf, &b, &c, &d);
	cpuid_count(1, 0, &a, &b, &c, &d);
	if (c & BIT(31)) { /* a hypervisor */
		cpuid_count(0x40000000, 0, &a, &b, &c, &d);
		if (a >= 0x40000010 && a < 0x40001000) {
			cpuid_count(0x40000010, 0, &a, &b, &c, &d);
			r->tsc = a;
			r->apic = b;
			if (a)
				return;
		}
	}
	if (max_leaf >= 0x15) {
		cpuid_count(0x15, 0, &a, &b, &c, &d);
		if (a && b && c)
			r->tsc = (u64)c * b / a / 1000;
	}
}

/* The TSC is known: the APIC timer is measured against it. */
static void __init calibrate_apic_with_tsc(struct rates *r)
{
	u64 t0 = rdtsc_ordered(), t1, window = r->tsc / 2; /* half a millisecond */
	u32 a0 = apic_timer_current(), a1;

	do {
		t1 = rdtsc_ordered();
		cpu_relax();
	} while (t1 - t0 < window);
	a1 = apic_timer_current();
	t1 = rdtsc_ordered();
	r->apic = mul_div(a0 - a1, r->tsc, t1 - t0);
}

static u64 __init mult_for_khz(u64 khz)
{
	/* 2^32 * 1e6 / khz, rounded. */
	return (((u64)1 << 32) * 1000000 + khz / 2) / khz;
}

void __init tsc_init(void)
{
	struct rates r = { 0, 0 };
	u64 start = rdtsc();

	ref = ref_clock_init();
	rates_from_cpuid(&r);
	if (apic_present)
		apic_timer_start_max();
	if (r.tsc) {
		rate_is_exact = true;
		if (apic_present && !r.apic)
			calibrate_apic_with_tsc(&r);
	} else if (!calibrate(&r)) {
		pr_err("tsc: no clock to measure against: assuming 1 GHz\n");
		r.tsc = 1000000;
		r.apic = r.apic ?: 1000000;
		rate_is_exact = true;
	}
	if (apic_present)
		apic_timer_stop();
	tsc_khz = snap(r.tsc);
	lapic_timer_khz = snap(r.apic);
	clocks[0] =
		(struct tsc_clock){ .base = start, .base_ns = 0, .mult = mult_for_khz(tsc_khz) };
	pr_info("tsc: Detected %u.%03u MHz processor%s%s\n", tsc_khz / 1000, tsc_khz % 1000,
		rate_is_exact ? "" : ", measured against ",
		rate_is_exact ? ""
		: ref	      ? ref->name
			      : "PIT");
}

void tsc_refine_calibration(void)
{
	struct sample now;
	struct tsc_clock *next = &clocks[1];
	u64 khz, diff;

	if (rate_is_exact || !ref || !boot_sample.tsc || next->mult || !take_sample(&now))
		return;
	khz = snap(khz_between(now.tsc - boot_sample.tsc, &boot_sample, &now));
	diff = khz > tsc_khz ? khz - tsc_khz : tsc_khz - khz;
	/* Far off: the reference wrapped in between (a stopped machine). Close: nothing to gain. */
	if (!khz || diff > tsc_khz / 50 || diff <= tsc_khz / 100000)
		return;
	next->base = rdtsc();
	next->base_ns =
		clocks[0].base_ns +
		(u64)(((unsigned __int128)(next->base - clocks[0].base) * clocks[0].mult) >> 32);
	next->mult = mult_for_khz(khz);
	smp_store_release(&tsc_clock, (const struct tsc_clock *)next);
	tsc_khz = khz;
	/* Not for the console: a person is typing at the prompt by now. dmesg has it. */
	printk(KERN_DEBUG "tsc: Refined TSC clocksource calibration: %llu.%03llu MHz\n", khz / 1000,
	       khz % 1000);
}
