/*
 * vfs - what goes wrong at the seams of the file layer: errors that must leave nothing behind, two threads on one open
 * file, magic links, sparse giants.
 *
 * Each test stands for a fault that a review of kernel/fs found. See fcntl(2), open(2), pipe(7), rename(2).
 */
#include "tests/user/test.h"

#include <limits.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

/* ---- open ---- */

TEST(creating_opens_follow_magic_links)
{
	char name[64];

	test_dir();
	int fd = open("target", O_CREAT | O_RDWR, 0644);

	ASSERT_OK(fd);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int again = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ASSERT_OK(again);
	EXPECT_OK(write_all(again, "through", 7));
	struct stat st;

	EXPECT_OK(stat("target", &st));
	EXPECT_EQ(st.st_size, 7);
	/* Through a link of our own as well, as /dev/stdout is one. */
	ASSERT_OK(symlink(name, "way"));
	again = open("way", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ASSERT_OK(again);
	EXPECT_OK(stat("target", &st));
	EXPECT_EQ(st.st_size, 0);
	int pipes[2];

	ASSERT_OK(pipe(pipes));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", pipes[1]);
	again = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ASSERT_OK(again);
	EXPECT_OK(write_all(again, "x", 1));
	char c = 0;

	EXPECT_EQ(read(pipes[0], &c, 1), 1);
	EXPECT_EQ(c, 'x');
}

TEST(a_trailing_slash_never_creates_a_file)
{
	test_dir();
	make_file("file", "x", 1);
	ASSERT_OK(mkdir("dir", 0755));
	ASSERT_OK(symlink("nothing", "dangling"));
	EXPECT_ERR(open("new/", O_CREAT | O_WRONLY, 0644), EISDIR);
	EXPECT_ERR(open("dir/", O_CREAT | O_WRONLY, 0644), EISDIR);
	EXPECT_ERR(open("file/", O_CREAT | O_WRONLY, 0644), EISDIR);
	EXPECT_ERR(open("dangling/", O_CREAT | O_WRONLY, 0644), EISDIR);
	EXPECT_ERR(open("file/", O_RDONLY), ENOTDIR);
	EXPECT_ERR(access("nothing", F_OK), ENOENT);
	char c;

	EXPECT_ERR(readlink("", &c, 1), ENOENT);
	EXPECT_ERR(readlink("file", &c, 1), EINVAL);
}

HELPER(sleep_for_a_byte)
{
	char c;

	return read(0, &c, 1) < 0;
}

/* A refused open for writing leaves the file as free as it was. */
TEST(a_running_program_is_busy_only_while_it_runs)
{
	int ready[2], in[2];
	char byte = 0;

	test_dir();
	char *self = malloc(1 << 22);
	int fd = open(test_self, O_RDONLY);
	ssize_t len = read(fd, self, 1 << 22);

	close(fd);
	ASSERT_GT(len, 0);
	fd = open("program", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	ASSERT_OK(fd);
	ASSERT_OK(write_all(fd, self, len));
	close(fd);
	ASSERT_OK(pipe2(ready, O_CLOEXEC));
	ASSERT_OK(pipe(in));
	pid_t pid = test_fork();

	if (pid == 0) {
		char *argv[] = { "program", "--helper", "sleep_for_a_byte", NULL };

		dup2(in[0], 0);
		close(in[1]);
		execv("./program", argv);
		_exit(99);
	}
	close(ready[1]);
	close(in[0]);
	/* The end of file comes with the exec. */
	EXPECT_EQ(read(ready[0], &byte, 1), 0);
	EXPECT_ERR(open("program", O_WRONLY), ETXTBSY);
	EXPECT_ERR(open("program", O_RDWR), ETXTBSY);
	EXPECT_ERR(truncate("program", 0), ETXTBSY);
	EXPECT_ERR(open("program", O_RDONLY | O_TRUNC), ETXTBSY);
	close(in[1]);
	EXPECT_EXIT(pid, 0);
	fd = open("program", O_WRONLY);
	EXPECT_OK(fd);
	close(fd);
	/* And the other way round: what is open for writing does not run. */
	fd = open("program", O_WRONLY | O_CLOEXEC);
	char *argv[] = { "program", NULL };

	EXPECT_ERR(execv("./program", argv), ETXTBSY);
	close(fd);
}

TEST(an_unnamed_file_gets_a_name)
{
	char name[64];

	test_dir();
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);

	if (fd < 0 && errno == EOPNOTSUPP)
		skip("no O_TMPFILE here");
	ASSERT_OK(fd);
	ASSERT_OK(write_all(fd, "hello", 5));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	EXPECT_OK(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	struct stat st;

	EXPECT_OK(stat("named", &st));
	EXPECT_EQ(st.st_size, 5);
	EXPECT_EQ(st.st_nlink, 1);
	EXPECT_EQ(st.st_mode & 07777, 0640);
	/* Once it had a name and lost it, it stays unnamed. */
	EXPECT_OK(unlink("named"));
	EXPECT_ERR(linkat(AT_FDCWD, name, AT_FDCWD, "again", AT_SYMLINK_FOLLOW), ENOENT);
	close(fd);
	fd = open(".", O_TMPFILE | O_EXCL | O_RDWR, 0640);
	ASSERT_OK(fd);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	EXPECT_ERR(linkat(AT_FDCWD, name, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
}

/* ---- directories ---- */

static int count_dir(const char *path, const char *prefix)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += !strncmp(e->d_name, prefix, strlen(prefix));
	if (d)
		closedir(d);
	return n;
}

/* Reads one directory in small steps; between two steps the names that were read move away. */
static int read_and_rename(const char *to_dir)
{
	char buf[256], to[300];
	int fd = open("dir", O_RDONLY | O_DIRECTORY), seen = 0;
	long n;

	ASSERT_OK(fd);
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n; at += *(unsigned short *)(buf + at + 16)) {
			const char *name = buf + at + 19;

			if (name[0] != 'f')
				continue;
			seen++;
			snprintf(to, sizeof(to), "%s/g%s", to_dir, name);
			char from[300];

			snprintf(from, sizeof(from), "dir/%s", name);
			EXPECT_OK(rename(from, to));
		}
		ASSERT_LT(seen, 1000);
	}
	EXPECT_EQ(n, 0);
	close(fd);
	return seen;
}

TEST(renames_do_not_hide_names_from_a_reader)
{
	char name[64];

	test_dir();
	ASSERT_OK(mkdir("dir", 0755));
	ASSERT_OK(mkdir("other", 0755));
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "dir/f%d", i);
		make_file(name, "", 0);
	}
	EXPECT_EQ(read_and_rename("other"), 200);
	EXPECT_EQ(count_dir("dir", "f"), 0);
	EXPECT_EQ(count_dir("other", "gf"), 200);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "dir/f%d", i);
		make_file(name, "", 0);
	}
	EXPECT_EQ(read_and_rename("dir"), 200);
	EXPECT_EQ(count_dir("dir", "f"), 0);
	EXPECT_EQ(count_dir("dir", "gf"), 200);
}

static int shared_dir;

static void *read_dir_thread(void *arg)
{
	char buf[512];
	long *sum = arg;

	for (int round = 0; round < 300; round++) {
		long n = syscall(SYS_getdents64, shared_dir, buf, sizeof(buf));

		if (n <= 0)
			lseek(shared_dir, 0, SEEK_SET);
		else
			*sum += n;
	}
	return NULL;
}

TEST(threads_share_an_open_directory)
{
	pthread_t t[4];
	long sum[4] = { 0 };
	char name[64];

	test_dir();
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		make_file(name, "", 0);
	}
	shared_dir = open(".", O_RDONLY | O_DIRECTORY);
	ASSERT_OK(shared_dir);
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, read_dir_thread, &sum[i]), 0);
	for (int i = 0; i < 200; i++) {
		unlink("name-7");
		make_file("name-7", "", 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		EXPECT_GT(sum[i], 0);
	}
	EXPECT_EQ(count_dir(".", "name-"), 50);
}

/* rename replaces empty directories while another process makes names in them. */
TEST(nothing_is_made_in_a_directory_that_was_replaced)
{
	test_dir();
	ASSERT_OK(mkdir("target", 0755));
	pid_t maker = test_fork();

	if (maker == 0) {
		for (;;) {
			int fd = open("target/name", O_CREAT | O_EXCL | O_WRONLY, 0644);

			if (fd >= 0) {
				/* While it has a name, its directory has one too. */
				if (access("target/name", F_OK))
					test_fail();
				close(fd);
				if (unlink("target/name"))
					test_fail();
				sched_yield();
			} else if (errno != ENOENT) {
				test_fail();
			}
		}
	}
	int replaced = 0;

	ASSERT_OK(mkdir("fresh", 0755));
	for (time_t end = time(NULL) + 2; time(NULL) < end;) {
		if (rename("fresh", "target") == 0) {
			replaced++;
			ASSERT_OK(mkdir("fresh", 0755));
		} else {
			EXPECT_EQ(errno, ENOTEMPTY);
			sched_yield();
		}
	}
	EXPECT_GT(replaced, 0);
	kill(maker, SIGKILL);
	test_wait(maker);
	unlink("target/name");
	EXPECT_OK(rmdir("target"));
}

TEST(a_deep_tree_is_made_and_removed)
{
	int depth = 0;

	test_dir();
	int top = open(".", O_RDONLY | O_DIRECTORY);

	for (; depth < 3000; depth++) {
		if (mkdir("d", 0755) || chdir("d"))
			break;
	}
	EXPECT_EQ(depth, 3000);
	char buf[256];

	EXPECT_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENAMETOOLONG);
	for (; depth > 0; depth--) {
		ASSERT_OK(chdir(".."));
		ASSERT_OK(rmdir("d"));
	}
	struct stat a, b;

	EXPECT_OK(fstat(top, &a));
	EXPECT_OK(stat(".", &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
}

/* ---- writes in one piece ---- */

TEST(writev_appends_records_whole)
{
	test_dir();
	make_file("log", "", 0);
	pid_t pid[4];

	for (int who = 0; who < 4; who++) {
		pid[who] = test_fork();
		if (pid[who] == 0) {
			char head[8], body[60];
			struct iovec v[3] = { { head, 8 }, { body, 60 }, { "\n", 1 } };
			int fd = open("log", O_WRONLY | O_APPEND);

			memset(head, 'A' + who, sizeof(head));
			memset(body, 'a' + who, sizeof(body));
			for (int i = 0; i < 500; i++)
				if (writev(fd, v, 3) != 69)
					test_fail();
			_exit(0);
		}
	}
	for (int who = 0; who < 4; who++)
		EXPECT_EXIT(pid[who], 0);
	char *text = malloc(4 * 500 * 69);
	int fd = open("log", O_RDONLY), torn = 0;

	ASSERT_EQ(read(fd, text, 4 * 500 * 69), 4 * 500 * 69);
	for (int i = 0; i < 2000; i++) {
		const char *r = text + i * 69;

		torn += r[0] != r[7] || r[8] != r[67] || r[0] != r[8] - 32 || r[68] != '\n';
	}
	EXPECT_EQ(torn, 0);
}

TEST(writev_of_a_small_record_to_a_pipe_is_whole)
{
	int p[2], torn = 0;
	pid_t pid[3];

	ASSERT_OK(pipe(p));
	for (int who = 0; who < 3; who++) {
		pid[who] = test_fork();
		if (pid[who] == 0) {
			char a[30], b[34];
			struct iovec v[2] = { { a, 30 }, { b, 34 } };

			memset(a, 'a' + who, sizeof(a));
			memset(b, 'a' + who, sizeof(b));
			for (int i = 0; i < 1000; i++)
				if (writev(p[1], v, 2) != 64)
					test_fail();
			_exit(0);
		}
	}
	close(p[1]);
	for (int i = 0; i < 3000; i++) {
		char r[64];
		size_t have = 0;
		ssize_t n;

		while (have < 64 && (n = read(p[0], r + have, 64 - have)) > 0)
			have += n;
		ASSERT_EQ(have, 64);
		for (int k = 1; k < 64; k++)
			torn += r[k] != r[0];
	}
	EXPECT_EQ(torn, 0);
	for (int who = 0; who < 3; who++)
		EXPECT_EXIT(pid[who], 0);
}

TEST(packet_pipes_keep_packets)
{
	char buf[64];
	int p[2];

	ASSERT_OK(pipe2(p, O_DIRECT));
	EXPECT_EQ(write(p[1], "one", 3), 3);
	EXPECT_EQ(write(p[1], "second", 6), 6);
	EXPECT_EQ(write(p[1], "3", 1), 1);
	EXPECT_EQ(read(p[0], buf, sizeof(buf)), 3);
	/* What does not fit is lost. */
	EXPECT_EQ(read(p[0], buf, 2), 2);
	EXPECT_EQ(memcmp(buf, "se", 2), 0);
	EXPECT_EQ(read(p[0], buf, sizeof(buf)), 1);
	EXPECT_EQ(buf[0], '3');
}

TEST(a_pipe_grows_shrinks_and_goes)
{
	static char block[1 << 20];
	int p[2];

	ASSERT_OK(pipe(p));
	EXPECT_EQ(fcntl(p[1], F_GETPIPE_SZ), 65536);
	EXPECT_EQ(fcntl(p[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	ASSERT_OK(fcntl(p[1], F_SETFL, O_NONBLOCK));
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = i * 7 >> 3;
	EXPECT_EQ(write(p[1], block, sizeof(block)), 1 << 20);
	EXPECT_ERR(fcntl(p[1], F_SETPIPE_SZ, 65536), EBUSY);
	size_t at = 0;
	char buf[8192];
	int bad = 0;

	while (at < sizeof(block)) {
		ssize_t n = read(p[0], buf, sizeof(buf));

		ASSERT_GT(n, 0);
		bad += memcmp(buf, block + at, n) != 0;
		at += n;
	}
	EXPECT_EQ(bad, 0);
	EXPECT_EQ(fcntl(p[1], F_SETPIPE_SZ, 1), 4096);
	EXPECT_EQ(write(p[1], block, 8192), 4096);
	close(p[0]);
	close(p[1]);
}

/* ---- sparse files ---- */

TEST(a_sparse_file_of_a_terabyte)
{
	const off_t far = 1LL << 40;
	char buf[16];
	struct stat st;

	test_dir();
	int fd = open("sparse", O_CREAT | O_RDWR, 0644);

	ASSERT_OK(fd);
	EXPECT_EQ(pwrite(fd, "end", 3, far), 3);
	EXPECT_EQ(pwrite(fd, "mid", 3, (5LL << 32) + 4094), 3);
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_size, far + 3);
	EXPECT_LT(st.st_blocks, 1000);
	EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 5LL << 32);
	EXPECT_EQ(lseek(fd, 5LL << 32, SEEK_HOLE), (5LL << 32) + 8192);
	EXPECT_EQ(lseek(fd, (5LL << 32) + 8192, SEEK_DATA), far);
	EXPECT_EQ(lseek(fd, far, SEEK_HOLE), far + 3);
	EXPECT_ERR(lseek(fd, far + 3, SEEK_DATA), ENXIO);
	EXPECT_EQ(pread(fd, buf, 16, (5LL << 32) + 4092), 16);
	EXPECT_EQ(memcmp(buf, "\0\0mid\0", 6), 0);
	EXPECT_EQ(pread(fd, buf, 16, far), 3);
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, far);

	ASSERT_NE(p, MAP_FAILED);
	EXPECT_EQ(memcmp(p, "end", 4), 0);
	p[5] = 'z';
	EXPECT_OK(ftruncate(fd, far + 10));
	EXPECT_OK(ftruncate(fd, 100));
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_blocks, 0);
	EXPECT_OK(ftruncate(fd, far + PAGE));
	EXPECT_EQ(p[0] | p[5], 0);
}

TEST(punching_a_hole)
{
	char want[8 * PAGE];

	test_dir();
	int fd = open("file", O_CREAT | O_RDWR, 0644);

	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = 1 + i % 250;
	ASSERT_OK(write_all(fd, want, sizeof(want)));
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 1) && errno == EOPNOTSUPP)
		skip("no holes here");
	want[1] = 0;
	EXPECT_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE), EOPNOTSUPP);
	char *shared = mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	char *own = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	int sum = 0;

	for (size_t i = 0; i < sizeof(want); i += PAGE)
		sum += shared[i] == own[i];
	ASSERT_EQ(sum, 8);
	own[3 * PAGE + 7] = 99;
	EXPECT_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE + 100, 4 * PAGE));
	memset(want + PAGE + 100, 0, 4 * PAGE);
	EXPECT_EQ(memcmp(shared, want, sizeof(want)), 0);
	/* A private copy stays, the file's own pages do not. */
	EXPECT_EQ(own[3 * PAGE + 7], 99);
	EXPECT_NE(own[3 * PAGE + 8], 0);
	EXPECT_EQ(memcmp(own, want, 3 * PAGE), 0);
	EXPECT_EQ(memcmp(own + 4 * PAGE, want + 4 * PAGE, 4 * PAGE), 0);
	struct stat st;

	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_size, 8 * PAGE);
	EXPECT_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 16 * PAGE));
	EXPECT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_size, 8 * PAGE);
	EXPECT_EQ(memcmp(shared, want, sizeof(want)), 0);
}

/* ---- descriptors and threads ---- */

static volatile int stop_threads;

static void *open_close_thread(void *arg unused)
{
	while (!stop_threads) {
		int fd = open("file", O_RDONLY);

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void *dup_thread(void *arg)
{
	int victim = *(int *)arg;

	while (!stop_threads) {
		int ret = dup2(victim, 40);

		if (ret != 40 && errno != EBUSY)
			test_fail();
		close(40);
	}
	return NULL;
}

static void *read_thread(void *arg)
{
	char c[4];

	while (!stop_threads)
		for (int fd = 3; fd < 48; fd++)
			if (fd != *(int *)arg && pread(fd, c, 4, 0) == 4 && memcmp(c, "data", 4))
				test_fail();
	return NULL;
}

TEST(threads_open_close_dup_and_read_at_once)
{
	pthread_t t[6];

	test_dir();
	make_file("file", "data", 4);
	int fd = open("file", O_RDONLY), none = -1;

	ASSERT_OK(fd);
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL,
					 i < 2	 ? open_close_thread
					 : i < 4 ? dup_thread
						 : read_thread,
					 i < 4 ? &fd : &none),
			  0);
	for (int i = 0; i < 30; i++) {
		pid_t pid = test_fork();

		if (pid == 0)
			_exit(pread(fd, &none, 4, 0) != 4);
		EXPECT_EXIT(pid, 0);
		usleep(1000);
	}
	stop_threads = 1;
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	/* Nothing was left behind: the numbers are free again. */
	int next = dup(fd);

	EXPECT_LT(next, 12);
}

/* The buffer lies in the file that is written to. */
TEST(a_file_is_written_from_its_own_mapping)
{
	test_dir();
	int fd = open("file", O_CREAT | O_RDWR, 0644);

	ASSERT_OK(ftruncate(fd, 4 * PAGE));
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT_NE(p, MAP_FAILED);
	strcpy(p + PAGE - 3, "across");
	EXPECT_EQ(pwrite(fd, p + PAGE - 10, 20, 3 * PAGE - 10), 20);
	EXPECT_STR(p + 3 * PAGE - 3, "across");
	/* Pages that are not there yet, source and target the same. */
	ASSERT_OK(ftruncate(fd, 0));
	ASSERT_OK(ftruncate(fd, 4 * PAGE));
	EXPECT_EQ(pwrite(fd, p, 4 * PAGE, 0), 4 * PAGE);
	EXPECT_EQ(pread(fd, p + 10, 3 * PAGE, 0), 3 * PAGE);
	char *q = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT_OK(ftruncate(fd, 0));
	/* Behind the end there is no source. */
	EXPECT_ERR(pwrite(fd, q, PAGE, 0), EFAULT);
}
