/*
 * Suite percpu: each CPU has its own copy of a variable and its operations reach that; alloc_percpu() gives a
 * zeroed one, in the first chunk and in later ones.
 */
#include "kernel/ktest.h"
#include "kernel/percpu.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/slab/percpu.h"

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
	KTEST_EXPECT_EQ(t, during.nr_alloc, before.nr_alloc + got);
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
	KTEST_EXPECT_EQ(t, after.nr_alloc, before.nr_alloc);
	KTEST_EXPECT_EQ(t, after.bytes, before.bytes);
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
	{},
};
KTEST_SUITE(percpu, percpu_cases);
