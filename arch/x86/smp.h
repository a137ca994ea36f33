/*
 * CPU bring-up, as boot code calls it. What everybody uses is in kernel/smp.h.
 */
#pragma once

#include "kernel/smp.h"

/*
 * Where the trampoline goes: @page, below 1 MiB (0: nowhere, one CPU only), and where the physical address of its top page
 * table will stand by the time of smp_prepare_cpus(). Called by mm/boot/realmode.c.
 */
void smp_set_trampoline(phys_addr_t page, const phys_addr_t *pgd);
