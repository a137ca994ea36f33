/*
 * Suite kasan: each kind of bad access that KASAN claims to see is made on purpose, and its report is read back from the
 * log: the kind, the address, the size, whose memory it is, who allocated and who freed. Good accesses are silent.
 *
 * Only in KASAN=1 kernels. Addresses are hidden from the compiler, which would otherwise see the mistakes itself. What is
 * written out of bounds is what was there, so that nothing else breaks; what is not mapped is asked for and not
 * touched (kasan_check_range). The suite makes each report count (kasan_multi_shot), and none a panic.
 */
#include "kernel/ktest.h"
#include "mm/debug/kasan.h"

#ifdef CONFIG_KASAN

#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/random.h"
#include "kernel/rcu.h"
#include "kernel/task.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/slab/mempool.h"
#include "mm/slab/slab.h"
#include "tests/kernel/log.h"

/* ---- one crime, one report ---- */

struct watch {
	u64 seq;
	bool multi_shot, panics;
};

static void begin(struct watch *w)
{
	w->multi_shot = kasan_save_enable_multi_shot();
	w->panics = kasan_save_fault_report();
	w->seq = log_next_seq();
}

static void end(struct watch *w)
{
	kasan_restore_multi_shot(w->multi_shot);
	kasan_restore_fault(w->panics);
}

static __printf(3, 4) void expect_line(struct ktest *t, const struct watch *w, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!logged(w->seq, text))
		KTEST_FAIL(t, "the log does not say \"%s\"", text);
}

/* Exactly one report, of this kind, found in this function; then the log goes on from there. */
static void expect_report(struct ktest *t, const struct watch *w, const char *kind, const char *fn)
{
	KTEST_EXPECT_EQ(t, logged(w->seq, "BUG: KASAN: "), 1);
	expect_line(t, w, "BUG: KASAN: %s in %s+0x", kind, fn);
	expect_line(t, w, " %s+0x", fn); /* in the call trace */
	expect_line(t, w, "Memory state around the buggy address:");
}

static void expect_silence(struct ktest *t, const struct watch *w)
{
	KTEST_EXPECT_EQ(t, logged(w->seq, "BUG: KASAN"), 0);
}

static __always_inline void *hide(void *p)
{
	__asm__ __volatile__("" : "+r"(p));
	return p;
}

/* The culprits: each keeps its name, and its arguments. */
#ifdef __clang__
#define culprit noinline
#else
#define culprit __attribute__((__noipa__))
#endif

static culprit u8 read_byte(const void *p)
{
	return *(const volatile u8 *)p;
}

static culprit void rewrite_byte(void *p)
{
	volatile u8 *b = p;
	u8 was = 0;

	copy_from_kernel_nofault(&was, p, 1);
	*b = was;
}

static culprit u64 read_word(const void *p)
{
	return *(const volatile u64 *)p;
}

static culprit void *allocate_it(size_t size)
{
	void *p = hide(kmalloc(size, GFP_KERNEL));

	barrier();
	return p;
}

static culprit void free_it(void *p)
{
	kfree(p);
	barrier();
}

static void expect_access(struct ktest *t, const struct watch *w, const char *what, size_t size,
			  const void *addr)
{
	expect_line(t, w, "%s of size %zu at addr %px by task %.15s/%d", what, size, addr,
		    current->comm, current->pid);
}

static void expect_owner(struct ktest *t, const struct watch *w, bool freed)
{
	expect_line(t, w, "Allocated by task %d:", current->pid);
	expect_line(t, w, " allocate_it+0x");
	if (freed) {
		expect_line(t, w, "Freed by task %d:", current->pid);
		expect_line(t, w, " free_it+0x");
	}
}

/* ---- objects ---- */

static void one_byte_to_the_right(struct ktest *t)
{
	static const struct {
		size_t size;
		const char *cache;
	} of[] = { { 1, "kmalloc-8" },	   { 8, "kmalloc-8" },	   { 13, "kmalloc-16" },
		   { 123, "kmalloc-128" }, { 128, "kmalloc-128" }, { 1000, "kmalloc-1k" },
		   { 4096, "kmalloc-4k" }, { 8191, "kmalloc-8k" } };

	for (int i = 0; i < ARRAY_SIZE(of); i++) {
		struct watch w;
		u8 *p = allocate_it(of[i].size);

		KTEST_ASSERT_NOT_NULL(t, p);
		begin(&w);
		for (size_t k = 0; k < of[i].size; k++)
			p[k] = k;
		expect_silence(t, &w);
		rewrite_byte(p + of[i].size);
		end(&w);
		expect_report(t, &w, "slab-out-of-bounds", "rewrite_byte");
		expect_access(t, &w, "Write", 1, p + of[i].size);
		expect_owner(t, &w, false);
		expect_line(t, &w, "belongs to the object at %px", p);
		expect_line(t, &w, "belongs to the cache %s of size ", of[i].cache);
		expect_line(t, &w, "located 0 bytes to the right of");
		expect_line(t, &w, "allocated %zu-byte region [%px, %px)", of[i].size, p,
			    p + of[i].size);
		kfree(p);
	}
}

static void one_byte_to_the_left(struct ktest *t)
{
	u8 *p[8], *victim = NULL;
	struct watch w;

	/* Not the first of its slab: in front of that is another page. */
	for (int i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = allocate_it(100);
		KTEST_ASSERT_NOT_NULL(t, p[i]);
		if ((unsigned long)p[i] & ~PAGE_MASK)
			victim = p[i];
	}
	KTEST_ASSERT_NOT_NULL(t, victim);
	begin(&w);
	read_byte(victim - 1);
	end(&w);
	expect_report(t, &w, "slab-out-of-bounds", "read_byte");
	expect_access(t, &w, "Read", 1, victim - 1);
	for (int i = 0; i < ARRAY_SIZE(p); i++)
		kfree(p[i]);
}

/* Eight bytes of which the last ones are bad, and eight that lie across two granules. */
static void accesses_that_begin_well(struct ktest *t)
{
	u8 *p = allocate_it(20);
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	memset(p, 1, 20);
	begin(&w);
	read_word(p + 12);
	expect_silence(t, &w);
	read_word(p + 13);
	end(&w);
	expect_report(t, &w, "slab-out-of-bounds", "read_word");
	expect_access(t, &w, "Read", 8, p + 13);
	expect_line(t, &w, "located 0 bytes to the right of");
	kfree(p);
}

static void use_after_free(struct ktest *t)
{
	u8 *p = allocate_it(64);
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	free_it(p);
	begin(&w);
	read_byte(p + 24);
	end(&w);
	expect_report(t, &w, "slab-use-after-free", "read_byte");
	expect_access(t, &w, "Read", 1, p + 24);
	expect_owner(t, &w, true);
	expect_line(t, &w, "located 24 bytes inside of");
	expect_line(t, &w, "freed 64-byte region [%px, %px)", p, p + 64);
}

/* The quarantine: what was freed is not allocated again at once. */
static void freed_objects_wait(struct ktest *t)
{
	void *first = allocate_it(192);
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, first);
	free_it(first);
	for (int i = 0; i < 50; i++) {
		void *p = allocate_it(192);

		KTEST_EXPECT_TRUE(t, p != first);
		kfree(p);
	}
	begin(&w);
	read_byte(first);
	end(&w);
	expect_report(t, &w, "slab-use-after-free", "read_byte");
}

static void double_and_invalid_free(struct ktest *t)
{
	u8 *p = allocate_it(40);
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	free_it(p + 8);
	expect_report(t, &w, "invalid-free", "free_it");
	expect_line(t, &w, "Free of addr %px by task", p + 8);
	expect_line(t, &w, "located 8 bytes inside of");
	end(&w);

	free_it(p);
	begin(&w);
	free_it(p);
	end(&w);
	expect_report(t, &w, "double-free", "free_it");
	expect_line(t, &w, "Free of addr %px by task", p);
	expect_owner(t, &w, true);
}

static void large_kmalloc(struct ktest *t)
{
	const size_t size = 3 * PAGE_SIZE + 10;
	u8 *p = allocate_it(size);
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	memset(p, 0, size);
	expect_silence(t, &w);
	rewrite_byte(p + size);
	expect_report(t, &w, "slab-out-of-bounds", "rewrite_byte");
	expect_access(t, &w, "Write", 1, p + size);
	end(&w);

	begin(&w);
	free_it(p + 16);
	end(&w);
	expect_report(t, &w, "invalid-free", "free_it");

	free_it(p);
	begin(&w);
	read_byte(p + PAGE_SIZE);
	end(&w);
	expect_report(t, &w, "use-after-free", "read_byte");
}

static void krealloc_moves_the_edge(struct ktest *t)
{
	u8 *p = allocate_it(50), *q;
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	p = krealloc(p, 60, GFP_KERNEL); /* in place */
	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	p[59] = 1;
	expect_silence(t, &w);
	rewrite_byte(p + 60);
	end(&w);
	expect_report(t, &w, "slab-out-of-bounds", "rewrite_byte");

	p = krealloc(p, 20, GFP_KERNEL);
	begin(&w);
	rewrite_byte(p + 21);
	end(&w);
	expect_report(t, &w, "slab-out-of-bounds", "rewrite_byte");

	q = krealloc(p, 2000, GFP_KERNEL); /* elsewhere: the old one is freed */
	KTEST_ASSERT_NOT_NULL(t, q);
	begin(&w);
	read_byte(p);
	expect_report(t, &w, "slab-use-after-free", "read_byte");
	end(&w);
	begin(&w);
	KTEST_EXPECT_NULL(t, krealloc(hide(p), 30, GFP_KERNEL));
	end(&w);
	expect_line(t, &w, "BUG: KASAN: slab-use-after-free in ");
	kfree(q);

	p = allocate_it(50);
	begin(&w);
	KTEST_EXPECT_EQ(t, ksize(p), 64UL);
	p[63] = 1; /* who asks for the size may use it */
	end(&w);
	expect_silence(t, &w);
	kfree(p);
}

static void caches_with_constructor_and_bulk(struct ktest *t)
{
	struct kmem_cache *s = kmem_cache_create("test_kasan", 200, 0, 0, NULL);
	void *p[10];
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, s);
	KTEST_EXPECT_EQ(t, kmem_cache_alloc_bulk(s, GFP_KERNEL, 10, p), 10);
	begin(&w);
	for (int i = 0; i < 10; i++)
		memset(p[i], i, 200);
	expect_silence(t, &w);
	read_byte((u8 *)p[3] + 200);
	end(&w);
	expect_report(t, &w, "slab-out-of-bounds", "read_byte");
	expect_line(t, &w, "belongs to the cache test_kasan of size 200");
	kmem_cache_free_bulk(s, 10, p);
	for (int i = 0; i < 10; i++) {
		begin(&w);
		read_byte((u8 *)hide(p[i]) + 100);
		end(&w);
		expect_report(t, &w, "slab-use-after-free", "read_byte");
	}
	/* Empty, although ten of its objects were waiting. */
	begin(&w);
	kmem_cache_destroy(s);
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG "), 0);
	/* And its pages are free. */
	read_byte(hide(p[0]));
	end(&w);
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: "), 1);
}

static void set_to_seven(void *p)
{
	memset(p, 7, 96);
}

/* Its objects may be read after they were freed, as long as the reader's grace period lasts; out of bounds never. */
static void typesafe_by_rcu(struct ktest *t)
{
	struct kmem_cache *s =
		kmem_cache_create("test_kasan_rcu", 96, 0, SLAB_TYPESAFE_BY_RCU, set_to_seven);
	struct watch w;
	u8 *p;

	KTEST_ASSERT_NOT_NULL(t, s);
	p = hide(kmem_cache_alloc(s, GFP_KERNEL));
	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	rcu_read_lock();
	kmem_cache_free(s, p);
	KTEST_EXPECT_EQ(t, read_byte(p), 7);
	rcu_read_unlock();
	expect_silence(t, &w);
	read_byte(p + 96);
	expect_report(t, &w, "slab-out-of-bounds", "read_byte");
	end(&w);
	kmem_cache_destroy(s);
	synchronize_rcu();
	rcu_barrier();
	begin(&w);
	read_byte(p);
	end(&w);
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: "), 1);
}

struct with_head {
	u64 word;
	struct rcu_head rcu;
};

/* Freed after a grace period: the report also says who asked for that. */
static culprit void free_later(struct with_head *p)
{
	kfree_rcu(p, rcu);
	barrier();
}

static void use_after_rcu_free(struct ktest *t)
{
	struct with_head *p = allocate_it(sizeof(*p));
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	rcu_read_lock();
	free_later(p);
	read_word(&p->word);
	rcu_read_unlock();
	expect_silence(t, &w);
	end(&w);
	synchronize_rcu();
	rcu_barrier();
	begin(&w);
	read_word(&p->word);
	end(&w);
	expect_report(t, &w, "slab-use-after-free", "read_word");
	expect_line(t, &w, "Last potentially related work creation:");
	expect_line(t, &w, " free_later+0x");
}

/* What rests in a mempool is nobody's. */
static void mempool_reserve(struct ktest *t)
{
	mempool_t *pool = mempool_create_kmalloc_pool(1, 72);
	struct watch w;
	u8 *p;

	KTEST_ASSERT_NOT_NULL(t, pool);
	p = hide(mempool_alloc(pool, GFP_KERNEL));
	KTEST_ASSERT_NOT_NULL(t, p);
	memset(p, 1, 72);
	mempool_free(p, pool);
	begin(&w);
	read_byte(p);
	end(&w);
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: "), 1);
	expect_line(t, &w, "use-after-free in read_byte+0x");
	mempool_destroy(pool);
}

/* ---- pages, vmalloc ---- */

static void freed_page(struct ktest *t)
{
	u8 *p = hide((void *)__get_free_pages(GFP_KERNEL, 2));
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	memset(p, 1, 4 * PAGE_SIZE);
	expect_silence(t, &w);
	free_pages((unsigned long)p, 2);
	read_word(p + 2 * PAGE_SIZE + 8);
	end(&w);
	expect_report(t, &w, "use-after-free", "read_word");
	expect_access(t, &w, "Read", 8, p + 2 * PAGE_SIZE + 8);
	expect_line(t, &w, "page dumped because: kasan: bad access detected");
}

static void vmalloc_edges(struct ktest *t)
{
	const size_t size = 2 * PAGE_SIZE - 100;
	u8 *p = hide(vmalloc(size));
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	memset(p, 1, size);
	expect_silence(t, &w);
	rewrite_byte(p + size);
	expect_report(t, &w, "vmalloc-out-of-bounds", "rewrite_byte");
	expect_access(t, &w, "Write", 1, p + size);
	expect_line(t, &w, "The buggy address belongs to the virtual mapping at");
	expect_line(t, &w, "[%px, %px) created by:", p, p + 3 * PAGE_SIZE);
	expect_line(t, &w, " vmalloc_edges+0x");
	end(&w);

	/* The guard page behind it, and the area when it is gone: not touched, for nothing is mapped there. */
	begin(&w);
	KTEST_EXPECT_FALSE(t, kasan_check_range(p + 2 * PAGE_SIZE, 1, false, _RET_IP_));
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: vmalloc-out-of-bounds in "), 1);
	end(&w);
	vfree(p);
	begin(&w);
	KTEST_EXPECT_FALSE(t, kasan_check_range(p, 8, false, _RET_IP_));
	vm_unmap_aliases(); /* now its shadow is gone as well */
	KTEST_EXPECT_FALSE(t, kasan_check_range(p, 8, false, _RET_IP_));
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: vmalloc-out-of-bounds in "), 2);
	end(&w);
}

/* Areas come and go at random; all of an area is accessible, and nothing else. */
static void vmalloc_at_random(struct ktest *t)
{
	struct {
		u8 *p;
		size_t size;
	} areas[16] = { 0 };
	struct watch w;
	int bad = 0;

	begin(&w);
	for (int i = 0; i < 400; i++) {
		int n = ktest_random(t) % 16;

		if (areas[n].p) {
			vfree(areas[n].p);
			areas[n].p = NULL;
			continue;
		}
		areas[n].size = 1 + ktest_random(t) % (40 * PAGE_SIZE);
		areas[n].p = hide(vmalloc(areas[n].size));
		KTEST_ASSERT_NOT_NULL(t, areas[n].p);
		memset(areas[n].p, n, areas[n].size);
	}
	expect_silence(t, &w);
	kasan_disable_current();
	for (int n = 0; n < 16; n++)
		if (areas[n].p && read_byte(areas[n].p + areas[n].size / 2) != n)
			bad++;
	kasan_enable_current();
	KTEST_EXPECT_EQ(t, bad, 0);
	end(&w);
	for (int n = 0; n < 16; n++)
		vfree(areas[n].p);
}

/* ---- stack and global variables ---- */

static culprit void read_past_local_array(long at)
{
	volatile u8 array[11] = { 1, 2, 3 };
	volatile u8 *p = hide((void *)array);

	read_byte((const void *)(p + at));
}

static void local_array(struct ktest *t)
{
	struct watch w;

	begin(&w);
	read_past_local_array(10);
	expect_silence(t, &w);
	read_past_local_array(11);
	end(&w);
	expect_report(t, &w, "stack-out-of-bounds", "read_byte");
	expect_line(t, &w, "The buggy address belongs to stack of task %.15s/%d", current->comm,
		    current->pid);
	expect_line(t, &w, " read_past_local_array+0x");
	expect_line(t, &w, "This frame has 1 object:");
	expect_line(t, &w, " [32, 43) 'array'");

	begin(&w);
	read_past_local_array(-1);
	end(&w);
	expect_report(t, &w, "stack-out-of-bounds", "read_byte");
}

static char kasan_global_array[10];
static int kasan_global_word = 3;

static void global_array(struct ktest *t)
{
	struct watch w;
	char *p = hide(kasan_global_array);
	int *word = hide(&kasan_global_word);

	begin(&w);
	read_byte(p + 9);
	rewrite_byte(word);
	expect_silence(t, &w);
	read_byte(p + 10);
	expect_report(t, &w, "global-out-of-bounds", "read_byte");
	expect_line(t, &w, "The buggy address belongs to the variable:");
	expect_line(t, &w, " kasan_global_array+0xa/0xa (tests/kernel/kasan.c)");
	end(&w);

	begin(&w);
	read_byte(word + 1);
	end(&w);
	expect_line(t, &w, " kasan_global_word+0x4/0x4 (tests/kernel/kasan.c)");
}

/* ---- functions that access memory ---- */

static culprit void copy_it(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
	barrier();
}

static void memory_functions(struct ktest *t)
{
	char *a = allocate_it(40), *b = allocate_it(200);
	volatile size_t minus = (size_t)-3;
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, a);
	KTEST_ASSERT_NOT_NULL(t, b);
	memset(b, 'x', 200);
	begin(&w);
	copy_it(a, b, 40);
	expect_silence(t, &w);
	copy_it(a, b, 41); /* not done */
	expect_report(t, &w, "slab-out-of-bounds", "copy_it");
	expect_access(t, &w, "Write", 41, a);
	expect_line(t, &w, "located 0 bytes to the right of");
	end(&w);

	begin(&w);
	copy_it(b, a, 41);
	expect_report(t, &w, "slab-out-of-bounds", "copy_it");
	expect_access(t, &w, "Read", 41, a);
	end(&w);

	begin(&w);
	copy_it(b, a, minus);
	end(&w);
	expect_line(t, &w, "BUG: KASAN: negative-size-param in copy_it+0x");

	begin(&w);
	KTEST_EXPECT_TRUE(t, strnlen(a, 40) == 40);
	expect_silence(t, &w);
	strnlen(a, 41); /* no terminator */
	end(&w);
	expect_report(t, &w, "slab-out-of-bounds", "strnlen");
	expect_line(t, &w, " memory_functions+0x");

	begin(&w);
	KTEST_EXPECT_EQ(t, memcmp(hide(a), hide(b), 40), 0);
	expect_silence(t, &w);
	KTEST_EXPECT_TRUE(t, memchr_inv(hide(a), 'x', 41) != b);
	end(&w);
	KTEST_EXPECT_TRUE(t, logged(w.seq, "BUG: KASAN: slab-out-of-bounds in memchr_inv") > 0);
	kfree(a);
	kfree(b);
}

/* copy_from_user() of more than the buffer has: seen before a byte is copied, whatever the user's address is. */
static void user_copies(struct ktest *t)
{
	u8 *p = allocate_it(24);
	struct watch w;

	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	KTEST_EXPECT_EQ(t, _copy_from_user(p, (void __user *)0x1000, 24), 24UL);
	KTEST_EXPECT_EQ(t, _copy_to_user((void __user *)0x1000, p, 24), 24UL);
	expect_silence(t, &w);
	KTEST_EXPECT_EQ(t, _copy_from_user(p, (void __user *)0x1000, 25), 25UL);
	expect_line(t, &w, "BUG: KASAN: slab-out-of-bounds in user_copies+0x");
	expect_access(t, &w, "Write", 25, p);
	end(&w);
	begin(&w);
	KTEST_EXPECT_EQ(t, _copy_to_user((void __user *)0x1000, p, 25), 25UL);
	end(&w);
	expect_access(t, &w, "Read", 25, p);
	kfree(p);
}

/* Addresses without shadow. */
static void wild_addresses(struct ktest *t)
{
	struct watch w;

	begin(&w);
	KTEST_EXPECT_FALSE(t, kasan_check_range((void *)8, 8, false, _RET_IP_));
	KTEST_EXPECT_FALSE(t, kasan_check_range((void *)0x400000, 8, false, _RET_IP_));
	KTEST_EXPECT_FALSE(t, kasan_check_range((void *)0x6b6b6b6b6b6b6b6b, 8, true, _RET_IP_));
	end(&w);
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: null-ptr-deref in "), 1);
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: user-memory-access in "), 1);
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: wild-memory-access in "), 1);
}

/* Everything that may be used, at random, with sizes and offsets that are not round: silence. Just outside: never. */
static void random_against_model(struct ktest *t)
{
	struct watch w;

	begin(&w);
	for (int i = 0; i < 300; i++) {
		size_t size = 1 + ktest_random(t) % 10000, from = ktest_random(t) % size;
		size_t n = 1 + ktest_random(t) % (size - from);
		u8 *p = allocate_it(size);

		KTEST_ASSERT_NOT_NULL(t, p);
		if (!kasan_check_range(p + from, n, true, _RET_IP_))
			KTEST_FAIL(t, "%zu bytes at %zu of %zu are said to be bad", n, from, size);
		kfree(p);
	}
	expect_silence(t, &w);
	for (int i = 0; i < 12; i++) {
		size_t size = 1 + ktest_random(t) % 10000, from = ktest_random(t) % size;
		u8 *p = allocate_it(size);

		KTEST_ASSERT_NOT_NULL(t, p);
		if (kasan_check_range(p + from, size - from + 1, true, _RET_IP_))
			KTEST_FAIL(t, "%zu bytes at %zu of %zu are said to be good",
				   size - from + 1, from, size);
		kfree(p);
	}
	end(&w);
}

/* Without kasan_multi_shot only the first report of a run is made: here, where there were many, none. */
static void only_the_first_is_reported(struct ktest *t)
{
	u8 *p = allocate_it(16);
	struct watch w;
	bool multi;

	KTEST_ASSERT_NOT_NULL(t, p);
	begin(&w);
	read_byte(p + 16);
	multi = w.multi_shot;
	kasan_restore_multi_shot(false);
	read_byte(p + 16);
	read_byte(p + 17);
	kasan_restore_multi_shot(multi);
	end(&w);
	KTEST_EXPECT_EQ(t, logged(w.seq, "BUG: KASAN: "), 1);
	kfree(p);
}

static const struct ktest_case cases[] = {
	KTEST_CASE(one_byte_to_the_right),
	KTEST_CASE(one_byte_to_the_left),
	KTEST_CASE(accesses_that_begin_well),
	KTEST_CASE(use_after_free),
	KTEST_CASE(freed_objects_wait),
	KTEST_CASE(double_and_invalid_free),
	KTEST_CASE(large_kmalloc),
	KTEST_CASE(krealloc_moves_the_edge),
	KTEST_CASE(caches_with_constructor_and_bulk),
	KTEST_CASE(typesafe_by_rcu),
	KTEST_CASE(use_after_rcu_free),
	KTEST_CASE(mempool_reserve),
	KTEST_CASE(freed_page),
	KTEST_CASE(vmalloc_edges),
	KTEST_CASE(vmalloc_at_random),
	KTEST_CASE(local_array),
	KTEST_CASE(global_array),
	KTEST_CASE(memory_functions),
	KTEST_CASE(user_copies),
	KTEST_CASE(wild_addresses),
	KTEST_CASE(random_against_model),
	KTEST_CASE(only_the_first_is_reported),
	{},
};

#else

static void needs_a_kasan_kernel(struct ktest *t)
{
	ktest_skip(t, "only in KASAN kernels (make KASAN=1)");
}

static const struct ktest_case cases[] = { KTEST_CASE(needs_a_kasan_kernel), {} };

#endif

KTEST_SUITE(kasan, cases);
