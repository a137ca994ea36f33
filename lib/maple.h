/*
 * The maple tree: a B-tree from ranges [first, last] of unsigned long to pointers, with the largest
 * gap per subtree.
 *
 * 1. Every index belongs to exactly one range. A range without an entry is a range whose slot is
 *    NULL, so the ranges of a node lie side by side and one number per range, its last index (the
 *    pivot), describes them.
 * 2. A node has 256 bytes: a leaf 15 ranges, an inner node 10 children and for each the largest run
 *    of free indices below it. Pivots past the last one used are ULONG_MAX. A tree of up to 15
 *    ranges is one leaf.
 * 3. Two NULL ranges never touch, and only the last leaf ends with one; so no gap is cut by a
 *    node's end.
 * 4. Readers need the RCU read lock only (or whatever keeps writers away). A writer builds new
 *    nodes beside the old ones and switches over with one pointer store; old nodes go through
 *    lib_node_ops.free_rcu. Changes that one word expresses (another entry for the same range, a
 *    border moved between two neighbours) are made in place. So a reader sees each range either
 *    before or after a store, never between.
 * 5. Writers exclude each other: the caller's lock (mmap_lock for VMAs). Nothing in here locks.
 * 6. A failed store (-ENOMEM) leaves the tree as it was.
 * 7. A state cursor (struct ma_state) remembers its leaf. Each change raises ma_seq; a cursor that
 *    sees another number walks down again, so it is never left in a freed node, and may be kept
 *    across stores and RCU sections.
 *
 * Mirrors Linux's include/linux/maple_tree.h and lib/maple_tree.c. Exercised by
 * tests/kernel/lib_maple.c.
 */
#ifndef LIB_MAPLE_H
#define LIB_MAPLE_H

#include "lib/types.h"

#define MAPLE_RANGE64_SLOTS  15
#define MAPLE_ARANGE64_SLOTS 10
#define MAPLE_HEIGHT_MAX     20

struct maple_node {
	union {
		struct {	  /* writers only */
			u8 count; /* ranges or children in use */
			u8 level; /* 0: leaf */
		};
		void *rcu[2]; /* free_rcu's, once the node is out of the tree */
	};
	union {
		struct {
			unsigned long pivot[MAPLE_RANGE64_SLOTS];
			void *slot[MAPLE_RANGE64_SLOTS];
		} mr64; /* leaf */
		struct {
			unsigned long pivot[MAPLE_ARANGE64_SLOTS];
			void *slot[MAPLE_ARANGE64_SLOTS];	 /* children; bit 1 set: a leaf */
			unsigned long gap[MAPLE_ARANGE64_SLOTS]; /* writers only */
		} ma64;						 /* inner node */
	};
};

struct maple_tree {
	void *ma_root;	      /* NULL: nothing stored; else the top node, tagged as in slot[] */
	unsigned long ma_seq; /* number of changes */
	unsigned int ma_flags;
};

/* Linux's flags, accepted: gaps are always kept and readers may always use RCU. */
#define MT_FLAGS_ALLOC_RANGE 0x01
#define MT_FLAGS_USE_RCU     0x02
#define MT_FLAGS_LOCK_EXTERN 0x300
/*
 * The user promises that no reader runs beside a writer: nodes may be changed in place. Ours, not
 * Linux's.
 */
#define MT_FLAGS_EXCLUSIVE 0x1000

#define MTREE_INIT(name, flags)                                   \
	{                                                         \
		.ma_root = NULL, .ma_seq = 0, .ma_flags = (flags) \
	}
#define MTREE_INIT_EXT(name, flags, lock) MTREE_INIT(name, flags)
#define DEFINE_MTREE(name)		  struct maple_tree name = MTREE_INIT(name, 0)

static inline void mt_init_flags(struct maple_tree *mt, unsigned int flags)
{
	mt->ma_root = NULL;
	mt->ma_seq = 0;
	mt->ma_flags = flags;
}
static inline void mt_init(struct maple_tree *mt)
{
	mt_init_flags(mt, 0);
}
static inline bool mtree_empty(const struct maple_tree *mt)
{
	return !READ_ONCE(mt->ma_root);
}
#define mt_empty(mt) mtree_empty(mt)

/*
 * ---- the plain interface; "reader" = RCU read lock or the writers' lock, "writer" = the writers'
 * lock ----
 */

/* The entry at @index, or NULL. => reader */
void *mtree_load(struct maple_tree *mt, unsigned long index);
/*
 * [first, last] becomes @entry, whatever was there; ranges partly covered keep the rest, a range
 * around it is cut in two that hold the same pointer. NULL erases. 0, -EINVAL (first > last),
 * -ENOMEM. => writer; may sleep as @gfp says
 */
int mtree_store_range(struct maple_tree *mt, unsigned long first, unsigned long last, void *entry,
		      gfp_t gfp);
int mtree_store(struct maple_tree *mt, unsigned long index, void *entry, gfp_t gfp);
/* The same, but -EEXIST when any index of it has an entry. */
int mtree_insert_range(struct maple_tree *mt, unsigned long first, unsigned long last, void *entry,
		       gfp_t gfp);
int mtree_insert(struct maple_tree *mt, unsigned long index, void *entry, gfp_t gfp);
/*
 * Store @entry in the lowest (rrange: highest) free run of @size in [min, max]; its start to
 * *@startp. -EBUSY: none.
 */
int mtree_alloc_range(struct maple_tree *mt, unsigned long *startp, void *entry, unsigned long size,
		      unsigned long min, unsigned long max, gfp_t gfp);
int mtree_alloc_rrange(struct maple_tree *mt, unsigned long *startp, void *entry,
		       unsigned long size, unsigned long min, unsigned long max, gfp_t gfp);
/*
 * Erase the whole range around @index; returns its entry, or NULL when there was none or no memory
 * to erase it.
 */
void *mtree_erase(struct maple_tree *mt, unsigned long index);
/* All nodes go (through free_rcu); the entries are the caller's. */
void mtree_destroy(struct maple_tree *mt);
#define __mt_destroy(mt) mtree_destroy(mt)
/*
 * Copy all of @mt into the empty @new_mt: node by node. 0, -EINVAL (not empty), -ENOMEM. => writer
 * of both
 */
int mtree_dup(struct maple_tree *mt, struct maple_tree *new_mt, gfp_t gfp);
#define __mt_dup(mt, new_mt, gfp) mtree_dup(mt, new_mt, gfp)

/*
 * First entry at or after *@index and not beyond @max; *@index becomes the index behind its range.
 * => reader
 */
void *mt_find(struct maple_tree *mt, unsigned long *index, unsigned long max);
/* The same after mt_find(); ends when *@index has wrapped to 0. */
void *mt_find_after(struct maple_tree *mt, unsigned long *index, unsigned long max);
/* First entry strictly behind, and last one strictly before, the range that holds @index. */
void *mt_next(struct maple_tree *mt, unsigned long index, unsigned long max);
void *mt_prev(struct maple_tree *mt, unsigned long index, unsigned long min);

#define mt_for_each(mt, entry, index, max) \
	for (entry = mt_find(mt, &(index), max); entry; entry = mt_find_after(mt, &(index), max))

/* ---- the cursor ---- */

enum maple_status { ma_start, ma_active };

struct ma_state {
	struct maple_tree *tree;
	unsigned long index; /* range of the cursor, both ends included */
	unsigned long last;
	struct maple_node
		*node; /* leaf it was last seen in, good while seq == tree->ma_seq; NULL: none */
	unsigned long min; /* range of that leaf */
	unsigned long max;
	unsigned long seq;
	struct maple_node *alloc; /* preallocated nodes, chained through rcu[1] */
	u8 offset;
	u8 status;
};

#define MA_STATE(name, mt, first, end) \
	struct ma_state name = { .tree = (mt), .index = (first), .last = (end), .status = ma_start }

static inline void mas_init(struct ma_state *mas, struct maple_tree *mt, unsigned long addr)
{
	*mas = (struct ma_state){ .tree = mt, .index = addr, .last = addr, .status = ma_start };
}
/* Begin again at mas->index, and at another place. */
static inline void mas_reset(struct ma_state *mas)
{
	mas->status = ma_start;
	mas->node = NULL;
}
static inline void mas_set_range(struct ma_state *mas, unsigned long first, unsigned long last)
{
	mas->index = first;
	mas->last = last;
	mas->status = ma_start;
}
static inline void mas_set(struct ma_state *mas, unsigned long index)
{
	mas_set_range(mas, index, index);
}
/*
 * Give the lock away in the middle of an iteration; the next step continues behind the present
 * range.
 */
static inline void mas_pause(struct ma_state *mas)
{
	mas->node = NULL;
	mas->status = ma_active;
}
static inline bool mas_is_active(const struct ma_state *mas)
{
	return mas->status == ma_active;
}

/* Each of these sets mas->index and mas->last to the range found. => reader */

/* The entry (or NULL) of the range that holds mas->index. */
void *mas_walk(struct ma_state *mas);
/*
 * First call: the first entry at or after mas->index; later: the next one. None up to @max: NULL.
 */
void *mas_find(struct ma_state *mas, unsigned long max);
/*
 * First call: the last entry at or before mas->index; later: the one before. None down to @min:
 * NULL.
 */
void *mas_find_rev(struct ma_state *mas, unsigned long min);
/*
 * The entry behind, and before, the range of the cursor. NULL leaves the cursor at @max, and at
 * @min.
 */
void *mas_next(struct ma_state *mas, unsigned long max);
void *mas_prev(struct ma_state *mas, unsigned long min);
/* The same, range by range: NULL ranges count too; NULL with the cursor unmoved at the end. */
void *mas_next_range(struct ma_state *mas, unsigned long max);
void *mas_prev_range(struct ma_state *mas, unsigned long min);

#define mas_for_each(mas, entry, max)	  while (((entry) = mas_find((mas), (max))) != NULL)
#define mas_for_each_rev(mas, entry, min) while (((entry) = mas_find_rev((mas), (min))) != NULL)

/*
 * The lowest (rev: highest) run of @size free indices within [min, max]; mas->index and mas->last
 * become the run. 0, -EBUSY when there is none, -EINVAL for an empty request. O(log n) per
 * candidate. => writer
 */
int mas_empty_area(struct ma_state *mas, unsigned long min, unsigned long max, unsigned long size);
int mas_empty_area_rev(struct ma_state *mas, unsigned long min, unsigned long max,
		       unsigned long size);

/* mtree_store_range() on [mas->index, mas->last]; the cursor then stands on it. => writer */
int mas_store_gfp(struct ma_state *mas, void *entry, gfp_t gfp);
/* -EEXIST when something is there. */
int mas_insert(struct ma_state *mas, void *entry, gfp_t gfp);
/* Erase the range that holds mas->index; returns its entry, NULL as mtree_erase(). */
void *mas_erase(struct ma_state *mas);
/*
 * Put aside the nodes that one store of any kind can need; mas_store_prealloc() then cannot fail,
 * and mas_destroy() gives back what is left. 0 or -ENOMEM.
 */
int mas_preallocate(struct ma_state *mas, void *entry, gfp_t gfp);
void mas_store_prealloc(struct ma_state *mas, void *entry);
void mas_destroy(struct ma_state *mas);

/* Check every invariant above. Returns NULL, or what is wrong. => writer */
const char *mt_validate(struct maple_tree *mt);

#endif /* LIB_MAPLE_H */
