/*
 * Suite percpu: each CPU has its own copy of a variable and its operations reach that; alloc_percpu() gives a
 * zeroed one, in the first chunk and in later ones; memory comes on demand, and is there for who cannot wait.
 */
#include "arch/x86/numa.h"
#include "kernel/ktest.h"
#include "kernel/percpu.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/page.h"
#include "mm/slab/percpu.h"
#include "tests/kernel/crew.h"

static DEFINE_PER_CPU(u8, pc8);
static DEFINE_PER_CPU(u16, pc16);
static DEFINE_PER_CPU(u32, pc32) = 7;
static DEFINE_PER_CPU(u64, pc64);

static void percpu_operations(struct ktest *t)
{
	int cpu;

	for_each_online_cpu(cpu)
		KTEST_EXPECT_EQ(t, per_cpu(pc32, cpu), 7U);
	this_cpu_write(pc8, 250);
	this_cpu_add(pc8, 10);
	KTEST_EXPECT_EQ(t, this_cpu_read(pc8), 4);
	this_cpu_inc(pc16);
	this_cpu_sub(pc16, 2);
	KTEST_EXPECT_EQ(t, this_cpu_read(pc16), 0xffff);
	KTEST_EXPECT_EQ(t, this_cpu_add_return(pc32, 5), 12U);
	KTEST_EXPECT_EQ(t, this_cpu_cmpxchg(pc32, 12, 7), 12U);
	KTEST_EXPECT_EQ(t, this_cpu_cmpxchg(pc32, 12, 9), 7U);
	KTEST_EXPECT_EQ(t, this_cpu_xchg(pc64, 1ULL << 40), 0ULL);
	KTEST_EXPECT_EQ(t, *this_cpu_ptr(&pc64), 1ULL << 40);
	KTEST_EXPECT_EQ(t, per_cpu(pc64, smp_processor_id()), 1ULL << 40);
	KTEST_EXPECT_EQ(t, (unsigned long)this_cpu_ptr(&pc64),
			(unsigned long)&per_cpu(pc64, smp_processor_id()));
	this_cpu_write(pc64, 0);
	this_cpu_write(pc8, 0);
	this_cpu_write(pc16, 0);
}

static void copies_are_zero_and_separate(struct ktest *t)
{
	unsigned long __percpu *p = alloc_percpu(unsigned long);
	int cpu;

	KTEST_ASSERT_NOT_NULL(t, p);
	for_each_possible_cpu(cpu)
		KTEST_EXPECT_EQ(t, *per_cpu_ptr(p, cpu), 0UL);
	for_each_possible_cpu(cpu)
		*per_cpu_ptr(p, cpu) = 100 + cpu;
	for_each_possible_cpu(cpu)
		KTEST_EXPECT_EQ(t, *per_cpu_ptr(p, cpu), 100UL + cpu);
	free_percpu(p);
	p = alloc_percpu(unsigned long);
	for_each_possible_cpu(cpu)
		KTEST_EXPECT_EQ(t, *per_cpu_ptr(p, cpu), 0UL);
	free_percpu(p);
}

static void add_one(void *info)
{
	unsigned long __percpu *p = info;

	this_cpu_add(*p, 1UL + smp_processor_id());
}

static void this_cpu_reaches_the_own_copy(struct ktest *t)
{
	unsigned long __percpu *p = alloc_percpu(unsigned long);
	int cpu;

	KTEST_ASSERT_NOT_NULL(t, p);
	on_each_cpu(add_one, p, true);
	for_each_online_cpu(cpu)
		KTEST_EXPECT_EQ(t, *per_cpu_ptr(p, cpu), 1UL + cpu);
	free_percpu(p);
}

static void alignment_is_kept(struct ktest *t)
{
	void __percpu *p[10];
	int n = 0;

	for (size_t align = 8; align <= 4096; align *= 2, n++) {
		p[n] = __alloc_percpu(24, align);
		KTEST_ASSERT_NOT_NULL(t, p[n]);
		KTEST_EXPECT_EQ(t, (unsigned long)per_cpu_ptr(p[n], 0) % align, 0UL);
	}
	while (n--)
		free_percpu(p[n]);
}

#define NR_BIG 60

static void further_chunks_work_like_the_first(struct ktest *t)
{
	static u64 __percpu *p[NR_BIG];
	struct pcpu_stats before, during, after;
	int cpu, got = 0;

	pcpu_get_stats(&before);
	for (; got < NR_BIG; got++) {
		p[got] = __alloc_percpu(2048, 64);
		if (!p[got])
			break;
		for_each_possible_cpu(cpu) {
			KTEST_EXPECT_NULL(t, memchr_inv(per_cpu_ptr(p[got], cpu), 0, 2048));
			for (int i = 0; i < 256; i++)
				per_cpu_ptr(p[got], cpu)[i] = ((u64)got << 32) + cpu * 256 + i;
		}
	}
	KTEST_EXPECT_EQ(t, got, NR_BIG);
	pcpu_get_stats(&during);
	KTEST_EXPECT_GT(t, during.nr_chunks, 1U);
	KTEST_EXPECT_EQ(t, during.nr_cur_alloc, before.nr_cur_alloc + got);
	if (got)
		on_each_cpu(add_one, p[got - 1], true);
	for (int n = 0; n < got; n++) {
		unsigned long bad = 0;

		for_each_possible_cpu(cpu)
			for (int i = 0; i < 256; i++)
				bad += per_cpu_ptr(p[n], cpu)[i] !=
				       ((u64)n << 32) + cpu * 256 + i +
					       (n == got - 1 && !i && cpu_online(cpu) ? 1 + cpu
										      : 0);
		KTEST_EXPECT_EQ(t, bad, 0UL);
		free_percpu(p[n]);
	}
	pcpu_get_stats(&after);
	KTEST_EXPECT_EQ(t, after.nr_cur_alloc, before.nr_cur_alloc);
	KTEST_EXPECT_EQ(t, after.bytes, before.bytes);
}

/* GFP_NOWAIT never populates: what it gets has memory already, and the balancer brings more. */
static void atomic_allocations_use_the_reserve(struct ktest *t)
{
	static void __percpu *p[2000];
	struct pcpu_stats before, full, refilled;
	int got = 0, cpu;

	pcpu_balance();
	pcpu_get_stats(&before);
	KTEST_EXPECT_GE(t, before.empty_pop_pages, 4UL);
	while (got < ARRAY_SIZE(p)) {
		p[got] = __alloc_percpu_gfp(PAGE_SIZE / 2, 8, GFP_NOWAIT);
		if (!p[got])
			break;
		for_each_possible_cpu(cpu)
			memset(per_cpu_ptr(p[got], cpu), got, PAGE_SIZE / 2);
		got++;
	}
	/* All that was ready, and the balancer did not come in between more often than there are chunks. */
	KTEST_EXPECT_GE(t, got, 8);
	KTEST_EXPECT_LT(t, got, (int)ARRAY_SIZE(p));
	pcpu_get_stats(&full);
	KTEST_EXPECT_EQ(t, full.nr_cur_alloc, before.nr_cur_alloc + got);
	pcpu_balance();
	pcpu_get_stats(&refilled);
	KTEST_EXPECT_GE(t, refilled.empty_pop_pages, 4UL);
	KTEST_EXPECT_GT(t, refilled.nr_populated, before.nr_populated);
	while (got--)
		free_percpu(p[got]);
	pcpu_balance();
	pcpu_get_stats(&refilled);
	KTEST_EXPECT_EQ(t, refilled.empty_pop_pages, 4UL);
	KTEST_EXPECT_EQ(t, refilled.bytes, before.bytes);
}

/* Percpu: of /proc/meminfo is what the buddy allocator gave; each CPU's page is of its own node. */
static void pages_are_populated_on_demand(struct ktest *t)
{
	unsigned long pages, unit = pcpu_unit_size >> PAGE_SHIFT;
	struct pcpu_stats st;
	void __percpu *p[24];
	int cpu;

	pcpu_balance();
	pages = pcpu_nr_pages();
	pcpu_get_stats(&st);
	KTEST_EXPECT_EQ(t, pages, (unit + st.nr_populated) * num_possible_cpus());
	for (int i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = __alloc_percpu(PAGE_SIZE, PAGE_SIZE);
		KTEST_ASSERT_NOT_NULL(t, p[i]);
		for_each_possible_cpu(cpu) {
			void *a = per_cpu_ptr(p[i], cpu);
			struct page *page = is_vmalloc_addr(a) ? vmalloc_to_page(a)
							       : virt_to_page(a);

			KTEST_EXPECT_EQ(t, page_to_nid(page), cpu_to_node(cpu));
		}
	}
	KTEST_EXPECT_GT(t, pcpu_nr_pages(), pages);
	for (int i = 0; i < ARRAY_SIZE(p); i++)
		free_percpu(p[i]);
	pcpu_balance();
	KTEST_EXPECT_EQ(t, pcpu_nr_pages(), pages);
}

static void nonsense_is_refused(struct ktest *t)
{
	static const struct {
		size_t size, align;
	} bad[] = { { 0, 8 },	     { PCPU_MAX_UNIT_SIZE + 1, 8 }, { ~0UL, 8 },
		    { 8, 3 },	     { 8, PAGE_SIZE * 2 },	    { 8, ~0UL },
		    { 8, 1UL << 63 } };
	struct pcpu_stats before, after;

	ktest_info(t, "one warning is expected, the first time this runs");
	pcpu_get_stats(&before);
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		KTEST_EXPECT_NULL(t, __alloc_percpu(bad[i].size, bad[i].align));
	free_percpu(NULL);
	pcpu_get_stats(&after);
	KTEST_EXPECT_EQ(t, after.nr_alloc, before.nr_alloc);
	KTEST_EXPECT_EQ(t, after.bytes, before.bytes);
}

struct chunk_sum {
	struct ktest *t;
	unsigned long allocs, free, empty, chunks;
};

static int add_chunk(const struct pcpu_chunk_stats *st, void *arg)
{
	struct chunk_sum *sum = arg;

	sum->chunks++;
	sum->allocs += st->nr_alloc;
	sum->free += st->free_bytes;
	sum->empty += st->empty_pop_pages;
	KTEST_EXPECT_LE(sum->t, st->contig_bytes, st->free_bytes);
	KTEST_EXPECT_LE(sum->t, st->max_frag, st->sum_frag);
	KTEST_EXPECT_LE(sum->t, st->cur_min_alloc, st->cur_max_alloc);
	return 0;
}

static void chunk_statistics_add_up(struct ktest *t)
{
	struct chunk_sum sum = { .t = t };
	struct pcpu_stats st;
	void __percpu *p[40];

	for (int i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = __alloc_percpu(8 + 40 * i, 8);
	for (int i = 0; i < ARRAY_SIZE(p); i += 2)
		free_percpu(p[i]);
	pcpu_balance();
	pcpu_get_stats(&st);
	KTEST_EXPECT_EQ(t, pcpu_for_each_chunk(add_chunk, &sum), 0);
	KTEST_EXPECT_EQ(t, sum.chunks, (unsigned long)st.nr_chunks);
	KTEST_EXPECT_EQ(t, sum.allocs, st.nr_cur_alloc);
	KTEST_EXPECT_EQ(t, sum.free, st.capacity - st.bytes);
	KTEST_EXPECT_EQ(t, sum.empty, st.empty_pop_pages);
	KTEST_EXPECT_EQ(t, st.nr_cur_alloc, st.nr_alloc - st.nr_dealloc);
	for (int i = 1; i < ARRAY_SIZE(p); i += 2)
		free_percpu(p[i]);
}

#define STORM_LIVE 12

/* Each thread's allocations carry its pattern on every CPU: nobody else may write there. */
static int storm(struct crew *c, int me)
{
	u32 rnd = (u32)c->t->seed + me * 7919;
	struct {
		u8 __percpu *p;
		size_t size;
		u8 fill;
	} live[STORM_LIVE] = {};
	int bad = 0, cpu;

	for (int step = 0; step < 400 + STORM_LIVE; step++) {
		int n = step < 400 ? (rnd >> 8) % STORM_LIVE : step - 400;

		rnd = rnd * 1664525 + 1013904223;
		if (live[n].p) {
			for_each_possible_cpu(cpu)
				bad += memchr_inv(per_cpu_ptr(live[n].p, cpu),
						  (u8)(live[n].fill + cpu), live[n].size) != NULL;
			free_percpu(live[n].p);
			live[n].p = NULL;
		} else if (step < 400) {
			live[n].size = 1 + (rnd >> 12) % (step % 16 ? 300 : 6000);
			live[n].fill = step + me * 31;
			live[n].p = __alloc_percpu_gfp(live[n].size, 1UL << (rnd >> 28),
						       step % 4 ? GFP_KERNEL : GFP_NOWAIT);
			for_each_possible_cpu(cpu) {
				if (!live[n].p)
					break;
				bad += memchr_inv(per_cpu_ptr(live[n].p, cpu), 0, live[n].size) !=
				       NULL;
				memset(per_cpu_ptr(live[n].p, cpu), live[n].fill + cpu,
				       live[n].size);
			}
		}
		cond_resched();
	}
	KTEST_EXPECT_EQ(c->t, bad, 0);
	return 0;
}

static void storm_on_all_cpus(struct ktest *t)
{
	struct pcpu_stats before, after;

	pcpu_get_stats(&before);
	run_crew(t, storm);
	pcpu_get_stats(&after);
	KTEST_EXPECT_EQ(t, after.bytes, before.bytes);
	KTEST_EXPECT_EQ(t, after.nr_cur_alloc, before.nr_cur_alloc);
}

static void random_against_model(struct ktest *t)
{
	static struct {
		u8 __percpu *p;
		size_t size;
		u8 seed;
	} live[64];
	struct pcpu_stats before, after;
	unsigned long bad = 0;
	int cpu;

	memset(live, 0, sizeof(live));
	pcpu_get_stats(&before);
	for (int step = 0; step < 2000; step++) {
		int n = ktest_random_below(t, ARRAY_SIZE(live));

		if (!live[n].p) {
			live[n].size = 1 + ktest_random_below(t, 700);
			live[n].seed = step;
			live[n].p = __alloc_percpu(live[n].size, 1UL << ktest_random_below(t, 7));
			KTEST_ASSERT_NOT_NULL(t, live[n].p);
			for_each_possible_cpu(cpu)
				memset(per_cpu_ptr(live[n].p, cpu), live[n].seed + cpu,
				       live[n].size);
			continue;
		}
		for_each_possible_cpu(cpu)
			bad += memchr_inv(per_cpu_ptr(live[n].p, cpu), (u8)(live[n].seed + cpu),
					  live[n].size) != NULL;
		free_percpu(live[n].p);
		live[n].p = NULL;
	}
	for (int n = 0; n < ARRAY_SIZE(live); n++)
		free_percpu(live[n].p);
	KTEST_EXPECT_EQ(t, bad, 0UL);
	pcpu_get_stats(&after);
	KTEST_EXPECT_EQ(t, after.bytes, before.bytes);
}

static const struct ktest_case percpu_cases[] = {
	KTEST_CASE(percpu_operations),
	KTEST_CASE(copies_are_zero_and_separate),
	KTEST_CASE(this_cpu_reaches_the_own_copy),
	KTEST_CASE(alignment_is_kept),
	KTEST_CASE(further_chunks_work_like_the_first),
	KTEST_CASE(random_against_model),
	KTEST_CASE(atomic_allocations_use_the_reserve),
	KTEST_CASE(pages_are_populated_on_demand),
	KTEST_CASE(nonsense_is_refused),
	KTEST_CASE(chunk_statistics_add_up),
	KTEST_CASE(storm_on_all_cpus),
	{},
};
KTEST_SUITE(percpu, percpu_cases);
