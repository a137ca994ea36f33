/*
 * mempool: a reserve of objects behind an allocator.
 *
 * 1. An allocation tries the allocator first, but gently: it neither waits nor reclaims, since an object
 *    of the reserve is there at once. The reserve comes second; reclaim third, if the caller may sleep.
 *    Then it waits for somebody to free.
 * 2. A freed object goes to the reserve while that is not full, else to the allocator. So in times of
 *    need objects go round among the pool's users, and nobody else gets one.
 * 3. Invariant: somebody waits only while curr_nr is 0. A waiter queues himself under the lock, after
 *    having seen the empty reserve; who frees looks at curr_nr, fills it and wakes one. A wake-up cannot
 *    be lost, and yet a waiter looks again every few seconds, since memory may have come elsewhere.
 * 4. The reserve is a stack: what was freed last is warm.
 *
 * Locks: pool->lock (any context), nothing inside but the wait queue's lock. Mirrors Linux mm/mempool.c.
 * Exercised by the mempool suite (tests/kernel/mempool.c).
 */
#include "mm/slab/mempool.h"

#include "kernel/bug.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "mm/debug/kmemleak.h"
#include "mm/phys/buddy.h"
#include "mm/debug/kasan.h"
#include "mm/slab/slab.h"

#define LOOK_AGAIN (5 * HZ)

/* ---- the reserve; => pool->lock held, or nobody else knows the pool ---- */

static void add_element(mempool_t *pool, void *element)
{
	BUG_ON(pool->curr_nr >= pool->min_nr);
	kasan_mempool_poison_object(element);
	pool->elements[pool->curr_nr++] = element;
}

static void *remove_element(mempool_t *pool)
{
	void *element = pool->curr_nr ? pool->elements[--pool->curr_nr] : NULL;

	if (IS_KASAN && element)
		kasan_mempool_unpoison_object(
			element, pool->alloc == mempool_kmalloc ? (size_t)pool->pool_data : 0);
	return element;
}

/* ---- making and ending ---- */

void mempool_exit(mempool_t *pool)
{
	void *element;

	while ((element = remove_element(pool)) != NULL)
		pool->free(element, pool->pool_data);
	kfree(pool->elements);
	pool->elements = NULL;
}

int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
		 void *pool_data)
{
	if (WARN_ON_ONCE(min_nr < 1))
		return -EINVAL;
	*pool = (mempool_t){
		.min_nr = min_nr, .alloc = alloc, .free = free, .pool_data = pool_data
	};
	spin_lock_init(&pool->lock);
	init_waitqueue_head(&pool->wait);
	pool->elements = kmalloc_array(min_nr, sizeof(void *), GFP_KERNEL | __GFP_NOWARN);
	if (!pool->elements)
		return -ENOMEM;
	while (pool->curr_nr < min_nr) {
		void *element = alloc(GFP_KERNEL, pool_data);

		if (!element) {
			mempool_exit(pool);
			return -ENOMEM;
		}
		add_element(pool, element);
	}
	return 0;
}

mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc, mempool_free_t *free, void *pool_data)
{
	mempool_t *pool = kmalloc(sizeof(*pool), GFP_KERNEL);

	if (pool && mempool_init(pool, min_nr, alloc, free, pool_data)) {
		kfree(pool);
		return NULL;
	}
	return pool;
}

void mempool_destroy(mempool_t *pool)
{
	if (!pool)
		return;
	WARN_ON(waitqueue_active(&pool->wait));
	mempool_exit(pool);
	kfree(pool);
}

/* ---- another size ---- */

/* Takes out and frees what is more than nr. */
static void shrink_reserve(mempool_t *pool, int nr)
{
	for (;;) {
		void *element = NULL;

		scoped_guard(spinlock_irqsave, &pool->lock) {
			pool->min_nr = nr;
			if (pool->curr_nr > nr)
				element = remove_element(pool);
		}
		if (!element)
			return;
		pool->free(element, pool->pool_data);
	}
}

/* Allocates until the reserve is full, as far as memory goes: the rest comes with frees. */
static void fill_reserve(mempool_t *pool)
{
	while (READ_ONCE(pool->curr_nr) < pool->min_nr) {
		void *element = pool->alloc(GFP_KERNEL, pool->pool_data);

		if (!element)
			return;
		mempool_free(element, pool);
	}
}

int mempool_resize(mempool_t *pool, int new_min_nr)
{
	void **elements, **old;

	might_sleep();
	if (WARN_ON_ONCE(new_min_nr < 1))
		return -EINVAL;
	if (new_min_nr <= pool->min_nr) {
		shrink_reserve(pool, new_min_nr);
		return 0;
	}
	elements = kmalloc_array(new_min_nr, sizeof(void *), GFP_KERNEL | __GFP_NOWARN);
	if (!elements)
		return -ENOMEM;
	scoped_guard(spinlock_irqsave, &pool->lock) {
		old = pool->elements;
		memcpy(elements, old, pool->curr_nr * sizeof(void *));
		pool->elements = elements;
		pool->min_nr = new_min_nr;
	}
	kfree(old);
	fill_reserve(pool);
	return 0;
}

/* ---- use ---- */

/* An object of the reserve, or NULL; then, if wait is given, it is queued already. */
static void *take_or_queue(mempool_t *pool, wait_queue_entry_t *wait)
{
	void *element;

	guard(spinlock_irqsave)(&pool->lock);
	element = remove_element(pool);
	if (!element && wait)
		prepare_to_wait(&pool->wait, wait, TASK_UNINTERRUPTIBLE);
	return element;
}

void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	bool may_sleep = gfp & __GFP_DIRECT_RECLAIM;
	gfp_t gentle;
	void *element;

	if (WARN_ON_ONCE(gfp & __GFP_ZERO))
		gfp &= ~__GFP_ZERO;
	might_sleep_if(may_sleep);
	/* The reserve of the page allocator is for others, and failing is no news. */
	gfp |= __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
	gentle = gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
	element = pool->alloc(gentle, pool->pool_data);
	if (!element)
		element = take_or_queue(pool, NULL);
	while (!element && may_sleep) {
		DEFINE_WAIT(wait);

		element = pool->alloc(gfp, pool->pool_data);
		if (element)
			break;
		element = take_or_queue(pool, &wait);
		if (!element)
			schedule_timeout(LOOK_AGAIN);
		finish_wait(&pool->wait, &wait);
	}
	kmemleak_update_trace(element); /* it may be from the reserve, made by another */
	return element;
}

void mempool_free(void *element, mempool_t *pool)
{
	if (!element)
		return;
	if (READ_ONCE(pool->curr_nr) < READ_ONCE(pool->min_nr)) {
		bool kept;

		scoped_guard(spinlock_irqsave, &pool->lock) {
			kept = pool->curr_nr < pool->min_nr;
			if (kept)
				add_element(pool, element);
		}
		if (kept) {
			wake_up(&pool->wait);
			return;
		}
	}
	pool->free(element, pool->pool_data);
}

/* ---- kinds ---- */

void *mempool_alloc_slab(gfp_t gfp, void *cache)
{
	return kmem_cache_alloc(cache, gfp);
}

void mempool_free_slab(void *element, void *cache)
{
	kmem_cache_free(cache, element);
}

void *mempool_kmalloc(gfp_t gfp, void *size)
{
	return kmalloc((size_t)size, gfp);
}

void mempool_kfree(void *element, void *size)
{
	kfree(element);
}

void *mempool_alloc_pages(gfp_t gfp, void *order)
{
	return alloc_pages(gfp, (unsigned long)order);
}

void mempool_free_pages(void *element, void *order)
{
	__free_pages(element, (unsigned long)order);
}
