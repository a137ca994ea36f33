/*
 * In-kernel tests: suites that register themselves and run when the command line says `selftest`.
 *
 *	static void list_add_keeps_order(struct ktest *t) { KTEST_EXPECT_EQ(t, a, b); }
 *	static const struct ktest_case list_cases[] = { KTEST_CASE(list_add_keeps_order), {} };
 *	KTEST_SUITE(list, list_cases);
 *
 * `selftest` runs all suites, `selftest=a,b` those named, `selftest=a.case` one case;
 * `selftest_seed=N` repeats the random numbers of a run that failed. Results are KTAP version 1 on
 * the console, after which QEMU ends: status 33 (code 0x10) all passed, 35 (0x11) something failed.
 * Cases run in process context in kernel_init, all CPUs up. An EXPECT that fails is printed and the
 * case goes on; an ASSERT ends the case (return).
 *
 * Mirrors Linux include/kunit/test.h. Exercised by itself: every boot of `make test`.
 */
#pragma once

#include "lib/types.h"

struct ktest {
	const char *suite, *name;
	bool failed, skipped;
	char reason[80]; /* of a skip */
	u64 seed;	 /* of this run; cases derive their random numbers from it */
	u64 rnd;	 /* state of ktest_random() */
	void *priv;
};

typedef void (*ktest_fn)(struct ktest *t);

struct ktest_case {
	const char *name;
	ktest_fn run;
};

struct ktest_suite {
	const char *name;
	const struct ktest_case *cases; /* ends with an empty one */
	int (*init)(void); /* before the first case; negative errno: the suite fails. May be NULL */
	void (*exit)(void); /* after the last. May be NULL */
};

#define KTEST_CASE(fn)  \
	{               \
#fn, fn \
	}
#define KTEST_SUITE_FULL(sname, scases, sinit, sexit)                                           \
	static const struct ktest_suite __ktest_suite_##sname __used __section(".ktest_suites") \
		__aligned(8) = {                                                                \
			.name = #sname, .cases = (scases), .init = (sinit), .exit = (sexit)     \
		}
#define KTEST_SUITE(sname, scases) KTEST_SUITE_FULL(sname, scases, NULL, NULL)

/*
 * Runs what `selftest` on the command line names and leaves QEMU; returns 0 when there is no
 * `selftest`, else (no isa-debug-exit device) the number of failed cases. => kernel_init, late
 */
int ktest_run_from_cmdline(void);

/* A diagnostic line "# ..." of the running case. */
void ktest_info(struct ktest *t, const char *fmt, ...) __printf(2, 3);
/* Marks the case failed and prints why and where. Safe to call from other threads of the case. */
void ktest_fail(struct ktest *t, const char *file, int line, const char *fmt, ...) __printf(4, 5);
void ktest_skip(struct ktest *t, const char *fmt, ...) __printf(2, 3);
/* Pseudo-random numbers that the seed determines. */
u64 ktest_random(struct ktest *t);
#define ktest_random_below(t, n) (ktest_random(t) % (n))

#define __KTEST_BINARY(t, a, op, b, on_fail)                                                      \
	do {                                                                                      \
		__auto_type __ka = (a);                                                           \
		__auto_type __kb = (b);                                                           \
		if (unlikely(!(__ka op __kb))) {                                                  \
			ktest_fail(t, __FILE__, __LINE__, "%s %s %s: %ld (0x%lx) %s %ld (0x%lx)", \
				   #a, #op, #b, (long)__ka, (unsigned long)__ka, #op, (long)__kb, \
				   (unsigned long)__kb);                                          \
			on_fail;                                                                  \
		}                                                                                 \
	} while (0)
#define __KTEST_BOOL(t, cond, on_fail)                                           \
	do {                                                                     \
		if (unlikely(!(cond))) {                                         \
			ktest_fail(t, __FILE__, __LINE__, "%s is false", #cond); \
			on_fail;                                                 \
		}                                                                \
	} while (0)

#define KTEST_EXPECT_EQ(t, a, b)    __KTEST_BINARY(t, a, ==, b, (void)0)
#define KTEST_EXPECT_NE(t, a, b)    __KTEST_BINARY(t, a, !=, b, (void)0)
#define KTEST_EXPECT_LT(t, a, b)    __KTEST_BINARY(t, a, <, b, (void)0)
#define KTEST_EXPECT_LE(t, a, b)    __KTEST_BINARY(t, a, <=, b, (void)0)
#define KTEST_EXPECT_GT(t, a, b)    __KTEST_BINARY(t, a, >, b, (void)0)
#define KTEST_EXPECT_GE(t, a, b)    __KTEST_BINARY(t, a, >=, b, (void)0)
#define KTEST_EXPECT_TRUE(t, cond)  __KTEST_BOOL(t, cond, (void)0)
#define KTEST_EXPECT_FALSE(t, cond) __KTEST_BOOL(t, !(cond), (void)0)
#define KTEST_EXPECT_NULL(t, p)	    __KTEST_BINARY(t, (unsigned long)(p), ==, 0UL, (void)0)
#define KTEST_EXPECT_NOT_NULL(t, p) __KTEST_BINARY(t, (unsigned long)(p), !=, 0UL, (void)0)
#define KTEST_EXPECT_STREQ(t, a, b) __KTEST_STREQ(t, a, b)
#define KTEST_ASSERT_EQ(t, a, b)    __KTEST_BINARY(t, a, ==, b, return )
#define KTEST_ASSERT_NE(t, a, b)    __KTEST_BINARY(t, a, !=, b, return )
#define KTEST_ASSERT_LT(t, a, b)    __KTEST_BINARY(t, a, <, b, return )
#define KTEST_ASSERT_LE(t, a, b)    __KTEST_BINARY(t, a, <=, b, return )
#define KTEST_ASSERT_GT(t, a, b)    __KTEST_BINARY(t, a, >, b, return )
#define KTEST_ASSERT_GE(t, a, b)    __KTEST_BINARY(t, a, >=, b, return )
#define KTEST_ASSERT_TRUE(t, cond)  __KTEST_BOOL(t, cond, return )
#define KTEST_ASSERT_FALSE(t, cond) __KTEST_BOOL(t, !(cond), return )
#define KTEST_ASSERT_NULL(t, p)	    __KTEST_BINARY(t, (unsigned long)(p), ==, 0UL, return )
#define KTEST_ASSERT_NOT_NULL(t, p) __KTEST_BINARY(t, (unsigned long)(p), !=, 0UL, return )
/* The words that mirror the above by hand. */
#define KTEST_FAIL(t, fmt, ...) ktest_fail(t, __FILE__, __LINE__, fmt, ##__VA_ARGS__)
bool __ktest_streq(struct ktest *t, const char *file, int line, const char *ea, const char *a,
		   const char *eb, const char *b);
#define __KTEST_STREQ(t, a, b) (void)__ktest_streq(t, __FILE__, __LINE__, #a, a, #b, b)
