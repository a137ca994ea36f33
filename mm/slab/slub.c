/*
 * SLUB: objects of one size, handed out from slabs with hardly an instruction more than a list pop.
 *
 * 1. A slab is a naturally aligned block of 2^order pages that holds objects of one cache. Its free
 *    objects form a list through themselves (the link lies at s->offset in a free object), and its
 *    struct page, seen as struct slab, holds the head of that list and three counts. There is no
 *    other metadata.
 * 2. A slab is in one of these states:
 *      current    frozen, is c->slab of one CPU. Its free objects are split: c->freelist belongs to
 *                 the CPU, slab->freelist collects what other CPUs (or this one, later) free.
 *      cpu-partial frozen, on c->partial of one CPU; all its free objects are on slab->freelist.
 *      partial not frozen, on its node's list; has free objects (an empty one may wait here too).
 *      full not frozen, on no list at all: the next free finds it again. empty not frozen, on no
 *      list: on its way to the buddy allocator.
 * 3. Fast paths. Alloc pops c->freelist; free pushes there if the object's slab is the current one.
 *    Both run with interrupts off, and that is all their locking, since kernel code is not
 *    preempted. Counted in instructions, disabling interrupts (pushf, pop, cli, then push, popf)
 *    equals the other known way, a transaction number and cmpxchg16b (load, add, four registers to
 *    set up, compare, retry branch): 11 against 11 around the same pop. It wins because the slow
 *    path inherits the exclusion and needs no revalidation, and because push on free needs no
 *    second double-word exchange.
 * 4. slab->freelist and slab->counters change only by one cmpxchg16b, so freeing to a slab that
 *    another CPU owns takes no lock. A node's list_lock is needed only when a slab enters or leaves
 *    the partial list; whoever makes a slab leave the frozen state does that under list_lock, so
 *    that a free that empties the slab and then takes the lock finds the slab on the list.
 * 5. A full slab whose first object is freed goes to the freeing CPU's cpu-partial list: soon it
 *    will be allocated from. When that list is longer than s->cpu_partial it moves to the node as a
 *    whole.
 * 6. Memory: a node keeps at most s->min_partial empty slabs. Orders are small: the smallest that
 *    wastes little (slub_setup.c), for a machine of 16 MiB shall have room for programs.
 *
 * Locks: slab_mutex > list_lock (interrupts off) > zone locks. Complexity: O(1), except
 * deactivation, which counts one free list.
 *
 * Mirrors Linux mm/slub.c. Exercised by the slab suite (tests/kernel/slab.c).
 */
#include "mm/slab/slab_internal.h"

#include "arch/x86/irqflags.h"
#include "arch/x86/numa.h"
#include "kernel/bug.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

#ifdef CONFIG_DEBUG_VM
#define SLAB_ALWAYS_CHECK 1
#else
#define SLAB_ALWAYS_CHECK 0
#endif

static __always_inline void *get_freepointer(const struct kmem_cache *s, const void *object)
{
	return *(void *const *)((const char *)object + s->offset);
}

/* Replaces (freelist, counters) if they are still as they were read. */
static __always_inline bool slab_update(struct slab *slab, void *old_list,
					unsigned long old_counters, void *new_list,
					unsigned long new_counters)
{
	bool done;

	__asm__ __volatile__("lock cmpxchg16b %1"
			     : "=@ccz"(done), "+m"(slab->freelist), "+m"(slab->counters),
			       "+a"(old_list), "+d"(old_counters)
			     : "b"(new_list), "c"(new_counters)
			     : "memory");
	return done;
}

static __always_inline bool node_match(const struct slab *slab, int node)
{
	return node == NUMA_NO_NODE || page_to_nid(slab_page(slab)) == node;
}

/* => list_lock held */
static void add_partial(struct kmem_cache_node *n, struct slab *slab)
{
	n->nr_partial++;
	list_add(&slab->slab_list, &n->partial);
}

/* => list_lock held */
static void remove_partial(struct kmem_cache_node *n, struct slab *slab)
{
	list_del(&slab->slab_list);
	n->nr_partial--;
}

/* ---- from frozen to the node and back; all of this with interrupts off ---- */

/*
 * A frozen slab that no CPU refers to any more: gives it back its nr free objects [head .. tail],
 * and puts it where its new state belongs.
 */
static void unfreeze_slab(struct kmem_cache *s, struct slab *slab, void *head, void *tail,
			  unsigned int nr)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	union slab_counters old, new;
	bool empty = false;
	void *list;

	spin_lock(&n->list_lock);
	do {
		list = READ_ONCE(slab->freelist);
		old.counters = READ_ONCE(slab->counters);
		new = old;
		new.frozen = 0;
		new.inuse -= nr;
		if (nr)
			set_freepointer(s, tail, list);
	} while (!slab_update(slab, list, old.counters, nr ? head : list, new.counters));
	if (!new.inuse && n->nr_partial >= s->min_partial)
		empty = true;
	else if (nr || list)
		add_partial(n, slab);
	spin_unlock(&n->list_lock);
	if (empty)
		discard_slab(s, slab);
}

/* Takes the CPU's current slab away from it. */
static void deactivate_slab(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	struct slab *slab = c->slab;
	void *head = c->freelist, *tail = NULL;
	unsigned int nr = 0;

	for (void *p = head; p; p = get_freepointer(s, p), nr++)
		tail = p;
	c->slab = NULL;
	c->freelist = NULL;
	unfreeze_slab(s, slab, head, tail, nr);
}

static void unfreeze_partials(struct kmem_cache *s, struct slab *slab)
{
	while (slab) {
		struct slab *next = slab->next;

		unfreeze_slab(s, slab, NULL, NULL, 0);
		slab = next;
	}
}

/*
 * A frozen slab with free objects joins this CPU's list; when that is full the list moves to the
 * node.
 */
static void put_cpu_partial(struct kmem_cache *s, struct slab *slab)
{
	struct kmem_cache_cpu *c = this_cpu_ptr(s->cpu_slab);
	struct slab *old = c->partial, *drain = NULL;
	unsigned int slabs = old ? old->slabs : 0;

	if (slabs >= s->cpu_partial) {
		drain = old;
		old = NULL;
		slabs = 0;
	}
	slab->next = old;
	slab->slabs = slabs + 1;
	c->partial = slab;
	if (drain)
		unfreeze_partials(s, drain);
}

/*
 * Everything on the free list of a slab that this CPU has frozen. NULL: there was nothing, and the
 * slab is full and belongs to nobody from here on.
 */
static void *get_freelist(struct slab *slab)
{
	union slab_counters old, new;
	void *list;

	do {
		list = READ_ONCE(slab->freelist);
		old.counters = READ_ONCE(slab->counters);
		new = old;
		new.inuse = old.objects;
		new.frozen = list != NULL;
	} while (!slab_update(slab, list, old.counters, NULL, new.counters));
	return list;
}

/*
 * Freezes slabs of the node: the first is returned with its objects in *list, a few more join the
 * CPU's list.
 */
static struct slab *get_partial_node(struct kmem_cache *s, struct kmem_cache_node *n, void **list)
{
	struct slab *slab, *next, *found = NULL;
	unsigned int more = s->cpu_partial / 2;

	if (!n || !READ_ONCE(n->nr_partial))
		return NULL;
	spin_lock(&n->list_lock);
	list_for_each_entry_safe(slab, next, &n->partial, slab_list) {
		union slab_counters old, new;
		void *head;

		do {
			head = READ_ONCE(slab->freelist);
			old.counters = READ_ONCE(slab->counters);
			new = old;
			new.frozen = 1;
			if (!found)
				new.inuse = old.objects;
		} while (!slab_update(slab, head, old.counters, found ? head : NULL, new.counters));
		remove_partial(n, slab);
		if (!found) {
			found = slab;
			*list = head;
		} else {
			struct kmem_cache_cpu *c = this_cpu_ptr(s->cpu_slab);
			unsigned int slabs = c->partial ? c->partial->slabs : 0;

			slab->next = c->partial;
			slab->slabs = slabs + 1;
			c->partial = slab;
			more--;
		}
		if (!more)
			break;
	}
	spin_unlock(&n->list_lock);
	return found;
}

/* No page is to be had, or this CPU's node has no memory: a partial slab of any node will do. */
static struct slab *get_any_partial(struct kmem_cache *s, void **list)
{
	for (int nid = 0; nid < slab_nr_nodes; nid++) {
		struct slab *slab = get_partial_node(s, s->node[nid], list);

		if (slab)
			return slab;
	}
	return NULL;
}

static struct slab *get_partial(struct kmem_cache *s, int node, void **list)
{
	if (node == NUMA_NO_NODE)
		node = numa_node_id();
	if (unlikely(node >= slab_nr_nodes || !s->node[node]))
		return get_any_partial(s, list);
	return get_partial_node(s, s->node[node], list);
}

/* ---- allocation ---- */

/*
 * An object when the CPU's list is empty or of the wrong node. => interrupts off; irqflags is what
 * they were before, so that getting new pages may sleep. Returns with interrupts off.
 */
static void *alloc_from_slabs(struct kmem_cache *s, gfp_t gfp, int node, unsigned long irqflags)
{
	struct kmem_cache_cpu *c;
	struct slab *slab;
	void *object = NULL;

redo:
	c = this_cpu_ptr(s->cpu_slab);
	if (c->slab && unlikely(!node_match(c->slab, node)))
		deactivate_slab(s, c);
	slab = c->slab;
	if (slab) {
		object = c->freelist;
		if (!object)
			object = get_freelist(slab);
		if (object)
			goto take;
		c->slab = NULL;
	}
	slab = c->partial;
	if (slab) {
		c->partial = slab->next;
		if (unlikely(!node_match(slab, node))) {
			unfreeze_slab(s, slab, NULL, NULL, 0);
			goto redo;
		}
		object = get_freelist(slab);
		goto take;
	}
	slab = get_partial(s, node, &object);
	if (slab)
		goto take;

	local_irq_restore(irqflags);
	slab = new_slab(s, gfp, node);
	local_irq_save(irqflags);
	if (unlikely(!slab)) {
		slab = get_any_partial(s, &object);
		if (!slab)
			return NULL;
		c = this_cpu_ptr(s->cpu_slab);
		if (c->slab)
			deactivate_slab(s, c);
		goto take;
	}
	c = this_cpu_ptr(s->cpu_slab);
	if (unlikely(c->slab)) { /* an interrupt, or another CPU's: there is one already */
		put_cpu_partial(s, slab);
		goto redo;
	}
	object = get_freelist(slab);
take:
	c->slab = slab;
	c->freelist = get_freepointer(s, object);
	return object;
}

/* => interrupts off; restores them */
static noinline void *slab_alloc_slow(struct kmem_cache *s, gfp_t gfp, int node,
				      unsigned long irqflags)
{
	void *object = alloc_from_slabs(s, gfp, node, irqflags);

	local_irq_restore(irqflags);
	if ((gfp & __GFP_ZERO) && object)
		memset(object, 0, s->object_size);
	return object;
}

static __always_inline void *slab_alloc(struct kmem_cache *s, gfp_t gfp, int node)
{
	unsigned long irqflags;
	void *object;

	local_irq_save(irqflags);
	object = this_cpu_read(s->cpu_slab->freelist);
	if (unlikely(!object ||
		     (node != NUMA_NO_NODE && !node_match(this_cpu_read(s->cpu_slab->slab), node))))
		return slab_alloc_slow(s, gfp, node, irqflags);
	this_cpu_write(s->cpu_slab->freelist, get_freepointer(s, object));
	local_irq_restore(irqflags);
	if (unlikely(gfp & __GFP_ZERO))
		return memset(object, 0, s->object_size);
	return object;
}

void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return slab_alloc(s, gfp, NUMA_NO_NODE);
}

void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int node)
{
	return slab_alloc(s, gfp, node);
}

int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t nr, void **p)
{
	unsigned long irqflags;
	size_t i;

	local_irq_save(irqflags);
	for (i = 0; i < nr; i++) {
		struct kmem_cache_cpu *c = this_cpu_ptr(s->cpu_slab);
		void *object = c->freelist;

		if (likely(object))
			c->freelist = get_freepointer(s, object);
		else
			object = alloc_from_slabs(s, gfp, NUMA_NO_NODE, irqflags);
		if (unlikely(!object))
			break;
		p[i] = object;
	}
	local_irq_restore(irqflags);
	if (unlikely(i < nr)) {
		kmem_cache_free_bulk(s, i, p);
		return 0;
	}
	if (gfp & __GFP_ZERO)
		for (i = 0; i < nr; i++)
			memset(p[i], 0, s->object_size);
	return nr;
}

/* ---- freeing ---- */

/*
 * Frees the linked objects head .. tail (cnt of them) of a slab that is not this CPU's current one.
 * => interrupts off
 */
static noinline void slab_free_slow(struct kmem_cache *s, struct slab *slab, void *head, void *tail,
				    unsigned int cnt)
{
	struct kmem_cache_node *n = NULL;
	union slab_counters old, new;
	void *prior;

	for (;;) {
		prior = READ_ONCE(slab->freelist);
		old.counters = READ_ONCE(slab->counters);
		if (unlikely(old.inuse < cnt || prior == head)) {
			if (n)
				spin_unlock(&n->list_lock);
			slab_report(s, slab, head, "object freed twice");
			return;
		}
		set_freepointer(s, tail, prior);
		new = old;
		new.inuse -= cnt;
		if (!old.frozen && !prior)
			new.frozen = 1;
		else if (!old.frozen && !new.inuse && !n) {
			n = slab_node(s, slab);
			spin_lock(&n->list_lock);
			continue;
		}
		if (likely(slab_update(slab, prior, old.counters, head, new.counters)))
			break;
		if (n) {
			spin_unlock(&n->list_lock);
			n = NULL;
		}
	}
	if (likely(!n)) {
		if (new.frozen && !old.frozen)
			put_cpu_partial(s, slab);
		return;
	}
	/*
	 * The lock was taken for a slab that got empty; it may have been frozen or refilled
	 * meanwhile.
	 */
	if (new.frozen || new.inuse || n->nr_partial < s->min_partial) {
		spin_unlock(&n->list_lock);
		if (new.frozen && !old.frozen)
			put_cpu_partial(s, slab);
		return;
	}
	remove_partial(n, slab);
	spin_unlock(&n->list_lock);
	discard_slab(s, slab);
}

/*
 * The same when the slab's state has to change, or something is wrong. => interrupts off; restores
 * them
 */
static noinline void slab_free_state(struct kmem_cache *s, struct slab *slab, void *object,
				     unsigned long irqflags)
{
	bool current_slab = slab == this_cpu_read(s->cpu_slab->slab);

	if (likely(!current_slab))
		slab_free_slow(s, slab, object, object, 1);
	local_irq_restore(irqflags);
	if (unlikely(current_slab))
		slab_report(s, slab, object, "object freed twice");
}

/*
 * An object whose slab is not this CPU's current one, or that was just freed. Most such slabs stay
 * in the state that they are in: then one exchange is all. => interrupts off; restores them
 */
static noinline void slab_free_cold(struct kmem_cache *s, struct slab *slab, void *object,
				    unsigned long irqflags)
{
	void *prior = READ_ONCE(slab->freelist);
	union slab_counters old = { READ_ONCE(slab->counters) };

	if (likely(prior && prior != object && old.inuse > 1 &&
		   slab != this_cpu_read(s->cpu_slab->slab))) {
		set_freepointer(s, object, prior);
		if (likely(slab_update(slab, prior, old.counters, object, old.counters - 1))) {
			local_irq_restore(irqflags);
			return;
		}
	}
	slab_free_state(s, slab, object, irqflags);
}

/* Nothing lives across the calls below, so that the short way saves no register. */
static __always_inline void __slab_free(struct kmem_cache *s, struct slab *slab, void *object)
{
	unsigned long irqflags;
	void *list;

	local_irq_save(irqflags);
	list = this_cpu_read(s->cpu_slab->freelist);
	if (unlikely(slab != this_cpu_read(s->cpu_slab->slab) || list == object)) {
		slab_free_cold(s, slab, object, irqflags);
		return;
	}
	set_freepointer(s, object, list);
	this_cpu_write(s->cpu_slab->freelist, object);
	local_irq_restore(irqflags);
}

static noinline void slab_free_checked(struct kmem_cache *s, struct slab *slab, void *object)
{
	if (slab_free_is_sane(s, slab, object))
		__slab_free(s, slab, object);
}

static __always_inline void slab_free(struct kmem_cache *s, struct slab *slab, void *object)
{
	if (SLAB_ALWAYS_CHECK || unlikely(s->flags & SLAB_CONSISTENCY_CHECKS))
		slab_free_checked(s, slab, object);
	else
		__slab_free(s, slab, object);
}

void kmem_cache_free(struct kmem_cache *s, void *object)
{
	struct slab *slab;

	if (unlikely(!object))
		return;
	slab = virt_to_slab_head(object);
	if (unlikely(slab->slab_cache != s)) {
		slab_report(s, slab, object, "object freed to a cache that it is not from");
		return;
	}
	slab_free(s, slab, object);
}

static noinline void kfree_large(struct slab *slab, const void *p)
{
	struct page *page = slab_page(slab);
	unsigned int order;

	if (unlikely(slab->slab_cache != KMALLOC_LARGE_COOKIE || page_address(page) != p)) {
		slab_report(NULL, slab, p, "kfree of an address that kmalloc did not return");
		return;
	}
	order = compound_order(page);
	slab->slab_cache = NULL;
	mod_node_page_state(page_pgdat(page), NR_SLAB_UNRECLAIMABLE, -(1L << order));
	__free_pages(page, order);
}

void kfree(const void *p)
{
	struct slab *slab;

	if (unlikely(ZERO_OR_NULL_PTR(p)))
		return;
	slab = virt_to_slab_head(p);
	if (unlikely(!PageSlab(slab_page(slab)))) {
		kfree_large(slab, p);
		return;
	}
	slab_free(slab->slab_cache, slab, (void *)p);
}

/* Runs of objects from one slab are linked first and freed with one exchange. */
void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **p)
{
	size_t i = 0;

	while (i < nr) {
		struct slab *slab = virt_to_slab_head(p[i]);
		void *head = p[i], *tail = p[i];
		struct kmem_cache *owner;
		unsigned long irqflags;
		unsigned int cnt = 1;

		if (unlikely(!PageSlab(slab_page(slab)) || (s && slab->slab_cache != s) ||
			     SLAB_ALWAYS_CHECK)) {
			if (s)
				kmem_cache_free(s, p[i]);
			else
				kfree(p[i]);
			i++;
			continue;
		}
		owner = slab->slab_cache;
		for (i++; i < nr && virt_to_slab_head(p[i]) == slab; i++, cnt++) {
			set_freepointer(owner, p[i], head);
			head = p[i];
		}
		local_irq_save(irqflags);
		if (slab == this_cpu_read(owner->cpu_slab->slab)) {
			set_freepointer(owner, tail, this_cpu_read(owner->cpu_slab->freelist));
			this_cpu_write(owner->cpu_slab->freelist, head);
		} else {
			slab_free_slow(owner, slab, head, tail, cnt);
		}
		local_irq_restore(irqflags);
	}
}

/* ---- emptying caches ---- */

/* Runs on each CPU with interrupts off: it gives up its slabs of the cache. */
static void flush_cpu_slab(void *info)
{
	struct kmem_cache *s = info;
	struct kmem_cache_cpu *c = this_cpu_ptr(s->cpu_slab);
	struct slab *partial = c->partial;

	c->partial = NULL;
	if (c->slab)
		deactivate_slab(s, c);
	unfreeze_partials(s, partial);
}

/*
 * Empty slabs of a node go; the fullest of the others come first, so that the emptier ones may
 * drain.
 */
static unsigned long shrink_node(struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct list_head bins[8], discard;
	struct slab *slab, *next;
	unsigned long irqflags;

	INIT_LIST_HEAD(&discard);
	for (int i = 0; i < ARRAY_SIZE(bins); i++)
		INIT_LIST_HEAD(&bins[i]);
	spin_lock_irqsave(&n->list_lock, irqflags);
	list_for_each_entry_safe(slab, next, &n->partial, slab_list) {
		unsigned int free = slab->objects - slab->inuse;

		if (free == slab->objects) {
			list_move(&slab->slab_list, &discard);
			n->nr_partial--;
		} else {
			list_move(&slab->slab_list, &bins[free * ARRAY_SIZE(bins) / slab->objects]);
		}
	}
	for (int i = 0; i < ARRAY_SIZE(bins); i++)
		list_splice_tail(&bins[i], &n->partial);
	spin_unlock_irqrestore(&n->list_lock, irqflags);
	list_for_each_entry_safe(slab, next, &discard, slab_list)
		discard_slab(s, slab);
	return atomic_long_read(&n->nr_slabs);
}

int kmem_cache_shrink(struct kmem_cache *s)
{
	unsigned long left = 0;

	on_each_cpu(flush_cpu_slab, s, true);
	for (int nid = 0; nid < slab_nr_nodes; nid++)
		if (s->node[nid])
			left += shrink_node(s, s->node[nid]);
	return left != 0;
}

int __kmem_cache_shutdown(struct kmem_cache *s)
{
	return kmem_cache_shrink(s);
}
