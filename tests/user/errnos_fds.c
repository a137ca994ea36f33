/*
 * errnos_fds.c - each errno that eventfd(2), timerfd_create(2) and its calls, signalfd(2), epoll_create(2), epoll_ctl(2),
 * epoll_wait(2) and epoll_pwait2 name.
 *
 * Rows that are not here, and why:
 *   ENFILE of all of them: needs the machine out of files. ENODEV: of kernels that cannot mount anonymous inodes. ENOMEM:
 *     tests/user/failnth.c injects failures.
 *   epoll_create EMFILE of max_user_instances: gone since Linux 2.6.29. epoll_ctl ENOSPC of max_user_watches: the host's setting is not
 *     changed; tests/user/epolls.c does it on Quire.
 *   timerfd ECANCELED: needs the clock to be set: tests/user/eventfds.c does it on Quire.
 */
#include "errnos.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

TEST(eventfd_rows)
{
	uint64_t n = 0;
	int fd = eventfd(0, EFD_NONBLOCK);

	ASSERT_OK(fd);
	EXPECT_ERR(eventfd(0, 2), EINVAL);
	if (without_descriptors()) {
		EXPECT_ERR(eventfd(0, 0), EMFILE);
		_exit(0);
	}
	EXPECT_ERR(read(fd, &n, 8), EAGAIN);
	EXPECT_ERR(read(fd, &n, 7), EINVAL);
	EXPECT_ERR(write(fd, &n, 7), EINVAL);
	n = -1ULL;
	EXPECT_ERR(write(fd, &n, 8), EINVAL);
	n = -2ULL;
	EXPECT_EQ(write(fd, &n, 8), 8);
	n = 1;
	EXPECT_ERR(write(fd, &n, 8), EAGAIN);
	EXPECT_ERR(write(fd, NOWHERE, 8), EFAULT);
	EXPECT_ERR(read(fd, NOWHERE, 8), EFAULT);
}

static long set_time(int fd, int flags, const void *value, void *old)
{
	return syscall(SYS_timerfd_settime, fd, flags, value, old);
}

TEST(timerfd_rows)
{
	struct itimerspec t = { { 0, 0 }, { 0, 0 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), other = eventfd(0, 0);
	uint64_t n;

	ASSERT_OK(fd);
	EXPECT_ERR(timerfd_create(99, 0), EINVAL);
	EXPECT_ERR(timerfd_create(-1, 0), EINVAL);
	EXPECT_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	EXPECT_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	if (without_descriptors()) {
		EXPECT_ERR(timerfd_create(CLOCK_MONOTONIC, 0), EMFILE);
		_exit(0);
	}
	if (as_nobody()) { /* CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM */
		EXPECT_ERR(timerfd_create(8, 0), EPERM);
		EXPECT_ERR(timerfd_create(9, 0), EPERM);
		_exit(0);
	}
	EXPECT_ERR(set_time(999, 0, &t, NULL), EBADF);
	EXPECT_ERR(set_time(fd, 0, NOWHERE, NULL), EFAULT);
	EXPECT_ERR(set_time(fd, 0, &t, NOWHERE), EFAULT);
	EXPECT_ERR(set_time(other, 0, &t, NULL), EINVAL);
	EXPECT_ERR(set_time(fd, 8, &t, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_timerfd_gettime, 999, &t), EBADF);
	EXPECT_ERR(syscall(SYS_timerfd_gettime, other, &t), EINVAL);
	EXPECT_ERR(syscall(SYS_timerfd_gettime, fd, NOWHERE), EFAULT);
	EXPECT_ERR(read(fd, &n, 8), EAGAIN);
	EXPECT_ERR(read(fd, &n, 7), EINVAL);
	t.it_value.tv_nsec = 1000000000;
	EXPECT_ERR(set_time(fd, 0, &t, NULL), EINVAL);
	t.it_value.tv_nsec = -1;
	EXPECT_ERR(set_time(fd, 0, &t, NULL), EINVAL);
	t.it_value.tv_nsec = 0;
	t.it_interval.tv_nsec = 1000000000;
	EXPECT_ERR(set_time(fd, 0, &t, NULL), EINVAL);
}

TEST(signalfd_rows)
{
	uint64_t set = 1;
	char buf[128];
	int fd = syscall(SYS_signalfd4, -1, &set, 8, SFD_NONBLOCK), other = eventfd(0, 0);

	ASSERT_OK(fd);
	EXPECT_ERR(syscall(SYS_signalfd4, 999, &set, 8, 0), EBADF);
	EXPECT_ERR(syscall(SYS_signalfd4, other, &set, 8, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_signalfd4, -1, &set, 8, 1), EINVAL);
	EXPECT_ERR(syscall(SYS_signalfd4, -1, &set, 7, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_signalfd4, -1, NOWHERE, 8, 0), EFAULT);
	if (without_descriptors()) {
		EXPECT_ERR(syscall(SYS_signalfd4, -1, &set, 8, 0), EMFILE);
		_exit(0);
	}
	EXPECT_ERR(read(fd, buf, 128), EAGAIN);
	EXPECT_ERR(read(fd, buf, 127), EINVAL);
}

static long ctl(int ep, int op, int fd, unsigned int events)
{
	struct epoll_event e = { .events = events };

	return epoll_ctl(ep, op, fd, &e);
}

static void interrupted(int sig unused)
{
}

TEST(epoll_rows)
{
	struct epoll_event e[4];
	int ep = epoll_create1(0), fd = eventfd(0, 0), file = file_of(0), inner = epoll_create1(0),
	    chain[12], looped = 0;
	struct sigaction sa = { .sa_handler = interrupted };
	struct timespec bad = { 0, -1 };

	ASSERT_OK(ep);
	EXPECT_ERR(syscall(SYS_epoll_create, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_create, -1), EINVAL);
	EXPECT_ERR(epoll_create1(1), EINVAL);
	if (without_descriptors()) {
		EXPECT_ERR(epoll_create1(0), EMFILE);
		EXPECT_ERR(syscall(SYS_epoll_create, 1), EMFILE);
		_exit(0);
	}
	EXPECT_ERR(ctl(999, EPOLL_CTL_ADD, fd, EPOLLIN), EBADF);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, 999, EPOLLIN), EBADF);
	ASSERT_OK(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN));
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN), EEXIST);
	EXPECT_ERR(ctl(fd, EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL);
	EXPECT_ERR(ctl(ep, 77, fd, EPOLLIN), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	ASSERT_OK(ctl(ep, EPOLL_CTL_DEL, fd, 0));
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLEXCLUSIVE), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	ASSERT_OK(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_ERR(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN), EINVAL);
	ASSERT_OK(ctl(ep, EPOLL_CTL_DEL, fd, 0));
	EXPECT_ERR(ctl(ep, EPOLL_CTL_DEL, fd, 0), ENOENT);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN), ENOENT);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	EXPECT_ERR(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, NOWHERE), EFAULT);
	/* ELOOP: a circle, and a chain that is too long. */
	ASSERT_OK(ctl(ep, EPOLL_CTL_ADD, inner, EPOLLIN));
	EXPECT_ERR(ctl(inner, EPOLL_CTL_ADD, ep, EPOLLIN), ELOOP);
	for (int i = 0; i < 12; i++)
		chain[i] = epoll_create1(0);
	for (int i = 1; i < 12 && !looped; i++)
		looped = ctl(chain[i], EPOLL_CTL_ADD, chain[i - 1], EPOLLIN) ? errno : 0;
	EXPECT_EQ(looped, ELOOP);
	/* epoll_wait */
	EXPECT_ERR(epoll_wait(999, e, 4, 0), EBADF);
	EXPECT_ERR(epoll_wait(fd, e, 4, 0), EINVAL);
	EXPECT_ERR(epoll_wait(ep, e, 0, 0), EINVAL);
	EXPECT_ERR(epoll_wait(ep, e, -1, 0), EINVAL);
	EXPECT_ERR(syscall(441, ep, e, 4, &bad, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(441, ep, e, 4, NOWHERE, NULL, 8), EFAULT);
	EXPECT_ERR(syscall(SYS_epoll_pwait, ep, e, 4, 0, &bad, 7), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_pwait, ep, e, 4, 0, NOWHERE, 8), EFAULT);
	ASSERT_OK(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLOUT));
	EXPECT_ERR(epoll_wait(ep, (void *)kernel_address(), 1, 0), EFAULT);
	EXPECT_ERR(epoll_wait(ep, NOWHERE, 1, 0), EFAULT);
	ASSERT_OK(ctl(ep, EPOLL_CTL_DEL, fd, 0));
	if (in_child()) {
		pid_t me = getpid(), other;

		ASSERT_OK(sigaction(SIGUSR1, &sa, NULL));
		other = test_fork();

		if (!other)
			for (;;) {
				kill(me, SIGUSR1);
				usleep(1000);
			}
		EXPECT_ERR(epoll_wait(ep, e, 4, -1), EINTR);
		end_of(other);
		_exit(0);
	}
}
