/*
 * KASAN: every access to memory is looked up before it is made.
 *
 * 1. In a KASAN=1 kernel the compiler puts a call in front of each load and store: __asan_load8(address) and the like.
 *    An eighth of memory, the shadow, says for every eight bytes how many of them may be used:
 *
 *	shadow byte = *(s8 *)((address >> 3) + KASAN_SHADOW_OFFSET)
 *	0	all eight		1..7	the first so many
 *	< 0	none: the value says why (freed object, red zone, stack, ...; kasan_internal.h)
 *
 *    So an access of 8 aligned bytes costs one load and one test. What may be used is decided elsewhere, by whoever
 *    hands memory out: page allocator, slab, vmalloc; and by code that the compiler adds to functions with arrays on
 *    the stack (red zones around them, while the function runs) and to files with global variables.
 * 2. Red zones only help if what is next to an object is not another object, and the freed can be told from the
 *    living only until it is allocated again. Hence the space behind each object, and the quarantine.
 * 3. The checks are calls, not code in place (`outline` in Linux's words): the kernel stays small enough for its place below
 *    8 MiB, and a wild address, whose shadow does not exist, is a report instead of a fault inside the check. Shadow
 *    of vmalloc space is there only where areas are: the load has an exception-table entry, absent means inaccessible.
 * 4. memcpy, memmove and memset check whole ranges here and go on in lib/string.c under the names __memcpy and so on. The
 *    other functions of lib/string.c are compiled with checks like everything else.
 * 5. Not compiled with checks (Makefile, KASAN_OFF): these files, which would call themselves; slab, which lives in free
 *    objects; kmemleak, which reads what it finds; the unwinder, which reads
 *    stacks of functions that are still running.
 *
 * Locks: none. A race between an access and somebody who frees the memory is a bug of theirs.
 * Mirrors Linux mm/kasan/{generic,shadow}.c. Exercised by the kasan suite.
 */
#include "arch/x86/extable.h"
#include "kernel/percpu.h"
#include "lib/string.h"
#include "mm/debug/kasan_internal.h"
#include "mm/phys/page.h"

#define _RET_IP_ ((unsigned long)__builtin_return_address(0))

bool kasan_ready;
static DEFINE_PER_CPU(int, kasan_off_depth);

bool kasan_is_off(void)
{
	return this_cpu_read(kasan_off_depth) != 0;
}

void kasan_disable_current(void)
{
	this_cpu_inc(kasan_off_depth);
}

void kasan_enable_current(void)
{
	this_cpu_dec(kasan_off_depth);
}

/* ---- reading the shadow ---- */

/* Absent shadow reads as "nothing here". */
static __always_inline s8 load_shadow(const s8 *shadow)
{
	s8 value;

	__asm__ goto("1: movb %[s], %[v]\n\t" _ASM_EXTABLE_STR("1b", "%l[absent]")
		     : [v] "=q"(value)
		     : [s] "m"(*shadow)
		     :
		     : absent);
	return value;
absent:
	return (s8)KASAN_VMALLOC_INVALID;
}

static __always_inline bool byte_is_poisoned(unsigned long addr)
{
	s8 v = load_shadow(kasan_mem_to_shadow((const void *)addr));

	return unlikely(v) && (s8)(addr & 7) >= v;
}

/* Of at most 8 bytes the last one decides; if it lies in another granule than the first, the first one must be whole. */
static __always_inline bool small_is_poisoned(unsigned long addr, size_t size)
{
	unsigned long last = addr + size - 1;

	if (unlikely((addr ^ last) & ~7UL) && load_shadow(kasan_mem_to_shadow((void *)addr)))
		return true;
	return byte_is_poisoned(last);
}

static bool long_is_poisoned(unsigned long addr, size_t size)
{
	const s8 *p = kasan_mem_to_shadow((const void *)addr);
	const s8 *last = kasan_mem_to_shadow((const void *)(addr + size - 1));

	for (; p < last && ((unsigned long)p & 7); p++)
		if (load_shadow(p))
			return true;
	for (; p + 8 <= last; p += 8) {
		unsigned long word;

		__asm__ goto("1: movq %[s], %[w]\n\t" _ASM_EXTABLE_STR("1b", "%l[absent]")
			     : [w] "=r"(word)
			     : [s] "m"(*(const unsigned long *)p)
			     :
			     : absent);
		if (unlikely(word))
			return true;
	}
	for (; p < last; p++)
		if (load_shadow(p))
			return true;
	return byte_is_poisoned(addr + size - 1);
absent:
	return true;
}

static __always_inline bool check(unsigned long addr, size_t size, bool write, unsigned long ip)
{
	bool bad;

	if (unlikely(addr < KERNEL_HALF || addr + size < addr))
		bad = size != 0;
	else if (__builtin_constant_p(size) && size == 1)
		bad = byte_is_poisoned(addr);
	else if (__builtin_constant_p(size) && size <= 8)
		bad = small_is_poisoned(addr, size);
	else
		bad = size && long_is_poisoned(addr, size);
	if (likely(!bad))
		return true;
	return !kasan_report((const void *)addr, size, write, ip);
}

bool kasan_check_range(const void *addr, size_t size, bool write, unsigned long ip)
{
	return check((unsigned long)addr, size, write, ip);
}

bool kasan_read_shadow(const void *addr, s8 *value)
{
	const s8 *shadow = kasan_mem_to_shadow(addr);

	if (!addr_has_shadow(addr))
		return false;
	__asm__ goto("1: movb %[s], %[v]\n\t" _ASM_EXTABLE_STR("1b", "%l[absent]")
		     : [v] "=q"(*value)
		     : [s] "m"(*shadow)
		     :
		     : absent);
	return true;
absent:
	return false;
}

/* ---- what the compiler calls ---- */

#define DEFINE_ASAN_CHECK(size)                                \
	void __asan_load##size##_noabort(unsigned long addr);  \
	void __asan_load##size##_noabort(unsigned long addr)   \
	{                                                      \
		check(addr, size, false, _RET_IP_);            \
	}                                                      \
	void __asan_store##size##_noabort(unsigned long addr); \
	void __asan_store##size##_noabort(unsigned long addr)  \
	{                                                      \
		check(addr, size, true, _RET_IP_);             \
	}
DEFINE_ASAN_CHECK(1)
DEFINE_ASAN_CHECK(2)
DEFINE_ASAN_CHECK(4)
DEFINE_ASAN_CHECK(8)
DEFINE_ASAN_CHECK(16)

void __asan_loadN_noabort(unsigned long addr, size_t size);
void __asan_loadN_noabort(unsigned long addr, size_t size)
{
	check(addr, size, false, _RET_IP_);
}

void __asan_storeN_noabort(unsigned long addr, size_t size);
void __asan_storeN_noabort(unsigned long addr, size_t size)
{
	check(addr, size, true, _RET_IP_);
}

/* In front of a call that does not return: frames above stay as they are, and a stack is cleaned before it is used again. */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
}

/* Red zones of a large frame: clang calls these instead of storing in place. */
#define DEFINE_ASAN_SET_SHADOW(byte)                              \
	void __asan_set_shadow_##byte(void *shadow, size_t size); \
	void __asan_set_shadow_##byte(void *shadow, size_t size)  \
	{                                                         \
		__memset(shadow, 0x##byte, size);                 \
	}
DEFINE_ASAN_SET_SHADOW(00)
DEFINE_ASAN_SET_SHADOW(f1)
DEFINE_ASAN_SET_SHADOW(f2)
DEFINE_ASAN_SET_SHADOW(f3)
DEFINE_ASAN_SET_SHADOW(f5)
DEFINE_ASAN_SET_SHADOW(f8)

/* An array whose length is known at run time: 32 bytes in front of it, at least 32 behind. */
void __asan_alloca_poison(const void *addr, size_t size);
void __asan_alloca_poison(const void *addr, size_t size)
{
	const char *right = (const char *)addr + ALIGN(size, KASAN_GRANULE_SIZE);
	size_t padding = ALIGN(size, 32) - ALIGN(size, KASAN_GRANULE_SIZE);

	kasan_unpoison_range(addr, size);
	kasan_poison_range((const char *)addr - 32, 32, KASAN_ALLOCA_LEFT);
	kasan_poison_range(right, padding + 32, KASAN_ALLOCA_RIGHT);
}

void __asan_allocas_unpoison(const void *top, const void *bottom);
void __asan_allocas_unpoison(const void *top, const void *bottom)
{
	if (top && top < bottom)
		kasan_unpoison_range(top, (const char *)bottom - (const char *)top);
}

/* ---- memory functions: what was reported is not done ---- */

#undef memcpy
#undef memmove
#undef memset
void *memcpy(void *dst, const void *src, size_t n)
{
	if (!check((unsigned long)src, n, false, _RET_IP_) ||
	    !check((unsigned long)dst, n, true, _RET_IP_))
		return NULL;
	return __memcpy(dst, src, n);
}

void *memmove(void *dst, const void *src, size_t n)
{
	if (!check((unsigned long)src, n, false, _RET_IP_) ||
	    !check((unsigned long)dst, n, true, _RET_IP_))
		return NULL;
	return __memmove(dst, src, n);
}

void *memset(void *dst, int c, size_t n)
{
	if (!check((unsigned long)dst, n, true, _RET_IP_))
		return NULL;
	return __memset(dst, c, n);
}

/* ---- writing the shadow ---- */

void kasan_poison_range(const void *addr, size_t size, u8 value)
{
	if (size)
		__memset(kasan_mem_to_shadow(addr), value, DIV_ROUND_UP(size, KASAN_GRANULE_SIZE));
}

void kasan_unpoison_range(const void *addr, size_t size)
{
	s8 *shadow = kasan_mem_to_shadow(addr);

	__memset(shadow, 0, size / KASAN_GRANULE_SIZE);
	if (size % KASAN_GRANULE_SIZE)
		shadow[size / KASAN_GRANULE_SIZE] = size % KASAN_GRANULE_SIZE;
}

/* ---- pages ---- */

void kasan_alloc_pages(struct page *page, unsigned int order)
{
	kasan_unpoison_range(page_address(page), PAGE_SIZE << order);
}

void kasan_free_pages(struct page *page, unsigned int order)
{
	kasan_poison_range(page_address(page), PAGE_SIZE << order, KASAN_FREE_PAGE);
}

/* ---- global variables ---- */

#define MAX_FILES 1024
static struct {
	const struct kasan_global *globals;
	unsigned long n;
} files[MAX_FILES];
static unsigned int nr_files;

/* Called by a constructor of each file (kasan_init.c runs them). */
void __asan_register_globals(const struct kasan_global *globals, size_t n);
void __asan_register_globals(const struct kasan_global *globals, size_t n)
{
	if (nr_files < MAX_FILES) {
		files[nr_files].globals = globals;
		files[nr_files++].n = n;
	}
	for (size_t i = 0; i < n; i++) {
		const struct kasan_global *g = &globals[i];
		size_t used = ALIGN(g->size, KASAN_GRANULE_SIZE);

		kasan_unpoison_range(g->beg, g->size);
		kasan_poison_range((const char *)g->beg + used, g->size_with_redzone - used,
				   KASAN_GLOBAL_REDZONE);
	}
}

void __asan_unregister_globals(const struct kasan_global *globals, size_t n);
void __asan_unregister_globals(const struct kasan_global *globals, size_t n)
{
}

const struct kasan_global *kasan_find_global(const void *addr)
{
	for (unsigned int f = 0; f < nr_files; f++) {
		for (unsigned long i = 0; i < files[f].n; i++) {
			const struct kasan_global *g = &files[f].globals[i];

			if (addr >= g->beg &&
			    (const char *)addr - (const char *)g->beg < (long)g->size_with_redzone)
				return g;
		}
	}
	return NULL;
}
