/*
 * TLB: which address space each CPU has loaded, and how entries are thrown out of all TLBs that hold them.
 *
 * 1. Whoever changes or removes a present entry changes the table first and flushes after; only then may the
 *    page (or table) behind it be reused. Making an absent entry present needs no flush.
 * 2. Every flush raises ctx->tlb_gen. A CPU remembers the generation that its TLB is known to match. If it is
 *    exactly one behind, it drops the named pages; if more, everything: flushes may be merged but never lost.
 * 3. Only CPUs in ctx->cpu_bitmap are interrupted. A CPU that runs a kernel thread on borrowed tables is lazy: it
 *    is not interrupted for page changes, and compares generations when it goes back to user work. It is
 *    interrupted when tables are freed, because the processor may walk tables speculatively.
 * 4. A processor with PCIDs (process context identifiers) tags its entries, so those of several address spaces lie side by
 *    side: each CPU has six slots (ASIDs), each the PCID of one ctx_id and the generation that its entries match. A switch
 *    to a space that has a slot flushes only if its generation has gone on; else the oldest slot is taken over and
 *    flushed. Kernel mappings are global, that is, in no PCID; the kernel's own tables are PCID 0 and hold nothing else.
 *    Without PCIDs every load of CR3 flushes and the slots are not used.
 * 5. Order that makes 3 and 4 safe: the flusher writes the entry, then (full barrier) reads cpu_bitmap and the lazy
 *    flag; the switcher sets its bit or clears the flag, then (full barrier) reads tlb_gen and walks the tables.
 * 6. A range of more than tlb_single_page_flush_ceiling steps is flushed as a whole. The counters of /proc/vmstat are
 *    kept here, by CPU: tlb_events[].
 *
 * Mirrors Linux arch/x86/mm/tlb.c. Exercised by the tlb suite and tests/user/threads.c.
 */
#pragma once

#include "arch/x86/mmu.h"
#include "kernel/percpu.h"
#include "kernel/smp.h"
#include "lib/types.h"

struct task_struct;

#define TLB_FLUSH_ALL	 (~0UL)
#define TLB_NR_DYN_ASIDS 6

/* Steps of a range; above, one flush of everything is cheaper. Set in /sys/kernel/debug/x86. */
extern unsigned long tlb_single_page_flush_ceiling;
#define TLB_SINGLE_PAGE_FLUSH_CEILING READ_ONCE(tlb_single_page_flush_ceiling)

/* What a PCID holds: entries of the context ctx_id (0: of none), right as of tlb_gen. */
struct tlb_context {
	u64 ctx_id, tlb_gen;
};

struct tlb_state {
	struct mm_context *loaded_mm; /* whose pgd is in CR3 */
	u64 loaded_tlb_gen;	      /* generation of loaded_mm that this TLB matches */
	/* With PCIDs. The loaded slot's tlb_gen is brought up to date when it is left. */
	u16 loaded_asid, next_asid;
	struct tlb_context ctxs[TLB_NR_DYN_ASIDS];
};
DECLARE_PER_CPU(struct tlb_state, cpu_tlbstate);

/* A kernel thread runs here: nobody touches user addresses. Read by other CPUs, hence not among the above. */
DECLARE_PER_CPU(bool, tlb_is_lazy);

/* Counters, in the order of /proc/vmstat. */
enum tlb_event {
	TLB_REMOTE_FLUSH,	   /* shootdowns that interrupted other CPUs */
	TLB_REMOTE_FLUSH_RECEIVED, /* CPUs that they interrupted */
	TLB_LOCAL_FLUSH_ALL,	   /* flushes of everything on a CPU */
	TLB_LOCAL_FLUSH_ONE,	   /* pages flushed one by one on a CPU */
	NR_TLB_EVENTS
};
DECLARE_PER_CPU(unsigned long[NR_TLB_EVENTS], tlb_events);

/* Any context, one instruction. */
static __always_inline void count_tlb_event(enum tlb_event event)
{
	this_cpu_inc(tlb_events[event]);
}

/*
 * The slot for the context @ctx_id on the CPU of @state; *need_flush: its entries are older than @tlb_gen, or of another
 * context. The slot is the context's from now on. A function of @state alone. => interrupts off
 */
unsigned int choose_new_asid(struct tlb_state *state, u64 ctx_id, u64 tlb_gen, bool *need_flush);

/* ---- this CPU only ---- */

static __always_inline void invlpg(unsigned long addr)
{
	__asm__ __volatile__("invlpg (%0)" : : "r"(addr) : "memory");
}

/* All non-global entries of what is loaded on this CPU: reload of CR3. => interrupts off */
void __flush_tlb_local(void);
/* All entries of this CPU, global ones and those of every PCID too. => any context */
void __flush_tlb_all(void);
/* One kernel address on this CPU, e.g. after set_pte on a fixmap slot that only this CPU uses. */
#define flush_tlb_one_kernel(addr) invlpg(addr)

/* ---- user addresses, all CPUs that need it ---- */

void __flush_tlb_mm_range(struct mm_context *ctx, unsigned long start, unsigned long end,
			  unsigned int stride_shift, u64 new_gen, bool freed_tables);

/*
 * Drops what TLBs hold for the pages [start, end) of @ctx (end TLB_FLUSH_ALL: everything), one every 1 << stride_shift
 * bytes.
 * => after the entries changed; interrupts on unless only this CPU uses @ctx; no IPI-taking lock held with
 *    interrupts off; waits until the other CPUs are done
 * freed_tables: page tables below the top one were unlinked, so lazy CPUs have to flush as well.
 */
static __always_inline void flush_tlb_mm_range(struct mm_context *ctx, unsigned long start,
					       unsigned long end, unsigned int stride_shift,
					       bool freed_tables)
{
	u64 gen = __atomic_add_fetch(&ctx->tlb_gen, 1, __ATOMIC_SEQ_CST);

	/* Nobody has it loaded, and whoever loads it next compares generations. */
	if (!READ_ONCE(ctx->cpu_bitmap))
		return;
	__flush_tlb_mm_range(ctx, start, end, stride_shift, gen, freed_tables);
}

#define flush_tlb_mm(ctx) flush_tlb_mm_range(ctx, 0, TLB_FLUSH_ALL, PAGE_SHIFT, true)

/* The same for one page; with one CPU in the address space it costs a dozen instructions. */
static __always_inline void flush_tlb_page(struct mm_context *ctx, unsigned long addr)
{
	u64 gen = __atomic_add_fetch(&ctx->tlb_gen, 1, __ATOMIC_SEQ_CST);
	unsigned long cpus = READ_ONCE(ctx->cpu_bitmap);

	if (!cpus)
		return;
	if (likely(cpus == BIT(smp_processor_id()) &&
		   this_cpu_read(cpu_tlbstate.loaded_mm) == ctx &&
		   this_cpu_read(cpu_tlbstate.loaded_tlb_gen) + 1 == gen)) {
		invlpg(addr);
		this_cpu_write(cpu_tlbstate.loaded_tlb_gen, gen);
		count_tlb_event(TLB_LOCAL_FLUSH_ONE);
		return;
	}
	__flush_tlb_mm_range(ctx, addr & PAGE_MASK, (addr & PAGE_MASK) + PAGE_SIZE, PAGE_SHIFT, gen,
			     false);
}

/*
 * A fault found the entry already right: another CPU made it more permissive. The CPU dropped its stale copy when it
 * faulted, so nothing is left to do (Intel SDM 3A, 4.10.4.3).
 */
#define flush_tlb_fix_spurious_fault(ctx, addr) ((void)(ctx), (void)(addr))

/* ---- kernel addresses, all CPUs ---- */

/* => interrupts on (or one CPU online); waits */
void flush_tlb_kernel_range(unsigned long start, unsigned long end);
void flush_tlb_all(void);

/* ---- switching address spaces ---- */

/*
 * Loads @next's tables on this CPU. @prev: what was in use (may be NULL: taken from cpu_tlbstate); @tsk: the task about to run.
 * Costs nothing but a comparison when @next is loaded already. => interrupts off
 */
void switch_mm_irqs_off(struct mm_context *prev, struct mm_context *next, struct task_struct *tsk);
/* The same with interrupts on (exec, borrowing an address space). */
void switch_mm(struct mm_context *prev, struct mm_context *next, struct task_struct *tsk);
/* The next task is a kernel thread: it keeps the loaded tables, and this CPU stops listening for their changes. */
void enter_lazy_tlb(struct mm_context *ctx, struct task_struct *tsk);
/* This CPU drops whatever user tables it has loaded and takes the kernel's. => any context without user work pending */
void leave_mm(void);
/* Each CPU once, early: CR3 holds swapper_pg_dir. Turns PCIDs on. */
void initialize_tlbstate(void);
