/*
 * Extra records for each page, for tools that are off on most boots: struct page does not grow for them.
 *
 * Theory in page_ext.c. Mirrors Linux include/linux/page_ext.h. Exercised by the pagedebug suite.
 */
#pragma once

#include "lib/types.h"

struct page;

enum page_ext_flags {
	PAGE_EXT_OWNER,		  /* the owner's record has been written */
	PAGE_EXT_OWNER_ALLOCATED, /* and he still has the page */
};

struct page_ext {
	unsigned long flags; /* the page's owner; a free page: the allocator */
};

/* A tool that wants size bytes for each page. offset is set by page_ext_init(). */
struct page_ext_operations {
	const char *name;
	size_t offset, size;
	bool (*need)(void);	   /* did the command line ask for it? */
	void (*ready)(bool there); /* memory is there, or is not to be had: then do without */
};

/* Boot: memory for all tools that need some. => memory map known, memblock still allocates */
void page_ext_init(void);
/* The record of a page; NULL if no tool wanted one, or for a page that is no RAM. Any context. */
struct page_ext *page_ext_get(const struct page *page);
/* The same, but NULL also while nobody has written a record near it: all would be zero. */
struct page_ext *page_ext_peek(const struct page *page);

static __always_inline void *page_ext_data(struct page_ext *ext,
					   const struct page_ext_operations *ops)
{
	return (char *)ext + ops->offset;
}

extern struct page_ext_operations page_owner_ops, page_table_check_ops;
