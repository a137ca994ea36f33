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
 * 3. A byte of RAM outside the linear map's own addresses (image, vmalloc, execmem) has two. What is
 *    read-only or uncached at one must be so at the other, so a change is repeated for the linear
 *    map, except for NX: the linear map is never executable. A vmalloc area is marked, so that
 *    vfree() knows.
 * 4. No entry becomes writable and executable, and none that maps the kernel's text or constants
 *    becomes writable, at whatever address: that is refused, whoever asks.
 * 5. Order: entries first, then the TLBs of all CPUs, once for the whole call; after a change of the
 *    cache attribute the cache lines, which nobody can fill any more.
 * 6. When the pieces of a large page of the linear map are equal again, cpa_merge.c unites them.
 *
 * Lock: cpa_lock (a mutex) serialises changes, so two CPUs never split or merge one entry.
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
#include "mm/kva/cpa.h"
#include "mm/kva/memtype.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"
#include "mm/phys/vmstat.h"

static DEFINE_MUTEX(cpa_lock);
struct cpa_stats cpa_stats; /* cpa_lock */

struct cpa {
	u64 set, clear;	 /* in PTE form */
	bool split_only; /* down to 4 KiB, and nothing else */
	bool small;	 /* every page by an entry of its own: they will be absent */
};

#define CACHE_BITS	(_PAGE_PWT | _PAGE_PCD | _PAGE_PAT)
#define FLUSH_RANGE_MAX TLB_SINGLE_PAGE_FLUSH_CEILING

static u64 changed(u64 prot, const struct cpa *cpa)
{
	return (prot & ~cpa->clear) | cpa->set;
}

extern char _text[], __end_rodata[];

static bool kernel_set_to_readonly;

void set_kernel_text_ro(void)
{
	kernel_set_to_readonly = true;
}

/* Do these frames hold text or constants of the kernel? */
static bool is_kernel_ro(u64 phys, unsigned long size)
{
	return phys < PAGE_ALIGN(__pa_symbol(__end_rodata)) && phys + size > __pa_symbol(_text);
}

/*
 * May an entry that maps size bytes go from old to new (both in PTE form)? 0, -EPERM or -EBUSY.
 */
static int check_change(u64 old, u64 new, unsigned long addr, unsigned long size, struct cpa *cpa)
{
	const u64 wx = _PAGE_PRESENT | _PAGE_RW;

	if ((new & ~old &_PAGE_RW) && kernel_set_to_readonly &&
	    is_kernel_ro(old & PTE_PFN_MASK & ~(size - 1), size)) {
		WARN_ONCE(1, "set_memory: %#lx is text or rodata, and stays read-only\n", addr);
		return -EPERM;
	}
	if ((new &(wx | _PAGE_NX)) == wx && (__supported_pte_mask & _PAGE_NX)) {
		WARN_ONCE(1, "set_memory: %#lx would be writable and executable\n", addr);
		return -EPERM;
	}
	if ((cpa->set & CACHE_BITS) && (old & CACHE_BITS) && ((old ^ new) & CACHE_BITS))
		return -EBUSY;
	return 0;
}

static bool in_linear_map(unsigned long addr)
{
	return addr < PAGE_OFFSET + LINEAR_MAP_SIZE;
}

/*
 * A leaf becomes a table of 512 leaves that are step bytes each; size 2 MiB: of pages. 0 or
 * -ENOMEM.
 */
static int split(u64 *entry, unsigned long addr, unsigned long step)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	u64 leaf = *entry, *table;
	bool pages = step == PAGE_SIZE;
	u64 phys = leaf & PTE_PFN_MASK & ~(step * PTRS_PER_TABLE - 1);
	u64 bits = cpa_from_large(leaf & (PTE_FLAGS_MASK | _PAGE_PAT_LARGE));

	if (!page)
		return -ENOMEM;
	__SetPageTable(page);
	inc_node_page_state(page, NR_PAGETABLE);
	table = page_address(page);
	bits = pages ? bits : cpa_to_large(bits);
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++)
		table[i] = (phys + i * step) | bits;
	smp_store_release(entry, (u64)page_to_phys(page) | _KERNPG_TABLE);
	cpa_stats.level[pages ? PG_LEVEL_2M : PG_LEVEL_1G].split++;
	if (in_linear_map(addr))
		count_vm_event(pages ? DIRECT_MAP_LEVEL2_SPLIT : DIRECT_MAP_LEVEL3_SPLIT);
	return 0;
}

/* One large leaf of the given size. */
static int change_large(u64 *entry, unsigned long addr, unsigned long next, unsigned long size,
			struct cpa *cpa)
{
	struct cpa_level_stats *stats =
		&cpa_stats.level[size == PUD_SIZE ? PG_LEVEL_1G : PG_LEVEL_2M];
	u64 old = cpa_from_large(*entry), new = changed(old, cpa);
	int err;

	stats->checked++;
	if (cpa->split_only || cpa->small)
		return split(entry, addr, size / PTRS_PER_TABLE);
	if (new == old) {
		stats->sameprot++;
		return 0;
	}
	err = check_change(old, new, addr, size, cpa);
	if (err)
		return err;
	if (next - addr != size)
		return split(entry, addr, size / PTRS_PER_TABLE);
	WRITE_ONCE(*entry, cpa_to_large(new));
	stats->preserved++;
	cpa_stats.changed++;
	return 0;
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
	struct cpa *cpa = walk->private;
	u64 old = ptep_get(pte).pte, new = changed(old, cpa);
	int err;

	cpa_stats.set_4k++;
	if (new == old)
		return 0;
	err = check_change(old, new, addr, PAGE_SIZE, cpa);
	if (err)
		return err;
	set_pte(pte, __pte(new));
	cpa_stats.changed++;
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

static int change_range(unsigned long addr, unsigned long end, struct cpa *cpa)
{
	static const struct pgwalk_ops ops = {
		.pud_entry = cpa_pud,
		.pmd_entry = cpa_pmd,
		.pte_entry = cpa_pte,
		.pte_hole = cpa_hole,
	};

	return walk_pgd_range(swapper_pg_dir, addr, end, &ops, cpa);
}

/* ---- the other address ---- */

/* The frame behind an address, present or not; 0 if none. */
static unsigned long frame_of(unsigned long addr)
{
	static const unsigned long size[] = { PAGE_SIZE, PAGE_SIZE, PMD_SIZE, PUD_SIZE };
	int level;
	u64 entry = lookup_address_in_pgd(swapper_pg_dir, addr, &level);

	return PHYS_PFN((entry & PTE_PFN_MASK & ~(size[level] - 1)) |
			(addr & (size[level] - 1) & PAGE_MASK));
}

/* Where the memory behind addr is in the linear map; 0 if it is not. */
static unsigned long alias_of(unsigned long addr)
{
	unsigned long pfn = frame_of(addr), alias = (unsigned long)pfn_to_virt(pfn);

	return pfn && pfn_valid(pfn) && frame_of(alias) == pfn ? alias : 0;
}

/* Repeats a change of [addr, end), which is not in the linear map, for the linear map. */
static int change_aliases(unsigned long addr, unsigned long end, struct cpa cpa)
{
	unsigned long start, alias;
	int err = 0;

	cpa.set &= ~_PAGE_NX;
	cpa.clear &= ~_PAGE_NX;
	if (!(cpa.set | cpa.clear))
		return 0;
	while (!err && addr < end) {
		unsigned long len = PAGE_SIZE;

		start = alias_of(addr);
		if (!start) {
			addr += PAGE_SIZE;
			continue;
		}
		while (addr + len < end && (alias = alias_of(addr + len)) == start + len)
			len += PAGE_SIZE;
		err = change_range(start, start + len, &cpa);
		if (!err)
			cpa_merge(start, start + len);
		addr += len;
	}
	return err;
}

/* vfree() must know that the linear map's view of these pages has changed. */
static void mark_area(unsigned long addr)
{
	struct vm_struct *vm = find_vm_area((void *)addr);

	if (vm)
		vm->flags |= VM_FLUSH_RESET_PERMS;
}

/* ---- the whole change ---- */

/*
 * The lines of [addr, end) leave the caches of all CPUs. Only a page that is present can be flushed.
 */
static void flush_cache_range(unsigned long addr, unsigned long end)
{
	int level;

	for (; addr < end; addr += PAGE_SIZE) {
		lookup_address_in_pgd(swapper_pg_dir, addr, &level);
		for (unsigned long a = addr; level && a < addr + PAGE_SIZE; a += 64)
			__asm__ __volatile__("clflush (%0)" : : "r"(a) : "memory");
	}
	__asm__ __volatile__("mfence" : : : "memory");
}

static int change_page_attr(unsigned long addr, int numpages, struct cpa cpa, bool flush)
{
	unsigned long end = addr + ((unsigned long)numpages << PAGE_SHIFT), before;
	struct cpa alias;
	bool linear, all;
	int err;

	if (numpages <= 0 || !IS_ALIGNED(addr, PAGE_SIZE) || addr < PAGE_OFFSET || end < addr)
		return -EINVAL;
	cpa.set &= ~_PAGE_NX | (__supported_pte_mask & _PAGE_NX);
	alias = cpa;
	linear = in_linear_map(addr);

	mutex_lock(&cpa_lock);
	before = cpa_stats.changed;
	err = change_range(addr, end, &cpa);
	if (!err && !linear && !cpa.split_only) {
		mark_area(addr);
		err = change_aliases(addr, end, alias);
	}
	/* Without a flush the caller may have interrupts off soon: he merges nothing. */
	all = linear && flush && !cpa.split_only && !err && cpa_merge(addr, end);
	flush = flush && cpa_stats.changed != before;
	if (flush)
		cpa_stats.flushes++;
	mutex_unlock(&cpa_lock);
	if (flush && !all) {
		if (linear && numpages <= FLUSH_RANGE_MAX)
			flush_tlb_kernel_range(addr, end);
		else
			flush_tlb_all();
	}
	if (flush && !err && (cpa.set | cpa.clear) & CACHE_BITS)
		flush_cache_range(addr, end);
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

int set_memory_rox(unsigned long addr, int numpages)
{
	return change(addr, numpages, 0, _PAGE_RW | _PAGE_DIRTY | _PAGE_NX);
}

static int set_cache_mode(unsigned long addr, int numpages, enum page_cache_mode mode)
{
	return change(addr, numpages, cachemode2protval(mode), CACHE_BITS);
}

int set_memory_uc(unsigned long addr, int numpages)
{
	return set_cache_mode(addr, numpages, _PAGE_CACHE_MODE_UC_MINUS);
}

int set_memory_wc(unsigned long addr, int numpages)
{
	return set_cache_mode(addr, numpages, _PAGE_CACHE_MODE_WC);
}

int set_memory_wt(unsigned long addr, int numpages)
{
	return set_cache_mode(addr, numpages, _PAGE_CACHE_MODE_WT);
}

int set_memory_wb(unsigned long addr, int numpages)
{
	return set_cache_mode(addr, numpages, _PAGE_CACHE_MODE_WB);
}

/* GLOBAL means PROTNONE in an entry that is not present: both bits go and come together. */
int set_memory_np(unsigned long addr, int numpages)
{
	struct cpa cpa = { .clear = _PAGE_PRESENT | _PAGE_GLOBAL, .small = true };

	return change_page_attr(addr, numpages, cpa, true);
}

int set_memory_p(unsigned long addr, int numpages)
{
	return change(addr, numpages, _PAGE_PRESENT | (__supported_pte_mask & _PAGE_GLOBAL), 0);
}

int set_memory_4k(unsigned long addr, int numpages)
{
	struct cpa cpa = { .set = CPA_KEEP_4K, .small = true, .split_only = true };

	return change_page_attr(addr, numpages, cpa, true);
}

int set_direct_map_invalid_noflush(struct page *page)
{
	struct cpa cpa = { .clear = _PAGE_PRESENT | _PAGE_GLOBAL, .small = true };

	return change_page_attr((unsigned long)page_address(page), 1, cpa, false);
}

static int direct_map_default(struct page *page, int nr, bool flush)
{
	struct cpa cpa = { .set = _PAGE_PRESENT | _PAGE_RW | _PAGE_NX |
				  (__supported_pte_mask & _PAGE_GLOBAL),
			   .clear = CACHE_BITS };

	return change_page_attr((unsigned long)page_address(page), nr, cpa, flush);
}

int set_direct_map_default_noflush(struct page *page)
{
	return direct_map_default(page, 1, false);
}

int set_direct_map_default(struct page **pages, unsigned int nr)
{
	int err = 0;

	for (unsigned int i = 0, n; i < nr && !err; i += n) {
		for (n = 1; i + n < nr && pages[i + n] == pages[i] + n; n++)
			;
		err = direct_map_default(pages[i], n, true);
	}
	return err;
}
