/*
 * mmu_gather: pages and page tables that were unmapped, held back until no TLB can reach them.
 *
 * 1. A page may be freed only after every CPU that could have its translation cached has dropped it.
 *    So unmapping gathers: the entry is cleared, the page is remembered here, and one flush at the end
 *    (or when the batch is full) covers them all; then the pages are freed together.
 * 2. Tables are gathered the same way, with bit 0 of the pointer set: the processor caches upper levels.
 * 3. fullmm: the whole address space goes. Nobody runs in it; only CPUs that still have it loaded
 *    lazily are told, once, before the first table is freed.
 *
 * Locks: none of its own; it lives on the stack of its user. Mirrors Linux mm/mmu_gather.c.
 * Exercised by tests/user/{anon_map,fork_cow,threads}.c.
 */
#pragma once

#include "mm/user/mm.h"

#define MMU_GATHER_BATCH 120

struct mmu_gather {
	struct mm_struct *mm;
	unsigned long start, end; /* range to flush; start > end: nothing */
	bool fullmm;
	bool freed_tables;
	unsigned int nr;
	unsigned long pages[MMU_GATHER_BATCH]; /* struct page *, bit 0: a page table */
};

static inline void tlb_gather_mmu(struct mmu_gather *tlb, struct mm_struct *mm, bool fullmm)
{
	tlb->mm = mm;
	tlb->start = ~0UL;
	tlb->end = 0;
	tlb->fullmm = fullmm;
	tlb->freed_tables = false;
	tlb->nr = 0;
}

/* Flush what is pending and free what was gathered. May be called with a table lock held: never sleeps. */
void tlb_flush_mmu(struct mmu_gather *tlb);
static inline void tlb_finish_mmu(struct mmu_gather *tlb)
{
	tlb_flush_mmu(tlb);
}

/* The entry of addr was present and is now clear. */
static inline void tlb_note_range(struct mmu_gather *tlb, unsigned long start, unsigned long end)
{
	if (start < tlb->start)
		tlb->start = start;
	if (end > tlb->end)
		tlb->end = end;
}

/* True when the batch is full: the caller drops its table lock and calls tlb_flush_mmu(). */
static inline bool tlb_remove_page(struct mmu_gather *tlb, struct page *page)
{
	tlb->pages[tlb->nr++] = (unsigned long)page;
	return tlb->nr == MMU_GATHER_BATCH;
}

void tlb_remove_table(struct mmu_gather *tlb, struct page *table);
