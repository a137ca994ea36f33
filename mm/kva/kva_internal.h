/*
 * What the files of mm/kva share: areas of kernel address space below the level of vmalloc.h.
 *
 * Mirrors parts of Linux mm/internal.h and mm/vmalloc.c. Exercised by the vmalloc suite.
 */
#pragma once

#include "kernel/spinlock.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "mm/kva/vmalloc.h"

/*
 * Where vmalloc addresses come from: one top-level entry, 512 GiB. Its second-level table is made
 * at boot, so every process has it from birth and the top level never changes. The rest of
 * VMALLOC_START .. VMALLOC_END stays unused on machines of this size.
 */
#define VMALLOC_USED_END (VMALLOC_START + PGDIR_SIZE)

/*
 * Areas that use large entries come from the upper half: where small pages never lived no table
 * stands in the way, and large holes stay large.
 */
#define VMALLOC_HUGE_START (VMALLOC_START + PGDIR_SIZE / 2)

/*
 * A range of kernel addresses, free or taken or waiting for a TLB flush.
 * Legend: V vmap_area_lock; U the owner of the area.
 */
struct vmap_area {
	unsigned long va_start;	      /* V */
	unsigned long va_end;	      /* V */
	struct rb_node rb;	      /* V in the tree of free or of busy areas */
	unsigned long subtree_max;    /* V free: largest free area in the subtree below */
	struct vmap_area *purge_next; /* V waiting: next on the purge list */
	struct vm_struct vm;	      /* U busy */
};

/*
 * Takes size bytes (page aligned) between vstart and vend, aligned; lowest address first.
 * ERR_PTR(-ENOMEM) without a struct, ERR_PTR(-EBUSY) without room. The caller fills in vm,
 * VM_UNINITIALIZED last.
 * => may sleep
 */
struct vmap_area *alloc_vmap_area(unsigned long size, unsigned long align, unsigned long vstart,
				  unsigned long vend);
/* Exactly [start, start + size), or ERR_PTR(-EBUSY). => may sleep */
struct vmap_area *alloc_vmap_area_at(unsigned long start, unsigned long size);
/*
 * Is any part of [start, end) taken, or not ours at all? Then *retry_end is an address at or below
 * which to look next.
 */
bool vmap_range_busy(unsigned long start, unsigned long end, unsigned long *retry_end);
/* The busy area that holds addr; NULL if none. It stays while its owner keeps it. */
struct vmap_area *find_vmap_area(unsigned long addr);
/* For reports: NULL too when somebody holds the lock just now. Any context. */
struct vm_struct *find_vm_area_nowait(const void *addr);
/* The same, taken out of the busy tree: the caller owns it. Only if it begins at addr. */
struct vmap_area *find_unlink_vmap_area(unsigned long addr);
/*
 * Address range of an area that is unmapped but may still be in TLBs: reused after the next purge.
 * => may sleep
 */
void free_vmap_area_lazy(struct vmap_area *va);
/* An area that was never mapped. */
void free_vmap_area_now(struct vmap_area *va);
void vmap_area_init(void);
/* vmap_pte.c */
void vmap_preallocate_tables(void);
/* vmap_pages_range(); large: by 2 MiB entries where the pages allow. */
int __vmap_pages_range(unsigned long start, struct page **pages, unsigned int count, pgprot_t prot,
		       bool large);
/*
 * A table of the kernel's that no entry points to any more, counted in NR_PAGETABLE: freed after a
 * grace period. => all TLBs were flushed since it was taken out
 */
void free_kernel_table(struct page *page);

/* vmalloc.c */
struct vm_struct *__get_vm_area_node(unsigned long size, unsigned long align,
				     unsigned long vm_flags, unsigned long start, unsigned long end,
				     const void *caller);
/* stack.c, percpu_vm.c: called by vmalloc_init() */
void pcpu_vm_init(void);
