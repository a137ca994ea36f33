/*
 * files.c - the file system calls: what they do, and the errno that their manual pages promise.
 *
 * Everything happens in a fresh directory of the root file system (ext4, overlay, tmpfs: the tests
 * ask only for what all of them give).  The last test drives random calls on a small tree and one
 * file against a model.
 */
#include "test.h"
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/vfs.h>

static char long_name[300], long_path[5000];

static void enter(void)
{
	test_dir();
	umask(022);
	memset(long_name, 'n', 256);
	memset(long_path, 'p', 4096);
	for (int i = 0; i < 4096; i += 100)
		long_path[i] = '/';
}

static int mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? -1 : (int)st.st_mode;
}

static long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (long)st.st_size;
}

static long links_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? -1 : (long)st.st_nlink;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_ino;
}

/* Run the rest of the body as another user, in a child. */
#define AS_NOBODY for (pid_t nobody_ = become_nobody(); nobody_ == 0; _exit(0))

static pid_t become_nobody(void)
{
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(setgid(65534));
		ASSERT_OK(setuid(65534));
		return 0;
	}
	EXPECT_EXIT(pid, 0);
	return pid;
}

static void need_root(void)
{
	if (getuid())
		skip("needs root");
}

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

TEST(flock_excludes_other_open_files)
{
	enter();
	int a = open("f", O_CREAT | O_RDWR, 0600), b = open("f", O_RDWR), c = dup(a);

	EXPECT_OK(flock(a, LOCK_EX));
	EXPECT_OK(flock(c, LOCK_EX | LOCK_NB));
	EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
	EXPECT_ERR(flock(b, LOCK_SH | LOCK_NB), EAGAIN);
	EXPECT_OK(flock(a, LOCK_SH));
	EXPECT_OK(flock(b, LOCK_SH | LOCK_NB));
	EXPECT_ERR(flock(a, LOCK_EX | LOCK_NB), EAGAIN);
	EXPECT_OK(flock(b, LOCK_UN));
	EXPECT_OK(flock(a, LOCK_EX));
	close(a);
	EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
	close(c);
	EXPECT_OK(flock(b, LOCK_EX | LOCK_NB));
	EXPECT_ERR(flock(999, LOCK_EX), EBADF);
	EXPECT_ERR(flock(b, LOCK_SH | LOCK_EX), EINVAL);
}

/* ---- names ---- */

TEST(mkdir_and_rmdir)
{
	enter();
	ASSERT_OK(mkdir("d", 0777));
	EXPECT_EQ(mode_of("d"), S_IFDIR | 0755);
	EXPECT_ERR(mkdir("d", 0777), EEXIST);
	EXPECT_ERR(mkdir(".", 0777), EEXIST);
	EXPECT_ERR(mkdir("x/y", 0777), ENOENT);
	EXPECT_ERR(mkdir(long_name, 0777), ENAMETOOLONG);
	make_file("f", "", 0);
	EXPECT_ERR(mkdir("f/x", 0777), ENOTDIR);
	EXPECT_ERR(mkdir("f", 0777), EEXIST);
	EXPECT_OK(mkdir("d/e/", 0777));
	EXPECT_ERR(rmdir("d"), ENOTEMPTY);
	EXPECT_ERR(rmdir("f"), ENOTDIR);
	EXPECT_ERR(rmdir("absent"), ENOENT);
	EXPECT_ERR(rmdir("d/."), EINVAL);
	EXPECT_ERR(rmdir("d/e/.."), ENOTEMPTY);
	EXPECT_OK(rmdir("d/e"));
	EXPECT_OK(rmdir("d"));
	EXPECT_EQ(mode_of("d"), -1);
	ASSERT_OK(mkdirat(AT_FDCWD, "g", 0700));
	EXPECT_ERR(unlinkat(AT_FDCWD, "g", 0), EISDIR);
	EXPECT_OK(unlinkat(AT_FDCWD, "g", AT_REMOVEDIR));
	EXPECT_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	EXPECT_ERR(unlinkat(AT_FDCWD, "f", 0x8000), EINVAL);
}

TEST(unlink_removes_the_name_and_open_files_live_on)
{
	char buf[8];
	struct stat st;

	enter();
	make_file("f", "alive", 5);
	int fd = open("f", O_RDWR);

	ASSERT_OK(unlink("f"));
	EXPECT_ERR(open("f", O_RDONLY), ENOENT);
	EXPECT_EQ(read(fd, buf, 8), 5);
	EXPECT_EQ(write(fd, "more", 4), 4);
	ASSERT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_nlink, 0);
	EXPECT_EQ(st.st_size, 9);
	make_file("f", "x", 1);
	EXPECT_EQ(pread(fd, buf, 5, 0), 5);
	EXPECT(!memcmp(buf, "alive", 5));
	EXPECT_ERR(unlink("absent"), ENOENT);
	EXPECT_ERR(unlink("."), EISDIR);
	EXPECT_ERR(unlink("f/"), ENOTDIR);
	EXPECT_ERR(unlink("f/x"), ENOTDIR);
	EXPECT_ERR(unlink(""), ENOENT);
}

TEST(a_removed_working_directory)
{
	char buf[64];

	enter();
	ASSERT_OK(mkdir("d", 0755));
	ASSERT_OK(chdir("d"));
	ASSERT_OK(rmdir("../d"));
	EXPECT_ERR(open("f", O_CREAT | O_RDWR, 0600), ENOENT);
	EXPECT_ERR(mkdir("e", 0700), ENOENT);
	EXPECT_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	EXPECT_OK(chdir(".."));
}

TEST(hard_links)
{
	enter();
	make_file("a", "1", 1);
	ASSERT_OK(link("a", "b"));
	EXPECT_EQ(links_of("a"), 2);
	EXPECT_EQ(inode_of("a"), inode_of("b"));
	make_file("b", "22", 2);
	EXPECT_EQ(size_of("a"), 2);
	EXPECT_ERR(link("a", "b"), EEXIST);
	EXPECT_ERR(link("absent", "c"), ENOENT);
	EXPECT_ERR(link("a", "x/c"), ENOENT);
	EXPECT_ERR(link("a", "b/c"), ENOTDIR);
	ASSERT_OK(mkdir("d", 0755));
	EXPECT_ERR(link("d", "e"), EPERM);
	ASSERT_OK(unlink("a"));
	EXPECT_EQ(links_of("b"), 1);
	EXPECT_EQ(links_of("d"), 2);
	ASSERT_OK(mkdir("d/sub", 0755));
	EXPECT_EQ(links_of("d"), 3);
}

TEST(symbolic_links)
{
	char buf[64], deep[16], to[16];

	enter();
	make_file("target", "text", 4);
	ASSERT_OK(symlink("target", "l"));
	EXPECT_EQ(mode_of("l") & S_IFMT, S_IFLNK);
	EXPECT_EQ(size_of("l"), 4);
	EXPECT_STR(read_text("l"), "text");
	EXPECT_EQ(readlink("l", buf, sizeof(buf)), 6);
	EXPECT(!memcmp(buf, "target", 6));
	EXPECT_EQ(readlink("l", buf, 3), 3);
	EXPECT_ERR(syscall(SYS_readlink, "l", buf, 0), EINVAL);
	EXPECT_ERR(readlink("target", buf, 8), EINVAL);
	EXPECT_ERR(readlink("absent", buf, 8), ENOENT);
	EXPECT_ERR(symlink("x", "l"), EEXIST);
	EXPECT_ERR(symlink("", "m"), ENOENT);
	ASSERT_OK(symlink("absent", "dangling"));
	EXPECT_ERR(open("dangling", O_RDONLY), ENOENT);
	EXPECT_ERR(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	close(open("dangling", O_CREAT | O_RDWR, 0600)); /* makes the target */
	EXPECT_EQ(mode_of("absent") & S_IFMT, S_IFREG);
	ASSERT_OK(symlink("loop2", "loop1"));
	ASSERT_OK(symlink("loop1", "loop2"));
	EXPECT_ERR(open("loop1", O_RDONLY), ELOOP);
	EXPECT_ERR(open("loop1/x", O_RDONLY), ELOOP);
	EXPECT_ERR(chdir("loop1"), ELOOP);
	EXPECT_OK(unlink("loop1"));
	/* Forty links in a row are followed, one more is too many. */
	make_file("n0", "end", 3);
	for (int i = 1; i <= 41; i++) {
		snprintf(deep, sizeof(deep), "n%d", i);
		snprintf(to, sizeof(to), "n%d", i - 1);
		ASSERT_OK(symlink(to, deep));
	}
	EXPECT_STR(read_text("n40"), "end");
	EXPECT_ERR(open("n41", O_RDONLY), ELOOP);
	/* In the middle of a path, absolute, and with dots. */
	ASSERT_OK(mkdir("d", 0755));
	make_file("d/f", "inner", 5);
	ASSERT_OK(symlink("./d/../d", "to-d"));
	EXPECT_STR(read_text("to-d/f"), "inner");
	ASSERT_OK(symlink("/", "root"));
	EXPECT_OK(close(open("root/.", O_RDONLY)));
	EXPECT_ERR(rmdir("to-d"), ENOTDIR);
}

TEST(rename_replaces_and_refuses)
{
	enter();
	make_file("a", "A", 1);
	make_file("b", "BB", 2);
	ino_t a = inode_of("a");

	ASSERT_OK(rename("a", "b"));
	EXPECT_EQ(inode_of("b"), a);
	EXPECT_EQ(mode_of("a"), -1);
	EXPECT_ERR(rename("a", "c"), ENOENT);
	ASSERT_OK(mkdir("d", 0755));
	ASSERT_OK(mkdir("e", 0755));
	make_file("e/f", "", 0);
	EXPECT_ERR(rename("b", "d"), EISDIR);
	EXPECT_ERR(rename("d", "b"), ENOTDIR);
	EXPECT_ERR(rename("d", "e"), ENOTEMPTY);
	EXPECT_ERR(rename("d", "d/inside"), EINVAL);
	EXPECT_ERR(rename("b", "absent/x"), ENOENT);
	EXPECT_ERR(rename("b", long_name), ENAMETOOLONG);
	EXPECT_OK(rename("e", "d")); /* an empty directory may be replaced */
	EXPECT_EQ(mode_of("d/f") & S_IFMT, S_IFREG);
	EXPECT_EQ(links_of("."), 3);
	ASSERT_OK(link("b", "same"));
	EXPECT_OK(rename("b", "same")); /* two names of one file: nothing happens */
	EXPECT_EQ(mode_of("b") & S_IFMT, S_IFREG);
	ASSERT_OK(mkdir("p", 0755));
	ASSERT_OK(mkdir("p/q", 0755));
	ASSERT_OK(rename("p/q", "q")); /* .. follows */
	EXPECT_EQ(inode_of("q/.."), inode_of("."));
	EXPECT_EQ(links_of("p"), 2);
	EXPECT_ERR(rename(".", "x"), EBUSY);
	if (syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "same", 1) == 0)
		test_fail();
	EXPECT_EQ(errno, EEXIST);
	EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "z", 0x1000), EINVAL);
}

TEST(rename_is_seen_whole_by_another_process)
{
	enter();
	make_file("x", "x", 1);
	pid_t pid = test_fork();

	if (!pid) {
		for (int i = 0; i < 500; i++) {
			make_file("new", "y", 1);
			ASSERT_OK(rename("new", "x"));
		}
		_exit(0);
	}
	for (int i = 0; i < 500; i++) {
		int fd = open("x", O_RDONLY);

		EXPECT_OK(fd);
		close(fd);
	}
	EXPECT_EXIT(pid, 0);
}

/* ---- directories ---- */

struct dirent64_raw {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

TEST(getdents_lists_each_name_once)
{
	char name[32], seen[300] = "";
	_Alignas(8) char buf[512];
	int extra = 0, fd;
	long n;

	enter();
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "entry-%03d", i);
		make_file(name, "", 0);
	}
	ASSERT_OK(fd = open(".", O_RDONLY | O_DIRECTORY));
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			struct dirent64_raw *e = (void *)(buf + at);

			EXPECT_EQ(e->reclen % 8, 0);
			EXPECT_NE(e->ino, 0);
			if (!strncmp(e->name, "entry-", 6)) {
				EXPECT_EQ(seen[atoi(e->name + 6)]++, 0);
				EXPECT_EQ(e->type, DT_REG);
				if (!(atoi(e->name + 6) % 50))
					EXPECT_EQ(e->ino, inode_of(e->name));
			} else {
				EXPECT(!strcmp(e->name, ".") || !strcmp(e->name, ".."));
				EXPECT_EQ(e->type, DT_DIR);
				extra++;
			}
			at += e->reclen;
		}
	}
	EXPECT_EQ(n, 0);
	EXPECT_EQ(extra, 2);
	for (int i = 0; i < 300; i++)
		EXPECT_EQ(seen[i], 1);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_GT(syscall(SYS_getdents64, fd, buf, sizeof(buf)), 0);
	EXPECT_ERR(syscall(SYS_getdents64, fd, buf, 10), EINVAL);
	EXPECT_ERR(syscall(SYS_getdents64, 999, buf, 512), EBADF);
	int f = open("entry-000", O_RDONLY);

	EXPECT_ERR(syscall(SYS_getdents64, f, buf, 512), ENOTDIR);
}

TEST(names_that_stay_are_listed_once_while_others_go)
{
	char name[32], seen[100] = "";
	struct dirent *e;
	int n = 0;

	enter();
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		make_file(name, "", 0);
	}
	DIR *d = opendir(".");

	ASSERT(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] != 'e')
			continue;
		int i = atoi(e->d_name + 1);

		EXPECT_EQ(seen[i]++, 0);
		if (n++ % 3 == 0)
			EXPECT_OK(unlink(e->d_name)); /* the one just read */
	}
	closedir(d);
	EXPECT_EQ(n, 100);
}

TEST(chdir_getcwd_and_fchdir)
{
	char here[400], there[500], buf[500];

	enter();
	ASSERT(getcwd(here, sizeof(here)));
	ASSERT_OK(mkdir("d", 0755));
	ASSERT_OK(symlink("d", "l"));
	ASSERT_OK(chdir("l"));
	ASSERT(getcwd(there, sizeof(there)));
	snprintf(buf, sizeof(buf), "%s/d", here);
	EXPECT_STR(there, buf);
	EXPECT_OK(chdir("../d/./../."));
	EXPECT_STR(getcwd(buf, sizeof(buf)), here);
	EXPECT_ERR(syscall(SYS_getcwd, buf, 2), ERANGE);
	make_file("f", "", 0);
	EXPECT_ERR(chdir("f"), ENOTDIR);
	EXPECT_ERR(chdir("absent"), ENOENT);
	int fd = open("d", O_RDONLY), f = open("f", O_RDONLY);

	ASSERT_OK(fchdir(fd));
	EXPECT_STR(getcwd(buf, sizeof(buf)), there);
	EXPECT_ERR(fchdir(f), ENOTDIR);
	EXPECT_ERR(fchdir(999), EBADF);
	ASSERT_OK(chdir("/"));
	EXPECT_STR(getcwd(buf, sizeof(buf)), "/");
	EXPECT_OK(chdir("../.."));
	EXPECT_STR(getcwd(buf, sizeof(buf)), "/");
}

TEST(chroot_closes_the_way_up)
{
	char buf[64];

	need_root();
	enter();
	ASSERT_OK(mkdir("jail", 0755));
	make_file("jail/inside", "in", 2);
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(chroot("jail"));
		ASSERT_OK(chdir("/"));
		EXPECT_STR(read_text("/inside"), "in");
		EXPECT_STR(read_text("/../../inside"), "in");
		EXPECT_STR(getcwd(buf, sizeof(buf)), "/");
		EXPECT_ERR(open("/proc/self/exe", O_RDONLY), ENOENT);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	AS_NOBODY
	EXPECT_ERR(chroot("jail"), EPERM);
}

/* ---- attributes ---- */

TEST(stat_tells_the_truth)
{
	struct stat st, dir;
	struct statfs sf;

	enter();
	make_file("f", "12345", 5);
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_size, 5);
	EXPECT_EQ(st.st_nlink, 1);
	EXPECT_EQ(st.st_uid, geteuid());
	EXPECT(S_ISREG(st.st_mode));
	EXPECT_GT(st.st_blksize, 0);
	ASSERT_OK(stat(".", &dir));
	EXPECT_EQ(dir.st_dev, st.st_dev);
	EXPECT_NE(dir.st_ino, st.st_ino);
	EXPECT_ERR(stat("absent", &st), ENOENT);
	EXPECT_ERR(stat("f/x", &st), ENOTDIR);
	EXPECT_ERR(fstat(999, &st), EBADF);
	EXPECT_ERR(syscall(SYS_stat, "f", 8L), EFAULT);
	EXPECT_ERR(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0x40000000), EINVAL);
	ASSERT_OK(syscall(SYS_newfstatat, open("f", O_RDONLY), "", &st, AT_EMPTY_PATH));
	EXPECT_EQ(st.st_size, 5);
	ASSERT_OK(statfs(".", &sf));
	EXPECT_GT(sf.f_bsize, 0);
	EXPECT_EQ(sf.f_namelen, 255);
	EXPECT_ERR(statfs("absent", &sf), ENOENT);
	EXPECT_OK(fstatfs(open("f", O_RDONLY), &sf));
}

struct statx_raw {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	uint64_t times[8];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare[14];
};

TEST(statx_agrees_with_stat)
{
	struct statx_raw x;
	struct stat st;

	_Static_assert(sizeof(x) == 256, "statx");
	enter();
	make_file("f", "12345", 5);
	ASSERT_OK(symlink("f", "l"));
	ASSERT_OK(stat("f", &st));
	memset(&x, 0xff, sizeof(x));
	ASSERT_OK(syscall(SYS_statx, AT_FDCWD, "l", 0, 0x7ff, &x));
	EXPECT_EQ(x.mask & 0x7ff, 0x7ff);
	EXPECT_EQ(x.size, 5);
	EXPECT_EQ(x.ino, st.st_ino);
	EXPECT_EQ(x.mode, st.st_mode);
	EXPECT_EQ(x.nlink, 1);
	EXPECT_EQ(x.dev_major, major(st.st_dev));
	EXPECT_EQ(x.dev_minor, minor(st.st_dev));
	ASSERT_OK(syscall(SYS_statx, AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, 0x7ff, &x));
	EXPECT_EQ(x.mode & S_IFMT, S_IFLNK);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, "absent", 0, 0x7ff, &x), ENOENT);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0x40000000, 0x7ff, &x), EINVAL);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, 8L), EFAULT);
}

TEST(chmod_and_umask)
{
	enter();
	make_file("f", "", 0);
	int fd = open("f", O_RDWR);

	ASSERT_OK(chmod("f", 06751));
	EXPECT_EQ(mode_of("f"), S_IFREG | 06751);
	ASSERT_OK(fchmod(fd, 0600));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0600);
	ASSERT_OK(syscall(SYS_fchmodat, AT_FDCWD, "f", 0640));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0640);
	EXPECT_EQ(umask(027), 022);
	EXPECT_EQ(umask(027), 027);
	ASSERT_OK(mkdir("d", 0777));
	EXPECT_EQ(mode_of("d"), S_IFDIR | 0750);
	close(open("g", O_CREAT | O_RDWR, 0666));
	EXPECT_EQ(mode_of("g"), S_IFREG | 0640);
	EXPECT_ERR(chmod("absent", 0), ENOENT);
	EXPECT_ERR(fchmod(999, 0), EBADF);
	ASSERT_OK(symlink("f", "l"));
	ASSERT_OK(chmod("l", 0604));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0604);
}

TEST(chown_changes_owner_and_drops_set_id_bits)
{
	struct stat st;

	need_root();
	enter();
	make_file("f", "", 0);
	ASSERT_OK(symlink("f", "l"));
	ASSERT_OK(chmod("f", 06755));
	ASSERT_OK(chown("l", 1, 2));
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_uid, 1);
	EXPECT_EQ(st.st_gid, 2);
	EXPECT_EQ(st.st_mode, S_IFREG | 0755);
	ASSERT_OK(chown("f", -1, 3));
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_uid, 1);
	EXPECT_EQ(st.st_gid, 3);
	ASSERT_OK(lchown("l", 4, 5));
	ASSERT_OK(lstat("l", &st));
	EXPECT_EQ(st.st_uid, 4);
	ASSERT_OK(fchown(open("f", O_RDONLY), 6, -1));
	ASSERT_OK(fchownat(AT_FDCWD, "l", 7, 7, AT_SYMLINK_NOFOLLOW));
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_uid, 6);
	AS_NOBODY
	{
		EXPECT_ERR(chown("f", 65534, -1), EPERM);
		EXPECT_ERR(chmod("f", 0777), EPERM);
	}
}

TEST(times_of_files)
{
	struct timespec set[2] = { { 1000, 111 }, { 2000, 222 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };
	struct stat st, later;

	enter();
	make_file("f", "", 0);
	ASSERT_OK(utimensat(AT_FDCWD, "f", set, 0));
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_atim.tv_sec, 1000);
	EXPECT_EQ(st.st_mtim.tv_sec, 2000);
	EXPECT_EQ(st.st_mtim.tv_nsec, 222);
	ASSERT_OK(utimensat(AT_FDCWD, "f", omit, 0));
	ASSERT_OK(stat("f", &later));
	EXPECT_EQ(later.st_atim.tv_sec, 1000);
	EXPECT_GT(later.st_mtim.tv_sec, 2000);
	ASSERT_OK(utimensat(AT_FDCWD, "f", set, 0));
	int fd = open("f", O_WRONLY);

	ASSERT_EQ(write(fd, "x", 1), 1);
	ASSERT_OK(stat("f", &later));
	EXPECT_GT(later.st_mtim.tv_sec, 2000);
	ASSERT_OK(utimensat(fd, NULL, NULL, 0));
	set[0].tv_nsec = 1000000000;
	EXPECT_ERR(utimensat(AT_FDCWD, "f", set, 0), EINVAL);
	EXPECT_ERR(utimensat(AT_FDCWD, "absent", NULL, 0), ENOENT);
}

TEST(permissions_by_user)
{
	need_root();
	enter();
	ASSERT_OK(chmod(".", 0755));
	make_file("secret", "s", 1);
	ASSERT_OK(chmod("secret", 0600));
	make_file("readable", "r", 1);
	ASSERT_OK(mkdir("closed", 0700));
	make_file("closed/f", "", 0);
	ASSERT_OK(mkdir("noread", 0711));
	make_file("noread/f", "n", 1);
	ASSERT_OK(mkdir("nosearch", 0744));
	make_file("nosearch/f", "", 0);
	ASSERT_OK(mkdir("sticky", 01777));
	ASSERT_OK(chmod("sticky", 01777));
	make_file("sticky/f", "", 0);
	make_file("group", "g", 1);
	ASSERT_OK(chown("group", 0, 65534));
	ASSERT_OK(chmod("group", 0640));
	make_file("none", "n", 1);
	ASSERT_OK(chmod("none", 0));
	EXPECT_OK(close(open("none", O_RDWR))); /* root may */
	EXPECT_OK(access("none", R_OK | W_OK));
	EXPECT_ERR(access("none", X_OK), EACCES);
	AS_NOBODY
	{
		EXPECT_ERR(open("secret", O_RDONLY), EACCES);
		EXPECT_OK(close(open("readable", O_RDONLY)));
		EXPECT_ERR(open("readable", O_WRONLY), EACCES);
		EXPECT_ERR(open("readable", O_RDONLY | O_TRUNC), EACCES);
		EXPECT_ERR(truncate("readable", 0), EACCES);
		EXPECT_ERR(open("new", O_CREAT | O_RDWR, 0600), EACCES);
		EXPECT_ERR(mkdir("new", 0700), EACCES);
		EXPECT_ERR(symlink("x", "new"), EACCES);
		EXPECT_ERR(unlink("readable"), EACCES);
		EXPECT_ERR(rename("readable", "x"), EACCES);
		EXPECT_ERR(rmdir("closed"), EACCES);
		EXPECT_ERR(open("closed/f", O_RDONLY), EACCES);
		EXPECT_ERR(open("closed", O_RDONLY), EACCES);
		EXPECT_ERR(chdir("closed"), EACCES);
		EXPECT_STR(read_text("noread/f"), "n");
		EXPECT_ERR(open("noread", O_RDONLY), EACCES);
		EXPECT_ERR(open("nosearch/f", O_RDONLY), EACCES);
		EXPECT_OK(close(open("nosearch", O_RDONLY)));
		EXPECT_ERR(unlink("sticky/f"), EPERM);
		EXPECT_OK(close(open("sticky/mine", O_CREAT | O_RDWR, 0600)));
		EXPECT_OK(unlink("sticky/mine"));
		EXPECT_STR(read_text("group"), "g");
		EXPECT_ERR(open("group", O_RDWR), EACCES);
		EXPECT_ERR(access("secret", R_OK), EACCES);
		EXPECT_OK(access("readable", R_OK));
		EXPECT_OK(access("secret", F_OK));
		EXPECT_ERR(access("readable", 99), EINVAL);
		EXPECT_ERR(mknod("sticky/dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	}
}

TEST(access_uses_the_real_and_faccessat2_the_effective_user)
{
	need_root();
	enter();
	ASSERT_OK(chmod(".", 0755));
	make_file("secret", "", 0);
	ASSERT_OK(chmod("secret", 0600));
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(syscall(SYS_setresuid, 65534, 0, 0));
		EXPECT_ERR(access("secret", R_OK), EACCES);
		EXPECT_OK(syscall(SYS_faccessat2, AT_FDCWD, "secret", R_OK, AT_EACCESS));
		EXPECT_OK(close(open("secret", O_RDONLY)));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(set_group_id_directories_hand_their_group_down)
{
	struct stat st;

	need_root();
	enter();
	ASSERT_OK(mkdir("d", 0755));
	ASSERT_OK(chown("d", 0, 77));
	ASSERT_OK(chmod("d", 02755));
	make_file("d/f", "", 0);
	ASSERT_OK(mkdir("d/e", 0755));
	ASSERT_OK(stat("d/f", &st));
	EXPECT_EQ(st.st_gid, 77);
	ASSERT_OK(stat("d/e", &st));
	EXPECT_EQ(st.st_gid, 77);
	EXPECT_EQ(st.st_mode & 02000, 02000);
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

/* ---- the model: names in one directory, each absent, a file with a size, or a directory ---- */

enum { NAMES = 12 };

static struct {
	char kind;
	int size, target;
} tree[NAMES];

static const char *name_of(int i)
{
	static char names[4][8];
	static int next;
	char *s = names[next++ & 3];

	snprintf(s, 8, "n%d", i);
	return s;
}

static void model_matches(int i)
{
	struct stat st;
	int r = lstat(name_of(i), &st);

	if (tree[i].kind == 0) {
		EXPECT_EQ(r, -1);
		return;
	}
	EXPECT_EQ(r, 0);
	EXPECT_EQ(S_ISDIR(st.st_mode), tree[i].kind == 'd');
	if (tree[i].kind == 'f')
		EXPECT_EQ(st.st_size, tree[i].size);
}

TEST_LIMIT(random_calls_agree_with_a_model, 60)
{
	enter();
	for (int n = 0; n < 4000; n++) {
		int i = rnd_below(NAMES), k = rnd_below(NAMES), fd, r;
		const char *a = name_of(i), *b = name_of(k);

		switch (rnd_below(7)) {
		case 0:
			fd = open(a, O_CREAT | O_EXCL | O_RDWR, 0600);
			EXPECT_EQ(fd >= 0, !tree[i].kind);
			if (fd >= 0) {
				tree[i].kind = 'f';
				tree[i].size = 0;
				close(fd);
			}
			break;
		case 1:
			r = mkdir(a, 0700);
			EXPECT_EQ(r == 0, !tree[i].kind);
			if (!r)
				tree[i].kind = 'd';
			break;
		case 2:
			r = unlink(a);
			EXPECT_EQ(r == 0, tree[i].kind == 'f');
			if (r)
				EXPECT_EQ(errno, tree[i].kind ? EISDIR : ENOENT);
			else
				tree[i].kind = 0;
			break;
		case 3:
			r = rmdir(a);
			EXPECT_EQ(r == 0, tree[i].kind == 'd');
			if (r)
				EXPECT_EQ(errno, tree[i].kind ? ENOTDIR : ENOENT);
			else
				tree[i].kind = 0;
			break;
		case 4:
			r = rename(a, b);
			EXPECT_EQ(r == 0,
				  tree[i].kind && (!tree[k].kind || tree[k].kind == tree[i].kind));
			if (!r && i != k) {
				tree[k] = tree[i];
				tree[i].kind = 0;
			}
			break;
		default:
			r = truncate(a, k * 1000);
			EXPECT_EQ(r == 0, tree[i].kind == 'f');
			if (!r)
				tree[i].size = k * 1000;
		}
		model_matches(i);
		model_matches(k);
	}
	for (int i = 0; i < NAMES; i++)
		model_matches(i);
}
