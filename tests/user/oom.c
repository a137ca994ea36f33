/*
 * oom - what is left when memory runs out: the hog dies, the others live, and the memory comes back.
 *
 * Only for a small machine (tests/boot/test_oom.py starts one of 64 MiB); elsewhere every test is skipped, since the
 * largest process of a host is not ours to lose.
 */
#include "tests/user/test.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define SMALL_KB (160 * 1024)

static long meminfo(const char *name)
{
	char *text = read_text("/proc/meminfo"), *at = text ? strstr(text, name) : NULL;

	return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

static void only_on_a_small_machine(void)
{
	if (meminfo("MemTotal:") > SMALL_KB)
		skip("for a machine of 64 MiB");
}

/* Touches memory until it is killed. */
static void hog(void)
{
	const size_t len = 4UL << 30;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		_exit(77);
	for (size_t i = 0; i < len; i += PAGE)
		p[i] = 1;
	_exit(78);
}

static pid_t fork_hog(void)
{
	pid_t pid = test_fork();

	if (pid == 0)
		hog();
	return pid;
}

/* Memory is back, give or take what per-CPU lists and caches keep. The zombie's mm may take a moment. */
static void expect_free(long before)
{
	long free = 0;

	for (int i = 0; i < 50 && (free = meminfo("MemFree:")) < before - 1024; i++)
		usleep(20000);
	EXPECT_GE(free, before - 1024);
}

TEST(the_hog_dies_and_its_memory_comes_back)
{
	only_on_a_small_machine();
	long before = meminfo("MemFree:");

	for (int i = 0; i < 5; i++)
		EXPECT_KILLED(fork_hog(), SIGKILL);
	expect_free(before);
}

TEST(a_small_process_survives_a_hog)
{
	int p[2], q[2];
	char c;

	only_on_a_small_machine();
	ASSERT_OK(pipe(p));
	ASSERT_OK(pipe(q));
	pid_t small = test_fork();

	if (small == 0) {
		close(q[0]);
		/* It works all the time: faults, forks, allocates. */
		for (int i = 0; fcntl(p[0], F_SETFL, O_NONBLOCK), read(p[0], &c, 1) < 0; i++) {
			char *m = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (m == MAP_FAILED)
				_exit(1);
			memset(m, i, 16 * PAGE);
			munmap(m, 16 * PAGE);
			pid_t pid = fork();

			if (pid == 0)
				_exit(0);
			if (pid > 0)
				waitpid(pid, NULL, 0);
		}
		_exit(write(q[1], "k", 1) != 1);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_KILLED(fork_hog(), SIGKILL);
	ASSERT_EQ(write(p[1], "x", 1), 1);
	EXPECT_EQ(read(q[0], &c, 1), 1);
	EXPECT_EXIT(small, 0);
}

TEST(many_hogs_at_once)
{
	pid_t pid[6];

	only_on_a_small_machine();
	long before = meminfo("MemFree:");

	for (int i = 0; i < 6; i++)
		pid[i] = fork_hog();
	for (int i = 0; i < 6; i++)
		EXPECT_KILLED(pid[i], SIGKILL);
	expect_free(before);
}

static void *hog_thread(void *arg unused)
{
	hog();
	return NULL;
}

TEST(a_hog_of_four_threads)
{
	only_on_a_small_machine();
	long before = meminfo("MemFree:");
	pid_t pid = test_fork();

	if (pid == 0) {
		pthread_t t;

		for (int i = 0; i < 3; i++)
			pthread_create(&t, NULL, hog_thread, NULL);
		hog();
	}
	EXPECT_KILLED(pid, SIGKILL);
	expect_free(before);
}

/* oom_score_adj turns the choice round: the larger one is spared. */
TEST(oom_score_adj_is_heard)
{
	int go[2], done[2];
	char c;

	only_on_a_small_machine();
	ASSERT_OK(pipe(go));
	ASSERT_OK(pipe(done));
	pid_t keep = test_fork();

	if (keep == 0) {
		const size_t len = 20UL << 20;
		char *p =
			mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int fd = open("/proc/self/oom_score_adj", O_WRONLY);

		if (write(fd, "-1000", 5) != 5)
			_exit(1);
		memset(p, 1, len);
		if (write(done[1], "x", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(2);
		for (size_t i = 0; i < len; i += PAGE)
			if (p[i] != 1)
				_exit(3);
		_exit(0);
	}
	ASSERT_EQ(read(done[0], &c, 1), 1);
	/* It cannot get as large as the other one. */
	EXPECT_KILLED(fork_hog(), SIGKILL);
	ASSERT_EQ(write(go[1], "x", 1), 1);
	EXPECT_EXIT(keep, 0);
}

/* Shared memory and files count as well; the file system's own limit comes first. */
TEST(a_file_system_in_memory_says_enospc)
{
	static char block[65536];
	ssize_t n;

	only_on_a_small_machine();
	long before = meminfo("MemFree:");

	test_dir();
	memset(block, 1, sizeof(block));
	int fd = open("file", O_CREAT | O_WRONLY, 0644);

	ASSERT_OK(fd);
	while ((n = write(fd, block, sizeof(block))) > 0)
		;
	EXPECT_EQ(n, -1);
	EXPECT_EQ(errno, ENOSPC);
	EXPECT_KILLED(fork_hog(), SIGKILL);
	EXPECT_OK(unlink("file"));
	close(fd);
	expect_free(before);
}

/* Calls that need kernel memory: an errno or success, and all of it comes back. */
TEST(forks_and_maps_without_memory_fail_softly)
{
	only_on_a_small_machine();
	long before = meminfo("MemFree:");
	pid_t eater = test_fork();

	if (eater == 0) {
		/* Many small areas and page tables instead of pages. */
		for (unsigned long i = 0; i < 60000; i++) {
			char *p = mmap((void *)(0x100000000000UL + (i << 30)), PAGE,
				       PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

			if (p == MAP_FAILED)
				_exit(errno == ENOMEM ? 0 : 1);
			*p = 1;
		}
		for (int i = 0; i < 10; i++)
			if (fork() < 0 && errno != ENOMEM && errno != EAGAIN)
				_exit(2);
		_exit(0);
	}
	int status = test_wait(eater);

	EXPECT((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
	       (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	expect_free(before);
}
