/*
 * Suite shrinker: how much is demanded at which pressure, what is deferred, nodes, and that an allocation which finds
 * nothing shrinks before it fails.
 */
#include "mm/slab/shrinker.h"

#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"
#include "mm/slab/list_lru.h"
#include "mm/slab/slab.h"

static struct shrinker *s;
static unsigned long stock, seen, calls, largest;
static bool refuse;
static int last_nid;

static unsigned long count(struct shrinker *shrinker, struct shrink_control *sc)
{
	return stock ? stock : SHRINK_EMPTY;
}

static unsigned long scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long nr = min(sc->nr_to_scan, stock);

	if (refuse || !(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	calls++;
	seen += sc->nr_to_scan;
	largest = max(largest, sc->nr_to_scan);
	last_nid = sc->nid;
	stock -= nr;
	return nr;
}

static void begin(struct ktest *t, unsigned int flags, unsigned long nr)
{
	stock = nr;
	seen = calls = largest = 0;
	last_nid = -1;
	refuse = false;
	s = shrinker_alloc(flags, "test-%d", 7);
	if (!s) {
		KTEST_FAIL(t, "no memory");
		return;
	}
	KTEST_EXPECT_STREQ(t, s->name, "test-7");
	s->count_objects = count;
	s->scan_objects = scan;
	shrinker_register(s);
}

static void end(void)
{
	shrinker_free(s);
	s = NULL;
}

/* Our share of what a round over all shrinkers did. */
static unsigned long round(gfp_t gfp, int priority)
{
	unsigned long before = stock;

	shrink_slab(gfp, 0, priority);
	return before - stock;
}

static unsigned long event(enum vm_event_item item)
{
	unsigned long ev[NR_VM_EVENT_ITEMS];

	all_vm_events(ev);
	return ev[item];
}

static void pressure_decides_how_much(struct ktest *t)
{
	unsigned long scanned;

	begin(t, 0, 1 << 20);
	KTEST_ASSERT_NOT_NULL(t, s);
	/* Twice the 4096th, in batches. */
	scanned = event(SLABS_SCANNED);
	KTEST_EXPECT_EQ(t, round(GFP_KERNEL, 12), 512UL);
	KTEST_EXPECT_GE(t, event(SLABS_SCANNED) - scanned, 512UL);
	KTEST_EXPECT_EQ(t, largest, (unsigned long)SHRINK_BATCH);
	KTEST_EXPECT_EQ(t, calls, 4UL);
	stock = 1 << 20;
	s->seeks = 8; /* dear objects: a quarter */
	KTEST_EXPECT_EQ(t, round(GFP_KERNEL, 12), 128UL);
	s->seeks = DEFAULT_SEEKS;
	stock = 1000;
	KTEST_EXPECT_EQ(t, round(GFP_KERNEL, 0), 1000UL);
	KTEST_EXPECT_EQ(t, round(GFP_KERNEL, 0), 0UL);
	s->seeks = 0; /* free of cost: half, whatever the pressure */
	stock = 4096;
	KTEST_EXPECT_EQ(t, round(GFP_KERNEL, 12), 2048UL);
	end();
}

static void what_is_refused_is_owed(struct ktest *t)
{
	begin(t, 0, 1 << 16);
	KTEST_ASSERT_NOT_NULL(t, s);
	/* 32 at this pressure: less than a batch, so they add up. */
	for (int i = 0; i < 3; i++)
		KTEST_EXPECT_EQ(t, round(GFP_KERNEL, 12), 0UL);
	KTEST_EXPECT_EQ(t, atomic_long_read(&s->nr_deferred[0]), 96L);
	/* A round that may not enter file systems gets nothing, and leaves its share. */
	atomic_long_set(&s->nr_deferred[0], 0);
	KTEST_EXPECT_EQ(t, round(GFP_NOFS, 4), 0UL);
	KTEST_EXPECT_EQ(t, calls, 0UL);
	KTEST_EXPECT_EQ(t, atomic_long_read(&s->nr_deferred[0]), 8192L);
	/* The next one takes a share of the debt with its own. */
	KTEST_EXPECT_EQ(t, round(GFP_KERNEL, 4), 8192UL + 512);
	KTEST_EXPECT_EQ(t, atomic_long_read(&s->nr_deferred[0]), 8192L - 512);
	/* It never owes more than twice what there is. */
	refuse = true;
	for (int i = 0; i < 20; i++)
		round(GFP_KERNEL, 0);
	KTEST_EXPECT_EQ(t, atomic_long_read(&s->nr_deferred[0]), 2 * (long)stock);
	end();
}

static void nodes_are_told_to_those_who_care(struct ktest *t)
{
	int nid;

	for (int aware = 0; aware < 2; aware++) {
		begin(t, aware ? SHRINKER_NUMA_AWARE : 0, 1 << 20);
		KTEST_ASSERT_NOT_NULL(t, s);
		for_each_online_node(nid) {
			shrink_slab(GFP_KERNEL, nid, 4);
			KTEST_EXPECT_EQ(t, last_nid, aware ? nid : 0);
		}
		end();
	}
}

static int find(struct shrinker *shrinker, void *arg)
{
	return shrinker == arg;
}

static void who_left_is_not_asked(struct ktest *t)
{
	struct shrinker own = { .count_objects = count, .scan_objects = scan, .seeks = 2 };
	unsigned long drops = event(DROP_SLAB);

	stock = 5000;
	KTEST_ASSERT_EQ(t, register_shrinker(&own, "test-own"), 0);
	KTEST_EXPECT_EQ(t, shrinker_for_each(find, &own), 1);
	drop_slab();
	KTEST_EXPECT_EQ(t, stock, 0UL);
	KTEST_EXPECT_EQ(t, event(DROP_SLAB), drops + 1);
	unregister_shrinker(&own);
	unregister_shrinker(&own); /* harmless */
	KTEST_EXPECT_EQ(t, shrinker_for_each(find, &own), 0);
	stock = 5000;
	drop_slab();
	KTEST_EXPECT_EQ(t, stock, 5000UL);
	shrinker_free(NULL);
}

/* A cache of pages that takes nearly all memory, and gives it back only to the shrinker. */
static LIST_HEAD(hoard);
static unsigned long hoarded, given_back;

static unsigned long hoard_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	return hoarded;
}

static unsigned long hoard_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long nr = 0;

	while (nr < sc->nr_to_scan && hoarded) {
		struct page *page = list_first_entry(&hoard, struct page, lru);

		list_del(&page->lru);
		__free_page(page);
		hoarded--;
		nr++;
	}
	given_back += nr;
	return nr;
}

static void allocation_shrinks_before_it_fails(struct ktest *t)
{
	struct shrinker *h = shrinker_alloc(0, "test-hoard");
	unsigned long kills = event(OOM_KILL), got = 0, before, want;
	struct page *page, *next;
	LIST_HEAD(mine);

	KTEST_ASSERT_NOT_NULL(t, h);
	h->count_objects = hoard_count;
	h->scan_objects = hoard_scan;
	given_back = 0;
	/* All there is, also what stands on the lists of the CPUs on which we were on the way. */
	do {
		before = hoarded;
		while ((page = alloc_page(GFP_NOWAIT)) != NULL) {
			list_add(&page->lru, &hoard);
			hoarded++;
		}
		drain_all_pages(NULL);
	} while (hoarded > before);
	shrinker_register(h);
	/* More than is left in watermarks and in the reserve for large requests, which reclaim may open. */
	want = nr_free_pages() + 5000;
	/* As long as there is a hoard nobody goes without; no process is killed for it. */
	while (got < want && (page = alloc_page(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN))) {
		list_add(&page->lru, &mine);
		got++;
	}
	KTEST_EXPECT_EQ(t, got, want);
	KTEST_EXPECT_GE(t, given_back, 4000UL);
	KTEST_EXPECT_EQ(t, event(OOM_KILL), kills);
	list_for_each_entry_safe(page, next, &mine, lru)
		__free_page(page);
	hoard_scan(h, &(struct shrink_control){ .nr_to_scan = ~0UL });
	shrinker_free(h);
}

static const struct ktest_case shrinker_cases[] = {
	KTEST_CASE(pressure_decides_how_much),		KTEST_CASE(what_is_refused_is_owed),
	KTEST_CASE(nodes_are_told_to_those_who_care),	KTEST_CASE(who_left_is_not_asked),
	KTEST_CASE(allocation_shrinks_before_it_fails), {},
};
KTEST_SUITE(shrinker, shrinker_cases);
