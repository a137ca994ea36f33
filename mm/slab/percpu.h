/*
 * Per-CPU variables that are made at run time: one copy for each possible CPU.
 *
 * What alloc_percpu() returns is not an address but a per-CPU address: add __per_cpu_offset[cpu]
 * (per_cpu_ptr), or let this_cpu_*() add the GS base. The static per-CPU variables work the same
 * way.
 *
 * Mirrors Linux include/linux/percpu.h. Exercised by the percpu suite (tests/kernel/percpu.c).
 */
#pragma once

#include "kernel/percpu.h"
#include "lib/types.h"
#include "mm/phys/gfp.h"

/*
 * size bytes (up to what a unit holds, at least 16 KiB) on each CPU, zeroed, aligned to align (a
 * power of two, at most a page). NULL when out of memory or when the arguments make no sense (one
 * warning).
 * => may sleep unless gfp forbids; then only memory that is already mapped is used
 */
void __percpu *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp);
void __percpu *__alloc_percpu(size_t size, size_t align);
#define alloc_percpu_gfp(type, gfp) \
	((__typeof__(type) __percpu *)__alloc_percpu_gfp(sizeof(type), __alignof__(type), gfp))
#define alloc_percpu(type) \
	((__typeof__(type) __percpu *)__alloc_percpu(sizeof(type), __alignof__(type)))
/* Gives it back; NULL is ignored. => any context */
void free_percpu(void __percpu *p);

#define PCPU_MAX_UNIT_SIZE (32UL << 10) /* bytes a CPU has in each chunk but the first */

struct pcpu_stats {
	unsigned int nr_chunks;	       /* the first one included */
	unsigned int nr_alloc;	       /* allocations alive */
	unsigned long bytes, capacity; /* in use, and there to be used, on each CPU */
};
void pcpu_get_stats(struct pcpu_stats *st);
unsigned long pcpu_nr_pages(void); /* Percpu: in /proc/meminfo: pages of all units of all chunks */

/*
 * How a further chunk gets its memory: mm/kva registers this, since chunks need congruent address
 * ranges (the same distances between the CPUs' copies as in the first chunk). create: maps size
 * zeroed bytes for each possible CPU at base + (offset[cpu] - offset[0]); 0 when it cannot.
 */
struct pcpu_chunk_ops {
	unsigned long (*create)(size_t size);
	void (*destroy)(unsigned long base, size_t size);
};
void pcpu_set_chunk_ops(const struct pcpu_chunk_ops *ops);
