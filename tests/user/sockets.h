/*
 * sockets.h - what the suites of unix-domain sockets share: addresses, pairs, messages with files.
 */
#pragma once

#include "test.h"
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* An address and its length. path "@name" is an abstract one, made this test's own by the process number. */
struct name {
	struct sockaddr_un un;
	socklen_t len;
};

static unused struct name name_of(const char *path)
{
	struct name n = { .un.sun_family = AF_UNIX };
	size_t base = offsetof(struct sockaddr_un, sun_path);

	if (path[0] == '@')
		n.len = base + 1 +
			snprintf(n.un.sun_path + 1, sizeof(n.un.sun_path) - 1, "quire-%d-%s",
				 getpid(), path + 1);
	else
		n.len = base + 1 + snprintf(n.un.sun_path, sizeof(n.un.sun_path), "%s", path);
	return n;
}

#define NAME(n) ((struct sockaddr *)&(n).un), (n).len

static unused int bound(int type, struct name n)
{
	int fd = socket(AF_UNIX, type, 0);

	ASSERT_OK(fd);
	ASSERT_OK(bind(fd, NAME(n)));
	return fd;
}

static unused int listening(int type, struct name n, int backlog)
{
	int fd = bound(type, n);

	ASSERT_OK(listen(fd, backlog));
	return fd;
}

static unused int connected(int type, struct name n)
{
	int fd = socket(AF_UNIX, type, 0);

	ASSERT_OK(fd);
	ASSERT_OK(connect(fd, NAME(n)));
	return fd;
}

static unused void make_pair(int type, int fd[2])
{
	ASSERT_OK(socketpair(AF_UNIX, type, 0, fd));
}

static unused int events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };

	ASSERT_OK(poll(&p, 1, 0));
	return p.revents;
}

static unused int wait_events(int fd, int wanted)
{
	struct pollfd p = { .fd = fd, .events = wanted };

	ASSERT_OK(poll(&p, 1, -1));
	return p.revents;
}

/* The calls themselves: musl's wrapper has limits of its own. */
#define sendmsg(fd, m, flags) syscall(SYS_sendmsg, fd, m, flags)
#define recvmsg(fd, m, flags) syscall(SYS_recvmsg, fd, m, flags)

/* Sends text with nr files. */
static unused ssize_t send_files(int sock, const char *text, const int *files, int nr, int flags)
{
	char control[CMSG_SPACE(300 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	m.msg_control = control;
	m.msg_controllen = CMSG_SPACE(nr * sizeof(int));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(c), files, nr * sizeof(int));
	return sendmsg(sock, &m, flags);
}

/* Receives up to size bytes and max files; *nr: how many came. msg_flags in *out_flags. */
static unused ssize_t recv_files(int sock, void *buf, size_t size, int *files, int max, int *nr,
				 int flags, int *out_flags)
{
	char control[CMSG_SPACE(300 * sizeof(int))] = { 0 };
	struct iovec iov = { buf, size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	m.msg_control = control;
	m.msg_controllen = CMSG_LEN(max * sizeof(int));
	n = recvmsg(sock, &m, flags);
	*nr = 0;
	for (c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(files, CMSG_DATA(c), *nr * sizeof(int));
	}
	if (out_flags)
		*out_flags = m.msg_flags;
	return n;
}
