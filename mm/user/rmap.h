/*
 * Counting who maps a page: _mapcount (from -1) and the node's AnonPages and Mapped.
 *
 * A page counts once in the node's numbers however many entries map it, so only the first mapping and the
 * last unmapping touch them. fork only adds to pages that are mapped already.
 *
 * Locks: the page-table lock of the entry. Mirrors the accounting half of Linux mm/rmap.c. Exercised by
 * tests/user/procsys.c (meminfo adds up).
 */
#pragma once

#include "mm/phys/page.h"
#include "mm/phys/vmstat.h"

/* A fresh anonymous page gets its only mapping. */
static __always_inline void page_add_new_anon_rmap(struct page *page)
{
	atomic_set(&page->_mapcount, 0);
	inc_node_page_state(page, NR_ANON_MAPPED);
}

static __always_inline void page_add_file_rmap(struct page *page)
{
	if (atomic_inc_return(&page->_mapcount) == 0)
		inc_node_page_state(page, NR_FILE_MAPPED);
}

/* One more entry for a page that some entry maps already (fork). */
static __always_inline void page_dup_rmap(struct page *page)
{
	atomic_inc(&page->_mapcount);
}

static __always_inline void page_remove_rmap(struct page *page)
{
	if (atomic_dec_return(&page->_mapcount) < 0)
		dec_node_page_state(page, PageAnon(page) ? NR_ANON_MAPPED : NR_FILE_MAPPED);
}
