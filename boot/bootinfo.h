/*
 * What the boot loader told us: multiboot2's tags, checked and in our own form.
 *
 * boot_info_init() reads the loader's block once. Nothing in it is believed before its size has been
 * compared with what is left of the block, so nonsense in a tag costs that tag only. Strings, modules
 * and the RSDP are copied; the memory map stays where the loader put it, because there is no
 * allocator yet and no array that is large enough for every machine: for_each_boot_mmap() reads it in
 * place, which works as long as [info_start, info_end) is not given away.
 *
 * Facts: Multiboot2 Specification 2.0, section 3.6. Mirrors Linux arch/x86/include/uapi/asm/bootparam.h.
 * Exercised by tests/boot.
 */
#pragma once

#include "lib/types.h"

#define BOOT_MAX_MODULES 8
#define BOOT_RSDP_MAX	 64

struct boot_module {
	phys_addr_t start, end; /* end is the first byte after it */
	char string[128];	/* command line of the module, cut to fit */
};

struct boot_info {
	phys_addr_t info_start, info_end; /* the loader's block itself */
	char loader_name[64];
	unsigned int nr_modules;	 /* the first is the initramfs */
	unsigned int nr_modules_dropped; /* more than BOOT_MAX_MODULES, or without sense */
	struct boot_module modules[BOOT_MAX_MODULES];
	size_t rsdp_len;	/* 0: the loader gave none */
	u8 rsdp[BOOT_RSDP_MAX]; /* ACPI 2.0's if there, else ACPI 1.0's */
	unsigned int nr_mmap;
	unsigned int nr_efi_mmap; /* 0: not from UEFI, or the loader kept it */
	u32 efi_mmap_version;	  /* of its descriptors; 1 is the only one so far */
	bool efi;		  /* the loader came from UEFI */
};

extern struct boot_info boot_info;
extern u32 boot_magic;		   /* EAX at entry */
extern phys_addr_t boot_info_phys; /* EBX at entry */
extern u64 boot_entry_tsc;	   /* time stamp counter at entry */
extern char boot_command_line[2048];

/* Reads the tags. => boot CPU, once, first thing in start_kernel; prints nothing */
void boot_info_init(void);
/*
 * Entry @i of the memory map, as the firmware gives it: unsorted, overlapping, of any length. Types as in
 * e820 (1 RAM, 3 ACPI reclaimable, 4 ACPI NVS, 5 bad; anything else reserved). False past the end.
 */
bool boot_mmap_entry(unsigned int i, u64 *base, u64 *len, u32 *type);
#define for_each_boot_mmap(i, base, len, type) \
	for ((i) = 0; boot_mmap_entry((i), (base), (len), (type)); (i)++)
/* Entry @i of UEFI's own map; pages of 4 KiB. False past the end. */
bool boot_efi_mmap_entry(unsigned int i, u64 *base, u64 *pages, u64 *attribute);
