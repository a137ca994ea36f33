/*
 * Suite rmap_storm: random work on a family of address spaces; after each step all page tables are scanned and held against
 * reverse mapping, the counts of every page, the counters of every space, and a model of all contents.
 *
 * 1. The model knows for each page of each space what is mapped there, and the byte that the program must read.
 * 2. Nobody else touches these spaces or the file, so every number is exact: a page's mapcount is the number of entries found,
 *    its references are those and the page cache's.
 * 3. The scan reads tables, not memory, so looking changes nothing.
 *
 * Locks: none; the family belongs to the thread of the suite. Programs at work meanwhile: tests/user/rmap.c.
 */
#include "kernel/fs/tmpfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/xarray.h"
#include "mm/phys/buddy.h"
#include "mm/user/lazyfree.h"
#include "mm/user/migrate.h"
#include "mm/user/rmap.h"
#include "mm/user/rmap_check.h"
#include "tests/kernel/user_mm.h"

#define SPACES	5
#define PAGES	40 /* of a space's window */
#define LONGEST 8  /* pages one step works on */
#define STEPS	600
/* The window lies over the border of two tables. */
#define AT(i) (UM_BASE + PMD_SIZE - (PAGES / 2) * PAGE_SIZE + (unsigned long)(i)*PAGE_SIZE)

enum kind { NOTHING, ANON, PRIVATE, SHARED };

struct model_page {
	u8 kind;
	bool writable;
	bool own; /* a private page was written: own_value counts */
	u8 own_value;
	u8 pgoff;    /* of the file */
	bool locked; /* mlock */
	bool lazy;   /* MADV_FREE, and not written since: reclaim may take it */
};

struct space {
	struct mm_struct *mm; /* NULL: does not exist */
	struct model_page page[PAGES];
};

static struct storm {
	struct ktest *t;
	struct file *file;
	u8 in_file[PAGES];
	struct space space[SPACES];
	unsigned long mlocked; /* pages that others keep locked: NR_MLOCK before the first step */
	int step, last;	       /* and which work it was: for messages */
} storm;

static unsigned int below(unsigned int n)
{
	return ktest_random_below(storm.t, n);
}

static u8 expected(const struct model_page *p)
{
	if (p->own)
		return p->own_value;
	return p->kind == ANON ? 0 : storm.in_file[p->pgoff];
}

/* ---- the scan ---- */

struct scan {
	struct xarray entries; /* by frame: how many entries map it */
	struct xarray locked;  /* and how many of them lie in locked areas */
	unsigned long rss[NR_MM_COUNTERS];
	const char *wrong;
	unsigned long where;
};

static void complain(struct scan *s, const char *what, unsigned long address)
{
	if (!s->wrong) {
		s->wrong = what;
		s->where = address;
	}
}

static unsigned long count_at(struct xarray *counts, unsigned long pfn)
{
	return xa_to_value(xa_load(counts, pfn) ?: xa_mk_value(0));
}

static void count_one_more(struct scan *s, struct xarray *counts, unsigned long pfn)
{
	unsigned long n = count_at(counts, pfn);

	if (xa_is_err(xa_store(counts, pfn, xa_mk_value(n + 1), GFP_KERNEL)))
		complain(s, "no memory for the scan", pfn);
}

static void scan_entry(struct scan *s, const struct space *space, unsigned long address, pte_t pte)
{
	const struct model_page *p = &space->page[(address - AT(0)) >> PAGE_SHIFT];
	unsigned long pfn = pte_pfn(pte);
	struct page *page = pfn_to_page(pfn);

	if (address < AT(0) || address >= AT(PAGES) || p->kind == NOTHING)
		return complain(s, "an entry where nothing is mapped", address);
	if (!pte_present(pte))
		return complain(s, "an entry that is not present", address);
	if (pte_write(pte) && !p->writable)
		return complain(s, "a writable entry of a read-only area", address);
	if (*(u8 *)page_address(page) != expected(p))
		return complain(s, "contents", address);
	if (pte_special(pte)) {
		if (pfn != zero_pfn || p->kind != ANON || p->own)
			complain(s, "a special entry", address);
		return;
	}
	if (folio_test_anon(page_folio(page)) != p->own)
		return complain(s, "an anonymous page or none", address);
	s->rss[mm_counter_of(page_folio(page))]++;
	count_one_more(s, &s->entries, pfn);
	if (p->locked)
		count_one_more(s, &s->locked, pfn);
}

static void scan_space(struct scan *s, const struct space *space)
{
	unsigned long address = 0, next;
	bool seen[PAGES] = { false };
	pmd_t *pmd;

	memset(s->rss, 0, sizeof(s->rss));
	for (; (pmd = mm_next_pmd(space->mm, &address, TASK_SIZE, &next)) != NULL; address = next) {
		const pte_t *pte = pte_offset_kernel(pmd, address);

		for (unsigned long a = address; a < next; a += PAGE_SIZE, pte++) {
			if (pte_none(*pte))
				continue;
			scan_entry(s, space, a, *pte);
			if (a >= AT(0) && a < AT(PAGES))
				seen[(a - AT(0)) >> PAGE_SHIFT] = true;
		}
	}
	for (int i = 0; i < PAGES; i++)
		if (space->page[i].own && !seen[i])
			complain(s, "a page of its own is gone", AT(i));
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		if (s->rss[i] != get_mm_counter(space->mm, i))
			complain(s, "rss_stat", i);
}

/* Mapcount, references and locks of each page that some entry maps. */
static void scan_counts(struct scan *s)
{
	unsigned long pfn, mlocked = 0;
	void *entry;

	xa_for_each(&s->entries, pfn, entry) {
		struct folio *folio = page_folio(pfn_to_page(pfn));
		int entries = (int)xa_to_value(entry), cache = !folio_test_anon(folio);

		if (folio_mapcount(folio) != entries)
			complain(s, "mapcount", folio_mapcount(folio));
		if (folio_ref_count(folio) != entries + cache)
			complain(s, "references", folio_ref_count(folio));
		if (!cache && PageAnonExclusive(&folio->page) && entries != 1)
			complain(s, "an exclusive page with many entries", entries);
		if (folio_test_mlocked(folio) != !!count_at(&s->locked, pfn) ||
		    (folio_test_mlocked(folio) && folio->mlock_count != count_at(&s->locked, pfn)))
			complain(s, "mlock_count", count_at(&s->locked, pfn));
		if (cache && folio_test_lru(folio))
			complain(s, "a file's page on the list of lazily freed ones", pfn);
		mlocked += folio_test_mlocked(folio);
	}
	if (global_zone_page_state(NR_MLOCK) != storm.mlocked + mlocked)
		complain(s, "NR_MLOCK", global_zone_page_state(NR_MLOCK));
}

static bool all_is_right(void)
{
	struct rmap_report r = {};
	struct scan s = { .wrong = NULL };
	unsigned long entries = 0, pfn;
	void *entry;

	xa_init(&s.entries);
	xa_init(&s.locked);
	for (int i = 0; i < SPACES; i++) {
		struct mm_struct *mm = storm.space[i].mm;

		if (!mm)
			continue;
		mmap_read_lock(mm);
		scan_space(&s, &storm.space[i]);
		rmap_check_mm(mm, &r);
		mmap_read_unlock(mm);
	}
	scan_counts(&s);
	xa_for_each(&s.entries, pfn, entry)
		entries += xa_to_value(entry);
	xa_destroy(&s.entries);
	xa_destroy(&s.locked);
	if (r.unreachable || r.miscounted || r.shared)
		complain(&s, "the rmap checker", r.unreachable + r.miscounted + r.shared);
	if (r.entries != entries)
		complain(&s, "entries that only one of both scans found", r.entries);
	if (s.wrong)
		KTEST_FAIL(storm.t, "step %d, work %d: %s (0x%lx)", storm.step, storm.last, s.wrong,
			   s.where);
	return !s.wrong;
}

/* ---- the work ---- */

struct piece {
	struct space *space;
	unsigned int first, n;
};

#define for_each_page_of(p, piece)                                         \
	for (struct model_page *p = (piece)->space->page + (piece)->first; \
	     p < (piece)->space->page + (piece)->first + (piece)->n; p++)

static unsigned long start_of(const struct piece *w)
{
	return AT(w->first);
}

static unsigned long len_of(const struct piece *w)
{
	return w->n * PAGE_SIZE;
}

static bool all_mapped(const struct piece *w)
{
	for_each_page_of(p, w)
		if (p->kind == NOTHING)
			return false;
	return true;
}

static bool any_locked(const struct piece *w)
{
	for_each_page_of(p, w)
		if (p->locked)
			return true;
	return false;
}

static long map_piece(const struct piece *w)
{
	enum kind kind = ANON + below(3);
	unsigned int pgoff = below(PAGES - w->n + 1), at = pgoff;
	unsigned long flags = kind == ANON ? UM_ANON : kind == PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	bool writable = below(8) != 0;

	for_each_page_of(p, w)
		*p = (struct model_page){ .kind = kind, .writable = writable, .pgoff = at++ };
	return um_mmap(w->space->mm, start_of(w), len_of(w), writable ? UM_RW : PROT_READ, flags,
		       kind == ANON ? NULL : storm.file, pgoff);
}

static long unmap_piece(const struct piece *w)
{
	for_each_page_of(p, w)
		*p = (struct model_page){ .kind = NOTHING };
	return um_munmap(w->space->mm, start_of(w), len_of(w));
}

static long move_piece(const struct piece *w)
{
	struct model_page moved[LONGEST];
	unsigned int to = below(PAGES - w->n + 1);
	bool apart = to + w->n <= w->first || w->first + w->n <= to;

	if (!apart || !all_mapped(w))
		return 0;
	memcpy(moved, w->space->page + w->first, w->n * sizeof(moved[0]));
	for_each_page_of(p, w)
		*p = (struct model_page){ .kind = NOTHING };
	memcpy(w->space->page + to, moved, w->n * sizeof(moved[0]));
	return um_move(w->space->mm, start_of(w), len_of(w), AT(to)) == (long)AT(to) ? 0 : -EFAULT;
}

static long protect_piece(const struct piece *w)
{
	bool writable = below(2);

	/* A locked area that becomes writable may get its copies at once, or later. */
	if (!all_mapped(w) || any_locked(w))
		return 0;
	for_each_page_of(p, w)
		p->writable = writable;
	return um_mprotect(w->space->mm, start_of(w), len_of(w), writable ? UM_RW : PROT_READ);
}

static long write_piece(const struct piece *w)
{
	unsigned long address = start_of(w);

	for_each_page_of(p, w) {
		u8 value = 1 + below(255);
		int err = um_write(w->space->mm, address, value);

		address += PAGE_SIZE;
		if (err != (p->kind && p->writable ? 0 : -EFAULT))
			return err ? err : -EINVAL;
		if (err)
			continue;
		if (p->kind == SHARED) {
			storm.in_file[p->pgoff] = value;
		} else {
			p->own = true;
			p->own_value = value;
			p->lazy = false;
		}
	}
	return 0;
}

static long read_piece(const struct piece *w)
{
	unsigned long address = start_of(w);

	for_each_page_of(p, w) {
		u8 value;
		int err = um_read(w->space->mm, address, &value);

		address += PAGE_SIZE;
		if (err != (p->kind ? 0 : -EFAULT) || (!err && value != expected(p)))
			return err ? err : -EINVAL;
	}
	return 0;
}

static long forget_piece(const struct piece *w)
{
	if (!all_mapped(w) || any_locked(w))
		return 0;
	for_each_page_of(p, w)
		p->own = p->lazy = false;
	return um_madvise(w->space->mm, start_of(w), len_of(w), MADV_DONTNEED);
}

/* Locked pages come in at once, and private writable ones as copies. */
static long lock_piece(const struct piece *w)
{
	if (!all_mapped(w))
		return 0;
	for_each_page_of(p, w) {
		if (p->kind != SHARED && p->writable && !p->own) {
			p->own_value = expected(p);
			p->own = true;
		}
		p->locked = true;
		/* Bringing it in may write to it. */
		p->lazy = p->lazy && !p->writable;
	}
	return um_mlock(w->space->mm, start_of(w), len_of(w));
}

static long unlock_piece(const struct piece *w)
{
	if (!all_mapped(w))
		return 0;
	for_each_page_of(p, w)
		p->locked = false;
	return um_munlock(w->space->mm, start_of(w), len_of(w));
}

/* Allowed to go; whether it does, reclaim decides. */
static long free_piece(const struct piece *w)
{
	for_each_page_of(p, w)
		if (p->kind != ANON || p->locked)
			return 0;
	for_each_page_of(p, w)
		p->lazy = p->own;
	return um_madvise(w->space->mm, start_of(w), len_of(w), MADV_FREE);
}

/* Memory is short. What went is what was allowed to; the scan finds any other. */
static long reclaim_some(const struct piece *w)
{
	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		if (node_data[nid])
			shrink_lazyfree(NODE_DATA(nid), w->n, below(2));
	for (int i = 0; i < SPACES; i++)
		for (int j = 0; storm.space[i].mm && j < PAGES; j++) {
			struct model_page *p = &storm.space[i].page[j];

			if (p->lazy && pte_none(um_pte(storm.space[i].mm, AT(j))))
				p->own = p->lazy = false;
		}
	return 0;
}

/* A hole in the file: shared areas see it, and private ones where they have no page of their own. */
static long punch_file(const struct piece *w)
{
	loff_t first = w->first;

	memset(storm.in_file + w->first, 0, w->n);
	return storm.file->f_op->fallocate(storm.file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
					   first << PAGE_SHIFT, (loff_t)len_of(w));
}

static long fork_space(const struct piece *w)
{
	for (int i = 0; i < SPACES; i++) {
		if (storm.space[i].mm)
			continue;
		storm.space[i] = *w->space;
		for (int j = 0; j < PAGES; j++)
			storm.space[i].page[j].locked = false;
		storm.space[i].mm = dup_mm(w->space->mm);
		return storm.space[i].mm ? 0 : -ENOMEM;
	}
	return 0;
}

static void end_space(struct space *space)
{
	mmput(space->mm);
	memset(space, 0, sizeof(*space));
}

/* Not the last one. */
static long exit_space(const struct piece *w)
{
	for (int i = 0; i < SPACES; i++)
		if (storm.space[i].mm && storm.space + i != w->space) {
			end_space(w->space);
			break;
		}
	return 0;
}

/* To another frame; nobody else has a reference, so it must succeed. */
static long migrate_piece(const struct piece *w)
{
	for (unsigned int i = 0; i < w->n; i++) {
		struct folio *folio = um_folio(w->space->mm, AT(w->first + i));
		int err = folio ? migrate_folio(folio, um_new_folio, NULL) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* What reclaim and writeback do: no program notices. */
static long walk_piece(const struct piece *w)
{
	unsigned int what = below(3);
	long err = 0;

	for (unsigned int i = 0; i < w->n; i++) {
		struct folio *folio = um_folio(w->space->mm, AT(w->first + i));
		unsigned long vm_flags;

		if (!folio)
			continue;
		folio_lock(folio);
		if (what == 0)
			folio_referenced(folio, &vm_flags);
		else if (what == 1)
			folio_mkclean(folio);
		else if (!folio_test_anon(folio) &&
			 try_to_unmap(folio, 0) == folio_test_mlocked(folio))
			err = -EBUSY;
		folio_unlock(folio);
		folio_put(folio);
	}
	return err;
}

static long (*const works[])(const struct piece *) = {
	map_piece,   map_piece,	   unmap_piece, move_piece,    move_piece,    protect_piece,
	write_piece, write_piece,  write_piece, read_piece,    read_piece,    forget_piece,
	lock_piece,  unlock_piece, free_piece,	free_piece,    reclaim_some,  punch_file,
	fork_space,  exit_space,   walk_piece,	migrate_piece, migrate_piece,
};

static long one_step(void)
{
	struct piece w;

	do
		w.space = storm.space + below(SPACES);
	while (!w.space->mm);
	w.n = 1 + below(LONGEST);
	w.first = below(PAGES - w.n + 1);
	storm.last = below(ARRAY_SIZE(works));
	return works[storm.last](&w);
}

static void random_steps(int steps)
{
	for (; storm.step < steps; storm.step++) {
		long err = one_step();

		if (err)
			KTEST_FAIL(storm.t, "step %d, work %d: %ld", storm.step, storm.last, err);
		if (!all_is_right() || err)
			return;
	}
}

static void every_page_is_counted_and_found(struct ktest *t)
{
	memset(&storm, 0, sizeof(storm));
	storm.t = t;
	storm.mlocked = global_zone_page_state(NR_MLOCK);
	storm.file = shmem_file_setup("rmap_storm", PAGES * PAGE_SIZE);
	KTEST_ASSERT_FALSE(t, IS_ERR(storm.file));
	storm.space[0].mm = mm_alloc();
	if (!storm.space[0].mm)
		KTEST_FAIL(t, "no memory");
	else
		random_steps(STEPS);
	for (int i = 0; i < SPACES; i++)
		if (storm.space[i].mm)
			end_space(&storm.space[i]);
	fput(storm.file);
}

static const struct ktest_case rmap_storm_cases[] = {
	KTEST_CASE(every_page_is_counted_and_found),
	{},
};
KTEST_SUITE(rmap_storm, rmap_storm_cases);
