/*
 * Local APIC: registers, interrupts to other CPUs, the one-shot timer.
 *
 * All state is per CPU hardware; nothing here takes a lock. The interrupt command register is two writes in xAPIC mode, so
 * sending disables interrupts around them.
 *
 * Facts: Intel SDM volume 3A, chapter 10. Mirrors Linux arch/x86/kernel/apic/{apic,ipi}.c.
 * Exercised by every boot with more than one CPU.
 */
#include "arch/x86/apic.h"

#include "arch/x86/acpi.h"
#include "arch/x86/cpufeature.h"
#include "arch/x86/irq_stat.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/msr.h"
#include "arch/x86/traps.h"
#include "arch/x86/tsc.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/timer.h"
#include "lib/errno.h"
#include "mm/boot/fixmap.h"

#define APIC_ID	     0x20
#define APIC_LVR     0x30
#define APIC_TASKPRI 0x80
#define APIC_EOI     0xb0
#define APIC_LDR     0xd0
#define APIC_DFR     0xe0
#define APIC_SPIV    0xf0
#define APIC_ESR     0x280
#define APIC_ICR     0x300
#define APIC_ICR2    0x310
#define APIC_LVTT    0x320
#define APIC_LVTPC   0x340
#define APIC_LVT0    0x350
#define APIC_LVT1    0x360
#define APIC_LVTERR  0x370
#define APIC_TMICT   0x380
#define APIC_TMCCT   0x390
#define APIC_TDCR    0x3e0

#define APIC_SPIV_ENABLED	   BIT(8)
#define APIC_LVT_MASKED		   BIT(16)
#define APIC_LVT_TIMER_TSCDEADLINE (2UL << 17)
#define APIC_DM_NMI		   0x400
#define APIC_DM_INIT		   0x500
#define APIC_DM_STARTUP		   0x600
#define APIC_DM_EXTINT		   0x700
#define APIC_ICR_BUSY		   BIT(12)
#define APIC_INT_ASSERT		   BIT(14)
#define APIC_INT_LEVELTRIG	   BIT(15)
#define APIC_TDR_DIV_1		   0xb

#define DEFAULT_APIC_PHYS 0xfee00000UL

bool x2apic_mode;
bool apic_present;
unsigned long apic_phys = DEFAULT_APIC_PHYS;
u32 cpu_apicid[NR_CPUS] = { [0 ... NR_CPUS - 1] = BAD_APICID };
static void *apic_base; /* the mapped registers; NULL in x2APIC mode */
static bool tsc_deadline;
static bool nolapic;

DEFINE_PER_CPU(unsigned long, irq_stat[NR_ARCH_IRQ_STAT]);

static int __init param_nolapic(char *value)
{
	nolapic = true;
	return 0;
}
early_param("nolapic", param_nolapic);

static u32 apic_read(unsigned int reg)
{
	if (x2apic_mode)
		return native_read_msr(APIC_BASE_MSR + (reg >> 4));
	return *(volatile u32 *)(apic_base + reg);
}

static void apic_write(unsigned int reg, u32 value)
{
	if (x2apic_mode)
		wrmsrl(APIC_BASE_MSR + (reg >> 4), value);
	else
		*(volatile u32 *)(apic_base + reg) = value;
}

u32 apic_read_id(void)
{
	if (!apic_present)
		return 0;
	return x2apic_mode ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_eoi(void)
{
	if (x2apic_mode)
		wrmsrl(APIC_BASE_MSR + (APIC_EOI >> 4), 0);
	else
		*(volatile u32 *)(apic_base + APIC_EOI) = 0;
}

/* ---- interrupts to other CPUs ---- */

/* xAPIC only: false if the last command was not taken within about a second. */
static bool icr_idle(void)
{
	for (int i = 0; i < 1000000; i++) {
		if (!(apic_read(APIC_ICR) & APIC_ICR_BUSY))
			return true;
		cpu_relax();
	}
	return false;
}

static bool icr_write(u32 apicid, u32 command)
{
	unsigned long flags;
	bool idle;

	if (x2apic_mode) {
		/* The MSR write is not ordered after earlier stores, which the receiver has to see. */
		__asm__ __volatile__("mfence; lfence" : : : "memory");
		wrmsrl(APIC_BASE_MSR + (APIC_ICR >> 4), (u64)apicid << 32 | command);
		return true;
	}
	local_irq_save(flags);
	idle = icr_idle();
	apic_write(APIC_ICR2, apicid << 24);
	apic_write(APIC_ICR, command);
	local_irq_restore(flags);
	return idle;
}

void apic_send_ipi(unsigned int cpu, u8 vector)
{
	icr_write(cpu_apicid[cpu], vector | APIC_INT_ASSERT);
}

void apic_send_ipi_mask(unsigned long mask, u8 vector)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		apic_send_ipi(cpu, vector);
}

void apic_send_nmi(unsigned int cpu)
{
	icr_write(cpu_apicid[cpu], APIC_DM_NMI | APIC_INT_ASSERT);
}

int apic_wakeup_cpu(u32 apicid, phys_addr_t phys)
{
	bool ok;

	ok = icr_write(apicid, APIC_DM_INIT | APIC_INT_ASSERT | APIC_INT_LEVELTRIG);
	udelay(10);
	ok &= icr_write(apicid, APIC_DM_INIT | APIC_INT_LEVELTRIG);
	/* Modern processors and QEMU are ready at once; the second STARTUP serves those that are not. */
	for (int i = 0; i < 2; i++) {
		udelay(10);
		ok &= icr_write(apicid,
				APIC_DM_STARTUP | APIC_INT_ASSERT | (u32)(phys >> PAGE_SHIFT));
		if (!x2apic_mode)
			ok &= icr_idle();
	}
	return ok ? 0 : -EIO;
}

/* ---- timer ---- */

void apic_timer_setup(void)
{
	if (tsc_deadline) {
		apic_write(APIC_LVTT, LOCAL_TIMER_VECTOR | APIC_LVT_TIMER_TSCDEADLINE);
		/* The mode has to be in place before the MSR is written (SDM 10.5.4.1). */
		__asm__ __volatile__("mfence" : : : "memory");
		return;
	}
	apic_write(APIC_TDCR, APIC_TDR_DIV_1);
	apic_write(APIC_LVTT, LOCAL_TIMER_VECTOR);
}

void apic_timer_next_event(u64 deadline_ns)
{
	u64 now, counts;

	if (tsc_deadline) {
		wrmsrl(MSR_IA32_TSC_DEADLINE, ns_to_tsc(deadline_ns));
		return;
	}
	now = sched_clock();
	/*
	 * 0 would stop the timer. The +1 makes up for rounding: an early interrupt costs a second one. Far deadlines
	 * come in steps anyway, because the counter has 32 bits; the limit keeps the product in range.
	 */
	counts = 1;
	if (deadline_ns > now)
		counts += min(deadline_ns - now, (u64)1 << 40) * lapic_timer_khz / 1000000;
	apic_write(APIC_TMICT, min(counts, (u64)U32_MAX));
}

void apic_timer_stop(void)
{
	if (tsc_deadline)
		wrmsrl(MSR_IA32_TSC_DEADLINE, 0);
	else
		apic_write(APIC_TMICT, 0);
}

void apic_timer_start_max(void)
{
	apic_write(APIC_TDCR, APIC_TDR_DIV_1);
	apic_write(APIC_LVTT, LOCAL_TIMER_VECTOR | APIC_LVT_MASKED);
	apic_write(APIC_TMICT, U32_MAX);
}

u32 apic_timer_current(void)
{
	return apic_read(APIC_TMCCT);
}

/* ---- interrupts of its own ---- */

static void apic_timer_interrupt(struct pt_regs *regs)
{
	apic_eoi();
	this_cpu_inc(irq_stat[IRQ_STAT_LOC]);
	tick_irq_enter();
	hrtimer_interrupt();
}

static void spurious_interrupt(struct pt_regs *regs)
{
	/* The spurious vector sets no in-service bit: no end of interrupt. */
	this_cpu_inc(irq_stat[IRQ_STAT_SPU]);
}

static void error_interrupt(struct pt_regs *regs)
{
	u32 status;

	apic_write(APIC_ESR, 0);
	status = apic_read(APIC_ESR);
	apic_eoi();
	printk_ratelimited(KERN_WARNING "APIC error on CPU%d: %02x\n", smp_processor_id(), status);
}

static u32 lint_mode(unsigned int pin)
{
	if (acpi_info.lint_nmi == pin)
		return APIC_DM_NMI;
	/* Without an I/O APIC the PIC's interrupts would come in here; they are all masked. */
	return APIC_DM_EXTINT | APIC_LVT_MASKED;
}

void setup_local_APIC(void)
{
	if (!apic_present)
		return;
	apic_write(APIC_TASKPRI, 0);
	apic_write(APIC_LVTT, LOCAL_TIMER_VECTOR | APIC_LVT_MASKED);
	apic_write(APIC_LVT0, lint_mode(0));
	apic_write(APIC_LVT1, lint_mode(1));
	apic_write(APIC_LVTERR, ERROR_APIC_VECTOR);
	apic_write(APIC_SPIV, SPURIOUS_APIC_VECTOR | APIC_SPIV_ENABLED);
	apic_write(APIC_ESR, 0);
	apic_eoi();
}

void __init apic_init_early(void)
{
	u64 base;

	if (!boot_cpu_has(X86_FEATURE_APIC) || nolapic) {
		pr_warn("APIC: not available%s: one CPU, no timer interrupt\n",
			nolapic ? " (nolapic)" : "");
		return;
	}
	base = native_read_msr(MSR_IA32_APICBASE);
	if (!(base & MSR_IA32_APICBASE_ENABLE)) {
		base = DEFAULT_APIC_PHYS | (base & 0xfff & ~X2APIC_ENABLE) |
		       MSR_IA32_APICBASE_ENABLE;
		wrmsrl(MSR_IA32_APICBASE, base);
	}
	x2apic_mode = base & X2APIC_ENABLE;
	apic_phys = base & PTE_PFN_MASK;
	if (!x2apic_mode) {
		set_fixmap_nocache(FIX_APIC_BASE, apic_phys);
		apic_base = (void *)fix_to_virt(FIX_APIC_BASE);
	}
	apic_present = true;
	tsc_deadline = boot_cpu_has(X86_FEATURE_TSC_DEADLINE_TIMER);
	cpu_apicid[0] = apic_read_id();
	set_irq_handler(LOCAL_TIMER_VECTOR, apic_timer_interrupt);
	set_irq_handler(SPURIOUS_APIC_VECTOR, spurious_interrupt);
	set_irq_handler(ERROR_APIC_VECTOR, error_interrupt);
	setup_local_APIC();
	pr_info("APIC: %s mode, boot CPU has id %u, %s timer\n", x2apic_mode ? "x2APIC" : "xAPIC",
		cpu_apicid[0], tsc_deadline ? "TSC deadline" : "one-shot");
}
