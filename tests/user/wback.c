/*
 * wback.c - what programs see of writeback: its settings, and the calls that wait for it.
 *
 * The settings are those of the whole machine: they are put back. Without the right to change them (a container) those tests are skipped.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define VM "/proc/sys/vm/"

static long get(const char *name)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), VM "%s", name);
	fd = open(path, O_RDONLY);
	ASSERT(fd >= 0);
	ASSERT(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atol(text);
}

/* 0 or an errno. */
static int set_text(const char *name, const char *text)
{
	char path[64];
	int fd, err = 0;

	snprintf(path, sizeof(path), VM "%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static int set(const char *name, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld\n", value);
	return set_text(name, text);
}

static void need_settings(void)
{
	int err = set("dirty_writeback_centisecs", get("dirty_writeback_centisecs"));

	if (err == EACCES || err == EROFS || err == EPERM)
		skip("may not change " VM);
	ASSERT_EQ(err, 0);
}

/* One of a pair is 0 at any time: the one that was written last holds. */
static void check_pair(const char *ratio, const char *bytes)
{
	long r = get(ratio), b = get(bytes);

	EXPECT(!r || !b);
	EXPECT_EQ(set(bytes, 64 << 20), 0);
	EXPECT_EQ(get(bytes), 64L << 20);
	EXPECT_EQ(get(ratio), 0);
	EXPECT_EQ(set(ratio, 17), 0);
	EXPECT_EQ(get(ratio), 17);
	EXPECT_EQ(get(bytes), 0);
	EXPECT_EQ(set(ratio, 101), EINVAL);
	EXPECT_EQ(set(ratio, -1), EINVAL);
	EXPECT_EQ(set_text(ratio, "much"), EINVAL);
	EXPECT_EQ(get(ratio), 17);
	EXPECT_EQ(b ? set(bytes, b) : set(ratio, r), 0);
}

TEST(ratio_and_bytes_exclude_each_other)
{
	need_settings();
	check_pair("dirty_ratio", "dirty_bytes");
	check_pair("dirty_background_ratio", "dirty_background_bytes");
	/* Less than two pages as the hard limit would stop everybody. */
	EXPECT_EQ(set("dirty_bytes", 100), EINVAL);
}

TEST(intervals_are_not_negative)
{
	static const char *const names[] = { "dirty_expire_centisecs", "dirty_writeback_centisecs",
					     "dirtytime_expire_seconds" };
	unsigned int i;

	need_settings();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		long old = get(names[i]);

		EXPECT(old > 0);
		/* Linux 6.1 takes any int for the writeback interval. */
		if (strcmp(names[i], "dirty_writeback_centisecs"))
			EXPECT_EQ(set(names[i], -5), EINVAL);
		EXPECT_EQ(get(names[i]), old);
		EXPECT_EQ(set(names[i], old + 1), 0);
		EXPECT_EQ(get(names[i]), old + 1);
		EXPECT_EQ(set(names[i], old), 0);
	}
}

static long vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	char key[64];
	long value, found = -1;

	ASSERT(f);
	while (fscanf(f, "%63s %ld", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	fclose(f);
	return found;
}

TEST(the_limits_follow_the_settings)
{
	long ratio, bytes, bg, bgbytes;

	need_settings();
	ratio = get("dirty_ratio");
	bytes = get("dirty_bytes");
	bg = get("dirty_background_ratio");
	bgbytes = get("dirty_background_bytes");
	EXPECT_EQ(set("dirty_bytes", 8 << 20), 0);
	EXPECT_EQ(set("dirty_background_bytes", 2 << 20), 0);
	EXPECT_EQ(vmstat("nr_dirty_threshold"), (8 << 20) / sysconf(_SC_PAGESIZE));
	EXPECT_EQ(vmstat("nr_dirty_background_threshold"), (2 << 20) / sysconf(_SC_PAGESIZE));
	/* The background limit lies below the other one, whatever is asked for. */
	EXPECT_EQ(set("dirty_background_bytes", 16 << 20), 0);
	EXPECT_EQ(vmstat("nr_dirty_background_threshold"), (4 << 20) / sysconf(_SC_PAGESIZE));
	EXPECT_EQ(bytes ? set("dirty_bytes", bytes) : set("dirty_ratio", ratio), 0);
	EXPECT_EQ(bgbytes ? set("dirty_background_bytes", bgbytes)
			  : set("dirty_background_ratio", bg),
		  0);
}

TEST(errors_of_the_calls)
{
	char name[] = "/tmp/wbackXXXXXX";
	int fd = mkstemp(name), p[2], path;

	ASSERT(fd >= 0);
	unlink(name);
	ASSERT_EQ(pipe(p), 0);
	path = open("/tmp", O_PATH);
	ASSERT(path >= 0);
	EXPECT_ERR(fsync(-1), EBADF);
	EXPECT_ERR(fdatasync(-1), EBADF);
	EXPECT_ERR(syncfs(-1), EBADF);
	EXPECT_ERR(fsync(path), EBADF);
	EXPECT_ERR(fsync(p[0]), EINVAL);
	EXPECT_ERR(fdatasync(p[1]), EINVAL);
	EXPECT_EQ(write(fd, name, sizeof(name)), (ssize_t)sizeof(name));
	EXPECT_EQ(fsync(fd), 0);
	EXPECT_EQ(fdatasync(fd), 0);
	EXPECT_EQ(syncfs(fd), 0);
	EXPECT_EQ(syncfs(p[0]), 0);
	sync();
	close(fd);
	close(path);
	close(p[0]);
	close(p[1]);
}

/* O_SYNC must change neither what is written nor where the next byte goes. */
TEST(synchronous_files_write_the_same)
{
	static const int flags[] = { O_SYNC, O_DSYNC, O_SYNC | O_APPEND };
	char name[] = "/tmp/wbackXXXXXX", buf[16];
	unsigned int i;
	int fd = mkstemp(name);

	ASSERT(fd >= 0);
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct iovec v[2] = { { "abc", 3 }, { "defg", 4 } };
		int s = open(name, O_RDWR | O_TRUNC | flags[i]);

		ASSERT(s >= 0);
		EXPECT_EQ(writev(s, v, 2), 7);
		EXPECT_EQ(write(s, "hi", 2), 2);
		EXPECT_EQ(pread(s, buf, sizeof(buf), 0), 9);
		EXPECT(!memcmp(buf, "abcdefghi", 9));
		EXPECT_EQ(lseek(s, 0, SEEK_CUR), 9);
		close(s);
	}
	unlink(name);
	close(fd);
}

/* Of a disk in memory: pages are counted as dirty until they are written, and then they are not. */
TEST(dirty_pages_are_counted_and_written)
{
	int fd = open("/dev/ram1", O_RDWR);
	long interval, before;
	char *map;

	if (fd < 0)
		skip("no /dev/ram1");
	need_settings();
	interval = get("dirty_writeback_centisecs");
	EXPECT_EQ(set("dirty_writeback_centisecs", 0), 0);
	EXPECT_EQ(fsync(fd), 0);
	before = vmstat("nr_written");
	map = mmap(NULL, 64 << 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(map != MAP_FAILED);
	memset(map, 7, 64 << 12);
	EXPECT(vmstat("nr_dirty") >= 64);
	EXPECT_EQ(msync(map, 64 << 12, MS_ASYNC), 0);
	EXPECT_EQ(msync(map, 64 << 12, MS_SYNC), 0);
	EXPECT(vmstat("nr_written") >= before + 64);
	/* Stores after the pages were written are noticed as well. */
	before = vmstat("nr_written");
	map[5 << 12] = 8;
	EXPECT_EQ(fdatasync(fd), 0);
	EXPECT(vmstat("nr_written") >= before + 1);
	munmap(map, 64 << 12);
	EXPECT_EQ(set("dirty_writeback_centisecs", interval), 0);
	close(fd);
}
