/*
 * Device memory in the kernel's address space.
 *
 * ioremap() maps physical addresses that are not RAM, with a cache attribute. Before vmalloc_init()
 * use early_ioremap() (mm/boot/early_ioremap.h): ioremap() then returns NULL with a line that says
 * so.
 *
 * Mirrors Linux arch/x86/mm/ioremap.c. Exercised by the ioremap suite.
 */
#pragma once

#include "lib/types.h"

/*
 * Maps size bytes at phys (neither needs alignment); NULL when out of address space, when the range
 * wraps or is empty, when it holds RAM (one warning that names the caller: RAM has a cached alias),
 * or when some of it is mapped with more caching than asked for. If it is mapped with less, this
 * mapping gets that type too. => may sleep
 */
void __iomem *ioremap(phys_addr_t phys, unsigned long size);	/* uncached, UC- */
void __iomem *ioremap_uc(phys_addr_t phys, unsigned long size); /* uncached, whatever MTRRs say */
void __iomem *ioremap_wc(phys_addr_t phys, unsigned long size); /* write combining */
void __iomem *ioremap_wt(phys_addr_t phys, unsigned long size); /* write through */
void __iomem *ioremap_cache(phys_addr_t phys, unsigned long size); /* write back: firmware tables */
void iounmap(volatile void __iomem *addr);			   /* => may sleep */
/* Cached view of physical memory, RAM (through the linear map) or not. */
void *memremap(phys_addr_t phys, unsigned long size);
void memunmap(void *addr);
