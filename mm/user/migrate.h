/*
 * Migration: a page's contents and everything that leads to it move to another frame.
 *
 * Mirrors Linux include/linux/migrate.h. Theory in migrate.c.
 */
#pragma once

#include "mm/user/mm.h"

/* Gives the folio that src shall move to: its order, unlocked, one reference, in no list; NULL: no memory. May sleep. */
typedef struct folio *(*new_folio_t)(struct folio *src, void *arg);

/*
 * Moves one folio, of which the caller has a reference that no list or table owns, and drops that reference. 0;
 * -ENOMEM: no new folio; -EAGAIN: somebody else uses it, or it is on its way out; -EBUSY: it is of a kind that cannot
 * move. => no lock but mmap_lock held; may sleep
 */
int migrate_folio(struct folio *src, new_folio_t get_new, void *arg);

/* *pmdp leads to address's table: waits until the migration that its entry tells of is over. May sleep. */
void migration_entry_wait(pmd_t *pmd, unsigned long address);

/* Where each page of a range shall go: a node, or NUMA_NO_NODE to leave it. */
struct migrate_target {
	int (*node_of)(struct page *page, void *arg);
	void *arg;
	bool all; /* pages that other processes map, too */
};
/*
 * Moves the pages that [start, end) of mm maps. The number of those left where they were against the wish; -ENOMEM, -EINTR.
 * => mmap_lock held
 */
long migrate_range(struct mm_struct *mm, unsigned long start, unsigned long end,
		   const struct migrate_target *to);
/* migrate_pages(2): all pages on nodes of from go to the node of the same rank in to. As above. => mmap_lock not held */
long do_migrate_pages(struct mm_struct *mm, nodemask_t from, nodemask_t to, bool all);
/*
 * move_pages(2), one page: the node it is on now (node, if it was moved); -EFAULT, -ENOENT: nothing there; -EACCES: others map
 * it, too, and all is not set; -EBUSY, -ENOMEM. => mmap_lock held
 */
int move_page_to_node(struct mm_struct *mm, unsigned long addr, int node, bool all);
