/*
 * Suite rmap: what is done at the places that reverse mapping finds, each operation held against the page tables of several
 * address spaces that nobody else touches.
 *
 * Random sequences are suite rmap_storm; programs at work meanwhile, tests/user/rmap.c.
 */
#include "mm/user/rmap.h"

#include "arch/x86/tlb.h"
#include "kernel/completion.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/phys/buddy.h"
#include "mm/user/lazyfree.h"
#include "mm/user/leafops.h"
#include "mm/user/migrate.h"
#include "mm/user/page_vma_mapped.h"
#include "mm/user/rmap_check.h"
#include "tests/kernel/user_mm.h"

#define PAGES	8
#define AT(i)	(UM_BASE + (unsigned long)(i)*PAGE_SIZE)
#define SPACES	3
#define SEQ	2 /* madvise(MADV_SEQUENTIAL) */
#define PINNED	GUP_PIN_COUNTING_BIAS
#define PATIENT 500 /* times 10 ms: as long as another thread may need on a slow machine */

/* A file that SPACES address spaces map; what a case does not need is NULL. */
struct family {
	struct file *file;
	struct mm_struct *mm[SPACES];
};

static void family_end(struct family *f)
{
	for (int i = 0; i < SPACES; i++)
		if (f->mm[i])
			mmput(f->mm[i]);
	if (f->file)
		fput(f->file);
}

/* All spaces map the file with flags, or anonymous pages with UM_ANON. */
static bool family_begin(struct ktest *t, struct family *f, unsigned long flags)
{
	bool ok = true;

	*f = (struct family){ .file = NULL };
	if (!(flags & MAP_ANONYMOUS)) {
		f->file = shmem_file_setup("rmap", PAGES * PAGE_SIZE);
		if (IS_ERR(f->file)) {
			f->file = NULL;
			ok = false;
		}
	}
	for (int i = 0; ok && i < SPACES; i++) {
		f->mm[i] = mm_alloc();
		ok = f->mm[i] &&
		     !um_mmap(f->mm[i], AT(0), PAGES * PAGE_SIZE, UM_RW, flags, f->file, 0);
	}
	if (!ok) {
		KTEST_FAIL(t, "no memory");
		family_end(f);
	}
	return ok;
}

/* A parent's page that its children still share: one anonymous page, SPACES entries. */
static bool family_forked(struct ktest *t, struct family *f)
{
	*f = (struct family){ .mm = { mm_alloc() } };
	if (f->mm[0] && !um_mmap(f->mm[0], AT(0), PAGES * PAGE_SIZE, UM_RW, UM_ANON, NULL, 0) &&
	    !um_write(f->mm[0], AT(1), 42)) {
		f->mm[1] = dup_mm(f->mm[0]);
		f->mm[2] = f->mm[1] ? dup_mm(f->mm[1]) : NULL;
		if (f->mm[2])
			return true;
	}
	KTEST_FAIL(t, "no memory");
	family_end(f);
	return false;
}

static void expect_consistent(struct ktest *t, const struct family *f)
{
	struct rmap_report r = {};

	for (int i = 0; i < SPACES; i++) {
		if (!f->mm[i])
			continue;
		mmap_read_lock(f->mm[i]);
		rmap_check_mm(f->mm[i], &r);
		mmap_read_unlock(f->mm[i]);
	}
	KTEST_EXPECT_EQ(t, r.unreachable, 0UL);
	KTEST_EXPECT_EQ(t, r.miscounted, 0UL);
	KTEST_EXPECT_EQ(t, r.shared, 0UL);
}

static void drop(struct folio *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

/* The folio at address of mm, referenced and locked. */
static struct folio *locked_folio(struct ktest *t, struct mm_struct *mm, unsigned long address)
{
	struct folio *folio = um_folio(mm, address);

	if (!folio)
		KTEST_FAIL(t, "nothing is mapped at %lx", address);
	else
		folio_lock(folio);
	return folio;
}

/* ---- page_vma_mapped_walk ---- */

static int walk_finds(struct mm_struct *mm, struct folio *folio, unsigned int flags)
{
	struct page_vma_mapped_walk pvmw;
	struct vm_area_struct *vma;
	unsigned long address;
	int n = 0;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, AT(1));
	address = vma_address(vma, folio->index, folio_nr_pages(folio));
	page_vma_mapped_init(&pvmw, folio, vma, address, flags);
	while (page_vma_mapped_walk(&pvmw))
		n++;
	mmap_read_unlock(mm);
	return n;
}

static void walk_finds_only_what_maps_the_page(struct ktest *t)
{
	struct family f;
	struct folio *folio;

	if (!family_begin(t, &f, MAP_PRIVATE))
		return;
	/* 0 reads the file's page, 1 has a copy of its own, 2 never touched it. */
	u8 value;

	KTEST_EXPECT_EQ(t, um_read(f.mm[0], AT(1), &value), 0);
	KTEST_EXPECT_EQ(t, um_write(f.mm[1], AT(1), 1), 0);
	folio = locked_folio(t, f.mm[0], AT(1));
	if (folio) {
		KTEST_EXPECT_EQ(t, walk_finds(f.mm[0], folio, 0), 1);
		KTEST_EXPECT_EQ(t, walk_finds(f.mm[1], folio, 0), 0);
		KTEST_EXPECT_EQ(t, walk_finds(f.mm[2], folio, 0), 0);
		KTEST_EXPECT_EQ(t, walk_finds(f.mm[0], folio, PVMW_MIGRATION), 0);
		drop(folio);
	}
	family_end(&f);
}

static void address_of_a_page_in_an_area(struct ktest *t)
{
	const struct vm_area_struct vma = { .vm_start = AT(0), .vm_end = AT(4), .vm_pgoff = 10 };

	KTEST_EXPECT_EQ(t, vma_address(&vma, 10, 1), AT(0));
	KTEST_EXPECT_EQ(t, vma_address(&vma, 13, 1), AT(3));
	KTEST_EXPECT_EQ(t, vma_address(&vma, 14, 1), (unsigned long)-EFAULT);
	KTEST_EXPECT_EQ(t, vma_address(&vma, 9, 1), (unsigned long)-EFAULT);
	/* A large folio that begins before the area. */
	KTEST_EXPECT_EQ(t, vma_address(&vma, 8, 4), AT(0));
	KTEST_EXPECT_EQ(t, vma_address(&vma, 8, 2), (unsigned long)-EFAULT);
}

/* Entries for the folio's pages [from, to) in vma, set by hand or taken away: the walk looks at nothing else. */
static void set_entries(struct ktest *t, struct vm_area_struct *vma, struct folio *folio, long from,
			long to, bool set)
{
	for (long i = from; i < to; i++) {
		unsigned long address =
			vma->vm_start +
			((unsigned long)(folio->index + i - vma->vm_pgoff) << PAGE_SHIFT);
		spinlock_t *ptl;
		pte_t *pte = get_locked_pte(vma->vm_mm, address, &ptl);

		if (!pte) {
			KTEST_FAIL(t, "no memory");
			return;
		}
		set_pte(pte, set ? pfn_pte(folio_pfn(folio) + i, vma->vm_page_prot) : __pte(0));
		spin_unlock(ptl);
	}
}

/*
 * A folio of four pages whose second half lies in the next table; then one that sticks out of the area on either side. One
 * entry is missing.
 */
static void walk_crosses_tables_and_stays_in_the_area(struct ktest *t)
{
	unsigned long start = UM_BASE + PMD_SIZE - 4 * PAGE_SIZE, address;
	struct mm_struct *mm = mm_alloc();
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	struct folio *folio = (struct folio *)page;
	struct page_vma_mapped_walk pvmw;
	struct vm_area_struct *vma;
	int n = 0;

	if (!mm || !page || um_mmap(mm, start, PAGES * PAGE_SIZE, PROT_READ, UM_ANON, NULL, 0)) {
		KTEST_FAIL(t, "no memory");
		goto out;
	}
	mmap_write_lock(mm);
	vma = vma_lookup(mm, start);
	folio->index = vma->vm_pgoff + 2;
	set_entries(t, vma, folio, 0, 4, true);
	set_entries(t, vma, folio, 1, 2, false);
	address = vma_address(vma, folio->index, 4);
	page_vma_mapped_init(&pvmw, folio, vma, address, 0);
	while (page_vma_mapped_walk(&pvmw)) {
		static const int expected[] = { 0, 2, 3 };

		KTEST_EXPECT_LT(t, n, 3);
		if (n < 3)
			KTEST_EXPECT_EQ(t, pvmw.address, address + expected[n] * PAGE_SIZE);
		n++;
	}
	KTEST_EXPECT_EQ(t, n, 3);
	set_entries(t, vma, folio, 0, 4, false);

	folio->index = vma->vm_pgoff - 1;
	set_entries(t, vma, folio, 1, 4, true);
	page_vma_mapped_init(&pvmw, folio, vma, vma_address(vma, folio->index, 4), 0);
	for (n = 0; page_vma_mapped_walk(&pvmw); n++)
		KTEST_EXPECT_EQ(t, pvmw.address, start + n * PAGE_SIZE);
	KTEST_EXPECT_EQ(t, n, 3);
	set_entries(t, vma, folio, 1, 4, false);

	folio->index = vma->vm_pgoff + PAGES - 1;
	set_entries(t, vma, folio, 0, 1, true);
	page_vma_mapped_init(&pvmw, folio, vma, vma_address(vma, folio->index, 4), 0);
	for (n = 0; page_vma_mapped_walk(&pvmw); n++)
		KTEST_EXPECT_EQ(t, pvmw.address, start + (PAGES - 1) * PAGE_SIZE);
	KTEST_EXPECT_EQ(t, n, 1);
	set_entries(t, vma, folio, 0, 1, false);
	mmap_write_unlock(mm);
out:
	if (page)
		__free_pages(page, 2);
	if (mm)
		mmput(mm);
}

/* ---- folio_referenced ---- */

static void referenced_counts_users_once(struct ktest *t)
{
	unsigned long vm_flags;
	struct folio *folio;
	struct family f;
	u8 value;

	if (!family_begin(t, &f, MAP_SHARED))
		return;
	for (int i = 0; i < SPACES; i++)
		KTEST_EXPECT_EQ(t, um_write(f.mm[i], AT(1), 7), 0);
	folio = locked_folio(t, f.mm[0], AT(1));
	if (folio) {
		KTEST_EXPECT_EQ(t, folio_referenced(folio, &vm_flags), SPACES);
		KTEST_EXPECT_TRUE(t, vm_flags & VM_SHARED);
		/* Asking forgets. */
		KTEST_EXPECT_EQ(t, folio_referenced(folio, &vm_flags), 0);
		KTEST_EXPECT_EQ(t, vm_flags, 0UL);
		for (int i = 0; i < SPACES; i++) {
			KTEST_EXPECT_FALSE(t, pte_young(um_pte(f.mm[i], AT(1))));
			/* Else the processor may go on with what its TLB knows. */
			flush_tlb_page(&f.mm[i]->context, AT(1));
		}
		folio_unlock(folio);
		KTEST_EXPECT_EQ(t, um_read(f.mm[1], AT(1), &value), 0);
		folio_lock(folio);
		KTEST_EXPECT_EQ(t, folio_referenced(folio, &vm_flags), 1);
		drop(folio);
	}
	expect_consistent(t, &f);
	family_end(&f);
}

static void referenced_passes_over_one_time_readers(struct ktest *t)
{
	unsigned long vm_flags;
	struct folio *folio;
	struct family f;

	if (!family_begin(t, &f, MAP_SHARED))
		return;
	for (int i = 0; i < SPACES; i++)
		KTEST_EXPECT_EQ(t, um_write(f.mm[i], AT(1), 7), 0);
	KTEST_EXPECT_EQ(t, um_madvise(f.mm[0], AT(0), PAGES * PAGE_SIZE, SEQ), 0L);
	folio = locked_folio(t, f.mm[0], AT(1));
	if (folio) {
		KTEST_EXPECT_EQ(t, folio_referenced(folio, &vm_flags), SPACES - 1);
		/* Its accessed bit is forgotten, too. */
		KTEST_EXPECT_FALSE(t, pte_young(um_pte(f.mm[0], AT(1))));
		drop(folio);
	}
	family_end(&f);
}

static void referenced_tells_of_locked_areas(struct ktest *t)
{
	unsigned long vm_flags;
	struct folio *folio;
	struct family f;

	if (!family_begin(t, &f, MAP_SHARED))
		return;
	KTEST_EXPECT_EQ(t, um_mlock(f.mm[1], AT(1), PAGE_SIZE), 0L);
	folio = locked_folio(t, f.mm[1], AT(1));
	if (folio) {
		folio_referenced(folio, &vm_flags);
		KTEST_EXPECT_TRUE(t, vm_flags & VM_LOCKED);
		drop(folio);
	}
	family_end(&f);
}

/* ---- folio_mkclean ---- */

static void mkclean_makes_the_next_write_fault(struct ktest *t)
{
	struct folio *folio;
	struct family f;

	if (!family_begin(t, &f, MAP_SHARED))
		return;
	/* 0 and 1 write, 2 only could. */
	u8 value;

	KTEST_EXPECT_EQ(t, um_write(f.mm[0], AT(1), 1), 0);
	KTEST_EXPECT_EQ(t, um_write(f.mm[1], AT(1), 2), 0);
	KTEST_EXPECT_EQ(t, um_read(f.mm[2], AT(1), &value), 0);
	KTEST_EXPECT_EQ(t, value, 2);
	folio = locked_folio(t, f.mm[0], AT(1));
	if (folio) {
		KTEST_EXPECT_EQ(t, folio_mkclean(folio), 2);
		KTEST_EXPECT_EQ(t, folio_mkclean(folio), 0);
		KTEST_EXPECT_EQ(t, folio_mapcount(folio), SPACES);
		folio_unlock(folio);
		for (int i = 0; i < SPACES; i++) {
			KTEST_EXPECT_FALSE(t, pte_dirty(um_pte(f.mm[i], AT(1))));
			KTEST_EXPECT_FALSE(t, pte_write(um_pte(f.mm[i], AT(1))));
		}
		KTEST_EXPECT_EQ(t, um_write(f.mm[1], AT(1), 3), 0);
		KTEST_EXPECT_TRUE(t, pte_dirty(um_pte(f.mm[1], AT(1))));
		KTEST_EXPECT_FALSE(t, pte_dirty(um_pte(f.mm[0], AT(1))));
		KTEST_EXPECT_EQ(t, um_read(f.mm[0], AT(1), &value), 0);
		KTEST_EXPECT_EQ(t, value, 3);
		folio_put(folio);
	}
	expect_consistent(t, &f);
	family_end(&f);
}

static void mkclean_leaves_private_areas_alone(struct ktest *t)
{
	struct folio *folio;
	struct family f;
	pte_t before;

	if (!family_begin(t, &f, MAP_PRIVATE))
		return;
	KTEST_EXPECT_EQ(t, um_write(f.mm[0], AT(1), 1), 0);
	before = um_pte(f.mm[0], AT(1));
	folio = locked_folio(t, f.mm[0], AT(1));
	if (folio) {
		KTEST_EXPECT_EQ(t, folio_mkclean(folio), 0);
		KTEST_EXPECT_TRUE(t, pte_same(before, um_pte(f.mm[0], AT(1))));
		drop(folio);
	}
	family_end(&f);
}

/* ---- try_to_unmap ---- */

static void unmap_leaves_nothing_and_keeps_contents(struct ktest *t)
{
	struct folio *folio;
	struct family f;
	u8 value;

	if (!family_begin(t, &f, MAP_SHARED))
		return;
	for (int i = 0; i < SPACES; i++)
		KTEST_EXPECT_EQ(t, um_write(f.mm[i], AT(1), 10 + i), 0);
	folio = locked_folio(t, f.mm[0], AT(1));
	if (folio) {
		int refs = folio_ref_count(folio);

		folio_clear_dirty(folio);
		KTEST_EXPECT_TRUE(t, try_to_unmap(folio, 0));
		KTEST_EXPECT_EQ(t, folio_mapcount(folio), 0);
		KTEST_EXPECT_EQ(t, folio_ref_count(folio), refs - SPACES);
		/* What was written must not be forgotten with the entries. */
		KTEST_EXPECT_TRUE(t, folio_test_dirty(folio));
		for (int i = 0; i < SPACES; i++) {
			KTEST_EXPECT_TRUE(t, pte_none(um_pte(f.mm[i], AT(1))));
			KTEST_EXPECT_EQ(t, get_mm_rss(f.mm[i]), 0UL);
		}
		drop(folio);
		for (int i = 0; i < SPACES; i++) {
			KTEST_EXPECT_EQ(t, um_read(f.mm[i], AT(1), &value), 0);
			KTEST_EXPECT_EQ(t, value, 10 + SPACES - 1);
		}
	}
	expect_consistent(t, &f);
	family_end(&f);
}

static void unmap_respects_locked_areas(struct ktest *t)
{
	struct folio *folio;
	struct family f;
	u8 value;

	if (!family_begin(t, &f, MAP_SHARED))
		return;
	KTEST_EXPECT_EQ(t, um_read(f.mm[0], AT(1), &value), 0);
	KTEST_EXPECT_EQ(t, um_mlock(f.mm[1], AT(1), PAGE_SIZE), 0L);
	folio = locked_folio(t, f.mm[1], AT(1));
	if (folio) {
		KTEST_EXPECT_FALSE(t, try_to_unmap(folio, 0));
		KTEST_EXPECT_FALSE(t, pte_none(um_pte(f.mm[1], AT(1))));
		KTEST_EXPECT_TRUE(t, try_to_unmap(folio, TTU_IGNORE_MLOCK));
		KTEST_EXPECT_TRUE(t, pte_none(um_pte(f.mm[1], AT(1))));
		drop(folio);
	}
	expect_consistent(t, &f);
	family_end(&f);
}

static void unmap_leaves_anonymous_pages(struct ktest *t)
{
	struct folio *folio;
	struct family f;
	u8 value = 0;

	if (!family_forked(t, &f))
		return;
	folio = locked_folio(t, f.mm[0], AT(1));
	if (folio) {
		KTEST_EXPECT_FALSE(t, try_to_unmap(folio, 0));
		KTEST_EXPECT_EQ(t, folio_mapcount(folio), SPACES);
		drop(folio);
	}
	for (int i = 0; i < SPACES; i++) {
		KTEST_EXPECT_EQ(t, um_read(f.mm[i], AT(1), &value), 0);
		KTEST_EXPECT_EQ(t, value, 42);
	}
	family_end(&f);
}

/* ---- lazily freed pages ---- */

static unsigned long reclaim_lazyfree(bool force)
{
	unsigned long freed = 0;

	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		if (node_data[nid])
			freed += shrink_lazyfree(NODE_DATA(nid), 1000, force);
	return freed;
}

/* Eight pages given up; three are written afterwards, one only read, one locked: reclaim takes the other three, and the read one later. */
static void lazyfree_takes_what_stayed_clean(struct ktest *t)
{
	unsigned long pages = global_node_page_state(NR_INACTIVE_FILE);
	struct mm_struct *mm = mm_alloc();
	struct family f = { .mm = { mm } };
	u8 value;

	KTEST_ASSERT_NOT_NULL(t, mm);
	/* What programs gave up before, or boot. */
	reclaim_lazyfree(true);
	pages = global_node_page_state(NR_INACTIVE_FILE);
	KTEST_EXPECT_EQ(t, um_mmap(mm, AT(0), PAGES * PAGE_SIZE, UM_RW, UM_ANON, NULL, 0), 0L);
	for (int i = 0; i < PAGES; i++)
		KTEST_EXPECT_EQ(t, um_write(mm, AT(i), 100 + i), 0);
	KTEST_EXPECT_EQ(t, um_madvise(mm, AT(0), PAGES * PAGE_SIZE, MADV_FREE), 0L);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages + PAGES);
	for (int i = 0; i < 3; i++)
		KTEST_EXPECT_EQ(t, um_write(mm, AT(i) + 8, 50), 0);
	KTEST_EXPECT_EQ(t, um_read(mm, AT(3), &value), 0);
	KTEST_EXPECT_EQ(t, value, 103);
	KTEST_EXPECT_EQ(t, um_mlock(mm, AT(4), PAGE_SIZE), 0L);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages + PAGES - 1);

	KTEST_EXPECT_EQ(t, reclaim_lazyfree(false), 3UL);
	KTEST_EXPECT_EQ(t, get_mm_rss(mm), 5UL);
	/* Used since, so they had one more round: now the one only read goes, and those written are ordinary pages. */
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages + 4);
	KTEST_EXPECT_EQ(t, reclaim_lazyfree(false), 1UL);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages);
	KTEST_EXPECT_EQ(t, reclaim_lazyfree(true), 0UL);
	for (int i = 0; i < PAGES; i++) {
		KTEST_EXPECT_EQ(t, um_read(mm, AT(i), &value), 0);
		KTEST_EXPECT_EQ(t, value, i < 3 || i == 4 ? 100 + i : 0);
	}
	expect_consistent(t, &f);
	family_end(&f);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages);
}

/* It ends, moves to another frame, or is written by a child: the list follows. */
static void lazyfree_list_follows_the_page(struct ktest *t)
{
	unsigned long pages;
	struct family f;
	struct folio *folio;
	u8 value;

	reclaim_lazyfree(true);
	pages = global_node_page_state(NR_INACTIVE_FILE);
	if (!family_forked(t, &f))
		return;
	/* Shared pages are passed over. */
	KTEST_EXPECT_EQ(t, um_madvise(f.mm[0], AT(0), PAGES * PAGE_SIZE, MADV_FREE), 0L);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages);
	KTEST_EXPECT_EQ(t, um_write(f.mm[1], AT(1), 43), 0);
	KTEST_EXPECT_EQ(t, um_madvise(f.mm[1], AT(0), PAGES * PAGE_SIZE, MADV_FREE), 0L);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages + 1);
	folio = um_folio(f.mm[1], AT(1));
	if (folio)
		KTEST_EXPECT_EQ(t, migrate_folio(folio, um_new_folio, NULL), 0);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages + 1);
	KTEST_EXPECT_EQ(t, reclaim_lazyfree(true), 1UL);
	KTEST_EXPECT_EQ(t, um_read(f.mm[1], AT(1), &value), 0);
	KTEST_EXPECT_EQ(t, value, 0);
	KTEST_EXPECT_EQ(t, um_write(f.mm[1], AT(2), 1), 0);
	KTEST_EXPECT_EQ(t, um_madvise(f.mm[1], AT(0), PAGES * PAGE_SIZE, MADV_FREE), 0L);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages + 1);
	expect_consistent(t, &f);
	family_end(&f);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_INACTIVE_FILE), pages);
}

/* ---- try_to_migrate, remove_migration_ptes ---- */

static enum softleaf_type leaf_type(struct mm_struct *mm)
{
	pte_t pte = um_pte(mm, AT(1));

	return pte_is_migration(pte) ? softleaf_type(softleaf_from_pte(pte)) : MAX_SWAPFILES - 1;
}

/* An exclusive page that was written, one that fork shared: each entry says what its process may do, and gets it back. */
static void migration_entries_remember_rights(struct ktest *t)
{
	struct mm_struct *mm = mm_alloc(), *child = NULL;
	struct anon_vma *anon_vma;
	struct folio *folio;
	struct family f = { .mm = { mm } };

	KTEST_ASSERT_NOT_NULL(t, mm);
	KTEST_EXPECT_EQ(t, um_mmap(mm, AT(0), PAGES * PAGE_SIZE, UM_RW, UM_ANON, NULL, 0), 0L);
	KTEST_EXPECT_EQ(t, um_write(mm, AT(1), 42), 0);
	folio = locked_folio(t, mm, AT(1));
	if (!folio)
		goto out;
	anon_vma = folio_get_anon_vma(folio);
	KTEST_EXPECT_TRUE(t, try_to_migrate(folio));
	KTEST_EXPECT_EQ(t, folio_mapcount(folio), 0);
	KTEST_EXPECT_EQ(t, folio_ref_count(folio), 1);
	KTEST_EXPECT_FALSE(t, PageAnonExclusive(&folio->page));
	KTEST_EXPECT_EQ(t, (int)leaf_type(mm), (int)SOFTLEAF_MIGRATION_WRITE);
	KTEST_EXPECT_EQ(t, get_mm_counter(mm, MM_ANONPAGES), 1UL);
	KTEST_EXPECT_EQ(t, walk_finds(mm, folio, 0), 0);
	KTEST_EXPECT_EQ(t, walk_finds(mm, folio, PVMW_MIGRATION), 1);
	/* fork meanwhile: both sides must copy before they write from now on. */
	child = f.mm[1] = dup_mm(mm);
	if (child) {
		KTEST_EXPECT_EQ(t, (int)leaf_type(mm), (int)SOFTLEAF_MIGRATION_READ);
		KTEST_EXPECT_EQ(t, (int)leaf_type(child), (int)SOFTLEAF_MIGRATION_READ);
		KTEST_EXPECT_EQ(t, get_mm_counter(child, MM_ANONPAGES), 1UL);
	}
	remove_migration_ptes(folio, folio);
	KTEST_EXPECT_EQ(t, folio_mapcount(folio), child ? 2 : 1);
	KTEST_EXPECT_FALSE(t, pte_write(um_pte(mm, AT(1))));
	KTEST_EXPECT_TRUE(t, pte_dirty(um_pte(mm, AT(1))));
	if (anon_vma)
		put_anon_vma(anon_vma);
	drop(folio);
	expect_consistent(t, &f);
	KTEST_EXPECT_EQ(t, um_write(mm, AT(1), 43), 0);
	if (child) {
		u8 value = 0;

		KTEST_EXPECT_EQ(t, um_read(child, AT(1), &value), 0);
		KTEST_EXPECT_EQ(t, value, 42);
	}
out:
	family_end(&f);
}

static void migration_undone_is_as_before(struct ktest *t)
{
	struct anon_vma *anon_vma;
	struct folio *folio;
	struct family f;
	pte_t before[SPACES];

	if (!family_begin(t, &f, UM_ANON))
		return;
	KTEST_EXPECT_EQ(t, um_write(f.mm[0], AT(1), 1), 0);
	folio = locked_folio(t, f.mm[0], AT(1));
	if (folio) {
		before[0] = um_pte(f.mm[0], AT(1));
		anon_vma = folio_get_anon_vma(folio);
		KTEST_EXPECT_TRUE(t, try_to_migrate(folio));
		remove_migration_ptes(folio, folio);
		KTEST_EXPECT_EQ(t, um_pte(f.mm[0], AT(1)).pte, before[0].pte);
		KTEST_EXPECT_TRUE(t, PageAnonExclusive(&folio->page));
		if (anon_vma)
			put_anon_vma(anon_vma);
		drop(folio);
	}
	expect_consistent(t, &f);
	family_end(&f);
}

static void pinned_pages_do_not_migrate(struct ktest *t)
{
	struct family f;
	struct folio *folio, *same;
	pte_t before;

	if (!family_begin(t, &f, UM_ANON))
		return;
	KTEST_EXPECT_EQ(t, um_write(f.mm[0], AT(1), 1), 0);
	folio = um_folio(f.mm[0], AT(1));
	if (folio) {
		before = um_pte(f.mm[0], AT(1));
		folio_ref_add(folio, PINNED);
		folio_get(folio);
		KTEST_EXPECT_EQ(t, migrate_folio(folio, um_new_folio, NULL), -EAGAIN);
		same = um_folio(f.mm[0], AT(1));
		KTEST_EXPECT_TRUE(t, same == folio);
		if (same)
			folio_put(same);
		KTEST_EXPECT_EQ(t, um_pte(f.mm[0], AT(1)).pte, before.pte);
		folio_ref_sub(folio, PINNED);
		/* The pin is gone: it goes. */
		KTEST_EXPECT_EQ(t, migrate_folio(folio, um_new_folio, NULL), 0);
		KTEST_EXPECT_NE(t, pte_pfn(um_pte(f.mm[0], AT(1))), pte_pfn(before));
	}
	expect_consistent(t, &f);
	family_end(&f);
}

static void migrated_page_serves_all(struct ktest *t)
{
	struct folio *folio;
	struct family f;
	u8 value = 0;

	if (!family_forked(t, &f))
		return;
	folio = um_folio(f.mm[2], AT(1));
	if (folio) {
		KTEST_EXPECT_EQ(t, migrate_folio(folio, um_new_folio, NULL), 0);
		for (int i = 0; i < SPACES; i++) {
			KTEST_EXPECT_EQ(t, pte_pfn(um_pte(f.mm[i], AT(1))),
					pte_pfn(um_pte(f.mm[0], AT(1))));
			KTEST_EXPECT_EQ(t, um_read(f.mm[i], AT(1), &value), 0);
			KTEST_EXPECT_EQ(t, value, 42);
		}
	}
	expect_consistent(t, &f);
	family_end(&f);
}

/* ---- who touches a page that moves ---- */

struct toucher {
	struct mm_struct *mm;
	struct completion done;
	int err;
	u8 value;
};

static int touch(void *arg)
{
	struct toucher *who = arg;

	who->err = um_read(who->mm, AT(1), &who->value);
	complete(&who->done);
	return 0;
}

static void faults_wait_for_the_migration(struct ktest *t)
{
	struct toucher who = { .value = 0 };
	struct task_struct *task = NULL;
	struct anon_vma *anon_vma;
	struct folio *folio;
	struct family f;
	int i;

	if (!family_forked(t, &f))
		return;
	folio = locked_folio(t, f.mm[0], AT(1));
	if (!folio)
		goto out;
	who.mm = f.mm[1];
	init_completion(&who.done);
	anon_vma = folio_get_anon_vma(folio);
	KTEST_EXPECT_TRUE(t, try_to_migrate(folio));
	task = kthread_create(touch, &who, "rmap_touch");
	if (IS_ERR(task)) {
		task = NULL;
		KTEST_FAIL(t, "no thread");
	} else {
		get_task_struct(task);
		wake_up_process(task);
		for (i = 0; i < PATIENT && !(READ_ONCE(task->__state) & TASK_UNINTERRUPTIBLE); i++)
			msleep(10);
		KTEST_EXPECT_LT(t, i, PATIENT);
		KTEST_EXPECT_FALSE(t, completion_done(&who.done));
		/* It waits without a reference, else the page could not move. */
		KTEST_EXPECT_EQ(t, folio_ref_count(folio), 1);
	}
	remove_migration_ptes(folio, folio);
	if (anon_vma)
		put_anon_vma(anon_vma);
	drop(folio);
	if (task) {
		wait_for_completion(&who.done);
		KTEST_EXPECT_EQ(t, who.err, 0);
		KTEST_EXPECT_EQ(t, who.value, 42);
		put_task_struct(task);
	}
	expect_consistent(t, &f);
out:
	family_end(&f);
}

static const struct ktest_case rmap_cases[] = {
	KTEST_CASE(walk_finds_only_what_maps_the_page),
	KTEST_CASE(address_of_a_page_in_an_area),
	KTEST_CASE(walk_crosses_tables_and_stays_in_the_area),
	KTEST_CASE(referenced_counts_users_once),
	KTEST_CASE(referenced_passes_over_one_time_readers),
	KTEST_CASE(referenced_tells_of_locked_areas),
	KTEST_CASE(mkclean_makes_the_next_write_fault),
	KTEST_CASE(mkclean_leaves_private_areas_alone),
	KTEST_CASE(unmap_leaves_nothing_and_keeps_contents),
	KTEST_CASE(unmap_respects_locked_areas),
	KTEST_CASE(unmap_leaves_anonymous_pages),
	KTEST_CASE(lazyfree_takes_what_stayed_clean),
	KTEST_CASE(lazyfree_list_follows_the_page),
	KTEST_CASE(migration_entries_remember_rights),
	KTEST_CASE(migration_undone_is_as_before),
	KTEST_CASE(pinned_pages_do_not_migrate),
	KTEST_CASE(migrated_page_serves_all),
	KTEST_CASE(faults_wait_for_the_migration),
	{},
};
KTEST_SUITE(rmap, rmap_cases);
