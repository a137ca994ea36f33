/*
 * Reference clocks of the PC: HPET, ACPI PM timer, 8254 PIT.
 *
 * Facts: IA-PC HPET specification 1.0a; ACPI 6.5, 4.8.3.3; Intel 8254 data sheet.
 * Mirrors Linux arch/x86/kernel/{hpet,i8253}.c and drivers/clocksource/acpi_pm.c. Exercised by every boot.
 */
#include "arch/x86/clocksource.h"

#include "arch/x86/acpi.h"
#include "arch/x86/io.h"
#include "kernel/printk.h"
#include "mm/boot/fixmap.h"

#define HPET_ID		0x000
#define HPET_PERIOD	0x004 /* femtoseconds */
#define HPET_CFG	0x010
#define HPET_COUNTER	0x0f0
#define HPET_CFG_ENABLE BIT(0)
#define HPET_MIN_PERIOD 1000000U   /* 1 ns: nothing is faster */
#define HPET_MAX_PERIOD 100000000U /* the specification's limit */

#define PMTMR_MASK	    0xffffffU /* 24 bits are always there */
#define PMTMR_TICKS_PER_SEC 3579545

#define PIT_TICK_RATE 1193182UL
#define PIT_CH2	      0x42
#define PIT_MODE      0x43
#define PORT_B	      0x61

static volatile u32 *hpet_reg(unsigned int offset)
{
	return (volatile u32 *)(fix_to_virt(FIX_HPET_BASE) + offset);
}

static u64 hpet_read(void)
{
	return *hpet_reg(HPET_COUNTER);
}

static u64 pmtmr_read(void)
{
	return inl(acpi_info.pm_timer_port) & PMTMR_MASK;
}

static struct ref_clock hpet = { .name = "HPET", .mask = U32_MAX, .read = hpet_read };
static const struct ref_clock pm_timer = {
	.name = "PM-Timer",
	.mask = PMTMR_MASK,
	.read = pmtmr_read,
	.khz_num = PMTMR_TICKS_PER_SEC,
	.khz_den = 1000,
};

static bool __init hpet_init(void)
{
	u32 period;

	if (!acpi_info.hpet_address || !IS_ALIGNED(acpi_info.hpet_address, PAGE_SIZE))
		return false;
	set_fixmap_nocache(FIX_HPET_BASE, acpi_info.hpet_address);
	period = *hpet_reg(HPET_PERIOD);
	if (period < HPET_MIN_PERIOD || period > HPET_MAX_PERIOD) {
		pr_warn("hpet: period of %u fs is impossible: ignored\n", period);
		clear_fixmap(FIX_HPET_BASE);
		return false;
	}
	*hpet_reg(HPET_CFG) |= HPET_CFG_ENABLE;
	hpet.khz_num = 1000000000000ULL;
	hpet.khz_den = period;
	return true;
}

const struct ref_clock *__init ref_clock_init(void)
{
	u64 first;

	if (hpet_init())
		return &hpet;
	if (!acpi_info.pm_timer_port)
		return NULL;
	/* A port that nothing answers at reads all ones, or never moves. */
	first = pmtmr_read();
	for (int i = 0; i < 1000; i++)
		if (pmtmr_read() != first)
			return &pm_timer;
	pr_warn("ACPI: PM-Timer at port %#x does not count: ignored\n", acpi_info.pm_timer_port);
	acpi_info.pm_timer_port = 0;
	return NULL;
}

void __init pit_start_oneshot(unsigned int us)
{
	unsigned long count = PIT_TICK_RATE * us / 1000000;

	/* Gate on, speaker off; channel 2, both bytes, mode 0: output rises when the count is through. */
	outb((inb(PORT_B) & ~0x02) | 0x01, PORT_B);
	outb(0xb0, PIT_MODE);
	outb(count & 0xff, PIT_CH2);
	outb(count >> 8, PIT_CH2);
}

bool __init pit_done(void)
{
	return inb(PORT_B) & 0x20;
}
