/*
 * The handover: memblock's free memory becomes the buddy allocator's.
 *
 * 1. Until here memblock was the only allocator; mem_init() is the line. From then on memblock's arrays never change
 *    again: `reserved` is the record of what boot kept (/sys/kernel/debug/memblock), and deferred.c goes on reading both.
 * 2. First every zone's managed pages are counted, RAM that is not reserved, without touching a struct page. With them
 *    the watermarks can be set; then the first pages come (deferred.c), and the per-CPU lists.
 * 3. What boot reserved may come back later, page by page: free_reserved_area() takes .init and the initramfs. Those pages
 *    are new to the allocator, so managed and total grow.
 *
 * Boot CPU only, except free_reserved_*. Mirrors Linux mm/mm_init.c (mem_init), mm/memblock.c (memblock_free_all).
 * Exercised by the zones suite, which compares the sums with memblock.
 */
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/boot/paging.h"
#include "mm/debug/page_debug.h"
#include "mm/phys/boot.h"
#include "mm/phys/deferred.h"
#include "mm/phys/internal.h"
#include "mm/phys/wmark.h"

extern char _text[], _etext[], __start_rodata[], __end_rodata[], _sdata[], _edata[], __init_begin[],
	__init_end[], __bss_start[], __bss_stop[], __per_cpu_start[], __per_cpu_end[];

static atomic_long_t _totalram_pages;

unsigned long totalram_pages(void)
{
	return atomic_long_read(&_totalram_pages);
}

void totalram_pages_add(long count)
{
	atomic_long_add(count, &_totalram_pages);
}

void adjust_managed_page_count(struct page *page, long count)
{
	atomic_long_add(count, &page_zone(page)->managed_pages);
	totalram_pages_add(count);
}

void __free_pages_core(struct page *page, unsigned int order)
{
	if (unlikely(page_debug))
		page_debug_free(page, order);
	free_one_page(page_zone(page), page, order);
}

void free_reserved_page(struct page *page)
{
	__ClearPageReserved(page);
	init_page_count(page);
	adjust_managed_page_count(page, 1);
	__free_page(page);
}

unsigned long free_reserved_area(void *start, void *end, int poison, const char *s)
{
	unsigned long pages = 0;
	char *p;

	start = (void *)PAGE_ALIGN(start);
	end = (void *)((unsigned long)end & PAGE_MASK);
	if (start < end)
		deferred_init_pfns(virt_to_pfn(start), virt_to_pfn(end - 1) + 1);
	for (p = start; p < (char *)end; p += PAGE_SIZE, pages++) {
		/* Through the linear map: the image's own mapping may be read-only or gone. */
		struct page *page = virt_to_page(p);

		if (poison >= 0)
			memset(page_address(page), poison, PAGE_SIZE);
		free_reserved_page(page);
	}
	if (pages && s)
		pr_info("Freeing %s memory: %luK\n", s, pages << (PAGE_SHIFT - 10));
	return pages;
}

/* ---- at boot ---- */

static void __init count_managed(void)
{
	struct memmap_segment seg;

	for_each_memmap_segment(&seg, 0, ~0UL)
	{
		struct zone *zone = &NODE_DATA(seg.nid)->node_zones[seg.zid];
		unsigned long pfn, next;
		bool reserved;

		if (!seg.ram)
			continue;
		for (pfn = seg.start; pfn < seg.end; pfn = next) {
			next = next_reserved_run(pfn, seg.end, &reserved);
			if (reserved)
				continue;
			atomic_long_add(next - pfn, &zone->managed_pages);
			totalram_pages_add(next - pfn);
		}
	}
}

void __init memblock_free_all(void)
{
	memblock_set_current_limit(0); /* who still asks memblock gets nothing */
	count_managed();
	deferred_init_early();
}

static unsigned long __init kbytes(const char *start, const char *end)
{
	return (end - start) >> 10;
}

void __init mem_init(void)
{
	unsigned long present = 0;
	struct zone *zone;

	memblock_free_all();
	init_per_zone_wmark_min();
	setup_zone_pagesets();

	for_each_populated_zone(zone)
		present += zone->present_pages;
	pr_info("Memory: %luK/%luK available (%luK kernel code, %luK rwdata, %luK rodata, %luK "
		"init, %luK bss, %luK reserved, 0K cma-reserved)\n",
		totalram_pages() << (PAGE_SHIFT - 10), present << (PAGE_SHIFT - 10),
		kbytes(_text, _etext),
		kbytes(_sdata, _edata) + kbytes(__per_cpu_start, __per_cpu_end),
		kbytes(__start_rodata, __end_rodata), kbytes(__init_begin, __init_end),
		kbytes(__bss_start, __bss_stop), (present - totalram_pages()) << (PAGE_SHIFT - 10));
}

void free_initmem(void)
{
	paging_release_init();
	free_reserved_area(__init_begin, __init_end, 0xcc, "unused kernel image (initmem)");
	/* Until now the watermarks were those of the memory without .init and the initramfs. */
	init_per_zone_wmark_min();
}
