/*
 * Sections: which parts of physical address space have struct pages, and where.
 *
 * 1. vmemmap is one virtual array of struct page for all 64 TiB of physical address space: 1 TiB of addresses. Only
 *    where there is RAM is it backed by memory; elsewhere touching it faults, and pfn_valid() says beforehand.
 * 2. A section is 128 MiB of physical space; its struct pages fill 2 MiB, exactly one large page. A section that is
 *    all RAM gets that. One that is partly RAM gets 4 KiB pages for those 4 MiB pieces that hold any:
 *    a machine of 16 MiB pays 256 KiB, not 2 MiB.
 * 3. The granule is 4 MiB = a block of MAX_PAGE_ORDER, so that the buddy allocator may look at any buddy. What in a
 *    granule is not RAM has a struct page too, marked reserved.
 * 4. The section's record holds two bits for each 2 MiB, "has struct pages" and "they are written" (pfn_valid; the
 *    writing is memmap_init.c's and deferred.c's), and the migrate type of each pageblock. The records
 *    are one array, up to the last section with RAM: 128 bytes for 128 MiB.
 *
 * Written at boot only. Mirrors Linux mm/sparse.c, mm/sparse-vmemmap.c. Exercised by the buddy and
 * pgtable suites.
 */
#include "arch/x86/page_ops.h"
#include "arch/x86/pgtable.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "mm/boot/memblock.h"
#include "mm/boot/paging.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"

struct mem_section *mem_sections;
unsigned long nr_mem_sections;
unsigned long nr_memmap_boot_pages;

BUILD_BUG_ON(PAGES_PER_SECTION * sizeof(struct page) != PMD_SIZE);
BUILD_BUG_ON(VMEMMAP_START &(PMD_SIZE - 1));
BUILD_BUG_ON(SUBSECTIONS_PER_SECTION != 64 || PAGEBLOCKS_PER_SECTION != 64);

/* Memory for struct pages, on the node they describe if possible. Not cleared: every struct page gets written. */
static phys_addr_t __init vmemmap_memory(unsigned long size, int nid)
{
	return memblock_alloc_range_in(&memblock, size, size, 0, MEMBLOCK_ALLOC_ACCESSIBLE, nid,
				       false);
}

/* A piece of memory for the next whole sections, so that memblock is asked once for many. */
static struct {
	phys_addr_t next, end;
} buffer __initdata;

/* Makes the buffer hold `sections` large pages of the node, or half, or a quarter: whatever there is in a row. */
static void __init fill_buffer(unsigned long sections, int nid)
{
	for (buffer.next = buffer.end = 0; sections && !buffer.next; sections /= 2) {
		buffer.next = memblock_alloc_range_in(&memblock, sections * PMD_SIZE, PMD_SIZE, 0,
						      MEMBLOCK_ALLOC_ACCESSIBLE, nid, true);
		buffer.end = buffer.next + sections * PMD_SIZE;
	}
	if (!buffer.next)
		buffer.end = 0;
}

static void __init drop_buffer(void)
{
	if (buffer.next < buffer.end)
		memblock_phys_free(buffer.next, buffer.end - buffer.next);
	buffer.next = buffer.end = 0;
}

static bool __init populate_large(unsigned long addr, int nid)
{
	pmd_t *pmd = kernel_pmd_alloc(addr);
	phys_addr_t phys = buffer.next;

	if (!pmd || !pmd_none(*pmd))
		return false;
	if (buffer.next < buffer.end)
		buffer.next += PMD_SIZE;
	else
		phys = vmemmap_memory(PMD_SIZE, nid);
	if (!phys)
		return false;
	nr_memmap_boot_pages += PMD_SIZE / PAGE_SIZE;
	set_pmd(pmd, pfn_pmd_leaf(PHYS_PFN(phys), PAGE_KERNEL));
	return true;
}

static void __init populate_small(unsigned long addr, unsigned long end, int nid)
{
	for (; addr < end; addr += PAGE_SIZE) {
		pte_t *pte = kernel_pte_alloc(addr);
		phys_addr_t phys;

		if (pte && !pte_none(*pte))
			continue;
		phys = pte ? vmemmap_memory(PAGE_SIZE, nid) : 0;
		if (!phys)
			panic("Out of memory for struct pages; give the machine more memory\n");
		nr_memmap_boot_pages++;
		set_pte(pte, pfn_pte(PHYS_PFN(phys), PAGE_KERNEL));
	}
}

void __init sparse_init_range(int nid, unsigned long start_pfn, unsigned long end_pfn)
{
	static const u8 movable[64] __aligned(16) = { [0 ... 63] = MIGRATE_MOVABLE };

	start_pfn = ALIGN_DOWN(start_pfn, MAX_ORDER_NR_PAGES);
	end_pfn = ALIGN(end_pfn, MAX_ORDER_NR_PAGES);
	if (end_pfn - start_pfn >= 2 * PAGES_PER_SECTION)
		fill_buffer(ALIGN_DOWN(end_pfn, PAGES_PER_SECTION) / PAGES_PER_SECTION -
				    DIV_ROUND_UP(start_pfn, PAGES_PER_SECTION),
			    nid);

	while (start_pfn < end_pfn) {
		unsigned long nr = pfn_to_section_nr(start_pfn);
		unsigned long next = min(end_pfn, section_nr_to_pfn(nr + 1));
		struct mem_section *s = &mem_sections[nr];

		if (s->memmap_map != ~0UL) {
			unsigned long addr = (unsigned long)pfn_to_page(start_pfn);
			unsigned int first = (start_pfn % PAGES_PER_SECTION) / PAGES_PER_SUBSECTION;
			unsigned int last = ((next - 1) % PAGES_PER_SECTION) / PAGES_PER_SUBSECTION;

			if (next - start_pfn != PAGES_PER_SECTION || !populate_large(addr, nid))
				populate_small(addr, (unsigned long)pfn_to_page(next), nid);
			s->memmap_map |= GENMASK(last, first);
		}
		if (!s->flags) {
			s->nid = nid;
			fill_blocks64(s->pageblock_type, movable, 1);
		}
		s->flags |= SECTION_MARKED_PRESENT | SECTION_HAS_MEM_MAP | SECTION_IS_ONLINE;
		start_pfn = next;
	}
	drop_buffer();
}

void __init sparse_init(void)
{
	unsigned long start, end, run_start = 0, run_end = 0;
	int i, nid, run_nid = NUMA_NO_NODE;

	nr_mem_sections = pfn_to_section_nr(max_pfn - 1) + 1;
	mem_sections = memblock_alloc_or_panic(nr_mem_sections * sizeof(*mem_sections), 128);

	/* Ranges that share a granule count as one, so that small holes do not split a section. */
	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &nid) {
		if (nid == run_nid &&
		    ALIGN_DOWN(start, MAX_ORDER_NR_PAGES) <= ALIGN(run_end, MAX_ORDER_NR_PAGES)) {
			run_end = end;
			continue;
		}
		if (run_end)
			sparse_init_range(run_nid, run_start, run_end);
		run_start = start;
		run_end = end;
		run_nid = nid;
	}
	sparse_init_range(run_nid, run_start, run_end);
}
