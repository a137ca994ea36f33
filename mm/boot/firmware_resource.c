/*
 * Devices of the board in /proc/iomem and /proc/ioports: what firmware's tables say of addresses that no bus announces.
 *
 * 1. MADT has the I/O APICs and the local APIC, HPET the timer, MCFG where PCI's configuration space is mapped (ECAM). These
 *    go into the resource tree under Linux's names, and with the sizes that it gives them.
 * 2. Late, when drivers have what they need: a range that firmware reserves as a whole is above them or beneath them in
 *    the tree, whichever is larger.
 * 3. Ports below 0x100 are where they have been since the first PC; MADT says whether the machine has such devices.
 * 4. What only ACPI's byte code knows is absent, as there is no interpreter: the windows of the host bridge ("PCI Bus
 *    0000:00") and the ranges of motherboard devices ("pnp 00:04").
 *
 * Mirrors parts of Linux arch/x86/kernel/apic/{apic,io_apic}.c, arch/x86/kernel/acpi/boot.c, arch/x86/pci/mmconfig-shared.c.
 * Exercised by tests/boot/test_numa.py.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/page.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/boot/resource.h"

#define MAX_DEVICES (ACPI_MAX_ECAMS + ACPI_MAX_IOAPICS + 2)
#define BLOCK_SIZE  1024 /* of an I/O APIC's and of the HPET's registers */

static struct {
	struct resource res;
	char name[32];
} devices[MAX_DEVICES];
static unsigned int nr_devices;

/* The next resource, to be named. => room for all that the tables can have */
static char *__init add(phys_addr_t start, phys_addr_t size, unsigned long flags)
{
	devices[nr_devices].res = (struct resource){
		.name = devices[nr_devices].name,
		.start = start,
		.end = start + size - 1,
		.flags = IORESOURCE_MEM | flags,
	};
	return devices[nr_devices++].name;
}

static struct resource legacy_ports[] = {
#define PORTS(from, to, what)                                                                    \
	{                                                                                        \
		.name = what, .start = from, .end = to, .flags = IORESOURCE_IO | IORESOURCE_BUSY \
	}
	PORTS(0x00, 0x1f, "dma1"),	   PORTS(0x20, 0x21, "pic1"),
	PORTS(0x40, 0x43, "timer0"),	   PORTS(0x50, 0x53, "timer1"),
	PORTS(0x60, 0x60, "keyboard"),	   PORTS(0x64, 0x64, "keyboard"),
	PORTS(0x80, 0x8f, "dma page reg"), PORTS(0xa0, 0xa1, "pic2"),
	PORTS(0xc0, 0xdf, "dma2"),	   PORTS(0xf0, 0xff, "fpu"),
#undef PORTS
};

static struct resource pm_timer_ports = { .name = "ACPI PM_TMR",
					  .flags = IORESOURCE_IO | IORESOURCE_BUSY };

static void __init insert_ports(void)
{
	for (int i = 0; acpi_info.pcat_compat && i < ARRAY_SIZE(legacy_ports); i++)
		request_resource(&ioport_resource, &legacy_ports[i]);
	if (!acpi_info.pm_timer_port)
		return;
	pm_timer_ports.start = acpi_info.pm_timer_port;
	pm_timer_ports.end = acpi_info.pm_timer_port + 3;
	insert_resource(&ioport_resource, &pm_timer_ports);
}

static int __init insert_firmware_resources(void)
{
	const size_t room = sizeof(devices[0].name);

	for (unsigned int i = 0; i < acpi_info.nr_ecams; i++) {
		const struct acpi_ecam *e = &acpi_info.ecam[i];

		snprintf(add(e->base + ((phys_addr_t)e->first_bus << 20),
			     (phys_addr_t)(e->last_bus - e->first_bus + 1) << 20, IORESOURCE_BUSY),
			 room, "PCI ECAM %04x [bus %02x-%02x]", e->segment, e->first_bus,
			 e->last_bus);
	}
	for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++)
		snprintf(add(acpi_info.ioapic[i].address, BLOCK_SIZE, IORESOURCE_BUSY), room,
			 "IOAPIC %u", i);
	if (acpi_info.hpet_address)
		snprintf(add(acpi_info.hpet_address, BLOCK_SIZE, 0), room, "HPET %u",
			 acpi_info.hpet_number);
	if (acpi_info.lapic_address)
		snprintf(add(acpi_info.lapic_address, PAGE_SIZE, IORESOURCE_BUSY), room,
			 "Local APIC");
	for (unsigned int i = 0; i < nr_devices; i++)
		if (insert_resource(&iomem_resource, &devices[i].res))
			pr_warn("resource: %s [mem %#018lx-%#018lx] overlaps others, left out\n",
				devices[i].name, devices[i].res.start, devices[i].res.end);
	insert_ports();
	return 0;
}
late_initcall(insert_firmware_resources);
