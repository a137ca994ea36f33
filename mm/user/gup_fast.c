/*
 * get_user_pages, the fast way: current's tables are read without any lock.
 *
 * 1. Interrupts are off while the tables are walked. Who frees a table, or a page that an entry mapped, flushes the TLBs first,
 *    and the flush waits for an interrupt on this CPU, which runs the address space. So nothing that was found in the
 *    tables is freed before interrupts are on again.
 * 2. The entry may change any time. So: read the entry, take the reference, read entry and upper entry again. If they are the
 *    same, the reference came at a moment when the page was mapped so; if not, it is given back and the slow way decides.
 *    Who takes an entry away and then counts references (migration, reuse after fork) sees this one, or
 *    changed the entry early enough for the second look.
 * 3. fork takes write bits and exclusive marks away without waiting for anybody. It makes mm->write_protect_seq odd
 *    before and even after; pins that overlapped with it are given back.
 * 4. What is not easy (no page, no right, special entries, sharing to be broken, a page that must move first) is
 *    left to gup.c.
 *
 * Locks: none. Mirrors the second half of Linux mm/gup.c. Exercised by tests/user/gup.c.
 */
#include "arch/x86/irqflags.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/phys/page.h"
#include "mm/user/gup.h"
#include "mm/user/rmap.h"

struct fast_walk {
	unsigned int flags;
	int nr;
	struct page **pages;
};

/* Files may forbid pins, or must be told of writes: only what is memory and nothing else is easy. */
static bool fast_allowed(struct folio *folio, unsigned int flags)
{
	const struct address_space *mapping;

	if ((flags & FOLL_LONGTERM) && !folio_is_longterm_pinnable(folio))
		return false;
	if (folio_test_anon(folio))
		return true;
	/* Inodes are freed after a grace period, and interrupts are off. */
	mapping = READ_ONCE(folio->mapping);
	if (!mapping || ((unsigned long)mapping & PAGE_MAPPING_FLAGS) ||
	    test_bit(AS_SECRETMEM, &mapping->flags))
		return false;
	return folio_test_swapbacked(folio) || !(flags & FOLL_WRITE) || !(flags & FOLL_LONGTERM);
}

/* A reference of the kind asked for, of a folio that may be on its way out. */
static bool grab_fast(struct folio *folio, unsigned int flags)
{
	if (!folio_try_get(folio))
		return false;
	if (!(flags & FOLL_PIN))
		return true;
	/* The reference keeps it while that becomes a pin. */
	if (try_grab_folio(folio, FOLL_PIN)) {
		folio_put(folio);
		return false;
	}
	folio_put(folio);
	return true;
}

/* The page of one entry; false: this one is not easy. */
static bool fast_one(struct fast_walk *w, pmd_t *pmdp, pmd_t pmd, pte_t *ptep)
{
	unsigned int flags = w->flags;
	pte_t pte = ptep_get(ptep);
	struct folio *folio;
	struct page *page;

	/* Also those of PROT_NONE and special ones. */
	if (!(pte.pte & _PAGE_PRESENT) || !pte_user(pte) || pte_special(pte) ||
	    ((flags & FOLL_WRITE) && !pte_write(pte)))
		return false;
	page = pfn_to_page(pte_pfn(pte));
	folio = page_folio(page);
	if (!grab_fast(folio, flags))
		return false;
	if (unlikely(READ_ONCE(pmdp->pmd) != pmd.pmd || !pte_same(ptep_get(ptep), pte) ||
		     page_folio(page) != folio || !fast_allowed(folio, flags) ||
		     (!pte_write(pte) && gup_must_unshare(NULL, flags, page)))) {
		gup_put_folio(folio, flags);
		return false;
	}
	folio_set_referenced(folio);
	w->pages[w->nr++] = page;
	return true;
}

static bool fast_table(struct fast_walk *w, pmd_t *pmdp, unsigned long addr, unsigned long end)
{
	pmd_t pmd = { READ_ONCE(pmdp->pmd) };
	pte_t *pte;

	if (!pmd_present(pmd) || pmd_leaf(pmd))
		return false;
	pte = pte_offset_kernel(&pmd, addr);
	for (; addr < end; addr += PAGE_SIZE, pte++)
		if (!fast_one(w, pmdp, pmd, pte))
			return false;
	return true;
}

static void fast_walk(struct fast_walk *w, pgd_t *top, unsigned long addr, unsigned long end)
{
	unsigned long next;

	for (; addr < end; addr = next) {
		pgd_t pgd = { READ_ONCE(pgd_offset_pgd(top, addr)->pgd) };
		pud_t pud;

		if (!pgd_present(pgd))
			return;
		pud.pud = READ_ONCE(pud_offset(&pgd, addr)->pud);
		if (!pud_present(pud) || pud_leaf(pud))
			return;
		next = pmd_addr_end(addr, end);
		if (!fast_table(w, pmd_offset(&pud, addr), addr, next))
			return;
	}
}

/* How many from the front were easy. */
static int gup_lockless(unsigned long start, int nr, unsigned int flags, struct page **pages)
{
	struct fast_walk w = { .flags = flags, .pages = pages };
	struct mm_struct *mm = current->mm;
	unsigned long irq;
	unsigned int seq = 0;

	if (flags & FOLL_PIN) {
		seq = READ_ONCE(mm->write_protect_seq);
		if (seq & 1)
			return 0;
		smp_rmb();
	}
	local_irq_save(irq);
	fast_walk(&w, mm->pgd, start, start + ((unsigned long)nr << PAGE_SHIFT));
	local_irq_restore(irq);
	if (flags & FOLL_PIN) {
		smp_mb();
		if (unlikely(READ_ONCE(mm->write_protect_seq) != seq)) {
			/* Not unpin_user_pages(): they may have lost the exclusive mark. */
			while (w.nr)
				gup_put_folio(page_folio(pages[--w.nr]), flags);
		}
	}
	return w.nr;
}

static int gup_fast(unsigned long start, int nr, unsigned int flags, unsigned int add,
		    struct page **pages)
{
	const unsigned int allowed = FOLL_WRITE | FOLL_LONGTERM | FOLL_FORCE | FOLL_NOFAULT;
	unsigned long size = (unsigned long)nr << PAGE_SHIFT;
	long done, more;

	start &= PAGE_MASK;
	if ((flags & ~allowed) || ((flags & FOLL_LONGTERM) && !(add & FOLL_PIN)) || nr < 0 ||
	    !pages)
		return -EINVAL;
	if (start + size < start || start + size > TASK_SIZE)
		return -EFAULT;
	if (add & FOLL_PIN)
		mm_set_has_pins(current->mm);
	done = gup_lockless(start, nr, flags | add, pages);
	if (done == nr || (add & FOLL_FAST_ONLY))
		return done;
	start += (unsigned long)done << PAGE_SHIFT;
	if (add & FOLL_PIN)
		more = pin_user_pages_unlocked(start, nr - done, pages + done, flags);
	else
		more = get_user_pages_unlocked(start, nr - done, pages + done, flags);
	if (more < 0)
		return done ? done : more;
	return done + more;
}

int get_user_pages_fast(unsigned long start, int nr, unsigned int flags, struct page **pages)
{
	return gup_fast(start, nr, flags, FOLL_GET, pages);
}

int pin_user_pages_fast(unsigned long start, int nr, unsigned int flags, struct page **pages)
{
	return gup_fast(start, nr, flags, FOLL_PIN, pages);
}

int get_user_pages_fast_only(unsigned long start, int nr, unsigned int flags, struct page **pages)
{
	return gup_fast(start, nr, flags, FOLL_GET | FOLL_FAST_ONLY, pages);
}

int pin_user_pages_fast_only(unsigned long start, int nr, unsigned int flags, struct page **pages)
{
	return gup_fast(start, nr, flags, FOLL_PIN | FOLL_FAST_ONLY, pages);
}
