/*
 * CPU numbers and topology. See topology.h.
 *
 * An APIC id is a bit field: package | core | thread. CPUID leaf 0xb gives the widths on newer processors, leaf 4 and leaf 1
 * the counts on older ones. Written on the boot CPU before others run; constant after.
 */
#include "arch/x86/topology.h"

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpufeature.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "lib/string.h"

cpumask_t cpu_possible_mask = 1, cpu_present_mask = 1, cpu_online_mask = 1;
unsigned int nr_cpu_ids = 1;

static unsigned int max_cpus __initdata = NR_CPUS;
static unsigned int thread_bits, package_shift;

/* A small decimal number; a malformed one changes nothing. */
static int __init param_maxcpus(char *value)
{
	unsigned int n = 0;

	if (!value || *value < '0' || *value > '9')
		return 0;
	for (; *value >= '0' && *value <= '9' && n < NR_CPUS; value++)
		n = n * 10 + (*value - '0');
	max_cpus = clamp(n, 1U, (unsigned int)NR_CPUS);
	return 0;
}
early_param("maxcpus", param_maxcpus);

static int __init param_nr_cpus(char *value)
{
	return param_maxcpus(value);
}
early_param("nr_cpus", param_nr_cpus);

static int __init param_nosmp(char *value)
{
	max_cpus = 1;
	return 0;
}
early_param("nosmp", param_nosmp);

static u32 __init boot_apicid(void)
{
	u32 a, b, c, d;

	cpuid_count(0, 0, &a, &b, &c, &d);
	if (a >= 0xb) {
		cpuid_count(0xb, 0, &a, &b, &c, &d);
		if (b & 0xffff)
			return d;
	}
	cpuid_count(1, 0, &a, &b, &c, &d);
	return b >> 24;
}

static void __init find_id_widths(void)
{
	u32 a, b, c, d, max_leaf;

	cpuid_count(0, 0, &max_leaf, &b, &c, &d);
	if (max_leaf >= 0xb) {
		cpuid_count(0xb, 0, &a, &b, &c, &d);
		if (b & 0xffff) {
			thread_bits = a & 31;
			package_shift = thread_bits;
			cpuid_count(0xb, 1, &a, &b, &c, &d);
			if (b & 0xffff)
				package_shift = a & 31;
			return;
		}
	}
	cpuid_count(1, 0, &a, &b, &c, &d);
	if (d & BIT(28)) /* more than one id in the package */
		package_shift = order_base_2((b >> 16) & 0xff);
	if (max_leaf >= 4) {
		unsigned int cores;

		cpuid_count(4, 0, &a, &b, &c, &d);
		cores = order_base_2((a >> 26) + 1);
		if (a & 31)
			thread_bits = package_shift > cores ? package_shift - cores : 0;
	}
}

void __init prefill_possible_map(void)
{
	u32 boot_id = boot_apicid();
	unsigned int cpu = 1, dropped = 0;

	find_id_widths();
	cpu_apicid[0] = boot_id;
	for (unsigned int i = 0; i < acpi_info.nr_cpus; i++) {
		if (acpi_info.apicid[i] == boot_id)
			continue;
		if (cpu < max_cpus && cpu < NR_CPUS)
			cpu_apicid[cpu++] = acpi_info.apicid[i];
		else
			dropped++;
	}
	nr_cpu_ids = cpu;
	cpu_possible_mask = cpu == NR_CPUS ? ~0UL : BIT(cpu) - 1;
	cpu_present_mask = cpu_possible_mask;
	if (dropped)
		pr_info("smpboot: %u more CPUs are not used\n", dropped);
	pr_info("smpboot: Allowing %u CPUs, 0 hotplug CPUs\n", cpu);
}

unsigned int cpu_to_apicid(unsigned int cpu)
{
	return cpu < NR_CPUS ? cpu_apicid[cpu] : BAD_APICID;
}

unsigned int topology_physical_package_id(unsigned int cpu)
{
	return cpu_apicid[cpu] >> package_shift;
}

unsigned int topology_core_id(unsigned int cpu)
{
	return (cpu_apicid[cpu] & (BIT(package_shift) - 1)) >> thread_bits;
}

unsigned long topology_core_cpumask(unsigned int cpu)
{
	unsigned long mask = 0;
	unsigned int other;

	for_each_possible_cpu(other)
		if (topology_physical_package_id(other) == topology_physical_package_id(cpu))
			mask |= BIT(other);
	return mask;
}
