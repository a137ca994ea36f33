/*
 * KASAN: what the allocators tell the shadow, in a KASAN=1 kernel; nothing at all in any other.
 *
 * Theory in kasan_check.c (the shadow), kasan_init.c (where it comes from), kasan_slab.c (objects),
 * kasan_vmalloc.c, kasan_quarantine.c and kasan_report.c. Mirrors Linux include/linux/kasan.h. Exercised by the kasan
 * suite (tests/kernel/kasan.c).
 */
#pragma once

#include "lib/types.h"

struct kmem_cache;
struct page;
struct slab;

#define KASAN_GRANULE_SIZE 8 /* bytes that one byte of shadow speaks for */

#ifdef CONFIG_KASAN
#define IS_KASAN true

/* ---- boot: kasan_init.c ---- */

/* The shadow's part of a top table: one page that says "accessible", until kasan_init(). */
void kasan_map_early_shadow(void *top_table);
/* Real shadow for all RAM and the kernel image; from here on faults are reported. => nodes known */
void kasan_init(void);

/* ---- any memory: kasan_check.c ---- */

/* May size bytes at addr be read or written? A report for ip if not, and false. Any context. */
bool kasan_check_range(const void *addr, size_t size, bool write, unsigned long ip);
/* The bytes become accessible, up to the last one exactly; addr a multiple of 8. */
void kasan_unpoison_range(const void *addr, size_t size);
/* The granules of the range become inaccessible, for the reason value (kasan_internal.h). */
void kasan_poison_range(const void *addr, size_t size, u8 value);
/* The CPU's accesses are not reported between these two; nests. => does not sleep in between */
void kasan_disable_current(void);
void kasan_enable_current(void);

/* ---- pages: called by mm/debug/page_debug.c ---- */

void kasan_alloc_pages(struct page *page, unsigned int order);
void kasan_free_pages(struct page *page, unsigned int order);

/* ---- objects: kasan_slab.c ---- */

/* Bytes of metadata behind an object, which begin at offset; the size that leaves a red zone too. */
unsigned int kasan_metadata_size(const struct kmem_cache *s);
unsigned int kasan_lay_out(struct kmem_cache *s, unsigned int offset);
/* A fresh slab: all of it is red zone, each object's metadata is empty. */
void kasan_poison_slab(struct kmem_cache *s, struct slab *slab);
/* Around a constructor. */
void kasan_unpoison_new_object(struct kmem_cache *s, void *object);
void kasan_poison_new_object(struct kmem_cache *s, void *object);
/* object (or NULL) is handed out; size: what kmalloc() was asked for, 0 for a whole object. Returns object. */
void *kasan_slab_alloc(struct kmem_cache *s, void *object, size_t size);
/* The object is given back: true if it must not go to its free list now (it waits, or the free was wrong). */
bool kasan_slab_free(struct kmem_cache *s, struct slab *slab, void *object, unsigned long ip);
void kasan_kmalloc_large(const void *p, size_t size);
/* True: the free was wrong, and reported. */
bool kasan_kfree_large(const void *p, unsigned long ip);
/* The object at p has size bytes from now on. */
void kasan_krealloc(const void *p, size_t size);
/* Is p still somebody's? Reports if not. */
bool kasan_check_byte(const void *p, unsigned long ip);
/* Whoever queues work for the object at p (call_rcu) is noted in it. */
void kasan_record_aux_stack(const void *p);
/* An element of a mempool rests in the reserve, and leaves it. */
void kasan_mempool_poison_object(const void *p);
void kasan_mempool_unpoison_object(const void *p, size_t size);

/* ---- the quarantine ---- */

/* Every object of the cache (NULL: of all) leaves it. => may sleep */
void kasan_quarantine_remove_cache(struct kmem_cache *s);

/* ---- vmalloc space: kasan_vmalloc.c. Addresses elsewhere are ignored. ---- */

#define KASAN_VMALLOC_GRAIN (32UL << 10) /* one page of shadow */
/* Shadow for an area's addresses, all of it inaccessible. 0 or -ENOMEM. => may sleep */
int kasan_populate_vmalloc(unsigned long start, unsigned long end);
void kasan_unpoison_vmalloc(const void *start, unsigned long size);
void kasan_poison_vmalloc(const void *start, unsigned long size);
/* The shadow pages of a range that nobody owns: taken out; then, after a flush, freed. */
struct page *kasan_unmap_vmalloc_shadow(unsigned long start, unsigned long end, struct page *list);
void kasan_free_vmalloc_shadow(unsigned long start, unsigned long end, struct page *list);

/* ---- tests ---- */

bool kasan_save_enable_multi_shot(
	void); /* every fault is reported, not just the first; what it was before */
void kasan_restore_multi_shot(bool enabled);
bool kasan_save_fault_report(void); /* a report does not panic; what it was before */
void kasan_restore_fault(bool panic);

#else
#define IS_KASAN			       false

static inline void kasan_map_early_shadow(void *top_table)
{
}
static inline void kasan_init(void)
{
}
static inline unsigned int kasan_lay_out(struct kmem_cache *s, unsigned int offset)
{
	return offset;
}
#define kasan_unpoison_range(addr, size)       ((void)0)
#define kasan_disable_current()		       ((void)0)
#define kasan_enable_current()		       ((void)0)
#define kasan_alloc_pages(page, order)	       ((void)0)
#define kasan_free_pages(page, order)	       ((void)0)
#define kasan_metadata_size(s)		       0
#define kasan_poison_slab(s, slab)	       ((void)0)
#define kasan_unpoison_new_object(s, object)   ((void)0)
#define kasan_poison_new_object(s, object)     ((void)0)
#define kasan_slab_alloc(s, object, size)      (object)
#define kasan_slab_free(s, slab, object, ip)   false
#define kasan_kmalloc_large(p, size)	       ((void)0)
#define kasan_kfree_large(p, ip)	       false
#define kasan_krealloc(p, size)		       ((void)0)
#define kasan_check_byte(p, ip)		       true
#define kasan_record_aux_stack(p)	       ((void)0)
#define kasan_mempool_poison_object(p)	       ((void)0)
#define kasan_mempool_unpoison_object(p, size) ((void)0)
#define kasan_quarantine_remove_cache(s)       ((void)0)
#define KASAN_VMALLOC_GRAIN		       4096UL
#define kasan_populate_vmalloc(start, end)     0
#define kasan_unpoison_vmalloc(start, size)    ((void)0)
#define kasan_poison_vmalloc(start, size)      ((void)0)
static inline struct page *kasan_unmap_vmalloc_shadow(unsigned long start, unsigned long end,
						      struct page *list)
{
	return list;
}
static inline void kasan_free_vmalloc_shadow(unsigned long start, unsigned long end,
					     struct page *list)
{
}

#endif
