/*
 * Suite execmem: code made at run time runs, cannot be written where it runs, and leaves ordinary memory
 * behind.
 */
#include "arch/x86/uaccess.h"
#include "kernel/ktest.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kva/execmem.h"
#include "mm/kva/ptdump.h"
#include "mm/kva/set_memory.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"

/* mov $value, %eax; ret */
static void make_function(u8 code[6], u32 value)
{
	code[0] = 0xb8;
	memcpy(code + 1, &value, 4);
	code[5] = 0xc3;
}

static u64 bits_of(const void *p)
{
	int level;
	u64 v = lookup_address_in_pgd(swapper_pg_dir, (unsigned long)p, &level);

	return level ? v & (_PAGE_PRESENT | _PAGE_RW | (__supported_pte_mask & _PAGE_NX)) : 0;
}

static bool writable(void *p)
{
	u8 byte;

	return !copy_from_kernel_nofault(&byte, p, 1) && !copy_to_kernel_nofault(p, &byte, 1);
}

static void code_runs_and_cannot_be_written(struct ktest *t)
{
	u8 *p = execmem_alloc(EXECMEM_DEFAULT, 2 * PAGE_SIZE), code[6], *alias;
	int (*fn)(void);

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_GE(t, (unsigned long)p, EXECMEM_START);
	KTEST_EXPECT_LT(t, (unsigned long)p, EXECMEM_END);
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0xcc, 2 * PAGE_SIZE));
	KTEST_EXPECT_EQ(t, bits_of(p), (u64)_PAGE_PRESENT);
	KTEST_EXPECT_FALSE(t, writable(p));
	alias = page_address(vmalloc_to_page(p));
	KTEST_EXPECT_FALSE(t, writable(alias));
	KTEST_EXPECT_EQ(t, bits_of(alias) & _PAGE_NX, __supported_pte_mask & _PAGE_NX);
	/* Across the border of two pages. */
	fn = (void *)(p + PAGE_SIZE - 3);
	make_function(code, 1234);
	KTEST_EXPECT_TRUE(t, execmem_update_copy((void *)fn, code, 6) == (void *)fn);
	KTEST_EXPECT_EQ(t, fn(), 1234);
	make_function(code, 77);
	KTEST_EXPECT_TRUE(t, execmem_update_copy((void *)fn, code, 6) == (void *)fn);
	KTEST_EXPECT_EQ(t, fn(), 77);
	KTEST_EXPECT_FALSE(t, writable(p));
	KTEST_EXPECT_EQ(t, ptdump_check_wx(), 0UL);
	get_page(virt_to_page(alias)); /* debug_pagealloc would take a free page away */
	execmem_free(p);
	KTEST_EXPECT_FALSE(t, find_vm_area(p));
	KTEST_EXPECT_TRUE(t, writable(alias));
	put_page(virt_to_page(alias));
}

static void writing_it_takes_execution_away(struct ktest *t)
{
	u8 *p = execmem_alloc(EXECMEM_BPF, 100), code[6];
	u64 nx = __supported_pte_mask & _PAGE_NX;

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_EQ(t, execmem_make_temp_rw(p, 100), 0);
	KTEST_EXPECT_EQ(t, bits_of(p), _PAGE_PRESENT | _PAGE_RW | nx);
	make_function(code, 5);
	memcpy(p, code, 6);
	KTEST_EXPECT_EQ(t, execmem_restore_rox(p, 100), 0);
	KTEST_EXPECT_EQ(t, bits_of(p), (u64)_PAGE_PRESENT);
	KTEST_EXPECT_EQ(t, ((int (*)(void))(void *)p)(), 5);
	execmem_free(p);
}

static void data_is_never_executable(struct ktest *t)
{
	u8 *p = execmem_alloc(EXECMEM_MODULE_DATA, PAGE_SIZE);

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_TRUE(t, writable(p));
	KTEST_EXPECT_EQ(t, bits_of(p) & _PAGE_NX, __supported_pte_mask & _PAGE_NX);
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0, PAGE_SIZE));
	if (__supported_pte_mask & _PAGE_NX) {
		ktest_info(t, "one warning is expected: writable and executable");
		KTEST_EXPECT_EQ(t, set_memory_x((unsigned long)p, 1), -EPERM);
		KTEST_EXPECT_TRUE(t, bits_of(p) & _PAGE_NX);
	}
	execmem_free(p);
}

static void nonsense_is_refused(struct ktest *t)
{
	void *p = vmalloc(PAGE_SIZE);

	ktest_info(t, "three warnings are expected: a size, a pointer to free, one to write to");
	KTEST_EXPECT_NULL(t, execmem_alloc(EXECMEM_DEFAULT, 0));
	KTEST_EXPECT_NULL(t, execmem_alloc(EXECMEM_DEFAULT, ~0UL));
	KTEST_EXPECT_NULL(t, execmem_alloc(EXECMEM_TYPE_MAX, 1));
	execmem_free(p);
	KTEST_EXPECT_NOT_NULL(t, find_vm_area(p));
	KTEST_EXPECT_NULL(t, execmem_update_copy(p, "x", 1));
	KTEST_EXPECT_EQ(t, execmem_make_temp_rw(p, 1), -EINVAL);
	KTEST_EXPECT_EQ(t, execmem_restore_rox(p, 1), -EINVAL);
	execmem_free(NULL);
	vfree(p);
}

static void no_page_stays_read_only(struct ktest *t)
{
	unsigned long before[PG_LEVEL_NUM], after[PG_LEVEL_NUM];
	void *p[16];

	/* The first makes tables for execmem space. */
	execmem_free(execmem_alloc(EXECMEM_DEFAULT, PAGE_SIZE));
	direct_map_bytes(before);
	for (int i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = execmem_alloc(EXECMEM_DEFAULT, (1 + i) * PAGE_SIZE);
	for (int i = 0; i < ARRAY_SIZE(p); i++) {
		KTEST_EXPECT_NOT_NULL(t, p[i]);
		execmem_free(p[i]);
	}
	direct_map_bytes(after);
	/* What was split is whole again. */
	KTEST_EXPECT_LE(t, after[PG_LEVEL_4K], before[PG_LEVEL_4K]);
	KTEST_EXPECT_EQ(t, after[PG_LEVEL_4K] + after[PG_LEVEL_2M] + after[PG_LEVEL_1G],
			before[PG_LEVEL_4K] + before[PG_LEVEL_2M] + before[PG_LEVEL_1G]);
}

static const struct ktest_case execmem_cases[] = {
	KTEST_CASE(code_runs_and_cannot_be_written), KTEST_CASE(writing_it_takes_execution_away),
	KTEST_CASE(data_is_never_executable),	     KTEST_CASE(nonsense_is_refused),
	KTEST_CASE(no_page_stays_read_only),	     {},
};
KTEST_SUITE(execmem, execmem_cases);
