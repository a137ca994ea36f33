/*
 * ext2.c - a file system of our own making on a loop device: what was written is there after unmounting, at each size of blocks, and
 * the counts on the disk agree with its bitmaps.
 *
 * The images are made by ext2image.h. Linux mounts them by its driver of ext4;
 * where that can do more than ext2, the test says so. Skipped where nothing can be mounted or there are no loop devices.
 */
#include "test.h"

#include "ext2image.h"

#include <sys/mman.h>
#include <sys/statvfs.h>
#include <time.h>

/* ---- tests ---- */

TEST(the_disk_knows_whether_it_is_mounted)
{
	unsigned char sb[1024];
	int fd;

	mkfs(1024);
	mount_image(0, "");
	close(make("file"));
	sync();
	fd = open(image, O_RDONLY);
	ASSERT_EQ(pread(fd, sb, 1024, 1024), 1024);
	EXPECT_EQ(get16(sb + 58) & 1, 0);
	unmount();
	check_image(1024);
	ASSERT_EQ(pread(fd, sb, 1024, 1024), 1024);
	EXPECT_EQ(get16(sb + 52), 1);
	close(fd);
}

#define AREA (900 << 10)

TEST_LIMIT(random_writes_come_back_after_a_new_mount, 60)
{
	unsigned char *model = malloc(AREA), *back = malloc(AREA);

	FOR_EACH_SIZE(bs)
	{
		mkfs(bs);
		mount_image(0, "");
		memset(model, 0, AREA);
		size_t size = 0;
		int fd = make("file"), i;

		for (i = 0; i < 150; i++) {
			size_t at = rnd_below(AREA), len = rnd_below(9000) + 1, j;

			if (at + len > AREA)
				len = AREA - at;
			if (rnd_below(10) == 0) {
				ASSERT_OK(ftruncate(fd, at));
				if (at < size)
					memset(model + at, 0, size - at);
				size = at;
				continue;
			}
			for (j = 0; j < len; j++)
				model[at + j] = back[j] = rnd_below(256);
			ASSERT_EQ(pwrite(fd, back, len, at), (ssize_t)len);
			if (at + len > size)
				size = at + len;
			if (rnd_below(20) == 0)
				ASSERT_OK(fsync(fd));
		}
		close(fd);
		unmount();
		check_image(bs);
		mount_image(MS_RDONLY, "");
		fd = open(in("file"), O_RDONLY);
		ASSERT_EQ(lseek(fd, 0, SEEK_END), (off_t)size);
		ASSERT_EQ(pread(fd, back, AREA, 0), (ssize_t)size);
		EXPECT(!memcmp(back, model, size));
		close(fd);
		EXPECT_ERR(open(in("new"), O_CREAT | O_RDWR, 0600), EROFS);
		unmount();
	}
}

TEST(a_full_disk_says_so_and_all_comes_back)
{
	FOR_EACH_SIZE(bs)
	{
		struct statvfs before, full, after;
		static char page[4096];
		pid_t pid;
		int status;

		mkfs(bs);
		mount_image(0, "");
		ASSERT_OK(chmod(mnt, 0777));
		sync();
		ASSERT_OK(statvfs(mnt, &before));
		EXPECT_EQ(before.f_bfree - before.f_bavail, RESERVED);
		/* Who is nobody gets no further than the reserve. */
		pid = test_fork();
		if (!pid) {
			int fd = -1;

			ASSERT_OK(setgid(65534));
			ASSERT_OK(setuid(65534));
			fd = make("fill");
			while (write(fd, page, sizeof(page)) > 0)
				;
			EXPECT_EQ(errno, ENOSPC);
			close(fd);
			_exit(0);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_OK(statvfs(mnt, &full));
		EXPECT_GE(full.f_bfree, RESERVED);
		EXPECT_LE(full.f_bfree, RESERVED + 4);
		int fd = make("fill2");

		while (write(fd, page, sizeof(page)) > 0)
			;
		EXPECT_EQ(errno, ENOSPC);
		ASSERT_OK(statvfs(mnt, &full));
		EXPECT_LE(full.f_bfree, 4);
		close(fd);
		/* A file may have ended for want of a block of numbers; a directory needs but one. */
		char name[16];
		int n;

		for (n = 0; n < 6; n++) {
			sprintf(name, "d%d", n);
			if (mkdir(in(name), 0700))
				break;
		}
		EXPECT_EQ(errno, ENOSPC);
		EXPECT_LT(n, 6);
		while (n--) {
			sprintf(name, "d%d", n);
			EXPECT_OK(rmdir(in(name)));
		}
		EXPECT_OK(unlink(in("fill")));
		EXPECT_OK(unlink(in("fill2")));
		sync();
		ASSERT_OK(statvfs(mnt, &after));
		EXPECT_EQ(after.f_bfree, before.f_bfree);
		EXPECT_EQ(after.f_ffree, before.f_ffree);
		unmount();
		check_image(bs);
	}
}

TEST(inodes_run_out)
{
	char name[32];
	int n, fd;

	mkfs(1024);
	mount_image(0, "");
	for (n = 0; n < GROUPS * INODES; n++) {
		snprintf(name, sizeof(name), "f%d", n);
		fd = open(in(name), O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	EXPECT_EQ(errno, ENOSPC);
	EXPECT_EQ(n, GROUPS * INODES - 10);
	while (n--) {
		snprintf(name, sizeof(name), "f%d", n);
		EXPECT_OK(unlink(in(name)));
	}
	unmount();
	check_image(1024);
}

TEST(an_unlinked_file_lives_until_it_is_closed)
{
	struct statvfs before, with, after;
	char buf[3000];
	int fd, i;

	mkfs(1024);
	mount_image(0, "");
	sync();
	ASSERT_OK(statvfs(mnt, &before));
	fd = make("gone");
	memset(buf, 'x', sizeof(buf));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(write(fd, buf, sizeof(buf)), (ssize_t)sizeof(buf));
	ASSERT_OK(fsync(fd));
	ASSERT_OK(unlink(in("gone")));
	EXPECT_ERR(open(in("gone"), O_RDONLY), ENOENT);
	ASSERT_OK(statvfs(mnt, &with));
	EXPECT_LE(with.f_bfree, before.f_bfree - 293);
	memset(buf, 0, sizeof(buf));
	ASSERT_EQ(pread(fd, buf, sizeof(buf), 150000), (ssize_t)sizeof(buf));
	EXPECT_EQ(buf[2999], 'x');
	EXPECT_ERR(umount(mnt), EBUSY);
	close(fd);
	sync();
	ASSERT_OK(statvfs(mnt, &after));
	EXPECT_EQ(after.f_bfree, before.f_bfree);
	unmount();
	check_image(1024);
}

TEST(names_links_and_nodes_come_back)
{
	FOR_EACH_SIZE(bs)
	{
		char name[256], text[1000] = "", got[1024];
		struct stat st;
		int i, n = 0;

		mkfs(bs);
		mount_image(0, "");
		memset(name, 'n', 255);
		name[255] = 0;
		close(make(name));
		memset(text, 't', 900);
		ASSERT_OK(symlink(text, in("long")));
		ASSERT_OK(symlink("short/text", in("short")));
		ASSERT_OK(mkfifo(in("fifo"), 0640));
		ASSERT_OK(mknod(in("node"), S_IFCHR | 0600, 5 << 8 | 1));
		ASSERT_OK(mkdir(in("a"), 01755));
		ASSERT_OK(mkdir(in("a/b"), 0700));
		ASSERT_OK(mkdir(in("c"), 0711));
		ASSERT_OK(link(in(name), in("c/second")));
		ASSERT_OK(rename(in("a/b"), in("c/b")));
		ASSERT_ERR(rmdir(in("c")), ENOTEMPTY);
		for (i = 0; i < 60; i++) {
			snprintf(got, sizeof(got), "c/b/%0*d", 20 + i, i);
			close(make(got));
			if (i % 3 == 0)
				ASSERT_OK(unlink(in(got)));
		}
		unmount();
		check_image(bs);
		mount_image(0, "");
		ASSERT_OK(stat(in(name), &st));
		EXPECT_EQ(st.st_nlink, 2);
		EXPECT_EQ(readlink(in("long"), got, sizeof(got)), 900);
		EXPECT(!memcmp(got, text, 900));
		EXPECT_EQ(readlink(in("short"), got, sizeof(got)), 10);
		ASSERT_OK(lstat(in("fifo"), &st));
		EXPECT_EQ(st.st_mode, S_IFIFO | 0640);
		ASSERT_OK(lstat(in("node"), &st));
		EXPECT_EQ(st.st_rdev, 5 << 8 | 1);
		ASSERT_OK(stat(in("c"), &st));
		EXPECT_EQ(st.st_nlink, 3);
		ASSERT_OK(stat(in("a"), &st));
		EXPECT_EQ(st.st_nlink, 2);
		EXPECT_EQ(st.st_mode, S_IFDIR | 01755);
		ino_t parent = (stat(in("c"), &st), st.st_ino);

		ASSERT_OK(stat(in("c/b/.."), &st));
		EXPECT_EQ(st.st_ino, parent);
		DIR *d = opendir(in("c/b"));

		ASSERT(d != NULL);
		for (struct dirent *e; (e = readdir(d)) != NULL; n++)
			if (e->d_name[0] == '.')
				EXPECT_EQ(e->d_type, DT_DIR);
			else
				EXPECT_EQ(e->d_type, DT_REG);
		closedir(d);
		EXPECT_EQ(n, 42);
		EXPECT_ERR(open(in("c/b/x/y"), O_RDONLY), ENOENT);
		name[254] = 0;
		EXPECT_ERR(open(in(name), O_RDONLY), ENOENT);
		unmount();
	}
}

TEST(what_is_cut_off_does_not_come_back)
{
	FOR_EACH_SIZE(bs)
	{
		static unsigned char buf[20000];
		int fd, i;

		mkfs(bs);
		mount_image(0, "");
		fd = make("file");
		memset(buf, 0xee, sizeof(buf));
		ASSERT_EQ(write(fd, buf, sizeof(buf)), (ssize_t)sizeof(buf));
		ASSERT_OK(fsync(fd));
		ASSERT_OK(ftruncate(fd, 5001));
		/* What a mapping stores behind the end is nobody's either. */
		unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		ASSERT(p != MAP_FAILED);
		p[5000] = 0x11;
		p[8000] = 0x22;
		ASSERT_OK(msync(p, 8192, MS_SYNC));
		munmap(p, 8192);
		close(fd);
		unmount();
		mount_image(0, "");
		fd = make("file");
		ASSERT_OK(ftruncate(fd, 20000));
		ASSERT_EQ(pread(fd, buf, sizeof(buf), 0), (ssize_t)sizeof(buf));
		EXPECT_EQ(buf[4999], 0xee);
		EXPECT_EQ(buf[5000], 0x11);
		for (i = 5001; i < 20000 && !buf[i]; i++)
			;
		EXPECT_EQ(i, 20000);
		close(fd);
		unmount();
		check_image(bs);
	}
}

/* Two stores with the end of the file between them: the second block is asked for when the file has grown. */
TEST(a_mapped_page_grows_with_its_file)
{
	unsigned char got[4096], *p;
	int fd, i;

	mkfs(1024);
	mount_image(0, "");
	/* All blocks that the file may get have been another's. */
	fd = make("other");
	memset(got, 0xee, sizeof(got));
	while (write(fd, got, sizeof(got)) > 0)
		;
	ASSERT_OK(fsync(fd));
	close(fd);
	ASSERT_OK(unlink(in("other")));
	sync();
	fd = make("small");
	ASSERT_OK(ftruncate(fd, 1000));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(p != MAP_FAILED);
	p[0] = 1;
	ASSERT_OK(msync(p, 4096, MS_SYNC));
	munmap(p, 4096);
	ASSERT_OK(ftruncate(fd, 4096));
	close(fd);
	fd = make("file");
	ASSERT_OK(ftruncate(fd, 1000));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(p != MAP_FAILED);
	p[0] = 1;
	ASSERT_OK(ftruncate(fd, 4096));
	p[3000] = 3;
	munmap(p, 4096);
	close(fd);
	unmount();
	check_image(1024);
	mount_image(0, "");
	fd = make("file");
	ASSERT_EQ(pread(fd, got, 4096, 0), 4096);
	EXPECT_EQ(got[0], 1);
	EXPECT_EQ(got[3000], 3);
	EXPECT_EQ(got[2000], 0);
	close(fd);
	fd = make("small");
	ASSERT_EQ(pread(fd, got, 4096, 0), 4096);
	EXPECT_EQ(got[0], 1);
	for (i = 1; i < 4096 && !got[i]; i++)
		;
	EXPECT_EQ(i, 4096);
	close(fd);
	unmount();
}

/* What a mapping has stored behind the end of the file, in the same page, does not become the file's when that grows. */
TEST(stores_behind_the_end_are_lost_when_the_file_grows)
{
	FOR_EACH_SIZE(bs)
	{
		unsigned char got[4096], *p;
		int fd, how, i;

		mkfs(bs);
		mount_image(0, "");
		for (how = 0; how < 4; how++) {
			char name[] = { 'f', '0' + how, 0 };

			fd = make(name);
			memset(got, 7, 100);
			ASSERT_EQ(pwrite(fd, got, 100, 0), 100);
			p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			ASSERT(p != MAP_FAILED);
			p[99] = 1;
			p[500] = 2;
			p[2000] = 3;
			p[4095] = 4;
			if (how & 2)
				ASSERT_OK(munmap(p, 4096));
			if (how & 1)
				ASSERT_EQ(pwrite(fd, "x", 1, 8000), 1);
			else
				ASSERT_OK(ftruncate(fd, 8192));
			ASSERT_EQ(pread(fd, got, 4096, 0), 4096);
			EXPECT_EQ(got[99], 1);
			for (i = 100; i < 4096 && !got[i]; i++)
				;
			EXPECT_EQ(i, 4096);
			/* Now it is the file's. */
			if (!(how & 2)) {
				p[3000] = 5;
				ASSERT_OK(munmap(p, 4096));
			}
			close(fd);
		}
		unmount();
		check_image(bs);
		mount_image(0, "");
		for (how = 0; how < 4; how++) {
			char name[] = { 'f', '0' + how, 0 };

			fd = make(name);
			ASSERT_EQ(pread(fd, got, 4096, 0), 4096);
			EXPECT_EQ(got[99], 1);
			EXPECT_EQ(got[3000], how & 2 ? 0 : 5);
			got[3000] = 0;
			for (i = 100; i < 4096 && !got[i]; i++)
				;
			EXPECT_EQ(i, 4096);
			close(fd);
		}
		unmount();
	}
}

TEST(far_offsets_reach_the_limit)
{
	FOR_EACH_SIZE(bs)
	{
		/* 12 + n + n^2 + n^3 blocks; with larger blocks i_blocks ends earlier, and Linux counts that in another way. */
		unsigned long long n = bs / 4, max = (12 + n + n * n + n * n * n) * bs;
		unsigned long long far[] = { 12 * bs, (12 + n) * bs, (12 + n + n * n) * bs,
					     5ULL << 30 };
		struct stat st;
		char c = 0;
		int fd, i;

		mkfs(bs);
		mount_image(0, "");
		fd = make("far");
		for (i = 0; i < 4; i++)
			ASSERT_EQ(pwrite(fd, "0123" + i, 1, far[i] - !(i & 1)), 1);
		if (bs == 1024) {
			ASSERT_EQ(pwrite(fd, "end", 3, max - 2), 2);
			EXPECT_ERR(pwrite(fd, "x", 1, max), EFBIG);
			EXPECT_ERR(ftruncate(fd, max + 1), EFBIG);
		}
		ASSERT_OK(fstat(fd, &st));
		EXPECT_LE(st.st_blocks, 40 * bs / 512);
		close(fd);
		unmount();
		check_image(bs);
		mount_image(0, "");
		fd = make("far");
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(pread(fd, &c, 1, far[i] - !(i & 1)), 1);
			EXPECT_EQ(c, '0' + i);
		}
		ASSERT_EQ(pread(fd, &c, 1, 1 << 30), 1);
		EXPECT_EQ(c, 0);
		ASSERT_OK(ftruncate(fd, 12 * bs));
		ASSERT_OK(fstat(fd, &st));
		EXPECT_EQ(st.st_blocks, bs / 512);
		close(fd);
		unmount();
		check_image(bs);
	}
}

static void poke(off_t at, unsigned int value, int bytes)
{
	unsigned char buf[4];
	int fd = open(image, O_RDWR);

	put32(buf, value);
	ASSERT_EQ(pwrite(fd, buf, bytes, at), bytes);
	close(fd);
}

TEST(too_many_links_are_refused)
{
	unsigned int max = on_quire() ? 32000 : 65000;
	struct stat st;

	mkfs(1024);
	mount_image(0, "");
	close(make("file"));
	ASSERT_OK(stat(in("file"), &st));
	unmount();
	/* The table of group 0 begins at block 5. */
	ASSERT_LT(st.st_ino, INODES);
	poke(5 * 1024 + (st.st_ino - 1) * 128 + 26, max - 1, 2);
	mount_image(0, "");
	EXPECT_OK(link(in("file"), in("last")));
	EXPECT_ERR(link(in("file"), in("more")), EMLINK);
	unmount();
}

static int mount_errno(void)
{
	char dev[64];
	int fd = attach(image, dev, sizeof(dev)), err = mount(dev, mnt, "ext2", 0, "") ? errno : 0;

	close(fd);
	if (!err)
		umount(mnt);
	return err;
}

TEST(what_cannot_be_mounted_is_refused)
{
	static const struct {
		int at, bytes;
		unsigned int value;
	} bad[] = {
		{ 56, 2, 0x1234 },     { 24, 4, 9 },	       { 4, 4, 0x7fffffff },
		{ 32, 4, 0 },	       { 40, 4, 0 },	       { 40, 4, 100000 },
		{ 0, 4, 1 },	       { 20, 4, 7 },	       { 88, 2, 100 },
		{ 96, 4, 0x80000000 }, { 100, 4, 0x80000000 },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		mkfs(1024);
		if (!i && mount_errno())
			skip("ext2 cannot be mounted here");
		poke(1024 + bad[i].at, bad[i].value, bad[i].bytes);
		int err = mount_errno();

		if (err != EINVAL && err != EUCLEAN && err != EROFS)
			EXPECT_EQ(err, EINVAL * 1000 + i);
	}
	/* A descriptor whose bitmap is the super block. */
	mkfs(1024);
	poke(2 * 1024, 1, 4);
	i = mount_errno();
	EXPECT(i == EINVAL || i == EUCLEAN);
}

TEST(options_and_remount)
{
	char dev[64];
	int fd;

	mkfs(1024);
	mount_image(0, "errors=remount-ro");
	fd = make("open");
	EXPECT_ERR(mount("none", mnt, NULL, MS_REMOUNT, "nonsense=1"), EINVAL);
	close(fd);
	EXPECT_OK(mount("none", mnt, NULL, MS_REMOUNT | MS_RDONLY, "errors=continue"));
	EXPECT_ERR(open(in("new"), O_CREAT | O_WRONLY, 0600), EROFS);
	check_image(1024);
	EXPECT_OK(mount("none", mnt, NULL, MS_REMOUNT, ""));
	fd = open(in("new"), O_CREAT | O_WRONLY, 0600);
	EXPECT(fd >= 0);
	close(fd);
	unmount();
	check_image(1024);
	fd = attach(image, dev, sizeof(dev));
	EXPECT_ERR(mount(dev, mnt, "ext2", 0, "errors=maybe"), EINVAL);
	EXPECT_ERR(mount("/dev/null", mnt, "ext2", 0, ""), ENOTBLK);
	close(fd);
}
