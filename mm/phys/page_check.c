/*
 * The rules of a page's life, checked in debug kernels (CONFIG_DEBUG_VM) whenever it is freed and given out.
 *
 * 1. A page that comes back must have no life left: nobody holds it (_refcount 0), nobody maps it (_mapcount, entire and
 *    pinned counts), no type, no mapping, and no flag that says that somebody still believes in it. Anonymous pages, and those
 *    of drivers that move theirs, keep their mapping until here: nobody may change it earlier.
 * 2. The tails of a compound page must point to their head; the other pages of a block that is none must be as they were
 *    given out, without references or flags of their own.
 * 3. A page that is given out must still be as it was freed. If not, somebody wrote into it through an old pointer, or its
 *    struct page itself was overwritten.
 * 4. A reference to a page whose count is zero is a use after free; so is dropping one. Then the count is left alone: the
 *    page is on a free list, and has another owner soon.
 * 5. What fails is reported by name and leaked: never on a list again, so that no second victim suffers.
 *
 * Mirrors Linux mm/page_alloc.c (page_bad_reason, check_new_page, free_page_is_bad). Exercised by the page_check suite.
 */
#include "mm/phys/internal.h"

unsigned long nr_bad_pages;

#ifdef CONFIG_DEBUG_VM
static const char *page_bad_reason(const struct page *page, unsigned long flags)
{
	if (PageBuddy(page))
		return "it is in the free lists: freed twice?";
	if (page->page_type != ~0U && (page->page_type >> 24) >= PGTY_buddy &&
	    (page->page_type >> 24) != PGTY_mapcount_underflow)
		return "page type still set";
	if (page->page_type != ~0U)
		return "nonzero mapcount";
	if (page->mapping)
		return "non-NULL mapping";
	if (page_ref_count(page))
		return "nonzero _refcount";
	if (page->flags & flags & BIT(PG_hwpoison))
		return "hardware-poisoned page in use";
	if (page->flags & flags)
		return "a flag set that must be clear here";
	if (page->memcg_data)
		return "still charged to a memory cgroup";
	return NULL;
}

/* True if there is something to report. */
static bool report_bad(struct page *page, const char *reason)
{
	if (unlikely(reason))
		bad_page(page, reason);
	return reason;
}

static bool page_is_bad(struct page *page, unsigned long flags)
{
	return report_bad(page, page_bad_reason(page, flags));
}

/* The first tail carries what only a large folio has. */
static const char *first_tail_bad_reason(const struct folio *folio, unsigned int order)
{
	if (folio->_folio_order != order || folio->_folio_nr_pages != BIT(order))
		return "freed with another order than the folio's";
	if (atomic_read(&folio->_large_mapcount) != -1)
		return "nonzero large_mapcount";
	if (atomic_read(&folio->_entire_mapcount) != -1)
		return "nonzero entire_mapcount";
	if (atomic_read(&folio->_nr_pages_mapped))
		return "nonzero nr_pages_mapped";
	if (atomic_read(&folio->_pincount))
		return "nonzero pincount";
	return NULL;
}

static bool tail_is_bad(struct page *tail, const struct page *head)
{
	const char *reason = NULL;

	if (compound_head(tail) != head)
		reason = PageTail(tail) ? "compound_head not consistent" : "compound_head not set";
	else if (tail->page_type != ~0U)
		reason = "nonzero mapcount of a tail page";
	else if (page_ref_count(tail))
		reason = "nonzero _refcount of a tail page";
	return report_bad(tail, reason);
}

bool page_free_ok(struct page *page, unsigned int order)
{
	struct folio *folio = (struct folio *)page;
	bool compound = PageHead(page), bad = false;

	if (PageTail(page))
		return !report_bad(page, "a tail page is freed by itself");
	if (compound && report_bad(page, order ? first_tail_bad_reason(folio, order)
					       : "a compound page freed as a single one"))
		return false;
	for (unsigned long i = 1; i < BIT(order); i++) {
		if (compound)
			bad |= tail_is_bad(page + i, page);
		else if (page[i].flags & BIT(PG_head) || PageTail(page + i))
			bad |= report_bad(page + i, "part of another compound page");
		else
			bad |= page_is_bad(page + i, PAGE_FLAGS_CHECK_AT_PREP);
	}
	if ((unsigned long)page->mapping & PAGE_MAPPING_FLAGS)
		page->mapping = NULL;
	return !page_is_bad(page, PAGE_FLAGS_CHECK_AT_FREE) && !bad;
}

bool check_new_pages(struct page *page, unsigned int order)
{
	for (unsigned long i = 0; i < BIT(order); i++)
		if (page_is_bad(page + i, PAGE_FLAGS_CHECK_AT_PREP))
			return true;
	return false;
}

void page_ref_bad(struct page *page, const char *what)
{
	bad_page(page, what);
}
#endif
