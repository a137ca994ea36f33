/*
 * What the files of kmemleak share: the record of an allocation. Theory in kmemleak.c.
 *
 * Legend: - never changes; L kmemleak_lock; O the record's own lock, held while the memory is read; S scan_mutex.
 * Mirrors the first part of Linux mm/kmemleak.c. Exercised by the kmemleak suite.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "kernel/mutex.h"
#include "kernel/spinlock.h"
#include "kernel/task.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "mm/debug/kmemleak.h"
#include "mm/debug/stackdepot.h"

#define OBJECT_ALLOCATED BIT(0) /* the memory has not been freed */
#define OBJECT_REPORTED	 BIT(1) /* was counted in a line of the log */
#define OBJECT_NO_SCAN	 BIT(2) /* holds no pointers */
#define OBJECT_FULL_SCAN BIT(3) /* an area could not be noted: search all of it */
#define OBJECT_PERCPU	 BIT(4) /* pointer is a per-CPU address */
#define OBJECT_STABLE \
	BIT(5) /* this search: unreferenced, and its bytes are as the last search saw them */
#define OBJECT_REMOVED BIT(6) /* freed while somebody who walks the list stood on it */

struct kmemleak_scan_area {
	struct hlist_node node; /* L */
	unsigned long start;	/* - */
	size_t size;		/* - */
};

struct kmemleak_object {
	spinlock_t lock;
	bool alive;		      /* O the memory may be read */
	unsigned int flags;	      /* L OBJECT_* */
	unsigned int walkers;	      /* L who stands on it in the list: it stays there */
	atomic_t use_count;	      /* 0: the record is freed */
	struct list_head object_list; /* L all records, oldest first */
	struct list_head gray_list;   /* L referenced, not searched yet; S adds and takes */
	struct rb_node rb_node;	      /* L */
	u64 serial;		      /* - number in the order of allocation */
	unsigned long pointer;	      /* - */
	size_t size;		      /* - */
	int min_count;		      /* L */
	int count;		      /* L pointers found in this search, not more than min_count */
	u32 checksum;		      /* S of its bytes, 0 before the first search */
	depot_stack_handle_t stack;   /* L */
	struct hlist_head area_list;  /* L adds; none: search all of it */
	unsigned long jiffies;	      /* - of the allocation */
	pid_t pid;		      /* - */
	char comm[TASK_COMM_LEN];     /* - */
};

extern spinlock_t kmemleak_lock;
extern struct mutex scan_mutex;
extern bool kmemleak_found_leaks; /* S */
/* Between these are all per-CPU addresses that were ever recorded. L */
extern unsigned long kmemleak_percpu_min, kmemleak_percpu_max;

/* White: too few pointers to it. Gray: enough. Black is neither. => kmemleak_lock held */
static __always_inline bool color_white(const struct kmemleak_object *object)
{
	return object->min_count != KMEMLEAK_BLACK && object->count < object->min_count;
}

static __always_inline bool color_gray(const struct kmemleak_object *object)
{
	return object->min_count != KMEMLEAK_BLACK && object->count >= object->min_count;
}

/* ---- kmemleak.c ---- */

/* The object that holds an address, or a per-CPU address; NULL. => kmemleak_lock held */
struct kmemleak_object *kmemleak_lookup(unsigned long addr, bool percpu);
/* The same with a reference; alias: an address inside will do. => kmemleak_lock not held */
struct kmemleak_object *kmemleak_find_get(unsigned long addr, bool alias, bool percpu);
void kmemleak_put(struct kmemleak_object *object);
/*
 * The record after this one in the list (NULL: the first one whose serial is at least `from`), held so that it stays in the
 * list; lets go of this one. May reschedule between. => no lock held
 */
struct kmemleak_object *kmemleak_next(struct kmemleak_object *object, u64 from);
void kmemleak_end_walk(struct kmemleak_object *object); /* lets go of the last one; NULL is fine */
/* Off for good; frees all records, or leaves that to `clear` when something was found. => any context */
void kmemleak_disable(void);
/* => scan_mutex held; may sleep */
void kmemleak_clear(void);

/* ---- kmemleak_scan.c ---- */

/* One search. False: it was told to stop, and knows nothing. => scan_mutex held; may sleep */
bool kmemleak_search(void);
/* Leaks that were not reported yet and are older than min_age jiffies are marked, counted and told. => scan_mutex held */
void kmemleak_report_new(unsigned long min_age);
/* Is it a leak as far as the last search knows? => kmemleak_lock and scan_mutex held */
bool kmemleak_unreferenced(const struct kmemleak_object *object);
/* Reported, and still a leak? => scan_mutex held */
bool kmemleak_reported(struct kmemleak_object *object);
extern const unsigned long kmemleak_min_age; /* jiffies */
extern bool kmemleak_stack_scan;
/* => scan_mutex held */
void kmemleak_start_thread(void);
void kmemleak_stop_thread(void);
extern unsigned long kmemleak_period; /* S jiffies between two searches of the thread */
