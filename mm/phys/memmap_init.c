/*
 * Writing struct pages: the largest loop of boot.
 *
 * 1. memblock knows everything about a frame that its struct page has to say: whether it is RAM, of which node, and
 *    whether boot kept it. So the array of struct page is written once, from memblock, after memblock is final, and each
 *    page at once in its last state; nothing is corrected later.
 * 2. A *segment* is a row of frames that have struct pages and are alike in node, zone and kind. next_memmap_segment()
 *    finds them one after the other by bisection in memblock's arrays, so any part of memory can be started with: that
 *    is what deferred.c lives on. Kinds: RAM, and filling, frames next to RAM that are none (sparse.c says why).
 * 3. Three states are written: free (count 0, about to be given to the buddy allocator), reserved RAM (PG_reserved, count
 *    1: the kernel image, memblock's allocations), and filling (the same, and nobody will ever free it). One template a
 *    run, copied with wide moves.
 * 4. When a range is written, and not before, its subsections become valid for pfn_valid(). Then its free runs go to the
 *    buddy allocator in the largest aligned blocks. A range is a multiple of a granule (4 MiB), so no buddy of a block in
 *    it lies outside.
 *
 * Called by one CPU at boot and by several later, on different ranges; memblock no longer changes then. Mirrors Linux
 * mm/mm_init.c (memmap_init_range). Exercised by the zones suite, which compares all of memory with memblock.
 */
#include "arch/x86/bitops.h"
#include "arch/x86/page_ops.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/phys/boot.h"
#include "mm/phys/buddy.h"
#include "mm/phys/page.h"

/* ---- segments ---- */

static struct memblock_region *region_at(unsigned long i)
{
	return i < memblock.memory.cnt ? &memblock.memory.regions[i] : NULL;
}

/*
 * The frames between prev and next, which are no RAM: those in the granule in which prev ends, then those in the granule
 * in which next starts. Both may be NULL. False if pfn and all after it, up to next, have no struct pages.
 */
static bool filling(struct memmap_segment *seg, unsigned long pfn,
		    const struct memblock_region *prev, const struct memblock_region *next)
{
	unsigned long prev_end = prev ? PFN_DOWN(prev->base + prev->size) : 0;
	unsigned long tail = ALIGN(prev_end, MAX_ORDER_NR_PAGES);
	unsigned long next_start = next ? PFN_UP(next->base) : ~0UL;

	seg->ram = false;
	if (pfn < tail) {
		seg->start = pfn;
		seg->end = min(tail, next_start);
		seg->nid = prev->nid;
		return true;
	}
	if (!next)
		return false;
	seg->start = max(pfn, ALIGN_DOWN(next_start, MAX_ORDER_NR_PAGES));
	seg->end = next_start;
	seg->nid = next->nid;
	return seg->start < seg->end;
}

bool next_memmap_segment(struct memmap_segment *seg, unsigned long pfn, unsigned long limit)
{
	unsigned long i = memblock_search(&memblock.memory, PFN_PHYS(pfn)), zone_end;
	struct memblock_region *rgn = region_at(i);
	bool mirrored = false;

	if (pfn >= limit)
		return false;
	if (!rgn || PFN_UP(rgn->base) > pfn) {
		if (!filling(seg, pfn, i ? region_at(i - 1) : NULL, rgn)) {
			if (!rgn)
				return false;
			pfn = PFN_UP(rgn->base);
		} else {
			rgn = NULL;
		}
	}
	if (rgn) {
		seg->start = max(pfn, PFN_UP(rgn->base));
		seg->end = PFN_DOWN(rgn->base + rgn->size);
		seg->nid = rgn->nid;
		seg->ram = true;
		mirrored = rgn->flags & MEMBLOCK_MIRROR;
	}
	seg->zid = pfn_zone(seg->nid, seg->start, mirrored, &zone_end);
	seg->end = min3(seg->end, zone_end, limit);
	return seg->start < seg->end;
}

unsigned long next_reserved_run(unsigned long pfn, unsigned long limit, bool *reserved)
{
	unsigned long i = memblock_search(&memblock.reserved, PFN_PHYS(pfn));
	const struct memblock_region *rgn = &memblock.reserved.regions[i];

	*reserved = false;
	if (i == memblock.reserved.cnt)
		return limit;
	/* A page that is reserved in part is reserved. */
	if (PFN_DOWN(rgn->base) > pfn)
		return min(limit, PFN_DOWN(rgn->base));
	*reserved = true;
	return min(limit, PFN_UP(rgn->base + rgn->size));
}

/* ---- writing ---- */

static void write_pages(unsigned long start, unsigned long end, const struct memmap_segment *seg,
			bool reserved)
{
	struct page template = {
		.flags = ((unsigned long)seg->nid << NODES_PGSHIFT) |
			 ((unsigned long)seg->zid << ZONES_PGSHIFT),
		.page_type = ~0U,
	};

	if (reserved) {
		template.flags |= BIT(PG_reserved);
		init_page_count(&template);
	}
	fill_blocks64(pfn_to_page(start), &template, end - start);
}

static void write_segment(const struct memmap_segment *seg)
{
	unsigned long pfn, next;
	bool reserved;

	if (!seg->ram) {
		write_pages(seg->start, seg->end, seg, true);
		return;
	}
	for (pfn = seg->start; pfn < seg->end; pfn = next) {
		next = next_reserved_run(pfn, seg->end, &reserved);
		write_pages(pfn, next, seg, reserved);
	}
}

static void make_valid(unsigned long start, unsigned long end)
{
	for (unsigned long pfn = start; pfn < end; pfn += PAGES_PER_SUBSECTION) {
		struct mem_section *s = &mem_sections[pfn_to_section_nr(pfn)];
		int bit = pfn % PAGES_PER_SECTION / PAGES_PER_SUBSECTION;

		/* Atomic: another CPU may be at another part of the section. Also the barrier behind the writes. */
		if (test_bit(bit, &s->memmap_map))
			set_bit(bit, &s->subsection_map);
	}
}

/* ---- giving ---- */

/* Splits [start, end) into blocks that are aligned to their size. */
static void free_pfn_range(unsigned long start, unsigned long end)
{
	while (start < end) {
		unsigned int order =
			min_t(unsigned int, MAX_PAGE_ORDER, __builtin_ctzl(start | BIT(63)));

		while (start + BIT(order) > end)
			order--;
		__free_pages_core(pfn_to_page(start), order);
		start += BIT(order);
	}
}

static void free_segment(const struct memmap_segment *seg)
{
	unsigned long pfn, next;
	bool reserved;

	for (pfn = seg->start; pfn < seg->end; pfn = next) {
		next = next_reserved_run(pfn, seg->end, &reserved);
		if (!reserved)
			free_pfn_range(pfn, next);
	}
}

void memmap_init_range(unsigned long start, unsigned long end)
{
	struct memmap_segment seg;

	for_each_memmap_segment(&seg, start, end) write_segment(&seg);
	make_valid(start, end);
	for_each_memmap_segment(&seg, start, end) if (seg.ram) free_segment(&seg);
}
