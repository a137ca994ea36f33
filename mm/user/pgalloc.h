/*
 * Pages for user page tables, recycled while they are known to be empty.
 *
 * Mirrors Linux include/asm-generic/pgalloc.h. Exercised by tests/user/fork_cow.c.
 */
#pragma once

#include "mm/user/mm.h"

/* An empty (all zero) table page of any level, ptl initialised, accounted to mm; NULL: no memory. */
struct page *pgtable_alloc(struct mm_struct *mm);
/* Takes back a table whose entries are all clear. => no TLB can reach it any more */
void pgtable_free(struct mm_struct *mm, struct page *table);
