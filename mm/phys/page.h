/*
 * struct page and struct folio: what the kernel knows about one page frame.
 *
 * 1. There is one struct page, 64 bytes, for every frame of RAM. They stand in one virtual array
 *    (vmemmap) indexed by frame number, so frame <-> struct is arithmetic.
 * 2. What a page *is* decides which view of the same 64 bytes is valid:
 *      free, in the buddy lists   PageBuddy; buddy_list, private = order; _refcount 0
 *      free, on a per-CPU list    pcp_list, index = migrate type; _refcount 0
 *      anonymous or page cache    lru, mapping, index, private; _mapcount = mappings - 1
 *      slab                       PageSlab; struct slab (mm/slab/slab.h) lies over it
 *      page table                 PageTable; ptl, pt_mm
 *      tail of a compound page    compound_head = address of the head + 1
 *      reserved                   PageReserved: firmware, kernel image, boot; never freed as such
 * 3. A *folio* is a page that is not a tail: one page or a head with its tails. Functions that take a
 *    folio need not look for the head. struct folio names the fields of the head and, in the space of the
 *    first tail, what only multi-page folios have.
 * 4. _refcount counts users; the page is freed when it drops to zero, and only from then on. A speculative
 *    reference (folio_try_get) never revives a page whose count is zero.
 * 5. _mapcount counts page-table entries, minus one, so that -1 means unmapped. A page that is never
 *    mapped keeps its type there instead: the highest byte of page_type, all ones meaning none.
 * 6. flags: bits by name at the bottom; zone and node at the top, written once at boot. Bits change
 *    atomically (SetPageX), or by the __SetPageX form while nobody else can see the page.
 *
 * Legend: A atomic; Z zone->lock; P page-table lock; M the lock of the page's mapping; L lru_lock;
 *         K folio lock (PG_locked); I boot.
 * Mirrors Linux include/linux/{mm_types,page-flags,page_ref}.h. Exercised by the buddy suite;
 * in gdb: q-page PFN.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "arch/x86/bitops.h"
#include "arch/x86/page.h"
#include "kernel/bug.h"
#include "kernel/spinlock.h"
#include "lib/list.h"
#include "mm/phys/mmzone.h"

struct address_space;
struct mm_struct;

enum pageflags {
	PG_locked,     /* folio lock: contents and truncation */
	PG_writeback,  /* being written to its backing store */
	PG_referenced, /* used since the LRU looked last */
	PG_uptodate,   /* contents valid */
	PG_dirty,      /* newer than the backing store */
	PG_lru,	       /* on an LRU list */
	PG_head,       /* first page of a compound page */
	PG_waiters,    /* somebody sleeps for a bit of it; number 7, the sign of the first byte */
	PG_active,     /* on the active list */
	PG_workingset, /* was part of a working set when evicted */
	PG_owner_priv_1,
	PG_swapcache = PG_owner_priv_1, /* with PG_swapbacked: has a swap slot */
	PG_owner_2,
	PG_anon_exclusive =
		PG_owner_2, /* anonymous page of exactly one process: COW may reuse it */
	PG_arch_1,
	PG_reserved, /* see 2 */
	PG_private,  /* ->private belongs to the file system */
	PG_private_2,
	PG_reclaim, /* to be freed as soon as writeback ends */
	PG_readahead =
		PG_reclaim, /* not in writeback: whoever comes here reads on behind the window */
	PG_isolated = PG_reclaim, /* of a page with movable_operations: taken to be moved */
	PG_swapbacked,		  /* anonymous or shmem: swap is its backing store */
	PG_unevictable,		  /* on the unevictable list */
	PG_mlocked,		  /* in a VM_LOCKED area */
	PG_hwpoison,		  /* the memory is broken */
	PG_young,
	PG_idle,
	__NR_PAGEFLAGS,
};

/* Top of flags: node (3 bits), zone (3 bits). */
#define ZONES_PGSHIFT  (64 - NODES_SHIFT - ZONES_SHIFT)
#define NODES_PGSHIFT  (64 - NODES_SHIFT)
#define ZONE_NODE_MASK (~0UL << ZONES_PGSHIFT)
/* What must be clear when a page is freed: somebody still believes in it. */
#define PAGE_FLAGS_CHECK_AT_FREE                                                                  \
	(BIT(PG_lru) | BIT(PG_locked) | BIT(PG_private) | BIT(PG_private_2) | BIT(PG_writeback) | \
	 BIT(PG_reserved) | BIT(PG_active) | BIT(PG_unevictable) | BIT(PG_mlocked) |              \
	 BIT(PG_hwpoison))

/* What must be clear when a page is given out: everything but zone and node. */
#define PAGE_FLAGS_CHECK_AT_PREP (~ZONE_NODE_MASK)

/* Types, in the top byte of page_type, of pages that are never mapped by their _mapcount. */
enum pagetype {
	PGTY_buddy = 0xf0,
	PGTY_offline = 0xf1,
	PGTY_table = 0xf2,
	PGTY_guard = 0xf3,
	PGTY_hugetlb = 0xf4,
	PGTY_slab = 0xf5,
	PGTY_zsmalloc = 0xf6,
	PGTY_mapcount_underflow = 0xff,
};

struct page {
	unsigned long flags; /* A; zone and node I */
	union {
		struct { /* anonymous, page cache; free */
			union {
				struct list_head lru;	     /* L */
				struct list_head buddy_list; /* Z */
				struct list_head pcp_list;
			};
			struct address_space *mapping; /* M; anon_vma | PAGE_MAPPING_ANON */
			union {
				pgoff_t index; /* M offset in the mapping, pages */
				pgoff_t share;
			};
			unsigned long private; /* order of a free block; owner's data; swap entry */
		};
		struct {			   /* page tables */
			unsigned long _pt_pad_1;   /* bit 0 stays clear: not a tail */
			struct page *pmd_huge_pte; /* P deposited tables */
			struct mm_struct *pt_mm;   /* I whose table, NULL for the kernel's */
			spinlock_t ptl;		   /* the page-table lock of this table */
		};
		struct {			     /* tails */
			unsigned long compound_head; /* head + 1 */
		};
		struct {
			unsigned long _any[5];
		};
	};
	union {
		atomic_t _mapcount; /* A */
		unsigned int page_type;
	};
	atomic_t _refcount; /* A */
	unsigned long memcg_data;
} __aligned(64);

BUILD_BUG_ON(sizeof(struct page) != 64);

struct folio {
	union {
		struct {
			unsigned long flags;
			union {
				struct list_head lru;
				struct {
					void *__filler;
					unsigned int mlock_count;
				};
			};
			struct address_space *mapping;
			pgoff_t index;
			union {
				void *private;
				unsigned long swap;
			};
			atomic_t _mapcount;
			atomic_t _refcount;
			unsigned long memcg_data;
		};
		struct page page;
	};
	union { /* the first tail: only of folios with PG_head */
		struct {
			unsigned long _flags_1; /* low byte of the bits: nothing but zone, node */
			unsigned long _head_1;
			atomic_t _large_mapcount;
			atomic_t _entire_mapcount; /* mappings by a PMD, minus 1 */
			atomic_t _nr_pages_mapped;
			atomic_t _pincount;
			unsigned int _folio_nr_pages;
			unsigned int _folio_order;
		};
		struct page __page_1;
	};
};

BUILD_BUG_ON(offsetof(struct folio, index) != offsetof(struct page, index));
BUILD_BUG_ON(offsetof(struct folio, _mapcount) != offsetof(struct page, _mapcount));
BUILD_BUG_ON(offsetof(struct folio, _refcount) != offsetof(struct page, _refcount));
BUILD_BUG_ON(offsetofend(struct folio, _folio_order) > 64 + offsetof(struct page, _mapcount));

/* ---- frame, struct, address ---- */

#define vmemmap		   ((struct page *)VMEMMAP_START)
#define pfn_to_page(pfn)   (vmemmap + (unsigned long)(pfn))
#define page_to_pfn(p)	   ((unsigned long)((const struct page *)(p)-vmemmap))
#define page_to_phys(page) PFN_PHYS(page_to_pfn(page))
#define phys_to_page(phys) pfn_to_page(PHYS_PFN(phys))
/* For addresses of the linear map and the kernel image. */
#define virt_to_page(addr) pfn_to_page(virt_to_pfn(addr))
#define virt_addr_valid(addr)                    \
	((unsigned long)(addr) >= PAGE_OFFSET && \
	 (unsigned long)(addr) < PAGE_OFFSET + LINEAR_MAP_SIZE && pfn_valid(virt_to_pfn(addr)))

/* Linear-map address of the frame; every frame has one on x86-64. */
static __always_inline void *page_address(const struct page *page)
{
	return (void *)(PAGE_OFFSET + (((unsigned long)page - VMEMMAP_START) << (PAGE_SHIFT - 6)));
}
#define page_to_virt(page) page_address(page)

static __always_inline int page_to_nid(const struct page *page)
{
	return page->flags >> NODES_PGSHIFT;
}

static __always_inline enum zone_type page_zonenum(const struct page *page)
{
	return (page->flags >> ZONES_PGSHIFT) & (BIT(ZONES_SHIFT) - 1);
}

/* A number for each zone of each node. */
static __always_inline unsigned int page_zone_id(const struct page *page)
{
	return page->flags >> ZONES_PGSHIFT;
}

static __always_inline struct zone *page_zone(const struct page *page)
{
	return zone_table[page_zone_id(page)];
}

/*
 * get_pfnblock_migratetype() in fewer steps. A section's types are the second half of its struct mem_section: the type of
 * pageblock n + 1 lies behind that of n, except that where a section begins there is a first half in between.
 */
static __always_inline unsigned int get_pageblock_migratetype(const struct page *page)
{
	unsigned long nr =
		((unsigned long)page - VMEMMAP_START) / (sizeof(struct page) * pageblock_nr_pages);
	unsigned long half = PAGEBLOCKS_PER_SECTION;

	BUILD_BUG_ON(offsetof(struct mem_section, pageblock_type) != PAGEBLOCKS_PER_SECTION);
	BUILD_BUG_ON(sizeof(struct mem_section) != 2 * PAGEBLOCKS_PER_SECTION);
	return ((const u8 *)mem_sections)[half + (nr & ~(half - 1)) + nr];
}

static __always_inline pg_data_t *page_pgdat(const struct page *page)
{
	return NODE_DATA(page_to_nid(page));
}

/* ---- head and tail ---- */

static __always_inline bool PageTail(const struct page *page)
{
	return READ_ONCE(page->compound_head) & 1;
}

static __always_inline struct page *compound_head(const struct page *page)
{
	unsigned long head = READ_ONCE(page->compound_head);

	return (struct page *)(unlikely(head & 1) ? head - 1 : (unsigned long)page);
}

#define page_folio(p)	     ((struct folio *)compound_head(p))
#define folio_page(folio, n) (&(folio)->page + (n))

static __always_inline void set_compound_head(struct page *tail, struct page *head)
{
	WRITE_ONCE(tail->compound_head, (unsigned long)head + 1);
}

/* ---- flags ---- */

/*
 * For each flag: PageX(page), SetPageX, ClearPageX; __SetPageX and __ClearPageX without atomicity;
 * TestSetPageX, TestClearPageX return the old value; the same on folios: folio_test_x, folio_set_x,
 * folio_clear_x, __folio_set_x, __folio_clear_x, folio_test_set_x, folio_test_clear_x.
 */
#define PAGEFLAG(Name, lname)                                                     \
	static __always_inline bool folio_test_##lname(const struct folio *folio) \
	{                                                                         \
		return READ_ONCE(folio->flags) & BIT(PG_##lname);                 \
	}                                                                         \
	static __always_inline void folio_set_##lname(struct folio *folio)        \
	{                                                                         \
		set_bit(PG_##lname, &folio->flags);                               \
	}                                                                         \
	static __always_inline void folio_clear_##lname(struct folio *folio)      \
	{                                                                         \
		clear_bit(PG_##lname, &folio->flags);                             \
	}                                                                         \
	static __always_inline void __folio_set_##lname(struct folio *folio)      \
	{                                                                         \
		folio->flags |= BIT(PG_##lname);                                  \
	}                                                                         \
	static __always_inline void __folio_clear_##lname(struct folio *folio)    \
	{                                                                         \
		folio->flags &= ~BIT(PG_##lname);                                 \
	}                                                                         \
	static __always_inline bool folio_test_set_##lname(struct folio *folio)   \
	{                                                                         \
		return test_and_set_bit(PG_##lname, &folio->flags);               \
	}                                                                         \
	static __always_inline bool folio_test_clear_##lname(struct folio *folio) \
	{                                                                         \
		return test_and_clear_bit(PG_##lname, &folio->flags);             \
	}                                                                         \
	static __always_inline bool Page##Name(const struct page *page)           \
	{                                                                         \
		return READ_ONCE(page->flags) & BIT(PG_##lname);                  \
	}                                                                         \
	static __always_inline void SetPage##Name(struct page *page)              \
	{                                                                         \
		set_bit(PG_##lname, &page->flags);                                \
	}                                                                         \
	static __always_inline void ClearPage##Name(struct page *page)            \
	{                                                                         \
		clear_bit(PG_##lname, &page->flags);                              \
	}                                                                         \
	static __always_inline void __SetPage##Name(struct page *page)            \
	{                                                                         \
		page->flags |= BIT(PG_##lname);                                   \
	}                                                                         \
	static __always_inline void __ClearPage##Name(struct page *page)          \
	{                                                                         \
		page->flags &= ~BIT(PG_##lname);                                  \
	}                                                                         \
	static __always_inline bool TestSetPage##Name(struct page *page)          \
	{                                                                         \
		return test_and_set_bit(PG_##lname, &page->flags);                \
	}                                                                         \
	static __always_inline bool TestClearPage##Name(struct page *page)        \
	{                                                                         \
		return test_and_clear_bit(PG_##lname, &page->flags);              \
	}

PAGEFLAG(Locked, locked)
PAGEFLAG(Writeback, writeback)
PAGEFLAG(Referenced, referenced)
PAGEFLAG(Uptodate, uptodate)
PAGEFLAG(Dirty, dirty)
PAGEFLAG(LRU, lru)
PAGEFLAG(Head, head)
PAGEFLAG(Waiters, waiters)
PAGEFLAG(Active, active)
PAGEFLAG(Workingset, workingset)
PAGEFLAG(SwapCache, swapcache)
PAGEFLAG(AnonExclusive, anon_exclusive)
PAGEFLAG(Reserved, reserved)
PAGEFLAG(Private, private)
PAGEFLAG(Reclaim, reclaim)
PAGEFLAG(Readahead, readahead)
PAGEFLAG(Isolated, isolated)
PAGEFLAG(SwapBacked, swapbacked)
PAGEFLAG(Unevictable, unevictable)
PAGEFLAG(Mlocked, mlocked)
PAGEFLAG(HWPoison, hwpoison)
PAGEFLAG(Young, young)
PAGEFLAG(Idle, idle)

static __always_inline bool PageCompound(const struct page *page)
{
	return PageHead(page) || PageTail(page);
}

/* ---- types ---- */

#define PAGE_TYPE(Name, lname)                                                    \
	static __always_inline bool Page##Name(const struct page *page)           \
	{                                                                         \
		return (READ_ONCE(page->page_type) >> 24) == PGTY_##lname;        \
	}                                                                         \
	static __always_inline void __SetPage##Name(struct page *page)            \
	{                                                                         \
		page->page_type = (unsigned int)PGTY_##lname << 24;               \
	}                                                                         \
	static __always_inline void __ClearPage##Name(struct page *page)          \
	{                                                                         \
		page->page_type = ~0U;                                            \
	}                                                                         \
	static __always_inline bool folio_test_##lname(const struct folio *folio) \
	{                                                                         \
		return Page##Name(&folio->page);                                  \
	}                                                                         \
	static __always_inline void __folio_set_##lname(struct folio *folio)      \
	{                                                                         \
		__SetPage##Name(&folio->page);                                    \
	}                                                                         \
	static __always_inline void __folio_clear_##lname(struct folio *folio)    \
	{                                                                         \
		__ClearPage##Name(&folio->page);                                  \
	}

PAGE_TYPE(Buddy, buddy)
PAGE_TYPE(Offline, offline)
PAGE_TYPE(Table, table)
PAGE_TYPE(Guard, guard)
PAGE_TYPE(Hugetlb, hugetlb)
PAGE_TYPE(Slab, slab)
PAGE_TYPE(Zsmalloc, zsmalloc)

/* ---- size ---- */

static __always_inline bool folio_test_large(const struct folio *folio)
{
	return folio_test_head(folio);
}

static __always_inline unsigned int folio_order(const struct folio *folio)
{
	return folio_test_large(folio) ? folio->_folio_order : 0;
}

static __always_inline unsigned long folio_nr_pages(const struct folio *folio)
{
	return folio_test_large(folio) ? folio->_folio_nr_pages : 1;
}

static __always_inline size_t folio_size(const struct folio *folio)
{
	return PAGE_SIZE << folio_order(folio);
}

static __always_inline unsigned int compound_order(struct page *page)
{
	return PageHead(page) ? ((struct folio *)page)->_folio_order : 0;
}

#define compound_nr(page)    (1UL << compound_order(page))
#define page_size(page)	     (PAGE_SIZE << compound_order(page))
#define folio_pfn(folio)     page_to_pfn(&(folio)->page)
#define folio_address(folio) page_address(&(folio)->page)
#define folio_nid(folio)     page_to_nid(&(folio)->page)
#define folio_zone(folio)    page_zone(&(folio)->page)
#define folio_pgdat(folio)   page_pgdat(&(folio)->page)
#define virt_to_folio(addr)  page_folio(virt_to_page(addr))
#define pfn_folio(pfn)	     page_folio(pfn_to_page(pfn))
/* The page of a folio that holds index of its mapping. */
#define folio_file_page(folio, idx) folio_page(folio, (idx) & (folio_nr_pages(folio) - 1))
#define folio_page_idx(folio, p)    ((unsigned long)((p) - &(folio)->page))

/* ---- what the mapping pointer is ---- */

#define PAGE_MAPPING_ANON    0x1UL /* the rest is an anon_vma */
#define PAGE_MAPPING_MOVABLE 0x2UL /* the rest is movable_operations */
#define PAGE_MAPPING_FLAGS   0x3UL

static __always_inline bool folio_test_anon(const struct folio *folio)
{
	return (unsigned long)folio->mapping & PAGE_MAPPING_ANON;
}

static __always_inline bool PageAnon(const struct page *page)
{
	return folio_test_anon(page_folio(page));
}

/* The file mapping of a folio: NULL for anonymous, slab and other pages. */
static __always_inline struct address_space *folio_mapping(const struct folio *folio)
{
	if (unlikely((unsigned long)folio->mapping & PAGE_MAPPING_FLAGS))
		return NULL;
	return folio->mapping;
}

/* ---- reference counts ---- */

static __always_inline int page_ref_count(const struct page *page)
{
	return atomic_read(&page->_refcount);
}

static __always_inline int folio_ref_count(const struct folio *folio)
{
	return page_ref_count(&folio->page);
}

static __always_inline int page_count(const struct page *page)
{
	return page_ref_count(compound_head(page));
}

static __always_inline void set_page_count(struct page *page, int v)
{
	atomic_set(&page->_refcount, v);
}

static __always_inline void init_page_count(struct page *page)
{
	set_page_count(page, 1);
}

static __always_inline void page_ref_add(struct page *page, int nr)
{
	atomic_add(nr, &page->_refcount);
}

static __always_inline void page_ref_sub(struct page *page, int nr)
{
	atomic_sub(nr, &page->_refcount);
}

static __always_inline void folio_ref_add(struct folio *folio, int nr)
{
	page_ref_add(&folio->page, nr);
}

static __always_inline void folio_ref_sub(struct folio *folio, int nr)
{
	page_ref_sub(&folio->page, nr);
}

#ifdef CONFIG_DEBUG_VM
void page_ref_bad(struct page *page, const char *what);
/* Debug kernels: false, after a report, if nobody holds the page, so that nobody may take or drop a reference. */
#define page_ref_ok(page, what) \
	(likely(page_ref_count(page) > 0) || (page_ref_bad((page), (what)), false))
#else
#define page_ref_ok(page, what) true
#endif

/* Drops a reference; true if it was the last one: the caller now owns the freeing. */
static __always_inline bool put_page_testzero(struct page *page)
{
	if (!page_ref_ok(page, "reference dropped that nobody has: freed twice?"))
		return false;
	return atomic_dec_and_test(&page->_refcount);
}

static __always_inline bool folio_put_testzero(struct folio *folio)
{
	return put_page_testzero(&folio->page);
}

/* Freezes the count at zero if it is exactly count: nobody can get a reference until unfreeze. */
static __always_inline bool folio_ref_freeze(struct folio *folio, int count)
{
	return atomic_cmpxchg(&folio->_refcount, count, 0) == count;
}

static __always_inline void folio_ref_unfreeze(struct folio *folio, int count)
{
	VM_BUG_ON(folio_ref_count(folio) != 0);
	atomic_set(&folio->_refcount, count);
}

/* Takes one more reference. => the caller has one, or a lock that keeps the folio */
static __always_inline void folio_get(struct folio *folio)
{
	if (page_ref_ok(&folio->page, "reference taken to a free page"))
		atomic_inc(&folio->_refcount);
}

/* Takes a reference of a folio that may be on its way out (RCU lookup); false if its count is zero.
 * After success the caller must check that the folio is still what it looked up. */
static __always_inline bool folio_try_get(struct folio *folio)
{
	int c = atomic_read(&folio->_refcount);

	while (c > 0)
		if (atomic_try_cmpxchg(&folio->_refcount, &c, c + 1))
			return true;
	return false;
}

/* Frees a folio whose count is zero (page_alloc.c). Any context that may take its mapping's locks. */
void __folio_put(struct folio *folio);

/* Drops a reference, frees at zero. */
static __always_inline void folio_put(struct folio *folio)
{
	if (folio_put_testzero(folio))
		__folio_put(folio);
}

static __always_inline void folio_put_refs(struct folio *folio, int refs)
{
	if (atomic_sub_and_test(refs, &folio->_refcount))
		__folio_put(folio);
}

static __always_inline void get_page(struct page *page)
{
	folio_get(page_folio(page));
}

static __always_inline void put_page(struct page *page)
{
	folio_put(page_folio(page));
}

/* ---- map counts ---- */

static __always_inline void page_mapcount_reset(struct page *page)
{
	atomic_set(&page->_mapcount, -1);
}

/* Mappings of exactly this page by page-table entries. */
static __always_inline int page_mapcount(const struct page *page)
{
	int c = atomic_read(&page->_mapcount) + 1;

	return c < 0 ? 0 : c; /* a typed page is not mapped */
}

/* Mappings of all pages of the folio together. */
static __always_inline int folio_mapcount(const struct folio *folio)
{
	if (likely(!folio_test_large(folio)))
		return page_mapcount(&folio->page);
	return atomic_read(&folio->_large_mapcount) + 1;
}

static __always_inline bool folio_mapped(const struct folio *folio)
{
	return folio_mapcount(folio) > 0;
}

#define page_private(page)	  ((page)->private)
#define set_page_private(page, v) ((page)->private = (v))

/* "page: refcount:1 mapcount:0 mapping:... flags: ..." on the console, with a reason. */
void dump_page(const struct page *page, const char *reason);
/* "locked|uptodate|lru" into buf; returns buf. */
char *page_flags_string(unsigned long flags, char *buf, size_t len);
/* Bad pages reported since boot (debug kernels). */
extern unsigned long nr_bad_pages;
