/*
 * Address spaces for in-kernel suites: made, changed and used by a kernel thread, without any program.
 *
 * 1. The thread works in a space only inside a call (kthread_use_mm), so one thread can own a whole family of them, and
 *    nothing happens in any space but what the suite does: mapcounts and references can be compared with ==.
 * 2. Mapping calls go through the system-call table, stores and loads through uaccess and the page-fault handler: the paths
 *    that programs take.
 *
 * Exercised by the suites rmap and rmap_storm.
 */
#pragma once

#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "lib/types.h"
#include "mm/cache/file.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/page.h"
#include "mm/user/memory.h"
#include "mm/user/mm.h"
#include "mm/user/mman.h"

#define UM_BASE 0x200000000000UL /* where suites put their areas: a table's first entry */
#define UM_RW	(PROT_READ | PROT_WRITE)
#define UM_ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* A system call in mm; what it returns. => kernel thread without an address space; may sleep */
long um_call(struct mm_struct *mm, unsigned int nr, unsigned long a, unsigned long b,
	     unsigned long c, unsigned long d, unsigned long e);

#define um_munmap(mm, addr, len)	  um_call(mm, 11, addr, len, 0, 0, 0)
#define um_mprotect(mm, addr, len, prot)  um_call(mm, 10, addr, len, prot, 0, 0)
#define um_madvise(mm, addr, len, advice) um_call(mm, 28, addr, len, advice, 0, 0)
#define um_mlock(mm, addr, len)		  um_call(mm, 149, addr, len, 0, 0, 0)
#define um_munlock(mm, addr, len)	  um_call(mm, 150, addr, len, 0, 0, 0)
/* Moves [from, from + len) to `to`. */
#define um_move(mm, from, len, to) \
	um_call(mm, 25, from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to)

/* mmap(MAP_FIXED) of file (NULL: anonymous) from page pgoff; 0 or negative errno. */
long um_mmap(struct mm_struct *mm, unsigned long addr, unsigned long len, unsigned long prot,
	     unsigned long flags, struct file *file, pgoff_t pgoff);
/* One byte of the program's memory; 0, or -EFAULT. */
int um_write(struct mm_struct *mm, unsigned long addr, u8 value);
int um_read(struct mm_struct *mm, unsigned long addr, u8 *value);

/* The entry of addr; none if there is no table. */
pte_t um_pte(struct mm_struct *mm, unsigned long addr);
/* The folio that addr maps, with a reference; NULL: nothing, or the zero page. */
struct folio *um_folio(struct mm_struct *mm, unsigned long addr);

/* get_new of migrate_folio(): a fresh folio of the same order, from anywhere. */
struct folio *um_new_folio(struct folio *src, void *arg);
