/*
 * mmap_edge.c - the memory calls with arguments at and beyond their edges: errno, and no harm done.
 *
 * Raw system calls are used where the C library would check or change an argument first.  The last
 * test throws random arguments at all of them, in a child, and then checks that a page which none
 * of them may touch is whole.
 */
#include "fault.h"
#include "memory.h"
#include <sys/resource.h>
#include <sys/syscall.h>

#define TOP 0x00007ffffffff000UL

static long sys_mmap(unsigned long at, unsigned long len, long prot, long flags, long fd,
		     unsigned long off)
{
	return syscall(SYS_mmap, at, len, prot, flags, fd, off);
}

TEST(mmap_lengths)
{
	EXPECT_ERR(sys_mmap(0, 0, RW, ANON, -1, 0), EINVAL);
	EXPECT_ERR(sys_mmap(0, -1UL, RW, ANON, -1, 0), ENOMEM);
	EXPECT_ERR(sys_mmap(0, -PAGE, RW, ANON, -1, 0), ENOMEM);
	EXPECT_ERR(sys_mmap(0, TOP + PAGE, RW, ANON, -1, 0), ENOMEM);
	EXPECT_ERR(sys_mmap(0, TOP, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	long p = sys_mmap(0, 1, RW, ANON, -1, 0);

	ASSERT_NE(p, -1);
	*(volatile char *)(p + PAGE - 1) = 1; /* rounded up to the page */
}

TEST(mmap_addresses)
{
	char *p = map_pages(1);

	EXPECT_ERR(sys_mmap((long)p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	long q = sys_mmap((long)p + PAGE * 100 + 123, PAGE, RW, ANON, -1, 0);

	EXPECT_EQ(q % PAGE, 0); /* a hint is rounded */
	EXPECT_ERR(sys_mmap(TOP, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	EXPECT_ERR(sys_mmap(TOP - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	EXPECT_ERR(sys_mmap(0xffff800000000000, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	EXPECT_ERR(sys_mmap(-PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	EXPECT_ERR(sys_mmap(0x8000000000000000, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	/* A hint beyond the end is only a hint. */
	EXPECT_NE(sys_mmap(-PAGE, PAGE, RW, ANON, -1, 0), -1);
	EXPECT_NE(sys_mmap(TOP, PAGE, RW, ANON, -1, 0), -1);
	EXPECT_EQ(sys_mmap(TOP - 16 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == -1
			  ? errno == EEXIST
			  : 1,
		  1);
	pid_t pid = test_fork();

	if (!pid) { /* page zero belongs to root at most (vm.mmap_min_addr) */
		if (!getuid() && setuid(65534))
			_exit(1);
		EXPECT_EQ(sys_mmap(0, PAGE, RW, ANON | MAP_FIXED, -1, 0), -1);
		EXPECT(errno == EPERM || errno == EACCES);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(mmap_flags_and_offsets)
{
	int fd = open(test_self, O_RDONLY);

	EXPECT_ERR(sys_mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	EXPECT_ERR(sys_mmap(0, PAGE, PROT_READ, 0, fd, 0), EINVAL);
	EXPECT_ERR(sys_mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 1), EINVAL);
	EXPECT_ERR(sys_mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE - 1), EINVAL);
	EXPECT_ERR(sys_mmap(0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	EXPECT_ERR(sys_mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE), EOVERFLOW);
	EXPECT_NE(sys_mmap(0, PAGE, RW, ANON, 12345, 0), -1); /* the descriptor is not looked at */
	EXPECT_NE(sys_mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), -1);
	/* MAP_SHARED_VALIDATE is for files, and refuses what it does not know. */
	EXPECT_ERR(sys_mmap(0, PAGE, RW, 3 | MAP_ANONYMOUS, -1, 0), EINVAL);
	EXPECT_NE(sys_mmap(0, PAGE, PROT_READ, 3, fd, 0), -1);
	EXPECT_ERR(sys_mmap(0, PAGE, PROT_READ, 3 | 0x80000 /* MAP_SYNC */, fd, 0), EOPNOTSUPP);
	EXPECT_ERR(sys_mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, fd, 0), EINVAL);
}

TEST(munmap_arguments)
{
	char *p = map_pages(4);

	EXPECT_ERR(munmap(p + 1, PAGE), EINVAL);
	EXPECT_ERR(munmap(p, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_munmap, p, -1UL), EINVAL);
	EXPECT_ERR(syscall(SYS_munmap, TOP, PAGE), EINVAL);
	EXPECT_ERR(syscall(SYS_munmap, TOP - PAGE, 2 * PAGE), EINVAL);
	EXPECT_ERR(syscall(SYS_munmap, 0xffff888000000000, PAGE), EINVAL);
	EXPECT_OK(munmap(p, 4 * PAGE));
	EXPECT_OK(munmap(p, 4 * PAGE)); /* nothing there is no error */
	EXPECT_EQ(errno, EINVAL);
}

TEST(mprotect_arguments)
{
	char *p = map_pages(4);

	EXPECT_ERR(syscall(SYS_mprotect, p + 1, PAGE, PROT_READ), EINVAL);
	EXPECT_OK(syscall(SYS_mprotect, p, 0, PROT_READ));
	EXPECT_OK(syscall(SYS_mprotect, p, 1, PROT_READ));
	EXPECT_ERR(syscall(SYS_mprotect, p, PAGE, 0x100), EINVAL);
	EXPECT_ERR(syscall(SYS_mprotect, p, -1UL, PROT_READ), ENOMEM);
	EXPECT_ERR(syscall(SYS_mprotect, TOP, PAGE, PROT_READ), ENOMEM);
	EXPECT_ERR(syscall(SYS_mprotect, 0xffff888000000000, PAGE, RW), ENOMEM);
	ASSERT_OK(munmap(p + 2 * PAGE, PAGE));
	EXPECT_ERR(mprotect(p + 2 * PAGE, PAGE, PROT_READ), ENOMEM);
	EXPECT_ERR(mprotect(p + PAGE, 2 * PAGE, PROT_READ), ENOMEM);
	/* PROT_GROWSDOWN needs a mapping that grows. */
	EXPECT_ERR(syscall(SYS_mprotect, p, PAGE, PROT_READ | 0x01000000), EINVAL);
}

TEST(mremap_arguments)
{
	char *p = map_pages(8);

	EXPECT_ERR(mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, 0, 0), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, PAGE, 0x80), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, PAGE, MREMAP_FIXED, p + PAGE), EINVAL); /* without MAYMOVE */
	EXPECT_ERR(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL);
	EXPECT_ERR(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE + 1), EINVAL);
	EXPECT_ERR(syscall(SYS_mremap, p, PAGE, PAGE, 3, TOP), EINVAL);
	EXPECT_EQ(syscall(SYS_mremap, p, PAGE, -PAGE, MREMAP_MAYMOVE), -1);
	EXPECT(errno == EINVAL || errno == ENOMEM); /* Linux changed its mind */
	EXPECT_ERR(syscall(SYS_mremap, p, PAGE, TOP - PAGE, MREMAP_MAYMOVE), ENOMEM);
	ASSERT_OK(munmap(p + 4 * PAGE, PAGE));
	EXPECT_ERR(mremap(p + 4 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	EXPECT_ERR(mremap(p + 3 * PAGE, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE), EFAULT);
	/* Old length zero duplicates a shared mapping and is refused for a private one. */
	EXPECT_ERR(mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
	EXPECT_EQ(mremap(p, PAGE, PAGE, 0), p);
}

TEST(madvise_arguments)
{
	char *p = map_pages(4);

	EXPECT_ERR(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
	EXPECT_ERR(madvise(p, PAGE, 12345), EINVAL);
	EXPECT_OK(madvise(p, 0, MADV_DONTNEED));
	EXPECT_ERR(syscall(SYS_madvise, p, -1UL, MADV_DONTNEED), EINVAL);
	EXPECT_OK(madvise(p, 4 * PAGE, MADV_NORMAL));
	EXPECT_OK(madvise(p, 4 * PAGE, MADV_RANDOM));
	EXPECT_OK(madvise(p, 4 * PAGE, MADV_SEQUENTIAL));
	EXPECT_OK(madvise(p, 4 * PAGE, MADV_WILLNEED) == 0 || errno == EBADF ? 0 : -1);
	memset(p, 'm', 4 * PAGE);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	/* A hole is ENOMEM, and the rest is done all the same. */
	EXPECT_ERR(madvise(p, 4 * PAGE, MADV_DONTNEED), ENOMEM);
	EXPECT_EQ(p[0], 0);
	EXPECT_EQ(p[2 * PAGE], 0);
	EXPECT_EQ(p[3 * PAGE], 0);
}

TEST(remove_makes_a_hole_in_the_file)
{
	int fd = open(test_dir(), O_RDWR | 020200000 /* O_TMPFILE */, 0600);
	char *p, *q, c = 1;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, 4 * PAGE));
	p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	ASSERT(p != MAP_FAILED);
	memset(p, 'r', 4 * PAGE);
	q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	ASSERT(q != MAP_FAILED);
	if (madvise(p + PAGE, 2 * PAGE, 9 /* MADV_REMOVE */) && errno == EOPNOTSUPP)
		skip("this file system makes no holes");
	EXPECT_EQ(p[PAGE - 1], 'r');
	EXPECT_EQ(p[PAGE], 0);
	EXPECT_EQ(p[3 * PAGE - 1], 0);
	EXPECT_EQ(p[3 * PAGE], 'r');
	EXPECT_EQ(pread(fd, &c, 1, 2 * PAGE), 1);
	EXPECT_EQ(c, 0);
	EXPECT_EQ(q[PAGE], 0);
	EXPECT_ERR(madvise(q, PAGE, 9), EACCES);
	EXPECT_ERR(madvise(map_pages(1), PAGE, 9), EINVAL);
	/* Shared memory without a file has one all the same. */
	p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(p != MAP_FAILED);
	memset(p, 's', 2 * PAGE);
	ASSERT_OK(madvise(p, PAGE, 9));
	EXPECT_EQ(p[0], 0);
	EXPECT_EQ(p[PAGE], 's');
}

TEST(populate_asks_for_the_right)
{
	char *p = map_pages(2);

	if (madvise(p, PAGE, 22 /* MADV_POPULATE_READ */) && errno == EINVAL)
		skip("this kernel has no MADV_POPULATE_READ");
	ASSERT_OK(mprotect(p, PAGE, PROT_READ));
	EXPECT_OK(madvise(p, 2 * PAGE, 22));
	EXPECT_ERR(madvise(p, 2 * PAGE, 23), EINVAL);
	EXPECT_OK(madvise(p + PAGE, PAGE, 23));
	ASSERT_OK(mprotect(p, PAGE, PROT_NONE));
	EXPECT_ERR(madvise(p, 2 * PAGE, 22), EINVAL);
	ASSERT_OK(munmap(p, PAGE));
	EXPECT_ERR(madvise(p, 2 * PAGE, 22), ENOMEM);
}

TEST(dontfork_and_wipeonfork_if_known)
{
	char *p = map_pages(2);

	p[0] = 'a';
	p[PAGE] = 'b';
	if (madvise(p, PAGE, MADV_DONTFORK)) {
		EXPECT_EQ(errno, EINVAL);
		skip("no MADV_DONTFORK");
	}
	catch_faults();
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(read_faults(p), SIGSEGV);
		EXPECT_EQ(p[PAGE], 'b');
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(p[0], 'a');
}

TEST(a_hint_is_rounded_down_and_up_to_the_least_address)
{
	const char *text = read_text("/proc/sys/vm/mmap_min_addr");
	unsigned long min = text ? strtoul(text, NULL, 10) : 0;
	char *far = (char *)0x612345000UL;
	char *p = mmap(far + 0x678, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(p, far);
	EXPECT_OK(munmap(p, PAGE));
	if (min < PAGE || min % PAGE)
		skip("no least address");
	p = mmap((void *)PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT_EQ(p, (char *)(on_quire() ? min
					 : (min > 65536
						    ? min
						    : 65536))); /* LSMs have a limit of their own */
	EXPECT_OK(munmap(p, PAGE));
	/* One that rounds to nothing is none. */
	p = mmap((void *)(PAGE - 1), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT_GT(p, far);
	EXPECT_OK(munmap(p, PAGE));
}

TEST(msync_arguments)
{
	char *p = map_pages(4);

	EXPECT_OK(msync(p, 4 * PAGE, MS_SYNC));
	EXPECT_OK(msync(p, 0, MS_SYNC));
	EXPECT_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	EXPECT_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	EXPECT_ERR(msync(p, PAGE, 0x80), EINVAL);
	EXPECT_ERR(syscall(SYS_msync, p, -2 * PAGE, MS_SYNC), ENOMEM);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(msync(p, 3 * PAGE, MS_ASYNC), ENOMEM);
	EXPECT_ERR(msync(p + PAGE, PAGE, MS_SYNC), ENOMEM);
}

TEST(mincore_arguments)
{
	unsigned char vec[8];
	char *p = map_pages(4);

	EXPECT_OK(mincore(p, 4 * PAGE, vec));
	EXPECT_OK(mincore(p, 0, vec));
	EXPECT_ERR(mincore(p + 1, PAGE, vec), EINVAL);
	EXPECT_ERR(syscall(SYS_mincore, p, PAGE, 8L), EFAULT);
	EXPECT_ERR(syscall(SYS_mincore, TOP, PAGE, vec), ENOMEM);
	EXPECT_ERR(syscall(SYS_mincore, 0xffff888000000000, PAGE, vec), ENOMEM);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(mincore(p + PAGE, PAGE, vec), ENOMEM);
}

TEST(the_number_of_mappings_is_limited)
{
	/* Every second page with other rights: 65530 ranges by default. */
	size_t pages = 140000;
	char *p = mmap(NULL, pages * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	size_t made = 0;

	ASSERT_NE(p, MAP_FAILED);
	while (made < pages / 2 && !mprotect(p + made * 2 * PAGE, PAGE, PROT_READ))
		made++;
	EXPECT_EQ(errno, ENOMEM);
	EXPECT_GT(made, 1000);
	EXPECT_LT(made, pages / 2);
	EXPECT_OK(munmap(p, pages * PAGE));
	EXPECT_NE(mmap(NULL, PAGE, RW, ANON, -1, 0), MAP_FAILED);
}

/* ---- random arguments ---- */

static unsigned long odd_value(char *area)
{
	static const unsigned long values[] = {
		0,
		1,
		PAGE - 1,
		PAGE,
		PAGE + 1,
		2 * PAGE,
		16 * PAGE,
		1UL << 30,
		1UL << 46,
		TOP - PAGE,
		TOP,
		TOP + PAGE,
		0x0000800000000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xffff800000000000,
		0xffff888000000000,
		0xffffffff81000000,
		-2 * PAGE,
		-PAGE,
		-1UL,
	};

	switch (rnd_below(4)) {
	case 0:
		return values[rnd_below(ARRAY_SIZE(values))];
	case 1:
		return rnd_below(0x1000);
	default:
		return (unsigned long)area + rnd_below(64) * PAGE +
		       (rnd_below(8) ? 0 : rnd_below(PAGE));
	}
}

static unsigned long odd_length(void)
{
	return rnd_below(6) ? rnd_below(20 * PAGE) : odd_value(NULL);
}

TEST_LIMIT(random_arguments_leave_other_pages_alone, 60)
{
	static const int calls[] = { SYS_mmap,	  SYS_munmap, SYS_mprotect, SYS_mremap,
				     SYS_madvise, SYS_msync,  SYS_mincore };

	for (int round = 0; round < 20; round++) {
		uint64_t sub = rnd();
		pid_t pid = test_fork();

		if (!pid) {
			/* 64 pages to play with; random addresses never lie outside of them by luck. */
			char *area = map_pages(64);
			char *witness = map_pages(4);
			unsigned char *vec = (unsigned char *)map_pages(8);

			test_random = sub | 1;
			memset(witness, 'w', 4 * PAGE);
			for (int n = 0; n < 2000; n++) {
				long nr = calls[rnd_below(ARRAY_SIZE(calls))];
				unsigned long at = odd_value(area), len = odd_length();

				/* A range that could reach program, witness or stack is cut down. */
				if (at < (unsigned long)area ||
				    at >= (unsigned long)area + 64 * PAGE)
					len = rnd_below(2) ? len : 0;
				else if (at + len > (unsigned long)area + 64 * PAGE ||
					 at + len < at)
					len = (unsigned long)area + 64 * PAGE - at;
				if (at < TOP && (at + len > TOP || at < (unsigned long)area) &&
				    len > PAGE)
					continue;
				if (nr == SYS_mmap)
					syscall(nr, at, len, rnd_below(8),
						(rnd() & 3) | MAP_ANONYMOUS |
							(at >= (unsigned long)area &&
									 at + len <=
										 (unsigned long)area +
											 64 * PAGE
								 ? rnd() & MAP_FIXED
								 : 0),
						-1, 0);
				else if (nr == SYS_mremap)
					syscall(nr, at, len, odd_length() & 0xfffff, rnd() & 1, 0);
				else if (nr == SYS_mincore)
					syscall(nr, at, len & 0xffffff, vec);
				else if (nr == SYS_madvise)
					syscall(nr, at, len, rnd_below(5));
				else
					syscall(nr, at, len, rnd_below(8));
			}
			for (size_t i = 0; i < 4 * PAGE; i++)
				if (witness[i] != 'w')
					_exit(2);
			_exit(0);
		}
		int status = test_wait(pid);

		if (status)
			check_failed(__FILE__, __LINE__, "round %d: status %#x", round, status);
	}
}
