/*
 * Suite mempool: the reserve serves when the allocator does not, waiters get what is given back, sizes change,
 * and nothing is lost.
 *
 * The allocator under the pool is the test's own, so that it can be told to fail.
 */
#include "mm/slab/mempool.h"

#include "arch/x86/atomic.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "mm/phys/buddy.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"
#include "tests/kernel/crew.h"

static bool dry;	  /* the allocator under the pool has nothing */
static atomic_t out;	  /* objects it has handed out */
static atomic_t reclaims; /* attempts that were allowed to reclaim */

static void *fake_alloc(gfp_t gfp, void *data)
{
	void *p;

	if (gfp & __GFP_DIRECT_RECLAIM)
		atomic_inc(&reclaims);
	if (READ_ONCE(dry))
		return NULL;
	p = kmalloc(64, gfp);
	if (p)
		atomic_inc(&out);
	return p;
}

static void fake_free(void *p, void *data)
{
	atomic_dec(&out);
	kfree(p);
}

static void reserve_serves_when_memory_is_out(struct ktest *t)
{
	mempool_t *pool = mempool_create(4, fake_alloc, fake_free, NULL);
	void *p[6], *fresh;

	KTEST_ASSERT_NOT_NULL(t, pool);
	KTEST_EXPECT_EQ(t, atomic_read(&out), 4);
	fresh = mempool_alloc(pool, GFP_ATOMIC);
	KTEST_EXPECT_EQ(t, pool->curr_nr, 4);
	dry = true;
	for (int i = 0; i < 4; i++) {
		p[i] = mempool_alloc(pool, GFP_ATOMIC);
		KTEST_EXPECT_NOT_NULL(t, p[i]);
		for (int k = 0; k < i; k++)
			KTEST_EXPECT_NE(t, (unsigned long)p[i], (unsigned long)p[k]);
	}
	KTEST_EXPECT_NULL(t, mempool_alloc(pool, GFP_ATOMIC));
	KTEST_EXPECT_NULL(t, mempool_alloc(pool, GFP_NOWAIT));
	KTEST_EXPECT_EQ(t, pool->curr_nr, 0);
	mempool_free(p[2], pool);
	KTEST_EXPECT_EQ(t, pool->curr_nr, 1);
	KTEST_EXPECT_EQ(t, (unsigned long)mempool_alloc(pool, GFP_KERNEL), (unsigned long)p[2]);
	dry = false;
	for (int i = 0; i < 4; i++)
		mempool_free(p[i], pool);
	KTEST_EXPECT_EQ(t, pool->curr_nr, 4);
	KTEST_EXPECT_EQ(t, atomic_read(&out), 5);
	mempool_free(fresh, pool);
	KTEST_EXPECT_EQ(t, atomic_read(&out), 4);
	mempool_free(NULL, pool);
	mempool_destroy(pool);
	mempool_destroy(NULL);
	KTEST_EXPECT_EQ(t, atomic_read(&out), 0);
}

static void *waited;

static int waiter(void *arg)
{
	WRITE_ONCE(waited, mempool_alloc(arg, GFP_KERNEL));
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static void waiter_gets_what_is_freed(struct ktest *t)
{
	mempool_t *pool = mempool_create(1, fake_alloc, fake_free, NULL);
	struct task_struct *k;
	void *p;

	KTEST_ASSERT_NOT_NULL(t, pool);
	dry = true;
	atomic_set(&reclaims, 0);
	waited = NULL;
	p = mempool_alloc(pool, GFP_KERNEL);
	KTEST_EXPECT_EQ(t, atomic_read(&reclaims), 0); /* the reserve comes before reclaim */
	k = kthread_run(waiter, pool, "mempool_waiter");
	KTEST_ASSERT_FALSE(t, IS_ERR(k));
	schedule_timeout_uninterruptible(HZ / 10);
	KTEST_EXPECT_NULL(t, READ_ONCE(waited));
	KTEST_EXPECT_GE(t, atomic_read(&reclaims), 1);
	mempool_free(p, pool);
	for (int i = 0; i < HZ && !READ_ONCE(waited); i++)
		schedule_timeout_uninterruptible(1);
	/* Far sooner than it would have looked by itself. */
	KTEST_EXPECT_EQ(t, (unsigned long)READ_ONCE(waited), (unsigned long)p);
	kthread_stop(k);
	dry = false;
	mempool_free(p, pool);
	mempool_destroy(pool);
	KTEST_EXPECT_EQ(t, atomic_read(&out), 0);
}

static void size_changes_both_ways(struct ktest *t)
{
	mempool_t *pool = mempool_create(3, fake_alloc, fake_free, NULL);
	void *p[8];

	KTEST_ASSERT_NOT_NULL(t, pool);
	KTEST_EXPECT_EQ(t, mempool_resize(pool, 8), 0);
	KTEST_EXPECT_EQ(t, pool->curr_nr, 8);
	KTEST_EXPECT_EQ(t, mempool_resize(pool, 2), 0);
	KTEST_EXPECT_EQ(t, pool->curr_nr, 2);
	KTEST_EXPECT_EQ(t, atomic_read(&out), 2);
	dry = true;
	p[0] = mempool_alloc(pool, GFP_ATOMIC);
	/* Larger, with nothing to fill it: frees fill it. */
	KTEST_EXPECT_EQ(t, mempool_resize(pool, 6), 0);
	KTEST_EXPECT_EQ(t, pool->min_nr, 6);
	KTEST_EXPECT_EQ(t, pool->curr_nr, 1);
	mempool_free(p[0], pool);
	KTEST_EXPECT_EQ(t, pool->curr_nr, 2);
	dry = false;
	ktest_info(t, "two warnings are expected, the first time this runs");
	KTEST_EXPECT_EQ(t, mempool_resize(pool, 0), -EINVAL);
	KTEST_EXPECT_NULL(t, mempool_create(0, fake_alloc, fake_free, NULL));
	dry = true;
	KTEST_EXPECT_NULL(t, mempool_create(5, fake_alloc, fake_free, NULL));
	dry = false;
	mempool_destroy(pool);
	KTEST_EXPECT_EQ(t, atomic_read(&out), 0);
}

static void every_kind_works(struct ktest *t)
{
	struct kmem_cache *cache = kmem_cache_create("test_mempool", 200, 0, SLAB_NO_MERGE, NULL);
	mempool_t *pools[] = { mempool_create_slab_pool(3, cache),
			       mempool_create_kmalloc_pool(3, 1000),
			       mempool_create_page_pool(3, 2) };
	void *p[5];

	for (int k = 0; k < ARRAY_SIZE(pools); k++) {
		KTEST_ASSERT_NOT_NULL(t, pools[k]);
		for (int i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = mempool_alloc(pools[k], GFP_KERNEL);
			KTEST_ASSERT_NOT_NULL(t, p[i]);
			memset(k == 2 ? page_address(p[i]) : p[i], i, k == 2 ? 4 * PAGE_SIZE : 200);
		}
		if (!k)
			KTEST_EXPECT_TRUE(t, virt_to_cache(p[0]) == cache);
		for (int i = 0; i < ARRAY_SIZE(p); i++)
			mempool_free(p[i], pools[k]);
		mempool_destroy(pools[k]);
	}
	kmem_cache_destroy(cache);
}

static mempool_t *shared;

/* Each holds one object at a time, so fewer objects than threads are enough for all to go on. */
static int take_and_give(struct crew *c, int me)
{
	int bad = 0;

	for (int i = 0; i < 500; i++) {
		long *p = mempool_alloc(shared, GFP_KERNEL);

		*p = me;
		yield();
		bad += *p != me;
		mempool_free(p, shared);
	}
	KTEST_EXPECT_EQ(c->t, bad, 0);
	return 0;
}

static void two_objects_feed_many_threads(struct ktest *t)
{
	shared = mempool_create(2, fake_alloc, fake_free, NULL);
	KTEST_ASSERT_NOT_NULL(t, shared);
	dry = true;
	run_crew(t, take_and_give);
	dry = false;
	KTEST_EXPECT_EQ(t, shared->curr_nr, 2);
	mempool_destroy(shared);
	KTEST_EXPECT_EQ(t, atomic_read(&out), 0);
}

static const struct ktest_case mempool_cases[] = {
	KTEST_CASE(reserve_serves_when_memory_is_out),
	KTEST_CASE(waiter_gets_what_is_freed),
	KTEST_CASE(size_changes_both_ways),
	KTEST_CASE(every_kind_works),
	KTEST_CASE(two_objects_feed_many_threads),
	{},
};
KTEST_SUITE(mempool, mempool_cases);
