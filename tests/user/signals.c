/*
 * signals.c - delivery, masks, waiting, restarting, stopping, timers.
 *
 * Each test ends in an effect (who ran, in which order, on which stack, with which mask, what the
 * interrupted call returned), never only in a return value.  Nothing sleeps to "let it happen"
 * where a pipe or a wait can tell.
 */
#include "test.h"
#include <poll.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

static volatile int count, last, order[16], orders;
static siginfo_t last_info;

static void note(int sig)
{
	count++;
	last = sig;
	if (orders < 16)
		order[orders++] = sig;
}

static void note_info(int sig, siginfo_t *info, void *context unused)
{
	note(sig);
	last_info = *info;
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	ASSERT_OK(sigaction(sig, &sa, NULL));
}

static void handle_info(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO | flags };

	ASSERT_OK(sigaction(sig, &sa, NULL));
}

static sigset_t set_of(int a, int b)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, a);
	if (b)
		sigaddset(&s, b);
	return s;
}

static int is_blocked(int sig)
{
	sigset_t s;

	sigprocmask(SIG_BLOCK, NULL, &s);
	return sigismember(&s, sig);
}

static int is_pending(int sig)
{
	sigset_t s;

	sigpending(&s);
	return sigismember(&s, sig);
}

/* ---- dispositions ---- */

TEST(the_default_action_of_each_signal)
{
	static const int deadly[] = { SIGHUP,	 SIGINT,  SIGQUIT, SIGILL,    SIGTRAP, SIGABRT,
				      SIGBUS,	 SIGFPE,  SIGKILL, SIGUSR1,   SIGSEGV, SIGUSR2,
				      SIGPIPE,	 SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ,
				      SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,    SIGSYS,  34,
				      40,	 64 };
	static const int harmless[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };

	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
		pid_t pid = test_fork();

		if (!pid) {
			syscall(SYS_kill, getpid(), deadly[i]);
			_exit(0);
		}
		EXPECT_KILLED(pid, deadly[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		pid_t pid = test_fork();

		if (!pid) {
			kill(getpid(), harmless[i]);
			_exit(3);
		}
		EXPECT_EXIT(pid, 3);
	}
}

TEST(a_handler_runs_before_kill_returns)
{
	handle(SIGUSR1, note, 0);
	for (int i = 1; i <= 100; i++) {
		ASSERT_OK(kill(getpid(), SIGUSR1));
		EXPECT_EQ(count, i);
	}
}

TEST(kill_and_stop_cannot_be_handled)
{
	struct sigaction sa = { .sa_handler = note };

	EXPECT_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	EXPECT_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigaction, 65, &sa, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigaction, 0, &sa, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8), EFAULT);
}

TEST(sigaction_returns_the_old_action)
{
	struct sigaction old;

	ASSERT_OK(sigaction(SIGUSR1, NULL, &old));
	EXPECT_EQ(old.sa_handler, SIG_DFL);
	handle(SIGUSR1, note, SA_RESTART | SA_NODEFER);
	ASSERT_OK(sigaction(SIGUSR1, NULL, &old));
	EXPECT_EQ(old.sa_handler, note);
	EXPECT_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER), SA_RESTART | SA_NODEFER);
}

TEST(siginfo_names_the_sender)
{
	handle_info(SIGUSR1, 0);
	pid_t pid = test_fork();

	if (!pid) {
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	test_wait(pid);
	EXPECT_EQ(last_info.si_signo, SIGUSR1);
	EXPECT_EQ(last_info.si_code, SI_USER);
	EXPECT_EQ(last_info.si_pid, pid);
	EXPECT_EQ(last_info.si_uid, getuid());
	ASSERT_OK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
	EXPECT_EQ(last_info.si_code, SI_TKILL);
	EXPECT_EQ(last_info.si_pid, getpid());
}

TEST(resethand_works_once)
{
	pid_t pid = test_fork();

	if (!pid) {
		handle(SIGUSR1, note, SA_RESETHAND);
		kill(getpid(), SIGUSR1);
		EXPECT_EQ(count, 1);
		kill(getpid(), SIGUSR1);
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGUSR1);
}

/* ---- masks ---- */

TEST(a_blocked_signal_waits_and_comes_once)
{
	sigset_t s = set_of(SIGUSR1, 0);

	handle(SIGUSR1, note, 0);
	sigprocmask(SIG_BLOCK, &s, NULL);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(count, 0);
	EXPECT(is_pending(SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	EXPECT_EQ(count, 1);
	EXPECT(!is_pending(SIGUSR1));
}

TEST(real_time_signals_queue_in_order)
{
	sigset_t s = set_of(40, 41);

	handle(40, note, 0);
	handle(41, note, 0);
	sigprocmask(SIG_BLOCK, &s, NULL);
	kill(getpid(), 41);
	kill(getpid(), 40);
	kill(getpid(), 40);
	kill(getpid(), 40);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	EXPECT_EQ(count, 4);
}

TEST(kill_and_stop_cannot_be_blocked)
{
	sigset_t all;

	sigfillset(&all);
	ASSERT_OK(sigprocmask(SIG_SETMASK, &all, NULL));
	EXPECT(!is_blocked(SIGKILL));
	EXPECT(!is_blocked(SIGSTOP));
	EXPECT(is_blocked(SIGTERM));
	EXPECT_ERR(syscall(SYS_rt_sigprocmask, 77, &all, NULL, 8), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 9), EINVAL);
	EXPECT_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)8, NULL, 8), EFAULT);
}

TEST(an_ignored_signal_is_dropped_even_when_blocked)
{
	sigset_t s = set_of(SIGUSR1, 0);

	signal(SIGUSR1, SIG_IGN);
	kill(getpid(), SIGUSR1);
	sigprocmask(SIG_BLOCK, &s, NULL);
	handle(SIGUSR1, note, 0);
	kill(getpid(), SIGUSR1);
	EXPECT(is_pending(SIGUSR1));
	signal(SIGUSR1, SIG_IGN); /* drops what is pending */
	EXPECT(!is_pending(SIGUSR1));
	handle(SIGUSR1, note, 0);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	EXPECT_EQ(count, 0);
}

static volatile int depth, deepest, seen_mask;

static void recurse(int sig)
{
	if (++depth > deepest)
		deepest = depth;
	seen_mask = is_blocked(SIGUSR1) | is_blocked(SIGUSR2) << 1;
	if (count++ < 4)
		kill(getpid(), sig);
	depth--;
}

TEST(a_signal_is_blocked_in_its_own_handler)
{
	handle(SIGUSR1, recurse, 0);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(count, 5);
	EXPECT_EQ(deepest, 1);
	EXPECT_EQ(seen_mask, 1);
	EXPECT(!is_blocked(SIGUSR1));
}

TEST(nodefer_lets_it_nest)
{
	handle(SIGUSR1, recurse, SA_NODEFER);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(count, 5);
	EXPECT_EQ(deepest, 5);
	EXPECT_EQ(seen_mask, 0);
}

TEST(sa_mask_holds_for_the_handler_only)
{
	struct sigaction sa = { .sa_handler = recurse };

	sa.sa_mask = set_of(SIGUSR2, 0);
	ASSERT_OK(sigaction(SIGUSR1, &sa, NULL));
	count = 10;
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(seen_mask, 3);
	EXPECT(!is_blocked(SIGUSR1));
	EXPECT(!is_blocked(SIGUSR2));
}

static void send_two(int sig)
{
	note(sig);
	if (sig == SIGUSR1) {
		kill(getpid(), SIGUSR2);
		note(100);
	}
}

TEST(handlers_of_different_signals_nest)
{
	handle(SIGUSR1, send_two, 0);
	handle(SIGUSR2, send_two, 0);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(orders, 3);
	EXPECT_EQ(order[0], SIGUSR1);
	EXPECT_EQ(order[1], SIGUSR2);
	EXPECT_EQ(order[2], 100);
}

static void change_return_mask(int sig unused, siginfo_t *info unused, void *context)
{
	ucontext_t *uc = context;

	sigaddset(&uc->uc_sigmask, SIGUSR2);
}

TEST(the_mask_in_the_context_is_restored_on_return)
{
	struct sigaction sa = { .sa_sigaction = change_return_mask, .sa_flags = SA_SIGINFO };

	ASSERT_OK(sigaction(SIGUSR1, &sa, NULL));
	kill(getpid(), SIGUSR1);
	EXPECT(is_blocked(SIGUSR2));
	EXPECT(!is_blocked(SIGUSR1));
}

static sigjmp_buf out;

static void jump_out(int sig unused)
{
	siglongjmp(out, 1);
}

TEST(a_handler_may_leave_by_siglongjmp)
{
	handle(SIGUSR1, jump_out, 0);
	for (volatile int i = 0; i < 50; i++) {
		if (!sigsetjmp(out, 1)) {
			kill(getpid(), SIGUSR1);
			test_fail();
		}
		EXPECT(!is_blocked(SIGUSR1));
	}
}

/* ---- the alternate stack ---- */

static char alt[32768];
static volatile uintptr_t handler_sp;
static stack_t during;

static void where(int sig unused)
{
	int here;

	handler_sp = (uintptr_t)&here;
	sigaltstack(NULL, &during);
}

TEST(onstack_handlers_run_on_the_alternate_stack)
{
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) }, old;

	ASSERT_OK(sigaltstack(&ss, NULL));
	handle(SIGUSR1, where, SA_ONSTACK);
	handle(SIGUSR2, where, 0);
	kill(getpid(), SIGUSR1);
	EXPECT(handler_sp > (uintptr_t)alt && handler_sp < (uintptr_t)alt + sizeof(alt));
	EXPECT_EQ(during.ss_flags & SS_ONSTACK, SS_ONSTACK);
	kill(getpid(), SIGUSR2);
	EXPECT(handler_sp < (uintptr_t)alt || handler_sp > (uintptr_t)alt + sizeof(alt));
	ASSERT_OK(sigaltstack(NULL, &old));
	EXPECT_EQ(old.ss_sp, alt);
	EXPECT_EQ(old.ss_size, sizeof(alt));
	EXPECT_EQ(old.ss_flags, 0);
	ss.ss_flags = SS_DISABLE;
	ASSERT_OK(sigaltstack(&ss, NULL));
	kill(getpid(), SIGUSR1);
	EXPECT(handler_sp < (uintptr_t)alt || handler_sp > (uintptr_t)alt + sizeof(alt));
}

TEST(sigaltstack_errors)
{
	stack_t ss = { .ss_sp = alt, .ss_size = 100 };

	EXPECT_ERR(syscall(SYS_sigaltstack, &ss, NULL), ENOMEM);
	ss.ss_size = sizeof(alt);
	ss.ss_flags = 0x40;
	EXPECT_ERR(syscall(SYS_sigaltstack, &ss, NULL), EINVAL);
	EXPECT_ERR(syscall(SYS_sigaltstack, (void *)8, NULL), EFAULT);
}

static void try_change(int sig unused)
{
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };

	count = sigaltstack(&ss, NULL) ? errno : 0;
}

TEST(the_alternate_stack_cannot_change_while_in_use)
{
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };

	ASSERT_OK(sigaltstack(&ss, NULL));
	handle(SIGUSR1, try_change, SA_ONSTACK);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(count, EPERM);
}

/* ---- interrupted calls ---- */

static pid_t signal_later(pid_t target, int sig)
{
	pid_t pid = test_fork();

	if (!pid) {
		for (int i = 0; i < 3; i++) {
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
	pid_t pid = signal_later(getpid(), SIGUSR1);

	EXPECT_ERR(read(fd[0], &c, 1), EINTR);
	EXPECT_GE(count, 1);
	test_wait(pid);
}

TEST(a_read_with_sa_restart_goes_on)
{
	int fd[2];
	char c = 0;

	ASSERT_OK(pipe(fd));
	handle(SIGUSR1, note, SA_RESTART);
	pid_t target = getpid(), pid = test_fork();

	if (!pid) {
		for (int i = 0; i < 3; i++) {
			usleep(30000);
			kill(target, SIGUSR1);
		}
		usleep(30000);
		ASSERT_EQ(write(fd[1], "r", 1), 1);
		_exit(0);
	}
	EXPECT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_EQ(c, 'r');
	EXPECT_EQ(count, 3);
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
	pid_t pid = signal_later(getpid(), SIGUSR1);

	EXPECT_ERR(nanosleep(&t, &left), EINTR);
	EXPECT(left.tv_sec == 4 && left.tv_nsec > 0);
	EXPECT_ERR(poll(&p, 1, 5000), EINTR);
	EXPECT_ERR(pause(), EINTR);
	EXPECT_EQ(count, 3);
	test_wait(pid);
}

TEST(an_ignored_signal_interrupts_nothing)
{
	struct timespec t = { 0, 250000000 };

	signal(SIGUSR1, SIG_IGN);
	pid_t pid = signal_later(getpid(), SIGUSR1);

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

/* ---- inheritance ---- */

HELPER(report_signals)
{
	struct sigaction usr1, usr2;

	sigaction(SIGUSR1, NULL, &usr1);
	sigaction(SIGUSR2, NULL, &usr2);
	return (usr1.sa_handler == SIG_DFL) | (usr2.sa_handler == SIG_IGN) << 1 |
	       is_blocked(SIGTERM) << 2 | is_pending(SIGTERM) << 3;
}

TEST(fork_keeps_handlers_and_mask_but_not_pending)
{
	sigset_t s = set_of(SIGUSR1, 0);

	handle(SIGUSR1, note, 0);
	sigprocmask(SIG_BLOCK, &s, NULL);
	kill(getpid(), SIGUSR1);
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT(!is_pending(SIGUSR1));
		EXPECT(is_blocked(SIGUSR1));
		sigprocmask(SIG_UNBLOCK, &s, NULL);
		kill(getpid(), SIGUSR1);
		EXPECT_EQ(count, 1);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT(is_pending(SIGUSR1));
}

TEST(exec_resets_handlers_and_keeps_ignores_mask_and_pending)
{
	pid_t pid = test_fork();

	if (!pid) {
		sigset_t s = set_of(SIGTERM, 0);

		handle(SIGUSR1, note, 0);
		signal(SIGUSR2, SIG_IGN);
		sigprocmask(SIG_BLOCK, &s, NULL);
		kill(getpid(), SIGTERM);
		exec_helper("report_signals", NULL);
		_exit(100);
	}
	EXPECT_EXIT(pid, 15);
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

/* ---- many at once ---- */

TEST_LIMIT(ten_thousand_signals_from_four_children_all_arrive_or_merge, 60)
{
	pid_t pids[4];

	handle(SIGUSR1, note, SA_RESTART);
	handle(SIGUSR2, note, SA_RESTART);
	for (int i = 0; i < 4; i++) {
		pids[i] = test_fork();
		if (!pids[i]) {
			for (int n = 0; n < 2500; n++)
				if (kill(getppid(), i & 1 ? SIGUSR1 : SIGUSR2))
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EXIT(pids[i], 0);
	EXPECT_GE(count, 1);
	EXPECT_LE(count, 10000);
	EXPECT(!is_blocked(SIGUSR1));
}

/* ---- what the kernel's edges must not let through ---- */

static volatile int rung;

static void ring(int sig unused)
{
	rung = 1;
}

TEST(register_that_looks_like_an_interrupted_call_is_left_alone)
{
	/* -512 .. -516: what the kernel itself uses for "begin this call again". */
	for (long code = -516; code <= -512; code++) {
		struct itimerval soon = { .it_value = { 0, 30000 } };
		long out;

		rung = 0;
		handle(SIGALRM, ring, SA_RESTART);
		ASSERT_OK(setitimer(ITIMER_REAL, &soon, NULL));
		/* No call is being made: the signal comes with an interrupt. */
		__asm__ volatile("1: nop\n\tnop\n\tnop\n\t"
				 "cmpl $0, %1\n\t"
				 "je 1b"
				 : "=a"(out)
				 : "m"(rung), "0"(code)
				 : "memory", "cc");
		EXPECT_EQ(out, code);
	}
}

TEST(restart_syscall_after_a_handler_restarts_nothing)
{
	struct itimerval soon = { .it_value = { 0, 20000 } };
	struct timespec ts = { 10, 0 };

	handle(SIGALRM, note, 0);
	ASSERT_OK(setitimer(ITIMER_REAL, &soon, NULL));
	EXPECT_ERR(nanosleep(&ts, NULL), EINTR);
	EXPECT_EQ(count, 1);
	EXPECT_ERR(syscall(SYS_restart_syscall), EINTR);
}

TEST(exit_signal_of_clone_that_does_not_exist_is_not_sent)
{
	int status;

	for (int sig = 65; sig < 256; sig++) {
		long pid = syscall(SYS_clone, (long)sig, 0L, NULL, NULL, 0L);

		ASSERT_OK(pid);
		if (!pid)
			_exit(7);
		ASSERT_EQ(waitpid(pid, &status, __WALL), pid);
		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
}
