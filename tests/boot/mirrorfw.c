/*
 * Firmware that says which memory is mirrored: an EFI application for QEMU's `-kernel`.
 *
 * 1. OVMF marks no memory. It starts the file that QEMU was given as kernel before it looks for anything else to boot, and when
 *    that returns it goes on with GRUB on the disc. So this program puts a GetMemoryMap() of its own into the boot
 *    services' table and returns.
 * 2. What it was given as command line, `-append BASE-END[:BASE-END...]` in hexadecimal digits, BASE and END multiples of a page,
 *    is mirrored: descriptors are cut at those addresses, and the pieces inside get EFI_MEMORY_MORE_RELIABLE.
 * 3. Everything behind is as on such a server: GRUB asks, ends the boot services, and hands the map to the kernel.
 *
 * The image of an application is freed when it returns, so the program, which is position independent, copies itself to pages of
 * its own first. Facts: UEFI Specification 2.10, 4.3 (tables), 7.2.3 (memory map), 9.1 (loaded image); Microsoft PE
 * Format (the header below). Built and used by tests/boot/test_numa.py.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

/* The file as PE32+: header, one section of everything. Offsets in the file and addresses are the same. */
asm(".section .head, \"a\"\n"
    "	.ascii	\"MZ\"\n"
    "	.org	0x3c\n"
    "	.long	0x40\n" /* where the next header is */
    "	.ascii	\"PE\\0\\0\"\n"
    "	.short	0x8664, 1\n" /* x86-64, one section */
    "	.long	0, 0, 0\n"
    "	.short	0xf0, 0x206\n" /* size of the next header; executable, no line numbers, no symbols */
    "	.short	0x20b\n"
    "	.byte	1, 0\n"
    "	.long	image_size - 0x1000, 0, 0, efi_main, 0x1000\n"
    "	.quad	0\n"
    "	.long	0x1000, 0x1000\n" /* alignment of sections in memory and in the file */
    "	.short	0, 0, 0, 0, 0, 0\n"
    "	.long	0, image_size, 0x1000, 0\n"
    "	.short	10, 0\n" /* subsystem: EFI application */
    "	.quad	0, 0, 0, 0\n"
    "	.long	0, 16\n"
    "	.fill	16, 8, 0\n" /* no directories: nothing to relocate */
    "	.ascii	\".text\\0\\0\\0\"\n"
    "	.long	image_size - 0x1000, 0x1000, image_size - 0x1000, 0x1000, 0, 0, 0\n"
    "	.long	0xe0000020\n" /* code; execute, read, write */
    ".text");

#define EFIAPI	    __attribute__((ms_abi))
#define PAGE	    4096UL
#define CODE	    3 /* EfiBootServicesCode */
#define TOO_SMALL   (5 | 1UL << 63)
#define RELIABLE    0x10000UL
#define MAX_RANGES  8
#define LAST_RAM    7 /* EfiConventionalMemory; kinds up to it are RAM for the kernel */
#define OPTIONS_LEN 256

struct descriptor {
	u32 type, pad;
	u64 phys, virt, pages, attribute;
};

typedef u64(EFIAPI *get_memory_map_t)(u64 *size, u8 *map, u64 *key, u64 *stride, u32 *version);

struct boot_services {
	u64 before[5];
	u64(EFIAPI *allocate_pages)(u32 how, u32 type, u64 pages, u64 *at);
	u64 free_pages;
	get_memory_map_t get_memory_map;
	u64 between[11];
	u64(EFIAPI *handle_protocol)(void *handle, const void *guid, void **interface);
};

struct system_table {
	u64 before[12];
	struct boot_services *boot;
};

struct loaded_image {
	u64 before[6];
	u32 options_size;
	unsigned short *options;
};

static const u8 loaded_image_guid[16] = { 0xa1, 0x31, 0x1b, 0x5b, 0x62, 0x95, 0xd2, 0x11,
					  0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b };

static struct {
	u64 start, end;
} ranges[MAX_RANGES] = { { 1, 0 } };
static u32 nr_ranges = 0;
static get_memory_map_t firmware_map = (get_memory_map_t)1;

extern u8 image_start[], image_end[];

/* Cuts descriptor i at an address inside it => how many there are. */
static u64 cut(u8 *map, u64 n, u64 i, u64 stride, u64 at)
{
	struct descriptor *d = (struct descriptor *)(map + i * stride), *upper;

	if (d->phys >= at || d->phys + d->pages * PAGE <= at)
		return n;
	for (u8 *p = map + n * stride; p-- > (u8 *)d;)
		p[stride] = *p;
	upper = (struct descriptor *)((u8 *)d + stride);
	d->pages = (at - d->phys) / PAGE;
	upper->phys = at;
	upper->pages -= d->pages;
	return n + 1;
}

static EFIAPI u64 get_memory_map(u64 *size, u8 *map, u64 *key, u64 *stride, u32 *version)
{
	u64 room = *size, status = firmware_map(size, map, key, stride, version), n;
	u64 extra = 2 * nr_ranges * *stride;

	if (status == TOO_SMALL || (!status && room < *size + extra)) {
		*size += extra;
		return TOO_SMALL;
	}
	if (status)
		return status;
	n = *size / *stride;
	for (u32 r = 0; r < nr_ranges; r++) {
		for (u64 i = 0; i < n; i++) {
			struct descriptor *d = (struct descriptor *)(map + i * *stride);

			if (d->type > LAST_RAM)
				continue;
			n = cut(map, n, i, *stride, ranges[r].end);
			n = cut(map, n, i, *stride, ranges[r].start);
			if (d->phys >= ranges[r].start && d->phys < ranges[r].end)
				d->attribute |= RELIABLE;
		}
	}
	*size = n * *stride;
	return 0;
}

static u64 digits(const unsigned short **at)
{
	u64 v = 0;

	for (;; ++*at) {
		u32 c = **at;

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return v;
	}
}

EFIAPI u64 efi_main(void *handle, struct system_table *system)
{
	struct boot_services *boot = system->boot;
	u64 size = image_end - image_start, at;
	const unsigned short *p;
	struct loaded_image *image;

	if (boot->handle_protocol(handle, loaded_image_guid, (void **)&image) || !image->options ||
	    boot->allocate_pages(0, CODE, (size + PAGE - 1) / PAGE, &at))
		return 1;
	for (p = image->options, nr_ranges = 0; nr_ranges < MAX_RANGES; p++) {
		ranges[nr_ranges].start = digits(&p);
		if (*p++ != '-')
			break;
		ranges[nr_ranges++].end = digits(&p);
		if (*p != ':')
			break;
	}
	firmware_map = boot->get_memory_map;
	for (u64 i = 0; i < size; i++)
		((u8 *)at)[i] = image_start[i];
	boot->get_memory_map = (get_memory_map_t)(at + ((u8 *)get_memory_map - image_start));
	return 0;
}
