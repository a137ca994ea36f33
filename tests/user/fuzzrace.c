/*
 * fuzzrace.c - threads that race for one address space and one table of files, and exec while the others are at it.
 *
 * Every step is legal for somebody; which thread wins is open. The kernel must end them all at SIGKILL and get the
 * memory back. FUZZ_SECONDS=N runs longer.
 */
#include "fuzz.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>

static __thread sigjmp_buf back;
static __thread volatile int armed;

static void on_fault(int sig unused)
{
	if (armed)
		siglongjmp(back, 1);
	_exit(9);
}

static void touch(volatile char *p, int write_it)
{
	armed = 1;
	if (!sigsetjmp(back, 1)) {
		if (write_it)
			*p = 1;
		else
			(void)*p;
	}
	armed = 0;
}

static void race_step(uint64_t *r)
{
	char *at = ARENA + below(r, ARENA_PAGES) * PAGE;
	size_t len = (1 + below(r, 8)) * PAGE;
	char *to = ARENA + below(r, ARENA_PAGES) * PAGE;
	char buffer[100];
	int status;
	pid_t pid;

	switch (below(r, 16)) {
	case 0:
		mmap(at, len, PROT_READ | PROT_WRITE,
		     MAP_FIXED | MAP_ANONYMOUS | (below(r, 2) ? MAP_PRIVATE : MAP_SHARED), -1, 0);
		break;
	case 1:
		mmap(at, len, PROT_READ | PROT_WRITE,
		     MAP_FIXED | (below(r, 2) ? MAP_PRIVATE : MAP_SHARED), 3, 0);
		break;
	case 2:
		munmap(at, len);
		break;
	case 3:
		mremap(at, len, (1 + below(r, 8)) * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		break;
	case 4:
		mremap(at, len, (1 + below(r, 8)) * PAGE, below(r, 2));
		break;
	case 5:
		mprotect(at, len, below(r, 4));
		break;
	case 6:
		madvise(at, len, MADV_DONTNEED);
		break;
	case 7:
		ftruncate(3, below(r, 20) * 1000);
		break;
	case 8:
		pid = may_fork && !below(r, 4) ? fork() : -1;
		if (pid == 0) {
			touch(at, 1);
			if (below(r, 2))
				munmap(ARENA, ARENA_PAGES * PAGE);
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, &status, 0);
		break;
	case 9:
		pread(3, at, len, below(r, 20000));
		break;
	case 10:
		pwrite(3, at, len, below(r, 20000));
		break;
	case 11: /* the table of files */
		dup2(below(r, 2) ? 3 : 4, 10 + below(r, 20));
		close(10 + below(r, 20));
		break;
	case 12:
		if (read(10 + below(r, 20), buffer, sizeof(buffer)) < 0)
			break;
		break;
	case 13:
		msync(at, len, MS_SYNC);
		mincore(at, PAGE, (unsigned char *)buffer);
		break;
	default:
		touch(at + below(r, PAGE), below(r, 2));
	}
}

static long race_end;

static void *racer(void *arg)
{
	uint64_t r = (uint64_t)(uintptr_t)arg;

	while (now_ms() < race_end)
		for (int i = 0; i < 20; i++)
			race_step(&r);
	return NULL;
}

static void __attribute__((noreturn)) race(const char *dir, uint64_t seed, long ms)
{
	pthread_t t[3];

	if (become_worker(dir))
		_exit(2);
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	for (int i = 3; i < 64; i++)
		close(i);
	if (open("file", O_RDWR) != 3 || open("hole", O_RDWR) != 4)
		_exit(3);
	race_end = now_ms() + ms;
	for (int i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, racer, (void *)(seed * (i + 3) | 1)))
			_exit(5);
	racer((void *)(seed | 1));
	/* exec with the other threads still at it. */
	char *argv[] = { test_self, "--helper", "exit_zero", NULL };

	if (seed & 2)
		execv(test_self, argv);
	_exit(0);
}

HELPER(exit_zero)
{
	return 0;
}

TEST_LIMIT(threads_race_for_one_address_space, 4000)
{
	char dir[200];
	long ms = run_ms(1500), before = 0, rounds = 0;

	start();
	snprintf(dir, sizeof(dir), "%s/play", test_dir());
	ASSERT_OK(mkdir(dir, 0777));
	chmod(".", 0777);
	ASSERT_OK(chdir(dir));
	make_playground(dir);
	for (long end = now_ms() + ms; now_ms() < end || rounds < 2; rounds++) {
		pid_t pid = test_fork();

		if (pid == 0)
			race(dir, rnd() + rounds * 4 + rounds, 300);
		int status = test_wait(pid);

		rnd();
		EXPECT(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM);
		if (reap_all())
			check_failed(__FILE__, __LINE__, "a racer survives SIGKILL");
		ASSERT_OK(truncate("file", 32));
		if (!rounds)
			before = free_kib();
	}
	usleep(50000);
	long lost = before - free_kib();

	say("# %ld rounds, %ld KiB less free memory\n", rounds, lost);
	if (on_quire())
		EXPECT_LT(lost, 1024);
}
