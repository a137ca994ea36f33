/*
 * Suite pgtable: what the kernel's own page tables say, entry by entry; the walker; fixmap and early_ioremap.
 */
#include "arch/x86/desc.h"
#include "arch/x86/pgtable.h"
#include "arch/x86/switch.h"
#include "kernel/smp.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/boot/early_ioremap.h"
#include "mm/boot/fixmap.h"
#include "mm/boot/memblock.h"
#include "mm/boot/paging.h"
#include "mm/debug/debug_pagealloc.h"
#include "mm/debug/kfence.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"

extern char __init_begin[], __init_end[], _text[], __start_rodata[];

static u64 entry_of(unsigned long addr, int *level)
{
	return lookup_address_in_pgd(swapper_pg_dir, addr, level);
}

/* Below the first task's stack: absent in the image and in the linear map. */
static unsigned long stack_guard(void)
{
	return (unsigned long)init_stack - PAGE_SIZE;
}

static void image_sections_have_their_rights(struct ktest *t)
{
	struct kernel_range r[8];
	int n = kernel_image_ranges(r, ARRAY_SIZE(r)), level;

	for (int i = 0; i < n; i++) {
		bool init = r[i].start >= (unsigned long)__init_begin &&
			    r[i].end <= (unsigned long)__init_end;
		bool text = streq(r[i].name, "text"), rodata = streq(r[i].name, "rodata");

		for (unsigned long addr = r[i].start; addr < r[i].end; addr += PAGE_SIZE) {
			u64 e = entry_of(addr, &level);

			if (init) { /* given back */
				if (level)
					KTEST_FAIL(t, "%s is still mapped at %lx", r[i].name, addr);
				continue;
			}
			if (addr == stack_guard()) {
				KTEST_EXPECT_EQ(t, level, 0);
				continue;
			}
			if (level != 1 ||
			    !(e & __supported_pte_mask & _PAGE_NX) !=
				    (text || !(__supported_pte_mask & _PAGE_NX)) ||
			    !(e & _PAGE_RW) != (text || rodata) || !(e & _PAGE_GLOBAL) ||
			    (e & _PAGE_USER)) {
				KTEST_FAIL(t, "%s at %lx: entry %llx, level %d", r[i].name, addr, e,
					   level);
				break;
			}
			KTEST_EXPECT_EQ(t, slow_virt_to_phys(swapper_pg_dir, addr),
					__pa_symbol(addr));
		}
	}
}

static void text_has_no_writable_alias(struct ktest *t)
{
	for (char *p = _text; p < __start_rodata; p += PAGE_SIZE) {
		int level;
		u64 e = entry_of((unsigned long)__va(__pa_symbol(p)), &level);

		if (!level || (e & _PAGE_RW)) {
			KTEST_FAIL(t, "the alias of %px: entry %llx, level %d", p, e, level);
			return;
		}
	}
}

struct sums {
	struct ktest *t;
	unsigned long bytes, leaves[4];
	int bad;
};

static void check_linear(struct sums *s, u64 e, unsigned long addr, unsigned long next, int level)
{
	static const unsigned long size[] = { 0, PAGE_SIZE, PMD_SIZE, PUD_SIZE };
	phys_addr_t phys = e & PTE_PFN_MASK & ~(size[level] - 1);

	s->bytes += next - addr;
	s->leaves[level]++;
	if (!(e & _PAGE_PRESENT) || (e & _PAGE_USER) || phys != addr - PAGE_OFFSET ||
	    ((__supported_pte_mask & _PAGE_NX) && !(e & _PAGE_NX)))
		if (s->bad++ == 0)
			KTEST_FAIL(s->t, "linear map at %lx: entry %llx, level %d", addr, e, level);
}

static int linear_pud(pud_t *pud, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	if (pud_leaf(*pud))
		check_linear(walk->private, pud_val(*pud), addr, next, 3);
	return 0;
}

static int linear_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	if (pmd_leaf(*pmd))
		check_linear(walk->private, pmd_val(*pmd), addr, next, 2);
	return 0;
}

/* The guard pages of the first task's stack and of the exception stacks are absent on purpose, and many of KFENCE's pool; so is
 * a page that nobody has, with debug_pagealloc=on. */
static bool is_guard(unsigned long addr)
{
	int cpu;

	if (addr == (unsigned long)__va(__pa_symbol(stack_guard())) ||
	    is_kfence_address((void *)addr))
		return true;
	if (debug_pagealloc_enabled() && !page_ref_count(virt_to_page(addr)))
		return true;
	for_each_possible_cpu(cpu) {
		if (addr == ist_guard_page(cpu, 0) || addr == ist_guard_page(cpu, 1))
			return true;
	}
	return false;
}

static int linear_pte(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	struct sums *s = walk->private;

	if (is_guard(addr) && !pte_present(ptep_get(pte)))
		s->bytes += PAGE_SIZE;
	else
		check_linear(s, pte_val(ptep_get(pte)), addr, next, 1);
	return 0;
}

static void linear_map_is_all_ram_and_nothing_else(struct ktest *t)
{
	static const struct pgwalk_ops ops = {
		.pud_entry = linear_pud,
		.pmd_entry = linear_pmd,
		.pte_entry = linear_pte,
	};
	struct sums s = { .t = t };
	unsigned long ram = 0;
	struct zone *zone;

	KTEST_EXPECT_EQ(t,
			walk_pgd_range(swapper_pg_dir, PAGE_OFFSET, PAGE_OFFSET + LINEAR_MAP_SIZE,
				       &ops, &s),
			0);
	for_each_populated_zone(zone)
		ram += zone->present_pages << PAGE_SHIFT;
	KTEST_EXPECT_EQ(t, s.bytes, ram);
	ktest_info(t, "%lu x 4K, %lu x 2M, %lu x 1G", s.leaves[1], s.leaves[2], s.leaves[3]);
}

static int count_wx(u64 e, unsigned long addr, struct pgwalk *walk)
{
	int *n = walk->private;

	if ((e & _PAGE_PRESENT) && (e & _PAGE_RW) && !(e & _PAGE_NX))
		++*n;
	return 0;
}

static int wx_pud(pud_t *pud, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	return pud_leaf(*pud) ? count_wx(pud_val(*pud), addr, walk) : 0;
}

static int wx_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	return pmd_leaf(*pmd) ? count_wx(pmd_val(*pmd), addr, walk) : 0;
}

static int wx_pte(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	return count_wx(pte_val(ptep_get(pte)), addr, walk);
}

static void nothing_is_writable_and_executable(struct ktest *t)
{
	static const struct pgwalk_ops ops = { .pud_entry = wx_pud,
					       .pmd_entry = wx_pmd,
					       .pte_entry = wx_pte };
	int n = 0;

	if (!(__supported_pte_mask & _PAGE_NX))
		return ktest_skip(t, "this CPU has no NX");
	/* Not through a KASAN kernel's shadow: 16 TiB of addresses, below top entries that forbid execution. */
	KTEST_EXPECT_EQ(
		t, walk_pgd_range(swapper_pg_dir, PAGE_OFFSET, KASAN_SHADOW_START, &ops, &n), 0);
	KTEST_EXPECT_EQ(t, walk_pgd_range(swapper_pg_dir, KASAN_SHADOW_END, 0, &ops, &n), 0);
	for (unsigned long a = KASAN_SHADOW_START; a < KASAN_SHADOW_END; a += PGDIR_SIZE)
		KTEST_EXPECT_TRUE(t, pgd_none(swapper_pg_dir[pgd_index(a)]) ||
					     pgd_val(swapper_pg_dir[pgd_index(a)]) & _PAGE_NX);
	KTEST_EXPECT_EQ(t, n, 0);
}

static void top_level_is_complete(struct ktest *t)
{
	static const unsigned long used[] = { PAGE_OFFSET, VMALLOC_START, VMEMMAP_START,
					      KERNEL_MAP_BASE, FIXADDR_TOP - 1 };

	for (int i = 0; i < 256; i++)
		KTEST_EXPECT_TRUE(t, pgd_none(swapper_pg_dir[i])); /* nothing one to one is left */
	for (int i = 0; i < ARRAY_SIZE(used); i++)
		KTEST_EXPECT_TRUE(t, pgd_present(swapper_pg_dir[pgd_index(used[i])]));
}

/* So that the search for W+X need not look below them. */
static void top_entries_forbid_execution_of_data(struct ktest *t)
{
	u64 nx = _PAGE_NX & __supported_pte_mask;
	unsigned long i;

	for (i = pgd_index(PAGE_OFFSET); i < pgd_index(VMALLOC_START); i++)
		if (!pgd_none(swapper_pg_dir[i]))
			KTEST_EXPECT_EQ(t, pgd_val(swapper_pg_dir[i]) & _PAGE_NX, nx);
	i = pgd_index(VMEMMAP_START);
	KTEST_EXPECT_EQ(t, pgd_val(swapper_pg_dir[i]) & _PAGE_NX, nx);
	KTEST_EXPECT_EQ(t, pgd_val(swapper_pg_dir[511]) & _PAGE_NX, 0UL);
}

static void every_valid_pfn_has_a_struct_page(struct ktest *t)
{
	unsigned long valid = 0;
	int level;

	for (unsigned long pfn = 0; pfn < nr_mem_sections * PAGES_PER_SECTION;
	     pfn += PAGES_PER_SUBSECTION) {
		unsigned long first = (unsigned long)pfn_to_page(pfn);
		unsigned long last = (unsigned long)pfn_to_page(pfn + PAGES_PER_SUBSECTION) - 1;

		if (!pfn_valid(pfn))
			continue;
		valid++;
		entry_of(first, &level);
		KTEST_EXPECT_NE(t, level, 0);
		entry_of(last, &level);
		KTEST_EXPECT_NE(t, level, 0);
	}
	KTEST_EXPECT_GT(t, valid, 0UL);
	KTEST_EXPECT_FALSE(t, pfn_valid(nr_mem_sections * PAGES_PER_SECTION));
	KTEST_EXPECT_FALSE(t, pfn_valid(~0UL));
}

/* ---- the walker on tables made by hand ---- */

struct seen {
	unsigned long holes[4], ptes, pmds, bytes, last_next;
	int gaps;
};

static void seen_span(struct seen *s, unsigned long addr, unsigned long next)
{
	if (s->last_next != addr)
		s->gaps++;
	s->last_next = next;
	s->bytes += next - addr;
}

static int seen_hole(unsigned long addr, unsigned long next, int depth, struct pgwalk *walk)
{
	struct seen *s = walk->private;

	s->holes[depth]++;
	seen_span(s, addr, next);
	return 0;
}

static int seen_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	struct seen *s = walk->private;

	s->pmds++;
	if (pmd_leaf(*pmd))
		seen_span(s, addr, next);
	return 0;
}

static int seen_pte(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	struct seen *s = walk->private;

	s->ptes++;
	seen_span(s, addr, next);
	return 0;
}

static void walker_covers_a_range_without_gaps(struct ktest *t)
{
	static const struct pgwalk_ops ops = { .pmd_entry = seen_pmd,
					       .pte_entry = seen_pte,
					       .pte_hole = seen_hole };
	pgd_t *pgd = (pgd_t *)get_zeroed_page(GFP_KERNEL);
	pud_t *pud = (pud_t *)get_zeroed_page(GFP_KERNEL);
	pmd_t *pmd = (pmd_t *)get_zeroed_page(GFP_KERNEL);
	pte_t *pte = (pte_t *)get_zeroed_page(GFP_KERNEL);
	struct seen s = { .last_next = PAGE_SIZE };
	int level;

	KTEST_ASSERT_TRUE(t, pgd && pud && pmd && pte);
	set_pgd(&pgd[0], __pgd(__pa(pud) | _PAGE_TABLE));
	set_pud(&pud[1], __pud(__pa(pmd) | _PAGE_TABLE));
	set_pmd(&pmd[0], __pmd(__pa(pte) | _PAGE_TABLE));
	set_pmd(&pmd[2], pfn_pmd_leaf(0x400, PAGE_KERNEL));
	set_pte(&pte[511], pfn_pte(0x123, PAGE_KERNEL));

	/* From the second page to the end of the third GiB. */
	KTEST_EXPECT_EQ(t, walk_pgd_range(pgd, PAGE_SIZE, 3 * PUD_SIZE, &ops, &s), 0);
	KTEST_EXPECT_EQ(t, s.bytes, 3 * PUD_SIZE - PAGE_SIZE);
	KTEST_EXPECT_EQ(t, s.gaps, 0);
	KTEST_EXPECT_EQ(t, s.holes[1], 2UL);
	KTEST_EXPECT_EQ(t, s.holes[2], 510UL);
	KTEST_EXPECT_EQ(t, s.holes[3], 511UL);
	KTEST_EXPECT_EQ(t, s.ptes, 1UL);
	KTEST_EXPECT_EQ(t, s.pmds, 2UL);

	/* The last page of the address space. */
	s = (struct seen){ .last_next = -PAGE_SIZE };
	KTEST_EXPECT_EQ(t, walk_pgd_range(pgd, -PAGE_SIZE, 0, &ops, &s), 0);
	KTEST_EXPECT_EQ(t, s.holes[0], 1UL);
	KTEST_EXPECT_EQ(t, s.bytes, PAGE_SIZE);

	KTEST_EXPECT_EQ(t, slow_virt_to_phys(pgd, PUD_SIZE + 511 * PAGE_SIZE + 5), 0x123005UL);
	KTEST_EXPECT_EQ(t, slow_virt_to_phys(pgd, PUD_SIZE + 2 * PMD_SIZE + 0x12345), 0x412345UL);
	KTEST_EXPECT_EQ(t, slow_virt_to_phys(pgd, PUD_SIZE), ~0UL);
	lookup_address_in_pgd(pgd, PUD_SIZE + 2 * PMD_SIZE, &level);
	KTEST_EXPECT_EQ(t, level, 2);
	free_page((unsigned long)pte);
	free_page((unsigned long)pmd);
	free_page((unsigned long)pud);
	free_page((unsigned long)pgd);
}

/* ---- fixmap, early_ioremap ---- */

static void fixmap_slot_shows_its_page(struct ktest *t)
{
	unsigned long *page = (unsigned long *)get_zeroed_page(GFP_KERNEL);
	unsigned long *slot = (unsigned long *)fix_to_virt(FIX_KMAP_END);
	int level;

	KTEST_ASSERT_NOT_NULL(t, page);
	set_fixmap(FIX_KMAP_END, __pa(page));
	slot[7] = 0x7777;
	KTEST_EXPECT_EQ(t, READ_ONCE(page[7]), 0x7777UL);
	clear_fixmap(FIX_KMAP_END);
	entry_of((unsigned long)slot, &level);
	KTEST_EXPECT_EQ(t, level, 0);
	free_page((unsigned long)page);
}

static void early_ioremap_maps_and_reports_leaks(struct ktest *t)
{
	char *page = (char *)get_zeroed_page(GFP_KERNEL), *map;
	int level, leaks = early_ioremap_check_leaks();

	KTEST_ASSERT_NOT_NULL(t, page);
	strcpy(page + 100, "quire");
	map = early_memremap(__pa(page) + 100, 6);
	KTEST_ASSERT_NOT_NULL(t, map);
	KTEST_EXPECT_STREQ(t, map, "quire");
	KTEST_EXPECT_EQ(t, early_ioremap_check_leaks(), leaks + 1);
	early_memunmap(map, 6);
	KTEST_EXPECT_EQ(t, early_ioremap_check_leaks(), leaks);
	entry_of((unsigned long)map, &level);
	KTEST_EXPECT_EQ(t, level, 0);
	free_page((unsigned long)page);
}

static const struct ktest_case cases[] = {
	KTEST_CASE(image_sections_have_their_rights),
	KTEST_CASE(text_has_no_writable_alias),
	KTEST_CASE(linear_map_is_all_ram_and_nothing_else),
	KTEST_CASE(nothing_is_writable_and_executable),
	KTEST_CASE(top_level_is_complete),
	KTEST_CASE(top_entries_forbid_execution_of_data),
	KTEST_CASE(every_valid_pfn_has_a_struct_page),
	KTEST_CASE(walker_covers_a_range_without_gaps),
	KTEST_CASE(fixmap_slot_shows_its_page),
	KTEST_CASE(early_ioremap_maps_and_reports_leaks),
	{},
};
KTEST_SUITE(pgtable, cases);
