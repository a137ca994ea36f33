/*
 * processvm.c - memory of another process (process_vm_readv, process_vm_writev), and membarrier.
 */
#include "test.h"
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char *shared;

/* A child that holds what the parent has just made and sleeps until it is killed. */
static pid_t holder(void)
{
	pid_t pid = test_fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

static char *pages(int n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(p != MAP_FAILED);
	return p;
}

TEST(bytes_go_between_vectors_of_different_shape)
{
	char *p = pages(3), got[64] = "";
	struct iovec there[3] = { { p, 3 }, { p + PAGE - 2, 4 }, { p + 2 * PAGE, 5 } };
	struct iovec here[2] = { { got, 7 }, { got + 10, 50 } };
	pid_t pid;

	memcpy(p, "abc", 3);
	memcpy(p + PAGE - 2, "defg", 4);
	memcpy(p + 2 * PAGE, "hijkl", 5);
	pid = holder();
	memset(p, 0, 3 * PAGE);
	EXPECT_EQ(process_vm_readv(pid, here, 2, there, 3, 0), 12);
	EXPECT(!memcmp(got, "abcdefg", 8));
	EXPECT(!memcmp(got + 10, "hijkl", 6));
	memcpy(got, "ABCDEFG", 7);
	EXPECT_EQ(process_vm_writev(pid, here, 1, there, 3, 0), 7);
	memset(got, 0, 7);
	EXPECT_EQ(process_vm_readv(pid, here, 1, there, 3, 0), 7);
	EXPECT(!memcmp(got, "ABCDEFG", 8));
	/* The parent's own pages are others. */
	EXPECT_EQ(p[0], 0);
	end(pid);
}

TEST(what_can_be_had_before_a_hole_is_copied)
{
	char *p = pages(3), *q = pages(2), *ro = pages(1), *none = pages(1);
	struct iovec there[2] = { { p + PAGE - 10, 2 * PAGE }, { p, 10 } };
	struct iovec here = { q, 2 * PAGE }, at_ro = { ro, 8 }, at_none = { none, 8 };
	pid_t pid;

	memset(p, 'x', PAGE);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	ASSERT_OK(mprotect(ro, PAGE, PROT_READ));
	ASSERT_OK(mprotect(none, PAGE, PROT_NONE));
	pid = holder();
	EXPECT_EQ(process_vm_readv(pid, &here, 1, there, 2, 0), 10);
	EXPECT_EQ(q[9], 'x');
	there[0].iov_base = p + PAGE;
	EXPECT_ERR(process_vm_readv(pid, &here, 1, there, 2, 0), EFAULT);
	EXPECT_EQ(process_vm_readv(pid, &here, 1, &at_ro, 1, 0), 8);
	EXPECT_ERR(process_vm_writev(pid, &here, 1, &at_ro, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_readv(pid, &here, 1, &at_none, 1, 0), EFAULT);
	here.iov_base = none;
	EXPECT_ERR(process_vm_readv(pid, &here, 1, &at_ro, 1, 0), EFAULT);
	end(pid);
}

TEST(bad_arguments_of_process_vm)
{
	char buf[8];
	struct iovec v = { buf, 8 }, huge = { buf, ~0UL }, empty = { buf, 0 };
	pid_t dead = test_fork();

	if (!dead)
		_exit(0);
	EXPECT_EXIT(dead, 0);
	EXPECT_EQ(process_vm_readv(getpid(), &v, 1, &v, 1, 0), 8);
	EXPECT_ERR(process_vm_readv(getpid(), &v, 1, &v, 1, 1), EINVAL);
	EXPECT_ERR(process_vm_readv(dead, &v, 1, &v, 1, 0), ESRCH);
	EXPECT_ERR(process_vm_readv(-1, &v, 1, &v, 1, 0), ESRCH);
	EXPECT_ERR(process_vm_readv(getpid(), &v, 1025, &v, 1, 0), EINVAL);
	EXPECT_ERR(process_vm_readv(getpid(), &v, 1, &v, 1025, 0), EINVAL);
	EXPECT_ERR(process_vm_readv(getpid(), &huge, 1, &v, 1, 0), EINVAL);
	EXPECT_ERR(process_vm_readv(getpid(), &v, 1, &huge, 1, 0), EINVAL);
	EXPECT_ERR(process_vm_readv(getpid(), (void *)8, 1, &v, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_readv(getpid(), &v, 1, (void *)8, 1, 0), EFAULT);
	EXPECT_EQ(process_vm_readv(getpid(), &empty, 1, &v, 1, 0), 0);
	EXPECT_EQ(process_vm_readv(getpid(), &v, 1, &empty, 1, 0), 0);
	EXPECT_EQ(process_vm_readv(getpid(), &v, 1, NULL, 0, 0), 0);
}

TEST(other_users_are_protected)
{
	char buf[8] = "";
	struct iovec v = { buf, 8 };
	pid_t pid, other;

	if (getuid())
		skip("not root");
	pid = holder();
	other = test_fork();
	if (!other) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(2);
		_exit(process_vm_readv(pid, &v, 1, &v, 1, 0) != -1 || errno != EPERM);
	}
	EXPECT_EXIT(other, 0);
	end(pid);
}

/* Random pieces, written and read back, beside a model. */
TEST_LIMIT(random_transfers_match_a_model, 60)
{
	enum { LEN = 20 * PAGE };
	char *p = pages(20), *model = pages(20), *buf = pages(20);
	pid_t pid = holder();

	for (int step = 0; step < 1000; step++) {
		size_t off = rnd_below(LEN), len = 1 + rnd_below(LEN - off),
		       cut = rnd_below(len + 1);
		struct iovec here[2] = { { buf, cut }, { buf + cut, len - cut } };
		struct iovec there = { p + off, len };

		if (rnd_below(2)) {
			memset(buf, step, len);
			memset(model + off, step, len);
			ASSERT_EQ(process_vm_writev(pid, here, 2, &there, 1, 0), (long)len);
		} else {
			ASSERT_EQ(process_vm_readv(pid, here, 2, &there, 1, 0), (long)len);
			ASSERT(!memcmp(buf, model + off, len));
		}
	}
	end(pid);
}

/* ---- membarrier ---- */

static long membarrier(int cmd, unsigned int flags)
{
	return syscall(SYS_membarrier, cmd, flags, 0);
}

enum {
	QUERY,
	GLOBAL = 1,
	GLOBAL_EXP = 2,
	REG_GLOBAL = 4,
	PRIVATE = 8,
	REG_PRIVATE = 16,
	CORE = 32,
	REG_CORE = 64
};

TEST(private_barriers_need_a_registration)
{
	long all = membarrier(QUERY, 0);

	ASSERT_OK(all);
	EXPECT_EQ(all & 127, 127);
	EXPECT_ERR(membarrier(PRIVATE, 0), EPERM);
	EXPECT_ERR(membarrier(CORE, 0), EPERM);
	EXPECT_OK(membarrier(REG_PRIVATE, 0));
	EXPECT_OK(membarrier(PRIVATE, 0));
	EXPECT_ERR(membarrier(CORE, 0), EPERM);
	EXPECT_OK(membarrier(REG_CORE, 0));
	EXPECT_OK(membarrier(CORE, 0));
	EXPECT_OK(membarrier(GLOBAL, 0));
	EXPECT_OK(membarrier(REG_GLOBAL, 0));
	EXPECT_OK(membarrier(GLOBAL_EXP, 0));
	EXPECT_ERR(membarrier(PRIVATE, 1), EINVAL);
	EXPECT_ERR(membarrier(QUERY, 1), EINVAL);
	EXPECT_ERR(membarrier(1 << 20, 0), EINVAL);
	EXPECT_ERR(membarrier(3, 0), EINVAL);
	pid_t pid = test_fork();

	if (!pid)
		_exit(membarrier(PRIVATE, 0) != 0);
	EXPECT_EXIT(pid, 0);
}

HELPER(unregistered)
{
	return !(membarrier(PRIVATE, 0) == -1 && errno == EPERM);
}

TEST(exec_forgets_the_registration)
{
	pid_t pid;

	ASSERT_OK(membarrier(REG_PRIVATE, 0));
	pid = test_fork();
	if (!pid)
		exec_helper("unregistered", NULL);
	EXPECT_EXIT(pid, 0);
}

/*
 * Dekker with the barrier on one side only: the fast side stores and looks with nothing but a compiler barrier between,
 * the slow side stores, calls membarrier and looks. They must not both miss the other's store.
 */
TEST_LIMIT(a_barrier_reaches_the_other_processor, 60)
{
	volatile int *w;

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(shared != MAP_FAILED);
	w = (volatile int *)shared;
	ASSERT_OK(membarrier(REG_GLOBAL, 0));
	pid_t pid = test_fork();

	if (!pid) {
		for (int i = 1; i <= 3000; i++) {
			while (w[64] != i)
				sched_yield();
			w[0] = i;
			asm volatile("" ::: "memory");
			w[128] = w[32] == i; /* saw the slow side */
			w[192] = i;
		}
		_exit(0);
	}
	for (int i = 1; i <= 3000; i++) {
		int saw;

		w[64] = i;
		w[32] = i;
		ASSERT_OK(membarrier(GLOBAL_EXP, 0));
		saw = w[0] == i;
		while (w[192] != i)
			sched_yield();
		EXPECT(saw || w[128]);
	}
	EXPECT_EXIT(pid, 0);
}
