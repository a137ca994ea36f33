/*
 * smaps - /proc/PID/smaps, smaps_rollup, clear_refs and kpagecount: the numbers follow what programs do, and those of all
 * processes that share a page add up to it.
 */
#include "tests/user/test.h"

#include <stdbool.h>
#include <sys/mman.h>

#define N 16

/* Pages with a gap on both sides, so that no other area merges with them. */
static char *map_alone(size_t pages, int flags)
{
	char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	ASSERT_EQ(mmap(p + PAGE, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0),
		  p + PAGE);
	return p + PAGE;
}

static char text[256 * 1024];

static const char *read_proc(pid_t pid, const char *name)
{
	char path[64];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	ASSERT_GE(fd, 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	return text;
}

/* The record of the area that begins at p; it ends at the next area's. */
static const char *record_of(pid_t pid, const void *p)
{
	char head[32];
	const char *at;

	read_proc(pid, "smaps");
	snprintf(head, sizeof(head), "%lx-", (unsigned long)p);
	at = strstr(text, head);
	ASSERT(at);
	return at;
}

static long field(const char *record, const char *name)
{
	const char *at = strstr(record, name);
	long kb = -1;

	ASSERT(at && sscanf(at + strlen(name), " %ld kB", &kb) == 1);
	return kb;
}

static void expect_fields(pid_t pid, const void *p, long rss, long pss, long shared, long private)
{
	const char *r = record_of(pid, p);

	EXPECT_EQ(field(r, "\nRss:"), rss);
	/* A third of a page is rounded down. */
	EXPECT_GE(field(r, "\nPss:"), pss - 1);
	EXPECT_LE(field(r, "\nPss:"), pss);
	EXPECT_EQ(field(r, "\nShared_Clean:") + field(r, "\nShared_Dirty:"), shared);
	EXPECT_EQ(field(r, "\nPrivate_Clean:") + field(r, "\nPrivate_Dirty:"), private);
}

TEST(private_pages_are_private_and_dirty)
{
	char *p = map_alone(N, MAP_PRIVATE);
	const char *r;

	expect_fields(getpid(), p, 0, 0, 0, 0);
	for (int i = 0; i < N; i++)
		p[i * PAGE] = 1;
	expect_fields(getpid(), p, 4 * N, 4 * N, 0, 4 * N);
	r = record_of(getpid(), p);
	EXPECT_EQ(field(r, "\nSize:"), 4 * N);
	EXPECT_EQ(field(r, "\nPrivate_Dirty:"), 4 * N);
	EXPECT_EQ(field(r, "\nAnonymous:"), 4 * N);
	EXPECT_EQ(field(r, "\nSwap:"), 0);
	EXPECT(strstr(r, "VmFlags: rd wr mr mw me ") != NULL);
	ASSERT_OK(madvise(p, 4 * PAGE, MADV_DONTNEED));
	expect_fields(getpid(), p, 4 * (N - 4), 4 * (N - 4), 0, 4 * (N - 4));
}

/* A child that waits; it writes to n pages of p first. */
static pid_t child_with(char *p, int n, int *done)
{
	int up[2], down[2];
	char c;

	ASSERT_OK(pipe(up));
	ASSERT_OK(pipe(down));
	pid_t pid = test_fork();

	if (pid == 0) {
		for (int i = 0; i < n; i++)
			p[i * PAGE] = 2;
		close(down[1]);
		ASSERT_EQ(write(up[1], "", 1), 1);
		ASSERT_EQ(read(down[0], &c, 1), 0);
		_exit(test_failed);
	}
	ASSERT_EQ(read(up[0], &c, 1), 1);
	close(down[0]);
	*done = down[1];
	return pid;
}

TEST(pss_of_a_family_adds_up)
{
	char *p = map_alone(N, MAP_PRIVATE);
	int done, done2;

	for (int i = 0; i < N; i++)
		p[i * PAGE] = 1;
	pid_t a = child_with(p, 0, &done);

	expect_fields(getpid(), p, 4 * N, 2 * N, 4 * N, 0);
	expect_fields(a, p, 4 * N, 2 * N, 4 * N, 0);
	/* A third copies four pages for itself; of those two owners are left. */
	pid_t b = child_with(p, 4, &done2);

	expect_fields(getpid(), p, 4 * N, 4 * 2 + 4 * (N - 4) / 3, 4 * N, 0);
	expect_fields(b, p, 4 * N, 4 * 4 + 4 * (N - 4) / 3, 4 * (N - 4), 4 * 4);
	close(done2);
	EXPECT_EXIT(b, 0);
	close(done);
	EXPECT_EXIT(a, 0);
	expect_fields(getpid(), p, 4 * N, 4 * N, 0, 4 * N);
}

TEST(shared_memory_is_shared)
{
	char *p = map_alone(N, MAP_SHARED);
	int done;

	for (int i = 0; i < N; i++)
		p[i * PAGE] = 1;
	expect_fields(getpid(), p, 4 * N, 4 * N, 0, 4 * N);
	EXPECT_EQ(field(record_of(getpid(), p), "\nAnonymous:"), 0);
	/* fork need not copy entries of a file: the child maps what it touches. */
	pid_t pid = child_with(p, N, &done);

	expect_fields(getpid(), p, 4 * N, 2 * N, 4 * N, 0);
	expect_fields(pid, p, 4 * N, 2 * N, 4 * N, 0);
	close(done);
	EXPECT_EXIT(pid, 0);
}

static long sum_of(const char *name)
{
	long sum = 0, kb;

	for (const char *at = text; (at = strstr(at, name)) != NULL; at++)
		if (sscanf(at + strlen(name), " %ld kB", &kb) == 1)
			sum += kb;
	return sum;
}

TEST(rollup_is_the_sum)
{
	/* What others cannot change by mapping the same files. */
	static const char *const names[] = { "\nRss:", "\nPrivate_Dirty:", "\nAnonymous:" };
	char *p = map_alone(N, MAP_PRIVATE);
	int done;

	for (int i = 0; i < N; i++)
		p[i * PAGE] = 1;
	/* Of somebody who stands still. */
	pid_t pid = child_with(p, 3, &done);

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		long sum, rolled;

		read_proc(pid, "smaps");
		sum = sum_of(names[i]);
		rolled = field(read_proc(pid, "smaps_rollup"), names[i]);
		EXPECT_EQ(rolled, sum);
	}
	EXPECT(strstr(text, "[rollup]\n") != NULL);
	/* Three numbers that are rounded down. */
	long rest = field(text, "\nPss:") - field(text, "\nPss_Anon:") -
		    field(text, "\nPss_File:") - field(text, "\nPss_Shmem:");

	EXPECT_GE(rest, 0);
	EXPECT_LE(rest, 2);
	close(done);
	EXPECT_EXIT(pid, 0);
}

static int clear_refs(const char *what)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY), err = 0;

	ASSERT_GE(fd, 0);
	if (write(fd, what, strlen(what)) < 0)
		err = -errno;
	close(fd);
	return err;
}

TEST(clear_refs_forgets_and_use_is_seen_again)
{
	char *p = map_alone(N, MAP_PRIVATE);

	for (int i = 0; i < N; i++)
		p[i * PAGE] = 1;
	EXPECT_EQ(field(record_of(getpid(), p), "\nReferenced:"), 4 * N);
	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(clear_refs(round & 1 ? "1\n" : "2"), 0);
		EXPECT_EQ(field(record_of(getpid(), p), "\nReferenced:"), 0);
		/* Linux does not flush: a processor that remembers the entry would not mark it. */
		ASSERT_OK(mprotect(p, N * PAGE, PROT_READ));
		ASSERT_OK(mprotect(p, N * PAGE, PROT_READ | PROT_WRITE));
		for (int i = 0; i < 5; i++)
			EXPECT_EQ(((volatile char *)p)[i * PAGE], 1);
		EXPECT_EQ(field(record_of(getpid(), p), "\nReferenced:"), 20);
		/* 3 is about files. */
		ASSERT_EQ(clear_refs("3"), 0);
		EXPECT_EQ(field(record_of(getpid(), p), "\nReferenced:"), 20);
	}
	EXPECT_EQ(clear_refs("5"), 0);
	EXPECT_EQ(clear_refs("0"), -EINVAL);
	EXPECT_EQ(clear_refs("6"), -EINVAL);
	EXPECT_EQ(clear_refs("x"), -EINVAL);
}

/* How often the frame of the page at p is mapped, by /proc/kpagecount. */
static uint64_t kpagecount(const void *p)
{
	int map = open("/proc/self/pagemap", O_RDONLY), count = open("/proc/kpagecount", O_RDONLY);
	uint64_t entry = 0, n = 0;

	if (map < 0 || count < 0 || pread(map, &entry, 8, (unsigned long)p / PAGE * 8) != 8 ||
	    !(entry << 9))
		skip("needs frame numbers and kpagecount");
	ASSERT_EQ(pread(count, &n, 8, (entry & ((1ULL << 55) - 1)) * 8), 8);
	close(map);
	close(count);
	return n;
}

TEST(kpagecount_counts_the_family)
{
	char *p = map_alone(N, MAP_PRIVATE);
	int done[3];
	pid_t pid[3];

	for (int i = 0; i < N; i++)
		p[i * PAGE] = 1;
	EXPECT_EQ(kpagecount(p), 1);
	for (int i = 0; i < 3; i++) {
		pid[i] = child_with(p, i, &done[i]);
		EXPECT_EQ(kpagecount(p + 8 * PAGE), i + 2);
	}
	/* Two of the three wrote to the first page, one to the second. */
	EXPECT_EQ(kpagecount(p), 2);
	EXPECT_EQ(kpagecount(p + PAGE), 3);
	for (int i = 0; i < 3; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	EXPECT_EQ(kpagecount(p + 8 * PAGE), 1);
}
