/*
 * threadends.c - threads and their process: fork, exec, exit, faults and kills with other threads alive, one by one
 * and all at the same moment.
 *
 * What is proven is who is left: one thread after fork and exec, none after exit, and one status that the parent
 * gets once. Builds with musl and with glibc.
 */
#include "threads.h"
#include <sys/syscall.h>

/* ---- threads and processes ---- */

TEST(fork_copies_only_the_calling_thread)
{
	start_all(spin);
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(count_tasks(), 1);
		EXPECT_EQ(syscall(SYS_gettid), getpid());
		long before = spins[0];

		usleep(50000);
		EXPECT_EQ(spins[0], before);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	stop = 1;
	join_all();
}

static void *fork_too(void *arg)
{
	long me = (long)arg;

	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(me);
		int status = 0;

		if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != me)
			test_fail();
	}
	return NULL;
}

TEST(eight_threads_fork_and_wait_for_their_own_child)
{
	start_all(fork_too);
	join_all();
}

static void *exit_with_seven(void *arg unused)
{
	usleep(10000);
	exit(7);
}

TEST(exit_in_one_thread_ends_them_all)
{
	pid_t pid = test_fork();

	if (!pid) {
		start_all(sleep_long);
		pthread_t t;

		pthread_create(&t, NULL, exit_with_seven, NULL);
		for (;;)
			sleep(100);
	}
	EXPECT_EXIT(pid, 7);
}

static void *fault_now(void *arg unused)
{
	static volatile char *volatile nowhere = (char *)16;

	*nowhere = 1;
	return NULL;
}

TEST(a_fault_in_one_thread_ends_them_all)
{
	pid_t pid = test_fork();

	if (!pid) {
		start_all(sleep_long);
		pthread_t t;

		pthread_create(&t, NULL, fault_now, NULL);
		for (;;)
			sleep(100);
	}
	EXPECT_KILLED(pid, SIGSEGV);
}

TEST(pthread_exit_of_the_first_thread_leaves_the_others)
{
	pid_t pid = test_fork();

	if (!pid) {
		pthread_t t;

		pthread_create(&t, NULL, exit_with_seven, NULL);
		pthread_exit(NULL);
	}
	EXPECT_EXIT(pid, 7);
}

HELPER(single_again)
{
	return count_tasks() == 1 && getpid() == (pid_t)syscall(SYS_gettid) &&
			       getpid() == atoi(argv[3])
		       ? 33
		       : 1;
}

static void *exec_from_thread(void *arg unused)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	exec_helper("single_again", pid);
	_exit(2);
}

TEST(exec_in_a_thread_leaves_one_thread_with_the_process_id)
{
	pid_t pid = test_fork();

	if (!pid) {
		start_all(sleep_long);
		pthread_t t;

		pthread_create(&t, NULL, exec_from_thread, NULL);
		for (;;)
			sleep(100);
	}
	EXPECT_EXIT(pid, 33);
}

TEST(exec_with_threads_running_ends_them)
{
	pid_t pid = test_fork();

	if (!pid) {
		start_all(spin);
		exec_from_thread(NULL);
	}
	EXPECT_EXIT(pid, 33);
}

/* ---- all ways of ending at once ---- */

static pthread_barrier_t together;

HELPER(ends_at_once)
{
	return 33;
}

static void *empty(void *arg)
{
	return arg;
}

/* What one thread of a doomed process does; which one wins is open. */
static void *ending(void *arg)
{
	pthread_t t;

	pthread_barrier_wait(&together);
	switch ((long)arg) {
	case 0:
		exec_helper("ends_at_once", "");
		break;
	case 1:
		for (int i = 0; i < 50; i++)
			if (!pthread_create(&t, NULL, empty, NULL))
				pthread_join(t, NULL);
		break;
	case 2:
		_exit(34);
	case 3:
		kill(getpid(), SIGUSR1);
		break;
	case 4:
		if (!vfork())
			_exit(0);
		break;
	case 5:
		if (!fork())
			_exit(0);
		wait(NULL);
		break;
	case 6:
		exec_helper("ends_at_once", "");
		break;
	}
	return NULL;
}

static void __attribute__((noreturn)) end_in_many_ways(unsigned int which)
{
	pthread_t t;

	pthread_barrier_init(&together, NULL, __builtin_popcount(which & 127));
	for (long i = 0; i < 7; i++)
		if (which >> i & 1)
			pthread_create(&t, NULL, ending, (void *)i);
	/* The first thread ends before the others or waits to be ended. */
	if (which & 128)
		pthread_exit(NULL);
	for (;;)
		pause();
}

TEST_LIMIT(exec_exit_fork_and_kill_race_to_one_clean_end, 60)
{
	for (int round = 0; round < 150; round++) {
		/* At least one of exec, exit_group and a signal, so that it ends by itself. */
		unsigned int which = rnd() & 255;
		int status;

		if (!(which & (1 | 4 | 8 | 64)))
			which |= 4;
		pid_t pid = test_fork();

		if (!pid)
			end_in_many_ways(which);
		for (unsigned int i = rnd_below(4); i; i--) {
			kill(pid, SIGSTOP);
			kill(pid, SIGCONT);
		}
		if (rnd_below(4) == 0)
			kill(pid, SIGKILL);
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status))
			EXPECT(WEXITSTATUS(status) == 33 || WEXITSTATUS(status) == 34);
		else
			EXPECT(WTERMSIG(status) == SIGUSR1 || WTERMSIG(status) == SIGKILL);
		ASSERT_ERR(waitpid(pid, &status, WNOHANG), ECHILD);
	}
}
