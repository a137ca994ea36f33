/*
 * Between the files of kernel/time/.
 */
#pragma once

#include "kernel/time.h"

/* Counts the jiffies that passed until @now. => any context */
void tick_do_update_jiffies64(ktime_t now);
/* The wall clock jumped: sleepers until an absolute wall-clock time look again. => may be called with interrupts on only */
void clock_was_set(void);
/* Samples of the load averages that are due at @ticks jiffies. => any context */
void calc_global_load(unsigned long ticks);
/* One tick on this CPU: charges the time since the last to whom it found running. => hard interrupt */
void account_tick(bool user, u64 delta_ns);
/* Idle time of this CPU, ticks stopped. => interrupts off */
void account_idle_ns(u64 ns);
/* Divides the exact @sum of CPU time in the ratio of the samples in *utime and *stime, and leaves the parts there. */
void split_cputime(u64 sum, u64 *utime, u64 *stime);
void read_persistent_clock(void); /* wall clock from the CMOS */
#define CPUCLOCK_PERTHREAD 4	  /* in a negative clock number: of one thread */
/* What a clock shows; -EINVAL: there is none of this number (any more). */
int posix_clock_get(clockid_t clock, ktime_t *ns);
/* The signal-based timers that count CPU time. => hard interrupt, current is a user task */
void run_itimers(bool user, u64 delta_ns);
