/*
 * kpage.c - /proc/kpageflags and kpagecount: what each frame is, and who maps it.
 *
 * The bits are added up and compared with the counters of other files; map counts with what processes did.
 */
#include "physviews.h"

TEST(kpageflags_end_with_the_last_section)
{
	static struct zone z[ZONES];
	unsigned long nr[64], frames = count_flags(nr), end = 0;
	int n = read_zoneinfo(z);

	for (int i = 0; i < n; i++)
		if (z[i].present && z[i].start_pfn + z[i].spanned > (long)end)
			end = z[i].start_pfn + z[i].spanned;
	EXPECT_EQ(frames % 32768, 0);
	EXPECT_GE(frames, end);
	EXPECT_LE(frames, end + 32767);
	EXPECT_LE(nr[KPF_ZERO_PAGE], 513); /* the page of zeros, and the huge one */
}

TEST(kpageflags_add_up_to_the_free_lists)
{
	unsigned long nr[64];
	long off = 0;

	for (int try = 0; try < 20; try++) {
		long before = buddy_pages(), after;

		count_flags(nr);
		after = buddy_pages();
		off = (long)nr[KPF_BUDDY] - (before + after) / 2;
		if (labs(off) <= slack(before) + labs(after - before))
			return;
	}
	check_failed(__FILE__, __LINE__, "BUDDY is off by %ld pages", off);
}

static long vmstat(const char *name)
{
	char *text = text_or_skip("/proc/vmstat"), want[64], *p;

	snprintf(want, sizeof(want), "%s ", name);
	p = strstr(text, want);
	ASSERT(p);
	return atol(p + strlen(want));
}

TEST(kpageflags_know_slabs_page_tables_and_anonymous_memory)
{
	unsigned long nr[64];
	char *p = mmap(NULL, 1000 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	memset(p, 1, 1000 * PAGE);
	count_flags(nr);
	EXPECT_GE(nr[KPF_ANON], 1000);
	EXPECT_GE(nr[KPF_MMAP], 1000);
	EXPECT_GT(nr[KPF_RESERVED], 0);
	EXPECT_GT(nr[KPF_PGTABLE], 10);
	long slab = vmstat("nr_slab_reclaimable") + vmstat("nr_slab_unreclaimable");

	/* Large kmalloc blocks count as slab, and are not marked as such. */
	EXPECT_GT(nr[KPF_SLAB], slab / 4);
	EXPECT_LE((long)nr[KPF_SLAB], slab + slack(slab));
}

static uint64_t entry_of(int fd, uint64_t n)
{
	uint64_t v = 0;

	ASSERT_EQ(pread(fd, &v, 8, n * 8), 8);
	return v;
}

TEST(kpagecount_follows_the_maps_of_processes)
{
	enum { PAGES = 64, CHILDREN = 4 };
	int map = open_or_skip("/proc/self/pagemap"), count = open_or_skip("/proc/kpagecount");
	int flags = open_or_skip("/proc/kpageflags"), go[2], ready[2];
	char *p = mmap(NULL, PAGES * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t pfn[PAGES];
	pid_t pid[CHILDREN];
	char c;

	ASSERT_NE(p, MAP_FAILED);
	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(p, 1, PAGES * PAGE);
	for (int i = 0; i < PAGES; i++) {
		pfn[i] = entry_of(map, (uintptr_t)p / PAGE + i) & ((1ULL << 55) - 1);
		if (!pfn[i])
			skip("frames are hidden");
		EXPECT_EQ(entry_of(count, pfn[i]), 1);
		EXPECT(HAS(entry_of(flags, pfn[i]), KPF_ANON));
		EXPECT(HAS(entry_of(flags, pfn[i]), KPF_MMAP));
	}
	ASSERT_OK(pipe(go));
	ASSERT_OK(pipe(ready));
	for (int k = 0; k < CHILDREN; k++) {
		pid[k] = test_fork();
		if (pid[k])
			continue;
		/* Half of the pages become its own: then it maps the old frames no longer. */
		memset(p, 2, PAGES / 2 * PAGE);
		ASSERT_EQ(write(ready[1], "r", 1), 1);
		ASSERT_EQ(read(go[0], &c, 1), 1);
		_exit(0);
	}
	for (int k = 0; k < CHILDREN; k++)
		ASSERT_EQ(read(ready[0], &c, 1), 1);
	for (int i = 0; i < PAGES; i++)
		EXPECT_EQ(entry_of(count, pfn[i]), i < PAGES / 2 ? 1 : 1 + CHILDREN);
	ASSERT_EQ(write(go[1], "gogo", CHILDREN), CHILDREN);
	for (int k = 0; k < CHILDREN; k++)
		EXPECT_EXIT(pid[k], 0);
	for (int i = 0; i < PAGES; i++)
		EXPECT_EQ(entry_of(count, pfn[i]), 1);
}

TEST(kpage_files_are_read_in_whole_entries)
{
	static const char *const files[] = { "/proc/kpageflags", "/proc/kpagecount" };
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open_or_skip(files[i]);

		for (int odd = 1; odd < 8; odd++) {
			EXPECT_ERR(pread(fd, p, 8, odd), EINVAL);
			EXPECT_ERR(pread(fd, p, 8 + odd, 0), EINVAL);
		}
		EXPECT_EQ(pread(fd, p, 0, 0), 0);
		EXPECT_EQ(pread(fd, p, 8, 1L << 50), 0);
		EXPECT_ERR(pread(fd, p + PAGE, 8, 0), EFAULT);
		EXPECT_ERR(pread(fd, p + PAGE - 16, 64, 0), EFAULT);
		EXPECT_EQ(pread(fd, p + PAGE - 16, 16, 0), 16);
		EXPECT_EQ(read(fd, p, 64), 64);
		EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 64);
		close(fd);
	}
}

TEST(what_is_for_root_is_for_root)
{
	static const char *const secret[] = { "/proc/pagetypeinfo", "/proc/kpageflags",
					      "/proc/kpagecount" };
	static const char *const settings[] = { VM "min_free_kbytes", VM "lowmem_reserve_ratio",
						MEMORY "/memory0/state" };
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(secret); i++)
		if (!stat(secret[i], &st))
			EXPECT_EQ(st.st_mode & 07777, 0400);
	if (geteuid())
		skip("for root");
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(setuid(65534));
		for (size_t i = 0; i < ARRAY_SIZE(secret); i++)
			EXPECT_ERR(open(secret[i], O_RDONLY), EACCES);
		for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
			if (!access(settings[i], F_OK))
				EXPECT_ERR(open(settings[i], O_WRONLY), EACCES);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
}
