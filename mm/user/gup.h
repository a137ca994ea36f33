/*
 * get_user_pages: user memory by its pages, for code that will use them without the process's tables.
 *
 * 1. Two reasons to want pages, two kinds of references. FOLL_GET: to look at struct page (a futex's key); given back by
 *    put_page(). FOLL_PIN: to read or write the bytes, now or by a device later; given back by unpin_user_page*(). Only pins
 *    promise that the page and the process's memory stay one thing.
 * 2. A pin of a small folio is GUP_PIN_COUNTING_BIAS references, of a large one a reference and a _pincount, so that
 *    folio_maybe_dma_pinned() can tell (rmap.h). The page of zeroes is never counted.
 * 3. What a pinned page is spared: a copy on write (it is exclusive, and stays so: fork copies it early, for the child),
 *    migration, a seal against writing.
 * 4. An anonymous page is pinned only while it is exclusive. Pinning for reading what is shared with another process
 *    therefore breaks the sharing first (FAULT_FLAG_UNSHARE): else a later write of this process would go to a copy that
 *    the pin does not see. FOLL_LONGTERM does the same with pages of files in private areas.
 * 5. FOLL_LONGTERM: the pin may stay for hours. So the page must not lie where memory is promised to be movable
 *    (ZONE_MOVABLE, CMA, a block that is being emptied): it migrates out first.
 *
 * Mirrors Linux include/linux/mm.h (FOLL_*) and mm/gup.c. Exercised by tests/user/{gup,processvm,procmem}.c and
 * tests/boot/test_gup.py.
 */
#pragma once

#include "mm/user/mm.h"

#define FOLL_WRITE 0x1u /* the access will write */
#define FOLL_GET   0x2u /* references: put_page() */
#define FOLL_DUMP \
	0x4u /* holes of anonymous memory and the page of zeroes are errors: for core dumps */
#define FOLL_FORCE \
	0x8u /* also against the area's rights, within what mprotect could give it: debuggers */
#define FOLL_NOWAIT   0x10u  /* do not wait for a locked page: -EBUSY */
#define FOLL_NOFAULT  0x20u  /* only what is there */
#define FOLL_LONGTERM 0x100u /* the pin may stay long; needs FOLL_PIN */
/* Set by the functions below. */
#define FOLL_TOUCH     0x10000u	 /* the page counts as used */
#define FOLL_REMOTE    0x40000u	 /* another process's memory */
#define FOLL_PIN       0x80000u	 /* pins: unpin_user_page() */
#define FOLL_FAST_ONLY 0x100000u /* no slow path */

/*
 * The pages of [start, start + nr * PAGE_SIZE) of current's memory or mm's: how many from the front, at least one; or the error
 * of the first: -EFAULT (no area, no right, no memory of RAM), -ENOMEM, -EINTR (being killed), -EBUSY (NOWAIT), -EINVAL
 * (flags). pages NULL: only faulted in (get_*).
 * => mmap_lock held for reading or writing all the time; may sleep
 */
long get_user_pages(unsigned long start, unsigned long nr, unsigned int flags, struct page **pages);
long pin_user_pages(unsigned long start, unsigned long nr, unsigned int flags, struct page **pages);
long get_user_pages_remote(struct mm_struct *mm, unsigned long start, unsigned long nr,
			   unsigned int flags, struct page **pages);
long pin_user_pages_remote(struct mm_struct *mm, unsigned long start, unsigned long nr,
			   unsigned int flags, struct page **pages);
/* The same of current's memory, which take mmap_lock themselves. */
long get_user_pages_unlocked(unsigned long start, unsigned long nr, struct page **pages,
			     unsigned int flags);
long pin_user_pages_unlocked(unsigned long start, unsigned long nr, struct page **pages,
			     unsigned int flags);
/* The same, first by looking at the tables without any lock. => mmap_lock not held; may sleep */
int get_user_pages_fast(unsigned long start, int nr, unsigned int flags, struct page **pages);
int pin_user_pages_fast(unsigned long start, int nr, unsigned int flags, struct page **pages);
/* Only that: how many, 0 too. => any context that may look at current's memory */
int get_user_pages_fast_only(unsigned long start, int nr, unsigned int flags, struct page **pages);
int pin_user_pages_fast_only(unsigned long start, int nr, unsigned int flags, struct page **pages);

/* Give back what pin_user_pages*() gave. Marking dirty takes the folio lock: may sleep. */
void unpin_user_page(struct page *page);
void unpin_user_pages(struct page **pages, unsigned long nr);
void unpin_user_pages_dirty_lock(struct page **pages, unsigned long nr, bool make_dirty);
/* A page that has a pin, or is new and known to its owner only, gets one more. */
void folio_add_pin(struct folio *folio);

/*
 * Whoever pins for long on behalf of mm charges it: RLIMIT_MEMLOCK allows the pages, unless CAP_IPC_LOCK (bypass). Shown as
 * VmPin. 0 or -ENOMEM. Negative pages give back.
 */
int account_pinned_vm(struct mm_struct *mm, long pages, unsigned long limit, bool bypass);

/* ---- between gup.c and gup_fast.c ---- */

/* One more reference of the kind that flags name, for a folio that is held; -ENOMEM: too many. */
int try_grab_folio(struct folio *folio, unsigned int flags);
void gup_put_folio(struct folio *folio, unsigned int flags);
/* Must this page, which an entry maps for reading, become exclusive before it is pinned? vma NULL: unknown. */
bool gup_must_unshare(struct vm_area_struct *vma, unsigned int flags, struct page *page);
/* May it stay pinned for long where it is? */
bool folio_is_longterm_pinnable(const struct folio *folio);
/* The mm has pins from now on: fork looks. */
void mm_set_has_pins(struct mm_struct *mm);
