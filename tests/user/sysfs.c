/*
 * sysfs.c - /sys: the CPUs and nodes it lists are those that the system has.
 *
 * Numbers are checked against other sources: sched_getaffinity, /proc/stat, /proc/meminfo. What a
 * container's /sys does not show is skipped on the host.
 */
#include "physviews.h"
#include <limits.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#define CPU "/sys/devices/system/cpu"

static int cpus_in_proc_stat(void)
{
	char *text = read_text("/proc/stat");
	int n = 0;

	ASSERT(text);
	for (char *p = text; p; p = strchr(p, '\n'), p += p != NULL)
		n += !strncmp(p, "cpu", 3) && p[3] != ' ';
	return n;
}

TEST(it_is_a_sysfs)
{
	struct statfs s;

	ASSERT_OK(statfs("/sys", &s));
	EXPECT_EQ(s.f_type, 0x62656572);
}

TEST(the_online_list_names_the_cpus_of_proc_stat)
{
	char *online = text_or_skip(CPU "/online");

	EXPECT_EQ(list_count(online), cpus_in_proc_stat());
	EXPECT_EQ(online[strlen(online) - 1], '\n');
	EXPECT_GE(list_count(text_or_skip(CPU "/possible")), list_count(online));
	EXPECT_GE(list_count(text_or_skip(CPU "/present")), list_count(online));
	EXPECT_GE(atoi(text_or_skip(CPU "/kernel_max")) + 1, list_count(online));
}

TEST(each_cpu_is_in_its_own_sibling_lists)
{
	char path[128];
	int cpus = cpus_in_proc_stat();

	text_or_skip(CPU "/cpu0/topology/core_id");
	for (int cpu = 0; cpu < cpus; cpu++) {
		snprintf(path, sizeof(path), CPU "/cpu%d/topology/thread_siblings", cpu);
		char *mask = text_or_skip(path);

		/* Groups of 32 CPUs, parted by commas; the last group is the lowest. */
		if (cpus <= 32)
			EXPECT(strtoul(strrchr(mask, ',') ? strrchr(mask, ',') + 1 : mask, NULL,
				       16) >>
				       cpu &
			       1);
		snprintf(path, sizeof(path), CPU "/cpu%d/topology/core_siblings_list", cpu);
		EXPECT_GE(list_count(text_or_skip(path)), 1);
		snprintf(path, sizeof(path), CPU "/cpu%d/topology/physical_package_id", cpu);
		EXPECT_GE(atoi(text_or_skip(path)), 0);
	}
}

static long node_field(const char *text, const char *name)
{
	char want[64];

	for (int nid = 0; nid < 8; nid++) {
		snprintf(want, sizeof(want), "Node %d %s:", nid, name);
		const char *p = strstr(text, want);

		if (p)
			return atol(p + strlen(want));
	}
	return -1;
}

TEST(the_nodes_memory_adds_up_to_all_memory)
{
	char path[128], *meminfo = text_or_skip("/proc/meminfo");
	long total = 0, free_kb = 0;
	int nodes = list_count(text_or_skip(NODE "/online"));

	for (int nid = 0, seen = 0; nid < 64 && seen < nodes; nid++) {
		snprintf(path, sizeof(path), NODE "/node%d/meminfo", nid);
		char *text = read_text(path);

		if (!text)
			continue;
		seen++;
		total += node_field(text, "MemTotal");
		free_kb += node_field(text, "MemFree");
		EXPECT_EQ(node_field(text, "MemTotal"),
			  node_field(text, "MemFree") + node_field(text, "MemUsed"));
	}
	EXPECT_GT(free_kb, 0);
	if (total < atol(strstr(meminfo, "MemTotal:") + 9) / 2)
		skip("a virtual machine whose memory comes in parts");
	EXPECT_EQ(total, atol(strstr(meminfo, "MemTotal:") + 9));
}

TEST(links_lead_from_node_to_cpu_and_back)
{
	char buf[128] = "", real[PATH_MAX];

	if (readlink(NODE "/node0/cpu0", buf, sizeof(buf) - 1) < 0)
		skip("node 0 has no CPU 0 here");
	EXPECT_STR(buf, "../../cpu/cpu0");
	ASSERT(realpath(NODE "/node0/cpu0/node0", real));
	EXPECT_STR(real, NODE "/node0");
}

TEST(names_cannot_be_made_or_removed)
{
	EXPECT_ERR(mkdir("/sys/new", 0700), EPERM);
	EXPECT_EQ(open("/sys/new", O_CREAT | O_RDWR, 0600), -1);
	EXPECT_EQ(unlink(CPU "/online"), -1);
	EXPECT_ERR(open(CPU "/nothing", O_RDONLY), ENOENT);
}

TEST(a_value_can_be_read_in_pieces)
{
	char whole[256] = "", piece[256] = "";
	int fd = open(CPU "/possible", O_RDONLY);
	size_t len = 0;

	if (fd < 0)
		skip("not shown here");
	ASSERT_GT(read(fd, whole, sizeof(whole) - 1), 0);
	ASSERT_EQ(lseek(fd, 0, SEEK_SET), 0);
	while (read(fd, piece + len, 1) == 1)
		len++;
	EXPECT_STR(piece, whole);
}

/* Mounted over a fresh directory, so nothing of the system's own is touched. */
TEST(debugfs_shows_memblock_and_the_page_tables)
{
	test_dir();
	ASSERT_OK(mkdir("d", 0700));
	if (mount("none", "d", "debugfs", 0, NULL))
		skip("no debugfs here");
	char *memory = access("d/memblock", F_OK) ? NULL : text_or_skip("d/memblock/memory");
	char *tables = read_text("d/kernel_page_tables");
	int i, nid;
	unsigned long start, end, last = 0;

	if (memory) {
		for (char *p = memory; *p; p = strchr(p, '\n') + 1) {
			EXPECT_EQ(sscanf(p, "%d: 0x%lx..0x%lx %d", &i, &start, &end, &nid), 4);
			EXPECT_GT(end, start);
			EXPECT_GE(start, last);
			last = end;
		}
	}
	if (tables) {
		EXPECT(strstr(tables, "---[ Low Kernel Mapping ]---"));
		EXPECT(strstr(tables, "---[ High Kernel Mapping ]---"));
	}
	EXPECT_OK(umount("d"));
	if (!memory || !tables)
		skip("not in this kernel");
}
