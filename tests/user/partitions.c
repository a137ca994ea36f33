/*
 * partitions.c - tables of partitions (MBR, GPT), good and broken, on a loop device; BLKRRPART and BLKPG.
 *
 * The tables are written here, byte by byte. Which partitions there are is read from /proc/partitions; nodes are made from the
 * numbers there. Where there is no /dev/loop-control, or no reader of tables in Linux, tests are skipped.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "loopdev.h"

#define DISK_SIZE (4 << 20)
#define SECTORS	  (DISK_SIZE / 512)

static unsigned char disk[DISK_SIZE]; /* what is to be on it */
static char loop_name[32];	      /* "loop3" */

static struct part {
	unsigned long kib;
	unsigned int major, minor;
} parts[256]; /* as /proc/partitions has them; kib 0: not there */

/* ---- the device ---- */

static void write_disk(int file)
{
	ASSERT_EQ(pwrite(file, disk, DISK_SIZE, 0), DISK_SIZE);
}

static int image(void)
{
	int file = open("image", O_RDWR | O_CREAT | O_TRUNC, 0600);

	ASSERT(file >= 0);
	write_disk(file);
	return file;
}

/* The disk as a loop device whose table has been read. */
static int attach(int file, unsigned int block_size)
{
	struct loop_config config = {
		.fd = file,
		.block_size = block_size,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN,
	};
	char path[40];
	int tries, ctl = open("/dev/loop-control", O_RDWR), n, dev;

	if (ctl < 0)
		skip("no /dev/loop-control");
	for (tries = 0; tries < 50; tries++) {
		n = ioctl(ctl, LOOP_CTL_GET_FREE);
		ASSERT(n >= 0);
		sprintf(loop_name, "loop%d", n);
		sprintf(path, "/dev/%s", loop_name);
		if (access(path, F_OK))
			mknod(path, S_IFBLK | 0600, makedev(7, n));
		dev = open(path, O_RDWR);
		ASSERT(dev >= 0);
		if (!ioctl(dev, LOOP_CONFIGURE, &config)) {
			close(ctl);
			return dev;
		}
		ASSERT_EQ(errno, EBUSY);
		close(dev);
	}
	skip("no loop device is free");
}

static int count_parts(void)
{
	FILE *f = fopen("/proc/partitions", "r");
	unsigned int major, minor, n, found = 0;
	char line[200], name[100];
	unsigned long kib;

	ASSERT(f != NULL);
	memset(parts, 0, sizeof(parts));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%u %u %lu %99s", &major, &minor, &kib, name) != 4)
			continue;
		if (strncmp(name, loop_name, strlen(loop_name)) || name[strlen(loop_name)] != 'p')
			continue;
		n = atoi(name + strlen(loop_name) + 1);
		ASSERT(n > 0 && n < 256);
		parts[n] = (struct part){ kib, major, minor };
		found++;
	}
	fclose(f);
	return found;
}

static int open_part(unsigned int n, int flags)
{
	int fd;

	unlink("node");
	ASSERT_EQ(mknod("node", S_IFBLK | 0600, makedev(parts[n].major, parts[n].minor)), 0);
	fd = open("node", flags);
	unlink("node");
	return fd;
}

/* Partition n is `sectors` long and begins at sector `from`: a mark that is put there in the file is its first byte. */
static void is_at(int file, unsigned int n, unsigned long from, unsigned long sectors)
{
	unsigned long long size = 0;
	unsigned int mark = 0xabc0000 + n, got = 0;
	int fd;

	EXPECT_EQ(parts[n].kib, sectors / 2);
	ASSERT(parts[n].kib > 0);
	ASSERT_EQ(pwrite(file, &mark, 4, from * 512 + 100), 4);
	fd = open_part(n, O_RDWR);
	ASSERT(fd >= 0);
	EXPECT_EQ(ioctl(fd, BLKGETSIZE64, &size), 0);
	EXPECT_EQ(size, sectors * 512);
	EXPECT_EQ(pread(fd, &got, 4, 100), 4);
	EXPECT_EQ(got, mark);
	/* And the last sector of it, the other way round. */
	mark += 0x1000;
	EXPECT_EQ(pwrite(fd, &mark, 4, size - 4), 4);
	EXPECT_ERR(pwrite(fd, &mark, 4, size), ENOSPC);
	EXPECT_EQ(fsync(fd), 0);
	EXPECT_EQ(pread(file, &got, 4, (from + sectors) * 512 - 4), 4);
	EXPECT_EQ(got, mark);
	close(fd);
}

/* ---- tables ---- */

static void put32(unsigned char *p, unsigned int v)
{
	memcpy(p, &v, 4);
}

static void put64(unsigned char *p, unsigned long long v)
{
	memcpy(p, &v, 8);
}

/* Entry i of the DOS table in sector `at`. */
static void dos_entry(unsigned int at, int i, int type, unsigned int from, unsigned int n)
{
	unsigned char *p = disk + at * 512 + 446 + i * 16;

	p[4] = type;
	put32(p + 8, from);
	put32(p + 12, n);
	disk[at * 512 + 510] = 0x55;
	disk[at * 512 + 511] = 0xaa;
}

static unsigned int crc32(const unsigned char *p, size_t n)
{
	unsigned int crc = ~0U;
	int bit;

	while (n--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

#define GPT_ENTRIES 128

static void gpt_entry(unsigned int block, unsigned int lba, int i, unsigned int from,
		      unsigned int last)
{
	unsigned char *p = disk + lba * block + i * 128;

	memset(p, 0x11 + i, 16);
	memset(p + 16, 0x77 + i, 16);
	put64(p + 32, from);
	put64(p + 40, last);
}

static void gpt_header(unsigned int block, unsigned int lba, unsigned int other,
		       unsigned int entries)
{
	unsigned char *p = disk + lba * block;
	unsigned int blocks = DISK_SIZE / block, table = GPT_ENTRIES * 128 / block;

	memset(p, 0, block);
	memcpy(p, "EFI PART", 8);
	put32(p + 8, 0x10000);
	put32(p + 12, 92);
	put64(p + 24, lba);
	put64(p + 32, other);
	put64(p + 40, 2 + table);
	put64(p + 48, blocks - 2 - table);
	put64(p + 72, entries);
	put32(p + 80, GPT_ENTRIES);
	put32(p + 84, 128);
	put32(p + 88, crc32(disk + entries * block, GPT_ENTRIES * 128));
	put32(p + 16, crc32(p, 92));
}

/* Partition 1: blocks 64..127, partition 3: 200..255. */
static void gpt_disk(unsigned int block)
{
	unsigned int blocks = DISK_SIZE / block, table = GPT_ENTRIES * 128 / block;
	unsigned int copy = blocks - 1 - table;

	memset(disk, 0, sizeof(disk));
	dos_entry(0, 0, 0xee, 1, blocks - 1);
	gpt_entry(block, 2, 0, 64, 127);
	gpt_entry(block, 2, 2, 200, 255);
	memcpy(disk + copy * block, disk + 2 * block, GPT_ENTRIES * 128);
	gpt_header(block, 1, blocks - 1, 2);
	gpt_header(block, blocks - 1, 1, copy);
}

/* ---- tests ---- */

/* A Linux may be built without readers of tables: then there is nothing to compare with. */
static int expect_parts(int n)
{
	int found = count_parts();

	if (!found && n && !on_quire())
		skip("this Linux reads no partition tables");
	EXPECT_EQ(found, n);
	return found;
}

static void start(void)
{
	if (access("/dev/loop-control", R_OK | W_OK))
		skip("no /dev/loop-control");
	ASSERT_EQ(chdir(test_dir()), 0);
	memset(disk, 0, sizeof(disk));
}

TEST(primary_partitions_are_where_the_table_says)
{
	int file, dev;

	start();
	dos_entry(0, 0, 0x83, 64, 1000);
	dos_entry(0, 1, 0x82, 2000, 100);
	dos_entry(0, 3, 0x83, SECTORS - 10, 10);
	file = image();
	dev = attach(file, 0);
	expect_parts(3);
	is_at(file, 1, 64, 1000);
	is_at(file, 2, 2000, 100);
	is_at(file, 4, SECTORS - 10, 10);
	close(dev);
	EXPECT_EQ(count_parts(), 0);
}

TEST(logical_partitions_are_followed_and_circles_end)
{
	int file, dev;

	start();
	dos_entry(0, 0, 0x83, 64, 100);
	dos_entry(0, 1, 0x05, 1000, 3000);
	dos_entry(1000, 0, 0x83, 10, 200);
	dos_entry(1000, 1, 0x05, 500, 500);
	dos_entry(1500, 0, 0x83, 10, 300);
	dos_entry(1500, 1, 0x0f, 1000, 1000);
	dos_entry(2000, 0, 0x83, 20, 400);
	file = image();
	dev = attach(file, 0);
	expect_parts(5);
	is_at(file, 1, 64, 100);
	is_at(file, 5, 1010, 200);
	is_at(file, 6, 1510, 300);
	is_at(file, 7, 2020, 400);
	EXPECT_EQ(parts[2].kib, 1);
	/* The last table leads back to the first one: there is an end all the same. */
	dos_entry(2000, 1, 0x05, 0, 3000);
	write_disk(file);
	ioctl(dev, BLKFLSBUF, 0);
	EXPECT_EQ(ioctl(dev, BLKRRPART), 0);
	EXPECT(count_parts() >= 5);
	is_at(file, 7, 2020, 400);
	close(dev);
}

TEST(what_is_no_table)
{
	int file, dev;

	start();
	/* A FAT file system's first sector has the same mark, and program text where the table would be. */
	dos_entry(0, 0, 0x83, 64, 100);
	disk[446] = 0x12;
	disk[14] = 1;
	disk[16] = 2;
	disk[21] = 0xf8;
	file = image();
	dev = attach(file, 0);
	EXPECT_EQ(count_parts(), 0);
	/* No mark: no table. A partition behind the end, one that is too long. */
	disk[446] = 0;
	disk[511] = 0;
	write_disk(file);
	ioctl(dev, BLKFLSBUF, 0);
	EXPECT_EQ(ioctl(dev, BLKRRPART), 0);
	EXPECT_EQ(count_parts(), 0);
	dos_entry(0, 1, 0x83, SECTORS, 100);
	dos_entry(0, 2, 0x83, SECTORS - 100, 1000);
	write_disk(file);
	ioctl(dev, BLKFLSBUF, 0);
	EXPECT_EQ(ioctl(dev, BLKRRPART), 0);
	expect_parts(2);
	is_at(file, 1, 64, 100);
	is_at(file, 3, SECTORS - 100, 100);
	close(dev);
}

TEST(guid_tables_with_small_and_large_blocks)
{
	unsigned int block;
	int file, dev;

	start();
	for (block = 512; block <= 4096; block *= 8) {
		gpt_disk(block);
		file = image();
		dev = attach(file, block);
		expect_parts(2);
		is_at(file, 1, 64 * block / 512, 64 * block / 512);
		is_at(file, 3, 200 * block / 512, 56 * block / 512);
		close(dev);
		close(file);
	}
}

/* Any byte of the header or of the entries that is another makes the table a bad one. */
TEST(guid_tables_with_a_wrong_byte)
{
	int file, dev, i;

	start();
	gpt_disk(512);
	file = image();
	dev = attach(file, 512);
	for (i = 0; i < 60; i++) {
		unsigned int at = rnd() % 2 ? 512 + rnd() % 92 : 1024 + rnd() % (GPT_ENTRIES * 128);
		unsigned int flip = 1 + rnd() % 255;

		disk[at] ^= flip;
		write_disk(file);
		ioctl(dev, BLKFLSBUF, 0);
		EXPECT_EQ(ioctl(dev, BLKRRPART), 0);
		if (count_parts() != (on_quire() ? 2 : 0))
			EXPECT_EQ(at, 0U);
		/* Quire goes on to the copy at the end; Linux when it is told to. */
		if (on_quire())
			is_at(file, 1, 64, 64);
		disk[DISK_SIZE - 512 + at % 92] ^= flip;
		write_disk(file);
		ioctl(dev, BLKFLSBUF, 0);
		EXPECT_EQ(ioctl(dev, BLKRRPART), 0);
		if (count_parts())
			EXPECT_EQ(at, 0U);
		disk[DISK_SIZE - 512 + at % 92] ^= flip;
		disk[at] ^= flip;
	}
	close(dev);
}

/* Any number anywhere in a table of either kind: what comes of it lies on the disk, and it can be read. */
TEST(tables_of_nonsense)
{
	int file, dev, i, k;
	unsigned int n;

	start();
	file = image();
	dev = attach(file, 512);
	for (i = 0; i < 60; i++) {
		memset(disk, 0, sizeof(disk));
		if (i % 2) {
			gpt_disk(512);
			for (k = 0; k < 6; k++)
				put32(disk + 1024 + rnd() % 512 * 4,
				      rnd() % 2 ? rnd() : rnd() % SECTORS);
			gpt_header(512, 1, SECTORS - 1, 2);
		} else {
			for (k = 0; k < 12; k++)
				dos_entry(rnd() % 3 ? 0 : rnd() % 64, rnd() % 4,
					  rnd() % 3 ? 5 : 0x83, rnd() % 2 ? rnd() % 64 : rnd(),
					  rnd() % 2 ? rnd() % SECTORS : rnd());
		}
		write_disk(file);
		ioctl(dev, BLKFLSBUF, 0);
		EXPECT_EQ(ioctl(dev, BLKRRPART), 0);
		count_parts();
		for (n = 1; n < 256; n++) {
			unsigned long long size = 0;
			char buf[512];
			int fd;

			if (!parts[n].kib)
				continue;
			fd = open_part(n, O_RDONLY);
			ASSERT(fd >= 0);
			EXPECT_EQ(ioctl(fd, BLKGETSIZE64, &size), 0);
			EXPECT(size <= DISK_SIZE);
			EXPECT_EQ(pread(fd, buf, 512, size - 512), 512);
			close(fd);
		}
	}
	close(dev);
}

struct blkpg_partition {
	long long start, length;
	int pno;
	char devname[64], volname[64];
};

struct blkpg_arg {
	int op, flags, datalen;
	void *data;
};

static int blkpg(int dev, int op, int n, unsigned long from, unsigned long sectors)
{
	struct blkpg_partition p = { from * 512, sectors * 512, n, "", "" };
	struct blkpg_arg a = { op, 0, sizeof(p), &p };

	return ioctl(dev, BLKPG, &a);
}

TEST(partitions_told_by_a_program)
{
	unsigned long long size = 0;
	int file, dev, part;

	start();
	file = image();
	dev = attach(file, 0);
	EXPECT_EQ(count_parts(), 0);
	ASSERT_EQ(blkpg(dev, 1, 1, 100, 200), 0);
	ASSERT_EQ(blkpg(dev, 1, 40, 1000, 200), 0);
	EXPECT_ERR(blkpg(dev, 1, 1, 600, 200), EBUSY);
	EXPECT_ERR(blkpg(dev, 1, 2, 299, 2), EBUSY);
	EXPECT_ERR(blkpg(dev, 1, 2, SECTORS - 1, 2), EINVAL);
	EXPECT_ERR(blkpg(dev, 1, 0, 600, 2), EINVAL);
	EXPECT_ERR(blkpg(dev, 1, 2, 600, 0), EINVAL);
	EXPECT_ERR(blkpg(dev, 2, 2, 0, 0), ENXIO);
	EXPECT_ERR(blkpg(dev, 9, 1, 0, 0), EINVAL);
	EXPECT_ERR(ioctl(dev, BLKPG, (void *)8), EFAULT);
	EXPECT_EQ(count_parts(), 2);
	is_at(file, 1, 100, 200);
	is_at(file, 40, 1000, 200);
	ASSERT_EQ(blkpg(dev, 3, 1, 100, 300), 0);
	EXPECT_ERR(blkpg(dev, 3, 1, 101, 300), EINVAL);
	EXPECT_ERR(blkpg(dev, 3, 1, 100, 901), EBUSY);
	EXPECT_ERR(blkpg(dev, 3, 2, 100, 901), ENXIO);
	count_parts();
	is_at(file, 1, 100, 300);
	part = open_part(1, O_RDONLY);
	ASSERT(part >= 0);
	EXPECT_ERR(blkpg(part, 1, 1, 0, 1), EINVAL);
	EXPECT_ERR(ioctl(part, BLKRRPART), EINVAL);
	EXPECT_ERR(blkpg(dev, 2, 1, 0, 0), EBUSY);
	EXPECT_ERR(ioctl(dev, BLKRRPART), EBUSY);
	EXPECT_EQ(ioctl(part, BLKGETSIZE64, &size), 0);
	EXPECT_EQ(size, 300 * 512);
	close(part);
	EXPECT_EQ(blkpg(dev, 2, 1, 0, 0), 0);
	EXPECT_EQ(count_parts(), 1);
	/* The table on the disk is what counts: there is none. */
	EXPECT_EQ(ioctl(dev, BLKRRPART), 0);
	EXPECT_EQ(count_parts(), 0);
	close(dev);
}

/* Who has a partition for himself keeps others from the whole disk, and the other way round. */
TEST(alone_on_a_part_or_on_all)
{
	char path[40];
	int file, dev, part, whole;

	start();
	dos_entry(0, 0, 0x83, 64, 1000);
	dos_entry(0, 1, 0x83, 2000, 1000);
	file = image();
	dev = attach(file, 0);
	expect_parts(2);
	sprintf(path, "/dev/%s", loop_name);
	part = open_part(1, O_RDONLY | O_EXCL);
	ASSERT(part >= 0);
	EXPECT_ERR(open_part(1, O_RDONLY | O_EXCL), EBUSY);
	EXPECT_ERR(open(path, O_RDONLY | O_EXCL), EBUSY);
	EXPECT_ERR(ioctl(dev, BLKRRPART), EBUSY);
	whole = open_part(2, O_RDONLY | O_EXCL);
	EXPECT(whole >= 0);
	close(whole);
	close(part);
	whole = open(path, O_RDONLY | O_EXCL);
	ASSERT(whole >= 0);
	EXPECT_ERR(open_part(1, O_RDONLY | O_EXCL), EBUSY);
	part = open_part(1, O_RDONLY);
	EXPECT(part >= 0);
	close(part);
	close(whole);
	close(dev);
}

/* The file is to go while only a partition is open, or while it is as well: it goes with the last one, and the partitions with it. */
TEST(let_go_through_a_partition)
{
	struct loop_info64 info;
	int file, dev, part;
	char buf[4] = "";

	start();
	dos_entry(0, 0, 0x83, 64, 1000);
	file = image();
	dev = attach(file, 0);
	expect_parts(1);
	part = open_part(1, O_RDWR);
	ASSERT(part >= 0);
	close(dev);
	EXPECT_EQ(ioctl(part, LOOP_CLR_FD), 0);
	EXPECT_EQ(ioctl(part, LOOP_GET_STATUS64, &info), 0);
	ASSERT_EQ(pwrite(part, "here", 4, 512), 4);
	EXPECT_EQ(fsync(part), 0);
	ASSERT_EQ(pread(file, buf, 4, 65 * 512), 4);
	EXPECT_EQ(memcmp(buf, "here", 4), 0);
	close(part);
	EXPECT_EQ(count_parts(), 0);
}
