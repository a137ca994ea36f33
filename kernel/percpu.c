/*
 * Per-CPU areas: the copies of the template, one for each possible CPU.
 *
 * The linker collects every DEFINE_PER_CPU variable between __per_cpu_start and __per_cpu_end. A
 * CPU's area is a copy of that template followed by PERCPU_DYNAMIC_RESERVE zeroed bytes, which
 * alloc_percpu() hands out first. Areas come from the CPU's own node. Nothing may have taken the
 * address of a template variable before setup_per_cpu_areas(), since the boot CPU moves to a copy
 * there: lists that point at their own head would still point at the template.
 *
 * The allocator's balancer (mm/slab/percpu.c, 7) runs as a work item from here.
 *
 * Mirrors Linux arch/x86/kernel/setup_percpu.c. Exercised by the percpu suite.
 */
#include "arch/x86/msr.h"
#include "arch/x86/numa.h"
#include "arch/x86/page.h"
#include "kernel/current.h"
#include "kernel/init.h"
#include "kernel/percpu.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/workqueue.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/debug/kmemleak.h"
#include "mm/slab/percpu.h"

unsigned long __per_cpu_offset[NR_CPUS] __ro_after_init;
unsigned long pcpu_unit_size __ro_after_init;
DEFINE_PER_CPU_READ_MOSTLY(unsigned long, this_cpu_off);

/*
 * Other code in C and assembly finds the current task here; the first 64 bytes of the area are hot.
 */
DEFINE_PER_CPU_FIRST(struct task_struct *, current_task) = &init_task;

void load_percpu_segment(int cpu)
{
	native_write_msr(MSR_GS_BASE, __per_cpu_offset[cpu]);
}

void __init setup_per_cpu_areas(void)
{
	size_t static_size = __per_cpu_end - __per_cpu_start;
	unsigned int cpu;

	pcpu_unit_size = ALIGN(static_size + PERCPU_DYNAMIC_RESERVE, PAGE_SIZE);
	for_each_possible_cpu(cpu) {
		char *area = memblock_alloc_node(pcpu_unit_size, PAGE_SIZE, cpu_to_node(cpu));

		if (!area)
			area = memblock_alloc_or_panic(pcpu_unit_size, PAGE_SIZE);
		/* Its static part is a root of its own, what is allocated behind it has records of its own. */
		kmemleak_ignore(area);
		memcpy(area, __per_cpu_start, static_size);
		__per_cpu_offset[cpu] = (unsigned long)area - (unsigned long)__per_cpu_start;
		per_cpu(this_cpu_off, cpu) = __per_cpu_offset[cpu];
		per_cpu(cpu_number, cpu) = cpu;
	}
	load_percpu_segment(0);
	pr_info("percpu: %u CPUs, %lu KiB each (%zu static, %lu dynamic)\n", num_possible_cpus(),
		pcpu_unit_size >> 10, static_size, PERCPU_DYNAMIC_RESERVE);
}

static void balance_work_fn(struct work_struct *work)
{
	pcpu_balance();
}

static DECLARE_WORK(balance_work, balance_work_fn);

static void kick_balance(void)
{
	schedule_work(&balance_work);
}

static int __init percpu_balance_init(void)
{
	pcpu_set_balance_kick(kick_balance);
	return 0;
}
subsys_initcall(percpu_balance_init);
