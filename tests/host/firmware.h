/*
 * Firmware's tables for the tests that read them: a small piece of physical memory, and mappings of it.
 *
 * Each mapping is a copy of exactly the bytes asked for, so that the sanitizer sees a read beside it. Memory outside of the
 * piece reads as ones, as a bus without an answer does. `mappings` counts those that were not given back.
 */
#pragma once

#include "tests/host/host.h"

#define PHYS_AT	  0x7fe0000UL /* where the tables of the machine are */
#define PHYS_SIZE 0x8000

static u8 phys[PHYS_SIZE];
static long mappings;

void *early_memremap(phys_addr_t at, unsigned long size)
{
	u8 *p = malloc(size);

	for (unsigned long i = 0; i < size; i++)
		p[i] = at + i - PHYS_AT < PHYS_SIZE ? phys[at + i - PHYS_AT] : 0xff;
	mappings++;
	return p;
}

void early_memunmap(void *p, unsigned long size)
{
	mappings--;
	free(p);
}

void mask_8259A(void)
{
}
