/*
 * The rmap checker: a full scan of page tables, each entry held against reverse mapping.
 *
 * 1. The page tables are the truth. For each entry that maps a page the walk from that page must come to just this entry; then
 *    the walks of all pages together find all entries, and none is found that is not there, because the walk looks at the
 *    tables itself. So if the number a walk finds is also _mapcount, _mapcount is exact.
 * 2. Two rules of exclusive pages: such a page has one mapping; a private area's writable entry maps such a page.
 * 3. Other processes go on meanwhile. That an entry cannot be found is certain (its area does not change under mmap_lock,
 *    and the entry is looked at again under its lock); a count may differ for a moment, while fork or exit is between
 *    entry and count. Whoever wants to be sure of counts makes everybody stand still, or asks again.
 *
 * Locks: mmap_lock for reading, then those of rmap.c. Read through /sys/kernel/debug/rmap (kernel/fs/sysfs/debugfs_rmap.c);
 * exercised by tests/user/rmap.c.
 */
#include "mm/user/rmap_check.h"

#include "kernel/sched.h"
#include "mm/cache/pagemap.h"
#include "mm/user/page_vma_mapped.h"
#include "mm/user/rmap.h"

#define CHECK_BATCH 32

struct found {
	const struct vm_area_struct *vma; /* looked for: its entry at address */
	unsigned long address;
	bool seen;
	int entries;
};

static bool count_one(struct folio *folio, struct vm_area_struct *vma, unsigned long address,
		      void *arg)
{
	struct page_vma_mapped_walk pvmw;
	struct found *f = arg;

	page_vma_mapped_init(&pvmw, folio, vma, address, 0);
	while (page_vma_mapped_walk(&pvmw)) {
		f->entries++;
		f->seen |= vma == f->vma && pvmw.address == f->address;
	}
	return true;
}

/* The entry of address, if it is present and maps a page that is counted. */
static pte_t counted_entry(struct mm_struct *mm, unsigned long address)
{
	pmd_t *pmd = mm_find_pmd(mm, address);
	pte_t pte = __pte(0);

	if (pmd) {
		spin_lock(pte_lockptr(*pmd));
		pte = ptep_get(pte_offset_kernel(pmd, address));
		spin_unlock(pte_lockptr(*pmd));
	}
	return pte_present(pte) && !pte_special(pte) ? pte : __pte(0);
}

static bool breaks_exclusive(const struct vm_area_struct *vma, pte_t pte, struct page *page)
{
	if (!PageAnon(page))
		return false;
	if (PageAnonExclusive(page))
		return page_mapcount(page) > 1;
	return pte_write(pte) && !(vma->vm_flags & VM_SHARED);
}

/* => reference of the folio */
static void check_entry(struct vm_area_struct *vma, unsigned long address, struct page *page,
			struct rmap_report *r)
{
	struct folio *folio = page_folio(page);
	struct found f;
	const struct rmap_walk_control rwc = { .arg = &f, .rmap_one = count_one };
	int tries;
	pte_t pte;

	folio_lock(folio);
	/* A file's page may be unmapped and mapped again between the walk and the second look. */
	for (tries = 0; tries < 3; tries++) {
		f = (struct found){ .vma = vma, .address = address };
		rmap_walk(folio, &rwc);
		pte = counted_entry(vma->vm_mm, address);
		if (f.seen || pte_none(pte) || pfn_to_page(pte_pfn(pte)) != page)
			break;
	}
	if (!pte_none(pte) && pfn_to_page(pte_pfn(pte)) == page) {
		r->entries++;
		r->unreachable += tries == 3;
		r->miscounted += f.entries != folio_mapcount(folio);
		r->shared += breaks_exclusive(vma, pte, page);
	}
	folio_unlock(folio);
}

static unsigned long check_batch(struct vm_area_struct *vma, pmd_t *pmd, unsigned long address,
				 unsigned long end, struct rmap_report *r)
{
	struct page *page[CHECK_BATCH];
	unsigned long at[CHECK_BATCH];
	unsigned int nr = 0, i;
	pte_t *pte;

	spin_lock(pte_lockptr(*pmd));
	pte = pte_offset_kernel(pmd, address);
	for (; address < end && nr < CHECK_BATCH; address += PAGE_SIZE, pte++) {
		if (!pte_present(*pte) || pte_special(*pte))
			continue;
		page[nr] = pfn_to_page(pte_pfn(*pte));
		get_page(page[nr]);
		at[nr++] = address;
	}
	spin_unlock(pte_lockptr(*pmd));
	for (i = 0; i < nr; i++) {
		check_entry(vma, at[i], page[i], r);
		put_page(page[i]);
	}
	cond_resched();
	return address;
}

void rmap_check_mm(struct mm_struct *mm, struct rmap_report *r)
{
	struct vm_area_struct *vma;

	for_each_vma_mm(mm, vma) {
		unsigned long address = vma->vm_start, next;
		pmd_t *pmd;

		while ((pmd = mm_next_pmd(mm, &address, vma->vm_end, &next)) != NULL)
			while (address < next)
				address = check_batch(vma, pmd, address, next, r);
	}
}
