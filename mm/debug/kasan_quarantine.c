/*
 * KASAN: the quarantine, where freed objects wait before they can be allocated again.
 *
 * 1. First in, first out. The longer an object waits, the longer a use after free is seen as one. Objects are linked
 *    through their metadata (kasan_slab.c), so waiting costs nothing but the memory that waits.
 * 2. Each CPU has a queue. When 64 KiB wait there, the queue as a whole joins the batches, which all CPUs share. When
 *    the batches together are more than 1/32 of the RAM (8 MiB at most), whoever added one frees the oldest.
 * 3. A cache that is shrunk or destroyed takes its objects out everywhere. Under memory pressure a shrinker frees batches
 *    from the oldest on, so nobody is killed for memory that waits here.
 *
 * Locks: batch_lock for the batches (innermost but for what freeing an object takes; nothing is freed under it); interrupts
 * off for a CPU's own queue. Mirrors Linux mm/kasan/quarantine.c. Exercised by the kasan suite.
 */
#include "arch/x86/irqflags.h"
#include "kernel/init.h"
#include "kernel/percpu.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "mm/debug/kasan_internal.h"
#include "mm/phys/buddy.h"
#include "mm/slab/shrinker.h"
#include "mm/slab/slab_internal.h"

#define QUEUE_MAX  (64UL << 10)
#define NR_BATCHES 256
#define TOTAL_MAX  (8UL << 20)

struct queue {
	struct kasan_meta *head, *tail;
	unsigned long bytes, objects;
};

static DEFINE_PER_CPU(struct queue, cpu_queue);
static DEFINE_SPINLOCK(batch_lock);
static struct queue batches[NR_BATCHES];     /* batch_lock; a ring */
static unsigned int first_batch, nr_batches; /* batch_lock */
static unsigned long batch_bytes;	     /* batch_lock; of all of them */
static unsigned long batch_objects;	     /* batch_lock */

static struct kmem_cache *cache_of(const struct kasan_meta *meta)
{
	return virt_to_slab_head(meta)->slab_cache;
}

static void append(struct queue *q, struct kasan_meta *meta, unsigned long bytes)
{
	meta->next = NULL;
	if (q->tail)
		q->tail->next = meta;
	else
		q->head = meta;
	q->tail = meta;
	q->bytes += bytes;
	q->objects++;
}

static void free_queue(struct queue *q)
{
	struct kasan_meta *meta = q->head, *next;

	for (; meta; meta = next) {
		struct kmem_cache *s = cache_of(meta);

		next = meta->next;
		slab_free_unpoisoned(s, kasan_meta_to_object(s, meta));
	}
}

static unsigned long limit(void)
{
	return min((totalram_pages() << PAGE_SHIFT) / 32, TOTAL_MAX);
}

/* The oldest batch, if there is one; unless `always`, only if there is too much. */
static bool take_oldest(struct queue *q, bool always)
{
	guard(spinlock_irqsave)(&batch_lock);
	if (!nr_batches || (!always && batch_bytes <= limit() && nr_batches < NR_BATCHES))
		return false;
	*q = batches[first_batch];
	first_batch = (first_batch + 1) % NR_BATCHES;
	nr_batches--;
	batch_bytes -= q->bytes;
	batch_objects -= q->objects;
	return true;
}

/* False: the ring is full. */
static bool add_batch(const struct queue *q)
{
	guard(spinlock_irqsave)(&batch_lock);
	if (nr_batches == NR_BATCHES)
		return false;
	batches[(first_batch + nr_batches++) % NR_BATCHES] = *q;
	batch_bytes += q->bytes;
	batch_objects += q->objects;
	return true;
}

void kasan_quarantine_put(struct kmem_cache *s, void *object)
{
	struct queue full = { 0 }, old;
	struct queue *q;
	unsigned long flags;

	local_irq_save(flags);
	q = this_cpu_ptr(&cpu_queue);
	append(q, kasan_get_meta(s, object), s->size);
	if (unlikely(q->bytes > QUEUE_MAX)) {
		full = *q;
		*q = (struct queue){ 0 };
	}
	local_irq_restore(flags);
	if (likely(!full.head))
		return;
	while (!add_batch(&full))
		if (take_oldest(&old, true))
			free_queue(&old);
	while (take_oldest(&old, false))
		free_queue(&old);
}

/* ---- one cache leaves ---- */

/* Splits q: the cache's objects to out. */
static void move_of_cache(struct queue *q, struct queue *out, const struct kmem_cache *s)
{
	struct kasan_meta *meta = q->head, *next;
	struct queue rest = { 0 };

	for (; meta; meta = next) {
		const struct kmem_cache *owner = cache_of(meta);

		next = meta->next;
		append(!s || owner == s ? out : &rest, meta, owner->size);
	}
	*q = rest;
}

static void remove_from_cpu(void *arg)
{
	struct queue out = { 0 };

	move_of_cache(this_cpu_ptr(&cpu_queue), &out, arg);
	free_queue(&out);
}

void kasan_quarantine_remove_cache(struct kmem_cache *s)
{
	struct queue out = { 0 };
	unsigned long before, objects;

	on_each_cpu(remove_from_cpu, s, true);
	for (unsigned int i = 0; i < NR_BATCHES; i++) {
		guard(spinlock_irqsave)(&batch_lock);
		if (i >= nr_batches)
			break;
		before = batches[(first_batch + i) % NR_BATCHES].bytes;
		objects = batches[(first_batch + i) % NR_BATCHES].objects;
		move_of_cache(&batches[(first_batch + i) % NR_BATCHES], &out, s);
		batch_bytes -= before - batches[(first_batch + i) % NR_BATCHES].bytes;
		batch_objects -= objects - batches[(first_batch + i) % NR_BATCHES].objects;
	}
	free_queue(&out);
}

/* ---- memory pressure ---- */

static unsigned long count_objects(struct shrinker *s, struct shrink_control *sc)
{
	return READ_ONCE(batch_objects) ?: SHRINK_EMPTY;
}

static unsigned long scan_objects(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = 0;
	struct queue q;

	while (freed < sc->nr_to_scan && take_oldest(&q, true)) {
		freed += q.objects;
		free_queue(&q);
	}
	return freed ?: SHRINK_STOP;
}

static int __init quarantine_init(void)
{
	static struct shrinker shrinker = {
		.count_objects = count_objects,
		.scan_objects = scan_objects,
		.seeks = 0,
	};

	return register_shrinker(&shrinker, "kasan-quarantine");
}
subsys_initcall(quarantine_init);
