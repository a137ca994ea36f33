/*
 * Free lists in random order: page_alloc.shuffle=1.
 *
 * An allocator that hands out neighbouring pages one after the other is easy to predict, and hides bugs that depend
 * on it. With shuffling, the blocks of MAX_PAGE_ORDER of each zone change places at boot, and a block of that order
 * that is freed goes to a random end of its list.
 *
 * Mirrors Linux mm/shuffle.h. Exercised by the pagedebug suite.
 */
#pragma once

#include "lib/types.h"

struct zone;

/* Blocks of this order and above are shuffled. */
#define SHUFFLE_ORDER MAX_PAGE_ORDER

extern bool page_shuffle; /* written at boot only */
/* To the tail of the free list, rather than to the head? => zone->lock held */
bool shuffle_pick_tail(void);
/* Puts the free blocks of SHUFFLE_ORDER of a zone into random order. => may sleep, or boot; takes zone->lock */
void shuffle_zone(struct zone *zone);
/* Boot: shuffles all zones, if asked for; again when deferred pages have joined. => mem_init() done */
void shuffle_free_memory(void);
