/*
 * Suite list_lru: order, nodes, what each answer of an isolate callback does, and all CPUs at once against counts.
 */
#include "mm/slab/list_lru.h"

#include "kernel/ktest.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"
#include "tests/kernel/crew.h"

#define NR 64

struct thing {
	struct list_head lru;
	int number, shown;
	bool busy, young;
	enum lru_status answer;
	char fill[100];
};

static struct list_lru lru;
static struct thing *things[NR];

static int make_things(void)
{
	for (int i = 0; i < NR; i++) {
		/* Four here, four there, where there are two nodes. */
		int nid = node_online(i / 4 % 2) ? i / 4 % 2 : NUMA_NO_NODE;

		things[i] = kzalloc_node(sizeof(struct thing), GFP_KERNEL, nid);
		if (!things[i])
			return -ENOMEM;
		INIT_LIST_HEAD(&things[i]->lru);
		things[i]->number = i;
	}
	return list_lru_init(&lru);
}

static void free_things(void)
{
	for (int i = 0; i < NR; i++)
		kfree(things[i]);
	list_lru_destroy(&lru);
}

static void items_are_on_the_list_once(struct ktest *t)
{
	struct thing *a = things[0];
	int nid = page_to_nid(virt_to_page(a));

	KTEST_EXPECT_TRUE(t, list_lru_add(&lru, &a->lru));
	KTEST_EXPECT_FALSE(t, list_lru_add(&lru, &a->lru));
	KTEST_EXPECT_EQ(t, list_lru_count(&lru), 1UL);
	KTEST_EXPECT_EQ(t, list_lru_count_node(&lru, nid), 1UL);
	KTEST_EXPECT_TRUE(t, list_lru_del(&lru, &a->lru));
	KTEST_EXPECT_FALSE(t, list_lru_del(&lru, &a->lru));
	KTEST_EXPECT_EQ(t, list_lru_count(&lru), 0UL);
}

static enum lru_status answer(struct list_head *item, struct list_lru_node *l, void *arg)
{
	struct thing *thing = container_of(item, struct thing, lru);
	int *order = arg;

	thing->shown = ++*order;
	switch (thing->answer) {
	case LRU_REMOVED:
		list_lru_isolate(l, item);
		break;
	case LRU_REMOVED_RETRY:
		list_lru_isolate(l, item);
		spin_unlock(&l->lock);
		spin_lock(&l->lock);
		break;
	case LRU_RETRY:
		spin_unlock(&l->lock);
		thing->answer = LRU_SKIP;
		spin_lock(&l->lock);
		break;
	default:
		break;
	}
	return thing->answer == LRU_SKIP && thing->busy ? LRU_RETRY : thing->answer;
}

static void oldest_come_first_and_budget_holds(struct ktest *t)
{
	int nid = page_to_nid(virt_to_page(things[0])), order = 0, on_node = 0;
	unsigned long budget = 5;

	for (int i = 0; i < NR; i++) {
		things[i]->answer = LRU_SKIP;
		things[i]->shown = 0;
		list_lru_add(&lru, &things[i]->lru);
	}
	KTEST_EXPECT_EQ(t, list_lru_walk_node(&lru, nid, answer, &order, &budget), 0UL);
	KTEST_EXPECT_EQ(t, order, 5);
	KTEST_EXPECT_EQ(t, budget, 0UL);
	for (int i = 0; i < NR; i++) {
		if (page_to_nid(virt_to_page(things[i])) != nid)
			KTEST_EXPECT_EQ(t, things[i]->shown, 0);
		else if (on_node++ < 5)
			KTEST_EXPECT_EQ(t, things[i]->shown, on_node);
		else
			KTEST_EXPECT_EQ(t, things[i]->shown, 0);
	}
	KTEST_EXPECT_EQ(t, list_lru_count(&lru), (unsigned long)NR);
	for (int i = 0; i < NR; i++)
		list_lru_del(&lru, &things[i]->lru);
}

static void answers_do_what_they_say(struct ktest *t)
{
	static const enum lru_status answers[] = { LRU_REMOVED, LRU_ROTATE, LRU_SKIP,
						   LRU_REMOVED_RETRY };
	int order = 0, removed = 0, nid = page_to_nid(virt_to_page(things[2]));
	unsigned long isolated = 0, budget;

	for (int i = 0; i < NR; i++) {
		things[i]->answer = answers[i % 4];
		removed += i % 4 == 0 || i % 4 == 3;
		list_lru_add(&lru, &things[i]->lru);
	}
	/* What is rotated comes round again until the budget is used up, so each node gets its own. */
	for (int n = 0; n < MAX_NUMNODES; n++) {
		budget = 100 * NR;
		isolated += list_lru_walk_node(&lru, n, answer, &order, &budget);
	}
	KTEST_EXPECT_EQ(t, isolated, (unsigned long)removed);
	KTEST_EXPECT_EQ(t, list_lru_count(&lru), (unsigned long)(NR - removed));
	for (int i = 0; i < NR; i++)
		KTEST_EXPECT_EQ(t, list_empty(&things[i]->lru), i % 4 == 0 || i % 4 == 3);
	/* Rotated ones are the young end now: skipped ones are shown before them. */
	for (int i = 0; i < NR; i++)
		things[i]->shown = 0;
	order = 0;
	budget = NR / 4;
	list_lru_walk_node(&lru, nid, answer, &order, &budget);
	for (int i = 2; i < NR; i += 4)
		if (page_to_nid(virt_to_page(things[i])) == nid)
			KTEST_EXPECT_GT(t, things[i]->shown, 0);
	for (int i = 0; i < NR; i++)
		list_lru_del(&lru, &things[i]->lru);
	KTEST_EXPECT_EQ(t, list_lru_count(&lru), 0UL);
}

static enum lru_status take_if_free(struct list_head *item, struct list_lru_node *l, void *arg)
{
	list_lru_isolate_move(l, item, arg);
	return LRU_REMOVED;
}

/* Each thread owns every n-th thing, and walks take any: at the end all are accounted for. */
static int storm(struct crew *c, int me)
{
	static DEFINE_SPINLOCK(taken_lock);
	u32 rnd = (u32)c->t->seed + me * 7919;
	LIST_HEAD(taken);

	for (int i = 0; i < ROUNDS; i++) {
		struct thing *thing = things[(rnd >> 16) % NR / c->n * c->n + me < NR
						     ? (rnd >> 16) % NR / c->n * c->n + me
						     : me];

		rnd = rnd * 1664525 + 1013904223;
		spin_lock(&taken_lock);
		if (rnd & 0x1000)
			list_lru_add(&lru, &thing->lru);
		else
			list_lru_del(&lru, &thing->lru);
		if (!(i % 64)) {
			list_lru_walk(&lru, take_if_free, &taken, 3);
			while (!list_empty(&taken))
				list_del_init(taken.next);
		}
		spin_unlock(&taken_lock);
		/* Without the lock: only add and del, of what is this thread's own. */
		list_lru_add(&lru, &thing->lru);
	}
	return 0;
}

static void storm_keeps_the_counts(struct ktest *t)
{
	unsigned long on = 0;

	run_crew(t, storm);
	for (int i = 0; i < NR; i++)
		on += !list_empty(&things[i]->lru);
	KTEST_EXPECT_EQ(t, list_lru_count(&lru), on);
	for (int i = 0; i < NR; i++)
		list_lru_del(&lru, &things[i]->lru);
	KTEST_EXPECT_EQ(t, list_lru_count(&lru), 0UL);
}

static const struct ktest_case list_lru_cases[] = {
	KTEST_CASE(items_are_on_the_list_once),
	KTEST_CASE(oldest_come_first_and_budget_holds),
	KTEST_CASE(answers_do_what_they_say),
	KTEST_CASE(storm_keeps_the_counts),
	{},
};
KTEST_SUITE_FULL(list_lru, list_lru_cases, make_things, free_things);
