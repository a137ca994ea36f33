/*
 * Suite slab: what kmalloc and caches promise in mm/slab/slab.h, on one CPU and between CPUs.
 *
 * Whether an object was really free is judged by its neighbours' contents: every object in use
 * holds a pattern that only its owner knows, and is checked when it is freed. Whether memory came
 * back is judged by the cache's own count of slabs after kmem_cache_shrink(), and by the number of
 * free pages.
 */
#include "arch/x86/irqflags.h"
#include "kernel/ktest.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "kernel/smp.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab_internal.h"
#include "tests/kernel/log.h"
#include "tests/kernel/planted.h"

static void fill(void *p, size_t size, u8 seed)
{
	for (size_t i = 0; i < size; i++)
		((u8 *)p)[i] = seed + i * 7;
}

static bool filled(const void *p, size_t size, u8 seed)
{
	for (size_t i = 0; i < size; i++)
		if (((const u8 *)p)[i] != (u8)(seed + i * 7))
			return false;
	return true;
}

static unsigned long slabs_left(struct kmem_cache *s)
{
	struct slabinfo info;

	kmem_cache_shrink(s);
	get_slabinfo(s, &info);
	return info.num_slabs;
}

static void kmalloc_is_large_and_aligned_enough(struct ktest *t)
{
	/* clang-format off */
	static const size_t sizes[] = {
		1, 7, 8, 9, 16, 17, 32, 33, 64, 65, 96, 97, 128, 129, 192, 193, 256, 257, 512, 1000,
		1024, 2048, 4000, 4096, 5000, 8192, 8193, 65536, 100000,
	};
	/* clang-format on */

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];
		void *p = kmalloc(size, GFP_KERNEL), *q = kmalloc(size, GFP_KERNEL);

		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_ASSERT_NOT_NULL(t, q);
		KTEST_EXPECT_GE(t, ksize(p), size);
		KTEST_EXPECT_EQ(t, ksize(p), kmalloc_size_roundup(size));
		KTEST_EXPECT_EQ(t, (unsigned long)p % 8, 0UL);
		if (is_power_of_2(size))
			KTEST_EXPECT_EQ(t, (unsigned long)p % min_t(size_t, size, PAGE_SIZE), 0UL);
		fill(p, ksize(p), i);
		fill(q, ksize(q), i + 1);
		KTEST_EXPECT_TRUE(t, filled(p, ksize(p), i));
		kfree(p);
		kfree(q);
	}
}

static void kmalloc_constant_and_variable_sizes_agree(struct ktest *t)
{
	volatile size_t size;

#define SAME_CLASS(n)                                                           \
	do {                                                                    \
		void *a = kmalloc(n, GFP_KERNEL), *b;                           \
		size = n;                                                       \
		b = kmalloc(size, GFP_KERNEL);                                  \
		KTEST_EXPECT_EQ(t, virt_to_cache(a) == virt_to_cache(b), true); \
		kfree(a);                                                       \
		kfree(b);                                                       \
	} while (0)
	SAME_CLASS(1);
	SAME_CLASS(8);
	SAME_CLASS(65);
	SAME_CLASS(96);
	SAME_CLASS(97);
	SAME_CLASS(129);
	SAME_CLASS(192);
	SAME_CLASS(193);
	SAME_CLASS(256);
	SAME_CLASS(257);
	SAME_CLASS(4097);
	SAME_CLASS(8192);
	SAME_CLASS(8193);
}

static void kmalloc_edges(struct ktest *t)
{
	void *p = kmalloc(0, GFP_KERNEL);
	volatile size_t huge = KMALLOC_MAX_SIZE + 1;

	KTEST_EXPECT_TRUE(t, p == ZERO_SIZE_PTR);
	KTEST_EXPECT_EQ(t, ksize(p), 0UL);
	kfree(p);
	kfree(NULL);
	KTEST_EXPECT_NULL(t, kmalloc(huge, GFP_KERNEL | __GFP_NOWARN));
	KTEST_EXPECT_NULL(t, kcalloc(~0UL / 2, 4, GFP_KERNEL));
	p = kzalloc(1UL << 20, GFP_KERNEL | __GFP_NOWARN);
	if (p) {
		KTEST_EXPECT_NULL(t, memchr_inv(p, 0, 1UL << 20));
		KTEST_EXPECT_EQ(t, ksize(p), 1UL << 20);
		KTEST_EXPECT_TRUE(t, kmem_valid_obj(p));
		kfree(p);
	}
}

static void zeroed_objects_are_zero(struct ktest *t)
{
	for (size_t size = 8; size <= 8192; size *= 2) {
		void *p = kmalloc(size, GFP_KERNEL);

		KTEST_ASSERT_NOT_NULL(t, p);
		memset(p, 0xa5, size);
		kfree(p);
		p = kzalloc(size, GFP_KERNEL); /* most likely the same object */
		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_EXPECT_NULL(t, memchr_inv(p, 0, size));
		kfree(p);
	}
}

static void krealloc_keeps_contents(struct ktest *t)
{
	u8 *p = kmalloc(8, GFP_KERNEL);

	KTEST_ASSERT_NOT_NULL(t, p);
	fill(p, 8, 3);
	for (size_t size = 16; size <= 65536; size *= 2) {
		p = krealloc(p, size, GFP_KERNEL);
		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_EXPECT_TRUE(t, filled(p, size / 2, 3));
		fill(p, size, 3);
	}
	KTEST_EXPECT_TRUE(t, krealloc(p, 100, GFP_KERNEL) == p);
	KTEST_EXPECT_NULL(t, krealloc(p, KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
	KTEST_EXPECT_TRUE(t, filled(p, ksize(p), 3)); /* untouched */
	KTEST_EXPECT_TRUE(t, krealloc(p, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
}

static unsigned int ctor_runs;

static void count_ctor(void *p)
{
	ctor_runs++;
	fill(p, 100, 9);
}

static void ctor_runs_once_per_object(struct ktest *t)
{
	struct kmem_cache *s = kmem_cache_create("test_ctor", 100, 0, SLAB_NO_MERGE, count_ctor);
	struct slabinfo info;
	void *p[50];

	KTEST_ASSERT_NOT_NULL(t, s);
	ctor_runs = 0;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 50; i++) {
			p[i] = kmem_cache_alloc(s, GFP_KERNEL);
			KTEST_ASSERT_NOT_NULL(t, p[i]);
			KTEST_EXPECT_TRUE(t, filled(p[i], 100, 9));
		}
		get_slabinfo(s, &info);
		KTEST_EXPECT_EQ(t, ctor_runs, (unsigned int)info.num_objs);
		for (int i = 0; i < 50; i++)
			kmem_cache_free(s, p[i]);
	}
	kmem_cache_destroy(s);
}

static void objects_do_not_overlap(struct ktest *t)
{
	static const unsigned int sizes[] = { 8, 24, 40, 100, 296, 1000, 3000, 4096, 9000 };
	static void *p[300];

	for (int k = 0; k < ARRAY_SIZE(sizes); k++) {
		struct kmem_cache *s =
			kmem_cache_create("test_overlap", sizes[k], 0, SLAB_NO_MERGE, NULL);

		KTEST_ASSERT_NOT_NULL(t, s);
		for (int i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = kmem_cache_alloc(s, GFP_KERNEL);
			KTEST_ASSERT_NOT_NULL(t, p[i]);
			fill(p[i], sizes[k], i);
		}
		for (int i = 0; i < ARRAY_SIZE(p); i++) {
			KTEST_EXPECT_TRUE(t, filled(p[i], sizes[k], i));
			kmem_cache_free(s, p[i]);
		}
		KTEST_EXPECT_EQ(t, slabs_left(s), 0UL);
		kmem_cache_destroy(s);
	}
}

static void alignment_is_kept(struct ktest *t)
{
	for (unsigned int align = 8; align <= 4096; align *= 2) {
		struct kmem_cache *s =
			kmem_cache_create("test_align", 24, align, SLAB_NO_MERGE, NULL);
		void *p[9];

		KTEST_ASSERT_NOT_NULL(t, s);
		for (int i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = kmem_cache_alloc(s, GFP_KERNEL);
			KTEST_EXPECT_EQ(t, (unsigned long)p[i] % align, 0UL);
		}
		for (int i = 0; i < ARRAY_SIZE(p); i++)
			kmem_cache_free(s, p[i]);
		kmem_cache_destroy(s);
	}
}

static void shrink_returns_every_empty_slab(struct ktest *t)
{
	struct kmem_cache *s = kmem_cache_create("test_shrink", 128, 0, SLAB_NO_MERGE, NULL);
	struct slabinfo info;
	static void *p[500];

	KTEST_ASSERT_NOT_NULL(t, s);
	for (int i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = kmem_cache_alloc(s, GFP_KERNEL);
	get_slabinfo(s, &info);
	KTEST_EXPECT_EQ(t, info.num_slabs, (unsigned long)DIV_ROUND_UP(500, info.objects_per_slab));
	for (int i = 1; i < ARRAY_SIZE(p); i++)
		kmem_cache_free(s, p[i]);
	KTEST_EXPECT_EQ(t, slabs_left(s), 1UL);
	get_slabinfo(s, &info);
	KTEST_EXPECT_EQ(t, info.active_objs, 1UL);
	kmem_cache_free(s, p[0]);
	KTEST_EXPECT_EQ(t, slabs_left(s), 0UL);
	kmem_cache_destroy(s);
}

static void bulk_gives_different_objects(struct ktest *t)
{
	struct kmem_cache *s = kmem_cache_create("test_bulk", 64, 0, SLAB_NO_MERGE, NULL);
	static void *p[257];

	KTEST_ASSERT_NOT_NULL(t, s);
	for (int round = 0; round < 4; round++) {
		KTEST_ASSERT_EQ(t, kmem_cache_alloc_bulk(s, GFP_KERNEL | __GFP_ZERO, 257, p), 257);
		for (int i = 0; i < 257; i++) {
			KTEST_EXPECT_NULL(t, memchr_inv(p[i], 0, 64));
			fill(p[i], 64, i);
		}
		for (int i = 0; i < 257; i++)
			KTEST_EXPECT_TRUE(t, filled(p[i], 64, i));
		kmem_cache_free_bulk(s, 257, p);
	}
	KTEST_EXPECT_EQ(t, slabs_left(s), 0UL);
	kmem_cache_destroy(s);
}

struct remote {
	struct kmem_cache *s;
	void **p;
	int from, to;
};

static void free_remote(void *info)
{
	struct remote *r = info;

	for (int i = r->from; i < r->to; i++)
		kmem_cache_free(r->s, r->p[i]);
}

static void alloc_remote(void *info)
{
	struct remote *r = info;

	for (int i = r->from; i < r->to; i++)
		r->p[i] = kmem_cache_alloc(r->s, GFP_ATOMIC);
}

static void objects_cross_cpus(struct ktest *t)
{
	struct kmem_cache *s = kmem_cache_create("test_cross", 72, 0, SLAB_NO_MERGE, NULL);
	static void *p[400];
	int cpu, n = 0;

	KTEST_ASSERT_NOT_NULL(t, s);
	for (int round = 0; round < 8; round++) {
		for_each_online_cpu(cpu) {
			struct remote r = { s, p, 0, ARRAY_SIZE(p) };

			smp_call_function_single(cpu, alloc_remote, &r, true);
			for (int i = 0; i < ARRAY_SIZE(p); i++) {
				KTEST_ASSERT_NOT_NULL(t, p[i]);
				fill(p[i], 72, i + cpu);
			}
			for (int i = 0; i < ARRAY_SIZE(p); i++)
				KTEST_EXPECT_TRUE(t, filled(p[i], 72, i + cpu));
			/* half of them here, half on the next CPU */
			r.to = ARRAY_SIZE(p) / 2;
			free_remote(&r);
			r.from = r.to;
			r.to = ARRAY_SIZE(p);
			smp_call_function_single((cpu + 1) % num_online_cpus(), free_remote, &r,
						 true);
			n++;
		}
	}
	KTEST_EXPECT_EQ(t, slabs_left(s), 0UL);
	kmem_cache_destroy(s);
	ktest_info(t, "%d rounds", n);
}

struct with_rcu {
	unsigned long before[5];
	struct rcu_head rcu;
	unsigned long after[3];
};

static void kfree_rcu_frees_the_object_around_the_head(struct ktest *t)
{
	struct kmem_cache *s =
		kmem_cache_create("test_rcu", sizeof(struct with_rcu), 0, SLAB_NO_MERGE, NULL);

	KTEST_ASSERT_NOT_NULL(t, s);
	for (int i = 0; i < 200; i++) {
		struct with_rcu *p = kmem_cache_alloc(s, GFP_KERNEL);

		KTEST_ASSERT_NOT_NULL(t, p);
		kfree_rcu(p, rcu);
	}
	rcu_barrier();
	KTEST_EXPECT_EQ(t, slabs_left(s), 0UL);
	kmem_cache_destroy(s);
}

static void typesafe_objects_keep_their_bytes(struct ktest *t)
{
	struct kmem_cache *s =
		kmem_cache_create("test_typesafe", 56, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	void *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, p);
	fill(p, 56, 1);
	rcu_read_lock();
	kmem_cache_free(s, p);
	KTEST_EXPECT_TRUE(t, filled(p, 56, 1));
	rcu_read_unlock();
	kmem_cache_destroy(s);
	rcu_barrier();
}

static int find_cache(struct kmem_cache *s, const struct slabinfo *info, void *arg)
{
	return s == arg;
}

static void destroy_refuses_while_objects_live(struct ktest *t)
{
	struct kmem_cache *s = kmem_cache_create("test_destroy", 40, 0, SLAB_NO_MERGE, NULL);
	void *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	KTEST_EXPECT_EQ(t, kmem_cache_for_each(find_cache, s), 1);
	ktest_info(t, "one report of an object in use is expected");
	kmem_cache_destroy(s);
	KTEST_EXPECT_EQ(t, kmem_cache_for_each(find_cache, s), 1);
	kmem_cache_free(s, p);
	kmem_cache_destroy(s);
	KTEST_EXPECT_EQ(t, kmem_cache_for_each(find_cache, s), 0);
}

static void misuse_is_reported_and_harmless(struct ktest *t)
{
	struct kmem_cache *s = kmem_cache_create("test_misuse", 48, 0, SLAB_NO_MERGE, NULL);
	struct kmem_cache *other = kmem_cache_create("test_other", 48, 0, SLAB_NO_MERGE, NULL);
	void *p, *q, *r;

	SKIP_PLANTED_UNDER_KASAN(t);
	KTEST_ASSERT_NOT_NULL(t, s);
	KTEST_ASSERT_NOT_NULL(t, other);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	ktest_info(t, "two reports are expected: wrong cache, double free");
	kmem_cache_free(other, p);
	kmem_cache_free(s, p);
	kmem_cache_free(s, p);
	q = kmem_cache_alloc(s, GFP_KERNEL);
	r = kmem_cache_alloc(s, GFP_KERNEL);
	KTEST_EXPECT_TRUE(t, q != r);
	kmem_cache_free(s, q);
	kmem_cache_free(s, r);
	KTEST_EXPECT_EQ(t, slabs_left(s), 0UL);
	KTEST_EXPECT_EQ(t, slabs_left(other), 0UL);
	kmem_cache_destroy(s);
	kmem_cache_destroy(other);
}

/* A chain of blocks of one size, until there is none. */
static void *eat_all(size_t size, unsigned long *nr)
{
	void **chain = NULL, **p;

	while ((p = kmalloc(size, GFP_NOWAIT)) != NULL) {
		*p = chain;
		chain = p;
		++*nr;
	}
	return chain;
}

static void exhaustion_gives_null_and_everything_back(struct ktest *t)
{
	static const size_t sizes[] = { KMALLOC_MAX_SIZE, 65536, 8192, 1024, 64 };
	unsigned long before, after, nr[ARRAY_SIZE(sizes)] = { 0 };
	void *chain[ARRAY_SIZE(sizes)];

	drain_all_pages(NULL);
	before = nr_free_pages();
	for (int i = 0; i < ARRAY_SIZE(sizes); i++)
		chain[i] = eat_all(sizes[i], &nr[i]);
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		while (chain[i]) {
			void *next = *(void **)chain[i];

			kfree(chain[i]);
			chain[i] = next;
		}
	}
	for (int i = 0; i < KMALLOC_NR_CLASSES; i++)
		if (kmalloc_caches[i])
			kmem_cache_shrink(kmalloc_caches[i]);
	drain_all_pages(NULL);
	after = nr_free_pages();
	ktest_info(
		t,
		"%lu of 4M, %lu of 64K, %lu of 8K, %lu of 1K, %lu of 64; free %lu then %lu pages",
		nr[0], nr[1], nr[2], nr[3], nr[4], before, after);
	KTEST_EXPECT_GE(t, after + 64, before);
}

struct live {
	void *p;
	size_t size;
	u8 seed;
};

static void random_against_model(struct ktest *t)
{
	static struct live live[256];
	unsigned long bad = 0;

	memset(live, 0, sizeof(live));
	for (int step = 0; step < 20000; step++) {
		struct live *l = &live[ktest_random_below(t, ARRAY_SIZE(live))];

		if (l->p) {
			bad += !filled(l->p, l->size, l->seed);
			kfree(l->p);
			l->p = NULL;
			continue;
		}
		l->size = 1 + ktest_random_below(t, 1UL << (3 + ktest_random_below(t, 11)));
		l->seed = step;
		l->p = kmalloc(l->size, GFP_KERNEL);
		if (l->p)
			fill(l->p, l->size, l->seed);
	}
	for (int i = 0; i < ARRAY_SIZE(live); i++) {
		if (live[i].p)
			bad += !filled(live[i].p, live[i].size, live[i].seed);
		kfree(live[i].p);
	}
	KTEST_EXPECT_EQ(t, bad, 0UL);
}

struct storm {
	struct kmem_cache *s;
	struct live *slots;
	unsigned long bad[NR_CPUS];
	u64 seed;
};

#define STORM_SLOTS 128

/* Each CPU puts objects into slots and frees what it finds there, whoever allocated it. */
static void storm_on_cpu(void *info)
{
	struct storm *st = info;
	u64 x = st->seed + smp_processor_id() * 0x9e3779b97f4a7c15ULL + 1;

	for (int i = 0; i < 5000; i++) {
		unsigned int slot;
		u64 *mine, *old;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		slot = x % STORM_SLOTS;
		mine = kmem_cache_alloc(st->s, GFP_ATOMIC);
		if (mine)
			for (int k = 0; k < 7; k++)
				mine[k] = (u64)(unsigned long)mine + k;
		old = __atomic_exchange_n(&st->slots[slot].p, mine, __ATOMIC_SEQ_CST);
		if (!old)
			continue;
		for (int k = 0; k < 7; k++)
			st->bad[smp_processor_id()] += old[k] != (u64)(unsigned long)old + k;
		kmem_cache_free(st->s, old);
	}
}

static void storm_on_all_cpus(struct ktest *t)
{
	static struct live slots[STORM_SLOTS];
	static struct storm st;
	int cpu;

	memset(slots, 0, sizeof(slots));
	memset(&st, 0, sizeof(st));
	st.s = kmem_cache_create("test_storm", 56, 0, SLAB_NO_MERGE, NULL);
	KTEST_ASSERT_NOT_NULL(t, st.s);
	st.slots = slots;
	for (int round = 0; round < 4; round++) {
		st.seed = ktest_random(t);
		on_each_cpu(storm_on_cpu, &st, true);
	}
	for (int i = 0; i < STORM_SLOTS; i++)
		kmem_cache_free(st.s, slots[i].p);
	for_each_online_cpu(cpu)
		KTEST_EXPECT_EQ(t, st.bad[cpu], 0UL);
	KTEST_EXPECT_EQ(t, slabs_left(st.s), 0UL);
	kmem_cache_destroy(st.s);
}

static void strings_are_copied(struct ktest *t)
{
	char *a = kstrdup("quire", GFP_KERNEL), *b = kstrndup("quire", 3, GFP_KERNEL);
	char *c = kasprintf(GFP_KERNEL, "%s-%d", "page", 42);

	KTEST_EXPECT_STREQ(t, a, "quire");
	KTEST_EXPECT_STREQ(t, b, "qui");
	KTEST_EXPECT_STREQ(t, c, "page-42");
	KTEST_EXPECT_NULL(t, kstrdup(NULL, GFP_KERNEL));
	kfree(a);
	kfree(b);
	kfree(c);
}

/* ---- sizes that make no sense ---- */

static void absurd_sizes_give_null_and_one_warning(struct ktest *t)
{
	volatile size_t n = KMALLOC_MAX_SIZE + 1, huge = ~0UL;
	u64 seq = log_next_seq();

	KTEST_EXPECT_NULL(t, kmalloc(n, GFP_KERNEL));
	KTEST_EXPECT_NULL(t, kmalloc(huge, GFP_KERNEL));
	KTEST_EXPECT_NULL(t, kmalloc_node(huge, GFP_KERNEL, 0));
	KTEST_EXPECT_LE(t, logged(seq, "is more than an allocation may have"), 1);
	KTEST_EXPECT_EQ(t, logged(seq, "from absurd_sizes_give_null_and_one_warning+0x"),
			logged(seq, "is more than an allocation may have"));
	KTEST_EXPECT_NULL(t, kmalloc_array(huge / 2, 3, GFP_KERNEL));
	KTEST_EXPECT_NULL(t, kcalloc(1UL << 32, 1UL << 32, GFP_KERNEL));
	KTEST_EXPECT_NULL(t, krealloc_array(NULL, 1UL << 60, 16, GFP_KERNEL));
	KTEST_EXPECT_NULL(t, kvmalloc_array(1UL << 60, 16, GFP_KERNEL));
	KTEST_EXPECT_EQ(t, kmalloc_size_roundup(huge), huge);
	seq = log_next_seq();
	KTEST_EXPECT_NULL(t, kmem_cache_create("test_absurd", 0, 0, 0, NULL));
	KTEST_EXPECT_NULL(t, kmem_cache_create("test_absurd", 8 * PAGE_SIZE + 1, 0, 0, NULL));
	KTEST_EXPECT_NULL(t, kmem_cache_create("test_absurd", ~0U, 0, 0, NULL));
	KTEST_EXPECT_NULL(t, kmem_cache_create("test_absurd", 64, 24, 0, NULL));
	KTEST_EXPECT_NULL(t, kmem_cache_create("test_absurd", 64, 2 * PAGE_SIZE, 0, NULL));
	KTEST_EXPECT_NULL(t, kmem_cache_create(NULL, 64, 0, 0, NULL));
	KTEST_EXPECT_NULL(t, kmem_cache_create_usercopy("test_absurd", 64, 0, 0, 60, 8, NULL));
	KTEST_EXPECT_LE(t, logged(seq, "make no sense"), 1);
	KTEST_EXPECT_EQ(t, logged(seq, "from absurd_sizes_give_null_and_one_warning+0x"),
			logged(seq, "make no sense"));
}

static void kvmalloc_takes_what_kmalloc_cannot_give(struct ktest *t)
{
	static const size_t sizes[] = { 1, 4096, 70000, 5UL << 20 };
	u8 *p = NULL;
	size_t old = 0;

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = kvrealloc(p, old, sizes[i], GFP_KERNEL);
		KTEST_ASSERT_NOT_NULL(t, p);
		KTEST_EXPECT_TRUE(t, filled(p, old, 5));
		fill(p, sizes[i], 5);
		old = sizes[i];
	}
	KTEST_EXPECT_TRUE(t, is_vmalloc_addr(p));
	kvfree(p);
	p = kvzalloc(300000, GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0, 300000));
	kvfree(p);
	kvfree(NULL);
}

static void dup_functions_name_their_callers(struct ktest *t)
{
	char *p;

	p = kmemdup("", 0, GFP_KERNEL);
	KTEST_EXPECT_TRUE(t, p == ZERO_SIZE_PTR);
	p = kmemdup_nul("abcdef", 3, GFP_KERNEL);
	KTEST_EXPECT_STREQ(t, p, "abc");
	kfree(p);
	p = kmemdup("abcdef", 7, GFP_KERNEL);
	KTEST_EXPECT_STREQ(t, p, "abcdef");
	if (virt_to_cache(p)->flags & SLAB_STORE_USER) {
		char text[80];

		snprintf(text, sizeof(text), "%pS",
			 (void *)get_track(virt_to_cache(p), p, TRACK_ALLOC)->addr);
		KTEST_EXPECT_TRUE(t, !strncmp(text, "dup_functions_name_their_callers+", 33));
	}
	kfree_sensitive(p);
}

/* ---- merging ---- */

static void like_caches_are_one(struct ktest *t)
{
	struct kmem_cache *a = kmem_cache_create("test_like_a", 1304, 0, 0, NULL), *b, *c;
	void *p;

	KTEST_ASSERT_NOT_NULL(t, a);
	b = kmem_cache_create("test_like_b", 1300, 8, 0, NULL);
	KTEST_ASSERT_NOT_NULL(t, b);
	if (!slab_unmergeable(a)) {
		KTEST_EXPECT_TRUE(t, a == b);
		KTEST_EXPECT_GE(t, a->refcount, 2);
		KTEST_EXPECT_GE(t, kmem_cache_size(a), 1304U);
	}
	p = kmem_cache_alloc(b, GFP_KERNEL);
	kmem_cache_destroy(a); /* one reference only */
	KTEST_ASSERT_NOT_NULL(t, p);
	kmem_cache_free(b, p);
	/* None of these may join. */
	c = kmem_cache_create("test_unlike", 1304, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	KTEST_EXPECT_TRUE(t, c != b);
	kmem_cache_destroy(c);
	c = kmem_cache_create("test_unlike", 1304, 0, SLAB_NO_MERGE, NULL);
	KTEST_EXPECT_TRUE(t, c != b);
	kmem_cache_destroy(c);
	c = kmem_cache_create("test_unlike", 1304, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	KTEST_EXPECT_TRUE(t, c != b);
	kmem_cache_destroy(c);
	c = kmem_cache_create("test_unlike", 1304, 0, 0, count_ctor);
	KTEST_EXPECT_TRUE(t, c != b);
	kmem_cache_destroy(c);
	c = kmem_cache_create("test_unlike", 1304, 64, 0, NULL);
	KTEST_EXPECT_TRUE(t, c != b);
	kmem_cache_destroy(c);
	c = kmem_cache_create("test_unlike", 1288, 0, 0, NULL);
	KTEST_EXPECT_TRUE(t, c != b);
	kmem_cache_destroy(c);
	kmem_cache_destroy(b);
}

static void slab_orders_waste_little(struct ktest *t)
{
	struct kmem_cache *s;

	mutex_lock(&slab_mutex);
	list_for_each_entry(s, &slab_caches, list) {
		unsigned long bytes = PAGE_SIZE << s->order, waste = bytes - s->objects * s->size;

		KTEST_EXPECT_GE(t, s->objects, 1U);
		KTEST_EXPECT_LE(t, s->min_order, s->order);
		if (waste > bytes / 4 && s->order > s->min_order)
			KTEST_FAIL(t, "%s: %lu of %lu bytes are wasted", s->name, waste, bytes);
		if (s->order > slub_max_order && s->order > s->min_order)
			KTEST_FAIL(t, "%s: order %u", s->name, s->order);
		if (s->order < min(slub_min_order, slub_max_order))
			KTEST_FAIL(t, "%s: order %u is below the minimum", s->name, s->order);
	}
	mutex_unlock(&slab_mutex);
}

static const struct ktest_case slab_cases[] = {
	KTEST_CASE(kmalloc_is_large_and_aligned_enough),
	KTEST_CASE(kmalloc_constant_and_variable_sizes_agree),
	KTEST_CASE(kmalloc_edges),
	KTEST_CASE(zeroed_objects_are_zero),
	KTEST_CASE(krealloc_keeps_contents),
	KTEST_CASE(ctor_runs_once_per_object),
	KTEST_CASE(objects_do_not_overlap),
	KTEST_CASE(alignment_is_kept),
	KTEST_CASE(shrink_returns_every_empty_slab),
	KTEST_CASE(bulk_gives_different_objects),
	KTEST_CASE(objects_cross_cpus),
	KTEST_CASE(kfree_rcu_frees_the_object_around_the_head),
	KTEST_CASE(typesafe_objects_keep_their_bytes),
	KTEST_CASE(destroy_refuses_while_objects_live),
	KTEST_CASE(misuse_is_reported_and_harmless),
	KTEST_CASE(exhaustion_gives_null_and_everything_back),
	KTEST_CASE(random_against_model),
	KTEST_CASE(storm_on_all_cpus),
	KTEST_CASE(strings_are_copied),
	KTEST_CASE(absurd_sizes_give_null_and_one_warning),
	KTEST_CASE(kvmalloc_takes_what_kmalloc_cannot_give),
	KTEST_CASE(dup_functions_name_their_callers),
	KTEST_CASE(like_caches_are_one),
	KTEST_CASE(slab_orders_waste_little),
	{},
};
KTEST_SUITE(slab, slab_cases);
