/*
 * Local APIC: interrupts between CPUs, the per-CPU timer, end of interrupt. I/O APIC: device interrupts.
 *
 * Reached through MSRs when firmware left x2APIC on, else through its page of registers at FIX_APIC_BASE. An
 * interrupt number (irq) is a global system interrupt: ISA irq 0..15 with the MADT's overrides applied; its vector is fixed
 * at boot.
 *
 * Facts: Intel SDM volume 3A, chapter 10; Intel 82093AA data sheet. Mirrors Linux arch/x86/kernel/apic/.
 * Exercised by every boot with more than one CPU.
 */
#pragma once

#include "lib/types.h"

/* Vectors above the exceptions; the higher the more urgent. */
#define FIRST_EXTERNAL_VECTOR 0x20
#define ISA_IRQ_VECTOR(irq)   (0x30 + (irq))
#define LOCAL_TIMER_VECTOR    0xec
#define REBOOT_VECTOR	      0xf8
#define CALL_FUNCTION_VECTOR  0xfb
#define RESCHEDULE_VECTOR     0xfd
#define ERROR_APIC_VECTOR     0xfe
#define SPURIOUS_APIC_VECTOR  0xff

#define BAD_APICID 0xffffffffU

extern bool x2apic_mode;
extern bool apic_present; /* false: no local APIC (or nolapic): one CPU, PIT tick impossible */
extern unsigned long apic_phys; /* physical address of the registers */
extern u32 cpu_apicid[];	/* by CPU number; BAD_APICID if not possible */

/* Maps or detects the local APIC of the boot CPU. => after the fixmap stands, ACPI read (or absent) */
void apic_init_early(void);
/* Enables this CPU's local APIC: spurious vector, error vector, LINT pins as MADT says. Every CPU, interrupts off. */
void setup_local_APIC(void);
/* Programs every I/O APIC pin as masked. Called by init_IRQ(). */
void setup_IO_APIC(void);
void mask_8259A(void); /* remaps the PICs away from the exceptions and masks all their lines */

u32 apic_read_id(void); /* of this CPU */
/* End of interrupt. => last thing a handler of an APIC vector does, interrupts off */
void apic_eoi(void);
#define ack_APIC_irq() apic_eoi()
/* Fixed interrupt @vector to @cpu, or NMI; any context. */
void apic_send_ipi(unsigned int cpu, u8 vector);
void apic_send_ipi_mask(unsigned long mask, u8 vector);
void apic_send_nmi(unsigned int cpu);
/* Wakes a CPU: INIT, then STARTUP at @phys (page below 1 MiB). 0, or -EIO if an interrupt was not accepted. */
int apic_wakeup_cpu(u32 apicid, phys_addr_t phys);

/* The timer: one shot, in TSC ticks (deadline mode) or counts. */
void apic_timer_setup(void);		     /* this CPU */
void apic_timer_next_event(u64 deadline_ns); /* ns since boot; at once if past */
void apic_timer_stop(void);
/* For calibration: run free from the largest count, read what is left. */
void apic_timer_start_max(void);
u32 apic_timer_current(void);

/* I/O APIC lines. -EINVAL if no I/O APIC has @gsi. trigger and polarity as MADT or the caller say. */
int ioapic_setup_irq(unsigned int gsi, u8 vector, unsigned int cpu, bool level, bool active_low);
void ioapic_mask_irq(unsigned int gsi);
void ioapic_unmask_irq(unsigned int gsi);
unsigned int ioapic_nr_gsi(void); /* highest global interrupt + 1; 0 without I/O APIC */
