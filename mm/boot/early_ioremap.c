/*
 * early_ioremap: mappings for a moment, before there is vmalloc.
 *
 * 1. There are FIX_BTMAPS_SLOTS slots of NR_FIX_BTMAPS fixmap pages each. A mapping takes a free slot, points its
 *    first pages at the frames, and remembers what it returned and how long the request was.
 * 2. Undoing needs the same pointer and size: anything else is a bug of the caller, reported and refused.
 * 3. What is still mapped when vmalloc takes over is a leak, and early_ioremap_check_leaks() says so.
 *
 * Boot CPU only, no lock. Mirrors Linux mm/early_ioremap.c. Exercised by the pgtable suite.
 */
#include "mm/boot/early_ioremap.h"

#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "mm/boot/fixmap.h"

static struct {
	void *addr; /* NULL: free */
	unsigned long size;
} slots[FIX_BTMAPS_SLOTS];

/* First (lowest address, highest index) fixmap page of a slot. */
static enum fixed_addresses slot_fixmap(int slot)
{
	return FIX_BTMAP_BEGIN - NR_FIX_BTMAPS * slot;
}

void __init early_ioremap_init(void)
{
	for (int i = 0; i < FIX_BTMAPS_SLOTS; i++)
		slots[i].addr = NULL;
}

static void *map_slot(phys_addr_t phys, unsigned long size, pgprot_t prot)
{
	unsigned long offset = phys & ~PAGE_MASK;
	unsigned long pages;
	int slot;

	if (WARN_ON(!size || phys + size - 1 < phys))
		return NULL;
	pages = PAGE_ALIGN(offset + size) >> PAGE_SHIFT;
	if (WARN_ON(pages > NR_FIX_BTMAPS))
		return NULL;
	for (slot = 0; slot < FIX_BTMAPS_SLOTS && slots[slot].addr; slot++)
		;
	if (WARN(slot == FIX_BTMAPS_SLOTS, "early_ioremap(%#lx, %lu): no free slot\n", phys, size))
		return NULL;

	for (unsigned long i = 0; i < pages; i++)
		__set_fixmap(slot_fixmap(slot) - i, (phys & PAGE_MASK) + i * PAGE_SIZE, prot);
	slots[slot].addr = (void *)(fix_to_virt(slot_fixmap(slot)) + offset);
	slots[slot].size = size;
	return slots[slot].addr;
}

static void unmap_slot(void *addr, unsigned long size)
{
	unsigned long pages = PAGE_ALIGN(((unsigned long)addr & ~PAGE_MASK) + size) >> PAGE_SHIFT;
	int slot;

	for (slot = 0; slot < FIX_BTMAPS_SLOTS && slots[slot].addr != addr; slot++)
		;
	if (WARN(slot == FIX_BTMAPS_SLOTS || !addr, "early_iounmap(%px): not mapped\n", addr) ||
	    WARN(slots[slot].size != size, "early_iounmap(%px): size %lu, mapped with %lu\n", addr,
		 size, slots[slot].size))
		return;
	for (unsigned long i = 0; i < pages; i++)
		clear_fixmap(slot_fixmap(slot) - i);
	slots[slot].addr = NULL;
}

void __iomem *early_ioremap(phys_addr_t phys, unsigned long size)
{
	return map_slot(phys, size, PAGE_KERNEL_NOCACHE);
}

void *early_memremap(phys_addr_t phys, unsigned long size)
{
	return map_slot(phys, size, PAGE_KERNEL);
}

void early_iounmap(void __iomem *addr, unsigned long size)
{
	unmap_slot(addr, size);
}

void early_memunmap(void *addr, unsigned long size)
{
	unmap_slot(addr, size);
}

int early_ioremap_check_leaks(void)
{
	int leaks = 0;

	for (int i = 0; i < FIX_BTMAPS_SLOTS; i++) {
		if (!slots[i].addr)
			continue;
		pr_warn("early_ioremap: slot %d is still mapped: %px, %lu bytes\n", i,
			slots[i].addr, slots[i].size);
		leaks++;
	}
	return leaks;
}
