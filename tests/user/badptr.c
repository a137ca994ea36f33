/*
 * badptr.c - system calls with bad pointers give EFAULT, and random arguments hurt only the caller.
 *
 * A table lists calls with the place of one pointer in each; every pointer is replaced in turn by
 * addresses that cannot be used: never mapped, PROT_NONE, kernel, non-canonical, the last bytes of
 * user space, an object that runs over the end of a page, and, for pointers that the kernel writes
 * through, a read-only page.  Then "fuzz-lite": random calls with random arguments in a child that
 * is nobody, locked in an empty directory; it may die, but the machine must go on as before.
 */
#include "test.h"
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define BAD 0x0bad0bad0bad0badL /* stands for the bad pointer in the table */

enum { IN, OUT, PATH }; /* what the kernel does with it */

static int zero, null_w, dir, file, pipes[2];
static struct timespec nap;
static long two[64];
static char path_a[] = "a", out_buf[4096];

struct call {
	const char *name;
	long nr;
	int kind;
	long arg[6];
};

#define L(x) ((long)(x))

/* The descriptors are opened at run time, so the table is made there too. */
static size_t make_table(struct call *t)
{
	const struct call list[] = {
		{ "read", SYS_read, OUT, { zero, BAD, 64 } },
		{ "write", SYS_write, IN, { pipes[1], BAD, 64 } },
		{ "open", SYS_open, PATH, { BAD, O_RDONLY } },
		{ "openat", SYS_openat, PATH, { AT_FDCWD, BAD, O_RDONLY } },
		{ "creat", SYS_creat, PATH, { BAD, 0600 } },
		{ "stat path", SYS_stat, PATH, { BAD, L(out_buf) } },
		{ "stat buffer", SYS_stat, OUT, { L("/"), BAD } },
		{ "lstat buffer", SYS_lstat, OUT, { L("/"), BAD } },
		{ "fstat", SYS_fstat, OUT, { zero, BAD } },
		{ "newfstatat", SYS_newfstatat, OUT, { AT_FDCWD, L("/"), BAD, 0 } },
		{ "statx path", SYS_statx, PATH, { AT_FDCWD, BAD, 0, 0x7ff, L(out_buf) } },
		{ "statx buffer", SYS_statx, OUT, { AT_FDCWD, L("/"), 0, 0x7ff, BAD } },
		{ "statfs path", SYS_statfs, PATH, { BAD, L(out_buf) } },
		{ "statfs buffer", SYS_statfs, OUT, { L("/"), BAD } },
		{ "fstatfs", SYS_fstatfs, OUT, { file, BAD } },
		{ "access", SYS_access, PATH, { BAD, 0 } },
		{ "faccessat2", SYS_faccessat2, PATH, { AT_FDCWD, BAD, 0, 0 } },
		{ "chdir", SYS_chdir, PATH, { BAD } },
		{ "chroot", SYS_chroot, PATH, { BAD } },
		{ "mkdir", SYS_mkdir, PATH, { BAD, 0700 } },
		{ "mkdirat", SYS_mkdirat, PATH, { AT_FDCWD, BAD, 0700 } },
		{ "rmdir", SYS_rmdir, PATH, { BAD } },
		{ "unlink", SYS_unlink, PATH, { BAD } },
		{ "unlinkat", SYS_unlinkat, PATH, { AT_FDCWD, BAD, 0 } },
		{ "rename from", SYS_rename, PATH, { BAD, L("b") } },
		{ "rename to", SYS_rename, PATH, { L(path_a), BAD } },
		{ "link to", SYS_link, PATH, { L(path_a), BAD } },
		{ "symlink text", SYS_symlink, PATH, { BAD, L("b") } },
		{ "symlink name", SYS_symlink, PATH, { L("b"), BAD } },
		{ "readlink path", SYS_readlink, PATH, { BAD, L(out_buf), 64 } },
		{ "readlink buffer", SYS_readlink, OUT, { L("link-to-a-long-name"), BAD, 64 } },
		{ "mknod", SYS_mknod, PATH, { BAD, S_IFIFO | 0600, 0 } },
		{ "chmod", SYS_chmod, PATH, { BAD, 0600 } },
		{ "chown", SYS_chown, PATH, { BAD, -1, -1 } },
		{ "truncate", SYS_truncate, PATH, { BAD, 0 } },
		{ "utimensat path", SYS_utimensat, PATH, { AT_FDCWD, BAD, 0, 0 } },
		{ "utimensat times", SYS_utimensat, IN, { AT_FDCWD, L(path_a), BAD, 0 } },
		{ "pread64", SYS_pread64, OUT, { file, BAD, 64, 0 } },
		{ "pwrite64", SYS_pwrite64, IN, { file, BAD, 64, 0 } },
		{ "readv", SYS_readv, IN, { zero, BAD, 2 } },
		{ "writev", SYS_writev, IN, { null_w, BAD, 2 } },
		{ "preadv", SYS_preadv, IN, { file, BAD, 2, 0 } },
		{ "pwritev", SYS_pwritev, IN, { file, BAD, 2, 0 } },
		{ "sendfile", SYS_sendfile, IN, { null_w, file, BAD, 8 } },
		{ "getdents64", SYS_getdents64, OUT, { dir, BAD, 512 } },
		{ "getcwd", SYS_getcwd, OUT, { BAD, 4096 } },
		{ "pipe", SYS_pipe, OUT, { BAD } },
		{ "pipe2", SYS_pipe2, OUT, { BAD, 0 } },
		{ "poll", SYS_poll, IN, { BAD, 2, 0 } },
		{ "ppoll fds", SYS_ppoll, IN, { BAD, 2, L(&nap), 0, 8 } },
		{ "ppoll time", SYS_ppoll, IN, { 0, 0, BAD, 0, 8 } },
		{ "select", SYS_select, IN, { 64, BAD, 0, 0, L(two) } },
		{ "select time", SYS_select, IN, { 0, 0, 0, 0, BAD } },
		{ "rt_sigaction new", SYS_rt_sigaction, IN, { SIGUSR1, BAD, 0, 8 } },
		{ "rt_sigaction old", SYS_rt_sigaction, OUT, { SIGUSR1, 0, BAD, 8 } },
		{ "rt_sigprocmask new", SYS_rt_sigprocmask, IN, { SIG_BLOCK, BAD, 0, 8 } },
		{ "rt_sigprocmask old", SYS_rt_sigprocmask, OUT, { SIG_BLOCK, 0, BAD, 8 } },
		{ "rt_sigpending", SYS_rt_sigpending, OUT, { BAD, 8 } },
		{ "rt_sigsuspend", SYS_rt_sigsuspend, IN, { BAD, 8 } },
		{ "rt_sigtimedwait", SYS_rt_sigtimedwait, IN, { BAD, 0, L(&nap), 8 } },
		{ "sigaltstack new", SYS_sigaltstack, IN, { BAD, 0 } },
		{ "sigaltstack old", SYS_sigaltstack, OUT, { 0, BAD } },
		{ "nanosleep", SYS_nanosleep, IN, { BAD, 0 } },
		{ "clock_nanosleep", SYS_clock_nanosleep, IN, { CLOCK_MONOTONIC, 0, BAD, 0 } },
		{ "clock_gettime", SYS_clock_gettime, OUT, { CLOCK_MONOTONIC, BAD } },
		{ "clock_getres", SYS_clock_getres, OUT, { CLOCK_MONOTONIC, BAD } },
		{ "gettimeofday", SYS_gettimeofday, OUT, { BAD, 0 } },
		{ "time", SYS_time, OUT, { BAD } },
		{ "times", SYS_times, OUT, { BAD } },
		{ "getitimer", SYS_getitimer, OUT, { ITIMER_REAL, BAD } },
		{ "setitimer", SYS_setitimer, IN, { ITIMER_VIRTUAL, BAD, 0 } },
		{ "uname", SYS_uname, OUT, { BAD } },
		{ "sysinfo", SYS_sysinfo, OUT, { BAD } },
		{ "getrlimit", SYS_getrlimit, OUT, { RLIMIT_NOFILE, BAD } },
		{ "setrlimit", SYS_setrlimit, IN, { RLIMIT_CORE, BAD } },
		{ "prlimit64 old", SYS_prlimit64, OUT, { 0, RLIMIT_CORE, 0, BAD } },
		{ "prlimit64 new", SYS_prlimit64, IN, { 0, RLIMIT_CORE, BAD, 0 } },
		{ "getrusage", SYS_getrusage, OUT, { RUSAGE_SELF, BAD } },
		{ "getresuid", SYS_getresuid, OUT, { BAD, L(two), L(two) } },
		{ "getresgid", SYS_getresgid, OUT, { L(two), L(two), BAD } },
		{ "prctl name", SYS_prctl, PATH, { 15, BAD } },
		{ "prctl get name", SYS_prctl, OUT, { 16, BAD } },
		{ "arch_prctl", SYS_arch_prctl, OUT, { 0x1003, BAD } },
		{ "futex", SYS_futex, IN, { BAD, 0, 0, L(&nap) } },
		{ "sched_getaffinity", SYS_sched_getaffinity, OUT, { 0, 128, BAD } },
		{ "sched_setaffinity", SYS_sched_setaffinity, IN, { 0, 128, BAD } },
		{ "getrandom", SYS_getrandom, OUT, { BAD, 64, 0 } },
		{ "getcpu", SYS_getcpu, OUT, { BAD, 0, 0 } },
		{ "capget", SYS_capget, IN, { BAD, L(two) } },
		{ "execve", SYS_execve, PATH, { BAD, L(two), L(two) } },
		{ "execve arguments", SYS_execve, IN, { L(test_self), BAD, L(two) } },
		{ "mincore", SYS_mincore, OUT, { L(two) & -4096, 4096, BAD } },
		{ "clone3", SYS_clone3, IN, { BAD, 64 } },
	};

	memcpy(t, list, sizeof(list));
	return ARRAY_SIZE(list);
}

static long call_with(const struct call *c, long pointer)
{
	long a[6];

	for (int i = 0; i < 6; i++)
		a[i] = c->arg[i] == BAD ? pointer : c->arg[i];
	return syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void setup(void)
{
	test_dir();
	make_file("a", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 64);
	ASSERT_OK(symlink("a-name-that-needs-more-than-the-last-bytes-of-a-page",
			  "link-to-a-long-name"));
	ASSERT_OK(zero = open("/dev/zero", O_RDONLY));
	ASSERT_OK(null_w = open("/dev/null", O_WRONLY));
	ASSERT_OK(dir = open(".", O_RDONLY | O_DIRECTORY));
	ASSERT_OK(file = open("a", O_RDWR));
	ASSERT_OK(pipe2(pipes, O_NONBLOCK));
}

static int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void try_all(const long *pointers, size_t count, int kinds)
{
	static struct call table[128];
	size_t n;

	setup();
	n = make_table(table);
	int fd = lowest_fd();

	for (size_t i = 0; i < n; i++) {
		if (!(kinds >> table[i].kind & 1))
			continue;
		for (size_t k = 0; k < count; k++) {
			if (table[i].nr == SYS_futex && pointers[k] & 3)
				continue; /* alignment comes first there */
			errno = 0;
			long r = call_with(&table[i], pointers[k]);

			if (r != -1 || errno != EFAULT)
				check_failed(__FILE__, __LINE__, "%s with %#lx: %ld, errno %d (%s)",
					     table[i].name, pointers[k], r, errno, strerror(errno));
			if (lseek(dir, 0, SEEK_SET))
				test_fail();
		}
	}
	EXPECT_EQ(lowest_fd(), fd); /* nothing was left open */
}

TEST(addresses_that_are_not_mapped)
{
	char *hole = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const long pointers[] = { 8, L(hole) + PAGE, L(hole) + 2 * PAGE - 4 };

	try_all(pointers, 3, 7);
	ASSERT_OK(munmap(hole, 3 * PAGE));
}

TEST(addresses_of_the_kernel_and_beyond)
{
	const long pointers[] = {
		0x00007ffffffff000,
		0x00007ffffffffff8,
		0x0000800000000000,
		0x7ffffffffffffff8,
		(long)0x8000000000000000,
		(long)0xffff800000000000,
		(long)0xffff888000001000,
		(long)0xffffffff81000000,
		-PAGE,
		-8,
		-1,
	};

	try_all(pointers, ARRAY_SIZE(pointers), 7);
}

TEST(objects_that_run_over_the_end_of_a_page)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_OK(munmap(p + PAGE, PAGE));
	memset(p, 'a', PAGE);
	const long pointers[] = { L(p) + PAGE - 2, L(p) + PAGE - 1 };

	/* Paths only: reads and writes that move some bytes first may count them as done. */
	try_all(pointers, 2, 1 << PATH);
	struct timespec *t = (void *)(p + PAGE - 8);
	struct stat *st = (void *)(p + PAGE - 100);

	EXPECT_ERR(syscall(SYS_nanosleep, t, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_stat, "/", st), EFAULT);
	EXPECT_ERR(syscall(SYS_uname, p + PAGE - 65), EFAULT);
	EXPECT_ERR(syscall(SYS_rt_sigaction, SIGUSR1, p + PAGE - 16, NULL, 8), EFAULT);
	EXPECT_ERR(syscall(SYS_pipe, p + PAGE - 4), EFAULT);
}

TEST(partial_reads_and_writes_stop_at_the_border)
{
	char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long n;

	setup();
	ASSERT_OK(munmap(p + 2 * PAGE, PAGE));
	n = syscall(SYS_pwrite64, file, p, 3 * PAGE, 0);
	EXPECT(n == 2 * (long)PAGE || (n == -1 && errno == EFAULT));
	n = syscall(SYS_pread64, file, p + PAGE + 100, 2 * PAGE, 0);
	EXPECT((n > 0 && n <= (long)PAGE - 100) || (n == -1 && errno == EFAULT));
	n = syscall(SYS_read, zero, p + PAGE, 2 * PAGE);
	EXPECT(n == (long)PAGE || (n == -1 && errno == EFAULT));
}

TEST(read_only_memory_for_results)
{
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const long pointers[] = { L(p), L("constant text of the program, 64 bytes of it........."
					  "..............................") };

	(void)*(volatile char *)p;
	try_all(pointers, 2, 1 << OUT);
	EXPECT_EQ(p[0], 0);
}

TEST(a_wait_status_that_cannot_be_stored)
{
	pid_t pid = test_fork();

	if (!pid)
		_exit(0);
	EXPECT_ERR(syscall(SYS_wait4, pid, 8L, 0, NULL), EFAULT);
	EXPECT_ERR(syscall(SYS_wait4, pid, NULL, 0, NULL), ECHILD); /* reaped all the same */
	pid = test_fork();
	if (!pid)
		_exit(0);
	EXPECT_ERR(syscall(SYS_waitid, P_PID, pid, 8L, WEXITED, NULL), EFAULT);
}

TEST(bad_signal_frames_kill)
{
	static const uint64_t stacks[] = {
		0,
		8,
		0x00007ffffffff000,
		0x0000800000000000,
		0x8000000000000000,
		0xffff888000001000,
		0xffffffffffffffff,
	};

	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		pid_t pid = test_fork();

		if (!pid)
			asm volatile("mov %0, %%rsp; mov $15, %%eax; syscall; ud2"
				     :
				     : "r"(stacks[i])
				     : "memory");
		EXPECT_KILLED(pid, SIGSEGV);
	}
	/* A frame full of random words: wrong selectors, flags and addresses must not get through. */
	for (int i = 0; i < 200; i++) {
		uint64_t sub = rnd() | 1;
		pid_t pid = test_fork();

		if (!pid) {
			uint64_t *frame = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			test_random = sub;
			for (size_t k = 0; k < 2 * PAGE / 8; k++) {
				static const uint64_t odd[] = { 0,
								0x33,
								0x2b,
								0x10,
								0x202,
								0x3000,
								~0UL,
								0xffffffff81000000,
								0x8000000000000000,
								0x1f80 };

				frame[k] = rnd_below(3) ? odd[rnd_below(ARRAY_SIZE(odd))] : rnd();
			}
			alarm(5);
			asm volatile("mov %0, %%rsp; mov $15, %%eax; syscall; ud2"
				     :
				     : "r"(frame)
				     : "memory");
		}
		int status = test_wait(pid);

		if (!WIFSIGNALED(status) || WTERMSIG(status) == SIGALRM)
			check_failed(__FILE__, __LINE__, "frame %#llx: status %#x",
				     (unsigned long long)sub, status);
	}
}

/* ---- fuzz-lite ---- */

/*
 * Calls that would end the run, block every signal, take the child's own memory away, or leave
 * objects behind in the machine.
 */
static int too_dangerous(long nr)
{
	static const short list[] = {
		SYS_mmap,
		SYS_mprotect,
		SYS_munmap,
		SYS_brk,
		SYS_rt_sigaction,
		SYS_rt_sigprocmask,
		SYS_rt_sigreturn,
		SYS_mremap,
		SYS_madvise,
		SYS_shmat,
		SYS_pause,
		SYS_alarm,
		SYS_setitimer,
		SYS_clone,
		SYS_fork,
		SYS_vfork,
		SYS_execve,
		SYS_exit,
		SYS_kill,
		SYS_ptrace,
		SYS_syslog,
		SYS_rt_sigtimedwait,
		SYS_rt_sigqueueinfo,
		SYS_rt_sigsuspend,
		SYS_sigaltstack,
		SYS_personality,
		SYS_vhangup,
		SYS_prctl,
		SYS_arch_prctl,
		SYS_setrlimit,
		SYS_chroot,
		SYS_sync,
		SYS_mount,
		SYS_umount2,
		SYS_reboot,
		SYS_remap_file_pages,
		SYS_tkill,
		SYS_exit_group,
		SYS_tgkill,
		SYS_mbind,
		SYS_kexec_load,
		SYS_waitid,
		SYS_pselect6,
		SYS_ppoll,
		SYS_unshare,
		SYS_epoll_pwait,
		SYS_rt_tgsigqueueinfo,
		SYS_prlimit64,
		SYS_syncfs,
		SYS_setns,
		SYS_process_vm_readv,
		SYS_process_vm_writev,
		SYS_seccomp,
		SYS_execveat,
		SYS_userfaultfd,
		SYS_set_tid_address,
		SYS_modify_ldt,
		SYS_set_thread_area,
		SYS_io_setup,
		SYS_pkey_mprotect,
		SYS_rseq,
		SYS_io_pgetevents,
		SYS_dup2,
		SYS_dup3,
		SYS_close,
		SYS_shmget,
		SYS_semget,
		SYS_msgget,
		SYS_add_key,
		SYS_mq_open,
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		if (nr == list[i])
			return 1;
	return 0;
}

static long random_argument(char *scratch)
{
	static const long values[] = {
		8,
		0x1000,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x00007ffffffff000,
		0x0000800000000000,
		0x7fffffffffffffff,
		(long)0x8000000000000000,
		(long)0xffff888000000000,
		(long)0xffffffff81000000,
		-4096,
		-100,
		-1,
	};

	switch (rnd_below(8)) {
	case 0:
	case 1:
		return rnd_below(16);
	case 2:
		return values[rnd_below(ARRAY_SIZE(values))];
	case 3:
		return 1L << rnd_below(64);
	case 4:
		return rnd_below(70000);
	default:
		return L(scratch) + rnd_below(PAGE * 4) * (rnd_below(4) ? 1 : 4) % (4 * PAGE);
	}
}

static void tick(int sig unused)
{
}

static void become_harmless(void)
{
	struct sigaction sa = { .sa_handler = tick };
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
	struct rlimit size = { 1 << 20, 1 << 20 }, files = { 64, 64 };
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 64; fd++)
		if (fd != null)
			dup2(null, fd);
	for (int fd = 8; fd < 64; fd++)
		close(fd);
	ASSERT_OK(chroot("."));
	setrlimit(RLIMIT_FSIZE, &size);
	setrlimit(RLIMIT_NOFILE, &files);
	setsid();
	ASSERT_OK(setgid(65534));
	ASSERT_OK(setuid(65534));
	ASSERT_OK(open("f", O_CREAT | O_RDWR, 0600));
	ASSERT_OK(open(".", O_RDONLY));
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL); /* whatever blocks is interrupted */
}

static void fuzz(uint64_t seed, int calls)
{
	/* The scratch pages end at a guard, so that a long length runs into EFAULT. */
	char *scratch = mmap(NULL, 1024 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_OK(mprotect(scratch, 4 * PAGE, PROT_READ | PROT_WRITE));
	become_harmless();
	test_random = seed;
	for (int n = 0; n < calls; n++) {
		long nr = rnd_below(335), a[6];

		if (n % 64 == 0)
			for (size_t i = 0; i < 4 * PAGE / 8; i++)
				((long *)scratch)[i] = rnd_below(3)   ? (long)rnd_below(64)
						       : rnd_below(2) ? 0x66
								      : random_argument(scratch);
		for (int i = 0; i < 6; i++)
			a[i] = random_argument(scratch);
		if (!too_dangerous(nr))
			syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	_exit(0);
}

TEST_LIMIT(random_calls_hurt_only_the_caller, 100)
{
	if (getuid())
		skip("needs root, to become nobody in a locked room");
	test_dir();
	ASSERT_OK(chmod(".", 0777));
	for (int round = 0; round < 12; round++) {
		uint64_t seed = rnd() | 1;
		pid_t pid = fork();

		if (!pid)
			fuzz(seed, 1500);
		int fd[2], status = -1, waited = 0;
		char c;

		ASSERT_GT(pid, 0);
		while (waitpid(pid, &status, WNOHANG) == 0 && waited++ < 3000)
			usleep(10000);
		if (waited >= 3000) {
			check_failed(__FILE__, __LINE__, "round %d, seed %#llx: it hangs", round,
				     (unsigned long long)seed);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
		/* The machine still forks, pipes and maps. */
		ASSERT_OK(pipe(fd));
		pid = test_fork();
		if (!pid) {
			char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			memset(p, round, 16 * PAGE);
			_exit(write(fd[1], p, 1) != 1);
		}
		EXPECT_EXIT(pid, 0);
		ASSERT_EQ(read(fd[0], &c, 1), 1);
		EXPECT_EQ(c, round);
		close(fd[0]);
		close(fd[1]);
	}
}
