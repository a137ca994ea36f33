/*
 * failnth.c - no memory, at each place in turn: the N-th page a system call asks for is refused, for N = 1, 2, ... until the
 * call needs no more (/proc/self/fail-nth).
 *
 * Whatever fails, the program goes on, nothing is left locked, and the memory comes back. Page faults do not fail: they
 * are repeated. Only on a kernel with fault injection, and only on Quire, since the settings are everybody's.
 */
#include "physviews.h"

#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define DEBUG "/sys/kernel/debug/"
#define MOST  2000 /* allocations in one operation */
#define MIB   (1UL << 20)
#define SLACK \
	240 /* kB that partial slabs and addresses not yet purged (vmalloc) make of difference */

static char dir[64];

static void setting(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUG "%s", name);
	if (!access(path, W_OK))
		ASSERT_EQ(write_file(path, value), strlen(value));
}

/* Every allocation may be refused, also one that may wait; without a line in the log. */
static void prepare(void)
{
	if (!on_quire() || access("/proc/self/fail-nth", W_OK))
		skip("for Quire with fault injection");
	mount("none", DEBUG, "debugfs", 0, "");
	ASSERT_OK(access(DEBUG "fail_page_alloc", X_OK));
	setting("fail_page_alloc/ignore-gfp-wait", "N");
	setting("fail_page_alloc/ignore-gfp-highmem", "N");
	setting("fail_page_alloc/min-order", "0");
	setting("fail_page_alloc/verbose", "0");
	setting("failslab/ignore-gfp-wait", "N");
	setting("failslab/verbose", "0");
}

static void restore(void)
{
	setting("fail_page_alloc/ignore-gfp-wait", "Y");
	setting("fail_page_alloc/ignore-gfp-highmem", "Y");
	setting("fail_page_alloc/min-order", "1");
	setting("fail_page_alloc/verbose", "2");
	setting("failslab/ignore-gfp-wait", "Y");
	setting("failslab/verbose", "2");
}

/* What is left of fail-nth; -1: it cannot be read for want of memory. */
static int rest(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : -1;
}

/* In a process of its own, the n-th allocation of op fails. True: op needed fewer. */
static int fewer_than(int n, void (*op)(void))
{
	pid_t pid = test_fork();

	if (pid == 0) {
		int fd = open("/proc/self/fail-nth", O_RDWR);
		char text[16];
		int len = snprintf(text, sizeof(text), "%d", n);

		rest(fd); /* the file has its buffer now */
		if (write(fd, text, len) != len)
			_exit(3);
		op();
		_exit(rest(fd) > 0 ? 2 : 0);
	}
	int status = test_wait(pid);

	EXPECT(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2));
	if (!WIFEXITED(status))
		say("# allocation %d: status %#x\n", n, status);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* op with each of its allocations refused once => how many it has */
static int each_fails(void (*op)(void))
{
	int n = 1;

	while (n < MOST && !fewer_than(n, op))
		n++;
	EXPECT_LT(n, MOST);
	return n - 1;
}

static long mem_free(void)
{
	char *text = read_text("/proc/meminfo"), *at = text ? strstr(text, "MemFree:") : NULL;

	return at ? strtol(at + 8, NULL, 10) : -1;
}

/* How often n places are gone through. A page that a short operation loses each time is seen; of a long one, some pages. */
static int rounds(int n)
{
	return n < 20 ? 64 : n < 100 ? 400 / n : 4;
}

/* kB that n rounds of op cost, once what RCU and idle CPUs still hold has come back. */
static long cost(void (*op)(void), int n)
{
	long before = mem_free(), lost = 0;

	while (n-- > 0)
		each_fails(op);
	for (int i = 0; i < 20 && (lost = before - mem_free()) > SLACK / 2; i++)
		usleep(50000);
	return lost;
}

static void storm(void (*op)(void), int least)
{
	long lost;
	int n;

	prepare();
	n = each_fails(op);
	EXPECT_GE(n, least);
	/* A leak costs the same each time; caches that grow do not. */
	for (int i = 0; (lost = cost(op, rounds(n))) > SLACK && i < 4; i++)
		;
	restore();
	say("# %d allocations, %ld kB less\n", n, lost);
	EXPECT_LE(lost, SLACK);
}

/* ---- processes ---- */

static void op_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		EXPECT_EXIT(pid, 0);
	else
		EXPECT(errno == ENOMEM || errno == EAGAIN);
}
TEST_LIMIT(fork_fails_at_each_place, 60)
{
	storm(op_fork, 4);
}

/* The new program reads what is left; what fails behind the point of no return ends it. */
HELPER(program)
{
	int fd = open("/proc/self/fail-nth", O_RDONLY);

	return fd >= 0 && rest(fd) > 0 ? 2 : 0;
}

static void op_exec(void)
{
	pid_t pid = getpid();

	exec_helper("program", "x");
	EXPECT(errno == ENOMEM);
	EXPECT_EQ(getpid(), pid);
}

/* As fewer_than(), but a kill is an answer, too. */
static int exec_fewer_than(int n)
{
	pid_t pid = test_fork();
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pid == 0) {
		int fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);

		if (write(fd, text, len) != len)
			_exit(3);
		op_exec();
		_exit(0);
	}
	int status = test_wait(pid);

	if (WIFSIGNALED(status))
		EXPECT(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV);
	return WIFEXITED(status) && WEXITSTATUS(status);
}

static void all_execs(void)
{
	int n = 1;

	while (n < MOST && !exec_fewer_than(n))
		n++;
	EXPECT_LT(n, MOST);
	EXPECT_GT(n, 8);
}

TEST_LIMIT(exec_fails_at_each_place, 60)
{
	long before, lost = SLACK + 1;

	prepare();
	for (int i = 0; i < 5 && lost > SLACK; i++) {
		before = mem_free();
		for (int k = 0; k < 4; k++)
			all_execs();
		for (int k = 0; k < 20 && (lost = before - mem_free()) > SLACK / 2; k++)
			usleep(50000);
	}
	restore();
	EXPECT_LE(lost, SLACK);
}

static void *thread(void *arg)
{
	volatile char far[3 * PAGE];

	far[0] = 1; /* the stack's fault is repeated */
	return far[0] ? arg : NULL;
}

static void op_thread(void)
{
	pthread_t t;
	void *res;

	if (pthread_create(&t, NULL, thread, dir))
		return;
	EXPECT_EQ(pthread_join(t, &res), 0);
	EXPECT(res == dir);
}
TEST_LIMIT(threads_fail_at_each_place, 60)
{
	storm(op_thread, 2);
}

static void op_signal(void)
{
	const union sigval value = { .sival_int = 7 };
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 100; i++)
		if (sigqueue(getpid(), SIGRTMIN, value))
			EXPECT_EQ(errno, EAGAIN);
	const struct timespec now = { 0, 0 };

	while (sigtimedwait(&set, &info, &now) > 0)
		EXPECT_EQ(info.si_value.sival_int, 7);
}
TEST_LIMIT(signals_fail_at_each_place, 60)
{
	storm(op_signal, 0);
}

/* ---- memory ---- */

/* Every page is written: no fault may fail for good, and what is there stays. */
static void op_anon(void)
{
	const size_t len = 4 * MIB;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;

	if (p == MAP_FAILED)
		return;
	for (size_t i = 0; i < len; i += 64 * PAGE)
		p[i] = 1 + i / PAGE / 64;
	mprotect(p + MIB, PAGE, PROT_READ);
	munmap(p + 3 * MIB, PAGE);
	q = mremap(p, MIB, 3 * MIB, MREMAP_MAYMOVE);
	if (q == MAP_FAILED)
		q = p;
	for (size_t i = 0; i < MIB; i += 64 * PAGE)
		EXPECT_EQ(q[i], 1 + i / PAGE / 64);
	munmap(q, 3 * MIB);
	munmap(p, len);
}
TEST_LIMIT(memory_fails_at_each_place, 60)
{
	storm(op_anon, 16);
}

/* The copy after fork is made in the fault. */
static char cow[64 * PAGE];

static void op_cow(void)
{
	memset(cow, 1, sizeof(cow));
	pid_t pid = fork();

	if (pid == 0) {
		for (size_t i = 0; i < sizeof(cow); i += PAGE)
			if (cow[i] != 1)
				_exit(1);
		_exit(0);
	}
	memset(cow, 2, sizeof(cow));
	for (size_t i = 0; i < sizeof(cow); i += PAGE)
		EXPECT_EQ(cow[i], 2);
	if (pid > 0)
		EXPECT_EXIT(pid, 0);
}
TEST_LIMIT(copies_fail_at_each_place, 120)
{
	storm(op_cow, 64);
}

static void op_policy(void)
{
	unsigned long nodes = 1;
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	syscall(SYS_set_mempolicy, 3 /* INTERLEAVE */, &nodes, 64);
	syscall(SYS_mbind, p + PAGE, 8 * PAGE, 2 /* BIND */, &nodes, 64, 0);
	memset(p, 1, 16 * PAGE);
	syscall(SYS_mbind, p, MIB, 0, NULL, 0, 0);
	munmap(p, MIB);
	read_text("/proc/self/numa_maps");
}
TEST_LIMIT(policies_fail_at_each_place, 60)
{
	storm(op_policy, 16);
}

/* ---- files ---- */

static void op_pipe(void)
{
	static char buf[8 * PAGE];
	const struct iovec iov[2] = { { buf, 10 }, { buf + 10, 20 } };
	int fd[2];

	if (pipe2(fd, O_NONBLOCK))
		return;
	ssize_t in = write(fd[1], buf, sizeof(buf)), out = 0, n;

	n = writev(fd[1], iov, 2);
	in = (in > 0 ? in : 0) + (n > 0 ? n : 0);
	fcntl(fd[1], F_SETPIPE_SZ, (int)MIB);
	while ((n = read(fd[0], buf, sizeof(buf))) > 0)
		out += n;
	EXPECT_EQ(out, in);
	struct pollfd p[2] = { { fd[0], POLLIN, 0 }, { fd[1], POLLOUT, 0 } };

	n = poll(p, 2, 1000);
	EXPECT(n == 1 || (n < 0 && errno == ENOMEM));
	close(fd[0]);
	close(fd[1]);
}
TEST_LIMIT(pipes_fail_at_each_place, 60)
{
	storm(op_pipe, 4);
}

/* A reader that waits is woken, although its writer fails meanwhile. */
static void op_pipe_pair(void)
{
	int fd[2];
	char c;

	if (pipe(fd))
		return;
	pid_t pid = fork();

	if (pid == 0) {
		close(fd[1]);
		_exit(read(fd[0], &c, 1) < 0);
	}
	close(fd[0]);
	if (pid > 0) {
		if (write(fd[1], "x", 1) != 1)
			EXPECT_EQ(errno, ENOMEM);
		close(fd[1]);
		EXPECT_EXIT(pid, 0);
	} else {
		close(fd[1]);
	}
}
TEST_LIMIT(pipe_readers_are_woken, 60)
{
	storm(op_pipe_pair, 4);
}

static void op_files(void)
{
	static char buf[5 * PAGE];
	struct flock lock = { .l_type = F_WRLCK, .l_len = 1 };
	char name[96], other[96];

	snprintf(name, sizeof(name), "%s/a", dir);
	snprintf(other, sizeof(other), "%s/b", dir);
	memset(buf, 1, sizeof(buf)); /* the kernel must not be the one that brings it in: EFAULT */
	mkdir(dir, 0755);
	int fd = open(name, O_CREAT | O_RDWR, 0644);

	if (fd >= 0) {
		ssize_t n = write(fd, buf, sizeof(buf));
		char *p = mmap(NULL, sizeof(buf), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (p != MAP_FAILED && n == sizeof(buf)) {
			memset(p, 1, sizeof(buf));
			EXPECT_EQ(pread(fd, buf, 1, PAGE), 1);
		}
		if (p != MAP_FAILED)
			munmap(p, sizeof(buf));
		fcntl(fd, F_SETLK, &lock);
		flock(fd, LOCK_EX);
		EXPECT_OK(ftruncate(fd, 0));
		close(fd);
	}
	link(name, other);
	unlink(other);
	symlink(name, other);
	unlink(other);
	mknod(other, S_IFIFO | 0600, 0);
	fd = open(other, O_RDWR | O_NONBLOCK);
	if (fd >= 0)
		close(fd);
	rename(name, other);
	DIR *d = opendir(dir);

	while (d && readdir(d))
		;
	if (d)
		closedir(d);
	unlink(other);
	unlink(name);
	rmdir(dir);
}

TEST_LIMIT(files_fail_at_each_place, 120)
{
	snprintf(dir, sizeof(dir), "/tmp/failnth-%d", getpid());
	storm(op_files, 5);
	/* Whatever failed, the name can still be removed. */
	char name[96];

	snprintf(name, sizeof(name), "%s/a", dir);
	unlink(name);
	snprintf(name, sizeof(name), "%s/b", dir);
	unlink(name);
	rmdir(dir);
	EXPECT_ERR(access(dir, F_OK), ENOENT);
}

static void op_mount(void)
{
	mkdir(dir, 0755);
	if (!mount("none", dir, "tmpfs", 0, "")) {
		int fd = open(dir, O_RDONLY | O_DIRECTORY);

		if (fd >= 0) {
			int file = openat(fd, "x", O_CREAT | O_RDWR, 0600);

			if (file >= 0)
				close(file);
			close(fd);
		}
		while (umount(dir) && errno == ENOMEM)
			;
	}
}

TEST_LIMIT(mounts_fail_at_each_place, 60)
{
	snprintf(dir, sizeof(dir), "/tmp/failnth-%d", getpid());
	storm(op_mount, 0);
	EXPECT_OK(rmdir(dir));
}

static void op_views(void)
{
	static const char *const names[] = { "/proc/self/maps",	   "/proc/self/smaps",
					     "/proc/self/stat",	   "/proc/self/status",
					     "/proc/self/cmdline", "/proc/meminfo",
					     "/proc/zoneinfo",	   "/proc/mounts",
					     "/proc/self/exe" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		read_text(names[i]);
	DIR *d = opendir("/proc/self/fd");

	while (d && readdir(d))
		;
	if (d)
		closedir(d);
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	if (fd >= 0)
		close(fd);
}
TEST_LIMIT(views_fail_at_each_place, 120)
{
	storm(op_views, 4);
}
