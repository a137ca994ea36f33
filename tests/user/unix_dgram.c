/*
 * unix_dgram.c - unix-domain datagram and seqpacket sockets: whole messages, names, peers, full queues, many at once.
 */
#include "sockets.h"
#include <sys/epoll.h>
#include <time.h>

TEST(messages_keep_their_borders)
{
	int types[2] = { SOCK_DGRAM, SOCK_SEQPACKET }, i, s[2], n;
	char buf[16] = "";

	for (i = 0; i < 2; i++) {
		make_pair(types[i], s);
		EXPECT_EQ(send(s[0], "first", 5, 0), 5);
		EXPECT_EQ(send(s[0], "", 0, 0), 0);
		EXPECT_EQ(send(s[0], "second", 6, 0), 6);
		EXPECT_OK(ioctl(s[1], FIONREAD, &n));
		EXPECT_EQ(n, types[i] == SOCK_DGRAM ? 5 : 11);
		EXPECT_EQ(recv(s[1], buf, 16, MSG_PEEK), 5);
		EXPECT_EQ(recv(s[1], buf, 2, MSG_PEEK | MSG_TRUNC), 5);
		EXPECT_EQ(read(s[1], buf, 16), 5);
		EXPECT_EQ(recv(s[1], buf, 16, 0), 0);
		/* What does not fit is lost. */
		EXPECT_EQ(recv(s[1], buf, 3, 0), 3);
		EXPECT_EQ(memcmp(buf, "sec", 3), 0);
		EXPECT_ERR(recv(s[1], buf, 3, MSG_DONTWAIT), EAGAIN);
		close(s[0]);
		close(s[1]);
	}
}

TEST(recvmsg_says_what_was_cut)
{
	struct name me = name_of("@me"), to = name_of("@to");
	struct sockaddr_un from;
	struct iovec iov;
	char buf[16];
	struct msghdr m = { .msg_name = &from, .msg_iov = &iov, .msg_iovlen = 1 };
	int a = bound(SOCK_DGRAM, me), b = bound(SOCK_DGRAM, to);

	EXPECT_EQ(sendto(a, "0123456789", 10, 0, NAME(to)), 10);
	iov.iov_base = buf;
	iov.iov_len = 4;
	m.msg_namelen = sizeof(from);
	EXPECT_EQ(recvmsg(b, &m, 0), 4);
	EXPECT_EQ(m.msg_flags, MSG_TRUNC);
	EXPECT_EQ(m.msg_namelen, me.len);
	EXPECT_EQ(memcmp(&from, &me.un, me.len), 0);
	EXPECT_EQ(m.msg_controllen, 0);
	/* The length is the address's own, also when there is less room. */
	EXPECT_EQ(sendto(a, "0123", 4, 0, NAME(to)), 4);
	m.msg_namelen = 3;
	EXPECT_EQ(recvmsg(b, &m, 0), 4);
	EXPECT_EQ(m.msg_flags, 0);
	EXPECT_EQ(m.msg_namelen, me.len);
}

TEST(connect_sets_a_peer_and_shuts_strangers_out)
{
	struct name na = name_of("@a"), nb = name_of("@b"), nc = name_of("@c");
	int a = bound(SOCK_DGRAM, na), b = bound(SOCK_DGRAM, nb), c = bound(SOCK_DGRAM, nc);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_un got;
	socklen_t len = sizeof(got);
	char buf[8];

	EXPECT_ERR(send(a, "x", 1, 0), ENOTCONN);
	EXPECT_ERR(getpeername(a, (struct sockaddr *)&got, &len), ENOTCONN);
	ASSERT_OK(connect(a, NAME(nb)));
	EXPECT_EQ(send(a, "x", 1, 0), 1);
	ASSERT_OK(getpeername(a, (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, nb.len);
	ASSERT_OK(connect(b, NAME(na)));
	EXPECT_ERR(sendto(c, "y", 1, 0, NAME(nb)), EPERM);
	EXPECT_ERR(connect(c, NAME(nb)), EPERM);
	EXPECT_EQ(sendto(a, "z", 1, 0, NAME(nc)), 1);
	EXPECT_EQ(recv(b, buf, 8, 0), 1);
	/* Another peer: what came from the old one is lost, and it learns of it. */
	EXPECT_EQ(send(b, "lost", 4, 0), 4);
	ASSERT_OK(connect(a, &none, sizeof(none)));
	EXPECT_ERR(recv(a, buf, 8, MSG_DONTWAIT), EAGAIN);
	EXPECT_ERR(send(a, "x", 1, 0), ENOTCONN);
	EXPECT_ERR(send(b, "x", 1, 0), ECONNRESET);
	EXPECT_EQ(send(b, "x", 1, 0), 1);
	EXPECT_EQ(recv(a, buf, 8, 0), 1);
	close(a);
	EXPECT_ERR(send(b, "x", 1, 0), ECONNREFUSED);
	EXPECT_ERR(send(b, "x", 1, 0), ENOTCONN);
	EXPECT_ERR(sendto(b, "x", 1, 0, NAME(na)), ECONNREFUSED);
}

TEST(limits_of_size)
{
	char *big = malloc(1 << 20);
	int s[2], size = 0;
	socklen_t len = sizeof(size);

	make_pair(SOCK_DGRAM, s);
	ASSERT_OK(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, &len));
	memset(big, 5, 1 << 20);
	EXPECT_EQ(send(s[0], big, size - 32, 0), size - 32);
	EXPECT_ERR(send(s[0], big, size - 31, 0), EMSGSIZE);
	EXPECT_EQ(recv(s[1], big, 1 << 20, 0), size - 32);
	EXPECT_EQ(big[size - 33], 5);
}

TEST(a_full_queue_stops_strangers)
{
	struct name n = name_of("@full");
	struct timeval tv = { 0, 20000 };
	int to = bound(SOCK_DGRAM, n), from = connected(SOCK_DGRAM, n), i = 0;
	char c;

	while (i < 1000 && send(from, "x", 1, MSG_DONTWAIT) == 1)
		i++;
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_GT(i, 0);
	/* Linux's own default is 10; systems raise it. */
	if (on_quire())
		EXPECT_EQ(i, 11);
	ASSERT_OK(setsockopt(from, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	EXPECT_ERR(send(from, "x", 1, 0), EAGAIN);
	EXPECT_EQ(events(from) & POLLOUT, 0);
	EXPECT_EQ(recv(to, &c, 1, 0), 1);
	EXPECT_EQ(events(from) & POLLOUT, POLLOUT);
	EXPECT_EQ(send(from, "x", 1, MSG_DONTWAIT), 1);
}

TEST(poll_waits_for_the_receivers_queue)
{
	struct name n = name_of("@relay");
	int to = bound(SOCK_DGRAM, n), from = connected(SOCK_DGRAM, n), go[2];
	pid_t pid;
	char c;

	while (send(from, "x", 1, MSG_DONTWAIT) == 1)
		;
	ASSERT_OK(pipe(go));
	pid = test_fork();
	if (!pid) {
		read(go[0], &c, 1);
		usleep(20000);
		_exit(recv(to, &c, 1, 0) == 1 ? 0 : 1);
	}
	EXPECT_EQ(write(go[1], "g", 1), 1);
	EXPECT_EQ(wait_events(from, POLLOUT), POLLOUT);
	EXPECT_EXIT(pid, 0);
	/* Full again: the receiver's end wakes too. */
	while (send(from, "x", 1, MSG_DONTWAIT) == 1)
		;
	pid = test_fork();
	if (!pid) {
		close(to);
		read(go[0], &c, 1);
		usleep(20000);
		_exit(0);
	}
	EXPECT_EQ(events(from) & POLLOUT, 0);
	close(to);
	EXPECT_EQ(write(go[1], "g", 1), 1);
	EXPECT_EQ(wait_events(from, POLLOUT), POLLOUT);
	EXPECT_ERR(send(from, "x", 1, 0), ECONNREFUSED);
	EXPECT_EXIT(pid, 0);
}

TEST(a_blocked_sender_goes_on)
{
	struct name n = name_of("@block");
	int to = bound(SOCK_DGRAM, n), i;
	pid_t pid;
	char c;

	pid = test_fork();
	if (!pid) {
		int from = connected(SOCK_DGRAM, n);

		for (i = 0; i < 500; i++) {
			c = i;
			ASSERT_EQ(send(from, &c, 1, 0), 1);
		}
		_exit(0);
	}
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(recv(to, &c, 1, 0), 1);
		ASSERT_EQ((unsigned char)c, i & 255);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(ends_of_datagram_sockets)
{
	int s[2];
	char c;

	signal(SIGPIPE, SIG_IGN);
	make_pair(SOCK_DGRAM, s);
	EXPECT_OK(shutdown(s[0], SHUT_WR));
	EXPECT_ERR(send(s[0], "x", 1, 0), EPIPE);
	EXPECT_OK(shutdown(s[1], SHUT_RD));
	EXPECT_EQ(recv(s[1], &c, 1, 0), 0);
	EXPECT_ERR(recv(s[1], &c, 1, MSG_DONTWAIT), EAGAIN);
	make_pair(SOCK_DGRAM, s);
	EXPECT_OK(shutdown(s[1], SHUT_RD));
	EXPECT_ERR(send(s[0], "x", 1, 0), EPIPE);
	EXPECT_EQ(events(s[0]), POLLOUT);
}

TEST(seqpackets_connect_like_streams)
{
	struct name n = name_of("@seq");
	int l = listening(SOCK_SEQPACKET, n, 2), s = socket(AF_UNIX, SOCK_SEQPACKET, 0), a;
	char buf[8];

	signal(SIGPIPE, SIG_IGN);
	EXPECT_ERR(send(s, "x", 1, 0), ENOTCONN);
	EXPECT_ERR(recv(s, buf, 1, 0), ENOTCONN);
	EXPECT_EQ(events(s), POLLOUT | POLLHUP);
	ASSERT_OK(connect(s, NAME(n)));
	a = accept(l, NULL, NULL);
	ASSERT_OK(a);
	EXPECT_EQ(write(s, "one", 3), 3);
	EXPECT_EQ(write(s, "two", 3), 3);
	EXPECT_EQ(read(a, buf, 8), 3);
	close(s);
	EXPECT_EQ(read(a, buf, 8), 3);
	EXPECT_EQ(read(a, buf, 8), 0);
	EXPECT_EQ(recv(a, buf, 8, MSG_DONTWAIT), 0);
	EXPECT_ERR(write(a, "x", 1), EPIPE);
	EXPECT_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)), ECONNREFUSED);
}

TEST(a_wrong_type_by_path)
{
	struct name n;

	test_dir();
	n = name_of("sock");
	listening(SOCK_STREAM, n, 2);
	EXPECT_ERR(connect(socket(AF_UNIX, SOCK_DGRAM, 0), NAME(n)), EPROTOTYPE);
	EXPECT_ERR(connect(socket(AF_UNIX, SOCK_SEQPACKET, 0), NAME(n)), EPROTOTYPE);
}

TEST(many_messages_in_one_call)
{
	struct mmsghdr v[4];
	struct iovec iov[4];
	char buf[4][8];
	struct timespec t = { 0, 0 };
	int s[2], i;

	make_pair(SOCK_DGRAM, s);
	memset(v, 0, sizeof(v));
	for (i = 0; i < 4; i++) {
		iov[i] = (struct iovec){ "abcdefgh", i + 1 };
		v[i].msg_hdr.msg_iov = &iov[i];
		v[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(sendmmsg(s[0], v, 4, 0), 4);
	EXPECT_EQ(v[3].msg_len, 4);
	for (i = 0; i < 4; i++)
		iov[i] = (struct iovec){ buf[i], 8 };
	EXPECT_EQ(recvmmsg(s[1], v, 3, 0, NULL), 3);
	EXPECT_EQ(v[0].msg_len, 1);
	EXPECT_EQ(v[2].msg_len, 3);
	EXPECT_EQ(memcmp(buf[2], "abc", 3), 0);
	EXPECT_EQ(recvmmsg(s[1], v, 4, MSG_WAITFORONE, NULL), 1);
	EXPECT_EQ(v[0].msg_len, 4);
	EXPECT_ERR(recvmmsg(s[1], v, 4, MSG_DONTWAIT, NULL), EAGAIN);
	EXPECT_EQ(send(s[0], "x", 1, 0), 1);
	t.tv_nsec = 1;
	EXPECT_EQ(recvmmsg(s[1], v, 4, 0, &t), 1);
	t.tv_nsec = -1;
	EXPECT_ERR(recvmmsg(s[1], v, 4, 0, &t), EINVAL);
	/* The second one is bad: the first went out. */
	v[1].msg_hdr.msg_iov = (void *)8;
	EXPECT_EQ(sendmmsg(s[0], v, 2, 0), 1);
	EXPECT_ERR(sendmmsg(s[0], v + 1, 1, 0), EFAULT);
}

/* Random sends and receives on a pair against a model of the queue. */
TEST(random_messages_against_a_model)
{
	struct {
		int len, first;
	} queue[4096];
	unsigned char buf[3000];
	unsigned int head = 0, tail = 0;
	int s[2], step, n;

	make_pair(rnd_below(2) ? SOCK_DGRAM : SOCK_SEQPACKET, s);
	for (step = 0; step < 3000; step++) {
		if (rnd_below(2)) {
			int len = rnd_below(sizeof(buf)), first = rnd_below(256);

			memset(buf, first, len);
			n = send(s[0], buf, len, MSG_DONTWAIT);
			if (n < 0) {
				ASSERT_EQ(errno, EAGAIN);
				ASSERT_NE(head, tail);
				continue;
			}
			ASSERT_EQ(n, len);
			queue[head % 4096].len = len;
			queue[head++ % 4096].first = first;
		} else {
			int peek = rnd_below(4) ? 0 : MSG_PEEK, room = rnd_below(sizeof(buf));

			n = recv(s[1], buf, room, MSG_DONTWAIT | MSG_TRUNC | peek);
			if (head == tail) {
				ASSERT_EQ(n, -1);
				ASSERT_EQ(errno, EAGAIN);
				continue;
			}
			ASSERT_EQ(n, queue[tail % 4096].len);
			if (n && room)
				ASSERT_EQ(buf[(n < room ? n : room) - 1], queue[tail % 4096].first);
			tail += !peek;
		}
	}
}
