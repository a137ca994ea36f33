/*
 * Doubly linked lists inside the objects they link.
 *
 * list_head: a ring through a head; an empty list points at itself, so no operation has a special
 * case.
 * hlist: the head is one pointer (hash tables); a node keeps the address of the pointer that points
 * at it, so it can leave without knowing its list. An unlinked hlist node has pprev == NULL.
 * The *_rcu forms may run beside readers that walk with the *_rcu iterators; writers still exclude
 * each other.
 *
 * Mirrors Linux's include/linux/{list,rculist}.h. Exercised by tests/kernel/lib_list.c.
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/types.h"

/* What a removed entry points at: a fault on one of these addresses means use after list_del. */
#define LIST_POISON1 ((void *)0xdead000000000100UL)
#define LIST_POISON2 ((void *)0xdead000000000122UL)

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static __always_inline void INIT_LIST_HEAD(struct list_head *l)
{
	WRITE_ONCE(l->next, l);
	l->prev = l;
}

static __always_inline void __list_add(struct list_head *n, struct list_head *prev,
				       struct list_head *next)
{
	next->prev = n;
	n->next = next;
	n->prev = prev;
	WRITE_ONCE(prev->next, n);
}

/* Right behind @head: a stack. */
static __always_inline void list_add(struct list_head *n, struct list_head *head)
{
	__list_add(n, head, head->next);
}

/* Right before @head: a queue. */
static __always_inline void list_add_tail(struct list_head *n, struct list_head *head)
{
	__list_add(n, head->prev, head);
}

static __always_inline void __list_del(struct list_head *prev, struct list_head *next)
{
	next->prev = prev;
	WRITE_ONCE(prev->next, next);
}

static __always_inline void __list_del_entry(struct list_head *e)
{
	__list_del(e->prev, e->next);
}

/* Unlink; @e must not be used as a list entry until it is added or initialised again. */
static __always_inline void list_del(struct list_head *e)
{
	__list_del_entry(e);
	e->next = LIST_POISON1;
	e->prev = LIST_POISON2;
}

/* Unlink and leave @e an empty list of its own. */
static __always_inline void list_del_init(struct list_head *e)
{
	__list_del_entry(e);
	INIT_LIST_HEAD(e);
}

/* @n takes the place of @old. */
static __always_inline void list_replace(struct list_head *old, struct list_head *n)
{
	n->next = old->next;
	n->next->prev = n;
	n->prev = old->prev;
	n->prev->next = n;
}

static __always_inline void list_replace_init(struct list_head *old, struct list_head *n)
{
	list_replace(old, n);
	INIT_LIST_HEAD(old);
}

static __always_inline void list_swap(struct list_head *a, struct list_head *b)
{
	struct list_head *pos = b->prev;

	list_del(b);
	list_replace(a, b);
	if (pos == a)
		pos = b;
	list_add(a, pos);
}

static __always_inline void list_move(struct list_head *e, struct list_head *head)
{
	__list_del_entry(e);
	list_add(e, head);
}

static __always_inline void list_move_tail(struct list_head *e, struct list_head *head)
{
	__list_del_entry(e);
	list_add_tail(e, head);
}

/* The run @first..@last, all of one list, goes to the tail of @head. */
static inline void list_bulk_move_tail(struct list_head *head, struct list_head *first,
				       struct list_head *last)
{
	first->prev->next = last->next;
	last->next->prev = first->prev;
	head->prev->next = first;
	first->prev = head->prev;
	last->next = head;
	head->prev = last;
}

static __always_inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

/* Both links point home: true only when no other CPU is in the middle of list_del_init. */
static __always_inline bool list_empty_careful(const struct list_head *head)
{
	struct list_head *next = smp_load_acquire(&head->next);

	return next == head && next == READ_ONCE(head->prev);
}

static __always_inline bool list_is_first(const struct list_head *e, const struct list_head *head)
{
	return e->prev == head;
}

static __always_inline bool list_is_last(const struct list_head *e, const struct list_head *head)
{
	return e->next == head;
}

static __always_inline bool list_is_head(const struct list_head *e, const struct list_head *head)
{
	return e == head;
}

static __always_inline bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

/* The first entry becomes the last. */
static inline void list_rotate_left(struct list_head *head)
{
	if (!list_empty(head))
		list_move_tail(head->next, head);
}

/* Make @e the first entry by moving the head. */
static inline void list_rotate_to_front(struct list_head *e, struct list_head *head)
{
	list_move_tail(head, e);
}

static inline void __list_splice(const struct list_head *list, struct list_head *prev,
				 struct list_head *next)
{
	struct list_head *first = list->next, *last = list->prev;

	first->prev = prev;
	prev->next = first;
	last->next = next;
	next->prev = last;
}

/*
 * All entries of @list go right behind @head; the head @list itself is left stale (the _init forms
 * empty it).
 */
static inline void list_splice(const struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		__list_splice(list, head, head->next);
}

static inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		__list_splice(list, head->prev, head);
}

static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list)) {
		__list_splice(list, head, head->next);
		INIT_LIST_HEAD(list);
	}
}

static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list)) {
		__list_splice(list, head->prev, head);
		INIT_LIST_HEAD(list);
	}
}

/*
 * Entries from the first up to and with @e move to @list, which is overwritten. @e == @head moves
 * none.
 */
static inline void list_cut_position(struct list_head *list, struct list_head *head,
				     struct list_head *e)
{
	struct list_head *rest = e->next;

	if (list_empty(head) || e == head) {
		INIT_LIST_HEAD(list);
		return;
	}
	list->next = head->next;
	list->next->prev = list;
	list->prev = e;
	e->next = list;
	head->next = rest;
	rest->prev = head;
}

/* Like list_cut_position, but @e stays. */
static inline void list_cut_before(struct list_head *list, struct list_head *head,
				   struct list_head *e)
{
	if (head->next == e)
		INIT_LIST_HEAD(list);
	else
		list_cut_position(list, head, e->prev);
}

static inline size_t list_count_nodes(const struct list_head *head)
{
	const struct list_head *p;
	size_t n = 0;

	for (p = head->next; p != head; p = p->next)
		n++;
	return n;
}

#define list_entry(ptr, type, member)	     container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member)                           \
	({                                                                     \
		struct list_head *__lfe_h = (head);                            \
		struct list_head *__lfe_n = READ_ONCE(__lfe_h->next);          \
		__lfe_n != __lfe_h ? list_entry(__lfe_n, type, member) : NULL; \
	})
#define list_last_entry_or_null(head, type, member)                            \
	({                                                                     \
		struct list_head *__lle_h = (head);                            \
		struct list_head *__lle_n = READ_ONCE(__lle_h->prev);          \
		__lle_n != __lle_h ? list_entry(__lle_n, type, member) : NULL; \
	})
#define list_next_entry(pos, member)	      list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member)	      list_entry((pos)->member.prev, __typeof__(*(pos)), member)
#define list_entry_is_head(pos, head, member) (&(pos)->member == (head))

/* The plain forms must not remove @pos in the body; the _safe forms may. */
#define list_for_each(p, head)	    for ((p) = (head)->next; (p) != (head); (p) = (p)->next)
#define list_for_each_prev(p, head) for ((p) = (head)->prev; (p) != (head); (p) = (p)->prev)
#define list_for_each_safe(p, n, head) \
	for ((p) = (head)->next, (n) = (p)->next; (p) != (head); (p) = (n), (n) = (p)->next)
#define list_for_each_prev_safe(p, n, head) \
	for ((p) = (head)->prev, (n) = (p)->prev; (p) != (head); (p) = (n), (n) = (p)->prev)
#define list_for_each_entry(pos, head, member)                       \
	for (pos = list_first_entry(head, __typeof__(*pos), member); \
	     !list_entry_is_head(pos, head, member); pos = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member)              \
	for (pos = list_last_entry(head, __typeof__(*pos), member); \
	     !list_entry_is_head(pos, head, member); pos = list_prev_entry(pos, member))
#define list_for_each_entry_continue(pos, head, member)                                  \
	for (pos = list_next_entry(pos, member); !list_entry_is_head(pos, head, member); \
	     pos = list_next_entry(pos, member))
#define list_for_each_entry_continue_reverse(pos, head, member)                          \
	for (pos = list_prev_entry(pos, member); !list_entry_is_head(pos, head, member); \
	     pos = list_prev_entry(pos, member))
#define list_for_each_entry_from(pos, head, member) \
	for (; !list_entry_is_head(pos, head, member); pos = list_next_entry(pos, member))
#define list_for_each_entry_from_reverse(pos, head, member) \
	for (; !list_entry_is_head(pos, head, member); pos = list_prev_entry(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)               \
	for (pos = list_first_entry(head, __typeof__(*pos), member), \
	    n = list_next_entry(pos, member);                        \
	     !list_entry_is_head(pos, head, member); pos = n, n = list_next_entry(n, member))
#define list_for_each_entry_safe_continue(pos, n, head, member)                    \
	for (pos = list_next_entry(pos, member), n = list_next_entry(pos, member); \
	     !list_entry_is_head(pos, head, member); pos = n, n = list_next_entry(n, member))
#define list_for_each_entry_safe_from(pos, n, head, member)                            \
	for (n = list_next_entry(pos, member); !list_entry_is_head(pos, head, member); \
	     pos = n, n = list_next_entry(n, member))
#define list_for_each_entry_safe_reverse(pos, n, head, member)      \
	for (pos = list_last_entry(head, __typeof__(*pos), member), \
	    n = list_prev_entry(pos, member);                       \
	     !list_entry_is_head(pos, head, member); pos = n, n = list_prev_entry(n, member))

/* ---- beside RCU readers ---- */

static __always_inline void __list_add_rcu(struct list_head *n, struct list_head *prev,
					   struct list_head *next)
{
	n->next = next;
	n->prev = prev;
	smp_store_release(&prev->next, n);
	next->prev = n;
}

static __always_inline void list_add_rcu(struct list_head *n, struct list_head *head)
{
	__list_add_rcu(n, head, head->next);
}

static __always_inline void list_add_tail_rcu(struct list_head *n, struct list_head *head)
{
	__list_add_rcu(n, head->prev, head);
}

/* Unlink but keep @e->next for readers that stand on it; free @e only after a grace period. */
static __always_inline void list_del_rcu(struct list_head *e)
{
	__list_del_entry(e);
	e->prev = LIST_POISON2;
}

static __always_inline void list_replace_rcu(struct list_head *old, struct list_head *n)
{
	n->next = old->next;
	n->prev = old->prev;
	smp_store_release(&n->prev->next, n);
	n->next->prev = n;
	old->prev = LIST_POISON2;
}

#define list_entry_rcu(ptr, type, member) container_of(READ_ONCE(ptr), type, member)
#define list_for_each_entry_rcu(pos, head, member, cond...)                \
	for (pos = list_entry_rcu((head)->next, __typeof__(*pos), member); \
	     !list_entry_is_head(pos, head, member);                       \
	     pos = list_entry_rcu(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_continue_rcu(pos, head, member)                    \
	for (pos = list_entry_rcu(pos->member.next, __typeof__(*pos), member); \
	     !list_entry_is_head(pos, head, member);                           \
	     pos = list_entry_rcu(pos->member.next, __typeof__(*pos), member))
#define list_first_or_null_rcu(head, type, member)                             \
	({                                                                     \
		struct list_head *__lfr_h = (head);                            \
		struct list_head *__lfr_n = READ_ONCE(__lfr_h->next);          \
		__lfr_n != __lfr_h ? list_entry(__lfr_n, type, member) : NULL; \
	})

/* ---- hlist ---- */

#define HLIST_HEAD_INIT       \
	{                     \
		.first = NULL \
	}
#define HLIST_HEAD(name)   struct hlist_head name = { .first = NULL }
#define INIT_HLIST_HEAD(h) ((h)->first = NULL)

static __always_inline void INIT_HLIST_NODE(struct hlist_node *n)
{
	n->next = NULL;
	n->pprev = NULL;
}

static __always_inline bool hlist_unhashed(const struct hlist_node *n)
{
	return !READ_ONCE(n->pprev);
}

static __always_inline bool hlist_empty(const struct hlist_head *h)
{
	return !READ_ONCE(h->first);
}

static __always_inline void __hlist_del(struct hlist_node *n)
{
	struct hlist_node *next = n->next, **pprev = n->pprev;

	WRITE_ONCE(*pprev, next);
	if (next)
		next->pprev = pprev;
}

static __always_inline void hlist_del(struct hlist_node *n)
{
	__hlist_del(n);
	n->next = LIST_POISON1;
	n->pprev = LIST_POISON2;
}

/* Unlink if linked. */
static __always_inline void hlist_del_init(struct hlist_node *n)
{
	if (!hlist_unhashed(n)) {
		__hlist_del(n);
		INIT_HLIST_NODE(n);
	}
}

static __always_inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
	struct hlist_node *first = h->first;

	n->next = first;
	if (first)
		first->pprev = &n->next;
	WRITE_ONCE(h->first, n);
	n->pprev = &h->first;
}

static __always_inline void hlist_add_before(struct hlist_node *n, struct hlist_node *next)
{
	n->pprev = next->pprev;
	n->next = next;
	next->pprev = &n->next;
	WRITE_ONCE(*n->pprev, n);
}

static __always_inline void hlist_add_behind(struct hlist_node *n, struct hlist_node *prev)
{
	n->next = prev->next;
	prev->next = n;
	n->pprev = &prev->next;
	if (n->next)
		n->next->pprev = &n->next;
}

static inline void hlist_move_list(struct hlist_head *old, struct hlist_head *to)
{
	to->first = old->first;
	if (to->first)
		to->first->pprev = &to->first;
	old->first = NULL;
}

static __always_inline void hlist_add_head_rcu(struct hlist_node *n, struct hlist_head *h)
{
	struct hlist_node *first = h->first;

	n->next = first;
	n->pprev = &h->first;
	smp_store_release(&h->first, n);
	if (first)
		first->pprev = &n->next;
}

static __always_inline void hlist_del_rcu(struct hlist_node *n)
{
	__hlist_del(n);
	n->pprev = LIST_POISON2;
}

static __always_inline void hlist_del_init_rcu(struct hlist_node *n)
{
	if (!hlist_unhashed(n)) {
		__hlist_del(n);
		n->pprev = NULL;
	}
}

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)                      \
	({                                                       \
		__typeof__(ptr) __hes = (ptr);                   \
		__hes ? hlist_entry(__hes, type, member) : NULL; \
	})
#define hlist_for_each(p, head) for ((p) = (head)->first; (p); (p) = (p)->next)
#define hlist_for_each_safe(p, n, head)                    \
	for ((p) = (head)->first; (p) && ({                \
					  (n) = (p)->next; \
					  1;               \
				  });                      \
	     (p) = (n))
#define hlist_for_each_entry(pos, head, member)                                      \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); pos; \
	     pos = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))
#define hlist_for_each_entry_safe(pos, n, head, member)                       \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*pos), member); \
	     pos && ({                                                        \
		     n = pos->member.next;                                    \
		     1;                                                       \
	     });                                                              \
	     pos = hlist_entry_safe(n, __typeof__(*pos), member))
#define hlist_for_each_entry_rcu(pos, head, member, cond...)                                    \
	for (pos = hlist_entry_safe(READ_ONCE((head)->first), __typeof__(*(pos)), member); pos; \
	     pos = hlist_entry_safe(READ_ONCE((pos)->member.next), __typeof__(*(pos)), member))

#endif /* LIB_LIST_H */
