/*
 * Suite kfence: what KFENCE promises (mm/debug/kfence.c). Each kind of misuse is committed on purpose with an object of the
 * pool, and the report is read back from the log: the kind, the address, the culprit, who allocated and who freed. Clean use
 * by several CPUs at a sample a millisecond reports nothing and gives everything back.
 *
 * The cases open the gate themselves, so they need not wait for samples.
 */
#include "arch/x86/page.h"
#include "arch/x86/tlb.h"
#include "kernel/ktest.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/kfence_internal.h"
#include "mm/kva/vmalloc.h"
#include "mm/slab/slab_internal.h"
#include "tests/kernel/crew.h"
#include "tests/kernel/log.h"

enum side { LEFT, RIGHT, ANY };

static bool no_pool(struct ktest *t)
{
	if (kfence_metadata)
		return false;
	ktest_skip(t, "this machine has no pool (kfence.num_objects=)");
	return true;
}

static __printf(3, 4) void expect_line(struct ktest *t, u64 seq, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!logged(seq, text))
		KTEST_FAIL(t, "the log does not say \"%s\"", text);
}

/* ---- the owner and the culprit: functions that reports name ---- */

static noinline void *allocate_here(struct kmem_cache *s, size_t size, gfp_t gfp)
{
	void *p;

	slab_hook_set(SLAB_HOOK_KFENCE, true);
	p = s ? kmem_cache_alloc(s, gfp) : kmalloc(size, gfp);
	barrier();
	return p;
}

static noinline void free_here(struct kmem_cache *s, void *p)
{
	if (s)
		kmem_cache_free(s, p);
	else
		kfree(p);
	/* Only the CPU that freed knows at once; here nobody shall miss the next access. */
	flush_tlb_all();
}

static noinline u8 read_here(const volatile u8 *p)
{
	return *p;
}

static noinline void write_here(volatile u8 *p, u8 value)
{
	*p = value;
}

/*
 * An object of the pool at this end of its page: of the cache, or (s NULL) of size bytes from kmalloc. Other threads may go
 * through the gate, and the end is by chance: some tries.
 */
static void *sampled(struct ktest *t, struct kmem_cache *s, size_t size, enum side side)
{
	for (int i = 0; i < 2000; i++) {
		u8 *p = allocate_here(s, size, GFP_KERNEL);
		unsigned long offset = (unsigned long)p & ~PAGE_MASK;

		if (is_kfence_address(p) && (side == ANY || (side == LEFT) == (offset == 0)))
			return p;
		free_here(s, p);
	}
	KTEST_FAIL(t, "2000 allocations of %zu bytes, and none of the pool at this end", size);
	return NULL;
}

static long object_of(const void *p)
{
	return ((unsigned long)p - kfence_pool_start) / (2 * PAGE_SIZE) - 1;
}

static void expect_object(struct ktest *t, u64 seq, const u8 *p, size_t size, const char *cache)
{
	expect_line(t, seq, "kfence-#%ld: 0x%px-0x%px, size=%zu, cache=%s", object_of(p), p,
		    p + size - 1, size, cache);
	expect_line(t, seq, "allocated by task %d on cpu ", current->pid);
	expect_line(t, seq, " allocate_here+0x");
}

/* ---- each kind of error ---- */

static void out_of_bounds(struct ktest *t, enum side side, bool is_write)
{
	const char *access = is_write ? "write" : "read";
	unsigned long bugs = kfence_nr_bugs();
	u64 seq = log_next_seq();
	u8 *p, *at;

	p = sampled(t, NULL, 32, side);
	if (!p)
		return;
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 0);
	at = side == LEFT ? p - 1 : p + 32;
	if (is_write)
		write_here(at, 0x55);
	else
		read_here(at);
	KTEST_EXPECT_EQ(t, kfence_nr_bugs(), bugs + 1);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 1);
	expect_line(t, seq, "BUG: KFENCE: out-of-bounds %s in %s_here+0x", access, access);
	expect_line(t, seq, "Out-of-bounds %s at 0x%px (1B %s of kfence-#%ld):", access, at,
		    side == LEFT ? "left" : "right", object_of(p));
	expect_object(t, seq, p, 32, "kmalloc-32");
	/* The kernel goes on, and the page is open until the object is freed. */
	write_here(at, 0x77);
	KTEST_EXPECT_EQ(t, read_here(at), 0x77);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 1);
	free_here(NULL, p);
	KTEST_EXPECT_EQ(t, kfence_nr_bugs(), bugs + 1);
	read_here(at);
	KTEST_EXPECT_EQ(t, kfence_nr_bugs(), bugs + 2);
}

static void out_of_bounds_is_found_on_both_sides(struct ktest *t)
{
	if (no_pool(t))
		return;
	out_of_bounds(t, LEFT, false);
	out_of_bounds(t, LEFT, true);
	out_of_bounds(t, RIGHT, false);
	out_of_bounds(t, RIGHT, true);
}

static void use_after_free_is_found(struct ktest *t)
{
	for (int is_write = 0; is_write < 2 && !no_pool(t); is_write++) {
		const char *access = is_write ? "write" : "read";
		u64 seq = log_next_seq();
		u8 *p = sampled(t, NULL, 100, ANY);

		if (!p)
			return;
		free_here(NULL, p);
		KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 0);
		if (is_write)
			write_here(p + 7, 1);
		else
			read_here(p + 7);
		KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 1);
		expect_line(t, seq, "BUG: KFENCE: use-after-free %s in %s_here+0x", access, access);
		expect_line(t, seq, "Use-after-free %s at 0x%px (in kfence-#%ld):", access, p + 7,
			    object_of(p));
		expect_object(t, seq, p, 100, "kmalloc-128");
		expect_line(t, seq, "freed by task %d on cpu ", current->pid);
		expect_line(t, seq, " free_here+0x");
	}
}

static void invalid_frees_are_found(struct ktest *t)
{
	u64 seq = log_next_seq();
	u8 *p;

	if (no_pool(t))
		return;
	p = sampled(t, NULL, 64, ANY);
	if (!p)
		return;
	free_here(NULL, p + 8); /* in its middle: it stays */
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE: invalid free in free_here+0x"), 1);
	expect_line(t, seq, "Invalid free of 0x%px (in kfence-#%ld):", p + 8, object_of(p));
	expect_object(t, seq, p, 64, "kmalloc-64");
	KTEST_EXPECT_TRUE(t, kmem_valid_obj(p));
	seq = log_next_seq();
	free_here(NULL, p);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 0);
	free_here(NULL, p); /* twice */
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE: invalid free in free_here+0x"), 1);
	expect_line(t, seq, "Invalid free of 0x%px (in kfence-#%ld):", p, object_of(p));
	expect_line(t, seq, "freed by task %d on cpu ", current->pid);
}

/* Bytes of the page beside the object: no fault, but the pattern tells when it is freed. */
static void corruption_is_found_when_freed(struct ktest *t)
{
	static const struct {
		enum side side;
		long offset;
	} writes[] = { { RIGHT, -1 }, { RIGHT, -3000 }, { LEFT, 24 }, { LEFT, 2000 } };

	for (int i = 0; i < ARRAY_SIZE(writes) && !no_pool(t); i++) {
		u64 seq = log_next_seq();
		u8 *p = sampled(t, NULL, 24, writes[i].side), *at;

		if (!p)
			return;
		at = p + writes[i].offset;
		KTEST_EXPECT_EQ(t, *at, KFENCE_CANARY(at));
		write_here(at, 0x99);
		KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 0);
		free_here(NULL, p);
		KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 1);
		expect_line(t, seq, "BUG: KFENCE: memory corruption in free_here+0x");
		expect_line(t, seq, "Corrupted memory at 0x%px [ 0x99", at);
		expect_line(t, seq, "(in kfence-#%ld):", object_of(p));
		expect_object(t, seq, p, 24, "kmalloc-32");
	}
}

static void access_to_no_object_is_invalid(struct ktest *t)
{
	u64 seq = log_next_seq();
	u8 *at;

	if (no_pool(t))
		return;
	at = (u8 *)kfence_pool_start + 10; /* the pool begins with two guards */
	read_here(at);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE: invalid read in read_here+0x"), 1);
	expect_line(t, seq, "Invalid read at 0x%px:", at);
}

/* ---- caches ---- */

static void fill_seven(void *p)
{
	memset(p, 7, 40);
}

static struct kmem_cache *new_cache(unsigned int size, unsigned long flags, void (*ctor)(void *))
{
	return kmem_cache_create("test_kfence", size, 0, flags | SLAB_NO_MERGE, ctor);
}

static void objects_of_caches_are_guarded(struct ktest *t)
{
	struct kmem_cache *s = new_cache(40, 0, fill_seven), *other = new_cache(72, 0, NULL);
	u64 seq = log_next_seq();
	u8 *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	KTEST_ASSERT_NOT_NULL(t, other);
	p = kfence_metadata ? sampled(t, s, 40, RIGHT) : NULL;
	if (p) {
		KTEST_EXPECT_NULL(t, memchr_inv(p, 7, 40)); /* constructed */
		KTEST_EXPECT_TRUE(t, virt_to_cache(p) == s);
		read_here(p + 40);
		expect_line(t, seq, "Out-of-bounds read at 0x%px (1B right of kfence-#", p + 40);
		expect_object(t, seq, p, 40, "test_kfence");
		seq = log_next_seq();
		free_here(other, p); /* stays */
		expect_line(t, seq, "Wrong slab cache");
		expect_object(t, seq, p, 40, "test_kfence");
		free_here(s, p);
		KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 0);
	}
	kmem_cache_destroy(s);
	kmem_cache_destroy(other);
}

/* An object of such a cache stays readable for a grace period after it was freed. */
static void rcu_typesafe_objects_wait(struct ktest *t)
{
	struct kmem_cache *s = new_cache(64, SLAB_TYPESAFE_BY_RCU, NULL);
	u64 seq = log_next_seq();
	u8 *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	p = kfence_metadata ? sampled(t, s, 64, ANY) : NULL;
	if (p) {
		*p = 0x31;
		free_here(s, p);
		KTEST_EXPECT_EQ(t, read_here(p), 0x31);
		KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE"), 0);
		rcu_barrier();
		flush_tlb_all();
		read_here(p);
		KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE: use-after-free read in read_here"), 1);
	}
	kmem_cache_destroy(s);
	KTEST_EXPECT_EQ(t, logged(seq, "Objects remaining"), 0);
}

/* The cache is gone, an object was left: reports still know who had it, and a late free breaks nothing. */
static void destroyed_caches_leave_zombies(struct ktest *t)
{
	long zombies = atomic_long_read(&kfence_counters[KFENCE_COUNTER_ZOMBIES]);
	struct kmem_cache *s = new_cache(56, 0, NULL);
	u64 seq = log_next_seq();
	u8 *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	p = kfence_metadata ? sampled(t, s, 56, ANY) : NULL;
	kmem_cache_destroy(s);
	if (!p)
		return;
	KTEST_EXPECT_EQ(t, atomic_long_read(&kfence_counters[KFENCE_COUNTER_ZOMBIES]), zombies + 1);
	read_here(p);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE: use-after-free read in read_here"), 1);
	expect_object(t, seq, p, 56, "<destroyed>");
	expect_line(t, seq, " kmem_cache_destroy+0x");
	kfree(p);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG: KFENCE: invalid free in "), 1);
}

/* ---- the rest of the allocator's functions ---- */

struct with_head {
	long before;
	struct rcu_head rcu;
};

static void functions_know_these_objects(struct ktest *t)
{
	unsigned long bugs = kfence_nr_bugs();
	struct with_head *h;
	void *bulk[3];
	u8 *p, *q;

	if (no_pool(t))
		return;
	p = sampled(t, NULL, 33, ANY);
	if (!p)
		return;
	KTEST_EXPECT_EQ(t, ksize(p), 33UL); /* what was asked for, not the class */
	KTEST_EXPECT_TRUE(t, kmem_valid_obj(p));
	KTEST_EXPECT_FALSE(t, kmem_valid_obj(p + 1));
	memset(p, 0x21, 33);
	q = krealloc(p, 20, GFP_KERNEL);
	KTEST_EXPECT_TRUE(t, q == p);
	q = krealloc(p, 50, GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, q);
	KTEST_EXPECT_NULL(t, memchr_inv(q, 0x21, 33));
	KTEST_EXPECT_FALSE(t, kmem_valid_obj(p));
	kfree(q);

	p = sampled(t, NULL, 4096, ANY); /* a whole page, and kvfree() */
	if (p) {
		KTEST_EXPECT_EQ(t, (unsigned long)p & ~PAGE_MASK, 0UL);
		memset(p, 1, 4096);
		kvfree(p);
	}
	h = sampled(t, NULL, sizeof(*h), ANY);
	if (h) {
		kfree_rcu(h, rcu);
		rcu_barrier();
		KTEST_EXPECT_FALSE(t, kmem_valid_obj(h));
	}
	for (int i = 0; i < 3; i++)
		bulk[i] = sampled(t, NULL, 48, ANY);
	if (bulk[2])
		kmem_cache_free_bulk(NULL, 3, bulk);
	KTEST_EXPECT_EQ(t, kfence_nr_bugs(), bugs);
}

static void zeroed_objects_are_zero(struct ktest *t)
{
	for (int i = 0; i < 20 && !no_pool(t); i++) {
		u8 *p = allocate_here(NULL, 200, GFP_KERNEL | __GFP_ZERO);

		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_EXPECT_NULL(t, memchr_inv(p, 0, 200));
		memset(p, 0xff, 200);
		free_here(NULL, p);
	}
}

/* ---- the gate and the pool ---- */

static void gate_lets_one_pass_and_only_what_fits(struct ktest *t)
{
	struct kmem_cache *big = new_cache(5000, 0, NULL);
	void *p;

	KTEST_ASSERT_NOT_NULL(t, big);
	if (!no_pool(t)) {
		p = allocate_here(big, 0, GFP_KERNEL);
		KTEST_EXPECT_FALSE(t, is_kfence_address(p));
		free_here(big, p);
		p = allocate_here(NULL, 64, GFP_KERNEL);
		free_here(NULL, p);
		KTEST_EXPECT_EQ(t, slab_debug_hooks & BIT(SLAB_HOOK_KFENCE), 0UL);
		p = kmalloc(64, GFP_KERNEL);
		KTEST_EXPECT_FALSE(t, is_kfence_address(p));
		kfree(p);
	}
	kmem_cache_destroy(big);
}

/* Everything of the pool in use: allocations go on from slabs. */
static void full_pool_is_no_error(struct ktest *t)
{
	unsigned int saved = kfence_skip_covered_thresh, n = kfence_num_objects * 2, mine = 0;
	void **p;

	if (no_pool(t))
		return;
	p = kvcalloc(n, sizeof(*p), GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, p);
	for (int pass = 0; pass < 2; pass++) {
		long skipped =
			atomic_long_read(&kfence_counters[pass ? KFENCE_COUNTER_SKIP_CAPACITY
							       : KFENCE_COUNTER_SKIP_COVERED]);

		/* First half-full and covered, then full. */
		WRITE_ONCE(kfence_skip_covered_thresh, pass ? 100 : 50);
		mine = 0;
		for (unsigned int i = 0; i < n; i++) {
			p[i] = allocate_here(NULL, 16, GFP_KERNEL);
			KTEST_EXPECT_NOT_NULL(t, p[i]);
			mine += is_kfence_address(p[i]);
		}
		KTEST_EXPECT_GT(
			t,
			atomic_long_read(&kfence_counters[pass ? KFENCE_COUNTER_SKIP_CAPACITY
							       : KFENCE_COUNTER_SKIP_COVERED]),
			skipped);
		if (!pass)
			KTEST_EXPECT_LE(t, mine, kfence_num_objects / 2 + 1);
		for (unsigned int i = 0; i < n; i++)
			kfree(p[i]);
	}
	WRITE_ONCE(kfence_skip_covered_thresh, saved);
	kvfree(p);
}

static void timer_takes_samples(struct ktest *t)
{
	unsigned int saved = kfence_get_sample_interval();
	long before = atomic_long_read(&kfence_counters[KFENCE_COUNTER_ALLOCS]), seen;
	u64 end = local_clock() + 60 * NSEC_PER_SEC;

	if (no_pool(t))
		return;
	KTEST_EXPECT_EQ(t, kfence_set_sample_interval(1), 0);
	do {
		kfree(kmalloc(64, GFP_KERNEL));
		seen = atomic_long_read(&kfence_counters[KFENCE_COUNTER_ALLOCS]);
	} while (seen < before + 5 && local_clock() < end);
	KTEST_EXPECT_GE(t, seen, before + 5);
	KTEST_EXPECT_EQ(t, kfence_set_sample_interval(saved), 0);
}

/* ---- clean use by all CPUs ---- */

#define HELD 32

static bool pattern_is(const u8 *p, size_t size, u8 value)
{
	return !memchr_inv(p, value, size);
}

static int storm_fn(struct crew *c, int me)
{
	u64 rnd = c->t->seed + me;
	u8 *held[HELD] = {}, value[HELD];
	size_t size[HELD];
	int bad = 0;

	for (int i = 0; i < 4 * ROUNDS; i++) {
		int k;

		rnd = rnd * 6364136223846793005ULL + 1442695040888963407ULL;
		k = (rnd >> 33) % HELD;
		if (held[k]) {
			bad += !pattern_is(held[k], size[k], value[k]);
			kfree(held[k]);
			held[k] = NULL;
			continue;
		}
		size[k] = 1 + (rnd >> 40) % 1000;
		value[k] = rnd >> 50;
		if (!(i % 8)) /* denser than any timer */
			slab_hook_set(SLAB_HOOK_KFENCE, true);
		held[k] = kmalloc(size[k], GFP_KERNEL);
		if (held[k])
			memset(held[k], value[k], size[k]);
	}
	for (int k = 0; k < HELD; k++) {
		if (held[k])
			bad += !pattern_is(held[k], size[k], value[k]);
		kfree(held[k]);
	}
	return bad;
}

static void clean_storm_reports_nothing(struct ktest *t)
{
	unsigned int saved = kfence_get_sample_interval();
	unsigned long bugs = kfence_nr_bugs();
	long allocs = atomic_long_read(&kfence_counters[KFENCE_COUNTER_ALLOCS]);

	if (no_pool(t))
		return;
	ktest_info(t, "seed %llu", t->seed);
	kfence_set_sample_interval(1);
	run_crew(t, storm_fn);
	kfence_set_sample_interval(saved);
	KTEST_EXPECT_EQ(t, kfence_nr_bugs(), bugs);
	KTEST_EXPECT_GT(t, atomic_long_read(&kfence_counters[KFENCE_COUNTER_ALLOCS]), allocs + 20);
	ktest_info(t, "%ld objects of the pool",
		   atomic_long_read(&kfence_counters[KFENCE_COUNTER_ALLOCS]) - allocs);
}

static const struct ktest_case cases[] = {
	KTEST_CASE(out_of_bounds_is_found_on_both_sides),
	KTEST_CASE(use_after_free_is_found),
	KTEST_CASE(invalid_frees_are_found),
	KTEST_CASE(corruption_is_found_when_freed),
	KTEST_CASE(access_to_no_object_is_invalid),
	KTEST_CASE(objects_of_caches_are_guarded),
	KTEST_CASE(rcu_typesafe_objects_wait),
	KTEST_CASE(destroyed_caches_leave_zombies),
	KTEST_CASE(functions_know_these_objects),
	KTEST_CASE(zeroed_objects_are_zero),
	KTEST_CASE(gate_lets_one_pass_and_only_what_fits),
	KTEST_CASE(full_pool_is_no_error),
	KTEST_CASE(timer_takes_samples),
	KTEST_CASE(clean_storm_reports_nothing),
	{},
};
/* The timer stays off, whatever the command line says: the cases open the gate. */
static unsigned int interval_before;

static int begin(void)
{
	interval_before = kfence_get_sample_interval();
	return kfence_set_sample_interval(0);
}

static void end(void)
{
	kfence_set_sample_interval(interval_before);
}

KTEST_SUITE_FULL(kfence, cases, begin, end);
