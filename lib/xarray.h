/*
 * The xarray: an array of pointers indexed by unsigned long, sparse, with three marks per entry.
 *
 * 1. A tree of nodes with 64 slots each: six bits of the index per level, as many levels as the
 *    largest index needs. An array with an entry at index 0 only has no node: the entry stands in
 *    xa_head.
 * 2. An entry is a pointer aligned to 4 bytes, or a value entry (xa_mk_value: 63 bits shifted up,
 *    bit 0 set). Bits 10 are internal: nodes, errors, and the reserved entry that reads as NULL.
 * 3. A mark of an inner slot is set iff some entry below has it; so marked entries are found
 *    without walking others. In an array made with XA_FLAGS_ALLOC mark 0 means "something is free
 *    below" and belongs to xa_alloc().
 * 4. Readers need the RCU read lock only. A node leaves the tree with its slots untouched and is
 *    freed by lib_node_ops.free_rcu; a reader in it sees the array as it was.
 * 5. Writers exclude each other by a lock of the caller's (i_pages for a mapping): unlike Linux's,
 *    struct xarray has no lock, so the __xa_ forms are the same functions.
 * 6. A failed store (-ENOMEM) leaves the array as it was.
 *
 * Mirrors Linux's include/linux/xarray.h. Exercised by tests/kernel/lib_xarray.c.
 */
#ifndef LIB_XARRAY_H
#define LIB_XARRAY_H

#include "lib/bitmap.h"
#include "lib/err.h"
#include "lib/types.h"

#define XA_CHUNK_SHIFT 6
#define XA_CHUNK_SIZE  64UL
#define XA_CHUNK_MASK  63UL
#define XA_MAX_MARKS   3

typedef unsigned int xa_mark_t;
#define XA_MARK_0    0U
#define XA_MARK_1    1U
#define XA_MARK_2    2U
#define XA_PRESENT   8U /* as a filter: any entry */
#define XA_FREE_MARK XA_MARK_0

struct xa_node {
	union {
		struct list_head private_list; /* the tree user's (shadow nodes) */
		void *rcu[2];
	};
	u8 shift;     /* bits of the index below this node's */
	u8 offset;    /* own slot in the parent */
	u8 count;     /* slots in use */
	u8 nr_values; /* of them value entries; leaves only */
	struct xa_node *parent;
	struct xarray *array;
	void *slots[XA_CHUNK_SIZE];
	unsigned long marks[XA_MAX_MARKS];
};

struct xarray {
	void *xa_head;
	unsigned int xa_flags; /* XA_FLAGS_*; bits 0..2: some entry has that mark */
};

#define XA_FLAGS_TRACK_FREE 0x10U
#define XA_FLAGS_ZERO_BUSY  0x20U
#define XA_FLAGS_ALLOC	    (XA_FLAGS_TRACK_FREE | 1U)
#define XA_FLAGS_ALLOC1	    (XA_FLAGS_TRACK_FREE | XA_FLAGS_ZERO_BUSY | 1U) /* never 0 */
#define XA_FLAGS_LOCK_IRQ   0U
#define XA_FLAGS_LOCK_BH    0U
#define XA_FLAGS_ACCOUNT    0U

#define XARRAY_INIT(name, flags)                     \
	{                                            \
		.xa_head = NULL, .xa_flags = (flags) \
	}
#define DEFINE_XARRAY_FLAGS(name, flags) struct xarray name = XARRAY_INIT(name, flags)
#define DEFINE_XARRAY(name)		 DEFINE_XARRAY_FLAGS(name, 0)
#define DEFINE_XARRAY_ALLOC(name)	 DEFINE_XARRAY_FLAGS(name, XA_FLAGS_ALLOC)
#define DEFINE_XARRAY_ALLOC1(name)	 DEFINE_XARRAY_FLAGS(name, XA_FLAGS_ALLOC1)

static inline void xa_init_flags(struct xarray *xa, unsigned int flags)
{
	xa->xa_head = NULL;
	xa->xa_flags = flags;
}
static inline void xa_init(struct xarray *xa)
{
	xa_init_flags(xa, 0);
}
static inline bool xa_empty(const struct xarray *xa)
{
	return !READ_ONCE(xa->xa_head);
}
static inline bool xa_marked(const struct xarray *xa, xa_mark_t mark)
{
	return READ_ONCE(xa->xa_flags) >> mark & 1;
}

/* ---- kinds of entries ---- */

static __always_inline void *xa_mk_value(unsigned long v)
{
	return (void *)(v << 1 | 1);
}
static __always_inline unsigned long xa_to_value(const void *entry)
{
	return (unsigned long)entry >> 1;
}
static __always_inline bool xa_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
}
static __always_inline void *xa_mk_internal(unsigned long v)
{
	return (void *)(v << 2 | 2);
}
static __always_inline bool xa_is_internal(const void *entry)
{
	return ((unsigned long)entry & 3) == 2;
}
/* Reserved: no entry for readers, but taken. */
#define XA_ZERO_ENTRY xa_mk_internal(257)
static __always_inline bool xa_is_zero(const void *entry)
{
	return unlikely(entry == XA_ZERO_ENTRY);
}
/* What xa_store() and its kind return: is it an error, and which (0: none)? */
static __always_inline bool xa_is_err(const void *entry)
{
	return unlikely(xa_is_internal(entry) && entry >= xa_mk_internal(-MAX_ERRNO));
}
static __always_inline int xa_err(void *entry)
{
	return xa_is_err(entry) ? (long)entry >> 2 : 0;
}

/*
 * ---- plain interface; "reader" = RCU read lock or the writers' lock, "writer" = the writers'
 * lock ----
 */

/* => reader */
void *xa_load(struct xarray *xa, unsigned long index);
/*
 * Replace the entry; NULL erases. Returns the old one or an error for xa_err(). => writer; sleeps
 * as @gfp says
 */
void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
/* -EBUSY when there is an entry (a reserved one too). A NULL @entry reserves. */
int xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
/* Store only over @old; returns what was there. */
void *xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry, gfp_t gfp);
/*
 * Make sure that a later xa_store() here needs no memory; xa_release() undoes it if nothing was
 * stored.
 */
int xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp);
void xa_release(struct xarray *xa, unsigned long index);
/* Erase all in [first, last]; returns how many entries there were. */
unsigned long xa_erase_range(struct xarray *xa, unsigned long first, unsigned long last);
/* All nodes go; the entries are the caller's. */
void xa_destroy(struct xarray *xa);

struct xa_limit {
	u32 max;
	u32 min;
};
#define XA_LIMIT(lo, hi)                 \
	(struct xa_limit)                \
	{                                \
		.min = (lo), .max = (hi) \
	}
#define xa_limit_32b XA_LIMIT(0, UINT_MAX)
#define xa_limit_31b XA_LIMIT(0, INT_MAX)
/*
 * Store at the lowest free index within @limit of an XA_FLAGS_ALLOC array; the index to *@id. A
 * NULL @entry reserves. 0, -EBUSY (all taken), -ENOMEM. The cyclic form starts at *@next and
 * returns 1 when it went round.
 */
int xa_alloc(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit, gfp_t gfp);
int xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit, u32 *next,
		    gfp_t gfp);

/* Marks of an entry; setting one where there is no entry does nothing. */
bool xa_get_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);

/*
 * First entry at or after (strictly after) *@index up to @max that passes @filter; *@index becomes
 * its own. => reader
 */
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max, xa_mark_t filter);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max, xa_mark_t filter);
/* Copy up to @n entries into @dst; returns how many. */
unsigned int xa_extract(struct xarray *xa, void **dst, unsigned long start, unsigned long max,
			unsigned int n, xa_mark_t filter);

#define xa_for_each_range(xa, index, entry, start, end)                            \
	for (index = (start), entry = xa_find(xa, &index, end, XA_PRESENT); entry; \
	     entry = xa_find_after(xa, &index, end, XA_PRESENT))
#define xa_for_each_start(xa, index, entry, start) \
	xa_for_each_range(xa, index, entry, start, ULONG_MAX)
#define xa_for_each(xa, index, entry) xa_for_each_start(xa, index, entry, 0)
#define xa_for_each_marked(xa, index, entry, filter)                           \
	for (index = 0, entry = xa_find(xa, &index, ULONG_MAX, filter); entry; \
	     entry = xa_find_after(xa, &index, ULONG_MAX, filter))

#define __xa_store	  xa_store
#define __xa_erase	  xa_erase
#define __xa_insert	  xa_insert
#define __xa_cmpxchg	  xa_cmpxchg
#define __xa_alloc	  xa_alloc
#define __xa_alloc_cyclic xa_alloc_cyclic
#define __xa_set_mark	  xa_set_mark
#define __xa_clear_mark	  xa_clear_mark

/* ---- the cursor ---- */

/*
 * Stays in its node, so a run of neighbours costs one walk. A reader that leaves its RCU section,
 * or a writer that leaves its lock, calls xas_pause() first.
 */
struct xa_state {
	struct xarray *xa;
	unsigned long xa_index;
	/* Leaf; NULL: xa_head itself; XAS_RESTART: walk first; XAS_BOUNDS: ran off. */
	struct xa_node *xa_node;
	struct xa_node *xa_alloc; /* nodes from xas_nomem(), chained through parent */
	int xa_error;
	gfp_t xa_gfp; /* for nodes that xas_store() needs; 0: must not sleep */
	u8 xa_offset;
};

#define XAS_RESTART ((struct xa_node *)3UL)
#define XAS_BOUNDS  ((struct xa_node *)1UL)
#define XA_STATE(name, array, index) \
	struct xa_state name = { .xa = (array), .xa_index = (index), .xa_node = XAS_RESTART }

static inline void xas_reset(struct xa_state *xas)
{
	xas->xa_node = XAS_RESTART;
	xas->xa_error = 0;
}
static inline void xas_set(struct xa_state *xas, unsigned long index)
{
	xas->xa_index = index;
	xas->xa_node = XAS_RESTART;
}
static inline bool xas_valid(const struct xa_state *xas)
{
	return !((unsigned long)xas->xa_node & 3);
}
static inline int xas_error(const struct xa_state *xas)
{
	return xas->xa_error;
}
static inline void xas_set_err(struct xa_state *xas, int err)
{
	xas->xa_error = err;
}
/* Entries never ask for a retry here; for code written against Linux. */
static inline bool xas_retry(struct xa_state *xas, const void *entry)
{
	return false;
}

/* The entry at xa_index. */
void *xas_load(struct xa_state *xas);
/* The same slot once more, without a walk. */
void *xas_reload(struct xa_state *xas);
/* First call: first entry at or after xa_index; later: the next one; none up to @max: NULL. */
void *xas_find(struct xa_state *xas, unsigned long max);
void *xas_find_marked(struct xa_state *xas, unsigned long max, xa_mark_t mark);
/* The entry (perhaps NULL) at the index above, below; the first call loads xa_index itself. */
void *xas_next(struct xa_state *xas);
void *xas_prev(struct xa_state *xas);
/* The next step goes on behind xa_index with a new walk. */
void xas_pause(struct xa_state *xas);
/* Store at xa_index, return the old entry; no memory: NULL and xas_error() -ENOMEM. => writer */
void *xas_store(struct xa_state *xas, void *entry);
/*
 * After -ENOMEM: get the nodes, without the lock; true: try again. Else drops what is left over
 * and gives false.
 */
bool xas_nomem(struct xa_state *xas, gfp_t gfp);
bool xas_get_mark(const struct xa_state *xas, xa_mark_t mark);
void xas_set_mark(const struct xa_state *xas, xa_mark_t mark);
void xas_clear_mark(const struct xa_state *xas, xa_mark_t mark);

#define xas_for_each(xas, entry, max) while (((entry) = xas_find((xas), (max))) != NULL)
#define xas_for_each_marked(xas, entry, max, mark) \
	while (((entry) = xas_find_marked((xas), (max), (mark))) != NULL)

/* For tests: NULL, or which invariant is broken. */
const char *xa_validate(struct xarray *xa);

#endif /* LIB_XARRAY_H */
