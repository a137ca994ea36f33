/*
 * The page-table checker: page_table_check=on. Setting and clearing user entries in one place each.
 *
 * Whoever sets, replaces or clears a last-level entry of a user table that may map a page does it with
 * set_user_pte() and user_ptep_get_and_clear(). With the checker off each costs one test.
 *
 * Theory in page_table_check.c. Mirrors Linux include/linux/page_table_check.h. Exercised by the pagedebug suite.
 */
#pragma once

#include "arch/x86/pgtable.h"
#include "mm/debug/page_debug.h"

struct page;

void __page_table_check_set(pte_t old, pte_t new);
/* A page leaves or enters the allocator: nobody may map it. */
void page_table_check_zero(struct page *page, unsigned int order);

/* Entry *p becomes v, whatever it was. => page-table lock, or the table is not visible yet */
static __always_inline void set_user_pte(pte_t *p, pte_t v)
{
	if (page_debug_has(PAGE_DEBUG_TABLE_CHECK))
		__page_table_check_set(ptep_get(p), v);
	set_pte(p, v);
}

/* Entry *p becomes empty in one step; what it was. => page-table lock */
static __always_inline pte_t user_ptep_get_and_clear(pte_t *p)
{
	pte_t old = ptep_get_and_clear(p);

	if (page_debug_has(PAGE_DEBUG_TABLE_CHECK))
		__page_table_check_set(old, __pte(0));
	return old;
}

/* ---- the rule, for the suite ---- */

struct page_table_check {
	int anon_map_count, file_map_count; /* atomic; entries that map the page */
};

/* Counts one entry more or fewer; NULL, or what is wrong with that. */
const char *page_table_check_map(struct page_table_check *c, bool anon, bool write);
const char *page_table_check_unmap(struct page_table_check *c, bool anon);
/* The counts of a page; NULL if the checker is off. */
struct page_table_check *page_table_check_of(const struct page *page);
