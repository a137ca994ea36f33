/*
 * Freed pages leave the linear map. Theory in debug_pagealloc.c.
 *
 * Mirrors Linux include/linux/mm.h (debug_pagealloc_*). Exercised by tests/boot/test_pagedebug.py.
 */
#pragma once

#include "mm/debug/page_debug.h"

/* Must the linear map be made of 4 KiB pages? => command line read */
static __always_inline bool debug_pagealloc_enabled(void)
{
	return page_debug_has(PAGE_DEBUG_UNMAP);
}

/* In the report of a fault at addr: if it is a freed page, what was known of it. True if so. Any context. */
bool debug_pagealloc_explain(unsigned long addr);
