/*
 * physviews.c - the views of physical memory: formats to the blank, and sums that agree.
 *
 * 1. Sums over several files are taken while others allocate. Each comparison is repeated until it fits; what it may be off
 *    by is a few pages on Quire, where the suite is alone, and a share of memory on the machine that tests the test.
 * 2. The files of frames are in kpage.c, those of nodes and blocks in memnodes.c, settings in vmsettings.c.
 */
#include "physviews.h"
#include <ctype.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/sysinfo.h>
#include <time.h>

/* ---- buddyinfo, pagetypeinfo, zoneinfo ---- */

TEST(buddyinfo_has_linux_columns)
{
	struct row rows[ZONES];
	int n = read_buddyinfo(rows);

	ASSERT_GE(n, 1);
	for (int i = 0; i < n; i++)
		for (int o = 0; o < ORDERS; o++)
			EXPECT_GE(rows[i].nr[o], 0);
	for (int i = 1; i < n; i++)
		EXPECT(rows[i].nid > rows[i - 1].nid || strcmp(rows[i].zone, rows[i - 1].zone));
}

TEST(pagetypeinfo_has_linux_tables)
{
	static struct types t;
	static const char *const first[] = { "Unmovable", "Movable", "Reclaimable", "HighAtomic" };

	read_pagetypeinfo(&t);
	ASSERT_GE(t.count, 4);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		EXPECT_STR(t.name[i], first[i]);
	EXPECT_GE(t.zones, 1);
}

TEST(pagetypeinfo_divides_the_blocks_of_buddyinfo)
{
	static struct types t;
	struct row rows[ZONES];
	long worst = 0;

	for (int try = 0; try < 100; try++) {
		int n = read_buddyinfo(rows);

		read_pagetypeinfo(&t);
		ASSERT_EQ(n, t.zones);
		worst = 0;
		for (int z = 0; z < n; z++) {
			long sum = 0;

			for (int i = 0; i < t.count; i++)
				sum += row_pages(&t.free[z * t.count + i]);
			EXPECT_STR(t.free[z * t.count].zone, rows[z].zone);
			if (labs(sum - row_pages(&rows[z])) > worst)
				worst = labs(sum - row_pages(&rows[z]));
		}
		if (worst <= slack(row_pages(&rows[n - 1])))
			return;
	}
	check_failed(__FILE__, __LINE__, "the tables stay %ld pages apart", worst);
}

TEST(zoneinfo_has_linux_lines_in_order)
{
	static struct zone z[ZONES];
	int n = read_zoneinfo(z), populated = 0;

	ASSERT_GE(n, 1);
	for (int i = 0; i < n; i++) {
		EXPECT_LE(z[i].managed, z[i].present);
		EXPECT_LE(z[i].present, z[i].spanned);
		EXPECT_LE(z[i].min, z[i].low);
		EXPECT_LE(z[i].low, z[i].high);
		EXPECT_GE(z[i].protections, 2);
		for (int j = 1; j < z[i].protections; j++)
			EXPECT_GE(z[i].protection[j], z[i].protection[j - 1]);
		if (!z[i].present)
			continue;
		populated++;
		EXPECT_LE(z[i].free, z[i].managed);
		EXPECT_EQ(z[i].cpus, sysconf(_SC_NPROCESSORS_ONLN));
		if (z[i].promo)
			EXPECT_LE(z[i].high, z[i].promo);
	}
	EXPECT_GE(populated, 1);
}

TEST(zoneinfo_and_pagetypeinfo_agree_on_the_size_of_zones)
{
	static struct zone z[ZONES];
	static struct types t;
	int n = read_zoneinfo(z), at = 0;

	read_pagetypeinfo(&t);
	for (int i = 0; i < n; i++) {
		long blocks = 0;

		if (!z[i].present)
			continue;
		ASSERT_LT(at, t.zones);
		EXPECT_STR(t.blocks[at].zone, z[i].name);
		for (int mt = 0; mt < t.count; mt++)
			blocks += t.blocks[at].nr[mt];
		EXPECT_GE(blocks * 512, z[i].managed);
		EXPECT_LE(blocks, z[i].spanned / 512 + 2);
		at++;
	}
	EXPECT_EQ(at, t.zones);
}

/* ---- sums ---- */

static long pcp_pages(void)
{
	static struct zone z[ZONES];
	int n = read_zoneinfo(z);
	long sum = 0;

	for (int i = 0; i < n; i++)
		sum += z[i].pcp;
	return sum;
}

TEST(free_lists_and_cpu_lists_are_memfree)
{
	long best = LONG_MAX;

	/* Linux leaves the CPUs' lists out of MemFree. */
	if (!on_quire())
		skip("Linux adds up otherwise");
	for (int i = 0; i < 100 && best; i++) {
		long pages = buddy_pages() + pcp_pages(), free = meminfo("MemFree") / 4;

		if (labs(pages - free) < best)
			best = labs(pages - free);
	}
	EXPECT_LE(best, 8);
}

TEST(managed_pages_are_the_memory_of_the_nodes_and_of_sysinfo)
{
	int nids[64], n = nodes_online(nids, 64);
	struct sysinfo si;
	long kb = 0;

	for (int i = 0; i < n; i++)
		kb += node_meminfo(nids[i], "MemTotal");
	EXPECT_EQ(kb, managed_pages() * 4);
	ASSERT_OK(sysinfo(&si));
	EXPECT_EQ(si.totalram * si.mem_unit / 1024, meminfo("MemTotal"));
	if (on_quire())
		EXPECT_EQ(kb, meminfo("MemTotal"));
}

TEST(iomem_has_the_ram_of_the_zones)
{
	static struct zone z[ZONES];
	char *text = text_or_skip("/proc/iomem");
	unsigned long start, end, ram = 0;
	long present = 0;
	int n = read_zoneinfo(z);

	for (char *p = text; *p; p = strchr(p, '\n') + 1)
		if (sscanf(p, "%lx-%lx : System RAM", &start, &end) == 2 &&
		    !strncmp(strchr(p, ':'), ": System RAM", 12))
			ram += end - start + 1;
	if (!ram)
		skip("addresses are hidden");
	for (int i = 0; i < n; i++)
		present += z[i].present;
	EXPECT_GE(ram / PAGE + 256, present);
}

/* ---- meminfo and vmstat ---- */

static const char *const meminfo_names[] = {
	"MemTotal",	  "MemFree",	     "MemAvailable",
	"Buffers",	  "Cached",	     "SwapCached",
	"Active",	  "Inactive",	     "Active(anon)",
	"Inactive(anon)", "Active(file)",    "Inactive(file)",
	"Unevictable",	  "Mlocked",	     "SwapTotal",
	"SwapFree",	  "Zswap",	     "Zswapped",
	"Dirty",	  "Writeback",	     "AnonPages",
	"Mapped",	  "Shmem",	     "KReclaimable",
	"Slab",		  "SReclaimable",    "SUnreclaim",
	"KernelStack",	  "ShadowCallStack", "PageTables",
	"SecPageTables",  "NFS_Unstable",    "Bounce",
	"WritebackTmp",	  "CommitLimit",     "Committed_AS",
	"VmallocTotal",	  "VmallocUsed",     "VmallocChunk",
	"Percpu",	  "EarlyMemtestBad", "HardwareCorrupted",
	"AnonHugePages",  "ShmemHugePages",  "ShmemPmdMapped",
	"FileHugePages",  "FilePmdMapped",   "CmaTotal",
	"CmaFree",	  "Unaccepted",	     "Balloon",
	"GPUActive",	  "GPUReclaim",	     "HugePages_Total",
	"HugePages_Free", "HugePages_Rsvd",  "HugePages_Surp",
	"Hugepagesize",	  "Hugetlb",	     "DirectMap4k",
	"DirectMap2M",	  "DirectMap4M",     "DirectMap1G",
};

TEST(meminfo_has_linux_lines_in_order)
{
	static const char *const needed[] = {
		"MemAvailable", "SwapCached",	"Active(anon)", "Unevictable", "SwapTotal",
		"Dirty",	"KReclaimable", "KernelStack",	"PageTables",  "Bounce",
		"WritebackTmp", "VmallocTotal", "VmallocUsed",	"Percpu",
	};
	char *text = text_or_skip("/proc/meminfo"), *line, again[128], name[64], label[80];
	const char *p = text;
	size_t at = 0;
	long v;

	while ((line = next_line(&p))) {
		ASSERT_EQ(sscanf(line, "%63[^:]: %ld", name, &v), 2);
		while (at < ARRAY_SIZE(meminfo_names) && strcmp(meminfo_names[at], name))
			at++;
		if (at == ARRAY_SIZE(meminfo_names)) {
			check_failed(__FILE__, __LINE__, "%s: unknown, or not in its place", name);
			return;
		}
		if (!strncmp(name, "Huge", 4) || !strcmp(name, "HardwareCorrupted"))
			continue;
		snprintf(label, sizeof(label), "%s:", name);
		snprintf(again, sizeof(again), "%-15s %8lu kB", label, v);
		EXPECT_STR(line, again);
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (field(text, needed[i]) < 0)
			check_failed(__FILE__, __LINE__, "no %s", needed[i]);
	EXPECT_EQ(field(text, "Slab"), field(text, "SReclaimable") + field(text, "SUnreclaim"));
	EXPECT_EQ(field(text, "Active"), field(text, "Active(anon)") + field(text, "Active(file)"));
}

TEST(vmstat_names_each_counter_once_and_nodes_have_a_part_of_it)
{
	static char all[512][48], part[512][48];
	static long v[512];
	int nids[64], found = 0;
	int n = stat_names(text_or_skip("/proc/vmstat"), all, v, 512);
	int nodes = nodes_online(nids, 64);

	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++)
			if (!strcmp(all[i], all[j]))
				check_failed(__FILE__, __LINE__, "%s is there twice", all[i]);
	EXPECT_STR(all[0], "nr_free_pages");
	EXPECT_STR(all[n - 1], "nr_unstable");
	for (int i = 0; i < nodes; i++) {
		int k = stat_names(node_file(nids[i], "vmstat"), part, v, 512);

		EXPECT_GE(k, 20);
		for (int j = 0; j < k; j++) {
			EXPECT_STR(part[j], all[j]);
			found += !strcmp(part[j], "numa_hit") || !strcmp(part[j], "nr_anon_pages");
		}
	}
	EXPECT_EQ(found, 2 * nodes);
}

/* ---- /proc/buddy_status and debugfs ---- */

static void expect_line(const char **p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void expect_line(const char **p, const char *fmt, ...)
{
	char want[256], *line = next_line(p);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	ASSERT(line);
	ASSERT_STR(line, want);
}

/* What the definitions give, from the numbers of the same reading. */
static long unusable(const long *nr, int order, long free)
{
	long usable = 0;

	for (int o = order; o < ORDERS; o++)
		usable += nr[o] << o;
	return free ? (free - usable) * 1000 / free : 1000;
}

static long fragmentation(const long *nr, int order, long free)
{
	long blocks = 0;

	for (int o = 0; o < ORDERS; o++) {
		blocks += nr[o];
		if (o >= order && nr[o])
			return -1000;
	}
	return blocks ? 1000 - (1000 + free * 1000 / (1L << order)) / blocks : 0;
}

static void check_status_zone(const char **p, struct row *r)
{
	const char *at = *p;
	int largest = -1;
	long free, pcp, sum = 0;

	memset(r, 0, sizeof(*r));
	ASSERT_EQ(sscanf(at, "\nZone: %15s\n  Node: %d\n  Free pages: %ld\n  Per-CPU pages: %ld",
			 r->zone, &r->nid, &free, &pcp),
		  4);
	for (int o = 0; o < ORDERS; o++) {
		char want[32];

		snprintf(want, sizeof(want), "\n  Order %d: ", o);
		ASSERT(strstr(at, want));
		r->nr[o] = atol(strstr(at, want) + strlen(want));
		sum += r->nr[o] << o;
		if (r->nr[o])
			largest = o;
	}
	EXPECT_EQ(sum, free);
	expect_line(p, "%s", "");
	expect_line(p, "Zone: %s", r->zone);
	expect_line(p, "  Node: %d", r->nid);
	expect_line(p, "  Free pages: %ld", free);
	expect_line(p, "  Per-CPU pages: %ld", pcp);
	for (int o = 0; o < ORDERS; o++) {
		long u = unusable(r->nr, o, free), f = fragmentation(r->nr, o, free);

		expect_line(p,
			    "  Order %d: %ld blocks, unusable %ld.%03ld, fragmentation %s%ld.%03ld",
			    o, r->nr[o], u / 1000, u % 1000, f < 0 ? "-" : "", labs(f) / 1000,
			    labs(f) % 1000);
	}
	if (largest < 0)
		expect_line(p, "  Largest free block: none");
	else
		expect_line(p, "  Largest free block: order %d (%ld pages, %ld kB)", largest,
			    1L << largest, 4L << largest);
	expect_line(p, "  Fragmentation index: %ld%%",
		    free ? unusable(r->nr, ORDERS - 1, free) / 10 : 0);
}

TEST(buddy_status_says_what_buddyinfo_says)
{
	struct row rows[ZONES], mine;
	long worst = 0;

	for (int try = 0; try < 50; try++) {
		char *text = text_or_skip("/proc/buddy_status");
		const char *p = text;
		int n = read_buddyinfo(rows);

		expect_line(&p, "Buddy Allocator Status");
		worst = 0;
		for (int i = 0; i < n; i++) {
			check_status_zone(&p, &mine);
			EXPECT_STR(mine.zone, rows[i].zone);
			EXPECT_EQ(mine.nid, rows[i].nid);
			if (labs(row_pages(&mine) - row_pages(&rows[i])) > worst)
				worst = labs(row_pages(&mine) - row_pages(&rows[i]));
		}
		EXPECT(!*p);
		free(text);
		if (worst <= 64)
			return;
	}
	check_failed(__FILE__, __LINE__, "%ld pages apart", worst);
}

/* Mounted over a fresh directory, so nothing of the system's own is touched. */
static void mount_debugfs(void)
{
	test_dir();
	ASSERT_OK(mkdir("d", 0700));
	if (mount("none", "d", "debugfs", 0, NULL))
		skip("no debugfs here");
}

/* Each number of an extfrag line, in thousandths; the line must be as Linux prints it. */
static void check_extfrag(const char *path, const char *fmt, int least)
{
	char *text = read_text(path), *line;
	const char *p = text = text ? strdup(text) : NULL;

	if (!text) {
		umount("d");
		skip("no extfrag here");
	}
	while ((line = next_line(&p))) {
		char again[256], zone[16], *at;
		int nid, len, n;

		ASSERT_EQ(sscanf(line, "Node %d, zone %15s %n", &nid, zone, &n), 2);
		len = snprintf(again, sizeof(again), "Node %d, zone %8s ", nid, zone);
		at = line + len;
		for (int o = 0; o < ORDERS; o++) {
			int whole = strtol(at, &at, 10), part = strtol(at + 1, &at, 10);

			EXPECT_GE(whole * 1000 + part, least);
			EXPECT_LE(whole * 1000 + part, 1000);
			len += snprintf(again + len, sizeof(again) - len, fmt, whole, part);
		}
		EXPECT_STR(line, again);
	}
}

TEST(extfrag_has_linux_lines)
{
	mount_debugfs();
	check_extfrag("d/extfrag/unusable_index", "%d.%03d ", 0);
	check_extfrag("d/extfrag/extfrag_index", "%2d.%03d ", -1000);
	EXPECT_OK(umount("d"));
}

/* Pages of a memblock array; its lines are checked. */
static long memblock_pages(const char *path)
{
	char *text = read_text(path), *line;
	unsigned long start, end, last = 0;
	const char *p = text;
	char nid[8], flag[16], again[128];
	long pages = 0;
	int i, n = 0;

	if (!text) {
		umount("d");
		skip("this Linux keeps no memblock");
	}
	for (; (line = next_line(&p)); n++) {
		ASSERT_EQ(sscanf(line, "%d: 0x%lx..0x%lx %7s %15s", &i, &start, &end, nid, flag),
			  5);
		snprintf(again, sizeof(again), "%4d: 0x%016lx..0x%016lx %4s %s", n, start, end, nid,
			 flag);
		EXPECT_STR(line, again);
		EXPECT_GE(end, start);
		EXPECT(!n || start > last);
		last = end;
		pages += (end + 1) / PAGE - (start + PAGE - 1) / PAGE;
	}
	EXPECT_GT(n, 0);
	return pages;
}

TEST(memblock_is_what_the_zones_were_made_of)
{
	static struct zone z[ZONES];
	int n = read_zoneinfo(z);
	long memory, present = 0;

	mount_debugfs();
	memory = memblock_pages("d/memblock/memory");
	EXPECT_GT(memblock_pages("d/memblock/reserved"), 0);
	EXPECT_OK(umount("d"));
	for (int i = 0; i < n; i++)
		present += z[i].present;
	EXPECT_EQ(memory, present);
}

/* ---- readers while memory moves ---- */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void move_memory(double until)
{
	while (seconds() < until) {
		size_t len = (1 + rnd_below(1024)) * PAGE;
		char *p = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			continue;
		memset(p, 1, len);
		munmap(p, len);
	}
}

TEST_LIMIT(views_stay_sane_while_memory_moves, 60)
{
	static const char *const files[] = {
		"/proc/buddyinfo",	"/proc/pagetypeinfo",  "/proc/zoneinfo",
		"/proc/buddy_status",	"/proc/meminfo",       "/proc/vmstat",
		"/proc/iomem",		NODE "/node0/meminfo", NODE "/node0/vmstat",
		NODE "/node0/numastat", VM "stat_refresh",
	};
	double until = seconds() + 3;
	unsigned long nr[64];
	pid_t pid[4];
	int rounds = 0;

	for (int k = 0; k < 4; k++) {
		pid[k] = test_fork();
		if (pid[k])
			continue;
		test_random += k * 12345 + 1;
		if (k < 2) {
			move_memory(until);
		} else {
			while (seconds() < until)
				for (size_t i = 0; i < ARRAY_SIZE(files); i++)
					read_text(files[i]);
		}
		_exit(test_failed);
	}
	do {
		static struct zone z[ZONES];
		static struct types t;
		int n = read_zoneinfo(z);

		for (int i = 0; i < n; i++)
			EXPECT_LE(z[i].free, z[i].managed);
		EXPECT_LE(buddy_pages(), managed_pages());
		if (!geteuid()) {
			read_pagetypeinfo(&t);
			count_flags(nr);
			EXPECT_LE((long)nr[KPF_BUDDY], managed_pages() + slack(0));
		}
		rounds++;
	} while (seconds() < until);
	for (int k = 0; k < 4; k++)
		EXPECT_EXIT(pid[k], 0);
	EXPECT_GE(rounds, 1);
}
