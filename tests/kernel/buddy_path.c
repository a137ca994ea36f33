/*
 * Suite buddy_path: watermarks, the slow path and its order of measures, placement, the failure report.
 *
 * The slow path is seen from above: a reclaim_ops of the test's own notes who is called in which order, and frees memory when
 * the case wants it. Memory is used up first, on the machine's own zones, and given back after each case.
 */
#include "arch/x86/irqflags.h"
#include "kernel/current.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/timer.h"
#include "lib/string.h"
#include "mm/phys/internal.h"
#include "mm/phys/memalloc.h"
#include "tests/kernel/log.h"

/* ---- memory, used up ---- */

/* Blocks in a chain through their first page: index, and the order in private. */
static struct page *hoard;
static unsigned long hoarded;

static bool hoard_one(gfp_t gfp, unsigned int order, int nid)
{
	struct page *page = alloc_pages_node(nid, gfp | __GFP_NOWARN, order);

	if (!page)
		return false;
	page->index = (unsigned long)hoard;
	page->private = order;
	hoard = page;
	hoarded += BIT(order);
	return true;
}

static bool release_one(void)
{
	struct page *page = hoard;

	if (!page)
		return false;
	hoard = (struct page *)page->index;
	hoarded -= BIT(page->private);
	__free_pages(page, page->private);
	return true;
}

static void release_all(void)
{
	while (release_one())
		;
	drain_all_pages(NULL);
}

/* Everything that gfp can get, from nid first. */
static void use_up(gfp_t gfp, int nid)
{
	for (int order = MAX_PAGE_ORDER; order >= 0; order--)
		while (hoard_one(gfp, order, nid))
			;
	/* What the lists of other CPUs had, and what was freed meanwhile. */
	for (int round = 0; round < 3; round++) {
		drain_all_pages(NULL);
		while (hoard_one(gfp, 0, nid))
			;
	}
}

/* ---- who is called ---- */

static char calls[64];
static int nr_calls;
static const struct reclaim_ops *saved_ops;
static struct task_struct *caller;
static int free_at; /* the measure that frees something */

static void note(char c)
{
	/* Other tasks may be short of memory too. */
	if (current == caller && nr_calls < (int)sizeof(calls) - 1)
		calls[nr_calls++] = c;
}

static void noted_kswapd(struct zone *zone, gfp_t gfp, unsigned int order, enum zone_type highest)
{
	if (nr_calls && calls[nr_calls - 1] == 'k')
		return; /* one for each node */
	note('k');
}

static unsigned long noted_reclaim(gfp_t gfp, unsigned int order, const struct alloc_context *ac)
{
	note('r');
	return current == caller && free_at == 'r' && release_one();
}

static bool noted_compact(gfp_t gfp, unsigned int order, const struct alloc_context *ac)
{
	note('c');
	return current == caller && free_at == 'c' && release_one();
}

static bool noted_oom(gfp_t gfp, unsigned int order, const struct alloc_context *ac)
{
	note('o');
	return current == caller && free_at == 'o' && release_one();
}

static const struct reclaim_ops noted_ops = {
	.wake_kswapd = noted_kswapd,
	.direct_reclaim = noted_reclaim,
	.compact = noted_compact,
	.oom = noted_oom,
};

/* The calls of one request, as letters; the page is freed. */
static const char *calls_of(gfp_t gfp, unsigned int order, int frees, bool *got)
{
	struct page *page;

	memset(calls, 0, sizeof(calls));
	nr_calls = 0;
	free_at = frees;
	caller = current;
	saved_ops = register_reclaim_ops(&noted_ops);
	page = alloc_pages(gfp | __GFP_NOWARN, order);
	register_reclaim_ops(saved_ops);
	*got = page;
	if (page)
		__free_pages(page, order);
	return calls;
}

/*
 * A request that finds nothing makes exactly these calls. Somebody else may free a page at any moment (RCU, a dying thread):
 * then the request succeeds early, and what is free is used up before we look again.
 */
static void expect_calls(struct ktest *t, gfp_t gfp, unsigned int order, const char *expected)
{
	bool got = true;

	for (int i = 0; i < 20 && got; i++) {
		use_up(GFP_KERNEL | __GFP_NORETRY, NUMA_NO_NODE);
		calls_of(gfp, order, 0, &got);
	}
	KTEST_EXPECT_FALSE(t, got);
	KTEST_EXPECT_STREQ(t, calls, expected);
}

static void measures_come_in_order(struct ktest *t)
{
	/* Who may not sleep only wakes kswapd; the others reclaim once, and then somebody would die. */
	expect_calls(t, GFP_NOWAIT, 0, "k");
	expect_calls(t, GFP_KERNEL, 0, "kro");
	expect_calls(t, GFP_KERNEL | __GFP_NORETRY, 0, "kr");
	expect_calls(t, GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0, "kr");
	/* A large request compacts first, and nobody dies for it. */
	expect_calls(t, GFP_KERNEL, 4, "kckrc");
	/* Two movable pages in a row: reclaim first. */
	expect_calls(t, GFP_HIGHUSER_MOVABLE, 1, "krco");
	/* Without __GFP_KSWAPD_RECLAIM nobody is woken; for a low zone or one node nobody dies. */
	expect_calls(t, __GFP_DIRECT_RECLAIM | __GFP_NORETRY, 0, "r");
	expect_calls(t, GFP_KERNEL | __GFP_THISNODE, 0, "kr");
	release_all();
}

static void what_frees_memory_ends_the_search(struct ktest *t)
{
	bool got;

	use_up(GFP_KERNEL | __GFP_NORETRY, NUMA_NO_NODE);
	/* Reclaim frees pages, one at a time, until the watermark is met. */
	calls_of(GFP_KERNEL, 0, 'r', &got);
	KTEST_EXPECT_TRUE(t, got);
	KTEST_EXPECT_NULL(t, strchr(calls, 'o'));
	/* Others may free something at the same moment: then nobody needs to die, and we look again. */
	for (int i = 0; i < 5; i++) {
		use_up(GFP_KERNEL | __GFP_NORETRY, NUMA_NO_NODE);
		calls_of(GFP_KERNEL, 0, 'o', &got);
		KTEST_EXPECT_TRUE(t, got);
		if (strchr(calls, 'o'))
			break;
	}
	KTEST_EXPECT_NOT_NULL(t, strchr(calls, 'o'));
	release_all();
}

static void atomic_goes_deeper_than_kernel(struct ktest *t)
{
	struct page *page;
	unsigned long kernel, high, atomic;

	use_up(GFP_KERNEL | __GFP_NORETRY, NUMA_NO_NODE);
	page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	KTEST_EXPECT_NULL(t, page);
	kernel = hoarded;
	page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	KTEST_EXPECT_NOT_NULL(t, page);
	if (page)
		__free_page(page);
	/* Who may sleep but is important gets half of min, who cannot sleep a quarter of the rest besides. */
	use_up(GFP_KERNEL | __GFP_HIGH | __GFP_NORETRY, NUMA_NO_NODE);
	high = hoarded - kernel;
	KTEST_EXPECT_GT(t, high, 0UL);
	use_up(GFP_ATOMIC, NUMA_NO_NODE);
	atomic = hoarded - kernel - high;
	KTEST_EXPECT_GT(t, atomic, 0UL);
	KTEST_EXPECT_LT(t, atomic, high);
	KTEST_EXPECT_NULL(t, alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	/* Who frees memory gets all of it, unless he declines. */
	unsigned int flags = memalloc_noreclaim_save();

	KTEST_EXPECT_NULL(t, alloc_page(GFP_NOWAIT | __GFP_NOMEMALLOC));
	page = alloc_page(GFP_NOWAIT);
	memalloc_noreclaim_restore(flags);
	KTEST_EXPECT_NOT_NULL(t, page);
	if (page)
		__free_page(page);
	page = alloc_page(GFP_NOWAIT | __GFP_MEMALLOC);
	KTEST_EXPECT_NOT_NULL(t, page);
	if (page)
		__free_page(page);
	release_all();
	ktest_info(t, "%lu pages for GFP_KERNEL, %lu more with __GFP_HIGH, %lu more for GFP_ATOMIC",
		   kernel, high, atomic);
}

static void nofail_never_fails(struct ktest *t)
{
	struct page *page, *pair;

	use_up(GFP_ATOMIC, NUMA_NO_NODE);
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	pair = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 1);
	KTEST_EXPECT_NOT_NULL(t, page);
	KTEST_EXPECT_NOT_NULL(t, pair);
	if (page)
		__free_page(page);
	if (pair)
		__free_pages(pair, 1);
	release_all();
}

static int release_later(void *unused)
{
	schedule_timeout_uninterruptible(5);
	for (int i = 0; i < 8; i++)
		release_one();
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static void nofail_waits_until_somebody_frees(struct ktest *t)
{
	struct task_struct *helper = kthread_create(release_later, NULL, "release");
	struct page *page;

	KTEST_ASSERT_FALSE(t, IS_ERR(helper));
	/* Without any reserve left. */
	use_up(GFP_NOWAIT | __GFP_MEMALLOC, NUMA_NO_NODE);
	wake_up_process(helper);
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	KTEST_EXPECT_NOT_NULL(t, page);
	kthread_stop(helper);
	if (page)
		__free_page(page);
	release_all();
}

static void lower_zones_are_protected(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_DMA);
	struct zone *dma;

	if (!page)
		return ktest_skip(t, "no ZONE_DMA");
	dma = page_zone(page);
	__free_page(page);
	if (!dma->lowmem_reserve[ZONE_NORMAL] && !dma->lowmem_reserve[ZONE_DMA32])
		return ktest_skip(t, "no zone above it");
	use_up(GFP_NOWAIT, NUMA_NO_NODE);
	/* Who can only use this zone still gets something. */
	page = alloc_page(GFP_NOWAIT | __GFP_DMA);
	KTEST_EXPECT_NOT_NULL(t, page);
	if (page) {
		KTEST_EXPECT_EQ(t, (int)page_zonenum(page), (int)ZONE_DMA);
		__free_page(page);
	}
	release_all();
}

/* ---- placement ---- */

static void this_node_or_nothing(struct ktest *t)
{
	int nid;

	for_each_online_node(nid) {
		struct page *page = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE, 0);

		if (!page)
			continue; /* a node without memory of its own */
		KTEST_EXPECT_EQ(t, page_to_nid(page), nid);
		__free_page(page);
		if (nodes_weight(node_states[N_MEMORY]) < 2)
			continue;
		/* Its neighbour must not help, as long as this is wanted. */
		use_up(GFP_NOWAIT | __GFP_THISNODE, nid);
		KTEST_EXPECT_NULL(t, alloc_pages_node(nid, GFP_NOWAIT | __GFP_THISNODE, 0));
		unsigned long miss = global_numa_event_state(NUMA_MISS),
			      foreign = sum_zone_numa_event_state(nid, NUMA_FOREIGN);

		page = alloc_pages_node(nid, GFP_NOWAIT, 4);
		KTEST_EXPECT_NOT_NULL(t, page);
		if (page) {
			KTEST_EXPECT_NE(t, page_to_nid(page), nid);
			__free_pages(page, 4);
			KTEST_EXPECT_GT(t, global_numa_event_state(NUMA_MISS), miss);
			KTEST_EXPECT_GT(t, sum_zone_numa_event_state(nid, NUMA_FOREIGN), foreign);
		}
		release_all();
	}
}

static void nodemask_is_obeyed(struct ktest *t)
{
	int nid;

	for (nid = 0; nid < MAX_NUMNODES; nid++) {
		nodemask_t only = { BIT(nid) };
		struct page *page;

		if (!node_isset(nid, node_states[N_MEMORY]))
			continue;
		for (unsigned int order = 0; order <= 4; order += 2) {
			page = __alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, order,
					     NUMA_NO_NODE, &only);
			if (!page)
				continue;
			KTEST_EXPECT_EQ(t, page_to_nid(page), nid);
			__free_pages(page, order);
		}
	}
	nodemask_t none = { 0 };

	KTEST_EXPECT_NULL(t, __alloc_pages(GFP_NOWAIT, 0, NUMA_NO_NODE, &none));
}

static void numa_counters_count_every_allocation(struct ktest *t)
{
	struct page *pages[40];
	unsigned long hits[2], local[2], n = ARRAY_SIZE(pages);

	for (int k = 0; k < 2; k++) {
		local_irq_disable();
		hits[k] = global_numa_event_state(NUMA_HIT) + global_numa_event_state(NUMA_MISS);
		local[k] =
			global_numa_event_state(NUMA_LOCAL) + global_numa_event_state(NUMA_OTHER);
		if (!k)
			for (unsigned long i = 0; i < n; i++)
				pages[i] = alloc_pages(GFP_ATOMIC, i % 5);
		local_irq_enable();
	}
	for (unsigned long i = 0; i < n; i++)
		if (pages[i])
			__free_pages(pages[i], i % 5);
		else
			n--;
	/* Others may have allocated on their CPUs. */
	KTEST_EXPECT_GE(t, hits[1] - hits[0], n);
	KTEST_EXPECT_GE(t, local[1] - local[0], n);
	KTEST_EXPECT_EQ(t, global_numa_event_state(NUMA_MISS),
			global_numa_event_state(NUMA_FOREIGN));
}

/* ---- bulk ---- */

static void bulk_fills_holes_lists_and_other_nodes(struct ktest *t)
{
	static struct page *pages[300];
	struct page *page, *next, *kept = alloc_page(GFP_KERNEL);
	LIST_HEAD(list);
	unsigned long n = 0;
	int nid;

	if (nr_free_pages() < 4096)
		return ktest_skip(t, "too little free memory");
	KTEST_ASSERT_NOT_NULL(t, kept);
	memset(pages, 0, sizeof(pages));
	pages[0] = pages[17] = pages[299] = kept;
	KTEST_EXPECT_EQ(t, alloc_pages_bulk(GFP_KERNEL | __GFP_ZERO, 300, pages), 300UL);
	for (int i = 0; i < 300; i++) {
		KTEST_ASSERT_NOT_NULL(t, pages[i]);
		KTEST_EXPECT_EQ(t, page_ref_count(pages[i]), 1);
		if (pages[i] == kept)
			n++;
		else
			KTEST_EXPECT_NULL(t, memchr_inv(page_address(pages[i]), 0, PAGE_SIZE));
	}
	KTEST_EXPECT_EQ(t, n, 3UL);
	pages[17] = pages[1], pages[299] = pages[2]; /* each once, now in 0..298 less 1, 2 */
	pages[1] = pages[2] = NULL;
	n = 0;
	for (int i = 0; i < 300; i++)
		if (pages[i])
			pages[n++] = pages[i];
	KTEST_EXPECT_EQ(t, n, 298UL);
	free_pages_bulk(pages, n);

	KTEST_EXPECT_EQ(t, alloc_pages_bulk_list(GFP_KERNEL, 100, &list), 100UL);
	n = 0;
	list_for_each_entry_safe(page, next, &list, lru) {
		n++;
		__free_page(page);
	}
	KTEST_EXPECT_EQ(t, n, 100UL);

	for (nid = 0; nid < MAX_NUMNODES; nid++) {
		if (!node_isset(nid, node_states[N_MEMORY]) || nid == 0)
			continue;
		memset(pages, 0, sizeof(pages));
		n = __alloc_pages_bulk(GFP_KERNEL | __GFP_THISNODE, nid, NULL, 64, NULL, pages);
		KTEST_EXPECT_EQ(t, n, 64UL);
		for (unsigned long i = 0; i < n; i++)
			KTEST_EXPECT_EQ(t, page_to_nid(pages[i]), nid);
		free_pages_bulk(pages, n);
	}
}

static void bulk_takes_the_lock_once_a_batch(struct ktest *t)
{
	static struct page *pages[1024];
	struct page *probe = alloc_page(GFP_KERNEL);
	unsigned long before, taken, freed, n;
	struct per_cpu_pages *pcp;
	struct zone *z;

	KTEST_ASSERT_NOT_NULL(t, probe);
	z = page_zone(probe);
	__free_page(probe);
	if (zone_page_state(z, NR_FREE_PAGES) < low_wmark_pages(z) + 4096)
		return ktest_skip(t, "too little free memory");
	memset(pages, 0, sizeof(pages));
	local_irq_disable(); /* stay on this CPU, alone */
	pcp = this_cpu_ptr(z->per_cpu_pageset);
	before = pcp->refills + pcp->drains + pcp->direct;
	n = alloc_pages_bulk(GFP_ATOMIC, 1024, pages);
	taken = pcp->refills + pcp->drains + pcp->direct - before;
	free_pages_bulk(pages, n);
	freed = pcp->refills + pcp->drains + pcp->direct - before - taken;
	local_irq_enable();
	KTEST_EXPECT_EQ(t, n, 1024UL);
	KTEST_EXPECT_LE(t, taken, n / pcp->batch + 2);
	KTEST_EXPECT_LE(t, freed, n / pcp->batch + 2);
	ktest_info(t, "1024 pages: the zone lock %lu and %lu times, batch %d", taken, freed,
		   pcp->batch);
}

static void bulk_stops_when_memory_is_short(struct ktest *t)
{
	static struct page *pages[4096];
	unsigned long n, before;

	use_up(GFP_KERNEL | __GFP_NORETRY, NUMA_NO_NODE);
	/* At most a block of the highest order more than that. */
	before = hoarded;
	while (before - hoarded < 100 && release_one())
		;
	memset(pages, 0, sizeof(pages));
	n = alloc_pages_bulk(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, 4096, pages);
	KTEST_EXPECT_LT(t, n, 4096UL);
	for (unsigned long i = 0; i < 4096; i++)
		KTEST_EXPECT_EQ(t, (int)!pages[i], (int)(i >= n));
	free_pages_bulk(pages, n);
	release_all();
}

/* ---- scopes, sizes ---- */

static void scopes_take_flags_away(struct ktest *t)
{
	unsigned int outer = memalloc_nofs_save(), inner;

	KTEST_EXPECT_EQ(t, current_gfp_context(GFP_KERNEL), GFP_NOFS);
	inner = memalloc_noio_save();
	KTEST_EXPECT_EQ(t, current_gfp_context(GFP_KERNEL), GFP_NOIO);
	memalloc_noio_restore(inner);
	KTEST_EXPECT_EQ(t, current_gfp_context(GFP_KERNEL), GFP_NOFS);
	memalloc_nofs_restore(outer);
	KTEST_EXPECT_EQ(t, current_gfp_context(GFP_KERNEL), GFP_KERNEL);
}

static void exact_sizes_on_a_node(struct ktest *t)
{
	for (unsigned long pages = 1; pages <= 33; pages += 4) {
		char *p = alloc_pages_exact_nid(0, pages * PAGE_SIZE - 7, GFP_KERNEL);

		KTEST_ASSERT_NOT_NULL(t, p);
		for (unsigned long i = 0; i < pages; i++)
			KTEST_EXPECT_EQ(t, page_ref_count(virt_to_page(p + i * PAGE_SIZE)), 1);
		free_pages_exact(p, pages * PAGE_SIZE - 7);
	}
	KTEST_EXPECT_NULL(t, alloc_pages_exact(0, GFP_KERNEL));
}

/* ---- idle CPUs ---- */

static int leave_pages(void *unused)
{
	struct page *pages[16];

	for (int i = 0; i < 16; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	for (int i = 0; i < 16; i++)
		if (pages[i])
			__free_page(pages[i]);
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(HZ);
	return 0;
}

static int pages_of_cpu(int cpu)
{
	struct zone *z;
	int n = 0;

	for_each_populated_zone(z)
		n += READ_ONCE(per_cpu_ptr(z->per_cpu_pageset, cpu)->count);
	return n;
}

static void idle_cpu_gives_its_pages_back(struct ktest *t)
{
	struct task_struct *task;
	int other = -1, cpu, left = -1;

	for_each_online_cpu(cpu)
		if (cpu != (int)smp_processor_id())
			other = cpu;
	if (other < 0)
		return ktest_skip(t, "one CPU");
	task = kthread_create_on_cpu(leave_pages, NULL, other, "leave/%u");
	KTEST_ASSERT_FALSE(t, IS_ERR(task));
	wake_up_process(task);
	/* We keep this CPU busy, so that the other one has nothing to do. */
	for (int i = 0; i < 50 && left; i++) {
		schedule_timeout_uninterruptible(2);
		left = pages_of_cpu(other);
	}
	KTEST_EXPECT_EQ(t, left, 0);
	kthread_stop(task);
}

/* ---- the report ---- */

static void failure_is_reported_as_on_linux(struct ktest *t)
{
	static const char *const lines[] = {
		"page allocation failure: order:0, mode:0x10cc0(GFP_KERNEL|__GFP_NORETRY)",
		", nodemask=(null)",
		"CPU: ",
		"Call Trace:",
		"Mem-Info:",
		"active_anon:",
		"lowmem_reserve[]:",
		"*4096kB ",
		"total pagecache pages",
		"pages RAM",
		"pages reserved",
	};
	struct page *page = NULL;
	u64 seq;

	use_up(GFP_KERNEL | __GFP_NORETRY, NUMA_NO_NODE);
	seq = log_next_seq();
	page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	KTEST_EXPECT_FALSE(t, logged(seq, "page allocation failure"));
	if (!page)
		page = alloc_page(GFP_KERNEL | __GFP_NORETRY);
	release_all();
	if (page) {
		__free_page(page);
		return ktest_skip(t, "somebody freed memory meanwhile");
	}
	for (int i = 0; i < ARRAY_SIZE(lines); i++)
		if (!logged(seq, lines[i]))
			KTEST_FAIL(t, "no line with \"%s\"", lines[i]);
}

static void flags_have_names(struct ktest *t)
{
	char buf[160], small[12];

	KTEST_EXPECT_STREQ(t, gfp_flags_string(GFP_KERNEL | __GFP_COMP, buf, sizeof(buf)),
			   "GFP_KERNEL|__GFP_COMP");
	KTEST_EXPECT_STREQ(t, gfp_flags_string(GFP_HIGHUSER_MOVABLE | __GFP_ZERO, buf, sizeof(buf)),
			   "GFP_HIGHUSER_MOVABLE|__GFP_ZERO");
	KTEST_EXPECT_STREQ(t, gfp_flags_string(GFP_ATOMIC, buf, sizeof(buf)), "GFP_ATOMIC");
	KTEST_EXPECT_STREQ(t, gfp_flags_string(0, buf, sizeof(buf)), "none");
	gfp_flags_string(~0U, small, sizeof(small));
	KTEST_EXPECT_LT(t, strlen(small), sizeof(small));
}

static const struct ktest_case cases[] = {
	KTEST_CASE(measures_come_in_order),
	KTEST_CASE(what_frees_memory_ends_the_search),
	KTEST_CASE(atomic_goes_deeper_than_kernel),
	KTEST_CASE(nofail_never_fails),
	KTEST_CASE(nofail_waits_until_somebody_frees),
	KTEST_CASE(lower_zones_are_protected),
	KTEST_CASE(this_node_or_nothing),
	KTEST_CASE(nodemask_is_obeyed),
	KTEST_CASE(numa_counters_count_every_allocation),
	KTEST_CASE(bulk_fills_holes_lists_and_other_nodes),
	KTEST_CASE(bulk_takes_the_lock_once_a_batch),
	KTEST_CASE(bulk_stops_when_memory_is_short),
	KTEST_CASE(scopes_take_flags_away),
	KTEST_CASE(exact_sizes_on_a_node),
	KTEST_CASE(idle_cpu_gives_its_pages_back),
	KTEST_CASE(failure_is_reported_as_on_linux),
	KTEST_CASE(flags_have_names),
	{},
};
KTEST_SUITE(buddy_path, cases);
