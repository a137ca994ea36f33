/*
 * The base of every file: fixed-width types, compiler attributes, and the small arithmetic macros.
 *
 * Includes nothing but the compiler's own headers, so any file of any floor may include it. All
 * macros evaluate their arguments once unless the comment beside them says otherwise.
 *
 * Mirrors Linux's include/linux/{types,compiler,minmax,align,log2,kernel}.h. Exercised by
 * tests/kernel/lib_string.c.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;

typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s8 __s8;
typedef s16 __s16;
typedef s32 __s32;
typedef s64 __s64;
/* Stored in the named byte order; convert with the *_to_cpu and cpu_to_* macros below. */
typedef u16 __le16;
typedef u32 __le32;
typedef u64 __le64;
typedef u16 __be16;
typedef u32 __be32;
typedef u64 __be64;

typedef unsigned int uint;
typedef unsigned long ulong;
typedef long ssize_t;
typedef long long loff_t;
typedef long off_t;
typedef unsigned int gfp_t;
typedef unsigned long phys_addr_t;
typedef phys_addr_t resource_size_t;
typedef phys_addr_t dma_addr_t;
typedef unsigned long pgoff_t;
typedef unsigned long sector_t;
typedef unsigned long ino_t;
typedef unsigned short umode_t;
typedef unsigned int mode_t;
typedef unsigned int nlink_t;
typedef u32 dev_t;
typedef int pid_t;
typedef unsigned int uid_t;
typedef unsigned int gid_t;
typedef int clockid_t;
typedef long time_t;
typedef s64 time64_t;
typedef s64 ktime_t;

#define U8_MAX	((u8)~0U)
#define U16_MAX ((u16)~0U)
#define U32_MAX ((u32)~0U)
#define U64_MAX ((u64)~0ULL)
#define S64_MAX ((s64)(U64_MAX >> 1))
#define S32_MAX ((s32)(U32_MAX >> 1))
#ifdef QUIRE_HOSTED
#include "lib/hosted.h"
#endif

#ifndef INT_MAX
#define INT_MAX	   ((int)(~0U >> 1))
#define INT_MIN	   (-INT_MAX - 1)
#define UINT_MAX   (~0U)
#define LONG_MAX   ((long)(~0UL >> 1))
#define LONG_MIN   (-LONG_MAX - 1)
#define ULONG_MAX  (~0UL)
#define LLONG_MAX  ((long long)(~0ULL >> 1))
#define LLONG_MIN  (-LLONG_MAX - 1)
#define ULLONG_MAX (~0ULL)
#define USHRT_MAX  ((unsigned short)~0U)
#define CHAR_BIT   8
#endif
#ifndef SIZE_MAX
#define SIZE_MAX (~(size_t)0)
#endif
#define SSIZE_MAX ((ssize_t)(SIZE_MAX >> 1))

/* The links of lib/list.h; declared here so that a struct can hold one without the helpers. */
struct list_head {
	struct list_head *next, *prev;
};
struct hlist_node {
	struct hlist_node *next, **pprev;
};
struct hlist_head {
	struct hlist_node *first;
};

/* ---- the compiler ---- */

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define barrier()     __asm__ __volatile__("" : : : "memory")
#define unreachable() __builtin_unreachable()

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif
#define noinline       __attribute__((__noinline__))
#define __noreturn     __attribute__((__noreturn__))
#define __section(s)   __attribute__((__section__(s)))
#define __used	       __attribute__((__used__))
#define __maybe_unused __attribute__((__unused__))
#define __unused       __attribute__((__unused__))
#define __packed       __attribute__((__packed__))
#define __aligned(n)   __attribute__((__aligned__(n)))
#define __must_check   __attribute__((__warn_unused_result__))
#define __printf(a, b) __attribute__((__format__(__printf__, a, b)))
#define __scanf(a, b)  __attribute__((__format__(__scanf__, a, b)))
#define __cold	       __attribute__((__cold__))
#define __pure	       __attribute__((__pure__))
#ifndef __attribute_const__
#define __attribute_const__ __attribute__((__const__))
#endif
#define __weak		  __attribute__((__weak__))
#define __malloc	  __attribute__((__malloc__))
#define __cleanup(fn)	  __attribute__((__cleanup__(fn)))
#define __same_type(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
#define fallthrough	  __attribute__((__fallthrough__))
/* A function whose accesses KASAN does not check (mm/debug/kasan_check.c). */
#ifdef CONFIG_KASAN
#define __no_kasan __attribute__((__no_sanitize__("kernel-address")))
#else
#define __no_kasan
#endif

/* Code and data that free_initmem() gives back once boot has ended. */
#define __init	    __section(".init.text") __cold
#define __initdata  __section(".init.data")
#define __initconst __section(".init.rodata")
/* Written during boot only; mapped read-only afterwards. */
#define __ro_after_init __section(".data.ro_after_init")
#define __read_mostly
#define __cacheline_aligned	     __aligned(64)
#define ____cacheline_aligned	     __aligned(64)
#define ____cacheline_aligned_in_smp __aligned(64)
#define L1_CACHE_BYTES		     64
#define SMP_CACHE_BYTES		     64

/* Marks of address spaces for the reader; they have no effect on the code. */
#define __user
#define __percpu
#define __iomem
#define __rcu
#define __force
#define __kernel

#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define data_race(x)	 (x)

/*
 * Publication between CPUs: everything written before smp_store_release() is seen by whoever reads
 * the new value with smp_load_acquire(). On x86 both are plain moves and only stop the compiler.
 */
#ifndef smp_store_release
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#endif
#ifndef smp_load_acquire
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#endif

/* ---- structures ---- */

#ifndef offsetof
#define offsetof(t, m) __builtin_offsetof(t, m)
#endif
#define sizeof_field(t, m) sizeof(((t *)0)->m)
#define offsetofend(t, m)  (offsetof(t, m) + sizeof_field(t, m))
#define container_of(ptr, type, member)                               \
	({                                                            \
		const __typeof__(((type *)0)->member) *__cof = (ptr); \
		(type *)((char *)__cof - offsetof(type, member));     \
	})
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* Bytes of a struct that ends in the flexible array @m, for @n elements; @p is not evaluated. */
#define struct_size(p, m, n)	    (sizeof(*(p)) + sizeof(*(p)->m) * (size_t)(n))
#define BUILD_BUG_ON(cond)	    _Static_assert(!(cond), #cond)
#define BUILD_BUG_ON_MSG(cond, msg) _Static_assert(!(cond), msg)
#define static_assert(cond, ...) _Static_assert(cond, #cond)

#define __stringify_1(x...) #x
#define __stringify(x...)   __stringify_1(x)
#define ___PASTE(a, b)	    a##b
#define __PASTE(a, b)	    ___PASTE(a, b)
#define __UNIQUE_ID(prefix) __PASTE(__PASTE(__uid_##prefix, _), __COUNTER__)

/* ---- arithmetic ---- */

/*
 * min and max of two scalars of the usual C common type; MIN and MAX evaluate twice and suit
 * constants.
 */
#define min(a, b)                                      \
	({                                             \
		__auto_type __min_a = (a);             \
		__auto_type __min_b = (b);             \
		__min_a < __min_b ? __min_a : __min_b; \
	})
#define max(a, b)                                      \
	({                                             \
		__auto_type __max_a = (a);             \
		__auto_type __max_b = (b);             \
		__max_a > __max_b ? __max_a : __max_b; \
	})
#define min_t(t, a, b)                                     \
	({                                                 \
		t __mint_a = (a);                          \
		t __mint_b = (b);                          \
		__mint_a < __mint_b ? __mint_a : __mint_b; \
	})
#define max_t(t, a, b)                                     \
	({                                                 \
		t __maxt_a = (a);                          \
		t __maxt_b = (b);                          \
		__maxt_a > __maxt_b ? __maxt_a : __maxt_b; \
	})
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))
#define min3(a, b, c) min(min(a, b), c)
#define max3(a, b, c) max(max(a, b), c)
#define min_not_zero(a, b)                                                                 \
	({                                                                                 \
		__auto_type __mnz_a = (a);                                                 \
		__auto_type __mnz_b = (b);                                                 \
		__mnz_a == 0 ? __mnz_b : (__mnz_b == 0 ? __mnz_a : min(__mnz_a, __mnz_b)); \
	})
#define clamp(v, lo, hi)      min(max(v, lo), hi)
#define clamp_t(t, v, lo, hi) min_t(t, max_t(t, v, lo), hi)
#define clamp_val(v, lo, hi)  clamp_t(__typeof__(v), v, lo, hi)
#define abs(x)                                    \
	({                                        \
		__auto_type __abs_x = (x);        \
		__abs_x < 0 ? -__abs_x : __abs_x; \
	})
#define swap(a, b)                            \
	do {                                  \
		__typeof__(a) __swap_t = (a); \
		(a) = (b);                    \
		(b) = __swap_t;               \
	} while (0)

/* Rounding to a power of two @a, and (roundup, rounddown) to any @n. */
#define __ALIGN_MASK(x, m)	(((x) + (m)) & ~(m))
#define ALIGN(x, a)		__ALIGN_MASK(x, (__typeof__(x))(a)-1)
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a)	(((x) & ((__typeof__(x))(a)-1)) == 0)
#define PTR_ALIGN(p, a)		((__typeof__(p))ALIGN((unsigned long)(p), (a)))
#define PTR_ALIGN_DOWN(p, a)	((__typeof__(p))ALIGN_DOWN((unsigned long)(p), (a)))
#define round_up(x, a)		((((x)-1) | ((__typeof__(x))((a)-1))) + 1)
#define round_down(x, a)	ALIGN_DOWN(x, a)
#define DIV_ROUND_UP(n, d)	(((n) + (d)-1) / (d))
#define DIV_ROUND_CLOSEST(n, d) (((n) + (d) / 2) / (d))
#define roundup(x, n)		(DIV_ROUND_UP(x, n) * (n))
#define rounddown(x, n)		((x) - ((x) % (n)))

#define BITS_PER_BYTE	   8
#define BITS_PER_LONG	   64
#define BITS_PER_LONG_LONG 64
#define BIT(n)		   (1UL << (n))
#define BIT_ULL(n)	   (1ULL << (n))
#define GENMASK(h, l)	   ((~0UL << (l)) & (~0UL >> (BITS_PER_LONG - 1 - (h))))
#define GENMASK_ULL(h, l)  ((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define upper_32_bits(n)   ((u32)(((u64)(n)) >> 32))
#define lower_32_bits(n)   ((u32)(n))

#define SZ_1K  0x400UL
#define SZ_4K  0x1000UL
#define SZ_64K 0x10000UL
#define SZ_1M  0x100000UL
#define SZ_2M  0x200000UL
#define SZ_16M 0x1000000UL
#define SZ_1G  0x40000000UL
#define SZ_4G  0x100000000UL

static __always_inline bool is_power_of_2(unsigned long n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/*
 * Floor of the binary logarithm. ilog2(0) is 0 for a variable; a constant expression when @n is
 * constant.
 */
#define ilog2(n)                                                                      \
	(__builtin_constant_p(n) ? ((n) < 2 ? 0 : 63 - __builtin_clzll((u64)(n) | 1)) \
				 : 63 - __builtin_clzll((u64)(n) | 1))
/*
 * Smallest power of two not below @n (1 for 0 and 1; @n at most 2^63), and the largest not above
 * it.
 */
#define roundup_pow_of_two(n)	((n) < 2 ? 1UL : 1UL << (ilog2((unsigned long)(n)-1) + 1))
#define rounddown_pow_of_two(n) (1UL << ilog2(n))
#define order_base_2(n)		((n) < 2 ? 0 : ilog2((unsigned long)(n)-1) + 1)

/* ---- byte order; the machine is little endian ---- */

#define swab16(x)      __builtin_bswap16(x)
#define swab32(x)      __builtin_bswap32(x)
#define swab64(x)      __builtin_bswap64(x)
#define cpu_to_le16(x) ((__le16)(x))
#define cpu_to_le32(x) ((__le32)(x))
#define cpu_to_le64(x) ((__le64)(x))
#define le16_to_cpu(x) ((u16)(x))
#define le32_to_cpu(x) ((u32)(x))
#define le64_to_cpu(x) ((u64)(x))
#define cpu_to_be16(x) swab16(x)
#define cpu_to_be32(x) swab32(x)
#define cpu_to_be64(x) swab64(x)
#define be16_to_cpu(x) swab16(x)
#define be32_to_cpu(x) swab32(x)
#define be64_to_cpu(x) swab64(x)

#endif /* LIB_TYPES_H */
