/*
 * Caches by name and kmalloc by size: everything about objects that is not the slab algorithm
 * itself.
 *
 * 1. All caches stand on slab_caches, oldest first, under slab_mutex. A cache is described by an
 *    object of the cache "kmem_cache", its nodes by objects of "kmem_cache_node"; these two
 *    describe themselves from static memory.
 * 2. kmalloc has thirteen classes. A size becomes a class by one table look-up of (size - 1) / 8 up
 *    to 192 bytes and by the position of the highest bit above; a constant size is resolved by the
 *    compiler.
 * 3. Above 8 KiB a kmalloc is a compound page of its own. Its head page carries
 *    KMALLOC_LARGE_COOKIE where a slab has its cache, which is how kfree tells it from an address
 *    that was never allocated.
 * 4. Caches of like objects are merged: the second gets the first, with one more reference and an
 *    alias, so that half-empty slabs are shared. Not with a constructor, a debugging flag or
 *    SLAB_TYPESAFE_BY_RCU: there the objects of one cache are no use for another.
 *
 * Locks: slab_mutex is outermost here. Mirrors Linux mm/slab_common.c and mm/util.c.
 * Exercised by the slab suite.
 */
#include "mm/slab/slab_internal.h"

#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/trace/kmem.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/kfence.h"
#include "mm/boot/resource.h"
#include "mm/debug/kmemleak.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

LIST_HEAD(slab_caches);
LIST_HEAD(slab_aliases);
unsigned long slab_generation;
DEFINE_MUTEX(slab_mutex);
bool slab_up;
unsigned long slab_debug_hooks;

void slab_hook_set(enum slab_hooks hook, bool on)
{
	if (on)
		__atomic_or_fetch(&slab_debug_hooks, BIT(hook), __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&slab_debug_hooks, ~BIT(hook), __ATOMIC_RELAXED);
}

struct kmem_cache boot_kmem_cache = {
	.name = "kmem_cache",
	.align = 8,
	.refcount = -1,
};
struct kmem_cache boot_kmem_cache_node = {
	.name = "kmem_cache_node",
	.object_size = sizeof(struct kmem_cache_node),
	.align = 8,
	.refcount = -1,
};

struct kmem_cache *kmalloc_caches[KMALLOC_NR_CLASSES];

bool slab_is_available(void)
{
	return slab_up;
}

/* ---- caches ---- */

/* A cache with one of these is like no other. */
#define SLAB_NEVER_MERGE \
	(SLAB_DEBUG_FLAGS | SLAB_TYPESAFE_BY_RCU | SLAB_NOLEAKTRACE | SLAB_NO_MERGE)
/* Like caches agree in these. */
#define SLAB_MERGE_SAME (SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA | SLAB_ACCOUNT)

bool slab_unmergeable(const struct kmem_cache *s)
{
	return IS_KASAN || slab_nomerge || (s->flags & SLAB_NEVER_MERGE) || s->ctor ||
	       s->refcount < 0 ||
	       s->usersize != s->object_size; /* only a part may go to user space */
}

/* What a new cache would be. */
struct shape {
	const char *name;
	unsigned int size, align, useroffset, usersize;
	unsigned long flags;
	void (*ctor)(void *);
};

/*
 * A cache whose objects serve as well: of the same kind, and less than a word larger. => slab_mutex
 * held
 */
static struct kmem_cache *find_mergeable(const struct shape *want)
{
	unsigned long flags = kmem_cache_flags(want->name, want->flags);
	struct kmem_cache *s;
	unsigned int align, size;

	if (IS_KASAN || slab_nomerge || want->ctor ||
	    (flags & (SLAB_NEVER_MERGE | SLAB_FAILSLAB)) || want->usersize != want->size)
		return NULL;
	align = calculate_alignment(flags, want->align, want->size);
	size = ALIGN(want->size, align);
	list_for_each_entry_reverse(s, &slab_caches, list) {
		if (slab_unmergeable(s) || (s->flags & SLAB_FAILSLAB) || size > s->size ||
		    s->size - size >= sizeof(void *))
			continue;
		if ((flags & SLAB_MERGE_SAME) != (s->flags & SLAB_MERGE_SAME))
			continue;
		/* Slots are multiples of the size from a page on. */
		if (s->size & (align - 1))
			continue;
		return s;
	}
	return NULL;
}

/* One more name for s. A name that was given up may come again. => slab_mutex held */
static int add_alias(struct kmem_cache *s, const char *name)
{
	struct slab_alias *a;

	slab_generation++;
	list_for_each_entry(a, &slab_aliases, list) {
		if (!strcmp(a->name, name)) {
			a->s = s;
			a->name = name;
			return 0;
		}
	}
	a = kmalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	a->s = s;
	a->name = name;
	list_add_tail(&a->list, &slab_aliases);
	return 0;
}

static void forget_aliases(const struct kmem_cache *s)
{
	struct slab_alias *a, *next;

	list_for_each_entry_safe(a, next, &slab_aliases, list) {
		if (a->s == s) {
			list_del(&a->list);
			kfree(a);
		}
	}
}

/* => slab_mutex held */
static struct kmem_cache *merge_cache(const struct shape *want)
{
	struct kmem_cache *s = find_mergeable(want);

	if (!s || add_alias(s, want->name))
		return NULL;
	s->refcount++;
	/* The whole of the larger object is cleared, and may be used. */
	s->object_size = max(s->object_size, want->size);
	s->usersize = s->object_size;
	s->inuse = max_t(unsigned int, s->inuse, ALIGN(want->size, sizeof(void *)));
	return s;
}

/* => slab_mutex held */
static struct kmem_cache *create_cache(const struct shape *want)
{
	struct kmem_cache *s = kmem_cache_zalloc(&boot_kmem_cache, GFP_KERNEL);

	if (!s)
		return NULL;
	s->name = want->name;
	s->object_size = want->size;
	s->align = want->align;
	s->ctor = want->ctor;
	s->refcount = 1;
	s->useroffset = want->useroffset;
	s->usersize = want->usersize;
	if (__kmem_cache_setup(s, want->flags)) {
		__kmem_cache_release(s);
		kmem_cache_free(&boot_kmem_cache, s);
		return NULL;
	}
	list_add_tail(&s->list, &slab_caches);
	slab_generation++;
	return s;
}

static struct kmem_cache *create_or_merge(const struct shape *want, unsigned long caller)
{
	struct kmem_cache *s = NULL;

	if (!want->name || !want->size || want->size > 8 * PAGE_SIZE || want->align > PAGE_SIZE ||
	    (want->align && !is_power_of_2(want->align)) || want->useroffset > want->size ||
	    want->usersize > want->size - want->useroffset) {
		WARN_ONCE(1, "kmem_cache_create(%s): size %u, align %u from %pS make no sense\n",
			  want->name, want->size, want->align, (void *)caller);
	} else {
		guard(mutex)(&slab_mutex);
		s = merge_cache(want);
		if (!s)
			s = create_cache(want);
	}
	if (!s && (want->flags & SLAB_PANIC))
		panic("kmem_cache_create(%s): failed", want->name);
	return s;
}

struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size,
					      unsigned int align, unsigned long flags,
					      unsigned int useroffset, unsigned int usersize,
					      void (*ctor)(void *))
{
	const struct shape want = { name, size, align, useroffset, usersize, flags, ctor };

	return create_or_merge(&want, _RET_IP_);
}

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     unsigned long flags, void (*ctor)(void *))
{
	const struct shape want = { name, size, align, 0, size, flags, ctor };

	return create_or_merge(&want, _RET_IP_);
}

void kmem_cache_destroy(struct kmem_cache *s)
{
	if (!s || WARN_ON_ONCE(s->refcount < 0))
		return;
	mutex_lock(&slab_mutex);
	if (--s->refcount) {
		mutex_unlock(&slab_mutex);
		return;
	}
	if (__kmem_cache_shutdown(s)) {
		pr_err("kmem_cache_destroy %s: Slab cache still has objects when called from %pS\n",
		       s->name, __builtin_return_address(0));
		s->refcount = 1;
		mutex_unlock(&slab_mutex);
		return;
	}
	kfence_shutdown_cache(s);
	list_del(&s->list);
	slab_generation++;
	forget_aliases(s);
	mutex_unlock(&slab_mutex);
	/* Slabs that wait for a grace period do not look at the cache any more: it may go now. */
	__kmem_cache_release(s);
	kmem_cache_free(&boot_kmem_cache, s);
}

unsigned int kmem_cache_size(struct kmem_cache *s)
{
	return s->object_size;
}

const char *kmem_cache_name(struct kmem_cache *s)
{
	return s->name;
}

int kmem_cache_for_each(int (*fn)(struct kmem_cache *s, const struct slabinfo *info, void *arg),
			void *arg)
{
	struct slabinfo info;
	struct kmem_cache *s;
	int ret = 0;

	mutex_lock(&slab_mutex);
	list_for_each_entry(s, &slab_caches, list) {
		get_slabinfo(s, &info);
		ret = fn(s, &info, arg);
		if (ret)
			break;
	}
	mutex_unlock(&slab_mutex);
	return ret;
}

/* ---- kmalloc ---- */

const u8 kmalloc_size_index[24] = { 3, 4, 5, 5, 6, 6, 6, 6, 1, 1, 1, 1,
				    7, 7, 7, 7, 2, 2, 2, 2, 2, 2, 2, 2 };

static void *kmalloc_large(size_t size, gfp_t gfp, int node, unsigned long caller)
{
	unsigned int order = order_base_2(DIV_ROUND_UP(size, PAGE_SIZE));
	struct page *page;

	if (unlikely(size > KMALLOC_MAX_SIZE)) {
		if (!(gfp & __GFP_NOWARN))
			WARN_ONCE(1, "kmalloc(%zu) from %pS is more than an allocation may have\n",
				  size, (void *)caller);
		return NULL;
	}
	gfp |= __GFP_COMP;
	page = node == NUMA_NO_NODE ? alloc_pages(gfp, order) : alloc_pages_node(node, gfp, order);
	if (unlikely(!page))
		return NULL;
	page_slab(page)->slab_cache = KMALLOC_LARGE_COOKIE;
	mod_node_page_state(page_pgdat(page), NR_SLAB_UNRECLAIMABLE, 1L << order);
	trace_kmalloc(caller, page_address(page), size, PAGE_SIZE << order, gfp, node);
	kasan_kmalloc_large(page_address(page), size);
	kmemleak_alloc(page_address(page), size, 1, gfp);
	return page_address(page);
}

void *__kmalloc_large(size_t size, gfp_t gfp)
{
	return kmalloc_large(size, gfp, NUMA_NO_NODE, _RET_IP_);
}

void *__kmalloc_pages(size_t size, gfp_t gfp, int node, unsigned long caller)
{
	return size ? kmalloc_large(size, gfp, node, caller) : ZERO_SIZE_PTR;
}

void __kfree_large(struct slab *slab, void *p, unsigned long caller)
{
	struct page *page = slab_page(slab);
	unsigned int order;

	if (kasan_kfree_large(p, caller))
		return;
	if (unlikely(slab->slab_cache != KMALLOC_LARGE_COOKIE || page_address(page) != p)) {
		if (kfence_free(p)) /* of a cache that is gone */
			return;
		slab_report(NULL, slab, p, "kfree of an address that kmalloc did not return");
		return;
	}
	order = compound_order(page);
	slab->slab_cache = NULL;
	mod_node_page_state(page_pgdat(page), NR_SLAB_UNRECLAIMABLE, -(1L << order));
	__free_pages(page, order);
}

static size_t __ksize(const void *p)
{
	struct slab *slab;

	if (is_kfence_address(p))
		return kfence_ksize(p);
	slab = virt_to_slab_head(p);
	if (PageSlab(slab_page(slab)))
		return slab->slab_cache->object_size;
	if (WARN_ON_ONCE(slab->slab_cache != KMALLOC_LARGE_COOKIE))
		return 0;
	return PAGE_SIZE << compound_order(slab_page(slab));
}

size_t ksize(const void *p)
{
	size_t size;

	if (ZERO_OR_NULL_PTR(p) || !kasan_check_byte(p, _RET_IP_))
		return 0;
	size = __ksize(p);
	if (!is_kfence_address(p))
		kasan_unpoison_range(p, size); /* the caller means to use it */
	return size;
}

size_t kmalloc_size_roundup(size_t size)
{
	if (!size)
		return 0;
	if (size <= KMALLOC_MAX_CACHE_SIZE)
		return kmalloc_slab(size)->object_size;
	return size <= KMALLOC_MAX_SIZE ? PAGE_SIZE << order_base_2(DIV_ROUND_UP(size, PAGE_SIZE))
					: size;
}

static void *do_krealloc(const void *p, size_t new_size, gfp_t gfp, unsigned long caller)
{
	size_t have;
	void *new;

	if (!ZERO_OR_NULL_PTR(p) && !kasan_check_byte(p, caller))
		return NULL;
	have = ZERO_OR_NULL_PTR(p) ? 0 : __ksize(p);
	if (!new_size) {
		kfree(p);
		return ZERO_SIZE_PTR;
	}
	if (have >= new_size) {
		kasan_krealloc(p, new_size);
		return (void *)p;
	}
	new = __kmalloc_node_track_caller(new_size, gfp, NUMA_NO_NODE, caller);
	if (new &&have) {
		memcpy(new, p, have);
		kfree(p);
	}
	return new;
}

void *krealloc(const void *p, size_t new_size, gfp_t gfp)
{
	return do_krealloc(p, new_size, gfp, _RET_IP_);
}

void *krealloc_array(void *p, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return do_krealloc(p, bytes, gfp, _RET_IP_);
}

void kfree_sensitive(const void *p)
{
	if (ZERO_OR_NULL_PTR(p))
		return;
	memset((void *)p, 0, ksize(p));
	barrier();
	kfree(p);
}

/* The grace period is over: head lies somewhere inside the object. */
void kfree_rcu_callback(struct rcu_head *head)
{
	struct slab *slab = virt_to_slab_head(head);
	char *base = slab_address(slab);
	struct kmem_cache *s = slab->slab_cache;

	if (!PageSlab(slab_page(slab))) {
		kfree(base);
		return;
	}
	if (is_kfence_address(head)) {
		kmem_cache_free(s, kfence_object_start(head));
		return;
	}
	kmem_cache_free(s, nth_object(s, slab, obj_to_index(s, slab, head)));
}

/* ---- copies and strings ---- */

static void *dup_bytes(const void *src, size_t len, size_t zeroes, gfp_t gfp, unsigned long caller)
{
	char *p = src ? __kmalloc_node_track_caller(len + zeroes, gfp, NUMA_NO_NODE, caller) : NULL;

	if (ZERO_OR_NULL_PTR(p))
		return p;
	memcpy(p, src, len);
	memset(p + len, 0, zeroes);
	return p;
}

void *kmemdup(const void *src, size_t len, gfp_t gfp)
{
	return dup_bytes(src, len, 0, gfp, _RET_IP_);
}

char *kmemdup_nul(const char *s, size_t len, gfp_t gfp)
{
	return dup_bytes(s, len, 1, gfp, _RET_IP_);
}

char *kstrdup(const char *s, gfp_t gfp)
{
	return s ? dup_bytes(s, strlen(s) + 1, 0, gfp, _RET_IP_) : NULL;
}

char *kstrndup(const char *s, size_t max, gfp_t gfp)
{
	return s ? dup_bytes(s, strnlen(s, max), 1, gfp, _RET_IP_) : NULL;
}

extern const char __start_rodata[], __end_rodata[];

const char *kstrdup_const(const char *s, gfp_t gfp)
{
	return s >= __start_rodata && s < __end_rodata ? s : kstrdup(s, gfp);
}

void kfree_const(const void *p)
{
	const char *s = p;

	if (s < __start_rodata || s >= __end_rodata)
		kfree(p);
}

char *kvasprintf(gfp_t gfp, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	p = kmalloc_track_caller(len + 1, gfp);
	if (p)
		vsnprintf(p, len + 1, fmt, ap);
	return p;
}

char *kasprintf(gfp_t gfp, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = kvasprintf(gfp, fmt, ap);
	va_end(ap);
	return p;
}

/* ---- boot ---- */

static const struct {
	const char *name;
	unsigned int size;
} kmalloc_info[KMALLOC_NR_CLASSES] __initconst = {
	[1] = { "kmalloc-96", 96 },    [2] = { "kmalloc-192", 192 },  [3] = { "kmalloc-8", 8 },
	[4] = { "kmalloc-16", 16 },    [5] = { "kmalloc-32", 32 },    [6] = { "kmalloc-64", 64 },
	[7] = { "kmalloc-128", 128 },  [8] = { "kmalloc-256", 256 },  [9] = { "kmalloc-512", 512 },
	[10] = { "kmalloc-1k", 1024 }, [11] = { "kmalloc-2k", 2048 }, [12] = { "kmalloc-4k", 4096 },
	[13] = { "kmalloc-8k", 8192 },
};

static void *resource_from_slab(size_t size)
{
	return kzalloc(size, GFP_KERNEL);
}

void __init kmem_cache_init(void)
{
	slub_words_init();
	slub_boot();
	list_add_tail(&boot_kmem_cache.list, &slab_caches);
	list_add_tail(&boot_kmem_cache_node.list, &slab_caches);
	for (int i = 1; i < KMALLOC_NR_CLASSES; i++) {
		unsigned int size = kmalloc_info[i].size;
		unsigned int align = is_power_of_2(size) ? min_t(unsigned int, size, PAGE_SIZE) : 8;

		kmalloc_caches[i] =
			kmem_cache_create(kmalloc_info[i].name, size, align, SLAB_PANIC, NULL);
	}
	slab_up = true;
	resource_alloc_hook = resource_from_slab;
	kmemleak_init();
	pr_info("SLUB: HWalign=%d, Order=%u-%u, MinObjects=%u, CPUs=%u, Nodes=%u\n", L1_CACHE_BYTES,
		slub_min_order, slub_max_order, slub_min_objects, num_possible_cpus(),
		num_online_nodes());
}
