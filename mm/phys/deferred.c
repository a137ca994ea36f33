/*
 * Deferred initialisation of struct pages.
 *
 * At present every struct page is written at boot, so there is nothing to wait for.
 * Mirrors Linux mm/mm_init.c. Exercised by every boot.
 */
#include "mm/phys/deferred.h"

bool deferred_grow_zone(struct zone *zone, unsigned int order)
{
	return false;
}

void deferred_init_wait(void)
{
}
