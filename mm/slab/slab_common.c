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
 *
 * Locks: slab_mutex is outermost here. Mirrors Linux mm/slab_common.c and mm/util.c.
 * Exercised by the slab suite.
 */
#include "mm/slab/slab_internal.h"

#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/boot/resource.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

LIST_HEAD(slab_caches);
DEFINE_MUTEX(slab_mutex);
bool slab_up;

struct kmem_cache boot_kmem_cache = {
	.name = "kmem_cache",
	.align = 8,
	.refcount = 1,
};
struct kmem_cache boot_kmem_cache_node = {
	.name = "kmem_cache_node",
	.object_size = sizeof(struct kmem_cache_node),
	.align = 8,
	.refcount = 1,
};

struct kmem_cache *kmalloc_caches[KMALLOC_NR_CLASSES];

bool slab_is_available(void)
{
	return slab_up;
}

/* ---- caches ---- */

static struct kmem_cache *create_cache(const char *name, unsigned int size, unsigned int align,
				       unsigned long flags, void (*ctor)(void *))
{
	struct kmem_cache *s = kmem_cache_zalloc(&boot_kmem_cache, GFP_KERNEL);

	if (!s)
		return NULL;
	s->name = name;
	s->object_size = size;
	s->align = align;
	s->ctor = ctor;
	s->refcount = 1;
	s->usersize = size;
	if (__kmem_cache_setup(s, flags)) {
		__kmem_cache_release(s);
		kmem_cache_free(&boot_kmem_cache, s);
		return NULL;
	}
	mutex_lock(&slab_mutex);
	list_add_tail(&s->list, &slab_caches);
	mutex_unlock(&slab_mutex);
	return s;
}

struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size,
					      unsigned int align, unsigned long flags,
					      unsigned int useroffset, unsigned int usersize,
					      void (*ctor)(void *))
{
	struct kmem_cache *s = NULL;

	if (!name || !size || size > 8 * PAGE_SIZE || align > PAGE_SIZE ||
	    (align && !is_power_of_2(align)) || useroffset > size || usersize > size - useroffset) {
		WARN_ONCE(1, "kmem_cache_create(%s): size %u, align %u from %pS make no sense\n",
			  name, size, align, __builtin_return_address(0));
	} else {
		s = create_cache(name, size, align, flags, ctor);
		if (s) {
			s->useroffset = useroffset;
			s->usersize = usersize;
		}
	}
	if (!s && (flags & SLAB_PANIC))
		panic("kmem_cache_create(%s): failed", name);
	return s;
}

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     unsigned long flags, void (*ctor)(void *))
{
	return kmem_cache_create_usercopy(name, size, align, flags, 0, size, ctor);
}

void kmem_cache_destroy(struct kmem_cache *s)
{
	struct slabinfo info;

	if (!s)
		return;
	mutex_lock(&slab_mutex);
	if (--s->refcount) {
		mutex_unlock(&slab_mutex);
		return;
	}
	list_del(&s->list);
	if (__kmem_cache_shutdown(s)) {
		get_slabinfo(s, &info);
		pr_err("kmem_cache_destroy %s: %lu objects are still in use; called from %pS\n",
		       s->name, info.active_objs, __builtin_return_address(0));
		s->refcount = 1;
		list_add_tail(&s->list, &slab_caches);
		mutex_unlock(&slab_mutex);
		return;
	}
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

/* Class of (size - 1) / 8 for sizes up to 192. */
static const u8 size_index[24] = { 3, 4, 5, 5, 6, 6, 6, 6, 1, 1, 1, 1,
				   7, 7, 7, 7, 2, 2, 2, 2, 2, 2, 2, 2 };

/* => 1 <= size <= KMALLOC_MAX_CACHE_SIZE */
static __always_inline struct kmem_cache *kmalloc_slab(size_t size)
{
	unsigned int index = size <= 192 ? size_index[(size - 1) / 8]
					 : 64 - __builtin_clzl(size - 1);

	return kmalloc_caches[index];
}

void *__kmalloc_large(size_t size, gfp_t gfp)
{
	unsigned int order = order_base_2(DIV_ROUND_UP(size, PAGE_SIZE));
	struct page *page;

	if (unlikely(size > KMALLOC_MAX_SIZE)) {
		if (!(gfp & __GFP_NOWARN))
			WARN_ONCE(1, "kmalloc(%zu) from %pS is more than an allocation may have\n",
				  size, __builtin_return_address(0));
		return NULL;
	}
	page = alloc_pages(gfp | __GFP_COMP, order);
	if (unlikely(!page))
		return NULL;
	page_slab(page)->slab_cache = KMALLOC_LARGE_COOKIE;
	mod_node_page_state(page_pgdat(page), NR_SLAB_UNRECLAIMABLE, 1L << order);
	return page_address(page);
}

void *__kmalloc(size_t size, gfp_t gfp)
{
	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE_SIZE || (gfp & __GFP_DMA)))
		return size ? __kmalloc_large(size, gfp) : ZERO_SIZE_PTR;
	return kmem_cache_alloc(kmalloc_slab(size), gfp);
}

void *__kmalloc_node(size_t size, gfp_t gfp, int node)
{
	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE_SIZE || (gfp & __GFP_DMA)))
		return size ? __kmalloc_large(size, gfp) : ZERO_SIZE_PTR;
	return kmem_cache_alloc_node(kmalloc_slab(size), gfp, node);
}

size_t ksize(const void *p)
{
	struct slab *slab;

	if (ZERO_OR_NULL_PTR(p))
		return 0;
	slab = virt_to_slab_head(p);
	if (PageSlab(slab_page(slab)))
		return slab->slab_cache->object_size;
	if (WARN_ON_ONCE(slab->slab_cache != KMALLOC_LARGE_COOKIE))
		return 0;
	return PAGE_SIZE << compound_order(slab_page(slab));
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

void *krealloc(const void *p, size_t new_size, gfp_t gfp)
{
	size_t have = ksize(p);
	void *new;

	if (!new_size) {
		kfree(p);
		return ZERO_SIZE_PTR;
	}
	if (have >= new_size)
		return (void *)p;
	new = __kmalloc(new_size, gfp);
	if (new &&have) {
		memcpy(new, p, have);
		kfree(p);
	}
	return new;
}

void *krealloc_array(void *p, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return krealloc(p, bytes, gfp);
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
	kmem_cache_free(s, base + (size_t)obj_to_index(s, slab, head) * s->size);
}

/* ---- copies and strings ---- */

void *kmemdup(const void *src, size_t len, gfp_t gfp)
{
	void *p = src ? __kmalloc(len, gfp) : NULL;

	return p && len ? memcpy(p, src, len) : p;
}

char *kmemdup_nul(const char *s, size_t len, gfp_t gfp)
{
	char *p = s ? __kmalloc(len + 1, gfp) : NULL;

	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

char *kstrdup(const char *s, gfp_t gfp)
{
	return s ? kmemdup(s, strlen(s) + 1, gfp) : NULL;
}

char *kstrndup(const char *s, size_t max, gfp_t gfp)
{
	return s ? kmemdup_nul(s, strnlen(s, max), gfp) : NULL;
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
	p = __kmalloc(len + 1, gfp);
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
	pr_info("SLUB: HWalign=%d, Order=0-%u, MinObjects=%u, CPUs=%u, Nodes=%u\n", L1_CACHE_BYTES,
		totalram_pages() < (1UL << (30 - PAGE_SHIFT)) ? 1 : 3,
		totalram_pages() < (1UL << (30 - PAGE_SHIFT)) ? 4 : 16, num_possible_cpus(),
		num_online_nodes());
}
