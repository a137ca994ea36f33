/*
 * What this processor can do: a bit set filled from CPUID by cpu_detect(), and the tests of it.
 *
 * A feature is word * 32 + bit; each word is one output register of one CPUID leaf. A bit is cleared
 * again when the command line or a missing partner forbids its use. The boot CPU's set is what the
 * kernel decides by (boot_cpu_has); the other CPUs are taken to be alike.
 *
 * Facts: Intel SDM volume 2A, CPUID. Mirrors Linux arch/x86/include/asm/cpufeatures.h. Exercised by
 * tests/boot (-cpu qemu64 and max).
 */
#pragma once

#include "arch/x86/cpu.h"
#include "lib/types.h"

/* Word 0: leaf 1, EDX */
#define X86_FEATURE_FPU	    (0 * 32 + 0)
#define X86_FEATURE_PSE	    (0 * 32 + 3)
#define X86_FEATURE_TSC	    (0 * 32 + 4)
#define X86_FEATURE_MSR	    (0 * 32 + 5)
#define X86_FEATURE_PAE	    (0 * 32 + 6)
#define X86_FEATURE_MCE	    (0 * 32 + 7)
#define X86_FEATURE_CX8	    (0 * 32 + 8)
#define X86_FEATURE_APIC    (0 * 32 + 9)
#define X86_FEATURE_SEP	    (0 * 32 + 11)
#define X86_FEATURE_MTRR    (0 * 32 + 12)
#define X86_FEATURE_PGE	    (0 * 32 + 13)
#define X86_FEATURE_MCA	    (0 * 32 + 14)
#define X86_FEATURE_CMOV    (0 * 32 + 15)
#define X86_FEATURE_PAT	    (0 * 32 + 16)
#define X86_FEATURE_CLFLUSH (0 * 32 + 19)
#define X86_FEATURE_FXSR    (0 * 32 + 24)
#define X86_FEATURE_XMM	    (0 * 32 + 25)
#define X86_FEATURE_XMM2    (0 * 32 + 26)
#define X86_FEATURE_HT	    (0 * 32 + 28)
/* Word 1: leaf 0x80000001, EDX */
#define X86_FEATURE_SYSCALL (1 * 32 + 11)
#define X86_FEATURE_NX	    (1 * 32 + 20)
#define X86_FEATURE_GBPAGES (1 * 32 + 26)
#define X86_FEATURE_RDTSCP  (1 * 32 + 27)
#define X86_FEATURE_LM	    (1 * 32 + 29)
/* Word 2: leaf 1, ECX */
#define X86_FEATURE_XMM3	       (2 * 32 + 0)
#define X86_FEATURE_MWAIT	       (2 * 32 + 3)
#define X86_FEATURE_CX16	       (2 * 32 + 13)
#define X86_FEATURE_PCID	       (2 * 32 + 17)
#define X86_FEATURE_X2APIC	       (2 * 32 + 21)
#define X86_FEATURE_POPCNT	       (2 * 32 + 23)
#define X86_FEATURE_TSC_DEADLINE_TIMER (2 * 32 + 24)
#define X86_FEATURE_XSAVE	       (2 * 32 + 26)
#define X86_FEATURE_OSXSAVE	       (2 * 32 + 27)
#define X86_FEATURE_AVX		       (2 * 32 + 28)
#define X86_FEATURE_RDRAND	       (2 * 32 + 30)
#define X86_FEATURE_HYPERVISOR	       (2 * 32 + 31)
/* Word 3: leaf 0x80000001, ECX */
#define X86_FEATURE_LAHF_LM (3 * 32 + 0)
/* Word 4: leaf 7, EBX */
#define X86_FEATURE_FSGSBASE   (4 * 32 + 0)
#define X86_FEATURE_TSC_ADJUST (4 * 32 + 1)
#define X86_FEATURE_SMEP       (4 * 32 + 7)
#define X86_FEATURE_ERMS       (4 * 32 + 9)
#define X86_FEATURE_INVPCID    (4 * 32 + 10)
#define X86_FEATURE_RDSEED     (4 * 32 + 18)
#define X86_FEATURE_SMAP       (4 * 32 + 20)
#define X86_FEATURE_CLFLUSHOPT (4 * 32 + 23)
/* Word 5: leaf 7, ECX */
#define X86_FEATURE_UMIP  (5 * 32 + 2)
#define X86_FEATURE_PKU	  (5 * 32 + 3)
#define X86_FEATURE_LA57  (5 * 32 + 16)
#define X86_FEATURE_RDPID (5 * 32 + 22)
/* Word 6: leaf 7, EDX */
#define X86_FEATURE_FSRM (6 * 32 + 4)
/* Word 7: leaf 0xd subleaf 1, EAX */
#define X86_FEATURE_XSAVEOPT (7 * 32 + 0)
/* Word 8: leaf 0x80000007, EDX */
#define X86_FEATURE_CONSTANT_TSC (8 * 32 + 8) /* invariant: same rate in every power state */

/* Constant bit numbers make this one test of one byte. */
#define cpu_has(c, feature) \
	((bool)(READ_ONCE((c)->x86_capability[(feature) / 32]) >> ((feature) % 32) & 1))
#define boot_cpu_has(feature)	     cpu_has(&boot_cpu_data, feature)
#define cpu_feature_enabled(feature) boot_cpu_has(feature)
#define static_cpu_has(feature)	     boot_cpu_has(feature)

static __always_inline void setup_clear_cpu_cap(unsigned int feature)
{
	boot_cpu_data.x86_capability[feature / 32] &= ~(1U << (feature % 32));
}

/* Name of a feature as /proc/cpuinfo spells it, NULL for a bit without a name. */
const char *x86_cap_flag(unsigned int feature);
/* Calls emit(name, arg) for each named feature that @c has, in order. */
void for_each_cpu_flag(const struct cpuinfo_x86 *c, void (*emit)(const char *name, void *arg),
		       void *arg);
