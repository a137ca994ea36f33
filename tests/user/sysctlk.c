/*
 * sysctlk.c - entries of /proc/sys/kernel and /proc/sys/fs that calls' manual pages name. On a Linux host nothing is written.
 */
#include "test.h"
#include <sys/resource.h>
#include <sys/syscall.h>

static long number(const char *path)
{
	char text[64];
	int fd = open(path, O_RDONLY), n;

	if (fd < 0)
		skip("not here");
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	ASSERT(n > 0);
	text[n] = 0;
	return atol(text);
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), n = -1, e;

	if (fd >= 0) {
		n = write(fd, text, strlen(text));
		e = errno;
		close(fd);
		errno = e;
	}
	return n;
}

TEST(taint_is_a_number_that_only_grows)
{
	const char *path = "/proc/sys/kernel/tainted";
	long before = number(path);

	EXPECT_GE(before, 0);
	if (!on_quire())
		return;
	/* Bit 6: a program of the user asked for it. */
	EXPECT_EQ(put(path, "64\n"), 3);
	EXPECT_EQ(number(path), before | 64);
	EXPECT_EQ(put(path, "0"), 1);
	EXPECT_EQ(number(path), before | 64);
	EXPECT_ERR(put(path, "x"), EINVAL);
	EXPECT_EQ(number(path), before | 64);
}

TEST(nr_open_bounds_the_limit_of_descriptors)
{
	const char *path = "/proc/sys/fs/nr_open";
	long most = number(path);
	struct rlimit lim;

	EXPECT_GE(most, 64);
	if (getuid())
		skip("root only");
	lim.rlim_cur = lim.rlim_max = most + 1;
	EXPECT_ERR(setrlimit(RLIMIT_NOFILE, &lim), EPERM);
	lim.rlim_cur = lim.rlim_max = most;
	/* Root of a container may not raise limits. */
	if (!on_quire())
		return;
	EXPECT_OK(setrlimit(RLIMIT_NOFILE, &lim));
	EXPECT_EQ(put(path, "4096"), 4);
	EXPECT_ERR(setrlimit(RLIMIT_NOFILE, &lim), EPERM);
	EXPECT_ERR(put(path, "1"), EINVAL);
	EXPECT_EQ(put(path, "1048576"), 7);
}

TEST(rr_timeslice_is_what_the_call_says)
{
	const char *path = "/proc/sys/kernel/sched_rr_timeslice_ms";
	struct {
		int prio;
	} param = { 1 };
	struct {
		long s, ns;
	} ts;
	long ms = number(path);

	if (syscall(SYS_sched_setscheduler, 0, 2, &param))
		skip("may not use real-time policies");
	ASSERT_OK(syscall(SYS_sched_rr_get_interval, 0, &ts));
	/* A tick of the host may round it. */
	EXPECT_LE(labs(ts.s * 1000 + ts.ns / 1000000 - ms), 10);
	if (!on_quire())
		return;
	EXPECT_EQ(put(path, "1500"), 4);
	ASSERT_OK(syscall(SYS_sched_rr_get_interval, 0, &ts));
	EXPECT_EQ(ts.s, 1);
	EXPECT_EQ(ts.ns, 500000000);
	EXPECT_EQ(put(path, "0"), 1);
	EXPECT_EQ(number(path), 100);
}
