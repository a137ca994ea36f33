/*
 * Suite pgperm: permissions of kernel pages, as the tables say and as stores and loads find them.
 */
#include "arch/x86/desc.h"
#include "arch/x86/pgtable.h"
#include "arch/x86/switch.h"
#include "arch/x86/uaccess.h"
#include "kernel/smp.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/kva/ptdump.h"
#include "mm/kva/set_memory.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"

extern char _text[], _etext[], __start_rodata[], __end_rodata[], _sdata[], _edata[];

static bool writable(void *p)
{
	u8 byte;

	return !copy_from_kernel_nofault(&byte, p, 1) && !copy_to_kernel_nofault(p, &byte, 1);
}

static u64 prot_of(const void *p)
{
	int level;
	u64 v = lookup_address_in_pgd(swapper_pg_dir, (unsigned long)p, &level);

	return level ? v : 0;
}

static void text_is_read_only_and_executable(struct ktest *t)
{
	for (char *p = _text; p < _etext; p += PAGE_SIZE) {
		KTEST_ASSERT_EQ(t, prot_of(p) & (_PAGE_PRESENT | _PAGE_RW | _PAGE_NX),
				(u64)_PAGE_PRESENT);
		KTEST_ASSERT_EQ(t, prot_of(__va(__pa(p))) & _PAGE_RW, 0ULL);
	}
	KTEST_EXPECT_FALSE(t, writable(_text));
	KTEST_EXPECT_FALSE(t, writable(__va(__pa(_text))));
}

static void rodata_is_read_only(struct ktest *t)
{
	u64 nx = __supported_pte_mask & _PAGE_NX;

	for (char *p = __start_rodata; p < __end_rodata; p += PAGE_SIZE)
		KTEST_ASSERT_EQ(t, prot_of(p) & (_PAGE_PRESENT | _PAGE_RW | _PAGE_NX),
				_PAGE_PRESENT | nx);
	KTEST_EXPECT_FALSE(t, writable(__start_rodata));
	KTEST_EXPECT_FALSE(t, writable(__va(__pa(__start_rodata))));
}

static void data_is_not_executable(struct ktest *t)
{
	u64 nx = __supported_pte_mask & _PAGE_NX;

	for (char *p = _sdata; p < _edata; p += PAGE_SIZE)
		KTEST_ASSERT_EQ(t, prot_of(p) & (_PAGE_PRESENT | _PAGE_RW | _PAGE_NX),
				_PAGE_PRESENT | _PAGE_RW | nx);
	KTEST_EXPECT_TRUE(t, writable(_sdata));
}

static void nothing_is_writable_and_executable(struct ktest *t)
{
	KTEST_EXPECT_EQ(t, ptdump_check_wx(), 0UL);
}

static void first_stack_has_a_guard_page(struct ktest *t)
{
	char *guard = (char *)((unsigned long)init_stack - PAGE_SIZE);

	KTEST_EXPECT_FALSE(t, writable(guard));
	KTEST_EXPECT_FALSE(t, writable(guard + PAGE_SIZE - 1));
	KTEST_EXPECT_TRUE(t, writable(init_stack));
	KTEST_EXPECT_EQ(t, prot_of(guard), 0ULL);
}

static void exception_stacks_have_guard_pages(struct ktest *t)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		for (unsigned int n = 0; n < NR_IST_STACKS; n++) {
			char *guard = (char *)ist_guard_page(cpu, n);

			KTEST_EXPECT_FALSE(t, writable(guard));
			KTEST_EXPECT_FALSE(t, writable(guard + PAGE_SIZE - 1));
			KTEST_EXPECT_TRUE(t, writable(guard + PAGE_SIZE));
		}
	}
}

static void descriptor_tables_are_read_only(struct ktest *t)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		char *gdt = (char *)gdt_page_of(cpu);

		KTEST_EXPECT_EQ(t, (unsigned long)gdt & ~PAGE_MASK, 0UL);
		KTEST_EXPECT_FALSE(t, writable(gdt));
		KTEST_EXPECT_FALSE(t, writable(gdt + sizeof(struct gdt_page) - 1));
	}
}

static void linear_map_page_changes_and_recovers(struct ktest *t)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	unsigned long addr;
	u8 *p;

	KTEST_ASSERT_NOT_NULL(t, page);
	p = page_address(page);
	addr = (unsigned long)p;
	memset(p, 0x5a, 4 * PAGE_SIZE);
	KTEST_EXPECT_EQ(t, set_memory_ro(addr + PAGE_SIZE, 2), 0);
	KTEST_EXPECT_TRUE(t, writable(p));
	KTEST_EXPECT_FALSE(t, writable(p + PAGE_SIZE));
	KTEST_EXPECT_FALSE(t, writable(p + 2 * PAGE_SIZE));
	KTEST_EXPECT_TRUE(t, writable(p + 3 * PAGE_SIZE));
	KTEST_EXPECT_EQ(t, set_memory_np(addr + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(p + PAGE_SIZE), 0ULL);
	KTEST_EXPECT_EQ(t, set_memory_p(addr + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_rw(addr + PAGE_SIZE, 2), 0);
	KTEST_EXPECT_TRUE(t, writable(p + PAGE_SIZE));
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0x5a, 4 * PAGE_SIZE));
	KTEST_EXPECT_EQ(t, set_memory_uc(addr, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(p) & (_PAGE_PCD | _PAGE_PWT), (u64)_PAGE_CACHE_UC);
	KTEST_EXPECT_EQ(t, set_memory_wb(addr, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(p) & (_PAGE_PCD | _PAGE_PWT), 0ULL);
	__free_pages(page, 2);
}

static void vmalloc_page_changes(struct ktest *t)
{
	u8 *p = vzalloc(3 * PAGE_SIZE);

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_TRUE(t, writable(p));
	KTEST_EXPECT_FALSE(t, writable(p + PAGE_SIZE));
	KTEST_EXPECT_EQ(t, set_memory_x((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(p + PAGE_SIZE) & _PAGE_NX, 0ULL);
	KTEST_EXPECT_EQ(t, set_memory_nx((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_rw((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_TRUE(t, writable(p + PAGE_SIZE));
	vfree(p);
}

static void bad_ranges_are_refused(struct ktest *t)
{
	void *p = vmalloc(PAGE_SIZE);

	KTEST_EXPECT_EQ(t, set_memory_ro(0x1000, 1), -EINVAL);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p + 1, 1), -EINVAL);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p, 0), -EINVAL);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p + PAGE_SIZE, 1), -EINVAL); /* the guard */
	vfree(p);
}

static int count_run(const struct ptdump_run *run, void *arg)
{
	unsigned long *n = arg;

	n[0]++;
	if (run->start < n[1])
		n[2]++;
	n[1] = run->end;
	return 0;
}

static void dump_is_in_order(struct ktest *t)
{
	unsigned long n[3] = { 0 }, direct[PG_LEVEL_NUM];

	KTEST_EXPECT_EQ(t, ptdump_walk_kernel(count_run, n), 0);
	KTEST_EXPECT_GT(t, n[0], 5UL);
	KTEST_EXPECT_EQ(t, n[2], 0UL);
	direct_map_bytes(direct);
	KTEST_EXPECT_GE(t, direct[PG_LEVEL_4K] + direct[PG_LEVEL_2M] + direct[PG_LEVEL_1G],
			totalram_pages() << PAGE_SHIFT);
}

static const struct ktest_case pgperm_cases[] = {
	KTEST_CASE(text_is_read_only_and_executable),
	KTEST_CASE(rodata_is_read_only),
	KTEST_CASE(data_is_not_executable),
	KTEST_CASE(nothing_is_writable_and_executable),
	KTEST_CASE(first_stack_has_a_guard_page),
	KTEST_CASE(exception_stacks_have_guard_pages),
	KTEST_CASE(descriptor_tables_are_read_only),
	KTEST_CASE(linear_map_page_changes_and_recovers),
	KTEST_CASE(vmalloc_page_changes),
	KTEST_CASE(bad_ranges_are_refused),
	KTEST_CASE(dump_is_in_order),
	{},
};
KTEST_SUITE(pgperm, pgperm_cases);
