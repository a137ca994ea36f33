/*
 * What the files of KFENCE share: the record of an object, and the words of a report.
 *
 * Mirrors Linux mm/kfence/kfence.h. Exercised by the kfence suite.
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "kernel/fs/seq_file.h"
#include "kernel/rcu.h"
#include "kernel/spinlock.h"
#include "lib/list.h"
#include "mm/debug/kfence.h"

#define KFENCE_STACK_DEPTH 20

enum kfence_object_state {
	KFENCE_OBJECT_UNUSED,
	KFENCE_OBJECT_ALLOCATED,
	KFENCE_OBJECT_FREED,
};

struct kfence_track {
	int pid, cpu;
	u64 ts_nsec;
	unsigned int nr;
	unsigned long entries[KFENCE_STACK_DEPTH];
};

/* Legend: L lock; F kfence_freelist_lock; - constant after creation. */
struct kfence_metadata {
	struct list_head list;	  /* F free objects, longest free first */
	struct rcu_head rcu_head; /* of an object that waits for a grace period */
	spinlock_t lock;
	enum kfence_object_state state;	  /* L */
	unsigned long addr;		  /* L of the object; before its first use of its page */
	size_t size;			  /* L what was asked for */
	struct kmem_cache *cache;	  /* L NULL: unused, or the cache is gone */
	unsigned long unprotected_page;	  /* L a page that a report has made accessible, or 0 */
	u32 alloc_stack_hash;		  /* L */
	struct kfence_track alloc, freed; /* L */
};

enum kfence_error_type {
	KFENCE_ERROR_OOB,	   /* out of bounds: a guard page was touched */
	KFENCE_ERROR_UAF,	   /* a free object's page was touched */
	KFENCE_ERROR_CORRUPTION,   /* the bytes beside the object had changed when it was freed */
	KFENCE_ERROR_INVALID,	   /* an access to the pool that belongs to no object */
	KFENCE_ERROR_INVALID_FREE, /* not an object, or freed already */
};

/* What lies beside the object in its page: differs from byte to byte, so that a shift shows. */
#define KFENCE_CANARY(addr) ((u8)(0xaa ^ ((unsigned long)(addr)&7)))

/* ---- kfence.c ---- */
extern struct kfence_metadata *kfence_metadata; /* kfence_num_objects of them, NULL: not ready */
extern unsigned int kfence_num_objects;

/* ---- kfence_report.c ---- */
/*
 * address: of the access, the free or the first wrong byte; regs: of the fault, or NULL. meta NULL: no object.
 * => meta->lock held if there is meta; any context
 */
void kfence_report_error(unsigned long address, bool is_write, const struct pt_regs *regs,
			 const struct kfence_metadata *meta, enum kfence_error_type type);
/* Everything about the object, to a file or (seq NULL) to the log. => meta->lock held */
void kfence_print_object(struct seq_file *seq, const struct kfence_metadata *meta);

/* ---- kfence_files.c ---- */
enum kfence_counter_id {
	KFENCE_COUNTER_ALLOCATED, /* in use now */
	KFENCE_COUNTER_ALLOCS,
	KFENCE_COUNTER_FREES,
	KFENCE_COUNTER_ZOMBIES,
	KFENCE_COUNTER_BUGS,
	KFENCE_COUNTER_SKIP_INCOMPAT,
	KFENCE_COUNTER_SKIP_CAPACITY,
	KFENCE_COUNTER_SKIP_COVERED,
	KFENCE_COUNTER_COUNT,
};
extern atomic_long_t kfence_counters[KFENCE_COUNTER_COUNT];

/* ---- the settings, kfence.c ---- */
extern unsigned int kfence_sample_interval;	/* ms; 0: off */
extern unsigned int kfence_skip_covered_thresh; /* percent */
extern bool kfence_deferrable;
