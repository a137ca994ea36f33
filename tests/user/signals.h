/*
 * signals.h - what the suites about signals share: a handler that notes who came, in which order and with what, and
 * questions about the masks.
 */
#ifndef TESTS_USER_SIGNALS_H
#define TESTS_USER_SIGNALS_H

#include "test.h"

static volatile int count, last, order[16], orders;
static unused siginfo_t last_info;

static unused void note(int sig)
{
	count++;
	last = sig;
	if (orders < 16)
		order[orders++] = sig;
}

static unused void note_info(int sig, siginfo_t *info, void *context unused)
{
	note(sig);
	last_info = *info;
}

static unused void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	ASSERT_OK(sigaction(sig, &sa, NULL));
}

static unused void handle_info(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO | flags };

	ASSERT_OK(sigaction(sig, &sa, NULL));
}

static unused sigset_t set_of(int a, int b)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, a);
	if (b)
		sigaddset(&s, b);
	return s;
}

static unused int is_blocked(int sig)
{
	sigset_t s;

	sigprocmask(SIG_BLOCK, NULL, &s);
	return sigismember(&s, sig);
}

static unused int is_pending(int sig)
{
	sigset_t s;

	sigpending(&s);
	return sigismember(&s, sig);
}

#endif
