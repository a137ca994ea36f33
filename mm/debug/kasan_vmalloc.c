/*
 * KASAN: shadow of vmalloc space.
 *
 * 1. Its 512 GiB of addresses would need 64 GiB of shadow, so shadow is mapped with each area, when its addresses are
 *    taken. It is an ordinary kernel mapping, at KASAN_SHADOW_START and above, made with the functions of mm/kva.
 * 2. One page of shadow speaks for 32 KiB. In a KASAN kernel an area begins and ends at such a boundary (vmap_area.c), so that a
 *    shadow page belongs to one area and goes with it. Only units of per-CPU chunks, whose addresses are given, may
 *    share one with each other: those pages stay.
 * 3. All of an area is inaccessible (0xf8) until its pages are mapped; then the bytes asked for are not. vfree()
 *    marks it again at once. The shadow page goes when the addresses are purged, under the same flush of the TLBs: until
 *    then another CPU may still have its entry.
 *
 * Locks: none. Who has an area has its shadow; two chunks are not made at once. Mirrors the vmalloc part of Linux
 * mm/kasan/shadow.c. Exercised by the kasan suite.
 */
#include "arch/x86/tlb.h"
#include "lib/errno.h"
#include "mm/debug/kasan_internal.h"
#include "mm/kva/kva_internal.h"
#include "mm/phys/buddy.h"

static bool has_own_shadow(unsigned long addr)
{
	return addr >= VMALLOC_START && addr < VMALLOC_USED_END;
}

static unsigned long shadow_of(unsigned long addr)
{
	return (unsigned long)kasan_mem_to_shadow((void *)addr);
}

int kasan_populate_vmalloc(unsigned long start, unsigned long end)
{
	if (!has_own_shadow(start))
		return 0;
	for (unsigned long s = shadow_of(start) & PAGE_MASK; s < shadow_of(end); s += PAGE_SIZE) {
		struct page *page = vmalloc_to_page((void *)s);

		if (page)
			continue; /* of a chunk that was here, or is beside */
		page = alloc_page(GFP_KERNEL);
		if (!page)
			return -ENOMEM;
		__memset(page_address(page), KASAN_VMALLOC_INVALID, PAGE_SIZE);
		if (vmap_pages_range(s, &page, 1, PAGE_KERNEL)) {
			__free_page(page);
			return -ENOMEM;
		}
	}
	kasan_poison_vmalloc((void *)start, end - start);
	return 0;
}

void kasan_unpoison_vmalloc(const void *start, unsigned long size)
{
	if (has_own_shadow((unsigned long)start))
		kasan_unpoison_range(start, size);
}

void kasan_poison_vmalloc(const void *start, unsigned long size)
{
	if (has_own_shadow((unsigned long)start))
		kasan_poison_range(start, size, KASAN_VMALLOC_INVALID);
}

struct page *kasan_unmap_vmalloc_shadow(unsigned long start, unsigned long end, struct page *list)
{
	if (!has_own_shadow(start) || (start | end) & (KASAN_VMALLOC_GRAIN - 1))
		return list;
	for (unsigned long s = shadow_of(start); s < shadow_of(end); s += PAGE_SIZE) {
		struct page *page = vmalloc_to_page((void *)s);

		if (!page)
			continue;
		vunmap_range_noflush(s, s + PAGE_SIZE);
		page->lru.next = (struct list_head *)list;
		list = page;
	}
	return list;
}

void kasan_free_vmalloc_shadow(unsigned long start, unsigned long end, struct page *list)
{
	if (!list)
		return;
	flush_tlb_kernel_range(shadow_of(start) & PAGE_MASK, PAGE_ALIGN(shadow_of(end)));
	while (list) {
		struct page *page = list;

		list = (struct page *)page->lru.next;
		__free_page(page);
	}
}
