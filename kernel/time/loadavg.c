/*
 * Load averages: how many tasks ran or waited for a disk, averaged over 1, 5 and 15 minutes.
 *
 * Every 5 seconds the number n of such tasks enters three exponential averages: load = load * e + n * (1 - e), in fixed point
 * with 11 fraction bits, e = exp(-5 s / period). While all CPUs are idle there is no tick; the samples missed meanwhile are
 * made up for when jiffies moves again. k missed samples of one value are one step with e^k.
 *
 * The update is done by whoever moves calc_load_update on with compare-and-swap.
 * Mirrors Linux kernel/sched/loadavg.c. Exercised by the time suite.
 */
#include "kernel/sched.h"
#include "kernel/time/internal.h"

#define LOAD_FREQ (5 * HZ + 1)
#define EXP_1	  1884 /* exp(-5/60) * 2^11, and so on for 300 and 900 seconds */
#define EXP_5	  2014
#define EXP_15	  2037

static unsigned long avenrun[3];
static unsigned long calc_load_update = LOAD_FREQ; /* jiffies of the next sample */

static unsigned long fixed_power(unsigned long x, unsigned long n)
{
	unsigned long result = FIXED_1;

	for (; n; n >>= 1) {
		if (n & 1)
			result = (result * x + FIXED_1 / 2) >> FSHIFT;
		x = (x * x + FIXED_1 / 2) >> FSHIFT;
	}
	return result;
}

static unsigned long calc_load(unsigned long load, unsigned long exp, unsigned long active)
{
	unsigned long next = load * exp + active * (FIXED_1 - exp);

	/* Rounding up while rising lets the average reach the value. */
	if (active >= load)
		next += FIXED_1 - 1;
	return next / FIXED_1;
}

void calc_global_load(unsigned long ticks)
{
	static const unsigned long exp[3] = { EXP_1, EXP_5, EXP_15 };
	unsigned long update = READ_ONCE(calc_load_update), samples, active;

	if (likely(time_before(ticks, update)))
		return;
	samples = (ticks - update) / LOAD_FREQ + 1;
	if (!__atomic_compare_exchange_n(&calc_load_update, &update, update + samples * LOAD_FREQ,
					 false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return;
	active = nr_active() * FIXED_1;
	for (int i = 0; i < 3; i++) {
		unsigned long load = avenrun[i];

		/* All but the last sample fell into idle time. */
		if (samples > 1)
			load = calc_load(load, fixed_power(exp[i], samples - 1), 0);
		WRITE_ONCE(avenrun[i], calc_load(load, exp[i], active));
	}
}

void get_avenrun(unsigned long loads[3], unsigned long offset, int shift)
{
	for (int i = 0; i < 3; i++)
		loads[i] = (READ_ONCE(avenrun[i]) + offset) << shift;
}
