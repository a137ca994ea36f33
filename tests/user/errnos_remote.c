/*
 * errnos_remote.c - each errno that process_vm_readv(2), process_vm_writev(2), membarrier(2), pidfd_open(2), pidfd_send_signal(2),
 * pidfd_getfd(2), mbind(2), set_mempolicy(2), get_mempolicy(2), set_mempolicy_home_node(2), move_pages(2) and migrate_pages(2) name.
 *
 * Rows that are not here, and why:
 *   ENOMEM and ENFILE of all of them: tests/user/failnth.c injects failures; the machine out of files would hit all programs.
 *   membarrier ENOSYS, pidfd_open ENODEV: of kernels without the call or without anonymous inodes.
 *   membarrier EINVAL of nohz_full: Quire has no such word.
 *   pidfd_send_signal EINVAL of another PID namespace: there is one namespace.
 *   mbind EIO, ENODEV of a node that is off-line, EACCES of a cpuset: need several nodes: tests/user/mempolicy_nodes.c, migrate.c.
 *   move_pages E2BIG: not since Linux 2.6.29; EINVAL of a kernel thread: errors of PID 2 depend on what the host shows.
 */
#include "errnos.h"
#include "mempolicy.h"

enum { PIDFD_SEND_SIGNAL = 424, PIDFD_OPEN = 434, PIDFD_GETFD = 438, SYS_MEMBARRIER = 324 };

TEST(process_vm_rows)
{
	char *p = map_pages(2);
	struct iovec v = { p, 8 }, hole = { p + PAGE, 8 }, huge = { p, -1UL };
	struct iovec both[2] = { { p, -1UL >> 1 }, { p, 8 } };
	pid_t pid, no_more = dead();

	ASSERT_OK(munmap(p + PAGE, PAGE));
	pid = sleeper();
	EXPECT_EQ(process_vm_readv(pid, &v, 1, &v, 1, 0), 8);
	EXPECT_ERR(process_vm_readv(pid, NOWHERE, 1, &v, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_readv(pid, &v, 1, NOWHERE, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_readv(pid, &hole, 1, &v, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_readv(pid, &v, 1, &hole, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_writev(pid, &hole, 1, &v, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_writev(pid, &v, 1, &hole, 1, 0), EFAULT);
	EXPECT_ERR(process_vm_readv(pid, &huge, 1, &v, 1, 0), EINVAL);
	EXPECT_ERR(process_vm_readv(pid, &v, 1, &huge, 1, 0), EINVAL);
	EXPECT_EQ(process_vm_readv(pid, &v, 1, both, 2, 0), 8);
	EXPECT_ERR(process_vm_readv(pid, &v, 1, &v, 1, 1), EINVAL);
	EXPECT_ERR(process_vm_writev(pid, &v, 1, &v, 1, 1), EINVAL);
	EXPECT_ERR(process_vm_readv(pid, &v, 1025, &v, 1, 0), EINVAL);
	EXPECT_ERR(process_vm_readv(pid, &v, 1, &v, 1025, 0), EINVAL);
	EXPECT_ERR(process_vm_readv(no_more, &v, 1, &v, 1, 0), ESRCH);
	EXPECT_ERR(process_vm_writev(NO_PID, &v, 1, &v, 1, 0), ESRCH);
	if (as_nobody()) {
		EXPECT_ERR(process_vm_readv(pid, &v, 1, &v, 1, 0), EPERM);
		EXPECT_ERR(process_vm_writev(pid, &v, 1, &v, 1, 0), EPERM);
		_exit(0);
	}
	end_of(pid);
}

static long barrier(int cmd, unsigned int flags)
{
	return syscall(SYS_MEMBARRIER, cmd, flags, 0);
}

TEST(membarrier_rows)
{
	long known = barrier(0, 0);

	if (known < 0)
		skip("no membarrier here");
	EXPECT_ERR(barrier(1 << 20, 0), EINVAL);
	EXPECT_ERR(barrier(-1, 0), EINVAL);
	EXPECT_ERR(barrier(0, 4), EINVAL);
	EXPECT_ERR(barrier(1, 1), EINVAL);
	if (known & 8) /* PRIVATE_EXPEDITED before REGISTER_PRIVATE_EXPEDITED */
		EXPECT_ERR(barrier(8, 0), EPERM);
	if (known & 32)
		EXPECT_ERR(barrier(32, 0), EPERM);
	else /* SYNC_CORE of a kernel without */
		EXPECT_ERR(barrier(32, 0), EINVAL);
}

TEST(pidfd_rows)
{
	pid_t pid = sleeper(), no_more = dead();
	int fd = syscall(PIDFD_OPEN, pid, 0), plain = open("/", O_RDONLY),
	    devnull = open("/dev/null", O_RDONLY);
	siginfo_t kernel_says = { .si_signo = SIGUSR1, .si_code = SI_KERNEL };

	ASSERT_OK(fd);
	EXPECT_ERR(syscall(PIDFD_OPEN, pid, 1), EINVAL);
	EXPECT_ERR(syscall(PIDFD_OPEN, 0, 0), EINVAL);
	EXPECT_ERR(syscall(PIDFD_OPEN, -1, 0), EINVAL);
	EXPECT_ERR(syscall(PIDFD_OPEN, no_more, 0), ESRCH);
	EXPECT_ERR(syscall(PIDFD_OPEN, NO_PID, 0), ESRCH);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, -1, 0, NULL, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, devnull, 0, NULL, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, plain, 0, NULL, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, 99, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, 0, NULL, 0x100), EINVAL);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, SIGUSR1, NOWHERE, 0), EFAULT);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, SIGUSR2, &kernel_says, 0), EINVAL);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, SIGUSR1, &kernel_says, 0), EPERM);
	EXPECT_ERR(syscall(PIDFD_GETFD, -1, 0, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_GETFD, devnull, 0, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_GETFD, fd, 999, 0), EBADF);
	EXPECT_ERR(syscall(PIDFD_GETFD, fd, 0, 1), EINVAL);
	if (without_descriptors()) {
		EXPECT_ERR(syscall(PIDFD_OPEN, pid, 0), EMFILE);
		EXPECT_ERR(syscall(PIDFD_GETFD, fd, test_pipe[1], 0), EMFILE);
		_exit(0);
	}
	if (as_nobody()) {
		EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, SIGTERM, NULL, 0), EPERM);
		EXPECT_ERR(syscall(PIDFD_GETFD, fd, 1, 0), EPERM);
		_exit(0);
	}
	end_of(pid);
	EXPECT_ERR(syscall(PIDFD_SEND_SIGNAL, fd, 0, NULL, 0), ESRCH);
	EXPECT_ERR(syscall(PIDFD_GETFD, fd, 1, 0), ESRCH);
}

/* ---- memory policy ---- */

/* More bits than a page holds. */
#define TOO_MANY (PAGE * 8 + 2)

/* A page of bits whose last one is set: a node that no kernel can have. */
static unsigned long *last_bit(void)
{
	unsigned long *bits = (unsigned long *)map_pages(1);

	bits[PAGE / sizeof(*bits) - 1] = 1UL << 63;
	return bits;
}

TEST(mbind_rows)
{
	char *p = map_pages(4);
	mask m = one_node(0), none = low_nodes(0), far = one_node(1000);

	EXPECT_ERR(syscall(SYS_mbind, p, PAGE, MPOL_BIND, NOWHERE, MAXNODE, 0), EFAULT);
	EXPECT_ERR(mbind(p, PAGE, 77, m, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, -1, m, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_BIND, m, 0x100), EINVAL);
	EXPECT_ERR(mbind(p, -2 * PAGE, MPOL_BIND, m, 0), EINVAL);
	EXPECT_ERR(mbind(p + 1, PAGE, MPOL_BIND, m, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_DEFAULT, m, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_BIND, none, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_INTERLEAVE, none, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_mbind, p, PAGE, MPOL_BIND, m.w, TOO_MANY, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_BIND, far, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_mbind, p, PAGE, MPOL_BIND, last_bit(), PAGE * 8 + 1, 0), EINVAL);
	EXPECT_ERR(mbind(p, PAGE, MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, m, 0),
		   EINVAL);
	if (as_nobody()) {
		EXPECT_ERR(mbind(p, PAGE, MPOL_BIND, m, MPOL_MF_MOVE_ALL), EPERM);
		_exit(0);
	}
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(mbind(p, 3 * PAGE, MPOL_BIND, m, 0), EFAULT);
}

TEST(set_and_get_mempolicy_rows)
{
	mask m = one_node(0), none = low_nodes(0), far = one_node(1000);
	char *p = map_pages(2);
	int mode;

	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, NOWHERE, MAXNODE), EFAULT);
	EXPECT_ERR(set_mempolicy(77, m), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_DEFAULT, m), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_BIND, none), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_INTERLEAVE, none), EINVAL);
	EXPECT_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, m.w, TOO_MANY), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_BIND, far), EINVAL);
	EXPECT_ERR(set_mempolicy(MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, m),
		   EINVAL);
	/* MPOL_F_NUMA_BALANCING is for MPOL_BIND (and MPOL_PREFERRED_MANY) alone. */
	EXPECT_ERR(set_mempolicy(MPOL_INTERLEAVE | (1 << 13), m), EINVAL);

	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(syscall(SYS_get_mempolicy, NOWHERE, NULL, 0UL, NULL, 0), EFAULT);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NOWHERE, MAXNODE, NULL, 0), EFAULT);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, p + PAGE, MPOL_F_ADDR), EFAULT);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, m.w, 0UL, NULL, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, m.w, MAXNODE, NULL, 0x100), EINVAL);
	/* The page says EINVAL of MPOL_F_ADDR with NULL; that is an address that nothing is mapped at. */
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, MPOL_F_ADDR), EFAULT);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, p, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, MPOL_F_NODE), EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, NULL, m.w, MAXNODE, p,
			   MPOL_F_MEMS_ALLOWED | MPOL_F_ADDR),
		   EINVAL);
	EXPECT_ERR(syscall(SYS_get_mempolicy, NULL, m.w, MAXNODE, NULL,
			   MPOL_F_MEMS_ALLOWED | MPOL_F_NODE),
		   EINVAL);
}

static long home(void *p, size_t len, unsigned long node, unsigned long flags)
{
	return syscall(SYS_home_node, p, len, node, flags);
}

TEST(home_node_rows)
{
	char *p = map_pages(2);

	EXPECT_ERR(home(p + 1, PAGE, 0, 0), EINVAL);
	EXPECT_ERR(home(p, PAGE, 0, 1), EINVAL);
	EXPECT_ERR(home(p, PAGE, 1000000, 0), EINVAL);
	EXPECT_ERR(home(p, -2 * PAGE, 0, 0), EINVAL);
	EXPECT_ERR(home(p, PAGE, 0, 0), ENOENT); /* no policy of its own */
	ASSERT_OK(mbind(p, PAGE, MPOL_INTERLEAVE, one_node(0), 0));
	EXPECT_ERR(home(p, PAGE, 0, 0), EOPNOTSUPP);
}

static long move(pid_t pid, unsigned long n, void *pages, void *nodes, void *status, int flags)
{
	return syscall(SYS_move_pages, pid, n, pages, nodes, status, flags);
}

TEST(move_pages_rows)
{
	char *p = map_pages(2);
	void *one[1] = { p };
	int node = 0, bad = 1000, status = 0;
	pid_t pid = sleeper(), no_more = dead();

	p[0] = 1;
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_OK(move(0, 1, one, NULL, &status, 0));
	EXPECT_EQ(status >= 0, 1);
	EXPECT_ERR(move(0, 1, NOWHERE, NULL, &status, 0), EFAULT);
	EXPECT_ERR(move(0, 1, one, NULL, NOWHERE, 0), EFAULT);
	EXPECT_ERR(move(0, 1, one, NOWHERE, &status, 0), EFAULT);
	EXPECT_ERR(move(0, 1, one, &node, &status, MPOL_MF_STRICT), EINVAL);
	EXPECT_ERR(move(0, 1, one, &node, &status, 0x100), EINVAL);
	EXPECT_ERR(move(0, 1, one, &bad, &status, MPOL_MF_MOVE), ENODEV);
	EXPECT_ERR(move(no_more, 1, one, NULL, &status, 0), ESRCH);
	EXPECT_ERR(move(NO_PID, 1, one, NULL, &status, 0), ESRCH);
	if (as_nobody()) {
		EXPECT_ERR(move(0, 1, one, &node, &status, MPOL_MF_MOVE_ALL), EPERM);
		EXPECT_ERR(move(pid, 1, one, &node, &status, MPOL_MF_MOVE), EPERM);
		_exit(0);
	}
	/* Of one page: in its status. */
	one[0] = p + PAGE;
	EXPECT_OK(move(0, 1, one, NULL, &status, 0));
	EXPECT_EQ(status, -EFAULT);
	one[0] = map_pages(1);
	EXPECT_OK(move(0, 1, one, NULL, &status, 0));
	EXPECT_EQ(status, -ENOENT);
	end_of(pid);
}

static long migrate(pid_t pid, unsigned long max, const void *from, const void *to)
{
	return syscall(SYS_migrate_pages, pid, max, from, to);
}

TEST(migrate_pages_rows)
{
	mask m = one_node(0), none = low_nodes(0), far = one_node(1000);
	pid_t pid = sleeper(), no_more = dead();

	EXPECT_EQ(migrate(0, MAXNODE, m.w, m.w), 0);
	EXPECT_ERR(migrate(0, MAXNODE, NOWHERE, m.w), EFAULT);
	EXPECT_ERR(migrate(0, MAXNODE, m.w, NOWHERE), EFAULT);
	EXPECT_ERR(migrate(0, TOO_MANY, m.w, m.w), EINVAL);
	EXPECT_ERR(migrate(0, MAXNODE, m.w, far.w), EINVAL);
	EXPECT_ERR(migrate(0, PAGE * 8 + 1, last_bit(), m.w), EINVAL);
	EXPECT_ERR(migrate(0, PAGE * 8 + 1, last_bit(), last_bit()), EINVAL);
	EXPECT_ERR(migrate(0, MAXNODE, m.w, none.w), EINVAL);
	EXPECT_ERR(migrate(no_more, MAXNODE, m.w, m.w), ESRCH);
	EXPECT_ERR(migrate(NO_PID, MAXNODE, m.w, m.w), ESRCH);
	if (as_nobody()) {
		EXPECT_ERR(migrate(pid, MAXNODE, m.w, m.w), EPERM);
		_exit(0);
	}
	end_of(pid);
}
