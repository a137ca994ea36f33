/*
 * early_ioremap: temporary mappings of firmware tables and device registers before vmalloc exists.
 *
 * Eight slots of 256 KiB each in the fixmap. A mapping must be undone by the pointer and size it was made with;
 * what is still mapped when boot ends is reported as a leak.
 *
 * Mirrors Linux mm/early_ioremap.c. Exercised by the pgtable suite.
 */
#pragma once

#include "lib/types.h"

/* => early_fixmap_init() done */
void early_ioremap_init(void);
/* Uncached, for registers. NULL when no slot is free, size is 0, wraps, or exceeds a slot. */
void __iomem *early_ioremap(phys_addr_t phys, unsigned long size);
/* Cached, for tables in RAM. */
void *early_memremap(phys_addr_t phys, unsigned long size);
void early_iounmap(void __iomem *addr, unsigned long size);
void early_memunmap(void *addr, unsigned long size);
/* Reports mappings left behind; returns how many. Called when vmalloc has taken over. */
int early_ioremap_check_leaks(void);
