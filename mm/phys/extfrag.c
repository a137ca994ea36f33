/*
 * External fragmentation, in numbers.
 *
 * 1. A zone may have plenty of free pages and still no block of the order that is asked for. Two questions follow.
 *    Before: how much of the free memory could this order use at all? Unusable index = pages in smaller blocks / free
 *    pages; 0 all of it, 1 none.
 * 2. After a failure: was it too little memory, or memory in too small pieces? If it had no fragmentation, the free memory
 *    would be free_pages / 2^order blocks of the order; it is free_blocks_total blocks. Fragmentation index =
 *    1 - (1 + free_pages / 2^order) / blocks: near 0 there is too little, reclaim helps; near 1 there are many small
 *    blocks, compaction helps. While a block fits the question does not arise: -1.
 * 3. Both are thousandths of an integer, since the kernel has no fractions.
 *
 * Pure arithmetic on a copy of the counts, no locks. Mirrors the fragmentation part of Linux mm/vmstat.c. Exercised by the
 * extfrag suite.
 */
#include "mm/phys/extfrag.h"

void fill_contig_page_info(const unsigned long *nr, unsigned int order,
			   struct contig_page_info *info)
{
	*info = (struct contig_page_info){ 0 };
	for (unsigned int o = 0; o < NR_PAGE_ORDERS; o++) {
		info->free_blocks_total += nr[o];
		info->free_pages += nr[o] << o;
		if (o >= order)
			info->free_blocks_suitable += nr[o] << (o - order);
	}
}

unsigned int unusable_free_index(unsigned int order, const struct contig_page_info *info)
{
	if (!info->free_pages)
		return 1000;
	return (info->free_pages - (info->free_blocks_suitable << order)) * 1000 / info->free_pages;
}

int fragmentation_index(unsigned int order, const struct contig_page_info *info)
{
	if (order > MAX_PAGE_ORDER || !info->free_blocks_total)
		return 0;
	if (info->free_blocks_suitable)
		return -1000;
	return 1000 - (long)((1000 + (info->free_pages * 1000 >> order)) / info->free_blocks_total);
}
