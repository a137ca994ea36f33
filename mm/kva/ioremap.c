/*
 * ioremap: device registers and device memory at kernel addresses, with the right cache attribute.
 *
 * 1. The attribute stands in the entry (PAT): UC for registers, WC for frame buffers, WB for tables
 *    that firmware left in memory. RAM is refused: the linear map has a cached alias of it, and two
 *    views with different attributes of one line are undefined.
 * 2. What counts as RAM is the resource tree (/proc/iomem): "System RAM" and what lies under it.
 * 3. Addresses come from vmalloc space with a guard page behind, large entries where the device is
 *    large enough.
 *
 * Mirrors Linux arch/x86/mm/ioremap.c. Exercised by the vmalloc suite.
 */
#include "mm/kva/ioremap.h"

#include "kernel/bug.h"
#include "kernel/printk.h"
#include "lib/err.h"
#include "mm/boot/resource.h"
#include "mm/kva/kva_internal.h"
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

static void __iomem *ioremap_caller(phys_addr_t phys, unsigned long size, u64 cache,
				    const void *caller)
{
	phys_addr_t first = phys & PAGE_MASK, last = phys + size - 1;
	unsigned long len = PAGE_ALIGN(last + 1 - first), align;
	struct vm_struct *vm;

	if (unlikely(!vmalloc_is_available())) {
		pr_err("ioremap(0x%lx) from %pS: too early, use early_ioremap()\n", phys, caller);
		return NULL;
	}
	if (!size || last < phys || last >> MAX_PHYSMEM_BITS) {
		WARN_ONCE(1, "ioremap(0x%lx, %lu) from %pS: no such range\n", phys, size, caller);
		return NULL;
	}
	if (range_is_ram(first, last | ~PAGE_MASK)) {
		WARN_ONCE(1, "ioremap(0x%lx, %lu) from %pS: this is RAM\n", phys, size, caller);
		return NULL;
	}
	align = len >= PMD_SIZE ? PMD_SIZE : PAGE_SIZE;
	vm = __get_vm_area_node(len, align, VM_IOREMAP, VMALLOC_START, VMALLOC_USED_END, caller);
	if (!vm)
		return NULL;
	vm->phys_addr = first;
	if (vmap_page_range((unsigned long)vm->addr, (unsigned long)vm->addr + len, first,
			    __pgprot(__PAGE_KERNEL | cache))) {
		free_vm_area(vm);
		return NULL;
	}
	return (char __iomem *)vm->addr + (phys - first);
}

void __iomem *ioremap(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, _PAGE_CACHE_UC, __builtin_return_address(0));
}

void __iomem *ioremap_wc(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, _PAGE_CACHE_WC, __builtin_return_address(0));
}

void __iomem *ioremap_wt(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, _PAGE_CACHE_WT, __builtin_return_address(0));
}

void __iomem *ioremap_cache(phys_addr_t phys, unsigned long size)
{
	return ioremap_caller(phys, size, 0, __builtin_return_address(0));
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
	free_vm_area(vm);
}

void *memremap(phys_addr_t phys, unsigned long size)
{
	phys_addr_t last = phys + size - 1;

	if (!size || last < phys)
		return NULL;
	if (!range_is_ram(phys & PAGE_MASK, last | ~PAGE_MASK))
		return ioremap_caller(phys, size, 0, __builtin_return_address(0));
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
