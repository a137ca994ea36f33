/*
 * Suite movable_ops: a played driver whose pages move under it, while it reads, writes, frees and makes them, and refuses at times.
 *
 * The driver knows what must be in each of its pages. Movers pick any page that the driver has or had, isolate it, and move it or give
 * it back. In the end every page is accounted for: the driver's allocations minus its frees are the pages that it has, and each
 * has one reference.
 */
#include "arch/x86/page_ops.h"
#include "kernel/ktest.h"
#include "kernel/mutex.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/random.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/buddy.h"
#include "mm/user/migrate.h"
#include "mm/user/movable.h"
#include "tests/kernel/crew.h"

#define SLOTS 24

static struct slot {
	struct page *page; /* pool_lock for changes, and the page's lock */
	u64 value;	   /* pool_lock: what is in each word of it */
} slots[SLOTS];
static DEFINE_MUTEX(pool_lock);
static atomic_t moved, refused, isolated_now;

static const struct movable_operations pool_ops;

static bool pool_isolate(struct page *page)
{
	guard(mutex)(&pool_lock);
	if (page->index % 7 == 3 && slots[page->index].value % 2) {
		atomic_inc(&refused);
		return false;
	}
	atomic_inc(&isolated_now);
	return true;
}

static int pool_migrate(struct page *dst, struct page *src)
{
	struct slot *s = &slots[src->index];

	guard(mutex)(&pool_lock);
	if (s->value % 5 == 4)
		return -EBUSY;
	copy_page(page_address(dst), page_address(src));
	dst->index = src->index;
	get_page(dst);
	__SetPageMovable(dst, &pool_ops);
	s->page = dst;
	__ClearPageMovable(src);
	put_page(src);
	atomic_inc(&moved);
	atomic_dec(&isolated_now);
	return 0;
}

static void pool_putback(struct page *page)
{
	atomic_dec(&isolated_now);
}

static const struct movable_operations pool_ops = { pool_isolate, pool_migrate, pool_putback };

static void fill(struct page *page, u64 value)
{
	u64 *w = page_address(page);
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / 8; i++)
		w[i] = value;
}

static bool pool_make(unsigned int i, u64 value)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return false;
	page->index = i;
	fill(page, value);
	lock_page(page);
	mutex_lock(&pool_lock);
	if (slots[i].page) {
		mutex_unlock(&pool_lock);
		unlock_page(page);
		put_page(page);
		return true;
	}
	slots[i] = (struct slot){ page, value };
	__SetPageMovable(page, &pool_ops);
	mutex_unlock(&pool_lock);
	unlock_page(page);
	return true;
}

/* The slot's page, locked, with a reference; it may have moved between the look and the lock. */
static struct page *pool_lock_page(unsigned int i)
{
	for (;;) {
		struct page *page;

		mutex_lock(&pool_lock);
		page = slots[i].page;
		if (page)
			get_page(page);
		mutex_unlock(&pool_lock);
		if (!page)
			return NULL;
		lock_page(page);
		if (READ_ONCE(slots[i].page) == page)
			return page;
		unlock_page(page);
		put_page(page);
	}
}

static void pool_free(unsigned int i)
{
	struct page *page = pool_lock_page(i);

	if (!page)
		return;
	mutex_lock(&pool_lock);
	slots[i].page = NULL;
	if (PageIsolated(page))
		atomic_dec(&isolated_now); /* nobody will ask for it any more */
	__ClearPageMovable(page);
	mutex_unlock(&pool_lock);
	unlock_page(page);
	put_page(page);
	put_page(page);
}

static void pool_check(struct ktest *t, unsigned int i, u64 new)
{
	guard(mutex)(&pool_lock);
	if (!slots[i].page)
		return;
	KTEST_EXPECT_NULL(t, memchr_inv(page_address(slots[i].page), (int)(slots[i].value & 0xff),
					PAGE_SIZE));
	slots[i].value = new;
	fill(slots[i].page, new);
}

static struct folio *fresh(struct folio *src, void *arg)
{
	return folio_alloc(GFP_KERNEL, 0);
}

static void mover(struct ktest *t, unsigned int i, bool move)
{
	struct page *page;

	mutex_lock(&pool_lock);
	page = slots[i].page;
	if (page)
		get_page(
			page); /* only so that the test does not look at a page of somebody else's */
	mutex_unlock(&pool_lock);
	if (!page)
		return;
	if (isolate_movable_page(page)) {
		put_page(page);
		if (move)
			migrate_folio(page_folio(page), fresh, NULL);
		else
			putback_movable_page(page);
	} else {
		put_page(page);
	}
}

/* One byte, eight times over: memchr_inv() tells whether a page is all of it. */
static u64 value_of(struct rnd_state *rnd)
{
	return prandom_below(rnd, 256) * 0x0101010101010101ULL;
}

static int worker(struct crew *c, int me)
{
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, c->t->seed + me);
	for (i = 0; i < 1500 && !c->t->failed; i++) {
		unsigned int slot = prandom_below(&rnd, SLOTS);

		switch (prandom_below(&rnd, 8)) {
		case 0:
			pool_free(slot);
			break;
		case 1:
		case 2:
			if (!pool_make(slot, value_of(&rnd)))
				KTEST_FAIL(c->t, "no memory");
			break;
		case 3:
			pool_check(c->t, slot, value_of(&rnd));
			break;
		default:
			mover(c->t, slot, prandom_below(&rnd, 4) != 0);
		}
		cond_resched();
	}
	return 0;
}

static void driver_and_movers_at_once(struct ktest *t)
{
	unsigned int i;

	atomic_set(&moved, 0);
	run_crew(t, worker);
	ktest_info(t, "%d moved, %d refused", atomic_read(&moved), atomic_read(&refused));
	KTEST_EXPECT_GT(t, atomic_read(&moved), 0);
	KTEST_EXPECT_EQ(t, atomic_read(&isolated_now), 0);
	for (i = 0; i < SLOTS; i++) {
		struct page *page = slots[i].page;

		if (page) {
			KTEST_EXPECT_EQ(t, page_count(page), 1);
			KTEST_EXPECT_FALSE(t, PageIsolated(page));
			KTEST_EXPECT_EQ(t, page->index, (unsigned long)i);
		}
		pool_check(t, i, 0);
		pool_free(i);
	}
}

static void one_page_step_by_step(struct ktest *t)
{
	struct page *page, *plain = alloc_page(GFP_KERNEL);

	KTEST_ASSERT_NOT_NULL(t, plain);
	KTEST_EXPECT_FALSE(t, isolate_movable_page(plain)); /* nobody can move this one */
	put_page(plain);
	KTEST_ASSERT_TRUE(t, pool_make(1, 0));
	page = slots[1].page;
	KTEST_EXPECT_TRUE(t, isolate_movable_page(page));
	KTEST_EXPECT_FALSE(t, isolate_movable_page(page)); /* once is enough */
	KTEST_EXPECT_EQ(t, page_count(page), 2);
	putback_movable_page(page);
	KTEST_EXPECT_EQ(t, page_count(page), 1);
	KTEST_EXPECT_TRUE(t, isolate_movable_page(page));
	KTEST_EXPECT_EQ(t, migrate_folio(page_folio(page), fresh, NULL), 0);
	KTEST_EXPECT_NE(t, slots[1].page, page);
	KTEST_EXPECT_EQ(t, page_count(slots[1].page), 1);
	/* Freed while somebody has it isolated: the mover's reference is the last. */
	page = slots[1].page;
	KTEST_EXPECT_TRUE(t, isolate_movable_page(page));
	pool_free(1);
	KTEST_EXPECT_EQ(t, page_count(page), 1);
	KTEST_EXPECT_EQ(t, migrate_folio(page_folio(page), fresh, NULL), 0);
	KTEST_EXPECT_NULL(t, slots[1].page);
	/* The driver says no in the middle: this value leaves 4 when divided by 5. */
	KTEST_ASSERT_TRUE(t, pool_make(2, 0x0303030303030303ULL));
	page = slots[2].page;
	KTEST_EXPECT_TRUE(t, isolate_movable_page(page));
	KTEST_EXPECT_EQ(t, migrate_folio(page_folio(page), fresh, NULL), -EBUSY);
	KTEST_EXPECT_EQ(t, slots[2].page, page);
	KTEST_EXPECT_FALSE(t, PageIsolated(page));
	pool_free(2);
	KTEST_EXPECT_EQ(t, atomic_read(&isolated_now), 0);
}

static const struct ktest_case movable_ops_cases[] = {
	KTEST_CASE(one_page_step_by_step),
	KTEST_CASE(driver_and_movers_at_once),
	{},
};
KTEST_SUITE(movable_ops, movable_ops_cases);
