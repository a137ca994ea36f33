/*
 * mempolicy - memory policies as programs see them on any machine: what is taken, refused and told back, who inherits, how areas
 * and files keep theirs. Where pages then lie is mempolicy_nodes.c, which needs several nodes.
 */
#include "tests/user/mempolicy.h"

#include <pthread.h>
#include <stdbool.h>

/* Policies that one node is enough to tell apart. */
static const struct kind {
	int mode;
	word bits;
	int reads_as;
	const char *text;
} kinds[] = {
	{ MPOL_DEFAULT, 0, MPOL_DEFAULT, "default" },
	{ MPOL_PREFERRED, 1, MPOL_PREFERRED, "prefer:0" },
	{ MPOL_PREFERRED, 0, MPOL_LOCAL, "local" },
	{ MPOL_BIND, 1, MPOL_BIND, "bind:0" },
	{ MPOL_INTERLEAVE, 1, MPOL_INTERLEAVE, "interleave:0" },
	{ MPOL_LOCAL, 0, MPOL_LOCAL, "local" },
	{ MPOL_BIND | MPOL_F_STATIC_NODES, 1, MPOL_BIND | MPOL_F_STATIC_NODES, "bind=static:0" },
	{ MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES, 1, MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES,
	  "interleave=relative:0" },
	{ MPOL_PREFERRED_MANY, 1, MPOL_PREFERRED_MANY, "prefer" },
};

static void expect_policy(void *addr, const struct kind *k)
{
	word bits = ~0UL;

	EXPECT_EQ(policy_at(addr, &bits), k->reads_as);
	EXPECT_EQ(bits, k->bits);
}

/* ---- the task's policy ---- */

TEST(each_policy_of_a_task_is_told_back)
{
	need_policies();
	expect_policy(NULL, &kinds[0]);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		EXPECT_OK(set_mempolicy(kinds[i].mode, low_nodes(kinds[i].bits)));
		expect_policy(NULL, &kinds[i]);
	}
}

TEST(what_set_mempolicy_refuses_changes_nothing)
{
	mask m = one_node(0);

	need_policies();
	ASSERT_OK(set_mempolicy(MPOL_INTERLEAVE, m));
	EXPECT_ERR(set_mempolicy(100, m), EINVAL);
	EXPECT_ERR(set_mempolicy(-1, m), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, m),
		   EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_BIND, low_nodes(0)), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_INTERLEAVE, low_nodes(0)), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_PREFERRED_MANY, low_nodes(0)), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_PREFERRED | MPOL_F_STATIC_NODES, low_nodes(0)), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_DEFAULT, m), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_LOCAL, m), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_LOCAL | MPOL_F_STATIC_NODES, low_nodes(0)), EINVAL);
	/* No memory there, or no such node. */
	EXPECT_ERR(set_mempolicy(MPOL_BIND, one_node(60)), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_BIND, one_node(1000)), EINVAL);
	/* The mask itself. */
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, NULL, 64UL), EINVAL);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, m.w, 1UL), EINVAL);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, m.w, 0UL), EINVAL);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, m.w, 8 * PAGE + 2), EINVAL);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, 1UL, 64UL), EFAULT);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, ~0UL << 47, 64UL), EFAULT);
	expect_policy(NULL, &kinds[4]);
}

TEST(bits_from_maxnode_on_are_ignored)
{
	word bits = 0, w = ~0UL;

	need_policies();
	/* maxnode is one more than the number of bits. */
	EXPECT_OK(syscall(SYS_set_mempolicy, MPOL_BIND, &w, 2UL));
	EXPECT_EQ(policy_at(NULL, &bits), MPOL_BIND);
	EXPECT_EQ(bits, 1);
	EXPECT_OK(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0UL));
	EXPECT_OK(syscall(SYS_set_mempolicy, MPOL_DEFAULT, &w, 1UL));
}

TEST(what_get_mempolicy_refuses)
{
	char *p = map_alone(3, MAP_PRIVATE);
	mask m;
	int mode;

	need_policies();
	EXPECT_OK(syscall(SYS_get_mempolicy, NULL, NULL, 0UL, NULL, 0));
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, m.w, 0UL, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, p, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, m.w, MAXNODE, NULL,
			   MPOL_F_MEMS_ALLOWED | MPOL_F_NODE),
		   EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, m.w, MAXNODE, p,
			   MPOL_F_MEMS_ALLOWED | MPOL_F_ADDR),
		   EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, MPOL_F_ADDR), EFAULT);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, p + PAGE, MPOL_F_ADDR), EFAULT);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, p + PAGE,
			   MPOL_F_ADDR | MPOL_F_NODE),
		   EFAULT);
	/* A page that nobody may touch is on no node. */
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, p - PAGE,
			   MPOL_F_ADDR | MPOL_F_NODE),
		   EFAULT);
	EXPECT_ERR(syscall(SYS_get_mempolicy, 1UL, NULL, 0UL, NULL, 0), EFAULT);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, 1UL, MAXNODE, NULL, 0), EFAULT);
	/* The next node is known only to who interleaves. */
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, MPOL_F_NODE), EINVAL);
	ASSERT_OK(set_mempolicy(MPOL_INTERLEAVE, one_node(0)));
	EXPECT_OK(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, MPOL_F_NODE));
	EXPECT_EQ(mode, 0);
}

TEST(get_mempolicy_clears_the_whole_mask)
{
	word big[64];

	need_policies();
	memset(big, 0xff, sizeof(big));
	ASSERT_OK(syscall(SYS_get_mempolicy, NULL, big, sizeof(big) * 8 + 1, NULL,
			  MPOL_F_MEMS_ALLOWED));
	EXPECT(big[0] & 1);
	for (size_t i = 1; i < ARRAY_SIZE(big); i++)
		EXPECT_EQ(big[i], 0);
	EXPECT_EQ(big[0], nodes_allowed());
}

TEST(status_shows_the_nodes_allowed)
{
	char *text = read_text("/proc/self/status"),
	     *at = text ? strstr(text, "\nMems_allowed:\t") : NULL;
	char *list = text ? strstr(text, "\nMems_allowed_list:\t") : NULL;
	char *end;

	need_policies();
	ASSERT(at && list);
	at += strlen("\nMems_allowed:\t");
	at[strcspn(at, "\n")] = 0;
	/* Words of 32 bits, the lowest last. */
	end = strrchr(at, ',');
	EXPECT_EQ(strtoul(end ? end + 1 : at, NULL, 16), nodes_allowed() & 0xffffffff);
	EXPECT_EQ(strtol(list + strlen("\nMems_allowed_list:\t"), NULL, 10),
		  __builtin_ctzl(nodes_allowed()));
}

/* ---- who inherits ---- */

HELPER(tell_policy)
{
	word bits = 0;
	int mode = policy_at(NULL, &bits);

	return mode < 0 || mode > 7 ? 99 : mode * 8 + (int)bits;
}

TEST(fork_and_exec_keep_the_policy)
{
	need_policies();
	ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(0)));
	pid_t pid = test_fork();

	if (pid == 0) {
		expect_policy(NULL, &kinds[3]);
		if (test_failed)
			_exit(98);
		exec_helper("tell_policy", "");
		_exit(97);
	}
	EXPECT_EXIT(pid, MPOL_BIND * 8 + 1);
	/* What the child does is its own affair. */
	pid = test_fork();
	if (pid == 0)
		_exit(set_mempolicy(MPOL_INTERLEAVE, one_node(0)) ? 1 : 0);
	EXPECT_EXIT(pid, 0);
	expect_policy(NULL, &kinds[3]);
}

static void *change_own(void *arg unused)
{
	expect_policy(NULL, &kinds[3]);
	EXPECT_OK(set_mempolicy(MPOL_INTERLEAVE, one_node(0)));
	expect_policy(NULL, &kinds[4]);
	return NULL;
}

TEST(a_thread_starts_with_its_makers_policy_and_has_its_own)
{
	pthread_t t;

	need_policies();
	ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(0)));
	ASSERT_EQ(pthread_create(&t, NULL, change_own, NULL), 0);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	expect_policy(NULL, &kinds[3]);
}

/* ---- areas ---- */

TEST(each_policy_of_an_area_is_told_back)
{
	need_policies();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *p = map_alone(2, MAP_PRIVATE);

		EXPECT_OK(mbind(p, PAGE, kinds[i].mode, low_nodes(kinds[i].bits), 0));
		expect_policy(p, &kinds[i]);
		expect_policy(p + PAGE, &kinds[0]);
		expect_policy(NULL, &kinds[0]);
		EXPECT_STR(numa_policy(p), kinds[i].text);
	}
}

TEST(mbind_cuts_areas_and_equal_ones_merge_again)
{
	char *p = map_alone(6, MAP_PRIVATE);

	need_policies();
	ASSERT_OK(mbind(p + 2 * PAGE, 2 * PAGE, MPOL_BIND, one_node(0), 0));
	EXPECT_STR(numa_policy(p), "default");
	EXPECT_STR(numa_policy(p + 2 * PAGE), "bind:0");
	EXPECT_STR(numa_policy(p + 4 * PAGE), "default");
	/* One call more makes three areas of one policy: they become one. */
	ASSERT_OK(mbind(p, 2 * PAGE, MPOL_BIND, one_node(0), 0));
	EXPECT_STR(numa_policy(p), "bind:0");
	EXPECT(!numa_line(p + 2 * PAGE));
	ASSERT_OK(mbind(p, 6 * PAGE, MPOL_DEFAULT, low_nodes(0), 0));
	EXPECT_STR(numa_policy(p), "default");
	EXPECT(!numa_line(p + 2 * PAGE));
	EXPECT(!numa_line(p + 4 * PAGE));
}

TEST(neighbours_with_different_policies_do_not_merge)
{
	char *p = map_alone(4, MAP_PRIVATE);

	need_policies();
	ASSERT_OK(mbind(p, 2 * PAGE, MPOL_BIND, one_node(0), 0));
	/* Rights that come and go, and a new area next to it. */
	ASSERT_OK(mprotect(p, 4 * PAGE, PROT_READ));
	ASSERT_OK(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE));
	ASSERT_NE(mmap(p + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		  MAP_FAILED);
	expect_policy(p, &kinds[3]);
	expect_policy(p + PAGE, &kinds[3]);
	expect_policy(p + 2 * PAGE, &kinds[0]);
	expect_policy(p + 3 * PAGE, &kinds[0]);
}

TEST(an_area_keeps_its_policy_when_it_is_cut_moved_and_forked)
{
	char *p = map_alone(8, MAP_PRIVATE), *q;

	need_policies();
	ASSERT_OK(mbind(p, 8 * PAGE, MPOL_INTERLEAVE, one_node(0), 0));
	touch(p, 8);
	ASSERT_OK(munmap(p + 2 * PAGE, PAGE));
	ASSERT_OK(mprotect(p + 5 * PAGE, PAGE, PROT_READ));
	expect_policy(p + PAGE, &kinds[4]);
	expect_policy(p + 3 * PAGE, &kinds[4]);
	expect_policy(p + 5 * PAGE, &kinds[4]);
	q = mremap(p + 6 * PAGE, 2 * PAGE, 40 * PAGE, MREMAP_MAYMOVE);
	ASSERT_NE(q, MAP_FAILED);
	expect_policy(q, &kinds[4]);
	expect_policy(q + 39 * PAGE, &kinds[4]);
	pid_t pid = test_fork();

	if (pid == 0) {
		expect_policy(p, &kinds[4]);
		expect_policy(q, &kinds[4]);
		/* The copy is the child's own. */
		EXPECT_OK(mbind(p, PAGE, MPOL_DEFAULT, low_nodes(0), 0));
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	expect_policy(p, &kinds[4]);
}

TEST(what_mbind_refuses)
{
	char *p = map_alone(8, MAP_PRIVATE);
	mask none = low_nodes(0), m = one_node(0);

	need_policies();
	EXPECT_ERR(mbind(p + 1, PAGE, MPOL_BIND, m, 0), EINVAL);
	EXPECT_ERR(mbind(p, ~0UL - 2 * PAGE, MPOL_BIND, m, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, 100, m, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_BIND, none, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_DEFAULT, m, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_BIND, m, 64), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_BIND, one_node(60), 0), EINVAL);
	EXPECT_ERR(syscall(SYS_mbind, p, PAGE, MPOL_BIND, 1UL, 64UL, 0), EFAULT);
	/* Nothing to do is done, whatever lies there. */
	EXPECT_OK(mbind(p, 0, MPOL_BIND, m, 0));
	/* Holes in front, in the middle and behind. */
	ASSERT_OK(munmap(p, PAGE));
	ASSERT_OK(munmap(p + 4 * PAGE, PAGE));
	EXPECT_ERR(mbind(p, 2 * PAGE, MPOL_BIND, m, 0), EFAULT);
	EXPECT_ERR(mbind(p + 3 * PAGE, 3 * PAGE, MPOL_BIND, m, 0), EFAULT);
	EXPECT_ERR(mbind(p + 2 * PAGE, 3 * PAGE, MPOL_BIND, m, 0), EFAULT);
	for (int i = 1; i < 8; i++)
		if (i != 4)
			expect_policy(p + i * PAGE, &kinds[0]);
	/* The default may be given across holes, but not to a hole alone. */
	ASSERT_OK(mbind(p + PAGE, 3 * PAGE, MPOL_BIND, m, 0));
	EXPECT_OK(mbind(p, 8 * PAGE, MPOL_DEFAULT, none, 0));
	expect_policy(p + PAGE, &kinds[0]);
	EXPECT_ERR(mbind(p + 4 * PAGE, PAGE, MPOL_DEFAULT, none, 0), EFAULT);
}

TEST(move_all_is_for_the_privileged)
{
	char *p = map_alone(1, MAP_PRIVATE);

	need_policies();
	/* On node 0 from the start: nothing is left to be moved. */
	ASSERT_OK(mbind(p, PAGE, MPOL_BIND, one_node(0), 0));
	touch(p, 1);
	if (geteuid() == 0) {
		EXPECT_OK(mbind(p, PAGE, MPOL_BIND, one_node(0), MPOL_MF_MOVE_ALL));
		ASSERT_OK(setresuid(1000, 1000, 1000));
	}
	EXPECT_ERR(mbind(p, PAGE, MPOL_BIND, one_node(0), MPOL_MF_MOVE_ALL), EPERM);
	EXPECT_ERR(syscall(SYS_move_pages, 0, 0UL, NULL, NULL, NULL, MPOL_MF_MOVE_ALL), EPERM);
	EXPECT_OK(mbind(p, PAGE, MPOL_BIND, one_node(0), MPOL_MF_MOVE));
	/* Process 1 is somebody else's. */
	if (kill(1, 0) && errno == EPERM)
		EXPECT_ERR(syscall(SYS_move_pages, 1, 0UL, NULL, NULL, NULL, 0), EPERM);
}

TEST(home_node_needs_a_policy_that_has_one)
{
	char *p = map_alone(4, MAP_PRIVATE);

	need_policies();
	if (syscall(SYS_home_node, p, 0UL, 0UL, 0UL) && errno == ENOSYS)
		skip("no set_mempolicy_home_node");
	EXPECT_ERR(syscall(SYS_home_node, p + 1, PAGE, 0UL, 0UL), EINVAL);
	EXPECT_ERR(syscall(SYS_home_node, p, PAGE, 0UL, 1UL), EINVAL);
	EXPECT_ERR(syscall(SYS_home_node, p, PAGE, 1UL << 30, 0UL), EINVAL);
	EXPECT_ERR(syscall(SYS_home_node, p, PAGE, 60UL, 0UL), EINVAL);
	EXPECT_ERR(syscall(SYS_home_node, p, ~0UL - 2 * PAGE, 0UL, 0UL), EINVAL);
	EXPECT_ERR(syscall(SYS_home_node, p, PAGE, 0UL, 0UL), ENOENT);
	ASSERT_OK(mbind(p, PAGE, MPOL_INTERLEAVE, one_node(0), 0));
	EXPECT_ERR(syscall(SYS_home_node, p, PAGE, 0UL, 0UL), EOPNOTSUPP);
	ASSERT_OK(mbind(p, 4 * PAGE, MPOL_BIND, one_node(0), 0));
	EXPECT_OK(syscall(SYS_home_node, p + PAGE, PAGE, 0UL, 0UL));
	for (int i = 0; i < 4; i++)
		expect_policy(p + i * PAGE, &kinds[3]);
	/* The home is a part of the policy: another area. */
	EXPECT(numa_line(p + PAGE) != NULL);
}

/* ---- move_pages, migrate_pages ---- */

TEST(move_pages_tells_where_pages_are)
{
	enum { N = 40 };
	char *p = map_alone(N, MAP_PRIVATE);
	void *pages[N];
	int status[N];

	need_policies();
	for (int i = 0; i < N; i++) {
		pages[i] = p + i * PAGE + i;
		if (i % 4 == 0)
			touch(p + i * PAGE, 1);
		else if (i % 4 == 1)
			ASSERT_OK(munmap(p + i * PAGE, PAGE));
		else if (i % 4 == 2) /* the zero page */
			EXPECT_EQ(*(volatile char *)pages[i], 0);
		status[i] = 1000;
	}
	ASSERT_OK(syscall(SYS_move_pages, 0, (word)N, pages, NULL, status, 0));
	for (int i = 0; i < N; i++) {
		if (i % 4 == 0)
			EXPECT(status[i] >= 0 && (nodes_allowed() >> status[i] & 1));
		else
			EXPECT_EQ(status[i], i % 4 == 3 ? -ENOENT : -EFAULT);
	}
	/* By another process of the same user, too. */
	pid_t pid = test_fork();

	if (pid == 0) {
		EXPECT_OK(syscall(SYS_move_pages, getppid(), 1UL, pages, NULL, status, 0));
		EXPECT_GE(status[0], 0);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(what_move_pages_and_migrate_pages_refuse)
{
	char *p = map_alone(1, MAP_PRIVATE);
	mask m = one_node(0), none = low_nodes(0);
	void *page = p;
	int status = 0, node = 0;
	long r;

	need_policies();
	ASSERT_OK(mbind(p, PAGE, MPOL_BIND, m, 0));
	touch(p, 1);
	EXPECT_OK(syscall(SYS_move_pages, 0, 0UL, NULL, NULL, NULL, 0));
	EXPECT_ERR(syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 64), EINVAL);
	EXPECT_ERR(syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, MPOL_MF_STRICT), EINVAL);
	EXPECT_ERR(syscall(SYS_move_pages, 0x7ffffff0, 1UL, &page, NULL, &status, 0), ESRCH);
	EXPECT_ERR(syscall(SYS_move_pages, 0, 1UL, 1UL, NULL, &status, 0), EFAULT);
	EXPECT_ERR(syscall(SYS_move_pages, 0, 1UL, &page, NULL, 1UL, 0), EFAULT);
	/* Either pages can be moved (this one is there already), or the call is not offered. */
	r = syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, MPOL_MF_MOVE);
	if (r == 0)
		EXPECT_EQ(status, 0);
	else
		EXPECT_EQ(errno, ENOSYS);
	EXPECT_ERR(syscall(SYS_migrate_pages, 0x7ffffff0, MAXNODE, m.w, m.w), ESRCH);
	EXPECT_ERR(syscall(SYS_migrate_pages, 0, MAXNODE, m.w, none.w), EINVAL);
	EXPECT_ERR(syscall(SYS_migrate_pages, 0, MAXNODE, 1UL, m.w), EFAULT);
	EXPECT_ERR(syscall(SYS_migrate_pages, 0, MAXNODE, m.w, 1UL), EFAULT);
	EXPECT_ERR(syscall(SYS_migrate_pages, 0, 8 * PAGE + 2, m.w, m.w), EINVAL);
	r = syscall(SYS_migrate_pages, 0, MAXNODE, m.w, m.w);
	if (r)
		EXPECT_EQ(errno, ENOSYS);
}

/* ---- numa_maps ---- */

TEST(numa_maps_counts_pages)
{
	char *p = map_alone(10, MAP_PRIVATE), *line;
	long on_nodes = 0;

	need_policies();
	line = numa_line(p);
	ASSERT(line);
	/* Nothing there: the policy alone. */
	EXPECT(!strstr(line, "="));
	touch(p, 5);
	EXPECT_EQ(((volatile char *)p)[7 * PAGE], 0);
	line = numa_line(p);
	ASSERT(line);
	EXPECT_EQ(numa_value(line, "anon"), 5);
	EXPECT_EQ(numa_value(line, "dirty"), 5);
	EXPECT(!strstr(line, "mapped="));
	EXPECT(!strstr(line, "mapmax="));
	EXPECT_EQ(numa_value(line, "kernelpagesize_kB"), 4);
	for (int n = 0; n < 64; n++) {
		char name[8];

		snprintf(name, sizeof(name), "N%d", n);
		on_nodes += numa_value(line, name);
	}
	EXPECT_EQ(on_nodes, 5);
	pid_t pid = test_fork();

	if (pid == 0) {
		line = numa_line(p);
		EXPECT_EQ(numa_value(line, "mapmax"), 2);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(numa_maps_names_heap_stack_and_files)
{
	char here, *text;
	word old = syscall(SYS_brk, 0);

	need_policies();
	/* musl has no sbrk(). */
	ASSERT_EQ(syscall(SYS_brk, old + 4 * PAGE), old + 4 * PAGE);
	touch((char *)old, 4);
	here = 1;
	text = read_text("/proc/self/numa_maps");
	ASSERT(text && here);
	EXPECT(strstr(text, " default heap anon="));
	EXPECT(strstr(text, " default stack anon="));
	EXPECT(strstr(text, " default file=/"));
	/* The task's policy is that of all areas without one. */
	ASSERT_OK(set_mempolicy(MPOL_BIND, one_node(0)));
	text = read_text("/proc/self/numa_maps");
	EXPECT(text && strstr(text, " bind:0 stack anon="));
}

/* ---- shared memory: the policy is the file's ---- */

TEST(a_shared_mapping_hands_its_policy_to_all_who_map_it)
{
	char *p = map_alone(8, MAP_SHARED);

	need_policies();
	pid_t pid = test_fork();

	if (pid == 0) {
		EXPECT_OK(mbind(p + 2 * PAGE, 2 * PAGE, MPOL_BIND, one_node(0), 0));
		EXPECT_OK(mbind(p + 3 * PAGE, 3 * PAGE, MPOL_INTERLEAVE, one_node(0), 0));
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	for (int i = 0; i < 8; i++)
		expect_policy(p + i * PAGE, &kinds[i < 2 || i > 5 ? 0 : i == 2 ? 3 : 4]);
}

TEST(a_file_keeps_its_policy_while_nobody_maps_it)
{
	int fd = shmem_file(8);
	char *p;

	need_policies();
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
	ASSERT_NE(p, MAP_FAILED);
	ASSERT_OK(mbind(p, 4 * PAGE, MPOL_INTERLEAVE, one_node(0), 0));
	ASSERT_OK(munmap(p, 4 * PAGE));
	p = mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(p, MAP_FAILED);
	for (int i = 0; i < 8; i++)
		expect_policy(p + i * PAGE, &kinds[i < 2 || i > 5 ? 0 : 4]);
}

/* Ranges of one file, set through mappings that come and go, against one policy a page. */
TEST(random_shared_policies_match_a_model)
{
	enum { N = 50 };
	int fd = shmem_file(N), model[N] = { 0 };
	char *all;

	need_policies();
	all = mmap(NULL, N * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(all, MAP_FAILED);
	for (int round = 0; round < 400; round++) {
		int first = rnd_below(N), n = 1 + rnd_below(N - first),
		    k = rnd_below(ARRAY_SIZE(kinds));
		bool reset = kinds[k].mode == MPOL_DEFAULT;
		int map_first = reset ? first : (int)rnd_below(first + 1);
		int map_n = reset ? n : n + first - map_first + (int)rnd_below(N - first - n + 1);
		char *p = mmap(NULL, map_n * PAGE, PROT_READ, MAP_SHARED, fd, map_first * PAGE),
		     *at;

		ASSERT_NE(p, MAP_FAILED);
		at = p + (first - map_first) * PAGE;
		/*
		 * Linux does not tell the file what the area has already, and a fresh one has the default; and it tells
		 * it about the whole area that comes out of a merge. So here an area is as large as the range.
		 */
		if (reset)
			ASSERT_OK(mbind(at, n * PAGE, MPOL_LOCAL, low_nodes(0), 0));
		ASSERT_OK(mbind(at, n * PAGE, kinds[k].mode, low_nodes(kinds[k].bits), 0));
		for (int i = first; i < first + n; i++)
			model[i] = k;
		ASSERT_OK(munmap(p, map_n * PAGE));
		for (int i = 0; i < N; i++)
			expect_policy(all + i * PAGE, &kinds[model[i]]);
		if (test_failed) {
			say("# round %d: pages %d to %d\n", round, first, first + n - 1);
			return;
		}
	}
}

/* ---- everything at once, against a model ---- */

enum { AREA = 60 };

/* The policy of each page; -1: not mapped. */
static void check_model(char *p, const int *model)
{
	for (int i = 0; i < AREA; i++) {
		if (model[i] < 0)
			EXPECT_EQ(policy_at(p + i * PAGE, NULL), -EFAULT);
		else
			expect_policy(p + i * PAGE, &kinds[model[i]]);
	}
}

static void random_step(char *p, int *model)
{
	int first = rnd_below(AREA), n = 1 + rnd_below(AREA - first),
	    k = rnd_below(ARRAY_SIZE(kinds));
	char *at = p + first * PAGE;
	int hole = 0, mapped = 0;

	for (int i = first; i < first + n; i++)
		*(model[i] < 0 ? &hole : &mapped) = 1;
	switch (rnd_below(8)) {
	case 0:
		n = 1 + n / 8;
		EXPECT_OK(munmap(at, n * PAGE));
		k = -1;
		break;
	case 1:
		EXPECT_EQ(mmap(at, n * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			  at);
		k = 0;
		break;
	case 2:
		if (!hole)
			EXPECT_OK(mprotect(at, n * PAGE,
					   PROT_READ | (rnd_below(2) ? PROT_WRITE : 0)));
		return;
	case 3: /* a page to another place and back */
		if (model[first] < 0)
			return;
		char *q = map_anon(1, MAP_PRIVATE);

		EXPECT_EQ(mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q), q);
		expect_policy(q, &kinds[model[first]]);
		EXPECT_EQ(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at), at);
		return;
	default:
		if (hole && (kinds[k].mode != MPOL_DEFAULT || !mapped)) {
			EXPECT_ERR(mbind(at, n * PAGE, kinds[k].mode, low_nodes(kinds[k].bits), 0),
				   EFAULT);
			return;
		}
		EXPECT_OK(mbind(at, n * PAGE, kinds[k].mode, low_nodes(kinds[k].bits), 0));
		for (int i = first; i < first + n; i++)
			model[i] = model[i] < 0 ? -1 : k;
		return;
	}
	for (int i = first; i < first + n; i++)
		model[i] = k;
}

TEST(random_changes_match_a_model)
{
	char *p = map_alone(AREA, MAP_PRIVATE);
	int model[AREA] = { 0 };

	need_policies();
	for (int round = 0; round < 500 && !test_failed; round++) {
		random_step(p, model);
		check_model(p, model);
		if (round % 50 == 0) {
			pid_t pid = test_fork();

			if (pid == 0) {
				for (int i = 0; i < 10 && !test_failed; i++) {
					check_model(p, model);
					random_step(p, model);
				}
				_exit(test_failed);
			}
			EXPECT_EXIT(pid, 0);
		}
		if (test_failed)
			say("# round %d\n", round);
	}
}
