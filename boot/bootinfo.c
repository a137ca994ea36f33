/*
 * The parser of multiboot2's boot information.
 *
 * 1. The block is a header of eight bytes (its total size first), then tags: type, size, data, each
 *    padded to eight bytes, ended by a tag of type 0. A tag's size counts its own eight bytes of header.
 * 2. The walk never reads a byte past total_size, and stops at the first tag whose size is smaller than
 *    a header or larger than what is left. Fields of a tag are read only if the tag is large enough.
 * 3. The total size itself is bounded, so that a nonsense value cannot send us through all memory.
 *
 * Single-threaded boot code: no locks. Mirrors what Linux does with boot_params in
 * arch/x86/kernel/setup.c. Exercised by tests/boot, tests/host/boot_host.c and
 * tests/host/fuzz/mirror.c.
 */
#include "boot/bootinfo.h"

#include "arch/x86/page.h"
#include "kernel/init.h"
#include "lib/string.h"

#define INFO_MAX_SIZE (1UL << 20)
#define EARLY_MAP_END (1UL << 32) /* the first page tables reach so far */

enum {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER_NAME = 2,
	TAG_MODULE = 3,
	TAG_BASIC_MEMINFO = 4,
	TAG_MMAP = 6,
	TAG_EFI32 = 11,
	TAG_EFI64 = 12,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
	TAG_EFI_MMAP = 17,
};

struct tag {
	u32 type, size;
	u8 data[];
};

struct mmap_entry {
	u64 base, len;
	u32 type, reserved;
};

struct boot_info boot_info;
u32 boot_magic __section(".data");
phys_addr_t boot_info_phys __section(".data");
u64 boot_entry_tsc __section(".data");
char boot_command_line[2048];

static const u8 *mmap_first; /* entries in the loader's block */
static u32 mmap_stride;
static const u8 *efi_first; /* UEFI's own map, likewise */
static u32 efi_stride;
static struct mmap_entry basic[2]; /* made from the older tag when there is no map */

/* Copies at most the tag's own bytes; ends the string in any case. */
static void copy_string(char *to, size_t room, const u8 *from, size_t len)
{
	size_t n = 0;

	while (n < len && n + 1 < room && from[n])
		n++;
	memcpy(to, from, n);
	to[n] = '\0';
}

static void take_module(const struct tag *tag, size_t len)
{
	u32 range[2];
	struct boot_module *m = &boot_info.modules[boot_info.nr_modules];

	if (len < sizeof(range))
		return;
	memcpy(range, tag->data, sizeof(range));
	if (boot_info.nr_modules == BOOT_MAX_MODULES || range[1] < range[0]) {
		boot_info.nr_modules_dropped++;
		return;
	}
	m->start = range[0];
	m->end = range[1];
	copy_string(m->string, sizeof(m->string), tag->data + sizeof(range), len - sizeof(range));
	boot_info.nr_modules++;
}

static void take_mmap(const struct tag *tag, size_t len)
{
	u32 head[2]; /* size of an entry, version */

	if (len < sizeof(head) || mmap_first)
		return;
	memcpy(head, tag->data, sizeof(head));
	if (head[0] < sizeof(struct mmap_entry) || head[0] % 8)
		return;
	mmap_first = tag->data + sizeof(head);
	mmap_stride = head[0];
	boot_info.nr_mmap = (len - sizeof(head)) / head[0];
}

/* UEFI Specification 2.10, section 7.2.3 (EFI_MEMORY_DESCRIPTOR). */
struct efi_descriptor {
	u32 type, pad;
	u64 phys, virt, pages, attribute;
};

static void take_efi_mmap(const struct tag *tag, size_t len)
{
	u32 head[2]; /* size of a descriptor (later versions may append to it), version */

	boot_info.efi = true;
	if (len < sizeof(head) || boot_info.nr_efi_mmap)
		return;
	memcpy(head, tag->data, sizeof(head));
	if (head[0] < sizeof(struct efi_descriptor) || head[0] % 8)
		return;
	efi_first = tag->data + sizeof(head);
	efi_stride = head[0];
	boot_info.efi_mmap_version = head[1];
	boot_info.nr_efi_mmap = (len - sizeof(head)) / head[0];
}

/* KiB below and above 1 MiB: all that a very old firmware knows. */
static void take_basic_meminfo(const struct tag *tag, size_t len)
{
	u32 kib[2];

	if (len < sizeof(kib))
		return;
	memcpy(kib, tag->data, sizeof(kib));
	basic[0] = (struct mmap_entry){ 0, (u64)min(kib[0], 640U) << 10, 1, 0 };
	basic[1] = (struct mmap_entry){ 1UL << 20, (u64)kib[1] << 10, 1, 0 };
}

static void take_rsdp(const struct tag *tag, size_t len)
{
	if (len < 20 || (tag->type == TAG_ACPI_OLD && boot_info.rsdp_len))
		return;
	boot_info.rsdp_len = min(len, (size_t)BOOT_RSDP_MAX);
	memcpy(boot_info.rsdp, tag->data, boot_info.rsdp_len);
}

static void take_tag(const struct tag *tag)
{
	size_t len = tag->size - sizeof(*tag);

	switch (tag->type) {
	case TAG_CMDLINE:
		copy_string(boot_command_line, sizeof(boot_command_line), tag->data, len);
		break;
	case TAG_LOADER_NAME:
		copy_string(boot_info.loader_name, sizeof(boot_info.loader_name), tag->data, len);
		break;
	case TAG_MODULE:
		take_module(tag, len);
		break;
	case TAG_BASIC_MEMINFO:
		take_basic_meminfo(tag, len);
		break;
	case TAG_MMAP:
		take_mmap(tag, len);
		break;
	case TAG_EFI32:
	case TAG_EFI64:
		boot_info.efi = true;
		break;
	case TAG_EFI_MMAP:
		take_efi_mmap(tag, len);
		break;
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		take_rsdp(tag, len);
		break;
	}
}

void boot_info_init(void)
{
	const u8 *info = __va(boot_info_phys);
	size_t total, at = 8;

	if (!boot_info_phys || boot_info_phys + 8 > EARLY_MAP_END)
		return;
	total = *(const u32 *)info;
	total = min3(total, INFO_MAX_SIZE, EARLY_MAP_END - boot_info_phys);
	boot_info.info_start = boot_info_phys;
	boot_info.info_end = boot_info_phys + total;
	while (at + sizeof(struct tag) <= total) {
		const struct tag *tag = (const struct tag *)(info + at);

		if (tag->type == TAG_END || tag->size < sizeof(*tag) || tag->size > total - at)
			break;
		take_tag(tag);
		at += ALIGN((size_t)tag->size, 8);
	}
	if (!boot_info.nr_mmap && basic[1].len) {
		mmap_first = (const u8 *)basic;
		mmap_stride = sizeof(basic[0]);
		boot_info.nr_mmap = ARRAY_SIZE(basic);
	}
}

bool boot_mmap_entry(unsigned int i, u64 *base, u64 *len, u32 *type)
{
	struct mmap_entry e;

	if (i >= boot_info.nr_mmap)
		return false;
	memcpy(&e, mmap_first + (size_t)i * mmap_stride, sizeof(e));
	*base = e.base;
	*len = e.len;
	*type = e.type;
	return true;
}

bool boot_efi_mmap_entry(unsigned int i, u64 *base, u64 *pages, u64 *attribute)
{
	struct efi_descriptor e;

	if (i >= boot_info.nr_efi_mmap)
		return false;
	memcpy(&e, efi_first + (size_t)i * efi_stride, sizeof(e));
	*base = e.phys;
	*pages = e.pages;
	*attribute = e.attribute;
	return true;
}
