/*
 * Atomic integers, reference counts, and exchange operations on any word.
 *
 * 1. atomic_t (int), atomic64_t (s64) and atomic_long_t (long) have the same operations, made from one
 *    macro. Operations that return a value are full barriers; those that do not order nothing but the
 *    compiler in principle, and are full barriers on x86 too. The _relaxed, _acquire and _release
 *    forms exist because they tell the reader what is needed; they cost the same.
 * 2. Arithmetic wraps.
 * 3. refcount_t never wraps: past its middle it sticks (a leak instead of a use after free).
 *
 * Mirrors Linux include/linux/{atomic,refcount}.h. Exercised by tests/kernel/atomic.c.
 */
#pragma once

#include "arch/x86/barrier.h"
#include "lib/types.h"

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	s64 counter;
} atomic64_t;
typedef struct {
	long counter;
} atomic_long_t;

#define ATOMIC_INIT(i) \
	{              \
		(i)    \
	}
#define ATOMIC64_INIT(i) \
	{                \
		(i)      \
	}
#define ATOMIC_LONG_INIT(i) \
	{                   \
		(i)         \
	}

/* ---- any object of 1, 2, 4 or 8 bytes ---- */

#define xchg(ptr, v) __atomic_exchange_n((ptr), (v), __ATOMIC_SEQ_CST)
/* The value found; the exchange happened if that is @old. */
#define cmpxchg(ptr, old, new)                                                                \
	({                                                                                    \
		__typeof__(*(ptr)) __cx_old = (old);                                          \
		__atomic_compare_exchange_n((ptr), &__cx_old, (new), false, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                                \
		__cx_old;                                                                     \
	})
/* True if exchanged; else *oldp is updated to the value found. */
#define try_cmpxchg(ptr, oldp, new) \
	__atomic_compare_exchange_n((ptr), (oldp), (new), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
/* The value before the addition. */
#define xadd(ptr, v)			    __atomic_fetch_add((ptr), (v), __ATOMIC_SEQ_CST)
#define cmpxchg_acquire(ptr, old, new)	    cmpxchg(ptr, old, new)
#define cmpxchg_release(ptr, old, new)	    cmpxchg(ptr, old, new)
#define cmpxchg_relaxed(ptr, old, new)	    cmpxchg(ptr, old, new)
#define try_cmpxchg_acquire(ptr, oldp, new) try_cmpxchg(ptr, oldp, new)
#define try_cmpxchg_release(ptr, oldp, new) try_cmpxchg(ptr, oldp, new)
#define xchg_acquire(ptr, v)		    xchg(ptr, v)
#define xchg_release(ptr, v)		    xchg(ptr, v)
#define xchg_relaxed(ptr, v)		    xchg(ptr, v)

/*
 * pfx_fetch_OP gives the old value, pfx_OP_return the new one. pfx_fetch_add_unless(v, a, u) adds a
 * unless the value is u and gives the old value; pfx_dec_if_positive gives the old value less one,
 * negative when nothing was changed.
 */
#define __BUILD_ATOMIC(pfx, T, I)                                                 \
	static __always_inline I pfx##_read(const T *v)                           \
	{                                                                         \
		return READ_ONCE(v->counter);                                     \
	}                                                                         \
	static __always_inline I pfx##_read_acquire(const T *v)                   \
	{                                                                         \
		return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);            \
	}                                                                         \
	static __always_inline void pfx##_set(T *v, I i)                          \
	{                                                                         \
		WRITE_ONCE(v->counter, i);                                        \
	}                                                                         \
	static __always_inline void pfx##_set_release(T *v, I i)                  \
	{                                                                         \
		__atomic_store_n(&v->counter, i, __ATOMIC_RELEASE);               \
	}                                                                         \
	static __always_inline void pfx##_add(I i, T *v)                          \
	{                                                                         \
		(void)__atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);       \
	}                                                                         \
	static __always_inline void pfx##_sub(I i, T *v)                          \
	{                                                                         \
		(void)__atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);       \
	}                                                                         \
	static __always_inline void pfx##_and(I i, T *v)                          \
	{                                                                         \
		(void)__atomic_and_fetch(&v->counter, i, __ATOMIC_SEQ_CST);       \
	}                                                                         \
	static __always_inline void pfx##_or(I i, T *v)                           \
	{                                                                         \
		(void)__atomic_or_fetch(&v->counter, i, __ATOMIC_SEQ_CST);        \
	}                                                                         \
	static __always_inline void pfx##_xor(I i, T *v)                          \
	{                                                                         \
		(void)__atomic_xor_fetch(&v->counter, i, __ATOMIC_SEQ_CST);       \
	}                                                                         \
	static __always_inline void pfx##_andnot(I i, T *v)                       \
	{                                                                         \
		(void)__atomic_and_fetch(&v->counter, ~i, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline void pfx##_inc(T *v)                               \
	{                                                                         \
		(void)__atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);       \
	}                                                                         \
	static __always_inline void pfx##_dec(T *v)                               \
	{                                                                         \
		(void)__atomic_sub_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);       \
	}                                                                         \
	static __always_inline I pfx##_add_return(I i, T *v)                      \
	{                                                                         \
		return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_sub_return(I i, T *v)                      \
	{                                                                         \
		return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_inc_return(T *v)                           \
	{                                                                         \
		return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_dec_return(T *v)                           \
	{                                                                         \
		return __atomic_sub_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_fetch_add(I i, T *v)                       \
	{                                                                         \
		return __atomic_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_fetch_sub(I i, T *v)                       \
	{                                                                         \
		return __atomic_fetch_sub(&v->counter, i, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_fetch_and(I i, T *v)                       \
	{                                                                         \
		return __atomic_fetch_and(&v->counter, i, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_fetch_or(I i, T *v)                        \
	{                                                                         \
		return __atomic_fetch_or(&v->counter, i, __ATOMIC_SEQ_CST);       \
	}                                                                         \
	static __always_inline I pfx##_fetch_xor(I i, T *v)                       \
	{                                                                         \
		return __atomic_fetch_xor(&v->counter, i, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_fetch_andnot(I i, T *v)                    \
	{                                                                         \
		return __atomic_fetch_and(&v->counter, ~i, __ATOMIC_SEQ_CST);     \
	}                                                                         \
	static __always_inline I pfx##_fetch_inc(T *v)                            \
	{                                                                         \
		return __atomic_fetch_add(&v->counter, 1, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline I pfx##_fetch_dec(T *v)                            \
	{                                                                         \
		return __atomic_fetch_sub(&v->counter, 1, __ATOMIC_SEQ_CST);      \
	}                                                                         \
	static __always_inline bool pfx##_sub_and_test(I i, T *v)                 \
	{                                                                         \
		return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST) == 0; \
	}                                                                         \
	static __always_inline bool pfx##_dec_and_test(T *v)                      \
	{                                                                         \
		return __atomic_sub_fetch(&v->counter, 1, __ATOMIC_SEQ_CST) == 0; \
	}                                                                         \
	static __always_inline bool pfx##_inc_and_test(T *v)                      \
	{                                                                         \
		return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST) == 0; \
	}                                                                         \
	static __always_inline bool pfx##_add_negative(I i, T *v)                 \
	{                                                                         \
		return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST) < 0;  \
	}                                                                         \
	static __always_inline I pfx##_xchg(T *v, I n)                            \
	{                                                                         \
		return xchg(&v->counter, n);                                      \
	}                                                                         \
	static __always_inline I pfx##_cmpxchg(T *v, I old, I n)                  \
	{                                                                         \
		return cmpxchg(&v->counter, old, n);                              \
	}                                                                         \
	static __always_inline bool pfx##_try_cmpxchg(T *v, I *old, I n)          \
	{                                                                         \
		return try_cmpxchg(&v->counter, old, n);                          \
	}                                                                         \
	static __always_inline I pfx##_fetch_add_unless(T *v, I a, I u)           \
	{                                                                         \
		I c = READ_ONCE(v->counter);                                      \
                                                                                  \
		while (c != u && !try_cmpxchg(&v->counter, &c, c + a))            \
			;                                                         \
		return c;                                                         \
	}                                                                         \
	static __always_inline bool pfx##_add_unless(T *v, I a, I u)              \
	{                                                                         \
		return pfx##_fetch_add_unless(v, a, u) != u;                      \
	}                                                                         \
	static __always_inline bool pfx##_inc_not_zero(T *v)                      \
	{                                                                         \
		return pfx##_fetch_add_unless(v, 1, 0) != 0;                      \
	}                                                                         \
	static __always_inline bool pfx##_inc_unless_negative(T *v)               \
	{                                                                         \
		I c = READ_ONCE(v->counter);                                      \
                                                                                  \
		while (c >= 0 && !try_cmpxchg(&v->counter, &c, c + 1))            \
			;                                                         \
		return c >= 0;                                                    \
	}                                                                         \
	static __always_inline bool pfx##_dec_unless_positive(T *v)               \
	{                                                                         \
		I c = READ_ONCE(v->counter);                                      \
		while (c <= 0 && !try_cmpxchg(&v->counter, &c, c - 1))            \
			;                                                         \
		return c <= 0;                                                    \
	}                                                                         \
	static __always_inline I pfx##_dec_if_positive(T *v)                      \
	{                                                                         \
		I c = READ_ONCE(v->counter);                                      \
                                                                                  \
		while (c > 0 && !try_cmpxchg(&v->counter, &c, c - 1))             \
			;                                                         \
		return c - 1;                                                     \
	}

__BUILD_ATOMIC(atomic, atomic_t, int)
__BUILD_ATOMIC(atomic64, atomic64_t, s64)
__BUILD_ATOMIC(atomic_long, atomic_long_t, long)
#undef __BUILD_ATOMIC

#define atomic_add_return_relaxed(i, v)		   atomic_add_return((i), (v))
#define atomic_add_return_acquire(i, v)		   atomic_add_return((i), (v))
#define atomic_add_return_release(i, v)		   atomic_add_return((i), (v))
#define atomic_sub_return_relaxed(i, v)		   atomic_sub_return((i), (v))
#define atomic_sub_return_acquire(i, v)		   atomic_sub_return((i), (v))
#define atomic_sub_return_release(i, v)		   atomic_sub_return((i), (v))
#define atomic_fetch_add_relaxed(i, v)		   atomic_fetch_add((i), (v))
#define atomic_fetch_add_acquire(i, v)		   atomic_fetch_add((i), (v))
#define atomic_fetch_add_release(i, v)		   atomic_fetch_add((i), (v))
#define atomic_fetch_sub_relaxed(i, v)		   atomic_fetch_sub((i), (v))
#define atomic_fetch_sub_acquire(i, v)		   atomic_fetch_sub((i), (v))
#define atomic_fetch_sub_release(i, v)		   atomic_fetch_sub((i), (v))
#define atomic_fetch_or_relaxed(i, v)		   atomic_fetch_or((i), (v))
#define atomic_fetch_or_acquire(i, v)		   atomic_fetch_or((i), (v))
#define atomic_fetch_or_release(i, v)		   atomic_fetch_or((i), (v))
#define atomic_fetch_and_relaxed(i, v)		   atomic_fetch_and((i), (v))
#define atomic_fetch_and_acquire(i, v)		   atomic_fetch_and((i), (v))
#define atomic_fetch_and_release(i, v)		   atomic_fetch_and((i), (v))
#define atomic_inc_return_relaxed(v)		   atomic_inc_return(v)
#define atomic_inc_return_acquire(v)		   atomic_inc_return(v)
#define atomic_inc_return_release(v)		   atomic_inc_return(v)
#define atomic_dec_return_relaxed(v)		   atomic_dec_return(v)
#define atomic_dec_return_acquire(v)		   atomic_dec_return(v)
#define atomic_dec_return_release(v)		   atomic_dec_return(v)
#define atomic_fetch_inc_relaxed(v)		   atomic_fetch_inc(v)
#define atomic_fetch_inc_acquire(v)		   atomic_fetch_inc(v)
#define atomic_fetch_inc_release(v)		   atomic_fetch_inc(v)
#define atomic_xchg_relaxed(v, n)		   atomic_xchg((v), (n))
#define atomic_cmpxchg_relaxed(v, old, n)	   atomic_cmpxchg((v), (old), (n))
#define atomic_try_cmpxchg_relaxed(v, old, n)	   atomic_try_cmpxchg((v), (old), (n))
#define atomic_xchg_acquire(v, n)		   atomic_xchg((v), (n))
#define atomic_cmpxchg_acquire(v, old, n)	   atomic_cmpxchg((v), (old), (n))
#define atomic_try_cmpxchg_acquire(v, old, n)	   atomic_try_cmpxchg((v), (old), (n))
#define atomic_xchg_release(v, n)		   atomic_xchg((v), (n))
#define atomic_cmpxchg_release(v, old, n)	   atomic_cmpxchg((v), (old), (n))
#define atomic_try_cmpxchg_release(v, old, n)	   atomic_try_cmpxchg((v), (old), (n))
#define atomic64_add_return_relaxed(i, v)	   atomic64_add_return((i), (v))
#define atomic64_add_return_acquire(i, v)	   atomic64_add_return((i), (v))
#define atomic64_add_return_release(i, v)	   atomic64_add_return((i), (v))
#define atomic64_sub_return_relaxed(i, v)	   atomic64_sub_return((i), (v))
#define atomic64_sub_return_acquire(i, v)	   atomic64_sub_return((i), (v))
#define atomic64_sub_return_release(i, v)	   atomic64_sub_return((i), (v))
#define atomic64_fetch_add_relaxed(i, v)	   atomic64_fetch_add((i), (v))
#define atomic64_fetch_add_acquire(i, v)	   atomic64_fetch_add((i), (v))
#define atomic64_fetch_add_release(i, v)	   atomic64_fetch_add((i), (v))
#define atomic64_fetch_sub_relaxed(i, v)	   atomic64_fetch_sub((i), (v))
#define atomic64_fetch_sub_acquire(i, v)	   atomic64_fetch_sub((i), (v))
#define atomic64_fetch_sub_release(i, v)	   atomic64_fetch_sub((i), (v))
#define atomic64_fetch_or_relaxed(i, v)		   atomic64_fetch_or((i), (v))
#define atomic64_fetch_or_acquire(i, v)		   atomic64_fetch_or((i), (v))
#define atomic64_fetch_or_release(i, v)		   atomic64_fetch_or((i), (v))
#define atomic64_fetch_and_relaxed(i, v)	   atomic64_fetch_and((i), (v))
#define atomic64_fetch_and_acquire(i, v)	   atomic64_fetch_and((i), (v))
#define atomic64_fetch_and_release(i, v)	   atomic64_fetch_and((i), (v))
#define atomic64_inc_return_relaxed(v)		   atomic64_inc_return(v)
#define atomic64_inc_return_acquire(v)		   atomic64_inc_return(v)
#define atomic64_inc_return_release(v)		   atomic64_inc_return(v)
#define atomic64_dec_return_relaxed(v)		   atomic64_dec_return(v)
#define atomic64_dec_return_acquire(v)		   atomic64_dec_return(v)
#define atomic64_dec_return_release(v)		   atomic64_dec_return(v)
#define atomic64_fetch_inc_relaxed(v)		   atomic64_fetch_inc(v)
#define atomic64_fetch_inc_acquire(v)		   atomic64_fetch_inc(v)
#define atomic64_fetch_inc_release(v)		   atomic64_fetch_inc(v)
#define atomic64_xchg_relaxed(v, n)		   atomic64_xchg((v), (n))
#define atomic64_cmpxchg_relaxed(v, old, n)	   atomic64_cmpxchg((v), (old), (n))
#define atomic64_try_cmpxchg_relaxed(v, old, n)	   atomic64_try_cmpxchg((v), (old), (n))
#define atomic64_xchg_acquire(v, n)		   atomic64_xchg((v), (n))
#define atomic64_cmpxchg_acquire(v, old, n)	   atomic64_cmpxchg((v), (old), (n))
#define atomic64_try_cmpxchg_acquire(v, old, n)	   atomic64_try_cmpxchg((v), (old), (n))
#define atomic64_xchg_release(v, n)		   atomic64_xchg((v), (n))
#define atomic64_cmpxchg_release(v, old, n)	   atomic64_cmpxchg((v), (old), (n))
#define atomic64_try_cmpxchg_release(v, old, n)	   atomic64_try_cmpxchg((v), (old), (n))
#define atomic_long_add_return_relaxed(i, v)	   atomic_long_add_return((i), (v))
#define atomic_long_add_return_acquire(i, v)	   atomic_long_add_return((i), (v))
#define atomic_long_add_return_release(i, v)	   atomic_long_add_return((i), (v))
#define atomic_long_sub_return_relaxed(i, v)	   atomic_long_sub_return((i), (v))
#define atomic_long_sub_return_acquire(i, v)	   atomic_long_sub_return((i), (v))
#define atomic_long_sub_return_release(i, v)	   atomic_long_sub_return((i), (v))
#define atomic_long_fetch_add_relaxed(i, v)	   atomic_long_fetch_add((i), (v))
#define atomic_long_fetch_add_acquire(i, v)	   atomic_long_fetch_add((i), (v))
#define atomic_long_fetch_add_release(i, v)	   atomic_long_fetch_add((i), (v))
#define atomic_long_fetch_sub_relaxed(i, v)	   atomic_long_fetch_sub((i), (v))
#define atomic_long_fetch_sub_acquire(i, v)	   atomic_long_fetch_sub((i), (v))
#define atomic_long_fetch_sub_release(i, v)	   atomic_long_fetch_sub((i), (v))
#define atomic_long_fetch_or_relaxed(i, v)	   atomic_long_fetch_or((i), (v))
#define atomic_long_fetch_or_acquire(i, v)	   atomic_long_fetch_or((i), (v))
#define atomic_long_fetch_or_release(i, v)	   atomic_long_fetch_or((i), (v))
#define atomic_long_fetch_and_relaxed(i, v)	   atomic_long_fetch_and((i), (v))
#define atomic_long_fetch_and_acquire(i, v)	   atomic_long_fetch_and((i), (v))
#define atomic_long_fetch_and_release(i, v)	   atomic_long_fetch_and((i), (v))
#define atomic_long_inc_return_relaxed(v)	   atomic_long_inc_return(v)
#define atomic_long_inc_return_acquire(v)	   atomic_long_inc_return(v)
#define atomic_long_inc_return_release(v)	   atomic_long_inc_return(v)
#define atomic_long_dec_return_relaxed(v)	   atomic_long_dec_return(v)
#define atomic_long_dec_return_acquire(v)	   atomic_long_dec_return(v)
#define atomic_long_dec_return_release(v)	   atomic_long_dec_return(v)
#define atomic_long_fetch_inc_relaxed(v)	   atomic_long_fetch_inc(v)
#define atomic_long_fetch_inc_acquire(v)	   atomic_long_fetch_inc(v)
#define atomic_long_fetch_inc_release(v)	   atomic_long_fetch_inc(v)
#define atomic_long_xchg_relaxed(v, n)		   atomic_long_xchg((v), (n))
#define atomic_long_cmpxchg_relaxed(v, old, n)	   atomic_long_cmpxchg((v), (old), (n))
#define atomic_long_try_cmpxchg_relaxed(v, old, n) atomic_long_try_cmpxchg((v), (old), (n))
#define atomic_long_xchg_acquire(v, n)		   atomic_long_xchg((v), (n))
#define atomic_long_cmpxchg_acquire(v, old, n)	   atomic_long_cmpxchg((v), (old), (n))
#define atomic_long_try_cmpxchg_acquire(v, old, n) atomic_long_try_cmpxchg((v), (old), (n))
#define atomic_long_xchg_release(v, n)		   atomic_long_xchg((v), (n))
#define atomic_long_cmpxchg_release(v, old, n)	   atomic_long_cmpxchg((v), (old), (n))
#define atomic_long_try_cmpxchg_release(v, old, n) atomic_long_try_cmpxchg((v), (old), (n))

/* ---- reference counts ---- */

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

#define REFCOUNT_INIT(n)               \
	{                              \
		.refs = ATOMIC_INIT(n) \
	}
#define REFCOUNT_MAX	   INT_MAX
#define REFCOUNT_SATURATED (INT_MIN / 2)

static __always_inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}

static __always_inline unsigned int refcount_read(const refcount_t *r)
{
	return atomic_read(&r->refs);
}

/* The caller holds a reference already. A count that was 0 or has overflowed sticks. */
static __always_inline void refcount_add(int i, refcount_t *r)
{
	int old = atomic_fetch_add(i, &r->refs);

	if (unlikely(old <= 0 || old + i < 0))
		atomic_set(&r->refs, REFCOUNT_SATURATED);
}

static __always_inline void refcount_inc(refcount_t *r)
{
	refcount_add(1, r);
}

/* False, and no reference taken, if the object is already dying. */
static __always_inline bool refcount_add_not_zero(int i, refcount_t *r)
{
	int old = atomic_fetch_add_unless(&r->refs, i, 0);

	if (unlikely(old < 0 || old + i < 0))
		atomic_set(&r->refs, REFCOUNT_SATURATED);
	return old != 0;
}

static __always_inline bool refcount_inc_not_zero(refcount_t *r)
{
	return refcount_add_not_zero(1, r);
}

/* True if that was the last reference: the caller frees. */
static __always_inline bool refcount_sub_and_test(int i, refcount_t *r)
{
	int old = atomic_fetch_sub(i, &r->refs);

	if (likely(old > i))
		return false;
	if (old == i)
		return true;
	atomic_set(&r->refs, REFCOUNT_SATURATED);
	return false;
}

static __always_inline bool refcount_dec_and_test(refcount_t *r)
{
	return refcount_sub_and_test(1, r);
}

/* Drops a reference that is known not to be the last. */
static __always_inline void refcount_dec(refcount_t *r)
{
	if (unlikely(atomic_fetch_sub(1, &r->refs) <= 1))
		atomic_set(&r->refs, REFCOUNT_SATURATED);
}

/* True, and the count is then 0, only if it was 1. */
static __always_inline bool refcount_dec_if_one(refcount_t *r)
{
	int one = 1;

	return atomic_try_cmpxchg(&r->refs, &one, 0);
}

static __always_inline bool refcount_dec_not_one(refcount_t *r)
{
	return atomic_add_unless(&r->refs, -1, 1);
}
