/*
 * Which bytes of a slab may be copied to and from user space: those of one object, and of that the part that the cache was
 * made with (kmem_cache_create_usercopy(); all of it with kmem_cache_create() and kmalloc).
 *
 * The end of a kmalloc object is that of its size class, the length that was asked for is not kept. No locks: the caller uses
 * the object, so neither it nor its cache goes. Mirrors __check_heap_object() of Linux mm/slub.c. Exercised by
 * tests/boot/test_usercopy.py.
 */
#include "mm/debug/kfence.h"
#include "mm/debug/usercopy.h"
#include "mm/slab/slab_internal.h"

void __check_heap_object(unsigned long ptr, unsigned long n, struct page *page, bool to_user)
{
	const struct slab *slab = page_slab(page);
	const struct kmem_cache *s = slab->slab_cache;
	unsigned long offset = ptr - (unsigned long)slab_address(slab);

	if (is_kfence_address((void *)ptr)) {
		offset = ptr - (unsigned long)kfence_object_start((void *)ptr);
	} else {
		/* Up to 64 KiB: a division of 32 bits. */
		offset = (unsigned int)offset % s->size;
		if (unlikely(offset < s->red_left_pad))
			usercopy_abort("SLUB object in left red zone", s->name, to_user, offset, n);
		offset -= s->red_left_pad;
	}
	if (likely(offset >= s->useroffset && offset - s->useroffset <= s->usersize &&
		   n <= s->useroffset - offset + s->usersize))
		return;
	usercopy_abort("SLUB object", s->name, to_user, offset, n);
}
