/*
 * ioremap: device registers and device memory at kernel addresses, with the right cache attribute.
 *
 * 1. The attribute stands in the entry (PAT): UC- for registers, WC for frame buffers, WB for tables
 *    that firmware left in memory. RAM is refused: the linear map has a cached alias of it, and two
 *    views with different attributes of one line are undefined. For the same reason the type of each
 *    mapping is noted (memtype.c), and a second mapping of the same bytes gets the type of the first,
 *    or fails if that is more caching than it can bear.
 * 2. What counts as RAM is the resource tree (/proc/iomem): "System RAM" and what lies under it.
 * 3. Addresses come from vmalloc space with a guard page behind, large entries where the device is
 *    large enough.
 *
 * Mirrors Linux arch/x86/mm/ioremap.c. Exercised by the ioremap suite.
 */
#include "mm/kva/ioremap.h"

#include "arch/x86/cpu.h"
#include "kernel/bug.h"
#include "kernel/printk.h"
#include "lib/err.h"
#include "mm/boot/resource.h"
#include "mm/kva/kva_internal.h"
#include "mm/kva/memtype.h"
#include "mm/phys/mmzone.h"

struct ram_query {
	phys_addr_t start, last;
	bool ram;
};

static int touches_ram(struct resource *res, int depth, void *arg)
{
	struct ram_query *q = arg;

	if ((res->flags & IORESOURCE_SYSTEM_RAM) == IORESOURCE_SYSTEM_RAM &&
	    res->start <= q->last && q->start <= res->end)
		q->ram = true;
	return q->ram;
}

static bool range_is_ram(phys_addr_t start, phys_addr_t last)
{
	struct ram_query q = { start, last, false };

	walk_resources(&iomem_resource, touches_ram, &q);
	return q.ram;
}

/* Can a mapping that should be want be got instead? Only if that caches no more. */
static bool is_new_memtype_allowed(enum page_cache_mode want, enum page_cache_mode got)
{
	switch (want) {
	case _PAGE_CACHE_MODE_WB:
		return got == _PAGE_CACHE_MODE_WB;
	case _PAGE_CACHE_MODE_WT:
		return got != _PAGE_CACHE_MODE_WB && got != _PAGE_CACHE_MODE_WC;
	case _PAGE_CACHE_MODE_WC:
		return got != _PAGE_CACHE_MODE_WB && got != _PAGE_CACHE_MODE_WT;
	default:
		return got == _PAGE_CACHE_MODE_UC || got == _PAGE_CACHE_MODE_UC_MINUS;
	}
}

/* Reserves the type: *mode becomes the one to use. */
static bool get_memtype(phys_addr_t first, unsigned long len, enum page_cache_mode *mode)
{
	enum page_cache_mode want = *mode;
	int err = memtype_reserve(first, first + len, want, mode);

	if (err) {
		pr_err("ioremap: no memory type for %#lx-%#lx: %d\n", first, first + len, err);
		return false;
	}
	if (is_new_memtype_allowed(want, *mode))
		return true;
	pr_err("ioremap error for %#lx-%#lx, requested %s, got %s\n", first, first + len,
	       cattr_name(want), cattr_name(*mode));
	memtype_free(first, first + len);
	return false;
}

static bool range_is_sane(phys_addr_t phys, unsigned long size, const void *caller)
{
	phys_addr_t last = phys + size - 1;
	int bits = min((int)boot_cpu_data.x86_phys_bits, MAX_PHYSMEM_BITS);

	if (!size || last < phys || last >> bits) {
		WARN_ONCE(1, "ioremap(0x%lx, %lu) from %pS: no such range\n", phys, size, caller);
		return false;
	}
	if (range_is_ram(phys & PAGE_MASK, last | ~PAGE_MASK)) {
		WARN_ONCE(1, "ioremap(0x%lx, %lu) from %pS: this is RAM\n", phys, size, caller);
		return false;
	}
	return true;
}

static void __iomem *ioremap_caller(phys_addr_t phys, unsigned long size, enum page_cache_mode mode,
				    const void *caller)
{
	phys_addr_t first = phys & PAGE_MASK;
	unsigned long len = PAGE_ALIGN(phys + size - first);
	struct vm_struct *vm = NULL;

	if (unlikely(!vmalloc_is_available())) {
		pr_err("ioremap(0x%lx) from %pS: too early, use early_ioremap()\n", phys, caller);
		return NULL;
	}
	if (!range_is_sane(phys, size, caller) || !get_memtype(first, len, &mode))
		return NULL;
	if (len >= PMD_SIZE)
		vm = __get_vm_area_node(len, PMD_SIZE, VM_IOREMAP, VMALLOC_HUGE_START,
					VMALLOC_USED_END, caller);
	if (!vm)
		vm = __get_vm_area_node(len, PAGE_SIZE, VM_IOREMAP, VMALLOC_START, VMALLOC_USED_END,
					caller);
	if (!vm)
		goto free_type;
	vm->phys_addr = first;
	if (vmap_page_range((unsigned long)vm->addr, (unsigned long)vm->addr + len, first,
			    __pgprot(__PAGE_KERNEL | cachemode2protval(mode))))
		goto free_area;
	return (char __iomem *)vm->addr + (phys - first);
free_area:
	free_vm_area(vm);
free_type:
	memtype_free(first, first + len);
	return NULL;
}

void __iomem *ioremap(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, _PAGE_CACHE_MODE_UC_MINUS, __builtin_return_address(0));
}

void __iomem *ioremap_uc(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, _PAGE_CACHE_MODE_UC, __builtin_return_address(0));
}

void __iomem *ioremap_wc(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, _PAGE_CACHE_MODE_WC, __builtin_return_address(0));
}

void __iomem *ioremap_wt(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, _PAGE_CACHE_MODE_WT, __builtin_return_address(0));
}

void __iomem *ioremap_cache(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, _PAGE_CACHE_MODE_WB, __builtin_return_address(0));
}

void iounmap(volatile void __iomem *addr)
{
	struct vm_struct *vm;

	if (!addr)
		return;
	vm = find_vm_area((const void *)addr);
	if (WARN(!vm || !(vm->flags & VM_IOREMAP), "iounmap: %px is no ioremap()\n",
		 (const void *)addr))
		return;
	memtype_free(vm->phys_addr, vm->phys_addr + vm->size - PAGE_SIZE);
	free_vm_area(vm);
}

void *memremap(phys_addr_t phys, unsigned long size)
{
	phys_addr_t last = phys + size - 1;

	if (!size || last < phys)
		return NULL;
	if (!range_is_ram(phys & PAGE_MASK, last | ~PAGE_MASK))
		return ioremap_caller(phys, size, _PAGE_CACHE_MODE_WB, __builtin_return_address(0));
	/* All of it must be RAM: then the linear map has it already. */
	for (unsigned long pfn = PHYS_PFN(phys); pfn <= PHYS_PFN(last); pfn++)
		if (!pfn_valid(pfn))
			return NULL;
	return __va(phys);
}

void memunmap(void *addr)
{
	if (is_vmalloc_addr(addr))
		iounmap(addr);
}
