/*
 * fork_cow.c - fork and copy-on-write: each process sees its own memory and nobody else's.
 *
 * Proves the effect on bytes (in data, bss, heap, stack and mappings, written by the program or by
 * the kernel on its behalf) over several generations, and that the last owner of a page keeps the
 * frame instead of copying it.  The randomised test runs a small tree of processes, each of which
 * checks all its pages against its own model after every step.
 */
#include "memory.h"
#include <sched.h>
#include <sys/resource.h>

static char data_page[PAGE] __attribute__((aligned(4096))) = "data";
static char bss_page[PAGE] __attribute__((aligned(4096)));

/* A pair of pipes: step() lets the other side go on, turn() waits for it. */
struct baton {
	int there[2], back[2];
};

static void baton_init(struct baton *b)
{
	ASSERT_OK(pipe(b->there));
	ASSERT_OK(pipe(b->back));
}

static void step(int *fds)
{
	ASSERT_EQ(write(fds[1], "x", 1), 1);
}

static void turn(int *fds)
{
	char c;

	ASSERT_EQ(read(fds[0], &c, 1), 1);
}

TEST(child_writes_stay_in_the_child)
{
	char stack[64] = "stack", *heap = malloc(3 * PAGE), *map = map_pages(4);

	memset(heap, 'h', 3 * PAGE);
	memset(map, 'm', 4 * PAGE);
	memset(bss_page, 'b', PAGE);
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_STR(data_page, "data");
		EXPECT_STR(stack, "stack");
		EXPECT(all_equal(map, 4 * PAGE, 'm'));
		memset(data_page, 1, PAGE);
		memset(bss_page, 2, PAGE);
		memset(heap, 3, 3 * PAGE);
		memset(map, 4, 4 * PAGE);
		memset(stack, 5, sizeof(stack));
		EXPECT(all_equal(map, 4 * PAGE, 4));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_STR(data_page, "data");
	EXPECT(all_equal(bss_page, PAGE, 'b'));
	EXPECT(all_equal(heap, 3 * PAGE, 'h'));
	EXPECT(all_equal(map, 4 * PAGE, 'm'));
	EXPECT_STR(stack, "stack");
}

TEST(parent_writes_stay_in_the_parent)
{
	char *map = map_pages(8);
	struct baton b;

	baton_init(&b);
	memset(map, 'p', 8 * PAGE);
	pid_t pid = test_fork();

	if (!pid) {
		turn(b.there);
		EXPECT(all_equal(map, 8 * PAGE, 'p'));
		step(b.back);
		turn(b.there);
		EXPECT(all_equal(map, 8 * PAGE, 'p'));
		_exit(0);
	}
	memset(map, 'q', 4 * PAGE);
	step(b.there);
	turn(b.back);
	memset(map, 'r', 8 * PAGE);
	step(b.there);
	EXPECT_EXIT(pid, 0);
	EXPECT(all_equal(map, 8 * PAGE, 'r'));
}

static void generation(char *map, int depth)
{
	for (int i = 0; i < 5; i++)
		EXPECT(all_equal(map + i * PAGE, PAGE, i < depth ? 'a' + i : 'z'));
	if (depth == 5)
		return;
	pid_t pid = test_fork();

	if (!pid) {
		memset(map + depth * PAGE, 'a' + depth, PAGE);
		generation(map, depth + 1);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	for (int i = 0; i < 5; i++)
		EXPECT(all_equal(map + i * PAGE, PAGE, i < depth ? 'a' + i : 'z'));
}

TEST(five_generations_keep_their_own_copy)
{
	char *map = map_pages(5);

	memset(map, 'z', 5 * PAGE);
	generation(map, 0);
}

TEST(grandchild_survives_the_exit_of_the_middle)
{
	char *map = map_pages(16);
	struct baton b;
	char c = 0;

	baton_init(&b);
	memset(map, 'g', 16 * PAGE);
	pid_t pid = test_fork();

	if (!pid) {
		memset(map, 'm', 8 * PAGE);
		if (!test_fork()) {
			turn(b.there);
			EXPECT(all_equal(map, 8 * PAGE, 'm'));
			EXPECT(all_equal(map + 8 * PAGE, 8 * PAGE, 'g'));
			memset(map, 'n', 16 * PAGE);
			EXPECT(all_equal(map, 16 * PAGE, 'n'));
			c = 'k';
			ASSERT_EQ(write(b.back[1], &c, 1), 1);
			_exit(0);
		}
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	memset(map, 'o', 16 * PAGE);
	step(b.there);
	ASSERT_EQ(read(b.back[0], &c, 1), 1);
	EXPECT_EQ(c, 'k');
	EXPECT(all_equal(map, 16 * PAGE, 'o'));
}

TEST(sixteen_siblings_write_the_same_pages)
{
	char *map = map_pages(32);
	pid_t pids[16];

	memset(map, 'S', 32 * PAGE);
	for (int i = 0; i < 16; i++) {
		pids[i] = test_fork();
		if (!pids[i]) {
			for (int round = 0; round < 4; round++) {
				memset(map, i + round, 32 * PAGE);
				sched_yield();
				EXPECT(all_equal(map, 32 * PAGE, i + round));
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 16; i++)
		EXPECT_EXIT(pids[i], 0);
	EXPECT(all_equal(map, 32 * PAGE, 'S'));
}

TEST(the_kernel_writing_for_the_child_copies_too)
{
	char *map = map_pages(2);
	int fd[2];

	ASSERT_OK(pipe(fd));
	memset(map, 'k', 2 * PAGE);
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_EQ(write(fd[1], "0123456789", 10), 10);
		ASSERT_EQ(read(fd[0], map + PAGE - 5, 10), 10);
		EXPECT(!memcmp(map + PAGE - 5, "0123456789", 10));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT(all_equal(map, 2 * PAGE, 'k'));
}

TEST(the_shared_zero_page_is_never_written)
{
	char *map = map_pages(8), *other = map_pages(8);

	EXPECT(all_equal(map, 8 * PAGE, 0));
	EXPECT(all_equal(other, 8 * PAGE, 0));
	pid_t pid = test_fork();

	if (!pid) {
		memset(map, 'w', 8 * PAGE);
		EXPECT(all_equal(other, 8 * PAGE, 0));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	memset(map, 'x', 4 * PAGE);
	EXPECT(all_equal(map + 4 * PAGE, 4 * PAGE, 0));
	EXPECT(all_equal(other, 8 * PAGE, 0));
}

TEST(shared_mappings_are_shared_and_private_ones_are_not)
{
	char *priv = map_pages(1);
	char *shared =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(shared, MAP_FAILED);
	shared[0] = priv[0] = 'a';
	pid_t pid = test_fork();

	if (!pid) {
		shared[0]++;
		shared[PAGE] = 'n';
		priv[0]++;
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(shared[0], 'b');
	EXPECT_EQ(shared[PAGE], 'n');
	EXPECT_EQ(priv[0], 'a');
}

TEST(a_read_only_mapping_stays_read_only_in_the_child)
{
	char *map = map_pages(1);

	map[0] = 1;
	ASSERT_OK(mprotect(map, PAGE, PROT_READ));
	pid_t pid = test_fork();

	if (!pid) {
		*(volatile char *)map = 2;
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGSEGV);
	EXPECT_EQ(map[0], 1);
	/* Opening it again in one process leaves the other's copy alone. */
	pid = test_fork();
	if (!pid) {
		ASSERT_OK(mprotect(map, PAGE, PROT_READ | PROT_WRITE));
		map[0] = 3;
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(map[0], 1);
}

TEST(unmapping_in_the_child_leaves_the_parent_mapped)
{
	char *map = map_pages(16);

	memset(map, 'u', 16 * PAGE);
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(munmap(map + 4 * PAGE, 8 * PAGE));
		ASSERT_OK(madvise(map, 2 * PAGE, MADV_DONTNEED));
		EXPECT(all_equal(map, 2 * PAGE, 0));
		EXPECT(all_equal(map + 2 * PAGE, 2 * PAGE, 'u'));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT(all_equal(map, 16 * PAGE, 'u'));
}

/* Frame of a page, or 0 where pagemap is absent or hides frames. */
static uint64_t frame_of(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

static long mem_free_kb(void)
{
	const char *text = read_text("/proc/meminfo");
	const char *p = text ? strstr(text, "MemFree:") : NULL;

	ASSERT(p);
	return atol(p + 8);
}

static long minor_faults(void)
{
	struct rusage u;

	ASSERT_OK(getrusage(RUSAGE_SELF, &u));
	return u.ru_minflt;
}

/*
 * Linux keeps references on new pages in lists of the CPU that made them, and looks only into its own: a process
 * that moved to another CPU in between would have its page copied.
 */
static void stay_on_this_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_OK(sched_setaffinity(0, sizeof(one), &one));
}

TEST(the_last_owner_keeps_its_frame)
{
	char *map = map_pages(1);

	stay_on_this_cpu();
	map[0] = 1;
	if (!frame_of(map))
		skip("no frames in /proc/self/pagemap");
	uint64_t before = frame_of(map);
	struct baton b;

	baton_init(&b);
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(frame_of(map), before);
		turn(b.there);
		EXPECT_EQ(frame_of(map), before);
		EXPECT_EQ(map[0], 1);
		map[0] = 3;
		EXPECT_EQ(frame_of(map), before);
		_exit(0);
	}
	map[0] = 2;
	EXPECT_NE(frame_of(map), before);
	uint64_t mine = frame_of(map);

	step(b.there);
	EXPECT_EXIT(pid, 0);
	pid = test_fork();
	if (!pid)
		_exit(0);
	EXPECT_EXIT(pid, 0);
	map[0] = 4;
	EXPECT_EQ(frame_of(map), mine);
}

/* The same without pagemap: after the child is gone, writing costs faults but no memory. */
TEST(the_last_owner_allocates_nothing)
{
	const int pages = 1024;
	char *map = map_pages(pages);

	ASSERT_OK(madvise(map, pages * PAGE, MADV_NOHUGEPAGE) == 0 || errno == EINVAL ? 0 : -1);
	memset(map, 1, pages * PAGE);
	for (int attempt = 0; attempt < 10; attempt++) {
		pid_t pid = test_fork();

		if (!pid)
			_exit(0);
		EXPECT_EXIT(pid, 0);
		long faults = minor_faults(), before = mem_free_kb();

		for (int i = 0; i < pages; i++)
			map[i * PAGE]++;
		long used = before - mem_free_kb();

		EXPECT_LE(minor_faults() - faults, pages + 64);
		if (used < pages * 4 / 2)
			return; /* a busy machine may need another try */
	}
	if (!on_quire())
		skip("others use this machine's memory too");
	check_failed(__FILE__, __LINE__, "each try took more than half of the range's size");
}

TEST(a_write_with_the_child_alive_takes_one_fault_a_page)
{
	const int pages = 64;
	char *map = map_pages(pages);
	struct baton b;

	baton_init(&b);
	if (madvise(map, pages * PAGE, MADV_NOHUGEPAGE) && errno != EINVAL)
		ASSERT_OK(-1);
	memset(map, 1, pages * PAGE);
	pid_t pid = test_fork();

	if (!pid) {
		turn(b.there);
		EXPECT(all_equal(map, pages * PAGE, 1));
		_exit(0);
	}
	long faults = minor_faults();

	for (int i = 0; i < pages; i++)
		memset(map + i * PAGE, 2, PAGE);
	faults = minor_faults() - faults;
	EXPECT_GE(faults, pages);
	EXPECT_LE(faults, pages + 8);
	step(b.there);
	EXPECT_EXIT(pid, 0);
	EXPECT(all_equal(map, pages * PAGE, 2));
}

TEST_LIMIT(a_thousand_forks_leave_memory_where_it_was, 60)
{
	long lost = 0;

	for (int attempt = 0; attempt < 5; attempt++) {
		long before = mem_free_kb();

		for (int i = 0; i < 1000; i++) {
			pid_t pid = test_fork();

			if (!pid) {
				bss_page[0]++;
				_exit(7);
			}
			EXPECT_EXIT(pid, 7);
		}
		usleep(100000); /* what is freed after a grace period of RCU */
		lost = before - mem_free_kb();
		if (lost < 1000)
			return; /* less than a page for every fourth fork */
	}
	if (!on_quire())
		skip("others use this machine's memory too");
	check_failed(__FILE__, __LINE__, "1000 forks lost %ld KiB each time", lost);
}

/* ---- the model ---- */

#define MODEL_PAGES 48

static uint32_t model[MODEL_PAGES];
static uint32_t *model_map;

static void model_write(int page, uint32_t value)
{
	uint32_t *p = model_map + page * (PAGE / 4);

	model[page] = value;
	for (size_t i = 0; i < PAGE / 4; i += 64)
		p[i] = value + i;
}

static void model_check(int depth)
{
	for (int page = 0; page < MODEL_PAGES; page++) {
		uint32_t *p = model_map + page * (PAGE / 4);

		for (size_t i = 0; i < PAGE / 4; i += 64) {
			uint32_t want = model[page] ? model[page] + i : 0;

			if (p[i] != want)
				check_failed(__FILE__, __LINE__,
					     "depth %d page %d word %zu: %#x, not %#x", depth, page,
					     i, p[i], want);
		}
	}
}

static void model_run(int depth, int steps)
{
	pid_t children[4];
	int count = 0;

	while (steps--) {
		int page = rnd_below(MODEL_PAGES);

		switch (rnd_below(8)) {
		case 0:
			if (count == 4 || depth == 3)
				break;
			children[count] = test_fork();
			if (!children[count]) {
				test_random ^= (uint64_t)getpid() << 20 | depth;
				model_run(depth + 1, 12);
				_exit(test_failed);
			}
			count++;
			break;
		case 1:
			if (count)
				EXPECT_EXIT(children[--count], 0);
			break;
		case 2:
			ASSERT_OK(madvise(model_map + page * (PAGE / 4), PAGE, MADV_DONTNEED));
			model[page] = 0;
			break;
		case 3:
			model_check(depth);
			break;
		default:
			model_write(page, rnd() | 1);
		}
	}
	model_check(depth);
	while (count)
		EXPECT_EXIT(children[--count], 0);
	model_check(depth);
}

TEST_LIMIT(random_trees_of_processes_agree_with_a_model, 60)
{
	model_map = (uint32_t *)map_pages(MODEL_PAGES);
	for (int i = 0; i < 6; i++)
		model_run(0, 40);
}
