/*
 * Suite memblock: ranges, their arithmetic, allocation from them; the e820 map; the resource tree.
 *
 * Works on private struct memblocks, so nothing of the machine's memory is touched and any map can be fed. The
 * randomised cases compare with the plainest model there is: one byte of state for each unit of address space.
 */
#include "kernel/ktest.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/boot/e820.h"
#include "mm/boot/memblock.h"
#include "mm/boot/resource.h"
#include "mm/phys/buddy.h"

#define UNIT	PAGE_SIZE
#define REGIONS 8

static struct memblock_region mem_regions[REGIONS], res_regions[REGIONS];
static struct memblock mb;
static void *grown[16]; /* arrays handed out, to be freed */
static size_t grown_size[16];
static int nr_grown;

static struct memblock_region *grow_array(size_t size)
{
	if (nr_grown == ARRAY_SIZE(grown))
		return NULL;
	grown[nr_grown] = alloc_pages_exact(size, GFP_KERNEL);
	grown_size[nr_grown] = size;
	return grown[nr_grown++];
}

static void fresh(void)
{
	for (; nr_grown; nr_grown--)
		free_pages_exact(grown[nr_grown - 1], grown_size[nr_grown - 1]);
	mb = (struct memblock){
		.current_limit = MEMBLOCK_ALLOC_ANYWHERE,
		.memory = { .max = REGIONS, .regions = mem_regions, .name = "memory" },
		.reserved = { .max = REGIONS, .regions = res_regions, .name = "reserved" },
	};
}

static int add(phys_addr_t base, phys_addr_t size)
{
	return memblock_add_in(&mb, base, size, NUMA_NO_NODE, MEMBLOCK_NONE);
}

static void expect_region(struct ktest *t, const struct memblock_type *type, unsigned long i,
			  phys_addr_t base, phys_addr_t size)
{
	KTEST_ASSERT_LT(t, i, type->cnt);
	KTEST_EXPECT_EQ(t, type->regions[i].base, base);
	KTEST_EXPECT_EQ(t, type->regions[i].size, size);
}

static void expect_sane(struct ktest *t)
{
	KTEST_EXPECT_TRUE(t, memblock_type_is_sane(&mb.memory));
	KTEST_EXPECT_TRUE(t, memblock_type_is_sane(&mb.reserved));
}

static void add_sorts_and_merges(struct ktest *t)
{
	fresh();
	add(0x5000, 0x1000);
	add(0x1000, 0x1000);
	add(0x3000, 0x1000);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 3UL);
	add(0x2000, 0x1000); /* closes a gap: two neighbours at once */
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 2UL);
	expect_region(t, &mb.memory, 0, 0x1000, 0x3000);
	add(0x0, 0x10000); /* over all of it */
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 1UL);
	expect_region(t, &mb.memory, 0, 0, 0x10000);
	expect_sane(t);
}

static void empty_and_wrapping_ranges(struct ktest *t)
{
	fresh();
	KTEST_EXPECT_EQ(t, add(0x1000, 0), 0);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 0UL);
	KTEST_EXPECT_EQ(t, add(~0UL - 0xfff, 0x100000), 0); /* past the end: cut */
	expect_region(t, &mb.memory, 0, ~0UL - 0xfff, 0xfff);
	KTEST_EXPECT_EQ(t, memblock_remove_in(&mb, 0, 0), 0);
	KTEST_EXPECT_EQ(t, memblock_remove_in(&mb, 0, ~0UL), 0);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 0UL);
	KTEST_EXPECT_EQ(t, mb.memory.total_size, 0UL);
	expect_sane(t);
}

static void remove_splits_and_cuts(struct ktest *t)
{
	fresh();
	add(0x1000, 0x9000);
	memblock_remove_in(&mb, 0x4000, 0x2000);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 2UL);
	expect_region(t, &mb.memory, 0, 0x1000, 0x3000);
	expect_region(t, &mb.memory, 1, 0x6000, 0x4000);
	memblock_remove_in(&mb, 0x3000, 0x5000); /* the end of one, the start of the other */
	expect_region(t, &mb.memory, 0, 0x1000, 0x2000);
	expect_region(t, &mb.memory, 1, 0x8000, 0x2000);
	memblock_remove_in(&mb, 0x20000, 0x1000); /* nothing there */
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 2UL);
	expect_sane(t);
}

static void nodes_and_flags_keep_regions_apart(struct ktest *t)
{
	int nid;
	u64 i = 0;
	phys_addr_t s, e;

	fresh();
	add(0x1000, 0xf000);
	memblock_set_node_in(&mb, 0x1000, 0x7000, 0);
	memblock_set_node_in(&mb, 0x8000, 0x8000, 1);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 2UL);
	KTEST_EXPECT_TRUE(t, memblock_is_region_memory_in(&mb, 0x1000, 0xf000));
	KTEST_EXPECT_TRUE(t, memblock_next_free(&mb, &i, 1, &s, &e, &nid));
	KTEST_EXPECT_EQ(t, s, 0x8000UL);
	KTEST_EXPECT_EQ(t, nid, 1);
	mb.current_limit = 0x10000;
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x1000, 0x1000, 0, 0, 0, true), 0x7000UL);
	/* A node that is too small: elsewhere if that is allowed. */
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x7000, 0x1000, 0, 0, 0, true), 0UL);
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x7000, 0x1000, 0, 0, 0, false), 0x9000UL);

	memblock_setclr_flag_in(&mb, 0x1000, 0x6000, true, MEMBLOCK_NOMAP);
	KTEST_EXPECT_EQ(
		t, memblock_alloc_range_in(&mb, 0x1000, 0x1000, 0, 0x8000, NUMA_NO_NODE, false),
		0UL);
	memblock_setclr_flag_in(&mb, 0x1000, 0x6000, false, MEMBLOCK_NOMAP);
	KTEST_EXPECT_EQ(
		t, memblock_alloc_range_in(&mb, 0x1000, 0x1000, 0, 0x8000, NUMA_NO_NODE, false),
		0x6000UL);
	memblock_set_node_in(&mb, 0, ~0UL, 0);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 1UL);
	expect_sane(t);
}

static void alloc_directions_and_alignment(struct ktest *t)
{
	fresh();
	mb.current_limit = 0x100000;
	add(0, 0x100000);
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x1000, 0x1000, 0, 0, NUMA_NO_NODE, false),
			0xff000UL);
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x1000, 0x10000, 0, 0, NUMA_NO_NODE, false),
			0xf0000UL);
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 1, 0, 0, 0, NUMA_NO_NODE, false),
			0xfefc0UL);
	mb.bottom_up = true;
	/* Never page 0, whose address means failure. */
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x1000, 0x1000, 0, 0, NUMA_NO_NODE, false),
			0x1000UL);
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x1000, 0x8000, 0, 0, NUMA_NO_NODE, false),
			0x8000UL);
	KTEST_EXPECT_EQ(t,
			memblock_alloc_range_in(&mb, 0x2000, 0x1000, 0x4000, 0x6000, NUMA_NO_NODE,
						false),
			0x4000UL);
	KTEST_EXPECT_EQ(t,
			memblock_alloc_range_in(&mb, 0x2000, 0x1000, 0x4000, 0x7000, NUMA_NO_NODE,
						false),
			0UL);
	expect_sane(t);
}

static void alloc_until_empty_and_free(struct ktest *t)
{
	unsigned long n = 0;

	fresh();
	mb.current_limit = 0x80000;
	add(0, 0x20000);
	add(0x40000, 0x10000);
	memblock_reserve_in(&mb, 0, 0x1000);
	while (memblock_alloc_range_in(&mb, 0x1000, 0x1000, 0, 0, NUMA_NO_NODE, false))
		n++;
	KTEST_EXPECT_EQ(t, n, 0x2fUL);
	KTEST_EXPECT_EQ(t, mb.reserved.total_size, mb.memory.total_size);
	memblock_phys_free_in(&mb, 0x45000, 0x1000);
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x1000, 0x1000, 0, 0, NUMA_NO_NODE, false),
			0x45000UL);
	KTEST_EXPECT_EQ(t, memblock_alloc_range_in(&mb, 0x1000, 0x1000, 0, 0, NUMA_NO_NODE, false),
			0UL);
	expect_sane(t);
}

static void full_arrays_grow_or_say_so(struct ktest *t)
{
	int i;

	fresh();
	for (i = 0; i < REGIONS; i++)
		KTEST_EXPECT_EQ(t, add(i * 0x2000, 0x1000), 0);
	KTEST_EXPECT_EQ(t, add(i * 0x2000, 0x1000), -ENOMEM);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, (unsigned long)REGIONS);
	expect_sane(t);

	mb.alloc_array = grow_array;
	for (; i < 500; i++)
		KTEST_ASSERT_EQ(t, add(i * 0x2000, 0x1000), 0);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 500UL);
	for (i = 0; i < 500; i++)
		expect_region(t, &mb.memory, i, i * 0x2000, 0x1000);
	/* One range over five hundred: needs as many gaps filled, ends as one region. */
	KTEST_EXPECT_EQ(t, add(0, 500 * 0x2000), 0);
	KTEST_EXPECT_EQ(t, mb.memory.cnt, 1UL);
	expect_sane(t);
	fresh();
}

static void free_ranges_same_both_ways(struct ktest *t)
{
	phys_addr_t fwd[16][2], s, e;
	int n = 0;
	u64 i;

	fresh();
	add(0x1000, 0x5000);
	add(0x8000, 0x8000);
	memblock_reserve_in(&mb, 0x2000, 0x1000);
	memblock_reserve_in(&mb, 0x5000, 0x4000); /* over a hole */
	memblock_reserve_in(&mb, 0xf000, 0x9000); /* past the end */
	for (i = 0; memblock_next_free(&mb, &i, NUMA_NO_NODE, &s, &e, NULL); n++) {
		KTEST_ASSERT_LT(t, n, 16);
		fwd[n][0] = s;
		fwd[n][1] = e;
	}
	KTEST_ASSERT_EQ(t, n, 3);
	KTEST_EXPECT_EQ(t, fwd[0][0], 0x1000UL);
	KTEST_EXPECT_EQ(t, fwd[1][1], 0x5000UL);
	KTEST_EXPECT_EQ(t, fwd[2][0], 0x9000UL);
	KTEST_EXPECT_EQ(t, fwd[2][1], 0xf000UL);
	for (i = ULLONG_MAX; memblock_next_free_rev(&mb, &i, NUMA_NO_NODE, &s, &e, NULL);) {
		KTEST_ASSERT_GT(t, n, 0);
		n--;
		KTEST_EXPECT_EQ(t, fwd[n][0], s);
		KTEST_EXPECT_EQ(t, fwd[n][1], e);
	}
	KTEST_EXPECT_EQ(t, n, 0);
}

/* Random operations beside a model with one byte a unit: bit 0 memory, bit 1 reserved. */
#define MODEL_UNITS 256
static u8 model[MODEL_UNITS];

static void model_set(unsigned long from, unsigned long n, u8 set, u8 clear)
{
	for (; n && from < MODEL_UNITS; from++, n--)
		model[from] = (model[from] | set) & ~clear;
}

static bool type_agrees(const struct memblock_type *type, u8 bit)
{
	unsigned long u = 0;

	for (unsigned long i = 0; i <= type->cnt; i++) {
		bool last = i == type->cnt;
		unsigned long start = last ? MODEL_UNITS : type->regions[i].base / UNIT;
		unsigned long end = last ? MODEL_UNITS : start + type->regions[i].size / UNIT;

		for (; u < start; u++)
			if (model[u] & bit)
				return false;
		for (; u < end; u++)
			if (!(model[u] & bit))
				return false;
	}
	return true;
}

static bool model_agrees(void)
{
	unsigned long u = MODEL_UNITS / 2;

	return type_agrees(&mb.memory, 1) && type_agrees(&mb.reserved, 2) &&
	       memblock_is_memory_in(&mb, u * UNIT) == (model[u] & 1) &&
	       memblock_is_reserved_in(&mb, u * UNIT) == (model[u] >> 1);
}

static void random_operations_match_model(struct ktest *t)
{
	fresh();
	mb.alloc_array = grow_array;
	mb.current_limit = MODEL_UNITS * UNIT;
	memset(model, 0, sizeof(model));
	for (int op = 0; op < 3000; op++) {
		unsigned long from = ktest_random_below(t, MODEL_UNITS);
		unsigned long n = ktest_random_below(t, 24);
		phys_addr_t base = from * UNIT, size, got;

		n = min(n, MODEL_UNITS - from);
		size = n * UNIT;
		switch (ktest_random_below(t, 5)) {
		case 0:
			KTEST_ASSERT_EQ(t, add(base, size), 0);
			model_set(from, n, 1, 0);
			break;
		case 1:
			KTEST_ASSERT_EQ(t, memblock_remove_in(&mb, base, size), 0);
			model_set(from, n, 0, 1);
			break;
		case 2:
			KTEST_ASSERT_EQ(t, memblock_reserve_in(&mb, base, size), 0);
			model_set(from, n, 2, 0);
			break;
		case 3:
			KTEST_ASSERT_EQ(t, memblock_phys_free_in(&mb, base, size), 0);
			model_set(from, n, 0, 2);
			break;
		case 4:
			mb.bottom_up = op & 1;
			n = n % 5 + 1;
			got = memblock_alloc_range_in(&mb, n * UNIT, UNIT << (op % 3), 0, 0,
						      NUMA_NO_NODE, false);
			if (!got)
				break;
			KTEST_EXPECT_EQ(t, got % (UNIT << (op % 3)), 0UL);
			for (unsigned long u = got / UNIT; u < got / UNIT + n; u++)
				KTEST_ASSERT_EQ(t, model[u], 1);
			model_set(got / UNIT, n, 2, 0);
			break;
		}
		if (!memblock_type_is_sane(&mb.memory) || !memblock_type_is_sane(&mb.reserved) ||
		    !model_agrees()) {
			KTEST_FAIL(t, "operation %d on units %lu+%lu left a wrong state", op, from,
				   n);
			break;
		}
	}
	fresh();
}

/* ---- e820 ---- */

static struct e820_table raw, clean;

static void e820_expect(struct ktest *t, u32 i, u64 start, u64 end, enum e820_type type)
{
	KTEST_ASSERT_LT(t, i, clean.nr_entries);
	KTEST_EXPECT_EQ(t, clean.entries[i].addr, start);
	KTEST_EXPECT_EQ(t, clean.entries[i].addr + clean.entries[i].size, end);
	KTEST_EXPECT_EQ(t, (int)clean.entries[i].type, (int)type);
}

static void e820_restrictive_type_wins(struct ktest *t)
{
	raw.nr_entries = 0;
	e820__range_add_to(&raw, 0x8000, 0x8000, E820_TYPE_RAM);
	e820__range_add_to(&raw, 0x0, 0x9000, E820_TYPE_RAM); /* unsorted, overlapping its like */
	e820__range_add_to(&raw, 0xa000, 0x1000, E820_TYPE_RESERVED); /* inside */
	e820__range_add_to(&raw, 0xf000, 0x3000, E820_TYPE_ACPI);     /* over the end */
	e820__range_add_to(&raw, 0x11000, 0x3000, E820_TYPE_NVS);     /* over that */
	e820__range_add_to(&raw, 0xa800, 0x100, E820_TYPE_RAM);	      /* RAM inside reserved: no */
	e820__range_add_to(&raw, 0x5000, 0, E820_TYPE_RESERVED);      /* empty */
	KTEST_EXPECT_EQ(t, e820__sanitize(&raw, &clean), 0);
	KTEST_EXPECT_EQ(t, clean.nr_entries, 5U);
	e820_expect(t, 0, 0, 0xa000, E820_TYPE_RAM);
	e820_expect(t, 1, 0xa000, 0xb000, E820_TYPE_RESERVED);
	e820_expect(t, 2, 0xb000, 0xf000, E820_TYPE_RAM);
	e820_expect(t, 3, 0xf000, 0x11000, E820_TYPE_ACPI);
	e820_expect(t, 4, 0x11000, 0x14000, E820_TYPE_NVS);
}

static void e820_wrap_is_cut(struct ktest *t)
{
	raw.nr_entries = 0;
	e820__range_add_to(&raw, ULLONG_MAX - 0x1fff, 0x10000, E820_TYPE_RAM);
	KTEST_EXPECT_EQ(t, e820__sanitize(&raw, &clean), 0);
	e820_expect(t, 0, ULLONG_MAX - 0x1fff, ULLONG_MAX, E820_TYPE_RAM);
}

static int rank(int type)
{
	static const int ranks[] = {
		[E820_TYPE_RAM] = 1, [E820_TYPE_PMEM] = 2,     [E820_TYPE_ACPI] = 3,
		[E820_TYPE_NVS] = 4, [E820_TYPE_RESERVED] = 5, [E820_TYPE_UNUSABLE] = 6
	};

	return type < ARRAY_SIZE(ranks) && ranks[type] ? ranks[type] : 5;
}

static void e820_random_maps_match_model(struct ktest *t)
{
	for (int round = 0; round < 100; round++) {
		raw.nr_entries = 0;
		memset(model, 0, sizeof(model));
		for (int i = 0; i < 40; i++) {
			u64 from = ktest_random_below(t, MODEL_UNITS),
			    n = ktest_random_below(t, 30);
			int type = ktest_random_below(t, 9) + 1;

			n = min(n, (u64)MODEL_UNITS - from);
			e820__range_add_to(&raw, from * UNIT, n * UNIT, type);
			for (u64 u = from; u < from + n; u++)
				if (!model[u] || rank(type) > rank(model[u]))
					model[u] = type;
		}
		KTEST_ASSERT_EQ(t, e820__sanitize(&raw, &clean), 0);
		for (u32 i = 1; i < clean.nr_entries; i++)
			KTEST_ASSERT_LE(t, clean.entries[i - 1].addr + clean.entries[i - 1].size,
					clean.entries[i].addr);
		for (u64 u = 0; u < MODEL_UNITS; u++) {
			int type = e820__type_of(&clean, u * UNIT);

			/* Unknown types differ in number, not in meaning. */
			if (!type != !model[u] || (type && rank(type) != rank(model[u]))) {
				KTEST_FAIL(t, "round %d: unit %llu is of type %d, not %d", round, u,
					   type, model[u]);
				return;
			}
		}
	}
}

/* ---- resources ---- */

static struct resource node(resource_size_t start, resource_size_t end)
{
	return (struct resource){ .start = start, .end = end, .name = "test" };
}

static void resources_nest_in_any_order(struct ktest *t)
{
	struct resource root = node(0, ~0UL), small = node(0x3000, 0x3fff),
			big = node(0x1000, 0x8fff);
	struct resource inner = node(0x3100, 0x31ff), cross = node(0x8000, 0x9fff),
			after = node(0x9000, 0x9fff);

	KTEST_EXPECT_EQ(t, insert_resource(&root, &small), 0);
	KTEST_EXPECT_EQ(t, insert_resource(&root, &big), 0); /* goes above small */
	KTEST_EXPECT_TRUE(t, small.parent == &big);
	KTEST_EXPECT_EQ(t, insert_resource(&root, &inner), 0);
	KTEST_EXPECT_TRUE(t, inner.parent == &small);
	KTEST_EXPECT_EQ(t, insert_resource(&root, &cross), -EBUSY);
	KTEST_EXPECT_EQ(t, request_resource(&root, &after), 0);
	KTEST_EXPECT_TRUE(t, lookup_resource(&root, 0x3150) == &inner);
	KTEST_EXPECT_TRUE(t, lookup_resource(&root, 0x9500) == &after);
	KTEST_EXPECT_TRUE(t, lookup_resource(&root, 0x500) == &root);
	KTEST_EXPECT_EQ(t, release_resource(&big), 0); /* its child moves up */
	KTEST_EXPECT_TRUE(t,
			  small.parent == &root && root.child == &small && small.sibling == &after);
	KTEST_EXPECT_EQ(t, release_resource(&big), -EINVAL);
}

static void resource_conflicts_are_refused(struct ktest *t)
{
	struct resource root = node(0x1000, 0xffff), a = node(0x2000, 0x2fff),
			b = node(0x2800, 0x37ff);
	struct resource outside = node(0xf000, 0x10fff), backward = node(0x5000, 0x4000);

	KTEST_EXPECT_EQ(t, request_resource(&root, &a), 0);
	KTEST_EXPECT_EQ(t, request_resource(&root, &b), -EBUSY);
	KTEST_EXPECT_EQ(t, request_resource(&root, &outside), -EINVAL);
	KTEST_EXPECT_EQ(t, request_resource(&root, &backward), -EINVAL);
	KTEST_EXPECT_EQ(t, release_resource(&a), 0);
	KTEST_EXPECT_EQ(t, request_resource(&root, &b), 0);
}

static const struct ktest_case cases[] = {
	KTEST_CASE(add_sorts_and_merges),
	KTEST_CASE(empty_and_wrapping_ranges),
	KTEST_CASE(remove_splits_and_cuts),
	KTEST_CASE(nodes_and_flags_keep_regions_apart),
	KTEST_CASE(alloc_directions_and_alignment),
	KTEST_CASE(alloc_until_empty_and_free),
	KTEST_CASE(full_arrays_grow_or_say_so),
	KTEST_CASE(free_ranges_same_both_ways),
	KTEST_CASE(random_operations_match_model),
	KTEST_CASE(e820_restrictive_type_wins),
	KTEST_CASE(e820_wrap_is_cut),
	KTEST_CASE(e820_random_maps_match_model),
	KTEST_CASE(resources_nest_in_any_order),
	KTEST_CASE(resource_conflicts_are_refused),
	{},
};
KTEST_SUITE(memblock, cases);
