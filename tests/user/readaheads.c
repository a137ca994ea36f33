/*
 * readaheads.c - what is read before anybody asks: windows, marks, advice; and what of a file is in the cache.
 *
 * How much is read ahead is seen with cachestat(2) on a RAM disk, /dev/ram1, whose contents are lost. On a host without one only the
 * calls themselves are tested. Numbers of pages are those of Linux for a window of 32 pages.
 */
#include "test.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define BLKFLSBUF 0x1261
#define BLKRASET  0x1262
#define BLKRAGET  0x1263

#define NR_cachestat 451
#define DISK	     "/dev/ram1"
#define PAGES	     4096UL /* of the disk that are used */
#define WINDOW	     32

struct range {
	unsigned long long off, len;
};

struct cachestat {
	unsigned long long cache, dirty, writeback, evicted, recently;
};

static long cachestat(int fd, const struct range *r, struct cachestat *cs, unsigned int flags)
{
	return syscall(NR_cachestat, fd, r, cs, flags);
}

/* Pages [first, first + n) that are in the cache. */
static unsigned long cached(int fd, unsigned long first, unsigned long n)
{
	struct range r = { first * PAGE, n * PAGE };
	struct cachestat cs;

	ASSERT_OK(cachestat(fd, &r, &cs, 0));
	return cs.cache;
}

static unsigned long all(int fd)
{
	return cached(fd, 0, 1UL << 30);
}

static void flush(int fd)
{
	ASSERT_OK(ioctl(fd, BLKFLSBUF, 0));
	ASSERT_EQ(all(fd), 0);
}

/* Nothing cached, windows of 32 pages, each page of the first 16 MiB with its number at the front. */
static int open_disk(void)
{
	int fd = open(DISK, O_RDWR);
	static char page[PAGE];
	unsigned long i;

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == EACCES))
		skip("no " DISK);
	ASSERT(fd >= 0);
	ASSERT_OK(ioctl(fd, BLKRASET, WINDOW * 8));
	for (i = 0; i < PAGES; i++) {
		memcpy(page, &i, sizeof(i));
		ASSERT_EQ(pwrite(fd, page, PAGE, i * PAGE), PAGE);
	}
	ASSERT_OK(fsync(fd));
	flush(fd);
	/* Its window is the device's of this moment. */
	close(fd);
	fd = open(DISK, O_RDWR);
	ASSERT(fd >= 0);
	return fd;
}

static void read_page(int fd, unsigned long i)
{
	static char page[PAGE];
	unsigned long number;

	ASSERT_EQ(pread(fd, page, PAGE, i * PAGE), PAGE);
	memcpy(&number, page, sizeof(number));
	ASSERT_EQ(number, i);
}

TEST(a_window_doubles_up_to_the_device_s)
{
	/* After reading page n so many are there. */
	static const struct {
		unsigned long page, there;
	} want[] = { { 0, 4 },	 { 1, 12 },  { 2, 12 },	 { 3, 12 },  { 4, 28 },	 { 11, 28 },
		     { 12, 60 }, { 27, 60 }, { 28, 92 }, { 59, 92 }, { 60, 124 } };
	int fd = open_disk();
	unsigned long page = 0, i;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		for (; page <= want[i].page; page++)
			read_page(fd, page);
		EXPECT_EQ(all(fd), want[i].there);
	}
}

TEST(sequential_reading_from_the_middle_is_seen)
{
	int fd = open_disk();

	read_page(fd, 1000);
	EXPECT_EQ(all(fd), 1);
	/* The one behind it: a stream begins. */
	read_page(fd, 1001);
	EXPECT_EQ(all(fd), 5);
	EXPECT_EQ(cached(fd, 1001, 4), 4);
	read_page(fd, 1002);
	EXPECT_EQ(cached(fd, 1001, 12), 12);
}

TEST(random_reads_bring_what_they_ask_for)
{
	static const unsigned long pages[] = { 3000, 17, 2222, 900, 1500, 40, 3333, 700 };
	int fd = open_disk();
	unsigned long i;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		read_page(fd, pages[i]);
	EXPECT_EQ(all(fd), ARRAY_SIZE(pages));
}

TEST(a_large_read_is_one_run)
{
	static char buf[64 * PAGE];
	int fd = open_disk();

	/* The request is larger than the window: what it asks for, and the device takes, in one go. */
	ASSERT_EQ(pread(fd, buf, sizeof(buf), 100 * PAGE), (ssize_t)sizeof(buf));
	EXPECT_EQ(cached(fd, 100, 64), 64);
	EXPECT_LE(all(fd), 64 + 2 * 64);
}

TEST(two_streams_through_one_open_file)
{
	int fd = open_disk();
	unsigned long i;

	for (i = 0; i < 200; i++) {
		read_page(fd, 500 + i);
		read_page(fd, 2500 + i);
	}
	/* Both were read ahead, and neither by more than a window or two. */
	EXPECT_GT(cached(fd, 700, 100), 0);
	EXPECT_GT(cached(fd, 2700, 100), 0);
	EXPECT_LE(all(fd), 400 + 4 * WINDOW);
}

TEST(advice_changes_the_window)
{
	int fd = open_disk();
	unsigned long i;

	ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
	for (i = 0; i < 20; i++)
		read_page(fd, i);
	EXPECT_EQ(all(fd), 20);
	flush(fd);
	ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
	for (i = 0; i < 300; i++)
		read_page(fd, i);
	/* Windows of 64 now: read ahead by more than 32, somewhere between 64 and 128. */
	EXPECT_GE(all(fd), 300 + 1);
	EXPECT_LE(all(fd), 300 + 2 * 2 * WINDOW);
	EXPECT_EQ((all(fd) - 4) % 8, 0);
	flush(fd);
	ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL), 0);
	ASSERT_OK(ioctl(fd, BLKRASET, 0));
	close(fd);
	fd = open(DISK, O_RDONLY);
	read_page(fd, 0);
	read_page(fd, 1);
	EXPECT_EQ(all(fd), 2);
	ASSERT_OK(ioctl(fd, BLKRASET, WINDOW * 8));
}

TEST(willneed_reads_at_once)
{
	int fd = open_disk();
	char *map;

	ASSERT_EQ(posix_fadvise(fd, 50 * PAGE, 10 * PAGE, POSIX_FADV_WILLNEED), 0);
	EXPECT_EQ(cached(fd, 50, 10), 10);
	EXPECT_EQ(all(fd), 10);
	ASSERT_OK(readahead(fd, 80 * PAGE + 5, PAGE));
	EXPECT_EQ(cached(fd, 80, 2), 2);
	EXPECT_EQ(all(fd), 12);
	map = mmap(NULL, 200 * PAGE, PROT_READ, MAP_SHARED, fd, 100 * PAGE);
	ASSERT(map != MAP_FAILED);
	ASSERT_OK(madvise(map + 20 * PAGE, 8 * PAGE, MADV_WILLNEED));
	EXPECT_EQ(cached(fd, 120, 8), 8);
	EXPECT_EQ(all(fd), 20);
}

TEST(dontneed_drops_whole_clean_pages)
{
	char buf[100] = "";
	int fd = open_disk();

	ASSERT_EQ(posix_fadvise(fd, 0, 32 * PAGE, POSIX_FADV_WILLNEED), 0);
	ASSERT_EQ(cached(fd, 0, 32), 32);
	ASSERT_EQ(posix_fadvise(fd, 4 * PAGE + 1, 4 * PAGE, POSIX_FADV_DONTNEED), 0);
	/* Page 4 and page 8 lie only partly in it. */
	EXPECT_EQ(cached(fd, 5, 3), 0);
	EXPECT_EQ(all(fd), 29);
	ASSERT_EQ(pwrite(fd, buf, sizeof(buf), 20 * PAGE + 2000), (ssize_t)sizeof(buf));
	ASSERT_OK(fsync(fd));
	ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	EXPECT_EQ(all(fd), 0);
}

TEST(what_is_mapped_or_dirty_stays)
{
	int fd = open_disk();
	unsigned long number;
	char *map = mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, fd, 64 * PAGE);

	ASSERT(map != MAP_FAILED);
	ASSERT_OK(madvise(map, 16 * PAGE, MADV_RANDOM));
	memcpy(&number, map + 3 * PAGE, sizeof(number));
	EXPECT_EQ(number, 67);
	EXPECT_EQ(all(fd), 1);
	ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	EXPECT_EQ(all(fd), 1);
	ASSERT_OK(munmap(map, 16 * PAGE));
	ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	EXPECT_EQ(all(fd), 0);
}

TEST(a_fault_reads_around)
{
	int fd = open_disk();
	volatile char *map = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT(map != MAP_FAILED);
	(void)map[200 * PAGE];
	EXPECT_EQ(cached(fd, 200 - WINDOW / 2, WINDOW), WINDOW);
	EXPECT_EQ(all(fd), WINDOW);
	ASSERT_OK(madvise((void *)map, PAGES * PAGE, MADV_RANDOM));
	(void)map[1000 * PAGE];
	EXPECT_EQ(all(fd), WINDOW + 1);
	ASSERT_OK(madvise((void *)map, PAGES * PAGE, MADV_SEQUENTIAL));
	(void)map[2000 * PAGE];
	EXPECT_GE(cached(fd, 2000, WINDOW), WINDOW);
	EXPECT_EQ(cached(fd, 1990, 10), 0);
}

TEST(faults_in_vain_end_reading_around)
{
	int fd = open_disk();
	volatile char *map = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	unsigned long before, i;

	ASSERT(map != MAP_FAILED);
	ASSERT_OK(ioctl(fd, BLKRASET, 8 * 8));
	close(fd);
	fd = open(DISK, O_RDWR);
	map = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT(map != MAP_FAILED);
	for (i = 0; i < 120; i++)
		(void)map[i * 32 * PAGE];
	before = all(fd);
	/* A hundred windows of 8, then page by page. */
	EXPECT_GE(before, 100 * 5);
	EXPECT_LE(before, 100 * 8 + 20 + 20);
	for (; i < 127; i++)
		(void)map[i * 32 * PAGE];
	EXPECT_EQ(all(fd), before + 7);
	ASSERT_OK(ioctl(fd, BLKRASET, WINDOW * 8));
}

TEST(drop_caches_drops_clean_pages)
{
	int fd = open_disk(), drop = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (drop < 0)
		skip("no drop_caches");
	read_page(fd, 0);
	EXPECT_EQ(all(fd), 4);
	ASSERT_EQ(write(drop, "1", 1), 1);
	EXPECT_EQ(all(fd), 0);
	read_page(fd, 0);
}

/* Random reads and advice: contents are always right, and nothing is cached behind the end. */
TEST(random_access_reads_what_was_written)
{
	static char buf[100 * PAGE];
	int fd = open_disk(), i;
	volatile unsigned long *map = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT(map != (void *)-1);
	for (i = 0; i < 3000; i++) {
		unsigned long first = rnd() % PAGES, n = 1 + rnd() % 100, k, number;

		if (n > PAGES - first)
			n = PAGES - first;
		switch (rnd() % 8) {
		case 0:
			ASSERT_EQ(posix_fadvise(fd, first * PAGE, n * PAGE, rnd() % 6), 0);
			break;
		case 1:
			ASSERT_EQ(map[first * PAGE / 8], first);
			break;
		case 2:
			ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
			break;
		case 3:
			n = 1;
			/* fall through */
		default:
			ASSERT_EQ(pread(fd, buf, n * PAGE, first * PAGE), (ssize_t)(n * PAGE));
			for (k = 0; k < n; k++) {
				memcpy(&number, buf + k * PAGE, sizeof(number));
				ASSERT_EQ(number, first + k);
			}
		}
	}
}

static int race_fd;
static int race_over;

static void *dropper(void *arg)
{
	while (!__atomic_load_n(&race_over, __ATOMIC_RELAXED))
		posix_fadvise(race_fd, 0, 64 * PAGE, POSIX_FADV_DONTNEED);
	return NULL;
}

/* A page that leaves the cache while it is being mapped or read must not show anything else, nor may a store to it be lost. */
TEST(dropping_against_readers_and_stores)
{
	unsigned long counts[8] = { 0 }, i;
	volatile unsigned long *map;
	pthread_t thread;

	race_fd = open_disk();
	ASSERT_EQ(pthread_create(&thread, NULL, dropper, NULL), 0);
	for (i = 0; i < 600; i++) {
		unsigned long k = rnd() % 8, at = k * 8 * 512 + 1;

		map = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, race_fd, 0);
		ASSERT(map != (void *)-1);
		ASSERT_EQ(map[at], counts[k]);
		map[at] = ++counts[k];
		ASSERT_EQ(map[(at + 1024) & ~511UL], (at + 1024) / 512);
		ASSERT_OK(munmap((void *)map, 64 * PAGE));
		read_page(race_fd, 8 * 8 + k);
	}
	__atomic_store_n(&race_over, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* ---- the calls themselves, on any file ---- */

static int plain_file(void)
{
	char name[] = "/tmp/readaheadsXXXXXX", page[PAGE] = "";
	int fd = mkstemp(name), i;

	ASSERT(fd >= 0);
	unlink(name);
	for (i = 0; i < 16; i++)
		ASSERT_EQ(write(fd, page, PAGE), PAGE);
	return fd;
}

TEST(errors_of_fadvise)
{
	int fd = plain_file(), p[2], i;

	for (i = 0; i < 6; i++)
		EXPECT_EQ(posix_fadvise(fd, 0, 100, i), 0);
	EXPECT_EQ(posix_fadvise(fd, 0, 100, 6), EINVAL);
	EXPECT_EQ(posix_fadvise(fd, 0, 100, -1), EINVAL);
	EXPECT_EQ(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), EINVAL);
	EXPECT_EQ(posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL), EBADF);
	ASSERT_OK(pipe(p));
	EXPECT_EQ(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
}

TEST(errors_of_readahead)
{
	int fd = plain_file(), p[2], wr = open("/dev/null", O_WRONLY);

	EXPECT_OK(readahead(fd, 0, 1 << 20));
	EXPECT_OK(readahead(fd, 1L << 40, 100));
	EXPECT_ERR(readahead(-1, 0, 1), EBADF);
	EXPECT_ERR(readahead(wr, 0, 1), EBADF);
	ASSERT_OK(pipe(p));
	EXPECT_ERR(readahead(p[0], 0, 1), EINVAL);
}

TEST(errors_of_sync_file_range)
{
	int fd = plain_file(), p[2];

	EXPECT_OK(sync_file_range(fd, 0, 0, 0));
	EXPECT_OK(sync_file_range(fd, 0, PAGE, SYNC_FILE_RANGE_WRITE));
	EXPECT_OK(sync_file_range(fd, 100, 1L << 40,
				  SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					  SYNC_FILE_RANGE_WAIT_AFTER));
	EXPECT_ERR(sync_file_range(fd, 0, 1, 8), EINVAL);
	EXPECT_ERR(sync_file_range(fd, -1, 1, 0), EINVAL);
	EXPECT_ERR(sync_file_range(fd, 1, -1, 0), EINVAL);
	EXPECT_ERR(sync_file_range(fd, 0x7fffffffffffffffL, 1, 0), EINVAL);
	EXPECT_ERR(sync_file_range(-1, 0, 1, 0), EBADF);
	ASSERT_OK(pipe(p));
	EXPECT_ERR(sync_file_range(p[1], 0, 1, 0), ESPIPE);
}

TEST(sync_file_range_writes_what_is_dirty)
{
	struct range r = { 0, 8 * PAGE };
	char page[PAGE] = "x";
	struct cachestat cs;
	int fd = open_disk();

	ASSERT_EQ(pwrite(fd, page, PAGE, 3 * PAGE), PAGE);
	ASSERT_OK(cachestat(fd, &r, &cs, 0));
	EXPECT_EQ(cs.dirty, 1);
	ASSERT_OK(sync_file_range(fd, 3 * PAGE, PAGE,
				  SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
	ASSERT_OK(cachestat(fd, &r, &cs, 0));
	EXPECT_EQ(cs.cache, 1);
	EXPECT_EQ(cs.dirty, 0);
	EXPECT_EQ(cs.writeback, 0);
}

TEST(cachestat_counts)
{
	struct range r = { 0, 0 };
	struct cachestat cs;
	int fd = plain_file();

	if (cachestat(fd, &r, &cs, 0) < 0 && errno == ENOSYS)
		skip("no cachestat");
	ASSERT_OK(cachestat(fd, &r, &cs, 0));
	EXPECT_EQ(cs.cache, 16);
	EXPECT_EQ(cs.evicted, 0);
	r.off = PAGE * 2 + 1;
	r.len = PAGE;
	ASSERT_OK(cachestat(fd, &r, &cs, 0));
	EXPECT_EQ(cs.cache, 2);
	r.off = 100 * PAGE;
	ASSERT_OK(cachestat(fd, &r, &cs, 0));
	EXPECT_EQ(cs.cache, 0);
	EXPECT_ERR(cachestat(fd, &r, &cs, 1), EINVAL);
	EXPECT_ERR(cachestat(-1, &r, &cs, 0), EBADF);
	EXPECT_ERR(cachestat(fd, (void *)8, &cs, 0), EFAULT);
	EXPECT_ERR(cachestat(fd, &r, (void *)8, 0), EFAULT);
}
