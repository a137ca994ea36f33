/*
 * numa=fake=: any word behind it, on any nodes and any RAM (mm/boot/numa_emulation.c, arch/x86/numa.c).
 *
 * An input is a map of RAM in units of 16 MiB with up to three real nodes, and a word made of numbers, units, U, colons and rubbish.
 * Either the word is refused with one line, and the nodes are what they were; or all RAM of each real node belongs
 * to one of its emulated nodes, these are numbered from 0 without a gap, none is smaller than 32 MiB, no two of their ranges
 * overlap, and distances are in 10..255, 10 only to oneself or within one parent.
 */
// needs: lib/string.c lib/scanf.c lib/printf.c lib/random.c
#define HOST_OWN_PRINTK
#include "tests/host/host.h"

#include "arch/x86/numa.c"
#include "mm/boot/memblock.c"
#include "mm/boot/memblock_boot.c"
#include "mm/boot/numa_emulation.c"

#define UNIT	 (16UL << 20)
#define UNITS	 256
#define MIN_UNIT (FAKE_NODE_MIN_SIZE / UNIT)
#define REGIONS	 300

u32 cpu_apicid[NR_CPUS];
unsigned int nr_cpu_ids = 1;

static int real[UNITS]; /* node of a unit of RAM, -1: a hole */
static unsigned long words, complaints, accepted, with_matrix;
static bool refused;

int printk(const char *fmt, ...)
{
	complaints += strstr(fmt, "ignored") != NULL;
	refused |= strstr(fmt, "%s: %s, ignored") != NULL;
	return 0;
}

/* Nodes lie one behind the other, or are mixed. */
static void read_map(struct input *in)
{
	int nodes = 1 + take_below(in, 3), nid = 0;
	bool mixed = take8(in) < 64;

	memset(&memblock, 0, sizeof(memblock));
	numa_forget();
	for (int u = 0; u < UNITS; u++)
		real[u] = -1;
	for (int u = 0; u < UNITS && !used_up(in);) {
		int n = min(UNITS - u, 1 + (int)take_below(in, 48));
		bool hole = take8(in) < 50;

		for (int i = u; i < u + n && !hole; i++)
			real[i] = nid;
		if (!hole)
			must(!numa_add_memory(nid, u * UNIT, n * UNIT, false));
		u += n;
		if (mixed)
			nid = take_below(in, nodes);
		else
			nid = min(nid + (take8(in) < 128), nodes - 1);
		if (numa_nr_memblks > 20)
			break;
	}
}

static void add_ram(void)
{
	static struct memblock_region own[2][REGIONS];

	memblock.memory = (struct memblock_type){ .max = REGIONS, .regions = own[0] };
	memblock.reserved = (struct memblock_type){ .max = REGIONS, .regions = own[1] };
	for (int u = 0; u < UNITS; u++)
		if (real[u] >= 0)
			memblock_add(u * UNIT, UNIT);
}

/* A matrix for some number of nodes, seldom with a distance that cannot be, or one too many or too few. */
static void write_matrix(struct input *in, size_t at, int nodes)
{
	size_t room = sizeof(fake_word);
	int n;

	nodes = clamp(nodes, 1, 9);
	n = nodes * nodes;

	if (take8(in) < 40)
		n += (int)take_below(in, 3) - 1;
	for (int i = 0; i < n && at + 5 < room; i++) {
		u32 d = i % (nodes + 1) ? 11 + take_below(in, 30) : 10;

		if (take8(in) < 3)
			d = take_below(in, 300);
		at += snprintf(fake_word + at, room - at, "%c%u", i ? ',' : ':', d);
	}
}

static void write_word(struct input *in)
{
	static const char letters[] = "0123456789UuKMG:,x-+ ";
	size_t n = 0, room = sizeof(fake_word);

	switch (take_below(in, 5)) {
	case 0:
		n = snprintf(fake_word, room, "%u", take_below(in, 12));
		break;
	case 1:
		n = snprintf(fake_word, room, "%uU", take_below(in, 6));
		break;
	case 2:
		n = snprintf(fake_word, room, "%uM", 16 * take_below(in, 200));
		break;
	case 3:
		n = snprintf(fake_word, room, "%#llx", take(in, 8));
		break;
	}
	if (!n || take8(in) < 60)
		while (n + 1 < room && take8(in) > 40)
			fake_word[n++] = letters[take8(in) % (sizeof(letters) - 1)];
	fake_word[n] = 0;
	if (n && take8(in) < 100)
		write_matrix(in, n,
			     take8(in) < 200 ? (int)memparse(fake_word, NULL)
					     : 1 + (int)take_below(in, 9));
}

static void check_nodes(void)
{
	unsigned int size[MAX_NUMNODES] = {}, seen = 0;
	int parent[MAX_NUMNODES];

	for (int i = 0; i < MAX_NUMNODES; i++)
		parent[i] = -1;
	for (int u = 0; u < UNITS; u++) {
		int nid = -1;

		for (unsigned int n = 0; n < numa_nr_memblks; n++) {
			const struct numa_memblk *b = &numa_memblks[n];

			if (u * UNIT < b->start || u * UNIT >= b->end)
				continue;
			must(nid < 0);
			nid = b->nid;
			must(nid >= 0 && nid < nr_emu && (u + 1) * UNIT <= b->end);
		}
		must((nid >= 0) == (real[u] >= 0));
		if (nid < 0)
			continue;
		must(parent[nid] < 0 || parent[nid] == real[u]);
		parent[nid] = real[u];
		size[nid]++;
	}
	for (int i = 0; i < nr_emu; i++) {
		must(size[i] >= MIN_UNIT);
		seen += size[i];
		for (int j = 0; j < nr_emu; j++)
			must(node_distance(i, j) >= LOCAL_DISTANCE && node_distance(i, j) <= 255 &&
			     (i != j || node_distance(i, j) == LOCAL_DISTANCE));
	}
	must(nr_emu <= MAX_NUMNODES && seen);
}

static void check_unchanged(unsigned int n)
{
	must(numa_nr_memblks == n);
	for (int u = 0; u < UNITS; u++) {
		int nid = -1;

		for (unsigned int i = 0; i < n; i++)
			if (u * UNIT >= numa_memblks[i].start && u * UNIT < numa_memblks[i].end)
				nid = numa_memblks[i].nid;
		must(nid == real[u]);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	unsigned int n;
	unsigned long lines;

	nr_emu = 0;
	nr_emu_blks = 0;
	write_word(&in);
	read_map(&in);
	if (!numa_nr_memblks)
		return 0;
	add_ram();
	n = numa_nr_memblks;
	lines = complaints;
	refused = false;
	numa_emulation();
	words++;
	lines = complaints - lines;
	must(lines <= 1);
	if (fake_word[0] && !refused) {
		check_nodes();
		accepted++;
		with_matrix += strchr(fake_word, ':') && !lines;
	} else {
		check_unchanged(n);
	}
	return 0;
}

bool fuzz_summary(void)
{
	printf("# %lu words, %lu accepted, %lu with distances, %lu lines\n", words, accepted,
	       with_matrix, complaints);
	return accepted > 100 && complaints > 100 && with_matrix > 10;
}
