/*
 * ACPI tables: find them, verify them, take from each the few facts that the kernel needs.
 *
 * 1. A table is a 36-byte header (signature, length, checksum so that all bytes sum to 0) and a body. The RSDP points to the
 *    XSDT (64-bit pointers) or RSDT (32-bit ones), which point to the rest; the DSDT hangs off the FADT.
 * 2. Tables lie anywhere in memory, and the linear map does not stand yet: each is mapped for the time of reading with
 *    early_memremap(), the big DSDT in pieces.
 * 3. Lengths come from outside: every read of a field is preceded by a check that the table, or the entry in it, is long
 *    enough. A table that lies is reported in one line and skipped.
 *
 * Facts: ACPI Specification 6.5, chapters 5 and 16 (sleep), 20 (AML). Mirrors Linux drivers/acpi/tables.c.
 * Exercised by every boot.
 */
#include "arch/x86/acpi.h"

#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/numa.h"
#include "arch/x86/numa_tables.h"
#include "arch/x86/page.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/boot/early_ioremap.h"

#define MAX_TABLE_LEN (16UL << 20) /* a longer one is not believed */
#define MAP_CHUNK     (64UL << 10) /* mapped at once; below what early_memremap() can do */

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __packed;

struct acpi_rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	/* from revision 2 on */
	u32 length;
	u64 xsdt;
	u8 ext_checksum;
	u8 reserved[3];
} __packed;

struct acpi_info acpi_info = { .lint_nmi = 0xff };
static bool acpi_disabled __initdata;

static int __init param_acpi(char *value)
{
	if (value && !strcmp(value, "off"))
		acpi_disabled = true;
	return 0;
}
early_param("acpi", param_acpi);

/* Unaligned little-endian fields of a mapped table. */
static u16 get16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u32 get32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u64 get64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u8 __init sum_bytes(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return sum;
}

/* Sum of the bytes at a physical address, mapped piece by piece. */
static bool __init checksum_ok(phys_addr_t phys, size_t len)
{
	u8 sum = 0;

	while (len) {
		size_t n = min(len, MAP_CHUNK);
		u8 *p = early_memremap(phys, n);

		if (!p)
			return false;
		sum += sum_bytes(p, n);
		early_memunmap(p, n);
		phys += n;
		len -= n;
	}
	return !sum;
}

/* No bus is wider: a page table with more bits set is a fault on the first access. */
static bool __init phys_reachable(phys_addr_t phys)
{
	return !(phys >> min((int)boot_cpu_data.x86_phys_bits, MAX_PHYSMEM_BITS));
}

/* Reads and verifies the header of the table at @phys. Its length, 0 if it is not to be believed (logged). */
static size_t __init check_table(phys_addr_t phys, struct acpi_header *hdr)
{
	struct acpi_header *p;

	if (!phys || !phys_reachable(phys + MAX_TABLE_LEN))
		return 0;
	p = early_memremap(phys, sizeof(*p));
	if (!p)
		return 0;
	*hdr = *p;
	early_memunmap(p, sizeof(*p));
	if (hdr->length < sizeof(*hdr) || hdr->length > MAX_TABLE_LEN) {
		pr_warn("ACPI: table %.4s at %#lx has length %u: ignored\n", hdr->signature, phys,
			hdr->length);
		return 0;
	}
	if (!checksum_ok(phys, hdr->length)) {
		pr_warn("ACPI: table %.4s at %#lx: checksum is wrong: ignored\n", hdr->signature,
			phys);
		return 0;
	}
	return hdr->length;
}

/* ---- MADT: processors and interrupt controllers ---- */

static void __init add_cpu(u32 apicid, u32 flags)
{
	/* Bit 0: enabled. Bit 1, online capable, names a socket for hot-plug: not used. */
	if (!(flags & 1) || apicid == BAD_APICID)
		return;
	for (unsigned int i = 0; i < acpi_info.nr_cpus; i++)
		if (acpi_info.apicid[i] == apicid)
			return;
	if (acpi_info.nr_cpus < ARRAY_SIZE(acpi_info.apicid))
		acpi_info.apicid[acpi_info.nr_cpus++] = apicid;
}

static void __init add_ioapic(const u8 *e)
{
	struct acpi_ioapic *io = &acpi_info.ioapic[acpi_info.nr_ioapics];

	if (acpi_info.nr_ioapics == ACPI_MAX_IOAPICS)
		return;
	io->id = e[2];
	io->address = get32(e + 4);
	io->gsi_base = get32(e + 8);
	if (io->address)
		acpi_info.nr_ioapics++;
}

static void __init add_override(const u8 *e)
{
	u8 source = e[3];
	u16 flags = get16(e + 8);
	struct acpi_isa_irq *isa;

	if (e[2] != 0 || source >= ACPI_NR_ISA)
		return;
	isa = &acpi_info.isa[source];
	isa->gsi = get32(e + 4);
	/* 0: as the bus has it (edge, high); 1: high, edge; 3: low, level. */
	isa->active_low = (flags & 3) == 3;
	isa->level = ((flags >> 2) & 3) == 3;
}

static void __init madt_entry(const u8 *e, u8 len)
{
	switch (e[0]) {
	case 0: /* processor local APIC */
		if (len >= 8)
			add_cpu(e[3], get32(e + 4));
		break;
	case 1:
		if (len >= 12)
			add_ioapic(e);
		break;
	case 2:
		if (len >= 10)
			add_override(e);
		break;
	case 4: /* local APIC pin that carries NMI; machines wire all CPUs alike */
		if (len >= 6 && e[5] < 2)
			acpi_info.lint_nmi = e[5];
		break;
	case 5: /* 64-bit address of the local APIC */
		if (len >= 12 && phys_reachable(get64(e + 4)))
			acpi_info.lapic_address = get64(e + 4);
		break;
	case 9: /* processor local x2APIC */
		if (len >= 16)
			add_cpu(get32(e + 4), get32(e + 8));
		break;
	}
}

/* Calls @fn for each entry (type, length, ...) of a table's body from @offset on. */
static void __init for_each_entry(const u8 *table, size_t len, size_t offset,
				  void (*fn)(const u8 *e, u8 len))
{
	while (offset + 2 <= len) {
		u8 n = table[offset + 1];

		if (n < 2 || offset + n > len) {
			pr_warn("ACPI: %.4s: entry at %zu runs past the end: rest ignored\n", table,
				offset);
			return;
		}
		fn(table + offset, n);
		offset += n;
	}
}

static void __init parse_madt(const u8 *t, size_t len)
{
	if (len < 44)
		return;
	acpi_info.lapic_address = get32(t + 36);
	acpi_info.pcat_compat = get32(t + 40) & 1;
	for_each_entry(t, len, 44, madt_entry);
	pr_info("ACPI: MADT: %u CPUs, %u I/O APICs, local APIC at %#lx\n", acpi_info.nr_cpus,
		acpi_info.nr_ioapics, acpi_info.lapic_address);
}

/* ---- SRAT, SLIT: nodes ---- */

static bool srat_bad __initdata;

static void __init srat_entry(const u8 *e, u8 len)
{
	u32 pxm;

	if (e[0] == 0 && len >= 16 && (get32(e + 4) & 1)) { /* local APIC */
		pxm = e[2] | (u32)e[9] << 8 | (u32)e[10] << 16 | (u32)e[11] << 24;
		numa_set_apicid_node(e[3], acpi_map_pxm_to_node(pxm));
	} else if (e[0] == 2 && len >= 24 && (get32(e + 12) & 1)) { /* local x2APIC */
		numa_set_apicid_node(get32(e + 8), acpi_map_pxm_to_node(get32(e + 4)));
	} else if (e[0] == 1 && len >= 40 && (get32(e + 28) & 1)) { /* memory */
		phys_addr_t base = get64(e + 8), size = get64(e + 16);
		bool hotplug = get32(e + 28) & 2;
		int nid;

		if (!size)
			return;
		nid = acpi_map_pxm_to_node(get32(e + 2));
		pr_info("ACPI: SRAT: Node %d PXM %u [mem %#018lx-%#018lx]%s\n", nid, get32(e + 2),
			base, base + size - 1, hotplug ? " hotplug" : "");
		if (nid == NUMA_NO_NODE || numa_add_memory(nid, base, size, hotplug))
			srat_bad = true;
	}
}

static void __init parse_srat(const u8 *t, size_t len)
{
	for_each_entry(t, len, 48, srat_entry);
	if (srat_bad || !numa_nr_memblks) {
		pr_warn("ACPI: SRAT: memory ranges contradict each other or are absent: one node "
			"is used\n");
		numa_forget();
	}
}

static void __init parse_slit(const u8 *t, size_t len)
{
	u64 n;

	if (len < 44)
		return;
	n = get64(t + 36);
	if (n > 256 || 44 + n * n > len) {
		pr_warn("ACPI: SLIT: %llu localities do not fit: ignored\n", n);
		return;
	}
	for (u32 i = 0; i < n; i++)
		for (u32 j = 0; j < n; j++) {
			u8 d = t[44 + i * n + j];

			/* Below 10 is reserved; 10 is the distance to oneself only. */
			if (d < LOCAL_DISTANCE || (d == LOCAL_DISTANCE) != (i == j)) {
				pr_warn("ACPI: SLIT: distance %u from %u to %u: ignored\n", d, i,
					j);
				return;
			}
		}
	for (u32 i = 0; i < n; i++)
		for (u32 j = 0; j < n; j++)
			numa_set_distance(pxm_to_node(i), pxm_to_node(j), t[44 + i * n + j]);
}

/* ---- HPET, MCFG, FADT, DSDT ---- */

static void __init parse_hpet(const u8 *t, size_t len)
{
	/* Generic address at 40: space 0 is memory. */
	if (len >= 56 && t[40] == 0 && phys_reachable(get64(t + 44))) {
		acpi_info.hpet_address = get64(t + 44);
		acpi_info.hpet_number = t[52];
	}
}

static void __init parse_mcfg(const u8 *t, size_t len)
{
	for (size_t at = 44; at + 16 <= len; at += 16) {
		struct acpi_ecam e = { get64(t + at), get16(t + at + 8), t[at + 10], t[at + 11] };
		u64 last = e.base + (((u64)e.last_bus + 1) << 20) - 1;

		if (e.last_bus < e.first_bus || last < e.base || !phys_reachable(last)) {
			pr_warn("ACPI: MCFG: buses %02x-%02x at %#lx: ignored\n", e.first_bus,
				e.last_bus, e.base);
			continue;
		}
		if (acpi_info.nr_ecams < ACPI_MAX_ECAMS)
			acpi_info.ecam[acpi_info.nr_ecams++] = e;
	}
}

/*
 * _S5_ is a package of two numbers: what to write into SLP_TYP of PM1a and PM1b to switch off. There is no AML interpreter here:
 * the name, a package with a constant length and two byte constants are looked for in the byte code, which is how all known
 * firmware writes it.
 */
static bool __init parse_s5(const u8 *p, const u8 *end)
{
	u8 val[2] = { 0, 0 };

	/* NameOp before the name, with or without the root prefix. */
	if (p[-1] != 0x08 && !(p[-1] == '\\' && p[-2] == 0x08))
		return false;
	p += 4;
	if (p + 8 > end || *p++ != 0x12)
		return false;
	p += (*p >> 6) + 1; /* package length: 1 to 4 bytes */
	if (p >= end || *p++ < 1)
		return false;
	for (int i = 0; i < 2; i++) {
		if (p + 2 > end)
			return i > 0;
		if (*p == 0x0a) { /* byte constant */
			val[i] = p[1];
			p += 2;
		} else if (*p <= 1) { /* zero, one */
			val[i] = *p++;
		} else {
			return false;
		}
	}
	acpi_info.slp_typa = val[0] & 7;
	acpi_info.slp_typb = val[1] & 7;
	acpi_info.has_s5 = true;
	return true;
}

static void __init parse_dsdt(phys_addr_t phys)
{
	struct acpi_header hdr;
	size_t len = check_table(phys, &hdr), offset = sizeof(hdr);

	/* Pieces overlap, so that a name on the border is seen whole. */
	while (len > offset + 16 && !acpi_info.has_s5) {
		size_t n = min(len - offset, MAP_CHUNK);
		u8 *map = early_memremap(phys + offset, n), *p;

		if (!map)
			return;
		for (p = map + 2; p + 4 <= map + n; p++)
			if (p[0] == '_' && p[1] == 'S' && p[2] == '5' && p[3] == '_' &&
			    parse_s5(p, map + n))
				break;
		early_memunmap(map, n);
		if (n < MAP_CHUNK)
			break;
		offset += n - 32;
	}
}

/* Port of a generic address, 0 if it lies in memory. */
static u16 __init gas_port(const u8 *gas)
{
	u64 address = get64(gas + 4);

	return gas[0] == 1 && address < 0x10000 ? address : 0;
}

static void __init parse_fadt(const u8 *t, size_t len)
{
	u32 flags;
	phys_addr_t dsdt;

	if (len < 116)
		return;
	flags = get32(t + 112);
	dsdt = get32(t + 40);
	acpi_info.smi_cmd = get32(t + 48);
	acpi_info.acpi_enable = t[52];
	acpi_info.pm1a_cnt = get32(t + 64);
	acpi_info.pm1b_cnt = get32(t + 68);
	if (t[91] == 4)
		acpi_info.pm_timer_port = get32(t + 76);
	acpi_info.pm_timer_32bit = flags & BIT(8);
	if (len >= 129 && (flags & BIT(10)) && t[116] <= 1) {
		acpi_info.reset_supported = true;
		acpi_info.reset_is_io = t[116] == 1;
		acpi_info.reset_address = get64(t + 120);
		acpi_info.reset_value = t[128];
	}
	if (len >= 148 && get64(t + 140))
		dsdt = get64(t + 140);
	if (len >= 184 && gas_port(t + 172))
		acpi_info.pm1a_cnt = gas_port(t + 172);
	if (len >= 220 && gas_port(t + 208))
		acpi_info.pm_timer_port = gas_port(t + 208);
	if (dsdt)
		parse_dsdt(dsdt);
	if (acpi_info.pm_timer_port)
		pr_info("ACPI: PM-Timer IO Port: %#x\n", acpi_info.pm_timer_port);
}

/* ---- the root ---- */

static const struct {
	char signature[5];
	void (*parse)(const u8 *table, size_t len);
} parsers[] __initconst = {
	{ "APIC", parse_madt }, { "SRAT", parse_srat }, { "SLIT", parse_slit },
	{ "HPET", parse_hpet }, { "MCFG", parse_mcfg }, { "FACP", parse_fadt },
};

static void __init parse_table(phys_addr_t phys)
{
	struct acpi_header hdr;
	size_t len = check_table(phys, &hdr);

	if (!len)
		return;
	pr_info("ACPI: %.4s %#018lx %06x (v%02u %.6s %.8s)\n", hdr.signature, phys, hdr.length,
		hdr.revision, hdr.oem_id, hdr.oem_table_id);
	for (unsigned int i = 0; i < ARRAY_SIZE(parsers); i++) {
		u8 *t;

		if (memcmp(hdr.signature, parsers[i].signature, 4))
			continue;
		if (len > MAP_CHUNK) {
			pr_warn("ACPI: %.4s is too long (%zu bytes): ignored\n", hdr.signature,
				len);
			return;
		}
		t = early_memremap(phys, len);
		if (!t)
			return;
		parsers[i].parse(t, len);
		early_memunmap(t, len);
	}
}

#define MAX_ROOT_TABLES 64

static int __init parse_root(phys_addr_t phys, const char *signature, size_t width)
{
	phys_addr_t tables[MAX_ROOT_TABLES];
	struct acpi_header hdr;
	size_t len = check_table(phys, &hdr), n;
	u8 *t;

	if (!len || memcmp(hdr.signature, signature, 4) || len > MAP_CHUNK)
		return -EINVAL;
	t = early_memremap(phys, len);
	if (!t)
		return -ENOMEM;
	n = min((len - sizeof(hdr)) / width, (size_t)MAX_ROOT_TABLES);
	for (size_t i = 0; i < n; i++) {
		const u8 *e = t + sizeof(hdr) + i * width;

		tables[i] = width == 8 ? get64(e) : get32(e);
	}
	early_memunmap(t, len);
	for (size_t i = 0; i < n; i++)
		parse_table(tables[i]);
	return 0;
}

static bool __init rsdp_valid(const struct acpi_rsdp *r, size_t len)
{
	if (len < 20 || memcmp(r->signature, "RSD PTR ", 8) || sum_bytes((const u8 *)r, 20))
		return false;
	if (r->revision < 2)
		return true;
	return len >= sizeof(*r) && r->length >= sizeof(*r) &&
	       (r->length > len || !sum_bytes((const u8 *)r, r->length));
}

/* Looks on 16-byte boundaries of [start, start + len); copies what it finds. */
static bool __init scan_for_rsdp(phys_addr_t start, size_t len, struct acpi_rsdp *out)
{
	bool found = false;

	for (size_t done = 0; done < len && !found; done += MAP_CHUNK) {
		size_t n = min(len - done, MAP_CHUNK);
		u8 *p = early_memremap(start + done, n);

		if (!p)
			return false;
		for (size_t i = 0; i + 16 <= n && !found; i += 16) {
			size_t room = min(n - i, sizeof(*out));

			if (memcmp(p + i, "RSD PTR ", 8) || !rsdp_valid((void *)(p + i), room))
				continue;
			memset(out, 0, sizeof(*out));
			memcpy(out, p + i, room);
			found = true;
		}
		early_memunmap(p, n);
	}
	return found;
}

static bool __init find_rsdp(const void *copy, size_t len, struct acpi_rsdp *out)
{
	u16 *bda;
	phys_addr_t ebda;

	if (copy && len && rsdp_valid(copy, len)) {
		memset(out, 0, sizeof(*out));
		memcpy(out, copy, min(len, sizeof(*out)));
		return true;
	}
	if (copy && len)
		pr_warn("ACPI: the boot loader's RSDP is damaged: searching for another\n");
	bda = early_memremap(0x400, 0x100);
	ebda = bda ? (phys_addr_t)bda[7] << 4 : 0;
	if (bda)
		early_memunmap(bda, 0x100);
	if (ebda >= 0x80000 && ebda < 0xa0000 && scan_for_rsdp(ebda, 1024, out))
		return true;
	return scan_for_rsdp(0xe0000, 0x20000, out);
}

static void __init read_tables(const void *rsdp, size_t len)
{
	struct acpi_rsdp r;

	if (acpi_disabled) {
		pr_info("ACPI: switched off by acpi=off\n");
		return;
	}
	if (!find_rsdp(rsdp, len, &r)) {
		pr_warn("ACPI: no usable RSDP: one CPU, no power management\n");
		return;
	}
	pr_info("ACPI: RSDP v%02u %.6s\n", r.revision, r.oem_id);
	if ((r.revision >= 2 && r.xsdt && !parse_root(r.xsdt, "XSDT", 8)) ||
	    !parse_root(r.rsdt, "RSDT", 4))
		acpi_info.present = true;
	else
		pr_warn("ACPI: neither XSDT nor RSDT can be read: one CPU, no power management\n");
}

void __init acpi_boot_init(const void *rsdp, size_t len)
{
	/* Firmware leaves the PIC's timer on, at a vector that means double fault. */
	mask_8259A();
	for (unsigned int i = 0; i < ACPI_NR_ISA; i++)
		acpi_info.isa[i].gsi = i;
	read_tables(rsdp, len);
}
