/*
 * The final kernel page tables.
 *
 * Mirrors Linux arch/x86/mm/init.c and init_64.c. Theory in paging.c. Exercised by the pgtable suite.
 */
#pragma once

#include "arch/x86/pgtable.h"

/* Builds the tables from memblock and switches CR3 to them. After it: all RAM in the linear map, the kernel
 * image with its permissions, no identity map, every top-level entry of the kernel half filled. */
void init_mem_mapping(void);
/* Pages of .init become plain data (RW, NX) again. Called by free_initmem(). */
void paging_release_init(void);

/* Top table for a CPU that comes out of real mode: identity-maps the first MiB, and the kernel. Physical address
 * below 4 GiB, as the 32-bit part of the trampoline loads it. Valid after init_mem_mapping(). */
extern phys_addr_t trampoline_pgd;

/* A zeroed page for a page table, from memblock before mem_init() and from the page allocator after; NULL when out
 * of memory. */
void *alloc_pgtable_page(void);
/* Creates the tables on the way to addr in the kernel's tables and returns the entry; NULL when out of
 * memory or when a large page is in the way. */
pte_t *kernel_pte_alloc(unsigned long addr);
pmd_t *kernel_pmd_alloc(unsigned long addr);

/* The permission that the kernel map must have at addr, for the suite and W^X checks. */
struct kernel_range {
	const char *name;
	unsigned long start, end;
	u64 prot; /* _PAGE_RW, _PAGE_NX, _PAGE_PRESENT: what must be set; the rest of these three clear */
};
int kernel_image_ranges(struct kernel_range *out, int max);
