/*
 * mmu_gather: pages and page tables that were unmapped, held back until no TLB can reach them.
 *
 * 1. A page may be freed only after every CPU that could have its translation cached has dropped it.
 *    So unmapping gathers: the entry is cleared, the page is remembered here, and one flush at the end
 *    covers them all; then the pages are freed together. One flush is one interrupt on other CPUs, so the pages of a
 *    large range are noted in further batches, each a page of its own that memory must have to spare; only when there
 *    is none, or when ten thousand pages are held back, a flush comes earlier.
 * 2. Tables are gathered the same way, with bit 0 of the pointer set: the processor caches upper levels. They do not widen the
 *    range: a page that goes together with its tables is still flushed as one page.
 * 3. fullmm: the whole address space goes. Nobody runs in it; only CPUs that still have it loaded
 *    lazily are told, once, before the first table is freed.
 *
 * Locks: none of its own; it lives on the stack of its user. Mirrors Linux mm/mmu_gather.c.
 * Exercised by tests/user/{anon_map,fork_cow,threads}.c.
 */
#pragma once

#include "mm/user/mm.h"

/* Pages that are noted without a further page, and those noted in all. */
#define MMU_GATHER_BUNDLE  120
#define MAX_GATHER_BATCH   ((PAGE_SIZE - sizeof(struct mmu_gather_batch)) / sizeof(long))
#define MAX_GATHER_BATCHES (10000 / MAX_GATHER_BATCH)

struct mmu_gather_batch {
	struct mmu_gather_batch *next;
	unsigned int nr, max;
	unsigned long pages[]; /* struct page *, bit 0: a page table */
};

struct mmu_gather {
	struct mm_struct *mm;
	unsigned long start, end; /* range to flush; start > end: nothing */
	bool fullmm;
	bool freed_tables;
	bool full;			 /* no room: flush before more is gathered */
	unsigned int batch_count;	 /* pages that hold further batches */
	struct mmu_gather_batch *active; /* where the next page is noted */
	union {
		struct mmu_gather_batch local;
		/* Room for local.pages; clang wants a struct of open size to be the last of another one. */
		unsigned long
			room[sizeof(struct mmu_gather_batch) / sizeof(long) + MMU_GATHER_BUNDLE];
	};
};

static inline void tlb_gather_mmu(struct mmu_gather *tlb, struct mm_struct *mm, bool fullmm)
{
	tlb->mm = mm;
	tlb->start = ~0UL;
	tlb->end = 0;
	tlb->fullmm = fullmm;
	tlb->freed_tables = false;
	tlb->full = false;
	tlb->batch_count = 0;
	tlb->active = &tlb->local;
	tlb->local.next = NULL;
	tlb->local.nr = 0;
	tlb->local.max = MMU_GATHER_BUNDLE;
}

/* Flush what is pending and free what was gathered, giving the CPU away between batches. => no spinlock held; may sleep */
void tlb_flush_mmu(struct mmu_gather *tlb);
/* The end: the same, and the batches' own pages go. */
void tlb_finish_mmu(struct mmu_gather *tlb);

/* The entry of addr was present and is now clear. */
static inline void tlb_note_range(struct mmu_gather *tlb, unsigned long start, unsigned long end)
{
	if (start < tlb->start)
		tlb->start = start;
	if (end > tlb->end)
		tlb->end = end;
}

/*
 * A table that serves addr was unlinked. What it mapped was noted when it went; the processor's cached upper entries go with
 * any INVLPG of this address space (Intel SDM 3A, 4.10.4.1; AMD APM 2, 5.5, as EFER.TCE is clear), so one page is enough.
 */
static inline void tlb_note_table(struct mmu_gather *tlb, unsigned long addr)
{
	tlb->freed_tables = true;
	if (tlb->start >= tlb->end)
		tlb_note_range(tlb, addr, addr + PAGE_SIZE);
}

/* Another batch for what comes; false: no memory, or enough gathered. Sets ->full then. */
bool tlb_next_batch(struct mmu_gather *tlb);

/* True when nothing more fits: the caller drops its table lock and calls tlb_flush_mmu(). */
static inline bool tlb_remove_page(struct mmu_gather *tlb, struct page *page)
{
	struct mmu_gather_batch *batch = tlb->active;

	batch->pages[batch->nr++] = (unsigned long)page;
	return unlikely(batch->nr == batch->max) && !tlb_next_batch(tlb);
}

/* The entry that led to the table is clear, and the table noted. May flush. => no table lock held */
void tlb_remove_table(struct mmu_gather *tlb, struct page *table);
