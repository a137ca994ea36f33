/*
 * list_lru: lists of unused objects, one for each node.
 *
 * 1. An object is on a list or its list_head is empty: adding twice and deleting twice are harmless, so
 *    an owner may leave an object that is used again on the list, and clean up later.
 * 2. A walk shows objects from the old end to a callback, which decides. One that is rotated goes to the
 *    young end; since a walk shows at most as many as were asked for, it ends.
 * 3. The node is that of the object's memory: list_lru needs no field of its own in the object.
 *
 * Locks: one spinlock a node, inside the object's own lock; a walk has it the other way round, and its
 * callback only tries the object's. Complexity: constant, but for walks. Mirrors Linux mm/list_lru.c.
 * Exercised by the list_lru suite (tests/kernel/list_lru.c).
 */
#include "mm/slab/list_lru.h"

#include "arch/x86/numa.h"
#include "arch/x86/page.h"
#include "kernel/bug.h"
#include "lib/errno.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"

int list_lru_init(struct list_lru *lru)
{
	lru->node = kcalloc(MAX_NUMNODES, sizeof(*lru->node), GFP_KERNEL);
	if (!lru->node)
		return -ENOMEM;
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		spin_lock_init(&lru->node[nid].lock);
		INIT_LIST_HEAD(&lru->node[nid].list);
	}
	return 0;
}

void list_lru_destroy(struct list_lru *lru)
{
	WARN_ON(lru->node && list_lru_count(lru));
	kfree(lru->node);
	lru->node = NULL;
}

static struct list_lru_node *node_of(struct list_lru *lru, const void *item)
{
	return &lru->node[page_to_nid(virt_to_page(item))];
}

bool list_lru_add(struct list_lru *lru, struct list_head *item)
{
	struct list_lru_node *l = node_of(lru, item);
	bool added;

	spin_lock(&l->lock);
	added = list_empty(item);
	if (added) {
		list_add_tail(item, &l->list);
		l->nr_items++;
	}
	spin_unlock(&l->lock);
	return added;
}

bool list_lru_del(struct list_lru *lru, struct list_head *item)
{
	struct list_lru_node *l = node_of(lru, item);
	bool removed;

	spin_lock(&l->lock);
	removed = !list_empty(item);
	if (removed)
		list_lru_isolate(l, item);
	spin_unlock(&l->lock);
	return removed;
}

unsigned long list_lru_count_node(struct list_lru *lru, int nid)
{
	return READ_ONCE(lru->node[nid].nr_items);
}

unsigned long list_lru_count(struct list_lru *lru)
{
	unsigned long count = 0;

	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		count += list_lru_count_node(lru, nid);
	return count;
}

void list_lru_isolate(struct list_lru_node *l, struct list_head *item)
{
	list_del_init(item);
	l->nr_items--;
}

void list_lru_isolate_move(struct list_lru_node *l, struct list_head *item, struct list_head *to)
{
	list_move(item, to);
	l->nr_items--;
}

unsigned long list_lru_walk_node(struct list_lru *lru, int nid, list_lru_walk_cb isolate, void *arg,
				 unsigned long *nr_to_walk)
{
	struct list_lru_node *l = &lru->node[nid];
	struct list_head *item, *next;
	unsigned long isolated = 0;
	enum lru_status status;

	spin_lock(&l->lock);
restart:
	list_for_each_safe(item, next, &l->list) {
		if (!*nr_to_walk)
			break;
		--*nr_to_walk;
		status = isolate(item, l, arg);
		isolated += status == LRU_REMOVED || status == LRU_REMOVED_RETRY;
		if (status == LRU_ROTATE)
			list_move_tail(item, &l->list);
		/* Without the lock in between, next may be anywhere. */
		if (status == LRU_REMOVED_RETRY || status == LRU_RETRY)
			goto restart;
	}
	spin_unlock(&l->lock);
	return isolated;
}

unsigned long list_lru_walk(struct list_lru *lru, list_lru_walk_cb isolate, void *arg,
			    unsigned long nr_to_walk)
{
	unsigned long isolated = 0;

	for (int nid = 0; nid < MAX_NUMNODES && nr_to_walk; nid++)
		isolated += list_lru_walk_node(lru, nid, isolate, arg, &nr_to_walk);
	return isolated;
}
