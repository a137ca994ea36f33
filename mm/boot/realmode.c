/*
 * Memory for the trampoline of arch/x86/smp.c, which is on a floor that knows no allocator.
 *
 * Mirrors Linux arch/x86/realmode/init.c. Exercised by boots with more than one CPU.
 */
#include "mm/boot/realmode.h"

#include "arch/x86/smp.h"
#include "kernel/printk.h"
#include "mm/boot/memblock.h"
#include "mm/boot/paging.h"

void __init reserve_real_mode(void)
{
	/* Page 0 stays with the BIOS. */
	phys_addr_t page = memblock_phys_alloc_range(PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 1UL << 20);

	if (!page)
		pr_warn("smpboot: no free page below 1 MiB: one CPU only\n");
	smp_set_trampoline(page, &trampoline_pgd);
}
