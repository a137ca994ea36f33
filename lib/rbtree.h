/*
 * Red-black trees inside the objects they order, plain and augmented.
 *
 * The user walks down and compares by itself, links the new node with rb_link_node() and calls
 * rb_insert_color(). Invariants: the root is black, a red node has no red child, every way from a
 * node down to a missing child passes the same number of black nodes; so the height is at most 2
 * log2(n + 1). Locking is the caller's, for readers too.
 *
 * An augmented tree keeps in each node a value computed from its subtree. The callbacks keep it
 * right:
 *   propagate(node, stop)  recompute from @node upwards until @stop or until nothing changes
 *   copy(old, new)         @new takes @old's place with @old's value
 *   rotate(old, new)       @new has risen above @old: @new takes @old's value, @old is recomputed
 * Before rb_insert_augmented() the caller has already brought the values on the way down up to
 * date.
 *
 * Mirrors Linux's include/linux/{rbtree,rbtree_augmented}.h. Exercised by
 * tests/kernel/lib_rbtree.c.
 */
#ifndef LIB_RBTREE_H
#define LIB_RBTREE_H

#include "lib/types.h"

struct rb_node {
	unsigned long __rb_parent_color; /* parent's address; bit 0: black */
	struct rb_node *rb_right;
	struct rb_node *rb_left;
} __aligned(sizeof(long));

struct rb_root {
	struct rb_node *rb_node;
};

/* Also keeps the first node at hand. */
struct rb_root_cached {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

struct rb_augment_callbacks {
	void (*propagate)(struct rb_node *node, struct rb_node *stop);
	void (*copy)(struct rb_node *old, struct rb_node *new_node);
	void (*rotate)(struct rb_node *old, struct rb_node *new_node);
};

#define RB_ROOT          \
	(struct rb_root) \
	{                \
		NULL     \
	}
#define RB_ROOT_CACHED          \
	(struct rb_root_cached) \
	{                       \
		{ NULL }, NULL  \
	}
#define rb_parent(r)		    ((struct rb_node *)((r)->__rb_parent_color & ~3UL))
#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member)                      \
	({                                                    \
		__typeof__(ptr) __res = (ptr);                \
		__res ? rb_entry(__res, type, member) : NULL; \
	})
#define RB_EMPTY_ROOT(root) (READ_ONCE((root)->rb_node) == NULL)
/* A node marked so is in no tree. */
#define RB_CLEAR_NODE(node) ((node)->__rb_parent_color = (unsigned long)(node))
#define RB_EMPTY_NODE(node) ((node)->__rb_parent_color == (unsigned long)(node))

/* Hang @node where the walk ended: *@link is the child pointer of @parent that was NULL. */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->__rb_parent_color = (unsigned long)parent;
	node->rb_left = node->rb_right = NULL;
	*link = node;
}

void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_erase(struct rb_node *node, struct rb_root *root);
void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *aug);
void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *aug);

/* In order; NULL at the end. */
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
/* Children before their parent: the order to free a whole tree in. */
struct rb_node *rb_first_postorder(const struct rb_root *root);
struct rb_node *rb_next_postorder(const struct rb_node *node);
/* @new_node, which compares equal, takes the place of @victim. */
void rb_replace_node(struct rb_node *victim, struct rb_node *new_node, struct rb_root *root);

#define rbtree_postorder_for_each_entry_safe(pos, n, root, field)                                \
	for (pos = rb_entry_safe(rb_first_postorder(root), __typeof__(*pos), field);             \
	     pos && ({                                                                           \
		     n = rb_entry_safe(rb_next_postorder(&pos->field), __typeof__(*pos), field); \
		     1;                                                                          \
	     });                                                                                 \
	     pos = n)

#define rb_first_cached(root) ((root)->rb_leftmost)

static inline void rb_insert_color_cached(struct rb_node *node, struct rb_root_cached *root,
					  bool leftmost)
{
	if (leftmost)
		root->rb_leftmost = node;
	rb_insert_color(node, &root->rb_root);
}

static inline void rb_insert_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
					      bool leftmost, const struct rb_augment_callbacks *aug)
{
	if (leftmost)
		root->rb_leftmost = node;
	rb_insert_augmented(node, &root->rb_root, aug);
}

/* Returns the new first node if @node was the first, else NULL. */
static inline struct rb_node *rb_erase_cached(struct rb_node *node, struct rb_root_cached *root)
{
	struct rb_node *leftmost = NULL;

	if (root->rb_leftmost == node)
		leftmost = root->rb_leftmost = rb_next(node);
	rb_erase(node, &root->rb_root);
	return leftmost;
}

static inline void rb_erase_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
					     const struct rb_augment_callbacks *aug)
{
	if (root->rb_leftmost == node)
		root->rb_leftmost = rb_next(node);
	rb_erase_augmented(node, &root->rb_root, aug);
}

static inline void rb_replace_node_cached(struct rb_node *victim, struct rb_node *new_node,
					  struct rb_root_cached *root)
{
	if (root->rb_leftmost == victim)
		root->rb_leftmost = new_node;
	rb_replace_node(victim, new_node, &root->rb_root);
}

/* Walk down and insert; equal nodes go behind those already there. */
static __always_inline void rb_add(struct rb_node *node, struct rb_root *root,
				   bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = less(node, parent) ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(node, parent, link);
	rb_insert_color(node, root);
}

/* The same; returns @node when it became the first, else NULL. */
static __always_inline struct rb_node *
rb_add_cached(struct rb_node *node, struct rb_root_cached *root,
	      bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **link = &root->rb_root.rb_node, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (less(node, parent)) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			leftmost = false;
		}
	}
	rb_link_node(node, parent, link);
	rb_insert_color_cached(node, root, leftmost);
	return leftmost ? node : NULL;
}

/* A node that compares 0, or NULL. */
static __always_inline struct rb_node *rb_find(const void *key, const struct rb_root *root,
					       int (*cmp)(const void *key, const struct rb_node *))
{
	struct rb_node *node = root->rb_node;

	while (node) {
		int c = cmp(key, node);

		if (!c)
			return node;
		node = c < 0 ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/* Insert unless an equal node is there; that one is returned then. */
static __always_inline struct rb_node *rb_find_add(struct rb_node *node, struct rb_root *root,
						   int (*cmp)(struct rb_node *,
							      const struct rb_node *))
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		int c;

		parent = *link;
		c = cmp(node, parent);
		if (!c)
			return parent;
		link = c < 0 ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(node, parent, link);
	rb_insert_color(node, root);
	return NULL;
}

/*
 * Callbacks @name for struct @type with the rb_node @field: @compute(node, exit) sets @augmented of
 * the node from itself and its children; with exit it returns true when the value was right
 * already.
 */
#define RB_DECLARE_CALLBACKS(attr, name, type, field, augmented, compute)              \
	static inline void name##_propagate(struct rb_node *rb, struct rb_node *stop)  \
	{                                                                              \
		while (rb != stop) {                                                   \
			type *__n = rb_entry(rb, type, field);                         \
			if (compute(__n, true))                                        \
				break;                                                 \
			rb = rb_parent(rb);                                            \
		}                                                                      \
	}                                                                              \
	static inline void name##_copy(struct rb_node *rb_old, struct rb_node *rb_new) \
	{                                                                              \
		rb_entry(rb_new, type, field)->augmented =                             \
			rb_entry(rb_old, type, field)->augmented;                      \
	}                                                                              \
	static void name##_rotate(struct rb_node *rb_old, struct rb_node *rb_new)      \
	{                                                                              \
		name##_copy(rb_old, rb_new);                                           \
		compute(rb_entry(rb_old, type, field), false);                         \
	}                                                                              \
	attr const struct rb_augment_callbacks name = { .propagate = name##_propagate, \
							.copy = name##_copy,           \
							.rotate = name##_rotate }

/* The common case: @augmented is the maximum over the subtree of @value(node). */
#define RB_DECLARE_CALLBACKS_MAX(attr, name, type, field, atype, augmented, value) \
	static inline bool name##_compute_max(type *node, bool exit)               \
	{                                                                          \
		atype m = value(node);                                             \
		if (node->field.rb_left) {                                         \
			type *c = rb_entry(node->field.rb_left, type, field);      \
			if (c->augmented > m)                                      \
				m = c->augmented;                                  \
		}                                                                  \
		if (node->field.rb_right) {                                        \
			type *c = rb_entry(node->field.rb_right, type, field);     \
			if (c->augmented > m)                                      \
				m = c->augmented;                                  \
		}                                                                  \
		if (exit && node->augmented == m)                                  \
			return true;                                               \
		node->augmented = m;                                               \
		return false;                                                      \
	}                                                                          \
	RB_DECLARE_CALLBACKS(attr, name, type, field, augmented, name##_compute_max)

#endif /* LIB_RBTREE_H */
