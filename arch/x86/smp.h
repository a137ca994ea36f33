/*
 * CPU bring-up, as boot code calls it. What everybody uses is in kernel/smp.h.
 */
#pragma once

#include "kernel/smp.h"

/* Takes the trampoline's page below 1 MiB. => memblock stands, before memblock_free_all() */
void reserve_real_mode(void);
