/*
 * What the files of KASAN share: the address of a shadow byte, its values, and an object's metadata.
 *
 * Mirrors Linux mm/kasan/kasan.h. Exercised by the kasan suite.
 */
#pragma once

#include "arch/x86/page.h"
#include "lib/string.h"
#include "mm/debug/kasan.h"
#include "mm/debug/stackdepot.h"

#define KERNEL_HALF 0xffff800000000000UL

/*
 * Values of a shadow byte. 0: all eight bytes may be used; 1..7: that many of them; negative: none, and why. Those from
 * 0xf1 to 0xf4, 0xca and 0xcb are written by the compiler.
 */
#define KASAN_FREE_PAGE	      0xff
#define KASAN_PAGE_REDZONE    0xfe /* behind a large kmalloc */
#define KASAN_SLAB_REDZONE    0xfc
#define KASAN_SLAB_FREE	      0xfb
#define KASAN_MEMPOOL_FREE    0xfa /* in a mempool's reserve */
#define KASAN_GLOBAL_REDZONE  0xf9
#define KASAN_VMALLOC_INVALID 0xf8
#define KASAN_STACK_LEFT      0xf1
#define KASAN_STACK_MID	      0xf2
#define KASAN_STACK_RIGHT     0xf3
#define KASAN_STACK_PARTIAL   0xf4
#define KASAN_ALLOCA_LEFT     0xca
#define KASAN_ALLOCA_RIGHT    0xcb

static __always_inline s8 *kasan_mem_to_shadow(const void *addr)
{
	return (s8 *)(((unsigned long)addr >> 3) + KASAN_SHADOW_OFFSET);
}

static __always_inline const void *kasan_shadow_to_mem(const void *shadow)
{
	return (const void *)(((unsigned long)shadow - KASAN_SHADOW_OFFSET) << 3);
}

static __always_inline bool addr_has_shadow(const void *addr)
{
	return (unsigned long)addr >= KERNEL_HALF;
}

/* The shadow byte of an address, of which any may be asked: false where no shadow is mapped. */
bool kasan_read_shadow(const void *addr, s8 *value);

/* Who did it. */
struct kasan_track {
	u32 pid;
	depot_stack_handle_t stack;
};

/* Behind each object, whether it is in use or not. */
struct kasan_meta {
	struct kasan_track alloc;
	struct kasan_track free;
	depot_stack_handle_t aux[2]; /* who queued work for it: the last, and the one before */
	struct kasan_meta *next;     /* in the quarantine */
};

struct kasan_meta *kasan_get_meta(const struct kmem_cache *s, const void *object);
void *kasan_meta_to_object(const struct kmem_cache *s, struct kasan_meta *meta);
depot_stack_handle_t kasan_save_stack(unsigned int skip);

/* kasan_quarantine.c: the object waits there, and leaves by slab_free_unpoisoned(). */
void kasan_quarantine_put(struct kmem_cache *s, void *object);

/* kasan_check.c */
extern bool kasan_ready; /* the shadow is real */
bool kasan_is_off(void); /* for this CPU, at this moment */

/* kasan_report.c */
enum kasan_report_type { KASAN_ACCESS, KASAN_INVALID_FREE, KASAN_DOUBLE_FREE };
/* False: it is not to be reported. */
__cold bool kasan_report(const void *addr, size_t size, bool write, unsigned long ip);
__cold void kasan_report_invalid_free(const void *addr, unsigned long ip, bool twice);
/* kasan_describe.c: whose address is it? Everything that is known, to the log. */
__cold void kasan_describe_address(const void *addr, size_t size, u8 shadow);
__cold void kasan_print_memory_state(const void *addr);

/* A global variable with red zones, as the compilers describe it. */
struct kasan_source {
	const char *file;
	int line, column;
};
struct kasan_global {
	const void *beg;
	size_t size;
	size_t size_with_redzone;
	const char *name;
	const char *module_name;
	unsigned long has_dynamic_init;
	struct kasan_source *location;
	unsigned long odr_indicator;
};
/* The variable in whose bytes or red zone addr lies; NULL. */
const struct kasan_global *kasan_find_global(const void *addr);
