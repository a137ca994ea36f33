/*
 * Per-CPU variables: one copy for each CPU, reached without locks through the GS base.
 *
 * 1. DEFINE_PER_CPU puts the variable in section .data..percpu, the template. setup_per_cpu_areas()
 *    makes a copy of the template for each possible CPU. The GS base of a CPU is (address of its
 *    copy) - (address of the template), so %gs:variable is this CPU's own; until the copies exist
 *    GS base is 0 and the boot CPU works on the template.
 * 2. this_cpu_*(var) are single instructions, so an interrupt cannot come in between; they are not
 *    locked, so another CPU must not write the same copy at the same time. Kernel code is not
 *    preempted: between two sleeps the CPU does not change.
 * 3. A per-CPU pointer (alloc_percpu, or &var) is no address: per_cpu_ptr(p, cpu) and
 *    this_cpu_ptr(p) make one.
 *
 * Mirrors Linux include/linux/percpu-defs.h, arch/x86/include/asm/percpu.h. Exercised by the locks
 * suite.
 */
#pragma once

#include "lib/types.h"

#define __percpu_section(suffix)		   __section(".data..percpu" suffix)
#define DECLARE_PER_CPU(type, name)		   extern __typeof__(type) name
#define DEFINE_PER_CPU(type, name)		   __percpu_section("") __typeof__(type) name
#define DECLARE_PER_CPU_SHARED_ALIGNED(type, name) DECLARE_PER_CPU(type, name)
/* On cache lines of its own: other CPUs write it too. */
#define DEFINE_PER_CPU_SHARED_ALIGNED(type, name) \
	__percpu_section("..shared_aligned") __typeof__(type) name __aligned(64)
#define DECLARE_PER_CPU_ALIGNED(type, name)	DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_ALIGNED(type, name)	DEFINE_PER_CPU_SHARED_ALIGNED(type, name)
#define DECLARE_PER_CPU_READ_MOSTLY(type, name) DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_READ_MOSTLY(type, name) \
	__percpu_section("..read_mostly") __typeof__(type) name
#define DEFINE_PER_CPU_PAGE_ALIGNED(type, name) \
	__percpu_section("..page_aligned") __typeof__(type) name __aligned(4096)
#define DEFINE_PER_CPU_FIRST(type, name) __percpu_section("..first") __typeof__(type) name

#ifndef NR_CPUS
#define NR_CPUS 64
#endif

extern char __per_cpu_start[], __per_cpu_end[], __per_cpu_load[];
/* Add to a per-CPU pointer to get the address of that CPU's copy. */
extern unsigned long __per_cpu_offset[NR_CPUS];
DECLARE_PER_CPU_READ_MOSTLY(unsigned long, this_cpu_off); /* the own entry of __per_cpu_offset */

#define per_cpu_offset(cpu)   (__per_cpu_offset[cpu])
#define per_cpu_ptr(ptr, cpu) ((__typeof__(ptr))((unsigned long)(ptr) + per_cpu_offset(cpu)))
#define per_cpu(var, cpu)     (*per_cpu_ptr(&(var), cpu))

#define raw_cpu_ptr(ptr)                                                              \
	({                                                                            \
		unsigned long __tcp = (unsigned long)(ptr);                           \
		__asm__("addq %%gs:%1, %0" : "+r"(__tcp) : "m"(this_cpu_off) : "cc"); \
		(__typeof__(ptr))__tcp;                                               \
	})
#define this_cpu_ptr(ptr)   raw_cpu_ptr(ptr)
#define __this_cpu_ptr(ptr) raw_cpu_ptr(ptr)
#define get_cpu_ptr(ptr)    raw_cpu_ptr(ptr)
#define put_cpu_ptr(ptr)    barrier()
#define get_cpu_var(var)    (*raw_cpu_ptr(&(var)))
#define put_cpu_var(var)    barrier()

/* An integer as wide as x, for values that travel through a register. */
#define __pcpu_int(x)                                                               \
	__typeof__(__builtin_choose_expr(                                           \
		sizeof(x) == 1, (u8)0,                                              \
		__builtin_choose_expr(sizeof(x) == 2, (u16)0,                       \
				      __builtin_choose_expr(sizeof(x) == 4, (u32)0, \
							    (unsigned long)0))))
#define __pcpu_val(var, x) ((__pcpu_int(var))(unsigned long)(__typeof__(var))(x))

#define __this_cpu_switch(var, b, w, l, q)                                               \
	do {                                                                             \
		BUILD_BUG_ON(sizeof(var) != 1 && sizeof(var) != 2 && sizeof(var) != 4 && \
			     sizeof(var) != 8);                                          \
		switch (sizeof(var)) {                                                   \
		case 1:                                                                  \
			b;                                                               \
			break;                                                           \
		case 2:                                                                  \
			w;                                                               \
			break;                                                           \
		case 4:                                                                  \
			l;                                                               \
			break;                                                           \
		default:                                                                 \
			q;                                                               \
			break;                                                           \
		}                                                                        \
	} while (0)

#define this_cpu_read(var)                                                 \
	({                                                                 \
		__pcpu_int(var) __pv;                                      \
		__typeof__(var) *__pp = &(var);                            \
		__this_cpu_switch(var,                                     \
				  __asm__ __volatile__("movb %%gs:%1, %b0" \
						       : "=q"(__pv)        \
						       : "m"(*__pp)),      \
				  __asm__ __volatile__("movw %%gs:%1, %w0" \
						       : "=r"(__pv)        \
						       : "m"(*__pp)),      \
				  __asm__ __volatile__("movl %%gs:%1, %k0" \
						       : "=r"(__pv)        \
						       : "m"(*__pp)),      \
				  __asm__ __volatile__("movq %%gs:%1, %q0" \
						       : "=r"(__pv)        \
						       : "m"(*__pp)));     \
		(__typeof__(var))(unsigned long)__pv;                      \
	})

#define __this_cpu_op2(name, var, x)                                         \
	do {                                                                 \
		__typeof__(&(var)) __pp = &(var);                            \
		__pcpu_int(var) __pv = __pcpu_val(var, x);                   \
		__this_cpu_switch(var,                                       \
				  __asm__ __volatile__(name "b %b1, %%gs:%0" \
						       : "+m"(*__pp)         \
						       : "qi"(__pv)          \
						       : "cc"),              \
				  __asm__ __volatile__(name "w %w1, %%gs:%0" \
						       : "+m"(*__pp)         \
						       : "ri"(__pv)          \
						       : "cc"),              \
				  __asm__ __volatile__(name "l %k1, %%gs:%0" \
						       : "+m"(*__pp)         \
						       : "ri"(__pv)          \
						       : "cc"),              \
				  __asm__ __volatile__(name "q %q1, %%gs:%0" \
						       : "+m"(*__pp)         \
						       : "re"(__pv)          \
						       : "cc"));             \
	} while (0)
#define __this_cpu_op1(name, var)                                       \
	do {                                                            \
		__typeof__(&(var)) __pp = &(var);                       \
		__this_cpu_switch(var,                                  \
				  __asm__ __volatile__(name "b %%gs:%0" \
						       : "+m"(*__pp)    \
						       :                \
						       : "cc"),         \
				  __asm__ __volatile__(name "w %%gs:%0" \
						       : "+m"(*__pp)    \
						       :                \
						       : "cc"),         \
				  __asm__ __volatile__(name "l %%gs:%0" \
						       : "+m"(*__pp)    \
						       :                \
						       : "cc"),         \
				  __asm__ __volatile__(name "q %%gs:%0" \
						       : "+m"(*__pp)    \
						       :                \
						       : "cc"));        \
	} while (0)

#define this_cpu_write(var, x) __this_cpu_op2("mov", var, x)
#define this_cpu_add(var, x)   __this_cpu_op2("add", var, x)
#define this_cpu_sub(var, x)   __this_cpu_op2("sub", var, x)
#define this_cpu_and(var, x)   __this_cpu_op2("and", var, x)
#define this_cpu_or(var, x)    __this_cpu_op2("or", var, x)
#define this_cpu_inc(var)      __this_cpu_op1("inc", var)
#define this_cpu_dec(var)      __this_cpu_op1("dec", var)

/* The value after the addition. */
#define this_cpu_add_return(var, x)                                              \
	({                                                                       \
		__typeof__(&(var)) __pp = &(var);                                \
		__pcpu_int(var) __px = __pcpu_val(var, x), __pv = __px;          \
		__this_cpu_switch(var,                                           \
				  __asm__ __volatile__("xaddb %b0, %%gs:%1"      \
						       : "+q"(__pv), "+m"(*__pp) \
						       :                         \
						       : "cc"),                  \
				  __asm__ __volatile__("xaddw %w0, %%gs:%1"      \
						       : "+r"(__pv), "+m"(*__pp) \
						       :                         \
						       : "cc"),                  \
				  __asm__ __volatile__("xaddl %k0, %%gs:%1"      \
						       : "+r"(__pv), "+m"(*__pp) \
						       :                         \
						       : "cc"),                  \
				  __asm__ __volatile__("xaddq %q0, %%gs:%1"      \
						       : "+r"(__pv), "+m"(*__pp) \
						       :                         \
						       : "cc"));                 \
		(__typeof__(var))(unsigned long)(__pcpu_int(var))(__pv + __px);  \
	})
#define this_cpu_sub_return(var, x) this_cpu_add_return(var, -(__typeof__(var))(x))
#define this_cpu_inc_return(var)    this_cpu_add_return(var, 1)
#define this_cpu_dec_return(var)    this_cpu_add_return(var, -1)

/* XCHG with memory is always locked; a loop of unlocked CMPXCHG is cheaper. */
#define this_cpu_xchg(var, x)                                        \
	({                                                           \
		__typeof__(var) __xo, __xn = (x);                    \
		do {                                                 \
			__xo = this_cpu_read(var);                   \
		} while (this_cpu_cmpxchg(var, __xo, __xn) != __xo); \
		__xo;                                                \
	})

/* The value found; the store happened if that is @old. */
#define this_cpu_cmpxchg(var, old, new)                                                   \
	({                                                                                \
		__typeof__(&(var)) __pp = &(var);                                         \
		__pcpu_int(var) __pv = __pcpu_val(var, old), __pn = __pcpu_val(var, new); \
		__this_cpu_switch(var,                                                    \
				  __asm__ __volatile__("cmpxchgb %b2, %%gs:%1"            \
						       : "+a"(__pv), "+m"(*__pp)          \
						       : "q"(__pn)                        \
						       : "memory", "cc"),                 \
				  __asm__ __volatile__("cmpxchgw %w2, %%gs:%1"            \
						       : "+a"(__pv), "+m"(*__pp)          \
						       : "r"(__pn)                        \
						       : "memory", "cc"),                 \
				  __asm__ __volatile__("cmpxchgl %k2, %%gs:%1"            \
						       : "+a"(__pv), "+m"(*__pp)          \
						       : "r"(__pn)                        \
						       : "memory", "cc"),                 \
				  __asm__ __volatile__("cmpxchgq %q2, %%gs:%1"            \
						       : "+a"(__pv), "+m"(*__pp)          \
						       : "r"(__pn)                        \
						       : "memory", "cc"));                \
		(__typeof__(var))(unsigned long)__pv;                                     \
	})
#define this_cpu_try_cmpxchg(var, oldp, new)                                             \
	({                                                                               \
		__typeof__(var) __to = *(oldp), __tf = this_cpu_cmpxchg(var, __to, new); \
		*(oldp) = __tf;                                                          \
		__tf == __to;                                                            \
	})

/*
 * Two adjacent words at once, aligned to 16 bytes: true if both were the old ones and were
 * replaced. (CMPXCHG16B; every x86-64 CPU that QEMU offers has it.)
 */
#define this_cpu_cmpxchg_double(var1, var2, o1, o2, n1, n2)                             \
	({                                                                              \
		bool __cd;                                                              \
		__typeof__(var1) __co1 = (o1), __cn1 = (n1);                            \
		__typeof__(var2) __co2 = (o2), __cn2 = (n2);                            \
		BUILD_BUG_ON(sizeof(var1) != 8 || sizeof(var2) != 8);                   \
		__asm__ __volatile__("cmpxchg16b %%gs:%1\n\tsetz %0"                    \
				     : "=q"(__cd), "+m"(var1), "+m"(var2), "+a"(__co1), \
				       "+d"(__co2)                                      \
				     : "b"(__cn1), "c"(__cn2)                           \
				     : "memory", "cc");                                 \
		__cd;                                                                   \
	})

#define raw_cpu_read(var)	 this_cpu_read(var)
#define raw_cpu_write(var, x)	 this_cpu_write(var, x)
#define raw_cpu_add(var, x)	 this_cpu_add(var, x)
#define __this_cpu_read(var)	 this_cpu_read(var)
#define __this_cpu_write(var, x) this_cpu_write(var, x)
#define __this_cpu_add(var, x)	 this_cpu_add(var, x)
#define __this_cpu_sub(var, x)	 this_cpu_sub(var, x)
#define __this_cpu_inc(var)	 this_cpu_inc(var)
#define __this_cpu_dec(var)	 this_cpu_dec(var)

/*
 * A value that never changes on the CPU the code runs on (current, cpu_number): the compiler may
 * keep it.
 */
#define this_cpu_read_stable(var)                                        \
	({                                                               \
		__typeof__(var) __ps;                                    \
		BUILD_BUG_ON(sizeof(var) != 8);                          \
		__asm__("movq %%gs:%c1, %0" : "=r"(__ps) : "i"(&(var))); \
		__ps;                                                    \
	})

/*
 * Copies the template for each possible CPU out of memblock and moves this CPU onto its copy.
 * => boot CPU, once, memblock works, nr_cpu_ids and cpu_possible_mask known
 */
void setup_per_cpu_areas(void);
/* Points this CPU's GS base at @cpu's copy. => each other CPU's first C code */
void load_percpu_segment(int cpu);
/*
 * Size in bytes of a CPU's copy, static part and the reserve behind it that alloc_percpu() hands
 * out first.
 */
#define PERCPU_DYNAMIC_RESERVE (20UL << 10)
extern unsigned long pcpu_unit_size;
