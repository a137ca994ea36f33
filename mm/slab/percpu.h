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
	unsigned long nr_alloc, nr_dealloc;	  /* since boot */
	unsigned long nr_cur_alloc, nr_max_alloc; /* alive now, and the most ever */
	unsigned int nr_chunks, nr_max_chunks;	  /* the first one included */
	size_t min_alloc_size, max_alloc_size;	  /* bytes asked for; 0: nothing yet */
	unsigned long bytes, capacity;		  /* in use, and there to be used, on each CPU */
	unsigned long nr_populated,
		empty_pop_pages; /* later chunks: pages with memory, of them unused */
};
void pcpu_get_stats(struct pcpu_stats *st);
unsigned long
pcpu_nr_pages(void); /* Percpu: in /proc/meminfo: pages behind all units of all chunks */

/* One chunk as /sys/kernel/debug/percpu_stats shows it. Sizes in bytes, of one unit. */
struct pcpu_chunk_stats {
	bool first;			 /* the chunk that memblock gave */
	unsigned int nr_alloc;		 /* alive */
	size_t max_alloc_size;		 /* the largest ever */
	unsigned int empty_pop_pages;	 /* with memory, and nothing in them */
	unsigned int first_bit;		 /* no free 8 bytes before this one */
	size_t free_bytes, contig_bytes; /* free, and the longest free run */
	size_t sum_frag,
		max_frag; /* free bytes in front of the last allocation; the longest run of them */
	size_t cur_min_alloc, cur_med_alloc,
		cur_max_alloc; /* of what is alive (the median: of pieces) */
};
/*
 * Calls fn for each chunk, oldest first, until it returns non-zero, and returns that; or -ENOMEM.
 * A chunk that comes or goes meanwhile may be missed. => may sleep
 */
int pcpu_for_each_chunk(int (*fn)(const struct pcpu_chunk_stats *st, void *arg), void *arg);

/*
 * How a further chunk gets its memory: mm/kva registers this, since chunks need congruent address
 * ranges (the same distances between the CPUs' copies as in the first chunk). Addresses are per-CPU
 * addresses, to which __per_cpu_offset[cpu] is added. => all may sleep, one at a time
 */
struct pcpu_chunk_ops {
	/* Takes size bytes of addresses for each possible CPU, without memory; 0 when it cannot. */
	unsigned long (*create)(size_t size);
	/* Gives the addresses back, and what memory there is behind them. */
	void (*destroy)(unsigned long base, size_t size);
	/* A page of each CPU's own node at addr. 0 or -ENOMEM, then nothing is left. */
	int (*populate)(unsigned long addr);
	/* Takes the pages at addr away, on all CPUs. */
	void (*depopulate)(unsigned long addr);
};
void pcpu_set_chunk_ops(const struct pcpu_chunk_ops *ops);

/*
 * Keeps a few empty pages ready for allocations that may not sleep, and gives back what is more than
 * enough. kick asks the floor above to have it called from a thread; kick is called from any context.
 */
void pcpu_balance(void); /* => may sleep */
void pcpu_set_balance_kick(void (*kick)(void));
