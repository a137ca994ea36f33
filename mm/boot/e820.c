/*
 * e820: from the firmware's list of ranges to a table that can be trusted.
 *
 * 1. The boot loader hands on what the firmware says: ranges with a type, in any order, perhaps empty,
 *    overlapping, or running past the end of the address space. Named after the BIOS call that gave it, INT 15h
 *    with AX = E820h; UEFI's map arrives translated to the same form.
 * 2. e820__sanitize() makes it sorted and disjoint. Where two ranges overlap the more restrictive type
 *    wins: to lose some RAM is harmless, to allocate what the firmware uses is not. Equal neighbours merge.
 *    Ranges go in one by one, each carving its place out of those that are already there.
 * 3. Then come the limits of the command line: mem=SIZE drops RAM above that address, memmap=SIZE@ADDR gives a range of it
 *    back, memmap=SIZE$ADDR reserves one, memmap=SIZE#ADDR calls it ACPI data. RAM that only the command line knows of is not believed: page tables in
 *    memory that is not there would be the end. The first page always goes: firmware keeps its data there, and so no
 *    valid physical address is 0.
 * 4. setup_memory_map() turns the table into memblock: first what is in use is reserved (kernel, modules),
 *    then RAM is added; in that order nothing allocated on the way can land on something in use.
 *
 * Boot CPU only. Mirrors Linux arch/x86/kernel/e820.c. Exercised by the memblock suite and by
 * boots with odd maps (tests/boot).
 */
#include "mm/boot/e820.h"

#include "arch/x86/cpu.h"
#include "arch/x86/page.h"
#include "boot/bootinfo.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/boot/mirror.h"
#include "mm/boot/resource.h"

/* What the first page tables (boot/header.S) reach: until the final ones, memory comes from below. */
#define EARLY_MAP_END (4UL << 30)

extern char _text[], _etext[], __start_rodata[], __end_rodata[], _sdata[], _edata[], __bss_start[],
	__bss_stop[], _end[], __boot32_start[], __boot32_end[];

static struct e820_table e820_table __initdata;
static struct e820_table firmware_table __initdata;

/* ---- on a table given ---- */

const char *e820__type_name(enum e820_type type)
{
	switch (type) {
	case E820_TYPE_RAM:
		return "usable";
	case E820_TYPE_RESERVED:
		return "reserved";
	case E820_TYPE_ACPI:
		return "ACPI data";
	case E820_TYPE_NVS:
		return "ACPI NVS";
	case E820_TYPE_UNUSABLE:
		return "unusable";
	case E820_TYPE_PMEM:
		return "persistent (type 7)";
	}
	return "reserved";
}

/* The larger, the more restrictive. Types that nobody defined count as reserved. */
static int type_rank(enum e820_type type)
{
	switch (type) {
	case E820_TYPE_RAM:
		return 0;
	case E820_TYPE_PMEM:
		return 1;
	case E820_TYPE_ACPI:
		return 2;
	case E820_TYPE_NVS:
		return 3;
	case E820_TYPE_UNUSABLE:
		return 5;
	case E820_TYPE_RESERVED:
	default:
		return 4;
	}
}

int e820__range_add_to(struct e820_table *t, u64 addr, u64 size, enum e820_type type)
{
	if (!size)
		return 0;
	if (size > ULLONG_MAX - addr)
		size = ULLONG_MAX - addr;
	if (t->nr_entries == E820_MAX_ENTRIES)
		return -ENOSPC;
	t->entries[t->nr_entries++] = (struct e820_entry){ addr, size, type };
	return 0;
}

static int insert_entry(struct e820_table *t, u32 at, u64 start, u64 end, enum e820_type type)
{
	struct e820_entry *e = &t->entries[at];

	if (t->nr_entries == E820_MAX_ENTRIES)
		return -ENOSPC;
	memmove(e + 1, e, (t->nr_entries - at) * sizeof(*e));
	*e = (struct e820_entry){ start, end - start, type };
	t->nr_entries++;
	return 0;
}

static void delete_entry(struct e820_table *t, u32 at)
{
	t->nr_entries--;
	memmove(&t->entries[at], &t->entries[at + 1], (t->nr_entries - at) * sizeof(t->entries[0]));
}

/* Takes [start, end) out of the entries of a lower rank, or puts it only where none of the same or a higher
 * rank is: the table stays sorted and disjoint. -ENOSPC: parts of it, or what lay behind it, are not in the table. */
static int carve(struct e820_table *t, u64 start, u64 end, enum e820_type type)
{
	u32 i = 0;
	int err = 0;

	while (i < t->nr_entries && start < end) {
		struct e820_entry *e = &t->entries[i];
		u64 e_end = e->addr + e->size;

		if (e_end <= start) {
			i++;
			continue;
		}
		if (e->addr >= end)
			break;
		if (type_rank(e->type) >= type_rank(type)) {
			/* The old one keeps its bytes; what of ours lies before it goes in there. */
			if (start < e->addr) {
				if (insert_entry(t, i, start, e->addr, type))
					err = -ENOSPC;
				else
					i++;
			}
			start = e_end;
			i++;
			continue;
		}
		if (e->addr < start &&
		    e_end > end) { /* we fall inside: its tail becomes a third entry */
			e->size = start - e->addr;
			if (insert_entry(t, i + 1, end, e_end, e->type))
				return -ENOSPC;
			i++;
			break;
		}
		if (e->addr < start) {
			e->size = start - e->addr;
			i++;
		} else if (e_end > end) {
			e->size = e_end - end;
			e->addr = end;
			break;
		} else {
			delete_entry(t, i);
		}
	}
	if (start < end && insert_entry(t, i, start, end, type))
		err = -ENOSPC;
	return err;
}

static void merge_entries(struct e820_table *t)
{
	for (u32 i = 0; i + 1 < t->nr_entries;) {
		struct e820_entry *e = &t->entries[i], *next = e + 1;

		if (e->addr + e->size != next->addr || e->type != next->type) {
			i++;
			continue;
		}
		e->size += next->size;
		delete_entry(t, i + 1);
	}
}

int e820__sanitize(const struct e820_table *in, struct e820_table *out)
{
	int err = 0;

	out->nr_entries = 0;
	/* RAM first: a range that finds no room later has then at least been cut out of it. */
	for (int ram = 1; ram >= 0; ram--) {
		for (u32 i = 0; i < in->nr_entries; i++) {
			const struct e820_entry *e = &in->entries[i];

			if ((e->type == E820_TYPE_RAM) == ram &&
			    carve(out, e->addr, e->addr + e->size, e->type))
				err = -ENOSPC;
		}
	}
	merge_entries(out);
	return err;
}

enum e820_type e820__type_of(const struct e820_table *t, u64 addr)
{
	for (u32 i = 0; i < t->nr_entries; i++)
		if (addr - t->entries[i].addr < t->entries[i].size)
			return t->entries[i].type;
	return 0;
}

/* ---- the machine's ---- */

static void __init print_table(const struct e820_table *t, const char *who)
{
	for (u32 i = 0; i < t->nr_entries; i++) {
		const struct e820_entry *e = &t->entries[i];

		pr_info("%s: [mem %#018llx-%#018llx] %s\n", who, e->addr, e->addr + e->size - 1,
			e820__type_name(e->type));
	}
}

/* Whatever is RAM in [start, end) is so no longer. */
static void __init drop_ram(u64 start, u64 end)
{
	struct e820_table *t = &e820_table;

	for (u32 i = 0; i < t->nr_entries;) {
		struct e820_entry *e = &t->entries[i];
		u64 e_end = e->addr + e->size;

		if (e->type != E820_TYPE_RAM || e_end <= start || e->addr >= end) {
			i++;
		} else if (e->addr < start && e_end > end) {
			e->size = start - e->addr;
			insert_entry(t, i + 1, end, e_end, E820_TYPE_RAM);
			i += 2;
		} else if (e->addr < start) {
			e->size = start - e->addr;
			i++;
		} else if (e_end > end) {
			e->size = e_end - end;
			e->addr = end;
			i++;
		} else {
			delete_entry(t, i);
		}
	}
}

#define MEM_LEAST (8UL << 20) /* bytes */
static u64 mem_limit __initdata = ULLONG_MAX;
static bool user_defined __initdata;
#define MAX_USER_RANGES 8
static struct e820_entry user_ranges[MAX_USER_RANGES] __initdata;
static unsigned int nr_user_ranges __initdata;

static int __init early_mem(char *arg)
{
	char *rest = NULL;
	u64 size = arg ? memparse(arg, &rest) : 0;

	if (!size || rest == arg || *rest)
		pr_warn("mem=%s: not a size (number with K, M or G), ignored\n", arg ? arg : "");
	else if (size < MEM_LEAST)
		pr_warn("mem=%s: less than 8M, the least that the kernel starts in; ignored\n",
			arg);
	else if (size >> MAX_PHYSMEM_BITS)
		pr_warn("mem=%s: more than %lluT, ignored\n", arg, 1ULL << (MAX_PHYSMEM_BITS - 40));
	else {
		mem_limit = size;
		user_defined = true;
	}
	return 0;
}
early_param("mem", early_mem);

static int __init early_memmap(char *arg)
{
	char *rest = NULL;
	u64 size = arg ? memparse(arg, &rest) : 0, addr;
	enum e820_type type;
	const char *number;

	if (!size || rest == arg)
		goto bad;
	if (*rest == '@')
		type = E820_TYPE_RAM;
	else if (*rest == '#')
		type = E820_TYPE_ACPI;
	else if (*rest == '$')
		type = E820_TYPE_RESERVED;
	else
		goto bad;
	number = rest + 1;
	addr = memparse(number, &rest);
	if (*rest || rest == number || nr_user_ranges == MAX_USER_RANGES)
		goto bad;
	user_ranges[nr_user_ranges++] = (struct e820_entry){ addr, size, type };
	user_defined = true;
	return 0;
bad:
	pr_warn("memmap=%s: not SIZE@ADDR, SIZE#ADDR or SIZE$ADDR (at most %d of them), ignored\n",
		arg ? arg : "", MAX_USER_RANGES);
	return 0;
}
early_param("memmap", early_memmap);

/* Ranges that did not fit; 0 as a rule. */
static unsigned int __init read_firmware_map(struct e820_table *t)
{
	unsigned int i, dropped = 0;
	u64 base, len;
	u32 type;

	for_each_boot_mmap(i, &base, &len, &type)
		if (e820__range_add_to(t, base, len, (enum e820_type)type))
			dropped++;
	return dropped;
}

/* The list was too long. What the firmware keeps for itself is taken out of the RAM all the same. */
static void __init carve_unread_ranges(struct e820_table *t)
{
	unsigned int i;
	u64 base, len;
	u32 type;

	for_each_boot_mmap(i, &base, &len, &type)
		if (type != E820_TYPE_RAM)
			carve(t, base, len > ULLONG_MAX - base ? ULLONG_MAX : base + len,
			      (enum e820_type)type);
	merge_entries(t);
}

void __init e820__memory_setup(void)
{
	unsigned int dropped = read_firmware_map(&firmware_table);

	if (e820__sanitize(&firmware_table, &e820_table))
		pr_warn("e820: the map needs more than %d entries, the rest is ignored\n",
			E820_MAX_ENTRIES);
	if (dropped) {
		pr_warn("e820: RAM past the first %d entries is ignored\n", E820_MAX_ENTRIES);
		carve_unread_ranges(&e820_table);
	}
	pr_info("BIOS-provided physical RAM map:\n");
	print_table(&e820_table, "BIOS-e820");
}

/* memmap=SIZE@ADDR: what of it the firmware calls RAM. */
static void __init add_user_ram(const struct e820_entry *r)
{
	u64 end = r->addr + r->size < r->addr ? ULLONG_MAX : r->addr + r->size, added = 0;

	for (u32 i = 0; i < firmware_table.nr_entries; i++) {
		const struct e820_entry *e = &firmware_table.entries[i];
		u64 from = max(r->addr, e->addr), to = min(end, e->addr + e->size);

		if (e->type != E820_TYPE_RAM || from >= to)
			continue;
		carve(&e820_table, from, to, E820_TYPE_RAM);
		added += to - from;
	}
	if (added != end - r->addr)
		pr_warn("memmap: the firmware has no RAM at [mem %#018llx-%#018llx] or in parts of "
			"it: "
			"those are ignored\n",
			r->addr, end - 1);
}

/* What the command line says about the map, and what no machine may use. */
static void __init finish_table(void)
{
	if (user_defined) {
		firmware_table = e820_table;
		if (mem_limit != ULLONG_MAX)
			drop_ram(mem_limit, ULLONG_MAX);
		for (unsigned int i = 0; i < nr_user_ranges; i++) {
			const struct e820_entry *r = &user_ranges[i];

			if (r->type == E820_TYPE_RAM)
				add_user_ram(r);
			else
				carve(&e820_table, r->addr, r->addr + r->size, r->type);
		}
		merge_entries(&e820_table);
		pr_info("e820: user-defined physical RAM map:\n");
		print_table(&e820_table, "user");
	}

	/* What no page table of ours, or none of this processor, can map is not RAM for us. */
	drop_ram(1ULL << min((int)boot_cpu_data.x86_phys_bits, MAX_PHYSMEM_BITS), ULLONG_MAX);
	pr_info("e820: update [mem 0x00000000-0x00000fff] usable ==> reserved\n");
	carve(&e820_table, 0, PAGE_SIZE, E820_TYPE_RESERVED);
	merge_entries(&e820_table);
}

/* Not the boot loader's information: it has been read, and what is needed of it is copied. */
static void __init reserve_what_is_used(void)
{
	phys_addr_t start = __pa_symbol(_text), end = __pa_symbol(_end);

	memblock_reserve(0, PAGE_SIZE);
	memblock_reserve(start, end - start);
	start = (phys_addr_t)__boot32_start;
	end = (phys_addr_t)__boot32_end;
	memblock_reserve(start, end - start);
	for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
		struct boot_module *m = &boot_info.modules[i];

		memblock_reserve(m->start, m->end - m->start);
	}
}

/* With mem= a module may lie where no struct page will be: it cannot be used. */
static void __init drop_modules_outside_ram(void)
{
	for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
		struct boot_module *m = &boot_info.modules[i];

		if (m->end == m->start || memblock_is_region_memory(m->start, m->end - m->start))
			continue;
		pr_warn("boot module %u [mem %#018lx-%#018lx] lies outside RAM (mem= too small?), "
			"ignored\n",
			i, m->start, m->end - 1);
		m->end = m->start;
	}
}

/* We run from it, so it is RAM, whatever firmware (or mem=) says. */
static void __init add_kernel_range(void)
{
	phys_addr_t start = __pa_symbol(_text), size = PAGE_ALIGN(__pa_symbol(_end)) - start;

	if (memblock_is_region_memory(start, size))
		return;
	pr_warn("e820: the kernel image [mem %#018lx-%#018lx] is not marked as RAM, adding it\n",
		start, start + size - 1);
	memblock_add(start, size);
}

void __init setup_memory_map(void)
{
	finish_table();
	reserve_what_is_used();
	/* UEFI's map in it is still to be read, while arrays may grow. */
	memblock_reserve(boot_info.info_start, boot_info.info_end - boot_info.info_start);
	memblock_set_current_limit(EARLY_MAP_END);
	memblock_allow_resize();

	for (u32 i = 0; i < e820_table.nr_entries; i++) {
		struct e820_entry *e = &e820_table.entries[i];

		if (e->type == E820_TYPE_RAM)
			memblock_add(e->addr, e->size);
	}
	memblock_trim_memory(PAGE_SIZE);
	if (!memblock_phys_mem_size())
		panic("No usable memory: the boot loader's memory map has no RAM (mem= too "
		      "small?)");
	add_kernel_range();
	mark_mirrored_memory();
	memblock_phys_free(boot_info.info_start, boot_info.info_end - boot_info.info_start);
	reserve_what_is_used(); /* again: a size that lies may have reached into it */
	drop_modules_outside_ram();
	memblock_dump();
}

static const char *__init resource_name(enum e820_type type)
{
	switch (type) {
	case E820_TYPE_RAM:
		return "System RAM";
	case E820_TYPE_ACPI:
		return "ACPI Tables";
	case E820_TYPE_NVS:
		return "ACPI Non-volatile Storage";
	case E820_TYPE_UNUSABLE:
		return "Unusable memory";
	case E820_TYPE_PMEM:
		return "Persistent Memory";
	case E820_TYPE_RESERVED:
	default:
		return "Reserved";
	}
}

static struct resource code_resource = { .name = "Kernel code" };
static struct resource rodata_resource = { .name = "Kernel rodata" };
static struct resource data_resource = { .name = "Kernel data" };
static struct resource bss_resource = { .name = "Kernel bss" };

static void __init add_kernel_resource(struct resource *res, char *start, char *end)
{
	res->start = __pa_symbol(start);
	res->end = __pa_symbol(end) - 1;
	res->flags = IORESOURCE_BUSY | IORESOURCE_SYSTEM_RAM;
	insert_resource(&iomem_resource, res);
}

void __init e820__reserve_resources(void)
{
	struct resource *res = memblock_alloc_or_panic(sizeof(*res) * e820_table.nr_entries, 0);

	for (u32 i = 0; i < e820_table.nr_entries; i++, res++) {
		struct e820_entry *e = &e820_table.entries[i];
		bool ram = e->type == E820_TYPE_RAM;

		res->start = e->addr;
		res->end = e->addr + e->size - 1;
		res->name = resource_name(e->type);
		res->flags = ram ? IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY : IORESOURCE_MEM;
		/* Devices may claim addresses in reserved ranges above the first MiB. */
		if (ram || res->end < SZ_1M)
			res->flags |= IORESOURCE_BUSY;
		insert_resource(&iomem_resource, res);
	}
	add_kernel_resource(&code_resource, _text, _etext);
	add_kernel_resource(&rodata_resource, __start_rodata, __end_rodata);
	add_kernel_resource(&data_resource, _sdata, _edata);
	add_kernel_resource(&bss_resource, __bss_start, __bss_stop);
}
