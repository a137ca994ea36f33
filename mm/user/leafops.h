/*
 * Entries that map nothing but say something: what stands in a last-level entry that is not present.
 *
 * 1. The processor ignores an entry without bit 0, so the other bits are the kernel's. Bits 59-63 are a type, bits 9-58 an
 *    offset. Bit 8 stays clear: it marks PROT_NONE pages, which count as present. The all-zero entry is "none".
 * 2. The offset is stored inverted. A processor with the L1TF weakness may read speculatively from the frame that a
 *    non-present entry names; inverted small offsets name frames far above the memory that there is.
 * 3. Types from 0 on belong to swap areas. The last three are migration entries: the page's contents are on their way to
 *    another frame; the offset is the old frame, and two bits keep what the entry knew (young, dirty).
 *    While such an entry stands in a table the old folio is locked and has a reference, so its struct may be looked at
 *    under the table's lock.
 *
 * Facts: Intel SDM 3A 4.5 (not-present entries). Mirrors Linux include/linux/leafops.h and swapops.h.
 * Exercised by tests/user/migrate.c on the boots of tests/boot/test_mempolicy.py.
 */
#pragma once

#include "arch/x86/pgtable.h"
#include "mm/phys/page.h"

typedef struct {
	u64 val;
} softleaf_t;

#define SOFTLEAF_TYPE_SHIFT   59
#define SOFTLEAF_OFFSET_SHIFT 9
#define SOFTLEAF_OFFSET_BITS  50
#define SOFTLEAF_OFFSET_MASK  (BIT(SOFTLEAF_OFFSET_BITS) - 1)

enum softleaf_type {
	MAX_SWAPFILES = 29, /* types below are swap areas */
	SOFTLEAF_MIGRATION_READ = MAX_SWAPFILES,
	SOFTLEAF_MIGRATION_READ_EXCLUSIVE,
	SOFTLEAF_MIGRATION_WRITE,
};

#define MIGRATION_PFN_BITS 40
#define MIGRATION_YOUNG	   BIT(MIGRATION_PFN_BITS)
#define MIGRATION_DIRTY	   BIT(MIGRATION_PFN_BITS + 1)

static __always_inline softleaf_t softleaf_make(enum softleaf_type type, u64 offset)
{
	return (softleaf_t){ ((u64)type << SOFTLEAF_TYPE_SHIFT) | offset };
}

static __always_inline enum softleaf_type softleaf_type(softleaf_t e)
{
	return (enum softleaf_type)(e.val >> SOFTLEAF_TYPE_SHIFT);
}

static __always_inline u64 softleaf_offset(softleaf_t e)
{
	return e.val & SOFTLEAF_OFFSET_MASK;
}

static __always_inline pte_t softleaf_to_pte(softleaf_t e)
{
	return __pte((e.val & ~(BIT(SOFTLEAF_TYPE_SHIFT) - 1)) |
		     ((~e.val & SOFTLEAF_OFFSET_MASK) << SOFTLEAF_OFFSET_SHIFT));
}

/* => neither none nor present */
static __always_inline softleaf_t softleaf_from_pte(pte_t pte)
{
	return softleaf_make((enum softleaf_type)(pte.pte >> SOFTLEAF_TYPE_SHIFT),
			     ~(pte.pte >> SOFTLEAF_OFFSET_SHIFT) & SOFTLEAF_OFFSET_MASK);
}

static __always_inline bool softleaf_is_migration(softleaf_t e)
{
	return softleaf_type(e) >= SOFTLEAF_MIGRATION_READ;
}

static __always_inline bool pte_is_migration(pte_t pte)
{
	return !pte_none(pte) && !pte_present(pte) && softleaf_is_migration(softleaf_from_pte(pte));
}

static __always_inline unsigned long softleaf_to_pfn(softleaf_t e)
{
	return softleaf_offset(e) & (BIT(MIGRATION_PFN_BITS) - 1);
}

static __always_inline struct page *softleaf_to_page(softleaf_t e)
{
	return pfn_to_page(softleaf_to_pfn(e));
}

static __always_inline struct folio *softleaf_to_folio(softleaf_t e)
{
	return page_folio(softleaf_to_page(e));
}

/* The same for a process that must copy before it writes. */
static __always_inline softleaf_t softleaf_make_read(softleaf_t e)
{
	return softleaf_make(SOFTLEAF_MIGRATION_READ, softleaf_offset(e));
}
