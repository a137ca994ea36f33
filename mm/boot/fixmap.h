/*
 * Fixmap: addresses fixed at compile time, for pages chosen at run time.
 *
 * A slot is a page of address space below FIXADDR_TOP; set_fixmap() points it at a frame. It works as
 * soon as the first page tables do, needs no allocation, and a user of a slot is a constant address.
 * The page tables of the whole fixmap are static (fixmap.c).
 *
 * Mirrors Linux arch/x86/include/asm/fixmap.h. Exercised by the pgtable suite.
 */
#pragma once

#include "arch/x86/pgtable.h"

#define NR_FIX_BTMAPS	 64 /* pages of one early mapping: 256 KiB */
#define FIX_BTMAPS_SLOTS 8  /* early mappings at a time */
#define TOTAL_FIX_BTMAPS (NR_FIX_BTMAPS * FIX_BTMAPS_SLOTS)

enum fixed_addresses {
	FIX_HOLE,      /* nothing: catches off-by-one at the top */
	FIX_APIC_BASE, /* local APIC registers */
	FIX_IO_APIC_BASE_0,
	FIX_IO_APIC_BASE_END = FIX_IO_APIC_BASE_0 + 7,
	FIX_HPET_BASE,
	FIX_TEXT_POKE0, /* writable alias of a text page */
	FIX_TEXT_POKE1,
	FIX_KMAP_BEGIN,
	FIX_KMAP_END = FIX_KMAP_BEGIN + 15,
	__end_of_permanent_fixed_addresses,
	/* Early mappings, in a last-level table of their own. */
	FIX_BTMAP_END = 512,
	FIX_BTMAP_BEGIN = FIX_BTMAP_END + TOTAL_FIX_BTMAPS - 1,
	__end_of_fixed_addresses,
};

#define FIXADDR_SIZE  ((unsigned long)__end_of_fixed_addresses << PAGE_SHIFT)
#define FIXADDR_START (FIXADDR_TOP - FIXADDR_SIZE)

/* Slots count downward from the top. */
#define fix_to_virt(i) (FIXADDR_TOP - ((unsigned long)((i) + 1) << PAGE_SHIFT))

/* Points a slot at a physical page; FIXMAP_PAGE_CLEAR or prot 0 unmaps. Local TLB flush only: boot, or
 * slots that one CPU owns. */
void __set_fixmap(enum fixed_addresses idx, phys_addr_t phys, pgprot_t prot);
#define set_fixmap(idx, phys)	      __set_fixmap(idx, phys, PAGE_KERNEL)
#define set_fixmap_nocache(idx, phys) __set_fixmap(idx, phys, PAGE_KERNEL_NOCACHE)
#define clear_fixmap(idx)	      __set_fixmap(idx, 0, __pgprot(0))

/* Hangs the static tables into the page tables that are in use. First thing in start_kernel. */
void early_fixmap_init(void);
/* Physical address of the fixmap's PMD table, for whoever builds another PUD table above it. */
phys_addr_t fixmap_pmd_phys(void);
