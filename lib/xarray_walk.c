/*
 * The xarray, reading: lookup, iteration, marked entries. The idea and the contracts are in
 * xarray.h.
 *
 * Readers go down only, never through parent pointers: a node that has left the tree still leads to
 * what was below it when it left, but what is above it may have changed.
 *
 * Mirrors Linux's lib/xarray.c. Exercised by tests/kernel/lib_xarray.c.
 */
#include "lib/xarray.h"
#include "lib/xarray_node.h"

void *xa_load(struct xarray *xa, unsigned long index)
{
	void *entry = READ_ONCE(xa->xa_head);
	struct xa_node *node;
	unsigned int shift;

	if (!xa_is_node(entry))
		return index || entry == XA_ZERO_ENTRY ? NULL : entry;
	node = xa_to_node(entry);
	shift = node->shift;
	if (index >> shift >= XA_CHUNK_SIZE)
		return NULL;
	for (;;) {
		entry = READ_ONCE(node->slots[(index >> shift) & XA_CHUNK_MASK]);
		if (!shift)
			break;
		if (!entry)
			return NULL;
		node = xa_to_node(entry);
		shift -= XA_CHUNK_SHIFT;
	}
	return entry == XA_ZERO_ENTRY ? NULL : entry;
}

void *xas_load(struct xa_state *xas)
{
	void *entry = READ_ONCE(xas->xa->xa_head);
	unsigned long index = xas->xa_index;
	struct xa_node *node;

	xas->xa_offset = 0;
	if (!xa_is_node(entry)) {
		xas->xa_node = index ? XAS_BOUNDS : NULL;
		return index ? NULL : entry;
	}
	node = xa_to_node(entry);
	if (!xa_covers(node, index)) {
		xas->xa_node = XAS_BOUNDS;
		return NULL;
	}
	for (;;) {
		unsigned int offset = xa_slot(node, index);

		entry = READ_ONCE(node->slots[offset]);
		if (!node->shift) {
			xas->xa_node = node;
			xas->xa_offset = offset;
			return entry;
		}
		if (!entry) {
			xas->xa_node = XAS_BOUNDS;
			return NULL;
		}
		node = xa_to_node(entry);
	}
}

void *xas_reload(struct xa_state *xas)
{
	if (xas->xa_node == XAS_BOUNDS || xas->xa_node == XAS_RESTART)
		return xas_load(xas);
	if (!xas->xa_node) {
		void *entry = READ_ONCE(xas->xa->xa_head);

		return xa_is_node(entry) ? READ_ONCE(xa_to_node(entry)->slots[0]) : entry;
	}
	return READ_ONCE(xas->xa_node->slots[xas->xa_offset]);
}

/*
 * First slot of @node from @offset on that can lead to what @filter asks for; XA_CHUNK_SIZE: none.
 */
static __always_inline unsigned int next_slot(const struct xa_node *node, unsigned int offset,
					      xa_mark_t filter)
{
	if (filter != XA_PRESENT) {
		unsigned long bits =
			offset < 64 ? READ_ONCE(node->marks[filter]) >> offset << offset : 0;

		return bits ? __ffs(bits) : XA_CHUNK_SIZE;
	}
	while (offset < XA_CHUNK_SIZE && !READ_ONCE(node->slots[offset]))
		offset++;
	return offset;
}

/*
 * First entry from @index on, up to @max, that passes @filter; the cursor goes there or out of
 * bounds.
 */
static void *find_from(struct xa_state *xas, unsigned long index, unsigned long max,
		       xa_mark_t filter)
{
	while (index <= max) {
		void *entry = READ_ONCE(xas->xa->xa_head);
		struct xa_node *node;

		if (!xa_is_node(entry)) {
			if (index || !entry ||
			    (filter != XA_PRESENT && !xa_marked(xas->xa, filter)))
				break;
			xas->xa_index = 0;
			xas->xa_node = NULL;
			xas->xa_offset = 0;
			return entry;
		}
		node = xa_to_node(entry);
		if (!xa_covers(node, index))
			break;
		for (;;) {
			unsigned int from = xa_slot(node, index),
				     offset = next_slot(node, from, filter);

			if (offset == XA_CHUNK_SIZE) {
				/* Nothing more below this node: go on behind it, from the top. */
				index |= (XA_CHUNK_SIZE << node->shift) - 1;
				if (index++ == ULONG_MAX)
					goto none;
				break;
			}
			if (offset != from)
				index = (index & ~((XA_CHUNK_SIZE << node->shift) - 1)) |
					(unsigned long)offset << node->shift;
			entry = READ_ONCE(node->slots[offset]);
			if (!entry) {
				/* Gone since the slot was chosen. */
				index |= (1UL << node->shift) - 1;
				if (index++ == ULONG_MAX)
					goto none;
				break;
			}
			if (node->shift) {
				node = xa_to_node(entry);
				continue;
			}
			if (index > max)
				goto none;
			xas->xa_index = index;
			xas->xa_node = node;
			xas->xa_offset = offset;
			return entry;
		}
	}
none:
	xas->xa_node = XAS_BOUNDS;
	return NULL;
}

/* The step after the present entry, within the node if it can be. */
static __always_inline void *find_next(struct xa_state *xas, unsigned long max, xa_mark_t filter)
{
	struct xa_node *node = xas->xa_node;

	if (node == XAS_RESTART)
		return find_from(xas, xas->xa_index, max, filter);
	if (node == XAS_BOUNDS || xas->xa_index >= max)
		goto none;
	if (node) {
		unsigned int offset = next_slot(node, xas->xa_offset + 1, filter);

		if (offset < XA_CHUNK_SIZE) {
			unsigned long index = (xas->xa_index & ~XA_CHUNK_MASK) | offset;
			void *entry = READ_ONCE(node->slots[offset]);

			if (index > max)
				goto none;
			if (entry) {
				xas->xa_index = index;
				xas->xa_offset = offset;
				return entry;
			}
		}
	}
	return find_from(xas, xas->xa_index + 1, max, filter);
none:
	xas->xa_node = XAS_BOUNDS;
	return NULL;
}

void *xas_find(struct xa_state *xas, unsigned long max)
{
	return find_next(xas, max, XA_PRESENT);
}

void *xas_find_marked(struct xa_state *xas, unsigned long max, xa_mark_t mark)
{
	return find_next(xas, max, mark);
}

void *xas_next(struct xa_state *xas)
{
	struct xa_node *node = xas->xa_node;

	if (node == XAS_RESTART)
		return xas_load(xas);
	xas->xa_index++;
	if (xas_valid(xas) && node && xas->xa_offset < XA_CHUNK_MASK) {
		xas->xa_offset++;
		return READ_ONCE(node->slots[xas->xa_offset]);
	}
	return xas_load(xas);
}

void *xas_prev(struct xa_state *xas)
{
	struct xa_node *node = xas->xa_node;

	if (node == XAS_RESTART)
		return xas_load(xas);
	xas->xa_index--;
	if (xas_valid(xas) && node && xas->xa_offset) {
		xas->xa_offset--;
		return READ_ONCE(node->slots[xas->xa_offset]);
	}
	return xas_load(xas);
}

void xas_pause(struct xa_state *xas)
{
	if (xas->xa_node == XAS_BOUNDS || xas->xa_node == XAS_RESTART)
		return;
	/* At the very end there is nothing to go on with. */
	if (xas->xa_index == ULONG_MAX) {
		xas->xa_node = XAS_BOUNDS;
		return;
	}
	xas_set(xas, xas->xa_index + 1);
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max, xa_mark_t filter)
{
	XA_STATE(xas, xa, *index);
	void *entry = find_next(&xas, max, filter);

	while (xa_is_zero(entry))
		entry = find_next(&xas, max, filter);
	if (entry)
		*index = xas.xa_index;
	return entry;
}

void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max, xa_mark_t filter)
{
	unsigned long next = *index + 1;
	void *entry;

	if (!next)
		return NULL;
	entry = xa_find(xa, &next, max, filter);
	if (entry)
		*index = next;
	return entry;
}

unsigned int xa_extract(struct xarray *xa, void **dst, unsigned long start, unsigned long max,
			unsigned int n, xa_mark_t filter)
{
	XA_STATE(xas, xa, start);
	unsigned int got = 0;
	void *entry;

	while (got < n && (entry = find_next(&xas, max, filter)))
		if (!xa_is_zero(entry))
			dst[got++] = entry;
	return got;
}

bool xas_get_mark(const struct xa_state *xas, xa_mark_t mark)
{
	if (!xas_valid(xas))
		return false;
	if (!xas->xa_node)
		return xa_marked(xas->xa, mark);
	return READ_ONCE(xas->xa_node->marks[mark]) >> xas->xa_offset & 1;
}

bool xa_get_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	XA_STATE(xas, xa, index);

	return xas_load(&xas) && xas_get_mark(&xas, mark);
}
