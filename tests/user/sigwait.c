/*
 * sigwait.c - signals and what waits: interrupted and restarted calls, waiting for signals, children, stop and
 * continue, whom kill reaches, timers.
 *
 * Each test ends in an effect (what the interrupted call returned, who was reached, what wait told), never only
 * in a return value. Nothing sleeps to "let it happen" where a pipe or a wait can tell.
 */
#include "signals.h"
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

/* ---- interrupted calls ---- */

/* Some signals, one after the other: on a busy machine one may come between two calls that wait. */
static pid_t signal_later(pid_t target, int sig, int times)
{
	pid_t pid = test_fork();

	if (!pid) {
		for (int i = 0; i < times; i++) {
			usleep(60000);
			kill(target, sig);
		}
		_exit(0);
	}
	return pid;
}

TEST(a_read_without_sa_restart_returns_eintr)
{
	int fd[2];
	char c;

	ASSERT_OK(pipe(fd));
	handle(SIGUSR1, note, 0);
	pid_t pid = signal_later(getpid(), SIGUSR1, 3);

	EXPECT_ERR(read(fd[0], &c, 1), EINTR);
	EXPECT_GE(count, 1);
	test_wait(pid);
}

static volatile int *noted; /* seen by the child too */

static void note_for_both(int sig)
{
	++*noted;
}

TEST(a_read_with_sa_restart_goes_on)
{
	int fd[2];
	char c = 0;

	ASSERT_OK(pipe(fd));
	noted = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE((void *)noted, MAP_FAILED);
	handle(SIGUSR1, note_for_both, SA_RESTART);
	pid_t target = getpid(), pid = test_fork();

	if (!pid) {
		for (int i = 0; i < 3; i++) {
			usleep(30000);
			kill(target, SIGUSR1);
			/* Two of them pending would be one. */
			for (int waits = 0; *noted <= i && waits < 1000; waits++)
				usleep(10000);
		}
		usleep(30000);
		ASSERT_EQ(write(fd[1], "r", 1), 1);
		_exit(0);
	}
	EXPECT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_EQ(c, 'r');
	EXPECT_EQ(*noted, 3);
	test_wait(pid);
}

TEST(wait_restarts_too)
{
	handle(SIGUSR1, note, SA_RESTART);
	pid_t target = getpid(), pid = test_fork();
	int status;

	if (!pid) {
		usleep(30000);
		kill(target, SIGUSR1);
		usleep(30000);
		_exit(9);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), 9);
	EXPECT_EQ(count, 1);
}

TEST(sleeping_and_polling_never_restart)
{
	struct timespec t = { 5, 0 }, left = { 0, 0 };
	struct pollfd p = { .fd = -1 };

	handle(SIGUSR1, note, SA_RESTART);
	pid_t pid = signal_later(getpid(), SIGUSR1, 100);

	EXPECT_ERR(nanosleep(&t, &left), EINTR);
	EXPECT(left.tv_sec < 5 && (left.tv_sec > 0 || left.tv_nsec > 0));
	EXPECT_ERR(poll(&p, 1, 5000), EINTR);
	EXPECT_ERR(pause(), EINTR);
	EXPECT_GE(count, 3);
	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_OK(waitpid(pid, NULL, 0) - pid);
}

TEST(an_ignored_signal_interrupts_nothing)
{
	struct timespec t = { 0, 250000000 };

	signal(SIGUSR1, SIG_IGN);
	pid_t pid = signal_later(getpid(), SIGUSR1, 3);

	EXPECT_OK(nanosleep(&t, NULL));
	test_wait(pid);
}

TEST(a_stopped_and_continued_sleep_goes_on)
{
	pid_t pid = test_fork();
	int status;

	if (!pid) {
		struct timespec t = { 0, 200000000 };

		_exit(nanosleep(&t, NULL) ? 1 : 0);
	}
	usleep(50000);
	kill(pid, SIGSTOP);
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	EXPECT_EXIT(pid, 0);
}

/* ---- waiting for signals ---- */

TEST(sigsuspend_swaps_the_mask_for_the_wait)
{
	sigset_t block = set_of(SIGUSR1, SIGUSR2), wait = set_of(SIGUSR2, 0);

	handle(SIGUSR1, note, 0);
	handle(SIGUSR2, note, 0);
	sigprocmask(SIG_BLOCK, &block, NULL);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	EXPECT_EQ(count, 0);
	EXPECT_ERR(sigsuspend(&wait), EINTR);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(last, SIGUSR1);
	EXPECT(is_blocked(SIGUSR1));
	EXPECT(is_pending(SIGUSR2));
}

TEST(sigtimedwait_takes_a_pending_signal)
{
	sigset_t s = set_of(SIGUSR1, SIGUSR2);
	struct timespec t = { 0, 50000000 }, zero = { 0, 0 };
	siginfo_t info;

	handle(SIGUSR1, note, 0);
	sigprocmask(SIG_BLOCK, &s, NULL);
	EXPECT_ERR(sigtimedwait(&s, &info, &zero), EAGAIN);
	EXPECT_ERR(sigtimedwait(&s, &info, &t), EAGAIN);
	kill(getpid(), SIGUSR2);
	EXPECT_EQ(sigtimedwait(&s, &info, &t), SIGUSR2);
	EXPECT_EQ(info.si_signo, SIGUSR2);
	EXPECT_EQ(info.si_pid, getpid());
	EXPECT(!is_pending(SIGUSR2));
	pid_t pid = test_fork();

	if (!pid) {
		usleep(50000);
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	EXPECT_EQ(sigwaitinfo(&s, &info), SIGUSR1);
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(count, 0);
	test_wait(pid);
}

/* ---- children ---- */

TEST(sigchld_tells_how_the_child_ended)
{
	sigset_t s = set_of(SIGCHLD, 0);
	siginfo_t info;

	sigprocmask(SIG_BLOCK, &s, NULL);
	pid_t pid = test_fork();

	if (!pid)
		_exit(12);
	EXPECT_EQ(sigwaitinfo(&s, &info), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_EXITED);
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_status, 12);
	EXPECT_EXIT(pid, 12);
	pid = test_fork();
	if (!pid) {
		kill(getpid(), SIGTERM);
		_exit(0);
	}
	EXPECT_EQ(sigwaitinfo(&s, &info), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_KILLED);
	EXPECT_EQ(info.si_status, SIGTERM);
	EXPECT_KILLED(pid, SIGTERM);
}

TEST(sigchld_tells_about_stops_unless_nocldstop)
{
	sigset_t s = set_of(SIGCHLD, 0);
	struct timespec t = { 5, 0 }, shortly = { 0, 100000000 };
	siginfo_t info;

	handle(SIGCHLD, note, 0);
	sigprocmask(SIG_BLOCK, &s, NULL);
	pid_t pid = test_fork();

	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	EXPECT_EQ(sigtimedwait(&s, &info, &t), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_STOPPED);
	EXPECT_EQ(info.si_status, SIGSTOP);
	kill(pid, SIGCONT);
	EXPECT_EQ(sigtimedwait(&s, &info, &t), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_CONTINUED);
	handle(SIGCHLD, note, SA_NOCLDSTOP);
	kill(pid, SIGSTOP);
	EXPECT_ERR(sigtimedwait(&s, &info, &shortly), EAGAIN);
	kill(pid, SIGKILL);
	EXPECT_EQ(sigtimedwait(&s, &info, &t), SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_KILLED);
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(ignoring_sigchld_leaves_no_zombies)
{
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 5; i++)
		if (!test_fork())
			_exit(0);
	EXPECT_ERR(wait(NULL), ECHILD); /* waits for all of them, then finds none */
	handle(SIGCHLD, note, SA_NOCLDWAIT);
	if (!test_fork())
		_exit(0);
	/* wait ends with ECHILD, or first with EINTR from the handler */
	EXPECT_EQ(wait(NULL), -1);
	EXPECT(errno == ECHILD || errno == EINTR);
}

/* ---- stop and continue ---- */

TEST(stop_and_continue_are_seen_by_wait)
{
	int status, fd[2];
	char c;

	ASSERT_OK(pipe(fd));
	pid_t pid = test_fork();

	if (!pid) {
		/* A group with its parent outside it: not orphaned, whatever started this suite. */
		setpgid(0, 0);
		for (;;)
			if (write(fd[1], "t", 1) < 0 || usleep(1000))
				_exit(1);
	}
	ASSERT_EQ(read(fd[0], &c, 1), 1);
	static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };

	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		kill(pid, stops[i]);
		EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
		EXPECT(WIFSTOPPED(status));
		EXPECT_EQ(WSTOPSIG(status), stops[i]);
		EXPECT_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
		kill(pid, SIGCONT);
		EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
		EXPECT(WIFCONTINUED(status));
	}
	kill(pid, SIGSTOP);
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGTERM); /* waits until the process runs again */
	usleep(50000);
	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGCONT);
	EXPECT_KILLED(pid, SIGTERM);
}

TEST(a_stopped_process_makes_no_progress_and_dies_by_kill)
{
	volatile int *ticks =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid = test_fork();

	if (!pid)
		for (;;)
			++*ticks;
	while (!*ticks)
		usleep(1000);
	kill(pid, SIGSTOP);
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	int before = *ticks;

	usleep(100000);
	EXPECT_EQ(*ticks, before);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(stop_signals_of_an_orphaned_group_are_dropped)
{
	pid_t pid = test_fork();

	if (!pid) {
		setsid(); /* alone in its session: nobody could continue it */
		kill(getpid(), SIGTSTP);
		kill(getpid(), SIGTTIN);
		_exit(4);
	}
	EXPECT_EXIT(pid, 4);
}

/* ---- whom kill reaches ---- */

TEST(kill_reaches_a_whole_process_group)
{
	pid_t pids[4], group = 0;

	for (int i = 0; i < 4; i++) {
		pids[i] = test_fork();
		if (!pids[i])
			for (;;)
				pause();
		if (!group)
			group = pids[0];
		ASSERT_OK(setpgid(pids[i], group));
	}
	EXPECT_OK(kill(-group, 0));
	EXPECT_OK(kill(-group, SIGUSR2));
	for (int i = 0; i < 4; i++)
		EXPECT_KILLED(pids[i], SIGUSR2);
	EXPECT_ERR(kill(-group, 0), ESRCH);
}

TEST(kill_zero_reaches_my_own_group)
{
	pid_t pid = test_fork();

	if (!pid) {
		setpgid(0, 0);
		handle(SIGUSR1, note, 0);
		pid_t child = test_fork();

		if (!child)
			for (;;)
				pause();
		usleep(20000);
		signal(SIGUSR2, SIG_IGN);
		kill(0, SIGUSR2);
		EXPECT_KILLED(child, SIGUSR2);
		_exit(6);
	}
	EXPECT_EXIT(pid, 6);
}

TEST(kill_errors)
{
	EXPECT_ERR(kill(getpid(), 65), EINVAL);
	EXPECT_ERR(kill(getpid(), -1), EINVAL);
	EXPECT_OK(kill(getpid(), 0));
	EXPECT_ERR(kill(0x3ffffff, SIGTERM), ESRCH);
	EXPECT_ERR(syscall(SYS_tkill, 0, SIGTERM), EINVAL);
	EXPECT_ERR(syscall(SYS_tgkill, getpid(), 0x3ffffff, SIGTERM), ESRCH);
	EXPECT_ERR(syscall(SYS_tgkill, -1, 1, SIGTERM), EINVAL);
	pid_t pid = test_fork();

	if (!pid)
		_exit(0);
	usleep(50000);
	EXPECT_OK(kill(pid, SIGTERM)); /* a zombie can be signalled; nothing happens */
	EXPECT_EXIT(pid, 0);
	EXPECT_ERR(kill(pid, 0), ESRCH);
}

TEST(another_user_may_not_kill)
{
	if (getuid())
		skip("needs root");
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(setuid(65534));
		EXPECT_ERR(kill(getppid(), SIGUSR1), EPERM);
		EXPECT_ERR(kill(getppid(), 0), EPERM);
		EXPECT_OK(kill(getpid(), 0));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

/* ---- timers ---- */

TEST(alarm_comes_after_its_seconds_and_tells_the_rest)
{
	struct timespec a, b;

	handle(SIGALRM, note, 0);
	alarm(0);
	EXPECT_EQ(alarm(10), 0);
	EXPECT_EQ(alarm(1), 10);
	clock_gettime(CLOCK_MONOTONIC, &a);
	pause();
	clock_gettime(CLOCK_MONOTONIC, &b);
	EXPECT_EQ(last, SIGALRM);
	EXPECT_GE((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, 990);
	EXPECT_EQ(alarm(0), 0);
}

TEST(an_interval_timer_repeats_until_disarmed)
{
	struct itimerval it = { { 0, 20000 }, { 0, 20000 } }, old, now;

	handle(SIGALRM, note, SA_RESTART);
	alarm(0);
	ASSERT_OK(setitimer(ITIMER_REAL, &it, NULL));
	while (count < 5)
		usleep(5000);
	ASSERT_OK(getitimer(ITIMER_REAL, &now));
	EXPECT_EQ(now.it_interval.tv_usec, 20000);
	EXPECT_LE(now.it_value.tv_usec, 20000);
	memset(&it, 0, sizeof(it));
	ASSERT_OK(setitimer(ITIMER_REAL, &it, &old));
	EXPECT_EQ(old.it_interval.tv_usec, 20000);
	int before = count;

	usleep(80000);
	EXPECT_EQ(count, before);
	EXPECT_ERR(setitimer(77, &it, NULL), EINVAL);
	it.it_value.tv_usec = 1000000;
	EXPECT_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
}

TEST(a_handler_interrupts_a_busy_loop)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
	volatile long spins = 0;

	handle(SIGALRM, note, 0);
	ASSERT_OK(setitimer(ITIMER_REAL, &it, NULL));
	while (count < 10)
		spins++;
	EXPECT_GT(spins, 0);
}

TEST(timers_are_not_inherited_by_fork)
{
	struct itimerval now;

	alarm(15);
	pid_t pid = fork();

	if (!pid) {
		getitimer(ITIMER_REAL, &now);
		_exit(now.it_value.tv_sec || now.it_value.tv_usec);
	}
	EXPECT_EXIT(pid, 0);
}
