/*
 * What time it is: since boot, and since 1970.
 *
 * CLOCK_MONOTONIC is the TSC clock of arch/x86/tsc.h. CLOCK_REALTIME is that plus wall_offset, one word that is read and
 * written whole: no lock. Between reads of the CMOS clock at boot (whole seconds) and clock_settime() nothing changes it.
 *
 * Facts on the CMOS clock: Motorola MC146818 data sheet. Mirrors Linux kernel/time/timekeeping.c and
 * arch/x86/kernel/rtc.c. Exercised by the time suite and tests/user/times.c.
 */
#include "arch/x86/barrier.h"
#include "arch/x86/io.h"
#include "arch/x86/tsc.h"
#include "kernel/printk.h"
#include "kernel/time/internal.h"
#include "lib/errno.h"
#include "lib/string.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define RTC_REG_A  0x0a
#define RTC_REG_B  0x0b
#define RTC_UIP	   0x80 /* A: an update is going on or about to */
#define RTC_24H	   0x02 /* B */
#define RTC_BINARY 0x04 /* B */

static ktime_t wall_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC, ns */

u64 sched_clock(void)
{
	return tsc_clock_read();
}

ktime_t ktime_get(void)
{
	return tsc_clock_read_ordered();
}

ktime_t ktime_get_real(void)
{
	return ktime_get() + READ_ONCE(wall_offset);
}

time64_t ktime_get_real_seconds(void)
{
	return ktime_get_real() / NSEC_PER_SEC;
}

time64_t ktime_get_seconds(void)
{
	return ktime_get() / NSEC_PER_SEC;
}

void ktime_get_ts64(struct timespec64 *ts)
{
	*ts = ktime_to_timespec64(ktime_get());
}

void ktime_get_real_ts64(struct timespec64 *ts)
{
	*ts = ktime_to_timespec64(ktime_get_real());
}

int do_settimeofday_ns(ktime_t ns)
{
	/* 30 years are kept below the end of ktime_t, so that sums with it stay in range. */
	if (ns < 0 || ns > KTIME_MAX - 30 * 365 * 86400L * NSEC_PER_SEC)
		return -EINVAL;
	WRITE_ONCE(wall_offset, ns - ktime_get());
	clock_was_set();
	return 0;
}

/* ---- CMOS ---- */

static u8 __init cmos_read(u8 reg)
{
	outb(reg, CMOS_INDEX);
	return inb(CMOS_DATA);
}

struct rtc_regs {
	u8 sec, min, hour, day, month, year;
};

static void __init rtc_read_once(struct rtc_regs *r)
{
	/* At most 2 ms, on a machine that has a clock. */
	for (int i = 0; i < 10000 && (cmos_read(RTC_REG_A) & RTC_UIP); i++)
		cpu_relax();
	*r = (struct rtc_regs){ cmos_read(0), cmos_read(2), cmos_read(4),
				cmos_read(7), cmos_read(8), cmos_read(9) };
}

static unsigned int __init from_bcd(u8 v)
{
	return (v & 0x0f) + (v >> 4) * 10;
}

/* Seconds since 1970 of a date of the Gregorian calendar, UTC: years begin in March, so that leap days come last. */
static time64_t __init mktime64(unsigned int year, unsigned int month, unsigned int day,
				unsigned int hour, unsigned int min, unsigned int sec)
{
	long days;

	if (month <= 2) {
		month += 12;
		year--;
	}
	days = 365L * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 +
	       day - 719469;
	return ((days * 24 + hour) * 60 + min) * 60 + sec;
}

static time64_t __init rtc_seconds(void)
{
	struct rtc_regs a, b;
	u8 status = cmos_read(RTC_REG_B);
	unsigned int hour, year, v[6];

	/* Two equal readings are not torn. */
	rtc_read_once(&b);
	for (int i = 0; i < 5; i++) {
		a = b;
		rtc_read_once(&b);
		if (!memcmp(&a, &b, sizeof(a)))
			break;
	}
	hour = b.hour & 0x7f;
	for (int i = 0; i < 6; i++) {
		u8 raw = i == 2 ? hour : ((u8 *)&b)[i];

		v[i] = status & RTC_BINARY ? raw : from_bcd(raw);
	}
	hour = v[2];
	if (!(status & RTC_24H))
		hour = hour % 12 + (b.hour & 0x80 ? 12 : 0);
	year = v[5] + (v[5] < 70 ? 2000 : 1900);
	if (v[0] > 59 || v[1] > 59 || hour > 23 || !v[3] || v[3] > 31 || !v[4] || v[4] > 12)
		return -1;
	return mktime64(year, v[4], v[3], hour, v[1], v[0]);
}

void __init read_persistent_clock(void)
{
	time64_t sec = rtc_seconds();

	if (sec < 0) {
		pr_warn("rtc: the CMOS clock holds no date: starting in 1970\n");
		sec = 0;
	}
	WRITE_ONCE(wall_offset, sec * NSEC_PER_SEC - ktime_get());
}
