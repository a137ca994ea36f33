/*
 * Shrinkers: caches that can give memory back when asked.
 *
 * A cache registers two functions. count says how many objects could be freed on a node; scan frees some.
 * Reclaim (mm/reclaim/shrinker.c) asks all of them, in proportion to what they have. The header stands on
 * the floor of slab, so that every floor above can register.
 *
 * Mirrors Linux include/linux/shrinker.h. Exercised by the shrinker suite (tests/kernel/shrinker.c).
 */
#pragma once

#include "arch/x86/atomic.h"
#include "lib/list.h"
#include "mm/phys/gfp.h"

struct shrink_control {
	gfp_t gfp_mask; /* what the allocation behind it allows: without __GFP_FS no file system's locks */
	int nid;	/* the node that is short of memory */
	unsigned long nr_to_scan; /* scan: look at that many objects */
	unsigned long nr_scanned; /* scan: that many were looked at; preset to nr_to_scan */
};

#define SHRINK_STOP  (~0UL)	/* scan: no progress is possible now */
#define SHRINK_EMPTY (~0UL - 1) /* count: there is nothing at all (0: not at the moment) */

#define DEFAULT_SEEKS	    2 /* what it costs to make an object again; more: it is asked for less */
#define SHRINK_BATCH	    128
#define SHRINKER_NUMA_AWARE 1 /* counts and scans by node; others always see node 0 */

/* Legend: - set before register; R shrinker_rwsem. */
struct shrinker {
	unsigned long (*count_objects)(struct shrinker *s, struct shrink_control *sc); /* - */
	unsigned long (*scan_objects)(struct shrinker *s,
				      struct shrink_control *sc); /* - freed, or SHRINK_STOP */
	long batch;		    /* - objects a call of scan; 0: SHRINK_BATCH */
	int seeks;		    /* - 0: objects cost nothing, half of them go at once */
	unsigned int flags;	    /* - SHRINKER_* */
	void *private_data;	    /* - */
	struct list_head list;	    /* R */
	char *name;		    /* - own copy */
	atomic_long_t *nr_deferred; /* of each node: should have been scanned, and was not yet */
};

/* A shrinker of its own memory, seeks preset, not yet registered; NULL. => may sleep */
struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...) __printf(2, 3);
void shrinker_register(struct shrinker *s);
/* Out of the list if registered, and freed; nobody runs it any more. NULL is fine. => may sleep, not inside a shrinker */
void shrinker_free(struct shrinker *s);

/* The older form, for a shrinker in the caller's memory. 0 or -ENOMEM. */
int register_shrinker(struct shrinker *s, const char *fmt, ...) __printf(2, 3);
void unregister_shrinker(struct shrinker *s);

/*
 * One round over all shrinkers for a node. priority as reclaim has it: 12 asks for little, 0 for all.
 * Returns the objects freed; adds to slabs_scanned. => may sleep
 */
unsigned long shrink_slab(gfp_t gfp, int nid, int priority);
/* Everything that can be freed goes: what drop_caches does. Counts in drop_slab. => may sleep */
void drop_slab(void);
/* Calls fn for each shrinker until it returns non-zero, and returns that. => may sleep */
int shrinker_for_each(int (*fn)(struct shrinker *s, void *arg), void *arg);
