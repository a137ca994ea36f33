/*
 * Changing the permissions and cache attributes of kernel pages.
 *
 * 1. A change is two masks, bits to set and bits to clear, for a range of kernel addresses. The
 *    walk of the range meets leaves of three sizes. A leaf that lies in the range as a whole, and
 *    one that has the attributes already, stays as large as it is; another one is split into 512 of
 *    the next size with the same attributes.
 * 2. Splitting is safe while the page is in use: the new table maps the same frames with the same
 *    bits before it is hooked in, so whether a CPU uses the old entry, a cached copy of it or the
 *    new table, it sees the same.
 * 3. A byte of RAM that belongs to the kernel image has two addresses. What is read-only or
 *    uncached at one must be so at the other, so a change of the image is repeated for the linear
 *    map, except for NX: the linear map is never executable.
 * 4. Order: entries first, TLBs of all CPUs after, once for the whole call.
 *
 * Lock: cpa_lock (a mutex) serialises changes, so two CPUs never split one entry. Tables are never
 * freed.
 *
 * Mirrors Linux arch/x86/mm/pat/set_memory.c. Exercised by the pgperm suite.
 */
#include "mm/kva/set_memory.h"

#include "arch/x86/pgtable.h"
#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "kernel/mutex.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "mm/kva/ptdump.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"
#include "mm/phys/vmstat.h"

static DEFINE_MUTEX(cpa_lock);
struct cpa_stats cpa_stats; /* cpa_lock */

struct cpa {
	u64 set, clear;	 /* in PTE form */
	bool split_only; /* set_memory_4k */
};

#define CACHE_BITS (_PAGE_PWT | _PAGE_PCD | _PAGE_PAT)

/*
 * Leaf bits between PTE form and the form of a large entry: PAT has another place there, PSE is
 * extra.
 */
static u64 to_large(u64 v)
{
	return (v & ~_PAGE_PAT) | (v & _PAGE_PAT ? _PAGE_PAT_LARGE : 0) | _PAGE_PSE;
}

static u64 from_large(u64 v)
{
	return (v & ~(_PAGE_PSE | _PAGE_PAT_LARGE)) | (v & _PAGE_PAT_LARGE ? _PAGE_PAT : 0);
}

static u64 changed(u64 prot, const struct cpa *cpa)
{
	return (prot & ~cpa->clear) | cpa->set;
}

/*
 * A leaf becomes a table of 512 leaves that are step bytes each; size 2 MiB: of pages. 0 or
 * -ENOMEM.
 */
static int split(u64 *entry, unsigned long step)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	u64 leaf = *entry, *table;
	bool pages = step == PAGE_SIZE;
	u64 phys = leaf & PTE_PFN_MASK & ~(step * PTRS_PER_TABLE - 1);
	u64 bits = from_large(leaf & (PTE_FLAGS_MASK | _PAGE_PAT_LARGE));

	if (!page)
		return -ENOMEM;
	__SetPageTable(page);
	inc_node_page_state(page, NR_PAGETABLE);
	table = page_address(page);
	bits = pages ? bits : to_large(bits);
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++)
		table[i] = (phys + i * step) | bits;
	smp_store_release(entry, (u64)page_to_phys(page) | _KERNPG_TABLE);
	if (pages)
		cpa_stats.splits_2m++;
	else
		cpa_stats.splits_1g++;
	return 0;
}

/* One large leaf of the given size. */
static int change_large(u64 *entry, unsigned long addr, unsigned long next, unsigned long size,
			const struct cpa *cpa)
{
	u64 old = *entry;
	u64 new = to_large(changed(from_large(old), cpa));

	if (new == old && !cpa->split_only)
		return 0;
	if (next - addr == size && !cpa->split_only) {
		WRITE_ONCE(*entry, new);
		cpa_stats.changed++;
		return 0;
	}
	return split(entry, size / PTRS_PER_TABLE);
}

static int cpa_pud(pud_t *pud, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	return pud_leaf(*pud) ? change_large(&pud->pud, addr, next, PUD_SIZE, walk->private) : 0;
}

static int cpa_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	return pmd_leaf(*pmd) ? change_large(&pmd->pmd, addr, next, PMD_SIZE, walk->private) : 0;
}

static int cpa_pte(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	const struct cpa *cpa = walk->private;
	u64 old = ptep_get(pte).pte, new = changed(old, cpa);

	if (new != old && !cpa->split_only) {
		set_pte(pte, __pte(new));
		cpa_stats.changed++;
	}
	return 0;
}

/*
 * Nothing was ever mapped here. (An entry that set_memory_np() made absent still names its frame:
 * no hole.)
 */
static int cpa_hole(unsigned long addr, unsigned long next, int depth, struct pgwalk *walk)
{
	return -EINVAL;
}

static const struct pgwalk_ops cpa_walk = {
	.pud_entry = cpa_pud,
	.pmd_entry = cpa_pmd,
	.pte_entry = cpa_pte,
	.pte_hole = cpa_hole,
};

extern char _text[], _end[];

static int change_page_attr(unsigned long addr, int numpages, struct cpa cpa, bool flush)
{
	unsigned long end = addr + ((unsigned long)numpages << PAGE_SHIFT);
	struct cpa alias = cpa;
	int err;

	if (numpages <= 0 || !IS_ALIGNED(addr, PAGE_SIZE) || addr < PAGE_OFFSET || end < addr)
		return -EINVAL;
	cpa.set &= ~_PAGE_NX | (__supported_pte_mask & _PAGE_NX);
	alias.set = cpa.set & ~_PAGE_NX;
	alias.clear = cpa.clear & ~_PAGE_NX;

	mutex_lock(&cpa_lock);
	err = walk_pgd_range(swapper_pg_dir, addr, end, &cpa_walk, &cpa);
	if (!err && addr >= (unsigned long)_text && end <= PAGE_ALIGN(_end) &&
	    (alias.set | alias.clear))
		err = walk_pgd_range(swapper_pg_dir, (unsigned long)__va(__pa(addr)),
				     (unsigned long)__va(__pa(addr)) + (end - addr), &cpa_walk,
				     &alias);
	if (flush)
		cpa_stats.flushes++;
	mutex_unlock(&cpa_lock);
	if (flush)
		flush_tlb_all();
	return err;
}

static int change(unsigned long addr, int numpages, u64 set, u64 clear)
{
	return change_page_attr(addr, numpages, (struct cpa){ .set = set, .clear = clear }, true);
}

int set_memory_ro(unsigned long addr, int numpages)
{
	return change(addr, numpages, 0, _PAGE_RW | _PAGE_DIRTY);
}

int set_memory_rw(unsigned long addr, int numpages)
{
	return change(addr, numpages, _PAGE_RW, 0);
}

int set_memory_x(unsigned long addr, int numpages)
{
	return change(addr, numpages, 0, _PAGE_NX);
}

int set_memory_nx(unsigned long addr, int numpages)
{
	return change(addr, numpages, _PAGE_NX, 0);
}

int set_memory_uc(unsigned long addr, int numpages)
{
	return change(addr, numpages, _PAGE_CACHE_UC, CACHE_BITS);
}

int set_memory_wc(unsigned long addr, int numpages)
{
	return change(addr, numpages, _PAGE_CACHE_WC, CACHE_BITS);
}

int set_memory_wb(unsigned long addr, int numpages)
{
	return change(addr, numpages, 0, CACHE_BITS);
}

/* GLOBAL means PROTNONE in an entry that is not present: both bits go and come together. */
int set_memory_np(unsigned long addr, int numpages)
{
	int err = set_memory_4k(addr, numpages);

	return err ? err : change(addr, numpages, 0, _PAGE_PRESENT | _PAGE_GLOBAL);
}

int set_memory_p(unsigned long addr, int numpages)
{
	return change(addr, numpages, _PAGE_PRESENT | (__supported_pte_mask & _PAGE_GLOBAL), 0);
}

int set_memory_4k(unsigned long addr, int numpages)
{
	return change_page_attr(addr, numpages, (struct cpa){ .split_only = true }, true);
}

int set_direct_map_invalid_noflush(struct page *page)
{
	unsigned long addr = (unsigned long)page_address(page);
	int err = change_page_attr(addr, 1, (struct cpa){ .split_only = true }, false);

	return err ? err
		   : change_page_attr(addr, 1,
				      (struct cpa){ .clear = _PAGE_PRESENT | _PAGE_GLOBAL }, false);
}

int set_direct_map_default_noflush(struct page *page)
{
	struct cpa cpa = { .set = _PAGE_PRESENT | _PAGE_RW | _PAGE_NX |
				  (__supported_pte_mask & _PAGE_GLOBAL) };

	return change_page_attr((unsigned long)page_address(page), 1, cpa, false);
}

/* ---- DirectMap counters ---- */

static int count_pud(pud_t *pud, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	if (pud_leaf(*pud))
		((unsigned long *)walk->private)[PG_LEVEL_1G] += next - addr;
	return 0;
}

static int count_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	if (pmd_leaf(*pmd))
		((unsigned long *)walk->private)[PG_LEVEL_2M] += next - addr;
	return 0;
}

static int count_pte(pte_t *pte, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	((unsigned long *)walk->private)[PG_LEVEL_4K] += next - addr;
	return 0;
}

void direct_map_bytes(unsigned long bytes[PG_LEVEL_NUM])
{
	static const struct pgwalk_ops ops = { .pud_entry = count_pud,
					       .pmd_entry = count_pmd,
					       .pte_entry = count_pte };

	for (int i = 0; i < PG_LEVEL_NUM; i++)
		bytes[i] = 0;
	walk_pgd_range(swapper_pg_dir, PAGE_OFFSET, PAGE_OFFSET + PFN_PHYS(max_pfn), &ops, bytes);
}
