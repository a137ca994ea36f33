/*
 * Pages of drivers that can be moved: neither on an LRU list nor in a file, but their owner knows how to move them.
 *
 * 1. The owner says so with __SetPageMovable(): page->mapping then holds its operations, tagged. To be moved, a page is first
 *    isolated: the owner promises to leave it where it is and in its lists' way no more; the mover has a reference. Then
 *    migrate_folio() calls migrate_page(); if the page could not move, putback_movable_page() gives it back.
 * 2. The owner may free the page while it is isolated: it clears the mark and drops its reference, and the mover, whose
 *    reference is the last, sees that there is nothing left to move.
 *
 * Invariant: PG_isolated is set from a successful isolate_movable_page() until migration or putback. All changes under the folio
 * lock; the owner's own lock nests inside. Mirrors Linux struct movable_operations (include/linux/migrate.h), mm/migrate.c.
 * Exercised by the suite movable_ops (tests/kernel/movable_ops.c).
 */
#pragma once

#include "mm/phys/page.h"

/* => all with the page's lock held, may sleep */
struct movable_operations {
	/* May the page be moved now? From true on it stays isolated until one of the other two. */
	bool (*isolate_page)(struct page *page);
	/*
	 * The owner's contents and every pointer of its own go from src to dst, which is fresh and locked. 0: it uses dst, with a reference
	 * and __SetPageMovable() of its own, has cleared src's mark and dropped its reference; -EAGAIN, -EBUSY: src stays.
	 */
	int (*migrate_page)(struct page *dst, struct page *src);
	/* It could not be moved: as before isolate_page. */
	void (*putback_page)(struct page *page);
};

static inline bool __PageMovable(const struct page *page)
{
	return ((unsigned long)READ_ONCE(page->mapping) & PAGE_MAPPING_FLAGS) ==
	       PAGE_MAPPING_MOVABLE;
}

/* The owner's operations; NULL: it has let go of the page, or the page never was movable. => page locked */
static inline const struct movable_operations *page_movable_ops(const struct page *page)
{
	return __PageMovable(page)
		       ? (const void *)((unsigned long)page->mapping - PAGE_MAPPING_MOVABLE)
		       : NULL;
}

/* => the owner, page locked */
static inline void __SetPageMovable(struct page *page, const struct movable_operations *ops)
{
	WRITE_ONCE(page->mapping, (void *)((unsigned long)ops | PAGE_MAPPING_MOVABLE));
}

/* The tag stays, so that a mover that has isolated the page still knows its kind. => the owner, page locked */
static inline void __ClearPageMovable(struct page *page)
{
	WRITE_ONCE(page->mapping, (void *)PAGE_MAPPING_MOVABLE);
}

/* Takes the page to be moved, with a reference: true; false: it is none of these, in use just now, or isolated already. => may sleep */
bool isolate_movable_page(struct page *page);
/* Gives an isolated page back, and the reference. => may sleep */
void putback_movable_page(struct page *page);
/* For migrate_folio(): src isolated. 0, -EAGAIN, -EBUSY. => both locked */
int migrate_movable_page(struct page *dst, struct page *src);
