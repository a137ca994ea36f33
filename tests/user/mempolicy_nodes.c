/*
 * mempolicy_nodes - where pages lie: each policy of a task, an area and a shared file, proven by move_pages(2) and numa_maps.
 *
 * Needs at least two nodes with memory, with little else running; tests/boot/test_mempolicy.py starts such machines. The
 * tests that fill a node are for machines of less than 2 GiB. All nodes are assumed to be numbered from 0 without gaps.
 */
#include "tests/user/mempolicy.h"

#include <stdbool.h>
#include <sys/mman.h>

#define SMALL_KB (2 * 1024 * 1024)

static int nodes; /* how many */

static void need_nodes(int n)
{
	need_policies();
	nodes = __builtin_popcountl(nodes_allowed());
	if (nodes < n)
		skip(n == 2 ? "needs two nodes" : "needs more nodes");
	ASSERT_EQ(nodes_allowed(), (1UL << nodes) - 1);
}

/* The node of the CPU that runs this. */
static int own_node(void)
{
	unsigned int node = 99;

	ASSERT_OK(syscall(SYS_getcpu, NULL, &node, NULL));
	return node;
}

/* Goes to the first CPU of the node; false: it has none that we may use. */
static bool run_on_node(int node)
{
	word set;

	for (int cpu = 0; cpu < 64; cpu++) {
		set = 1UL << cpu;
		if (syscall(SYS_sched_setaffinity, 0, sizeof(set), &set) == 0 && own_node() == node)
			return true;
	}
	return false;
}

/* Every page is on `node`. */
static void expect_all_on(char *p, size_t pages, int node)
{
	for (size_t i = 0; i < pages; i++)
		ASSERT_EQ(node_of(p + i * PAGE), node);
}

static long node_meminfo(int node, const char *name)
{
	char path[64], *text, *at;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	text = read_text(path);
	at = text ? strstr(text, name) : NULL;
	ASSERT(at);
	return strtol(at + strlen(name), NULL, 10);
}

static long numastat(int node, const char *name)
{
	char path[64], *text, *at;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/numastat", node);
	text = read_text(path);
	at = text ? strstr(text, name) : NULL;
	return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

/* ---- tasks ---- */

TEST(bind_puts_a_tasks_pages_on_its_node)
{
	need_nodes(2);
	for (int n = 0; n < nodes; n++) {
		char *p = map_alone(100, MAP_PRIVATE);

		ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(n)));
		touch(p, 100);
		expect_all_on(p, 100, n);
	}
}

TEST(numa_maps_agrees_with_move_pages)
{
	char *p = map_alone(60, MAP_PRIVATE), *line;

	need_nodes(2);
	for (int i = 0; i < 50; i++) {
		ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(i % nodes)));
		touch(p + i * PAGE, 1);
	}
	line = numa_line(p);
	ASSERT(line);
	EXPECT_EQ(numa_value(line, "anon"), 50);
	for (int n = 0; n < nodes; n++) {
		char name[16];

		snprintf(name, sizeof(name), "N%d", n);
		EXPECT_EQ(numa_value(line, name), 50 / nodes + (n < 50 % nodes));
	}
}

TEST(preferred_goes_to_its_node)
{
	need_nodes(2);
	for (int n = 0; n < nodes; n++) {
		char *p = map_alone(100, MAP_PRIVATE);

		ASSERT_OK(set_mempolicy(MPOL_PREFERRED, one_node(n)));
		touch(p, 100);
		expect_all_on(p, 100, n);
	}
}

TEST(preferred_many_stays_within_its_nodes)
{
	need_nodes(2);
	for (word set = 1; set < 1UL << nodes; set++) {
		char *p = map_alone(20, MAP_PRIVATE);
		int own = own_node();

		ASSERT_OK(set_mempolicy(MPOL_PREFERRED_MANY, low_nodes(set)));
		ASSERT(run_on_node(own));
		touch(p, 20);
		for (int i = 0; i < 20; i++) {
			int n = node_of(p + i * PAGE);

			ASSERT(n >= 0 && (set >> n & 1));
			/* The nearest of them is one's own. */
			if (set >> own & 1)
				ASSERT_EQ(n, own);
		}
	}
}

TEST(local_follows_the_cpu)
{
	int seen = 0;

	need_nodes(2);
	for (int mode = 0; mode < 3; mode++) {
		/* The default, LOCAL, and PREFERRED without a node are the same thing. */
		ASSERT_OK(set_mempolicy(mode == 0   ? MPOL_DEFAULT
					: mode == 1 ? MPOL_LOCAL
						    : MPOL_PREFERRED,
					low_nodes(0)));
		for (int n = 0; n < nodes; n++) {
			char *p = map_alone(50, MAP_PRIVATE);

			if (!run_on_node(n))
				continue;
			touch(p, 50);
			expect_all_on(p, 50, n);
			seen++;
		}
	}
	EXPECT_GE(seen, 6);
}

TEST(interleave_goes_round_exactly)
{
	need_nodes(2);
	for (word set = 1; set < 1UL << nodes; set++) {
		char *p = map_alone(64, MAP_PRIVATE);
		int member[8], n = 0;

		for (int i = 0; i < nodes; i++)
			if (set >> i & 1)
				member[n++] = i;
		ASSERT_OK(set_mempolicy(MPOL_INTERLEAVE, low_nodes(set)));
		/* In any order of touching: the place of a page decides. */
		for (int i = 0; i < 64; i++)
			touch(p + (i * 37 % 64) * PAGE, 1);
		for (int i = 0; i < 64; i++)
			ASSERT_EQ(node_of(p + i * PAGE), member[((word)p / PAGE + i) % n]);
	}
}

/* A page of a pipe belongs to no area: the task's counter chooses its node. */
TEST(the_counter_of_interleaving_goes_round)
{
	static char data[PAGE];
	int fds[2], next, last = -1;

	need_nodes(2);
	ASSERT_OK(pipe(fds));
	ASSERT_OK(set_mempolicy(MPOL_INTERLEAVE, low_nodes(nodes_allowed())));
	for (int i = 0; i < 15; i++) {
		ASSERT_OK(syscall(SYS_get_mempolicy, &next, NULL, 0UL, NULL, MPOL_F_NODE));
		if (last >= 0)
			ASSERT_EQ(next, (last + 1) % nodes);
		last = next;
		ASSERT_EQ(write(fds[1], data, PAGE), PAGE);
	}
}

TEST(interleaving_is_counted)
{
	char *p = map_alone(400, MAP_PRIVATE);
	long before[8];

	need_nodes(2);
	if (numastat(0, "interleave_hit ") < 0)
		skip("no numastat");
	for (int n = 0; n < nodes; n++)
		before[n] = numastat(n, "interleave_hit ");
	ASSERT_OK(mbind(p, 400 * PAGE, MPOL_INTERLEAVE, low_nodes(nodes_allowed()), 0));
	touch(p, 400);
	for (int n = 0; n < nodes; n++)
		EXPECT_GE(numastat(n, "interleave_hit ") - before[n], 400 / nodes);
}

TEST(the_kernels_own_pages_follow_the_task)
{
	need_nodes(2);
	for (int n = 0; n < nodes; n++) {
		long before = node_meminfo(n, "PageTables:");

		ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(n)));
		/* 200 tables of one entry each. */
		for (int i = 0; i < 200; i++) {
			char *p = mmap((void *)(0x200000000000UL + ((word)n * 200 + i) * 0x200000),
				       PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

			ASSERT_NE(p, MAP_FAILED);
			touch(p, 1);
		}
		/* Some may come from a CPU's stock of empty tables. */
		EXPECT_GE(node_meminfo(n, "PageTables:") - before, 160 * 4);
	}
}

/* ---- areas ---- */

TEST(an_areas_policy_wins_over_the_tasks)
{
	need_nodes(2);
	ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(0)));
	for (int n = 0; n < nodes; n++) {
		char *p = map_alone(60, MAP_PRIVATE);

		ASSERT_OK(mbind(p, 20 * PAGE, MPOL_BIND, one_node(n), 0));
		ASSERT_OK(mbind(p + 20 * PAGE, 20 * PAGE, MPOL_PREFERRED, one_node(n), 0));
		touch(p, 60);
		expect_all_on(p, 40, n);
		expect_all_on(p + 40 * PAGE, 20, 0);
	}
}

TEST(an_area_interleaves_by_its_pages)
{
	char *p = map_alone(40, MAP_PRIVATE);

	need_nodes(2);
	ASSERT_OK(mbind(p, 40 * PAGE, MPOL_INTERLEAVE, low_nodes(3), 0));
	for (int i = 39; i >= 0; i--)
		touch(p + i * PAGE, 1);
	for (int i = 0; i < 40; i++)
		ASSERT_EQ(node_of(p + i * PAGE), ((word)p / PAGE + i) % 2);
}

TEST(relative_nodes_count_round_the_allowed_ones)
{
	char *p = map_alone(4, MAP_PRIVATE);

	need_nodes(2);
	ASSERT_OK(mbind(p, PAGE, MPOL_BIND | MPOL_F_RELATIVE_NODES, one_node(1), 0));
	ASSERT_OK(mbind(p + PAGE, PAGE, MPOL_BIND | MPOL_F_STATIC_NODES, one_node(1), 0));
	touch(p, 2);
	expect_all_on(p, 2, 1);
}

TEST(the_copy_of_a_page_follows_the_writers_policy)
{
	char *p = map_alone(10, MAP_PRIVATE);

	need_nodes(2);
	ASSERT_OK(mbind(p, 10 * PAGE, MPOL_BIND, one_node(0), 0));
	touch(p, 10);
	pid_t pid = test_fork();

	if (pid == 0) {
		ASSERT_OK(mbind(p, 10 * PAGE, MPOL_BIND, one_node(1), 0));
		expect_all_on(p, 10, 0); /* still the parent's pages */
		touch(p, 10);
		expect_all_on(p, 10, 1);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	expect_all_on(p, 10, 0);
}

TEST(the_private_copy_of_a_files_page_follows_the_area)
{
	int fd = shmem_file(6);
	char *p;

	need_nodes(2);
	p = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(p, MAP_FAILED);
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(p[i * PAGE], 0);
	ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(0)));
	ASSERT_OK(mbind(p, 6 * PAGE, MPOL_BIND, one_node(1), 0));
	touch(p, 6);
	expect_all_on(p, 6, 1);
}

TEST(home_node_is_where_bind_begins)
{
	char *p = map_alone(30, MAP_PRIVATE);

	need_nodes(2);
	for (int home = 0; home < nodes; home++) {
		ASSERT_OK(mbind(p, 30 * PAGE, home % 2 ? MPOL_PREFERRED_MANY : MPOL_BIND,
				low_nodes(nodes_allowed()), 0));
		ASSERT_OK(syscall(SYS_home_node, p, 30 * PAGE, (word)home, 0UL));
		ASSERT_OK(madvise(p, 30 * PAGE, MADV_DONTNEED));
		touch(p, 30);
		expect_all_on(p, 30, home);
	}
}

TEST(get_mempolicy_tells_the_node_of_a_page)
{
	char *p = map_alone(2, MAP_PRIVATE);
	int node = -1;

	need_nodes(2);
	ASSERT_OK(mbind(p, 2 * PAGE, MPOL_BIND, one_node(1), 0));
	touch(p, 1);
	ASSERT_OK(syscall(SYS_get_mempolicy, &node, NULL, 0UL, p, MPOL_F_ADDR | MPOL_F_NODE));
	EXPECT_EQ(node, 1);
	/* One that is not there yet is brought in: for a read, the zero page will do. */
	ASSERT_OK(
		syscall(SYS_get_mempolicy, &node, NULL, 0UL, p + PAGE, MPOL_F_ADDR | MPOL_F_NODE));
	EXPECT(node >= 0 && node < nodes);
}

TEST(strict_refuses_misplaced_pages_and_move_says_so)
{
	char *p = map_alone(10, MAP_PRIVATE);
	word bits = 0;

	need_nodes(2);
	ASSERT_OK(mbind(p, 10 * PAGE, MPOL_BIND, one_node(0), 0));
	touch(p, 5);
	EXPECT_OK(mbind(p, 10 * PAGE, MPOL_BIND, low_nodes(3), MPOL_MF_STRICT));
	EXPECT_ERR(mbind(p, 10 * PAGE, MPOL_BIND, one_node(1), MPOL_MF_STRICT), EIO);
	/* Refused whole: also where no page was in the way. */
	EXPECT_EQ(policy_at(p + 7 * PAGE, &bits), MPOL_BIND);
	EXPECT_EQ(bits, 3);
	EXPECT_OK(mbind(p + 5 * PAGE, 5 * PAGE, MPOL_BIND, one_node(1), MPOL_MF_STRICT));
	/* Without a flag the pages stay. With MOVE they either move, or the call says that they did not. */
	EXPECT_OK(mbind(p, 5 * PAGE, MPOL_BIND, one_node(1), 0));
	expect_all_on(p, 5, 0);
	if (mbind(p, 5 * PAGE, MPOL_BIND, one_node(1), MPOL_MF_MOVE) == 0) {
		expect_all_on(p, 5, 1);
	} else {
		EXPECT_EQ(errno, EIO);
		expect_all_on(p, 5, 0);
		EXPECT_EQ(policy_at(p, &bits), MPOL_BIND);
		EXPECT_EQ(bits, 2);
	}
}

/* ---- shared files ---- */

TEST(a_shared_policy_holds_for_whoever_touches_first)
{
	char *p = map_alone(12, MAP_SHARED);

	need_nodes(2);
	ASSERT_OK(mbind(p, 4 * PAGE, MPOL_BIND, one_node(1), 0));
	ASSERT_OK(mbind(p + 4 * PAGE, 4 * PAGE, MPOL_BIND, one_node(0), 0));
	pid_t pid = test_fork();

	if (pid == 0) {
		/* Its own policy is only for pages that the file has none for. */
		ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(1)));
		touch(p, 12);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	touch(p, 12);
	expect_all_on(p, 4, 1);
	expect_all_on(p + 4 * PAGE, 4, 0);
	expect_all_on(p + 8 * PAGE, 4, 1);
}

TEST(write_follows_the_files_policy)
{
	static char data[PAGE];
	int fd = shmem_file(8);
	char *p;

	need_nodes(2);
	p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(p, MAP_FAILED);
	ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(0)));
	ASSERT_OK(mbind(p + 2 * PAGE, 4 * PAGE, MPOL_BIND, one_node(1), 0));
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(pwrite(fd, data, PAGE, i * PAGE), PAGE);
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(p[i * PAGE], 0); /* into the page table, where move_pages looks */
		ASSERT_EQ(node_of(p + i * PAGE), i >= 2 && i < 6);
	}
}

TEST(a_shared_file_interleaves_by_its_pages)
{
	char *p = map_alone(40, MAP_SHARED);

	need_nodes(2);
	ASSERT_OK(mbind(p, 40 * PAGE, MPOL_INTERLEAVE, low_nodes(nodes_allowed()), 0));
	for (int i = 0; i < 40; i++)
		touch(p + (i * 7 % 40) * PAGE, 1);
	for (int i = 1; i < 40; i++)
		ASSERT_EQ(node_of(p + i * PAGE), (node_of(p) + i) % nodes);
}

/* ---- a node is full ---- */

static void need_small_nodes(void)
{
	need_nodes(2);
	if (node_meminfo(nodes - 1, "MemTotal:") * nodes > SMALL_KB)
		skip("for a small machine");
}

TEST_LIMIT(preferred_overflows_to_the_others, 90)
{
	need_small_nodes();
	int n = nodes - 1;
	size_t pages = node_meminfo(n, "MemFree:") / 4 + 2000, on[9] = { 0 };
	char *p = map_alone(pages, MAP_PRIVATE);

	ASSERT_OK(set_mempolicy(MPOL_PREFERRED, one_node(n)));
	touch(p, pages);
	for (size_t i = 0; i < pages; i++) {
		int where = node_of(p + i * PAGE);

		on[where < 0 ? 8 : where]++;
	}
	EXPECT_EQ(on[8], 0);
	/* Nearly all of it, and the rest elsewhere. */
	EXPECT_GT(on[n], (pages - 2000) * 8 / 10);
	EXPECT_GT(pages - on[n], 1000);
}

TEST_LIMIT(preferred_many_overflows_to_the_others, 90)
{
	need_small_nodes();
	int n = nodes - 1;
	size_t pages = node_meminfo(n, "MemFree:") / 4 + 2000, here = 0;
	char *p = map_alone(pages, MAP_PRIVATE);

	ASSERT_OK(mbind(p, pages * PAGE, MPOL_PREFERRED_MANY, one_node(n), 0));
	touch(p, pages);
	for (size_t i = 0; i < pages; i++)
		here += node_of(p + i * PAGE) == n;
	EXPECT_GT(here, (pages - 2000) * 8 / 10);
	EXPECT_GT(pages - here, 1000);
}

/* The hog dies for the node's memory while others have plenty; who is bound elsewhere lives. */
static void hog_a_node(bool by_area)
{
	int p[2], n = nodes - 1;
	pid_t bystander, hog;
	char c;

	ASSERT_OK(pipe(p));
	bystander = test_fork();
	if (bystander == 0) {
		close(p[1]);
		ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(0)));
		touch(map_alone(100, MAP_PRIVATE), 100);
		_exit(read(p[0], &c, 1) == 0 ? 0 : 1);
	}
	hog = test_fork();
	if (hog == 0) {
		size_t pages = node_meminfo(n, "MemTotal:") / 4 + 1000;
		char *at = map_alone(pages, MAP_PRIVATE);

		alarm(80);
		if (by_area)
			ASSERT_OK(mbind(at, pages * PAGE, MPOL_BIND, one_node(n), 0));
		else
			ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(n)));
		touch(at, pages);
		_exit(77);
	}
	EXPECT_KILLED(hog, SIGKILL);
	close(p[1]);
	EXPECT_EXIT(bystander, 0);
}

TEST_LIMIT(a_task_bound_to_a_full_node_is_killed, 90)
{
	need_small_nodes();
	long before = node_meminfo(0, "MemFree:");

	hog_a_node(false);
	EXPECT_GT(node_meminfo(0, "MemFree:"), before / 2);
}

TEST_LIMIT(an_area_bound_to_a_full_node_is_fatal, 90)
{
	need_small_nodes();
	hog_a_node(true);
}

/* ---- everything at once, against a model ---- */

enum { AREA = 60 };
struct page_model {
	bool mapped, writable;
	int mode; /* as mbind got it */
	word bits;
	word may_be; /* nodes it may be on; 0: not there */
};

/* Nodes on which a page that is brought in now may come to lie. */
static word allowed_nodes(const struct page_model *m, const char *at)
{
	int n = __builtin_popcountl(m->bits), turn;
	word bits = m->bits;

	switch (m->mode) {
	case MPOL_PREFERRED:
		return bits & -bits;
	case MPOL_BIND:
	case MPOL_PREFERRED_MANY:
		return bits >> own_node() & 1 ? 1UL << own_node() : bits;
	case MPOL_INTERLEAVE:
		for (turn = (word)at / PAGE % n; turn; turn--)
			bits &= bits - 1;
		return bits & -bits;
	}
	return 1UL << own_node();
}

static void write_page(char *p, struct page_model *m, int i, bool copy)
{
	if (!m[i].mapped || !m[i].writable)
		return;
	if (copy || !m[i].may_be)
		m[i].may_be = allowed_nodes(&m[i], p + i * PAGE);
	touch(p + i * PAGE, 1);
}

static void check_nodes(char *p, const struct page_model *m)
{
	for (int i = 0; i < AREA; i++) {
		int node = node_of(p + i * PAGE);

		if (!m[i].mapped)
			ASSERT_EQ(node, -EFAULT);
		else if (!m[i].may_be)
			ASSERT_EQ(node, -ENOENT);
		else
			ASSERT(node >= 0 && (m[i].may_be >> node & 1));
	}
}

static void random_nodes_step(char *p, struct page_model *m)
{
	int first = rnd_below(AREA), n = 1 + rnd_below(AREA - first), mode = rnd_below(6);
	word bits = mode == MPOL_DEFAULT || mode == MPOL_LOCAL ? 0
							       : 1 + rnd_below((1UL << nodes) - 1);
	bool hole = false, writable = rnd_below(3);
	char *at = p + first * PAGE;

	for (int i = first; i < first + n; i++)
		hole |= !m[i].mapped;
	switch (rnd_below(10)) {
	case 0:
		n = 1 + n / 6;
		ASSERT_OK(munmap(at, n * PAGE));
		memset(&m[first], 0, n * sizeof(*m));
		return;
	case 1:
		ASSERT_EQ(mmap(at, n * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			  at);
		for (int i = first; i < first + n; i++)
			m[i] = (struct page_model){ .mapped = true, .writable = true };
		return;
	case 2:
	case 3:
		if (hole)
			return;
		ASSERT_OK(mprotect(at, n * PAGE, PROT_READ | (writable ? PROT_WRITE : 0)));
		for (int i = first; i < first + n; i++)
			m[i].writable = writable;
		return;
	case 4:
	case 5:
	case 6:
		if (hole)
			return;
		ASSERT_OK(mbind(at, n * PAGE, mode, low_nodes(bits), 0));
		for (int i = first; i < first + n; i++) {
			m[i].mode = mode;
			m[i].bits = bits;
		}
		return;
	default:
		for (int i = first; i < first + n; i++)
			write_page(p, m, i, false);
	}
}

TEST_LIMIT(random_changes_put_every_page_where_a_model_says, 60)
{
	char *p = map_alone(AREA, MAP_PRIVATE);
	struct page_model m[AREA] = { 0 };

	need_nodes(2);
	/* Other CPUs' nodes would be as good: stay. */
	ASSERT(run_on_node(rnd_below(2)));
	for (int i = 0; i < AREA; i++)
		m[i] = (struct page_model){ .mapped = true, .writable = true };
	for (int round = 0; round < 400; round++) {
		random_nodes_step(p, m);
		check_nodes(p, m);
		if (round % 40 == 0) {
			pid_t pid = test_fork();

			if (pid == 0) {
				/* Every page is shared: a write makes a copy where the policy says now. */
				for (int i = 0; i < AREA; i++)
					write_page(p, m, i, true);
				check_nodes(p, m);
				_exit(test_failed);
			}
			EXPECT_EXIT(pid, 0);
			check_nodes(p, m);
		}
	}
}
