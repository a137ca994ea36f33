/*
 * Heap sort, binary search, and a bottom-up merge sort for lists.
 *
 * Heap sort because it needs neither memory nor a deep stack, and has no bad inputs.
 *
 * Mirrors Linux's lib/{sort,list_sort,bsearch}.c. Exercised by tests/kernel/lib_list.c.
 */
#include "lib/sort.h"
#include "lib/string.h"

static void swap_bytes(void *a, void *b, int size)
{
	u8 *x = a, *y = b;

	for (; size >= 8; size -= 8, x += 8, y += 8) {
		u64 s, t;

		memcpy(&s, x, 8);
		memcpy(&t, y, 8);
		memcpy(x, &t, 8);
		memcpy(y, &s, 8);
	}
	for (; size > 0; size--, x++, y++)
		swap(*x, *y);
}

struct sorter {
	u8 *base;
	size_t size;
	cmp_r_func_t cmp;
	const void *priv;
	swap_func_t swap_fn;
};

/* Let element @i sink until both children of it, among the first @n, are not greater. */
static void sift_down(const struct sorter *s, size_t i, size_t n)
{
	for (;;) {
		size_t child = 2 * i + 1;
		u8 *c = s->base + child * s->size;

		if (child >= n)
			return;
		if (child + 1 < n && s->cmp(c, c + s->size, s->priv) < 0) {
			child++;
			c += s->size;
		}
		if (s->cmp(s->base + i * s->size, c, s->priv) >= 0)
			return;
		s->swap_fn(s->base + i * s->size, c, s->size);
		i = child;
	}
}

static void heap_sort(const struct sorter *s, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(s, i, n);
	for (size_t i = n; i-- > 1;) {
		s->swap_fn(s->base, s->base + i * s->size, s->size);
		sift_down(s, 0, i);
	}
}

static int cmp_plain(const void *a, const void *b, const void *priv)
{
	return (*(const cmp_func_t *)priv)(a, b);
}

void sort(void *base, size_t n, size_t size, cmp_func_t cmp, swap_func_t swap)
{
	struct sorter s = { base, size, cmp_plain, &cmp, swap ? swap : swap_bytes };

	heap_sort(&s, n);
}

void sort_r(void *base, size_t n, size_t size, cmp_r_func_t cmp, const void *priv)
{
	struct sorter s = { base, size, cmp, priv, swap_bytes };

	heap_sort(&s, n);
}

void *bsearch(const void *key, const void *base, size_t n, size_t size, cmp_func_t cmp)
{
	const u8 *p = base;

	while (n) {
		const u8 *mid = p + n / 2 * size;
		int c = cmp(key, mid);

		if (!c)
			return (void *)mid;
		if (c > 0) {
			p = mid + size;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	return NULL;
}

typedef int (*list_cmp_t)(void *priv, const struct list_head *a, const struct list_head *b);

/* Merge two NULL-ended chains through next; on a tie @a goes first. */
static struct list_head *merge(void *priv, list_cmp_t cmp, struct list_head *a, struct list_head *b)
{
	struct list_head *head = NULL, **tail = &head;

	while (a && b) {
		struct list_head **pick = cmp(priv, a, b) <= 0 ? &a : &b;

		*tail = *pick;
		tail = &(*pick)->next;
		*pick = (*pick)->next;
	}
	*tail = a ? a : b;
	return head;
}

void list_sort(void *priv, struct list_head *head, list_cmp_t cmp)
{
	/*
	 * run[i] is a sorted chain of 2^i entries or empty; a new entry carries upwards like
	 * binary addition.
	 */
	struct list_head *run[BITS_PER_LONG] = { NULL };
	struct list_head *p = head->next, *all = NULL, *prev = head;

	while (p != head) {
		struct list_head *next = p->next, *chain = p;
		int i = 0;

		p->next = NULL;
		for (; run[i]; i++) {
			chain = merge(priv, cmp, run[i], chain);
			run[i] = NULL;
		}
		run[i] = chain;
		p = next;
	}
	for (int i = 0; i < BITS_PER_LONG; i++)
		if (run[i])
			all = merge(priv, cmp, run[i], all);
	for (p = all; p; p = p->next) {
		p->prev = prev;
		prev->next = p;
		prev = p;
	}
	prev->next = head;
	head->prev = prev;
}
