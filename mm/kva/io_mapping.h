/*
 * io_mapping: a large piece of device memory (a graphics aperture), mapped write-combining once, of
 * which single pages or ranges are used for a moment.
 *
 * On 64 bits there are addresses for all of it: the whole piece is one ioremap_wc(), made by 2 MiB
 * entries, and a local mapping is an addition. So map_local may nest, and sleep in between.
 *
 * Mirrors Linux include/linux/io-mapping.h. Exercised by the ioremap suite.
 */
#pragma once

#include "kernel/bug.h"
#include "mm/kva/ioremap.h"
#include "mm/slab/slab.h"

struct io_mapping {
	phys_addr_t base;
	unsigned long size;
	void __iomem *iomem;
};

/* Makes one in place: NULL, with the reasons of ioremap_wc(). => may sleep */
static inline struct io_mapping *io_mapping_init_wc(struct io_mapping *map, phys_addr_t base,
						    unsigned long size)
{
	*map = (struct io_mapping){ base, size, ioremap_wc(base, size) };
	return map->iomem ? map : NULL;
}

static inline void io_mapping_fini(struct io_mapping *map)
{
	iounmap(map->iomem);
}

/* The same, allocated. */
static inline struct io_mapping *io_mapping_create_wc(phys_addr_t base, unsigned long size)
{
	struct io_mapping *map = kmalloc(sizeof(*map), GFP_KERNEL);

	if (map && !io_mapping_init_wc(map, base, size)) {
		kfree(map);
		return NULL;
	}
	return map;
}

static inline void io_mapping_free(struct io_mapping *map)
{
	if (map) {
		io_mapping_fini(map);
		kfree(map);
	}
}

/* size bytes from offset on; NULL and one warning if they do not lie inside. */
static inline void __iomem *io_mapping_map_wc(struct io_mapping *map, unsigned long offset,
					      unsigned long size)
{
	if (WARN_ONCE(!size || offset >= map->size || size > map->size - offset,
		      "io_mapping: offset %#lx + %lu of %#lx bytes\n", offset, size, map->size))
		return NULL;
	return (char __iomem *)map->iomem + offset;
}
#define io_mapping_unmap(addr) ((void)(addr))

/* The page that holds offset. */
static inline void __iomem *io_mapping_map_local_wc(struct io_mapping *map, unsigned long offset)
{
	return io_mapping_map_wc(map, offset & PAGE_MASK, 1);
}
#define io_mapping_unmap_local(addr) ((void)(addr))
