/*
 * For cases that commit a crime on purpose, so that another tool than KASAN reports it; that read slab's own bytes; or that
 * want a free to reach slab at once. In a KASAN kernel the access is reported as such, a bad free is refused and a good
 * one waits in the quarantine. There suite kasan is for these things.
 */
#pragma once

#include "kernel/ktest.h"
#include "mm/debug/kasan.h"

#define SKIP_PLANTED_UNDER_KASAN(t)                                                          \
	do {                                                                                 \
		if (IS_KASAN)                                                                \
			return ktest_skip(t, "KASAN comes before: suite kasan is for this"); \
	} while (0)
