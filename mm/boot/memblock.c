/*
 * memblock: who owns which physical bytes while there is no page allocator yet.
 *
 * 1. Two arrays of ranges, `memory` and `reserved`. A byte is free if it lies in a memory range and in no
 *    reserved range. Nothing else is recorded: no free list, no headers in the memory itself.
 * 2. Invariant of both arrays: sorted by base, disjoint, no two neighbours that touch and have equal flags
 *    and node. memblock_type_is_sane() checks it; every public operation leaves it true.
 * 3. All changes are made from two moves. add_range() puts a range into the gaps between the
 *    ranges that are there (what is there already keeps its attributes), then merges. isolate_range() cuts
 *    ranges at two addresses, so that what lies between is a run of whole entries; removing, marking and
 *    giving a node are then loops over that run.
 * 4. Allocation looks through the free ranges, from the top of memory downward (which keeps low memory for the
 *    devices that need it) or upward, for the first hole that fits, and adds it to `reserved`. Freeing removes it.
 *    Searching is linear: a machine has tens of ranges.
 * 5. The machine's arrays start static, with room for 64 regions (memblock_boot.c). An operation first makes sure of enough room
 *    for the worst case, and doubles the array if needed: the new array is itself allocated from memblock. Until
 *    memblock_allow_resize() the arrays cannot grow, as the memory for them could not be trusted.
 * 6. The end: memblock_free_all() (mm/phys/mem_init.c) gives what is free to the buddy allocator. From then on
 *    the arrays do not change: they are the record of what boot kept.
 *
 * All functions here work on a struct memblock given; the machine's own one and its users' functions are in memblock_boot.c.
 * No locks: one CPU, interrupts off or harmless. Page 0 is never handed out, as address 0 means failure.
 * Mirrors Linux mm/memblock.c. Exercised by the memblock suite (tests/kernel/memblock.c) and tests/host/fuzz/memblock.c.
 */
#include "mm/boot/memblock.h"

#include "arch/x86/numa.h"
#include "kernel/bug.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/string.h"

bool memblock_debug;

/* ---- the arrays ---- */

/* End of [base, base + size), cut at the top of the address space. */
static phys_addr_t range_end(phys_addr_t base, phys_addr_t size)
{
	return size > ~(phys_addr_t)0 - base ? ~(phys_addr_t)0 : base + size;
}

unsigned long memblock_search(const struct memblock_type *type, phys_addr_t addr)
{
	unsigned long lo = 0, hi = type->cnt;

	while (lo < hi) {
		unsigned long mid = (lo + hi) / 2;

		if (memblock_region_end(&type->regions[mid]) > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

bool memblock_type_is_sane(const struct memblock_type *type)
{
	phys_addr_t total = 0;

	for (unsigned long i = 0; i < type->cnt; i++) {
		const struct memblock_region *r = &type->regions[i], *prev = r - 1;

		total += r->size;
		if (!r->size || memblock_region_end(r) < r->base)
			return false;
		if (i == 0)
			continue;
		if (memblock_region_end(prev) > r->base)
			return false;
		if (memblock_region_end(prev) == r->base && prev->nid == r->nid &&
		    prev->flags == r->flags)
			return false;
	}
	return total == type->total_size && type->cnt <= type->max;
}

/* => there is room */
static void insert_region(struct memblock_type *type, unsigned long idx, phys_addr_t base,
			  phys_addr_t size, int nid, enum memblock_flags flags)
{
	struct memblock_region *rgn = &type->regions[idx];

	BUG_ON(type->cnt >= type->max);
	memmove(rgn + 1, rgn, (type->cnt - idx) * sizeof(*rgn));
	*rgn = (struct memblock_region){ .base = base, .size = size, .flags = flags, .nid = nid };
	type->cnt++;
	type->total_size += size;
}

static void remove_region(struct memblock_type *type, unsigned long idx)
{
	struct memblock_region *rgn = &type->regions[idx];

	type->total_size -= rgn->size;
	type->cnt--;
	memmove(rgn, rgn + 1, (type->cnt - idx) * sizeof(*rgn));
}

/* Joins equal neighbours among the regions from..to (indexes, and what is next to them). */
static void merge_regions(struct memblock_type *type, unsigned long from, unsigned long to)
{
	unsigned long i = from ? from - 1 : 0;

	while (i + 1 < type->cnt && i <= to) {
		struct memblock_region *rgn = &type->regions[i], *next = rgn + 1;

		if (memblock_region_end(rgn) != next->base || rgn->nid != next->nid ||
		    rgn->flags != next->flags) {
			i++;
			continue;
		}
		rgn->size += next->size;
		type->cnt--;
		memmove(next, next + 1, (type->cnt - i - 1) * sizeof(*next));
		if (to)
			to--;
	}
}

static int memblock_double_array(struct memblock *mb, struct memblock_type *type,
				 phys_addr_t avoid_start, phys_addr_t avoid_end);

/* Makes room for `extra` more regions, while [start, end) is about to be added and so is no place for the array. */
static int ensure_room(struct memblock *mb, struct memblock_type *type, unsigned long extra,
		       phys_addr_t start, phys_addr_t end)
{
	while (type->cnt + extra > type->max) {
		int err = memblock_double_array(mb, type, start, end);

		if (err)
			return err;
	}
	return 0;
}

/* How many gaps of the array lie in [base, end): as many regions may have to be inserted. */
static unsigned long count_gaps(const struct memblock_type *type, phys_addr_t base, phys_addr_t end)
{
	unsigned long gaps = 1;

	for (unsigned long i = memblock_search(type, base);
	     i < type->cnt && type->regions[i].base < end; i++)
		gaps++;
	return gaps;
}

static int add_range(struct memblock *mb, struct memblock_type *type, phys_addr_t base,
		     phys_addr_t size, int nid, enum memblock_flags flags)
{
	phys_addr_t end = range_end(base, size);
	unsigned long i, first;
	int err;

	if (base >= end)
		return 0;
	/* Growing puts nothing into [base, end), so the count of gaps stays right. */
	err = ensure_room(mb, type, count_gaps(type, base, end), base, end);
	if (err)
		return err;

	first = i = memblock_search(type, base);
	while (base < end) {
		phys_addr_t gap_end = i < type->cnt ? min(end, type->regions[i].base) : end;

		if (base < gap_end)
			insert_region(type, i++, base, gap_end - base, nid, flags);
		if (i >= type->cnt || type->regions[i].base >= end)
			break;
		base = memblock_region_end(&type->regions[i++]);
	}
	merge_regions(type, first, i);
	return 0;
}

/* Cuts regions at base and at end, so that those in between are *from .. *to - 1. */
static int isolate_range(struct memblock *mb, struct memblock_type *type, phys_addr_t base,
			 phys_addr_t size, unsigned long *from, unsigned long *to)
{
	phys_addr_t end = range_end(base, size);
	unsigned long i;
	int err;

	*from = *to = 0;
	if (base >= end)
		return 0;
	err = ensure_room(mb, type, 2, base, end);
	if (err)
		return err;

	i = memblock_search(type, base);
	if (i < type->cnt && type->regions[i].base < base) {
		struct memblock_region *rgn = &type->regions[i];
		phys_addr_t head = base - rgn->base;

		rgn->size -= head;
		type->total_size -= head;
		rgn->base = base;
		insert_region(type, i++, base - head, head, rgn->nid, rgn->flags);
	}
	*from = i;
	while (i < type->cnt && type->regions[i].base < end) {
		struct memblock_region *rgn = &type->regions[i];

		if (memblock_region_end(rgn) > end) {
			phys_addr_t part = end - rgn->base, start = rgn->base;

			rgn->base = end;
			rgn->size -= part;
			type->total_size -= part;
			insert_region(type, i, start, part, rgn->nid, rgn->flags);
		}
		i++;
	}
	*to = i;
	return 0;
}

static int remove_range(struct memblock *mb, struct memblock_type *type, phys_addr_t base,
			phys_addr_t size)
{
	unsigned long from, to;
	int err = isolate_range(mb, type, base, size, &from, &to);

	while (!err && to-- > from)
		remove_region(type, to);
	return err;
}

/*
 * Twice the room. The new array comes from this memblock itself, outside the range that is being added; the old one, if
 * it came from there too, goes back.
 */
static int memblock_double_array(struct memblock *mb, struct memblock_type *type,
				 phys_addr_t avoid_start, phys_addr_t avoid_end)
{
	size_t old_size = type->max * sizeof(struct memblock_region);
	size_t new_size = PAGE_ALIGN(old_size * 2);
	struct memblock_region *array, *old = type->regions;
	phys_addr_t phys = 0, old_phys = type->array_phys;

	if (mb->alloc_array) {
		array = mb->alloc_array(new_size);
		if (!array)
			return -ENOMEM;
	} else {
		if (!mb->can_resize)
			return -ENOMEM;
		/* Room for the entry that the new array needs itself; reserved has that when it is the one that grows. */
		if (type != &mb->reserved &&
		    ensure_room(mb, &mb->reserved, 1, avoid_start, avoid_end))
			return -ENOMEM;
		phys = memblock_find_in_range(mb, avoid_end, mb->current_limit, new_size, PAGE_SIZE,
					      NUMA_NO_NODE);
		if (!phys)
			phys = memblock_find_in_range(mb, 0, min(avoid_start, mb->current_limit),
						      new_size, PAGE_SIZE, NUMA_NO_NODE);
		if (!phys) {
			pr_err("memblock: no room for more than %lu %s regions\n", type->max,
			       type->name);
			return -ENOMEM;
		}
		array = __va(phys);
	}
	memcpy(array, old, type->cnt * sizeof(*array));
	type->regions = array;
	type->max = new_size / sizeof(*array);
	type->array_phys = phys;
	if (memblock_debug)
		pr_info("memblock: %s array is doubled to %lu at [%#018lx-%#018lx]\n", type->name,
			type->max, phys, phys + new_size - 1);

	if (phys)
		BUG_ON(memblock_reserve_in(mb, phys, new_size));
	if (old_phys)
		memblock_phys_free_in(mb, old_phys, old_size);
	return 0;
}

/* ---- operations on a struct given ---- */

int memblock_add_in(struct memblock *mb, phys_addr_t base, phys_addr_t size, int nid,
		    enum memblock_flags flags)
{
	return add_range(mb, &mb->memory, base, size, nid, flags);
}

int memblock_reserve_in(struct memblock *mb, phys_addr_t base, phys_addr_t size)
{
	return add_range(mb, &mb->reserved, base, size, NUMA_NO_NODE, MEMBLOCK_NONE);
}

int memblock_remove_in(struct memblock *mb, phys_addr_t base, phys_addr_t size)
{
	return remove_range(mb, &mb->memory, base, size);
}

int memblock_phys_free_in(struct memblock *mb, phys_addr_t base, phys_addr_t size)
{
	return remove_range(mb, &mb->reserved, base, size);
}

int memblock_setclr_flag_in(struct memblock *mb, phys_addr_t base, phys_addr_t size, bool set,
			    enum memblock_flags flag)
{
	unsigned long from, to;
	int err = isolate_range(mb, &mb->memory, base, size, &from, &to);

	if (err)
		return err;
	for (unsigned long i = from; i < to; i++) {
		struct memblock_region *rgn = &mb->memory.regions[i];

		rgn->flags = set ? rgn->flags | flag : rgn->flags & ~flag;
	}
	merge_regions(&mb->memory, from, to);
	return 0;
}

int memblock_set_node_in(struct memblock *mb, phys_addr_t base, phys_addr_t size, int nid)
{
	unsigned long from, to;
	int err = isolate_range(mb, &mb->memory, base, size, &from, &to);

	if (err)
		return err;
	for (unsigned long i = from; i < to; i++)
		mb->memory.regions[i].nid = nid;
	merge_regions(&mb->memory, from, to);
	return 0;
}

void memblock_trim_memory_in(struct memblock *mb, phys_addr_t align)
{
	for (unsigned long i = 0; i < mb->memory.cnt;) {
		struct memblock_region *rgn = &mb->memory.regions[i];
		phys_addr_t start = round_up(rgn->base, align);
		phys_addr_t end = round_down(memblock_region_end(rgn), align);

		if (start >= end) {
			remove_region(&mb->memory, i);
			continue;
		}
		mb->memory.total_size -= rgn->size - (end - start);
		rgn->base = start;
		rgn->size = end - start;
		i++;
	}
}

static bool type_holds(const struct memblock_type *type, phys_addr_t addr)
{
	unsigned long i = memblock_search(type, addr);

	return i < type->cnt && type->regions[i].base <= addr;
}

bool memblock_is_memory_in(const struct memblock *mb, phys_addr_t addr)
{
	return type_holds(&mb->memory, addr);
}

bool memblock_is_reserved_in(const struct memblock *mb, phys_addr_t addr)
{
	return type_holds(&mb->reserved, addr);
}

bool memblock_is_region_reserved_in(const struct memblock *mb, phys_addr_t base, phys_addr_t size)
{
	unsigned long i = memblock_search(&mb->reserved, base);

	return i < mb->reserved.cnt && mb->reserved.regions[i].base < range_end(base, size);
}

bool memblock_is_region_memory_in(const struct memblock *mb, phys_addr_t base, phys_addr_t size)
{
	phys_addr_t end = range_end(base, size);

	/* Regions that touch may still be separate, when node or flags differ. */
	for (unsigned long i = memblock_search(&mb->memory, base); i < mb->memory.cnt; i++) {
		const struct memblock_region *rgn = &mb->memory.regions[i];

		if (rgn->base > base)
			return false;
		base = memblock_region_end(rgn);
		if (base >= end)
			return true;
	}
	return false;
}

/* ---- free ranges ---- */

/*
 * The place in the iteration is a pair of indexes: into memory, and into the gaps of reserved, where gap n is
 * the space before reserved region n (after the last one for n = cnt). *idx holds both, gap in the upper half.
 */
static void reserved_gap(const struct memblock_type *res, unsigned long n, phys_addr_t *start,
			 phys_addr_t *end)
{
	*start = n ? memblock_region_end(&res->regions[n - 1]) : 0;
	*end = n < res->cnt ? res->regions[n].base : ~(phys_addr_t)0;
}

static bool skip_region(const struct memblock_region *rgn, int nid)
{
	return (nid != NUMA_NO_NODE && rgn->nid != nid) || (rgn->flags & MEMBLOCK_NOMAP);
}

bool memblock_next_free(const struct memblock *mb, u64 *idx, int nid, phys_addr_t *start,
			phys_addr_t *end, int *out_nid)
{
	unsigned long m = *idx & 0xffffffff, g = *idx >> 32;

	for (; m < mb->memory.cnt; m++) {
		const struct memblock_region *rgn = &mb->memory.regions[m];
		phys_addr_t rgn_end = memblock_region_end(rgn);

		if (skip_region(rgn, nid))
			continue;
		for (; g <= mb->reserved.cnt; g++) {
			phys_addr_t gs, ge, s, e;

			reserved_gap(&mb->reserved, g, &gs, &ge);
			if (gs >= rgn_end)
				break;
			s = max(gs, rgn->base);
			e = min(ge, rgn_end);
			if (s >= e)
				continue;
			*start = s;
			*end = e;
			if (out_nid)
				*out_nid = rgn->nid;
			/* Whichever ends first is used up. */
			if (rgn_end <= ge)
				m++;
			else
				g++;
			*idx = m | ((u64)g << 32);
			return true;
		}
	}
	*idx = ULLONG_MAX;
	return false;
}

bool memblock_next_free_rev(const struct memblock *mb, u64 *idx, int nid, phys_addr_t *start,
			    phys_addr_t *end, int *out_nid)
{
	/* Here both halves count from one, so that zero is the end. */
	unsigned long m = *idx & 0xffffffff, g = *idx >> 32;

	if (*idx == ULLONG_MAX) {
		m = mb->memory.cnt;
		g = mb->reserved.cnt + 1;
	}
	for (; m > 0; m--) {
		const struct memblock_region *rgn = &mb->memory.regions[m - 1];
		phys_addr_t rgn_end = memblock_region_end(rgn);

		if (skip_region(rgn, nid))
			continue;
		for (; g > 0; g--) {
			phys_addr_t gs, ge, s, e;

			reserved_gap(&mb->reserved, g - 1, &gs, &ge);
			if (ge <= rgn->base)
				break;
			s = max(gs, rgn->base);
			e = min(ge, rgn_end);
			if (s >= e)
				continue;
			*start = s;
			*end = e;
			if (out_nid)
				*out_nid = rgn->nid;
			if (rgn->base >= gs)
				m--;
			else
				g--;
			*idx = m | ((u64)g << 32);
			return true;
		}
	}
	*idx = 0;
	return false;
}

/* Is a free range that starts here open to allocations? One lies within one region. */
static bool may_use(const struct memblock *mb, phys_addr_t start)
{
	return !mb->avoid ||
	       !(mb->memory.regions[memblock_search(&mb->memory, start)].flags & mb->avoid);
}

phys_addr_t memblock_find_in_range(struct memblock *mb, phys_addr_t start, phys_addr_t end,
				   phys_addr_t size, phys_addr_t align, int nid)
{
	phys_addr_t s, e, cand;
	u64 i;

	start = max(start, PAGE_SIZE);
	if (!size || start >= end)
		return 0;
	if (mb->bottom_up) {
		for (i = 0; memblock_next_free(mb, &i, nid, &s, &e, NULL);) {
			if (!may_use(mb, s))
				continue;
			s = clamp(s, start, end);
			e = clamp(e, start, end);
			cand = round_up(s, align);
			if (cand >= s && cand < e && e - cand >= size)
				return cand;
		}
		return 0;
	}
	for (i = ULLONG_MAX; memblock_next_free_rev(mb, &i, nid, &s, &e, NULL);) {
		if (!may_use(mb, s))
			continue;
		s = clamp(s, start, end);
		e = clamp(e, start, end);
		if (e - s < size)
			continue;
		cand = round_down(e - size, align);
		if (cand >= s)
			return cand;
	}
	return 0;
}

phys_addr_t memblock_alloc_range_in(struct memblock *mb, phys_addr_t size, phys_addr_t align,
				    phys_addr_t start, phys_addr_t end, int nid, bool exact_nid)
{
	phys_addr_t found;

	if (!align)
		align = SMP_CACHE_BYTES;
	/* Whole cache lines: two small allocations never share one. */
	size = round_up(size, (phys_addr_t)SMP_CACHE_BYTES);
	if (end == MEMBLOCK_ALLOC_ACCESSIBLE || end > mb->current_limit)
		end = mb->current_limit;

	found = memblock_find_in_range(mb, start, end, size, align, nid);
	if (!found && nid != NUMA_NO_NODE && !exact_nid)
		found = memblock_find_in_range(mb, start, end, size, align, NUMA_NO_NODE);
	if (found && memblock_reserve_in(mb, found, size))
		return 0;
	return found;
}
