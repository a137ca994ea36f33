/*
 * What the memory allocators want to know of a device: which addresses it reaches, and where it sits.
 *
 * A dma_addr_t is an address as the device sees it: there is no IOMMU, so it is the physical one. The bus code that will find devices embeds this in what it knows of them.
 *
 * Mirrors the memory part of Linux include/linux/device.h, include/linux/dma-mapping.h. Exercised by the
 * dmapool suite.
 */
#pragma once

#include "lib/list.h"
#include "lib/types.h"
#include "mm/phys/gfp.h"

#define DMA_BIT_MASK(n)	  (~0ULL >> (64 - (n))) /* n: 1 to 64 */
#define DMA_MAPPING_ERROR (~(dma_addr_t)0)

/* Legend: - set before the device is used; P the mutex of dmapool.c. */
struct device {
	const char *name;	    /* - */
	u64 coherent_dma_mask;	    /* - the highest address it reaches */
	int numa_node;		    /* - its memory's node, or NUMA_NO_NODE */
	struct list_head dma_pools; /* P */
};

static inline void device_initialize(struct device *dev, const char *name, u64 mask, int node)
{
	*dev = (struct device){ .name = name, .coherent_dma_mask = mask, .numa_node = node };
	INIT_LIST_HEAD(&dev->dma_pools);
}

/*
 * size bytes (whole pages are taken) that CPU and device see alike, zeroed, all of them at or below the
 * device's mask, aligned to the next power of two. *dma is their address for the device. NULL: none so
 * low, or size is 0 or above 4 MiB (one warning). => may sleep as gfp says
 */
void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *dma, gfp_t gfp);
void dma_free_coherent(struct device *dev, size_t size, void *cpu_addr, dma_addr_t dma);
