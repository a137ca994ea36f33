/*
 * Which CPUs there are, by number, and where each sits: package and core.
 *
 * CPU 0 is the boot CPU, whatever its APIC id; the others are numbered in MADT's order.
 * Mirrors Linux arch/x86/kernel/{smpboot.c,cpu/topology.c}. Exercised by boots with CPUS=1, 2 and 4.
 */
#pragma once

#include "lib/types.h"

/*
 * Numbers the CPUs that ACPI named, within nr_cpus=/maxcpus= and NR_CPUS, and sets cpu_possible_mask and cpu_present_mask.
 * => boot CPU, once, after acpi_boot_init(), before the per-CPU areas are made
 */
void prefill_possible_map(void);

/* From the APIC id, split as CPUID of the boot CPU says: for /proc/cpuinfo. */
unsigned int topology_physical_package_id(unsigned int cpu);
unsigned int topology_core_id(unsigned int cpu);
/* Possible CPUs in the same package. */
unsigned long topology_core_cpumask(unsigned int cpu);
