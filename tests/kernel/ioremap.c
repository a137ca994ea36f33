/*
 * Suite ioremap: device memory has the type that was asked for, or an existing one that is safe; what is
 * no device memory is refused. The tables are judged, devices are not touched.
 */
#include "arch/x86/msr.h"
#include "kernel/ktest.h"
#include "kernel/smp.h"
#include "mm/kva/io_mapping.h"
#include "mm/kva/ioremap.h"
#include "mm/kva/memtype.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"

#define MMIO	0xfd000000UL /* of the PCI hole: nobody in the tests uses it */
#define CACHE	(_PAGE_PCD | _PAGE_PWT)
#define NO_TYPE ((enum page_cache_mode)99)

static u64 entry_of(const volatile void __iomem *p, int *level)
{
	return lookup_address_in_pgd(swapper_pg_dir, (unsigned long)p, level);
}

static void bad_ranges_give_null(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL);

	KTEST_ASSERT_NOT_NULL(t, page);
	ktest_info(t, "two warnings are expected: RAM, and no such range");
	KTEST_EXPECT_NULL(t, ioremap(page_to_phys(page), PAGE_SIZE));
	KTEST_EXPECT_NULL(t, ioremap(page_to_phys(page) + 100, 1));
	KTEST_EXPECT_NULL(t, ioremap_cache(page_to_phys(page), 1));
	KTEST_EXPECT_NULL(t, ioremap(~0UL - 100, PAGE_SIZE));
	KTEST_EXPECT_NULL(t, ioremap(MMIO, 0));
	KTEST_EXPECT_NULL(t, ioremap(MMIO, ~0UL));
	KTEST_EXPECT_NULL(t, ioremap(1UL << 60, PAGE_SIZE));
	__free_page(page);
	iounmap(NULL);
}

static void entries_have_the_type(struct ktest *t)
{
	static const struct {
		void __iomem *(*map)(phys_addr_t, unsigned long);
		u64 large, small;
		enum page_cache_mode mode;
	} kinds[] = {
		{ ioremap, _PAGE_CACHE_UC_MINUS, _PAGE_CACHE_UC_MINUS, _PAGE_CACHE_MODE_UC_MINUS },
		{ ioremap_uc, _PAGE_CACHE_UC, _PAGE_CACHE_UC, _PAGE_CACHE_MODE_UC },
		{ ioremap_wc, _PAGE_CACHE_WC, _PAGE_CACHE_WC, _PAGE_CACHE_MODE_WC },
		{ ioremap_wt, CACHE | _PAGE_PAT_LARGE, _PAGE_CACHE_WT, _PAGE_CACHE_MODE_WT },
		{ ioremap_cache, 0, 0, _PAGE_CACHE_MODE_WB },
	};

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		char __iomem *p = kinds[i].map(MMIO + 0x10, 4),
			     *q = kinds[i].map(MMIO, 2 * PMD_SIZE);
		int level;
		u64 e;

		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_ASSERT_NOT_NULL(t, q);
		KTEST_EXPECT_EQ(t, (unsigned long)p & ~PAGE_MASK, 0x10UL);
		e = entry_of(p, &level);
		KTEST_EXPECT_EQ(t, level, 1);
		KTEST_EXPECT_EQ(t, e & PTE_PFN_MASK, (u64)MMIO);
		KTEST_EXPECT_EQ(t, e & (CACHE | _PAGE_PAT), kinds[i].small);
		KTEST_EXPECT_EQ(t, e & __supported_pte_mask & _PAGE_NX,
				__supported_pte_mask & _PAGE_NX);
		e = entry_of(q + PMD_SIZE, &level);
		KTEST_EXPECT_EQ(t, level, 2);
		KTEST_EXPECT_EQ(t, e & (CACHE | _PAGE_PAT_LARGE), kinds[i].large);
		KTEST_EXPECT_EQ(t, vmalloc_to_pfn(q + PMD_SIZE + 0x12345),
				PHYS_PFN(MMIO + PMD_SIZE + 0x12345));
		KTEST_EXPECT_EQ(t, memtype_lookup(MMIO, MMIO + 1), kinds[i].mode);
		iounmap(p);
		iounmap(q);
		entry_of(p, &level);
		KTEST_EXPECT_EQ(t, level, 0);
		KTEST_EXPECT_EQ(t, memtype_lookup(MMIO, MMIO + 2 * PMD_SIZE), _PAGE_CACHE_MODE_WB);
	}
}

static void second_mapping_gets_the_first_ones_type(struct ktest *t)
{
	void __iomem *uc = ioremap(MMIO, PAGE_SIZE), *wc, *two;
	int level;

	KTEST_ASSERT_NOT_NULL(t, uc);
	wc = ioremap_wc(MMIO, 4 * PAGE_SIZE);
	KTEST_ASSERT_NOT_NULL(t, wc);
	KTEST_EXPECT_EQ(t, entry_of(wc, &level) & CACHE, (u64)_PAGE_CACHE_UC_MINUS);
	KTEST_EXPECT_NULL(t, ioremap_cache(MMIO + PAGE_SIZE, 1)); /* would cache what is uncached */
	two = ioremap_wt(MMIO + 4 * PAGE_SIZE, PAGE_SIZE);
	KTEST_ASSERT_NOT_NULL(t, two);
	KTEST_EXPECT_NULL(t, ioremap(MMIO, 5 * PAGE_SIZE));	/* two types in one range */
	KTEST_EXPECT_NULL(t, ioremap(MMIO + 4 * PAGE_SIZE, 1)); /* cached more than it can bear */
	iounmap(uc);
	iounmap(wc);
	iounmap(two);
	wc = ioremap_wc(MMIO, PAGE_SIZE); /* nothing is left of them */
	KTEST_ASSERT_NOT_NULL(t, wc);
	KTEST_EXPECT_EQ(t, entry_of(wc, &level) & CACHE, (u64)_PAGE_CACHE_WC);
	iounmap(wc);
}

static void memtypes_are_checked_and_counted(struct ktest *t)
{
	enum page_cache_mode got = NO_TYPE;

	KTEST_EXPECT_EQ(t, memtype_reserve(MMIO, MMIO, _PAGE_CACHE_MODE_UC, &got), -EINVAL);
	KTEST_EXPECT_EQ(t, memtype_reserve(MMIO, MMIO + 8192, _PAGE_CACHE_MODE_WC, NULL), 0);
	KTEST_EXPECT_EQ(t, memtype_reserve(MMIO, MMIO + 8192, _PAGE_CACHE_MODE_WC, NULL), 0);
	KTEST_EXPECT_EQ(t, memtype_reserve(MMIO + 4096, MMIO + 12288, _PAGE_CACHE_MODE_UC, NULL),
			-EBUSY);
	KTEST_EXPECT_EQ(t, memtype_reserve(MMIO + 4096, MMIO + 12288, _PAGE_CACHE_MODE_UC, &got),
			0);
	KTEST_EXPECT_EQ(t, got, _PAGE_CACHE_MODE_WC);
	KTEST_EXPECT_EQ(t, memtype_free(MMIO, MMIO + 4096), -EINVAL);
	KTEST_EXPECT_EQ(t, memtype_free(MMIO, MMIO + 8192), 0);
	KTEST_EXPECT_EQ(t, memtype_lookup(MMIO, MMIO + 4096), _PAGE_CACHE_MODE_WC);
	KTEST_EXPECT_EQ(t, memtype_free(MMIO, MMIO + 8192), 0);
	KTEST_EXPECT_EQ(t, memtype_lookup(MMIO, MMIO + 4096), _PAGE_CACHE_MODE_WB);
	KTEST_EXPECT_EQ(t, memtype_free(MMIO, MMIO + 8192), -EINVAL);
	KTEST_EXPECT_EQ(t, memtype_free(MMIO + 4096, MMIO + 12288), 0);
}

#define RANGES 24

/* Random reservations against an array of pages: which types may exist, and who got what. */
static void random_memtypes_against_model(struct ktest *t)
{
	static struct {
		u64 start, end;
		enum page_cache_mode mode;
	} live[RANGES];
	unsigned long bad = 0;

	for (int n = 0; n < RANGES; n++)
		live[n].end = 0;
	for (int step = 0; step < 2000; step++) {
		int n = ktest_random_below(t, RANGES), types = 0;
		u64 start = MMIO + ktest_random_below(t, 40) * PAGE_SIZE;
		u64 end = start + (1 + ktest_random_below(t, 6)) * PAGE_SIZE;
		enum page_cache_mode want = ktest_random_below(t, _PAGE_CACHE_MODE_NUM), got,
				     is = want;

		if (live[n].end) {
			bad += memtype_free(live[n].start, live[n].end) != 0;
			live[n].end = 0;
			continue;
		}
		for (int k = 0; k < RANGES; k++) {
			if (!live[k].end || live[k].end <= start || live[k].start >= end)
				continue;
			if (!types || live[k].mode != is)
				types++;
			is = live[k].mode;
		}
		/* The log line of each refusal is not wanted 2000 times: such ranges are left out. */
		if (types > 1)
			continue;
		bad += memtype_reserve(start, end, want, &got) != 0 || got != is;
		live[n].start = start;
		live[n].end = end;
		live[n].mode = is;
	}
	for (int n = 0; n < RANGES; n++)
		if (live[n].end)
			bad += memtype_free(live[n].start, live[n].end) != 0;
	KTEST_EXPECT_EQ(t, bad, 0UL);
	KTEST_EXPECT_EQ(t, memtype_lookup(MMIO, MMIO + 64 * PAGE_SIZE), _PAGE_CACHE_MODE_WB);
}

static atomic_t wrong_pat;

static void check_pat(void *unused)
{
	/* WB WC UC- UC WB WP UC- WT, from the lowest byte */
	if (native_read_msr(MSR_IA32_CR_PAT) != 0x0407050600070106ULL)
		atomic_inc(&wrong_pat);
}

static void pat_is_the_same_on_all_cpus(struct ktest *t)
{
	atomic_set(&wrong_pat, 0);
	on_each_cpu(check_pat, NULL, true);
	KTEST_EXPECT_EQ(t, atomic_read(&wrong_pat), 0);
}

static void io_mapping_is_one_large_mapping(struct ktest *t)
{
	struct io_mapping *map = io_mapping_create_wc(MMIO, 2 * PMD_SIZE);
	char __iomem *a, *b;
	int level;

	KTEST_ASSERT_NOT_NULL(t, map);
	a = io_mapping_map_local_wc(map, PMD_SIZE + 123);
	b = io_mapping_map_wc(map, 64, 128);
	KTEST_EXPECT_EQ(t, vmalloc_to_pfn(a), PHYS_PFN(MMIO + PMD_SIZE));
	KTEST_EXPECT_EQ(t, (unsigned long)a & ~PAGE_MASK, 0UL);
	KTEST_EXPECT_EQ(t, (unsigned long)b & ~PAGE_MASK, 64UL);
	KTEST_EXPECT_EQ(t, entry_of(b, &level) & CACHE, (u64)_PAGE_CACHE_WC);
	KTEST_EXPECT_EQ(t, level, 2);
	ktest_info(t, "one warning is expected: past the end");
	KTEST_EXPECT_NULL(t, io_mapping_map_wc(map, PMD_SIZE, PMD_SIZE + 1));
	io_mapping_unmap(b);
	io_mapping_unmap_local(a);
	io_mapping_free(map);
	io_mapping_free(NULL);
	KTEST_EXPECT_NULL(t, io_mapping_create_wc(MMIO, 0));
}

static const struct ktest_case ioremap_cases[] = {
	KTEST_CASE(bad_ranges_give_null),
	KTEST_CASE(entries_have_the_type),
	KTEST_CASE(second_mapping_gets_the_first_ones_type),
	KTEST_CASE(memtypes_are_checked_and_counted),
	KTEST_CASE(random_memtypes_against_model),
	KTEST_CASE(pat_is_the_same_on_all_cpus),
	KTEST_CASE(io_mapping_is_one_large_mapping),
	{},
};
KTEST_SUITE(ioremap, ioremap_cases);
