/*
 * Memory barriers: the order in which other CPUs and devices see what this one does.
 *
 * x86 keeps loads in order, stores in order, and never moves a store before an earlier load; only a
 * load may overtake an earlier store. So between CPUs just smp_mb() costs an instruction; the others
 * stop the compiler. smp_store_release() and smp_load_acquire() come from lib/types.h.
 *
 * Facts: Intel SDM volume 3A, 8.2. Mirrors Linux arch/x86/include/asm/barrier.h. Exercised by the
 * locks suite.
 */
#pragma once

#include "lib/types.h"

/* Device order: write-combining memory and non-temporal stores too. */
#define mb()  __asm__ __volatile__("mfence" : : : "memory")
#define rmb() __asm__ __volatile__("lfence" : : : "memory")
#define wmb() __asm__ __volatile__("sfence" : : : "memory")

/* A locked operation on the stack orders a store before a later load and is cheaper than MFENCE. */
#define smp_mb()		 __asm__ __volatile__("lock; addl $0, -4(%%rsp)" : : : "memory", "cc")
#define smp_rmb()		 barrier()
#define smp_wmb()		 barrier()
#define smp_store_mb(var, value) ((void)__atomic_exchange_n(&(var), (value), __ATOMIC_SEQ_CST))

/* Locked read-modify-write operations are full barriers already. */
#define smp_mb__before_atomic()	      barrier()
#define smp_mb__after_atomic()	      barrier()
#define smp_mb__after_spinlock()      barrier()
#define smp_acquire__after_ctrl_dep() barrier()

/* Tells the CPU that this is a waiting loop. */
static __always_inline void cpu_relax(void)
{
	__asm__ __volatile__("pause" : : : "memory");
}

/* Spins until @cond, which may name VAL, the last value read from @ptr, holds; gives that value. */
#define smp_cond_load_relaxed(ptr, cond)         \
	({                                       \
		__typeof__(*(ptr)) VAL;          \
		for (;;) {                       \
			VAL = READ_ONCE(*(ptr)); \
			if (cond)                \
				break;           \
			cpu_relax();             \
		}                                \
		VAL;                             \
	})
#define smp_cond_load_acquire(ptr, cond)                                     \
	({                                                                   \
		__typeof__(*(ptr)) __scl = smp_cond_load_relaxed(ptr, cond); \
		barrier();                                                   \
		__scl;                                                       \
	})
