/*
 * blockdev.c - a block device as a file: /dev/ram0 read, written, mapped, flushed, discarded, at random against a model.
 *
 * It destroys what is on /dev/ram0. Where there is none (a Linux host without the brd module) everything is skipped.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* musl's headers have them not. */
#define BLKROSET     0x125d
#define BLKROGET     0x125e
#define BLKGETSIZE   0x1260
#define BLKFLSBUF    0x1261
#define BLKSSZGET    0x1268
#define BLKDISCARD   0x1277
#define BLKPBSZGET   0x127b
#define BLKZEROOUT   0x127f
#define BLKGETSIZE64 0x80081272

#define DISK "/dev/ram0"
#define AREA (1 << 20) /* bytes of it that the random test uses */

static unsigned char model[AREA];

static int open_disk(int flags)
{
	int fd = open(DISK, flags);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == EACCES))
		skip("no " DISK);
	ASSERT(fd >= 0);
	return fd;
}

static unsigned long long disk_size(int fd)
{
	unsigned long long size = 0;

	ASSERT_EQ(ioctl(fd, BLKGETSIZE64, &size), 0);
	return size;
}

TEST(sizes_agree)
{
	int fd = open_disk(O_RDONLY), sector = 0, ro = -1;
	unsigned long long size = disk_size(fd);
	unsigned long sectors = 0;
	unsigned int phys = 0;
	struct stat st;

	EXPECT_EQ(lseek(fd, 0, SEEK_END), (off_t)size);
	EXPECT_EQ(ioctl(fd, BLKGETSIZE, &sectors), 0);
	EXPECT_EQ(sectors, size / 512);
	EXPECT_EQ(ioctl(fd, BLKSSZGET, &sector), 0);
	EXPECT(sector >= 512 && !(sector & (sector - 1)));
	EXPECT_EQ(ioctl(fd, BLKPBSZGET, &phys), 0);
	EXPECT(phys >= (unsigned int)sector);
	EXPECT_EQ(ioctl(fd, BLKROGET, &ro), 0);
	EXPECT_EQ(ro, 0);
	EXPECT_EQ(fstat(fd, &st), 0);
	EXPECT(S_ISBLK(st.st_mode));
	EXPECT_EQ(major(st.st_rdev), 1);
	EXPECT_ERR(ioctl(fd, BLKGETSIZE64, (void *)8), EFAULT);
	EXPECT_ERR(ioctl(fd, 0x12ff, 0), ENOTTY);
}

TEST(the_end_of_the_disk)
{
	int fd = open_disk(O_RDWR);
	off_t size = disk_size(fd);
	char buf[100] = "";

	EXPECT_EQ(pread(fd, buf, 100, size), 0);
	EXPECT_EQ(pread(fd, buf, 100, size - 10), 10);
	EXPECT_EQ(pwrite(fd, buf, 100, size - 10), 10);
	EXPECT_ERR(pwrite(fd, buf, 1, size), ENOSPC);
	EXPECT_ERR(pwrite(fd, buf, 1, size + 4096), ENOSPC);
	EXPECT_EQ(pwrite(fd, buf, 0, size), 0);
	EXPECT_ERR(ftruncate(fd, 0), EINVAL);
}

/* What the device itself has: nothing of it from the cache. */
static void compare_with_device(int fd)
{
	static unsigned char now[AREA];

	ASSERT_EQ(fsync(fd), 0);
	EXPECT_EQ(ioctl(fd, BLKFLSBUF, 0), 0);
	ASSERT_EQ(pread(fd, now, AREA, 0), AREA);
	ASSERT_EQ(memcmp(now, model, AREA), 0);
}

static void random_range(unsigned int *at, unsigned int *n, unsigned int most)
{
	*at = rnd() % AREA;
	*n = 1 + rnd() % most;
	if (*n > AREA - *at)
		*n = AREA - *at;
}

static void random_step(int fd, unsigned char *map)
{
	static unsigned char buf[AREA];
	unsigned long long range[2];
	unsigned int at, n, i;

	random_range(&at, &n, rnd() % 4 ? 5000 : 100000);
	switch (rnd() % 10) {
	case 0:
	case 1:
	case 2:
		for (i = 0; i < n; i++)
			buf[i] = model[at + i] = rnd();
		ASSERT_EQ(pwrite(fd, buf, n, at), n);
		break;
	case 3:
	case 4:
		memset(map + at, rnd(), 1);
		for (i = 0; i < n; i += 1 + rnd() % 700)
			map[at + i] = model[at + i] = rnd();
		model[at] = map[at];
		break;
	case 5:
		ASSERT_EQ(msync(map + (at & ~4095), 4096, MS_SYNC), 0);
		break;
	case 6:
		range[0] = at & ~511;
		range[1] = n & ~511;
		ASSERT_EQ(ioctl(fd, rnd() % 2 ? BLKDISCARD : BLKZEROOUT, range), 0);
		memset(model + range[0], 0, range[1]);
		break;
	case 7:
		ASSERT_EQ(memcmp(map + at, model + at, n), 0);
		break;
	default:
		ASSERT_EQ(pread(fd, buf, n, at), n);
		ASSERT_EQ(memcmp(buf, model + at, n), 0);
	}
}

TEST(reads_writes_and_mappings_are_one)
{
	int fd = open_disk(O_RDWR), i;
	unsigned char *map = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT(map != MAP_FAILED);
	memset(model, 0x33, AREA);
	ASSERT_EQ(pwrite(fd, model, AREA, 0), AREA);
	for (i = 0; i < 1500; i++) {
		random_step(fd, map);
		if (i % 300 == 299)
			compare_with_device(fd);
	}
	munmap(map, AREA);
	compare_with_device(fd);
}

TEST(all_names_lead_to_one_cache)
{
	int fd = open_disk(O_RDWR), other;
	char buf[4] = "";

	ASSERT_EQ(mknod("/tmp/blockdev.other", S_IFBLK | 0600, makedev(1, 0)), 0);
	other = open("/tmp/blockdev.other", O_RDWR);
	unlink("/tmp/blockdev.other");
	ASSERT(other >= 0);
	EXPECT_EQ(pwrite(fd, "one", 3, 12345), 3);
	EXPECT_EQ(pread(other, buf, 3, 12345), 3);
	EXPECT_STR(buf, "one");
	EXPECT_EQ(fdatasync(other), 0);
	close(other);
	EXPECT_ERR(mknod("/tmp", S_IFBLK | 0600, makedev(1, 0)), EEXIST);
	ASSERT_EQ(mknod("/tmp/blockdev.none", S_IFBLK | 0600, makedev(200, 77)), 0);
	EXPECT_ERR(open("/tmp/blockdev.none", O_RDONLY), ENXIO);
	unlink("/tmp/blockdev.none");
}

TEST(one_at_a_time_and_read_only)
{
	int fd = open_disk(O_RDWR | O_EXCL), on = 1, off = 0, shared;

	EXPECT_ERR(open(DISK, O_RDONLY | O_EXCL), EBUSY);
	shared = open(DISK, O_RDONLY);
	EXPECT(shared >= 0);
	EXPECT_ERR(write(shared, "x", 1), EBADF);
	close(fd);
	fd = open(DISK, O_RDWR | O_EXCL);
	ASSERT(fd >= 0);
	ASSERT_EQ(ioctl(shared, BLKROSET, &on), 0);
	EXPECT_ERR(pwrite(fd, "x", 1, 0), EPERM);
	/* Opening asks nothing: a write does. */
	shared = open(DISK, O_RDWR);
	EXPECT(shared >= 0);
	EXPECT_ERR(pwrite(shared, "x", 1, 0), EPERM);
	EXPECT_EQ(fsync(shared), 0);
	EXPECT_EQ(ioctl(shared, BLKROSET, &off), 0);
	EXPECT_EQ(pwrite(fd, "x", 1, 0), 1);
}
