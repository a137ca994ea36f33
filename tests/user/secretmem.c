/*
 * secretmem.c - memfd_secret: memory that its owners can use and nobody else can reach, not even through the kernel.
 *
 * Each errno of the call stands in errnos_shm.c. Skips itself where the kernel has no memfd_secret.
 */
#include "test.h"
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define SYS_MEMFD_SECRET 447
#define NPAGES		 4

/* VmLck, kB. */
static long locked_kb(void)
{
	const char *p = strstr(read_text("/proc/self/status"), "VmLck:");

	ASSERT(p != NULL);
	return strtol(p + 6, NULL, 10);
}

static int secret_fd(void)
{
	int fd = syscall(SYS_MEMFD_SECRET, 0);

	if (fd < 0 && errno == ENOSYS)
		skip("no memfd_secret here");
	ASSERT_OK(fd);
	return fd;
}

static char *secret(int fd)
{
	char *p;

	ASSERT_OK(ftruncate(fd, NPAGES * PAGE));
	p = mmap(NULL, NPAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(p != MAP_FAILED);
	return p;
}

TEST(it_is_memory)
{
	int fd = secret_fd(), i;
	char *p = secret(fd), *q;
	pid_t pid;

	for (i = 0; i < NPAGES * (int)PAGE; i++)
		ASSERT_EQ(p[i], 0);
	strcpy(p + PAGE - 3, "across pages");
	q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT(q != MAP_FAILED);
	EXPECT_STR(q + PAGE - 3, "across pages");
	pid = test_fork();
	if (!pid) {
		strcpy(p + 3 * PAGE, p + PAGE - 3);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_STR(p + 3 * PAGE, "across pages");
	EXPECT_OK(munmap(q, 2 * PAGE));
	close(fd);
	p[0] = 'x'; /* the mapping keeps the file */
	EXPECT_OK(munmap(p, NPAGES * PAGE));
}

TEST(the_file_has_no_other_way_in)
{
	int fd = secret_fd();
	char *p = secret(fd), c;

	*p = 'k';
	EXPECT_ERR(read(fd, &c, 1), EINVAL);
	EXPECT_ERR(write(fd, &c, 1), EINVAL);
	EXPECT_ERR(ftruncate(fd, 0), EINVAL); /* a size is for ever */
	EXPECT_ERR(ftruncate(fd, 100 * PAGE), EINVAL);
	EXPECT_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0, EINVAL);
	EXPECT_EQ(*p, 'k');
}

TEST(beyond_the_end_is_sigbus)
{
	int fd = secret_fd();
	char *p = secret(fd);
	pid_t pid;

	p = mmap(NULL, 2 * NPAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(p != MAP_FAILED);
	pid = test_fork();
	if (!pid) {
		p[NPAGES * PAGE] = 1;
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGBUS);
}

/* What goes through the linear map fails; what goes through the owner's own addresses works. */
TEST(the_kernel_reaches_it_by_its_owners_addresses_only)
{
	int fd = secret_fd(), mem, p2[2];
	char *p = secret(fd), buf[8] = "";
	struct iovec local = { buf, 4 }, remote = { p, 4 };

	memcpy(p, "keys", 4);
	EXPECT_ERR(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), EFAULT);
	mem = open("/proc/self/mem", O_RDWR);
	ASSERT_OK(mem);
	EXPECT_ERR(pread(mem, buf, 4, (off_t)p), EIO);
	EXPECT_ERR(pwrite(mem, "lock", 4, (off_t)p), EIO);
	ASSERT_OK(pipe(p2));
	EXPECT_EQ(write(p2[1], p, 4), 4);
	EXPECT_EQ(read(p2[0], p + PAGE, 4), 4);
	EXPECT_EQ(memcmp(p + PAGE, "keys", 4), 0);
	EXPECT_EQ(memcmp(p, "keys", 4), 0);
}

TEST(it_counts_as_locked)
{
	struct rlimit none = { 2 * PAGE, 2 * PAGE };
	int fd = secret_fd();
	long before = locked_kb(), after;
	char *p = secret(fd);

	after = locked_kb();
	EXPECT_EQ(after - before, (long)(NPAGES * PAGE / 1024));
	EXPECT_OK(munlock(p, NPAGES * PAGE)); /* it stays where it is, so it counts on */
	EXPECT_EQ(locked_kb(), after);
	EXPECT_OK(munmap(p, NPAGES * PAGE));
	EXPECT_EQ(locked_kb(), before);
	ASSERT_OK(setrlimit(RLIMIT_MEMLOCK, &none));
	pid_t pid = test_fork();
	if (!pid) {
		if (setuid(65534))
			_exit(2);
		p = mmap(NULL, NPAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
		_exit(p == MAP_FAILED && errno == EAGAIN ? 0 : 1);
	}
	EXPECT_EXIT(pid, 0);
}

/* Pages of a file that has gone belong to others, who must find zeroes, and the kernel must be able to use them. */
TEST(pages_come_back_clean)
{
	int round, i;

	for (round = 0; round < 20; round++) {
		int fd = secret_fd();
		char *p = secret(fd), *q;

		memset(p, 0x5c, NPAGES * PAGE);
		munmap(p, NPAGES * PAGE);
		close(fd);
		q = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		ASSERT(q != MAP_FAILED);
		for (i = 0; i < 16 * (int)PAGE; i += 64) {
			ASSERT_EQ(q[i], 0);
			q[i] = 1;
		}
		munmap(q, 16 * PAGE);
	}
}
