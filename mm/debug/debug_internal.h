/*
 * Between the tools of mm/debug: what page_debug.c asks of each. Not for other rooms.
 *
 * Contracts are those of the hooks in page_debug.h. Exercised by the pagedebug suite.
 */
#pragma once

#include "arch/x86/pgtable.h"
#include "mm/debug/page_debug.h"

/* 1, y, on and 0, n, off; a word without value counts as 1. Anything else: one line in the log, and false. */
bool debug_param_bool(const char *name, const char *value);
/* What a checker does when it found something: report (false) or panic. Anything else: one line, *panics stays. 0 */
int param_report_or_panic(const char *name, const char *value, bool *panics);

/* ---- poison.c ---- */
void page_poison_fill(struct page *page, unsigned int order);
void page_poison_check(struct page *page, unsigned int order);
/* Is this memory all poison? Offset of the first wrong byte, *end behind the last; -1 if all is well. */
int poison_find(const void *mem, size_t len, int *end);

/* Pages found changed since boot. */
extern unsigned long page_poison_errors;

/* ---- debug_pagealloc.c ---- */
/* The entry of a page of the linear map; NULL: none, or a large one. */
pte_t *linear_pte(unsigned long addr);
/* Makes pages of the linear map present or absent; this CPU's TLB alone hears of it. => entries of 4 KiB. Any context */
void debug_pagealloc_map(struct page *page, unsigned int order, bool present);
