/*
 * unix_stream.c - unix-domain stream sockets: connections, bytes both ways, ends, waiting, polling.
 */
#include "sockets.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

TEST(a_pair_carries_bytes_both_ways)
{
	char buf[16] = "";
	int s[2];

	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(write(s[0], "hello", 5), 5);
	EXPECT_EQ(write(s[1], "you", 3), 3);
	EXPECT_EQ(read(s[1], buf, 2), 2);
	EXPECT_EQ(read(s[1], buf + 2, 14), 3);
	EXPECT_STR(buf, "hello");
	EXPECT_EQ(recv(s[0], buf, 16, 0), 3);
	EXPECT_EQ(memcmp(buf, "you", 3), 0);
	/* Two sends are one stretch of bytes. */
	EXPECT_EQ(send(s[0], "ab", 2, 0), 2);
	EXPECT_EQ(send(s[0], "cd", 2, 0), 2);
	EXPECT_EQ(recv(s[1], buf, 16, 0), 4);
	EXPECT_EQ(memcmp(buf, "abcd", 4), 0);
	EXPECT_EQ(write(s[0], "", 0), 0);
	EXPECT_ERR(recv(s[1], buf, 16, MSG_DONTWAIT), EAGAIN);
}

TEST(connect_and_accept_by_path)
{
	struct name n;
	struct sockaddr_un got;
	socklen_t len = sizeof(got);
	struct stat st;
	char c;
	int l, a, b;

	test_dir();
	n = name_of("sock");
	l = listening(SOCK_STREAM, n, 5);
	ASSERT_OK(stat("sock", &st));
	EXPECT(S_ISSOCK(st.st_mode));
	EXPECT_EQ(events(l), 0);
	a = connected(SOCK_STREAM, n);
	EXPECT_EQ(events(l) & POLLIN, POLLIN);
	/* Bytes flow before accept. */
	EXPECT_EQ(write(a, "x", 1), 1);
	b = accept(l, (struct sockaddr *)&got, &len);
	ASSERT_OK(b);
	EXPECT_EQ(len, sizeof(sa_family_t));
	EXPECT_EQ(read(b, &c, 1), 1);
	EXPECT_EQ(c, 'x');
	/* The accepted end has the listener's name, the other none. */
	len = sizeof(got);
	ASSERT_OK(getsockname(b, (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, n.len);
	EXPECT_STR(got.sun_path, "sock");
	len = sizeof(got);
	ASSERT_OK(getpeername(a, (struct sockaddr *)&got, &len));
	EXPECT_STR(got.sun_path, "sock");
	len = sizeof(got);
	ASSERT_OK(getpeername(b, (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, sizeof(sa_family_t));
	EXPECT_ERR(connect(a, NAME(n)), EISCONN);
	/* A closed listener refuses; the file stays. */
	close(l);
	EXPECT_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)), ECONNREFUSED);
	EXPECT_EQ(write(a, "y", 1), 1);
	EXPECT_EQ(read(b, &c, 1), 1);
	EXPECT_ERR(bind(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)), EADDRINUSE);
	EXPECT_OK(unlink("sock"));
	EXPECT_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)), ENOENT);
}

TEST(states_that_a_call_does_not_suit)
{
	struct name n = name_of("@states");
	int s = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0), l, p[2];
	char c;

	EXPECT_ERR(send(s, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	EXPECT_ERR(recv(s, &c, 1, 0), EINVAL);
	EXPECT_ERR(listen(s, 1), EINVAL);
	EXPECT_ERR(accept(s, NULL, NULL), EINVAL);
	EXPECT_ERR(accept(d, NULL, NULL), EOPNOTSUPP);
	EXPECT_ERR(listen(d, 1), EOPNOTSUPP);
	EXPECT_ERR(accept4(s, NULL, NULL, 1), EINVAL);
	EXPECT_ERR(connect(s, NAME(n)), ECONNREFUSED);
	l = listening(SOCK_STREAM, n, 1);
	EXPECT_ERR(bind(l, NAME(n)), EINVAL);
	EXPECT_ERR(connect(l, NAME(n)), EINVAL);
	EXPECT_ERR(recv(l, &c, 1, 0), EINVAL);
	EXPECT_ERR(bind(s, NAME(n)), EADDRINUSE);
	EXPECT_ERR(connect(d, NAME(n)), ECONNREFUSED);
	make_pair(SOCK_STREAM, p);
	EXPECT_ERR(sendto(p[0], "x", 1, 0, NAME(n)), EISCONN);
	EXPECT_ERR(sendto(s, "x", 1, 0, NAME(n)), EOPNOTSUPP);
	EXPECT_ERR(shutdown(p[0], 3), EINVAL);
	EXPECT_ERR(recv(p[0], &c, 1, MSG_DONTWAIT), EAGAIN);
	EXPECT_ERR(recv(p[0], (void *)8, 1, MSG_DONTWAIT), EAGAIN);
	EXPECT_EQ(send(p[1], "x", 1, 0), 1);
	EXPECT_ERR(recv(p[0], (void *)8, 1, MSG_DONTWAIT), EFAULT);
	EXPECT_EQ(recv(p[0], &c, 1, MSG_DONTWAIT), 1);
	EXPECT_ERR(send(p[1], (void *)8, 1, 0), EFAULT);
	EXPECT_ERR(read(socket(AF_UNIX, SOCK_STREAM, 0), &c, 1), EINVAL);
	EXPECT_ERR(lseek(p[0], 0, SEEK_SET), ESPIPE);
	EXPECT_ERR(pread(p[0], &c, 1, 0), ESPIPE);
	EXPECT_ERR(mmap(NULL, 4096, PROT_READ, MAP_SHARED, p[0], 0), ENODEV);
	EXPECT_ERR(ftruncate(p[0], 0), EINVAL);
}

TEST(the_other_end_closes)
{
	int s[2];
	char c;

	signal(SIGPIPE, SIG_IGN);
	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(write(s[1], "z", 1), 1);
	close(s[1]);
	EXPECT_EQ(events(s[0]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	EXPECT_EQ(read(s[0], &c, 1), 1);
	EXPECT_EQ(read(s[0], &c, 1), 0);
	EXPECT_ERR(write(s[0], "x", 1), EPIPE);
	/* What the other end had not read is reported, once. */
	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(write(s[0], "unread", 6), 6);
	close(s[1]);
	EXPECT_EQ(events(s[0]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP | POLLERR);
	EXPECT_ERR(read(s[0], &c, 1), ECONNRESET);
	EXPECT_EQ(read(s[0], &c, 1), 0);
}

TEST(sigpipe_unless_asked_not_to)
{
	int s[2];
	pid_t pid;

	make_pair(SOCK_STREAM, s);
	close(s[1]);
	pid = test_fork();
	if (!pid) {
		EXPECT_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
		write(s[0], "x", 1);
		_exit(7);
	}
	EXPECT_KILLED(pid, SIGPIPE);
}

TEST(shutdown_of_each_direction)
{
	int s[2];
	char c;

	signal(SIGPIPE, SIG_IGN);
	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(write(s[0], "a", 1), 1);
	EXPECT_OK(shutdown(s[0], SHUT_WR));
	EXPECT_ERR(write(s[0], "b", 1), EPIPE);
	EXPECT_EQ(events(s[1]), POLLIN | POLLOUT | POLLRDHUP);
	EXPECT_EQ(read(s[1], &c, 1), 1);
	EXPECT_EQ(read(s[1], &c, 1), 0);
	EXPECT_EQ(write(s[1], "c", 1), 1);
	EXPECT_EQ(read(s[0], &c, 1), 1);
	EXPECT_OK(shutdown(s[0], SHUT_RD));
	EXPECT_EQ(read(s[0], &c, 1), 0);
	EXPECT_ERR(write(s[1], "d", 1), EPIPE);
	EXPECT_EQ(events(s[0]) & (POLLHUP | POLLIN), POLLHUP | POLLIN);
	EXPECT_EQ(events(s[1]) & (POLLHUP | POLLIN), POLLHUP | POLLIN);
}

TEST(polling_an_unconnected_one)
{
	struct name n = name_of("@poll");
	int s = socket(AF_UNIX, SOCK_STREAM, 0), l = listening(SOCK_STREAM, n, 1);

	EXPECT_EQ(events(s), POLLOUT | POLLHUP);
	EXPECT_EQ(events(l), 0);
	ASSERT_OK(connect(s, NAME(n)));
	EXPECT_EQ(events(s), POLLOUT);
	EXPECT_EQ(events(l), POLLIN);
}

TEST(peek_waitall_and_trunc)
{
	char buf[16] = "";
	pid_t pid;
	int s[2], n;

	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(write(s[0], "ab", 2), 2);
	EXPECT_EQ(write(s[0], "cd", 2), 2);
	EXPECT_EQ(recv(s[1], buf, 3, MSG_PEEK), 3);
	EXPECT_EQ(memcmp(buf, "abc", 3), 0);
	EXPECT_EQ(recv(s[1], buf, 16, MSG_PEEK), 4);
	EXPECT_OK(ioctl(s[1], FIONREAD, &n));
	EXPECT_EQ(n, 4);
	EXPECT_EQ(recv(s[1], buf, 16, 0), 4);
	EXPECT_OK(ioctl(s[1], FIONREAD, &n));
	EXPECT_EQ(n, 0);
	EXPECT_ERR(recv(s[1], buf, 16, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
	pid = test_fork();
	if (!pid) {
		for (n = 0; n < 10; n++) {
			usleep(1000);
			ASSERT_EQ(write(s[0], "0123456789" + n, 1), 1);
		}
		_exit(0);
	}
	EXPECT_EQ(recv(s[1], buf, 10, MSG_WAITALL), 10);
	EXPECT_EQ(memcmp(buf, "0123456789", 10), 0);
	EXPECT_EXIT(pid, 0);
}

TEST(vectors_go_in_one_piece)
{
	char a[4] = "", b[8] = "";
	struct iovec out[3] = { { "he", 2 }, { "", 0 }, { "llo!", 4 } };
	struct iovec in[2] = { { a, 3 }, { b, 8 } };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 3 };
	int s[2];

	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(writev(s[0], out, 3), 6);
	EXPECT_EQ(readv(s[1], in, 2), 6);
	EXPECT_STR(a, "hel");
	EXPECT_EQ(memcmp(b, "lo!", 3), 0);
	/* The first element is full, and nothing more is there: readv does not wait for the second. */
	EXPECT_EQ(write(s[0], "abc", 3), 3);
	EXPECT_EQ(readv(s[1], in, 2), 3);
	EXPECT_EQ(sendmsg(s[0], &m, 0), 6);
	m.msg_iov = in;
	m.msg_iovlen = 2;
	EXPECT_EQ(recvmsg(s[1], &m, 0), 6);
	EXPECT_EQ(m.msg_flags, 0);
	m.msg_iovlen = 1025;
	EXPECT_ERR(sendmsg(s[0], &m, 0), EMSGSIZE);
}

TEST(a_full_buffer_stops_the_sender)
{
	int s[2], size = 1, n;
	socklen_t len = sizeof(size);
	long sent = 0, got = 0;
	char buf[4096];

	make_pair(SOCK_STREAM, s);
	ASSERT_OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	ASSERT_OK(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, &len));
	EXPECT_EQ(size, 4608);
	memset(buf, 7, sizeof(buf));
	while ((n = send(s[0], buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		sent += n;
		ASSERT_LT(sent, 1 << 20);
	}
	EXPECT_EQ(n, -1);
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_GT(sent, 1000);
	EXPECT_LT(sent, 32768);
	EXPECT_EQ(events(s[0]) & POLLOUT, 0);
	EXPECT_OK(ioctl(s[0], TIOCOUTQ, &n));
	EXPECT_GE(n, sent);
	while ((n = recv(s[1], buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		got += n;
	EXPECT_EQ(got, sent);
	EXPECT_EQ(events(s[0]) & POLLOUT, POLLOUT);
	EXPECT_OK(ioctl(s[0], TIOCOUTQ, &n));
	EXPECT_EQ(n, 0);
}

static void drip(int fd, uint64_t seed, long total)
{
	unsigned char buf[70000];
	long at = 0, i;

	while (at < total) {
		long n = 1 + rnd_below(sizeof(buf));

		n = n > total - at ? total - at : n;
		for (i = 0; i < n; i++)
			buf[i] = (at + i) * seed >> 8;
		ASSERT_OK(write_all(fd, buf, n));
		at += n;
	}
}

TEST(megabytes_arrive_in_order)
{
	unsigned char buf[50000];
	long at = 0, total = 3 << 20, i;
	uint64_t seed = rnd() | 1;
	pid_t pid;
	int s[2];

	make_pair(SOCK_STREAM, s);
	pid = test_fork();
	if (!pid) {
		close(s[1]);
		drip(s[0], seed, total);
		_exit(0);
	}
	close(s[0]);
	for (;;) {
		long n = read(s[1], buf, 1 + rnd_below(sizeof(buf)));

		ASSERT_OK(n);
		if (!n)
			break;
		for (i = 0; i < n; i++)
			ASSERT_EQ(buf[i], (unsigned char)((at + i) * seed >> 8));
		at += n;
	}
	EXPECT_EQ(at, total);
	EXPECT_EXIT(pid, 0);
}

TEST(timeouts_end_waiting)
{
	struct timeval tv = { 0, 20000 }, got;
	socklen_t len = sizeof(got);
	char buf[4096] = { 0 };
	int s[2], i;

	make_pair(SOCK_STREAM, s);
	ASSERT_OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	ASSERT_OK(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	ASSERT_OK(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len));
	EXPECT_EQ(len, sizeof(got));
	EXPECT_EQ(got.tv_usec, 20000);
	EXPECT_ERR(read(s[0], buf, 1), EAGAIN);
	for (i = 0; i < 100000 && write(s[0], buf, sizeof(buf)) > 0; i++)
		;
	EXPECT_LT(i, 100000);
	EXPECT_EQ(errno, EAGAIN);
	tv.tv_usec = 1000000;
	EXPECT_ERR(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
}

TEST(the_backlog_is_bounded)
{
	struct name n = name_of("@backlog");
	struct timeval tv = { 0, 20000 };
	int l = listening(SOCK_STREAM, n, 1), s, i, nr = 0, a;
	pid_t pid;

	for (i = 0; i < 10; i++) {
		s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(s, NAME(n)))
			break;
		nr++;
	}
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_EQ(nr, 2);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	ASSERT_OK(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	EXPECT_ERR(connect(s, NAME(n)), EAGAIN);
	/* A connect that waits goes on when another one is accepted. */
	pid = test_fork();
	if (!pid)
		_exit(connect(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)) ? 1 : 0);
	a = accept4(l, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ASSERT_OK(a);
	EXPECT_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(a, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EXPECT_EXIT(pid, 0);
	for (i = 0; i < 2; i++)
		EXPECT_OK(accept(l, NULL, NULL));
	fcntl(l, F_SETFL, O_NONBLOCK);
	EXPECT_ERR(accept(l, NULL, NULL), EAGAIN);
	EXPECT_OK(shutdown(l, SHUT_RD));
	EXPECT_ERR(accept(l, NULL, NULL), EAGAIN);
	fcntl(l, F_SETFL, 0);
	EXPECT_ERR(accept(l, NULL, NULL), EINVAL);
	EXPECT_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)), ECONNREFUSED);
}

TEST(connections_that_nobody_accepted_end_with_the_listener)
{
	struct name n = name_of("@embryo");
	int l = listening(SOCK_STREAM, n, 3), s = connected(SOCK_STREAM, n);
	char c;

	EXPECT_EQ(write(s, "x", 1), 1);
	close(l);
	EXPECT_ERR(read(s, &c, 1), ECONNRESET);
	EXPECT_EQ(read(s, &c, 1), 0);
	EXPECT_ERR(send(s, "x", 1, MSG_NOSIGNAL), EPIPE);
}

TEST(epoll_tells_of_each_write)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET }, got;
	int s[2], ep = epoll_create1(0);
	char c;

	make_pair(SOCK_STREAM, s);
	ASSERT_OK(epoll_ctl(ep, EPOLL_CTL_ADD, s[1], &ev));
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 0);
	EXPECT_EQ(write(s[0], "a", 1), 1);
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 1);
	EXPECT_EQ(got.events, EPOLLIN);
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 0);
	EXPECT_EQ(write(s[0], "b", 1), 1);
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 1);
	EXPECT_EQ(read(s[1], &c, 1), 1);
	close(s[0]);
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 1);
	EXPECT_EQ(got.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP), EPOLLIN | EPOLLRDHUP | EPOLLHUP);
}

TEST(sendfile_into_a_socket)
{
	char buf[8] = "";
	int s[2], f;

	test_dir();
	make_file("f", "content", 7);
	f = open("f", O_RDONLY);
	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(sendfile(s[0], f, NULL, 100), 7);
	EXPECT_EQ(read(s[1], buf, 8), 7);
	EXPECT_STR(buf, "content");
}

static void on_alarm(int sig unused)
{
}

TEST(a_signal_interrupts_or_restarts)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval it = { { 0, 5000 }, { 0, 5000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct timeval tv = { 1000, 0 };
	int s[2];
	char c;

	make_pair(SOCK_STREAM, s);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	EXPECT_ERR(read(s[0], &c, 1), EINTR);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	/* With a time limit it is not begun again. */
	ASSERT_OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	EXPECT_ERR(read(s[0], &c, 1), EINTR);
	setitimer(ITIMER_REAL, &off, NULL);
}

/* ---- threads ---- */

#define ROUNDS 300

static void *echo(void *arg)
{
	int l = *(int *)arg, a, n;
	char buf[64];

	while ((a = accept(l, NULL, NULL)) >= 0) {
		while ((n = read(a, buf, sizeof(buf))) > 0)
			write_all(a, buf, n);
		close(a);
	}
	return NULL;
}

static void *ask(void *arg)
{
	struct name n = *(struct name *)arg;
	long bad = 0;
	int i, s;

	for (i = 0; i < ROUNDS; i++) {
		char in[8] = "", out[8];

		s = socket(AF_UNIX, SOCK_STREAM, 0);
		bad += connect(s, NAME(n)) != 0;
		snprintf(out, sizeof(out), "%d", i);
		bad += write(s, out, 8) != 8;
		bad += recv(s, in, 8, MSG_WAITALL) != 8 || strcmp(in, out);
		close(s);
	}
	return (void *)bad;
}

TEST(threads_that_connect_talk_and_close)
{
	struct name n = name_of("@threads");
	int l = listening(SOCK_STREAM, n, 2), i;
	pthread_t server[2], client[3];
	void *bad;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&server[i], NULL, echo, &l), 0);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(pthread_create(&client[i], NULL, ask, &n), 0);
	for (i = 0; i < 3; i++) {
		pthread_join(client[i], &bad);
		EXPECT_EQ((long)bad, 0);
	}
	EXPECT_OK(shutdown(l, SHUT_RDWR));
	for (i = 0; i < 2; i++)
		pthread_join(server[i], NULL);
}
