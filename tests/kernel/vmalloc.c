/*
 * Suite vmalloc: areas of kernel address space hold what is written, end at a guard page, and their
 * addresses and pages come back. What is mapped is judged by reading through
 * copy_from_kernel_nofault and by the tables.
 */
#include "arch/x86/irqflags.h"
#include "arch/x86/uaccess.h"
#include "kernel/ktest.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/kva/ioremap.h"
#include "mm/kva/stack.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"
#include "mm/slab/slab.h"

static bool readable(const void *p)
{
	u8 byte;

	return copy_from_kernel_nofault(&byte, p, 1) == 0;
}

static void areas_end_at_a_guard_page(struct ktest *t)
{
	static const size_t sizes[] = { 1, 4096, 4097, 65536 };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *p = vmalloc(sizes[i]);

		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_EXPECT_TRUE(t, is_vmalloc_addr(p));
		memset(p, 0x11, PAGE_ALIGN(sizes[i]));
		KTEST_EXPECT_TRUE(t, readable(p + PAGE_ALIGN(sizes[i]) - 1));
		KTEST_EXPECT_FALSE(t, readable(p + PAGE_ALIGN(sizes[i])));
		KTEST_EXPECT_FALSE(t, readable(p - 1));
		vfree(p);
		vm_unmap_aliases(); /* until the flush a TLB may still know the page */
		KTEST_EXPECT_FALSE(t, readable(p));
	}
}

static void zeroed_areas_are_zero(struct ktest *t)
{
	u8 *p = vmalloc(32768);

	KTEST_ASSERT_NOT_NULL(t, p);
	memset(p, 0xee, 32768);
	vfree(p);
	p = vzalloc(32768);
	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0, 32768));
	vfree(p);
}

static void pages_are_those_of_the_area(struct ktest *t)
{
	u8 *p = vmalloc(4 * PAGE_SIZE);
	struct vm_struct *vm;

	KTEST_ASSERT_NOT_NULL(t, p);
	vm = find_vm_area(p);
	KTEST_ASSERT_NOT_NULL(t, vm);
	KTEST_EXPECT_EQ(t, vm->nr_pages, 4U);
	KTEST_EXPECT_EQ(t, vm->size, 5 * PAGE_SIZE);
	for (int i = 0; i < 4; i++) {
		struct page *page = vmalloc_to_page(p + i * PAGE_SIZE + 5);

		KTEST_EXPECT_TRUE(t, page == vm->pages[i]);
		p[i * PAGE_SIZE] = 50 + i;
		KTEST_EXPECT_EQ(t, *(u8 *)page_address(page), 50 + i);
	}
	KTEST_EXPECT_NULL(t, vmalloc_to_page(p + 4 * PAGE_SIZE));
	KTEST_EXPECT_TRUE(t, find_vm_area(p + 3 * PAGE_SIZE) == vm);
	vfree(p);
	KTEST_EXPECT_NULL(t, find_vm_area(p));
}

static void vmap_makes_an_alias(struct ktest *t)
{
	struct page *pages[3];
	u8 *a, *b;

	for (int i = 0; i < 3; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		KTEST_ASSERT_NOT_NULL(t, pages[i]);
	}
	a = vmap(pages, 3, VM_MAP, PAGE_KERNEL);
	b = vmap(pages, 3, VM_MAP, PAGE_KERNEL_RO);
	KTEST_ASSERT_NOT_NULL(t, a);
	KTEST_ASSERT_NOT_NULL(t, b);
	for (int i = 0; i < 3; i++) {
		u8 zero = 0;

		a[i * PAGE_SIZE + 17] = 77 + i;
		KTEST_EXPECT_EQ(t, b[i * PAGE_SIZE + 17], 77 + i);
		KTEST_EXPECT_EQ(t, ((u8 *)page_address(pages[i]))[17], 77 + i);
		KTEST_EXPECT_NE(t, copy_to_kernel_nofault(b + i * PAGE_SIZE, &zero, 1), 0L);
	}
	vunmap(a);
	vunmap(b);
	vm_unmap_aliases();
	KTEST_EXPECT_FALSE(t, readable(a));
	for (int i = 0; i < 3; i++) {
		KTEST_EXPECT_EQ(t, page_count(pages[i]), 1);
		__free_page(pages[i]);
	}
}

static void addresses_come_back_after_a_purge(struct ktest *t)
{
	void *p, *q;

	vm_unmap_aliases();
	p = vmalloc(8 * PAGE_SIZE);
	KTEST_ASSERT_NOT_NULL(t, p);
	vfree(p);
	q = vmalloc(8 * PAGE_SIZE); /* p waits for its TLB flush */
	KTEST_EXPECT_TRUE(t, q != p);
	vfree(q);
	vm_unmap_aliases();
	q = vmalloc(8 * PAGE_SIZE);
	KTEST_EXPECT_TRUE(t, q == p);
	vfree(q);
}

static int count_area(const struct vm_struct *area, void *arg)
{
	++*(unsigned long *)arg;
	return 0;
}

static void random_against_model(struct ktest *t)
{
	static struct {
		u64 *p;
		size_t words;
		u64 seed;
	} live[96];
	unsigned long bad = 0, areas_before = 0, areas_after = 0, pages_before = vmalloc_nr_pages();

	memset(live, 0, sizeof(live));
	vmalloc_for_each(count_area, &areas_before);
	for (int step = 0; step < 3000; step++) {
		int n = ktest_random_below(t, ARRAY_SIZE(live));

		if (!live[n].p) {
			live[n].words = (1 + ktest_random_below(t, 6)) * PAGE_SIZE / 8;
			live[n].seed = ktest_random(t);
			live[n].p = vmalloc(live[n].words * 8);
			KTEST_ASSERT_NOT_NULL(t, live[n].p);
			for (size_t i = 0; i < live[n].words; i += 64)
				live[n].p[i] = live[n].seed + i;
			continue;
		}
		for (size_t i = 0; i < live[n].words; i += 64)
			bad += live[n].p[i] != live[n].seed + i;
		bad += readable(live[n].p + live[n].words);
		vfree(live[n].p);
		live[n].p = NULL;
	}
	for (int n = 0; n < ARRAY_SIZE(live); n++)
		vfree(live[n].p);
	KTEST_EXPECT_EQ(t, bad, 0UL);
	KTEST_EXPECT_EQ(t, vmalloc_nr_pages(), pages_before);
	vmalloc_for_each(count_area, &areas_after);
	KTEST_EXPECT_EQ(t, areas_after, areas_before);
}

static void no_page_is_lost(struct ktest *t)
{
	unsigned long before, after;
	void *p = vmalloc(2 * PMD_SIZE); /* the tables stay */

	vfree(p);
	vm_unmap_aliases();
	drain_all_pages(NULL);
	before = nr_free_pages();
	for (int i = 0; i < 100; i++)
		vfree(vmalloc(50 * PAGE_SIZE));
	vm_unmap_aliases();
	drain_all_pages(NULL);
	after = nr_free_pages();
	KTEST_EXPECT_GE(t, after + 16, before);
}

static void stacks_are_guarded_and_reused(struct ktest *t)
{
	u8 *s = alloc_thread_stack(NUMA_NO_NODE), *again;
	unsigned long flags;

	KTEST_ASSERT_NOT_NULL(t, s);
	KTEST_EXPECT_TRUE(t, readable(s));
	KTEST_EXPECT_TRUE(t, readable(s + THREAD_SIZE - 1));
	KTEST_EXPECT_FALSE(t, readable(s - 1));
	KTEST_EXPECT_FALSE(t, readable(s + THREAD_SIZE));
	local_irq_save(flags);
	free_thread_stack(s);
	again = alloc_thread_stack(NUMA_NO_NODE);
	local_irq_restore(flags);
	KTEST_EXPECT_NOT_NULL(t, again);
	free_thread_stack(again);
}

static void vfree_works_with_interrupts_off(struct ktest *t)
{
	void *p = vmalloc(PAGE_SIZE);
	unsigned long flags;

	KTEST_ASSERT_NOT_NULL(t, p);
	local_irq_save(flags);
	vfree(p);
	local_irq_restore(flags);
	KTEST_EXPECT_NOT_NULL(t, find_vm_area(p));
	vfree(vmalloc(PAGE_SIZE));
	KTEST_EXPECT_NULL(t, find_vm_area(p));
}

static void absurd_requests_give_null(struct ktest *t)
{
	KTEST_EXPECT_NULL(t, __vmalloc(0, GFP_KERNEL | __GFP_NOWARN));
	KTEST_EXPECT_NULL(t, __vmalloc(~0UL, GFP_KERNEL | __GFP_NOWARN));
	KTEST_EXPECT_NULL(t, __vmalloc(1UL << 45, GFP_KERNEL | __GFP_NOWARN));
	vfree(NULL);
	vunmap(NULL);
}

static void kvmalloc_takes_what_there_is(struct ktest *t)
{
	void *small = kvmalloc(100, GFP_KERNEL),
	     *large = kvmalloc(5UL << 20, GFP_KERNEL | __GFP_NOWARN);

	KTEST_EXPECT_NOT_NULL(t, small);
	KTEST_EXPECT_FALSE(t, is_vmalloc_addr(small));
	if (large)
		KTEST_EXPECT_TRUE(t, is_vmalloc_addr(large));
	kvfree(small);
	kvfree(large);
	kvfree(NULL);
}

static void ioremap_is_uncached_and_not_for_ram(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void __iomem *p;
	int level;
	u64 pte;

	KTEST_ASSERT_NOT_NULL(t, page);
	ktest_info(t, "one warning is expected: ioremap of RAM");
	KTEST_EXPECT_NULL(t, ioremap(page_to_phys(page), PAGE_SIZE));
	KTEST_EXPECT_NULL(t, ioremap(~0UL - 100, PAGE_SIZE));
	__free_page(page);

	p = ioremap(0xfee00010UL, 4); /* the local APIC's page, not touched here */
	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_EQ(t, (unsigned long)p & ~PAGE_MASK, 0x10UL);
	pte = lookup_address_in_pgd(swapper_pg_dir, (unsigned long)p, &level);
	KTEST_EXPECT_EQ(t, level, 1);
	KTEST_EXPECT_EQ(t, pte & PTE_PFN_MASK, (u64)0xfee00000UL);
	KTEST_EXPECT_EQ(t, pte & (_PAGE_PCD | _PAGE_PWT), (u64)_PAGE_CACHE_UC);
	KTEST_EXPECT_EQ(t, vmalloc_to_pfn(p), 0xfee00UL);
	iounmap(p);
	lookup_address_in_pgd(swapper_pg_dir, (unsigned long)p, &level);
	KTEST_EXPECT_EQ(t, level, 0);

	p = ioremap_wc(0xfd000000UL, 4UL << 20); /* large entries */
	KTEST_ASSERT_NOT_NULL(t, p);
	pte = lookup_address_in_pgd(swapper_pg_dir, (unsigned long)p, &level);
	KTEST_EXPECT_EQ(t, pte & (_PAGE_PCD | _PAGE_PWT), (u64)_PAGE_CACHE_WC);
	KTEST_EXPECT_EQ(t, vmalloc_to_pfn((char *)p + 0x212345), 0xfd212UL);
	iounmap(p);
}

static const struct ktest_case vmalloc_cases[] = {
	KTEST_CASE(areas_end_at_a_guard_page),
	KTEST_CASE(zeroed_areas_are_zero),
	KTEST_CASE(pages_are_those_of_the_area),
	KTEST_CASE(vmap_makes_an_alias),
	KTEST_CASE(addresses_come_back_after_a_purge),
	KTEST_CASE(random_against_model),
	KTEST_CASE(no_page_is_lost),
	KTEST_CASE(stacks_are_guarded_and_reused),
	KTEST_CASE(vfree_works_with_interrupts_off),
	KTEST_CASE(absurd_requests_give_null),
	KTEST_CASE(kvmalloc_takes_what_there_is),
	KTEST_CASE(ioremap_is_uncached_and_not_for_ram),
	{},
};
KTEST_SUITE(vmalloc, vmalloc_cases);
