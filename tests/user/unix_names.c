/*
 * unix_names.c - making unix-domain sockets: families and types, addresses, options, what /proc and fstat show.
 */
#include "sockets.h"
#include <sys/socket.h>
#include <sys/syscall.h>

#define NO_SUCH ((struct sockaddr *)8)

TEST(families_types_and_flags)
{
	int s[2], fd;

	EXPECT_ERR(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT_ERR(socket(AF_UNIX, 9, 0), ESOCKTNOSUPPORT);
	EXPECT_ERR(socket(AF_UNIX, 15, 0), EINVAL);
	EXPECT_ERR(socket(AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL);
	EXPECT_ERR(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
	EXPECT_ERR(socketpair(AF_UNIX, SOCK_STREAM, 5, s), EPROTONOSUPPORT);
	EXPECT_ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (int *)8), EFAULT);
	if (on_quire())
		EXPECT_ERR(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT);
	fd = socket(AF_UNIX, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ASSERT_OK(fd);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, AF_UNIX, s));
	EXPECT_EQ(fcntl(s[1], F_GETFD), FD_CLOEXEC);
}

TEST(no_socket_no_descriptor)
{
	int f = open("/", O_RDONLY), len = 4;
	struct name n = name_of("@x");
	char c[16];

	EXPECT_ERR(bind(f, NAME(n)), ENOTSOCK);
	EXPECT_ERR(connect(f, NAME(n)), ENOTSOCK);
	EXPECT_ERR(listen(f, 1), ENOTSOCK);
	EXPECT_ERR(accept(f, NULL, NULL), ENOTSOCK);
	EXPECT_ERR(send(f, c, 1, 0), ENOTSOCK);
	EXPECT_ERR(recv(f, c, 1, 0), ENOTSOCK);
	EXPECT_ERR(shutdown(f, 0), ENOTSOCK);
	EXPECT_ERR(getsockopt(f, SOL_SOCKET, SO_TYPE, c, (socklen_t *)&len), ENOTSOCK);
	EXPECT_ERR(setsockopt(999, SOL_SOCKET, SO_TYPE, c, 4), EBADF);
	EXPECT_ERR(recvmsg(999, (struct msghdr *)c, 0), EBADF);
	EXPECT_ERR(accept(999, NULL, NULL), EBADF);
	EXPECT_ERR(getsockname(999, (struct sockaddr *)c, (socklen_t *)&len), EBADF);
}

TEST(addresses_that_are_none)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr *a = (struct sockaddr *)&un;
	int s = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len = sizeof(un);

	strcpy(un.sun_path, "/tmp/quire-no-such-dir/sock");
	EXPECT_ERR(bind(s, a, 1), EINVAL);
	EXPECT_ERR(bind(s, a, sizeof(un) + 1), EINVAL);
	EXPECT_ERR(bind(s, a, 200), EINVAL);
	EXPECT_ERR(bind(s, a, -1), EINVAL);
	EXPECT_ERR(bind(s, NO_SUCH, sizeof(un)), EFAULT);
	EXPECT_ERR(bind(s, a, sizeof(un)), ENOENT);
	EXPECT_ERR(connect(s, a, sizeof(un)), ENOENT);
	EXPECT_ERR(connect(s, a, 2), EINVAL);
	EXPECT_ERR(connect(s, NO_SUCH, sizeof(un)), EFAULT);
	EXPECT_ERR(connect(d, a, 1), EINVAL);
	EXPECT_ERR(sendto(d, "x", 1, 0, a, 2), EINVAL);
	un.sun_family = AF_INET;
	EXPECT_ERR(bind(s, a, sizeof(un)), EINVAL);
	EXPECT_ERR(connect(s, a, sizeof(un)), EINVAL);
	strcpy(un.sun_path, "/");
	un.sun_family = AF_UNIX;
	EXPECT_ERR(bind(s, a, sizeof(un)), EADDRINUSE);
	EXPECT_ERR(connect(s, a, sizeof(un)), ECONNREFUSED);
	EXPECT_ERR(getsockname(s, NO_SUCH, &len), EFAULT);
	EXPECT_ERR(getsockname(s, a, (socklen_t *)8), EFAULT);
	len = -1;
	EXPECT_ERR(getsockname(s, a, &len), EINVAL);
}

TEST(a_path_of_all_108_bytes)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_storage got;
	socklen_t len = sizeof(got);
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);

	test_dir();
	memset(un.sun_path, 'p', sizeof(un.sun_path));
	ASSERT_OK(bind(s, (struct sockaddr *)&un, sizeof(un)));
	ASSERT_OK(getsockname(s, (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, sizeof(un) + 1);
	/* Bytes behind the first zero of a path do not count. */
	s = socket(AF_UNIX, SOCK_DGRAM, 0);
	strcpy(un.sun_path, "short");
	ASSERT_OK(bind(s, (struct sockaddr *)&un, sizeof(un)));
	len = sizeof(got);
	ASSERT_OK(getsockname(s, (struct sockaddr *)&got, &len));
	EXPECT_EQ(len, 2 + 6);
	EXPECT_EQ(access("short", F_OK), 0);
	EXPECT_ERR(open("short", O_RDWR), ENXIO);
}

TEST(abstract_names_are_bytes)
{
	struct name n = name_of("@zero"), longer;
	int a = bound(SOCK_DGRAM, n), b;

	longer = n;
	longer.un.sun_path[n.len - 2] = 0;
	longer.len++;
	b = bound(SOCK_DGRAM, longer);
	EXPECT_EQ(sendto(a, "x", 1, 0, NAME(longer)), 1);
	EXPECT_EQ(events(b) & POLLIN, POLLIN);
	EXPECT_EQ(events(a) & POLLIN, 0);
	EXPECT_ERR(bind(socket(AF_UNIX, SOCK_DGRAM, 0), NAME(n)), EADDRINUSE);
	/* Another type has names of its own. */
	EXPECT_OK(bound(SOCK_STREAM, n));
	close(a);
	EXPECT_OK(bound(SOCK_DGRAM, n));
}

TEST(autobind_finds_a_name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX }, got[2];
	socklen_t len[2] = { sizeof(un), sizeof(un) };
	int s[2], i, on = 1, d;

	for (i = 0; i < 2; i++) {
		s[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		ASSERT_OK(bind(s[i], (struct sockaddr *)&un, sizeof(sa_family_t)));
		ASSERT_OK(getsockname(s[i], (struct sockaddr *)&got[i], &len[i]));
		EXPECT_EQ(len[i], 2 + 6);
		EXPECT_EQ(got[i].sun_path[0], 0);
	}
	EXPECT_NE(memcmp(got[0].sun_path, got[1].sun_path, 6), 0);
	/* Who asks for credentials is given a name when it sends. */
	d = socket(AF_UNIX, SOCK_DGRAM, 0);
	ASSERT_OK(setsockopt(d, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	EXPECT_ERR(sendto(d, "x", 1, 0, (struct sockaddr *)&got[0], 8), ECONNREFUSED);
	len[0] = sizeof(un);
	ASSERT_OK(getsockname(d, (struct sockaddr *)&got[0], &len[0]));
	EXPECT_EQ(len[0], 8);
}

TEST(rights_of_the_socket_file)
{
	struct name n;
	struct stat st;
	pid_t pid;
	mode_t old = umask(027);

	if (getuid())
		skip("needs root");
	test_dir();
	n = name_of("sock");
	listening(SOCK_STREAM, n, 2);
	umask(old);
	ASSERT_OK(stat("sock", &st));
	EXPECT_EQ(st.st_mode, S_IFSOCK | 0750);
	chmod(".", 0755);
	pid = test_fork();
	if (!pid) {
		ASSERT_OK(setgid(1000));
		ASSERT_OK(setuid(1000));
		EXPECT_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)), EACCES);
		n = name_of("other");
		EXPECT_ERR(bind(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)), EACCES);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	chmod("sock", 0777);
	pid = test_fork();
	if (!pid) {
		ASSERT_OK(setuid(1000));
		_exit(connect(socket(AF_UNIX, SOCK_STREAM, 0), NAME(n)) ? 1 : 0);
	}
	EXPECT_EXIT(pid, 0);
}

static int get_opt(int fd, int option)
{
	int v = -77;
	socklen_t len = sizeof(v);

	EXPECT_OK(getsockopt(fd, SOL_SOCKET, option, &v, &len));
	EXPECT_EQ(len, 4);
	return v;
}

TEST(options_are_kept)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), v, l;
	int booleans[] = { SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE, SO_PASSCRED };
	struct linger lin = { 5, 7 };
	socklen_t len;
	short part;

	EXPECT_EQ(get_opt(s, SO_TYPE), SOCK_STREAM);
	EXPECT_EQ(get_opt(s, SO_DOMAIN), AF_UNIX);
	EXPECT_EQ(get_opt(s, SO_PROTOCOL), 0);
	EXPECT_EQ(get_opt(s, SO_ERROR), 0);
	EXPECT_EQ(get_opt(s, SO_ACCEPTCONN), 0);
	EXPECT_EQ(get_opt(s, SO_RCVLOWAT), 1);
	l = listening(SOCK_STREAM, name_of("@opt"), 1);
	EXPECT_EQ(get_opt(l, SO_ACCEPTCONN), 1);
	for (int i = 0; i < ARRAY_SIZE(booleans); i++) {
		EXPECT_EQ(get_opt(s, booleans[i]), 0);
		v = 9;
		EXPECT_OK(setsockopt(s, SOL_SOCKET, booleans[i], &v, sizeof(v)));
		EXPECT_EQ(get_opt(s, booleans[i]), 1);
	}
	v = 20000;
	EXPECT_OK(setsockopt(s, SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)));
	EXPECT_EQ(get_opt(s, SO_SNDBUF), 40000);
	v = 1;
	EXPECT_OK(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v)));
	EXPECT_GE(get_opt(s, SO_RCVBUF), 2048);
	EXPECT_OK(setsockopt(s, SOL_SOCKET, SO_LINGER, &lin, sizeof(lin)));
	lin.l_linger = 0;
	len = sizeof(lin);
	EXPECT_OK(getsockopt(s, SOL_SOCKET, SO_LINGER, &lin, &len));
	EXPECT_EQ(lin.l_onoff, 1);
	EXPECT_EQ(lin.l_linger, 7);
	/* A short buffer gets a part. */
	len = 2;
	EXPECT_OK(getsockopt(s, SOL_SOCKET, SO_TYPE, &part, &len));
	EXPECT_EQ(len, 2);
	EXPECT_EQ(part, SOCK_STREAM);
	EXPECT_ERR(setsockopt(s, SOL_SOCKET, SO_SNDBUF, &v, 3), EINVAL);
	EXPECT_ERR(setsockopt(s, SOL_SOCKET, SO_SNDBUF, (void *)8, 4), EFAULT);
	EXPECT_ERR(setsockopt(s, SOL_SOCKET, 9999, &v, 4), ENOPROTOOPT);
	EXPECT_ERR(setsockopt(s, SOL_SOCKET, SO_TYPE, &v, 4), ENOPROTOOPT);
	len = 4;
	EXPECT_ERR(getsockopt(s, SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	EXPECT_ERR(getsockopt(s, 6, 1, &v, &len), EOPNOTSUPP);
	EXPECT_ERR(setsockopt(s, 6, 1, &v, 4), EOPNOTSUPP);
	len = -1;
	EXPECT_ERR(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &len), EINVAL);
}

TEST(fstat_and_proc_know_it)
{
	char path[64], link[64] = "", want[64];
	int s = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat st, st2;

	ASSERT_OK(fstat(s, &st));
	EXPECT_EQ(st.st_mode, S_IFSOCK | 0777);
	EXPECT_EQ(st.st_size, 0);
	EXPECT_EQ(st.st_nlink, 1);
	ASSERT_OK(fstat(other, &st2));
	EXPECT_NE(st.st_ino, st2.st_ino);
	EXPECT_EQ(st.st_dev, st2.st_dev);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s);
	EXPECT_GT(readlink(path, link, sizeof(link) - 1), 0);
	snprintf(want, sizeof(want), "socket:[%lu]", (unsigned long)st.st_ino);
	EXPECT_STR(link, want);
	EXPECT_ERR(open(path, O_RDWR), ENXIO);
	EXPECT_ERR(ioctl(s, 0x12345678, 0), ENOTTY);
}

TEST(proc_net_unix_lists_it)
{
	struct name n = name_of("@listed");
	char want[128], *text, *line, *end;
	struct stat st;
	unsigned int refs, proto, flags, type, state;
	unsigned long ino;
	int l = listening(SOCK_SEQPACKET, n, 2);

	ASSERT_OK(fstat(l, &st));
	text = read_text("/proc/net/unix");
	ASSERT(text);
	EXPECT(!strncmp(text, "Num       RefCount Protocol Flags    Type St Inode Path\n", 56));
	snprintf(want, sizeof(want), " @%s\n", n.un.sun_path + 1);
	end = strstr(text, want);
	ASSERT(end);
	for (line = end; line > text && line[-1] != '\n'; line--)
		;
	ASSERT_EQ(sscanf(line, "%*[0-9a-f]: %X %X %X %X %X %lu", &refs, &proto, &flags, &type,
			 &state, &ino),
		  6);
	EXPECT_EQ(refs, 2);
	EXPECT_EQ(flags, 0x10000);
	EXPECT_EQ(type, SOCK_SEQPACKET);
	EXPECT_EQ(state, 1);
	EXPECT_EQ(ino, st.st_ino);
}

/* Random calls with random arguments: no answer is wrong, but the kernel and this process live on. */
TEST(random_calls_do_no_harm)
{
	int s[6], i, k;
	char buf[256], addr[256];

	for (i = 0; i < 6; i++)
		s[i] = socket(AF_UNIX,
			      i % 3 == 0   ? SOCK_STREAM
			      : i % 3 == 1 ? SOCK_DGRAM
					   : SOCK_SEQPACKET,
			      0);
	for (k = 0; k < 4000; k++) {
		struct name n = name_of(rnd_below(2) ? "@r1" : "@r2");
		int fd = s[rnd_below(6)], other = s[rnd_below(6)], nr;
		socklen_t len = rnd_below(130);

		fcntl(fd, F_SETFL, O_NONBLOCK);
		n.len = rnd_below(8) ? n.len : rnd_below(140);
		switch (rnd_below(14)) {
		case 0:
			bind(fd, NAME(n));
			break;
		case 1:
			connect(fd, NAME(n));
			break;
		case 2:
			listen(fd, rnd_below(3));
			break;
		case 3:
			close(accept(fd, (struct sockaddr *)addr, &len));
			break;
		case 4:
			send_files(fd, "text", &other, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
			break;
		case 5:
			recv_files(fd, buf, rnd_below(9), &i, 1, &nr, rnd() & 0x162, NULL);
			if (nr == 1)
				close(i);
			break;
		case 6:
			sendto(fd, buf, rnd_below(256), MSG_NOSIGNAL | MSG_DONTWAIT, NAME(n));
			break;
		case 7:
			recvfrom(fd, buf, rnd_below(256), MSG_DONTWAIT, (struct sockaddr *)addr,
				 &len);
			break;
		case 8:
			if (!rnd_below(20))
				shutdown(fd, rnd_below(3));
			break;
		case 9:
			setsockopt(fd, SOL_SOCKET, rnd_below(80), buf, len);
			break;
		case 10:
			getsockopt(fd, SOL_SOCKET, rnd_below(68), buf, &len);
			break;
		case 11:
			events(fd);
			break;
		case 12:
			getpeername(fd, (struct sockaddr *)addr, &len);
			break;
		case 13:
			if (rnd_below(4))
				break;
			i = rnd_below(6);
			close(s[i]);
			s[i] = socket(AF_UNIX, rnd_below(2) ? SOCK_STREAM : SOCK_DGRAM, 0);
			break;
		}
	}
	EXPECT_OK(socket(AF_UNIX, SOCK_STREAM, 0));
}
