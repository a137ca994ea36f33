/*
 * mempool: allocations that always succeed in the end, because some objects are kept in reserve.
 *
 * For work that must go on so that memory becomes free (writing pages out): as long as every user gives
 * its object back some time, whoever may sleep gets one.
 *
 * Mirrors Linux include/linux/mempool.h. Exercised by the mempool suite (tests/kernel/mempool.c).
 */
#pragma once

#include "kernel/spinlock.h"
#include "kernel/wait.h"
#include "lib/types.h"
#include "mm/phys/gfp.h"

struct kmem_cache;

/* Where the pool's objects come from and go to. alloc may return NULL, and obeys gfp. */
typedef void *(mempool_alloc_t)(gfp_t gfp, void *pool_data);
typedef void(mempool_free_t)(void *element, void *pool_data);

/* Legend: - never changes; L lock. */
typedef struct mempool {
	spinlock_t lock; /* any context */
	int min_nr;	 /* L objects to keep (changed by mempool_resize only) */
	int curr_nr;	 /* L objects in reserve at the moment */
	void **elements; /* L the reserve, min_nr slots */
	void *pool_data; /* - */
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	wait_queue_head_t wait; /* for an object to come back */
} mempool_t;

/* A pool in memory of the caller's. 0, -ENOMEM, -EINVAL (min_nr < 1). => may sleep */
int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
		 void *pool_data);
void mempool_exit(mempool_t *pool);
/* A pool with min_nr objects in reserve. NULL: no memory for them, or min_nr < 1 (one warning). => may sleep */
mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
			  void *pool_data);
/* Frees the reserve; NULL is fine. All objects must be back. => may sleep */
void mempool_destroy(mempool_t *pool);
/*
 * Another size of the reserve: what is too much is freed; what is missing is allocated, or comes with
 * objects that are given back. 0, -ENOMEM (the size is as before), -EINVAL. => may sleep; one at a time
 */
int mempool_resize(mempool_t *pool, int new_min_nr);
/*
 * An object: a fresh one if memory is there without trouble, else one of the reserve; with
 * __GFP_DIRECT_RECLAIM it waits until there is one and never fails, without it NULL. Not zeroed: the
 * reserve's are what they were (__GFP_ZERO is refused with a warning).
 */
void *mempool_alloc(mempool_t *pool, gfp_t gfp) __malloc;
/* Fills the reserve first, and wakes who waits; NULL is fine. => any context */
void mempool_free(void *element, mempool_t *pool);

/* ---- kinds; pool_data is the cache, the size in bytes, the order ---- */
void *mempool_alloc_slab(gfp_t gfp, void *cache);
void mempool_free_slab(void *element, void *cache);
void *mempool_kmalloc(gfp_t gfp, void *size);
void mempool_kfree(void *element, void *size);
void *mempool_alloc_pages(gfp_t gfp, void *order); /* a struct page */
void mempool_free_pages(void *element, void *order);

static inline mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache)
{
	return mempool_create(min_nr, mempool_alloc_slab, mempool_free_slab, cache);
}

static inline mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kmalloc, mempool_kfree, (void *)size);
}

static inline mempool_t *mempool_create_page_pool(int min_nr, int order)
{
	return mempool_create(min_nr, mempool_alloc_pages, mempool_free_pages, (void *)(long)order);
}
