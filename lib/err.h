/*
 * Error numbers inside pointers: the last page of the address space is never mapped, so a pointer
 * into it can carry a negated errno instead of an address.
 *
 * Mirrors Linux's include/linux/err.h.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

#include "lib/errno.h"
#include "lib/types.h"

#define MAX_ERRNO 4095

#define IS_ERR_VALUE(x) unlikely((unsigned long)(void *)(x) >= (unsigned long)-MAX_ERRNO)

/* The pointer that carries @error, a negative errno. */
static __always_inline void *ERR_PTR(long error)
{
	return (void *)error;
}

/* The negative errno that @ptr carries; meaningful only when IS_ERR(@ptr). */
static __always_inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}

static __always_inline bool IS_ERR(const void *ptr)
{
	return IS_ERR_VALUE((unsigned long)ptr);
}

static __always_inline bool IS_ERR_OR_NULL(const void *ptr)
{
	return unlikely(!ptr) || IS_ERR_VALUE((unsigned long)ptr);
}

/* The same error as a pointer of another type. */
static __always_inline void *ERR_CAST(const void *ptr)
{
	return (void *)ptr;
}

/* 0 for a good pointer, else its errno. */
static __always_inline int PTR_ERR_OR_ZERO(const void *ptr)
{
	return IS_ERR(ptr) ? (int)PTR_ERR(ptr) : 0;
}

#endif /* LIB_ERR_H */
