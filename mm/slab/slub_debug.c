/*
 * Caches that are debugged: each allocation and each free, checked.
 *
 * 1. A debugged cache has no per-CPU slabs: its slabs are never frozen, and stand on one of two
 *    lists of their node, partial (some object is free) or full (none is). All its steps are taken
 *    under the node's list_lock, slowly and in one order, so that a check sees a slab at rest.
 * 2. Allocation: the slab, the object's place and its bytes as they must be when it is free (in
 *    slab_check.c); then it becomes the user's, and who that is goes into its track. Freeing: the
 *    address, the object's bytes as they must be when it is in use, and that it is on no list.
 * 3. What fails a check is never used again. A bad object is leaked; a slab whose free object is
 *    bad is treated as full.
 * 4. Stacks are saved before the lock is taken, for the depot may want memory.
 * 5. SLAB_CONSISTENCY_CHECKS (F) looks at slabs and lists. Red zones (Z) and poison (P) are
 *    verified whether F is on or not; on Linux they are written, but not looked at without F.
 *
 * Locks: list_lock. Mirrors the debugging part of Linux mm/slub.c. Exercised by the slab_debug suite
 * and tests/boot/test_slab.py.
 */
#include "arch/x86/numa.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/debug/stackdepot.h"
#include "mm/slab/slab_internal.h"

/* ---- who ---- */

/* Frames of slab itself that a stack begins with: debug_alloc() or debug_free(), and its caller. */
#define SKIP_FRAMES 2

static void fill_track(struct track *t, unsigned long addr)
{
	t->addr = addr;
	t->handle = stack_depot_save_here(16, SKIP_FRAMES);
	t->cpu = smp_processor_id();
	t->pid = current ? current->pid : 0;
	t->when = jiffies;
}

static void trace(struct kmem_cache *s, struct slab *slab, void *object, bool alloc)
{
	unsigned long flags;

	if (likely(!(s->flags & SLAB_TRACE)))
		return;
	flags = oops_begin();
	pr_info("TRACE %s %s 0x%px inuse=%d fp=0x%px\n", s->name, alloc ? "alloc" : "free", object,
		slab->inuse, slab->freelist);
	if (!alloc)
		print_section("Object   ", object, s->object_size);
	dump_stack();
	oops_end(flags);
}

/* ---- slabs; all of this with list_lock held ---- */

static void move_to_full(struct kmem_cache_node *n, struct slab *slab)
{
	list_move(&slab->slab_list, &n->full);
	n->nr_partial--;
}

static void move_to_partial(struct kmem_cache_node *n, struct slab *slab)
{
	list_move(&slab->slab_list, &n->partial);
	n->nr_partial++;
}

static bool wants_bytes_checked(const struct kmem_cache *s)
{
	return s->flags & (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON);
}

/* May this object, the first of its slab's list, be handed out? */
static bool alloc_is_sane(struct kmem_cache *s, struct slab *slab, void *object)
{
	void *next;

	if ((s->flags & SLAB_CONSISTENCY_CHECKS) && !check_slab(s, slab))
		return false;
	if (!object || !is_object(s, slab, object)) {
		slab_err(s, slab, "Freelist Pointer check fails");
		return false;
	}
	if (wants_bytes_checked(s))
		return check_object(s, slab, object, SLUB_RED_INACTIVE);
	next = get_freepointer(s, object);
	if (next && !is_object(s, slab, next)) {
		object_err(s, slab, object, "Freepointer corrupt");
		return false;
	}
	return true;
}

static void *take_first(struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab,
			const struct track *who)
{
	void *object = slab->freelist;

	if (!alloc_is_sane(s, slab, object)) {
		slab_fix(s, "Marking all objects used");
		slab->inuse = slab->objects;
		slab->freelist = NULL;
		move_to_full(n, slab);
		return NULL;
	}
	slab->freelist = get_freepointer(s, object);
	slab->inuse++;
	if (!slab->freelist)
		move_to_full(n, slab);
	init_object(s, object, SLUB_RED_ACTIVE);
	if (s->offset >= s->inuse)
		set_freepointer(s, object, NULL); /* verified when the object is freed */
	if (s->flags & SLAB_STORE_USER)
		*get_track(s, object, TRACK_ALLOC) = *who;
	trace(s, slab, object, true);
	return object;
}

/* ---- allocation ---- */

static void *take_from_node(struct kmem_cache *s, int nid, const struct track *who)
{
	struct kmem_cache_node *n = nid < slab_nr_nodes ? s->node[nid] : NULL;
	void *object = NULL;

	if (!n)
		return NULL;
	guard(spinlock_irqsave)(&n->list_lock);
	while (!object && !list_empty(&n->partial))
		object = take_first(s, n, list_first_entry(&n->partial, struct slab, slab_list),
				    who);
	return object;
}

static void *take_from_any_node(struct kmem_cache *s, const struct track *who)
{
	void *object = NULL;

	for (int nid = 0; !object && nid < slab_nr_nodes; nid++)
		object = take_from_node(s, nid, who);
	return object;
}

static void add_new_slab(struct kmem_cache *s, struct slab *slab)
{
	struct kmem_cache_node *n = slab_node(s, slab);

	guard(spinlock_irqsave)(&n->list_lock);
	slab->frozen = 0;
	list_add(&slab->slab_list, &n->partial);
	n->nr_partial++;
}

noinline void *debug_alloc(struct kmem_cache *s, gfp_t gfp, int node, unsigned long addr)
{
	int nid = node == NUMA_NO_NODE ? numa_node_id() : node;
	struct track who = { 0 };

	if (s->flags & SLAB_STORE_USER)
		fill_track(&who, addr);
	for (;;) {
		void *object = take_from_node(s, nid, &who);
		struct slab *slab;

		if (object)
			return object;
		slab = new_slab(s, gfp, node);
		if (!slab)
			return take_from_any_node(s, &who);
		nid = page_to_nid(slab_page(slab)); /* another one, if this has no memory */
		add_new_slab(s, slab);
	}
}

/* ---- freeing ---- */

/* => list_lock held */
static bool free_is_sane(struct kmem_cache *s, struct slab *slab, void *object)
{
	if ((s->flags & SLAB_CONSISTENCY_CHECKS) && !check_slab(s, slab))
		return false;
	if (!is_object(s, slab, object)) {
		slab_err(s, slab, "Invalid object pointer 0x%px", object);
		return false;
	}
	if (on_freelist(s, slab, object)) {
		object_err(s, slab, object, "Object already free");
		return false;
	}
	if (wants_bytes_checked(s))
		return check_object(s, slab, object, SLUB_RED_ACTIVE);
	return true;
}

/* True when the slab is empty and has left all lists. => list_lock held */
static bool put_object(struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab,
		       void *object, const struct track *who)
{
	bool was_full = !slab->freelist;

	if (s->flags & SLAB_STORE_USER)
		*get_track(s, object, TRACK_FREE) = *who;
	trace(s, slab, object, false);
	init_object(s, object, SLUB_RED_INACTIVE);
	set_freepointer(s, object, slab->freelist);
	slab->freelist = object;
	slab->inuse--;
	if (was_full)
		move_to_partial(n, slab);
	if (slab->inuse || n->nr_partial <= s->min_partial)
		return false;
	list_del(&slab->slab_list);
	n->nr_partial--;
	return true;
}

noinline void debug_free(struct kmem_cache *s, struct slab *slab, void *object, unsigned long addr)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	struct track who = { 0 };
	bool empty = false;

	if (s->flags & SLAB_STORE_USER)
		fill_track(&who, addr);
	scoped_guard(spinlock_irqsave, &n->list_lock) {
		if (likely(free_is_sane(s, slab, object)))
			empty = put_object(s, n, slab, object, &who);
		else
			slab_fix(s, "Object at 0x%px not freed", object);
	}
	if (empty)
		discard_slab(s, slab);
}

/* ---- a slab's first and last moment ---- */

void debug_setup_slab(struct kmem_cache *s, struct slab *slab)
{
	if (s->flags & SLAB_POISON)
		memset(slab_address(slab), POISON_INUSE,
		       PAGE_SIZE << compound_order(slab_page(slab)));
	for (unsigned int i = 0; i < slab->objects; i++) {
		void *object = nth_object(s, slab, i);

		init_object(s, object, SLUB_RED_INACTIVE);
		if (s->flags & SLAB_STORE_USER)
			memset(get_track(s, object, TRACK_ALLOC), 0, 2 * sizeof(struct track));
	}
}

void debug_check_dying_slab(struct kmem_cache *s, struct slab *slab)
{
	if (!wants_bytes_checked(s))
		return;
	check_slab_pad(s, slab);
	for (unsigned int i = 0; i < slab->objects; i++)
		check_object(s, slab, nth_object(s, slab, i), SLUB_RED_INACTIVE);
}

/* ---- the whole cache ---- */

/* Bit n: object n is free. => list_lock held */
static void free_map(struct kmem_cache *s, struct slab *slab, unsigned long *map)
{
	unsigned int left = slab->objects;

	bitmap_zero(map, slab->objects);
	for (void *p = slab->freelist; p && is_object(s, slab, p) && left; left--) {
		__set_bit(obj_to_index(s, slab, p), map);
		p = get_freepointer(s, p);
	}
}

static long validate_slab(struct kmem_cache *s, struct slab *slab, unsigned long *map)
{
	unsigned int inuse = slab->inuse;
	long bad = 0;

	if (!check_slab(s, slab))
		return 1;
	on_freelist(s, slab, NULL);
	if (slab->inuse != inuse)
		return 1; /* what is lost of the list looks free, and is not on it */
	free_map(s, slab, map);
	for (unsigned int i = 0; i < slab->objects; i++)
		bad += !check_object(s, slab, nth_object(s, slab, i),
				     test_bit(i, map) ? SLUB_RED_INACTIVE : SLUB_RED_ACTIVE);
	return bad;
}

/* A map as large as that of any slab of the cache. */
static unsigned long *alloc_map(struct kmem_cache *s)
{
	unsigned int most = max((unsigned int)((PAGE_SIZE << s->min_order) / s->size), s->objects);

	return kmalloc_array(BITS_TO_LONGS(most), sizeof(long), GFP_KERNEL);
}

long validate_slab_cache(struct kmem_cache *s)
{
	unsigned long *map;
	struct slab *slab;
	long bad = 0;

	if (!kmem_cache_debug(s))
		return -EINVAL;
	map = alloc_map(s);
	if (!map)
		return -ENOMEM;
	for (int nid = 0; nid < slab_nr_nodes; nid++) {
		struct kmem_cache_node *n = s->node[nid];

		if (!n)
			continue;
		guard(spinlock_irqsave)(&n->list_lock);
		list_for_each_entry(slab, &n->partial, slab_list)
			bad += validate_slab(s, slab, map);
		list_for_each_entry(slab, &n->full, slab_list)
			bad += validate_slab(s, slab, map);
	}
	kfree(map);
	return bad;
}

/* => list_lock held */
static void walk_tracks(struct kmem_cache *s, struct slab *slab, unsigned long *map,
			enum track_item what, void (*fn)(const struct track *, int, void *),
			void *arg)
{
	int nid = page_to_nid(slab_page(slab));

	free_map(s, slab, map);
	for (unsigned int i = 0; i < slab->objects; i++)
		if (!test_bit(i, map))
			fn(get_track(s, nth_object(s, slab, i), what), nid, arg);
}

void debug_for_each_track(struct kmem_cache *s, enum track_item what,
			  void (*fn)(const struct track *t, int nid, void *arg), void *arg)
{
	unsigned long *map = s->flags & SLAB_STORE_USER ? alloc_map(s) : NULL;
	struct slab *slab;

	if (!map)
		return;
	for (int nid = 0; nid < slab_nr_nodes; nid++) {
		struct kmem_cache_node *n = s->node[nid];

		if (!n)
			continue;
		guard(spinlock_irqsave)(&n->list_lock);
		list_for_each_entry(slab, &n->partial, slab_list)
			walk_tracks(s, slab, map, what, fn, arg);
		list_for_each_entry(slab, &n->full, slab_list)
			walk_tracks(s, slab, map, what, fn, arg);
	}
	kfree(map);
}
