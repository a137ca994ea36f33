/*
 * memnodes.c - /sys/devices/system/node and memory: what numactl, numastat and lsmem read.
 *
 * Formats to the blank; CPUs and memory must be all there, each in one place.
 */
#include "physviews.h"
#include <ctype.h>

/* ---- nodes, as numactl --hardware and numastat read them ---- */

static long numastat(int nid, const char *name)
{
	char *text = node_file(nid, "numastat"), *p = strstr(text, name);
	long v;

	ASSERT(p);
	v = atol(p + strlen(name));
	free(text);
	return v;
}

TEST(numastat_has_its_six_names_and_counts_calls)
{
	static const char *const names[] = {
		"numa_hit",	  "numa_miss",	"numa_foreign",
		"interleave_hit", "local_node", "other_node",
	};
	int nids[64], n = nodes_online(nids, 64);
	static char got[16][48];
	long v[16], before = 0, after = 0;

	for (int i = 0; i < n; i++) {
		ASSERT_EQ(stat_names(node_file(nids[i], "numastat"), got, v, 16), 6);
		for (int k = 0; k < 6; k++)
			EXPECT_STR(got[k], names[k]);
		/* Whoever was served was served here or there; read one after the other. */
		EXPECT_LE(labs(v[0] + v[1] - v[4] - v[5]), 4096 + v[0] / 100);
		before += v[0] + v[1];
	}
	char *p = mmap(NULL, 4096 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	madvise(p, 4096 * PAGE, MADV_NOHUGEPAGE);
	memset(p, 1, 4096 * PAGE);
	for (int i = 0; i < n; i++)
		after += numastat(nids[i], "numa_hit ") + numastat(nids[i], "numa_miss ");
	/* Small counts of the CPUs are added late on Linux. */
	EXPECT_GE(after - before, 4096 - 512);
}

static int bits_of(const char *mask)
{
	int n = 0;

	for (; *mask; mask++)
		if (isxdigit((unsigned char)*mask))
			n += __builtin_popcount(strtol((char[]){ *mask, 0 }, NULL, 16));
	return n;
}

TEST(numactl_can_read_the_nodes)
{
	static const char *const lists[] = { "possible", "online", "has_memory",
					     "has_normal_memory", "has_cpu" };
	int nids[64], n = nodes_online(nids, 64), cpus = 0;
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		snprintf(path, sizeof(path), NODE "/%s", lists[i]);
		EXPECT_GE(list_count(text_or_skip(path)), 1);
	}
	EXPECT_LE(n, list_count(text_or_skip(NODE "/possible")));
	for (int i = 0; i < n; i++) {
		char *distance = node_file(nids[i], "distance");
		int d, len, columns = 0;

		EXPECT_EQ(list_count(node_file(nids[i], "cpulist")),
			  bits_of(node_file(nids[i], "cpumap")));
		cpus += list_count(node_file(nids[i], "cpulist"));
		for (char *p = distance; sscanf(p, "%d%n", &d, &len) == 1; p += len, columns++) {
			EXPECT_EQ(d == 10, nids[columns] == nids[i]);
			EXPECT_GE(d, 10);
		}
		EXPECT_EQ(columns, n);
		EXPECT_GE(node_meminfo(nids[i], "MemTotal"), node_meminfo(nids[i], "MemFree"));
	}
	EXPECT_EQ(cpus, sysconf(_SC_NPROCESSORS_ONLN));
}

TEST(node_meminfo_has_linux_lines)
{
	int nids[64], n = nodes_online(nids, 64);
	char *text, *line, name[64], label[80], again[128], unit[8];

	for (int i = 0; i < n; i++) {
		const char *p = text = node_file(nids[i], "meminfo");
		char want[64];
		int nid, lines = 0;
		long v;

		for (; (line = next_line(&p)); lines++) {
			unit[0] = 0;
			ASSERT_GE(sscanf(line, "Node %d %63[^:]: %ld %7s", &nid, name, &v, unit),
				  3);
			EXPECT_EQ(nid, nids[i]);
			if (!strncmp(name, "HugePages", 9))
				continue;
			snprintf(label, sizeof(label), "%s:", name);
			snprintf(again, sizeof(again), "Node %d %-15s %8lu kB", nid, label, v);
			EXPECT_STR(line, again);
		}
		EXPECT_GE(lines, 30);
		snprintf(want, sizeof(want), "Node %d MemTotal", nids[i]);
		v = field(text, want);
		snprintf(want, sizeof(want), "Node %d MemFree", nids[i]);
		v -= field(text, want);
		snprintf(want, sizeof(want), "Node %d MemUsed", nids[i]);
		EXPECT_EQ(field(text, want), v);
	}
}

/* ---- memory blocks ---- */

static int for_each_block(void (*fn)(int nr))
{
	DIR *d = opendir(MEMORY);
	struct dirent *e;
	int n = 0, nr;
	char c;

	if (!d)
		skip("no memory blocks here");
	while ((e = readdir(d)))
		if (sscanf(e->d_name, "memory%d%c", &nr, &c) == 1 && ++n && fn)
			fn(nr);
	closedir(d);
	return n;
}

static char *block_file(int nr, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), MEMORY "/memory%d/%s", nr, name);
	return text_or_skip(path);
}

static void check_block(int nr)
{
	char want[64], path[160], link[64] = "", *zones;
	int links = 0;

	snprintf(want, sizeof(want), "%08x\n", nr);
	EXPECT_STR(block_file(nr, "phys_index"), want);
	EXPECT_STR(block_file(nr, "phys_device"), "0\n");
	EXPECT(strstr("online\noffline\ngoing-offline\n", block_file(nr, "state")));
	EXPECT(strstr("0\n1\n", block_file(nr, "removable")));
	zones = block_file(nr, "valid_zones");
	EXPECT(!strncmp(zones, "DMA", 3) || !strncmp(zones, "Normal", 6) ||
	       !strncmp(zones, "Movable", 7) || !strcmp(zones, "none\n"));
	for (int nid = 0; nid < 64; nid++) {
		snprintf(path, sizeof(path), MEMORY "/memory%d/node%d", nr, nid);
		if (readlink(path, link, sizeof(link) - 1) < 0)
			continue;
		links++;
		snprintf(path, sizeof(path), NODE "/node%d/memory%d/phys_index", nid, nr);
		EXPECT(read_text(path));
	}
	EXPECT_GE(links, 1);
}

TEST(memory_blocks_cover_memory_and_know_their_nodes)
{
	unsigned long size = strtoul(text_or_skip(MEMORY "/block_size_bytes"), NULL, 16);
	int n = for_each_block(check_block);

	EXPECT_GE(size, 128UL << 20);
	EXPECT_EQ(size & (size - 1), 0);
	EXPECT_GE(n * (size >> 10), meminfo("MemTotal"));
	if (on_quire() && size == 128UL << 20)
		EXPECT_LE((n - 3) * (size >> 10), meminfo("MemTotal"));
}

TEST(memory_blocks_refuse_what_they_cannot_do)
{
	const char *state = MEMORY "/memory0/state", *online = MEMORY "/memory0/online";

	text_or_skip(state);
	if (geteuid())
		skip("for root");
	EXPECT_ERR(write_file(state, "broken"), EINVAL);
	EXPECT_ERR(write_file(state, "online"), EINVAL); /* it is */
	EXPECT_ERR(write_file(online, "perhaps"), EINVAL);
	EXPECT_EQ(write_file(online, "1"), 1);
	if (!on_quire())
		skip("the host's memory stays online");
	EXPECT_ERR(write_file(state, "offline"), EOPNOTSUPP);
	EXPECT_ERR(write_file(online, "0"), EOPNOTSUPP);
	EXPECT_STR(text_or_skip(state), "online\n");
}
