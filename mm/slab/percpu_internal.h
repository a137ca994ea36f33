/*
 * What the per-CPU allocator and its statistics share: the chunk.
 *
 * Mirrors Linux mm/percpu-internal.h. Exercised by the percpu suite (tests/kernel/percpu.c).
 */
#pragma once

#include "arch/x86/page.h"
#include "kernel/spinlock.h"
#include "lib/bitmap.h"
#include "lib/list.h"
#include "mm/slab/percpu.h"

#define PCPU_MIN_ALLOC_SHIFT 3
#define PCPU_MIN_ALLOC_SIZE  (1UL << PCPU_MIN_ALLOC_SHIFT)
#define PCPU_BITS_PER_PAGE   (PAGE_SIZE >> PCPU_MIN_ALLOC_SHIFT)
#define PCPU_MAX_PAGES	     (PCPU_MAX_UNIT_SIZE >> PAGE_SHIFT)

/* Legend: - never changes; L pcpu_lock; M pcpu_alloc_mutex and L for writing, one of them for reading. */
struct pcpu_chunk {
	struct list_head list;	  /* L */
	unsigned long base;	  /* - per-CPU address of the first byte */
	unsigned int nr_bits;	  /* - size in units of 8 bytes */
	unsigned int free_bits;	  /* L */
	unsigned int first_free;  /* L no free bit is below it */
	unsigned int contig_hint; /* L no free run has more bits */
	unsigned long *alloc_map; /* L nr_bits */
	unsigned long *bound_map; /* L nr_bits + 1; true where alloc_map is set, and at ends */
	unsigned int nr_alloc;	  /* L allocations alive */
	size_t max_alloc_size;	  /* L the largest ever, in bytes */
	DECLARE_BITMAP(populated,
		       PCPU_MAX_PAGES); /* M all but the first chunk, which is memory throughout */
};

extern spinlock_t pcpu_lock;
extern struct list_head pcpu_chunks;
extern struct pcpu_chunk pcpu_first_chunk;
size_t pcpu_chunk_unit_size(void); /* bytes of a unit of all chunks but the first */
