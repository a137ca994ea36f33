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
/* Unmaps .init from the kernel image. Called by free_initmem(). */
void paging_release_init(void);

/* Top table for a CPU that comes out of real mode: identity-maps the first MiB, and the kernel. Physical address
 * below 4 GiB, as the 32-bit part of the trampoline loads it. Valid after init_mem_mapping(). */
extern phys_addr_t trampoline_pgd;

/* Boot: creates the tables on the way to addr in the kernel's own tables and returns the entry; NULL when out of
 * memory, when a large page is in the way, or when addr has no top-level entry. After boot mm/kva does this. */
pmd_t *kernel_pmd_alloc(unsigned long addr);
pte_t *kernel_pte_alloc(unsigned long addr);

/* The sections of the kernel image and their rights, as init_mem_mapping() maps them. */
struct kernel_range {
	const char *name;
	unsigned long start, end;
	u64 prot; /* of _PAGE_PRESENT, _PAGE_RW and _PAGE_NX those that are set */
};
/* Fills at most max; returns how many. */
int kernel_image_ranges(struct kernel_range *out, int max);
