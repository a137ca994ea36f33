/*
 * KASAN: objects of slab, from one owner to the next.
 *
 * 1. Shadow of an object: red zone (0xfc) while its slab is new; in use, the bytes that were asked for are
 *    accessible and the rest of the slot is not; freed, 0xfb. kmalloc(13) has 13 bytes, whatever its cache has.
 * 2. Behind each object stands a struct kasan_meta: who allocated it, who freed it last, who queued work for it. Its
 *    bytes are red zone for everybody else, and follow those of slub_debug=, which may be on as well. Behind it
 *    there is more red zone, a quarter of the object's size.
 * 3. A freed object goes to the quarantine (kasan_quarantine.c) and not to its free list, so that whoever still uses it
 *    meets 0xfb and not the next owner's bytes.
 * 4. An object of a SLAB_TYPESAFE_BY_RCU cache may be read after it was freed: it is neither marked nor quarantined. Its
 *    slab's pages are marked when the grace period is over. Caches are never merged, for the sizes would be.
 * 5. An object that KFENCE took has its page to itself, and no metadata here: nothing is done for it.
 * 6. A large kmalloc is pages: what is behind the size asked for is marked 0xfe.
 *
 * Locks: none; an object has one owner. Mirrors Linux mm/kasan/{common,generic}.c. Exercised by the kasan suite.
 */
#include "arch/x86/irqflags.h"
#include "arch/x86/stacktrace.h"
#include "kernel/current.h"
#include "kernel/task.h"
#include "mm/debug/kasan_internal.h"
#include "mm/debug/kfence.h"
#include "mm/slab/slab_internal.h"

#define STACK_DEPTH 20

/* ---- layout ---- */

unsigned int kasan_metadata_size(const struct kmem_cache *s)
{
	return sizeof(struct kasan_meta);
}

unsigned int kasan_lay_out(struct kmem_cache *s, unsigned int offset)
{
	unsigned int redzone = clamp(roundup_pow_of_two(s->object_size / 4), 16UL, 1024UL);

	s->kasan_offset = offset;
	return max(offset + (unsigned int)sizeof(struct kasan_meta),
		   (unsigned int)ALIGN(s->object_size + redzone, sizeof(long)));
}

struct kasan_meta *kasan_get_meta(const struct kmem_cache *s, const void *object)
{
	return (struct kasan_meta *)((char *)object + s->kasan_offset);
}

void *kasan_meta_to_object(const struct kmem_cache *s, struct kasan_meta *meta)
{
	return (char *)meta - s->kasan_offset;
}

/* ---- who ---- */

depot_stack_handle_t kasan_save_stack(unsigned int skip)
{
	unsigned long entries[STACK_DEPTH];
	unsigned int n = stack_trace_save_context(entries, STACK_DEPTH, skip + 1);

	return stack_depot_save(entries, n);
}

/* => not to be inlined: the frames to be skipped are counted */
static noinline void set_track(struct kasan_track *t)
{
	t->pid = current ? current->pid : 0;
	t->stack = stack_depot_growing() ? 0 : kasan_save_stack(2);
}

/* The slab of an object that has metadata of KASAN's; NULL: something else. */
static struct slab *slab_of(const void *p)
{
	unsigned long a = (unsigned long)p;

	if (a < PAGE_OFFSET || a >= VMALLOC_START || is_kfence_address(p))
		return NULL;
	return PageSlab(slab_page(virt_to_slab_head(p))) ? virt_to_slab_head(p) : NULL;
}

void kasan_record_aux_stack(const void *p)
{
	struct slab *slab;
	struct kasan_meta *meta;

	if (!kasan_ready)
		return;
	slab = slab_of(p);
	if (!slab)
		return;
	meta = kasan_get_meta(slab->slab_cache,
			      nth_object(slab->slab_cache, slab,
					 obj_to_index(slab->slab_cache, slab, p)));
	meta->aux[1] = meta->aux[0];
	meta->aux[0] = kasan_save_stack(1);
}

/* ---- a slab's birth ---- */

void kasan_poison_slab(struct kmem_cache *s, struct slab *slab)
{
	kasan_poison_range(slab_address(slab), PAGE_SIZE << compound_order(slab_page(slab)),
			   KASAN_SLAB_REDZONE);
	for (unsigned int i = 0; i < slab->objects; i++)
		__memset(kasan_get_meta(s, nth_object(s, slab, i)), 0, sizeof(struct kasan_meta));
}

void kasan_unpoison_new_object(struct kmem_cache *s, void *object)
{
	kasan_unpoison_range(object, s->object_size);
}

void kasan_poison_new_object(struct kmem_cache *s, void *object)
{
	kasan_poison_range(object, s->object_size, KASAN_SLAB_REDZONE);
}

/* ---- in use ---- */

/* Of size bytes the first so many are accessible. */
static void set_used(const void *object, size_t size, size_t all, u8 rest)
{
	size_t used = ALIGN(size, KASAN_GRANULE_SIZE);

	kasan_unpoison_range(object, size);
	if (used < all)
		kasan_poison_range((const char *)object + used, all - used, rest);
}

void *kasan_slab_alloc(struct kmem_cache *s, void *object, size_t size)
{
	if (unlikely(!object))
		return NULL;
	if (is_kfence_address(object)) /* another tool's, without a red zone of ours */
		return object;
	set_used(object, size ?: s->object_size, s->object_size, KASAN_SLAB_REDZONE);
	set_track(&kasan_get_meta(s, object)->alloc);
	return object;
}

static bool is_accessible(const void *p)
{
	s8 v;

	return kasan_read_shadow(p, &v) && v >= 0;
}

bool kasan_slab_free(struct kmem_cache *s, struct slab *slab, void *object, unsigned long ip)
{
	struct kasan_meta *meta;

	if (unlikely(!kasan_ready) || is_kfence_address(object))
		return false;
	if (unlikely(!is_object(s, slab, object))) {
		kasan_report_invalid_free(object, ip, false);
		return true;
	}
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		return false;
	if (unlikely(!is_accessible(object))) {
		kasan_report_invalid_free(object, ip, true);
		return true;
	}
	kasan_poison_range(object, s->object_size, KASAN_SLAB_FREE);
	meta = kasan_get_meta(s, object);
	set_track(&meta->free);
	kasan_quarantine_put(s, object);
	return true;
}

/* ---- kmalloc ---- */

void kasan_kmalloc_large(const void *p, size_t size)
{
	struct slab *slab = virt_to_slab_head(p);

	set_used(p, size, PAGE_SIZE << compound_order(slab_page(slab)), KASAN_PAGE_REDZONE);
}

bool kasan_kfree_large(const void *p, unsigned long ip)
{
	if (!kasan_ready || virt_to_slab_head(p)->slab_cache != KMALLOC_LARGE_COOKIE) {
		if (!kasan_ready || is_accessible(p))
			return false; /* somebody else's pages: slab has its own report */
		kasan_report_invalid_free(p, ip, true);
		return true;
	}
	if (p == slab_address(virt_to_slab_head(p)) && is_accessible(p))
		return false;
	kasan_report_invalid_free(p, ip, p == slab_address(virt_to_slab_head(p)));
	return true;
}

void kasan_krealloc(const void *p, size_t size)
{
	struct slab *slab = virt_to_slab_head(p);

	if (is_kfence_address(p))
		return;
	if (PageSlab(slab_page(slab)))
		set_used(p, size, slab->slab_cache->object_size, KASAN_SLAB_REDZONE);
	else
		kasan_kmalloc_large(p, size);
}

bool kasan_check_byte(const void *p, unsigned long ip)
{
	return kasan_check_range(p, 1, false, ip);
}

/* ---- mempools: elements that are kept are nobody's ---- */

void kasan_mempool_poison_object(const void *p)
{
	struct slab *slab = slab_of(p);

	if (!slab || !is_object(slab->slab_cache, slab, p) ||
	    slab->slab_cache->flags & SLAB_TYPESAFE_BY_RCU)
		return;
	if (!is_accessible(p)) {
		kasan_report_invalid_free(p, _RET_IP_, true);
		return;
	}
	kasan_poison_range(p, slab->slab_cache->object_size, KASAN_MEMPOOL_FREE);
	set_track(&kasan_get_meta(slab->slab_cache, p)->free);
}

void kasan_mempool_unpoison_object(const void *p, size_t size)
{
	struct slab *slab = slab_of(p);

	if (!slab || !is_object(slab->slab_cache, slab, p) ||
	    slab->slab_cache->flags & SLAB_TYPESAFE_BY_RCU)
		return;
	set_used(p, size ?: slab->slab_cache->object_size, slab->slab_cache->object_size,
		 KASAN_SLAB_REDZONE);
	set_track(&kasan_get_meta(slab->slab_cache, p)->alloc);
}
