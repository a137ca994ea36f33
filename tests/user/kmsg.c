/*
 * kmsg.c - the kernel log as programs see it: /dev/kmsg and syslog(2).
 *
 * Where the caller may not write to the log (a container on the host) the tests are skipped; clearing
 * the log is only tried on Quire.
 */
#include "test.h"
#include <poll.h>
#include <sys/klog.h>
#include <sys/utsname.h>

static int open_kmsg(int mode)
{
	int fd = open("/dev/kmsg", mode);

	if (fd < 0)
		skip("no access to /dev/kmsg");
	return fd;
}

static void log_line(int fd, const char *prefix, const char *text)
{
	char line[200];
	int n = snprintf(line, sizeof(line), "%s%s\n", prefix, text);

	ASSERT_EQ(write(fd, line, n), (ssize_t)n);
}

/* The first record after the present position that holds @text; its priority or -1. */
static int find_record(int fd, const char *text, char *record, size_t size)
{
	for (;;) {
		ssize_t n = read(fd, record, size - 1);

		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return -1;
		record[n] = '\0';
		if (strstr(record, text))
			return atoi(record);
	}
}

TEST(what_is_written_can_be_read)
{
	int wr = open_kmsg(O_WRONLY), rd = open_kmsg(O_RDONLY | O_NONBLOCK);
	char record[2048], mark[64];

	snprintf(mark, sizeof(mark), "kmsg test %d", getpid());
	log_line(wr, "<13>", mark);
	EXPECT_EQ(find_record(rd, mark, record, sizeof(record)), 13);
	/* prio,sequence,microseconds,flags;text\n */
	EXPECT(strchr(record, ';') != NULL);
	EXPECT(record[strlen(record) - 1] == '\n');
	EXPECT_STR(strchr(record, ';') + 1, strcat(mark, "\n"));
	errno = 0;
	while (read(rd, record, sizeof(record)) > 0)
		;
	EXPECT_EQ(errno, EAGAIN);
}

TEST(reading_waits_for_news)
{
	int wr = open_kmsg(O_WRONLY), rd = open_kmsg(O_RDONLY);
	struct pollfd p = { .fd = rd, .events = POLLIN };
	char record[2048], mark[64];
	pid_t pid;

	if (lseek(rd, 0, SEEK_END) < 0)
		skip("cannot seek");
	snprintf(mark, sizeof(mark), "kmsg late %d", getpid());
	pid = test_fork();
	if (!pid) {
		usleep(100000);
		log_line(wr, "<14>", mark);
		_exit(0);
	}
	EXPECT_EQ(poll(&p, 1, 5000), 1);
	EXPECT_EQ(find_record(rd, mark, record, sizeof(record)), 14);
	EXPECT_EXIT(pid, 0);
}

TEST(syslog_gives_lines)
{
	char *buf, mark[64];
	long size = klogctl(10, NULL, 0), n;

	if (size < 0)
		skip("no access to syslog(2)");
	EXPECT_GT(size, 4096);
	snprintf(mark, sizeof(mark), "syslog test %d", getpid());
	log_line(open_kmsg(O_WRONLY), "<12>", mark);
	buf = calloc(1, size + 1);
	n = klogctl(3, buf, size);
	ASSERT_GT(n, 0);
	EXPECT(strstr(buf, mark) != NULL);
	EXPECT_EQ(buf[0], '<');
	/* A buffer too small for all of it gets the newest lines. */
	memset(buf, 0, 512);
	n = klogctl(3, buf, 511);
	EXPECT_LE(n, 511);
	buf[n > 0 ? n : 0] = '\0';
	EXPECT(strstr(buf, mark) != NULL);
}

TEST(syslog_errors)
{
	char c;

	if (klogctl(10, NULL, 0) < 0)
		skip("no access to syslog(2)");
	EXPECT_ERR(klogctl(77, &c, 1), EINVAL);
	EXPECT_ERR(klogctl(3, NULL, 10), EINVAL);
	EXPECT_ERR(klogctl(3, &c, -1), EINVAL);
	EXPECT_ERR(klogctl(8, NULL, 0), EINVAL);
	EXPECT_ERR(klogctl(8, NULL, 9), EINVAL);
}

TEST(clear_hides_what_was)
{
	struct utsname u;
	char buf[4096];

	ASSERT_OK(uname(&u));
	if (!strstr(u.release, "quire"))
		skip("not on the host's log");
	log_line(open_kmsg(O_WRONLY), "<14>", "before the clearing");
	ASSERT_OK(klogctl(5, NULL, 0));
	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(klogctl(3, buf, sizeof(buf) - 1), 0);
	log_line(open_kmsg(O_WRONLY), "<14>", "after the clearing");
	EXPECT_GT(klogctl(3, buf, sizeof(buf) - 1), 0);
	EXPECT(strstr(buf, "after the clearing") != NULL);
	EXPECT(strstr(buf, "before the clearing") == NULL);
}
