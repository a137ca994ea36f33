/*
 * kmemleak: memory that nothing points to any more. What allocators and owners tell it.
 *
 * Theory in kmemleak.c. Each function below costs one load and a branch that is not taken while kmemleak is off
 * (kmemleak=on switches it on, at boot only). The slab allocator does not even pay that: it asks slab_debug_hooks.
 *
 * min_count is the number of pointers that an object needs so as not to be a leak: 1 for almost everything; 0: never
 * reported, but searched for pointers (what memblock gave); -1: neither (KMEMLEAK_BLACK).
 *
 * All of these: any context; unknown addresses, NULL and ZERO_SIZE_PTR are ignored.
 *
 * Mirrors Linux include/linux/kmemleak.h. Exercised by the kmemleak suite and tests/boot/test_kmemleak.py.
 */
#pragma once

#include "lib/types.h"

#ifndef QUIRE_HOSTED

#include "arch/x86/page.h"
#include "kernel/init.h"
#include "mm/slab/slab.h"

#define KMEMLEAK_GREY  0
#define KMEMLEAK_BLACK (-1)

extern bool kmemleak_enabled;	   /* allocations are recorded */
extern bool kmemleak_free_enabled; /* and freeing ends records: until what was recorded is gone */

/* ---- what allocators call ---- */

void __kmemleak_alloc(const void *ptr, size_t size, int min_count, gfp_t gfp);
void __kmemleak_alloc_percpu(const void __percpu *ptr, size_t size, gfp_t gfp);
/* The records of [ptr, ptr + size) end; what an object has beyond that stays one. */
void __kmemleak_free_part(const void *ptr, size_t size);
void __kmemleak_free(const void *ptr);
void __kmemleak_free_percpu(const void __percpu *ptr);

/* ---- what owners call ---- */

void __kmemleak_update_trace(const void *ptr);
void __kmemleak_not_leak(const void *ptr);
void __kmemleak_ignore(const void *ptr);
void __kmemleak_scan_area(const void *ptr, size_t size, gfp_t gfp);
void __kmemleak_no_scan(const void *ptr);

#define KMEMLEAK_IF(flag, call)                \
	do {                                   \
		if (unlikely(READ_ONCE(flag))) \
			call;                  \
	} while (0)

/* size bytes at ptr were given out. gfp: how the record may be allocated. */
static __always_inline void kmemleak_alloc(const void *ptr, size_t size, int min_count, gfp_t gfp)
{
	KMEMLEAK_IF(kmemleak_enabled, __kmemleak_alloc(ptr, size, min_count, gfp));
}

/* For objects of caches: those with SLAB_NOLEAKTRACE are left alone, kmemleak's own among them. */
static __always_inline void kmemleak_alloc_recursive(const void *ptr, size_t size, int min_count,
						     unsigned long flags, gfp_t gfp)
{
	if (!(flags & SLAB_NOLEAKTRACE))
		kmemleak_alloc(ptr, size, min_count, gfp);
}

/* ptr is a per-CPU address; each CPU's copy is searched. */
static __always_inline void kmemleak_alloc_percpu(const void __percpu *ptr, size_t size, gfp_t gfp)
{
	KMEMLEAK_IF(kmemleak_enabled, __kmemleak_alloc_percpu(ptr, size, gfp));
}

/* An area of vmalloc space with memory in it. => may sleep */
static __always_inline void kmemleak_vmalloc(const void *ptr, size_t size, gfp_t gfp)
{
	kmemleak_alloc(ptr, size, 1, gfp);
}

/* Before the memory is anybody else's: a search that reads it just now is waited for. */
static __always_inline void kmemleak_free(const void *ptr)
{
	KMEMLEAK_IF(kmemleak_free_enabled, __kmemleak_free(ptr));
}

static __always_inline void kmemleak_free_recursive(const void *ptr, unsigned long flags)
{
	if (!(flags & SLAB_NOLEAKTRACE))
		kmemleak_free(ptr);
}

static __always_inline void kmemleak_free_percpu(const void __percpu *ptr)
{
	KMEMLEAK_IF(kmemleak_free_enabled, __kmemleak_free_percpu(ptr));
}

static __always_inline void kmemleak_free_part(const void *ptr, size_t size)
{
	KMEMLEAK_IF(kmemleak_free_enabled, __kmemleak_free_part(ptr, size));
}

/* The same for physical memory that memblock gave. */
static __always_inline void kmemleak_alloc_phys(phys_addr_t phys, size_t size, gfp_t gfp)
{
	kmemleak_alloc(__va(phys), size, KMEMLEAK_GREY, gfp);
}

static __always_inline void kmemleak_free_part_phys(phys_addr_t phys, size_t size)
{
	kmemleak_free_part(__va(phys), size);
}

/* The object has a new owner: its record tells this stack from now on. */
static __always_inline void kmemleak_update_trace(const void *ptr)
{
	KMEMLEAK_IF(kmemleak_enabled, __kmemleak_update_trace(ptr));
}

/* Nobody points to it, and that is right; what it points to is still found through it. */
static __always_inline void kmemleak_not_leak(const void *ptr)
{
	KMEMLEAK_IF(kmemleak_enabled, __kmemleak_not_leak(ptr));
}

/* Neither a leak nor worth a search. */
static __always_inline void kmemleak_ignore(const void *ptr)
{
	KMEMLEAK_IF(kmemleak_enabled, __kmemleak_ignore(ptr));
}

static __always_inline void kmemleak_ignore_phys(phys_addr_t phys)
{
	kmemleak_ignore(__va(phys));
}

/* Pointers are in size bytes from ptr on, which lies in an object, and in other such areas of it; not in the rest. */
static __always_inline void kmemleak_scan_area(const void *ptr, size_t size, gfp_t gfp)
{
	KMEMLEAK_IF(kmemleak_enabled, __kmemleak_scan_area(ptr, size, gfp));
}

/* There are no pointers in it: it may be a leak, but is not searched. */
static __always_inline void kmemleak_no_scan(const void *ptr)
{
	KMEMLEAK_IF(kmemleak_enabled, __kmemleak_no_scan(ptr));
}

/* ---- boot ---- */

/* Its first records, from memblock. => before mem_init() */
void kmemleak_early_init(void);
/* From here on records are objects of a cache; what memblock gave so far becomes known. => slab is up */
void kmemleak_init(void);

/* ---- for tests ---- */

/*
 * Searches at once and does not spare young objects, again and again until nothing is found, at most `rounds` times;
 * at least twice, for a new object counts from the second search on. The number of leaks that the last one has found, 0 when kmemleak is off; print gets
 * the report of each, line by line. => may sleep
 */
unsigned int kmemleak_check(unsigned int rounds, void (*print)(void *arg, const char *line),
			    void *arg);
/* What a write of this text to the debugfs file does: 0 or -errno. Changes the text. => may sleep */
int kmemleak_command(char *text);

#else /* parts of the kernel on the host: nothing to record */

static inline void kmemleak_alloc_phys(phys_addr_t phys, size_t size, unsigned int gfp)
{
}

static inline void kmemleak_free_part_phys(phys_addr_t phys, size_t size)
{
}

#endif
