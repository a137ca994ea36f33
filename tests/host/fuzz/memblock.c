/*
 * mm/boot/memblock.c against the plainest model there is: for each page of a small address space, is it memory, is it
 * reserved, which node, which flags.
 *
 * An input is a sequence of operations. After each, both arrays must be sane and say what the model says, and walking
 * the free ranges, forward and backward, must visit the model's free pages. Some inputs put the space at the top of all
 * addresses; some make the growing of an array fail, and then the operation must fail and change nothing; some let
 * the arrays grow into memory from this memblock itself, as on the machine.
 */
// needs: lib/string.c lib/random.c
#include "tests/host/host.h"

#define UNITS 256
static u8 ram[UNITS * PAGE_SIZE] __aligned(PAGE_SIZE); /* what lies at the first addresses */
#undef __va
#define __va(x) ((void *)(ram + (x)))
#undef __pa
#define __pa(x) ((phys_addr_t)((u8 *)(x)-ram))

#include "mm/boot/memblock.c"

#define REGIONS 8

static struct unit {
	bool memory, reserved;
	int nid;
	unsigned int flags;
} model[UNITS];

static struct memblock mb;
static phys_addr_t origin; /* address of unit 0 */
static struct memblock_region *arrays[32];
static unsigned int nr_arrays;
static bool deny_growth, denied;
static unsigned long ops, failures, allocations, avoided;

static struct memblock_region *grow(size_t size)
{
	denied |= deny_growth || nr_arrays == ARRAY_SIZE(arrays);
	if (denied)
		return NULL;
	return arrays[nr_arrays++] = malloc(size);
}

static phys_addr_t at(unsigned int unit)
{
	return origin + unit * PAGE_SIZE;
}

/* The last unit of the highest space ends one byte early: there is no address after it. */
static phys_addr_t end_of(unsigned int unit)
{
	return at(unit) < origin ? ~(phys_addr_t)0 : at(unit);
}

static void compare(const struct memblock_type *type, bool is_memory)
{
	unsigned int u = 0;

	must(memblock_type_is_sane(type));
	for (unsigned long i = 0; i < type->cnt; i++) {
		const struct memblock_region *r = &type->regions[i];

		for (; u < UNITS && at(u) < r->base; u++)
			must(!(is_memory ? model[u].memory : model[u].reserved));
		must(u < UNITS && at(u) == r->base);
		for (; u < UNITS && at(u) - r->base < r->size; u++) {
			must(is_memory ? model[u].memory : model[u].reserved);
			must(!is_memory || (model[u].nid == r->nid && model[u].flags == r->flags));
		}
		must(end_of(u) == r->base + r->size);
	}
	for (; u < UNITS; u++)
		must(!(is_memory ? model[u].memory : model[u].reserved));
}

static bool is_free(unsigned int u, int nid)
{
	return u < UNITS && model[u].memory && !model[u].reserved &&
	       !(model[u].flags & MEMBLOCK_NOMAP) && (nid == NUMA_NO_NODE || model[u].nid == nid);
}

static void compare_free(int nid)
{
	unsigned int seen = 0, free_units = 0;
	phys_addr_t start, end, last = 0;
	u64 i;

	for (unsigned int u = 0; u < UNITS; u++)
		free_units += is_free(u, nid);
	for (i = 0; memblock_next_free(&mb, &i, nid, &start, &end, NULL); last = end) {
		must(start >= last && start < end);
		for (phys_addr_t a = start; a < end && a >= start; a += PAGE_SIZE, seen++)
			must(is_free((a - origin) / PAGE_SIZE, nid));
	}
	must(seen == free_units);
	seen = 0;
	last = ~(phys_addr_t)0;
	for (i = ULLONG_MAX; memblock_next_free_rev(&mb, &i, nid, &start, &end, NULL);
	     last = start) {
		must(end <= last && start < end);
		for (phys_addr_t a = start; a < end && a >= start; a += PAGE_SIZE, seen++)
			must(is_free((a - origin) / PAGE_SIZE, nid));
	}
	must(seen == free_units);
}

static void compare_queries(unsigned int u, unsigned int n)
{
	bool all = true, any = false;

	must(memblock_is_memory_in(&mb, at(u)) == model[u].memory);
	must(memblock_is_reserved_in(&mb, at(u)) == model[u].reserved);
	for (unsigned int i = u; i < u + n; i++) {
		all &= model[i].memory;
		any |= model[i].reserved;
	}
	must(memblock_is_region_memory_in(&mb, at(u), end_of(u + n) - at(u)) == all);
	must(memblock_is_region_reserved_in(&mb, at(u), end_of(u + n) - at(u)) == any);
}

/* The arrays lie in memory that this memblock gave: what the test must not take away from it. */
static bool holds_array(unsigned int u, unsigned int n)
{
	const struct memblock_type *types[] = { &mb.memory, &mb.reserved };

	for (int i = 0; i < 2; i++) {
		phys_addr_t start = types[i]->array_phys;
		phys_addr_t end = start + types[i]->max * sizeof(struct memblock_region);

		if (start && start < end_of(u + n) && end > at(u))
			return true;
	}
	return false;
}

static void mark_array(const struct memblock_type *type, phys_addr_t phys, unsigned long max,
		       bool reserved)
{
	size_t size = max * sizeof(struct memblock_region);

	for (phys_addr_t a = phys; phys && a < phys + size; a += PAGE_SIZE)
		model[a / PAGE_SIZE].reserved = reserved;
}

static void set_range(unsigned int u, unsigned int n, int what, int nid, unsigned int flags)
{
	for (unsigned int i = u; i < u + n; i++) {
		struct unit *m = &model[i];

		if (what == 0 && !m->memory)
			*m = (struct unit){ true, m->reserved, nid, flags };
		else if (what == 1)
			m->reserved = true;
		else if (what == 2)
			m->memory = false;
		else if (what == 3)
			m->reserved = false;
		else if (what == 4 && m->memory)
			m->flags |= flags;
		else if (what == 5 && m->memory)
			m->flags &= ~flags;
		else if (what == 6 && m->memory)
			m->nid = nid;
	}
}

static bool may_have(unsigned int u, int nid)
{
	return is_free(u, nid) && !(model[u].flags & mb.avoid);
}

static void allocate(struct input *in)
{
	unsigned int pages = 1 + take_below(in, 24), lo = take_below(in, UNITS), hi;
	phys_addr_t align = PAGE_SIZE << take_below(in, 5), found;
	int nid = take_below(in, 4) - 1;
	bool exact = take8(in) & 1, fits = false;

	hi = lo + 1 + take_below(in, UNITS - lo);
	mb.bottom_up = take8(in) & 1;
	mb.avoid = BIT(take_below(in, 4)) >> 1;
	avoided += mb.avoid != 0;
	found = memblock_alloc_range_in(&mb, pages * PAGE_SIZE, align, at(lo), end_of(hi), nid,
					exact);
	if (found) {
		unsigned int u = (found - origin) / PAGE_SIZE;

		must(found % align == 0 && found >= at(lo) && u + pages <= hi);
		for (unsigned int i = u; i < u + pages; i++)
			must(may_have(i, exact ? nid : NUMA_NO_NODE));
		set_range(u, pages, 1, 0, 0);
		allocations++;
		return;
	}
	if (denied || mb.can_resize || origin)
		return;
	for (unsigned int u = max(lo, 1U); u + pages <= hi && !fits; u++) {
		unsigned int n = 0;

		while (n < pages && at(u) % align == 0 &&
		       may_have(u + n, exact ? nid : NUMA_NO_NODE))
			n++;
		fits = n == pages;
		/* Free ranges of several nodes or kinds that touch count as separate. */
		for (unsigned int i = u + 1; i < u + n; i++)
			fits &= model[i].nid == model[u].nid && model[i].flags == model[u].flags;
	}
	must(!fits);
}

static void one_op(struct input *in)
{
	struct memblock_type before[2] = { mb.memory, mb.reserved };
	unsigned int what = take_below(in, 9), u = take_below(in, UNITS), n, flags, nid;
	int err = 0;

	deny_growth = take8(in) < 8;
	denied = false;
	n = take_below(in, min(UNITS - u, 1U << take_below(in, 9)) + 1);
	nid = take_below(in, 3);
	flags = BIT(take_below(in, 4)) >> 1;
	ops++;
	if (what >= 7) {
		allocate(in);
		mb.avoid = 0;
	} else {
		phys_addr_t base = at(u), size = end_of(u + n) - at(u);

		if (mb.can_resize && (what == 2 || what == 3) && holds_array(u, n))
			return;
		if (what == 0)
			err = memblock_add_in(&mb, base, size, nid, flags);
		else if (what == 1)
			err = memblock_reserve_in(&mb, base, size);
		else if (what == 2)
			err = memblock_remove_in(&mb, base, size);
		else if (what == 3)
			err = memblock_phys_free_in(&mb, base, size);
		else if (what < 6)
			err = memblock_setclr_flag_in(&mb, base, size, what == 4, flags);
		else
			err = memblock_set_node_in(&mb, base, size, nid);
		must(!err || denied || mb.can_resize);
		failures += !!err;
		if (!err)
			set_range(u, n, what, nid, flags);
	}
	if (mb.can_resize) {
		/* First what became free, then what is taken: the one may lie where the other was. */
		if (before[0].array_phys != mb.memory.array_phys)
			mark_array(&mb.memory, before[0].array_phys, before[0].max, false);
		if (before[1].array_phys != mb.reserved.array_phys)
			mark_array(&mb.reserved, before[1].array_phys, before[1].max, false);
		mark_array(&mb.memory, mb.memory.array_phys, mb.memory.max, true);
		mark_array(&mb.reserved, mb.reserved.array_phys, mb.reserved.max, true);
	}
	compare(&mb.memory, true);
	compare(&mb.reserved, false);
	compare_queries(u, n ?: 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct memblock_region *first[2];
	struct input in = { data, data + size };
	unsigned int mode = take_below(&in, 4);

	for (int i = 0; i < 2; i++) {
		free(first[i]);
		first[i] = malloc(REGIONS * sizeof(struct memblock_region));
	}
	memset(model, 0, sizeof(model));
	origin = mode == 1 ? -(phys_addr_t)sizeof(ram) : 0;
	mb = (struct memblock){
		.current_limit = MEMBLOCK_ALLOC_ANYWHERE,
		.memory = { .max = REGIONS, .regions = first[0], .name = "memory" },
		.reserved = { .max = REGIONS, .regions = first[1], .name = "reserved" },
		.can_resize = mode == 2,
		.alloc_array = mode == 2 ? NULL : grow,
	};
	while (!used_up(&in)) {
		one_op(&in);
		if (take8(&in) < 64)
			compare_free((int)take_below(&in, 4) - 1);
	}
	compare_free(NUMA_NO_NODE);
	while (nr_arrays)
		free(arrays[--nr_arrays]);
	return 0;
}

bool fuzz_summary(void)
{
	printf("# %lu operations, %lu of them refused for want of room, %lu allocations\n", ops,
	       failures, allocations);
	return failures > 100 && allocations > 1000;
}
