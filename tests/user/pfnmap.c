/*
 * pfnmap.c - memory of a device in a process: VM_PFNMAP, by /dev/frames, which has sixteen pages. Only Quire has it.
 */
#include "gup.h"
#include <sys/uio.h>

enum { N = 16 };

static int frames(void)
{
	int fd = open("/dev/frames", O_RDWR);

	if (fd < 0)
		skip("no /dev/frames");
	return fd;
}

static char *map_frames(int fd, int flags, size_t pages, size_t first)
{
	char *p = mmap(NULL, pages * PAGE, RW, flags, fd, (off_t)(first * PAGE));

	ASSERT(p != MAP_FAILED);
	return p;
}

TEST(a_shared_mapping_is_the_devices_memory)
{
	int fd = frames();
	char *p = map_frames(fd, MAP_SHARED, N, 0), *q = map_frames(fd, MAP_SHARED, 2, 3), c;
	pid_t pid;

	for (int i = 0; i < N; i++)
		p[i * PAGE] = 'a' + i;
	for (int i = 0; i < N; i++) {
		ASSERT_EQ(pread(fd, &c, 1, (off_t)(i * PAGE)), 1);
		EXPECT_EQ(c, 'a' + i);
	}
	EXPECT_EQ(q[PAGE], 'e');
	EXPECT_EQ(pwrite(fd, "Z", 1, 3 * PAGE), 1);
	EXPECT_EQ(*q, 'Z');
	pid = test_fork();
	if (!pid) {
		p[5 * PAGE] = 'c';
		_exit(q[0] != 'Z');
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(p[5 * PAGE], 'c');
}

TEST(a_private_mapping_gets_copies)
{
	int fd = frames();
	char *p = map_frames(fd, MAP_SHARED, 4, 0), *q;
	pid_t pid;

	memset(p, 'd', 4 * PAGE);
	q = map_frames(fd, MAP_PRIVATE, 4, 0);
	q[PAGE + 1] = 'q';
	EXPECT_EQ(p[PAGE + 1], 'd');
	EXPECT_EQ(q[PAGE], 'd');
	/* What is not written stays the device's. */
	p[0] = 'n';
	EXPECT_EQ(q[0], 'n');
	pid = test_fork();
	if (!pid) {
		q[PAGE + 1] = 'c';
		q[2 * PAGE] = 'c';
		_exit(q[PAGE] != 'd' || q[2 * PAGE + 1] != 'd' || p[2 * PAGE] != 'd');
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(q[PAGE + 1], 'q');
	EXPECT_EQ(q[2 * PAGE], 'd');
}

TEST(nobody_pins_it_and_the_area_stays_as_it_is)
{
	int fd = frames(), mem = open("/proc/self/mem", O_RDWR);
	char *p = map_frames(fd, MAP_SHARED, 2, 0), buf[4] = "";
	struct iovec here = { buf, 4 }, there = { p, 4 };

	memcpy(p, "abcd", 4);
	EXPECT_ERR(process_vm_readv(getpid(), &here, 1, &there, 1, 0), EFAULT);
	EXPECT_ERR(gup_call(gup_open(), PIN_FAST_BENCH, p, PAGE, FOLL_WRITE), EFAULT);
	/* But its driver serves a debugger. */
	EXPECT_EQ(pread(mem, buf, 4, (off_t)(uintptr_t)p), 4);
	EXPECT(!memcmp(buf, "abcd", 4));
	EXPECT_EQ(pwrite(mem, "X", 1, (off_t)(uintptr_t)(p + PAGE)), 1);
	EXPECT_EQ(p[PAGE], 'X');
	EXPECT_ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	EXPECT_ERR(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), EFAULT);
	EXPECT_EQ(mmap(NULL, (N + 1) * PAGE, RW, MAP_SHARED, fd, 0), MAP_FAILED);
	EXPECT_EQ(mmap(NULL, PAGE, RW, MAP_SHARED, fd, N * PAGE), MAP_FAILED);
	EXPECT_EQ(pread(fd, buf, 4, N * PAGE), 0);
	EXPECT_ERR(pwrite(fd, buf, 4, N * PAGE), ENOSPC);
	EXPECT_EQ(*p, 'a');
	ASSERT_OK(munmap(p, PAGE));
	EXPECT_EQ(p[PAGE], 'X');
}
