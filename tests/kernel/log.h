/*
 * What the kernel has said: for the suites that provoke a report and read it back.
 */
#pragma once

#include "kernel/printk.h"
#include "lib/types.h"

/* How many lines logged from seq (log_next_seq() taken before) on contain text? Process context; one reader at a time. */
int logged(u64 seq, const char *text);
