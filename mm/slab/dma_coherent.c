/*
 * Coherent memory for devices: pages low enough for what the device can address.
 *
 * On x86 caches snoop the bus, so any RAM is coherent and the device's address is the physical one. What
 * is left is to find pages below the mask: the zones are tried from the one that is surely low enough for
 * most masks down to ZONE_DMA, and a page that is still too high is given back.
 *
 * Locks: none. Mirrors Linux kernel/dma/direct.c. Exercised by the dmapool suite.
 */
#include "arch/x86/page.h"
#include "kernel/bug.h"
#include "lib/bitmap.h"
#include "mm/phys/buddy.h"
#include "mm/slab/device.h"
#include "mm/slab/slab.h"

static unsigned int order_of(size_t size)
{
	return fls_long((size - 1) >> PAGE_SHIFT);
}

/* The highest zone whose pages can lie below the mask. */
static gfp_t zone_for_mask(u64 mask)
{
	if (mask <= DMA_BIT_MASK(24))
		return GFP_DMA;
	return mask <= DMA_BIT_MASK(32) ? GFP_DMA32 : 0;
}

static struct page *alloc_below(struct device *dev, size_t size, gfp_t gfp)
{
	gfp_t zone = zone_for_mask(dev->coherent_dma_mask);
	unsigned int order = order_of(size);

	gfp &= ~(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM);
	for (;;) {
		struct page *page =
			alloc_pages_node(dev->numa_node, gfp | zone | __GFP_ZERO, order);

		if (page && page_to_phys(page) + size - 1 <= dev->coherent_dma_mask)
			return page;
		if (page)
			__free_pages(page, order);
		if (zone == GFP_DMA)
			return NULL;
		zone = zone == GFP_DMA32 ? GFP_DMA : GFP_DMA32;
	}
}

void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *dma, gfp_t gfp)
{
	struct page *page;

	if (WARN_ONCE(!size || size > KMALLOC_MAX_SIZE, "dma_alloc_coherent: %zu bytes from %pS\n",
		      size, __builtin_return_address(0)))
		return NULL;
	page = alloc_below(dev, size, gfp | __GFP_NOWARN);
	if (!page)
		return NULL;
	*dma = page_to_phys(page);
	return page_address(page);
}

void dma_free_coherent(struct device *dev, size_t size, void *cpu_addr, dma_addr_t dma)
{
	if (!cpu_addr)
		return;
	VM_BUG_ON(__pa(cpu_addr) != dma);
	free_pages((unsigned long)cpu_addr, order_of(size));
}
