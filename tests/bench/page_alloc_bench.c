/*
 * page_alloc_bench.c - what the page allocator costs, seen from inside the kernel.
 *
 * One source, two kernels: a module for Debian's Linux 6.1 (tools/bench.py builds it against the package linux-headers-amd64,
 * tests/bench/bench.c loads it), and a suite of Quire (selftest=bench_page_alloc). What differs stands in the first
 * lines; what is measured is the same calls with the same flags.
 *
 * 1. Every figure is a difference of two RDTSCs. Under QEMU's -icount shift=0 one tick is one guest instruction, without
 *    icount it is time.
 * 2. A round does the operation per_round times; its cost, less that of two RDTSCs with nothing between, is divided by
 *    per_round. Rounds before the measured ones warm the per-CPU lists; the median of the others is the figure, so a timer
 *    tick in some of them does no harm.
 * 3. A bulk round takes 1024 pages in one call and gives them back one by one, since that is all that Linux exports for it.
 *    It makes two figures, both for one page.
 *
 * Output: BENCH op=NAME median=N min=N rounds=N for each row, then in Quire BENCH end.
 */
#ifdef MODULE
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <asm/msr.h>
#define say(fmt, ...) pr_crit(fmt "\n", ##__VA_ARGS__) /* past "quiet" */
#else
#include "arch/x86/tsc.h"
#include "kernel/init.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
static struct ktest *test;
#define say(fmt, ...)			  ktest_info(test, fmt, ##__VA_ARGS__)
#define alloc_pages_bulk_array(gfp, n, a) alloc_pages_bulk(gfp, n, a)
#endif

#define WARMUP	   8
#define MAX_ROUNDS 101
#define BULK	   1024

struct op {
	const char *name;
	u64 (*round)(const struct op *op);
	unsigned int order;
	int per_round, rounds;
	const char *second; /* what the same rounds tell besides */
};

static struct page *bulk[BULK];
static u64 first[MAX_ROUNDS], second[MAX_ROUNDS], second_cost, empty_pair;
static unsigned long refused; /* allocations that failed: their round means nothing */

static u64 ticks(void)
{
	u64 t = rdtsc();

	barrier();
	return t;
}

static u64 single_round(const struct op *op)
{
	u64 t = ticks();

	for (int i = 0; i < op->per_round; i++) {
		struct page *page = alloc_page(GFP_KERNEL);

		if (page)
			__free_page(page);
		else
			refused++;
	}
	return ticks() - t;
}

static u64 zeroed_round(const struct op *op)
{
	u64 t = ticks();

	for (int i = 0; i < op->per_round; i++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

		if (page)
			__free_page(page);
		else
			refused++;
	}
	return ticks() - t;
}

static u64 block_round(const struct op *op)
{
	u64 t = ticks();

	for (int i = 0; i < op->per_round; i++) {
		struct page *page = alloc_pages(GFP_KERNEL, op->order);

		if (page)
			__free_pages(page, op->order);
		else
			refused++;
	}
	return ticks() - t;
}

static u64 bulk_round(const struct op *op)
{
	unsigned long got;
	u64 t, cost;

	memset(bulk, 0, sizeof(bulk));
	t = ticks();
	got = alloc_pages_bulk_array(GFP_KERNEL, BULK, bulk);
	cost = ticks() - t;
	refused += BULK - got;
	t = ticks();
	for (unsigned long i = 0; i < got; i++)
		__free_page(bulk[i]);
	second_cost = ticks() - t;
	return cost;
}

/* As many pages as in bulk, but each asked for alone: what fills and empties the per-CPU lists. */
static u64 pile_round(const struct op *op)
{
	u64 t = ticks(), cost;

	for (int i = 0; i < BULK; i++)
		bulk[i] = alloc_page(GFP_KERNEL);
	cost = ticks() - t;
	t = ticks();
	for (int i = 0; i < BULK; i++) {
		if (bulk[i])
			__free_page(bulk[i]);
		else
			refused++;
	}
	second_cost = ticks() - t;
	return cost;
}

static const struct op ops[] = {
	{ "page_order0", single_round, 0, 256, 101, NULL },
	{ "page_order1", block_round, 1, 128, 61, NULL },
	{ "page_order2", block_round, 2, 128, 61, NULL },
	{ "page_order3", block_round, 3, 128, 61, NULL },
	{ "page_order4", block_round, 4, 64, 61, NULL },
	{ "page_order5", block_round, 5, 64, 61, NULL },
	{ "page_order6", block_round, 6, 64, 61, NULL },
	{ "page_order7", block_round, 7, 64, 61, NULL },
	{ "page_order8", block_round, 8, 32, 61, NULL },
	{ "page_order9", block_round, 9, 32, 61, NULL },
	{ "page_order10", block_round, 10, 32, 61, NULL },
	{ "page_bulk_alloc", bulk_round, 0, BULK, 41, "page_bulk_free" },
	{ "page_pile_alloc", pile_round, 0, BULK, 41, "page_pile_free" },
	{ "page_zeroed", zeroed_round, 0, 64, 61, NULL },
};

#define NR_OPS (sizeof(ops) / sizeof(ops[0]))

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

static void run_all(void)
{
	empty_pair = ~0ULL;
	for (int i = 0; i < 64; i++) {
		u64 t = ticks();

		t = ticks() - t;
		if (t < empty_pair)
			empty_pair = t;
	}
	refused = 0;
	for (unsigned int i = 0; i < NR_OPS; i++)
		run_op(&ops[i]);
}

#ifdef MODULE
static int __init bench_init(void)
{
	run_all();
	if (refused)
		say("BENCH error=refused errno=%lu", refused);
	return 0;
}

static void __exit bench_exit(void)
{
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("cost of the page allocator");
#else
/* Other threads of the kernel may allocate meanwhile; what an operation lost would be hundreds of pages. */
#define SLACK 64

static void costs(struct ktest *t)
{
	long before = nr_free_pages();

	test = t;
	run_all();
	KTEST_EXPECT_EQ(t, refused, 0UL);
	KTEST_EXPECT_LT(t, before - (long)nr_free_pages(), SLACK);
	KTEST_EXPECT_LT(t, (long)nr_free_pages() - before, SLACK);
	say("BENCH end");
}

static const struct ktest_case cases[] = { KTEST_CASE(costs), {} };
KTEST_SUITE(bench_page_alloc, cases);
#endif
