/*
 * errnos_task.c - each errno that fork(2), clone(2), clone3(2), execve(2), execveat, futex(2), the calls of robust lists,
 * wait4(2), waitid(2), getrlimit(2), setrlimit(2), prlimit(2), sigaltstack(2) and arch_prctl(2) name.
 *
 * Rows that are not here, and why:
 *   fork EAGAIN of threads-max and pid_max: system-wide, would hit all other programs. EAGAIN of SCHED_DEADLINE: Quire has no such class.
 *   fork, clone, execve ENOMEM: tests/user/failnth.c injects failures. ENOSYS, ERESTARTNOINTR: seen by a tracer at most.
 *   clone, clone3 of namespaces (CLONE_NEW*, set_tid beyond one's own) and cgroups (EACCES, EBUSY, ENOSPC, EOPNOTSUPP,
 *     EUSERS): Quire has one namespace of each kind and no cgroups; it says EINVAL of all of them, as Linux without the options.
 *   execve EAGAIN: needs a user at the limit of processes. EIO, ENFILE: need a bad disk, or the machine out of files.
 *     EPERM of a traced program or of capabilities: Quire has no ptrace and no file capabilities; of a nosuid mount: the bit is ignored.
 *   execve EINVAL of two PT_INTERP, EISDIR and ELIBBAD of the interpreter: tests/user/badelf.c.
 *   futex with PI: left out of Quire, ENOSYS as on a kernel without. FUTEX_FD: removed in Linux 2.6.26.
 *   setrlimit EPERM above nr_open: system-wide setting. arch_prctl ENODEV of ARCH_SET_CPUID: depends on the processor.
 */
#include "errnos.h"
#include <limits.h>
#include <time.h>

enum {
	FUTEX_WAIT,
	FUTEX_WAKE,
	FUTEX_REQUEUE = 3,
	FUTEX_CMP_REQUEUE,
	FUTEX_WAKE_OP,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_CLOCK_REALTIME = 256,
	ARCH_SET_GS = 0x1001,
	ARCH_SET_FS,
	ARCH_GET_FS,
	ARCH_GET_GS,
};
#define FLAG_VM		   0x100
#define FLAG_FS		   0x200
#define FLAG_SIGHAND	   0x800
#define FLAG_PIDFD	   0x1000
#define FLAG_PARENT	   0x8000
#define FLAG_THREAD	   0x10000
#define FLAG_NEWNS	   0x20000
#define FLAG_PARENT_SETTID 0x100000
#define FLAG_DETACHED	   0x400000
#define FLAG_CLEAR_SIGHAND 0x100000000UL
#define SYS_CLONE3	   435

static long clone_of(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags, 0, NULL, NULL, 0);

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0x80000000 /* __WCLONE */ | 0x40000000 /* __WALL */);
	return pid;
}

TEST(fork_and_clone_rows)
{
	int fd = -1;

	if (as_nobody()) {
		limit(RLIMIT_NPROC, 0);
		EXPECT_ERR(fork(), EAGAIN);
		EXPECT_ERR(clone_of(SIGCHLD), EAGAIN);
		_exit(0);
	}
	EXPECT_ERR(clone_of(FLAG_SIGHAND | SIGCHLD), EINVAL);
	EXPECT_ERR(clone_of(FLAG_THREAD | SIGCHLD), EINVAL);
	EXPECT_ERR(clone_of(FLAG_THREAD | FLAG_VM), EINVAL);
	EXPECT_ERR(clone_of(FLAG_FS | FLAG_NEWNS | SIGCHLD), EINVAL);
	EXPECT_ERR(syscall(SYS_clone, FLAG_PIDFD | FLAG_DETACHED | SIGCHLD, 0, &fd, NULL, 0),
		   EINVAL);
	EXPECT_ERR(syscall(SYS_clone, FLAG_PIDFD | FLAG_PARENT_SETTID | SIGCHLD, 0, &fd, NULL, 0),
		   EINVAL);
	EXPECT_ERR(syscall(SYS_clone, FLAG_PIDFD | SIGCHLD, 0, NOWHERE, NULL, 0), EFAULT);
	EXPECT_ERR(syscall(SYS_clone, 0x2000 | FLAG_SIGHAND | SIGCHLD, 0, NULL, NULL, 0), EINVAL);
}

struct args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
	uint64_t beyond;
};

static long clone3_of(struct args a, size_t size)
{
	long pid = syscall(SYS_CLONE3, &a, size);

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid;
}

#define ROW3(want, ...) \
	EXPECT_ERR(clone3_of((struct args){ __VA_ARGS__ }, sizeof(struct args) - 8), want)

TEST(clone3_rows)
{
	struct args good = { .exit_signal = SIGCHLD };

	EXPECT(clone3_of(good, sizeof(good)) > 0); /* larger, and zero in what is not known */
	ROW3(EINVAL, .flags = FLAG_SIGHAND | FLAG_CLEAR_SIGHAND | FLAG_VM);
	ROW3(EINVAL, .flags = FLAG_SIGHAND);
	ROW3(EINVAL, .flags = FLAG_THREAD | FLAG_VM);
	ROW3(EINVAL, .flags = FLAG_DETACHED);
	ROW3(EINVAL, .flags = 1UL << 60);
	ROW3(EINVAL, .flags = 0x11); /* a signal in the flags */
	ROW3(EINVAL, .exit_signal = 65);
	ROW3(EINVAL, .exit_signal = 1UL << 32);
	ROW3(EINVAL, .flags = FLAG_THREAD | FLAG_SIGHAND | FLAG_VM, .exit_signal = SIGCHLD);
	ROW3(EINVAL, .exit_signal = SIGCHLD, .stack = PAGE);
	ROW3(EINVAL, .exit_signal = SIGCHLD, .stack_size = PAGE);
	ROW3(EINVAL, .exit_signal = SIGCHLD, .set_tid_size = 33);
	ROW3(EINVAL, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&good);
	ROW3(EINVAL, .exit_signal = SIGCHLD, .set_tid_size = 1);
	ROW3(EFAULT, .exit_signal = SIGCHLD, .flags = FLAG_PIDFD, .pidfd = 8);
	EXPECT_ERR(syscall(SYS_CLONE3, NOWHERE, sizeof(good) - 8), EFAULT);
	EXPECT_ERR(clone3_of(good, 63), EINVAL);
	EXPECT_ERR(clone3_of(good, PAGE + 1), E2BIG);
	good.beyond = 1;
	EXPECT_ERR(clone3_of(good, sizeof(good)), E2BIG);
	if (!getuid()) {
		pid_t used[2] = { getpid(), 0 }, none = 0, free = dead();
		struct args wish = { .exit_signal = SIGCHLD,
				     .set_tid = (uintptr_t)&free,
				     .set_tid_size = 1 };

		ROW3(EEXIST, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)used, .set_tid_size = 1);
		ROW3(EINVAL, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&none,
		     .set_tid_size = 1);
		ROW3(EFAULT, .exit_signal = SIGCHLD, .set_tid = 8, .set_tid_size = 1);
		long got;

		/* Somebody else may take it first. */
		while ((got = clone3_of(wish, sizeof(wish))) == -1 && errno == EEXIST)
			free = dead();
		EXPECT_EQ(got, free);
	}
	if (as_nobody()) {
		pid_t mine = 12345;

		ROW3(EPERM, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&mine, .set_tid_size = 1);
		_exit(0);
	}
}

static long run(const char *path)
{
	static char *const argv[] = { "x", NULL };

	return syscall(SYS_execve, path, argv, NULL);
}

static void script(const char *name, const char *text, int mode)
{
	make_file(name, text, strlen(text));
	ASSERT_OK(chmod(name, mode));
}

TEST(execve_rows)
{
	char *page = map_pages(1), *far[3] = { (char *)NOWHERE, NULL }, name[64], text[96];
	static char *many[70000];
	int fd;

	test_dir();
	memset(page, 'a', PAGE - 1);
	script("yes", "#!/bin/nothing\n", 0755);
	script("no", "#!/bin/sh\n", 0644);
	script("odd", "neither\n", 0755);
	ASSERT_OK(mkdir("dir", 0755));
	ASSERT_OK(symlink("loop", "loop"));
	/* E2BIG: bytes, and one word alone. */
	for (int i = 0; i < 69999; i++)
		many[i] = page;
	EXPECT_ERR(syscall(SYS_execve, test_self, many, NULL), E2BIG);
	EXPECT_ERR(syscall(SYS_execve, test_self, NULL, many), E2BIG);
	/* EACCES */
	EXPECT_ERR(run("dir"), EACCES);
	EXPECT_ERR(run("no"), EACCES);
	EXPECT_ERR(run("/dev/null"), EACCES);
	script("bydir", "#!dir\n", 0755);
	EXPECT_ERR(run("bydir"), EACCES);
	script("byno", "#!no\n", 0755);
	EXPECT_ERR(run("byno"), EACCES);
	/* EFAULT */
	EXPECT_ERR(syscall(SYS_execve, NOWHERE, NULL, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_execve, test_self, NOWHERE, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_execve, test_self, NULL, NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_execve, test_self, far, NULL), EFAULT);
	/* ELOOP: links, and interpreters of interpreters. */
	EXPECT_ERR(run("loop"), ELOOP);
	script("s0", "#!/bin/sh\n", 0755);
	for (int i = 1; i < 8; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(text, sizeof(text), "#!s%d\n", i - 1);
		script(name, text, 0755);
	}
	EXPECT_ERR(run("s7"), ELOOP);
	/* ENAMETOOLONG, ENOENT, ENOEXEC, ENOTDIR */
	EXPECT_ERR(run(page), ENAMETOOLONG);
	page[300] = 0;
	EXPECT_ERR(run(page), ENAMETOOLONG);
	EXPECT_ERR(run("nothing"), ENOENT);
	EXPECT_ERR(run("yes"), ENOENT); /* its interpreter */
	EXPECT_ERR(run(""), ENOENT);
	EXPECT_ERR(run("odd"), ENOEXEC);
	EXPECT_ERR(run("odd/x"), ENOTDIR);
	script("bydown", "#!odd/x\n", 0755);
	EXPECT_ERR(run("bydown"), ENOTDIR);
	/* ETXTBSY */
	fd = open("odd", O_RDWR);
	ASSERT_OK(fd);
	EXPECT_ERR(run("odd"), ETXTBSY);
	close(fd);
	/* EMFILE: a script by descriptor needs none; EBADF, EINVAL of execveat. */
	EXPECT_ERR(syscall(SYS_execveat, 999, "x", NULL, NULL, 0), EBADF);
	EXPECT_ERR(syscall(SYS_execveat, AT_FDCWD, "odd", NULL, NULL, 1), EINVAL);
	EXPECT_ERR(syscall(SYS_execveat, AT_FDCWD, "loop", NULL, NULL, AT_SYMLINK_NOFOLLOW), ELOOP);
	fd = open("odd", O_RDONLY);
	EXPECT_ERR(syscall(SYS_execveat, fd, "x", NULL, NULL, 0), ENOTDIR);
	ASSERT_OK(mkdir("shut", 0700));
	script("shut/x", "#!/bin/sh\n", 0755);
	if (as_nobody()) {
		EXPECT_ERR(run("shut/x"), EACCES);
		_exit(0);
	}
}

static long futex(void *word, int op, unsigned int val, const void *timeout, void *word2,
		  unsigned int val3)
{
	return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static void woken(int sig unused)
{
}

TEST(futex_rows)
{
	char *p = map_pages(2);
	unsigned int *w = (unsigned int *)p, *odd = (unsigned int *)(p + 1),
		     *hole = (unsigned int *)(p + PAGE);
	struct timespec bad = { 0, 1000000000 }, negative = { -1, 0 }, soon = { 0, 1000000 };
	static const int waits[] = { FUTEX_WAIT, FUTEX_WAIT_BITSET };
	struct sigaction sa = { .sa_handler = woken };

	ASSERT_OK(munmap(p + PAGE, PAGE));
	for (int k = 0; k < 2; k++) {
		EXPECT_ERR(futex(w, waits[k], 1, NULL, NULL, -1), EAGAIN);
		EXPECT_ERR(futex(NOWHERE, waits[k], 0, NULL, NULL, -1), EFAULT);
		EXPECT_ERR(futex(hole, waits[k], 0, NULL, NULL, -1), EFAULT);
		EXPECT_ERR(futex(w, waits[k], 0, NOWHERE, NULL, -1), EFAULT);
		EXPECT_ERR(futex(w, waits[k], 0, &bad, NULL, -1), EINVAL);
		EXPECT_ERR(futex(w, waits[k], 0, &negative, NULL, -1), EINVAL);
		EXPECT_ERR(futex(odd, waits[k], 0, NULL, NULL, -1), EINVAL);
		EXPECT_ERR(futex(w, waits[k], 0, &soon, NULL, -1), ETIMEDOUT);
	}
	EXPECT_ERR(futex((void *)kernel_address(), FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	EXPECT_ERR(futex(hole, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	EXPECT_ERR(futex(odd, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	EXPECT_ERR(futex(w, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	EXPECT_ERR(futex(w, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	EXPECT_ERR(futex(w, FUTEX_CMP_REQUEUE, 1, (void *)1, w + 1, 7), EAGAIN);
	EXPECT_ERR(futex(w, FUTEX_CMP_REQUEUE, 1, (void *)1, hole, 0), EFAULT);
	EXPECT_ERR(futex(w, FUTEX_CMP_REQUEUE, 1, (void *)1, odd, 0), EINVAL);
	EXPECT_ERR(futex(w, FUTEX_REQUEUE, -1, (void *)1, w + 1, 0), EINVAL);
	EXPECT_ERR(futex(w, FUTEX_REQUEUE, 1, (void *)-1, w + 1, 0), EINVAL);
	EXPECT_ERR(futex(w, FUTEX_WAKE_OP, 1, (void *)1, hole, 0), EFAULT);
	EXPECT_ERR(futex(w, FUTEX_WAKE_OP, 1, (void *)1, w + 1, 0x0fU << 24), ENOSYS);
	EXPECT_ERR(futex(w, 99, 0, NULL, NULL, 0), ENOSYS);
	EXPECT_ERR(futex(w, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
	EXPECT_ERR(futex(w, FUTEX_REQUEUE | FUTEX_CLOCK_REALTIME, 0, NULL, w + 1, 0), ENOSYS);
	/* EACCES: the page says so; a word that cannot be read is EFAULT. */
	ASSERT_OK(mprotect(p, PAGE, PROT_NONE));
	EXPECT_ERR(futex(w, FUTEX_WAIT, 0, &soon, NULL, 0), EFAULT);
	EXPECT_ERR(futex(w, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &soon, NULL, 0), EFAULT);
	ASSERT_OK(mprotect(p, PAGE, RW));
	if (in_child()) { /* EINTR: with a timeout it is not begun again. Signals come until one finds it waiting. */
		pid_t me = getpid(), other;
		struct timespec long_time = { 600, 0 };

		ASSERT_OK(sigaction(SIGUSR1, &sa, NULL));
		other = test_fork();

		if (!other)
			for (;;) {
				kill(me, SIGUSR1);
				usleep(1000);
			}
		EXPECT_ERR(futex(w, FUTEX_WAIT, 0, &long_time, NULL, 0), EINTR);
		end_of(other);
		_exit(0);
	}
}

TEST(robust_list_rows)
{
	void *head = NULL;
	size_t len;
	pid_t pid = sleeper(), no_more = dead();

	EXPECT_ERR(syscall(SYS_set_robust_list, &head, 23), EINVAL);
	EXPECT_ERR(syscall(SYS_get_robust_list, 0, NOWHERE, &len), EFAULT);
	EXPECT_ERR(syscall(SYS_get_robust_list, 0, &head, NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_get_robust_list, no_more, &head, &len), ESRCH);
	EXPECT_ERR(syscall(SYS_get_robust_list, NO_PID, &head, &len), ESRCH);
	if (as_nobody()) {
		EXPECT_ERR(syscall(SYS_get_robust_list, pid, &head, &len), EPERM);
		_exit(0);
	}
	end_of(pid);
}

TEST(wait_rows)
{
	siginfo_t info;
	struct sigaction sa = { .sa_handler = woken };
	int fd;
	pid_t pid;

	EXPECT_ERR(wait(NULL), ECHILD);
	EXPECT_ERR(waitpid(getppid(), NULL, 0), ECHILD);
	EXPECT_ERR(waitid(P_PID, getppid(), &info, WEXITED), ECHILD);
	EXPECT_ERR(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
	EXPECT_ERR(waitpid(-1, NULL, 0x100), EINVAL);
	EXPECT_ERR(waitid(P_ALL, 0, &info, 0), EINVAL);
	EXPECT_ERR(waitid(P_ALL, 0, &info, WEXITED | 0x100), EINVAL);
	EXPECT_ERR(waitid(77, 0, &info, WEXITED), EINVAL);
	EXPECT_ERR(waitid(P_PID, 0, &info, WEXITED), EINVAL);
	EXPECT_ERR(waitpid(INT_MIN, NULL, 0), ESRCH);
	pid = sleeper();
	fd = syscall(434, pid, O_NONBLOCK);
	ASSERT_OK(fd);
	EXPECT_ERR(waitid(3 /* P_PIDFD */, fd, &info, WEXITED), EAGAIN);
	EXPECT_ERR(waitid(3, 999, &info, WEXITED), EBADF);
	EXPECT_ERR(waitid(3, 0, &info, WEXITED), EBADF);
	if (in_child()) {
		pid_t me = getpid(), mine = sleeper(), other;

		ASSERT_OK(sigaction(SIGUSR1, &sa, NULL));
		other = test_fork();

		if (!other)
			for (;;) {
				kill(me, SIGUSR1);
				usleep(1000);
			}
		EXPECT_ERR(waitpid(mine, NULL, 0), EINTR);
		end_of(other);
		end_of(mine);
		_exit(0);
	}
	if (in_child()) { /* children that are not waited for */
		signal(SIGCHLD, SIG_IGN);
		pid = fork();
		if (!pid)
			_exit(0);
		EXPECT_ERR(waitpid(pid, NULL, 0), ECHILD);
		_exit(0);
	}
	end_of(pid);
}

TEST(rlimit_rows)
{
	struct rlimit r = { 10, 5 };
	pid_t pid = sleeper(), no_more = dead();

	EXPECT_ERR(syscall(SYS_getrlimit, RLIMIT_AS, NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_setrlimit, RLIMIT_AS, NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_prlimit64, 0, RLIMIT_AS, NOWHERE, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_getrlimit, 16, &r), EINVAL);
	EXPECT_ERR(syscall(SYS_setrlimit, 99, &r), EINVAL);
	EXPECT_ERR(syscall(SYS_setrlimit, RLIMIT_AS, &r), EINVAL);
	EXPECT_ERR(syscall(SYS_prlimit64, 0, RLIMIT_AS, &r, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_prlimit64, 0, -1, &r, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_prlimit64, no_more, RLIMIT_AS, NULL, &r), ESRCH);
	EXPECT_ERR(syscall(SYS_prlimit64, NO_PID, RLIMIT_AS, NULL, &r), ESRCH);
	if (as_nobody()) {
		EXPECT_ERR(syscall(SYS_prlimit64, pid, RLIMIT_AS, NULL, &r), EPERM);
		ASSERT_OK(getrlimit(RLIMIT_NICE, &r));
		if (r.rlim_max != RLIM_INFINITY) {
			r.rlim_max++;
			EXPECT_ERR(setrlimit(RLIMIT_NICE, &r), EPERM);
		}
		r.rlim_cur = r.rlim_max = 5;
		EXPECT_OK(setrlimit(RLIMIT_CORE, &r));
		r.rlim_max = 6;
		EXPECT_ERR(setrlimit(RLIMIT_CORE, &r), EPERM);
		_exit(0);
	}
	end_of(pid);
}

static stack_t other_stack;

static void on_the_stack(int sig unused)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	EXPECT_ERR(sigaltstack(&other_stack, NULL), EPERM);
	EXPECT_ERR(sigaltstack(&none, NULL), EPERM);
}

TEST(sigaltstack_rows)
{
	struct sigaction sa = { .sa_handler = on_the_stack, .sa_flags = SA_ONSTACK };
	stack_t s = { .ss_sp = map_pages(8), .ss_size = 8 * PAGE };

	EXPECT_ERR(syscall(SYS_sigaltstack, NOWHERE, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_sigaltstack, NULL, NOWHERE), EFAULT);
	s.ss_flags = 77;
	EXPECT_ERR(syscall(SYS_sigaltstack, &s, NULL), EINVAL);
	s.ss_flags = 0;
	s.ss_size = 100;
	EXPECT_ERR(syscall(SYS_sigaltstack, &s, NULL), ENOMEM);
	s.ss_size = 8 * PAGE;
	other_stack = s;
	ASSERT_OK(sigaltstack(&s, NULL));
	ASSERT_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
}

TEST(arch_prctl_rows)
{
	EXPECT_ERR(syscall(SYS_arch_prctl, 0x77, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_arch_prctl, ARCH_GET_FS, NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_arch_prctl, ARCH_GET_GS, NOWHERE), EFAULT);
	EXPECT_ERR(syscall(SYS_arch_prctl, ARCH_SET_FS, kernel_address()), EPERM);
	EXPECT_ERR(syscall(SYS_arch_prctl, ARCH_SET_GS, kernel_address()), EPERM);
}
