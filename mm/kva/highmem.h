/*
 * kmap_local: an address for a page, for a moment.
 *
 * On 64 bits the linear map has all RAM, so kmap_local_page() is the page's linear address: no slot of
 * the fixmap, no entry, no flush, in debug kernels neither. Users write their code as if it were a
 * mapping all the same (undone in reverse order, not handed to others), as on Linux, where the same
 * code runs with little address space. Nesting has no limit, and the user may sleep in between. Debug
 * kernels check what is handed to kunmap_local().
 *
 * Mirrors Linux include/linux/highmem.h. Exercised by the vmalloc suite.
 */
#pragma once

#include "arch/x86/page_ops.h"
#include "kernel/bug.h"
#include "lib/string.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"

static __always_inline void *kmap_local_page(struct page *page)
{
	return page_address(page);
}

/* offset bytes into the folio: the address of that byte, good up to the end of its page. */
static __always_inline void *kmap_local_folio(struct folio *folio, size_t offset)
{
	return (char *)page_address(&folio->page) + offset;
}

/* addr: any address in the page. */
static __always_inline void kunmap_local(const void *addr)
{
	VM_BUG_ON(!virt_addr_valid(addr));
}

/* ---- bytes of one page: offset + len at most a page ---- */

static inline void memcpy_from_page(void *to, struct page *page, size_t offset, size_t len)
{
	char *p = kmap_local_page(page);

	VM_BUG_ON(offset + len > PAGE_SIZE);
	memcpy(to, p + offset, len);
	kunmap_local(p);
}

static inline void memcpy_to_page(struct page *page, size_t offset, const void *from, size_t len)
{
	char *p = kmap_local_page(page);

	VM_BUG_ON(offset + len > PAGE_SIZE);
	memcpy(p + offset, from, len);
	kunmap_local(p);
}

static inline void memset_page(struct page *page, size_t offset, int value, size_t len)
{
	char *p = kmap_local_page(page);

	VM_BUG_ON(offset + len > PAGE_SIZE);
	memset(p + offset, value, len);
	kunmap_local(p);
}

static inline void memzero_page(struct page *page, size_t offset, size_t len)
{
	memset_page(page, offset, 0, len);
}

static inline void clear_highpage(struct page *page)
{
	void *p = kmap_local_page(page);

	clear_page(p);
	kunmap_local(p);
}

static inline void copy_highpage(struct page *to, struct page *from)
{
	void *src = kmap_local_page(from), *dst = kmap_local_page(to);

	copy_page(dst, src);
	kunmap_local(dst);
	kunmap_local(src);
}
