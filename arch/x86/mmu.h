/*
 * What the architecture keeps in an address space: its top page table and its TLB bookkeeping.
 *
 * mm_struct embeds one as mm->context; arch/x86/tlb.c works on it alone, so the lowest floor needs to
 * know nothing of VMAs.
 *
 * Legend: - constant after init_new_context(); a atomic.
 * Mirrors Linux arch/x86/include/asm/mmu.h. Exercised by the tlb suite and tests/user/threads.c.
 */
#pragma once

#include "arch/x86/pgtable.h"
#include "lib/types.h"

struct mm_context {
	pgd_t *pgd;		  /* - top table, in the linear map (or swapper_pg_dir) */
	u64 ctx_id;		  /* - never reused */
	u64 tlb_gen;		  /* a counts changes of entries that some TLB may hold */
	unsigned long cpu_bitmap; /* a CPUs whose CR3 may point to pgd, running or lazy */
};

/* The kernel's own tables: what a CPU has loaded when it works for no process. */
extern struct mm_context init_mm_context;

/* Prepares @ctx for the tables at @pgd. => before any CPU can load it */
void init_new_context(struct mm_context *ctx, pgd_t *pgd);
/*
 * Last call before @ctx->pgd is freed: sends every CPU that still has it loaded lazily to the kernel's tables.
 * => no task runs in it any more; interrupts on; waits for other CPUs
 */
void destroy_context(struct mm_context *ctx);
