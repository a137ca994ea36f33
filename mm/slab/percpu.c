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
 *    an allocation begins (or the one before ends) there. Allocation is first fit; freeing finds the
 *    end of the allocation in bound_map. Two hints save searches: no free bit lies below first_free,
 *    and no free run is longer than contig_hint. Both may be too generous, never too strict.
 * 6. A later chunk begins as addresses only. A page of it is populated, on each CPU's own node, when
 *    an allocation first reaches into it: populated has a bit for each page of a unit. A page in
 *    which nothing is left gives its memory back once there are more than enough such pages.
 * 7. An allocation that may not sleep takes populated pages only. So that there are some, a few
 *    empty ones are kept ready (PCPU_EMPTY_LOW to PCPU_EMPTY_HIGH): whoever finds fewer, or fails,
 *    kicks the balancer, a work item of the floor above that calls pcpu_balance().
 *
 * Locks: pcpu_lock (any context) protects chunks, their maps and the numbers; pcpu_alloc_mutex is
 * held while chunks come and go and while pages are populated and given back, so what a caller
 * populated stays. Complexity: linear in the bitmap; allocations are rare and long-lived.
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
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mm/debug/kmemleak.h"
#include "mm/slab/percpu_internal.h"
#include "mm/slab/slab.h"

#define PCPU_FIRST_BITS	 (PERCPU_DYNAMIC_RESERVE >> PCPU_MIN_ALLOC_SHIFT)
#define PCPU_FIRST_PAGES (PFN_UP(PERCPU_DYNAMIC_RESERVE) + 1)
#define PCPU_EMPTY_LOW	 2
#define PCPU_EMPTY_HIGH	 4

DEFINE_SPINLOCK(pcpu_lock);
LIST_HEAD(pcpu_chunks);
struct pcpu_stats pcpu_stats;
static DEFINE_MUTEX(pcpu_alloc_mutex);
static const struct pcpu_chunk_ops *pcpu_chunk_ops;
static void (*pcpu_balance_kick)(void);
static unsigned int pcpu_nr_empty_chunks;    /* pcpu_lock: of the later ones */
static unsigned int pcpu_nr_empty_pop_pages; /* pcpu_lock: populated, nothing in them */
static unsigned long pcpu_nr_populated;	     /* pcpu_lock: pages of a unit, later chunks */

static unsigned long first_alloc_map[BITS_TO_LONGS(PCPU_FIRST_BITS)];
static unsigned long first_bound_map[BITS_TO_LONGS(PCPU_FIRST_BITS + 1)];
struct pcpu_chunk pcpu_first_chunk = {
	.alloc_map = first_alloc_map,
	.bound_map = first_bound_map,
	.nr_bits = PCPU_FIRST_BITS,
	.free_bits = PCPU_FIRST_BITS,
	.contig_hint = PCPU_FIRST_BITS,
};

void pcpu_set_chunk_ops(const struct pcpu_chunk_ops *ops)
{
	pcpu_chunk_ops = ops;
}

void pcpu_set_balance_kick(void (*kick)(void))
{
	WRITE_ONCE(pcpu_balance_kick, kick);
}

static void kick_balance(void)
{
	void (*kick)(void) = READ_ONCE(pcpu_balance_kick);

	if (kick)
		kick();
}

/* Bytes of a unit of a later chunk: see 4. Known from the first call on. */
size_t pcpu_chunk_unit_size(void)
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
static void add_chunk(struct pcpu_chunk *c)
{
	list_add_tail(&c->list, &pcpu_chunks);
	pcpu_stats.nr_chunks++;
	pcpu_stats.nr_max_chunks = max(pcpu_stats.nr_max_chunks, pcpu_stats.nr_chunks);
	if (c != &pcpu_first_chunk)
		pcpu_nr_empty_chunks++;
}

/* ---- pages of a chunk ---- */

static unsigned int page_of_bit(unsigned long bit)
{
	return bit >> (PAGE_SHIFT - PCPU_MIN_ALLOC_SHIFT);
}

static bool page_is_empty(const struct pcpu_chunk *c, unsigned int page)
{
	unsigned long from = page * PCPU_BITS_PER_PAGE;

	return find_next_bit(c->alloc_map, from + PCPU_BITS_PER_PAGE, from) >=
	       from + PCPU_BITS_PER_PAGE;
}

/* Populated pages among those of the bits [i, i + bits) in which nothing is. => pcpu_lock held */
static unsigned int empty_pop_pages(const struct pcpu_chunk *c, unsigned long i, unsigned int bits)
{
	unsigned int nr = 0;

	if (c == &pcpu_first_chunk)
		return 0;
	for (unsigned int p = page_of_bit(i); p <= page_of_bit(i + bits - 1); p++)
		nr += test_bit(p, c->populated) && page_is_empty(c, p);
	return nr;
}

/* First page of those of the bits [i, i + bits) without memory; -1: all have some. */
static long first_unpopulated(const struct pcpu_chunk *c, unsigned long i, unsigned int bits)
{
	unsigned int last = page_of_bit(i + bits - 1), p;

	if (c == &pcpu_first_chunk)
		return -1;
	p = find_next_zero_bit(c->populated, last + 1, page_of_bit(i));
	return p > last ? -1 : (long)p;
}

/*
 * Gives memory to the pages of the bits that have none. 0 or -ENOMEM.
 * => pcpu_alloc_mutex held: nobody else changes c->populated
 */
static int populate_area(struct pcpu_chunk *c, unsigned long i, unsigned int bits)
{
	long page;

	while ((page = first_unpopulated(c, i, bits)) >= 0) {
		if (pcpu_chunk_ops->populate(c->base + ((unsigned long)page << PAGE_SHIFT)))
			return -ENOMEM;
		guard(spinlock_irqsave)(&pcpu_lock);
		__set_bit(page, c->populated);
		pcpu_nr_populated++;
		pcpu_nr_empty_pop_pages += page_is_empty(c, page);
	}
	return 0;
}

/* ---- areas in a chunk ---- */

/*
 * Start bit of a free run of bits, aligned in bytes; -1 if the chunk has none. populated: only where
 * there is memory already. => pcpu_lock held
 */
static long find_area(struct pcpu_chunk *c, unsigned int bits, size_t align, bool populated)
{
	unsigned long i = c->first_free, end;
	long page;

	if (c->free_bits < bits || c->contig_hint < bits)
		return -1;
	for (;;) {
		i = find_next_zero_bit(c->alloc_map, c->nr_bits, i);
		i = (ALIGN(c->base + (i << PCPU_MIN_ALLOC_SHIFT), align) - c->base) >>
		    PCPU_MIN_ALLOC_SHIFT;
		if (i + bits > c->nr_bits)
			break;
		end = find_next_bit(c->alloc_map, i + bits, i);
		if (end < i + bits) {
			i = end + 1;
			continue;
		}
		page = populated ? first_unpopulated(c, i, bits) : -1;
		if (page < 0)
			return i;
		i = (page + 1) * PCPU_BITS_PER_PAGE;
	}
	/* Without alignment and pages in the way, this was about the length alone. */
	if (align == PCPU_MIN_ALLOC_SIZE && !populated)
		c->contig_hint = bits - 1;
	return -1;
}

static void count_alloc(struct pcpu_chunk *c, size_t size)
{
	struct pcpu_stats *st = &pcpu_stats;

	st->nr_alloc++;
	st->nr_cur_alloc++;
	st->nr_max_alloc = max(st->nr_max_alloc, st->nr_cur_alloc);
	st->min_alloc_size = st->min_alloc_size ? min(st->min_alloc_size, size) : size;
	st->max_alloc_size = max(st->max_alloc_size, size);
	c->nr_alloc++;
	c->max_alloc_size = max(c->max_alloc_size, size);
}

/* => pcpu_lock held */
static void take_area(struct pcpu_chunk *c, unsigned long i, unsigned int bits)
{
	if (c != &pcpu_first_chunk && c->free_bits == c->nr_bits)
		pcpu_nr_empty_chunks--;
	pcpu_nr_empty_pop_pages -= empty_pop_pages(c, i, bits);
	bitmap_set(c->alloc_map, i, bits);
	bitmap_clear(c->bound_map, i, bits);
	__set_bit(i, c->bound_map);
	__set_bit(i + bits, c->bound_map);
	c->free_bits -= bits;
	if (i == c->first_free)
		c->first_free = i + bits;
	c->contig_hint = min(c->contig_hint, c->free_bits);
}

/* Length of the free run around the free bits [i, end). => pcpu_lock held */
static unsigned int free_run(const struct pcpu_chunk *c, unsigned long i, unsigned long end)
{
	end = find_next_bit(c->alloc_map, c->nr_bits, end);
	while (i && !test_bit(i - 1, c->alloc_map))
		i--;
	return end - i;
}

/* => pcpu_lock held. What it returns is the number of bits. */
static void give_area(struct pcpu_chunk *c, unsigned long i)
{
	unsigned long end = find_next_bit(c->bound_map, c->nr_bits + 1, i + 1);

	bitmap_clear(c->alloc_map, i, end - i);
	c->free_bits += end - i;
	c->first_free = min_t(unsigned int, c->first_free, i);
	c->contig_hint = max(c->contig_hint, free_run(c, i, end));
	pcpu_nr_empty_pop_pages += empty_pop_pages(c, i, end - i);
	if (c != &pcpu_first_chunk && c->free_bits == c->nr_bits)
		pcpu_nr_empty_chunks++;
}

/* ---- chunks ---- */

static void free_chunk_struct(struct pcpu_chunk *c)
{
	kfree(c->alloc_map);
	kfree(c->bound_map);
	kfree(c);
}

static struct pcpu_chunk *create_chunk(void)
{
	unsigned int bits = pcpu_chunk_unit_size() >> PCPU_MIN_ALLOC_SHIFT;
	struct pcpu_chunk *c;

	if (!pcpu_chunk_ops)
		return NULL;
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return NULL;
	c->nr_bits = c->free_bits = c->contig_hint = bits;
	c->alloc_map = kcalloc(BITS_TO_LONGS(bits), sizeof(long), GFP_KERNEL);
	c->bound_map = kcalloc(BITS_TO_LONGS(bits + 1), sizeof(long), GFP_KERNEL);
	if (c->alloc_map && c->bound_map)
		c->base = pcpu_chunk_ops->create(pcpu_chunk_unit_size());
	if (!c->base) {
		free_chunk_struct(c);
		return NULL;
	}
	return c;
}

/* A chunk without allocations, out of the list, its pages given back. => pcpu_alloc_mutex held */
static void destroy_chunk(struct pcpu_chunk *c)
{
	pcpu_chunk_ops->destroy(c->base, pcpu_chunk_unit_size());
	free_chunk_struct(c);
}

/* One empty chunk may wait for its next use; more are given back. => pcpu_alloc_mutex held */
static void destroy_surplus_chunks(void)
{
	struct pcpu_chunk *c, *next;
	LIST_HEAD(surplus);

	scoped_guard(spinlock_irqsave, &pcpu_lock) {
		list_for_each_entry_safe(c, next, &pcpu_chunks, list) {
			unsigned int pages;

			if (pcpu_nr_empty_chunks <= 1)
				break;
			if (c == &pcpu_first_chunk || c->free_bits != c->nr_bits)
				continue;
			list_move(&c->list, &surplus);
			pages = empty_pop_pages(c, 0, c->nr_bits);
			pcpu_nr_empty_pop_pages -= pages;
			pcpu_nr_populated -= pages;
			pcpu_nr_empty_chunks--;
			pcpu_stats.nr_chunks--;
		}
	}
	list_for_each_entry_safe(c, next, &surplus, list)
		destroy_chunk(c);
}

/*
 * A chunk and a page of it that is populated (or not) and empty; false: there is none. The page
 * counts as unpopulated from here on if it was. => pcpu_alloc_mutex held, so the chunk stays
 */
static bool find_empty_page(bool populated, struct pcpu_chunk **cp, unsigned int *page)
{
	struct pcpu_chunk *c;

	guard(spinlock_irqsave)(&pcpu_lock);
	list_for_each_entry_reverse(c, &pcpu_chunks, list) {
		for (unsigned int p = 0; c != &pcpu_first_chunk && p < page_of_bit(c->nr_bits);
		     p++) {
			if (test_bit(p, c->populated) != populated || !page_is_empty(c, p))
				continue;
			*cp = c;
			*page = p;
			if (populated) {
				__clear_bit(p, c->populated);
				pcpu_nr_populated--;
				pcpu_nr_empty_pop_pages--;
			}
			return true;
		}
	}
	return false;
}

static struct pcpu_chunk *add_new_chunk(void)
{
	struct pcpu_chunk *c = create_chunk();

	if (c) {
		guard(spinlock_irqsave)(&pcpu_lock);
		add_chunk(c);
	}
	return c;
}

void pcpu_balance(void)
{
	struct pcpu_chunk *c;
	unsigned int page;

	guard(mutex)(&pcpu_alloc_mutex);
	destroy_surplus_chunks();
	while (READ_ONCE(pcpu_nr_empty_pop_pages) > PCPU_EMPTY_HIGH &&
	       find_empty_page(true, &c, &page))
		pcpu_chunk_ops->depopulate(c->base + ((unsigned long)page << PAGE_SHIFT));
	while (READ_ONCE(pcpu_nr_empty_pop_pages) < PCPU_EMPTY_HIGH) {
		if (!find_empty_page(false, &c, &page)) {
			if (!add_new_chunk())
				return;
			continue;
		}
		if (populate_area(c, page * PCPU_BITS_PER_PAGE, PCPU_BITS_PER_PAGE))
			return;
	}
}

/* ---- allocation ---- */

struct pcpu_area {
	struct pcpu_chunk *chunk;
	unsigned long start;
	unsigned int bits;
	size_t size, align;
};

/* Takes an area from some chunk. populated: only where there is memory already. */
static bool take_from_chunks(struct pcpu_area *a, bool populated)
{
	struct pcpu_chunk *c;

	guard(spinlock_irqsave)(&pcpu_lock);
	if (unlikely(!pcpu_stats.nr_chunks)) {
		pcpu_first_chunk.base = (unsigned long)__per_cpu_end;
		add_chunk(&pcpu_first_chunk);
	}
	list_for_each_entry(c, &pcpu_chunks, list) {
		long i = find_area(c, a->bits, a->align, populated);

		if (i < 0)
			continue;
		take_area(c, i, a->bits);
		a->chunk = c;
		a->start = i;
		if (populated)
			count_alloc(c, a->size);
		return true;
	}
	return false;
}

/* From a page that must be populated first, or from a new chunk. => may sleep */
static bool alloc_by_populating(struct pcpu_area *a)
{
	guard(mutex)(&pcpu_alloc_mutex);
	destroy_surplus_chunks();
	if (!take_from_chunks(a, false) && !(add_new_chunk() && take_from_chunks(a, false)))
		return false;
	if (!populate_area(a->chunk, a->start, a->bits)) {
		guard(spinlock_irqsave)(&pcpu_lock);
		count_alloc(a->chunk, a->size);
		return true;
	}
	guard(spinlock_irqsave)(&pcpu_lock);
	give_area(a->chunk, a->start);
	return false;
}

static void __percpu *pcpu_alloc(size_t size, size_t align, gfp_t gfp, unsigned long caller)
{
	struct pcpu_area a = { .size = size };
	unsigned long addr;
	bool ok;
	int cpu;

	a.align = max_t(size_t, align, PCPU_MIN_ALLOC_SIZE);
	if (!size || size > pcpu_chunk_unit_size() || align > PAGE_SIZE || (align & (align - 1))) {
		WARN_ONCE(1, "alloc_percpu: %zu bytes aligned to %zu from %pS make no sense\n",
			  size, align, (void *)caller);
		return NULL;
	}
	a.bits = ALIGN(size, PCPU_MIN_ALLOC_SIZE) >> PCPU_MIN_ALLOC_SHIFT;
	ok = take_from_chunks(&a, true);
	if (!ok && gfpflags_allow_blocking(gfp))
		ok = alloc_by_populating(&a);
	if (!ok || READ_ONCE(pcpu_nr_empty_pop_pages) < PCPU_EMPTY_LOW)
		kick_balance();
	if (!ok)
		return NULL;
	addr = a.chunk->base + (a.start << PCPU_MIN_ALLOC_SHIFT);
	for_each_possible_cpu(cpu)
		memset((void *)(addr + __per_cpu_offset[cpu]), 0, size);
	kmemleak_alloc_percpu((void __percpu *)addr, size, gfp);
	return (void __percpu *)addr;
}

void __percpu *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
{
	return pcpu_alloc(size, align, gfp, _RET_IP_);
}

void __percpu *__alloc_percpu(size_t size, size_t align)
{
	return pcpu_alloc(size, align, GFP_KERNEL, _RET_IP_);
}

/* The chunk in which an allocation begins at addr, and the bit; NULL: none. => pcpu_lock held */
static struct pcpu_chunk *find_allocation(unsigned long addr, unsigned long *bit)
{
	struct pcpu_chunk *c;

	list_for_each_entry(c, &pcpu_chunks, list) {
		unsigned long i = (addr - c->base) >> PCPU_MIN_ALLOC_SHIFT;

		if (addr < c->base || i >= c->nr_bits)
			continue;
		if (!test_bit(i, c->alloc_map) || !test_bit(i, c->bound_map) ||
		    !IS_ALIGNED(addr - c->base, PCPU_MIN_ALLOC_SIZE))
			return NULL;
		*bit = i;
		return c;
	}
	return NULL;
}

void free_percpu(void __percpu *p)
{
	struct pcpu_chunk *c;
	unsigned long bit;
	bool surplus = false;

	if (!p)
		return;
	kmemleak_free_percpu(p);
	scoped_guard(spinlock_irqsave, &pcpu_lock) {
		c = find_allocation((unsigned long)p, &bit);
		if (c) {
			give_area(c, bit);
			c->nr_alloc--;
			pcpu_stats.nr_dealloc++;
			pcpu_stats.nr_cur_alloc--;
			surplus = pcpu_nr_empty_chunks > 1 ||
				  pcpu_nr_empty_pop_pages > PCPU_EMPTY_HIGH;
		}
	}
	WARN(!c, "free_percpu: %px was not allocated\n", p);
	if (surplus)
		kick_balance();
}

/* ---- observation ---- */

void pcpu_get_stats(struct pcpu_stats *st)
{
	struct pcpu_chunk *c;

	guard(spinlock_irqsave)(&pcpu_lock);
	*st = pcpu_stats;
	st->nr_populated = pcpu_nr_populated;
	st->empty_pop_pages = pcpu_nr_empty_pop_pages;
	list_for_each_entry(c, &pcpu_chunks, list) {
		st->capacity += (unsigned long)c->nr_bits << PCPU_MIN_ALLOC_SHIFT;
		st->bytes += (unsigned long)(c->nr_bits - c->free_bits) << PCPU_MIN_ALLOC_SHIFT;
	}
}

unsigned long pcpu_nr_pages(void)
{
	return (PFN_UP(pcpu_unit_size) + READ_ONCE(pcpu_nr_populated)) * num_possible_cpus();
}
