/*
 * Suite debug_vm_pgtable: what each helper of arch/x86/pgtable.h promises, for every protection and for
 * frames from the first to the last, on entries that belong to nobody.
 *
 * A helper is judged by what it changes and by what it must leave alone: frame, other bits.
 */
#include "arch/x86/pgtable.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/kva/cpa.h"
#include "mm/phys/buddy.h"

#define LAST_PFN (PTE_PFN_MASK >> PAGE_SHIFT)

static const struct {
	pgprot_t prot;
	bool present, write, exec, user;
} prots[] = {
	{ __pgprot(__PAGE_KERNEL), true, true, false, false },
	{ __pgprot(__PAGE_KERNEL & ~(_PAGE_RW | _PAGE_DIRTY)), true, false, false, false },
	{ __pgprot(__PAGE_KERNEL & ~(_PAGE_RW | _PAGE_DIRTY | _PAGE_NX)), true, false, true,
	  false },
	{ __pgprot(_PAGE_ACCESSED | _PAGE_GLOBAL), true, false, true, false }, /* PROT_NONE */
	{ __pgprot(__PAGE_USER_BASE | _PAGE_NX), true, false, false, true },
	{ __pgprot(__PAGE_USER_BASE), true, false, true, true },
	{ __pgprot(__PAGE_USER_BASE | _PAGE_RW | _PAGE_NX), true, true, false, true },
	{ __pgprot(__PAGE_USER_BASE | _PAGE_RW), true, true, true, true },
};

/* A frame from anywhere: the first, the last, or by chance. */
static unsigned long some_pfn(struct ktest *t)
{
	switch (ktest_random_below(t, 4)) {
	case 0:
		return 0;
	case 1:
		return LAST_PFN;
	default:
		return ktest_random(t) & LAST_PFN;
	}
}

static bool has_nx(void)
{
	return __supported_pte_mask & _PAGE_NX;
}

static void entries_say_what_they_were_made_of(struct ktest *t)
{
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < ARRAY_SIZE(prots); i++) {
			unsigned long pfn = some_pfn(t);
			pte_t pte = pfn_pte(pfn, prots[i].prot);

			KTEST_ASSERT_EQ(t, pte_pfn(pte), pfn);
			KTEST_ASSERT_EQ(t, pte_present(pte), prots[i].present);
			KTEST_ASSERT_EQ(t, pte_write(pte), prots[i].write);
			KTEST_ASSERT_EQ(t, pte_exec(pte), prots[i].exec || !has_nx());
			KTEST_ASSERT_EQ(t, pte_user(pte), prots[i].user);
			KTEST_ASSERT_EQ(t, pte_protnone(pte), i == 3);
			KTEST_ASSERT_TRUE(t, pte_young(pte));
			KTEST_ASSERT_FALSE(t, pte_none(pte));
			KTEST_ASSERT_FALSE(t, pte_special(pte));
			KTEST_ASSERT_TRUE(t, pte_same(pte, __pte(pte_val(pte))));
			KTEST_ASSERT_FALSE(t, pte_same(pte, pte_mkspecial(pte)));
		}
	}
	KTEST_EXPECT_TRUE(t, pte_none(__pte(0)));
	KTEST_EXPECT_FALSE(t, pte_present(__pte(0)));
	/* What is not present belongs to software, whatever else it says. */
	KTEST_EXPECT_FALSE(t, pte_present(__pte(_PAGE_RW | _PAGE_USER | _PAGE_DIRTY)));
	KTEST_EXPECT_FALSE(t, pte_none(__pte(_PAGE_RW)));
}

static void modifiers_change_one_bit(struct ktest *t)
{
	static const struct {
		pte_t (*fn)(pte_t);
		u64 bit;
		bool set;
	} mods[] = {
		{ pte_mkwrite, _PAGE_RW, true },	{ pte_wrprotect, _PAGE_RW, false },
		{ pte_mkdirty, _PAGE_DIRTY, true },	{ pte_mkclean, _PAGE_DIRTY, false },
		{ pte_mkyoung, _PAGE_ACCESSED, true },	{ pte_mkold, _PAGE_ACCESSED, false },
		{ pte_mkspecial, _PAGE_SPECIAL, true },
	};

	for (int round = 0; round < 200; round++) {
		u64 v = ktest_random(t);

		for (int i = 0; i < ARRAY_SIZE(mods); i++) {
			u64 r = pte_val(mods[i].fn(__pte(v)));

			KTEST_ASSERT_EQ(t, r, mods[i].set ? v | mods[i].bit : v & ~mods[i].bit);
		}
		KTEST_ASSERT_EQ(t, pte_write(__pte(v)), !!(v & _PAGE_RW));
		KTEST_ASSERT_EQ(t, pte_dirty(__pte(v)), !!(v & _PAGE_DIRTY));
		KTEST_ASSERT_EQ(t, pte_young(__pte(v)), !!(v & _PAGE_ACCESSED));
		KTEST_ASSERT_EQ(t, pte_special(__pte(v)), !!(v & _PAGE_SPECIAL));
	}
}

static void modify_keeps_frame_and_history(struct ktest *t)
{
	const u64 kept = PTE_PFN_MASK | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_SPECIAL;

	for (int round = 0; round < 200; round++) {
		u64 v = ktest_random(t);

		for (int i = 0; i < ARRAY_SIZE(prots); i++) {
			u64 r = pte_val(pte_modify(__pte(v), prots[i].prot));

			KTEST_ASSERT_EQ(t, r & kept, v & kept);
			KTEST_ASSERT_EQ(t, !!(r & _PAGE_RW), prots[i].write);
			KTEST_ASSERT_EQ(t, !!(r & _PAGE_USER), prots[i].user);
			KTEST_ASSERT_EQ(t, !(r & _PAGE_NX), prots[i].exec || !has_nx());
		}
	}
}

static void large_leaves_are_leaves(struct ktest *t)
{
	for (int round = 0; round < 50; round++) {
		unsigned long pfn = some_pfn(t) & ~(PTRS_PER_TABLE - 1);
		unsigned long gfn = pfn & ~(PTRS_PER_TABLE * PTRS_PER_TABLE - 1);
		pmd_t pmd = pfn_pmd_leaf(pfn, PAGE_KERNEL);
		pud_t pud = pfn_pud_leaf(gfn, PAGE_KERNEL);

		KTEST_ASSERT_TRUE(t, pmd_leaf(pmd) && pmd_present(pmd) && !pmd_none(pmd));
		KTEST_ASSERT_TRUE(t, pud_leaf(pud) && pud_present(pud) && !pud_none(pud));
		KTEST_ASSERT_EQ(t, pmd_pfn(pmd), pfn);
		KTEST_ASSERT_EQ(t, pud_pfn(pud), gfn);
	}
	/* A table is present and no leaf; an absent large entry is neither. */
	KTEST_EXPECT_FALSE(t, pmd_leaf(__pmd(0x1000 | _KERNPG_TABLE)));
	KTEST_EXPECT_TRUE(t, pmd_present(__pmd(0x1000 | _KERNPG_TABLE)));
	KTEST_EXPECT_FALSE(t, pud_leaf(__pud(0x1000 | _KERNPG_TABLE)));
	KTEST_EXPECT_FALSE(t, pmd_leaf(__pmd(_PAGE_PSE)));
	KTEST_EXPECT_FALSE(t, pud_leaf(__pud(_PAGE_PSE)));
	KTEST_EXPECT_TRUE(t, pmd_none(__pmd(0)) && pud_none(__pud(0)) && pgd_none(__pgd(0)));
	KTEST_EXPECT_FALSE(t, pgd_present(__pgd(0)));
	KTEST_EXPECT_EQ(t, pgd_pfn(__pgd(0x5000 | _PAGE_TABLE)), 5UL);
}

static void large_form_and_back(struct ktest *t)
{
	const u64 flags = _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_PWT | _PAGE_PCD |
			  _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_PAT | _PAGE_GLOBAL | _PAGE_NX;

	for (int round = 0; round < 200; round++) {
		u64 v = ktest_random(t) & flags, large = cpa_to_large(v);

		KTEST_ASSERT_TRUE(t, large & _PAGE_PSE);
		KTEST_ASSERT_EQ(t, !!(large & _PAGE_PAT_LARGE), !!(v & _PAGE_PAT));
		KTEST_ASSERT_EQ(t, cpa_from_large(large), v);
	}
}

static void setters_write_what_getters_read(struct ktest *t)
{
	u64 *table = (u64 *)get_zeroed_page(GFP_KERNEL), v = ktest_random(t);

	KTEST_ASSERT_NOT_NULL(t, table);
	set_pte((pte_t *)&table[5], __pte(v));
	KTEST_EXPECT_EQ(t, pte_val(ptep_get((pte_t *)&table[5])), v);
	KTEST_EXPECT_EQ(t, table[4] | table[6], 0ULL);
	set_pte((pte_t *)&table[5], __pte(v | _PAGE_RW));
	ptep_set_wrprotect((pte_t *)&table[5]);
	KTEST_EXPECT_EQ(t, table[5], v & ~_PAGE_RW);
	KTEST_EXPECT_EQ(t, pte_val(ptep_get_and_clear((pte_t *)&table[5])), v & ~_PAGE_RW);
	KTEST_EXPECT_EQ(t, table[5], 0ULL);
	set_pmd((pmd_t *)&table[7], __pmd(v));
	KTEST_EXPECT_EQ(t, table[7], v);
	set_pud((pud_t *)&table[7], __pud(~v));
	KTEST_EXPECT_EQ(t, table[7], ~v);
	set_pgd((pgd_t *)&table[7], __pgd(v));
	KTEST_EXPECT_EQ(t, table[7], v);
	pte_clear((pte_t *)&table[7]);
	KTEST_EXPECT_NULL(t, memchr_inv(table, 0, PAGE_SIZE));
	free_page((unsigned long)table);
}

/* Three tables of our own, and the way down through them. */
static void descent_finds_the_entry(struct ktest *t)
{
	pgd_t *pgd = (pgd_t *)get_zeroed_page(GFP_KERNEL);
	pud_t *pud = (pud_t *)get_zeroed_page(GFP_KERNEL);
	pmd_t *pmd = (pmd_t *)get_zeroed_page(GFP_KERNEL);
	pte_t *pte = (pte_t *)get_zeroed_page(GFP_KERNEL);

	if (!pgd || !pud || !pmd || !pte) {
		KTEST_FAIL(t, "no memory");
		goto out;
	}
	for (int round = 0; round < 100; round++) {
		unsigned long a = ktest_random(t) & 0x00007fffffffffffUL;

		a |= a & BIT(46) ? 0xffff800000000000UL : 0;
		set_pgd(pgd_offset_pgd(pgd, a), __pgd(__pa(pud) | _PAGE_TABLE));
		set_pud(pud_offset(pgd_offset_pgd(pgd, a), a), __pud(__pa(pmd) | _PAGE_TABLE));
		set_pmd(pmd_offset(pud + pud_index(a), a), __pmd(__pa(pte) | _PAGE_TABLE));
		KTEST_EXPECT_TRUE(t, pgd_pgtable(pgd[(a >> 39) % 512]) == pud);
		KTEST_EXPECT_TRUE(t, pud_pgtable(pud[(a >> 30) % 512]) == pmd);
		KTEST_EXPECT_TRUE(t, pmd_page_vaddr(pmd[(a >> 21) % 512]) == pte);
		KTEST_ASSERT_TRUE(t, pte_offset_kernel(pmd + pmd_index(a), a) ==
					     pte + (a >> 12) % 512);
		set_pgd(pgd + pgd_index(a), __pgd(0));
		set_pud(pud + pud_index(a), __pud(0));
		set_pmd(pmd + pmd_index(a), __pmd(0));
	}
out:
	free_page((unsigned long)pgd);
	free_page((unsigned long)pud);
	free_page((unsigned long)pmd);
	free_page((unsigned long)pte);
}

static void addr_end_stops_at_table_and_range(struct ktest *t)
{
	KTEST_EXPECT_EQ(t, pmd_addr_end(0x1000UL, 0x5000UL), 0x5000UL);
	KTEST_EXPECT_EQ(t, pmd_addr_end(0x1000UL, PMD_SIZE), PMD_SIZE);
	KTEST_EXPECT_EQ(t, pmd_addr_end(0x1000UL, 3 * PMD_SIZE), PMD_SIZE);
	KTEST_EXPECT_EQ(t, pmd_addr_end(PMD_SIZE, 3 * PMD_SIZE), 2 * PMD_SIZE);
	KTEST_EXPECT_EQ(t, pud_addr_end(PUD_SIZE - 1, 9 * PUD_SIZE), PUD_SIZE);
	KTEST_EXPECT_EQ(t, pgd_addr_end(PGDIR_SIZE, 2 * PGDIR_SIZE - 1), 2 * PGDIR_SIZE - 1);
	/* The top of the address space is 0 as an end. */
	KTEST_EXPECT_EQ(t, pmd_addr_end(0UL - PMD_SIZE, 0UL), 0UL);
	KTEST_EXPECT_EQ(t, pud_addr_end(0UL - PMD_SIZE, 0UL), 0UL);
	KTEST_EXPECT_EQ(t, pgd_addr_end(0UL - PMD_SIZE, 0UL - PAGE_SIZE), 0UL - PAGE_SIZE);
}

static void protections_never_write_and_execute(struct ktest *t)
{
	static const u64 kernel[] = {
		__PAGE_KERNEL,
		__PAGE_KERNEL & ~(_PAGE_RW | _PAGE_DIRTY),
		__PAGE_KERNEL & ~(_PAGE_RW | _PAGE_DIRTY | _PAGE_NX),
	};

	KTEST_EXPECT_EQ(t, pgprot_val(PAGE_KERNEL), kernel[0]);
	KTEST_EXPECT_EQ(t, pgprot_val(PAGE_KERNEL_RO), kernel[1]);
	KTEST_EXPECT_EQ(t, pgprot_val(PAGE_KERNEL_ROX), kernel[2]);
	for (int i = 0; i < ARRAY_SIZE(kernel); i++) {
		KTEST_EXPECT_FALSE(t, (kernel[i] & _PAGE_RW) && !(kernel[i] & _PAGE_NX));
		KTEST_EXPECT_FALSE(t, kernel[i] & _PAGE_USER);
		/* Dirty without write is how other kernels mark shadow stacks. */
		KTEST_EXPECT_FALSE(t, (kernel[i] & _PAGE_DIRTY) && !(kernel[i] & _PAGE_RW));
	}
	KTEST_EXPECT_EQ(t, pgprot_val(PAGE_NONE) & (_PAGE_PRESENT | _PAGE_USER), 0ULL);
}

static const struct ktest_case debug_vm_pgtable_cases[] = {
	KTEST_CASE(entries_say_what_they_were_made_of),
	KTEST_CASE(modifiers_change_one_bit),
	KTEST_CASE(modify_keeps_frame_and_history),
	KTEST_CASE(large_leaves_are_leaves),
	KTEST_CASE(large_form_and_back),
	KTEST_CASE(setters_write_what_getters_read),
	KTEST_CASE(descent_finds_the_entry),
	KTEST_CASE(addr_end_stops_at_table_and_range),
	KTEST_CASE(protections_never_write_and_execute),
	{},
};
KTEST_SUITE(debug_vm_pgtable, debug_vm_pgtable_cases);
