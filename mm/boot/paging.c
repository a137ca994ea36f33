/*
 * The final kernel page tables, built once from memblock.
 *
 * 1. The tables of boot/header.S map 4 GiB twice and everything writable and executable: enough to run C. Here we
 *    build the tables that stay, out of memory that the old ones reach, and change over with one write to CR3.
 * 2. Linear map: each RAM range at PAGE_OFFSET + physical, with the largest page that fits: 1 GiB (if
 *    the CPU has them), 2 MiB, and 4 KiB at ragged edges. Holes and devices are not mapped. Writable, never
 *    executable, global.
 * 3. Kernel image, in 4 KiB pages, each section with its own rights (kernel_image_ranges() is the list):
 *      .text           R X      also read-only through the linear map: no second way to write code
 *      .rodata         R        writable until mark_rodata_ro(), as __ro_after_init lives there
 *      .data .bss      RW
 *      .init.text      R X      both are unmapped by free_initmem(), their frames become ordinary memory
 *      .init.data      RW
 * 4. The top table is shared by copying: a process's table gets entries 256..511 of swapper_pg_dir when it is made.
 *    For copies never to go stale, every top-level entry that the kernel half will ever use exists before the
 *    first copy: preallocate_top_entries() fills them, and nothing adds one afterwards.
 * 5. A CPU that comes out of real mode needs its own address mapped one to one while it switches paging on:
 *    trampoline_pgd, the kernel half plus the first 2 MiB.
 *
 * Boot CPU only; no locks. Later changes of kernel tables are made in mm/kva.
 * Mirrors Linux arch/x86/mm/{init,init_64}.c. Exercised by the pgtable suite.
 */
#include "mm/boot/paging.h"

#include "arch/x86/cpu.h"
#include "arch/x86/cpufeature.h"
#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/string.h"
#include "mm/boot/fixmap.h"
#include "mm/boot/memblock.h"
#include "mm/debug/debug_pagealloc.h"
#include "mm/debug/kasan.h"

extern char _text[], _etext[], __start_rodata[], __end_rodata[], _sdata[], __init_begin[],
	_sinittext[], _einittext[], __init_end[], __bss_start[], _end[], __boot32_start[],
	__boot32_end[];

pgd_t swapper_pg_dir[512] __aligned(PAGE_SIZE) __section(".bss..page_aligned");
phys_addr_t trampoline_pgd;

/* ---- descent that makes the tables on its way ---- */

/*
 * The table behind an entry of any level, made if the entry is empty; NULL when out of memory or when the entry is a
 * large page. The entry types differ in name only.
 */
static void *__init table_alloc(u64 *entry)
{
	void *table;

	if (!*entry) {
		/* May be many, and hold no addresses. */
		table = memblock_alloc_try_nid(PAGE_SIZE, PAGE_SIZE, 0, MEMBLOCK_ALLOC_NOLEAKTRACE,
					       -1);
		if (!table)
			return NULL;
		WRITE_ONCE(*entry, __pa(table) | _KERNPG_TABLE);
	}
	if (*entry & _PAGE_PSE)
		return NULL;
	return __va(*entry & PTE_PFN_MASK);
}

static pud_t *__init kernel_pud_alloc(unsigned long addr)
{
	pgd_t *pgd = &swapper_pg_dir[pgd_index(addr)];
	pud_t *table;

	/* After init_mem_mapping() top entries are only used, never made: copies of the table exist. */
	if (pgd_none(*pgd) && trampoline_pgd)
		return NULL;
	table = table_alloc(&pgd->pgd);
	return table ? table + pud_index(addr) : NULL;
}

pmd_t *__init kernel_pmd_alloc(unsigned long addr)
{
	pud_t *pud = kernel_pud_alloc(addr);
	pmd_t *table = pud ? table_alloc(&pud->pud) : NULL;

	return table ? table + pmd_index(addr) : NULL;
}

pte_t *__init kernel_pte_alloc(unsigned long addr)
{
	pmd_t *pmd = kernel_pmd_alloc(addr);
	pte_t *table = pmd ? table_alloc(&pmd->pmd) : NULL;

	return table ? table + pte_index(addr) : NULL;
}

/* ---- building ---- */

static void *__init must(void *p)
{
	if (!p)
		panic("Out of memory for the kernel's page tables; give the machine more memory\n");
	return p;
}

/* How much of [addr, end) one page of this size can map: all conditions of a large page. */
static bool __init fits(unsigned long addr, phys_addr_t phys, unsigned long left,
			unsigned long size)
{
	return left >= size && !((addr | phys) & (size - 1));
}

/*
 * Fills entries of one table, all for pages of this size, from addr to the end of the table or of the range; bytes mapped.
 * The largest step of boot that grows with memory, where the CPU has no 1 GiB pages: so the table is looked up once.
 */
static unsigned long __init fill_table(unsigned long addr, phys_addr_t phys, unsigned long size,
				       pgprot_t prot, unsigned long page)
{
	unsigned long n = min(size / page, 512 - (addr / page) % 512);

	if (page == PUD_SIZE) {
		pud_t *pud = must(kernel_pud_alloc(addr));

		for (unsigned long i = 0; i < n; i++)
			set_pud(pud + i, pfn_pud_leaf(PHYS_PFN(phys + i * page), prot));
	} else if (page == PMD_SIZE) {
		pmd_t *pmd = must(kernel_pmd_alloc(addr));

		for (unsigned long i = 0; i < n; i++)
			set_pmd(pmd + i, pfn_pmd_leaf(PHYS_PFN(phys + i * page), prot));
	} else {
		pte_t *pte = must(kernel_pte_alloc(addr));

		for (unsigned long i = 0; i < n; i++)
			set_pte(pte + i, pfn_pte(PHYS_PFN(phys + i * page), prot));
	}
	return n * page;
}

/* Maps [addr, addr + size) to phys with the largest pages allowed; max_page bounds them. */
static void __init map_range(unsigned long addr, phys_addr_t phys, unsigned long size,
			     pgprot_t prot, unsigned long max_page)
{
	unsigned long step;

	for (; size; addr += step, phys += step, size -= step) {
		if (max_page >= PUD_SIZE && fits(addr, phys, size, PUD_SIZE))
			step = fill_table(addr, phys, size, prot, PUD_SIZE);
		else if (max_page >= PMD_SIZE && fits(addr, phys, size, PMD_SIZE))
			step = fill_table(addr, phys, size, prot, PMD_SIZE);
		else
			step = fill_table(addr, phys, size, prot, PAGE_SIZE);
	}
}

static void __init map_linear(phys_addr_t start, phys_addr_t end, pgprot_t prot,
			      unsigned long max_page)
{
	if (start < end)
		map_range((unsigned long)__va(start), start, end - start, prot, max_page);
}

/* One RAM range. The part that is kernel text and rodata gets small pages with rights of their own. */
static void __init map_ram(phys_addr_t start, phys_addr_t end, unsigned long max_page)
{
	phys_addr_t text = __pa_symbol(_text), rodata = __pa_symbol(__start_rodata);
	phys_addr_t rodata_end = __pa_symbol(__end_rodata);

	pr_info("init_memory_mapping: [mem %#018lx-%#018lx]\n", start, end - 1);
	map_linear(start, min(end, text), PAGE_KERNEL, max_page);
	map_linear(clamp(text, start, end), clamp(rodata, start, end), PAGE_KERNEL_RO, PAGE_SIZE);
	map_linear(clamp(rodata, start, end), clamp(rodata_end, start, end), PAGE_KERNEL,
		   PAGE_SIZE);
	map_linear(max(start, rodata_end), end, PAGE_KERNEL, max_page);
}

int kernel_image_ranges(struct kernel_range *out, int max)
{
	const u64 rw = _PAGE_PRESENT | _PAGE_RW | _PAGE_NX, rx = _PAGE_PRESENT;
	const struct kernel_range list[] = {
		{ "text", (unsigned long)_text, (unsigned long)__start_rodata, rx },
		{ "rodata", (unsigned long)__start_rodata, (unsigned long)__end_rodata, rw },
		{ "data", (unsigned long)_sdata, (unsigned long)__init_begin, rw },
		{ "init text", (unsigned long)_sinittext, PAGE_ALIGN(_einittext), rx },
		{ "init data", PAGE_ALIGN(_einittext), (unsigned long)__init_end, rw },
		{ "bss", (unsigned long)__bss_start, PAGE_ALIGN(_end), rw },
	};
	int n = min_t(int, max, ARRAY_SIZE(list));

	memcpy(out, list, n * sizeof(*out));
	return n;
}

static void __init map_kernel_image(void)
{
	struct kernel_range r[8];
	int n = kernel_image_ranges(r, ARRAY_SIZE(r));

	for (int i = 0; i < n; i++) {
		pgprot_t prot = r[i].prot & _PAGE_RW ? PAGE_KERNEL : PAGE_KERNEL_ROX;

		map_range(r[i].start, __pa_symbol(r[i].start), PAGE_ALIGN(r[i].end) - r[i].start,
			  prot, PAGE_SIZE);
	}
}

static void __init fill_top_entries(unsigned long start, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		must(kernel_pud_alloc(start + i * PGDIR_SIZE));
}

static void __init preallocate_top_entries(void)
{
	/* vmalloc space for twice the RAM, 512 GiB at least: more addresses could not be backed anyway. */
	fill_top_entries(VMALLOC_START, DIV_ROUND_UP(2 * memblock_end_of_DRAM(), PGDIR_SIZE));
	fill_top_entries(VMEMMAP_START, 1);
	fill_top_entries(KERNEL_MAP_BASE, 1);
}

/*
 * Nothing in the linear map and among the struct pages is code: their top entries say so for all that is below them.
 * (Execution is forbidden if an entry of any level forbids it: Intel SDM, volume 3, 4.6.1.)
 */
static void __init forbid_execution(unsigned long start, unsigned long end)
{
	for (unsigned long addr = start; addr < end; addr += PGDIR_SIZE) {
		pgd_t *pgd = &swapper_pg_dir[pgd_index(addr)];

		if (!pgd_none(*pgd))
			set_pgd(pgd, __pgd(pgd_val(*pgd) | (_PAGE_NX & __supported_pte_mask)));
	}
}

static void __init make_trampoline_tables(void)
{
	pgd_t *pgd = must(memblock_alloc(PAGE_SIZE, PAGE_SIZE));
	pud_t *pud = must(memblock_alloc(PAGE_SIZE, PAGE_SIZE));
	pmd_t *pmd = must(memblock_alloc(PAGE_SIZE, PAGE_SIZE));

	memcpy(pgd + 256, swapper_pg_dir + 256, 256 * sizeof(*pgd));
	set_pgd(pgd, __pgd(__pa(pud) | _KERNPG_TABLE));
	set_pud(pud, __pud(__pa(pmd) | _KERNPG_TABLE));
	set_pmd(pmd, __pmd(_KERNPG_TABLE | _PAGE_PSE));
	trampoline_pgd = __pa(pgd);
}

void __init init_mem_mapping(void)
{
	unsigned long max_page = boot_cpu_has(X86_FEATURE_GBPAGES) ? PUD_SIZE : PMD_SIZE;
	unsigned long fix = FIXADDR_TOP - PMD_SIZE, i;
	phys_addr_t start, end;

	/* Freed pages are to vanish one by one. */
	if (debug_pagealloc_enabled())
		max_page = PAGE_SIZE;
	if (max_page == PUD_SIZE)
		pr_info("Using GB pages for direct mapping\n");
	for_each_mem_range(i, &start, &end)
		map_ram(start, end, max_page);
	map_kernel_image();
	preallocate_top_entries();
	forbid_execution(PAGE_OFFSET, VMALLOC_START);
	forbid_execution(VMEMMAP_START, KASAN_SHADOW_START);
	set_pud(must(kernel_pud_alloc(fix)), __pud(fixmap_pmd_phys() | _KERNPG_TABLE));
	kasan_map_early_shadow(swapper_pg_dir);
	make_trampoline_tables();

	write_cr3(__pa_symbol(swapper_pg_dir));
	__flush_tlb_all();

	/* The old tables and the 32-bit entry are history; memory above 4 GiB is in reach. */
	memblock_phys_free((phys_addr_t)__boot32_start, __boot32_end - __boot32_start);
	memblock_set_current_limit(memblock_end_of_DRAM());
}

void paging_release_init(void)
{
	unsigned long addr, start = (unsigned long)__init_begin, end = (unsigned long)__init_end;

	/* Absent, not merely writable: a call into .init faults at once. The frames stay in the linear map. */
	for (addr = start; addr < end; addr += PAGE_SIZE)
		pte_clear(pte_offset_kernel(
			pmd_offset(pud_offset(&swapper_pg_dir[pgd_index(addr)], addr), addr),
			addr));
	flush_tlb_kernel_range(start, end);
}
