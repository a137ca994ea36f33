/*
 * Misuse of objects: what is checked, and what is said about it.
 *
 * 1. Always on, for a few instructions: an object freed to another cache or that is no object, an
 *    object freed twice in a row, a slab from which more is freed than was allocated.
 * 2. In DEBUG builds, and for caches with SLAB_CONSISTENCY_CHECKS: each free is checked against the
 *    grid of objects in its slab and against every free list that the object could already be on.
 * 3. A misuse is reported once with the object, its cache and the caller; the object is then
 *    leaked, since both other ways out (freeing it, halting) make things worse.
 *
 * Mirrors the check_*() part of Linux mm/slub.c. Exercised by the slab suite.
 */
#include "mm/slab/slab_internal.h"

#include "arch/x86/irqflags.h"
#include "kernel/bug.h"
#include "kernel/printk.h"

void slab_report(const struct kmem_cache *s, const struct slab *slab, const void *object,
		 const char *what)
{
	const struct kmem_cache *owner = slab->slab_cache;
	bool in_slab = PageSlab(slab_page(slab)) && owner && owner != KMALLOC_LARGE_COOKIE;

	pr_err("BUG %s: %s: object %px\n", s ? s->name : "kmalloc", what, object);
	if (in_slab)
		pr_err("  in a slab of %s at %px: object %u of %u, offset %lu of %u bytes\n",
		       owner->name, slab_address(slab), obj_to_index(owner, slab, object),
		       (unsigned int)slab->objects,
		       ((unsigned long)object - (unsigned long)slab_address(slab)) % owner->size,
		       owner->size);
	else if (owner == KMALLOC_LARGE_COOKIE)
		pr_err("  in a large kmalloc at %px\n", slab_address(slab));
	else
		pr_err("  not in a slab: page flags %lx, %d references\n", slab->__page_flags,
		       slab->__page_refcount);
	WARN_ON(1);
}

/*
 * Another CPU may be handing out the objects of the list meanwhile: a link that leaves the slab
 * ends it.
 */
static bool on_list(const struct kmem_cache *s, const struct slab *slab, const void *list,
		    const void *object)
{
	unsigned long start = (unsigned long)slab_address(slab);

	for (unsigned int n = 0; list && n < slab->objects; n++) {
		unsigned long off = (unsigned long)list - start;

		if (list == object)
			return true;
		if (off % s->size || off / s->size >= slab->objects)
			return false;
		list = *(void *const *)((const char *)list + s->offset);
	}
	return false;
}

bool slab_free_is_sane(struct kmem_cache *s, struct slab *slab, void *object)
{
	unsigned long off = (unsigned long)object - (unsigned long)slab_address(slab);
	struct kmem_cache_cpu *c;
	unsigned long irqflags;
	bool twice;

	if (slab->slab_cache != s) {
		slab_report(s, slab, object, "object freed to a cache that it is not from");
		return false;
	}
	if (off % s->size || off / s->size >= slab->objects) {
		slab_report(s, slab, object, "free of an address inside an object");
		return false;
	}
	local_irq_save(irqflags);
	c = this_cpu_ptr(s->cpu_slab);
	twice = (c->slab == slab && on_list(s, slab, c->freelist, object)) ||
		on_list(s, slab, READ_ONCE(slab->freelist), object);
	local_irq_restore(irqflags);
	if (twice)
		slab_report(s, slab, object, "object freed twice");
	return !twice;
}

struct kmem_cache *virt_to_cache(const void *p)
{
	struct slab *slab = virt_to_slab_head(p);

	return PageSlab(slab_page(slab)) ? slab->slab_cache : NULL;
}

bool kmem_valid_obj(const void *p)
{
	struct slab *slab;

	if (ZERO_OR_NULL_PTR(p) || !virt_addr_valid(p))
		return false;
	slab = virt_to_slab_head(p);
	if (!PageSlab(slab_page(slab)))
		return slab->slab_cache == KMALLOC_LARGE_COOKIE && slab_address(slab) == p;
	return ((unsigned long)p - (unsigned long)slab_address(slab)) % slab->slab_cache->size == 0;
}
