/*
 * UBSAN: for the suite that provokes reports. Theory in ubsan.c. Mirrors nothing of Linux's, whose reports end a run by
 * panic_on_warn. Exercised by the ubsan suite (tests/kernel/ubsan.c).
 */
#pragma once

#include "lib/types.h"

bool ubsan_save_fault_report(void); /* from now on a report does not panic; what it was before */
void ubsan_restore_fault(bool panic);
