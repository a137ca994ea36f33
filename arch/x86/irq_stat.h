/*
 * Counters of the interrupts that belong to a CPU and not to a device, as /proc/interrupts ends with.
 */
#pragma once

#include "kernel/percpu.h"

enum arch_irq_stat {
	IRQ_STAT_NMI,
	IRQ_STAT_LOC,
	IRQ_STAT_SPU,
	IRQ_STAT_RES,
	IRQ_STAT_CAL,
	IRQ_STAT_TLB,
	NR_ARCH_IRQ_STAT
};
DECLARE_PER_CPU(unsigned long, irq_stat[NR_ARCH_IRQ_STAT]);
