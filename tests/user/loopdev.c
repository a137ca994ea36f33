/*
 * loopdev.c - loop devices: files as disks, bound, changed and let go in every way of loop(4).
 *
 * Where there is no /dev/loop-control that may be opened (a Linux host without root) everything is skipped.
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

#include "loopdev.h"

#ifndef FALLOC_FL_ZERO_RANGE /* musl has it in <linux/falloc.h> only */
#define FALLOC_FL_ZERO_RANGE 0x10
#endif

#define FILE_SIZE (1 << 20)

static int control(void)
{
	int fd = open("/dev/loop-control", O_RDWR);

	if (fd < 0)
		skip("no /dev/loop-control");
	return fd;
}

/* A device that nobody uses, open. */
static int free_loop(char *name, int flags)
{
	int ctl = control(), n = ioctl(ctl, LOOP_CTL_GET_FREE), fd;

	ASSERT(n >= 0);
	sprintf(name, "/dev/loop%d", n);
	fd = open(name, flags);
	ASSERT(fd >= 0);
	close(ctl);
	return fd;
}

static int backing(const char *name, off_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ASSERT(fd >= 0);
	ASSERT_EQ(ftruncate(fd, size), 0);
	return fd;
}

/* Lets go of the file: Linux does it when the last one closes the device, so that is what is done here. */
static int let_go(int dev, const char *name)
{
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
	close(dev);
	dev = open(name, O_RDWR);
	ASSERT(dev >= 0);
	return dev;
}

static unsigned long long size_of(int dev)
{
	unsigned long long size = 0;

	ASSERT_EQ(ioctl(dev, BLKGETSIZE64, &size), 0);
	return size;
}

TEST(bytes_go_to_the_file)
{
	char name[32], buf[8192];
	struct loop_info64 info;
	struct stat st;
	int dev, file, i;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	file = backing("image", FILE_SIZE);
	EXPECT_EQ(size_of(dev), 0);
	EXPECT_ERR(ioctl(dev, LOOP_GET_STATUS64, &info), ENXIO);
	EXPECT_ERR(ioctl(dev, LOOP_CLR_FD), ENXIO);
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, file), 0);
	EXPECT_ERR(ioctl(dev, LOOP_SET_FD, file), EBUSY);
	EXPECT_EQ(size_of(dev), FILE_SIZE);
	for (i = 0; i < (int)sizeof(buf); i++)
		buf[i] = i * 7;
	ASSERT_EQ(pwrite(dev, buf, sizeof(buf), 5000), (int)sizeof(buf));
	ASSERT_EQ(fsync(dev), 0);
	memset(buf, 0, sizeof(buf));
	ASSERT_EQ(pread(file, buf, sizeof(buf), 5000), (int)sizeof(buf));
	for (i = 0; i < (int)sizeof(buf) && buf[i] == (char)(i * 7); i++)
		;
	EXPECT_EQ(i, (int)sizeof(buf));
	/* What the file has is what the device has, once the cache has forgotten it. */
	ASSERT_EQ(pwrite(file, "behind", 6, 70000), 6);
	ASSERT_EQ(ioctl(dev, BLKFLSBUF, 0), 0);
	ASSERT_EQ(pread(dev, buf, 6, 70000), 6);
	EXPECT_EQ(memcmp(buf, "behind", 6), 0);
	ASSERT_EQ(ioctl(dev, LOOP_GET_STATUS64, &info), 0);
	ASSERT_EQ(fstat(file, &st), 0);
	EXPECT_EQ(info.lo_inode, st.st_ino);
	EXPECT_EQ(info.lo_flags, 0);
	EXPECT_EQ(info.lo_offset, 0);
	EXPECT_EQ((int)info.lo_number, atoi(name + 9));
	dev = let_go(dev, name);
	EXPECT_EQ(size_of(dev), 0);
	EXPECT_EQ(pread(dev, buf, 1, 0), 0);
	close(dev);
}

TEST(a_window_into_the_file)
{
	char name[32], buf[512];
	struct loop_info64 info = {};
	int dev, file;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	file = backing("image", FILE_SIZE + 300);
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, file), 0);
	EXPECT_EQ(size_of(dev), FILE_SIZE);
	info.lo_offset = 1536;
	info.lo_sizelimit = 10000;
	strcpy((char *)info.lo_file_name, "some name");
	ASSERT_EQ(ioctl(dev, LOOP_SET_STATUS64, &info), 0);
	EXPECT_EQ(size_of(dev), 10000 / 512 * 512);
	ASSERT_EQ(pwrite(dev, "window", 6, 512), 6);
	ASSERT_EQ(fsync(dev), 0);
	ASSERT_EQ(pread(file, buf, 6, 2048), 6);
	EXPECT_EQ(memcmp(buf, "window", 6), 0);
	EXPECT_ERR(pwrite(dev, "x", 1, 9728), ENOSPC);
	/* Another window shows other bytes, not what the cache had. */
	info.lo_offset = 2048;
	info.lo_sizelimit = 0;
	ASSERT_EQ(ioctl(dev, LOOP_SET_STATUS64, &info), 0);
	EXPECT_EQ(size_of(dev), (FILE_SIZE + 300 - 2048) / 512 * 512);
	ASSERT_EQ(pread(dev, buf, 6, 0), 6);
	EXPECT_EQ(memcmp(buf, "window", 6), 0);
	ASSERT_EQ(ioctl(dev, LOOP_GET_STATUS64, &info), 0);
	EXPECT_EQ(info.lo_offset, 2048);
	EXPECT_STR((char *)info.lo_file_name, "some name");
	info.lo_encrypt_type = 1;
	EXPECT_ERR(ioctl(dev, LOOP_SET_STATUS64, &info), EINVAL);
	info.lo_encrypt_type = 0;
	info.lo_offset = 1ULL << 63;
	EXPECT_ERR(ioctl(dev, LOOP_SET_STATUS64, &info), EOVERFLOW);
	EXPECT_ERR(ioctl(dev, LOOP_SET_STATUS64, (void *)8), EFAULT);
	/* The file grows, and the device when it is told. */
	ASSERT_EQ(ftruncate(file, 2 * FILE_SIZE), 0);
	EXPECT_EQ(size_of(dev), (FILE_SIZE + 300 - 2048) / 512 * 512);
	ASSERT_EQ(ioctl(dev, LOOP_SET_CAPACITY), 0);
	EXPECT_EQ(size_of(dev), 2 * FILE_SIZE - 2048);
	dev = let_go(dev, name);
	EXPECT_ERR(ioctl(dev, LOOP_SET_CAPACITY), ENXIO);
}

TEST(configure_in_one_call)
{
	char name[32], buf[512];
	struct loop_config config = { .block_size = 1024, .info.lo_offset = 1024 };
	int dev, file, ro = 0, sector = 0;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	file = backing("image", FILE_SIZE);
	config.fd = 1000;
	EXPECT_ERR(ioctl(dev, LOOP_CONFIGURE, &config), EBADF);
	config.fd = file;
	config.block_size = 700;
	EXPECT_ERR(ioctl(dev, LOOP_CONFIGURE, &config), EINVAL);
	config.block_size = 1024;
	config.info.lo_flags = 0x100;
	EXPECT_ERR(ioctl(dev, LOOP_CONFIGURE, &config), EINVAL);
	config.info.lo_flags = LO_FLAGS_READ_ONLY;
	ASSERT_EQ(ioctl(dev, LOOP_CONFIGURE, &config), 0);
	EXPECT_EQ(size_of(dev), FILE_SIZE - 1024);
	EXPECT_EQ(ioctl(dev, BLKSSZGET, &sector), 0);
	EXPECT_EQ(sector, 1024);
	EXPECT_EQ(ioctl(dev, BLKROGET, &ro), 0);
	EXPECT_EQ(ro, 1);
	EXPECT_ERR(pwrite(dev, "x", 1, 0), EPERM);
	/* Nobody's wish makes it writable. */
	ro = 0;
	EXPECT_EQ(ioctl(dev, BLKROSET, &ro), 0);
	EXPECT_EQ(ioctl(dev, BLKROGET, &ro), 0);
	EXPECT_EQ(ro, 1);
	EXPECT_ERR(pwrite(dev, "x", 1, 0), EPERM);
	EXPECT_ERR(ioctl(dev, LOOP_SET_BLOCK_SIZE, 300), EINVAL);
	ASSERT_EQ(ioctl(dev, LOOP_SET_BLOCK_SIZE, 512), 0);
	EXPECT_EQ(ioctl(dev, BLKSSZGET, &sector), 0);
	EXPECT_EQ(sector, 512);
	dev = let_go(dev, name);
	/* A file that is open for reading only makes a device that is only read. */
	close(file);
	file = open("image", O_RDONLY);
	memset(&config, 0, sizeof(config));
	config.fd = file;
	ASSERT_EQ(ioctl(dev, LOOP_CONFIGURE, &config), 0);
	EXPECT_EQ(ioctl(dev, BLKROGET, &ro), 0);
	EXPECT_EQ(ro, 1);
	ASSERT_EQ(pread(dev, buf, 512, 0), 512);
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
}

TEST(the_last_one_to_close_it_lets_go)
{
	char name[32];
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	struct loop_info64 info;
	int dev, other, file;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	config.fd = file = backing("image", FILE_SIZE);
	ASSERT_EQ(ioctl(dev, LOOP_CONFIGURE, &config), 0);
	ASSERT_EQ(pwrite(dev, "kept", 4, 4096), 4);
	other = open(name, O_RDONLY);
	ASSERT(other >= 0);
	close(dev);
	EXPECT_EQ(ioctl(other, LOOP_GET_STATUS64, &info), 0);
	EXPECT_EQ(info.lo_flags, LO_FLAGS_AUTOCLEAR);
	close(other);
	dev = open(name, O_RDWR);
	ASSERT(dev >= 0);
	EXPECT_ERR(ioctl(dev, LOOP_GET_STATUS64, &info), ENXIO);
	{
		char buf[5] = "";

		EXPECT_EQ(pread(file, buf, 4, 4096), 4);
		EXPECT_STR(buf, "kept");
	}
	/* Asked to let go while another has it open: later, then. */
	memset(&config, 0, sizeof(config));
	config.fd = file;
	ASSERT_EQ(ioctl(dev, LOOP_CONFIGURE, &config), 0);
	other = open(name, O_RDONLY);
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
	EXPECT_EQ(ioctl(dev, LOOP_GET_STATUS64, &info), 0);
	EXPECT_EQ(info.lo_flags & LO_FLAGS_AUTOCLEAR, LO_FLAGS_AUTOCLEAR);
	close(dev);
	close(other);
	dev = open(name, O_RDWR);
	ASSERT(dev >= 0);
	EXPECT_ERR(ioctl(dev, LOOP_GET_STATUS64, &info), ENXIO);
}

TEST(devices_come_and_go)
{
	int ctl = control(), n, dev;
	char name[32];
	struct stat st;

	n = ioctl(ctl, LOOP_CTL_ADD, -1);
	ASSERT(n >= 0);
	EXPECT_ERR(ioctl(ctl, LOOP_CTL_ADD, n), EEXIST);
	sprintf(name, "/dev/loop%d", n);
	dev = open(name, O_RDWR);
	ASSERT(dev >= 0);
	EXPECT_EQ(fstat(dev, &st), 0);
	EXPECT_EQ(major(st.st_rdev), 7);
	EXPECT_EQ((int)minor(st.st_rdev), n);
	EXPECT_ERR(ioctl(ctl, LOOP_CTL_REMOVE, n), EBUSY);
	close(dev);
	EXPECT_EQ(ioctl(ctl, LOOP_CTL_REMOVE, n), 0);
	EXPECT_ERR(ioctl(ctl, LOOP_CTL_REMOVE, n), ENODEV);
	EXPECT_ERR(stat(name, &st), ENOENT);
	EXPECT_EQ(ioctl(ctl, LOOP_CTL_ADD, n), n);
	EXPECT_EQ(ioctl(ctl, LOOP_CTL_REMOVE, n), 0);
}

TEST(loops_on_loops_but_never_on_themselves)
{
	char a[32], b[32], buf[8] = "";
	int da, db, file;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	file = backing("image", FILE_SIZE);
	da = free_loop(a, O_RDWR);
	ASSERT_EQ(ioctl(da, LOOP_SET_FD, file), 0);
	db = free_loop(b, O_RDWR);
	EXPECT_ERR(ioctl(db, LOOP_SET_FD, db), EBADF);
	ASSERT_EQ(ioctl(db, LOOP_SET_FD, da), 0);
	EXPECT_EQ(size_of(db), FILE_SIZE);
	ASSERT_EQ(pwrite(db, "through", 7, 100000), 7);
	ASSERT_EQ(fsync(db), 0);
	EXPECT_EQ(pread(file, buf, 7, 100000), 7);
	EXPECT_STR(buf, "through");
	db = let_go(db, b);
	/* A directory or a pipe is no disk. */
	EXPECT_ERR(ioctl(db, LOOP_SET_FD, open(".", O_RDONLY)), EINVAL);
	EXPECT_ERR(ioctl(db, LOOP_SET_FD, -1), EBADF);
	da = let_go(da, a);
	EXPECT_ERR(ioctl(db, LOOP_SET_FD, da), EINVAL);
}

TEST(another_file_under_a_device_that_is_read)
{
	char name[32], buf[4];
	int dev, one, two, small;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	close(backing("one", FILE_SIZE));
	one = open("one", O_RDONLY);
	two = backing("two", FILE_SIZE);
	small = backing("small", FILE_SIZE / 2);
	ASSERT_EQ(pwrite(two, "two", 3, 0), 3);
	dev = free_loop(name, O_RDWR);
	EXPECT_ERR(ioctl(dev, LOOP_CHANGE_FD, two), ENXIO);
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, two), 0);
	EXPECT_ERR(ioctl(dev, LOOP_CHANGE_FD, one), EINVAL);
	dev = let_go(dev, name);
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, one), 0);
	ASSERT_EQ(pread(dev, buf, 3, 0), 3);
	EXPECT_ERR(ioctl(dev, LOOP_CHANGE_FD, small), EINVAL);
	ASSERT_EQ(ioctl(dev, LOOP_CHANGE_FD, two), 0);
	ASSERT_EQ(ioctl(dev, BLKFLSBUF, 0), 0);
	ASSERT_EQ(pread(dev, buf, 3, 0), 3);
	EXPECT_EQ(memcmp(buf, "two", 3), 0);
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
}

TEST(what_is_discarded_is_a_hole_in_the_file)
{
	unsigned long long range[2] = { 65536, 131072 };
	static char buf[262144];
	char name[32];
	struct stat before, after;
	int dev, file, i;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	file = backing("image", FILE_SIZE);
	memset(buf, 'x', sizeof(buf));
	ASSERT_EQ(pwrite(file, buf, sizeof(buf), 0), (int)sizeof(buf));
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, file), 0);
	ASSERT_EQ(fstat(file, &before), 0);
	ASSERT_EQ(ioctl(dev, BLKDISCARD, range), 0);
	ASSERT_EQ(fstat(file, &after), 0);
	EXPECT_EQ(after.st_size, FILE_SIZE);
	EXPECT(after.st_blocks <= before.st_blocks - 131072 / 512);
	ASSERT_EQ(pread(dev, buf, sizeof(buf), 0), (int)sizeof(buf));
	for (i = 0; i < (int)sizeof(buf) && buf[i] == (i >= 65536 && i < 196608 ? 0 : 'x'); i++)
		;
	EXPECT_EQ(i, (int)sizeof(buf));
	range[0] = 0;
	range[1] = 4096;
	ASSERT_EQ(ioctl(dev, BLKZEROOUT, range), 0);
	ASSERT_EQ(pread(file, buf, 4097, 0), 4097);
	EXPECT_EQ(buf[0], 0);
	EXPECT_EQ(buf[4095], 0);
	EXPECT_EQ(buf[4096], 'x');
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
}

/* Blocks of 4 KiB, and more of them than one transfer's byte count can say: no cut goes through a block. */
TEST(large_ranges_of_large_blocks)
{
	unsigned long long range[2] = { 4096, (5ULL << 30) - 8192 };
	struct loop_config config = { .block_size = 4096 };
	char name[32], buf[4096];
	int dev, file;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	config.fd = file = backing("image", 5LL << 30);
	memset(buf, 'b', sizeof(buf));
	ASSERT_EQ(pwrite(file, buf, 4096, (4LL << 30) - 4096), 4096);
	ASSERT_EQ(pwrite(file, buf, 4096, (5LL << 30) - 8192), 4096);
	ASSERT_EQ(pwrite(file, buf, 4096, (5LL << 30) - 4096), 4096);
	ASSERT_EQ(ioctl(dev, LOOP_CONFIGURE, &config), 0);
	ASSERT_EQ(ioctl(dev, BLKDISCARD, range), 0);
	ASSERT_EQ(pread(file, buf, 4096, (4LL << 30) - 4096), 4096);
	EXPECT(!buf[0] && !buf[4095]);
	ASSERT_EQ(pread(file, buf, 4096, (5LL << 30) - 8192), 4096);
	EXPECT(!buf[0] && !buf[4095]);
	ASSERT_EQ(pread(file, buf, 4096, (5LL << 30) - 4096), 4096);
	EXPECT(buf[0] == 'b' && buf[4095] == 'b');
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
}

/* fallocate of a block device: holes and zeroes, in whole sectors of it. */
TEST(holes_and_zeroes_by_fallocate)
{
	static char buf[65536];
	char name[32];
	int dev, file, i;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	file = backing("image", FILE_SIZE);
	memset(buf, 'y', sizeof(buf));
	ASSERT_EQ(pwrite(file, buf, sizeof(buf), 0), (int)sizeof(buf));
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, file), 0);
	ASSERT_EQ(pread(dev, buf, sizeof(buf), 0), (int)sizeof(buf));
	ASSERT_EQ(fallocate(dev, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192), 0);
	ASSERT_EQ(fallocate(dev, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 20480, 512), 0);
	ASSERT_EQ(pread(dev, buf, sizeof(buf), 0), (int)sizeof(buf));
	for (i = 0; i < (int)sizeof(buf); i++)
		if (buf[i] != ((i >= 4096 && i < 12288) || (i >= 20480 && i < 20992) ? 0 : 'y'))
			break;
	EXPECT_EQ(i, (int)sizeof(buf));
	EXPECT_ERR(fallocate(dev, 0, 0, 4096), EOPNOTSUPP);
	EXPECT_ERR(fallocate(dev, FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP);
	EXPECT_ERR(fallocate(dev, FALLOC_FL_ZERO_RANGE, 100, 512), EINVAL);
	EXPECT_ERR(fallocate(dev, FALLOC_FL_ZERO_RANGE, FILE_SIZE, 512), EINVAL);
	EXPECT_ERR(fallocate(dev, FALLOC_FL_ZERO_RANGE, FILE_SIZE - 512, 1024), EINVAL);
	EXPECT_EQ(fallocate(dev, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FILE_SIZE - 512, 1024),
		  0);
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
}

/* A device of so many sectors that its end lies inside a page, and inside a block of its cache. */
TEST(the_end_inside_a_block)
{
	static char data[20000], buf[20000];
	char name[32], *map;
	off_t at = FILE_SIZE + 2560 - (off_t)sizeof(data);
	int dev, file, i;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	file = backing("image", FILE_SIZE + 2560);
	for (i = 0; i < (int)sizeof(data); i++)
		data[i] = i * 13 + i / 512;
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, file), 0);
	ASSERT_EQ(pwrite(dev, data, sizeof(data), at), (int)sizeof(data));
	ASSERT_EQ(fsync(dev), 0);
	ASSERT_EQ(pread(file, buf, sizeof(buf), at), (int)sizeof(buf));
	EXPECT_EQ(memcmp(data, buf, sizeof(buf)), 0);
	ASSERT_EQ(ioctl(dev, BLKFLSBUF, 0), 0);
	memset(buf, 0, sizeof(buf));
	ASSERT_EQ(pread(dev, buf, sizeof(buf), at), (int)sizeof(buf));
	EXPECT_EQ(memcmp(data, buf, sizeof(buf)), 0);
	/* Through a mapping, whose last page goes beyond the end; there it has zeroes. */
	ASSERT_EQ(ioctl(dev, BLKFLSBUF, 0), 0);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, dev, FILE_SIZE);
	ASSERT(map != MAP_FAILED);
	EXPECT_EQ(memcmp(map, data + sizeof(data) - 2560, 2560), 0);
	for (i = 2560; i < 4096 && !map[i]; i++)
		;
	EXPECT_EQ(i, 4096);
	memset(map + 2048, 'm', 512);
	ASSERT_EQ(msync(map, 4096, MS_SYNC), 0);
	ASSERT_EQ(munmap(map, 4096), 0);
	ASSERT_EQ(pread(file, buf, 2560, FILE_SIZE), 2560);
	EXPECT_EQ(memcmp(buf, data + sizeof(data) - 2560, 2048), 0);
	for (i = 2048; i < 2560 && buf[i] == 'm'; i++)
		;
	EXPECT_EQ(i, 2560);
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
}

/* The file gets smaller under the device: what is missing reads as zeroes or is an error, and nothing hangs. */
TEST(a_file_that_shrinks)
{
	char name[32], buf[4096];
	int dev, file;
	ssize_t n;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	dev = free_loop(name, O_RDWR);
	file = backing("image", FILE_SIZE);
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, file), 0);
	ASSERT_EQ(ftruncate(file, 8192), 0);
	EXPECT_EQ(pread(dev, buf, 4096, 4096), 4096);
	n = pread(dev, buf, 4096, 500000);
	if (n > 0)
		EXPECT_EQ(buf[0], 0);
	else
		EXPECT_EQ(errno, EIO);
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
}

/* Two tasks, one device each, bound and let go as fast as they can while both write and open the other's. */
TEST(binding_against_opening)
{
	char name[32];
	int i, round, status;

	control();
	ASSERT_EQ(chdir(test_dir()), 0);
	for (i = 0; i < 2; i++) {
		if (fork())
			continue;
		srand(i);
		sprintf(name, "image%d", i);
		int file = backing(name, 65536);

		for (round = 0; round < 60; round++) {
			struct loop_config config = { .fd = file,
						      .info.lo_flags = LO_FLAGS_AUTOCLEAR };
			int ctl = control(), n = ioctl(ctl, LOOP_CTL_GET_FREE), dev;

			close(ctl);
			sprintf(name, "/dev/loop%d", n);
			dev = open(name, O_RDWR);
			if (dev < 0) {
				EXPECT(errno == ENXIO || errno == ENOENT || errno == EACCES);
				continue;
			}
			if (ioctl(dev, LOOP_CONFIGURE, &config) == 0) {
				EXPECT_EQ(pwrite(dev, &round, 4, rand() % 65000), 4);
				if (rand() % 2)
					EXPECT_EQ(fsync(dev), 0);
			} else {
				EXPECT(errno == EBUSY);
			}
			close(dev);
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		EXPECT_EQ(status, 0);
}
