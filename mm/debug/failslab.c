/*
 * failslab=interval,probability,space,times: allocations of objects (kmalloc, kmem_cache_alloc) fail by chance, or exactly
 * when they are told to (/proc/PID/fail-nth, which counts these and those of pages together).
 *
 * 1. Asked before an object is looked for; a request that fails returns NULL. A __GFP_NOFAIL request never fails, nor does one
 *    for the caches that describe caches.
 * 2. By default requests that could wait are spared: failslab/ignore-gfp-wait says N to that. failslab/cache-filter says Y to
 *    hitting only caches whose failslab attribute (/sys/kernel/slab/CACHE/failslab) is 1.
 * 3. The fast path tests slab_debug_hooks only, so the bit there follows the probability.
 *
 * Mirrors Linux mm/failslab.c. Exercised by the slab_debug suite and tests/boot/test_slab.py.
 */
#include "mm/debug/failslab.h"

#include "kernel/init.h"
#include "mm/phys/gfp.h"
#include "mm/slab/slab_internal.h"

static bool nth_used;

static void settings_changed(struct fault_attr *attr)
{
	slab_hook_set(SLAB_HOOK_FAIL, READ_ONCE(attr->probability) || READ_ONCE(nth_used));
}

struct failslab failslab = {
	.attr = { .name = "failslab",
		  .interval = 1,
		  .times = 1,
		  .verbose = 2,
		  .changed = settings_changed },
	.ignore_gfp_reclaim = true,
};

void failslab_nth_used(void)
{
	WRITE_ONCE(nth_used, true);
	settings_changed(&failslab.attr);
}

static int __init param_failslab(char *value)
{
	return setup_fault_attr(&failslab.attr, value);
}
early_param("failslab", param_failslab);

bool should_failslab(struct kmem_cache *s, gfp_t gfp)
{
	if ((gfp & __GFP_NOFAIL) || s == &boot_kmem_cache || s == &boot_kmem_cache_node)
		return false;
	if (failslab.ignore_gfp_reclaim && (gfp & __GFP_DIRECT_RECLAIM))
		return false;
	if (failslab.cache_filter && !(READ_ONCE(s->flags) & SLAB_FAILSLAB))
		return false;
	return should_fail_ex(&failslab.attr, s->object_size,
			      gfp & __GFP_NOWARN ? FAULT_NOWARN : 0);
}

static int failslab_debugfs(void)
{
	struct failslab *f = &failslab;
	const struct fault_value values[] = {
		{ "ignore-gfp-wait", &f->ignore_gfp_reclaim, FAULT_BOOL, 0, 1, &f->attr },
		{ "cache-filter", &f->cache_filter, FAULT_BOOL, 0, 1, &f->attr },
	};

	return fault_create_debugfs(&f->attr, values, ARRAY_SIZE(values));
}
late_initcall(failslab_debugfs);
