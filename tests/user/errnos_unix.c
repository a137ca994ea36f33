/*
 * errnos_unix.c - each errno that socket(2), socketpair(2), bind(2), connect(2), listen(2), accept(2), send(2), recv(2),
 * shutdown(2), getsockname(2), getpeername(2), getsockopt(2) and unix(7) name, for sockets of the unix domain.
 *
 * Rows that are not here, and why:
 *   ENFILE, ENOBUFS, ENOMEM of all of them: the machine out of files or memory (tests/user/failnth.c injects failures).
 *   socket EACCES, bind EADDRNOTAVAIL, EROFS, connect EALREADY, EINPROGRESS, ENETUNREACH, ETIMEDOUT, accept EPERM, EPROTO, send EALREADY:
 *     of other families, of firewalls, or need a read-only disk.
 *   connect EINTR, send EINTR, recv EINTR, SCM_RIGHTS ETOOMANYREFS: tests/user/unix_stream.c, unix_rights.c.
 *   accept ECONNABORTED: Linux does not say so of unix sockets.
 */
#include "errnos.h"
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un named(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	return a;
}

static long bind_to(int fd, const char *path)
{
	struct sockaddr_un a = named(path);

	return bind(fd, (void *)&a, sizeof(a));
}

static long connect_to(int fd, const char *path)
{
	struct sockaddr_un a = named(path);

	return connect(fd, (void *)&a, sizeof(a));
}

static int unix_socket(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	ASSERT_OK(fd);
	return fd;
}

TEST(socket_and_socketpair_rows)
{
	int sv[2];

	EXPECT_ERR(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT_ERR(socket(AF_UNIX, SOCK_STREAM | 0x10, 0), EINVAL);
	EXPECT_ERR(socket(AF_UNIX, 11, 0), EINVAL);
	EXPECT_ERR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	EXPECT_ERR(socket(AF_UNIX, SOCK_STREAM, 77), EPROTONOSUPPORT);
	EXPECT_ERR(socketpair(99, SOCK_STREAM, 0, sv), EAFNOSUPPORT);
	EXPECT_ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, NOWHERE), EFAULT);
	EXPECT_ERR(socketpair(AF_UNIX, SOCK_STREAM, 77, sv), EPROTONOSUPPORT);
	EXPECT_ERR(socketpair(AF_UNIX, SOCK_STREAM | 0x10, 0, sv), EINVAL);
	if (without_descriptors()) {
		EXPECT_ERR(socket(AF_UNIX, SOCK_STREAM, 0), EMFILE);
		EXPECT_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), EMFILE);
		_exit(0);
	}
}

TEST(bind_rows)
{
	int s = unix_socket(SOCK_STREAM), bound = unix_socket(SOCK_STREAM), file = file_of(1);
	struct sockaddr_un a = named("name");

	ASSERT_OK(bind_to(bound, "used"));
	EXPECT_ERR(bind_to(s, "used"), EADDRINUSE);
	EXPECT_ERR(bind_to(-1, "name"), EBADF);
	EXPECT_ERR(bind_to(file, "name"), ENOTSOCK);
	EXPECT_ERR(bind_to(bound, "other"), EINVAL);
	EXPECT_ERR(bind(s, (void *)&a, 1), EINVAL);
	EXPECT_ERR(bind(s, (void *)&a, sizeof(a) + 1), EINVAL);
	a.sun_family = AF_INET;
	EXPECT_ERR(bind(s, (void *)&a, sizeof(a)), EINVAL);
	EXPECT_ERR(bind(s, NOWHERE, sizeof(a)), EFAULT);
	EXPECT_ERR(bind_to(s, "none/name"), ENOENT);
	make_file("file", "", 0);
	EXPECT_ERR(bind_to(s, "file/name"), ENOTDIR);
	ASSERT_OK(symlink("loop", "loop"));
	EXPECT_ERR(bind_to(s, "loop/name"), ELOOP);
	ASSERT_OK(mkdir("shut", 0700));
	if (as_nobody()) {
		EXPECT_ERR(bind_to(s, "shut/name"), EACCES);
		_exit(0);
	}
}

TEST(connect_rows)
{
	int s = unix_socket(SOCK_STREAM), listener = unix_socket(SOCK_STREAM),
	    deaf = unix_socket(SOCK_STREAM);
	int dgram = unix_socket(SOCK_DGRAM), file = file_of(1), more;
	struct sockaddr_un a;

	ASSERT_OK(bind_to(listener, "listener"));
	ASSERT_OK(listen(listener, 5));
	ASSERT_OK(bind_to(deaf, "deaf"));
	make_file("file", "", 0);
	EXPECT_ERR(connect_to(-1, "listener"), EBADF);
	EXPECT_ERR(connect_to(file, "listener"), ENOTSOCK);
	EXPECT_ERR(connect_to(s, "deaf"), ECONNREFUSED);
	EXPECT_ERR(connect_to(s, "file"), ECONNREFUSED);
	EXPECT_ERR(connect_to(s, "none"), ENOENT);
	EXPECT_ERR(connect_to(dgram, "listener"), EPROTOTYPE);
	EXPECT_ERR(connect(s, NOWHERE, sizeof(a)), EFAULT);
	a = named("listener");
	a.sun_family = AF_INET;
	EXPECT_ERR(connect(s, (void *)&a, sizeof(a)), EINVAL);
	EXPECT_ERR(connect(s, (void *)&a, 1), EINVAL);
	ASSERT_OK(chmod("listener", 0600));
	if (as_nobody()) {
		EXPECT_ERR(connect_to(s, "listener"), EACCES);
		_exit(0);
	}
	ASSERT_OK(connect_to(s, "listener"));
	EXPECT_ERR(connect_to(s, "listener"), EISCONN);
	/* EAGAIN: nobody has accepted the first one, and there is no room for a second. */
	ASSERT_OK(listen(listener, 0));
	more = unix_socket(SOCK_STREAM | SOCK_NONBLOCK);
	EXPECT_ERR(connect_to(more, "listener"), EAGAIN);
}

TEST(listen_and_accept_rows)
{
	int s = unix_socket(SOCK_STREAM | SOCK_NONBLOCK), dgram = unix_socket(SOCK_DGRAM),
	    file = file_of(1);
	int plain = unix_socket(SOCK_STREAM), c = unix_socket(SOCK_STREAM);
	socklen_t len = sizeof(struct sockaddr_un);

	EXPECT_ERR(listen(-1, 1), EBADF);
	EXPECT_ERR(listen(file, 1), ENOTSOCK);
	EXPECT_ERR(listen(dgram, 1), EOPNOTSUPP);
	EXPECT_ERR(listen(s, 1), EINVAL); /* it has no name */
	ASSERT_OK(bind_to(s, "s"));
	ASSERT_OK(listen(s, 5));
	EXPECT_ERR(accept(s, NULL, NULL), EAGAIN);
	EXPECT_ERR(accept(-1, NULL, NULL), EBADF);
	EXPECT_ERR(accept(file, NULL, NULL), ENOTSOCK);
	EXPECT_ERR(accept(plain, NULL, NULL), EINVAL);
	EXPECT_ERR(accept(dgram, NULL, NULL), EOPNOTSUPP);
	EXPECT_ERR(syscall(SYS_accept4, s, NULL, NULL, 1), EINVAL);
	ASSERT_OK(connect_to(c, "s"));
	if (without_descriptors()) {
		EXPECT_ERR(accept(s, NULL, NULL), EMFILE);
		_exit(0);
	}
	EXPECT_ERR(accept(s, NOWHERE, &len), EFAULT);
}

TEST(send_rows)
{
	int pair[2], dgram = unix_socket(SOCK_DGRAM), alone = unix_socket(SOCK_STREAM),
		     file = file_of(1);
	int seq[2], small[2];
	struct sockaddr_un a = named("none");
	char *big = map_pages(200);

	signal(SIGPIPE, SIG_IGN);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, seq));
	ASSERT_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, small));
	EXPECT_ERR(send(-1, "x", 1, 0), EBADF);
	EXPECT_ERR(send(file, "x", 1, 0), ENOTSOCK);
	EXPECT_ERR(send(pair[0], NOWHERE, 1, 0), EFAULT);
	EXPECT_ERR(send(alone, "x", 1, 0), ENOTCONN);
	EXPECT_ERR(send(dgram, "x", 1, 0), ENOTCONN);
	EXPECT_ERR(sendto(dgram, "x", 1, 0, (void *)&a, sizeof(a)), ENOENT);
	EXPECT_ERR(sendto(dgram, "x", 1, 0, (void *)&a, 1), EINVAL);
	EXPECT_ERR(sendto(dgram, "x", 1, 0, NOWHERE, sizeof(a)), EFAULT);
	EXPECT_ERR(sendto(pair[0], "x", 1, 0, (void *)&a, sizeof(a)), EISCONN);
	EXPECT_ERR(sendto(alone, "x", 1, 0, (void *)&a, sizeof(a)), EOPNOTSUPP);
	EXPECT_ERR(send(small[0], "x", 1, MSG_OOB), EOPNOTSUPP);
	EXPECT_ERR(send(small[0], big, 200 * PAGE, 0), EMSGSIZE);
	EXPECT_ERR(send(seq[0], big, 200 * PAGE, 0), EMSGSIZE);
	while (send(pair[0], big, PAGE, 0) > 0)
		;
	EXPECT_EQ(errno, EAGAIN);
	ASSERT_OK(shutdown(pair[0], SHUT_WR));
	EXPECT_ERR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(seq[1]);
	EXPECT_ERR(send(seq[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(small[1]);
	EXPECT_ERR(send(small[0], "x", 1, 0), ECONNREFUSED);
}

static long send_control(int fd, int type, const void *data, size_t len)
{
	char control[CMSG_SPACE(64)] = { 0 }, byte = 'x';
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c = (void *)control;

	m.msg_controllen = CMSG_SPACE(len);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	return sendmsg(fd, &m, 0);
}

TEST(rows_of_control_messages)
{
	struct ucred mine = { getpid(), getuid(), getgid() }, other = mine, gone = mine;
	int pair[2], bad = 999;
	struct msghdr m = { .msg_iovlen = 1025 };

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_ERR(send_control(pair[0], 1 /* SCM_RIGHTS */, &bad, sizeof(bad)), EBADF);
	EXPECT_ERR(send_control(pair[0], 77, &bad, sizeof(bad)), EINVAL);
	EXPECT_EQ(send_control(pair[0], 2 /* SCM_CREDENTIALS */, &mine, sizeof(mine)), 1);
	EXPECT_ERR(send_control(pair[0], 2, &mine, sizeof(mine) - 4), EINVAL);
	EXPECT_ERR(syscall(SYS_sendmsg, pair[0], &m, 0), EMSGSIZE);
	EXPECT_ERR(syscall(SYS_sendmsg, pair[0], NOWHERE, 0), EFAULT);
	EXPECT_ERR(syscall(SYS_recvmsg, pair[0], NOWHERE, 0), EFAULT);
	if (!getuid()) {
		gone.pid = dead();
		EXPECT_ERR(send_control(pair[0], 2, &gone, sizeof(gone)), ESRCH);
	}
	if (as_nobody()) {
		other.pid = 1;
		EXPECT_ERR(send_control(pair[0], 2, &other, sizeof(other)), EPERM);
		other.pid = getpid();
		other.uid = 12345;
		EXPECT_ERR(send_control(pair[0], 2, &other, sizeof(other)), EPERM);
		_exit(0);
	}
}

TEST(recv_rows)
{
	int pair[2], alone = unix_socket(SOCK_STREAM), file = file_of(1);
	char byte;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_ERR(recv(-1, &byte, 1, 0), EBADF);
	EXPECT_ERR(recv(file, &byte, 1, 0), ENOTSOCK);
	EXPECT_ERR(recv(pair[0], &byte, 1, MSG_DONTWAIT), EAGAIN);
	/* The page says ENOTCONN; unix stream sockets have always said EINVAL. */
	EXPECT_ERR(recv(alone, &byte, 1, 0), EINVAL);
	EXPECT_EQ(send(pair[1], "x", 1, 0), 1);
	EXPECT_ERR(recv(pair[0], NOWHERE, 1, 0), EFAULT);
	EXPECT_EQ(recv(pair[0], &byte, 1, 0), 1);
	/* ECONNRESET: the other side went with unread bytes. */
	EXPECT_EQ(send(pair[0], "x", 1, 0), 1);
	close(pair[1]);
	EXPECT_ERR(recv(pair[0], &byte, 1, 0), ECONNRESET);
	EXPECT_EQ(recv(pair[0], &byte, 1, 0), 0);
}

TEST(rows_of_the_other_calls)
{
	int pair[2], alone = unix_socket(SOCK_STREAM), file = file_of(1), value = 1;
	struct sockaddr_un a;
	socklen_t len = sizeof(a), bad = -1;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_ERR(shutdown(-1, SHUT_RD), EBADF);
	EXPECT_ERR(shutdown(file, SHUT_RD), ENOTSOCK);
	EXPECT_ERR(shutdown(pair[0], 3), EINVAL);
	EXPECT_ERR(shutdown(pair[0], -1), EINVAL);
	EXPECT_ERR(getsockname(-1, (void *)&a, &len), EBADF);
	EXPECT_ERR(getsockname(file, (void *)&a, &len), ENOTSOCK);
	EXPECT_ERR(getsockname(alone, NOWHERE, &len), EFAULT);
	EXPECT_ERR(getsockname(alone, (void *)&a, NOWHERE), EFAULT);
	EXPECT_ERR(getsockname(alone, (void *)&a, &bad), EINVAL);
	EXPECT_ERR(getpeername(-1, (void *)&a, &len), EBADF);
	EXPECT_ERR(getpeername(file, (void *)&a, &len), ENOTSOCK);
	EXPECT_ERR(getpeername(alone, (void *)&a, &len), ENOTCONN);
	EXPECT_ERR(getpeername(pair[0], NOWHERE, &len), EFAULT);
	EXPECT_ERR(getpeername(pair[0], (void *)&a, &bad), EINVAL);
	len = sizeof(value);
	EXPECT_ERR(getsockopt(-1, SOL_SOCKET, SO_TYPE, &value, &len), EBADF);
	EXPECT_ERR(getsockopt(file, SOL_SOCKET, SO_TYPE, &value, &len), ENOTSOCK);
	EXPECT_ERR(syscall(SYS_getsockopt, alone, SOL_SOCKET, SO_TYPE, NOWHERE, &len), EFAULT);
	EXPECT_ERR(syscall(SYS_getsockopt, alone, SOL_SOCKET, SO_TYPE, &value, NOWHERE), EFAULT);
	EXPECT_ERR(getsockopt(alone, SOL_SOCKET, SO_TYPE, &value, &bad), EINVAL);
	EXPECT_ERR(getsockopt(alone, SOL_SOCKET, 9999, &value, &len), ENOPROTOOPT);
	EXPECT_ERR(setsockopt(-1, SOL_SOCKET, SO_SNDBUF, &value, 4), EBADF);
	EXPECT_ERR(setsockopt(file, SOL_SOCKET, SO_SNDBUF, &value, 4), ENOTSOCK);
	EXPECT_ERR(syscall(SYS_setsockopt, alone, SOL_SOCKET, SO_SNDBUF, NOWHERE, 4), EFAULT);
	EXPECT_ERR(setsockopt(alone, SOL_SOCKET, SO_SNDBUF, &value, 3), EINVAL);
	EXPECT_ERR(setsockopt(alone, SOL_SOCKET, 9999, &value, 4), ENOPROTOOPT);
	EXPECT_ERR(setsockopt(alone, SOL_SOCKET, SO_TYPE, &value, 4), ENOPROTOOPT);
}
