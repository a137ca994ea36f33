/*
 * Reverse mapping: from a page to all page-table entries that map it.
 *
 * 1. Two kinds of pages, one idea: a page knows its index and a tree of areas, the file's i_mmap or the anon_vma's. The
 *    areas that hold the index are all that could map the page, each at one address that arithmetic gives; a look at the
 *    entry there tells whether it does. Nothing is kept per page and mapping, so fork costs nothing for it.
 * 2. rmap_walk() visits those places; folio_referenced, folio_mkclean, try_to_unmap and try_to_migrate are what is done there.
 * 3. Why nothing is missed while processes fork and move their areas: the tree's lock is held, so areas neither join
 *    nor leave nor change their range nor move entries (mremap takes it). fork copies an entry from the parent's area to
 *    the child's, which it has put into the tree before; areas of equal start stand in the order of insertion, so the
 *    child is visited after the parent and what was copied meanwhile is still found.
 * 4. An entry is taken away as elsewhere: cleared in one step so that no news from the processor is lost, flushed from every
 *    TLB, and only then the page is used for something else.
 * 5. Migration: the entry is replaced by one that names the page, tells who faults on it to wait, and remembers rights.
 *    It has neither a reference nor a place in _mapcount; the resident count of the process stays as it was.
 *
 * Locks: folio lock; then i_mmap_rwsem or the anon_vma's root->rwsem, for reading; then ptl. Mirrors the second part of
 * Linux mm/rmap.c. Exercised by the suites rmap and rmap_storm, tests/user/{rmap,migrate}.c.
 */
#include "mm/user/rmap.h"

#include "arch/x86/tlb.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "mm/cache/writeback.h"
#include "mm/cache/file.h"
#include "mm/debug/page_table_check.h"
#include "mm/user/i_mmap.h"
#include "mm/user/lazyfree.h"
#include "mm/user/leafops.h"
#include "mm/user/page_vma_mapped.h"

/* One place; false ends the walk. */
static bool visit(struct folio *folio, struct vm_area_struct *vma,
		  const struct rmap_walk_control *rwc)
{
	unsigned long address = vma_address(vma, folio->index, folio_nr_pages(folio));

	cond_resched();
	if (IS_ERR_VALUE(address) || (rwc->invalid_vma && rwc->invalid_vma(vma, rwc->arg)))
		return true;
	return rwc->rmap_one(folio, vma, address, rwc->arg) && !(rwc->done && rwc->done(folio));
}

static void rmap_walk_anon(struct folio *folio, const struct rmap_walk_control *rwc)
{
	struct anon_vma *anon_vma = rwc->anon_vma_held ? folio_anon_vma(folio)
						       : folio_get_anon_vma(folio);
	pgoff_t first = folio->index, last = first + folio_nr_pages(folio) - 1;
	struct anon_vma_chain *avc;

	if (!anon_vma)
		return;
	if (!rwc->try_lock)
		anon_vma_lock_read(anon_vma);
	else if (!down_read_trylock(&anon_vma->root->rwsem))
		goto out;
	anon_vma_interval_tree_foreach(avc, &anon_vma->rb_root, first,
				       last) if (!visit(folio, avc->vma, rwc)) break;
	anon_vma_unlock_read(anon_vma);
out:
	if (!rwc->anon_vma_held)
		put_anon_vma(anon_vma);
}

static void rmap_walk_file(struct folio *folio, const struct rmap_walk_control *rwc)
{
	pgoff_t first = folio->index, last = first + folio_nr_pages(folio) - 1;
	struct address_space *mapping = folio_mapping(folio);
	struct vm_area_struct *vma;

	if (!mapping)
		return;
	if (!rwc->try_lock)
		down_read(&mapping->i_mmap_rwsem);
	else if (!down_read_trylock(&mapping->i_mmap_rwsem))
		return;
	for (vma = vma_interval_tree_iter_first(&mapping->i_mmap, first, last); vma;
	     vma = vma_interval_tree_iter_next(vma, first, last))
		if (!visit(folio, vma, rwc))
			break;
	up_read(&mapping->i_mmap_rwsem);
}

void rmap_walk(struct folio *folio, const struct rmap_walk_control *rwc)
{
	VM_BUG_ON(!folio_test_locked(folio));
	if (folio_test_anon(folio))
		rmap_walk_anon(folio, rwc);
	else
		rmap_walk_file(folio, rwc);
}

static bool folio_not_mapped(struct folio *folio)
{
	return !folio_mapped(folio);
}

/* ---- folio_referenced ---- */

struct referenced {
	int count;
	int left; /* mappings not visited yet */
	unsigned long vm_flags;
};

static bool folio_referenced_one(struct folio *folio, struct vm_area_struct *vma,
				 unsigned long address, void *arg)
{
	struct page_vma_mapped_walk pvmw;
	struct referenced *r = arg;
	int used = 0;

	page_vma_mapped_init(&pvmw, folio, vma, address, 0);
	while (page_vma_mapped_walk(&pvmw)) {
		if (vma->vm_flags & VM_LOCKED) {
			page_vma_mapped_walk_done(&pvmw);
			r->vm_flags |= VM_LOCKED;
			return false;
		}
		/* Not flushed: a TLB that keeps the entry only makes the page look older than it is. */
		used += ptep_test_and_clear_young(pvmw.pte) &&
			!(vma->vm_flags & (VM_SEQ_READ | VM_RAND_READ));
		r->left--;
	}
	if (used) {
		r->count += used;
		r->vm_flags |= vma->vm_flags & ~VM_LOCKED;
	}
	return r->left > 0;
}

int folio_referenced(struct folio *folio, unsigned long *vm_flags)
{
	struct referenced r = { .left = folio_mapcount(folio) };
	const struct rmap_walk_control rwc = { .arg = &r, .rmap_one = folio_referenced_one };

	if (r.left)
		rmap_walk(folio, &rwc);
	*vm_flags = r.vm_flags;
	return r.count;
}

int folio_referenced_try(struct folio *folio, unsigned long *vm_flags)
{
	int mapcount = folio_mapcount(folio);
	struct referenced r = { .left = mapcount };
	const struct rmap_walk_control rwc = { .arg = &r,
					       .try_lock = true,
					       .rmap_one = folio_referenced_one };

	if (mapcount)
		rmap_walk(folio, &rwc);
	*vm_flags = r.vm_flags;
	/* Nothing was looked at: as good as used. */
	return mapcount && r.left == mapcount ? 1 : r.count;
}

/* ---- folio_mkclean ---- */

static bool not_shared(struct vm_area_struct *vma, void *arg)
{
	return !(vma->vm_flags & VM_SHARED);
}

static bool folio_mkclean_one(struct folio *folio, struct vm_area_struct *vma,
			      unsigned long address, void *arg)
{
	struct page_vma_mapped_walk pvmw;
	int *cleaned = arg;

	page_vma_mapped_init(&pvmw, folio, vma, address, 0);
	while (page_vma_mapped_walk(&pvmw)) {
		pte_t pte = ptep_get(pvmw.pte);

		if (!pte_dirty(pte) && !pte_write(pte))
			continue;
		pte = user_ptep_get_and_clear(pvmw.pte);
		flush_tlb_page(&vma->vm_mm->context, pvmw.address);
		set_user_pte(pvmw.pte, pte_mkclean(pte_wrprotect(pte)));
		++*cleaned;
	}
	return true;
}

int folio_mkclean(struct folio *folio)
{
	int cleaned = 0;
	const struct rmap_walk_control rwc = { .arg = &cleaned,
					       .rmap_one = folio_mkclean_one,
					       .invalid_vma = not_shared };

	if (folio_mapped(folio) && folio_mapping(folio))
		rmap_walk(folio, &rwc);
	return cleaned;
}

/* ---- try_to_unmap ---- */

struct unmap {
	enum ttu_flags flags;
};

/*
 * May the contents go with the entry, which is cleared and flushed: no news of writes can come any more? The references are the
 * caller's and one for each entry; any other may be somebody who writes.
 */
static bool lazyfree_is_clean(struct folio *folio, pte_t pte)
{
	return !pte_dirty(pte) && !folio_test_dirty(folio) &&
	       folio_ref_count(folio) == 1 + folio_mapcount(folio);
}

static bool try_to_unmap_one(struct folio *folio, struct vm_area_struct *vma, unsigned long address,
			     void *arg)
{
	struct mm_struct *mm = vma->vm_mm;
	struct page_vma_mapped_walk pvmw;
	struct unmap *u = arg;

	page_vma_mapped_init(&pvmw, folio, vma, address, 0);
	while (page_vma_mapped_walk(&pvmw)) {
		pte_t pte;

		if ((vma->vm_flags & VM_LOCKED) && !(u->flags & TTU_IGNORE_MLOCK)) {
			page_vma_mapped_walk_done(&pvmw);
			return false;
		}
		pte = user_ptep_get_and_clear(pvmw.pte);
		flush_tlb_page(&mm->context, pvmw.address);
		if (folio_test_anon(folio)) {
			if (!lazyfree_is_clean(folio, pte)) {
				set_user_pte(pvmw.pte, pte);
				folio_unmark_lazyfree(folio);
				page_vma_mapped_walk_done(&pvmw);
				return false;
			}
		} else if (pte_dirty(pte)) {
			folio_mark_dirty(folio);
		}
		add_mm_counter(mm, mm_counter_of(folio), -1);
		munlock_vma_folio(folio, vma);
		folio_remove_rmap_pte(folio, pfn_to_page(pte_pfn(pte)));
		/* Not the last: the caller has one. */
		folio_put(folio);
	}
	return true;
}

bool try_to_unmap(struct folio *folio, enum ttu_flags flags)
{
	struct unmap u = { .flags = flags };
	const struct rmap_walk_control rwc = { .arg = &u,
					       .try_lock = flags & TTU_TRYLOCK,
					       .rmap_one = try_to_unmap_one,
					       .done = folio_not_mapped };

	if (folio_mapped(folio) && !(folio_test_anon(folio) && folio_test_swapbacked(folio)))
		rmap_walk(folio, &rwc);
	return !folio_mapped(folio);
}

/* ---- migration entries ---- */

static pte_t migration_pte(pte_t pte, bool exclusive)
{
	u64 offset = pte_pfn(pte);

	if (pte_young(pte))
		offset |= MIGRATION_YOUNG;
	if (pte_dirty(pte))
		offset |= MIGRATION_DIRTY;
	return softleaf_to_pte(softleaf_make(pte_write(pte) ? SOFTLEAF_MIGRATION_WRITE
					     : exclusive    ? SOFTLEAF_MIGRATION_READ_EXCLUSIVE
							    : SOFTLEAF_MIGRATION_READ,
					     offset));
}

static bool try_to_migrate_one(struct folio *folio, struct vm_area_struct *vma,
			       unsigned long address, void *arg)
{
	struct page_vma_mapped_walk pvmw;

	page_vma_mapped_init(&pvmw, folio, vma, address, 0);
	while (page_vma_mapped_walk(&pvmw)) {
		pte_t pte = user_ptep_get_and_clear(pvmw.pte);
		struct page *page = pfn_to_page(pte_pfn(pte));
		bool exclusive = folio_test_anon(folio) && PageAnonExclusive(page);

		flush_tlb_page(&vma->vm_mm->context, pvmw.address);
		/* Since the flush nobody can pin it without this lock: what is pinned now, was before. */
		if (exclusive && folio_maybe_dma_pinned(folio)) {
			set_user_pte(pvmw.pte, pte);
			page_vma_mapped_walk_done(&pvmw);
			return false;
		}
		if (exclusive)
			ClearPageAnonExclusive(page);
		if (pte_dirty(pte) && !folio_test_anon(folio))
			folio_mark_dirty(folio);
		set_pte(pvmw.pte, migration_pte(pte, exclusive));
		munlock_vma_folio(folio, vma);
		folio_remove_rmap_pte(folio, page);
		folio_put(folio);
	}
	return true;
}

bool try_to_migrate(struct folio *folio)
{
	const struct rmap_walk_control rwc = { .anon_vma_held = true,
					       .rmap_one = try_to_migrate_one,
					       .done = folio_not_mapped };

	if (folio_mapped(folio))
		rmap_walk(folio, &rwc);
	return !folio_mapped(folio);
}

/* The entry that one migration entry of src becomes. => ptl */
static void restore_pte(struct page_vma_mapped_walk *pvmw, struct folio *src, struct folio *dst)
{
	struct vm_area_struct *vma = pvmw->vma;
	softleaf_t entry = softleaf_from_pte(ptep_get(pvmw->pte));
	struct page *page = folio_page(dst, softleaf_to_pfn(entry) - folio_pfn(src));
	pte_t pte = pfn_pte(page_to_pfn(page), vma->vm_page_prot);
	enum softleaf_type type = softleaf_type(entry);

	if (!(softleaf_offset(entry) & MIGRATION_YOUNG))
		pte = pte_mkold(pte);
	if (softleaf_offset(entry) & MIGRATION_DIRTY)
		pte = pte_mkdirty(pte);
	if (type == SOFTLEAF_MIGRATION_WRITE && (vma->vm_flags & VM_WRITE))
		pte = pte_mkwrite(pte);
	else
		pte = pte_wrprotect(pte);
	folio_get(dst);
	if (folio_test_anon(dst))
		folio_add_anon_rmap_pte(
			dst, page, type == SOFTLEAF_MIGRATION_READ ? RMAP_NONE : RMAP_EXCLUSIVE);
	else
		folio_add_file_rmap_pte(dst, page);
	mlock_vma_folio(dst, vma);
	set_user_pte(pvmw->pte, pte);
}

static bool remove_migration_pte(struct folio *dst, struct vm_area_struct *vma,
				 unsigned long address, void *arg)
{
	struct page_vma_mapped_walk pvmw;
	struct folio *src = arg;

	page_vma_mapped_init(&pvmw, dst, vma, address, PVMW_MIGRATION);
	pvmw.pfn = folio_pfn(src);
	while (page_vma_mapped_walk(&pvmw))
		restore_pte(&pvmw, src, dst);
	return true;
}

void remove_migration_ptes(struct folio *src, struct folio *dst)
{
	const struct rmap_walk_control rwc = { .arg = src,
					       .anon_vma_held = true,
					       .rmap_one = remove_migration_pte };

	VM_BUG_ON(folio_nr_pages(src) != folio_nr_pages(dst));
	rmap_walk(dst, &rwc);
}
