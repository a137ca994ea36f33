/*
 * mseal - areas that cannot be changed any more (Linux 6.10 and later; skipped where the call does not exist).
 */
#include "tests/user/test.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#define SYS_MSEAL 462

static long seal(void *p, unsigned long len, unsigned long flags)
{
	return syscall(SYS_MSEAL, p, len, flags);
}

/* pages of memory with these rights, or the test is skipped. */
static char *map(unsigned long pages, int prot)
{
	char *p = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	if (seal(p, 0, 0) && errno == ENOSYS)
		skip("no mseal here");
	return p;
}

TEST(arguments)
{
	char *p = map(4, PROT_READ);

	EXPECT_ERR(seal(p, PAGE, 1), EINVAL);
	EXPECT_ERR(seal(p + 1, PAGE, 0), EINVAL);
	EXPECT_ERR(seal(p, ~0UL, 0), EINVAL);
	EXPECT_ERR(seal(p, ~0UL - 2 * PAGE, 0), EINVAL);
	EXPECT_OK(seal(p, 0, 0));
	ASSERT_OK(munmap(p + 2 * PAGE, PAGE));
	EXPECT_ERR(seal(p, 4 * PAGE, 0), ENOMEM);
	/* A hole: nothing was sealed. */
	EXPECT_OK(munmap(p, 4 * PAGE));
}

TEST(a_sealed_area_stays_as_it_is)
{
	char *p = map(4, PROT_READ | PROT_WRITE);

	ASSERT_OK(seal(p + PAGE, 2 * PAGE, 0));
	EXPECT_OK(seal(p + PAGE, 2 * PAGE, 0));
	EXPECT_ERR(munmap(p + PAGE, PAGE), EPERM);
	EXPECT_ERR(munmap(p, 4 * PAGE), EPERM);
	EXPECT_ERR(mprotect(p + 2 * PAGE, PAGE, PROT_READ), EPERM);
	EXPECT_ERR(mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p), EPERM);
	EXPECT_ERR(mremap(p + PAGE, 2 * PAGE, PAGE, 0), EPERM);
	EXPECT_ERR(mremap(p + PAGE, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), EPERM);
	EXPECT(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		       MAP_FAILED &&
	       errno == EPERM);
	/* As the target of a move too. */
	EXPECT_ERR(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EPERM);
	p[PAGE] = 1;
	EXPECT_OK(munmap(p, PAGE));
	EXPECT_OK(munmap(p + 3 * PAGE, PAGE));
}

TEST(nobody_throws_away_what_he_could_not_write)
{
	char *p = map(2, PROT_READ | PROT_WRITE);

	p[0] = p[PAGE] = 3;
	ASSERT_OK(mprotect(p, PAGE, PROT_READ));
	ASSERT_OK(seal(p, 2 * PAGE, 0));
	EXPECT_ERR(madvise(p, PAGE, MADV_DONTNEED), EPERM);
	EXPECT_ERR(madvise(p, PAGE, MADV_FREE), EPERM);
	EXPECT_ERR(madvise(p, PAGE, MADV_WIPEONFORK), EPERM);
	EXPECT_ERR(madvise(p, PAGE, MADV_DONTFORK), EPERM);
	EXPECT_EQ(p[0], 3);
	EXPECT_OK(madvise(p, PAGE, MADV_RANDOM));
	EXPECT_OK(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	EXPECT_EQ(p[PAGE], 0);
}

TEST(a_child_inherits_the_seal)
{
	char *p = map(1, PROT_READ);
	pid_t pid;

	ASSERT_OK(seal(p, PAGE, 0));
	pid = test_fork();
	if (!pid) {
		EXPECT_ERR(munmap(p, PAGE), EPERM);
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
}
