/*
 * blocksys.c - block devices in /sys: the directories agree with /proc/partitions, /proc/diskstats and the devices' own ioctls, the links lead
 * where they should, and what may be set has bounds.
 *
 * Where nothing may be written (a container's /sys) only reading is tested.
 */
#include "test.h"

#include <limits.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#define BLKGETSIZE64 0x80081272
#define BLKSSZGET    0x1268
#define BLKRAGET     0x1263

static char text[4096];

/* The first line of a file, "" without it. */
static const char *value(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *value(const char *fmt, ...)
{
	char path[512];
	va_list ap;
	ssize_t n;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = 0;
	text[strcspn(text, "\n")] = 0;
	return text;
}

static void for_each_line(const char *path, void (*fn)(const char *line))
{
	char line[512];
	FILE *f = fopen(path, "r");
	int n = 0;

	if (!f)
		skip("no such file in /proc");
	while (fgets(line, sizeof(line), f)) {
		fn(line);
		n++;
	}
	fclose(f);
	if (!n || access("/sys/class/block", R_OK))
		skip("no block devices, or no /sys/class/block");
}

static void one_partition(const char *line)
{
	char name[64], by_name[PATH_MAX], by_number[PATH_MAX], path[128];
	unsigned int maj, min;
	unsigned long kib;

	if (sscanf(line, "%u %u %lu %63s", &maj, &min, &kib, name) != 4)
		return;
	snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	if (access(path, R_OK))
		return; /* gone meanwhile */
	EXPECT_EQ(strtoul(value("%s/size", path), NULL, 10) / 2, kib);
	snprintf(by_name, sizeof(by_name), "%u:%u", maj, min);
	EXPECT_STR(value("%s/dev", path), by_name);
	ASSERT(realpath(path, by_name));
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", maj, min);
	ASSERT(realpath(path, by_number));
	EXPECT_STR(by_name, by_number);
	/* A partition lies in its disk's directory, a disk has a link in /sys/block. */
	if (*value("%s/partition", by_name)) {
		EXPECT(atoi(text) > 0);
		*strrchr(by_name, '/') = 0;
		EXPECT(strtoul(value("%s/size", by_name), NULL, 10) / 2 >= kib);
	} else {
		snprintf(path, sizeof(path), "/sys/block/%s", name);
		ASSERT(realpath(path, by_number));
		EXPECT_STR(by_name, by_number);
	}
}

TEST(directories_agree_with_proc_partitions)
{
	for_each_line("/proc/partitions", one_partition);
}

static void one_stat(const char *line)
{
	unsigned long reads, now;
	unsigned int maj, min;
	char name[64];
	const char *p;
	int n = 0;

	if (sscanf(line, "%u %u %63s %lu", &maj, &min, name, &reads) != 4)
		return;
	if (!*value("/sys/class/block/%s/stat", name))
		return;
	now = strtoul(text, NULL, 10);
	EXPECT(now >= reads);
	for (p = text; (p += strspn(p, " ")), *p; p += strcspn(p, " "))
		n++;
	EXPECT(n >= 17);
}

TEST(statistics_agree_with_proc_diskstats)
{
	for_each_line("/proc/diskstats", one_stat);
}

static int open_device(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		skip("the disk cannot be opened");
	return fd;
}

/* The disk that is read: ram0, or whatever comes first. */
static const char *some_disk(void)
{
	static char name[256];
	struct dirent *d;
	DIR *dir = opendir("/sys/block");

	if (!dir)
		skip("no /sys/block");
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.' && (!*name || !strcmp(d->d_name, "ram0")))
			snprintf(name, sizeof(name), "%s", d->d_name);
	closedir(dir);
	if (!*name)
		skip("no disk");
	return name;
}

TEST(limits_agree_with_the_ioctls)
{
	const char *disk = some_disk();
	unsigned long long size = 0;
	int fd = open_device(disk), sector = 0;
	long ra = 0;

	ASSERT_EQ(ioctl(fd, BLKGETSIZE64, &size), 0);
	EXPECT_EQ(strtoull(value("/sys/block/%s/size", disk), NULL, 10) * 512, size);
	ASSERT_EQ(ioctl(fd, BLKSSZGET, &sector), 0);
	EXPECT_EQ(atoi(value("/sys/block/%s/queue/logical_block_size", disk)), sector);
	EXPECT(atoi(value("/sys/block/%s/queue/physical_block_size", disk)) >= sector);
	ASSERT_EQ(ioctl(fd, BLKRAGET, &ra), 0);
	EXPECT_EQ(atol(value("/sys/block/%s/queue/read_ahead_kb", disk)), ra / 2);
	EXPECT(strstr(value("/sys/block/%s/queue/scheduler", disk), "["));
	value("/sys/block/%s/queue/write_cache", disk);
	EXPECT(!strcmp(text, "write back") || !strcmp(text, "write through"));
	EXPECT(strtoul(value("/sys/block/%s/queue/max_sectors_kb", disk), NULL, 10) <=
	       strtoul(value("/sys/block/%s/queue/max_hw_sectors_kb", disk), NULL, 10) + 0UL);
}

/* 0, or the error of writing what to disk's queue/file. */
static int set(const char *disk, const char *file, const char *what)
{
	char path[512];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/%s", disk, file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		skip("it cannot be written");
	if (write(fd, what, strlen(what)) != (ssize_t)strlen(what))
		err = errno;
	close(fd);
	return err;
}

TEST(what_may_be_set_has_bounds)
{
	const char *disk = some_disk();
	static char old[4096], more[32];
	unsigned long hw;

	snprintf(old, sizeof(old), "%s", value("/sys/block/%s/queue/read_ahead_kb", disk));
	EXPECT_EQ(set(disk, "read_ahead_kb", "256\n"), 0);
	EXPECT_STR(value("/sys/block/%s/queue/read_ahead_kb", disk), "256");
	EXPECT_EQ(set(disk, "read_ahead_kb", "much"), EINVAL);
	EXPECT_EQ(set(disk, "read_ahead_kb", old), 0);
	snprintf(old, sizeof(old), "%s", value("/sys/block/%s/queue/max_sectors_kb", disk));
	EXPECT_EQ(set(disk, "max_sectors_kb", "4"), 0);
	EXPECT_STR(value("/sys/block/%s/queue/max_sectors_kb", disk), "4");
	EXPECT_EQ(set(disk, "max_sectors_kb", "1"), EINVAL);
	/* Refused by Linux 6.1, cut down to what the device takes by later ones. */
	hw = strtoul(value("/sys/block/%s/queue/max_hw_sectors_kb", disk), NULL, 10);
	snprintf(more, sizeof(more), "%lu", hw + 1);
	set(disk, "max_sectors_kb", more);
	EXPECT(strtoul(value("/sys/block/%s/queue/max_sectors_kb", disk), NULL, 10) <= hw);
	EXPECT_EQ(set(disk, "max_sectors_kb", old), 0);
	EXPECT_EQ(set(disk, "scheduler", "nonsense"), EINVAL);
	EXPECT_EQ(set(disk, "rotational", "x"), EINVAL);
	EXPECT_EQ(set(disk, "write_cache", "write sideways"), EINVAL);
}
