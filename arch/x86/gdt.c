/*
 * Each CPU's segment descriptors and task state segment.
 *
 * The GDT is the same on every CPU but for the address of its TSS, so the per-CPU template is complete enough
 * to boot on. Once all CPUs are up, the tables are made read-only (mark_rodata_ro): every descriptor is marked accessed and the TSS
 * busy by then, so the processor has nothing left to write. Order of the user segments is fixed by SYSRET: 32-bit code, data, 64-bit code.
 *
 * Facts: Intel SDM volume 3A, 3.4.5 and 8.7. Mirrors Linux arch/x86/kernel/cpu/common.c. Exercised by every boot.
 */
#include "arch/x86/desc.h"

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/switch.h"
#include "kernel/current.h"
#include "kernel/smp.h"
#include "kernel/task.h"

#define DESC_CODE64(dpl) (0x00af9b000000ffffULL | (u64)(dpl) << 45)
#define DESC_CODE32(dpl) (0x00cf9b000000ffffULL | (u64)(dpl) << 45)
#define DESC_DATA(dpl)	 (0x00cf93000000ffffULL | (u64)(dpl) << 45)

DEFINE_PER_CPU_PAGE_ALIGNED(struct gdt_page, gdt_page) = {
	.gdt = {
		[GDT_ENTRY_KERNEL_CS] = DESC_CODE64(0),
		[GDT_ENTRY_KERNEL_DS] = DESC_DATA(0),
		[GDT_ENTRY_USER32_CS] = DESC_CODE32(3),
		[GDT_ENTRY_USER_DS] = DESC_DATA(3),
		[GDT_ENTRY_USER_CS] = DESC_CODE64(3),
	},
};

DEFINE_PER_CPU(struct tss_struct, cpu_tss)
__aligned(128) = {
	.io_bitmap_base = sizeof(struct tss_struct),
};

DEFINE_PER_CPU(unsigned long, cpu_current_top_of_stack) = (unsigned long)init_stack + THREAD_SIZE;

/* Below each stack lies a page that mark_rodata_ro() takes out of the linear map. */
struct ist_stacks {
	char nmi_guard[PAGE_SIZE];
	char nmi[IST_NMI_STACK_SIZE];
	char fatal_guard[PAGE_SIZE];
	char fatal[IST_FATAL_STACK_SIZE];
};
static DEFINE_PER_CPU_PAGE_ALIGNED(struct ist_stacks, ist_stacks);

bool in_ist_stack(unsigned long sp, unsigned long *low, unsigned long *high)
{
	const struct ist_stacks *ist = raw_cpu_ptr(&ist_stacks);
	bool nmi = sp - (unsigned long)ist->nmi < IST_NMI_STACK_SIZE;

	if (!nmi && sp - (unsigned long)ist->fatal >= IST_FATAL_STACK_SIZE)
		return false;
	*low = nmi ? (unsigned long)ist->nmi : (unsigned long)ist->fatal;
	*high = *low + (nmi ? IST_NMI_STACK_SIZE : IST_FATAL_STACK_SIZE);
	return true;
}

unsigned long gdt_page_of(int cpu)
{
	return (unsigned long)per_cpu_ptr(&gdt_page, cpu);
}

unsigned long ist_guard_page(int cpu, unsigned int n)
{
	const struct ist_stacks *ist = per_cpu_ptr(&ist_stacks, cpu);

	return (unsigned long)(n ? ist->fatal_guard : ist->nmi_guard);
}

static void set_tss_desc(u64 *gdt, const struct tss_struct *tss)
{
	u64 base = (unsigned long)tss, limit = sizeof(*tss) - 1;

	gdt[GDT_ENTRY_TSS] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89ULL << 40 |
			     (limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
	gdt[GDT_ENTRY_TSS + 1] = base >> 32;
}

/* Data segment with a limit of cpu in byte units: user mode reads it with LSL. */
static void set_cpunode_desc(u64 *gdt, u64 cpu)
{
	gdt[GDT_ENTRY_CPUNODE] = (cpu & 0xffff) | 0x40f5ULL << 40 | (cpu >> 16 & 0xf) << 48;
}

void cpu_init_percpu(int cpu)
{
	struct gdt_page *page = raw_cpu_ptr(&gdt_page);
	struct tss_struct *tss = raw_cpu_ptr(&cpu_tss);
	struct ist_stacks *ist = raw_cpu_ptr(&ist_stacks);
	struct desc_ptr ptr = { sizeof(page->gdt) - 1, (u64)page->gdt };

	tss->ist[IST_INDEX_NMI - 1] = (u64)ist->nmi + IST_NMI_STACK_SIZE;
	tss->ist[IST_INDEX_FATAL - 1] = (u64)ist->fatal + IST_FATAL_STACK_SIZE;
	tss->io_bitmap_base = sizeof(*tss);
	set_tss_desc(page->gdt, tss);
	set_cpunode_desc(page->gdt, cpu);
	__asm__ __volatile__("lgdt %0" : : "m"(ptr));
	/* No selector is left that names another table; GS stays alone, for its base is the per-CPU area. */
	__asm__ __volatile__("movl %0, %%ds\n\t"
			     "movl %0, %%es\n\t"
			     "movl %1, %%ss\n\t"
			     "movl %0, %%fs\n\t"
			     "ltr %w2"
			     :
			     : "r"(0), "r"(__KERNEL_DS), "r"(GDT_ENTRY_TSS * 8)
			     : "memory");
	load_sp0((unsigned long)current->stack + THREAD_SIZE);
}
