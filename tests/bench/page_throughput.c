/*
 * page_throughput.c - single pages on several CPUs at once: how much goes through, and how often the zone's lock is taken.
 *
 * 1. A thread on each of n CPUs takes PILE pages, more than any per-CPU list keeps, and gives them all back, again and
 *    again. So lists run empty and run over, and the zone's lock is needed, which is what CPUs could stand in each
 *    other's way at.
 * 2. zone_lock_once_a_batch counts. Each CPU's lists note every refill and drain (struct per_cpu_pages), and every page
 *    that went through them. A CPU that moves p pages with batches of b may take the lock p / b times in each direction,
 *    and once more for a batch that was begun. All pages must have gone through the lists, and (almost) none past
 *    them, with a lock of its own.
 * 3. pages_per_second is for tools/bench.py (BENCH=smp): 1, 2 and 4 CPUs for a fixed time each. It prints figures; what it
 *    demands is only that every CPU got work done, for the host may be busy.
 */
#include "arch/x86/atomic.h"
#include "kernel/completion.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "mm/phys/buddy.h"

#define MAX_CPUS 4
#define PILE	 4096 /* pages that a thread holds at most; less if the lists are short */
#define COUNTED	 24   /* piles of each thread in the counted run */
#define SPAN_MS	 200  /* of a timed run */

struct thread {
	struct completion done;
	struct page **pile;
	unsigned long pages; /* taken and given back */
	bool refused;
} ____cacheline_aligned;

static struct thread threads[MAX_CPUS];
static unsigned long pile_size, piles_each; /* piles_each 0: until stop */
static atomic_t ready;
static int wanted;
static bool stop;

static int worker(void *arg)
{
	struct thread *me = arg;

	atomic_inc(&ready);
	while (atomic_read(&ready) < wanted)
		cpu_relax();
	for (unsigned long n = 0; piles_each ? n < piles_each : !READ_ONCE(stop); n++) {
		unsigned long got = 0;

		while (got < pile_size && (me->pile[got] = alloc_page(GFP_KERNEL)))
			got++;
		for (unsigned long i = 0; i < got; i++)
			__free_page(me->pile[i]);
		me->pages += got;
		me->refused |= got < pile_size;
		cond_resched();
	}
	complete(&me->done);
	return 0;
}

/* One thread on each of the first n CPUs; for span_ms, or if that is 0 for a number of piles. Nanoseconds, 0: failed. */
static u64 run(struct ktest *t, int n, unsigned int span_ms)
{
	u64 start = 0;
	int i;

	wanted = n;
	stop = false;
	piles_each = span_ms ? 0 : COUNTED;
	atomic_set(&ready, 0);
	for (i = 0; i < n; i++) {
		struct task_struct *k;

		threads[i].pages = 0;
		threads[i].refused = false;
		init_completion(&threads[i].done);
		k = kthread_create_on_cpu(worker, &threads[i], i, "pages/%u");
		if (IS_ERR(k)) {
			KTEST_FAIL(t, "thread %d: %ld", i, PTR_ERR(k));
			wanted = 0; /* those that wait for it go on */
			WRITE_ONCE(stop, true);
			break;
		}
		wake_up_process(k);
	}
	start = ktime_get();
	if (span_ms)
		msleep(span_ms);
	WRITE_ONCE(stop, true);
	for (int j = 0; j < i; j++)
		wait_for_completion(&threads[j].done);
	return i == n ? ktime_get() - start : 0;
}

static void release(void)
{
	for (int i = 0; i < MAX_CPUS; i++) {
		free_pages_exact(threads[i].pile, PILE * sizeof(struct page *));
		threads[i].pile = NULL;
	}
}

/* Piles for all threads, of a size that leaves the machine most of its memory; false (skipped) if it is too small. */
static bool prepare(struct ktest *t)
{
	pile_size = min(PILE, nr_free_pages() / (4 * MAX_CPUS));
	if (pile_size < 512) {
		ktest_skip(t, "not enough memory");
		return false;
	}
	for (int i = 0; i < MAX_CPUS; i++) {
		threads[i].pile = alloc_pages_exact(PILE * sizeof(struct page *), GFP_KERNEL);
		if (!threads[i].pile) {
			for (int j = 0; j < i; j++)
				free_pages_exact(threads[j].pile, PILE * sizeof(struct page *));
			ktest_skip(t, "no memory for the piles");
			return false;
		}
	}
	return true;
}

struct counts {
	unsigned long allocs, frees, refills, drains, direct;
};

static struct counts counts_of(int cpu, int *batch)
{
	struct counts c = {};
	struct zone *zone;

	*batch = INT_MAX;
	for_each_populated_zone(zone) {
		struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);

		c.allocs += READ_ONCE(pcp->allocs[0]);
		c.frees += READ_ONCE(pcp->frees);
		c.refills += READ_ONCE(pcp->refills);
		c.drains += READ_ONCE(pcp->drains);
		c.direct += READ_ONCE(pcp->direct);
		/* The zones that get the work are the large ones; a tiny zone's batch of 1 must not excuse them. */
		if (zone_managed_pages(zone) > pile_size)
			*batch = min(*batch, READ_ONCE(pcp->batch));
	}
	return c;
}

static void zone_lock_once_a_batch(struct ktest *t)
{
	struct counts before[MAX_CPUS];
	int n = min_t(int, num_online_cpus(), MAX_CPUS), batch;

	if (!prepare(t))
		return;
	for (int i = 0; i < n; i++)
		before[i] = counts_of(i, &batch);
	if (!run(t, n, 0))
		goto out;
	for (int i = 0; i < n; i++) {
		struct counts after = counts_of(i, &batch);
		unsigned long in = after.allocs - before[i].allocs;
		unsigned long back = after.frees - before[i].frees;
		unsigned long refills = after.refills - before[i].refills;
		unsigned long drains = after.drains - before[i].drains;

		ktest_info(t, "CPU %d: %lu pages out, %lu refills; %lu back, %lu drains; batch %d",
			   i, in, refills, back, drains, batch);
		KTEST_EXPECT_FALSE(t, threads[i].refused);
		KTEST_EXPECT_GE(t, in, COUNTED * pile_size);
		KTEST_EXPECT_GE(t, back, COUNTED * pile_size);
		/* Each pile may begin a batch that it does not use up. */
		KTEST_EXPECT_LE(t, refills, in / batch + COUNTED);
		KTEST_EXPECT_LE(t, drains, back / batch + COUNTED);
		KTEST_EXPECT_LE(t, after.direct - before[i].direct, (unsigned long)COUNTED);
		KTEST_EXPECT_GT(t, refills + drains, 0UL);
	}
out:
	release();
}

static void pages_per_second(struct ktest *t)
{
	if (!prepare(t))
		return;
	for (int n = 1; n <= min_t(int, num_online_cpus(), MAX_CPUS); n *= 2) {
		unsigned long pages = 0;
		u64 ns = run(t, n, SPAN_MS);

		for (int i = 0; i < n; i++) {
			KTEST_EXPECT_GT(t, threads[i].pages, 0UL);
			KTEST_EXPECT_FALSE(t, threads[i].refused);
			pages += threads[i].pages;
		}
		if (ns)
			ktest_info(t, "BENCH op=pages_on_%d_cpus median=%lu", n,
				   (unsigned long)(pages * 1000000 / (ns / 1000)));
	}
	release();
	ktest_info(t, "BENCH end");
}

static const struct ktest_case cases[] = {
	KTEST_CASE(zone_lock_once_a_batch),
	KTEST_CASE(pages_per_second),
	{},
};
KTEST_SUITE(bench_page_throughput, cases);
