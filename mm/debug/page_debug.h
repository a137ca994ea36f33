/*
 * Faults found early: what the page allocator calls when a debugging tool is on.
 *
 * 1. page_debug is one word, a bit for each tool that is on. On a normal boot it is 0, and that test is all that an
 *    allocation pays for everything in mm/debug.
 * 2. The allocator calls four hooks at the four moments of a block's life; each asks every tool in its turn:
 *      wish      page_debug_should_fail   fault injection says no
 *      alloc     page_debug_alloc         mapped again, poison verified, cleared (init_on_alloc=), its owner noted
 *      split     page_debug_split         an owner for each page
 *      free      page_debug_free          its owner noted, filled (poison or zeroes), unmapped
 * 3. A block must pass page_debug_free() on its way to a free list and page_debug_alloc() on its way out, also the
 *    first time (__free_pages_core): the second verifies what the first has left.
 *
 * Mirrors what Linux mm/page_alloc.c does in post_alloc_hook() and free_pages_prepare(). Exercised by the pagedebug suite
 * and tests/boot/test_pagedebug.py; docs/debugging.md explains each tool.
 */
#pragma once

#include "lib/types.h"

struct page;

enum page_debug_bits {
	PAGE_DEBUG_OWNER,	/* page_owner=on */
	PAGE_DEBUG_POISON,	/* page_poison=1 */
	PAGE_DEBUG_UNMAP,	/* debug_pagealloc=on */
	PAGE_DEBUG_INIT_ALLOC,	/* init_on_alloc=1 */
	PAGE_DEBUG_INIT_FREE,	/* init_on_free=1 */
	PAGE_DEBUG_FAIL,	/* fail_page_alloc has a probability */
	PAGE_DEBUG_TABLE_CHECK, /* page_table_check=on */
	PAGE_DEBUG_TRACE,	/* trace events mm_page_* are on */
	PAGE_DEBUG_KASAN,	/* a KASAN kernel */
};

/* Bits above. Written at boot; PAGE_DEBUG_FAIL and PAGE_DEBUG_TRACE also later, atomically. */
extern unsigned long page_debug;

static __always_inline bool page_debug_has(enum page_debug_bits bit)
{
	return unlikely(page_debug & BIT(bit));
}

/* Switches a tool on or off, atomically: while the command line is read; the two above at any time. */
void page_debug_set(enum page_debug_bits bit, bool on);
/* Must this request fail, for the sake of the test? Any context; => page_debug is not 0 */
bool page_debug_should_fail(gfp_t gfp, unsigned int order);
/* A block left its free list and is not its owner's yet: before it is zeroed. Any context, no zone->lock. */
void page_debug_alloc(struct page *page, unsigned int order, gfp_t gfp);
/* A block is stripped of its state and about to enter a list. Any context, no zone->lock. */
void page_debug_free(struct page *page, unsigned int order);
/* A block of this order becomes single pages. */
void page_debug_split(struct page *page, unsigned int order);

/* Boot: memory for the tools that are on, from memblock. => free_area_init() done, mem_init() not yet */
void page_debug_init(void);
