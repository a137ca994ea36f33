/*
 * unix_rights.c - files and credentials in messages of unix-domain sockets, and the collector of circles.
 */
#include "sockets.h"
#include <sys/epoll.h>
#include <sys/resource.h>

static int fd_count(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -1;

	ASSERT(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A pipe whose write end lies in a message: end-of-file on the read end says that nobody holds it any more. */
static void make_sentinel(int p[2])
{
	ASSERT_OK(pipe(p));
	ASSERT_OK(fcntl(p[0], F_SETFL, O_NONBLOCK));
}

static int sentinel_gone(int fd)
{
	char c;

	return read(fd, &c, 1) == 0;
}

/* The collector is asked to look when a socket ends: so many times at most (0: for ever), 20 ms apart. */
static int collected(int fd, int times)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	do
		close(socket(AF_UNIX, SOCK_STREAM, 0));
	while (!poll(&p, 1, 20) && --times);
	return sentinel_gone(fd);
}

static void wait_gone(int fd)
{
	EXPECT(collected(fd, 0));
}

TEST(a_file_arrives_as_a_new_descriptor)
{
	int types[3] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET }, i, s[2], got[4], nr, f;
	char buf[8];
	struct stat a, b;

	test_dir();
	make_file("f", "0123456789", 10);
	for (i = 0; i < 3; i++) {
		make_pair(types[i], s);
		f = open("f", O_RDONLY);
		ASSERT_OK(fstat(f, &a));
		EXPECT_EQ(lseek(f, 3, SEEK_SET), 3);
		EXPECT_EQ(send_files(s[0], "x", &f, 1, 0), 1);
		close(f);
		EXPECT_EQ(recv_files(s[1], buf, 8, got, 4, &nr, 0, NULL), 1);
		ASSERT_EQ(nr, 1);
		/* The same open file: its position came along. */
		EXPECT_EQ(read(got[0], buf, 2), 2);
		EXPECT_EQ(buf[0], '3');
		ASSERT_OK(fstat(got[0], &b));
		EXPECT_EQ(a.st_ino, b.st_ino);
		EXPECT_EQ(fcntl(got[0], F_GETFD), 0);
		close(got[0]);
		close(s[0]);
		close(s[1]);
	}
}

TEST(close_on_exec_when_asked)
{
	int s[2], got[4], nr, flags;
	char c;

	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(send_files(s[0], "x", s, 2, 0), 1);
	EXPECT_EQ(recv_files(s[1], &c, 1, got, 4, &nr, MSG_CMSG_CLOEXEC, &flags), 1);
	ASSERT_EQ(nr, 2);
	EXPECT_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(got[1], F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(flags & (MSG_CTRUNC | MSG_TRUNC), 0);
}

TEST(bad_control_messages)
{
	char control[64] = { 0 };
	struct cmsghdr *c = (struct cmsghdr *)control;
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int s[2], many[300], i, bad = -1, before;

	make_pair(SOCK_STREAM, s);
	before = fd_count();
	bad = 9999;
	EXPECT_ERR(send_files(s[0], "x", &bad, 1, 0), EBADF);
	for (i = 0; i < 300; i++)
		many[i] = s[0];
	EXPECT_ERR(send_files(s[0], "x", many, 254, 0), EINVAL);
	many[2] = -1;
	EXPECT_ERR(send_files(s[0], "x", many, 4, 0), EBADF);
	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_len = 4;
	EXPECT_ERR(sendmsg(s[0], &m, 0), EINVAL);
	c->cmsg_len = 100;
	EXPECT_ERR(sendmsg(s[0], &m, 0), EINVAL);
	c->cmsg_len = CMSG_LEN(4);
	c->cmsg_type = 77;
	EXPECT_ERR(sendmsg(s[0], &m, 0), EINVAL);
	/* Other levels are none of its business. */
	c->cmsg_level = 41;
	m.msg_controllen = CMSG_SPACE(4);
	EXPECT_EQ(sendmsg(s[0], &m, 0), 1);
	m.msg_controllen = 8;
	EXPECT_EQ(sendmsg(s[0], &m, 0), 1);
	m.msg_control = (void *)8;
	EXPECT_ERR(sendmsg(s[0], &m, 0), EFAULT);
	EXPECT_EQ(fd_count(), before);
}

TEST(as_many_as_fit)
{
	int s[2], many[253], got[300], nr, i, flags, p[2];
	char c;

	make_pair(SOCK_STREAM, s);
	make_sentinel(p);
	for (i = 0; i < 253; i++)
		many[i] = p[1];
	EXPECT_EQ(send_files(s[0], "x", many, 253, 0), 1);
	EXPECT_EQ(recv_files(s[1], &c, 1, got, 300, &nr, 0, &flags), 1);
	EXPECT_EQ(nr, 253);
	EXPECT_EQ(flags, 0);
	for (i = 0; i < nr; i++)
		close(got[i]);
	/* There is room for two: the others are closed. */
	EXPECT_EQ(send_files(s[0], "x", many, 10, 0), 1);
	EXPECT_EQ(recv_files(s[1], &c, 1, got, 2, &nr, 0, &flags), 1);
	EXPECT_EQ(nr, 2);
	EXPECT_EQ(flags, MSG_CTRUNC);
	close(got[0]);
	close(got[1]);
	/* No control buffer at all, or plain read: they are gone too. */
	EXPECT_EQ(send_files(s[0], "x", many, 10, 0), 1);
	EXPECT_EQ(read(s[1], &c, 1), 1);
	close(p[1]);
	EXPECT(sentinel_gone(p[0]));
}

TEST(no_free_descriptor)
{
	struct rlimit rl;
	int s[2], got[8], many[4], nr, flags, i;
	char c;

	make_pair(SOCK_STREAM, s);
	for (i = 0; i < 4; i++)
		many[i] = s[0];
	EXPECT_EQ(send_files(s[0], "x", many, 4, 0), 1);
	ASSERT_OK(getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = dup(0) + 2;
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &rl));
	EXPECT_EQ(recv_files(s[1], &c, 1, got, 8, &nr, 0, &flags), 1);
	EXPECT_EQ(nr, 1);
	EXPECT_EQ(flags, MSG_CTRUNC);
}

TEST(files_stand_between_the_bytes_of_a_stream)
{
	int s[2], got[4], nr;
	char buf[16] = "";

	make_pair(SOCK_STREAM, s);
	EXPECT_EQ(write(s[0], "ab", 2), 2);
	EXPECT_EQ(send_files(s[0], "cd", s, 1, 0), 2);
	EXPECT_EQ(write(s[0], "ef", 2), 2);
	/* Peeking shows the files too, as descriptors of its own; it goes no further than they. */
	EXPECT_EQ(recv_files(s[1], buf, 16, got, 4, &nr, MSG_PEEK, NULL), 4);
	EXPECT_EQ(nr, 1);
	EXPECT_EQ(recv_files(s[1], buf, 3, got, 4, &nr, 0, NULL), 3);
	EXPECT_EQ(nr, 1);
	EXPECT_EQ(recv_files(s[1], buf, 16, got, 4, &nr, 0, NULL), 3);
	EXPECT_EQ(nr, 0);
	EXPECT_EQ(memcmp(buf, "def", 3), 0);
}

static int get_creds(int fd, struct ucred *out, char *buf, size_t size)
{
	char control[128] = { 0 };
	struct iovec iov = { buf, size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int n;

	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	n = recvmsg(fd, &m, MSG_DONTWAIT);
	memset(out, 0xee, sizeof(*out));
	for (c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
			memcpy(out, CMSG_DATA(c), sizeof(*out));
	return n;
}

static int send_creds(int fd, struct ucred *u)
{
	char control[CMSG_SPACE(sizeof(*u))] = { 0 };
	struct iovec iov = { "c", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(*u));
	memcpy(CMSG_DATA(c), u, sizeof(*u));
	return sendmsg(fd, &m, 0);
}

TEST(credentials_name_the_sender)
{
	int s[2], on = 1, type, i;
	struct ucred u;
	char buf[8];
	pid_t pid;

	for (i = 0; i < 2; i++) {
		type = i ? SOCK_DGRAM : SOCK_STREAM;
		make_pair(type, s);
		ASSERT_OK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
		EXPECT_EQ(write(s[0], "a", 1), 1);
		pid = test_fork();
		if (!pid)
			_exit(write(s[0], "b", 1) == 1 ? 0 : 1);
		EXPECT_EXIT(pid, 0);
		EXPECT_EQ(write(s[0], "c", 1), 1);
		/* The bytes of two senders are not mixed. */
		EXPECT_EQ(get_creds(s[1], &u, buf, 8), 1);
		EXPECT_EQ(u.pid, getpid());
		EXPECT_EQ(u.uid, getuid());
		EXPECT_EQ(u.gid, getgid());
		EXPECT_EQ(get_creds(s[1], &u, buf, 8), 1);
		EXPECT_EQ(u.pid, pid);
		EXPECT_EQ(get_creds(s[1], &u, buf, 8), 1);
		EXPECT_EQ(u.pid, getpid());
		close(s[0]);
		close(s[1]);
	}
}

TEST(credentials_may_not_lie)
{
	struct ucred u = { getpid(), getuid(), getgid() };
	int s[2], on = 1;
	char buf[8];
	pid_t pid;

	make_pair(SOCK_DGRAM, s);
	EXPECT_EQ(send_creds(s[0], &u), 1);
	ASSERT_OK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	EXPECT_EQ(get_creds(s[1], &u, buf, 8), 1);
	EXPECT_EQ(u.pid, getpid());
	pid = test_fork();
	if (!pid) {
		if (getuid() == 0) {
			ASSERT_OK(setgid(1000));
			ASSERT_OK(setuid(1000));
		}
		u = (struct ucred){ getpid(), getuid(), getgid() };
		EXPECT_EQ(send_creds(s[0], &u), 1);
		u.pid = getppid();
		EXPECT_ERR(send_creds(s[0], &u), EPERM);
		u.pid = getpid();
		u.uid = 0;
		EXPECT_ERR(send_creds(s[0], &u), EPERM);
		u.uid = getuid();
		u.gid = 0;
		EXPECT_ERR(send_creds(s[0], &u), EPERM);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(get_creds(s[1], &u, buf, 8), 1);
	EXPECT_EQ(u.pid, pid);
	if (getuid() == 0) {
		u = (struct ucred){ 1, 5, 6 };
		EXPECT_EQ(send_creds(s[0], &u), 1);
		EXPECT_EQ(get_creds(s[1], &u, buf, 8), 1);
		EXPECT_EQ(u.pid, 1);
		EXPECT_EQ(u.uid, 5);
		u.pid = 4000000;
		EXPECT_ERR(send_creds(s[0], &u), ESRCH);
	}
}

TEST(peercred_is_who_connected)
{
	struct name n = name_of("@cred");
	socklen_t len = sizeof(struct ucred);
	struct ucred u;
	int l = listening(SOCK_STREAM, n, 3), a, s;
	pid_t pid;

	s = socket(AF_UNIX, SOCK_STREAM, 0);
	ASSERT_OK(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &len));
	EXPECT_EQ(u.pid, 0);
	EXPECT_EQ((int)u.uid, -1);
	pid = test_fork();
	if (!pid) {
		s = connected(SOCK_STREAM, n);
		ASSERT_OK(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &len));
		_exit(u.pid == getppid() ? 0 : 1);
	}
	EXPECT_EXIT(pid, 0);
	a = accept(l, NULL, NULL);
	ASSERT_OK(getsockopt(a, SOL_SOCKET, SO_PEERCRED, &u, &len));
	EXPECT_EQ(u.pid, pid);
	EXPECT_EQ(u.uid, getuid());
}

/* ---- circles ---- */

TEST(a_message_that_nobody_reads_drops_its_files)
{
	int s[2], p[2];

	make_pair(SOCK_DGRAM, s);
	make_sentinel(p);
	EXPECT_EQ(send_files(s[0], "x", &p[1], 1, 0), 1);
	close(p[1]);
	EXPECT(!sentinel_gone(p[0]));
	close(s[0]);
	EXPECT(!sentinel_gone(p[0]));
	close(s[1]);
	wait_gone(p[0]);
}

TEST(two_sockets_in_each_other_are_collected)
{
	int s[2], p[2];

	make_pair(SOCK_STREAM, s);
	make_sentinel(p);
	/* Each end's queue holds that end: all descriptors closed, two references remain. */
	EXPECT_EQ(send_files(s[0], "x", &s[1], 1, 0), 1);
	EXPECT_EQ(send_files(s[1], "x", &s[0], 1, 0), 1);
	EXPECT_EQ(send_files(s[1], "x", &p[1], 1, 0), 1);
	close(p[1]);
	close(s[0]);
	EXPECT(!sentinel_gone(p[0]));
	close(s[1]);
	wait_gone(p[0]);
}

TEST(a_circle_that_a_live_queue_leads_to_stays)
{
	int s[2], a[2], p[2], got[2], nr;
	char c;

	make_pair(SOCK_STREAM, s);
	make_pair(SOCK_STREAM, a);
	make_sentinel(p);
	EXPECT_EQ(send_files(a[0], "1", &a[1], 1, 0), 1);
	EXPECT_EQ(send_files(a[0], "2", &p[1], 1, 0), 1);
	EXPECT_EQ(send_files(s[0], "3", &a[1], 1, 0), 1);
	close(p[1]);
	close(a[0]);
	close(a[1]);
	close(socket(AF_UNIX, SOCK_STREAM, 0));
	usleep(100000);
	EXPECT(!sentinel_gone(p[0]));
	EXPECT_EQ(recv_files(s[1], &c, 1, got, 2, &nr, 0, NULL), 1);
	ASSERT_EQ(nr, 1);
	EXPECT_EQ(recv(got[0], &c, 1, MSG_PEEK), 1);
	EXPECT_EQ(c, '1');
	close(got[0]);
	wait_gone(p[0]);
}

TEST(a_listener_in_the_queue_of_its_own_connection)
{
	struct name n = name_of("@circle");
	int l = listening(SOCK_STREAM, n, 5), s = connected(SOCK_STREAM, n), p[2];

	make_sentinel(p);
	EXPECT_EQ(send_files(s, "x", &l, 1, 0), 1);
	EXPECT_EQ(send_files(s, "x", &p[1], 1, 0), 1);
	close(p[1]);
	close(l);
	EXPECT(!sentinel_gone(p[0]));
	close(s);
	wait_gone(p[0]);
}

TEST(a_long_chain_ends_without_recursion)
{
	int p[2], s[2], next, i;

	make_sentinel(p);
	next = p[1];
	/* Each socket's queue holds the one before: the last close ends all of them. */
	for (i = 0; i < 3000; i++) {
		make_pair(SOCK_DGRAM, s);
		ASSERT_EQ(send_files(s[0], "x", &next, 1, 0), 1);
		close(next);
		close(s[0]);
		next = s[1];
	}
	EXPECT(!sentinel_gone(p[0]));
	close(next);
	wait_gone(p[0]);
}

TEST(too_many_files_under_way)
{
	struct rlimit rl = { 20, 20 };
	int s[2], many[10], i;
	pid_t pid;

	pid = test_fork();
	if (!pid) {
		make_pair(SOCK_DGRAM, s);
		for (i = 0; i < 10; i++)
			many[i] = s[0];
		/* A number that no other process of this machine is likely to run under. */
		ASSERT_OK(setrlimit(RLIMIT_NOFILE, &rl));
		if (getuid() == 0)
			ASSERT_OK(setuid(54321));
		for (i = 0; i < 3; i++)
			EXPECT_EQ(send_files(s[0], "x", many, 10, MSG_DONTWAIT), 1);
		EXPECT_ERR(send_files(s[0], "x", many, 1, MSG_DONTWAIT), ETOOMANYREFS);
		for (i = 0; i < 3; i++)
			EXPECT_EQ(read(s[1], many, 1), 1);
		EXPECT_EQ(send_files(s[0], "x", s, 1, MSG_DONTWAIT), 1);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
}

/*
 * Random graphs of sockets in sockets: when all descriptors are closed the collector must find everything; while one is
 * open what it leads to must stay.
 */
TEST(random_graphs_are_collected_whole)
{
	int p[2], s[16][2], round, i, nr, got[4];
	char c;

	for (round = 0; round < 20; round++) {
		int live = rnd_below(16), kept = 0;

		make_sentinel(p);
		for (i = 0; i < 16; i++)
			make_pair(SOCK_DGRAM, s[i]);
		for (i = 0; i < 40; i++) {
			int from = rnd_below(16),
			    what[2] = { s[rnd_below(16)][rnd_below(2)], p[1] };

			ASSERT_EQ(send_files(s[from][0], "x", what, 2, MSG_DONTWAIT), 1);
			kept += from == live;
		}
		close(p[1]);
		for (i = 0; i < 16; i++) {
			close(s[i][0]);
			if (i != live)
				close(s[i][1]);
		}
		if (kept) {
			/* Linux 6.18 takes messages out of live queues. */
			if (!on_quire() && sentinel_gone(p[0]))
				skip("the collector of this Linux is wrong");
			EXPECT(!sentinel_gone(p[0]));
			if (recv_files(s[live][1], &c, 1, got, 4, &nr, MSG_DONTWAIT, NULL) != 1 &&
			    !on_quire())
				skip("the collector of this Linux is wrong");
			EXPECT_EQ(nr, 2);
			close(got[0]);
			close(got[1]);
		}
		close(s[live][1]);
		/* Linux 6.18 forgets some circles, too. */
		if (!on_quire() && !collected(p[0], 20))
			skip("the collector of this Linux is wrong");
		if (on_quire())
			wait_gone(p[0]);
		close(p[0]);
	}
}

/* The collector runs beside those who send, receive and close. */
TEST(collecting_beside_traffic)
{
	pid_t pid[3];
	int i;

	for (i = 0; i < 3; i++) {
		pid[i] = test_fork();
		if (!pid[i]) {
			int s[2], t[2], got[4], nr, round;
			char c;

			for (round = 0; round < 200; round++) {
				make_pair(SOCK_STREAM, s);
				make_pair(SOCK_DGRAM, t);
				ASSERT_EQ(send_files(s[0], "x", t, 2, 0), 1);
				ASSERT_EQ(send_files(t[0], "y", s, 2, 0), 1);
				if (i != 1) {
					ASSERT_EQ(recv_files(s[1], &c, 1, got, 4, &nr, 0, NULL), 1);
					ASSERT_EQ(nr, 2);
					close(t[0]);
					close(t[1]);
					ASSERT_EQ(recv(got[1], &c, 1, MSG_PEEK), 1);
					ASSERT_EQ(c, 'y');
					close(got[0]);
					close(got[1]);
				} else {
					close(t[0]);
					close(t[1]);
				}
				close(s[0]);
				close(s[1]);
			}
			_exit(0);
		}
	}
	for (i = 0; i < 3; i++)
		EXPECT_EXIT(pid[i], 0);
}
