/*
 * mmu_gather: one TLB flush for many unmapped pages. The idea is in mmu_gather.h.
 *
 * Mirrors Linux mm/mmu_gather.c. Exercised by tests/user/{anon_map,fork_cow,threads}.c.
 */
#include "mm/user/mmu_gather.h"

#include "arch/x86/tlb.h"
#include "kernel/sched.h"
#include "mm/phys/buddy.h"
#include "mm/user/pgalloc.h"

static void tlb_flush_range(struct mmu_gather *tlb)
{
	if (tlb->fullmm) {
		if (tlb->freed_tables)
			flush_tlb_mm(&tlb->mm->context);
	} else if (tlb->start < tlb->end) {
		flush_tlb_mm_range(&tlb->mm->context, tlb->start, tlb->end, PAGE_SHIFT,
				   tlb->freed_tables);
	}
	tlb->start = ~0UL;
	tlb->end = 0;
	tlb->freed_tables = false;
}

static void free_batch(struct mm_struct *mm, struct mmu_gather_batch *batch)
{
	for (unsigned int i = 0; i < batch->nr; i++) {
		struct page *page = (struct page *)(batch->pages[i] & ~1UL);

		if (batch->pages[i] & 1)
			pgtable_free(mm, page);
		else
			put_page(page);
	}
	batch->nr = 0;
}

void tlb_flush_mmu(struct mmu_gather *tlb)
{
	tlb_flush_range(tlb);
	/* Batches behind the first empty one are empty. */
	for (struct mmu_gather_batch *b = &tlb->local; b && b->nr; b = b->next) {
		free_batch(tlb->mm, b);
		cond_resched();
	}
	tlb->active = &tlb->local;
	tlb->full = false;
}

void tlb_finish_mmu(struct mmu_gather *tlb)
{
	struct mmu_gather_batch *b, *next;

	tlb_flush_mmu(tlb);
	for (b = tlb->local.next; b; b = next) {
		next = b->next;
		free_page((unsigned long)b);
	}
}

bool tlb_next_batch(struct mmu_gather *tlb)
{
	struct mmu_gather_batch *batch = tlb->active->next;

	if (!batch && tlb->batch_count < MAX_GATHER_BATCHES) {
		/* Whoever frees memory must not use up the last of it. */
		batch = (void *)__get_free_page(GFP_NOWAIT | __GFP_NOWARN);
		if (batch) {
			tlb->batch_count++;
			batch->next = NULL;
			batch->nr = 0;
			batch->max = MAX_GATHER_BATCH;
			tlb->active->next = batch;
		}
	}
	tlb->full = !batch;
	if (batch)
		tlb->active = batch;
	return batch;
}

void tlb_remove_table(struct mmu_gather *tlb, struct page *table)
{
	if (tlb_remove_page(tlb, (struct page *)((unsigned long)table | 1)))
		tlb_flush_mmu(tlb);
}
