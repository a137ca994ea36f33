/*
 * Isolating, moving and giving back pages of drivers. See movable.h.
 *
 * A page may be freed at any moment before it is isolated, so a reference is taken first, then its kind is looked at, then it is
 * locked, then looked at again. The lock is only tried: the owner may hold it while it waits for the memory that the
 * mover is making free.
 *
 * Mirrors Linux mm/migrate.c (isolate_movable_page, putback_movable_page). Exercised by the suite movable_ops.
 */
#include "mm/user/movable.h"

#include "kernel/bug.h"
#include "lib/errno.h"
#include "mm/cache/pagemap.h"

bool isolate_movable_page(struct page *page)
{
	const struct movable_operations *ops;
	struct folio *folio = page_folio(page);

	if (!folio_try_get(folio))
		return false;
	if (!__PageMovable(page) || !folio_trylock(folio)) {
		folio_put(folio);
		return false;
	}
	ops = page_movable_ops(page);
	if (ops && !PageIsolated(page) && ops->isolate_page(page)) {
		SetPageIsolated(page);
		folio_unlock(folio);
		return true;
	}
	folio_unlock(folio);
	folio_put(folio);
	return false;
}

void putback_movable_page(struct page *page)
{
	const struct movable_operations *ops;
	struct folio *folio = page_folio(page);

	folio_lock(folio);
	VM_BUG_ON(!PageIsolated(page));
	ops = page_movable_ops(page);
	if (ops)
		ops->putback_page(page);
	ClearPageIsolated(page);
	folio_unlock(folio);
	folio_put(folio);
}

int migrate_movable_page(struct page *dst, struct page *src)
{
	const struct movable_operations *ops = page_movable_ops(src);
	int err;

	VM_BUG_ON(!PageIsolated(src));
	/* The owner has let go of it: the caller sees that its reference is the last. */
	if (!ops)
		return -EAGAIN;
	err = ops->migrate_page(dst, src);
	if (!err)
		ClearPageIsolated(src);
	return err;
}
