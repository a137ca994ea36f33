/*
 * Memory types of physical ranges: who maps which device memory how.
 *
 * Two mappings of one byte with different cache attributes are undefined (SDM 3A, 12.12.4), so whoever
 * maps device memory reserves its type here first, and gives it back after.
 *
 * Mirrors Linux arch/x86/include/asm/memtype.h. Exercised by the ioremap suite.
 */
#pragma once

#include "arch/x86/pgtable.h"

/* The types that an entry can name through PAT, in the order of the PAT register's fields. */
enum page_cache_mode {
	_PAGE_CACHE_MODE_WB,
	_PAGE_CACHE_MODE_WC,
	_PAGE_CACHE_MODE_UC_MINUS, /* uncached, unless an MTRR says write-combining */
	_PAGE_CACHE_MODE_UC,
	_PAGE_CACHE_MODE_WT,
	_PAGE_CACHE_MODE_NUM,
};

/* "write-back" and so on. */
const char *cattr_name(enum page_cache_mode mode);
/* The bits of a PTE for it. Without PAT what is not cached fully is not cached at all. */
u64 cachemode2protval(enum page_cache_mode mode);

/*
 * Notes [start, end) as being mapped with req. If some of it is mapped already, that type wins: it is
 * stored in *actual, and the caller may give up with memtype_free(). 0; -EBUSY when parts of the range
 * have different types, or when actual is NULL and the type is not req (one line in the log); -ENOMEM;
 * -EINVAL for an empty range. => may sleep
 */
int memtype_reserve(u64 start, u64 end, enum page_cache_mode req, enum page_cache_mode *actual);
/* Takes back one reservation of exactly this range. 0 or -EINVAL (one line in the log). */
int memtype_free(u64 start, u64 end);
/* What a range has: the type of the first reservation that touches it, write-back if none. */
enum page_cache_mode memtype_lookup(u64 start, u64 end);
/* Calls fn for each reservation in order of address until it returns non-zero. fn must not sleep. */
int memtype_for_each(int (*fn)(u64 start, u64 end, enum page_cache_mode mode, void *arg),
		     void *arg);
