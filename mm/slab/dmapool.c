/*
 * dma_pool: blocks for a device, cut from coherent pages.
 *
 * 1. A page (or several, for large blocks) is cut into blocks when it is made. A block that would cross a
 *    multiple of boundary begins at that multiple instead. Free blocks are linked through their own first
 *    four bytes, by offsets, so the page's address in either view does not matter.
 * 2. in_use counts blocks handed out; a page goes back only with the pool, since a device's traffic comes
 *    in waves.
 * 3. Debug kernels fill blocks (0xa7 free, 0xa9 handed out) and look at the pattern on allocation: who
 *    wrote to a free block, CPU or device, is found by address. They also look for a block in the page's
 *    free list before it is put there.
 * 4. All pools of a device hang on the device, so that its driver's end can be checked.
 *
 * Locks: pool->lock (any context) for the pages and their lists; pools_lock, a mutex, for the devices'
 * lists. Complexity: allocation looks at pages in order until one has a free block, freeing looks for the
 * page of an address: both linear in the pool's pages. Mirrors Linux mm/dmapool.c. Exercised by the
 * dmapool suite (tests/kernel/dmapool.c).
 */
#include "mm/slab/dmapool.h"

#include "arch/x86/page.h"
#include "kernel/bug.h"
#include "kernel/mutex.h"
#include "kernel/printk.h"
#include "kernel/spinlock.h"
#include "mm/slab/slab.h"

#define POISON_FREED	 0xa7
#define POISON_ALLOCATED 0xa9
#define MIN_BLOCK	 4

/* Legend: - never changes; L lock. */
struct dma_pool {
	struct list_head page_list; /* L */
	spinlock_t lock;
	struct device *dev;	 /* - */
	unsigned int size;	 /* - of a block, a multiple of its alignment */
	unsigned int allocation; /* - bytes of a page of ours */
	unsigned int boundary;	 /* - */
	char name[32];		 /* - */
	struct list_head pools;	 /* dev->dma_pools: pools_lock */
};

struct dma_page {
	struct list_head page_list; /* L */
	void *vaddr;		    /* - */
	dma_addr_t dma;		    /* - */
	unsigned int in_use;	    /* L blocks handed out */
	unsigned int offset;	    /* L the first free block; allocation or more: none */
};

static DEFINE_MUTEX(pools_lock);

static u32 *link_of(const struct dma_page *page, unsigned int offset)
{
	return page->vaddr + offset;
}

/* ---- poison, in debug kernels ---- */

#ifdef CONFIG_DEBUG_VM
static void poison(const struct dma_pool *pool, void *block, u8 fill)
{
	memset(block, fill, pool->size);
}

/* The link took the first bytes: it is looked at where it is followed. */
static void check_poison(const struct dma_pool *pool, const struct dma_page *page,
			 unsigned int offset)
{
	u8 *block = page->vaddr + offset, *bad;

	bad = memchr_inv(block + sizeof(u32), POISON_FREED, pool->size - sizeof(u32));
	if (bad)
		pr_err("dma_pool %s: byte %lu of free block %px (dma %llx) became %02x\n",
		       pool->name, (unsigned long)(bad - block), block,
		       (unsigned long long)page->dma + offset, *bad);
}

static bool is_free_already(const struct dma_pool *pool, const struct dma_page *page,
			    unsigned int offset)
{
	for (unsigned int o = page->offset; o < pool->allocation; o = *link_of(page, o)) {
		if (o == offset)
			return true;
	}
	return false;
}
#else
static void poison(const struct dma_pool *pool, void *block, u8 fill)
{
}

static void check_poison(const struct dma_pool *pool, const struct dma_page *page,
			 unsigned int offset)
{
}

static bool is_free_already(const struct dma_pool *pool, const struct dma_page *page,
			    unsigned int offset)
{
	return false;
}
#endif

/* ---- pools ---- */

static bool arguments_ok(size_t size, size_t align, size_t boundary)
{
	if (!size || size > KMALLOC_MAX_SIZE || (align & (align - 1)) || align > KMALLOC_MAX_SIZE)
		return false;
	size = ALIGN(max_t(size_t, size, MIN_BLOCK), max_t(size_t, align, 1));
	return size <= KMALLOC_MAX_SIZE && !(boundary & (boundary - 1)) &&
	       (!boundary || boundary >= size);
}

struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size, size_t align,
				 size_t boundary)
{
	struct dma_pool *pool;

	if (WARN_ONCE(
		    !dev || !arguments_ok(size, align, boundary),
		    "dma_pool_create: %s: size %zu align %zu boundary %zu from %pS make no sense\n",
		    name, size, align, boundary, __builtin_return_address(0)))
		return NULL;
	pool = kzalloc_node(sizeof(*pool), GFP_KERNEL, dev->numa_node);
	if (!pool)
		return NULL;
	/* The link lies in the block and is four bytes wide. */
	align = max_t(size_t, align, MIN_BLOCK);
	pool->size = ALIGN(size, align);
	pool->allocation = max_t(size_t, pool->size, PAGE_SIZE);
	pool->boundary = boundary ? min_t(size_t, boundary, pool->allocation) : pool->allocation;
	pool->dev = dev;
	strscpy(pool->name, name, sizeof(pool->name));
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->page_list);
	guard(mutex)(&pools_lock);
	list_add(&pool->pools, &dev->dma_pools);
	return pool;
}

void dma_pool_destroy(struct dma_pool *pool)
{
	struct dma_page *page, *next;

	if (!pool)
		return;
	scoped_guard(mutex, &pools_lock)
		list_del(&pool->pools);
	list_for_each_entry_safe(page, next, &pool->page_list, page_list) {
		if (page->in_use)
			pr_err("dma_pool_destroy %s: %u blocks of %px busy\n", pool->name,
			       page->in_use, page->vaddr);
		else
			dma_free_coherent(pool->dev, pool->allocation, page->vaddr, page->dma);
		kfree(page);
	}
	kfree(pool);
}

/* ---- pages ---- */

/* Links all blocks of a fresh page, in order of address. */
static void cut_page(const struct dma_pool *pool, struct dma_page *page)
{
	unsigned int offset = 0, next, limit = pool->boundary;

	while (offset + pool->size <= pool->allocation) {
		next = offset + pool->size;
		if (next + pool->size > limit) {
			next = limit;
			limit += pool->boundary;
		}
		/* What is left at the end is too short for another one. */
		if (next + pool->size > pool->allocation)
			next = pool->allocation;
		poison(pool, page->vaddr + offset, POISON_FREED);
		*link_of(page, offset) = next;
		offset = next;
	}
}

static struct dma_page *make_page(struct dma_pool *pool, gfp_t gfp)
{
	struct dma_page *page = kzalloc(sizeof(*page), gfp & ~(__GFP_DMA | __GFP_DMA32));

	if (!page)
		return NULL;
	page->vaddr = dma_alloc_coherent(pool->dev, pool->allocation, &page->dma, gfp);
	if (!page->vaddr) {
		kfree(page);
		return NULL;
	}
	cut_page(pool, page);
	return page;
}

/* A page with a free block, or NULL. => pool->lock held */
static struct dma_page *page_with_room(struct dma_pool *pool)
{
	struct dma_page *page;

	list_for_each_entry(page, &pool->page_list, page_list) {
		if (page->offset < pool->allocation)
			return page;
	}
	return NULL;
}

/* Takes the first free block of page. => pool->lock held */
static void *take_block(struct dma_pool *pool, struct dma_page *page, dma_addr_t *dma)
{
	unsigned int offset = page->offset;

	check_poison(pool, page, offset);
	page->offset = *link_of(page, offset);
	if (unlikely(page->offset > pool->allocation)) {
		pr_err("dma_pool %s: the link in free block %px was overwritten: %x\n", pool->name,
		       page->vaddr + offset, page->offset);
		page->offset = pool->allocation;
	}
	page->in_use++;
	*dma = page->dma + offset;
	return page->vaddr + offset;
}

void *dma_pool_alloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *dma)
{
	struct dma_page *page, *fresh = NULL;
	void *block = NULL;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	for (;;) {
		scoped_guard(spinlock_irqsave, &pool->lock) {
			if (fresh)
				list_add(&fresh->page_list, &pool->page_list);
			page = page_with_room(pool);
			if (page)
				block = take_block(pool, page, dma);
		}
		if (page)
			break;
		fresh = make_page(pool, gfp & ~__GFP_ZERO);
		if (!fresh)
			return NULL;
	}
	if (gfp & __GFP_ZERO)
		memset(block, 0, pool->size);
	else
		poison(pool, block, POISON_ALLOCATED);
	return block;
}

/* The page that holds the device's address, or NULL. => pool->lock held */
static struct dma_page *page_of(struct dma_pool *pool, dma_addr_t dma)
{
	struct dma_page *page;

	list_for_each_entry(page, &pool->page_list, page_list) {
		if (dma >= page->dma && dma - page->dma < pool->allocation)
			return page;
	}
	return NULL;
}

/* Does a block begin here? Blocks lie in rows between boundaries. */
static bool is_block(const struct dma_pool *pool, unsigned int offset)
{
	return offset + pool->size <= pool->allocation &&
	       (offset % pool->boundary) % pool->size == 0 &&
	       (offset % pool->boundary) + pool->size <= pool->boundary;
}

void dma_pool_free(struct dma_pool *pool, void *vaddr, dma_addr_t dma)
{
	const char *fault = NULL;
	struct dma_page *page;
	unsigned int offset;

	scoped_guard(spinlock_irqsave, &pool->lock) {
		page = page_of(pool, dma);
		offset = page ? dma - page->dma : 0;
		if (!page)
			fault = "bad dma address";
		else if (page->vaddr + offset != vaddr || !is_block(pool, offset))
			fault = "bad address";
		else if (!page->in_use || is_free_already(pool, page, offset))
			fault = "is free already";
		if (!fault) {
			poison(pool, vaddr, POISON_FREED);
			*link_of(page, offset) = page->offset;
			page->offset = offset;
			page->in_use--;
		}
	}
	if (fault)
		pr_err("dma_pool_free %s: %px (dma %llx): %s\n", pool->name, vaddr,
		       (unsigned long long)dma, fault);
}
