/*
 * Suites "smp" (calls between CPUs) and "tlb" (no CPU keeps a translation that was taken away).
 *
 * With one CPU they prove only the local half; `make test` boots them with 2 and 4 as well.
 */
#include "arch/x86/barrier.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/tlb.h"
#include "kernel/completion.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/phys/gfp.h"

/* ---- smp ---- */

struct where {
	int cpu;
	bool irqs_off;
};

static void note_where(void *arg)
{
	struct where *w = arg;

	w->cpu = smp_processor_id();
	w->irqs_off = irqs_disabled();
}

static void call_runs_on_the_cpu_named(struct ktest *t)
{
	int cpu;

	for_each_online_cpu(cpu) {
		struct where w = { -1, false };

		KTEST_EXPECT_EQ(t, smp_call_function_single(cpu, note_where, &w, true), 0);
		KTEST_EXPECT_EQ(t, w.cpu, cpu);
		KTEST_EXPECT_TRUE(t, w.irqs_off);
	}
	KTEST_EXPECT_EQ(t, smp_call_function_single(NR_CPUS, note_where, NULL, true), -ENXIO);
	KTEST_EXPECT_EQ(t, smp_call_function_single(-1, note_where, NULL, true), -ENXIO);
}

static void set_own_bit(void *arg)
{
	__atomic_fetch_or((unsigned long *)arg, BIT(smp_processor_id()), __ATOMIC_SEQ_CST);
}

static void on_each_cpu_reaches_all(struct ktest *t)
{
	unsigned long seen = 0;

	on_each_cpu(set_own_bit, &seen, true);
	KTEST_EXPECT_EQ(t, seen, cpu_online_mask);
	seen = 0;
	smp_call_function(set_own_bit, &seen, true);
	KTEST_EXPECT_EQ(t, seen, cpu_online_mask & ~BIT(smp_processor_id()));
}

#define NR_ORDERED 8
struct ordered {
	struct call_single_data csd;
	int *log, *count, id;
};

static void log_order(void *arg)
{
	struct ordered *o = arg;
	int n = *o->count;

	o->log[n] = o->id;
	smp_store_release(o->count, n + 1);
}

static void async_calls_run_in_order(struct ktest *t)
{
	static struct ordered calls[NR_ORDERED];
	static int log[NR_ORDERED], count;
	int cpu;

	for_each_online_cpu(cpu) {
		count = 0;
		for (int i = 0; i < NR_ORDERED; i++) {
			calls[i] =
				(struct ordered){ .csd = { .func = log_order, .info = &calls[i] },
						  .log = log,
						  .count = &count,
						  .id = i };
			KTEST_ASSERT_EQ(t, smp_call_function_single_async(cpu, &calls[i].csd), 0);
		}
		while (smp_load_acquire(&count) < NR_ORDERED)
			cpu_relax();
		for (int i = 0; i < NR_ORDERED; i++)
			KTEST_EXPECT_EQ(t, log[i], i);
	}
}

static unsigned long storm_count;

static void count_call(void *arg)
{
	__atomic_fetch_add(&storm_count, 1, __ATOMIC_RELAXED);
}

#define STORM_CALLS 200

static int storm_thread(void *arg)
{
	for (int i = 0; i < STORM_CALLS; i++) {
		on_each_cpu(count_call, NULL, i % 3 != 0);
		if (i % 16 == 0)
			cond_resched();
	}
	/* Behind those that were not waited for: lists are in order. */
	smp_call_function(count_call, NULL, true);
	complete(arg);
	return 0;
}

/* Every CPU calls every other one at the same time, waiting and not: no call is lost or run twice, nobody hangs. */
static void all_cpus_call_each_other(struct ktest *t)
{
	static struct completion done[NR_CPUS];
	unsigned long cpus = num_online_cpus();
	int cpu;

	storm_count = 0;
	for_each_online_cpu(cpu) {
		struct task_struct *k;

		init_completion(&done[cpu]);
		k = kthread_create_on_cpu(storm_thread, &done[cpu], cpu, "storm/%u");
		KTEST_ASSERT_FALSE(t, IS_ERR(k));
		wake_up_process(k);
	}
	for_each_online_cpu(cpu)
		wait_for_completion(&done[cpu]);
	KTEST_EXPECT_EQ(t, storm_count, cpus * (STORM_CALLS * cpus + cpus - 1));
}

static void masks_iterate_in_order(struct ktest *t)
{
	unsigned long mask = BIT(0) | BIT(3) | BIT(63), seen = 0;
	int cpu, last = -1;

	for_each_cpu(cpu, mask) {
		KTEST_EXPECT_GT(t, cpu, last);
		last = cpu;
		seen |= BIT(cpu);
	}
	KTEST_EXPECT_EQ(t, seen, mask);
	KTEST_EXPECT_EQ(t, cpumask_next(-1, mask), 0U);
	KTEST_EXPECT_EQ(t, cpumask_next(3, mask), 63U);
	KTEST_EXPECT_EQ(t, cpumask_next(63, mask), (unsigned int)NR_CPUS);
}

static const struct ktest_case smp_cases[] = {
	KTEST_CASE(masks_iterate_in_order),   KTEST_CASE(call_runs_on_the_cpu_named),
	KTEST_CASE(on_each_cpu_reaches_all),  KTEST_CASE(async_calls_run_in_order),
	KTEST_CASE(all_cpus_call_each_other), {},
};
KTEST_SUITE(smp, smp_cases);

/* ---- tlb ---- */

#define TEST_ADDR     0x0000123456600000UL /* in the user half, mapped for the kernel only */
#define NR_TEST_PAGES 64

/* An address space of one page table. */
static struct {
	struct mm_context ctx;
	pgd_t *pgd;
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;
	u64 *data[2]; /* pages that say 0 and 1 in their first word */
} space;

static int tlb_init(void)
{
	unsigned long pages[6];

	for (int i = 0; i < 6; i++) {
		pages[i] = get_zeroed_page(GFP_KERNEL);
		if (!pages[i])
			return -ENOMEM;
	}
	space.pgd = (pgd_t *)pages[0];
	space.pud = (pud_t *)pages[1];
	space.pmd = (pmd_t *)pages[2];
	space.pte = (pte_t *)pages[3];
	space.data[0] = (u64 *)pages[4];
	space.data[1] = (u64 *)pages[5];
	*space.data[1] = 1;
	memcpy(space.pgd + 256, swapper_pg_dir + 256, 256 * sizeof(pgd_t));
	set_pgd(space.pgd + pgd_index(TEST_ADDR), __pgd(__pa(space.pud) | _KERNPG_TABLE));
	set_pud(space.pud + pud_index(TEST_ADDR), __pud(__pa(space.pmd) | _KERNPG_TABLE));
	set_pmd(space.pmd + pmd_index(TEST_ADDR), __pmd(__pa(space.pte) | _KERNPG_TABLE));
	init_new_context(&space.ctx, space.pgd);
	return 0;
}

static void tlb_exit(void)
{
	destroy_context(&space.ctx);
	free_page((unsigned long)space.pgd);
	free_page((unsigned long)space.pud);
	free_page((unsigned long)space.pmd);
	free_page((unsigned long)space.pte);
	free_page((unsigned long)space.data[0]);
	free_page((unsigned long)space.data[1]);
}

static unsigned long test_addr(int i)
{
	return TEST_ADDR + i * PAGE_SIZE;
}

static void map_all(int which)
{
	for (int i = 0; i < NR_TEST_PAGES; i++)
		set_pte(space.pte + pte_index(test_addr(i)),
			pfn_pte(__pa(space.data[which]) >> PAGE_SHIFT,
				__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX)));
}

struct look {
	u64 sum; /* over the first words of all pages, one bit each */
	bool go_lazy;
};

/* In the test's address space, whatever was loaded before: which page does each address show? */
static void look_at_pages(void *arg)
{
	struct look *l = arg;

	switch_mm_irqs_off(NULL, &space.ctx, NULL);
	l->sum = 0;
	for (int i = 0; i < NR_TEST_PAGES; i++)
		l->sum |= *(volatile u64 *)test_addr(i) << i;
	if (l->go_lazy)
		enter_lazy_tlb(&space.ctx, NULL);
}

static u64 look_from(int cpu, bool go_lazy)
{
	struct look l = { .go_lazy = go_lazy };

	smp_call_function_single(cpu, look_at_pages, &l, true);
	return l.sum;
}

static void expect_all_see(struct ktest *t, u64 want, bool go_lazy)
{
	int cpu;

	for_each_online_cpu(cpu)
		KTEST_EXPECT_EQ(t, look_from(cpu, go_lazy), want);
}

static void leave_all(void *arg)
{
	leave_mm();
}

/* Every CPU holds translations; the entries change; after the flush nobody sees the old page. */
static void check_flush(struct ktest *t, bool lazy, unsigned long start, unsigned long end,
			u64 changed)
{
	map_all(0);
	on_each_cpu(leave_all, NULL, true);
	expect_all_see(t, 0, lazy);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, cpu_online_mask);
	for (int i = 0; i < NR_TEST_PAGES; i++)
		if (changed & BIT(i))
			set_pte(space.pte + pte_index(test_addr(i)),
				pfn_pte(__pa(space.data[1]) >> PAGE_SHIFT,
					__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX)));
	flush_tlb_mm_range(&space.ctx, start, end);
	expect_all_see(t, changed, lazy);
	on_each_cpu(leave_all, NULL, true);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, 0UL);
}

static void range_flush_reaches_every_cpu(struct ktest *t)
{
	check_flush(t, false, test_addr(3), test_addr(35), 0xffffffffUL << 3);
}

static void large_flush_reaches_every_cpu(struct ktest *t)
{
	check_flush(t, false, test_addr(0), test_addr(NR_TEST_PAGES), ~0UL);
}

static void full_flush_reaches_every_cpu(struct ktest *t)
{
	check_flush(t, false, 0, TLB_FLUSH_ALL, ~0UL);
}

static void lazy_cpus_flush_when_they_come_back(struct ktest *t)
{
	/* Many pages: a few may fall out of the TLB by themselves. */
	check_flush(t, true, test_addr(3), test_addr(35), 0xffffffffUL << 3);
}

static void page_flush_reaches_every_cpu(struct ktest *t)
{
	map_all(0);
	expect_all_see(t, 0, false);
	for (int i = 0; i < NR_TEST_PAGES; i++) {
		set_pte(space.pte + pte_index(test_addr(i)),
			pfn_pte(__pa(space.data[1]) >> PAGE_SHIFT,
				__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED)));
		flush_tlb_page(&space.ctx, test_addr(i));
		expect_all_see(t, ~0UL >> (63 - i), false);
	}
	on_each_cpu(leave_all, NULL, true);
}

/* One CPU alone, also through the short way in flush_tlb_page(). */
static void local_flush_works_alone(struct ktest *t)
{
	unsigned long flags;
	u64 seen;

	map_all(0);
	on_each_cpu(leave_all, NULL, true);
	local_irq_save(flags);
	switch_mm_irqs_off(NULL, &space.ctx, NULL);
	seen = *(volatile u64 *)test_addr(7);
	KTEST_EXPECT_EQ(t, seen, 0ULL);
	set_pte(space.pte + pte_index(test_addr(7)),
		pfn_pte(__pa(space.data[1]) >> PAGE_SHIFT,
			__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED)));
	flush_tlb_page(&space.ctx, test_addr(7));
	seen = *(volatile u64 *)test_addr(7);
	KTEST_EXPECT_EQ(t, seen, 1ULL);
	KTEST_EXPECT_EQ(t, this_cpu_read(cpu_tlbstate.loaded_tlb_gen), space.ctx.tlb_gen);
	leave_mm();
	local_irq_restore(flags);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, 0UL);
}

static void destroy_drives_lazy_cpus_out(struct ktest *t)
{
	map_all(0);
	expect_all_see(t, 0, true);
	destroy_context(&space.ctx);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, 0UL);
}

static const struct ktest_case tlb_cases[] = {
	KTEST_CASE(local_flush_works_alone),
	KTEST_CASE(range_flush_reaches_every_cpu),
	KTEST_CASE(large_flush_reaches_every_cpu),
	KTEST_CASE(full_flush_reaches_every_cpu),
	KTEST_CASE(lazy_cpus_flush_when_they_come_back),
	KTEST_CASE(page_flush_reaches_every_cpu),
	KTEST_CASE(destroy_drives_lazy_cpus_out),
	{},
};
KTEST_SUITE_FULL(tlb, tlb_cases, tlb_init, tlb_exit);
