/*
 * diskmounts.c - a file system on a disk is mounted, made read-only, let go of: ext2 on a loop device.
 *
 * The image is /images/1k.img of the test initramfs, copied. Without it (a Linux host) everything is skipped.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loopdev.h"

#define IMAGE "/images/1k.img"

static char loop_path[40];

static void copy_image(void)
{
	static char buf[65536];
	int from = open(IMAGE, O_RDONLY), to;
	ssize_t n;

	if (from < 0)
		skip("no " IMAGE);
	ASSERT_EQ(chdir(test_dir()), 0);
	to = open("image", O_RDWR | O_CREAT, 0600);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		ASSERT_EQ(write(to, buf, n), n);
	close(from);
	close(to);
}

/* As mount -o loop does: the device goes with its last user. */
static int attach(unsigned int flags)
{
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR | flags };
	int ctl, dev;

	copy_image();
	ctl = open("/dev/loop-control", O_RDWR);
	if (ctl < 0)
		skip("no /dev/loop-control");
	sprintf(loop_path, "/dev/loop%d", ioctl(ctl, LOOP_CTL_GET_FREE));
	close(ctl);
	dev = open(loop_path, O_RDWR);
	ASSERT(dev >= 0);
	config.fd = open("image", O_RDWR);
	ASSERT_EQ(ioctl(dev, LOOP_CONFIGURE, &config), 0);
	close(config.fd);
	ASSERT_EQ(mkdir("mnt", 0755), 0);
	return dev;
}

static int is_bound(void)
{
	struct loop_info64 info;
	int dev = open(loop_path, O_RDONLY), ret;

	if (dev < 0)
		return errno != ENXIO;
	ret = ioctl(dev, LOOP_GET_STATUS64, &info);
	close(dev);
	return ret == 0;
}

/* A line of /proc/mounts for the device that has this text. */
static int in_mounts(const char *text)
{
	FILE *f = fopen("/proc/mounts", "r");
	char line[512];
	int found = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, loop_path, strlen(loop_path)) && strstr(line, text))
			found = 1;
	if (f)
		fclose(f);
	return found;
}

TEST(the_loop_device_goes_with_the_mount)
{
	int dev = attach(0), fd;
	char buf[6] = "";

	ASSERT_EQ(mount(loop_path, "mnt", "ext2", 0, ""), 0);
	close(dev);
	EXPECT(is_bound());
	EXPECT(in_mounts(" ext2 rw"));
	/* Somebody else may look at the disk, not have it for himself. */
	EXPECT_ERR(open(loop_path, O_RDONLY | O_EXCL), EBUSY);
	fd = open("mnt/loop.txt", O_RDWR | O_CREAT, 0644);
	ASSERT(fd >= 0);
	EXPECT_EQ(write(fd, "stays", 5), 5);
	EXPECT_ERR(umount("mnt"), EBUSY);
	close(fd);
	EXPECT_EQ(umount("mnt"), 0);
	EXPECT(!is_bound());
	EXPECT(!in_mounts("ext2"));
	/* It is in the image: mounted again, from there. */
	rmdir("mnt");
	rename("image", "image2");
	dev = open(loop_path, O_RDWR);
	ASSERT(dev >= 0);
	fd = open("image2", O_RDWR);
	ASSERT_EQ(ioctl(dev, LOOP_SET_FD, fd), 0);
	mkdir("mnt", 0755);
	ASSERT_EQ(mount(loop_path, "mnt", "ext2", MS_RDONLY, ""), 0);
	close(fd);
	fd = open("mnt/loop.txt", O_RDONLY);
	ASSERT(fd >= 0);
	EXPECT_EQ(read(fd, buf, 5), 5);
	EXPECT_STR(buf, "stays");
	EXPECT_ERR(open("mnt/new", O_RDWR | O_CREAT, 0644), EROFS);
	close(fd);
	EXPECT_EQ(umount("mnt"), 0);
	EXPECT_EQ(ioctl(dev, LOOP_CLR_FD), 0);
}

TEST(read_only_only_without_writers)
{
	int dev = attach(0), fd, gone;

	ASSERT_EQ(mount(loop_path, "mnt", "ext2", 0, ""), 0);
	fd = open("mnt/file", O_RDWR | O_CREAT, 0644);
	ASSERT(fd >= 0);
	EXPECT_ERR(mount("", "mnt", "", MS_REMOUNT | MS_RDONLY, ""), EBUSY);
	/* The attempt has changed nothing. */
	EXPECT_EQ(write(fd, "x", 1), 1);
	EXPECT(in_mounts(" ext2 rw"));
	close(fd);
	/* A file without a name is to be freed on the disk when it is closed. */
	gone = open("mnt/file", O_RDONLY);
	ASSERT(gone >= 0);
	EXPECT_EQ(unlink("mnt/file"), 0);
	EXPECT_ERR(mount("", "mnt", "", MS_REMOUNT | MS_RDONLY, ""), EBUSY);
	close(gone);
	EXPECT_EQ(mount("", "mnt", "", MS_REMOUNT | MS_RDONLY, ""), 0);
	EXPECT(in_mounts(" ext2 ro"));
	EXPECT_ERR(open("mnt/file", O_RDWR | O_CREAT, 0644), EROFS);
	EXPECT_ERR(mkdir("mnt/newdir", 0755), EROFS);
	EXPECT_EQ(mount("", "mnt", "", MS_REMOUNT, ""), 0);
	EXPECT_EQ(mkdir("mnt/newdir", 0755), 0);
	EXPECT_EQ(umount("mnt"), 0);
	close(dev);
}

TEST(a_device_that_is_only_read)
{
	int dev = attach(LO_FLAGS_READ_ONLY);

	EXPECT_ERR(mount(loop_path, "mnt", "ext2", 0, ""), EACCES);
	ASSERT_EQ(mount(loop_path, "mnt", "ext2", MS_RDONLY, ""), 0);
	EXPECT_ERR(mount("", "mnt", "", MS_REMOUNT, ""), EACCES);
	EXPECT_EQ(umount("mnt"), 0);
	close(dev);
	EXPECT(!is_bound());
}

/* MNT_DETACH: out of the tree at once, and the file system ends with the last file. */
TEST(detached_while_in_use)
{
	int dev = attach(0), fd;
	char buf[5] = "";

	ASSERT_EQ(mount(loop_path, "mnt", "ext2", 0, ""), 0);
	close(dev);
	fd = open("mnt/held", O_RDWR | O_CREAT, 0644);
	ASSERT(fd >= 0);
	EXPECT_ERR(umount("mnt"), EBUSY);
	EXPECT_EQ(umount2("mnt", MNT_DETACH), 0);
	EXPECT_ERR(open("mnt/held", O_RDONLY), ENOENT);
	EXPECT(is_bound());
	EXPECT_EQ(write(fd, "last", 4), 4);
	EXPECT_EQ(pread(fd, buf, 4, 0), 4);
	EXPECT_STR(buf, "last");
	close(fd);
	EXPECT(!is_bound());
}

static void fill(char *buf, int size, unsigned int seed)
{
	int i;

	for (i = 0; i < size; i++)
		buf[i] = seed = seed * 1103515245 + 12345 + (seed >> 16);
}

/* A file of several pages is written, and is the same when the cache has forgotten it. */
static void write_and_compare(const char *name, unsigned int seed)
{
	static char buf[40000], back[40000];
	int fd = open(name, O_RDWR | O_CREAT, 0644);

	ASSERT(fd >= 0);
	fill(buf, sizeof(buf), seed);
	ASSERT_EQ(write(fd, buf, sizeof(buf)), (int)sizeof(buf));
	EXPECT_EQ(fsync(fd), 0);
	close(fd);
	sync();
	EXPECT_EQ(umount("mnt"), 0);
	ASSERT_EQ(mount(loop_path, "mnt", "ext2", 0, ""), 0);
	fd = open(name, O_RDONLY);
	ASSERT(fd >= 0);
	EXPECT_EQ(read(fd, back, sizeof(back)), (int)sizeof(back));
	EXPECT_EQ(memcmp(buf, back, sizeof(buf)), 0);
	close(fd);
}

/* The device's size is told anew, and changes, while its blocks are cached: they stay what they are. */
TEST(the_device_grows_under_the_mount)
{
	unsigned long long size = 0;
	int dev = attach(0), fd;
	struct stat st;

	ASSERT_EQ(mount(loop_path, "mnt", "ext2", 0, ""), 0);
	ASSERT_EQ(mkdir("mnt/before", 0755), 0);
	ASSERT_EQ(ioctl(dev, LOOP_SET_CAPACITY), 0);
	write_and_compare("mnt/unchanged", 1);
	fd = open("image", O_RDWR);
	ASSERT(fd >= 0);
	ASSERT_EQ(fstat(fd, &st), 0);
	ASSERT_EQ(mkdir("mnt/between", 0755), 0);
	ASSERT_EQ(ftruncate(fd, st.st_size + 512), 0);
	ASSERT_EQ(ioctl(dev, LOOP_SET_CAPACITY), 0);
	ASSERT_EQ(ioctl(dev, BLKGETSIZE64, &size), 0);
	EXPECT_EQ(size, (unsigned long long)st.st_size + 512);
	write_and_compare("mnt/odd", 2);
	EXPECT_EQ(stat("mnt/before", &st), 0);
	EXPECT_EQ(stat("mnt/between", &st), 0);
	EXPECT_EQ(umount("mnt"), 0);
	close(fd);
	close(dev);
	EXPECT(!is_bound());
}

/* The device ends inside a block of the file system: what lies there is read and written all the same. */
TEST(the_last_block_is_cut_off)
{
	int dev = attach(0), fd = open("image", O_RDWR);
	char buf[512], end[512];
	struct stat st;

	ASSERT(fd >= 0);
	ASSERT_EQ(fstat(fd, &st), 0);
	fill(end, sizeof(end), 3);
	ASSERT_EQ(pwrite(fd, end, sizeof(end), st.st_size), (int)sizeof(end));
	ASSERT_EQ(ioctl(dev, LOOP_SET_CAPACITY), 0);
	ASSERT_EQ(mount(loop_path, "mnt", "ext2", 0, ""), 0);
	ASSERT_EQ(pread(dev, buf, sizeof(buf), st.st_size), (int)sizeof(buf));
	EXPECT_EQ(memcmp(buf, end, sizeof(buf)), 0);
	fill(end, sizeof(end), 4);
	memcpy(buf, end, sizeof(buf));
	ASSERT_EQ(pwrite(dev, buf, 100, st.st_size), 100);
	ASSERT_EQ(pwrite(dev, buf + 100, sizeof(buf) - 100, st.st_size + 100), 412);
	EXPECT_ERR(pwrite(dev, buf, 1, st.st_size + 512), ENOSPC);
	EXPECT_EQ(fsync(dev), 0);
	ASSERT_EQ(pread(fd, buf, sizeof(buf), st.st_size), (int)sizeof(buf));
	EXPECT_EQ(memcmp(buf, end, sizeof(buf)), 0);
	EXPECT_EQ(umount("mnt"), 0);
	ASSERT_EQ(fstat(fd, &st), 0);
	close(fd);
	close(dev);
	EXPECT(!is_bound());
}

/* What is no file system, or no device: an error, and nothing is left bound or open. */
TEST(mounts_that_fail)
{
	int dev = attach(0), null, fd;

	EXPECT_ERR(mount(loop_path, "mnt", "nosuchfs", 0, ""), ENODEV);
	EXPECT_ERR(mount("/dev/null", "mnt", "ext2", 0, ""), ENOTBLK);
	EXPECT_ERR(mount("/nowhere", "mnt", "ext2", 0, ""), ENOENT);
	EXPECT_ERR(mount(loop_path, "image", "ext2", 0, ""), ENOTDIR);
	/* Without its super block. */
	fd = open("image", O_RDWR);
	null = open("/dev/zero", O_RDONLY);
	{
		char zero[4096];

		ASSERT_EQ(read(null, zero, sizeof(zero)), (int)sizeof(zero));
		ASSERT_EQ(write(fd, zero, sizeof(zero)), (int)sizeof(zero));
	}
	EXPECT_ERR(mount(loop_path, "mnt", "ext2", 0, ""), EINVAL);
	/* Nobody holds it: it may be had alone. */
	fd = open(loop_path, O_RDONLY | O_EXCL);
	EXPECT(fd >= 0);
	close(fd);
	close(dev);
	EXPECT(!is_bound());
}
