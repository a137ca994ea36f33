/*
 * sysvshm.c - System V shared memory: shmget, shmat, shmdt, shmctl, limits and /proc/sysvipc/shm.
 *
 * Segments outlive programs: each test removes what it makes, as soon as it has attached it.
 */
#include "test.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

static int make(size_t size)
{
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);

	ASSERT_OK(id);
	return id;
}

static struct shmid_ds stat_of(int id)
{
	struct shmid_ds d;

	ASSERT_OK(shmctl(id, IPC_STAT, &d));
	return d;
}

static void gone(int id)
{
	struct shmid_ds d;

	/* Linux tells a number that was in use from one that never was. */
	EXPECT_EQ(shmctl(id, IPC_STAT, &d), -1);
	EXPECT(errno == EINVAL || errno == EIDRM);
}

TEST(a_segment_is_shared_and_counts_its_users)
{
	int id = make(2 * PAGE + 1);
	char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);
	struct shmid_ds d;
	pid_t pid;

	ASSERT(p != (void *)-1 && q != (void *)-1);
	d = stat_of(id);
	EXPECT_EQ(d.shm_segsz, 2 * PAGE + 1);
	EXPECT_EQ(d.shm_nattch, 2);
	EXPECT_EQ(d.shm_cpid, getpid());
	EXPECT_EQ(d.shm_lpid, getpid());
	EXPECT_EQ(d.shm_perm.mode, 0600);
	EXPECT_EQ(d.shm_perm.uid, geteuid());
	EXPECT(d.shm_ctime > 0);
	EXPECT_EQ(d.shm_dtime, 0);
	strcpy(p + 2 * PAGE - 2, "seam");
	EXPECT_STR(q + 2 * PAGE - 2, "seam");
	pid = test_fork();
	if (!pid) {
		struct shmid_ds in_child;

		p[0] = 'c';
		_exit(shmctl(id, IPC_STAT, &in_child) || in_child.shm_nattch != 4);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(q[0], 'c');
	EXPECT_EQ(stat_of(id).shm_nattch, 2);
	ASSERT_OK(shmdt(q));
	EXPECT_EQ(stat_of(id).shm_nattch, 1);
	EXPECT(stat_of(id).shm_dtime > 0);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
	d = stat_of(id);
	EXPECT_EQ(d.shm_perm.mode, 0600 | SHM_DEST);
	ASSERT_OK(shmdt(p));
	gone(id);
}

TEST(a_removed_segment_dies_with_its_last_user)
{
	int id = make(PAGE);
	pid_t pid;

	pid = test_fork();
	if (!pid) {
		if (shmat(id, NULL, 0) == (void *)-1 || shmctl(id, IPC_RMID, NULL))
			_exit(1);
		_exit(stat_of(id).shm_nattch != 1);
	}
	EXPECT_EXIT(pid, 0);
	gone(id);
	id = make(PAGE);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
	gone(id);
	EXPECT_ERR(shmat(id, NULL, 0) == (void *)-1 ? -1 : 0, errno == EIDRM ? EIDRM : EINVAL);
}

TEST(keys_find_segments)
{
	key_t key = 0x51000000 + getpid();
	int id = shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0640);

	ASSERT_OK(id);
	EXPECT_EQ(shmget(key, 0, 0), id);
	EXPECT_EQ(shmget(key, PAGE, IPC_CREAT), id);
	EXPECT_ERR(shmget(key, PAGE, IPC_CREAT | IPC_EXCL), EEXIST);
	EXPECT_ERR(shmget(key, PAGE + 1, 0), EINVAL);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
	EXPECT_ERR(shmget(key, PAGE, 0), ENOENT);
	EXPECT_ERR(shmget(key, 0, IPC_CREAT | 0600), EINVAL);
	EXPECT_ERR(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600), EINVAL);
	EXPECT_ERR(shmget(IPC_PRIVATE, ~0UL - 4096, IPC_CREAT | 0600), EINVAL);
}

/* A key of a removed segment that somebody still uses is free for a new one. */
TEST(removing_frees_the_key_at_once)
{
	key_t key = 0x52000000 + getpid();
	int id = shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600), second;
	char *p = shmat(id, NULL, 0);

	ASSERT(p != (void *)-1);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
	second = shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600);
	ASSERT_OK(second);
	EXPECT_NE(id, second);
	ASSERT_OK(shmctl(second, IPC_RMID, NULL));
}

TEST(attach_addresses_and_flags)
{
	int id = make(2 * PAGE);
	char *area = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;

	ASSERT(area != MAP_FAILED);
	EXPECT(shmat(id, area, 0) == (void *)-1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT(shmat(id, area + 1, SHM_REMAP) == (void *)-1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT(shmat(id, NULL, SHM_REMAP) == (void *)-1);
	EXPECT_EQ(errno, EINVAL);
	p = shmat(id, area + PAGE + 5, SHM_REMAP | SHM_RND);
	ASSERT(p == area + PAGE);
	p[0] = 1;
	ASSERT_OK(munmap(area, PAGE));
	EXPECT_OK(shmdt(p));
	EXPECT_ERR(shmdt(p), EINVAL);
	EXPECT_ERR(shmdt(p + 1), EINVAL);
	p = shmat(id, area, 0);
	ASSERT(p == area);
	EXPECT_EQ(p[0], 1);
	ASSERT_OK(shmdt(p));
	EXPECT(shmat(-1, NULL, 0) == (void *)-1);
	EXPECT_EQ(errno, EINVAL);
	p = shmat(id, NULL, SHM_RDONLY);
	ASSERT(p != (void *)-1);
	EXPECT_ERR(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	ASSERT_OK(shmdt(p));
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
}

/* What munmap and mprotect cut into pieces counts as pieces, and is detached as a whole. */
TEST(pieces_are_detached_together)
{
	int id = make(5 * PAGE);
	char *p = shmat(id, NULL, 0);

	ASSERT(p != (void *)-1);
	ASSERT_OK(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(stat_of(id).shm_nattch, 3);
	ASSERT_OK(munmap(p + 3 * PAGE, PAGE));
	EXPECT_EQ(stat_of(id).shm_nattch, 3);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
	ASSERT_OK(shmdt(p));
	gone(id);
}

TEST(owner_and_mode_can_be_set)
{
	int id = make(PAGE);
	struct shmid_ds d = stat_of(id);
	pid_t pid;

	if (getuid())
		skip("not root");
	d.shm_perm.mode = 0644;
	d.shm_perm.uid = 1000;
	ASSERT_OK(shmctl(id, IPC_SET, &d));
	d = stat_of(id);
	EXPECT_EQ(d.shm_perm.uid, 1000);
	EXPECT_EQ(d.shm_perm.cuid, 0);
	EXPECT_EQ(d.shm_perm.mode, 0644);
	pid = test_fork();
	if (!pid) {
		void *p;

		if (setresgid(2000, 2000, 2000) || setresuid(2000, 2000, 2000))
			_exit(2);
		p = shmat(id, NULL, 0);
		EXPECT(p == (void *)-1 && errno == EACCES);
		p = shmat(id, NULL, SHM_RDONLY);
		EXPECT(p != (void *)-1);
		EXPECT_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
		EXPECT_ERR(shmctl(id, IPC_SET, &d), EPERM);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
}

TEST(information_of_the_whole_system)
{
	int id = make(3 * PAGE), high, found = 0;
	struct shminfo info;
	struct shm_info used;
	struct shmid_ds d;
	char line[128], *text;
	char *p = shmat(id, NULL, 0);

	ASSERT(p != (void *)-1);
	p[0] = p[PAGE] = 1;
	high = shmctl(0, IPC_INFO, (void *)&info);
	ASSERT_OK(high);
	EXPECT_EQ(info.shmmin, 1);
	EXPECT_GE(info.shmmni, 1);
	ASSERT_OK(shmctl(0, SHM_INFO, (void *)&used));
	EXPECT_GE(used.used_ids, 1);
	EXPECT_GE(used.shm_tot, 3);
	EXPECT_GE(used.shm_rss, 2);
	for (int i = 0; i <= high; i++)
		found += shmctl(i, SHM_STAT, &d) == id && d.shm_segsz == 3 * PAGE;
	EXPECT_EQ(found, 1);
	EXPECT_ERR(shmctl(1 << 20, SHM_STAT, &d), EINVAL);
	text = read_text("/proc/sysvipc/shm");
	ASSERT(text);
	EXPECT(!strncmp(
		text, "       key      shmid perms                  size  cpid  lpid nattch ", 69));
	snprintf(line, sizeof(line), "\n%10d %10d  %4o %21lu %5u %5u  %5lu ", 0, id, 0600, 3 * PAGE,
		 getpid(), getpid(), 1L);
	EXPECT(strstr(text, line));
	text = read_text("/proc/self/maps");
	snprintf(line, sizeof(line), " %d ", id);
	EXPECT(strstr(text, "/SYSV00000000 (deleted)"));
	EXPECT(strstr(text, line));
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
	EXPECT_ERR(shmctl(id, 99, NULL), EINVAL);
	EXPECT_ERR(shmctl(-1, IPC_STAT, &d), EINVAL);
	EXPECT_ERR(shmctl(id, IPC_STAT, (void *)8), EFAULT);
}

TEST(locking_is_noted)
{
	int id = make(PAGE);

	ASSERT_OK(shmctl(id, SHM_LOCK, NULL));
	EXPECT_EQ(stat_of(id).shm_perm.mode & SHM_LOCKED, SHM_LOCKED);
	ASSERT_OK(shmctl(id, SHM_UNLOCK, NULL));
	EXPECT_EQ(stat_of(id).shm_perm.mode & SHM_LOCKED, 0);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
}

/* Processes make, attach, write, detach and remove at random; the memory and the segments are gone afterwards. */
TEST_LIMIT(random_users_leave_nothing, 60)
{
	struct shm_info before, after;
	int ids[4];
	pid_t pid[3];

	ASSERT_OK(shmctl(0, SHM_INFO, (void *)&before));
	for (int i = 0; i < 4; i++)
		ids[i] = make((i + 1) * PAGE);
	for (int i = 0; i < 3; i++) {
		pid[i] = test_fork();
		if (pid[i])
			continue;
		test_random += i * 77777;
		for (int step = 0; step < 400; step++) {
			int n = rnd_below(4);
			char *p = shmat(ids[n], NULL, 0);

			if (p == (void *)-1)
				_exit(1);
			for (int j = 0; j <= n; j++)
				p[j * PAGE] = step;
			if (rnd_below(4) && shmdt(p))
				_exit(2);
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EXIT(pid[i], 0);
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(stat_of(ids[i]).shm_nattch, 0);
		ASSERT_OK(shmctl(ids[i], IPC_RMID, NULL));
		gone(ids[i]);
	}
	ASSERT_OK(shmctl(0, SHM_INFO, (void *)&after));
	EXPECT_EQ(after.shm_tot, before.shm_tot);
}

TEST(an_attached_segment_grows_where_it_is)
{
	char *room = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;
	int id = make(4 * PAGE);

	ASSERT_NE(room, MAP_FAILED);
	ASSERT_OK(munmap(room, 8 * PAGE));
	p = shmat(id, room, 0);
	ASSERT_OK(shmctl(id, IPC_RMID, NULL));
	ASSERT_EQ(p, room);
	p[3 * PAGE] = 'x';
	EXPECT_EQ(mremap(p, 2 * PAGE, PAGE, 0), p); /* shrinks: a hole at the second page */
	EXPECT_EQ(mremap(p + 2 * PAGE, 2 * PAGE, 4 * PAGE, 0), p + 2 * PAGE);
	EXPECT_EQ(p[3 * PAGE], 'x');
	EXPECT_OK(munmap(p, 8 * PAGE));
}
