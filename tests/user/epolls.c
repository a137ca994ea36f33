/*
 * epolls.c - epoll: level, edge, one-shot and exclusive items, sets in sets, and a random comparison with poll.
 */
#include "test.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static int new_set(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_OK(ep);
	return ep;
}

static int ctl(int ep, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, op, fd, &ev);
}

static void watch(int ep, int fd, uint32_t events)
{
	ASSERT_OK(ctl(ep, EPOLL_CTL_ADD, fd, events, fd));
}

/* How many are ready now, and the events of the first. */
static int look(int ep, uint32_t *events)
{
	struct epoll_event ev[16];
	int n = epoll_wait(ep, ev, 16, 0);

	ASSERT_OK(n);
	*events = n ? ev[0].events : 0;
	return n;
}

static void put(int fd)
{
	uint64_t one = 1;

	ASSERT_EQ(write(fd, &one, 8), 8);
}

static void take(int fd)
{
	uint64_t n;

	ASSERT_EQ(read(fd, &n, 8), 8);
}

TEST(level_triggered_items_stay_ready)
{
	int ep = new_set(), fd = eventfd(0, EFD_NONBLOCK);
	uint32_t e;

	watch(ep, fd, EPOLLIN);
	EXPECT_EQ(look(ep, &e), 0);
	put(fd);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(look(ep, &e), 1);
		EXPECT_EQ(e, EPOLLIN);
	}
	take(fd);
	EXPECT_EQ(look(ep, &e), 0);
	ASSERT_OK(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT, 1));
	EXPECT_EQ(look(ep, &e), 1);
	EXPECT_EQ(e, EPOLLOUT);
	ASSERT_OK(ctl(ep, EPOLL_CTL_DEL, fd, 0, 0));
	EXPECT_EQ(look(ep, &e), 0);
}

TEST(edge_triggered_items_tell_each_write_once)
{
	int ep = new_set(), fd = eventfd(0, EFD_NONBLOCK), p[2];
	uint32_t e;

	watch(ep, fd, EPOLLIN | EPOLLET);
	put(fd);
	EXPECT_EQ(look(ep, &e), 1);
	EXPECT_EQ(look(ep, &e), 0);
	put(fd);
	EXPECT_EQ(look(ep, &e), 1);
	EXPECT_EQ(look(ep, &e), 0);
	ASSERT_OK(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, 0));
	EXPECT_EQ(look(ep, &e), 1);
	/* A pipe that is not empty yet tells of further bytes, too. */
	ASSERT_OK(pipe(p));
	watch(ep, p[0], EPOLLIN | EPOLLET);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(write(p[1], "x", 1), 1);
		EXPECT_EQ(look(ep, &e), 1);
		EXPECT_EQ(look(ep, &e), 0);
	}
}

TEST(one_shot_items_are_silent_until_armed_again)
{
	int ep = new_set(), fd = eventfd(1, EFD_NONBLOCK);
	uint32_t e;

	watch(ep, fd, EPOLLIN | EPOLLONESHOT);
	EXPECT_EQ(look(ep, &e), 1);
	put(fd);
	EXPECT_EQ(look(ep, &e), 0);
	ASSERT_OK(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 0));
	EXPECT_EQ(look(ep, &e), 1);
	EXPECT_EQ(look(ep, &e), 0);
}

TEST(hang_up_and_error_need_not_be_asked_for)
{
	int ep = new_set(), p[2], q[2];
	uint32_t e;

	ASSERT_OK(pipe(p));
	ASSERT_OK(pipe(q));
	watch(ep, p[0], 0);
	EXPECT_EQ(look(ep, &e), 0);
	close(p[1]);
	EXPECT_EQ(look(ep, &e), 1);
	EXPECT_EQ(e, EPOLLHUP);
	ASSERT_OK(ctl(ep, EPOLL_CTL_DEL, p[0], 0, 0));
	watch(ep, q[1], 0);
	close(q[0]);
	EXPECT_EQ(look(ep, &e), 1);
	EXPECT_EQ(e, EPOLLERR);
}

/* The item belongs to the open file: it stays until the last descriptor goes, and a copy is another item. */
TEST(items_go_with_the_open_file)
{
	int ep = new_set(), fd = eventfd(1, EFD_NONBLOCK), copy = dup(fd);
	uint32_t e;

	watch(ep, fd, EPOLLIN);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 0), EEXIST);
	watch(ep, copy, EPOLLIN);
	EXPECT_EQ(look(ep, &e), 2);
	close(fd);
	EXPECT_EQ(look(ep, &e), 2);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_DEL, fd, 0, 0), EBADF);
	close(copy);
	EXPECT_EQ(look(ep, &e), 0);
}

TEST(a_full_set_is_served_in_turn)
{
	int ep = new_set(), fd[8];
	unsigned int seen = 0;
	struct epoll_event ev[3];

	for (int i = 0; i < 8; i++) {
		fd[i] = eventfd(1, 0);
		ASSERT_OK(ctl(ep, EPOLL_CTL_ADD, fd[i], EPOLLIN, i));
	}
	for (int round = 0; round < 3; round++) {
		int n = epoll_wait(ep, ev, 3, 0);

		ASSERT_EQ(n, 3);
		for (int i = 0; i < n; i++)
			seen |= 1u << ev[i].data.u64;
	}
	EXPECT_EQ(seen, 0xff);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

TEST(waiting_ends_with_time_event_or_signal)
{
	int ep = new_set(), fd = eventfd(0, 0);
	struct timespec ts = { 0, 30000000 }, bad = { 0, 1000000000 };
	struct epoll_event ev;
	double from = now();
	pid_t pid;

	watch(ep, fd, EPOLLIN);
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 30), 0);
	EXPECT_GE(now() - from, 0.03);
	from = now();
	EXPECT_EQ(syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, NULL, 8), 0);
	EXPECT_GE(now() - from, 0.03);
	EXPECT_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, &bad, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, (void *)8, NULL, 8), EFAULT);
	pid = test_fork();
	if (!pid) {
		usleep(30000);
		put(fd);
		_exit(0);
	}
	EXPECT_EQ(epoll_wait(ep, &ev, 1, -1), 1);
	EXPECT_EXIT(pid, 0);
}

static volatile int hits;

static void on_usr1(int sig unused)
{
	hits++;
}

TEST(pwait_opens_the_mask_while_it_waits)
{
	struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };
	int ep = new_set();
	struct epoll_event ev;
	sigset_t block, open, now_set;

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigemptyset(&open);
	sigprocmask(SIG_BLOCK, &block, NULL);
	raise(SIGUSR1);
	EXPECT_EQ(epoll_pwait(ep, &ev, 1, 10, &block), 0);
	EXPECT_EQ(hits, 0);
	EXPECT_ERR(epoll_pwait(ep, &ev, 1, -1, &open), EINTR);
	EXPECT_EQ(hits, 1);
	sigprocmask(SIG_BLOCK, NULL, &now_set);
	EXPECT(sigismember(&now_set, SIGUSR1));
	EXPECT_ERR(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, &open, 4), EINVAL);
}

TEST(bad_arguments)
{
	int ep = new_set(), fd = eventfd(0, 0), dir = open("/", O_RDONLY);
	struct epoll_event ev;

	EXPECT_ERR(syscall(SYS_epoll_create, 0), EINVAL);
	EXPECT_OK(epoll_create(1));
	EXPECT_ERR(epoll_create1(1), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, 999, EPOLLIN, 0), EBADF);
	EXPECT_ERR(ctl(999, EPOLL_CTL_ADD, fd, EPOLLIN, 0), EBADF);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 0), EINVAL);
	EXPECT_ERR(ctl(fd, EPOLL_CTL_ADD, ep, EPOLLIN, 0), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, dir, EPOLLIN, 0), EPERM);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN, 0), ENOENT);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_DEL, fd, EPOLLIN, 0), ENOENT);
	EXPECT_ERR(ctl(ep, 9, fd, EPOLLIN, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, 8), EFAULT);
	EXPECT_ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
	EXPECT_ERR(epoll_wait(ep, &ev, -1, 0), EINVAL);
	EXPECT_ERR(epoll_wait(ep, &ev, 0x7fffffff, 0), EINVAL);
	EXPECT_ERR(epoll_wait(fd, &ev, 1, 0), EINVAL);
	EXPECT_ERR(epoll_wait(999, &ev, 1, 0), EBADF);
	put(fd);
	watch(ep, fd, EPOLLIN);
	EXPECT_ERR(epoll_wait(ep, (void *)8, 1, 0), EFAULT);
	/* The event is not lost by that. */
	EXPECT_EQ(epoll_wait(ep, &ev, 1, 0), 1);
}

TEST(exclusive_items_have_rules)
{
	int ep = new_set(), inner = new_set(), fd = eventfd(1, 0);
	uint32_t e;

	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE, 0), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLPRI | EPOLLEXCLUSIVE, 0), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE, 0), EINVAL);
	watch(ep, fd, EPOLLIN | EPOLLEXCLUSIVE);
	EXPECT_EQ(look(ep, &e), 1);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN, 0), EINVAL);
	EXPECT_ERR(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLEXCLUSIVE, 0), EINVAL);
	EXPECT_OK(ctl(ep, EPOLL_CTL_DEL, fd, 0, 0));
}

/* Four processes, each with a set of its own over one file: all events are served, whoever is woken. */
TEST(exclusive_waiters_share_the_events)
{
	int fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK), done = eventfd(0, EFD_SEMAPHORE);
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = test_fork();
		if (pid[i])
			continue;
		int ep = new_set();
		struct epoll_event ev;
		uint64_t n;

		watch(ep, fd, EPOLLIN | EPOLLEXCLUSIVE);
		for (;;) {
			if (epoll_wait(ep, &ev, 1, -1) == 1 && read(fd, &n, 8) == 8)
				put(done);
		}
	}
	for (int i = 0; i < 200; i++)
		put(fd);
	for (int i = 0; i < 200; i++)
		take(done);
	for (int i = 0; i < 4; i++) {
		kill(pid[i], SIGKILL);
		EXPECT_KILLED(pid[i], SIGKILL);
	}
}

TEST(a_set_in_a_set_is_ready_when_its_items_are)
{
	int top = new_set(), mid = new_set(), low = new_set(), fd = eventfd(0, EFD_NONBLOCK);
	struct pollfd p = { .fd = top, .events = POLLIN };
	struct epoll_event ev;
	uint32_t e;
	pid_t pid;

	watch(top, mid, EPOLLIN);
	watch(mid, low, EPOLLIN | EPOLLET);
	watch(low, fd, EPOLLIN);
	EXPECT_EQ(poll(&p, 1, 0), 0);
	put(fd);
	EXPECT_EQ(poll(&p, 1, 0), 1);
	EXPECT_EQ(look(top, &e), 1);
	EXPECT_EQ(e, EPOLLIN);
	take(fd);
	EXPECT_EQ(look(top, &e), 0);
	pid = test_fork();
	if (!pid) {
		usleep(30000);
		put(fd);
		_exit(0);
	}
	EXPECT_EQ(epoll_wait(top, &ev, 1, -1), 1);
	EXPECT_EXIT(pid, 0);
	close(mid);
	EXPECT_EQ(look(top, &e), 0);
}

TEST(circles_and_long_chains_are_refused)
{
	int ep[8];

	for (int i = 0; i < 8; i++)
		ep[i] = new_set();
	watch(ep[0], ep[1], EPOLLIN);
	watch(ep[1], ep[2], EPOLLIN);
	EXPECT_ERR(ctl(ep[2], EPOLL_CTL_ADD, ep[0], EPOLLIN, 0), ELOOP);
	EXPECT_ERR(ctl(ep[1], EPOLL_CTL_ADD, ep[0], EPOLLIN, 0), ELOOP);
	watch(ep[2], ep[3], EPOLLIN);
	watch(ep[3], ep[4], EPOLLIN);
	/* Below and above the chain there is no more room. */
	EXPECT_ERR(ctl(ep[5], EPOLL_CTL_ADD, ep[0], EPOLLIN, 0), ELOOP);
	watch(ep[5], ep[1], EPOLLIN);
	watch(ep[6], ep[7], EPOLLIN);
	EXPECT_ERR(ctl(ep[7], EPOLL_CTL_ADD, ep[6], EPOLLIN, 0), ELOOP);
}

TEST(the_descriptor_has_name_and_text)
{
	int ep = new_set(), fd = eventfd(0, 0);
	char path[64], text[64] = "", want[64];

	ASSERT_OK(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 0xabcdef));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ep);
	ASSERT_OK(readlink(path, text, sizeof(text) - 1));
	EXPECT_STR(text, "anon_inode:[eventpoll]");
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ep);
	snprintf(want, sizeof(want), "tfd: %8d events: %8x data: %16x ", fd,
		 EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP, 0xabcdef);
	EXPECT(strstr(read_text(path), want));
}

/* Random operations on a few eventfds and pipes: after each, a level-triggered set says what poll says. */
TEST(epoll_agrees_with_poll)
{
	enum { N = 12 };
	struct pollfd p[N];
	uint32_t want[N] = { 0 };
	int fd[N], ep = new_set(), pipes[N];

	for (int i = 0; i < N; i += 2) {
		int e[2];

		if (i % 4) {
			ASSERT_OK(pipe2(e, O_NONBLOCK));
		} else {
			e[0] = eventfd(0, EFD_NONBLOCK);
			e[1] = eventfd(0, EFD_NONBLOCK);
		}
		fd[i] = e[0];
		fd[i + 1] = e[1];
		pipes[i] = pipes[i + 1] = i % 4 != 0;
	}
	for (int step = 0; step < 3000; step++) {
		static char big[70000];
		int i = rnd_below(N), n, m = 0;
		struct epoll_event ev[N];
		uint64_t v = rnd_below(2) ? 1 : ~0UL - 1;

		switch (rnd_below(4)) {
		case 0:
			want[i] = rnd_below(4) * EPOLLIN & (EPOLLIN | EPOLLOUT);
			want[i] |= rnd_below(2) ? EPOLLOUT : 0;
			n = ctl(ep, EPOLL_CTL_ADD, fd[i], want[i], i);
			if (n)
				ASSERT_OK(ctl(ep, EPOLL_CTL_MOD, fd[i], want[i], i));
			break;
		case 1:
			want[i] = 0;
			ctl(ep, EPOLL_CTL_DEL, fd[i], 0, 0);
			break;
		case 2:
			n = pipes[i] ? write(fd[i | 1], big, rnd_below(sizeof(big)))
				     : write(fd[i], &v, 8);
			break;
		default:
			n = pipes[i] ? read(fd[i & ~1], big, rnd_below(sizeof(big)))
				     : read(fd[i], &v, 8);
		}
		for (i = 0; i < N; i++)
			p[i] = (struct pollfd){ .fd = want[i] ? fd[i] : -1, .events = want[i] };
		ASSERT_OK(poll(p, N, 0));
		n = epoll_wait(ep, ev, N, 0);
		ASSERT_OK(n);
		for (i = 0; i < N; i++)
			m += want[i] && p[i].revents;
		ASSERT_EQ(n, m);
		for (i = 0; i < n; i++)
			EXPECT_EQ(ev[i].events, (uint32_t)p[ev[i].data.u64].revents);
	}
}

/* Sets and their files end in all orders while others write, watch and wait. */
TEST(files_and_sets_end_while_they_are_used)
{
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = test_fork();
		if (pid[i])
			continue;
		for (int j = 0; j < 400; j++) {
			int ep = new_set(), outer = new_set(), fd = eventfd(0, EFD_NONBLOCK);
			struct epoll_event ev;
			pid_t c;

			watch(ep, fd, EPOLLIN);
			watch(outer, ep, EPOLLIN);
			c = j % 8 ? 0 : fork();
			if (!c && !(j % 8)) {
				put(fd);
				_exit(0);
			}
			if (j & 1)
				put(fd);
			epoll_wait(rnd_below(2) ? ep : outer, &ev, 1, 0);
			int order[3] = { ep, outer, fd };

			for (int k = 3; k; k--) {
				int x = rnd_below(k);

				close(order[x]);
				order[x] = order[k - 1];
			}
			if (c > 0)
				EXPECT_EXIT(c, 0);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EXIT(pid[i], 0);
}
