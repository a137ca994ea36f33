/*
 * Direct reclaim's interface.
 *
 * Mirrors Linux include/linux/swap.h (try_to_free_pages). Exercised by the shrinker suite.
 */
#pragma once

#include "mm/phys/buddy.h"

#define DEF_PRIORITY 12 /* of a first round: a 4096th of each cache */

/* reclaim_ops->direct_reclaim. Frees what is easily had; how many objects went. => may sleep */
unsigned long try_to_free_pages(gfp_t gfp, unsigned int order, const struct alloc_context *ac);
