/*
 * Permissions of kernel pages: change page attribute.
 *
 * The functions take page-aligned kernel addresses (linear map, image or vmalloc) and a number of 4
 * KiB pages. A large page that is covered in part is split; when its pieces are all equal again the
 * linear map gets its large page back. What is changed at an address of the image, of vmalloc or of
 * execmem space is changed in the linear-map alias of the same memory too, except for execution: the
 * alias is never executable. vfree() undoes that before the pages are freed; whoever changes what he
 * has from vmap() undoes it himself.
 *
 * => may sleep. 0; -ENOMEM (no page for a split); -EINVAL (bad range, or not mapped); -EPERM (the
 * page would be writable and executable, or is text or rodata; one warning); -EBUSY (the page has another cache attribute:
 * set_memory_wb() comes in between). After an error the pages in front of the one that failed are
 * changed.
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
int set_memory_rox(unsigned long addr, int numpages); /* read-only and executable, at once */
int set_memory_uc(unsigned long addr, int numpages);  /* UC-; the cache is written back */
int set_memory_wc(unsigned long addr, int numpages);
int set_memory_wt(unsigned long addr, int numpages);
int set_memory_wb(unsigned long addr, int numpages);
int set_memory_np(unsigned long addr, int numpages); /* not present: a guard */
int set_memory_p(unsigned long addr, int numpages);
/* Splits for good: nothing merges these pages again, so their entries may be changed one by one. */
int set_memory_4k(unsigned long addr, int numpages);

/* Linear-map page of a struct page: not present, and back to RW NX. */
int set_direct_map_invalid_noflush(struct page *page);
int set_direct_map_default_noflush(struct page *page);
/* The same for many, flushed, and merged into large pages again. */
int set_direct_map_default(struct page **pages, unsigned int nr);

/* From now on nothing makes text or rodata writable, at any address. */
void set_kernel_text_ro(void);
/*
 * Boot, last step before process 1: text RO X, rodata RO NX, data NX, then the rodata test and the
 * W+X check, whose results go to the log. => after free_initmem(), may sleep
 */
void mark_rodata_ro(void);

/* Bytes of the linear map by page size, for DirectMap4k/2M/1G in /proc/meminfo (in KiB there). */
enum pg_level { PG_LEVEL_NONE, PG_LEVEL_4K, PG_LEVEL_2M, PG_LEVEL_1G, PG_LEVEL_NUM };
void direct_map_bytes(unsigned long bytes[PG_LEVEL_NUM]); /* counted by walking the tables */

/* What /sys/kernel/debug/x86/cpa_stats shows, for 1 GiB pages and for 2 MiB pages. */
struct cpa_level_stats {
	unsigned long checked;	 /* looked at */
	unsigned long sameprot;	 /* had the attributes already */
	unsigned long preserved; /* changed as a whole */
	unsigned long split;
	unsigned long merged; /* made anew out of smaller ones */
};
struct cpa_stats {
	struct cpa_level_stats level[PG_LEVEL_NUM];
	unsigned long set_4k; /* entries of 4 KiB looked at */
	unsigned long changed, flushes;
};
extern struct cpa_stats cpa_stats; /* cpa_lock; read without it */
