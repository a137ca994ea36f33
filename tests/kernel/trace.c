/*
 * Suite trace: the ring buffers keep what they promise: whole records in order, the newest (or the oldest), each one that is
 * missing counted; from interrupts too, on all CPUs at once, with readers, while memory is replaced. And events record what
 * happened, and nothing when they are off.
 *
 * Records here carry a number of their CPU and a pattern that follows from it, so a torn or lost record shows.
 */
#include "arch/x86/irqflags.h"
#include "kernel/completion.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/timer.h"
#include "kernel/trace/trace.h"
#include "lib/err.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

#define SMALL 8192UL

struct note {
	struct trace_entry ent;
	u64 seq;
	u32 len; /* bytes of pattern */
	u32 zero;
	u8 pattern[];
};

static DEFINE_PER_CPU(u64, next_seq);
static struct ring_copy copy; /* one reader at a time */

static u8 pattern_byte(u64 seq, u32 i)
{
	return seq * 31 + i * 7;
}

/* A record with the next number of this CPU, which it takes with interrupts off like the room itself. */
static bool write_note(u32 len)
{
	struct trace_reserve r;
	struct note *n = trace_event_reserve(&r, &trace_event_print, sizeof(*n) + len);

	if (!n)
		return false;
	n->seq = this_cpu_read(next_seq);
	this_cpu_inc(next_seq);
	n->len = len;
	for (u32 i = 0; i < len; i++)
		n->pattern[i] = pattern_byte(n->seq, i);
	trace_event_commit(&r);
	return true;
}

static bool note_is_whole(const struct note *n)
{
	if (n->ent.type != TRACE_PRINT_ID || n->len > RING_MAX_BYTES)
		return false;
	for (u32 i = 0; i < n->len; i++)
		if (n->pattern[i] != pattern_byte(n->seq, i))
			return false;
	return true;
}

static struct ring_buffer *ring(int cpu)
{
	return per_cpu_ptr(&trace_rings, cpu);
}

static bool peek(int cpu, struct ring_iter *it, unsigned long *lost)
{
	guard(mutex)(&ring(cpu)->reader_mutex);
	return ring_peek(ring(cpu), it, &copy, lost);
}

/* The next record of a CPU, consumed. */
static bool consume(int cpu, unsigned long *lost)
{
	struct ring_iter it;

	guard(mutex)(&ring(cpu)->reader_mutex);
	ring_read_pos(ring(cpu), &it);
	if (!ring_peek(ring(cpu), &it, &copy, lost))
		return false;
	ring_advance(&it, &copy);
	ring_consume(ring(cpu), &it);
	return true;
}

static const struct note *noted(void)
{
	return (const struct note *)copy.bytes;
}

/* Empty buffers of size bytes, numbers from 0. */
static bool fresh(struct ktest *t, unsigned long size)
{
	int cpu, err;

	guard(mutex)(&event_mutex);
	trace_set_overwrite(true);
	err = trace_expand();
	if (!err)
		err = trace_resize(-1, size);
	KTEST_EXPECT_EQ(t, err, 0);
	for_each_online_cpu(cpu)
		per_cpu(next_seq, cpu) = 0;
	return !err;
}

static void wrapping_keeps_the_newest_in_order(struct ktest *t)
{
	int cpu = smp_processor_id();
	struct ring_iter it;
	unsigned long lost = 0, n = 0, flags;
	u64 expect, stamp = 0;

	if (!fresh(t, SMALL))
		return;
	local_irq_save(flags);
	cpu = smp_processor_id();
	for (int i = 0; i < 3000; i++)
		KTEST_EXPECT_TRUE(t, write_note(ktest_random_below(t, 900)));
	local_irq_restore(flags);
	ring_iter_reset(ring(cpu), &it);
	expect = ring(cpu)->overrun;
	KTEST_EXPECT_GT(t, expect, 2900ULL);
	KTEST_EXPECT_LE(t, ring(cpu)->head - ring(cpu)->tail, (u64)SMALL);
	/* A record more, and the oldest would have had room: nothing is dropped too early. */
	KTEST_EXPECT_GT(t, ring(cpu)->head - ring(cpu)->tail, (u64)SMALL - 2200);
	while (peek(cpu, &it, &lost)) {
		KTEST_ASSERT_EQ(t, noted()->seq, expect);
		KTEST_ASSERT_TRUE(t, note_is_whole(noted()));
		KTEST_EXPECT_GE(t, copy.rec.ts, stamp);
		stamp = copy.rec.ts;
		ring_advance(&it, &copy);
		expect++;
		n++;
	}
	KTEST_EXPECT_EQ(t, expect, 3000ULL);
	KTEST_EXPECT_EQ(t, lost, 0UL);
	KTEST_EXPECT_EQ(t, ring_entries(ring(cpu)), n);
	KTEST_EXPECT_EQ(t, ring(cpu)->written, 3000ULL);
}

static void without_overwriting_the_oldest_stay(struct ktest *t)
{
	unsigned long lost = 0, flags, kept = 0;
	int cpu;

	if (!fresh(t, SMALL))
		return;
	trace_set_overwrite(false);
	local_irq_save(flags);
	cpu = smp_processor_id();
	while (kept < 1000 && write_note(100))
		kept++;
	for (int i = 0; i < 10; i++)
		KTEST_EXPECT_FALSE(t, write_note(100));
	local_irq_restore(flags);
	KTEST_EXPECT_EQ(t, kept, SMALL / ALIGN(sizeof(struct note) + 100 + 16, 16));
	KTEST_EXPECT_EQ(t, ring(cpu)->dropped, 11ULL);
	KTEST_EXPECT_EQ(t, ring(cpu)->overrun, 0ULL);
	for (unsigned long i = 0; i < kept; i++) {
		KTEST_ASSERT_TRUE(t, consume(cpu, &lost));
		KTEST_EXPECT_EQ(t, noted()->seq, i);
	}
	KTEST_EXPECT_FALSE(t, consume(cpu, &lost));
	KTEST_EXPECT_EQ(t, lost, 0UL);
	if (cpu == smp_processor_id())
		KTEST_EXPECT_TRUE(t, write_note(100));
	trace_set_overwrite(true);
}

static void a_record_in_a_record_is_dropped_and_counted(struct ktest *t)
{
	struct trace_reserve r;
	struct note *n;
	int cpu;

	if (!fresh(t, SMALL))
		return;
	n = trace_event_reserve(&r, &trace_event_print, sizeof(*n));
	KTEST_ASSERT_NOT_NULL(t, n);
	cpu = smp_processor_id();
	KTEST_EXPECT_TRUE(t, irqs_disabled());
	KTEST_EXPECT_FALSE(t, write_note(10));
	trace_event_commit(&r);
	KTEST_EXPECT_FALSE(t, irqs_disabled());
	KTEST_EXPECT_EQ(t, ring(cpu)->dropped, 1ULL);
	KTEST_EXPECT_EQ(t, ring(cpu)->written, 1ULL);
	KTEST_EXPECT_FALSE(t, write_note(RING_MAX_BYTES));
	KTEST_EXPECT_EQ(t, ring(smp_processor_id())->written + (cpu != smp_processor_id()), 1ULL);
}

static atomic_t shots;

static enum hrtimer_restart shoot(struct hrtimer *timer)
{
	write_note(40);
	atomic_inc(&shots);
	hrtimer_forward_now(timer, 100 * NSEC_PER_USEC);
	return HRTIMER_RESTART;
}

static void interrupts_write_between_records(struct ktest *t)
{
	unsigned long lost = 0, from_irq = 0, rounds = 0;
	u64 expect = 0, stamp = 0;
	struct hrtimer timer;
	int cpu = smp_processor_id();

	if (!fresh(t, 1UL << 20))
		return;
	atomic_set(&shots, 0);
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	timer.function = shoot;
	cpu = smp_processor_id(); /* no sleep from here to the cancel */
	hrtimer_start(&timer, 100 * NSEC_PER_USEC, HRTIMER_MODE_REL_PINNED);
	while (atomic_read(&shots) < 50 && rounds++ < 10000000)
		if (!(rounds % 64))
			write_note(rounds % 100);
	hrtimer_cancel(&timer);
	KTEST_EXPECT_GE(t, atomic_read(&shots), 50);
	while (consume(cpu, &lost)) {
		expect += lost;
		lost = 0;
		KTEST_ASSERT_EQ(t, noted()->seq, expect);
		KTEST_ASSERT_TRUE(t, note_is_whole(noted()));
		KTEST_ASSERT_GE(t, copy.rec.ts, stamp);
		stamp = copy.rec.ts;
		if (noted()->ent.flags & TRACE_FLAG_HARDIRQ) {
			KTEST_EXPECT_TRUE(t, noted()->ent.flags & TRACE_FLAG_IRQS_OFF);
			from_irq++;
		}
		expect++;
	}
	KTEST_EXPECT_EQ(t, expect, per_cpu(next_seq, cpu));
	KTEST_EXPECT_EQ(t, ring(cpu)->dropped, 0ULL);
	KTEST_EXPECT_GT(t, from_irq, 0UL);
}

/* ---- all CPUs ---- */

static struct {
	struct ktest *t;
	atomic_t left;
	int records;
} storm;

static int storm_writer(void *arg)
{
	u64 x = (unsigned long)arg * 0x9e3779b97f4a7c15ULL + storm.t->seed;

	for (int i = 0; i < storm.records; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		write_note(x >> 33 & 127);
		if (!(i & 255))
			cond_resched();
	}
	atomic_dec(&storm.left);
	return 0;
}

static bool start_storm(struct ktest *t, int records)
{
	int cpu, started = 0;

	storm.t = t;
	storm.records = records;
	atomic_set(&storm.left, 0);
	for_each_online_cpu(cpu) {
		struct task_struct *k = kthread_create_on_cpu(
			storm_writer, (void *)(unsigned long)cpu, cpu, "trace/%u");

		KTEST_EXPECT_FALSE(t, IS_ERR(k));
		if (IS_ERR(k))
			continue;
		atomic_inc(&storm.left);
		wake_up_process(k);
		started++;
	}
	return started == num_online_cpus();
}

static void readers_beside_writers_miss_only_what_is_counted(struct ktest *t)
{
	static u64 expect[NR_CPUS], stamp[NR_CPUS];
	unsigned long lost, total_lost = 0, nr_read = 0;
	bool last = false;
	int cpu;

	if (!fresh(t, SMALL))
		return;
	memset(expect, 0, sizeof(expect));
	memset(stamp, 0, sizeof(stamp));
	if (!start_storm(t, 10000))
		last = true;
	for (;;) {
		bool idle = true;

		if (!atomic_read(&storm.left))
			last = true;
		for_each_online_cpu(cpu) {
			for (int i = 0; i < 40; i++) {
				lost = 0;
				if (!consume(cpu, &lost))
					break;
				idle = false;
				expect[cpu] += lost;
				total_lost += lost;
				nr_read++;
				if (noted()->seq != expect[cpu] || !note_is_whole(noted()) ||
				    copy.rec.ts < stamp[cpu])
					KTEST_FAIL(t, "cpu %d: record %llu where %llu should be",
						   cpu, noted()->seq, expect[cpu]);
				expect[cpu] = noted()->seq + 1;
				stamp[cpu] = copy.rec.ts;
			}
		}
		if (idle && last && !atomic_read(&storm.left))
			break;
		cond_resched();
	}
	for_each_online_cpu(cpu) {
		KTEST_EXPECT_EQ(t, expect[cpu], 10000ULL);
		KTEST_EXPECT_EQ(t, ring(cpu)->written, 10000ULL);
		KTEST_EXPECT_EQ(t, ring(cpu)->dropped, 0ULL);
	}
	KTEST_EXPECT_EQ(t, nr_read + total_lost, 10000UL * num_online_cpus());
	KTEST_EXPECT_GT(t, nr_read, 0UL);
	ktest_info(t, "%lu records read, %lu lost", nr_read, total_lost);
}

static void memory_may_be_replaced_under_writers(struct ktest *t)
{
	unsigned long lost = 0;
	int cpu, rounds = 0;

	if (!fresh(t, SMALL) || !start_storm(t, 5000))
		return;
	do {
		guard(mutex)(&event_mutex);
		if (ktest_random_below(t, 2))
			trace_reset(-1);
		else
			KTEST_EXPECT_EQ(t, trace_resize(-1, PAGE_SIZE << ktest_random_below(t, 5)),
					0);
		rounds++;
		schedule_timeout_uninterruptible(1);
	} while (atomic_read(&storm.left));
	for_each_online_cpu(cpu) {
		u64 at = 0;

		lost = 0;
		while (consume(cpu, &lost)) {
			KTEST_ASSERT_TRUE(t, note_is_whole(noted()));
			KTEST_ASSERT_TRUE(t, !at || noted()->seq == at);
			at = noted()->seq + 1;
		}
		KTEST_EXPECT_TRUE(t, !at || at == 5000);
	}
	KTEST_EXPECT_GT(t, rounds, 0);
}

static void a_place_from_before_a_reset_starts_anew(struct ktest *t)
{
	struct ring_iter it;
	unsigned long lost = 0, flags;
	int cpu;

	if (!fresh(t, SMALL))
		return;
	local_irq_save(flags);
	cpu = smp_processor_id();
	for (int i = 0; i < 20; i++)
		write_note(50);
	local_irq_restore(flags);
	ring_iter_reset(ring(cpu), &it);
	for (int i = 0; i < 10; i++) {
		KTEST_ASSERT_TRUE(t, peek(cpu, &it, &lost));
		ring_advance(&it, &copy);
	}
	trace_reset(cpu);
	KTEST_EXPECT_FALSE(t, peek(cpu, &it, &lost));
	KTEST_EXPECT_EQ(t, it.pos, 0ULL);
}

/* ---- events ---- */

/* Records of an event in all buffers; *found: the one whose first field is value. */
static int count_records(const struct trace_event_call *call, u64 value, bool second, bool *found)
{
	unsigned long lost = 0;
	int cpu, n = 0;

	*found = false;
	for_each_online_cpu(cpu) {
		while (consume(cpu, &lost)) {
			const struct trace_entry *ent = (const void *)copy.bytes;

			if (ent->type != call->id)
				continue;
			n++;
			*found |= copy.bytes[second ? 2 : 1] == value;
		}
	}
	return n;
}

static void set_events(struct ktest *t, const char *pattern, bool on)
{
	guard(mutex)(&event_mutex);
	KTEST_EXPECT_EQ(t, trace_set_events(pattern, on), 0);
}

extern struct trace_event_call trace_event_kmalloc, trace_event_kfree, trace_event_mm_page_alloc,
	trace_event_mm_page_free;

static void events_record_only_while_they_are_on(struct ktest *t)
{
	struct page *page;
	bool found;
	void *p;

	if (!fresh(t, 64UL << 10))
		return;
	kfree(kmalloc(100, GFP_KERNEL));
	KTEST_EXPECT_EQ(t, count_records(&trace_event_kmalloc, 0, true, &found), 0);

	set_events(t, "kmem:kmalloc", true);
	p = kmalloc(100, GFP_KERNEL);
	set_events(t, "kmem:kmalloc", false);
	KTEST_EXPECT_GE(t, count_records(&trace_event_kmalloc, (u64)p, true, &found), 1);
	KTEST_EXPECT_TRUE(t, found);
	set_events(t, "kfree", true);
	kfree(p);
	set_events(t, "kmem:kf*", false);
	KTEST_EXPECT_GE(t, count_records(&trace_event_kfree, (u64)p, true, &found), 1);
	KTEST_EXPECT_TRUE(t, found);

	set_events(t, "kmem:mm_page_*", true);
	page = alloc_pages(GFP_KERNEL, 2);
	set_events(t, "kmem:", false);
	KTEST_ASSERT_NOT_NULL(t, page);
	KTEST_EXPECT_GE(
		t, count_records(&trace_event_mm_page_alloc, page_to_pfn(page), false, &found), 1);
	KTEST_EXPECT_TRUE(t, found);
	set_events(t, "mm_page_free", true);
	__free_pages(page, 2);
	set_events(t, "kmem", false);
	KTEST_EXPECT_GE(
		t, count_records(&trace_event_mm_page_free, page_to_pfn(page), false, &found), 1);
	KTEST_EXPECT_TRUE(t, found);
	kfree(kmalloc(100, GFP_KERNEL));
	KTEST_EXPECT_EQ(t, count_records(&trace_event_kmalloc, 0, true, &found), 0);
}

static void patterns_that_name_nothing_are_refused(struct ktest *t)
{
	guard(mutex)(&event_mutex);
	KTEST_EXPECT_EQ(t, trace_set_events("", true), -EINVAL);
	KTEST_EXPECT_EQ(t, trace_set_events("kmem:nothing", true), -EINVAL);
	KTEST_EXPECT_EQ(t, trace_set_events("nothing:", true), -EINVAL);
	KTEST_EXPECT_EQ(t, trace_set_events("kmem:kmallo", false), -EINVAL);
	KTEST_EXPECT_EQ(t, trace_set_events("kmem:kmallocs", false), -EINVAL);
	KTEST_EXPECT_EQ(t, trace_set_events("k?em:*alloc", false), 0);
	KTEST_EXPECT_EQ(t, trace_resize(-1, ~0UL), -EINVAL);
}

/* Events that the command line switched on would write between ours. */
static int trace_suite_init(void)
{
	guard(mutex)(&event_mutex);
	return trace_set_events("*:*", false);
}

/* No events, no buffers. */
static void trace_suite_exit(void)
{
	int cpu;

	guard(mutex)(&event_mutex);
	trace_set_events("*:*", false);
	trace_set_overwrite(true);
	for_each_online_cpu(cpu)
		ring_buffer_resize(cpu, 0);
	trace_expanded = false;
	trace_buffer_size = 1408UL << 10;
}

static const struct ktest_case cases[] = {
	KTEST_CASE(wrapping_keeps_the_newest_in_order),
	KTEST_CASE(without_overwriting_the_oldest_stay),
	KTEST_CASE(a_record_in_a_record_is_dropped_and_counted),
	KTEST_CASE(interrupts_write_between_records),
	KTEST_CASE(readers_beside_writers_miss_only_what_is_counted),
	KTEST_CASE(memory_may_be_replaced_under_writers),
	KTEST_CASE(a_place_from_before_a_reset_starts_anew),
	KTEST_CASE(events_record_only_while_they_are_on),
	KTEST_CASE(patterns_that_name_nothing_are_refused),
	{},
};
KTEST_SUITE_FULL(trace, cases, trace_suite_init, trace_suite_exit);
