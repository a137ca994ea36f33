/*
 * Suite buddy_storm: all CPUs at once on the arena, with a model that knows who has which page.
 *
 * 1. One kernel thread bound to each CPU (four at most) allocates and frees blocks of all orders and types through the
 *    whole path: per-CPU lists, zone, stealing, highatomic reserve; and from a timer's interrupt besides. owner[] has a cell
 *    for each page: whoever gets a page must find its cell empty and fills it, atomically, so that two owners of one page are seen.
 * 2. At the end everything is returned, the lists are drained, and the arena must look as on the first day: the same
 *    blocks of the same order, and of the same type where only one type was asked for.
 */
#include "arch/x86/irqflags.h"
#include "kernel/completion.h"
#include "kernel/kthread.h"
#include "kernel/sched.h"
#include "kernel/timer.h"
#include "tests/kernel/arena.h"

#define MAX_WORKERS 4
#define SLOTS	    96
#define OPS	    6000

struct held {
	struct page *page;
	unsigned int order;
};

struct worker {
	struct ktest *t;
	u64 rnd;
	int cpu;
	bool one_type; /* all requests are movable */
	bool exhaust;  /* never free: until nothing is left */
	struct held slots[SLOTS];
	struct held irq; /* the timer's own */
	struct hrtimer timer;
	bool stop;
	unsigned long taken, refused, in_irq;
	struct completion done;
};

static struct worker workers[MAX_WORKERS];
static u8 owner[ARENA_BLOCKS][BLOCK_PAGES];

static u64 next_random(struct worker *w)
{
	w->rnd ^= w->rnd << 13;
	w->rnd ^= w->rnd >> 7;
	w->rnd ^= w->rnd << 17;
	return w->rnd;
}

static u8 *cell_of(const struct page *page)
{
	for (int b = 0; b < arena.nr_blocks; b++)
		if (page >= arena.blocks[b] && page < arena.blocks[b] + BLOCK_PAGES)
			return &owner[b][page - arena.blocks[b]];
	return NULL;
}

static bool claim(struct worker *w, struct page *page, unsigned int order)
{
	u8 *cell = cell_of(page);

	if (!cell || page_to_pfn(page) % BIT(order) || page_ref_count(page) != 1) {
		KTEST_FAIL(w->t, "block of order %u at pfn %lx", order, page_to_pfn(page));
		return false;
	}
	for (unsigned long i = 0; i < BIT(order); i++) {
		u8 before = __atomic_exchange_n(&cell[i], w->cpu + 1, __ATOMIC_SEQ_CST);

		if (before) {
			KTEST_FAIL(w->t, "pfn %lx has two owners, CPUs %d and %d",
				   page_to_pfn(page) + i, before - 1, w->cpu);
			return false;
		}
	}
	return true;
}

static void give_back(struct worker *w, struct held *h)
{
	u8 *cell = cell_of(h->page);

	for (unsigned long i = 0; i < BIT(h->order); i++)
		if (__atomic_exchange_n(&cell[i], 0, __ATOMIC_SEQ_CST) != w->cpu + 1)
			KTEST_FAIL(w->t, "pfn %lx was not ours", page_to_pfn(h->page) + i);
	__free_pages(h->page, h->order);
	h->page = NULL;
}

static enum hrtimer_restart from_interrupt(struct hrtimer *timer)
{
	struct worker *w = container_of(timer, struct worker, timer);

	if (READ_ONCE(w->stop))
		return HRTIMER_NORESTART;
	if (w->irq.page) {
		give_back(w, &w->irq);
	} else {
		unsigned int order = w->in_irq % 4;
		struct page *page = arena_alloc(GFP_ATOMIC, order,
						ALLOC_WMARK_MIN | ALLOC_NON_BLOCK |
							(order ? ALLOC_HIGHATOMIC : 0));

		if (page && claim(w, page, order))
			w->irq = (struct held){ page, order };
		w->in_irq++;
	}
	hrtimer_forward_now(timer, 100000); /* every 100 us */
	return HRTIMER_RESTART;
}

static void one_operation(struct worker *w, u64 r)
{
	static const gfp_t types[] = { GFP_NOWAIT, GFP_NOWAIT | __GFP_MOVABLE,
				       GFP_NOWAIT | __GFP_RECLAIMABLE };
	struct held *h = &w->slots[r % SLOTS];
	gfp_t gfp = w->one_type ? GFP_NOWAIT | __GFP_MOVABLE : types[(r >> 20) % 3];
	/* Mostly small ones, sometimes all orders. */
	unsigned int order = (r >> 30) % ((r >> 40) % 8 ? 4 : NR_PAGE_ORDERS);
	struct page *page;

	if (h->page)
		return give_back(w, h);
	if ((r >> 50) % 64 == 0)
		return drain_local_pages(arena.zone);
	page = arena_alloc(gfp | ((r >> 60) & 1 ? __GFP_COMP : 0), order, ALLOC_WMARK_MIN);
	if (!page) {
		w->refused++;
		return;
	}
	w->taken += BIT(order);
	if (claim(w, page, order))
		*h = (struct held){ page, order };
}

static int storm(void *data)
{
	struct worker *w = data;

	hrtimer_init(&w->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	w->timer.function = from_interrupt;
	hrtimer_start(&w->timer, 50000, HRTIMER_MODE_REL_PINNED);
	for (int i = 0; i < OPS && !w->t->failed; i++) {
		one_operation(w, next_random(w));
		if (i % 256 == 0)
			cond_resched();
	}
	WRITE_ONCE(w->stop, true);
	hrtimer_cancel(&w->timer);
	if (w->irq.page)
		give_back(w, &w->irq);
	for (int i = 0; i < SLOTS; i++)
		if (w->slots[i].page)
			give_back(w, &w->slots[i]);
	complete(&w->done);
	return 0;
}

/* Takes single pages until there is none; they are chained through page->index. */
static int exhaust(void *data)
{
	struct worker *w = data;
	struct page *page, *chain = NULL;

	while (!w->t->failed &&
	       (page = arena_alloc(GFP_NOWAIT | __GFP_MOVABLE, 0, ALLOC_WMARK_MIN))) {
		claim(w, page, 0);
		page->index = (unsigned long)chain;
		chain = page;
		w->taken++;
	}
	w->slots[0].page = chain;
	complete(&w->done);
	return 0;
}

static bool run(struct ktest *t, int (*fn)(void *), bool one_type)
{
	int n = 0, cpu;

	memset(owner, 0, sizeof(owner));
	memset(workers, 0, sizeof(workers));
	for_each_online_cpu(cpu) {
		struct worker *w = &workers[n];
		struct task_struct *task;

		if (n == MAX_WORKERS)
			break;
		*w = (struct worker){
			.t = t, .cpu = cpu, .one_type = one_type, .rnd = ktest_random(t) | 1
		};
		init_completion(&w->done);
		task = kthread_create_on_cpu(fn, w, cpu, "storm/%u");
		if (IS_ERR(task)) {
			KTEST_FAIL(t, "no thread for CPU %d", cpu);
			break;
		}
		n++;
		wake_up_process(task);
	}
	for (int i = 0; i < n; i++)
		wait_for_completion(&workers[i].done);
	drain_all_pages(arena.zone);
	return !t->failed;
}

static void report(struct ktest *t)
{
	unsigned long taken = 0, refused = 0, irq = 0;

	for (int i = 0; i < MAX_WORKERS; i++) {
		taken += workers[i].taken;
		refused += workers[i].refused;
		irq += workers[i].in_irq;
	}
	KTEST_EXPECT_GT(t, taken, 0UL);
	ktest_info(t, "%lu pages taken, %lu requests refused, %lu from interrupts", taken, refused,
		   irq);
}

/* As many free blocks of the highest order as in the beginning, and nothing else. */
static void expect_first_day(struct ktest *t, bool same_type)
{
	KTEST_EXPECT_TRUE(t, lists_are_sane(t));
	for (int order = 0; order < MAX_PAGE_ORDER; order++)
		if (order != (int)pageblock_order) /* special blocks do not unite with others */
			KTEST_EXPECT_EQ(t, nr_free(order), 0UL);
	KTEST_EXPECT_EQ(t, free_count(), arena_pages());
	if (!same_type)
		return;
	KTEST_EXPECT_EQ(t, nr_free(MAX_PAGE_ORDER), (unsigned long)arena.nr_blocks);
	KTEST_EXPECT_EQ(t, free_of_type(MIGRATE_MOVABLE), arena_pages());
	for (int b = 0; b < arena.nr_blocks; b++) {
		KTEST_EXPECT_TRUE(t, PageBuddy(arena.blocks[b]));
		KTEST_EXPECT_EQ(t, arena.blocks[b]->private, (unsigned long)MAX_PAGE_ORDER);
	}
}

static void all_types_and_orders_on_all_cpus(struct ktest *t)
{
	NEED_ARENA(t, 2);
	/* So that there is a highatomic reserve. */
	atomic_long_set(&arena.zone->managed_pages, 100 * pageblock_nr_pages);
	run(t, storm, false);
	expect_first_day(t, false);
	KTEST_EXPECT_LE(t, arena.zone->nr_reserved_highatomic, pageblock_nr_pages);
	report(t);
}

static void one_type_ends_as_it_began(struct ktest *t)
{
	struct zone_lock_events ev;

	NEED_ARENA(t, 2);
	run(t, storm, true);
	/* The timers ask for unmovable pages: their theft may have changed a block's type. */
	for (int b = 0; b < arena.nr_blocks; b++)
		for (unsigned long i = 0; i < BLOCK_PAGES; i += pageblock_nr_pages)
			scoped_guard(zone_lock, arena.zone)
				change_pageblock_type(arena.zone, page_to_pfn(arena.blocks[b] + i),
						      MIGRATE_MOVABLE);
	for (int b = 0; b < arena.nr_blocks; b++)
		scoped_guard(zone_lock, arena.zone)
			merge_pageblock(arena.zone, page_to_pfn(arena.blocks[b]));
	expect_first_day(t, true);
	zone_lock_events(arena.zone, &ev);
	report(t);
	ktest_info(t, "zone lock: %lu refills, %lu drains, %lu past the lists", ev.refills,
		   ev.drains, ev.direct);
}

static void exhaustion_on_all_cpus_gives_every_page_once(struct ktest *t)
{
	unsigned long taken = 0, batches;
	struct zone_lock_events ev;

	NEED_ARENA(t, 2);
	run(t, exhaust, true);
	zone_lock_events(arena.zone, &ev);
	for (int i = 0; i < MAX_WORKERS; i++)
		taken += workers[i].taken;
	/* A CPU gives up when the zone is empty, with a list that may be as full as arena_reset() allows; that is free again. */
	KTEST_EXPECT_EQ(t, taken + free_count(), arena_pages());
	KTEST_EXPECT_LE(t, free_count(), 75UL * num_online_cpus());
	/* At most once for each batch of 15, and some more when there is nothing left to get. */
	batches = arena_pages() / 15 + 1;
	KTEST_EXPECT_LE(t, ev.refills, batches + 4UL * MAX_WORKERS);
	for (int i = 0; i < MAX_WORKERS; i++) {
		struct page *page = workers[i].slots[0].page;

		while (page) {
			struct page *next = (struct page *)page->index;

			page->index = 0;
			__free_page(page);
			page = next;
		}
	}
	drain_all_pages(arena.zone);
	expect_first_day(t, true);
	ktest_info(t, "%lu pages, zone lock %lu times to fill lists", taken, ev.refills);
}

static int suite_init(void)
{
	return arena_init(ARENA_BLOCKS);
}

static const struct ktest_case cases[] = {
	KTEST_CASE(exhaustion_on_all_cpus_gives_every_page_once),
	KTEST_CASE(one_type_ends_as_it_began),
	KTEST_CASE(all_types_and_orders_on_all_cpus),
	{},
};
KTEST_SUITE_FULL(buddy_storm, cases, suite_init, arena_exit);
