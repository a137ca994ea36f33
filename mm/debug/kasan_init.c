/*
 * KASAN: where the shadow comes from.
 *
 * 1. The shadow of the kernel's half, 16 TiB of addresses from KASAN_SHADOW_START, is 32 entries of the top table. At
 *    first all of them lead, through one table of each level, to one page: kasan_early_shadow_page. boot/header.S sets
 *    that up before the first C code runs. Nothing is reported yet, and functions that mark their stack
 *    frames may write there what they like.
 * 2. When the memory and its nodes are known, kasan_init() gives real shadow, zeroed, to what has memory behind it: the
 *    linear map of all RAM (an eighth of it, on the same node), and the kernel image. The rest of the kernel's half,
 *    struct pages, fixmap, devices and holes, stays on the early page, now clean and read-only: accessible.
 * 3. The shadow of vmalloc space is absent where no area is; kasan_vmalloc.c maps it with each area.
 * 4. Then the constructors run that the compiler made for files with global variables, and reports begin.
 *
 * Boot CPU only, no locks. Mirrors Linux arch/x86/mm/kasan_init_64.c and mm/kasan/init.c. Exercised by every boot of a
 * KASAN kernel and the kasan suite.
 */
#include "arch/x86/page_ops.h"
#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "mm/boot/memblock.h"
#include "mm/boot/paging.h"
#include "mm/debug/kasan_internal.h"
#include "mm/debug/page_debug.h"
#include "mm/kva/kva_internal.h"
#include "mm/phys/mmzone.h"

#define TOP_FIRST ((KASAN_SHADOW_START >> PGDIR_SHIFT) & 511)
#define TOP_END	  ((KASAN_SHADOW_END >> PGDIR_SHIFT) & 511)

/* boot/header.S writes these, by their physical addresses. */
extern u64 kasan_early_shadow_pud[512], kasan_early_shadow_pmd[512], kasan_early_shadow_pte[512];
extern u8 kasan_early_shadow_page[PAGE_SIZE];
extern char _text[], _end[];
typedef void (*constructor_t)(void);
extern constructor_t __ctors_start[], __ctors_end[];

void __init kasan_map_early_shadow(void *top_table)
{
	u64 *top = top_table;

	for (unsigned int i = TOP_FIRST; i < TOP_END; i++)
		top[i] = __pa_symbol(kasan_early_shadow_pud) | _KERNPG_TABLE |
			 (_PAGE_NX & __supported_pte_mask);
}

/* Nothing in tables and shadow is an address that kmemleak need know. */
static void *__init shadow_page(int nid)
{
	void *page =
		memblock_alloc_try_nid(PAGE_SIZE, PAGE_SIZE, 0, MEMBLOCK_ALLOC_NOLEAKTRACE, nid);

	if (!page)
		panic("Out of memory at boot: no page for KASAN's shadow\n");
	return page;
}

/* The table behind an entry; a copy of its own if so far it is the common one. */
static u64 *__init own_table(u64 *entry, const u64 *common)
{
	u64 *table;

	if ((*entry & PTE_PFN_MASK) != __pa_symbol(common))
		return __va(*entry & PTE_PFN_MASK);
	table = shadow_page(NUMA_NO_NODE);
	__memcpy(table, common, PAGE_SIZE);
	WRITE_ONCE(*entry, __pa(table) | (*entry & ~PTE_PFN_MASK));
	return table;
}

static u64 *__init own_pud(unsigned long addr)
{
	u64 *pud = own_table((u64 *)&swapper_pg_dir[pgd_index(addr)], kasan_early_shadow_pud);

	return pud + pud_index(addr);
}

static u64 *__init own_pmd(unsigned long addr)
{
	return own_table(own_pud(addr), kasan_early_shadow_pmd) + pmd_index(addr);
}

static u64 leaf(void *mem, u64 flags)
{
	return __pa(mem) | ((pgprot_val(PAGE_KERNEL) | flags) & __supported_pte_mask);
}

/* 2 MiB, zeroed with the fastest that there is: this is an eighth of the RAM. NULL if there are none. */
static void *__init alloc_large(int nid)
{
	phys_addr_t phys = memblock_alloc_range_in(&memblock, PMD_SIZE, PMD_SIZE, 0,
						   memblock_get_current_limit(), nid, false);

	for (unsigned long i = 0; phys && i < PMD_SIZE; i += PAGE_SIZE)
		clear_page(__va(phys + i));
	return phys ? __va(phys) : NULL;
}

/* Shadow pages for [start, end), shadow addresses, where there are none yet: 2 MiB at a time if possible. */
static void __init populate(unsigned long start, unsigned long end, int nid)
{
	unsigned long step;

	for (; start < end; start += step) {
		u64 *pmd = own_pmd(start), *pte;

		step = PMD_SIZE - (start & (PMD_SIZE - 1));
		if (*pmd & _PAGE_PSE)
			continue;
		if (step == PMD_SIZE && end - start >= PMD_SIZE &&
		    (*pmd & PTE_PFN_MASK) == __pa_symbol(kasan_early_shadow_pte)) {
			void *mem = alloc_large(nid);

			if (mem) {
				WRITE_ONCE(*pmd, leaf(mem, _PAGE_PSE));
				continue;
			}
		}
		step = PAGE_SIZE;
		pte = own_table(pmd, kasan_early_shadow_pte) + pte_index(start);
		if ((*pte & PTE_PFN_MASK) == __pa_symbol(kasan_early_shadow_page)) {
			WRITE_ONCE(*pte, leaf(shadow_page(nid), 0));
		}
	}
}

static void __init populate_for(const void *start, const void *end, int nid)
{
	populate((unsigned long)kasan_mem_to_shadow(start) & PAGE_MASK,
		 PAGE_ALIGN(kasan_mem_to_shadow(end)), nid);
}

/* Absent until kasan_vmalloc.c maps pages there. Whole entries of the second level. */
static void __init clear_vmalloc_shadow(void)
{
	unsigned long end = (unsigned long)kasan_mem_to_shadow((void *)VMALLOC_USED_END);
	unsigned long a = (unsigned long)kasan_mem_to_shadow((void *)VMALLOC_START);

	BUILD_BUG_ON((VMALLOC_START >> 3) & (PUD_SIZE - 1));
	for (; a < end; a += PUD_SIZE)
		WRITE_ONCE(*own_pud(a), 0);
}

/* What is still on the common page may be read only. */
static void __init protect_early_page(void)
{
	const u64 prot = pgprot_val(PAGE_KERNEL_RO) & __supported_pte_mask;

	for (unsigned int i = 0; i < 512; i++)
		kasan_early_shadow_pte[i] = __pa_symbol(kasan_early_shadow_page) | prot;
}

/* Tables that were copied before from the common one still have its old entries. */
static void __init protect_copies(unsigned long start, unsigned long end)
{
	const u64 prot = pgprot_val(PAGE_KERNEL_RO) & __supported_pte_mask;

	for (start &= PMD_MASK; start < end; start += PMD_SIZE) {
		u64 *pmd = own_pmd(start), *pte;

		if (*pmd & _PAGE_PSE ||
		    (*pmd & PTE_PFN_MASK) == __pa_symbol(kasan_early_shadow_pte))
			continue;
		pte = __va(*pmd & PTE_PFN_MASK);
		for (unsigned int i = 0; i < 512; i++)
			if ((pte[i] & PTE_PFN_MASK) == __pa_symbol(kasan_early_shadow_page))
				pte[i] = __pa_symbol(kasan_early_shadow_page) | prot;
	}
}

static void __init protect_copies_for(const void *start, const void *end)
{
	protect_copies((unsigned long)kasan_mem_to_shadow(start),
		       (unsigned long)kasan_mem_to_shadow(end));
}

void __init kasan_init(void)
{
	unsigned long start_pfn, end_pfn, pages = memblock_phys_mem_size();
	int i, nid;

	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start_pfn, &end_pfn, &nid)
		populate_for(pfn_to_virt(start_pfn), pfn_to_virt(end_pfn), nid);
	populate_for(_text, _end, 0);
	clear_vmalloc_shadow();
	/* The other CPUs' first table has a copy of the top entries. */
	__memcpy((u64 *)__va(trampoline_pgd) + TOP_FIRST, (u64 *)swapper_pg_dir + TOP_FIRST,
		 (TOP_END - TOP_FIRST) * sizeof(u64));
	protect_early_page();
	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start_pfn, &end_pfn, &nid)
		protect_copies_for(pfn_to_virt(start_pfn), pfn_to_virt(end_pfn));
	protect_copies_for(_text, _end);
	__flush_tlb_all();
	/* Nobody writes there from here on: not even functions that were already running. */
	__memset(kasan_early_shadow_page, 0, PAGE_SIZE);

	for (constructor_t *c = __ctors_start; c < __ctors_end; c++)
		(*c)();
	stack_depot_request_early_init();
	page_debug_set(PAGE_DEBUG_KASAN, true);
	kasan_ready = true;
	pr_info("KernelAddressSanitizer initialized (generic): %lu KiB of shadow\n",
		pages / 8 >> 10);
}
