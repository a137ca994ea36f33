/*
 * KFENCE: a few objects of the whole kernel live on pages of their own, between pages that nobody may touch. See kfence.c.
 *
 * Mirrors Linux include/linux/kfence.h. Exercised by the kfence suite (tests/kernel/kfence.c).
 */
#pragma once

#include "lib/types.h"
#include "mm/phys/gfp.h"

struct kmem_cache;
struct slab;

/* The pool: start 0 and size 0 without one. Written once. */
extern unsigned long kfence_pool_start, kfence_pool_size;

static __always_inline bool is_kfence_address(const void *addr)
{
	return unlikely((unsigned long)addr - kfence_pool_start < kfence_pool_size);
}

/*
 * For the slab allocator, while SLAB_HOOK_KFENCE is set: an object of size bytes (what the caller asked for) in place of one
 * of the cache's slabs, or NULL: the gate was closed, the pool is empty, or the request is none for it. __GFP_ZERO and the
 * constructor are done. => any context but NMI
 */
void *kfence_alloc(struct kmem_cache *s, size_t size, gfp_t gfp);
/* => is_kfence_address(p). What is wrong with it is reported, and then nothing is freed. */
void __kfence_free(void *p);
/* True: it was one of the pool's, and that is done. */
static __always_inline bool kfence_free(void *p)
{
	if (!is_kfence_address(p))
		return false;
	__kfence_free(p);
	return true;
}

/* => is_kfence_address(p), object in use. Bytes that were asked for; where it begins. */
size_t kfence_ksize(const void *p);
void *kfence_object_start(const void *p);
/* The start of an object that is in use? => is_kfence_address(p) */
bool kfence_valid_obj(const void *p);
/* The cache goes: its objects become "zombies", freed as far as reports are concerned. => may sleep */
void kfence_shutdown_cache(struct kmem_cache *s);
/* What is known of the object at an address of the pool, to the log. False: nothing, or not of the pool. */
bool kfence_describe(const void *p);

/* ms between two samples; 0: none from now on. 0, -ENODEV (no pool), -ENOMEM. => may sleep */
int kfence_set_sample_interval(unsigned int ms);
unsigned int kfence_get_sample_interval(void);
/* Boot: the pool, from memblock. => before mem_init() */
void kfence_alloc_pool(void);
/* In-kernel suites count objects: no samples while they run, unless kfence.sample_interval= was given. */
void kfence_pause_for_tests(void);
/* Reports so far, for the suite. */
unsigned long kfence_nr_bugs(void);
