/*
 * Emulated nodes: a machine with several nodes for those who have none.
 *
 * 1. numa=fake=N makes N nodes of about equal size, numa=fake=SIZE (with K, M or G) as many of that size as there are,
 *    numa=fake=NU N out of each real node. Each emulated node lies in one real node, its parent. Numbers go round the
 *    parents, so that neighbours in number are on different ones, except with U: parent after parent.
 * 2. Sizes count RAM, not holes; the cuts are at multiples of 32 MiB, and no node is smaller than that. What does not
 *    divide goes to the last node of a parent.
 * 3. The distance of two emulated nodes is that of their parents, 10 within one; or numa=fake=N:D,D,... gives it, row
 *    by row. The CPUs of a parent belong to its first emulated node; the others have none.
 *
 * Boot CPU only. Mirrors Linux mm/numa_emulation.c. Exercised by tests/boot/test_numa.py.
 */
#include "mm/boot/numa_emulation.h"

#include "arch/x86/numa.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"

#define FAKE_NODE_MIN_SIZE (32UL << 20)

static char fake_word[128] __initdata; /* what stands behind numa=fake=; empty: nothing */

static struct numa_memblk emu_blks[NR_NODE_MEMBLKS] __initdata;
static unsigned int nr_emu_blks __initdata;
static int parent_of[MAX_NUMNODES] __initdata;
static int nr_emu __initdata;

static int __init param_numa(char *value)
{
	if (value && streq(value, "off"))
		numa_off = true;
	else if (value && !strncmp(value, "fake=", 5) && value[5] &&
		 strlen(value + 5) < sizeof(fake_word))
		strscpy(fake_word, value + 5, sizeof(fake_word));
	else
		pr_warn("numa=%s: not off or fake=N, fake=NU, fake=SIZE, ignored\n",
			value ? value : "");
	return 0;
}
early_param("numa", param_numa);

/* ---- RAM of a range ---- */

static phys_addr_t __init ram_in(phys_addr_t from, phys_addr_t to)
{
	phys_addr_t start, end, sum = 0;
	unsigned long i;

	for_each_mem_range(i, &start, &end)
		if (max(start, from) < min(end, to))
			sum += min(end, to) - max(start, from);
	return sum;
}

static phys_addr_t __init ram_of_parent(int nid)
{
	phys_addr_t sum = 0;

	for (unsigned int n = 0; n < numa_nr_memblks; n++)
		if (numa_memblks[n].nid == nid)
			sum += ram_in(numa_memblks[n].start, numa_memblks[n].end);
	return sum;
}

/* The address at which `want` bytes of RAM from `from` on are complete, rounded up to a cut; at most to. */
static phys_addr_t __init cut_after(phys_addr_t from, phys_addr_t to, phys_addr_t want)
{
	phys_addr_t start, end;
	unsigned long i;

	for_each_mem_range(i, &start, &end) {
		start = max(start, from);
		end = min(end, to);
		if (start >= end)
			continue;
		if (want <= end - start)
			return min(to, ALIGN(start + want, FAKE_NODE_MIN_SIZE));
		want -= end - start;
	}
	return to;
}

/* ---- cutting ---- */

/* Cuts a parent into n pieces, which become the nodes nids[0..n-1]; false if there is no room for the result. */
static bool __init split_parent(int parent, const int *nids, int n)
{
	/* Firmware keeps some KiB of a round number: not worth 32 MiB. */
	phys_addr_t share = ALIGN_DOWN(ram_of_parent(parent) / n + SZ_1M, FAKE_NODE_MIN_SIZE);
	phys_addr_t left = share;
	int k = 0;

	for (unsigned int i = 0; i < numa_nr_memblks; i++) {
		const struct numa_memblk *b = &numa_memblks[i];
		phys_addr_t pos = b->start, end;

		while (b->nid == parent && pos < b->end) {
			phys_addr_t got;

			if (nr_emu_blks == NR_NODE_MEMBLKS)
				return false;
			end = k == n - 1 ? b->end : cut_after(pos, b->end, left);
			emu_blks[nr_emu_blks++] =
				(struct numa_memblk){ pos, end, nids[k], b->hotpluggable };
			got = ram_in(pos, end);
			pos = end;
			left -= min(left, got);
			if (!left && k < n - 1) {
				k++;
				left = share;
			}
		}
	}
	return k == n - 1;
}

/* Holes in the map may leave little to a piece. Firmware keeps some KiB of a round number: those do not count. */
static bool __init all_large_enough(void)
{
	phys_addr_t size[MAX_NUMNODES] = {};

	for (unsigned int i = 0; i < nr_emu_blks; i++)
		size[emu_blks[i].nid] += ram_in(emu_blks[i].start, emu_blks[i].end);
	for (int nid = 0; nid < nr_emu; nid++)
		if (size[nid] + SZ_1M < FAKE_NODE_MIN_SIZE)
			return false;
	return true;
}

/* How many nodes each parent is cut into, and their numbers. */
static bool __init split_all(const int *count, bool consecutive)
{
	int nids[MAX_NUMNODES][MAX_NUMNODES];

	nr_emu = 0;
	for (int i = 0; i < MAX_NUMNODES; i++) {
		for (int j = 0; j < MAX_NUMNODES; j++) {
			int parent = consecutive ? i : j, piece = consecutive ? j : i;

			if (piece >= count[parent])
				continue;
			if (nr_emu == MAX_NUMNODES)
				return false;
			parent_of[nr_emu] = parent;
			nids[parent][piece] = nr_emu++;
		}
	}
	for (int parent = 0; parent < MAX_NUMNODES; parent++)
		if (count[parent] && !split_parent(parent, nids[parent], count[parent]))
			return false;
	return all_large_enough();
}

/* ---- the word ---- */

static void __init refuse(const char *why)
{
	pr_warn("numa=fake=%s: %s, ignored\n", fake_word, why);
}

/* Pieces of each parent, from the word; *rest is what follows. */
static const char *__init count_pieces(int *count, bool *consecutive, char **rest)
{
	unsigned long long size = memparse(fake_word, rest), n = size;
	bool plain = *rest > fake_word && isdigit((*rest)[-1]);
	int parents = 0, parent;

	for (parent = 0; parent < MAX_NUMNODES; parent++)
		parents += ram_of_parent(parent) > 0;
	if (!size || *rest == fake_word)
		return "not a number or a size";
	*consecutive = plain && (**rest == 'U' || **rest == 'u');
	if (*consecutive)
		++*rest;
	if (**rest && **rest != ':')
		return "not a number or a size";
	if (plain && (n > MAX_NUMNODES || (!*consecutive && n < (unsigned int)parents)))
		return "the limit is 8 nodes, and one for each real node at least";
	if (!plain && size < FAKE_NODE_MIN_SIZE)
		return "a node has 32M at least";
	for (parent = 0, parents = max(parents, 1); parent < MAX_NUMNODES; parent++) {
		phys_addr_t ram = ram_of_parent(parent);

		if (!ram)
			continue;
		if (*consecutive)
			count[parent] = n;
		else if (plain)
			count[parent] = n / parents + (n % parents > (unsigned int)parent);
		else
			count[parent] = clamp_t(u64, (ram + size / 2) / size, 1, MAX_NUMNODES);
		if (ram / max(count[parent], 1) < FAKE_NODE_MIN_SIZE)
			return "a node has 32M at least";
	}
	return NULL;
}

/* Reads ":D,D,..." row by row into dist, which keeps what is not given; false: something is wrong with it. */
static bool __init read_matrix(const char *pos, u8 dist[MAX_NUMNODES][MAX_NUMNODES])
{
	for (int n = 0; *pos; n++) {
		int i = n / nr_emu, j = n % nr_emu;
		char *next;
		unsigned long long d = memparse(pos + 1, &next);

		if (i == nr_emu || next == pos + 1 || (*next && *next != ',') ||
		    d < LOCAL_DISTANCE || d > 255 || (i == j && d != LOCAL_DISTANCE))
			return false;
		dist[i][j] = d;
		pos = next;
	}
	return true;
}

static void __init parents_distances(u8 dist[MAX_NUMNODES][MAX_NUMNODES])
{
	for (int i = 0; i < nr_emu; i++)
		for (int j = 0; j < nr_emu; j++)
			dist[i][j] = node_distance(parent_of[i], parent_of[j]);
}

/* The matrix behind the colon, else the parents' distances. */
static void __init emulate_distances(const char *matrix)
{
	u8 dist[MAX_NUMNODES][MAX_NUMNODES];

	parents_distances(dist);
	if (!read_matrix(matrix, dist)) {
		pr_warn("numa=fake=%s: not %d rows of %d distances in 10..255 (10 to itself), "
			"the matrix is ignored\n",
			fake_word, nr_emu, nr_emu);
		parents_distances(dist);
	}
	for (int i = 0; i < nr_emu; i++)
		for (int j = 0; j < nr_emu; j++)
			numa_set_distance(i, j, dist[i][j]);
}

void __init numa_emulation(void)
{
	int count[MAX_NUMNODES] = {}, first[MAX_NUMNODES];
	const char *why;
	bool consecutive;
	char *rest;

	if (!fake_word[0])
		return;
	numa_sort_memblks();
	why = count_pieces(count, &consecutive, &rest);
	if (why)
		return refuse(why);
	if (!split_all(count, consecutive))
		return refuse("the memory map has no place for at most 8 nodes of 32M each");

	for (int nid = nr_emu - 1; nid >= 0; nid--)
		first[parent_of[nid]] = nid;
	numa_move_cpus(first);
	emulate_distances(rest);
	numa_nr_memblks = 0;
	for (unsigned int i = 0; i < nr_emu_blks; i++) {
		const struct numa_memblk *b = &emu_blks[i];

		numa_add_memory(b->nid, b->start, b->end - b->start, b->hotpluggable);
		pr_info("Faking node %d at [mem %#018lx-%#018lx] (%luMB)\n", b->nid, b->start,
			b->end - 1, (unsigned long)ram_in(b->start, b->end) >> 20);
	}
}
