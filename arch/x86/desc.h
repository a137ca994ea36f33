/*
 * Descriptor tables of a CPU: GDT, TSS and IDT.
 *
 * Each CPU has its own GDT and TSS in its per-CPU area; the IDT is shared and read-only after boot. The
 * TSS holds nothing but stack pointers: sp0, where the CPU begins when it leaves user mode, and the stacks
 * of the exceptions that must not trust the current one.
 *
 * Facts: Intel SDM volume 3A, 3.5 and 6.14. Mirrors Linux arch/x86/include/asm/desc.h. Exercised by every boot.
 */
#pragma once

#define GDT_ENTRY_KERNEL_CS 2
#define GDT_ENTRY_KERNEL_DS 3
#define GDT_ENTRY_USER32_CS 4
#define GDT_ENTRY_USER_DS   5
#define GDT_ENTRY_USER_CS   6
#define GDT_ENTRY_TSS	    8  /* two entries */
#define GDT_ENTRY_CPUNODE   15 /* limit holds node << 12 | cpu: LSL in user mode (getcpu) */
#define GDT_ENTRIES	    16

/* Interrupt stack table, numbered as in a gate. */
#define IST_INDEX_NMI	     1
#define IST_INDEX_FATAL	     2 /* double fault and machine check: both end the kernel */
#define IST_NMI_STACK_SIZE   4096
#define IST_FATAL_STACK_SIZE 8192 /* the whole report is printed on it */

#ifndef __ASSEMBLY__

#include "kernel/percpu.h"
#include "arch/x86/page.h"
#include "lib/types.h"

struct tss_struct {
	u32 reserved0;
	u64 sp0, sp1, sp2;
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 io_bitmap_base; /* past the end: no ports for user mode */
} __packed;

#define TSS_SP0 4
static_assert(offsetof(struct tss_struct, sp0) == TSS_SP0);
static_assert(sizeof(struct tss_struct) == 104);

struct gate_struct {
	u16 offset_low, segment;
	u8 ist, type; /* type: present, DPL, 0xe interrupt gate */
	u16 offset_middle;
	u32 offset_high, reserved;
};

struct desc_ptr {
	u16 size;
	u64 address;
} __packed;

/* A page of its own: mark_rodata_ro() makes it read-only. */
struct gdt_page {
	u64 gdt[GDT_ENTRIES];
} __aligned(PAGE_SIZE);

DECLARE_PER_CPU(struct gdt_page, gdt_page);
DECLARE_PER_CPU(struct tss_struct, cpu_tss);
/* Top of the kernel stack of the task on this CPU: where system calls begin. */
DECLARE_PER_CPU(unsigned long, cpu_current_top_of_stack);

/* The page of @cpu's GDT, in the linear map. */
unsigned long gdt_page_of(int cpu);
/* Guard page below the n-th (of NR_IST_STACKS) exception stack of @cpu: an address in the linear map. */
#define NR_IST_STACKS 2
unsigned long ist_guard_page(int cpu, unsigned int n);
/* Which IST stack holds @sp on this CPU: its bounds, and true; else false. */
bool in_ist_stack(unsigned long sp, unsigned long *low, unsigned long *high);

static __always_inline void load_sp0(unsigned long sp0)
{
	/* The field is not aligned (the processor's layout), so this_cpu_write() cannot name it. */
	__asm__ __volatile__("movq %1, %%gs:%0"
			     : "=m"(*(u64 *)((char *)&cpu_tss + TSS_SP0))
			     : "r"(sp0));
	this_cpu_write(cpu_current_top_of_stack, sp0);
}

#endif
