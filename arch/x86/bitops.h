/*
 * Atomic operations on single bits of arrays of unsigned long.
 *
 * All are full barriers between CPUs unless the name says otherwise (x86 gives that for nothing). The
 * non-atomic __set_bit() family, test_bit() and the searches come from lib/bitmap.h.
 *
 * Mirrors Linux arch/x86/include/asm/bitops.h. Exercised by tests/kernel/atomic.c.
 */
#pragma once

#include "lib/bitmap.h"
#include "lib/types.h"

#define __BITOP_ADDR(addr) (*(volatile long *)(addr))
/* With a constant bit number a locked operation on one byte is shorter and faster. */
#define __BITOP_BYTE(nr, addr) (*((volatile u8 *)(addr) + ((nr) >> 3)))

/* insn: bts, btr or btc, on a quadword in memory. The carry is the old value of the bit. */
#define __BITOP(insn, nr, addr)                         \
	__asm__ __volatile__("lock; " insn "q %1, %0"   \
			     : "+m"(__BITOP_ADDR(addr)) \
			     : "Jr"(nr)                 \
			     : "memory", "cc")
#define __BITOP_TEST(insn, nr, addr)                                            \
	({                                                                      \
		bool __old;                                                     \
		__asm__ __volatile__("lock; " insn "q %2, %0"                   \
				     : "+m"(__BITOP_ADDR(addr)), "=@ccc"(__old) \
				     : "Jr"(nr)                                 \
				     : "memory");                               \
		__old;                                                          \
	})

static __always_inline void set_bit(unsigned long nr, volatile unsigned long *addr)
{
	if (__builtin_constant_p(nr))
		__asm__ __volatile__("lock; orb %b1, %0"
				     : "+m"(__BITOP_BYTE(nr, addr))
				     : "iq"((u8)(1 << (nr & 7)))
				     : "memory", "cc");
	else
		__BITOP("bts", nr, addr);
}

static __always_inline void clear_bit(unsigned long nr, volatile unsigned long *addr)
{
	if (__builtin_constant_p(nr))
		__asm__ __volatile__("lock; andb %b1, %0"
				     : "+m"(__BITOP_BYTE(nr, addr))
				     : "iq"((u8) ~(1 << (nr & 7)))
				     : "memory", "cc");
	else
		__BITOP("btr", nr, addr);
}

static __always_inline void change_bit(unsigned long nr, volatile unsigned long *addr)
{
	__BITOP("btc", nr, addr);
}

/* The old value of the bit. */
static __always_inline bool test_and_set_bit(unsigned long nr, volatile unsigned long *addr)
{
	return __BITOP_TEST("bts", nr, addr);
}

static __always_inline bool test_and_clear_bit(unsigned long nr, volatile unsigned long *addr)
{
	return __BITOP_TEST("btr", nr, addr);
}

static __always_inline bool test_and_change_bit(unsigned long nr, volatile unsigned long *addr)
{
	return __BITOP_TEST("btc", nr, addr);
}

/* The bit is a lock: acquire on success of the first, release by the others. */
#define test_and_set_bit_lock(nr, addr) test_and_set_bit((nr), (addr))

static __always_inline void clear_bit_unlock(unsigned long nr, volatile unsigned long *addr)
{
	barrier();
	clear_bit(nr, addr);
}

/* Release without a locked operation: nobody else may change the word meanwhile. */
static __always_inline void __clear_bit_unlock(unsigned long nr, volatile unsigned long *addr)
{
	barrier();
	WRITE_ONCE(addr[nr / BITS_PER_LONG], addr[nr / BITS_PER_LONG] & ~BIT(nr % BITS_PER_LONG));
}

#define test_bit_acquire(nr, addr)                   \
	({                                           \
		bool __tba = test_bit((nr), (addr)); \
		barrier();                           \
		__tba;                               \
	})

static __always_inline void assign_bit(unsigned long nr, volatile unsigned long *addr, bool value)
{
	if (value)
		set_bit(nr, addr);
	else
		clear_bit(nr, addr);
}
