/*
 * memtest=N: patterns over free memory before anybody uses it. Theory in memtest.c.
 *
 * Mirrors Linux mm/memtest.c. Exercised by the zones suite and tests/boot/test_numa.py.
 */
#pragma once

#include "lib/types.h"

#define MEMTEST_PATTERNS 17

/* Fills the words at start with the pattern. */
void memtest_fill(u64 *start, size_t words, u64 pattern);
/* Index of the first word at or after from that is not the pattern; words if there is none. */
size_t memtest_check(const u64 *start, size_t from, size_t words, u64 pattern);
u64 memtest_pattern(unsigned int i); /* i < MEMTEST_PATTERNS */

/* Tests what is free and reserves what is bad, if the command line asks. => linear map stands, memblock allocates */
void __init early_memtest(void);
