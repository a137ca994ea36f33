/*
 * Sorting and searching of arrays.
 *
 * Mirrors Linux's include/linux/{sort,bsearch}.h. Exercised by tests/kernel/lib_list.c.
 */
#ifndef LIB_SORT_H
#define LIB_SORT_H

#include "lib/list.h"
#include "lib/types.h"

typedef int (*cmp_func_t)(const void *a, const void *b);
typedef int (*cmp_r_func_t)(const void *a, const void *b, const void *priv);
typedef void (*swap_func_t)(void *a, void *b, int size);

/*
 * Sort @n elements of @size bytes: at most about 2 n log n comparisons, no memory, no recursion,
 * not stable. @swap may be NULL.
 */
void sort(void *base, size_t n, size_t size, cmp_func_t cmp, swap_func_t swap);
void sort_r(void *base, size_t n, size_t size, cmp_r_func_t cmp, const void *priv);
/* An element equal to @key in the sorted array, or NULL. */
void *bsearch(const void *key, const void *base, size_t n, size_t size, cmp_func_t cmp);
/* Stable merge sort of a list; @cmp > 0 means a belongs behind b. */
void list_sort(void *priv, struct list_head *head,
	       int (*cmp)(void *priv, const struct list_head *a, const struct list_head *b));

#endif /* LIB_SORT_H */
