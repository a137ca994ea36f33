/*
 * schedattr.c - sched_setattr and sched_getattr: policies, nice levels, the size of the struct.
 */
#include "test.h"
#include <sys/resource.h>
#include <sys/syscall.h>

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static int set(pid_t pid, void *a, unsigned int flags)
{
	return syscall(SYS_sched_setattr, pid, a, flags);
}

static int get(pid_t pid, void *a, unsigned int size, unsigned int flags)
{
	return syscall(SYS_sched_getattr, pid, a, size, flags);
}

static struct attr mine(void)
{
	struct attr a;

	memset(&a, 0xff, sizeof(a));
	ASSERT_OK(get(0, &a, sizeof(a), 0));
	return a;
}

TEST(a_nice_level_is_set_and_read_back)
{
	struct attr a = { .size = sizeof(a), .nice = 7 };

	EXPECT_OK(set(0, &a, 0));
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 7);
	a = mine();
	EXPECT_EQ(a.size, sizeof(a));
	EXPECT_EQ(a.policy, 0);
	EXPECT_EQ(a.nice, 7);
	EXPECT_EQ(a.priority, 0);
	EXPECT_EQ(a.flags, 0);
	a = (struct attr){ .size = 48, .policy = 3 /* BATCH */, .nice = 100 };
	EXPECT_OK(set(0, &a, 0));
	a = mine();
	EXPECT_EQ(a.policy, 3);
	EXPECT_EQ(a.nice, 19);
	/* size 0 means the first version. */
	a = (struct attr){ .policy = 5 /* IDLE */, .nice = 19 };
	EXPECT_OK(set(0, &a, 0));
	EXPECT_EQ(mine().policy, 5);
}

TEST(real_time_and_what_is_kept)
{
	struct attr a = { .size = sizeof(a), .policy = 1, .priority = 11, .flags = 1 };

	if (set(0, &a, 0) && errno == EPERM)
		skip("may not use real-time policies");
	a = mine();
	EXPECT_EQ(a.policy, 1);
	EXPECT_EQ(a.priority, 11);
	EXPECT_EQ(a.flags, 1);
	a = (struct attr){ .size = sizeof(a), .flags = 0x08, .priority = 12 };
	EXPECT_OK(set(0, &a, 0));
	a = mine();
	EXPECT_EQ(a.policy, 1);
	EXPECT_EQ(a.priority, 12);
	EXPECT_EQ(a.flags, 1);
	/* Kept parameters keep the policy, too. */
	a = (struct attr){ .size = sizeof(a), .flags = 0x10, .policy = 2, .priority = 40 };
	EXPECT_OK(set(0, &a, 0));
	a = mine();
	EXPECT_EQ(a.policy, 1);
	EXPECT_EQ(a.priority, 12);
	EXPECT_EQ(a.flags, 0);
}

TEST(bad_arguments)
{
	struct attr a = { .size = sizeof(a) };
	char big[8192] __attribute__((aligned(8))) = { 0 };

	EXPECT_ERR(set(0, NULL, 0), EINVAL);
	EXPECT_ERR(set(-1, &a, 0), EINVAL);
	EXPECT_ERR(set(0, &a, 1), EINVAL);
	EXPECT_ERR(set(0x3ffffff, &a, 0), ESRCH);
	EXPECT_ERR(set(0, (void *)8, 0), EFAULT);
	a.policy = 4;
	EXPECT_ERR(set(0, &a, 0), EINVAL);
	a.policy = -1;
	EXPECT_ERR(set(0, &a, 0), EINVAL);
	a = (struct attr){ .size = sizeof(a), .flags = 0x80 };
	EXPECT_ERR(set(0, &a, 0), EINVAL);
	a = (struct attr){ .size = sizeof(a), .policy = 1 };
	EXPECT_ERR(set(0, &a, 0), EINVAL); /* FIFO without a priority */
	a = (struct attr){ .size = sizeof(a), .priority = 1 };
	EXPECT_ERR(set(0, &a, 0), EINVAL);
	a = (struct attr){ .size = 8 };
	EXPECT_ERR(set(0, &a, 0), E2BIG);
	EXPECT_GE(a.size, sizeof(a));
	((struct attr *)big)->size = 4096;
	EXPECT_OK(set(0, big, 0)); /* longer, and zero */
	big[4000] = 1;
	EXPECT_ERR(set(0, big, 0), E2BIG);
	EXPECT_ERR(get(0, &a, 40, 0), EINVAL);
	EXPECT_ERR(get(0, &a, 5000, 0), EINVAL);
	EXPECT_ERR(get(0, &a, 48, 1), EINVAL);
	EXPECT_ERR(get(0, NULL, 48, 0), EINVAL);
	EXPECT_ERR(get(0x3ffffff, &a, 48, 0), ESRCH);
	EXPECT_ERR(get(0, (void *)8, 48, 0), EFAULT);
	memset(&a, 0xff, sizeof(a));
	EXPECT_OK(get(0, &a, 48, 0));
	EXPECT_EQ(a.size, 48);
	EXPECT_EQ(a.util_min, 0xffffffff);
}

TEST(without_rights)
{
	struct attr a = { .size = sizeof(a), .nice = 5 };
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_NICE, &none);
	setrlimit(RLIMIT_RTPRIO, &none);
	if (getuid() == 0)
		ASSERT_OK(setuid(1234));
	EXPECT_OK(set(0, &a, 0));
	a.nice = 0;
	EXPECT_ERR(set(0, &a, 0), EPERM);
	a = (struct attr){ .size = sizeof(a), .policy = 1, .priority = 1 };
	EXPECT_ERR(set(0, &a, 0), EPERM);
	EXPECT_ERR(set(1, &a, 0), EPERM);
	a = (struct attr){ .size = sizeof(a), .nice = 5, .flags = 1 };
	EXPECT_OK(set(0, &a, 0));
	a.flags = 0;
	EXPECT_ERR(set(0, &a, 0), EPERM);
}
