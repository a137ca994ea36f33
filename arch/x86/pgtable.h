/*
 * The format of x86-64 page tables: entry types, bits, tests and constructors for the four levels.
 *
 * 1. Every level holds 512 eight-byte entries. PGD -> (P4D folded) -> PUD -> PMD -> PTE; a PUD or
 *    PMD entry with PSE set maps 1 GiB or 2 MiB itself. With four levels the P4D is the PGD entry:
 *    we name four levels only.
 * 2. An entry that is not present belongs to software: see mm/user for swap and migration entries.
 * 3. User tables are changed under their page-table lock (struct page of the table) with mmap_lock
 *    held at least for reading; kernel tables under init_mm's page_table_lock.
 *
 * Facts: Intel SDM volume 3A, 4.5 "4-level paging". Mirrors Linux arch/x86/include/asm/pgtable*.h.
 * Exercised by the pgtable suite.
 */
#pragma once

#include "arch/x86/page.h"

typedef struct {
	u64 pte;
} pte_t;
typedef struct {
	u64 pmd;
} pmd_t;
typedef struct {
	u64 pud;
} pud_t;
typedef struct {
	u64 pgd;
} pgd_t;
typedef struct {
	u64 pgprot;
} pgprot_t;

#define _PAGE_PRESENT	BIT(0)
#define _PAGE_RW	BIT(1)
#define _PAGE_USER	BIT(2)
#define _PAGE_PWT	BIT(3)
#define _PAGE_PCD	BIT(4)
#define _PAGE_ACCESSED	BIT(5)
#define _PAGE_DIRTY	BIT(6)
#define _PAGE_PSE	BIT(7) /* PMD, PUD: maps a large page */
#define _PAGE_PAT	BIT(7) /* PTE */
#define _PAGE_GLOBAL	BIT(8)
#define _PAGE_SPECIAL	BIT(9) /* software: no struct page accounting (zero page, pfnmap) */
#define _PAGE_SOFTDIRTY BIT(11)
#define _PAGE_PAT_LARGE BIT(12)
#define _PAGE_NX	BIT(63)
#define PTE_PFN_MASK	0x000ffffffffff000UL
#define PTE_FLAGS_MASK	(~PTE_PFN_MASK)

#define _KERNPG_TABLE (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY)
#define _PAGE_TABLE   (_KERNPG_TABLE | _PAGE_USER)

/* NX when the CPU has it, else 0: set once by cpu feature detection. All protections pass it. */
extern u64 __supported_pte_mask;
/* _PAGE_GLOBAL when PGE is on, else 0. */

#define __pgprot(x)   ((pgprot_t){ (x) })
#define pgprot_val(x) ((x).pgprot)
#define __PAGE_KERNEL \
	(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_GLOBAL | _PAGE_NX)
#define PAGE_KERNEL	 __pgprot(__PAGE_KERNEL)
#define PAGE_KERNEL_RO	 __pgprot((__PAGE_KERNEL & ~_PAGE_RW) & ~_PAGE_DIRTY)
#define PAGE_KERNEL_ROX	 __pgprot(((__PAGE_KERNEL & ~_PAGE_RW) & ~_PAGE_DIRTY) & ~_PAGE_NX)
#define PAGE_KERNEL_EXEC __pgprot(__PAGE_KERNEL & ~_PAGE_NX)
/* Cache attributes through PAT, as programmed by cpu_init(): 0 WB, 1 WC, 2 UC-, 3 UC, 4 WB, 5 WP, 6 UC-, 7 WT. */
#define _PAGE_CACHE_WC	     _PAGE_PWT
#define _PAGE_CACHE_UC_MINUS _PAGE_PCD
#define _PAGE_CACHE_UC	     (_PAGE_PCD | _PAGE_PWT)
#define _PAGE_CACHE_WT	     (_PAGE_PAT | _PAGE_PCD | _PAGE_PWT)
#define PAGE_KERNEL_NOCACHE  __pgprot(__PAGE_KERNEL | _PAGE_CACHE_UC)

#define __PAGE_USER_BASE (_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED)
#define PAGE_NONE \
	__pgprot(_PAGE_ACCESSED | _PAGE_GLOBAL) /* PROTNONE: not present, GLOBAL marks it */
#define PAGE_READONLY	   __pgprot(__PAGE_USER_BASE | _PAGE_NX)
#define PAGE_READONLY_EXEC __pgprot(__PAGE_USER_BASE)
#define PAGE_SHARED	   __pgprot(__PAGE_USER_BASE | _PAGE_RW | _PAGE_NX)
#define PAGE_SHARED_EXEC   __pgprot(__PAGE_USER_BASE | _PAGE_RW)
#define _PAGE_PROTNONE	   _PAGE_GLOBAL

#define __pte(x)   ((pte_t){ (x) })
#define __pmd(x)   ((pmd_t){ (x) })
#define __pud(x)   ((pud_t){ (x) })
#define __pgd(x)   ((pgd_t){ (x) })
#define pte_val(x) ((x).pte)
#define pmd_val(x) ((x).pmd)
#define pud_val(x) ((x).pud)
#define pgd_val(x) ((x).pgd)

static __always_inline unsigned int pgd_index(unsigned long a)
{
	return (a >> PGDIR_SHIFT) & 511;
}
static __always_inline unsigned int pud_index(unsigned long a)
{
	return (a >> PUD_SHIFT) & 511;
}
static __always_inline unsigned int pmd_index(unsigned long a)
{
	return (a >> PMD_SHIFT) & 511;
}
static __always_inline unsigned int pte_index(unsigned long a)
{
	return (a >> PAGE_SHIFT) & 511;
}

static __always_inline bool pte_none(pte_t p)
{
	return !p.pte;
}
static __always_inline bool pmd_none(pmd_t p)
{
	return !p.pmd;
}
static __always_inline bool pud_none(pud_t p)
{
	return !p.pud;
}
static __always_inline bool pgd_none(pgd_t p)
{
	return !p.pgd;
}
/* PROTNONE entries count as present for software, as on Linux. */
static __always_inline bool pte_present(pte_t p)
{
	return p.pte & (_PAGE_PRESENT | _PAGE_PROTNONE);
}
static __always_inline bool pte_protnone(pte_t p)
{
	return (p.pte & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE;
}
static __always_inline bool pmd_present(pmd_t p)
{
	return p.pmd & _PAGE_PRESENT;
}
static __always_inline bool pud_present(pud_t p)
{
	return p.pud & _PAGE_PRESENT;
}
static __always_inline bool pgd_present(pgd_t p)
{
	return p.pgd & _PAGE_PRESENT;
}
static __always_inline bool pmd_leaf(pmd_t p)
{
	return (p.pmd & (_PAGE_PRESENT | _PAGE_PSE)) == (_PAGE_PRESENT | _PAGE_PSE);
}
static __always_inline bool pud_leaf(pud_t p)
{
	return (p.pud & (_PAGE_PRESENT | _PAGE_PSE)) == (_PAGE_PRESENT | _PAGE_PSE);
}
static __always_inline bool pte_write(pte_t p)
{
	return p.pte & _PAGE_RW;
}
static __always_inline bool pte_dirty(pte_t p)
{
	return p.pte & _PAGE_DIRTY;
}
static __always_inline bool pte_young(pte_t p)
{
	return p.pte & _PAGE_ACCESSED;
}
static __always_inline bool pte_exec(pte_t p)
{
	return !(p.pte & _PAGE_NX);
}
static __always_inline bool pte_user(pte_t p)
{
	return p.pte & _PAGE_USER;
}
static __always_inline bool pte_special(pte_t p)
{
	return p.pte & _PAGE_SPECIAL;
}
static __always_inline bool pte_same(pte_t a, pte_t b)
{
	return a.pte == b.pte;
}
static __always_inline unsigned long pte_pfn(pte_t p)
{
	return (p.pte & PTE_PFN_MASK) >> PAGE_SHIFT;
}
static __always_inline unsigned long pmd_pfn(pmd_t p)
{
	return (p.pmd & PTE_PFN_MASK) >> PAGE_SHIFT;
}
static __always_inline unsigned long pud_pfn(pud_t p)
{
	return (p.pud & PTE_PFN_MASK) >> PAGE_SHIFT;
}
static __always_inline unsigned long pgd_pfn(pgd_t p)
{
	return (p.pgd & PTE_PFN_MASK) >> PAGE_SHIFT;
}

static __always_inline pte_t pte_set_flags(pte_t p, u64 flags)
{
	return __pte(p.pte | flags);
}
static __always_inline pte_t pte_clear_flags(pte_t p, u64 flags)
{
	return __pte(p.pte & ~flags);
}
static __always_inline pte_t pte_mkwrite(pte_t p)
{
	return pte_set_flags(p, _PAGE_RW);
}
static __always_inline pte_t pte_wrprotect(pte_t p)
{
	return pte_clear_flags(p, _PAGE_RW);
}
static __always_inline pte_t pte_mkdirty(pte_t p)
{
	return pte_set_flags(p, _PAGE_DIRTY);
}
static __always_inline pte_t pte_mkclean(pte_t p)
{
	return pte_clear_flags(p, _PAGE_DIRTY);
}
static __always_inline pte_t pte_mkyoung(pte_t p)
{
	return pte_set_flags(p, _PAGE_ACCESSED);
}
static __always_inline pte_t pte_mkold(pte_t p)
{
	return pte_clear_flags(p, _PAGE_ACCESSED);
}
static __always_inline pte_t pte_mkspecial(pte_t p)
{
	return pte_set_flags(p, _PAGE_SPECIAL);
}

static __always_inline pte_t pfn_pte(unsigned long pfn, pgprot_t prot)
{
	return __pte(((u64)pfn << PAGE_SHIFT) | (prot.pgprot & __supported_pte_mask));
}

/* A 2 MiB or 1 GiB leaf; prot is given in PTE form, without PSE. */
static __always_inline pmd_t pfn_pmd_leaf(unsigned long pfn, pgprot_t prot)
{
	return __pmd(((u64)pfn << PAGE_SHIFT) | (prot.pgprot & __supported_pte_mask) | _PAGE_PSE);
}

static __always_inline pud_t pfn_pud_leaf(unsigned long pfn, pgprot_t prot)
{
	return __pud(((u64)pfn << PAGE_SHIFT) | (prot.pgprot & __supported_pte_mask) | _PAGE_PSE);
}

/* New protection for an entry: keeps frame, accessed, dirty and special. */
static __always_inline pte_t pte_modify(pte_t p, pgprot_t prot)
{
	u64 keep = PTE_PFN_MASK | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_SPECIAL | _PAGE_SOFTDIRTY |
		   _PAGE_PCD | _PAGE_PWT;

	return __pte((p.pte & keep) | (prot.pgprot & __supported_pte_mask & ~keep));
}

/* Tables are reached through the linear map. */
static __always_inline pte_t *pmd_page_vaddr(pmd_t p)
{
	return (pte_t *)__va(p.pmd & PTE_PFN_MASK);
}
static __always_inline pmd_t *pud_pgtable(pud_t p)
{
	return (pmd_t *)__va(p.pud & PTE_PFN_MASK);
}
static __always_inline pud_t *pgd_pgtable(pgd_t p)
{
	return (pud_t *)__va(p.pgd & PTE_PFN_MASK);
}

static __always_inline pgd_t *pgd_offset_pgd(pgd_t *pgd, unsigned long a)
{
	return pgd + pgd_index(a);
}
static __always_inline pud_t *pud_offset(pgd_t *pgd, unsigned long a)
{
	return pgd_pgtable(*pgd) + pud_index(a);
}
static __always_inline pmd_t *pmd_offset(pud_t *pud, unsigned long a)
{
	return pud_pgtable(*pud) + pmd_index(a);
}
static __always_inline pte_t *pte_offset_kernel(pmd_t *pmd, unsigned long a)
{
	return pmd_page_vaddr(*pmd) + pte_index(a);
}

static __always_inline void set_pte(pte_t *p, pte_t v)
{
	WRITE_ONCE(p->pte, v.pte);
}
static __always_inline void set_pmd(pmd_t *p, pmd_t v)
{
	WRITE_ONCE(p->pmd, v.pmd);
}
static __always_inline void set_pud(pud_t *p, pud_t v)
{
	WRITE_ONCE(p->pud, v.pud);
}
static __always_inline void set_pgd(pgd_t *p, pgd_t v)
{
	WRITE_ONCE(p->pgd, v.pgd);
}
static __always_inline pte_t ptep_get(const pte_t *p)
{
	return __pte(READ_ONCE(p->pte));
}
static __always_inline void pte_clear(pte_t *p)
{
	WRITE_ONCE(p->pte, 0);
}

/* Reads and clears in one step: the CPU may be setting accessed or dirty meanwhile. */
static __always_inline pte_t ptep_get_and_clear(pte_t *p)
{
	return __pte(__atomic_exchange_n(&p->pte, 0, __ATOMIC_SEQ_CST));
}

/* Was it used since the last time? The processor may set the bit again at any moment; no TLB is flushed. */
static __always_inline bool ptep_test_and_clear_young(pte_t *p)
{
	return __atomic_fetch_and(&p->pte, ~(u64)_PAGE_ACCESSED, __ATOMIC_RELAXED) & _PAGE_ACCESSED;
}

static __always_inline void ptep_set_wrprotect(pte_t *p)
{
	__atomic_and_fetch(&p->pte, ~_PAGE_RW, __ATOMIC_SEQ_CST);
}

/* End of the table's span that holds addr, but not past end. */
#define pgd_addr_end(a, e) __table_addr_end(a, e, PGDIR_SIZE)
#define pud_addr_end(a, e) __table_addr_end(a, e, PUD_SIZE)
#define pmd_addr_end(a, e) __table_addr_end(a, e, PMD_SIZE)
static __always_inline unsigned long __table_addr_end(unsigned long a, unsigned long e,
						      unsigned long size)
{
	unsigned long b = (a + size) & ~(size - 1);

	return b - 1 < e - 1 ? b : e;
}

extern pgd_t swapper_pg_dir[512]; /* the kernel's top table; entries 256..511 are shared by all */
