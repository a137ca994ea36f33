/*
 * procio.c - /proc/PID/io, stack and wchan.
 */
#include "test.h"
#include "threads.h"

struct io {
	unsigned long long rchar, wchar, syscr, syscw, rbytes, wbytes, cancelled;
};

static struct io io_of(const char *path)
{
	struct io io = { 0 };
	char text[512];
	int fd = open(path, O_RDONLY), n;

	if (fd < 0)
		skip("no /proc/PID/io here");
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	ASSERT(n > 0);
	text[n] = 0;
	n = sscanf(text,
		   "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\nread_bytes: %llu\n"
		   "write_bytes: %llu\ncancelled_write_bytes: %llu\n",
		   &io.rchar, &io.wchar, &io.syscr, &io.syscw, &io.rbytes, &io.wbytes,
		   &io.cancelled);
	EXPECT_EQ(n, 7);
	return io;
}

static void *writes_in_a_thread(void *arg)
{
	char buf[100] = { 0 };
	int *p = arg;

	for (int i = 0; i < 10; i++)
		ASSERT_EQ(write(p[1], buf, 100), 100);
	return NULL;
}

TEST(bytes_and_calls_are_counted)
{
	char buf[4096] = { 0 };
	struct io a, b;
	int p[2];

	ASSERT_OK(pipe(p));
	a = io_of("/proc/self/io");
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(write(p[1], buf, 300), 300);
	ASSERT_EQ(read(p[0], buf, 1000), 1000);
	ASSERT_EQ(read(p[0], buf, 1000), 500);
	b = io_of("/proc/self/io");
	EXPECT_EQ(b.wchar - a.wchar, 1500);
	EXPECT_EQ(b.syscw - a.syscw, 5);
	/* and once the file itself, read by the first look */
	EXPECT_GE(b.rchar - a.rchar, 1500 + 60);
	EXPECT_LE(b.rchar - a.rchar, 1500 + 400);
	EXPECT_EQ(b.syscr - a.syscr, 3);
}

TEST(threads_that_are_gone_still_count)
{
	struct io a, b, mine;
	pthread_t t;
	char path[64];
	int p[2];

	ASSERT_OK(pipe(p));
	snprintf(path, sizeof(path), "/proc/self/task/%d/io", getpid());
	a = io_of("/proc/self/io");
	mine = io_of(path);
	ASSERT_EQ(pthread_create(&t, NULL, writes_in_a_thread, p), 0);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	b = io_of("/proc/self/io");
	EXPECT_EQ(b.wchar - a.wchar, 1000);
	EXPECT_EQ(io_of(path).wchar - mine.wchar, 0);
}

TEST(a_child_begins_at_zero)
{
	char buf[512];
	pid_t pid;

	ASSERT_EQ(read(open("/dev/zero", O_RDONLY), buf, sizeof(buf)), sizeof(buf));
	pid = test_fork();
	if (!pid) {
		struct io io = io_of("/proc/self/io");

		EXPECT_LE(io.rchar, 100);
		EXPECT_EQ(io.wchar, 0);
		_exit(0);
	}
	EXPECT_EQ(test_wait(pid), 0);
}

/* What the kernel says of a process that sits in read() of an empty pipe, as soon as it sits there. */
static void look_at_sleeper(const char *what, char *text, int size, const char *want)
{
	char path[64], byte;
	int p[2], fd, n;
	pid_t pid;

	ASSERT_OK(pipe(p));
	pid = test_fork();
	if (!pid) {
		n = read(p[0], &byte, 1);
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	for (int tries = 0; tries < 2000; tries++) {
		fd = open(path, O_RDONLY);
		if (fd < 0)
			skip("not for us here");
		n = read(fd, text, size - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		if (strstr(text, want))
			break;
		usleep(5000);
	}
	kill(pid, SIGKILL);
	test_wait(pid);
}

TEST(wchan_names_where_it_sleeps)
{
	char text[256];

	look_at_sleeper("wchan", text, sizeof(text), "pipe_read");
	if (!on_quire() && !strcmp(text, "0"))
		skip("hidden here");
	EXPECT(strstr(text, "pipe_read"));
	EXPECT(!strchr(text, '\n'));
}

TEST(stack_shows_the_way_there)
{
	char text[4096];

	look_at_sleeper("stack", text, sizeof(text), "pipe_read");
	if (!on_quire() && !strstr(text, "pipe_read"))
		skip("hidden here");
	EXPECT(strstr(text, "[<0>] "));
	EXPECT(strstr(text, "pipe_read"));
	EXPECT(strstr(text, "vfs_read"));
}

TEST(a_running_task_has_neither)
{
	char text[256] = "x";
	int fd = open("/proc/self/wchan", O_RDONLY);

	ASSERT(fd >= 0);
	ASSERT_EQ(read(fd, text, sizeof(text)), 1);
	EXPECT_EQ(text[0], '0');
}
