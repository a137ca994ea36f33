/*
 * Suite ubsan: each kind of undefined behaviour that a UBSAN=1 kernel tests for is committed once, and its report read back
 * from the log: the kind, the place, the values. Once for each place; what is defined is silent.
 *
 * The values are hidden from the compiler, which would otherwise warn, or use what cannot be.
 */
#include "kernel/ktest.h"

#ifdef CONFIG_UBSAN

#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/ubsan.h"
#include "tests/kernel/log.h"

struct watch {
	u64 seq;
	bool panics;
};

static void begin(struct watch *w)
{
	w->panics = ubsan_save_fault_report();
	w->seq = log_next_seq();
}

static void end(struct watch *w)
{
	ubsan_restore_fault(w->panics);
}

static __always_inline long hide(long v)
{
	__asm__ __volatile__("" : "+r"(v));
	return v;
}

static __printf(3, 4) void expect_line(struct ktest *t, const struct watch *w, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!logged(w->seq, text))
		KTEST_FAIL(t, "the log does not say \"%s\"", text);
}

/* One report, of this kind, from this line of this file. */
static void expect_report(struct ktest *t, const struct watch *w, const char *kind, int line)
{
	KTEST_EXPECT_EQ(t, logged(w->seq, "UBSAN: "), 1);
	expect_line(t, w, "UBSAN: %s in tests/kernel/ubsan.c:%d:", kind, line);
}

/* Behind the array lies more of the same object: nothing else is touched. */
static struct {
	int array[4];
	int more[4];
} numbers = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 } };
static int index_line, shift_line, divide_line, bool_line;

static noinline int element(long i)
{
	index_line = __LINE__ + 1;
	return numbers.array[i];
}

static void index_outside_an_array(struct ktest *t)
{
	struct watch w;

	begin(&w);
	KTEST_EXPECT_EQ(t, element(hide(3)), 4);
	KTEST_EXPECT_EQ(t, logged(w.seq, "UBSAN"), 0);
	element(hide(5));
	element(hide(6)); /* the same place */
	end(&w);
	expect_report(t, &w, "array-index-out-of-bounds", index_line);
	expect_line(t, &w, "index 5 is out of range for type 'int");
	expect_line(t, &w, " element+0x");
}

static noinline int shifted(int v, int by)
{
	shift_line = __LINE__ + 1;
	return v << by;
}

static void shift_by_too_much(struct ktest *t)
{
	struct watch w;

	begin(&w);
	KTEST_EXPECT_EQ(t, shifted(hide(1), hide(31)), INT_MIN); /* -fwrapv */
	KTEST_EXPECT_EQ(t, logged(w.seq, "UBSAN"), 0);
	shifted(hide(1), hide(40));
	end(&w);
	expect_report(t, &w, "shift-out-of-bounds", shift_line);
	expect_line(t, &w, "shift exponent 40 is too large for 32-bit type 'int'");
}

static noinline long shifted_long(long v, int by)
{
	shift_line = __LINE__ + 1;
	return v >> by;
}

static void shift_by_less_than_nothing(struct ktest *t)
{
	struct watch w;

	begin(&w);
	shifted_long(hide(1), hide(-2));
	end(&w);
	expect_report(t, &w, "shift-out-of-bounds", shift_line);
	expect_line(t, &w, "shift exponent -2 is negative");
}

/* The division itself would be an exception: the report comes before it, so only the place that does not divide is run. */
static noinline int divided(int v, int by)
{
	divide_line = __LINE__ + 1;
	return v / by;
}

static void division_is_tested(struct ktest *t)
{
	struct watch w;

	begin(&w);
	KTEST_EXPECT_EQ(t, divided(hide(12), hide(4)), 3);
	KTEST_EXPECT_EQ(t, logged(w.seq, "UBSAN"), 0);
	end(&w);
	KTEST_EXPECT_NE(t, divide_line, 0);
}

static noinline bool truth(const bool *p)
{
	bool_line = __LINE__ + 1;
	return *p;
}

static void bool_that_is_neither(struct ktest *t)
{
	union {
		u8 byte;
		bool b;
	} u = { .byte = hide(1) };
	struct watch w;

	begin(&w);
	KTEST_EXPECT_TRUE(t, truth(&u.b));
	KTEST_EXPECT_EQ(t, logged(w.seq, "UBSAN"), 0);
	*(volatile u8 *)&u.byte = 64;
	truth(&u.b);
	end(&w);
	expect_report(t, &w, "invalid-load", bool_line);
	expect_line(t, &w, "load of value 64 is not a valid value for type '");
}

static const struct ktest_case cases[] = {
	KTEST_CASE(index_outside_an_array),	KTEST_CASE(shift_by_too_much),
	KTEST_CASE(shift_by_less_than_nothing), KTEST_CASE(division_is_tested),
	KTEST_CASE(bool_that_is_neither),	{},
};

#else

static void needs_a_ubsan_kernel(struct ktest *t)
{
	ktest_skip(t, "only in UBSAN kernels (make UBSAN=1)");
}

static const struct ktest_case cases[] = { KTEST_CASE(needs_a_ubsan_kernel), {} };

#endif

KTEST_SUITE(ubsan, cases);
