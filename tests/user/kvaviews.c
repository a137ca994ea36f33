/*
 * kvaviews.c - what the kernel shows of its own addresses: /proc/vmallocinfo, and in debugfs
 * kernel_page_tables, x86/pat_memtype_list, x86/cpa_stats, check_wx_pages.
 *
 * Each view is checked against itself: order, sums, sizes. Where a file is not shown (no debugfs, not
 * root, addresses hidden) the test is skipped.
 */
#include "test.h"
#include <sys/mount.h>

/* All of it, however many areas there are. */
static char *text_of(const char *path)
{
	size_t room = 4 << 20, len = 0;
	int fd = open(path, O_RDONLY);
	char *text = malloc(room);
	ssize_t n;

	if (fd < 0)
		skip("not shown here");
	ASSERT(text);
	while (len < room - 1 && (n = read(fd, text + len, room - 1 - len)) > 0)
		len += n;
	text[len] = 0;
	close(fd);
	return text;
}

/* Mounted over a fresh directory, so nothing of the system's own is touched. */
static char *debugfs_text(const char *name)
{
	char path[64], *text;

	test_dir();
	ASSERT_OK(mkdir("d", 0700));
	if (mount("none", "d", "debugfs", 0, NULL))
		skip("no debugfs here");
	snprintf(path, sizeof(path), "d/%s", name);
	text = access(path, R_OK) ? NULL : read_text(path);
	text = text ? strdup(text) : NULL;
	EXPECT_OK(umount("d"));
	if (!text)
		skip("not in this kernel");
	return text;
}

#define EACH_LINE(line, text)                                         \
	for (char *save_, *line = strtok_r(text, "\n", &save_); line; \
	     line = strtok_r(NULL, "\n", &save_))

/*
 * A file that is read in pieces tells of one moment only if nothing changed meanwhile: kernel threads come and go with their stacks. Two
 * equal readings are such a moment.
 */
static char *settled_text_of(const char *path)
{
	char *text = text_of(path);

	for (int i = 0; i < 200; i++) {
		char *again = text_of(path);
		int same = !strcmp(text, again);

		free(text);
		text = again;
		if (same)
			break;
		usleep(10000);
	}
	return text;
}

TEST(vmallocinfo_is_in_order_and_its_pages_add_up)
{
	unsigned long start, end, size, last = 0, lines = 0, with_pages = 0;
	char *text = settled_text_of("/proc/vmallocinfo");

	EACH_LINE(line, text)
	{
		unsigned int pages, on_node, sum = 0, nid;
		char *p;

		ASSERT_EQ(sscanf(line, "0x%lx-0x%lx %lu", &start, &end, &size), 3);
		if (start < 1UL << 40)
			skip("addresses are hidden");
		EXPECT_EQ(end - start, size);
		EXPECT_EQ(start % PAGE, 0UL);
		if (strstr(line, "unpurged") || strstr(line, "vm_map_ram"))
			continue;
		lines++;
		EXPECT(start >= last);
		last = end;
		p = strstr(line, " pages=");
		if (!p || sscanf(p, " pages=%u", &pages) != 1)
			continue;
		with_pages++;
		for (p = strstr(line, " N"); p; p = strstr(p + 1, " N")) {
			ASSERT_EQ(sscanf(p, " N%u=%u", &nid, &on_node), 2);
			sum += on_node;
		}
		EXPECT_EQ(sum, pages);
	}
	EXPECT_GT(lines, 0UL);
	EXPECT_GT(with_pages, 0UL);
}

/* "12K", "4M": bytes. */
static unsigned long bytes_of(unsigned long n, char unit)
{
	const char *units = "BKMGTPE", *u = strchr(units, unit);

	ASSERT(u);
	return n << 10 * (u - units);
}

TEST(page_tables_are_gapless_and_nothing_is_writable_and_executable)
{
	unsigned long start, end, n, last = 0, runs = 0, markers = 0;
	char *text = debugfs_text("kernel_page_tables"), unit;

	EACH_LINE(line, text)
	{
		const char *prot, *level;

		if (!strncmp(line, "---[ ", 5)) {
			markers++;
			continue;
		}
		ASSERT_EQ(sscanf(line, "0x%lx-0x%lx %lu%c", &start, &end, &n, &unit), 4);
		EXPECT_EQ(bytes_of(n, unit), end - start);
		if (runs)
			EXPECT_EQ(start, last);
		last = end;
		runs++;
		ASSERT_GT(strlen(line), 60UL);
		level = strrchr(line, ' ') + 1;
		EXPECT(!strcmp(level, "pte") || !strcmp(level, "pmd") || !strcmp(level, "pud") ||
		       !strcmp(level, "p4d") || !strcmp(level, "pgd"));
		prot = level - 30;
		/* USR RW PWT PCD PSE PAT GLB NX */
		if (!strncmp(prot + 4, "RW", 2))
			EXPECT(!strncmp(prot + 27, "NX", 2));
		if (prot[4] != ' ' && strcmp(level, "pte"))
			EXPECT(!strncmp(prot + 15, "PSE", 3));
	}
	EXPECT_GT(runs, 10UL);
	EXPECT_GE(markers, 5UL);
}

TEST(memory_types_are_listed_by_address)
{
	unsigned long start, end, last = 0;
	char *text = debugfs_text("x86/pat_memtype_list"), type[32];
	int n = 0;

	EACH_LINE(line, text)
	{
		if (!n++) {
			EXPECT(!strcmp(line, "PAT memtype list:"));
			continue;
		}
		ASSERT_EQ(sscanf(line, "PAT: [mem 0x%lx-0x%lx] %31s", &start, &end, type), 3);
		EXPECT_LT(start, end);
		EXPECT(start >= last);
		last = start;
		EXPECT(!strncmp(type, "write-", 6) || !strncmp(type, "uncached", 8));
	}
	EXPECT_GE(n, 1);
}

TEST(cpa_stats_count)
{
	char *text = debugfs_text("x86/cpa_stats");
	unsigned long checked = 0, v;
	int lines = 0;

	EACH_LINE(line, text)
	{
		ASSERT(strchr(line, ':'));
		ASSERT_EQ(sscanf(strchr(line, ':'), ": %lu", &v), 1);
		if (strstr(line, "checked"))
			checked += v;
		lines++;
	}
	EXPECT_GE(lines, 7);
	/* Boot itself write-protects the kernel. */
	EXPECT_GT(checked, 0UL);
}

TEST(nothing_is_writable_and_executable_now)
{
	EXPECT_STR(debugfs_text("check_wx_pages"), "SUCCESS\n");
}
