/*
 * signalfds.c - signalfd: signals as records of a file, and what happens to its waiters when a process ends.
 */
#include "test.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

static sigset_t set_of(int a, int b)
{
	sigset_t s;

	sigemptyset(&s);
	if (a)
		sigaddset(&s, a);
	if (b)
		sigaddset(&s, b);
	return s;
}

static int open_fd(int a, int b, int flags)
{
	sigset_t s = set_of(a, b);
	int fd;

	ASSERT_OK(sigprocmask(SIG_BLOCK, &s, NULL));
	fd = signalfd(-1, &s, flags);
	ASSERT_OK(fd);
	return fd;
}

static struct signalfd_siginfo next(int fd)
{
	struct signalfd_siginfo s = { 0 };

	ASSERT_EQ(read(fd, &s, sizeof(s)), (long)sizeof(s));
	return s;
}

TEST(signals_are_read_with_their_senders)
{
	int fd = open_fd(SIGUSR1, SIGRTMIN + 1, SFD_NONBLOCK);
	struct signalfd_siginfo s, many[4];
	union sigval v = { .sival_int = 4711 };
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	EXPECT_EQ(poll(&p, 1, 0), 0);
	EXPECT_ERR(read(fd, &s, sizeof(s)), EAGAIN);
	ASSERT_OK(kill(getpid(), SIGUSR1));
	EXPECT_EQ(poll(&p, 1, 0), 1);
	EXPECT_EQ(p.revents, POLLIN);
	s = next(fd);
	EXPECT_EQ(s.ssi_signo, SIGUSR1);
	EXPECT_EQ(s.ssi_code, SI_USER);
	EXPECT_EQ(s.ssi_pid, (unsigned int)getpid());
	EXPECT_EQ(s.ssi_uid, getuid());
	for (int i = 0; i < 3; i++)
		ASSERT_OK(sigqueue(getpid(), SIGRTMIN + 1, v));
	ASSERT_EQ(read(fd, many, sizeof(many)), 3 * (long)sizeof(s));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(many[i].ssi_signo, (unsigned int)SIGRTMIN + 1);
		EXPECT_EQ(many[i].ssi_code, SI_QUEUE);
		EXPECT_EQ(many[i].ssi_int, 4711);
	}
	EXPECT_ERR(read(fd, &s, 127), EINVAL);
}

TEST(the_death_of_a_child_is_a_record)
{
	int fd = open_fd(SIGCHLD, 0, 0);
	struct signalfd_siginfo s;
	pid_t pid = test_fork();

	if (!pid)
		_exit(9);
	s = next(fd);
	EXPECT_EQ(s.ssi_signo, SIGCHLD);
	EXPECT_EQ(s.ssi_code, CLD_EXITED);
	EXPECT_EQ(s.ssi_pid, (unsigned int)pid);
	EXPECT_EQ(s.ssi_status, 9);
	EXPECT_EXIT(pid, 9);
}

TEST(the_set_can_be_changed)
{
	int fd = open_fd(SIGUSR1, SIGUSR2, SFD_NONBLOCK | SFD_CLOEXEC), other = dup(0);
	sigset_t only2 = set_of(SIGUSR2, SIGKILL);
	struct signalfd_siginfo s;
	char path[64];

	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(signalfd(fd, &only2, 0), fd);
	ASSERT_OK(raise(SIGUSR1));
	EXPECT_ERR(read(fd, &s, sizeof(s)), EAGAIN);
	ASSERT_OK(raise(SIGUSR2));
	EXPECT_EQ(next(fd).ssi_signo, SIGUSR2);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	EXPECT(strstr(read_text(path), "sigmask:\t0000000000000800\n"));
	EXPECT_ERR(signalfd(other, &only2, 0), EINVAL);
	EXPECT_ERR(signalfd(999, &only2, 0), EBADF);
	EXPECT_ERR(signalfd(-1, &only2, 1), EINVAL);
	EXPECT_ERR(syscall(SYS_signalfd4, -1, &only2, 4, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_signalfd4, -1, 8, 8, 0), EFAULT);
	fd = syscall(SYS_signalfd, -1, &only2, 8);
	EXPECT_OK(fd);
}

/* A reader sleeps; the signal that wakes it comes from another process. */
TEST(a_blocked_reader_is_woken)
{
	int fd = open_fd(SIGUSR1, 0, 0);
	pid_t me = getpid(), pid = test_fork();

	if (!pid) {
		usleep(50000);
		kill(me, SIGUSR1);
		_exit(0);
	}
	EXPECT_EQ(next(fd).ssi_pid, (unsigned int)pid);
	EXPECT_EXIT(pid, 0);
}

/* Who reads gets his own signals, not those of the process that opened the file. */
TEST(a_child_reads_its_own_signals)
{
	int fd = open_fd(SIGUSR1, 0, SFD_NONBLOCK);
	pid_t pid = test_fork();

	if (!pid) {
		struct signalfd_siginfo s;

		if (read(fd, &s, sizeof(s)) != -1 || errno != EAGAIN)
			_exit(1);
		raise(SIGUSR1);
		_exit(read(fd, &s, sizeof(s)) != sizeof(s) || s.ssi_pid != (unsigned int)getpid());
	}
	ASSERT_OK(raise(SIGUSR1));
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(next(fd).ssi_pid, (unsigned int)getpid());
}

/* A child watches the file with the parent's set and dies: its queue goes, and the parent's set lives on. */
TEST(a_dead_watcher_leaves_a_shared_epoll_set_sound)
{
	int fd = open_fd(SIGUSR1, 0, SFD_NONBLOCK), ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = 7 };

	for (int i = 0; i < 20; i++) {
		pid_t pid = test_fork();

		if (!pid) {
			if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
				_exit(1);
			kill(getpid(), SIGUSR1);
			_exit(epoll_wait(ep, &ev, 1, 10000) != 1 || ev.data.u32 != 7);
		}
		EXPECT_EXIT(pid, 0);
		EXPECT_EQ(epoll_wait(ep, &ev, 1, 0), 0);
		EXPECT_OK(epoll_ctl(ep, EPOLL_CTL_DEL, fd, &ev));
	}
	ev.events = EPOLLIN;
	EXPECT_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	ASSERT_OK(raise(SIGUSR1));
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 0), 1);
}
