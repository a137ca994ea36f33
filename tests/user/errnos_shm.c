/*
 * errnos_shm.c - each errno that memfd_create(2), memfd_secret(2), the seals of fcntl(2), shmget(2), shmat(2), shmdt(2) and
 * shmctl(2) name.
 *
 * Rows that are not here, and why:
 *   memfd_create, memfd_secret, shmget ENFILE: needs the machine out of files, which would hit all other programs too.
 *   memfd_create, memfd_secret, shmget, shmat ENOMEM of the kernel's own memory: tests/user/failnth.c injects failures.
 *   memfd_create EINVAL of MFD_HUGETLB with MFD_ALLOW_SEALING: allowed since Linux 4.16.
 *   memfd_secret ENOSYS: is what the test skips itself for.
 *   shmget EPERM of SHM_HUGETLB: Quire has no huge pages in user memory; such a kernel says EINVAL or ENOSYS.
 *   shmctl EOVERFLOW: user and group numbers of x86-64 always fit. shmctl EPERM of SHM_LOCK before 2.6.9: history.
 */
#include "errnos.h"
#include <limits.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
enum { NOEXEC_SEAL = 8, EXEC = 16 }; /* MFD_... of newer headers */
#define SYS_MEMFD_SECRET 447

static long memfd(const char *name, unsigned int flags)
{
	return syscall(SYS_memfd_create, name, flags);
}

TEST(memfd_create_rows)
{
	char name[300];

	EXPECT_ERR(memfd(NOWHERE, 0), EFAULT);
	EXPECT_ERR(memfd(NULL, 0), EFAULT);
	EXPECT_ERR(memfd("x", 0x1000), EINVAL);
	EXPECT_ERR(memfd("x", EXEC | NOEXEC_SEAL), EINVAL);
	memset(name, 'n', sizeof(name));
	name[250] = 0;
	EXPECT_ERR(memfd(name, 0), EINVAL);
	name[249] = 0;
	EXPECT_OK(memfd(name, 0));
	if (without_descriptors()) {
		EXPECT_ERR(memfd("x", 0), EMFILE);
		_exit(0);
	}
}

TEST(memfd_secret_rows)
{
	int fd = syscall(SYS_MEMFD_SECRET, 0);

	if (fd < 0) {
		EXPECT_EQ(errno, ENOSYS);
		skip("no memfd_secret here");
	}
	EXPECT_ERR(syscall(SYS_MEMFD_SECRET, 1), EINVAL);
	if (without_descriptors()) {
		EXPECT_ERR(syscall(SYS_MEMFD_SECRET, 0), EMFILE);
		_exit(0);
	}
	/* Nothing is read or written through the descriptor. */
	ASSERT_OK(ftruncate(fd, PAGE));
	EXPECT_ERR(read(fd, &fd, 1), EINVAL);
	EXPECT_ERR(ftruncate(fd, 2 * PAGE), EINVAL);
	EXPECT_EQ((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0), -1);
	EXPECT_EQ(errno, EINVAL);
}

TEST(seal_rows)
{
	int fd = memfd("s", MFD_ALLOW_SEALING), plain = memfd("p", 0), ro,
	    proc = open("/proc/self/status", O_RDONLY);
	char *p;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, PAGE));
	ro = again(fd, O_RDONLY);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
	EXPECT_ERR(fcntl(proc, F_GET_SEALS), EINVAL);
	EXPECT_ERR(fcntl(proc, F_ADD_SEALS, F_SEAL_GROW),
		   EPERM); /* not open for writing comes first */
	EXPECT_ERR(fcntl(ro, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	EXPECT_ERR(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	EXPECT_ERR(fcntl(-1, F_ADD_SEALS, F_SEAL_GROW), EBADF);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(p, MAP_FAILED);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	ASSERT_OK(munmap(p, PAGE));
	/* EPERM: what each seal refuses. */
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK));
	EXPECT_ERR(ftruncate(fd, 2 * PAGE), EPERM);
	EXPECT_ERR(ftruncate(fd, 0), EPERM);
	EXPECT_ERR(pwrite(fd, "x", 1, PAGE), EPERM);
	EXPECT_ERR(fallocate(fd, 0, 0, 2 * PAGE), EPERM);
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
	EXPECT_ERR(pwrite(fd, "x", 1, 0), EPERM);
	EXPECT_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	EXPECT_EQ((long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
}

/* ---- System V ---- */

/* A number that no segment had. */
#define NO_ID 0x7ffffff0

static key_t some_key(void)
{
	return 0x51000000 + getpid();
}

TEST(shmget_rows)
{
	key_t key = some_key();
	int id = shmget(key, 2 * PAGE, IPC_CREAT | IPC_EXCL | 0600);

	ASSERT_OK(id);
	EXPECT_ERR(shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	EXPECT_ERR(shmget(key, 3 * PAGE, 0600), EINVAL);
	EXPECT_ERR(shmget(key + (1 << 20), PAGE, 0600), ENOENT);
	EXPECT_ERR(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600), EINVAL);
	EXPECT_ERR(syscall(SYS_shmget, IPC_PRIVATE, -1UL, IPC_CREAT | 0600), EINVAL);
	if (as_nobody()) {
		EXPECT_EQ(shmget(key, PAGE, 0600), -1);
		EXPECT_EQ(errno, EACCES);
		EXPECT_ERR(shmget(key, PAGE, 0444), EACCES);
		EXPECT_OK(shmget(key, PAGE, 0));
		_exit(0);
	}
	EXPECT_OK(shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 04000 /* SHM_HUGETLB */ | 0600), -1);
	EXPECT(errno == EINVAL || errno == ENOSYS || errno == ENOMEM || errno == EPERM);
}

static int set_number(const char *path, const char *number)
{
	int fd = open(path, O_WRONLY), ok;

	ok = fd >= 0 && write(fd, number, strlen(number)) > 0;
	close(fd);
	return ok;
}

TEST(shmget_rows_of_the_limits_of_the_system)
{
	char old[64], all[64];
	int id;

	if (getuid())
		skip("not root");
	if (!on_quire() && syscall(SYS_unshare, 0x08000000 /* CLONE_NEWIPC */))
		skip("no segments of our own here");
	snprintf(old, sizeof(old), "%s", read_text("/proc/sys/kernel/shmmni"));
	snprintf(all, sizeof(all), "%s", read_text("/proc/sys/kernel/shmall"));
	id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	ASSERT_OK(id);
	if (!set_number("/proc/sys/kernel/shmmni", "1"))
		skip("settings cannot be changed here");
	EXPECT_ERR(shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600), ENOSPC);
	EXPECT(set_number("/proc/sys/kernel/shmmni", old));
	EXPECT(set_number("/proc/sys/kernel/shmall", "2"));
	EXPECT_ERR(shmget(IPC_PRIVATE, 2 * PAGE, IPC_CREAT | 0600), ENOSPC);
	EXPECT(set_number("/proc/sys/kernel/shmall", all));
	EXPECT_OK(shmctl(id, IPC_RMID, NULL));
}

static long attach(int id, const void *at, int flags)
{
	return (long)shmat(id, at, flags);
}

TEST(shmat_rows)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, IPC_CREAT | 0400), gone;
	char *p = map_pages(4);
	void *q;

	ASSERT_OK(id);
	EXPECT_ERR(attach(NO_ID, NULL, 0), EINVAL);
	EXPECT_ERR(attach(-1, NULL, 0), EINVAL);
	EXPECT_ERR(attach(id, p + 1, 0), EINVAL);
	EXPECT_ERR(attach(id, p, 0), EINVAL); /* something is there */
	EXPECT_ERR(attach(id, NULL, SHM_REMAP), EINVAL);
	EXPECT_ERR(attach(id, (void *)1, SHM_REMAP | SHM_RND), EINVAL);
	EXPECT_ERR(attach(id, (void *)kernel_address(), 0), ENOMEM);
	EXPECT_OK(attach(id, p + PAGE + 17, SHM_REMAP | SHM_RND));
	if (as_nobody()) {
		EXPECT_ERR(attach(id, NULL, 0), EACCES);
		EXPECT_ERR(attach(id, NULL, SHM_RDONLY), EACCES);
		_exit(0);
	}
	if (in_child()) {
		limit(RLIMIT_AS, PAGE);
		EXPECT_ERR(attach(id, NULL, 0), ENOMEM);
		_exit(0);
	}
	/* Owner without a right to write or to execute. */
	gone = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	q = shmat(gone, NULL, 0);
	ASSERT_OK(shmctl(gone, IPC_RMID, NULL));
	ASSERT_OK(shmdt(q));
	EXPECT_EQ(attach(gone, NULL, 0), -1);
	EXPECT(errno == EINVAL || errno == EIDRM);
	EXPECT_ERR(shmdt(p), EINVAL);
	EXPECT_ERR(shmdt(p + PAGE + 1), EINVAL);
	EXPECT_ERR(shmdt(NULL), EINVAL);
	EXPECT_ERR(shmdt(p + 2 * PAGE), EINVAL); /* its middle */
	EXPECT_OK(shmdt(p + PAGE));
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
}

TEST(shmctl_rows)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600), gone;
	struct shmid_ds d;

	ASSERT_OK(id);
	ASSERT_OK(shmctl(id, IPC_STAT, &d));
	EXPECT_ERR(shmctl(id, IPC_STAT, NOWHERE), EFAULT);
	EXPECT_ERR(shmctl(id, IPC_SET, NOWHERE), EFAULT);
	EXPECT_ERR(shmctl(NO_ID, IPC_STAT, &d), EINVAL);
	EXPECT_ERR(shmctl(-1, IPC_STAT, &d), EINVAL);
	EXPECT_ERR(shmctl(NO_ID, IPC_RMID, NULL), EINVAL);
	EXPECT_ERR(shmctl(id, 99, &d), EINVAL);
	EXPECT_ERR(shmctl(30000, SHM_STAT, &d), EINVAL);
	EXPECT_ERR(shmctl(30000, SHM_STAT_ANY, &d), EINVAL);
	EXPECT_ERR(shmctl(NO_ID, SHM_LOCK, NULL), EINVAL);
	if (as_nobody()) {
		int mine;

		EXPECT_ERR(shmctl(id, IPC_STAT, &d), EACCES);
		EXPECT_ERR(shmctl(id, IPC_SET, &d), EPERM);
		EXPECT_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
		EXPECT_ERR(shmctl(id, SHM_LOCK, NULL), EPERM);
		EXPECT_ERR(shmctl(id, SHM_UNLOCK, NULL), EPERM);
		mine = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
		ASSERT_OK(mine);
		limit(RLIMIT_MEMLOCK, PAGE);
		EXPECT_ERR(shmctl(mine, SHM_LOCK, NULL), ENOMEM);
		limit(RLIMIT_MEMLOCK, 0);
		EXPECT_ERR(shmctl(mine, SHM_LOCK, NULL), EPERM);
		EXPECT_OK(shmctl(mine, IPC_RMID, NULL));
		_exit(0);
	}
	gone = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	ASSERT_OK(shmctl(gone, IPC_RMID, NULL));
	EXPECT_EQ(shmctl(gone, IPC_STAT, &d), -1);
	EXPECT(errno == EINVAL || errno == EIDRM);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
}
