/*
 * inside.h - what the benchmarks from inside the kernel share: page_alloc_bench.c and kmem_bench.c.
 *
 * One source, two kernels: a module for Debian's Linux 6.1 (tools/bench.py builds it against the package linux-headers-amd64,
 * tests/bench/bench.c loads it), and a suite of Quire. What differs stands here; what is measured is the same calls with the
 * same arguments.
 *
 * 1. Every figure is a difference of two RDTSCs. Under QEMU's -icount shift=0 one tick is one guest instruction, without
 *    icount it is time.
 * 2. A round does the operation per_round times; its cost, less that of two RDTSCs with nothing between, is divided by
 *    per_round. Rounds before the measured ones warm the caches of the CPU; the median of the others is the figure, so a timer
 *    tick in some of them does no harm.
 *
 * Output: BENCH op=NAME median=N min=N rounds=N for each row, then in Quire BENCH end.
 *
 * A source includes this header first, defines its operations, and ends with BENCH_INSIDE().
 */
#ifdef MODULE
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <asm/msr.h>
#define say(fmt, ...) pr_crit(fmt "\n", ##__VA_ARGS__) /* past "quiet" */
#else
#include "arch/x86/tsc.h"
#include "kernel/init.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
static struct ktest *test;
#define say(fmt, ...) ktest_info(test, fmt, ##__VA_ARGS__)
#endif

#define WARMUP	   8
#define MAX_ROUNDS 101

struct op {
	const char *name;
	u64 (*round)(const struct op *op);
	unsigned int arg; /* order, or bytes */
	int per_round, rounds;
	const char *second; /* what the same rounds tell besides */
};

static u64 first[MAX_ROUNDS], second[MAX_ROUNDS], second_cost, empty_pair;
static unsigned long refused; /* allocations that failed: their round means nothing */

static u64 ticks(void)
{
	u64 t = rdtsc();

	barrier();
	return t;
}

static void keep(u64 *sample, int n, u64 cost, int per_round)
{
	u64 each = cost > empty_pair ? (cost - empty_pair) / per_round : 0;
	int i;

	/* In order of size: the middle one is the median. */
	for (i = n; i > 0 && sample[i - 1] > each; i--)
		sample[i] = sample[i - 1];
	sample[i] = each;
}

static void report(const char *name, const u64 *sample, int n)
{
	say("BENCH op=%s median=%llu min=%llu rounds=%d", name, (unsigned long long)sample[n / 2],
	    (unsigned long long)sample[0], n);
}

static void run_op(const struct op *op)
{
	for (int i = -WARMUP; i < op->rounds; i++) {
		u64 cost = op->round(op);

		if (i < 0)
			continue;
		keep(first, i, cost, op->per_round);
		if (op->second)
			keep(second, i, second_cost, op->per_round);
	}
	report(op->name, first, op->rounds);
	if (op->second)
		report(op->second, second, op->rounds);
}

static void run_all(const struct op *ops, unsigned int nr)
{
	empty_pair = ~0ULL;
	for (int i = 0; i < 64; i++) {
		u64 t = ticks();

		t = ticks() - t;
		if (t < empty_pair)
			empty_pair = t;
	}
	refused = 0;
	for (unsigned int i = 0; i < nr; i++)
		run_op(&ops[i]);
}

#ifdef MODULE
#define BENCH_INSIDE(suite, ops, what)                                 \
	static int __init bench_init(void)                             \
	{                                                              \
		run_all(ops, sizeof(ops) / sizeof((ops)[0]));          \
		if (refused)                                           \
			say("BENCH error=refused errno=%lu", refused); \
		return 0;                                              \
	}                                                              \
	static void __exit bench_exit(void)                            \
	{                                                              \
	}                                                              \
	module_init(bench_init);                                       \
	module_exit(bench_exit);                                       \
	MODULE_LICENSE("Dual MIT/GPL");                                \
	MODULE_DESCRIPTION(what)
#else
/* Other threads of the kernel may allocate meanwhile; what an operation lost would be hundreds of pages. */
#define SLACK 64

static void run_suite(struct ktest *t, const struct op *ops, unsigned int nr)
{
	long before;

	test = t;
	/* What is made once and stays: caches, slabs that a CPU keeps, tables. */
	for (unsigned int i = 0; i < nr; i++)
		ops[i].round(&ops[i]);
	before = nr_free_pages();
	run_all(ops, nr);
	KTEST_EXPECT_EQ(t, refused, 0UL);
	KTEST_EXPECT_LT(t, before - (long)nr_free_pages(), SLACK);
	KTEST_EXPECT_LT(t, (long)nr_free_pages() - before, SLACK);
	say("BENCH end");
}

#define BENCH_INSIDE(suite, ops, what)                                      \
	static void costs(struct ktest *t)                                  \
	{                                                                   \
		run_suite(t, ops, sizeof(ops) / sizeof((ops)[0]));          \
	}                                                                   \
	static const struct ktest_case cases[] = { KTEST_CASE(costs), {} }; \
	KTEST_SUITE(suite, cases)
#endif
