/*
 * Page tables of user address spaces: descent, fork's copy, unmapping, freeing.
 *
 * 1. A descent from the top table makes missing levels on the way (under page_table_lock, checked again
 *    after the allocation: two threads may fault at once). Levels are never removed while mmap_lock is
 *    held by anybody else, so a pointer found under mmap_lock stays good.
 * 2. fork copies entries, not pages. A private page gets one more reference and loses its write bit on
 *    both sides: the first to write takes a copy (fault.c, do_wp_page). Areas of a file without private
 *    pages are not copied when they are large: a fault fetches what the child really uses.
 * 3. Unmapping clears entries under the table lock, moves accessed/dirty news to the page, and leaves
 *    the freeing to mmu_gather. Afterwards free_pgtables takes the tables that no area shares.
 *
 * 4. Whatever goes over many entries, tables or areas gives the CPU away in between, with mmap_lock held but no table's lock.
 *
 * Locks: mmap_lock, then page_table_lock or a table's ptl (child's before parent's in fork: the child is
 * not visible yet). Mirrors Linux mm/memory.c. Exercised by tests/user/{fork_cow,anon_map,file_map,vmstress}.c.
 */
#include "mm/user/memory.h"

#include "arch/x86/page_ops.h"
#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/cache/writeback.h"
#include "mm/debug/page_table_check.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"
#include "mm/user/i_mmap.h"
#include "mm/user/lazyfree.h"
#include "mm/user/leafops.h"
#include "mm/user/mempolicy.h"
#include "mm/user/mmu_gather.h"
#include "mm/user/pgalloc.h"
#include "mm/user/rmap.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

/* File areas up to this many pages are copied by fork: about what one fault in the child would cost. */
#define FORK_COPY_FILE_PAGES 64

static u8 empty_zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);
unsigned long zero_pfn;

void user_pgtable_init(void)
{
	zero_pfn = PHYS_PFN(__pa_symbol(empty_zero_page));
}

/* Fills *entry (a PGD, PUD or PMD entry, all alike) with a new table unless another thread did. */
static int table_alloc(struct mm_struct *mm, u64 *entry)
{
	struct page *table = pgtable_alloc(mm);

	if (!table)
		return -ENOMEM;
	spin_lock(&mm->page_table_lock);
	if (likely(!*entry)) {
		WRITE_ONCE(*entry, (u64)page_to_phys(table) | _PAGE_TABLE);
		table = NULL;
	}
	spin_unlock(&mm->page_table_lock);
	if (table)
		pgtable_free(mm, table);
	return 0;
}

pmd_t *mm_alloc_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset_pgd(mm->pgd, addr);
	pud_t *pud;

	if (unlikely(pgd_none(*pgd)) && table_alloc(mm, &pgd->pgd))
		return NULL;
	pud = pud_offset(pgd, addr);
	if (unlikely(pud_none(*pud)) && table_alloc(mm, &pud->pud))
		return NULL;
	return pmd_offset(pud, addr);
}

int pte_alloc(struct mm_struct *mm, pmd_t *pmd)
{
	return pmd_none(*pmd) ? table_alloc(mm, &pmd->pmd) : 0;
}

pmd_t *mm_find_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset_pgd(mm->pgd, addr);
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		return NULL;
	pud = pud_offset(pgd, addr);
	if (pud_none(*pud))
		return NULL;
	pmd = pmd_offset(pud, addr);
	return pmd_none(*pmd) ? NULL : pmd;
}

pmd_t *mm_next_pmd(struct mm_struct *mm, unsigned long *addr, unsigned long end,
		   unsigned long *next)
{
	for (; *addr < end; *addr = *next) {
		pgd_t *pgd = pgd_offset_pgd(mm->pgd, *addr);
		pud_t *pud;
		pmd_t *pmd;

		*next = pgd_addr_end(*addr, end);
		if (pgd_none(*pgd))
			continue;
		*next = pud_addr_end(*addr, end);
		pud = pud_offset(pgd, *addr);
		if (pud_none(*pud))
			continue;
		*next = pmd_addr_end(*addr, end);
		pmd = pmd_offset(pud, *addr);
		if (!pmd_none(*pmd))
			return pmd;
	}
	return NULL;
}

pte_t *get_locked_pte(struct mm_struct *mm, unsigned long addr, spinlock_t **ptl)
{
	pmd_t *pmd = mm_alloc_pmd(mm, addr);

	if (!pmd || pte_alloc(mm, pmd))
		return NULL;
	*ptl = pte_lockptr(*pmd);
	spin_lock(*ptl);
	return pte_offset_kernel(pmd, addr);
}

struct rss_delta {
	long count[NR_MM_COUNTERS];
};

static void add_mm_rss(struct mm_struct *mm, const struct rss_delta *d)
{
	int i;

	for (i = 0; i < NR_MM_COUNTERS; i++)
		if (d->count[i])
			add_mm_counter(mm, i, d->count[i]);
}

/*
 * An entry that is not present: the page is being migrated. The child's entry names it too, and both must copy before they
 * write. What the migration makes of the child's entry it finds through the child's area.
 */
static void copy_nonpresent_pte(pte_t *dst, pte_t *src, bool cow, struct rss_delta *rss)
{
	softleaf_t entry = softleaf_from_pte(*src);

	if (!softleaf_is_migration(entry))
		return;
	rss->count[mm_counter_of(softleaf_to_folio(entry))]++;
	if (cow && softleaf_type(entry) != SOFTLEAF_MIGRATION_READ) {
		entry = softleaf_make_read(entry);
		set_pte(src, softleaf_to_pte(entry));
	}
	set_pte(dst, softleaf_to_pte(entry));
}

/*
 * A page that is pinned stays the parent's alone: a device writes there, and the parent must see it. So the child gets its copy
 * now, *new, which is used up. Its area has an anon_vma already.
 */
static noinline void copy_pinned_page(struct vm_area_struct *dst_vma, pte_t *dst,
				      unsigned long addr, struct page *page, struct page **new)
{
	pte_t pte = pte_mkdirty(pfn_pte(page_to_pfn(*new), dst_vma->vm_page_prot));

	copy_page(page_address(*new), page_address(page));
	folio_add_new_anon_rmap((struct folio *)*new, dst_vma, addr);
	set_user_pte(dst, dst_vma->vm_flags & VM_WRITE ? pte_mkwrite(pte) : pte);
	*new = NULL;
}

/*
 * One run of entries inside one table, the child's ending at @end. Both tables are locked by the caller. The number that is
 * left: the first of them needs a page in *new for its copy.
 */
static unsigned long copy_pte_run(struct vm_area_struct *dst_vma, struct vm_area_struct *vma,
				  pte_t *dst, pte_t *src, unsigned long end, unsigned long nr,
				  struct rss_delta *rss, struct page **new)
{
	bool cow = (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
	bool has_pins = READ_ONCE(vma->vm_mm->has_pins);

	for (; nr; nr--, dst++, src++) {
		pte_t pte = *src;

		if (pte_none(pte))
			continue;
		if (unlikely(!pte_present(pte))) {
			copy_nonpresent_pte(dst, src, cow, rss);
			continue;
		}
		if (!pte_special(pte)) {
			struct page *page = pfn_to_page(pte_pfn(pte));
			struct folio *folio = page_folio(page);

			folio_get(folio);
			if (!folio_test_anon(folio)) {
				folio_dup_file_rmap_pte(folio, page);
				rss->count[mm_counter_of(folio)]++;
			} else if (unlikely(folio_try_dup_anon_rmap_pte(folio, page, has_pins))) {
				folio_put(folio);
				if (!*new)
					return nr;
				rss->count[MM_ANONPAGES]++;
				copy_pinned_page(dst_vma, dst, end - (nr << PAGE_SHIFT), page, new);
				continue;
			} else {
				rss->count[MM_ANONPAGES]++;
			}
		}
		if (cow && pte_write(pte)) {
			ptep_set_wrprotect(src);
			pte = pte_wrprotect(pte);
		}
		set_user_pte(dst, pte_mkold(pte));
	}
	return 0;
}

static int copy_pmd_span(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma,
			 pmd_t *src_pmd, unsigned long addr, unsigned long end)
{
	struct rss_delta rss = { { 0 } };
	spinlock_t *dst_ptl, *src_ptl = pte_lockptr(*src_pmd);
	unsigned long left = (end - addr) >> PAGE_SHIFT;
	struct page *new = NULL;
	int err = 0;

	for (;;) {
		pte_t *dst = get_locked_pte(dst_vma->vm_mm, addr, &dst_ptl);

		if (!dst) {
			err = -ENOMEM;
			break;
		}
		/* The child is not visible: nobody takes these two the other way round. */
		spin_lock_nested(src_ptl, 1);
		left = copy_pte_run(dst_vma, src_vma, dst, pte_offset_kernel(src_pmd, addr), end,
				    left, &rss, &new);
		spin_unlock(src_ptl);
		spin_unlock(dst_ptl);
		if (likely(!left))
			break;
		addr = end - (left << PAGE_SHIFT);
		new = vma_alloc_page(GFP_HIGHUSER_MOVABLE, src_vma, addr);
		if (!new) {
			err = -ENOMEM;
			break;
		}
	}
	/* Unpinned meanwhile: it was shared after all. */
	if (unlikely(new))
		put_page(new);
	add_mm_rss(dst_vma->vm_mm, &rss);
	return err;
}

static bool vma_needs_copy(const struct vm_area_struct *vma)
{
	if (vma->anon_vma || (vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)))
		return true;
	return vma->vm_ops && vma_pages(vma) <= FORK_COPY_FILE_PAGES;
}

int copy_page_range(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma)
{
	unsigned long addr = src_vma->vm_start, end = src_vma->vm_end, next;
	pmd_t *pmd;

	if (!vma_needs_copy(src_vma))
		return 0;
	for (; (pmd = mm_next_pmd(src_vma->vm_mm, &addr, end, &next)) != NULL; addr = next) {
		if (copy_pmd_span(dst_vma, src_vma, pmd, addr, next))
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

/*
 * Clears entries [pte, end of run) and gathers their pages; returns the address where the batch filled up,
 * or end.
 */
static unsigned long zap_pte_run(struct mmu_gather *tlb, const struct vm_area_struct *vma,
				 pte_t *pte, unsigned long addr, unsigned long end,
				 struct rss_delta *rss)
{
	for (; addr < end; addr += PAGE_SIZE, pte++) {
		struct folio *folio;
		struct page *page;
		pte_t old;

		if (pte_none(*pte))
			continue;
		if (tlb->fullmm) {
			old = *pte;
			set_user_pte(pte, __pte(0));
		} else {
			old = user_ptep_get_and_clear(pte);
			tlb_note_range(tlb, addr, addr + PAGE_SIZE);
		}
		if (unlikely(!pte_present(old))) {
			softleaf_t entry = softleaf_from_pte(old);

			if (softleaf_is_migration(entry))
				rss->count[mm_counter_of(softleaf_to_folio(entry))]--;
			continue;
		}
		if (pte_special(old))
			continue;
		page = pfn_to_page(pte_pfn(old));
		folio = page_folio(page);
		rss->count[mm_counter_of(folio)]--;
		if (!folio_test_anon(folio) && pte_dirty(old))
			folio_mark_dirty(folio);
		munlock_vma_folio(folio, vma);
		folio_remove_rmap_pte(folio, page);
		if (tlb_remove_page(tlb, page))
			return addr + PAGE_SIZE;
	}
	return end;
}

static void zap_pmd_span(struct mmu_gather *tlb, const struct vm_area_struct *vma, pmd_t *pmd,
			 unsigned long addr, unsigned long end)
{
	struct rss_delta rss = { { 0 } };
	spinlock_t *ptl = pte_lockptr(*pmd);

	while (addr < end) {
		spin_lock(ptl);
		addr = zap_pte_run(tlb, vma, pte_offset_kernel(pmd, addr), addr, end, &rss);
		spin_unlock(ptl);
		if (tlb->full)
			tlb_flush_mmu(tlb);
	}
	add_mm_rss(tlb->mm, &rss);
}

void unmap_page_range(struct mmu_gather *tlb, struct vm_area_struct *vma, unsigned long addr,
		      unsigned long end)
{
	unsigned long next;
	pmd_t *pmd;

	for (; (pmd = mm_next_pmd(vma->vm_mm, &addr, end, &next)) != NULL; addr = next) {
		zap_pmd_span(tlb, vma, pmd, addr, next);
		cond_resched();
	}
}

/* Does a table that covers [start, end) serve only the span that is being freed? ceiling 0: no end. */
static bool table_range_owned(unsigned long start, unsigned long end, unsigned long floor,
			      unsigned long ceiling)
{
	return start >= floor && end - 1 <= ceiling - 1;
}

/*
 * Takes the table that serves what begins at start out of *entry. Gathering comes last: it may flush and free at once, and by
 * then neither the entry nor any TLB may lead to the table.
 */
static void unlink_table(struct mmu_gather *tlb, u64 *entry, unsigned long start)
{
	struct page *table = pfn_to_page((*entry & PTE_PFN_MASK) >> PAGE_SHIFT);

	WRITE_ONCE(*entry, 0);
	tlb_note_table(tlb, start);
	tlb_remove_table(tlb, table);
}

/*
 * Frees the tables of [addr, end) that lie wholly inside [floor, ceiling), the span that no remaining
 * area needs. ceiling 0 means the end of the address space.
 */
static void free_pmd_tables(struct mmu_gather *tlb, pud_t *pud, unsigned long addr,
			    unsigned long end, unsigned long floor, unsigned long ceiling)
{
	unsigned long start = addr & PUD_MASK, next;

	for (; addr < end; addr = next) {
		pmd_t *pmd = pmd_offset(pud, addr);
		unsigned long span = addr & PMD_MASK;

		next = pmd_addr_end(addr, end);
		if (pmd_none(*pmd) || !table_range_owned(span, span + PMD_SIZE, floor, ceiling))
			continue;
		unlink_table(tlb, &pmd->pmd, span);
	}
	if (!table_range_owned(start, start + PUD_SIZE, floor, ceiling))
		return;
	unlink_table(tlb, &pud->pud, start);
}

static void free_pgd_range(struct mmu_gather *tlb, unsigned long addr, unsigned long end,
			   unsigned long floor, unsigned long ceiling)
{
	unsigned long next;

	for (; addr < end; addr = next) {
		pgd_t *pgd = pgd_offset_pgd(tlb->mm->pgd, addr);
		unsigned long span = addr & PGDIR_MASK, a, n;

		next = pgd_addr_end(addr, end);
		if (pgd_none(*pgd))
			continue;
		for (a = addr; a < next; a = n) {
			pud_t *pud = pud_offset(pgd, a);

			n = pud_addr_end(a, next);
			if (!pud_none(*pud))
				free_pmd_tables(tlb, pud, a, n, floor, ceiling);
			cond_resched();
		}
		if (!table_range_owned(span, span + PGDIR_SIZE, floor, ceiling))
			continue;
		unlink_table(tlb, &pgd->pgd, span);
	}
}

/*
 * After the pages of the chained areas went: the tables between the neighbours that stay. Upper tables
 * are shared by neighbours, so a table goes only when its whole span lies in that gap.
 */
void unmap_region(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
		  unsigned long end)
{
	struct vm_area_struct *prev = vma_prev(mm, start), *next = find_vma(mm, end), *v;
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, mm, false);
	for (v = vma; v; v = v->detached_next)
		unmap_page_range(&tlb, v, v->vm_start, v->vm_end);
	/* Who walks from a page to its entries must be gone before the tables are. */
	for (v = vma; v; v = v->detached_next) {
		unlink_anon_vmas(v);
		cond_resched();
	}
	free_pgd_range(&tlb, start, end, prev ? prev->vm_end : 0, next ? next->vm_start : 0);
	tlb_finish_mmu(&tlb);
}

/* The next area of mm; a fork that failed left the parent's areas behind its own. */
static struct vm_area_struct *own_next(struct mm_struct *mm, struct ma_state *mas)
{
	struct vm_area_struct *vma = mas_find(mas, ULONG_MAX);

	return vma && vma->vm_mm == mm ? vma : NULL;
}

void unmap_all(struct mm_struct *mm)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma = own_next(mm, &mas), *next;
	unsigned long start = vma ? vma->vm_start : 0;
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, mm, true);
	for (; vma; vma = next) {
		next = own_next(mm, &mas);
		unmap_page_range(&tlb, vma, vma->vm_start, vma->vm_end);
		unlink_anon_vmas(vma);
		unlink_file_vma(vma);
		cond_resched();
		/* Neighbours that may share a table lose it together. */
		if (next && next->vm_start - vma->vm_end <= PMD_SIZE)
			continue;
		/* All below is gone already, so only the next area's tables have to stay. */
		free_pgd_range(&tlb, start, vma->vm_end, 0, next ? next->vm_start : 0);
		start = next ? next->vm_start : 0;
	}
	tlb_finish_mmu(&tlb);
}

void zap_page_range_single(struct vm_area_struct *vma, unsigned long start, unsigned long size)
{
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, vma->vm_mm, false);
	unmap_page_range(&tlb, vma, start, start + size);
	tlb_finish_mmu(&tlb);
}

/* Does the entry lead to a page of a file, if only at the end of a migration? */
static bool is_file_entry(pte_t pte)
{
	if (pte_present(pte))
		return !pte_special(pte) && !PageAnon(pfn_to_page(pte_pfn(pte)));
	return pte_is_migration(pte) && !folio_test_anon(softleaf_to_folio(softleaf_from_pte(pte)));
}

/*
 * An area with private copies, which stay: only pages of the file go.
 * => i_mmap_rwsem held, so the tables stay too
 */
static void zap_file_pages(struct mmu_gather *tlb, struct vm_area_struct *vma, unsigned long addr,
			   unsigned long end)
{
	struct rss_delta rss = { { 0 } };
	unsigned long next;
	pmd_t *pmd;

	for (; (pmd = mm_next_pmd(vma->vm_mm, &addr, end, &next)) != NULL; addr += PAGE_SIZE) {
		spinlock_t *ptl = pte_lockptr(*pmd);
		pte_t *pte;

		spin_lock(ptl);
		pte = pte_offset_kernel(pmd, addr);
		if (is_file_entry(*pte))
			zap_pte_run(tlb, vma, pte, addr, addr + PAGE_SIZE, &rss);
		spin_unlock(ptl);
		if (tlb->full)
			tlb_flush_mmu(tlb);
		cond_resched();
	}
	add_mm_rss(vma->vm_mm, &rss);
}

/* Private copies (even_cows) go only when the file itself shrinks. */
static void unmap_mapping_vma(struct vm_area_struct *vma, pgoff_t first, pgoff_t last,
			      bool even_cows)
{
	pgoff_t vfirst = max(first, (pgoff_t)vma->vm_pgoff);
	pgoff_t vlast = min(last, (pgoff_t)(vma->vm_pgoff + vma_pages(vma) - 1));
	unsigned long start = vma->vm_start + ((vfirst - vma->vm_pgoff) << PAGE_SHIFT);
	unsigned long size = (vlast - vfirst + 1) << PAGE_SHIFT;
	struct mmu_gather tlb;

	/* Private pages may come at any moment, but not into a shared area. */
	if (even_cows || (vma->vm_flags & VM_SHARED)) {
		zap_page_range_single(vma, start, size);
		return;
	}
	tlb_gather_mmu(&tlb, vma->vm_mm, false);
	zap_file_pages(&tlb, vma, start, start + size);
	tlb_finish_mmu(&tlb);
}

void unmap_mapping_pages(struct address_space *mapping, pgoff_t first, pgoff_t nr, bool even_cows)
{
	pgoff_t last = nr ? first + nr - 1 : ULONG_MAX;
	struct vm_area_struct *vma;

	if (last < first)
		last = ULONG_MAX;
	down_read(&mapping->i_mmap_rwsem);
	for (vma = vma_interval_tree_iter_first(&mapping->i_mmap, first, last); vma;
	     vma = vma_interval_tree_iter_next(vma, first, last))
		unmap_mapping_vma(vma, first, last, even_cows);
	up_read(&mapping->i_mmap_rwsem);
}

int remap_pfn_range(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn,
		    unsigned long size, pgprot_t prot)
{
	unsigned long end = addr + PAGE_ALIGN(size);
	spinlock_t *ptl;
	pte_t *pte;

	if (addr < vma->vm_start || end > vma->vm_end || (addr & ~PAGE_MASK) || end < addr)
		return -EINVAL;
	/* What is private gets copies where it is written: the rest of it must be recognisable. */
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE) {
		if (addr != vma->vm_start || end != vma->vm_end)
			return -EINVAL;
		vma->vm_pgoff = pfn;
	}
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	for (; addr < end; addr += PAGE_SIZE, pfn++) {
		pte = get_locked_pte(vma->vm_mm, addr, &ptl);
		if (!pte)
			return -ENOMEM;
		set_pte(pte, pte_mkspecial(pfn_pte(pfn, prot)));
		spin_unlock(ptl);
	}
	return 0;
}

int vm_insert_page(struct vm_area_struct *vma, unsigned long addr, struct page *page)
{
	struct folio *folio = page_folio(page);
	spinlock_t *ptl;
	pte_t *pte;
	int err = -EBUSY;

	if (addr < vma->vm_start || addr >= vma->vm_end || (addr & ~PAGE_MASK) ||
	    !page_ref_count(page) || folio_test_anon(folio) || PageSlab(page))
		return -EINVAL;
	vm_flags_set(vma, VM_MIXEDMAP); /* fork copies these entries: no fault brings them back */
	pte = get_locked_pte(vma->vm_mm, addr, &ptl);
	if (!pte)
		return -ENOMEM;
	if (pte_none(*pte)) {
		folio_get(folio);
		folio_add_file_rmap_pte(folio, page);
		add_mm_counter(vma->vm_mm, mm_counter_of(folio), 1);
		set_user_pte(pte, pfn_pte(page_to_pfn(page), vma->vm_page_prot));
		err = 0;
	}
	spin_unlock(ptl);
	return err;
}

int remap_vmalloc_range_partial(struct vm_area_struct *vma, unsigned long uaddr, void *kaddr,
				unsigned long pgoff, unsigned long size)
{
	struct vm_struct *area = find_vm_area(kaddr);
	unsigned long first, room, nr;
	int err = 0;

	size = PAGE_ALIGN(size);
	if (!IS_ALIGNED(uaddr | (unsigned long)kaddr, PAGE_SIZE) || !area ||
	    !(area->flags & VM_USERMAP) || uaddr < vma->vm_start || uaddr > vma->vm_end ||
	    size > vma->vm_end - uaddr)
		return -EINVAL;
	first = ((unsigned long)kaddr - (unsigned long)area->addr) >> PAGE_SHIFT;
	nr = size >> PAGE_SHIFT;
	if (first >= area->nr_pages)
		return -EINVAL;
	room = area->nr_pages - first;
	if (pgoff > room || nr > room - pgoff)
		return -EINVAL;
	for (unsigned long i = 0; i < nr && !err; i++)
		err = vm_insert_page(vma, uaddr + (i << PAGE_SHIFT),
				     area->pages[first + pgoff + i]);
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return err;
}

int remap_vmalloc_range(struct vm_area_struct *vma, void *addr, unsigned long pgoff)
{
	return remap_vmalloc_range_partial(vma, vma->vm_start, addr, pgoff,
					   vma->vm_end - vma->vm_start);
}
