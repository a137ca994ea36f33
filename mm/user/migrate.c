/*
 * Migration of one folio, while processes keep using it.
 *
 * 1. The folio is locked, so that its place in the page cache and its mapping stay. Then all its entries are replaced by
 *    migration entries (rmap.c): from now on who touches it faults and waits for the folio lock.
 * 2. Now nobody but the page cache and us may have a reference: one more is a reader, a pin, or a CPU between look-up and
 *    use, and it cannot be asked to look elsewhere. So the count is compared with what is expected; for a page of a file
 *    it is frozen at zero in the same step, and look-ups wait for the moment that the change takes.
 * 3. The contents are copied, flags and index too, the cache's slot is set to the new folio, and the migration entries become
 *    entries of the new folio, with the rights they had. The old folio is free with the last reference, ours.
 * 4. If the count was wrong, the entries come back as they were. Some users are quick, so it is tried a few times.
 * 5. Who may not move: pages of no process and no file (kernel), of a file system that keeps data with the page, pinned
 *    ones. Pages of drivers that know how to move them (movable.h) are moved by their driver.
 *
 * Waiters hold no reference, else two who wait would keep the page from moving: they queue up at the folio under the table's
 * lock, while the entry proves that it is locked, and do not look at it again.
 *
 * Locks: folio lock (old, then new, which nobody else knows), those of rmap.c, i_pages_lock. Mirrors Linux mm/migrate.c.
 * Exercised by tests/user/mempolicy_nodes.c, migrate.c and tests/boot/test_mempolicy.py.
 */
#include "mm/user/migrate.h"

#include "arch/x86/page_ops.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/buddy.h"
#include "mm/user/lazyfree.h"
#include "mm/user/movable.h"
#include "mm/user/leafops.h"
#include "mm/user/rmap.h"
#include "mm/user/memory.h"

#define MIGRATE_TRIES 10
#define MIGRATE_BATCH 32

/* What the new folio inherits beside contents and place. */
#define MIGRATE_FLAGS                                                                 \
	(BIT(PG_referenced) | BIT(PG_uptodate) | BIT(PG_dirty) | BIT(PG_workingset) | \
	 BIT(PG_swapbacked))

static void copy_folio(struct folio *dst, struct folio *src)
{
	for (unsigned long i = 0; i < folio_nr_pages(src); i++)
		copy_page(page_address(folio_page(dst, i)), page_address(folio_page(src, i)));
	__atomic_fetch_or(&dst->flags, READ_ONCE(src->flags) & MIGRATE_FLAGS, __ATOMIC_RELAXED);
	dst->index = src->index;
}

/* Cached pages are counted by node. */
static void move_cache_stats(struct folio *dst, struct folio *src)
{
	if (folio_pgdat(dst) == folio_pgdat(src))
		return;
	node_stat_sub_folio(src, NR_FILE_PAGES);
	node_stat_add_folio(dst, NR_FILE_PAGES);
	if (folio_test_swapbacked(src)) {
		node_stat_sub_folio(src, NR_SHMEM);
		node_stat_add_folio(dst, NR_SHMEM);
	} else if (folio_test_dirty(src)) {
		node_stat_sub_folio(src, NR_FILE_DIRTY);
		node_stat_add_folio(dst, NR_FILE_DIRTY);
	}
}

/* Contents and place of src, which no entry maps any more, become dst's; -EAGAIN: it has other users. => both locked */
static int folio_migrate_mapping(struct folio *dst, struct folio *src)
{
	struct address_space *mapping = folio_mapping(src);
	unsigned long i, nr = folio_nr_pages(src), flags;

	if (!mapping) {
		/* An anonymous page without entries: who has no reference cannot get one. */
		if (folio_ref_count(src) != 1)
			return -EAGAIN;
		copy_folio(dst, src);
		dst->mapping = src->mapping;
		folio_migrate_lazyfree(dst, src);
		return 0;
	}
	spin_lock_irqsave(&mapping->i_pages_lock, flags);
	if (!folio_ref_freeze(src, 1 + (int)nr)) {
		spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
		return -EAGAIN;
	}
	copy_folio(dst, src);
	dst->mapping = mapping;
	dst->private = src->private;
	folio_ref_add(dst, (int)nr);
	for (i = 0; i < nr; i++)
		xa_store(&mapping->i_pages, src->index + i, dst, GFP_NOWAIT);
	src->mapping = NULL;
	folio_ref_unfreeze(src, 1);
	spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
	move_cache_stats(dst, src);
	return 0;
}

static bool folio_can_move(struct folio *folio)
{
	struct address_space *mapping = folio_mapping(folio);

	if (folio_test_writeback(folio) || folio_test_private(folio))
		return false;
	if (folio_test_anon(folio))
		return folio_mapped(folio);
	/* What the kernel cannot read it cannot copy. */
	return mapping && mapping->host && !test_bit(AS_SECRETMEM, &mapping->flags);
}

/* => src and dst locked */
static int __migrate_folio(struct folio *dst, struct folio *src)
{
	struct anon_vma *anon_vma = folio_test_anon(src) ? folio_get_anon_vma(src) : NULL;
	int err = -EAGAIN;

	if (folio_test_anon(src) && !anon_vma)
		return -EAGAIN;
	if (try_to_migrate(src))
		err = folio_migrate_mapping(dst, src);
	remove_migration_ptes(src, err ? src : dst);
	if (anon_vma)
		put_anon_vma(anon_vma);
	return err;
}

int migrate_folio(struct folio *src, new_folio_t get_new, void *arg)
{
	struct folio *dst = get_new(src, arg);
	int err = dst ? -EAGAIN : -ENOMEM;

	for (int tries = 0; err == -EAGAIN && tries < MIGRATE_TRIES; tries++) {
		if (tries)
			cond_resched();
		/* Freed by everybody else: there is nothing to be moved. */
		if (folio_ref_count(src) == 1) {
			err = 0;
			break;
		}
		folio_lock(src);
		__folio_set_locked(dst);
		if (__PageMovable(&src->page))
			err = migrate_movable_page(&dst->page, &src->page);
		else
			err = folio_can_move(src) ? __migrate_folio(dst, src) : -EBUSY;
		folio_unlock(dst);
		folio_unlock(src);
	}
	count_vm_event(err ? PGMIGRATE_FAIL : PGMIGRATE_SUCCESS);
	if (dst)
		folio_put(dst);
	if (__PageMovable(&src->page) && PageIsolated(&src->page))
		putback_movable_page(&src->page);
	else
		folio_put(src);
	return err;
}

void migration_entry_wait(pmd_t *pmd, unsigned long address)
{
	spinlock_t *ptl = pte_lockptr(*pmd);
	pte_t pte;

	spin_lock(ptl);
	pte = ptep_get(pte_offset_kernel(pmd, address));
	if (pte_is_migration(pte))
		folio_wait_locked_unlock(softleaf_to_folio(softleaf_from_pte(pte)), ptl);
	else
		spin_unlock(ptl);
}

/* ---- ranges ---- */

struct to_node {
	int nid;
};

static struct folio *alloc_on_node(struct folio *src, void *arg)
{
	struct to_node *to = arg;
	struct page *page =
		alloc_pages_node(to->nid, GFP_HIGHUSER_MOVABLE | __GFP_THISNODE, folio_order(src));

	return (struct folio *)page;
}

/* The page that pte maps, with a reference, if it is one that can be asked to move; NULL. */
static struct folio *isolate(pte_t pte)
{
	struct page *page;

	if (!pte_present(pte) || pte_special(pte))
		return NULL;
	page = pfn_to_page(pte_pfn(pte));
	if (PageReserved(page))
		return NULL;
	folio_get(page_folio(page));
	return page_folio(page);
}

struct migrate_batch {
	unsigned int nr;
	struct folio *folio[MIGRATE_BATCH];
	int nid[MIGRATE_BATCH];
};

/* Gathers what has to move from [*addr, end), one table's span, until the batch is full; the number of those that may not. */
static long gather(struct migrate_batch *b, pmd_t *pmd, unsigned long *addr, unsigned long end,
		   const struct migrate_target *to)
{
	spinlock_t *ptl = pte_lockptr(*pmd);
	pte_t *pte = pte_offset_kernel(pmd, *addr);
	long refused = 0;

	spin_lock(ptl);
	for (; *addr < end && b->nr < MIGRATE_BATCH; *addr += PAGE_SIZE, pte++) {
		struct folio *folio = isolate(*pte);
		int nid = folio ? to->node_of(&folio->page, to->arg) : NUMA_NO_NODE;

		if (nid == NUMA_NO_NODE || nid == folio_nid(folio)) {
			if (folio)
				folio_put(folio);
			continue;
		}
		if (!to->all && folio_mapcount(folio) > 1) {
			folio_put(folio);
			refused++;
			continue;
		}
		b->nid[b->nr] = nid;
		b->folio[b->nr++] = folio;
	}
	spin_unlock(ptl);
	return refused;
}

/* Moves the batch; the number that stayed, or -ENOMEM: then what follows is only let go. */
static long move_batch(struct migrate_batch *b)
{
	long left = 0;
	unsigned int i;

	for (i = 0; i < b->nr; i++) {
		struct to_node to = { .nid = b->nid[i] };
		int err = -ENOMEM;

		if (left != -ENOMEM)
			err = migrate_folio(b->folio[i], alloc_on_node, &to);
		else
			folio_put(b->folio[i]);
		if (err == -ENOMEM)
			left = -ENOMEM;
		else if (err)
			left++;
		cond_resched();
	}
	b->nr = 0;
	return left;
}

long migrate_range(struct mm_struct *mm, unsigned long start, unsigned long end,
		   const struct migrate_target *to)
{
	struct migrate_batch b = { .nr = 0 };
	unsigned long addr = start, next;
	long left = 0, n;
	pmd_t *pmd;

	while ((pmd = mm_next_pmd(mm, &addr, end, &next)) != NULL) {
		/* A batch may end inside a table. */
		while (addr < next) {
			left += gather(&b, pmd, &addr, next, to);
			if (!b.nr)
				continue;
			n = move_batch(&b);
			if (n < 0)
				return n;
			left += n;
			if (fatal_signal_pending(current))
				return -EINTR;
		}
	}
	return left;
}

struct node_map {
	nodemask_t from, to;
};

/* The n-th node of from goes to the n-th of to, round and round. */
static int remapped_node(struct page *page, void *arg)
{
	const struct node_map *map = arg;
	int nid = page_to_nid(page), rank = 0, i;

	if (!node_isset(nid, map->from))
		return NUMA_NO_NODE;
	/* Sets of different size: what is on a good node already stays. */
	if (nodes_weight(map->from) != nodes_weight(map->to) && node_isset(nid, map->to))
		return NUMA_NO_NODE;
	for (i = 0; i < nid; i++)
		rank += node_isset(i, map->from) ? 1 : 0;
	rank %= (int)nodes_weight(map->to);
	for (i = 0; i < MAX_NUMNODES; i++)
		if (node_isset(i, map->to) && rank-- == 0)
			break;
	return i;
}

long do_migrate_pages(struct mm_struct *mm, nodemask_t from, nodemask_t to, bool all)
{
	struct node_map map = { .from = from, .to = to };
	const struct migrate_target target = { .node_of = remapped_node, .arg = &map, .all = all };
	long ret;

	mmap_read_lock(mm);
	ret = migrate_range(mm, 0, TASK_SIZE, &target);
	mmap_read_unlock(mm);
	return ret;
}

int move_page_to_node(struct mm_struct *mm, unsigned long addr, int node, bool all)
{
	pmd_t *pmd = vma_lookup(mm, addr) ? mm_find_pmd(mm, addr) : NULL;
	struct to_node to = { .nid = node };
	struct folio *folio = NULL;
	pte_t pte = __pte(0);
	int err;

	if (!vma_lookup(mm, addr))
		return -EFAULT;
	if (pmd) {
		spinlock_t *ptl = pte_lockptr(*pmd);

		spin_lock(ptl);
		pte = ptep_get(pte_offset_kernel(pmd, addr));
		folio = isolate(pte);
		spin_unlock(ptl);
	}
	if (!folio)
		return pte_present(pte) ? -EFAULT : -ENOENT;
	if (folio_nid(folio) == node || (!all && folio_mapcount(folio) > 1)) {
		err = folio_nid(folio) == node ? node : -EACCES;
		folio_put(folio);
		return err;
	}
	err = migrate_folio(folio, alloc_on_node, &to);
	if (err == -EAGAIN)
		err = -EBUSY;
	return err ? err : node;
}
