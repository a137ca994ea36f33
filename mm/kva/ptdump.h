/*
 * The kernel's page tables in words: every run of equal mappings, and a search for pages that are
 * both writable and executable.
 *
 * Mirrors Linux arch/x86/mm/dump_pagetables.c. Exercised by the pgperm suite and by every boot.
 */
#pragma once

#include "lib/types.h"

/*
 * One run of equal entries. level: 1 PTE (4 KiB), 2 PMD (2 MiB), 3 PUD (1 GiB), 4 PGD (holes only).
 * prot: the bits of the entry in PTE form; 0 is a hole.
 */
struct ptdump_run {
	unsigned long start, end;
	u64 prot;
	int level;
	const char *region; /* heading of the region: "Low Kernel Mapping", ... */
};

/*
 * Calls fn for each run of the address space, holes included, in address order, until it returns
 * non-zero. fn must not sleep.
 */
int ptdump_walk_kernel(int (*fn)(const struct ptdump_run *run, void *arg), void *arg);
/* A run as Linux's /sys/kernel/debug/kernel_page_tables prints it; returns the length. */
int ptdump_format_run(char *buf, size_t size, const struct ptdump_run *run);
/* Number of W+X pages; the first ones and the sum (or that there is none) go to the log. */
unsigned long ptdump_check_wx(void);
