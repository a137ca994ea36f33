/*
 * filelocks.c - advisory locks: flock's, which belong to the open file; record locks, which belong to the process and
 * go with it; and those of fcntl's open file descriptions.
 *
 * What is proven is who is kept out and when no longer. See flock(2), fcntl(2).
 */
#include "files.h"
#include <limits.h>
#include <sys/file.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK  36
#define F_OFD_SETLK  37
#define F_OFD_SETLKW 38
#endif

TEST(flock_excludes_other_open_files)
{
	enter();
	int a = open("f", O_CREAT | O_RDWR, 0600), b = open("f", O_RDWR), c = dup(a);

	EXPECT_OK(flock(a, LOCK_EX));
	EXPECT_OK(flock(c, LOCK_EX | LOCK_NB));
	EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
	EXPECT_ERR(flock(b, LOCK_SH | LOCK_NB), EAGAIN);
	EXPECT_OK(flock(a, LOCK_SH));
	EXPECT_OK(flock(b, LOCK_SH | LOCK_NB));
	EXPECT_ERR(flock(a, LOCK_EX | LOCK_NB), EAGAIN);
	EXPECT_OK(flock(b, LOCK_UN));
	EXPECT_OK(flock(a, LOCK_EX));
	close(a);
	EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
	close(c);
	EXPECT_OK(flock(b, LOCK_EX | LOCK_NB));
	EXPECT_ERR(flock(999, LOCK_EX), EBADF);
	EXPECT_ERR(flock(b, LOCK_SH | LOCK_EX), EINVAL);
}

/* ---- record locks ---- */

static int set_lock(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &fl);
}

TEST(record_locks_go_with_their_process)
{
	int go[2];
	char c;

	test_dir();
	ASSERT_OK(pipe(go));
	int fd = open("file", O_CREAT | O_RDWR, 0644);
	pid_t pid = test_fork();

	if (pid == 0) {
		if (set_lock(fd, F_SETLK, F_WRLCK, 10, 20) || write(go[1], "x", 1) != 1)
			test_fail();
		pause();
	}
	ASSERT_EQ(read(go[0], &c, 1), 1);
	EXPECT_ERR(set_lock(fd, F_SETLK, F_RDLCK, 0, 0), EAGAIN);
	EXPECT_OK(set_lock(fd, F_SETLK, F_WRLCK, 30, 5));
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };

	EXPECT_OK(fcntl(fd, F_GETLK, &fl));
	EXPECT_EQ(fl.l_type, F_WRLCK);
	EXPECT_EQ(fl.l_start, 10);
	EXPECT_EQ(fl.l_len, 20);
	EXPECT_EQ(fl.l_pid, pid);
	kill(pid, SIGKILL);
	test_wait(pid);
	EXPECT_OK(set_lock(fd, F_SETLKW, F_WRLCK, 0, 0));
	/* Closing any descriptor of the file drops them. */
	close(open("file", O_RDONLY));
	pid = test_fork();
	if (pid == 0)
		_exit(set_lock(fd, F_SETLK, F_WRLCK, 0, 0) != 0);
	EXPECT_EXIT(pid, 0);
}

TEST(a_circle_of_record_locks_is_edeadlk)
{
	int go[2];
	char c;

	test_dir();
	ASSERT_OK(pipe(go));
	int fd = open("file", O_CREAT | O_RDWR, 0644);

	ASSERT_OK(set_lock(fd, F_SETLK, F_WRLCK, 0, 1));
	pid_t pid = test_fork();

	if (pid == 0) {
		if (set_lock(fd, F_SETLK, F_WRLCK, 1, 1) || write(go[1], "x", 1) != 1)
			test_fail();
		/* Waits for the parent. */
		_exit(set_lock(fd, F_SETLKW, F_WRLCK, 0, 1) != 0);
	}
	ASSERT_EQ(read(go[0], &c, 1), 1);
	usleep(200000);
	EXPECT_ERR(set_lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	EXPECT_OK(set_lock(fd, F_SETLK, F_UNLCK, 0, 1));
	EXPECT_EXIT(pid, 0);
	EXPECT_ERR(set_lock(fd, F_SETLK, F_WRLCK, LLONG_MAX, 2), EOVERFLOW);
	EXPECT_ERR(set_lock(fd, F_SETLK, F_WRLCK, 5, -6), EINVAL);
}

TEST(locks_of_open_files_belong_to_the_open_file)
{
	test_dir();
	int a = open("file", O_CREAT | O_RDWR, 0644), b = open("file", O_RDWR);

	EXPECT_OK(set_lock(a, F_OFD_SETLK, F_WRLCK, 0, 10));
	EXPECT_ERR(set_lock(b, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
	EXPECT_OK(set_lock(b, F_OFD_SETLK, F_WRLCK, 10, 1));
	/* Another descriptor of the file may go. */
	close(open("file", O_RDONLY));
	EXPECT_ERR(set_lock(b, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	EXPECT_OK(fcntl(b, F_OFD_GETLK, &fl));
	EXPECT_EQ(fl.l_pid, -1);
	close(a);
	EXPECT_OK(set_lock(b, F_OFD_SETLK, F_RDLCK, 5, 1));
}
