/*
 * get_user_pages, the slow way: under mmap_lock, page by page, with faults where something is missing.
 *
 * 1. follow_page() looks at the entry under its table's lock and takes a reference if the entry allows what is wanted. If
 *    not, the fault handler is asked exactly as if the process had touched the page, and the look is repeated, until the
 *    entry serves or the fault fails. So everything that a fault can do (stack of copies, files, migration) is had for free.
 * 2. What an entry must allow: writing needs its write bit. Two exceptions take the exclusive mark instead: FOLL_FORCE, the
 *    debugger's write into an area without PROT_WRITE, which goes to a private copy; and pins for reading, which need
 *    the mark so that no later write leaves them behind (gup.h, 4).
 * 3. FOLL_LONGTERM pins first and looks at the frames then: what lies in movable memory is let go, moved, and all is pinned
 *    again from the start.
 * 4. access_remote_vm() is the same for bytes: page after page is referenced, copied, put.
 *
 * Locks: mmap_lock for reading, then a table's ptl. Mirrors Linux mm/gup.c. Exercised by
 * tests/user/{gup,procmem,processvm,procfs}.c, tests/boot/test_gup.py.
 */
#include "mm/user/gup.h"

#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/writeback.h"
#include "mm/phys/buddy.h"
#include "mm/user/memory.h"
#include "mm/user/migrate.h"
#include "mm/user/rmap.h"
#include "mm/user/secretmem.h"
#include "mm/user/vma.h"

static bool is_zero_page(const struct page *page)
{
	return page_to_pfn(page) == zero_pfn;
}

/* ---- references and pins ---- */

int try_grab_folio(struct folio *folio, unsigned int flags)
{
	/* Whoever pins the same page two million times finds the count at its end. */
	if (unlikely(folio_ref_count(folio) <= 0))
		return -ENOMEM;
	if (flags & FOLL_GET) {
		folio_get(folio);
	} else if ((flags & FOLL_PIN) && !is_zero_page(&folio->page)) {
		if (folio_test_large(folio)) {
			folio_get(folio);
			atomic_inc(&folio->_pincount);
		} else {
			folio_ref_add(folio, GUP_PIN_COUNTING_BIAS);
		}
		node_stat_mod_folio(folio, NR_FOLL_PIN_ACQUIRED, 1);
	}
	return 0;
}

void gup_put_folio(struct folio *folio, unsigned int flags)
{
	int refs = 1;

	if (flags & FOLL_PIN) {
		if (is_zero_page(&folio->page))
			return;
		node_stat_mod_folio(folio, NR_FOLL_PIN_RELEASED, 1);
		if (folio_test_large(folio))
			atomic_dec(&folio->_pincount);
		else
			refs = GUP_PIN_COUNTING_BIAS;
	}
	folio_put_refs(folio, refs);
}

void folio_add_pin(struct folio *folio)
{
	int err = try_grab_folio(folio, FOLL_PIN);

	WARN_ON_ONCE(err);
}

void unpin_user_page(struct page *page)
{
	VM_BUG_ON(!is_zero_page(page) && !folio_maybe_dma_pinned(page_folio(page)));
	/* Nobody else may have come to map a pinned anonymous page. */
	VM_BUG_ON(PageAnon(page) && !PageAnonExclusive(page));
	gup_put_folio(page_folio(page), FOLL_PIN);
}

void unpin_user_pages(struct page **pages, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		unpin_user_page(pages[i]);
}

void unpin_user_pages_dirty_lock(struct page **pages, unsigned long nr, bool make_dirty)
{
	for (unsigned long i = 0; i < nr; i++) {
		struct folio *folio = page_folio(pages[i]);

		/* Under its lock the folio does not leave its file while it is marked. */
		if (make_dirty && !folio_test_dirty(folio) && !is_zero_page(pages[i])) {
			folio_lock(folio);
			folio_mark_dirty(folio);
			folio_unlock(folio);
		}
		unpin_user_page(pages[i]);
	}
}

void mm_set_has_pins(struct mm_struct *mm)
{
	if (READ_ONCE(mm->has_pins))
		return;
	WRITE_ONCE(mm->has_pins, true);
	/* Seen by a fork before gup_fast.c looks whether one is under way. */
	smp_mb();
}

int account_pinned_vm(struct mm_struct *mm, long pages, unsigned long limit, bool bypass)
{
	long now = atomic_long_add_return(pages, &mm->pinned_vm);

	if (pages <= 0 || bypass || (unsigned long)now <= limit >> PAGE_SHIFT)
		return 0;
	atomic_long_sub(pages, &mm->pinned_vm);
	return -ENOMEM;
}

/* ---- one page ---- */

static bool is_cow_mapping(unsigned long vm_flags)
{
	return (vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

bool gup_must_unshare(struct vm_area_struct *vma, unsigned int flags, struct page *page)
{
	/* Writing needs an exclusive page in any case. */
	if ((flags & (FOLL_WRITE | FOLL_PIN)) != FOLL_PIN)
		return false;
	if (PageAnon(page)) {
		/* After the reference was taken: who takes the mark away looks for pins afterwards. */
		smp_mb();
		return !PageAnonExclusive(page);
	}
	/* A short pin of a file's page need not see what the process writes later into a copy. */
	return (flags & FOLL_LONGTERM) && (!vma || is_cow_mapping(vma->vm_flags));
}

/* May the entry, which does not allow writes, be written to by force? Only where the bytes are the process's own. */
static bool can_force_write(struct vm_area_struct *vma, struct page *page, unsigned int flags)
{
	return (flags & FOLL_FORCE) && is_cow_mapping(vma->vm_flags) &&
	       !(vma->vm_flags & VM_WRITE) && page && PageAnon(page) && PageAnonExclusive(page);
}

/*
 * What a present entry leads to, with a reference; NULL: a fault must come first; ERR_PTR(-EMLINK): it must unshare.
 * => ptl held
 */
static struct page *grab_entry(struct vm_area_struct *vma, pte_t *ptep, unsigned int flags)
{
	pte_t pte = ptep_get(ptep);
	struct page *page = pfn_to_page(pte_pfn(pte));
	bool special = pte_special(pte);
	int err;

	if ((flags & FOLL_WRITE) && !pte_write(pte) &&
	    !can_force_write(vma, special ? NULL : page, flags))
		return NULL;
	if (special && ((flags & FOLL_DUMP) || !is_zero_page(page)))
		return ERR_PTR(-EFAULT);
	if (!pte_write(pte) && gup_must_unshare(vma, flags, page))
		return ERR_PTR(-EMLINK);
	VM_BUG_ON((flags & FOLL_PIN) && PageAnon(page) && !PageAnonExclusive(page));
	err = try_grab_folio(page_folio(page), flags);
	if (err)
		return ERR_PTR(err);
	if ((flags & FOLL_TOUCH) && !special) {
		if ((flags & FOLL_WRITE) && !pte_dirty(pte) && !PageDirty(page))
			SetPageDirty(page);
		if (!pte_young(pte))
			SetPageReferenced(page);
	}
	return page;
}

static struct page *follow_page(struct vm_area_struct *vma, unsigned long addr, unsigned int flags)
{
	pmd_t *pmd = mm_find_pmd(vma->vm_mm, addr);
	struct page *page = NULL;
	bool empty = true;

	if (pmd) {
		spinlock_t *ptl = pte_lockptr(*pmd);
		pte_t *pte;

		spin_lock(ptl);
		pte = pte_offset_kernel(pmd, addr);
		empty = pte_none(*pte);
		if (pte_present(*pte))
			page = grab_entry(vma, pte, flags);
		spin_unlock(ptl);
	}
	/* Whoever writes a core file need not fill holes with zeroes first. */
	if (!page && empty && (flags & FOLL_DUMP) && vma_is_anonymous(vma))
		return ERR_PTR(-EFAULT);
	return page;
}

/* 0, or an error. */
static int faultin_page(struct vm_area_struct *vma, unsigned long addr, unsigned int flags,
			bool unshare)
{
	unsigned int fault_flags = 0, fault;

	if (flags & FOLL_NOFAULT)
		return -EFAULT;
	if (flags & FOLL_WRITE)
		fault_flags |= FAULT_FLAG_WRITE;
	if (flags & FOLL_REMOTE)
		fault_flags |= FAULT_FLAG_REMOTE;
	if (flags & FOLL_NOWAIT)
		fault_flags |= FAULT_FLAG_RETRY_NOWAIT;
	if (unshare)
		fault_flags |= FAULT_FLAG_UNSHARE;
	fault = handle_mm_fault(vma, addr, fault_flags);
	if (fault & VM_FAULT_OOM)
		return -ENOMEM;
	if (fault & VM_FAULT_ERROR)
		return -EFAULT;
	return fault & VM_FAULT_RETRY ? -EBUSY : 0;
}

static int check_vma_flags(const struct vm_area_struct *vma, unsigned int flags)
{
	unsigned long vm_flags = vma->vm_flags;
	bool longterm = (flags & (FOLL_PIN | FOLL_LONGTERM)) == (FOLL_PIN | FOLL_LONGTERM);

	if (vm_flags & (VM_IO | VM_PFNMAP))
		return -EFAULT;
	if (vma_is_secretmem(vma))
		return -EFAULT;
	if (!(flags & FOLL_WRITE)) {
		if (vm_flags & VM_READ)
			return 0;
		return (flags & FOLL_FORCE) && (vm_flags & VM_MAYREAD) ? 0 : -EFAULT;
	}
	/* A file that must know of each write cannot be told of those through a pin. */
	if (longterm && (vm_flags & VM_SHARED) && vma->vm_ops && vma->vm_ops->page_mkwrite)
		return -EFAULT;
	if (vm_flags & VM_WRITE)
		return 0;
	return (flags & FOLL_FORCE) && is_cow_mapping(vm_flags) ? 0 : -EFAULT;
}

static struct page *get_one_page(struct vm_area_struct *vma, unsigned long addr, unsigned int flags)
{
	for (;;) {
		struct page *page;
		int err;

		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		page = follow_page(vma, addr, flags);
		if (page && page != ERR_PTR(-EMLINK))
			return page;
		err = faultin_page(vma, addr, flags, page);
		if (err)
			return ERR_PTR(err);
	}
}

/* ---- ranges ---- */

static long __get_user_pages(struct mm_struct *mm, unsigned long start, unsigned long nr,
			     unsigned int flags, struct page **pages)
{
	struct vm_area_struct *vma = NULL;
	long done = 0;

	for (start &= PAGE_MASK; (unsigned long)done < nr; start += PAGE_SIZE) {
		struct page *page;
		int err = 0;

		if (!vma || start >= vma->vm_end) {
			vma = vma_lookup(mm, start);
			err = vma ? check_vma_flags(vma, flags) : -EFAULT;
		}
		page = err ? ERR_PTR(err) : get_one_page(vma, start, flags);
		if (IS_ERR(page))
			return done ? done : PTR_ERR(page);
		if (pages)
			pages[done] = page;
		done++;
		cond_resched();
	}
	return done;
}

bool folio_is_longterm_pinnable(const struct folio *folio)
{
	unsigned int type = get_pageblock_migratetype(&folio->page);

	if (type == MIGRATE_CMA || type == MIGRATE_ISOLATE)
		return false;
	return page_zonenum(&folio->page) != ZONE_MOVABLE || is_zero_page(&folio->page);
}

/* A frame outside movable memory, near the old one. */
static struct folio *alloc_longterm(struct folio *src, void *arg)
{
	return (struct folio *)alloc_pages_node(folio_nid(src), GFP_USER | __GFP_NOWARN,
						folio_order(src));
}

/*
 * All pages may stay where they are: 0. Else all pins are dropped, and -EAGAIN: what was in the way has moved; or an error: it
 * could not.
 */
static long move_unpinnable(struct page **pages, unsigned long nr)
{
	unsigned long i, left = 0;
	long ret = -EAGAIN;

	for (i = 0; i < nr && folio_is_longterm_pinnable(page_folio(pages[i])); i++)
		;
	if (i == nr)
		return 0;
	/* Those that have to go stay at the front of the array, with a reference. */
	for (i = 0; i < nr; i++) {
		struct page *page = pages[i];
		struct folio *folio = page_folio(page);

		if (!folio_is_longterm_pinnable(folio)) {
			folio_get(folio);
			pages[left++] = page;
		}
		unpin_user_page(page);
	}
	for (i = 0; i < left; i++)
		if (migrate_folio(page_folio(pages[i]), alloc_longterm, NULL))
			ret = -ENOMEM;
	return ret;
}

/* => mmap_lock held; flags complete */
static long gup_longterm(struct mm_struct *mm, unsigned long start, unsigned long nr,
			 unsigned int flags, struct page **pages)
{
	long got, err;

	if (flags & FOLL_PIN)
		mm_set_has_pins(mm);
	do {
		got = __get_user_pages(mm, start, nr, flags, pages);
		if (got <= 0 || !(flags & FOLL_LONGTERM))
			return got;
		err = move_unpinnable(pages, got);
	} while (err == -EAGAIN);
	return err ? err : got;
}

/* Makes *flags complete: -EINVAL for what makes no sense. */
static bool valid_args(struct page **pages, unsigned int *flags, unsigned int add)
{
	const unsigned int inside = FOLL_TOUCH | FOLL_REMOTE | FOLL_PIN | FOLL_FAST_ONLY;

	if (*flags & inside)
		return false;
	*flags |= add;
	if ((*flags & FOLL_LONGTERM) && !(*flags & FOLL_PIN))
		return false;
	if ((*flags & FOLL_GET) && (*flags & FOLL_PIN))
		return false;
	return pages || !(*flags & (FOLL_GET | FOLL_PIN));
}

static unsigned int get_flag(struct page **pages)
{
	return pages ? FOLL_GET : 0;
}

long get_user_pages(unsigned long start, unsigned long nr, unsigned int flags, struct page **pages)
{
	if (!valid_args(pages, &flags, FOLL_TOUCH | get_flag(pages)))
		return -EINVAL;
	return gup_longterm(current->mm, start, nr, flags, pages);
}

long pin_user_pages(unsigned long start, unsigned long nr, unsigned int flags, struct page **pages)
{
	if (!valid_args(pages, &flags, FOLL_TOUCH | FOLL_PIN))
		return -EINVAL;
	return gup_longterm(current->mm, start, nr, flags, pages);
}

long get_user_pages_remote(struct mm_struct *mm, unsigned long start, unsigned long nr,
			   unsigned int flags, struct page **pages)
{
	if (!valid_args(pages, &flags, FOLL_TOUCH | FOLL_REMOTE | get_flag(pages)))
		return -EINVAL;
	return gup_longterm(mm, start, nr, flags, pages);
}

long pin_user_pages_remote(struct mm_struct *mm, unsigned long start, unsigned long nr,
			   unsigned int flags, struct page **pages)
{
	if (!valid_args(pages, &flags, FOLL_TOUCH | FOLL_REMOTE | FOLL_PIN))
		return -EINVAL;
	return gup_longterm(mm, start, nr, flags, pages);
}

static long gup_unlocked(unsigned long start, unsigned long nr, struct page **pages,
			 unsigned int flags, unsigned int add)
{
	struct mm_struct *mm = current->mm;
	long ret;

	if (!valid_args(pages, &flags, FOLL_TOUCH | add))
		return -EINVAL;
	mmap_read_lock(mm);
	ret = gup_longterm(mm, start, nr, flags, pages);
	mmap_read_unlock(mm);
	return ret;
}

long get_user_pages_unlocked(unsigned long start, unsigned long nr, struct page **pages,
			     unsigned int flags)
{
	return gup_unlocked(start, nr, pages, flags, get_flag(pages));
}

long pin_user_pages_unlocked(unsigned long start, unsigned long nr, struct page **pages,
			     unsigned int flags)
{
	return gup_unlocked(start, nr, pages, flags, FOLL_PIN);
}

/* ---- bytes of another process ---- */

/*
 * The page at addr with a reference, or NULL. Just below a stack the stack grows, for which mmap_lock is let go and taken
 * again. => mmap_lock held for reading
 */
static struct page *remote_page(struct mm_struct *mm, unsigned long addr, unsigned int flags)
{
	struct page *page;
	bool grown;

	if (unlikely(!vma_lookup(mm, addr))) {
		mmap_read_unlock(mm);
		mmap_write_lock(mm);
		grown = find_extend_vma_locked(mm, addr);
		mmap_write_unlock(mm);
		mmap_read_lock(mm);
		if (!grown)
			return NULL;
	}
	return get_user_pages_remote(mm, addr, 1, flags, &page) == 1 ? page : NULL;
}

/* What is not memory the driver may be able to reach. Bytes, or an error. */
static int access_device(struct mm_struct *mm, unsigned long addr, void *buf, int len,
			 unsigned int flags)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	if (!vma || !vma->vm_ops || !vma->vm_ops->access)
		return -EFAULT;
	return vma->vm_ops->access(vma, addr, buf, min_t(unsigned long, len, vma->vm_end - addr),
				   flags & FOLL_WRITE);
}

int access_remote_vm(struct mm_struct *mm, unsigned long addr, void *buf, int len,
		     unsigned int flags)
{
	int done = 0;

	mmap_read_lock(mm);
	while (done < len) {
		unsigned long off = addr & ~PAGE_MASK;
		int n = min_t(unsigned long, len - done, PAGE_SIZE - off);
		struct page *page = remote_page(mm, addr, flags);

		if (page) {
			char *p = (char *)page_address(page) + off;

			memcpy(flags & FOLL_WRITE ? p : (char *)buf + done,
			       flags & FOLL_WRITE ? (char *)buf + done : p, n);
			if (flags & FOLL_WRITE) {
				lock_page(page);
				folio_mark_dirty(page_folio(page));
				unlock_page(page);
			}
			put_page(page);
		} else {
			n = access_device(mm, addr, (char *)buf + done, len - done, flags);
			if (n <= 0)
				break;
		}
		done += n;
		addr += n;
	}
	mmap_read_unlock(mm);
	return done;
}
