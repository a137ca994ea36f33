/*
 * The time stamp counter: the one clock of this kernel.
 *
 * Its rate comes from CPUID if it says so (leaves 0x15, 0x16, 0x40000010), else it is measured against the HPET, the ACPI
 * PM timer or the PIT, whichever exists first in that order. Measuring costs instructions (under QEMU's -icount every one
 * of them is a TSC tick), so the window is short and only repeated when two measurements disagree. The local APIC
 * timer is measured in the same window.
 *
 * Mirrors Linux arch/x86/kernel/tsc.c. Exercised by the time suite.
 */
#pragma once

#include "lib/types.h"

extern unsigned int tsc_khz;	     /* 0 until calibrated */
extern unsigned int lapic_timer_khz; /* APIC timer counts per ms with divisor 1; 0 if unknown */

static __always_inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/* Not before earlier loads are done: for clocks that CPUs compare. */
static __always_inline u64 rdtsc_ordered(void)
{
	u32 lo, hi;

	__asm__ __volatile__("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

/*
 * ns = base_ns + ((tsc - base) * mult >> 32), in 128 bits: no overflow for centuries. A clock is constant once published;
 * a better measured rate is a new clock that meets the old one at its base. Before calibration mult is 0: time stands at 0.
 */
struct tsc_clock {
	u64 base, base_ns, mult;
};
extern const struct tsc_clock *tsc_clock;

/* The pointer is read before the TSC, so that a new clock is never asked about the time before its base. */
static __always_inline u64 tsc_clock_read(void)
{
	const struct tsc_clock *c = READ_ONCE(tsc_clock);

	return c->base_ns + (u64)(((unsigned __int128)(rdtsc() - c->base) * c->mult) >> 32);
}

static __always_inline u64 tsc_clock_read_ordered(void)
{
	const struct tsc_clock *c = READ_ONCE(tsc_clock);

	return c->base_ns + (u64)(((unsigned __int128)(rdtsc_ordered() - c->base) * c->mult) >> 32);
}

/* ns since boot to the TSC value at that moment (for the deadline timer). */
u64 ns_to_tsc(u64 ns);
/* Boot CPU, once, after apic_init_early() and acpi_boot_init(); interrupts off. Starts sched_clock(). */
void tsc_init(void);
/*
 * About a second later: measures again over the whole time since, and publishes a better clock if the rate was off by
 * more than 10 ppm. => boot CPU, interrupts off
 */
void tsc_refine_calibration(void);
