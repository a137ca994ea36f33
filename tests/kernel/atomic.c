/*
 * Suite atomic: values returned by atomic operations, saturation of reference counts, bits; and no update is lost
 * when all CPUs change one word.
 */
#include "arch/x86/atomic.h"
#include "arch/x86/bitops.h"
#include "kernel/ktest.h"
#include "kernel/smp.h"

static void operations_return_old_or_new(struct ktest *t)
{
	atomic_t a = ATOMIC_INIT(5);
	atomic64_t b = ATOMIC64_INIT(1LL << 40);
	int old = 7;

	KTEST_EXPECT_EQ(t, atomic_add_return(3, &a), 8);
	KTEST_EXPECT_EQ(t, atomic_fetch_sub(1, &a), 8);
	KTEST_EXPECT_EQ(t, atomic_fetch_or(8, &a), 7);
	KTEST_EXPECT_EQ(t, atomic_fetch_andnot(8, &a), 15);
	KTEST_EXPECT_EQ(t, atomic_xchg(&a, 1), 7);
	KTEST_EXPECT_TRUE(t, atomic_dec_and_test(&a));
	KTEST_EXPECT_TRUE(t, !atomic_inc_not_zero(&a));
	KTEST_EXPECT_EQ(t, atomic_dec_if_positive(&a), -1);
	KTEST_EXPECT_EQ(t, atomic_read(&a), 0);
	KTEST_EXPECT_TRUE(t, atomic_dec_unless_positive(&a));
	KTEST_EXPECT_TRUE(t, !atomic_inc_unless_negative(&a));
	KTEST_EXPECT_TRUE(t, !atomic_try_cmpxchg(&a, &old, 3));
	KTEST_EXPECT_EQ(t, old, -1);
	KTEST_EXPECT_TRUE(t, atomic_try_cmpxchg(&a, &old, 3));
	KTEST_EXPECT_EQ(t, atomic64_inc_return(&b), (1LL << 40) + 1);
	KTEST_EXPECT_TRUE(t, atomic64_add_negative(-(1LL << 41), &b));
}

static void refcount_sticks_instead_of_wrapping(struct ktest *t)
{
	refcount_t r = REFCOUNT_INIT(1);

	refcount_inc(&r);
	KTEST_EXPECT_TRUE(t, !refcount_dec_and_test(&r));
	KTEST_EXPECT_TRUE(t, refcount_dec_and_test(&r));
	KTEST_EXPECT_TRUE(t, !refcount_inc_not_zero(&r));
	/* From zero, and past the top: saturated, never freed. */
	refcount_inc(&r);
	KTEST_EXPECT_EQ(t, (int)refcount_read(&r), REFCOUNT_SATURATED);
	refcount_set(&r, REFCOUNT_MAX);
	refcount_inc(&r);
	KTEST_EXPECT_EQ(t, (int)refcount_read(&r), REFCOUNT_SATURATED);
	KTEST_EXPECT_TRUE(t, !refcount_dec_and_test(&r));
	KTEST_EXPECT_EQ(t, (int)refcount_read(&r), REFCOUNT_SATURATED);
}

/* Constant numbers take the one-byte form, others the bit instructions: they must agree. */
static void bits_are_where_test_bit_looks(struct ktest *t)
{
	DECLARE_BITMAP(map, 192) = { 0 };

	set_bit(0, map);
	set_bit(77, map);
	set_bit(191, map);
	for (unsigned long n = 0; n < 192; n++) {
		bool expected = n == 0 || n == 77 || n == 191;

		KTEST_EXPECT_EQ(t, (int)test_bit(n, map), (int)expected);
		KTEST_EXPECT_EQ(t, (int)test_and_set_bit(n, map), (int)expected);
		KTEST_EXPECT_TRUE(t, test_and_clear_bit(n, map));
	}
	KTEST_EXPECT_TRUE(t, bitmap_empty(map, 192));
	for (unsigned long n = 0; n < 192; n++)
		set_bit(n, map);
	clear_bit(63, map);
	clear_bit(64, map);
	KTEST_EXPECT_EQ(t, bitmap_weight(map, 192), 190U);
	KTEST_EXPECT_EQ(t, find_first_zero_bit(map, 192), 63UL);
}

#define ROUNDS 20000
static atomic_t shared_count;
static unsigned long shared_bits;
static atomic_t wins;

static void hammer(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		atomic_inc(&shared_count);
		if (!test_and_set_bit(i & 63, &shared_bits)) {
			atomic_inc(&wins);
			clear_bit(i & 63, &shared_bits);
		}
	}
}

static void no_update_is_lost_between_cpus(struct ktest *t)
{
	atomic_set(&shared_count, 0);
	shared_bits = 0;
	on_each_cpu(hammer, NULL, true);
	KTEST_EXPECT_EQ(t, atomic_read(&shared_count), (int)(ROUNDS * num_online_cpus()));
	KTEST_EXPECT_EQ(t, shared_bits, 0UL);
	KTEST_EXPECT_TRUE(t, atomic_read(&wins) >= ROUNDS);
}

static const struct ktest_case atomic_cases[] = {
	KTEST_CASE(operations_return_old_or_new),
	KTEST_CASE(refcount_sticks_instead_of_wrapping),
	KTEST_CASE(bits_are_where_test_bit_looks),
	KTEST_CASE(no_update_is_lost_between_cpus),
	{},
};
KTEST_SUITE(atomic, atomic_cases);
