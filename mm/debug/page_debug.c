/*
 * The tools that find faults early: which are on, and in what order they see a page.
 *
 * 1. The command line switches tools on before there is any memory. What needs memory gets it from memblock in
 *    page_debug_init(); a tool whose memory is not to be had is switched off again with a line in the log.
 * 2. On the way out the order is: map, verify, clear, note the owner. On the way in the reverse: note who freed it,
 *    fill, unmap. So no tool touches a page that another one has made unreadable.
 * 3. Poison and zeroes exclude each other: with page_poison=1 freed pages hold 0xaa, and init_on_alloc= and
 *    init_on_free= are ignored, as on Linux.
 *
 * Mirrors Linux mm/mm_init.c (mem_debugging_and_hardening_init) and the hooks of mm/page_alloc.c. Exercised by the
 * pagedebug suite and tests/boot/test_pagedebug.py.
 */
#include "mm/debug/page_debug.h"

#include "arch/x86/bitops.h"
#include "arch/x86/page_ops.h"
#include "kernel/init.h"
#include "kernel/params.h"
#include "kernel/printk.h"
#include "kernel/trace/kmem.h"
#include "lib/printf.h"
#include "mm/debug/debug_internal.h"
#include "mm/debug/fail_page_alloc.h"
#include "mm/debug/kasan.h"
#include "mm/debug/kfence.h"
#include "mm/debug/kmemleak.h"
#include "mm/debug/page_ext.h"
#include "mm/debug/page_owner.h"
#include "mm/debug/page_table_check.h"
#include "mm/debug/stackdepot.h"
#include "mm/phys/gfp.h"
#include "mm/phys/page.h"

unsigned long page_debug;

bool debug_param_bool(const char *name, const char *value)
{
	bool on;

	if (!value || !*value)
		return true;
	if (!kstrtobool(value, &on))
		return on;
	pr_warn("%s=%s: not one of 1, y, on, 0, n, off; off\n", name, value);
	return false;
}

int param_report_or_panic(const char *name, const char *value, bool *panics)
{
	if (value && !strcmp(value, "panic"))
		*panics = true;
	else if (value && !strcmp(value, "report"))
		*panics = false;
	else
		pr_warn("%s=%s: not one of report, panic; ignored\n", name, value ? value : "");
	return 0;
}

void page_debug_set(enum page_debug_bits bit, bool on)
{
	if (on)
		set_bit(bit, &page_debug);
	else
		clear_bit(bit, &page_debug);
}

static int __init param_init_on_alloc(char *value)
{
	page_debug_set(PAGE_DEBUG_INIT_ALLOC, debug_param_bool("init_on_alloc", value));
	return 0;
}
early_param("init_on_alloc", param_init_on_alloc);

static int __init param_init_on_free(char *value)
{
	page_debug_set(PAGE_DEBUG_INIT_FREE, debug_param_bool("init_on_free", value));
	return 0;
}
early_param("init_on_free", param_init_on_free);

/* ---- the hooks ---- */

static void clear_pages(struct page *page, unsigned int order)
{
	for (unsigned long i = 0; i < BIT(order); i++)
		clear_page(page_address(page + i));
}

bool page_debug_should_fail(gfp_t gfp, unsigned int order)
{
	return page_debug_has(PAGE_DEBUG_FAIL) && should_fail_alloc_page(gfp, order);
}

void page_debug_alloc(struct page *page, unsigned int order, gfp_t gfp)
{
	kasan_alloc_pages(page, order);
	if (page_debug_has(PAGE_DEBUG_UNMAP))
		debug_pagealloc_map(page, order, true);
	if (page_debug_has(PAGE_DEBUG_POISON))
		page_poison_check(page, order);
	if (page_debug_has(PAGE_DEBUG_INIT_ALLOC) && !(gfp & __GFP_ZERO))
		clear_pages(page, order);
	if (page_debug_has(PAGE_DEBUG_TABLE_CHECK))
		page_table_check_zero(page, order);
	if (page_debug_has(PAGE_DEBUG_OWNER))
		page_owner_alloc(page, order, gfp);
	trace_mm_page_alloc(page_to_pfn(page), order, gfp, gfp_migratetype(gfp));
}

void page_debug_free(struct page *page, unsigned int order)
{
	trace_mm_page_free(page_to_pfn(page), order);
	if (page_debug_has(PAGE_DEBUG_OWNER))
		page_owner_free(page, order);
	if (page_debug_has(PAGE_DEBUG_TABLE_CHECK))
		page_table_check_zero(page, order);
	if (page_debug_has(PAGE_DEBUG_POISON))
		page_poison_fill(page, order);
	if (page_debug_has(PAGE_DEBUG_INIT_FREE))
		clear_pages(page, order);
	if (page_debug_has(PAGE_DEBUG_UNMAP))
		debug_pagealloc_map(page, order, false);
	kasan_free_pages(page, order);
}

void page_debug_split(struct page *page, unsigned int order)
{
	if (page_debug_has(PAGE_DEBUG_OWNER))
		page_owner_split(page, order);
}

void __init page_debug_init(void)
{
	if (page_debug_has(PAGE_DEBUG_POISON) &&
	    (page_debug & (BIT(PAGE_DEBUG_INIT_ALLOC) | BIT(PAGE_DEBUG_INIT_FREE)))) {
		pr_info("mem auto-init: page_poison=1 takes precedence over init_on_alloc and "
			"init_on_free\n");
		page_debug_set(PAGE_DEBUG_INIT_ALLOC, false);
		page_debug_set(PAGE_DEBUG_INIT_FREE, false);
	}
	/* What was cleared when it was freed need not be cleared again. */
	if (page_debug_has(PAGE_DEBUG_INIT_FREE))
		page_debug_set(PAGE_DEBUG_INIT_ALLOC, false);
	if (stack_depot_early_init())
		pr_err("stackdepot: not enough memory: no stacks are kept\n");
	kmemleak_early_init();
	page_ext_init();
	kfence_alloc_pool();
}
