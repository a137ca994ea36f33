/*
 * External fragmentation: how much of a zone's free memory is of use for a block of a given order.
 *
 * Theory in extfrag.c. Mirrors the fragmentation part of Linux mm/vmstat.c. Exercised by the extfrag suite; seen in
 * /proc/buddy_status and /sys/kernel/debug/extfrag.
 */
#pragma once

#include "mm/phys/mmzone.h"

/* A zone's free blocks at one moment, and the same seen by an allocation of one order. */
struct contig_page_info {
	unsigned long free_pages;	 /* in free blocks; pages on per-CPU lists are not in it */
	unsigned long free_blocks_total; /* of any order */
	unsigned long
		free_blocks_suitable; /* blocks of the wanted order that could be cut out of them */
};

/* nr[order] blocks are free (zone_free_blocks()); what does an allocation of this order find? */
void fill_contig_page_info(const unsigned long *nr, unsigned int order,
			   struct contig_page_info *info);
/* Share of the free memory, in 1/1000, that lies in blocks too small for the order. 1000 when nothing is free. */
unsigned int unusable_free_index(unsigned int order, const struct contig_page_info *info);
/*
 * Why would an allocation of this order fail: towards 0 for want of memory, towards 1000 because of fragmentation.
 * -1000: it would not fail. 0 for orders that no block has, or when nothing is free.
 */
int fragmentation_index(unsigned int order, const struct contig_page_info *info);
