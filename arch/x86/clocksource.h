/*
 * Reference clocks: what the TSC is measured against. Not for telling the time.
 */
#pragma once

#include "lib/types.h"

struct ref_clock {
	const char *name;
	u64 khz_num, khz_den; /* rate is num / den kHz */
	u64 mask;	      /* the counter wraps past it */
	u64 (*read)(void);
};

/* HPET, else PM timer; NULL when the machine has neither. => boot CPU, once, after acpi_boot_init() */
const struct ref_clock *ref_clock_init(void);

/* The PIT counts down on channel 2: start it for about @us (at most 50000), and ask whether it is through. */
void pit_start_oneshot(unsigned int us);
bool pit_done(void);
