/*
 * The memory map of the firmware (mm/boot/e820.c): whatever ranges it holds, in whatever order, the table made of them is
 * sorted, disjoint and merged, and says of every address what the most restrictive of the ranges over it says.
 *
 * An input is a list of ranges, 17 bytes each or taken from a few awkward numbers, and then the words mem= and memmap=
 * of a command line, as text. After those, nothing may be RAM that the firmware did not call RAM, nor the first page, nor
 * what no page table maps.
 */
// needs: lib/string.c lib/scanf.c lib/printf.c lib/random.c
#include "tests/host/host.h"

#undef __pa_symbol
#define __pa_symbol(x) ((phys_addr_t)(unsigned long)(x))

#include "mm/boot/e820.c"

struct cpuinfo_x86 boot_cpu_data = { .x86_phys_bits = 40 };

static unsigned long tables, full, limited;

static u64 odd_address(struct input *in)
{
	static const u64 values[] = { 0,	  1,	      4095,	  4096,		0x9fc00,
				      0xa0000,	  0x100000,   0xffffffff, 0x100000000,	1ULL << 40,
				      1ULL << 46, 1ULL << 52, 1ULL << 63, ~0ULL - 4095, ~0ULL - 1,
				      ~0ULL };
	u8 kind = take8(in);

	if (kind < 128)
		return values[kind % ARRAY_SIZE(values)];
	if (kind < 224)
		return (u64)take8(in) << 12;
	return take(in, 8);
}

/* What the firmware says, perhaps more of it than a table holds. */
#define MAX_RAW (E820_MAX_ENTRIES + 80)
static struct e820_entry raw_map[MAX_RAW];
static unsigned int nr_raw;

bool boot_mmap_entry(unsigned int i, u64 *base, u64 *len, u32 *type)
{
	if (i >= nr_raw)
		return false;
	*base = raw_map[i].addr;
	*len = raw_map[i].size;
	*type = raw_map[i].type;
	return true;
}

static void read_table(struct input *in, struct e820_table *t)
{
	unsigned int n = 1 + take_below(in, 40);

	memset(t, 0, sizeof(*t));
	nr_raw = 0;
	/* Reserved pages with one between them; a range of RAM over all would need more entries than there are. */
	if (take8(in) < 32)
		nr_raw = take_below(in, MAX_RAW - 40 + 1);
	for (unsigned int i = 0; i < nr_raw; i++)
		raw_map[i] =
			(struct e820_entry){ 2 * i * PAGE_SIZE, PAGE_SIZE, E820_TYPE_RESERVED };
	while (n-- && nr_raw < MAX_RAW) {
		u64 addr = odd_address(in), len = odd_address(in);

		raw_map[nr_raw++] =
			(struct e820_entry){ addr, len, (enum e820_type)take_below(in, 10) };
	}
	for (unsigned int i = 0; i < nr_raw; i++) {
		const struct e820_entry *e = &raw_map[i];
		u32 before = t->nr_entries;
		int err = e820__range_add_to(t, e->addr, e->size, e->type);

		must(err == 0 || (err == -ENOSPC && before == E820_MAX_ENTRIES));
		must(t->nr_entries <= E820_MAX_ENTRIES);
	}
}

/* Nothing is RAM where some range of the firmware says otherwise. */
static void must_be_ram(const struct e820_entry *e)
{
	for (unsigned int i = 0; i < nr_raw; i++) {
		const struct e820_entry *r = &raw_map[i];
		u64 end = r->size > ULLONG_MAX - r->addr ? ULLONG_MAX : r->addr + r->size;

		must(r->type == E820_TYPE_RAM || !r->size || r->addr >= e->addr + e->size ||
		     end <= e->addr);
	}
}

static void must_be_sane(const struct e820_table *t)
{
	must(t->nr_entries <= E820_MAX_ENTRIES);
	for (u32 i = 0; i < t->nr_entries; i++) {
		const struct e820_entry *e = &t->entries[i], *next = e + 1;

		must(e->size && e->addr + e->size > e->addr);
		if (i + 1 == t->nr_entries)
			break;
		must(e->addr + e->size <= next->addr);
		must(e->addr + e->size < next->addr || e->type != next->type);
	}
}

/* The type of addr by definition: the most restrictive range over it, the first of several alike; 0: none. */
static enum e820_type type_by_model(const struct e820_table *t, u64 addr)
{
	enum e820_type found = 0;
	int rank = -1;

	for (u32 i = 0; i < t->nr_entries; i++) {
		const struct e820_entry *e = &t->entries[i];

		if (addr - e->addr < e->size && type_rank(e->type) > rank) {
			found = e->type;
			rank = type_rank(found);
		}
	}
	return found;
}

static void must_agree(const struct e820_table *in, const struct e820_table *out, u64 addr)
{
	must(e820__type_of(out, addr) == type_by_model(in, addr));
}

static void test_sanitize(const struct e820_table *raw)
{
	static struct e820_table out;
	int err = e820__sanitize(raw, &out);

	must_be_sane(&out);
	tables++;
	if (err) {
		must(err == -ENOSPC && raw->nr_entries > E820_MAX_ENTRIES / 2);
		full++;
	}
	/* Types change only where some range begins or ends. */
	for (u32 i = 0; i < raw->nr_entries && !err; i++) {
		u64 start = raw->entries[i].addr, end = start + raw->entries[i].size;

		must_agree(raw, &out, start);
		must_agree(raw, &out, start - 1);
		must_agree(raw, &out, end);
		must_agree(raw, &out, end - 1);
	}
}

/* Text for the parser of mem= or memmap=: numbers, separators, rubbish; in memory of exactly its size. */
static char *read_word(struct input *in)
{
	static const char letters[] = "0123456789abcdefxKMGTP@$#!%,.-+ ";
	char text[80];
	int n = 0;
	char *word;

	switch (take_below(in, 4)) {
	case 0:
		while (n < 40 && take8(in)) {
			u8 c = take8(in);

			text[n++] = c < 250 ? letters[c % (sizeof(letters) - 1)] : (char)c;
		}
		break;
	case 1:
		n = snprintf(text, sizeof(text), "%u%c", (unsigned int)take(in, 2),
			     "KMG "[take_below(in, 4)]);
		break;
	default:
		n = snprintf(text, sizeof(text), "%#llx%c%#llx", odd_address(in),
			     "@$#!"[take_below(in, 4)], odd_address(in));
	}
	word = malloc(n + 1);
	memcpy(word, text, n);
	word[n] = 0;
	return word;
}

static void test_limits(struct input *in, const struct e820_table *raw)
{
	u64 limit = 1ULL << min((int)boot_cpu_data.x86_phys_bits, MAX_PHYSMEM_BITS);
	unsigned int words = take_below(in, 4);

	mem_limit = ULLONG_MAX;
	user_defined = false;
	nr_user_ranges = 0;
	memset(&firmware_table, 0, sizeof(firmware_table));
	e820__memory_setup();
	must_be_sane(&e820_table);
	early_mem(NULL);
	early_memmap(NULL);
	while (words--) {
		char *word = read_word(in);

		if (take8(in) & 1)
			early_mem(word);
		else
			early_memmap(word);
		free(word);
	}
	limited += user_defined;
	finish_table();
	must_be_sane(&e820_table);
	for (u32 i = 0; i < e820_table.nr_entries; i++) {
		const struct e820_entry *e = &e820_table.entries[i];

		if (e->type != E820_TYPE_RAM)
			continue;
		must(e->addr >= PAGE_SIZE && e->addr + e->size <= limit);
		must_be_ram(e);
		must(type_by_model(raw, e->addr) == E820_TYPE_RAM);
		must(type_by_model(raw, e->addr + e->size - 1) == E820_TYPE_RAM);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct e820_table raw;
	struct input in = { data, data + size };

	read_table(&in, &raw);
	test_sanitize(&raw);
	test_limits(&in, &raw);
	return 0;
}

bool fuzz_summary(void)
{
	printf("# %lu tables, %lu of them too full; %lu with limits from the command line\n",
	       tables, full, limited);
	return tables > 1000 && limited > 100;
}
