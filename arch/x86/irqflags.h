/*
 * The interrupt flag of this CPU.
 *
 * Mirrors Linux arch/x86/include/asm/irqflags.h. Exercised by every boot.
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "lib/types.h"

static __always_inline unsigned long native_save_fl(void)
{
	unsigned long flags;

	__asm__ __volatile__("pushfq\n\tpopq %0" : "=rm"(flags) : : "memory");
	return flags;
}

static __always_inline void native_irq_disable(void)
{
	__asm__ __volatile__("cli" : : : "memory");
}

static __always_inline void native_irq_enable(void)
{
	__asm__ __volatile__("sti" : : : "memory");
}

static __always_inline unsigned long native_irq_save(void)
{
	unsigned long flags = native_save_fl();

	native_irq_disable();
	return flags;
}

static __always_inline bool irqs_disabled_flags(unsigned long flags)
{
	return !(flags & X86_EFLAGS_IF);
}

#define local_irq_disable()	native_irq_disable()
#define local_irq_enable()	native_irq_enable()
#define local_save_flags(flags) ((flags) = native_save_fl())
/* Saves whether interrupts were on into the unsigned long @flags, and turns them off. */
#define local_irq_save(flags) ((flags) = native_irq_save())
#define local_irq_restore(flags)                 \
	do {                                     \
		if (!irqs_disabled_flags(flags)) \
			native_irq_enable();     \
	} while (0)
#define irqs_disabled() irqs_disabled_flags(native_save_fl())

/* Turns interrupts on and sleeps until one comes; none can slip in between the two. */
static __always_inline void safe_halt(void)
{
	__asm__ __volatile__("sti\n\thlt" : : : "memory");
}

/* Sleeps with the interrupt flag as it is. */
static __always_inline void halt(void)
{
	__asm__ __volatile__("hlt" : : : "memory");
}
