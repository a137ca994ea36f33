/*
 * Red-black trees; the invariants and contracts are in rbtree.h.
 *
 * Rotations change links only; colours are always set in plain sight beside them. The two bodies
 * are inlined twice, once without callbacks, so a plain tree pays nothing for the augmented ones.
 *
 * Mirrors Linux's lib/rbtree.c. Exercised by tests/kernel/lib_rbtree.c.
 */
#include "lib/rbtree.h"

#define RB_BLACK 1UL

static __always_inline bool is_red(const struct rb_node *n)
{
	return n && !(n->__rb_parent_color & RB_BLACK);
}

static __always_inline void set_red(struct rb_node *n)
{
	n->__rb_parent_color &= ~RB_BLACK;
}

static __always_inline void set_black(struct rb_node *n)
{
	n->__rb_parent_color |= RB_BLACK;
}

static __always_inline void set_parent(struct rb_node *n, struct rb_node *p)
{
	n->__rb_parent_color = (unsigned long)p | (n->__rb_parent_color & RB_BLACK);
}

/* @parent's (or the root's) pointer to @old now leads to @new_node. */
static __always_inline void change_child(struct rb_node *old, struct rb_node *new_node,
					 struct rb_node *parent, struct rb_root *root)
{
	if (!parent)
		WRITE_ONCE(root->rb_node, new_node);
	else if (parent->rb_left == old)
		WRITE_ONCE(parent->rb_left, new_node);
	else
		WRITE_ONCE(parent->rb_right, new_node);
}

/* Turn around @p: with @left its right child rises and @p sinks to the left. */
static __always_inline void rotate(struct rb_root *root, struct rb_node *p, bool left,
				   const struct rb_augment_callbacks *aug)
{
	struct rb_node *c, *inner, *g = rb_parent(p);

	if (left) {
		c = p->rb_right;
		inner = c->rb_left;
		p->rb_right = inner;
		c->rb_left = p;
	} else {
		c = p->rb_left;
		inner = c->rb_right;
		p->rb_left = inner;
		c->rb_right = p;
	}
	if (inner)
		set_parent(inner, p);
	set_parent(c, g);
	change_child(p, c, g, root);
	set_parent(p, c);
	if (aug)
		aug->rotate(p, c);
}

static __always_inline void insert(struct rb_node *n, struct rb_root *root,
				   const struct rb_augment_callbacks *aug)
{
	struct rb_node *p, *g, *uncle;

	while (is_red(p = rb_parent(n))) {
		bool left;

		g = rb_parent(p); /* exists: the root is black */
		left = p == g->rb_left;
		uncle = left ? g->rb_right : g->rb_left;
		if (is_red(uncle)) {
			set_black(p);
			set_black(uncle);
			set_red(g);
			n = g;
			continue;
		}
		if (n == (left ? p->rb_right : p->rb_left)) {
			rotate(root, p, left, aug);
			p = n;
		}
		set_black(p);
		set_red(g);
		rotate(root, g, !left, aug);
		break;
	}
	set_black(root->rb_node);
}

/* The ways through @x (perhaps NULL), a child of @p, miss one black node. */
static __always_inline void erase_fixup(struct rb_root *root, struct rb_node *x, struct rb_node *p,
					const struct rb_augment_callbacks *aug)
{
	while (x != root->rb_node && !is_red(x)) {
		bool left = x == p->rb_left;
		struct rb_node *w = left ? p->rb_right : p->rb_left;
		struct rb_node *near, *far;

		if (is_red(w)) {
			set_black(w);
			set_red(p);
			rotate(root, p, left, aug);
			w = left ? p->rb_right : p->rb_left;
		}
		near = left ? w->rb_left : w->rb_right;
		far = left ? w->rb_right : w->rb_left;
		if (!is_red(near) && !is_red(far)) {
			set_red(w);
			x = p;
			p = rb_parent(x);
			continue;
		}
		if (!is_red(far)) {
			set_black(near);
			set_red(w);
			rotate(root, w, !left, aug);
			far = w;
			w = near;
		}
		if (is_red(p))
			set_red(w);
		else
			set_black(w);
		set_black(p);
		set_black(far);
		rotate(root, p, left, aug);
		return;
	}
	if (x)
		set_black(x);
}

static __always_inline void erase(struct rb_node *n, struct rb_root *root,
				  const struct rb_augment_callbacks *aug)
{
	struct rb_node *child, *parent;
	bool lost_black;

	if (!n->rb_left || !n->rb_right) {
		child = n->rb_left ? n->rb_left : n->rb_right;
		parent = rb_parent(n);
		lost_black = !is_red(n);
		if (child)
			set_parent(child, parent);
		change_child(n, child, parent, root);
		if (aug)
			aug->propagate(parent, NULL);
	} else {
		/*
		 * The successor leaves its place, where it has no left child, and takes over that
		 * of @n.
		 */
		struct rb_node *s = n->rb_right;

		while (s->rb_left)
			s = s->rb_left;
		child = s->rb_right;
		lost_black = !is_red(s);
		if (s == n->rb_right) {
			parent = s;
		} else {
			parent = rb_parent(s);
			parent->rb_left = child;
			if (child)
				set_parent(child, parent);
			s->rb_right = n->rb_right;
			set_parent(s->rb_right, s);
		}
		s->rb_left = n->rb_left;
		set_parent(s->rb_left, s);
		s->__rb_parent_color = n->__rb_parent_color;
		change_child(n, s, rb_parent(n), root);
		if (aug) {
			aug->copy(n, s);
			aug->propagate(parent, s);
			aug->propagate(s, NULL);
		}
	}
	if (lost_black)
		erase_fixup(root, child, parent, aug);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	insert(node, root, NULL);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	erase(node, root, NULL);
}

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *aug)
{
	insert(node, root, aug);
}

void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *aug)
{
	erase(node, root, aug);
}

static struct rb_node *leftmost(struct rb_node *n)
{
	while (n && n->rb_left)
		n = n->rb_left;
	return n;
}

static struct rb_node *rightmost(struct rb_node *n)
{
	while (n && n->rb_right)
		n = n->rb_right;
	return n;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return leftmost(root->rb_node);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return rightmost(root->rb_node);
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *parent;

	if (RB_EMPTY_NODE(node))
		return NULL;
	if (node->rb_right)
		return leftmost(node->rb_right);
	while ((parent = rb_parent(node)) && node == parent->rb_right)
		node = parent;
	return parent;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	struct rb_node *parent;

	if (RB_EMPTY_NODE(node))
		return NULL;
	if (node->rb_left)
		return rightmost(node->rb_left);
	while ((parent = rb_parent(node)) && node == parent->rb_left)
		node = parent;
	return parent;
}

/*
 * The first node of a postorder walk below @n: down to a leaf, to the left where there is a
 * choice.
 */
static struct rb_node *first_leaf(struct rb_node *n)
{
	while (n && (n->rb_left || n->rb_right))
		n = n->rb_left ? n->rb_left : n->rb_right;
	return n;
}

struct rb_node *rb_first_postorder(const struct rb_root *root)
{
	return first_leaf(root->rb_node);
}

struct rb_node *rb_next_postorder(const struct rb_node *node)
{
	struct rb_node *parent = node ? rb_parent(node) : NULL;

	if (parent && node == parent->rb_left && parent->rb_right)
		return first_leaf(parent->rb_right);
	return parent;
}

void rb_replace_node(struct rb_node *victim, struct rb_node *new_node, struct rb_root *root)
{
	*new_node = *victim;
	if (victim->rb_left)
		set_parent(victim->rb_left, new_node);
	if (victim->rb_right)
		set_parent(victim->rb_right, new_node);
	change_child(victim, new_node, rb_parent(victim), root);
}
