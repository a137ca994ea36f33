/*
 * Model-specific registers: numbers of those we use, and access.
 *
 * Facts: Intel SDM volume 4. Mirrors Linux arch/x86/include/asm/{msr,msr-index}.h. Exercised by every boot.
 */
#pragma once

#ifndef __ASSEMBLY__
#include "arch/x86/extable.h"
#include "lib/errno.h"
#include "lib/types.h"
#endif

#define MSR_IA32_TSC		 0x10
#define MSR_IA32_APICBASE	 0x1b
#define MSR_IA32_APICBASE_BSP	 (1 << 8)
#define MSR_IA32_APICBASE_ENABLE (1 << 11)
#define X2APIC_ENABLE		 (1UL << 10)
#define MSR_IA32_MISC_ENABLE	 0x1a0
#define MSR_IA32_CR_PAT		 0x277
#define MSR_IA32_TSC_DEADLINE	 0x6e0
#define MSR_IA32_TSC_ADJUST	 0x3b
#define MSR_PLATFORM_INFO	 0xce
#define APIC_BASE_MSR		 0x800
#define MSR_EFER		 0xc0000080
#define EFER_SCE		 (1 << 0)
#define EFER_LME		 (1 << 8)
#define EFER_LMA		 (1 << 10)
#define EFER_NX			 (1 << 11)
#define MSR_STAR		 0xc0000081
#define MSR_LSTAR		 0xc0000082
#define MSR_CSTAR		 0xc0000083
#define MSR_SYSCALL_MASK	 0xc0000084
#define MSR_FS_BASE		 0xc0000100
#define MSR_GS_BASE		 0xc0000101
#define MSR_KERNEL_GS_BASE	 0xc0000102
#define MSR_TSC_AUX		 0xc0000103

#ifndef __ASSEMBLY__

static __always_inline u64 native_read_msr(u32 msr)
{
	u32 lo, hi;

	__asm__ __volatile__("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static __always_inline void native_write_msr(u32 msr, u64 value)
{
	__asm__ __volatile__("wrmsr"
			     :
			     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
			     : "memory");
}

/* @value is an lvalue of 64 bits. */
#define rdmsrl(msr, value) ((value) = native_read_msr(msr))
#define wrmsrl(msr, value) native_write_msr((msr), (u64)(value))

/* 0, or -EIO when this CPU has no such register (*value is 0 then). */
static inline int rdmsrl_safe(u32 msr, u64 *value)
{
	u32 lo, hi;
	int err = 0;

	__asm__ __volatile__("1: rdmsr\n"
			     "2:\n\t"
			     ".pushsection .fixup, \"ax\"\n"
			     "3: movl %[eio], %[err]\n\t"
			     "xorl %%eax, %%eax\n\t"
			     "xorl %%edx, %%edx\n\t"
			     "jmp 2b\n\t"
			     ".popsection\n\t" _ASM_EXTABLE(1b, 3b)
			     : "=&a"(lo), "=&d"(hi), [err] "+&r"(err)
			     : "c"(msr), [eio] "i"(-EIO));
	*value = (u64)hi << 32 | lo;
	return err;
}

/* 0, or -EIO when the register or the value is refused. */
static inline int wrmsrl_safe(u32 msr, u64 value)
{
	int err = 0;

	__asm__ __volatile__("1: wrmsr\n"
			     "2:\n\t"
			     ".pushsection .fixup, \"ax\"\n"
			     "3: movl %[eio], %[err]\n\t"
			     "jmp 2b\n\t"
			     ".popsection\n\t" _ASM_EXTABLE(1b, 3b)
			     : [err] "+&r"(err)
			     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)), [eio] "i"(-EIO)
			     : "memory");
	return err;
}

#endif
