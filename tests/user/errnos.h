/*
 * errnos.h - what the errnos_* suites share: children with less power, and addresses that are nobody's.
 *
 * The suites go through the ERRORS section of each manual page (man-pages 6.03; where the page and Linux differ, Linux is
 * right and the row says so). One row is one EXPECT_ERR; the opening of each suite names the rows that are missing and why.
 */
#ifndef TESTS_USER_ERRNOS_H
#define TESTS_USER_ERRNOS_H

#include "memory.h"
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define NOBODY 65534
/* The end of user memory, and an address in page zero that nobody maps. */
#define TOP	0x00007ffffffff000UL
#define NOWHERE ((void *)8)
/* A number that no process has: beyond pid_max. */
#define NO_PID 0x7ffffff0

/* An address in the kernel's half: bytes above user memory. */
static unused unsigned long kernel_address(void)
{
	return 0xffff888000000000UL;
}

/*
 * if (in_child()) { rows; _exit(0); }: the block runs in a child, and the parent goes on behind it when the child is gone.
 */
static unused int in_child(void)
{
	pid_t pid = test_fork();

	if (!pid)
		return 1;
	EXPECT_EXIT(pid, 0);
	return 0;
}

/* The child belongs to nobody and has no capability. */
static unused int as_nobody(void)
{
	if (!in_child())
		return 0;
	if (!getuid() && (setgid(NOBODY) || setuid(NOBODY))) {
		check_failed(__FILE__, __LINE__, "no way to become nobody: errno %d", errno);
		_exit(1);
	}
	return 1;
}

static unused void limit(int which, rlim_t soft)
{
	struct rlimit r;

	ASSERT_OK(getrlimit(which, &r));
	r.rlim_cur = soft;
	ASSERT_OK(setrlimit(which, &r));
}

/* The child may open no further file. */
static unused int without_descriptors(void)
{
	if (!in_child())
		return 0;
	limit(RLIMIT_NOFILE, 0);
	return 1;
}

/* A process that sleeps until end_of(). */
static unused pid_t sleeper(void)
{
	pid_t pid = test_fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static unused void end_of(pid_t pid)
{
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

/* The number of a process that was and is no more. */
static unused pid_t dead(void)
{
	pid_t pid = test_fork();

	if (!pid)
		_exit(0);
	EXPECT_EXIT(pid, 0);
	return pid;
}

/* A file of so many bytes without a name. */
static unused int file_of(size_t bytes)
{
	char name[] = "errnos-XXXXXX";
	int fd;

	test_dir();
	fd = mkstemp(name);
	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, bytes));
	return fd;
}

/* The same file opened once more, with other rights. */
static unused int again(int fd, int flags)
{
	char path[64];
	int other;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, flags);
	ASSERT_OK(other);
	return other;
}

#endif
