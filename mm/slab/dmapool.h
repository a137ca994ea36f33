/*
 * dma_pool: small blocks of coherent memory for a device, all of one size.
 *
 * Mirrors Linux include/linux/dmapool.h. Exercised by the dmapool suite (tests/kernel/dmapool.c).
 */
#pragma once

#include "mm/slab/device.h"

struct dma_pool;

/*
 * A pool of blocks of size bytes (at least 4 are given), aligned to align (a power of two; 0: none), none
 * of which crosses a multiple of boundary (a power of two, at least size; 0: none beyond the page's or the
 * block's own). NULL without memory, or when the arguments make no sense (one warning). => may sleep
 */
struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size, size_t align,
				 size_t boundary);
/* Frees the pool; blocks in use are reported, and their pages leak: a device may write to them. NULL is fine. => may sleep */
void dma_pool_destroy(struct dma_pool *pool);
/* A block, *dma is its address for the device; NULL. => any context, may sleep as gfp says */
void *dma_pool_alloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *dma);
static inline void *dma_pool_zalloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *dma)
{
	return dma_pool_alloc(pool, gfp | __GFP_ZERO, dma);
}
/*
 * Gives a block back. What is not a block of the pool is reported and left alone; debug kernels see a
 * block that is free already, too. => any context
 */
void dma_pool_free(struct dma_pool *pool, void *vaddr, dma_addr_t dma);
