/*
 * directio.c - O_DIRECT: what must be aligned, where it ends, and that cache, mappings and disk stay one file.
 *
 * Inside Quire on /dev/ram1, whose contents it destroys, and on a file of /tmp; elsewhere on a file. Where the file system
 * has no direct I/O of its own (tmpfs), alignment is not asked for, and only the contents are checked.
 */
#include "files.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define DISK "/dev/ram1"
#define AREA (256 << 10)

static unsigned char model[AREA];

/* ---- the places to try: a disk, a file ---- */

static const char *place;
static int on_disk;

static int open_place(int flags)
{
	int fd = open(place, flags);

	if (fd < 0 && errno == EINVAL && (flags & O_DIRECT))
		skip("no O_DIRECT here");
	ASSERT_OK(fd);
	return fd;
}

/* Body for each place that there is; the file has AREA bytes of 0x11. */
static void each_place(void (*body)(void))
{
	static unsigned char fill[AREA];
	int fd;

	test_dir();
	memset(fill, 0x11, AREA);
	if (on_quire()) {
		fd = open(DISK, O_RDWR);
		if (fd >= 0) {
			place = DISK;
			on_disk = 1;
			ASSERT_EQ(pwrite(fd, fill, AREA, 0), AREA);
			close(fd);
			body();
		}
	}
	make_file("f", fill, AREA);
	place = "f";
	on_disk = 0;
	body();
}

static unsigned char *pages(size_t n)
{
	void *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(p != MAP_FAILED);
	return p;
}

static int all(const unsigned char *p, size_t n, int c)
{
	while (n && *p == c)
		p++, n--;
	return !n;
}

/* ---- alignment ---- */

static void alignment(void)
{
	int fd = open_place(O_RDWR | O_DIRECT);
	unsigned char *buf = pages(3);

	EXPECT_EQ(pread(fd, buf, PAGE, 0), PAGE);
	EXPECT_EQ(pwrite(fd, buf, 2 * PAGE, PAGE), 2 * PAGE);
	if (pread(fd, buf, 100, 0) >= 0)
		return; /* no direct I/O behind the flag */
	EXPECT_ERR(pread(fd, buf, 100, 0), EINVAL);
	EXPECT_ERR(pread(fd, buf + 1, PAGE, 0), EINVAL);
	EXPECT_ERR(pread(fd, buf, PAGE, 1), EINVAL);
	EXPECT_ERR(pread(fd, buf, PAGE + 1, PAGE), EINVAL);
	EXPECT_ERR(pwrite(fd, buf, 100, 0), EINVAL);
	EXPECT_ERR(pwrite(fd, buf + 1, PAGE, 0), EINVAL);
	EXPECT_ERR(pwrite(fd, buf, PAGE, 3), EINVAL);
	struct iovec v[2] = { { buf, PAGE }, { buf + PAGE, 7 } };
	EXPECT_ERR(preadv(fd, v, 2, 0), EINVAL);
	EXPECT_EQ(pread(fd, buf, 0, 0), 0);
	EXPECT_EQ(pwrite(fd, buf, 0, 0), 0);
	close(fd);
}

TEST(unaligned_is_invalid)
{
	each_place(alignment);
}

static void sectors(void)
{
	int fd = open_place(O_RDWR | O_DIRECT), i;
	unsigned char *buf = pages(2);

	if (!on_disk)
		return;
	for (i = 0; i < 8; i++) {
		memset(buf + 512, i + 1, 512);
		ASSERT_EQ(pwrite(fd, buf + 512, 512, 8192 + 512 * i), 512);
	}
	ASSERT_EQ(pread(fd, buf + 512, 4096, 8192), 4096);
	for (i = 0; i < 8; i++)
		EXPECT(all(buf + 512 + 512 * i, 512, i + 1));
	close(fd);
}

TEST(a_sector_is_enough_for_a_disk)
{
	each_place(sectors);
}

/* ---- one file ---- */

static void one_file(void)
{
	int direct = open_place(O_RDWR | O_DIRECT), fd = open_place(O_RDWR);
	unsigned char *buf = pages(4), *map;

	map = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(map != MAP_FAILED);
	/* Dirty in the cache: a direct read sees it. */
	memset(buf, 0x22, PAGE);
	ASSERT_EQ(pwrite(fd, buf, 100, PAGE + 50), 100);
	memset(map + 2 * PAGE, 0x33, 10);
	ASSERT_EQ(pread(direct, buf, 2 * PAGE, PAGE), 2 * PAGE);
	EXPECT(all(buf, 50, 0x11));
	EXPECT(all(buf + 50, 100, 0x22));
	EXPECT(all(buf + 150, PAGE - 150, 0x11));
	EXPECT(all(buf + PAGE, 10, 0x33));
	EXPECT(all(buf + PAGE + 10, PAGE - 10, 0x11));
	/* Cached and mapped: a direct write is seen by both. */
	EXPECT_EQ(map[5 * PAGE], 0x11);
	memset(buf, 0x44, 3 * PAGE);
	ASSERT_EQ(pwrite(direct, buf, 3 * PAGE, 4 * PAGE), 3 * PAGE);
	EXPECT(all(map + 4 * PAGE, 3 * PAGE, 0x44));
	memset(buf, 0, 4 * PAGE);
	ASSERT_EQ(pread(fd, buf, 4 * PAGE, 4 * PAGE), 4 * PAGE);
	EXPECT(all(buf, 3 * PAGE, 0x44));
	EXPECT(all(buf + 3 * PAGE, PAGE, 0x11));
	/* A page that is dirty where the write does not go keeps that. */
	if (on_disk) {
		map[9 * PAGE + 600] = 0x55;
		memset(buf, 0x66, 512);
		ASSERT_EQ(pwrite(direct, buf, 512, 9 * PAGE), 512);
		EXPECT_EQ(map[9 * PAGE + 600], 0x55);
		EXPECT_EQ(map[9 * PAGE + 511], 0x66);
		ASSERT_EQ(pread(direct, buf, PAGE, 9 * PAGE), PAGE);
		EXPECT_EQ(buf[600], 0x55);
		EXPECT_EQ(buf[511], 0x66);
	}
	munmap(map, AREA);
	close(fd);
	close(direct);
}

TEST(cache_mapping_and_disk_are_one)
{
	each_place(one_file);
}

/* The user's buffer is itself a mapping of the file, of another place or the same. */
static void own_mapping(void)
{
	int direct = open_place(O_RDWR | O_DIRECT), fd = open_place(O_RDWR);
	unsigned char *map = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT(map != MAP_FAILED);
	memset(map, 0x71, PAGE);
	ASSERT_EQ(pwrite(direct, map, PAGE, 8 * PAGE), PAGE);
	EXPECT(all(map + 8 * PAGE, PAGE, 0x71));
	ASSERT_EQ(pread(direct, map + 9 * PAGE, PAGE, 8 * PAGE), PAGE);
	EXPECT(all(map + 9 * PAGE, PAGE, 0x71));
	EXPECT_EQ(fsync(fd), 0);
	memset(map + 10 * PAGE, 0x72, PAGE);
	ASSERT_EQ(pwrite(direct, map + 10 * PAGE, PAGE, 10 * PAGE), PAGE);
	EXPECT(all(map + 10 * PAGE, PAGE, 0x72));
	munmap(map, AREA);
	close(fd);
	close(direct);
}

TEST(the_buffer_may_be_the_file)
{
	each_place(own_mapping);
}

/* ---- ends ---- */

TEST(the_end_of_a_file)
{
	unsigned char *buf = pages(4);
	int fd;

	test_dir();
	fd = open("g", O_RDWR | O_CREAT | O_DIRECT, 0644);
	ASSERT_OK(fd);
	memset(buf, 0x21, 4 * PAGE);
	EXPECT_EQ(pwrite(fd, buf, PAGE, 0), PAGE);
	EXPECT_EQ(pwrite(fd, buf, PAGE, 4 * PAGE), PAGE);
	EXPECT_EQ(size_of("g"), 5 * PAGE);
	EXPECT_EQ(pread(fd, buf, 4 * PAGE, PAGE), 4 * PAGE);
	EXPECT(all(buf, 3 * PAGE, 0));
	EXPECT(all(buf + 3 * PAGE, PAGE, 0x21));
	EXPECT_EQ(pread(fd, buf, 4 * PAGE, 5 * PAGE), 0);
	EXPECT_EQ(pread(fd, buf, 4 * PAGE, 4 * PAGE), PAGE);
	ASSERT_OK(ftruncate(fd, 4 * PAGE + 100));
	memset(buf, 0x99, 4 * PAGE);
	EXPECT_EQ(pread(fd, buf, 2 * PAGE, 4 * PAGE), 100);
	EXPECT(all(buf, 100, 0x21));
	/* Into the hole. */
	memset(buf, 0x23, PAGE);
	EXPECT_EQ(pwrite(fd, buf, PAGE, 2 * PAGE), PAGE);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(read(fd, buf, 4 * PAGE), 4 * PAGE);
	EXPECT(all(buf, PAGE, 0x21));
	EXPECT(all(buf + PAGE, PAGE, 0));
	EXPECT(all(buf + 2 * PAGE, PAGE, 0x23));
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 4 * PAGE);
	close(fd);
	fd = open("g", O_WRONLY | O_DIRECT | O_APPEND);
	ASSERT_OK(ftruncate(fd, PAGE));
	memset(buf, 0x24, PAGE);
	EXPECT_EQ(write(fd, buf, PAGE), PAGE);
	EXPECT_EQ(size_of("g"), 2 * PAGE);
	close(fd);
}

static void disk_end(void)
{
	int fd = open_place(O_RDWR | O_DIRECT);
	unsigned char *buf = pages(2);
	off_t size;

	if (!on_disk)
		return;
	size = lseek(fd, 0, SEEK_END);
	EXPECT_EQ(pread(fd, buf, 2 * PAGE, size), 0);
	EXPECT_EQ(pread(fd, buf, 2 * PAGE, size - PAGE), PAGE);
	EXPECT_EQ(pwrite(fd, buf, 2 * PAGE, size - PAGE), PAGE);
	EXPECT_ERR(pwrite(fd, buf, PAGE, size), ENOSPC);
	close(fd);
}

TEST(the_end_of_a_disk)
{
	each_place(disk_end);
}

static void bad_memory(void)
{
	int fd = open_place(O_RDWR | O_DIRECT);
	unsigned char *buf = pages(4);
	ssize_t n;

	EXPECT_ERR(pread(fd, (void *)PAGE, PAGE, 0), EFAULT);
	EXPECT_ERR(pwrite(fd, (void *)PAGE, PAGE, 0), EFAULT);
	EXPECT_ERR(pread(fd, (void *)(1UL << 63), PAGE, 0), EFAULT);
	ASSERT_OK(munmap(buf + 2 * PAGE, 2 * PAGE));
	n = pread(fd, buf, 4 * PAGE, 0);
	EXPECT(n == 2 * PAGE || (n < 0 && errno == EFAULT));
	n = pwrite(fd, buf, 4 * PAGE, 0);
	EXPECT(n == 2 * PAGE || (n < 0 && errno == EFAULT));
	ASSERT_OK(mprotect(buf, PAGE, PROT_READ));
	EXPECT_ERR(pread(fd, buf, PAGE, 0), EFAULT);
	EXPECT_EQ(pwrite(fd, buf, PAGE, 0), PAGE);
	close(fd);
}

TEST(memory_that_is_not_there)
{
	each_place(bad_memory);
}

TEST(who_has_no_direct_io)
{
	int fd;

	test_dir();
	EXPECT_ERR(open("/proc/self/stat", O_RDONLY | O_DIRECT), EINVAL);
	ASSERT_OK(fd = open("/dev/null", O_RDWR));
	EXPECT_ERR(fcntl(fd, F_SETFL, O_DIRECT), EINVAL);
	EXPECT_ERR(open("/dev/null", O_RDWR | O_DIRECT), EINVAL);
	close(fd);
	make_file("f", "x", 1);
	ASSERT_OK(fd = open("f", O_RDWR));
	if (!fcntl(fd, F_SETFL, O_DIRECT))
		EXPECT(fcntl(fd, F_GETFL) & O_DIRECT);
	EXPECT_OK(fcntl(fd, F_SETFL, 0));
	EXPECT(!(fcntl(fd, F_GETFL) & O_DIRECT));
	close(fd);
}

/* ---- flags of one call ---- */

#define RWF_NOWAIT_   0x08
#define RWF_APPEND_   0x10
#define RWF_NOAPPEND_ 0x20
#define BLKFLSBUF     0x1261

static ssize_t read_flags(int fd, void *to, size_t n, off_t at, int flags)
{
	struct iovec v = { to, n };

	return syscall(SYS_preadv2, fd, &v, 1L, (long)at, 0L, flags);
}

static ssize_t write_flags(int fd, const void *from, size_t n, off_t at, int flags)
{
	struct iovec v = { (void *)from, n };

	return syscall(SYS_pwritev2, fd, &v, 1L, (long)at, 0L, flags);
}

static void nowait(void)
{
	int fd = open_place(O_RDWR);
	unsigned char *p = pages(1);
	ssize_t n = read_flags(fd, p, PAGE, 0, RWF_NOWAIT_);

	if (n < 0 && errno == EOPNOTSUPP)
		return;
	if (on_disk) {
		EXPECT_OK(fsync(fd));
		EXPECT_OK(ioctl(fd, BLKFLSBUF, 0));
		EXPECT_ERR(read_flags(fd, p, PAGE, 0, RWF_NOWAIT_), EAGAIN);
	}
	EXPECT_EQ(pread(fd, p, PAGE, 0), PAGE);
	EXPECT_EQ(read_flags(fd, p, PAGE, 0, RWF_NOWAIT_), PAGE);
	EXPECT(all(p, PAGE, 0x11));
	close(fd);
}

TEST(nowait_reads_what_is_cached)
{
	each_place(nowait);
}

TEST(append_and_not)
{
	char got[16] = "";
	int fd;

	test_dir();
	ASSERT_OK(fd = open("f", O_RDWR | O_CREAT, 0644));
	EXPECT_EQ(write_flags(fd, "abc", 3, 0, 0), 3);
	EXPECT_EQ(write_flags(fd, "def", 3, 0, RWF_APPEND_), 3);
	EXPECT_EQ(pread(fd, got, 16, 0), 6);
	EXPECT_STR(got, "abcdef");
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	EXPECT_ERR(write_flags(fd, "x", 1, 0, 0x4000), EOPNOTSUPP);
	EXPECT_ERR(read_flags(fd, got, 1, 0, 0x4000), EOPNOTSUPP);
	ASSERT_OK(fcntl(fd, F_SETFL, O_APPEND));
	ssize_t n = write_flags(fd, "X", 1, 1, RWF_NOAPPEND_);
	if (n < 0 && errno == EOPNOTSUPP)
		skip("no RWF_NOAPPEND");
	EXPECT_EQ(n, 1);
	EXPECT_ERR(write_flags(fd, "X", 1, 1, RWF_NOAPPEND_ | RWF_APPEND_), EINVAL);
	EXPECT_EQ(pread(fd, got, 16, 0), 6);
	EXPECT_STR(got, "aXcdef");
}

static void statx_align(void)
{
	uint32_t sx[64] = { 0 };

	ASSERT_OK(syscall(SYS_statx, AT_FDCWD, place, 0, 0x2000, sx));
	/* stx_mask; stx_dio_mem_align and stx_dio_offset_align at bytes 152 and 156. */
	if (on_disk)
		EXPECT(sx[0] & 0x2000);
	if (!(sx[0] & 0x2000) || !sx[39])
		return;
	EXPECT(!(sx[38] & (sx[38] - 1)) && !(sx[39] & (sx[39] - 1)));
	int fd = open_place(O_RDWR | O_DIRECT);
	unsigned char *p = pages(2);
	EXPECT_EQ(pread(fd, p + sx[38] % PAGE, sx[39], sx[39]), sx[39]);
	close(fd);
}

TEST(statx_tells_the_alignment)
{
	each_place(statx_align);
}

/* ---- at random ---- */

static void random_mix(void)
{
	int direct = open_place(O_RDWR | O_DIRECT), fd = open_place(O_RDWR), step, i;
	unsigned int unit = on_disk ? 512 : PAGE;
	unsigned char *buf = pages(AREA / PAGE + 1),
		      *map = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT(map != MAP_FAILED);
	memset(model, 0x11, AREA);
	ASSERT_EQ(pwrite(fd, model, AREA, 0), AREA);
	for (step = 0; step < 1200; step++) {
		size_t at = rnd_below(AREA / unit) * unit;
		size_t n = (1 + rnd_below(rnd() % 4 ? 16 : 300)) * unit;
		struct iovec v[3];

		if (n > AREA - at)
			n = AREA - at;
		size_t a = rnd_below(n / unit + 1) * unit, b = rnd_below((n - a) / unit + 1) * unit;
		unsigned char *p = buf + (on_disk ? rnd_below(8) * 512 : 0);

		v[0] = (struct iovec){ p, a };
		v[1] = (struct iovec){ p + a, b };
		v[2] = (struct iovec){ p + a + b, n - a - b };
		switch (rnd_below(6)) {
		case 0:
			for (i = 0; i < n; i++)
				p[i] = model[at + i] = rnd();
			ASSERT_EQ(pwritev(direct, v, 3, at), n);
			break;
		case 1:
			ASSERT_EQ(preadv(direct, v, 3, at), n);
			ASSERT_EQ(memcmp(p, model + at, n), 0);
			break;
		case 2:
			for (i = 0; i < n; i++)
				p[i] = model[at + i] = rnd();
			ASSERT_EQ(pwrite(fd, p, n, at), n);
			break;
		case 3:
			ASSERT_EQ(memcmp(map + at, model + at, n), 0);
			break;
		case 4:
			for (i = 0; i < n; i += 1 + rnd_below(3000))
				map[at + i] = model[at + i] = rnd();
			break;
		case 5:
			ASSERT_EQ(pread(fd, p, n, at), n);
			ASSERT_EQ(memcmp(p, model + at, n), 0);
		}
	}
	munmap(map, AREA);
	munmap(buf, AREA + PAGE);
	close(fd);
	close(direct);
}

TEST(random_mix_against_a_model)
{
	each_place(random_mix);
}
