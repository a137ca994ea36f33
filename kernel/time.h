/*
 * Time: clocks, ticks and conversions.
 *
 * 1. One clock, the TSC, gives nanoseconds since boot: ktime_get(). It never goes back and never jumps. The wall clock is
 *    that plus an offset, read from the CMOS clock at boot and changed by clock_settime().
 * 2. ktime_t is s64 nanoseconds. KTIME_MAX means never.
 * 3. jiffies counts HZ ticks since boot; a running CPU keeps it up to date, and a CPU that leaves idle does so first.
 *    While all CPUs are idle no tick runs at all.
 *
 * Mirrors Linux include/linux/{time64,ktime,jiffies,timekeeping,tick}.h. Exercised by the time suite and tests/user/times.c.
 */
#pragma once

#include "lib/types.h"

struct pt_regs;
struct task_struct;

#define HZ	      250
#define USER_HZ	      100 /* unit of times(), /proc/PID/stat and /proc/stat */
#define NSEC_PER_SEC  1000000000L
#define NSEC_PER_MSEC 1000000L
#define NSEC_PER_USEC 1000L
#define USEC_PER_SEC  1000000L
#define USEC_PER_MSEC 1000L
#define MSEC_PER_SEC  1000L
#define TICK_NSEC     (NSEC_PER_SEC / HZ)
#define KTIME_MAX     S64_MAX

/* User-space layouts (x86-64 ABI). */
struct timespec64 {
	s64 tv_sec;
	s64 tv_nsec;
};
#define __kernel_timespec timespec64
struct timeval {
	s64 tv_sec;
	s64 tv_usec;
};
struct __kernel_old_itimerval {
	struct timeval it_interval, it_value;
};
struct tms {
	long tms_utime, tms_stime, tms_cutime, tms_cstime; /* USER_HZ */
};

#define CLOCK_REALTIME		 0
#define CLOCK_MONOTONIC		 1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID	 3
#define CLOCK_MONOTONIC_RAW	 4
#define CLOCK_REALTIME_COARSE	 5
#define CLOCK_MONOTONIC_COARSE	 6
#define CLOCK_BOOTTIME		 7
#define CLOCK_REALTIME_ALARM	 8
#define CLOCK_BOOTTIME_ALARM	 9
#define CLOCK_TAI		 11
#define TIMER_ABSTIME		 1

#define ITIMER_REAL    0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF    2

/* ---- clocks; all callable anywhere, interrupts included, without locks ---- */

ktime_t ktime_get(void);      /* CLOCK_MONOTONIC, ns since boot */
ktime_t ktime_get_real(void); /* CLOCK_REALTIME, ns since 1970 */
time64_t ktime_get_real_seconds(void);
time64_t ktime_get_seconds(void);
u64 sched_clock(void); /* ns since boot, the cheapest; 0 until the TSC is calibrated */
#define local_clock()	     sched_clock()
#define ktime_get_boottime() ktime_get()
#define ktime_get_ns()	     ((u64)ktime_get())
#define ktime_get_real_ns()  ((u64)ktime_get_real())
void ktime_get_ts64(struct timespec64 *ts);
void ktime_get_real_ts64(struct timespec64 *ts);
/* Sets the wall clock to @ns since 1970. 0, or -EINVAL before 1970 or past the year 2232. */
int do_settimeofday_ns(ktime_t ns);

extern volatile unsigned long jiffies_64;
#define jiffies		 jiffies_64
#define get_jiffies_64() ((u64)jiffies_64)

/* ---- conversions ---- */

#define ktime_add(a, b)	   ((ktime_t)((a) + (b)))
#define ktime_sub(a, b)	   ((ktime_t)((a) - (b)))
#define ktime_add_ns(a, b) ((ktime_t)((a) + (s64)(b)))
#define ktime_to_ns(k)	   ((s64)(k))
#define ktime_to_us(k)	   ((s64)(k) / NSEC_PER_USEC)
#define ktime_to_ms(k)	   ((s64)(k) / NSEC_PER_MSEC)
#define ns_to_ktime(n)	   ((ktime_t)(n))
#define ms_to_ktime(m)	   ((ktime_t)(m)*NSEC_PER_MSEC)

/* Sum that stops at KTIME_MAX instead of overflowing. */
static inline ktime_t ktime_add_safe(ktime_t a, ktime_t b)
{
	ktime_t sum;

	return __builtin_add_overflow(a, b, &sum) || sum < 0 ? KTIME_MAX : sum;
}

static inline struct timespec64 ktime_to_timespec64(ktime_t ns)
{
	return (struct timespec64){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };
}
#define ns_to_timespec64(n) ktime_to_timespec64(n)

/* A time of day or a span that a user may pass: seconds not negative, nanoseconds below 1e9. */
static inline bool timespec64_valid(const struct timespec64 *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < NSEC_PER_SEC;
}

/* Saturates at KTIME_MAX. => ts valid */
static inline ktime_t timespec64_to_ktime(struct timespec64 ts)
{
	if (ts.tv_sec >= KTIME_MAX / NSEC_PER_SEC)
		return KTIME_MAX;
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}
#define timespec64_to_ns(ts) timespec64_to_ktime(*(ts))
#define ktime_set(sec, ns)   timespec64_to_ktime((struct timespec64){ (sec), (ns) })

#define MAX_JIFFY_OFFSET ((LONG_MAX >> 1) - 1)
/* Rounded up, so that a wait of n ms is never shorter. */
static inline unsigned long msecs_to_jiffies(unsigned int ms)
{
	return (unsigned long)ms * HZ / 1000 + ((unsigned long)ms * HZ % 1000 != 0);
}
static inline unsigned int jiffies_to_msecs(unsigned long j)
{
	return j * (1000 / HZ);
}
static inline unsigned long nsecs_to_jiffies(u64 ns)
{
	return ns / TICK_NSEC;
}
static inline u64 jiffies_to_nsecs(unsigned long j)
{
	return (u64)j * TICK_NSEC;
}
static inline u64 nsec_to_clock_t(u64 ns)
{
	return ns / (NSEC_PER_SEC / USER_HZ);
}
static inline u64 jiffies_to_clock_t(unsigned long j)
{
	return nsec_to_clock_t(jiffies_to_nsecs(j));
}

#define time_after(a, b)     ((long)((b) - (a)) < 0)
#define time_before(a, b)    time_after(b, a)
#define time_after_eq(a, b)  ((long)((a) - (b)) >= 0)
#define time_before_eq(a, b) time_after_eq(b, a)

/* ---- busy waits: for devices and boot only ---- */

void ndelay(unsigned long ns);
void udelay(unsigned long us);
void mdelay(unsigned long ms);

/* ---- tick ---- */

/* Boot CPU, after time_init(): interrupts may be on from here. Other CPUs call setup_secondary_clock(). */
void time_init(
	void); /* calibrates, starts sched_clock() and the wall clock, starts this CPU's tick */
void setup_secondary_clock(void);
/*
 * Idle loop: enter() before looking for work to halt on, exit() before leaving idle. Between them the tick is
 * stopped and the next event is programmed alone. => on this CPU's idle task, interrupts off
 */
void tick_nohz_idle_enter(void);
void tick_nohz_idle_exit(void);
/* Interrupt entry calls it before the handler runs: brings jiffies up to date if this CPU was idle. */
void tick_irq_enter(void);

/* ---- accounting ---- */

enum cpu_usage_stat {
	CPUTIME_USER,
	CPUTIME_NICE,
	CPUTIME_SYSTEM,
	CPUTIME_SOFTIRQ,
	CPUTIME_IRQ,
	CPUTIME_IDLE,
	CPUTIME_IOWAIT,
	CPUTIME_STEAL,
	NR_CPUTIME
};
/* Nanoseconds that @cpu spent in a state since boot, as /proc/stat shows. */
u64 kcpustat_read(int cpu, enum cpu_usage_stat which);
/* CPU time of a thread or of a live thread group; ns; ticks decide the split, the scheduler's run time the sum. */
void task_cputime_adjusted(struct task_struct *t, u64 *utime, u64 *stime);
void thread_group_cputime_adjusted(struct task_struct *t, u64 *utime, u64 *stime);

/* Load averages over 1, 5 and 15 minutes: fixed point with FSHIFT fraction bits, as /proc/loadavg and sysinfo(2) use. */
#define FSHIFT	     11
#define FIXED_1	     (1UL << FSHIFT)
#define LOAD_INT(x)  ((x) >> FSHIFT)
#define LOAD_FRAC(x) LOAD_INT(((x) & (FIXED_1 - 1)) * 100)
void get_avenrun(unsigned long loads[3], unsigned long offset, int shift);

/* The itimers of the group that current leads die with it; fork starts with none. => exit path, group empty */
struct signal_struct;
void exit_itimers(struct signal_struct *sig);
