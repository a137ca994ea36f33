/*
 * Suite dmapool: blocks keep alignment, boundary and mask, are one's own, and misuse is refused.
 */
#include "mm/slab/dmapool.h"

#include "arch/x86/page.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/phys/vmstat.h"
#include "tests/kernel/crew.h"

static struct device dev;

static int dmapool_init(void)
{
	device_initialize(&dev, "test", DMA_BIT_MASK(32), NUMA_NO_NODE);
	return 0;
}

static void blocks_fit_their_limits(struct ktest *t)
{
	static const struct {
		size_t size, align, boundary;
	} c[] = {
		{ 1, 0, 0 },	{ 24, 8, 0 },	   { 100, 64, 0 },	{ 96, 32, 256 },
		{ 48, 16, 64 }, { 1000, 0, 1024 }, { 3000, 4, 0 },	{ 4096, 4096, 0 },
		{ 5000, 0, 0 }, { 16, 4096, 0 },   { 9000, 64, 32768 }, { 4, 4, 4 },
	};

	for (int k = 0; k < ARRAY_SIZE(c); k++) {
		size_t align = c[k].align ? c[k].align : 1, bound = c[k].boundary;
		struct dma_pool *pool =
			dma_pool_create("limits", &dev, c[k].size, c[k].align, bound);
		dma_addr_t dma[40];
		void *p[40];

		KTEST_ASSERT_NOT_NULL(t, pool);
		for (int i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = dma_pool_zalloc(pool, GFP_KERNEL, &dma[i]);
			KTEST_ASSERT_NOT_NULL(t, p[i]);
			KTEST_EXPECT_EQ(t, __pa(p[i]), dma[i]);
			KTEST_EXPECT_EQ(t, dma[i] % align, 0ULL);
			KTEST_EXPECT_LE(t, dma[i] + c[k].size - 1, DMA_BIT_MASK(32));
			if (bound)
				KTEST_EXPECT_EQ(t, dma[i] / bound,
						(dma[i] + c[k].size - 1) / bound);
			KTEST_EXPECT_NULL(t, memchr_inv(p[i], 0, c[k].size));
			memset(p[i], i + 1, c[k].size);
		}
		for (int i = 0; i < ARRAY_SIZE(p); i++) {
			KTEST_EXPECT_NULL(t, memchr_inv(p[i], i + 1, c[k].size));
			dma_pool_free(pool, p[i], dma[i]);
		}
		dma_pool_destroy(pool);
	}
	KTEST_EXPECT_TRUE(t, list_empty(&dev.dma_pools));
}

static void memory_lies_below_the_mask(struct ktest *t)
{
	static const u64 masks[] = { DMA_BIT_MASK(24), DMA_BIT_MASK(28), DMA_BIT_MASK(32), ~0ULL };
	struct device low;
	dma_addr_t dma;
	void *p;

	for (int i = 0; i < ARRAY_SIZE(masks); i++) {
		device_initialize(&low, "low", masks[i], NUMA_NO_NODE);
		p = dma_alloc_coherent(&low, 3 * PAGE_SIZE, &dma, GFP_KERNEL);
		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_EXPECT_LE(t, dma + 3 * PAGE_SIZE - 1, masks[i]);
		KTEST_EXPECT_NULL(t, memchr_inv(p, 0, 3 * PAGE_SIZE));
		dma_free_coherent(&low, 3 * PAGE_SIZE, p, dma);
	}
	/* Nothing lies so low. */
	device_initialize(&low, "lowest", 0xfff, NUMA_NO_NODE);
	KTEST_EXPECT_NULL(t, dma_alloc_coherent(&low, PAGE_SIZE, &dma, GFP_KERNEL));
}

static void nonsense_is_refused(struct ktest *t)
{
	static const struct {
		size_t size, align, boundary;
	} bad[] = { { 0, 0, 0 },	 { 64, 3, 0 },	      { 64, 0, 32 },
		    { 64, 0, 100 },	 { 5UL << 20, 0, 0 }, { ~0UL, 8, 0 },
		    { 8, 1UL << 40, 0 }, { 48, 64, 48 },      { 3UL << 20, 4UL << 20, 1UL << 20 } };
	dma_addr_t dma;

	ktest_info(t, "two warnings are expected, the first time this runs");
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		KTEST_EXPECT_NULL(t, dma_pool_create("bad", &dev, bad[i].size, bad[i].align,
						     bad[i].boundary));
	KTEST_EXPECT_NULL(t, dma_pool_create("bad", NULL, 8, 8, 0));
	KTEST_EXPECT_NULL(t, dma_alloc_coherent(&dev, 0, &dma, GFP_KERNEL));
	KTEST_EXPECT_NULL(t, dma_alloc_coherent(&dev, ~0UL, &dma, GFP_KERNEL));
	dma_pool_destroy(NULL);
}

/* What is not a block changes nothing: all blocks can still be had once each. */
static void bad_frees_are_left_alone(struct ktest *t)
{
	struct dma_pool *pool = dma_pool_create("bad_frees", &dev, 1024, 0, 0);
	dma_addr_t dma[5], first;
	void *p[5];

	KTEST_ASSERT_NOT_NULL(t, pool);
	for (int i = 0; i < 4; i++)
		p[i] = dma_pool_alloc(pool, GFP_KERNEL, &dma[i]);
	ktest_info(t, "four messages are expected");
	dma_pool_free(pool, p[0] + 8, dma[0] + 8);
	dma_pool_free(pool, p[0], dma[1]);
	dma_pool_free(pool, p[0], dma[0] + (1ULL << 40));
	first = dma[3];
	dma_pool_free(pool, p[0], dma[0]);
	dma_pool_free(pool, p[1], dma[1]);
	dma_pool_free(pool, p[2], dma[2]);
	dma_pool_free(pool, p[3], dma[3]);
	dma_pool_free(pool, p[3], dma[3]);
	for (int i = 0; i < 4; i++) {
		p[i] = dma_pool_alloc(pool, GFP_KERNEL, &dma[i]);
		for (int k = 0; k < i; k++)
			KTEST_EXPECT_NE(t, dma[i], dma[k]);
	}
	KTEST_EXPECT_EQ(t, dma[0], first); /* the last freed is the first used */
	for (int i = 0; i < 4; i++)
		dma_pool_free(pool, p[i], dma[i]);
	dma_pool_destroy(pool);
}

/* A pool that ends with blocks in use keeps their page: a device may write to it. */
static void busy_pages_survive_their_pool(struct ktest *t)
{
	struct dma_pool *pool = dma_pool_create("busy", &dev, PAGE_SIZE, 0, 0);
	dma_addr_t dma, spare_dma;
	void *p, *spare;

	KTEST_ASSERT_NOT_NULL(t, pool);
	p = dma_pool_alloc(pool, GFP_KERNEL, &dma);
	spare = dma_pool_alloc(pool, GFP_KERNEL, &spare_dma);
	KTEST_ASSERT_NOT_NULL(t, p);
	dma_pool_free(pool, spare, spare_dma);
	ktest_info(t, "one message is expected: busy");
	dma_pool_destroy(pool);
	KTEST_EXPECT_EQ(t, page_count(virt_to_page(p)), 1);
	dma_free_coherent(&dev, PAGE_SIZE, p, dma);
}

static struct dma_pool *shared;

static int storm(struct crew *c, int me)
{
	struct {
		u8 *p;
		dma_addr_t dma;
	} live[16] = {};
	u32 rnd = (u32)c->t->seed + me * 7919;
	int bad = 0;

	for (int i = 0; i < ROUNDS; i++) {
		int n = (rnd >> 16) % ARRAY_SIZE(live);

		rnd = rnd * 1664525 + 1013904223;
		if (live[n].p) {
			bad += memchr_inv(live[n].p, me * 16 + n, 72) != NULL;
			dma_pool_free(shared, live[n].p, live[n].dma);
			live[n].p = NULL;
			continue;
		}
		live[n].p = dma_pool_alloc(shared, i & 1 ? GFP_KERNEL : GFP_ATOMIC, &live[n].dma);
		if (live[n].p)
			memset(live[n].p, me * 16 + n, 72);
	}
	for (int n = 0; n < ARRAY_SIZE(live); n++)
		if (live[n].p)
			dma_pool_free(shared, live[n].p, live[n].dma);
	KTEST_EXPECT_EQ(c->t, bad, 0);
	return 0;
}

static void storm_on_all_cpus(struct ktest *t)
{
	shared = dma_pool_create("storm", &dev, 72, 8, 256);
	KTEST_ASSERT_NOT_NULL(t, shared);
	run_crew(t, storm);
	dma_pool_destroy(shared);
	KTEST_EXPECT_TRUE(t, list_empty(&dev.dma_pools));
}

static const struct ktest_case dmapool_cases[] = {
	KTEST_CASE(blocks_fit_their_limits),
	KTEST_CASE(memory_lies_below_the_mask),
	KTEST_CASE(nonsense_is_refused),
	KTEST_CASE(bad_frees_are_left_alone),
	KTEST_CASE(busy_pages_survive_their_pool),
	KTEST_CASE(storm_on_all_cpus),
	{},
};
KTEST_SUITE_FULL(dmapool, dmapool_cases, dmapool_init, NULL);
