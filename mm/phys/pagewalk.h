/*
 * The page-table walker: one descent, callbacks per level.
 *
 * Whoever looks at a range of page tables without faulting anything in (dumps, permission changes, tests,
 * oops reports) describes what to do in a struct pgwalk_ops and lets the walker find the entries. The fault
 * path and the unmap path have their own descents: they allocate and free tables on the way.
 *
 * Mirrors Linux mm/pagewalk.c. Exercised by the pgtable suite.
 */
#pragma once

#include "arch/x86/pgtable.h"

struct pgwalk;

/*
 * Each callback gets the entry and the part [addr, next) of the range that it maps. A positive or negative
 * result ends the walk and is its result. Members may be NULL.
 * pud_entry and pmd_entry are called for leaves and for tables, before descending; they may change the entry
 * (split it), and the walker reads it again. pte_hole covers absent entries of any level: depth 0 = PGD .. 3 = PTE.
 */
struct pgwalk_ops {
	int (*pud_entry)(pud_t *pud, unsigned long addr, unsigned long next, struct pgwalk *walk);
	int (*pmd_entry)(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk);
	int (*pte_entry)(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk);
	int (*pte_hole)(unsigned long addr, unsigned long next, int depth, struct pgwalk *walk);
};

struct pgwalk {
	const struct pgwalk_ops *ops;
	pgd_t *pgd;
	void *private;
};

/* Walks [start, end) (end 0: to the top of the address space) of the table at pgd.
 * => a lock that keeps the tables: mmap_lock for a process; nothing for the kernel half, whose tables are
 * never freed */
int walk_pgd_range(pgd_t *pgd, unsigned long start, unsigned long end, const struct pgwalk_ops *ops,
		   void *private);

/* One address: fills level (1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB leaf; 0 = not mapped) and returns the entry's
 * value, or that of the absent entry. */
u64 lookup_address_in_pgd(pgd_t *pgd, unsigned long addr, int *level);
/* The physical address that addr translates to, with its offset; ~0 if not mapped. */
phys_addr_t slow_virt_to_phys(pgd_t *pgd, unsigned long addr);
