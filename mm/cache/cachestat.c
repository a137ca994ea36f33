/*
 * cachestat(2): how much of a file is in the cache, and in which state.
 *
 * Nothing that leaves the cache leaves a trace yet, so the two numbers of evicted pages are 0. Locks: RCU; the result is a moment's.
 * Mirrors Linux mm/filemap.c (filemap_cachestat). Exercised by tests/user/readaheads.c.
 */
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "mm/cache/readahead.h"
#include "mm/cache/writeback.h"

#define CHECK_BATCH 1024 /* pages between two chances for others to run */

void filemap_cachestat(struct address_space *mapping, pgoff_t first, pgoff_t last,
		       struct cachestat *cs)
{
	XA_STATE(xas, &mapping->i_pages, first);
	void *entry;

	rcu_read_lock();
	xas_for_each(&xas, entry, last) {
		if (!xa_is_value(entry)) {
			cs->nr_cache++;
			cs->nr_dirty += xas_get_mark(&xas, PAGECACHE_TAG_DIRTY);
			cs->nr_writeback += xas_get_mark(&xas, PAGECACHE_TAG_WRITEBACK);
		}
		if (cs->nr_cache % CHECK_BATCH)
			continue;
		xas_pause(&xas);
		rcu_read_unlock();
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
}
