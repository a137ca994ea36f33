/*
 * errnos_map.c - each errno that mmap(2), munmap(2), mremap(2), mprotect(2), pkey_mprotect(2), remap_file_pages(2) and brk(2) name.
 *
 * Rows that are not here, and why:
 *   mmap EACCES of an append-only file: no file system of Quire keeps that attribute.
 *   mmap ENFILE: needs the machine out of files, which would hit all other programs too.
 *   mmap ENOMEM "no memory", mprotect ENOMEM "kernel structures": tests/user/failnth.c injects them.
 *   mmap EPERM of MAP_HUGETLB: Quire has no huge pages in user memory; a kernel without gives EINVAL, one without any
 *     reserved ENOMEM.
 *   mmap ETXTBSY: MAP_DENYWRITE has no effect since Linux 2.6.
 *   mprotect EINVAL of PROT_SAO: PowerPC.
 */
#include "errnos.h"
#include "fault.h"
#include <sys/mount.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#define GROWSDOWN 0x01000000
#define GROWSUP	  0x02000000

static long map_at(unsigned long at, size_t len, int prot, int flags, int fd, unsigned long off)
{
	return syscall(SYS_mmap, at, len, prot, flags, fd, off);
}

/* An area whose every second page has other rights, until the kernel wants no further one. */
static char *most_areas(void)
{
	size_t pages = 200000, n = 0;
	char *p = mmap(NULL, pages * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	while (n < pages / 2 && !mprotect(p + 2 * n * PAGE, PAGE, PROT_READ))
		n++;
	ASSERT_LT(n, pages / 2);
	return p;
}

TEST(mmap_rows)
{
	int fd = file_of(4 * PAGE), ro = again(fd, O_RDONLY), wo = again(fd, O_WRONLY);
	int dir = open(".", O_RDONLY), p[2];
	char *area = map_pages(4);
	unsigned long at = (unsigned long)area;

	ASSERT_OK(pipe(p));
	/* EACCES: not open for reading; a shared writable mapping of what is not open for both. */
	EXPECT_ERR(map_at(0, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	EXPECT_ERR(map_at(0, PAGE, PROT_NONE, MAP_SHARED, wo, 0), EACCES);
	EXPECT_ERR(map_at(0, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	EXPECT_ERR(map_at(0, PAGE, RW, MAP_SHARED, wo, 0), EACCES);
	/* EACCES of what is no regular file: Linux says ENODEV, as for a file system that maps nothing. */
	EXPECT_ERR(map_at(0, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	EXPECT_ERR(map_at(0, PAGE, PROT_READ, MAP_SHARED, p[0], 0), ENODEV);
	/* EBADF */
	EXPECT_ERR(map_at(0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	EXPECT_ERR(map_at(0, PAGE, PROT_READ, MAP_SHARED, 12345, 0), EBADF);
	/* EEXIST */
	EXPECT_ERR(map_at(at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	EXPECT_ERR(map_at(at - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	/* EINVAL: address, offset, length, type. */
	EXPECT_ERR(map_at(at + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	EXPECT_ERR(map_at(at + 1, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EINVAL);
	EXPECT_ERR(map_at(0, PAGE, PROT_READ, MAP_SHARED, fd, 1), EINVAL);
	EXPECT_ERR(map_at(0, 0, RW, ANON, -1, 0), EINVAL);
	EXPECT_ERR(map_at(0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	EXPECT_ERR(map_at(0, PAGE, RW, MAP_SHARED | MAP_GROWSDOWN | MAP_ANONYMOUS, -1, 0), EINVAL);
	/* EOPNOTSUPP: a flag that MAP_SHARED_VALIDATE has to look at. */
	EXPECT_ERR(map_at(0, PAGE, RW, 3 | 0x80000, fd, 0), EOPNOTSUPP);
	/* ENOMEM: addresses that are none. */
	EXPECT_ERR(map_at(TOP, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	EXPECT_ERR(map_at(0, TOP + PAGE, RW, ANON, -1, 0), ENOMEM);
	EXPECT_ERR(map_at(kernel_address(), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	/* EOVERFLOW: offset and length together. */
	EXPECT_ERR(map_at(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE), EOVERFLOW);
}

TEST(mmap_rows_of_limits)
{
	if (in_child()) { /* ENOMEM: RLIMIT_DATA counts private writable memory, RLIMIT_AS all. */
		limit(RLIMIT_DATA, PAGE);
		EXPECT_ERR(map_at(0, PAGE, RW, ANON, -1, 0), ENOMEM);
		EXPECT_OK(map_at(0, PAGE, PROT_READ, ANON, -1, 0));
		limit(RLIMIT_AS, PAGE);
		EXPECT_ERR(map_at(0, PAGE, PROT_READ, ANON, -1, 0), ENOMEM);
		_exit(0);
	}
	if (as_nobody()) { /* EAGAIN: too much locked memory; EPERM: none is allowed. */
		limit(RLIMIT_MEMLOCK, 2 * PAGE);
		EXPECT_ERR(map_at(0, 3 * PAGE, RW, ANON | MAP_LOCKED, -1, 0), EAGAIN);
		EXPECT_OK(map_at(0, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
		limit(RLIMIT_MEMLOCK, 0);
		EXPECT_ERR(map_at(0, PAGE, RW, ANON | MAP_LOCKED, -1, 0), EPERM);
		_exit(0);
	}
	if (as_nobody()) { /* EPERM: page zero (vm.mmap_min_addr). */
		EXPECT_ERR(map_at(0, PAGE, RW, ANON | MAP_FIXED, -1, 0), EPERM);
		_exit(0);
	}
}

TEST(mmap_rows_of_the_file)
{
	int fd = syscall(SYS_memfd_create, "sealed", 2 /* MFD_ALLOW_SEALING */);
	int proc = open("/proc/self/status", O_RDONLY);

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, PAGE));
	ASSERT_OK(fcntl(fd, 1033 /* F_ADD_SEALS */, 8 /* F_SEAL_WRITE */));
	EXPECT_ERR(map_at(0, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
	/* EPERM: PROT_EXEC of a file on a file system without programs; before it is asked whether it maps at all. */
	EXPECT_ERR(map_at(0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, proc, 0), EPERM);
	EXPECT_EQ(map_at(0, PAGE, PROT_READ, MAP_PRIVATE, proc, 0), -1);
	EXPECT(errno == ENODEV || errno == EIO);
	EXPECT_EQ(map_at(0, PAGE, RW, ANON | MAP_HUGETLB, -1, 0), -1);
	EXPECT(errno == EINVAL || errno == ENOMEM);
}

TEST(mmap_row_of_a_mount_without_programs)
{
	int fd;
	char *p;

	if (getuid())
		skip("root mounts");
	test_dir();
	if (!on_quire() && syscall(SYS_unshare, 0x20000 /* CLONE_NEWNS */))
		skip("no mounts of our own here");
	if (!on_quire())
		ASSERT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ASSERT_OK(mkdir("m", 0755));
	ASSERT_OK(mount("none", "m", "tmpfs", MS_NOEXEC, NULL));
	fd = open("m/file", O_RDWR | O_CREAT, 0755);
	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, PAGE));
	EXPECT_ERR(map_at(0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), EPERM);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT_NE(p, MAP_FAILED);
	EXPECT_ERR(mprotect(p, PAGE, PROT_READ | PROT_EXEC), EACCES);
	EXPECT_ERR(execve("m/file", (char *[]){ "file", NULL }, NULL), EACCES);
	munmap(p, PAGE);
	close(fd);
	ASSERT_OK(umount("m"));
}

TEST(mmap_rows_of_signals)
{
	int fd = file_of(PAGE);
	char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT_NE(p, MAP_FAILED);
	catch_faults();
	EXPECT_EQ(read_faults(p), 0);
	EXPECT_EQ(write_faults(p), SIGSEGV);
	EXPECT_EQ(read_faults(p + PAGE), SIGBUS);
}

TEST_LIMIT(rows_of_too_many_areas, 60)
{
	char *many, *p = map_pages(3);
	int fd = file_of(4 * PAGE);

	ASSERT_NE(mmap(p, 3 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0), MAP_FAILED);
	many = most_areas();
	/* Every call that would cut an area in pieces or make one. */
	EXPECT_ERR(munmap(p + PAGE, PAGE), ENOMEM);
	EXPECT_ERR(mprotect(p + PAGE, PAGE, PROT_NONE), ENOMEM);
	map_at(0, PAGE, PROT_READ, MAP_SHARED, fd,
	       2 * PAGE); /* mmap looks first and allows one more */
	EXPECT_ERR(map_at(0, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENOMEM);
	EXPECT_ERR(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), ENOMEM);
	EXPECT_ERR(mlock(p + PAGE, PAGE), ENOMEM);
	/* madvise(2): EAGAIN, "a kernel resource was temporarily unavailable". */
	EXPECT_ERR(madvise(p + PAGE, PAGE, MADV_DONTFORK), EAGAIN);
	EXPECT_OK(munmap(p, 3 * PAGE));
	EXPECT_OK(munmap(many, 200000 * PAGE));
}

TEST(munmap_rows)
{
	char *p = map_pages(2);

	EXPECT_ERR(munmap(p + 1, PAGE), EINVAL);
	EXPECT_ERR(munmap(p, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_munmap, p, -1UL), EINVAL);
	EXPECT_ERR(syscall(SYS_munmap, TOP, PAGE), EINVAL);
	EXPECT_ERR(syscall(SYS_munmap, kernel_address(), PAGE), EINVAL);
}

TEST(mremap_rows)
{
	char *p = map_pages(8), *q;
	int fd = file_of(8 * PAGE);

	/* EINVAL, in the order of the manual page. */
	EXPECT_ERR(mremap(p + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, 2 * PAGE, 0x10), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE + 1), EINVAL);
	EXPECT_ERR(syscall(SYS_mremap, p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, TOP), EINVAL);
	EXPECT_ERR(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL);
	EXPECT_ERR(mremap(p + PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, PAGE, MREMAP_FIXED, p + 4 * PAGE), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP, 0), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0), EINVAL);
	EXPECT_ERR(mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
	q = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(q, MAP_FAILED);
	EXPECT_ERR(mremap(q, 0, PAGE, 0), ENOMEM); /* the page says EINVAL, no Linux does */
	/* EFAULT: nothing there; areas of two kinds where it grows. */
	ASSERT_OK(munmap(p + 4 * PAGE, PAGE));
	EXPECT_ERR(mremap(p + 4 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	EXPECT_ERR(mremap(p + 3 * PAGE, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE), EFAULT);
	ASSERT_OK(mprotect(p + PAGE, PAGE, PROT_READ));
	EXPECT_ERR(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), EFAULT);
	EXPECT_ERR(syscall(SYS_mremap, kernel_address(), PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	/* ENOMEM: no room behind it and it may not move; no address space. */
	EXPECT_ERR(mremap(p, PAGE, 2 * PAGE, 0), ENOMEM);
	EXPECT_ERR(syscall(SYS_mremap, p, PAGE, TOP - PAGE, MREMAP_MAYMOVE), ENOMEM);
}

TEST(mremap_rows_of_limits)
{
	char *p = map_pages(2);

	if (as_nobody()) { /* EAGAIN */
		char *q = map_pages(1);

		limit(RLIMIT_MEMLOCK, PAGE);
		ASSERT_OK(mlock(q, PAGE));
		EXPECT_ERR(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EAGAIN);
		_exit(0);
	}
	if (in_child()) { /* ENOMEM: growing, and DONTUNMAP, which leaves the old area where it is. */
		limit(RLIMIT_AS, 2 * PAGE);
		EXPECT_ERR(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), ENOMEM);
		EXPECT_ERR(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0), ENOMEM);
		_exit(0);
	}
	if (in_child()) {
		limit(RLIMIT_DATA, PAGE);
		EXPECT_ERR(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), ENOMEM);
		_exit(0);
	}
}

/* Not mprotect(): the C library rounds the range first. */
static long change(void *p, size_t len, int prot)
{
	return syscall(SYS_mprotect, p, len, prot);
}

TEST(mprotect_rows)
{
	char *p = map_pages(4), *q;
	int fd = file_of(PAGE), ro = again(fd, O_RDONLY);
	int sealed = syscall(SYS_memfd_create, "sealed", 2);

	/* EACCES: a shared mapping of a file that was opened for reading. */
	q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	ASSERT_NE(q, MAP_FAILED);
	EXPECT_ERR(change(q, PAGE, RW), EACCES);
	ASSERT_OK(ftruncate(sealed, PAGE));
	ASSERT_OK(fcntl(sealed, 1033, 16 /* F_SEAL_FUTURE_WRITE */));
	q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, sealed, 0);
	ASSERT_NE(q, MAP_FAILED);
	EXPECT_ERR(change(q, PAGE, RW), EACCES);
	/* EINVAL */
	EXPECT_ERR(change(p + 1, PAGE, PROT_READ), EINVAL);
	EXPECT_ERR(change(p, PAGE, PROT_READ | GROWSUP | GROWSDOWN), EINVAL);
	EXPECT_ERR(change(p, PAGE, PROT_READ | GROWSDOWN), EINVAL);
	EXPECT_ERR(change(p, PAGE, PROT_READ | GROWSUP), EINVAL);
	EXPECT_ERR(change(p, PAGE, 0x100), EINVAL);
	/* ENOMEM: not an address of the process, or one that nothing is mapped at. */
	EXPECT_ERR(syscall(SYS_mprotect, TOP, PAGE, PROT_READ), ENOMEM);
	EXPECT_ERR(syscall(SYS_mprotect, kernel_address(), PAGE, PROT_READ), ENOMEM);
	EXPECT_ERR(syscall(SYS_mprotect, p, -1UL, PROT_READ), ENOMEM);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(change(p, 3 * PAGE, PROT_READ), ENOMEM);
	if (in_child()) { /* read-only memory that becomes writable counts from then on */
		q = mmap(NULL, PAGE, PROT_READ, ANON, -1, 0);
		limit(RLIMIT_DATA, PAGE);
		EXPECT_ERR(change(q, PAGE, RW), ENOMEM);
		_exit(0);
	}
}

TEST(pkey_rows)
{
	char *p = map_pages(1);

	/* A key that pkey_alloc(2) did not give; -1 is mprotect. */
	EXPECT_ERR(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, 15), EINVAL);
	EXPECT_ERR(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, 99), EINVAL);
	EXPECT_OK(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1));
	catch_faults();
	EXPECT_EQ(write_faults(p), SIGSEGV);
	EXPECT_ERR(syscall(SYS_pkey_mprotect, p + 1, PAGE, PROT_READ, -1), EINVAL);
	EXPECT_ERR(syscall(SYS_pkey_free, 15), EINVAL);
	EXPECT_ERR(syscall(SYS_pkey_free, -1), EINVAL);
	EXPECT_ERR(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_pkey_alloc, 0, 8), EINVAL);
	/* Without the hardware there is no key to give: Quire uses none, whatever the processor has. */
	if (on_quire())
		EXPECT_ERR(syscall(SYS_pkey_alloc, 0, 0), ENOSPC);
}

TEST(remap_file_pages_rows)
{
	int fd = file_of(4 * PAGE);
	char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0), *private = map_pages(1);

	ASSERT_NE(shared, MAP_FAILED);
	EXPECT_ERR(syscall(SYS_remap_file_pages, private, PAGE, 0, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_remap_file_pages, TOP - PAGE, PAGE, 0, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_remap_file_pages, shared, PAGE, PROT_READ, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_remap_file_pages, shared, 0, 0, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_remap_file_pages, shared, -PAGE, 0, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_remap_file_pages, shared, 5 * PAGE, 0, 0, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_remap_file_pages, shared, PAGE, 0, -1UL, 0), EINVAL);
	EXPECT_OK(syscall(SYS_remap_file_pages, shared, PAGE, 0, 2, 0));
}

TEST(brk_rows)
{
	char *now = (char *)syscall(SYS_brk, 0);
	char *top = now + 16 * PAGE;

	/* The bare call gives the break as it is; ENOMEM is the C library's word for "not what I asked for". */
	EXPECT_EQ(syscall(SYS_brk, TOP), now);
	EXPECT_EQ(syscall(SYS_brk, PAGE), now);
	EXPECT_EQ(syscall(SYS_brk, kernel_address()), now);
	if (in_child()) {
		limit(RLIMIT_DATA, PAGE);
		EXPECT_EQ(syscall(SYS_brk, top), now);
		_exit(0);
	}
	if (in_child()) { /* something is in the way */
		unsigned long at = ((unsigned long)now + 4 * PAGE) & -PAGE;

		ASSERT_EQ(map_at(at, PAGE, RW, ANON | MAP_FIXED, -1, 0), at);
		EXPECT_EQ(syscall(SYS_brk, top), now);
		_exit(0);
	}
	EXPECT_EQ(syscall(SYS_brk, top), top);
}
