/*
 * ACPI tables, as far as a kernel without an interpreter can use them.
 *
 * Read once, early: RSDP -> XSDT or RSDT -> MADT, SRAT, SLIT, HPET, MCFG, FADT, DSDT. Each table's length and checksum are verified
 * before a field of it is believed; a bad table costs one line in the log and is treated as absent. Nothing of it can panic
 * the kernel: without ACPI it runs on one CPU.
 *
 * Facts: ACPI Specification 6.5, chapter 5. Mirrors Linux drivers/acpi/tables.c and arch/x86/kernel/acpi/boot.c.
 * Exercised by every boot.
 */
#pragma once

#include "lib/types.h"

#define ACPI_MAX_IOAPICS 8
#define ACPI_MAX_ECAMS	 4
#define ACPI_NR_ISA	 16

struct acpi_ioapic {
	u8 id;
	u32 address;
	u32 gsi_base;
};

/* PCI configuration space of the buses first_bus..last_bus of a segment, 1 MiB each; base is where bus 0 is or would be. */
struct acpi_ecam {
	phys_addr_t base;
	u16 segment;
	u8 first_bus, last_bus;
};

/* An ISA interrupt that is wired elsewhere, or with another polarity or trigger than ISA's (edge, active high). */
struct acpi_isa_irq {
	u32 gsi;
	bool level, active_low;
};

/* What the tables said; filled by acpi_boot_init(), constant after. Zero: the table or the thing is absent. */
struct acpi_info {
	bool present;	  /* an RSDP was found and believed */
	bool pcat_compat; /* the machine has 8259 PICs too */
	phys_addr_t lapic_address;
	u32 apicid[64]; /* usable CPUs in MADT's order; [0] is not always the boot CPU */
	unsigned int nr_cpus;
	struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
	unsigned int nr_ioapics;
	struct acpi_isa_irq isa[ACPI_NR_ISA];
	u8 lint_nmi; /* local APIC pin wired to NMI (0 or 1), 0xff none */
	phys_addr_t hpet_address;
	u8 hpet_number;
	struct acpi_ecam ecam[ACPI_MAX_ECAMS];
	unsigned int nr_ecams;
	u16 pm_timer_port; /* 24 or 32 bits at 3.579545 MHz */
	bool pm_timer_32bit;
	u16 pm1a_cnt, pm1b_cnt;
	u8 slp_typa, slp_typb; /* of \_S5_ */
	bool has_s5;
	u16 smi_cmd;
	u8 acpi_enable;
	bool reset_supported, reset_is_io;
	u64 reset_address;
	u8 reset_value;
};
extern struct acpi_info acpi_info;

/*
 * Reads the tables. @rsdp: a copy of the RSDP (from the boot loader's tag), NULL to search the BIOS areas; @len its size.
 * => boot CPU, once, early_memremap() works, before memory of the tables is given away
 */
void acpi_boot_init(const void *rsdp, size_t len);
