/*
 * TLB flushing and the switch of address spaces. The theory is in tlb.h.
 *
 * cpu_tlbstate is written by its own CPU only, with interrupts off or from the flush interrupt; is_lazy is read by others.
 * Mirrors Linux arch/x86/mm/tlb.c. Exercised by the tlb suite and tests/user/threads.c.
 */
#include "arch/x86/tlb.h"

#include "arch/x86/barrier.h"
#include "arch/x86/bitops.h"
#include "arch/x86/cpu.h"
#include "arch/x86/irq_stat.h"
#include "arch/x86/irqflags.h"
#include "kernel/bug.h"

struct mm_context init_mm_context = { .pgd = swapper_pg_dir, .ctx_id = 0 };

DEFINE_PER_CPU(struct tlb_state, cpu_tlbstate) = { .loaded_mm = &init_mm_context };

static u64 last_ctx_id; /* atomic */

void init_new_context(struct mm_context *ctx, pgd_t *pgd)
{
	ctx->pgd = pgd;
	ctx->ctx_id = __atomic_add_fetch(&last_ctx_id, 1, __ATOMIC_RELAXED);
	ctx->tlb_gen = 1;
	ctx->cpu_bitmap = 0;
}

void initialize_tlbstate(void)
{
	this_cpu_write(cpu_tlbstate.loaded_mm, &init_mm_context);
	this_cpu_write(cpu_tlbstate.loaded_tlb_gen, 0);
	this_cpu_write(cpu_tlbstate.is_lazy, false);
}

/* ---- this CPU ---- */

void __flush_tlb_local(void)
{
	write_cr3(read_cr3());
}

void __flush_tlb_all(void)
{
	unsigned long flags, cr4;

	local_irq_save(flags);
	cr4 = read_cr4();
	if (cr4 & X86_CR4_PGE) {
		/* Any change of PGE drops global entries as well (SDM 4.10.4.1). */
		write_cr4(cr4 & ~(unsigned long)X86_CR4_PGE);
		write_cr4(cr4);
	} else {
		__flush_tlb_local();
	}
	local_irq_restore(flags);
}

static void load_context(struct mm_context *ctx)
{
	write_cr3(__pa(ctx->pgd));
}

/*
 * Brings this CPU's TLB up to ctx->tlb_gen, of which @new_gen is the flush that asks for [start, end). => interrupts off
 */
static void flush_tlb_func_local(struct mm_context *ctx, unsigned long start, unsigned long end,
				 u64 new_gen, bool freed_tables)
{
	u64 local_gen = this_cpu_read(cpu_tlbstate.loaded_tlb_gen), mm_gen;

	if (this_cpu_read(cpu_tlbstate.loaded_mm) != ctx || ctx == &init_mm_context)
		return;
	if (this_cpu_read(cpu_tlbstate.is_lazy)) {
		/* Nobody here needs these tables: off them, rather than following their changes. */
		leave_mm();
		return;
	}
	mm_gen = __atomic_load_n(&ctx->tlb_gen, __ATOMIC_SEQ_CST);
	if (local_gen >= mm_gen)
		return; /* an earlier interrupt did this flush together with its own */
	if (end != TLB_FLUSH_ALL && new_gen == local_gen + 1 && new_gen == mm_gen &&
	    !freed_tables) {
		for (unsigned long addr = start; addr < end; addr += PAGE_SIZE)
			invlpg(addr);
	} else {
		__flush_tlb_local();
	}
	this_cpu_write(cpu_tlbstate.loaded_tlb_gen, mm_gen);
}

/* ---- all CPUs ---- */

struct flush_tlb_info {
	struct mm_context *ctx;
	unsigned long start, end;
	u64 new_gen;
	bool freed_tables;
};

static void flush_tlb_func(void *arg)
{
	const struct flush_tlb_info *f = arg;

	this_cpu_inc(irq_stat[IRQ_STAT_TLB]);
	flush_tlb_func_local(f->ctx, f->start, f->end, f->new_gen, f->freed_tables);
}

/* CPUs that have to hear of the flush now. The generation was raised (full barrier) before the masks are read. */
static cpumask_t cpus_to_flush(const struct mm_context *ctx, bool freed_tables)
{
	cpumask_t mask = READ_ONCE(ctx->cpu_bitmap) & ~BIT(smp_processor_id()), lazy = 0;
	unsigned int cpu;

	if (freed_tables)
		return mask;
	for_each_cpu(cpu, mask)
		if (READ_ONCE(per_cpu(cpu_tlbstate, cpu).is_lazy))
			lazy |= BIT(cpu);
	return mask & ~lazy;
}

void __flush_tlb_mm_range(struct mm_context *ctx, unsigned long start, unsigned long end,
			  u64 new_gen, bool freed_tables)
{
	struct flush_tlb_info info;
	unsigned long flags;
	cpumask_t others;

	if (end != TLB_FLUSH_ALL && (end - start) >> PAGE_SHIFT > TLB_SINGLE_PAGE_FLUSH_CEILING)
		end = TLB_FLUSH_ALL;
	others = cpus_to_flush(ctx, freed_tables);
	if (others) {
		info = (struct flush_tlb_info){ ctx, start, end, new_gen, freed_tables };
		smp_call_function_many(others, flush_tlb_func, &info, true);
	}
	if (this_cpu_read(cpu_tlbstate.loaded_mm) != ctx)
		return;
	local_irq_save(flags);
	flush_tlb_func_local(ctx, start, end, new_gen, freed_tables);
	local_irq_restore(flags);
}

struct kernel_range_info {
	unsigned long start, end;
};

static void flush_kernel_range_func(void *arg)
{
	const struct kernel_range_info *r = arg;

	for (unsigned long addr = r->start; addr < r->end; addr += PAGE_SIZE)
		invlpg(addr);
}

static void flush_all_func(void *arg)
{
	__flush_tlb_all();
}

void flush_tlb_kernel_range(unsigned long start, unsigned long end)
{
	struct kernel_range_info r = { start & PAGE_MASK, end };

	if (end <= start)
		return;
	if ((end - start) >> PAGE_SHIFT > TLB_SINGLE_PAGE_FLUSH_CEILING)
		on_each_cpu(flush_all_func, NULL, true);
	else
		on_each_cpu(flush_kernel_range_func, &r, true);
}

void flush_tlb_all(void)
{
	on_each_cpu(flush_all_func, NULL, true);
}

/* ---- switching ---- */

void switch_mm_irqs_off(struct mm_context *prev, struct mm_context *next, struct task_struct *tsk)
{
	struct mm_context *loaded = this_cpu_read(cpu_tlbstate.loaded_mm);
	unsigned int cpu = smp_processor_id();
	u64 gen;

	if (loaded == next) {
		if (!this_cpu_read(cpu_tlbstate.is_lazy))
			return;
		/* Back from lazy: flushes may have passed us by. The barrier is that of rule 4. */
		this_cpu_write(cpu_tlbstate.is_lazy, false);
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
	this_cpu_write(cpu_tlbstate.is_lazy, false);
	gen = 0;
	if (next->pgd != swapper_pg_dir) {
		set_bit(cpu, &next->cpu_bitmap);
		gen = __atomic_load_n(&next->tlb_gen, __ATOMIC_SEQ_CST);
	}
	this_cpu_write(cpu_tlbstate.loaded_mm, next);
	this_cpu_write(cpu_tlbstate.loaded_tlb_gen, gen);
	load_context(next);
	/* Only now is this CPU's TLB free of prev's entries. */
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
		this_cpu_write(cpu_tlbstate.is_lazy, true);
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
