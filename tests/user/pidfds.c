/*
 * pidfds.c - descriptors for processes: pidfd_open, CLONE_PIDFD, poll, waitid(P_PIDFD), signals and pidfd_getfd.
 */
#include "test.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define CLONE_PIDFD_ 0x1000
enum { PIDFD_SEND_SIGNAL = 424, CLONE3 = 435, PIDFD_OPEN = 434, PIDFD_GETFD = 438 };

static int open_pid(pid_t pid, int flags)
{
	return syscall(PIDFD_OPEN, pid, flags);
}

static int ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ASSERT_OK(poll(&p, 1, 0));
	return p.revents;
}

static pid_t sleeper(void)
{
	pid_t pid = test_fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

TEST(the_end_of_a_process_makes_it_readable)
{
	pid_t pid = sleeper();
	int fd = open_pid(pid, 0), ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char path[64], want[64];

	ASSERT_OK(fd);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(ready(fd), 0);
	ASSERT_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(want, sizeof(want), "Pid:\t%d\n", pid);
	EXPECT(strstr(read_text(path), want));
	ASSERT_OK(kill(pid, SIGKILL));
	EXPECT_EQ(poll(&p, 1, 15000), 1);
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 15000), 1);
	EXPECT_EQ(ready(fd) & POLLIN, POLLIN);
	EXPECT_KILLED(pid, SIGKILL);
	EXPECT_EQ(ready(fd) & POLLIN, POLLIN);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, 0, NULL, 0), ESRCH);
	EXPECT(strstr(read_text(path), "Pid:\t-1\n"));
}

TEST(signals_go_to_the_process)
{
	pid_t pid = sleeper();
	int fd = open_pid(pid, 0), p[2];
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_USER };

	ASSERT_OK(fd);
	ASSERT_OK(pipe(p));
	EXPECT_OK(syscall(PIDFD_SEND_SIGNAL, fd, 0, NULL, 0));
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, SIGUSR1, &info, 0), EPERM);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, SIGUSR2, &info, 0), EINVAL);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, 0, NULL, 0x100), EINVAL);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, p[0], 0, NULL, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, 999, 0, NULL, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, 99, NULL, 0), EINVAL);
	EXPECT_OK(syscall(PIDFD_SEND_SIGNAL, fd, SIGTERM, NULL, 0));
	EXPECT_KILLED(pid, SIGTERM);
}

TEST(waitid_takes_a_descriptor)
{
	pid_t pid = test_fork();
	siginfo_t info = { 0 };
	int fd, p[2];

	if (!pid)
		_exit(7);
	fd = open_pid(pid, 0);
	ASSERT_OK(fd);
	ASSERT_OK(pipe(p));
	EXPECT_ERR(waitid(P_PIDFD, p[0], &info, WEXITED), EBADF);
	EXPECT_ERR(waitid(P_PIDFD, 999, &info, WEXITED), EBADF);
	EXPECT_ERR(waitid(P_PIDFD, -1, &info, WEXITED), EINVAL);
	EXPECT_OK(waitid(P_PIDFD, fd, &info, WEXITED));
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_status, 7);
	EXPECT_ERR(waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
	pid = sleeper();
	fd = open_pid(pid, O_NONBLOCK);
	ASSERT_OK(fd);
	EXPECT_ERR(waitid(P_PIDFD, fd, &info, WEXITED), EAGAIN);
	EXPECT_OK(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(only_processes_have_one)
{
	pid_t pid = test_fork();

	if (!pid)
		_exit(0);
	EXPECT_ERR(open_pid(0, 0), EINVAL);
	EXPECT_ERR(open_pid(-1, 0), EINVAL);
	EXPECT_ERR(open_pid(pid, 1), EINVAL);
	EXPECT_EXIT(pid, 0);
	EXPECT_ERR(open_pid(pid, 0), ESRCH);
	EXPECT_OK(open_pid(getpid(), 0));
}

/* clone and clone3 give the descriptor together with the child. */
TEST(clone_can_give_the_descriptor)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = { .flags = CLONE_PIDFD_, .exit_signal = SIGCHLD };
	int fd = -1, status;
	siginfo_t info;
	pid_t pid;

	pid = syscall(SYS_clone, CLONE_PIDFD_ | SIGCHLD, 0, &fd, 0, 0);
	if (!pid)
		_exit(3);
	ASSERT_OK(pid);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_OK(waitid(P_PIDFD, fd, &info, WEXITED));
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_status, 3);
	args.pidfd = (uintptr_t)&fd;
	pid = syscall(CLONE3, &args, sizeof(args));
	if (!pid)
		_exit(4);
	ASSERT_OK(pid);
	EXPECT_OK(waitid(P_PIDFD, fd, &info, WEXITED));
	EXPECT_EQ(info.si_status, 4);
	/* No child comes of it when the number cannot be told. */
	args.pidfd = 8;
	EXPECT_ERR(syscall(CLONE3, &args, sizeof(args)), EFAULT);
	EXPECT_ERR(waitpid(-1, &status, WNOHANG), ECHILD);
	EXPECT_ERR(syscall(SYS_clone, CLONE_PIDFD_ | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0),
		   EINVAL);
}

TEST(getfd_copies_a_descriptor)
{
	int up[2], go[2], fd, mine, other;
	pid_t pid;
	char c;

	ASSERT_OK(pipe(up));
	ASSERT_OK(pipe(go));
	pid = test_fork();
	if (!pid) {
		int private[2];

		if (pipe(private) || write(private[1], "x", 1) != 1 ||
		    write(up[1], &private[0], sizeof(int)) != sizeof(int))
			_exit(1);
		_exit(read(go[0], &c, 1) != 1);
	}
	ASSERT_EQ(read(up[0], &other, sizeof(int)), (long)sizeof(int));
	fd = open_pid(pid, 0);
	mine = syscall(PIDFD_GETFD, fd, other, 0);
	ASSERT_OK(mine);
	EXPECT_EQ(fcntl(mine, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(read(mine, &c, 1), 1);
	EXPECT_EQ(c, 'x');
	EXPECT_ERR(syscall(PIDFD_GETFD, fd, 999, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_GETFD, fd, other, 1), EINVAL);
	EXPECT_ERR(syscall(PIDFD_GETFD, up[0], other, 0), EBADF);
	ASSERT_EQ(write(go[1], "g", 1), 1);
	EXPECT_EXIT(pid, 0);
	EXPECT_ERR(syscall(PIDFD_GETFD, fd, other, 0), ESRCH);
}

/* Descriptors are opened, polled and closed while the processes end. */
TEST(many_ends_under_many_eyes)
{
	int ep = epoll_create1(0), seen = 0;
	struct epoll_event ev[16];
	int fds[40];

	for (int i = 0; i < 40; i++) {
		pid_t pid = syscall(SYS_clone, CLONE_PIDFD_ | SIGCHLD, 0, &fds[i], 0, 0);

		if (!pid) {
			usleep(rnd_below(3000));
			_exit(0);
		}
		ASSERT_OK(pid);
		ev[0] = (struct epoll_event){ .events = EPOLLIN, .data.u32 = i };
		ASSERT_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], ev));
	}
	while (seen < 40) {
		int n = epoll_wait(ep, ev, 16, -1);

		ASSERT_OK(n);
		for (int i = 0; i < n; i++) {
			siginfo_t info;

			ASSERT_OK(waitid(P_PIDFD, fds[ev[i].data.u32], &info, WEXITED));
			/* The later children have copies of the descriptor: closing alone would not do. */
			ASSERT_OK(epoll_ctl(ep, EPOLL_CTL_DEL, fds[ev[i].data.u32], NULL));
			ASSERT_OK(close(fds[ev[i].data.u32]));
			seen++;
		}
	}
}
