/*
 * files.c - open files: flags, offsets, vectors, sizes, descriptors, copies, and the errno that the manual pages promise.
 *
 * Everything happens in a fresh directory of the root file system (ext4, overlay, tmpfs: the tests
 * ask only for what all of them give). Names are proven by names.c, attributes by attrs.c, locks by filelocks.c.
 */
#include "files.h"
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>

/* ---- open ---- */

TEST(open_flags)
{
	enter();
	EXPECT_ERR(open("f", O_RDONLY), ENOENT);
	EXPECT_ERR(open("", O_RDONLY), ENOENT);
	int fd = open("f", O_CREAT | O_EXCL | O_RDWR, 0666);

	ASSERT_OK(fd);
	EXPECT_EQ(mode_of("f"), S_IFREG | 0644);
	EXPECT_ERR(open("f", O_CREAT | O_EXCL | O_RDWR, 0666), EEXIST);
	ASSERT_EQ(write(fd, "12345", 5), 5);
	int again = open("f", O_RDWR);

	EXPECT_EQ(size_of("f"), 5);
	close(open("f", O_RDWR | O_CREAT, 0666));
	EXPECT_EQ(size_of("f"), 5);
	close(open("f", O_RDWR | O_TRUNC));
	EXPECT_EQ(size_of("f"), 0);
	EXPECT_EQ(fcntl(again, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR);
	EXPECT_ERR(open("f/x", O_RDONLY), ENOTDIR);
	EXPECT_ERR(open("f/", O_RDONLY), ENOTDIR);
	EXPECT_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	EXPECT_ERR(open(".", O_RDWR), EISDIR);
	EXPECT_ERR(open(".", O_WRONLY), EISDIR);
	EXPECT_ERR(open(".", O_CREAT | O_RDONLY, 0600), EISDIR);
	EXPECT_ERR(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
	EXPECT_ERR(open("absent/f", O_CREAT | O_RDWR, 0600), ENOENT);
	EXPECT_ERR(open((char *)8, O_RDONLY), EFAULT);
	EXPECT_ERR(open(long_name, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
	EXPECT_ERR(open(long_path, O_RDONLY), ENAMETOOLONG);
	long_name[255] = 0;
	EXPECT_OK(close(open(long_name, O_CREAT | O_RDWR, 0600)));
	EXPECT_OK(unlink(long_name));
}

TEST(reading_and_writing_need_the_right_descriptor)
{
	char c;

	enter();
	int w = open("f", O_CREAT | O_WRONLY, 0600), r = open("f", O_RDONLY),
	    d = open(".", O_RDONLY);

	EXPECT_ERR(read(w, &c, 1), EBADF);
	EXPECT_ERR(write(r, "x", 1), EBADF);
	EXPECT_ERR(read(d, &c, 1), EISDIR);
	EXPECT_ERR(write(d, "x", 1), EBADF);
	EXPECT_ERR(read(999, &c, 1), EBADF);
	EXPECT_ERR(write(-1, &c, 1), EBADF);
	EXPECT_ERR(close(999), EBADF);
	EXPECT_ERR(ftruncate(r, 0), EINVAL);
	ASSERT_EQ(write(w, "x", 1), 1);
	EXPECT_ERR(read(r, (void *)8, 1), EFAULT);
	EXPECT_ERR(write(w, (void *)8, 1), EFAULT);
}

TEST(an_open_file_has_an_owner_and_a_block_size)
{
	int fd, size = 0;

	enter();
	fd = open("f", O_CREAT | O_RDWR, 0600);
	EXPECT_EQ(fcntl(fd, F_GETOWN), 0);
	ASSERT_OK(fcntl(fd, F_SETOWN, getpid()));
	EXPECT_EQ(fcntl(fd, F_GETOWN), getpid());
	ASSERT_OK(fcntl(fd, F_SETOWN, -getpgrp()));
	EXPECT_EQ(fcntl(fd, F_GETOWN), -getpgrp());
	ASSERT_OK(ioctl(fd, 2 /* FIGETBSZ */, &size));
	EXPECT_GE(size, 512);
	EXPECT_ERR(ioctl(fd, 2, 8), EFAULT);
}

TEST(append_always_writes_at_the_end)
{
	enter();
	int a = open("f", O_CREAT | O_RDWR | O_APPEND, 0600), b = open("f", O_RDWR);

	ASSERT_EQ(write(a, "one", 3), 3);
	ASSERT_EQ(lseek(b, 3, SEEK_SET), 3);
	ASSERT_EQ(write(b, "two", 3), 3);
	ASSERT_EQ(lseek(a, 0, SEEK_SET), 0);
	ASSERT_EQ(write(a, "three", 5), 5);
	EXPECT_EQ(lseek(a, 0, SEEK_CUR), 11);
	EXPECT_STR(read_text("f"), "onetwothree");
	ASSERT_OK(fcntl(b, F_SETFL, O_APPEND));
	ASSERT_EQ(lseek(b, 0, SEEK_SET), 0);
	ASSERT_EQ(write(b, "4", 1), 1);
	EXPECT_STR(read_text("f"), "onetwothree4");
}

TEST(append_of_several_processes_loses_nothing)
{
	enum { PROCS = 4, EACH = 200 };
	int seen[PROCS] = { 0 };
	pid_t pids[PROCS];

	enter();
	int fd = open("log", O_CREAT | O_RDWR | O_APPEND, 0600);

	for (int i = 0; i < PROCS; i++) {
		pids[i] = test_fork();
		if (!pids[i]) {
			for (int n = 0; n < EACH; n++) {
				char line[16];

				snprintf(line, sizeof(line), "%d %04d\n", i, n);
				ASSERT_EQ(write(fd, line, 7), 7);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < PROCS; i++)
		EXPECT_EXIT(pids[i], 0);
	EXPECT_EQ(size_of("log"), PROCS * EACH * 7);
	for (char *p = read_text("log"); *p; p += 7) {
		int who = p[0] - '0';

		ASSERT(who >= 0 && who < PROCS);
		EXPECT_EQ(atoi(p + 2), seen[who]++);
	}
}

TEST(openat_and_directories)
{
	enter();
	ASSERT_OK(mkdir("d", 0755));
	int d = open("d", O_RDONLY | O_DIRECTORY);
	int fd = openat(d, "f", O_CREAT | O_RDWR, 0600);

	ASSERT_OK(fd);
	EXPECT_EQ(mode_of("d/f"), S_IFREG | 0600);
	EXPECT_ERR(openat(fd, "x", O_RDONLY), ENOTDIR);
	EXPECT_ERR(openat(999, "x", O_RDONLY), EBADF);
	char path[600];

	ASSERT(getcwd(path, 500));
	strcat(path, "/d/f");
	EXPECT_OK(close(openat(999, path, O_RDONLY))); /* absolute: the descriptor is not used */
}

TEST(o_path_and_o_nofollow)
{
	struct stat st;
	char c;

	enter();
	make_file("f", "x", 1);
	ASSERT_OK(symlink("f", "l"));
	EXPECT_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	int fd = open("l", O_PATH | O_NOFOLLOW);

	ASSERT_OK(fd);
	ASSERT_OK(fstat(fd, &st));
	EXPECT(S_ISLNK(st.st_mode));
	EXPECT_ERR(read(fd, &c, 1), EBADF);
	EXPECT_ERR(syscall(SYS_fchmod, fd, 0600), EBADF);
}

/* ---- offsets ---- */

TEST(lseek_and_holes)
{
	char buf[8];

	enter();
	int fd = open("f", O_CREAT | O_RDWR, 0600);

	ASSERT_EQ(write(fd, "abcdef", 6), 6);
	EXPECT_EQ(lseek(fd, -2, SEEK_END), 4);
	EXPECT_EQ(lseek(fd, -1, SEEK_CUR), 3);
	EXPECT_EQ(read(fd, buf, 8), 3);
	EXPECT_EQ(read(fd, buf, 8), 0);
	EXPECT_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	EXPECT_ERR(lseek(fd, -7, SEEK_END), EINVAL);
	EXPECT_ERR(lseek(fd, 0, 99), EINVAL);
	EXPECT_ERR(lseek(999, 0, SEEK_SET), EBADF);
	EXPECT_EQ(lseek(fd, 10000, SEEK_SET), 10000);
	EXPECT_EQ(size_of("f"), 6);
	ASSERT_EQ(write(fd, "z", 1), 1);
	EXPECT_EQ(size_of("f"), 10001);
	EXPECT_EQ(pread(fd, buf, 8, 5000), 8);
	EXPECT(!memcmp(buf, "\0\0\0\0\0\0\0\0", 8));
}

TEST(pread_and_pwrite_leave_the_offset)
{
	char buf[16] = "";

	enter();
	int fd = open("f", O_CREAT | O_RDWR, 0600);

	ASSERT_EQ(write(fd, "0123456789", 10), 10);
	EXPECT_EQ(pwrite(fd, "AB", 2, 3), 2);
	EXPECT_EQ(pread(fd, buf, 4, 2), 4);
	EXPECT_STR(buf, "2AB5");
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 10);
	EXPECT_EQ(pread(fd, buf, 4, 100), 0);
	EXPECT_ERR(pread(fd, buf, 4, -1), EINVAL);
	EXPECT_ERR(pwrite(fd, buf, 4, -1), EINVAL);
}

TEST(vectors)
{
	char a[4] = "", b[4] = "";
	struct iovec out[2] = { { "abc", 3 }, { "defg", 4 } }, in[2] = { { a, 3 }, { b, 3 } };
	struct iovec bad[2] = { { a, 1 }, { (void *)8, 1 } };

	enter();
	int fd = open("f", O_CREAT | O_RDWR, 0600);

	EXPECT_EQ(writev(fd, out, 2), 7);
	EXPECT_EQ(preadv(fd, in, 2, 1), 6);
	EXPECT_STR(a, "bcd");
	EXPECT_STR(b, "efg");
	EXPECT_EQ(pwritev(fd, out, 1, 4), 3);
	EXPECT_STR(read_text("f"), "abcdabc");
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(readv(fd, bad, 2), 1); /* what came before the bad one counts */
	EXPECT_ERR(readv(fd, (void *)8, 1), EFAULT);
	EXPECT_ERR(readv(fd, in, 2000), EINVAL);
	bad[0].iov_len = -1L;
	EXPECT_ERR(writev(fd, bad, 1), EINVAL);
}

TEST(a_write_takes_what_is_there_up_to_the_bad_address)
{
	char *map =
		mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec out[2];

	enter();
	int fd = open("f", O_CREAT | O_RDWR, 0600);

	ASSERT(map != MAP_FAILED);
	memcpy(map + 4092, "tail", 4);
	ASSERT_EQ(munmap(map + 4096, 4096), 0);
	EXPECT_EQ(write(fd, map + 4092, 100), 4);
	out[0] = (struct iovec){ "head", 4 };
	out[1] = (struct iovec){ map + 4092, 8 };
	EXPECT_EQ(pwritev(fd, out, 2, 4), 8);
	EXPECT_STR(read_text("f"), "tailheadtail");
	EXPECT_ERR(write(fd, map + 4096, 4), EFAULT);
	out[0].iov_base = map + 4096;
	EXPECT_ERR(writev(fd, out, 2), EFAULT);
	munmap(map, 4096);
}

/* musl has no pwritev2. */
#define RWF_HIPRI  1
#define RWF_DSYNC  2
#define RWF_SYNC   4
#define RWF_APPEND 16
static ssize_t rwf_writev(int fd, const struct iovec *iov, off_t pos, int flags)
{
	return syscall(SYS_pwritev2, fd, iov, 1L, pos, 0L, flags);
}

TEST(flags_of_one_vectored_call)
{
	struct iovec out = { "abc", 3 };

	enter();
	int fd = open("f", O_CREAT | O_RDWR, 0600), p[2];

	EXPECT_EQ(rwf_writev(fd, &out, 0, RWF_DSYNC), 3);
	EXPECT_EQ(rwf_writev(fd, &out, -1, RWF_APPEND), 3);
	EXPECT_EQ(rwf_writev(fd, &out, 0, RWF_APPEND | RWF_SYNC), 3);
	EXPECT_STR(read_text("f"), "abcabcabc");
	EXPECT_ERR(rwf_writev(fd, &out, 0, 0x4000), EOPNOTSUPP);
	ASSERT_EQ(pipe(p), 0);
	EXPECT_ERR(rwf_writev(p[1], &out, 0, 0), ESPIPE);
	EXPECT_EQ(rwf_writev(p[1], &out, -1, RWF_HIPRI), 3);
}

TEST(truncate_cuts_and_extends_with_zeros)
{
	char buf[16];

	enter();
	make_file("f", "0123456789", 10);
	int fd = open("f", O_RDWR);

	ASSERT_OK(ftruncate(fd, 4));
	EXPECT_EQ(size_of("f"), 4);
	ASSERT_OK(truncate("f", 8));
	EXPECT_EQ(pread(fd, buf, 16, 0), 8);
	EXPECT(!memcmp(buf, "0123\0\0\0\0", 8));
	EXPECT_ERR(truncate("f", -1), EINVAL);
	EXPECT_ERR(ftruncate(fd, -1), EINVAL);
	EXPECT_ERR(truncate("absent", 0), ENOENT);
	EXPECT_ERR(truncate(".", 0), EISDIR);
	EXPECT_ERR(ftruncate(999, 0), EBADF);
}

TEST(rlimit_fsize_is_efbig_and_sigxfsz)
{
	enter();
	pid_t pid = test_fork();

	if (!pid) {
		unsigned long r[2] = { 5000, 5000 };
		int fd = open("f", O_CREAT | O_RDWR, 0600);
		static char buf[4096];

		ASSERT_OK(syscall(SYS_setrlimit, 1, r));
		signal(SIGXFSZ, SIG_IGN);
		EXPECT_EQ(write(fd, buf, 4096), 4096);
		EXPECT_EQ(write(fd, buf, 4096), 904);
		EXPECT_ERR(write(fd, buf, 1), EFBIG);
		EXPECT_ERR(ftruncate(fd, 5001), EFBIG);
		signal(SIGXFSZ, SIG_DFL);
		_exit(write(fd, buf, 1) == 1);
	}
	EXPECT_KILLED(pid, SIGXFSZ);
}

TEST(fallocate_extends)
{
	enter();
	int fd = open("f", O_CREAT | O_RDWR, 0600), r = open("f", O_RDONLY);

	if (fallocate(fd, 0, 0, 10000) && errno == EOPNOTSUPP)
		skip("this file system has no fallocate");
	EXPECT_EQ(size_of("f"), 10000);
	EXPECT_ERR(fallocate(fd, 0, -1, 10), EINVAL);
	EXPECT_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	EXPECT_ERR(fallocate(r, 0, 0, 10), EBADF);
}

/* ---- descriptors ---- */

TEST(dup_gives_the_lowest_and_shares_the_offset)
{
	char c;

	enter();
	make_file("f", "abc", 3);
	int first = open("f", O_RDONLY), second = open("f", O_RDONLY), fd, a;

	close(first);
	ASSERT_EQ(fd = dup(second), first);
	ASSERT_EQ(close(second), 0);
	ASSERT_EQ(a = dup(fd), second);
	ASSERT_EQ(read(fd, &c, 1), 1);
	ASSERT_EQ(read(a, &c, 1), 1);
	EXPECT_EQ(c, 'b');
	close(fd);
	EXPECT_EQ(open("f", O_RDONLY), fd);
	EXPECT_EQ(dup2(a, 50), 50);
	EXPECT_EQ(dup2(a, a), a);
	EXPECT_ERR(dup2(999, 999), EBADF);
	EXPECT_ERR(dup2(a, -1), EBADF);
	EXPECT_ERR(dup2(a, 1 << 30), EBADF);
	EXPECT_ERR(syscall(SYS_dup3, a, a, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_dup3, a, 51, O_APPEND), EINVAL);
	EXPECT_ERR(dup(999), EBADF);
	EXPECT_EQ(fcntl(a, F_DUPFD, 100), 100);
	EXPECT_EQ(fcntl(a, F_DUPFD, 100), 101);
	EXPECT_EQ(fcntl(a, F_DUPFD_CLOEXEC, 100), 102);
	EXPECT_EQ(fcntl(102, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(101, F_GETFD), 0);
	EXPECT_ERR(fcntl(a, F_DUPFD, 1 << 30), EINVAL);
	EXPECT_ERR(fcntl(a, 9999, 0), EINVAL);
	EXPECT_ERR(fcntl(999, F_GETFD), EBADF);
}

TEST(the_descriptor_limit_is_emfile)
{
	unsigned long r[2] = { 20, 20 };
	int last = -1, fd;

	ASSERT_OK(syscall(SYS_setrlimit, 7, r));
	while ((fd = open("/", O_RDONLY)) >= 0)
		last = fd;
	EXPECT_EQ(errno, EMFILE);
	EXPECT_EQ(last, 19);
	EXPECT_ERR(dup(0), EMFILE);
	EXPECT_ERR(pipe((int[2]){ 0, 0 }), EMFILE);
	close(7);
	EXPECT_EQ(dup(0), 7);
}

TEST(descriptors_are_shared_over_fork_as_one_open_file)
{
	char c;

	enter();
	make_file("f", "abcdef", 6);
	int fd = open("f", O_RDONLY);
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_EQ(lseek(fd, 4, SEEK_SET), 4);
		close(fd);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	ASSERT_EQ(read(fd, &c, 1), 1);
	EXPECT_EQ(c, 'e');
}

/* ---- devices and copies ---- */

TEST(the_memory_devices)
{
	char buf[64];
	struct stat st;
	int fd;

	ASSERT_OK(fd = open("/dev/null", O_RDWR));
	EXPECT_EQ(read(fd, buf, 64), 0);
	EXPECT_EQ(write(fd, buf, 64), 64);
	EXPECT_ERR(ioctl(fd, 0x7fff0000, 0), ENOTTY);
	ASSERT_OK(fstat(fd, &st));
	EXPECT(S_ISCHR(st.st_mode));
	EXPECT_EQ(st.st_rdev, makedev(1, 3));
	ASSERT_OK(fd = open("/dev/zero", O_RDWR));
	memset(buf, 1, 64);
	EXPECT_EQ(read(fd, buf, 64), 64);
	EXPECT_EQ(buf[63], 0);
	ASSERT_OK(fd = open("/dev/full", O_RDWR));
	EXPECT_EQ(read(fd, buf, 64), 64);
	EXPECT_ERR(write(fd, buf, 1), ENOSPC);
	ASSERT_OK(fd = open("/dev/urandom", O_RDONLY));
	char other[64];

	EXPECT_EQ(read(fd, buf, 64), 64);
	EXPECT_EQ(read(fd, other, 64), 64);
	EXPECT(memcmp(buf, other, 64));
	EXPECT_EQ(syscall(SYS_getrandom, other, 64, 0), 64);
	EXPECT(memcmp(buf, other, 64));
	EXPECT_ERR(syscall(SYS_getrandom, other, 64, 0x100), EINVAL);
	EXPECT_ERR(syscall(SYS_getrandom, 8L, 64, 0), EFAULT);
}

TEST(fallocate_modes_and_files)
{
	int fd, p[2], null;

	enter();
	ASSERT_OK(fd = open("f", O_RDWR | O_CREAT, 0644));
	ASSERT_OK(pipe(p));
	ASSERT_OK(null = open("/dev/null", O_RDWR));
	EXPECT_ERR(fallocate(-1, 0, -1, 0), EBADF);
	EXPECT_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	EXPECT_ERR(fallocate(fd, 0x4000, 0, 1), EOPNOTSUPP);
	EXPECT_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | 0x10 | FALLOC_FL_KEEP_SIZE, 0, 1),
		   EOPNOTSUPP);
	EXPECT_ERR(fallocate(p[1], 0, 0, 1), ESPIPE);
	EXPECT_ERR(fallocate(null, 0, 0, 1), ENODEV);
	EXPECT_ERR(fallocate(fd, 0, 0x7fffffffffffffff, 1), EFBIG);
	EXPECT_EQ(size_of("f"), 0);
}

TEST(sendfile_copies_from_a_file)
{
	char buf[16] = "";
	off_t at = 2;
	int fd[2];

	enter();
	make_file("in", "0123456789", 10);
	int in = open("in", O_RDONLY), out = open("out", O_CREAT | O_RDWR, 0600);

	EXPECT_EQ(sendfile(out, in, &at, 4), 4);
	EXPECT_EQ(at, 6);
	EXPECT_EQ(lseek(in, 0, SEEK_CUR), 0);
	EXPECT_EQ(sendfile(out, in, NULL, 100), 10);
	EXPECT_EQ(sendfile(out, in, NULL, 100), 0);
	EXPECT_STR(read_text("out"), "23450123456789");
	ASSERT_OK(pipe(fd));
	at = 0;
	EXPECT_EQ(sendfile(fd[1], in, &at, 10), 10);
	EXPECT_EQ(read(fd[0], buf, 16), 10);
	EXPECT_STR(buf, "0123456789");
	EXPECT_ERR(sendfile(in, out, NULL, 1), EBADF);
	EXPECT_ERR(sendfile(999, in, NULL, 1), EBADF);
	EXPECT_OK(fsync(out));
	EXPECT_ERR(fsync(999), EBADF);
	EXPECT_ERR(fsync(fd[0]), EINVAL);
	sync();
}

TEST(a_big_file_keeps_every_byte)
{
	enum { SIZE = 3 << 20 };
	static unsigned char buf[70000];
	unsigned char *copy = malloc(SIZE);

	enter();
	for (int i = 0; i < SIZE; i++)
		copy[i] = rnd();
	int fd = open("big", O_CREAT | O_RDWR, 0600);

	for (int at = 0; at < SIZE;) {
		int n = 1 + rnd_below(sizeof(buf));

		if (n > SIZE - at)
			n = SIZE - at;
		ASSERT_EQ(write(fd, copy + at, n), n);
		at += n;
	}
	for (int i = 0; i < 200; i++) {
		int n = 1 + rnd_below(sizeof(buf)), at = rnd_below(SIZE - n);

		ASSERT_EQ(pread(fd, buf, n, at), n);
		ASSERT(!memcmp(buf, copy + at, n));
	}
}
