/*
 * I/O APICs: which vector on which CPU a device's interrupt line becomes.
 *
 * Each chip has up to 240 lines and serves the global interrupts [gsi_base, gsi_base + lines). A line's redirection entry is
 * two registers behind an index register, so every access holds ioapic_lock with interrupts off.
 *
 * Facts: Intel 82093AA data sheet. Mirrors Linux arch/x86/kernel/apic/io_apic.c. Exercised by every boot.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "lib/errno.h"
#include "mm/boot/fixmap.h"

#define IOAPIC_VERSION	   1
#define IOAPIC_REDIR(line) (0x10 + 2 * (line))
#define REDIR_ACTIVE_LOW   BIT(13)
#define REDIR_LEVEL	   BIT(15)
#define REDIR_MASKED	   BIT(16)

static struct ioapic {
	volatile u32 *regs; /* index at +0, data at +16 bytes */
	unsigned int gsi_base, nr_lines;
} ioapics[ACPI_MAX_IOAPICS];
static unsigned int nr_ioapics;
static DEFINE_SPINLOCK(ioapic_lock); /* index and data register are used in pairs */

static u32 ioapic_read(const struct ioapic *io, unsigned int reg)
{
	io->regs[0] = reg;
	return io->regs[4];
}

static void ioapic_write(const struct ioapic *io, unsigned int reg, u32 value)
{
	io->regs[0] = reg;
	io->regs[4] = value;
}

static const struct ioapic *ioapic_of(unsigned int gsi, unsigned int *line)
{
	for (unsigned int i = 0; i < nr_ioapics; i++) {
		if (gsi - ioapics[i].gsi_base < ioapics[i].nr_lines) {
			*line = gsi - ioapics[i].gsi_base;
			return &ioapics[i];
		}
	}
	return NULL;
}

int ioapic_setup_irq(unsigned int gsi, u8 vector, unsigned int cpu, bool level, bool active_low)
{
	unsigned int line;
	const struct ioapic *io = ioapic_of(gsi, &line);
	u32 low = vector | REDIR_MASKED | (level ? REDIR_LEVEL : 0) |
		  (active_low ? REDIR_ACTIVE_LOW : 0);

	/* The entry has eight bits for the CPU; more need interrupt remapping, which we do not have. */
	if (!io || cpu_apicid[cpu] > 0xff)
		return -EINVAL;
	guard(spinlock_irqsave)(&ioapic_lock);
	ioapic_write(io, IOAPIC_REDIR(line), low);
	ioapic_write(io, IOAPIC_REDIR(line) + 1, cpu_apicid[cpu] << 24);
	return 0;
}

static void ioapic_set_mask(unsigned int gsi, bool masked)
{
	unsigned int line;
	const struct ioapic *io = ioapic_of(gsi, &line);
	u32 low;

	if (!io)
		return;
	guard(spinlock_irqsave)(&ioapic_lock);
	low = ioapic_read(io, IOAPIC_REDIR(line)) & ~(u32)REDIR_MASKED;
	ioapic_write(io, IOAPIC_REDIR(line), masked ? low | REDIR_MASKED : low);
}

void ioapic_mask_irq(unsigned int gsi)
{
	ioapic_set_mask(gsi, true);
}

void ioapic_unmask_irq(unsigned int gsi)
{
	ioapic_set_mask(gsi, false);
}

unsigned int ioapic_nr_gsi(void)
{
	unsigned int top = 0;

	for (unsigned int i = 0; i < nr_ioapics; i++)
		top = max(top, ioapics[i].gsi_base + ioapics[i].nr_lines);
	return top;
}

static void __init ioapic_register(unsigned int n, phys_addr_t phys, unsigned int gsi_base)
{
	struct ioapic *io = &ioapics[nr_ioapics];
	enum fixed_addresses slot = FIX_IO_APIC_BASE_0 + n;
	u32 version;

	set_fixmap_nocache(slot, phys & PAGE_MASK);
	io->regs = (volatile u32 *)(fix_to_virt(slot) + (phys & ~PAGE_MASK));
	version = ioapic_read(io, IOAPIC_VERSION);
	if (version == ~0U || gsi_base > 1024) {
		pr_warn("IOAPIC[%u]: nothing answers at %#lx: ignored\n", n, phys);
		return;
	}
	io->gsi_base = gsi_base;
	io->nr_lines = ((version >> 16) & 0xff) + 1;
	nr_ioapics++;
	for (unsigned int line = 0; line < io->nr_lines; line++)
		ioapic_write(io, IOAPIC_REDIR(line), REDIR_MASKED);
	pr_info("IOAPIC[%u]: apic_id %u, version %u, address %#lx, GSI %u-%u\n", n,
		acpi_info.ioapic[n].id, version & 0xff, phys, gsi_base,
		gsi_base + io->nr_lines - 1);
}

void __init setup_IO_APIC(void)
{
	if (!apic_present)
		return;
	for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++)
		ioapic_register(i, acpi_info.ioapic[i].address, acpi_info.ioapic[i].gsi_base);
	/* Without tables: where the PC has had it since the first one. */
	if (!acpi_info.present)
		ioapic_register(0, 0xfec00000, 0);
}
