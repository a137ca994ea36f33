/*
 * migrate - pages move between nodes while programs use them: mbind(MPOL_MF_MOVE), move_pages(2), migrate_pages(2).
 *
 * The proof is always the contents: what was written before, meanwhile and through another mapping is there afterwards, and
 * move_pages tells the new node. Needs two nodes with memory (tests/boot/test_mempolicy.py starts such machines); on others
 * only what concerns errors runs.
 */
#include "tests/user/mempolicy.h"
#include "tests/user/threads.h"

#include <stdbool.h>

static void need_two(void)
{
	need_policies();
	if ((nodes_allowed() & 3) != 3)
		skip("needs two nodes");
}

static void fill(char *p, size_t pages, unsigned int salt)
{
	for (size_t i = 0; i < pages * PAGE / 4; i++)
		((uint32_t *)p)[i] = (uint32_t)i * 2654435761u + salt;
}

static bool is_filled(const char *p, size_t pages, unsigned int salt)
{
	for (size_t i = 0; i < pages * PAGE / 4; i++)
		if (((const uint32_t *)p)[i] != (uint32_t)i * 2654435761u + salt)
			return false;
	return true;
}

/* Moves pages [p, p + n) to node; what the call answers. status[] is left in moved_to[]. */
enum { MAX = 64 };
static int moved_to[MAX];

static long move_to(char *p, int n, int node, int flags)
{
	void *pages[MAX];
	int nodes[MAX];

	for (int i = 0; i < n; i++) {
		pages[i] = p + i * PAGE;
		nodes[i] = node;
		moved_to[i] = 1000;
	}
	return syscall(SYS_move_pages, 0, (word)n, pages, nodes, moved_to, flags);
}

static void expect_on(char *p, int n, int node)
{
	for (int i = 0; i < n; i++)
		ASSERT_EQ(node_of(p + i * PAGE), node);
}

TEST(move_pages_moves_private_pages)
{
	enum { N = 40 };
	char *p = map_alone(N, MAP_PRIVATE);

	need_two();
	fill(p, N, 1);
	for (int round = 0; round < 6; round++) {
		ASSERT_OK(move_to(p, N, round & 1, MPOL_MF_MOVE));
		for (int i = 0; i < N; i++)
			ASSERT_EQ(moved_to[i], round & 1);
		expect_on(p, N, round & 1);
		ASSERT(is_filled(p, N, 1 + round));
		fill(p, N, 2 + round);
	}
	/* Nothing there, no area, no such node. */
	ASSERT_OK(madvise(p, PAGE, MADV_DONTNEED));
	ASSERT_OK(munmap(p + PAGE, PAGE));
	ASSERT_OK(move_to(p, 3, 0, MPOL_MF_MOVE));
	EXPECT_EQ(moved_to[0], -ENOENT);
	EXPECT_EQ(moved_to[1], -EFAULT);
	EXPECT_EQ(moved_to[2], 0);
	EXPECT_ERR(move_to(p, 1, 500, MPOL_MF_MOVE), ENODEV);
	EXPECT_ERR(move_to(p, 1, -1, MPOL_MF_MOVE), ENODEV);
}

TEST(what_others_map_too_moves_only_with_all)
{
	char *p = map_anon(4, MAP_SHARED);
	char *q = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int go[2], done[2];
	char c;

	need_two();
	fill(p, 4, 7);
	fill(q, 4, 8);
	ASSERT_OK(pipe(go));
	ASSERT_OK(pipe(done));
	pid_t pid = test_fork();

	if (pid == 0) {
		EXPECT(is_filled(p, 4, 7) && is_filled(q, 4, 8));
		ASSERT_EQ(write(done[1], "", 1), 1);
		ASSERT_EQ(read(go[0], &c, 1), 1);
		EXPECT(is_filled(p, 4, 17));
		/* Shared by fork, moved, written by the parent since. */
		EXPECT(is_filled(q, 4, 8));
		fill(q, 4, 28);
		fill(p, 4, 27);
		_exit(test_failed);
	}
	ASSERT_EQ(read(done[0], &c, 1), 1);
	int from = node_of(p), to = !from;

	ASSERT_OK(move_to(p, 4, to, MPOL_MF_MOVE));
	EXPECT_EQ(moved_to[0], -EACCES);
	EXPECT_EQ(node_of(p), from);
	if (geteuid()) {
		kill(pid, SIGKILL);
		skip("the rest needs root");
	}
	ASSERT_OK(move_to(p, 4, to, MPOL_MF_MOVE_ALL));
	expect_on(p, 4, to);
	ASSERT_OK(move_to(q, 4, to, MPOL_MF_MOVE_ALL));
	expect_on(q, 4, to);
	EXPECT(is_filled(p, 4, 7) && is_filled(q, 4, 8));
	fill(p, 4, 17);
	fill(q, 4, 18);
	ASSERT_EQ(write(go[1], "", 1), 1);
	EXPECT_EXIT(pid, 0);
	EXPECT(is_filled(p, 4, 27) && is_filled(q, 4, 18));
}

TEST(a_file_moves_with_all_its_views)
{
	char path[] = "/tmp/migrateXXXXXX", buf[64];
	int fd = mkstemp(path);
	char *a, *b;

	need_two();
	ASSERT_GE(fd, 0);
	unlink(path);
	ASSERT_OK(ftruncate(fd, 8 * PAGE));
	a = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT(a != MAP_FAILED && b != MAP_FAILED);
	fill(a, 8, 3);
	ASSERT(is_filled(b, 8, 3));
	if (geteuid())
		skip("needs root");
	for (int round = 0; round < 4; round++) {
		ASSERT_OK(move_to(a, 8, round & 1, MPOL_MF_MOVE_ALL));
		expect_on(a, 8, round & 1);
		expect_on(b, 8, round & 1);
		ASSERT(is_filled(b, 8, 3 + round));
		fill(a, 8, 4 + round);
		ASSERT_EQ(pread(fd, buf, 64, 5 * PAGE), 64);
		ASSERT_EQ(memcmp(buf, a + 5 * PAGE, 64), 0);
		ASSERT_EQ(pwrite(fd, "written", 7, 6 * PAGE), 7);
		ASSERT_EQ(memcmp(b + 6 * PAGE, "written", 7), 0);
		fill(a, 8, 4 + round);
	}
	/* The moved pages are the file's: truncation takes them away everywhere. */
	ASSERT_OK(ftruncate(fd, 0));
	ASSERT_OK(ftruncate(fd, 8 * PAGE));
	EXPECT_EQ(a[100], 0);
	EXPECT_EQ(b[100], 0);
}

TEST(mbind_move_and_migrate_pages_move_a_range)
{
	enum { N = 200 };
	char *p = map_alone(N, MAP_PRIVATE);
	mask a = one_node(0), b = one_node(1);

	need_two();
	fill(p, N, 9);
	for (int round = 0; round < 4; round++) {
		ASSERT_OK(mbind(p, N * PAGE, MPOL_BIND, one_node(round & 1),
				MPOL_MF_MOVE | MPOL_MF_STRICT));
		expect_on(p, N, round & 1);
		ASSERT(is_filled(p, N, 9));
	}
	ASSERT_OK(mbind(p, N * PAGE, MPOL_DEFAULT, low_nodes(0), 0));
	ASSERT_GE(syscall(SYS_migrate_pages, 0, MAXNODE, b.w, a.w), 0);
	expect_on(p, N, 0);
	ASSERT_GE(syscall(SYS_migrate_pages, 0, MAXNODE, a.w, b.w), 0);
	expect_on(p, N, 1);
	ASSERT(is_filled(p, N, 9));
}

/* ---- while threads write ---- */

enum { HOT = 6 };
static volatile uint64_t *counters;

static void *count_up(void *arg)
{
	long me = (long)arg;
	uint64_t n = 0;

	/* One counter of this thread's on each page. */
	while (!stop) {
		for (int page = 0; page < HOT; page++)
			counters[page * PAGE / 8 + me * 8]++;
		n++;
	}
	return (void *)n;
}

TEST_LIMIT(no_write_is_lost_while_pages_move, 100)
{
	void *n;

	need_two();
	counters = (volatile uint64_t *)map_alone(HOT, MAP_PRIVATE);
	memset((void *)counters, 0, HOT * PAGE);
	start_all(count_up);
	int moved = 0;

	for (int round = 0; round < 25; round++)
		if (move_to((char *)counters, HOT, round & 1, MPOL_MF_MOVE) == 0)
			moved++;
	stop = 1;
	for (long i = 0; i < THREADS; i++) {
		ASSERT_EQ(pthread_join(threads[i], &n), 0);
		for (int page = 0; page < HOT; page++)
			ASSERT_EQ(counters[page * PAGE / 8 + i * 8], (uint64_t)n);
	}
	say("# %d of 25 rounds moved every page\n", moved);
	EXPECT_GT(moved, 0);
}

/* fork copies entries, children write and end, while the pages go back and forth. */
TEST_LIMIT(fork_and_migration_meet, 100)
{
	enum { N = 24 };
	char *p = map_alone(N, MAP_PRIVATE);

	need_two();
	if (geteuid())
		skip("needs root");
	fill(p, N, 50);
	pid_t mover = test_fork();

	if (mover == 0) {
		/* The parent's pages, by its number. */
		void *pages[N];
		int nodes[N], status[N];

		for (int round = 0; round < 40; round++) {
			for (int i = 0; i < N; i++) {
				pages[i] = p + i * PAGE;
				nodes[i] = round & 1;
			}
			ASSERT_GE(syscall(SYS_move_pages, getppid(), (word)N, pages, nodes, status,
					  MPOL_MF_MOVE_ALL),
				  0);
		}
		_exit(test_failed);
	}
	for (int round = 0; round < 30; round++) {
		pid_t child = test_fork();

		if (child == 0) {
			EXPECT(is_filled(p, N, 50 + round));
			fill(p, N, 1000 + round);
			EXPECT(is_filled(p, N, 1000 + round));
			_exit(test_failed);
		}
		EXPECT(is_filled(p, N, 50 + round));
		fill(p, N, 51 + round);
		EXPECT_EXIT(child, 0);
	}
	EXPECT_EXIT(mover, 0);
}
