/*
 * Device interrupts: a handler for an interrupt number.
 *
 * irq is a global system interrupt number; ISA numbers 0..15 are translated by the MADT's overrides, so a driver of an ISA
 * device says 4 for the first serial port on every machine. Several devices may share a level-triggered line: each handler is
 * asked. Numbers from NR_GSI on are messages (MSI), handed out by irq_alloc_msi(). Handlers run in interrupt context with
 * interrupts off.
 *
 * Lock: irq_desc.lock for the list of handlers; taken with interrupts off.
 * Mirrors Linux include/linux/interrupt.h, kernel/irq/. Exercised by every boot (the serial port's interrupt) and the suite pci.
 */
#pragma once

#include "lib/types.h"

typedef enum { IRQ_NONE = 0, IRQ_HANDLED = 1, IRQ_WAKE_THREAD = 2 } irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int irq, void *dev);

#define IRQF_SHARED	    0x80
#define IRQF_TRIGGER_RISING 0x1
#define IRQF_TRIGGER_HIGH   0x4
#define IRQF_TRIGGER_LOW    0x8

/*
 * Installs @handler and unmasks the line. 0; -EINVAL no such line; -EBUSY taken and not shared by both; -ENOMEM.
 * => may sleep; after init_IRQ()
 */
int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name,
		void *dev);
/* Removes what request_irq() installed with the same @dev; no handler of it runs any more when it returns. => may sleep */
void free_irq(unsigned int irq, void *dev);

/* How a device's messages are kept back and let through. => interrupts off, the descriptor's lock held */
struct irq_chip {
	const char *name;
	void (*mask)(void *data);
	void (*unmask)(void *data);
};

/* What a device writes where to raise an interrupt. */
struct msi_msg {
	u64 address;
	u32 data;
};

/*
 * A number for an interrupt that is a message to @cpu, and the message; masked until request_irq(). -ENOSPC: all are taken, or
 * the CPU's APIC number does not fit a message. => may sleep
 */
int irq_alloc_msi(const struct irq_chip *chip, void *data, unsigned int cpu, struct msi_msg *msg);
/* => no handler is installed; the device sends it no more */
void irq_free_msi(unsigned int irq);

/* Boot CPU, after apic_init_early(): sets the I/O APICs up; request_irq works from here (and from slab). */
void init_IRQ(void);

/* /proc/interrupts: lines of counts per CPU. */
struct seq_file;
int show_interrupts(struct seq_file *m, void *v);
/* All interrupts that @cpu took since boot (/proc/stat). */
u64 kstat_cpu_irqs_sum(unsigned int cpu);
/* Device interrupts of one line since boot, all CPUs; lines are 0 .. nr_irqs - 1. */
unsigned int kstat_irqs(unsigned int irq);
extern const unsigned int nr_irqs;
