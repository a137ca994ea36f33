/*
 * Resources: the tree of physical address ranges, who has what.
 *
 * A node's children lie inside it, sorted and disjoint. What cannot be placed conflicts, and the
 * conflicting node is named. /proc/iomem prints the tree.
 *
 * Legend: R resource_lock. Mirrors Linux include/linux/ioport.h, kernel/resource.c.
 * Exercised by the memblock suite; seen in /proc/iomem.
 */
#pragma once

#include "lib/types.h"

#define IORESOURCE_IO	      0x00000100UL
#define IORESOURCE_MEM	      0x00000200UL
#define IORESOURCE_PREFETCH   0x00002000UL /* reads have no side effect */
#define IORESOURCE_MEM_64     0x00100000UL /* the BAR has 64 bits */
#define IORESOURCE_SYSRAM     0x01000000UL
#define IORESOURCE_EXCLUSIVE  0x08000000UL
#define IORESOURCE_BUSY	      0x80000000UL
#define IORESOURCE_SYSTEM_RAM (IORESOURCE_MEM | IORESOURCE_SYSRAM)

struct resource {
	resource_size_t start;
	resource_size_t end; /* last byte, included */
	const char *name;
	unsigned long flags;
	struct resource *parent, *sibling, *child; /* R */
};

extern struct resource iomem_resource;
extern struct resource ioport_resource;

static inline resource_size_t resource_size(const struct resource *res)
{
	return res->end - res->start + 1;
}

/* Is r1 all around r2? */
static inline bool resource_contains(const struct resource *r1, const struct resource *r2)
{
	return r1->start <= r2->start && r1->end >= r2->end;
}

/* Hangs new under root, which must have room for it: 0, or -EBUSY on a conflict with a child, -EINVAL
 * if it does not fit. new stays in use. */
int request_resource(struct resource *root, struct resource *new);
/* The same, but descends into a child that contains new, and takes children that new contains under
 * it: -EBUSY only on partial overlap. */
int insert_resource(struct resource *parent, struct resource *new);
/* Takes old (not its children) out. 0 or -EINVAL. */
int release_resource(struct resource *old);
/* Allocates a node for [start, start+n) of iomem and requests it, descending as needed; NULL when
 * busy. For drivers and ioremap users. */
struct resource *request_mem_region(resource_size_t start, resource_size_t n, const char *name);
void release_mem_region(resource_size_t start, resource_size_t n);
/* Deepest node that holds addr, or root. */
struct resource *lookup_resource(struct resource *root, resource_size_t addr);
/* Depth-first walk: fn(res, depth, arg) for every node below root, until it returns non-zero. Takes R. */
int walk_resources(struct resource *root, int (*fn)(struct resource *, int, void *), void *arg);
/* Where nodes come from: memblock first, then what slab registers here. */
extern void *(*resource_alloc_hook)(size_t size);
