/*
 * kmemleak: which memory is lost. A tracing garbage collector that collects nothing and tells what it could have.
 *
 * 1. While it is on, every allocation of slab, vmalloc, the per-CPU allocator and memblock has a record: where it begins,
 *    its size, who made it, when, and with which stack. Records stand in a tree by address (one more by per-CPU address)
 *    and in a list by age. Freeing ends a record.
 * 2. A search (kmemleak_scan.c) marks as in Dijkstra's three colours. White: fewer pointers to it were found than it
 *    needs (min_count). Gray: enough; what it holds is to be searched too. Black: ignored. It begins with all white,
 *    reads the roots (the kernel's data, per-CPU variables, struct pages, stacks and registers), then the gray ones, until no new
 *    one turns gray. What is white then has nobody. A pointer into the middle counts: list heads are there.
 * 3. Memory changes while it is searched, so a white object is believed only if its bytes are as the search before saw
 *    them, if what such changed ones point to does not reach it, and if it is five seconds old.
 * 4. A number that looks like a pointer hides a leak; a pointer that is not in memory (encoded, or in pages of the page allocator)
 *    makes a false one. For the latter there are kmemleak_not_leak() and its like.
 * 5. Records are objects of a cache with SLAB_NOLEAKTRACE, which no tool looks at: so this does not recurse. Those
 *    of boot come from a pool that memblock gave. The pool is also there when slab has nothing: only when it is empty, too, is
 *    kmemleak switched off, since from then on it would tell what is not so.
 * 6. What memblock gives before there are records is written into a short log of the init section.
 *
 * Locks: kmemleak_lock (L) is a leaf and protects trees, lists and fields. A record's own lock (O, outside L) is held while
 * the memory is read; who frees it takes that lock after having taken the record out, and so waits for the reader. scan_mutex: one
 * search at a time; the file. All but the latter with interrupts off. Where Linux counts references under each record's lock,
 * kmemleak_lock serves here, which makes nested locks unnecessary. Complexity: O(log n) for each allocation and each word that
 * is an address.
 *
 * Mirrors Linux mm/kmemleak.c. Exercised by the kmemleak suite and tests/boot/test_kmemleak.py.
 */
#define pr_fmt(fmt) "kmemleak: " fmt

#include "arch/x86/stacktrace.h"
#include "arch/x86/traps.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/workqueue.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/debug/kmemleak_internal.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab_internal.h"

#define TRACE_DEPTH  16
#define POOL_OBJECTS 1024
/* How records may be allocated: never a reserve, never a complaint. */
#define GFP_RECORD(gfp) \
	(((gfp) & (GFP_KERNEL | GFP_ATOMIC)) | __GFP_NORETRY | __GFP_NOMEMALLOC | __GFP_NOWARN)

DEFINE_SPINLOCK(kmemleak_lock);
DEFINE_MUTEX(scan_mutex);
bool kmemleak_enabled, kmemleak_free_enabled;
bool kmemleak_found_leaks;

static LIST_HEAD(object_list);			/* L */
static struct rb_root object_tree, percpu_tree; /* L */
static u64 next_serial;				/* L */
unsigned long kmemleak_percpu_min = ULONG_MAX, kmemleak_percpu_max;
static LIST_HEAD(pool);				      /* L free records, linked by object_list */
static struct kmemleak_object *pool_start, *pool_end; /* after kmemleak_early_init() */
static struct kmem_cache *object_cache, *scan_area_cache;
static bool late; /* there are work queues */
static bool failed;

/* ---- before there are records ---- */

enum early_op { EARLY_ALLOC, EARLY_FREE_PART, EARLY_NOT_LEAK, EARLY_IGNORE, EARLY_NO_SCAN };

#define EARLY_TRACE 6
static struct early_log {
	enum early_op op;
	int min_count;
	const void *ptr;
	size_t size;
	unsigned int nr;
	unsigned long trace[EARLY_TRACE];
} early_log[256] __initdata;
static unsigned int early_nr;
static bool early = true;

static void __init log_early(enum early_op op, const void *ptr, size_t size, int min_count)
{
	struct early_log *e;

	if (early_nr == ARRAY_SIZE(early_log)) {
		pr_warn("more than %u events before there is memory for them\n", early_nr);
		kmemleak_disable();
		return;
	}
	e = &early_log[early_nr++];
	*e = (struct early_log){ .op = op, .ptr = ptr, .size = size, .min_count = min_count };
	e->nr = stack_trace_save(e->trace, EARLY_TRACE, 2);
}

/* ---- records ---- */

static struct kmemleak_object *alloc_record(gfp_t gfp)
{
	struct kmemleak_object *object = NULL;

	if (likely(object_cache))
		object = kmem_cache_alloc(object_cache, GFP_RECORD(gfp));
	if (unlikely(!object)) {
		guard(spinlock_irqsave)(&kmemleak_lock);
		object = list_first_entry_or_null(&pool, struct kmemleak_object, object_list);
		if (object)
			list_del(&object->object_list);
	}
	return object;
}

static void free_record(struct kmemleak_object *object)
{
	struct kmemleak_scan_area *area;
	struct hlist_node *next;

	hlist_for_each_entry_safe(area, next, &object->area_list, node)
		kmem_cache_free(scan_area_cache, area);
	if (object >= pool_start && object < pool_end) {
		guard(spinlock_irqsave)(&kmemleak_lock);
		list_add(&object->object_list, &pool);
	} else {
		kmem_cache_free(object_cache, object);
	}
}

void kmemleak_put(struct kmemleak_object *object)
{
	if (atomic_dec_and_test(&object->use_count))
		free_record(object);
}

static unsigned long object_end(const struct kmemleak_object *object)
{
	return object->pointer + object->size;
}

/* Any record that has a part of [start, end). => kmemleak_lock held */
static struct kmemleak_object *lookup_overlap(const struct rb_root *root, unsigned long start,
					      unsigned long end)
{
	struct rb_node *node = root->rb_node;

	while (node) {
		struct kmemleak_object *object = rb_entry(node, struct kmemleak_object, rb_node);

		if (end <= object->pointer)
			node = node->rb_left;
		else if (start >= object_end(object))
			node = node->rb_right;
		else
			return object;
	}
	return NULL;
}

static struct rb_root *tree_of(bool percpu)
{
	return percpu ? &percpu_tree : &object_tree;
}

struct kmemleak_object *kmemleak_lookup(unsigned long addr, bool percpu)
{
	return lookup_overlap(tree_of(percpu), addr, addr + 1);
}

struct kmemleak_object *kmemleak_find_get(unsigned long addr, bool alias, bool percpu)
{
	struct kmemleak_object *object;

	guard(spinlock_irqsave)(&kmemleak_lock);
	object = kmemleak_lookup(addr, percpu);
	if (!object || (!alias && object->pointer != addr))
		return NULL;
	atomic_inc(&object->use_count);
	return object;
}

/* Something is not as it can be: from here on nothing that it says can be believed. */
static __cold void stop(const char *what, unsigned long ptr)
{
	pr_warn("%s 0x%lx\n", what, ptr);
	dump_stack();
	kmemleak_disable();
}

/* => kmemleak_lock held; the range is nobody's */
static void insert_record(struct kmemleak_object *object)
{
	struct rb_root *root = tree_of(object->flags & OBJECT_PERCPU);
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		struct kmemleak_object *other;

		parent = *link;
		other = rb_entry(parent, struct kmemleak_object, rb_node);
		link = object->pointer < other->pointer ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&object->rb_node, parent, link);
	rb_insert_color(&object->rb_node, root);
	object->serial = next_serial++;
	if (object->flags & OBJECT_PERCPU) {
		kmemleak_percpu_min = min(kmemleak_percpu_min, object->pointer);
		kmemleak_percpu_max = max(kmemleak_percpu_max, object_end(object));
	}
	list_add_tail(&object->object_list, &object_list);
}

static void init_record(struct kmemleak_object *object, unsigned long ptr, size_t size,
			int min_count, unsigned int flags)
{
	memset(object, 0, sizeof(*object));
	spin_lock_init(&object->lock);
	INIT_LIST_HEAD(&object->gray_list);
	INIT_HLIST_HEAD(&object->area_list);
	object->alive = true;
	object->flags = OBJECT_ALLOCATED | flags;
	atomic_set(&object->use_count, 1);
	object->pointer = ptr;
	object->size = size;
	object->min_count = min_count;
	object->jiffies = jiffies;
}

static void set_owner(struct kmemleak_object *object)
{
	if (in_interrupt()) {
		strscpy(object->comm, "hardirq", sizeof(object->comm));
		return;
	}
	object->pid = current->pid;
	/* Without its lock: the caller may hold it, and half a name does no harm. */
	strscpy(object->comm, current->comm, sizeof(object->comm));
}

static void create_object(unsigned long ptr, size_t size, int min_count, unsigned int flags,
			  gfp_t gfp, depot_stack_handle_t stack)
{
	struct kmemleak_object *object = size ? alloc_record(gfp) : NULL, *other;

	if (!object) {
		if (size)
			stop("no memory for the record of", ptr);
		return;
	}
	init_record(object, ptr, size, min_count, flags);
	set_owner(object);
	object->stack = stack;
	scoped_guard(spinlock_irqsave, &kmemleak_lock) {
		other = lookup_overlap(tree_of(flags & OBJECT_PERCPU), ptr, ptr + size);
		if (!other)
			insert_record(object);
	}
	if (unlikely(other)) {
		stop("given out twice, or freed unseen:", ptr);
		kmemleak_put(object);
	}
}

/* => kmemleak_lock held */
static void take_out(struct kmemleak_object *object)
{
	rb_erase(&object->rb_node, tree_of(object->flags & OBJECT_PERCPU));
	object->flags &= ~OBJECT_ALLOCATED;
	if (object->walkers)
		object->flags |= OBJECT_REMOVED;
	else
		list_del(&object->object_list);
}

/* The record was taken out: nobody reads the memory when this returns. */
static void end_record(struct kmemleak_object *object)
{
	scoped_guard(spinlock_irqsave, &object->lock)
		object->alive = false;
	kmemleak_put(object);
}

static void delete_object(unsigned long ptr, bool percpu)
{
	struct kmemleak_object *object;

	scoped_guard(spinlock_irqsave, &kmemleak_lock) {
		object = kmemleak_lookup(ptr, percpu);
		if (object && object->pointer != ptr)
			object = NULL; /* not an address that was given out: slab complains */
		if (object)
			take_out(object);
	}
	if (object)
		end_record(object);
}

/* ---- walking ---- */

/* => kmemleak_lock held */
static void let_go(struct kmemleak_object *object)
{
	if (!--object->walkers && (object->flags & OBJECT_REMOVED))
		list_del(&object->object_list);
}

/* => kmemleak_lock held */
static struct kmemleak_object *first_from(u64 from)
{
	struct kmemleak_object *object;

	list_for_each_entry(object, &object_list, object_list)
		if (object->serial >= from)
			return object;
	return NULL;
}

struct kmemleak_object *kmemleak_next(struct kmemleak_object *object, u64 from)
{
	struct kmemleak_object *next;

	scoped_guard(spinlock_irqsave, &kmemleak_lock) {
		if (!object)
			next = first_from(from);
		else if (list_is_last(&object->object_list, &object_list))
			next = NULL;
		else
			next = list_next_entry(object, object_list);
		if (next) {
			next->walkers++;
			atomic_inc(&next->use_count);
		}
		if (object)
			let_go(object);
	}
	if (object)
		kmemleak_put(object);
	cond_resched();
	return next;
}

void kmemleak_end_walk(struct kmemleak_object *object)
{
	if (!object)
		return;
	scoped_guard(spinlock_irqsave, &kmemleak_lock)
		let_go(object);
	kmemleak_put(object);
}

/* ---- what allocators and owners call ---- */

noinline void __kmemleak_alloc(const void *ptr, size_t size, int min_count, gfp_t gfp)
{
	if (ZERO_OR_NULL_PTR(ptr) || IS_ERR(ptr))
		return;
	if (unlikely(early))
		log_early(EARLY_ALLOC, ptr, size, min_count);
	else
		create_object((unsigned long)ptr, size, min_count, 0, gfp,
			      stack_depot_save_here(TRACE_DEPTH, 1));
}

noinline void __kmemleak_alloc_percpu(const void __percpu *ptr, size_t size, gfp_t gfp)
{
	if (ptr)
		create_object((unsigned long)ptr, size, 1, OBJECT_PERCPU, gfp,
			      stack_depot_save_here(TRACE_DEPTH, 1));
}

void __kmemleak_free(const void *ptr)
{
	if (!ZERO_OR_NULL_PTR(ptr))
		delete_object((unsigned long)ptr, false);
}

void __kmemleak_free_percpu(const void __percpu *ptr)
{
	if (ptr)
		delete_object((unsigned long)ptr, true);
}

void __kmemleak_free_part(const void *ptr, size_t size)
{
	unsigned long start = (unsigned long)ptr, end = start + size;
	struct kmemleak_object *object;

	if (unlikely(early)) {
		log_early(EARLY_FREE_PART, ptr, size, 0);
		return;
	}
	for (;;) {
		scoped_guard(spinlock_irqsave, &kmemleak_lock) {
			object = lookup_overlap(&object_tree, start, end);
			if (object)
				take_out(object);
		}
		if (!object)
			return;
		if (object->pointer < start)
			create_object(object->pointer, start - object->pointer, object->min_count,
				      0, GFP_NOWAIT, object->stack);
		if (object_end(object) > end)
			create_object(end, object_end(object) - end, object->min_count, 0,
				      GFP_NOWAIT, object->stack);
		end_record(object);
	}
}

/* => kmemleak_lock held; NULL: not known */
static struct kmemleak_object *lookup_exact(const void *ptr)
{
	struct kmemleak_object *object = kmemleak_lookup((unsigned long)ptr, false);

	return object && object->pointer == (unsigned long)ptr ? object : NULL;
}

static void paint(const void *ptr, int color)
{
	struct kmemleak_object *object;

	guard(spinlock_irqsave)(&kmemleak_lock);
	object = lookup_exact(ptr);
	if (!object)
		return;
	object->min_count = color;
	if (color == KMEMLEAK_BLACK)
		object->flags |= OBJECT_NO_SCAN;
}

void __kmemleak_not_leak(const void *ptr)
{
	if (unlikely(early))
		log_early(EARLY_NOT_LEAK, ptr, 0, 0);
	else
		paint(ptr, KMEMLEAK_GREY);
}

void __kmemleak_ignore(const void *ptr)
{
	if (unlikely(early))
		log_early(EARLY_IGNORE, ptr, 0, 0);
	else
		paint(ptr, KMEMLEAK_BLACK);
}

void __kmemleak_no_scan(const void *ptr)
{
	struct kmemleak_object *object;

	if (unlikely(early)) {
		log_early(EARLY_NO_SCAN, ptr, 0, 0);
		return;
	}
	guard(spinlock_irqsave)(&kmemleak_lock);
	object = lookup_exact(ptr);
	if (object)
		object->flags |= OBJECT_NO_SCAN;
}

noinline void __kmemleak_update_trace(const void *ptr)
{
	depot_stack_handle_t stack = stack_depot_save_here(TRACE_DEPTH, 1);
	struct kmemleak_object *object;

	if (unlikely(early))
		return;
	guard(spinlock_irqsave)(&kmemleak_lock);
	object = lookup_exact(ptr);
	if (object)
		object->stack = stack;
}

void __kmemleak_scan_area(const void *ptr, size_t size, gfp_t gfp)
{
	unsigned long start = (unsigned long)ptr;
	struct kmemleak_scan_area *area = NULL;
	struct kmemleak_object *object;

	if (scan_area_cache)
		area = kmem_cache_alloc(scan_area_cache, GFP_RECORD(gfp));
	scoped_guard(spinlock_irqsave, &kmemleak_lock) {
		object = kmemleak_lookup(start, false);
		if (object && size == SIZE_MAX)
			size = object_end(object) - start;
		if (object && area && size <= object_end(object) - start) {
			area->start = start;
			area->size = size;
			hlist_add_head_rcu(&area->node, &object->area_list);
			area = NULL;
		} else if (object) {
			object->flags |= OBJECT_FULL_SCAN; /* better to read too much */
		}
	}
	if (area)
		kmem_cache_free(scan_area_cache, area);
}

/* ---- on and off ---- */

static void free_all_records(void)
{
	struct kmemleak_object *object = NULL;

	while ((object = kmemleak_next(object, 0)) != NULL) {
		bool ours = false;

		scoped_guard(spinlock_irqsave, &kmemleak_lock) {
			ours = object->flags & OBJECT_ALLOCATED;
			if (ours)
				take_out(object);
		}
		if (ours)
			end_record(object);
	}
}

static void cleanup_work_fn(struct work_struct *work)
{
	guard(mutex)(&scan_mutex);
	kmemleak_stop_thread();
	WRITE_ONCE(kmemleak_free_enabled, false);
	slab_hook_set(SLAB_HOOK_KMEMLEAK, false);
	if (!kmemleak_found_leaks)
		free_all_records();
	else
		pr_info("Kmemleak disabled without freeing internal data. Reclaim the memory with "
			"\"echo clear > /sys/kernel/debug/kmemleak\".\n");
}

static DECLARE_WORK(cleanup_work, cleanup_work_fn);

void kmemleak_disable(void)
{
	if (__atomic_exchange_n(&failed, true, __ATOMIC_SEQ_CST))
		return;
	WRITE_ONCE(kmemleak_enabled, false);
	if (late)
		schedule_work(&cleanup_work);
	pr_info("Kernel memory leak detector disabled\n");
}

void kmemleak_clear(void)
{
	struct kmemleak_object *object = NULL;

	kmemleak_found_leaks = false;
	if (!READ_ONCE(kmemleak_enabled)) {
		/* Before the clean-up freed objects still need their records. */
		if (!READ_ONCE(kmemleak_free_enabled))
			free_all_records();
		return;
	}
	while ((object = kmemleak_next(object, 0)) != NULL) {
		guard(spinlock_irqsave)(&kmemleak_lock);
		if ((object->flags & OBJECT_REPORTED) && kmemleak_unreferenced(object))
			object->min_count = KMEMLEAK_GREY;
	}
}

static int __init param_kmemleak(char *value)
{
	if (!value || (strcmp(value, "on") && strcmp(value, "off"))) {
		pr_warn("kmemleak=%s: not on or off; off\n", value ?: "");
		return 0;
	}
	kmemleak_enabled = kmemleak_free_enabled = !strcmp(value, "on");
	slab_hook_set(SLAB_HOOK_KMEMLEAK, kmemleak_enabled);
	if (kmemleak_enabled)
		stack_depot_request_early_init();
	return 0;
}
early_param("kmemleak", param_kmemleak);

static void __init replay(const struct early_log *e)
{
	switch (e->op) {
	case EARLY_ALLOC:
		create_object((unsigned long)e->ptr, e->size, e->min_count, 0, 0,
			      stack_depot_save(e->trace, e->nr));
		break;
	case EARLY_FREE_PART:
		__kmemleak_free_part(e->ptr, e->size);
		break;
	case EARLY_NOT_LEAK:
		__kmemleak_not_leak(e->ptr);
		break;
	case EARLY_IGNORE:
		__kmemleak_ignore(e->ptr);
		break;
	case EARLY_NO_SCAN:
		__kmemleak_no_scan(e->ptr);
		break;
	}
}

void __init kmemleak_early_init(void)
{
	phys_addr_t phys;

	if (!kmemleak_enabled)
		return;
	/* Not from memblock_alloc(): records point to everything, and must not be searched. */
	phys = memblock_alloc_range_in(&memblock, POOL_OBJECTS * sizeof(*pool_start), 64, 0,
				       MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE, false);
	if (!phys) {
		pr_err("no memory for the first records\n");
		kmemleak_disable();
		return;
	}
	pool_start = __va(phys);
	pool_end = pool_start + POOL_OBJECTS;
	for (struct kmemleak_object *object = pool_start; object < pool_end; object++)
		list_add_tail(&object->object_list, &pool);
	early = false;
	for (unsigned int i = 0; i < early_nr; i++)
		replay(&early_log[i]);
}

extern char _sdata[], _edata[], __bss_start[], __bss_stop[];
extern char __start_ro_after_init[], __end_ro_after_init[];

/* The roots that stay: never a leak, always searched. */
static void __init add_root(const char *start, const char *end)
{
	create_object((unsigned long)start, end - start, KMEMLEAK_GREY, 0, GFP_KERNEL, 0);
}

void __init kmemleak_init(void)
{
	if (!kmemleak_enabled)
		return;
	object_cache = kmem_cache_create("kmemleak_object", sizeof(struct kmemleak_object), 0,
					 SLAB_NOLEAKTRACE, NULL);
	scan_area_cache = kmem_cache_create("kmemleak_scan_area", sizeof(struct kmemleak_scan_area),
					    0, SLAB_NOLEAKTRACE, NULL);
	add_root(_sdata, _edata);
	add_root(__bss_start, __bss_stop);
	add_root(__start_ro_after_init, __end_ro_after_init);
}

static int kmemleak_late_init(void)
{
	late = true;
	if (failed) {
		schedule_work(&cleanup_work);
		return 0;
	}
	if (!kmemleak_enabled)
		return 0;
	pr_info("Kernel memory leak detector initialized (mem pool available: %d)\n", POOL_OBJECTS);
	guard(mutex)(&scan_mutex);
	kmemleak_start_thread();
	pr_info("Automatic memory scanning thread started\n");
	return 0;
}
late_initcall(kmemleak_late_init);
