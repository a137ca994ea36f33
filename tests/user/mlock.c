/*
 * mlock - locked memory: what is counted, what it is limited to, what is brought in, and what may not be given up.
 */
#include "tests/user/test.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define ONFAULT		1
#define FUTURE_ONFAULT	4
#define DONTNEED_LOCKED 24

static char *map(unsigned long pages)
{
	char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	/* A page that cannot be used on both sides: nothing merges. */
	ASSERT_OK(mprotect(p + PAGE, pages * PAGE, PROT_READ | PROT_WRITE));
	return p + PAGE;
}

/* VmLck in pages; without stdio, whose buffers would be locked too. */
static unsigned long locked(void)
{
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *p;

	close(fd);
	ASSERT_GT(n, 0);
	text[n] = 0;
	p = strstr(text, "VmLck:");
	ASSERT(p);
	return strtoul(p + 6, NULL, 10) / 4;
}

static int present(char *p, unsigned long pages)
{
	unsigned char vec[64];
	int n = 0;

	ASSERT_OK(mincore(p, pages * PAGE, vec));
	for (unsigned long i = 0; i < pages; i++)
		n += vec[i] & 1;
	return n;
}

static void need_limit(unsigned long pages)
{
	struct rlimit r = { pages * PAGE, pages * PAGE };

	ASSERT_OK(setrlimit(RLIMIT_MEMLOCK, &r));
	if (!geteuid())
		ASSERT_OK(setuid(65534));
}

TEST(locking_brings_the_pages_in)
{
	char *p = map(8), *q = map(8);

	ASSERT_OK(mlock(p, 8 * PAGE));
	EXPECT_EQ(present(p, 8), 8);
	ASSERT_OK(syscall(SYS_mlock2, q, 8 * PAGE, ONFAULT));
	EXPECT_EQ(present(q, 8), 0);
	EXPECT_EQ(locked(), 16);
	q[0] = 1;
	EXPECT_EQ(present(q, 8), 1);
}

TEST(each_page_counts_once)
{
	char *p = map(10);

	EXPECT_EQ(locked(), 0);
	ASSERT_OK(mlock(p + PAGE + 5, 3 * PAGE));
	EXPECT_EQ(locked(), 4);
	ASSERT_OK(mlock(p, 5 * PAGE));
	EXPECT_EQ(locked(), 5);
	ASSERT_OK(munlock(p + 2 * PAGE, 2 * PAGE));
	EXPECT_EQ(locked(), 3);
	ASSERT_OK(munmap(p + 4 * PAGE, 2 * PAGE));
	EXPECT_EQ(locked(), 2);
	ASSERT_OK(munlock(p, 4 * PAGE));
	EXPECT_EQ(locked(), 0);
}

TEST(bad_arguments)
{
	char *p = map(6);

	ASSERT_OK(munmap(p + 3 * PAGE, PAGE));
	EXPECT_ERR(mlock(p, 6 * PAGE), ENOMEM);
	/* What lies before the hole is locked. */
	EXPECT_EQ(locked(), 3);
	EXPECT_ERR(munlock(p + PAGE, 5 * PAGE), ENOMEM);
	EXPECT_EQ(locked(), 1);
	EXPECT_ERR(syscall(SYS_mlock2, p, PAGE, 2), EINVAL);
	EXPECT_ERR(mlock(p, ~0UL - 2 * PAGE), EINVAL);
	EXPECT_ERR(munlock(p, ~0UL - 2 * PAGE), EINVAL);
	EXPECT_OK(mlock(p, 0));
	/* Nothing can be brought in that may not be touched. */
	EXPECT_ERR(mlock(p - PAGE, PAGE), ENOMEM);
	EXPECT_ERR(mlockall(0), EINVAL);
	EXPECT_ERR(mlockall(8), EINVAL);
	EXPECT_ERR(mlockall(FUTURE_ONFAULT), EINVAL);
}

TEST(the_limit_holds_without_privilege)
{
	char *p = map(16), *q;

	need_limit(8);
	EXPECT_ERR(mlock(p, 9 * PAGE), ENOMEM);
	ASSERT_OK(mlock(p, 6 * PAGE));
	/* Pages locked already do not count again. */
	ASSERT_OK(mlock(p, 8 * PAGE));
	EXPECT_ERR(mlock(p + 8 * PAGE, PAGE), ENOMEM);
	q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	EXPECT(q == MAP_FAILED && errno == EAGAIN);
	ASSERT_OK(munlock(p, PAGE));
	ASSERT_OK(munmap(p + 8 * PAGE, 8 * PAGE));
	EXPECT_OK(mremap(p + 7 * PAGE, PAGE, 2 * PAGE, 0));
	EXPECT_ERR(mremap(p + 7 * PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), EAGAIN);
	EXPECT_ERR(mlockall(MCL_CURRENT), ENOMEM);
	EXPECT_OK(mlockall(MCL_FUTURE));
	q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(q == MAP_FAILED && errno == EAGAIN);
}

TEST(a_limit_of_nothing_is_no_right)
{
	char *p = map(2);

	need_limit(0);
	EXPECT_ERR(mlock(p, PAGE), EPERM);
	EXPECT_ERR(mlockall(MCL_CURRENT), EPERM);
	/* The library's mmap() makes ENOMEM of it. */
	EXPECT_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED,
			   -1, 0),
		   EPERM);
	EXPECT_OK(munlock(p, PAGE));
}

TEST(mlockall_now_and_later)
{
	char *p = map(4), *q;

	ASSERT_OK(mlockall(MCL_FUTURE));
	EXPECT_EQ(locked(), 0);
	q = map(5);
	EXPECT_EQ(locked(), 7);
	EXPECT_EQ(present(q, 5), 5);
	EXPECT_EQ(present(p, 4), 0);
	ASSERT_OK(mlockall(MCL_CURRENT));
	EXPECT_GE(locked(), 13);
	EXPECT_EQ(present(p, 4), 4);
	/* Not for new areas any more. */
	unsigned long before = locked();

	map(3);
	EXPECT_EQ(locked(), before);
	/* A child has nothing locked. */
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(locked(), 0);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	ASSERT_OK(munlockall());
	EXPECT_EQ(locked(), 0);
	ASSERT_OK(mlockall(MCL_FUTURE | FUTURE_ONFAULT));
	q = map(5);
	EXPECT_EQ(locked(), 7);
	EXPECT_EQ(present(q, 5), 0);
	ASSERT_OK(munlockall());
}

TEST(locked_pages_are_not_given_up)
{
	char *p = map(4);

	memset(p, 7, 4 * PAGE);
	ASSERT_OK(mlock(p, 4 * PAGE));
	EXPECT_ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, MADV_FREE), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, 20 /* COLD */), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, 21 /* PAGEOUT */), EINVAL);
	EXPECT_ERR(msync(p, PAGE, MS_INVALIDATE), EBUSY);
	EXPECT_EQ(p[0], 7);
	EXPECT_OK(madvise(p, PAGE, DONTNEED_LOCKED));
	EXPECT_EQ(p[0], 0);
	EXPECT_EQ(p[PAGE], 7);
}

TEST(a_locked_area_takes_its_lock_along)
{
	char *p = map(4), *q = map(8);

	memset(p, 5, 4 * PAGE);
	ASSERT_OK(mlock(p, 4 * PAGE));
	ASSERT_EQ(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q), q);
	EXPECT_EQ(locked(), 4);
	EXPECT_EQ(q[3 * PAGE], 5);
	ASSERT_EQ(mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p), p);
	EXPECT_EQ(locked(), 4);
	/* What it grows by is locked and there. */
	ASSERT_EQ(mremap(p, 2 * PAGE, 4 * PAGE, 0), p);
	EXPECT_EQ(locked(), 6);
	EXPECT_EQ(present(p, 4), 4);
}

TEST(random_locks_match_a_model)
{
	enum { PAGES = 40 };
	char *p = map(PAGES);
	char model[PAGES] = {};

	for (int i = 0; i < 2000; i++) {
		unsigned long first = rnd_below(PAGES), n = 1 + rnd_below(PAGES - first), sum = 0;
		int lock = rnd_below(2);

		ASSERT_OK(lock ? syscall(SYS_mlock2, p + first * PAGE, n * PAGE, rnd_below(2))
			       : munlock(p + first * PAGE, n * PAGE));
		memset(model + first, lock, n);
		for (int k = 0; k < PAGES; k++)
			sum += model[k];
		ASSERT_EQ(locked(), sum);
	}
}

/* A line of /proc/meminfo in pages; without stdio, as above. */
static long meminfo(const char *name)
{
	static char text[8192];
	int fd = open("/proc/meminfo", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *p;

	close(fd);
	ASSERT_GT(n, 0);
	text[n] = 0;
	p = strstr(text, name);
	ASSERT(p);
	return strtol(p + strlen(name), NULL, 10) / 4;
}

/* Mlocked in pages. What each CPU has counted for itself must be added first. */
static long mlocked(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, "1", 1);

	if (fd >= 0)
		close(fd);
	if (n != 1)
		skip("needs to write to stat_refresh");
	return meminfo("Mlocked:");
}

/* Others may lock and unlock, and Linux counts in batches: the number must come in the end. */
static void expect_mlocked(long base, long more)
{
	long now = 0;

	for (int i = 0; i < 200; i++) {
		now = mlocked() - base;
		if (now == more && meminfo("Unevictable:") >= now)
			return;
		usleep(10000);
	}
	/* On a host others lock and unlock all the time. */
	if (!on_quire())
		skip("somebody else locks memory here");
	EXPECT_EQ(now, more);
}

TEST_LIMIT(locked_pages_are_counted_once_each, 60)
{
	char *p = map(16);
	char *shared =
		mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long base = mlocked();
	int up[2];
	char c;

	ASSERT_NE(shared, MAP_FAILED);
	ASSERT_OK(pipe(up));
	ASSERT_OK(mlock(p, 8 * PAGE));
	expect_mlocked(base, 8);
	/* Twice is once. */
	ASSERT_OK(mlock(p, 12 * PAGE));
	expect_mlocked(base, 12);
	ASSERT_OK(munlock(p + 4 * PAGE, 4 * PAGE));
	expect_mlocked(base, 8);
	/* What comes in later counts when it comes. */
	ASSERT_OK(syscall(SYS_mlock2, p + 12 * PAGE, 4 * PAGE, ONFAULT));
	expect_mlocked(base, 8);
	p[13 * PAGE] = 1;
	expect_mlocked(base, 9);
	ASSERT_OK(munmap(p + 8 * PAGE, 8 * PAGE));
	expect_mlocked(base, 4);
	/* Two processes lock the same pages. The one that ends takes only its own lock with it. */
	ASSERT_OK(mlock(shared, 2 * PAGE));
	expect_mlocked(base, 6);
	pid_t pid = test_fork();

	if (pid == 0) {
		close(up[1]);
		ASSERT_OK(mlock(shared, 3 * PAGE));
		expect_mlocked(base, 7);
		ASSERT_OK(munlock(shared, PAGE));
		expect_mlocked(base, 7);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	expect_mlocked(base, 6);
	/* A copy of its own, made after the fork by the write, is locked; the child's is not. */
	pid = test_fork();
	if (pid == 0) {
		close(up[1]);
		p[0] = 1;
		_exit(read(up[0], &c, 1));
	}
	p[0] = 2;
	p[PAGE] = 2;
	expect_mlocked(base, 6);
	close(up[1]);
	EXPECT_EXIT(pid, 0);
	ASSERT_OK(munlockall());
	expect_mlocked(base, 0);
}
