/*
 * e820: the firmware's memory map, made fit for use.
 *
 * Mirrors Linux arch/x86/include/asm/e820/api.h. Theory in e820.c. Exercised by the memblock suite.
 */
#pragma once

#include "lib/types.h"

/* Values as the firmware gives them; a larger number of these wins where ranges overlap, see e820.c. */
enum e820_type {
	E820_TYPE_RAM = 1,
	E820_TYPE_RESERVED = 2,
	E820_TYPE_ACPI = 3, /* ACPI tables: RAM once they have been read */
	E820_TYPE_NVS = 4,
	E820_TYPE_UNUSABLE = 5,
	E820_TYPE_PMEM = 7,
};

struct e820_entry {
	u64 addr;
	u64 size;
	enum e820_type type;
};

#define E820_MAX_ENTRIES 320

struct e820_table {
	u32 nr_entries;
	struct e820_entry entries[E820_MAX_ENTRIES];
};

extern struct e820_table e820_table;

/* Appends a range as it comes; a wrapping one is cut, an empty one dropped. -ENOSPC when full. */
int e820__range_add_to(struct e820_table *t, u64 addr, u64 size, enum e820_type type);
/* Sorts and makes disjoint: the more restrictive type wins, neighbours of one type merge. */
void e820__update_table(struct e820_table *t);
/* Changes what is of type old in the range to new; bytes changed. Call e820__update_table() after. */
u64 e820__range_update_in(struct e820_table *t, u64 addr, u64 size, enum e820_type old, enum e820_type new);
/* Is all of [start, end) of this type? */
bool e820__mapped_all(u64 start, u64 end, enum e820_type type);
/* End of the highest RAM range below limit, in page frames. */
unsigned long e820__end_of_ram_pfn(u64 limit);

/* Boot information -> e820_table, sanitised, printed, mem= and memmap= applied. */
void e820__memory_setup(void);
/* e820_table -> memblock, with everything reserved that is in use; panics if no RAM is left. */
void setup_memory_map(void);
/* e820_table -> iomem_resource. => memblock or slab can allocate */
void e820__reserve_resources(void);
