/*
 * fail_page_alloc=interval,probability,space,times: page allocations fail by chance, or exactly when they are told to.
 *
 * 1. Asked once for each request, before anything is looked at; one that fails returns NULL as if there were no memory, but
 *    without its report. A __GFP_NOFAIL request never fails, nor does one of the stack depot itself.
 * 2. By default only what can fail on a real machine does: requests that may not wait, of more than one page.
 *    /sys/kernel/debug/fail_page_alloc/{ignore-gfp-wait,ignore-gfp-highmem,min-order} widen it.
 * 3. The allocator's hot path tests page_debug only, so the bit there follows the probability.
 *
 * Mirrors Linux mm/fail_page_alloc.c. Exercised by the pagedebug suite and tests/boot/test_pagedebug.py.
 */
#include "mm/debug/fail_page_alloc.h"

#include "kernel/init.h"
#include "mm/debug/debug_internal.h"
#include "mm/debug/failslab.h"
#include "mm/debug/stackdepot.h"
#include "mm/phys/gfp.h"
#include "mm/phys/mmzone.h"

static bool nth_used;

static void settings_changed(struct fault_attr *attr)
{
	page_debug_set(PAGE_DEBUG_FAIL, READ_ONCE(attr->probability) || READ_ONCE(nth_used));
}

struct fail_page_alloc fail_page_alloc = {
	.attr = { .name = "fail_page_alloc",
		  .interval = 1,
		  .times = 1,
		  .verbose = 2,
		  .changed = settings_changed },
	.ignore_gfp_highmem = true,
	.ignore_gfp_reclaim = true,
	.min_order = 1,
};

void fault_inject_nth_used(void)
{
	WRITE_ONCE(nth_used, true);
	settings_changed(&fail_page_alloc.attr);
	failslab_nth_used();
}

static int __init param_fail_page_alloc(char *value)
{
	return setup_fault_attr(&fail_page_alloc.attr, value);
}
early_param("fail_page_alloc", param_fail_page_alloc);

bool should_fail_alloc_page(gfp_t gfp, unsigned int order)
{
	const struct fail_page_alloc *f = &fail_page_alloc;

	if (order < f->min_order || (gfp & __GFP_NOFAIL) || stack_depot_growing())
		return false;
	if (f->ignore_gfp_highmem && (gfp & __GFP_HIGHMEM))
		return false;
	if (f->ignore_gfp_reclaim && (gfp & __GFP_DIRECT_RECLAIM))
		return false;
	return should_fail_ex(&fail_page_alloc.attr, 1L << order,
			      gfp & __GFP_NOWARN ? FAULT_NOWARN : 0);
}

static int fail_page_alloc_debugfs(void)
{
	struct fail_page_alloc *f = &fail_page_alloc;
	const struct fault_value values[] = {
		{ "ignore-gfp-wait", &f->ignore_gfp_reclaim, FAULT_BOOL, 0, 1, &f->attr },
		{ "ignore-gfp-highmem", &f->ignore_gfp_highmem, FAULT_BOOL, 0, 1, &f->attr },
		{ "min-order", &f->min_order, FAULT_ULONG, 0, MAX_PAGE_ORDER, &f->attr },
	};

	return fault_create_debugfs(&f->attr, values, ARRAY_SIZE(values));
}
late_initcall(fail_page_alloc_debugfs);
