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
 * 7. Debugging costs the fast path nothing. A cache that is debugged never has a current slab, so
 *    that each of its allocations and frees goes the slow way by itself, and there to slub_debug.c.
 *    What concerns all caches (failslab) sets a bit in slab_debug_hooks, which is tested once.
 * 8. An address without a struct page makes the load of its page fault. The exception table turns
 *    that into a report, so that freeing a stray pointer is told from everything else for nothing.
 *
 * Locks: slab_mutex > list_lock (interrupts off) > zone locks. Complexity: O(1), except
 * deactivation, which counts one free list.
 *
 * Mirrors Linux mm/slub.c. Exercised by the slab suite (tests/kernel/slab.c).
 */
#include "mm/slab/slab_internal.h"

#include "arch/x86/extable.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/numa.h"
#include "arch/x86/tsc.h"
#include "kernel/bug.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/trace/kmem.h"
#include "lib/string.h"
#include "mm/debug/failslab.h"
#include "mm/debug/kfence.h"
#include "mm/debug/kmemleak.h"
#include "mm/phys/buddy.h"

#ifdef CONFIG_DEBUG_VM
#define SLAB_ALWAYS_CHECK 1
#else
#define SLAB_ALWAYS_CHECK 0
#endif

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
 * and puts it where its new state belongs. True: that is nowhere, it is empty and to be discarded.
 * => list_lock held
 */
static __always_inline bool unfreeze_locked(struct kmem_cache *s, struct kmem_cache_node *n,
					    struct slab *slab, void *head, void *tail,
					    unsigned int nr)
{
	union slab_counters old, new;
	void *list;

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
		return true;
	if (nr || list)
		add_partial(n, slab);
	return false;
}

static void unfreeze_slab(struct kmem_cache *s, struct slab *slab, void *head, void *tail,
			  unsigned int nr)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	bool empty;

	spin_lock(&n->list_lock);
	empty = unfreeze_locked(s, n, slab, head, tail, nr);
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

/* A CPU's whole list; the lock is taken once for each run of slabs of one node. */
static void unfreeze_partials(struct kmem_cache *s, struct slab *slab)
{
	struct slab *next, *empty = NULL;
	struct kmem_cache_node *n = NULL;

	for (; slab; slab = next) {
		struct kmem_cache_node *owner = slab_node(s, slab);

		next = slab->next;
		if (owner != n) {
			if (n)
				spin_unlock(&n->list_lock);
			n = owner;
			spin_lock(&n->list_lock);
		}
		if (unfreeze_locked(s, n, slab, NULL, NULL, 0)) {
			slab->next = empty;
			empty = slab;
		}
	}
	if (n)
		spin_unlock(&n->list_lock);
	for (; empty; empty = next) {
		next = empty->next;
		discard_slab(s, empty);
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

	if (slabs >= s->cpu_partial_slabs) {
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
	unsigned int more = s->cpu_partial_slabs / 2;

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
	bool any = node == NUMA_NO_NODE;
	struct slab *slab;

	if (any)
		node = numa_node_id();
	if (unlikely(node >= slab_nr_nodes || !s->node[node]))
		return get_any_partial(s, list);
	slab = get_partial_node(s, s->node[node], list);
	if (slab || !any || slab_nr_nodes == 1)
		return slab;
	/* Sometimes objects of another node rather than new pages here: else partial slabs pile up. */
	if (rdtsc() % 1024 >= READ_ONCE(s->remote_node_defrag_ratio))
		return NULL;
	return get_any_partial(s, list);
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
				      unsigned long irqflags, unsigned long addr)
{
	void *object;

	if (unlikely(kmem_cache_debug(s))) {
		local_irq_restore(irqflags);
		object = debug_alloc(s, gfp, node, addr);
	} else {
		object = alloc_from_slabs(s, gfp, node, irqflags);
		local_irq_restore(irqflags);
	}
	if ((gfp & __GFP_ZERO) && object)
		memset(object, 0, s->object_size);
	return object;
}

static __always_inline void *__slab_alloc(struct kmem_cache *s, gfp_t gfp, int node,
					  unsigned long addr)
{
	unsigned long irqflags;
	void *object;

	local_irq_save(irqflags);
	object = this_cpu_read(s->cpu_slab->freelist);
	if (unlikely(!object ||
		     (node != NUMA_NO_NODE && !node_match(this_cpu_read(s->cpu_slab->slab), node))))
		return slab_alloc_slow(s, gfp, node, irqflags, addr);
	this_cpu_write(s->cpu_slab->freelist, get_freepointer(s, object));
	local_irq_restore(irqflags);
	if (unlikely(gfp & __GFP_ZERO))
		return memset(object, 0, s->object_size);
	return object;
}

/* Somebody wants to know of each allocation. size: what kmalloc() was asked for, 0 for an object of a cache. */
static noinline void *slab_alloc_hooked(struct kmem_cache *s, gfp_t gfp, int node,
					unsigned long addr, size_t size)
{
	unsigned long hooks = READ_ONCE(slab_debug_hooks);
	void *object = NULL;

	if (s->flags & SLAB_NOLEAKTRACE) /* a tool's own objects */
		return __slab_alloc(s, gfp, node, addr);
	if (!(hooks & BIT(SLAB_HOOK_FAIL)) || !should_failslab(s, gfp)) {
		if (hooks & BIT(SLAB_HOOK_KFENCE))
			object = kfence_alloc(s, size ? size : s->object_size, gfp);
		if (!object)
			object = __slab_alloc(s, gfp, node, addr);
	}
	kmemleak_alloc_recursive(object,
				 is_kfence_address(object) ? kfence_ksize(object) : s->object_size,
				 1, s->flags, gfp);
	if (size)
		trace_kmalloc(addr, object, size, s->size, gfp, node);
	else
		trace_kmem_cache_alloc(addr, object, s->object_size, s->size, gfp, node);
	return object;
}

static __always_inline void *slab_alloc(struct kmem_cache *s, gfp_t gfp, int node,
					unsigned long addr, size_t size)
{
	if (unlikely(READ_ONCE(slab_debug_hooks)))
		return kasan_slab_alloc(s, slab_alloc_hooked(s, gfp, node, addr, size), size);
	return kasan_slab_alloc(s, __slab_alloc(s, gfp, node, addr), size);
}

void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return slab_alloc(s, gfp, NUMA_NO_NODE, _RET_IP_, 0);
}

void *kmalloc_trace(struct kmem_cache *s, gfp_t gfp, size_t size)
{
	return slab_alloc(s, gfp, NUMA_NO_NODE, _RET_IP_, size);
}

void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int node)
{
	return slab_alloc(s, gfp, node, _RET_IP_, 0);
}

void *__kmalloc(size_t size, gfp_t gfp)
{
	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE_SIZE || (gfp & __GFP_DMA)))
		return __kmalloc_pages(size, gfp, NUMA_NO_NODE, _RET_IP_);
	return slab_alloc(kmalloc_slab(size), gfp, NUMA_NO_NODE, _RET_IP_, size);
}

void *__kmalloc_node_track_caller(size_t size, gfp_t gfp, int node, unsigned long caller)
{
	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE_SIZE || (gfp & __GFP_DMA)))
		return __kmalloc_pages(size, gfp, node, caller);
	return slab_alloc(kmalloc_slab(size), gfp, node, caller, size);
}

void *__kmalloc_node(size_t size, gfp_t gfp, int node)
{
	return __kmalloc_node_track_caller(size, gfp, node, _RET_IP_);
}

/* Up to nr objects into p[]. Returns how many. */
static size_t alloc_many(struct kmem_cache *s, gfp_t gfp, size_t nr, void **p)
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
	return i;
}

int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t nr, void **p)
{
	bool one_by_one = IS_KASAN || kmem_cache_debug(s) || READ_ONCE(slab_debug_hooks);
	size_t i = 0;

	if (unlikely(one_by_one)) {
		while (i < nr && (p[i] = slab_alloc(s, gfp, NUMA_NO_NODE, _RET_IP_, 0)) != NULL)
			i++;
	} else {
		i = alloc_many(s, gfp, nr, p);
	}
	if (unlikely(i < nr)) {
		kmem_cache_free_bulk(s, i, p);
		return 0;
	}
	if ((gfp & __GFP_ZERO) && !one_by_one)
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
			slab_report(s, slab, head, "Object already free");
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
	if (unlikely(slab == this_cpu_read(s->cpu_slab->slab))) {
		local_irq_restore(irqflags);
		slab_report(s, slab, object, "Object already free");
		return;
	}
	/* Only the flags live across the call, so that the usual way saves one register. */
	if (unlikely(is_kfence_address(object)))
		__kfence_free(object);
	else
		slab_free_slow(s, slab, object, object, 1);
	local_irq_restore(irqflags);
}

/*
 * An object whose slab is not this CPU's current one, or that was just freed. Most such slabs stay
 * in the state that they are in: then one exchange is all. (KFENCE's objects have a slab without a
 * free list, so they go on.) => interrupts off; restores them
 */
static noinline void slab_free_cold(struct kmem_cache *s, struct slab *slab, void *object,
				    unsigned long irqflags, unsigned long addr)
{
	void *prior = READ_ONCE(slab->freelist);
	union slab_counters old = { READ_ONCE(slab->counters) };

	if (unlikely(kmem_cache_debug(s))) {
		local_irq_restore(irqflags);
		if (!kfence_free(object))
			debug_free(s, slab, object, addr);
		return;
	}
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
static __always_inline void __slab_free(struct kmem_cache *s, struct slab *slab, void *object,
					unsigned long addr)
{
	unsigned long irqflags;
	void *list;

	local_irq_save(irqflags);
	list = this_cpu_read(s->cpu_slab->freelist);
	if (unlikely(slab != this_cpu_read(s->cpu_slab->slab) || list == object)) {
		slab_free_cold(s, slab, object, irqflags, addr);
		return;
	}
	set_freepointer(s, object, list);
	this_cpu_write(s->cpu_slab->freelist, object);
	local_irq_restore(irqflags);
}

static noinline void slab_free_checked(struct kmem_cache *s, struct slab *slab, void *object,
				       unsigned long addr)
{
	if (kmem_cache_debug(s) || is_kfence_address(object) || slab_free_is_sane(s, slab, object))
		__slab_free(s, slab, object, addr);
}

static __always_inline void slab_free(struct kmem_cache *s, struct slab *slab, void *object,
				      unsigned long addr)
{
	if (kasan_slab_free(s, slab, object, addr))
		return;
	if (SLAB_ALWAYS_CHECK)
		slab_free_checked(s, slab, object, addr);
	else
		__slab_free(s, slab, object, addr);
}

#ifdef CONFIG_KASAN
void slab_free_unpoisoned(struct kmem_cache *s, void *object)
{
	struct slab *slab = virt_to_slab_head(object);

	if (SLAB_ALWAYS_CHECK)
		slab_free_checked(s, slab, object, _RET_IP_);
	else
		__slab_free(s, slab, object, _RET_IP_);
}
#endif

/*
 * The second word of the page of p: the head page of a tail (bit 0 set), else the slab's cache.
 * Jumps to `none` when there is no such page.
 */
#define load_page_word(word, page, none)                                                 \
	__asm__ goto("1: movq 8(%[p]), %[w]\n\t" _ASM_EXTABLE_STR("1b", "%l[" #none "]") \
		     : [w] "=r"(word)                                                    \
		     : [p] "r"(page)                                                     \
		     : "memory"                                                          \
		     : none)

static __always_inline void __kmem_cache_free(struct kmem_cache *s, void *object,
					      unsigned long addr)
{
	struct page *page;
	unsigned long word;

	BUILD_BUG_ON(offsetof(struct page, compound_head) != 8);
	BUILD_BUG_ON(offsetof(struct slab, slab_cache) != 8);
	if (unlikely(!object))
		return;
	page = pfn_to_page(((unsigned long)object - PAGE_OFFSET) >> PAGE_SHIFT);
	load_page_word(word, page, foreign);
	if (word & 1) {
		page = (struct page *)(word - 1);
		word = (unsigned long)page_slab(page)->slab_cache;
	}
	if (unlikely(word != (unsigned long)s)) {
		slab_report(s, page_slab(page), object, "Wrong slab cache");
		return;
	}
	slab_free(s, page_slab(page), object, addr);
	return;
foreign:
	slab_report_foreign("kmem_cache_free", object);
}

static noinline void kmem_cache_free_hooked(struct kmem_cache *s, void *object, unsigned long addr)
{
	if (!(s->flags & SLAB_NOLEAKTRACE)) {
		trace_kmem_cache_free(addr, object, s->name);
		kmemleak_free(object);
	}
	__kmem_cache_free(s, object, addr);
}

void kmem_cache_free(struct kmem_cache *s, void *object)
{
	if (unlikely(READ_ONCE(slab_debug_hooks)))
		kmem_cache_free_hooked(s, object, _RET_IP_);
	else
		__kmem_cache_free(s, object, _RET_IP_);
}

static __always_inline void __kfree(const void *p, unsigned long addr)
{
	struct page *page;
	unsigned long word;

	if (unlikely(ZERO_OR_NULL_PTR(p)))
		return;
	page = pfn_to_page(((unsigned long)p - PAGE_OFFSET) >> PAGE_SHIFT);
	load_page_word(word, page, foreign);
	if (word & 1) {
		page = (struct page *)(word - 1);
		word = (unsigned long)page_slab(page)->slab_cache;
	}
	if (unlikely(!PageSlab(page))) {
		__kfree_large(page_slab(page), (void *)p, addr);
		return;
	}
	slab_free((struct kmem_cache *)word, page_slab(page), (void *)p, addr);
	return;
foreign:
	slab_report_foreign("kfree", p);
}

static noinline void kfree_hooked(const void *p, unsigned long addr)
{
	trace_kfree(addr, p);
	kmemleak_free(p);
	__kfree(p, addr);
}

void kfree(const void *p)
{
	if (unlikely(READ_ONCE(slab_debug_hooks)))
		kfree_hooked(p, _RET_IP_);
	else
		__kfree(p, _RET_IP_);
}

/* Runs of objects from one slab are linked first and freed with one exchange. */
void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **p)
{
	const bool one_by_one = IS_KASAN || READ_ONCE(slab_debug_hooks);
	size_t i = 0;

	while (i < nr) {
		struct slab *slab = virt_to_slab_head(p[i]);
		void *head = p[i], *tail = p[i];
		struct kmem_cache *owner;
		unsigned long irqflags;
		unsigned int cnt = 1;

		if (unlikely(!PageSlab(slab_page(slab)) || (s && slab->slab_cache != s) ||
			     SLAB_ALWAYS_CHECK || one_by_one || is_kfence_address(p[i]) ||
			     kmem_cache_debug(slab->slab_cache))) {
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

/* Runs on each CPU with interrupts off: it gives up its slabs of the cache. */
void flush_cpu_slab(void *info)
{
	struct kmem_cache *s = info;
	struct kmem_cache_cpu *c = this_cpu_ptr(s->cpu_slab);
	struct slab *partial = c->partial;

	c->partial = NULL;
	if (c->slab)
		deactivate_slab(s, c);
	unfreeze_partials(s, partial);
}
