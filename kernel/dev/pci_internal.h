/*
 * What the files of the PCI room share. Mirrors Linux drivers/pci/pci.h. Exercised by the suite pci.
 */
#pragma once

#include "kernel/dev/pci.h"

/* Makes a bus's ECAM window reachable; false: nothing reaches this bus. => boot's walk only, may sleep */
bool pci_map_bus(u16 segment, u8 bus);
/* The same register through the ports, whatever else there is. => segment 0, where < 256 */
u32 pci_conf1_read(u8 bus, u8 devfn, unsigned int where, unsigned int size);
/* /sys/bus/pci and /sys/devices/pci*. => after the walk */
void pci_sysfs_init(void);
