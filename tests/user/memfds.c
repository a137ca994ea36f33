/*
 * memfds.c - memfd_create: files without names, and what each seal forbids to write, truncate, fallocate and mmap.
 */
#include "test.h"
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS   1033
#define F_GET_SEALS   1034
#define F_SEAL_SEAL   1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW   4
#define F_SEAL_WRITE  8
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 32
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC	16u
#endif

static int make(unsigned int flags)
{
	int fd = syscall(SYS_memfd_create, "data", flags);

	ASSERT_OK(fd);
	return fd;
}

/* A sealable file of two pages, the first bytes "hello". */
static int filled(void)
{
	int fd = make(MFD_ALLOW_SEALING | MFD_CLOEXEC);

	ASSERT_OK(ftruncate(fd, 2 * PAGE));
	ASSERT_EQ(pwrite(fd, "hello", 5, 0), 5);
	return fd;
}

static void *map(int fd, int prot, int flags)
{
	return mmap(NULL, PAGE, prot, flags, fd, 0);
}

TEST(a_memfd_is_a_file_without_a_name)
{
	int fd = make(MFD_CLOEXEC);
	char path[64], text[64] = "", *p;
	struct stat st;

	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ASSERT_OK(fstat(fd, &st));
	EXPECT(S_ISREG(st.st_mode));
	EXPECT_EQ(st.st_size, 0);
	EXPECT_EQ(st.st_nlink, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ASSERT_OK(readlink(path, text, sizeof(text) - 1));
	EXPECT_STR(text, "/memfd:data (deleted)");
	EXPECT_EQ(write(fd, "abc", 3), 3);
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 3);
	p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT(p != MAP_FAILED);
	EXPECT(!memcmp(p, "abc", 4));
	p[1] = 'X';
	EXPECT_EQ(pread(fd, text, 3, 0), 3);
	EXPECT(!memcmp(text, "aXc", 3));
	EXPECT(strstr(read_text("/proc/self/maps"), "/memfd:data (deleted)"));
	fd = open(path, O_RDONLY);
	ASSERT_OK(fd);
	EXPECT_EQ(read(fd, text, 8), 3);
}

TEST(bad_memfds_are_refused)
{
	char name[300];

	memset(name, 'x', sizeof(name));
	name[249] = 0;
	EXPECT_OK(syscall(SYS_memfd_create, name, 0));
	name[249] = 'x';
	name[250] = 0;
	EXPECT_ERR(syscall(SYS_memfd_create, name, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_memfd_create, "x", 0x20), EINVAL);
	EXPECT_ERR(syscall(SYS_memfd_create, "x", 1u << 26), EINVAL);
	EXPECT_ERR(syscall(SYS_memfd_create, (void *)8, 0), EFAULT);
	EXPECT_OK(syscall(SYS_memfd_create, "", 0));
}

TEST(seals_are_there_or_not_from_the_start)
{
	int fd = make(0), file, pfd[2];

	EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	fd = make(MFD_ALLOW_SEALING);
	EXPECT_EQ(fcntl(fd, F_GET_SEALS), 0);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, 0x100), EINVAL);
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK));
	EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	ASSERT_OK(pipe(pfd));
	EXPECT_ERR(fcntl(pfd[0], F_GET_SEALS), EINVAL);
	file = open("/proc/self/stat", O_RDONLY);
	EXPECT_ERR(fcntl(file, F_GET_SEALS), EINVAL);
	EXPECT_ERR(fcntl(file, F_ADD_SEALS, 0), EPERM);
}

TEST(size_seals)
{
	int fd = filled();

	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	EXPECT_ERR(ftruncate(fd, PAGE), EPERM);
	EXPECT_OK(ftruncate(fd, 3 * PAGE));
	EXPECT_OK(ftruncate(fd, 3 * PAGE));
	fd = filled();
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	EXPECT_ERR(ftruncate(fd, 3 * PAGE), EPERM);
	EXPECT_ERR(fallocate(fd, 0, 2 * PAGE, 1), EPERM);
	EXPECT_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 * PAGE, PAGE), EPERM);
	EXPECT_ERR(pwrite(fd, "x", 1, 2 * PAGE), EPERM);
	EXPECT_EQ(pwrite(fd, "x", 1, 2 * PAGE - 1), 1);
	EXPECT_OK(ftruncate(fd, PAGE));
	EXPECT_ERR(ftruncate(fd, PAGE + 1), EPERM);
}

TEST(a_write_seal_ends_all_ways_to_write)
{
	int fd = filled();
	char *p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED), *q;

	ASSERT(p != MAP_FAILED);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	EXPECT_EQ(fcntl(fd, F_GET_SEALS), 0);
	ASSERT_OK(munmap(p, PAGE));
	/* Private mappings are no way to write to the file. */
	q = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	ASSERT(q != MAP_FAILED);
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	q[0] = 'J';
	EXPECT_ERR(pwrite(fd, "x", 1, 0), EPERM);
	EXPECT_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, PAGE), EPERM);
	EXPECT(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	EXPECT_EQ(errno, EPERM);
	p = map(fd, PROT_READ, MAP_SHARED);
	if (p == MAP_FAILED)
		EXPECT_EQ(errno, EPERM); /* Linux 6.7 to 6.12 */
	else
		EXPECT_ERR(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	p = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	ASSERT(p != MAP_FAILED);
	EXPECT(!memcmp(p, "hello", 5));
	EXPECT_OK(ftruncate(fd, PAGE));
}

/* A mapping that would merge with an older, writable neighbour must not escape the seal by that. */
TEST(future_write_leaves_only_what_is_mapped)
{
	int fd = filled();
	char *area = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;

	ASSERT(area != MAP_FAILED);
	p = mmap(area, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	ASSERT(p == area);
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	p[0] = 'H';
	EXPECT_ERR(pwrite(fd, "x", 1, 0), EPERM);
	EXPECT(mmap(area + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, PAGE) ==
	       MAP_FAILED);
	EXPECT_EQ(errno, EPERM);
	p = map(fd, PROT_READ, MAP_SHARED);
	ASSERT(p != MAP_FAILED);
	EXPECT_EQ(p[0], 'H');
	EXPECT_ERR(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	ASSERT_OK(munmap(area, PAGE));
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
}

TEST(a_forked_mapping_counts)
{
	int fd = filled(), go[2];
	char *p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED), c;
	pid_t pid;

	ASSERT(p != MAP_FAILED);
	ASSERT_OK(pipe(go));
	pid = test_fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1) != 0);
	}
	ASSERT_OK(munmap(p, PAGE));
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	close(go[1]);
	EXPECT_EXIT(pid, 0);
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
}

TEST(the_exec_seal_holds_the_mode)
{
	int fd = make(MFD_NOEXEC_SEAL);
	struct stat st;

	ASSERT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_mode & 0111, 0);
	EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
	EXPECT_ERR(fchmod(fd, 0777), EPERM);
	EXPECT_OK(fchmod(fd, 0600));
	EXPECT_ERR(syscall(SYS_memfd_create, "x", MFD_EXEC | MFD_NOEXEC_SEAL), EINVAL);
	fd = make(MFD_EXEC | MFD_ALLOW_SEALING);
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
	EXPECT_EQ(fcntl(fd, F_GET_SEALS),
		  F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

/* One process maps and writes as often as it can, one seals: no write can come through after the seal. */
TEST(no_mapping_slips_past_a_seal)
{
	for (int i = 0; i < 100; i++) {
		int fd = filled();
		pid_t pid = test_fork();

		if (!pid) {
			for (int j = 0; j < 50; j++) {
				char *p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);

				if (p == MAP_FAILED)
					_exit(errno != EPERM);
				p[0]++;
				munmap(p, PAGE);
			}
			_exit(0);
		}
		while (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
			ASSERT_EQ(errno, EBUSY);
		char before, after;

		ASSERT_EQ(pread(fd, &before, 1, 0), 1);
		EXPECT_EXIT(pid, 0);
		ASSERT_EQ(pread(fd, &after, 1, 0), 1);
		EXPECT_EQ(before, after);
		close(fd);
	}
}
