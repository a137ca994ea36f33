/*
 * Suite slab_debug: what slub_debug= promises (docs/debugging.md). Each kind of misuse is committed on purpose, and its report
 * is read back from the log: the kind, the address, who allocated and who freed. Clean use of caches with every combination of
 * options reports nothing.
 *
 * The caches ask for their options themselves, so the suite needs no word; with slub_debug=U the stacks are checked too.
 */
#include "kernel/ktest.h"
#include "kernel/printk.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/failslab.h"
#include "mm/debug/stackdepot.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab_internal.h"
#include "tests/kernel/crew.h"
#include "tests/kernel/log.h"
#include "tests/kernel/planted.h"

#define FZPU (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

/* ---- reading the log ---- */

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

/* Exactly one report since, of this kind. */
static void expect_report(struct ktest *t, u64 seq, const char *cache, const char *kind)
{
	char text[120];

	snprintf(text, sizeof(text), "BUG %s (", cache);
	KTEST_EXPECT_EQ(t, logged(seq, text), 1);
	snprintf(text, sizeof(text), "): %s", kind);
	if (!logged(seq, text))
		KTEST_FAIL(t, "no report of \"%s\"", kind);
}

static struct kmem_cache *new_cache(const char *name, unsigned int size, unsigned long flags)
{
	return kmem_cache_create(name, size, 0, flags | SLAB_NO_MERGE, NULL);
}

static noinline void *allocate_here(struct kmem_cache *s)
{
	void *p = kmem_cache_alloc(s, GFP_KERNEL);

	barrier();
	return p;
}

static noinline void free_here(struct kmem_cache *s, void *p)
{
	kmem_cache_free(s, p);
	barrier();
}

/* ---- bytes ---- */

static void poke(void *p, long offset, u8 value)
{
	((volatile u8 *)p)[offset] = value;
}

/* A byte outside the object is written while it is in use; freeing it tells. */
static void overrun(struct ktest *t, unsigned int size, long offset, const char *what)
{
	struct kmem_cache *s = new_cache("test_overrun", size, FZPU);
	u64 seq = log_next_seq();
	void *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	if (!(s->flags & SLAB_RED_ZONE)) { /* slub_debug=O: it would need a larger slab */
		kmem_cache_destroy(s);
		return;
	}
	p = allocate_here(s);
	KTEST_ASSERT_NOT_NULL(t, p);
	poke(p, offset, 0x78);
	free_here(s, p);
	expect_report(t, seq, "test_overrun", what);
	expect_line(t, seq, "0x%px-0x%px @offset=%lu. First byte 0x78 instead of 0x", p + offset,
		    p + offset, ((unsigned long)p + offset) % (PAGE_SIZE << s->order));
	expect_line(t, seq, "Allocated in allocate_here+0x");
	expect_line(t, seq, "Object 0x%px @offset=", p);
	expect_line(t, seq, "FIX test_overrun: Restoring %s 0x%px-0x%px=0x", what, p + offset,
		    p + offset);
	expect_line(t, seq, "FIX test_overrun: Object at 0x%px not freed", p);
	/* It was mended, and may be freed after all. */
	seq = log_next_seq();
	free_here(s, p);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG "), 0);
	kmem_cache_destroy(s);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG "), 0);
}

static void overruns_are_found_on_both_sides(struct ktest *t)
{
	static const unsigned int sizes[] = { 1, 8, 13, 60, 64, 200, 1000, 4096 };

	SKIP_PLANTED_UNDER_KASAN(t);
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int size = sizes[i],
			     zone = ALIGN(size, 8) == size ? 8 : ALIGN(size, 8) - size;

		overrun(t, size, size, "Right Redzone");
		overrun(t, size, size + zone - 1, "Right Redzone");
		overrun(t, size, -1, "Left Redzone");
		overrun(t, size, -8, "Left Redzone");
	}
	/* Past the red zone, the link and the two tracks. */
	overrun(t, 64, 64 + 8 + 8 + 2 * sizeof(struct track), "Object padding");
}

static void use_after_free_is_found(struct ktest *t)
{
	SKIP_PLANTED_UNDER_KASAN(t);
	static const struct {
		long offset;
		const char *what;
	} writes[] = { { 0, "Poison" }, { 17, "Poison" }, { 47, "End Poison" } };

	for (int i = 0; i < ARRAY_SIZE(writes); i++) {
		struct kmem_cache *s = new_cache("test_uaf", 48, FZPU);
		u64 seq = log_next_seq();
		void *p;

		KTEST_ASSERT_NOT_NULL(t, s);
		p = allocate_here(s);
		free_here(s, p);
		KTEST_EXPECT_EQ(t, validate_slab_cache(s), 0L);
		KTEST_EXPECT_EQ(t, logged(seq, "BUG "), 0);
		poke(p, writes[i].offset, 0x01);
		KTEST_EXPECT_EQ(t, validate_slab_cache(s), 1L);
		expect_report(t, seq, "test_uaf", writes[i].what);
		expect_line(t, seq, "0x%px-0x%px @offset=", p + writes[i].offset,
			    p + writes[i].offset);
		expect_line(t, seq, "First byte 0x1 instead of 0x%x", i == 2 ? 0xa5 : 0x6b);
		expect_line(t, seq, "Allocated in allocate_here+0x");
		expect_line(t, seq, "Freed in free_here+0x");
		KTEST_EXPECT_EQ(t, validate_slab_cache(s), 0L); /* mended */
		kmem_cache_destroy(s);
	}
}

/* The same, found by the next allocation: that object is not handed out, nor any other of its slab. */
static void bad_object_is_never_handed_out(struct ktest *t)
{
	SKIP_PLANTED_UNDER_KASAN(t);
	static struct kmem_cache *s; /* stays: its slab cannot be emptied any more */
	u64 seq = log_next_seq();
	void *p, *q;

	s = new_cache("test_bad_object", 48, FZPU);
	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	free_here(s, p);
	poke(p, 5, 0xff);
	q = allocate_here(s);
	KTEST_ASSERT_NOT_NULL(t, q);
	KTEST_EXPECT_TRUE(t, virt_to_slab_head(q) != virt_to_slab_head(p));
	expect_report(t, seq, "test_bad_object", "Poison overwritten");
	expect_line(t, seq, "FIX test_bad_object: Marking all objects used");
	free_here(s, q);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG test_bad_object"), 1);
}

static void padding_behind_the_last_object_is_watched(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_slab_pad", 1000, FZPU);
	u64 seq = log_next_seq();
	struct slab *slab;
	u8 *end, *p;

	SKIP_PLANTED_UNDER_KASAN(t);
	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	slab = virt_to_slab_head(p);
	end = (u8 *)slab_address(slab) + (PAGE_SIZE << compound_order(slab_page(slab)));
	if (!((end - (u8 *)slab_address(slab)) % s->size)) {
		ktest_skip(t, "no byte is left in this slab");
	} else {
		poke(end, -1, 0);
		free_here(s, p);
		p = NULL;
		expect_report(t, seq, "test_slab_pad", "Padding overwritten");
		expect_line(t, seq, "0x%px-0x%px @offset=", end - 1, end - 1);
	}
	if (p)
		free_here(s, p);
	kmem_cache_destroy(s);
}

static void link_outside_the_slab_is_not_followed(struct ktest *t)
{
	SKIP_PLANTED_UNDER_KASAN(t);
	static struct kmem_cache *s; /* stays: the objects behind the cut are leaked */
	u64 seq = log_next_seq();
	void *p, *q;

	s = new_cache("test_link", 64, SLAB_CONSISTENCY_CHECKS);
	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	q = allocate_here(s);
	free_here(s, q);
	free_here(s, p); /* the list is p, q, ... */
	poke(p, s->offset, ((u8 *)p)[s->offset] ^ 1);
	KTEST_EXPECT_EQ(t, validate_slab_cache(s), 1L);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG test_link "), 2);
	expect_line(t, seq, "): Freechain corrupt");
	expect_line(t, seq, "): Wrong object count. Counter is ");
	expect_line(t, seq, "FIX test_link: Freelist cleared");
	expect_line(t, seq, "FIX test_link: Object count adjusted");
}

static void memory_shows_its_state(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_state", 128, FZPU);
	u8 *p;

	SKIP_PLANTED_UNDER_KASAN(t);
	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	KTEST_EXPECT_NULL(t, memchr_inv(p, POISON_INUSE, 128));
	memset(p, 1, 128);
	free_here(s, p);
	KTEST_EXPECT_NULL(t, memchr_inv(p, POISON_FREE, 127));
	KTEST_EXPECT_EQ(t, p[127], POISON_END);
	p = kmem_cache_alloc(s, GFP_KERNEL | __GFP_ZERO);
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0, 128));
	free_here(s, p);
	kmem_cache_destroy(s);
}

/* ---- wrong frees ---- */

static void double_free(struct ktest *t, unsigned long flags)
{
	struct kmem_cache *s = new_cache("test_double", 72, flags);
	u64 seq = log_next_seq();
	void *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	free_here(s, p);
	free_here(s, p);
	expect_report(t, seq, "test_double", "Object already free");
	expect_line(t, seq, "Object 0x%px @offset=", p);
	expect_line(t, seq, "FIX test_double: Object at 0x%px not freed", p);
	if (flags & SLAB_STORE_USER) {
		expect_line(t, seq, "Allocated in allocate_here+0x");
		expect_line(t, seq, "Freed in free_here+0x");
	}
	kmem_cache_destroy(s);
}

static void double_free_is_reported_with_or_without_options(struct ktest *t)
{
	SKIP_PLANTED_UNDER_KASAN(t);
	double_free(t, 0);
	double_free(t, SLAB_CONSISTENCY_CHECKS);
	double_free(t, SLAB_RED_ZONE);
	double_free(t, SLAB_POISON);
	double_free(t, SLAB_STORE_USER);
	double_free(t, FZPU);
}

static void free_of_what_is_no_object(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_inside", 64, FZPU);
	u64 seq = log_next_seq();
	u8 *p;

	SKIP_PLANTED_UNDER_KASAN(t);
	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	free_here(s, p + 8);
	expect_report(t, seq, "test_inside", "Invalid object pointer");
	expect_line(t, seq, "Invalid object pointer 0x%px", p + 8);
	expect_line(t, seq, "FIX test_inside: Object at 0x%px not freed", p + 8);
	free_here(s, p);
	kmem_cache_destroy(s);
}

static void wrong_cache_is_reported_with_the_owner(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_owner", 64, FZPU),
			  *o = new_cache("test_thief", 64, 0);
	u64 seq = log_next_seq();
	void *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	KTEST_ASSERT_NOT_NULL(t, o);
	p = allocate_here(s);
	free_here(o, p);
	expect_report(t, seq, "test_thief",
		      "Wrong slab cache. test_thief but object is from test_owner");
	expect_line(t, seq, "Address 0x%px is 0 bytes from the start of object", p);
	expect_line(t, seq, "Allocated in allocate_here+0x");
	free_here(s, p);
	kmem_cache_destroy(s);
	kmem_cache_destroy(o);
}

static void foreign(struct ktest *t, void *p, const char *kind)
{
	u64 seq = log_next_seq();

	kfree(p);
	expect_report(t, seq, "kmalloc", kind);
	expect_line(t, seq, "Address 0x%px", p);
}

static void foreign_addresses_are_reported_and_harmless(struct ktest *t)
{
	static int variable;
	struct page *page = alloc_page(GFP_KERNEL);
	void *area = vmalloc(100);
	int local;

	KTEST_ASSERT_NOT_NULL(t, page);
	foreign(t, page_address(page), "kfree of an address that kmalloc did not return");
	foreign(t, &variable, "kfree of an address outside memory");
	foreign(t, area, "kfree of an address outside memory");
	foreign(t, (void *)0x400000, "kfree of an address outside memory");
	foreign(t, (void *)0x6b6b6b6b6b6b6b6bUL, "kfree of an address outside memory");
	foreign(t, (void *)~0UL, "kfree of an address outside memory");
	if (!virt_addr_valid(&local))
		foreign(t, &local, "kfree of an address outside memory");
	KTEST_EXPECT_EQ(t, page_ref_count(page), 1);
	__free_page(page);
	vfree(area);
}

static void large_kmalloc_inside_is_reported(struct ktest *t)
{
	u64 seq = log_next_seq();
	char *p = kmalloc(20000, GFP_KERNEL);

	SKIP_PLANTED_UNDER_KASAN(t);
	KTEST_ASSERT_NOT_NULL(t, p);
	kfree(p + 4096);
	expect_report(t, seq, "kmalloc", "kfree of an address that kmalloc did not return");
	expect_line(t, seq, "Address 0x%px is 4096 bytes into a large kmalloc at 0x%px", p + 4096,
		    p);
	kfree(p);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG "), 1);
}

/* ---- who ---- */

static void stacks_name_the_callers(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_stacks", 40, FZPU);
	char text[1024];
	struct track *a, *f;
	void *p;

	SKIP_PLANTED_UNDER_KASAN(t);
	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	a = get_track(s, p, TRACK_ALLOC);
	f = get_track(s, p, TRACK_FREE);
	KTEST_EXPECT_NE(t, a->addr, 0UL);
	KTEST_EXPECT_EQ(t, f->addr, 0UL);
	free_here(s, p);
	KTEST_EXPECT_NE(t, f->addr, 0UL);
	if (a->handle) {
		stack_depot_snprint(a->handle, text, sizeof(text), 0);
		KTEST_EXPECT_NOT_NULL(t, strstr(text, " allocate_here+0x"));
		KTEST_EXPECT_NOT_NULL(t, strstr(text, " stacks_name_the_callers+0x"));
		stack_depot_snprint(f->handle, text, sizeof(text), 0);
		KTEST_EXPECT_NOT_NULL(t, strstr(text, " free_here+0x"));
	} else {
		ktest_info(t, "stacks only with slub_debug=U");
	}
	kmem_cache_destroy(s);
}

static void destroy_lists_what_is_left(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_left", 40, FZPU);
	u64 seq = log_next_seq();
	void *p[3];

	KTEST_ASSERT_NOT_NULL(t, s);
	for (int i = 0; i < 3; i++)
		p[i] = allocate_here(s);
	free_here(s, p[1]);
	kmem_cache_destroy(s);
	expect_report(t, seq, "test_left",
		      "Objects remaining in test_left on __kmem_cache_shutdown()");
	expect_line(t, seq, "Object 0x%px @offset=", p[0]);
	expect_line(t, seq, "Object 0x%px @offset=", p[2]);
	KTEST_EXPECT_EQ(t, logged(seq, "Allocated in allocate_here+0x"), 2);
	expect_line(t, seq,
		    "kmem_cache_destroy test_left: Slab cache still has objects when called "
		    "from destroy_lists_what_is_left+0x");
	free_here(s, p[0]);
	free_here(s, p[2]);
	seq = log_next_seq();
	kmem_cache_destroy(s);
	KTEST_EXPECT_EQ(t, logged(seq, "test_left"), 0);
}

static void trace_says_each_step(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_trace", 32, SLAB_TRACE);
	u64 seq = log_next_seq();
	void *p;

	SKIP_PLANTED_UNDER_KASAN(t);
	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	expect_line(t, seq, "TRACE test_trace alloc 0x%px inuse=1 fp=0x", p);
	free_here(s, p);
	expect_line(t, seq, "TRACE test_trace free 0x%px inuse=1 fp=0x", p);
	KTEST_EXPECT_EQ(t, logged(seq, "TRACE test_trace"), 2);
	kmem_cache_destroy(s);
}

/* ---- clean use reports nothing ---- */

static void make_object(void *p)
{
	memset(p, 0x33, 24);
}

struct mix {
	struct kmem_cache *s;
	unsigned int size;
	bool keeps; /* the first 24 bytes of a free object are the constructor's */
	u8 *live[64];
};

static void fill_object(struct mix *m, u8 *p)
{
	for (unsigned int i = m->keeps ? 24 : 0; i < m->size; i++)
		p[i] = (unsigned long)p * 31 + i;
}

static unsigned long wrong_bytes(struct mix *m, const u8 *p)
{
	unsigned long bad = 0;

	for (unsigned int i = 0; i < m->size; i++)
		bad += p[i] != (m->keeps && i < 24 ? 0x33 : (u8)((unsigned long)p * 31 + i));
	return bad;
}

static unsigned long mix_steps(struct ktest *t, struct mix *m, int steps)
{
	unsigned long bad = 0;

	for (int i = 0; i < steps; i++) {
		u8 **slot = &m->live[ktest_random_below(t, ARRAY_SIZE(m->live))];

		if (*slot) {
			bad += wrong_bytes(m, *slot);
			kmem_cache_free(m->s, *slot);
			*slot = NULL;
		} else {
			*slot = kmem_cache_alloc(m->s, GFP_KERNEL);
			if (*slot)
				fill_object(m, *slot);
		}
	}
	for (int i = 0; i < ARRAY_SIZE(m->live); i++) {
		if (!m->live[i])
			continue;
		bad += wrong_bytes(m, m->live[i]);
		kmem_cache_free(m->s, m->live[i]);
		m->live[i] = NULL;
	}
	return bad;
}

static void every_combination_is_silent(struct ktest *t)
{
	static const unsigned long bits[] = {
		SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE,	       SLAB_POISON,
		SLAB_STORE_USER,	 SLAB_TYPESAFE_BY_RCU, SLAB_HWCACHE_ALIGN
	};
	static struct mix m;
	u64 seq = log_next_seq();

	for (unsigned int combination = 0; combination < 128; combination++) {
		unsigned long flags = SLAB_NO_MERGE;
		bool ctor = combination & 64;

		for (int i = 0; i < ARRAY_SIZE(bits); i++)
			if (combination & BIT(i))
				flags |= bits[i];
		m.size = 24 + ktest_random_below(t, ktest_random_below(t, 8) ? 200 : 5000);
		m.keeps = ctor;
		m.s = kmem_cache_create("test_mix", m.size, BIT(ktest_random_below(t, 8)), flags,
					ctor ? make_object : NULL);
		KTEST_ASSERT_NOT_NULL(t, m.s);
		KTEST_EXPECT_EQ(t, mix_steps(t, &m, 300), 0UL);
		if (kmem_cache_debug(m.s))
			KTEST_EXPECT_EQ(t, validate_slab_cache(m.s), 0L);
		KTEST_EXPECT_EQ(t, kmem_cache_shrink(m.s), 0);
		kmem_cache_destroy(m.s);
	}
	KTEST_EXPECT_EQ(t, logged(seq, "BUG "), 0);
	rcu_barrier();
}

static void bulk_of_a_debugged_cache(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_bulk_debug", 100, FZPU);
	u64 seq = log_next_seq();
	static void *p[100];

	KTEST_ASSERT_NOT_NULL(t, s);
	for (int round = 0; round < 3; round++) {
		KTEST_ASSERT_EQ(t, kmem_cache_alloc_bulk(s, GFP_KERNEL | __GFP_ZERO, 100, p), 100);
		for (int i = 0; i < 100; i++) {
			KTEST_EXPECT_NULL(t, memchr_inv(p[i], 0, 100));
			memset(p[i], i, 100);
		}
		for (int i = 0; i < 100; i++)
			KTEST_EXPECT_NULL(t, memchr_inv(p[i], i, 100));
		kmem_cache_free_bulk(s, 100, p);
	}
	KTEST_EXPECT_EQ(t, kmem_cache_shrink(s), 0);
	KTEST_EXPECT_EQ(t, logged(seq, "BUG "), 0);
	kmem_cache_destroy(s);
}

/* ---- several CPUs ---- */

#define STORM_SLOTS 64

static struct {
	struct kmem_cache *s[2];
	u64 *slots[2][STORM_SLOTS];
	u64 seed;
	unsigned long steps;
} storm;

#define STORM_WORDS 9

/* Each thread puts objects into slots and frees what it finds there, whoever allocated it. */
static int storm_thread(struct crew *c, int me)
{
	u64 x = storm.seed + me * 0x9e3779b97f4a7c15ULL + 1;
	unsigned long bad = 0;

	for (unsigned long i = 0; i < storm.steps; i++) {
		u64 *mine, *old;
		int which;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		which = (x >> 40) & 1;
		mine = kmem_cache_alloc(storm.s[which], x & 1 ? GFP_ATOMIC : GFP_KERNEL);
		for (int k = 0; mine && k < STORM_WORDS; k++)
			mine[k] = (u64)(unsigned long)mine * 7 + k;
		old = __atomic_exchange_n(&storm.slots[which][(x >> 8) % STORM_SLOTS], mine,
					  __ATOMIC_SEQ_CST);
		if (!old)
			continue;
		for (int k = 0; k < STORM_WORDS; k++)
			bad += old[k] != (u64)(unsigned long)old * 7 + k;
		kmem_cache_free(storm.s[which], old);
	}
	if (bad)
		KTEST_FAIL(c->t, "thread %d found %lu wrong words", me, bad);
	return 0;
}

static void storm_with_and_without_options(struct ktest *t)
{
	u64 seq = log_next_seq();

	memset(&storm, 0, sizeof(storm));
	storm.s[0] = new_cache("test_storm_plain", STORM_WORDS * 8, 0);
	storm.s[1] = new_cache("test_storm_debug", STORM_WORDS * 8, FZPU);
	KTEST_ASSERT_NOT_NULL(t, storm.s[0]);
	KTEST_ASSERT_NOT_NULL(t, storm.s[1]);
	storm.seed = ktest_random(t);
	storm.steps = 3000;
	run_crew_of(t, 4, storm_thread);
	KTEST_EXPECT_EQ(t, validate_slab_cache(storm.s[1]), 0L);
	for (int w = 0; w < 2; w++) {
		for (int i = 0; i < STORM_SLOTS; i++)
			kmem_cache_free(storm.s[w], storm.slots[w][i]);
		KTEST_EXPECT_EQ(t, kmem_cache_shrink(storm.s[w]), 0);
		kmem_cache_destroy(storm.s[w]);
	}
	KTEST_EXPECT_EQ(t, logged(seq, "BUG "), 0);
}

/* ---- links ---- */

static void links_are_encoded(struct ktest *t)
{
	struct kmem_cache *s = new_cache("test_hardened", 64, 0);
	void *p, *q, *raw;

	SKIP_PLANTED_UNDER_KASAN(t);
	KTEST_ASSERT_NOT_NULL(t, s);
	p = allocate_here(s);
	q = allocate_here(s);
	free_here(s, p);
	free_here(s, q); /* its link is p */
	raw = *(void **)((char *)q + s->offset);
	KTEST_EXPECT_TRUE(t, raw != p);
	KTEST_EXPECT_TRUE(t, get_freepointer(s, q) == p);
	KTEST_EXPECT_NE(t, s->random, 0UL);
	kmem_cache_destroy(s);
}

/* ---- failslab ---- */

static void failslab_fails_exactly_times(struct ktest *t)
{
	struct failslab saved = failslab;
	struct kmem_cache *s = new_cache("test_fail", 64, SLAB_FAILSLAB),
			  *o = new_cache("test_spared", 64, 0);
	int failed = 0, others = 0;

	KTEST_ASSERT_NOT_NULL(t, s);
	KTEST_ASSERT_NOT_NULL(t, o);
	failslab.cache_filter = true;
	failslab.ignore_gfp_reclaim = false;
	failslab.attr.times = 5;
	failslab.attr.interval = 1;
	failslab.attr.verbose = 0;
	failslab.attr.task_filter = false;
	failslab.attr.probability = 100;
	failslab.attr.changed(&failslab.attr);
	for (int i = 0; i < 20; i++) {
		void *p = kmem_cache_alloc(s, GFP_KERNEL), *q = kmem_cache_alloc(o, GFP_KERNEL);

		failed += !p;
		others += !q;
		kmem_cache_free(s, p);
		kmem_cache_free(o, q);
	}
	KTEST_EXPECT_EQ(t, failed, 5);
	KTEST_EXPECT_EQ(t, others, 0);
	failslab.attr.times = 1;
	KTEST_EXPECT_TRUE(t, (kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL | __GFP_NOFAIL)),
			      true));
	KTEST_EXPECT_EQ(t, failslab.attr.times, 1);
	failslab.ignore_gfp_reclaim = true;
	kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
	KTEST_EXPECT_EQ(t, failslab.attr.times, 1);
	KTEST_EXPECT_NULL(t, kmem_cache_alloc(s, GFP_NOWAIT));
	failslab = saved;
	failslab.attr.changed(&failslab.attr);
	kmem_cache_destroy(s);
	kmem_cache_destroy(o);
}

static const struct ktest_case slab_debug_cases[] = {
	KTEST_CASE(overruns_are_found_on_both_sides),
	KTEST_CASE(use_after_free_is_found),
	KTEST_CASE(bad_object_is_never_handed_out),
	KTEST_CASE(padding_behind_the_last_object_is_watched),
	KTEST_CASE(link_outside_the_slab_is_not_followed),
	KTEST_CASE(memory_shows_its_state),
	KTEST_CASE(double_free_is_reported_with_or_without_options),
	KTEST_CASE(free_of_what_is_no_object),
	KTEST_CASE(wrong_cache_is_reported_with_the_owner),
	KTEST_CASE(foreign_addresses_are_reported_and_harmless),
	KTEST_CASE(large_kmalloc_inside_is_reported),
	KTEST_CASE(stacks_name_the_callers),
	KTEST_CASE(destroy_lists_what_is_left),
	KTEST_CASE(trace_says_each_step),
	KTEST_CASE(every_combination_is_silent),
	KTEST_CASE(bulk_of_a_debugged_cache),
	KTEST_CASE(storm_with_and_without_options),
	KTEST_CASE(links_are_encoded),
	KTEST_CASE(failslab_fails_exactly_times),
	{},
};
KTEST_SUITE(slab_debug, slab_debug_cases);
