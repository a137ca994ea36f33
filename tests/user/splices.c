/*
 * splices.c - splice, tee, vmsplice, sendfile, copy_file_range: what arrives, what stays, and each errno of the manual pages.
 */
#include "files.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#endif

#define SIZE (40 * PAGE + 123)

static unsigned char data[SIZE], got[SIZE + PAGE];

static int p[2], q[2];

/* A file "f" of random bytes, two pipes. */
static void setup(void)
{
	test_dir();
	for (unsigned int i = 0; i < SIZE; i++)
		data[i] = rnd();
	make_file("f", data, SIZE);
	ASSERT_OK(pipe(p));
	ASSERT_OK(pipe(q));
	signal(SIGPIPE, SIG_IGN);
}

static int open_ok(const char *name, int flags)
{
	int fd = open(name, flags, 0644);

	ASSERT_OK(fd);
	return fd;
}

/* Reads n bytes of a pipe, or what there is until its end. */
static size_t drain(int fd, void *to, size_t n)
{
	size_t done = 0;
	ssize_t r;

	while (done < n && (r = read(fd, (char *)to + done, n - done)) > 0)
		done += r;
	return done;
}

static int pending(int fd)
{
	int n = -1;

	ASSERT_OK(ioctl(fd, FIONREAD, &n));
	return n;
}

/* ---- splice ---- */

TEST(file_to_pipe_to_file)
{
	int in, out;
	size_t done = 0;

	setup();
	in = open_ok("f", O_RDONLY);
	out = open_ok("g", O_RDWR | O_CREAT);
	while (done < SIZE) {
		ssize_t n = splice(in, NULL, p[1], NULL, 1 + rnd_below(20 * PAGE), 0);

		ASSERT_GT(n, 0);
		EXPECT_EQ(pending(p[0]), n);
		for (ssize_t left = n; left;) {
			ssize_t m = splice(p[0], NULL, out, NULL, 1 + rnd_below(left), 0);

			ASSERT_GT(m, 0);
			left -= m;
		}
		done += n;
	}
	EXPECT_EQ(splice(in, NULL, p[1], NULL, 1, 0), 0);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), SIZE);
	EXPECT_EQ(lseek(out, 0, SEEK_CUR), SIZE);
	EXPECT_EQ(pread(out, got, sizeof(got), 0), SIZE);
	EXPECT(!memcmp(got, data, SIZE));
}

TEST(offsets_move_instead_of_positions)
{
	off_t at = 5000, to = 777;
	int in, out;

	setup();
	in = open_ok("f", O_RDONLY);
	out = open_ok("g", O_RDWR | O_CREAT);
	ASSERT_EQ(splice(in, &at, p[1], NULL, 10000, SPLICE_F_MOVE | SPLICE_F_MORE), 10000);
	EXPECT_EQ(at, 15000);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 0);
	ASSERT_EQ(splice(p[0], NULL, out, &to, 10000, 0), 10000);
	EXPECT_EQ(to, 10777);
	EXPECT_EQ(lseek(out, 0, SEEK_CUR), 0);
	ASSERT_EQ(pread(out, got, 10000, 777), 10000);
	EXPECT(!memcmp(got, data + 5000, 10000));
	EXPECT_EQ(size_of("g"), 10777);
}

TEST(splice_errors)
{
	int in, out, app, dir, ro;
	off_t at = 0, neg = -1;
	char c;

	setup();
	in = open_ok("f", O_RDWR);
	out = open_ok("g", O_RDWR | O_CREAT);
	app = open_ok("g", O_WRONLY | O_APPEND);
	ro = open_ok("g", O_RDONLY);
	dir = open_ok(".", O_RDONLY);
	EXPECT_EQ(splice(-1, NULL, -1, NULL, 0, 0xffff), 0);
	EXPECT_ERR(splice(in, NULL, p[1], NULL, 1, 0x10), EINVAL);
	EXPECT_ERR(splice(-1, NULL, p[1], NULL, 1, 0), EBADF);
	EXPECT_ERR(splice(in, NULL, 999, NULL, 1, 0), EBADF);
	EXPECT_ERR(splice(in, NULL, out, NULL, 1, 0), EINVAL);
	EXPECT_ERR(splice(in, NULL, p[1], &at, 1, 0), ESPIPE);
	EXPECT_ERR(splice(p[0], &at, out, NULL, 1, 0), ESPIPE);
	EXPECT_ERR(splice(p[0], NULL, q[1], &at, 1, 0), ESPIPE);
	EXPECT_ERR(splice(in, (off_t *)8, p[1], NULL, 1, 0), EFAULT);
	EXPECT_ERR(splice(p[0], NULL, out, (off_t *)8, 1, 0), EFAULT);
	EXPECT_ERR(splice(in, &neg, p[1], NULL, 1, 0), EINVAL);
	EXPECT_ERR(splice(in, NULL, p[0], NULL, 1, 0), EBADF);
	EXPECT_ERR(splice(p[1], NULL, out, NULL, 1, 0), EBADF);
	EXPECT_ERR(splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
	EXPECT_ERR(splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	EXPECT_ERR(splice(p[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	EXPECT_ERR(splice(dir, NULL, p[1], NULL, 1, 0), EINVAL);
	ASSERT_EQ(write(p[1], "xy", 2), 2);
	EXPECT_ERR(splice(p[0], NULL, app, NULL, 1, 0), EINVAL);
	EXPECT_ERR(splice(p[0], NULL, ro, NULL, 1, 0), EBADF);
	/* Full. */
	ASSERT_OK(fcntl(q[1], F_SETPIPE_SZ, 4096));
	ASSERT_EQ(write(q[1], data, 4096), 4096);
	EXPECT_ERR(splice(in, NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	EXPECT_ERR(splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	ASSERT_OK(fcntl(q[1], F_SETFL, O_NONBLOCK));
	EXPECT_ERR(splice(in, NULL, q[1], NULL, 1, 0), EAGAIN);
	/* Nobody on the other side. */
	close(q[0]);
	EXPECT_ERR(splice(in, NULL, q[1], NULL, 1, 0), EPIPE);
	EXPECT_ERR(splice(p[0], NULL, q[1], NULL, 1, 0), EPIPE);
	close(p[1]);
	EXPECT_EQ(splice(p[0], NULL, out, NULL, 10, 0), 2);
	EXPECT_EQ(splice(p[0], NULL, out, NULL, 10, 0), 0);
	EXPECT_EQ(pread(out, &c, 1, 1), 1);
	EXPECT_EQ(c, 'y');
}

TEST(a_pipe_to_a_pipe)
{
	setup();
	ASSERT_EQ(write(p[1], data, 10000), 10000);
	EXPECT_EQ(splice(p[0], NULL, q[1], NULL, 100, 0), 100);
	EXPECT_EQ(pending(p[0]), 9900);
	EXPECT_EQ(pending(q[0]), 100);
	/* What is written behind a part does not get into the other part of its page. */
	ASSERT_EQ(write(q[1], "behind", 6), 6);
	EXPECT_EQ(splice(p[0], NULL, q[1], NULL, 1 << 20, 0), 9900);
	EXPECT_EQ(drain(q[0], got, 10006), 10006);
	EXPECT(!memcmp(got, data, 100));
	EXPECT(!memcmp(got + 100, "behind", 6));
	EXPECT(!memcmp(got + 106, data + 100, 9900));
}

TEST(writes_do_not_reach_a_spliced_page)
{
	int in;
	off_t at = 0;

	setup();
	in = open_ok("f", O_RDONLY);
	ASSERT_EQ(splice(in, &at, p[1], NULL, 100, 0), 100);
	ASSERT_EQ(write(p[1], "tail", 4), 4);
	EXPECT_EQ(drain(p[0], got, 104), 104);
	EXPECT(!memcmp(got, data, 100));
	EXPECT(!memcmp(got + 100, "tail", 4));
	/* Nor may its page be used again once it was read. */
	for (int i = 0; i < 40; i++) {
		ASSERT_EQ(write(p[1], "overwritten", 11), 11);
		ASSERT_EQ(read(p[0], got, 11), 11);
	}
	ASSERT_EQ(pread(in, got, SIZE, 0), SIZE);
	EXPECT(!memcmp(got, data, SIZE));
}

TEST(splice_waits_for_the_other_side)
{
	pid_t pid;
	int out;

	setup();
	out = open_ok("g", O_RDWR | O_CREAT);
	pid = test_fork();
	if (!pid) {
		close(p[1]);
		_exit(splice(p[0], NULL, out, NULL, SIZE, 0) == 3 ? 0 : 1);
	}
	usleep(30000);
	ASSERT_EQ(write(p[1], "abc", 3), 3);
	EXPECT_EXIT(pid, 0);
	/* And for room. */
	ASSERT_OK(fcntl(q[1], F_SETPIPE_SZ, 4096));
	ASSERT_EQ(write(q[1], data, 4096), 4096);
	pid = test_fork();
	if (!pid) {
		int in = open_ok("f", O_RDONLY);

		_exit(splice(in, NULL, q[1], NULL, 1, 0) == 1 ? 0 : 1);
	}
	usleep(30000);
	ASSERT_EQ(drain(q[0], got, 4096), 4096);
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(pending(q[0]), 1);
}

/* ---- tee ---- */

TEST(tee_doubles_and_consumes_nothing)
{
	setup();
	ASSERT_EQ(write(p[1], data, 9000), 9000);
	EXPECT_EQ(tee(p[0], q[1], 5000, 0), 5000);
	EXPECT_EQ(pending(p[0]), 9000);
	EXPECT_EQ(pending(q[0]), 5000);
	ASSERT_EQ(write(q[1], "zz", 2), 2);
	ASSERT_EQ(drain(p[0], got, 9000), 9000);
	EXPECT(!memcmp(got, data, 9000));
	/* The pages are still the other pipe's. */
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(write(p[1], got + 5000, 3000), 3000);
		ASSERT_EQ(read(p[0], got, 3000), 3000);
	}
	ASSERT_EQ(drain(q[0], got, 5002), 5002);
	EXPECT(!memcmp(got, data, 5000));
	EXPECT(!memcmp(got + 5000, "zz", 2));
}

TEST(tee_errors)
{
	int in;

	setup();
	in = open_ok("f", O_RDWR);
	EXPECT_ERR(tee(p[0], q[1], 1, 0x10), EINVAL);
	EXPECT_EQ(tee(-1, -1, 0, 0), 0);
	EXPECT_ERR(tee(-1, q[1], 1, 0), EBADF);
	EXPECT_ERR(tee(p[0], -1, 1, 0), EBADF);
	EXPECT_ERR(tee(p[1], q[1], 1, 0), EBADF);
	EXPECT_ERR(tee(p[0], q[0], 1, 0), EBADF);
	EXPECT_ERR(tee(p[0], p[1], 1, 0), EINVAL);
	EXPECT_ERR(tee(in, q[1], 1, 0), EINVAL);
	EXPECT_ERR(tee(p[0], in, 1, 0), EINVAL);
	EXPECT_ERR(tee(p[0], q[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	close(p[1]);
	EXPECT_EQ(tee(p[0], q[1], 1, 0), 0);
}

/* ---- vmsplice ---- */

TEST(vmsplice_gives_pages)
{
	unsigned char *mem =
		mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec v[3] = { { mem + 10, 5000 }, { mem, 0 }, { mem + 3 * PAGE, 9000 } };

	setup();
	ASSERT(mem != MAP_FAILED);
	memcpy(mem, data, 8 * PAGE);
	ASSERT_EQ(vmsplice(p[1], v, 3, 0), 14000);
	EXPECT_EQ(pending(p[0]), 14000);
	ASSERT_OK(munmap(mem, 8 * PAGE));
	ASSERT_EQ(drain(p[0], got, 14000), 14000);
	EXPECT(!memcmp(got, data + 10, 5000));
	EXPECT(!memcmp(got + 5000, data + 3 * PAGE, 9000));
	/* And from a pipe into memory. */
	ASSERT_EQ(write(p[1], data, 6000), 6000);
	v[0] = (struct iovec){ got, 100 };
	v[1] = (struct iovec){ got + 200, 6000 };
	EXPECT_EQ(vmsplice(p[0], v, 2, 0), 6000);
	EXPECT(!memcmp(got, data, 100));
	EXPECT(!memcmp(got + 200, data + 100, 5900));
}

TEST(vmsplice_errors)
{
	struct iovec v = { data, 100 }, bad = { (void *)8, 100 }, kernel = { (void *)-4096L, 10 };
	int in;

	setup();
	in = open_ok("f", O_RDWR);
	EXPECT_ERR(vmsplice(p[1], &v, 1, 0x10), EINVAL);
	EXPECT_ERR(vmsplice(-1, &v, 1, 0), EBADF);
	EXPECT_ERR(vmsplice(in, &v, 1, 0), EBADF);
	EXPECT_ERR(vmsplice(p[1], &v, 1025, 0), EINVAL);
	EXPECT_ERR(vmsplice(p[1], (void *)8, 1, 0), EFAULT);
	EXPECT_ERR(vmsplice(p[1], &bad, 1, 0), EFAULT);
	EXPECT_ERR(vmsplice(p[1], &kernel, 1, 0), EFAULT);
	EXPECT_EQ(vmsplice(p[1], &v, 0, 0), 0);
	EXPECT_ERR(vmsplice(p[0], &v, 1, SPLICE_F_NONBLOCK), EAGAIN);
	ASSERT_OK(fcntl(p[1], F_SETPIPE_SZ, 4096));
	ASSERT_EQ(vmsplice(p[1], &v, 1, SPLICE_F_GIFT), 100);
	EXPECT_ERR(vmsplice(p[1], &v, 1, SPLICE_F_NONBLOCK), EAGAIN);
	EXPECT_ERR(vmsplice(p[0], &bad, 1, 0), EFAULT);
	close(p[0]);
	EXPECT_ERR(vmsplice(p[1], &v, 1, 0), EPIPE);
}

/* ---- sendfile ---- */

TEST(sendfile_to_a_file_a_pipe_a_socket)
{
	int in, out, s[2];
	off_t at = 3;
	pid_t pid;

	setup();
	in = open_ok("f", O_RDONLY);
	out = open_ok("g", O_RDWR | O_CREAT);
	EXPECT_EQ(sendfile(out, in, &at, 1 << 30), SIZE - 3);
	EXPECT_EQ(at, SIZE);
	EXPECT_EQ(sendfile(out, in, &at, 10), 0);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 0);
	ASSERT_EQ(pread(out, got, sizeof(got), 0), SIZE - 3);
	EXPECT(!memcmp(got, data + 3, SIZE - 3));
	EXPECT_EQ(sendfile(p[1], in, NULL, 6000), 6000);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 6000);
	ASSERT_EQ(drain(p[0], got, 6000), 6000);
	EXPECT(!memcmp(got, data, 6000));
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid = test_fork();
	if (!pid) {
		at = 0;
		_exit(sendfile(s[1], in, &at, SIZE) == SIZE ? 0 : 1);
	}
	memset(got, 0, SIZE);
	ASSERT_EQ(drain(s[0], got, SIZE), SIZE);
	EXPECT(!memcmp(got, data, SIZE));
	EXPECT_EXIT(pid, 0);
}

TEST(sendfile_errors)
{
	int in, out, app, wo, dir;
	off_t at = 0, neg = -1;

	setup();
	in = open_ok("f", O_RDONLY);
	out = open_ok("g", O_RDWR | O_CREAT);
	app = open_ok("g", O_WRONLY | O_APPEND);
	wo = open_ok("f", O_WRONLY);
	dir = open_ok(".", O_RDONLY);
	EXPECT_ERR(sendfile(out, -1, NULL, 1), EBADF);
	EXPECT_ERR(sendfile(-1, in, NULL, 1), EBADF);
	EXPECT_ERR(sendfile(out, wo, NULL, 1), EBADF);
	EXPECT_ERR(sendfile(in, out, NULL, 1), EBADF);
	EXPECT_ERR(sendfile(out, in, (off_t *)8, 1), EFAULT);
	EXPECT_ERR(sendfile(out, in, &neg, 1), EINVAL);
	EXPECT_ERR(sendfile(app, in, NULL, 1), EINVAL);
	EXPECT_ERR(sendfile(out, p[0], NULL, 1), EINVAL);
	EXPECT_ERR(sendfile(out, p[0], &at, 1), ESPIPE);
	EXPECT_ERR(sendfile(out, dir, NULL, 1), EINVAL);
	EXPECT_EQ(sendfile(out, in, NULL, 0), 0);
	close(p[0]);
	EXPECT_ERR(sendfile(p[1], in, NULL, 1), EPIPE);
}

/* A file with a limit takes a part: what was not taken was not read. */
TEST(a_short_write_leaves_the_rest)
{
	struct rlimit lim = { 5000, RLIM_INFINITY };
	int in, out;

	setup();
	signal(SIGXFSZ, SIG_IGN);
	in = open_ok("f", O_RDONLY);
	out = open_ok("g", O_RDWR | O_CREAT);
	ASSERT_OK(setrlimit(RLIMIT_FSIZE, &lim));
	EXPECT_EQ(sendfile(out, in, NULL, 20000), 5000);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 5000);
	EXPECT_EQ(size_of("g"), 5000);
	EXPECT_ERR(sendfile(out, in, NULL, 1), EFBIG);
	EXPECT_ERR(copy_file_range(in, NULL, out, NULL, 1, 0), EFBIG);
}

/* ---- copy_file_range ---- */

TEST(copy_file_range_copies)
{
	off_t a = 100, b = 5000;
	int in, out;

	setup();
	in = open_ok("f", O_RDWR);
	out = open_ok("g", O_RDWR | O_CREAT);
	EXPECT_EQ(copy_file_range(in, &a, out, &b, 30000, 0), 30000);
	EXPECT_EQ(a, 30100);
	EXPECT_EQ(b, 35000);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 0);
	EXPECT_EQ(lseek(out, 0, SEEK_CUR), 0);
	EXPECT_EQ(size_of("g"), 35000);
	ASSERT_EQ(pread(out, got, 30000, 5000), 30000);
	EXPECT(!memcmp(got, data + 100, 30000));
	EXPECT_EQ(lseek(in, SIZE - 10, SEEK_SET), SIZE - 10);
	EXPECT_EQ(copy_file_range(in, NULL, out, NULL, 1000, 0), 10);
	EXPECT_EQ(lseek(out, 0, SEEK_CUR), 10);
	EXPECT_EQ(copy_file_range(in, NULL, out, NULL, 1000, 0), 0);
	/* Within one file. */
	a = 0, b = 20000;
	EXPECT_EQ(copy_file_range(in, &a, in, &b, 20000, 0), 20000);
	ASSERT_EQ(pread(in, got, 20000, 20000), 20000);
	EXPECT(!memcmp(got, data, 20000));
}

TEST(copy_file_range_errors)
{
	off_t a = 0, b = 50, neg = -1, low = -1000;
	int in, out, app, dir, wo;

	setup();
	in = open_ok("f", O_RDWR);
	out = open_ok("g", O_RDWR | O_CREAT);
	app = open_ok("g", O_WRONLY | O_APPEND);
	wo = open_ok("f", O_WRONLY);
	dir = open_ok(".", O_RDONLY);
	EXPECT_ERR(copy_file_range(-1, NULL, out, NULL, 1, 0), EBADF);
	EXPECT_ERR(copy_file_range(in, NULL, -1, NULL, 1, 0), EBADF);
	EXPECT_ERR(copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
	EXPECT_ERR(copy_file_range(dir, NULL, out, NULL, 1, 0), EISDIR);
	EXPECT_ERR(copy_file_range(in, NULL, dir, NULL, 1, 0), EISDIR);
	EXPECT_ERR(copy_file_range(p[0], NULL, out, NULL, 1, 0), EINVAL);
	EXPECT_ERR(copy_file_range(in, NULL, p[1], NULL, 1, 0), EINVAL);
	EXPECT_ERR(copy_file_range(wo, NULL, out, NULL, 1, 0), EBADF);
	EXPECT_ERR(copy_file_range(in, NULL, app, NULL, 1, 0), EBADF);
	EXPECT_ERR(copy_file_range(in, (off_t *)8, out, NULL, 1, 0), EFAULT);
	EXPECT_ERR(copy_file_range(in, NULL, out, (off_t *)8, 1, 0), EFAULT);
	EXPECT_ERR(copy_file_range(in, &a, in, &b, 100, 0), EINVAL);
	EXPECT_EQ(copy_file_range(in, &a, in, &b, 50, 0), 50);
	EXPECT_ERR(copy_file_range(in, &neg, out, NULL, 1, 0), EOVERFLOW);
	EXPECT_ERR(copy_file_range(in, &low, out, NULL, 1, 0), EINVAL);
	EXPECT_EQ(copy_file_range(in, NULL, out, NULL, 0, 0), 0);
	int proc = open("/proc/self/stat", O_RDONLY);
	EXPECT_ERR(copy_file_range(proc, NULL, out, NULL, 1, 0), EXDEV);
}

/* ---- at random ---- */

/* Bytes wander file -> pipe -> pipe -> file in pieces, some doubled by tee, some by read and write: nothing is lost or mixed. */
TEST(random_walk_through_two_pipes)
{
	size_t in_p = 0, in_q = 0, sent = 0, came = 0;
	int in, out;

	setup();
	in = open_ok("f", O_RDONLY);
	out = open_ok("g", O_RDWR | O_CREAT);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(fcntl(p[i], F_SETFL, O_NONBLOCK));
		ASSERT_OK(fcntl(q[i], F_SETFL, O_NONBLOCK));
	}
	while (came < SIZE) {
		size_t want = 1 + rnd_below(rnd() % 2 ? 500 : 3 * PAGE);
		struct iovec v = { data + sent, want < SIZE - sent ? want : SIZE - sent };
		ssize_t n;

		switch (rnd_below(6)) {
		case 0:
			n = splice(in, NULL, p[1], NULL, want, 0);
			sent += n > 0 ? n : 0;
			in_p += n > 0 ? n : 0;
			break;
		case 1:
			n = rnd() % 2 ? write(p[1], v.iov_base, v.iov_len)
				      : vmsplice(p[1], &v, 1, SPLICE_F_NONBLOCK);
			if (n > 0) {
				sent += n;
				in_p += n;
				ASSERT_EQ(lseek(in, sent, SEEK_SET), sent);
			}
			break;
		case 2:
		case 3:
			n = splice(p[0], NULL, q[1], NULL, want, 0);
			in_p -= n > 0 ? n : 0;
			in_q += n > 0 ? n : 0;
			break;
		case 4:
			n = splice(q[0], NULL, out, NULL, want, 0);
			came += n > 0 ? n : 0;
			in_q -= n > 0 ? n : 0;
			break;
		default:
			n = read(q[0], got, want < SIZE ? want : SIZE);
			if (n > 0) {
				ASSERT_EQ(write(out, got, n), n);
				came += n;
				in_q -= n;
			}
		}
		ASSERT_EQ(pending(p[0]), in_p);
		ASSERT_EQ(pending(q[0]), in_q);
	}
	ASSERT_EQ(pread(out, got, sizeof(got), 0), SIZE);
	EXPECT(!memcmp(got, data, SIZE));
}
