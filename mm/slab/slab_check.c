/*
 * Objects and slabs as they must be: the bytes of a debugged object, and what is checked.
 *
 * 1. An object with everything on, from its slot's first byte:
 *      red_left_pad  0xbb free, 0xcc in use (left red zone; as long as the alignment asks for)
 *      object        free: 0x6b ... 0x6b 0xa5; in use: the user's, 0x5a when just handed out
 *      right zone    up to inuse: 0xbb or 0xcc; at least one byte, 8 if the size is a multiple of 8
 *      link          to the next free object (outside, where the object's bytes are verified)
 *      2 x track     who allocated and who freed
 *      padding       0x5a, up to the next slot
 *    What is left behind the last slot of a slab is 0x5a too.
 * 2. So a write behind an object, in front of it or into a free one changes a byte that has only
 *    one right value. It is seen when the object is next allocated or freed, when its slab dies, or
 *    when /sys/kernel/slab/CACHE/validate is written to. A read is not seen, but gives 0x6b6b...
 *    (freed) or 0x5a5a... (never written), which makes an address that faults.
 * 3. A fault is reported once and mended, so that the next report is about the next fault.
 * 4. For caches without debugging: a free is checked for a few instructions only (slub.c); in DEBUG
 *    builds each free is checked against the grid of objects in its slab and against every free
 *    list that the object could already be on.
 *
 * Locks: list_lock of the object's node, for debugged caches. Mirrors the check_*() part of Linux
 * mm/slub.c. Exercised by the suites slab and slab_debug.
 */
#include "arch/x86/irqflags.h"
#include "lib/string.h"
#include "mm/debug/kfence.h"
#include "mm/slab/slab_internal.h"

void init_object(struct kmem_cache *s, void *object, u8 val)
{
	u8 *p = object;

	if (s->flags & SLAB_RED_ZONE)
		memset(p - s->red_left_pad, val, s->red_left_pad);
	if (s->flags & __OBJECT_POISON) {
		if (val == SLUB_RED_ACTIVE) {
			memset(p, POISON_INUSE, s->object_size);
		} else {
			memset(p, POISON_FREE, s->object_size - 1);
			p[s->object_size - 1] = POISON_END;
		}
	}
	if (s->flags & SLAB_RED_ZONE)
		memset(p + s->object_size, val, s->inuse - s->object_size);
}

/* Are all len bytes at p as they must be? object NULL: they belong to none. */
static bool check_bytes(struct kmem_cache *s, struct slab *slab, void *object, const char *what,
			u8 *p, u8 value, size_t len)
{
	u8 *fault, *end = p + len;

	kasan_disable_current(); /* nobody may touch these bytes, but for us */
	fault = memchr_inv(p, value, len);
	kasan_enable_current();

	if (likely(!fault))
		return true;
	while (end > fault + 1 && end[-1] == value)
		end--;
	bytes_err(s, slab, object, what, fault, end - 1, value);
	memset(fault, value, end - fault);
	return false;
}

bool check_slab_pad(struct kmem_cache *s, struct slab *slab)
{
	size_t length = PAGE_SIZE << compound_order(slab_page(slab));
	size_t rest = length - (size_t)slab->objects * s->size;

	if (!(s->flags & SLAB_POISON) || !rest)
		return true;
	return check_bytes(s, slab, NULL, "Padding", (u8 *)slab_address(slab) + length - rest,
			   POISON_INUSE, rest);
}

static bool check_padding(struct kmem_cache *s, struct slab *slab, u8 *p)
{
	unsigned int off = get_info_end(s);

	if (s->flags & SLAB_STORE_USER)
		off += 2 * sizeof(struct track);
	off += kasan_metadata_size(s);
	return check_bytes(s, slab, p, "Object padding", p + off, POISON_INUSE,
			   s->size - s->red_left_pad - off);
}

bool check_object(struct kmem_cache *s, struct slab *slab, void *object, u8 val)
{
	unsigned int size = s->object_size;
	bool ok = true, outside = s->offset >= s->inuse;
	void *next;
	u8 *p = object;

	if (s->flags & SLAB_RED_ZONE) {
		ok &= check_bytes(s, slab, p, "Left Redzone", p - s->red_left_pad, val,
				  s->red_left_pad);
		ok &= check_bytes(s, slab, p, "Right Redzone", p + size, val, s->inuse - size);
	} else if ((s->flags & SLAB_POISON) && size < s->inuse) {
		ok &= check_bytes(s, slab, p, "Alignment padding", p + size, POISON_INUSE,
				  s->inuse - size);
	}
	if (s->flags & SLAB_POISON) {
		if (val != SLUB_RED_ACTIVE && (s->flags & __OBJECT_POISON)) {
			ok &= check_bytes(s, slab, p, "Poison", p, POISON_FREE, size - 1);
			ok &= check_bytes(s, slab, p, "End Poison", p + size - 1, POISON_END, 1);
		}
		ok &= check_padding(s, slab, p);
	}
	if (!outside && val == SLUB_RED_ACTIVE)
		return ok; /* the link's bytes are the user's now */
	next = get_freepointer(s, p);
	if (next && !is_object(s, slab, next)) {
		object_err(s, slab, p, "Freepointer corrupt");
		/* The rest of the list is lost; its objects are leaked. */
		set_freepointer(s, p, NULL);
		ok = false;
	}
	return ok;
}

bool check_slab(struct kmem_cache *s, struct slab *slab)
{
	unsigned int max = min((PAGE_SIZE << compound_order(slab_page(slab))) / s->size, 32767UL);

	if (!PageSlab(slab_page(slab))) {
		slab_err(s, slab, "Not a valid slab page");
		return false;
	}
	if (slab->objects > max || slab->inuse > slab->objects) {
		slab_err(s, slab, "objects %u > max %u, or inuse %u > objects",
			 (unsigned int)slab->objects, max, (unsigned int)slab->inuse);
		return false;
	}
	check_slab_pad(s, slab); /* mended: goes on */
	return true;
}

bool on_freelist(struct kmem_cache *s, struct slab *slab, const void *object)
{
	void *p = slab->freelist, *last = NULL;
	unsigned int nr = 0;

	for (; p && nr <= slab->objects; nr++) {
		if (p == object)
			return true;
		if (!is_object(s, slab, p)) {
			if (last) {
				object_err(s, slab, last, "Freechain corrupt");
				set_freepointer(s, last, NULL);
			} else {
				slab_err(s, slab, "Freepointer corrupt");
				slab->freelist = NULL;
			}
			slab_fix(s, "Freelist cleared");
			break;
		}
		last = p;
		p = get_freepointer(s, p);
	}
	if (nr > slab->objects) {
		slab_err(s, slab, "Freelist cycle detected");
		slab->freelist = NULL;
		slab_fix(s, "Freelist cleared");
		nr = 0;
	}
	if (slab->objects - slab->inuse != nr) {
		slab_err(s, slab, "Wrong object count. Counter is %u but counted were %u",
			 (unsigned int)slab->inuse, slab->objects - nr);
		slab->inuse = slab->objects - nr;
		slab_fix(s, "Object count adjusted");
	}
	return false;
}

/* ---- caches without debugging, in DEBUG builds ---- */

/*
 * Another CPU may be handing out the objects of the list meanwhile: a link that leaves the slab
 * ends it.
 */
static bool on_list(const struct kmem_cache *s, const struct slab *slab, const void *list,
		    const void *object)
{
	for (unsigned int n = 0; list && n < slab->objects; n++) {
		if (list == object)
			return true;
		if (!is_object(s, slab, list))
			return false;
		list = get_freepointer(s, list);
	}
	return false;
}

bool slab_free_is_sane(struct kmem_cache *s, struct slab *slab, void *object)
{
	struct kmem_cache_cpu *c;
	unsigned long irqflags;
	bool twice;

	if (slab->slab_cache != s) {
		slab_report(s, slab, object, "Wrong slab cache");
		return false;
	}
	if (!is_object(s, slab, object)) {
		slab_report(s, slab, object, "Invalid object pointer");
		return false;
	}
	local_irq_save(irqflags);
	c = this_cpu_ptr(s->cpu_slab);
	twice = (c->slab == slab && on_list(s, slab, c->freelist, object)) ||
		on_list(s, slab, READ_ONCE(slab->freelist), object);
	local_irq_restore(irqflags);
	if (twice)
		slab_report(s, slab, object, "Object already free");
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
	if (is_kfence_address(p))
		return kfence_valid_obj(p);
	slab = virt_to_slab_head(p);
	if (!PageSlab(slab_page(slab)))
		return slab->slab_cache == KMALLOC_LARGE_COOKIE && slab_address(slab) == p;
	return is_object(slab->slab_cache, slab, p);
}
