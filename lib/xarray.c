/*
 * The xarray, storing. The idea and the contracts are in xarray.h.
 *
 * 1. A store first makes the way down to the leaf (make_path): the root grows until it covers the
 *    index, missing nodes are hung in. All of them are allocated before the first is linked.
 * 2. Erasing frees nodes that hold nothing, upwards, and lowers the root while only its slot 0 is
 *    used.
 * 3. A node is filled before the pointer to it is stored with release order, so a reader finds it
 *    complete.
 *
 * Mirrors Linux's lib/xarray.c. Exercised by tests/kernel/lib_xarray.c.
 */
#include "lib/xarray.h"
#include "lib/list.h"
#include "lib/node.h"
#include "lib/string.h"
#include "lib/xarray_node.h"

static bool track_free(const struct xarray *xa)
{
	return xa->xa_flags & XA_FLAGS_TRACK_FREE;
}

static void node_retire(struct xa_node *node)
{
	lib_node_ops.free_rcu(node, sizeof(*node));
}

/* ---- marks, on the way up ---- */

static void mark_up(struct xarray *xa, struct xa_node *node, unsigned int offset, xa_mark_t mark)
{
	for (;; offset = node->offset, node = node->parent) {
		if (!node) {
			xa->xa_flags |= BIT(mark);
			return;
		}
		if (node->marks[mark] & BIT(offset))
			return;
		node->marks[mark] |= BIT(offset);
	}
}

static void unmark_up(struct xarray *xa, struct xa_node *node, unsigned int offset, xa_mark_t mark)
{
	for (;; offset = node->offset, node = node->parent) {
		if (!node) {
			/*
			 * Above the root something is always free: the indices that it does not
			 * cover.
			 */
			if (mark != XA_FREE_MARK || !track_free(xa))
				xa->xa_flags &= ~BIT(mark);
			return;
		}
		if (!(node->marks[mark] & BIT(offset)))
			return;
		node->marks[mark] &= ~BIT(offset);
		if (node->marks[mark])
			return;
	}
}

void xas_set_mark(const struct xa_state *xas, xa_mark_t mark)
{
	if (xas_valid(xas))
		mark_up(xas->xa, xas->xa_node, xas->xa_offset, mark);
}

void xas_clear_mark(const struct xa_state *xas, xa_mark_t mark)
{
	if (xas_valid(xas))
		unmark_up(xas->xa, xas->xa_node, xas->xa_offset, mark);
}

void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	XA_STATE(xas, xa, index);

	if (xas_load(&xas))
		xas_set_mark(&xas, mark);
}

void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	XA_STATE(xas, xa, index);

	if (xas_load(&xas))
		xas_clear_mark(&xas, mark);
}

/* ---- the way down ---- */

static unsigned int shift_for(unsigned long index)
{
	return index ? rounddown(__fls(index), XA_CHUNK_SHIFT) : 0;
}

/* How many nodes a store at @index has to add. */
static unsigned int nodes_missing(struct xarray *xa, unsigned long index)
{
	void *entry = xa->xa_head;
	unsigned int need = 0, want = shift_for(index);
	struct xa_node *node;

	if (!xa_is_node(entry)) {
		if (!index)
			return 0;
		if (!entry)
			return want / XA_CHUNK_SHIFT + 1;
		/* A leaf for the head's entry, roots above it, and the branch to the index. */
		return want / XA_CHUNK_SHIFT + 1 + want / XA_CHUNK_SHIFT;
	}
	node = xa_to_node(entry);
	if (!xa_covers(node, index)) {
		need = (want - node->shift) / XA_CHUNK_SHIFT;
		return need + want / XA_CHUNK_SHIFT;
	}
	while (node->shift) {
		entry = node->slots[xa_slot(node, index)];
		if (!entry)
			return node->shift / XA_CHUNK_SHIFT;
		node = xa_to_node(entry);
	}
	return 0;
}

static void drop_alloc(struct xa_state *xas)
{
	while (xas->xa_alloc) {
		struct xa_node *node = xas->xa_alloc;

		xas->xa_alloc = node->parent;
		lib_node_ops.free(node, sizeof(*node));
	}
}

/* At least @need nodes in xas->xa_alloc. */
static bool fill_alloc(struct xa_state *xas, unsigned int need, gfp_t gfp)
{
	for (struct xa_node *node = xas->xa_alloc; node && need; node = node->parent)
		need--;
	while (need--) {
		struct xa_node *node = lib_node_ops.alloc(sizeof(*node), gfp);

		if (!node)
			return false;
		node->parent = xas->xa_alloc;
		xas->xa_alloc = node;
	}
	return true;
}

static struct xa_node *take_node(struct xa_state *xas, unsigned int shift, struct xa_node *parent,
				 unsigned int offset)
{
	struct xa_node *node = xas->xa_alloc;

	xas->xa_alloc = node->parent;
	memset(node, 0, sizeof(*node));
	INIT_LIST_HEAD(&node->private_list);
	node->shift = shift;
	node->offset = offset;
	node->parent = parent;
	node->array = xas->xa;
	if (track_free(xas->xa))
		node->marks[XA_FREE_MARK] = ~0UL;
	return node;
}

/* What stands in the head moves into slot 0 of a new root with @shift. */
static struct xa_node *grow_root(struct xa_state *xas, unsigned int shift)
{
	struct xarray *xa = xas->xa;
	void *head = xa->xa_head;
	struct xa_node *root = take_node(xas, shift, NULL, 0), *child;

	if (head) {
		root->slots[0] = head;
		root->count = 1;
		for (xa_mark_t m = 0; m < XA_MAX_MARKS; m++) {
			if (m == XA_FREE_MARK && track_free(xa)) {
				if (!xa_is_node(head) || !xa_to_node(head)->marks[m])
					root->marks[m] &= ~1UL;
			} else if (xa_marked(xa, m)) {
				root->marks[m] = 1;
			}
		}
		if (xa_is_node(head)) {
			child = xa_to_node(head);
			child->parent = root;
			child->offset = 0;
		} else {
			root->nr_values = xa_is_value(head);
		}
	}
	smp_store_release(&xa->xa_head, xa_mk_node(root));
	return root;
}

/*
 * Sets the cursor to the leaf slot of xa_index, making what is missing; false: no memory, nothing
 * changed.
 */
static bool make_path(struct xa_state *xas)
{
	struct xarray *xa = xas->xa;
	unsigned long index = xas->xa_index;
	unsigned int need = nodes_missing(xa, index);
	struct xa_node *node;

	if (need && !fill_alloc(xas, need, xas->xa_gfp))
		return false;
	if (!xa_is_node(xa->xa_head)) {
		if (!index) {
			xas->xa_node = NULL;
			xas->xa_offset = 0;
			return true;
		}
		/*
		 * An entry at 0 needs a leaf of its own; an empty array gets the root that the
		 * index needs.
		 */
		node = grow_root(xas, xa->xa_head ? 0 : shift_for(index));
	} else {
		node = xa_to_node(xa->xa_head);
	}
	while (!xa_covers(node, index))
		node = grow_root(xas, node->shift + XA_CHUNK_SHIFT);
	while (node->shift) {
		unsigned int offset = xa_slot(node, index);
		void *entry = node->slots[offset];
		struct xa_node *child;

		if (!entry) {
			child = take_node(xas, node->shift - XA_CHUNK_SHIFT, node, offset);
			smp_store_release(&node->slots[offset], xa_mk_node(child));
			node->count++;
		} else {
			child = xa_to_node(entry);
		}
		node = child;
	}
	xas->xa_node = node;
	xas->xa_offset = xa_slot(node, index);
	return true;
}

/* ---- the way back ---- */

/* While the root leads to nothing but slot 0, what is there becomes the head. */
static void shrink_root(struct xarray *xa)
{
	while (xa_is_node(xa->xa_head)) {
		struct xa_node *root = xa_to_node(xa->xa_head);
		void *entry = root->slots[0];

		if (root->count != 1 || !entry)
			return;
		if (root->shift) {
			xa_to_node(entry)->parent = NULL;
		} else {
			for (xa_mark_t m = track_free(xa); m < XA_MAX_MARKS; m++) {
				xa->xa_flags &= ~BIT(m);
				xa->xa_flags |= (root->marks[m] & 1) << m;
			}
		}
		smp_store_release(&xa->xa_head, entry);
		node_retire(root);
	}
}

/* @node lost an entry: take out what is empty now. */
static void prune(struct xarray *xa, struct xa_node *node)
{
	while (node && !node->count) {
		struct xa_node *parent = node->parent;

		if (parent) {
			WRITE_ONCE(parent->slots[node->offset], NULL);
			parent->count--;
			/* Marks below are gone already; that the slot is free was known. */
		} else {
			WRITE_ONCE(xa->xa_head, NULL);
		}
		node_retire(node);
		node = parent;
	}
	shrink_root(xa);
}

/* Entry @entry into the cursor's slot, with the counts and marks that follow. */
static void put_entry(struct xa_state *xas, void *old, void *entry)
{
	struct xarray *xa = xas->xa;
	struct xa_node *node = xas->xa_node;

	smp_store_release(node ? &node->slots[xas->xa_offset] : &xa->xa_head, entry);
	if (!entry)
		for (xa_mark_t m = track_free(xa); m < XA_MAX_MARKS; m++)
			unmark_up(xa, node, xas->xa_offset, m);
	if (!node)
		return;
	node->count += !!entry - !!old;
	node->nr_values += xa_is_value(entry) - xa_is_value(old);
	if (track_free(xa) && !entry != !old) {
		if (entry)
			unmark_up(xa, node, xas->xa_offset, XA_FREE_MARK);
		else
			mark_up(xa, node, xas->xa_offset, XA_FREE_MARK);
	}
	if (!entry && old) {
		prune(xa, node);
		xas->xa_node = XAS_RESTART;
	}
}

void *xas_store(struct xa_state *xas, void *entry)
{
	void *old = xas_valid(xas) && xas->xa_node ? xas_reload(xas) : xas_load(xas);

	if (!entry && !old)
		return NULL;
	if (!xas_valid(xas) && !make_path(xas)) {
		xas->xa_node = XAS_RESTART;
		xas->xa_error = -ENOMEM;
		return NULL;
	}
	if (old != entry)
		put_entry(xas, old, entry);
	return old;
}

bool xas_nomem(struct xa_state *xas, gfp_t gfp)
{
	if (xas->xa_error != -ENOMEM) {
		drop_alloc(xas);
		return false;
	}
	if (!fill_alloc(xas, nodes_missing(xas->xa, xas->xa_index), gfp)) {
		drop_alloc(xas);
		return false;
	}
	xas->xa_error = 0;
	xas->xa_node = XAS_RESTART;
	return true;
}

/* ---- the plain interface ---- */

/* Finish a store through @xas: what its caller returns for the old entry. */
static void *result(struct xa_state *xas, void *old)
{
	drop_alloc(xas);
	if (xas->xa_error)
		return xa_mk_internal(xas->xa_error);
	return xa_is_zero(old) ? NULL : old;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	XA_STATE(xas, xa, index);

	/* In an array that hands out indices a stored NULL keeps its place until xa_erase(). */
	if (track_free(xa) && !entry)
		entry = XA_ZERO_ENTRY;
	xas.xa_gfp = gfp;
	return result(&xas, xas_store(&xas, entry));
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	XA_STATE(xas, xa, index);

	return result(&xas, xas_store(&xas, NULL));
}

int xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	XA_STATE(xas, xa, index);

	if (xas_load(&xas))
		return -EBUSY;
	xas.xa_gfp = gfp;
	return xa_err(result(&xas, xas_store(&xas, entry ? entry : XA_ZERO_ENTRY)));
}

void *xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry, gfp_t gfp)
{
	XA_STATE(xas, xa, index);
	void *now = xas_load(&xas);

	if ((xa_is_zero(now) ? NULL : now) != old)
		return xa_is_zero(now) ? NULL : now;
	if (track_free(xa) && !entry)
		entry = XA_ZERO_ENTRY;
	xas.xa_gfp = gfp;
	return result(&xas, xas_store(&xas, entry));
}

int xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp)
{
	XA_STATE(xas, xa, index);

	if (xas_load(&xas))
		return 0;
	xas.xa_gfp = gfp;
	return xa_err(result(&xas, xas_store(&xas, XA_ZERO_ENTRY)));
}

void xa_release(struct xarray *xa, unsigned long index)
{
	XA_STATE(xas, xa, index);

	if (xa_is_zero(xas_load(&xas)))
		result(&xas, xas_store(&xas, NULL));
}

unsigned long xa_erase_range(struct xarray *xa, unsigned long first, unsigned long last)
{
	unsigned long n = 0;
	XA_STATE(xas, xa, first);

	/* An erasure sends the cursor to the top again, at the same index. */
	for (; xas_find(&xas, last); n++)
		xas_store(&xas, NULL);
	return n;
}

static void destroy_below(struct xa_node *node)
{
	if (node->shift)
		for (unsigned int i = 0; i < XA_CHUNK_SIZE; i++)
			if (node->slots[i])
				destroy_below(xa_to_node(node->slots[i]));
	node_retire(node);
}

void xa_destroy(struct xarray *xa)
{
	void *head = xa->xa_head;

	WRITE_ONCE(xa->xa_head, NULL);
	xa->xa_flags &= track_free(xa) ? ~(BIT(1) | BIT(2)) : ~(BIT(0) | BIT(1) | BIT(2));
	if (xa_is_node(head))
		destroy_below(xa_to_node(head));
}

/* Lowest free index in [min, max] of an array that tracks them; false: none. */
static bool find_free(struct xarray *xa, unsigned long min, unsigned long max, unsigned long *found)
{
	void *entry = xa->xa_head;
	unsigned long index = min;

	if (!xa_is_node(entry)) {
		if (!index && entry)
			index = 1;
		*found = index;
		return index <= max;
	}
	while (index <= max && xa_covers(xa_to_node(xa->xa_head), index)) {
		struct xa_node *node = xa_to_node(xa->xa_head);

		for (;;) {
			unsigned int from = xa_slot(node, index);
			unsigned long bits = node->marks[XA_FREE_MARK] >> from << from;

			if (!bits) {
				index |= (XA_CHUNK_SIZE << node->shift) - 1;
				if (index++ == ULONG_MAX)
					return false;
				break;
			}
			if (__ffs(bits) != from)
				index = (index & ~((XA_CHUNK_SIZE << node->shift) - 1)) |
					(unsigned long)__ffs(bits) << node->shift;
			entry = node->slots[__ffs(bits)];
			if (!node->shift || !entry) {
				*found = index;
				return index <= max;
			}
			node = xa_to_node(entry);
		}
	}
	*found = index;
	return index <= max;
}

int xa_alloc(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit, gfp_t gfp)
{
	unsigned long index, min = limit.min;
	XA_STATE(xas, xa, 0);
	int err;

	if (!min && (xa->xa_flags & XA_FLAGS_ZERO_BUSY))
		min = 1;
	if (min > limit.max || !find_free(xa, min, limit.max, &index))
		return -EBUSY;
	xas_set(&xas, index);
	xas.xa_gfp = gfp;
	err = xa_err(result(&xas, xas_store(&xas, entry ? entry : XA_ZERO_ENTRY)));
	if (!err)
		*id = index;
	return err;
}

int xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit, u32 *next,
		    gfp_t gfp)
{
	u32 min = limit.min;
	int err, wrapped = 0;

	limit.min = max(min, *next);
	err = xa_alloc(xa, id, entry, limit, gfp);
	if (err == -EBUSY && limit.min > min) {
		wrapped = 1;
		limit.min = min;
		err = xa_alloc(xa, id, entry, limit, gfp);
	}
	if (err)
		return err;
	*next = *id == limit.max ? min : *id + 1;
	return wrapped;
}

/* ---- the invariants ---- */

static const char *validate_node(const struct xarray *xa, const struct xa_node *node)
{
	unsigned int count = 0, values = 0;

	if (node->array != xa)
		return "a node names another array";
	for (unsigned int i = 0; i < XA_CHUNK_SIZE; i++) {
		const void *entry = node->slots[i];
		const struct xa_node *child = NULL;
		const char *err;

		count += entry != NULL;
		if (node->shift && entry) {
			child = xa_to_node(entry);
			if (!xa_is_node(entry) || child->parent != node || child->offset != i ||
			    child->shift + XA_CHUNK_SHIFT != node->shift)
				return "parent and child do not fit";
			err = validate_node(xa, child);
			if (err)
				return err;
		} else {
			values += xa_is_value(entry);
		}
		for (xa_mark_t m = 0; m < XA_MAX_MARKS; m++) {
			bool mark = node->marks[m] >> i & 1;

			if (m == XA_FREE_MARK && track_free(xa)) {
				if (mark != (child ? child->marks[m] != 0 : !entry))
					return "a free mark is wrong";
			} else if (child ? mark != (child->marks[m] != 0) : mark && !entry) {
				return "a mark is wrong";
			}
		}
	}
	if (!count)
		return "an empty node";
	if (count != node->count || values != node->nr_values)
		return "a count is wrong";
	return NULL;
}

const char *xa_validate(struct xarray *xa)
{
	const struct xa_node *root;

	if (!xa_is_node(xa->xa_head))
		return xa->xa_head || !(xa->xa_flags & (track_free(xa) ? 6 : 7))
			       ? NULL
			       : "marks in an empty array";
	root = xa_to_node(xa->xa_head);
	if (root->parent || (root->count == 1 && root->slots[0]))
		return "the root is too high";
	for (xa_mark_t m = track_free(xa); m < XA_MAX_MARKS; m++)
		if (xa_marked(xa, m) != (root->marks[m] != 0))
			return "the array's mark is wrong";
	return validate_node(xa, root);
}
