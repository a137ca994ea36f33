/*
 * PCI: devices found on the buses, their configuration space, memory and interrupts.
 *
 * 1. A function of a device is named by segment, bus, device and function number. Its configuration space (256 bytes, 4096 on
 *    PCI Express) is reached through ECAM, a window in memory that ACPI's MCFG names, or through the ports 0xcf8 and 0xcfc, which
 *    reach segment 0 and the first 256 bytes only.
 * 2. Buses are walked once, at boot: all 32 devices of bus 0, and what lies behind each bridge, as the firmware has numbered
 *    them. Base addresses (BARs) stay where the firmware put them.
 * 3. A driver names the devices that it wants by vendor and device number; its probe is called for each. Devices do not come
 *    or go afterwards.
 * 4. Interrupts are messages: a write of a vector's number to the local APIC's address (MSI, MSI-X). Their irq numbers are
 *    those of irq_alloc_msi() (kernel/irq.h); request_irq() works on them as on lines.
 *
 * Locks: pci_config_lock around the port pair. The list of devices is constant after subsys_initcall.
 * Facts: PCI Local Bus Specification 3.0, PCI Express Base Specification 3.0 (chapter 7).
 * Mirrors Linux include/linux/pci.h, drivers/pci/. Exercised by the suite pci (tests/kernel/pci.c) and tests/boot/test_pci.py.
 */
#pragma once

#include "lib/list.h"
#include "lib/types.h"
#include "mm/boot/resource.h"
#include "mm/slab/device.h"

#define PCI_VENDOR_ID		 0x00
#define PCI_DEVICE_ID		 0x02
#define PCI_COMMAND		 0x04
#define PCI_COMMAND_IO		 0x1
#define PCI_COMMAND_MEMORY	 0x2
#define PCI_COMMAND_MASTER	 0x4
#define PCI_COMMAND_INTX_DISABLE 0x400
#define PCI_STATUS		 0x06
#define PCI_STATUS_CAP_LIST	 0x10
#define PCI_CLASS_REVISION	 0x08
#define PCI_HEADER_TYPE		 0x0e
#define PCI_HEADER_TYPE_BRIDGE	 1
#define PCI_HEADER_TYPE_MULTI	 0x80
#define PCI_BASE_ADDRESS_0	 0x10
#define PCI_PRIMARY_BUS		 0x18
#define PCI_SECONDARY_BUS	 0x19
#define PCI_SUBSYSTEM_VENDOR_ID	 0x2c
#define PCI_SUBSYSTEM_ID	 0x2e
#define PCI_CAPABILITY_LIST	 0x34
#define PCI_INTERRUPT_LINE	 0x3c
#define PCI_INTERRUPT_PIN	 0x3d
#define PCI_CAP_ID_MSI		 0x05
#define PCI_CAP_ID_VNDR		 0x09
#define PCI_CAP_ID_EXP		 0x10
#define PCI_CAP_ID_MSIX		 0x11
#define PCI_STD_NUM_BARS	 6
#define PCI_ANY_ID		 (~0U)

#define PCI_DEVFN(slot, func) ((slot) << 3 | (func))
#define PCI_SLOT(devfn)	      ((devfn) >> 3)
#define PCI_FUNC(devfn)	      ((devfn)&7)

struct pci_driver;

/* One function. Legend: - constant once found; D its driver, one call at a time. */
struct pci_dev {
	struct device dev;			    /* - */
	struct list_head list;			    /* - */
	u16 segment, vendor, device;		    /* - */
	u16 subsystem_vendor, subsystem_device;	    /* - */
	u8 bus, devfn;				    /* - */
	u8 revision, hdr_type, pin;		    /* - */
	u32 class;				    /* - base class, subclass, interface: 24 bits */
	unsigned int irq;			    /* - the line that the firmware wrote down */
	char name[16];				    /* - "0000:00:1f.2" */
	struct resource resource[PCI_STD_NUM_BARS]; /* - flags 0: no such BAR */
	const struct pci_driver *driver;	    /* - after device_initcall */
	void *driver_data;			    /* D */
	struct msi_vector *msi;			    /* D */
	unsigned int nr_msi;			    /* D */
	u8 msi_cap, msix_cap;			    /* - offsets in configuration space; 0: none */
};

struct pci_device_id {
	u32 vendor, device; /* PCI_ANY_ID */
};

struct pci_driver {
	const char *name;
	const struct pci_device_id *id_table; /* ends with vendor 0 */
	/* 0: the device is this driver's. => may sleep */
	int (*probe)(struct pci_dev *pdev, const struct pci_device_id *id);
};

extern struct list_head pci_devices; /* struct pci_dev.list, in the order found */

/* Calls probe for each device that nobody has and the table names. => device_initcall or later, may sleep */
void pci_register_driver(const struct pci_driver *drv);
/* The next device after from (NULL: the first) with these numbers; NULL. */
struct pci_dev *pci_get_device(unsigned int vendor, unsigned int device, struct pci_dev *from);

/* --- configuration space: where is a byte offset, aligned to its size. All ones where nothing answers. => any context --- */
u32 pci_bus_read_config(u16 segment, u8 bus, u8 devfn, unsigned int where, unsigned int size);
void pci_bus_write_config(u16 segment, u8 bus, u8 devfn, unsigned int where, unsigned int size,
			  u32 value);
/* Bytes of configuration space that can be reached: 256, or 4096 with ECAM. */
unsigned int pci_cfg_space_size(const struct pci_dev *pdev);

#define __PCI_CONFIG(name, type)                                                                \
	static inline type pci_read_config_##name(const struct pci_dev *d, unsigned int where)  \
	{                                                                                       \
		return pci_bus_read_config(d->segment, d->bus, d->devfn, where, sizeof(type));  \
	}                                                                                       \
	static inline void pci_write_config_##name(const struct pci_dev *d, unsigned int where, \
						   type value)                                  \
	{                                                                                       \
		pci_bus_write_config(d->segment, d->bus, d->devfn, where, sizeof(type), value); \
	}
__PCI_CONFIG(byte, u8)
__PCI_CONFIG(word, u16)
__PCI_CONFIG(dword, u32)
#undef __PCI_CONFIG

/* Offset of the first capability with this number, or of the next one after pos; 0: none. Survives lists that loop. */
u8 pci_find_capability(const struct pci_dev *pdev, u8 cap);
u8 pci_find_next_capability(const struct pci_dev *pdev, u8 pos, u8 cap);

/* --- for drivers --- */

/* Lets the device answer on its BARs. 0, or -EINVAL: the firmware gave one of them no address. */
int pci_enable_device(struct pci_dev *pdev);
/* Lets the device read and write memory, or forbids it. */
void pci_set_master(struct pci_dev *pdev);
void pci_clear_master(struct pci_dev *pdev);
/*
 * Maps len bytes at offset of a memory BAR uncached (len 0: up to its end); NULL: no such memory, or none left for the mapping.
 * iounmap() it. => may sleep
 */
void __iomem *pci_iomap_range(struct pci_dev *pdev, unsigned int bar, unsigned long offset,
			      unsigned long len);

/*
 * Gives the device between min and max interrupt messages, MSI-X if it has it, else MSI (one): how many, or -ENOSPC. Each is
 * masked until request_irq(pci_irq_vector(pdev, n)). They are spread over the CPUs: n goes to CPU n modulo their number.
 * => may sleep
 */
int pci_alloc_irq_vectors(struct pci_dev *pdev, unsigned int min, unsigned int max);
/* => no handler is installed on them any more; may sleep */
void pci_free_irq_vectors(struct pci_dev *pdev);
/* The irq number of message nr, or -EINVAL. */
int pci_irq_vector(const struct pci_dev *pdev, unsigned int nr);
