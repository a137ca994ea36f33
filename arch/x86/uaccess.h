/*
 * User memory from the kernel: every access checks the range, opens SMAP for its moment, and survives a fault.
 *
 * 1. access_ok() bounds the range to user space; the other functions call it, those with __ in front leave it to
 *    the caller.
 * 2. A fault brings the page in as for the program itself. If that is not possible, the access gives -EFAULT, or
 *    the number of bytes not copied.
 * 3. The copies may sleep. Between pagefault_disable() and pagefault_enable(), or with interrupts off, or
 *    by the _nofault and _inatomic forms, they do not: a missing page is a failure then.
 *
 * 4. The kernel's side is checked too where its length is not a constant (mm/debug/usercopy.c).
 *
 * Mirrors Linux arch/x86/include/asm/uaccess.h and arch/x86/lib/. Exercised by tests/kernel/uaccess.c and
 * tests/user/badptr.c.
 */
#pragma once

#include "arch/x86/alternative.h"
#include "arch/x86/extable.h"
#include "arch/x86/page.h"
#include "kernel/percpu.h"
#include "lib/errno.h"
#include "lib/types.h"

#define TASK_SIZE_MAX TASK_SIZE

/* Is [ptr, ptr + size) within user space? Says nothing about what is mapped there. */
static __always_inline bool __access_ok(unsigned long ptr, unsigned long size)
{
	if (__builtin_constant_p(size) && size <= PAGE_SIZE)
		return likely(ptr <= TASK_SIZE - size);
	return likely(size <= TASK_SIZE && ptr <= TASK_SIZE - size);
}
#define access_ok(ptr, size) __access_ok((unsigned long)(ptr), (size))

DECLARE_PER_CPU(unsigned int, pagefault_disabled_depth);

/* => does not sleep before pagefault_enable() */
static __always_inline void pagefault_disable(void)
{
	this_cpu_inc(pagefault_disabled_depth);
	barrier();
}

static __always_inline void pagefault_enable(void)
{
	barrier();
	this_cpu_dec(pagefault_disabled_depth);
}
#define pagefault_disabled() (this_cpu_read(pagefault_disabled_depth) != 0)

/* ---- single values ---- */

/* Moves of 1, 2, 4, 8 bytes with a fixup: err becomes -EFAULT and the value 0. */
#define __get_asm(suffix, reg, val, ptr, err)                         \
	__asm__ __volatile__("1: mov" suffix " %[mem], %" reg "[v]\n" \
			     "2:\n\t"                                 \
			     ".pushsection .fixup, \"ax\"\n"          \
			     "3: movl %[efault], %[e]\n\t"            \
			     "xorl %k[v], %k[v]\n\t"                  \
			     "jmp 2b\n\t"                             \
			     ".popsection\n\t" _ASM_EXTABLE(1b, 3b)   \
			     : [v] "=q"(val), [e] "+r"(err)           \
			     : [mem] "m"(*(ptr)), [efault] "i"(-EFAULT))

/* GCC folds no offset into a memory operand of asm goto, but into an address operand; clang knows the first only. */
#ifdef __clang__
#define __PUT_MEM      "%[mem]"
#define __put_mem(ptr) "m"(*(ptr))
#else
#define __PUT_MEM      "%a[mem]"
#define __put_mem(ptr) "p"(ptr)
#endif

/* On a fault jumps to @label. */
#define __put_asm(suffix, reg, kind, val, ptr, label)                \
	__asm__ goto("1: mov" suffix " %" reg "[v], " __PUT_MEM      \
		     "\n\t" _ASM_EXTABLE_STR("1b", "%l[" #label "]") \
		     :                                               \
		     : [v] kind(val), [mem] __put_mem(ptr)           \
		     : "memory"                                      \
		     : label)

#define __user_int(x)                                         \
	__typeof__(__builtin_choose_expr(                     \
		sizeof(x) == 1, (u8)0,                        \
		__builtin_choose_expr(sizeof(x) == 2, (u16)0, \
				      __builtin_choose_expr(sizeof(x) == 4, (u32)0, (u64)0))))

#define __get_user_sized(val, ptr, err)                                             \
	do {                                                                        \
		switch (sizeof(*(ptr))) {                                           \
		case 1:                                                             \
			__get_asm("b", "b", val, (const volatile u8 *)(ptr), err);  \
			break;                                                      \
		case 2:                                                             \
			__get_asm("w", "w", val, (const volatile u16 *)(ptr), err); \
			break;                                                      \
		case 4:                                                             \
			__get_asm("l", "k", val, (const volatile u32 *)(ptr), err); \
			break;                                                      \
		default:                                                            \
			__get_asm("q", "q", val, (const volatile u64 *)(ptr), err); \
			break;                                                      \
		}                                                                   \
	} while (0)

#define __put_user_sized(val, ptr, label)                                             \
	do {                                                                          \
		switch (sizeof(*(ptr))) {                                             \
		case 1:                                                               \
			__put_asm("b", "b", "iq", val, (volatile u8 *)(ptr), label);  \
			break;                                                        \
		case 2:                                                               \
			__put_asm("w", "w", "ir", val, (volatile u16 *)(ptr), label); \
			break;                                                        \
		case 4:                                                               \
			__put_asm("l", "k", "ir", val, (volatile u32 *)(ptr), label); \
			break;                                                        \
		default:                                                              \
			__put_asm("q", "q", "er", val, (volatile u64 *)(ptr), label); \
			break;                                                        \
		}                                                                     \
	} while (0)

#define __user_size_check(x) \
	BUILD_BUG_ON(sizeof(x) != 1 && sizeof(x) != 2 && sizeof(x) != 4 && sizeof(x) != 8)

/* x = *ptr: 0 or -EFAULT (x is 0 then). The caller has checked the range. */
#define __get_user(x, ptr)                                         \
	({                                                         \
		__user_int(*(ptr)) __gu_val;                       \
		int __gu_err = 0;                                  \
		__user_size_check(*(ptr));                         \
		stac();                                            \
		__get_user_sized(__gu_val, (ptr), __gu_err);       \
		clac();                                            \
		(x) = (__typeof__(*(ptr)))(unsigned long)__gu_val; \
		__gu_err;                                          \
	})

/* x = *ptr, integers and pointers of up to 8 bytes: 0 or -EFAULT. => may sleep */
#define get_user(x, ptr)                                        \
	({                                                      \
		__typeof__(*(ptr)) const __user *__gup = (ptr); \
		int __gur = -EFAULT;                            \
		if (access_ok(__gup, sizeof(*__gup)))           \
			__gur = __get_user(x, __gup);           \
		else                                            \
			(x) = (__typeof__(*(ptr)))0;            \
		__gur;                                          \
	})

/* *ptr = x. Both forms as above. */
#define __put_user(x, ptr)                                                               \
	({                                                                               \
		__label__ __pu_fault, __pu_done;                                         \
		int __pu_err = -EFAULT;                                                  \
		__typeof__(*(ptr)) __pu_x = (x);                                         \
		__user_int(*(ptr)) __pu_val = (__user_int(*(ptr)))(unsigned long)__pu_x; \
		__user_size_check(*(ptr));                                               \
		stac();                                                                  \
		__put_user_sized(__pu_val, (ptr), __pu_fault);                           \
		clac();                                                                  \
		__pu_err = 0;                                                            \
		goto __pu_done;                                                          \
__pu_fault:                                                                              \
		clac();                                                                  \
__pu_done:;                                                                              \
		__pu_err;                                                                \
	})

#define put_user(x, ptr)                                                           \
	({                                                                         \
		__typeof__(*(ptr)) __user *__pup = (ptr);                          \
		access_ok(__pup, sizeof(*__pup)) ? __put_user(x, __pup) : -EFAULT; \
	})

/*
 * Several values in one go: begin (checks the range, opens), any number of unsafe_ accesses, end. A fault jumps
 * to the label, which must call user_access_end() too. Nothing else is called in between.
 */
static __always_inline bool user_access_begin(const void __user *ptr, size_t len)
{
	if (unlikely(!access_ok(ptr, len)))
		return false;
	stac();
	return true;
}
#define user_access_end() clac()
#define unsafe_put_user(x, ptr, label)                                                   \
	do {                                                                             \
		__user_size_check(*(ptr));                                               \
		__typeof__(*(ptr)) __up_x = (x);                                         \
		__user_int(*(ptr)) __up_val = (__user_int(*(ptr)))(unsigned long)__up_x; \
		__put_user_sized(__up_val, (ptr), label);                                \
	} while (0)
#define unsafe_get_user(x, ptr, label)                             \
	do {                                                       \
		__user_int(*(ptr)) __ug_val;                       \
		int __ug_err = 0;                                  \
		__user_size_check(*(ptr));                         \
		__get_user_sized(__ug_val, (ptr), __ug_err);       \
		(x) = (__typeof__(*(ptr)))(unsigned long)__ug_val; \
		if (unlikely(__ug_err))                            \
			goto label;                                \
	} while (0)

/* ---- blocks; each gives the number of bytes that were not copied, 0 for success ---- */

/* Any two addresses, one of them user's, the range checked by the caller. In uaccess_copy.S. */
unsigned long __copy_user(void *to, const void *from, unsigned long n);
unsigned long __clear_user(void __user *to, unsigned long n);

#define __copy_from_user(to, from, n) __copy_user((to), (const void *)(from), (n))
#define __copy_to_user(to, from, n)   __copy_user((void *)(to), (from), (n))
/* => between pagefault_disable() and pagefault_enable() */
#define __copy_from_user_inatomic(to, from, n) __copy_from_user((to), (from), (n))
#define __copy_to_user_inatomic(to, from, n)   __copy_to_user((to), (from), (n))

/* mm/debug/usercopy.c: does not return if [object, object + n) crosses the bounds of what it lies in. */
extern bool usercopy_checks;
void __check_object_size(const void *object, unsigned long n, bool to_user)
#if __has_attribute(access)
	__attribute__((access(none,
			      1))) /* only the address counts: a buffer may be uninitialised */
#endif
	;

static __always_inline void check_object_size(const void *object, unsigned long n, bool to_user)
{
	if (!__builtin_constant_p(n) && likely(usercopy_checks))
		__check_object_size(object, n, to_user);
}

#ifdef CONFIG_KASAN
bool kasan_check_range(const void *addr, size_t size, bool write, unsigned long ip)
#if __has_attribute(access)
	__attribute__((access(none, 1))) /* as below */
#endif
	;
/* May the kernel's side be written (or read)? If not that was reported, and nothing is copied. */
#define kernel_side_ok(p, n, write)                                                         \
	({                                                                                  \
		unsigned long __ip;                                                         \
		__asm__("leaq 0(%%rip), %0" : "=r"(__ip)); /* who copies, for the report */ \
		kasan_check_range((p), (n), (write), __ip);                                 \
	})
#else
#define kernel_side_ok(p, n, write) true
#endif

/* What could not be copied is zeroed in the kernel's buffer. */
unsigned long copy_from_user_failed(void *to, unsigned long n, unsigned long left) __cold;

/* The two with _ in front: the caller has bounded the kernel's side itself, to a page of a file or a pipe. */
static __always_inline __must_check unsigned long _copy_from_user(void *to, const void __user *from,
								  unsigned long n)
{
	unsigned long left = n;

	if (!kernel_side_ok(to, n, true))
		return n;
	if (access_ok(from, n))
		left = __copy_from_user(to, from, n);
	return likely(!left) ? 0 : copy_from_user_failed(to, n, left);
}

static __always_inline __must_check unsigned long copy_from_user(void *to, const void __user *from,
								 unsigned long n)
{
	check_object_size(to, n, false);
	return _copy_from_user(to, from, n);
}

static __always_inline __must_check unsigned long _copy_to_user(void __user *to, const void *from,
								unsigned long n)
{
	if (!kernel_side_ok(from, n, false))
		return n;
	return access_ok(to, n) ? __copy_to_user(to, from, n) : n;
}

static __always_inline __must_check unsigned long copy_to_user(void __user *to, const void *from,
							       unsigned long n)
{
	check_object_size(from, n, true);
	return _copy_to_user(to, from, n);
}

static __always_inline __must_check unsigned long clear_user(void __user *to, unsigned long n)
{
	return access_ok(to, n) ? __clear_user(to, n) : n;
}

/* Never sleep, for callers that hold what the fault handler may want (a folio's lock): bytes not copied. */
static __always_inline __must_check unsigned long
copy_from_user_inatomic(void *to, const void __user *from, unsigned long n)
{
	unsigned long left = n;

	if (kernel_side_ok(to, n, true) && access_ok(from, n)) {
		pagefault_disable();
		left = __copy_from_user(to, from, n);
		pagefault_enable();
	}
	return left;
}

static __always_inline __must_check unsigned long
copy_to_user_inatomic(void __user *to, const void *from, unsigned long n)
{
	unsigned long left = n;

	if (kernel_side_ok(from, n, false) && access_ok(to, n)) {
		pagefault_disable();
		left = __copy_to_user(to, from, n);
		pagefault_enable();
	}
	return left;
}

/* Copies in fresh kernel memory (kfree). ERR_PTR: -EFAULT, -ENOMEM; a string longer than @n - 1: -EINVAL. kernel/usercopy.c */
char *strndup_user(const char __user *s, long n);
void *memdup_user(const void __user *src, size_t len);
void *memdup_user_nul(const void __user *src, size_t len); /* with a terminator behind it */

/*
 * Copies a string of at most @count bytes, terminator included: its length, without it; @count if there is no
 * terminator in @count bytes (the buffer is then full and not terminated); -EFAULT.
 */
long strncpy_from_user(char *dst, const char __user *src, long count);
/* Length of a string, terminator included; a value above @count if longer than that; 0 on a fault. */
long strnlen_user(const char __user *str, long count);

/* Never sleep; 0 or -EFAULT. For kernel addresses that may be bad, or user ones from any context. */
int copy_from_kernel_nofault(void *dst, const void *src, size_t size);
int copy_to_kernel_nofault(void *dst, const void *src, size_t size);
int copy_from_user_nofault(void *dst, const void __user *src, size_t size);
int copy_to_user_nofault(void __user *dst, const void *src, size_t size);
#define get_kernel_nofault(val, ptr) copy_from_kernel_nofault(&(val), (ptr), sizeof(val))

/* Copies a struct of a size that user space knows (clone3): the rest zero, or -E2BIG if it knows more and means it. */
int copy_struct_from_user(void *dst, size_t ksize, const void __user *src, size_t usize);

/* ---- futex words: aligned u32, no sleeping; 0, -EFAULT ---- */

/* Compares and exchanges; *uval is what was found. */
int futex_atomic_cmpxchg_inatomic(u32 *uval, u32 __user *uaddr, u32 oldval, u32 newval);
/* FUTEX_OP_SET 0, ADD 1, OR 2, ANDN 3, XOR 4; *oval is the old value. -ENOSYS for another @op. */
int arch_futex_atomic_op_inuser(int op, u32 oparg, int *oval, u32 __user *uaddr);
