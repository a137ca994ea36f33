/*
 * pipes.c - pipes and FIFOs: order, blocking, end of file, SIGPIPE, atomic writes, poll.
 */
#include "test.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <limits.h>

#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#endif

static int fd[2];

static void make_pipe(int flags)
{
	ASSERT_OK(pipe2(fd, flags));
}

static volatile int sigpipes;

static void on_pipe(int sig unused)
{
	sigpipes++;
}

/* poll() one descriptor without waiting; returns revents. */
static int ready(int f, int events)
{
	struct pollfd p = { .fd = f, .events = events };

	ASSERT_OK(poll(&p, 1, 0));
	return p.revents;
}

TEST(bytes_come_out_in_order)
{
	char buf[16] = "";

	make_pipe(0);
	EXPECT_EQ(write(fd[1], "abc", 3), 3);
	EXPECT_EQ(write(fd[1], "defg", 4), 4);
	EXPECT_EQ(read(fd[0], buf, 2), 2);
	EXPECT_STR(buf, "ab");
	EXPECT_EQ(read(fd[0], buf, 16), 5);
	EXPECT(!memcmp(buf, "cdefg", 5));
	EXPECT_EQ(write(fd[1], "", 0), 0);
	EXPECT_EQ(read(fd[0], buf, 0), 0);
}

TEST(the_ends_have_their_direction_and_cannot_seek)
{
	char c;
	struct stat st;

	make_pipe(0);
	EXPECT_ERR(read(fd[1], &c, 1), EBADF);
	EXPECT_ERR(write(fd[0], "x", 1), EBADF);
	EXPECT_ERR(lseek(fd[0], 0, SEEK_SET), ESPIPE);
	EXPECT_ERR(pread(fd[0], &c, 1, 0), ESPIPE);
	EXPECT_ERR(ftruncate(fd[1], 0), EINVAL);
	ASSERT_OK(fstat(fd[0], &st));
	EXPECT(S_ISFIFO(st.st_mode));
	EXPECT_EQ(fcntl(fd[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	EXPECT_EQ(fcntl(fd[1], F_GETFL) & O_ACCMODE, O_WRONLY);
	EXPECT_EQ(fcntl(fd[0], F_GETFD), 0);
}

TEST(pipe2_flags)
{
	make_pipe(O_CLOEXEC | O_NONBLOCK);
	EXPECT_EQ(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(fd[1], F_GETFD), FD_CLOEXEC);
	EXPECT(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	EXPECT_ERR(pipe2(fd, O_CREAT), EINVAL);
	EXPECT_ERR(syscall(SYS_pipe2, 8L, 0), EFAULT);
}

TEST(a_reader_blocks_until_there_is_something)
{
	char c = 0;

	make_pipe(0);
	pid_t pid = test_fork();

	if (!pid) {
		usleep(50000);
		ASSERT_EQ(write(fd[1], "x", 1), 1);
		_exit(0);
	}
	EXPECT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_EQ(c, 'x');
	EXPECT_EXIT(pid, 0);
}

TEST(end_of_file_comes_with_the_last_writer)
{
	char c;

	make_pipe(0);
	int other = dup(fd[1]);
	pid_t pid = test_fork();

	if (!pid) {
		close(fd[1]);
		usleep(30000);
		ASSERT_EQ(write(other, "z", 1), 1);
		_exit(0);
	}
	close(fd[1]);
	close(other);
	EXPECT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_EQ(read(fd[0], &c, 1), 0);
	EXPECT_EQ(read(fd[0], &c, 1), 0);
	EXPECT_EXIT(pid, 0);
}

TEST(what_is_left_can_be_read_after_the_writer_closed)
{
	char buf[8];

	make_pipe(0);
	EXPECT_EQ(write(fd[1], "left", 4), 4);
	close(fd[1]);
	EXPECT_EQ(read(fd[0], buf, 8), 4);
	EXPECT_EQ(read(fd[0], buf, 8), 0);
}

TEST(writing_without_a_reader_is_sigpipe_and_epipe)
{
	make_pipe(0);
	close(fd[0]);
	pid_t pid = test_fork();

	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		ssize_t n = write(fd[1], "x", 1);

		_exit(n == 1);
	}
	EXPECT_KILLED(pid, SIGPIPE);
	signal(SIGPIPE, on_pipe);
	EXPECT_ERR(write(fd[1], "x", 1), EPIPE);
	EXPECT_EQ(sigpipes, 1);
	signal(SIGPIPE, SIG_IGN);
	EXPECT_ERR(write(fd[1], "x", 1), EPIPE);
	EXPECT_EQ(sigpipes, 1);
}

TEST(a_blocked_writer_wakes_when_the_reader_goes_away)
{
	static char big[1 << 17];

	make_pipe(0);
	pid_t pid = test_fork();

	if (!pid) {
		close(fd[1]);
		usleep(50000);
		_exit(0);
	}
	close(fd[0]);
	signal(SIGPIPE, on_pipe);
	/* What fitted counts as written, then or next time EPIPE. */
	ssize_t n = write(fd[1], big, sizeof(big));

	EXPECT((n == -1 && errno == EPIPE) || (n > 0 && n < (ssize_t)sizeof(big)));
	EXPECT_ERR(write(fd[1], "x", 1), EPIPE);
	EXPECT_GE(sigpipes, 1);
	EXPECT_EXIT(pid, 0);
}

TEST(the_capacity_is_64_kib)
{
	static char big[1 << 17];

	make_pipe(O_NONBLOCK);
	int size = fcntl(fd[1], F_GETPIPE_SZ);

	EXPECT(size == 65536 || (size == -1 && errno == EINVAL));
	EXPECT_EQ(write(fd[1], big, sizeof(big)), 65536);
	EXPECT_ERR(write(fd[1], big, 1), EAGAIN);
	EXPECT_EQ(ready(fd[1], POLLOUT), 0);
	EXPECT_EQ(read(fd[0], big, PAGE), PAGE);
	EXPECT_EQ(ready(fd[1], POLLOUT), POLLOUT);
	EXPECT_EQ(write(fd[1], big, PAGE), PAGE);
	EXPECT_ERR(write(fd[1], big, PIPE_BUF), EAGAIN);
}

TEST(nonblocking_reads)
{
	char c;

	make_pipe(O_NONBLOCK);
	EXPECT_ERR(read(fd[0], &c, 1), EAGAIN);
	ASSERT_EQ(write(fd[1], "x", 1), 1);
	EXPECT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_ERR(read(fd[0], &c, 1), EAGAIN);
	close(fd[1]);
	EXPECT_EQ(read(fd[0], &c, 1), 0);
}

TEST(a_nonblocking_small_write_is_whole_or_nothing)
{
	static char buf[65536];

	make_pipe(O_NONBLOCK);
	EXPECT_EQ(write(fd[1], buf, 65536 - 100), 65536 - 100);
	EXPECT_ERR(write(fd[1], buf, PIPE_BUF), EAGAIN);
	ssize_t n = write(fd[1], buf, 100);

	EXPECT(n == 100 || n == -1); /* fits if the last page is filled up */
}

TEST(poll_tells_what_can_be_done)
{
	char c;

	make_pipe(0);
	EXPECT_EQ(ready(fd[0], POLLIN), 0);
	EXPECT_EQ(ready(fd[1], POLLOUT), POLLOUT);
	ASSERT_EQ(write(fd[1], "x", 1), 1);
	EXPECT_EQ(ready(fd[0], POLLIN), POLLIN);
	close(fd[1]);
	EXPECT_EQ(ready(fd[0], POLLIN), POLLIN | POLLHUP);
	EXPECT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_EQ(ready(fd[0], POLLIN), POLLHUP);
	make_pipe(0);
	close(fd[0]);
	EXPECT(ready(fd[1], POLLOUT) & POLLERR);
	EXPECT_EQ(ready(12345, POLLIN), POLLNVAL);
	EXPECT_EQ(ready(-1, POLLIN), 0);
}

TEST(poll_and_select_wait_for_data_or_time)
{
	struct timeval tv = { 0, 30000 };
	struct pollfd p;
	fd_set set;

	make_pipe(0);
	p = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	EXPECT_EQ(poll(&p, 1, 30), 0);
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	EXPECT_EQ(select(fd[0] + 1, &set, NULL, NULL, &tv), 0);
	EXPECT(!FD_ISSET(fd[0], &set));
	pid_t pid = test_fork();

	if (!pid) {
		char c;

		usleep(50000);
		ASSERT_EQ(write(fd[1], "a", 1), 1);
		while (ready(fd[0], POLLIN))
			usleep(1000);
		usleep(20000);
		ASSERT_EQ(write(fd[1], "b", 1), 1);
		_exit(read(-1, &c, 1) != -1);
	}
	char c;

	EXPECT_EQ(poll(&p, 1, 10000), 1);
	EXPECT_EQ(p.revents, POLLIN);
	EXPECT_EQ(read(fd[0], &c, 1), 1);
	FD_SET(fd[0], &set);
	tv.tv_sec = 10;
	EXPECT_EQ(select(fd[0] + 1, &set, NULL, NULL, &tv), 1);
	EXPECT(FD_ISSET(fd[0], &set));
	EXPECT_EXIT(pid, 0);
	FD_ZERO(&set);
	int closed = dup(fd[0]);

	close(closed);
	FD_SET(closed, &set);
	EXPECT_ERR(select(closed + 1, &set, NULL, NULL, &tv), EBADF);
	EXPECT_ERR(select(-1, NULL, NULL, NULL, &tv), EINVAL);
}

TEST(poll_over_many_pipes_finds_the_one)
{
	struct pollfd p[40];
	int w[40];

	for (int i = 0; i < 40; i++) {
		make_pipe(0);
		p[i] = (struct pollfd){ .fd = fd[0], .events = POLLIN };
		w[i] = fd[1];
	}
	for (int n = 0; n < 20; n++) {
		int i = rnd_below(40);
		char c;

		ASSERT_EQ(write(w[i], "x", 1), 1);
		ASSERT_EQ(poll(p, 40, 1000), 1);
		for (int k = 0; k < 40; k++)
			EXPECT_EQ(p[k].revents, k == i ? POLLIN : 0);
		ASSERT_EQ(read(p[i].fd, &c, 1), 1);
	}
}

/* Writers of PIPE_BUF bytes at a time never mix, whatever the reader takes. */
TEST_LIMIT(writes_up_to_pipe_buf_are_atomic, 60)
{
	enum { WRITERS = 4, EACH = 100 };
	static char buf[PIPE_BUF];
	int seen[WRITERS] = { 0 };
	pid_t pids[WRITERS];

	make_pipe(0);
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = test_fork();
		if (!pids[i]) {
			for (int n = 0; n < EACH; n++) {
				memset(buf, 'A' + i, sizeof(buf));
				buf[0] = n;
				ASSERT_EQ(write(fd[1], buf, sizeof(buf)), sizeof(buf));
			}
			_exit(0);
		}
	}
	close(fd[1]);
	for (;;) {
		size_t have = 0;
		ssize_t n = 1;

		while (have < sizeof(buf) &&
		       (n = read(fd[0], buf + have, 1 + rnd_below(sizeof(buf) - have))) > 0)
			have += n;
		if (!have)
			break;
		ASSERT_EQ(have, sizeof(buf));
		int who = buf[1] - 'A';

		ASSERT(who >= 0 && who < WRITERS);
		EXPECT_EQ(buf[0], seen[who]++);
		for (size_t i = 1; i < sizeof(buf); i++)
			if (buf[i] != buf[1])
				ASSERT_EQ(buf[i], buf[1]);
	}
	for (int i = 0; i < WRITERS; i++) {
		EXPECT_EQ(seen[i], EACH);
		EXPECT_EXIT(pids[i], 0);
	}
}

TEST_LIMIT(a_megabyte_arrives_unchanged_in_random_pieces, 60)
{
	enum { TOTAL = 1 << 20 };
	static unsigned char buf[20000];
	size_t at = 0;

	make_pipe(0);
	pid_t pid = test_fork();

	if (!pid) {
		close(fd[0]);
		while (at < TOTAL) {
			size_t len = 1 + rnd_below(sizeof(buf));

			if (len > TOTAL - at)
				len = TOTAL - at;
			for (size_t i = 0; i < len; i++)
				buf[i] = (at + i) * 31 >> 3;
			ASSERT_OK(write_all(fd[1], buf, len));
			at += len;
		}
		_exit(0);
	}
	close(fd[1]);
	for (ssize_t n; (n = read(fd[0], buf, 1 + rnd_below(sizeof(buf)))) > 0; at += n)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (unsigned char)((at + i) * 31 >> 3))
				ASSERT_EQ(buf[i], (unsigned char)((at + i) * 31 >> 3));
	EXPECT_EQ(at, TOTAL);
	EXPECT_EXIT(pid, 0);
}

TEST(vectors_through_a_pipe)
{
	char a[3], b[5], c[8] = "";
	struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "fourfive", 8 } };
	struct iovec in[3] = { { a, 3 }, { b, 5 }, { c, 8 } };

	make_pipe(0);
	EXPECT_EQ(writev(fd[1], out, 3), 11);
	EXPECT_EQ(readv(fd[0], in, 3), 11);
	EXPECT(!memcmp(a, "one", 3));
	EXPECT(!memcmp(b, "fourf", 5));
	EXPECT(!memcmp(c, "ive", 3));
	EXPECT_ERR(writev(fd[1], out, -1), EINVAL);
	EXPECT_ERR(writev(fd[1], out, 1025), EINVAL);
	EXPECT_EQ(writev(fd[1], out, 0), 0);
}

TEST(fionread_counts_what_waits)
{
	int n = -1;

	make_pipe(0);
	ASSERT_EQ(write(fd[1], "12345", 5), 5);
	if (ioctl(fd[0], FIONREAD, &n))
		EXPECT_EQ(errno, ENOTTY);
	else
		EXPECT_EQ(n, 5);
	EXPECT_ERR(ioctl(fd[0], TIOCGWINSZ, &n), ENOTTY);
}

TEST(a_chain_of_five_processes)
{
	int first[2], in;
	char buf[32] = "";
	pid_t pids[5];

	make_pipe(0);
	first[0] = fd[0];
	first[1] = fd[1];
	in = fd[0];
	for (int i = 0; i < 5; i++) {
		make_pipe(0);
		pids[i] = test_fork();
		if (!pids[i]) {
			ssize_t n;

			close(first[1]);
			while ((n = read(in, buf, sizeof(buf))) > 0) {
				for (int k = 0; k < n; k++)
					buf[k]++;
				ASSERT_OK(write_all(fd[1], buf, n));
			}
			_exit(0);
		}
		close(in);
		close(fd[1]);
		in = fd[0];
	}
	ASSERT_EQ(write(first[1], "abc", 3), 3);
	close(first[1]);
	EXPECT_EQ(read(in, buf, sizeof(buf)), 3);
	EXPECT_STR(buf, "fgh");
	EXPECT_EQ(read(in, buf, sizeof(buf)), 0);
	for (int i = 0; i < 5; i++)
		EXPECT_EXIT(pids[i], 0);
}

TEST(a_fifo_joins_two_openers)
{
	char buf[8] = "";
	struct stat st;

	test_dir();
	ASSERT_OK(mknod("fifo", S_IFIFO | 0600, 0));
	ASSERT_OK(stat("fifo", &st));
	EXPECT(S_ISFIFO(st.st_mode));
	EXPECT_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	pid_t pid = test_fork();

	if (!pid) {
		int w = open("fifo", O_WRONLY);

		ASSERT_OK(w);
		ASSERT_EQ(write(w, "fifo", 4), 4);
		_exit(0);
	}
	int r = open("fifo", O_RDONLY); /* meets the writer */

	ASSERT_OK(r);
	EXPECT_EQ(read(r, buf, 8), 4);
	EXPECT_STR(buf, "fifo");
	EXPECT_EQ(read(r, buf, 8), 0);
	EXPECT_EXIT(pid, 0);
}

TEST(a_pipe_opened_again_through_proc_does_not_wait)
{
	char path[64], buf[8] = "";
	int fd[2];

	ASSERT_OK(pipe(fd));
	ASSERT_EQ(write(fd[1], "left", 4), 4);
	close(fd[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	int r = open(path, O_RDONLY);

	ASSERT_OK(r);
	close(fd[0]);
	EXPECT_EQ(read(r, buf, 8), 4);
	EXPECT_STR(buf, "left");
	EXPECT_EQ(read(r, buf, 8), 0);
	close(r);

	ASSERT_OK(pipe(fd));
	close(fd[0]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[1]);
	int w = open(path, O_WRONLY | O_NONBLOCK);

	ASSERT_OK(w);
	signal(SIGPIPE, SIG_IGN);
	EXPECT_ERR(write(w, "x", 1), EPIPE);
}
