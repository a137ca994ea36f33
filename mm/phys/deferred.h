/*
 * Deferred initialisation of struct pages: boot writes the first part, a thread per node the rest.
 *
 * Theory in deferred.c. Mirrors Linux mm/mm_init.c (deferred_init_memmap, deferred_grow_zone). Exercised by the zones
 * suite and by tests/boot/test_numa.py on 64 GiB.
 */
#pragma once

#include "lib/types.h"

struct zone;

/*
 * Initialises the next chunk of this zone and gives its free pages to the allocator. True: try the zone again, it may
 * have got pages. False: nothing is left here; then it costs one load.
 * => any context, no zone->lock held
 */
bool deferred_grow_zone(struct zone *zone, unsigned int order);
/*
 * Returns when every struct page is written and every free page is in the buddy allocator; the caller does its share.
 * One load when that is so already.
 * => process context, no spinlock held; may sleep
 */
void deferred_init_wait(void);
/* The same for the frames [start, end) only. => any context, no zone->lock held */
void deferred_init_pfns(unsigned long start, unsigned long end);
