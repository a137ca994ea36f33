/*
 * Suite page_check: pages whose state is wrong are reported by name, and never used again. In debug kernels only, except
 * for what dump_page() says.
 *
 * Each case breaks one rule on purpose, reads the report from the log, and repairs the page by hand.
 */
#include "kernel/ktest.h"
#include "kernel/printk.h"
#include "lib/string.h"
#include "mm/phys/internal.h"
#include "tests/kernel/log.h"

static void dump_names_what_a_page_is(struct ktest *t)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);
	u64 seq = log_next_seq();

	KTEST_ASSERT_NOT_NULL(t, folio);
	__folio_set_uptodate(folio);
	__folio_set_dirty(folio);
	dump_page(&folio->page, "a test wants to see it");
	KTEST_EXPECT_TRUE(t, logged(seq, "refcount:1 mapcount:0"));
	KTEST_EXPECT_TRUE(t, logged(seq, "head: order:2"));
	KTEST_EXPECT_TRUE(t, logged(seq, "uptodate|dirty|head"));
	KTEST_EXPECT_TRUE(t, logged(seq, "page dumped because: a test wants to see it"));
	folio_put(folio);
}

#ifdef CONFIG_DEBUG_VM
/* Was exactly one bad page reported since, for this reason? */
static void expect_report(struct ktest *t, u64 seq, unsigned long before, const char *reason)
{
	KTEST_EXPECT_EQ(t, nr_bad_pages - before, 1UL);
	KTEST_EXPECT_TRUE(t, logged(seq, "BUG: Bad page state in process "));
	if (!logged(seq, reason))
		KTEST_FAIL(t, "no report says \"%s\"", reason);
}

enum fault {
	MAPPED,
	HAS_MAPPING,
	LOCKED,
	ON_LRU,
	TYPED,
	CHARGED,
	NR_FAULTS,
};

static void break_page(struct page *page, enum fault fault, bool broken)
{
	switch (fault) {
	case MAPPED:
		atomic_set(&page->_mapcount, broken ? 0 : -1);
		break;
	case HAS_MAPPING:
		page->mapping = broken ? (void *)page : NULL;
		break;
	case LOCKED:
		broken ? __SetPageLocked(page) : __ClearPageLocked(page);
		break;
	case ON_LRU:
		broken ? __SetPageLRU(page) : __ClearPageLRU(page);
		break;
	case TYPED:
		broken ? __SetPageTable(page) : __ClearPageTable(page);
		break;
	default:
		page->memcg_data = broken ? 0x123 : 0;
	}
}

static void signs_of_life_are_named_and_the_page_leaks(struct ktest *t)
{
	static const char *const reasons[NR_FAULTS] = {
		[MAPPED] = "nonzero mapcount",
		[HAS_MAPPING] = "non-NULL mapping",
		[LOCKED] = "flag set that must be clear",
		[ON_LRU] = "flag set that must be clear",
		[TYPED] = "page type still set",
		[CHARGED] = "still charged to a memory cgroup",
	};

	for (int fault = 0; fault < NR_FAULTS; fault++) {
		struct page *page = alloc_page(GFP_KERNEL), *others[32];
		unsigned long before = nr_bad_pages;
		u64 seq = log_next_seq();

		KTEST_ASSERT_NOT_NULL(t, page);
		break_page(page, fault, true);
		__free_page(page);
		expect_report(t, seq, before, reasons[fault]);
		/* The last freed would be the first given out. */
		for (int i = 0; i < 32; i++) {
			others[i] = alloc_page(GFP_KERNEL);
			KTEST_EXPECT_TRUE(t, others[i] != page);
		}
		for (int i = 0; i < 32; i++)
			if (others[i])
				__free_page(others[i]);
		break_page(page, fault, false);
		set_page_count(page, 1);
		__free_page(page);
		KTEST_EXPECT_EQ(t, nr_bad_pages - before, 1UL);
	}
}

static void tails_are_checked(struct ktest *t)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 3);
	struct page *block = alloc_pages(GFP_KERNEL, 3);
	unsigned long before = nr_bad_pages;
	u64 seq = log_next_seq();

	KTEST_ASSERT_NOT_NULL(t, folio);
	KTEST_ASSERT_NOT_NULL(t, block);
	/* A tail of a folio that somebody maps. */
	atomic_set(&folio_page(folio, 5)->_mapcount, 0);
	folio_put(folio);
	expect_report(t, seq, before, "nonzero mapcount of a tail page");
	page_mapcount_reset(folio_page(folio, 5));
	set_page_count(&folio->page, 1);
	before = nr_bad_pages;
	seq = log_next_seq();
	/* Freed with the wrong order. */
	__free_pages(&folio->page, 2);
	expect_report(t, seq, before, "another order than the folio's");
	set_page_count(&folio->page, 1);
	folio_put(folio);

	before = nr_bad_pages;
	seq = log_next_seq();
	/* Somebody got a reference to a page in the middle of a plain block. */
	set_page_count(block + 3, 1);
	__free_pages(block, 3);
	expect_report(t, seq, before, "nonzero _refcount");
	set_page_count(block + 3, 0);
	set_page_count(block, 1);
	__free_pages(block, 3);
	KTEST_EXPECT_EQ(t, nr_bad_pages - before, 1UL);
}

static void double_free_is_caught(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL), *a, *b;
	unsigned long before = nr_bad_pages;
	u64 seq = log_next_seq();

	KTEST_ASSERT_NOT_NULL(t, page);
	__free_page(page);
	__free_page(page);
	expect_report(t, seq, before, "freed twice?");
	KTEST_EXPECT_EQ(t, page_ref_count(page), 0);
	/* It is on the list once. */
	a = alloc_page(GFP_KERNEL);
	b = alloc_page(GFP_KERNEL);
	KTEST_EXPECT_TRUE(t, a != b);
	__free_page(a);
	__free_page(b);
}

static void references_to_free_pages_are_caught(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long before = nr_bad_pages;
	u64 seq = log_next_seq();

	KTEST_ASSERT_NOT_NULL(t, page);
	__free_page(page);
	get_page(page);
	expect_report(t, seq, before, "reference taken to a free page");
	KTEST_EXPECT_EQ(t, page_ref_count(page), 0);
	before = nr_bad_pages;
	seq = log_next_seq();
	put_page(page);
	expect_report(t, seq, before, "reference dropped that nobody has");
	KTEST_EXPECT_EQ(t, page_ref_count(page), 0);
}

static void page_touched_while_free_is_not_given_out(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL), *next;
	unsigned long before = nr_bad_pages;
	u64 seq = log_next_seq();

	KTEST_ASSERT_NOT_NULL(t, page);
	__free_page(page);
	page->mapping = (void *)page; /* through an old pointer */
	next = alloc_page(GFP_KERNEL);
	KTEST_EXPECT_TRUE(t, next != page);
	expect_report(t, seq, before, "non-NULL mapping");
	if (next)
		__free_page(next);
	page->mapping = NULL;
	set_page_count(page, 1);
	__free_page(page);
}
#endif

static const struct ktest_case cases[] = {
	KTEST_CASE(dump_names_what_a_page_is),
#ifdef CONFIG_DEBUG_VM
	KTEST_CASE(signs_of_life_are_named_and_the_page_leaks),
	KTEST_CASE(tails_are_checked),
	KTEST_CASE(double_free_is_caught),
	KTEST_CASE(references_to_free_pages_are_caught),
	KTEST_CASE(page_touched_while_free_is_not_given_out),
#endif
	{},
};
KTEST_SUITE(page_check, cases);
