/*
 * Permissions of kernel pages: change page attribute.
 *
 * The functions take page-aligned kernel addresses (linear map, image or vmalloc) and a number of 4
 * KiB pages. A large page that is covered in part is split. Permissions of an image page are
 * changed in its linear-map alias too (write and cache attribute; the alias is never executable).
 * => may sleep 0, -ENOMEM (no page for a split; nothing is changed behind that point) or -EINVAL
 * (not mapped).
 *
 * Mirrors Linux arch/x86/mm/pat/set_memory.c. Exercised by the pgperm suite.
 */
#pragma once

#include "lib/types.h"

struct page;

int set_memory_ro(unsigned long addr, int numpages);
int set_memory_rw(unsigned long addr, int numpages);
int set_memory_x(unsigned long addr, int numpages);
int set_memory_nx(unsigned long addr, int numpages);
int set_memory_uc(unsigned long addr, int numpages);
int set_memory_wc(unsigned long addr, int numpages);
int set_memory_wb(unsigned long addr, int numpages);
int set_memory_np(unsigned long addr, int numpages); /* not present: a guard */
int set_memory_p(unsigned long addr, int numpages);
int set_memory_4k(unsigned long addr, int numpages); /* splits, and changes nothing else */

/* Linear-map page of a struct page: not present, and back to RW NX. */
int set_direct_map_invalid_noflush(struct page *page);
int set_direct_map_default_noflush(struct page *page);

/*
 * Boot, last step before process 1: text RO X, rodata RO NX, data NX, then the rodata test and the
 * W+X check, whose results go to the log. => after free_initmem(), may sleep
 */
void mark_rodata_ro(void);

/* Bytes of the linear map by page size, for DirectMap4k/2M/1G in /proc/meminfo (in KiB there). */
enum pg_level { PG_LEVEL_NONE, PG_LEVEL_4K, PG_LEVEL_2M, PG_LEVEL_1G, PG_LEVEL_NUM };
void direct_map_bytes(unsigned long bytes[PG_LEVEL_NUM]); /* counted by walking the tables */

struct cpa_stats {
	unsigned long splits_1g, splits_2m, changed, flushes;
};
extern struct cpa_stats cpa_stats;
