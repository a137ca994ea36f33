/*
 * Kernel address space for pages that are not contiguous: vmalloc, vmap, kernel stacks.
 *
 * Every area is followed by an unmapped guard page, so running off its end faults. Freed addresses
 * are not reused before a TLB flush has covered them (lazy purge: one flush for many areas).
 *
 * Mirrors Linux include/linux/vmalloc.h. Exercised by the vmalloc suite (tests/kernel/vmalloc.c).
 */
#pragma once

#include "arch/x86/pgtable.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"
#include "mm/phys/gfp.h"

struct page;

/* vm_struct.flags */
#define VM_IOREMAP	 0x00000001 /* ioremap() */
#define VM_ALLOC	 0x00000002 /* vmalloc() */
#define VM_MAP		 0x00000004 /* vmap() */
#define VM_USERMAP	 0x00000008 /* may be mapped to user space by remap_vmalloc_range */
#define VM_UNINITIALIZED 0x00000020 /* not yet to be shown */
#define VM_NO_GUARD	 0x00000040 /* no guard page behind it */
#define VM_FLUSH_RESET_PERMS \
	0x00000100 /* set_memory_*() was here: vfree() makes the linear map as it was, and flushes */
#define VM_MAP_PUT_PAGES 0x00000200 /* vfree() puts the pages of a vmap() */
#define VM_ALLOW_HUGE_VMAP \
	0x00000400 /* 2 MiB pages and entries where they fit: who changes permissions splits them */
#define VM_PERCPU 0x00001000 /* a unit of a per-CPU chunk */
#define VM_KSTACK 0x00000800 /* kernel stack */

/* What an area is used for: what vmallocinfo prints. */
struct vm_struct {
	void *addr;
	unsigned long size; /* bytes, with the guard page */
	unsigned long flags;
	struct page **pages;	 /* nr_pages of them; NULL for ioremap */
	unsigned int page_order; /* 9: 2 MiB at a time were asked for, 0: single pages */
	unsigned int nr_pages;
	phys_addr_t phys_addr; /* ioremap: first physical address */
	const void *caller;    /* who asked */
};

/* ---- vmalloc; all of these may sleep ---- */

/*
 * size bytes (page aligned up), mapped RW and NX. NULL when out of memory, for 0 and for absurd
 * sizes (one warning).
 */
void *vmalloc(unsigned long size) __malloc;
void *vzalloc(unsigned long size) __malloc;
void *vmalloc_node(unsigned long size, int node) __malloc;
void *vzalloc_node(unsigned long size, int node) __malloc;
void *vmalloc_user(unsigned long size) __malloc; /* zeroed, VM_USERMAP */
void *__vmalloc(unsigned long size, gfp_t gfp) __malloc;
/* By 2 MiB pages where size and memory allow; the rest of it, and all if need be, by small ones. */
void *vmalloc_huge(unsigned long size, gfp_t gfp) __malloc;
/* The whole interface: any range, alignment (a power of two, at least a page), protection, node. */
void *__vmalloc_node_range(unsigned long size, unsigned long align, unsigned long start,
			   unsigned long end, gfp_t gfp, pgprot_t prot, unsigned long vm_flags,
			   int node, const void *caller);
/*
 * Frees what vmalloc (or vmap with VM_MAP_PUT_PAGES) returned; NULL is fine. In an interrupt it is
 * queued, and done by the next caller that may, or after an RCU grace period. vfree_atomic() always
 * queues. => any context, no spinlock held
 */
void vfree(const void *addr);
void vfree_atomic(const void *addr);

/* Maps count pages in a row; the caller keeps the pages alive. NULL on failure. => may sleep */
void *vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot);
void vunmap(const void *addr); /* takes down a vmap(), leaves the pages. => may sleep */

struct page *
vmalloc_to_page(const void *addr); /* the page behind an address; NULL if none is mapped */
unsigned long vmalloc_to_pfn(const void *addr);
static __always_inline bool is_vmalloc_addr(const void *x)
{
	return (unsigned long)x >= VMALLOC_START && (unsigned long)x < VMALLOC_END;
}

/*
 * Copies count bytes from addr on into buf, as far as there is memory in areas of vmalloc space;
 * what lies between them, in devices or in pages that are not present reads as zero. Returns the
 * bytes that were there. Safe whatever addr is.
 */
long vread(char *buf, const char *addr, unsigned long count);

/* ---- areas without memory: for ioremap, execmem and the like ---- */
struct vm_struct *get_vm_area(unsigned long size, unsigned long flags);
struct vm_struct *get_vm_area_caller(unsigned long size, unsigned long flags, const void *caller);
void free_vm_area(struct vm_struct *area); /* unmaps too */
struct vm_struct *
find_vm_area(const void *addr); /* the area that begins at addr or holds it, or NULL */

/* ---- mapping in the kernel's own page tables ---- */

/*
 * Maps [start, end) to consecutive frames from phys; large pages where both sides are aligned. 0 or
 * -ENOMEM.
 */
int vmap_page_range(unsigned long start, unsigned long end, phys_addr_t phys, pgprot_t prot);
/* Maps count single pages from start on. 0 or -ENOMEM. => may sleep */
int vmap_pages_range(unsigned long start, struct page **pages, unsigned int count, pgprot_t prot);
/* Clears, and flushes all TLBs; without flush the caller has to do that. */
void vunmap_range(unsigned long start, unsigned long end);
void vunmap_range_noflush(unsigned long start, unsigned long end);

/* ---- boot and observation ---- */
/* Boot, => slab up: the top-level tables, so that no process ever misses one; free areas. */
void vmalloc_init(void);
bool vmalloc_is_available(void);
void vm_unmap_aliases(void);	      /* flushes every lazily freed range now. => may sleep */
unsigned long vmalloc_nr_pages(void); /* pages behind vmalloc areas: VmallocUsed in /proc/meminfo */
#define VMALLOC_TOTAL (VMALLOC_END - VMALLOC_START)

/*
 * Calls fn for each area in address order until it returns non-zero, and returns that. fn must not
 * sleep.
 */
int vmalloc_for_each(int (*fn)(const struct vm_struct *area, void *arg), void *arg);
/*
 * As many pages of lazily freed address space may wait for one flush as on Linux, 32 MiB for each
 * doubling of the CPUs, but not more than a sixteenth of the RAM's number.
 */
unsigned long lazy_max_pages(void);
/*
 * Calls fn for each waiting range, until it returns non-zero, and returns that. fn must not sleep.
 */
int vmap_for_each_unpurged(int (*fn)(unsigned long start, unsigned long end, void *arg), void *arg);
