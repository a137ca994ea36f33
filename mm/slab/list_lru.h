/*
 * list_lru: objects that nobody uses at the moment, oldest first, one list for each node.
 *
 * What a shrinker works on. An object is on the list of the node its memory is on, so reclaim for one
 * node frees memory there.
 *
 * Mirrors Linux include/linux/list_lru.h. Exercised by the list_lru suite (tests/kernel/list_lru.c).
 */
#pragma once

#include "arch/x86/numa.h"
#include "kernel/spinlock.h"
#include "lib/list.h"
#include "mm/slab/shrinker.h"

/* What an isolate callback did with the object. */
enum lru_status {
	LRU_REMOVED,	   /* taken off by list_lru_isolate(); the lock is still held */
	LRU_REMOVED_RETRY, /* taken off, and the lock was let go of and taken again */
	LRU_ROTATE,	   /* used lately: to the young end */
	LRU_SKIP,	   /* cannot be had now: stays */
	LRU_RETRY,	   /* not taken off, but the lock was let go of and taken again */
};

struct list_lru_node {
	spinlock_t lock;
	struct list_head list; /* lock: the oldest first */
	long nr_items;	       /* lock; read without as a hint */
} __aligned(64);

struct list_lru {
	struct list_lru_node *node; /* of each possible node */
};

/* 0 or -ENOMEM. => may sleep */
int list_lru_init(struct list_lru *lru);
void list_lru_destroy(struct list_lru *lru); /* => empty, nobody uses it */
/*
 * Puts item, the list_head inside an object from slab or of whole pages, at the young end; false: it is
 * on a list already. The caller's lock keeps the object. => process context
 */
bool list_lru_add(struct list_lru *lru, struct list_head *item);
bool list_lru_del(struct list_lru *lru, struct list_head *item); /* false: it is on no list */
unsigned long list_lru_count_node(struct list_lru *lru, int nid);
unsigned long list_lru_count(struct list_lru *lru);

/*
 * Called for an object with the node's lock held: takes it off with one of the two functions below and
 * says LRU_REMOVED, or leaves it. The usual order is object's lock, then list's: so it may only try the
 * object's.
 */
typedef enum lru_status (*list_lru_walk_cb)(struct list_head *item, struct list_lru_node *l,
					    void *arg);
void list_lru_isolate(struct list_lru_node *l, struct list_head *item);
void list_lru_isolate_move(struct list_lru_node *l, struct list_head *item, struct list_head *to);
/*
 * Shows at most *nr_to_walk objects, oldest first, to isolate; *nr_to_walk becomes what is left of it. Returns
 * how many were taken off.
 */
unsigned long list_lru_walk_node(struct list_lru *lru, int nid, list_lru_walk_cb isolate, void *arg,
				 unsigned long *nr_to_walk);
unsigned long list_lru_walk(struct list_lru *lru, list_lru_walk_cb isolate, void *arg,
			    unsigned long nr_to_walk); /* on all nodes */

static inline unsigned long list_lru_shrink_count(struct list_lru *lru, struct shrink_control *sc)
{
	return list_lru_count_node(lru, sc->nid);
}

static inline unsigned long list_lru_shrink_walk(struct list_lru *lru, struct shrink_control *sc,
						 list_lru_walk_cb isolate, void *arg)
{
	return list_lru_walk_node(lru, sc->nid, isolate, arg, &sc->nr_to_scan);
}
