/*
 * lazyfree - madvise(MADV_FREE): contents that may go when memory is short, and not before; a write takes it back.
 */
#include "tests/user/memory.h"

#define N 16

/* LazyFree of the area at p in KiB, from smaps. */
static long lazyfree(const char *p)
{
	static char text[256 * 1024];
	char head[32], *at;
	size_t len = 0;
	ssize_t n;
	int fd = open("/proc/self/smaps", O_RDONLY);

	ASSERT_GE(fd, 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = 0;
	snprintf(head, sizeof(head), "%lx-", (unsigned long)p);
	at = strstr(text, head);
	ASSERT(at && (at = strstr(at, "\nLazyFree:")));
	return strtol(at + strlen("\nLazyFree:"), NULL, 10);
}

/* Its own area: a page without rights on both sides. */
static char *written_pages(void)
{
	char *p = map_pages(N + 2);

	ASSERT_OK(mprotect(p, PAGE, PROT_NONE));
	ASSERT_OK(mprotect(p + (N + 1) * PAGE, PAGE, PROT_NONE));
	for (int i = 0; i < N; i++)
		memset(p + (1 + i) * PAGE, 'a' + i, PAGE);
	return p + PAGE;
}

/* Linux marks pages in batches: a fork and exit, or some more pages, push them through. */
static long lazyfree_settled(const char *p, long kb)
{
	for (int i = 0; i < 200 && lazyfree(p) != kb; i++) {
		char *q = map_pages(64);

		memset(q, 1, 64 * PAGE);
		madvise(q, 64 * PAGE, MADV_FREE);
		munmap(q, 64 * PAGE);
		usleep(1000);
	}
	return lazyfree(p);
}

TEST(pages_are_marked_and_a_write_takes_it_back)
{
	char *p = written_pages();

	EXPECT_EQ(lazyfree(p), 0);
	ASSERT_OK(madvise(p, N * PAGE, MADV_FREE));
	EXPECT_EQ(lazyfree_settled(p, 4 * N), 4 * N);
	for (int i = 0; i < 4; i++)
		p[i * PAGE + 1] = 'x';
	EXPECT_EQ(lazyfree(p), 4 * (N - 4));
	for (int i = 0; i < N; i++) {
		char expected = i < 4 ? 'x' : 'a' + i;

		/* Memory may be short. */
		EXPECT(p[i * PAGE + 1] == expected || (i >= 4 && p[i * PAGE + 1] == 0));
	}
}

TEST(written_afterwards_is_kept)
{
	char *p = written_pages();

	for (int round = 0; round < 20; round++) {
		ASSERT_OK(madvise(p, N * PAGE, MADV_FREE));
		for (int i = 0; i < N; i++)
			memset(p + i * PAGE, round + i, PAGE);
		for (int i = 0; i < N; i++)
			EXPECT(all_equal(p + i * PAGE, PAGE, (char)(round + i)));
	}
}

TEST(shared_with_a_child_is_left_alone)
{
	char *p = written_pages();
	int hold[2];
	char c;

	ASSERT_OK(pipe(hold));
	pid_t pid = test_fork();

	if (pid == 0) {
		close(hold[1]);
		ASSERT_EQ(read(hold[0], &c, 1), 0);
		for (int i = 0; i < N; i++)
			EXPECT(all_equal(p + i * PAGE, PAGE, (char)('a' + i)));
		_exit(test_failed);
	}
	ASSERT_OK(madvise(p, N * PAGE, MADV_FREE));
	EXPECT_EQ(lazyfree(p), 0);
	for (int i = 0; i < N; i++)
		EXPECT(all_equal(p + i * PAGE, PAGE, (char)('a' + i)));
	close(hold[1]);
	EXPECT_EXIT(pid, 0);
}

TEST(bad_areas)
{
	char *p = written_pages();
	char *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(shared, MAP_FAILED);
	EXPECT_ERR(madvise(shared, PAGE, MADV_FREE), EINVAL);
	EXPECT_ERR(madvise(p + 1, PAGE, MADV_FREE), EINVAL);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(madvise(p, 3 * PAGE, MADV_FREE), ENOMEM);
}
