/*
 * Testing memory at boot.
 *
 * 1. memtest=N writes N patterns one after the other over all memory that is free so far, and reads each back. A word
 *    that comes back different is reported and its range reserved, so that nobody ever uses it.
 * 2. The patterns are the ones that find the usual faults: all zeroes and ones, alternating bits in the widths in which
 *    lines may stick together, and some without any regularity. Zero comes last in the row, so that memory ends up
 *    clean; N counts from that end.
 * 3. It runs as soon as the linear map stands: what was allocated before (page tables) is in use and not tested.
 *
 * Boot CPU only. Mirrors Linux mm/memtest.c. Exercised by the zones suite and tests/boot/test_numa.py.
 */
#include "mm/boot/memtest.h"

#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/boot/memblock.h"

static const u64 patterns[MEMTEST_PATTERNS] = {
	0,
	0xffffffffffffffffULL,
	0x5555555555555555ULL,
	0xaaaaaaaaaaaaaaaaULL,
	0x1111111111111111ULL,
	0x2222222222222222ULL,
	0x4444444444444444ULL,
	0x8888888888888888ULL,
	0x3333333333333333ULL,
	0x6666666666666666ULL,
	0x9999999999999999ULL,
	0xccccccccccccccccULL,
	0x7777777777777777ULL,
	0xbbbbbbbbbbbbbbbbULL,
	0xddddddddddddddddULL,
	0xeeeeeeeeeeeeeeeeULL,
	0x6a09e667f3bcc908ULL, /* the square root of 2, in binary */
};

static unsigned int nr_tests __initdata;

static int __init parse_memtest(char *arg)
{
	unsigned int n = MEMTEST_PATTERNS;

	if (arg && (kstrtouint(arg, 0, &n) || n > MEMTEST_PATTERNS)) {
		pr_warn("memtest=%s: not a number of patterns, 0 to %d, ignored\n", arg,
			MEMTEST_PATTERNS);
		return 0;
	}
	nr_tests = n;
	return 0;
}
early_param("memtest", parse_memtest);

u64 memtest_pattern(unsigned int i)
{
	return patterns[i];
}

void memtest_fill(u64 *start, size_t words, u64 pattern)
{
	for (size_t i = 0; i < words; i++)
		WRITE_ONCE(start[i], pattern);
}

size_t memtest_check(const u64 *start, size_t from, size_t words, u64 pattern)
{
	while (from < words && READ_ONCE(start[from]) == pattern)
		from++;
	return from;
}

static void __init reserve_bad(phys_addr_t start, phys_addr_t end, u64 pattern)
{
	pr_err("  %016llx bad mem addr [mem %#018lx-%#018lx] reserved\n", pattern, start, end - 1);
	memblock_reserve(start, end - start);
}

static void __init test_range(phys_addr_t start, phys_addr_t end, u64 pattern)
{
	phys_addr_t base = ALIGN(start, sizeof(u64));
	u64 *words = __va(base);
	size_t n = end > base ? (end - base) / sizeof(u64) : 0, i = 0, last;

	memtest_fill(words, n, pattern);
	while ((i = memtest_check(words, i, n, pattern)) < n) {
		for (last = i; last < n && READ_ONCE(words[last]) != pattern; last++)
			;
		reserve_bad(base + i * sizeof(u64), base + last * sizeof(u64), pattern);
		i = last;
	}
}

/* The lowest free range above pos; reserving bad words changes the list, so each step asks anew. */
static bool __init next_free_above(phys_addr_t pos, phys_addr_t *start, phys_addr_t *end)
{
	u64 i;

	for_each_free_mem_range(i, -1, start, end, NULL) {
		if (*end <= pos)
			continue;
		*start = max(*start, pos);
		return true;
	}
	return false;
}

void __init early_memtest(void)
{
	phys_addr_t start, end, pos;

	if (!nr_tests)
		return;
	pr_info("early_memtest: # of tests: %u\n", nr_tests);
	for (unsigned int i = nr_tests; i-- > 0;) {
		for (pos = 0; next_free_above(pos, &start, &end); pos = end) {
			pr_info("  %#018lx - %#018lx pattern %016llx\n", start, end, patterns[i]);
			test_range(start, end, patterns[i]);
		}
	}
}
