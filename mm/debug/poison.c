/*
 * Page poisoning: page_poison=1 fills each page that is freed with 0xaa and looks, when it is allocated again, whether
 * all of it still stands there. Who has written meanwhile used a page that was not his.
 *
 * 1. The page is looked through as words; only when one is wrong, byte by byte for the report.
 * 2. One bit that differs, in the whole page, is more often a broken memory chip than a program: it is named so.
 * 3. After a report the page is used as if nothing had happened. Its new owner expects no contents.
 * 4. The report comes when the page is allocated, perhaps long after the deed; debug_pagealloc=on catches the culprit in
 *    the act, at a higher price. With page_owner=on the report says who had the page last.
 *
 * Mirrors Linux mm/page_poison.c. Exercised by the pagedebug suite.
 */
#include "arch/x86/page_ops.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/debug_internal.h"
#include "mm/phys/page.h"

#define PAGE_POISON	 0xaa
#define PAGE_POISON_LONG 0xaaaaaaaaaaaaaaaaUL

unsigned long page_poison_errors; /* atomic */

static int __init param_page_poison(char *value)
{
	page_debug_set(PAGE_DEBUG_POISON, debug_param_bool("page_poison", value));
	return 0;
}
early_param("page_poison", param_page_poison);

void page_poison_fill(struct page *page, unsigned int order)
{
	static const u64 pattern[8] __aligned(64) = {
		PAGE_POISON_LONG, PAGE_POISON_LONG, PAGE_POISON_LONG, PAGE_POISON_LONG,
		PAGE_POISON_LONG, PAGE_POISON_LONG, PAGE_POISON_LONG, PAGE_POISON_LONG,
	};

	fill_blocks64(page_address(page), pattern, (PAGE_SIZE << order) / 64);
}

int poison_find(const void *mem, size_t len, int *end)
{
	const u8 *bytes = mem, *first = memchr_inv(mem, PAGE_POISON, len);
	size_t last = len;

	if (!first)
		return -1;
	while (bytes[last - 1] == PAGE_POISON)
		last--;
	*end = last;
	return first - bytes;
}

static bool single_bit_flip(u8 byte)
{
	u8 error = byte ^ PAGE_POISON;

	return !(error & (error - 1));
}

static void report(struct page *page, const u8 *mem, int start, int end)
{
	char line[16 * 3 + 1];

	__atomic_fetch_add(&page_poison_errors, 1, __ATOMIC_RELAXED);
	if (start + 1 == end && single_bit_flip(mem[start]))
		pr_err_ratelimited("pagealloc: single bit error\n");
	else
		pr_err_ratelimited("pagealloc: memory corruption\n");
	pr_err("pagealloc: pfn %#lx, %d bytes from offset %#x on\n", page_to_pfn(page), end - start,
	       start);
	for (int at = start; at < end && at < start + 256; at += 16) {
		int n = 0;

		for (int i = at; i < at + 16 && i < end; i++)
			n += scnprintf(line + n, sizeof(line) - n, "%02x ", mem[i]);
		pr_err("%08x: %s\n", at, line);
	}
	if (end - start > 256)
		pr_err("... and %d bytes more\n", end - start - 256);
	dump_stack();
	dump_page(page, "pagealloc: corrupted page details");
}

void page_poison_check(struct page *page, unsigned int order)
{
	for (unsigned long i = 0; i < BIT(order); i++) {
		const u64 *mem = page_address(page + i);
		int start, end;

		start = poison_find(mem, PAGE_SIZE, &end);
		if (unlikely(start >= 0))
			report(page + i, (const u8 *)mem, start, end);
	}
}
