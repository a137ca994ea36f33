/*
 * fail_page_alloc: allocations of pages that fail. Theory in fail_page_alloc.c.
 *
 * Mirrors Linux mm/fail_page_alloc.c. Exercised by the pagedebug suite.
 */
#pragma once

#include "mm/debug/fault_inject.h"

struct fail_page_alloc {
	struct fault_attr attr;
	bool ignore_gfp_highmem; /* spare requests for user pages */
	bool ignore_gfp_reclaim; /* spare requests that could wait for memory */
	unsigned long min_order; /* spare smaller ones */
};

extern struct fail_page_alloc fail_page_alloc;
bool should_fail_alloc_page(gfp_t gfp, unsigned int order);
