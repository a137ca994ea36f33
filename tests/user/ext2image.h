/*
 * ext2image.h - making an image of an ext2, mounting it on a loop device, and comparing its counts with its bitmaps.
 *
 * The images (mkfs below: two groups, revision 1) need no other tool. Linux mounts them by its driver of ext4. A test is skipped
 * where nothing can be mounted or there are no loop devices.
 */
#ifndef TESTS_USER_EXT2IMAGE_H
#define TESTS_USER_EXT2IMAGE_H

#include "loopdev.h"

#include <sys/ioctl.h>
#include <sys/mount.h>

#define GROUPS	  2
#define PER_GROUP 2048 /* blocks */
#define INODES	  256  /* of a group */
#define TABLE(bs) (INODES * 128 / (bs))
#define RESERVED  100 /* blocks for root */

static const unsigned int sizes[] = { 1024, 2048, 4096 };
static char image[200], mnt[200];

static void put16(unsigned char *p, unsigned int v)
{
	p[0] = v;
	p[1] = v >> 8;
}

static void put32(unsigned char *p, unsigned int v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static unsigned int get16(const unsigned char *p)
{
	return p[0] | p[1] << 8;
}

static unsigned int get32(const unsigned char *p)
{
	return get16(p) | (unsigned int)get16(p + 2) << 16;
}

/* ---- making and checking an image ---- */

/* The first block of a group, and behind it: super block, descriptors, block bitmap, inode bitmap, table, data. */
static unsigned int group_start(unsigned int bs, int group)
{
	return (bs == 1024) + group * PER_GROUP;
}

static void mkfs(unsigned int bs)
{
	unsigned int first = bs == 1024, used = 4 + TABLE(bs), data = group_start(bs, 0) + used, i;
	size_t size = (size_t)(first + GROUPS * PER_GROUP) * bs;
	unsigned char *img = calloc(1, size), *sb = img + 1024, *root, *dir;
	int g, fd;

	ASSERT(img != NULL);
	put32(sb, GROUPS * INODES);
	put32(sb + 4, first + GROUPS * PER_GROUP);
	put32(sb + 8, RESERVED);
	put32(sb + 12, GROUPS * (PER_GROUP - used) - 1);
	put32(sb + 16, GROUPS * INODES - 10);
	put32(sb + 20, first);
	put32(sb + 24, bs >> 11);
	put32(sb + 28, bs >> 11);
	put32(sb + 32, PER_GROUP);
	put32(sb + 36, PER_GROUP);
	put32(sb + 40, INODES);
	put16(sb + 54, 0xffff);
	put16(sb + 56, 0xef53);
	put16(sb + 58, 1);
	put16(sb + 60, 1);
	put32(sb + 76, 1);
	put32(sb + 84, 11);
	put16(sb + 88, 128);
	put32(sb + 96, 2);  /* incompat: filetype */
	put32(sb + 100, 3); /* ro_compat: sparse_super, large_file */
	memset(sb + 104, 0x5a, 16);
	for (g = 0; g < GROUPS; g++) {
		unsigned int start = group_start(bs, g);
		unsigned char *desc = img + (size_t)(first + 1) * bs + g * 32;
		unsigned char *bb = img + (size_t)(start + 2) * bs, *ib = bb + bs;

		put32(desc, start + 2);
		put32(desc + 4, start + 3);
		put32(desc + 8, start + 4);
		put16(desc + 12, PER_GROUP - used - !g);
		put16(desc + 14, INODES - (g ? 0 : 10));
		put16(desc + 16, !g);
		memset(bb + PER_GROUP / 8, 0xff, bs - PER_GROUP / 8);
		memset(ib + INODES / 8, 0xff, bs - INODES / 8);
		for (i = 0; i < used + !g; i++)
			bb[i / 8] |= 1 << i % 8;
		for (i = 0; !g && i < 10; i++)
			ib[i / 8] |= 1 << i % 8;
	}
	/* Copies in the second group. */
	if (group_start(bs, 1) * (size_t)bs != 1024)
		memcpy(img + (size_t)group_start(bs, 1) * bs, sb, 1024);
	put16(img + (size_t)group_start(bs, 1) * bs + 90, 1);
	memcpy(img + (size_t)(group_start(bs, 1) + 1) * bs, img + (size_t)(first + 1) * bs, bs);
	root = img + (size_t)(first + 4) * bs + 128;
	put16(root, 040755);
	put32(root + 4, bs);
	put16(root + 26, 2);
	put32(root + 28, bs / 512);
	put32(root + 40, data);
	dir = img + (size_t)data * bs;
	put32(dir, 2);
	put16(dir + 4, 12);
	dir[6] = 1;
	dir[7] = 2;
	dir[8] = '.';
	put32(dir + 12, 2);
	put16(dir + 16, bs - 12);
	dir[18] = 2;
	dir[19] = 2;
	memcpy(dir + 20, "..", 2);

	if (!image[0]) {
		const char *dir = test_dir();

		snprintf(image, sizeof(image), "%s/image", dir);
		snprintf(mnt, sizeof(mnt), "%s/mnt", dir);
		ASSERT_OK(mkdir(mnt, 0755));
	}
	fd = open(image, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ASSERT(fd >= 0);
	ASSERT_EQ(write(fd, img, size), (ssize_t)size);
	close(fd);
	free(img);
}

/* Unmounted: it says so, and free blocks and inodes are as many as the bitmaps say. */
static void check_image(unsigned int bs)
{
	unsigned int first = bs == 1024, i, blocks = 0, inodes = 0;
	static unsigned char buf[8 * 4096];
	int fd = open(image, O_RDONLY), g;

	ASSERT(fd >= 0);
	ASSERT_EQ(pread(fd, buf, 1024, 1024), 1024);
	EXPECT_EQ(get16(buf + 58), 1);
	unsigned int sb_blocks = get32(buf + 12), sb_inodes = get32(buf + 16);

	for (g = 0; g < GROUPS; g++) {
		unsigned int start = group_start(bs, g), free_b = 0, free_i = 0;
		unsigned char desc[32];

		ASSERT_EQ(pread(fd, desc, 32, (off_t)(first + 1) * bs + g * 32), 32);
		ASSERT_EQ(pread(fd, buf, 2 * bs, (off_t)(start + 2) * bs), (ssize_t)(2 * bs));
		for (i = 0; i < PER_GROUP; i++)
			free_b += !(buf[i / 8] >> i % 8 & 1);
		for (i = 0; i < INODES; i++)
			free_i += !(buf[bs + i / 8] >> i % 8 & 1);
		EXPECT_EQ(get16(desc + 12), free_b);
		EXPECT_EQ(get16(desc + 14), free_i);
		blocks += free_b;
		inodes += free_i;
	}
	EXPECT_EQ(sb_blocks, blocks);
	EXPECT_EQ(sb_inodes, inodes);
	close(fd);
}

/* ---- mounting ---- */

static int attach(const char *path, char *dev, size_t len)
{
	int ctl = open("/dev/loop-control", O_RDWR), img = open(path, O_RDWR), fd, n, tries;

	if (ctl < 0)
		skip("no loop devices");
	ASSERT(img >= 0);
	for (tries = 0; tries < 50; tries++) {
		struct loop_config config = { .fd = img,
					      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };

		n = ioctl(ctl, LOOP_CTL_GET_FREE);
		ASSERT(n >= 0);
		snprintf(dev, len, "/dev/loop%d", n);
		fd = open(dev, O_RDWR);
		if (fd >= 0 && !ioctl(fd, LOOP_CONFIGURE, &config))
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	close(ctl);
	close(img);
	ASSERT(fd >= 0);
	return fd;
}

static void mount_image(unsigned long flags, const char *options)
{
	char dev[64];
	int fd = attach(image, dev, sizeof(dev));

	if (mount(dev, mnt, "ext2", flags, options)) {
		if (errno == EPERM || errno == ENODEV)
			skip("ext2 cannot be mounted here");
		EXPECT_OK(mount(dev, mnt, "ext2", flags, options));
		close(fd);
		_exit(1);
	}
	close(fd);
}

static void unmount(void)
{
	EXPECT_OK(chdir("/"));
	ASSERT_OK(umount(mnt));
}

static const char *in(const char *name)
{
	static char buf[4][1300];
	static int n;
	char *p = buf[n++ & 3];

	snprintf(p, sizeof(buf[0]), "%s/%s", mnt, name);
	return p;
}

static int make(const char *name)
{
	int fd = open(in(name), O_RDWR | O_CREAT, 0644);

	ASSERT(fd >= 0);
	return fd;
}

#define FOR_EACH_SIZE(bs) \
	for (unsigned int __i = 0, bs = sizes[0]; __i < ARRAY_SIZE(sizes); bs = sizes[++__i % 3])

#endif
