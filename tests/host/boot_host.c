/*
 * The readers of what firmware and boot loader hand over, on the host under the sanitizers: multiboot2's tags
 * (boot/bootinfo.c) and ACPI's tables (arch/x86/acpi.c). Whatever bytes they get, they read nothing outside of the block or
 * table, and they come to an end. `boot_host [SEED]` repeats a run.
 *
 * The information block ends where a forbidden page begins; every mapping of a table is a copy of exactly the bytes asked for.
 * Memory outside of the tables reads as ones, as a bus without an answer does.
 */
// needs: lib/string.c lib/random.c
#include "tests/host/firmware.h"
#undef __va
#define __va(x) ((void *)(unsigned long)(x))
#include "boot/bootinfo.c"
#undef EARLY_MAP_END

#include "arch/x86/acpi.c"
#include "lib/random.h"

unsigned long strtoul(const char *s, char **end, int base);
long time(long *t);

#define INFO_AT	     0x50000000UL
#define INFO_ROUNDS  8000
#define TABLE_ROUNDS 10000

struct cpuinfo_x86 boot_cpu_data = { .x86_phys_bits = 40 };
static struct rnd_state rnd;
static long nodes_called;

static u32 below(u32 n)
{
	return prandom_below(&rnd, n);
}

/* --- what the kernel would give --- */

int acpi_map_pxm_to_node(u32 pxm)
{
	return pxm < 8 ? (int)pxm : NUMA_NO_NODE;
}

int pxm_to_node(u32 pxm)
{
	return acpi_map_pxm_to_node(pxm);
}

unsigned int numa_nr_memblks;

int numa_add_memory(int nid, phys_addr_t base, phys_addr_t len, bool hotpluggable)
{
	numa_nr_memblks++;
	return 0;
}

void numa_set_apicid_node(u32 apicid, int nid)
{
	nodes_called++;
}

void numa_set_distance(int from, int to, u8 distance)
{
	nodes_called++;
}

void numa_forget(void)
{
	numa_nr_memblks = 0;
}

/* --- multiboot2 --- */

static u32 odd_number(void)
{
	static const u32 values[] = { 0,	  1,	      7,	  8,
				      9,	  12,	      15,	  16,
				      17,	  24,	      0xff,	  0x7fffffff,
				      0x80000000, 0xfffffff8, 0xfffffff9, 0xffffffff };

	return below(3) ? values[below(ARRAY_SIZE(values))] : below(200);
}

/* A block of tags that is right except for some numbers; it fills the memory up to the forbidden page. */
static void random_info(u32 room)
{
	u8 *block = (u8 *)INFO_AT + INFO_MAX_SIZE - room;
	u32 at = 8;

	for (u32 i = 0; i < room; i++)
		block[i] = below(4) ? 0 : below(256);
	*(u32 *)block = below(4) ? room : odd_number();
	while (at + 64 < room && below(20)) {
		u32 size = below(8) ? 8 + below(56) : odd_number();

		*(u32 *)(block + at) = below(5) ? below(22) : odd_number();
		*(u32 *)(block + at + 4) = size;
		for (u32 i = 8; i < 56; i += 4)
			*(u32 *)(block + at + i) = odd_number();
		at += ALIGN(clamp(size, 8U, 64U), 8);
	}
	boot_info_phys = (phys_addr_t)block;
}

static bool info_round(void)
{
	u64 base, len, sum = 0;
	unsigned int i;
	u32 type;

	memset(&boot_info, 0, sizeof(boot_info));
	memset(basic, 0, sizeof(basic));
	mmap_first = NULL;
	/* The block claims at most what lies before the forbidden page, unless it is the largest there can be. */
	random_info(below(50) ? 8 * (2 + below(300)) : INFO_MAX_SIZE);
	if (*(u32 *)boot_info_phys > INFO_AT + INFO_MAX_SIZE - boot_info_phys)
		*(u32 *)boot_info_phys = INFO_AT + INFO_MAX_SIZE - boot_info_phys;
	boot_info_init();
	for_each_boot_mmap(i, &base, &len, &type)
		sum += base ^ len ^ type;
	for (i = 0; i < boot_info.nr_modules; i++)
		if (boot_info.modules[i].end < boot_info.modules[i].start ||
		    strlen(boot_info.modules[i].string) >= sizeof(boot_info.modules[i].string))
			return false;
	return strlen(boot_command_line) < sizeof(boot_command_line) && sum + 1;
}

/* --- ACPI --- */

static void seal(u8 *table, u32 len)
{
	table[9] = 0;
	table[9] = -sum_bytes(table, len);
}

static u32 put_table(u32 at, const char *signature, u32 len)
{
	u8 *t = phys + at;

	for (u32 i = 36; i < len; i++)
		t[i] = below(3) ? below(20) : below(256);
	memcpy(t, signature, 4);
	len = below(30) ? len : odd_number();
	memcpy(t + 4, &len, 4);
	if (len >= 36 && len <= PHYS_SIZE - at && below(30))
		seal(t, len);
	return PHYS_AT + at;
}

static void table_round(void)
{
	static const char *const names[] = { "APIC", "SRAT", "SLIT", "HPET",
					     "FACP", "DSDT", "MCFG", "XXXX" };
	struct acpi_rsdp r = { .signature = "RSD PTR ", .revision = below(4), .length = 36 };
	u32 count = 1 + below(12), pointer, len = 36 + 8 * count;
	bool wide = below(2);

	memset(&acpi_info, 0, sizeof(acpi_info));
	numa_nr_memblks = 0;
	srat_bad = false;
	memset(phys, 0, sizeof(phys));
	put_table(0, wide ? "XSDT" : "RSDT", len);
	memset(phys + 36, 0, len - 36);
	for (u32 i = 0; i < count; i++) {
		const char *name = names[below(ARRAY_SIZE(names))];
		u32 at = 0x400 + 0x300 * i, size = 36 + below(0x2c0);

		if (memcmp(name, "APIC", 4) == 0 && below(2))
			size = 44 + below(80);
		pointer = put_table(at, name, size);
		if (memcmp(name, "FACP", 4) == 0 && size > 148) {
			u32 dsdt = PHYS_AT + 0x3000;
			u64 none = 0;
			static const u8 s5[] = { 8, '_', 'S', '5', '_', 0x12, 6, 2, 10, 5, 10, 5 };
			u32 dlen = 40 + below(300);

			put_table(0x3000, "DSDT", dlen);
			memcpy(phys + 0x3000 + 36 + below(dlen - 36), s5, sizeof(s5));
			if (below(20))
				seal(phys + 0x3000, dlen);
			memcpy(phys + at + 40, &dsdt, 4);
			memcpy(phys + at + 140, &none, 8);
			seal(phys + at, size);
		}
		memcpy(phys + 36 + i * (wide ? 8 : 4), &pointer, 4);
		if (!below(20))
			*(u32 *)(phys + 36 + below(len - 36) / 4 * 4) = odd_number();
	}
	memcpy(&len, phys + 4, 4);
	if (len >= 36 && len <= 0x400)
		seal(phys, len);
	r.xsdt = wide ? PHYS_AT : 0;
	r.rsdt = wide ? odd_number() : PHYS_AT;
	if (!below(20))
		((u8 *)&r)[below(sizeof(r))] ^= 1 << below(8);
	r.checksum = 0;
	r.checksum = -sum_bytes((u8 *)&r, 20);
	r.ext_checksum = 0;
	r.ext_checksum = -sum_bytes((u8 *)&r, sizeof(r));
	u8 *copy = malloc(len = below(10) ? 36 : below(40));

	memcpy(copy, &r, min((size_t)len, sizeof(r)));
	acpi_boot_init(copy, len);
	free(copy);
}

static int result(int n, bool ok, const char *name)
{
	printf("%s %d %s\n", ok ? "ok" : "not ok", n, name);
	return !ok;
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoul(argv[1], NULL, 0) : (u64)time(NULL);
	long read = 0, with_cpus = 0, with_s5 = 0;
	bool ok = true;
	int bad;

	printf("KTAP version 1\n# repeat with: boot_host %#llx\n1..2\n", seed);
	prandom_seed_state(&rnd, seed);
	if (mmap((void *)INFO_AT, INFO_MAX_SIZE, 3, MAP_HERE, -1, 0) != (void *)INFO_AT ||
	    mmap((void *)(INFO_AT + INFO_MAX_SIZE), PAGE_SIZE, 0, MAP_HERE, -1, 0) == (void *)-1L)
		return 2;
	for (int i = 0; i < INFO_ROUNDS && ok; i++)
		ok = info_round();
	bad = result(1, ok, "tags_of_any_content_are_read_within_bounds");
	for (int i = 0; i < TABLE_ROUNDS; i++) {
		table_round();
		read += acpi_info.present;
		with_cpus += acpi_info.nr_cpus > 0;
		with_s5 += acpi_info.has_s5;
	}
	printf("# of %d: %ld with a root, %ld with CPUs, %ld with S5\n", TABLE_ROUNDS, read,
	       with_cpus, with_s5);
	/* A fuzzer whose tables are all refused proves nothing. */
	ok = !mappings && read > TABLE_ROUNDS / 4 && with_cpus > 100 && with_s5 > 100 &&
	     nodes_called;
	return bad + result(2, ok, "tables_of_any_content_are_read_within_bounds");
}
