/*
 * Memory functions at every small size and offset, with guard bytes; string functions by example;
 * hashes by spread.
 */
#include "lib/errno.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "tests/kernel/lib_test.h"

#define STR_BUF 256

static u8 str_a[STR_BUF], str_b[STR_BUF], str_c[STR_BUF];

/* Calls that the compiler cannot expand in place. */
static void *(*volatile fn_copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile fn_move)(void *, const void *, size_t) = memmove;
static void *(*volatile fn_set)(void *, int, size_t) = memset;

static void str_pattern(u8 *p)
{
	for (int i = 0; i < STR_BUF; i++)
		p[i] = i * 7 + 1;
}

static void str_same(struct ktest *t)
{
	for (int i = 0; i < STR_BUF; i++)
		KTEST_ASSERT_EQ(t, str_a[i], str_b[i]);
}

static void memory_functions_at_every_size(struct ktest *t)
{
	for (size_t n = 0; n <= 80 && !t->failed; n++) {
		for (size_t from = 32; from < 41; from++) {
			size_t to = 64 + (from * 5) % 11;

			str_pattern(str_a);
			str_pattern(str_b);
			str_pattern(str_c);
			KTEST_ASSERT_EQ(t, fn_copy(str_a + to + 80, str_c + from, n),
					str_a + to + 80);
			for (size_t i = 0; i < n; i++)
				str_b[to + 80 + i] = str_c[from + i];
			str_same(t);
			fn_set(str_a + from, 0x1d7, n);
			for (size_t i = 0; i < n; i++)
				str_b[from + i] = 0xd7;
			str_same(t);
			KTEST_ASSERT_NULL(t, memchr_inv(str_a + from, 0xd7, n));
			if (n) {
				str_a[from + n / 2] ^= 1;
				KTEST_ASSERT_EQ(t, memchr_inv(str_a + from, 0xd7, n),
						str_a + from + n / 2);
				KTEST_ASSERT_LT(t, memcmp(str_a + from, str_b + from, n), 0);
				KTEST_ASSERT_GT(t, memcmp(str_b + from, str_a + from, n), 0);
				KTEST_ASSERT_EQ(t, memchr(str_a + from, 0xd6, n),
						str_a + from + n / 2);
			}
		}
	}
}

static void memmove_overlaps_both_ways(struct ktest *t)
{
	for (size_t n = 0; n <= 100 && !t->failed; n++) {
		for (int shift = -40; shift <= 40; shift++) {
			str_pattern(str_a);
			str_pattern(str_b);
			str_pattern(str_c);
			fn_move(str_a + 60 + shift, str_a + 60, n);
			for (size_t i = 0; i < n; i++)
				str_b[60 + shift + i] = str_c[60 + i];
			str_same(t);
		}
	}
}

static void memset_of_wider_units(struct ktest *t)
{
	u16 *h = (u16 *)str_a;
	u32 *w = (u32 *)str_a;
	u64 *d = (u64 *)str_a;

	str_pattern(str_a);
	memset64(d + 1, 0x1122334455667788ULL, 3);
	KTEST_EXPECT_EQ(t, d[3], 0x1122334455667788ULL);
	KTEST_EXPECT_EQ(t, str_a[32], (u8)(32 * 7 + 1));
	memset32(w, 0xdeadbeef, 5);
	KTEST_EXPECT_EQ(t, w[4], 0xdeadbeefU);
	KTEST_EXPECT_EQ(t, w[5], 0x11223344U);
	memset16(h, 0xabcd, 3);
	KTEST_EXPECT_EQ(t, h[2], 0xabcdU);
	KTEST_EXPECT_EQ(t, h[3], 0xdeadU);
}

static void string_functions_by_example(struct ktest *t)
{
	static const char *const names[] = { "one", "two", "three" };
	char buf[16], line[] = "a,b;;c", *p = line;
	char padded[] = "  x y \n";

	KTEST_EXPECT_EQ(t, strscpy(buf, "hello", sizeof(buf)), 5);
	KTEST_EXPECT_EQ(t, strscpy(buf, "0123456789abcdefXYZ", sizeof(buf)), -E2BIG);
	KTEST_EXPECT_STREQ(t, buf, "0123456789abcde");
	KTEST_EXPECT_EQ(t, strscpy(buf, "x", 0), -E2BIG);
	KTEST_EXPECT_EQ(t, strscpy_pad(buf, "ab", sizeof(buf)), 2);
	KTEST_EXPECT_NULL(t, memchr_inv(buf + 2, 0, sizeof(buf) - 2));
	KTEST_EXPECT_EQ(t, strlcpy(buf, "abc", 3), 3UL);
	KTEST_EXPECT_EQ(t, strlcat(buf, "def", 5), 5UL);
	KTEST_EXPECT_STREQ(t, buf, "abde");
	KTEST_EXPECT_EQ(t, strcmp("a", "\xff") < 0, true);
	KTEST_EXPECT_EQ(t, strncmp("abcd", "abxx", 2), 0);
	KTEST_EXPECT_EQ(t, strcasecmp("HeLLo", "hEllO"), 0);
	KTEST_EXPECT_NE(t, strcasecmp("a", "["), 0);
	KTEST_EXPECT_EQ(t, strnlen("abc", 2), 2UL);
	KTEST_EXPECT_STREQ(t, strstr("one two", "two"), "two");
	KTEST_EXPECT_STREQ(t, strstr("abc", ""), "abc");
	KTEST_EXPECT_NULL(t, strstr("ab", "abc"));
	KTEST_EXPECT_NULL(t, strnstr("one two", "two", 6));
	KTEST_EXPECT_STREQ(t, strrchr("a/b/c", '/'), "/c");
	KTEST_EXPECT_STREQ(t, strchr("abc", 0), "");
	KTEST_EXPECT_STREQ(t, kbasename("/usr/bin/env"), "env");
	KTEST_EXPECT_STREQ(t, kbasename("env"), "env");
	KTEST_EXPECT_STREQ(t, strsep(&p, ",;"), "a");
	KTEST_EXPECT_STREQ(t, strsep(&p, ",;"), "b");
	KTEST_EXPECT_STREQ(t, strsep(&p, ",;"), "");
	KTEST_EXPECT_STREQ(t, strsep(&p, ",;"), "c");
	KTEST_EXPECT_NULL(t, strsep(&p, ",;"));
	KTEST_EXPECT_STREQ(t, strim(padded), "x y");
	KTEST_EXPECT_EQ(t, strspn("aabbc", "ab"), 4UL);
	KTEST_EXPECT_TRUE(t, sysfs_streq("on\n", "on"));
	KTEST_EXPECT_FALSE(t, sysfs_streq("on\n\n", "on"));
	KTEST_EXPECT_EQ(t, match_string(names, 3, "three"), 2);
	KTEST_EXPECT_EQ(t, match_string(names, 2, "three"), -EINVAL);
	KTEST_EXPECT_EQ(t, str_has_prefix("quire", "qui"), 3UL);
	KTEST_EXPECT_TRUE(t, isspace('\v') && !isspace('x') && isxdigit('F') && !isxdigit('g') &&
				     !isalpha('@'));
}

static void hash_spreads_neighbours(struct ktest *t)
{
	static u16 bucket[64];
	u64 hl = hashlen_string(NULL, "busybox");

	memset(bucket, 0, sizeof(bucket));
	for (unsigned long i = 0; i < 4096; i++)
		bucket[hash_long(0xffff888000000000UL + i * 4096, 6)]++;
	for (int i = 0; i < 64; i++)
		KTEST_EXPECT_TRUE(t, bucket[i] > 32 && bucket[i] < 128);
	KTEST_EXPECT_EQ(t, hashlen_len(hl), 7U);
	KTEST_EXPECT_EQ(t, hashlen_hash(hl), full_name_hash(NULL, "busybox", 7));
	KTEST_EXPECT_NE(t, full_name_hash(NULL, "busybox", 7), full_name_hash(t, "busybox", 7));
	KTEST_EXPECT_NE(t, jhash("12345678", 8, 0), jhash("12345679", 8, 0));
	KTEST_EXPECT_NE(t, jhash("\0", 1, 0), jhash("\0\0", 2, 0));
}

static const struct ktest_case string_cases[] = {
	KTEST_CASE(memory_functions_at_every_size), KTEST_CASE(memmove_overlaps_both_ways),
	KTEST_CASE(memset_of_wider_units),	    KTEST_CASE(string_functions_by_example),
	KTEST_CASE(hash_spreads_neighbours),	    {},
};
KTEST_SUITE(string, string_cases);
