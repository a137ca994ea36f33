/*
 * Suite "smp": calls between CPUs.
 *
 * With one CPU they prove only the local half; `make test` boots them with 2 and 4 as well.
 */
#include "arch/x86/barrier.h"
#include "arch/x86/irqflags.h"
#include "kernel/completion.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "lib/err.h"
#include "lib/errno.h"

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
