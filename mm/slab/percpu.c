/*
 * The per-CPU allocator: variables made at run time with one copy on each CPU.
 *
 * 1. Memory comes in chunks. A chunk has one unit for each possible CPU; all units of a chunk look
 *    alike, and byte n of an allocation lies at the same offset in each of them. So one bitmap
 *    describes all units, and an allocation is one number: its per-CPU address, to which
 *    __per_cpu_offset[cpu] is added.
 * 2. That addition must hold for every chunk, so the units of a later chunk have the same distances
 *    from one another as those of the first. mm/kva finds such a set of ranges in vmalloc space
 *    (pcpu_chunk_ops).
 * 3. The first chunk's units are the ends of the per-CPU areas that setup_per_cpu_areas() made from
 *    memblock: PERCPU_DYNAMIC_RESERVE bytes behind the static variables. They serve before slab and
 *    vmalloc do.
 * 4. A unit of a later chunk must fit between two of them: its size is the least distance between
 *    two CPUs' areas, at most PCPU_MAX_UNIT_SIZE.
 * 5. Two bits for each 8 bytes of a unit: alloc_map says whether they are taken, bound_map whether
 *    an allocation begins (or the one before ends) there. Allocation is first fit from first_free
 *    on; freeing finds the end of the allocation in bound_map.
 *
 * Lock: pcpu_lock (any context) protects the list of chunks and their maps; pcpu_alloc_mutex keeps
 * two callers from making a chunk each. Complexity: linear in the bitmap; allocations are rare and
 * long-lived.
 *
 * Mirrors Linux mm/percpu.c. Exercised by the percpu suite (tests/kernel/percpu.c).
 */
#include "mm/slab/percpu.h"

#include "arch/x86/bitops.h"
#include "arch/x86/page.h"
#include "kernel/bug.h"
#include "kernel/mutex.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "lib/bitmap.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define PCPU_MIN_ALLOC_SHIFT 3
#define PCPU_MIN_ALLOC_SIZE  (1UL << PCPU_MIN_ALLOC_SHIFT)
#define PCPU_FIRST_BITS	     (PERCPU_DYNAMIC_RESERVE >> PCPU_MIN_ALLOC_SHIFT)

struct pcpu_chunk {
	struct list_head list;
	unsigned long base;   /* per-CPU address of the first byte */
	unsigned int nr_bits; /* size in units of 8 bytes */
	unsigned int free_bits;
	unsigned int first_free;  /* no free bit is below it */
	unsigned long *alloc_map; /* nr_bits */
	unsigned long *bound_map; /* nr_bits + 1 */
};

static DEFINE_SPINLOCK(pcpu_lock);
static DEFINE_MUTEX(pcpu_alloc_mutex);
static LIST_HEAD(pcpu_chunks);
static const struct pcpu_chunk_ops *pcpu_chunk_ops;
static unsigned int pcpu_nr_chunks, pcpu_nr_alloc, pcpu_nr_empty;

static unsigned long first_alloc_map[BITS_TO_LONGS(PCPU_FIRST_BITS)];
static unsigned long first_bound_map[BITS_TO_LONGS(PCPU_FIRST_BITS + 1)];
static struct pcpu_chunk first_chunk = {
	.alloc_map = first_alloc_map,
	.bound_map = first_bound_map,
	.nr_bits = PCPU_FIRST_BITS,
	.free_bits = PCPU_FIRST_BITS,
};

void pcpu_set_chunk_ops(const struct pcpu_chunk_ops *ops)
{
	pcpu_chunk_ops = ops;
}

/* Bytes of a unit of a later chunk: see 4. Known from the first call on. */
static size_t chunk_unit_size(void)
{
	static size_t unit;
	size_t least = PCPU_MAX_UNIT_SIZE;
	int i, j;

	if (likely(unit))
		return unit;
	for_each_possible_cpu(i)
		for_each_possible_cpu(j)
			if (__per_cpu_offset[i] > __per_cpu_offset[j])
				least = min_t(size_t, least,
					      __per_cpu_offset[i] - __per_cpu_offset[j]);
	WRITE_ONCE(unit, ALIGN_DOWN(least, PAGE_SIZE));
	return unit;
}

/* => pcpu_lock held */
static void add_first_chunk(void)
{
	first_chunk.base = (unsigned long)__per_cpu_end;
	list_add_tail(&first_chunk.list, &pcpu_chunks);
	pcpu_nr_chunks = 1;
}

/* Start bit of a free run of bits, aligned in bytes; -1 if the chunk has none. => pcpu_lock held */
static long find_area(const struct pcpu_chunk *c, unsigned int bits, size_t align)
{
	unsigned long i = c->first_free;

	while (i + bits <= c->nr_bits) {
		unsigned long addr, end;

		i = find_next_zero_bit(c->alloc_map, c->nr_bits, i);
		addr = c->base + (i << PCPU_MIN_ALLOC_SHIFT);
		i += (ALIGN(addr, align) - addr) >> PCPU_MIN_ALLOC_SHIFT;
		if (i + bits > c->nr_bits)
			return -1;
		end = find_next_bit(c->alloc_map, i + bits, i);
		if (end >= i + bits)
			return i;
		i = end + 1;
	}
	return -1;
}

/* => pcpu_lock held */
static unsigned long take_area(struct pcpu_chunk *c, unsigned long i, unsigned int bits)
{
	if (c != &first_chunk && c->free_bits == c->nr_bits)
		pcpu_nr_empty--;
	bitmap_set(c->alloc_map, i, bits);
	bitmap_clear(c->bound_map, i, bits);
	__set_bit(i, c->bound_map);
	__set_bit(i + bits, c->bound_map);
	c->free_bits -= bits;
	if (i == c->first_free)
		c->first_free = i + bits;
	pcpu_nr_alloc++;
	return c->base + (i << PCPU_MIN_ALLOC_SHIFT);
}

static unsigned long alloc_from_chunks(size_t size, size_t align)
{
	unsigned int bits = ALIGN(size, PCPU_MIN_ALLOC_SIZE) >> PCPU_MIN_ALLOC_SHIFT;
	struct pcpu_chunk *c;
	unsigned long flags, addr = 0;

	spin_lock_irqsave(&pcpu_lock, flags);
	if (unlikely(!pcpu_nr_chunks))
		add_first_chunk();
	list_for_each_entry(c, &pcpu_chunks, list) {
		long i = c->free_bits < bits ? -1 : find_area(c, bits, align);

		if (i >= 0) {
			addr = take_area(c, i, bits);
			break;
		}
	}
	spin_unlock_irqrestore(&pcpu_lock, flags);
	return addr;
}

static struct pcpu_chunk *create_chunk(void)
{
	unsigned int bits = chunk_unit_size() >> PCPU_MIN_ALLOC_SHIFT;
	struct pcpu_chunk *c;

	if (!pcpu_chunk_ops)
		return NULL;
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return NULL;
	c->nr_bits = c->free_bits = bits;
	c->alloc_map = kcalloc(BITS_TO_LONGS(bits), sizeof(long), GFP_KERNEL);
	c->bound_map = kcalloc(BITS_TO_LONGS(bits + 1), sizeof(long), GFP_KERNEL);
	if (c->alloc_map && c->bound_map)
		c->base = pcpu_chunk_ops->create(chunk_unit_size());
	if (!c->base) {
		kfree(c->alloc_map);
		kfree(c->bound_map);
		kfree(c);
		return NULL;
	}
	return c;
}

/*
 * One empty chunk may wait for its next use; more are given back here, where it is allowed to
 * sleep.
 */
static void destroy_surplus_chunks(void)
{
	struct pcpu_chunk *c, *next;
	unsigned long flags;
	LIST_HEAD(surplus);

	spin_lock_irqsave(&pcpu_lock, flags);
	list_for_each_entry_safe(c, next, &pcpu_chunks, list) {
		if (pcpu_nr_empty <= 1)
			break;
		if (c == &first_chunk || c->free_bits != c->nr_bits)
			continue;
		list_move(&c->list, &surplus);
		pcpu_nr_empty--;
		pcpu_nr_chunks--;
	}
	spin_unlock_irqrestore(&pcpu_lock, flags);
	list_for_each_entry_safe(c, next, &surplus, list) {
		pcpu_chunk_ops->destroy(c->base, chunk_unit_size());
		kfree(c->alloc_map);
		kfree(c->bound_map);
		kfree(c);
	}
}

/* Makes a chunk, unless somebody else just did and the allocation succeeds after all. */
static unsigned long alloc_from_new_chunk(size_t size, size_t align)
{
	struct pcpu_chunk *c;
	unsigned long flags, addr;

	mutex_lock(&pcpu_alloc_mutex);
	destroy_surplus_chunks();
	addr = alloc_from_chunks(size, align);
	if (!addr) {
		c = create_chunk();
		if (c) {
			spin_lock_irqsave(&pcpu_lock, flags);
			list_add_tail(&c->list, &pcpu_chunks);
			pcpu_nr_chunks++;
			pcpu_nr_empty++;
			spin_unlock_irqrestore(&pcpu_lock, flags);
			addr = alloc_from_chunks(size, align);
		}
	}
	mutex_unlock(&pcpu_alloc_mutex);
	return addr;
}

void __percpu *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
{
	unsigned long addr;
	int cpu;

	align = max_t(size_t, align, PCPU_MIN_ALLOC_SIZE);
	if (!size || size > chunk_unit_size() || align > PAGE_SIZE || !is_power_of_2(align)) {
		WARN_ONCE(1, "alloc_percpu: %zu bytes aligned to %zu from %pS make no sense\n",
			  size, align, __builtin_return_address(0));
		return NULL;
	}
	addr = alloc_from_chunks(size, align);
	if (!addr && gfpflags_allow_blocking(gfp))
		addr = alloc_from_new_chunk(size, align);
	if (!addr)
		return NULL;
	for_each_possible_cpu(cpu)
		memset((void *)(addr + __per_cpu_offset[cpu]), 0, size);
	return (void __percpu *)addr;
}

void __percpu *__alloc_percpu(size_t size, size_t align)
{
	return __alloc_percpu_gfp(size, align, GFP_KERNEL);
}

void free_percpu(void __percpu *p)
{
	unsigned long addr = (unsigned long)p, flags, i, end;
	struct pcpu_chunk *c;

	if (!p)
		return;
	spin_lock_irqsave(&pcpu_lock, flags);
	list_for_each_entry(c, &pcpu_chunks, list) {
		i = (addr - c->base) >> PCPU_MIN_ALLOC_SHIFT;
		if (addr < c->base || i >= c->nr_bits)
			continue;
		if (!test_bit(i, c->alloc_map) || !test_bit(i, c->bound_map) ||
		    !IS_ALIGNED(addr - c->base, PCPU_MIN_ALLOC_SIZE))
			break;
		end = find_next_bit(c->bound_map, c->nr_bits + 1, i + 1);
		bitmap_clear(c->alloc_map, i, end - i);
		c->free_bits += end - i;
		c->first_free = min_t(unsigned long, c->first_free, i);
		pcpu_nr_alloc--;
		if (c != &first_chunk && c->free_bits == c->nr_bits)
			pcpu_nr_empty++;
		spin_unlock_irqrestore(&pcpu_lock, flags);
		return;
	}
	spin_unlock_irqrestore(&pcpu_lock, flags);
	WARN(1, "free_percpu: %px was not allocated\n", p);
}

void pcpu_get_stats(struct pcpu_stats *st)
{
	struct pcpu_chunk *c;
	unsigned long flags;

	memset(st, 0, sizeof(*st));
	spin_lock_irqsave(&pcpu_lock, flags);
	st->nr_chunks = pcpu_nr_chunks;
	st->nr_alloc = pcpu_nr_alloc;
	list_for_each_entry(c, &pcpu_chunks, list) {
		st->capacity += (unsigned long)c->nr_bits << PCPU_MIN_ALLOC_SHIFT;
		st->bytes += (unsigned long)(c->nr_bits - c->free_bits) << PCPU_MIN_ALLOC_SHIFT;
	}
	spin_unlock_irqrestore(&pcpu_lock, flags);
}

unsigned long pcpu_nr_pages(void)
{
	struct pcpu_stats st;

	pcpu_get_stats(&st);
	st.capacity += (unsigned long)(__per_cpu_end - __per_cpu_start);
	return PFN_UP(st.capacity) * num_possible_cpus();
}
