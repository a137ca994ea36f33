/*
 * Starting the other CPUs.
 *
 * 1. smp_prepare_cpus() copies the trampoline below 1 MiB and fills in what all CPUs share. smp_init() then starts one CPU after
 *    the other: an idle task, its stack and per-CPU base in secondary_*, INIT and STARTUP, and a wait until it is online.
 * 2. The new CPU has nothing of its own to wait for: it sets its registers up, starts its clock, says that it is online, and
 *    becomes its idle task.
 * 3. A CPU that does not answer within a second is left out; the others go on.
 *
 * Mirrors Linux arch/x86/kernel/smpboot.c and kernel/smp.c. Exercised by boots with 1, 2, 4 and 8 CPUs.
 */
#include "arch/x86/smp.h"

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/bitops.h"
#include "arch/x86/cpu.h"
#include "arch/x86/ipi.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/msr.h"
#include "arch/x86/numa.h"
#include "arch/x86/pgtable.h"
#include "arch/x86/tlb.h"
#include "arch/x86/tsc.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/string.h"

DEFINE_PER_CPU_READ_MOSTLY(int, cpu_number);

/* The blob, and its fields (boot/trampoline.S). */
extern char trampoline_start[], trampoline_end[];
extern char tr_gdt_ptr[], tr_jump32[], tr_jump64[], tr_cr3[], tr_efer[], tr_entry[];
extern char secondary_startup_64[];

static phys_addr_t real_mode_page;
static const phys_addr_t *trampoline_pgd;

/* For the CPU that is being started; read by boot/trampoline.S. */
u64 secondary_cr3, secondary_gs, secondary_stack;
static int secondary_cpu;
static u64 secondary_tsc[2]; /* when it was called, when it came */

void __init smp_set_trampoline(phys_addr_t page, const phys_addr_t *pgd)
{
	real_mode_page = page;
	trampoline_pgd = pgd;
}

/* Where @field of the blob lies in its copy. */
static void *__init in_copy(char *field)
{
	return __va(real_mode_page) + (field - trampoline_start);
}

static void __init add_base(void *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	v += real_mode_page;
	memcpy(p, &v, sizeof(v));
}

static void __init setup_trampoline(void)
{
	BUG_ON(trampoline_end - trampoline_start > PAGE_SIZE);
	BUG_ON(*trampoline_pgd >> 32);
	memcpy(__va(real_mode_page), trampoline_start, trampoline_end - trampoline_start);
	add_base(in_copy(tr_gdt_ptr) + 2);
	add_base(in_copy(tr_jump32));
	add_base(in_copy(tr_jump64));
	*(u32 *)in_copy(tr_cr3) = *trampoline_pgd;
	*(u32 *)in_copy(tr_efer) = native_read_msr(MSR_EFER) & ~(u64)EFER_LMA;
	*(u64 *)in_copy(tr_entry) = (u64)secondary_startup_64;
	secondary_cr3 = __pa_symbol(swapper_pg_dir);
}

void __init smp_prepare_boot_cpu(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		per_cpu(cpu_number, cpu) = cpu;
		per_cpu(numa_node, cpu) = cpu_to_node(cpu);
	}
	cpu_online_mask = 1;
	initialize_tlbstate();
}

void __init smp_prepare_cpus(void)
{
	ipi_init();
	if (real_mode_page && apic_present)
		setup_trampoline();
}

void start_secondary(void)
{
	int cpu = secondary_cpu;

	cpu_init(cpu);
	initialize_tlbstate();
	setup_local_APIC();
	secondary_tsc[1] = rdtsc_ordered();
	setup_secondary_clock();
	/* The starter waits for this bit; from here on others call us. */
	set_bit(cpu, &cpu_online_mask);
	sched_cpu_online(cpu);
	local_irq_enable();
	cpu_startup_entry();
}

static void __init check_tsc(unsigned int cpu)
{
	u64 now = rdtsc_ordered();

	if (secondary_tsc[1] < secondary_tsc[0] || now < secondary_tsc[1])
		pr_warn("tsc: CPU%u's counter is not in step with CPU0's: clocks may jump between "
			"CPUs\n",
			cpu);
}

static bool __init boot_secondary(unsigned int cpu)
{
	struct task_struct *idle = fork_idle(cpu);
	u64 give_up;

	if (IS_ERR_OR_NULL(idle)) {
		pr_err("smpboot: no idle task for CPU%u\n", cpu);
		return false;
	}
	secondary_cpu = cpu;
	secondary_gs = per_cpu_offset(cpu);
	secondary_stack = (u64)idle->stack + THREAD_SIZE - sizeof(struct pt_regs);
	per_cpu(current_task, cpu) = idle;
	secondary_tsc[0] = rdtsc_ordered();
	smp_wmb();
	if (apic_wakeup_cpu(cpu_apicid[cpu], real_mode_page))
		pr_warn("smpboot: CPU%u: the startup interrupt was not accepted\n", cpu);
	give_up = sched_clock() + NSEC_PER_SEC;
	while (!cpu_online(cpu)) {
		if (sched_clock() > give_up) {
			pr_err("smpboot: CPU%u (APIC id %u) does not answer\n", cpu,
			       cpu_apicid[cpu]);
			return false;
		}
		cpu_relax();
	}
	check_tsc(cpu);
	return true;
}

void __init smp_init(void)
{
	unsigned int cpu, nodes = 0;
	unsigned long node_seen = 0;

	if (num_present_cpus() > 1 && real_mode_page && apic_present) {
		pr_info("smp: Bringing up secondary CPUs ...\n");
		for_each_present_cpu(cpu)
			if (!cpu_online(cpu) && !boot_secondary(cpu))
				break; /* it may still wake up and use secondary_*: start no other */
	}
	for_each_online_cpu(cpu)
		node_seen |= BIT(cpu_to_node(cpu));
	nodes = hweight_long(node_seen);
	pr_info("smp: Brought up %u node%s, %u CPU%s\n", nodes, nodes == 1 ? "" : "s",
		num_online_cpus(), num_online_cpus() == 1 ? "" : "s");
}
