/*
 * printf, number parsing, sscanf and KTAP output, by example.
 */
#include "lib/err.h"
#include "lib/ktap.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "tests/kernel/lib_test.h"

/* Formats that the compiler's check does not know go through here. */
static int pf_any(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	n = vsnprintf(buf, size, fmt, args);
#pragma GCC diagnostic pop
	va_end(args);
	return n;
}

#define PF_EXPECT(t, text, ...)                                                               \
	do {                                                                                  \
		char __b[120];                                                                \
		KTEST_EXPECT_EQ(t, pf_any(__b, sizeof(__b), __VA_ARGS__), (int)strlen(text)); \
		KTEST_EXPECT_STREQ(t, __b, text);                                             \
	} while (0)

static void printf_integers(struct ktest *t)
{
	PF_EXPECT(t, "0 -1 2147483647 4294967295", "%d %i %d %u", 0, -1, INT_MAX, UINT_MAX);
	PF_EXPECT(t, "-9223372036854775808 18446744073709551615", "%ld %lu", LONG_MIN, ULONG_MAX);
	PF_EXPECT(t, "ff FF 0xff 0377 0XFF", "%x %X %#x %#o %#X", 255, 255, 255, 255, 255);
	PF_EXPECT(t, "[   42][42   ][00042][+42][ 42]", "[%5d][%-5d][%05d][%+d][% d]", 42, 42, 42,
		  42, 42);
	PF_EXPECT(t, "[-0042][  -42][   0042]", "[%05d][%5d][%7.4d]", -42, -42, 42);
	PF_EXPECT(t, "[0x00002a][      0x2a]", "[%#08x][%#10x]", 42, 42);
	PF_EXPECT(t, "255 -1 65535 -1", "%hhu %hhd %hu %hd", 255, 255, 65535, 65535);
	PF_EXPECT(t, "12345678901 7 -7", "%llu %zu %zd", 12345678901ULL, (size_t)7, (ssize_t)-7);
	PF_EXPECT(t, "[    7][7    ]", "[%*d][%*d]", 5, 7, -5, 7);
	PF_EXPECT(t, "100% [] [0]", "%d%% [%.0d] [%d]", 100, 0, 0);
}

static void printf_strings_and_sizes(struct ktest *t)
{
	char buf[8];

	PF_EXPECT(t, "[abc][  abc][abc  ][ab][a]", "[%s][%5s][%-5s][%.2s][%.*s]", "abc", "abc",
		  "abc", "abc", 1, "abc");
	PF_EXPECT(t, "x(null)", "%c%s", 'x', (char *)NULL);
	memset(buf, '#', sizeof(buf));
	KTEST_EXPECT_EQ(t, snprintf(buf, 4, "%d", 123456), 6);
	KTEST_EXPECT_STREQ(t, buf, "123");
	KTEST_EXPECT_EQ(t, buf[4], '#');
	KTEST_EXPECT_EQ(t, scnprintf(buf, 4, "%d", 123456), 3);
	KTEST_EXPECT_EQ(t, snprintf(NULL, 0, "%s", "hello"), 5);
	KTEST_EXPECT_EQ(t, scnprintf(buf, 0, "%s", "hello"), 0);
	KTEST_EXPECT_EQ(t, buf[0], '1');
}

static const char *pf_resolver(unsigned long addr, unsigned long *offset, unsigned long *size)
{
	if (addr < 0x1000 || addr >= 0x1100)
		return NULL;
	*offset = addr - 0x1000;
	*size = 0x100;
	return "start_kernel";
}

static int pf_nested(char *buf, size_t size, const char *fmt, ...)
{
	struct va_format vf;
	va_list args;
	int n;

	va_start(args, fmt);
	vf.fmt = fmt;
	vf.va = &args;
	n = pf_any(buf, size, "<%pV>", &vf);
	va_end(args);
	return n;
}

static void printf_pointers(struct ktest *t)
{
	unsigned long map[2] = { 0x8000000000000085UL, 1 };
	char buf[40];

	PF_EXPECT(t, "ffff888000001000 0000000000000000", "%p %px", (void *)0xffff888000001000UL,
		  (void *)NULL);
	PF_EXPECT(t, "-ENOMEM -ERESTARTSYS 0000000000001234", "%pe %pe %pe", ERR_PTR(-ENOMEM),
		  ERR_PTR(-ERESTARTSYS), (void *)0x1234);
	PF_EXPECT(t, "0,2,7,63-64", "%*pbl", 128, map);
	PF_EXPECT(t, "1,80000000,00000085", "%*pb", 65, map);
	PF_EXPECT(t, "85 00:00 8500", "%*ph %*phC %*phN", 1, map, 2, (u8 *)map + 2, 2, map);
	KTEST_EXPECT_EQ(t, pf_nested(buf, sizeof(buf), "%d-%s", 5, "x"), 5);
	KTEST_EXPECT_STREQ(t, buf, "<5-x>");
	KTEST_EXPECT_EQ(t, pf_nested(buf, 5, "%d-%s", 5, "xyz"), 7);
	KTEST_EXPECT_STREQ(t, buf, "<5-x");
#ifdef QUIRE_HOSTED
	/* Only here: the kernel has its own resolver in place. */
	PF_EXPECT(t, "0000000000001010", "%pS", (void *)0x1010);
	printf_set_symbol_resolver(pf_resolver);
	PF_EXPECT(t, "start_kernel+0x10/0x100 start_kernel start_kernel+0x100/0x100", "%pS %ps %pB",
		  (void *)0x1010, (void *)0x1010, (void *)0x1100);
	printf_set_symbol_resolver(NULL);
#else
	KTEST_EXPECT_NOT_NULL(t, pf_resolver);
#endif
}

static void numbers_out_of_text(struct ktest *t)
{
	unsigned long ul = 1;
	long l = 1;
	int i = 1;
	u8 b = 1;
	bool on = false;
	char *end;

	KTEST_EXPECT_EQ(t, kstrtoul("123\n", 10, &ul), 0);
	KTEST_EXPECT_EQ(t, ul, 123UL);
	KTEST_EXPECT_EQ(t, kstrtoul("0x1f", 0, &ul), 0);
	KTEST_EXPECT_EQ(t, ul, 31UL);
	KTEST_EXPECT_EQ(t, kstrtoul("18446744073709551615", 10, &ul), 0);
	KTEST_EXPECT_EQ(t, kstrtoul("18446744073709551616", 10, &ul), -ERANGE);
	KTEST_EXPECT_EQ(t, ul, ULONG_MAX);
	KTEST_EXPECT_EQ(t, kstrtoul("", 10, &ul), -EINVAL);
	KTEST_EXPECT_EQ(t, kstrtoul("-1", 10, &ul), -EINVAL);
	KTEST_EXPECT_EQ(t, kstrtoul("12x", 10, &ul), -EINVAL);
	KTEST_EXPECT_EQ(t, kstrtol("-9223372036854775808", 10, &l), 0);
	KTEST_EXPECT_EQ(t, l, LONG_MIN);
	KTEST_EXPECT_EQ(t, kstrtol("9223372036854775808", 10, &l), -ERANGE);
	KTEST_EXPECT_EQ(t, kstrtoint("2147483648", 10, &i), -ERANGE);
	KTEST_EXPECT_EQ(t, kstrtoint("-017", 0, &i), 0);
	KTEST_EXPECT_EQ(t, i, -15);
	KTEST_EXPECT_EQ(t, kstrtou8("256", 10, &b), -ERANGE);
	KTEST_EXPECT_EQ(t, kstrtobool("on", &on), 0);
	KTEST_EXPECT_TRUE(t, on);
	KTEST_EXPECT_EQ(t, kstrtobool("maybe", &on), -EINVAL);
	KTEST_EXPECT_EQ(t, simple_strtoull("0x10z", &end, 0), 16ULL);
	KTEST_EXPECT_STREQ(t, end, "z");
	KTEST_EXPECT_EQ(t, memparse("512M@1G", &end), 512ULL << 20);
	KTEST_EXPECT_STREQ(t, end, "@1G");
	KTEST_EXPECT_EQ(t, memparse("0x10k", NULL), 16ULL << 10);
	KTEST_EXPECT_EQ(t, memparse("15E", NULL), 15ULL << 60);
	KTEST_EXPECT_EQ(t, memparse("16E", &end), ULLONG_MAX);
	KTEST_EXPECT_EQ(t, *end, 0);
	KTEST_EXPECT_EQ(t, memparse("99999999999999999999K@", &end), ULLONG_MAX);
	KTEST_EXPECT_STREQ(t, end, "@");
}

static void sscanf_by_example(struct ktest *t)
{
	unsigned int a = 0, b = 0;
	char word[8], set[8];
	long l = 0;
	u8 h = 0;
	int n = 0;

	KTEST_EXPECT_EQ(t, sscanf("12-0x34", "%u-%x", &a, &b), 2);
	KTEST_EXPECT_TRUE(t, a == 12 && b == 0x34);
	KTEST_EXPECT_EQ(t, sscanf("  -77 rest", "%ld %7s%n", &l, word, &n), 2);
	KTEST_EXPECT_EQ(t, l, -77L);
	KTEST_EXPECT_STREQ(t, word, "rest");
	KTEST_EXPECT_EQ(t, n, 10);
	KTEST_EXPECT_EQ(t, sscanf("abc123", "%7[a-z]%hhu", set, &h), 2);
	KTEST_EXPECT_STREQ(t, set, "abc");
	KTEST_EXPECT_EQ(t, h, 123);
	KTEST_EXPECT_EQ(t, sscanf("k=v", "%7[^=]=%1s", set, word), 2);
	KTEST_EXPECT_STREQ(t, set, "k");
	KTEST_EXPECT_EQ(t, sscanf("1234", "%2u%u", &a, &b), 2);
	KTEST_EXPECT_TRUE(t, a == 12 && b == 34);
	KTEST_EXPECT_EQ(t, sscanf("5 x", "%*d %u", &a), 0);
	KTEST_EXPECT_EQ(t, sscanf("50%", "%u%%%n", &a, &n), 1);
	KTEST_EXPECT_EQ(t, n, 3);
}

static void pf_collect(void *priv, const char *line)
{
	strlcat(priv, line, 600);
}

static void ktap_report_nests(struct ktest *t)
{
	static char text[600];
	static struct ktap k;
	char cmd[100];

	text[0] = '\0';
	ktap_init(&k, pf_collect, text);
	ktap_plan(&k, 2);
	ktap_open(&k, "list", 2);
	ktap_result(&k, true, "add", NULL);
	ktap_diag(&k, "one\ntwo %d", 2);
	ktap_result(&k, false, "del", NULL);
	KTEST_EXPECT_FALSE(t, ktap_close(&k, "list"));
	ktap_result(&k, true, "numa", "one node");
	KTEST_EXPECT_EQ(t, ktap_finish(&k), 1U);
	KTEST_EXPECT_STREQ(t, text,
			   "KTAP version 1\n1..2\n    KTAP version 1\n    # Subtest: list\n    "
			   "1..2\n    ok 1 add\n"
			   "    # one\n    # two 2\n    not ok 2 del\nnot ok 1 list\nok 2 numa # "
			   "SKIP one node\n"
			   "# Totals: pass:0 fail:1 skip:1 total:2\n");
	KTEST_EXPECT_TRUE(t, ktap_selected("a,b.c", "b", NULL));
	KTEST_EXPECT_TRUE(t, ktap_selected("a,b.c", "b", "c"));
	KTEST_EXPECT_FALSE(t, ktap_selected("a,b.c", "b", "d"));
	KTEST_EXPECT_TRUE(t, ktap_selected("a,b.c", "a", "d"));
	KTEST_EXPECT_FALSE(t, ktap_selected("ab", "a", NULL));
	KTEST_EXPECT_TRUE(t, ktap_selected("", "a", NULL));
	KTEST_EXPECT_STREQ(t, ktap_repeat_command(cmd, sizeof(cmd), "list", "del", 7),
			   "make run CMDLINE=\"selftest=list.del selftest_seed=7\"");
}

static const struct ktest_case printf_cases[] = {
	KTEST_CASE(printf_integers),
	KTEST_CASE(printf_strings_and_sizes),
	KTEST_CASE(printf_pointers),
	KTEST_CASE(numbers_out_of_text),
	KTEST_CASE(sscanf_by_example),
	KTEST_CASE(ktap_report_nests),
	{},
};
KTEST_SUITE(printf, printf_cases);
