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

/*
 * A chain of processes, each the child of the one before; who writes which private page and touches which shared one before
 * and after its fork is random. The model follows frames; smaps must divide each among those who map it.
 */
#define MEMBERS 4

static struct {
	bool before[MEMBERS][N], after[MEMBERS][N], touch[MEMBERS][N];
	int frame[MEMBERS][N]; /* -1: none */
	int frames;
} chain;

static int sharers(int frame)
{
	int n = 0;

	for (int k = 0; k < MEMBERS; k++)
		for (int i = 0; i < N; i++)
			n += frame >= 0 && chain.frame[k][i] == frame;
	return n;
}

static void model_writes(int k, const bool *which)
{
	for (int i = 0; i < N; i++)
		if (which[i] && sharers(chain.frame[k][i]) != 1)
			chain.frame[k][i] = chain.frames++;
}

static void make_plan(void)
{
	memset(chain.frame, -1, sizeof(chain.frame));
	chain.frames = 0;
	for (int k = 0; k < MEMBERS; k++)
		for (int i = 0; i < N; i++) {
			chain.before[k][i] = rnd_below(3) == 0;
			chain.after[k][i] = rnd_below(3) == 0;
			chain.touch[k][i] = rnd_below(2);
		}
	for (int k = 0; k < MEMBERS; k++) {
		model_writes(k, chain.before[k]);
		if (k + 1 < MEMBERS)
			memcpy(chain.frame[k + 1], chain.frame[k], sizeof(chain.frame[k]));
	}
	for (int k = MEMBERS - 1; k >= 0; k--)
		model_writes(k, chain.after[k]);
}

static void do_writes(char *p, const bool *which)
{
	for (int i = 0; i < N; i++)
		if (which[i])
			p[i * PAGE] = 1;
}

struct chain_pipes {
	int ready[MEMBERS][2], hold[2];
};

/* Member k: what it does before its fork, the next member, the rest; then one byte tells that it stands still. */
static pid_t chain_member(int k, char *private, char *shared, const struct chain_pipes *pipes,
			  volatile pid_t *pids)
{
	pid_t pid = -1;
	char c;

	pids[k] = getpid();
	do_writes(private, chain.before[k]);
	if (k + 1 < MEMBERS) {
		pid = test_fork();
		if (pid == 0) {
			close(pipes->hold[1]);
			pid = chain_member(k + 1, private, shared, pipes, pids);
			ASSERT_EQ(read(pipes->hold[0], &c, 1), 0);
			if (pid > 0)
				EXPECT_EXIT(pid, 0);
			_exit(test_failed);
		}
		ASSERT_EQ(read(pipes->ready[k + 1][0], &c, 1), 1);
	}
	do_writes(private, chain.after[k]);
	do_writes(shared, chain.touch[k]);
	if (k)
		ASSERT_EQ(write(pipes->ready[k][1], "", 1), 1);
	return pid;
}

/* n[i] members map page i of the area at p as member k does (0: it does not): all numbers of k follow. Its Pss in KiB. */
static long expect_shares(pid_t pid, const char *p, const int *n)
{
	long rss = 0, pss = 0, shared = 0;

	for (int i = 0; i < N; i++) {
		rss += n[i] ? 4 : 0;
		pss += n[i] ? 4096 / n[i] : 0;
		shared += n[i] > 1 ? 4 : 0;
	}
	expect_fields(pid, p, rss, (pss + 1023) / 1024, shared, rss - shared);
	return field(record_of(pid, p), "\nPss:");
}

TEST(every_page_is_divided_among_those_who_map_it)
{
	for (int round = 0; round < 5; round++) {
		char *private = map_alone(N, MAP_PRIVATE), *shared = map_alone(N, MAP_SHARED);
		volatile pid_t *pids =
			mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		long sum = 0, shared_sum = 0, frames = 0, shared_frames = 0;
		struct chain_pipes pipes;
		int n[N];

		ASSERT_NE(pids, MAP_FAILED);
		for (int k = 0; k < MEMBERS; k++)
			ASSERT_OK(pipe(pipes.ready[k]));
		ASSERT_OK(pipe(pipes.hold));
		make_plan();
		pid_t child = chain_member(0, private, shared, &pipes, pids);

		for (int k = 0; k < MEMBERS; k++) {
			for (int i = 0; i < N; i++)
				n[i] = sharers(chain.frame[k][i]);
			sum += expect_shares(pids[k], private, n);
			memset(n, 0, sizeof(n));
			for (int i = 0; i < N; i++)
				for (int other = 0; chain.touch[k][i] && other < MEMBERS; other++)
					n[i] += chain.touch[other][i];
			shared_sum += expect_shares(pids[k], shared, n);
		}
		for (int f = 0; f < chain.frames; f++)
			frames += sharers(f) > 0;
		for (int i = 0; i < N; i++)
			shared_frames += chain.touch[0][i] || chain.touch[1][i] ||
					 chain.touch[2][i] || chain.touch[3][i];
		/* Each member's number is rounded down. */
		EXPECT_LE(sum, 4 * frames);
		EXPECT_GE(sum, 4 * frames - MEMBERS);
		EXPECT_LE(shared_sum, 4 * shared_frames);
		EXPECT_GE(shared_sum, 4 * shared_frames - MEMBERS);
		close(pipes.hold[1]);
		EXPECT_EXIT(child, 0);
		close(pipes.hold[0]);
		for (int k = 0; k < 2 * MEMBERS; k++)
			close(pipes.ready[k / 2][k % 2]);
		munmap((void *)pids, PAGE);
		munmap(private, N * PAGE);
		munmap(shared, N * PAGE);
	}
}
