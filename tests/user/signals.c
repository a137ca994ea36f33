/*
 * signals.c - delivery: dispositions, masks, the alternate stack, what fork and exec keep.
 *
 * Each test ends in an effect (who ran, in which order, on which stack, with which mask), never only in a return
 * value. Calls that signals interrupt or that wait for them, and signals between processes: sigwait.c.
 */
#include "signals.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

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
