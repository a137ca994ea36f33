/*
 * PCI configuration space, and what a driver does to its device. See pci.h.
 *
 * 1. ECAM puts each function's 4 KiB of configuration space at base + (bus << 20 | devfn << 12). A bus (1 MiB) is mapped when it is
 *    first looked at and stays mapped: buses that nobody has cost nothing.
 * 2. Without ECAM an address is written to port 0xcf8 and the value read or written at 0xcfc: two steps, so a lock.
 *
 * Facts: PCI Local Bus Specification 3.0, 3.2.2.3.2 (ports), 6.7 (capabilities); PCI Express Base 3.0, 7.2.2 (ECAM).
 * Mirrors Linux drivers/pci/{access,pci}.c, arch/x86/pci/{direct,mmconfig_64}.c. Exercised by the suite pci.
 */
#include "kernel/dev/pci_internal.h"

#include "arch/x86/acpi.h"
#include "arch/x86/io.h"
#include "kernel/printk.h"
#include "kernel/spinlock.h"
#include "lib/errno.h"
#include "mm/kva/ioremap.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define NR_BUSES       256
/* No list of capabilities is longer: each takes 4 of the 192 bytes behind the header. */
#define MAX_CAPABILITIES 48

static DEFINE_SPINLOCK(pci_config_lock);
static void __iomem *ecam_buses[ACPI_MAX_ECAMS][NR_BUSES]; /* set once, by the boot's walk */

static const struct acpi_ecam *ecam_of(u16 segment, u8 bus)
{
	unsigned int i;

	for (i = 0; i < acpi_info.nr_ecams; i++) {
		const struct acpi_ecam *e = &acpi_info.ecam[i];

		if (e->segment == segment && bus >= e->first_bus && bus <= e->last_bus)
			return e;
	}
	return NULL;
}

bool pci_map_bus(u16 segment, u8 bus)
{
	const struct acpi_ecam *e = ecam_of(segment, bus);
	void __iomem **slot;

	if (!e)
		return segment == 0;
	slot = &ecam_buses[e - acpi_info.ecam][bus];
	if (!*slot)
		*slot = ioremap(e->base + ((phys_addr_t)bus << 20), 1UL << 20);
	return *slot || segment == 0;
}

/* Where the register is in memory; NULL: only the ports may reach it. */
static void __iomem *ecam_address(u16 segment, u8 bus, u8 devfn, unsigned int where)
{
	const struct acpi_ecam *e = ecam_of(segment, bus);
	void __iomem *base = e ? ecam_buses[e - acpi_info.ecam][bus] : NULL;

	return base ? base + ((unsigned int)devfn << 12) + where : NULL;
}

static u32 port_address(u8 bus, u8 devfn, unsigned int where)
{
	return BIT(31) | (u32)bus << 16 | (u32)devfn << 8 | (where & 0xfc);
}

u32 pci_conf1_read(u8 bus, u8 devfn, unsigned int where, unsigned int size)
{
	u16 port = CONFIG_DATA + (where & 3);

	guard(spinlock_irqsave)(&pci_config_lock);
	outl(port_address(bus, devfn, where), CONFIG_ADDRESS);
	return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

static void pci_conf1_write(u8 bus, u8 devfn, unsigned int where, unsigned int size, u32 value)
{
	u16 port = CONFIG_DATA + (where & 3);

	guard(spinlock_irqsave)(&pci_config_lock);
	outl(port_address(bus, devfn, where), CONFIG_ADDRESS);
	if (size == 1)
		outb(value, port);
	else if (size == 2)
		outw(value, port);
	else
		outl(value, port);
}

u32 pci_bus_read_config(u16 segment, u8 bus, u8 devfn, unsigned int where, unsigned int size)
{
	void __iomem *at = ecam_address(segment, bus, devfn, where);

	if (at)
		return size == 1 ? readb(at) : size == 2 ? readw(at) : readl(at);
	if (segment || where > 255)
		return ~0U >> (32 - 8 * size);
	return pci_conf1_read(bus, devfn, where, size);
}

void pci_bus_write_config(u16 segment, u8 bus, u8 devfn, unsigned int where, unsigned int size,
			  u32 value)
{
	void __iomem *at = ecam_address(segment, bus, devfn, where);

	if (at && size == 1)
		writeb(value, at);
	else if (at && size == 2)
		writew(value, at);
	else if (at)
		writel(value, at);
	else if (!segment && where <= 255)
		pci_conf1_write(bus, devfn, where, size, value);
}

unsigned int pci_cfg_space_size(const struct pci_dev *pdev)
{
	if (!ecam_address(pdev->segment, pdev->bus, pdev->devfn, 0))
		return 256;
	/* A device of the old kind behind ECAM answers with its 256 bytes only. */
	return pci_find_capability(pdev, PCI_CAP_ID_EXP) ? 4096 : 256;
}

/* From the pointer at pos on; a list that loops ends after as many steps as there is room for. */
static u8 find_from(const struct pci_dev *pdev, unsigned int pos, u8 cap)
{
	unsigned int steps;
	u8 at = pci_read_config_byte(pdev, pos) & ~3;

	for (steps = 0; at >= 0x40 && steps < MAX_CAPABILITIES; steps++) {
		u16 head = pci_read_config_word(pdev, at);

		if ((head & 0xff) == 0xff)
			break;
		if ((head & 0xff) == cap)
			return at;
		at = head >> 8 & ~3;
	}
	return 0;
}

u8 pci_find_capability(const struct pci_dev *pdev, u8 cap)
{
	if (!(pci_read_config_word(pdev, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	return find_from(pdev, PCI_CAPABILITY_LIST, cap);
}

u8 pci_find_next_capability(const struct pci_dev *pdev, u8 pos, u8 cap)
{
	return find_from(pdev, pos + 1, cap);
}

static void command_bits(struct pci_dev *pdev, u16 set, u16 clear)
{
	u16 old = pci_read_config_word(pdev, PCI_COMMAND), new = (old & ~clear) | set;

	if (new != old)
		pci_write_config_word(pdev, PCI_COMMAND, new);
}

int pci_enable_device(struct pci_dev *pdev)
{
	unsigned int i;
	u16 set = 0;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		const struct resource *res = &pdev->resource[i];

		if (!res->flags)
			continue;
		if (!res->start) {
			pr_err("pci %s: BAR %u has no address: cannot enable\n", pdev->name, i);
			return -EINVAL;
		}
		set |= res->flags & IORESOURCE_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	}
	command_bits(pdev, set, 0);
	return 0;
}

void pci_set_master(struct pci_dev *pdev)
{
	command_bits(pdev, PCI_COMMAND_MASTER, 0);
}

void pci_clear_master(struct pci_dev *pdev)
{
	command_bits(pdev, 0, PCI_COMMAND_MASTER);
}

void __iomem *pci_iomap_range(struct pci_dev *pdev, unsigned int bar, unsigned long offset,
			      unsigned long len)
{
	const struct resource *res;
	resource_size_t size;

	if (bar >= PCI_STD_NUM_BARS)
		return NULL;
	res = &pdev->resource[bar];
	if (!(res->flags & IORESOURCE_MEM) || !res->start)
		return NULL;
	size = resource_size(res);
	if (offset >= size || len > size - offset)
		return NULL;
	return ioremap(res->start + offset, len ? len : size - offset);
}
