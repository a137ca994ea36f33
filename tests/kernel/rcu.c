/*
 * Suite rcu: what readers see stays until they are done, and callbacks run in the order they were given.
 *
 * Readers hold on to an object across as much time as they can and check that it is not poisoned.
 */
#include "arch/x86/irqflags.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "mm/slab/slab.h"
#include "tests/kernel/crew.h"

struct guarded {
	struct rcu_head rcu;
	unsigned long value, copy;
};

#define POISON 0xdeadUL
static struct guarded *shared;
static atomic_t freed;
static atomic_t broken;
static int rcu_stop;

static void free_guarded(struct rcu_head *head)
{
	struct guarded *g = container_of(head, struct guarded, rcu);

	g->value = g->copy = POISON;
	kfree(g);
	atomic_inc(&freed);
}

static int rcu_crew(struct crew *c, int me)
{
	if (me == 0) {
		for (int i = 1; i <= 200; i++) {
			struct guarded *g = kmalloc(sizeof(*g), GFP_KERNEL), *old;

			if (!g)
				break;
			g->value = i;
			g->copy = ~(unsigned long)i;
			old = xchg(&shared, g);
			call_rcu(&old->rcu, free_guarded);
			if (i % 50 == 0)
				synchronize_rcu();
			/* On one CPU each reader then runs until the next tick. */
			if (i % 4 == 0)
				yield();
		}
		WRITE_ONCE(rcu_stop, 1);
		return 0;
	}
	while (!READ_ONCE(rcu_stop)) {
		rcu_read_lock();
		struct guarded *g = rcu_dereference(shared);
		unsigned long v = g->value;

		spin_a_little(me * 20);
		if (v == POISON || g->copy != ~v || g->value != v)
			atomic_inc(&broken);
		rcu_read_unlock();
		cond_resched();
	}
	return 0;
}

static void rcu_keeps_what_readers_see(struct ktest *t)
{
	shared = kmalloc(sizeof(*shared), GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, shared);
	shared->value = 0;
	shared->copy = ~0UL;
	rcu_stop = 0;
	atomic_set(&broken, 0);
	atomic_set(&freed, 0);
	run_crew(t, rcu_crew);
	rcu_barrier();
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, atomic_read(&freed), 200);
	kfree(shared);
}

static atomic_t order_errors, order_next;

struct ordered {
	struct rcu_head rcu;
	int nr;
};

static void check_order(struct rcu_head *head)
{
	if (container_of(head, struct ordered, rcu)->nr != atomic_inc_return(&order_next) - 1)
		atomic_inc(&order_errors);
}

static void rcu_callbacks_run_in_order(struct ktest *t)
{
	static struct ordered o[50];
	unsigned long flags;

	atomic_set(&order_errors, 0);
	atomic_set(&order_next, 0);
	local_irq_save(flags); /* all on one CPU's list */
	for (int i = 0; i < 50; i++) {
		o[i].nr = i;
		call_rcu(&o[i].rcu, check_order);
	}
	local_irq_restore(flags);
	rcu_barrier();
	KTEST_EXPECT_EQ(t, atomic_read(&order_next), 50);
	KTEST_EXPECT_EQ(t, atomic_read(&order_errors), 0);
}

static const struct ktest_case rcu_cases[] = {
	KTEST_CASE(rcu_keeps_what_readers_see),
	KTEST_CASE(rcu_callbacks_run_in_order),
	{},
};
KTEST_SUITE(rcu, rcu_cases);
