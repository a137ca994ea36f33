/*
 * Power off, restart, halt. See reboot.h.
 *
 * Each tries its ways in order, from the documented to the desperate; what does not exist has no effect.
 */
#include "arch/x86/reboot.h"

#include "arch/x86/acpi.h"
#include "arch/x86/io.h"
#include "arch/x86/irqflags.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/time.h"

#define SCI_EN		     BIT(0)
#define SLP_TYP(x)	     ((u16)(x) << 10)
#define SLP_EN		     BIT(13)
#define QEMU_PM1A_PORT	     0x604 /* q35 and recent i440fx */
#define QEMU_DEBUG_EXIT_PORT 0xf4
#define RESET_PORT	     0xcf9
#define KBD_COMMAND	     0x64

void qemu_exit(unsigned int code)
{
	outl(code, QEMU_DEBUG_EXIT_PORT);
}

static void __attribute__((__noreturn__)) halt_forever(void)
{
	local_irq_disable();
	for (;;)
		halt();
}

/* Firmware may have left the power registers to itself: asks it to hand them over. */
static void acpi_take_over(void)
{
	if ((inw(acpi_info.pm1a_cnt) & SCI_EN) || !acpi_info.smi_cmd || !acpi_info.acpi_enable)
		return;
	outb(acpi_info.acpi_enable, acpi_info.smi_cmd);
	for (int i = 0; i < 1000 && !(inw(acpi_info.pm1a_cnt) & SCI_EN); i++)
		udelay(100);
}

static void acpi_enter_s5(void)
{
	u16 keep;

	if (!acpi_info.has_s5 || !acpi_info.pm1a_cnt)
		return;
	acpi_take_over();
	keep = inw(acpi_info.pm1a_cnt) & ~(SLP_TYP(7) | SLP_EN);
	outw(keep | SLP_TYP(acpi_info.slp_typa), acpi_info.pm1a_cnt);
	outw(keep | SLP_TYP(acpi_info.slp_typa) | SLP_EN, acpi_info.pm1a_cnt);
	if (acpi_info.pm1b_cnt)
		outw(SLP_TYP(acpi_info.slp_typb) | SLP_EN, acpi_info.pm1b_cnt);
	mdelay(10);
}

void machine_power_off(void)
{
	pr_emerg("reboot: Power down\n");
	smp_send_stop();
	local_irq_disable();
	acpi_enter_s5();
	outw(SLP_EN, QEMU_PM1A_PORT);
	mdelay(10);
	pr_emerg("reboot: this machine does not switch off by software\n");
	halt_forever();
}

static void acpi_reset(void)
{
	/* A register in memory would need a mapping that may not be made here; the other ways follow. */
	if (!acpi_info.reset_supported || !acpi_info.reset_is_io)
		return;
	outb(acpi_info.reset_value, acpi_info.reset_address);
	mdelay(15);
}

static void triple_fault(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed no_idt = { 0, 0 };

	__asm__ __volatile__("lidt %0\n\tint3" : : "m"(no_idt));
}

void machine_restart(void)
{
	pr_emerg("reboot: Restarting system\n");
	smp_send_stop();
	local_irq_disable();
	acpi_reset();
	outb(0x02, RESET_PORT);
	udelay(50);
	outb(0x06, RESET_PORT);
	mdelay(10);
	outb(0xfe, KBD_COMMAND);
	mdelay(10);
	triple_fault();
	halt_forever();
}

void machine_halt(void)
{
	pr_emerg("reboot: System halted\n");
	smp_send_stop();
	halt_forever();
}
