/*
 * The command line, as kernel/init.h declares it, and helpers for parameters that are numbers.
 *
 * Mirrors Linux include/linux/moduleparam.h in spirit. Exercised by tests/boot.
 */
#pragma once

#include "kernel/init.h"

/* The value of NAME=number (0x, 0 prefixes; K M G suffixes); @def if absent or no number. */
unsigned long cmdline_get_ulong(const char *name, unsigned long def);
/* NAME alone, NAME=1/y/on: true; NAME=0/n/off: false; absent: @def. */
bool cmdline_get_bool(const char *name, bool def);
