/*
 * mmu_gather: one TLB flush for many unmapped pages. The idea is in mmu_gather.h.
 *
 * Mirrors Linux mm/mmu_gather.c. Exercised by tests/user/{anon_map,fork_cow,threads}.c.
 */
#include "mm/user/mmu_gather.h"

#include "arch/x86/tlb.h"
#include "mm/phys/buddy.h"
#include "mm/user/pgalloc.h"

static void tlb_flush_range(struct mmu_gather *tlb)
{
	if (tlb->fullmm) {
		if (tlb->freed_tables)
			flush_tlb_mm(&tlb->mm->context);
	} else if (tlb->start < tlb->end) {
		flush_tlb_mm_range_freed(&tlb->mm->context, tlb->start, tlb->end,
					 tlb->freed_tables);
	}
	tlb->start = ~0UL;
	tlb->end = 0;
	tlb->freed_tables = false;
}

void tlb_flush_mmu(struct mmu_gather *tlb)
{
	unsigned int i;

	tlb_flush_range(tlb);
	for (i = 0; i < tlb->nr; i++) {
		struct page *page = (struct page *)(tlb->pages[i] & ~1UL);

		if (tlb->pages[i] & 1)
			pgtable_free(tlb->mm, page);
		else
			put_page(page);
	}
	tlb->nr = 0;
}

void tlb_remove_table(struct mmu_gather *tlb, struct page *table)
{
	tlb->freed_tables = true;
	tlb->pages[tlb->nr++] = (unsigned long)table | 1;
	if (tlb->nr == MMU_GATHER_BATCH)
		tlb_flush_mmu(tlb);
}
