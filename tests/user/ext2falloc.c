/*
 * ext2falloc.c - fallocate on an ext2: holes give their blocks back and read as zeroes, through read, mappings and after a new mount;
 * allocated blocks hold nothing of their last owner.
 *
 * Images of our own on loop devices (ext2image.h). Linux mounts them by its driver of ext4, which makes holes in such files but
 * allocates nothing for them: what answers EOPNOTSUPP is left out.
 */
#include "test.h"

#include "ext2image.h"

#include <sys/mman.h>
#include <sys/statvfs.h>

#ifndef FALLOC_FL_COLLAPSE_RANGE
#define FALLOC_FL_COLLAPSE_RANGE 0x08
#define FALLOC_FL_ZERO_RANGE	 0x10
#define FALLOC_FL_INSERT_RANGE	 0x20
#endif
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static unsigned long free_blocks(void)
{
	struct statvfs vfs;

	sync();
	ASSERT_OK(statvfs(mnt, &vfs));
	return vfs.f_bfree;
}

static unsigned long sectors(int fd)
{
	struct stat st;

	ASSERT_OK(fsync(fd));
	ASSERT_OK(fstat(fd, &st));
	return st.st_blocks;
}

static void fill(int fd, off_t at, size_t len, int c)
{
	static unsigned char buf[16 * 4096];

	memset(buf, c, sizeof(buf));
	ASSERT_LE(len, sizeof(buf));
	ASSERT_EQ(pwrite(fd, buf, len, at), (ssize_t)len);
}

/* Where the first byte that is not c lies in [at, end). */
static off_t span_of(int fd, off_t at, off_t end, int c)
{
	unsigned char b;

	for (; at < end && pread(fd, &b, 1, at) == 1 && b == c; at++)
		;
	return at;
}

/* Every free block has been another's. */
static void soil(void)
{
	static unsigned char buf[16 * 4096];
	int fd = make("soil");

	memset(buf, 0xee, sizeof(buf));
	while (write(fd, buf, sizeof(buf)) > 0)
		;
	ASSERT_OK(fsync(fd));
	close(fd);
	ASSERT_OK(unlink(in("soil")));
	sync();
}

TEST(holes_give_whole_blocks_back)
{
	FOR_EACH_SIZE(bs)
	{
		mkfs(bs);
		mount_image(0, "");
		int fd = make("file"), again;
		struct stat st;

		fill(fd, 0, 10 * bs, 'a');
		EXPECT_EQ(sectors(fd), 10 * bs / 512);
		unsigned long before = free_blocks();

		ASSERT_OK(fallocate(fd, PUNCH, bs + 100, 50));
		EXPECT_EQ(sectors(fd), 10 * bs / 512);
		ASSERT_OK(fallocate(fd, PUNCH, 3 * bs - 7, 3 * bs + 20));
		EXPECT_EQ(sectors(fd), 7 * bs / 512);
		EXPECT_EQ(free_blocks(), before + 3);
		/* The end of the file ends the last block's use. */
		ASSERT_OK(ftruncate(fd, 10 * bs - 5));
		ASSERT_OK(fallocate(fd, PUNCH, 9 * bs, bs - 4));
		ASSERT_OK(fallocate(fd, PUNCH, 20 * bs, bs));
		EXPECT_EQ(sectors(fd), 6 * bs / 512);
		for (again = 0; again < 2; again++) {
			ASSERT_OK(fstat(fd, &st));
			EXPECT_EQ(st.st_size, 10 * bs - 5);
			EXPECT_EQ(span_of(fd, 0, bs + 100, 'a'), bs + 100);
			EXPECT_EQ(span_of(fd, bs + 100, bs + 150, 0), bs + 150);
			EXPECT_EQ(span_of(fd, bs + 150, 3 * bs - 7, 'a'), 3 * bs - 7);
			EXPECT_EQ(span_of(fd, 3 * bs - 7, 6 * bs + 13, 0), 6 * bs + 13);
			EXPECT_EQ(span_of(fd, 6 * bs + 13, 9 * bs, 'a'), 9 * bs);
			EXPECT_EQ(span_of(fd, 9 * bs, 10 * bs - 5, 0), 10 * bs - 5);
			close(fd);
			unmount();
			check_image(bs);
			mount_image(0, "");
			fd = make("file");
		}
		close(fd);
		unmount();
	}
}

TEST(holes_are_asked_for_again_through_a_mapping)
{
	FOR_EACH_SIZE(bs)
	{
		unsigned char *p;
		int fd;

		mkfs(bs);
		mount_image(0, "");
		soil();
		fd = make("file");
		fill(fd, 0, 4 * PAGE, 'a');
		p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		ASSERT(p != MAP_FAILED);
		p[0] = p[bs] = p[2 * bs] = p[3 * PAGE] = 'b';
		ASSERT_OK(fallocate(fd, PUNCH, bs, bs));
		ASSERT_OK(madvise(p + 3 * PAGE, PAGE, MADV_REMOVE));
		EXPECT_EQ(p[bs], 0);
		EXPECT_EQ(p[2 * bs], 'b');
		EXPECT_EQ(p[3 * PAGE], 0);
		/* A block of numbers that is empty now may stay. */
		EXPECT_GE(sectors(fd), (3 * PAGE - bs) / 512);
		EXPECT_LE(sectors(fd), 3 * PAGE / 512);
		p[bs + 9] = 'c';
		p[3 * PAGE + 5] = 'd';
		munmap(p, 4 * PAGE);
		close(fd);
		unmount();
		check_image(bs);
		mount_image(0, "");
		fd = make("file");
		EXPECT_EQ(span_of(fd, 0, 1, 'b'), 1);
		EXPECT_EQ(span_of(fd, bs, 2 * bs, 0), bs + 9);
		EXPECT_EQ(span_of(fd, bs + 9, 2 * bs, 'c'), bs + 10);
		EXPECT_EQ(span_of(fd, bs + 10, 2 * bs, 0), 2 * bs);
		EXPECT_EQ(span_of(fd, 2 * bs, 2 * bs + 1, 'b'), 2 * bs + 1);
		EXPECT_EQ(span_of(fd, 3 * PAGE, 4 * PAGE, 0), 3 * PAGE + 5);
		EXPECT_EQ(span_of(fd, 3 * PAGE + 6, 4 * PAGE, 0), 4 * PAGE);
		close(fd);
		unmount();
	}
}

#define AREA (700 << 10)

/* With the tree of numbers two levels deep for small blocks: contents, and how many blocks there can be. */
TEST_LIMIT(holes_writes_and_allocations_in_any_order, 60)
{
	unsigned char *model = malloc(AREA), *back = malloc(AREA), *has = malloc(AREA / 1024);

	FOR_EACH_SIZE(bs)
	{
		mkfs(bs);
		mount_image(0, "");
		soil();
		unsigned long before = free_blocks(), blocks = 0, b;
		int fd = make("file"), i;

		ASSERT_OK(ftruncate(fd, AREA));
		memset(model, 0, AREA);
		memset(has, 0, AREA / 1024);
		for (i = 0; i < 200; i++) {
			size_t at = rnd_below(AREA), len = rnd_below(9000) + 1, j;

			if (rnd_below(8) == 0)
				len *= 20;
			if (at + len > AREA)
				len = AREA - at;
			switch (rnd_below(5)) {
			case 0:
			case 1:
				len = len > 60000 ? 60000 : len;
				fill(fd, at, len, i % 255 + 1);
				memset(model + at, i % 255 + 1, len);
				for (j = at / bs; j <= (at + len - 1) / bs; j++)
					has[j] = 1;
				break;
			case 2:
				if (fallocate(fd, rnd_below(2) ? FALLOC_FL_KEEP_SIZE : 0, at,
					      len)) {
					ASSERT_EQ(errno, EOPNOTSUPP);
					break;
				}
				for (j = at / bs; j <= (at + len - 1) / bs; j++)
					has[j] = 1;
				break;
			default:
				ASSERT_OK(fallocate(fd, PUNCH, at, len));
				memset(model + at, 0, len);
				for (j = (at + bs - 1) / bs; j < (at + len) / bs; j++)
					has[j] = 0;
			}
			if (rnd_below(20) == 0)
				ASSERT_OK(fsync(fd));
		}
		for (b = 0; b < AREA / bs; b++)
			blocks += has[b];
		EXPECT_GE(sectors(fd), blocks * bs / 512);
		/* Blocks of numbers: one; and of two levels at most three for a file of this size. */
		EXPECT_LE(sectors(fd), (blocks + 4) * bs / 512);
		EXPECT_EQ(free_blocks(), before - sectors(fd) / (bs / 512));
		ASSERT_EQ(pread(fd, back, AREA, 0), AREA);
		EXPECT(!memcmp(back, model, AREA));
		close(fd);
		unmount();
		check_image(bs);
		mount_image(0, "");
		fd = make("file");
		ASSERT_EQ(pread(fd, back, AREA, 0), AREA);
		EXPECT(!memcmp(back, model, AREA));
		ASSERT_OK(fallocate(fd, PUNCH, 0, AREA));
		EXPECT_LE(sectors(fd), 4 * bs / 512);
		close(fd);
		ASSERT_OK(unlink(in("file")));
		EXPECT_EQ(free_blocks(), before);
		unmount();
		check_image(bs);
	}
}

TEST(fallocate_grows_a_file_with_zeroes)
{
	FOR_EACH_SIZE(bs)
	{
		struct stat st;
		int fd;

		mkfs(bs);
		mount_image(0, "");
		soil();
		fd = make("file");
		fill(fd, 0, 100, 'a');
		if (fallocate(fd, 0, 50, 5 * bs) && errno == EOPNOTSUPP)
			skip("no blocks without extents here");
		ASSERT_OK(fstat(fd, &st));
		EXPECT_EQ(st.st_size, 5 * bs + 50);
		EXPECT_EQ(sectors(fd), 6 * bs / 512);
		/* Up to the end of the last block, not behind it: e2fsck would not have it. */
		EXPECT_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 6 * bs));
		EXPECT_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 6 * bs + 1), EOPNOTSUPP);
		EXPECT_EQ(sectors(fd), 6 * bs / 512);
		/* Larger than the disk: as much as there is, and what is left can be used afterwards. */
		EXPECT_ERR(fallocate(fd, 0, 0, 3L * PER_GROUP * bs), ENOSPC);
		ASSERT_OK(fstat(fd, &st));
		EXPECT_GE(st.st_size, 5 * bs + 50);
		ASSERT_OK(ftruncate(fd, 5 * bs + 50));
		EXPECT_EQ(sectors(fd), 6 * bs / 512);
		close(fd);
		unmount();
		check_image(bs);
		mount_image(0, "");
		fd = make("file");
		EXPECT_EQ(span_of(fd, 0, 100, 'a'), 100);
		EXPECT_EQ(span_of(fd, 100, 5 * bs + 50, 0), 5 * bs + 50);
		close(fd);
		unmount();
	}
}

TEST(fallocate_refuses)
{
	unsigned char flags[4] = { 0x20 };
	int fd;

	mkfs(1024);
	mount_image(0, "");
	fd = make("file");
	fill(fd, 0, 5000, 'a');
	EXPECT_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 1024), EOPNOTSUPP);
	EXPECT_ERR(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 1024), EOPNOTSUPP);
	EXPECT_ERR(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 1024), EOPNOTSUPP);
	EXPECT_ERR(fallocate(fd, PUNCH, 0, 0), EINVAL);
	EXPECT_ERR(fallocate(fd, PUNCH, 1L << 50, 1), EFBIG);
	close(fd);
	fd = open(in("file"), O_RDONLY);
	EXPECT_ERR(fallocate(fd, PUNCH, 0, 1024), EBADF);
	close(fd);
	unmount();
	/* The first inode that is not reserved may only be appended to. */
	fd = open(image, O_RDWR);
	ASSERT_EQ(pwrite(fd, flags, 4, (1 + 4) * 1024 + 10 * 128 + 32), 4);
	close(fd);
	mount_image(0, "");
	fd = open(in("file"), O_WRONLY | O_APPEND);
	ASSERT(fd >= 0);
	EXPECT_ERR(fallocate(fd, PUNCH, 0, 1024), EPERM);
	close(fd);
	unmount();
}

/* What a loop device is told to discard becomes a hole in the file on the ext2. */
TEST(holes_of_a_loop_device_in_a_file)
{
	char dev[64], path[400];
	int file, loop;

	mkfs(4096);
	mount_image(0, "");
	file = make("disk");
	fill(file, 0, 10 * 4096, 'a');
	EXPECT_EQ(sectors(file), 80);
	snprintf(path, sizeof(path), "%s", in("disk"));
	loop = attach(path, dev, sizeof(dev));
	ASSERT_OK(fallocate(loop, PUNCH, 2 * 4096, 5 * 4096));
	EXPECT_EQ(sectors(file), 40);
	EXPECT_EQ(span_of(file, 0, 10 * 4096, 'a'), 2 * 4096);
	EXPECT_EQ(span_of(loop, 2 * 4096, 10 * 4096, 0), 7 * 4096);
	close(loop);
	close(file);
	unmount();
	check_image(4096);
}
