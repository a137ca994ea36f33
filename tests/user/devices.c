/*
 * devices.c - the memory devices and the rules of device files.
 *
 * Proves what null, zero, full, random and urandom give and take, how zero is mapped, that a device
 * without driver is ENXIO, and that /dev/tty needs a terminal.
 */
#include "test.h"
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>

static int dev(const char *name, int flags)
{
	int fd = open(name, flags);

	ASSERT_OK(fd);
	return fd;
}

static int all_zero(const char *p, size_t n)
{
	while (n--)
		if (*p++)
			return 0;
	return 1;
}

TEST(null_is_empty_and_takes_everything)
{
	int fd = dev("/dev/null", O_RDWR);
	char buf[100];

	EXPECT_EQ(read(fd, buf, 100), 0);
	EXPECT_EQ(write(fd, buf, 100), 100);
	EXPECT_EQ(write(fd, (char *)8, 100), 100); /* nobody looks at the bytes */
	EXPECT_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0, ENODEV);
}

TEST(zero_gives_zeroes)
{
	static char buf[10000];
	int fd = dev("/dev/zero", O_RDWR);

	memset(buf, 1, sizeof(buf));
	EXPECT_EQ(read(fd, buf, 9000), 9000);
	EXPECT(all_zero(buf, 9000));
	EXPECT_EQ(buf[9000], 1);
	EXPECT_EQ(write(fd, buf, 77), 77);
	EXPECT_ERR(read(fd, (char *)8, 100), EFAULT);
}

TEST(zero_mapped_privately_is_memory_of_its_own)
{
	int fd = dev("/dev/zero", O_RDWR);
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *q = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	ASSERT(p != MAP_FAILED && q != MAP_FAILED);
	EXPECT(all_zero(p, 4 * PAGE));
	memset(p, 5, 4 * PAGE);
	EXPECT(all_zero(q, 4 * PAGE));
	pid_t pid = test_fork();

	if (!pid) {
		p[0] = 6;
		_exit(p[1] != 5);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(p[0], 5);
	EXPECT_OK(munmap(p, 4 * PAGE));
	close(fd);
	q[PAGE] = 1; /* the mapping outlives the descriptor */
}

TEST(zero_mapped_shared_is_shared_with_children)
{
	int fd = dev("/dev/zero", O_RDWR);
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *q = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT(p != MAP_FAILED && q != MAP_FAILED);
	pid_t pid = test_fork();

	if (!pid) {
		p[PAGE] = 7;
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(p[PAGE], 7);
	EXPECT_EQ(q[PAGE], 0); /* each mapping is an object of its own */
}

TEST(full_is_always_full)
{
	int fd = dev("/dev/full", O_RDWR);
	char buf[10];

	EXPECT_EQ(read(fd, buf, 10), 10);
	EXPECT(all_zero(buf, 10));
	EXPECT_ERR(write(fd, buf, 10), ENOSPC);
}

TEST(random_bytes_are_not_the_same_twice)
{
	static const char *const names[] = { "/dev/random", "/dev/urandom" };
	char a[4096], b[4096];

	for (int i = 0; i < 2; i++) {
		int fd = dev(names[i], O_RDWR);
		int ones = 0;

		EXPECT_EQ(read(fd, a, sizeof(a)), (ssize_t)sizeof(a));
		EXPECT_EQ(read(fd, b, sizeof(b)), (ssize_t)sizeof(b));
		EXPECT(memcmp(a, b, sizeof(a)));
		for (size_t k = 0; k < sizeof(a); k++)
			ones += __builtin_popcount((unsigned char)a[k]);
		EXPECT(ones > 16384 - 1024 && ones < 16384 + 1024); /* 11 standard deviations */
		EXPECT_EQ(write(fd, a, 100), 100);
		close(fd);
	}
}

TEST(device_numbers_and_rights)
{
	static const struct {
		const char *name;
		int major, minor;
	} nodes[] = {
		{ "/dev/null", 1, 3 },	 { "/dev/zero", 1, 5 },	   { "/dev/full", 1, 7 },
		{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		struct stat st;

		ASSERT_OK(stat(nodes[i].name, &st));
		EXPECT_EQ(st.st_mode, S_IFCHR | 0666);
		EXPECT_EQ((int)major(st.st_rdev), nodes[i].major);
		EXPECT_EQ((int)minor(st.st_rdev), nodes[i].minor);
		EXPECT_EQ(st.st_size, 0);
	}
}

TEST(a_node_anywhere_leads_to_the_driver)
{
	char buf[8];

	ASSERT_OK(chdir(test_dir()));
	if (mknod("zero", S_IFCHR | 0600, makedev(1, 5)) && errno == EPERM)
		skip("may not make device nodes");
	int fd = open("zero", O_RDWR);

	if (fd < 0 && errno == EACCES)
		skip("device nodes do not work here");
	ASSERT_OK(fd);
	EXPECT_EQ(read(fd, buf, 8), 8);
	ASSERT_OK(mknod("nobody", S_IFCHR | 0600, makedev(120, 77)));
	EXPECT_ERR(open("nobody", O_RDONLY), ENXIO);
	ASSERT_OK(mknod("nodisk", S_IFBLK | 0600, makedev(120, 77)));
	EXPECT_ERR(open("nodisk", O_RDONLY), ENXIO);
}

TEST(dev_tty_without_a_terminal_is_enxio)
{
	pid_t pid = test_fork();

	if (!pid) {
		setsid();
		EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(bytes_are_sent_from_zero_to_a_pipe)
{
	int fd = dev("/dev/zero", O_RDONLY), p[2];
	char buf[100];

	ASSERT_OK(pipe(p));
	ssize_t n = sendfile(p[1], fd, NULL, 100);

	if (n < 0 && errno == EINVAL)
		skip("zero cannot be spliced here");
	EXPECT_EQ(n, 100);
	EXPECT_EQ(read(p[0], buf, 100), 100);
	EXPECT(all_zero(buf, 100));
}
