/*
 * Page sizes and the address layout: the constants everything else is computed from.
 *
 * The layout is Linux's own four-level one (docs/boot.md draws it). The kernel image is linked at
 * 0xffffffff81000000 but loaded low, at 2 MiB, so that a machine with 16 MiB can hold it: image
 * addresses and linear-map addresses of the same byte differ, and __pa() tells them apart.
 *
 * Mirrors Linux arch/x86/include/asm/page_64_types.h. Exercised by the pgtable suite.
 */
#pragma once

#include "lib/types.h"

#define PAGE_SHIFT     12
#define PAGE_SIZE      (1UL << PAGE_SHIFT)
#define PAGE_MASK      (~(PAGE_SIZE - 1))
#define PMD_SHIFT      21
#define PMD_SIZE       (1UL << PMD_SHIFT)
#define PMD_MASK       (~(PMD_SIZE - 1))
#define PUD_SHIFT      30
#define PUD_SIZE       (1UL << PUD_SHIFT)
#define PUD_MASK       (~(PUD_SIZE - 1))
#define PGDIR_SHIFT    39
#define PGDIR_SIZE     (1UL << PGDIR_SHIFT)
#define PGDIR_MASK     (~(PGDIR_SIZE - 1))
#define PTRS_PER_TABLE 512UL

#define TASK_SIZE	   0x00007ffffffff000UL /* first byte past user space */
#define PAGE_OFFSET	   0xffff888000000000UL
#define LINEAR_MAP_SIZE	   (64UL << 40)
#define VMALLOC_START	   0xffffc90000000000UL
#define VMALLOC_END	   0xffffe8ffffffffffUL
#define VMEMMAP_START	   0xffffea0000000000UL
#define VMEMMAP_END	   (VMEMMAP_START + (1UL << 40))
#define KASAN_SHADOW_START 0xffffec0000000000UL
#define KASAN_SHADOW_END   0xfffffc0000000000UL
/* The shadow byte of an address: address / 8 + this (mm/debug/kasan_check.c). */
#define KASAN_SHADOW_OFFSET 0xdffffc0000000000UL
#define KERNEL_MAP_BASE	    0xffffffff80000000UL
#define KERNEL_IMAGE_START  0xffffffff81000000UL
#define KERNEL_LOAD_PHYS    0x200000UL /* where linker.ld puts the image in physical memory */
#define EXECMEM_START	    0xffffffffa0000000UL
#define EXECMEM_END	    0xffffffffff000000UL
#define FIXADDR_TOP	    0xffffffffff600000UL

#define MAX_PHYSMEM_BITS 46

#define PAGE_ALIGN(x) ALIGN((unsigned long)(x), PAGE_SIZE)
#define PFN_UP(x)     (((unsigned long)(x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x)   ((unsigned long)(x) >> PAGE_SHIFT)
#define PFN_PHYS(x)   ((phys_addr_t)(x) << PAGE_SHIFT)
#define PHYS_PFN(x)   ((unsigned long)(x) >> PAGE_SHIFT)

/* Physical address of a linear-map or kernel-image address; meaningless for vmalloc addresses. */
static __always_inline phys_addr_t __pa_nodebug(unsigned long x)
{
	return x >= KERNEL_MAP_BASE ? x - KERNEL_IMAGE_START + KERNEL_LOAD_PHYS : x - PAGE_OFFSET;
}

#define __pa(x)	       __pa_nodebug((unsigned long)(x))
#define __pa_symbol(x) ((phys_addr_t)(unsigned long)(x)-KERNEL_IMAGE_START + KERNEL_LOAD_PHYS)
/* Linear-map address of a physical address. */
#define __va(x)		 ((void *)((unsigned long)(x) + PAGE_OFFSET))
#define virt_to_phys(x)	 __pa(x)
#define phys_to_virt(x)	 __va(x)
#define pfn_to_virt(pfn) __va((unsigned long)(pfn) << PAGE_SHIFT)
#define virt_to_pfn(x)	 (__pa(x) >> PAGE_SHIFT)
