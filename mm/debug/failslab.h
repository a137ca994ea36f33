/*
 * failslab: allocations of objects that fail. Theory in failslab.c.
 *
 * Mirrors Linux include/linux/fault-inject.h (should_failslab). Exercised by the slab_debug suite.
 */
#pragma once

#include "lib/types.h"
#include "mm/debug/fault_inject.h"

struct kmem_cache;

struct failslab {
	struct fault_attr attr;
	bool ignore_gfp_reclaim; /* spare requests that could wait for memory */
	bool cache_filter;	 /* only caches with SLAB_FAILSLAB */
};

extern struct failslab failslab;
/* Must this allocation fail? Any context. => SLAB_HOOK_FAIL is set */
bool should_failslab(struct kmem_cache *s, gfp_t gfp);
void failslab_nth_used(void); /* from now on /proc/PID/fail-nth counts objects too */
