/*
 * Suite pagedebug: the tools that find faults early find them. What needs a word on the command line is skipped without
 * it; tests/boot/test_pagedebug.py boots with each.
 */
#include "arch/x86/irqflags.h"
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/ktest.h"
#include "kernel/task.h"
#include "lib/sort.h"
#include "lib/string.h"
#include "mm/debug/debug_internal.h"
#include "mm/debug/fail_page_alloc.h"
#include "mm/debug/page_ext.h"
#include "mm/debug/page_owner.h"
#include "mm/debug/page_table_check.h"
#include "mm/debug/shuffle.h"
#include "mm/debug/stackdepot.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "tests/kernel/crew.h"

#define NEEDS(t, bit, word)                               \
	do {                                              \
		if (!page_debug_has(bit)) {               \
			ktest_skip(t, "only with " word); \
			return;                           \
		}                                         \
	} while (0)

/* ---- fault injection ---- */

static bool always_fails(struct fault_attr *attr)
{
	for (int i = 0; i < 50; i++)
		if (!should_fail(attr, 1))
			return false;
	return true;
}

static void fault_attr_obeys_each_setting(struct ktest *t)
{
	struct fault_attr attr = FAULT_ATTR_INITIALIZER(pagedebug);
	int failed = 0;

	attr.verbose = 0;
	attr.times = -1;
	KTEST_EXPECT_FALSE(t, should_fail(&attr, 1)); /* probability 0 */
	attr.probability = 100;
	KTEST_EXPECT_TRUE(t, always_fails(&attr));
	attr.interval = 5;
	for (int i = 0; i < 100; i++)
		failed += should_fail(&attr, 1);
	KTEST_EXPECT_EQ(t, failed, 20);
	attr.interval = 1;
	attr.space = 10; /* of 3, 3, 3, 3: three pass, then 1 is left */
	for (int i = 0; i < 3; i++)
		KTEST_EXPECT_FALSE(t, should_fail(&attr, 3));
	KTEST_EXPECT_TRUE(t, should_fail(&attr, 3));
	attr.space = 0;
	attr.task_filter = true;
	KTEST_EXPECT_FALSE(t, should_fail(&attr, 1));
	current->make_it_fail = 1;
	KTEST_EXPECT_TRUE(t, always_fails(&attr));
	current->make_it_fail = 0;
	attr.task_filter = false;
	attr.probability = 30;
	failed = 0;
	for (int i = 0; i < 3000; i++)
		failed += should_fail(&attr, 1);
	KTEST_EXPECT_GT(t, failed, 700); /* 900 are expected; 200 off are 8 sigma */
	KTEST_EXPECT_LT(t, failed, 1100);
}

static void fail_nth_fails_the_nth(struct ktest *t)
{
	struct fault_attr attr = FAULT_ATTR_INITIALIZER(pagedebug);

	attr.verbose = 0;
	current->fail_nth = 4;
	for (int i = 0; i < 3; i++)
		KTEST_EXPECT_FALSE(t, should_fail(&attr, 1));
	KTEST_EXPECT_TRUE(t, should_fail(&attr, 1));
	KTEST_EXPECT_EQ(t, current->fail_nth, 0U);
	KTEST_EXPECT_FALSE(t, should_fail(&attr, 1));
}

static struct fault_attr shared_attr;
static atomic_t shared_failures;

static int fail_together(struct crew *c, int me)
{
	for (int i = 0; i < 1000; i++)
		if (should_fail(&shared_attr, 1))
			atomic_inc(&shared_failures);
	return 0;
}

static void times_is_exact_on_all_cpus(struct ktest *t)
{
	shared_attr = (struct fault_attr)FAULT_ATTR_INITIALIZER(pagedebug);
	shared_attr.verbose = 0;
	shared_attr.probability = 100;
	shared_attr.times = 777;
	atomic_set(&shared_failures, 0);
	run_crew(t, fail_together);
	KTEST_EXPECT_EQ(t, atomic_read(&shared_failures), 777);
	KTEST_EXPECT_EQ(t, shared_attr.times, 0);
}

static void malformed_words_change_nothing(struct ktest *t)
{
	static const char *const words[] = {
		"",
		"1",
		"1,2,3",
		"1,2,3,4,5",
		"a,b,c,d",
		"0,50,0,1",
		"1,101,0,1",
		"1,-1,0,1",
		"1,50,-1,1",
		"1,50,0,-2",
		"1,50,0,1x",
		"1,,0,1",
		"1,50,0,",
		"99999999999999999999,1,0,1",
		"1,50,0,2147483648",
	};

	for (int i = 0; i < ARRAY_SIZE(words); i++) {
		struct fault_attr attr = FAULT_ATTR_INITIALIZER(pagedebug);

		KTEST_EXPECT_EQ(t, setup_fault_attr(&attr, words[i]), 0);
		if (attr.probability || attr.interval != 1 || attr.space || attr.times != 1)
			KTEST_FAIL(t, "\"%s\" was taken", words[i]);
	}
	shared_attr = (struct fault_attr)FAULT_ATTR_INITIALIZER(pagedebug);
	setup_fault_attr(&shared_attr, "10,100,7,-1");
	KTEST_EXPECT_EQ(t, shared_attr.interval, 10UL);
	KTEST_EXPECT_EQ(t, shared_attr.probability, 100UL);
	KTEST_EXPECT_EQ(t, shared_attr.space, 7);
	KTEST_EXPECT_EQ(t, shared_attr.times, -1);
}

/* Requests of order 0..3 as this task; how many failed. */
static int failures_of(int requests, gfp_t gfp)
{
	int failed = 0;

	for (int i = 0; i < requests; i++) {
		struct page *page = alloc_pages(gfp, i % 4);

		if (page)
			__free_pages(page, i % 4);
		else
			failed++;
	}
	return failed;
}

static void fail_page_alloc_fails_exactly_times(struct ktest *t)
{
	struct fail_page_alloc old = fail_page_alloc, *f = &fail_page_alloc;

	/* For this task only: whoever else allocates now is not meant. */
	current->make_it_fail = 1;
	f->attr.verbose = 0;
	f->attr.task_filter = true;
	f->attr.interval = 1;
	f->attr.space = 0;
	f->attr.times = 5;
	f->attr.probability = 100;
	f->attr.changed(&f->attr);
	f->ignore_gfp_highmem = f->ignore_gfp_reclaim = true;
	f->min_order = 1;
	KTEST_EXPECT_EQ(t, failures_of(40, GFP_KERNEL), 0); /* it could wait */
	KTEST_EXPECT_EQ(t, failures_of(40, GFP_NOWAIT | __GFP_HIGHMEM), 0);
	KTEST_EXPECT_EQ(t, failures_of(40, GFP_NOWAIT), 5);
	f->attr.times = 7;
	f->min_order = 3;
	KTEST_EXPECT_EQ(t, failures_of(16, GFP_NOWAIT), 4); /* every fourth has order 3 */
	f->min_order = 0;
	f->ignore_gfp_reclaim = false;
	f->attr.times = -1;
	KTEST_EXPECT_EQ(t, failures_of(40, GFP_KERNEL), 40);
	KTEST_EXPECT_EQ(t, failures_of(40, GFP_KERNEL | __GFP_NOFAIL), 0);
	KTEST_EXPECT_NULL(t, alloc_page(GFP_KERNEL));
	KTEST_EXPECT_EQ(t, __get_free_page(GFP_KERNEL), 0UL);
	current->make_it_fail = 0;
	KTEST_EXPECT_EQ(t, failures_of(40, GFP_KERNEL), 0);
	*f = old;
	f->attr.changed(&f->attr);
}

/* ---- poison and clearing ---- */

static void poison_finds_what_was_written(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u8 *mem;
	int end = 0;

	KTEST_ASSERT_NOT_NULL(t, page);
	mem = page_address(page);
	page_poison_fill(page, 0);
	KTEST_EXPECT_EQ(t, poison_find(mem, PAGE_SIZE, &end), -1);
	for (int i = 0; i < 200; i++) {
		int first = ktest_random_below(t, PAGE_SIZE),
		    last = ktest_random_below(t, PAGE_SIZE);
		u8 bit = BIT(ktest_random_below(t, 8));

		mem[first] ^= bit;
		if (first != last)
			mem[last] ^= bit;
		KTEST_EXPECT_EQ(t, poison_find(mem, PAGE_SIZE, &end), min(first, last));
		KTEST_EXPECT_EQ(t, end, max(first, last) + 1);
		mem[first] = mem[last] = 0xaa;
	}
	__free_page(page);
}

/* A page that this CPU frees is the next that it gets: write to it in between, with interrupts off. */
static struct page *write_after_free(int offset, u8 value)
{
	struct page *page = alloc_page(GFP_KERNEL), *again;
	unsigned long flags;
	u8 *mem;

	if (!page)
		return NULL;
	mem = page_address(page);
	local_irq_save(flags);
	__free_page(page);
	if (value)
		mem[offset] ^= value;
	again = alloc_page(GFP_NOWAIT);
	local_irq_restore(flags);
	return again;
}

static void poison_sees_use_after_free(struct ktest *t)
{
	unsigned long before = page_poison_errors;
	struct page *page;

	NEEDS(t, PAGE_DEBUG_POISON, "page_poison=1");
	if (page_debug_has(PAGE_DEBUG_UNMAP)) {
		ktest_skip(t, "debug_pagealloc catches it first");
		return;
	}
	page = write_after_free(0, 0);
	KTEST_ASSERT_NOT_NULL(t, page);
	__free_page(page);
	KTEST_EXPECT_EQ(t, page_poison_errors, before);
	page = write_after_free(1234, 0x10);
	KTEST_ASSERT_NOT_NULL(t, page);
	__free_page(page);
	KTEST_EXPECT_EQ(t, page_poison_errors, before + 1);
}

static bool all_zero(struct page *page, unsigned int order)
{
	return !memchr_inv(page_address(page), 0, PAGE_SIZE << order);
}

static void init_on_alloc_and_free_leave_no_old_bytes(struct ktest *t)
{
	if (!(page_debug & (BIT(PAGE_DEBUG_INIT_ALLOC) | BIT(PAGE_DEBUG_INIT_FREE)))) {
		ktest_skip(t, "only with init_on_alloc=1 or init_on_free=1");
		return;
	}
	for (int i = 0; i < 40; i++) {
		unsigned int order = ktest_random_below(t, 6);
		struct page *page = alloc_pages(GFP_KERNEL, order);

		KTEST_ASSERT_NOT_NULL(t, page);
		KTEST_EXPECT_TRUE(t, all_zero(page, order));
		memset(page_address(page), 0x5a, PAGE_SIZE << order);
		__free_pages(page, order);
	}
}

static void freed_page_cannot_be_touched(struct ktest *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	unsigned long flags;
	char *mem, byte;
	long before = 0, after = 0;

	KTEST_ASSERT_NOT_NULL(t, page);
	if (!page_debug_has(PAGE_DEBUG_UNMAP)) {
		__free_pages(page, 2);
		ktest_skip(t, "only with debug_pagealloc=on");
		return;
	}
	mem = page_address(page);
	for (int i = 0; i < 4; i++)
		before |= copy_from_kernel_nofault(&byte, mem + i * PAGE_SIZE, 1);
	KTEST_EXPECT_EQ(t, before, 0L);
	local_irq_save(flags);
	__free_pages(page, 2);
	for (int i = 0; i < 4; i++)
		after += copy_from_kernel_nofault(&byte, mem + i * PAGE_SIZE, 1) != 0;
	local_irq_restore(flags);
	KTEST_EXPECT_EQ(t, after, 4L);
}

/* ---- stack depot ---- */

#define STACKS 600

static depot_stack_handle_t handles[STACKS];

static unsigned int make_stack(unsigned long *entries, unsigned int n)
{
	unsigned int nr = 1 + n % 20;

	for (unsigned int i = 0; i < nr; i++)
		entries[i] = 0xffffffff81000000UL + n * 64 + i;
	return nr;
}

static int save_all(struct crew *c, int me)
{
	unsigned long entries[20];

	for (unsigned int i = 0; i < STACKS; i++) {
		unsigned int n = (i + me * 37) % STACKS;
		depot_stack_handle_t h = stack_depot_save(entries, make_stack(entries, n));
		depot_stack_handle_t old = 0;

		if (!__atomic_compare_exchange_n(&handles[n], &old, h, false, __ATOMIC_RELAXED,
						 __ATOMIC_RELAXED) &&
		    old != h)
			KTEST_FAIL(c->t, "stack %u has two handles, %#x and %#x", n, old, h);
	}
	return 0;
}

static void stackdepot_keeps_each_stack_once(struct ktest *t)
{
	const unsigned long *found;
	unsigned long entries[20] = { 0 };

	NEEDS(t, PAGE_DEBUG_OWNER, "page_owner=on");
	KTEST_EXPECT_EQ(t, stack_depot_save(entries, 0), 0U);
	KTEST_EXPECT_EQ(t, stack_depot_fetch(0, &found), 0U);
	KTEST_EXPECT_EQ(t, stack_depot_fetch(~0U, &found), 0U);
	memset(handles, 0, sizeof(handles));
	run_crew(t, save_all);
	for (unsigned int n = 0; n < STACKS; n++) {
		unsigned int nr = make_stack(entries, n);

		KTEST_ASSERT_NE(t, handles[n], 0U);
		KTEST_ASSERT_EQ(t, stack_depot_fetch(handles[n], &found), nr);
		KTEST_EXPECT_EQ(t, memcmp(found, entries, nr * sizeof(*entries)), 0);
	}
}

static noinline depot_stack_handle_t save_from_here(void)
{
	depot_stack_handle_t h = stack_depot_save_here(8, 0);

	barrier();
	return h;
}

static void stackdepot_names_the_caller(struct ktest *t)
{
	char text[512];

	NEEDS(t, PAGE_DEBUG_OWNER, "page_owner=on");
	KTEST_EXPECT_GT(t, stack_depot_snprint(save_from_here(), text, sizeof(text), 2), 0);
	KTEST_EXPECT_TRUE(t, !strncmp(text, "   save_from_here+0x", 20));
	KTEST_EXPECT_NOT_NULL(t, strstr(text, "\n   stackdepot_names_the_caller+0x"));
	KTEST_EXPECT_LT(t, stack_depot_snprint(save_from_here(), text, 30, 2), 30);
}

/* ---- page_ext, page_owner ---- */

static void page_ext_has_a_record_for_each_page(struct ktest *t)
{
	struct page_ext *last = NULL;
	unsigned long records = 0, step = 0;

	NEEDS(t, PAGE_DEBUG_OWNER, "page_owner=on");
	for (unsigned long pfn = 0; pfn < max_pfn; pfn++) {
		struct page_ext *ext;

		if (!pfn_valid(pfn))
			continue;
		ext = page_ext_get(pfn_to_page(pfn));
		KTEST_ASSERT_NOT_NULL(t, ext);
		if (pfn % MAX_ORDER_NR_PAGES > 1)
			KTEST_ASSERT_EQ(t, (unsigned long)((char *)ext - (char *)last), step);
		step = (char *)ext - (char *)last;
		last = ext;
		records++;
	}
	KTEST_EXPECT_GT(t, records, 1000UL);
	KTEST_EXPECT_NULL(t, page_ext_get(pfn_to_page(section_nr_to_pfn(nr_mem_sections))));
}

static void page_owner_knows_who_and_from_where(struct ktest *t)
{
	struct page_owner o;
	bool allocated;
	struct page *page;
	char text[1024];
	const gfp_t gfp = GFP_KERNEL | __GFP_ZERO;

	NEEDS(t, PAGE_DEBUG_OWNER, "page_owner=on");
	page = alloc_pages(gfp, 2);
	KTEST_ASSERT_NOT_NULL(t, page);
	for (int i = 0; i < 4; i++) {
		KTEST_ASSERT_TRUE(t, page_owner_read(page + i, &o, &allocated));
		KTEST_EXPECT_TRUE(t, allocated);
		KTEST_EXPECT_EQ(t, o.order, 2);
		KTEST_EXPECT_EQ(t, o.gfp_mask, gfp);
		KTEST_EXPECT_EQ(t, o.pid, current->pid);
		KTEST_EXPECT_EQ(t, o.tgid, current->tgid);
		KTEST_EXPECT_STREQ(t, o.comm, current->comm);
	}
	KTEST_EXPECT_GT(t, stack_depot_snprint(o.handle, text, sizeof(text), 0), 0);
	KTEST_EXPECT_NOT_NULL(t, strstr(text, " page_owner_knows_who_and_from_where+0x"));
	split_page(page, 2);
	for (int i = 0; i < 4; i++) {
		KTEST_EXPECT_TRUE(t, page_owner_read(page + i, &o, &allocated));
		KTEST_EXPECT_EQ(t, o.order, 0);
		__free_page(page + i);
		KTEST_EXPECT_TRUE(t, page_owner_read(page + i, &o, &allocated));
		KTEST_EXPECT_FALSE(t, allocated);
		KTEST_EXPECT_EQ(t, o.free_pid, current->pid);
		KTEST_EXPECT_GE(t, o.free_ts_nsec, o.ts_nsec);
	}
	KTEST_EXPECT_GT(t, stack_depot_snprint(o.free_handle, text, sizeof(text), 0), 0);
	KTEST_EXPECT_NOT_NULL(t, strstr(text, "free"));
}

static noinline struct folio *folio_from_elsewhere(void)
{
	struct folio *folio = folio_alloc(GFP_HIGHUSER_MOVABLE, 1);

	barrier();
	return folio;
}

static void page_owner_moves_with_the_contents(struct ktest *t)
{
	struct page_owner a, b;
	struct folio *from, *to;
	bool allocated;

	NEEDS(t, PAGE_DEBUG_OWNER, "page_owner=on");
	from = folio_from_elsewhere();
	to = folio_alloc(GFP_KERNEL, 1);
	KTEST_ASSERT_NOT_NULL(t, from);
	KTEST_ASSERT_NOT_NULL(t, to);
	page_owner_set_migrate_reason(&from->page, 3);
	page_owner_copy(to, from);
	KTEST_EXPECT_TRUE(t, page_owner_read(&from->page, &a, &allocated));
	KTEST_EXPECT_TRUE(t, page_owner_read(&to->page, &b, &allocated));
	KTEST_EXPECT_TRUE(t, allocated);
	KTEST_EXPECT_EQ(t, a.handle, b.handle);
	KTEST_EXPECT_EQ(t, a.gfp_mask, b.gfp_mask);
	KTEST_EXPECT_EQ(t, b.last_migrate_reason, 3);
	folio_put(from);
	folio_put(to);
}

/* ---- shuffle ---- */

#define MAX_BLOCKS 512

static int pfn_cmp(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

static int list_of_blocks(struct zone *zone, unsigned long *pfns)
{
	struct page *page;
	int n = 0;

	guard(spinlock_irqsave)(&zone->lock);
	list_for_each_entry(page, &zone->free_area[SHUFFLE_ORDER].free_list[MIGRATE_MOVABLE],
			    buddy_list)
		if (n < MAX_BLOCKS)
			pfns[n++] = page_to_pfn(page);
	return n;
}

/* 0: unlike sets, somebody allocated meanwhile; 1: the same set in the same order; 2: in another. */
static int compare_shuffled(struct zone *zone, unsigned long *a, unsigned long *b, int *nr)
{
	int n, m;
	bool same_order;

	n = list_of_blocks(zone, a);
	shuffle_zone(zone);
	m = list_of_blocks(zone, b);
	*nr = n;
	if (n != m)
		return 0;
	same_order = !memcmp(a, b, n * sizeof(*a));
	sort(a, n, sizeof(*a), pfn_cmp, NULL);
	sort(b, n, sizeof(*b), pfn_cmp, NULL);
	if (memcmp(a, b, n * sizeof(*a)))
		return 0;
	return same_order ? 1 : 2;
}

static void shuffle_changes_order_and_nothing_else(struct ktest *t)
{
	unsigned long *a = kmalloc(2 * MAX_BLOCKS * sizeof(*a), GFP_KERNEL);
	struct zone *zone;
	int tested = 0;

	KTEST_ASSERT_NOT_NULL(t, a);
	for_each_populated_zone(zone) {
		int n = 0, result = 0;

		for (int try = 0; try < 10 && !result; try++)
			result = compare_shuffled(zone, a, a + MAX_BLOCKS, &n);
		/* The order stays by chance once in n! runs. */
		if (n < 16 || n >= MAX_BLOCKS)
			continue;
		ktest_info(t, "%s: %d blocks", zone->name, n);
		KTEST_EXPECT_EQ(t, result, 2);
		tested++;
	}
	kfree(a);
	if (!tested)
		ktest_skip(t, "no zone with 16 blocks of the highest order");
}

static void shuffle_picks_both_ends(struct ktest *t)
{
	int tails = 0;

	for (int i = 0; i < 6400; i++)
		tails += shuffle_pick_tail();
	KTEST_EXPECT_GT(t, tails, 2800); /* 3200 expected, 10 sigma */
	KTEST_EXPECT_LT(t, tails, 3600);
}

/* ---- page-table checker ---- */

static void checker_knows_what_copy_on_write_allows(struct ktest *t)
{
	struct page_table_check c = { 0 };

	KTEST_EXPECT_NULL(t, page_table_check_map(&c, true, true));	/* fresh, writable */
	KTEST_EXPECT_NULL(t, page_table_check_map(&c, true, false));	/* the child of a fork */
	KTEST_EXPECT_NOT_NULL(t, page_table_check_map(&c, true, true)); /* never */
	KTEST_EXPECT_NULL(t, page_table_check_unmap(&c, true));
	KTEST_EXPECT_NOT_NULL(t, page_table_check_map(&c, false, false)); /* both kinds */
	KTEST_EXPECT_NOT_NULL(t, page_table_check_unmap(&c, false));
	KTEST_EXPECT_EQ(t, c.anon_map_count, 2);
	c = (struct page_table_check){ 0 };
	for (int i = 0; i < 3; i++)
		KTEST_EXPECT_NULL(t, page_table_check_map(&c, false, true)); /* shared file */
	KTEST_EXPECT_NOT_NULL(t, page_table_check_map(&c, true, false));
	for (int i = 0; i < 3; i++)
		KTEST_EXPECT_NULL(t, page_table_check_unmap(&c, false));
	KTEST_EXPECT_NOT_NULL(t, page_table_check_unmap(&c, false)); /* once too often */
}

static void checker_counts_entries(struct ktest *t)
{
	struct page_table_check *c;
	struct page *page;
	pte_t entry = { 0 }, value;

	NEEDS(t, PAGE_DEBUG_TABLE_CHECK, "page_table_check=on");
	page = alloc_page(GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, page);
	c = page_table_check_of(page);
	KTEST_ASSERT_NOT_NULL(t, c);
	value = pfn_pte(page_to_pfn(page), PAGE_SHARED);
	set_user_pte(&entry, value);
	KTEST_EXPECT_EQ(t, c->file_map_count, 1);
	set_user_pte(&entry, pte_wrprotect(value)); /* replaced: one out, one in */
	KTEST_EXPECT_EQ(t, c->file_map_count, 1);
	set_user_pte(&entry, pte_modify(value, PAGE_NONE)); /* no program can use it */
	KTEST_EXPECT_EQ(t, c->file_map_count, 0);
	set_user_pte(&entry, pte_mkspecial(value));
	KTEST_EXPECT_EQ(t, c->file_map_count, 0);
	set_user_pte(&entry, value);
	KTEST_EXPECT_EQ(t, pte_val(user_ptep_get_and_clear(&entry)), pte_val(value));
	KTEST_EXPECT_EQ(t, c->file_map_count, 0);
	KTEST_EXPECT_EQ(t, c->anon_map_count, 0);
	__free_page(page);
}

static const struct ktest_case pagedebug_cases[] = {
	KTEST_CASE(fault_attr_obeys_each_setting),
	KTEST_CASE(fail_nth_fails_the_nth),
	KTEST_CASE(times_is_exact_on_all_cpus),
	KTEST_CASE(malformed_words_change_nothing),
	KTEST_CASE(fail_page_alloc_fails_exactly_times),
	KTEST_CASE(poison_finds_what_was_written),
	KTEST_CASE(poison_sees_use_after_free),
	KTEST_CASE(init_on_alloc_and_free_leave_no_old_bytes),
	KTEST_CASE(freed_page_cannot_be_touched),
	KTEST_CASE(stackdepot_keeps_each_stack_once),
	KTEST_CASE(stackdepot_names_the_caller),
	KTEST_CASE(page_ext_has_a_record_for_each_page),
	KTEST_CASE(page_owner_knows_who_and_from_where),
	KTEST_CASE(page_owner_moves_with_the_contents),
	KTEST_CASE(shuffle_changes_order_and_nothing_else),
	KTEST_CASE(shuffle_picks_both_ends),
	KTEST_CASE(checker_knows_what_copy_on_write_allows),
	KTEST_CASE(checker_counts_entries),
	{},
};
KTEST_SUITE(pagedebug, pagedebug_cases);
