/*
 * The resource tree: which range of physical addresses belongs to what.
 *
 * 1. A node covers [start, end], end included. Its children lie inside it, are sorted, and do not overlap.
 *    The root covers everything. So two owners of one byte cannot both be in the tree, unless one
 *    contains the other and stands above it.
 * 2. request_resource() puts a node under a given parent if the place is free: that is what a driver does. insert_resource()
 *    finds the parent by itself and may push existing nodes one level down, under the new one: that is what
 *    the map of the machine needs, where wide and narrow ranges come in any order.
 * 3. Nodes are never copied: the caller's struct is the node.
 *
 * Locking: resource_lock protects all links; taken with interrupts off, innermost.
 * Mirrors Linux kernel/resource.c. Exercised by the memblock suite; seen in /proc/iomem.
 */
#include "mm/boot/resource.h"

#include "kernel/spinlock.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"

struct resource iomem_resource = {
	.name = "PCI mem",
	.start = 0,
	.end = ~0UL,
	.flags = IORESOURCE_MEM,
};

struct resource ioport_resource = {
	.name = "PCI IO",
	.start = 0,
	.end = 0xffff,
	.flags = IORESOURCE_IO,
};

static DEFINE_SPINLOCK(resource_lock);

void *(*resource_alloc_hook)(size_t size);

/* The child that conflicts with new, root itself if new does not fit, or NULL and new is in the tree. */
static struct resource *__request_resource(struct resource *root, struct resource *new)
{
	struct resource **p = &root->child, *next;

	if (new->end < new->start || !resource_contains(root, new))
		return root;
	for (;; p = &next->sibling) {
		next = *p;
		if (!next || next->start > new->end) {
			new->sibling = next;
			*p = new;
			new->parent = root;
			return NULL;
		}
		if (next->end >= new->start)
			return next;
	}
}

int request_resource(struct resource *root, struct resource *new)
{
	struct resource *conflict;

	guard(spinlock_irqsave)(&resource_lock);
	conflict = __request_resource(root, new);
	if (!conflict)
		return 0;
	return conflict == root ? -EINVAL : -EBUSY;
}

/* Puts new above those children of parent that it contains. => the first of them is `first` */
static int adopt_children(struct resource *parent, struct resource *new, struct resource *first)
{
	struct resource *last = first, **p;

	for (struct resource *r = first;; r = r->sibling) {
		/* A child that sticks out on either side is a partial overlap. */
		if (!resource_contains(new, r))
			return -EBUSY;
		last = r;
		if (!r->sibling || r->sibling->start > new->end)
			break;
	}
	for (p = &parent->child; *p != first; p = &(*p)->sibling)
		;
	new->parent = parent;
	new->sibling = last->sibling;
	new->child = first;
	last->sibling = NULL;
	*p = new;
	for (struct resource *r = first; r; r = r->sibling)
		r->parent = new;
	return 0;
}

int insert_resource(struct resource *parent, struct resource *new)
{
	guard(spinlock_irqsave)(&resource_lock);
	for (;;) {
		struct resource *conflict = __request_resource(parent, new);

		if (!conflict)
			return 0;
		if (conflict == parent)
			return -EINVAL;
		if (!resource_contains(conflict, new) ||
		    (conflict->start == new->start && conflict->end == new->end))
			return adopt_children(parent, new, conflict);
		parent = conflict;
	}
}

int release_resource(struct resource *old)
{
	guard(spinlock_irqsave)(&resource_lock);
	if (!old->parent)
		return -EINVAL;
	for (struct resource **p = &old->parent->child; *p; p = &(*p)->sibling) {
		struct resource *last = old->child;

		if (*p != old)
			continue;
		/* Children move up into its place. */
		if (!last) {
			*p = old->sibling;
		} else {
			*p = last;
			for (;; last = last->sibling) {
				last->parent = old->parent;
				if (!last->sibling)
					break;
			}
			last->sibling = old->sibling;
		}
		old->parent = old->sibling = old->child = NULL;
		return 0;
	}
	return -EINVAL;
}

static struct resource *alloc_resource(void)
{
	struct resource *res;

	if (!resource_alloc_hook)
		return memblock_alloc(sizeof(*res), 0);
	res = resource_alloc_hook(sizeof(*res));
	if (res)
		memset(res, 0, sizeof(*res));
	return res;
}

struct resource *request_mem_region(resource_size_t start, resource_size_t n, const char *name)
{
	struct resource *res = n && start + n - 1 >= start ? alloc_resource() : NULL;
	struct resource *parent = &iomem_resource;

	if (!res)
		return NULL;
	res->start = start;
	res->end = start + n - 1;
	res->name = name;
	res->flags = IORESOURCE_MEM | IORESOURCE_BUSY;

	guard(spinlock_irqsave)(&resource_lock);
	for (;;) {
		struct resource *conflict = __request_resource(parent, res);

		if (!conflict)
			return res;
		/* Only a range that is not in use itself can hold another one. The node is small and stays allocated. */
		if (conflict == parent || !resource_contains(conflict, res) ||
		    (conflict->flags & IORESOURCE_BUSY))
			return NULL;
		parent = conflict;
	}
}

void release_mem_region(resource_size_t start, resource_size_t n)
{
	struct resource *res = lookup_resource(&iomem_resource, start);

	if (res->start == start && resource_size(res) == n)
		release_resource(res);
}

struct resource *lookup_resource(struct resource *root, resource_size_t addr)
{
	struct resource *res;

	guard(spinlock_irqsave)(&resource_lock);
	for (res = root->child; res;) {
		if (addr < res->start || addr > res->end) {
			res = res->sibling;
			continue;
		}
		root = res;
		res = res->child;
	}
	return root;
}

int walk_resources(struct resource *root, int (*fn)(struct resource *, int, void *), void *arg)
{
	struct resource *res = root->child;
	int depth = 0;

	guard(spinlock_irqsave)(&resource_lock);
	while (res) {
		int ret = fn(res, depth, arg);

		if (ret)
			return ret;
		if (res->child) {
			res = res->child;
			depth++;
			continue;
		}
		while (!res->sibling && res->parent != root) {
			res = res->parent;
			depth--;
		}
		res = res->sibling;
	}
	return 0;
}
