/*
 * Finding PCI devices: the walk over the buses, and how large each BAR is.
 *
 * 1. A function is there if its vendor number is not all ones. Function 0 says whether there are others. A bridge says which bus
 *    lies behind it; the firmware has numbered them. A bus is looked at once, so wrong numbers cannot make the walk loop.
 * 2. A BAR tells its size by the bits that stay 0 when all ones are written. Meanwhile the device must not answer at that
 *    address, so memory and ports are switched off for the moment; the host bridge is left alone.
 * 3. What the firmware left at address 0 is not usable: one line, and the driver's pci_enable_device() fails.
 *
 * Facts: PCI Local Bus Specification 3.0, 6.2.5.1 (BARs). Mirrors Linux drivers/pci/probe.c. Exercised by the suite pci and
 * tests/boot/test_pci.py.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/numa.h"
#include "kernel/dev/pci.h"
#include "kernel/dev/pci_internal.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define BAR_IO	      0x1
#define BAR_TYPE_MASK 0x6
#define BAR_TYPE_64   0x4
#define BAR_PREFETCH  0x8
#define BAR_IO_MASK   (~0x3U)
#define BAR_MEM_MASK  (~0xfU)
#define CLASS_BRIDGE  0x06
#define NO_VENDOR     0xffff

LIST_HEAD(pci_devices);
static DECLARE_BITMAP(buses_seen, 256); /* of the segment being walked */

static u32 bar_probe(struct pci_dev *pdev, unsigned int where)
{
	u32 old = pci_read_config_dword(pdev, where), size;

	pci_write_config_dword(pdev, where, ~0U);
	size = pci_read_config_dword(pdev, where);
	pci_write_config_dword(pdev, where, old);
	return size;
}

/* Reads BAR i; returns how many registers it took: 1 or 2. */
static unsigned int read_bar(struct pci_dev *pdev, unsigned int i)
{
	unsigned int where = PCI_BASE_ADDRESS_0 + 4 * i, regs = 1;
	struct resource *res = &pdev->resource[i];
	u32 low = pci_read_config_dword(pdev, where), mask = bar_probe(pdev, where);
	u64 start, size;

	if (low & BAR_IO) {
		start = low & BAR_IO_MASK;
		/* Ports have 16 bits, and a device need not decode more. */
		size = mask & BAR_IO_MASK & 0xffff;
		size = size ? (~size & 0xffff) + 1 : 0;
		res->flags = IORESOURCE_IO;
	} else {
		start = low & BAR_MEM_MASK;
		size = mask & BAR_MEM_MASK;
		if ((low & BAR_TYPE_MASK) == BAR_TYPE_64 && i + 1 < PCI_STD_NUM_BARS) {
			regs = 2;
			start |= (u64)pci_read_config_dword(pdev, where + 4) << 32;
			size |= (u64)bar_probe(pdev, where + 4) << 32;
		} else if (size) {
			size |= ~0ULL << 32;
		}
		size = size ? ~size + 1 : 0;
		res->flags = IORESOURCE_MEM | (low & BAR_PREFETCH ? IORESOURCE_PREFETCH : 0) |
			     (regs == 2 ? IORESOURCE_MEM_64 : 0);
	}
	if (!size || (size & (size - 1)) || start + size - 1 < start) {
		res->flags = 0;
		return regs;
	}
	res->name = pdev->name;
	res->start = start;
	res->end = start + size - 1;
	return regs;
}

static void claim_bar(struct pci_dev *pdev, unsigned int i)
{
	struct resource *res = &pdev->resource[i];
	bool io = res->flags & IORESOURCE_IO;

	if (!res->flags)
		return;
	if (!res->start) {
		pr_warn("pci %s: BAR %u: %lu bytes without an address\n", pdev->name, i,
			res->end - res->start + 1);
		return;
	}
	pr_info("pci %s: BAR %u [%s %#06lx-%#06lx%s%s]\n", pdev->name, i, io ? "io " : "mem",
		res->start, res->end, res->flags & IORESOURCE_MEM_64 ? " 64bit" : "",
		res->flags & IORESOURCE_PREFETCH ? " pref" : "");
	if (insert_resource(io ? &ioport_resource : &iomem_resource, res))
		pr_warn("pci %s: BAR %u overlaps something else\n", pdev->name, i);
}

static void read_bars(struct pci_dev *pdev)
{
	unsigned int nr = (pdev->hdr_type & 0x7f) == PCI_HEADER_TYPE_BRIDGE ? 2 : PCI_STD_NUM_BARS;
	u16 command = pci_read_config_word(pdev, PCI_COMMAND);
	unsigned int i;

	if (pdev->class >> 16 == CLASS_BRIDGE)
		return;
	pci_write_config_word(pdev, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	for (i = 0; i < nr; i += read_bar(pdev, i))
		;
	pci_write_config_word(pdev, PCI_COMMAND, command);
	for (i = 0; i < nr; i++)
		claim_bar(pdev, i);
}

static void read_header(struct pci_dev *pdev)
{
	u32 class = pci_read_config_dword(pdev, PCI_CLASS_REVISION);

	pdev->revision = class & 0xff;
	pdev->class = class >> 8;
	pdev->hdr_type = pci_read_config_byte(pdev, PCI_HEADER_TYPE);
	pdev->pin = pci_read_config_byte(pdev, PCI_INTERRUPT_PIN);
	if (pdev->pin)
		pdev->irq = pci_read_config_byte(pdev, PCI_INTERRUPT_LINE);
	if (!(pdev->hdr_type & 0x7f)) {
		pdev->subsystem_vendor = pci_read_config_word(pdev, PCI_SUBSYSTEM_VENDOR_ID);
		pdev->subsystem_device = pci_read_config_word(pdev, PCI_SUBSYSTEM_ID);
	}
	pdev->msi_cap = pci_find_capability(pdev, PCI_CAP_ID_MSI);
	pdev->msix_cap = pci_find_capability(pdev, PCI_CAP_ID_MSIX);
}

static struct pci_dev *add_function(u16 segment, u8 bus, u8 devfn, u32 id)
{
	struct pci_dev *pdev = kzalloc(sizeof(*pdev), GFP_KERNEL);

	if (!pdev) {
		pr_err("pci: no memory for %02x:%02x.%u\n", bus, PCI_SLOT(devfn), PCI_FUNC(devfn));
		return NULL;
	}
	snprintf(pdev->name, sizeof(pdev->name), "%04x:%02x:%02x.%u", segment, bus, PCI_SLOT(devfn),
		 PCI_FUNC(devfn));
	device_initialize(&pdev->dev, pdev->name, DMA_BIT_MASK(32), NUMA_NO_NODE);
	pdev->segment = segment;
	pdev->bus = bus;
	pdev->devfn = devfn;
	pdev->vendor = id & 0xffff;
	pdev->device = id >> 16;
	read_header(pdev);
	pr_info("pci %s: [%04x:%04x] type %02x class %#08x\n", pdev->name, pdev->vendor,
		pdev->device, pdev->hdr_type & 0x7f, pdev->class);
	list_add_tail(&pdev->list, &pci_devices);
	read_bars(pdev);
	return pdev;
}

/* Marks a bus as looked at: false if it was, or cannot be reached. */
static bool visit_bus(u16 segment, u8 bus)
{
	if (test_bit(bus, buses_seen))
		return false;
	__set_bit(bus, buses_seen);
	return pci_map_bus(segment, bus);
}

/* The bus behind a bridge, if it has one that was not seen yet; else -1. */
static int bus_behind(struct pci_dev *pdev)
{
	u8 secondary;

	if (!pdev || (pdev->hdr_type & 0x7f) != PCI_HEADER_TYPE_BRIDGE)
		return -1;
	secondary = pci_read_config_byte(pdev, PCI_SECONDARY_BUS);
	if (!secondary) {
		pr_warn("pci %s: the firmware gave no number to the bus behind it\n", pdev->name);
		return -1;
	}
	return secondary;
}

static void scan_device(u16 segment, u8 bus, u8 slot, unsigned long *next_buses)
{
	unsigned int func, nr = 1;

	for (func = 0; func < nr; func++) {
		u8 devfn = PCI_DEVFN(slot, func);
		u32 id = pci_bus_read_config(segment, bus, devfn, PCI_VENDOR_ID, 4);
		struct pci_dev *pdev;
		int behind;

		if ((id & 0xffff) == NO_VENDOR || !(id & 0xffff))
			continue;
		pdev = add_function(segment, bus, devfn, id);
		if (!func && pdev && pdev->hdr_type & PCI_HEADER_TYPE_MULTI)
			nr = 8;
		behind = bus_behind(pdev);
		if (behind > 0)
			__set_bit(behind, next_buses);
	}
}

/* A segment: its first bus, and whatever bridges lead to, in the order of their numbers. */
static void scan_segment(u16 segment, u8 first)
{
	DECLARE_BITMAP(waiting, 256);
	unsigned int bus, slot;

	bitmap_zero(waiting, 256);
	bitmap_zero(buses_seen, 256);
	__set_bit(first, waiting);
	while ((bus = find_first_bit(waiting, 256)) < 256) {
		__clear_bit(bus, waiting);
		if (!visit_bus(segment, bus))
			continue;
		for (slot = 0; slot < 32; slot++)
			scan_device(segment, bus, slot, waiting);
	}
}

static int __init pci_init(void)
{
	bool segment0 = false;
	unsigned int i;
	char word[8];

	if (cmdline_get("pci", word, sizeof(word)) && !strcmp(word, "off")) {
		pr_info("pci: off by command line\n");
		return 0;
	}
	for (i = 0; i < acpi_info.nr_ecams; i++) {
		const struct acpi_ecam *e = &acpi_info.ecam[i];

		pr_info("pci: ECAM at %#lx for %04x:[%02x-%02x]\n",
			e->base + ((phys_addr_t)e->first_bus << 20), e->segment, e->first_bus,
			e->last_bus);
		segment0 |= !e->segment;
		scan_segment(e->segment, e->first_bus);
	}
	if (!segment0)
		scan_segment(0, 0);
	pci_sysfs_init();
	return 0;
}
fs_initcall(pci_init);

static const struct pci_device_id *match(const struct pci_driver *drv, const struct pci_dev *pdev)
{
	const struct pci_device_id *id;

	for (id = drv->id_table; id->vendor; id++)
		if ((id->vendor == PCI_ANY_ID || id->vendor == pdev->vendor) &&
		    (id->device == PCI_ANY_ID || id->device == pdev->device))
			return id;
	return NULL;
}

void pci_register_driver(const struct pci_driver *drv)
{
	struct pci_dev *pdev;

	list_for_each_entry(pdev, &pci_devices, list) {
		const struct pci_device_id *id = pdev->driver ? NULL : match(drv, pdev);
		int err;

		if (!id)
			continue;
		err = drv->probe(pdev, id);
		if (!err)
			pdev->driver = drv;
		else if (err != -ENODEV)
			pr_err("%s: %s: probe failed: error %d\n", drv->name, pdev->name, err);
	}
}

struct pci_dev *pci_get_device(unsigned int vendor, unsigned int device, struct pci_dev *from)
{
	struct pci_dev *pdev;
	bool seen = !from;

	list_for_each_entry(pdev, &pci_devices, list) {
		if (seen && (vendor == PCI_ANY_ID || vendor == pdev->vendor) &&
		    (device == PCI_ANY_ID || device == pdev->device))
			return pdev;
		seen |= pdev == from;
	}
	return NULL;
}
