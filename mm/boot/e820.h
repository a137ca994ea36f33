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

/* ---- on a table given ---- */

/* Appends a range as it comes; one that wraps is cut, an empty one dropped. -ENOSPC when full. */
int e820__range_add_to(struct e820_table *t, u64 addr, u64 size, enum e820_type type);
/* Makes out of the ranges of in, in any order and overlapping: sorted, disjoint, the more restrictive type
 * winning, neighbours of one type merged. -ENOSPC if out cannot hold all (the RAM left out is lost). */
int e820__sanitize(const struct e820_table *in, struct e820_table *out);
/* Type of the byte at addr; 0 if nothing is known of it. */
enum e820_type e820__type_of(const struct e820_table *t, u64 addr);
const char *e820__type_name(enum e820_type type);

/* ---- on the machine's ---- */

/* Boot information -> table, sanitised, printed. */
void e820__memory_setup(void);
/* mem= and memmap= applied; table -> memblock, with everything reserved that is in use; panics with one line if no RAM
 * is there. => parse_early_params() done */
void setup_memory_map(void);
/* Table and kernel image -> iomem_resource. => setup_memory_map() done, before mem_init() */
void e820__reserve_resources(void);
