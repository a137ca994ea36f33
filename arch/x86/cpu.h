/*
 * The processor: CPUID, control registers, and what we know about each CPU.
 *
 * cpu_detect() reads CPUID once, before anything depends on a feature; cpu_init() then puts each CPU
 * into the same state: write protection in kernel mode, SMEP, SMAP, UMIP and NX where they exist, the
 * page attribute table that arch/x86/pgtable.h documents, system calls through SYSCALL, and its own
 * GDT, TSS and IDT.
 *
 * Facts: Intel SDM volume 3A, 2.5. Mirrors Linux arch/x86/kernel/cpu/common.c. Exercised by tests/boot.
 */
#pragma once

#ifndef __ASSEMBLY__
#include "arch/x86/barrier.h"
#include "lib/types.h"
#endif

#define X86_CR0_PE 0x00000001
#define X86_CR0_MP 0x00000002
#define X86_CR0_EM 0x00000004
#define X86_CR0_TS 0x00000008
#define X86_CR0_ET 0x00000010
#define X86_CR0_NE 0x00000020
#define X86_CR0_WP 0x00010000
#define X86_CR0_AM 0x00040000
#define X86_CR0_NW 0x20000000
#define X86_CR0_CD 0x40000000
#define X86_CR0_PG 0x80000000
/* The value that every CPU runs with. */
#define CR0_STATE \
	(X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_PG)

#define X86_CR4_PSE	   0x00000010
#define X86_CR4_PAE	   0x00000020
#define X86_CR4_MCE	   0x00000040
#define X86_CR4_PGE	   0x00000080
#define X86_CR4_OSFXSR	   0x00000200
#define X86_CR4_OSXMMEXCPT 0x00000400
#define X86_CR4_UMIP	   0x00000800
#define X86_CR4_LA57	   0x00001000
#define X86_CR4_FSGSBASE   0x00010000
#define X86_CR4_PCIDE	   0x00020000
#define X86_CR4_OSXSAVE	   0x00040000
#define X86_CR4_SMEP	   0x00100000
#define X86_CR4_SMAP	   0x00200000

#ifndef __ASSEMBLY__

#define NCAPINTS 9

struct cpuinfo_x86 {
	char x86_vendor_id[16];		 /* "GenuineIntel" */
	char x86_model_id[64];		 /* "QEMU Virtual CPU version 2.5+" */
	u8 x86, x86_model, x86_stepping; /* family, model, stepping, with their extensions */
	u8 x86_phys_bits, x86_virt_bits;
	u8 x86_clflush_size;
	u16 x86_cache_size; /* KiB of the last level, 0 unknown */
	u32 cpuid_level, extended_cpuid_level;
	u32 apicid;
	u32 x86_capability[NCAPINTS]; /* see cpufeature.h */
};

extern struct cpuinfo_x86 boot_cpu_data; /* the CPU we booted on; decisions are taken on it */

static __always_inline void cpuid_count(u32 leaf, u32 subleaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ __volatile__("cpuid"
			     : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d)
			     : "a"(leaf), "c"(subleaf)
			     : "memory");
}

static __always_inline void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	cpuid_count(leaf, 0, a, b, c, d);
}

static __always_inline u32 cpuid_eax(u32 leaf)
{
	u32 a, b, c, d;

	cpuid(leaf, &a, &b, &c, &d);
	return a;
}

static __always_inline u32 cpuid_ebx(u32 leaf)
{
	u32 a, b, c, d;

	cpuid(leaf, &a, &b, &c, &d);
	return b;
}

static __always_inline u32 cpuid_ecx(u32 leaf)
{
	u32 a, b, c, d;

	cpuid(leaf, &a, &b, &c, &d);
	return c;
}

static __always_inline u32 cpuid_edx(u32 leaf)
{
	u32 a, b, c, d;

	cpuid(leaf, &a, &b, &c, &d);
	return d;
}

#define __BUILD_CR(n)                                                                   \
	static __always_inline unsigned long read_cr##n(void)                           \
	{                                                                               \
		unsigned long value;                                                    \
		__asm__ __volatile__("movq %%cr" #n ", %0" : "=r"(value) : : "memory"); \
		return value;                                                           \
	}                                                                               \
	static __always_inline void write_cr##n(unsigned long value)                    \
	{                                                                               \
		__asm__ __volatile__("movq %0, %%cr" #n : : "r"(value) : "memory");     \
	}
__BUILD_CR(0)
__BUILD_CR(2)
__BUILD_CR(3)
__BUILD_CR(4)
#undef __BUILD_CR
#define __read_cr3() read_cr3()

static __always_inline void wbinvd(void)
{
	__asm__ __volatile__("wbinvd" : : : "memory");
}

static __always_inline void clflush(const volatile void *p)
{
	__asm__ __volatile__("clflush %0" : : "m"(*(const volatile char *)p));
}

/* Fills boot_cpu_data and __supported_pte_mask. => boot CPU, before any page table is built */
void cpu_detect(void);
/*
 * Brings this CPU into the state described above. @cpu: its number. The boot CPU calls it early, on the
 * static per-CPU template, and calls cpu_init_percpu() again once its real area stands.
 * => interrupts off
 */
void cpu_init(int cpu);
/* What of it lies in the per-CPU area: GDT, TSS, GS base. => interrupts off */
void cpu_init_percpu(int cpu);
/* CPUs are taken to be alike; what differs (APIC id, package) is in arch/x86/topology.h. */
#define cpu_data(cpu) boot_cpu_data

/* 64 random bits from the processor; false if it has none to give. */
bool arch_get_random_long(unsigned long *v);

#endif
