/*
 * ACPI's tables and what the node tables make of them: arch/x86/acpi.c and arch/x86/numa.c.
 *
 * An input is a list of tables, each a name, a few choices (a checksum that is right, a length that is true) and raw
 * bytes, which stand in a small piece of physical memory behind an RSDP. Each mapping that the reader asks for is a copy
 * of exactly those bytes. Whatever they are: nothing is read outside, every mapping is given back, and the nodes that come
 * out are some that the rest of the kernel can live with.
 */
// needs: lib/string.c lib/random.c
#include "tests/host/firmware.h"

#include "arch/x86/acpi.c"
#include "arch/x86/numa.c"

#define MAX_ROOT 12

struct cpuinfo_x86 boot_cpu_data = { .x86_phys_bits = 40 };
unsigned long cpu_possible_mask = 0xff;
u32 cpu_apicid[NR_CPUS] = { 0, 1, 2, 3, 4, 5, 6, 7 };
static unsigned long roots, with_cpus, with_nodes, with_distances;

static void seal(u32 at, u32 len)
{
	phys[at + 9] = 0;
	phys[at + 9] = -sum_bytes(phys + at, len);
}

/* Writes one table at offset `at`; returns the offset after it, 0 if there is no room. */
static u32 write_table(struct input *in, u32 at)
{
	static const char *const names[] = { "SRAT", "SLIT", "APIC", "FACP",
					     "HPET", "DSDT", "SRAT", "XXXX" };
	u8 choice = take8(in);
	u32 len = 36 + take(in, 2) % 0x600, claimed, body = 36;

	if (at + len > PHYS_SIZE)
		return 0;
	memcpy(phys + at, names[choice % 8], 4);
	claimed = choice & 0x40 ? (u32)take(in, 4) : len;
	memcpy(phys + at + 4, &claimed, 4);
	while (body < len && !used_up(in))
		phys[at + body++] = take8(in);
	if (!(choice & 0x20))
		seal(at, len);
	return ALIGN(at + len, 8);
}

/* An SRAT whose entries are whole, with numbers out of the input. */
static u32 write_srat(struct input *in, u32 at)
{
	u32 n = take_below(in, 24), len = 48 + n * 40;

	if (at + len > PHYS_SIZE)
		return 0;
	memcpy(phys + at, "SRAT", 4);
	memcpy(phys + at + 4, &len, 4);
	for (u32 i = 0; i < n; i++) {
		u8 *e = phys + at + 48 + i * 40;
		u64 base = (u64)take8(in) << 28, size = (u64)take8(in) << 27;

		e[0] = take8(in) % 3;
		e[1] = 40;
		e[2] = take8(in) % 12;
		e[4] = 1;
		e[28] = take8(in) % 4;
		e[12] = e[28];
		if (e[0] == 1) {
			e[4] = 0;
			memcpy(e + 8, &base, 8);
			memcpy(e + 16, &size, 8);
		}
	}
	seal(at, len);
	return ALIGN(at + len, 8);
}

/* A SLIT of right size and plausible numbers, at least most of them. */
static u32 write_slit(struct input *in, u32 at)
{
	u32 n = take_below(in, 10), len = 44 + n * n;

	if (at + len > PHYS_SIZE)
		return 0;
	memcpy(phys + at, "SLIT", 4);
	memcpy(phys + at + 4, &len, 4);
	phys[at + 36] = n;
	for (u32 i = 0; i < n * n; i++)
		phys[at + 44 + i] = i % (n + 1) ? max(take8(in), (u8)11) : 10;
	if (take8(in) < 32)
		phys[at + 36 + take_below(in, len - 36)] = take8(in);
	seal(at, len);
	return ALIGN(at + len, 8);
}

static void must_be_sane(void)
{
	unsigned int nodes = 0, cpu;

	must(numa_nr_memblks <= NR_NODE_MEMBLKS && numa_nr_nodes >= 1);
	must(numa_nr_nodes <= MAX_NUMNODES && acpi_info.nr_cpus <= ARRAY_SIZE(acpi_info.apicid));
	must(acpi_info.nr_ioapics <= ACPI_MAX_IOAPICS);
	numa_sort_memblks();
	for (unsigned int i = 0; i < numa_nr_memblks; i++) {
		struct numa_memblk *b = &numa_memblks[i];

		must(b->start < b->end && b->nid >= 0 && b->nid < (int)numa_nr_nodes);
		nodes |= BIT(b->nid);
		if (i && b[-1].nid != b->nid)
			must(b[-1].end <= b->start);
	}
	for (int a = 0; a < MAX_NUMNODES; a++)
		for (int b = 0; b < MAX_NUMNODES; b++)
			must((node_distance(a, b) == LOCAL_DISTANCE) == (a == b) &&
			     node_distance(a, b) >= LOCAL_DISTANCE);
	numa_init_cpu_nodes();
	for_each_possible_cpu(cpu)
		must(cpu_node_map[cpu] < numa_nr_nodes);
	with_cpus += acpi_info.nr_cpus > 0;
	with_nodes += nodes > 1;
	with_distances += node_distance(0, 1) != REMOTE_DISTANCE;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct acpi_rsdp r = { .signature = "RSD PTR ", .revision = 2, .length = 36 };
	u8 choice = take8(&in);
	bool wide = choice & 1;
	u32 entry = wide ? 8 : 4, count = 0, at = ALIGN(36 + MAX_ROOT * 8, 64), len, next;

	memset(&acpi_info, 0, sizeof(acpi_info));
	srat_bad = false;
	numa_forget();
	memset(phys, 0, sizeof(phys));
	while (count < MAX_ROOT && !used_up(&in)) {
		u32 pointer = PHYS_AT + at;
		u8 kind = take8(&in) % 4;

		next = kind == 0   ? write_srat(&in, at)
		       : kind == 1 ? write_slit(&in, at)
				   : write_table(&in, at);
		if (!next)
			break;
		memcpy(phys + 36 + count++ * entry, &pointer, 4);
		at = next;
	}
	memcpy(phys, wide ? "XSDT" : "RSDT", 4);
	len = 36 + count * entry;
	memcpy(phys + 4, &len, 4);
	if (choice & 2) /* a pointer into nowhere */
		phys[36 + take_below(&in, 64)] ^= take8(&in);
	seal(0, len);
	r.xsdt = wide ? PHYS_AT : 0;
	r.rsdt = PHYS_AT;
	if ((choice & 0xf0) == 0xf0)
		((u8 *)&r)[take_below(&in, sizeof(r))] ^= take8(&in);
	r.checksum = 0;
	r.checksum = -sum_bytes((u8 *)&r, 20);
	r.ext_checksum = 0;
	r.ext_checksum = -sum_bytes((u8 *)&r, sizeof(r));
	acpi_boot_init(&r, sizeof(r));
	must(!mappings);
	roots += acpi_info.present;
	must_be_sane();
	return 0;
}

bool fuzz_summary(void)
{
	printf("# %lu with a root, %lu with CPUs, %lu with several nodes, %lu with distances\n",
	       roots, with_cpus, with_nodes, with_distances);
	return roots > 1000 && with_nodes > 20 && with_distances > 20;
}
