/*
 * What set_memory.c and cpa_merge.c share: the two forms of an entry, and merging.
 *
 * Mirrors parts of Linux arch/x86/mm/pat/set_memory.c. Exercised by the pgperm suite.
 */
#pragma once

#include "arch/x86/pgtable.h"

/* Software bit in a PTE: its table is not to be merged (set_memory_4k). */
#define CPA_KEEP_4K BIT(10)

/*
 * Leaf bits between PTE form and the form of a large entry: PAT has another place there, PSE is
 * extra.
 */
static __always_inline u64 cpa_to_large(u64 v)
{
	return (v & ~_PAGE_PAT) | (v & _PAGE_PAT ? _PAGE_PAT_LARGE : 0) | _PAGE_PSE;
}

static __always_inline u64 cpa_from_large(u64 v)
{
	return (v & ~(_PAGE_PSE | _PAGE_PAT_LARGE)) | (v & _PAGE_PAT_LARGE ? _PAGE_PAT : 0);
}

/*
 * Makes large pages again where the 2 MiB or 1 GiB around [addr, end), a part of the linear map, have
 * one set of attributes. True if one was made: then all TLBs have been flushed.
 * => cpa_lock held, may sleep
 */
bool cpa_merge(unsigned long addr, unsigned long end);
