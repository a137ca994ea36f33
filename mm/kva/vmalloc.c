/*
 * vmalloc, vmap, vfree: pages from anywhere, in a row of kernel addresses.
 *
 * 1. vmalloc is three steps: pages from the buddy allocator, a range of addresses (vmap_area.c), and
 *    entries in the kernel's tables (vmap_pte.c). vfree is the same backwards, except that the
 *    addresses wait for a TLB flush. The pages come and go in bulk, but each has a reference of its
 *    own, so one of them may be mapped by a process beyond the area's life.
 * 2. Behind each area lies one page that is never mapped, the guard: an access past the end faults.
 *    It also guards the area that follows against an underrun.
 * 3. The list of pages (vm->pages) is the only record of what is mapped; it comes from kmalloc, for
 *    more than two pages of pointers from vmalloc itself.
 * 4. Who allows it (VM_ALLOW_HUGE_VMAP) gets 2 MiB blocks, aligned and mapped by one entry each: a
 *    five-hundredth of the TLB entries. The rest below 2 MiB, and everything when there are no such
 *    blocks, is single pages as ever. The block is split into 512 pages at once: only the entry
 *    knows that they belong together, and set_memory_*() can split that.
 * 5. Taking an area down may wait for other CPUs, so it needs a context that may sleep. vfree()
 *    from an interrupt puts the area on a list that the next caller in a good context empties, at
 *    the latest an RCU callback; the first bytes of the area itself are the link.
 * 6. set_memory_*() on an area changes the linear map's view of its pages too. Such an area is
 *    marked, and before its pages are freed that view is made as it was, and flushed.
 *
 * Locks: none here; vmap_area_lock below. Complexity: linear in pages, O(log areas) for the
 * addresses.
 *
 * Mirrors the upper half of Linux mm/vmalloc.c and kvmalloc from mm/util.c. Exercised by the
 * vmalloc suite.
 */
#include "mm/kva/kva_internal.h"

#include "arch/x86/irqflags.h"
#include "arch/x86/tlb.h"
#include "arch/x86/traps.h"
#include "kernel/bug.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/debug/kasan.h"
#include "mm/debug/kmemleak.h"
#include "mm/kva/set_memory.h"
#include "mm/phys/buddy.h"
#include "mm/phys/memalloc.h"
#include "mm/phys/pagewalk.h"
#include "mm/slab/slab.h"

static atomic_long_t nr_vmalloc_pages;
static bool vmalloc_up;

/* Areas that were freed where taking them down was impossible: a stack, pushed without a lock. */
static struct deferred {
	struct deferred *next;
	const void *addr; /* of the area; this lies in it, or is from kmalloc if it is read-only */
} * deferred_areas;
static bool drain_queued; /* the RCU callback that takes them down at the latest */

bool vmalloc_is_available(void)
{
	return vmalloc_up;
}

unsigned long vmalloc_nr_pages(void)
{
	return atomic_long_read(&nr_vmalloc_pages);
}

/* ---- areas ---- */

/* size without the guard page. NULL on failure. */
struct vm_struct *__get_vm_area_node(unsigned long size, unsigned long align,
				     unsigned long vm_flags, unsigned long start, unsigned long end,
				     const void *caller)
{
	unsigned long total = size + (vm_flags & VM_NO_GUARD ? 0 : PAGE_SIZE);
	struct vmap_area *va = alloc_vmap_area(total, align, start, end);
	struct vm_struct *vm;

	if (IS_ERR(va))
		return NULL;
	vm = &va->vm;
	vm->addr = (void *)va->va_start;
	vm->size = total;
	vm->pages = NULL;
	vm->nr_pages = vm->page_order = 0;
	vm->phys_addr = 0;
	vm->caller = caller;
	if (!(vm_flags & VM_ALLOC))
		kasan_unpoison_vmalloc(vm->addr, size);
	smp_store_release(&vm->flags, vm_flags);
	return vm;
}

struct vm_struct *get_vm_area_caller(unsigned long size, unsigned long flags, const void *caller)
{
	size = PAGE_ALIGN(size);
	if (!size || size >= PGDIR_SIZE)
		return NULL;
	return __get_vm_area_node(size, PAGE_SIZE, flags, VMALLOC_START, VMALLOC_USED_END, caller);
}

struct vm_struct *get_vm_area(unsigned long size, unsigned long flags)
{
	return get_vm_area_caller(size, flags, __builtin_return_address(0));
}

struct vm_struct *find_vm_area(const void *addr)
{
	struct vmap_area *va = find_vmap_area((unsigned long)addr);

	return va ? &va->vm : NULL;
}

static unsigned long vm_mapped_size(const struct vm_struct *vm)
{
	return vm->size - (vm->flags & VM_NO_GUARD ? 0 : PAGE_SIZE);
}

/*
 * Unmaps a busy area that begins at addr; NULL if there is none. The caller then frees its
 * addresses.
 */
static struct vmap_area *unmap_area(const void *addr)
{
	struct vmap_area *va = find_unlink_vmap_area((unsigned long)addr);

	if (va) {
		kasan_poison_vmalloc(addr, vm_mapped_size(&va->vm));
		vunmap_range_noflush(va->va_start, va->va_start + vm_mapped_size(&va->vm));
	}
	return va;
}

void free_vm_area(struct vm_struct *area)
{
	struct vmap_area *va = unmap_area(area->addr);

	if (!WARN_ON(!va))
		free_vmap_area_lazy(va);
}

/* ---- pages ---- */

static __always_inline void put_pages(struct page **pages, unsigned int nr)
{
	if (nr == 1)
		__free_page(pages[0]);
	else
		free_pages_bulk(pages, nr);
}

/*
 * nr pages into pages[], each with its own reference; the first ones in blocks of 2^order as long
 * as there are such. True if all were had, else none is kept.
 */
static bool get_pages(gfp_t gfp, int node, unsigned int nr, struct page **pages, unsigned int order)
{
	gfp_t how = (gfp | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL;
	unsigned int i = 0, got;

	while (order && nr - i >= 1U << order) {
		struct page *page = alloc_pages_node(node, how, order);

		if (!page)
			break;
		split_page(page, order);
		for (unsigned int k = 0; k < 1U << order; k++)
			pages[i++] = page + k;
	}
	if (nr - i == 1) {
		pages[i] = alloc_pages_node(node, gfp, 0);
		if (likely(pages[i]))
			return true;
	} else {
		memset(pages + i, 0, (nr - i) * sizeof(*pages));
		got = __alloc_pages_bulk(gfp, node, NULL, nr - i, NULL, pages + i);
		if (likely(got == nr - i))
			return true;
		i += got;
	}
	if (i)
		put_pages(pages, i);
	return false;
}

static struct page **alloc_page_array(unsigned int nr, int node)
{
	size_t bytes = (size_t)nr * sizeof(struct page *);

	if (bytes <= 2 * PAGE_SIZE)
		return kmalloc_node(bytes, GFP_KERNEL, node);
	return __vmalloc_node_range(bytes, PAGE_SIZE, VMALLOC_START, VMALLOC_USED_END, GFP_KERNEL,
				    PAGE_KERNEL, 0, node, __builtin_return_address(0));
}

static void drain_deferred(void);

/* The area for a mapping; one that can use large entries is aligned to them, if there is room. */
static struct vm_struct *get_vmalloc_area(unsigned long size, unsigned long align,
					  unsigned long start, unsigned long end,
					  unsigned long vm_flags, unsigned int order,
					  const void *caller)
{
	struct vm_struct *vm = NULL;

	if (order)
		vm = __get_vm_area_node(size, max(align, PMD_SIZE), vm_flags,
					start == VMALLOC_START ? VMALLOC_HUGE_START : start, end,
					caller);
	if (!vm)
		vm = __get_vm_area_node(size, align, vm_flags, start, end, caller);
	return vm;
}

/* Pages, addresses and entries. => size was checked, may sleep */
static __always_inline void *map_new_pages(unsigned long size, unsigned long align,
					   unsigned long start, unsigned long end, gfp_t gfp,
					   pgprot_t prot, unsigned long vm_flags, int node,
					   const void *caller)
{
	unsigned int nr = size >> PAGE_SHIFT, order = 0;
	struct page **pages;
	struct vm_struct *vm;

	if (vm_flags & VM_ALLOW_HUGE_VMAP && size >= PMD_SIZE)
		order = PMD_SHIFT - PAGE_SHIFT;
	pages = alloc_page_array(nr, node);
	if (!pages)
		return NULL;
	if (!get_pages((gfp & ~__GFP_COMP) | __GFP_HIGHMEM, node, nr, pages, order))
		goto free_array;
	vm = get_vmalloc_area(size, align, start, end, VM_ALLOC | VM_UNINITIALIZED | vm_flags,
			      order, caller);
	if (!vm)
		goto free_pages;
	vm->pages = pages;
	vm->nr_pages = nr;
	vm->page_order = order;
	if (unlikely(__vmap_pages_range((unsigned long)vm->addr, pages, nr, prot, order))) {
		free_vm_area(vm);
		goto free_pages;
	}
	atomic_long_add(nr, &nr_vmalloc_pages);
	smp_store_release(&vm->flags, VM_ALLOC | vm_flags);
	return vm->addr;
free_pages:
	put_pages(pages, nr);
free_array:
	kvfree(pages);
	return NULL;
}

/*
 * The same in a context where reclaim must not do everything: tables and structs, which are allocated
 * far below, hear of it through the task.
 */
static noinline void *map_new_pages_nofs(unsigned long size, unsigned long align,
					 unsigned long start, unsigned long end, gfp_t gfp,
					 pgprot_t prot, unsigned long vm_flags, int node,
					 const void *caller)
{
	unsigned int scope = gfp & __GFP_IO ? PF_MEMALLOC_NOFS : PF_MEMALLOC_NOIO, old;
	void *p;

	if (WARN_ONCE(!gfpflags_allow_blocking(gfp),
		      "vmalloc from %pS: it may sleep, and gfp %#x forbids that\n", caller, gfp))
		return NULL;
	old = memalloc_flags_save(scope);
	p = map_new_pages(size, align, start, end, gfp, prot, vm_flags, node, caller);
	memalloc_flags_restore(scope, old);
	return p;
}

void *__vmalloc_node_range(unsigned long size, unsigned long align, unsigned long start,
			   unsigned long end, gfp_t gfp, pgprot_t prot, unsigned long vm_flags,
			   int node, const void *caller)
{
	unsigned long real = PAGE_ALIGN(size);
	void *p;

	if (unlikely(deferred_areas))
		drain_deferred();
	if (unlikely(!size || real < size || (real >> PAGE_SHIFT) > totalram_pages())) {
		WARN_ONCE(!(gfp & __GFP_NOWARN),
			  "vmalloc(%lu) from %pS: there is no such amount of memory\n", size,
			  caller);
		return NULL;
	}
	if (likely((gfp & GFP_KERNEL) == GFP_KERNEL))
		p = map_new_pages(real, align, start, end, gfp, prot, vm_flags, node, caller);
	else
		p = map_new_pages_nofs(real, align, start, end, gfp, prot, vm_flags, node, caller);
	if (likely(p)) {
		if (IS_KASAN)
			kasan_unpoison_vmalloc(p, size);
		kmemleak_vmalloc(p, real, gfp);
	} else if (!(gfp & __GFP_NOWARN)) {
		pr_warn_ratelimited("vmalloc: %lu bytes for %pS: out of memory\n", size, caller);
	}
	return p;
}

static __always_inline void *vmalloc_caller(unsigned long size, gfp_t gfp, unsigned long vm_flags,
					    int node, const void *caller)
{
	return __vmalloc_node_range(size, PAGE_SIZE, VMALLOC_START, VMALLOC_USED_END, gfp,
				    PAGE_KERNEL, vm_flags, node, caller);
}

void *vmalloc(unsigned long size)
{
	return vmalloc_caller(size, GFP_KERNEL, 0, NUMA_NO_NODE, __builtin_return_address(0));
}

void *vzalloc(unsigned long size)
{
	return vmalloc_caller(size, GFP_KERNEL | __GFP_ZERO, 0, NUMA_NO_NODE,
			      __builtin_return_address(0));
}

void *vmalloc_node(unsigned long size, int node)
{
	return vmalloc_caller(size, GFP_KERNEL, 0, node, __builtin_return_address(0));
}

void *vzalloc_node(unsigned long size, int node)
{
	return vmalloc_caller(size, GFP_KERNEL | __GFP_ZERO, 0, node, __builtin_return_address(0));
}

void *vmalloc_user(unsigned long size)
{
	return vmalloc_caller(size, GFP_KERNEL | __GFP_ZERO, VM_USERMAP, NUMA_NO_NODE,
			      __builtin_return_address(0));
}

void *__vmalloc(unsigned long size, gfp_t gfp)
{
	return vmalloc_caller(size, gfp, 0, NUMA_NO_NODE, __builtin_return_address(0));
}

void *vmalloc_huge(unsigned long size, gfp_t gfp)
{
	return vmalloc_caller(size, gfp, VM_ALLOW_HUGE_VMAP, NUMA_NO_NODE,
			      __builtin_return_address(0));
}

/* ---- freeing ---- */

/* Pages that were read-only or absent become ordinary memory again, for every CPU. */
static noinline void vm_reset_perms(const struct vm_struct *vm)
{
	if (set_direct_map_default(vm->pages, vm->nr_pages))
		pr_err("vfree: pages stay as set_memory_*() left them\n");
	/* And none reaches them at their old addresses any more, to execute what they hold next. */
	flush_tlb_all();
}

static void vfree_now(const void *addr)
{
	struct vmap_area *va = unmap_area(addr);
	struct page **pages;

	if (unlikely(!va)) {
		WARN(1, "vfree: no area begins at %px\n", addr);
		return;
	}
	pages = va->vm.pages;
	if (pages && (va->vm.flags & (VM_ALLOC | VM_MAP_PUT_PAGES))) {
		if (unlikely(va->vm.flags & VM_FLUSH_RESET_PERMS))
			vm_reset_perms(&va->vm);
		if (va->vm.flags & VM_ALLOC) {
			atomic_long_sub(va->vm.nr_pages, &nr_vmalloc_pages);
			put_pages(pages, va->vm.nr_pages);
		} else {
			for (unsigned int i = 0; i < va->vm.nr_pages; i++)
				put_page(pages[i]);
		}
		kvfree(pages);
		va->vm.pages =
			NULL; /* it waits for a purge: whose memory that then is shall not seem in use */
	}
	free_vmap_area_lazy(va);
}

static void drain_rcu(struct rcu_head *head)
{
	/* From here on a push must queue it again; what was pushed before is seen below. */
	__atomic_store_n(&drain_queued, false, __ATOMIC_SEQ_CST);
	drain_deferred();
}

static bool is_writable(const void *addr)
{
	int level;
	u64 entry = lookup_address_in_pgd(swapper_pg_dir, (unsigned long)addr, &level);

	return level && (entry & _PAGE_RW);
}

static void defer_free(const void *addr)
{
	static struct rcu_head latest; /* in use from the first push until its callback has begun */
	struct deferred *d = (struct deferred *)addr;

	if (unlikely(!is_writable(addr))) {
		d = kmalloc(sizeof(*d), GFP_ATOMIC);
		kmemleak_not_leak(d); /* found through areas that kmemleak does not read any more */
		if (WARN_ONCE(!d, "vfree: no memory to free %px later: it is lost\n", addr))
			return;
	} else {
		kasan_unpoison_vmalloc(addr, sizeof(*d)); /* also of an area of one byte */
	}
	d->addr = addr;
	d->next = READ_ONCE(deferred_areas);
	while (!__atomic_compare_exchange_n(&deferred_areas, &d->next, d, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		;
	if (!__atomic_exchange_n(&drain_queued, true, __ATOMIC_SEQ_CST))
		call_rcu(&latest, drain_rcu);
}

static noinline void drain_deferred(void)
{
	struct deferred *d, *next;

	if (irqs_disabled() || in_interrupt())
		return;
	for (d = __atomic_exchange_n(&deferred_areas, NULL, __ATOMIC_SEQ_CST); d; d = next) {
		const void *addr = d->addr;

		next = d->next;
		if (d != addr)
			kfree(d);
		vfree_now(addr);
	}
}

void vfree_atomic(const void *addr)
{
	kmemleak_free(addr);
	if (addr)
		defer_free(addr);
}

void vfree(const void *addr)
{
	if (!addr)
		return;
	kmemleak_free(addr);
	if (unlikely(irqs_disabled() || in_interrupt())) {
		defer_free(addr);
		return;
	}
	if (unlikely(deferred_areas))
		drain_deferred();
	vfree_now(addr);
}

/* ---- mappings of pages that somebody else has ---- */

void *vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot)
{
	struct vm_struct *vm;

	if (WARN_ONCE(!count || count > totalram_pages(),
		      "vmap of %u pages from %pS: there is no such amount of memory\n", count,
		      __builtin_return_address(0)))
		return NULL;
	vm = get_vm_area_caller((unsigned long)count << PAGE_SHIFT, VM_MAP | flags,
				__builtin_return_address(0));
	if (!vm)
		return NULL;
	if (vmap_pages_range((unsigned long)vm->addr, pages, count, prot)) {
		free_vm_area(vm);
		return NULL;
	}
	if (flags & VM_MAP_PUT_PAGES) {
		vm->pages = pages;
		vm->nr_pages = count;
	}
	return vm->addr;
}

void vunmap(const void *addr)
{
	struct vmap_area *va;

	if (!addr)
		return;
	va = unmap_area(addr);
	if (!WARN(!va, "vunmap: no area begins at %px\n", addr))
		free_vmap_area_lazy(va);
}

/* ---- kvmalloc ---- */

void *kvmalloc_node(size_t size, gfp_t gfp, int node)
{
	gfp_t kgfp = gfp;
	void *p;

	/* More than a page need not be contiguous: no effort for it, and no complaint. */
	if (size > PAGE_SIZE)
		kgfp |= __GFP_NOWARN | __GFP_NORETRY;
	if (size <= KMALLOC_MAX_SIZE) {
		p = __kmalloc_node(size, kgfp, node);
		if (p || size <= PAGE_SIZE)
			return p;
	}
	if (!gfpflags_allow_blocking(gfp))
		return NULL;
	return vmalloc_caller(size, gfp, VM_ALLOW_HUGE_VMAP, node, __builtin_return_address(0));
}

void *kvmalloc(size_t size, gfp_t gfp)
{
	return kvmalloc_node(size, gfp, NUMA_NO_NODE);
}

void kvfree(const void *p)
{
	if (is_vmalloc_addr(p))
		vfree(p);
	else
		kfree(p);
}

void *kvrealloc(const void *p, size_t old_size, size_t new_size, gfp_t gfp)
{
	void *new;

	if (old_size >= new_size)
		return (void *)p;
	new = kvmalloc(new_size, gfp);
	if (new &&p) {
		memcpy(new, p, old_size);
		kvfree(p);
	}
	return new;
}

void __init vmalloc_init(void)
{
	vmap_preallocate_tables();
	vmap_area_init();
	pcpu_vm_init();
	vmalloc_up = true;
}
