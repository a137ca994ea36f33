/*
 * Interval trees: which of many closed intervals [start, last] meet a given one?
 *
 * A red-black tree ordered by start; each node also keeps the greatest last of its subtree. A
 * subtree whose greatest last lies before the query holds no answer, and in a subtree that passes
 * this test either the leftmost interval with last >= query start is the first answer or none is.
 * So the first answer takes O(log n), each next one too.
 *
 * INTERVAL_TREE_DEFINE(struct, rb member, type, subtree_last member, START(node), LAST(node),
 * static, prefix) makes
 *   prefix_insert(node, root), prefix_remove(node, root),
 *   prefix_iter_first(root, start, last), prefix_iter_next(node, start, last): in order of start,
 *   NULL at the end,
 * on a struct rb_root_cached. Locking is the caller's.
 *
 * Mirrors Linux's include/linux/interval_tree{,_generic}.h. Exercised by tests/kernel/lib_rbtree.c.
 */
#ifndef LIB_INTERVAL_TREE_H
#define LIB_INTERVAL_TREE_H

#include "lib/rbtree.h"

#define INTERVAL_TREE_DEFINE(ITSTRUCT, ITRB, ITTYPE, ITSUBTREE, ITSTART, ITLAST, ITSTATIC,      \
			     ITPREFIX)                                                          \
	RB_DECLARE_CALLBACKS_MAX(static, ITPREFIX##_augment, ITSTRUCT, ITRB, ITTYPE, ITSUBTREE, \
				 ITLAST);                                                       \
	ITSTATIC void ITPREFIX##_insert(ITSTRUCT *node, struct rb_root_cached *root)            \
	{                                                                                       \
		struct rb_node **link = &root->rb_root.rb_node, *up = NULL;                     \
		ITTYPE start = ITSTART(node), last = ITLAST(node);                              \
		bool leftmost = true;                                                           \
		while (*link) {                                                                 \
			up = *link;                                                             \
			ITSTRUCT *p = rb_entry(up, ITSTRUCT, ITRB);                             \
			if (p->ITSUBTREE < last)                                                \
				p->ITSUBTREE = last;                                            \
			if (start < ITSTART(p)) {                                               \
				link = &up->rb_left;                                            \
			} else {                                                                \
				link = &up->rb_right;                                           \
				leftmost = false;                                               \
			}                                                                       \
		}                                                                               \
		node->ITSUBTREE = last;                                                         \
		rb_link_node(&node->ITRB, up, link);                                            \
		rb_insert_augmented_cached(&node->ITRB, root, leftmost, &ITPREFIX##_augment);   \
	}                                                                                       \
	ITSTATIC void ITPREFIX##_remove(ITSTRUCT *node, struct rb_root_cached *root)            \
	{                                                                                       \
		rb_erase_augmented_cached(&node->ITRB, root, &ITPREFIX##_augment);              \
	}                                                                                       \
	/* First answer in the subtree of rb, or NULL. */                                       \
	static ITSTRUCT *ITPREFIX##_search(struct rb_node *rb, ITTYPE start, ITTYPE last)       \
	{                                                                                       \
		while (rb) {                                                                    \
			ITSTRUCT *n = rb_entry(rb, ITSTRUCT, ITRB);                             \
			if (n->ITSUBTREE < start)                                               \
				return NULL;                                                    \
			if (rb->rb_left &&                                                      \
			    rb_entry(rb->rb_left, ITSTRUCT, ITRB)->ITSUBTREE >= start) {        \
				rb = rb->rb_left;                                               \
				continue;                                                       \
			}                                                                       \
			if (ITSTART(n) > last)                                                  \
				return NULL;                                                    \
			if (ITLAST(n) >= start)                                                 \
				return n;                                                       \
			rb = rb->rb_right;                                                      \
		}                                                                               \
		return NULL;                                                                    \
	}                                                                                       \
	ITSTATIC ITSTRUCT *ITPREFIX##_iter_first(struct rb_root_cached *root, ITTYPE start,     \
						 ITTYPE last)                                   \
	{                                                                                       \
		if (!root->rb_leftmost ||                                                       \
		    ITSTART(rb_entry(root->rb_leftmost, ITSTRUCT, ITRB)) > last)                \
			return NULL;                                                            \
		return ITPREFIX##_search(root->rb_root.rb_node, start, last);                   \
	}                                                                                       \
	ITSTATIC ITSTRUCT *ITPREFIX##_iter_next(ITSTRUCT *node, ITTYPE start, ITTYPE last)      \
	{                                                                                       \
		struct rb_node *rb = &node->ITRB;                                               \
		for (;;) {                                                                      \
			struct rb_node *r = rb->rb_right, *up;                                  \
			if (r && rb_entry(r, ITSTRUCT, ITRB)->ITSUBTREE >= start)               \
				return ITPREFIX##_search(r, start, last);                       \
			while ((up = rb_parent(rb)) && rb == up->rb_right)                      \
				rb = up;                                                        \
			if (!up)                                                                \
				return NULL;                                                    \
			rb = up;                                                                \
			node = rb_entry(rb, ITSTRUCT, ITRB);                                    \
			if (ITSTART(node) > last)                                               \
				return NULL;                                                    \
			if (ITLAST(node) >= start)                                              \
				return node;                                                    \
		}                                                                               \
	}

/* A ready-made one for numbers. */
struct interval_tree_node {
	struct rb_node rb;
	unsigned long start;
	unsigned long last;
	unsigned long __subtree_last;
};

void interval_tree_insert(struct interval_tree_node *node, struct rb_root_cached *root);
void interval_tree_remove(struct interval_tree_node *node, struct rb_root_cached *root);
struct interval_tree_node *interval_tree_iter_first(struct rb_root_cached *root,
						    unsigned long start, unsigned long last);
struct interval_tree_node *interval_tree_iter_next(struct interval_tree_node *node,
						   unsigned long start, unsigned long last);

#endif /* LIB_INTERVAL_TREE_H */
