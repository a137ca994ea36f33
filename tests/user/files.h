/*
 * files.h - what the suites about files share: a fresh directory, names that are too long, one fact of a file at a
 * time, and the way to be somebody else.
 */
#ifndef TESTS_USER_FILES_H
#define TESTS_USER_FILES_H

#include "test.h"

static char long_name[300], long_path[5000];

static unused void enter(void)
{
	test_dir();
	umask(022);
	memset(long_name, 'n', 256);
	memset(long_path, 'p', 4096);
	for (int i = 0; i < 4096; i += 100)
		long_path[i] = '/';
}

static unused int mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? -1 : (int)st.st_mode;
}

static unused long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (long)st.st_size;
}

static unused long links_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? -1 : (long)st.st_nlink;
}

static unused ino_t inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_ino;
}

/* Run the rest of the body as another user, in a child. */
#define AS_NOBODY for (pid_t nobody_ = become_nobody(); nobody_ == 0; _exit(0))

static unused pid_t become_nobody(void)
{
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(setgid(65534));
		ASSERT_OK(setuid(65534));
		return 0;
	}
	EXPECT_EXIT(pid, 0);
	return pid;
}

static unused void need_root(void)
{
	if (getuid())
		skip("needs root");
}

#endif
