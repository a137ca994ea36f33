/*
 * The two 8259 interrupt controllers of the PC: moved out of the way and silenced. The I/O APIC does their work.
 *
 * Even masked they may raise a spurious interrupt (line 7), which must not look like an exception: hence the remapping.
 * Facts: Intel 8259A data sheet. Mirrors Linux arch/x86/kernel/i8259.c. Exercised by every boot.
 */
#include "arch/x86/apic.h"
#include "arch/x86/io.h"

#define PIC_MASTER_CMD 0x20
#define PIC_MASTER_IMR 0x21
#define PIC_SLAVE_CMD  0xa0
#define PIC_SLAVE_IMR  0xa1

void mask_8259A(void)
{
	outb(0xff, PIC_MASTER_IMR);
	outb(0xff, PIC_SLAVE_IMR);
	/* ICW1: cascade, edge, ICW4 follows; ICW2: first vector; ICW3: slave on line 2; ICW4: 8086 mode. */
	outb(0x11, PIC_MASTER_CMD);
	outb(ISA_IRQ_VECTOR(0), PIC_MASTER_IMR);
	outb(0x04, PIC_MASTER_IMR);
	outb(0x01, PIC_MASTER_IMR);
	outb(0x11, PIC_SLAVE_CMD);
	outb(ISA_IRQ_VECTOR(8), PIC_SLAVE_IMR);
	outb(0x02, PIC_SLAVE_IMR);
	outb(0x01, PIC_SLAVE_IMR);
	outb(0xff, PIC_MASTER_IMR);
	outb(0xff, PIC_SLAVE_IMR);
}
