/*
 * TLB flushing and the switch of address spaces. The theory is in tlb.h.
 *
 * cpu_tlbstate is written by its own CPU only, with interrupts off or from the flush interrupt; tlb_is_lazy is read by others.
 * INVPCID of type 2 (everything) replaces the change of CR4.PGE where it exists; single PCIDs need no instruction of their
 * own, as a load of CR3 without bit 63 flushes the one it names. Facts: Intel SDM volume 3A, 4.10.
 * Mirrors Linux arch/x86/mm/tlb.c. Exercised by the tlb suite, tests/user/threads.c and tlbrace.c.
 */
#include "arch/x86/tlb.h"

#include "arch/x86/barrier.h"
#include "arch/x86/bitops.h"
#include "arch/x86/cpufeature.h"
#include "arch/x86/irq_stat.h"
#include "arch/x86/irqflags.h"
#include "kernel/bug.h"
#include "kernel/init.h"

struct mm_context init_mm_context = { .pgd = swapper_pg_dir, .ctx_id = 0 };

DEFINE_PER_CPU(struct tlb_state, cpu_tlbstate) = { .loaded_mm = &init_mm_context };
DEFINE_PER_CPU(bool, tlb_is_lazy);
DEFINE_PER_CPU(unsigned long[NR_TLB_EVENTS], tlb_events);

unsigned long tlb_single_page_flush_ceiling __read_mostly = 33;

static u64 last_ctx_id; /* atomic */

void init_new_context(struct mm_context *ctx, pgd_t *pgd)
{
	ctx->pgd = pgd;
	ctx->ctx_id = __atomic_add_fetch(&last_ctx_id, 1, __ATOMIC_RELAXED);
	ctx->tlb_gen = 1;
	ctx->cpu_bitmap = 0;
}

/* ---- PCIDs ---- */

#define CR3_NOFLUSH BIT(63)

static int __init nopcid_param(char *value)
{
	setup_clear_cpu_cap(X86_FEATURE_PCID);
	return 0;
}
early_param("nopcid", nopcid_param);

static int __init noinvpcid_param(char *value)
{
	setup_clear_cpu_cap(X86_FEATURE_INVPCID);
	return 0;
}
early_param("noinvpcid", noinvpcid_param);

void initialize_tlbstate(void)
{
	struct tlb_state *state = this_cpu_ptr(&cpu_tlbstate);

	*state = (struct tlb_state){ .loaded_mm = &init_mm_context };
	this_cpu_write(tlb_is_lazy, false);
	/* CR3 names PCID 0 now, as it must when the bit is set. */
	if (boot_cpu_has(X86_FEATURE_PCID))
		write_cr4(read_cr4() | X86_CR4_PCIDE);
}

unsigned int choose_new_asid(struct tlb_state *state, u64 ctx_id, u64 tlb_gen, bool *need_flush)
{
	unsigned int asid;

	for (asid = 0; asid < TLB_NR_DYN_ASIDS; asid++) {
		if (state->ctxs[asid].ctx_id == ctx_id) {
			*need_flush = state->ctxs[asid].tlb_gen < tlb_gen;
			state->ctxs[asid].tlb_gen = tlb_gen;
			return asid;
		}
	}
	asid = state->next_asid;
	state->next_asid = asid + 1 < TLB_NR_DYN_ASIDS ? asid + 1 : 0;
	state->ctxs[asid] = (struct tlb_context){ ctx_id, tlb_gen };
	*need_flush = true;
	return asid;
}

/* With PCIDs: off what is loaded, and on to next as of gen. => interrupts off */
static void load_tagged(struct mm_context *loaded, struct mm_context *next, u64 gen)
{
	struct tlb_state *state = this_cpu_ptr(&cpu_tlbstate);
	unsigned long cr3 = __pa(next->pgd);
	bool need_flush = false;

	if (loaded->pgd != swapper_pg_dir)
		state->ctxs[state->loaded_asid].tlb_gen = state->loaded_tlb_gen;
	if (next->pgd != swapper_pg_dir) {
		state->loaded_asid = choose_new_asid(state, next->ctx_id, gen, &need_flush);
		cr3 |= state->loaded_asid + 1;
	}
	write_cr3(need_flush ? cr3 : cr3 | CR3_NOFLUSH);
}

/* ---- this CPU ---- */

void __flush_tlb_local(void)
{
	count_tlb_event(TLB_LOCAL_FLUSH_ALL);
	write_cr3(read_cr3());
}

static __always_inline void invpcid_all(void)
{
	static const u64 none[2];

	__asm__ __volatile__("invpcid %0, %1" : : "m"(none), "r"(2UL) : "memory");
}

void __flush_tlb_all(void)
{
	unsigned long flags, cr4;

	count_tlb_event(TLB_LOCAL_FLUSH_ALL);
	if (static_cpu_has(X86_FEATURE_INVPCID)) {
		invpcid_all();
		return;
	}
	local_irq_save(flags);
	cr4 = read_cr4();
	if (cr4 & X86_CR4_PGE) {
		/* Any change of PGE drops global entries and all PCIDs as well (SDM 4.10.4.1). */
		write_cr4(cr4 & ~(unsigned long)X86_CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
	local_irq_restore(flags);
}

/* ---- all CPUs ---- */

struct flush_tlb_info {
	struct mm_context *ctx; /* NULL: kernel addresses */
	unsigned long start, end;
	u64 new_gen;
	unsigned int stride_shift;
};

static void flush_pages(const struct flush_tlb_info *f)
{
	for (unsigned long addr = f->start; addr < f->end; addr += 1UL << f->stride_shift)
		invlpg(addr);
	this_cpu_add(tlb_events[TLB_LOCAL_FLUSH_ONE], (f->end - f->start) >> f->stride_shift);
}

/* Brings this CPU's TLB up to ctx->tlb_gen, of which f->new_gen is the flush that asks for the range. => interrupts off */
static void flush_tlb_func_local(const struct flush_tlb_info *f)
{
	struct mm_context *ctx = f->ctx;
	u64 local_gen = this_cpu_read(cpu_tlbstate.loaded_tlb_gen), mm_gen;

	if (this_cpu_read(cpu_tlbstate.loaded_mm) != ctx || ctx == &init_mm_context)
		return;
	if (this_cpu_read(tlb_is_lazy)) {
		/* Nobody here needs these tables: off them, rather than following their changes. */
		leave_mm();
		return;
	}
	mm_gen = __atomic_load_n(&ctx->tlb_gen, __ATOMIC_SEQ_CST);
	if (local_gen >= mm_gen)
		return; /* an earlier interrupt did this flush together with its own */
	/* Freed tables are no exception: INVLPG drops what the CPU has cached of upper levels (SDM 4.10.4.1). */
	if (f->end != TLB_FLUSH_ALL && f->new_gen == local_gen + 1 && f->new_gen == mm_gen)
		flush_pages(f);
	else
		__flush_tlb_local();
	this_cpu_write(cpu_tlbstate.loaded_tlb_gen, mm_gen);
}

static void flush_tlb_func(void *arg)
{
	this_cpu_inc(irq_stat[IRQ_STAT_TLB]);
	count_tlb_event(TLB_REMOTE_FLUSH_RECEIVED);
	flush_tlb_func_local(arg);
}

/* CPUs that have to hear of the flush now. The generation was raised (full barrier) before the masks are read. */
static cpumask_t cpus_to_flush(const struct mm_context *ctx, bool freed_tables)
{
	cpumask_t mask = READ_ONCE(ctx->cpu_bitmap) & ~BIT(smp_processor_id()), lazy = 0;
	unsigned int cpu;

	if (freed_tables)
		return mask;
	for_each_cpu(cpu, mask)
		if (READ_ONCE(per_cpu(tlb_is_lazy, cpu)))
			lazy |= BIT(cpu);
	return mask & ~lazy;
}

/* What of [start, end) is worth a range; the rest is everything. */
static unsigned long flush_end(unsigned long start, unsigned long end, unsigned int stride_shift)
{
	unsigned long steps = (end - start) >> stride_shift;

	return steps > READ_ONCE(tlb_single_page_flush_ceiling) ? TLB_FLUSH_ALL : end;
}

void __flush_tlb_mm_range(struct mm_context *ctx, unsigned long start, unsigned long end,
			  unsigned int stride_shift, u64 new_gen, bool freed_tables)
{
	cpumask_t others = cpus_to_flush(ctx, freed_tables);
	struct flush_tlb_info info;
	unsigned long flags;

	if (end != TLB_FLUSH_ALL)
		end = flush_end(start, end, stride_shift);
	info = (struct flush_tlb_info){ ctx, start, end, new_gen, stride_shift };
	if (others) {
		count_tlb_event(TLB_REMOTE_FLUSH);
		smp_call_function_many(others, flush_tlb_func, &info, true);
	}
	if (this_cpu_read(cpu_tlbstate.loaded_mm) != ctx)
		return;
	local_irq_save(flags);
	flush_tlb_func_local(&info);
	local_irq_restore(flags);
}

static void flush_kernel_func(void *arg)
{
	const struct flush_tlb_info *f = arg;

	if (f->end == TLB_FLUSH_ALL)
		__flush_tlb_all();
	else
		flush_pages(f);
}

static void flush_kernel_func_remote(void *arg)
{
	this_cpu_inc(irq_stat[IRQ_STAT_TLB]);
	count_tlb_event(TLB_REMOTE_FLUSH_RECEIVED);
	flush_kernel_func(arg);
}

static void flush_kernel(struct flush_tlb_info *f)
{
	unsigned long flags;

	if (num_online_cpus() > 1) {
		count_tlb_event(TLB_REMOTE_FLUSH);
		smp_call_function(flush_kernel_func_remote, f, true);
	}
	local_irq_save(flags);
	flush_kernel_func(f);
	local_irq_restore(flags);
}

void flush_tlb_kernel_range(unsigned long start, unsigned long end)
{
	struct flush_tlb_info f = { .start = start & PAGE_MASK, .stride_shift = PAGE_SHIFT };

	if (end <= start)
		return;
	f.end = end == TLB_FLUSH_ALL ? end : flush_end(f.start, PAGE_ALIGN(end), PAGE_SHIFT);
	flush_kernel(&f);
}

void flush_tlb_all(void)
{
	flush_kernel(&(struct flush_tlb_info){ .end = TLB_FLUSH_ALL });
}

/* ---- switching ---- */

void switch_mm_irqs_off(struct mm_context *prev, struct mm_context *next, struct task_struct *tsk)
{
	struct mm_context *loaded = this_cpu_read(cpu_tlbstate.loaded_mm);
	unsigned int cpu = smp_processor_id();
	u64 gen;

	if (loaded == next) {
		if (!this_cpu_read(tlb_is_lazy))
			return;
		/* Back from lazy: flushes may have passed us by. The barrier is that of rule 5. */
		this_cpu_write(tlb_is_lazy, false);
		smp_mb();
		if (next == &init_mm_context)
			return;
		gen = __atomic_load_n(&next->tlb_gen, __ATOMIC_SEQ_CST);
		if (this_cpu_read(cpu_tlbstate.loaded_tlb_gen) == gen)
			return;
		__flush_tlb_local();
		this_cpu_write(cpu_tlbstate.loaded_tlb_gen, gen);
		return;
	}
	this_cpu_write(tlb_is_lazy, false);
	gen = 0;
	if (next->pgd != swapper_pg_dir) {
		set_bit(cpu, &next->cpu_bitmap);
		gen = __atomic_load_n(&next->tlb_gen, __ATOMIC_SEQ_CST);
	}
	if (static_cpu_has(X86_FEATURE_PCID))
		load_tagged(loaded, next, gen);
	else
		write_cr3(__pa(next->pgd));
	this_cpu_write(cpu_tlbstate.loaded_mm, next);
	this_cpu_write(cpu_tlbstate.loaded_tlb_gen, gen);
	/* Only now is no entry of the former one used here, nor its tables walked. */
	if (loaded->pgd != swapper_pg_dir)
		clear_bit(cpu, &loaded->cpu_bitmap);
}

void switch_mm(struct mm_context *prev, struct mm_context *next, struct task_struct *tsk)
{
	unsigned long flags;

	local_irq_save(flags);
	switch_mm_irqs_off(prev, next, tsk);
	local_irq_restore(flags);
}

void enter_lazy_tlb(struct mm_context *ctx, struct task_struct *tsk)
{
	if (this_cpu_read(cpu_tlbstate.loaded_mm) != &init_mm_context)
		this_cpu_write(tlb_is_lazy, true);
}

void leave_mm(void)
{
	if (this_cpu_read(cpu_tlbstate.loaded_mm) != &init_mm_context)
		switch_mm(NULL, &init_mm_context, NULL);
}

static void leave_mm_func(void *arg)
{
	if (this_cpu_read(cpu_tlbstate.loaded_mm) == arg)
		leave_mm();
}

void destroy_context(struct mm_context *ctx)
{
	cpumask_t others = READ_ONCE(ctx->cpu_bitmap) & ~BIT(smp_processor_id());

	/* The last one out is still on its tables when it exits. */
	if (this_cpu_read(cpu_tlbstate.loaded_mm) == ctx)
		leave_mm();
	if (others)
		smp_call_function_many(others, leave_mm_func, ctx, true);
}
