/*
 * The page-table checker: counts, for each page, the user entries that map it, and stops when the counts cannot be right.
 *
 * 1. A page is mapped as anonymous memory or as part of a file, never as both; when it is anonymous and mapped more than
 *    once (after fork), no entry may be writable, or two processes would write into one memory. These two rules are
 *    what copy-on-write and the page cache promise, so a break of them is a leak of somebody's data.
 * 2. Each entry that is set or cleared passes here: replacing is clearing the old value and setting the new one. Only
 *    entries that a program can use count: present, user, and not special (zero page, device memory).
 * 3. Write protection of an entry that stays (fork) is no change of the counts.
 * 4. When a page is allocated or freed, its counts must be zero: who frees a page that is still mapped is found here, at
 *    the free and not at the damage.
 * 5. There is no going on after a break: BUG. The test suite asks the rule itself, on counts of its own.
 *
 * Lock-free: the counts are atomic. Mirrors Linux mm/page_table_check.c. Exercised by the pagedebug suite, and by every
 * program of a boot with page_table_check=on (tests/boot/test_pagedebug.py).
 */
#include "mm/debug/page_table_check.h"

#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "mm/debug/debug_internal.h"
#include "mm/debug/page_ext.h"
#include "mm/phys/page.h"

static int __init param_page_table_check(char *value)
{
	page_debug_set(PAGE_DEBUG_TABLE_CHECK, debug_param_bool("page_table_check", value));
	return 0;
}
early_param("page_table_check", param_page_table_check);

static bool page_table_check_need(void)
{
	return page_debug_has(PAGE_DEBUG_TABLE_CHECK);
}

static void page_table_check_ready(bool there)
{
	page_debug_set(PAGE_DEBUG_TABLE_CHECK, there);
}

struct page_ext_operations page_table_check_ops = {
	.name = "page_table_check",
	.size = sizeof(struct page_table_check),
	.need = page_table_check_need,
	.ready = page_table_check_ready,
};

const char *page_table_check_map(struct page_table_check *c, bool anon, bool write)
{
	if (!anon) {
		if (READ_ONCE(c->anon_map_count))
			return "mapped as file, already mapped as anonymous memory";
		return __atomic_add_fetch(&c->file_map_count, 1, __ATOMIC_RELAXED) < 0
			       ? "count of file mappings is negative"
			       : NULL;
	}
	if (READ_ONCE(c->file_map_count))
		return "mapped as anonymous memory, already mapped as file";
	if (__atomic_add_fetch(&c->anon_map_count, 1, __ATOMIC_RELAXED) > 1 && write)
		return "anonymous page mapped writable, and mapped elsewhere too";
	return NULL;
}

const char *page_table_check_unmap(struct page_table_check *c, bool anon)
{
	int *count = anon ? &c->anon_map_count : &c->file_map_count;

	if (READ_ONCE(*(anon ? &c->file_map_count : &c->anon_map_count)))
		return "unmapped as one kind, mapped as the other";
	return __atomic_sub_fetch(count, 1, __ATOMIC_RELAXED) < 0
		       ? "unmapped more often than mapped"
		       : NULL;
}

struct page_table_check *page_table_check_of(const struct page *page)
{
	struct page_ext *ext = page_debug_has(PAGE_DEBUG_TABLE_CHECK) ? page_ext_get(page) : NULL;

	return ext ? page_ext_data(ext, &page_table_check_ops) : NULL;
}

static void broken(const struct page *page, const struct page_table_check *c, const char *why)
{
	pr_emerg("page_table_check: %s (anon %d, file %d)\n", why, c->anon_map_count,
		 c->file_map_count);
	dump_page(page, why);
	BUG();
}

static struct page *counted_page(pte_t pte)
{
	const u64 usable = _PAGE_PRESENT | _PAGE_USER;

	if ((pte.pte & usable) != usable || pte_special(pte) || !pfn_valid(pte_pfn(pte)))
		return NULL;
	return pfn_to_page(pte_pfn(pte));
}

void __page_table_check_set(pte_t old, pte_t new)
{
	struct page *page = counted_page(old);
	struct page_table_check *c = page ? page_table_check_of(page) : NULL;
	const char *why = c ? page_table_check_unmap(c, PageAnon(page)) : NULL;

	if (unlikely(why))
		broken(page, c, why);
	page = counted_page(new);
	c = page ? page_table_check_of(page) : NULL;
	why = c ? page_table_check_map(c, PageAnon(page), pte_write(new)) : NULL;
	if (unlikely(why))
		broken(page, c, why);
}

void page_table_check_zero(struct page *page, unsigned int order)
{
	for (unsigned long i = 0; i < BIT(order); i++) {
		struct page_ext *ext = page_ext_peek(page + i);
		struct page_table_check *c = ext ? page_ext_data(ext, &page_table_check_ops) : NULL;

		if (unlikely(c && (c->anon_map_count || c->file_map_count)))
			broken(page + i, c,
			       "a page that is still mapped enters or leaves the allocator");
	}
}
