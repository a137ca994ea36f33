/*
 * Ranges of kernel address space: who has which, where is room, when may addresses be used again.
 *
 * 1. Every address that this room gives out is in exactly one struct vmap_area, which is free (in
 *    the tree of free areas), busy (in the tree of busy areas) or waiting (on the purge list). Both
 *    trees are sorted by address.
 * 2. The free tree is augmented: each node knows the largest free area in its subtree, so the
 *    lowest area that is large enough is found by one descent that turns away from subtrees without
 *    room.
 * 3. Taking from a free area usually cuts its left edge: one number changes, and the maxima on the
 *    way to the root. No node enters or leaves the free tree.
 * 4. An area that was unmapped may still be in the TLB of some CPU. Asking all CPUs costs an
 *    interrupt each, so it waits on the purge list until lazy_max_pages() have gathered there, or
 *    addresses run out. Then one flush covers them all, and they join the free tree, where
 *    neighbours merge.
 * 5. The pages behind an area are freed at once, before the flush. That is safe as long as nobody
 *    uses a pointer into an area that he has freed.
 *
 * Lock: vmap_area_lock, a plain spinlock, taken in process context only; purge_lock (a mutex) is
 * outside it and makes sure that no two CPUs purge at once. Complexity: O(log areas).
 *
 * Mirrors the lower half of Linux mm/vmalloc.c. Exercised by the vmalloc suite.
 */
#include "mm/kva/kva_internal.h"

#include "arch/x86/tlb.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/mutex.h"
#include "kernel/smp.h"
#include "lib/bitmap.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/debug/kasan.h"
#include "mm/debug/kmemleak.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

static DEFINE_SPINLOCK(vmap_area_lock);
static DEFINE_MUTEX(purge_lock);
static struct rb_root free_root = RB_ROOT; /* V */
static struct rb_root busy_root = RB_ROOT; /* V */
static struct vmap_area *purge_list;	   /* V */
static unsigned long purge_pages;	   /* V pages of address space on it */
static unsigned long lazy_limit;	   /* - what the RAM allows of lazy_max_pages() */
static struct kmem_cache *vmap_area_cache; /* - */

#define to_va(node) rb_entry(node, struct vmap_area, rb)

static __always_inline unsigned long va_size(const struct vmap_area *va)
{
	return va->va_end - va->va_start;
}

static __always_inline unsigned long subtree_max(const struct rb_node *node)
{
	return node ? to_va(node)->subtree_max : 0;
}

RB_DECLARE_CALLBACKS_MAX(static, free_augment, struct vmap_area, rb, unsigned long, subtree_max,
			 va_size);

/* ---- the free tree; V held ---- */

/* After the size of an area changed: the maxima above it, as far as they change. */
static void update_maxima(struct vmap_area *va)
{
	struct rb_node *node = &va->rb;

	while (node) {
		struct vmap_area *v = to_va(node);
		unsigned long m = max(va_size(v),
				      max(subtree_max(node->rb_left), subtree_max(node->rb_right)));

		if (v->subtree_max == m && v != va)
			break;
		v->subtree_max = m;
		node = rb_parent(node);
	}
}

static void insert_free(struct vmap_area *va)
{
	struct rb_node **link = &free_root.rb_node, *parent = NULL;
	unsigned long size = va_size(va);

	while (*link) {
		struct vmap_area *v = to_va(*link);

		parent = *link;
		v->subtree_max = max(v->subtree_max, size);
		link = va->va_start < v->va_start ? &parent->rb_left : &parent->rb_right;
	}
	va->subtree_max = size;
	rb_link_node(&va->rb, parent, link);
	rb_insert_augmented(&va->rb, &free_root, &free_augment);
}

static void erase_free(struct vmap_area *va)
{
	rb_erase_augmented(&va->rb, &free_root, &free_augment);
}

/* Free neighbours of [start, end): those that touch it. */
static void find_free_neighbours(unsigned long start, unsigned long end, struct vmap_area **below,
				 struct vmap_area **above)
{
	struct rb_node *node = free_root.rb_node;

	*below = *above = NULL;
	while (node) {
		struct vmap_area *v = to_va(node);

		if (v->va_end <= start) {
			if (v->va_end == start)
				*below = v;
			node = node->rb_right;
		} else {
			if (v->va_start == end)
				*above = v;
			node = node->rb_left;
		}
	}
}

/*
 * Gives the range of va back; va is used as the node, or freed when a neighbour takes the range in.
 */
static void merge_free(struct vmap_area *va)
{
	struct vmap_area *below, *above;

	find_free_neighbours(va->va_start, va->va_end, &below, &above);
	if (below && above) {
		erase_free(above);
		below->va_end = above->va_end;
		update_maxima(below);
		kmem_cache_free(vmap_area_cache, above);
		kmem_cache_free(vmap_area_cache, va);
	} else if (below) {
		below->va_end = va->va_end;
		update_maxima(below);
		kmem_cache_free(vmap_area_cache, va);
	} else if (above) {
		above->va_start = va->va_start;
		update_maxima(above);
		kmem_cache_free(vmap_area_cache, va);
	} else {
		insert_free(va);
	}
}

/* First address in the area, not below vstart, where size fits; 0 if none. */
static unsigned long fit_in(const struct vmap_area *va, unsigned long size, unsigned long align,
			    unsigned long vstart, unsigned long vend)
{
	unsigned long addr = ALIGN(max(va->va_start, vstart), align);

	return addr >= va->va_start && addr < va->va_end && va->va_end - addr >= size &&
			       addr < vend && vend - addr >= size
		       ? addr
		       : 0;
}

/*
 * Lowest free area below node that can hold it; *addr is where. Recursion is as deep as the tree is
 * high.
 */
static struct vmap_area *first_fit(struct rb_node *node, unsigned long size, unsigned long align,
				   unsigned long vstart, unsigned long vend, unsigned long *addr)
{
	while (subtree_max(node) >= size) {
		struct vmap_area *va = to_va(node);

		if (va->va_start > vstart && subtree_max(node->rb_left) >= size) {
			struct vmap_area *left =
				first_fit(node->rb_left, size, align, vstart, vend, addr);

			if (left)
				return left;
		}
		*addr = fit_in(va, size, align, vstart, vend);
		if (*addr)
			return va;
		if (va->va_start >= vend)
			return NULL;
		node = node->rb_right;
	}
	return NULL;
}

/*
 * Cuts [addr, addr + size) out of a free area. spare becomes the upper rest when the cut is in the
 * middle (then NULL is returned); if the area is used up whole, its struct comes back as the spare.
 */
static struct vmap_area *cut_free(struct vmap_area *va, unsigned long addr, unsigned long size,
				  struct vmap_area *spare)
{
	unsigned long end = addr + size;

	if (va->va_start == addr && va->va_end == end) {
		erase_free(va);
		kmem_cache_free(vmap_area_cache, va);
		return spare;
	}
	if (va->va_start == addr) {
		va->va_start = end;
	} else if (va->va_end == end) {
		va->va_end = addr;
	} else {
		spare->va_start = end;
		spare->va_end = va->va_end;
		va->va_end = addr;
		update_maxima(va);
		insert_free(spare);
		return NULL;
	}
	update_maxima(va);
	return spare;
}

/* ---- the busy tree; V held ---- */

static void insert_busy(struct vmap_area *va)
{
	struct rb_node **link = &busy_root.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = va->va_start < to_va(parent)->va_start ? &parent->rb_left
							      : &parent->rb_right;
	}
	rb_link_node(&va->rb, parent, link);
	rb_insert_color(&va->rb, &busy_root);
}

static struct vmap_area *lookup_busy(unsigned long addr)
{
	struct rb_node *node = busy_root.rb_node;

	while (node) {
		struct vmap_area *va = to_va(node);

		if (addr < va->va_start)
			node = node->rb_left;
		else if (addr >= va->va_end)
			node = node->rb_right;
		else
			return va;
	}
	return NULL;
}

long vread(char *buf, const char *addr, unsigned long count)
{
	unsigned long a = (unsigned long)addr, end = a + count, n;
	long seen = 0;

	if (end < a)
		return 0;
	for (; a < end; a += n, buf += n) {
		struct vmap_area *va;
		bool ok;

		n = min(end - a, PAGE_SIZE - (a & ~PAGE_MASK));
		/* While the area is in the tree its owner cannot take the page away. */
		spin_lock(&vmap_area_lock);
		va = lookup_busy(a);
		ok = va && !(va->vm.flags & (VM_IOREMAP | VM_UNINITIALIZED)) &&
		     !copy_from_kernel_nofault(buf, (void *)a, n);
		spin_unlock(&vmap_area_lock);
		if (ok)
			seen += n;
		else
			memset(buf, 0, n);
	}
	return seen;
}

/* ---- purge ---- */

/*
 * One flush for everything on the purge list, then the addresses are free. False if there was
 * nothing.
 */
static bool purge_vmap_areas(void)
{
	struct vmap_area *list, *va;
	unsigned long start = ~0UL, end = 0;
	struct page *shadow = NULL;

	mutex_lock(&purge_lock);
	spin_lock(&vmap_area_lock);
	list = purge_list;
	purge_list = NULL;
	purge_pages = 0;
	spin_unlock(&vmap_area_lock);
	if (!list) {
		mutex_unlock(&purge_lock);
		return false;
	}
	for (va = list; va; va = va->purge_next) {
		start = min(start, va->va_start);
		end = max(end, va->va_end);
	}
	for (va = list; IS_KASAN && va; va = va->purge_next)
		shadow = kasan_unmap_vmalloc_shadow(va->va_start, va->va_end, shadow);
	flush_tlb_kernel_range(start, end);
	kasan_free_vmalloc_shadow(start, end, shadow);
	spin_lock(&vmap_area_lock);
	while (list) {
		va = list;
		list = va->purge_next;
		merge_free(va);
	}
	spin_unlock(&vmap_area_lock);
	mutex_unlock(&purge_lock);
	return true;
}

unsigned long lazy_max_pages(void)
{
	return min(fls(num_online_cpus()) * ((32UL << 20) >> PAGE_SHIFT), lazy_limit);
}

void vm_unmap_aliases(void)
{
	purge_vmap_areas();
}

void free_vmap_area_lazy(struct vmap_area *va)
{
	bool purge;

	spin_lock(&vmap_area_lock);
	va->purge_next = purge_list;
	purge_list = va;
	purge_pages += va_size(va) >> PAGE_SHIFT;
	purge = purge_pages > lazy_max_pages();
	spin_unlock(&vmap_area_lock);
	if (unlikely(purge))
		purge_vmap_areas();
}

void free_vmap_area_now(struct vmap_area *va)
{
	spin_lock(&vmap_area_lock);
	merge_free(va);
	spin_unlock(&vmap_area_lock);
}

/* ---- taking ---- */

static __always_inline struct vmap_area *take_vmap_area(unsigned long size, unsigned long align,
							unsigned long vstart, unsigned long vend)
{
	struct vmap_area *va, *spare = NULL, *from;
	unsigned long addr;
	bool purged = false;

	va = kmem_cache_alloc(vmap_area_cache, GFP_KERNEL);
	if (unlikely(!va))
		return ERR_PTR(-ENOMEM);
	/* Its addresses would keep this area and the next one from ever being leaks. */
	kmemleak_scan_area(&va->rb, offsetof(struct vmap_area, vm) - offsetof(struct vmap_area, rb),
			   GFP_KERNEL);
	kmemleak_scan_area(&va->vm.pages, sizeof(va->vm.pages), GFP_KERNEL);
retry:
	spin_lock(&vmap_area_lock);
	from = first_fit(free_root.rb_node, size, align, vstart, vend, &addr);
	if (unlikely(!from)) {
		spin_unlock(&vmap_area_lock);
		if (!purged && purge_vmap_areas()) {
			purged = true;
			goto retry;
		}
		kmem_cache_free(vmap_area_cache, va);
		kmem_cache_free(vmap_area_cache, spare);
		return ERR_PTR(-EBUSY);
	}
	/* A cut in the middle needs one more struct: get it without the lock, and look again. */
	if (unlikely(from->va_start != addr && from->va_end != addr + size && !spare)) {
		spin_unlock(&vmap_area_lock);
		spare = kmem_cache_alloc(vmap_area_cache, GFP_KERNEL);
		if (!spare) {
			kmem_cache_free(vmap_area_cache, va);
			return ERR_PTR(-ENOMEM);
		}
		goto retry;
	}
	spare = cut_free(from, addr, size, spare);
	va->va_start = addr;
	va->va_end = addr + size;
	va->vm.flags = VM_UNINITIALIZED;
	insert_busy(va);
	spin_unlock(&vmap_area_lock);
	if (unlikely(spare))
		kmem_cache_free(vmap_area_cache, spare);
	return va;
}

/* A KASAN kernel: whole pages of shadow for each area, unless exactly these addresses are wanted. */
static noinline struct vmap_area *take_with_shadow(unsigned long size, unsigned long align,
						   unsigned long vstart, unsigned long vend)
{
	struct vmap_area *va;

	if (vstart < VMALLOC_USED_END && size != vend - vstart) {
		size = ALIGN(size, KASAN_VMALLOC_GRAIN);
		align = max(align, KASAN_VMALLOC_GRAIN);
	}
	va = take_vmap_area(size, align, vstart, vend);
	if (IS_ERR(va) || !kasan_populate_vmalloc(va->va_start, va->va_end))
		return va;
	free_vmap_area_now(find_unlink_vmap_area(va->va_start));
	return ERR_PTR(-ENOMEM);
}

struct vmap_area *alloc_vmap_area(unsigned long size, unsigned long align, unsigned long vstart,
				  unsigned long vend)
{
	if (IS_KASAN)
		return take_with_shadow(size, align, vstart, vend);
	return take_vmap_area(size, align, vstart, vend);
}

struct vmap_area *alloc_vmap_area_at(unsigned long start, unsigned long size)
{
	return alloc_vmap_area(size, PAGE_SIZE, start, start + size);
}

bool vmap_range_busy(unsigned long start, unsigned long end, unsigned long *retry_end)
{
	struct rb_node *node;
	bool busy = true;

	spin_lock(&vmap_area_lock);
	*retry_end = 0;
	node = free_root.rb_node;
	while (node) {
		struct vmap_area *va = to_va(node);

		if (va->va_start <= start && end <= va->va_end) {
			busy = false;
			break;
		}
		if (va->va_start >= end) {
			node = node->rb_left;
		} else {
			/*
			 * A free area that begins below end: the highest of them is where to look
			 * next.
			 */
			*retry_end = max(*retry_end, min(va->va_end, end - PAGE_SIZE));
			node = node->rb_right;
		}
	}
	spin_unlock(&vmap_area_lock);
	return busy;
}

struct vmap_area *find_vmap_area(unsigned long addr)
{
	struct vmap_area *va;

	spin_lock(&vmap_area_lock);
	va = lookup_busy(addr);
	spin_unlock(&vmap_area_lock);
	return va;
}

struct vm_struct *find_vm_area_nowait(const void *addr)
{
	struct vmap_area *va;

	if (!spin_trylock(&vmap_area_lock))
		return NULL;
	va = lookup_busy((unsigned long)addr);
	spin_unlock(&vmap_area_lock);
	return va ? &va->vm : NULL;
}

struct vmap_area *find_unlink_vmap_area(unsigned long addr)
{
	struct vmap_area *va;

	spin_lock(&vmap_area_lock);
	va = lookup_busy(addr);
	if (va && va->va_start == addr)
		rb_erase(&va->rb, &busy_root);
	else
		va = NULL;
	spin_unlock(&vmap_area_lock);
	return va;
}

int vmalloc_for_each(int (*fn)(const struct vm_struct *area, void *arg), void *arg)
{
	struct rb_node *node;
	int ret = 0;

	spin_lock(&vmap_area_lock);
	for (node = rb_first(&busy_root); node && !ret; node = rb_next(node))
		if (!(to_va(node)->vm.flags & VM_UNINITIALIZED))
			ret = fn(&to_va(node)->vm, arg);
	spin_unlock(&vmap_area_lock);
	return ret;
}

int vmap_for_each_unpurged(int (*fn)(unsigned long start, unsigned long end, void *arg), void *arg)
{
	int ret = 0;

	spin_lock(&vmap_area_lock);
	for (struct vmap_area *va = purge_list; va && !ret; va = va->purge_next)
		ret = fn(va->va_start, va->va_end, arg);
	spin_unlock(&vmap_area_lock);
	return ret;
}

/* ---- boot ---- */

static void __init add_free_range(unsigned long start, unsigned long end)
{
	struct vmap_area *va = kmem_cache_zalloc(vmap_area_cache, GFP_KERNEL);

	if (!va)
		panic("vmalloc: no memory for the first area");
	va->va_start = start;
	va->va_end = end;
	insert_free(va);
}

void __init vmap_area_init(void)
{
	vmap_area_cache = KMEM_CACHE(vmap_area, SLAB_PANIC);
	add_free_range(VMALLOC_START, VMALLOC_USED_END);
	add_free_range(EXECMEM_START, EXECMEM_END);
	/* Each waiting area has its struct: less patience on small machines. */
	lazy_limit = max(totalram_pages() / 16, 64UL);
}
