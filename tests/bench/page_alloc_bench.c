/*
 * page_alloc_bench.c - what the page allocator costs, seen from inside the kernel.
 *
 * inside.h says how it is measured, and that this source is a module for Linux and a suite of Quire (selftest=bench_page_alloc).
 * A bulk round takes 1024 pages in one call and gives them back one by one, since that is all that Linux exports for it. It
 * makes two figures, both for one page.
 */
#include "tests/bench/inside.h"

#ifdef MODULE
#include <linux/gfp.h>
#include <linux/mm.h>
#else
#include "mm/phys/buddy.h"
#define alloc_pages_bulk_array(gfp, n, a) alloc_pages_bulk(gfp, n, a)
#endif

#define BULK 1024

static struct page *bulk[BULK];

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
		struct page *page = alloc_pages(GFP_KERNEL, op->arg);

		if (page)
			__free_pages(page, op->arg);
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

BENCH_INSIDE(bench_page_alloc, ops, "cost of the page allocator");
