/*
 * Suite vmalloc: areas of kernel address space hold what is written, end at a guard page, and their
 * addresses and pages come back. What is mapped is judged by reading through
 * copy_from_kernel_nofault and by the tables.
 */
#include "arch/x86/irqflags.h"
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/ktest.h"
#include "kernel/rcu.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/debug/kasan.h"
#include "mm/kva/highmem.h"
#include "mm/kva/set_memory.h"
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
	kasan_quarantine_remove_cache(NULL);
	drain_all_pages(NULL);
	before = nr_free_pages();
	for (int i = 0; i < 100; i++)
		vfree(vmalloc(50 * PAGE_SIZE));
	vm_unmap_aliases();
	kasan_quarantine_remove_cache(NULL); /* lists of pages wait there */
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
	ktest_info(t, "two warnings are expected, of vmalloc and of vmap");
	KTEST_EXPECT_NULL(t, vmalloc(0));
	KTEST_EXPECT_NULL(t, vzalloc(~0UL));
	KTEST_EXPECT_NULL(t, vmalloc_huge(1UL << 45, GFP_KERNEL));
	KTEST_EXPECT_NULL(t, vmap(NULL, 0, VM_MAP, PAGE_KERNEL));
	KTEST_EXPECT_NULL(t, vmap(NULL, ~0U, VM_MAP, PAGE_KERNEL));
	vfree(NULL);
	vunmap(NULL);
}

static void restricted_contexts_work(struct ktest *t)
{
	static const gfp_t how[] = { GFP_NOFS, GFP_NOIO };

	for (int i = 0; i < ARRAY_SIZE(how); i++) {
		u8 *p = __vmalloc(40 * PAGE_SIZE, how[i] | __GFP_ZERO);

		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_EXPECT_NULL(t, memchr_inv(p, 0, 40 * PAGE_SIZE));
		KTEST_EXPECT_EQ(t, current->flags & (PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO), 0U);
		vfree(p);
	}
	ktest_info(t, "one warning is expected: vmalloc that may not sleep");
	KTEST_EXPECT_NULL(t, __vmalloc(PAGE_SIZE, GFP_ATOMIC));
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

static unsigned int level_of(const void *p)
{
	int level;

	lookup_address_in_pgd(swapper_pg_dir, (unsigned long)p, &level);
	return level;
}

static bool is_one_block(struct page **pages)
{
	for (int i = 1; i < 512; i++)
		if (pages[i] != pages[0] + i)
			return false;
	return IS_ALIGNED(page_to_pfn(pages[0]), 512);
}

/* Small pages first live where the large ones come next, so a table stands in their way. */
static void huge_areas_use_large_entries(struct ktest *t)
{
	struct vm_struct *vm;
	u8 *p, *q;

	vm_unmap_aliases(); /* so that nothing below becomes free meanwhile */
	p = vmalloc_huge(2 * PMD_SIZE + 3 * PAGE_SIZE, GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, p);
	vm = find_vm_area(p);
	KTEST_EXPECT_EQ(t, vm->nr_pages, 2 * 512 + 3U);
	KTEST_EXPECT_EQ(t, (unsigned long)p & ~PMD_MASK, 0UL);
	if (level_of(p) != 2 || level_of(p + PMD_SIZE) != 2) {
		vfree(p);
		ktest_skip(t, "no free 2 MiB block");
		return;
	}
	KTEST_EXPECT_EQ(t, level_of(p + 2 * PMD_SIZE), 1U);
	for (unsigned long i = 0; i < vm->nr_pages; i++) {
		*(u64 *)(p + i * PAGE_SIZE + 8) = i;
		KTEST_ASSERT_TRUE(t, vmalloc_to_page(p + i * PAGE_SIZE) == vm->pages[i]);
		KTEST_ASSERT_EQ(t, page_count(vm->pages[i]), 1);
		KTEST_ASSERT_EQ(t, ((u64 *)page_address(vm->pages[i]))[1], (u64)i);
	}
	KTEST_EXPECT_FALSE(t, readable(p + vm->nr_pages * PAGE_SIZE));
	vfree(p);
	vm_unmap_aliases();
	KTEST_EXPECT_FALSE(t, readable(p));
	/* The third 2 MiB have a table now, for the three pages. */
	q = vmalloc_huge(3 * PMD_SIZE, GFP_KERNEL | __GFP_ZERO);
	KTEST_ASSERT_NOT_NULL(t, q);
	KTEST_EXPECT_TRUE(t, q == p);
	KTEST_EXPECT_NULL(t, memchr_inv(q, 0, 3 * PMD_SIZE));
	if (level_of(q + PMD_SIZE) == 2 && is_one_block(find_vm_area(q)->pages + 1024))
		KTEST_EXPECT_EQ(t, level_of(q + 2 * PMD_SIZE), 2U);
	vfree(q);
}

static void changing_a_huge_area_splits_it(struct ktest *t)
{
	u8 *p = vmalloc_huge(PMD_SIZE, GFP_KERNEL), byte = 1;

	KTEST_ASSERT_NOT_NULL(t, p);
	memset(p, 0x33, PMD_SIZE);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p + 5 * PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, level_of(p), 1U);
	KTEST_EXPECT_NE(t, copy_to_kernel_nofault(p + 5 * PAGE_SIZE, &byte, 1), 0L);
	KTEST_EXPECT_EQ(t, copy_to_kernel_nofault(p + 6 * PAGE_SIZE, &byte, 1), 0L);
	KTEST_EXPECT_EQ(t, p[5 * PAGE_SIZE], 0x33);
	vfree(p);
}

static void plain_areas_use_small_pages(struct ktest *t)
{
	u8 *p = vmalloc(2 * PMD_SIZE);

	KTEST_ASSERT_NOT_NULL(t, p);
	for (unsigned long off = 0; off < 2 * PMD_SIZE; off += PMD_SIZE / 2)
		KTEST_EXPECT_EQ(t, level_of(p + off), 1U);
	vfree(p);
}

/* A page that somebody else holds outlives the area. */
static void pages_have_references_of_their_own(struct ktest *t)
{
	u8 *p = vmalloc_user(64 * PAGE_SIZE);
	struct page *page;

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_EQ(t, find_vm_area(p)->flags & VM_USERMAP, (unsigned long)VM_USERMAP);
	page = vmalloc_to_page(p + 17 * PAGE_SIZE);
	get_page(page);
	p[17 * PAGE_SIZE] = 99;
	vfree(p);
	KTEST_EXPECT_EQ(t, page_count(page), 1);
	KTEST_EXPECT_EQ(t, *(u8 *)page_address(page), 99);
	put_page(page);
}

static void vfree_of_a_vmap_puts_its_pages(struct ktest *t)
{
	struct page **pages = kvmalloc(4 * sizeof(*pages), GFP_KERNEL), *held;
	u8 *p;

	KTEST_ASSERT_NOT_NULL(t, pages);
	for (int i = 0; i < 4; i++)
		KTEST_ASSERT_NOT_NULL(t, pages[i] = alloc_page(GFP_KERNEL));
	p = vmap(pages, 4, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, p);
	memset(p, 0x21, 4 * PAGE_SIZE);
	held = pages[2];
	get_page(held);
	vfree(p); /* frees the array too */
	KTEST_EXPECT_EQ(t, page_count(held), 1);
	KTEST_EXPECT_NULL(t, memchr_inv(page_address(held), 0x21, PAGE_SIZE));
	put_page(held);
}

static void vmalloc_node_stays_there(struct ktest *t)
{
	int nid;

	for_each_online_node(nid) {
		u8 *p = vmalloc_node(40 * PAGE_SIZE, nid);
		unsigned int there = 0;

		KTEST_ASSERT_NOT_NULL(t, p);
		for (int i = 0; i < 40; i++)
			there += page_to_nid(vmalloc_to_page(p + i * PAGE_SIZE)) == nid;
		KTEST_EXPECT_EQ(t, there, 40U);
		vfree(p);
	}
}

static int count_waiting(unsigned long start, unsigned long end, void *arg)
{
	*(unsigned long *)arg += (end - start) >> PAGE_SHIFT;
	return 0;
}

static void one_flush_covers_many_areas(struct ktest *t)
{
	unsigned long waiting = 0, rounds = lazy_max_pages() / 17, purges = 0, last = 0;

	vm_unmap_aliases();
	vmap_for_each_unpurged(count_waiting, &waiting);
	KTEST_EXPECT_EQ(t, waiting, 0UL);
	for (unsigned long i = 0; i < 2 * rounds; i++) {
		vfree(vmalloc(16 * PAGE_SIZE));
		waiting = 0;
		vmap_for_each_unpurged(count_waiting, &waiting);
		KTEST_ASSERT_LE(t, waiting, lazy_max_pages() + 17);
		purges += waiting < last;
		last = waiting;
		if (i % 32 == 31 && i + 64 < rounds) /* counting is quadratic: not all of them */
			for (int k = 0; k < 32; k++, i++)
				vfree(vmalloc(16 * PAGE_SIZE));
	}
	KTEST_EXPECT_GE(t, purges, 1UL);
	KTEST_EXPECT_LE(t, purges, 3UL);
}

static void vread_sees_pages_and_zeroes_for_holes(struct ktest *t)
{
	u8 *p = vmalloc(2 * PAGE_SIZE), *buf = vmalloc(5 * PAGE_SIZE);

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_ASSERT_NOT_NULL(t, buf);
	memset(p, 0x77, 2 * PAGE_SIZE);
	memset(buf, 0xff, 5 * PAGE_SIZE);
	/* Begins in the hole before or the neighbour's guard page, ends in our own guard page. */
	KTEST_EXPECT_EQ(t, vread((char *)buf, (char *)p - 100, 2 * PAGE_SIZE + 200),
			(long)(2 * PAGE_SIZE));
	KTEST_EXPECT_NULL(t, memchr_inv(buf, 0, 100));
	KTEST_EXPECT_NULL(t, memchr_inv(buf + 100, 0x77, 2 * PAGE_SIZE));
	KTEST_EXPECT_NULL(t, memchr_inv(buf + 100 + 2 * PAGE_SIZE, 0, 100));
	KTEST_EXPECT_EQ(t, set_memory_np((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, vread((char *)buf, (char *)p, 2 * PAGE_SIZE), (long)PAGE_SIZE);
	KTEST_EXPECT_NULL(t, memchr_inv(buf + PAGE_SIZE, 0, PAGE_SIZE));
	vfree(p);
	vm_unmap_aliases();
	KTEST_EXPECT_EQ(t, vread((char *)buf, (char *)p, 16), 0L);
	KTEST_EXPECT_EQ(t, vread((char *)buf, (char *)~0UL - 8, 100), 0L);
	KTEST_EXPECT_EQ(t, vread((char *)buf, (char *)0x1000, 100), 0L);
	vfree(buf);
}

static void deferred_frees_happen_by_themselves(struct ktest *t)
{
	void *p = vmalloc(PAGE_SIZE), *q = vmalloc(PAGE_SIZE);

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_ASSERT_NOT_NULL(t, q);
	vfree_atomic(p);
	vfree_atomic(q);
	KTEST_EXPECT_NOT_NULL(t, find_vm_area(p));
	rcu_barrier();
	KTEST_EXPECT_NULL(t, find_vm_area(p));
	KTEST_EXPECT_NULL(t, find_vm_area(q));
}

static void kmap_local_nests(struct ktest *t)
{
	struct page *a = alloc_page(GFP_KERNEL), *b = alloc_page(GFP_KERNEL);
	char text[] = "0123456789", *pa, *pb;

	KTEST_ASSERT_NOT_NULL(t, a);
	KTEST_ASSERT_NOT_NULL(t, b);
	clear_highpage(a);
	memcpy_to_page(a, PAGE_SIZE - 11, text, 11);
	copy_highpage(b, a);
	memset_page(a, 0, 0x66, PAGE_SIZE);
	pa = kmap_local_page(a);
	pb = kmap_local_page(b);
	KTEST_EXPECT_TRUE(t, pa != pb);
	KTEST_EXPECT_NULL(t, memchr_inv(pa, 0x66, PAGE_SIZE));
	KTEST_EXPECT_STREQ(t, pb + PAGE_SIZE - 11, "0123456789");
	kunmap_local(pb + 77);
	kunmap_local(pa);
	memset(text, 0, sizeof(text));
	memcpy_from_page(text, b, PAGE_SIZE - 11, 11);
	KTEST_EXPECT_STREQ(t, text, "0123456789");
	memzero_page(b, PAGE_SIZE - 11, 11);
	KTEST_EXPECT_NULL(t, memchr_inv(page_address(b), 0, PAGE_SIZE));
	__free_page(a);
	__free_page(b);
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
	KTEST_CASE(restricted_contexts_work),
	KTEST_CASE(kvmalloc_takes_what_there_is),
	KTEST_CASE(huge_areas_use_large_entries),
	KTEST_CASE(changing_a_huge_area_splits_it),
	KTEST_CASE(plain_areas_use_small_pages),
	KTEST_CASE(pages_have_references_of_their_own),
	KTEST_CASE(vfree_of_a_vmap_puts_its_pages),
	KTEST_CASE(vmalloc_node_stays_there),
	KTEST_CASE(one_flush_covers_many_areas),
	KTEST_CASE(vread_sees_pages_and_zeroes_for_holes),
	KTEST_CASE(deferred_frees_happen_by_themselves),
	KTEST_CASE(kmap_local_nests),
	{},
};
KTEST_SUITE(vmalloc, vmalloc_cases);
