/*
 * The page-table walker.
 *
 * 1. Four nested loops, one a level, over the entries that [start, end) touches. At each level: an empty entry is a hole
 *    and is reported as one, whatever its size; a leaf or a table is shown to its callback; a table is then entered.
 * 2. The entry is read again after the callback, which may have split or removed it.
 * 3. Addresses end at 2^64: the walker works with the last byte of the range, never with one past it, so that a range up to
 *    the very top needs no special case.
 *
 * No locks of its own, see the header. Mirrors Linux mm/pagewalk.c. Exercised by the pgtable suite.
 */
#include "mm/phys/pagewalk.h"

/* End of the part of the range that one entry of this size maps; 0 means the top of the address space. */
static unsigned long entry_end(unsigned long addr, unsigned long last, unsigned long size)
{
	unsigned long entry_last = addr | (size - 1);

	return (entry_last < last ? entry_last : last) + 1;
}

static int hole(unsigned long addr, unsigned long next, int depth, struct pgwalk *walk)
{
	return walk->ops->pte_hole ? walk->ops->pte_hole(addr, next, depth, walk) : 0;
}

static int walk_pte(pmd_t *pmd, unsigned long addr, unsigned long last, struct pgwalk *walk)
{
	pte_t *pte = pte_offset_kernel(pmd, addr);
	unsigned long next;
	int ret = 0;

	if (!walk->ops->pte_entry && !walk->ops->pte_hole)
		return 0;
	for (; !ret; addr = next, pte++) {
		next = entry_end(addr, last, PAGE_SIZE);
		if (pte_none(ptep_get(pte)))
			ret = hole(addr, next, 3, walk);
		else if (walk->ops->pte_entry)
			ret = walk->ops->pte_entry(pte, addr, next, walk);
		if (next - 1 == last)
			break;
	}
	return ret;
}

static int walk_pmd(pud_t *pud, unsigned long addr, unsigned long last, struct pgwalk *walk)
{
	pmd_t *pmd = pmd_offset(pud, addr);
	unsigned long next;
	int ret = 0;

	for (; !ret; addr = next, pmd++) {
		next = entry_end(addr, last, PMD_SIZE);
		if (pmd_none(*pmd)) {
			ret = hole(addr, next, 2, walk);
		} else {
			if (walk->ops->pmd_entry)
				ret = walk->ops->pmd_entry(pmd, addr, next, walk);
			if (!ret && pmd_present(*pmd) && !pmd_leaf(*pmd))
				ret = walk_pte(pmd, addr, next - 1, walk);
		}
		if (next - 1 == last)
			break;
	}
	return ret;
}

static int walk_pud(pgd_t *pgd, unsigned long addr, unsigned long last, struct pgwalk *walk)
{
	pud_t *pud = pud_offset(pgd, addr);
	unsigned long next;
	int ret = 0;

	for (; !ret; addr = next, pud++) {
		next = entry_end(addr, last, PUD_SIZE);
		if (pud_none(*pud)) {
			ret = hole(addr, next, 1, walk);
		} else {
			if (walk->ops->pud_entry)
				ret = walk->ops->pud_entry(pud, addr, next, walk);
			if (!ret && pud_present(*pud) && !pud_leaf(*pud))
				ret = walk_pmd(pud, addr, next - 1, walk);
		}
		if (next - 1 == last)
			break;
	}
	return ret;
}

int walk_pgd_range(pgd_t *pgd, unsigned long start, unsigned long end, const struct pgwalk_ops *ops,
		   void *private)
{
	struct pgwalk walk = { .ops = ops, .pgd = pgd, .private = private };
	unsigned long addr = start, last = end - 1, next;
	int ret = 0;

	if (start == end)
		return 0;
	for (; !ret; addr = next) {
		next = entry_end(addr, last, PGDIR_SIZE);
		pgd = pgd_offset_pgd(walk.pgd, addr);
		if (pgd_none(*pgd))
			ret = hole(addr, next, 0, &walk);
		else
			ret = walk_pud(pgd, addr, next - 1, &walk);
		if (next - 1 == last)
			break;
	}
	return ret;
}

struct lookup {
	u64 entry;
	int level;
};

static int lookup_pud(pud_t *pud, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	struct lookup *l = walk->private;

	if (!pud_leaf(*pud))
		return 0;
	*l = (struct lookup){ pud_val(*pud), 3 };
	return 1;
}

static int lookup_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	struct lookup *l = walk->private;

	if (!pmd_leaf(*pmd))
		return 0;
	*l = (struct lookup){ pmd_val(*pmd), 2 };
	return 1;
}

static int lookup_pte(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	pte_t v = ptep_get(pte);
	struct lookup *l = walk->private;

	*l = (struct lookup){ pte_val(v), pte_val(v) & _PAGE_PRESENT ? 1 : 0 };
	return 1;
}

u64 lookup_address_in_pgd(pgd_t *pgd, unsigned long addr, int *level)
{
	static const struct pgwalk_ops ops = {
		.pud_entry = lookup_pud,
		.pmd_entry = lookup_pmd,
		.pte_entry = lookup_pte,
	};
	struct lookup l = { 0, 0 };

	walk_pgd_range(pgd, addr & PAGE_MASK, (addr & PAGE_MASK) + PAGE_SIZE, &ops, &l);
	*level = l.level;
	return l.entry;
}

phys_addr_t slow_virt_to_phys(pgd_t *pgd, unsigned long addr)
{
	static const unsigned long size[] = { 0, PAGE_SIZE, PMD_SIZE, PUD_SIZE };
	int level;
	u64 entry = lookup_address_in_pgd(pgd, addr, &level);

	if (!level)
		return ~(phys_addr_t)0;
	return (entry & PTE_PFN_MASK & ~(size[level] - 1)) | (addr & (size[level] - 1));
}
