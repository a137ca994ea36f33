/*
 * Objects smaller than a page: caches of equal objects (kmem_cache) and, built from them, kmalloc.
 *
 * A cache hands out objects of one size from slabs of one or a few pages. kmalloc picks one of
 * thirteen caches by size (8 .. 8192 bytes) and goes straight to the buddy allocator above that, up
 * to 4 MiB. When the size is a constant the class is chosen by the compiler, and the call is one
 * load and one jump.
 *
 * Contexts: alloc and free may be called from any context but NMI; with GFP_KERNEL an allocation
 * may sleep in reclaim, with GFP_ATOMIC or GFP_NOWAIT it never does. create, destroy and shrink may
 * sleep.
 *
 * Mirrors Linux include/linux/slab.h. Exercised by the slab suite (tests/kernel/slab.c).
 */
#pragma once

#include "arch/x86/page.h"
#include "kernel/rcu.h"
#include "lib/string.h"
#include "lib/types.h"
#include "mm/phys/gfp.h"

struct kmem_cache;

/* kmem_cache_create() flags. The debugging ones (docs/debugging.md) are also set by slub_debug=. */
#define SLAB_CONSISTENCY_CHECKS 0x00000100UL /* verify lists, slabs and objects at each step */
#define SLAB_RED_ZONE		0x00000400UL /* bytes left and right of an object that nobody may touch */
#define SLAB_POISON		0x00000800UL /* free objects are filled, and verified when they are used */
#define SLAB_HWCACHE_ALIGN	0x00002000UL /* objects start on a cache line */
#define SLAB_CACHE_DMA		0x00004000UL /* pages from ZONE_DMA */
#define SLAB_STORE_USER		0x00010000UL /* who allocated and who freed, with stacks */
#define SLAB_RECLAIM_ACCOUNT	0x00020000UL /* counted as SReclaimable */
#define SLAB_PANIC		0x00040000UL /* failing to create the cache is fatal */
#define SLAB_TYPESAFE_BY_RCU	0x00080000UL /* pages live for a grace period; objects do not */
#define SLAB_TRACE		0x00200000UL /* a report in the log for each allocation and freeing */
#define SLAB_NOLEAKTRACE	0x00800000UL /* the leak detector ignores these objects */
#define SLAB_NO_MERGE		0x01000000UL /* never share the cache with another of like objects */
#define SLAB_FAILSLAB		0x02000000UL /* failslab/cache-filter lets these allocations fail */
#define SLAB_ACCOUNT		0x04000000UL /* charge to the memory cgroup of the caller */

/* The address that kmalloc(0) returns: not NULL, faults when used, accepted by kfree(). */
#define ZERO_SIZE_PTR	    ((void *)16)
#define ZERO_OR_NULL_PTR(x) ((unsigned long)(x) <= (unsigned long)ZERO_SIZE_PTR)

#define KMALLOC_MIN_SIZE       8
#define KMALLOC_MAX_CACHE_SIZE 8192UL
#define KMALLOC_MAX_SIZE       (4UL << 20)
#define ARCH_KMALLOC_MINALIGN  8 /* a power of two size is aligned to itself, up to a page */

#define _RET_IP_ ((unsigned long)__builtin_return_address(0))

/* ---- caches ---- */

/*
 * A new cache. size in bytes (1 .. a page times 8); align 0 or a power of two (at least 8 is
 * given); ctor, if any, runs on each object once when its slab is made, not at each allocation. The
 * name must outlive the cache. A cache whose objects are like those of another (size, flags, no
 * constructor, no debugging) may be that one: see SLAB_NO_MERGE. => may sleep. NULL when out of memory or when the arguments make no
 * sense (one warning); SLAB_PANIC panics instead.
 */
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     unsigned long flags, void (*ctor)(void *));
/* The same, with the part of an object that may be copied to and from user space. */
struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size,
					      unsigned int align, unsigned long flags,
					      unsigned int useroffset, unsigned int usersize,
					      void (*ctor)(void *));
#define KMEM_CACHE(__struct, __flags)                                                       \
	kmem_cache_create(#__struct, sizeof(struct __struct), __alignof__(struct __struct), \
			  (__flags), NULL)

/*
 * Gives up one reference (merged caches have several) and frees the cache with the last; NULL is
 * fine. Objects still in use are reported one by one, and the cache stays. => may sleep
 */
void kmem_cache_destroy(struct kmem_cache *s);
/* Gives every empty slab back to the buddy allocator. 0, or 1 if slabs are left. => may sleep */
int kmem_cache_shrink(struct kmem_cache *s);

/* One object, or NULL. __GFP_ZERO clears it. */
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t flags) __malloc;
/*
 * The same from memory of a node (NUMA_NO_NODE: any; another node is used only if this has none).
 */
void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t flags, int node) __malloc;
/* For kmalloc(): s is the cache for size, which trace events tell. */
void *kmalloc_trace(struct kmem_cache *s, gfp_t flags, size_t size) __malloc;
/* Gives an object of this cache back. NULL is ignored; a foreign pointer is reported and leaked. */
void kmem_cache_free(struct kmem_cache *s, void *object);

/* nr objects into p[]: nr when all were had, else 0 and none is kept. => interrupts on */
int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t flags, size_t nr, void **p);
/* Frees p[0..nr); s may be NULL when they come from different caches or kmalloc. */
void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **p);

unsigned int kmem_cache_size(struct kmem_cache *s); /* bytes a caller may use */
/* Checks every slab of a cache that is debugged: the number of faults found (each reported), -EINVAL, -ENOMEM. */
long validate_slab_cache(struct kmem_cache *s);
const char *kmem_cache_name(struct kmem_cache *s);

static __always_inline void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t flags)
{
	return kmem_cache_alloc(s, flags | __GFP_ZERO);
}

/* ---- kmalloc ---- */

/* Index into kmalloc_caches[]; 1 is 96 and 2 is 192 bytes, n from 3 on is 2^n bytes. */
#define KMALLOC_NR_CLASSES 14
extern struct kmem_cache *kmalloc_caches[KMALLOC_NR_CLASSES];

/* The class of a size of 1 .. 8192 bytes, folded to a constant when size is one. */
static __always_inline unsigned int kmalloc_index(size_t size)
{
	if (size <= 8)
		return 3;
	if (size <= 16)
		return 4;
	if (size <= 32)
		return 5;
	if (size <= 64)
		return 6;
	if (size <= 96)
		return 1;
	if (size <= 128)
		return 7;
	if (size <= 192)
		return 2;
	if (size <= 256)
		return 8;
	if (size <= 512)
		return 9;
	if (size <= 1024)
		return 10;
	if (size <= 2048)
		return 11;
	if (size <= 4096)
		return 12;
	return 13;
}

void *__kmalloc(size_t size, gfp_t flags) __malloc;
void *__kmalloc_node(size_t size, gfp_t flags, int node) __malloc;
void *__kmalloc_large(size_t size, gfp_t flags) __malloc; /* whole pages, any size up to 4 MiB */
/* __kmalloc_node() for somebody else: caller is who reports and owner records name. */
void *__kmalloc_node_track_caller(size_t size, gfp_t flags, int node,
				  unsigned long caller) __malloc;
#define kmalloc_track_caller(size, flags) \
	__kmalloc_node_track_caller(size, flags, NUMA_NO_NODE, _RET_IP_)

/*
 * size bytes, aligned to 8, and to size (at most a page) when size is a power of two. kmalloc(0) is
 * ZERO_SIZE_PTR. NULL when out of memory or size > 4 MiB (one warning that names the caller).
 */
static __always_inline void *kmalloc(size_t size, gfp_t flags)
{
	if (__builtin_constant_p(size) && size && !(flags & __GFP_DMA)) {
		if (size > KMALLOC_MAX_CACHE_SIZE)
			return __kmalloc_large(size, flags);
		return kmalloc_trace(kmalloc_caches[kmalloc_index(size)], flags, size);
	}
	return __kmalloc(size, flags);
}

static __always_inline void *kmalloc_node(size_t size, gfp_t flags, int node)
{
	return __kmalloc_node(size, flags, node);
}

static __always_inline void *kzalloc(size_t size, gfp_t flags)
{
	return kmalloc(size, flags | __GFP_ZERO);
}

static __always_inline void *kzalloc_node(size_t size, gfp_t flags, int node)
{
	return __kmalloc_node(size, flags | __GFP_ZERO, node);
}

/* n elements of size bytes; NULL when the product overflows. */
static __always_inline void *kmalloc_array(size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kmalloc(bytes, flags);
}

static __always_inline void *kcalloc(size_t n, size_t size, gfp_t flags)
{
	return kmalloc_array(n, size, flags | __GFP_ZERO);
}

/*
 * Gives back what any kmalloc function returned, at any time; NULL and ZERO_SIZE_PTR are ignored.
 */
void kfree(const void *p);
void kfree_sensitive(const void *p); /* clears the object first */
/*
 * The object with at least new_size bytes: the same one while it is large enough, else a copy, and
 * p is freed. p NULL is kmalloc; new_size 0 is kfree and gives ZERO_SIZE_PTR. NULL: p is untouched.
 * __GFP_ZERO clears what is beyond ksize(p).
 */
void *krealloc(const void *p, size_t new_size, gfp_t flags) __must_check;
void *krealloc_array(void *p, size_t n, size_t size, gfp_t flags) __must_check;
/* Bytes that may be used behind p: the size of its class. 0 for NULL and ZERO_SIZE_PTR. */
size_t ksize(const void *p);
/* The size kmalloc(size) would really give. */
size_t kmalloc_size_roundup(size_t size);

/* ---- copies; NULL when out of memory or src is NULL ---- */
void *kmemdup(const void *src, size_t len, gfp_t flags);
char *kmemdup_nul(const char *s, size_t len, gfp_t flags); /* len bytes and a NUL */
char *kstrdup(const char *s, gfp_t flags);
char *kstrndup(const char *s, size_t max, gfp_t flags);
char *kasprintf(gfp_t flags, const char *fmt, ...) __printf(2, 3);
char *kvasprintf(gfp_t flags, const char *fmt, va_list ap) __printf(2, 0);
/* A string that may stand in rodata: not copied then. Pairs with kfree_const(). */
const char *kstrdup_const(const char *s, gfp_t flags);
void kfree_const(const void *p);

/*
 * Frees ptr after a grace period; field is the struct rcu_head inside it. ptr must come from
 * kmalloc or a cache. => any context
 */
#define kfree_rcu(ptr, field)                                                \
	do {                                                                 \
		__typeof__(ptr) __kfree_rcu_p = (ptr);                       \
		if (__kfree_rcu_p)                                           \
			call_rcu(&__kfree_rcu_p->field, kfree_rcu_callback); \
	} while (0)
void kfree_rcu_callback(struct rcu_head *head); /* finds the object around head, and frees it */

/* ---- large or small: kmalloc, else vmalloc. Defined in mm/kva/vmalloc.c ---- */
void *kvmalloc(size_t size, gfp_t flags) __malloc; /* => may sleep */
void *kvmalloc_node(size_t size, gfp_t flags, int node) __malloc;
/* => any context; what is in vmalloc space is freed later when interrupts are off */
void kvfree(const void *p);
void *kvrealloc(const void *p, size_t old_size, size_t new_size, gfp_t flags) __must_check;

static __always_inline void *kvzalloc(size_t size, gfp_t flags)
{
	return kvmalloc(size, flags | __GFP_ZERO);
}

static __always_inline void *kvmalloc_array(size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kvmalloc(bytes, flags);
}

static __always_inline void *kvcalloc(size_t n, size_t size, gfp_t flags)
{
	return kvmalloc_array(n, size, flags | __GFP_ZERO);
}

/* ---- boot and observation ---- */

bool slab_is_available(void); /* true once kmem_cache_init() is done */
/* Boot: the caches that describe caches, then kmalloc. => buddy up, one CPU, per-CPU areas up */
void kmem_cache_init(void);
/* Boot: hands lib/ its maple and xarray node caches. => after kmem_cache_init() */
void kmem_cache_init_late(void);

/*
 * One line of /proc/slabinfo. Objects of a slab that a CPU keeps for itself count as active, as on
 * Linux; after kmem_cache_shrink() the counts are exact.
 */
struct slabinfo {
	unsigned long active_objs, num_objs;
	unsigned long active_slabs, num_slabs;
	unsigned int objsize, objects_per_slab, pages_per_slab;
};

void get_slabinfo(struct kmem_cache *s, struct slabinfo *info);
/*
 * Calls fn for each cache, oldest first, until it returns non-zero, and returns that. => may sleep
 */
int kmem_cache_for_each(int (*fn)(struct kmem_cache *s, const struct slabinfo *info, void *arg),
			void *arg);
/* The cache of an object, NULL when p is not inside a slab. */
struct kmem_cache *virt_to_cache(const void *p);
/* True when p is the start of an object of a slab or of a large kmalloc. */
bool kmem_valid_obj(const void *p);
