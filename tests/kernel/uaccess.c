/*
 * Suite uaccess: copies stop at the byte where memory ends, bad addresses give errors, and the exception table is sorted.
 *
 * Runs in a kernel thread, which has no user memory at all: what succeeds is tested by tests/user/badptr.c; here the
 * loops work on a vmalloc area, whose guard page is the end of memory.
 */
#include "arch/x86/extable.h"
#include "arch/x86/uaccess.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/kva/vmalloc.h"

extern const struct exception_table_entry __start___ex_table[], __stop___ex_table[];

static char buf[PAGE_SIZE];

static void exception_table_is_sorted(struct ktest *t)
{
	const struct exception_table_entry *e;
	unsigned long last = 0;

	KTEST_EXPECT_TRUE(t, __stop___ex_table - __start___ex_table > 10);
	for (e = __start___ex_table; e < __stop___ex_table; e++) {
		unsigned long insn = (unsigned long)&e->insn + e->insn;

		KTEST_EXPECT_TRUE(t, insn > last);
		KTEST_EXPECT_TRUE(t, search_exception_tables(insn) == e);
		last = insn;
	}
	KTEST_EXPECT_TRUE(t, !search_exception_tables((unsigned long)exception_table_is_sorted));
}

/* Every length up to 40, ended by the guard page at every place. */
static void copy_stops_at_the_exact_byte(struct ktest *t)
{
	char *area = vmalloc(PAGE_SIZE), *end = area + PAGE_SIZE;
	unsigned long n, have, left;

	KTEST_ASSERT_NOT_NULL(t, area);
	memset(area, 'x', PAGE_SIZE);
	for (n = 0; n <= 40; n++) {
		for (have = 0; have <= n; have++) {
			memset(buf, 0, 64);
			left = __copy_user(buf, end - have, n);
			KTEST_EXPECT_EQ(t, left, n - have);
			KTEST_EXPECT_TRUE(t, !have || buf[have - 1] == 'x');
			KTEST_EXPECT_EQ(t, (int)buf[have], 0);
			left = __copy_user(end - have, buf, n);
			KTEST_EXPECT_EQ(t, left, n - have);
		}
	}
	vfree(area);
}

static void clear_stops_at_the_exact_byte(struct ktest *t)
{
	char *area = vmalloc(PAGE_SIZE), *end = area + PAGE_SIZE;
	unsigned long n, have;

	KTEST_ASSERT_NOT_NULL(t, area);
	for (n = 1; n <= 40; n++) {
		for (have = 1; have <= n; have++) {
			memset(area, 'x', PAGE_SIZE);
			KTEST_EXPECT_EQ(t, __clear_user(end - have, n), n - have);
			KTEST_EXPECT_TRUE(t, !memchr_inv(end - have, 0, have));
			KTEST_EXPECT_EQ(t, (int)end[-(long)have - 1], 'x');
		}
	}
	vfree(area);
}

static void user_addresses_fail_without_user_memory(struct ktest *t)
{
	char __user *user = (char __user *)0x10000;
	u32 found;
	int v;

	memset(buf, 'x', 32);
	KTEST_EXPECT_EQ(t, copy_from_user(buf, user, 20), 20UL);
	KTEST_EXPECT_TRUE(t, !memchr_inv(buf, 0, 20));
	KTEST_EXPECT_EQ(t, (int)buf[20], 'x');
	KTEST_EXPECT_EQ(t, copy_to_user(user, buf, 20), 20UL);
	KTEST_EXPECT_EQ(t, clear_user(user, 20), 20UL);
	v = 5;
	KTEST_EXPECT_EQ(t, get_user(v, (int __user *)user), -EFAULT);
	KTEST_EXPECT_EQ(t, v, 0);
	KTEST_EXPECT_EQ(t, put_user(v, (int __user *)user), -EFAULT);
	KTEST_EXPECT_EQ(t, strncpy_from_user(buf, user, 10), (long)-EFAULT);
	KTEST_EXPECT_EQ(t, strnlen_user(user, 10), 0L);
	KTEST_EXPECT_EQ(t, futex_atomic_cmpxchg_inatomic(&found, (u32 __user *)user, 0, 1),
			-EFAULT);
	KTEST_EXPECT_EQ(t, arch_futex_atomic_op_inuser(1, 1, &v, (u32 __user *)user), -EFAULT);
}

static void kernel_addresses_are_not_user_addresses(struct ktest *t)
{
	char __user *kernel = (char __user *)buf;
	int v = 5;

	strscpy(buf, "secret", sizeof(buf));
	KTEST_EXPECT_EQ(t, copy_to_user(kernel, "x", 1), 1UL);
	KTEST_EXPECT_EQ(t, copy_from_user(&v, kernel, 4), 4UL);
	KTEST_EXPECT_EQ(t, get_user(v, (int __user *)kernel), -EFAULT);
	KTEST_EXPECT_EQ(t, put_user(v, (int __user *)kernel), -EFAULT);
	KTEST_EXPECT_EQ(t, clear_user(kernel, 1), 1UL);
	KTEST_EXPECT_EQ(t, strncpy_from_user(buf + 32, kernel, 10), (long)-EFAULT);
	KTEST_EXPECT_EQ(t, strnlen_user(kernel, 10), 0L);
	KTEST_EXPECT_EQ(t, strcmp(buf, "secret"), 0);
}

static void access_ok_knows_the_border(struct ktest *t)
{
	volatile unsigned long big = ~0UL, size = PAGE_SIZE;

	KTEST_EXPECT_TRUE(t, access_ok(0, 8));
	KTEST_EXPECT_TRUE(t, access_ok(TASK_SIZE - 8, 8));
	KTEST_EXPECT_TRUE(t, !access_ok(TASK_SIZE - 7, 8));
	KTEST_EXPECT_TRUE(t, !access_ok(TASK_SIZE, 1));
	KTEST_EXPECT_TRUE(t, !access_ok(-4L, 8));
	KTEST_EXPECT_TRUE(t, !access_ok(PAGE_SIZE, big));
	KTEST_EXPECT_TRUE(t, access_ok(TASK_SIZE - PAGE_SIZE, size));
	KTEST_EXPECT_TRUE(t, !access_ok(TASK_SIZE - PAGE_SIZE + 1, size));
}

static void nofault_reads_survive_anything(struct ktest *t)
{
	u64 v, good = 0x1234567890UL;

	KTEST_EXPECT_EQ(t, get_kernel_nofault(v, &good), 0);
	KTEST_EXPECT_EQ(t, v, good);
	KTEST_EXPECT_EQ(t, copy_from_kernel_nofault(&v, NULL, 8), -EFAULT);
	KTEST_EXPECT_EQ(t, copy_from_kernel_nofault(&v, (void *)(VMALLOC_END - 0xfff), 8), -EFAULT);
	/* Not canonical: a general protection fault, not a page fault. */
	KTEST_EXPECT_EQ(t, copy_from_kernel_nofault(&v, (void *)0x8000000000000000UL, 8), -EFAULT);
	KTEST_EXPECT_EQ(t, copy_from_user_nofault(&v, (void __user *)0x10000, 8), -EFAULT);
}

static const struct ktest_case uaccess_cases[] = {
	KTEST_CASE(exception_table_is_sorted),
	KTEST_CASE(copy_stops_at_the_exact_byte),
	KTEST_CASE(clear_stops_at_the_exact_byte),
	KTEST_CASE(user_addresses_fail_without_user_memory),
	KTEST_CASE(kernel_addresses_are_not_user_addresses),
	KTEST_CASE(access_ok_knows_the_border),
	KTEST_CASE(nofault_reads_survive_anything),
	{},
};
KTEST_SUITE(uaccess, uaccess_cases);
