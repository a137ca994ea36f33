/*
 * procsys.c - /proc beyond the processes: the memory manager's views and the settings.
 *
 * The views must agree with each other: free blocks with the free counter, the frame that pagemap
 * names with what kpageflags and kpagecount say of it, maps with mountinfo. Files for root are skipped
 * by other users.
 */
#include "test.h"
#include <sys/mman.h>
#include <sys/utsname.h>

#define RW (PROT_READ | PROT_WRITE)

static char *text_or_skip(const char *path)
{
	char *text = read_text(path);

	if (!text)
		skip("not readable here");
	return strdup(text); /* the buffer of read_text() is used again */
}

static unsigned long vmstat(const char *name)
{
	char *text = read_text("/proc/vmstat"), want[64];

	ASSERT(text);
	snprintf(want, sizeof(want), "%s ", name);
	for (char *p = text; *p; p = strchr(p, '\n') + 1)
		if (!strncmp(p, want, strlen(want)))
			return strtoul(p + strlen(want), NULL, 10);
	check_failed(__FILE__, __LINE__, "vmstat has no %s", name);
	return 0;
}

/* Blocks of every order, times their size: what the free lists hold. */
static unsigned long buddy_pages(void)
{
	char *text = read_text("/proc/buddyinfo"), *p;
	unsigned long sum = 0;

	ASSERT(text);
	for (p = text; *p; p = strchr(p, '\n') + 1) {
		char zone[16];
		int node, len, orders = 0;
		unsigned long n;
		char *at = p;

		ASSERT_EQ(sscanf(at, "Node %d, zone %15s%n", &node, zone, &len), 2);
		for (at += len; sscanf(at, "%lu%n", &n, &len) == 1 && orders < 11; at += len)
			sum += n << orders++;
		EXPECT_EQ(orders, 11);
	}
	return sum;
}

TEST(buddyinfo_agrees_with_the_free_counter)
{
	/* Others allocate meanwhile: once in a few tries nobody did, or not much. */
	for (int i = 0; i < 50; i++) {
		long blocks = buddy_pages(), counter = vmstat("nr_free_pages");

		if (labs(blocks - counter) <= 64 + counter / 100)
			return;
	}
	check_failed(__FILE__, __LINE__, "free lists and nr_free_pages stay apart");
}

/* The sum of what follows a word in zoneinfo. */
static unsigned long zone_sum(const char *text, const char *word)
{
	unsigned long sum = 0;

	for (const char *p = text; (p = strstr(p, word)); p++)
		sum += strtoul(p + strlen(word), NULL, 10);
	return sum;
}

TEST(zoneinfo_managed_pages_are_memtotal)
{
	char *text = text_or_skip("/proc/zoneinfo"), *mem = text_or_skip("/proc/meminfo");
	unsigned long managed = zone_sum(text, "\n        managed ");

	EXPECT(strstr(text, "\n  pagesets"));
	EXPECT(strstr(text, "\n        protection: ("));
	EXPECT(strstr(text, "\n  per-node stats"));
	EXPECT_GE(zone_sum(text, "\n        spanned "), zone_sum(text, "\n        present "));
	EXPECT_GE(zone_sum(text, "\n        present "), managed);
	if (managed < zone_sum(text, "\n        present ") / 2)
		skip("a virtual machine whose memory comes in parts");
	EXPECT_EQ(managed * 4, strtoul(strstr(mem, "MemTotal:") + 9, NULL, 10));
}

TEST(events_count_faults_and_allocations)
{
	unsigned long faults = vmstat("pgfault"), freed = vmstat("pgfree");
	char *p = mmap(NULL, 1000 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	memset(p, 1, 1000 * PAGE);
	EXPECT_GE(vmstat("pgfault") - faults, 1);
	munmap(p, 1000 * PAGE);
	EXPECT_GE(vmstat("pgfree") - freed, 500);
}

/* Entry n of a file of 64-bit numbers. */
static uint64_t entry_of(const char *path, uint64_t n)
{
	uint64_t v = 0;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		skip("not readable here");
	if (pread(fd, &v, 8, n * 8) != 8)
		v = ~0ULL;
	close(fd);
	return v;
}

static uint64_t pagemap_of(const void *p)
{
	return entry_of("/proc/self/pagemap", (uintptr_t)p / PAGE);
}

TEST(pagemap_tells_present_absent_file_and_anonymous)
{
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	ASSERT_NE(s, MAP_FAILED);
	p[0] = s[0] = 1;
	EXPECT_EQ(pagemap_of(p) >> 61, 4);	  /* present, anonymous */
	EXPECT_EQ(pagemap_of(p) >> 56 & 1, 1);	  /* mapped once */
	EXPECT_EQ(pagemap_of(p + PAGE) >> 61, 0); /* not there */
	EXPECT_EQ(pagemap_of(s) >> 61, 5);	  /* present, shared memory */
	munmap(p, 2 * PAGE);
	EXPECT_EQ(pagemap_of(p) >> 61, 0);
	EXPECT_ERR(pread(open("/proc/self/pagemap", O_RDONLY), p, 7, 0), EINVAL);
}

TEST(kpageflags_and_kpagecount_describe_my_frame)
{
	char *p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	p[0] = 1;
	uint64_t pfn = pagemap_of(p) & ((1ULL << 55) - 1);

	if (!pfn)
		skip("frames are hidden");
	uint64_t flags = entry_of("/proc/kpageflags", pfn);

	EXPECT(flags & 1ULL << 11);    /* MMAP */
	EXPECT(!(flags & 1ULL << 12)); /* not ANON */
	EXPECT(!(flags & 1ULL << 10)); /* not BUDDY */
	EXPECT(!(flags & 1ULL << 20)); /* not NOPAGE */
	EXPECT_EQ(entry_of("/proc/kpagecount", pfn), 1);
	int fd[2], status;

	ASSERT_OK(pipe(fd));
	pid_t pid = test_fork();

	if (!pid) {
		char c = p[0]; /* maps it here too */

		ASSERT_EQ(write(fd[1], &c, 1), 1);
		pause();
		_exit(0);
	}
	char c;

	ASSERT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_EQ(entry_of("/proc/kpagecount", pfn), 2);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	EXPECT_EQ(entry_of("/proc/kpagecount", pfn), 1);
}

TEST(kpageflags_ends_with_memory)
{
	uint64_t v;
	int fd = open("/proc/kpageflags", O_RDONLY);

	if (fd < 0)
		skip("not readable here");
	EXPECT_EQ(pread(fd, &v, 8, (off_t)1 << 50), 0);
	EXPECT_ERR(pread(fd, &v, 8, 4), EINVAL);
	EXPECT_ERR(pread(fd, &v, 4, 0), EINVAL);
}

TEST(slabinfo_and_vmallocinfo_have_linux_columns)
{
	char *p = text_or_skip("/proc/slabinfo"), name[64];
	unsigned long n[5];

	EXPECT(!strncmp(p, "slabinfo - version: 2.1\n# name ", 31));
	p = strchr(strchr(p, '\n') + 1, '\n') + 1;
	EXPECT_EQ(sscanf(p, "%63s %lu %lu %lu %lu %lu : tunables", name, &n[0], &n[1], &n[2], &n[3],
			 &n[4]),
		  6);
	EXPECT_LE(n[0], n[1]);
	p = text_or_skip("/proc/vmallocinfo");
	EXPECT_EQ(sscanf(p, "0x%lx-0x%lx %lu", &n[0], &n[1], &n[2]), 3);
	if (n[0] >= 1UL << 40) /* others print a hash of the address */
		EXPECT_EQ(n[1] - n[0], n[2]);
}

TEST(iomem_is_a_tree_of_ranges)
{
	char *text = text_or_skip("/proc/iomem");
	unsigned long start, end, ram = 0;
	int kernel = 0;

	for (char *p = text; *p; p = strchr(p, '\n') + 1) {
		EXPECT_EQ(sscanf(p, "%lx-%lx :", &start, &end), 2);
		EXPECT_LE(start, end);
		if (!strncmp(strchr(p, ':'), ": System RAM", 12))
			ram += end - start + 1;
		kernel += !strncmp(strchr(p, ':'), ": Kernel code", 13);
	}
	if (!ram)
		skip("addresses are hidden");
	EXPECT_EQ(kernel, 1);
}

TEST(kallsyms_is_sorted_and_has_symbols)
{
	char *text = text_or_skip("/proc/kallsyms");
	unsigned long addr, last = 0;
	char type, name[256];
	int n = 0;

	for (char *p = text; *p && n < 1000; p = strchr(p, '\n') + 1, n++) {
		ASSERT_EQ(sscanf(p, "%lx %c %255s", &addr, &type, name), 3);
		if (n > 500 && addr < last && last < addr + (1UL << 40))
			break; /* Linux begins anew for per-CPU data and modules */
		last = addr;
	}
	EXPECT_GT(n, 500);
}

TEST(mountinfo_and_mounts_list_the_same_places)
{
	char *info = text_or_skip("/proc/self/mountinfo"), *mounts = text_or_skip("/proc/mounts");
	int a = 0, b = 0;

	for (char *p = info; *p; p = strchr(p, '\n') + 1, a++) {
		int id, parent;
		unsigned int major, minor;
		char root[300], at[300], want[310];

		EXPECT_EQ(sscanf(p, "%d %d %u:%u %299s %299s", &id, &parent, &major, &minor, root,
				 at),
			  6);
		snprintf(want, sizeof(want), " %s ", at);
		EXPECT(strstr(mounts, want));
		EXPECT(strstr(p, " - "));
	}
	for (char *p = mounts; *p; p = strchr(p, '\n') + 1)
		b++;
	EXPECT_EQ(a, b);
}

TEST(sys_kernel_agrees_with_uname)
{
	struct utsname un;
	char want[80];

	ASSERT_OK(uname(&un));
	snprintf(want, sizeof(want), "%s\n", un.sysname);
	EXPECT_STR(text_or_skip("/proc/sys/kernel/ostype"), want);
	snprintf(want, sizeof(want), "%s\n", un.nodename);
	EXPECT_STR(text_or_skip("/proc/sys/kernel/hostname"), want);
	snprintf(want, sizeof(want), "%s\n", un.version);
	EXPECT_STR(text_or_skip("/proc/sys/kernel/version"), want);
	EXPECT_GT(atoi(text_or_skip("/proc/sys/kernel/threads-max")), 0);
	EXPECT_EQ(sscanf(text_or_skip("/proc/sys/kernel/printk"), "%*d %*d %*d %*d%c", want), 1);
}

TEST(each_uuid_is_new_and_the_boot_id_stays)
{
	char *a = text_or_skip("/proc/sys/kernel/random/uuid");
	char *b = text_or_skip("/proc/sys/kernel/random/uuid");

	EXPECT_EQ(strlen(a), 37);
	EXPECT_EQ(a[14], '4');
	EXPECT_NE(strcmp(a, b), 0);
	a = text_or_skip("/proc/sys/kernel/random/boot_id");
	EXPECT_STR(text_or_skip("/proc/sys/kernel/random/boot_id"), a);
}

static unsigned long sum_of_min(void)
{
	char *text = text_or_skip("/proc/zoneinfo");
	unsigned long sum = zone_sum(text, "\n        min ");

	free(text);
	return sum;
}

/* Changes a setting of the whole system: only on Quire, never on the machine that tests it. */
TEST(min_free_kbytes_moves_the_watermarks)
{
	const char *path = "/proc/sys/vm/min_free_kbytes";
	struct utsname un;
	char text[32];
	long old;
	int fd;

	ASSERT_OK(uname(&un));
	if (!strstr(un.release, "quire"))
		skip("the host's settings are not ours to change");
	old = atol(text_or_skip(path));
	fd = open(path, O_WRONLY);
	ASSERT_OK(fd);
	/* Boot computed them before it gave its own memory back: the shares of zones differ by a page. */
	snprintf(text, sizeof(text), "%ld\n", old);
	EXPECT_EQ(pwrite(fd, text, strlen(text), 0), strlen(text));
	unsigned long before = sum_of_min();

	snprintf(text, sizeof(text), "%ld\n", old + 4000);
	EXPECT_EQ(pwrite(fd, text, strlen(text), 0), strlen(text));
	unsigned long raised = sum_of_min();

	EXPECT_STR(text_or_skip(path), text);
	EXPECT_GE(raised - before, 990);
	EXPECT_LE(raised - before, 1010);
	EXPECT_ERR(pwrite(fd, "-1", 2, 0), EINVAL);
	EXPECT_ERR(pwrite(fd, "many", 4, 0), EINVAL);
	/* Behind the first byte a number is taken and means nothing: Linux's kernel.sysctl_writes_strict. */
	EXPECT_EQ(pwrite(fd, "1\n", 2, 1), 2);
	EXPECT_EQ(sum_of_min(), raised);
	snprintf(text, sizeof(text), "%ld\n", old);
	EXPECT_EQ(pwrite(fd, text, strlen(text), 0), strlen(text));
	EXPECT_EQ(sum_of_min(), before);
}

TEST(comm_can_be_written_by_its_own_process)
{
	int fd = open("/proc/self/comm", O_RDWR);

	ASSERT_OK(fd);
	EXPECT_EQ(write(fd, "a name that is too long", 23), 23);
	EXPECT_STR(text_or_skip("/proc/self/comm"), "a name that is \n");
	fd = open("/proc/1/comm", O_WRONLY);
	if (fd >= 0)
		EXPECT_ERR(write(fd, "x", 1), EINVAL);
}
