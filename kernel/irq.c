/*
 * Device interrupts on top of the I/O APIC. See irq.h.
 *
 * 1. Descriptor n has vector 0x30 + n on every CPU. Those below NR_GSI are global interrupts (GSI), lines of the I/O APICs, and go
 *    to CPU 0; irq 0..15 are first translated to GSIs by the MADT's overrides. The others are messages, each to the CPU that its
 *    device writes to.
 * 2. The list of actions is changed under desc->lock and walked under it in interrupt context, so free_irq() knows that no
 *    handler runs when it has the lock. Handlers therefore must not call request_irq() or free_irq().
 * 3. Edge: end of interrupt first, so that an edge during the handler is not lost. Level: last, so that it does not come
 *    again before the handler has silenced the device.
 *
 * Mirrors Linux kernel/irq/{manage,handle,proc}.c. Exercised by every boot.
 */
#include "kernel/irq.h"

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/irq_stat.h"
#include "arch/x86/ptrace.h"
#include "arch/x86/traps.h"
#include "kernel/bug.h"
#include "kernel/fs/seq_file.h"
#include "kernel/percpu.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "mm/slab/slab.h"

#define NR_GSI	    64
#define NR_IRQS	    (0xe0 - ISA_IRQ_VECTOR(0)) /* vectors from 0xe0 on are the kernel's own */
#define NR_ISA_IRQS 16

struct irqaction {
	irq_handler_t handler;
	unsigned long flags;
	const char *name;
	void *dev;
	unsigned int irq; /* as the driver named it */
	struct irqaction *next;
};

struct irq_desc {
	spinlock_t lock;
	struct irqaction *actions;
	bool level;
	unsigned int unhandled;	     /* in a row */
	const struct irq_chip *chip; /* of a message; NULL: the number is free */
	void *chip_data;
};

static struct irq_desc irq_descs[NR_IRQS];
static DEFINE_PER_CPU(unsigned int[NR_IRQS], irq_counts);

static unsigned int irq_to_gsi(unsigned int irq)
{
	return irq < NR_ISA_IRQS ? acpi_info.isa[irq].gsi : irq;
}

static void mask_irq(unsigned int nr, struct irq_desc *desc)
{
	if (nr < NR_GSI)
		ioapic_mask_irq(nr);
	else
		desc->chip->mask(desc->chip_data);
}

static void unmask_irq(unsigned int nr, struct irq_desc *desc)
{
	if (nr < NR_GSI)
		ioapic_unmask_irq(nr);
	else
		desc->chip->unmask(desc->chip_data);
}

/* A level that nobody claims would come back for ever. */
static void note_unhandled(unsigned int gsi, struct irq_desc *desc, bool handled)
{
	if (handled) {
		desc->unhandled = 0;
		return;
	}
	if (++desc->unhandled < 10000)
		return;
	pr_err("irq %u: nobody cared: line masked\n", gsi);
	mask_irq(gsi, desc);
	desc->unhandled = 0;
}

static void device_interrupt(struct pt_regs *regs)
{
	unsigned int gsi = (unsigned int)~regs->orig_ax - ISA_IRQ_VECTOR(0);
	struct irq_desc *desc;
	bool handled = false;

	tick_irq_enter();
	if (gsi >= NR_IRQS) {
		apic_eoi();
		return;
	}
	desc = &irq_descs[gsi];
	(*this_cpu_ptr(&irq_counts))[gsi]++;
	if (!desc->level)
		apic_eoi();
	spin_lock(&desc->lock);
	for (struct irqaction *a = desc->actions; a; a = a->next)
		if (a->handler(a->irq, a->dev) != IRQ_NONE)
			handled = true;
	note_unhandled(gsi, desc, handled);
	spin_unlock(&desc->lock);
	if (desc->level)
		apic_eoi();
}

/* First user of a line: its vector, trigger and polarity. */
static int setup_line(unsigned int irq, unsigned int gsi, struct irq_desc *desc,
		      unsigned long flags)
{
	bool level = gsi >= NR_ISA_IRQS, low = level; /* PCI: level, active low */

	if (irq < NR_ISA_IRQS) {
		level = acpi_info.isa[irq].level;
		low = acpi_info.isa[irq].active_low;
	}
	if (flags & (IRQF_TRIGGER_HIGH | IRQF_TRIGGER_LOW)) {
		level = true;
		low = flags & IRQF_TRIGGER_LOW;
	} else if (flags & IRQF_TRIGGER_RISING) {
		level = low = false;
	}
	desc->level = level;
	set_irq_handler(ISA_IRQ_VECTOR(gsi), device_interrupt);
	return ioapic_setup_irq(gsi, ISA_IRQ_VECTOR(gsi), 0, level, low);
}

/* The descriptor's number, or -EINVAL: no such line, or a message that nobody allocated. */
static int irq_to_desc_nr(unsigned int irq)
{
	unsigned int nr = irq_to_gsi(irq);

	if (nr >= NR_IRQS)
		return -EINVAL;
	if (nr < NR_GSI)
		return nr < ioapic_nr_gsi() ? (int)nr : -EINVAL;
	return READ_ONCE(irq_descs[nr].chip) ? (int)nr : -EINVAL;
}

int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name,
		void *dev)
{
	int nr = irq_to_desc_nr(irq), err = 0;
	struct irq_desc *desc;
	struct irqaction *action, **end;
	unsigned long irqflags;

	if (nr < 0 || !handler || ((flags & IRQF_SHARED) && !dev))
		return -EINVAL;
	action = kmalloc(sizeof(*action), GFP_KERNEL);
	if (!action)
		return -ENOMEM;
	*action = (struct irqaction){ handler, flags, name, dev, irq, NULL };
	desc = &irq_descs[nr];
	spin_lock_irqsave(&desc->lock, irqflags);
	for (end = &desc->actions; *end; end = &(*end)->next)
		if (!(flags & (*end)->flags & IRQF_SHARED))
			err = -EBUSY;
	if (!err && !desc->actions && nr < NR_GSI)
		err = setup_line(irq, nr, desc, flags);
	if (!err) {
		*end = action;
		unmask_irq(nr, desc);
	}
	spin_unlock_irqrestore(&desc->lock, irqflags);
	if (err)
		kfree(action);
	return err;
}

void free_irq(unsigned int irq, void *dev)
{
	int nr = irq_to_desc_nr(irq);
	struct irq_desc *desc;
	struct irqaction **link, *action;
	unsigned long irqflags;

	if (nr < 0)
		return;
	desc = &irq_descs[nr];
	spin_lock_irqsave(&desc->lock, irqflags);
	for (link = &desc->actions; *link && (*link)->dev != dev; link = &(*link)->next)
		;
	action = *link;
	if (action)
		*link = action->next;
	if (!desc->actions)
		mask_irq(nr, desc);
	spin_unlock_irqrestore(&desc->lock, irqflags);
	kfree(action);
}

/*
 * Address and data of a message: Intel SDM volume 3, 11.11. Fixed delivery, edge, physical destination; the destination has
 * eight bits.
 */
int irq_alloc_msi(const struct irq_chip *chip, void *data, unsigned int cpu, struct msi_msg *msg)
{
	unsigned int nr;

	if (cpu_apicid[cpu] > 0xff)
		return -ENOSPC;
	for (nr = NR_GSI; nr < NR_IRQS; nr++) {
		struct irq_desc *desc = &irq_descs[nr];

		guard(spinlock_irqsave)(&desc->lock);
		if (desc->chip)
			continue;
		desc->chip = chip;
		desc->chip_data = data;
		desc->level = false;
		desc->unhandled = 0;
		set_irq_handler(ISA_IRQ_VECTOR(nr), device_interrupt);
		*msg = (struct msi_msg){ .address = 0xfee00000 | cpu_apicid[cpu] << 12,
					 .data = ISA_IRQ_VECTOR(nr) };
		return nr;
	}
	return -ENOSPC;
}

void irq_free_msi(unsigned int irq)
{
	struct irq_desc *desc = &irq_descs[irq];

	guard(spinlock_irqsave)(&desc->lock);
	WARN_ON(desc->actions);
	desc->chip = NULL;
}

void __init init_IRQ(void)
{
	for (unsigned int nr = 0; nr < NR_IRQS; nr++)
		spin_lock_init(&irq_descs[nr].lock);
	setup_IO_APIC();
}

/* ---- /proc/interrupts ---- */

static const struct {
	const char *tag, *name;
} arch_irqs[NR_ARCH_IRQ_STAT] = {
	[IRQ_STAT_NMI] = { "NMI", "Non-maskable interrupts" },
	[IRQ_STAT_LOC] = { "LOC", "Local timer interrupts" },
	[IRQ_STAT_SPU] = { "SPU", "Spurious interrupts" },
	[IRQ_STAT_RES] = { "RES", "Rescheduling interrupts" },
	[IRQ_STAT_CAL] = { "CAL", "Function call interrupts" },
	[IRQ_STAT_TLB] = { "TLB", "TLB shootdowns" },
};

static void show_line(struct seq_file *m, unsigned int nr)
{
	struct irq_desc *desc = &irq_descs[nr];
	unsigned int cpu;

	guard(spinlock_irqsave)(&desc->lock);
	if (!desc->actions)
		return;
	seq_printf(m, "%4u:", desc->actions->irq);
	for_each_online_cpu(cpu)
		seq_printf(m, " %10u", per_cpu(irq_counts, cpu)[nr]);
	seq_printf(m, "   %s %4u-%s ", nr < NR_GSI ? "IO-APIC" : desc->chip->name, nr,
		   desc->level ? "fasteoi" : "edge   ");
	for (struct irqaction *a = desc->actions; a; a = a->next)
		seq_printf(m, "%s %s", a == desc->actions ? "    " : ",", a->name);
	seq_puts(m, "\n");
}

int show_interrupts(struct seq_file *m, void *v)
{
	unsigned int cpu;

	seq_puts(m, "     ");
	for_each_online_cpu(cpu)
		seq_printf(m, "       CPU%-1u", cpu);
	seq_puts(m, "\n");
	for (unsigned int nr = 0; nr < NR_IRQS; nr++)
		show_line(m, nr);
	for (unsigned int i = 0; i < NR_ARCH_IRQ_STAT; i++) {
		seq_printf(m, "%4s:", arch_irqs[i].tag);
		for_each_online_cpu(cpu)
			seq_printf(m, " %10lu", per_cpu(irq_stat, cpu)[i]);
		seq_printf(m, "   %s\n", arch_irqs[i].name);
	}
	return 0;
}

u64 kstat_cpu_irqs_sum(unsigned int cpu)
{
	u64 sum = 0;

	for (unsigned int nr = 0; nr < NR_IRQS; nr++)
		sum += per_cpu(irq_counts, cpu)[nr];
	for (unsigned int i = 0; i < NR_ARCH_IRQ_STAT; i++)
		sum += per_cpu(irq_stat, cpu)[i];
	return sum;
}

const unsigned int nr_irqs = NR_IRQS;

unsigned int kstat_irqs(unsigned int irq)
{
	unsigned int cpu, sum = 0;

	for_each_possible_cpu(cpu)
		sum += per_cpu(irq_counts, cpu)[irq];
	return sum;
}
