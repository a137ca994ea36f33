/*
 * errnos_advice.c - each errno that madvise(2), process_madvise(2), msync(2), mincore(2), the calls of mlock(2) and mseal(2) name.
 *
 * Rows that are not here, and why:
 *   madvise EBADF: only a kernel without swap says so of MADV_WILLNEED on memory without a file.
 *   madvise EBUSY, ENOMEM of MADV_COLLAPSE: Quire has no huge pages in user memory yet and knows no such advice.
 *   madvise EIO, ENOMEM of MADV_WILLNEED: no Linux of today limits the resident set or waits for the pages.
 *   madvise EHWPOISON: needs broken memory.
 *   madvise ENOMEM of MADV_POPULATE_*, mincore EAGAIN, mlock EAGAIN (no memory for the pages), process_madvise ENOMEM (none for
 *     the vector): tests/user/failnth.c injects failures.
 *   mlock EINVAL "not on Linux", the rows of Linux 2.4 and munlockall EPERM of 2.6.8: history.
 *   madvise EAGAIN, mlock ENOMEM of too many areas: errnos_map.c, rows_of_too_many_areas.
 */
#include "errnos.h"

enum {
	POPULATE_READ = 22,
	POPULATE_WRITE = 23,
	COLD = 20,
	PAGEOUT = 21,
	REMOVE = 9,
	FREE = 8,
	HWPOISON = 100,
	WIPEONFORK = 18,
	MERGEABLE = 12,
};
#define SYS_MSEAL	    462
#define SYS_PIDFD_OPEN	    434
#define SYS_PROCESS_MADVISE 440
#define SYS_MEMFD_SECRET    447

static char *map_file(int fd, size_t len, int prot, int flags)
{
	char *p = mmap(NULL, len, prot, flags, fd, 0);

	ASSERT_NE(p, MAP_FAILED);
	return p;
}

TEST(madvise_rows_of_arguments)
{
	char *p = map_pages(4);

	EXPECT_ERR(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
	EXPECT_ERR(syscall(SYS_madvise, p, -PAGE, MADV_NORMAL), EINVAL);
	EXPECT_ERR(syscall(SYS_madvise, p, -1UL, MADV_NORMAL), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, 5), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, -1), EINVAL);
	/* An advice that nobody knows is seen before the length of zero. */
	EXPECT_ERR(madvise(p, 0, 12345), EINVAL);
	EXPECT_OK(madvise(p, 0, MADV_NORMAL));
	/* ENOMEM: a hole, or no address of the process. */
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(madvise(p, 4 * PAGE, MADV_NORMAL), ENOMEM);
	EXPECT_ERR(madvise(p, 4 * PAGE, POPULATE_READ), ENOMEM);
	EXPECT_ERR(madvise(p, 4 * PAGE, POPULATE_WRITE), ENOMEM);
	EXPECT_ERR(syscall(SYS_madvise, TOP, PAGE, MADV_NORMAL), ENOMEM);
	EXPECT_ERR(syscall(SYS_madvise, kernel_address(), PAGE, MADV_DONTNEED), ENOMEM);
}

TEST(madvise_rows_of_locked_memory)
{
	char *p = map_pages(2), *shared;

	shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(shared, MAP_FAILED);
	if (mlock(p, PAGE) || mlock(shared, PAGE))
		skip("no memory may be locked");
	EXPECT_ERR(madvise(p, PAGE, COLD), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, PAGEOUT), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	EXPECT_ERR(madvise(shared, PAGE, REMOVE), EINVAL);
	EXPECT_OK(madvise(p + PAGE, PAGE, COLD));
}

TEST(madvise_rows_of_the_kind_of_memory)
{
	int fd = file_of(2 * PAGE), ro = again(fd, O_RDONLY);
	char *private = map_file(fd, 2 * PAGE, RW, MAP_PRIVATE);
	char *shared = map_file(fd, 2 * PAGE, RW, MAP_SHARED);
	char *reader = map_file(ro, 2 * PAGE, PROT_READ, MAP_SHARED);
	char *beyond = map_file(fd, 4 * PAGE, RW, MAP_SHARED), *p = map_pages(2);

	/* EACCES: MADV_REMOVE asks for a shared mapping that may be written. */
	EXPECT_ERR(madvise(private, PAGE, REMOVE), EACCES);
	EXPECT_ERR(madvise(reader, PAGE, REMOVE), EACCES);
	EXPECT_ERR(madvise(p, PAGE, REMOVE), EINVAL);
	/* EINVAL: memory of a file, or shared. */
	EXPECT_ERR(madvise(private, PAGE, FREE), EINVAL);
	EXPECT_ERR(madvise(shared, PAGE, FREE), EINVAL);
	EXPECT_ERR(madvise(private, PAGE, WIPEONFORK), EINVAL);
	EXPECT_ERR(madvise(shared, PAGE, WIPEONFORK), EINVAL);
	EXPECT_ERR(madvise(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), PAGE, FREE),
		   EINVAL);
	/* EINVAL: rights that populating needs. */
	EXPECT_ERR(madvise(reader, PAGE, POPULATE_WRITE), EINVAL);
	ASSERT_OK(mprotect(p, PAGE, PROT_NONE));
	EXPECT_ERR(madvise(p, PAGE, POPULATE_READ), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, POPULATE_WRITE), EINVAL);
	/* EFAULT: an access would be SIGBUS. */
	EXPECT_ERR(madvise(beyond, 4 * PAGE, POPULATE_READ), EFAULT);
	EXPECT_ERR(madvise(beyond + 2 * PAGE, PAGE, POPULATE_WRITE), EFAULT);
	/* EINVAL of a kernel without KSM; one with it merges. */
	if (madvise(p, PAGE, MERGEABLE))
		EXPECT_EQ(errno, EINVAL);
	else
		EXPECT(!on_quire());
	if (as_nobody()) { /* EPERM, or EINVAL of a kernel that cannot take pages out of use */
		EXPECT_EQ(madvise(p, PAGE, HWPOISON), -1);
		EXPECT(errno == EPERM || errno == EINVAL);
		_exit(0);
	}
}

TEST(madvise_row_of_secret_memory)
{
	int fd = syscall(SYS_MEMFD_SECRET, 0);
	char *p;

	if (fd < 0)
		skip("no memfd_secret here");
	ASSERT_OK(ftruncate(fd, PAGE));
	p = map_file(fd, PAGE, RW, MAP_SHARED);
	EXPECT_ERR(madvise(p, PAGE, POPULATE_READ), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, POPULATE_WRITE), EINVAL);
}

static long advise(int pidfd, const struct iovec *v, size_t n, int advice, unsigned int flags)
{
	return syscall(SYS_PROCESS_MADVISE, pidfd, v, n, advice, flags);
}

TEST(process_madvise_rows)
{
	char *p = map_pages(4);
	struct iovec v = { p, PAGE }, hole = { p + PAGE, PAGE }, odd = { p + 1, PAGE };
	struct iovec huge = { p, -1UL };
	pid_t pid = sleeper(), gone = test_fork();
	int fd = syscall(SYS_PIDFD_OPEN, pid, 0), plain = open("/", O_RDONLY), late;

	if (!gone)
		_exit(0);
	ASSERT_OK(fd);
	if (advise(fd, &v, 1, COLD, 0) == -1 && errno == ENOSYS) {
		end_of(pid);
		test_wait(gone);
		skip("no process_madvise here");
	}
	EXPECT_EQ(advise(fd, &v, 1, COLD, 0), PAGE);
	EXPECT_ERR(advise(-1, &v, 1, COLD, 0), EBADF);
	EXPECT_ERR(advise(plain, &v, 1, COLD, 0), EBADF);
	EXPECT_ERR(advise(fd, NOWHERE, 1, COLD, 0), EFAULT);
	EXPECT_ERR(advise(fd, &v, 1, COLD, 1), EINVAL);
	EXPECT_ERR(advise(fd, &huge, 1, COLD, 0), EINVAL);
	EXPECT_ERR(advise(fd, &v, 1025, COLD, 0), EINVAL);
	EXPECT_ERR(advise(fd, &odd, 1, COLD, 0), EINVAL);
	/* Only advice that changes nothing but speed is for others. */
	EXPECT_ERR(advise(fd, &v, 1, MADV_DONTFORK, 0), EINVAL);
	EXPECT_ERR(advise(fd, &v, 1, MADV_DONTNEED, 0), EINVAL);
	EXPECT_ERR(advise(fd, &v, 1, 12345, 0), EINVAL);
	/* The page says EFAULT of a range that is not mapped; it is madvise's own ENOMEM. */
	end_of(pid);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	pid = sleeper();
	late = syscall(SYS_PIDFD_OPEN, pid, 0);
	EXPECT_ERR(advise(late, &hole, 1, COLD, 0), ENOMEM);
	if (as_nobody()) { /* the page says EPERM */
		EXPECT_ERR(advise(late, &v, 1, COLD, 0), EACCES);
		_exit(0);
	}
	end_of(pid);
	EXPECT_ERR(advise(fd, &v, 1, COLD, 0), ESRCH);
	test_wait(gone);
}

TEST(msync_rows)
{
	char *p = map_pages(4);

	EXPECT_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	EXPECT_ERR(msync(p, PAGE, 8), EINVAL);
	EXPECT_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(msync(p, 3 * PAGE, MS_SYNC), ENOMEM);
	EXPECT_ERR(msync(p, 3 * PAGE, MS_ASYNC), ENOMEM);
	EXPECT_ERR(syscall(SYS_msync, p, -2 * PAGE, MS_SYNC), ENOMEM);
	EXPECT_ERR(syscall(SYS_msync, kernel_address(), PAGE, MS_SYNC), ENOMEM);
	if (mlock(p, PAGE))
		skip("no memory may be locked");
	EXPECT_ERR(msync(p, PAGE, MS_SYNC | MS_INVALIDATE), EBUSY);
	EXPECT_ERR(msync(p, PAGE, MS_INVALIDATE), EBUSY);
	EXPECT_OK(msync(p, PAGE, MS_SYNC));
	EXPECT_OK(msync(p + 2 * PAGE, PAGE, MS_INVALIDATE));
}

TEST(mincore_rows)
{
	char *p = map_pages(4);
	unsigned char vec[8];

	EXPECT_ERR(mincore(p, PAGE, NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_mincore, p, PAGE, kernel_address()), EFAULT);
	EXPECT_ERR(mincore(p + 1, PAGE, vec), EINVAL);
	EXPECT_ERR(syscall(SYS_mincore, p, -PAGE, vec), ENOMEM);
	EXPECT_ERR(syscall(SYS_mincore, kernel_address(), PAGE, vec), ENOMEM);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(mincore(p, 2 * PAGE, vec), ENOMEM);
	EXPECT_OK(mincore(p, PAGE, vec));
}

static long lock2(void *p, size_t len, unsigned int flags)
{
	return syscall(SYS_mlock2, p, len, flags);
}

TEST(mlock_rows)
{
	char *p = map_pages(4);

	EXPECT_ERR(syscall(SYS_mlock, p, -2 * PAGE), EINVAL);
	EXPECT_ERR(syscall(SYS_munlock, p, -2 * PAGE), EINVAL);
	EXPECT_ERR(lock2(p, -2 * PAGE, 0), EINVAL);
	EXPECT_ERR(lock2(p, PAGE, 2), EINVAL);
	EXPECT_ERR(mlockall(0), EINVAL);
	EXPECT_ERR(mlockall(8), EINVAL);
	EXPECT_ERR(mlockall(4 /* MCL_ONFAULT */), EINVAL);
	/* ENOMEM: not mapped, here or there. */
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(mlock(p, 4 * PAGE), ENOMEM);
	EXPECT_ERR(lock2(p, 4 * PAGE, 1), ENOMEM);
	EXPECT_ERR(munlock(p, 4 * PAGE), ENOMEM);
	EXPECT_ERR(mlock(p + PAGE, PAGE), ENOMEM);
	EXPECT_ERR(syscall(SYS_mlock, kernel_address(), PAGE), ENOMEM);
	/* ENOMEM: there, but no page to be had: no right, or beyond the end of the file. */
	ASSERT_OK(mprotect(p, PAGE, PROT_NONE));
	EXPECT_ERR(mlock(p, PAGE), ENOMEM);
	ASSERT_NE(mmap(p, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file_of(0), 0), MAP_FAILED);
	EXPECT_ERR(mlock(p, PAGE), ENOMEM);
}

TEST(mlock_rows_of_the_limit)
{
	if (as_nobody()) {
		char *p = map_pages(4);

		limit(RLIMIT_MEMLOCK, 2 * PAGE);
		EXPECT_ERR(mlock(p, 3 * PAGE), ENOMEM);
		EXPECT_ERR(lock2(p, 3 * PAGE, 1), ENOMEM);
		EXPECT_ERR(mlockall(MCL_CURRENT), ENOMEM);
		EXPECT_OK(mlock(p, 2 * PAGE));
		EXPECT_ERR(mlock(p + 2 * PAGE, PAGE), ENOMEM);
		EXPECT_OK(mlock(p, 2 * PAGE)); /* what is locked already does not count twice */
		limit(RLIMIT_MEMLOCK, 0);
		EXPECT_ERR(mlock(p, PAGE), EPERM);
		EXPECT_ERR(lock2(p, PAGE, 1), EPERM);
		EXPECT_ERR(mlockall(MCL_CURRENT), EPERM);
		EXPECT_ERR(mlockall(MCL_FUTURE), EPERM);
		EXPECT_OK(munlock(p, PAGE));
		EXPECT_OK(munlockall());
		_exit(0);
	}
}

TEST(mseal_rows)
{
	char *p = map_pages(4);

	if (syscall(SYS_MSEAL, p, 0, 0) && errno == ENOSYS)
		skip("no mseal here");
	EXPECT_ERR(syscall(SYS_MSEAL, p, PAGE, 1), EINVAL);
	EXPECT_ERR(syscall(SYS_MSEAL, p + 1, PAGE, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_MSEAL, p, -PAGE, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_MSEAL, p, -1UL, 0), EINVAL);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(syscall(SYS_MSEAL, p, 2 * PAGE, 0), ENOMEM);
	EXPECT_ERR(syscall(SYS_MSEAL, p + PAGE, PAGE, 0), ENOMEM);
	EXPECT_ERR(syscall(SYS_MSEAL, kernel_address(), PAGE, 0), ENOMEM);
	/* EPERM: what a sealed area refuses. */
	ASSERT_OK(syscall(SYS_MSEAL, p, PAGE, 0));
	EXPECT_ERR(munmap(p, PAGE), EPERM);
	EXPECT_ERR(mprotect(p, PAGE, PROT_READ), EPERM);
	EXPECT_ERR(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EPERM);
	EXPECT_ERR(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1), EPERM);
	EXPECT_ERR(syscall(SYS_mmap, p, PAGE, RW, ANON | MAP_FIXED, -1, 0), EPERM);
	EXPECT_OK(madvise(p, PAGE, MADV_DONTNEED)); /* it could be written, so this takes nothing */
}
