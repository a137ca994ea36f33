/*
 * Who has each page: page_owner=on.
 *
 * Theory in page_owner.c. Mirrors Linux include/linux/page_owner.h. Exercised by the pagedebug suite.
 */
#pragma once

#include "lib/types.h"

struct folio;
struct page;

/* What is remembered of a page. Times are ns since boot. */
struct page_owner {
	u16 order;		 /* of the block that it was allocated as part of */
	s16 last_migrate_reason; /* -1: it was not migrated */
	gfp_t gfp_mask;
	u32 handle;	 /* stack of the allocation, */
	u32 free_handle; /* of the last freeing */
	u64 ts_nsec, free_ts_nsec;
	char comm[16];
	int pid, tgid, free_pid, free_tgid;
};

/* The allocator's hooks (page_debug.c). Any context without zone->lock. */
void page_owner_alloc(struct page *page, unsigned int order, gfp_t gfp);
void page_owner_free(struct page *page, unsigned int order);
void page_owner_split(struct page *page, unsigned int order);
/* Migration: the new folio has the old one's owner. => page_owner is on; both folios ours, of one size */
void page_owner_copy(struct folio *newfolio, struct folio *old);
void page_owner_set_migrate_reason(struct page *page, int reason);
/* What is known of a page, to the log. Any context. */
void dump_page_owner(const struct page *page);
/* Its record; false if there is none. *allocated: does the owner still have it? */
bool page_owner_read(const struct page *page, struct page_owner *out, bool *allocated);
